#!/usr/bin/env bats
# contrib/quickstart serve: from a clean tree to a site with jobs to look at, and nothing of it left behind.

bats_require_minimum_version 1.5.0
load helper
load jobs

# The tree is built once, before the tests: that takes longer than a test may.
setup_file() {
    export BATS_NO_PARALLELIZE_WITHIN_FILE=true # each builds what has changed in the one tree
    (PATH=$PATH:/usr/sbin && command -v apache2 umoci jq) >/dev/null || return 0
    cd "$BATS_FILE_TMPDIR"
    clean_tree tree
    begin
    end
}

setup() {
    jobs_state
    PATH=$PATH:/usr/sbin require apache2 curl jq /usr/bin/python3
}
teardown() {
    if [ -n "${quickstart-}" ]; then kill "$quickstart" 2>/dev/null && wait "$quickstart" || true; fi
}

# end [SIGNAL]: it ends as it should, when a process of ours gets this.
end() {
    kill -"${1-TERM}" "$quickstart"
    wait "$quickstart"
    quickstart=
    wait_until 180 gone
}

clean_tree() { # DIR
    mkdir "$1"
    tar -C "$TOP_SRCDIR" --exclude=./.git --exclude='./build' --exclude='./build-[!a]*' --exclude=./autom4te.cache -cf - . |
        tar -C "$1" -xf -
}

# begin [CMD...]: quickstart serve, started by CMD; its pid is in $quickstart, the URL in $url, its directory in $dir.
begin() {
    local end=$((SECONDS + 1500))
    "$@" "$BATS_FILE_TMPDIR/tree/contrib/quickstart" serve >out 2>err 3>&- &
    quickstart=$!
    until grep -q '^serving http://127\.0\.0\.1:[0-9]*/.\?$' out; do
        if ! kill -0 "$quickstart" || [ "$SECONDS" -ge "$end" ]; then tail -n 30 out err && return 1; fi
        sleep 0.2
    done
    url=$(sed -n 's/^serving \(http[^\r]*\).*/\1/p' out)
    image=$(sed -n 's/^visitors can run the image \(oci:[^;]*\);.*/\1/p' out)
    dir=${image#oci:}
    dir=${dir%/images/tiny}
    [ -d "$dir" ]
}

# Nothing answers, nothing runs that was begun there, no file is left.
gone() {
    ! curl -sS "$url" 2>/dev/null || return 1
    ! grep -lqsF "$dir" /proc/[0-9]*/cmdline || return 1
    ! [ -e "$dir" ]
}

executes() {
    [ "$(phase "$(sed -n 's/^ *\(http[^ ]*\) count-down$/\1/p' out)")" = EXECUTING ]
}

phase() { curl -sS -H 'Accept: application/json' "$1" | jq -r .phase; }

ended() { [ "$(phase "$1")" = COMPLETED ]; }

# bats test_tags=real
@test "one command serves, with jobs to see and an image to run" {
    begin
    same 200 "$(curl -sS -o page -w '%{http_code}' -H 'Accept: text/html' "$url")"
    grep -qi '<html' page
    for name in hello primes mistaken count-down tonight; do grep -qF "$name" out; done
    hello=$(sed -n 's/^ *\(http[^ ]*\) hello$/\1/p' out)
    wait_until 180 ended "$hello"
    same "hello, world" "$(curl -sS "$hello/stdout")"
    # a visitor's own
    task image=x sh='echo mine'
    jq --arg image "$image" '.executable.spec.image = $image' task.json >mine.json
    curl -sS --fail-with-body -H 'Content-Type: application/json' -H 'Accept: application/json' --data-binary @mine.json \
        "${url}planner" >answer.json
    same YES "$(jq -r .result answer.json)"
    curl -sS -o /dev/null -X POST "$(jq -r '.offers[0].accept' answer.json)"
    wait_until 180 ended "$(jq -r '.offers[0].job' answer.json)"
    wait_until 180 executes # when we end it, a job runs
    end
}

# bats test_tags=real
@test "who closes the terminal, or types Ctrl-C, ends all of it" {
    begin env --default-signal=HUP
    end HUP
    begin /usr/bin/python3 -c '
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL) # a shell begins what is in the background with it ignored
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.write(terminal, b"\x03"))
while True:
    try:
        said = os.read(terminal, 4096)
    except OSError:
        break
    if not said:
        break
    os.write(1, said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))'
    end TERM
}
