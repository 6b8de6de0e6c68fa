#!/usr/bin/env bats
# Storage that the service makes and deletes: persistent results where the platform has them, managed places elsewhere, how
# long each is kept, what is left after a crash; and what goes with a job's destruction.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    require faketime sqlite3
    export no_proxy=127.0.0.1,127.0.0.2
    ephemeral=ephemeral-storage persistent=persistent-storage vospace=vospace-storage
    cat >p.py <<'END'
import os, sys
for path in sys.argv[1:]:
    os.makedirs(path + "/deep", exist_ok=True)
    open(path + "/deep/total", "w").write("6\n")
END
}

# space: a VOSpace service for space/nodes; $service its URL, and port.log what it was asked
space() {
    case $(execdm-stage --check vos://a!b/c 2>&1 || true) in
    *"built without"*) skip "built without libcurl or libxml2" ;;
    esac
    mkdir -p space/nodes
    rm -f port
    /usr/bin/python3 "$TOP_SRCDIR/tests/vospace-server.py" port space t0ken >space.out 2>&1 3>&- &
    echo $! >space.pid
    wait_until 20 test -e port
    service=http://127.0.0.1:$(cat port)/vospace
}

modes() { printf '%s\n' "$@" >space/modes; }

# asks NAME TYPE SPEC...: t.yaml, the program with its storages mounted rw at /NAME
asks() {
    {
        printf 'executable:\n  type: https://www.purl.org/ivoa.net/executable-types/python-program\n  spec: {program: p.py, arguments: ['
        local i=0 name
        for name; do
            if ((i++ % 3 == 0)); then printf '"/%s", ' "$name"; fi
        done
        printf ']}\nresources:\n  compute:\n    - volumes:\n'
        i=0
        for name; do
            if ((i++ % 3 == 0)); then printf '        - {resource: %s, path: /%s, mode: rw}\n' "$name" "$name"; fi
        done
        printf '  storage:\n'
        while [ $# -gt 0 ]; do
            printf '    - {name: %s, type: https://www.purl.org/ivoa.net/storage-types/%s, spec: %s}\n' "$1" "$2" "$3"
            shift 3
        done
    } >t.yaml
}

# accepted: the id of t.yaml's job
accepted() {
    execdm-plan -q t.yaml >answer.json || { cat answer.json >&2 && return 1; }
    execdm-accept answer.json | jq -r .id
}

# later SHIFT: a worker comes by then
later() {
    faketime -f "$1" execdm-run --once 2>later.err || { cat later.err >&2 && return 1; }
}

noted() { # how many places the store knows
    sqlite3 -cmd '.timeout 5000' "$EXECDM_STATE/execdm.db" 'SELECT count(*) FROM storage'
}

@test "persistent results: offered with their place and lifetime, stored there, an input of later jobs, and gone in time" {
    local id place next
    asks results "$persistent" '{lifecycle: managed, minlifetime: 1D, maxlifetime: 2D, minsize: 0.001}'
    id=$(accepted)
    place=$(jq -r '.offers[0].resources.storage[0].spec | select(.lifecycle == "managed" and .maxlifetime == "P2D").location' answer.json)
    same "file://$EXECDM_STATE/storage/$id-results/" "$place"
    [ ! -e "$EXECDM_STATE/storage" ] # proposed, not allocated
    work "$id"
    same "[\"deep/total\",\"${place}deep/total\",2,\"sha256:$(printf '6\n' | sha256sum | cut -d' ' -f1)\"]" \
        "$(job "$id" '.results[0] | [.name, .url, .size, .checksum]')"
    # a job after it names what it left, by its place and by its name
    cat >q.py <<'END'
print(open("/inputs/place/deep/total").read() + open("/inputs/name").read())
END
    cat >q.yaml <<END
executable: {type: https://www.purl.org/ivoa.net/executable-types/python-program, spec: {program: q.py}}
resources:
  compute: [{volumes: [{resource: place, path: /inputs/place, mode: r}, {resource: name, path: /inputs/name, mode: r}]}]
  storage:
    - {name: place, type: https://www.purl.org/ivoa.net/storage-types/persistent-storage, spec: {location: "$place"}}
    - {name: name, type: https://www.purl.org/ivoa.net/storage-types/persistent-storage, spec: {location: "job:$id/deep/total"}}
END
    cp q.yaml t.yaml
    next=$(accepted)
    work "$next"
    same "6 6" "$(xargs <"$(files "$next")/attempt-1/stdout")"
    later +47h
    [ -e "$EXECDM_STATE/storage/$id-results/deep/total" ]
    later +49h
    same "" "$(ls "$EXECDM_STATE/storage")"
    same 0 "$(noted)"
    same "COMPLETED null" "$(job "$id" '"\(.phase) \(.messages)"')"
    # the other job's end took nothing of it, and afterwards it is no input any more
    run -1 execdm-plan -q t.yaml
}

@test "VOSpace, 2.5.3: made when step-a starts, read by step-b, deleted a day after step-a completed, whatever was restarted" {
    local a b
    space
    mkdir -p space/nodes/mine
    asks results "$vospace" "{endpoint: \"$service\", path: /step-a/results, lifecycle: managed, minlifetime: 1D, maxlifetime: 1D}" \
        mine "$vospace" "{endpoint: \"$service\", path: /mine, lifecycle: unmanaged}"
    a=$(accepted)
    [ ! -e space/nodes/step-a ]
    work "$a"
    same "COMPLETED 6 6" "$(job "$a" .phase) $(cat space/nodes/step-a/results/deep/total space/nodes/mine/deep/total | xargs)"
    cat >q.py <<'END'
print(open("/inputs/deep/total").read())
END
    cat >t.yaml <<END
executable: {type: https://www.purl.org/ivoa.net/executable-types/python-program, spec: {program: q.py}}
resources:
  compute: [{volumes: [{resource: input, path: /inputs, mode: r}]}]
  storage: [{name: input, type: https://www.purl.org/ivoa.net/storage-types/vospace-storage, spec: {endpoint: "$service", path: /step-a/results, lifecycle: unmanaged}}]
END
    b=$(accepted)
    work "$b"
    same 6 "$(xargs <"$(files "$b")/attempt-1/stdout")"
    later +23h
    later +23h
    [ -e space/nodes/step-a/results/deep/total ]
    later +25h
    later +25h
    holds_nodes mine mine/deep mine/deep/total step-a
    same 1 "$(grep -c 'DELETE /vospace/nodes/step-a/results/deep/total ' port.log)"
    later +40d # jobs are archived by now
    holds_nodes mine mine/deep mine/deep/total step-a
}

holds_nodes() {
    same "$(printf '%s\n' "$@")" "$(find space/nodes -mindepth 1 -printf '%P\n' | LC_ALL=C sort)"
}

@test "two workers, and more, when a place is due: one removes it" {
    local id pids=()
    space
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, maxlifetime: 1D}"
    id=$(accepted)
    work "$id"
    for _ in 1 2 3 4; do
        faketime -f +25h execdm-run --once 2>>run.err 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    same 1 "$(grep -c 'DELETE /vospace/nodes/run/deep/total ' port.log)"
    holds_nodes
    same 0 "$(noted)"
}

@test "what is there already is not the job's to make nor to delete: ERROR, and it stays" {
    local id
    space
    mkdir -p space/nodes/theirs/d
    asks results "$vospace" "{endpoint: \"$service\", path: /theirs, lifecycle: managed, maxlifetime: 1D}" \
        kept "$persistent" '{}'
    id=$(accepted)
    run -1 work "$id"
    has "$(job "$id" '"\(.phase) \(.error.fault) \(.error.message)"')" "ERROR staging results: its place is there already"
    same 0 "$(noted)"
    later +40d
    [ -d space/nodes/theirs/d ]
    [ ! -e "$EXECDM_STATE/storage" ]
    mkdir here
    asks results file-storage "{location: here, lifecycle: managed}"
    id=$(accepted)
    run -1 work "$id"
    has "$(job "$id" .error.message)" 'its place is there already'
    [ -d here ]
}

@test "a place of another job, and one that lies in it, are refused while that one lasts" {
    local one two
    asks a file-storage "{location: \"out/a\", lifecycle: managed, maxlifetime: 1D}"
    one=$(accepted)
    work "$one"
    for place in out/a out/a/ out/a/below out; do
        asks b file-storage "{location: \"$place\", lifecycle: managed, maxlifetime: 1D}"
        two=$(accepted)
        run -1 work "$two"
        has "$(job "$two" .error.message)" 'b: it'
    done
    # written in another way
    ln -s out link
    for place in "file://$PWD/out/%61" "file://$PWD/./out//a/new" "file://localhost$PWD/link/a/x" "file://$PWD/link/"; do
        asks b file-storage "{location: \"$place\", lifecycle: managed, maxlifetime: 1D}"
        two=$(accepted)
        run -1 work "$two"
        has "$(job "$two" .error.message)" 'b: it'
    done
    later +25h
    [ ! -e out/a ]
    asks b file-storage "{location: \"out/a/below\", lifecycle: managed, maxlifetime: 1D}"
    two=$(accepted)
    work "$two"
    [ -e out/a/below/deep/total ]
    # two of one task
    asks a file-storage '{location: "new", lifecycle: managed}' b file-storage '{location: "new/b", lifecycle: managed}'
    two=$(accepted)
    run -1 work "$two"
    [ ! -e new ]
}

@test "a job that never starts releases everything at once: what cannot be staged, an abort, a closed window" {
    local id
    space
    echo 1 >input
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, minlifetime: 1D}" kept "$persistent" '{minlifetime: 1D}'
    sed -i 's|^  storage:|        - {resource: i, path: /inputs/i, mode: r}\n&\n    - {name: i, type: https://www.purl.org/ivoa.net/storage-types/file-storage, spec: {location: input}}|' t.yaml
    id=$(accepted)
    rm input
    run -1 work "$id"
    same "ERROR stagein" "$(job "$id" '"\(.phase) \(.error.reason)"')"
    same 1 "$(grep -c 'PUT /vospace/nodes/run ' port.log)" # it was made
    execdm-run --once
    holds_nodes
    same "" "$(ls "$EXECDM_STATE/storage")"
    same 0 "$(noted)"
    echo 1 >input
    id=$(accepted)
    execdm-phase "$id" abort >/dev/null
    printf 'datetime: [{start: "%s/PT1H"}]\n' "$(date -u -d +1hour +%Y-%m-%dT%H:%M:%SZ)" >>t.yaml
    id=$(accepted)
    later +3h
    same ABORTED "$(job "$id" .phase)"
    same 1 "$(grep -c 'PUT /vospace/nodes/run ' port.log)"
    same 0 "$(noted)"
}

@test "with a start trigger storage is made when the window opens; nobody calls, somebody cancels: all is released" {
    local id one two
    space
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, minlifetime: 1D, maxlifetime: 1D}" \
        kept "$persistent" '{minlifetime: 1D, maxlifetime: 1D}'
    cat >>t.yaml <<END
datetime: [{start: "$(date -u -d +1hour +%Y-%m-%dT%H:%M:%SZ)/PT3H"}]
triggers:
  - name: go
    type: https://www.purl.org/ivoa.net/webservice-types/value-update
    spec:
      method: POST
      content-type: yaml
      conditions:
        - {name: status, value: COMPLETED, action: start}
        - {name: status, value: "FAILED,CANCELLED", action: cancel}
END
    one=$(accepted)
    execdm-run --once
    later +30m
    holds_nodes # the window is not open
    same 0 "$(noted)"
    later +70m
    later +80m
    same PENDING "$(job "$one" .phase)"
    same 1 "$(grep -c 'PUT /vospace/nodes/run ' port.log)"
    holds_nodes run
    same "$one-kept" "$(ls "$EXECDM_STATE/storage")"
    same 2 "$(noted)"
    later +5h # it has closed, untriggered
    same ABORTED "$(job "$one" .phase)"
    later +5h
    holds_nodes
    same "" "$(ls "$EXECDM_STATE/storage")"
    same 0 "$(noted)"
    # cancelled in its window
    two=$(accepted)
    later +70m
    holds_nodes run
    faketime -f +75m execdm-trigger -q "$two" go status=FAILED >/dev/null
    later +76m
    later +76m
    same ABORTED "$(job "$two" .phase)"
    holds_nodes
    same 0 "$(noted)"
    # and started in it: its storage is there already, and kept as long as any
    id=$(accepted)
    later +70m
    same 3 "$(grep -c 'PUT /vospace/nodes/run ' port.log)"
    faketime -f +75m execdm-trigger -q "$id" go status=COMPLETED >/dev/null
    wait_until 60 eval 'later +76m; is "$id" COMPLETED'
    later +24h
    same 6 "$(cat space/nodes/run/deep/total)"
    later +27h
    holds_nodes
    same "" "$(ls "$EXECDM_STATE/storage")"
}

@test "a job that failed or was aborted on its way keeps its places as long as one that completed" {
    local id
    asks results "$persistent" '{maxlifetime: 1D}'
    echo 'raise SystemExit(3)' >>p.py
    id=$(accepted)
    run -1 work "$id"
    same ERROR "$(job "$id" .phase)"
    later +23h
    [ -e "$EXECDM_STATE/storage/$id-results/deep/total" ]
    later +25h
    [ ! -e "$EXECDM_STATE/storage/$id-results" ]
}

@test "the service is down when a place is due: later, with longer and longer pauses; what is refused is said in the job" {
    local id first second
    space
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, maxlifetime: 1D}"
    id=$(accepted)
    work "$id"
    leave space.pid
    faketime -f +25h execdm-run --once 2>err
    grep -q 'results: .*it will be tried again' err
    first=$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT due FROM storage')
    faketime -f +26h execdm-run --once 2>err
    second=$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT due FROM storage')
    now=$(date +%s)
    [ $((first / 1000 - now - 25 * 3600)) -le 60 ]
    [ $((second / 1000 - now - 26 * 3600)) -gt 60 ]
    same null "$(job "$id" .messages)"
    # it is there again, and refuses
    port_was=$(cat port)
    space
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE storage SET url=replace(url,'$port_was','$(cat port)')"
    modes protected
    faketime -f +27h execdm-run --once 2>err # of a token that has expired there may be a new one
    grep -q 'results: ' err
    same "1 null" "$(noted) $(job "$id" .messages)"
    sqlite3 "$EXECDM_STATE/execdm.db" 'UPDATE storage SET tries=35'
    later +30h
    has "$(job "$id" '.messages[0] | "\(.rule) \(.text)"')" 'storage-left results: its place could not be deleted'
    same 0 "$(noted)"
    [ -e space/nodes/run/deep/total ]
    # of a deleted job the worker says it
    modes
    rm -r space/nodes/run
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, maxlifetime: 1D}"
    id=$(accepted)
    work "$id"
    execdm-phase "$id" delete >/dev/null
    modes protected
    sqlite3 "$EXECDM_STATE/execdm.db" 'UPDATE storage SET tries=35'
    faketime -f +25h execdm-run --once 2>err
    grep -q "$id: results: its place could not be deleted and is left to its owner" err
    same 0 "$(noted)"
}

@test "a place that was noted, but not made, may be somebody else's by now: it is only removed when it is empty" {
    local id
    space
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, maxlifetime: 1D}"
    modes down=PUT
    id=$(accepted)
    run -1 work "$id"
    same "ERROR 1" "$(job "$id" .phase) $(noted)"
    modes
    mkdir space/nodes/run
    echo mine >space/nodes/run/thesis
    later +0s
    same "mine 0" "$(cat space/nodes/run/thesis) $(noted)"
    has "$(job "$id" '.messages[0] | "\(.rule) \(.text)"')" 'it cannot be told whether it was made for this job'
    # nobody made it
    rm -r space/nodes/run
    modes down=PUT
    id=$(accepted)
    run -1 work "$id"
    modes
    later +0s
    same "0 null" "$(noted) $(job "$id" .messages)"
    # and of a directory it can be told
    for there in nothing thesis; do
        asks results file-storage '{location: "here", lifecycle: managed, maxlifetime: 1D}'
        id=$(accepted)
        execdm-phase "$id" abort >/dev/null
        sqlite3 "$EXECDM_STATE/execdm.db" "INSERT INTO storage(job,name,url,key,single,made,keep,due,tries,owner)
            VALUES('$id','results','file://$PWD/here','file:$PWD/here/',0,0,'P1D',1,0,NULL)"
        mkdir here
        [ "$there" = nothing ] || echo mine >here/thesis
        later +0s
        same 0 "$(noted)"
        [ "$there" = nothing ] || same mine "$(cat here/thesis)"
        [ "$there" = thesis ] || [ ! -e here ]
    done
}

@test "a place is made and deleted with the credential of the job's owner, also when the job itself is deleted" {
    local id
    space
    modes protected
    mkdir "$EXECDM_CONFIG/keys"
    printf 'execdm: 1\ncredentials:\n  - {host: "127.0.0.1:%s", file: keys/space, identities: ["%s"]}\n' "$(cat port)" "$(id -un)" \
        >"$EXECDM_CONFIG/execdm.yaml"
    (umask 077 && echo '{bearer_token: t0ken}' >"$EXECDM_CONFIG/keys/space")
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, maxlifetime: 1D}"
    id=$(accepted)
    work "$id"
    execdm-phase "$id" delete >/dev/null
    [ -e space/nodes/run/deep/total ]
    later +25h
    holds_nodes
    same 0 "$(noted)"
}

