#!/usr/bin/env bats
# What a hostile program of a job tries (PRD-31), by each driver: tests/attacks, the table of execdm-isolation(7), and after
# each of them the next job runs well. An attack that is listed in that table is a row of tests/attacks/attack.c, or a
# function try_NAME of this file.

# shellcheck disable=SC2016,SC2030,SC2031 # what is in quotes is for the program; one test's state is its own
bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    require cc
    jobs_state
    export tiny
    attack=$(once attack compile_attack)
    victims=$(once victims attack_image)
}

teardown() {
    leave "$BATS_TEST_TMPDIR"/*.pid
    if [ -d "$BATS_TEST_TMPDIR/slurm" ]; then "$TOP_SRCDIR/tests/slurm" stop "$BATS_TEST_TMPDIR/slurm"; fi
    if [ -n "${shm-}" ]; then ipcrm -m "$shm"; fi
    if [ -n "${short-}" ]; then
        if [ "$(id -u)" -ne 0 ]; then
            leave "$XDG_RUNTIME_DIR"/libpod/tmp/pause.pid
            podman unshare rm -rf "$short" || true
            leave "$XDG_RUNTIME_DIR"/libpod/tmp/pause.pid
        fi
        rm -rf "$short"
    fi
    chmod -R u+rwx "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

compile_attack() { # FILE
    cc -std=gnu17 -O1 -static -o "$1" "$TOP_SRCDIR/tests/attacks/attack.c"
}

# The tiny image with the attacks in it, so that every driver can run them.
attack_image() { # DIR
    local rootless=()
    if [ "$(id -u)" -ne 0 ]; then rootless=(--rootless); fi
    cp -R "$tiny" "$1.new"
    umoci --log=error insert "${rootless[@]}" --image "$1.new:latest" "$attack" /bin/attack
    mv "$1.new" "$1"
}

# platform DRIVER: target.yaml, which runs jobs by it
platform() {
    options=
    if [ "$1" = slurm ]; then
        PATH=$PATH:/usr/sbin require slurmctld slurmd munged sbatch
        chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
        "$TOP_SRCDIR/tests/slurm" start "$BATS_TEST_TMPDIR/slurm"
        export SLURM_CONF=$BATS_TEST_TMPDIR/slurm/slurm.conf
        options="conf: $SLURM_CONF"
    fi
    if [ "$1" = podman ]; then # with a store of this test's own, as in podman.bats
        require podman runc conmon newuidmap
        export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
        mkdir -m 700 run
        short=$(mktemp -d /tmp/pod.XXXXXX)
        options="command: [podman, --root, $short/root, --runroot, $short/run"
        if [ "$(id -u)" -eq 0 ]; then options+=", --tmpdir, $short/tmp"; fi
        options+=]
    fi
    printf 'name: target\ndriver: %s\ncompute: {cores: 4, memory: 2}\ndriver-options: {%s}\n' "$1" "$options" >target.yaml
}

# hostile KEY=VALUE...: a job of the image of attacks, to its end; sets id
hostile() {
    task image="oci:$victims" "$@"
    execdm-plan --planner=./target.yaml task.json >answer.json
    id=$(execdm-accept answer.json | jq -r .id)
    work "$id" || [ $? -eq 1 ]
}

out() {
    cat "$(files "$id")/attempt-1/stdout"
}

ended() { # PHASE REASON
    job "$id" '.error.message // empty' # bats shows it when the next line fails
    same "$1 $2" "$(job "$id" '"\(.phase) \(.error.reason // "ok")"')"
}

# gone ID: no process has a directory of the job among its mounts, as all in its sandbox do
gone() {
    ! grep -qs "$1" /proc/[0-9]*/mountinfo
}

# The next job runs well, and nothing of the one before is left.
next_runs() {
    local before=$id
    hostile sh='echo well >/outputs/well; cat /outputs/well'
    same well "$(out)"
    ended COMPLETED ok
    wait_until 5 gone "$before"
    # shellcheck disable=SC2312
    same "" "$(find /sys/fs/cgroup -name "execdm-$before-*" 2>/dev/null)"
}

