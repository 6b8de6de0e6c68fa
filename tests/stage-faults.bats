#!/usr/bin/env bats
# execdm-stage where servers die, lie and change their minds: every row of the table in execdm-stage(1).

bats_require_minimum_version 1.5.0
load helper
load stage

# fetch FAULT [OPTION...]: www/a by way of a fault to out/a; both forms of asking end alike.
fetch() {
    local fault=$1
    shift
    execdm-stage "$@" "$faults/$fault/a" out/a
}

ranges() { # how often a part was asked for
    grep -c ' bytes=' faults.log || true
}

@test "a server that dies at every 10 % of a file: the parts make the whole" {
    with_http
    some_bytes 1000003 >www/a
    serve_faults
    run -0 fetch dies=10 "--checksum=$(sum www/a)"
    cmp www/a out/a
    [ "$(ranges)" -ge 9 ]
    holds out a
    run -0 ask pull "$faults/dies=10/a?again" "$(url out/b)" "\"checksum\":\"$(sum www/a)\""
    cmp www/a out/b
}

@test "200 to a range, no sign of a version, another version, another part: begun anew, never put together" {
    with_http
    some_bytes 300007 >www/a
    serve_faults
    local fault
    for fault in norange noetag wrongpart; do
        run -0 fetch $fault
        cmp www/a out/a
        rm out/a
    done
    /usr/bin/python3 -c 'open("turned", "wb").write(bytes(255 - b for b in open("www/a", "rb").read()))'
    for fault in changes changes206; do
        run -0 fetch $fault
        cmp turned out/a
        rm out/a
    done
    holds out
    # one that never comes further than half is given up, in bounded time
    run -75 fetch norange=always
    holds out
    [ "$(grep -c 'norange=always' faults.log)" -le 10 ]
}

@test "more bytes than promised are cut off, fewer are an error; a part unasked for is none of it" {
    with_http
    some_bytes 30007 >www/a
    serve_faults
    run -0 fetch more
    cmp www/a out/a
    rm out/a
    run -75 fetch fewer
    has "bytes"
    run -1 fetch unasked
    has "gives a part of the file"
    run -1 ask pull "$faults/plain/a" "$(url out/a)" '"size":30000'
    has '"reason":"corrupt","transient":false'
    holds out
}

@test "gzip though identity was asked for: undone; a name that says so itself is left alone" {
    with_http
    some_bytes 30007 >www/a
    cp www/a www/b.gz
    serve_faults
    run -0 fetch gzip
    cmp www/a out/a
    execdm-stage "$faults/gzip/b.gz" out/b.gz
    gzip -dc out/b.gz | cmp www/b.gz
}

@test "503 and 429 with Retry-After, as seconds and as a date: waited for, within bounds" {
    with_http
    echo 1 >www/a
    serve_faults
    local start=$SECONDS
    run -0 fetch busy=503,2
    [ $((SECONDS - start)) -ge 2 ]
    run -0 fetch busy=429,1
    start=$SECONDS
    run -0 fetch date=3
    [ $((SECONDS - start)) -ge 2 ]
    start=$SECONDS
    run -75 fetch later=3600
    has "asks to come again in 3600 s"
    [ $((SECONDS - start)) -le 5 ]
    [ "$(grep -c later faults.log)" = 1 ]
    run -75 fetch lock
    rm out/a
    holds out
}

@test "redirects: not to file:, not from https: to http:, no loop, and no password to another host" {
    with_http
    echo 1 >www/a
    serve_faults
    run -1 execdm-stage "$faults/to=file:///etc/passwd" out/a
    has "not allowed"
    run -69 execdm-stage "$faults/loop/a" out/a
    has "redirects"
    [ "$(grep -c loop faults.log)" -le 12 ]
    holds out
    local login=${faults/127/me:s3cret@127}
    run -0 execdm-stage "$login/login/a" out/a
    grep -q "GET /login/a - Basic" faults.log
    run -0 execdm-stage "$login/to=$other/plain/a" out/a
    grep -q "GET /to=.* - Basic" faults.log
    grep -q "GET /plain/a - -" faults.log
    run -77 execdm-stage "$login/to=$other/login/a" out/b
    [[ $output != *s3cret* ]]
    run -77 execdm-stage "http://me:s3cret@192.0.2.1/a" out/b
    has "not sent over http:"
    [[ $output != *s3cret* ]]
    # a name that only looks like this machine's is another's
    local host
    for host in 127.0.0.1.invalid 127.invalid lo local localhost.invalid localhostx '[::1].invalid' x.localhost; do
        run -77 execdm-stage "http://me:s3cret@$host:1/a" out/b
        has "not sent over http:"
    done
    run -77 execdm-stage "http://127.0.0.1:s3cret@192.0.2.1/a" out/b
    has "not sent over http:"
    export AWS_ACCESS_KEY_ID=AK AWS_SECRET_ACCESS_KEY=s3cret
    for host in 127.0.0.1.invalid lo local localhost.invalid; do
        AWS_ENDPOINT_URL=http://$host:1 run -77 execdm-stage s3://bucket/a out/b
        has "not used over http:"
    done
    for host in 127.0.0.2 localhost LOCALHOST; do
        run -0 execdm-stage "http://me:s3cret@$host:${faults##*:}/login/a" out/a
    done
    holds out a
}

certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 2>/dev/null
}

@test "a certificate nobody knows is refused, with what to do; SSL_CERT_FILE makes it known; https: stays https:" {
    with_http
    require openssl
    unset SSL_CERT_FILE CURL_CA_BUNDLE
    certificate
    some_bytes 3000 >www/a
    serve_faults cert.pem key.pem
    run -69 fetch plain
    has "SSL_CERT_FILE"
    run -1 ask pull "$faults/plain/a" "$(url out/a)"
    has '"reason":"unreachable","transient":false'
    holds out
    export SSL_CERT_FILE=$PWD/cert.pem
    run -0 fetch plain
    cmp www/a out/a
    run -1 execdm-stage "$faults/to=http://127.0.0.1:1/a" out/b
    has "from https: only to https:"
    # the name on it is another's
    run -69 execdm-stage "${faults/127.0.0.1/localhost}/plain/a" out/b
    export SSL_CERT_FILE=$PWD/none.pem
    run -69 fetch plain
    has "see SSL_CERT_FILE"
    holds out a
}

@test "a byte a second, and none at all: given up after 20 seconds" {
    with_http
    some_bytes 3000 >www/a
    serve_faults
    local start=$SECONDS
    run -75 fetch loris
    has "hardly a byte"
    [ $((SECONDS - start)) -le 35 ]
    holds out
}

@test "--resume: what came stays after a break and is continued, also after Ctrl-C; never two versions in one" {
    with_http
    some_bytes 3000017 >www/a
    serve_faults
    local option pid code
    for option in -v --resume; do # a server that says no more, and Ctrl-C
        code=0
        env --default-signal=INT execdm-stage $option "$faults/stalls/a" out/a 3>&- &
        pid=$!
        echo $pid >stage.pid
        # shellcheck disable=SC2016
        wait_until 20 eval '[ "$(cat out/.a.execdm-* 2>/dev/null | wc -c)" -ge 1000000 ]'
        kill -INT $pid
        wait $pid || code=$?
        rm stage.pid
        [ $code = 130 ]
        if [ "$option" = -v ]; then holds out; else holds out .a.execdm-part .a.execdm-part.of; fi
    done
    # five deaths at the same place end a run
    run -75 fetch stuck --resume
    [ -e out/.a.execdm-part ]
    [ "$(stat -c %s out/.a.execdm-part)" -ge 1000000 ]
    # the next run goes on there
    touch faults.unstuck
    run -0 fetch stuck --resume "--checksum=$(sum www/a)"
    cmp www/a out/a
    holds out a
    tail -1 faults.log | grep -q 'bytes=1'
    # another version meanwhile: begun anew
    rm out/a faults.unstuck
    run -75 fetch stuck --resume
    some_bytes 2500019 >www/a
    touch faults.unstuck
    run -0 fetch stuck --resume
    cmp www/a out/a
    holds out a
}

@test "no --resume: a run that is given up leaves nothing" {
    with_http
    some_bytes 300017 >www/a
    serve_faults
    run -75 fetch stuck
    holds out
}

@test "--resume of a local file that is larger now begins anew" {
    some_bytes 3000000 >in/a
    printf half >out/.b.execdm-part
    echo nonsense >out/.b.execdm-part.of
    run -0 execdm-stage --resume in/a out/b
    cmp in/a out/b
    holds out b
}

@test "chunked and empty answers, and a length nobody told" {
    with_http
    some_bytes 300017 >www/a
    : >www/empty
    serve
    run -0 execdm-stage "$web/chunked/a" out/a
    cmp www/a out/a
    run -0 execdm-stage "$web/chunked/empty" out/empty
    [ ! -s out/empty ]
}

@test "four checksums, taken in the same pass" {
    require /usr/bin/python3
    some_bytes 3000017 >in/a
    local adler
    adler=$(/usr/bin/python3 -c 'import zlib; print("%08x" % zlib.adler32(open("in/a", "rb").read()))')
    run -0 execdm-stage "--checksum=adler32:$adler" in/a out/a
    run -1 execdm-stage "--checksum=adler32:00000001" in/a out/b
    has "does not have the checksum"
    printf 123456789 >in/nine
    run -0 execdm-stage --checksum=crc32c:E3069283 in/nine out/nine
    run -1 execdm-stage --checksum=crc32c:e3069284 in/nine out/b
    run -64 execdm-stage --checksum=crc32c:e306928 in/nine out/b
    run -64 execdm-stage --checksum=crc32:e3069283 in/nine out/b
    holds out a nine
}

