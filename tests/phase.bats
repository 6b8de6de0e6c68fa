#!/usr/bin/env bats
# execdm-phase: what an owner may ask in which phase, and that an end is an end of everything.
# The table itself is tests/golden/phases.txt.

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

# refused ID VERB...: says why, and changes nothing
refused() {
    local id=$1 verb before
    shift
    for verb; do
        before=$(execdm-status "$id")
        run -79 execdm-phase "$id" "$verb"
        has "$output" "is $(jq -r .phase <<<"$before"), where $verb is refused; it can be asked to " delete
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
    has "$output" 'expected jobs and one of run, abort, hold, release, suspend, resume, archive, delete, found "now"'
    run -64 execdm-phase
    run -66 execdm-phase 00000000-0000-7000-8000-000000000000 abort
}

@test "the table of phases: every phase, every event, and who may ask for it" {
    "$TOP_BUILDDIR/tests/unit/phase" matrix | sed 's/ *$//' | diff "$TOP_SRCDIR/tests/golden/phases.txt" -
}

@test "several jobs, a stream of them, files; each for itself" {
    a=$(submit sh='exit 0' start="$(later)")
    b=$(submit sh='exit 0' start="$(later)")
    execdm-phase "$a" "$b" hold >held
    same "$a HELD $b HELD" "$(jq -r '"\(.id) \(.phase)"' held | xargs)"
    execdm-phase "$a" release
    # what one is refused does not keep the others from it
    code=0
    execdm-phase "$a" "$b" "$a" hold >some 2>err || code=$?
    same "79 $a" "$code $(jq -r 'select(.phase == "HELD").id' some)"
    same 2 "$(grep -c 'is HELD, where hold is refused; it can be asked to run, abort, release, delete' err)"
    execdm-phase held release >/dev/null
    execdm-phase hold <held | execdm-phase release | execdm-phase abort >aborted
    same 'ABORTED ABORTED' "$(jq -r .phase aborted | xargs)"
    execdm-status --list --phase=ABORTED | execdm-phase delete
    gone "$a"
    gone "$b"
    execdm-phase abort </dev/null && return 1
    run -65 execdm-phase abort </dev/null
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
    wait_until 20 eval '[[ " QUEUED PENDING " = *" $(job "$id" .phase) "* ]]'
    refused "$id" release suspend resume archive
    phase=$(job "$id" .phase)
    asked "$id" run "$phase"
    asked "$id" hold HELD
    asked "$id" release PENDING
    asked "$id" abort ABORTED
    asked "$first" abort ABORTED
}

