#!/usr/bin/env bats
# execdm-stage: data in, results out. Servers are ours (http-server.py), on free ports of the loopback.

bats_require_minimum_version 1.5.0
load helper
load stage

@test "a file by relative paths: same bytes, the checksum of sha256sum" {
    some_bytes 3000000 >in/a
    chmod 6755 in/a
    run -0 execdm-stage in/a out/b
    cmp in/a out/b
    [ "$output" = "{\"source\":\"$(url in/a)\",\"dest\":\"$(url out/b)\",\"bytes\":$(stat -c %s in/a),\"checksum\":\"$(sum in/a)\",\"files\":1}" ]
    [ "$(stat -c %a out/b)" = 755 ]
    holds out b
}

@test "DEST is a directory, or ends in a slash: the last name is kept" {
    echo 1 >in/a
    execdm-stage in/a out
    execdm-stage in/a new/dir/
    execdm-stage "$(url in/a)" "$(url out/c%20d)"
    holds out a 'c d'
    holds new dir dir/a
}

@test "an empty file, and a file that is replaced whole" {
    : >in/a
    echo old >out/a
    run -0 execdm-stage in/a out/a
    has '"bytes":0,"checksum":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"'
    [ ! -s out/a ]
}

@test "the wrong checksum leaves nothing; the right one, md5 too, passes" {
    echo 1 >in/a
    run -1 execdm-stage "--checksum=$(sum /dev/null)" in/a out/a
    has "does not have the checksum"
    holds out
    execdm-stage "--checksum=$(sum in/a | tr a-f A-F | sed 's/SHA/sha/; s/^[^:]*/sha256/')" in/a out/a
    execdm-stage "--checksum=md5:$(md5sum <in/a | sed 's/ .*//')" in/a out/b
    holds out a b
    run -64 execdm-stage --checksum=sha256:12 in/a out/c
}

@test "what is there already and right is not moved again" {
    echo 1 >in/a
    execdm-stage in/a out/a
    local before
    before=$(stat -c %i out/a)
    run -0 execdm-stage "--checksum=$(sum in/a)" in/a out/a
    [ "$(stat -c %i out/a)" = "$before" ]
    has '"bytes":2,'
    echo 2 >out/a
    execdm-stage "--checksum=$(sum in/a)" in/a out/a
    cmp in/a out/a
}

