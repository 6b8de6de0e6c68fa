#!/usr/bin/env bats
# execdm-stage and VOSpace 2.1, against a service of ours (vospace-server.py): 127.0.0.1 is the service, 127.0.0.2 has bytes
# and must never see the token.

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    export no_proxy=127.0.0.1,127.0.0.2
    unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY all_proxy EXECDM_RESOURCE_CAPS
    umask 022
    cd "$BATS_TEST_TMPDIR" || return 1
    case $(execdm-stage --check vos://a!b/c 2>&1 || true) in
    *"built without"*) skip "built without libcurl or libxml2" ;;
    esac
    require /usr/bin/python3
    mkdir -p space/nodes/d config in
    export EXECDM_CONFIG=$PWD/config
    token=s3cret-t0ken-of-me
    /usr/bin/python3 "$TOP_SRCDIR/tests/vospace-server.py" port space "$token" >server.out 2>&1 3>&- &
    echo $! >server.pid
    wait_until 20 test -e port
    host=127.0.0.1:$(cat port)
    service=http://$host/vospace
    echo "ivo://example.org/vospace = $service/capabilities" >config/resource-caps
    (umask 077 && echo "$host $token" >config/tokens)
    vos='vos://example.org!vospace'
    echo hello >space/nodes/d/a
}

