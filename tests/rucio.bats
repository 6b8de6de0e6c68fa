#!/usr/bin/env bats
# Schemes of others: the contract between execdm-stage and an execdm-stage-SCHEME, and the one for Rucio that is shipped,
# with a stand-in for Rucio's client.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    mkdir -p lake/ada in out bin
    lake=$PWD/lake
    export EXECDM_RUCIO=$TOP_SRCDIR/tests/rucio EXECDM_RUCIO_LAKE=$lake EXECDM_STAGE_PATH=$PWD/bin:$TOP_SRCDIR/contrib
    export TMPDIR=$PWD/tmp
    mkdir tmp
    unset EXECDM_RUCIO_RSE
    echo LAB >lake/rses
    echo stars >lake/ada/stars.txt
    mkdir lake/ada/survey
    echo one >lake/ada/survey/1
    echo two >lake/ada/survey/2
}

# Whatever happened, nothing of ours is left behind.
clean() {
    same '' "$(find . -path ./state -prune -o -path ./bin -prune -o -name '*execdm-*' -print -o -path './tmp/*' -print)"
}

# run -N execdm-stage..., and then what is in $output
said() {
    has "$output" "$@"
    clean
}

ask() { # DIRECTION SOURCE DEST [MORE]
    printf '{"id":"i","direction":"%s","source":"%s","dest":"%s"%s}\n' "$1" "$2" "$3" "${4:+,$4}" | execdm-stage
}

# toy TEXT...: an execdm-stage-toy whose lines these are
toy() {
    printf '%s\n' '#!/bin/sh' "printf '%s\n' \"\$*\" >>$PWD/toy.log" "$@" >bin/execdm-stage-toy
    chmod +x bin/execdm-stage-toy
}

@test "a program for a scheme: how it is asked, and what it says" {
    run -69 execdm-stage toy://h/a b
    said 'there is no execdm-stage-toy for others'
    # shellcheck disable=SC2016
    toy 'case $1 in
check) echo "{\"type\":\"file\",\"size\":6}" ;;
get) echo "{\"event\":\"progress\",\"bytes\":3,\"total\":6}"; sleep 0.5; echo "{\"event\":\"progress\",\"bytes\":5,\"total\":6}"; echo "{\"event\":\"warning\",\"name\":\"n\",\"text\":\"odd\"}"
    echo noise; echo hello >"$3/whatever" ;;
put) cat "$3" >put.was ;;
esac'
    run -0 execdm-stage --check toy://h/a
    same '{"source":"toy://h/a","type":"file","bytes":6}' "$output"
    run -0 execdm-stage toy://h/a in/
    said "$(printf hello\\n | sha256sum | cut -d' ' -f1)" 'n: warning: odd'
    same hello "$(cat in/a)"
    run -0 ask pull toy://h/b "file://$PWD/in/c"
    said '"event":"progress","bytes":' '"event":"warning","name":"n"' '"state":"done","type":"file","bytes":6,"files":1'
    same hello "$(cat in/c)"
    run -0 execdm-stage in/a 'toy://h/x%20y'
    same "get toy://h/a put toy://h/x%20y" "$(cut -d' ' -f1,2 toy.log | grep -v check | sed -n '1p;$p' | paste -sd' ')"
    same 'x y' "$(sed -n 's,^put .*/,,p' toy.log)" # the file has the last name of the URL
    same hello "$(cat put.was)"
    run -0 execdm-stage --check in/a toy://h/x
    grep -qx 'check toy://h/x rw' toy.log
    run -1 execdm-stage "--checksum=md5:$(printf %032d 1)" toy://h/a in/d
    said 'does not have the checksum'
    [ ! -e in/d ]
    run -77 execdm-stage --check toy://u:p@h/a || true
}

