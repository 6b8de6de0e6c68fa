#!/usr/bin/env bats
# Credentials for what is staged: execdm.yaml names a host, a file and whose tasks it is for; the worker and the planner hand
# it to execdm-stage by a descriptor, and it is shown to that host and nobody else (PRD-22).

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export no_proxy=127.0.0.1,127.0.0.2,localhost
    unset "${!AWS_@}"
    mkdir -p pub out "$EXECDM_CONFIG/keys"
    echo secret-data >pub/a
}

# The server that misbehaves and writes down what it is shown; $faults is its URL, $other the same by another name.
serve_faults() {
    /usr/bin/python3 "$TOP_SRCDIR/tests/fault-server.py" faults pub >faults.out 2>&1 3>&- &
    echo $! >faults.pid
    wait_until 20 test -e faults
    faults=http://127.0.0.1:$(cat faults)
    other=http://127.0.0.2:$(cat faults)
}

# row HOST NAME [MORE]: a line of execdm.yaml, whose file is keys/NAME
row() {
    [ -e "$EXECDM_CONFIG/execdm.yaml" ] || printf 'execdm: 1\ncredentials:\n' >"$EXECDM_CONFIG/execdm.yaml"
    printf '  - {host: "%s", file: keys/%s%s}\n' "$1" "$2" "${3:+, $3}" >>"$EXECDM_CONFIG/execdm.yaml"
}

# key NAME TEXT: a file that has it
key() {
    (umask 077 && printf '%s\n' "$2" >"$EXECDM_CONFIG/keys/$1")
}

login='{username: me, password: s3cret}'
token='{bearer_token: t0ken-of-me}'