@test "a directory with odd names, its loops ended" {
    mkdir -p "in/d/e f" in/empty
    printf 1 >"in/d/e f/"$'new\nline\x01'
    printf 2 >"in/%41?#"
    printf 3 >in/$'\xff'
    ln -s .. in/d/up
    ln -s ../in/d/up in/round
    ln -s 'd/e f' in/link
    run -0 execdm-stage in out
    [ "$(cat "out/d/e f/"$'new\nline\x01')" = 1 ]
    [ "$(cat "out/%41?#")" = 2 ]
    [ "$(cat out/$'\xff')" = 3 ]
    [ "$(cat "out/link/"$'new\nline\x01')" = 1 ]
    [ -d out/empty ]
    has 'loop; skipped'
    run -0 ask push "$(url in)" "$(url out2)"
    has '"name":"d/e f/new\nline\u0001","location":"'"$(url out2/d/e%20f/new%0Aline%01)"'"'
    has $'"name":"\xef\xbf\xbd","location":"'"$(url out2/%FF)"'"'
}

@test "a directory into itself, a file onto itself: refused" {
    echo 1 >in/a
    run -1 execdm-stage in in/b
    has "lies inside"
    run -1 execdm-stage in/a in/a
    has "same file"
    [ "$(cat in/a)" = 1 ]
}

@test "no such file is 66, of a manifest 1; a directory is no file" {
    run -66 execdm-stage in/none out/a
    run -1 ask pull "$(url in/none)" "$(url out/a)"
    has '"state":"failed","error":{"reason":"notfound","transient":false,'
    run -1 ask pull "$(url in)" "$(url out/a)" '"type":"file"'
    has '"reason":"invalid"'
    run -69 execdm-stage gopher://x/y out/a
    run -1 ask pull "gopher://x/y" "$(url out/a)"
    has '"reason":"unsupported"'
    holds out
}

@test "pull: private, x kept, to the name itself" {
    echo 1 >in/a
    chmod 755 in/a
    mkdir in/d
    echo 2 >in/d/b
    chmod 644 in/d/b
    run -0 ask pull "$(url in/a)" "$(url new/place)" "\"size\":2,\"checksum\":\"$(sum in/a)\""
    [ "${lines[0]}" = '{"id":"i","event":"file","name":"a","location":"'"$(url new/place)"'","size":2,"checksum":"'"$(sum in/a)"'"}' ]
    [ "${lines[1]}" = '{"id":"i","state":"done","type":"file","bytes":2,"files":1,"checksum":"'"$(sum in/a)"'"}' ]
    [ "$(stat -c %a new/place)" = 700 ]
    run -0 ask pull "$(url in)" "$(url out/tree)" '"type":"directory"'
    [ "$(stat -c %a out/tree out/tree/d out/tree/d/b | tr '\n' ' ')" = "700 700 600 " ]
    has '"state":"done","type":"directory","bytes":4,"files":2}'
    run -1 ask pull "$(url in/a)" "$(url out/b)" '"size":3'
    has '"reason":"corrupt","transient":false'
    run -1 ask pull "$(url in/a)" "$(url out/b)" '"most":1'
    has '"reason":"invalid","transient":false' 'is too large: at most 1 bytes of it are taken'
    run -0 ask pull "$(url in/a)" "$(url in/b)" '"most":2'
    holds out tree tree/a tree/d tree/d/b
}

@test "push: links that lead out, fifos and setuid bits do not get through" {
    echo secret >secret
    echo 1 >in/a
    chmod 7755 in/a
    mkdir in/d
    ln -s ../secret in/out
    ln -s "$BATS_TEST_TMPDIR/secret" in/out-too
    ln -s ../../../../../../../../etc/passwd in/d/up
    ln -s ../a in/d/inside
    ln -s nowhere in/dangling
    ln -s d in/directory
    ln -s /proc/self/root/etc in/magic
    mkfifo in/fifo
    run -0 ask push "$(url in)" "$(url out)"
    holds out a d d/inside
    cmp in/a out/d/inside
    [ "$(stat -c %a out/a)" = 755 ]
    local name
    for name in out out-too d/up dangling directory magic fifo; do
        has "{\"id\":\"i\",\"event\":\"warning\",\"name\":\"$name\",\"text\":\""
    done
    has '"name":"out","text":"is a symbolic link that leads outside; skipped"'
    has '"name":"fifo","text":"is a fifo; skipped"'
    has '"state":"done","type":"directory","bytes":4,"files":2}'
}

@test "push of one file: below a directory, onto a file, or as told; never through a link" {
    echo 1 >in/a
    ask push "$(url in/a)" "$(url out/new)"
    ask push "$(url in/a)" "$(url out/plain)" '"type":"file"'
    echo old >out/old
    ask push "$(url in/a)" "$(url out/old)"
    holds out new new/a plain old
    cmp in/a out/old
    echo secret >secret
    ln -s ../secret in/link
    run -1 ask push "$(url in/link)" "$(url out/x)"
    has '"state":"failed"'
    holds out new new/a plain old
}

@test "check: says what would be, writes nothing" {
    echo 1 >in/a
    run -0 ask check "$(url in/a)" "$(url out/a)" '"mode":"r"'
    [ "$output" = '{"id":"i","state":"done","type":"file","bytes":2,"files":0}' ]
    run -0 execdm-stage <<<'{"id":"i","direction":"check","mode":"rw","source":"'"$(url out/x/y)"'"}'
    [ "$output" = '{"id":"i","state":"done","bytes":null,"files":0}' ]
    run -1 ask check "$(url in/none)" "$(url out/a)" '"mode":"r"'
    run -1 ask check "$(url in/a)" "$(url in/a/b)" '"mode":"rw"'
    run -0 execdm-stage --check in/a
    [ "$output" = "{\"source\":\"$(url in/a)\",\"type\":\"file\",\"bytes\":2}" ]
    run -66 execdm-stage --check in/none
    holds out
}

# bats test_tags=user
@test "not allowed is said so" {
    echo 1 >in/a
    chmod 0 in/a
    run -77 execdm-stage in/a out/a
    run -1 ask pull "$(url in/a)" "$(url out/a)"
    has '"reason":"denied"'
    echo 1 >in/b
    chmod 500 out
    run -1 ask check "$(url in/b)" "$(url out)" '"mode":"rw"'
    has '"reason":"denied"'
}

@test "no room: said so, nothing left, the next one works" {
    some_bytes 3000000 >in/big
    echo 1 >in/small
    # a limit on the size of files stands for a full disk, for everybody
    run -1 bash -c 'ulimit -f 1000; execdm-stage' <<EOT
{"id":"big","direction":"pull","source":"$(url in/big)","dest":"$(url out/big)"}
{"id":"small","direction":"pull","source":"$(url in/small)","dest":"$(url out/small)"}
EOT
    has '"id":"big","state":"failed","error":{"reason":"noroom","transient":false,'
    has '"id":"small","state":"done"'
    holds out small
    run -74 bash -c 'ulimit -f 1000; execdm-stage in/big out/big'
    holds out small
}

# bats test_tags=root
@test "a full disk" {
    if ! unshare -m true 2>/dev/null; then
        [ "${EXECDM_REQUIRE_ALL-}" != 1 ]
        skip "may not mount"
    fi
    some_bytes 3000000 >in/big
    # shellcheck disable=SC2016
    run -74 unshare -m bash -c 'mount -t tmpfs -o size=1m none out && { execdm-stage in/big out/big; code=$?; ls -A out; exit $code; }'
    has "No space left"
    [[ $output != *execdm-* || $output == *"execdm-stage: error"* ]]
    [ "$(grep -c . <<<"$output")" = 1 ]
}

@test "standard output closed or full: 74" {
    echo 1 >in/a
    run -74 bash -c 'execdm-stage in/a out/a >&-'
    run -74 bash -c "printf '%s\n' '{\"id\":\"1\",\"direction\":\"pull\",\"source\":\"$(url in/a)\",\"dest\":\"$(url out/b)\"}' | execdm-stage >/dev/full"
}

@test "a broken manifest: 65, the line is named, nothing is moved" {
    echo 1 >in/a
    local good
    good="{\"id\":\"1\",\"direction\":\"pull\",\"source\":\"$(url in/a)\",\"dest\":\"$(url out/b)\"}"
    local bad
    for bad in '{"id":"2",' '{"id":"2"}' '[]' '{"id":"2","direction":"up","source":"file:///a","dest":"file:///b"}' \
        '{"id":"2","direction":"pull","source":"file:///a","dest":"file:///b","checksum":"sha256:xyz"}' \
        '{"id":"2","direction":"pull","source":"file:///a","dest":"file:///b","cheksum":"sha256:xyz"}' \
        '{"id":"2","direction":"pull","source":"file:///a","dest":"file:///b","size":-1}' \
        '{"id":"2","direction":"pull","source":"file:///a","dest":"file:///b","most":0}'; do
        run -65 execdm-stage <<<"$good"$'\n'"$bad"
        has '<stdin>:2:'
        [ "${#lines[@]}" = 1 ]
        holds out
    done
    run -65 execdm-stage <<<"$good"$'\n'"${good/out\/b/out\/c}"
    has '<stdin>:2:2: error: the id "1" is that of a line before; expected one of its own'
    holds out
    run -65 execdm-stage </dev/null
    run -64 execdm-stage in/a
    run -64 execdm-stage in/a out/a out/b
    run -64 execdm-stage --nonsense in/a out/a
}

@test "a file that changes while it is copied is not taken" {
    head -c 100000000 /dev/zero >in/a
    bash -c 'while echo more; do :; done' >>in/a 3>&- &
    echo $! >grow.pid
    # shellcheck disable=SC2016
    wait_until 20 eval '[ "$(stat -c %s in/a)" -gt 100000000 ]'
    run -75 execdm-stage in/a out/a
    has "changed while it was copied"
    run -75 ask pull "$(url in/a)" "$(url out/a)"
    has '"reason":"corrupt","transient":true'
    holds out
}

@test "http: GET and PUT, byte for byte, and a directory put below" {
    with_http
    serve
    some_bytes 3000000 >in/a
    mkdir "in/d e"
    echo 2 >"in/d e/%b"
    run -0 execdm-stage in/a "$web/x/a?key=k3y"
    cmp in/a www/x/a
    [[ $output != *k3y* ]]
    run -0 execdm-stage "--checksum=$(sum in/a)" "$web/x/a" out/
    cmp in/a out/a
    has "\"dest\":\"$(url out/a)\",\"bytes\":$(stat -c %s in/a),"
    run -0 ask push "$(url in)" "$web/up"
    cmp "in/d e/%b" "www/up/d e/%b"
    has "\"location\":\"$web/up/d%20e/%25b\""
    run -0 ask push "$(url in/a)" "$web/new/"
    cmp in/a www/new/a
    : >in/empty
    execdm-stage in/empty "$web/empty"
    [ -f www/empty ]
    execdm-stage "$web/empty" out/empty
    execdm-stage "$web/x/a" "$web/x/copy"
    cmp in/a www/x/copy
    execdm-stage "$web/chunked/x/a" "$web/x/chunks"
    cmp in/a www/x/chunks
}

@test "http: a body cut short is corrupt, transient, and leaves nothing" {
    with_http
    serve
    some_bytes 300000 >www/a
    run -75 ask pull "$web/short/a" "$(url out/a)"
    has '"reason":"corrupt","transient":true'
    run -75 execdm-stage "$web/short/a" out/a
    holds out
}

@test "http: 404, 403 and other refusals" {
    with_http
    serve
    run -1 ask pull "$web/none" "$(url out/a)"
    has '"reason":"notfound","transient":false'
    run -66 execdm-stage "$web/none" out/a
    run -1 ask pull "$web/status/403" "$(url out/a)"
    has '"reason":"denied"'
    run -1 ask pull "$web/status/410" "$(url out/a)"
    has '"reason":"notfound"'
    run -1 ask push "$(url server.pid)" "$web/status/507"
    has '"reason":"noroom"'
    holds out
}

@test "http: 503 twice, then it works" {
    with_http
    serve
    echo 1 >www/a
    run -0 execdm-stage "$web/flaky/2/a" out/a
    cmp www/a out/a
    [ "$(grep -c "GET /flaky" port.log)" = 3 ]
    run -0 execdm-stage out/a "$web/flaky/1/b"
    cmp out/a www/b
}

@test "http: nobody there is transient" {
    with_http
    # a port that was free a moment ago
    local port
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    run -75 execdm-stage --check "http://127.0.0.1:$port/a"
    run -75 execdm-stage <<<'{"id":"c","direction":"check","source":"http://127.0.0.1:'"$port"'/a"}'
    has '"reason":"unreachable","transient":true'
}

@test "http: redirects are followed, but not to file:, and not for ever" {
    with_http
    serve
    echo 1 >www/a
    execdm-stage "$web/redirect/a" out/a
    cmp www/a out/a
    run -1 ask pull "$web/to-file" "$(url out/b)"
    has '"reason":"invalid","transient":false'
    run -1 ask pull "$web/forever" "$(url out/b)"
    has '"transient":false'
    holds out a
}

@test "http: what was put is verified" {
    with_http
    serve
    echo 12345 >in/a
    run -75 ask push "$(url in/a)" "$web/lossy/a"
    has '"reason":"corrupt","transient":true'
    run -0 ask push "$(url in/a)" "$web/blind/b"
    has '"event":"warning"'
    has 'not verified'
    run -0 ask push "$(url in/a)" "$web/chunked/c"
    has 'gives no length'
}

@test "http: a wrong checksum is noticed before the last byte is sent" {
    with_http
    serve
    some_bytes 300000 >in/a
    run -1 execdm-stage "--checksum=$(sum /dev/null)" in/a "$web/a"
    has "does not have the checksum"
    [ ! -e www/a ] || [ "$(stat -c %s www/a)" -lt 300000 ]
}

@test "http: --check by HEAD, or by the first byte" {
    with_http
    serve
    echo 1 >www/a
    run -0 execdm-stage --check "$web/a"
    [ "$output" = "{\"source\":\"$web/a\",\"type\":\"file\",\"bytes\":2}" ]
    run -0 execdm-stage --check "$web/headless/a"
    has '"bytes":2}'
    run -66 execdm-stage --check "$web/none"
    run -0 execdm-stage <<<'{"id":"c","direction":"check","mode":"rw","dest":"'"$web/up"'"}'
    run -1 execdm-stage <<<'{"id":"c","direction":"check","mode":"rw","dest":"'"$web/readonly/up"'"}'
    has '"reason":"denied"'
    run ! grep -q PUT port.log
}

@test "http: user and password are used, and never shown" {
    with_http
    serve
    echo 1 >www/a
    local secret=${web/127/me:s3cret@127}
    run -0 execdm-stage -v "$secret/auth/a" out/a
    [[ $output != *s3cret* ]]
    run -66 execdm-stage -v "$secret/auth/none?token=s3cret" out/b
    [[ $output != *s3cret* ]]
    run -0 ask push "$(url out/a)" "$secret/auth/b?token=s3cret"
    [[ $output != *s3cret* ]]
    cmp out/a www/b
    run -1 ask pull "${web/127/me:wr0ng@127}/auth/a" "$(url out/b)"
    has '"reason":"denied"'
    [[ $output != *wr0ng* ]]
}

@test "unpack: tar.gz and zip, from a file and from a server" {
    with_archive
    mkdir -p in/d/e
    echo 1 >in/d/e/a
    echo 2 >in/d/$'\xc3\xa9'
    chmod 755 in/d/e/a
    ln -s e/a in/d/link
    ln in/d/e/a in/d/hard
    tar -C in -czf t.tgz ./d
    run -0 ask pull "$(url t.tgz)" "$(url out/t)" "\"unpack\":true,\"checksum\":\"$(sum t.tgz)\",\"size\":$(stat -c %s t.tgz)"
    has '"state":"done","type":"directory","bytes":'"$(stat -c %s t.tgz)"',"files":3}'
    diff -r in out/t
    [ "$(stat -c %a out/t out/t/d/e/a | tr '\n' ' ')" = "700 700 " ]
    [ "$(readlink out/t/d/link)" = e/a ]
    /usr/bin/python3 -c 'import zipfile; z = zipfile.ZipFile("t.zip", "w"); z.write("in/d/e/a", "x/a")'
    ask pull "$(url t.zip)" "$(url out/z)" '"unpack":true'
    cmp in/d/e/a out/z/x/a
    with_http
    serve
    cp t.tgz www
    ask pull "$web/t.tgz" "$(url out/w)" '"unpack":true'
    diff -r in out/w
    run -75 ask pull "$web/short/t.tgz" "$(url out/v)" '"unpack":true'
    has '"reason":"corrupt","transient":true'
    [ ! -e out/v ]
    [ -z "$(find out -name ".*.execdm-*")" ]
}

@test "unpack: a wrong checksum, no archive, a full place: nothing is left" {
    with_archive
    echo 1 >in/a
    tar -C in -cf t.tar a
    run -1 ask pull "$(url t.tar)" "$(url out/t)" "\"unpack\":true,\"checksum\":\"$(sum /dev/null)\""
    has '"reason":"corrupt"'
    run -1 ask pull "$(url in/a)" "$(url out/t)" '"unpack":true'
    has '"reason":"invalid"'
    head -c 700 t.tar >short.tar
    run -1 ask pull "$(url short.tar)" "$(url out/t)" '"unpack":true'
    holds out
    some_bytes 3000000 >in/big
    tar -C in -czf big.tgz big
    run -1 bash -c "ulimit -f 1000; echo '{\"id\":\"1\",\"direction\":\"pull\",\"unpack\":true,\"source\":\"$(url big.tgz)\",\"dest\":\"$(url out/t)\"}' | execdm-stage"
    has '"reason":"noroom"'
    holds out
    mkdir out/t
    echo mine >out/t/mine
    run -1 ask pull "$(url t.tar)" "$(url out/t)" '"unpack":true'
    holds out t t/mine
}

@test "unpack: hostile archives leave nothing, inside or outside" {
    with_archive
    require /usr/bin/python3
    /usr/bin/python3 - "$BATS_TEST_TMPDIR/evil" <<'EOT'
import io, sys, tarfile
evil = sys.argv[1]
def entry(name, kind=tarfile.REGTYPE, link=""):
    t = tarfile.TarInfo(name)
    t.type, t.linkname, t.size = kind, link, 4 if kind == tarfile.REGTYPE else 0
    return t
cases = {
    "climb": [entry("../evil")],
    "inner": [entry("a/../../evil")],
    "absolute": [entry(evil)],
    "link": [entry("l", tarfile.SYMTYPE, "../.."), entry("l/evil")],
    "abslink": [entry("l", tarfile.SYMTYPE, "/etc/passwd")],
    "twolinks": [entry("d/l", tarfile.SYMTYPE, ".."), entry("x", tarfile.SYMTYPE, "d/l/../..")],
    "hard": [entry("h", tarfile.LNKTYPE, "../../secret")],
    "abshard": [entry("h", tarfile.LNKTYPE, "/etc/passwd")],
    "device": [entry("null", tarfile.CHRTYPE)],
    "fifo": [entry("pipe", tarfile.FIFOTYPE)],
    "loop": [entry("l", tarfile.SYMTYPE, "l")],
}
for name, entries in cases.items():
    with tarfile.open(name + ".tar", "w") as tar:
        for e in [entry("first")] + entries:
            tar.addfile(e, io.BytesIO(b"evil") if e.isreg() else None)
EOT
    echo secret >secret
    local archive
    for archive in *.tar; do
        run -1 ask pull "$(url "$archive")" "$(url out/t)" '"unpack":true'
        has '"reason":"invalid","transient":false'
        has 'nothing was unpacked'
        holds out
        [ ! -e evil ]
    done
}

@test "SIGTERM midway: ends by it, no temporary is left" {
    with_http
    serve
    some_bytes 3000000 >www/a
    ask_slow() {
        printf '{"id":"i","direction":"pull","source":"%s","dest":"%s"}\n' "$web/slow/a" "$(url out/a)"
        printf '{"id":"j","direction":"pull","source":"%s","dest":"%s"}\n' "$(url www/a)" "$(url out/b)"
    }
    ask_slow >manifest
    execdm-stage --jobs=1 - <manifest >said 2>&1 3>&- &
    local pid=$! code=0
    echo $pid >stage.pid
    wait_until 20 eval 'compgen -G "out/.a.execdm-*" >/dev/null'
    kill -TERM $pid
    wait $pid || code=$?
    rm stage.pid
    [ $code = 143 ]
    holds out
    run ! grep -q state said
}

@test "SIGTERM while unpacking: no temporary is left" {
    with_http
    with_archive
    serve
    some_bytes 3000000 >in/a
    tar -C in -cf www/t.tar a
    printf '{"id":"i","direction":"pull","unpack":true,"source":"%s","dest":"%s"}\n' "$web/slow/t.tar" "$(url out/t)" >manifest
    execdm-stage <manifest >said 2>&1 3>&- &
    local pid=$! code=0
    echo $pid >stage.pid
    wait_until 20 eval 'compgen -G "out/.t.execdm-*/a" >/dev/null'
    kill -TERM $pid
    wait $pid || code=$?
    rm stage.pid
    [ $code = 143 ]
    holds out
}

@test "whoever listens goes away: it stops, no temporary is left" {
    with_http
    serve
    some_bytes 3000000 >www/a
    printf '{"id":"i","direction":"pull","source":"%s","dest":"%s"}\n' "$web/a" "$(url out/a)" >manifest
    mkfifo pipe
    exec 8<>pipe 9>pipe 8<&- # a pipe whose reader is gone
    run -74 bash -c 'execdm-stage <manifest >&9'
    exec 9>&-
    [ -z "$(find out -name '.*')" ]
}

# bats test_tags=real
@test "WebDAV by Apache: collections made when they are missed, a tree there and back, also with odd names" {
    with_http
    require curl
    serve_dav
    mkdir -p "in/d e/f/g" in/empty
    some_bytes 300000 >in/a
    echo 1 >"in/d e/%41?#&<b>"
    echo 2 >"in/d e/f/g/"$'\xc3\xa9'
    (cd "in/d e" && seq -f 'n %g' 1 300 | xargs -d '\n' touch)
    run -0 execdm-stage in/a "${dav}not/there/yet/a"
    cmp in/a www/dav/not/there/yet/a
    run -0 ask push "$(url in)" "${dav}tree"
    cmp "in/d e/%41?#&<b>" "www/dav/tree/d e/%41?#&<b>"
    has '"files":303}'
    case $(execdm-stage "${dav}tree/" out/tree 2>&1) in
    *"without libxml2"*) skip "built without libxml2" ;;
    esac
    rmdir in/empty # a server has what was put there, and nothing was
    diff -r in out/tree
    run -0 ask pull "${dav}tree/" "$(url out/again)" '"type":"directory"'
    diff -r in out/again
    run -0 execdm-stage --check "${dav}tree/"
    has '"type":"directory"'
    run -66 execdm-stage "${dav}none/" out/none
}

