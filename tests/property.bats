#!/usr/bin/env bats
# Offers keep their word, whoever else accepts at the same time, and booked hours are free again when a job ends early.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
}

@test "random platforms and tasks, 64 accepting processes, an oracle: no overbooking, everything within what was asked for" {
    "$TOP_SRCDIR/tests/property"
}

@test "sixty jobs of an hour at most, and a moment each, end in less than a minute or two" {
    "$TOP_SRCDIR/tests/many-jobs" "${EXECDM_MANY_JOBS:-60}"
}

@test "a clock that was set back starts no job before its window, though it was open once" {
    local long id
    require faketime
    printf 'name: one\ndriver: local\ncompute: {cores: 1, memory: 4}\n' >one.yaml
    task sh='sleep 60' max=PT1H
    long=$(execdm-offer --platform=./one.yaml task.json | execdm-accept | jq -r .id)
    execdm-run "$long" >long.json 2>long.err 3>&- &
    echo $! >run.pid
    wait_until 20 is "$long" EXECUTING
    task sh='echo too soon' max=PT5M start="$(date -u -d '+1 hour 10 minutes' +%Y-%m-%dT%H:%M:%SZ)/PT3H"
    id=$(execdm-offer --platform=./one.yaml task.json | execdm-accept | jq -r .id)
    # by this clock its window is open, but the room is held by who is late
    faketime -f +2h execdm-run --once
    same QUEUED "$(job "$id" .phase)"
    execdm-phase "$long" abort >aborted.json
    execdm-run --once
    same QUEUED "$(job "$id" .phase)"
    faketime -f +2h execdm-run --once
    wait_until 20 eval "execdm-run --once; is $id COMPLETED"
}
