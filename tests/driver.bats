#!/usr/bin/env bats
# Drivers: each keeps the contract of execdm-driver(7), and tests/driver-check would say if it did not.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
    export EXECDM_DRIVER_PATH=$EXECDM_DRIVER_PATH:$PWD/drivers
    mkdir drivers
}

# check NAME...: the kit; its lines are in `lines`, those that are not ok in `wrong`.
check() {
    local status=0
    /usr/bin/python3 "$TOP_SRCDIR/tests/driver-check" "$@" >lines 2>errors || status=$?
    grep '^not ok' lines >wrong || true
    cat errors
    return "$status"
}

@test "the driver local keeps the contract" {
    check local || { cat lines && false; }
    [ "$(grep -c '^ok' lines)" -ge 40 ]
}

# bats test_tags=user
@test "the driver of contrib in sh keeps the contract" {
    cp "$TOP_SRCDIR/contrib/execdm-driver-sh" drivers/
    check sh || { cat lines && false; }
    [ "$(grep -c '^ok' lines)" -ge 40 ]
}

# bats test_tags=user
@test "a job by the driver in sh: planned, run, its result stored; another aborted" {
    cp "$TOP_SRCDIR/contrib/execdm-driver-sh" drivers/
    echo '{name: sh, driver: sh, compute: {cores: 2, memory: 2}}' >sh.yaml
    echo 'import sys; print(sys.argv[1]); open("/outputs/a", "w").write("1\n")' >hello.py
    task program=hello.py arg=there rw:/outputs=out/
    execdm-plan --planner=./sh.yaml task.json | execdm-accept | execdm-run >job.json
    same "COMPLETED sh" "$(jq -r '"\(.phase) \(.platform)"' job.json)"
    same 1 "$(cat out/a)"
    same there "$(cat "$(files "$(jq -r .id job.json)")/attempt-1/stdout")"
    echo 'import time; time.sleep(100)' >hello.py
    task program=hello.py
    id=$(execdm-plan --planner=./sh.yaml task.json | execdm-accept | jq -r .id)
    execdm-run --once
    is "$id" EXECUTING
    execdm-phase "$id" abort
    is "$id" ABORTED
}

# broken PART BODY: what the kit says of one part, of a driver that is the local one behind BODY.
broken() {
    local driver=${EXECDM_DRIVER_PATH%%:*}/execdm-driver-local
    printf '#!/bin/sh\n%s\n' "${2//LOCAL/$driver}" >drivers/execdm-driver-broken
    chmod +x drivers/execdm-driver-broken
    ! check --part="$1" broken
}

# bats test_tags=once
@test "the kit finds what is wrong" {
    # shellcheck disable=SC2016
    {
        broken caller 'LOCAL "$1" | sed "s/\"id\":\"a\"/\"id\":\"x\"/"'
        grep 'the reply has the id' wrong
        grep -A 3 'the reply has the id' lines | grep 'the last call: probe: exit 0 .*"id":"x"' # the whole reply, to tell why
        broken caller 'LOCAL "$1" | grep -v "\"id\":\"b\""'
        grep 'two lines, two replies' wrong
        broken protocol 'LOCAL "$1"; exit 0'
        grep 'a verb that is not there' wrong
        grep 'a header of another version' wrong
        broken ends '[ "$1" = status ] || exec LOCAL "$1"; LOCAL status | sed "s/\"failed\"/\"done\"/"'
        grep 'exit code 3' wrong
        broken strangers '[ "$1" = status ] || exec LOCAL "$1"; LOCAL status | sed "s/\"unknown\"/\"done\"/"'
        grep 'what never was is unknown' wrong
        broken once '[ "$1" = find ] || exec LOCAL "$1"; LOCAL find | sed "s/\"natives\":\[[^]]*\]/\"natives\":[]/"'
        grep 'find: it is found' wrong
        broken cancel '[ "$1" = cancel ] || exec LOCAL "$1"; sed 1d | sed "s/.*\(\"id\": *\"[^\"]*\"\).*/{\1,\"ok\":true}/"'
        grep 'no process of it is left' wrong
        broken walls 'sed "s/\"mode\": *\"r\"/\"mode\":\"rw\"/" | LOCAL "$1"'
        grep 'an input cannot be written' wrong
    }
    run check --part=nosuch local
    same 1 "$status"
    run check nosuch
    same 1 "$status"
}

