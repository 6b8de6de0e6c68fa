#!/usr/bin/env bats
# The README's words, typed.
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return
}

# The indented block of the README that begins with such a line.
block() { # PATTERN
    awk -v pattern="$1" '
        !/^    / { on = 0; inside = 0; next }
        { text = substr($0, 5); if (!inside++ && !taken && text ~ pattern) on = taken = 1; if (on) print text }' \
        "$TOP_SRCDIR/README"
}

@test "the script of the README runs from its task, in under ten lines of YAML" {
    block '^name: squares' >task.yaml
    block '^import sys' >squares.py
    block '^export PATH' | grep -v '^export PATH' >pipeline
    [ "$(wc -l <task.yaml)" -lt 10 ]
    [ "$(wc -l <pipeline)" -eq 2 ]
    bash -o pipefail pipeline >job.json
    [ "$(jq -r .phase job.json)" = COMPLETED ]
    url=$(jq -r '.results[] | select(.name == "sum.txt") | .url' job.json)
    [ "$(cat "${url#file://}")" = 385 ]
}

@test "results go where the README says" {
    block '^name: squares' | sed '/^resources:/,$d' |
        sed 's/\[.*\]/[]/' >task.yaml
    block '^resources:' >>task.yaml
    echo 'print(1, file=open("sum.txt", "w"))' >squares.py
    execdm-plan task.yaml | execdm-accept | execdm-run >job.json
    [ "$(cat results/sum.txt)" = 1 ]
}

@test "the other commands of the README work as they stand" {
    block '^name: squares' >task.yaml
    block '^import sys' >squares.py
    seq 1 10 >numbers.txt
    block '^execdm-plan task.yaml ' | sed 's/  *#.*//' >commands
    grep -v 'execdm-phase' commands >first
    grep 'execdm-phase' commands >last
    [ -s first ]
    bash -e -o pipefail first
    id=$(jq -r .id job.json)
    # the id in the README is an example; the job here has ended, which is what it says
    sed "s/execdm-phase [0-9a-f]*/execdm-phase ${id: -8}/" last >last.here
    run -79 bash last.here
    [[ $output == *"is COMPLETED, where abort is refused"* ]]
    block '^execdm-stage s3:' | sed "s/  *#.*//; s/job:[0-9a-f]*/job:${id: -8}/" | sed -n 3p | bash -e
    [ "$(cat copy.txt)" = 385 ]
}

@test "every program the README names exists and answers" {
    grep -o '^    execdm-[a-z]*' "$TOP_SRCDIR/README" | sort -u >programs
    while read -r program; do
        "$program" --help >/dev/null
    done <programs
}

@test "the platform of the README is the example, and --explain does what it says" {
    block '^name: whitelist' >whitelist.yaml
    execdm-validate -q whitelist.yaml >printed
    execdm-validate -q "$TOP_SRCDIR/contrib/examples/platforms.d/whitelist.yaml" >example
    diff printed example
    block '^name: squares' | sed 's/volumes: \[/spec: {mincores: 1000}, &/' >task.yaml
    block '^import sys' >squares.py
    seq 1 10 >numbers.txt
    run -1 bash -c "$(block '^execdm-plan --explain' | sed -n 1p)"
    jq -e '.messages[] | select(.rule == "nearest")' <<<"$output"
    block '^execdm-plan --explain' | sed -n 's/#.*//; 3p' | bash | jq -e .platforms
    block '^execdm-plan --explain' | sed -n 's/#.*//; 4p' | bash
}
