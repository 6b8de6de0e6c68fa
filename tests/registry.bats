#!/usr/bin/env bats
# Images of registries (PRD-17, pain point 27): a real registry, of one's own for each test, on the loopback. What it cannot
# do wrong a proxy does.
# bats file_tags=real

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    require docker-registry skopeo curl
    jobs_state
    digest=$(jq -r '.manifests[0].digest' "$tiny/index.json")
    registry
}

# registry [htpasswd]: starts it, at the port it had before if any; $host is where
registry() {
    local addr=127.0.0.1:0
    if [ -e host ]; then addr=$(cat host); fi
    {
        printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: "%s/blobs"}}\nhttp: {addr: "%s"}\n' "$PWD" "$addr"
        if [ "${1-}" ]; then printf 'auth: {htpasswd: {realm: test, path: "%s"}}\n' "$1"; fi
    } >registry.yaml
    docker-registry serve registry.yaml >registry.log 2>&1 3>&- &
    echo $! >registry.pid
    wait_until 20 grep -q 'listening on' registry.log
    host=$(sed -n 's/.*listening on \(127.0.0.1:[0-9]*\).*/\1/p' registry.log | head -n 1)
    echo "$host" >host
}

stop_registry() {
    kill "$(cat registry.pid)"
    while kill -0 "$(cat registry.pid)" 2>/dev/null; do sleep 0.05; done
}

# push NAME [OPTION...]: the tiny image, under this name
push() {
    skopeo copy --quiet --dest-tls-verify=false "${@:2}" "oci:$tiny:latest" "docker://$host/$1"
}

# refused IMAGE TEXT [KEY=VALUE...]: planning says NO, with this reason
refused() {
    task image="$1" "${@:3}" sh=true
    run -1 execdm-plan task.json
    has "$output" '"rule":"image"' "$2"
}

# fails ID TEXT: it ends in ERROR over its image, with this reason, and nothing is left of that
fails() {
    run -1 --separate-stderr execdm-run "$1"
    same "ERROR imagepull" "$(job "$1" '"\(.phase) \(.error.reason)"')"
    has "$(job "$1" .error.message)" "$2"
    nothing_left
}

nothing_left() {
    same "" "$(cd "$EXECDM_STATE/images" && find tmp -mindepth 1 2>/dev/null; ls -d sha256-* 2>/dev/null)"
}

