#!/usr/bin/env bats
# Callouts (Planner 2.5.2; EP-80 to EP-85): queued with the phase, made beside the steps, in order, at least once, again with
# growing pauses, signed, to hosts the site allows; mail.

# shellcheck disable=SC2016,SC2154 # jq has variables of its own; links.bash sets $listener

bats_require_minimum_version 1.5.0
load helper
load jobs
load links

all=RUNNING,COMPLETED,FAILED,CANCELLED

setup() {
    jobs_state
    export tiny
    require sqlite3
    case $("$TOP_BUILDDIR/cmd/execdm-http" --help 2>&1 || true) in
    *Make*) ;;
    *) skip "built without libcurl" ;;
    esac
    allow
}

# statuses NAME-OF-PATH: what was received there, in a row
statuses() {
    calls "[.[] | select(.path == \"$1\").body | capture(\"status: (?<s>.*)\").s] | join(\" \")"
}

# waiting: how many callouts are to be made
waiting() {
    sqlite3 "$EXECDM_STATE/execdm.db" "SELECT count(*) FROM callouts WHERE state='waiting'"
}

none_waits() {
    [ "$(waiting)" = 0 ]
}

# silent PORT: somebody listens there and never says a word
silent() {
    /usr/bin/python3 -c 'import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(64)
open("silent.part", "w").write(str(s.getsockname()[1]))
import os
os.rename("silent.part", "silent")
time.sleep(600)' 3>&- &
    echo $! >silent.pid
    wait_until 10 test -e silent
    silent=http://127.0.0.1:$(cat silent)
}

@test "the normal sequence calls twice, with the listing of the draft filled in (EP-81, EP-83)" {
    listen
    task sh='exit 0' name=step-a
    callout callout-001 "$listener/update" "RUNNING,COMPLETED,FAILED,CANCELLED" \
        $'name: {{job.name}}\ndate: {{system.date}}\nident: {{job.ident}}\nstatus: {{job.status}}\n'
    with '.callouts[0].spec."content-type" = "yaml"'
    id=$(take)
    work "$id"
    same "RUNNING COMPLETED" "$(statuses /update)"
    same "application/yaml 1 2" "$(calls '"\(.[0].headers."content-type") \([.[].headers."execdm-sequence"] | join(" "))"')"
    same "step-a $id" "$(calls '.[0].body' | head -n -2 | sed -n 's/^name: //p; s/^ident: //p' | xargs)"
    [[ $(calls '.[0].body') =~ date:\ 20[0-9-]*T[0-9:.]*Z ]]
    # not each phase, only each status; the same key for the same call
    same 2 "$(calls '[.[].headers."idempotency-key"] | unique | length')"
    same null "$(job "$id" .messages)"
    same "$all" "$(job "$id" '.callouts[0].spec.triggers[0].state')"
}

@test "each status: PENDING when accepted, FAILED, CANCELLED; only those that are listed" {
    listen
    task sh='exit 3'
    callout a "$listener/a" "PENDING,RUNNING,COMPLETED,FAILED,CANCELLED"
    callout b "$listener/b" COMPLETED
    id=$(take)
    execdm-run "$id" >/dev/null 2>&1 || [ $? -eq 1 ]
    same "PENDING RUNNING FAILED" "$(statuses /a)"
    same "" "$(statuses /b)"
    id=$(take)
    execdm-phase "$id" hold >/dev/null
    execdm-phase "$id" abort >/dev/null
    execdm-run --once
    same "PENDING RUNNING FAILED PENDING CANCELLED" "$(statuses /a)"
    none_waits
}

