#!/usr/bin/env bats
# The worker as systemd and cron start it (contrib/systemd, contrib/cron): few variables, no terminal, their own ways to end it.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
}

# directive NAME FILE: what a unit says.
directive() {
    sed -n "s/^$1=//p" "$2"
}

# as_systemd UNIT: starts its command as a service: the manager's variables, no standard input, a session of its own. Its pid
# is in $worker.
as_systemd() {
    local words
    read -ra words <<<"$(directive ExecStart "$1")"
    env -i PATH="$TOP_BUILDDIR/cmd:/usr/local/bin:/usr/bin:/bin" LANG=C.UTF-8 USER="$(id -un)" LOGNAME="$(id -un)" \
        HOME="$HOME" SHELL=/bin/sh INVOCATION_ID=0123456789abcdef0123456789abcdef JOURNAL_STREAM=8:12345 \
        EXECDM_STATE="$EXECDM_STATE" EXECDM_DRIVER_PATH="$EXECDM_DRIVER_PATH" EXECDM_SCHEMA="$EXECDM_SCHEMA" \
        ${ASAN_OPTIONS+ASAN_OPTIONS="$ASAN_OPTIONS"} setsid "${words[@]}" </dev/null >journal 2>&1 3>&- &
    worker=$!
    echo "$worker" >worker.pid
}

@test "systemd: the units are sound" {
    require systemd-analyze
    mkdir units
    for unit in execdm-run.service execdm-run@.service; do
        sed "s#^ExecStart=execdm-run#ExecStart=$TOP_BUILDDIR/cmd/execdm-run#" "$TOP_SRCDIR/contrib/systemd/$unit" >"units/$unit"
    done
    SYSTEMD_UNIT_PATH=$PWD/units: systemd-analyze verify --man=no units/execdm-run.service \
        "units/execdm-run@$(id -un).service" >said 2>&1 || { cat said && false; }
    ! grep "units/execdm-run" said || false
}

@test "systemd: started as a service; stopping it ends the worker alone, and the next one goes on" {
    unit=$TOP_SRCDIR/contrib/systemd/execdm-run@.service
    same process "$(directive KillMode "$unit")"
    quick=$(submit name=quick sh='echo 1 >/outputs/a' rw:/outputs=quick/)
    long=$(submit name=long sh='sleep 4; echo 2 >/outputs/a' rw:/outputs=long/)
    as_systemd "$unit"
    wait_until 20 is "$quick" COMPLETED
    wait_until 20 is "$long" EXECUTING
    kill "$worker" # KillMode=process: nobody else gets a signal
    wait "$worker" || true
    is "$long" EXECUTING
    sleep 4
    is "$long" EXECUTING
    as_systemd "$unit" # Restart=always
    wait_until 10 is "$long" COMPLETED
    same "1 1 2" "$(job "$long" .attempt) $(cat quick/a long/a | xargs)"
    kill "$worker"
    wait "$worker" || true
    jq -es 'all(.[]; type == "object")' journal >/dev/null # --log=json: every line is one
}

# The line of the crontab, as cron runs it: by /bin/sh, with its own few variables and those of the file.
tick() {
    local file=$TOP_SRCDIR/contrib/cron/execdm
    (cd / && env -i HOME="$HOME" LOGNAME="$(id -un)" SHELL=/bin/sh PATH="$TOP_BUILDDIR/cmd:$(directive PATH "$file")" \
        EXECDM_STATE="$EXECDM_STATE" EXECDM_DRIVER_PATH="$EXECDM_DRIVER_PATH" EXECDM_SCHEMA="$EXECDM_SCHEMA" \
        ${ASAN_OPTIONS+ASAN_OPTIONS="$ASAN_OPTIONS"} /bin/sh -c "$(sed -n 's/^\* \* \* \* \* //p' "$file")") </dev/null 2>&1
}

@test "cron: tick by tick, silent, also two at once" {
    id=$(submit sh='sleep 1; echo 1 >/outputs/a' rw:/outputs=out/)
    same "" "$(tick)"
    is "$id" EXECUTING
    sleep 1.5
    tick >one 3>&- &
    first=$!
    same "" "$(tick)"
    wait "$first"
    same "" "$(cat one)"
    is "$id" COMPLETED
    same 1 "$(cat out/a)"
}

# bats test_tags=real,root
@test "cron: by a real one, in two minutes" {
    require busybox
    mkdir crontabs
    id=$(submit sh='sleep 1; echo 1 >/outputs/a' rw:/outputs=out/)
    # Its PATH is its own; this crond knows no variables in a crontab.
    sed -n "s#^\* \* \* \* \* execdm-run#* * * * * EXECDM_STATE=$EXECDM_STATE EXECDM_DRIVER_PATH=$EXECDM_DRIVER_PATH \
EXECDM_SCHEMA=$EXECDM_SCHEMA $TOP_BUILDDIR/cmd/execdm-run#p" "$TOP_SRCDIR/contrib/cron/execdm" >crontabs/root
    busybox crond -f -c "$PWD/crontabs" -L cron.log 3>&- &
    echo $! >crond.pid
    wait_until 160 is "$id" COMPLETED
    same 1 "$(cat out/a)"
}
