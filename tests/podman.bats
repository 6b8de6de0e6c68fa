#!/usr/bin/env bats
# The driver podman: rootful as root, rootless as another user; and docker's command line, on a daemon of its own.
# bats file_tags=real

# shellcheck disable=SC2016,SC2030,SC2031 # jq has variables of its own; one test's state is its own

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    require podman runc conmon newuidmap
    jobs_state
    export tiny XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
    mkdir -m 700 run
    short=$(mktemp -d /tmp/pod.XXXXXX) # podman wants at most 50 characters
    words=(podman --root "$short/root" --runroot "$short/run")
    if [ "$(id -u)" -eq 0 ]; then words+=(--tmpdir "$short/tmp"); fi # rootless it is in the runtime directory
    mark=mark-${short##*.}
    pods
}

eval "jobs_$(declare -f teardown)"
teardown() {
    jobs_teardown
    if [ -e halves ]; then xargs -n 1 runc delete --force <halves 2>/dev/null || true; fi
    if [ "$(id -u)" -ne 0 ]; then # with it go mounts, and then files of subordinate ids
        leave "$XDG_RUNTIME_DIR"/libpod/tmp/pause.pid
        HOME=${HOME-$short/execdm-$(id -u)} podman unshare rm -rf "$short" || true
        leave "$XDG_RUNTIME_DIR"/libpod/tmp/pause.pid
    fi
    rm -rf "$short" ${far:+"$far"}
}

# pods [YAML-OF-OPTIONS]: the platform pods.yaml, with a store of this test's own
pods() {
    printf '%s\n' "${words[@]}" | jq -R . | jq -sc . >words.json
    printf 'name: pods\ndriver: podman\ndriver-options: {command: %s%s}\n' "$(<words.json)" "${1:+, $1}" >pods.yaml
}

# pod_job KEY=VALUE...: a job on it, with $mark in the words of its shell; prints its id
pod_job() {
    task "${@/#sh=/sh=: $mark; }"
    execdm-plan --planner=./pods.yaml task.json >answer.json
    execdm-accept answer.json | jq -r .id
}

# pod_kit OPTIONS-JSON NAME: driver-check on the tiny image
pod_kit() {
    local rootfs
    execdm-accept answer.json >/dev/null 2>&1 || true
    rootfs=$(echo "$EXECDM_STATE"/images/sha256-*/rootfs)
    /usr/bin/python3 "$TOP_SRCDIR/tests/driver-check" --config="$1" "$2" --exec="$(jq -nc --arg r "$rootfs" \
        '{type: "https://www.purl.org/ivoa.net/executable-types/oci-container", rootfs: $r}')" podman >lines 2>errors || {
        grep '^not ok' -A 3 lines
        cat errors
        return 1
    }
    [ "$(grep -c '^ok' lines)" -ge "${3:-40}" ]
}

# nothing_left: no container, of none a process, and the runtime knows of none
nothing_left() {
    [ -z "$("${words[@]}" ps --all --quiet)" ] && ! pgrep -f -- "$mark|$short" >/dev/null &&
        runc list --format=json 2>/dev/null | jq -e --arg s "$short" 'all(.[]?; .bundle | contains($s) | not)' >/dev/null
}

client() { pgrep -f -- "podman.*--name=execdm-$1-" | head -n 1; }
conmon() { pgrep -f -- "conmon.*-n execdm-$1-" | head -n 1; }
parent() { awk '/^PPid:/ { print $2 }' "/proc/$1/status"; }

@test "the driver podman keeps the contract" {
    work "$(pod_job sh='exit 0')"
    pod_kit "{\"command\": $(<words.json)}" --slow=5
    nothing_left
}