# place DIRECTION URL CODE [MORE]: a line about a place of a job
place() {
    run "-$3" execdm-stage - <<<'{"id":"i","direction":"'"$1"'","dest":"'"$2"'"'"${4:+,$4}"'}'
}

@test "the place of a job is made once, and removed with all in it: directories here" {
    place make "$(url out/a/run)" 0
    [ "$output" = '{"id":"i","state":"done","type":"directory","bytes":0,"files":0}' ]
    holds out a a/run
    place make "$(url out/a/run/)" 1
    has '"reason":"exists"'
    mkdir -p out/a/run/x/y in/kept
    ln -s "$PWD/in/kept" out/a/run/link
    echo 1 | tee in/kept/1 out/a/run/x/y/1 >out/a/run/1
    chmod a-w out/a/run/x/y
    place remove "$(url out/a/run)" 0
    place remove "$(url out/a/run)" 0
    holds out a
    holds in kept kept/1
    place make "$(url out/one)" 0 '"type":"file"'
    [ ! -e out/one ]
    echo 1 >out/one
    place make "$(url out/one)" 1 '"type":"file"'
    has '"reason":"exists"'
    place make "$(url out/one)" 1
    has '"reason":"exists"'
    place make "$(url out/one/below)" 1
    place remove "$(url out/one)" 0 '"type":"file"'
    [ ! -e out/one ]
    place remove file:/// 1
    place make job:x 1
    has '"reason":"unsupported"'
}