@test "ephemeral storage ends with the job; unmanaged storage is never deleted" {
    local id
    asks scratch "$ephemeral" '{size: 0.001}' out file-storage '{location: "out", lifecycle: unmanaged}' \
        plain file-storage '{location: "plain"}'
    id=$(accepted)
    work "$id"
    [ ! -e "$(files "$id")/attempt-1/scratch" ]
    later +400d
    same "6 6" "$(cat out/deep/total plain/deep/total | xargs)"
}

@test "killed at each write of the store while places are made, and while they are removed: none is orphaned" {
    local n id
    require strace
    space
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, maxlifetime: 1D}" kept "$persistent" '{maxlifetime: 1D}'
    for n in $(seq 1 "${EXECDM_KILLS:-8}"); do
        id=$(accepted)
        ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e trace=fdatasync,pwrite64 \
            -e inject=fdatasync:signal=KILL:when="$n" execdm-run "$id" >run.out 2>run.err 3>&- </dev/null || true
        wait_until 10 execdm-run "$id" >run.json
        same "COMPLETED 1" "$(jq -r '"\(.phase) \(.attempt)"' run.json)"
        same 6 "$(cat space/nodes/run/deep/total)"
        same 2 "$(noted)"
        ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e trace=fdatasync,pwrite64 \
            -e inject=fdatasync:signal=KILL:when="$n" faketime -f +25h execdm-run --once >run.out 2>run.err 3>&- </dev/null || true
        wait_until 10 later +25h
        holds_nodes
        same "" "$(ls "$EXECDM_STATE/storage")"
        same 0 "$(noted)"
    done
}