# bats test_tags=root
@test "the same driver speaks docker's command line, and keeps the contract" {
    require dockerd docker
    dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs --data-root="$PWD/docker" \
        --exec-root="$PWD/docker.run" --pidfile="$PWD/docker.own-pid" --host="unix://$PWD/docker.sock" >dockerd.log 2>&1 3>&- &
    echo $! >dockerd.pid
    words=(docker --host "unix://$PWD/docker.sock")
    wait_until 30 "${words[@]}" version || { cat dockerd.log && false; }
    pods
    id=$(pod_job sh='echo $((6 * 7))')
    work "$id"
    is "$id" COMPLETED
    same 42 "$(cat "$(files "$id")/attempt-1/stdout")"
    printf 'compute: {cores: %s, memory: 1}\n' "$(($(nproc) + 1))" >>pods.yaml # more than there are
    id=$(pod_job sh='exit 0')
    work "$id"
    is "$id" COMPLETED
    pod_kit "{\"command\": $(<words.json)}" --slow=5
    # its supervisor is killed
    id=$(pod_job sh='[ -e /outputs/no ] || sleep 3')
    execdm-run --once
    kill -KILL "$(parent "$(pgrep -f -- "docker.*--name=execdm-$id-")")"
    wait_until 20 nothing_left
    work "$id"
    same "COMPLETED 2" "$(job "$id" '"\(.phase) \(.attempt)"')"
    same "" "$("${words[@]}" ps --all --quiet)"
    # what could not be packed whole gets no name, and is not kept: these files are shorter than they say
    "${words[@]}" images --all --quiet --no-trunc >before
    fresh_attempt 2
    mkdir -p sha256-cut
    ln -s /sys/module/kernel/parameters sha256-cut/rootfs
    jq -c --arg r "$PWD/sha256-cut/rootfs" '.exec.rootfs = $r' attempt-2/line >line
    mv line attempt-2/line
    same "running begun" "$(submitted 2)"
    wait_until 20 test -e attempt-2/exit.json
    has "$(jq -r '"\(.reason) \(.message)"' attempt-2/exit.json)" "internal the sandbox could not be made" "docker did not take the image"
    "${words[@]}" images --all --quiet --no-trunc | diff before -
    # and what is left on a node of Slurm's is removed by the next that comes there
    fresh_attempt 1
    "${words[@]}" create --name left --label "execdm=$PWD/attempt-gone" "$("${words[@]}" images --quiet execdm | head -n 1)" /bin/sh
    driver local attend "{\"isolation\": \"podman\", \"command\": $(<words.json)}" attempt-1/line >reply
    same 3 "$(jq .exit attempt-1/exit.json)"
    same "" "$("${words[@]}" ps --all --quiet)"
}

@test "one task file, one image digest: the same bytes here and in a container; then on other data" {
    digest=$(jq -r '.manifests[0].digest' "$tiny/index.json")
    mkdir data out
    echo 6 >data/n
    task digest="$digest" sh='read -r n </in/n; echo $((n * 7)) >/out/answer; id -u; id -g; env | sort; pwd; stat -c "%n %a %u %g %s" /in/n /out/answer' \
        r:/in=data/ rw:/out=out/ env='ODD=a b'
    cp task.json unchanged.json
    for n in 6 9; do
        echo "$n" >data/n
        touch -d 2026-01-01 data/n data
        for planner in localhost ./pods.yaml; do
            execdm-plan --planner="$planner" unchanged.json | execdm-accept | execdm-run >job.json
            same "COMPLETED 1" "$(jq -r '"\(.phase) \(.attempt)"' job.json)"
            mkdir -p "got/$n/$(jq -r .platform job.json)"
            cp out/answer "$(files "$(jq -r .id job.json)")/attempt-1/stdout" "got/$n/$(jq -r .platform job.json)"
        done
        same "$((n * 7))" "$(cat "got/$n/pods/answer")"
        diff -r "got/$n/localhost" "got/$n/pods"
    done
    cmp task.json unchanged.json
    same "$(id -u)" "$(stat -c %u out/answer)"
}

@test "too much memory, too much time, an exit code, a signal: as on this machine" {
    hungry=$(pod_job sh='x=$(head -c 200000000 /dev/zero | tr "\0" x); sleep 5')
    long=$(pod_job sh='sleep 60' max=PT2S)
    busy=$(pod_job sh='i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done')
    seven=$(pod_job sh='exit 7')
    struck=$(pod_job sh='kill -USR1 $$')
    execdm-run "$hungry" "$long" "$busy" "$seven" "$struck" >ended.json || [ $? -eq 1 ]
    same "ERROR memlimit" "$(job "$hungry" '"\(.phase) \(.error.reason)"')"
    same "ABORTED timelimit" "$(job "$long" '"\(.phase) \(.error.reason)"')"
    same true "$(job "$busy" '.usage.cpu > 0.05')"
    same "ERROR exit 7" "$(job "$seven" '"\(.phase) \(.error.reason) \(.exit.code)"')"
    same "ERROR signal 10" "$(job "$struck" '"\(.phase) \(.error.reason) \(.exit.signal)"')"
    nothing_left
}

