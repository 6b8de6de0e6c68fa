#!/usr/bin/env bats
# What is worst for jobs: killed at any system call, refused by the kernel, a crowd, a clock that jumps, power that fails.
# After each: survived (survive.bash). The long forms: EXECDM_STRUCK_POINTS (500 and more), EXECDM_STRUCK_ERRORS,
# EXECDM_POWER_ROUNDS, how often power fails.

bats_require_minimum_version 1.5.0
load helper
load jobs
load survive

setup() {
    jobs_state
    export tiny
}

# The program of every job here: one line, as survived wants it, after so many seconds.
line_after() {
    # shellcheck disable=SC2016
    printf 'read u </proc/sys/kernel/random/uuid; echo $u >>/outputs/mark; echo $u; sleep %s' "$1"
}

@test "killed at a system call: client, worker, supervisor, stager; nothing accepted is lost, or runs twice" {
    require strace
    "$TOP_SRCDIR/tests/struck-jobs" "${EXECDM_STRUCK_POINTS:-12}" "${EXECDM_STRUCK_SEED:-7}"
}

@test "ENOSPC, EIO, EINTR at a system call: who fails says so, nothing accepted is lost, and it goes on afterwards" {
    require strace
    EXECDM_STRUCK_BY='ENOSPC EIO EINTR' "$TOP_SRCDIR/tests/struck-jobs" "${EXECDM_STRUCK_ERRORS:-12}" "${EXECDM_STRUCK_SEED:-7}"
}

# client N: plans, accepts, and aborts (each fourth) or asks (each third); busy is no answer. What was said is in said.N.
client() {
    local id code
    execdm-offer --platform=./lab.yaml task.json >"answer.$1" || return 1
    for _ in 1 2 3; do
        code=0
        execdm-accept "answer.$1" >"said.$1" || code=$?
        [ "$code" = 75 ] || break
    done
    id=$(jq -r .id "said.$1")
    [ "$id" ] || return 1
    case $(($1 % 12)) in 0 | 4 | 8) execdm-phase "$id" abort >"abort.$1" || [ $? = 79 ] || return 1 ;; esac
    case $(($1 % 3)) in 0) execdm-status --format=json "$id" >/dev/null || return 1 ;; esac
}

@test "64 clients and 8 workers at once on one store: each job that was accepted ends, and ran once" {
    local i pids=() clients=()
    printf 'name: lab\ndriver: local\ncompute: {cores: 64, memory: 64}\n' >lab.yaml
    task sh="$(line_after 0.1)" max=PT2M
    for i in {1..6}; do
        execdm-run --watch >"worker.$i" 2>&1 3>&- &
        pids+=($!)
        echo $! >"worker$i.pid"
    done
    for i in 7 8; do
        (until [ -e stop ]; do execdm-run --once; done) >"worker.$i" 2>&1 3>&- &
        pids+=($!)
    done
    for i in {1..64}; do
        client "$i" 2>"client.$i" 3>&- &
        clients+=($!)
    done
    for i in {1..64}; do
        wait "${clients[i - 1]}" || { cat "client.$i" && return 1; }
    done
    mapfile -t ids < <(cat said.* | jq -r .id)
    same "64 64" "${#ids[@]} $(printf '%s\n' "${ids[@]}" | sort -u | wc -l)"
    wait_until 120 nobody_live
    touch stop
    kill "${pids[@]:0:6}"
    wait "${pids[@]}" || true
    survived "${ids[@]}"
    for id in "${ids[@]}"; do same 1 "$(job "$id" .attempt | tr 0 1)"; done
    # aborts that were said, and nothing else, kept jobs from completing
    same "$(cat abort.* | jq -r 'select(.phase == "ABORTED").id' | sort)" \
        "$(execdm-status --list | jq -r 'select(.phase != "COMPLETED").id' | sort)"
}

nobody_live() {
    [ "$(sqlite3 -cmd '.timeout 5000' "$EXECDM_STATE/execdm.db" 'SELECT count(*) FROM jobs WHERE live')" = 0 ]
}

# What follows sees the clock that the file `clock` tells (+90m), also when that changes.
shifted() {
    (exec env FAKETIME_TIMESTAMP_FILE="$PWD/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
        LD_PRELOAD="$(faketime -f +0s printenv LD_PRELOAD)" "$@")
}
jump() { # TO: and somebody wakes the worker
    echo "$1" >clock.new
    mv clock.new clock
    : >"$EXECDM_STATE/wake"
}