@test "killed between noting and making, and between making and saying so: the place is the job's" {
    local id hits=0 n pid
    space
    asks results "$vospace" "{endpoint: \"$service\", path: /run, lifecycle: managed, maxlifetime: 1D}"
    for n in $(seq 1 "${EXECDM_KILLS:-8}"); do
        id=$(accepted)
        : >port.log
        execdm-run "$id" >run.out 2>run.err 3>&- &
        pid=$!
        if [ $((n % 2)) -eq 0 ]; then
            until [ "$(noted)" = 1 ]; do kill -0 "$pid"; done
        else
            until grep -q 'PUT /vospace/nodes/run ' port.log; do kill -0 "$pid"; done
        fi
        kill -9 "$pid"
        wait "$pid" || true
        if [ "$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT made FROM storage')" = 0 ]; then hits=$((hits + 1)); fi
        wait_until 10 execdm-run "$id" >run.json
        same COMPLETED "$(jq -r .phase run.json)"
        later +25h
        holds_nodes
        same 0 "$(noted)"
    done
    [ "$hits" -gt 0 ] # it was killed where it was meant to
}

@test "destruction: the job is archived, its files go, its document stays; deleted jobs leave their places in time" {
    local id other
    asks results "$persistent" '{maxlifetime: 60D}'
    id=$(accepted)
    work "$id"
    other=$(accepted)
    work "$other"
    execdm-phase "$other" delete >/dev/null
    later +29d
    same COMPLETED "$(job "$id" .phase)"
    later +31d
    same "ARCHIVED COMPLETED null its destruction time" "$(job "$id" '"\(.phase) \(.status) \(.results) \(.history[-1].why)"')"
    same "" "$(ls "$EXECDM_STATE/jobs")"
    same 2 "$(noted)" # their lifetime is a promise of its own
    later +61d
    same 0 "$(noted)"
    same "" "$(find "$EXECDM_STATE/storage" "$EXECDM_STATE/jobs" -mindepth 1)"
}

