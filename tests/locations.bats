#!/usr/bin/env bats
# Places outside are tried before an offer names them: once for all platforms, side by side, and what was found of the
# network holds for a minute (EP-4A).

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    mkdir -p "$EXECDM_CONFIG/platforms.d" pub
    echo 'print("hello")' >p.py
    echo data >pub/a
    platform lab
    serve pub
}

platform() { # NAME
    printf 'name: %s\ndriver: local\ncompute: {cores: 8, memory: 16}\n' "$1" >"$EXECDM_CONFIG/platforms.d/$1.yaml"
}

type_of() { # AREA NAME
    printf 'https://www.purl.org/ivoa.net/%s-types/%s' "$1" "$2"
}

# places MODE=LOCATION...: t.yaml mounts each, as in-0, in-1...
places() {
    local i=0 place type volumes='' storage=''
    for place; do
        type=file-storage
        case $place in *=http*) type=http-storage ;; esac
        volumes+="{name: v$i, resource: in-$i, path: /data/$i, mode: ${place%%=*}}, "
        storage+="{name: in-$i, type: $(type_of storage $type), spec: {location: \"${place#*=}\"}}, "
        i=$((i + 1))
    done
    {
        printf 'executable: {type: %s, spec: {program: p.py}}\n' "$(type_of executable python-program)"
        printf 'resources: {compute: [{volumes: [%s]}], storage: [%s]}\n' "${volumes%, }" "${storage%, }"
    } >t.yaml
}

# plan WANTED-CODE: and what it said in out and reasons
plan() {
    local code=0
    execdm-plan t.yaml >out || code=$?
    jq -r '.messages[] | "\(.platform) \(.pointer) \(.rule): \(.text)"' out >reasons
    [ "$code" -eq "$1" ] || { echo "execdm-plan ended with $code, expected $1" && cat out && return 1; }
}

asked() { # TEXT: how many requests for it
    grep -c -- "$1" port.log || true
}

no() { # TEXT of a reason
    plan 1
    has "$(cat reasons)" "$1"
}

@test "one try for twenty platforms, none within the minute, and again after it" {
    local i cache=$EXECDM_STATE/locations.json
    for i in {01..19}; do platform "p$i"; done
    places "r=$web/a"
    plan 0
    same 20 "$(jq '.offers | length' out)"
    same 1 "$(asked 'HEAD /a')"
    same 1 "$(asked .)"
    plan 0
    same 1 "$(asked .)"
    same 600 "$(stat -c %a "$cache")"
    # a minute later; a time further ahead than a minute was written by another clock
    jq -c 'map_values(.until -= 60000)' "$cache" >later && cat later >"$cache"
    plan 0
    same 2 "$(asked .)"
    jq -c 'map_values(.until += 60000)' "$cache" >later && cat later >"$cache"
    plan 0
    same 3 "$(asked .)"
}

@test "reading and writing are tried each for itself" {
    places "r=$web/a"
    plan 0
    places "rw=$web/a"
    plan 0
    same 'HEAD /a OPTIONS /a' "$(paste -sd' ' port.log)"
}

@test "a failure holds for ten seconds only, and is NO by name on every platform" {
    local cache=$EXECDM_STATE/locations.json
    platform other
    places "r=$web/status/404" "r=$web/a"
    no 'lab /resources/storage/0 unreachable: in-0: cannot get http'
    has "$(cat reasons)" 'HTTP 404' 'other /resources/storage/0 unreachable: in-0: '
    same 2 "$(wc -l <reasons)"
    same 0 "$(jq '.offers | length' out)"
    plan 1
    same 1 "$(asked 'HEAD /status/404')"
    jq -e --arg now "$(date +%s)" 'map((.until / 1000 - ($now | tonumber)) as $left
        | if .result.state == "done" then $left > 30 and $left <= 61 else $left > 0 and $left <= 11 end) | all' "$cache"
    jq -c 'map_values(.until -= 10000)' "$cache" >later && cat later >"$cache"
    plan 1
    same 2 "$(asked 'HEAD /status/404')"
    same 1 "$(asked 'HEAD /a')" # which still holds
}

@test "a cache that is damaged, foreign or a link is as none, and is written anew" {
    local cache=$EXECDM_STATE/locations.json text n=0
    places "r=$web/a"
    for text in '' '{' '[1]' '{"a":1}' $'\x01\xff' '{"a":{"until":"x","result":5}}'; do
        mkdir -p "$EXECDM_STATE"
        printf %s "$text" >"$cache"
        plan 0
        n=$((n + 1))
        same $n "$(asked .)"
        same 1 "$(jq length "$cache")"
    done
    jq -c 'map_values(.result = {})' "$cache" >later && cat later >"$cache"
    plan 0
    same $((n + 1)) "$(asked .)"
    head -c 5000000 /dev/zero >"$cache"
    plan 0
    same $((n + 2)) "$(asked .)"
    cp "$cache" copy
    ln -sf "$PWD/copy" "$cache"
    plan 0
    same $((n + 3)) "$(asked .)"
    [ ! -L "$cache" ]
}