@test "a file beyond 4 GiB, with holes, stays one with holes, in little memory" {
    truncate -s 4295000000 in/a
    printf end >>in/a
    local most=4000000
    if sanitized; then most=unlimited; fi
    run -0 /usr/bin/env bash -c "ulimit -v $most; exec execdm-stage in/a out/a"
    [ "$(stat -c %s out/a)" = 4295000003 ]
    [ "$(stat -c %b out/a)" -lt 100000 ]
    [ "$(tail -c 3 out/a)" = end ]
}

@test "memory stays under 32 MiB, whatever the size" {
    with_http
    require /usr/bin/time
    head -c 100000000 /dev/zero >www/a
    serve
    run -0 /usr/bin/time -f %M -o peak execdm-stage "$web/a" out/a
    sanitized || [ "$(cat peak)" -lt 32768 ]
}

@test "many files of a directory, with odd names, side by side; --jobs is a number" {
    mkdir in/d
    (cd in/d && seq -f 'file %g' 1 "${EXECDM_TEST_MANY:-10000}" | xargs -d '\n' touch)
    printf 1 >in/d/$'new\nline\t\x01\x7f'
    printf 2 >in/d/$'\xff\xfe'
    run -0 execdm-stage --jobs=3 in/d out/d
    diff -r in/d out/d
    has "\"files\":$((${EXECDM_TEST_MANY:-10000} + 2))"
    [[ $output != *$'\x01'* ]]
    run -64 execdm-stage --jobs=0 in/d out/e
    run -64 execdm-stage --jobs=many in/d out/e
    [ ! -e out/e ]
}

@test "a manifest side by side: each has its answer, what fails takes nobody along" {
    with_http
    some_bytes 30000 >www/a
    serve
    local i
    for i in {1..60}; do
        printf '{"id":"%s","direction":"pull","source":"%s","dest":"%s"}\n' "$i" "$web/a" "$(url "out/$i")"
        printf '{"id":"x%s","direction":"pull","source":"%s","dest":"%s"}\n' "$i" "$web/none" "$(url "out/x$i")"
    done >manifest
    run -1 execdm-stage <manifest
    [ "$(grep -c '"state":"done"' <<<"$output")" = 60 ]
    [ "$(grep -c '"reason":"notfound"' <<<"$output")" = 60 ]
    for i in {1..60}; do cmp www/a "out/$i"; done
    [ -z "$(find out -name '.*')" ]
}

