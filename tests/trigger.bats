#!/usr/bin/env bats
# execdm-trigger and the jobs that wait for it (Planner 2.5.1; EP-70 to EP-77): early, inside, late, never, wrong values,
# several conditions, several triggers; calls recorded before they are said, each once.

# shellcheck disable=SC2016,SC2154 # jq has variables of its own; links.bash sets $listener

bats_require_minimum_version 1.5.0
load helper
load jobs
load links

setup() {
    jobs_state
    export tiny
}

# waiting [KEY=VALUE...]: a job that waits for the trigger go; its id
waiting() {
    task sh='exit 0' max=PT1M "$@"
    trigger go
    take
}

# at OFFSET CMD...: the clock is elsewhere
at() {
    local offset=$1
    shift
    faketime -f "$offset" "$@"
}

@test "an offer has the endpoints, the job keeps them; each offer has its own (EP-76)" {
    id=$(waiting start="$(window now '+1 hour')")
    jq -e '.offers[0].triggers[0] | .name == "go" and .spec.method == "POST"' answer.json
    token=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
    [[ $token =~ ^triggers/[0-9a-f]{64}$ ]]
    same "$token" "$(endpoint "$id" go)"
    # with a service they are below its URL
    printf 'execdm: 1\nurl: https://here.example.org/execdm\n' >"$EXECDM_CONFIG/execdm.yaml"
    with '.datetime = [.datetime[0], .datetime[0] * {maxduration: "PT2M"}]'
    execdm-plan task.json >answer.json
    jq -e '[.offers[].triggers[0].spec.endpoint] | length == 2 and (unique | length == 2) and
        all(startswith("https://here.example.org/execdm/triggers/"))' answer.json
    # a name is given where there is none
    with 'del(.triggers[0].name)'
    execdm-plan task.json | jq -e '.offers[0].triggers[0].name == "trigger-001"'
    execdm-validate --as=answer answer.json >again.json
    cmp answer.json again.json
}

@test "inside the window: it waits, and starts at the call (EP-73, EP-74)" {
    id=$(waiting start="$(window '-1 minute' '+1 hour')")
    execdm-run --once
    same "PENDING trigger" "$(job "$id" '"\(.phase) \(.waiting_for)"')"
    [[ $(fire "$id" go status=COMPLETED) == *"recorded; the job starts" ]]
    same worker "$(job "$id" .waiting_for)"
    work "$id"
    same "PENDING PENDING QUEUED PREPARING EXECUTING FINALIZING COMPLETED" "$(phases "$id")"
    same "trigger go|start (status: COMPLETED)" "$(job "$id" '.history[1] | "\(.by)|\(.why)"')"
}

@test "before the window: recorded, and it starts when it opens" {
    id=$(waiting start="$(window '+3 seconds' '+1 hour')")
    [[ $(fire "$id" go status=COMPLETED) == *"when its window opens" ]]
    execdm-run --once
    same "PENDING start window" "$(job "$id" '"\(.phase) \(.waiting_for)"')"
    work "$id"
    is "$id" COMPLETED
    job "$id" -e '(.started | sub("\\..*"; "Z") | fromdate) >= (.datetime[0].start | split("/")[0] | fromdate)'
}

@test "never: ABORTED when the window closes, and all is released; later calls have no effect" {
    id=$(waiting start="$(window now '+2 seconds')")
    execdm-run "$id" >end.json || [ $? -eq 1 ]
    same "ABORTED startwindow" "$(job "$id" '"\(.phase) \(.error.reason)"')"
    has "$(job "$id" .error.message)" "go was not called"
    [[ $(fire "$id" go status=COMPLETED) == *"the job has ended, so nothing changes" ]]
    same "PENDING ABORTED" "$(phases "$id")"
}

@test "after the window, before a worker has seen that: no effect" {
    id=$(waiting start="$(window now '+1 second')")
    sleep 2.2
    [[ $(fire "$id" go status=COMPLETED) == *"the start window is closed, so nothing changes" ]]
    execdm-run --once
    same "PENDING ABORTED" "$(phases "$id")"
}

@test "a value that meets no condition changes nothing (EP-77); nor does a wrong name" {
    id=$(waiting)
    before=$(execdm-status "$id")
    for value in RUNNING completed "COMPLETED " "COMPLETED,FAILED" ""; do
        [[ $(fire "$id" go "status=$value") == *"no condition of it is met, so nothing changes" ]]
    done
    [[ $(fire "$id" go state=COMPLETED) == *"no condition of it is met, so nothing changes" ]]
    same "$before" "$(execdm-status "$id")"
}

