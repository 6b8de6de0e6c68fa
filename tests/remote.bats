#!/usr/bin/env bats
# Planners and workers elsewhere: asked beside the platforms here, believed only what they may say, and their jobs
# treated as those here. tests/planner is the other side.

# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
    grep -q '^#define HAVE_CURL' "$TOP_BUILDDIR/config.h" || skip "built without libcurl"
    chmod 755 "$BATS_TEST_TMPDIR"
}

# elsewhere NAME [CONFIG]: a planner with a store of its own; its URL is in $NAME
elsewhere() {
    local name=$1
    mkdir -p "$name.config"
    EXECDM_CONFIG=$PWD/${2-$name.config} "$TOP_SRCDIR/tests/planner" "$name.port" "$PWD/$name.state" \
        >"$name.out" 2>&1 3>&- &
    echo $! >"$name.pid"
    wait_until 20 test -e "$name.port"
    printf -v "$name" 'http://127.0.0.1:%s/' "$(cat "$name.port")"
}

# works NAME: a worker for it
works() {
    EXECDM_STATE=$PWD/$1.state EXECDM_CONFIG=$PWD/$1.config execdm-run --watch >"$1.worker" 2>&1 3>&- &
    echo $! >"$1-worker.pid"
}

at() { # NAME COMMAND...: with the store of that planner
    local name=$1
    shift
    EXECDM_STATE=$PWD/$name.state "$@"
}

# A task that leaves nothing out, so that there is something to lie about.
whole_task() {
    local from to
    mkdir -p in out
    echo data >in/a
    from=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
    to=$(date -u -d '+3 hours' +%Y-%m-%dT%H:%M:%SZ)
    task sh='cat /inputs/a >/outputs/b' max=PT20M start="$from/$to" r:/inputs=file://"$PWD"/in rw:/outputs=file://"$PWD"/out
    jq '.resources.compute[0].spec = {mincores: 1, maxcores: 1, minmemory: 0.0625, maxmemory: 0.0625}
        | .datetime[0].minduration = "PT10M"' task.json >whole.json
}

# asks URL TASK: the answer in answer.json, without what is local
asks() {
    code=0
    execdm-plan --timeout=2 --planner="$1" "$2" >answer.json 2>plan.err || code=$?
    [ ! -s plan.err ]
}

# drops URL TASK RULE WORD...: it is asked, and its offer dropped with these words, naming the planner
drops() {
    local url=$1 file=$2 rule=$3
    shift 3
    asks "$url" "$file"
    same "1 NO 0" "$code $(jq -r '"\(.result) \(.offers | length)"' answer.json)"
    same "$rule" "$(jq -r '.messages[].rule' answer.json | sort -u)"
    same "$url" "$(jq -r '.messages[].planner' answer.json | sort -u)"
    has "$(jq -r '.messages[].text' answer.json)" "$@"
}

http() { # JSON of a description: what execdm-http says
    execdm-http <<<"$1"
}

@test "two planners and a platform here in one answer, in the order of the configuration" {
    elsewhere near
    elsewhere far
    cat >"$EXECDM_CONFIG/execdm.yaml" <<END
execdm: 1
planners:
  - {name: far, url: "$far", timeout: PT20S}
  - {name: near, url: "$near"}
END
    task sh='exit 0'
    for _ in 1 2 3; do
        execdm-plan task.json >answer.json
        same "null far near" "$(jq -r '.offers[].planner' answer.json | xargs)"
        same "offer-001 offer-002 offer-003" "$(jq -r '.offers[].name' answer.json | xargs)"
        same "localhost localhost localhost" "$(jq -r '.offers[].platform' answer.json | xargs)"
        same 3 "$(jq -r '.offers[].id' answer.json | sort -u | wc -l)"
    done
    execdm-validate --as=answer answer.json >valid.json
    jq -e --arg far "$far" '.offers[1].accept | startswith($far)' answer.json
    # named ones, what is here first and then in the order they are named; a URL has no other name
    execdm-plan --planner="$near" --planner=localhost --planner=far task.json >answer.json
    same "null $near far" "$(jq -r '.offers[].planner' answer.json | xargs)"
    same "offer-001 offer-002 offer-003" "$(jq -r '.offers[].name' answer.json | xargs)"
    run -66 execdm-plan --planner=nobody task.json
    [[ $output == *'there is no platform "nobody"'*'no such planner in execdm.yaml'* ]]
    run -0 execdm-plan --format=table task.json
    [[ $output == *"localhost at near"* ]]
    # a platform here answers alone where no planner is asked for
    same "" "$(execdm-offer task.json | jq -r '.offers[].planner // empty')"
    echo 'execdm: 1
planners: [{name: x}]' >"$EXECDM_CONFIG/execdm.yaml"
    run -78 execdm-plan task.json
    run -0 execdm-plan --planner="$near" -q task.json || [ "$status" -eq 78 ]
}

