# shellcheck shell=bash
# What the tests of a job's life begin with, after `load helper`:  load jobs; setup() { jobs_state; }
#
# jobs_state            a private state, the parts a job needs, the tiny image in $tiny; the test's directory is the cwd
# task KEY=VALUE...     writes task.json: sh=LINE for the shell of the tiny image, or image=, digest=, cmd=JSON,
#                       entry=JSON; or program=FILE and arg=TEXT...; env=NAME=VALUE; max=PT2S; memory=GiB; size=GiB of a
#                       scratch; start=WINDOW; name=TEXT; a volume is r:PATH=LOCATION, rw:PATH=LOCATION or
#                       scratch:PATH=GiB, and more of its spec follows as spec:NAME=VALUE
# submit KEY=VALUE...   the same, planned and accepted: prints the job's id
# work ID               runs it to its end; what execdm-run wrote is in ID.json, its complaints in run.err
# job ID FILTER         what jq says of the job's document, asked of execdm-status
# is ID PHASE           is it in this phase now?
# files ID              the directory of the job; attempt-1/stdout and so on are in it
# serve DIR             an HTTP server for DIR, $web its URL
# leave FILE...         TERMs whom these pid files name; teardown does it for *.pid

jobs_state() {
    local ns
    require bwrap umoci jq /usr/bin/python3
    private_state
    export no_proxy=127.0.0.1
    unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY all_proxy
    umask 022
    cd "$BATS_TEST_TMPDIR" || return 1
    tiny=$(tiny_image)
    if [ "$(id -u)" -eq 0 ]; then
        getent passwd execdm-job >/dev/null || skip "root needs the account execdm-job"
    else
        ns=$(bwrap --unshare-all --ro-bind / / /bin/true 2>&1) || skip "bubblewrap does not work here: $ns"
    fi
}

teardown() {
    local id
    leave "$BATS_TEST_TMPDIR"/*.pid
    if [ -z "${BATS_TEST_COMPLETED-}" ] && [ -e "$EXECDM_STATE/execdm.db" ]; then # what it left running
        for id in $(execdm-status --list | jq -r 'select(.ended == null).id'); do execdm-phase "$id" abort >/dev/null || true; done
    fi
    chmod -R u+rwx "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

leave() {
    local file pid
    for file; do
        pid=$(cat "$file" 2>/dev/null) || continue
        kill -CONT "$pid" 2>/dev/null || true
        kill "$pid" 2>/dev/null || true
    done
}

task() {
    # shellcheck disable=SC2016
    jq -n --arg tiny "$tiny" '
        def cut($c): index($c) as $i | [.[:$i], .[$i + 1:]];
        "https://www.purl.org/ivoa.net/" as $t
        | reduce ($ARGS.positional[] | cut("=")) as [$k, $v]
            ({image: "oci:\($tiny)", exec: {}, compute: {mincores: 1, minmemory: 0.0625}, vols: []};
            ($k | split(":")) as $w
            | if $k == "sh" then .exec.command = ["/bin/sh", "-c", $v]
              elif $k == "image" then .image = $v
              elif $k == "digest" then .exec.digest = $v
              elif $k == "cmd" then .exec.command = ($v | fromjson)
              elif $k == "entry" then .exec.entrypoint = ($v | fromjson)
              elif $k == "program" then .exec.program = $v
              elif $k == "arg" then .exec.arguments += [$v]
              elif $k == "env" then .exec.environment[$v | cut("=")[0]] = ($v | cut("=")[1])
              elif $k == "max" then .when.maxduration = $v
              elif $k == "start" then .when.start = $v
              elif $k == "memory" then .compute.minmemory = ($v | tonumber)
              elif $k == "name" then .name = $v
              elif $w[0] == "scratch" then
                  .vols += [{path: $w[1], mode: "rw", type: "ephemeral-storage", spec: {size: ($v | tonumber)}}]
              elif $w[0] == "r" or $w[0] == "rw" then
                  .vols += [{path: $w[1], mode: $w[0], spec: {location: $v},
                             type: (if $v | startswith("http") then "http-storage" else "file-storage" end)}]
              elif $w[0] == "spec" then .vols[-1].spec[$w[1]] = $v
              else error("task: what is \($k)?") end)
        | {name: (.name // "test"),
           executable: {type: ($t + "executable-types/" + (if .exec.program then "python-program" else "oci-container" end)),
                        spec: (if .exec.program then .exec else .exec + {image} end)},
           resources: {
               compute: [{name: "c", type: ($t + "resource-types/generic-compute"), spec: .compute,
                          volumes: [.vols | to_entries[] | {name: "v\(.key)", resource: "s\(.key)", path: .value.path, mode: .value.mode}]}],
               storage: [.vols | to_entries[] | {name: "s\(.key)", type: ($t + "storage-types/" + .value.type), spec: .value.spec}]}}
          + if .when then {datetime: [.when]} else {} end' --args -- "$@" >task.json
}

submit() {
    task "$@"
    execdm-plan task.json >answer.json
    execdm-accept answer.json >accepted.json
    jq -r .id accepted.json
}

work() {
    execdm-run "$1" >"$1.json" 2>run.err
}

job() {
    execdm-status --format=json "$1" | jq -c -r "$2"
}

is() {
    [ "$(job "$1" .phase)" = "$2" ]
}

files() {
    printf '%s/jobs/%s\n' "$EXECDM_STATE" "$1"
}

serve() {
    rm -f port
    /usr/bin/python3 "$TOP_SRCDIR/tests/http-server.py" port "$1" >server.out 2>&1 3>&- &
    echo $! >server.pid
    wait_until 20 test -e port
    # shellcheck disable=SC2034 # the tests use it
    web=http://127.0.0.1:$(cat port)
}

# Says what differs, which [ ] does not.
same() { # WANTED FOUND
    [ "$1" = "$2" ] || {
        printf 'expected: %s\nfound:    %s\n' "$1" "$2" >&2
        return 1
    }
}

has() { # TEXT WORD...
    local text=$1 word
    shift
    for word; do
        [[ $text == *"$word"* ]] || {
            printf 'expected: %s\nfound:    %s\n' "$word" "$text" >&2
            return 1
        }
    done
}
