#!/usr/bin/env bats
# execdm-store usage: core hours available, offered, accepted and used, who had jobs, and what was asked for in vain (PRD-26).
# And check and backup: what a sound store is, what is said of one that is not, and a copy while workers run.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and `run` sets output in it
bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    require sqlite3
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    platform lab 8
    platform far 4
    echo 'print("hello")' >p.py
    compute '{mincores: 2, minmemory: 0.0625}'
}

platform() { # NAME CORES
    printf 'name: %s\ndriver: local\ncompute: {cores: %s, memory: 64}\n' "$1" "$2" >"$EXECDM_CONFIG/platforms.d/$1.yaml"
}

compute() { # SPEC [YAML...]: t.yaml
    printf 'executable: {type: "https://www.purl.org/ivoa.net/executable-types/python-program", spec: {program: p.py}}\n' >t.yaml
    printf 'resources: {compute: [{spec: %s}]}\n' "$1" >>t.yaml
    shift
    printf '%s\n' "$@" >>t.yaml
}

sql() {
    sqlite3 "$EXECDM_STATE/execdm.db" "$1"
}

usage() { # FILTER ARG...
    local filter=$1
    shift
    execdm-store "$@" usage >usage.json
    jq -c "$filter" usage.json
}

@test "nothing was counted yet, and the store is made" {
    same '[[],0,0,[]]' "$(usage '[.platforms, .subjects, .institutions, .unknown]')"
    execdm-store --format=table usage >table
    grep -q '^PLATFORM  *AVAILABLE  *OFFERED  *ACCEPTED  *USED' table
    run -64 execdm-store
    has "$output" 'expected check, backup FILE or usage, found nothing'
    run -64 execdm-store check now
    run -64 execdm-store backup
    run -64 execdm-store backup a b
    run -64 execdm-store usage now
    run -64 execdm-store --format=xml usage
    run -64 execdm-store --after=yesterday usage
    run -64 execdm-store --after=2026-01-02 --before=2026-01-01 usage
    run -64 execdm-store --after=2999-01-01 usage
}

@test "what is offered, accepted and used of two platforms" {
    local id
    execdm-plan t.yaml >answer
    same '["far",2,0,0,1,0]' "$(usage '.platforms[0] | [.name, .offered, .accepted, .used, .offers, .jobs]')"
    same '["lab",2,0,0,1,0]' "$(usage '.platforms[1] | [.name, .offered, .accepted, .used, .offers, .jobs]')"
    id=$(execdm-accept --offer=2 answer | jq -r .id)
    same '["lab",2,2,0,1,1]' "$(usage '.platforms[1] | [.name, .offered, .accepted, .used, .offers, .jobs]')"
    execdm-run "$id" >ended
    same COMPLETED "$(jq -r .phase ended)"
    # used is what it took, far from the hour that was booked
    usage '.platforms[1].used < 0.2 and .platforms[1].accepted == 2' | grep -qx true
    # an offer of half the time is half
    compute '{mincores: 3}' 'datetime: [{maxduration: PT30M}, {maxduration: PT10M}]'
    execdm-plan --planner=far t.yaml >answer
    same '[4,3]' "$(usage '.platforms[0] | [.offered, .offers]')"
}

@test "types that no platform knows are counted once for each task, though nothing is offered" {
    local i
    printf 'executable: {type: "https://example.org/encabulation"}\nresources: {storage: [{name: a, type: "https://example.org/tape"}, {name: b, type: "https://example.org/tape"}]}\n' >t.yaml
    for i in 1 2 3; do run -1 execdm-plan t.yaml; done
    compute '{extras: [{type: "https://example.org/abacus"}, {type: "https://tinyurl.com/nvidia-ad104"}]}'
    run -1 execdm-plan t.yaml
    same '[["https://example.org/encabulation",3],["https://example.org/tape",3],["https://example.org/abacus",1]]' \
        "$(usage '[.unknown[] | [.type, .count]] | map(select(.[0] | test("example.org")))')"
    same 4 "$(jq '.unknown | length' usage.json)"
    # what one platform knows is not unknown
    printf 'executables: [{type: "https://www.purl.org/ivoa.net/executable-types/oci-container"}]\n' >>"$EXECDM_CONFIG/platforms.d/far.yaml"
    compute '{mincores: 1}'
    execdm-plan t.yaml >answer
    grep -q unknown-executable answer
    same 4 "$(usage '.unknown | length')"
    run -1 execdm-plan --planner=far t.yaml
    same 1 "$(usage '.unknown[] | select(.type | endswith("python-program")) | .count')"
}

