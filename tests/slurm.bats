#!/usr/bin/env bats
# The driver slurm, on a cluster of one node that is started for this file (tests/slurm).
# bats file_tags=real, root

# shellcheck disable=SC2016 # jq has variables of its own

bats_require_minimum_version 1.5.0
load helper
load jobs

setup_file() {
    export BATS_NO_PARALLELIZE_WITHIN_FILE=true # one cluster, and one of them kills its controller
    if ! command -v slurmctld slurmd munged sbatch >/dev/null; then return; fi
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
    "$TOP_SRCDIR/tests/slurm" start "$BATS_FILE_TMPDIR/slurm"
}

teardown_file() {
    "$TOP_SRCDIR/tests/slurm" stop "$BATS_FILE_TMPDIR/slurm"
}

setup() {
    PATH=$PATH:/usr/sbin require slurmctld slurmd munged sbatch
    jobs_state
    pods=
    export tiny SLURM_CONF=$BATS_FILE_TMPDIR/slurm/slurm.conf
    scontrol update partitionname=main state=up
    lab
}

eval "jobs_$(declare -f teardown)"
teardown() {
    jobs_teardown
    if [ -e accounting ]; then "$TOP_SRCDIR/tests/slurm" stop "$PWD/accounting"; fi
    rm -rf "$pods"
}

# lab [YAML-OF-OPTIONS]: the platform lab.yaml, which is the cluster
lab() {
    printf 'name: lab\ndriver: slurm\ndriver-options: {conf: %s%s}\n' "$SLURM_CONF" "${1:+, $1}" >lab.yaml
}

# cluster CMD...: of tests/slurm
cluster() {
    local verb=$1
    shift
    "$TOP_SRCDIR/tests/slurm" "$verb" "$BATS_FILE_TMPDIR/slurm" "$@"
}

# lab_job KEY=VALUE...: a job on it; prints its id
lab_job() {
    task "$@"
    execdm-plan --planner=./lab.yaml task.json >answer.json
    execdm-accept answer.json | jq -r .id
}

# situation: what to look at when something takes too long; it fails
situation() {
    squeue --states=all --format='%i|%T|%j|%r|%N'
    sinfo --Node --long
    execdm-status --list | jq -c '[.id, .phase, .attempt, .waiting_for, .history[-1]]'
    find "$EXECDM_STATE/jobs" -path '*/attempt-*' -type f -printf '%P %TT\n'
    tail -n 30 "$BATS_FILE_TMPDIR"/slurm/slurmctld.out "$BATS_FILE_TMPDIR"/slurm/slurmd.out
    return 1
}

# watch_node: an operator who resumes it when it was drained for a while
watch_node() {
    local was='' now
    while sleep 7; do
        now=$(sinfo --noheader --states=drain,draining)
        if [ "$was" ] && [ "$now" ]; then scontrol update "nodename=$(hostname -s)" state=resume || true; fi
        was=$now
    done
}

# slurm_of ID FORMAT: what squeue says of it
slurm_of() {
    squeue --noheader --states=all --name="execdm-$1-1" --format="$2"
}

@test "the driver slurm keeps the contract" {
    /usr/bin/python3 "$TOP_SRCDIR/tests/driver-check" --slow=8 --config="{\"conf\": \"$SLURM_CONF\"}" slurm >lines 2>errors || {
        grep '^not ok' -A 3 lines
        cat errors
        false
    }
    [ "$(grep -c '^ok' lines)" -ge 40 ]
}

