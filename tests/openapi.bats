#!/usr/bin/env bats
# The description of the service by OpenAPI: it is printed from the table of routes, others can read it, and what goes over
# the wire is as it says.
bats_require_minimum_version 1.5.0
load helper
load jobs
load links
load site

setup() { jobs_state; }
teardown() { site_stop; }

# --- what it says

printed() { EXECDM_CONFIG=/nonexistent execdm-cgi --openapi; }

@test "schema/openapi.json is what the program prints" {
    printed >printed.json
    cmp printed.json "$TOP_SRCDIR/schema/openapi.json" || { echo "run make derive"; return 1; }
    jq -e '.openapi == "3.0.3"' printed.json
}

@test "every route is in it, each with its own name, and every body has a schema" {
    printed >printed.json
    # the routes as the program has them: what is below braces is one path
    sed -n 's/^ *{\.path = "\([^"]*\)".*/\1/p' "$TOP_SRCDIR"/cmd/cgi/route*.c | sort -u >routes
    [ "$(wc -l <routes)" -ge 9 ]
    diff routes <(jq -r '.paths | keys[]' printed.json | sort)
    jq -e '[.paths[][].operationId] | length == (unique | length)' printed.json
    # an object that says nothing more is no schema; only this description has none of its own
    jq -r '.paths | to_entries[] | .key as $path | .value[].responses[].content // {} | .[]
        | select(.schema == null or .schema == {} or .schema == {type: "object"}) | $path' printed.json | sort -u >bare
    diff bare <(printf '%s\n' /openapi.json /openapi.yaml)
    jq -e '[.paths[][].responses.default] | length > 10 and all(. != null)' printed.json
    jq -e 'all(.components.responses[].content; .["application/problem+json"].schema["$ref"] == "#/components/schemas/Problem")' \
        printed.json
}

@test "every reference leads somewhere, and nothing is left of what OpenAPI 3.0 does not know" {
    printed >printed.json
    jq -e '. as $all | [.. | objects | .["$ref"]? // empty] | length > 50 and
        all(. as $r | $all | getpath($r | ltrimstr("#/") | split("/")) != null)' printed.json
    jq -e '[.components.schemas | .. | objects | keys[]
        | select(IN("$schema", "$id", "$defs", "const", "if", "then", "else", "patternProperties", "examples",
            "unevaluatedProperties"))] == []' printed.json
    # beside a $ref nothing is read there
    jq -e '[.components.schemas | .. | objects | select(has("$ref") and length > 1)] == []' printed.json
    jq -e '[.components.schemas | .. | objects | select((.type? | type) == "array")] == []' printed.json
    jq -e '[.components.schemas | .. | objects | select(.type? == "array" and (has("items") | not))] == []' printed.json
    jq -e '.components.schemas.Offer.properties.accept.allOf[0]["$ref"] == "#/components/schemas/ServiceUrl"
        and .components.schemas.ServiceUrl.nullable' printed.json
    # a file and a definition may be called the same
    jq -e '.components.schemas | .Trigger.required == ["type"] and .TriggerDocument.properties.recorded.type == "boolean"' printed.json
}

@test "the URL and who may ask are those of the configuration" {
    mkdir -p config
    printf 'execdm: 1\nurl: https://execdm.example.org/run/\nservice: {anonymous: true, title: Runs, contact: a@example.org}\n' \
        >config/execdm.yaml
    EXECDM_CONFIG=$PWD/config execdm-cgi --openapi >printed.json
    jq -e '.servers == [{url: "https://execdm.example.org/run"}] and .security == [{basic: []}, {}]
        and .info.title == "Runs" and .info.contact.email == "a@example.org"' printed.json
    printed | jq -e '.servers == [{url: "/"}] and .security == [{basic: []}]'
    printf 'execdm: 1\nurl: https://execdm.example.org/run/\nservice: {title: 3}\n' >config/execdm.yaml
    EXECDM_CONFIG=$PWD/config run -78 --separate-stderr execdm-cgi --openapi
    [ -z "$output" ]
}