@test "a directory comes and goes; a link out of a task's directory is not followed" {
    # shellcheck disable=SC2016
    toy 'case $1 in
get) mkdir -p "$3/d/e" && echo 1 >"$3/d/1" && echo 2 >"$3/d/e/2" ;;
put) echo "$2 $(cat "$3")" >>'"$PWD"'/stored ;;
esac'
    run -0 ask pull toy://h/dir "file://$PWD/in/dir"
    said '"type":"directory"' '"files":2'
    same '1 2' "$(cat in/dir/1 in/dir/e/2 | paste -sd' ')"
    ln -s /etc/passwd in/dir/leak
    run -0 ask push "file://$PWD/in/dir" toy://h/back '"type":"directory"'
    said 'leads outside; skipped' '"location":"toy://h/back/e/2"' '"files":2'
    same 'toy://h/back/1 1 toy://h/back/e/2 2' "$(sort stored | paste -sd' ')"
}

@test "its exit status is the reason, its last line the text; 75 is tried again" {
    local row
    for row in '1 corrupt false' '64 invalid false' '66 notfound false' '69 unsupported false' '74 noroom false' '77 denied false' \
        '70 unreachable false' '3 unreachable false'; do
        read -r code reason transient <<<"$row"
        toy 'echo first >&2' 'echo the last word >&2' "exit $code"
        run ask pull toy://h/a "file://$PWD/in/x"
        said "\"reason\":\"$reason\",\"transient\":$transient" 'the last word'
        run ask push "file://$PWD/toy.log" toy://h/a '"type":"file"'
        said "\"reason\":\"$reason\",\"transient\":$transient"
        run ask check toy://h/a '' '"mode":"r"'
        [ ! -e in/x ]
    done
    # shellcheck disable=SC2016
    toy "[ -e $PWD/once ] || { touch $PWD/once; echo busy >&2; exit 75; }" 'echo x >"$3/x"'
    : >toy.log
    run -0 ask pull toy://h/a "file://$PWD/in/x"
    same 2 "$(grep -c get toy.log)"
    clean
}

@test "what it leaves is one file or directory of its own, or it fails" {
    toy 'exit 0'
    run -1 ask pull toy://h/a "file://$PWD/in/x"
    said 'left 0 files' '"reason":"corrupt"'
    # shellcheck disable=SC2016
    toy 'touch "$3/a" "$3/b"'
    run -1 ask pull toy://h/a "file://$PWD/in/x"
    said 'left 2 files'
    # shellcheck disable=SC2016
    toy 'ln -s /etc/passwd "$3/a"'
    run -1 ask pull toy://h/a "file://$PWD/in/x"
    [ ! -e in/x ]
    clean
    # shellcheck disable=SC2016
    toy 'mkfifo "$3/a"'
    run -1 ask pull toy://h/a "file://$PWD/in/x"
    said 'is no file and no directory'
}

@test "a signal ends it, and nothing is left" {
    local pid code=0
    # shellcheck disable=SC2016
    toy 'echo half >"$3/half"' "echo \$\$ >$PWD/toy.pid" 'exec sleep 60'
    execdm-stage toy://h/a in/x 2>said 3>&- &
    pid=$!
    wait_until 20 test -s toy.pid
    kill -TERM "$pid"
    wait "$pid" || code=$?
    same 143 "$code"
    run -1 kill -0 "$(cat toy.pid)"
    rm toy.pid
    clean
}

