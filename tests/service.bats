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
    for unit in execdm-run.service execdm-run@.service execdm-worker.service; do
        sed "s#^ExecStart=execdm-run#ExecStart=$TOP_BUILDDIR/cmd/execdm-run#" "$TOP_SRCDIR/contrib/systemd/$unit" >"units/$unit"
    done
    SYSTEMD_UNIT_PATH=$PWD/units: systemd-analyze verify --man=no units/execdm-run.service \
        "units/execdm-run@$(id -un).service" units/execdm-worker.service >said 2>&1 || { cat said && false; }
    ! grep "units/execdm-" said || false
    # what is open is what bubblewrap needs: one line less of hardening is told
    systemd-analyze security --offline=true --no-pager --threshold=52 units/execdm-worker.service >security || { cat security && false; }
}

@test "systemd: the account of the service is made" {
    require systemd-sysusers
    mkdir -p root/etc
    systemd-sysusers --root="$PWD/root" "$TOP_SRCDIR/contrib/systemd/execdm.conf"
    same "$(directive User "$TOP_SRCDIR/contrib/systemd/execdm-worker.service"):/var/lib/execdm:/usr/sbin/nologin" \
        "$(awk -F: '$1 == "execdm" { print $1 ":" $6 ":" $7 }' root/etc/passwd)"
}

# What execdm-worker.service's hardening means to the processes, made by hand: systemd need not run here. In a namespace of
# its own all is read-only but the state and a /tmp of its own; no capability can be had, no privilege gained.
# bats test_tags=root
@test "systemd: jobs run under what holds the service's worker" {
    require unshare setpriv
    unit=$TOP_SRCDIR/contrib/systemd/execdm-worker.service
    for line in ProtectSystem=strict PrivateTmp=yes CapabilityBoundingSet= NoNewPrivileges=yes ProtectHome=yes; do
        grep -qxF "$line" "$unit"
    done
    place=$(mktemp -d /var/tmp/execdm-worker.XXXXXX)
    mkdir "$place/state" "$place/config" "$place/cmd"
    find "$TOP_BUILDDIR/cmd" -maxdepth 1 -type f -name 'execdm-*' -perm -u+x -exec cp -t "$place/cmd" {} +
    cp -R "$EXECDM_SCHEMA" "$place/schema"
    cp -R "$tiny" "$place/tiny"
    chmod -R a+rX "$place"
    chown -R execdm-test: "$place/state"
    image=$place/tiny
    tiny=$image task sh='id -u; echo done'
    cp task.json "$place/"
    cat >"$place/held" <<'EOT'
set -e
mount -t tmpfs -o mode=1777 none /tmp
mount --bind "$1/state" "$1/state"
mount -o remount,bind,ro /
export HOME=/nonexistent EXECDM_STATE=$1/state EXECDM_CONFIG=$1/config EXECDM_SCHEMA=$1/schema EXECDM_DRIVER_PATH=$1/cmd PATH=$1/cmd:$PATH
umask 077
cd /
exec setpriv --reuid execdm-test --regid execdm-test --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    sh -c 'test ! -w /var/tmp && execdm-plan "$1/task.json" | execdm-accept | execdm-run' sh "$1"
EOT
    unshare --mount --propagation private sh "$place/held" "$place" >job.json 2>said || true
    said=$(cat "$place"/state/jobs/*/attempt-1/stdout | xargs)
    rm -rf "$place"
    same "COMPLETED 65534 done" "$(jq -r .phase job.json) $said" || { cat said job.json && false; }
}

@test "systemd: started as a service; stopping it ends the worker alone, and the next one goes on" {
    unit=$TOP_SRCDIR/contrib/systemd/execdm-run@.service
    same process "$(directive KillMode "$unit")"
    quick=$(submit name=quick sh='echo 1 >/outputs/a' rw:/outputs=quick/)
    long=$(submit name=long sh='sleep 8; echo 2 >/outputs/a' rw:/outputs=long/)
    as_systemd "$unit"
    wait_until 60 is "$quick" COMPLETED
    wait_until 60 is "$long" EXECUTING
    kill "$worker" # KillMode=process: nobody else gets a signal
    wait "$worker" || true
    is "$long" EXECUTING
    wait_until 60 test -e "$(files "$long")/attempt-1/exit.json" # it has ended, and nobody is there to say so
    is "$long" EXECUTING
    as_systemd "$unit" # Restart=always
    wait_until 60 is "$long" COMPLETED
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
    wait_until 60 test -e "$(files "$id")/attempt-1/exit.json"
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