@test "the whole pipeline through a planner elsewhere" {
    elsewhere near
    works near
    task sh='echo hello; echo data >/outputs/made' name=far
    execdm-validate task.json | execdm-plan --planner="$near" | execdm-accept | execdm-run | execdm-status >job.json
    jq -e '.phase == "COMPLETED" and .status == "COMPLETED" and .name == "far" and .exit.code == 0' job.json
    same "$near" "$(jq -r .planner job.json)"
    jq -e '.history | length == 6' job.json
    same "job.json" "$(execdm-validate --as=job job.json >valid.json && cmp job.json valid.json && echo job.json)"
    # its results are fetched from there
    execdm-stage "$(jq -r '.results[] | select(.name == "made").url' job.json)" made
    same data "$(cat made)"
    # here nothing ran, and the job is in the list with those that did
    id=$(jq -r .id job.json)
    [ ! -e "$EXECDM_STATE/jobs/$id/attempt-1" ]
    here=$(submit sh='exit 0')
    work "$here"
    same "$here $id" "$(execdm-status --list | jq -r .id | xargs)"
    run -0 execdm-status --list --format=table
    [[ $output == *COMPLETED*COMPLETED* ]]
    same "$id" "$(execdm-status "${id: -12}" | jq -r .id)"
    # --once and --watch leave it to its own worker
    run -0 execdm-run --once
    # deleted there and here
    execdm-phase "$id" delete
    run -66 execdm-status "$id"
    run -66 at near execdm-status "$id"
    [ ! -e "$EXECDM_STATE/jobs/$id" ]
}

@test "a job elsewhere that fails, is held, is aborted, is waited for" {
    elsewhere near
    task sh='exit 3' name=three
    execdm-plan --planner="$near" task.json | execdm-accept >job.json
    id=$(jq -r .id job.json)
    same PENDING "$(jq -r .phase job.json)"
    same HELD "$(execdm-phase "$id" hold | jq -r .phase)"
    same HELD "$(at near execdm-status "$id" | jq -r .phase)"
    run -75 execdm-status --wait --timeout=0.5 "$id"
    execdm-phase "$id" release
    works near
    run -1 --separate-stderr execdm-run "$id"
    same "ERROR 3" "$(jq -r '"\(.phase) \(.exit.code)"' <<<"$output")"
    [[ $stderr == *"$id (three): ERROR"* ]]
    run -79 execdm-phase "$id" abort
    [[ $output == *"is ERROR, where abort is refused"* ]]
    task sh='sleep 60'
    execdm-plan --planner="$near" task.json | execdm-accept >job.json
    id=$(jq -r .id job.json)
    same EXECUTING "$(execdm-status --wait=EXECUTING --timeout=30 "$id" | jq -r .phase)"
    execdm-phase "$id" abort >job.json
    same ABORTED "$(execdm-status --wait --timeout=30 "$id" | jq -r .phase)"
    run -79 execdm-phase "$id" suspend
}

