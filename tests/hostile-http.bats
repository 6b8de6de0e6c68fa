#!/usr/bin/env bats
# Requests that nobody should make. EXECDM_CGI_FUZZ=10000 is the long form of the last test.
# bats file_tags=real

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require curl jq /usr/bin/python3
}

teardown() { site_stop; }

# status CURLOPTION...: of a request as it stands; the answer is in answer
status() {
    curl -sS --path-as-is -o answer -w '%{http_code}' --max-time 120 "$@"
}

# raw: sends standard input as it is, and prints the line of the answer's status, or "nothing"
raw() {
    /usr/bin/python3 -c '
import socket, sys
to = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 120)
try:
    to.sendall(sys.stdin.buffer.read())
    to.shutdown(socket.SHUT_WR)
except OSError:
    pass
answer = b""
while True:
    try:
        more = to.recv(65536)
    except OSError:
        break
    if not more:
        break
    answer += more
print(answer.split(b"\r\n")[0].decode() if answer else "nothing")' "${SITE##*:}"
}

# one_of STATUS WANTED...
one_of() {
    local found=$1 wanted
    shift
    for wanted; do [ "$found" != "$wanted" ] || return 0; done
    printf 'found %s, expected one of %s\n' "$found" "$*" >&2
    return 1
}

# unhurt: it serves, and nothing of it crashed or failed
unhurt() {
    same 200 "$(status -H 'Accept: application/json' "$SITE/")"
    if grep -E 'exit signal|Premature end|signal 1?[0-9]\)|runtime error|AddressSanitizer|Segmentation' "$SITE_DIR/log/error.log"; then return 1; fi
}

ways() { # FUNCTION: by CGI and by FastCGI
    local way
    for way in cgi fcgi; do
        site_configure
        site_start "$way"
        "$1"
        unhurt
        site_stop
    done
}

methods() {
    local path
    same 405 "$(status -X GET "$SITE/offers/x/accept")"
    curl -sS -D - -o /dev/null -X DELETE "$SITE/offers/x/accept" | tr -d '\r' | grep -qx 'Allow: POST, OPTIONS'
    curl -sS -D - -o /dev/null -X DELETE "$SITE/planner" | tr -d '\r' | grep -qx 'Allow: GET, HEAD, POST, OPTIONS'
    for path in / /planner /jobs /nothing; do
        one_of "$(status -X BREW "$SITE$path")" 404 405 501
        one_of "$(status -X TRACE "$SITE$path")" 405 403
        one_of "$(status -X "$(printf 'M%.0s' {1..500})" "$SITE$path")" 400 404 405 501
        one_of "$(status -X PUT -d x "$SITE$path")" 404 405
        one_of "$(status -X OPTIONS "$SITE$path")" 200 204 404
    done
    same 404 "$(status "$SITE/nothing")"
}

@test "wrong methods" { ways methods; }

types() {
    local type
    printf '{}' >body
    for type in image/png application/xml 'application/json; charset=utf-16' text/html x/y; do
        same 415 "$(status -H "Content-Type: $type" --data-binary @body "$SITE/planner")"
    done
    same 415 "$(status -H 'Content-Type: application/json' -H 'Content-Encoding: gzip' --data-binary @body "$SITE/planner")"
    same 200 "$(status -H 'Content-Type: application/json' --data-binary @body "$SITE/planner")"
    printf '[' >body
    same 400 "$(status -H 'Content-Type: application/json' --data-binary @body "$SITE/planner")"
    printf '\377\376{' >body
    same 400 "$(status -H 'Content-Type: application/json' --data-binary @body "$SITE/planner")"
    printf '{"name": "a\000b"}' >body
    same 400 "$(status -H 'Content-Type: application/json' --data-binary @body "$SITE/planner")"
    same 400 "$(status -H 'Content-Type: multipart/form-data' --data-binary @body "$SITE/planner")"
    same 400 "$(status -d 'a=%zz' "$SITE/triggers/x")"
    same 406 "$(status -H 'Accept: image/png' "$SITE/")"
    same 406 "$(status -H 'Accept: */*;q=0' "$SITE/")"
}

@test "wrong types, encodings and charsets" { ways types; }

