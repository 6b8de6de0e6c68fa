#!/usr/bin/env bats
# execdm-status: what is known of a job, from a process that knows nothing but its id.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
}

@test "by the whole id, by its beginning, from a list, from a document" {
    id=$(submit sh='exit 0' name=one)
    same "$id" "$(execdm-status "$id" | jq -r .id)"
    same "$id" "$(execdm-status "${id:0:18}" | jq -r .id)"
    same "$id" "$(execdm-status <accepted.json | jq -r .id)"
    same "$id" "$(execdm-status "${id: -12}" | jq -r .id)"
    run -66 execdm-status "${id:0:3}"
    run -66 execdm-status 00000000-0000-7000-8000-000000000000
    run -66 execdm-status no-such-job
    run -66 execdm-status "${id:0:8}%"
    run -65 execdm-status </dev/null
    two=$(submit sh='exit 0' name=two)
    same "two one" "$(execdm-status --list | jq -r .name | xargs)"
    same "one two" "$(execdm-status "$id" "$two" | jq -r .name | xargs)"
    same "$two" "$(execdm-status --list | head -1 | jq -r .id)"
}

@test "no jobs: an empty list, and nothing is wrong" {
    run -0 execdm-status --list
    same "" "$output"
}

@test "wrong command lines" {
    run -64 execdm-status --wait=SOON x
    run -64 execdm-status --timeout=later x
    run -64 execdm-status --timeout=-1 x
    run -64 execdm-status --format=xml x
}

@test "what a job waits for: a worker, its window, nobody" {
    id=$(submit sh='exit 0')
    same worker "$(job "$id" .waiting_for)"
    later=$(submit sh='exit 0' start="$(date -u -d '+10 minutes' +%Y-%m-%dT%H:%M:%SZ)/PT1H")
    same "start window" "$(job "$later" .waiting_for)"
    execdm-run --once
    is "$later" PENDING
    work "$id"
    same null "$(job "$id" .waiting_for)"
}

@test "a program that has ended while no worker was there waits for one" {
    id=$(submit sh='sleep 1')
    execdm-run --once
    wait_until 20 test -e "$(files "$id")/attempt-1/exit.json"
    is "$id" EXECUTING
    same worker "$(job "$id" .waiting_for)"
    same RUNNING "$(job "$id" .status)"
    execdm-run --once
    is "$id" COMPLETED
}

@test "--wait ends with the job, --wait=PHASE with the phase, --timeout with 75" {
    id=$(submit sh='until [ -e /inputs/d/go ]; do sleep 0.05; done' r:/inputs/d="$(mkdir d && echo d)")
    run -75 execdm-status --wait --timeout=0.3 "$id"
    has "$output" PENDING
    execdm-status --wait=EXECUTING --timeout=20 "$id" >waited &
    waiter=$!
    execdm-run --once
    wait "$waiter"
    same EXECUTING "$(jq -r .phase waited)"
    run -75 execdm-status --wait --timeout=0.3 "$id"
    execdm-status --wait --timeout=20 "$id" >waited &
    waiter=$!
    execdm-phase "$id" abort
    wait "$waiter"
    same ABORTED "$(jq -r .phase waited)"
    same ABORTED "$(execdm-status --wait=EXECUTING "$id" | jq -r .phase)"
}

@test "a table on a terminal, JSON in a pipe, either by --format" {
    require script
    id=$(submit sh='echo 1 >a; exit 3' name=mytask)
    run work "$id"
    script -qec "execdm-status $id" /dev/null </dev/null >screen
    has "$(cat screen)" JOB PHASE mytask ERROR FINALIZING stdout "exit code 3"
    run ! grep -q '{' screen
    script -qec "execdm-status --format=json $id" /dev/null </dev/null | tr -d '\r' | jq -e .id
    has "$(execdm-status --format=table "$id")" "$id" mytask
    # a person who names nothing sees all
    has "$(script -qec execdm-status /dev/null)" JOB mytask
}

@test "the document is a job by our own schema, in every phase met" {
    id=$(submit sh='echo 1 >a; kill -9 $$')
    execdm-status "$id" | execdm-validate --as=job >/dev/null
    execdm-run --once
    execdm-status "$id" | execdm-validate --as=job >/dev/null
    run work "$id"
    execdm-status "$id" | execdm-validate --as=job >/dev/null
    id=$(submit sh='sleep 100')
    execdm-run --once
    execdm-phase "$id" abort | execdm-validate --as=job >/dev/null
    id=$(submit sh='yes | head -c 70000000; ln -s /etc/passwd x')
    work "$id"
    execdm-validate --as=job "$id.json" >/dev/null
}