@test "the cache keeps a thousand places at most" {
    local cache=$EXECDM_STATE/locations.json
    places "r=$web/a"
    plan 0
    jq -c --argjson now "$(date +%s)" '. + ([range(3000) | {("k\(.)"): {until: ($now * 1000 + 50000), result: {state: "done"}}}] | add)' \
        "$cache" >later && cat later >"$cache"
    places "r=$web/a" "r=$web/chunked/a"
    plan 0
    same 1000 "$(jq length "$cache")"
    same 1 "$(asked 'HEAD /a')" # it was known
    plan 0
    same 1 "$(asked 'HEAD /chunked/a')"
}

@test "a file is looked at each time: who has just made it is believed" {
    places r=b
    no "unreachable: in-0: "
    echo b >b
    plan 0
    rm b
    no "$PWD/b"
    [ ! -e "$EXECDM_STATE/locations.json" ]
}

@test "what has a secret in it is used, and written nowhere but in the offer" {
    places "r=http://me:s3cret@${web#http://}/auth/a"
    plan 0
    plan 0
    same 2 "$(asked 'HEAD /auth/a')"
    [ ! -e "$EXECDM_STATE/locations.json" ]
    places "r=http://me:wrong@${web#http://}/auth/a"
    no 'asks for a login (HTTP 401)'
    run grep -r wrong out "$EXECDM_STATE"
    [ "$status" -ne 0 ]
}

@test "403, a name nobody has, nobody there, no TLS: NO, with the reason" {
    local long
    long=$(printf 'x%.0s' {1..70})
    places "r=$web/status/403" "r=http://$long.example/a" "r=http://127.0.0.1:1/a" "r=https://${web#http://}/a" "r=$web/a"
    no 'lab /resources/storage/0 unreachable: in-0: cannot get'
    has "$(cat reasons)" 'does not allow it (HTTP 403)' 'storage/1 unreachable: in-1: ' 'resolve host' \
        'storage/2 unreachable: in-2: ' 'storage/3 unreachable: in-3: ' SSL
    same 4 "$(wc -l <reasons)"
}

@test "a certificate that nobody vouches for is NO" {
    require openssl
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 1 -keyout key.pem -out cert.pem 2>/dev/null
    cat >tls.py <<'END'
import http.server, os, ssl
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain("cert.pem", "key.pem")
s.socket = c.wrap_socket(s.socket, server_side=True)
open("tls.new", "w").write(str(s.server_address[1]))
os.rename("tls.new", "tls.port")
s.serve_forever()
END
    /usr/bin/python3 tls.py >tls.out 2>&1 3>&- &
    echo $! >tls.pid
    wait_until 20 test -e tls.port
    places "r=https://localhost:$(cat tls.port)/pub/a"
    no 'certificate'
}

@test "hosts that hang cost seconds, side by side, and the rest is told at once" {
    local before
    places "r=$web/hang/1" "r=$web/hang/2" "r=$web/hang/3" "r=$web/a" "rw=$web/hang/4"
    before=$(date +%s)
    no "in-0: cannot reach $web/hang/1: it gave no answer within 10 s"
    [ $(($(date +%s) - before)) -lt 18 ]
    has "$(cat reasons)" "in-1: " "in-2: " "in-4: "
    same 4 "$(wc -l <reasons)"
    # and for the next ten seconds they cost nothing
    before=$(date +%s)
    no "$web/hang/1"
    [ $(($(date +%s) - before)) -lt 5 ]
}

@test "a directory that cannot be written is NO where it is mounted rw" {
    mkdir there
    places "rw=there/"
    plan 0
    places "rw=p.py/there/"
    no 'storage/0 unreachable: in-0: '
    has "$(cat reasons)" p.py
}

# bats test_tags=user
@test "a directory without permission is NO where it is mounted rw" {
    mkdir there
    chmod 555 there
    places "rw=there/new"
    no 'storage/0 unreachable: in-0: '
    has "$(cat reasons)" 'ermission denied'
    chmod 755 there
}

@test "a hundred places are tried, each once" {
    local i list=()
    for i in {1..100}; do list+=("r=$web/chunked/a?$i"); done
    places "${list[@]}"
    plan 0
    same 100 "$(grep -c '^HEAD' port.log)"
}

@test "a stager that is stopped ends its checks" {
    local pid
    echo '{"id":"c","direction":"check","mode":"r","source":"'"$web/hang/1"'"}' >manifest
    execdm-stage <manifest >stage.out 2>&1 3>&- &
    pid=$!
    wait_until 10 grep -q hang port.log
    kill "$pid"
    wait "$pid" || status=$?
    same 143 "$status"
    [ ! -s stage.out ]
    ! pgrep -P "$pid"
}
