#!/usr/bin/env bats
# The data model: valid VO-DML, all that is derived is what would be derived now, and nothing it has promised is gone.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return 1
    model=$TOP_SRCDIR/schema/execdm.vo-dml.xml
    vodml=$EXECDM_SHARED/data/vo-dml
}

# The import's URL is the published one; here the base model is a file.
local_model() { # MODEL
    sed "s|<url>https://www.ivoa.net/xml/VODML/IVOA-v1.vo-dml.xml</url>|<url>file://$(realpath "$vodml")/IVOA-v1.0.vo-dml.xml</url>|" "$1"
}

copy_of() { # NAME...: a tree that can be tampered with
    rm -rf tree
    mkdir tree
    cp -r "${@/#/$TOP_SRCDIR/}" tree/
    chmod -R u+w tree
}

@test "the model is VO-DML by its XML Schema" {
    require xmllint
    [ -d "$vodml" ] || skip "the schema of VO-DML (../shared/data/vo-dml) is not here"
    xmllint --nonet --noout --schema "$vodml/vo-dml-v1.0.xsd" "$model"
    sed 's/<vodml-ref>execdm:common.Name/<vodml-ref>common Name/' "$model" >broken.xml
    run xmllint --nonet --noout --schema "$vodml/vo-dml-v1.0.xsd" broken.xml
    [ "$status" -ne 0 ]
}

@test "the model keeps the Schematron rules of VO-DML" {
    local saxon=/usr/share/java/Saxon-HE.jar
    require java
    if ! [ -e "$saxon" ]; then
        [ "${EXECDM_REQUIRE_ALL-}" != 1 ] || return 1
        skip "libsaxonhe-java is not installed"
    fi
    [ -d "$vodml" ] || skip "the rules of VO-DML (../shared/data/vo-dml) are not here"
    java -jar "$saxon" "-s:$vodml/vo-dml-v1.0.sch.xml" "-xsl:$TOP_SRCDIR/tests/schematron.xsl" -o:rules.xsl
    local_model "$model" >model.xml
    java -jar "$saxon" -s:model.xml -xsl:rules.xsl >said
    # A list of strings is what ExecutionDM has, too, and what documents have; findings are parts of two documents.
    if grep -v 'STRONGLY DISCOURAGED but can be supported' said | grep -v '^warning: objecttype execdm:finding.Finding is used more than once'; then
        return 1
    fi
    # and the rules are looked at: a reference that leads nowhere, an identifier of another form, an import by another name
    sed 's/execdm:common.Uuid/execdm:common.Guid/; s/<vodml-id>task.Task</<vodml-id>task.Job</' model.xml >broken.xml
    java -jar "$saxon" -s:broken.xml -xsl:rules.xsl >said
    grep -q '^error: vodml-ref execdm:common.Guid .* does not exist' said
    grep -q "^error: vodml-id 'task.Job' does not follow" said
    sed 's|<version>1.0</version>|<version>9.0</version>|' model.xml >broken.xml
    java -jar "$saxon" -s:broken.xml -xsl:rules.xsl >said
    grep -q '^error: The imported model version' said
}

wrong_references() { # MODEL BASE
    /usr/bin/python3 - "$@" <<'END'
import sys
import xml.etree.ElementTree as tree

own, base = (tree.parse(file).getroot() for file in sys.argv[1:])
names = [model.findtext("name") for model in (own, base)]
known = {f"{name}:{e.text}" for name, model in zip(names, (own, base)) for e in model.iter("vodml-id")}
for ref in own.iter("vodml-ref"):
    if ref.text not in known:
        print(f"{ref.text} leads nowhere")
(imported,) = own.findall("import")
for key in ("name", "version"):
    if imported.findtext(key) != base.findtext(key):
        print(f"the import's {key} is {imported.findtext(key)}, not {base.findtext(key)}")
END
}