@test "a notebook runs in the cluster as it does here" {
    require jupyter-nbconvert
    cp "$TOP_SRCDIR"/contrib/examples/newton/* .
    chmod u+w notebook.yaml
    sed -i 's/^    - volumes:/    - spec: {minmemory: 1}\n      volumes:/' notebook.yaml
    execdm-plan --planner=./lab.yaml notebook.yaml | execdm-accept | execdm-run >there.json || situation
    same "COMPLETED slurm" "$(jq -r '"\(.phase) \(.backend.driver)"' there.json)"
    same "newton.ipynb roots.txt" "$(jq -r '[.results[].name | select(test("[.](ipynb|txt)$"))] | sort | join(" ")' there.json)"
}

@test "one task file, one image digest: the same bytes by local, podman and slurm; then on other data" {
    require podman runc conmon
    pods=$(mktemp -d /tmp/pod.XXXXXX) # podman wants at most 50 characters
    printf 'name: pods\ndriver: podman\ndriver-options: {command: [podman, --root, %s/root, --runroot, %s/run, --tmpdir, %s/tmp]}\n' \
        "$pods" "$pods" "$pods" >pods.yaml
    printf 'name: here\ndriver: local\n' >here.yaml
    mkdir data out
    echo 6 >data/n
    task digest="$(jq -r '.manifests[0].digest' "$tiny/index.json")" env='ODD=a b' r:/in=data/ rw:/out=out/ \
        sh='read -r n </in/n; echo $((n * 7)) >/out/answer; id -u; id -g; env | sort; pwd; stat -c "%n %a %u %g %s" /in/n /out/answer'
    cp task.json unchanged.json
    for n in 6 9; do
        echo "$n" >data/n
        touch -d 2026-01-01 data/n data
        for platform in here pods lab; do
            execdm-plan --planner="./$platform.yaml" task.json | execdm-accept | execdm-run >"$platform.json"
            same "COMPLETED $platform 1" "$(jq -r '"\(.phase) \(.platform) \(.attempt)"' "$platform.json")"
            mkdir -p "got/$n/$platform"
            cp out/answer "$(files "$(jq -r .id "$platform.json")")"/attempt-1/stdout "got/$n/$platform"
        done
        same "$((n * 7))" "$(cat "got/$n/lab/answer")"
        diff -r "got/$n/here" "got/$n/pods"
        diff -r "got/$n/here" "got/$n/lab"
    done
    cmp task.json unchanged.json
    # what Slurm was asked for
    id=$(jq -r .id lab.json)
    scontrol --oneliner show job "$(jq -r .backend.native lab.json)" >shown
    has "$(cat shown)" "JobName=execdm-$id-1" Requeue=0 "MinMemoryNode=80M" "JobState=COMPLETED"
}

@test "aborted while it runs, and while it is queued: nothing is left in the cluster" {
    id=$(lab_job sh='sleep 100')
    execdm-run --once
    wait_until 20 eval '[ "$(slurm_of "$id" %T)" = RUNNING ]'
    execdm-run --once
    is "$id" EXECUTING
    execdm-phase "$id" abort
    is "$id" ABORTED
    wait_until 20 eval '[ "$(slurm_of "$id" %T)" = CANCELLED ] || [ "$(slurm_of "$id" %T)" = COMPLETED ]'
    scontrol update partitionname=main state=down
    id=$(lab_job sh='sleep 100')
    execdm-run --once
    same PENDING "$(slurm_of "$id" %T)"
    # it waits there: nothing was started yet, and to hold it here would not keep it from that
    same "QUEUED backend null" "$(job "$id" '"\(.phase) \(.waiting_for) \(.started)"')"
    run ! execdm-phase "$id" hold
    execdm-phase "$id" abort
    is "$id" ABORTED
    same CANCELLED "$(slurm_of "$id" %T)"
    scontrol update partitionname=main state=up
}

@test "somebody cancels it in Slurm, or holds it: told, and the hold is no end" {
    id=$(lab_job sh='sleep 100')
    execdm-run "$id" >"$id.json" 2>run.err 3>&- &
    wait_until 20 eval '[ "$(slurm_of "$id" %T)" = RUNNING ]'
    scancel "$(job "$id" .backend.native)"
    wait $! || [ $? -eq 1 ]
    same "ABORTED killed" "$(job "$id" '"\(.phase) \(.error.reason)"')"
    scontrol update partitionname=main state=down
    id=$(lab_job sh='echo late')
    execdm-run --once
    scontrol hold "$(job "$id" .backend.native)"
    scontrol update partitionname=main state=up
    execdm-run --once
    is "$id" QUEUED
    scontrol release "$(job "$id" .backend.native)"
    work "$id"
    is "$id" COMPLETED
}

@test "extras are generic resources, by the names the platform has for them; the partition and limits are asked for" {
    tape=https://www.purl.org/ivoa.net/resource-types/xilinx-vu19p
    lab "partition: short, gres: {\"$tape\": tape}"
    printf 'compute: {cores: 2, memory: 1, extras: [{type: "%s", count: 2}]}\n' "$tape" >>lab.yaml
    task sh='exit 0' max=PT90S
    jq --arg t "$tape" '.resources.compute[0].spec.extras = [{name: "a", type: $t}, {name: "b", type: $t}]' task.json >two.json
    execdm-plan --planner=./lab.yaml two.json | execdm-accept | execdm-run >job.json
    same COMPLETED "$(jq -r .phase job.json)"
    scontrol --oneliner show job "$(jq -r .backend.native job.json)" >shown
    has "$(cat shown)" Partition=short "TresPerNode=gres:tape:2" TimeLimit=00:03:00 NumCPUs=1
    # one that the platform has and gives no name
    lab
    printf 'compute: {cores: 2, memory: 1, extras: [{type: "%s", count: 2}]}\n' "$tape" >>lab.yaml
    execdm-plan --planner=./lab.yaml two.json | execdm-accept | execdm-run >job.json || [ $? -eq 1 ]
    has "$(jq -r .error.message job.json)" "expected gres to name $tape"
    lab 'partition: nowhere'
    run -1 --separate-stderr execdm-plan --planner=./lab.yaml task.json
    has "$output" nowhere
}

@test "still queued in the cluster when its window closes: ABORTED, and it says so" {
    scontrol update partitionname=main state=down
    id=$(lab_job sh='exit 0' max=PT30S start="$(date -u +%FT%TZ)/$(date -u -d '+10 sec' +%FT%TZ)")
    execdm-run --once
    scontrol --oneliner show job "$(job "$id" .backend.native)" >shown
    has "$(cat shown)" Deadline=20
    # Slurm does not act on it while nothing can run; it is over all the same
    printf 2026-01-01T00:00:00Z >"$(files "$id")/attempt-1/not_after"
    execdm-run "$id" >ended.json || [ $? -eq 1 ]
    same ABORTED "$(jq -r .phase ended.json)"
    same CANCELLED "$(slurm_of "$id" %T)"
    has "$(jq -r .error.message ended.json)" "still queued in Slurm when its start window closed"
}

@test "too much memory, too much time, an exit code, a signal: as on this machine" {
    hungry=$(lab_job sh='x=$(head -c 200000000 /dev/zero | tr "\0" x); sleep 5')
    long=$(lab_job sh='sleep 60' max=PT2S)
    seven=$(lab_job sh='exit 7')
    execdm-run "$hungry" "$long" "$seven" >ended.json || [ $? -eq 1 ]
    same "ERROR memlimit" "$(job "$hungry" '"\(.phase) \(.error.reason)"')"
    same "ABORTED timelimit" "$(job "$long" '"\(.phase) \(.error.reason)"')"
    same "ERROR exit 7" "$(job "$seven" '"\(.phase) \(.error.reason) \(.exit.code // .exit)"')"
}

# falsely NAME LINE...: a program of sh that stands for Slurm's of this name when `driver` is asked; ./real/NAME is Slurm's
falsely() {
    local name=$1
    shift
    mkdir -p false real
    cp "/usr/bin/$name" real/
    printf '%s\n' '#!/bin/sh' "cd '$PWD'" "$@" >"false/$name"
    chmod 755 "false/$name"
}

# driver VERB STAMP NATIVE DIR [SECONDS]: what it answers, within these, about the attempt whose directory this is
driver() {
    printf '{"execdm_driver":1,"verb":"%s","deadline_s":'"${5:-60}"',"config":{"conf":"%s"}}\n{"id":"1","stamp":"%s","native":"%s","exitfile":"%s/exit.json"}\n' \
        "$1" "$SLURM_CONF" "$2" "$3" "$4" >call
    unshare --mount sh -c 'for f in false/*; do mount --bind "$f" "/usr/bin/${f##*/}"; done; exec execdm-driver-slurm "$0"' "$1" <call
}

