#!/usr/bin/env bats
# Jobs made and changed over HTTP as UWS 1.1 has it, by curl against Apache: created, started, aborted, limited, deleted.
# bats file_tags=once
bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require curl jq
}
teardown() { site_stop; }

# post URL ARG...: what curl says, "CODE LOCATION"; the body is in body
post() {
    local url=$1
    shift
    curl -sS -o body -w '%{http_code} %{redirect_url}' -X POST "$url" "$@"
}

# make ARG...: a job, its URL in $job
make() {
    local said
    said=$(post "$SITE/jobs" "$@")
    has "$said" "303 $SITE/jobs/"
    job=${said#303 }
}

look() { # FILTER: of the job's document
    curl -sS --fail-with-body -H 'Accept: application/json' "$job" | jq -c -r "$1"
}

in_phase() {
    [ "$(look .phase)" = "$1" ]
}

# ends PHASE: it does, and nothing else
ends() {
    wait_until 120 gone_on
    same "$1" "$(look .phase)"
}
gone_on() {
    case $(look .phase) in COMPLETED | ERROR | ABORTED | ARCHIVED) ;; *) return 1 ;; esac
}

# A program that nobody else runs: sleeps SECONDS.FRACTION of its own, and is found by that.
sleeper() {
    nap=$1.$RANDOM$RANDOM
    task sh="sleep $nap" "${@:2}"
}
sleeps() {
    pgrep -f "^sleep $nap\$" >/dev/null
}
sleeps_no_more() {
    ! sleeps
}

# bats test_tags=real
@test "a job made of a form waits until it is told to run, then runs to its end" {
    local way
    for way in cgi fcgi; do
        site_start "$way"
        site_worker
        task sh='echo hello >/outputs/greeting' name=greeter
        make --data-urlencode JDL@task.json -d RunId=mine -d colour=blue
        same PENDING "$(curl -sS "$job/phase")"
        same '["greeter","mine","run",["JDL","colour"],null]' \
            "$(look '[.name, .runid, .waiting_for, [.parameters[].name], .platform]')"
        same "$(jq -c -S . task.json | jq .name)" "$(look '.parameters[0].value' | jq .name)"
        same PENDING "$(curl -sS -H 'Accept: application/json' "$job?WAIT=1" | jq -r .phase)" # a worker is at work, and leaves it
        same "303 $job" "$(post "$job/phase" -d phase=run)"
        ends COMPLETED
        same '["greeter","mine",["JDL","colour"],"localhost"]' "$(look '[.name, .runid, [.parameters[].name], .platform]')"
        same hello "$(curl -sS "$job/results/greeting")"
        site_as execdm-store check
        site_stop
    done
}

# bats test_tags=real
@test "a job is made of a document, and started at once" {
    site_start
    site_worker
    task sh='echo hello'
    make -H 'Content-Type: application/json' --data-binary @task.json
    same '["PENDING","run"]' "$(look '[.phase, .waiting_for]')"
    /usr/bin/python3 -c 'import json, sys, yaml; yaml.safe_dump(json.load(sys.stdin), sys.stdout)' <task.json >task.yaml
    curl -sS -o body -w '%{http_code} %{redirect_url}' -H 'Content-Type: application/yaml' --data-binary @task.yaml \
        "$SITE/jobs?PHASE=RUN" >said
    has "$(<said)" "303 $SITE/jobs/"
    job=$(cut -d' ' -f2 said)
    ends COMPLETED
    make --data-urlencode TASK@task.yaml -d PHASE=RUN
    ends COMPLETED
}

