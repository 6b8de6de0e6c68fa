#!/usr/bin/env bats
# execdm-phase: what an owner may ask in which phase, and that an end is an end of everything.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny web
}

later() {
    printf '%s/PT1H\n' "$(date -u -d '+10 minutes' +%Y-%m-%dT%H:%M:%SZ)"
}

# refused ID VERB...
refused() {
    local id=$1 verb before
    shift
    for verb; do
        before=$(execdm-status "$id")
        run -79 execdm-phase "$id" "$verb"
        same "$before" "$(execdm-status "$id")"
    done
}

# asked ID VERB PHASE
asked() {
    same "$3" "$(execdm-phase "$1" "$2" | jq -r .phase)"
    is "$1" "$3"
}

gone() { # ID
    run -66 execdm-status "$1"
    [ ! -e "$(files "$1")" ]
}

# nobody TEXT: no process of the host has it in its command line
nobody() {
    run ! grep -lsaF -- "$1" /proc/[0-9]*/cmdline
}

@test "wrong words" {
    id=$(submit sh='exit 0')
    run -64 execdm-phase "$id" explode
    run -64 execdm-phase "$id"
    run -64 execdm-phase "$id" abort now
    run -66 execdm-phase 00000000-0000-7000-8000-000000000000 abort
}

@test "PENDING: hold, abort, run, delete; nothing else" {
    id=$(submit sh='exit 0' start="$(later)")
    refused "$id" release suspend resume archive
    asked "$id" run PENDING
    asked "$id" hold HELD
    asked "$id" release PENDING
    asked "$id" abort ABORTED
    same "killed user" "$(job "$id" '"\(.error.reason) \(.error.fault)"')"
    id=$(submit sh='exit 0' start="$(later)")
    execdm-phase "$id" delete
    gone "$id"
}

@test "HELD: release, run, abort, delete; no worker touches it" {
    id=$(submit sh='exit 0')
    asked "$id" hold HELD
    same release "$(job "$id" .waiting_for)"
    execdm-run --once
    is "$id" HELD
    refused "$id" hold suspend resume archive
    asked "$id" run PENDING
    asked "$id" hold HELD
    asked "$id" release PENDING
    execdm-run --once
    work "$id"
    is "$id" COMPLETED
    id=$(submit sh='exit 0')
    asked "$id" hold HELD
    asked "$id" abort ABORTED
    id=$(submit sh='exit 0')
    asked "$id" hold HELD
    execdm-phase "$id" delete
    gone "$id"
}

@test "QUEUED, behind a job that fills the machine" {
    memory=$(awk '/MemTotal/ { print int($2 / 1048576 * 0.6) + 0.5 }' /proc/meminfo)
    first=$(submit sh='sleep 100' max=PT1M memory="$memory")
    id=$(submit sh='exit 0' max=PT1M memory="$memory")
    execdm-run --once
    is "$first" EXECUTING
    wait_until 1 is "$id" QUEUED || wait_until 1 is "$id" PENDING
    refused "$id" release suspend resume archive
    phase=$(job "$id" .phase)
    asked "$id" run "$phase"
    asked "$id" hold HELD
    asked "$id" release PENDING
    asked "$id" abort ABORTED
    asked "$first" abort ABORTED
}

@test "EXECUTING: abort, delete; what the driver cannot do is refused" {
    id=$(submit sh='sleep 100')
    execdm-run --once
    refused "$id" hold release suspend resume archive
    asked "$id" run EXECUTING
    asked "$id" abort ABORTED
    same "CANCELLED killed user" "$(job "$id" '"\(.status) \(.error.reason) \(.error.fault)"')"
    same "stdout stderr" "$(job "$id" '[.results[].name] | join(" ")')"
    id=$(submit sh='sleep 100')
    execdm-run --once
    execdm-phase "$id" delete
    gone "$id"
}

@test "the terminal phases: archive and delete" {
    ok=$(submit sh='echo 1 >a')
    bad=$(submit sh='exit 1')
    ended=$(submit sh='exit 0' start="$(later)")
    work "$ok"
    run -1 work "$bad"
    execdm-phase "$ended" abort >/dev/null
    for id in "$ok" "$bad" "$ended"; do
        refused "$id" run abort hold release suspend resume
        status=$(job "$id" .status)
        asked "$id" archive ARCHIVED
        same "$status" "$(job "$id" .status)"
        same null "$(job "$id" .results)"
        [ ! -e "$(files "$id")" ]
        refused "$id" run abort hold release suspend resume archive
        execdm-phase "$id" delete
        gone "$id"
    done
}