@test "a query is no option, whatever it looks like" {
    local query
    export EXECDM_CONFIG=$PWD/config GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET PATH_INFO=/availability HTTP_ACCEPT=application/json
    for query in --openapi --record --help --version --nonsense -h words; do
        QUERY_STRING=$query run -0 execdm-cgi "$query" # as mod_cgid does (RFC 3875, 4.4)
        [[ $output == 'Status: 200 OK'* && $output == *'"available"'* ]]
    done
}

# --- what others say of it

lint() { # FILE
    # it would ask the network for newer versions of itself
    REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true bwrap --dev-bind / / --unshare-net --die-with-parent \
        timeout 120 "$EXECDM_NPM/.bin/redocly" lint --format=json "$1" 2>lint.err
}

# bats test_tags=real
@test "redocly has nothing to say" {
    require_npm
    printed >printed.json
    lint printed.json >lint.json
    jq -e '.totals | .errors == 0 and .warnings == 0 and .ignored == 0' lint.json || { jq .problems lint.json; return 1; }
    # and would say something
    jq 'del(.components.schemas.Job.properties.phase.allOf) | .paths["/planner"].post.operationId = "getJob"
        | .components.schemas.Job.type = "thing"' printed.json >broken.json
    run lint broken.json
    [ "$status" -ne 0 ]
    [[ $output == *operation-operationId-unique* && $output == *struct* ]]
}

# bats test_tags=real
@test "spectral has nothing to say" {
    require_npm
    mkdir -p config
    printf 'execdm: 1\nservice: {contact: a@example.org}\n' >config/execdm.yaml # it wants to know whom to ask
    EXECDM_CONFIG=$PWD/config execdm-cgi --openapi >printed.json
    # a summary says all there is to say of an operation
    printf 'extends: ["spectral:oas"]\nrules: {operation-description: off}\n' >rules.yaml
    spectral() {
        bwrap --dev-bind / / --unshare-net --die-with-parent timeout 120 "$EXECDM_NPM/.bin/spectral" lint -r rules.yaml \
            --fail-severity=hint "$1"
    }
    spectral printed.json
    jq '.components.schemas.Unused = {type: "string"} | del(.paths["/planner"].post.tags)' printed.json >broken.json
    run ! spectral broken.json
    [[ $output == *oas3-unused-component* && $output == *operation-tags* ]]
}

# --- what goes over the wire

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# prism NAME DOCUMENT: a proxy before the service that lets nothing pass which is not as the document says; $proxy its URL
prism() {
    local port
    port=$(free_port)
    NODE_PATH=$EXECDM_NPM node "$TOP_SRCDIR/tests/prism.cjs" proxy "$2" "$SITE" --errors --host 127.0.0.1 --port "$port" \
        >"$1.log" 2>&1 3>&- &
    echo $! >"$1.pid"
    proxy=http://127.0.0.1:$port
    wait_until 120 grep -q 'Prism is listening' "$1.log"
}