@test "accepted twice it is one job, and another offer of the answer none" {
    elsewhere near
    elsewhere far
    task sh='exit 0'
    execdm-plan --planner="$near" --planner="$far" --planner=localhost task.json >answer.json
    id=$(execdm-accept --offer=offer-002 answer.json 2>err | jq -r .id)
    same "" "$(cat err)"
    same "$id" "$(jq -r '.offers[1].id' answer.json)"
    same "$id" "$(execdm-accept answer.json | jq -r .id)"
    same "$id" "$(execdm-accept --offer=2 answer.json | jq -r .id)"
    same "$id" "$(execdm-accept --offer=3 answer.json | jq -r .id)"
    same 1 "$(grep -c 'POST .*/accept' near.port.log)"
    same 0 "$(grep -c 'POST .*/accept' far.port.log)"
    # what a client makes of an offer counts for nothing
    execdm-plan --planner="$near" task.json | jq -c '.offers[0].accept = "http://127.0.0.1:1/"' | execdm-accept >job.json
    jq -e --arg near "$near" '.url | startswith($near)' job.json
    # many at once: still one
    execdm-plan --planner="$near" task.json >answer.json
    pids=()
    for i in 1 2 3 4; do
        execdm-accept answer.json >"job-$i.json" &
        pids+=($!)
    done
    wait "${pids[@]}"
    same 1 "$(cat job-?.json | jq -r .id | sort | uniq -c | awk '{ print ($1 == 4) }')"
}

@test "the connection is cut after the offer was accepted: asking again finds the same job" {
    elsewhere near
    task sh='exit 0'
    execdm-plan --planner="${near}cut-accept/" task.json >answer.json
    run -75 execdm-accept answer.json
    [[ $output == *"is not known, accept it again to find out"* ]]
    same 0 "$(execdm-status --list | wc -l)"
    id=$(execdm-accept answer.json | jq -r .id)
    same 1 "$(at near execdm-status --list | wc -l)"
    same "$id" "$(at near execdm-status --list | jq -r .id)"
    same 1 "$(execdm-status --list | wc -l)"
}