@test "a destruction that is killed is done by the next worker; what lost its job is swept" {
    local n id
    require strace
    for n in 1 2 3; do
        id=$(submit sh='echo 1')
        work "$id"
        ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e trace=fdatasync,pwrite64 \
            -e inject=fdatasync:signal=KILL:when="$n" faketime -f +31d execdm-run --once >run.out 2>run.err 3>&- </dev/null || true
        wait_until 10 later +31d
        same "ARCHIVED 1" "$(job "$id" '"\(.phase) \([.history[] | select(.phase == "ARCHIVED")] | length)"')"
    done
    mkdir -p "$(files "$id")" "$EXECDM_STATE/jobs/01a20665-b58d-703e-821e-e2fd7f3c3fd5"
    touch "$EXECDM_STATE/jobs/01a20665-b58d-703e-821e-e2fd7f3c3fd5/lock"
    later +33d
    same "" "$(ls "$EXECDM_STATE/jobs")"
}

@test "jobs that a restored store has lost keep what they left, day after day" {
    local id
    id=$(submit sh='echo 1')
    execdm-phase "$id" abort >/dev/null
    execdm-store backup copy.db
    id=$(submit sh='echo precious')
    work "$id"
    cp copy.db "$EXECDM_STATE/execdm.db"
    rm -f "$EXECDM_STATE"/execdm.db-*
    later +25h
    later +50h
    same precious "$(cat "$(files "$id")/attempt-1/stdout")"
    run execdm-store check
    has "$output" "jobs/$id is there, but no such job"
}