# ask STATUS PATH|URL [OPTION...]: by the proxy; the body is in body, the headers are in headers. What Prism says itself
# is a violation, or would be
ask() {
    local wanted=$1 url=$2 status
    shift 2
    [[ $url == "$SITE"* ]] && url=${url#"$SITE"}
    status=$(curl -sS -m 120 -o body -D headers -w '%{http_code}' "$@" "$proxy$url") || return 1
    if [ "$status" != "$wanted" ] || grep -qi '^sl-violations:' headers || grep -q stoplight.io/prism body; then
        echo "$url: $status, expected $wanted"
        cat headers body
        return 1
    fi
}

same_yaml() { # YAML JSON
    # shellcheck disable=SC2016
    diff <(/usr/bin/python3 -c 'import json, sys, yaml
print(json.dumps(yaml.safe_load(sys.stdin)))' <"$1" | jq -S .) <(jq -S . "$2")
}

location() { tr -d '\r' <headers | sed -n 's/^[Ll]ocation: //p'; }

came_to() { # PHASE: $job
    ask 200 "$job" -H 'Accept: application/json' && [ "$(jq -r .phase body)" = "$1" ]
}

json=(-H 'Content-Type: application/json')

# bats test_tags=real
@test "a whole conversation is as the description says" {
    local offer job part query endpoint
    require_npm
    require curl
    site_user ada lovelace
    site_start
    site_worker
    curl -sS --fail-with-body "$SITE/openapi.json" >openapi.json
    cmp openapi.json <(site_as execdm-cgi --openapi)
    jq -e --arg url "$SITE" '.servers[0].url == $url' openapi.json
    curl -sS --fail-with-body "$SITE/openapi.yaml" >openapi.yaml
    same_yaml openapi.yaml openapi.json
    prism proxy openapi.json

    ask 200 /
    ask 200 / -I
    ask 200 /planner
    ask 200 /planner -I
    ask 200 /availability -H 'Accept: application/json'
    ask 200 /availability
    ask 200 /capabilities -H 'Accept: application/json'
    ask 200 /openapi.json
    ask 200 /platforms
    ask 200 /platforms/localhost
    ask 404 /platforms/nowhere
    ask 200 / -H 'Accept: text/html'
    ask 404 /platforms/nowhere -H 'Accept: text/html'
    ask 200 /style.css
    # Prism reads no YAML: it is the same as JSON
    curl -sS --fail-with-body -H 'Accept: application/yaml' "$SITE/capabilities" >capabilities.yaml
    ask 200 /capabilities -H 'Accept: application/json'
    same_yaml capabilities.yaml body

    task sh='echo hello'
    ask 200 /planner "${json[@]}" --data-binary @task.json
    jq -e '.result == "YES"' body || { cat body; return 1; }
    offer=$(jq -r '.offers[0].id' body)
    ask 200 "/offers/$offer"
    ask 303 "/offers/$offer/accept" -X POST
    job=$(location)
    ask 200 "$job" -H 'Accept: application/json'
    ask 200 "$job" -I
    wait_until 120 came_to COMPLETED
    ask 304 "$job" -H 'Accept: application/json' -H "If-None-Match: $(tr -d '\r' <headers | sed -n 's/^[Ee][Tt]ag: //p')"

    # the tree of UWS, as text, XML and JSON
    for part in '' phase executionduration destruction quote owner parameters results; do
        ask 200 "$job${part:+/$part}"
        ask 200 "$job${part:+/$part}" -H 'Accept: application/json'
    done
    ask 404 "$job/error"
    ask 200 "$job/stdout"
    [ "$(<body)" = hello ]
    ask 200 "$job/results/stdout" -I
    ask 206 "$job/results/stdout" -H 'Range: bytes=1-3'
    [ "$(<body)" = ell ]
    ask 416 "$job/stdout" -H 'Range: bytes=99-'
    for query in '' '?LAST=3' '?PHASE=COMPLETED&PHASE=QUEUED' '?AFTER=2026-01-01T00:00:00Z'; do
        ask 200 "/jobs$query"
        ask 200 "/jobs$query" -H 'Accept: application/json'
    done
    jq -e '.jobs | length == 1' body
    ask 400 '/jobs?AFTER=nonsense'
    ask 200 "$job?WAIT=0"

    # a job made by a POST, changed and deleted
    task sh='sleep 600'
    ask 303 /jobs "${json[@]}" -H 'Idempotency-Key: one' --data-binary @task.json
    job=$(location)
    ask 303 /jobs "${json[@]}" -H 'Idempotency-Key: one' --data-binary @task.json
    [ "$(location)" = "$job" ]
    ask 422 /jobs -H 'Idempotency-Key: one' -d RUNID=other
    ask 200 "$job/phase" -H 'Accept: text/plain'
    ask 303 "$job/destruction" -d DESTRUCTION="$(date -u -d '+300 days' +%Y-%m-%dT%H:%M:%SZ)"
    ask 303 "$job/phase" -d PHASE=RUN
    wait_until 120 came_to EXECUTING
    ask 200 "$job" -X PATCH "${json[@]}" -d '{"name": "mine"}'
    jq -e '.name == "mine"' body
    ask 303 "$job" -d PHASE=ABORT
    wait_until 120 came_to ABORTED
    ask 403 "$job/phase" -d PHASE=RUN
    ask 400 "$job/phase" -d PHASE=WALK
    ask 303 "$job" -X DELETE
    ask 404 "$job"

    # a trigger, and files that come with a task
    task sh='true'
    trigger go RUNNING ''
    ask 200 /planner "${json[@]}" --data-binary @task.json
    offer=$(jq -r '.offers[0].id' body)
    endpoint=$(jq -r '.offers[0].triggers[0].spec.endpoint' body)
    ask 303 "/offers/$offer/accept" -X POST
    ask 200 "$endpoint" "${json[@]}" -d '{"status": "FAILED"}'
    ask 200 "$endpoint" -d status=RUNNING
    jq -e '.action == "start" and .recorded' body
    job=$SITE/jobs/$offer
    wait_until 120 came_to COMPLETED
    ask 404 /triggers/nonsense "${json[@]}" -d '{"status": "RUNNING"}'
    task sh='cat /in' r:/in=file:in.txt
    echo words >in.txt
    ask 403 /planner -F task=@task.json -F in.txt=@in.txt # not allowed here, in whichever way

    # a NO, and what is refused
    task sh='true' memory=100000
    ask 200 /planner "${json[@]}" --data-binary @task.json
    jq -e '.result == "NO" and (.messages | length > 0)' body
    jq '.resources.storage = [{name: "a", type: "https://www.purl.org/ivoa.net/storage-types/ephemeral-storage", spec: {size: "big"}}]' \
        task.json >wrong.json
    ask 400 /planner "${json[@]}" --data-binary @wrong.json
    jq -e '.findings | length > 0' body
    ask 404 /offers/01890000-0000-7000-8000-000000000000
    ask 404 /jobs/01890000-0000-7000-8000-000000000000
    ask 406 / -H 'Accept: image/png'
    ask 401 / -u ada:wrong
    ask 200 / -u ada:lovelace
    jq -e '.identity == "ada"' body
    # what is asked otherwise than it says does not reach the service
    run ask 422 /jobs/no-uuid
    grep -q stoplight.io/prism body
}

# bats test_tags=real
@test "an answer that is not as the description says is caught" {
    require_npm
    require curl
    site_start
    curl -sS --fail-with-body "$SITE/openapi.json" | jq '.components.schemas.Service.required += ["nonsense"]
        | .paths["/offers/{id}/accept"].post.responses |= del(.["303"], .["404"], .default)' >openapi.json
    prism proxy openapi.json
    run ask 200 /
    [ "$status" -ne 0 ]
    grep -q nonsense body
    ask 200 /availability
}

# bats test_tags=real
@test "every good task is one by the description, too" {
    local file n=0
    require_npm
    require curl
    site_start
    curl -sS --fail-with-body "$SITE/openapi.json" >openapi.json
    # it is about the task only: nobody need plan it
    jq '.paths |= with_entries(select(.key == "/planner")) | .paths["/planner"].post.responses = {default: {description: "any"}}' \
        openapi.json >task.openapi.json
    prism proxy task.openapi.json
    for file in "$TOP_SRCDIR"/tests/corpus/good/*.yaml; do
        execdm-validate "$file" 2>/dev/null >canonical.json
        jq -e -s 'length == 1 and (.[0] | has("driver") | not)' canonical.json >/dev/null || continue # a platform, or several
        curl -sS -m 120 -o body "${json[@]}" --data-binary @canonical.json "$proxy/planner"
        if grep -q stoplight.io/prism body; then
            echo "$file:"
            cat body
            return 1
        fi
        n=$((n + 1))
    done
    [ "$n" -ge 20 ]
    # and what is none is none there: a key that has to be there, a number for a text
    for file in '{"executable": {"spec": {}}}' '{"executable": {"type": 7}}' '{"resources": {"compute": {}}}'; do
        curl -sS -m 120 -o body "${json[@]}" --data-binary "$file" "$proxy/planner"
        grep -q stoplight.io/prism body
    done
}
