#!/usr/bin/env bats
# What goes wrong around a job: workers that die or come in crowds, machines that go down, terminals, full disks, locks.
# After each: nothing accepted is lost, and nothing runs twice.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
}

# ready: the platform is probed and the image unpacked, so that what follows is the step under test.
ready() {
    local id
    id=$(submit sh='exit 0')
    work "$id"
}

# history ID: its phases, in a row.
history_of() {
    job "$1" '[.history[].phase] | join(" ")'
}

ended() { # ID
    [ "$(job "$1" .ended)" != null ]
}

full="PENDING QUEUED PREPARING EXECUTING FINALIZING COMPLETED"

# supervisor ID [ATTEMPT]: whoever keeps the sign of life of an attempt open.
supervisor() {
    local pid
    pid=$(find /proc/[0-9]*/fd -lname "$(files "$1")/attempt-${2:-1}/alive" 2>/dev/null | cut -d / -f 3)
    [ -n "$pid" ] && echo "$pid"
}

# strike ID [ATTEMPT]: the machine loses power, for this job.
strike() {
    local pid child
    wait_until 10 supervisor "$@" >/dev/null
    pid=$(supervisor "$@")
    child=$(cat "/proc/$pid/task/$pid/children")
    # shellcheck disable=SC2086
    kill -9 "$pid" $child 2>/dev/null || true
    wait_until 10 nobody_alive "$@"
}

nobody_alive() {
    ! supervisor "$@" >/dev/null
}

@test "ten jobs and four workers: each runs once" {
    ready
    ids=()
    for i in 0 1 2 3 4 5 6 7 8 9; do
        ids+=("$(submit name="job$i" sh='cat /proc/sys/kernel/random/uuid >>/outputs/mark' rw:/outputs="out$i/" max=PT1M)")
    done
    pids=()
    for mode in --watch --watch; do
        execdm-run $mode 2>"watch$mode" 3>&- &
        echo $! >"worker${#pids[@]}.pid"
        pids+=($!)
    done
    for _ in 1 2; do
        (until [ -e stop ]; do execdm-run --once; done) 2>/dev/null 3>&- &
        pids+=($!)
    done
    for id in "${ids[@]}"; do wait_until 40 is "$id" COMPLETED; done
    touch stop
    kill "${pids[0]}" "${pids[1]}"
    wait "${pids[@]}" || true
    for i in 0 1 2 3 4 5 6 7 8 9; do
        same 1 "$(wc -l <"out$i/mark")"
        same "$full 1" "$(history_of "${ids[i]}") $(job "${ids[i]}" .attempt)"
    done
}

@test "two workers on one job, both in the foreground" {
    ready
    id=$(submit sh='echo x >>/outputs/mark; sleep 0.5' rw:/outputs=out/)
    execdm-run "$id" >one.json 2>one.err &
    first=$!
    execdm-run "$id" >two.json 2>two.err
    wait "$first"
    same "COMPLETED COMPLETED" "$(jq -rs '[.[].phase] | join(" ")' one.json two.json)"
    same 1 "$(wc -l <out/mark)"
    same "$full" "$(history_of "$id")"
}

@test "Ctrl-C on a terminal detaches; the job goes on and is taken up again" {
    ready
    id=$(submit sh='sleep 2; echo done >/outputs/a')
    cat >ctrlc.py <<'P'
import os, pty, sys, time, select
pid, fd = pty.fork()
if pid == 0:
    os.execvp("execdm-run", ["execdm-run", sys.argv[1]])
seen = b""
sent = False
while True:
    try:
        if select.select([fd], [], [], 0.1)[0]:
            part = os.read(fd, 4096)
            if not part:
                break
            seen += part
    except OSError:
        break
    if not sent and os.path.exists(sys.argv[2]):
        os.write(fd, b"\x03")
        sent = True
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
    run /usr/bin/python3 ctrlc.py "$id" "$(files "$id")/attempt-1/started"
    same 75 "$status"
    has "$output" "execdm-phase $id abort" "execdm-run $id"
    is "$id" EXECUTING
    execdm-run "$id" >run.json
    same "COMPLETED $full" "$(jq -r .phase run.json) $(history_of "$id")"
}