@test "of unknown types a thousand are kept a day, and none that is very long or old" {
    local long day
    printf 'executable: {type: a-word}\n' >t.yaml
    run -1 execdm-plan t.yaml
    day=$(sql "SELECT day FROM tallies WHERE kind = 'unknown'")
    sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
        INSERT INTO tallies SELECT 'unknown', 'type-' || i, $day, 1, 0, 0 FROM n;
        INSERT INTO tallies VALUES('unknown', 'old', $day - 801, 7, 0, 0), ('unknown', 'older', $day - 9999, 7, 0, 0)"
    printf 'executable: {type: another}\n---\nexecutable: {type: a-third}\n---\nexecutable: {type: a-word}\n' >t.yaml
    run -1 execdm-plan t.yaml
    long=$(printf 'x%.0s' {1..300})
    printf 'executable: {type: %s}\n' "$long" >t.yaml
    run -1 execdm-plan t.yaml
    same '[["",3],["a-word",2]]' "$(usage '[.unknown[:2][] | [.type, .count]]')"
    same 1001 "$(jq '.unknown | length' usage.json)"
    execdm-store --format=table usage | grep -qE '^\(others\) +3$'
}

# One job each of ada, bob and carol, at known times; and the offers of two days.
known_times() {
    local id n=0 owner
    platform lab 8
    for owner in ada@one.example bob@ONE.example carol; do
        execdm-plan --planner=lab t.yaml | execdm-accept >job
        id=$(jq -r .id job)
        # accepted on the first, second and third of March 2026 at noon, each for an hour
        sql "UPDATE jobs SET owner = '$owner', created = 1772366400000 + $n * 86400000 WHERE id = '$id'"
        n=$((n + 1))
    done
    # the first ran for 30 minutes, the second is running still, the third never started
    sql "UPDATE jobs SET started = created + 60000, ended = created + 1860000, live = 0 WHERE owner = 'ada@one.example'"
    sql "UPDATE jobs SET started = created + 60000 WHERE owner = 'bob@ONE.example'"
    # three offers of an hour with two cores, and one of half the capacity the day after
    sql "UPDATE tallies SET day = 20513, n = 3, amount = 21600000, cores = 8000" # 2026-03-01
    sql "INSERT INTO tallies VALUES('offer', 'lab', 20514, 1, 3600000, 4000), ('offer', 'gone', 20000, 1, 3600000, 1000),
        ('unknown', 'abacus', 20513, 2, 0, 0), ('unknown', 'abacus', 20515, 1, 0, 0), ('unknown', 'tape', 20514, 5, 0, 0)"
}

@test "the report of known times: the golden document, its schema and the table" {
    known_times
    execdm-store --after=2026-03-01 --before=2026-03-03T00:00:00Z usage >usage.json
    jq . usage.json | diff "$TOP_SRCDIR/tests/golden/usage.json" -
    jq -n '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "https://www.purl.org/ivoa.net/execdm/1/usage.json"}' >by.json
    execdm-validate -q --schema=by.json --map="https://www.purl.org/ivoa.net/execdm/1/=$EXECDM_SCHEMA/" --assert-format usage.json
    execdm-store --format=table --after=2026-03-01 --before=2026-03-03 usage >table
    diff - table <<'END'
core hours from 2026-03-01T00:00:00Z to 2026-03-03T00:00:00Z

PLATFORM  AVAILABLE  OFFERED  ACCEPTED  USED    OFFERS  JOBS
lab       192        7        4         24.967  4       2

subjects 2, institutions 1

ASKED FOR IN VAIN  TASKS
tape               5
abacus             2
END
}

