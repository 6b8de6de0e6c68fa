#!/usr/bin/env bats
# Offers over HTTP: whose they are, how long they last, what they say of who asked; and what a service tells of itself when it
# cannot do what was asked.
# bats file_tags=once
bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require curl jq
    site_make
    site_user ada secret-of-ada
    site_user bob secret-of-bob
}
teardown() { site_stop; }

# http METHOD PATH ARG...: "CODE LOCATION"; the body is in body
http() {
    local method=$1 url=$2
    shift 2
    curl -sS -o body -w '%{http_code} %{redirect_url}' -X "$method" "$url" -H 'Accept: application/json' "$@"
}
no() { # CMD...: it fails
    if "$@"; then return 1; fi
}
ada() { http "$@" -u ada:secret-of-ada; }
bob() { http "$@" -u bob:secret-of-bob; }

# offered WHO: of task.json, the offer in offer.json, its URL in $offer
offered() {
    same '200 ' "$("$1" POST "$SITE/planner" -H 'Content-Type: application/json' --data-binary @task.json)"
    same YES "$(jq -r .result body)"
    jq '.offers[0]' body >offer.json
    offer=$SITE/offers/$(jq -r .id offer.json)
}

one_core() {
    printf 'compute: {cores: 1, memory: 1}\n' >>"$SITE_DIR/config/platforms.d/localhost.yaml"
}

# The program as a web server starts it for NAME known by AUTH_TYPE: gate METHOD NAME AUTH_TYPE PATH; the answer is in answer
gate() {
    site_as env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD="$1" REMOTE_USER="$2" AUTH_TYPE="$3" PATH_INFO="$4" SCRIPT_NAME= \
        QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1 HTTP_ACCEPT=application/json "$SITE_DIR/cmd/execdm-cgi" </dev/null >answer
    sed -n 's/^Status: \([0-9]*\).*/\1/p' answer | head -n 1
}

# bats test_tags=real
@test "an offer is accepted by who it was made to, once; accepting again gives the same job" {
    site_start
    task sh='echo hello'
    offered ada
    same '404 ' "$(bob GET "$offer")"
    same '404 ' "$(bob POST "$offer/accept")"
    same '404 ' "$(http GET "$offer")"
    same '404 ' "$(http POST "$offer/accept")"
    same '200 ' "$(ada GET "$offer")"
    local said
    said=$(ada POST "$offer/accept")
    same "303 $(jq -r .job offer.json)" "$said"
    same "$said" "$(ada POST "$offer/accept")"
    ada GET "$SITE/jobs" >/dev/null
    same 1 "$(jq '.jobs | length' body)"
}

# bats test_tags=real
@test "an offer says how who asks was known, by a type that is registered, and no secret" {
    site_start
    task sh='echo hello'
    offered ada
    jq -e '.authentication | length == 1 and .[0].spec == {"username": "ada"} and .[0].name == "http-request"
           and (.[0].type | endswith("/basic-auth"))' offer.json
    no grep -F secret-of offer.json
    local who type
    for who in ada http; do
        offered "$who"
        type=$(jq -r '.authentication[0].type' offer.json)
        grep -qF "\"$type\"" "$EXECDM_SCHEMA/types.json"
    done
}

# bats test_tags=real
@test "an offer that has expired is 410, also for who would accept it" {
    require faketime
    site_start
    task sh='echo hello'
    # made an hour ago
    site_as faketime -f -1h env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST REMOTE_USER=ada AUTH_TYPE=Basic PATH_INFO=/planner \
        SCRIPT_NAME= QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1 CONTENT_TYPE=application/json CONTENT_LENGTH="$(stat -c %s task.json)" \
        HTTP_ACCEPT=application/json "$SITE_DIR/cmd/execdm-cgi" <task.json | sed '1,/^\r$/d' >answer.json
    offer=$SITE/offers/$(jq -r '.offers[0].id' answer.json)
    same '410 ' "$(ada GET "$offer")"
    grep -qF 'has expired' body
    same '410 ' "$(ada POST "$offer/accept")"
    grep -qF expired body
    same '404 ' "$(bob GET "$offer")"
}

