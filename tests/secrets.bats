#!/usr/bin/env bats
# A secret of a task reaches what needs it, and nothing else: no answer, no message, no file of the store.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own
bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny web
    grep -q '^#define HAVE_OPENSSL' "$TOP_BUILDDIR/config.h" || skip "built without OpenSSL"
    grep -q '^#define HAVE_CURL' "$TOP_BUILDDIR/config.h" || skip "built without libcurl"
    mkdir www
    echo "for me" >www/a
    serve www
    login=${web/127/me:s3cret@127}
}

# nowhere: it is not in any file here but those of the user
nowhere() {
    local found
    found=$(grep -rlaF s3cret . --exclude=task.json --exclude=server.out --exclude=port.log || true)
    same '' "$found"
}

@test "a password in a location stages inputs and results, and is nowhere else" {
    id=$(submit sh='cp /inputs/a /outputs/b; cat /proc/*/environ /proc/*/cmdline || true' r:/inputs/a="$login/auth/a" rw:/outputs/b="$login/auth/b")
    same 600 "$(stat -c %a "$EXECDM_STATE/key")"
    same 32 "$(stat -c %s "$EXECDM_STATE/key")"
    same "${web/127/me@127}/auth/a" "$(job "$id" '.resources.storage[0].spec.location')"
    nowhere
    work "$id"
    is "$id" COMPLETED
    cmp www/a www/b
    execdm-status "$id" >status.json
    execdm-status --format=table "$id" >status.table
    execdm-store check >check.json
    execdm-store backup copy.db
    execdm-phase "$id" archive >archived.json
    nowhere
    # the key is made once
    cp "$EXECDM_STATE/key" key.before
    id=$(submit sh='exit 0' r:/inputs/a="$login/auth/a")
    cmp key.before "$EXECDM_STATE/key"
    work "$id"
}

@test "a managed place behind a password is made and removed, after the job was deleted, and the password is nowhere" {
    require faketime sqlite3
    id=$(submit sh='echo 6 >/outputs/b' rw:/outputs/b="$login/auth/b" spec:lifecycle=managed spec:maxlifetime=P1D)
    work "$id"
    same 6 "$(cat www/b)"
    same "${web/127/me@127}/auth/b" "$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT url FROM storage')"
    execdm-store backup copy.db
    nowhere
    execdm-phase "$id" delete >/dev/null
    nowhere
    # without its key it is tried again
    mv "$EXECDM_STATE/key" key.away
    faketime -f +25h execdm-run --once 2>run.err
    has "$(cat run.err)" 'cannot read the key'
    [ -e www/b ]
    mv key.away "$EXECDM_STATE/key"
    faketime -f +26h execdm-run --once
    [ ! -e www/b ]
    same 0 "$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT count(*) FROM storage')"
    nowhere
}

@test "a wrong password fails the job without being said" {
    id=$(submit sh='exit 0' r:/inputs/a="$login/auth/a")
    execdm-phase "$id" delete
    task sh='exit 0' r:/inputs/a="${web/127/me:s3cretx@127}/auth/a"
    run -1 execdm-plan task.json
    [[ $output != *s3cretx* ]]
    nowhere
}

@test "what was sealed is bound to its offer and to the key: the job fails, and says why" {
    id=$(submit sh='exit 0' r:/inputs/a="$login/auth/a")
    other=$(submit sh='exit 0' r:/inputs/a="$login/auth/a")
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET doc = json_set(doc, '\$.private.sealed.text',
        (SELECT json_extract(doc, '\$.private.sealed.text') FROM jobs WHERE id = '$other')) WHERE id = '$id'"
    run ! work "$id"
    same 'ERROR credential platform' "$(job "$id" '"\(.phase) \(.error.reason) \(.error.fault)"')"
    has "$(job "$id" .error.message)" 'cannot be opened'
    rm "$EXECDM_STATE/key"
    run ! work "$other"
    same 'ERROR credential platform' "$(job "$other" '"\(.phase) \(.error.reason) \(.error.fault)"')"
    has "$(job "$other" .error.message)" "cannot read the key $EXECDM_STATE/key"
    # a key that others may read is not used, and that is put right
    id=$(submit sh='exit 0' r:/inputs/a="$login/auth/a")
    chmod 644 "$EXECDM_STATE/key"
    timeout 60 execdm-run --once 2>run.err
    has "$(cat run.err)" "is not its owner's alone"
    chmod 600 "$EXECDM_STATE/key"
    work "$id"
    execdm-store check
}

@test "explicit authentication is never kept, nor shown" {
    task sh='exit 0'
    jq '. + {authentication: [
        {name: "me", type: "https://www.purl.org/ivoa.net/authentication-types/local-account", mode: "implicit"},
        {name: "pw", type: "https://www.purl.org/ivoa.net/authentication-types/basic-auth", mode: "explicit", spec: {username: "me", password: "s3cret"}},
        {name: "tok", type: "https://www.purl.org/ivoa.net/authentication-types/rfc7519-token", mode: "explicit", spec: {subject: "me@here", token: "s3cret"}}]}' \
        task.json >t && mv t task.json
    code=0
    execdm-plan task.json >answer.json 2>plan.err || code=$?
    # those that are recognised are listed without their secrets, or the answer is NO
    if [ $code = 0 ]; then
        execdm-accept answer.json >accepted.json
        work "$(jq -r .id accepted.json)"
    fi
    nowhere
}

@test "without execdm-seal a task with a password is no offer, and one without is" {
    mkdir bin
    cp "$TOP_BUILDDIR"/cmd/execdm-{plan,accept,stage,driver-local,init} bin/
    export EXECDM_DRIVER_PATH=$PWD/bin
    task sh='exit 0' r:/inputs/a="$login/auth/a"
    run -69 bin/execdm-plan task.json
    has "$output" 'execdm-seal is not installed'
    [[ $output != *s3cret* ]]
    task sh='exit 0'
    bin/execdm-plan task.json >answer.json
}

@test "execdm-seal: what it takes and what not" {
    local seal=$TOP_BUILDDIR/cmd/execdm-seal
    run -64 "$seal" seal a
    run -64 "$seal" shut a key
    run -65 "$seal" seal a key </dev/null
    echo clear | "$seal" seal a key >sealed
    echo clear | "$seal" seal a key >again
    run ! cmp -s sealed again
    same clear "$("$seal" open a key <sealed)"
    run -65 "$seal" open b key <sealed
    for text in "" "$(tr 'A-M' 'N-Z' <sealed)" "$(head -c 20 sealed)" "AAAA" "====" "nonsense!" "$(cut -c5- sealed)"; do
        run -65 "$seal" open a key <<<"$text"
    done
    head -c 31 key >short
    chmod 600 short
    run -74 "$seal" open a short <sealed
    ln -s key link
    run "$seal" open a link <sealed
    [ "$status" -ne 0 ]
    # of two that make the key at once, both use the same
    pids=()
    for n in 1 2 3 4 5 6; do
        (echo $n | "$seal" seal a new.key >"s$n") 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    for n in 1 2 3 4 5 6; do same $n "$("$seal" open a new.key <"s$n")"; done
}
