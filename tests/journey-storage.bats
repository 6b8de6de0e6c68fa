#!/usr/bin/env bats
# The draft's storage listings of 2.2.3, staged for real: an object store that checks signatures, a web server, a VOSpace
# service. Their hosts are put in, and sizes that this machine has; all else is as published.
# bats file_tags=real

bats_require_minimum_version 1.5.0
load helper
load jobs

setup_file() {
    require radosgw ceph-mon ceph-osd curl /usr/bin/python3
    "$TOP_SRCDIR/tests/radosgw" start "$BATS_FILE_TMPDIR/s3"
}

teardown_file() {
    "$TOP_SRCDIR/tests/radosgw" stop "$BATS_FILE_TMPDIR/s3"
}

setup() {
    jobs_state
    export no_proxy=127.0.0.1,127.0.0.2
    unset "${!AWS_@}"
    seed=$EXECDM_SHARED/data/seed
    [ -d "$seed" ] || skip "no listings beside the tree"
    s3=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/s3/port")
    mkdir -p pub data space/nodes "$EXECDM_CONFIG/keys"
    serve pub
    /usr/bin/python3 "$TOP_SRCDIR/tests/vospace-server.py" vos.port space s3cret-t0ken >vos.out 2>&1 3>&- &
    echo $! >vos.pid
    wait_until 20 test -e vos.port
    vos=http://127.0.0.1:$(cat vos.port)/vospace
    echo protected >space/modes # who shows no token gets nothing
    # each service lets in only who it knows
    printf 'execdm: 1\ncredentials:\n' >"$EXECDM_CONFIG/execdm.yaml"
    credential "${s3#http://}" '{access_key_id: AKEXECDMTEST, secret_access_key: sEcret/+of/me}'
    credential "127.0.0.1:$(cat vos.port)" '{bearer_token: s3cret-t0ken}'
    credential "${web#http://}" '{username: me, password: s3cret}'
    cat >pub/p.py <<'END'
import os, shutil
def every(top):
    return sorted(os.path.join(d, n) for d, _, names in os.walk(top) for n in names)
os.makedirs("/results/deep dir", exist_ok=True)
with open("/temp/all" if os.path.isdir("/temp") else "/tmp/all", "w+b") as sum:
    for path in every("/data"):
        sum.write(open(path, "rb").read())
    shutil.copy(sum.name, "/results/all") if not sum.flush() else None
with open("/results/deep dir/names", "w") as names:
    names.write("".join(p[len("/data/"):] + "\n" for p in every("/data")))
END
}

credential() { # HOST TEXT
    local name=keys/$RANDOM$RANDOM
    (umask 077 && echo "$2" >"$EXECDM_CONFIG/$name")
    printf '  - {host: "%s", file: %s}\n' "$1" "$name" >>"$EXECDM_CONFIG/execdm.yaml"
}