@test "a file system that cannot be synced: every line that went there failed, as its error is told once" {
    require strace
    mkdir out/sub
    local i
    for i in 1 2 3 sub/4; do
        echo "$i" >"in/${i#sub/}"
        printf '{"id":"%s","direction":"pull","source":"%s","dest":"%s"}\n' "$i" "$(url "in/${i#sub/}")" "$(url "out/$i")"
    done >manifest
    ASAN_OPTIONS=detect_leaks=0 run -75 strace -f -qq -o calls -e trace=syncfs -e inject=syncfs:error=EIO:when=1 execdm-stage --jobs=1 <manifest
    [ "$(grep -c 'syncfs(' calls)" = 1 ]
    [ "$(grep -c '"state":"failed"' <<<"$output")" = 4 ]
    [[ $output != *'"state":"done"'* ]]
    for i in 1 2 3 sub/4; do has "cannot sync $(url "out/$i"): Input/output error"; done
    run -0 execdm-stage --jobs=1 <manifest
}

@test "a process of it that is killed is one line that failed" {
    with_http
    some_bytes 30000 >www/a
    serve
    printf '{"id":"%s","direction":"pull","source":"%s","dest":"%s"}\n' h "$web/slow/a" "$(url out/h)" a "$web/a" "$(url out/a)" >manifest
    execdm-stage <manifest >said 2>&1 3>&- &
    local pid=$! code=0
    echo $pid >stage.pid
    wait_until 20 eval 'compgen -G "out/.h.execdm-*" >/dev/null'
    # shellcheck disable=SC2046
    kill -KILL $(cat "/proc/$pid/task/$pid/children")
    wait $pid || code=$?
    rm stage.pid
    [ $code = 75 ]
    grep -q '"id":"h","state":"failed","error":{"reason":"unreachable","transient":true' said
    grep -q '"id":"a","state":' said
}

@test "what a server answers becomes the reason, in both directions, as the manual has it; some of it is tried again" {
    with_http
    echo x >in/a
    serve
    local status reason transient rows
    rows='401 denied false
403 denied false
404 notfound false
405 unsupported false
407 denied false
408 unreachable true
409 invalid false
410 notfound false
413 noroom false
418 invalid false
423 denied true
429 unreachable true
500 unreachable true
501 unsupported false
502 unreachable true
503 unreachable true
504 unreachable true
507 noroom false
599 unreachable true'
    while read -r status reason transient; do
        printf '{"id":"get%s","direction":"pull","source":"%s","dest":"%s"}\n' "$status" "$web/status/$status" "$(url "out/$status")"
        printf '{"id":"put%s","direction":"push","source":"%s","dest":"%s","type":"file"}\n' "$status" "$(url in/a)" "$web/status/$status"
    done <<<"$rows" >manifest
    run -1 timeout 100 execdm-stage --jobs=40 <manifest
    while read -r status reason transient; do
        has '"id":"get'"$status"'","state":"failed","error":{"reason":"'"$reason"'","transient":'"$transient"
        has '"id":"put'"$status"'","state":"failed","error":{"reason":"'"$reason"'","transient":'"$transient"
        if [ "$reason" = unreachable ]; then
            [ "$(grep -c "^GET /status/$status$" port.log)" = 5 ]
        else
            grep -c "^GET /status/$status$" port.log | grep -qx 1
        fi
        if [ "$status" -lt 500 ] && [ "$reason" != invalid ]; then # and each stands in the manual
            sed -n '/^.Sh FAULTS/,/^.El/p' "$TOP_SRCDIR/man/execdm-stage.1" | grep -q "^\.It .*$status.*$reason"
        fi
    done <<<"$rows"
    holds out
    # no other is told apart
    diff <(sed -n 's/^    {\([0-9][0-9][0-9]\), REASON_.*/\1/p' "$TOP_SRCDIR/cmd/stager/web.c") \
        <(awk '$1 < 500 && $2 != "invalid" || $1 == 501 || $1 == 507 { print $1 }' <<<"$rows")
}

@test "archives that unpack without end are refused, and leave nothing" {
    with_archive
    require /usr/bin/python3
    /usr/bin/python3 - <<'END'
import gzip, io, tarfile
def header(name, size=0):
    t = tarfile.TarInfo(name)
    t.size = size
    return t.tobuf(tarfile.GNU_FORMAT)
with gzip.open("entries.tgz", "wb", 1) as f: # a million and one
    block = b"".join(header("d/%d" % n) for n in range(7)) * 143
    for _ in range(1000):
        f.write(block)
END
    run -1 timeout 100 execdm-stage <<<'{"id":"i","direction":"pull","unpack":true,"source":"'"$(url entries.tgz)"'","dest":"'"$(url out/t)"'"}'
    has '"reason":"invalid","transient":false'
    has '1000000'
    holds out
    truncate -s 2T huge # all hole
    echo x >first
    tar --sparse -czf bytes.tgz first huge
    rm huge
    run -1 timeout 100 execdm-stage <<<'{"id":"i","direction":"pull","unpack":true,"source":"'"$(url bytes.tgz)"'","dest":"'"$(url out/t)"'"}'
    has 'unpacks to more than 1 TiB; nothing was unpacked'
    holds out
}

@test "names with control characters are kept, and reach no terminal as they are" {
    with_http
    mkdir in/d
    printf 1 >in/d/$'bell\a esc\e[31m'
    mkfifo in/d/$'pipe\e]0;x\a'
    run -0 execdm-stage in/d out/d
    [ "$(cat out/d/$'bell\a esc\e[31m')" = 1 ]
    has 'skipped'
    [[ $output != *$'\e'* && $output != *$'\a'* ]]
    run -1 ask pull "$(url 'in/none%1B%5B31m%07')" "$(url out/x)"
    [[ $output != *$'\e'* && $output != *$'\a'* ]]
    serve
    run -66 execdm-stage "$web/none%1B%5B31m%07" out/x
    [[ $output != *$'\e'* && $output != *$'\a'* ]]
}

# bats test_tags=user
@test "a place that may not be written: said so, nothing left" {
    echo 1 >in/a
    chmod 500 out
    run -77 execdm-stage in/a out/a
    run -77 execdm-stage --resume in/a out/a
    has "cannot write"
    chmod 700 out
    holds out
}

@test "a bar with rate and time left on a terminal, words on it, JSON with --json" {
    require script
    echo 1 >in/a
    run -0 script -qec 'execdm-stage in/a out/a' /dev/null
    has "$(url out/a)  2 B  sha256:"
    run -0 script -qec 'execdm-stage --json in/a out/a' /dev/null
    has '"checksum"'
    with_http
    some_bytes 20000000 >www/a
    serve_faults
    run -0 script -qec "execdm-stage $faults/dies=50/a out/b" /dev/null
    has "/s, "
    has " left"
}