# planned CODE [TEXT]: what execdm-plan says of task.json
planned() {
    local code=0
    rm -f "$EXECDM_STATE/locations.json"
    execdm-plan task.json >answer.json 2>plan.err || code=$?
    same "$1" "$code"
    if [ $# -gt 1 ]; then has "$(jq -r '.messages[].text' answer.json)" "$2"; fi
}

# ask DIRECTION SOURCE DEST [MORE] 7<FILE
ask() {
    printf '{"id":"i","direction":"%s","source":"%s","dest":"%s"%s}\n' "$1" "$2" "$3" "${4:+,$4}" | execdm-stage
}

@test "a login and a token: planned, fetched, and results stored with them, and not without" {
    serve pub
    host=${web#http://}
    task sh='cat /in/a /in/b >/out/sum' r:/in/a="$web/auth/a" r:/in/b="http://localhost:${host#*:}/bearer/a" rw:/out/sum="$web/auth/sum"
    planned 1 'HTTP 401'
    key login "$login"
    key token "$token"
    row "$host" login
    row "localhost:${host#*:}" token
    execdm-validate --as=configuration "$EXECDM_CONFIG/execdm.yaml" >valid
    planned 0
    id=$(execdm-accept answer.json | jq -r .id)
    work "$id"
    same COMPLETED "$(job "$id" .phase)"
    same $'secret-data\nsecret-data' "$(cat pub/sum)"
    same "$web/auth/sum" "$(job "$id" '.results[0].url')"
}

@test "it is sent to its host and port only, also after a redirect" {
    serve_faults
    key login "$login"
    row "127.0.0.1:$(cat faults)" login
    task sh='cat /in/a' r:/in/a="$faults/plain/a" r:/in/b="$faults/to=$other/plain/a" r:/in/c="$other/plain/a"
    planned 0
    id=$(execdm-accept answer.json | jq -r .id)
    work "$id"
    grep -q '^GET /plain/a - Basic bWU6czNjcmV0$' faults.log
    same 1 "$(grep -c '^GET /to=.* Basic bWU6czNjcmV0$' faults.log)"
    same 2 "$(grep -c '^GET /plain/a - -$' faults.log)" # both of the other host
    # and not over http:, but to this machine
    key file '[{"host":"192.0.2.1","username":"me","password":"s3cret"}]'
    http_proxy=$faults no_proxy='' run ask pull http://192.0.2.1/plain/a "file://$PWD/got" '"credential":7' 7<"$EXECDM_CONFIG/keys/file"
    grep -q '192.0.2.1/plain/a - -$' faults.log
    run -1 grep '192.0.2.1.*Basic' faults.log
}

@test "a file that others can read, or of another owner, or that says something else, is refused with what to do" {
    local text
    serve pub
    task sh=true r:/in/a="$web/auth/a" r:/in/b="http://localhost:${web##*:}/a"
    row "${web#http://}" login
    key login "$login"
    planned 0
    chmod 640 "$EXECDM_CONFIG/keys/login"
    planned 1 "the credential for ${web#http://} is not used: $EXECDM_CONFIG/keys/login is readable or writable by others than $(id -un) (mode 0640); chmod 600 it"
    same 1 "$(jq '.messages | length' answer.json)" # the other place does not need it
    chmod 400 "$EXECDM_CONFIG/keys/login"
    planned 0
    id=$(execdm-accept answer.json | jq -r .id)
    rm "$EXECDM_CONFIG/keys/login"
    execdm-run "$id" >run.json 2>run.err || true
    same 'ERROR stagein staging' "$(job "$id" '"\(.phase) \(.error.reason) \(.error.fault)"')"
    has "$(job "$id" .error.message)" 'keys/login cannot be read: No such file'
    mkdir "$EXECDM_CONFIG/keys/login"
    chmod 700 "$EXECDM_CONFIG/keys/login"
    planned 1 'keys/login is no file'
    rmdir "$EXECDM_CONFIG/keys/login"
    for text in '' 't0ken-of-me' '[s3cret]' '{username: me}' '{password: s3cret, username: me, realm: x}' '{bearer_token: 5}' \
        '{bearer_token: t0ken, username: me, password: s3cret}' '{access_key_id: AK}' $'{username: "s3cret'; do
        key login "$text"
        planned 1 'keys/login has not what is expected: access_key_id and secret_access_key, or bearer_token'
        run -1 grep -e s3cret -e t0ken answer.json plan.err
    done
    if [ "$(id -u)" -eq 0 ]; then
        key login "$login"
        chown nobody "$EXECDM_CONFIG/keys/login"
        planned 1 'keys/login is not a file of root; chown it to root, chmod 600 it'
    fi
}

@test "whose tasks it is for: those who are named, else those of the account alone" {
    local web_id
    serve pub
    key login "$login"
    task sh=true r:/in/a="$web/auth/a"
    row "${web#http://}" login "identities: [ada, bob]"
    planned 1 'HTTP 401'
    sed -i "s/ada/$(id -un)/" "$EXECDM_CONFIG/execdm.yaml"
    planned 0
    # the worker looks at the owner of each job, when it moves its data
    id=$(execdm-accept answer.json | jq -r .id)
    require sqlite3
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET owner = 'mallory'"
    execdm-run "$id" >run.json 2>run.err || true
    has "$(job "$id" .error.message)" 'HTTP 401'
    planned 0
    web_id=$(execdm-accept answer.json | jq -r .id)
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET owner = 'bob' WHERE id = '$web_id'"
    work "$web_id"
    same COMPLETED "$(job "$web_id" .phase)"
}

@test "what the account has itself is not for the tasks of others: tokens, profiles, environment" {
    serve_faults
    host=127.0.0.1:$(cat faults)
    key own "$host t0ken-of-me"
    mv "$EXECDM_CONFIG/keys/own" "$EXECDM_CONFIG/tokens"
    mkdir "$HOME/.aws"
    printf '[default]\naws_access_key_id=AKOWN\naws_secret_access_key=0wn-key\nendpoint_url=%s\n' "$faults" >"$HOME/.aws/credentials"
    export AWS_ENDPOINT_URL=$faults
    for own in true false; do
        : >faults.log
        run -0 ask pull "$faults/plain/a" "file://$PWD/out/1" "\"own\":$own"
        run -0 ask pull s3://plain/a "file://$PWD/out/2" "\"own\":$own"
        AWS_ACCESS_KEY_ID=AKENV AWS_SECRET_ACCESS_KEY=env-key run -0 ask pull s3://plain/a "file://$PWD/out/3" "\"own\":$own"
        if [ "$own" = true ]; then
            grep -q 'Bearer t0ken-of-me' faults.log
            grep -q 'Credential=AKOWN/' faults.log
            grep -q 'Credential=AKENV/' faults.log
        else
            run -1 grep -e Bearer -e Credential faults.log
        fi
    done
    # and so it is of a job
    task sh=true r:/in/a="$faults/plain/a"
    planned 0
    id=$(execdm-accept answer.json | jq -r .id)
    grep -q 'Bearer t0ken-of-me' faults.log
    require sqlite3
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET owner = 'mallory'"
    : >faults.log
    work "$id"
    same '- -' "$(cut -d' ' -f 3- faults.log | sort -u)"
}

@test "credentials of a line are for that line; a list of them; what is none is refused before anything moves" {
    serve_faults
    host=127.0.0.1:$(cat faults)
    printf '[{"host":"192.0.2.1","bearer_token":"x"},{"host":"%s","username":"me","password":"p:w \xc3\xa4"}]' "$host" >keys
    printf '{"host":"%s","bearer_token":"tok"}' "$host" >one
    {
        printf '{"id":"%s","direction":"pull","source":"%s","dest":"file://%s"%s}\n' \
            a "$faults/plain/a" "$PWD/out/a" ',"credential":7' b "$faults/plain/a" "$PWD/out/b" '' \
            c "$faults/plain/a" "$PWD/out/c" ',"credential":8'
    } >lines
    execdm-stage --jobs=1 7<keys 8<one <lines
    same $'-\nBasic '"$(printf 'me:p:w \xc3\xa4' | base64)"$'\nBearer tok' "$(cut -d' ' -f 4- faults.log | LC_ALL=C sort)"
    for text in '[]x' '{}' '[{"host":"h"}]' '{"host":"","bearer_token":"x"}' '{"host":"h","username":"a:b","password":"x"}' \
        '{"host":"h","bearer_token":"a b"}' '{"host":"h","access_key_id":"a"}' '{"host":"h","username":"a","password":"x\ny"}'; do
        printf '%s' "$text" >keys
        run -65 ask pull "$faults/plain/a" "file://$PWD/out/d" '"credential":7' 7<keys
        [ ! -e out/d ]
    done
}

# secrets_in PLACE...: fails when one of the secrets, in a form in which it goes, is there
secrets_in() {
    local found
    if found=$(grep -r -l -a -s -F -f secrets "$@"); then
        printf 'a secret is in %s\n' "$found" >&2
        return 1
    fi
}

@test "who runs execdm-stage has those of execdm.yaml that are for their own tasks" {
    serve pub
    key login "$login"
    run -77 execdm-stage --check "$web/auth/a"
    row "${web#http://}" login
    execdm-stage "$web/auth/a" out/
    cmp pub/a out/a
    echo "x: y" >>"$EXECDM_CONFIG/execdm.yaml"
    run -78 execdm-stage "$web/auth/a" out/
    execdm-stage pub/a out/b # which needs none
    sed -i '/^x:/d; s/login}/login, identities: [ada]}/' "$EXECDM_CONFIG/execdm.yaml"
    run -77 execdm-stage --check "$web/auth/a"
}

@test "while it runs no secret is in a command line or environment of anybody, and afterwards in no file, log or answer" {
    local pid
    serve_faults
    key login '{username: me, password: pass-w0rd-33ab}'
    key token '{bearer_token: t0ken-77cd}'
    key s3 '{access_key_id: AKTEST, secret_access_key: s3key/55ef+x}'
    row "127.0.0.1:$(cat faults)" login
    row "127.0.0.2:$(cat faults)" token
    row "localhost:$(cat faults)" s3
    printf '%s\n' pass-w0rd-33ab t0ken-77cd s3key/55ef+x s3key%2F55ef%2Bx bWU6cGFzcy13MHJkLTMzYWI= >secrets
    head -c 300000 /dev/urandom >pub/big
    task sh='cat /in/* | wc -c; env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline >/outputs/seen 2>/dev/null; true' \
        r:/in/a="$faults/stuck/big" r:/in/b="$other/stuck/big" r:/in/c="s3://stuck/big"
    jq --arg s3 "http://localhost:$(cat faults)" '.resources.storage[2] |= (.type |= sub("file-storage"; "amazon-s3")
        | .spec = {endpoint: $s3, bucket: "stuck", object: "big"})' task.json >t.json
    execdm-plan -v --log=json t.json >answer.json 2>plan.err
    id=$(execdm-accept answer.json | jq -r .id)
    (ulimit -c unlimited && exec execdm-run -v --log=json "$id" >run.json 2>run.err 3>&-) &
    pid=$!
    echo "$pid" >run.pid
    all_shown() { # each host was shown its own
        grep -s -q '^GET .* Basic bWU6cGFzcy13MHJkLTMzYWI=$' faults.log && grep -q '^GET .* Bearer t0ken-77cd$' faults.log &&
            grep -s -q '^GET .* AWS4-HMAC-SHA256 Credential=AKTEST' faults.log
    }
    wait_until 20 all_shown
    mv faults.log shown # the servers' own
    execdm-status "$id" >status.json
    for proc in /proc/[0-9]*; do
        if grep -a -s -q -F -f secrets "$proc/cmdline" "$proc/environ"; then
            tr '\0' ' ' <"$proc/cmdline"
            return 1
        fi
    done
    secrets_in "$EXECDM_STATE" ./*.json ./*.err ./*.out
    touch faults.unstuck
    wait "$pid"
    rm -f run.pid
    same COMPLETED "$(job "$id" .phase)"
    execdm-status --list >list.json
    same 900000 "$(head -n 1 "$(files "$id")/attempt-1/stdout")"
    mkdir rest
    mv secrets "$EXECDM_CONFIG/keys" "$EXECDM_CONFIG/execdm.yaml" shown faults.log rest 2>/dev/null || true
    mv rest/secrets .
    mv rest/keys rest/shown rest/faults.log "$BATS_FILE_TMPDIR/" # all else that any of us wrote
    mv secrets "$BATS_FILE_TMPDIR/secrets"
    run -1 grep -r -l -a -F -f "$BATS_FILE_TMPDIR/secrets" .
}

@test "a stager that crashes leaves no core with a secret" {
    local pid=
    serve_faults
    ulimit -c unlimited || skip "cores cannot be allowed here"
    head -c 300000 /dev/urandom >pub/big
    printf '{"host":"127.0.0.1:%s","bearer_token":"t0ken-77cd"}' "$(cat faults)" >one
    printf '{"id":"a","direction":"pull","source":"%s","dest":"file://%s","credential":7}\n' "$faults/stuck/big" "$PWD/out/a" >line
    execdm-stage 7<one <line >said 2>&1 3>&- &
    pid=$!
    wait_until 20 grep -s -q 'Bearer t0ken-77cd' faults.log
    same 0 "$(awk '/Max core file size/ { print $5 }' "/proc/$pid/limits")"
    kill -ABRT "$pid"
    wait "$pid" || true
    same '' "$(find . -name 'core*')"
}