@test "an image that nobody uses for a week is collected, one that is in use or was asked for is not" {
    local id image
    id=$(submit sh='sleep 60' max=PT2M)
    execdm-run "$id" >run.out 2>run.err 3>&- &
    echo $! >run.pid
    wait_until 30 is "$id" EXECUTING
    image=$(echo "$EXECDM_STATE"/images/sha256-*)
    touch -d '-20 days' "$image/lock"
    later +0s
    [ -e "$image/config.json" ]
    execdm-phase "$id" abort >/dev/null
    touch "$image/lock"
    rm "$EXECDM_STATE/swept"
    later +0s
    [ -e "$image/config.json" ]
    # a job that waits needs it, whoever holds it: in a queue for more than a week, say
    id=$(submit sh='echo later' start="$(date -u -d '+3 hours' +%Y-%m-%dT%H:%M:%SZ)/PT1H")
    touch -d '-20 days' "$image/lock"
    rm "$EXECDM_STATE/swept"
    later +0s
    is "$id" PENDING || is "$id" QUEUED
    [ -e "$image/config.json" ]
    execdm-phase "$id" abort >/dev/null
    touch -d '-20 days' "$image/lock"
    rm "$EXECDM_STATE/swept"
    later +0s
    same "tmp" "$(ls "$EXECDM_STATE/images")"
    same "" "$(ls "$EXECDM_STATE/images/tmp")"
    id=$(submit sh='echo again')
    work "$id"
    same again "$(cat "$(files "$id")/attempt-1/stdout")"
}
