#!/usr/bin/env bats
# Workflows of jobs that call each other: the two steps of Planner 2.5.3 at two services, a chain, and one that waits for
# many (EP-84). EXECDM_WORKFLOW_STEPS=50 is the long form of the last two.

# shellcheck disable=SC2016,SC2154 # jq has variables of its own; links.bash sets $listener

bats_require_minimum_version 1.5.0
load helper
load jobs
load links
load steps

steps=${EXECDM_WORKFLOW_STEPS:-12}

setup() {
    jobs_state
    require faketime sqlite3
    export tiny no_proxy=127.0.0.1,127.0.0.2
    case $(execdm-stage --check vos://a!b/c 2>&1 || true) in
    *"built without"*) skip "built without libcurl or libxml2" ;;
    esac
}

# of a|b CMD...: at the service of this step, which has a state and a configuration of its own
of() {
    local step=$1
    shift
    EXECDM_STATE=$BATS_TEST_TMPDIR/state-$step EXECDM_CONFIG=$BATS_TEST_TMPDIR/config-$step "$@"
}

# services: a VOSpace, the service of step-a, and that of step-b, whose triggers are behind a listener
services() {
    mkdir -p config-a config-b space/nodes
    /usr/bin/python3 "$TOP_SRCDIR/tests/vospace-server.py" port space t0ken >space.out 2>&1 3>&- &
    echo $! >space.pid
    wait_until 20 test -e port
    vospace=http://127.0.0.1:$(cat port)/vospace
    of b listen
    printf 'execdm: 1\npolicy: {private-addresses: true}\n' >config-a/execdm.yaml
    printf 'execdm: 1\nurl: http://127.0.0.1:%s\n' "$(cat calls)" >config-b/execdm.yaml
    today=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    step_b "cat /inputs/total"
}

# plan_both COMMAND: both steps are accepted, b before a; $a and $b
plan_both() {
    b=$(of b take b.yaml)
    endpoint=$(jq -r '.triggers[0].spec.endpoint' accepted.json)
    [[ $endpoint == http://127.0.0.1:$(cat calls)/triggers/* ]]
    step_a "$endpoint" "$1"
    a=$(of a take a.yaml)
    # whatever the window, both are there and nothing has begun
    same "PENDING PENDING" "$(of a job "$a" .phase) $(of b job "$b" .phase)"
}

bookings() { # STEP
    sqlite3 "state-$1/execdm.db" "SELECT count(*) FROM bookings"
}

ended_there() { # STEP ID PHASE
    of "$1" is "$2" "$3"
}

@test "the two steps of 2.5.3: the place is made, handed over, and deleted a day after step-a completed" {
    services
    plan_both "echo 6 >/results/total"
    (EXECDM_STATE=$PWD/state-b EXECDM_CONFIG=$PWD/config-b exec execdm-run --watch) 2>b.err 3>&- &
    echo $! >b.pid
    sleep 0.5
    ended_there b "$b" PENDING
    of a execdm-run "$a" >/dev/null 2>a.err
    of a is "$a" COMPLETED
    wait_until 30 ended_there b "$b" COMPLETED
    same 6 "$(cat "state-b/jobs/$b/attempt-1/stdout")"
    # the first call had no effect, the second started it
    same "step-a RUNNING 200 step-a COMPLETED 200" "$(calls '[.[] | (.body | capture("name: (?<n>.*)\n(.*\n)*status: (?<s>.*)") |
        "\(.n) \(.s)"), .status] | map(tostring) | join(" ")')"
    same "trigger trigger-001|start (status: COMPLETED)" "$(of b job "$b" '.history[1] | "\(.by)|\(.why)"')"
    of a job "$a" -e '.started' >/dev/null
    same "0 0" "$(bookings a) $(bookings b)"
    kill "$(cat b.pid)"
    wait "$(cat b.pid)" || true
    # the service of step-a keeps it for a day, and deletes it then
    same 6 "$(cat space/nodes/step-a/results/total)"
    of a faketime -f +23h execdm-run --once
    same 6 "$(cat space/nodes/step-a/results/total)"
    of a faketime -f +25h execdm-run --once
    [ ! -e space/nodes/step-a/results ]
}

