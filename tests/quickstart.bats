#!/usr/bin/env bats
# What surrounds the programs: the star field, the comparison of positions, the images, the command line of quickstart.
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR"
}

compile() { # OUT
    "${CC:-cc}" -std=gnu17 -O2 -o "$1" "$TOP_SRCDIR/contrib/examples/starfield.c" -lm
}

starfield() {
    "$(once starfield compile)" "$@"
}

@test "quickstart: an unknown argument is a wrong command line" {
    run "$TOP_SRCDIR/contrib/quickstart" tset
    [ "$status" -eq 64 ]
    [[ $output == usage:* ]]
    run "$TOP_SRCDIR/contrib/quickstart" test --everything
    [ "$status" -eq 64 ]
}

@test "starfield: the same arguments make the same files, another seed others" {
    require cc
    starfield --stars=10 --size=256 --seed=7 a.fits a.txt
    starfield --stars=10 --size=256 --seed=7 b.fits b.txt
    starfield --stars=10 --size=256 --seed=8 c.fits c.txt
    cmp a.fits b.fits
    cmp a.txt b.txt
    run cmp -s a.fits c.fits
    [ "$status" -eq 1 ]
    [ "$(wc -l <a.txt)" -eq 10 ]
}

@test "starfield: FITS blocks, cards and size" {
    require cc
    starfield --size=100 --stars=2 a.fits a.txt
    [ "$(wc -c <a.fits)" -eq $((2880 * (1 + (2 * 100 * 100 + 2879) / 2880))) ]
    [ "$(head -c 30 a.fits)" = "SIMPLE  =                    T" ]
    head -c 2880 a.fits | fold -w 80 | grep -qx 'END *'
}

@test "starfield: says what is wrong, and leaves no file" {
    require cc
    run starfield --stars=none a.fits a.txt
    [ "$status" -eq 64 ]
    [[ $output == *"--stars=none: expected a number"* ]]
    run starfield --stars=5000 a.fits a.txt
    [ "$status" -eq 64 ]
    [[ $output == *"no room"* ]]
    run starfield a.fits nowhere/a.txt
    [ "$status" -eq 74 ]
    [[ $output == *"nowhere/a.txt: No such file"* ]]
    [ ! -e a.txt ]
}

@test "positions: finds each star once, says which is missing" {
    printf '%s\n' '#   1 X_IMAGE  x' '#   2 Y_IMAGE  y' '10.2 20.1' '30 40' >catalogue
    printf '%s\n' '10 20 500' '30.4 40 500' >truth
    run "$TOP_SRCDIR/tests/positions" catalogue truth
    [ "$status" -eq 0 ]
    echo '30.1 40 9' >>truth
    run "$TOP_SRCDIR/tests/positions" catalogue truth
    [ "$status" -eq 1 ]
    [[ $output == *"missing: 30.1 40"* ]]
    run "$TOP_SRCDIR/tests/positions" nothing truth
    [ "$status" -eq 66 ]
}

# bats test_tags=real
@test "source-extractor finds every star, of several seeds" {
    require cc source-extractor
    for seed in 1 2 3 4 5; do
        starfield --seed=$seed field.fits truth.txt
        source-extractor field.fits -c /usr/share/source-extractor/default.sex \
            -PARAMETERS_NAME "$TOP_SRCDIR/contrib/examples/sextractor.param" \
            -FILTER_NAME /usr/share/source-extractor/default.conv -CATALOG_NAME cat.txt -VERBOSE_TYPE QUIET
        "$TOP_SRCDIR/tests/positions" cat.txt truth.txt
    done
}

@test "the tiny image unpacks, and takes one more tag" {
    require umoci busybox
    "$TOP_SRCDIR/contrib/images/tiny" image
    "$TOP_SRCDIR/contrib/images/tiny" image two
    [ "$(umoci ls --layout image | sort | xargs)" = "latest two" ]
    umoci unpack --rootless --image image:two bundle
    [ "$(bundle/rootfs/bin/echo yes)" = yes ]
    [ "$(ls bundle/rootfs)" = bin ]
}

@test "count.py counts a catalogue" {
    require python3
    printf '%s\n' '# head' '1 2.0 0' '2 3.0 3' >catalogue
    run /usr/bin/python3 "$TOP_SRCDIR/contrib/examples/count.py" catalogue
    [ "$output" = "2 sources, 1 of them blended" ]
    [ "$(cat count.txt)" = "2 1" ]
}

@test "count.yaml is under ten lines" {
    [ "$(wc -l <"$TOP_SRCDIR/contrib/examples/count.yaml")" -lt 10 ]
}