@test "an offer that expired or is gone there is not accepted" {
    elsewhere near
    task sh='exit 0'
    execdm-plan --planner="$near" task.json >answer.json
    leave near.pid
    wait_until 10 bash -c '! kill -0 "$(cat near.pid)" 2>/dev/null'
    run -69 execdm-accept answer.json
    # another process of it knows the offer no longer
    port=${near##*:}
    sed "s/(\"127.0.0.1\", 0)/(\"127.0.0.1\", ${port%/})/; s/^class Server.*/&\n    allow_reuse_address = True/" \
        "$TOP_SRCDIR/tests/planner" >again
    rm near.port
    /usr/bin/python3 again near.port "$PWD/near.state" >near.out 2>&1 3>&- &
    echo $! >near.pid
    wait_until 20 test -e near.port
    run -79 execdm-accept answer.json
    [[ $output == *"ask again with execdm-plan"* ]]
    same 0 "$(execdm-status --list | wc -l)"
}

@test "a worker that cannot be reached: what was seen last, and nothing is lost" {
    elsewhere near
    task sh='exit 0'
    id=$(execdm-plan --planner="$near" task.json | execdm-accept | jq -r .id)
    touch near.port.closed
    run -0 --separate-stderr execdm-status "$id"
    same PENDING "$(jq -r .phase <<<"$output")"
    has "$(jq -r '.messages[] | select(.rule == "not-seen").text' <<<"$output")" "not known" "$near"
    jq -e '.seen' <<<"$output"
    [[ $stderr == *"$id: warning: "*"not known"* ]]
    execdm-validate --as=job <<<"$output" >/dev/null
    run -75 execdm-phase "$id" abort
    run -75 execdm-status --wait --timeout=1 "$id"
    # execdm-run says it once, and goes on when the worker is back
    works near
    execdm-run "$id" >job.json 2>run.err &
    wait_until 20 grep -q 'tried again' run.err
    sleep 3 # longer than the pause between two tries
    rm near.port.closed
    wait $!
    same 1 "$(grep -c warning run.err)"
    jq -e '.phase == "COMPLETED" and (.messages | not)' job.json
    # at its end nobody asks any more
    touch near.port.closed
    run -0 --separate-stderr execdm-status "$id"
    same COMPLETED "$(jq -r .phase <<<"$output")"
    same "" "$stderr"
}

@test "planners that are slow, down, endless, malformed: named, and nobody else's answer is lost" {
    elsewhere near
    task sh='exit 0'
    options=()
    for fault in slow endless huge malformed html empty list text binary trouble busy login forever to-file cut; do
        options+=(--planner="$near$fault/")
    done
    begin=$SECONDS
    execdm-plan --timeout=PT3S "${options[@]}" --planner=http://127.0.0.1:1/ --planner="$near" --planner="${near}moved/" \
        --planner=localhost --planner=http://name.invalid/ task.json >answer.json 2>err
    [ $((SECONDS - begin)) -le 12 ]
    same "" "$(cat err)"
    same YES "$(jq -r .result answer.json)"
    same "null $near ${near}moved/" "$(jq -r '.offers[].planner' answer.json | xargs)"
    execdm-validate --as=answer answer.json >/dev/null
    jq -r --arg near "$near" '.messages[] | "\(.planner | ltrimstr($near)) \(.rule) \(.text | sub("http[^ ]*"; "URL"))"' answer.json >said
    cat said
    while read -r line; do grep -qF -- "$line" said || { echo "missing: $line" && return 1; }; done <<'END'
slow/ planner-down cannot POST URL Operation timed out
endless/ planner-answer cannot POST URL the answer has more than 4194304 bytes
huge/ planner-answer cannot POST URL the answer has more than
malformed/ planner-answer URL answers what is no document
html/ planner-answer URL answers what is no document, but text/html
empty/ planner-answer URL answers nothing
list/ planner-answer URL answers what is no document
text/ planner-answer its answer has no list of offers
binary/ planner-answer cannot POST URL the answer is not text in UTF-8
trouble/ planner-down URL is in trouble (HTTP 500): out of cheese
busy/ planner-down URL is busy (HTTP 503): come back
login/ planner-answer URL asks for a login (HTTP 401)
forever/ planner-answer cannot POST URL it leads from one URL to another without an end
to-file/ planner-answer cannot POST URL it leads to a URL that is not http: or https:
cut/ planner-down cannot POST URL
http://127.0.0.1:1/ planner-down cannot POST URL
http://name.invalid/ planner-down cannot POST URL
END
    same 17 "$(wc -l <said)"
    # and every one of them says what to do
    jq -e '[.messages[] | select(.hint == null)] | length == 0' answer.json
    # for a person, on standard error
    run -0 --separate-stderr execdm-plan --format=table --timeout=1 --planner="${near}trouble/" --planner=localhost task.json
    [[ $stderr == *"${near}trouble/: "*"out of cheese"*"[planner-down]"* ]]
    execdm-plan --timeout=1 --planner="${near}trouble/" task.json >answer.json || true
    run -1 execdm-accept answer.json
    [[ $output == *"${near}trouble/: error: "*"out of cheese"* ]]
}

@test "offers that are not of the task are dropped and named" {
    elsewhere near
    whole_task
    asks "$near" whole.json
    same "0 YES 1" "$code $(jq -r '"\(.result) \(.offers | length)"' answer.json)"
    drops "${near}below-cores/" whole.json lying-offer "0.5 cores, below the minimum of 1"
    drops "${near}below-memory/" whole.json lying-offer "32 MiB memory, below the minimum of 64 MiB"
    drops "${near}above-cores/" whole.json lying-offer "above the maximum of 1 asked"
    drops "${near}above-memory/" whole.json lying-offer "above the maximum of 64 MiB"
    drops "${near}only-minima/" whole.json lying-offer "at least 64 cores, above the maximum of 1 asked"
    drops "${near}beyond-count/" whole.json lying-offer "up to 8192 PiB memory, above the maximum"
    drops "${near}too-early/" whole.json lying-offer "is past"
    drops "${near}too-late/" whole.json lying-offer "is outside of"
    drops "${near}too-short/" whole.json lying-offer "less than the minduration"
    drops "${near}too-long/" whole.json lying-offer "more than the maxduration"
    drops "${near}two-slots/" whole.json planner-answer "/datetime" "at most 1"
    drops "${near}no-slot/" whole.json lying-offer "0 time slots"
    drops "${near}expired/" whole.json lying-offer "expired at 2020-01-01"
    drops "${near}no-expiry/" whole.json lying-offer "when it expires"
    drops "${near}no-id/" whole.json lying-offer "has no id"
    drops "${near}bad-id/" whole.json planner-answer "expected a UUID"
    drops "${near}no-accept/" whole.json lying-offer "URL to accept it"
    drops "${near}file-accept/" whole.json lying-offer "URL to accept it"
    drops "${near}file-job/" whole.json lying-offer "its job has a URL"
    drops "${near}other-program/" whole.json lying-offer "another image"
    drops "${near}other-type/" whole.json lying-offer "asked for was oci-container"
    drops "${near}no-storage/" whole.json lying-offer "cannot be read"
    drops "${near}no-volumes/" whole.json lying-offer "lacks the volume"
    drops "${near}other-place/" whole.json lying-offer "is another place"
    # what may be said beyond the task is carried
    asks "${near}more/" whole.json
    same "3 0.1" "$(jq -r '.offers[] | "\(.["x-price"]) \(.carbon.kg)"' answer.json)"
    # more than anybody reads is read in a moment all the same
    begin=$SECONDS
    asks "${near}crowded/" whole.json
    [ $((SECONDS - begin)) -le 10 ]
    same 20001 "$(jq '.offers[0].resources.storage | length - 1' answer.json)"
    # an id of somebody else's offer, or of an earlier one
    asks "${near}same-id/" whole.json
    same 0 "$code"
    drops "${near}same-id/" whole.json lying-offer "that of another offer"
    # nothing that was dropped can be accepted
    asks "${near}below-cores/" whole.json
    echo '{"offers":[{"id":"'"$(jq -r '.messages[0].text' answer.json | cut -d ' ' -f 2)"'"}]}' >forged.json
    run -66 execdm-accept forged.json
    # a terminal is not theirs to draw on
    execdm-plan --format=table --planner="${near}escapes/" whole.json >table
    run ! grep -q $'[\x1b\x07]' table
    run ! grep -aqP '\xc2\x9b|\xe2\x80\xae' table
    grep -q red table
    for fault in type login list; do
        execdm-plan --format=table --planner="${near}escapes-$fault/" whole.json >said 2>&1 || [ $? -eq 1 ]
        run ! grep -aqP '\x1b|\xc2\x9b|\xe2\x80\xae' said
        grep -qE 'red|away' said
    done
    # an amount without an upper bound in the request, as large as any
    jq 'del(.resources.compute[0].spec | .maxcores, .maxmemory)' whole.json >open.json
    asks "${near}beyond-count/" open.json
    same "0 YES" "$code $(jq -r .result answer.json)"
}

@test "how late an instant may be is the policy's word, for planners elsewhere too" {
    for config in "$EXECDM_CONFIG" late.config; do
        mkdir -p "$config"
        printf 'execdm: 1\npolicy: {grace: PT1H}\n' >"$config/execdm.yaml"
    done
    elsewhere late
    task sh='exit 0' max=PT5M start="$(date -u -d '-20 minutes' +%Y-%m-%dT%H:%M:%SZ)"
    same YES "$(execdm-offer task.json | jq -r .result)"
    asks "$late" task.json
    same "0 YES" "$code $(jq -r .result answer.json)"
    rm "$EXECDM_CONFIG/execdm.yaml"
    drops "$late" task.json lying-offer "its start is past"
}

@test "a planner's NO comes with its reasons, and who gave them" {
    elsewhere near
    task sh='exit 0'
    jq '.resources.compute[0].spec.mincores = 100000' task.json >large.json
    asks "$near" large.json
    same "1 NO" "$code $(jq -r .result answer.json)"
    jq -e --arg near "$near" '.messages[0] | .rule == "cores" and .platform == "localhost" and .planner == $near' answer.json
    execdm-validate --as=answer answer.json >/dev/null
    run -1 execdm-accept answer.json
    [[ $output == *"localhost at $near: error: "* ]]
}

@test "workers that say strange things of a job" {
    elsewhere near
    task sh='exit 0'
    execdm-plan --planner="${near}no-phase/" task.json >answer.json
    run -76 execdm-accept answer.json
    [[ $output == *"what is no job"* ]]
    execdm-plan --planner="${near}status-only/" task.json | execdm-accept >job.json
    same "PENDING test" "$(jq -r '"\(.phase) \(.name)"' job.json)"
    execdm-validate --as=job job.json >/dev/null
    execdm-plan --planner="${near}strange-job/" task.json | execdm-accept >job.json
    jq -e '.phase == "PENDING" and .results == [] and (.messages | not) and .name == "test"' job.json
    run ! grep -q $'\x1b' job.json
    execdm-validate --as=job job.json >/dev/null
}

@test "an accept that is answered by 201 and nothing else" {
    elsewhere near
    task sh='exit 0'
    execdm-plan --planner="${near}created/" task.json | jq -c '.offers[0].job = null' >answer.json
    execdm-accept answer.json >job.json
    id=$(jq -r .id job.json)
    same "PENDING ${near}created/jobs/$id" "$(jq -r '"\(.phase) \(.url)"' job.json)"
    same PENDING "$(at near execdm-status "$id" | jq -r .phase)"
}

@test "nobody hangs on a worker that says nothing: --timeout, and a signal" {
    elsewhere near
    task sh='exit 0'
    execdm-plan --planner="${near}slow-job/" task.json | execdm-accept >job.json
    id=$(jq -r .id job.json)
    touch near.port.slow
    : >near.port.log
    execdm-run "$id" >run.json 2>run.err &
    pid=$!
    wait_until 20 grep -q 'GET /slow-job/jobs/.*' near.port.log
    begin=$SECONDS
    kill -TERM $pid # a shell lets what is behind & ignore SIGINT
    code=0
    wait $pid || code=$?
    same 75 "$code"
    [ $((SECONDS - begin)) -le 4 ]
    grep -q "detached; job $id goes on" run.err
    run ! grep -q warning run.err
}

@test "planners think while platforms here are matched, and a driver is probed once" {
    elsewhere near
    mkdir drivers "$EXECDM_CONFIG/platforms.d"
    cat >drivers/execdm-driver-local <<END
#!/bin/bash
echo "\$1" >>"$PWD/probed"
[ "\$1" != probe ] || sleep 2
exec "$TOP_BUILDDIR/cmd/execdm-driver-local" "\$@"
END
    chmod +x drivers/execdm-driver-local
    for name in one two three; do
        printf 'name: %s\ndriver: local\n' $name >"$EXECDM_CONFIG/platforms.d/$name.yaml"
    done
    task sh='exit 0'
    begin=$(date +%s%N)
    jq -c . task.json task.json | EXECDM_DRIVER_PATH=$PWD/drivers \
        execdm-plan --timeout=2 --planner="${near}slow/" --planner=one --planner=two --planner=three --planner="$near" >answers
    took=$((($(date +%s%N) - begin) / 1000000))
    same "4 4" "$(jq '.offers | length' answers | xargs)"
    same probe "$(cat probed)"
    # 2 s of the slow planner and 2 s of the probe are side by side in the first task
    [ $took -lt 5800 ] || { echo "took $took ms" && return 1; }
}

@test "--timeout: seconds or a duration, and what execdm.yaml says of each planner" {
    elsewhere near
    task sh='exit 0'
    for wrong in 0 -1 soon PT 1e9; do
        run -64 execdm-plan --timeout=$wrong task.json
    done
    cat >"$EXECDM_CONFIG/execdm.yaml" <<END
execdm: 1
planners: [{name: idle, url: "${near}slow/planner", timeout: PT1S}]
END
    begin=$SECONDS
    run -1 execdm-plan --planner=idle task.json
    [ $((SECONDS - begin)) -le 4 ]
    [[ $output == *planner-down* ]]
    begin=$SECONDS
    run -1 execdm-plan --planner=idle --timeout=3 task.json
    [ $((SECONDS - begin)) -ge 2 ]
    [[ $output == *planner-down* ]]
}

@test "execdm-http: methods, statuses, headers, redirects" {
    elsewhere near
    http '{"method":"GET","url":"'"$near"'none"}' >reply
    jq -e '.status == 404 and .headers["content-type"] == "application/problem+json" and (.body | fromjson.title == "no")' reply
    http '{"method":"HEAD","url":"'"$near"'none"}' | jq -e '.status == 404 and .body == ""'
    http '{"method":"POST","url":"'"$near"'moved/planner","body":"{}","redirects":"none"}' >reply
    jq -e '.status == 307 and .headers.location == "/planner"' reply
    http '{"method":"POST","url":"'"$near"'forever/planner","body":"{}"}' | jq -e '.error.kind == "redirect" and .error.sent'
    http '{"method":"POST","url":"'"$near"'to-file/planner","body":"{}"}' | jq -e '.error.kind == "redirect"'
    http '{"method":"POST","url":"'"$near"'binary/planner","body":"{}"}' | jq -e '.error.kind == "nottext"'
    http '{"method":"POST","url":"'"$near"'huge/planner","body":"{}","max_bytes":100}' | jq -e '.error.kind == "toolarge"'
    http '{"method":"POST","url":"'"$near"'cut/planner","body":"{}"}' | jq -e '.error.kind == "cut" and .error.sent'
    http '{"method":"POST","url":"'"$near"'slow/planner","body":"{}","deadline_s":0.5}' | jq -e '.error.kind == "timeout" and .error.sent'
    http '{"method":"GET","url":"http://127.0.0.1:1/"}' | jq -e '.error.kind == "unreachable" and (.error.sent | not)'
    for url in file:///etc/passwd ftp://127.0.0.1/ gopher://127.0.0.1/ nothing 'http://'; do
        http '{"method":"GET","url":"'"$url"'"}' | jq -e '.error.kind == "invalid" and (.error.sent | not)'
    done
}

@test "execdm-http: a wrong description is refused, and says what was expected" {
    local line
    while read -r line; do
        run -65 --separate-stderr execdm-http <<<"$line"
        same "" "$output"
    done <<'END'
{}
[]
{"method":"GET"}
{"method":"BREW","url":"http://127.0.0.1:1/"}
{"method":"GET","url":5}
{"method":"GET","url":"http://127.0.0.1:1/","deadline_s":0}
{"method":"GET","url":"http://127.0.0.1:1/","max_bytes":-1}
{"method":"GET","url":"http://127.0.0.1:1/","redirects":"maybe"}
{"method":"GET","url":"http://127.0.0.1:1/","headers":{"Authorization":"Basic x"}}
{"method":"GET","url":"http://127.0.0.1:1/","headers":{"A":"b\r\nHost: c"}}
{"method":"GET","url":"http://127.0.0.1:1/","headers":{"A: b\r\nHost":"c"}}
{"method":"GET","url":"http://127.0.0.1:1/","timeout":1}
END
    run -65 execdm-http </dev/null
    run -64 execdm-http x </dev/null
}

@test "execdm-http: a credential comes by a descriptor and goes to one host only" {
    elsewhere near
    request() { printf '{"method":"POST","url":"%s","body":"{}","credential_fd":3}' "$1"; }
    request "${near}planner" | execdm-http 3< <(printf 'Bearer secret\n') >reply
    same "POST /planner with a credential" "$(tail -n 1 near.port.log)"
    # moved on the same host it goes along; on another one, be it the same machine, it does not
    request "${near}moved/planner" | execdm-http 3< <(echo Bearer secret) >reply
    same "POST /planner with a credential" "$(tail -n 1 near.port.log)"
    request "${near}to-login/planner" | execdm-http 3< <(echo Bearer secret) >reply
    jq -e '.url | startswith("http://localhost:")' reply
    same "POST /planner " "$(tail -n 1 near.port.log)"
    run ! grep -q secret reply
    request "$near" >wrong
    run -71 execdm-http <wrong 3<&-
    run -65 execdm-http <wrong 3</dev/null
    run -65 execdm-http <wrong 3< <(printf 'Bearer a\nHost: b\n')
}

@test "execdm-http: TLS is verified, and https: never becomes http:" {
    require openssl
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout key.pem -out cert.pem 2>/dev/null
    cat >tls.py <<'END'
import http.server, os, ssl
class H(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        self.send_response(302 if self.path == "/down" else 200)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    do_POST = do_GET
s = http.server.HTTPServer(("127.0.0.1", 0), H)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain("cert.pem", "key.pem")
s.socket = c.wrap_socket(s.socket, server_side=True)
with open("tls.new", "w") as f: print(s.server_address[1], file=f)
os.rename("tls.new", "tls.port")
s.serve_forever()
END
    /usr/bin/python3 tls.py >tls.out 2>&1 3>&- &
    echo $! >tls.pid
    wait_until 20 test -e tls.port
    port=$(cat tls.port)
    export no_proxy=127.0.0.1,localhost
    unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
    http '{"method":"GET","url":"https://localhost:'"$port"'/"}' | jq -e '.error.kind == "tls"'
    SSL_CERT_FILE=$PWD/cert.pem http '{"method":"GET","url":"https://localhost:'"$port"'/"}' | jq -e '.status == 200 and .body == "ok"'
    # the certificate is of another host
    SSL_CERT_FILE=$PWD/cert.pem http '{"method":"GET","url":"https://127.0.0.1:'"$port"'/"}' | jq -e '.error.kind == "tls"'
    SSL_CERT_FILE=$PWD/cert.pem http '{"method":"GET","url":"https://localhost:'"$port"'/down"}' |
        jq -e '.error.kind == "redirect" and (.error.text | contains("from https: to http:"))'
    # the programs trust whom they are told to trust
    task sh='exit 0'
    SSL_CERT_FILE=$PWD/cert.pem execdm-plan --planner="https://localhost:$port/down" task.json >answer.json || true
    jq -e '.messages[0].rule == "planner-answer"' answer.json
    execdm-plan --planner="https://localhost:$port/down" task.json >answer.json || true
    jq -e '.messages[0].rule == "planner-down"' answer.json
}

@test "without execdm-http a planner is down, and platforms here answer" {
    mkdir bare
    cp "$TOP_BUILDDIR/cmd/execdm-plan" bare/
    [ ! -e /usr/local/libexec/execdm/execdm-http ] || skip "an execdm-http is installed"
    task sh='exit 0'
    bare/execdm-plan --planner=http://127.0.0.1:1/ --planner=localhost task.json >answer.json
    jq -e '.messages[0].text | contains("execdm-http is not installed")' answer.json
    same 1 "$(jq '.offers | length' answer.json)"
}

@test "pages: their examples with a planner elsewhere work" {
    require mandoc
    elsewhere near
    works near
    cat >hello.yaml <<'END'
name: hello
executable:
  type: https://www.purl.org/ivoa.net/executable-types/python-program
  spec: {program: hello.py}
END
    for page in plan.1 accept.1 status.1 phase.1 run.1; do
        echo 'print("hello")' >hello.py
        [ "$page" != phase.1 ] || echo 'import time; time.sleep(300)' >hello.py # what is aborted has not ended
        mandoc -T ascii "$TOP_SRCDIR/man/execdm-$page" | sed 's/.\x08//g' |
            sed -n "s|^ *\\$ \(.*\)https://planner.example.org/|\1$near|p; s|^ *\\$ \(.*planner.example.org.*\)|\1|p" >page.sh
        [ -s page.sh ]
        cat page.sh
        bash -euo pipefail page.sh >said
    done
    jq -e '.phase == "COMPLETED"' said
    mandoc -T ascii "$TOP_SRCDIR/man/execdm-http.8" | sed 's/.\x08//g' | sed -n '/^EXAMPLES/,/^SEE ALSO/s/^ *\($ \|  *\)//p' |
        sed "s|https://planner.example.org/|$near|; s|/usr/libexec/execdm/||; 1d" >page.sh
    cat page.sh
    bash -euo pipefail page.sh | jq -e '.status == 404'
}

@test "a planner's URL with a user or a password is refused before anybody sees it" {
    task sh='exit 0'
    run -64 --separate-stderr execdm-plan --planner=http://ada:S3CRET@127.0.0.1:1/ task.json
    [[ $stderr == *'must not name a user or password'* ]]
    run ! grep -q S3CRET <<<"$output$stderr"
}