# what_if STATE NODE REASON: what the driver says of an attempt that began nowhere, when squeue had said this of it
what_if() {
    falsely squeue "echo '7|$1|2026-01-01T00:00:00|$2|execdm-what-if-1|$3'"
    mkdir -p attempt
    driver status execdm-what-if-1 7 "$PWD/attempt" | jq -r '"\(.state) \(.reason)"'
}

@test "each word of Slurm's for a state has one of ours" {
    while read -r state node why want; do
        same "$state $want" "$state $(what_if "$state" "$node" "$why")"
    done <<'END'
PENDING - Priority queued null
PENDING - JobHeldUser held null
PENDING - JobHeldAdmin held null
CONFIGURING vm None starting null
RUNNING vm None running null
COMPLETING vm None finishing null
STAGE_OUT vm None finishing null
SUSPENDED vm None suspended null
STOPPED vm None suspended null
REQUEUED - BeginTime queued null
REQUEUE_HOLD - JobHeldAdmin held null
SPECIAL_EXIT - JobHeldUser held null
COMPLETED vm None failed internal
FAILED vm NonZeroExitCode failed internal
CANCELLED vm None cancelled killed
TIMEOUT vm TimeLimit failed timelimit
OUT_OF_MEMORY vm OutOfMemory failed memlimit
DEADLINE - DeadLine cancelled startwindow
NODE_FAIL vm NodeDown lost nodefail
BOOT_FAIL vm None lost nodefail
PREEMPTED vm None lost preempted
A_NEW_ONE vm None unknown null
END
}