# ask METHOD PATH [CURL-ARGUMENT...]: straight to the object store, by another program
ask() {
    local method=$1 path=$2 body
    shift 2
    body=$(if [ $# -gt 0 ]; then cat "${2#@}"; fi | sha256sum | cut -d' ' -f1)
    curl -sSf -X "$method" --aws-sigv4 aws:amz:us-east-1:s3 --user AKEXECDMTEST:sEcret/+of/me \
        -H "x-amz-content-sha256: $body" "$@" "$s3$path"
}

# listing FILE: as the draft has it, with our hosts
listing() {
    sed -e 's/\b1024$/0.01/; s/minsize: 100$/minsize: 0.01/; s/maxsize: 220$/maxsize: 0.02/' \
        -e "s|https://\.\.\./echo|$s3|; s|http://\.\.\.*|$vos|" "$seed/$1"
}

# a program beside the listings on standard input
task() {
    printf 'name: t\nexecutable: {type: https://www.purl.org/ivoa.net/executable-types/python-program, spec: {program: "%s"}}\n' "$web/auth/p.py"
    cat
}

# only NAME...: of a canonical task, these storages and their volumes
only() {
    jq --args '.resources.storage |= map(select(.name | IN($ARGS.positional[])))
        | .resources.compute[0].volumes |= map(select(.resource | IN($ARGS.positional[])))' -- "$@"
}

# through FILE...: the pipeline a user types; the job's document is in job.json
through() {
    execdm-validate "$@" | execdm-plan >answer.json || { cat answer.json && return 1; }
    execdm-accept <answer.json | execdm-run 2>run.err | execdm-status --format=json >job.json || { cat run.err && return 1; }
    same COMPLETED "$(jq -r .phase job.json)"
}

# The job's results are the files below a directory: URL, size and checksum of each; and they can be had by the job's name
results_are() { # DIRECTORY URL ENDPOINT
    local file endpoint="?endpoint=${3/:/%3A}"
    endpoint=${endpoint/1:/1%3A}
    (cd "$1" && find . -type f | sed 's,^\./,,') | while read -r file; do
        printf '%s %s/%s %s sha256:%s\n' "$file" "$2" "${file// /%20}$endpoint" "$(wc -c <"$1/$file")" "$(sha256sum <"$1/$file" | cut -d' ' -f1)"
    done | LC_ALL=C sort >want
    jq -r '.results[] | select(.name != "stdout" and .name != "stderr") | "\(.name) \(.url) \(.size) \(.checksum)"' job.json |
        LC_ALL=C sort >got
    diff want got
    rm -rf back
    execdm-stage "job:$(jq -r .id job.json)/all" back
    cmp "$1/all" back
}

no_secret() {
    run -1 grep -r -a -F -e sEcret/+of/me -e s3cret-t0ken answer.json job.json run.err "$EXECDM_STATE"
}

@test "data of a bucket, scratch room, results to a VOSpace: the listings together, as one task" {
    ask PUT /example-data
    head -c 100000 /dev/urandom >data/b
    echo first >data/a
    mkdir data/c
    echo deep >'data/c/d e'
    for file in a b 'c/d e'; do ask PUT "/example-data/${file// /%20}" --data-binary "@data/$file"; done
    listing 07-storage-all.request.yaml | task | execdm-validate | only scratch-space source-data >07.json
    listing 09-vospace-unmanaged-implicit-resource.request.yaml | task | execdm-validate >09.json
    jq -s '.[0].resources.storage += .[1].resources.storage
        | .[0].resources.compute[0].volumes += .[1].resources.compute[0].volumes | .[0]' 07.json 09.json >t.json
    same 'scratch-space source-data results' "$(jq -r '[.resources.storage[].name] | join(" ")' t.json)"
    through t.json
    cat data/a data/b 'data/c/d e' | cmp - space/nodes/experiment-21/results/all
    printf '%s\n' a b 'c/d e' | diff - 'space/nodes/experiment-21/results/deep dir/names'
    results_are space/nodes/experiment-21/results 'vos:///experiment-21/results' "$vos"
    no_secret
    # the same data of a web server
    mkdir -p pub/auth
    cp data/b pub/one
    jq --arg url "$web/auth/one" '.resources.storage[1] |= (.type |= sub("amazon-s3"; "http-storage") | .spec = {location: $url})
        | .resources.compute[0].volumes[1].path = "/data/one"' t.json >http.json
    through http.json
    cmp data/b space/nodes/experiment-21/results/all
    results_are space/nodes/experiment-21/results 'vos:///experiment-21/results' "$vos"
    # a bucket for the results, and a directory of the web server's own for them
    ask PUT /results
    jq --arg s3 "$s3" '.resources.storage[2] |= (.type |= sub("vospace-storage"; "amazon-s3")
        | .spec = {endpoint: $s3, bucket: "results", lifecycle: "unmanaged"})' t.json >bucket.json
    through bucket.json
    ask GET /results/all | cmp - <(cat data/a data/b 'data/c/d e')
    mkdir -p stored/'deep dir'
    ask GET /results/all >stored/all
    ask GET /results/deep%20dir/names >stored/'deep dir/names'
    results_are stored s3://results "$s3"
    no_secret
}

@test "a service that lets nobody in, or is not there, is NO by the name of the storage" {
    listing 09-vospace-unmanaged-implicit-resource.request.yaml | task >t.yaml
    sed -i '/bearer/d' "$EXECDM_CONFIG/execdm.yaml"
    printf 'execdm: 1\n' >"$EXECDM_CONFIG/execdm.yaml"
    run -1 execdm-plan -q t.yaml
    jq -e '.result == "NO" and any(.messages[]; .pointer == "/resources/storage/0")' <<<"$output"
    leave vos.pid
    sed "s|$web/auth|$web|" t.yaml >open.yaml
    run -1 execdm-plan -q open.yaml
    jq -e 'any(.messages[]; .rule == "unreachable" and (.text | contains("results")))' <<<"$output"
}
