#!/usr/bin/env bats
# Two services on two ports, with stores and workers of their own: jobs of one call those of the other over HTTP (Planner 2.5).
# bats file_tags=real,once

bats_require_minimum_version 1.5.0
load helper
load jobs
load site
load steps

setup() {
    jobs_state
    PATH=$PATH:/usr/sbin require apache2 curl jq sqlite3
}

teardown() {
    leave "$BATS_TEST_TMPDIR"/*.pid
    site_stop
    rm -rf "${space:-/nonexistent}"
}

# ask FILE [CURLOPTION...]: POSTs a task as YAML; answer.json
ask() {
    local file=$1
    shift
    curl -sS --fail-with-body -H 'Content-Type: application/yaml' --data-binary "@$file" "$@" "$SITE/planner" >answer.json
}

# take FILE: and accepts its first offer; prints the job's URL
take() {
    ask "$1"
    same YES "$(jq -r .result answer.json)"
    curl -sS -o /dev/null -w '%{redirect_url}\n' -X POST "$(jq -r '.offers[0].accept' answer.json)"
}

seen() { # URL FILTER
    curl -sS --fail-with-body -H "Accept: application/json" "$1" | jq -r "$2"
}

ended() { # URL PHASE
    [ "$(seen "$1" .phase)" = "$2" ]
}

# call URL TYPE BODY: the status and answer of a call
call() {
    curl -sS -o called.json -w '%{http_code}\n' -H "Content-Type: $2" --data-binary "$3" "$1"
}

# steps: two services and a VOSpace
steps() {
    local step
    space=$(mktemp -d /tmp/execdm-space.XXXXXX)
    mkdir "$space/nodes"
    /usr/bin/python3 "$TOP_SRCDIR/tests/vospace-server.py" "$PWD/port" "$space" t0ken >space.out 2>&1 3>&- &
    echo $! >space.pid
    wait_until 180 test -e port
    # shellcheck disable=SC2034 # the listings use both
    vospace=http://127.0.0.1:$(cat port)/vospace today=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    for step in a b; do
        site_use "$step"
        site_configure 'policy: {private-addresses: true}'
        site_start "$1"
        site_worker
    done
}

@test "the two steps of 2.5.3 at two services: step-b starts when step-a has completed" {
    local way
    for way in cgi fcgi; do
        steps "$way"
        site_use b
        step_b "cat /inputs/total"
        b=$(take b.yaml)
        endpoint=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
        [[ $endpoint == "$SITE"/triggers/* ]]
        site_use a
        step_a "$endpoint" "echo 6 >/results/total"
        a=$(take a.yaml)
        [ "${a%/jobs/*}" != "${b%/jobs/*}" ]
        wait_until 180 ended "$a" COMPLETED
        wait_until 180 ended "$b" COMPLETED
        site_use b
        same 6 "$(cat "$SITE_DIR/state/jobs/${b##*/}/attempt-1/stdout")"
        same "trigger trigger-001|start (status: COMPLETED)" "$(seen "$b" '.history[1] | "\(.by)|\(.why)"')"
        # both calls came in, each once, from the other's worker, and neither store knows the other's job
        same "200 200" "$(awk '/POST \/triggers\// { print $(NF - 1) }' "$SITE_DIR/log/access.log" | xargs)"
        same 1 "$(sqlite3 "$SITE_DIR/state/execdm.db" 'SELECT count(*) FROM jobs')"
        leave space.pid
        site_stop
        rm -rf "$space" port
    done
}

@test "step-a fails: step-b is cancelled at the other service" {
    steps cgi
    site_use b
    step_b "cat /inputs/total"
    b=$(take b.yaml)
    endpoint=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
    site_use a
    step_a "$endpoint" "exit 1"
    a=$(take a.yaml)
    wait_until 180 ended "$a" ERROR
    wait_until 180 ended "$b" ABORTED
    same "cancelled by the trigger trigger-001" "$(seen "$b" .error.message)"
}