@test "a value keeps to the form it is put into: no name adds a line (YAML, JSON, a form, text)" {
    listen
    evil=$'x\nstatus: COMPLETED # "\\{{job.ident}}'
    task sh='exit 0' name="$evil"
    callout yaml "$listener/yaml" COMPLETED \
        $'a: {{job.name}}\nb: "{{job.name}}"\nc: "the {{job.name}} job"\nd: on {{job.name}}\ne: {{job.status}}\n- {{job.link}}'
    callout json "$listener/json" COMPLETED '{"a": {{job.name}}, "b": "{{job.name}}", "c": "the {{job.name}} job"}'
    callout form "$listener/form" COMPLETED 'a={{job.name}}&b=1'
    callout text "$listener/text" COMPLETED 'the {{job.name}} job'
    with '.callouts[1].spec."content-type" = "json" | .callouts[2].spec."content-type" = "application/x-www-form-urlencoded"
        | .callouts[3].spec."content-type" = "text"'
    id=$(take)
    work "$id"
    calls '.[] | select(.path == "/yaml").body' | sed '$d' >body.yaml
    printf '%s' "$(calls '.[] | select(.path == "/json").body')" >body.json
    jq -e --arg n "$evil" '.a == $n and .b == $n and .c == "the \($n) job"' body.json
    same 5 "$(wc -l <body.yaml)"
    /usr/bin/python3 - "$evil" <<'P'
import json, sys
lines = open("body.yaml").read().splitlines()
assert json.loads(lines[0][3:]) == sys.argv[1] == json.loads(lines[1][3:]), lines
assert lines[4] == "e: COMPLETED", lines
P
    same 'a=x%0Astatus%3A%20COMPLETED%20%23%20%22%5C%7B%7Bjob.ident%7D%7D&b=1' "$(calls '.[] | select(.path == "/form").body')"
    same 'the x status: COMPLETED # "\{{job.ident}} job' "$(calls '.[] | select(.path == "/text").body')"
    same text/plain "$(calls '.[] | select(.path == "/text").headers."content-type"')"
}

@test "a dead endpoint never delays a job, nor other callouts" {
    listen
    silent
    task sh='exit 0' max=PT1M
    callout dead "$silent/x" "$all"
    callout live "$listener/y" "$all"
    id=$(take)
    execdm-run --watch 2>/dev/null 3>&- &
    echo $! >worker.pid
    begun=$SECONDS
    wait_until 20 is "$id" COMPLETED
    other=$(take)
    wait_until 20 is "$other" COMPLETED
    [ $((SECONDS - begun)) -lt 9 ]
    wait_until 20 eval '[ "$(statuses /y)" = "RUNNING COMPLETED RUNNING COMPLETED" ] || [ "$(statuses /y)" = "RUNNING RUNNING COMPLETED COMPLETED" ]'
    # the first to the dead one waits, and the second behind it
    wait_until 20 eval '[ "$(waiting)" = 4 ]'
    kill "$(cat worker.pid)"
}

@test "down, then up: made again over restarts, in order, each with its number" {
    listen
    echo "first 503 2" >calls.mode
    task sh='exit 0'
    callout a "$listener/a" "$all"
    id=$(take)
    work "$id"
    same "1 1 503" "$(calls '"\(length) \(.[0].headers."execdm-sequence") \(.[0].status)"')"
    same 2 "$(waiting)"
    wait_until 20 eval 'execdm-run --once && none_waits'
    same "1 1 1 2" "$(calls '[.[].headers."execdm-sequence"] | join(" ")')"
    same "503 503 204 204" "$(calls '[.[].status] | join(" ")')"
    same "RUNNING RUNNING RUNNING COMPLETED" "$(statuses /a)"
}