@test "every vodml-ref leads somewhere, in the model or the IVOA base model" {
    require /usr/bin/python3
    [ -d "$vodml" ] || skip "the IVOA base model (../shared/data/vo-dml) is not here"
    run wrong_references "$model" "$vodml/IVOA-v1.0.vo-dml.xml"
    [ "$status" -eq 0 ] && [ -z "$output" ]
    sed 's/ivoa:boolean/ivoa:bool/' "$model" >broken.xml
    run wrong_references broken.xml "$vodml/IVOA-v1.0.vo-dml.xml"
    [[ $output == *ivoa:bool* ]]
}

# An SVG's measures depend on the fonts there are, what is written in it does not.
svg_text() { # FILE
    grep -o '<title>[^<]*</title>\|<text [^>]*>[^<]*</text>' "$1" | sed 's/<text [^>]*>/<text>/' | sort
}

@test "what is derived is what would be derived now" {
    require xsltproc jq dot gvpack
    local file n=0
    "$TOP_SRCDIR/schema/derive/run" derived
    while read -r file; do
        n=$((n + 1))
        case $file in
        *.svg) diff <(svg_text "$TOP_SRCDIR/$file") <(svg_text "derived/$file") ;;
        *) cmp "$TOP_SRCDIR/$file" "derived/$file" ;;
        esac || { echo "$file: run make derive"; return 1; }
    done < <(cd derived && find . -type f -printf '%P\n')
    [ "$n" -ge 35 ]
    # and nothing else lies there
    diff <(cd "$TOP_SRCDIR/schema" && find . -name '*.json' ! -path './vendor/*' ! -name openapi.json | sort) \
        <(cd derived/schema && find . -name '*.json' | sort)
}

@test "a description without its clause, or a type without its row, is refused" {
    require xsltproc jq dot gvpack
    copy_of schema man
    sed -i 's/the fewest cores the task can do with \[cores\] (Planner 2.2.2)/the fewest cores/' tree/schema/execdm.vo-dml.xml
    run ! tree/schema/derive/run derived
    [[ $output == *"GenericCompute.mincores: its description does not end with a clause"* ]]
    copy_of schema man
    sed -i '/ref="execdm:common.Cores"/d' tree/schema/execdm.binding.xml
    run ! tree/schema/derive/run derived
    [[ $output == *"no row for the primitive type execdm:common.Cores"* ]]
    copy_of schema man
    sed -i 's|<frame package="job"/>||' tree/schema/execdm.binding.xml
    run ! tree/schema/derive/run derived
    [[ $output == *"no frame for the package job"* ]]
    copy_of schema man
    sed -i '/<package name="job"/d' tree/schema/execdm.binding.xml
    run ! tree/schema/derive/run derived
    [[ $output == *"no row for the package job"* ]]
    copy_of schema man
    sed -i '/<class ref="driver.PurgeReply"/d' tree/schema/execdm.binding.xml
    run ! tree/schema/derive/run derived
    [[ $output == *"of the members of driver.DriverMessage all but one need a text in the binding"* ]]
}