# bats test_tags=root
@test "the job store, the image and the engine's own files are below /mnt" {
    far=$(mktemp -d /mnt/pod.XXXXXX)
    export EXECDM_STATE=$far/state
    words=(podman --root "$far/root" --runroot "$far/run" --tmpdir "$far/tmp")
    pods
    id=$(pod_job sh='echo $((6 * 7))')
    work "$id"
    is "$id" COMPLETED
    same 42 "$(cat "$(files "$id")/attempt-1/stdout")"
    nothing_left
    # and on this machine
    id=$(submit sh='echo 43')
    work "$id"
    same 43 "$(cat "$(files "$id")/attempt-1/stdout")"
}

# bats test_tags=root
@test "cores, memory and processes are limited by cgroups, and what the kernel ends for want of memory is told so" {
    id=$(pod_job sh='grep -c . /proc/1/cgroup >/outputs/groups; sleep 3' memory=0.0625)
    execdm-run --once
    wait_until 20 test -s "$(files "$id")/attempt-1/pid"
    pid=$(cat "$(files "$id")/attempt-1/pid")
    group=$(sed -n 's/^[0-9]*:memory:\|^0:://p' "/proc/$pid/cgroup" | head -n 1)
    same 67108864 "$(cat "/sys/fs/cgroup/memory$group/memory.limit_in_bytes" 2>/dev/null || cat "/sys/fs/cgroup$group/memory.max")"
    # what is booked is its share, and what is offered the most it gets
    group=$(sed -n 's/^[0-9]*:cpu[,:][^/]*\|^0:://p' "/proc/$pid/cgroup" | head -n 1)
    read -r quota period < <(cat "/sys/fs/cgroup/cpu$group/cpu.cfs_quota_us" "/sys/fs/cgroup/cpu$group/cpu.cfs_period_us" 2>/dev/null |
        xargs || cat "/sys/fs/cgroup$group/cpu.max")
    same "$(job "$id" '.resources.compute[0].spec.maxcores * 1000 | round')" "$((quota * 1000 / period))"
    same 1024 "$(cat "/sys/fs/cgroup/cpu$group/cpu.shares" || echo 1024)"
    work "$id"
    is "$id" COMPLETED
    # a child is ended, not the program: its own exit code, and why
    id=$(pod_job sh='head -c 200000000 /dev/zero | tr "\0" x | sort >/dev/null || exit 9; exit 8' memory=0.0625)
    work "$id" || [ $? -eq 1 ]
    same "ERROR memlimit" "$(job "$id" '"\(.phase) \(.error.reason)"')"
}

@test "aborted, suspended and let go on: nothing is left" {
    id=$(pod_job sh='while :; do echo x >>/outputs/beat; sleep 0.1; done')
    execdm-run --once
    beat=$(files "$id")/attempt-1/outputs/beat
    wait_until 20 test -s "$beat"
    execdm-phase "$id" suspend
    is "$id" SUSPENDED
    before=$(wc -c <"$beat")
    sleep 1
    same "$before" "$(wc -c <"$beat")"
    execdm-phase "$id" resume
    wait_until 10 eval '[ "$(wc -c <"$beat")" -gt "$before" ]'
    # what a task is given stands on no command line
    ! pgrep -f 'beatsecret' || false
    execdm-phase "$id" abort
    is "$id" ABORTED
    nothing_left
}

@test "a job that is archived, or deleted, leaves no container in the engine that its platform names" {
    for verb in archive delete; do
        id=$(pod_job sh='exit 0')
        work "$id"
        : >"$(files "$id")/attempt-1/container" # as when all was killed at once
        "${words[@]}" create --name "execdm-$id-1" --network none --rootfs "$(echo "$EXECDM_STATE"/images/sha256-*/rootfs)":O /bin/sh
        execdm-phase "$id" "$verb"
        nothing_left
    done
}

# recovers ID ATTEMPT: it completes with this attempt, having run once, and of what was killed nothing is left
recovers() {
    work "$1"
    same "COMPLETED $2" "$(job "$1" '"\(.phase) \(.attempt)"')"
    same 1 "$(cat "$EXECDM_STATE/jobs/$1/results/mark" | wc -l)"
    wait_until 10 nothing_left
    ! [ -e "$(files "$1")/attempt-1/container" ]
}

# a job that runs now; in $id
running() {
    id=$(pod_job sh='cat /proc/sys/kernel/random/uuid >>/outputs/mark; sleep 3')
    execdm-run --once
    wait_until 20 test -s "$(files "$id")/attempt-1/pid"
}

@test "the supervisor is killed: the container ends with it, and the next attempt runs" {
    running
    kill -KILL "$(parent "$(client "$id")")"
    wait_until 10 nothing_left
    recovers "$id" 2
}