@test "a backend that does not answer for a while: UNKNOWN, and what it is when it answers again" {
    local driver=${EXECDM_DRIVER_PATH%%:*}/execdm-driver-local
    printf '#!/bin/sh\n[ ! -e %s/down ] || { echo "the scheduler is down" >&2; exit 69; }\nexec %s "$@"\n' "$PWD" "$driver" \
        >drivers/execdm-driver-far
    chmod +x drivers/execdm-driver-far
    echo '{name: far, driver: far, compute: {cores: 2, memory: 2}}' >far.yaml
    echo 'import time; time.sleep(300)' >wait.py
    task program=wait.py
    execdm-plan --planner=./far.yaml task.json >answer.json
    long=$(execdm-accept answer.json | jq -r .id)
    echo 'import time; time.sleep(8)' >short.py
    task program=short.py
    execdm-plan --planner=./far.yaml task.json >answer.json
    short=$(execdm-accept answer.json | jq -r .id)
    execdm-run "$long" "$short" >ended.json 2>run.err 3>&- &
    echo $! >run.pid
    wait_until 20 is "$long" EXECUTING
    wait_until 20 is "$short" EXECUTING
    touch down
    wait_until 60 is "$long" UNKNOWN
    is "$short" UNKNOWN
    same "RUNNING backend" "$(job "$long" '"\(.status) \(.waiting_for)"')"
    has "$(job "$long" '.history[-1].why')" "the scheduler is down"
    rm down
    # the one has ended meanwhile, and the other goes on
    wait_until 30 is "$short" COMPLETED
    wait_until 30 is "$long" EXECUTING
    same "its backend answers again" "$(job "$long" '.history[-1].why')"
    touch down
    wait_until 60 is "$long" UNKNOWN
    rm down
    execdm-phase "$long" abort
    is "$long" ABORTED
}

# A cluster that no machine here has: its sinfo is seen by this process and its children only.
# bats test_tags=root
@test "the driver slurm tells what one node has, and leaves out what is down or drained" {
    require unshare
    cat >inside <<'END'
set -e
mount -t tmpfs bin /usr/local/bin
printf '#!/bin/sh\ncat "%s/nodes"\n' "$PWD" >/usr/local/bin/sinfo
printf '#!/bin/sh\n' >/usr/local/bin/squeue
chmod +x /usr/local/bin/*
printf '{"execdm_driver":1,"verb":"probe"}\n{"id":"a"}\n' | execdm-driver-slurm probe |
    jq -c '[.facts.cores, .facts.memory, .facts.maxcores, .facts.maxmemory * 1024, .load.free]'
END
    cat >nodes <<'END'
few|2/6/0/8|65552|main*
many|0/16/0/16|8208|main*
more|0/16/0/16|16400|main*
more|0/16/0/16|16400|other
drained|0/0/64/64|1048576|main*
half|0/16/8/24|4112|main*
elsewhere|0/128/0/128|1048576|other
END
    same "[56,$(jq -n '(65552 + 8208 + 16400 + 4112) / 1024'),16,16384,54]" "$(unshare --mount bash inside)"
    sed -i /more/d nodes
    same 8192 "$(unshare --mount bash inside | jq '.[3]')"
}

@test "a lock that cannot be asked is not free: status says so, and nothing is lost or doubled" {
    mkdir -p attempt/alive # which cannot be opened to be asked
    printf execdm-x-1 >attempt/started
    line=$(jq -nc --arg dir "$PWD/attempt" '{id: "x", stamp: "execdm-x-1", native: $dir, exitfile: "\($dir)/exit.json"}')
    say() { printf '{"execdm_driver":1,"verb":"%s","deadline_s":2}\n%s\n' "$1" "$line" | "${EXECDM_DRIVER_PATH%%:*}/execdm-driver-local" "$1"; }
    same temporary "$(say status | jq -r .error.kind)"
    same temporary "$(say cancel | jq -r .error.kind)"
    rm attempt/started
    same false "$(say find | jq .complete)"
    rmdir attempt/alive
    same true "$(say find | jq .complete)"
    printf execdm-x-1 >attempt/started
    same lost "$(say status | jq -r .state)"
}

# bats test_tags=root
@test "no room on the disk for the fence: nothing has begun, and it can be tried again" {
    mkdir disk
    mount -t tmpfs -o size=1m execdm-test disk || skip "cannot mount a tmpfs"
    mkdir disk/attempt
    head -c 10000000 /dev/zero >disk/fill || true
    line=$(jq -nc --arg dir "$PWD/disk/attempt" '{id: "x", stamp: "execdm-x-1", exitfile: "\($dir)/exit.json",
        stdout: "\($dir)/stdout", stderr: "\($dir)/stderr", exec: {}, mounts: [], limits: {}}')
    say() { printf '{"execdm_driver":1,"verb":"%s","deadline_s":5}\n%s\n' "$1" "$line" | "${EXECDM_DRIVER_PATH%%:*}/execdm-driver-local" "$1"; }
    kind=$(say submit | jq -r .error.kind)
    left=$(cd disk/attempt && echo *)
    rm disk/fill
    state=$(say cancel | jq -r .state)
    fence=$(cat disk/attempt/started)
    umount -l disk
    same "temporary cancelled execdm-x-1" "$kind $state $fence"
    same "alive control" "$left"
}