@test "the pauses grow to an hour; after a day it is given up, and told in the job" {
    require faketime
    listen
    task sh='exit 0'
    callout a "$listener/a" COMPLETED
    id=$(take)
    kill "$(cat listener.pid)"
    work "$id"
    past=0
    for pause in 1 2 4 8 16; do
        # nothing before its time
        faketime -f "+$((past + pause - 1))s" execdm-callout once
        past=$((past + pause + 2))
        before=$(sqlite3 "$EXECDM_STATE/execdm.db" "SELECT tries FROM callouts")
        faketime -f "+${past}s" execdm-callout once
        same $((before + 1)) "$(sqlite3 "$EXECDM_STATE/execdm.db" "SELECT tries FROM callouts")"
    done
    # a clock that was set forward alone ends nothing; many tries and a day do
    faketime -f +2d execdm-callout once
    same 1 "$(waiting)"
    for hours in 50 52 54 56 58 60 62; do faketime -f "+${hours}h" execdm-callout once; done
    none_waits
    same "callout-failed warning" "$(job "$id" '.messages[0] | "\(.rule) \(.severity)"')"
    has "$(job "$id" '.messages[0].text')" "a, call 1: "
    execdm-status "$id" | execdm-validate --as=job >/dev/null
}

@test "a clock that is set back makes none late" {
    require faketime
    listen
    echo "status 503" >calls.mode
    task sh='exit 0'
    callout a "$listener/a" COMPLETED
    id=$(take)
    work "$id"
    faketime -f +1h execdm-callout once
    rm calls.mode
    execdm-run --once
    none_waits
}

@test "what can never succeed is given up at once: an answer that says so, or leads elsewhere" {
    listen
    task sh='exit 0'
    callout a "$listener/a" COMPLETED
    for answer in "status 404" "status 403" "status 410" "away $listener/b"; do
        echo "$answer" >calls.mode
        id=$(take)
        work "$id"
        none_waits
        has "$(job "$id" '.messages[0].rule')" callout-failed
    done
    same 4 "$(calls length)"
    # an answer nobody can read is one all the same
    echo "status 409" >calls.mode
    id=$(take)
    work "$id"
    same 1 "$(waiting)"
}