@test "SIGINT to the group, and SIGTERM, without a terminal: the same" {
    ready
    for sig in INT TERM; do
        id=$(submit sh='sleep 2; echo done >/outputs/a')
        /usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setsid()
os.execvp("execdm-run", sys.argv[1:])' execdm-run "$id" >run.json 2>run.err </dev/null 3>&- &
        pid=$!
        wait_until 20 is "$id" EXECUTING
        kill "-$sig" "-$pid"
        status=0
        wait "$pid" || status=$?
        same 75 "$status"
        has "$(cat run.err)" detached "execdm-phase $id abort"
        is "$id" EXECUTING
        execdm-run "$id" >run.json
        same "COMPLETED $full" "$(jq -r .phase run.json) $(history_of "$id")"
    done
}

@test "nohup means it: a hang-up that is ignored stays ignored" {
    ready
    id=$(submit sh='sleep 1')
    (trap '' HUP && exec execdm-run "$id") >run.json 3>&- &
    pid=$!
    wait_until 20 is "$id" EXECUTING
    kill -HUP "$pid"
    wait "$pid"
    same COMPLETED "$(jq -r .phase run.json)"
}

@test "the worker is killed in any phase: another one finishes the job, the program ran once" {
    ready
    head -c 3000000 /dev/urandom >big
    for phase in PENDING QUEUED PREPARING EXECUTING FINALIZING; do
        rm -rf out
        id=$(submit sh='echo x >>/outputs/mark; sleep 0.3; cp /inputs/big /outputs/big' r:/inputs/big=big rw:/outputs=out/)
        execdm-run "$id" >run.out 2>run.err 3>&- &
        pid=$!
        until [ "$(sqlite3 "$EXECDM_STATE/execdm.db" "SELECT phase FROM jobs WHERE id='$id'")" = "$phase" ] || ended "$id"; do :; done
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" || true
        wait_until 10 execdm-run "$id" >run.json
        same "COMPLETED 1 $full" "$(jq -r '"\(.phase) \(.attempt)"' run.json) $(history_of "$id")"
        same 1 "$(wc -l <out/mark)"
        cmp big out/big
        [ ! -e "$(files "$id")/in" ]
    done
}

@test "the worker is killed at each write of the store: the program ran once" {
    require strace
    ready
    for n in 1 3 5 7 9 11 13 15; do
        rm -rf out
        echo in >a
        id=$(submit sh='cat /inputs/a >>/outputs/mark; sleep 0.3; cat /inputs/a >/outputs/again' \
            r:/inputs/a=a rw:/outputs=out/ max=PT1M)
        ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e trace=fdatasync,fsync,pwrite64 \
            -e inject=fdatasync:signal=KILL:when="$n" execdm-run "$id" >run.out 2>run.err 3>&- </dev/null || true
        wait_until 10 execdm-run "$id" >run.json
        same "COMPLETED 1 $full" "$(jq -r '"\(.phase) \(.attempt)"' run.json) $(history_of "$id")"
        same "in in" "$(cat out/mark out/again | xargs)"
    done
}

@test "the worker is killed between starting the program and saying so" {
    require strace
    ready
    mkdir d
    echo 1 >d/a
    id=$(submit sh='echo x >>/outputs/mark; sleep 2; cat /inputs/d/a >/outputs/late' r:/inputs/d=d rw:/outputs=out/)
    execdm-run "$id" >run.out 2>run.err 3>&- &
    pid=$!
    until [ -e "$(files "$id")/attempt-1/started" ]; do :; done
    kill -9 "$pid"
    wait "$pid" || true
    execdm-run "$id" >run.json
    same "COMPLETED 1" "$(jq -r '"\(.phase) \(.attempt)"' run.json)"
    same "x 1" "$(cat out/mark out/late | xargs)"
}