# bystander: what there is outside to attack, as the environment of tests/attacks/attack.c
bystander() {
    cat >listen.py <<'P'
import os, socket, sys
keep = []
tcp = socket.create_server(("127.0.0.1", 0))
port = tcp.getsockname()[1]
for family, where in ((socket.AF_INET6, ("::1", port)), (socket.AF_UNIX, "\0" + sys.argv[1]), (socket.AF_UNIX, sys.argv[2])):
    try:
        s = socket.socket(family)
        s.bind(where)
        s.listen(5)
        keep.append(s)
    except OSError:
        keep.append(None)
print(port, "ipv6" if keep[0] else "none", flush=True)
while True:
    tcp.accept()[0].close()
P
    sock=$(mktemp -u "${TMPDIR:-/tmp}/sXXXXXX")
    abstract=execdm-test-$$-$RANDOM
    /usr/bin/python3 listen.py "$abstract" "$sock" >port 3>&- &
    echo $! >listen.pid
    wait_until 20 test -s port
    read -r port six <port
    sleep 1000 3>&- &
    victim=$!
    echo $victim >victim.pid
    shm=$(ipcmk -M 4096 | grep -o '[0-9]*$')
    (umask 077 && echo secret >"$PWD/secret")
    mkdir -p in
    echo 'what goes in' >in/file
    around=(PORT="$port" SOCKET="$sock" ABSTRACT="$abstract" VICTIM="$victim" SECRET="$PWD/secret" STATE="$EXECDM_STATE" SHM="$shm")
}

# Every row of the table of attacks, from within a job: held.
attacks_of() { # DRIVER
    local word words=()
    platform "$1"
    bystander
    for word in "${around[@]}" INPUT=/in/file; do words+=(env="$word"); done
    date -u +%s >before
    hostile "${words[@]}" cmd='["/bin/attack"]' r:/in=in/
    out >said
    same "" "$(grep -v ' held$' said || true)"
    same "$("$attack" list | wc -l)" "$(wc -l <said)"
    ended COMPLETED ok
    # the host is as it was
    kill -0 "$victim"
    same "what goes in" "$(cat in/file)"
    same secret "$(cat secret)"
    [ "$(($(date -u +%s) - $(cat before)))" -lt 170 ]
    next_runs
}

@test "local: no attack of the table gets out" {
    attacks_of local
}

# bats test_tags=real, root
@test "slurm: no attack of the table gets out" {
    attacks_of slurm
}

# bats test_tags=real
@test "podman: no attack of the table gets out" {
    attacks_of podman
}

@test "the same attacks get out where there is no sandbox" {
    bystander
    export "${around[@]}" INPUT=$PWD/in/file
    exec 7<secret
    names=(ipv4 dns unix-path unix-abstract files state processes signals descriptors environment shared-memory inputs)
    names+=(namespaces kernel)
    if [ "$six" != ipv6 ]; then echo "there is no IPv6 here"; else names+=(ipv6); fi
    mkdir -p "$EXECDM_STATE/jobs"
    EXECDM_MARK=1 run "$attack" "${names[@]}"
    same 1 "$status"
    # without a network at all there is no address to send to
    same "" "$(grep ' held$' <<<"$output" | grep -v '^dns ' || true)"
}

# --- lives: programs that do not want to end well; each is a row of the table, too ---

try_fork_bomb() {
    hostile cmd='["/bin/attack","bomb"]' memory=1 max=PT60S
    n=$(out | grep -o '^[0-9]*' || echo 0) # none: its memory was used up before
    [ "$n" -le 4096 ]
    [ "$n" -gt 50 ] || ended ERROR memlimit
}

try_memory_hog() {
    # in one process, in many small ones, in files of /tmp and of /dev/shm
    hostile sh='x=$(head -c 300000000 /dev/zero | tr "\0" x); sleep 5; echo late'
    ended ERROR memlimit
    # by a name that looks like a line of what the kernel says about it
    hostile sh='echo "VmRSS: 1" >/proc/self/comm; x=$(head -c 300000000 /dev/zero | tr "\0" x); sleep 5; echo late'
    ended ERROR memlimit
    hostile sh='for i in 1 2 3 4 5 6 7 8; do (x=$(head -c 20000000 /dev/zero | tr "\0" x); sleep 20) & done; wait; echo late'
    ended ERROR memlimit
    hostile sh='cat /dev/zero >/tmp/x; sleep 5; echo late'
    ended ERROR memlimit
    same "" "$(out)"
    # podman's has a size of its own, 64 MiB, which is not watched where nothing is enforced
    hostile memory=0.03 sh='mkdir -p /dev/shm; cat /dev/zero >/dev/shm/x; sleep 5; echo late'
    if ended ERROR memlimit; then same "" "$(out)" && return; fi
    ended COMPLETED ok
    enforced >kept
    grep -qx 'driver: podman' kept
    run -1 grep -w memory kept
}

