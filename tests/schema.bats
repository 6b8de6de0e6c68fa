#!/usr/bin/env bats
# JSON Schema 2020-12: the official suite, --schema, and the types a site adds.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return 1
}

# says TEXT: on standard error
says() {
    grep -qF -- "$1" err || {
        echo "expected: $1"
        echo "got: $(cat err)"
        return 1
    }
}

@test "suite: every required test of the official suite passes" {
    local suite=$EXECDM_SHARED/data/json-schema-suite
    require python3
    [ -d "$suite" ] || skip "the official suite (../shared/data/json-schema-suite) is not here"
    run -0 "$TOP_SRCDIR/tests/json-schema-suite" "$suite"
    [ "$output" = "1299 passed, 0 failed" ]
}

@test "suite: so do the optional tests of what we claim" {
    local suite=$EXECDM_SHARED/data/json-schema-suite/draft2020-12/optional name files=()
    require python3
    [ -d "$suite" ] || skip "the official suite (../shared/data/json-schema-suite) is not here"
    for name in anchor dynamicRef ecmascript-regex float-overflow format-assertion id no-schema non-bmp-regex \
        refOfUnknownKeyword unknownKeyword format/date-time format/date format/duration format/email format/ipv4 \
        format/ipv6 format/iri format/iri-reference format/json-pointer format/regex format/relative-json-pointer \
        format/time format/unknown format/uri format/uri-reference format/uri-template format/uuid; do
        files+=("$suite/$name.json")
    done
    run "$TOP_SRCDIR/tests/json-schema-suite" "${suite%/draft*}" "${files[@]}"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "suite: a wrong verdict is seen" {
    require python3
    mkdir -p suite/draft2020-12 suite/remotes
    echo '[{"description": "d", "schema": {"type": "string"}, "tests": [
        {"description": "right", "data": "a", "valid": true}, {"description": "wrong", "data": 1, "valid": true}]}]' \
        >suite/draft2020-12/a.json
    run -1 "$TOP_SRCDIR/tests/json-schema-suite" suite
    [[ $output == *'a.json: d: wrong: expected valid'*'1 passed, 1 failed' ]]
}

@test "--schema: a finding has its place, its sentence, and where the schema says so" {
    echo '{"properties": {"stars": {"type": "array", "items": {"$ref": "star.json"}}}}' >sky.json
    echo '{"type": "object", "required": ["name"], "properties": {"magnitude": {"type": "number"}}}' >star.json
    printf 'stars:\n- name: Vega\n  magnitude: 0.03\n- magnitude: bright\n' >sky.yaml
    exits 1 --schema=sky.json sky.yaml
    [ ! -s out ]
    says 'sky.yaml:4:3: error: /stars/1: stars/1: the key "name" is missing [missing-key]'
    says 'sky.yaml:4:3: error: /stars/1/magnitude: magnitude: expected a number, got the string "bright" [wrong-type]'
    exits 1 --schema=sky.json --log=json sky.yaml
    grep -q '"schema":"file://.*/star.json#/properties/magnitude/type","keyword":"type"' err
    printf 'stars: [{name: Vega}]\n' >sky.yaml
    exits 0 --schema=sky.json sky.yaml
    [ "$(cat out)" = '{"stars":[{"name":"Vega"}]}' ]
}

@test "--schema: the document is written as it was: no canonical form of ours" {
    echo '{}' >any.json
    printf 'datetime: [{start: 2026-01-01}]\nmincoers: 2\n' >t.yaml
    exits 0 --schema=any.json t.yaml
    [ "$(cat out)" = '{"datetime":[{"start":"2026-01-01"}],"mincoers":2}' ]
}

@test "--schema: what it refers to lies beside it or in a --map, and is never fetched" {
    mkdir here there
    echo '{"$ref": "https://example.org/s/b.json#/$defs/n"}' >here/a.json
    echo '{"$defs": {"n": {"$ref": "c"}}}' >there/b.json
    echo '{"maximum": 3}' >there/c.json
    echo 4 >4.json
    exits 78 --schema=here/a.json 4.json
    says 'there is no file for the schema https://example.org/s/b.json: nothing is fetched, --map says where schemas are'
    exits 1 --schema=here/a.json --map=https://example.org/s/=there 4.json
    says 'document: expected at most 3, got 4'
    echo '{"$ref": "../there/c.json"}' >here/up.json
    exits 78 --schema=here/up.json 4.json
    exits 64 --schema=here/a.json --map=there 4.json
    says '--map is PREFIX=DIR'
    exits 64 --map=a=b 4.json
    exits 64 --assert-format 4.json
    exits 64 --schema=here/a.json --as=task 4.json
    exits 66 --schema=nowhere.json 4.json
}

