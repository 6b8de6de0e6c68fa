#!/usr/bin/env bats
# execdm-cgi behind Apache: the conversation of the Planner's section 2 by HTTP.
bats_require_minimum_version 1.5.0
load helper
load jobs
load links
load site

setup() { jobs_state; }
teardown() { site_stop; }

# bats test_tags=real
@test "a task is planned, its offer accepted, its job seen to its end" {
    require curl jq
    local way
    for way in cgi fcgi; do
        site_start "$way"
        task sh='echo hello'
        curl -sS --fail-with-body -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >answer.json
        [ "$(jq -r .result answer.json)" = YES ]
        curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\n' -X POST "$(jq -r '.offers[0].accept' answer.json)" >accepted
        [ "$(<accepted)" = "303 $(jq -r '.offers[0].job' answer.json)" ]
        # it is likely to end with its booking, and is nobody's; no worker has it yet
        curl -sS "$(jq -r '.offers[0].job' answer.json)/quote" | grep -qE '^20[0-9T:.-]+Z$'
        [ -z "$(curl -sS "$(jq -r '.offers[0].job' answer.json)/owner")" ]
        site_worker
        ended() { curl -sS -H 'Accept: application/json' "$(jq -r '.offers[0].job' answer.json)" >job.json && [ "$(jq -r .phase job.json)" = COMPLETED ]; }
        wait_until 120 ended
        site_stop
    done
}

# bats test_tags=real
@test "an answer is JSON to who says nothing, and YAML, with the same in it, to who likes YAML" {
    require curl jq
    local accept url
    site_start
    task sh='echo hello'
    plan() { curl -sS --fail-with-body -D head -H "Accept:$1" -H 'Content-Type: application/yaml' --data-binary @task.json "$SITE/planner" >answer; }
    for accept in '' ' */*' ' application/json' ' application/json, */*;q=0.1' ' application/yaml;q=0.5, application/json'; do
        plan "$accept"
        grep -qi '^content-type: application/json' head
        [ "$(jq -r .result answer)" = YES ]
    done
    for accept in ' application/yaml' ' text/yaml' ' application/yaml, application/json;q=0.9'; do
        plan "$accept"
        grep -qi '^content-type: application/yaml' head
        grep -qx 'result: "YES"\|result: YES' answer
    done
    url=$(execdm-validate answer | jq -r '.offers[0].accept')
    url=${url%/accept}
    curl -sS --fail-with-body "$url" | jq -S . >as-json
    curl -sS --fail-with-body -H 'Accept: application/yaml' "$url" | execdm-validate --as=offer | jq -S . >as-yaml
    cmp as-json as-yaml
}

# bats test_tags=real
@test "below a path of its own, in what it says and where it is asked" {
    require curl jq
    local way job endpoint token
    export SITE_PATH=/execdm/
    for way in cgi fcgi; do
        site_start "$way"
        site_worker
        [[ $SITE == http://127.0.0.1:*/execdm ]]
        [ "$(curl -sS -o /dev/null -w '%{http_code}' "${SITE%/execdm}/")" = 403 ] # that is no part of it
        curl -sS --fail-with-body "$SITE/" >service.json
        jq -e --arg url "$SITE/" '[.. | strings | select(startswith("http://127.0.0.1"))] | length > 3 and all(startswith($url))' service.json
        [ "$(curl -sS "$SITE/openapi.json" | jq -r '.servers[0].url')" = "$SITE" ]
        task sh='echo hello'
        trigger go RUNNING ''
        curl -sS --fail-with-body -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >answer.json
        endpoint=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
        [[ $endpoint == "$SITE"/triggers/* ]]
        job=$(curl -sS -o /dev/null -w '%{redirect_url}' -X POST "$(jq -r '.offers[0].accept' answer.json)")
        [[ $job == "$SITE"/jobs/* ]]
        curl -sS --fail-with-body -d status=RUNNING "$endpoint"
        ended() { [ "$(curl -sS "$job/phase")" = COMPLETED ]; }
        wait_until 120 ended
        curl -sS -H 'Accept: application/json' "$job" >job.json
        [ "$(jq -r '.results[] | select(.name == "stdout").url' job.json)" = "$job/results/stdout" ]
        [ "$(curl -sS "$job/results/stdout")" = hello ]
        curl -sS "$SITE/async?LAST=1" | grep -q "xlink:href=\"$job\""
        # a page leads nowhere else, and its form comes from here
        curl -sS --fail-with-body -H 'Accept: text/html' "$job" "$SITE/planner" >page.html
        grep -o ' \(href\|action\)="[^"]*"' page.html | sort -u >ways
        [ "$(wc -l <ways)" -ge 3 ]
        run ! grep -vE '"(/execdm/|'"$SITE"'|https?://[^1]|#)' ways
        token=$(sed -n 's/.*name="execdm-form" value="\([0-9a-f]*\)".*/\1/p' page.html | head -n 1)
        same "303 $job" "$(curl -sS -o answer -w '%{http_code} %{redirect_url}' -H "Origin: ${SITE%/execdm}" -H 'Accept: text/html' \
            --data-urlencode "execdm-form=$token" -d PHASE=ARCHIVE "$job/phase")" || { cat answer && false; }
        [ "$(curl -sS -o /dev/null -w '%{http_code}' -H 'Origin: http://elsewhere.example' -d PHASE=ARCHIVE "$job")" = 403 ]
        site_stop
    done
}

# bats test_tags=real
@test "processes that run see a store that was put in place of theirs, a type dropped in, and a configuration changed in its time" {
    require curl jq sqlite3
    local first second config
    site_configure
    site_start fcgi
    make() { curl -sS -o /dev/null -w '%{redirect_url}' --data-urlencode 'NAME=x' "$SITE/jobs"; }
    status() { curl -sS -o /dev/null -w '%{http_code}' -H 'Accept: application/json' "$1"; }
    first=$(make)
    same 200 "$(status "$first")"
    # a backup is restored
    cd "$SITE_DIR/state"
    sqlite3 execdm.db ".backup $BATS_TEST_TMPDIR/backup.db"
    second=$(make)
    same 200 "$(status "$second")"
    cat "$BATS_TEST_TMPDIR/backup.db" >new.db
    chmod --reference=execdm.db new.db
    [ "$(id -u)" != 0 ] || chown --reference=execdm.db new.db
    rm -f execdm.db-wal execdm.db-shm
    mv new.db execdm.db
    same 200 "$(status "$first")"
    same 404 "$(status "$second")"
    second=$(make)
    site_as execdm-status "${second##*/}" >/dev/null
    # a wrong type is seen at once
    mkdir -p "$SITE_DIR/config/types.d/executable"
    echo '{' >"$SITE_DIR/config/types.d/executable/strange.json"
    task sh=true
    answer() { curl -sS -o answer.json -w '%{http_code}' -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner"; }
    same 500 "$(answer)"
    rm -r "$SITE_DIR/config/types.d"
    same 200 "$(answer)"
    # neither its size nor its time tell that it is another
    config=$SITE_DIR/config/execdm.yaml
    touch -d '1 hour ago' "$config"
    same 200 "$(answer)"
    cp -p "$config" before.yaml
    /usr/bin/python3 -c 'import sys; t = open(sys.argv[1]).read(); n = t.replace("true\n\n", "false\n"); assert n != t and len(n) == len(t)
open(sys.argv[1], "w").write(n)' "$config"
    touch -r before.yaml "$config"
    same 401 "$(answer)"
}