try_full_scratch() {
    hostile scratch:/scratch=0.01 sh='while :; do head -c 1000000 /dev/zero >>/scratch/x; sleep 0.1; done' max=PT60S
    ended ERROR disklimit
    # many small files; and within the size nothing happens
    hostile scratch:/scratch=0.01 sh='i=0; while :; do i=$((i + 1)); head -c 65536 /dev/zero >/scratch/$i; done' max=PT60S
    ended ERROR disklimit
    # in a file that has no name any more, held open in one process of many; beside directories too deep to have a path,
    # and names that come and go
    hostile scratch:/scratch=0.01 sh='exec 3>/scratch/x; rm /scratch/x; sleep 100 & while :; do head -c 1000000 /dev/zero >&3; sleep 0.1; done' max=PT60S
    ended ERROR disklimit
    hostile scratch:/scratch=0.05 sh='cd /scratch && /bin/attack deep; while :; do : >a; rm a; done & while :; do head -c 5000000 /dev/zero >>x; sleep 0.1; done' max=PT60S
    ended ERROR disklimit
    hostile scratch:/scratch=0.01 sh='exec 3>/tmp/x; rm /tmp/x; head -c 12000000 /dev/zero >&3; head -c 5000000 /dev/zero >/scratch/x; sleep 2'
    ended COMPLETED ok
}

try_full_outputs() {
    sed -i "s|^driver-options.*|driver-options: {${options:+$options, }disk: 8 MiB}|" target.yaml
    hostile sh='while :; do head -c 1000000 /dev/zero >>/outputs/x; sleep 0.1; done' max=PT60S
    ended ERROR disklimit
    hostile sh='exec dd if=/dev/zero of=/outputs/x bs=1M count=100' max=PT60S
    ended ERROR disklimit
    [ "$(stat -c %s "$EXECDM_STATE/jobs/$id/results/x")" -le 8388608 ]
    platform_as_it_was
}

enforced() { # the driver, and which limits it says it enforces
    execdm-plan --planner=./target.yaml task.json |
        jq -r '.offers[0].advisory as $a | ["memory", "cores"] - $a | join(" ")'
    grep '^driver:' target.yaml
}

platform_as_it_was() {
    sed -i "s|^driver-options.*|driver-options: {$options}|" target.yaml
}

try_many_files() {
    hostile memory=0.5 sh='mkdir /outputs/d; cd /outputs/d; i=0; while [ $i -lt '"${EXECDM_ISOLATION_FILES:-2000}"' ]; do i=$((i + 1)); : >f$i; done; : >/tmp/x'
    ended COMPLETED ok
    same "${EXECDM_ISOLATION_FILES:-2000}" "$(find "$EXECDM_STATE/jobs/$id/results/d" -type f | wc -l)"
}

try_deep_results() {
    # deeper than we may have open files, and with a directory that nobody may enter: not stored, and no trouble later
    ulimit -Sn 1024
    # 5000 directories of 4 KiB have room there
    hostile scratch:/scratch=0.1 sh='cd /scratch && /bin/attack deep; cd /outputs && exec /bin/attack deep'
    ended ERROR stageout
    execdm-phase "$id" delete
    [ ! -e "$(files "$id")" ]
}

try_sparse_file() {
    local free
    hostile sh='truncate -s 1G /outputs/huge; echo x >/outputs/small'
    ended COMPLETED ok
    same 1073741824 "$(stat -c %s "$EXECDM_STATE/jobs/$id/results/huge")"
    [ "$(du -sk "$EXECDM_STATE/jobs/$id" | cut -f 1)" -lt 100000 ]
    # larger than what is free it cannot be
    free=$(df --output=avail -B 1 "$EXECDM_STATE" | tail -n 1)
    hostile sh="exec truncate -s $((free + (1 << 30))) /outputs/huge"
    ended ERROR disklimit
}

try_false_results() {
    # links out, special files, and what pretends to be a result; names that are no text
    echo secret >outside-secret
    mkdir -p results
    hostile rw:/outputs=results/ env="OUT=$PWD/outside-secret" sh='cd /outputs
        ln -s $OUT link; ln -s /proc/1/environ environ; ln -s ../../exit.json record; ln -s . loop; ln -s /execdm/init init
        ln $OUT hard 2>/dev/null; mkfifo fifo; (nc -l -U socket || true) 2>/dev/null & mkdir d; ln -s $OUT d/link
        mknod device c 1 3 2>/dev/null; echo x >well; chmod 6777 well
        echo y >"$(printf "new\nline")"; echo z >"$(printf "\377\376bad")"; echo q >"..."; echo q >" "; echo q >"-rf"
        mkdir -p a/b/c && ln -s ../../../../../.. a/b/c/up; exit 0'
    ended COMPLETED ok
    same x "$(cat results/well)"
    same "" "$(find results -type p -o -type s -o -type c -o -type b -o -perm /6000)"
    if grep -r secret results; then return 1; fi
    find results -type l -exec readlink -f {} + >targets
    same "" "$(grep -v "^$PWD/results" targets || true)"
    same secret "$(cat outside-secret)"
}