# hold FILE: its lock, until the file let-go is there
hold() {
    /usr/bin/python3 -c 'import fcntl, os, sys, time
alive = open(sys.argv[1], "r+")
fcntl.lockf(alive, fcntl.LOCK_EX)
open("held", "w").close()
while not os.path.exists("let-go"):
    time.sleep(0.05)' "$1"
}

@test "cancel of what has ended: ok, though squeue still shows it running, scancel refuses, or nobody answers" {
    id=$(lab_job sh='exit 0')
    execdm-run "$id" >ended.json
    wait_until 60 eval '[ "$(slurm_of "$id" %T)" = COMPLETED ]'
    local attempt of late
    attempt=$(files "$id")/attempt-1
    of=("execdm-$id-1" "$(job "$id" .backend.native)" "$attempt")
    late="echo '${of[1]}|RUNNING|N/A|$(hostname -s)|${of[0]}|None'"
    # the record says all there is to say
    falsely squeue 'touch asked' 'exit 1'
    same "true done ok" "$(driver cancel "${of[@]}" | jq -r '"\(.ok) \(.state) \(.reason)"')"
    [ ! -e asked ]
    # its supervisor is not quite gone: waited for, and nothing is asked to end
    falsely squeue 'touch asked' "$late"
    falsely scancel 'touch refused' 'exit 1'
    hold "$attempt/alive" 3>&- &
    local holder=$!
    wait_until 60 test -e held
    driver cancel "${of[@]}" >reply 3>&- &
    local caller=$!
    wait_until 60 test -e asked
    [ ! -s reply ]
    touch let-go
    wait "$caller" "$holder"
    same "true done ok" "$(jq -r '"\(.ok) \(.state) \(.reason)"' reply)"
    [ ! -e refused ]
    # no record, and it ended between squeue, which says that it runs, and scancel, which then knows of no such job
    mv "$attempt/exit.json" record
    falsely squeue "[ -e told ] || { touch told; $late; exit; }" 'exec real/squeue "$@"'
    falsely scancel 'touch refused' 'exec real/scancel "$@"'
    driver cancel "${of[@]}" >reply
    cat reply
    same "true finishing null" "$(jq -r '"\(.ok) \(.state) \(.error)"' reply)"
    [ -e told ]
    [ -e refused ]
}