@test "the time is cut where it is asked for" {
    known_times
    # a part of a job's run belongs to the part of the time
    same '[0.5,2,1]' "$(usage '.platforms[0] | [.used, .accepted, .jobs]' --after=2026-03-01 --before=2026-03-01T12:16:00Z)"
    same '[0.5,0,0]' "$(usage '.platforms[0] | [.used, .accepted, .jobs]' --after=2026-03-01T12:16:00Z --before=2026-03-02)"
    # a time without anything has no platforms; available goes with the time, as it was last known
    same '[]' "$(usage .platforms --after=2026-02-01 --before=2026-02-02)"
    same '[48,64]' "$(usage '[.platforms[].available, 64]' --after=2026-03-02T12:00:00Z --before=2026-03-03T00:00:00Z)"
    # since the first of all: the day of the oldest offer
    same '"2024-10-04T00:00:00Z"' "$(usage .after)"
    same 'gone lab' "$(jq -r '.platforms[].name' usage.json | paste -sd' ')"
    # a job under way is used until now, not until what is to come
    usage '.platforms[0].used' --after=2026-03-01 --before=2999-01-01T00:00:00Z >later
    usage '.platforms[0].used' --after=2026-03-01 >now
    diff <(cut -d. -f1 later) <(cut -d. -f1 now)
}

# --- check

# sound: so says check
sound() {
    same '[true,[]]' "$(execdm-store check | jq -c '[.sound, .messages]')"
}

# unsound RULE WORDS...: check finds this, and nothing of another rule
unsound() {
    local rule=$1
    shift
    run -1 execdm-store check
    same "$rule" "$(jq -r '[.messages[].rule] | unique | join(" ")' <<<"$output")"
    has "$output" "$@"
}

# three: three jobs, one that ended, one that was accepted, one that runs: $ended $accepted $running
three() {
    ended=$(submit sh='echo done')
    work "$ended"
    running=$(submit sh='sleep 100' max=PT2M)
    execdm-run --once
    accepted=$(submit sh='exit 0' start="$(date -u -d "+2 days" +%Y-%m-%dT%H:%M:%SZ)/PT1H")
}

# by_schema FILE: it goes by check.json
by_schema() {
    jq -n '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "https://www.purl.org/ivoa.net/execdm/1/check.json"}' >by.json
    execdm-validate -q --schema=by.json --map="https://www.purl.org/ivoa.net/execdm/1/=$EXECDM_SCHEMA/" --assert-format "$1"
}