@test "a service that is down when step-a calls is called again" {
    steps cgi
    site_use b
    step_b "cat /inputs/total"
    b=$(take b.yaml)
    endpoint=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
    site_script stop "$SITE_DIR"
    site_use a
    step_a "$endpoint" "echo 7 >/results/total"
    a=$(take a.yaml)
    wait_until 180 ended "$a" COMPLETED
    site_use b
    SITE_PORT=${SITE##*:} site_start cgi
    site_worker
    wait_until 180 ended "$b" COMPLETED
    same 7 "$(cat "$SITE_DIR/state/jobs/${b##*/}/attempt-1/stdout")"
}

@test "a trigger is called as YAML, JSON, a form or a form with parts; what it came to is told" {
    local token type
    site_configure
    site_start cgi
    task sh='echo hello'
    jq '.triggers = [{name: "go", type: "https://www.purl.org/ivoa.net/webservice-types/value-update",
        spec: {conditions: [{name: "status", value: "COMPLETED", action: "start"}, {name: "status", value: "FAILED", action: "cancel"}]}}]' \
        task.json >go.yaml
    ask go.yaml
    endpoint=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
    token=${endpoint##*/}
    # before it is accepted, and with another token
    same 409 "$(call "$endpoint" application/yaml 'status: COMPLETED')"
    jq -e '.status == 409 and (.detail | contains("which is no job"))' called.json
    same 404 "$(call "$SITE/triggers/${token%?}$(tr 0-9a-f 1-9a-f0 <<<"${token: -1}")" application/yaml 'status: COMPLETED')"
    same 404 "$(call "$SITE/triggers/nothing" application/yaml 'status: COMPLETED')"
    same 404 "$(call "$SITE/triggers/$(tr -d - </proc/sys/kernel/random/uuid)${token:32}" application/yaml 'status: COMPLETED')"
    job=$(curl -sS -o /dev/null -w '%{redirect_url}\n' -X POST "$(jq -r '.offers[0].accept' answer.json)")
    # what means nothing to it changes nothing
    for type in 'application/yaml:status: RUNNING' 'application/json:{"status": "RUNNING"}' \
        'application/x-www-form-urlencoded:status=RUNNING' 'text/plain:status: RUNNING'; do
        same 200 "$(call "$endpoint" "${type%%:*}" "${type#*:}")"
        execdm-validate -q --schema="$EXECDM_SCHEMA/trigger.json" called.json
        jq -e '.trigger == "go" and .recorded == false and (has("action") | not) and (.message | contains("nothing changes"))' called.json
    done
    same PENDING "$(seen "$job" .phase)"
    # what is no list of values is refused, and so is what is no POST
    same 400 "$(call "$endpoint" application/yaml '- a')"
    same 400 "$(call "$endpoint" application/json '{')"
    same 400 "$(call "$endpoint" application/x-www-form-urlencoded 'status=A&status=B')"
    same 415 "$(call "$endpoint" image/png 'status: COMPLETED')"
    same 405 "$(curl -sS -o called.json -w '%{http_code}' "$endpoint")"
    # the first call that counts, and the same again
    same 200 "$(curl -sS -o called.json -w '%{http_code}' -F status=COMPLETED "$endpoint")"
    jq -e '.action == "start" and .recorded' called.json
    same 200 "$(call "$endpoint" application/x-www-form-urlencoded 'STATUS=x&status=COMPLETED')"
    jq -e '.action == "start" and (.recorded | not) and (.message | contains("called so before"))' called.json
    same 'application/yaml' "$(curl -sS -o called.yaml -w '%{content_type}' -H 'Accept: application/yaml' -d status=FAILED "$endpoint")"
    grep -q '^action: cancel' called.yaml
}

@test "the token is the right to call: nobody is asked who they are" {
    site_user ada secret
    site_configure
    sed -i 's/anonymous: true/anonymous: false/' "$SITE_DIR/config/execdm.yaml"
    site_start cgi
    task sh='echo hello'
    jq '.triggers = [{name: "go", type: "https://www.purl.org/ivoa.net/webservice-types/value-update",
        spec: {conditions: [{name: "status", value: "COMPLETED", action: "start"}]}}]' task.json >go.yaml
    ask go.yaml -u ada:secret
    endpoint=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
    job=$(curl -sS -u ada:secret -o /dev/null -w '%{redirect_url}\n' -X POST "$(jq -r '.offers[0].accept' answer.json)")
    same 401 "$(curl -sS -o /dev/null -w '%{http_code}' "$job")"
    same 200 "$(call "$endpoint" application/yaml 'status: COMPLETED')"
    jq -e '.recorded' called.json
    same 404 "$(call "$SITE/triggers/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" application/yaml 'status: COMPLETED')"
}