# blob DIGEST: its file on the registry's disk
blob() {
    local hex=${1#sha256:}
    printf 'blobs/docker/registry/v2/blobs/sha256/%.2s/%s/data\n' "$hex" "$hex"
}

layer() {
    jq -r '.layers[0].digest' "$tiny/blobs/sha256/${digest#sha256:}"
}

@test "an image by its tag: the offer names the digest, and that one is run, whatever the tag means by then" {
    push lab/tiny:1.0
    id=$(submit image="$host/lab/tiny:1.0" sh='echo one')
    same "$digest" "$(jq -r '.offers[0].executable.spec.digest' answer.json)"
    umoci_other
    skopeo copy --quiet --dest-tls-verify=false oci:other:latest "docker://$host/lab/tiny:1.0"
    work "$id"
    same one "$(cat "$(files "$id")"/attempt-1/stdout)"
    job "$id" '.history[].why' | grep -qxF "fetching $host/lab/tiny@$digest"
    [ -e "$EXECDM_STATE/images/sha256-${digest#sha256:}/rootfs/bin/sh" ]
    same "" "$(ls -A "$EXECDM_STATE/images/tmp")"
    # by docker://, repo and version; it is here already
    for words in "image=docker://$host/lab/tiny digest=$digest" "image=$host/lab/tiny@$digest"; do
        # shellcheck disable=SC2086 # it is words
        id=$(submit $words sh='echo two')
        stop_registry # which is not asked again
        work "$id"
        is "$id" COMPLETED
        registry
    done
}

umoci_other() {
    cp -r "$tiny" other
    umoci --log=error config --image other:latest --config.env OTHER=yes
    umoci gc --layout other
}

@test "an image in Docker's own form runs, too, under its own digest" {
    push lab/docker:1 --format v2s2
    own=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$host/lab/docker:1")
    [ "$own" != "$digest" ]
    id=$(submit image="$host/lab/docker:1" sh='echo docker')
    same "$own" "$(jq -r '.offers[0].executable.spec.digest' answer.json)"
    work "$id"
    same docker "$(cat "$(files "$id")"/attempt-1/stdout)"
    [ -d "$EXECDM_STATE/images/sha256-${own#sha256:}" ]
}

@test "an index: the platform's machine is chosen; its own digest may be asked for" {
    arch=$(jq -r .architecture "$tiny/blobs/sha256/$(jq -r '.config.digest[7:]' "$tiny/blobs/sha256/${digest#sha256:}")")
    umoci_other
    other=$(jq -r '.manifests[0].digest' other/index.json)
    push lab/tiny:here
    skopeo copy --quiet --dest-tls-verify=false oci:other:latest "docker://$host/lab/tiny:there"
    type=application/vnd.oci.image.index.v1+json
    jq -n --arg type "$type" --arg here "$digest" --arg there "$other" --arg arch "$arch" \
        --argjson sizes "[$(stat -c %s "$tiny/blobs/sha256/${digest#sha256:}"), $(stat -c %s "other/blobs/sha256/${other#sha256:}")]" '
        def m($d; $size; $arch): {mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $size,
                                  platform: {os: "linux", architecture: $arch}};
        {schemaVersion: 2, mediaType: $type, manifests: [m($there; $sizes[1]; "vax"), m($here; $sizes[0]; $arch)]}' >index
    curl -sSf -X PUT -H "Content-Type: $type" --data-binary @index "http://$host/v2/lab/tiny/manifests/both"
    whole=sha256:$(sha256sum <index | cut -d ' ' -f 1)
    id=$(submit image="$host/lab/tiny:both" sh='echo "${OTHER-no}"')
    same "$digest" "$(jq -r '.offers[0].executable.spec.digest' answer.json)"
    work "$id"
    same no "$(cat "$(files "$id")"/attempt-1/stdout)"
    id=$(submit image="$host/lab/tiny" digest="$whole" sh='echo "${OTHER-no}"')
    same "$whole" "$(jq -r '.offers[0].executable.spec.digest' answer.json)"
    work "$id"
    same no "$(cat "$(files "$id")"/attempt-1/stdout)"
    task image="$host/lab/tiny:both" sh=true
    jq '.executable.spec.arch = "z80"' task.json >z80.json
    run -1 execdm-plan z80.json
    has "$output" "$host/lab/tiny has nothing for linux z80"
    # of a layout it is the same
    skopeo copy --quiet --all --src-tls-verify=false "docker://$host/lab/tiny:both" oci:both:latest
    id=$(submit image=oci:both:latest sh='echo "${OTHER-no}"')
    same "$digest" "$(jq -r '.offers[0].executable.spec.digest' answer.json)"
    work "$id"
    is "$id" COMPLETED
}

@test "planning: no such image, no such tag, no such digest, no registry, each in its own words" {
    push lab/tiny:1.0
    zeros=sha256:0000000000000000000000000000000000000000000000000000000000000000
    refused "$host/lab/none:1.0" "the registry $host has no image lab/none"
    refused "$host/lab/tiny:2.0" "$host/lab/tiny has no tag 2.0"
    refused "$host/lab/tiny" "$host/lab/tiny has no tag latest"
    refused "$host/lab/tiny" "$host/lab/tiny has no digest $zeros" digest="$zeros"
    refused "$host/lab/tiny@$zeros" "$host/lab/tiny has no digest $zeros"
    stop_registry
    # whatever an image is called
    for name in lab/tiny:1.0 lab/signature:1 geofit/x509:1 lab/denied:unauthorized toomanyrequests:denied; do
        refused "$host/$name" "the registry $host cannot be reached: "
    done
    refused "signature.eof.example.invalid/lab/x509:EOF" "the registry signature.eof.example.invalid cannot be reached: "
}

@test "a registry that takes the question and does not answer is not waited for" {
    push lab/tiny:1
    kill -STOP "$(cat registry.pid)"
    refused "$host/lab/tiny:1" "the registry $host did not answer within 20 s"
    kill -CONT "$(cat registry.pid)"
}

@test "a registry that wants to know who we are: without a credential NO; with one of execdm.yaml it runs" {
    stop_registry
    # user me, password secret-word, as htpasswd -B writes it
    # shellcheck disable=SC2016
    printf 'me:%s\n' "$(perl -e 'print crypt("secret-word", q($2y$05$abcdefghijklmnopqrstuu))')" >users
    registry "$PWD/users"
    push lab/tiny:1 --dest-creds me:secret-word
    refused "$host/lab/tiny:1" "the registry $host does not give $host/lab/tiny to us"
    mkdir -p "$EXECDM_CONFIG"
    printf 'execdm: 1\ncredentials: [{host: "%s", file: login}]\n' "$host" >"$EXECDM_CONFIG/execdm.yaml"
    (umask 077 && echo '{username: me, password: wrong-word}' >"$EXECDM_CONFIG/login")
    refused "$host/lab/tiny:1" "the registry $host does not give"
    echo '{bearer_token: t0ken}' >"$EXECDM_CONFIG/login"
    refused "$host/lab/tiny:1" "the credential for $host is none for a registry, expected username and password"
    echo '{username: me, password: secret-word}' >"$EXECDM_CONFIG/login"
    id=$(submit image="$host/lab/tiny:1" sh='echo in')
    chmod 644 "$EXECDM_CONFIG/login"
    refused "$host/lab/tiny:1" "chmod 600 it"
    fails "$id" "chmod 600 it"
    same '"platform" false' "$(job "$id" '"\(.error.fault | tojson) \(.error.transient)"')"
    chmod 600 "$EXECDM_CONFIG/login"
    id=$(submit image="$host/lab/tiny:1" sh='echo in')
    strace -f -qq -e trace=execve -s 4096 -v -o calls execdm-run "$id" >"$id.json" 2>run.err
    is "$id" COMPLETED
    grep -q /skopeo calls
    run -1 grep -rE "secret-word|$(printf 'me:secret-word' | base64)" calls "$EXECDM_STATE" # on no command line, and not kept
}

@test "without TLS only registries of this machine are asked, and not who is only called like it" {
    push lab/tiny:1
    for name in "$host" "localhost:${host#*:}" 127.example.invalid:1 127.0.0.1.example.invalid localhost.example.invalid 127.1:1; do
        task image="$name/lab/tiny:1" sh=true
        ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=execve -s 4096 -o calls execdm-plan task.json >/dev/null 2>&1 || true
        grep 'skopeo.*"inspect"' calls >asked
        { grep -o 'tls-verify=[a-z]*' asked || echo usual; } | sort -u
    done >tls
    same "tls-verify=false tls-verify=false usual usual usual usual" "$(xargs <tls)"
}

@test "a byte of a blob is another on the registry's disk: ERROR, the reason, and nothing of it stays" {
    push lab/tiny:1
    id=$(submit image="$host/lab/tiny:1" sh=true)
    file=$(blob "$(layer)")
    cp "$file" whole
    printf '\377' | dd of="$file" bs=1 seek=100000 conv=notrunc status=none
    run -1 cmp -s "$file" whole
    fails "$id" "$host/lab/tiny is corrupt in its registry: "
    same '"task" false' "$(job "$id" '"\(.error.fault | tojson) \(.error.transient)"')"
    cp whole "$file"
    id=$(submit image="$host/lab/tiny:1" sh=true) # the next job runs
    work "$id"
    is "$id" COMPLETED
    rm -rf "$EXECDM_STATE/images"
    id=$(submit image="$host/lab/tiny:1" sh=true)
    rm "$file"
    fails "$id" "$host/lab/tiny is corrupt in its registry: "
}

@test "the image goes away after the offer was accepted: ERROR, as what it is" {
    push lab/tiny:1
    id=$(submit image="$host/lab/tiny:1" sh=true)
    stop_registry
    rm -r blobs
    registry
    fails "$id" "$host/lab/tiny has no digest $digest"
}

@test "the registry is down when the job begins: it waits, says why, and runs when the registry is there again" {
    push lab/tiny:1
    echo input >in
    id=$(submit image="$host/lab/tiny:1" sh='cat /inputs/in' r:/inputs/in="file://$PWD/in")
    stop_registry
    execdm-run "$id" >run.out 2>run.err 3>&- &
    pid=$!
    told() { job "$id" '.history[].why' | grep -q "the registry $host cannot be reached"; }
    wait_until 30 told
    is "$id" PREPARING
    [ ! -e "$(files "$id")/in" ] # nothing is staged for a job that cannot begin
    registry
    wait "$pid"
    is "$id" COMPLETED
    same input "$(cat "$(files "$id")"/attempt-1/stdout)"
    same 1 "$(job "$id" '[.history[].why | select(. != null and contains("cannot be reached"))] | length')"
}

# proxy LINE...: what comes between us and the registry, see s3-proxy.py; $host is it from then on
proxy() {
    printf '%s\n' "$@" >proxy.faults
    /usr/bin/python3 "$TOP_SRCDIR/tests/s3-proxy.py" proxy "${host#*:}" >proxy.out 2>&1 3>&- &
    echo $! >proxy.pid
    wait_until 20 test -e proxy
    host=127.0.0.1:$(cat proxy)
}

@test "a registry that throttles is left alone for a while, and then asked again" {
    push lab/tiny:1
    proxy "status 1 GET /manifests/ 429:TOOMANYREQUESTS"
    id=$(submit image="$host/lab/tiny:1" sh='echo at last')
    printf 'status 2 GET /blobs/ 429:TOOMANYREQUESTS\n' >proxy.faults
    work "$id"
    same 'at last' "$(cat "$(files "$id")"/attempt-1/stdout)"
    [ "$(grep -c '^GET /v2/lab/tiny/blobs/' proxy.log)" -ge 3 ]
}

@test "a registry that breaks off, or answers with something else, is told apart" {
    push lab/tiny:1
    proxy "status 9 GET /manifests/ 500:INTERNAL"
    refused "$host/lab/tiny:1" "cannot be reached"
    refused "$host/lab/tiny:signature" "cannot be reached"
    refused "$host/lab/tiny:denied" "cannot be reached"
    echo '{"schemaVersion": 2, "manifests": []}' >answer
    printf 'give 9 GET /manifests/ %s/answer\n' "$PWD" >proxy.faults
    refused "$host/lab/tiny" "the registry $host answers for $digest with sha256:" digest="$digest"
    echo 'this is no manifest' >answer
    refused "$host/lab/tiny:1" ""
    printf 'flip 9 GET %s -\n' "/blobs/$(layer)" >proxy.faults
    id=$(submit image="$host/lab/tiny:1" sh=true)
    fails "$id" "$host/lab/tiny is corrupt in its registry: "
}

@test "what a registry says in its own words is for the account's own tasks" {
    require sqlite3
    mkdir -p "$EXECDM_CONFIG"
    printf 'execdm: 1\npolicy: {private-addresses: true}\n' >"$EXECDM_CONFIG/execdm.yaml"
    push lab/tiny:1
    file=$(blob "$(layer)")
    printf '\377' | dd of="$file" bs=1 seek=100000 conv=notrunc status=none
    for owner in "$(id -un)" somebody; do
        id=$(submit image="$host/lab/tiny:1" sh=true)
        sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET owner = '$owner' WHERE id = '$id'"
        fails "$id" "$host/lab/tiny is corrupt in its registry"
        job "$id" .error.message
    done >told
    has "$(head -n 1 told)" "$host/lab/tiny is corrupt in its registry: "
    same "$host/lab/tiny is corrupt in its registry" "$(tail -n 1 told)"
}

@test "a pull that was interrupted leaves nothing: the worker killed, the job aborted" {
    push lab/tiny:1
    id=$(submit image="$host/lab/tiny:1" sh='echo here')
    kill -STOP "$(cat registry.pid)" # it takes connections, and says nothing
    execdm-run "$id" >run.out 2>run.err 3>&- &
    pid=$!
    pulling() { [ -n "$(ls "$EXECDM_STATE/images/tmp" 2>/dev/null)" ]; }
    wait_until 20 pulling
    kill -9 "$pid"
    wait "$pid" || true
    gone() { ! pgrep -f "skopeo.*$host" >/dev/null; }
    wait_until 20 gone
    kill -CONT "$(cat registry.pid)"
    work "$id"
    same here "$(cat "$(files "$id")"/attempt-1/stdout)"
    same "" "$(ls -A "$EXECDM_STATE/images/tmp")"
    rm -rf "$EXECDM_STATE/images"
    id=$(submit image="$host/lab/tiny:1" sh='echo here')
    kill -STOP "$(cat registry.pid)"
    execdm-run "$id" >run.out 2>run.err 3>&- &
    pid=$!
    wait_until 20 pulling
    execdm-phase "$id" abort >/dev/null
    wait "$pid" || true
    is "$id" ABORTED
    nothing_left
    kill -CONT "$(cat registry.pid)"
}

@test "PRD-17: approved registries and bases of a registry; execdm-offer --image says what would be refused" {
    push base/tiny:1
    cp -r "$tiny" one
    mkdir more
    umoci --log=error insert --rootless --image one:latest more /more
    skopeo copy --quiet --dest-tls-verify=false oci:one:latest "docker://$host/lab/one:1"
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    printf 'name: localhost\ndriver: local\nexecutables:\n  - {type: "%s", registries: ["%s"], bases: ["%s"]}\n' \
        https://www.purl.org/ivoa.net/executable-types/oci-container "$host" "$host/base/tiny:1" >"$EXECDM_CONFIG/platforms.d/localhost.yaml"
    id=$(submit image="$host/lab/one:1" sh='ls -d /more')
    work "$id"
    is "$id" COMPLETED
    run -0 execdm-offer --image="$host/lab/one:1"
    same "YES $(jq -r '.manifests[0].digest' one/index.json)" "$(jq -r '"\(.result) \(.digest)"' <<<"$output")"
    run -1 execdm-offer --image="$host/lab/none:1"
    has "$output" "the registry $host has no image lab/none"
    run -1 execdm-offer --image="127.0.0.2:${host#*:}/lab/one:1"
    has "$output" "images of 127.0.0.2:${host#*:} are not run here"
    sed -i "s,base/tiny:1,lab/one:1," "$EXECDM_CONFIG/platforms.d/localhost.yaml"
    run -1 execdm-offer --image="$host/base/tiny:1"
    has "$output" "is built on none of the bases that are approved here"
}

@test "PRD-17: a tag that is approved approves no other digest" {
    push lab/tiny:1.0
    umoci_other
    other=$(jq -r '.manifests[0].digest' other/index.json)
    skopeo copy --quiet --dest-tls-verify=false oci:other:latest "docker://$host/lab/tiny:2.0"
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    approve() {
        printf 'name: localhost\ndriver: local\nexecutables:\n  - {type: "%s", images: ["%s"], digest: required}\n' \
            https://www.purl.org/ivoa.net/executable-types/oci-container "$1" >"$EXECDM_CONFIG/platforms.d/localhost.yaml"
    }
    approve "$host/lab/tiny:1.0"
    id=$(submit image="$host/lab/tiny:1.0" digest="$digest" sh='echo one')
    work "$id"
    is "$id" COMPLETED
    for name in "$host/lab/tiny:1.0" "docker://$host/lab/tiny:1.0@$other"; do
        task image="$name" digest="$other" sh=true
        run -1 execdm-plan task.json
        has "$output" '"rule":"image-policy"' "the image $host/lab/tiny:1.0, which may be run here, is not the one with this digest" "$digest"
        run -1 execdm-offer --image="${name%@*}@$other"
        has "$output" "$host/lab/tiny:1.0, which may be run here, is not"
    done
    task image="$host/lab/tiny" digest="$digest" sh=true # nor is a digest alone the tag
    run -1 execdm-plan task.json
    has "$output" "is none of those that are run here"
    approve "$host/lab/tiny" # with any tag and digest
    id=$(submit image="$host/lab/tiny:1.0" digest="$other" sh='echo two')
    same "$other" "$(jq -r '.offers[0].executable.spec.digest' answer.json)"
}

@test "a hostile image of a registry is refused like one of this machine" {
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    printf 'name: localhost\ndriver: local\nexecutables:\n  - {type: "%s", maxsize: 100 MiB}\n' \
        https://www.purl.org/ivoa.net/executable-types/oci-container >"$EXECDM_CONFIG/platforms.d/localhost.yaml"
    for name in bomb lie_diff; do
        "$TOP_SRCDIR/tests/hostile-image" "$tiny" "$PWD/$name" "$name"
        skopeo copy --quiet --dest-tls-verify=false "oci:$name:latest" "docker://$host/lab/$name:1"
        id=$(submit image="$host/lab/$name:1" sh=true)
        fails "$id" "cannot unpack the image $host/lab/$name"
    done
    head -c 200M /dev/urandom >noise # larger already while it comes
    cp -r "$tiny" large
    umoci --log=error insert --rootless --image large:latest noise /noise
    skopeo copy --quiet --dest-tls-verify=false oci:large:latest "docker://$host/lab/large:1"
    id=$(submit image="$host/lab/large:1" sh=true)
    fails "$id" 'a platform allows more with maxsize'
}

@test "two jobs of one image fetch it once" {
    push lab/tiny:1
    proxy
    one=$(submit image="$host/lab/tiny:1" sh='echo 1')
    two=$(submit image="$host/lab/tiny:1" sh='echo 2')
    : >proxy.log
    execdm-run --all >run.out 2>run.err || execdm-run "$one" "$two" >run.out 2>run.err
    is "$one" COMPLETED
    is "$two" COMPLETED
    same 1 "$(grep -c "^GET /v2/lab/tiny/blobs/$(layer)" proxy.log)"
}
