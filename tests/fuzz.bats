#!/usr/bin/env bats
# The kept corpus of the fuzz targets, replayed; and, where clang has libFuzzer, a short run from there.

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
    replay yaml 100
}

@test "the kept corpus of JSON is read as promised" {
    replay json 100
}

@test "the kept corpus of instants, durations, windows and sizes is read as promised" {
    replay when 100
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

# In CI and by hand; for long: EXECDM_FUZZ_SECONDS=1800 tests/fuzz/run
# bats test_tags=real
@test "coverage-guided fuzzing for a short while finds nothing" {
    require clang
    TOP_BUILDDIR=$BATS_TEST_TMPDIR "$TOP_SRCDIR/tests/fuzz/run"
}