@test "conmon is killed, or podman, or the container's first process, or all at once" {
    running
    kill -KILL "$(conmon "$id")"
    recovers "$id" 1 # execdm-init has told how it ended
    running
    kill -KILL "$(client "$id")"
    recovers "$id" 2
    running
    kill -KILL "$(cat "$(files "$id")/attempt-1/pid")"
    recovers "$id" 2
    running
    kill -KILL "$(parent "$(client "$id")")" "$(client "$id")" "$(conmon "$id")"
    recovers "$id" 2
}

@test "all are killed at some moment while the container is being made" {
    for ((i = 0; i < ${EXECDM_PODMAN_KILLS:-6}; i++)); do
        id=$(pod_job sh='cat /proc/sys/kernel/random/uuid >>/outputs/mark')
        execdm-run --once >/dev/null 2>&1 3>&- &
        until pid=$(client "$id") && [ "$pid" ]; do sleep 0.001; done
        sleep "0.$(printf '%03d' $((i * 37 % 190)))"
        kill -KILL "$(parent "$pid")" "$pid" || true # it may have ended
        pgrep -f -- "conmon.*-n execdm-$id-" | xargs -r kill -KILL || true
        wait $! || true
        work "$id"
        is "$id" COMPLETED
        same 1 "$(cat "$EXECDM_STATE/jobs/$id/results/mark" | wc -l)"
        wait_until 10 nothing_left || { ps -ef | grep -E 'conmon|runc|init' && "${words[@]}" ps --all && false; }
    done
}

# half_made STAMP KEY=VALUE...: a container that the runtime has made, and of which podman knows nothing, with these notes
half_made() {
    mkdir -p bundle/rootfs
    echo "$1" >>halves
    (
        cd bundle || exit
        rm -f config.json
        runc spec
        jq '.process.terminal = false | .process.rlimits = [] | .process.args = ["/init"] | .annotations =
            ([$ARGS.positional[] | split("=") | {key: .[0], value: .[1]}] | from_entries)' config.json --args "${@:2}" >new
        mv new config.json
        cp "$TOP_BUILDDIR/cmd/execdm-init" rootfs/init
        runc create "$1" </dev/null >/dev/null 3>&-
    )
    runc state "$1" >/dev/null
}

# dead_attempt STAMP: attempt-STAMP, whose supervisor and container are gone; its line in attempt-STAMP/line
dead_attempt() {
    mkdir "attempt-$1"
    : >"attempt-$1/alive"
    : >"attempt-$1/container"
    printf %s "$1" >"attempt-$1/started"
    jq -nc --arg s "$1" --arg d "$PWD/attempt-$1" '{id: "x", stamp: $s, native: $d, exitfile: "\($d)/exit.json"}' >"attempt-$1/line"
}

# held FILE: its lock is another's, as a supervisor has it, till the test ends
held() {
    /usr/bin/python3 - "$1" 3>&- <<'P' &
import fcntl, os, struct, sys, time
f = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
os.open(sys.argv[1] + ".held", os.O_CREAT)
time.sleep(1000)
P
    echo $! >held.pid
    wait_until 20 test -e "$1.held"
}

# driver NAME VERB CONFIG-JSON LINE-FILE: a call of one line
driver() {
    { jq -nc --arg v "$2" --argjson c "$3" '{execdm_driver: 1, verb: $v, deadline_s: 60, config: $c}' && cat "$4"; } |
        "$TOP_BUILDDIR/cmd/execdm-driver-$1" "$2"
}

# moody: an engine that is as $PWD/mood says: away, weak (it keeps no limits), slow (so much so once); in $words
moody() {
    cat >moody <<E
#!/bin/sh
case \$(cat '$PWD/mood')-\$* in
away-*) echo "the database is locked" >&2 && exit 125 ;;
weak-*--pids-limit=*) echo "no limits today" >&2 && exit 126 ;;
slow-*--pids-limit=*) echo weak >'$PWD/mood' && exec sleep 40 ;;
esac
exec $(printf "'%s' " "${words[@]}") "\$@"
E
    chmod 755 moody "$BATS_TEST_TMPDIR"
    words=("$PWD/moody")
}

