#!/usr/bin/env bats
# execdm-accept: which offer is taken, once; what is booked; and the store it is kept in.
# shellcheck disable=SC2030,SC2031 # every test is a subshell, and meant to be

bats_require_minimum_version 1.5.0
load helper

setup() {
    local ns
    private_state
    require jq sqlite3 bwrap /usr/bin/python3
    cd "$BATS_TEST_TMPDIR" || return 1
    if [ "$(id -u)" -eq 0 ]; then
        getent passwd execdm-job >/dev/null || skip "root needs the account execdm-job"
    else
        ns=$(bwrap --unshare-all --ro-bind / / /bin/true 2>&1) || skip "bubblewrap does not work here: $ns"
    fi
    echo 'print("hello")' >p.py
    platform lab 'cores: 8, memory: 16'
}

teardown() {
    local pid
    while read -r pid; do kill "$pid" 2>/dev/null || true; done < <(cat "$BATS_TEST_TMPDIR"/*.pid 2>/dev/null)
    chmod -R u+rwx "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

# same WANT GOT
same() {
    if [ "$1" = "$2" ]; then return 0; fi
    printf 'want: %s\n got: %s\n' "$1" "$2"
    return 1
}

# platform NAME COMPUTE [LIFETIME]: NAME.yaml
platform() {
    printf 'name: %s\ndriver: local\ncompute: {%s}\noffers: {lifetime: %s}\n' "$1" "$2" "${3:-PT5M}" >"$1.yaml"
}

# task [COMPUTE-SPEC [DATETIME]]
task() {
    printf 'name: t\nexecutable: {type: "%s", spec: {program: "%s"}}\nresources: {compute: [{spec: %s}]}\ndatetime: %s\n' \
        https://www.purl.org/ivoa.net/executable-types/python-program "$PWD/p.py" "${1:-"{}"}" "${2:-"[]"}"
}

# plan FILE [COMPUTE-SPEC [DATETIME]]: an answer of $planners (./lab.yaml when not set)
plan() {
    local file=$1
    shift
    task "$@" | execdm-plan "${planners[@]---planner=./lab.yaml}" >"$file"
}

# accept ARG...: $code, and what it wrote in out and err
accept() {
    code=0
    execdm-accept "$@" >out 2>err || code=$?
}

exits() { # CODE ARG...
    local want=$1
    shift
    accept "$@"
    if [ "$code" -eq "$want" ]; then return 0; fi
    echo "execdm-accept $*: exit $code, expected $want"
    cat out err
    return 1
}

# refused CODE TEXT ARG...: nothing on stdout, TEXT on stderr
refused() {
    local want=$1 text=$2
    shift 2
    exits "$want" "$@" || return 1
    if ! [ -s out ] && grep -qF -- "$text" err; then return 0; fi
    echo "expected \"$text\" and no output:"
    cat out err
    return 1
}

db() { # SQL
    sqlite3 -separator ' ' -cmd '.timeout 5000' "$EXECDM_STATE/execdm.db" "$1"
}

# offer FILE N FILTER: of the N-th offer (from 0) of an answer
offer() {
    jq -r ".offers[$2]$3" "$1"
}

at() { # DATE: as ISO 8601, UTC
    date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}

# The most cores booked at any moment.
peak() {
    db 'SELECT max((SELECT sum(b.cores) FROM bookings b WHERE b.start <= a.start AND b.end > a.start)) FROM bookings a'
}

@test "an accepted offer is a job: PENDING, its id is the offer's (EP-12, EP-91)" {
    plan answer '{mincores: 2, minmemory: 1}' '[{maxduration: PT10M}]'
    exits 0 answer
    same "$(offer answer 0 .id)" "$(jq -r .id out)"
    jq -e '.phase == "PENDING" and .status == "PENDING" and .name == "t" and .platform == "lab" and .attempt == 0
        and .offer == .id and .executionduration == "PT10M" and has("url") and .url == null
        and (.history | length) == 1 and .history[0].phase == "PENDING" and .history[0].why == "offer accepted"
        and (.created | sub("\\.[0-9]+"; "") | fromdate) <= now' out
    same "$(id -un)" "$(jq -r .owner out)"
    execdm-validate --as=job out
    same '2000 1073741824 600' "$(db 'SELECT cores, memory, end - start FROM bookings')"
    same accepted "$(db 'SELECT state FROM offers')"
}

@test "from standard input, from a file, as YAML" {
    plan answer
    exits 0 <answer
    id=$(jq -r .id out)
    exits 0 - <answer
    same "$id" "$(jq -r .id out)"
    printf 'result: YES\noffers:\n- id: %s\n' "$id" >answer.yaml
    exits 0 answer.yaml
    same "$id" "$(jq -r .id out)"
}

@test "which offer: by id, name, number" {
    plan answer '{}' "[{start: $(at '+1 hour')/PT1H}, {start: $(at '+3 hours')/PT1H}, {start: $(at '+2 hours')/PT1H}]"
    same 3 "$(jq '.offers | length' answer)"
    for which in "$(offer answer 1 .id)" offer-002 2; do
        cp -r "$EXECDM_STATE" "state-$which"
        EXECDM_STATE=$PWD/state-$which exits 0 --offer="$which" answer
        same "$(offer answer 1 .id)" "$(jq -r .id out)"
    done
    refused 66 'the answer has no offer "offer-004"' --offer=offer-004 answer
    for which in 4 0 -1 1.5 '' 1x; do
        refused 66 'the answer has no offer' --offer="$which" answer
    done
    same 0 "$(db 'SELECT count(*) FROM jobs')"
}

@test "which offer: the earliest when nothing is said, the first of equals" {
    plan answer '{}' "[{start: $(at '+3 hours')/PT1H}, {start: $(at '+1 hour')/PT1H}, {start: $(at '+2 hours')/PT1H}]"
    exits 0 answer
    same "$(offer answer 1 .id)" "$(jq -r .id out)"
    t=$(at '+1 hour')
    plan answer '{}' "[{start: $t/PT1H}, {start: $t/PT1H}]"
    exits 0 --prefer=earliest answer
    same "$(offer answer 0 .id)" "$(jq -r .id out)"
}

@test "which offer: --prefer=largest" {
    platform small 'cores: 1, memory: 16'
    platform large 'cores: 9, memory: 16'
    planners=(--planner=./lab.yaml --planner=./large.yaml --planner=./small.yaml)
    plan answer
    exits 0 --prefer=largest answer
    same large "$(jq -r .platform out)"
    refused 64 '--prefer is earliest or largest, not "cheapest"' --prefer=cheapest answer
}

@test "accepting again is the same job, also from another copy of the answer" {
    plan answer
    exits 0 answer
    mv out first
    exits 0 answer
    same "$(jq -c 'del(.waiting_for)' first)" "$(jq -c 'del(.waiting_for)' out)"
    jq -c '.offers[0] |= {id}' answer >copy
    exits 0 copy
    same "$(jq -c 'del(.waiting_for)' first)" "$(jq -c 'del(.waiting_for)' out)"
    same '1 1 1' "$(db 'SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM events), (SELECT count(*) FROM bookings)')"
    # also when the offer's time is over by now
    db 'UPDATE offers SET expires = 1'
    exits 0 answer
    same "$(jq -r .id first)" "$(jq -r .id out)"
}

@test "a sibling of an accepted offer gives the job there is, and is released (EP-97)" {
    plan answer '{}' "[{start: $(at '+1 hour')/PT1H}, {start: $(at '+2 hours')/PT1H}]"
    exits 0 --offer=2 answer
    id=$(jq -r .id out)
    same "$(offer answer 1 .id)" "$id"
    exits 0 --offer=1 answer
    same "$id" "$(jq -r .id out)"
    exits 0 answer
    same "$id" "$(jq -r .id out)"
    same accepted "$(db "SELECT state FROM offers WHERE id = '$id'")"
    same released "$(db "SELECT state FROM offers WHERE id <> '$id'")"
    same 1 "$(db 'SELECT count(*) FROM bookings')"
}

@test "an offer that expired is 79, and says what to do (EP-13)" {
    platform lab 'cores: 8, memory: 16' PT1S
    plan answer
    past() { [ "$(date +%s)" -gt "$(($(date -d "$1" +%s) + 1))" ]; }
    wait_until 10 past "$(offer answer 0 .expires)"
    refused 79 "expired at $(offer answer 0 .expires); ask again with execdm-plan" answer
    # what the client writes into its copy does not revive it
    jq -c '.offers[0].expires = "2999-01-01T00:00:00Z"' answer >copy
    refused 79 expired copy
    same '0 0 open' "$(db 'SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM bookings), state FROM offers')"
}

@test "a NO has no job: exit 1, the reasons on standard error, nothing on standard output" {
    plan answer '{mincores: 100}' && return 1
    refused 1 '100 cores are asked for' answer
    grep -q '^lab: error: ' err
    refused 1 'the answer is NO' <<<'{"result": "NO", "offers": [], "messages": []}'
    same 0 "$(db 'SELECT count(*) FROM jobs')"
}

@test "a copy that says the same in other words is not told to be changed" {
    plan answer '{mincores: 1, maxcores: 1, minmemory: 1}'
    /usr/bin/python3 -c 'import json, sys
answer = json.load(sys.stdin)
spec = answer["offers"][0]["resources"]["compute"][0]["spec"]
spec.update({key: float(value) for key, value in spec.items() if type(value) is int})
json.dump(answer, sys.stdout)' <answer >copy
    grep -qF '"mincores": 1.0' copy
    exits 0 copy
    same "" "$(cat err)"
}

@test "what is changed in the client's copy changes nothing" {
    plan answer '{mincores: 1, maxcores: 1, minmemory: 1}'
    jq -c '.offers[0] |= (.executable.spec.program = "file:///etc/passwd" | .platform = "other" | .task = "other"
        | .resources.compute[0].spec = {mincores: 8, maxcores: 8, minmemory: 16, maxmemory: 16}
        | .datetime[0] = {start: "2999-01-01T00:00:00Z", maxduration: "P1Y"} | .private = {driver: "evil"})' answer >copy
    exits 0 copy
    grep -qF "offer $(offer answer 0 .id): this copy of it was changed (task, platform, executable, resources, datetime); what was offered counts" err
    same "$(jq -cS '.offers[0] | [.executable, .resources, .datetime, .platform, .task]' answer)" \
        "$(jq -cS '[.executable, .resources, .datetime, .platform, .name]' out)"
    same '1000 1073741824' "$(db 'SELECT cores, memory FROM bookings')"
    same 'local lab' "$(db 'SELECT driver, platform FROM jobs')"
}

@test "a copy that says less, or the same in another form, is no changed one" {
    plan answer '{mincores: 1.5, minmemory: 0.5}' "[{start: $(at '+1 hour')/PT1H, maxduration: PT10M}]"
    jq -c '.offers[0] |= {id, resources}' answer >copy
    exits 0 copy
    same '' "$(cat err)"
    jq -S . answer >copy
    exits 0 copy
    same '' "$(cat err)"
}

@test "clock: an offer does not live longer because the clock was set back" {
    require faketime
    local before
    plan answer
    before=$(offer answer 0 .expires)
    code=0
    faketime -f -1d execdm-accept answer >out 2>err || code=$?
    same '79 0' "$code $(stat -c %s out)"
    grep -qF 'which is still to come: the clock was set back; ask again with execdm-plan' err
    code=0
    faketime -f +1d execdm-accept answer >out 2>err || code=$?
    same '79 0' "$code $(stat -c %s out)"
    grep -qF "expired at $before" err
    same '0 0' "$(db 'SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM bookings)')"
    # within its lifetime it is good, also before it was made, and keeps to what was offered
    faketime -f -3m execdm-accept answer >out
    same t "$(db "SELECT CASE WHEN start >= json_extract(doc, '$.private.from') THEN 't' END FROM bookings, offers")"
}

@test "clock: set back or forward, nothing booked is lost or given twice" {
    require faketime
    local by
    task '{mincores: 8}' '[{maxduration: PT3H}]' >soon
    task '{mincores: 8}' "[{start: $(at '-6 hours')/PT10M, maxduration: PT1M}]" >early
    plan held '{mincores: 8}' '[{maxduration: PT3H}]'
    exits 0 held
    for by in +2h -2h +2h; do
        # it is not due to end: who asks for all of it waits until it has
        faketime -f "$by" execdm-offer --platform=./lab.yaml soon >answer
        faketime -f "$by" execdm-accept answer >out
    done
    same 8000 "$(peak)"
    same '4 4' "$(db 'SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM bookings)')"
    # one under way has its room, whatever its booking says: by this clock it begins in two hours
    db 'UPDATE bookings SET latest = 0 WHERE start = (SELECT min(start) FROM bookings)'
    faketime -f -6h execdm-offer --platform=./lab.yaml early >answer && return 1
    jq -e '.messages[0].rule == "no-slot"' answer
    db 'UPDATE bookings SET latest = end'
    faketime -f -6h execdm-offer --platform=./lab.yaml early >answer
}

@test "an offer nobody made is 66" {
    plan answer
    jq -c '.offers[0].id = "018f3b2c-0000-7000-8000-000000000000"' answer >copy
    refused 66 'there is no offer 018f3b2c-0000-7000-8000-000000000000 in this store; ask again with execdm-plan' copy
    EXECDM_STATE=$PWD/other refused 66 'there is no offer' answer
    refused 66 nosuch.json nosuch.json
}

@test "what is no answer is 65" {
    printf '{"name": "t"}\n' >copy
    refused 65 'expected an answer with offers, as execdm-plan writes it' copy
    printf '{"offers": "many"}\n' >copy
    refused 65 'expected an answer with offers' copy
    printf '[]\n' >copy
    refused 65 'expected an answer with offers' copy
    printf '{"offers": [{"name": "offer-001"}]}\n' >copy
    refused 65 'the offer has no id' copy
    printf '{"offers": [1, "two", null]}\n' >copy
    refused 65 'the offer has no id' copy
    printf '{"offers": [\n' >copy
    refused 65 'copy:1:' copy
    refused 65 '' </dev/null
}

@test "a stream of answers is a stream of jobs; what was made before a fault is said" {
    plan one
    plan two
    plan no '{mincores: 100}' && return 1
    cat one no two >stream
    exits 1 stream
    same "$(offer one 0 .id) $(offer two 0 .id)" "$(jq -r .id out | paste -sd ' ')"
    plan three
    { cat three && printf '{"offers": [{"id": "x"}]}\n' && cat two; } >stream
    exits 66 stream
    same "$(offer three 0 .id)" "$(jq -r .id out)"
}

@test "a full or closed standard output is 74, and the job is made once" {
    plan answer
    run -74 bash -c 'execdm-accept answer >/dev/full'
    run -74 bash -c 'execdm-accept answer >&-'
    exits 0 answer
    same 1 "$(db 'SELECT count(*) FROM jobs')"
    run -64 execdm-accept --nonsense
    run -64 execdm-accept answer another
}

@test "capacity: jobs that need all of it get slots one after the other" {
    local i
    for i in 1 2 3; do
        plan "answer$i" '{mincores: 8}' '[{maxduration: PT30M}]'
        exits 0 "answer$i"
    done
    same '1800 1800' "$(db 'SELECT start - lag(end) OVER (ORDER BY start) + 1800 FROM bookings ORDER BY start' | sed 1d | paste -sd ' ')"
    same 8000 "$(peak)"
    # small ones beside a large one, by memory too
    plan answer '{mincores: 1, minmemory: 16}' '[{maxduration: PT30M}]'
    exits 0 answer
    same 4 "$(db 'SELECT count(DISTINCT start) FROM bookings')"
}

@test "capacity: room that is gone when the offer is accepted is 79" {
    plan one '{mincores: 5}'
    plan two '{mincores: 4}'
    plan three '{mincores: 3}'
    exits 0 one
    refused 79 "the room of offer $(offer two 0 .id) is gone; ask again with execdm-plan" two
    exits 0 three
    same '2 8000' "$(db 'SELECT count(*), sum(cores) FROM bookings')"
    same open "$(db "SELECT state FROM offers WHERE id = '$(offer two 0 .id)'")"
    # asked again, it starts later
    plan two '{mincores: 4}'
    exits 0 two
    same 8000 "$(peak)"
}

# Every one of 20 processes at once, each with its own answer; out.N and code.N
accept_all() {
    local i pids=()
    for i in {1..20}; do
        { execdm-accept "answer$i" >"out.$i" 2>"err.$i" && echo 0 || echo $?; } >"code.$i" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}" # a bare wait would wait for the clock of bats, too
}

@test "capacity: 20 accepts at once never book more than there is" {
    local i
    for i in {1..20}; do plan "answer$i"; done
    accept_all
    same '8 0 12 79' "$(sort -n code.* | uniq -c | xargs)"
    same 8000 "$(peak)"
    same 8 "$(db 'SELECT count(*) FROM jobs')"
    same 'ok' "$(db 'PRAGMA integrity_check')"
}

@test "capacity: 20 pipelines at once, asking again as they are told, all find room" {
    local i pids=()
    pipeline() {
        local code
        while :; do
            plan "answer$1" '{mincores: 3}' '[{maxduration: PT10M}]'
            code=0
            execdm-accept "answer$1" >"out.$1" 2>"err.$1" || code=$?
            if [ "$code" -ne 79 ]; then
                echo "$code" >"code.$1"
                return
            fi
        done
    }
    for i in {1..20}; do
        pipeline "$i" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    same '20 0' "$(sort -n code.* | uniq -c | xargs)"
    same 20 "$(jq -r .id out.* | sort -u | wc -l)"
    same 6000 "$(peak)"
    # two at a time, each where there was room first
    same 10 "$(db 'SELECT count(DISTINCT (start - (SELECT min(start) FROM bookings)) / 590) FROM bookings')"
}

@test "20 accepts of one offer at once make one job" {
    local i
    plan answer1
    for i in {2..20}; do cp answer1 "answer$i"; done
    accept_all
    same '20 0' "$(sort -n code.* | uniq -c | xargs)"
    same 1 "$(jq -r .id out.* | sort -u | wc -l)"
    same '1 1 1' "$(db 'SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM events), (SELECT count(*) FROM bookings)')"
}

@test "the store: private, in write-ahead mode on a local disk" {
    umask 000
    plan answer
    exits 0 answer
    same '700 600 600' "$(stat -c %a "$EXECDM_STATE" "$EXECDM_STATE/execdm.db" "$EXECDM_STATE/lock" | paste -sd ' ')"
    same wal "$(db 'PRAGMA journal_mode')"
    # one that others could enter is closed again
    chmod 755 "$EXECDM_STATE"
    exits 0 answer
    same 700 "$(stat -c %a "$EXECDM_STATE")"
}

@test "the store: made where EXECDM_STATE, XDG_STATE_HOME or HOME say" {
    plan answer
    mv "$EXECDM_STATE" kept
    EXECDM_STATE=kept exits 0 answer
    mkdir -p "$XDG_STATE_HOME" "$HOME/.local/state"
    cp -r kept "$XDG_STATE_HOME/execdm"
    EXECDM_STATE='' exits 0 answer
    (
        unset EXECDM_STATE XDG_STATE_HOME
        exits 0 answer
    )
}

@test "the store: of somebody else is 77" {
    plan answer
    if [ "$(id -u)" -eq 0 ]; then
        chown 65534 "$EXECDM_STATE"
    else
        export EXECDM_STATE=/usr
    fi
    refused 77 'belongs to uid ' answer
    grep -q 'set EXECDM_STATE' err
}

@test "the store: a directory that cannot be made names the way out" {
    plan answer
    : >file
    EXECDM_STATE=$PWD/file/state refused 71 'set EXECDM_STATE' answer
    if [ "$(id -u)" -ne 0 ]; then
        mkdir closed
        chmod 555 closed
        EXECDM_STATE=$PWD/closed/state refused 77 'set EXECDM_STATE' answer
        require sqlite3
        sqlite3 "$EXECDM_STATE/execdm.db" 'PRAGMA wal_checkpoint(TRUNCATE)' # the journal goes, and cannot come again
        chmod 500 "$EXECDM_STATE"
        refused 77 "$EXECDM_STATE/execdm.db" answer
    fi
}

@test "the store: written by a newer execdm is 78, and left alone" {
    plan answer
    db 'PRAGMA user_version = 99'
    before=$(db .dump | cksum)
    refused 78 'of version 99, written by a newer execdm; this one knows versions up to' answer
    grep -qF "$EXECDM_STATE/execdm.db" err
    same "$before" "$(db .dump | cksum)"
}

@test "the store: no database at all is told by name" {
    plan answer
    rm "$EXECDM_STATE"/execdm.db*
    printf 'this is no database, whatever its name says, and long enough to be read as one\n%0600d' 0 >"$EXECDM_STATE/execdm.db"
    accept answer
    [ "$code" -ge 64 ] && [ "$code" -ne 70 ]
    grep -qF "$EXECDM_STATE/execdm.db" err
    [ ! -s out ]
}

@test "the store: a writer waits for its turn, and not for ever" {
    plan answer
    flock "$EXECDM_STATE/lock" sleep 60 3>&- &
    echo $! >holder.pid
    held() { ! flock -n "$EXECDM_STATE/lock" true; }
    wait_until 10 held
    start=$SECONDS
    refused 75 'the job store is busy' answer
    [ $((SECONDS - start)) -ge 9 ]
    [ $((SECONDS - start)) -le 25 ]
    pkill -P "$(cat holder.pid)" || true
    wait_until 10 flock -n "$EXECDM_STATE/lock" true
    exits 0 answer
}

# A library between a program and its C library.
compile_shim() { # OUT
    "${CC:-cc}" -shared -fPIC -O1 -x c -o "$1" - <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
/* Everything is on NFS. */
int statfs64(const char *path, struct statfs64 *fs)
{
    int rc = (int)syscall(SYS_statfs, path, fs);
    fs->f_type = 0x6969;
    return rc;
}
int statfs(const char *path, struct statfs *fs)
{
    return statfs64(path, (struct statfs64 *)fs);
}
/* With SHIM_NO_LOCKS every lock is granted; with SHIM_LOCK_ERROR none. */
static int call(int fd, int cmd, void *arg)
{
    if ((cmd == F_SETLK || cmd == F_SETLKW) && getenv("SHIM_NO_LOCKS"))
        return 0;
    if ((cmd == F_SETLK || cmd == F_SETLKW) && getenv("SHIM_LOCK_ERROR"))
        return errno = ENOLCK, -1;
    return (int)syscall(SYS_fcntl, fd, cmd, arg);
}
int fcntl(int fd, int cmd, ...)
{
    va_list ap;
    va_start(ap, cmd);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    return call(fd, cmd, arg);
}
int fcntl64(int fd, int cmd, ...)
{
    va_list ap;
    va_start(ap, cmd);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    return call(fd, cmd, arg);
}
END
}

on_nfs() {
    require "${CC:-cc}"
    shim=$(once nfs-shim.so compile_shim)
    export LD_PRELOAD=$shim ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
}

@test "the store on a network file system: no shared memory, and it works" {
    (
        on_nfs
        plan answer
        exits 0 answer
        exits 0 answer
    )
    same delete "$(db 'PRAGMA journal_mode')"
    same 'execdm.db lock wake' "$(cd "$EXECDM_STATE" && printf '%s ' execdm.db* lock* wake* | xargs)"
    same 1 "$(db 'SELECT count(*) FROM jobs')"
}

@test "the store on a network file system that cannot lock is 78, and says where else" {
    on_nfs
    SHIM_NO_LOCKS=1 refused 78 'network file system that cannot lock; set EXECDM_STATE to a directory on a local disk' </dev/null
    SHIM_LOCK_ERROR=1 refused 78 'network file system that cannot lock; set EXECDM_STATE to a directory on a local disk' </dev/null
    same '' "$(find "$EXECDM_STATE" -name 'locktest*' -o -name 'execdm.db*')"
}
