#!/usr/bin/env bats
# Small input files that come with a task: parts of a form, upload:NAME in the task.
# bats file_tags=real,once

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require faketime
}
teardown() { site_stop; }

# plan CURLOPTION...: POSTs a form; prints the status, leaves answer.json
plan() {
    curl -sS -o answer.json -w '%{http_code}' "$@" "$SITE/planner"
}

accept() {
    curl -sS -o /dev/null -w '%{redirect_url}' -X POST "$(jq -r '.offers[0].accept' answer.json)"
}

completed() { # URL
    [ "$(curl -sS -H "Accept: application/json" "$1" | jq -r .phase)" = COMPLETED ]
}

kept() { # how many sets of files are there
    find "$SITE_DIR/state/uploads" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

@test "a task comes with its input files: they are staged, told as the task calls them, and go with the job" {
    local job way
    for way in cgi fcgi; do
        site_configure '  uploads: 1 MiB'
        site_start "$way"
        site_worker
        printf 'line\r\n\0--more\r\n' >some.bin
        task sh='cat /in; wc -c </in' r:/in=upload:some.bin
        same 200 "$(plan -F 'task=@task.json;type=application/json' -F 'some.bin=@some.bin;filename=../../etc/passwd')"
        same YES "$(jq -r .result answer.json)"
        # nothing says where they are
        run ! grep -q "$SITE_DIR/state" answer.json
        same upload:some.bin "$(jq -r '.offers[0].resources.storage[0].spec.location' answer.json)"
        same 1 "$(kept)"
        same 0600 "$(find "$SITE_DIR/state/uploads" -type f -name some.bin -printf '%#m' | sed 's/^0*/0/')"
        job=$(accept)
        wait_until 120 completed "$job"
        { cat some.bin && echo 15; } | cmp - "$SITE_DIR/state/jobs/${job##*/}/attempt-1/stdout"
        curl -sS -H "Accept: application/json" "$job" | jq -e '.. | strings | select(contains("'"$SITE_DIR"'/state/uploads"))' && return 1
        same 1 "$(kept)"
        site_as execdm-phase "${job##*/}" archive >/dev/null
        same 0 "$(kept)"
        site_stop
    done
}

@test "a killed service and a killed worker lose none of them" {
    local job pid
    site_configure '  uploads: 1 MiB'
    site_start fcgi
    echo seven >in.txt
    task sh='cat /in' r:/in=upload:in.txt
    same 200 "$(plan -F task=@task.json -F in.txt=@in.txt)"
    pkill -KILL -P "$(cat "$SITE_DIR/run/server.pid")" || true
    kill -KILL "$(cat "$SITE_DIR/run/server.pid")"
    rm "$SITE_DIR/run/server.pid" "$SITE_DIR/run/apache.pid"
    SITE_PORT=${SITE##*:} site_start cgi
    site_worker
    kill -KILL "$(cat "$SITE_DIR/run/worker.pid")"
    job=$(accept)
    site_worker
    wait_until 120 completed "$job"
    same seven "$(cat "$SITE_DIR/state/jobs/${job##*/}/attempt-1/stdout")"
}

@test "what is not allowed: without uploads, too much, too many, names, names twice, no task" {
    local i many
    site_configure
    site_start cgi
    echo x >in.txt
    task sh='cat /in' r:/in=upload:in.txt
    same 403 "$(plan -F task=@task.json -F in.txt=@in.txt)"
    # a task alone is no upload, whatever it comes as
    jq 'del(.resources.storage, .resources.compute[0].volumes)' task.json >plain.json
    same 200 "$(plan -F task=@plain.json)"
    same 200 "$(plan -F "JDL=$(<plain.json)")"
    same 0 "$(kept)"
    site_stop
    site_configure '  uploads: 64 KiB'
    site_start cgi
    task sh='cat /in' r:/in=upload:in.txt
    same 400 "$(plan -F in.txt=@in.txt)"
    same 400 "$(plan -F task=@task.json -F in.txt=@in.txt -F in.txt=@in.txt)"
    for name in .hidden a/b ../b '%2e%2e' 'a b' "$(printf '%065d' 1)" -x; do
        same 400 "$(plan -F task=@task.json -F "$name=@in.txt")"
    done
    head -c 65537 /dev/zero >big
    same 413 "$(plan -F task=@task.json -F in.txt=@big)"
    head -c 65536 /dev/zero >big
    same 200 "$(plan -F task=@task.json -F in.txt=@big)"
    same YES "$(jq -r .result answer.json)"
    head -c 5000000 /dev/zero >big
    same 413 "$(plan -F task=@task.json -F in.txt=@big)"
    many=()
    for i in {1..100}; do many+=(-F "f$i=@in.txt"); done
    same 413 "$(plan -F task=@task.json -F in.txt=@in.txt "${many[@]}")"
    same 200 "$(plan -F task=@task.json -F in.txt=@in.txt "${many[@]:2}")"
    same YES "$(jq -r .result answer.json)"
    # one that did not come, and one to write to
    same 200 "$(plan -F task=@task.json -F other.txt=@in.txt)"
    jq -e '.result == "NO" and .messages[0].rule == "location-policy"' answer.json
    jq '.resources.compute[0].volumes[0].mode = "rw"' task.json >rw.json
    same 200 "$(plan -F task=@rw.json -F in.txt=@in.txt)"
    jq -e '.result == "NO" and any(.messages[]; .text | contains("only read"))' answer.json
    # files of another task are not there for this one
    same 200 "$(plan -F task=@task.json)"
    jq -e '.result == "NO"' answer.json
    # of those that came to nothing nothing is left: the two that were YES
    same 2 "$(kept)"
}

@test "what comes with a task that is typed into the page is what is kept" {
    local form
    site_configure '  uploads: 1 MiB'
    site_start cgi
    form=$(curl -sS -H 'Accept: text/html' "$SITE/planner" | sed -n 's/.*name="execdm-form" value="\([0-9a-f]*\)".*/\1/p' | head -n 1)
    head -c 500000 /dev/urandom >in.bin
    task sh='cat /in' r:/in=upload:in.bin
    same 200 "$(plan -H 'Accept: text/html' -F "execdm-form=$form" -F "task=$(<task.json)" -F in.bin=@in.bin)"
    has "$(<answer.json)" 'The answer is YES'
    cmp in.bin "$SITE_DIR"/state/uploads/*/in.bin
}

@test "an identity has a bound to what it leaves here: files and jobs that never run" {
    local job
    require sqlite3
    site_configure '  uploads: 1 MiB'
    site_start cgi
    echo x >in.txt
    task sh='cat /in' r:/in=upload:in.txt
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -F task=@task.json -F in.txt=@in.txt "$SITE/jobs")
    same 1 "$(kept)"
    # as if there were a thousand, and a gigabyte
    site_as truncate -s 1G "$SITE_DIR"/state/uploads/*/in.txt
    same 413 "$(plan -F task=@task.json -F in.txt=@in.txt)"
    has "$(jq -r .detail answer.json)" 'anonymous'
    site_as sqlite3 "$SITE_DIR/state/execdm.db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
        INSERT INTO jobs(id,phase,attempt,name,owner,platform,driver,created,started,ended,destruction,live,doc)
        SELECT printf('%s%012d', '00000000-0000-7000-8000-', i),phase,attempt,name,owner,platform,driver,created,0,0,destruction,live,doc FROM jobs, n"
    same 403 "$(curl -sS -o answer.json -w '%{http_code}' -X POST "$SITE/jobs")"
    same 303 "$(curl -sS -o /dev/null -w '%{http_code}' -X DELETE "$job")"
    same 303 "$(curl -sS -o answer.json -w '%{http_code}' -X POST "$SITE/jobs")"
    same 403 "$(curl -sS -o answer.json -w '%{http_code}' -X POST "$SITE/jobs")"
}

@test "what nobody accepted goes with its offers" {
    site_configure '  uploads: 64 KiB'
    site_start cgi
    echo x >in.txt
    task sh='cat /in' r:/in=upload:in.txt
    same 200 "$(plan -F task=@task.json -F in.txt=@in.txt)"
    same 1 "$(kept)"
    site_as execdm-run --once
    same 1 "$(kept)"
    site_as faketime -f +1d execdm-run --once
    same 0 "$(kept)"
}

@test "on the command line upload: means nothing" {
    task sh='cat /in' r:/in=upload:in.txt
    run -1 execdm-plan task.json
    [[ $output == *upload:in.txt* ]]
}

@test "jobs made over UWS have them, too: at once, and as drafts that run later" {
    local job
    site_configure '  uploads: 64 KiB'
    site_start cgi
    site_worker
    echo eight >in.txt
    task sh='cat /in' r:/in=upload:in.txt
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -F PHASE=RUN -F JDL=@task.json -F in.txt=@in.txt "$SITE/jobs")
    wait_until 120 completed "$job"
    same eight "$(cat "$SITE_DIR/state/jobs/${job##*/}/attempt-1/stdout")"
    same 1 "$(kept)"
    site_as execdm-phase "${job##*/}" archive >/dev/null
    same 0 "$(kept)"
    # a draft keeps them until it is run, and is destroyed
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -F "task=$(<task.json)" -F in.txt=@in.txt "$SITE/jobs")
    site_as faketime -f +2d execdm-run --once
    same 1 "$(kept)"
    curl -sS -o /dev/null -d PHASE=RUN "$job/phase"
    wait_until 120 completed "$job"
    same eight "$(cat "$SITE_DIR/state/jobs/${job##*/}/attempt-1/stdout")"
    same 303 "$(curl -sS -o /dev/null -w '%{http_code}' -X DELETE "$job")"
    gone() { [ "$(kept)" = 0 ]; }
    wait_until 60 gone
    # and one that is deleted before takes them with it
    job=$(curl -sS -o /dev/null -w '%{redirect_url}' -F "task=$(<task.json)" -F in.txt=@in.txt "$SITE/jobs")
    same 1 "$(kept)"
    same 303 "$(curl -sS -o /dev/null -w '%{http_code}' -X DELETE "$job")"
    wait_until 60 gone
}