# an attempt-N, and its line for a program that ends with 3; the offer called these limits advisory
fresh_attempt() { # N LIMIT...
    mkdir -p "attempt-$1/outputs"
    jq -nc --arg s "execdm-moody-${short##*.}-$1" --arg d "$PWD/attempt-$1" --arg r "$(echo "$EXECDM_STATE"/images/sha256-*/rootfs)" '
        "https://www.purl.org/ivoa.net/executable-types/oci-container" as $t
        | {id: "x", attempt: 1, stamp: $s, native: $d, exitfile: "\($d)/exit.json", stdout: "\($d)/stdout", stderr: "\($d)/stderr",
           network: "none", exec: {type: $t, rootfs: $r, args: ["/bin/sh", "-c", "exit 3"], environment: {}, cwd: "/outputs"},
           mounts: [{source: "\($d)/outputs", path: "/outputs", mode: "rw"}],
           limits: {cores: 1000, memory: 67108864, wall: 60, advisory: $ARGS.positional}}' --args "${@:2}" >"attempt-$1/line"
}

# submitted N: what a submit of attempt-N replies: its state, or which kind of error; and whether it has begun
submitted() {
    driver podman submit "{\"command\": $(jq -nc '$ARGS.positional' --args -- "${words[@]}")}" "attempt-$1/line" >reply
    if [ -e "attempt-$1/started" ]; then jq -r '"\(.state // .error.kind) begun"' reply; else jq -r '.error.kind' reply; fi
}

limits() {
    echo '{"id": "p"}' >probe
    driver podman probe "{\"command\": $(jq -nc '$ARGS.positional' --args -- "${words[@]}")}" probe | jq -c '.capabilities.enforced'
}

@test "an engine that is away, or keeps limits no more, costs no attempt" {
    work "$(pod_job sh='exit 0')" # the image
    moody
    echo away >mood
    fresh_attempt 1 cores memory processes
    same unavailable "$(submitted 1)"
    has "$(jq -r .error.text reply)" "the database is locked"
    echo weak >mood
    fresh_attempt 2 disk
    same unavailable "$(submitted 2)"
    has "$(jq -r .error.text reply)" "the offer says it is enforced"
    same "running begun" "$(submitted 1)"
    wait_until 20 test -e attempt-1/exit.json
    same "3 exit" "$(jq -r '"\(.exit) \(.reason)"' attempt-1/exit.json)"
}

@test "of a program's environment nothing is left when its supervisor is killed, or cannot start it" {
    work "$(pod_job sh='exit 0')" # the image
    moody
    echo away >mood
    for verb in status purge; do
        dead_attempt $verb
        for name in told environment filter pid; do echo secret >attempt-$verb/$name; done
        driver podman $verb "{\"command\": [\"${words[0]}\"]}" attempt-$verb/line >reply
        same temporary "$(jq -r .error.kind reply)" # there may still be a container
        [ -e attempt-$verb/container ]
        run -1 grep -r secret attempt-$verb
    done
    dead_attempt slurm
    for name in call.json environment; do echo secret >attempt-slurm/$name; done
    driver slurm purge '{}' attempt-slurm/line >reply
    same true "$(jq .ok reply)"
    run -1 grep -r secret attempt-slurm
    echo good >mood
    fresh_attempt 1 cores memory processes
    jq -c '.exec.environment.ODD = "a secret"' attempt-1/line >line
    mv line attempt-1/line
    : >attempt-1/told # in the way
    same "permanent begun" "$(submitted 1)"
    has "$(jq -r '"\(.reason) \(.message)"' attempt-1/exit.json)" "internal cannot make" told
    run -1 grep -r secret attempt-1 --exclude=line
}

# bats test_tags=root
@test "that an engine keeps no limits is believed for a minute, and not at all when it was only slow" {
    touch now
    moody
    echo weak >mood
    same '["network","time"]' "$(limits)"
    echo good >mood
    same '["network","time"]' "$(limits)"
    find /run/execdm -name 'engine-*.json' -newer now -exec touch -d '61 seconds ago' {} +
    same '["network","time","cores","memory","processes"]' "$(limits)"
    words+=(--log-level=error) # as if it were another
    echo slow >mood
    same '["network","time"]' "$(limits)"
    echo good >mood
    same '["network","time","cores","memory","processes"]' "$(limits)"
}

