#!/usr/bin/env bats
# The kept corpus of the fuzz targets, replayed without libFuzzer. tests/fuzz/run goes on from there: contrib/quickstart
# test --all does for a short while, EXECDM_FUZZ_SECONDS=1800 tests/fuzz/run for long.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return 1
}

# replay TARGET AT-LEAST
replay() {
    local said
    mkdir corpus
    tar -C corpus -xzf "$TOP_SRCDIR/tests/fuzz/corpus/$1.tar.gz"
    said=$("$TOP_BUILDDIR/tests/fuzz/$1" corpus)
    echo "$said"
    [ "${said%% *}" -ge "$2" ]
}

@test "the kept corpus of YAML is read as promised" {
    replay yaml 50
}

@test "the kept corpus of JSON is read as promised" {
    replay json 100
}

@test "the kept corpus of requests to the service is read as promised" {
    replay request 50
}

@test "the kept corpus of schemas and instances is checked as promised" {
    replay schema 100
}

@test "the kept corpus of instants, durations, windows and sizes is read as promised" {
    replay when 50
}

@test "every fuzz target is in the lists, and has a corpus" {
    local target want
    want=$(cd "$TOP_SRCDIR/tests/fuzz" && grep -l '^int LLVMFuzzerTestOneInput' ./*.c | sed 's|./||; s|\.c$||' | tr '\n' ' ')
    [ "$want" = "$(sed -n 's/^all=(\(.*\))$/\1/p' "$TOP_SRCDIR/tests/fuzz/run" | tr ' ' '\n' | sort | tr '\n' ' ')" ]
    for target in $want; do
        [ -s "$TOP_SRCDIR/tests/fuzz/corpus/$target.tar.gz" ]
        [ -x "$TOP_BUILDDIR/tests/fuzz/$target" ]
        grep -q "replay $target " "$BATS_TEST_FILENAME"
    done
}