@test "--schema: a schema beside it is found, too, when both say an address of their own" {
    echo '{"$id": "https://example.org/obs.json", "properties": {"at": {"$ref": "coords.json"}}}' >obs.json
    echo '{"$id": "https://example.org/coords.json", "type": "array"}' >coords.json
    echo 'at: here' >d.yaml
    exits 1 --schema=obs.json d.yaml
    says 'at: expected a list, got the string "here"'
}

@test "--schema: a schema that is wrong is 78, and says where" {
    printf '{"type": "object",\n "properties": {"a": {"type": "strnig"}}}\n' >s.json
    echo '{}' >d.json
    exits 78 --schema=s.json d.json
    says 's.json:2:23: error: /properties/a/type: type: expected one of "array", "boolean", "integer", "null", "number", "object", "string" or a list, got the string "strnig" [bad-value]'
    says 'execdm-validate: error: s.json is no schema of draft 2020-12'
    echo '{"pattern": "("}' >s.json
    exits 78 --schema=s.json d.json
    says 's.json#/pattern: the pattern "(" is wrong at character 1'
    echo '{"$ref": "#/$defs/a"}' >s.json
    exits 78 --schema=s.json d.json
    says 'there is nothing at'
    echo '{"$schema": "http://json-schema.org/draft-07/schema#"}' >s.json
    exits 78 --schema=s.json d.json
    says 'the dialect http://json-schema.org/draft-07/schema# is not understood'
    echo '{"$ref": "#"}' >s.json
    exits 78 --schema=s.json d.json
    says 'circle'
    echo '{"pattern": "(a+)+$"}' >s.json
    echo '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"' >d.json
    exits 78 --schema=s.json d.json
    says 'takes too long to match'
}

@test "--schema: formats are asserted when asked for" {
    echo '{"format": "date"}' >s.json
    echo '"2026-02-30"' >d.json
    exits 0 --schema=s.json d.json
    exits 1 --schema=s.json --assert-format d.json
    says 'document: expected a date like 2023-08-14, got the string "2026-02-30"'
}

@test "--schema: our own schemas are schemas by the meta-schema, as files of others" {
    local files
    mapfile -t files < <(find "$TOP_SRCDIR/schema" -name '*.json' ! -name types.json ! -name openapi.json ! -path '*/vendor/*')
    [ "${#files[@]}" -gt 20 ]
    echo '{"$ref": "https://json-schema.org/draft/2020-12/schema"}' >any.json
    exits 0 --schema=any.json "${files[@]}"
    [ "$(wc -l <out)" -eq "${#files[@]}" ]
    echo '{"name": "a", "executable": {"type": 5}}' >t.json
    exits 1 --schema="$TOP_SRCDIR/schema/task.json" t.json
    says '/executable/type: type: expected a string, got the number 5'
}

encabulation='{
  "$id": "https://example.org/types/encabulation",
  "title": "Encabulation",
  "type": "object",
  "properties": {
    "turns": {"type": "integer", "minimum": 1, "description": "how often"},
    "room": {"$ref": "https://www.purl.org/ivoa.net/execdm/1/definitions.json#/$defs/size"},
    "until": {"format": "date-time"}
  },
  "required": ["turns"],
  "additionalProperties": false
}'

# A driver that runs encabulations.
encabulating() {
    mkdir -p drivers "$EXECDM_CONFIG/types.d/executable" "$EXECDM_CONFIG/platforms.d"
    echo "$encabulation" >"$EXECDM_CONFIG/types.d/executable/encabulation.json"
    cat >drivers/execdm-driver-encabulator <<'END'
#!/bin/sh
[ "$1" = probe ] || exit 69
echo '{"id": "probe", "name": "encabulator", "version": "1", "facts": {"cores": 2, "memory": 4}, "ttl_s": 60,
    "runtimes": [{"type": "https://example.org/types/encabulation", "ok": true}]}' | tr -d '\n'
echo
END
    chmod +x drivers/execdm-driver-encabulator
    printf 'name: works\ndriver: encabulator\n' >"$EXECDM_CONFIG/platforms.d/works.yaml"
    export EXECDM_DRIVER_PATH=$EXECDM_DRIVER_PATH:$PWD/drivers
    printf 'name: e\nexecutable: {type: https://example.org/types/encabulation, spec: {turns: 3, until: 2026-01-01}}\n' >e.yaml
}

@test "types.d: a dropped-in type is validated, planned and accepted" {
    encabulating
    exits 0 e.yaml
    [ "$(cat out)" = '{"name":"e","executable":{"type":"https://example.org/types/encabulation","spec":{"turns":3,"until":"2026-01-01T00:00:00Z"}}}' ]
    says '"2026-01-01" is read as 2026-01-01T00:00:00Z'
    execdm-validate e.yaml | execdm-plan >answer.json
    grep -q '"result":"YES"' answer.json
    execdm-accept answer.json >job.json
    grep -q '"phase":"PENDING"' job.json
    execdm-validate --types | grep -P '^https://example.org/types/encabulation\texecutable\t'
    printf 'executable: {type: https://example.org/types/encabulation, spec: {turn: 3}}\n' >bad.yaml
    exits 1 bad.yaml
    says '/executable/spec/turn: unknown key "turn"; did you mean "turns"? [unknown-key]'
    says '/executable/spec: spec: the key "turns" is missing [missing-key]'
    # without the schema the type is carried untouched
    rm -r "$EXECDM_CONFIG/types.d"
    exits 0 bad.yaml
    says 'unknown-type'
}