# bats test_tags=root
@test "what only the runtime knows of is removed, also where its list has no notes, as that of crun" {
    printf '%s\n' '#!/bin/sh' 'case " $* " in *" list "*) runc "$@" | jq "map(del(.annotations))" ;; *) exec runc "$@" ;; esac' >terse
    chmod 755 terse "$BATS_TEST_TMPDIR"
    for runtime in runc "$PWD/terse"; do
        stamp=execdm-${runtime##*/}-${short##*.}-1
        dead_attempt "$stamp"
        half_made "half-$stamp" execdm.stamp="$stamp"
        half_made "other-$stamp" execdm.stamp=another
        driver podman status "{\"command\": $(<words.json), \"runtime\": \"$runtime\"}" "attempt-$stamp/line" >reply
        same lost "$(jq -r .state reply)"
        run -1 runc state "half-$stamp"
        runc state "other-$stamp" >/dev/null
        ! [ -e "attempt-$stamp/container" ]
    done
}

# bats test_tags=root
@test "what is left on a node of Slurm's is removed by the next job there, and nothing of those that run" {
    work "$(pod_job sh='exit 0')" # the image
    fresh_attempt 1 cores memory processes
    dead_attempt left
    dead_attempt half
    dead_attempt lives
    held attempt-lives/alive
    for name in left lives; do
        "${words[@]}" create --name "$name" --label "execdm=$PWD/attempt-$name" --network none --rootfs "$(jq -r .exec.rootfs attempt-1/line)":O /bin/sh
    done
    "${words[@]}" create --name gone --label "execdm=$PWD/attempt-gone" --network none --rootfs "$(jq -r .exec.rootfs attempt-1/line)":O /bin/sh
    "${words[@]}" create --name foreign --label execdm --network none --rootfs "$(jq -r .exec.rootfs attempt-1/line)":O /bin/sh
    half_made "half-${short##*.}" execdm.stamp=half execdm.dir="$PWD/attempt-half"
    half_made "busy-${short##*.}" execdm.stamp=lives execdm.dir="$PWD/attempt-lives"
    driver local attend "{\"isolation\": \"podman\", \"command\": $(<words.json)}" attempt-1/line >reply
    same true "$(jq .ok reply)"
    same 3 "$(jq .exit attempt-1/exit.json)"
    same "foreign lives" "$("${words[@]}" ps --all --format '{{.Names}}' | sort | xargs)"
    run -1 runc state "half-${short##*.}"
    runc state "busy-${short##*.}" >/dev/null
}

@test "the OCI runtime is probed, not trusted; the reason is told" {
    printf '#!/bin/sh\necho "no containers today" >&2\nexit 1\n' >bad-runtime
    chmod 755 bad-runtime "$BATS_TEST_TMPDIR"
    pods "runtime: $PWD/bad-runtime"
    task sh='exit 0'
    execdm-plan --planner=./pods.yaml task.json >answer.json || [ $? -eq 1 ]
    has "$(jq -r '.messages[]?.text, .offers[]?' answer.json; cat answer.json)" "runs no container here" bad-runtime
    pods
    echo 'print(1)' >p.py
    task program=p.py
    execdm-plan --planner=./pods.yaml task.json >answer.json || [ $? -eq 1 ]
    has "$(cat answer.json)" "a container engine runs images"
    pods 'colour: red'
    task sh='exit 0'
    execdm-plan --planner=./pods.yaml task.json >answer.json 2>err || [ $? -ne 0 ]
    has "$(cat answer.json err)" 'podman knows no \"colour\"'
}

# bats test_tags=user
@test "rootless without HOME, without a runtime directory, as from cron" {
    words=(podman)
    pods
    unset HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME
    export TMPDIR=$short
    id=$(pod_job sh='echo there')
    execdm-run "$id" </dev/null >job.json
    same COMPLETED "$(jq -r .phase job.json)"
    XDG_RUNTIME_DIR=$(echo "$short"/podman-run-*) # whose pause process teardown ends
}

# bats test_tags=root
@test "inside a job of Slurm's, where the site says so" {
    PATH=$PATH:/usr/sbin require slurmctld slurmd munged sbatch
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
    "$TOP_SRCDIR/tests/slurm" start "$PWD/slurm"
    printf 'name: pods\ndriver: slurm\ndriver-options: {conf: %s, isolation: podman, command: %s}\n' \
        "$PWD/slurm/slurm.conf" "$(<words.json)" >pods.yaml
    id=$(pod_job sh='echo $((6 * 7)); sleep 2')
    execdm-run "$id" >job.json 3>&- &
    wait_until 30 eval '[ "$("${words[@]}" ps --quiet --filter "name=execdm-$id-1")" ]'
    wait $!
    same COMPLETED "$(jq -r .phase job.json)"
    same 42 "$(cat "$(files "$id")/attempt-1/stdout")"
    "$TOP_SRCDIR/tests/slurm" stop "$PWD/slurm"
    nothing_left
}