@test "hosts the site does not allow: NO, and not reached when that changes later (EP-81)" {
    listen
    task sh='exit 0'
    callout a "$listener/a" COMPLETED
    id=$(take)
    port=${listener##*:}
    for config in 'execdm: 1' $'execdm: 1\npolicy: {private-addresses: false}' \
        $'execdm: 1\npolicy: {private-addresses: true, allow-hosts: [other.example.org, "*.example.org"]}'; do
        echo "$config" >"$EXECDM_CONFIG/execdm.yaml"
        run -1 execdm-plan task.json
        has "$output" '"rule":"callouts"' /callouts/0/spec/endpoint
    done
    for host in localhost 127.1 10.1.2.3 192.168.0.1 169.254.169.254 '[::1]' '[fd00::1]' '[::ffff:127.0.0.1]' 0x7f000001 LOCALHOST; do
        echo 'execdm: 1' >"$EXECDM_CONFIG/execdm.yaml"
        with '.callouts[0].spec.endpoint = $e' --arg e "http://$host:$port/a"
        run -1 execdm-plan task.json
        has "$output" "private"
    done
    for url in ftp://example.org/ "http://ada:pw@example.org/" /etc/passwd triggers/xy; do
        with '.callouts[0].spec.endpoint = $e' --arg e "$url"
        run -1 execdm-plan task.json
        has "$output" '"rule":"callouts"'
    done
    with '.callouts[0].spec.endpoint = "http://example.org/a"'
    execdm-plan task.json | jq -e '.result == "YES"'
    # the one that was accepted before
    work "$id"
    same 0 "$(calls length)"
    has "$(job "$id" '.messages[0].text')" "private addresses"
}

@test "a name that leads to a private address is not followed there" {
    listen
    port=${listener##*:}
    ask() { "$TOP_BUILDDIR/cmd/execdm-http"; }
    printf '{"method":"POST","url":"http://localhost:%s/a","body":"","public":true}' "$port" | ask | jq -e '.error.kind == "forbidden"'
    printf '{"method":"POST","url":"http://localhost:%s/a","body":"","hosts":["127.0.0.1"]}' "$port" | ask | jq -e '.error.kind == "forbidden"'
    printf '{"method":"POST","url":"http://localhost:%s/a","body":"","hosts":["LocalHost"]}' "$port" | ask | jq -e '.status == 204'
    echo "away http://127.0.0.1:$port/b" >calls.mode
    printf '{"method":"POST","url":"http://localhost:%s/a","body":"","hosts":["localhost"]}' "$port" | ask | jq -e '.error.kind == "forbidden"'
    same "/a /a" "$(calls '[.[].path] | join(" ")')"
}

@test "signed where the site has a key for the host" {
    listen
    (umask 077 && printf 'whsec_%s\n' "$(printf 'a secret of 24 bytes ...' | base64)" >key)
    printf 'execdm: 1\npolicy: {private-addresses: true}\nsignatures: [{host: 127.0.0.1, file: %s}]\n' "$PWD/key" >"$EXECDM_CONFIG/execdm.yaml"
    task sh='exit 0'
    callout a "$listener/a" RUNNING,COMPLETED
    id=$(take)
    work "$id"
    if [ "$(calls length)" = 0 ]; then skip "built without OpenSSL"; fi
    calls . >received.json
    /usr/bin/python3 - <<'P'
import base64, hashlib, hmac, json, time
for call in json.load(open("received.json")):
    h = call["headers"]
    text = "%s.%s.%s" % (h["webhook-id"], h["webhook-timestamp"], call["body"])
    want = base64.b64encode(hmac.new(b"a secret of 24 bytes ...", text.encode(), hashlib.sha256).digest()).decode()
    assert h["webhook-signature"] == "v1," + want, h
    assert abs(time.time() - int(h["webhook-timestamp"])) < 100
    assert h["webhook-id"] == h["idempotency-key"]
P
    # a key that others may read is none
    chmod 644 key
    id=$(take)
    work "$id"
    same 2 "$(calls length)"
    same 2 "$(waiting)"
    run grep -rF 'a secret' "$EXECDM_STATE"
    [ "$status" -ne 0 ]
}

@test "an endpoint of this store needs no network, and no service" {
    rm "$EXECDM_CONFIG/execdm.yaml"
    task sh='exit 0' name=b
    trigger go
    b=$(take)
    task sh='exit 0' name=a
    callout next "$(endpoint "$b" go)" "$all"
    a=$(take)
    execdm-run "$a" "$b" >/dev/null
    same "COMPLETED COMPLETED" "$(job "$a" .phase) $(job "$b" .phase)"
    # a job of it that fails cancels the next
    task sh='exit 0' name=b
    trigger go
    b=$(take)
    task sh='exit 1' name=a
    callout next "$(endpoint "$b" go)" "$all"
    a=$(take)
    execdm-run "$a" "$b" >/dev/null 2>&1 || [ $? -eq 1 ]
    same "ERROR ABORTED" "$(job "$a" .phase) $(job "$b" .phase)"
}

@test "mail by the site's sendmail, where there is one" {
    cat >sendmail <<'P'
#!/bin/sh
echo "$*" >>"$(dirname "$0")/mails"
cat >>"$(dirname "$0")/mails"
exit $(cat "$(dirname "$0")/code" 2>/dev/null || echo 0)
P
    chmod +x sendmail
    task sh='exit 0' name=$'Grüße\nBcc: eve@example.org'
    with '.callouts = [{name: "m", type: ($u + "email"), spec: {triggers: [{state: "COMPLETED"}], to: ["ada@example.org", "bob@example.org"],
        subject: "{{job.name}} is {{job.status}}", content: "See {{job.ident}}\nof {{job.name}}"}}]'
    run -1 execdm-plan task.json
    has "$output" "this site sends no mail"
    allow "  sendmail: $PWD/sendmail"
    id=$(take)
    work "$id"
    /usr/bin/python3 - "$id" <<'P'
