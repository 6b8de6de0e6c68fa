#!/usr/bin/env bats
# The whole pipeline from wherever people start it: as root and not, from cron, from a batch script, from `env -i`,
# with descriptors closed, signals ignored, odd directories and odd masks.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
    task sh='wc -c </inputs/a >/outputs/count' r:/inputs/a=a rw:/outputs=results/
    printf 12345 >a
    set_names
}

# What a program needs to find its parts where nothing is installed.
set_names() {
    parts=(EXECDM_SCHEMA="$EXECDM_SCHEMA" EXECDM_DRIVER_PATH="$EXECDM_DRIVER_PATH" EXECDM_STATE="$EXECDM_STATE"
        EXECDM_CONFIG="$EXECDM_CONFIG" ASAN_OPTIONS="${ASAN_OPTIONS-}" UBSAN_OPTIONS="${UBSAN_OPTIONS-}")
    bin=$TOP_BUILDDIR/cmd
}

# The journey, in the present environment. It says how it ended in out.json.
cat_pipeline() {
    cat <<'P'
"$bin/execdm-validate" "$task" | "$bin/execdm-plan" | "$bin/execdm-accept" | "$bin/execdm-run" |
    "$bin/execdm-status" --format=json >"$out"
P
}

good() {
    same "COMPLETED $(id -un)" "$(jq -r '"\(.phase) \(.owner)"' out.json)"
    same 5 "$(cat results/count)"
    same "$(id -u)" "$(stat -c %u results/count)"
}

# from WRAPPER...: the journey in a /bin/sh that WRAPPER starts
from() {
    cat_pipeline >pipeline
    "$@" /bin/sh -c "bin='$bin' task='$PWD/task.json' out='$PWD/out.json'; . '$PWD/pipeline'"
}

# bats test_tags=root
@test "as root" {
    from env
    good
}

# bats test_tags=user
@test "as an ordinary user" {
    from env
    good
}

@test "from env -i" {
    from env -i "${parts[@]}"
    good
}

# The account's real home is not for a test to write to: without HOME the state is named.
@test "with HOME unset; and with nothing but HOME" {
    from env -u HOME
    good
    rm -rf results
    unset EXECDM_STATE EXECDM_CONFIG XDG_STATE_HOME XDG_CONFIG_HOME XDG_CACHE_HOME
    from env HOME="$BATS_TEST_TMPDIR/home2"
    good
    [ -e home2/.local/state/execdm/execdm.db ]
    same 700 "$(stat -c %a home2/.local/state/execdm)"
}

@test "from a batch script: no terminal, another directory, other limits, a batch environment" {
    cat_pipeline >pipeline
    cat >job.sh <<'P'
#!/bin/sh
ulimit -n 256
ulimit -s 4096
ulimit -c 0
ulimit -v unlimited
cd /
. "$pipeline"
P
    status=0
    setsid -w env -i "${parts[@]}" HOME="$HOME" USER=someone LOGNAME=someone SHELL=/bin/sh PATH=/usr/bin:/bin \
        SLURM_JOB_ID=7 SLURM_SUBMIT_DIR="$PWD" SLURM_CPUS_PER_TASK=1 SLURMD_NODENAME=node1 ENVIRONMENT=BATCH \
        LD_PRELOAD= TMPDIR="$BATS_TEST_TMPDIR/not-there" DISPLAY=:0 LC_ALL=xx_XX \
        pipeline="$PWD/pipeline" bin="$bin" task="$PWD/task.json" out="$PWD/out.json" \
        /bin/sh job.sh </dev/null >batch.out 2>batch.err || status=$?
    same 0 "$status"
    good
    same "" "$(cat batch.out)"
    run ! grep -q $'\r\|\033' batch.err
}

@test "from cron, and there a worker that is called once a minute" {
    cron=(env -i "${parts[@]}" HOME="$HOME" LOGNAME="$(id -un)" PATH=/usr/bin:/bin SHELL=/bin/sh)
    from "${cron[@]}"
    good
    rm -rf results
    task sh='sleep 0.5; wc -c </inputs/a >/outputs/count' r:/inputs/a=a rw:/outputs=results/
    "${cron[@]}" /bin/sh -c "$bin/execdm-plan '$PWD/task.json' | $bin/execdm-accept" >accepted.json
    id=$(jq -r .id accepted.json)
    run -0 "${cron[@]}" /bin/sh -c "cd /; $bin/execdm-run --once" </dev/null
    same "" "$output"
    is "$id" EXECUTING
    wait_until 20 test -e "$(files "$id")/attempt-1/exit.json"
    run -0 "${cron[@]}" /bin/sh -c "cd /; $bin/execdm-run --once" </dev/null
    same "" "$output"
    job "$id" . >out.json
    good
}