@test "step-a fails: step-b is cancelled, and never reads" {
    services
    plan_both "exit 1"
    of a execdm-run "$a" >/dev/null 2>&1 || [ $? -eq 1 ]
    of a is "$a" ERROR
    of b execdm-run --once
    same "ABORTED cancelled by the trigger trigger-001" "$(of b job "$b" '"\(.phase) \(.error.message)"')"
    same "0 0" "$(bookings a) $(bookings b)"
    same 0 "$(of b job "$b" .attempt)"
}

@test "nobody calls: both end when their day is over, and release everything (2.5.3)" {
    services
    # step-a waits for a trigger of its own, so that nothing starts it
    b=$(of b take b.yaml)
    step_a "$(jq -r '.triggers[0].spec.endpoint' accepted.json)" "exit 0"
    sed -n '/^triggers:/,/^datetime:/p' b.yaml | sed '$d' >>a.yaml
    a=$(of a take a.yaml)
    of a execdm-run --once
    of b execdm-run --once
    same "PENDING trigger" "$(of a job "$a" '"\(.phase) \(.waiting_for)"')"
    same "1 1" "$(bookings a) $(bookings b)"
    # its place is made when the window opens (EP-75)
    [ -d space/nodes/step-a/results ]
    of b faketime -f +25h execdm-run --once
    same "PENDING ABORTED" "$(of b phases "$b")"
    of a faketime -f +25h execdm-run --once
    same "PENDING ABORTED" "$(of a phases "$a")"
    same "0 0" "$(bookings a) $(bookings b)"
    of a faketime -f +25h execdm-run --once
    [ ! -e space/nodes/step-a/results ]
}

@test "a chain: each starts when the one before has completed" {
    allow
    next='' id=''
    ids=()
    for i in $(seq "$steps" -1 1); do
        task sh='exit 0' name="step-$i" max=PT10S memory=0.015
        with '.resources.compute[0].spec.mincores = 0.01'
        if [ "$i" -gt 1 ]; then trigger go; fi
        if [ "$next" ]; then callout next "$next" COMPLETED,FAILED,CANCELLED; fi
        id=$(take)
        next=$(jq -r '.triggers[0].spec.endpoint // ""' accepted.json)
        ids=("$id" "${ids[@]}")
    done
    execdm-run "${ids[@]}" >done.json
    same "$steps" "$(jq -s 'map(select(.phase == "COMPLETED")) | length' done.json)"
    # in this order
    jq -s -e '[.[] | .name] as $names | (sort_by(.started) | map(.name)) == (sort_by(.name | ltrimstr("step-") | tonumber) | map(.name))' done.json
}

@test "a fan-in: one that waits for many starts when the last has completed" {
    allow
    task sh='exit 0' name=all max=PT10S memory=0.015
    with '.resources.compute[0].spec.mincores = 0.01'
    for i in $(seq "$steps"); do trigger "t$i"; done
    last=$(take)
    jq -r '.triggers[].spec.endpoint' accepted.json >endpoints
    ids=()
    while read -r endpoint; do
        task sh='exit 0' max=PT10S memory=0.015
        with '.resources.compute[0].spec.mincores = 0.01'
        callout next "$endpoint" COMPLETED,FAILED,CANCELLED
        ids+=("$(take)")
    done <endpoints
    execdm-run "${ids[@]:1}" >/dev/null
    same "PENDING trigger" "$(job "$last" '"\(.phase) \(.waiting_for)"')"
    execdm-run "${ids[0]}" "$last" >/dev/null
    is "$last" COMPLETED
    same "$steps" "$(job "$last" '[.history[] | select(.by | startswith("trigger t"))] | length')"
}
