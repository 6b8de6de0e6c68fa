#!/usr/bin/env bats
# Who may use which platform, and how much: before an offer is made, and again when it is accepted (EP-57, EP-5C).
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    require sqlite3
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    me=$(id -un)
    ours=$(id -gn)
    platform lab
    echo 'print("hello")' >p.py
    compute '{mincores: 2, minmemory: 1}'
}

platform() { # NAME [YAML...]
    local name=$1
    shift
    printf 'name: %s\ndriver: local\ncompute: {cores: 64, memory: 64, maxcores: 16}\n' "$name" >"$EXECDM_CONFIG/platforms.d/$name.yaml"
    printf '%s\n' "$@" >>"$EXECDM_CONFIG/platforms.d/$name.yaml"
}

quotas() { # YAML...: the rows
    printf 'execdm: 1\npolicy:\n  quotas:\n' >"$EXECDM_CONFIG/execdm.yaml"
    printf '    - %s\n' "$@" >>"$EXECDM_CONFIG/execdm.yaml"
}

compute() { # SPEC [YAML...]: t.yaml
    printf 'executable: {type: "https://www.purl.org/ivoa.net/executable-types/python-program", spec: {program: p.py}}\n' >t.yaml
    printf 'resources: {compute: [{spec: %s}]}\n' "$1" >>t.yaml
    shift
    printf '%s\n' "$@" >>t.yaml
}

plan() { # WANTED-CODE ARG...: and what it said in out and reasons
    local want=$1 code=0
    shift
    execdm-plan "$@" t.yaml >out || code=$?
    jq -r '.messages[] | "\(.platform) \(.rule): \(.text); \(.hint)"' out >reasons
    [ "$code" -eq "$want" ] || { echo "execdm-plan ended with $code, expected $want" && cat out && return 1; }
}

yes() {
    plan 0 "$@"
}

no() { # TEXT of a reason
    plan 1
    has "$(cat reasons)" "$1"
    same 0 "$(jq '.offers | length' out)"
}

# take ARG...: plans and accepts; prints the job's id
take() {
    yes "$@" && execdm-accept out | jq -r .id
}

@test "an offer lists who may use it; without a configuration there is no limit" {
    yes
    jq -e --arg me "$me" '.offers[0].authentication
        == [{name: "local-account", type: "https://www.purl.org/ivoa.net/authentication-types/local-account",
             mode: "implicit", spec: {username: $me}}]' out
    execdm-validate --as=answer out >/dev/null
    same 16 "$(jq '.offers[0].resources.compute[0].spec.maxcores' out)"
    same "$me" "$(execdm-accept out | jq -r .owner)"
    printf 'execdm: 1\n' >"$EXECDM_CONFIG/execdm.yaml"
    yes
}

@test "a platform for others is NO, and the rest of its reasons are told, too" {
    platform lab 'policy: {identities: [somebody, else], groups: [no-such-group]}'
    no "lab not-allowed: $me may not use this platform; it is for 2 identities and the groups no-such-group (Planner 2.3)"
    compute '{mincores: 99}'
    no 'lab not-allowed: '
    has "$(cat reasons)" 'lab cores: '
    compute '{mincores: 1}'
    platform lab "policy: {identities: [somebody, '$me']}"
    yes
    platform lab "policy: {identities: [somebody], groups: [no-such-group, '$ours']}"
    yes
    platform lab 'policy: {identities: []}'
    no 'it is for 0 identities'
    platform lab 'policy: {}'
    yes
    # the others answer
    platform other
    platform lab 'policy: {groups: [no-such-group]}'
    yes
    same other "$(jq -r '.offers[].platform' out)"
    has "$(cat reasons)" 'lab not-allowed: '
}

@test "cores: as many as the quota are YES, one more is NO, and an ended job gives them back" {
    local id
    quotas "{identity: '$me', cores: 5}"
    # a job may grow to what is left of it, and no further
    yes
    same '[2,5]' "$(jq -c '.offers[0].resources.compute[0].spec | [.mincores, .maxcores]' out)"
    id=$(take)
    yes
    same '[2,3]' "$(jq -c '.offers[0].resources.compute[0].spec | [.mincores, .maxcores]' out)"
    take
    no "lab quota: cores: 2 asked for, and 4 taken of the quota of 5 for $me (Planner 2.3); wait until a job has ended"
    compute '{mincores: 1}'
    yes
    execdm-phase "$id" abort
    execdm-run "$id" >/dev/null || true
    is "$id" ABORTED
    compute '{mincores: 2}'
    yes
    compute '{mincores: 3.001}'
    no 'cores: 3.001 asked for, and 2 taken of the quota of 5'
    same '[3.001,3]' "$(jq -c '.messages[0] | [.asked, .available]' out)"
    run -1 execdm-plan --explain t.yaml
    same '{"/resources/compute/0/spec/mincores":3}' "$(jq -c '.messages[] | select(.nearest).nearest' <<<"$output")"
}

@test "memory, jobs, and several limits at once" {
    quotas '{memory: 1.5 GiB}'
    take
    no 'lab quota: memory: 1 GiB asked for, and 1 GiB taken of the quota of 1.5 GiB for everyone'
    quotas '{jobs: 2, cores: 3}'
    no 'cores: 2 asked for, and 2 taken of the quota of 3'
    same 1 "$(wc -l <reasons)"
    quotas '{jobs: 2}'
    take
    no 'jobs: 1 asked for, and 2 taken of the quota of 2 for everyone'
    quotas '{jobs: 2, cores: 3, memory: 1 MB}'
    no 'jobs: 1 asked for'
    same 3 "$(wc -l <reasons)"
    quotas '{jobs: 0}'
    no 'jobs: 1 asked for, and 2 taken of the quota of 0'
}