@test "cancel when Slurm does not answer at first: asked again, and it ends" {
    id=$(lab_job sh='sleep 100')
    execdm-run --once
    wait_until 60 test -e "$(files "$id")/attempt-1/started"
    falsely scancel '[ -e refused ] || { touch refused; echo "scancel: error: Socket timed out" >&2; exit 1; }' 'exec real/scancel "$@"'
    falsely squeue '[ ! -e refused ] || [ -e away ] || { touch away; exit 1; }' 'exec real/squeue "$@"'
    driver cancel "execdm-$id-1" "$(job "$id" .backend.native)" "$(files "$id")/attempt-1" >reply
    cat reply
    same "true cancelled killed" "$(jq -r '"\(.ok) \(.state) \(.reason)"' reply)"
    [ -e away ]
    # what cannot be asked to end says why
    id=$(lab_job sh='sleep 100')
    execdm-run --once
    wait_until 60 test -e "$(files "$id")/attempt-1/started"
    falsely scancel 'echo "scancel: error: Access/permission denied" >&2' 'exit 1'
    driver cancel "execdm-$id-1" "$(job "$id" .backend.native)" "$(files "$id")/attempt-1" 5 | jq -r '"\(.error.kind) \(.error.text)"' >reply
    same "unavailable scancel: scancel: error: Access/permission denied" "$(cat reply)"
    execdm-phase "$id" abort
    is "$id" ABORTED
}

@test "the node fails: the next attempt runs when there is one again" {
    id=$(lab_job sh='cat /proc/sys/kernel/random/uuid >>/outputs/mark; [ -e /outputs/no ] || sleep 4')
    execdm-run --once
    wait_until 20 eval '[ "$(slurm_of "$id" %T)" = RUNNING ]'
    scontrol update "nodename=$(hostname -s)" state=down reason=test
    wait_until 20 eval '[ "$(slurm_of "$id" %T)" = NODE_FAIL ]'
    execdm-run --once
    scontrol update "nodename=$(hostname -s)" state=resume 2>err || true # it may be back by itself
    execdm-run "$id" >ended.json
    same "COMPLETED 2" "$(jq -r '"\(.phase) \(.attempt)"' ended.json)"
    same 1 "$(cat "$EXECDM_STATE/jobs/$id/results/mark" | wc -l)"
}

@test "another job goes first: the next attempt runs when that has ended" {
    id=$(lab_job sh='[ -e /proc/self ] && sleep 3; echo done')
    execdm-run --once
    wait_until 20 eval '[ "$(slurm_of "$id" %T)" = RUNNING ]'
    sbatch --partition=urgent --exclusive --output=/dev/null --wrap 'sleep 1' >urgent
    wait_until 30 eval '[ "$(slurm_of "$id" %T)" = PREEMPTED ]'
    execdm-run "$id" >ended.json
    same "COMPLETED 2" "$(jq -r '"\(.phase) \(.attempt)"' ended.json)"
    has "$(jq -c .history ended.json)" "it had to make room for another job"
}

@test "somebody asks Slurm to run it again: it does not, and nothing runs twice" {
    id=$(lab_job sh='cat /proc/sys/kernel/random/uuid >>/outputs/mark; sleep 3')
    execdm-run --once
    wait_until 20 eval '[ "$(slurm_of "$id" %T)" = RUNNING ]'
    run ! scontrol requeue "$(job "$id" .backend.native)"
    execdm-run "$id" >ended.json
    same "COMPLETED 1" "$(jq -r '"\(.phase) \(.attempt)"' ended.json)"
    same 1 "$(wc -l <"$EXECDM_STATE/jobs/$id/results/mark")"
}

@test "the whole pipeline inside a batch script: its jobs run on the node" {
    task sh='echo here'
    cat >batch.sh <<'END'
#!/bin/bash
execdm-plan --planner=localhost task.json | execdm-accept | execdm-run >inside.json
END
    sbatch --wait --output=batch.log --export=ALL --mem=500M batch.sh >batch.id
    same "COMPLETED localhost" "$(jq -r '"\(.phase) \(.platform)"' inside.json)"
}

@test "more than a node has: NO, before anything is submitted" {
    task sh=: memory=2
    run -1 --separate-stderr execdm-plan --planner=./lab.yaml task.json
    same "/resources/compute/0/spec/minmemory 2" "$(jq -r '.messages[0] | "\(.pointer) \(.asked)"' <<<"$output")"
    task sh=: memory=1.98
    execdm-plan --planner=./lab.yaml task.json | jq -e '.offers[0].estimate'
}