# bats test_tags=real
@test "an empty POST makes a job that awaits its task; a planned one keeps its parameters" {
    site_start
    make
    same '["PENDING",[]]' "$(look '[.phase, .parameters]')"
    has "$(post "$job/phase" -d PHASE=RUN)" 422
    has "$(jq -r .detail body)" JDL
    same "303 $job" "$(post "$job/parameters" -d a=1 -d b=2 -d RUNID=first)"
    task sh='true' name=one
    same "303 $job" "$(post "$job/parameters" --data-urlencode jdl@task.json -d A=3 -d RUNID=second)"
    same '["one","second",[["b","2"],"jdl",["A","3"]]]' \
        "$(look '[.name, .runid, [.parameters[] | if .name == "jdl" then .name else [.name, .value] end]]')"
    task sh='true' name=two
    same "303 $job" "$(post "$job/parameters" --data-urlencode TASK@task.json)"
    same '["two",["b","A","TASK"]]' "$(look '[.name, [.parameters[].name]]')"
    local i pids=()
    for i in 1 2 3 4 5; do
        curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\n' -d PHASE=RUN "$job/phase" >"run.$i" 3>&- & # all at once
        pids+=($!)
    done
    wait "${pids[@]}" # bats has children of its own
    same "303 $job" "$(sort -u run.?)"
    has "$(post "$job/parameters" -d a=1)" 403
    same '["two",["b","A","TASK"]]' "$(look '[.name, [.parameters[].name]]')"
    same "303 $job" "$(post "$job/phase" -d PHASE=RUN)" # again is no harm
    same 1 "$(look '[.history[] | select(.why == "offer accepted")] | length')"
}

# bats test_tags=real
@test "what cannot be run makes no job, and the answer says why" {
    site_start
    task sh=true memory=4194304
    has "$(post "$SITE/jobs" --data-urlencode JDL@task.json)" 422
    has "$(jq -r '.detail + " " + .findings[0].pointer' body)" 'NO' minmemory
    has "$(post "$SITE/jobs" -H 'Content-Type: application/json' --data-binary @task.json)" 422
    echo '{"resources": {"compute": [{"mincoers": 1}]}}' >task.json
    has "$(post "$SITE/jobs" --data-urlencode JDL@task.json)" 400
    has "$(jq -r '.findings[].text' body)" mincoers
    has "$(post "$SITE/jobs" -d 'JDL=[')" 400
    has "$(post "$SITE/jobs" -d 'JDL={}' -d 'TASK={}')" 400
    has "$(post "$SITE/jobs" -d PHASE=RUN)" 422
    has "$(post "$SITE/jobs" -d PHASE=ABORT)" 400
    has "$(post "$SITE/jobs" -H 'Content-Type: image/png' -d x)" 415
    same 0 "$(curl -sS -H 'Accept: application/json' "$SITE/jobs" | jq '.jobs | length')"
    # one that was possible when it was made
    make
    task sh=true memory=4194304
    has "$(post "$job/parameters" --data-urlencode JDL@task.json)" 422
    same '[]' "$(look .parameters)"
}

# bats test_tags=real
@test "phases are asked for at the job and below it, in any case, as a form and as a document" {
    site_start
    task sh=true start="$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)/PT1H"
    make --data-urlencode JDL@task.json -d PHASE=RUN
    same PENDING "$(look .phase)"
    same "303 $job" "$(post "$job/phase" -d PHASE=HOLD)"
    same HELD "$(look .phase)"
    has "$(post "$job/phase" -d PHASE=HOLD)" 403
    same "303 $job" "$(post "$job" -d Phase=Release)"
    same PENDING "$(look .phase)"
    same "303 $job" "$(post "$job/phase" -H 'Content-Type: application/json' -d '{"phase": "hold"}')"
    same "303 $job" "$(post "$job/phase?PHASE=RUN")" # UWS has no other word to release it
    same PENDING "$(look .phase)"
    local bad
    for bad in PHASE=FLY PHASE= PHASE=DELETE ACTION=DELETE x=1; do
        has "$(post "$job/phase" -d "$bad")" 400
    done
    has "$(post "$job/phase")" 400
    has "$(post "$job" -d ACTION=UNDO)" 400
    has "$(post "$job/phase" -H 'Content-Type: application/json' -d '{"name": "x"}')" 400
    has "$(post "$job/phase" -H 'Content-Type: application/json' -d '["RUN"]')" 400
    has "$(post "$job/phase" -H 'Content-Type: text/xml' -d '<RUN/>')" 415
    has "$(post "$job/phase" -d PHASE=SUSPEND)" 403
    same "303 $job" "$(post "$job/phase" -d PHASE=ABORT)"
    same ABORTED "$(look .phase)"
    has "$(post "$job/phase" -d PHASE=ABORT)" 403
    has "$(post "$job/phase" -d PHASE=RUN)" 403
    has "$(post "$SITE/jobs/01890a5d-ac96-774b-bcce-b302099a8057/phase" -d PHASE=ABORT)" 404
}