@test "cancel: waiting, running, and where both are asked for (EP-70, EP-71)" {
    for values in status=FAILED status=CANCELLED; do
        id=$(waiting)
        [[ $(fire "$id" go $values) == *"recorded; the job is cancelled" ]]
        execdm-run --once
        same "ABORTED CANCELLED cancelled by the trigger go" "$(job "$id" '"\(.phase) \(.status) \(.error.message)"')"
    done
    # a trigger that only cancels does not hold the job back
    task sh='sleep 100' max=PT2M
    trigger stop '' STOP
    id=$(take)
    execdm-run --once
    is "$id" EXECUTING
    execdm-trigger -q "$id" stop status=STOP >/dev/null
    execdm-run --once
    is "$id" ABORTED
    # two names in one call
    task sh='exit 0'
    trigger go
    with '.triggers[0].spec.conditions += [{name: "other", value: "YES", action: "cancel"}, {name: "n", value: "7,true", action: "start"}]'
    id=$(take)
    printf 'status: COMPLETED\nother: "YES"\n' | execdm-trigger -q "$id" go >/dev/null
    execdm-run --once
    is "$id" ABORTED
    # values that YAML and JSON do not write as strings
    for body in 'n: 7' 'n: true' '{"n": 7}'; do
        id=$(take)
        printf '%s\n' "$body" | execdm-trigger -q "$id" go >/dev/null
        work "$id"
        is "$id" COMPLETED
    done
}

@test "several triggers: all of those that start it (DEVIATIONS 28)" {
    task sh='exit 0'
    trigger a
    trigger b
    trigger stop '' STOP
    id=$(take)
    [[ $(fire "$id" b status=COMPLETED) == *"the job waits for a, too" ]]
    execdm-run --once
    is "$id" PENDING
    [[ $(fire "$id" b status=COMPLETED) == *"it was called so before, so nothing more changes" ]]
    execdm-run --once
    is "$id" PENDING
    fire "$id" a status=COMPLETED
    work "$id"
    is "$id" COMPLETED
}

@test "by its endpoint, by the token alone, as a URL; with a body of name: value lines (EP-72)" {
    id=$(waiting)
    e=$(endpoint "$id" go)
    printf 'name: a\ndate: 2026-01-01\nident: x\nstatus: RUNNING\n' | execdm-trigger -q "$e" | jq -e --arg id "$id" '.id == $id'
    same 1 "$(job "$id" '.history | length')"
    printf 'name: a\nstatus: COMPLETED\n' | execdm-trigger -q "https://any.example/x/$e" >/dev/null
    same 2 "$(job "$id" '.history | length')"
    execdm-trigger -q "${e#triggers/}" status=FAILED >/dev/null
    execdm-run --once
    is "$id" ABORTED
}

@test "who has not the token, or the name, calls nothing" {
    id=$(waiting)
    e=$(endpoint "$id" go)
    last=${e: -1}
    run -66 execdm-trigger "${e%?}$([ "$last" = 0 ] && echo 1 || echo 0)" status=COMPLETED
    run -66 execdm-trigger "$(printf 'triggers/%064d' 0)" status=COMPLETED
    run -66 execdm-trigger "$id" come status=COMPLETED
    run -66 execdm-trigger 00000000-0000-7000-8000-000000000000 go status=COMPLETED
    run -64 execdm-trigger
    run -64 execdm-trigger "$id"
    run -64 execdm-trigger "$id" go COMPLETED
    run -65 execdm-trigger "$id" go <<<'[1, 2]'
    same 1 "$(job "$id" '.history | length')"
    # of an offer that nobody accepted
    execdm-plan task.json >answer.json
    run -79 execdm-trigger "$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)" status=COMPLETED
    has "$output" "which is no job"
}

@test "its room is held from the beginning of the window to its end, and no longer (EP-75)" {
    cores=$(nproc)
    task sh='exit 0' max=PT1M start="$(window now '+1 hour')"
    with '.resources.compute[0].spec.mincores = $n' --argjson n "$cores"
    cp task.json plain.json
    trigger go
    id=$(take)
    # nobody else fits beside it, before its last start and the run after it
    execdm-plan plain.json | jq -e '.result == "NO"' || false
    jq --arg s "$(window '+55 minutes' '+70 minutes')" '.datetime[0].start = $s' plain.json >later.json
    execdm-plan later.json >later.answer
    jq -e '.result == "YES"' later.answer
    execdm-run --once
    is "$id" PENDING
    # once it has started it holds only what it uses
    fire "$id" go status=COMPLETED
    work "$id"
    execdm-plan plain.json | jq -e '.result == "YES"'
    # and nothing when it was cancelled, or never called
    id=$(take)
    run -1 execdm-plan plain.json
    fire "$id" go status=FAILED
    execdm-run --once
    execdm-plan plain.json | jq -e '.result == "YES"'
}