@test "which limits the nodes keep is the site's to say" {
    task sh=:
    lab
    execdm-plan --planner=./lab.yaml task.json >answer.json
    same "cores disk memory processes" "$(jq -r '.offers[0].advisory | sort | join(" ")' answer.json)"
    lab 'enforced: [memory, processes]'
    execdm-plan --planner=./lab.yaml task.json >answer.json
    same "cores disk" "$(jq -r '.offers[0].advisory | sort | join(" ")' answer.json)"
}

@test "many small jobs: all wait in Slurm's queue, none for another here" {
    n=${EXECDM_SLURM_JOBS:-12}
    printf 'compute: {cores: 4, memory: 2}\n' >>lab.yaml
    for i in $(seq "$n"); do lab_job sh='exit 0' memory=0.0625 max=PT5M; done >ids
    xargs execdm-run <ids >ended.json
    same "$n COMPLETED" "$(jq -r .phase ended.json | sort | uniq -c | xargs)"
}

@test "the controller is killed right after a submit: nothing is lost, nothing runs twice" {
    ids=()
    sleep 6 # it saves its state every 5 s: what ended since would run again for it, and keep the node
    for i in 1 2 3; do ids+=("$(lab_job sh='cat /proc/sys/kernel/random/uuid >>/outputs/mark; sleep 1')"); done
    execdm-run --once
    kill -KILL "$(cat "$BATS_FILE_TMPDIR/slurm/slurmctld.pid")"
    # it is down: nobody takes that for an end
    execdm-run --once 2>err || true
    for i in "${ids[@]}"; do has "QUEUED EXECUTING" "$(job "$i" .phase)"; done
    cluster resume slurmctld
    # ids are given out again; a node that still has the first one of them refuses work until it is told otherwise
    watch_node >resume.out 2>&1 3>&- &
    local resumer=$!
    timeout 120 execdm-run "${ids[@]}" >ended.json || situation
    kill "$resumer"
    same "3 COMPLETED" "$(jq -r .phase ended.json | sort | uniq -c | xargs)"
    for i in "${ids[@]}"; do same 1 "$(cat "$EXECDM_STATE/jobs/$i/results/mark" | wc -l)"; done
}

@test "accounting knows how a job ended that the controller has forgotten" {
    require slurmdbd mariadbd sacct
    local own=$PWD/accounting
    "$TOP_SRCDIR/tests/slurm" start "$own" AccountingStorageType=accounting_storage/slurmdbd
    export SLURM_CONF=$own/slurm.conf
    lab
    runs=$(lab_job sh='sleep 60')
    execdm-run --once
    wait_until 20 eval '[ "$(slurm_of "$runs" %T)" = RUNNING ]'
    waits=$(lab_job sh=true memory=1.95)
    execdm-run --once
    same PENDING "$(slurm_of "$waits" %T)"
    scancel --name="execdm-$runs-1"
    scancel --name="execdm-$waits-1"
    local all="CANCELLED by 0|execdm-$runs-1 CANCELLED by 0|execdm-$waits-1"
    wait_until 20 eval '[ "$(sacct --noheader --parsable2 --allocations --jobs=1,2 --format=state,jobname | xargs)" = "$all" ]'
    "$TOP_SRCDIR/tests/slurm" halt "$own" slurmctld
    rm -r "$own/state"
    mkdir "$own/state"
    "$TOP_SRCDIR/tests/slurm" resume "$own" slurmctld
    wait_until 20 squeue
    same "" "$(squeue --noheader --states=all)"
    execdm-run "$runs" "$waits" >ended.json || [ $? -eq 1 ]
    same "ABORTED 1 killed" "$(job "$runs" '"\(.phase) \(.attempt) \(.error.reason)"')"
    same "ABORTED 1 killed somebody cancelled it in Slurm" "$(job "$waits" '"\(.phase) \(.attempt) \(.error.reason) \(.error.message)"')"
}