wrong_schemas() { # TREE
    /usr/bin/python3 - "$1/schema" <<'END'
import json
import sys
from pathlib import Path
from urllib.parse import urljoin

top = Path(sys.argv[1])
base = "https://www.purl.org/ivoa.net/execdm/1/"
files = {str(p.relative_to(top)): json.loads(p.read_text()) for p in top.rglob("*.json") if "vendor" not in p.parts and p.name != "openapi.json"}
rows = files.pop("types.json")["types"]
ids = {schema["$id"]: schema for schema in files.values()}

for name, schema in files.items():
    if schema["$id"] != base + name:
        print(f"{name}: its $id is {schema['$id']}")
    for key in ("title", "$schema"):
        if key not in schema:
            print(f"{name}: no {key}")

def walk(name, at, schema, root):
    if not isinstance(schema, dict):
        return
    ref = schema.get("$ref")
    if ref is not None:
        url, _, pointer = urljoin(root["$id"], ref).partition("#")
        target = ids.get(url)
        for part in pointer.split("/")[1:]:
            target = target.get(part) if target else None
        if target is None:
            print(f"{name}: {at}: {ref} leads nowhere")
        if name == "editor.json" and not ref.startswith("#"):
            print(f"{name}: {at}: {ref} leads out of the file")
    for key, value in schema.get("properties", {}).items():
        if "then" not in at and "/if/" not in at and name != "editor.json" and not value.get("description", "").endswith(")"):
            print(f"{name}: {at}/properties/{key}: no description, or one without a clause")
    for key, value in schema.items():
        inner = value.items() if key in ("properties", "patternProperties", "$defs") else \
            enumerate(value) if key in ("anyOf", "allOf") else [("", value)]
        for k, v in inner:
            walk(name, f"{at}/{key}/{k}", v, root)

for name, schema in files.items():
    walk(name, "", schema, schema)

spellings = {}
for row in rows:
    for spelling in [row["uri"], *row["aliases"]]:
        if spelling in spellings:
            print(f"{spelling} is one of {row['uri']} and of {spellings[spelling]}")
        spellings[spelling] = row["uri"]
    area, name = row["schema"].split("/")[1:]
    if area != row["area"] or name != row["uri"].rpartition("/")[2] + ".json":
        print(f"{row['uri']}: the schema is {row['schema']}")
listed = {row["schema"] for row in rows}
for name in listed ^ {name for name in files if name.startswith("types/")}:
    print(f"{name}: a row without a file, or a file without a row")
END
}

@test "schemas: each has its place, its clauses and a row, and every reference leads somewhere" {
    require /usr/bin/python3
    run wrong_schemas "$TOP_SRCDIR"
    echo "$output"
    [ "$status" -eq 0 ] && [ -z "$output" ]
    copy_of schema
    rm tree/schema/types/extra/nvidia-ad104.json
    # shellcheck disable=SC2016
    sed -i 's|definitions.json#/$defs/window|definitions.json#/$defs/door|' tree/schema/offer.json
    sed -i 's|/execdm/1/job.json|/execdm/2/job.json|; s/ (UWS 1.1)"/"/' tree/schema/job.json
    run wrong_schemas tree
    [[ $output == *nvidia-ad104* && $output == *door* && $output == *"/execdm/2/job.json"* && $output == *"without a clause"* ]]
}

@test "schemas: each is valid by the meta-schema of draft 2020-12" {
    local meta=$TOP_SRCDIR/schema/vendor/json-schema-2020-12/schema.json file n=0
    while read -r file; do
        n=$((n + 1))
        execdm-validate --schema="$meta" "$file" >/dev/null
    done < <(find "$TOP_SRCDIR/schema" -name '*.json' ! -name types.json ! -name openapi.json ! -path '*/vendor/*')
    [ "$n" -ge 34 ]
    echo '{"type": "strign"}' >wrong.json
    run -1 execdm-validate --schema="$meta" wrong.json
}

@test "schemas: the one for editors takes every good task, and sees into the spec of every type" {
    require jq
    # shellcheck disable=SC2016 # $t is jq's
    local schema=$TOP_SRCDIR/schema/editor.json uri area where wheres='{
        "executable": "{executable: $t}", "authentication": "{authentication: [$t]}", "webservice": "{triggers: [$t]}",
        "compute": "{resources: {compute: [$t]}}", "extra": "{resources: {compute: [{spec: {extras: [$t]}}]}}",
        "storage": "{resources: {storage: [$t + {name: \"a\"}]}}"}'
    cat "$TOP_SRCDIR"/tests/corpus/good/*.want | grep -v '"phase":\|"offers":\|"driver":' >tasks
    [ "$(wc -l <tasks)" -ge 25 ]
    execdm-validate --schema="$schema" tasks >/dev/null
    while IFS=$'\t' read -r uri area; do
        where=$(jq -r --arg area "$area" '.[$area]' <<<"$wheres")
        jq -n --arg uri "$uri" "{type: \$uri, spec: {nonsense: 1}} as \$t | $where" >task.json
        run execdm-validate --schema="$schema" task.json
        if [ "${uri##*/}" = example ] || [ "${uri##*/}" = example-executable.md ]; then [ "$status" -eq 0 ]; else
            [[ $status -eq 1 && $output == *nonsense* ]] || { echo "$uri: $status $output"; return 1; }
        fi
    done < <(jq -r '.types[] | .area as $area | (.uri, .aliases[]) | [., $area] | @tsv' "$TOP_SRCDIR/schema/types.json")
}

