#!/usr/bin/env bats
# contrib/examples: each is valid as it stands, and the draft's use cases 7.1 to 7.10, which it leaves empty, are all there.
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return
    examples=$TOP_SRCDIR/contrib/examples
}

@test "every example is valid, and nothing is to be said of it" {
    local file n=0
    for file in "$examples"/*.yaml; do
        n=$((n + 1))
        execdm-validate "$file" >out 2>err || { cat err && return 1; }
        [ ! -s err ] || { cat err && return 1; }
        [ -s out ]
    done
    [ "$n" -ge 13 ]
}

@test "the request of the ExecutionBroker: explained in two lines, and nothing of it is lost" {
    require jq
    local file=$examples/broker-1.0.yaml
    [ "$(head -n 3 "$file" | grep -c '^# ')" -eq 2 ]
    execdm-validate --strict "$file" >out
    jq -e '(.executable.type | endswith("/oci-container")) and (.resources.compute[0] | .spec.mincores and .spec.minmemory and
        (.volumes | length == 1)) and (.resources.storage[0].type | endswith("/amazon-s3")) and
        (.datetime[0] | .start and .minduration)' out
}

@test "the use cases of the draft: each has one example, explained in two lines, of the type it is about" {
    require jq
    local section type files header
    while read -r section type; do
        files=("$examples/$section"-*.yaml)
        [ "${#files[@]}" -eq 1 ]
        header=$(sed '/^# yaml-language-server:/d' "${files[0]}" | head -n 3)
        [ "$(head -n 2 <<<"$header" | grep -c '^# ')" -eq 2 ]
        [ "$(sed -n 3p <<<"$header" | cut -c 1)" != '#' ]
        [[ $(head -n 1 <<<"$header") == "# $section "* ]]
        [ "$(execdm-validate "${files[0]}" 2>err | jq -r '.executable.type' | sed 's|.*/||' | xargs)" = "$type" ]
    done <<'END'
7.1 jupyter-notebook
7.2 jupyter-notebook
7.3 jupyter-notebook
7.4 jupyter-notebook
7.5 oci-container
7.6 oci-container
7.7 oci-container
7.8 jupyter-notebook oci-container
7.9 helm-chart
7.10 spark-application
END
    # each asks for what its section is called after
    execdm-validate "$examples"/7.2-*.yaml | jq -e '.datetime | length > 1'
    execdm-validate "$examples"/7.[346]-*.yaml | jq -e -s 'all(.[]; .resources.compute[0].volumes | length > 0)'
    execdm-validate "$examples"/7.[47]-*.yaml | jq -e -s 'all(.[]; .resources.compute[0].spec.mincores > 1)'
    execdm-validate "$examples"/7.7-*.yaml | jq -e '[.resources.compute[0].volumes[].mode] | contains(["r", "rw"])'
}

@test "the container calls the notebook, and hands data over where the notebook looks" {
    require jq
    execdm-validate "$examples"/7.8-*.yaml >out
    jq -e -s '(.[1].callouts[0].spec.endpoint | endswith("/" + $waits)) and
        ([.[].resources.storage[] | select(.name == "detections") | .spec.path] | unique | length == 1) and
        (.[1].callouts[1].type | endswith("/email"))' --arg waits "$(jq -r -s '.[0].triggers[0].name' out)" out
}