# No token at the other host, in what was said, or in what was asked for by name.
teardown() {
    local pid
    for pid in $(cat "$BATS_TEST_TMPDIR"/*.pid 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
    if [ -e port.log ]; then
        ! grep '^127\.0\.0\.2 .*Bearer' port.log || return 1
        ! grep -v 'Bearer_' port.log | grep -F "$token" || return 1
        ! grep -F "$token" said || return 1
    fi
}

modes() { printf '%s\n' "$@" >space/modes; }

# stage STATUS ARGUMENT...: what it says is kept, for teardown
stage() {
    local want=$1
    shift
    run "-$want" execdm-stage -v "$@"
    printf '%s\n' "$output" >>said
}

has() { # TEXT in $output
    [[ $output == *"$1"* ]] || {
        printf 'expected: %s\nfound: %s\n' "$1" "$output" >&2
        return 1
    }
}

asked() { # PATTERN: how often the service was
    grep -c -E "$1" port.log || true
}

@test "get, put and check a file: by resource-caps, by !, by ~, by an endpoint" {
    for from in "$vos/d/a" "vos://example.org~vospace/d/a" "vos://example.org!vospace/d/a?endpoint=$service" \
        "vos:///d/a?endpoint=$service" "vos:///d/a?endpoint=$service/nodes" "vos:///d/a?endpoint=$service/capabilities/"; do
        rm -f got
        stage 0 "$from" got
        cmp got space/nodes/d/a
    done
    echo new >in/b
    stage 0 in/b "$vos/d/b"
    cmp in/b space/nodes/d/b
    stage 0 in/b "$vos/d/" # a container
    stage 0 --check "$vos/d/a" "$vos/new/place/x"
    has '"bytes":6'
    [ ! -e space/nodes/new ]
    EXECDM_RESOURCE_CAPS=/dev/null stage 69 "$vos/d/a" x
    has 'ivo://example.org/vospace = URL of its capabilities'
}

@test "a file that is put carries its length and MD5; containers are made level by level" {
    head -c 3000000 /dev/urandom >in/big
    stage 0 in/big "$vos/p/q/r/big"
    cmp in/big space/nodes/p/q/r/big
    [ "$(asked 'PUT /vospace/nodes/p')" -ge 3 ]
    grep -q 'core#length">3000000<' port.documents/*.xml
    : >in/empty
    stage 0 in/empty "$vos/p/empty"
    [ -f space/nodes/p/empty ] && [ ! -s space/nodes/p/empty ]
}

@test "directories in both directions, page by page, with odd names; links are told" {
    mkdir -p 'in/t/sub dir/deep' in/t/void
    for i in $(seq 1 25); do echo "$i" >"in/t/sub dir/f$i"; done
    echo x >'in/t/a+b & c%20?#é'
    stage 0 in/t "$vos/t"
    diff -r in/t space/nodes/t
    for mode in page=2 page=3 page=7 everything anonymous; do
        modes "$mode"
        rm -rf back
        stage 0 "$vos/t" back
        diff -r in/t back
    done
    modes link
    rm -rf back
    stage 0 "$vos/t" back
    has 'a link of the VOSpace; skipped'
    diff -r in/t back
}

@test "what is asked is as the schema wants it" {
    local xsd=$EXECDM_SHARED/data/vospace/VOSpace-2.1.xsd
    require xmllint
    echo x >in/a
    stage 0 in/a "$vos/one/&amp/a"
    stage 0 "$vos/d/a" got
    [ -f "$xsd" ] || skip "the schema of VOSpace (../shared/data/vospace) is not here"
    # it says its version twice, imports what it does not use, and declares no document for a node alone
    sed -e '/^    version="2.1-PR/d' -e '/<xs:import /d' \
        -e 's|</xs:schema>|<xs:element name="node" type="vos:Node"/>&|' "$xsd" >vospace.xsd
    for document in port.documents/*.xml; do
        xmllint --nonet --noout --schema vospace.xsd "$document"
    done
    [ "$(grep -l '<vos:node ' port.documents/*.xml | wc -l)" -ge 3 ]
    [ "$(grep -l '<vos:transfer ' port.documents/*.xml | wc -l)" -eq 3 ]
    sed 's|<vos:direction>.*</vos:direction>||; s|</vos:transfer>|<vos:direction>pullFromVoSpace</vos:direction>&|' \
        port.documents/1.xml >wrong.xml
    run ! xmllint --nonet --noout --schema vospace.xsd wrong.xml
}

@test "each variant of an answer" {
    for mode in direct bytes results hops "bytes secure" "direct secure" redirect "redirect secure"; do
        # shellcheck disable=SC2086
        modes $mode
        rm -f got
        stage 0 "$vos/d/a" got
        cmp got space/nodes/d/a
        echo "$mode" >in/x
        stage 0 in/x "$vos/d/x"
        cmp in/x space/nodes/d/x
    done
    # the bytes are XML themselves
    modes bytes
    echo '<a>1</a>' >space/nodes/d/a.xml
    stage 0 "$vos/d/a.xml" got.xml
    cmp got.xml space/nodes/d/a.xml
}

@test "every word of a fault" {
    local word reason code
    while read -r word reason code; do
        modes "fault=$word"
        for way in "" results; do
            if [ -n "$way" ]; then echo "$way" >>space/modes; fi
            run execdm-stage - <<<'{"id":"i","direction":"pull","source":"'"$vos/d/a"'","dest":"file://'"$PWD"'/got"}'
            [ "$status" -eq "$code" ]
            has "\"reason\":\"$reason\""
            has "($word)"
        done
        [ ! -e got ]
    done <<'END'
ContainerNotFound notfound 1
DuplicateNode invalid 1
InvalidArgument invalid 1
InvalidToken denied 1
InvalidURI invalid 1
LinkFound unsupported 1
NodeNotFound notfound 1
NotAuthenticated denied 1
OperationNotSupported unsupported 1
OptionNotSupported unsupported 1
PermissionDenied denied 1
ProtocolNotSupported unsupported 1
QuotaExceeded noroom 1
TypeNotSupported unsupported 1
UnreadableNode corrupt 1
ViewNotSupported unsupported 1
NodeLocked denied 75
InvalidData corrupt 75
END
    modes refuse=QuotaExceeded
    stage 74 space/nodes/d/a "$vos/d/b"
    has QuotaExceeded
    modes vanish fault=PermissionDenied
    stage 77 "$vos/d/a" got
    has PermissionDenied
}

@test "what may get better is tried again" {
    local word
    for word in InternalFault NodeBusy ServiceBusy TransferFailed; do
        modes "fault=$word"
        (sleep 0.7 && modes) 3>&- &
        echo $! >later.pid
        stage 0 "$vos/d/a" "got-$word"
        has "($word); trying again"
    done
}

@test "the first endpoint fails or is slow, and each is used once" {
    modes broken-first
    echo y >in/y
    stage 0 "$vos/d/a" got
    stage 0 in/y "$vos/d/y"
    cmp got space/nodes/d/a
    cmp in/y space/nodes/d/y
    modes slow-first
    stage 0 "$vos/d/a" got2
    cmp got2 space/nodes/d/a
    [ -z "$(grep -o '/bytes/[^ ]*' port.log | sort | uniq -d)" ]
    [ "$(asked 'POST ')" -eq 3 ]
}

@test "what breaks off is fetched again, by another URL; what has another checksum is not taken" {
    modes short
    stage 0 "$vos/d/a" got
    cmp got space/nodes/d/a
    [ "$(asked 'GET /bytes/')" -eq 2 ]
    modes digest=BAD
    stage 75 "$vos/d/a" got2
    has 'which the server tells'
    [ ! -e got2 ]
}

@test "a file that is stored wrong is noticed: 412, another MD5, nothing to compare with" {
    echo abc >in/a
    modes corrupt-put
    stage 75 in/a "$vos/d/b"
    has 'has the checksum md5:'
    modes fail-412
    stage 75 in/a "$vos/d/b"
    has 'got other bytes than were sent'
    modes no-length no-md5
    stage 0 in/a "$vos/d/b"
    has 'stored, but not verified: the service gives no length'
}

@test "the token goes to the service only, and is not needed where nobody asks for it" {
    modes protected secure
    stage 0 "$vos/d/a" got
    [ "$(asked ' /vospace/files/.*Bearer')" -eq 1 ]
    modes protected
    stage 0 "$vos/d/a" got
    rm config/tokens
    stage 77 "$vos/d/a" got
    has 'asks for a token, and none is known'
    modes secure # an endpoint with a securityMethod is left out
    stage 0 "$vos/d/a" got
    modes certificate
    stage 77 "$vos/d/a" got
    has 'asks for ivo://ivoa.net/sso#tls-with-certificate'
    modes
    (umask 077 && echo "127.0.0.2 $token" >config/tokens) # another host's
    : >port.log
    stage 0 "$vos/d/a" got
    [ "$(asked Bearer)" -eq 0 ] || grep '^127\.0\.0\.1 .*Bearer' port.log
    rm -f port.log # it was for that host, this time
}

@test "a token of a manifest comes by a descriptor; a file that others may read is refused" {
    modes protected
    rm config/tokens
    printf '{"host":"%s","bearer_token":"%s"}' "$host" "$token" >credential
    run -0 execdm-stage - 5<credential \
        <<<'{"id":"i","direction":"pull","source":"'"$vos/d/a"'","dest":"file://'"$PWD"'/got","credential":5}'
    cmp got space/nodes/d/a
    echo "$host $token" >config/tokens
    chmod 644 config/tokens
    stage 77 "$vos/d/a" got
    has 'chmod 600'
}

@test "a check asks for a way to read, and looks whether it may write, without making anything" {
    stage 0 --check "$vos/d"
    has '"type":"directory"'
    stage 66 --check "$vos/none"
    modes fault=PermissionDenied
    stage 77 --check "$vos/d/a"
    modes readonly
    stage 77 --check in "$vos/d/new"
    has 'does not allow it'
    modes
    stage 1 --check in "$vos/d/a/b"
    has 'no container'
    [ "$(find space/nodes | wc -l)" -eq 3 ]
    modes unlisted
    stage 0 --check "$vos/d/a"
    stage 77 --check "vos:///d/a?endpoint=$service" # who it is, it does not tell
}

@test "URLs that lead nowhere" {
    for url in vos://a/b vos:///d/a "$vos/../x" "$vos/d//a" "$vos/%zz" "$vos/d/a?x=y" "$vos/d/a#b" "vos:///d/a?endpoint=ftp://x"; do
        stage 1 "$url" got
    done
    stage 66 "$vos/d/none" got
    stage 1 "$vos/d/a/" got # it is a file
    stage 69 'vos://nobody!vospace/a' got
}

# managed DIRECTION URL CODE
managed() {
    run "-$3" execdm-stage - <<<'{"id":"i","direction":"'"$1"'","dest":"'"$2"'"}'
    printf '%s\n' "$output" >>said
}

@test "a managed container is made, and removed with all in it; links, the root and other schemes" {
    modes link page=3
    managed make "$vos/run/one" 0
    [ "$output" = '{"id":"i","state":"done","type":"directory","bytes":0,"files":0}' ]
    managed make "$vos/run/one/" 1 # it is there, and may be somebody's
    has '"reason":"exists"'
    mkdir -p space/nodes/run/one/{a,b}/{c,d}
    for i in $(seq 1 10); do echo "$i" | tee "space/nodes/run/one/f$i" >"space/nodes/run/one/a/c/f $i"; done
    modes page=3
    managed remove "$vos/run/one" 0
    [ ! -e space/nodes/run/one ] && [ -d space/nodes/run ]
    managed remove "$vos/run/one" 0 # it is not there
    managed remove "$vos/d/a" 0     # one file
    managed remove "$vos/" 1
    has 'the root of a service is not removed'
    managed make "$vos/run/x" 0
    modes protected
    rm config/tokens
    managed remove "$vos/run/x" 1
    managed make "$vos/run/y" 1
    has '"reason":"denied"'
    managed make "ftp://127.0.0.1/made" 1
    has '"reason":"unsupported"'
    run -65 execdm-stage - <<<'{"id":"i","direction":"remove","source":"file:///x","dest":"vos:///y"}'
}

@test "the examples of the manual page" {
    export SERVICE=$service
    head -c 5000 /dev/urandom >field.fits
    sed -n '/^\.Ss VOSpace/,/^\.S[hs]/s/^\.Dl \$ //p' "$TOP_SRCDIR/man/execdm-stage.1" |
        sed 's/\\-/-/g; s/\\(dq/"/g' >examples
    [ "$(wc -l <examples)" -eq 4 ]
    cp field.fits kept
    bash -e examples
    cmp kept field.fits
    cmp kept survey/2026/field.fits
    # and its table has every fault that is known
    sed -n 's/^    {"\([A-Za-z]*\)", REASON_.*/\1/p' "$TOP_SRCDIR/cmd/stager/vos.c" >words
    [ "$(wc -l <words)" -ge 22 ]
    local word
    while read -r word; do
        grep -q "^\.It .*${word%Fault}" "$TOP_SRCDIR/man/execdm-stage.1" || { echo "$word is not told" && false; }
    done <words
}

@test "a job reads containers and nodes, and stores its results where the draft's listing says" {
    require bwrap umoci jq
    if [ "$(id -u)" -eq 0 ]; then getent passwd execdm-job >/dev/null || skip "root needs the account execdm-job"; fi
    local type=https://www.purl.org/ivoa.net/storage-types/vospace-storage
    modes protected secure
    mkdir space/nodes/sky
    echo 1 >space/nodes/sky/one
    echo 2 >space/nodes/sky/two
    echo 3 >space/nodes/three
    cat >p.py <<'END'
import os
total = sum(int(open("/inputs/sky/" + n).read()) for n in os.listdir("/inputs/sky"))
os.makedirs("/results/deep")
open("/results/deep/total", "w").write("%d\n" % total)
open("/outputs/sum", "w").write("%d\n" % (total + int(open("/inputs/three").read())))
END
    cat >t.yaml <<END
executable:
  type: https://www.purl.org/ivoa.net/executable-types/python-program
  spec: {program: p.py}
resources:
  compute:
    - volumes:
        - {resource: sky, path: /inputs/sky, mode: r}
        - {resource: three, path: /inputs/three, mode: r}
        - {resource: results, path: /results, mode: rw}
        - {resource: sum, path: /outputs/sum, mode: rw}
  storage:
    - {name: sky, type: $type, spec: {ivorn: "ivo://example.org/vospace", path: /sky, type: container}}
    - {name: three, type: $type, spec: {endpoint: "$service", ivorn: "ivo://example.org/vospace", path: /three}}
    - {name: results, type: $type, spec: {endpoint: "$service", path: /experiment-21/results, lifecycle: unmanaged}}
    - {name: sum, type: $type, spec: {location: "$vos/sum", type: DataNode}}
END
    mv config/tokens tokens
    run -1 execdm-plan t.yaml
    has 'asks for a token, and none is known'
    mv tokens config/tokens
    rm -f "$EXECDM_STATE/locations.json"
    execdm-plan t.yaml >answer.json
    jq -e '.result == "YES"' answer.json || { cat answer.json; false; }
    [ ! -e space/nodes/experiment-21 ]
    execdm-accept <answer.json | execdm-run >ran.json
    execdm-status <ran.json >job.json
    jq -e '.phase == "COMPLETED"' job.json || { cat job.json; false; }
    [ "$(cat space/nodes/experiment-21/results/deep/total)" = 3 ]
    [ "$(cat space/nodes/sum)" = 6 ]
    jq -e '[.results[] | select(.url // "" | startswith("vos://")) | .checksum] | length == 2' job.json
    # what cannot be reached is no offer (EP-4A)
    sed "s|path: /sky|path: /void|" t.yaml >u.yaml
    run -1 execdm-plan u.yaml
    has 'has no such node'
    modes protected readonly
    rm -f "$EXECDM_STATE/locations.json"
    run -1 execdm-plan t.yaml
    has 'does not allow it'
    cat answer.json ran.json job.json >>said
}