# bats test_tags=real
@test "a job is changed by a document, all of it or nothing" {
    site_start
    task sh=true name=before
    make --data-urlencode JDL@task.json
    patch() { curl -sS -o body -w '%{http_code}' -X PATCH -H 'Content-Type: application/json' "$job" -d "$1"; }
    local when
    when=$(date -u -d '+300 days' +%Y-%m-%dT03:04:05)
    same 200 "$(patch '{"name": "after", "runid": "r", "executionduration": 60, "destruction": "'"$when"'Z"}')"
    same '["after","r","PT1M","'"$when"'.000Z"]' "$(jq -c '[.name, .runid, .executionduration, .destruction]' body)"
    same 400 "$(patch '{"name": "no", "colour": "blue"}')"
    same 400 "$(patch '{"name": 7}')"
    same 400 "$(patch '{}')"
    same 415 "$(curl -sS -o body -w '%{http_code}' -X PATCH "$job" -d name=no)"
    same 400 "$(patch '{"phase": "abort", "Phase": "run", "PHASE": "abort"}')"
    has "$(<body)" 'twice'
    same '"after"' "$(look .name | jq -R .)"
    same 200 "$(patch '{"phase": "RUN"}')"
    same '["after","r","PT1M","'"$when"'.000Z","QUEUED","localhost"]' \
        "$(jq -c '[.name, .runid, .executionduration, .destruction, .phase, .platform]' body)"
    same 403 "$(patch '{"name": "no", "executionduration": "PT2M"}')"
    same 403 "$(patch '{"name": "no", "phase": "RESUME"}')"
    same 200 "$(patch '{"executionduration": "PT30S"}')"
    same '["after","PT30S"]' "$(look '[.name, .executionduration]')"
    site_as execdm-store check # what is booked is what it says
}

# bats test_tags=real
@test "ABORT ends the program; so does deleting, by either way" {
    local way
    site_start
    site_worker
    for way in abort delete action; do
        sleeper 3600
        make --data-urlencode JDL@task.json -d PHASE=RUN
        wait_until 120 sleeps
        wait_until 120 in_phase EXECUTING
        case $way in
            abort)
                same "303 $job" "$(post "$job/phase" -d PHASE=ABORT)"
                same ABORTED "$(look .phase)"
                ;;
            delete)
                same "303 $SITE/jobs" "$(curl -sS -o body -w '%{http_code} %{redirect_url}' -X DELETE "$job")"
                ;;
            action) same "303 $SITE/jobs" "$(post "$job" -d ACTION=DELETE)" ;;
        esac
        wait_until 120 sleeps_no_more
        [ "$way" = abort ] || same 404 "$(curl -sS -o body -w '%{http_code}' "$job")"
        [ "$way" = abort ] || [ ! -e "$SITE_DIR/state/jobs/${job##*/}/attempt-1" ]
    done
    same 1 "$(curl -sS -H 'Accept: application/json' "$SITE/jobs" | jq '.jobs | length')"
    make # one that was never planned
    same "303 $SITE/jobs" "$(curl -sS -o body -w '%{http_code} %{redirect_url}' -X DELETE "$job")"
    same 404 "$(curl -sS -o body -w '%{http_code}' "$job")"
}

