#!/usr/bin/env bats
# The pages of the service for people: sound, without scripts, and no other site can press their buttons.
# bats file_tags=real

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

browser='Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'

setup() {
    jobs_state
    require curl jq
    /usr/bin/python3 -c 'import html5lib' 2>/dev/null || require html5lib
}
teardown() { site_stop; }

# get PATH ARG...: as a browser; the page in page.html, its headers in head, its status in $status_
get() {
    local path=$1
    shift
    status_=$(curl -sS -H "$browser" -D head -o page.html -w '%{http_code}' "$@" "$SITE$path")
}

# The page is valid and harmless, and says so to the browser.
sound() {
    "$TOP_SRCDIR/tests/page-check" page.html
    grep -qi '^content-type: text/html; charset=utf-8' head
    grep -qi "^content-security-policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'.\$" head
    grep -qi '^x-content-type-options: nosniff' head
    grep -qi '^referrer-policy: same-origin' head
    grep -qi '^cache-control: no-store' head
}

token() {
    sed -n 's/.*name="execdm-form" value="\([0-9a-f]*\)".*/\1/p' page.html | head -n 1
}

# planned KEY=VALUE...: the answer is in answer.json; $offer and $job are URLs. With $as, by that user.
planned() {
    task "$@"
    curl -sS --fail-with-body ${as:+-u "$as"} -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >answer.json
    jq -e '.result == "YES"' answer.json >/dev/null || { cat answer.json && return 1; }
    offer=$(jq -r '.offers[0].accept' answer.json)
    job=$(jq -r '.offers[0].job' answer.json)
}

accepted() {
    planned "$@"
    [ "$(curl -sS ${as:+-u "$as"} -o /dev/null -w '%{http_code}' -X POST "$offer")" = 303 ]
}

phase() {
    curl -sS ${as:+-u "$as"} -H 'Accept: application/json' "$job" | jq -r .phase
}
in_phase() { [ "$(phase)" = "$1" ]; }

@test "every page is valid HTML without scripts, and what a task says is text" {
    local path evil
    site_start
    site_worker
    evil=$(printf '</title><script>alert(1)</script>"\x27><img src=x onerror=alert(2)>&amp;\u202e\u0085\ufffe')
    accepted name="$evil" sh='printf "</pre><script>alert(3)</script>\033[31m\0\377\n"; echo "<b>" >&2; echo x >"/outputs/<i>.html"; exit 3'
    wait_until 120 in_phase ERROR
    for path in / /jobs '/jobs?PHASE=ERROR&LAST=1' '/jobs?PHASE=%3Cb%3E&x=%22%3E%3Cscript%3E' /platforms /platforms/localhost /planner "/${job#"$SITE/"}"; do
        get "$path"
        case $path in */jobs?PHASE=%3C*) [ "$status_" = 400 ] ;; *) [ "$status_" = 200 ] ;; esac
        sound
    done
    has "$(<page.html)" '&lt;/title&gt;&lt;script&gt;alert(1)' '&lt;/pre&gt;&lt;script&gt;alert(3)&lt;/script&gt;' '&lt;i&gt;.html' 'exit code 3'
    get /
    has "$(<page.html)" '&lt;/title&gt;&lt;script&gt;alert(1)'
    # the check can fail
    printf '<!DOCTYPE html><title>x</title><p onclick="x">a' >bad.html
    run -1 "$TOP_SRCDIR/tests/page-check" bad.html
    printf '<!DOCTYPE html><title>x</title><script></script>' >bad.html
    run -1 "$TOP_SRCDIR/tests/page-check" bad.html
    printf '<!DOCTYPE html><title>x</title><form method="post" action="/x"></form>' >bad.html
    run -1 "$TOP_SRCDIR/tests/page-check" bad.html
    # a result is no page of the site
    curl -sS -D head -o /dev/null "$job/results/stdout"
    grep -qi "^content-security-policy: .*sandbox" head
    get /style.css
    grep -qi '^content-type: text/css' head
    ! grep -Ei 'url\(|@import|expression' page.html || false
}