@test "a window that is taken in part: what is left of it is offered" {
    cores=$(nproc)
    task sh='exit 0' max=PT10M start="$(window '+60 minutes' '+61 minutes')"
    with '.resources.compute[0].spec.mincores = $n' --argjson n "$cores"
    take
    # the end of the window is free: it is held from when there is room for that
    with '.datetime[0].start = $s' --arg s "$(window now '+5 hours')"
    trigger go
    execdm-plan task.json >answer.json
    jq -e --argjson now "$(date +%s)" '.offers[0].datetime[0].start | split("/") | map(fromdate - $now) |
        .[0] > 69 * 60 and .[0] < 72 * 60 and .[1] > 299 * 60' answer.json
    # it is not: from now on, for as long as there is room
    with '.datetime[0].start = $s' --arg s "$(window now '+65 minutes')"
    execdm-plan task.json >answer.json
    jq -e --argjson now "$(date +%s)" '.offers[0].datetime[0].start | split("/") | map(fromdate - $now) |
        .[0] < 60 and .[1] > 48 * 60 and .[1] < 51 * 60' answer.json
    # nobody asked: a day
    with 'del(.datetime)'
    with '.resources.compute[0].spec.mincores = 0'
    execdm-plan task.json | jq -e '.offers[0].datetime[0].start | split("/") | map(fromdate) | .[1] - .[0] == 86400'
}

@test "what cannot be: a trigger of another type" {
    task sh='exit 0'
    trigger go
    with '.triggers[0].type = "https://example.org/phone"'
    run -1 execdm-plan task.json
    has "$output" '"rule":"triggers"' /triggers/0/type
    with '.triggers[0] |= {name, type: ($u + "email"), spec: {}}'
    run -1 execdm-plan task.json
    has "$output" '"rule":"triggers"'
}

@test "held back by its owner: the call is recorded, and counts when it is released" {
    id=$(waiting)
    execdm-phase "$id" hold >/dev/null
    fire "$id" go status=COMPLETED
    execdm-run --once
    is "$id" HELD
    execdm-phase "$id" release >/dev/null
    work "$id"
    is "$id" COMPLETED
}

@test "a clock that jumps: back opens the window again, forward closes it" {
    require faketime
    id=$(waiting start="$(window now '+1 hour')")
    at -2h execdm-run --once
    same "PENDING start window" "$(at -2h execdm-status "$id" | jq -r '"\(.phase) \(.waiting_for)"')"
    at -2h execdm-trigger -q "$id" go status=COMPLETED >/dev/null
    at -2h execdm-run --once
    is "$id" PENDING
    work "$id"
    is "$id" COMPLETED
    id=$(waiting start="$(window now '+1 hour')")
    [[ $(at +2h execdm-trigger "$id" go status=COMPLETED 2>&1 >/dev/null) == *"the start window is closed"* ]]
    at +2h execdm-run --once
    is "$id" ABORTED
}

@test "a window that is past already is no window" {
    task sh='exit 0' start="$(window '-2 hours' '-1 hour')"
    trigger go
    run -1 execdm-plan task.json
    has "$output" '"rule":"no-slot"'
}

@test "called by many at once: recorded once" {
    id=$(waiting)
    e=$(endpoint "$id" go)
    pids=()
    for _ in 1 2 3 4 5 6 7 8; do
        execdm-trigger -q "$e" status=COMPLETED >/dev/null 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    same 2 "$(job "$id" '.history | length')"
    work "$id"
    same "PENDING PENDING QUEUED PREPARING EXECUTING FINALIZING COMPLETED" "$(phases "$id")"
}

@test "kill -9 of caller and worker at any moment: what was said is so, and happens once" {
    for _ in $(seq "${EXECDM_TRIGGER_KILLS:-6}"); do
        id=$(waiting)
        rm -f said
        execdm-trigger "$id" go status=COMPLETED 2>said >/dev/null 3>&- &
        caller=$!
        execdm-run --watch 2>/dev/null 3>&- &
        worker=$!
        echo "$worker" >worker.pid
        sleep "0.0$((RANDOM % 80 + 10))"
        kill -9 "$caller" "$worker" 2>/dev/null || true
        wait "$caller" "$worker" 2>/dev/null || true
        execdm-run --once
        fired=$(job "$id" '[.history[] | select(.by == "trigger go")] | length')
        if grep -q recorded said; then same 1 "$fired"; fi
        [ "$fired" -le 1 ]
        [ "$fired" = 1 ] || is "$id" PENDING
        fire "$id" go status=COMPLETED
        work "$id"
        same "COMPLETED 1" "$(job "$id" '"\(.phase) \([.history[] | select(.by == "trigger go")] | length)"')"
    done
}

@test "triggers without a name get one that no other has" {
    task sh='exit 0'
    jq '"https://www.purl.org/ivoa.net/webservice-types/value-update" as $u
        | {type: $u, spec: {conditions: [{name: "s", value: "X", action: "start"}]}} as $t
        | .triggers = [$t + {name: "trigger-002"}, $t]' task.json >two.json
    execdm-plan two.json | execdm-accept >job.json
    id=$(jq -r .id job.json)
    same "trigger-002 trigger-003" "$(job "$id" '[.triggers[].name] | join(" ")')"
    for i in 0 1; do
        execdm-trigger "$(job "$id" ".triggers[$i].spec.endpoint")" s=X >/dev/null
    done
    execdm-run "$id" >run.json
    same COMPLETED "$(jq -r .phase run.json)"
}