# site_type AREA NAME SCHEMA: https://example.org/types/NAME
site_type() {
    mkdir -p "$EXECDM_CONFIG/types.d/$1"
    echo "{\"\$id\": \"https://example.org/types/$2\", \"title\": \"$2\", $3}" \
        >"$EXECDM_CONFIG/types.d/$1/$2.json"
}

@test "types.d: the forms and rules of the draft's types are not for those of a site" {
    local type=https://example.org/types t
    site_type webservice chat '"type": "object"'
    site_type compute farm '"type": "object"'
    site_type executable folder '"type": "object"'
    # conditions without name, value and action, and of other sorts
    t='triggers: [{type: '$type'/chat, spec: {conditions: %s}}]\n'
    for conditions in '[{action: start}, {value: a, action: cancel}]' '[{name: a}, {name: a}]' '[1, [], a]' \
        '{a: 1}' '[{name: a, value: 5, action: start}, {name: a, value: 5, action: cancel}]' \
        '[{name: a, value: "A, B", action: start}, {name: a, value: "A, B", action: cancel}]'; do
        # shellcheck disable=SC2059
        printf "$t" "$conditions" >t.yaml
        exits 0 t.yaml
        [ ! -s err ]
    done
    [ "$(cat out)" = '{"triggers":[{"type":"'$type'/chat","spec":{"conditions":[{"name":"a","value":"A, B","action":"start"},{"name":"a","value":"A, B","action":"cancel"}]}}]}' ]
    # statuses and markers
    t='{"callouts":[{"type":"'$type'/chat","spec":{"triggers":[{"status":"RUNNING, DONE"}],"content":"{{user.name}} {{"}}]}'
    echo "$t" >t.json
    exits 0 t.json
    [ ! -s err ]
    [ "$(cat out)" = "$t" ]
    # volumes within spec, and words that mean something else
    t='{"resources":{"compute":[{"name":"c","type":"'$type'/farm","spec":{"volumes":[1],"size":{"a":1},"memory":true,"cores":[],"extras":5}}]}}'
    echo "$t" >t.json
    exits 0 t.json
    [ ! -s err ]
    [ "$(cat out)" = "$t" ]
    t='{"executable":{"type":"'$type'/folder","spec":{"location":"file:///a/","program":5}}}'
    echo "$t" >t.json
    exits 0 t.json
    [ ! -s err ]
    [ "$(cat out)" = "$t" ]
    # what every type has in common holds for them, too
    echo '{"resources":{"compute":[{"type":"'$type'/farm","spec":{"mincores":2,"maxcores":1}}]}}' >t.json
    exits 1 t.json
    says '/resources/compute/0/spec/mincores: mincores is 2, must not exceed maxcores 1'
}

@test "canonical form: a thing given twice is told as that, a month is one" {
    printf 'resources: {compute: [{mincores: 1, spec: {mincores: 2}}]}\n' >t.yaml
    exits 1 t.yaml
    says '/resources/compute/0/mincores: mincores: given twice, here and in spec; leave one of them out [unknown-key]'
    [ "$(wc -l <err)" -eq 1 ]
    printf 'datetime: [{minduration: P1M}, {minduration: P2M}]\n' >t.yaml
    exits 0 t.yaml
    says '"P1M" is 1 month, minutes are written like PT1M'
    says '"P2M" is 2 months, minutes are written like PT2M'
}

@test "types.d: what is wrong there is 78, with its file" {
    encabulating
    local file=$EXECDM_CONFIG/types.d/executable/encabulation.json
    echo '{"type": "object"}' >"$file"
    exits 78 e.yaml
    says "$file: error: the schema of a type needs an \$id, the URI of the type"
    echo "${encabulation/minimum/minimun}" >"$file"
    exits 78 e.yaml
    says 'unknown keyword "minimun", did you mean "minimum"?'
    says "$file: error: "
    echo "${encabulation/example.org\/types\/encabulation/www.purl.org\/ivoa.net\/executable-types\/oci-container}" >"$file"
    exits 78 e.yaml
    says 'is there already'
    echo '{' >"$file"
    exits 78 e.yaml
    says "$file:"
    echo "$encabulation" >"$file"
    mkdir "$EXECDM_CONFIG/types.d/gpu"
    exits 78 e.yaml
    says 'types.d: error: "gpu" is no area of types, expected directories called executable'
}
