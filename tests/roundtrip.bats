#!/usr/bin/env bats
# What is written reads as what was read: on generated documents in every spelling, and on times that other libraries read, too.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "10,000 generated documents: YAML and JSON say the same, and the output of the output is the output" {
    local form seed
    for seed in 1 2; do
        for form in yaml json; do
            "$TOP_SRCDIR/tests/documents" "$form" 5000 "$seed" >"$form"
            if ! execdm-validate -q "$form" >"$form.$seed" 2>errors; then
                head errors
                return 1
            fi
        done
        [ "$(wc -l <"json.$seed")" -eq 5000 ]
        cmp "yaml.$seed" "json.$seed"
    done
    cat json.1 json.2 >both
    # others each, but for a few that are short
    [ "$(sort -u both | wc -l)" -ge 9500 ]
    execdm-validate both >again 2>notices
    cmp both again
    # What is canonical holds no sloppy form.
    run ! grep -aE 'sloppy-form|error:' notices
}

@test "8,000 instants, windows and durations of ISO 8601 mean what other libraries say" {
    if ! /usr/bin/python3 -c 'import dateutil, isodate'; then
        require python3-dateutil python3-isodate # no programs, but their packages' names
    fi
    "$TOP_SRCDIR/tests/times" 8000
}