@test "a delete gives back all the room, and stays one while a worker looks on" {
    id=$(submit sh='sleep 100')
    execdm-run "$id" >run.out 2>run.err 3>&- &
    worker=$!
    wait_until 20 is "$id" EXECUTING
    wait_until 5 execdm-phase "$id" delete
    wait "$worker" || true
    gone "$id"
    [ -z "$(find "$EXECDM_STATE/jobs" -mindepth 1)" ]
    same 0 "$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT (SELECT count(*) FROM bookings) + (SELECT count(*) FROM events)')"
}

@test "abort: a program that forked, left its session and ignores SIGTERM is gone, all of it" {
    mark=execdm-mark-$$-$RANDOM
    cat >p.py <<'P'
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
def child():
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.execv("/usr/bin/sleep", [sys.argv[1], "1000"])
for i in range(30):
    if os.fork() == 0:
        if i % 3:
            os.setsid()
        if i % 2 and os.fork():
            os._exit(0)
        child()
open("/outputs/ready", "w").close()
time.sleep(1000)
P
    id=$(submit program=p.py arg="$mark")
    execdm-run --once
    all() { [ "$(grep -lsaF -- "$mark" /proc/[0-9]*/cmdline | wc -l)" -gt 30 ]; }
    wait_until 20 all
    asked "$id" abort ABORTED
    nobody "$mark"
}

@test "what a program leaves running ends with it" {
    mark=execdm-mark-$$-$RANDOM
    printf '%s\n' 'import os, sys, time' 'if os.fork() == 0:' '    os.setsid()' \
        '    os.execv("/usr/bin/sleep", [sys.argv[1], "1000"])' 'time.sleep(0.2)' >p.py
    id=$(submit program=p.py arg="$mark")
    work "$id"
    is "$id" COMPLETED
    nobody "$mark"
}

@test "abort while inputs come from a slow server" {
    mkdir www
    head -c 2000000 /dev/zero >www/big
    serve www
    id=$(submit sh='exit 0' r:/inputs/a="$web/big")
    case $(cat answer.json) in *"built without libcurl"*) skip "built without libcurl" ;; esac
    execdm-phase "$id" delete
    id=$(submit sh='exit 0' r:/inputs/a="$web/slow/big")
    execdm-run "$id" >run.out 2>run.err 3>&- &
    worker=$!
    wait_until 20 is "$id" PREPARING
    staging() { [ -n "$(find "$(files "$id")" -size +500k)" ]; }
    wait_until 20 staging
    refused "$id" hold release suspend resume archive
    asked "$id" abort ABORTED
    [ -z "$(find "$(files "$id")" -type f -size +0)" ]
    status=0
    wait "$worker" || status=$?
    same 1 "$status"
    same ABORTED "$(jq -r .phase run.out)"
    # and nobody is still at it
    run ! grep -lsaF -- "$(files "$id")" /proc/[0-9]*/cmdline
}

@test "FINALIZING: abort and delete; what was there already stays" {
    for verb in abort delete; do
        rm -rf out
        id=$(submit sh='head -c 60000000 /dev/zero >/outputs/big' rw:/outputs=out/)
        execdm-run "$id" >run.out 2>run.err 3>&- &
        worker=$!
        sql="SELECT phase FROM jobs WHERE id='$id'"
        until [ "$(sqlite3 "$EXECDM_STATE/execdm.db" "$sql")" = FINALIZING ]; do
            kill -0 "$worker"
        done
        kill -9 "$worker"
        wait "$worker" || true
        same "FINALIZING worker" "$(job "$id" '"\(.phase) \(.waiting_for)"')"
        refused "$id" hold release suspend resume archive
        asked "$id" run FINALIZING
        if [ $verb = delete ]; then
            execdm-phase "$id" delete
            gone "$id"
        else
            asked "$id" abort ABORTED
            same '{"code":0}' "$(job "$id" .exit)"
        fi
    done
}

@test "abort twice at once" {
    id=$(submit sh='sleep 100')
    execdm-run --once
    execdm-phase "$id" abort >one 2>&1 &
    first=$!
    two=0 one=0
    execdm-phase "$id" abort >two 2>&1 || two=$?
    wait "$first" || one=$?
    case $one,$two in 0,0 | 0,79 | 79,0) ;; *) cat one two; return 1 ;; esac
    same 1 "$(job "$id" '[.history[] | select(.phase == "ABORTED")] | length')"
}