@test "the credential of the host comes by descriptor 3; without one the tasks of others do not reach it" {
    # shellcheck disable=SC2016
    toy 'cat <&3 >'"$PWD"'/shown' 'echo x >"$3/x"'
    printf '[{"host":"other","bearer_token":"no"},{"host":"h","username":"u","password":"s3cret"}]' >keys
    run -0 ask pull toy://h/a "file://$PWD/in/x" '"credential":7' 7<keys
    same '{"host":"h","username":"u","password":"s3cret"}' "$(jq -c . shown)"
    run -0 ask pull 'toy://x/a?endpoint=https%3A//other/p' "file://$PWD/in/x" '"credential":7' 7<keys
    same no "$(jq -r .bearer_token shown)"
    # another key is none, and of two nobody knows which the program takes
    run -0 ask pull 'toy://h/a?xendpoint=https%3A//other&x=/endpoint=https%3A//other#?endpoint=https%3A//other' "file://$PWD/in/x" '"credential":7' 7<keys
    same s3cret "$(jq -r .password shown)"
    run -0 ask pull 'toy://x/a?rse=LAB&%65ndpoint=https%3A//other' "file://$PWD/in/x" '"credential":7' 7<keys
    same no "$(jq -r .bearer_token shown)"
    rm shown
    local second
    for second in endpoint=https%3A//evil '%65ndpoint=https%3A//evil' endpoint; do
        run -1 ask pull "toy://x/a?endpoint=https%3A//other&$second" "file://$PWD/in/x" '"credential":7' 7<keys
        said 'expected one ?endpoint=URL at most' '"reason":"invalid"'
        [ ! -e shown ]
    done
    run -0 ask pull toy://elsewhere/a "file://$PWD/in/x" '"credential":7' 7<keys
    same '' "$(cat shown)"
    rm shown
    run -1 ask pull toy://elsewhere/a "file://$PWD/in/x" '"credential":7,"own":false' 7<keys
    said 'no credential for elsewhere that this task may use' '"reason":"denied"'
    [ ! -e shown ]
    run -1 ask pull toy://u:s3cret@h/a "file://$PWD/in/x"
    said 'no user or password can stand in it'
    run -1 grep -r s3cret toy.log
}

@test "rucio: a file, a dataset as a directory; what it is, how large" {
    run -0 execdm-stage --check rucio://ada/stars.txt
    same '{"source":"rucio://ada/stars.txt","type":"file","bytes":6}' "$output"
    run -0 execdm-stage --check rucio://ada/survey
    same '{"source":"rucio://ada/survey","type":"directory","bytes":8}' "$output"
    run -0 execdm-stage rucio://ada/stars.txt in/
    same stars "$(cat in/stars.txt)"
    run -0 execdm-stage 'rucio://ada/survey?endpoint=https%3A//rucio.example.org' in/survey
    said '"files":2'
    diff -r lake/ada/survey in/survey
    grep -q '^-H https://rucio.example.org --auth-host https://rucio.example.org did show ada:survey$' lake/log
    mkdir lake/'Project 51'
    echo x >'lake/Project 51/a%b"c'
    run -0 execdm-stage 'rucio://Project%2051/a%25b%22c' in/odd
    same x "$(cat in/odd)"
    grep -q '^download --no-subdir --dir .* Project 51:a%b"c$' lake/log
    run -0 execdm-stage "--checksum=md5:$(md5sum <lake/ada/stars.txt | cut -d' ' -f1)" rucio://ada/stars.txt in/same
    clean
}

@test "rucio: files are put on an RSE, those of a directory into a dataset; again is no error, other content is" {
    echo result >out/r
    run -1 execdm-stage out/r rucio://ada/r
    said 'no RSE to put it; add ?rse=RSE to the URL, or set EXECDM_RUCIO_RSE'
    export EXECDM_RUCIO_RSE=LAB
    run -0 execdm-stage --check out/r rucio://ada/r
    run -66 execdm-stage --check out/r 'rucio://ada/r?rse=ELSEWHERE'
    said 'RSE does not exist'
    run -0 execdm-stage out/r rucio://ada/r
    same result "$(cat lake/ada/r)"
    grep -q '^upload --rse LAB --scope ada .*/r$' lake/log
    run -0 execdm-stage out/r rucio://ada/r
    echo other >out/r
    run -1 execdm-stage out/r rucio://ada/r
    said 'it is there with other content, and Rucio replaces nothing'
    same result "$(cat lake/ada/r)"
    mkdir out/set
    echo a >out/set/a.fits
    echo b >out/set/b.fits
    run -0 execdm-stage out/set rucio://ada/set
    said '"files":2'
    same 'a b' "$(cat lake/ada/set/* | paste -sd' ')"
    run -0 execdm-stage rucio://ada/set/a.fits in/a # where its result says it is
    same a "$(cat in/a)"
}