# bats test_tags=real
@test "an offer whose room is gone is 409, and makes no job" {
    one_core
    site_start
    task sh='sleep 1' max=PT1H start="$(date -u -d '+1 hour' +%FT%TZ)/PT1S"
    offered ada
    local first=$offer
    offered bob
    same 303 "$(ada POST "$first/accept" | cut -d' ' -f1)"
    same '409 ' "$(bob POST "$offer/accept")"
    grep -qF 'is gone' body
    bob GET "$SITE/jobs" >/dev/null
    same 0 "$(jq '.jobs | length' body)"
}

# bats test_tags=real
@test "a job is its owner's by the same method only" {
    site_start
    task sh='echo hello'
    offered ada
    ada POST "$offer/accept" >/dev/null
    local id path
    id=$(jq -r .id offer.json)
    for path in "/jobs/$id" "/jobs/$id/phase" "/jobs/$id/results"; do
        same 200 "$(gate GET ada Basic "$path")"
        same 404 "$(gate GET ada OIDC "$path")"
    done
    same 404 "$(gate GET ada OIDC "/offers/$id")"
    same 404 "$(gate DELETE ada OIDC "/jobs/$id")"
    same 200 "$(gate GET ada OIDC /jobs)"
    same 0 "$(sed '1,/^\r$/d' answer | jq '.jobs | length')"
    same 200 "$(gate GET ada Basic /jobs)"
    same 1 "$(sed '1,/^\r$/d' answer | jq '.jobs | length')"
}

# bats test_tags=real
@test "platforms for others are not named, and those out of order are without their reasons" {
    sed 's/^name: .*/name: hidden-one/' "$SITE_DIR/config/platforms.d/localhost.yaml" >"$SITE_DIR/config/platforms.d/hidden.yaml"
    printf 'policy: {identities: [carol], groups: [secret-group]}\n' >>"$SITE_DIR/config/platforms.d/hidden.yaml"
    printf 'name: gone\ndriver: nosuch\n' >"$SITE_DIR/config/platforms.d/gone.yaml"
    printf 'name: [\n' >"$SITE_DIR/config/platforms.d/torn.yaml"
    site_start
    task sh='echo hello' memory=100000000
    same '200 ' "$(ada POST "$SITE/planner" -H 'Content-Type: application/json' --data-binary @task.json)"
    same NO "$(jq -r .result body)"
    no grep -E 'hidden|secret-group|carol|torn|platforms\.d|nosuch' body
    jq -e '[.messages[] | select(.platform == "gone")] | length == 1 and (.[0].text | test("out of order"))' body
    grep -qF torn.yaml "$SITE_DIR/log/error.log"
    rm "$SITE_DIR"/config/platforms.d/{gone,torn,localhost}.yaml
    same '200 ' "$(ada POST "$SITE/planner" -H 'Content-Type: application/json' --data-binary @task.json)"
    jq -e '.result == "NO" and (.messages | length) == 1' body
    no grep -E 'hidden|secret-group' body
}

# bats test_tags=real
@test "what is wrong on the machine is 500 and in the log, and its paths are told to nobody" {
    site_start
    task sh='echo hello'
    offered ada
    ada POST "$offer/accept" >/dev/null
    rm -rf "$SITE_DIR/state"
    : >"$SITE_DIR/state"
    local path
    for path in /jobs "/jobs/$(jq -r .id offer.json)"; do
        same '500 ' "$(ada GET "$SITE$path")"
        no grep -F "$SITE_DIR" body
    done
    grep -qF "$SITE_DIR/state" "$SITE_DIR/log/error.log"
    rm "$SITE_DIR/state"
}

# bats test_tags=real
@test "a draft is run with all that is changed beside it, or nothing is" {
    site_start
    local said job
    said=$(ada POST "$SITE/jobs")
    job=${said#303 }
    same '422 ' "$(ada PATCH "$job" -H 'Content-Type: application/json' -d '{"name": "no", "runid": "no", "phase": "RUN"}')"
    ada GET "$job" >/dev/null
    jq -e '.phase == "PENDING" and .name != "no" and .runid != "no"' body
    task sh='echo hello'
    same 303 "$(ada POST "$job/parameters" --data-urlencode JDL@task.json | cut -d' ' -f1)"
    same '200 ' "$(ada PATCH "$job" -H 'Content-Type: application/json' -d '{"name": "yes", "phase": "RUN"}')"
    jq -e '.name == "yes"' body
}
