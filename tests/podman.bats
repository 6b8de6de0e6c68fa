#!/usr/bin/env bats
# The driver podman: rootful as root, rootless as another user; and docker's command line, on a daemon of its own.
# bats file_tags=real

# shellcheck disable=SC2016 # jq has variables of its own

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
    if [ "$(id -u)" -ne 0 ]; then # with it go mounts, and then files of subordinate ids
        leave "$XDG_RUNTIME_DIR"/libpod/tmp/pause.pid
        HOME=${HOME-$short/execdm-$(id -u)} podman unshare rm -rf "$short" || true
        leave "$XDG_RUNTIME_DIR"/libpod/tmp/pause.pid
    fi
    rm -rf "$short"
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
    pod_kit "{\"command\": $(<words.json)}" --slow=5
    # its supervisor is killed
    id=$(pod_job sh='[ -e /outputs/no ] || sleep 3')
    execdm-run --once
    kill -KILL "$(parent "$(pgrep -f -- "docker.*--name=execdm-$id-")")"
    wait_until 20 nothing_left
    work "$id"
    same "COMPLETED 2" "$(job "$id" '"\(.phase) \(.attempt)"')"
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
    seven=$(pod_job sh='exit 7')
    struck=$(pod_job sh='kill -USR1 $$')
    execdm-run "$hungry" "$long" "$seven" "$struck" >ended.json || [ $? -eq 1 ]
    same "ERROR memlimit" "$(job "$hungry" '"\(.phase) \(.error.reason)"')"
    same "ABORTED timelimit" "$(job "$long" '"\(.phase) \(.error.reason)"')"
    same "ERROR exit 7" "$(job "$seven" '"\(.phase) \(.error.reason) \(.exit.code)"')"
    same "ERROR signal 10" "$(job "$struck" '"\(.phase) \(.error.reason) \(.exit.signal)"')"
    nothing_left
}

# bats test_tags=root
@test "cores, memory and processes are limited by cgroups, and what the kernel ends for want of memory is told so" {
    id=$(pod_job sh='grep -c . /proc/1/cgroup >/outputs/groups; sleep 3' memory=0.0625)
    execdm-run --once
    wait_until 20 test -s "$(files "$id")/attempt-1/pid"
    pid=$(cat "$(files "$id")/attempt-1/pid")
    group=$(sed -n 's/^[0-9]*:memory:\|^0:://p' "/proc/$pid/cgroup" | head -n 1)
    same 67108864 "$(cat "/sys/fs/cgroup/memory$group/memory.limit_in_bytes" 2>/dev/null || cat "/sys/fs/cgroup$group/memory.max")"
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
