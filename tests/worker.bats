#!/usr/bin/env bats
# The worker over many jobs: who waits for whom, how often a backend is asked, what it costs to wait.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
}

# watch: a worker in the background, its pid in $worker.
watch() {
    execdm-run --watch 2>watch.err 3>&- &
    worker=$!
    echo "$worker" >worker.pid
}

# crowd DIR: a platform of a driver that starts whatever it gets, says it runs until there is a file DIR/over, and writes
# down each time it is asked.
crowd() {
    mkdir -p drivers "$1"
    cat >drivers/execdm-driver-crowd <<END
#!/usr/bin/python3
import json, os, sys
lines = [json.loads(line) for line in sys.stdin][1:]
with open("$PWD/$1/asked", "a") as f:
    f.write("%s %d\n" % (sys.argv[1], len(lines)))
for line in lines:
    reply = {"id": line["id"]}
    if sys.argv[1] == "probe":
        reply.update(name="crowd", version="1", verbs=["probe", "submit", "status", "find", "cancel"],
            runtimes=[{"type": "https://www.purl.org/ivoa.net/executable-types/oci-container", "ok": True}])
    elif sys.argv[1] == "submit":
        reply.update(native=line["stamp"], state="running")
    elif sys.argv[1] == "find":
        reply.update(natives=[], complete=True)
    elif sys.argv[1] == "status" and os.path.exists("$PWD/$1/over"):
        reply.update(state="done", reason="ok", exit=0)
    elif sys.argv[1] == "status":
        reply.update(state="running")
    else:
        reply.update(ok=True, state="cancelled")
    print(json.dumps(reply))
END
    chmod +x drivers/execdm-driver-crowd
    export EXECDM_DRIVER_PATH=$EXECDM_DRIVER_PATH:$PWD/drivers
    printf 'name: %s\ndriver: crowd\ncompute: {cores: 100000, memory: 100000}\n' "$1" >"$1.yaml"
}

# many N: N jobs on the platform crowd, accepted.
many() {
    local i
    for ((i = 0; i < $1; i++)); do
        task name="job$i" sh='exit 0' max=PT1H ${2:+"$2"}
        jq -c . task.json
    done | execdm-plan --planner=./crowd.yaml | execdm-accept >jobs.json
}

@test "one job's slow transfer keeps no other waiting" {
    echo slowly >in
    rm -f fault.port
    /usr/bin/python3 "$TOP_SRCDIR/tests/fault-server.py" fault.port "$PWD" 3>&- &
    echo $! >fault.pid
    wait_until 20 test -e fault.port
    slow=$(submit name=slow sh='cat /inputs/in >/outputs/a' r:/inputs/in="http://127.0.0.1:$(cat fault.port)/loris/in" rw:/outputs=out/)
    quick=$(submit name=quick sh='echo 1 >/outputs/a' rw:/outputs=quick/)
    watch
    wait_until 20 is "$quick" COMPLETED
    is "$slow" PREPARING
    wait_until 20 is "$slow" COMPLETED
    same slowly "$(cat out/a)"
    kill "$worker"
    wait "$worker" || true
}

@test "a worker that is told to stop takes its processes along; the transfer is done again" {
    echo slowly, very slowly >in
    /usr/bin/python3 "$TOP_SRCDIR/tests/fault-server.py" fault.port "$PWD" 3>&- &
    echo $! >fault.pid
    wait_until 20 test -e fault.port
    id=$(submit sh='cat /inputs/in >/outputs/a' r:/inputs/in="http://127.0.0.1:$(cat fault.port)/loris/in" rw:/outputs=out/)
    for signal in TERM KILL; do
        watch
        wait_until 10 is "$id" PREPARING
        wait_until 10 pgrep -P "$worker" >children
        kill -"$signal" "$worker"
        wait "$worker" || true
        for child in $(cat children); do wait_until 10 gone "$child"; done
        is "$id" PREPARING
    done
    execdm-run "$id" >run.json
    same "COMPLETED 1" "$(jq -r '"\(.phase) \(.attempt)"' run.json)"
    cmp in out/a
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

# EXECDM_TEST_CROWD: how many jobs (10000 takes minutes, for planning and accepting them).
@test "a backend is asked once for all its jobs, and at its interval" {
    crowd crowd
    n=${EXECDM_TEST_CROWD:-40}
    many "$n"
    same "$n" "$(jq -s length jobs.json)"
    watch
    wait_until $((20 + n / 20)) all EXECUTING "$n"
    sleep 1
    : >crowd/asked
    ticks=$(cpu "$worker")
    sleep 11
    grep -q "^status $n\$" crowd/asked
    # every 5 seconds: two or three times, and each time for all
    same "status $n" "$(sort -u crowd/asked)"
    [ "$(wc -l <crowd/asked)" -le 3 ]
    [ $(($(cpu "$worker") - ticks)) -le $((2 + n / 100)) ] # hundredths of a second, in eleven
    touch crowd/over
    wait_until $((20 + n / 20)) all COMPLETED "$n"
    kill "$worker"
    wait "$worker" || true
}

all() { # PHASE N
    [ "$(sqlite3 "$EXECDM_STATE/execdm.db" "SELECT count(*) FROM jobs WHERE phase='$1'")" -eq "$2" ]
}

# Hundredths of a second that a process has computed.
cpu() {
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# How often it was put to sleep, and so woken.
woken() {
    awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}

@test "nothing due: the worker sleeps, and is woken by a new job, a wish and a signal" {
    crowd crowd
    many 20 "start=$(date -u -d '+2 days' +%FT%TZ)/$(date -u -d '+3 days' +%FT%TZ)"
    watch
    wait_until 10 all PENDING 20
    sleep 2
    before=$(woken "$worker")
    ticks=$(cpu "$worker")
    sleep 5
    same "0 0" "$(($(woken "$worker") - before)) $(($(cpu "$worker") - ticks))"
    id=$(submit sh='sleep 100')
    wait_until 20 is "$id" EXECUTING
    execdm-phase "$id" abort
    is "$id" ABORTED
    sleep 0.5
    kill "$worker"
    SECONDS=0
    wait "$worker" || true
    [ "$SECONDS" -le 1 ]
}

@test "room that is given back is taken at once by the oldest that fits" {
    cat >two.yaml <<'END'
name: two
driver: local
compute: {cores: 2, memory: 2}
END
    for n in 1 2 3 4 5 6; do
        task name="job$n" sh='sleep 0.3' max=PT1H
        execdm-plan --planner=./two.yaml task.json | execdm-accept >>jobs.json
    done
    SECONDS=0
    execdm-run <jobs.json >ended.json
    same 'COMPLETED COMPLETED COMPLETED COMPLETED COMPLETED COMPLETED' "$(jq -r .phase ended.json | xargs)"
    [ "$SECONDS" -le 20 ]
    same "job1 job2 job3 job4 job5 job6" "$(jq -rs 'sort_by(.history | map(select(.phase == "PREPARING"))[0].time)[].name' ended.json | xargs)"
}