@test "check: no store, a new one, one with jobs in it" {
    run -66 execdm-store check
    run -66 execdm-store backup copy.db
    execdm-store usage
    same '{"sound":true,"messages":[],"jobs":0,"unfinished":0}' "$(execdm-store check | jq -c 'del(.store)')"
    rm "$EXECDM_CONFIG/platforms.d"/*
    three
    execdm-store check >check.json
    same '[true,[],3,2]' "$(jq -c '[.sound, .messages, .jobs, .unfinished]' check.json)"
    by_schema check.json
    execdm-store --format=table check | grep -qx "$EXECDM_STATE: sound, 3 jobs, 2 not ended"
    execdm-phase "$running" abort
    execdm-phase "$ended" archive
    execdm-phase "$accepted" delete
    sound
}

@test "check: each thing that can be wrong, one by one" {
    rm "$EXECDM_CONFIG/platforms.d"/*
    three
    local dir=$EXECDM_STATE/jobs
    wrong() { # SQL RULE WORDS...
        execdm-store backup before.db
        sql "$1"
        shift
        unsound "$@"
        rm "$EXECDM_STATE"/execdm.db*
        mv before.db "$EXECDM_STATE/execdm.db"
        sound
    }
    wrong "UPDATE jobs SET phase = 'HELD' WHERE id = '$accepted'" wrong-phase "job $accepted is HELD, but its events lead to PENDING"
    wrong "UPDATE jobs SET live = 0 WHERE id = '$running'; DELETE FROM bookings WHERE job = '$accepted'; DELETE FROM changes" \
        'wrong-booking wrong-phase' "job $running is EXECUTING, but counts as ended"
    wrong "INSERT INTO events(job,time,phase,event,by) VALUES('$accepted', 1, 'EXECUTING', 'execute', 'x')" wrong-phase \
        "job $accepted: the event execute does not lead from PENDING to EXECUTING"
    wrong "DELETE FROM events WHERE job = '$ended'" wrong-phase "job $ended has no events"
    wrong "DELETE FROM events WHERE job = '$ended' AND event = 'execute'" wrong-phase \
        "job $ended: the event finish does not lead from PREPARING to FINALIZING"
    wrong "DELETE FROM jobs WHERE id = '$accepted'; DELETE FROM bookings WHERE job = '$accepted'; DELETE FROM changes WHERE span > 100000000" \
        'wrong-booking wrong-phase' "there are events of job $accepted, but no such job"
    wrong "DELETE FROM bookings WHERE job = '$accepted'" wrong-booking "job $accepted has not ended, but has no booking"
    wrong "UPDATE bookings SET job = '$ended' WHERE job = '$accepted'" wrong-booking "job $ended has ended or is not there, but has a booking"
    wrong "UPDATE bookings SET cores = cores + 1000 WHERE job = '$accepted'" wrong-booking \
        'localhost: what is kept is not what the bookings add up to'
    wrong "UPDATE bookings SET end = end + 1" wrong-booking 'add up to'
    wrong "DELETE FROM changes" wrong-booking 'localhost: what is kept'
    wrong "UPDATE changes SET first = first + 1" wrong-booking 'localhost: what is kept'
    wrong "UPDATE changes SET span = span - 1" wrong-booking 'localhost: what is kept'
    mkdir "$dir/00000000-0000-7000-8000-000000000001"
    unsound wrong-directory 'jobs/00000000-0000-7000-8000-000000000001 is there, but no such job' 'before you remove it'
    rmdir "$dir/00000000-0000-7000-8000-000000000001"
    mv "$dir/$ended" "$dir/away"
    unsound wrong-directory "job $ended was started, but jobs/$ended is not there"
    mv "$dir/away" "$dir/$ended"
    sound
    execdm-phase "$running" abort
}

@test "a store of version 1 is brought up to date when it is opened, with all that is in it" {
    local newest
    rm "$EXECDM_CONFIG/platforms.d"/*
    three
    execdm-phase "$running" abort
    newest=$(sql 'PRAGMA user_version')
    # indexes first; those of version 1 are all of these tables but jobs_* with other names
    sql "$(sql "SELECT 'DROP ' || type || ' ' || name || ';' FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND
        (tbl_name NOT IN ('offers', 'jobs', 'events', 'bookings', 'changes', 'tallies') OR
        name LIKE 'jobs_%' AND name NOT IN ('jobs_live', 'jobs_wished', 'jobs_owner')) ORDER BY type")"
    sql 'PRAGMA user_version = 1'
    [ "$(sql 'SELECT count(*) FROM sqlite_master WHERE type = "table" AND name NOT LIKE "sqlite_%"')" -eq 6 ]
    execdm-status "$ended" "$accepted" >/dev/null
    same "$newest" "$(sql 'PRAGMA user_version')"
    sound
    work "$(submit sh='exit 0')"
    sql 'DROP TABLE storage; PRAGMA user_version = 1' # its other tables are in the way: nothing is done by half
    run ! execdm-status "$ended"
    same '1 0' "$(sql "PRAGMA user_version; SELECT count(*) FROM sqlite_master WHERE name = 'storage'" | xargs)"
}

# --- backup

settled() {
    execdm-run --once && [ "$(sql 'SELECT count(*) FROM jobs WHERE live=1')" -eq 0 ]
}

@test "a copy is made while workers write, is whole, and works in the place of the store" {
    local id i
    rm "$EXECDM_CONFIG/platforms.d"/*
    first=$(submit sh='exit 0')
    (until [ -e stop ]; do submit sh='exit 0' max=PT1S >>submitted; execdm-run --once; done) 2>/dev/null 3>&- &
    writer=$!
    for i in 1 2 3 4 5 6; do
        execdm-store backup "copy$i.db"
        same 600 "$(stat -c %a "copy$i.db")"
        mkdir -p "state$i"
        cp "copy$i.db" "state$i/execdm.db"
        # sound, but for the directories, which are not in it
        same '[]' "$(EXECDM_STATE=$PWD/state$i execdm-store check | jq -c '[.messages[] | select(.rule != "wrong-directory")]')"
        EXECDM_STATE=$PWD/state$i execdm-status "$first" >/dev/null
    done
    touch stop
    wait "$writer"
    run ! compgen -G "*part*"
    run -79 execdm-store backup copy1.db
    has "$output" 'copy1.db is there already'
    ln -s nowhere link.db
    run -79 execdm-store backup link.db
    run -66 execdm-store backup no/such/directory.db || run -71 execdm-store backup no/such/directory.db
    # back to the state of a copy: it goes on from there, and is in the same mode
    rm "$EXECDM_STATE"/execdm.db*
    cp copy6.db "$EXECDM_STATE/execdm.db"
    wait_until 60 settled # those that were under way hold their room until a worker has seen to them
    work "$(submit sh='exit 0')"
    same wal "$(sql 'PRAGMA journal_mode')"
}

# --- damage

# every PROGRAM answers in order: no crash, no answer that is not one, and no new store
orderly() {
    local code
    for program in "execdm-status --list" "execdm-run --once" "execdm-store check" "execdm-store usage" "execdm-phase $accepted hold"; do
        code=0
        # shellcheck disable=SC2086
        timeout 60 $program >answer 2>err </dev/null || code=$?
        case $code in
        0 | 1 | 66 | 74 | 75 | 79) ;;
        *) echo "$1: $program: exit $code"; cat err; return 1 ;;
        esac
    done
}

@test "a store that is garbage, empty, cut off or gone is damaged, not made anew; what is left is told" {
    rm "$EXECDM_CONFIG/platforms.d"/*
    three
    execdm-phase "$running" abort
    sql 'PRAGMA wal_checkpoint(TRUNCATE)'
    cp "$EXECDM_STATE/execdm.db" good.db
    damaged() { # WORDS...
        run -74 execdm-status --list
        has "$output" 'execdm-store check tells what can be saved' "$@"
        run -74 execdm-store backup copy.db
        [ ! -e copy.db ]
        run -1 --separate-stderr execdm-store check
        printf '%s\n' "$output" >check.json
        by_schema check.json
        same '[false,"damaged-store"]' "$(jq -c '[.sound, .messages[0].rule]' check.json)"
        has "$(jq -r '.messages[0].hint' check.json)" 'restore a backup'
        orderly "$*"
    }
    # garbage
    rm -f "$EXECDM_STATE"/execdm.db*
    head -c 40000 /dev/urandom >"$EXECDM_STATE/execdm.db"
    damaged 'file is not a database'
    same "$(printf '%s\n' "$ended" "$running" | sort | xargs)" "$(jq -r '.left[] | select(.directory).id' check.json | sort | xargs)"
    # empty
    rm -f "$EXECDM_STATE"/execdm.db*
    : >"$EXECDM_STATE/execdm.db"
    damaged 'is gone or empty'
    # gone
    rm -f "$EXECDM_STATE"/execdm.db*
    damaged 'is gone or empty'
    # a backup puts it right
    cp good.db "$EXECDM_STATE/execdm.db"
    sound
    # cut off
    rm -f "$EXECDM_STATE"/execdm.db*
    head -c 20480 good.db >"$EXECDM_STATE/execdm.db"
    orderly 'cut off'
    run -1 execdm-store check
    has "$output" damaged-store
    run -74 execdm-store backup copy.db
}

@test "pages overwritten at random: never a crash, and what can be read is told" {
    local i size
    rm "$EXECDM_CONFIG/platforms.d"/*
    three
    execdm-phase "$running" abort
    sql 'PRAGMA wal_checkpoint(TRUNCATE)'
    cp "$EXECDM_STATE/execdm.db" good.db
    size=$(($(stat -c %s good.db) / 4096))
    for ((i = 1; i < size && i <= ${EXECDM_PAGES:-14}; i++)); do
        rm -f "$EXECDM_STATE"/execdm.db*
        cp good.db "$EXECDM_STATE/execdm.db"
        head -c 4096 /dev/urandom | dd of="$EXECDM_STATE/execdm.db" bs=4096 seek="$i" conv=notrunc status=none
        orderly "page $i"
    done
}

@test "without its journal the store is that of the last checkpoint, and what was lost of started jobs is told" {
    rm "$EXECDM_CONFIG/platforms.d"/*
    first=$(submit sh='exit 0')
    sql 'PRAGMA wal_checkpoint(TRUNCATE)'
    # a reader that stays keeps the journal from being written back
    sqlite3 "$EXECDM_STATE/execdm.db" "SELECT count(*) FROM jobs; SELECT id FROM jobs" '.shell sleep 100' >/dev/null 3>&- &
    echo $! >reader.pid
    id=$(submit sh='exit 0')
    work "$id"
    leave reader.pid
    [ -s "$EXECDM_STATE/execdm.db-wal" ]
    rm "$EXECDM_STATE"/execdm.db-*
    execdm-status "$first" >/dev/null
    unsound wrong-directory "jobs/$id is there, but no such job"
}
