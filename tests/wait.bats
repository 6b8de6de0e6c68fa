#!/usr/bin/env bats
# WAIT of UWS 1.1: until the phase is another, without polling, and never so many that the others are not served.
# EXECDM_TEST_WAITERS: how many clients wait at once, and how many jobs are polled (100).
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

# make WORD...: a job of a task, made as they say; its URL in $job
make() {
    job=$(curl -sS -o body -w '%{redirect_url}' --data-urlencode JDL@task.json "$@" "$SITE/jobs")
    has "$job" "$SITE/jobs/"
}

# asks QUERY: its phase, and whether it took at least $2 and less than $3 seconds
asks() {
    local from=$SECONDS phase
    phase=$(curl -sS -H 'Accept: application/json' "$job?$1" | jq -r .phase)
    [ $((SECONDS - from)) -ge $(($2 - 1)) ] || echo "$1 took $((SECONDS - from)) s" >&2
    [ $((SECONDS - from)) -ge $(($2 - 1)) ] && [ $((SECONDS - from)) -lt "$3" ] && echo "$phase"
}

# waiters: those of the service, by what they have open
waiters() {
    find /proc/[0-9]*/fd -lname "$SITE_DIR/state/waiters" 2>/dev/null | cut -d / -f 3 | sort -u
}
wait_so_many() {
    [ "$(waiters | wc -l)" -eq "$1" ]
}

# waits QUERY: asks in the background; its answer will be in waited
waits() {
    rm -f waited
    (curl -sS -H 'Accept: application/json' "$job?$1" -o waited.new && mv waited.new waited) 3>&- &
    wait_until 120 wait_so_many 1
}

# bats test_tags=real
@test "WAIT lasts until the phase is another, for the phases that go on by themselves" {
    local way
    for way in cgi fcgi; do
        site_start "$way"
        task sh=true
        make
        waits WAIT=55
        curl -sS -d destruction="$(date -u -d '+300 days' +%Y-%m-%dT%H:%M:%SZ)" "$job/destruction" >/dev/null # a change, but not of the phase
        curl -sS -d PHASE=ABORT "$job/phase" >/dev/null
        wait_until 120 test -e waited
        same ABORTED "$(jq -r .phase waited)"
        wait_until 120 wait_so_many 0
        # who waits through all of its life sees the words of UWS only change
        task sh='sleep 2'
        make -d PHASE=RUN
        waits 'WAIT=-1&PHASE=QUEUED'
        site_worker
        wait_until 120 test -e waited
        [ "$(jq -r .phase waited)" != QUEUED ]
        ended() { asks 'WAIT=20&PHASE=EXECUTING' 0 120 >phase && [ "$(<phase)" = COMPLETED ]; }
        wait_until 120 ended
        site_stop
    done
}

# bats test_tags=real
@test "WAIT is over at once where there is nothing to wait for, and refused where it is no number" {
    local bad
    site_start
    task sh=true start="$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)/PT1H"
    make -d PHASE=RUN
    same PENDING "$(asks WAIT=2 2 120)" # the time is over
    same PENDING "$(asks WAIT=0 0 45)"
    same PENDING "$(asks 'WAIT=50&PHASE=QUEUED' 0 45)"
    same PENDING "$(asks 'wait=50&phase=EXECUTING' 0 45)"
    for bad in WAIT= WAIT=a WAIT=1.5 WAIT=-2 WAIT=%201 'WAIT=1&PHASE=FLYING'; do
        same 400 "$(curl -sS -o body -w '%{http_code}' "$job?$bad")"
    done
    waits WAIT=99999999999999999999 # as long as any
    curl -sS -d PHASE=HOLD "$job/phase" >/dev/null
    wait_until 120 test -e waited
    same HELD "$(jq -r .phase waited)"
    same HELD "$(asks WAIT=50 0 45)"
    curl -sS -d PHASE=ABORT "$job/phase" >/dev/null
    same ABORTED "$(asks WAIT=50 0 45)"
    make
    waits WAIT=50
    curl -sS -X DELETE "$job" >/dev/null
    wait_until 120 test -e waited
    same 404 "$(jq -r .status waited)"
}