# bats test_tags=real
@test "the limit of time is lowered while the job waits, and ends its program" {
    site_start
    sleeper 3600
    make --data-urlencode JDL@task.json
    same "303 $job" "$(post "$job/executionduration" -d EXECUTIONDURATION=2)"
    same 2 "$(curl -sS "$job/executionduration")"
    has "$(post "$job/executionduration" -d EXECUTIONDURATION=-2)" 400
    has "$(post "$job/executionduration" -d EXECUTIONDURATION=soon)" 400
    has "$(post "$job/executionduration" -d EXECUTIONDURATION=99999999999999999999)" 400
    has "$(post "$job/executionduration" -d EXECUTIONDURATION=2147483648)" 400
    has "$(post "$job/executionduration" -d EXECUTIONDURATION=P1000Y)" 400
    same "303 $job" "$(post "$job/phase" -d PHASE=RUN)"
    same 2 "$(curl -sS "$job/executionduration")"
    has "$(post "$job/executionduration" -d EXECUTIONDURATION=3)" 403 # more than was booked
    same "303 $job" "$(post "$job/executionduration" -d EXECUTIONDURATION=0)" # UWS: as much as there is
    same "303 $job" "$(post "$job" -d executionDuration=1)"
    site_worker
    ends ABORTED
    same '["PT1S","timelimit"]' "$(look '[.executionduration, .error.reason]')"
    wait_until 120 sleeps_no_more
    sleeper 3600
    make --data-urlencode JDL@task.json -d PHASE=RUN
    wait_until 120 sleeps
    wait_until 120 in_phase EXECUTING
    has "$(post "$job/executionduration" -d EXECUTIONDURATION=1)" 403
    same "303 $job" "$(post "$job/phase" -d PHASE=ABORT)"
}

# bats test_tags=real
@test "at its destruction a job's files go; one that goes on is aborted, one never planned goes, too" {
    site_start
    site_worker
    soon() { date -u -d "+${1-1} seconds" +%Y-%m-%dT%H:%M:%S.500Z; }
    task sh='echo a >/outputs/a'
    make --data-urlencode JDL@task.json -d PHASE=RUN
    ends COMPLETED
    same a "$(curl -sS "$job/results/a")"
    has "$(post "$job/destruction" -d DESTRUCTION=tomorrow)" 400
    has "$(post "$job/destruction" -d DESTRUCTION="$(date -u -d '+367 days' +%Y-%m-%dT%H:%M:%SZ)")" 400
    same "303 $job" "$(post "$job/destruction" -d DESTRUCTION="$(soon)")"
    wait_until 120 in_phase ARCHIVED
    same 404 "$(curl -sS -o body -w '%{http_code}' "$job/results/a")"
    [ ! -e "$SITE_DIR/state/jobs/${job##*/}" ]
    has "$(post "$job/destruction" -d DESTRUCTION="$(soon)")" 403

    sleeper 3600
    make --data-urlencode JDL@task.json -d PHASE=RUN
    wait_until 120 sleeps
    wait_until 120 in_phase EXECUTING
    same "303 $job" "$(post "$job/destruction" -d DESTRUCTION="$(soon 2)")"
    wait_until 120 in_phase ARCHIVED
    wait_until 120 sleeps_no_more
    has "$(look '[.history[] | [.phase, .why]]')" '["ABORTED","its destruction time"]'

    make --data-urlencode JDL@task.json
    same "303 $job" "$(post "$job" -d DESTRUCTION="$(soon)")"
    wait_until 120 in_phase ARCHIVED
}