@test "EXECUTING: abort, delete, suspend" {
    id=$(submit sh='sleep 100')
    execdm-run --once
    refused "$id" hold release resume archive
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
    wait_until 20 execdm-phase "$id" delete
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

# --- suspend and resume

# ticking: a job whose program writes on and forks on, in $id; it ends when ./go is in its input
ticking() {
    id=$(submit sh='sleep 1000 & (while :; do (echo x >>/outputs/ticks); sleep 0.02; done) & while :; do echo y >>/outputs/ticks; sleep 0.02; [ -e /outputs/enough ] && exit 0; done' \
        max="${1:-PT1M}")
    execdm-run --once
    ticks=$(files "$id")/attempt-1/outputs/ticks
    wait_until 10 test -s "$ticks"
}

grows() {
    local before
    before=$(stat -c %s "$ticks")
    sleep 0.3
    [ "$(stat -c %s "$ticks")" -gt "$before" ]
}

@test "SUSPENDED: nothing of the program runs until it is resumed, and it is told" {
    ticking
    grows
    asked "$id" suspend SUSPENDED
    same "RUNNING resume" "$(job "$id" '"\(.status) \(.waiting_for)"')"
    sleep 0.1
    run ! grows
    refused "$id" hold release suspend archive
    asked "$id" run SUSPENDED
    # a worker leaves it so, another execdm-status tells it, and the table of people does
    execdm-run --once
    execdm-status --format=table "$id" | grep -q 'SUSPENDED .*waits for resume'
    run ! grows
    asked "$id" resume EXECUTING
    grows
    refused "$id" resume
    asked "$id" suspend SUSPENDED
    asked "$id" resume EXECUTING
    touch "$(files "$id")/attempt-1/outputs/enough"
    work "$id"
    same "PENDING QUEUED PREPARING EXECUTING SUSPENDED EXECUTING SUSPENDED EXECUTING FINALIZING COMPLETED" \
        "$(job "$id" '[.history[].phase] | join(" ")')"
    same '["owner","owner","owner","owner"]' "$(job "$id" '[.history[4:8][].by]')"
    execdm-store check
}

@test "SUSPENDED: abort and delete end all of it; so does its limit of time, which goes on" {
    ticking
    asked "$id" suspend SUSPENDED
    asked "$id" abort ABORTED
    same 'killed user' "$(job "$id" '"\(.error.reason) \(.error.fault)"')"
    ticking
    asked "$id" suspend SUSPENDED
    execdm-phase "$id" delete
    gone "$id"
    ticking PT4S
    asked "$id" suspend SUSPENDED
    run ! work "$id"
    same 'ABORTED timelimit' "$(job "$id" '"\(.phase) \(.error.reason)"')"
    same '"SUSPENDED","FINALIZING","ABORTED"' "$(job "$id" '[.history[-3:][].phase]' | tr -d '[]')"
}

@test "SUSPENDED by the backend itself, and by a client that died before it said so: the worker says it" {
    ticking
    printf S >"$(files "$id")/attempt-1/control"
    wait_until 20 test -e "$(files "$id")/attempt-1/suspended"
    is "$id" EXECUTING
    execdm-run --once
    same 'SUSPENDED worker the backend has suspended it' "$(job "$id" '.history[-1] | "\(.phase) \(.by) \(.why)"')"
    printf R >"$(files "$id")/attempt-1/control"
    gone_mark() { [ ! -e "$(files "$id")/attempt-1/suspended" ]; }
    wait_until 20 gone_mark
    execdm-run --once
    is "$id" EXECUTING
    # the machine goes down while it is suspended: the next attempt
    asked "$id" suspend SUSPENDED
    pid=$(find /proc/[0-9]*/fd -lname "$(files "$id")/attempt-1/alive" 2>/dev/null | cut -d / -f 3)
    kill -9 "$pid" "$(tr -d ' ' <"/proc/$pid/task/$pid/children")"
    worker() { [ "$(job "$id" .waiting_for)" = worker ]; }
    wait_until 10 worker
    execdm-run --once
    same 'EXECUTING 2' "$(job "$id" '"\(.phase) \(.attempt)"')"
    execdm-phase "$id" abort
    execdm-store check
}

@test "a driver that cannot suspend: refused, and nothing changes" {
    mkdir drivers
    for answer in 'exit 64' "echo '{\"id\":\"'\"\$id\"'\",\"error\":{\"kind\":\"unsupported\",\"code\":69,\"text\":\"no\"}}'"; do
        cat >drivers/execdm-driver-local <<END
#!/bin/bash
case \$1 in suspend | resume) read -r header; read -r line; id=\$(jq -r .id <<<"\$line"); $answer; exit ;; esac
exec "$TOP_BUILDDIR/cmd/execdm-driver-local" "\$@"
END
        chmod +x drivers/execdm-driver-local
        id=$(submit sh='sleep 100')
        execdm-run --once
        EXECDM_DRIVER_PATH=$PWD/drivers run -79 execdm-phase "$id" suspend
        has "$output" "job $id: the driver local cannot suspend jobs"
        is "$id" EXECUTING
        execdm-phase "$id" abort
    done
    # one whose program has just ended
    id=$(submit sh='exit 0')
    execdm-run --once
    wait_until 10 test -e "$(files "$id")/attempt-1/exit.json"
    if is "$id" EXECUTING; then
        run -79 execdm-phase "$id" suspend
        has "$output" 'the program does not run any more'
    fi
}

@test "HELD: a later attempt that is held is not late" {
    id=$(submit sh='sleep 100' max=PT1M)
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET attempt = 1, doc = json_set(doc, '\$.private.to', 1) WHERE id = '$id'"
    asked "$id" hold HELD
    execdm-run --once
    is "$id" HELD
    execdm-phase "$id" abort
}