@test "schemas: the one for editors takes the sizes that the model takes, and no others" {
    local size n=0 bad=0 good editor
    while IFS= read -r size; do
        n=$((n + 1))
        printf 'resources: {compute: [{spec: {minmemory: %s}}]}\n' "$size" >size.yaml
        good=0 editor=0
        execdm-validate -q size.yaml >/dev/null 2>err || good=$?
        execdm-validate -q --schema="$TOP_SRCDIR/schema/editor.json" size.yaml >/dev/null 2>err || editor=$?
        [ "$good" -eq "$editor" ] || { echo "$size: the model says $good, editors say $editor"; return 1; }
        if [ "$good" -eq 1 ]; then bad=$((bad + 1)); fi
    done < <(
        for size in B kB KB MB GB TB PB KiB MiB GiB TiB PiB b kb mb Mb K M G T P k EB EiB kiB Kib KIB iB BB GiBs; do
            printf '"%s"\n' "100 $size" "7$size"
        done
        printf '%s\n' 16 0 0.5 .5 1e-3 -1 -0.5 true '"16"' '".5 GB"' '"1. GB"' '". GB"' '"16  GB"' '"16    GB"' '" 16 GB"' '"16 GB "' \
            '"1.5.2 GB"' '"+1 GB"' '"-1 GB"' '"1e3 GB"' '"1,5 GB"' '"007 GB"' '"16\tGB"' '"16\nGB"' '"16 GB\n"' '"16\_GB"' '""' '"GB"' \
            '"x16 GB"' '"١٦ GB"' '"0 B"' '"0.001 B"'
    )
    [ "$n" -ge 90 ]
    [[ $bad -ge 40 && $bad -le 70 ]]
}

@test "a mail address of a list that is none is told by its form" {
    printf 'callouts: [{type: https://www.purl.org/ivoa.net/webservice-types/email, spec: {to: %s}}]\n' '[ada@example.org, eve]' >t.yaml
    run -1 execdm-validate -q t.yaml
    [[ $output == *'/callouts/0/spec/to/1: '*'expected a mail address, like ada@example.org'* && $output != *'['*'\s'* ]]
    sed -i 's/\[ada.*eve\]/eve/' t.yaml
    run -1 execdm-validate -q t.yaml
    [[ $output == *'/callouts/0/spec/to: '*'expected a mail address, got the string "eve"'* ]]
}