# bats test_tags=real
@test "a POST with a key makes one job, however often and from wherever it comes" {
    require sqlite3
    local i said pids=()
    site_user ada secret
    site_user bob secret
    site_start
    task sh=true
    for i in 1 2 3 4 5 6; do
        post "$SITE/jobs" -o "body.$i" -H 'Idempotency-Key: k1' --data-urlencode JDL@task.json >"said.$i" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    same 1 "$(cat said.? | sed 's/$/\n/' | grep . | sort -u | wc -l)"
    said=$(<said.1)
    has "$said" "303 $SITE/jobs/"
    same "$said" "$(post "$SITE/jobs" -H 'Idempotency-Key: k1' --data-urlencode JDL@task.json)"
    has "$(post "$SITE/jobs" -H 'Idempotency-Key: k1' --data-urlencode JDL@task.json -d PHASE=RUN)" 422
    [ "$said" != "$(post "$SITE/jobs" -H 'Idempotency-Key: k2' --data-urlencode JDL@task.json)" ]
    for i in ada bob; do # keys are of who gives them
        post "$SITE/jobs" -u "$i:secret" -H 'Idempotency-Key: k1' --data-urlencode JDL@task.json >"said.$i"
        has "$(<"said.$i")" "303 $SITE/jobs/"
    done
    same 3 "$(cat said.1 said.ada said.bob | sed 's/303/\n&/g' | grep . | sort -u | wc -l)"
    has "$(post "$SITE/jobs" -H "Idempotency-Key: $(printf '%0300d' 1)" --data-urlencode JDL@task.json)" 400
    # a form with files is the same with another boundary, and another with another file
    echo one >extra
    said=$(post "$SITE/jobs" -H 'Idempotency-Key: k3' -F 'JDL=<task.json' -F 'x=<extra')
    same "$said" "$(post "$SITE/jobs" -H 'Idempotency-Key: k3' -F 'JDL=<task.json' -F 'x=<extra')"
    echo two >extra
    has "$(post "$SITE/jobs" -H 'Idempotency-Key: k3' -F 'JDL=<task.json' -F 'x=<extra')" 422
    # a job that was deleted has no key any more
    has "$(post "${said#303 }" -d ACTION=DELETE)" 303
    [ "$said" != "$(post "$SITE/jobs" -H 'Idempotency-Key: k3' -F 'JDL=<task.json' -F 'x=<extra')" ]
    said=$(<said.1)
    # a day later it is forgotten
    site_as sqlite3 -cmd '.timeout 30000' "$SITE_DIR/state/execdm.db" "UPDATE keys SET time = time - 86400001 WHERE key = 'k1'"
    [ "$said" != "$(post "$SITE/jobs" -H 'Idempotency-Key: k1' --data-urlencode JDL@task.json)" ]
    same 1 "$(site_as sqlite3 -cmd '.timeout 30000' "$SITE_DIR/state/execdm.db" "SELECT count(*) FROM keys WHERE key = 'k1'")"
}

# bats test_tags=real
@test "nobody changes the jobs of others, or learns that they are" {
    local what
    site_user ada secret
    site_user bob secret
    site_start
    task sh=true
    make -u ada:secret --data-urlencode JDL@task.json
    for what in bob:secret nobody; do
        local words=(-u "$what")
        [ "$what" != nobody ] || words=()
        has "$(post "$job/phase" "${words[@]}" -d PHASE=RUN)" 404
        has "$(post "$job/parameters" "${words[@]}" -d a=b)" 404
        has "$(post "$job/destruction" "${words[@]}" -d DESTRUCTION=2042-01-01)" 404
        same 404 "$(curl -sS -o body -w '%{http_code}' "${words[@]}" -X DELETE "$job")"
        same 404 "$(curl -sS -o body -w '%{http_code}' "${words[@]}" "$job/stdout")"
        same 404 "$(curl -sS -o body -w '%{http_code}' "${words[@]}" "$job?WAIT=30")"
    done
    same "PENDING" "$(curl -sS -u ada:secret "$job/phase")"
}

# bats test_tags=real
@test "what is secret in the task of a job that waits is sealed, and used when it runs" {
    grep -q '^#define HAVE_CURL' "$TOP_BUILDDIR/config.h" || skip "built without libcurl"
    site_configure 'policy: {private-addresses: true}'
    site_start
    mkdir in
    echo data >in/a
    serve in
    task sh='cat /inputs/a' r:/inputs/a="http://ada:sesame-42@${web#http://}/a"
    make --data-urlencode JDL@task.json
    post "$job/parameters" --data-urlencode JDL@task.json >said
    same "303 $job" "$(<said)"
    has "$(look '.parameters[0].value')" "http://ada@${web#http://}/a"
    same "" "$(grep -rl sesame-42 "$SITE_DIR"/{state,log} || :)"
    post "$job/phase" -d PHASE=RUN >said
    same "303 $job" "$(<said)"
    site_worker
    ends COMPLETED
    same data "$(curl -sS "$job/stdout")"
    same "" "$(grep -rl sesame-42 "$SITE_DIR"/{state,log} || :)"
}

# bats test_tags=real
@test "commands on the service's machine know a job that was not planned yet" {
    site_start
    task sh=true name=draft
    make --data-urlencode JDL@task.json
    local id=${job##*/}
    look . >draft.json
    execdm-validate --as=job draft.json >/dev/null
    has "$(site_as execdm-status --format=table "$id")" "draft  PENDING  - " "waits for run"
    run -79 site_as execdm-run "$id"
    site_as execdm-run --once
    run -79 site_as execdm-phase "$id" run
    run -79 site_as execdm-phase "$id" hold
    site_as execdm-store check
    site_as execdm-phase "$id" abort >aborted.json
    same ABORTED "$(look .phase)"
    same "303 $SITE/jobs" "$(post "$job" -d ACTION=DELETE)"
    site_as execdm-store check
}

# bats test_tags=real
@test "our own commands plan, accept, follow, hold and delete at a service" {
    local id
    grep -q '^#define HAVE_CURL' "$TOP_BUILDDIR/config.h" || skip "built without libcurl"
    site_start
    site_worker
    printf 'execdm: 1\nplanners:\n  - {name: there, url: "%s/"}\n' "$SITE" >"$EXECDM_CONFIG/execdm.yaml"
    task sh='echo hello' start="$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)/PT1H"
    execdm-plan --planner=there task.json | execdm-accept >accepted.json
    id=$(jq -r .id accepted.json)
    has "$(jq -r .url accepted.json)" "$SITE/jobs/$id"
    execdm-phase "$id" hold >held.json
    same HELD "$(jq -r .phase held.json)"
    same HELD "$(execdm-status --format=json "$id" | jq -r .phase)"
    execdm-phase "$id" release >released.json
    same PENDING "$(jq -r .phase released.json)"
    run -79 execdm-phase "$id" suspend
    execdm-phase "$id" abort >aborted.json
    same ABORTED "$(jq -r .phase aborted.json)"
    execdm-phase "$id" archive >archived.json
    same ARCHIVED "$(jq -r .phase archived.json)"
    execdm-phase "$id" delete
    same 404 "$(curl -sS -o body -w '%{http_code}' "$SITE/jobs/$id")"

    task sh='echo hello; echo more >/outputs/x'
    execdm-plan --planner=there task.json | execdm-accept >accepted.json
    id=$(jq -r .id accepted.json)
    execdm-status --wait --timeout=120 --format=json "$id" >end.json
    same COMPLETED "$(jq -r .phase end.json)"
    same hello "$(curl -sS "$(jq -r '.results[] | select(.name == "stdout").url' end.json)")"
    sleeper 3600
    execdm-plan --planner=there task.json | execdm-accept >accepted.json
    wait_until 120 sleeps
    execdm-phase "$(jq -r .id accepted.json)" suspend >suspended.json
    same SUSPENDED "$(jq -r .phase suspended.json)"
    execdm-phase "$(jq -r .id accepted.json)" resume >/dev/null
    execdm-phase "$(jq -r .id accepted.json)" delete
    wait_until 120 sleeps_no_more
}