try_outlive() {
    # a daemon of its own session, which is there, and is gone when the program has ended
    task image="oci:$victims" sh='(trap "" TERM HUP INT; exec >/dev/null 2>&1 </dev/null; setsid sh -c "trap \"\" TERM HUP; sleep 98765 & (while :; do echo x >>/outputs/beat; sleep 0.2; done) &" &)
        while [ ! -e /outputs/end ]; do sleep 0.1; done; exit 0'
    execdm-plan --planner=./target.yaml task.json >answer.json
    id=$(execdm-accept answer.json | jq -r .id)
    work "$id" &
    wait_until 60 test -s "$(files "$id")/attempt-1/outputs/beat"
    if gone "$id"; then return 1; fi
    : >"$(files "$id")/attempt-1/outputs/end"
    wait $!
    ended COMPLETED ok
    wait_until 5 gone "$id"
}

try_deaf() {
    hostile sh='trap "" TERM HUP INT QUIT; while :; do sleep 1; done' max=PT2S
    ended ABORTED timelimit
}

try_closed_output() {
    hostile sh='exec >&- 2>&- <&-; echo x >/outputs/x; (exec 1<>/proc/self/fd/1) 2>/dev/null; exec >/dev/null; exit 0'
    ended COMPLETED ok
    same x "$(cat "$EXECDM_STATE/jobs/$id/results/x")"
}

try_false_record() {
    # what execdm-init says, as it does: before the program runs, and at its end
    hostile sh='(echo x y; printf "x"; echo "exit 0 1 1") >/execdm/told; for fd in /proc/1/fd/*; do echo "exit 0 1 1" >$fd; done; exit 3'
    same "3 exit" "$(job "$id" '"\(.exit.code // .exit) \(.error.reason)"')"
    hostile sh='for i in 1 2 3; do printf "x y" >/execdm/told; done; sleep 60' max=PT2S
    ended ABORTED timelimit
    hostile sh='echo "{\"reason\":\"ok\",\"exit\":0}" >/outputs/exit.json; ln -s /outputs/exit.json /outputs/../exit.json
        for i in 1 2 3 4 5 6 7 8 9 10 11; do echo "exit 0 1 1" >/proc/1/fd/$i; echo "exit 0 1 1" >&$i; done 2>/dev/null; exit 3'
    same "3 exit" "$(job "$id" '"\(.exit.code // .exit) \(.error.reason)"')"
}

try_stopped() {
    # it stops itself, and its first process; the time limit ends it all the same
    hostile sh='kill -STOP 1; kill -TSTP 1; kill -STOP $$' max=PT2S
    ended ABORTED timelimit
}

lives() { # names of all
    declare -F | sed -n 's/^declare -f try_//p' | tr _ -
}

# A fork bomb takes the processes that all jobs of the account may have: the others of this file wait for its end. Who fails
# meanwhile may leave the lock to what it has begun, so nobody waits without end.
alone_or_not() { # NAME
    exec 9>"$BATS_RUN_TMPDIR/fork-bomb.lock"
    if [ "$1" = fork-bomb ]; then flock -w 60 -x 9 || true; else flock -w 60 -s 9 || true; fi
}

# These and those NAME...: by the driver, each followed by a job that runs well.
lives_of() { # DRIVER NAME...
    local name
    if [ ! -e target.yaml ]; then platform "$1"; fi
    for name in "${@:2}"; do
        echo "--- $name"
        alone_or_not "$name"
        "try_${name//-/_}"
        next_runs
        flock -u 9
    done
}

@test "local: a fork bomb, and memory without end" {
    lives_of local fork-bomb memory-hog
}

@test "local: disks filled, files without number, or without end" {
    lives_of local full-scratch full-outputs many-files deep-results sparse-file
}

@test "local: results that are none, or lead out" {
    lives_of local false-results false-record closed-output
}

@test "local: programs that do not want to end" {
    lives_of local outlive deaf stopped
}

# bats test_tags=real, root
@test "slurm: a fork bomb, memory and disks without end" {
    lives_of slurm fork-bomb memory-hog full-scratch full-outputs
}

# bats test_tags=real, root
@test "slurm: files without number or end, and results that are none" {
    lives_of slurm many-files deep-results sparse-file false-results false-record closed-output
}

# bats test_tags=real, root
@test "slurm: programs that do not want to end" {
    lives_of slurm outlive deaf stopped
}

# bats test_tags=real
@test "podman: a fork bomb, memory and disks without end" {
    lives_of podman fork-bomb memory-hog full-scratch full-outputs
}

# bats test_tags=real
@test "podman: files without number or end, and results that are none" {
    lives_of podman many-files deep-results sparse-file false-results false-record closed-output
}

# bats test_tags=real
@test "podman: programs that do not want to end" {
    lives_of podman outlive deaf stopped
}

@test "execdm-isolation(7) has a row for every attack, and for nothing else" {
    sed -n '/^\.\\" attacks/,/^\.El/s/^\.It Cm \([a-z0-9-]*\) .*/\1/p' "$TOP_SRCDIR/man/execdm-isolation.7" | sort >rows
    { "$attack" list && lives; } | sort >names
    diff names rows
}