@test "a task that is typed is answered, accepted, aborted and deleted by forms alone" {
    local fields form id
    site_start
    get /planner
    sound
    form=(--data-urlencode "execdm-form=$(token)")
    task sh='sleep 300' name=typed
    get /planner "${form[@]}" --data-urlencode task@task.json
    [ "$status_" = 200 ]
    sound
    has "$(<page.html)" 'The answer is YES' '>Accept<' '&quot;typed&quot;'
    offer=$(sed -n 's/.*action="\([^"]*accept\)".*/\1/p' page.html)
    form=(--data-urlencode "execdm-form=$(token)")
    get "${offer#"$SITE"}" "${form[@]}"
    [ "$status_" = 303 ]
    job=$(sed -n 's/^Location: *\([^[:cntrl:]]*\).*/\1/pI' head)
    get "${job#"$SITE"}"
    sound
    has "$(<page.html)" 'Abort this job' '<h1>typed</h1>'
    grep -qi '^refresh: ' head
    get "${job#"$SITE"}?ASK=abort"
    ! grep -qi '^refresh: ' head || false
    sound
    get "${job#"$SITE"}/phase" --data-urlencode "execdm-form=$(token)" --data PHASE=ABORT
    [ "$status_" = 303 ]
    grep -qi "^location: $job.\$" head
    get "${job#"$SITE"}"
    has "$(<page.html)" 'Delete this job'
    ! grep -qi '^refresh: ' head || false
    sound
    [ "$(phase)" = ABORTED ]
    get "${job#"$SITE"}?ASK=delete"
    sound
    get "${job#"$SITE"}" --data-urlencode "execdm-form=$(token)" --data ACTION=DELETE
    [ "$status_" = 303 ]
    grep -qi "^location: $SITE/jobs.\$" head
    get "${job#"$SITE"}"
    [ "$status_" = 404 ]
    sound
}

@test "a job that waits for its owner is started by a button" {
    site_start
    task sh='echo x' name=draft
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' --data-urlencode JDL@task.json "$SITE/jobs")
    get "${job#"$SITE"}"
    sound
    has "$(<page.html)" 'Start this job' '<dd>run</dd>'
    get "${job#"$SITE"}/phase" --data-urlencode "execdm-form=$(token)" -d PHASE=RUN
    [ "$status_" = 303 ]
    get "${job#"$SITE"}"
    ! grep -q 'Start this job' page.html || false
    has "$(<page.html)" '>localhost</a>'
}

@test "a typed task that is wrong comes back with what is wrong" {
    site_start
    get /planner
    local form=(--data-urlencode "execdm-form=$(token)")
    get /planner "${form[@]}" --data-urlencode 'task=name: [</textarea><script>'
    [ "$status_" = 400 ]
    sound
    has "$(<page.html)" 'class="problem"' '&lt;/textarea&gt;&lt;script&gt;'
    get /planner "${form[@]}" --data-urlencode 'task={name: x, executable: {type: "<b>"}, colour: red}'
    [ "$status_" = 400 ]
    sound
    has "$(<page.html)" 'the task is not valid' 'colour'
    task sh=true memory=100000
    get /planner "${form[@]}" --data-urlencode task@task.json
    [ "$status_" = 200 ]
    sound
    has "$(<page.html)" 'The answer is NO' 'class="error"'
}