import email, email.policy, sys
args, text = open("mails").read().split("\n", 1)
assert args == "-t -i", args
m = email.message_from_string(text, policy=email.policy.default)
assert m["To"] == "ada@example.org, bob@example.org", m["To"]
assert m["Subject"] == "Grüße Bcc: eve@example.org is COMPLETED", m["Subject"]
assert m["Bcc"] is None and m["Execdm-Sequence"] == "1"
assert text.split("\n\n", 1)[1] == "See %s\nof Grüße Bcc: eve@example.org" % sys.argv[1], text
P
    # a machine that takes none now is asked again; an address that is none is not
    echo 75 >code
    id=$(take)
    work "$id"
    same 1 "$(waiting)"
    echo 67 >code
    wait_until 10 eval 'execdm-run --once && none_waits'
    has "$(job "$id" '.messages[0].text')" "ended with 67"
}

@test "two workers: each callout once, in order" {
    listen
    for i in 1 2 3 4 5 6; do
        task sh='exit 0' name="j$i" max=PT1M
        callout a "$listener/$i" "$all"
        ids[i]=$(take)
    done
    for i in 1 2; do
        execdm-run --watch 2>/dev/null 3>&- &
        echo $! >"w$i.pid"
    done
    for i in 1 2 3 4 5 6; do wait_until 40 is "${ids[i]}" COMPLETED; done
    wait_until 20 none_waits
    same 12 "$(calls length)"
    for i in 1 2 3 4 5 6; do same "RUNNING COMPLETED" "$(statuses "/$i")"; done
}

@test "a job that is deleted: its last calls are made" {
    listen
    task sh='exit 0'
    callout a "$listener/a" "$all"
    id=$(take)
    execdm-phase "$id" delete
    execdm-run --once
    same CANCELLED "$(statuses /a)"
    same 0 "$(sqlite3 "$EXECDM_STATE/execdm.db" "SELECT (SELECT count(*) FROM callouts) + (SELECT count(*) FROM firings)")"
}

@test "kill -9 of the worker at any moment: all are made, in order, the same call under the same key" {
    listen
    for i in $(seq "${EXECDM_CALLOUT_KILLS:-4}"); do
        rm -f calls.log
        task sh='exit 0' name="j$i" max=PT1M
        callout a "$listener/a" "$all"
        id=$(take)
        for _ in 1 2 3; do
            execdm-run --watch 2>/dev/null 3>&- &
            worker=$!
            echo "$worker" >worker.pid
            sleep "0.$((RANDOM % 30 + 10))"
            kill -9 "$worker"
            wait "$worker" 2>/dev/null || true
        done
        wait_until 40 eval 'execdm-run --once && is "$id" COMPLETED && none_waits'
        # numbers never go down, and each has one key and one body
        calls '[.[].headers."execdm-sequence" | tonumber] | . == sort and unique == [1, 2]' | grep -qx true
        calls '[.[] | [.headers."execdm-sequence", .headers."idempotency-key", .body]] | unique | length' | grep -qx 2
        same "RUNNING COMPLETED" "$(calls '[.[].body | capture("status: (?<s>.*)").s] | unique | reverse | join(" ")')"
    done
}

@test "kill -9 of who makes the calls: an idle worker has another one made" {
    task sh='exit 0' name=left
    callout a http://127.0.0.1:1/nobody COMPLETED
    id=$(take)
    execdm-run --watch 2>err 3>&- &
    worker=$!
    echo "$worker" >worker.pid
    wait_until 20 is "$id" COMPLETED
    wait_until 10 pgrep -P "$worker" -f execdm-callout
    first=$(pgrep -P "$worker" -f execdm-callout)
    kill -9 "$first"
    wait_until 20 another
    has "$(cat err)" "callouts are not made: "
    kill "$worker"
    wait "$worker" || true
}

another() {
    pid=$(pgrep -P "$worker" -f execdm-callout) && [ "$pid" != "$first" ]
}