@test "power is lost while it runs: the next attempt, and the history says why" {
    ready
    echo in >a
    id=$(submit sh='cat /inputs/a >/outputs/b; sleep 1.5' r:/inputs/a=a rw:/outputs=out/)
    execdm-run --once
    strike "$id"
    is "$id" EXECUTING
    same worker "$(job "$id" .waiting_for)"
    work "$id"
    same "COMPLETED 2" "$(job "$id" '"\(.phase) \(.attempt)"')"
    same "PENDING QUEUED PREPARING EXECUTING QUEUED PREPARING EXECUTING FINALIZING COMPLETED" "$(history_of "$id")"
    has "$(job "$id" '.history[4].why')" "left no record"
    same in "$(cat out/b)"
    same null "$(job "$id" .error)"
    [ -z "$(find "$(files "$id")" ! -user "$(id -u)")" ]
}

@test "power is lost three times: ERROR, lost, the platform's fault; an abort of a second attempt reaches it" {
    ready
    id=$(submit sh='sleep 100')
    for attempt in 1 2 3; do
        execdm-run --once
        same "EXECUTING $attempt" "$(job "$id" '"\(.phase) \(.attempt)"')"
        strike "$id" "$attempt"
    done
    execdm-run --once
    same "ERROR lost platform true" "$(job "$id" '"\(.phase) \(.error.reason) \(.error.fault) \(.error.transient)"')"
    id=$(submit sh='sleep 100')
    execdm-run --once
    strike "$id"
    execdm-run --once
    supervisor "$id" 2
    execdm-phase "$id" abort
    nobody_alive "$id" 2
}

@test "the sandbox alone is killed: that is the platform's fault, and is tried again" {
    ready
    id=$(submit sh='sleep 1.5')
    execdm-run --once
    wait_until 10 supervisor "$id" >/dev/null
    pid=$(supervisor "$id")
    kill -9 "$(tr -d ' ' <"/proc/$pid/task/$pid/children")"
    work "$id"
    same "COMPLETED 2" "$(job "$id" '"\(.phase) \(.attempt)"')"
}

@test "stdout is closed: 74, and the job is not lost" {
    ready
    id=$(submit sh='echo 1 >/outputs/a' rw:/outputs=out/)
    status=0
    execdm-run "$id" >&- 2>run.err || status=$?
    same 74 "$status"
    is "$id" COMPLETED
    status=0
    execdm-run "$id" >/dev/full 2>run.err || status=$?
    same 74 "$status"
    status=0
    execdm-status "$id" >&- 2>run.err || status=$?
    same 74 "$status"
    same 1 "$(cat out/a)"
}

@test "accept is killed around its commit: no job or a whole one, and then exactly one" {
    require strace
    ready
    for call in fdatasync pwrite64; do
        for n in 1 2 3 4 5 6; do
            task sh='exit 0' max=PT1M
            execdm-plan task.json >answer.json
            before=$(execdm-status --list | wc -l)
            ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n \
                execdm-accept answer.json >killed.json 2>/dev/null 3>&- || true
            execdm-status --list >list
            case $(($(wc -l <list) - before)) in 0 | 1) ;; *) return 1 ;; esac
            execdm-validate --as=job <list >/dev/null
            id=$(execdm-accept answer.json | jq -r .id)
            same "$((before + 1))" "$(execdm-status --list | wc -l)"
            same "$id" "$(execdm-accept answer.json | jq -r .id)"
            same PENDING "$(history_of "$id")"
            same 1 "$(sqlite3 "$EXECDM_STATE/execdm.db" "SELECT count(*) FROM bookings WHERE job='$id'")"
            execdm-phase "$id" delete
        done
    done
}

