#!/usr/bin/env bats
# contrib/examples/newton: one algorithm as program, container and notebook, with equal answers (Planner 1.2).

# shellcheck disable=SC2016 # jq has variables of its own

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    cp "$TOP_SRCDIR"/contrib/examples/newton/* .
    chmod -R u+w .
}

# roots TASK: runs it, and its result is TASK.txt
roots() {
    execdm-validate --strict -q "$1.yaml" >/dev/null
    execdm-plan --planner=localhost "$1.yaml" | execdm-accept | execdm-run >"$1.json"
    cp "$(jq -r '.results[] | select(.name == "roots.txt").url | ltrimstr("file://")' "$1.json")" "$1.txt"
}

# The image is made of what is installed here.
newton_image() {
    require dpkg-query
    mkdir images
    ln -s "$(once newton "$TOP_SRCDIR/contrib/images/newton")" images/newton
}

@test "the roots are those of Python's own sqrt, and a negative number is an ERROR" {
    roots program
    same "9 roots" "$(cat "$(jq -r '.results[] | select(.name == "stdout").url | ltrimstr("file://")' program.json)")"
    /usr/bin/python3 - <<'END'
import math
rows = [line.split() for line in open("program.txt")]
assert [a for a, b in rows] == open("numbers.txt").read().split()
assert all(math.isclose(float(b), math.sqrt(float(a)), rel_tol=2e-16) for a, b in rows), rows
END
    echo -4 >numbers.txt
    execdm-plan program.yaml | execdm-accept | execdm-run >end.json 2>err || [ $? -eq 1 ]
    same "ERROR exit" "$(jq -r '"\(.phase) \(.error.reason)"' end.json)"
    has "$(cat err)" "ValueError: -4.0 is negative and has no root"
}

@test "program and container give the same answers" {
    newton_image
    roots program
    roots container
    cmp program.txt container.txt
    # again on other data, by changing only the data
    seq 1000 1999 >numbers.txt
    roots program
    roots container
    cmp program.txt container.txt
    same 1000 "$(wc -l <container.txt)"
}

# bats test_tags=real
@test "program, container and notebook give the same answers, as the README has it" {
    require jupyter-nbconvert dpkg-query
    newton_image
    sed -n '/^    for task/,/^    done/p' README >commands
    grep -q 'sha256sum' commands
    bash -eo pipefail commands >sums
    same 3 "$(wc -l <sums)"
    same 1 "$(cut -d ' ' -f 1 sums | uniq | wc -l)"
    for task in program container notebook; do same "$task COMPLETED" "$task $(jq -r .phase "$task.json")"; done
    # the executed notebook has what its cells gave
    jq -e '[.cells[] | select(.cell_type == "code").outputs[] | .data["text/plain"] // .text | add] | map(rtrimstr("\n"))
        | .[0] == "1.414213562373095" and (.[1] | split("\n") | length == 5) and .[2] == "9"' \
        "$(jq -r '.results[] | select(.name == "newton.ipynb").url | ltrimstr("file://")' notebook.json)"
}