@test "the clock jumps forward and back under a worker with jobs that run, wait, and are to come" {
    require faketime sqlite3
    local at
    at=$(date +%s)
    window() { printf '%s/%s' "$(date -u -d "@$((at + $1))" +%FT%TZ)" "$(date -u -d "@$((at + $2))" +%FT%TZ)"; }
    echo +0s >clock
    running=$(submit name=running sh="$(line_after 6)" max=PT1M)
    coming=$(submit name=coming sh="$(line_after 0)" max=PT1M start="$(window 3600 36000)")
    closing=$(submit name=closing sh="$(line_after 0)" max=PT1M start="$(window 1800 2400)")
    later=$(submit name=later sh="$(line_after 0)" max=PT1M start="$(window 86400 172800)")
    # shellcheck disable=SC2016
    shifted sh -c 'echo $$ >watch.pid; exec execdm-run --watch' >watch.out 2>&1 3>&- &
    worker=$!
    wait_until 30 is "$running" EXECUTING
    same "PENDING PENDING PENDING" "$(for id in $coming $closing $later; do job "$id" .phase; done | xargs)"
    jump +90m
    wait_until 20 is "$coming" COMPLETED
    wait_until 20 is "$closing" ABORTED
    is "$running" EXECUTING # limits of run time are not of the clock
    is "$later" PENDING
    task name=under sh="$(line_after 4)" max=PT1M
    shifted execdm-plan task.json >answer.json
    under=$(shifted execdm-accept answer.json | jq -r .id)
    wait_until 20 is "$under" EXECUTING
    jump -1d # and far back, while both run
    wait_until 20 is "$running" COMPLETED
    wait_until 20 is "$under" COMPLETED
    is "$later" PENDING
    jump +0s
    fresh=$(submit name=fresh sh="$(line_after 0)" max=PT1M)
    wait_until 20 is "$fresh" COMPLETED
    jump +25h
    wait_until 20 is "$later" COMPLETED
    for id in $running $coming $under $later $fresh; do same 1 "$(job "$id" .attempt)"; done
    leave watch.pid
    wait "$worker" || true
    survived "$running" "$coming" "$closing" "$later" "$under" "$fresh"
}

# Nothing that is not on the disk stays: ext4 is shut down without writing its journal, and what ran is gone.
power_fails() { # DIR
    local pid
    /usr/bin/python3 -c 'import fcntl, os, struct, sys
with open(sys.argv[1] + "/unsynced", "w") as f: f.write("1")
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2)) # EXT4_IOC_SHUTDOWN, NOLOGFLUSH' "$1"
    for _ in {1..50}; do
        for pid in $(at_work | sed -n 's/.*(\([0-9]*\))$/\1/p'); do kill -9 "$pid" 2>/dev/null || true; done
        if umount "$1" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    echo "$1 is still busy" >&2
    return 1
}

# One round, with explicit returns: jobs come and run, power fails, and there is a new day.
powered() {
    local i pid worker ids=() done_ids=()
    mkdir "$EXECDM_STATE"
    (for i in 1 2 3 4 5 6; do
        execdm-offer --platform=./lab.yaml task.json >"answer.$i" && execdm-accept "answer.$i" >"said.$i"
        sleep 0.1
    done) >clients.err 2>&1 3>&- &
    pid=$!
    execdm-run --watch >watch.out 2>&1 3>&- &
    worker=$!
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    execdm-status --list >list 2>/dev/null || true
    power_fails disk || return 1
    wait "$pid" "$worker" 2>/dev/null || true
    # A copy: where somebody's mount namespace still has the dead one, its loop device would be taken again.
    cp disk.img again.img && mount -o loop again.img disk || return 1
    [ ! -s disk/unsynced ] || return 1 # power did fail
    mapfile -t ids < <(cat said.* 2>/dev/null | jq -r .id)
    mapfile -t done_ids < <(jq -r 'select(.phase == "COMPLETED").id' list)
    echo "${#ids[@]} accepted, ${#done_ids[@]} completed"
    if [ "${#ids[@]}" -gt 0 ]; then survived "${ids[@]}" || return 1; fi
    for id in "${done_ids[@]}"; do same "COMPLETED 1" "$(job "$id" '"\(.phase) \(.attempt)"')" || return 1; done
    [ "$(execdm-status --list | wc -l)" -le 6 ]
}

# bats test_tags=root
@test "power fails under a store on ext4: what was accepted is there, and what was completed has its results" {
    local round status=0
    printf 'name: lab\ndriver: local\ncompute: {cores: 64, memory: 64}\n' >lab.yaml
    task sh="$(line_after 0.3)" max=PT2M
    mkdir disk
    export EXECDM_STATE=$PWD/disk/state
    for ((round = 1; round <= ${EXECDM_POWER_ROUNDS:-4}; round++)); do
        rm -f said.* disk.img again.img
        truncate -s 64M disk.img
        mkfs.ext4 -q disk.img
        mount -o loop disk.img disk || skip "cannot mount a loop device"
        powered || status=$? # which is no place for set -e
        if [ "$status" != 0 ]; then find "$EXECDM_STATE/jobs" -printf '%P %s\n'; fi
        power_fails disk
        same 0 "$status"
    done
}