@test "the store is locked by a process that does not move: 75 after ten seconds, status answers" {
    ready
    id=$(submit sh='exit 0')
    (
        flock 9
        touch locked
        exec sleep 100
    ) 9>>"$EXECDM_STATE/lock" 3>&- &
    echo $! >lock.pid
    wait_until 20 test -e locked
    kill -STOP "$(cat lock.pid)"
    begin=$SECONDS
    execdm-accept answer.json >again.json &
    execdm-plan task.json >plan.json 2>plan.err &
    plan=$!
    execdm-phase "$id" abort >abort.json 2>abort.err &
    abort=$!
    execdm-status "$id" >/dev/null
    [ $((SECONDS - begin)) -le 2 ]
    status=0
    wait "$abort" || status=$?
    same 75 "$status"
    has "$(cat abort.err)" busy
    status=0
    wait "$plan" || status=$?
    same 75 "$status"
    took=$((SECONDS - begin))
    [ $took -ge 9 ] && [ $took -le 14 ]
    kill -CONT "$(cat lock.pid)"
    kill "$(cat lock.pid)"
    wait_until 10 execdm-phase "$id" abort
}

@test "unpacking is killed: the next one clears up and unpacks" {
    id=$(submit sh='exit 0')
    execdm-run "$id" >run.out 2>run.err 3>&- &
    pid=$!
    until [ -n "$(ls -A "$EXECDM_STATE/images/tmp" 2>/dev/null)" ]; do :; done
    kill -9 "$pid"
    wait "$pid" || true
    work "$id"
    is "$id" COMPLETED
    [ -z "$(ls -A "$EXECDM_STATE/images/tmp")" ]
}

# bats test_tags=root
@test "the disk is full when the program ends: its end is recorded once there is room" {
    mkdir disk
    mount -t tmpfs -o size=16m execdm-test disk || skip "cannot mount a tmpfs"
    export EXECDM_STATE=$PWD/disk/state
    status=0
    (
        set -e
        id=$(submit sh='sleep 1; exit 5')
        execdm-run --once
        is "$id" EXECUTING
        head -c 100000000 /dev/zero >disk/fill || true
        sleep 1.5
        run -1 ls "$(files "$id")/attempt-1/started"
        rm disk/fill
        execdm-run "$id" >run.json || true
        same "ERROR 5 1" "$(jq -r '"\(.phase) \(.exit.code) \(.attempt)"' run.json)"
    ) || status=$?
    umount -l disk
    same 0 "$status"
}

@test "late workers do not overbook: whole-machine jobs run one after the other" {
    cores=$(nproc)
    for i in 1 2 3; do
        task sh="date +%s.%N; sleep 0.5; date +%s.%N" name="late$i"
        jq --argjson n "$cores" '.resources.compute[0].spec.mincores = $n' task.json >whole.json
        execdm-plan whole.json | execdm-accept | jq -r .id >>ids
    done
    sleep 1.1 # their slots begin without a worker
    mapfile -t ids <ids
    for id in "${ids[@]}"; do
        execdm-run "$id" >"$id.json" 2>"$id.err" 3>&- &
        workers+=($!)
    done
    wait "${workers[@]}"
    for id in "${ids[@]}"; do
        is "$id" COMPLETED
        paste -s -d ' ' "$(files "$id")/attempt-1/stdout"
    done | sort -n >spans
    cat spans
    awk 'NR > 1 && $1 < end { exit 1 } { end = $2 }' spans
}

noted() { # it is wished, or done
    [ -n "$(sqlite3 "$EXECDM_STATE/execdm.db" "SELECT id FROM jobs WHERE id='$1' AND (wish='abort' OR live=0)")" ]
}

@test "a noted abort is not lost when the worker saves the job" {
    require sqlite3
    id=$(submit sh='sleep 30' max=PT40S)
    execdm-run "$id" >run.out 2>run.err 3>&- &
    worker=$!
    wait_until 15 is "$id" EXECUTING
    kill -STOP "$worker" # perhaps at a moment when it holds the lease
    execdm-phase "$id" abort >phase.out 2>&1 3>&- &
    asker=$!
    wait_until 15 noted "$id"
    kill -CONT "$worker"
    wait "$asker" "$worker" || true
    is "$id" ABORTED
}
