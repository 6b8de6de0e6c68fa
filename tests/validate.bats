#!/usr/bin/env bats
# execdm-validate: the corpus, positions, streams, forms of output, exit codes.

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return 1
}

# same WANT GOT
same() {
    if [ "$1" = "$2" ]; then return 0; fi
    printf 'want: %s\n got: %s\n' "$1" "$2"
    return 1
}

type_of() { # AREA NAME
    printf 'https://www.purl.org/ivoa.net/%s-types/%s' "$1" "$2"
}

@test "corpus: every good document gives its canonical form, and that gives itself" {
    local file dir up n=0 failed=0
    dir=$(realpath "$TOP_SRCDIR/tests/corpus/good")
    up=$(realpath "$TOP_SRCDIR/tests/corpus")
    for file in "$dir"/*.yaml "$dir"/*.json; do
        n=$((n + 1))
        validate "$file"
        sed "s|$dir|@DIR@|g; s|$up|@UP@|g" out >got
        if [ "$code" -ne 0 ] || ! diff "${file%.*}.want" got; then
            echo "^ $file (exit $code)"
            cat err
            failed=1
        fi
        mv out once.json
        validate --log=json once.json
        if [ "$code" -ne 0 ] || ! cmp once.json out || grep sloppy err; then
            echo "^ $file: its canonical form is not canonical"
            failed=1
        fi
    done
    [ "$n" -ge 25 ]
    [ "$failed" -eq 0 ]
}

@test "corpus: every bad document breaks just the rules it was made for" {
    require jq
    local want file n=0 failed=0
    for want in "$TOP_SRCDIR"/tests/corpus/bad/*.want; do
        n=$((n + 1))
        for file in "${want%.want}".*; do
            case $file in *.want) ;; *) break ;; esac
        done
        validate --log=json -q "$file"
        jq -r 'select(.severity == "error") | "\(.pointer) \(.rule)" +
            (if .hint // "" | startswith("did you") then " ; \(.hint)" else "" end)' err >got
        if [ "$code" -ne 1 ] || [ -s out ] || ! diff "$want" got; then
            echo "^ $file (exit $code)"
            cat out err
            failed=1
        fi
    done
    [ "$n" -ge 150 ]
    [ "$failed" -eq 0 ]
}

@test "corpus: what cannot be read is told with its place, and is in the report" {
    require jq
    local want file n=0 failed=0
    for want in "$TOP_SRCDIR"/tests/corpus/unreadable/*.want; do
        n=$((n + 1))
        file=${want%.want}
        validate --report=json -q "$file"
        jq -r '.documents[].findings[] | select(.rule == "unreadable") |
            (if .line then "\(.line):\(.column): " else "" end) + .text' out >got
        if [ "$code" -ne 65 ] || [ -s err ] || ! diff "$want" got; then
            echo "^ $file (exit $code)"
            failed=1
        fi
    done
    [ "$n" -ge 60 ]
    [ "$failed" -eq 0 ]
    [ "$(find "$TOP_SRCDIR/tests/corpus/unreadable" -type f | wc -l)" -eq $((2 * n)) ]
}

@test "corpus: every rule about a document has a bad document" {
    require perl
    local rule
    execdm-validate --rules | awk -F '\t' '$2 == "error" { print $1 }' | sort >errors
    (rules_in "$TOP_SRCDIR"/lib/model/*.c && echo duplicate-name && echo duplicate-type) | sort -u >told
    comm -12 errors told >rules
    [ "$(wc -l <rules)" -ge 25 ]
    while read -r rule; do
        case $rule in not-unique) continue ;; esac # no schema of ours asks for it
        grep -qE " $rule( ;|$)" "$TOP_SRCDIR"/tests/corpus/bad/*.want || {
            echo "no bad document for $rule"
            return 1
        }
    done <rules
}

@test "corpus: a rule has one severity, that of the table" {
    require jq
    validate --report=json "$TOP_SRCDIR"/tests/corpus/bad/*.yaml "$TOP_SRCDIR"/tests/corpus/bad/*.json \
        "$TOP_SRCDIR"/tests/corpus/good/*.yaml "$TOP_SRCDIR"/tests/corpus/unreadable/*.yaml
    same 65 "$code"
    jq -r '.documents[].findings[] | "\(.rule)\t\(.severity)"' out | sort -u >got
    execdm-validate --rules | cut -f 1,2 | sort >table
    [ "$(wc -l <got)" -ge 25 ]
    same '' "$(comm -23 got table)"
}

@test "seed: every listing of the draft is read, and its canonical form is canonical" {
    local seed=$EXECDM_SHARED/data/seed file n=0
    [ -d "$seed" ] || skip "the draft's listings (../shared/data/seed) are not here"
    for file in "$seed"/*.yaml; do
        n=$((n + 1))
        exits 0 "$file" || { echo "^ $file" && return 1; }
        mv out once.json
        exits 0 once.json
        cmp once.json out || { echo "^ $file" && return 1; }
        run grep -c sloppy err
        same 0 "$output"
    done
    [ "$n" -ge 19 ]
}

@test "seed: what is noticed about each listing" {
    require jq
    local seed=$EXECDM_SHARED/data/seed
    [ -d "$seed" ] || skip "the draft's listings (../shared/data/seed) are not here"
    (cd "$seed" && execdm-validate --report=json *.yaml) >out
    jq -r '.documents[] | "\(.file) \(.kind)", (.findings[] |
        "  \(.line):\(.column): \(.severity): \(.pointer): \(.text)" + (if .hint then "; " + .hint else "" end) +
        " [\(.rule)]")' out >got
    diff "$TOP_SRCDIR/tests/golden/seed-notices.txt" got
}

@test "seed: sloppy forms are noticed (EP-43, EP-69, EP-6B)" {
    local seed=$EXECDM_SHARED/data/seed
    [ -d "$seed" ] || skip "the draft's listings (../shared/data/seed) are not here"
    exits 0 "$seed/14-datetime-forms.request.yaml"
    grep -q '14-datetime-forms.request.yaml:11:3: notice: /datetime/6/minduration: "1H" is read as PT1H' err
    exits 0 "$seed/15-compute-as-map.request.yaml"
    grep -q ':4:5: notice: /resources/compute/mincores: ' err
    exits 0 "$seed/16-two-offers.response.yaml"
    grep -q 'notice: /offers/1/resources/compute/mincores: ' err
    exits 0 "$seed/09-vospace-unmanaged-implicit-resource.request.yaml"
    grep -q '/resources/compute/0/volumes/0: resource: not given' err
}

@test "positions: file, line and column of YAML" {
    cat >t.yaml <<'END'
# a comment
name: a
resources:
  compute:
  - name: one
    spec:
      mincoers: 2
      "max\u0063ores": x
    volumes: [{path: rel,
               resource: a}]
END
    exits 1 t.yaml
    same 't.yaml:8:7: error: /resources/compute/0/spec/maxcores: maxcores: expected a number, got the string "x" [wrong-type]
t.yaml:7:7: error: /resources/compute/0/spec/mincoers: unknown key "mincoers"; did you mean "mincores"? [unknown-key]' \
        "$(grep spec err | LC_ALL=C sort -t: -k4)"
    grep -q '^t.yaml:9:16: error: /resources/compute/0/volumes/0/path: ' err
    [ ! -s out ]
}

@test "positions: file, line and column of JSON" {
    printf '{"name": "a",\n  "resources": {"compute": [\n\t{"spec": {"minc\\u006fers": 2}}]}}\n' >t.json
    exits 1 t.json
    same 't.json:3:12: error: /resources/compute/0/spec/mincoers: unknown key "mincoers"; did you mean "mincores"? [unknown-key]' \
        "$(cat err)"
}

@test "positions: what was moved is told where it was written" {
    printf 'resources:\n  compute:\n    mincores: 4\n    maxcores: 2\n' >t.yaml
    exits 1 -q t.yaml
    grep -q '^t.yaml:3:5: error: /resources/compute/mincores: mincores is 4, must not exceed maxcores 2 (Planner 2.2.2) \[min-exceeds-max\]$' err
    printf 'resources:\n  compute:\n  - spec:\n      volumes:\n      - path: x\n        resource: a\n' >t.yaml
    exits 1 -q t.yaml
    grep -q '^t.yaml:5:9: error: /resources/compute/0/spec/volumes/0/path: ' err
}

@test "positions: what is missing is told at its nearest parent" {
    printf 'name: a\nexecutable:\n  name: b\n' >t.yaml
    exits 1 t.yaml
    same 't.yaml:2:1: error: /executable: executable: the key "type" is missing [missing-key]' "$(cat err)"
}

@test "streams: YAML documents, each valid one is written" {
    printf -- '---\nname: a\n---\nnmae: b\n---\nname: c\n...\n' >t.yaml
    exits 1 t.yaml
    same '{"name":"a"}
{"name":"c"}' "$(cat out)"
    same 't.yaml:4:1: error: /nmae: unknown key "nmae"; did you mean "name"? [unknown-key]' "$(cat err)"
}

@test "streams: JSON Lines, and several files" {
    printf '{"name":"a"}\n\n{"name":1}\n  {"name":"c"}' >t.jsonl
    printf 'name: d\n' >t.yaml
    exits 1 t.jsonl t.yaml
    same '{"name":"a"}
{"name":"c"}
{"name":"d"}' "$(cat out)"
    grep -q '^t.jsonl:3:2: error: /name: ' err
    same 1 "$(wc -l <err)"
}

@test "standard input: no operand, and -" {
    printf 'name: a\n' >t.yaml
    exits 0 <t.yaml
    same '{"name":"a"}' "$(cat out)"
    exits 0 - <t.yaml
    same '{"name":"a"}' "$(cat out)"
    printf 'nmae: a\n' >t.yaml
    exits 1 <t.yaml
    grep -q '^<stdin>:1:1: error: /nmae: ' err
    exits 0 -- /dev/stdin <<<'name: b'
}

@test "relative paths begin at the file, or at the working directory for standard input" {
    mkdir -p sub/in there
    printf 'executable:\n  type: %s\n  spec: {program: p.py}\n' "$(type_of executable python-program)" >sub/in/t.yaml
    exits 0 sub/in/t.yaml
    grep -q "\"program\":\"file://$PWD/sub/in/p.py\"" out
    exits 0 <sub/in/t.yaml
    grep -q "\"program\":\"file://$PWD/p.py\"" out
    # By a link: where the file is, not where the link is.
    ln -s ../sub/in/t.yaml there/link.yaml
    exits 0 there/link.yaml
    grep -q "\"program\":\"file://$PWD/sub/in/p.py\"" out
}

@test "--as: overrides what the keys say" {
    printf '{"name": "lab"}\n' >t.json
    exits 0 --as=task t.json
    exits 1 --as=platform t.json
    grep -q 'the key "driver" is missing' err
    exits 1 --as=job t.json
    exits 1 --as=answer t.json
    exits 64 --as=offers t.json
    grep -q 'job, platform, .* or report, not "offers"' err
    exits 64 --as=offers missing.json
    printf 'name: lab\ndriver: local\noffers: {lifetime: 60}\n' >p.yaml
    exits 1 p.yaml
    grep -q ' /offers/lifetime: ' err
}

@test "--strict: what is told is enough for exit 1, and is written all the same" {
    printf 'name: a\ndatetime: [{start: 2026-01-01}]\n' >t.yaml
    exits 0 t.yaml
    exits 1 --strict t.yaml
    [ -s out ]
    exits 1 --strict -q t.yaml
    [ ! -s err ]
    printf 'name: a\n' >t.yaml
    exits 0 --strict t.yaml
}

@test "many files: all processors say what one would, in the order of the files" {
    require taskset
    local i
    mkdir many
    for i in {100..699}; do printf 'name: n%s\n' "$i" >"many/$i.yaml"; done
    printf 'nmae: x\n' >many/150.yaml
    printf 'a: [\n' >many/420.yaml
    printf 'datetime: [{start: 2026-01-01}]\n' >many/555.yaml
    exits 65 many/*
    mv out all.out
    mv err all.err
    code=0
    taskset -c 0 execdm-validate many/* >out 2>err || code=$?
    same 65 "$code"
    cmp out all.out
    cmp err all.err
    same 598 "$(wc -l <out)"
    rm many/420.yaml
    exits 1 many/*
    exits 66 many/4* nowhere.yaml many/5* many/6*
    same 'execdm-validate: error: cannot open nowhere.yaml: No such file or directory' "$(cat err)"
    run ! grep -q n699 out
    code=0
    execdm-validate many/* >/dev/full 2>err || code=$?
    same 74 "$code"
}

@test "a kind that was guessed is told, once something is wrong" {
    printf 'name: a\ndriver: me\nexecutable: {type: x}\n' >t.yaml
    exits 1 t.yaml
    grep -q 't.yaml:1:1: notice: read as a platform because of its key "driver", --as=KIND says otherwise \[guessed-kind\]' err
    exits 1 --as=platform t.yaml
    run ! grep -q guessed err
}

@test "a value that YAML takes back is no document" {
    printf 'name: a\n--- ::\r\r---\n' >t.yaml
    exits 65 t.yaml
    same '{"name":"a"}' "$(cat out)"
    same 1 "$(wc -l <err)"
    grep -q '^t.yaml:2:6: error: a second ": " in one value' err
}

@test "hints: quotes for a string, the form of what has one" {
    printf 'name: 5\ndatetime: [{maxduration: 600}]\n' >t.yaml
    exits 1 t.yaml
    grep -q 'name: expected a string, got the number 5; write it in quotes \[wrong-type\]' err
    grep -q 'maxduration: expected a string, got the number 600; expected .*PT1H' err
    printf 'name: "a\nb: c\n' >t.yaml
    exits 65 t.yaml
    grep -q 'it began in line 1' err
}

@test "--log=json: a finding is an object on its line" {
    require jq
    printf 'name: ""\ndatetime: [{start: 2026-01-01}]\n' >t.yaml
    exits 1 --log=json t.yaml
    same '{"severity":"error","rule":"out-of-range","pointer":"/name","text":"name: expected at least 1 character, got 0","where":"t.yaml:1:1","schema":"https://www.purl.org/ivoa.net/execdm/1/definitions.json#/$defs/name/minLength","keyword":"minLength"}
{"severity":"notice","rule":"sloppy-form","pointer":"/datetime/0/start","text":"\"2026-01-01\" is read as 2026-01-01T00:00:00Z","where":"t.yaml:2:13"}' \
        "$(cat err)"
    exits 1 --log=json -q t.yaml
    same 1 "$(wc -l <err)"
    # A value cut off between the bytes of a character would be no JSON.
    local i
    for i in 1 2 3 4; do
        printf 'resources: {compute: [{spec: {minmemory: "%*s%s"}}]}\n' "$i" x "$(printf '€%.0s' {1..700})" >t.yaml
        exits 1 --log=json t.yaml
        same bad-form "$(jq -r .rule err)"
        printf 'resources: {"%*s%s": 1}\n' "$i" x "$(printf '€%.0s' {1..700})" >t.yaml
        exits 1 --log=json t.yaml
        same unknown-key "$(jq -r .rule err)"
    done
}

@test "an error is an object, too, with --log=json" {
    require jq
    exits 66 --log=json nosuch.yaml
    same error "$(jq -r .severity err)"
    printf 'a: [1\n' >t.yaml
    exits 65 --log=json t.yaml
    jq -e '.where | startswith("t.yaml:2:")' err
}

@test "-q: only errors" {
    printf 'name: a\ndescription: null\n' >t.yaml
    exits 0 t.yaml
    [ -s err ]
    exits 0 -q t.yaml
    [ ! -s err ]
    same '{"name":"a"}' "$(cat out)"
}

@test "broken YAML: line and column, exit 65, no output" {
    printf 'name: a\nresources:\n  compute: [1, 2\nx: 1\n' >t.yaml
    exits 65 t.yaml
    [ ! -s out ]
    grep -qE '^t.yaml:4:[0-9]+: error: ' err
    printf 'name: a\n\tb: 1\n' >t.yaml
    exits 65 t.yaml
    grep -qE '^t.yaml:2:1: error: ' err
    printf 'name: a\nname: b\n' >t.yaml
    exits 65 t.yaml
    grep -qE '^t.yaml:2:1: error: .*name' err
    printf 'name: !!python/object a\n' >t.yaml
    exits 65 t.yaml
    grep -qE '^t.yaml:1:7: error: ' err
}

@test "broken JSON: line and column" {
    printf '{"name": "a",\n "b" 1}\n' >t.json
    exits 65 t.json
    grep -qE '^t.json:2:[0-9]+: error: ' err
    printf '{"name": "a"}\n{"name":\n' >t.json
    exits 65 t.json
    grep -qE '^t.json:[23]:[0-9]+: error: ' err
}

@test "what is no text: NUL, not UTF-8, empty, too deep, .nan" {
    printf 'name: a\0b\n' >t.yaml
    exits 65 t.yaml
    grep -q 't.yaml:1:8: error: .*NUL' err
    printf 'name: \377\n' >t.yaml
    exits 65 t.yaml
    grep -q 't.yaml:1:7: error: not valid UTF-8' err
    : >t.yaml
    exits 65 t.yaml
    exits 65 </dev/null
    printf '# only a comment\n' >t.yaml
    exits 65 t.yaml
    printf 'x-a: .nan\n' >t.yaml
    exits 65 t.yaml
    printf '%*s' 100 '' | tr ' ' '[' >t.json
    exits 65 t.json
    # an escaped NUL is a finding, no syntax error (decisions.md)
    printf '{"name": "a\\u0000b"}\n' >t.json
    exits 1 t.json
}

@test "Norway: what people write is a string unless JSON has the word" {
    printf 'name: no\ndescription: on\nx-a: [y, Yes, NO, off, true, null, ~, 1.0, 0x10, 1_0, 12:30]\n' >t.yaml
    exits 0 t.yaml
    same '{"name":"no","description":"on","x-a":["y","Yes","NO","off",true,null,null,1.0,16,"1_0","12:30"]}' "$(cat out)"
}

@test "an unknown type is a notice and passes (EP-05, EP-07)" {
    printf 'executable: {type: encabulation, spec: {a: [1, null]}}\n' >t.yaml
    exits 0 t.yaml
    same '{"executable":{"type":"encabulation","spec":{"a":[1,null]}}}' "$(cat out)"
    grep -q 't.yaml:1:1: notice: /executable: the type "encabulation" is not known here; only a platform that knows it can say YES' err
    grep -q '\[type-not-url\]' err
    run grep -c error err
    same 0 "$output"
}

@test "exit codes" {
    printf 'name: a\n' >t.yaml
    exits 0 t.yaml
    exits 64 --nonsense t.yaml
    grep -q -- '--nonsense' err
    exits 64 --as
    exits 64 --log=xml t.yaml
    exits 66 nosuch.yaml
    grep -q nosuch.yaml err
    mkdir dir
    exits 74 dir
    exits 0 --help
    grep -q '^usage: execdm-validate' out
    exits 0 --version
    grep -q '^execdm-validate [0-9]' out
    run -74 bash -c 'execdm-validate t.yaml >/dev/full'
    run -74 bash -c 'execdm-validate t.yaml >&-'
    run -74 bash -c 'execdm-validate --help >/dev/full'
    EXECDM_SCHEMA=$PWD/dir exits 78 t.yaml
}

# bats test_tags=user
@test "a file that may not be read" {
    printf 'name: a\n' >t.yaml
    chmod 000 t.yaml
    exits 77 t.yaml
}

@test "indented on a terminal, one line in a pipe" {
    require script
    printf 'name: a\n' >t.yaml
    script -qec 'execdm-validate t.yaml' /dev/null </dev/null | tr -d '\r' >out
    same '{
  "name": "a"
}' "$(cat out)"
}

# --- reports

documents() { # what the reports of the golden files are about
    mkdir -p sub
    printf 'name: \303\251\360\235\204\236\nresources: {compute: [{spec: {"\303\251\360\235\204\236": 1, maxcores: "{x}"}}]}\n' >sub/a.yaml
    printf '{"name": "a", "description": null}\n{"name": 5}\n{"nmae": "c"\n' >"b c.json"
    printf 'name: fine\n' >d.yaml
    : >e.yaml
}

@test "--report=json: all documents, also what cannot be read, and nothing on standard error" {
    require jq
    documents
    exits 65 --report=json sub/a.yaml "b c.json" d.yaml e.yaml
    [ ! -s err ]
    same 1 "$(wc -l <out)"
    jq . out >got
    diff "$TOP_SRCDIR/tests/golden/report.json" got
    execdm-validate --as=report out >/dev/null
    sed 's/"valid":false/"valid":"no"/' out >wrong.json
    run -1 execdm-validate --as=report wrong.json
    exits 65 -q --report=json sub/a.yaml "b c.json" d.yaml e.yaml
    same 0 "$(jq .summary.notices out)"
    same '' "$(jq -r '.documents[].findings[].severity' out | grep -v error || true)"
}

@test "--report: exit codes, standard input, and no report when the program fails" {
    require jq
    exits 0 --report=json <<<'name: a'
    same '<stdin> true' "$(jq -r '.documents[] | "\(.file) \(.valid)"' out)"
    exits 1 --report=sarif <<<'nmae: a'
    same '%3Cstdin%3E 1' "$(jq -r '.runs[0] | "\(.results[0].locations[0].physicalLocation.artifactLocation.uri) \(.invocations[0].exitCode)"' out)"
    exits 65 --report=sarif </dev/null
    same 'unreadable' "$(jq -r '.runs[0].results[].ruleId' out)"
    exits 66 --report=json nosuch.yaml
    [ ! -s out ]
    grep -q nosuch.yaml err
    exits 64 --report=xml
    exits 64 --report
    printf 'name: a\n' >t.yaml
    exits 0 --report=text t.yaml
    same '{"name":"a"}' "$(cat out)"
}

@test "--report: one line of text for each finding of the report" {
    require jq
    documents
    exits 65 --report=json sub/a.yaml "b c.json" d.yaml e.yaml
    jq -r '.documents[] | .file as $file | .findings[] | $file + (if .line then ":\(.line):\(.column)" else "" end) +
        ": \(.severity): " + (if .pointer != "" then .pointer + ": " else "" end) + .text +
        (if .hint then "; " + .hint else "" end) + " [\(.rule)]"' out >lines
    exits 65 sub/a.yaml "b c.json" d.yaml e.yaml
    diff lines err
}

@test "--report=sarif: locations, levels, and rules of the one table" {
    require jq
    documents
    exits 65 --report=sarif sub/a.yaml "./b c.json" "$PWD/d.yaml" sub/../e.yaml
    [ ! -s err ]
    jq 'del(.runs[].results[].ruleIndex, .runs[].tool.driver.rules, .runs[].tool.driver.semanticVersion)' out >got
    diff "$TOP_SRCDIR/tests/golden/report.sarif" got
    jq -e '.runs[0] | .tool.driver.rules as $rules | .results | all($rules[.ruleIndex].id == .ruleId)' out
    diff <(jq -r '.runs[0].tool.driver.rules[] | "\(.id)\t\(.defaultConfiguration.level)\t\(.fullDescription.text)"' out) \
        <(execdm-validate --rules | cut -f 1,2,4 | sed 's/\tnotice\t/\tnote\t/')
    # lines that end with CR, in UTF-16 code units, several on a line, and back again
    printf '\357\273\277name: a\rx-a: {"\360\235\204\236": 1}\r\nresources: {"\303\251": 1, "\360\235\204\236": 2, a: 3}\rnmae: b' >cr.yaml
    exits 1 --report=sarif cr.yaml
    same '3:13-35 3:21-35 3:30-35 4:1-8' "$(jq -r '.runs[0].results[].locations[0].physicalLocation.region |
        "\(.startLine):\(.startColumn)-\(.endColumn)"' out | xargs)"
    # outside the working directory: a URL
    mkdir elsewhere
    cd elsewhere
    code=0
    execdm-validate --report=sarif ../sub/a.yaml >out || code=$?
    same "file://$(realpath ..)/sub/a.yaml" "$(jq -r '.runs[0].artifacts[].location.uri' out)"
}

@test "--report=sarif: a file is one artifact, and another file is walked from its own beginning" {
    require jq
    # shellcheck disable=SC2016 # jq's
    local places='.runs[0].results[].locations[0].physicalLocation | "\(.artifactLocation.uri):\(.region.startLine):\(.region.startColumn)"'
    printf '{"nmae": 1}\n{}\n{"\303\251": 1, "nmae": 2}\n' >a.json
    printf '\n\n{"nmae": 1}\n' >b.json
    exits 1 --report=sarif a.json b.json a.json ./b.json "$PWD/a.json"
    same 'a.json b.json' "$(jq -r '.runs[0].artifacts[].location.uri' out | xargs)"
    same 'a.json:1:2 a.json:3:2 a.json:3:10 b.json:3:2 a.json:1:2 a.json:3:2 a.json:3:10 b.json:3:2 a.json:1:2 a.json:3:2 a.json:3:10' \
        "$(jq -r "$places" out | xargs)"
    # the document after an input that could not be read on
    printf '{"nmae": 1}\n{"a"\n' >c.json
    exits 65 --report=sarif c.json b.json
    same 'c.json:1:2 c.json:2:5 b.json:3:2' "$(jq -r "$places" out | xargs)"
}

@test "--report=sarif: the findings of a long stream are found in one walk" {
    require jq
    seq -f '{"nmae": %.0f}' 40000 >many.json
    local start=$SECONDS
    exits 1 --report=sarif many.json
    [ $((SECONDS - start)) -le 6 ] || { echo "$((SECONDS - start)) s"; return 1; }
    same '40000 40000:2' "$(jq -r '.runs[0].results | "\(length) \(.[-1].locations[0].physicalLocation.region | "\(.startLine):\(.startColumn)")"' out)"
}

# bats test_tags=real
@test "--report: valid by schemas and validators of others" {
    require_npm
    local bad=$TOP_SRCDIR/tests/corpus/bad unreadable=$TOP_SRCDIR/tests/corpus/unreadable ajv=$TOP_SRCDIR/tests/ajv.cjs
    documents
    cd "$BATS_TEST_TMPDIR"
    execdm-validate --report=sarif sub/a.yaml "b c.json" d.yaml e.yaml >few.sarif || [ $? -eq 65 ]
    execdm-validate --report=sarif "$bad"/*.yaml "$bad"/*.json "$unreadable"/*.yaml >all.sarif || [ $? -eq 65 ]
    execdm-validate --report=sarif d.yaml >none.sarif
    execdm-validate --report=sarif sub/a.yaml d.yaml sub/a.yaml >twice.sarif || [ $? -eq 1 ]
    node "$ajv" sarif few.sarif all.sarif none.sarif twice.sarif
    sed 's/"level":"error"/"level":"fatal"/' few.sarif >wrong.sarif
    run ! node "$ajv" sarif wrong.sarif
    execdm-validate --report=json sub/a.yaml "b c.json" d.yaml e.yaml >few.json || [ $? -eq 65 ]
    execdm-validate --report=json "$bad"/*.yaml "$bad"/*.json "$unreadable"/*.yaml >all.json || [ $? -eq 65 ]
    node "$ajv" "$EXECDM_SCHEMA/report.json" few.json all.json
    sed 's/"valid":false/"valid":"no"/' few.json >wrong.json
    run ! node "$ajv" "$EXECDM_SCHEMA/report.json" wrong.json
}

# --- lists

@test "--types: every type, its area, its schema, and its other spellings" {
    require jq
    exits 0 --types
    diff out <(jq -r '.types[] | [.uri, .area, .schema, (.aliases | join(",") | if . == "" then "-" else . end)] | @tsv' \
        "$EXECDM_SCHEMA/types.json")
    exits 0 --types --report=json
    diff <(jq -c '.types[]' out) <(jq -c '.types[] | {uri, area, schema, aliases}' "$EXECDM_SCHEMA/types.json")
    while IFS=$'\t' read -r _ _ schema _; do [ -f "$EXECDM_SCHEMA/$schema" ]; done < <(execdm-validate --types)
}

@test "--rules and --types: in a table on a terminal, alone on the command line" {
    require script jq
    exits 0 --rules
    same '' "$(awk -F '\t' 'NF != 4' out)"
    exits 0 --rules --report=json
    same "$(execdm-validate --rules | wc -l)" "$(jq '.rules | length' out)"
    script -qec 'execdm-validate --rules' /dev/null </dev/null | tr -d '\r' >out
    grep -q '^ID  *SEVERITY  *CLAUSE' out
    run ! grep -q "$(printf '\t')" out
    exits 64 --rules t.yaml
    exits 64 --rules --types
    exits 64 --types --report=sarif
    EXECDM_SCHEMA=$PWD/nowhere exits 78 --types
    EXECDM_SCHEMA=$PWD/nowhere exits 0 --rules
}