@test "what another site makes a browser send changes nothing" {
    local row want words as
    site_user ada secret
    site_user bob secret
    site_start
    as=ada:secret
    accepted sh='sleep 300'
    get "${job#"$SITE"}?ASK=abort" -u ada:secret
    local ours other
    ours=$(token)
    [ ${#ours} -eq 64 ]
    get "${job#"$SITE"}" -u bob:secret
    [ "$status_" = 404 ]
    get /planner -u bob:secret
    other=$(token)
    [ ${#other} -eq 64 ]
    get /planner
    [ "$(printf '%s\n' "$ours" "$other" "$(token)" | sort -u | wc -l)" -eq 3 ]
    # sent STATUS ARG...: a form that aborts
    sent() {
        local want=$1
        shift
        same "$want $*" "$(curl -sS -u ada:secret -D head -o page.html -w '%{http_code}' -d PHASE=ABORT "$@" "$job/phase") $*"
        if [ "$want" = 403 ]; then [ "$(phase)" = PENDING ]; fi
    }
    # what pages of others can make a browser send: forms of three types, and fetch without what needs asking before
    for words in "Origin: https://evil.example" "Origin: null" "Sec-Fetch-Site: cross-site" "Sec-Fetch-Site: same-site" \
        "Referer: https://evil.example/a" "Origin: $SITE.evil.example" "Origin: ${SITE/http/https}" "Origin: http://127.0.0.1"; do
        sent 403 -H "$words"
        sent 403 -H "$words" -H "$browser"
        sent 403 -H "$words" -H 'Content-Type: text/plain'
        [ "$(curl -sS -u ada:secret -o /dev/null -w '%{http_code}' -F PHASE=ABORT -H "$words" "$job/phase")" = 403 ]
        sent 403 -H "$words" -d "execdm-form=$ours"
        for want in DELETE PATCH; do
            [ "$(curl -sS -u ada:secret -o /dev/null -w '%{http_code}' -X "$want" -H "$words" "$job")" = 403 ]
        done
    done
    sent 403 -H 'Origin: http://evil.example' -H 'Sec-Fetch-Site: same-origin'
    # a browser that says nothing of that: the field of the form
    sent 403 -H "$browser"
    has "$(<page.html)" 'not one of ours'
    "$TOP_SRCDIR/tests/page-check" page.html
    sent 403 -H "$browser" -H 'Content-Type: text/plain'
    sent 403 -H "$browser" -d "execdm-form=$other"
    sent 403 -H "$browser" -d execdm-form=
    sent 403 -d "execdm-form=${ours%?}0x"
    sent 403 -H "$browser" -d "execdm-form=$other" -d "execdm-form=$ours"
    # others, too: nobody is let through because nobody is known
    for path in planner jobs; do
        [ "$(curl -sS -o /dev/null -w '%{http_code}' -H 'Origin: https://evil.example' -d '{}' -H 'Content-Type: text/plain' "$SITE/$path")" = 403 ]
    done
    # asked before, the browser hears no yes
    curl -sS -X OPTIONS -D head -o /dev/null -H 'Origin: https://evil.example' -H 'Access-Control-Request-Method: DELETE' "$job"
    ! grep -qi '^access-control' head || false
    # our own page, and clients that are no browsers
    sent 303 -H "$browser" -d "execdm-form=$ours" -H "Origin: $SITE" -H 'Sec-Fetch-Site: same-origin'
    [ "$(phase)" = ABORTED ]
    accepted sh='sleep 300'
    sent 303
    [ "$(phase)" = ABORTED ]
}

@test "without a url of its own, a name that leads here is no reason to believe a page" {
    site_user ada secret
    site_start
    sed -i '/^url:/d' "$SITE_DIR/config/execdm.yaml"
    local here=${SITE#http://} evil=evil.example:${SITE##*:}
    posted() { # HOST ARG...
        curl -sS -o body -w '%{http_code}' -H "Host: $1" -H "Origin: http://$1" -H 'Sec-Fetch-Site: same-origin' -d NAME=x "${@:2}" "$SITE/jobs"
    }
    same 303 "$(posted "$here")"
    same 303 "$(posted "localhost:${SITE##*:}")"
    same 403 "$(posted "$evil")"
    same 403 "$(posted "127.0.0.1.$evil")"
    # to who shows a password the browser does not send it by another name
    same 303 "$(posted "$evil" -u ada:secret)"
    same 403 "$(curl -sS -o body -w '%{http_code}' -H "Host: $here" -H "Origin: http://$evil" -d NAME=x "$SITE/jobs")"
}

@test "the key of forms is the service's alone, and made once" {
    local key first pids=()
    site_start
    get /planner
    first=$(token)
    key=$SITE_DIR/state/form-key
    [ "$(stat -c %a "$key")" = 600 ]
    get /planner
    [ "$(token)" = "$first" ]
    rm "$key"
    # many at once agree
    for i in {1..12}; do
        curl -sS -H "$browser" "$SITE/planner" >"page$i.html" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    [ "$(sed -n 's/.*name="execdm-form" value="\([0-9a-f]*\)".*/\1/p' page{1..12}.html | sort -u | wc -l)" -eq 1 ]
    get /planner
    [ "$(token)" != "$first" ]
    printf 'short' >"$key"
    get /planner
    [ "$status_" = 500 ]
    sound
    ! grep -q form-key page.html || false
}

@test "problems are pages to browsers, documents to others" {
    site_start
    get /nothing
    [ "$status_" = 404 ]
    sound
    has "$(<page.html)" '404 Not Found' 'there is nothing at /nothing'
    get '/%3Cscript%3E'
    [ "$status_" = 404 ]
    sound
    has "$(<page.html)" '&lt;script&gt;'
    get / -X DELETE
    [ "$status_" = 405 ]
    sound
    grep -qi '^allow: GET' head
    get /login
    [ "$status_" = 401 ]
    sound
    grep -qi '^www-authenticate: basic' head
    get /jobs/%2e%2e/%00
    [ "$status_" = 404 ]
    [ "$(curl -sS -H 'Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2' -o out -w '%{content_type}' "$SITE/nothing")" = application/problem+json ]
    [ "$(curl -sS -o out -w '%{content_type}' "$SITE/nothing")" = application/problem+json ]
    [ "$(jq -r .status out)" = 404 ]
    # who takes anything is shown the page where there is nothing else
    [ "$(curl -sS -o out -w '%{http_code} %{content_type}' "$SITE/planner")" = '200 text/html; charset=utf-8' ]
    [ "$(curl -sS -H 'Accept: application/json' -o out -w '%{http_code}' "$SITE/planner")" = 406 ]
    get /planner --head
    [ "$status_" = 200 ]
}

@test "platforms are those who asks may use, as they are now" {
    local as
    site_user ada secret
    site_make
    cat >"$SITE_DIR/config/platforms.d/adas.yaml" <<EOT
name: adas
description: for <Ada>
driver: local
driver-options: {x-secret: sesame}
location: {name: her desk}
compute: {cores: 4, memory: 8 GiB}
storage: [{type: https://www.purl.org/ivoa.net/storage-types/persistent-storage, location: "$SITE_DIR/kept"}]
policy: {identities: [ada]}
EOT
    printf 'name: gone\ndriver: nosuch\n' >"$SITE_DIR/config/platforms.d/gone.yaml"
    printf 'name: [\n' >"$SITE_DIR/config/platforms.d/broken.yaml"
    chmod a+r "$SITE_DIR"/config/platforms.d/*
    site_start
    curl -sS "$SITE/platforms" >all.json
    [ "$(jq -c '[.platforms[].name] | sort' all.json)" = '["gone","localhost"]' ]
    [ "$(jq -c '.platforms[] | select(.name == "gone") | .available' all.json)" = false ]
    [ "$(jq -c '.platforms[] | select(.name == "localhost") | [.available, .load.running, .compute.cores > 0]' all.json)" = '[true,0,true]' ]
    [ "$(curl -sS -o out -w '%{http_code}' "$SITE/platforms/adas")" = 404 ]
    curl -sS -u ada:secret "$SITE/platforms/adas" >one.json
    same '["adas",4,8,null,null]' "$(jq -c '[.name, .compute.cores, .compute.memory, .policy, .["driver-options"]]' one.json)"
    ! grep -E 'sesame|kept' one.json || false
    curl -sS -u ada:secret -H 'Accept: application/yaml' "$SITE/platforms" >all.yaml
    execdm-validate --schema="$EXECDM_SCHEMA/platforms.json" --map="https://www.purl.org/ivoa.net/execdm/1/=$EXECDM_SCHEMA/" \
        --assert-format all.json all.yaml
    execdm-validate --schema="$EXECDM_SCHEMA/platform-state.json" --map="https://www.purl.org/ivoa.net/execdm/1/=$EXECDM_SCHEMA/" \
        --assert-format one.json
    get /platforms/adas -u ada:secret
    sound
    has "$(<page.html)" 'for &lt;Ada&gt;' '0 of 4' 'her desk'
    get /platforms/gone
    sound
    has "$(<page.html)" 'not available' nosuch
    # what is booked shows
    as=ada:secret
    accepted sh='sleep 1' memory=0.5
    [ "$(curl -sS "$SITE/platforms/$(jq -r '.offers[0].platform' answer.json)" -u ada:secret | jq -c '[.load.running, .load.waiting]')" = '[0,1]' ]
}

@test "the picture shows jobs of others without a name" {
    local as hers
    site_user ada secret
    site_start
    as=ada:secret
    accepted sh='sleep 1' name=adas-own
    hers=${job##*/}
    unset as
    accepted sh='sleep 1' name=nobodys
    get /
    sound
    has "$(<page.html)" '<svg' '>nobodys</text>' 'a job of somebody else'
    ! grep -q -e adas-own -e "$hers" page.html || false
    get / -u ada:secret
    sound
    has "$(<page.html)" '>adas-own</text>' 'a job of somebody else' 'signed in as ada'
    ! grep -q nobodys page.html || false
    # each picture within its frame
    ! grep -oE '<rect [^>]*' page.html | grep -E 'x="-|width="-|nan|inf' || false
}