lengths() {
    local broken=408
    if [ "$way" = fcgi ]; then broken=500; fi # mod_fcgid says so itself when a client breaks off
    task sh=true
    head -c $((4194304 - $(wc -c <task.json))) /dev/zero | tr '\0' ' ' | cat task.json - >four
    same 4194304 "$(wc -c <four)"
    same 200 "$(status -H 'Content-Type: application/json' --data-binary @four "$SITE/planner")"
    echo >>four
    same 413 "$(status -H 'Content-Type: application/json' --data-binary @four "$SITE/planner")"
    jq -e '.status == 413' answer
    same 413 "$(status -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' --data-binary @four "$SITE/planner")"
    # much too large: read on, or the connection ended, and never kept
    head -c 90000000 /dev/zero >much
    one_of "$(status -H 'Content-Type: application/json' --data-binary @much "$SITE/planner" 2>/dev/null || true)" 413 000 100 400 # curl has had the 100 that lets it go on; Apache gives up
    # announced and not sent, sent and not announced
    one_of "$(printf 'POST /planner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}' | raw | cut -d ' ' -f 2)" 400 408 nothing "$broken"
    for length in -1 x 1e3 99999999999999999999; do
        same 400 "$(printf 'POST /planner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n{}' "$length" | raw | cut -d ' ' -f 2)"
    done
    one_of "$(printf 'POST /planner HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n' | raw | cut -d ' ' -f 2)" 400 200
    same 400 "$(printf 'POST /planner HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' | raw | cut -d ' ' -f 2)"
    one_of "$(printf 'POST /planner HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}' | raw | cut -d ' ' -f 2)" 400
}

fields() {
    local job
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -X POST "$SITE/jobs")
    head -c 65536 /dev/zero | tr '\0' a >field
    same 303 "$(status --data-urlencode x@field "$job/parameters")"
    same 303 "$(status -F 'x=<field' "$job/parameters")"
    echo >>field
    same 413 "$(status --data-urlencode x@field "$job/parameters")"
    same 413 "$(status -F 'x=<field' "$job/parameters")"
    # a task may be long, as long as a body
    task sh=true
    { cat task.json && cat field | tr a ' '; } >long.json
    same 200 "$(status -F 'task=<long.json' "$SITE/planner")"
    head -c 4194305 /dev/zero | tr '\0' ' ' >long.json
    same 413 "$(status -F task=@long.json "$SITE/planner")"
    # what files may have is not for what takes none
    head -c 5000000 /dev/zero >big
    same 413 "$(status -F a.bin=@big "$job/phase")"
    same 413 "$(status -F a.bin=@big "$SITE/triggers/x")"
    same 405 "$(status -F a.bin=@big "$SITE/style.css")"
    same 404 "$(status -F a.bin=@big "$SITE/nothing")"
}

@test "fields have 64 KiB, and room for files is where files are taken" {
    local way
    for way in cgi fcgi; do
        site_configure '  uploads: 16 MiB'
        site_start "$way"
        fields
        unhurt
        site_stop
    done
}

@test "wrong lengths: 4 MiB are read, a byte more is 413" { ways lengths; }

floods() {
    { printf 'GET / HTTP/1.1\r\nHost: x\r\n' && printf 'X-%s: y\r\n' {1..500} && printf '\r\n'; } >flood
    same 400 "$(raw <flood | cut -d ' ' -f 2)"
    same 400 "$(status -H "X-Long: $(printf 'a%.0s' {1..20000})" "$SITE/")"
    same 414 "$(status "$SITE/$(printf 'a%.0s' {1..20000})")"
    same 400 "$(status -d "$(printf 'a=b&%.0s' {1..1500})" "$SITE/triggers/x")"
    same 400 "$(status "$SITE/?$(printf 'a=b&%.0s' {1..1500})")"
    same 404 "$(status "$SITE/jobs/$(printf 'a%.0s' {1..3000})")"
    same 400 "$(printf 'GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n' | raw | cut -d ' ' -f 2)"
    same 400 "$(printf 'GET / HTTP/1.1\r\n\r\n' | raw | cut -d ' ' -f 2)"
    one_of "$(printf 'GET / HTTP/9.9\r\nHost: x\r\n\r\n' | raw | cut -d ' ' -f 2)" 505 400 200 # Apache answers it as 1.1
}

@test "floods of headers and parameters" { ways floods; }

tricks() {
    local path
    for path in /jobs/../offers/x/accept /jobs/./x /jobs/%2e%2e/offers/x/accept /jobs/%2e%2e%2foffers/x/accept //offers/x/accept \
        /offers/x/accept// /jobs//x /offers/x/accept%00 /offers/x/accept%00.json \
        /jobs/%00 /jobs/%5c..%5coffers/x/accept '/jobs/\..\offers/x/accept' /jobs/%2f /jobs%2fx /%2e%2e/%2e%2e/etc/passwd /../../etc/passwd /jobs/%ff /jobs/%c0%ae%c0%ae/x \
        /offers/x/accept%0d%0aX:y /jobs/%25%30%30 /offers/..%252f..%252fx /jobs/x/results/../../../../etc/passwd /jobs/x/results/%2e%2e%2f%2e%2e%2fetc%2fpasswd /.htaccess; do
        one_of "$(status "$SITE$path")" 400 403 404 405
        if grep -q root: answer; then return 1; fi
    done
    # a header cannot be put into the answer by the path
    curl -sS -D - -o /dev/null --path-as-is "$SITE/x%0d%0aX-Evil:%20y" | tr -d '\r' >headers
    run ! grep -qi '^x-evil' headers
}

