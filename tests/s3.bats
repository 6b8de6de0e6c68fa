#!/usr/bin/env bats
# execdm-stage and S3, against a real radosgw, which checks every signature. What it cannot do wrong a proxy does.
# bats file_tags=real

bats_require_minimum_version 1.5.0
load helper

setup_file() {
    require radosgw ceph-mon ceph-osd curl /usr/bin/python3
    "$TOP_SRCDIR/tests/radosgw" start "$BATS_FILE_TMPDIR/s3"
}

teardown_file() {
    "$TOP_SRCDIR/tests/radosgw" stop "$BATS_FILE_TMPDIR/s3"
}

setup() {
    private_state
    unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY all_proxy "${!AWS_@}"
    export no_proxy=127.0.0.1,localhost
    umask 022
    cd "$BATS_TEST_TMPDIR" || return 1
    port=$(cat "$BATS_FILE_TMPDIR/s3/port")
    service=http://127.0.0.1:$port
    export AWS_ACCESS_KEY_ID=AKEXECDMTEST AWS_SECRET_ACCESS_KEY=sEcret/+of/me AWS_ENDPOINT_URL=$service
    bucket=test-$BATS_TEST_NUMBER
    ask PUT "/$bucket"
}

teardown() {
    local pid
    for pid in $(cat "$BATS_TEST_TMPDIR"/*.pid 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
}

# ask METHOD PATH [CURL-ARGUMENT...]: straight to the service, by another program
ask() {
    local empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 method=$1 path=$2
    shift 2
    curl -sSf --path-as-is -X "$method" --aws-sigv4 aws:amz:us-east-1:s3 --user AKEXECDMTEST:sEcret/+of/me \
        -H "x-amz-content-sha256: $empty" "$@" "$service$path"
}

# proxy [FAULT-LINE...]: starts the proxy; it is the endpoint from then on
proxy() {
    printf '%s\n' "$@" >proxy.faults
    /usr/bin/python3 "$TOP_SRCDIR/tests/s3-proxy.py" proxy "$port" >proxy.out 2>&1 3>&- &
    echo $! >proxy.pid
    wait_until 20 test -e proxy
    front=http://127.0.0.1:$(cat proxy)
    export AWS_ENDPOINT_URL=$front
}

has() { # TEXT in $output
    [[ $output == *"$1"* ]] || {
        printf 'expected: %s\nfound: %s\n' "$1" "$output" >&2
        return 1
    }
}

sum() { # FILE
    sha256sum <"$1" | sed 's/^/sha256:/; s/ .*//'
}

noise() { # BYTES
    head -c "$1" /dev/urandom
}

# line DIRECTION SOURCE DEST [MORE]
line() {
    printf '{"id":"i","direction":"%s","source":"%s","dest":"%s"%s}\n' "$1" "$2" "$3" "${4:+,$4}"
}

no_uploads() { # no parts of an upload are left behind
    ! ask GET "/$bucket?uploads=" | grep -q '<UploadId>'
}

@test "put, check and get: the same bytes, their size and checksum" {
    noise 100000 >a
    run -0 execdm-stage a "s3://$bucket/dir/a"
    [ "$output" = "{\"source\":\"file://$PWD/a\",\"dest\":\"s3://$bucket/dir/a\",\"bytes\":100000,\"checksum\":\"$(sum a)\",\"files\":1}" ]
    ask GET "/$bucket/dir/a" | cmp - a
    run -0 execdm-stage --check "s3://$bucket/dir/a"
    [ "$output" = "{\"source\":\"s3://$bucket/dir/a\",\"type\":\"file\",\"bytes\":100000}" ]
    execdm-stage "--checksum=$(sum a)" "s3://$bucket/dir/a" b
    cmp a b
    execdm-stage a "s3://$bucket/"
    execdm-stage a "s3://$bucket"
    execdm-stage "s3://$bucket/a" .
    : >empty
    execdm-stage empty "s3://$bucket/empty"
    execdm-stage "s3://$bucket/empty" nothing
    [ -e nothing ] && [ ! -s nothing ]
    run -66 execdm-stage "s3://$bucket/none" c
    has 'has no such file'
    run -66 execdm-stage s3://no-such-bucket/none c
    has 'has no such bucket'
    [ ! -e c ]
}

@test "parts: what is larger than one goes in several, and comes back whole" {
    noise 20000000 >a
    proxy
    execdm-stage a "s3://$bucket/a"
    [ "$(grep -c '^PUT .*partNumber=' proxy.log)" = 3 ]
    execdm-stage "--checksum=$(sum a)" "s3://$bucket/a" b
    cmp a b
    no_uploads
}

@test "parts: when one fails for good the upload is aborted, and nothing is there" {
    noise 20000000 >a
    proxy 'status 99 PUT partNumber=2 403:AccessDenied'
    run -77 execdm-stage a "s3://$bucket/a"
    has AccessDenied
    grep -q '^DELETE .*uploadId=' proxy.log
    no_uploads
    run -66 execdm-stage --check "s3://$bucket/a"
}

@test "parts: one that fails in passing is sent again, the others are not" {
    noise 20000000 >a
    proxy 'status 2 PUT partNumber=2 503:SlowDown'
    execdm-stage a "s3://$bucket/a"
    [ "$(grep -c '^PUT .*partNumber=' proxy.log)" = 5 ]
    ask GET "/$bucket/a" | cmp - a
}

@test "parts: an answer of 200 that says it failed is no success" {
    noise 9000000 >a
    printf '<?xml version="1.0"?><Error><Code>InternalError</Code></Error>' >no
    proxy "give 99 POST uploadId= $PWD/no"
    line push "file://$PWD/a" "s3://$bucket/a" '"type":"file"' >manifest
    run -75 timeout 100 execdm-stage --jobs=1 - <manifest
    has InternalError
    no_uploads
}

@test "parts: a signal that ends us aborts the upload first" {
    noise 20000000 >a
    proxy 'status 99 PUT partNumber=2 503:SlowDown'
    second_part() { grep -q '^PUT .*partNumber=2' proxy.log 2>/dev/null; }
    execdm-stage a "s3://$bucket/a" 3>&- &
    local pid=$! code=0
    wait_until 20 second_part
    kill -TERM "$pid"
    wait "$pid" || code=$?
    [ "$code" = 143 ]
    grep -q '^DELETE .*uploadId=' proxy.log
    no_uploads
}

@test "a whole bucket and a prefix as directories, in both directions, in pages" {
    mkdir -p in/d/e
    for i in $(seq 1005); do echo "$i" >"in/d/$i"; done
    echo x >in/d/e/x
    echo top >in/top
    execdm-stage in "s3://$bucket"
    proxy
    run -0 execdm-stage "s3://$bucket" out
    has '"files":1007'
    diff -r in out
    [ "$(grep -c '^GET .*list-type=2&max-keys=1000' proxy.log)" = 2 ]
    grep -q '^GET .*?continuation-token=.*list-type=2' proxy.log
    # what a console makes for a directory without files
    ask PUT "/$bucket/hollow/" -d ''
    execdm-stage "s3://$bucket" with
    [ -d with/hollow ]
    mkdir in/hollow
    execdm-stage "s3://$bucket/d/e" e
    diff -r in/d/e e
    execdm-stage "s3://$bucket/d/e/" e2
    diff -r in/d/e e2
    run -0 execdm-stage --check "s3://$bucket/d"
    has '"type":"directory"'
    # what is there already and equal is not moved again
    : >proxy.log
    echo other >out/d/7
    run -0 execdm-stage "s3://$bucket" out
    diff -r in out
    [ "$(grep -c "^GET /$bucket/[a-z]" proxy.log)" = 1 ]
}

@test "odd keys keep their names" {
    mkdir -p 'in/sp ace/ünï'
    local name
    for name in 'a+b' 'c%41' 'd&e=f?g#h' '~tilde' "quote'\"" 'star*(!)' '日本' $'ctl\x01x' ';,@:$'; do
        echo "$name" >"in/sp ace/ünï/$name"
    done
    execdm-stage in "s3://$bucket/odd+%25"
    ask GET "/$bucket/odd%2B%25/sp%20ace/%C3%BCn%C3%AF/d%26e%3Df%3Fg%23h" | cmp - 'in/sp ace/ünï/d&e=f?g#h'
    execdm-stage "s3://$bucket/odd+%25" out
    diff -r in out
    execdm-stage "s3://$bucket/odd+%25/sp ace/ünï/a+b" .
    cmp a+b 'in/sp ace/ünï/a+b'
    # a key may begin with a slash, and have two of them, when it is named itself
    execdm-stage a+b "s3://$bucket//lead//two"
    ask GET "/$bucket//lead//two" | cmp - a+b
    execdm-stage "s3://$bucket//lead//two" two
    cmp two a+b
    run -1 execdm-stage "s3://$bucket/a?b" x
    has '%3F'
}

@test "keys that would leave the directory are refused" {
    echo evil >a
    mkdir safe
    execdm-stage a "s3://$bucket/p/%2E%2E/%2E%2E/evil"
    ask GET "/$bucket/p/../../evil" | cmp - a
    run -1 execdm-stage "s3://$bucket/p" safe/out
    has 'which cannot be a name below a directory'
    [ ! -e evil ] && [ ! -e safe/evil ]
    execdm-stage a "s3://$bucket/q//abs"
    run -1 execdm-stage "s3://$bucket/q" safe/out
    has 'which cannot be a name below a directory'
    execdm-stage a "s3://$bucket/r/ok"
    local document='<ListBucketResult><Contents><Key>other/x</Key><Size>5</Size></Contents><IsTruncated>false</IsTruncated></ListBucketResult>'
    printf '%s' "$document" >listing
    proxy "give 9 GET prefix=r%2F $PWD/listing"
    run -1 execdm-stage "s3://$bucket/r" safe/out
    has 'that is not in it'
}

@test "denied: a wrong secret, an unknown key, another's bucket; without a second try" {
    echo x >a
    execdm-stage a "s3://$bucket/a"
    proxy
    AWS_SECRET_ACCESS_KEY=wrong run -77 execdm-stage "s3://$bucket/a" b
    has 'the secret key is wrong'
    [ "$(wc -l <proxy.log)" -le 2 ] # HEAD says no, GET says why
    AWS_ACCESS_KEY_ID=AKNOBODY run -77 execdm-stage "s3://$bucket/a" b
    has 'does not know the access key'
    AWS_ACCESS_KEY_ID=AKEXECDMOTHER AWS_SECRET_ACCESS_KEY=other+s3cret run -77 execdm-stage "s3://$bucket/a" b
    has AccessDenied
    AWS_SECRET_ACCESS_KEY=wrong run -77 execdm-stage a "s3://$bucket/c"
    AWS_SECRET_ACCESS_KEY=wrong run -77 execdm-stage --check "s3://$bucket"
    AWS_SECRET_ACCESS_KEY='' run -77 execdm-stage --check "s3://$bucket"
    has 'half of an S3 credential'
    line check "s3://$bucket/a" "" '"mode":"r"' | sed 's/"dest":"",//' >manifest
    AWS_SECRET_ACCESS_KEY=wrong run -1 execdm-stage <manifest
    has '"reason":"denied","transient":false'
    [ ! -e b ]
}

@test "a clock that is wrong is told as such, with the server's" {
    require faketime
    echo x >a
    execdm-stage a "s3://$bucket/a"
    run -77 faketime -f -1h execdm-stage "s3://$bucket/a" b
    has "set this machine's clock, there it is "
    has "$(date -u '+%a, %d %b %Y %H:')"
    has RequestTimeTooSkewed
    run -77 faketime -f +1h execdm-stage a "s3://$bucket/b"
    has RequestTimeTooSkewed
}

@test "both styles of URLs, by the endpoint or by a template, and one beside the environment's" {
    echo x >a
    AWS_ENDPOINT_URL="http://{bucket}.localhost:$port" execdm-stage a "s3://$bucket/a"
    AWS_ENDPOINT_URL="http://{bucket}.localhost:$port/{object}" execdm-stage "s3://$bucket/a" b
    AWS_ENDPOINT_URL="$service/{bucket}/{object}" execdm-stage "s3://$bucket/a" c
    cmp a b && cmp a c
    AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_ENDPOINT_URL_S3=$service/ execdm-stage "s3://$bucket/a" d
    cmp a d
    execdm-stage "s3://$bucket/a?endpoint=$service" e
    cmp a e
    AWS_ENDPOINT_URL=nonsense run -1 execdm-stage "s3://$bucket/a" f
    has 'expected the URL of an S3 service'
}

@test "a public bucket needs no credential, and none is sent to a host it is not for" {
    echo x >a
    ask PUT "/$bucket-public" -H 'x-amz-acl: public-read'
    execdm-stage a "s3://$bucket-public/a"
    ask PUT "/$bucket-public/a?acl=" -H 'x-amz-acl: public-read' -d ''
    proxy
    (
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        execdm-stage "s3://$bucket-public/a" b
        execdm-stage "s3://$bucket-public" all
        [ -e all/a ]
    )
    run -1 grep -q ' signed$' proxy.log
    AWS_ENDPOINT_URL=$service execdm-stage "s3://$bucket-public/a?endpoint=$front" c
    run -1 grep -q ' signed$' proxy.log
    AWS_ENDPOINT_URL=$service run -77 execdm-stage "s3://$bucket/a?endpoint=$front" d
    has 'no credential was sent'
    run -1 grep -q AKEXECDMTEST proxy.headers
}

@test "redirects: to the bucket's own host and region, signed anew; to no other" {
    echo x >a
    execdm-stage a "s3://$bucket/a"
    proxy
    local here
    here=$(cat proxy)
    export AWS_ENDPOINT_URL=http://localhost:$here
    printf 'moved 1 PUT /%s/b %s.localhost:%s\n' "$bucket" "$bucket" "$here" >proxy.faults
    execdm-stage a "s3://$bucket/b"
    grep -q '^PUT /b signed' proxy.log
    ask GET "/$bucket/b" | cmp - a
    printf 'status 1 PUT us-east-1 400:AuthorizationHeaderMalformed:<Region>eu-test-1</Region>\n' >proxy.faults
    execdm-stage a "s3://$bucket/c"
    grep -q '/eu-test-1/s3/aws4_request' proxy.headers
    ask GET "/$bucket/c" | cmp - a
    printf 'to 9 HEAD - http://s3.localhost:%s\n' "$here" >proxy.faults
    run -1 execdm-stage "s3://$bucket/a" e
    printf 'to 9 HEAD - http://127.0.0.1:%s\n' "$here" >proxy.faults
    : >proxy.headers
    run -77 execdm-stage "s3://$bucket/a" e
    has 'which is no host of the same service'
    run -1 grep -q 'Host: 127' proxy.headers
    [ ! -e e ]
}

@test "no credential over http: but to this machine" {
    echo x >a
    export AWS_ENDPOINT_URL=http://s3.example.org
    run -77 execdm-stage a s3://bucket/a
    has 'a credential is not used over http:'
}

@test "people: profiles of the shared files, session tokens, regions" {
    echo x >a
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL
    mkdir -p "$HOME/.aws"
    cat >"$HOME/.aws/credentials" <<END
[default]
aws_access_key_id=AKNOBODY
aws_secret_access_key = no
[mine]
# a comment
aws_access_key_id = AKEXECDMTEST
aws_secret_access_key = sEcret/+of/me
END
    cat >"$HOME/.aws/config" <<END
[profile mine]
region = eu-mine-1
s3 =
  endpoint_url = http://127.0.0.1:1
endpoint_url = $service
END
    AWS_PROFILE=mine execdm-stage a "s3://$bucket/a"
    ask GET "/$bucket/a" | cmp - a
    AWS_ENDPOINT_URL=$service run -77 execdm-stage a "s3://$bucket/b"
    has 'does not know the access key'
    AWS_PROFILE=none run -77 execdm-stage a "s3://$bucket/b"
    has 'has no [none]'
    mv "$HOME/.aws/credentials" elsewhere
    AWS_SHARED_CREDENTIALS_FILE=elsewhere AWS_PROFILE=mine execdm-stage "s3://$bucket/a" b
    cmp a b
    proxy
    export AWS_SHARED_CREDENTIALS_FILE=elsewhere AWS_PROFILE=mine
    AWS_SESSION_TOKEN=t0ken AWS_ACCESS_KEY_ID=AKEXECDMTEST AWS_SECRET_ACCESS_KEY=sEcret/+of/me \
        run execdm-stage "s3://$bucket/a" c
    grep -q 'x-amz-security-token: t0ken' proxy.headers
    grep -q '/eu-mine-1/s3' proxy.headers
    AWS_DEFAULT_REGION=x-1 AWS_REGION=y-2 execdm-stage "s3://$bucket/a" d
    grep -q '/y-2/s3' proxy.headers
}

@test "the worker: a credential by descriptor, for its host only" {
    echo x >a
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    printf '{"host":"127.0.0.1:%s","access_key_id":"AKEXECDMTEST","secret_access_key":"sEcret/+of/me"}' "$port" >secret
    line push "file://$PWD/a" "s3://$bucket/a?endpoint=$service" '"credential":7,"type":"file"' >manifest
    line pull "s3://$bucket/a?endpoint=$service" "file://$PWD/b" '"credential":7' >>manifest
    sed -i '2s/"i"/"j"/' manifest
    run -0 execdm-stage 7<secret <<<"$(head -n 1 manifest)"
    run -0 execdm-stage 7<secret <<<"$(tail -n 1 manifest)"
    has '"state":"done"'
    cmp a b
    sed 's/127.0.0.1/127.0.0.2/' secret >other
    run -1 execdm-stage 7<other <manifest
    has '"reason":"denied"'
    run -65 execdm-stage 7<manifest <manifest
    run -65 execdm-stage <manifest
}

@test "faults: broken off, it is resumed; changed meanwhile, begun anew; flipped bits are seen" {
    noise 3000000 >a
    execdm-stage a "s3://$bucket/a"
    proxy "cut 1 GET /$bucket/a"
    execdm-stage "s3://$bucket/a" b
    cmp a b
    grep -q 'Range: bytes=1[0-9]*-' proxy.headers
    printf '%s\n' "cut 1 GET /$bucket/a " "etag 1 GET If-Range" >proxy.faults
    execdm-stage "s3://$bucket/a" c
    cmp a c
    printf '%s\n' "flip 99 GET /$bucket/a" >proxy.faults
    run -75 timeout 100 execdm-stage "s3://$bucket/a" d
    has 'which the server tells'
    [ ! -e d ]
    printf '%s\n' "etag 99 PUT /$bucket/e" >proxy.faults
    run -75 timeout 100 execdm-stage a "s3://$bucket/e"
    has 'stored other bytes than were sent'
    printf '%s\n' "header 99 GET /$bucket/a x-amz-checksum-sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" >proxy.faults
    run -75 timeout 100 execdm-stage "s3://$bucket/a" f
    has 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    printf '%s\n' "status 2 GET /$bucket/a 503:SlowDown" >proxy.faults
    execdm-stage "s3://$bucket/a" g
    cmp a g
}

@test "a bucket can be checked for writing, and nothing is made by that" {
    execdm-stage --check "file://$PWD" "s3://$bucket/new" || true
    echo x >a
    execdm-stage --check a "s3://$bucket/new"
    execdm-stage --check a "s3://$bucket"
    run -66 execdm-stage --check a s3://no-such-bucket/
    AWS_ACCESS_KEY_ID=AKEXECDMOTHER AWS_SECRET_ACCESS_KEY=other+s3cret run -77 execdm-stage --check a "s3://$bucket/new"
    no_uploads
    run -0 execdm-stage "s3://$bucket" all
    has '"files":0'
}

@test "the secret is in no message, no process's arguments, and no request" {
    noise 20000000 >a
    proxy
    execdm-stage -v a "s3://$bucket/a" >out 2>err 3>&- &
    local pid=$! seen=0
    while kill -0 "$pid" 2>/dev/null; do
        if tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -q sEcret; then seen=1; fi
    done
    wait "$pid"
    [ "$seen" = 0 ]
    AWS_ENDPOINT_URL=http://127.0.0.1:1 execdm-stage -v --log=json a "s3://$bucket/a" >>out 2>>err || true
    run -1 grep -r 'sEcret' out err proxy.log proxy.headers
}

@test "the commands of the manual's section on S3 work" {
    mkdir sky catalogue
    echo 'NGC 4395' >catalogue/stars
    echo field >field.fits
    ask PUT /sky -d '' || true
    execdm-stage field.fits s3://sky/field.fits
    sed -n '/^\.Ss S3/,/^\.S[hs]/s/^\.Dl \$ //p' "$TOP_SRCDIR/man/execdm-stage.1" |
        sed -e 's/\\(dq/"/g' -e 's/\\-/-/g' -e "s#https://s3.example.org#$service#" >examples
    [ "$(grep -c . examples)" -ge 5 ]
    rm -r sky field.fits
    run -0 bash -eux examples
    [ "$(cat field.fits)" = field ]
    diff catalogue copy
}

@test "a job reads a bucket and stores its results in another" {
    require bwrap umoci jq
    if [ "$(id -u)" -eq 0 ]; then getent passwd execdm-job >/dev/null || skip "root needs the account execdm-job"; fi
    mkdir sky
    echo 1 >sky/one
    echo 2 >sky/two
    execdm-stage sky "s3://$bucket"
    echo 3 >three
    execdm-stage three "s3://$bucket/three"
    cat >p.py <<'END'
import os
total = sum(int(open("/inputs/sky/" + n).read()) for n in os.listdir("/inputs/sky"))
open("/outputs/all/total", "w").write("%d\n" % total)
open("/outputs/sum", "w").write("%d\n" % (total + int(open("/inputs/three").read())))
END
    cat >t.yaml <<END
name: sums
executable:
  type: https://www.purl.org/ivoa.net/executable-types/python-program
  spec: {program: p.py}
resources:
  compute:
    - volumes:
        - {resource: sky, path: /inputs/sky, mode: r}
        - {resource: three, path: /inputs/three, mode: r}
        - {resource: all, path: /outputs/all, mode: rw}
        - {resource: sum, path: /outputs/sum, mode: rw}
  storage:
    - {name: sky, type: https://www.purl.org/ivoa.net/storage-types/amazon-s3, spec: {endpoint: "$service", bucket: $bucket}}
    - {name: three, type: https://www.purl.org/ivoa.net/storage-types/amazon-s3, spec: {endpoint: "$service", bucket: $bucket, object: three}}
    - {name: all, type: https://www.purl.org/ivoa.net/storage-types/amazon-s3, spec: {endpoint: "$service", bucket: $bucket, object: results/}}
    - {name: sum, type: https://www.purl.org/ivoa.net/storage-types/amazon-s3, spec: {endpoint: "$service", template: "$service/{bucket}/{object}", bucket: $bucket, object: results/sum}}
END
    # the worker's programs get no keys by the environment
    run -1 execdm-plan <t.yaml
    has 'no credential was sent'
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    mkdir "$HOME/.aws"
    printf '[default]\naws_access_key_id=AKEXECDMTEST\naws_secret_access_key=sEcret/+of/me\n' >"$HOME/.aws/credentials"
    rm -f "$EXECDM_STATE/locations.json"
    execdm-validate t.yaml | execdm-plan >answer.json
    jq -e '.result == "YES"' answer.json || { cat answer.json; false; }
    execdm-accept <answer.json | execdm-run >ran.json
    execdm-status <ran.json >job.json
    jq -e '.phase == "COMPLETED"' job.json || { cat job.json; false; }
    [ "$(ask GET "/$bucket/results/total")" = 6 ]
    [ "$(ask GET "/$bucket/results/sum")" = 9 ]
    run -1 grep -q sEcret answer.json ran.json job.json
}

# place DIRECTION URL CODE [MORE]: a line about a place of a job
place() {
    run "-$3" execdm-stage - <<<'{"id":"i","direction":"'"$1"'","dest":"'"$2"'"'"${4:+,$4}"'}'
}

@test "the place of a job: a bucket, a prefix, an object; made once, removed with all in it, and nothing beside it" {
    place make "s3://$bucket" 1
    has '"reason":"exists"'
    place make "s3://$bucket-own" 0
    place make "s3://$bucket-own" 1
    has '"reason":"exists"'
    mkdir many
    for i in $(seq 1 1100); do echo "$i" >"many/f $i"; done
    execdm-stage --jobs=16 many "s3://$bucket-own/many/" >/dev/null
    place remove "s3://$bucket-own" 0
    place remove "s3://$bucket-own" 0
    run -22 ask GET "/$bucket-own"
    place make "s3://$bucket/run" 0 '"type":"directory"'
    echo 1 >one
    for key in run/one run/deep/one runner one; do execdm-stage one "s3://$bucket/$key"; done
    place make "s3://$bucket/run/" 1
    has '"reason":"exists"'
    place remove "s3://$bucket/run" 0 '"type":"directory"'
    ask GET "/$bucket?list-type=2" >keys
    [ "$(grep -o '<Key>[^<]*' keys | xargs)" = '<Key>one <Key>runner' ]
    place make "s3://$bucket/one" 1 '"type":"file"'
    has '"reason":"exists"'
    place make "s3://$bucket/two" 0 '"type":"file"'
    place remove "s3://$bucket/one" 0 '"type":"file"'
    place remove "s3://$bucket/two" 0 '"type":"file"'
    ask GET "/$bucket?list-type=2" >keys
    [ "$(grep -o '<Key>[^<]*' keys | xargs)" = '<Key>runner' ]
    place make "s3://$bucket-none/run/" 1
    has '"reason":"notfound"'
}

@test "a managed bucket and a managed prefix are made for a job and deleted after it, with what lies beside left alone" {
    local type=https://www.purl.org/ivoa.net/storage-types/amazon-s3
    require bwrap umoci jq sqlite3
    if [ "$(id -u)" -eq 0 ]; then getent passwd execdm-job >/dev/null || skip "root needs the account execdm-job"; fi
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    mkdir "$HOME/.aws"
    printf '[default]\naws_access_key_id=AKEXECDMTEST\naws_secret_access_key=sEcret/+of/me\n' >"$HOME/.aws/credentials"
    ask PUT "/$bucket/runs-of-others/a" -H "Content-Length: 0"
    printf 'import os\nfor d in "/own", "/runs":\n    open(d + "/a", "w").write("1\\n")\n' >p.py
    cat >t.yaml <<END
executable: {type: https://www.purl.org/ivoa.net/executable-types/python-program, spec: {program: p.py}}
resources:
  compute: [{volumes: [{resource: own, path: /own, mode: rw}, {resource: runs, path: /runs, mode: rw}]}]
  storage:
    - {name: own, type: $type, spec: {endpoint: "$service", bucket: $bucket-job, lifecycle: managed, maxlifetime: 1D}}
    - {name: runs, type: $type, spec: {endpoint: "$service", bucket: $bucket, object: runs/, lifecycle: managed, maxlifetime: 1D}}
END
    execdm-plan t.yaml >answer.json || { cat answer.json; false; }
    run -22 ask GET "/$bucket-job"
    execdm-accept <answer.json | execdm-run >ran.json || { cat ran.json; false; }
    [ "$(ask GET "/$bucket-job/a")$(ask GET "/$bucket/runs/a")" = 11 ]
    execdm-run --once
    ask GET "/$bucket-job/a"
    # a signature of another day is refused, so it is not the clock that is moved here
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE storage SET due=due-90000000"
    execdm-run --once
    run -22 ask GET "/$bucket-job"
    ask GET "/$bucket?list-type=2" >keys
    [ "$(grep -o '<Key>[^<]*' keys | xargs)" = '<Key>runs-of-others/a' ]
    [ "$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT count(*) FROM storage')" = 0 ]
}

@test "without an endpoint it is Amazon's, by region, the bucket in the host's name where it fits" {
    unset AWS_ENDPOINT_URL
    export https_proxy=http://127.0.0.1:1 # nothing leaves this machine
    run -75 execdm-stage --check s3://sky-data/a
    has 'https://sky-data.s3.us-east-1.amazonaws.com/a'
    AWS_REGION=eu-west-1 run -75 execdm-stage --check s3://sky.data/a
    has 'https://s3.eu-west-1.amazonaws.com/sky.data/a'
}