# bats test_tags=real
@test "schemas: a validator of others reads them" {
    require_npm
    local ajv=$TOP_SRCDIR/tests/ajv.cjs file
    mkdir tasks
    cat "$TOP_SRCDIR"/tests/corpus/good/*.want | grep -v '"phase":\|"offers":\|"driver":' | split -l 1 - tasks/
    node "$ajv" "$EXECDM_SCHEMA/editor.json" tasks/*
    echo '{"executable": {"type": "https://www.purl.org/ivoa.net/executable-types/oci-container"}}' >wrong.json
    run -1 node "$ajv" "$EXECDM_SCHEMA/editor.json" wrong.json
    [[ $output == *"must have required property 'spec'"* ]]
    for file in "$EXECDM_SCHEMA"/*.json; do
        case ${file##*/} in types.json | editor.json | openapi.json) continue ;; esac
        node "$ajv" "$file"
    done
    node "$ajv" "$EXECDM_SCHEMA/task.json" tasks/*
}

@test "types: every spelling that was published is one of a row" {
    local spec=$EXECDM_SHARED
    require jq
    [ -d "$spec/data/seed" ] || skip "the draft's listings (../shared/data/seed) are not here"
    jq -r '.types[] | .uri, .aliases[]' "$TOP_SRCDIR/schema/types.json" | sort >known
    grep -rhoE '^ *-? *type: *"https?://[^"]*"' "$spec/data/seed" | sed 's/.*"\(.*\)"/\1/' | sort -u >seed
    [ "$(wc -l <seed)" -ge 10 ]
    comm -23 seed known >unknown
    cat unknown
    if [ -s unknown ]; then return 1; fi
}

# The URIs of types in the draft's text that are no spelling of a row. The text was taken from pages: a URI may be cut at a
# line's end, and in the table of types the middle of those on GitHub is lost, so of these the last part has to be known.
unknown_in_draft() { # DRAFT TYPES
    /usr/bin/python3 - "$@" <<'END'
import json
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read().replace("nvidia-ad 104", "nvidia-ad104")
known = {spelling for row in json.load(open(sys.argv[2]))["types"] for spelling in [row["uri"], *row["aliases"]]}
GITHUB = "https://github.com/Zarquan/"
NO_TYPES = {"https://aws.amazon.com/ec2/instance-types/f1/"}  # what machines a cloud lets

text = re.sub(r"-\n +([a-z]+\"|[a-z]+\n)", r"-\1", text)
found = set(re.findall(r"\btype: *\"?(https?://[^\s\"]+)", text))
found |= {uri.rstrip(r"\$,.]") for uri in re.findall(r"https?://[^\s\"\[]*?types/[^\s\"\],]+", text)}
for uri in sorted(found - NO_TYPES):
    if uri in known or (uri.endswith("-") and any(one.startswith(uri) for one in known)):
        continue
    if uri.startswith(GITHUB) and uri.rpartition("/")[2] in {one.rpartition("/")[2] for one in known if one.startswith(GITHUB)}:
        continue
    print(uri)
print(len(found), file=sys.stderr)
END
}

@test "types: every spelling in the text of the draft is one of a row" {
    local draft=$EXECDM_SHARED/spec/execution-planner-wd-2023-07-01.txt
    require jq /usr/bin/python3
    [ -f "$draft" ] || skip "the draft (../shared/spec) is not here"
    unknown_in_draft "$draft" "$TOP_SRCDIR/schema/types.json" >unknown 2>count
    cat unknown
    if [ -s unknown ]; then return 1; fi
    [ "$(cat count)" -ge 35 ]
    jq '.types |= map(.aliases -= ["https://tinyurl.com/nvidia-ad104"] | select(.uri | endswith("/value-update") | not))' \
        "$TOP_SRCDIR/schema/types.json" >fewer.json
    unknown_in_draft "$draft" fewer.json >unknown 2>count
    same_lines unknown 'https://github.com/Zarquan/Executypes/value-update.md' 'https://tinyurl.com/nvidia-ad104' \
        'https://www.purl.org/ivoa.net/webservice-types/value-update'
}

same_lines() { # FILE LINE...
    diff "$1" <(printf '%s\n' "${@:2}")
}

# A known kind has keys of its own: what is not one of them is refused, of an unknown kind it is carried.
kind_is_read() { # AREA KIND
    local part="{kind: '$2', nonsense: 1}" simple=${2%/*/*}/compute/simple-compute-resource.yaml
    case $1 in
    executable | compute) echo "$1: $part" ;;
    volume) echo "compute: {kind: $simple, volumes: [$part]}" ;;
    data) echo "data: [{kind: '$2', nonsense: 1, ivoa: {obscore: {access_url: 'https://example.org/a'}}}]" ;;
    *) echo "$1: [$part]" ;;
    esac >request.yaml
    run execdm-validate -q request.yaml
    [[ $status -eq 1 && $output != *"no kind of"* ]]
}