@test "a whole document, byte for byte" {
    echo abc >a
    id=$(submit sh='cat /inputs/a | tee /outputs/b' r:/inputs/a=a rw:/outputs=results/ max=PT1M memory=0.5)
    work "$id"
    jq -S --arg id "$id" --arg dir "$BATS_TEST_TMPDIR" --arg tiny "$tiny" --arg user "$(id -un)" '
        walk(if type == "string" then
                 gsub($id; "ID") | gsub($dir; "DIR") | gsub($tiny; "TINY") | gsub($user; "USER")
                 | gsub("20[0-9]{2}-[0-9:T.-]+Z"; "TIME") | gsub("sha256:3[0-9a-f]{63}$"; "IMAGE")
             else . end)
        | .usage |= map_values(if . >= 0 then "N" else . end)
        | .executable.spec.digest = "IMAGE" | .advisory = ["N"]
        | .resources.compute[].spec |= with_entries(if .key == "maxcores" then .value = "N" else . end)' "$id.json" >found
    cat >wanted <<'J'
{"advisory":["N"],"attempt":1,"backend":{"driver":"local","native":"DIR/state/jobs/ID/attempt-1"},
 "created":"TIME","datetime":[{"maxduration":"PT1M","minduration":"PT1M","start":"TIME/TIME"}],"destruction":"TIME",
 "ended":"TIME","executable":{"spec":{"command":["/bin/sh","-c","cat /inputs/a | tee /outputs/b"],"digest":"IMAGE",
  "image":"oci:TINY"},"type":"https://www.purl.org/ivoa.net/executable-types/oci-container"},
 "executionduration":"PT1M","exit":{"code":0},
 "history":[{"by":"owner","phase":"PENDING","time":"TIME","why":"offer accepted"},{"by":"worker","phase":"QUEUED","time":"TIME"},
  {"by":"worker","phase":"PREPARING","time":"TIME"},{"by":"worker","phase":"EXECUTING","time":"TIME"},
  {"by":"worker","phase":"FINALIZING","time":"TIME","why":"ok"},{"by":"worker","phase":"COMPLETED","time":"TIME"}],
 "id":"ID","name":"test","offer":"ID","owner":"USER","phase":"COMPLETED","platform":"localhost",
 "resources":{"compute":[{"name":"c","spec":{"maxcores":"N","maxmemory":0.5,"mincores":1,"minmemory":0.5},
   "type":"https://www.purl.org/ivoa.net/resource-types/generic-compute",
   "volumes":[{"mode":"r","name":"v0","path":"/inputs/a","resource":"s0"},{"mode":"rw","name":"v1","path":"/outputs","resource":"s1"}]}],
  "storage":[{"name":"s0","spec":{"location":"file://DIR/a"},"type":"https://www.purl.org/ivoa.net/storage-types/file-storage"},
   {"name":"s1","spec":{"location":"file://DIR/results/"},"type":"https://www.purl.org/ivoa.net/storage-types/file-storage"}]},
 "results":[{"checksum":"sha256:edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb","name":"b","size":4,"type":"file","url":"file://DIR/results/b"},
  {"name":"stdout","size":4,"type":"file","url":"file://DIR/state/jobs/ID/attempt-1/stdout"},
  {"name":"stderr","size":0,"type":"file","url":"file://DIR/state/jobs/ID/attempt-1/stderr"}],
 "started":"TIME","status":"COMPLETED","url":null,"usage":{"cpu":"N","maxrss":"N","wall":"N"}}
J
    diff <(jq -S . wanted) found
}

@test "asking never keeps a worker from its job" {
    id=$(submit sh='exit 0')
    pids=()
    for _ in 1 2 3 4 5 6; do
        while [ ! -e stop ]; do execdm-status "$id" >/dev/null; done 3>&- &
        pids+=($!)
    done
    execdm-run --once
    phase=$(job "$id" .phase)
    touch stop
    wait "${pids[@]}"
    case $phase in EXECUTING | FINALIZING | COMPLETED) ;; *) same EXECUTING "$phase" ;; esac
}
