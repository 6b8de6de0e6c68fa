# shellcheck shell=bash
# What the tests of triggers and callouts begin with, after `load jobs`:  load links
#
# with FILTER [ARG...]    changes task.json by jq; $u is the prefix of web service types
# trigger NAME [START [CANCEL]]   a trigger of task.json on the value of status; COMPLETED and FAILED,CANCELLED when not given
# callout NAME URL STATES [CONTENT]   a callout of task.json
# take [FILE]             plans and accepts a task: prints the job's id, leaves answer.json and accepted.json
# endpoint ID NAME        of a trigger of a job
# fire ID NAME TEXT...    execdm-trigger, quiet: prints what it says
# listen                  a server for callouts; $listener its URL, its log in calls.log
# calls FILTER            jq over all that were received, as one list
# allow [YAML]            a configuration that lets 127.0.0.1 be called, with more lines below policy

with() {
    local filter=$1
    shift
    jq --arg u https://www.purl.org/ivoa.net/webservice-types/ "$filter" "$@" task.json >task.new
    mv task.new task.json
}

trigger() {
    # shellcheck disable=SC2016
    with '.triggers += [{name: $n, type: ($u + "value-update"), spec: {method: "POST", "content-type": "yaml", conditions: (
        [{name: "status", value: $s, action: "start"}, {name: "status", value: $c, action: "cancel"}]
        | map(select(.value != "")))}}]' --arg n "$1" --arg s "${2-COMPLETED}" --arg c "${3-FAILED,CANCELLED}"
}

callout() {
    # shellcheck disable=SC2016
    with '.callouts += [{name: $n, type: ($u + "value-update"), spec: ({triggers: [{state: $s}], method: "POST", endpoint: $e}
        + if $c == "" then {} else {content: $c} end)}]' --arg n "$1" --arg e "$2" --arg s "$3" --arg c "${4-}"
}

take() {
    execdm-plan "${1-task.json}" >answer.json
    execdm-accept answer.json >accepted.json
    jq -r .id accepted.json
}

endpoint() {
    # shellcheck disable=SC2016
    execdm-status --format=json "$1" | jq -r --arg n "$2" '.triggers[] | select(.name == $n).spec.endpoint'
}

fire() {
    execdm-trigger "$@" 2>&1 >fired.json | sed 's/^[0-9a-f-]*: notice: //'
}

listen() {
    rm -f calls
    /usr/bin/python3 "$TOP_SRCDIR/tests/callout-server.py" calls "$@" >listener.out 2>&1 3>&- &
    echo $! >listener.pid
    wait_until 20 test -e calls
    # shellcheck disable=SC2034 # the tests use it
    listener=http://127.0.0.1:$(cat calls)
}

calls() {
    if [ -e calls.log ]; then jq -s -c -r "$1" calls.log; else jq -n -c -r "[] | $1"; fi
}

allow() {
    printf 'execdm: 1\npolicy:\n  private-addresses: true\n%s\n' "${1-}" >"$EXECDM_CONFIG/execdm.yaml"
}

# window FROM TO: a start window, in words of date(1)
window() {
    printf '%s/%s\n' "$(date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ)" "$(date -u -d "$2" +%Y-%m-%dT%H:%M:%SZ)"
}

phases() { # ID
    job "$1" '[.history[].phase] | join(" ")'
}