@test "core hours of a day: what is booked counts, and of an ended job what it used" {
    local id
    quotas '{hours: 3}'
    compute '{mincores: 2, minmemory: 0.0625}' 'datetime: [{maxduration: PT1H}]'
    id=$(take)
    no 'core hours a day: 2 asked for, and 2 taken of the quota of 3 for everyone'
    has "$(cat reasons)" 'wait for the next day'
    compute '{mincores: 2, minmemory: 0.0625}' 'datetime: [{maxduration: PT30M}]'
    yes
    execdm-run "$id" >ended
    same COMPLETED "$(jq -r .phase ended)"
    compute '{mincores: 2, minmemory: 0.0625}' 'datetime: [{maxduration: PT1H}]'
    yes
    # what was accepted yesterday is of yesterday
    take
    no 'core hours a day: 2 asked for'
    sqlite3 "$EXECDM_STATE/execdm.db" 'UPDATE jobs SET created = created - 86400000'
    yes
}

@test "a quota for an identity goes before one for its group, and that before one for everyone" {
    quotas '{cores: 1}'
    no 'of the quota of 1 for everyone'
    quotas '{cores: 1}' "{group: '$ours', cores: 4}" '{group: no-such-group, cores: 1}' '{identity: somebody, cores: 1}'
    yes
    compute '{mincores: 5}'
    no "cores: 5 asked for, and 0 taken of the quota of 4 for each of the group $ours"
    quotas '{cores: 1}' "{group: '$ours', cores: 4}" "{identity: '$me', cores: 6}"
    yes
    compute '{mincores: 7}'
    no "quota of 6 for $me"
}

@test "a quota of some platforms counts these together, and no others" {
    platform far
    quotas '{platforms: [lab, near], cores: 3}'
    platform near
    take --planner=near
    yes
    same far "$(jq -r '.offers[].platform' out)"
    same 2 "$(grep -c 'cores: 2 asked for, and 2 taken of the quota of 3' reasons)"
    take --planner=far
    yes
    # one that is closer counts alone, but only where it is of that platform
    quotas '{platforms: [lab, near], cores: 3}' "{identity: '$me', platforms: [lab], cores: 9}"
    yes
    same 'far lab' "$(jq -r '.offers[].platform' out | paste -sd' ')"
}

@test "what others have does not count" {
    quotas '{cores: 3}'
    take
    no 'cores: 2 asked for'
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET owner = 'somebody'"
    yes
}

@test "an offer is held against the quota again when it is accepted" {
    quotas '{jobs: 1}'
    yes
    cp out first
    yes
    execdm-accept first >job
    run -79 execdm-accept out
    has "$output" 'jobs: 1 asked for, and 1 taken of the quota of 1'
    same 1 "$(execdm-status --list | wc -l)"
    # the same offer again is the same job
    execdm-accept first >again
    same "$(jq -r .id job)" "$(jq -r .id again)"
}

@test "however many accept at once, the quota holds" {
    local i n=0 pids=()
    quotas '{cores: 6}'
    for i in {1..12}; do
        yes
        cp out "answer-$i"
    done
    for i in {1..12}; do
        execdm-accept "answer-$i" >"job-$i" 2>"err-$i" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || true; done
    for i in {1..12}; do if [ -s "job-$i" ]; then n=$((n + 1)); fi; done
    same 3 $n
    same 3 "$(execdm-status --list | wc -l)"
    same 9 "$(cat err-* | grep -c 'cores: 2 asked for, and 6 taken of the quota of 6')"
}

@test "an offer to another identity cannot be accepted" {
    yes
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE offers SET doc = json_set(doc, '\$.private.policy.identity', 'somebody')"
    run -77 execdm-accept out
    has "$output" "the offer was made to somebody, not to $me"
    same 0 "$(execdm-status --list | wc -l)"
    # nor does one that was accepted show its job to others
    yes
    execdm-accept out >job.json
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE offers SET doc = json_set(doc, '\$.private.policy.identity', 'somebody')"
    run -77 execdm-accept out
    has "$output" "the offer was made to somebody, not to $me"
}

@test "grace is how late an instant may be" {
    local at
    at=$(date -u -d '100 seconds ago' +%Y-%m-%dT%H:%M:%SZ)
    compute '{mincores: 1}' "datetime: [{start: $at}]"
    yes
    printf 'execdm: 1\npolicy: {grace: PT1M}\n' >"$EXECDM_CONFIG/execdm.yaml"
    no 'the requested start is past'
    printf 'execdm: 1\npolicy: {grace: PT3M}\n' >"$EXECDM_CONFIG/execdm.yaml"
    yes
}

@test "a configuration that is wrong ends planning, with its place" {
    printf 'execdm: 1\npolicy:\n  quotas:\n    - {identity: a, coers: 5}\n' >"$EXECDM_CONFIG/execdm.yaml"
    run -78 execdm-plan t.yaml
    has "$output" "$EXECDM_CONFIG/execdm.yaml:4:" coers cores
    quotas '{cores: -1}'
    run -78 execdm-plan t.yaml
}

@test "the example of execdm.yaml is valid, and so is each of its quotas" {
    cp "$TOP_SRCDIR/contrib/examples/execdm.yaml" .
    execdm-validate -q --as=configuration execdm.yaml
    execdm-validate -q execdm.yaml
    cp execdm.yaml "$EXECDM_CONFIG/"
    compute '{mincores: 5}'
    no 'cores: 5 asked for, and 0 taken of the quota of 4 for everyone'
}