# bats test_tags=real
@test "more than the configuration lets wait are answered at once" {
    site_make
    printf 'execdm: 1\nservice:\n  anonymous: true\n  waiters: 2\n' >"$SITE_DIR/config/execdm.yaml"
    site_start
    task sh=true
    make
    waits WAIT=50
    curl -sS "$job?WAIT=50" -o second 3>&- &
    wait_until 120 wait_so_many 2
    same PENDING "$(asks WAIT=50 0 45)"
    curl -sS -d PHASE=ABORT "$job/phase" >/dev/null # their places are free again
    wait_until 120 wait_so_many 0
    make
    waits WAIT=50
    curl -sS -X DELETE "$job" >/dev/null
    wait_until 120 test -e waited
}

# bats test_tags=real
@test "a crowd that waits does not starve the others" {
    local n=${EXECDM_TEST_WAITERS:-100} way
    for way in cgi fcgi; do
        site_start "$way"
        task sh=true
        make
        "$TOP_SRCDIR/tests/waiters.py" crowd "$n" "$job?WAIT=55" >crowd.out 2>crowd.err 3>&- &
        echo $! >crowd.pid
        settled() { [ $(($(wc -l <crowd.out) + $(waiters | wc -l))) -ge "$n" ]; }
        wait_until 120 settled
        same "" "$(awk '$1 != 200' crowd.out)"
        [ "$(waiters | wc -l)" -le 64 ]
        # another client, while they wait: far from as long as they do
        "$TOP_SRCDIR/tests/waiters.py" poll 1 3 "$job" >poll.out
        read -r _ slow count <poll.out
        echo "# $way: $n wait, p99 of another client $slow s, $count answers" >&3
        awk -v slow="$slow" 'BEGIN { exit !(slow < 25) }'
        [ "$(waiters | wc -l)" -gt 0 ]
        curl -sS -d PHASE=ABORT "$job/phase" >/dev/null
        all_answered() { [ "$(wc -l <crowd.out)" -eq "$n" ]; }
        wait_until 120 all_answered
        same "" "$(awk '$1 != 200' crowd.out)"
        wait_until 120 wait_so_many 0
        site_stop
    done
}

# reads PID: how many system calls that read it has made, and the ticks of the clock it has had
reads() {
    site_as cat "/proc/$1/io" | awk '/^syscr/ { print $2 }'
}
ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# bats test_tags=real
@test "who waits sleeps: it reads nothing while nobody writes, and little while others do" {
    local pid before end
    site_start
    task sh=true
    make
    waits WAIT=50
    pid=$(waiters)
    site_as cat "/proc/$pid/io" >/dev/null 2>&1 || skip "what a process reads is not told here"
    settled() { before=$(reads "$pid") && sleep 0.5 && [ "$(reads "$pid")" = "$before" ]; } # it looks once more when it begins
    wait_until 120 settled
    sleep 4 # what would poll would do so
    echo "# quiet: $(($(reads "$pid") - before)) reads" >&3
    [ $(($(reads "$pid") - before)) -le 8 ]
    # a store that many write to
    before=$(reads "$pid")
    end=$((SECONDS + 4))
    while [ $SECONDS -lt $end ]; do : >"$SITE_DIR/state/wake"; done
    echo "# busy: $(($(reads "$pid") - before)) reads, $(ticks "$pid") ticks in all" >&3
    noticed() { [ "$(reads "$pid")" -gt "$before" ]; }
    wait_until 60 noticed
    [ $(($(reads "$pid") - before)) -le 600 ]
    [ "$(ticks "$pid")" -le 50 ]
    curl -sS -X DELETE "$job" >/dev/null
    wait_until 120 test -e waited
}

# bats test_tags=real
@test "a poll costs about the same however many jobs are live" {
    local n=${EXECDM_TEST_WAITERS:-100} few many
    site_start fcgi
    site_worker
    task sh=true max=PT1M start="$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)/P2D"
    more() { # COUNT: so many more, planned and booked; their URLs in urls
        seq "$1" | xargs -P 4 -I{} curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\n' -d PHASE=RUN --data-urlencode JDL@task.json \
            "$SITE/jobs" >made
        same "" "$(grep -v '^303 ' made || :)"
        cut -d ' ' -f 2 made >>urls
    }
    polled() { # prints the 99th percentile
        mapfile -t urls <urls
        "$TOP_SRCDIR/tests/waiters.py" poll 8 3 "${urls[@]}" | cut -d ' ' -f 2
    }
    more 10
    few=$(polled)
    more "$n"
    many=$(polled)
    echo "# p99 with 10 live jobs $few s, with $((n + 10)) $many s" >&3
    awk -v few="$few" -v many="$many" 'BEGIN { exit !(many < 10 * few + 1) }' # tests/bench/serve-live measures it
}