@test "types: every kind of the broker's schemas is a spelling of a row, or read by the import" {
    local schemas=$EXECDM_SHARED/data/broker-1.0 kind area n=0
    local here=https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds
    require jq
    [ -d "$schemas" ] || skip "the broker's schemas (../shared/data/broker-1.0) are not here"
    jq -r '.types[] | .uri, .aliases[]' "$TOP_SRCDIR/schema/types.json" >known
    {
        find "$schemas/kinds" -name '*.yaml' -printf "$here/%P\n"
        grep -rhoE 'https?://[^ "'\'']*/(kinds|types)/[^ "'\''#]*' "$schemas"
    } | sort -u >all
    while read -r kind; do
        n=$((n + 1))
        area=${kind%/*}
        case ${area##*/} in costs | metrics | session) continue ;; esac # no types of things: what a broker adds and answers
        grep -qxF "$kind" known || kind_is_read "${area##*/}" "$kind" || { echo "$kind: $output"; return 1; }
    done <all
    [ "$n" -ge 17 ]
    for area in executable compute volume storage data; do
        run ! kind_is_read "$area" "$here/$area/nosuch.yaml"
    done
}

@test "within version 1 of the model there are only additions" {
    require /usr/bin/python3
    local golden=$TOP_SRCDIR/tests/golden/model-1.txt
    "$TOP_SRCDIR/tests/model-lines" "$TOP_SRCDIR/schema" "$golden"
    [ "$(wc -l <"$golden")" -ge 1000 ]
    copy_of schema
    jq 'del(.properties.description)' "$TOP_SRCDIR/schema/task.json" >tree/schema/task.json
    jq '.required += ["attempt"]' "$TOP_SRCDIR/schema/job.json" >tree/schema/job.json
    jq '.properties.more = {type: "string"}' "$TOP_SRCDIR/schema/offer.json" >tree/schema/offer.json
    run "$TOP_SRCDIR/tests/model-lines" tree/schema "$golden"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} == 'gone: task.json /properties/description'* ]]
    [[ ${lines[1]} == 'now required: job.json /required "attempt"' ]]
}

@test "within version 1 of the model nothing is constrained anew" {
    require jq /usr/bin/python3
    local golden=$TOP_SRCDIR/tests/golden/model-1.txt file change want
    # what breaks documents that were valid, file by file, and what is said of it
    while IFS='|' read -r file change want; do
        copy_of schema
        jq "$change" "$TOP_SRCDIR/schema/$file" >"tree/schema/$file"
        run "$TOP_SRCDIR/tests/model-lines" tree/schema "$golden"
        [[ $status -eq 1 && ${lines[0]} == "$want"* ]] || { echo "$file: $change: $status $output"; return 1; }
    done <<'END'
task.json|.properties.description.pattern = "^a"|now constrained: task.json /properties/description/pattern
task.json|.properties.name.maxLength = 3|now constrained: task.json /properties/name/maxLength
task.json|.properties.description.enum = ["a"]|now constrained: task.json /properties/description/enum
task.json|.properties.description.not = {"properties": {"a": {"const": 1}}}|now constrained: task.json /properties/description/not
task.json|.properties.authentication.minItems = 1|now constrained: task.json /properties/authentication/minItems
task.json|.additionalProperties = true|gone: task.json /additionalProperties false
task.json|.patternProperties["^y-"] = {"type": "string"}|now constrained: task.json /patternProperties/^y-/type
task.json|.patternProperties["^x-"] = {"type": "string"}|gone: task.json /patternProperties/^x- true
task.json|.allOf = [{"required": ["name"]}]|now required: task.json /allOf/0/required
task.json|.anyOf = [{"type": "object"}]|now constrained: task.json /anyOf/0/type
job.json|.additionalProperties = false|now constrained: job.json /additionalProperties
definitions.json|.["$defs"].name.minLength = 2|gone: definitions.json /$defs/name/minLength
definitions.json|.["$defs"]["volume-mode"].enum -= ["rw"]|gone: definitions.json /$defs/volume-mode/enum "rw"
driver.json|.["$defs"]["probe-reply"].required += ["facts"]|now required: driver.json /$defs/probe-reply/required
driver.json|.else.if.required += ["id"]|gone: driver.json /if
END
    # and what does not
    while IFS='|' read -r file change; do
        copy_of schema
        jq "$change" "$TOP_SRCDIR/schema/$file" >"tree/schema/$file"
        "$TOP_SRCDIR/tests/model-lines" tree/schema "$golden" || { echo "$file: $change"; return 1; }
    done <<'END'
task.json|.properties.priority = {"type": "integer", "minimum": 0, "enum": [0, 1], "not": {"const": 2}}
task.json|.properties.more = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
task.json|.properties.description.description = "other words"
job.json|.required -= ["id"]
definitions.json|.["$defs"].more = {"type": "string", "pattern": "^a"}
definitions.json|.["$defs"]["volume-mode"].enum += ["x"]
definitions.json|.["$defs"].entrypoint.anyOf += [{"type": "null"}]
driver.json|.else.else = {"if": {"required": ["logs"]}, "then": {"$ref": "#/$defs/logs-reply"}, "else": .else.else}
types.json|.types += [{"uri": "https://example.org/a", "area": "extra", "schema": "types/extra/a.json", "aliases": ["a"]}]
END
    copy_of schema
    jq '.["$id"] += "x"' "$TOP_SRCDIR/schema/types/extra/nvidia-ad104.json" >tree/schema/types/extra/more.json
    "$TOP_SRCDIR/tests/model-lines" tree/schema "$golden"
}

