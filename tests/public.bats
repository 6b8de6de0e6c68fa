#!/usr/bin/env bats
# What tasks may name that come over the network: nothing of the machine, no private address, wherever names and redirects lead.
# bats file_tags=real

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() { jobs_state; }

teardown() {
    leave "$BATS_TEST_TMPDIR"/*.pid
    site_stop
}

# apart: ./inside.sh in a network of its own, where 203.0.113.5 is an address of everybody's; private.test and
# public.test are names there; $port is that of a server that leads away
apart() {
    PATH=$PATH:/usr/sbin require ip
    unshare -Urnm true 2>/dev/null || skip "no namespaces here"
    printf '127.0.0.1 localhost private.test\n203.0.113.5 public.test\n' >hosts
    cat >outside.sh <<'EOT'
PATH=$PATH:/usr/sbin
ip link set lo up
ip addr add 203.0.113.5/32 dev lo
mount --bind hosts /etc/hosts
/usr/bin/python3 "$TOP_SRCDIR/tests/away-server.py" port 3>&- &
server=$!
for ((i = 0; i < 600; i++)); do [ -e port ] && break; sleep 0.1; done
port=$(cat port)
. ./inside.sh
code=$?
kill "$server"
exit "$code"
EOT
    unshare -Urnm bash outside.sh
}

@test "staging: what is public connects to no private address, however it gets there" {
    require curl
    cat >inside.sh <<'EOT'
line() { # ID SOURCE [MORE]
    jq -n -c --arg id "$1" --arg s "$2" --arg d "file://$PWD/got-$1" \
        '{id: $id, source: $s, dest: $d, direction: "pull", type: "file", public: true}'
}
{
    line plain "http://203.0.113.5:$port/plain"
    line name "http://public.test:$port/name"
    line round "http://203.0.113.5:$port/to?http://public.test:$port/round"
    line loop "http://127.0.0.1:$port/loop"
    line short "http://127.1:$port/short"
    line six "http://[::1]:$port/six"
    line mapped "http://[::ffff:127.0.0.1]:$port/mapped"
    line named "http://private.test:$port/named"
    line away "http://203.0.113.5:$port/to?http://127.0.0.1:$port/away"
    line awayname "http://203.0.113.5:$port/to?http://private.test:$port/awayname"
    line twice "http://203.0.113.5:$port/to?http://public.test:$port/to?http://private.test:$port/twice"
    line vos "vos://a!b/x?endpoint=http%3A%2F%2F127.0.0.1%3A$port%2Fvospace"
    line s3 "s3://bucket/key?endpoint=http%3A%2F%2F127.0.0.1%3A$port"
    jq -n -c --arg p "http://private.test:$port/" '{id: "check", source: $p, direction: "check", mode: "r", public: true}'
} >manifest
execdm-stage <manifest >said.json 2>said.err
: # what failed is looked at
EOT
    apart
    execdm-validate -q --schema="$EXECDM_SCHEMA/manifest.json" manifest
    jq -r 'select(.state) | "\(.id) \(.error.reason // .state)"' said.json | sort >ends
    diff - ends <<'END'
away forbidden
awayname forbidden
check forbidden
loop forbidden
mapped forbidden
name done
named forbidden
plain done
round done
s3 forbidden
short forbidden
six forbidden
twice forbidden
vos forbidden
END
    same "plain name round" "$(cat got-plain got-name got-round | sed 's/plain/& /; s/name/& /')"
    # nothing that is private was even asked
    run ! grep -qE '^[A-Z]+ /(loop|short|six|mapped|named|away|awayname|twice|vospace.*|bucket.*|key)$' port.log
    # what is not public goes everywhere, and leaves no way for what is
    cat >inside.sh <<'EOT'
{
    jq -n -c --arg s "http://private.test:$port/first" --arg d "file://$PWD/first" '{id: "first", source: $s, dest: $d, direction: "pull", type: "file"}'
    jq -n -c --arg s "http://private.test:$port/second" --arg d "file://$PWD/second" '{id: "second", source: $s, dest: $d, direction: "pull", type: "file", public: true}'
} | execdm-stage --jobs=1 >said.json 2>said.err
:
EOT
    rm port
    apart
    same "first done second forbidden" "$(jq -r 'select(.state) | "\(.id) \(.error.reason // .state)"' said.json | sort | xargs)"
    # nor by a connection that is still open, where a redirect leads to its server; and no proxy is asked for it
    cat >inside.sh <<'EOT'
mv port.log port.log.1
{
    jq -n -c --arg s "http://private.test:$port/third" --arg d "file://$PWD/third" '{id: "third", source: $s, dest: $d, direction: "pull", type: "file"}'
    jq -n -c --arg s "http://203.0.113.5:$port/to?http://private.test:$port/fourth" --arg d "file://$PWD/fourth" \
        '{id: "fourth", source: $s, dest: $d, direction: "pull", type: "file", public: true}'
} | execdm-stage --jobs=1 >said.json 2>said.err
jq -n -c --arg s "http://203.0.113.5:$port/fifth" --arg d "file://$PWD/fifth" '{id: "fifth", source: $s, dest: $d, direction: "pull", type: "file", public: true}' |
    http_proxy="http://127.0.0.1:$port" execdm-stage >>said.json 2>>said.err
:
EOT
    rm port
    apart
    same "fifth done fourth forbidden third done" "$(jq -r 'select(.state) | "\(.id) \(.error.reason // .state)"' said.json | sort | xargs)"
    run ! grep -qF /fourth <(grep -v ' /to?' port.log)
    grep -qx 'GET /fifth' port.log
}

@test "staging: a scheme of others is not used for what is public" {
    mkdir programs
    printf '#!/bin/sh\ntouch "%s/ran"\n' "$PWD" >programs/execdm-stage-strange
    chmod +x programs/execdm-stage-strange
    line() { # MORE
        jq -n -c '{id: "x", source: "strange://a/b", direction: "check", mode: "r"} + $ARGS.named.more' --argjson more "$1"
    }
    EXECDM_STAGE_PATH=$PWD/programs execdm-stage <<<"$(line '{"public": true}')" >said.json 2>said.err || true
    same forbidden "$(jq -r 'select(.state) | .error.reason' said.json)"
    [ ! -e ran ]
    EXECDM_STAGE_PATH=$PWD/programs execdm-stage <<<"$(line '{}')" >said.json 2>said.err
    [ -e ran ]
}

# at PLACE [TYPE]: the filter that puts the storage there
at() {
    printf '.resources.storage[0] |= (.type |= sub("http-storage"; "%s") | .spec.location = "%s")' "${2-http-storage}" "$1"
}

# no FILTER RULE POINTER [WORD]: a task, changed by jq, is NO by a rule at a place
no() {
    jq "$1" base.json >task.json
    curl -sS -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >answer.json
    jq -e --arg r "$2" --arg p "$3" --arg w "${4-}" \
        '.result == "NO" and any(.messages[]; .rule == $r and .pointer == $p and (.text | contains($w)))' answer.json >/dev/null || {
        printf '%s: ' "$1"
        jq -c . answer.json
        return 1
    } >&2
}

yes_() {
    jq "$1" base.json >task.json
    curl -sS --fail-with-body -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >answer.json
    jq -e '.result == "YES"' answer.json >/dev/null || { jq -c . answer.json && return 1; } >&2
}

@test "planning: places of this machine, private addresses and results of others are NO" {
    local place
    site_configure
    cat >>"$SITE_DIR/config/platforms.d/localhost.yaml" <<'EOT'
  - {type: https://www.purl.org/ivoa.net/executable-types/python-program}
  - {type: https://www.purl.org/ivoa.net/executable-types/jupyter-notebook}
EOT
    site_start cgi
    task sh='true' "r:/in=http://127.0.0.1/x"
    cp task.json base.json
    for place in file:///etc/passwd file:/etc/passwd FILE:///etc/passwd file://localhost/etc/passwd /etc/passwd; do
        no "$(at "$place" file-storage)" location-policy /resources/storage/0 "place of this machine"
    done
    for place in http://127.0.0.1/x http://localhost:8080/x https://10.1.2.3/x http://192.168.0.1/ http://169.254.169.254/latest/meta-data \
        'http://[::1]/x' 'http://[::ffff:10.0.0.1]/x' http://127.1/x http://0x7f000001/x http://2130706433/x; do
        no "$(at "$place")" location-policy /resources/storage/0 "private address"
    done
    no "$(at 's3://bucket/key?endpoint=http%3A%2F%2F127.0.0.1%3A9000' amazon-s3)" location-policy /resources/storage/0 "private address"
    no "$(at 'vos://a!b/x?endpoint=http%3A%2F%2Flocalhost%2Fvospace' vospace-storage)" location-policy /resources/storage/0 "private address"
    # a name of no particular look is followed
    for place in ip6-localhost ip6-loopback "$(uname -n)"; do
        getent ahosts "$place" | grep -qE '^(127\.|10\.|192\.168\.|172\.(1[6-9]|2|3[01])|::1|f[cd])' || continue
        no "$(at "http://$place:1/x")" location-policy /resources/storage/0 "leads to a private address"
        break
    done
    # a scheme of others, whose program connects by itself
    no "$(at 'rucio://scope/name?rse=X&endpoint=http://example.org/' persistent-storage)" location-policy /resources/storage/0 "schemes of others"
    # as an output, and of other types
    no ".resources.compute[0].volumes[0].mode = \"rw\" | $(at file:///tmp/x file-storage)" location-policy /resources/storage/0
    no '.resources.storage[0] |= (.type |= sub("http-storage"; "vospace-storage") | .spec = {endpoint: "http://10.0.0.1/vospace", path: "/x"})' \
        location-policy /resources/storage/0 "private address"
    no '.resources.storage[0] |= (.type |= sub("http-storage"; "amazon-s3") | .spec = {template: "http://127.0.0.1:9000/{bucket}/{object}", bucket: "b", object: "o"})' \
        location-policy /resources/storage/0 "private address"
    # relative paths have nothing to be relative to
    same 400 "$(jq '.resources.storage[0].spec.location = "data/x"' base.json |
        curl -sS -o refused.json -w '%{http_code}' -H 'Content-Type: application/json' --data-binary @- "$SITE/planner")"
    jq -e 'any(.findings[]; .rule == "relative-path")' refused.json
    # programs, notebooks, their requirements
    no 'del(.resources.storage, .resources.compute[0].volumes) | .executable = {type: (.executable.type | sub("oci-container"; "python-program")),
        spec: {program: "file:///etc/passwd", requirements: "http://127.0.0.1/r.txt"}}' location-policy /executable/spec/program
    jq -e 'any(.messages[]; .pointer == "/executable/spec/requirements" and .rule == "location-policy")' answer.json
    no 'del(.resources.storage, .resources.compute[0].volumes) | .executable = {type: (.executable.type | sub("oci-container"; "jupyter-notebook")),
        spec: {notebook: "http://localhost/n.ipynb"}}' location-policy /executable/spec/notebook
    # images: those of this machine that nobody approved, and registries in the cellar
    no 'del(.resources.storage, .resources.compute[0].volumes) | .executable.spec.image = "oci:/etc"' image-policy /executable/spec/image
    yes_ 'del(.resources.storage, .resources.compute[0].volumes)'
    # results of a job are its owner's: this one is that of the account
    site_as execdm-plan <task.json | site_as execdm-accept >job.json
    no "$(at "job:$(jq -r .id job.json)/out" persistent-storage)" location-policy /resources/storage/0 "there is no job"
    no "$(at JOB:1 persistent-storage)" location-policy /resources/storage/0
    no "$(at upload:x file-storage)" location-policy /resources/storage/0 "no such file came with the task"
}

@test "planning: a registry at a private address is not asked, unless the site lists registries" {
    site_configure
    sed -i '/executables/,$d' "$SITE_DIR/config/platforms.d/localhost.yaml"
    site_start cgi
    task sh='true'
    cp task.json base.json
    no '.executable.spec.image = "localhost:5000/tool:1"' location-policy /executable/spec/image "private address"
    no '.executable.spec.image = "docker://127.0.0.1:1/tool"' location-policy /executable/spec/image "private address"
    # a name that leads nowhere now may lead anywhere when the registry is asked
    no '.executable.spec.image = "registry.invalid/tool:1"' location-policy /executable/spec/image "cannot be resolved"
    # nothing listens there, so that it was asked can be told
    printf '%s\n' 'executables:' '  - {type: https://www.purl.org/ivoa.net/executable-types/oci-container, registries: ["127.0.0.1:1"]}' \
        >>"$SITE_DIR/config/platforms.d/localhost.yaml"
    no '.executable.spec.image = "127.0.0.1:1/tool:1"' image /executable/spec/image
}

@test "with private-addresses a site lets its own network be named; files of the machine never" {
    local job
    mkdir web
    echo 42 >web/x
    serve web
    site_configure 'policy: {private-addresses: true}'
    site_start cgi
    site_worker
    task sh='cat /in' "r:/in=$web/x"
    cp task.json base.json
    no "$(at file:///etc/passwd file-storage)" location-policy /resources/storage/0
    yes_ .
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -X POST "$(jq -r '.offers[0].accept' answer.json)")
    completed() { [ "$(curl -sS -H "Accept: application/json" "$job" | jq -r .phase)" = COMPLETED ]; }
    wait_until 120 completed
    same 42 "$(cat "$SITE_DIR/state/jobs/${job##*/}/attempt-1/stdout")"
    # what was accepted so is staged so; what is asked now is not offered any more
    sed -i '/private-addresses/d' "$SITE_DIR/config/execdm.yaml"
    no . location-policy /resources/storage/0 "private address"
}

@test "what the account has of credentials is for nobody who comes over the network" {
    local job
    mkdir web
    echo 42 >web/x
    serve web
    site_user ada secret
    site_configure "policy: {private-addresses: true}
credentials: [{host: '${web#http://}', file: key}]"
    (umask 077 && printf 'username: me\npassword: s3cret\n' >"$SITE_DIR/config/key")
    mkdir -p "$SITE_DIR/.config"
    site_start cgi
    task sh='cat /in' "r:/in=$web/auth/x"
    cp task.json base.json
    # the account's own task has it
    site_as execdm-plan <task.json >own.json
    same YES "$(jq -r .result own.json)"
    no . unreachable /resources/storage/0 "asks for a login"
    curl -sS -u ada:secret -H 'Content-Type: application/json' --data-binary @base.json "$SITE/planner" >answer.json
    jq -e '.result == "NO" and any(.messages[]; .text | contains("asks for a login"))' answer.json
    # and who takes the account's name is not let in
    site_user "$(site_as id -un)" secret
    same 403 "$(curl -sS -o /dev/null -w '%{http_code}' -u "$(site_as id -un):secret" "$SITE/")"
}