@test "with the descriptors 0, 1 and 2 closed" {
    execdm-plan task.json | execdm-accept >accepted.json
    id=$(jq -r .id accepted.json)
    status=0
    execdm-run "$id" <&- >&- 2>&- || status=$?
    same 74 "$status"
    job "$id" . >out.json
    good
    for closed in '<&-' '2>&-' '<&- 2>&-'; do
        rm -rf results
        execdm-plan task.json | execdm-accept >accepted.json
        eval "execdm-run $(jq -r .id accepted.json) $closed" >out.json
        good
    done
    # an answer that cannot be written is not a success
    for program in validate plan; do
        status=0
        "execdm-$program" task.json <&- >&- 2>&- || status=$?
        same 74 "$status"
    done
}

@test "with umask 077 and umask 000" {
    for mask in 077 000; do
        rm -rf results "$EXECDM_STATE"
        (umask "$mask" && from env)
        good
        same 700 "$(stat -c %a "$EXECDM_STATE")"
        [ -z "$(find "$EXECDM_STATE" -maxdepth 1 -type f -perm /077)" ]
        rm -rf results
        (umask 022 && from env) # what the one made the other can use
        good
    done
}

@test "from a directory that cannot be written, and one that is gone" {
    mkdir closed
    chmod 555 closed
    cat_pipeline >pipeline
    sh="bin='$bin' task='$PWD/task.json' out='$PWD/out.json'; . '$PWD/pipeline'"
    (cd closed && /bin/sh -c "$sh")
    good
    rm -rf results
    mkdir going
    (cd going && rmdir ../going && /bin/sh -c "$sh")
    good
}

@test "a state path with blanks, accents and signs" {
    odd="$BATS_TEST_TMPDIR/a b/ü%20&?#'\"\$x;*/日本:1,2\\"
    mkdir -p "$odd"
    from env EXECDM_STATE="$odd/st ate"
    good
    rm -rf results
    mkdir "$odd/in put"
    printf 12345 >"$odd/in put/a"
    (
        cp task.json pipeline "$odd/in put"
        cd "$odd/in put"
        env EXECDM_STATE="$odd/st ate" bin="$bin" task=task.json out=out.json /bin/sh ./pipeline
        good
    )
}

@test "a state directory through a link, and one relative to here" {
    mkdir real
    ln -s real link
    from env EXECDM_STATE="$PWD/link"
    good
    rm -rf results
    from env EXECDM_STATE=here/state
    good
    [ -e here/state/execdm.db ]
}

@test "with signals ignored or blocked by who started it" {
    cat >odd.py <<'P'
import os, signal, sys
for s in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1):
    signal.signal(s, signal.SIG_IGN)
if sys.argv[1] == "blocked":
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
os.execvp(sys.argv[2], sys.argv[2:])
P
    for how in ignored blocked; do
        rm -rf results
        /usr/bin/python3 odd.py $how execdm-plan task.json >answer.json
        same YES "$(jq -r .result answer.json)"
        /usr/bin/python3 odd.py $how execdm-accept answer.json >accepted.json
        /usr/bin/python3 odd.py $how execdm-run "$(jq -r .id accepted.json)" >out.json
        good
    done
    # a worker whose parent blocked everything can still be told to go
    /usr/bin/python3 odd.py blocked execdm-run --watch 3>&- &
    echo $! >watch.pid
    caught() { [ "$((0x$(awk '/SigBlk/ { print $2 }' "/proc/$(cat watch.pid)/status") & 0x4000))" -eq 0 ] &&
        grep -q 'SigCgt:.*[4-7c-f]...$' "/proc/$(cat watch.pid)/status"; }
    wait_until 10 caught
    kill -TERM "$(cat watch.pid)"
    wait_until 10 ended "$(cat watch.pid)"
}

ended() {
    ! kill -0 "$1" 2>/dev/null
}

@test "a locked queue is bounded in time also where SIGALRM is blocked" {
    execdm-plan task.json >answer.json
    execdm-accept answer.json >accepted.json
    (
        flock 9
        touch locked
        exec sleep 100
    ) 9>>"$EXECDM_STATE/lock" 3>&- &
    echo $! >lock.pid
    wait_until 20 test -e locked
    status=0
    timeout 20 /usr/bin/python3 -c 'import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
os.execvp(sys.argv[1], sys.argv[1:])' execdm-phase "$(jq -r .id accepted.json)" abort 2>busy || status=$?
    same 75 "$status"
}

@test "with TMPDIR unset, wrong, or full of blanks" {
    from env -u TMPDIR
    good
    rm -rf results
    from env TMPDIR=/no/such/place
    good
    rm -rf results
    mkdir 'a b'
    from env TMPDIR="$PWD/a b"
    good
    [ -z "$(ls -A 'a b')" ]
}

@test "with few descriptors, and with many open that are not ours" {
    exec 30<task.json 31<task.json 200<a
    (ulimit -n 210 && from env)
    exec 30<&- 31<&- 200<&-
    good
}