@test "the diagrams have every class, once, and a font that is everywhere" {
    local class svgs=("$TOP_SRCDIR/schema/execdm.svg" "$TOP_SRCDIR/schema/execdm-inside.svg")
    if grep -h 'font-family' "${svgs[@]}" | grep -v 'font-family="Helvetica, Arial, sans-serif"'; then return 1; fi
    while read -r class; do
        [ "$(cat "${svgs[@]}" | grep -c "^<title>$class</title>$")" -eq 1 ] || { echo "$class"; return 1; }
    done < <(tr -d '\n' <"$model" | grep -oP '<objectType[^>]*>\s*<vodml-id>\K[^<]*')
}

@test "execdm-model(7) begins with the task, and its example of a type is one" {
    local page=$TOP_SRCDIR/man/execdm-model.7 types=$EXECDM_CONFIG/types.d/extra
    [ "$(grep -A1 '^Package' "$page" | sed -n 2p)" = '.Em task .' ]
    [ "$(grep -A100 'derived: begin' "$page" | grep -m2 '^.It')" = $'.It Sx What a user writes\n.It Sx The executable thing' ]
    mkdir -p "$types"
    sed -n '/^\.Bd -literal/,/^\.Ed/{/^\./!p}' "$page" >"$types/fpga.json"
    printf 'resources: {compute: [{spec: {extras: [{type: https://example.org/types/fpga, spec: {minmemory: %s}}]}}]}\n' \
        '16 GB' >good.yaml
    execdm-validate good.yaml
    sed 's/16 GB/lots/' good.yaml >bad.yaml
    run -1 execdm-validate bad.yaml
    [[ $output == *minmemory*lots* ]]
}

@test "the pages list every type, and what each one requires" {
    require jq mandoc
    local row uri
    jq -r '.types[] | .uri' "$TOP_SRCDIR/schema/types.json" >uris
    mandoc -T ascii -O width=200 "$TOP_SRCDIR/man/execdm-types.7" | col -b >page
    while read -r uri; do grep -qF " $uri" page || { echo "$uri is not in execdm-types(7)"; return 1; }; done <uris
    for row in image notebook program location; do grep -q "^[[:space:]]*$row -- required" page; done
    [ "$(grep -c -- '-- required' page)" -eq 5 ] # location of two
}