@test "rucio: what its client says becomes the reason" {
    local row
    export EXECDM_RUCIO_RSE=LAB
    run -66 execdm-stage rucio://ada/none in/x
    said 'cannot get rucio://ada/none: Data identifier not found.'
    while IFS='|' read -r reason command text; do
        printf '%s %s\n' "$command" "$text" >lake/fail
        case $command in
            upload) run ask push "file://$PWD/lake/rses" rucio://ada/new '"type":"file"' ;;
            *) printf '{"id":"i","direction":"pull","source":"rucio://ada/stars.txt","dest":"file://%s/in/x"}\n' "$PWD" >line
                run timeout 60 execdm-stage <line ;;
        esac
        said "\"reason\":\"$reason\"" "$text"
        [ ! -e in/x ]
        [ ! -e lake/ada/new ]
    done <<'END'
notfound|did show|Scope does not exist.
denied|did show|Cannot authenticate.
denied|did show|The x509 proxy has expired
denied|download|Access to the requested resource denied.
noroom|upload|There is not enough quota left to fulfil the operation.
noroom|upload|The Referenced storage is out of disk space.
corrupt|download|Checksum validation failed for file: ada:stars.txt
invalid|upload|Provided object does not match schema.
END
    # another try may help: few of them, as each waits
    printf 'download %s\n' 'None of the requested files have been downloaded.' >lake/fail
    run -75 timeout 60 execdm-stage rucio://ada/stars.txt in/x
    said 'None of the requested files'
    printf 'download %s\n' 'Cannot connect to the Rucio server.' >lake/fail
    run -75 timeout 60 execdm-stage rucio://ada/stars.txt in/x
    rm lake/fail
    EXECDM_RUCIO=/none run -69 execdm-stage rucio://ada/stars.txt in/x
    said 'is not installed'
}

@test "rucio: a task whose data are in the lake, planned, accepted, run, its results put there, by a credential" {
    mkdir "$EXECDM_CONFIG/keys"
    printf 'execdm: 1\ncredentials:\n  - {host: rucio.example.org, file: keys/rucio}\n' >"$EXECDM_CONFIG/execdm.yaml"
    (umask 077 && printf '{username: ada, password: "s3c%%ret"}' >"$EXECDM_CONFIG/keys/rucio")
    printf '%s\n' 'rucio_host = https://rucio.example.org' 'auth_host = https://rucio.example.org' 'auth_type = userpass' \
        'username = ada' 'password = s3c%%ret' 'account = ada' >lake/login
    export EXECDM_RUCIO_RSE=LAB
    # shellcheck disable=SC2016
    task sh='cat /in/stars /in/survey/* >/out/all.txt; wc -l </out/all.txt >/out/count.txt; cp /out/all.txt /one' \
        r:/in/stars=x r:/in/survey=x rw:/out=x rw:/one=x
    jq '.resources.storage = ([{objectid: "stars.txt"}, {objectid: "survey"}, {objectid: "results"}, {objectid: "one.txt", "x-note": "y"}]
        | to_entries | map({name: "s\(.key)", type: "https://www.purl.org/ivoa.net/storage-types/rucio-storage",
            spec: (.value + {domain: "ada", endpoint: "https://rucio.example.org"})}))
        | .resources.storage[3].spec |= (del(.domain, .objectid, .endpoint) + {location: "rucio://ada/one.txt?endpoint=https://rucio.example.org&rse=LAB"})' \
        task.json >t.json
    execdm-validate t.json >valid
    execdm-plan valid >answer.json
    same YES "$(jq -r .result answer.json)"
    id=$(execdm-accept answer.json | jq -r .id)
    work "$id" || { cat run.err && false; }
    same COMPLETED "$(job "$id" .phase)"
    same 3 "$(cat lake/ada/results/count.txt)"
    same "rucio://ada/results/all.txt?endpoint=https%3A//rucio.example.org 14 sha256:$(sha256sum <lake/ada/all.txt | cut -d' ' -f1)" \
        "$(job "$id" '.results[] | select(.name == "all.txt") | "\(.url) \(.size) \(.checksum)"')"
    run -1 grep -r -e 's3c' lake/log state answer.json "$id.json"
    # without it: NO, with the client's words
    printf 'username = bob\n' >lake/login
    rm -f "$EXECDM_STATE/locations.json"
    run -1 execdm-plan t.json
    has "$output" 'Cannot authenticate'
    clean
}