# bats test_tags=real
@test "WebDAV: a directory, and its files asked for ahead beside it: each comes by its own process" {
    with_http
    serve_dav
    mkdir www/dav/d
    local i
    {
        printf '{"id":"d","direction":"pull","source":"%s","dest":"%s"}\n' "${dav}d/" "$(url out/d)"
        for i in {1..150}; do
            echo "$i" >"www/dav/d/$i"
            printf '{"id":"%s","direction":"pull","source":"%s","dest":"%s"}\n' "$i" "${dav}d/$i" "$(url "out/$i")"
        done
    } >manifest
    run -0 timeout 60 execdm-stage --jobs=1 <manifest
    [ "$(grep -c '"state":"done"' <<<"$output")" = 151 ]
    diff -r www/dav/d out/d
    for i in {1..150}; do cmp "www/dav/d/$i" "out/$i"; done
}

# bats test_tags=real
@test "the place of a job is made once, and removed with all in it: collections of WebDAV" {
    with_http
    serve_dav
    serve
    place make "${dav}run/one" 0
    [ -d www/dav/run/one ]
    place make "${dav}run/one/" 1
    has '"reason":"exists"'
    echo x >in/x
    execdm-stage in/x "${dav}run/one/deep/x"
    place remove "${dav}run/one" 0
    place remove "${dav}run/one" 0
    [ ! -e www/dav/run/one ] && [ -d www/dav/run ]
    place make "${dav}run/f" 0 '"type":"file"'
    execdm-stage in/x "${dav}run/f"
    place make "${dav}run/f" 1 '"type":"file"'
    has '"reason":"exists"'
    place remove "${dav}run/f" 0 '"type":"file"'
    [ ! -e www/dav/run/f ]
    place remove "${dav%dav/}" 1
    has 'is the root of a server'
    place make "$web/status/405/" 1 # no WebDAV
    has '"reason":"unsupported"'
}