@test "tricks with paths" { ways tricks; }

repeated() {
    local job
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -X POST "$SITE/jobs")
    same 400 "$(status -d PHASE=ABORT -d PHASE=RUN "$job/phase")"
    same 400 "$(status -d PHASE=ABORT -d ACTION=DELETE "$job")"
    same 400 "$(status -d PHASE=ABORT "$job/parameters")"
    same 400 "$(status -d PHASE=ABORT -d DESTRUCTION=2099-01-01T00:00:00Z "$job/phase")"
    same 400 "$(status -d PHASE=RUN "$SITE/jobs?PHASE=RUN")"
    same PENDING "$(curl -sS "$job/phase")"
    same 400 "$(status -d DESTRUCTION=2099-01-01T00:00:00Z -d DESTRUCTION=2099-01-01T00:00:00Z "$job/destruction")"
    same 400 "$(status "$job?WAIT=0&WAIT=x")"
    same 200 "$(status "$SITE/jobs?PHASE=PENDING&PHASE=ABORTED")"
    same 400 "$(status "$SITE/jobs?LAST=1&LAST=2")"
    same 400 "$(status -d status=A -d status=B "$SITE/triggers/x")"
}

@test "repeated parameters" { ways repeated; }

@test "slow bodies are given up, and keep nobody waiting" {
    local i pids=()
    site_configure
    site_start cgi
    for i in {1..20}; do
        /usr/bin/python3 -c '
import socket, sys, time
to = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 300)
to.sendall(b"POST /planner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
to.settimeout(0.5)
answer = b""
for i in range(500):
    try:
        to.sendall(b" ")
        answer = to.recv(1000)
        break
    except socket.timeout:
        pass
    except OSError:
        break
print(answer.split(b"\r\n")[0].decode() or "nothing")' "${SITE##*:}" >"slow.$i" 3>&- &
        pids+=($!)
    done
    same 200 "$(status -H 'Accept: application/json' "$SITE/")"
    task sh=true
    same 200 "$(status -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner")"
    wait "${pids[@]}"
    # the server says so, or ends the connection
    run ! grep -hvE '^HTTP/1.1 (400|408) |^nothing$' slow.*
    unhurt
}

fuzzed() {
    local job offer token
    task sh=true start="$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)/PT1H"
    jq '.triggers = [{name: "go", type: "https://www.purl.org/ivoa.net/webservice-types/value-update",
        spec: {conditions: [{name: "status", value: "COMPLETED", action: "start"}]}}]' task.json >go.json
    curl -sS -H 'Content-Type: application/json' --data-binary @go.json "$SITE/planner" >answer.json
    offer=$(jq -r '.offers[0].id' answer.json)
    token=$(jq -r '.offers[0].triggers[0].spec.endpoint' answer.json)
    curl -sS -H 'Content-Type: application/json' --data-binary @go.json "$SITE/planner" >answer.json
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -X POST "$(jq -r '.offers[0].accept' answer.json)")
    "$TOP_SRCDIR/tests/cgi-fuzz" ${SITE_FCGI:+--fcgi} --seed "${EXECDM_CGI_FUZZ_SEED:-1}" --count $((${EXECDM_CGI_FUZZ:-1000} / 2)) "$SITE" "$offer" "${token##*/}" "${job##*/}"
    site_as execdm-store check >check.json
}

@test "requests by chance: no crash, no hang, no 500, and the store is whole" {
    ways fuzzed
}

arguments() {
    local word
    # what a web server may put on the command line of a CGI program (RFC 3875, 4.4) is no option of it
    for word in --version -h --help --log=json '&&&' a+b --record 'x%20--version'; do
        same 200 "$(status -H 'Accept: application/json' "$SITE/?$word")"
        jq -e '.name == "execdm"' answer >/dev/null
    done
}

@test "the query of a URL is no command line" { ways arguments; }

odd_text() {
    # what is no UTF-8 is told of in UTF-8
    same 404 "$(status "$SITE/jobs/%ff%fe")"
    jq -e '.status == 404' answer
    same 415 "$(status -H "Content-Encoding: $(printf 'ä%.0s' {1..39})" -d x "$SITE/planner")"
    jq -e '.status == 415' answer
    same 400 "$(status -d 'PHASE=%ff' "$SITE/jobs")"
    same 400 "$(status -F "PHASE=$(printf '\377')" "$SITE/jobs")"
    # no range, no type at the beginning (found by tests/fuzz)
    one_of "$(status -H 'Accept: q=1' "$SITE/")" 406 200
}

@test "text that is none" { ways odd_text; }
