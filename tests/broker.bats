#!/usr/bin/env bats
# Requests of the IVOA ExecutionBroker v1.0, read as tasks: what is carried is in tests/corpus/good/broker-*.want,
# what cannot be in broker-*.findings.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return 1
    good=$TOP_SRCDIR/tests/corpus/good
    kinds=https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds
}

@test "what a request loses or changes is said, where it is written" {
    require jq
    local want n=0
    for want in "$good"/broker-*.findings; do
        n=$((n + 1))
        execdm-validate --log=json "${want%.findings}".[yj]* 2>err >out
        jq -r '"\(.severity) \(.pointer) \(.rule)"' err >got
        diff "$want" got || { echo "^ $want" && return 1; }
    done
    [ "$n" -ge 7 ]
    execdm-validate "$good/broker-docker.yaml" 2>err >out
    grep -q ':30:3: warning: /executable/network: network: dropped, a job has no network .*; .*/outputs \[lossy\]$' err
    execdm-validate "$good/broker-singularity.yaml" 2>err >out
    grep -q ':5:3: warning: /executable/kind: a singularity-container is run as an OCI container; ' err
}

@test "a finding of a later check is told where the request has it" {
    cat >t.yaml <<END
compute:
  kind: $kinds/compute/simple-compute-resource.yaml
  cores:
    max: 2
    min: 4
data:
  - kind: $kinds/data/simple-data-resource.yaml
    location: https://data.example.org/1
END
    run -1 execdm-validate t.yaml
    [[ $output == *'t.yaml:5:5: error: /compute/cores/min: mincores is 4, must not exceed maxcores 2 (Planner 2.2.2) [min-exceeds-max]'* ]]
    [[ $output == *'t.yaml:7:5: notice: /data/0: no volume mounts "data-001"'* ]]
}

@test "what a broker answered is told apart from a request" {
    local file
    for file in broker-offers broker-session; do
        run -1 execdm-validate -q "$TOP_SRCDIR/tests/corpus/bad/$file.json"
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == *'this is what an ExecutionBroker answered, expected a request for one; accept its offers there'* ]]
    done
}

@test "a planner reads a request" {
    require jq
    execdm-validate "$good/broker-docker.yaml" >task.json 2>err
    run -1 execdm-plan "$good/broker-docker.yaml"
    [[ $output == *'"result":"NO"'* ]]
    run -1 execdm-plan task.json
    [[ $output == *'"result":"NO"'* ]]
}

# The names that an OpenAPI file has below `properties:`.
properties() { # FILE
    awk '{ match($0, /^ */); depth = RLENGTH }
        in_properties && depth <= at { in_properties = 0 }
        in_properties && !child { child = depth }
        in_properties && depth == child && /^ *[A-Za-z_]+:/ { sub(/:.*/, ""); gsub(/ /, ""); print }
        /^ *properties:/ { in_properties = 1; at = depth; child = 0 }' "$1" | sort -u
}

@test "every kind and every member of the broker's schemas is in the corpus" {
    local schemas=$EXECDM_SHARED/data/broker-1.0 file name n=0
    [ -d "$schemas" ] || skip "the broker's schemas (../shared/data/broker-1.0) are not here"
    cat "$good"/broker-*.yaml >all
    for file in "$schemas"/kinds/{compute,storage,executable,data,volume}/*.yaml; do
        n=$((n + 1))
        grep -qF "${file#"$schemas"/kinds/}" all || { echo "no ${file##*/} in the corpus" && return 1; }
        properties "$file" >names
        [ -s names ]
        while read -r name; do
            case $name in rse) continue ;; esac # of a block that nothing refers to
            grep -qE "(^|[ {])$name:" all || { echo "no $name of ${file##*/} in the corpus" && return 1; }
        done <names
    done
    [ "$n" -ge 11 ]
}

@test "the intervals that the broker's schemas give as examples are read" {
    local schema=$EXECDM_SHARED/data/broker-1.0/utils.yaml interval n=0
    [ -f "$schema" ] || skip "the broker's schemas (../shared/data/broker-1.0) are not here"
    while read -r interval; do
        n=$((n + 1))
        printf 'schedule: {requested: {start: %s}}\n' "$interval" >t.yaml
        execdm-validate t.yaml >out 2>err || { cat t.yaml err && return 1; }
        grep -q '^{"datetime":\[{"start":"[^/]*Z/[^/]*Z"}\]}$' out
    done < <(sed -n '/ISO8601Interval:/,/MinMax/s/^ *- //p' "$schema")
    [ "$n" -ge 4 ]
}