@test "WebDAV: no password is in what is said of a place that is none" {
    with_http
    local login=http://me:s3cret@127.0.0.1
    place make "$login/" 1
    has "http://127.0.0.1/ is the root of a server"
    [[ $output != *s3cret* ]]
    place remove "$login//" 1
    has "http://127.0.0.1// is the root of a server"
    [[ $output != *s3cret* ]]
    serve
    place make "${web/127/me:s3cret@127}/one" 1
    has "$web/one/ has no directory that could be made"
    [[ $output != *s3cret* ]]
}

@test "a directory of a server that lists none: said so" {
    with_http
    serve
    run -69 execdm-stage "$web/status/405/" out/d
    has "name a file"
}

@test "the commands of the manual's examples work" {
    with_http
    with_archive
    serve
    sed -n '/^\.Sh EXAMPLES/,$s/^\.Dl \$ //p' "$TOP_SRCDIR/man/execdm-stage.1" |
        sed -e 's/\\(dq/"/g' -e 's/\\-/-/g' -e "s#http://127.0.0.1:8000#$web#" >examples
    [ "$(grep -c . examples)" -ge 6 ]
    run -0 bash -eux examples
    [ "$(cat back.txt archive/2026/star.txt copy/2026/star.txt unpacked/archive/2026/star.txt | uniq)" = "NGC 4395" ]
}
