#!/usr/bin/env bats
# What programs say to each other goes by the schemas: real messages of a job's life, each held against its own.

# shellcheck disable=SC2016,SC2094 # $defs is a key; a verb and its file are two things
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
}

# goes_by NAME FILE...: every document in the files goes by that schema, formats and all
goes_by() {
    local name=$1 code=0
    shift
    jq -n --arg ref "https://www.purl.org/ivoa.net/execdm/1/$name" \
        '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": $ref}' >by.json
    cat "$@" >messages.json
    [ -s messages.json ] || { echo "$name: there is no message"; return 1; }
    execdm-validate --schema=by.json --map="https://www.purl.org/ivoa.net/execdm/1/=$EXECDM_SCHEMA/" --assert-format \
        messages.json >/dev/null 2>findings || code=$?
    if [ "$code" -ne 0 ]; then
        echo "$name: exit $code"
        cat findings messages.json
        return 1
    fi
}

# refused_by NAME TEXT: it does not
refused_by() {
    printf '%s\n' "$2" >wrong.json
    run goes_by "$1" wrong.json
    [[ $output == "$1: exit 1"* ]]
}

# A driver that writes down what it is asked and what it answers; the real one does the work.
listening_driver() {
    mkdir -p drivers heard
    cat >drivers/execdm-driver-local <<END
#!/bin/bash
in=\$(mktemp -p "$PWD/heard" "\$1.XXXXXX")
cat >"\$in"
"$TOP_BUILDDIR/cmd/execdm-driver-local" "\$@" <"\$in" | tee "\$in.reply"
exit "\${PIPESTATUS[0]}"
END
    chmod +x drivers/execdm-driver-local
    export EXECDM_DRIVER_PATH=$PWD/drivers
}

@test "to a driver and from it: probe, submit, status, cancel" {
    local verb file line
    listening_driver
    id=$(submit sh='echo done; exit 3' name=three)
    work "$id" || true # they fail
    [ "$(job "$id" .exit.code)" = 3 ]
    id=$(submit sh='sleep 60' max=PT1S)
    work "$id" || true # they fail
    for file in heard/*; do
        case $file in
        *.reply) ;;
        *)
            head -n 1 "$file" >>headers
            tail -n +2 "$file" >>"$(basename "${file%.*}")-lines"
            ;;
        esac
    done
    goes_by 'driver.json#/$defs/driver-header' headers
    for verb in probe submit; do
        goes_by "driver.json#/\$defs/$verb-request" $verb-lines
        goes_by "driver.json#/\$defs/$verb-reply" heard/$verb.*.reply
    done
    goes_by 'driver.json#/$defs/job-request' status-lines
    goes_by 'driver.json#/$defs/status-reply' heard/status.*.reply
    # the record of the end is what status replies, with its formats
    grep -q '"start":"' heard/status.*.reply
    for verb in probe submit status; do
        goes_by driver.json headers $verb-lines heard/$verb.*.reply
        execdm-validate -q --as=driver $verb-lines heard/$verb.*.reply >/dev/null
    done
    # of the whole file a message is one kind only: what is wrong in it is not taken for another kind
    while read -r line; do refused_by driver.json "$line"; done <<'END'
{"id": "probe", "facts": {"cores": "two"}}
{"id": "probe", "verbs": "submit"}
{"id": "probe", "ttl_s": 60}
{"id": 5}
{"id": "probe", "verb": "probe"}
{"execdm_driver": 2, "verb": "probe"}
{"execdm_driver": 1, "verb": "dance"}
{"id": "a", "attempt": "1", "stamp": "s", "exec": {"type": "https://example.org/a"}}
{"id": "a", "attempt": 1, "stamp": "s", "exec": {"type": "https://example.org/a"}, "mount": []}
{"id": "a", "native": "n", "stamp": 7}
{"id": "a", "native": "n", "stat": "done"}
{"id": "a", "native": 5, "state": "running"}
{"id": "a", "state": "ready"}
{"id": "a", "state": "done", "exit": "0"}
{"id": "a", "state": "cancelled", "ok": "yes"}
{"id": "a", "ok": 1}
{"id": "a", "natives": ["n"]}
{"id": "a", "natives": "n", "complete": true}
{"id": "a", "error": "no"}
{}
END
    refused_by 'driver.json#/$defs/driver-header' '{"execdm_driver": 2, "verb": "probe"}'
    refused_by 'driver.json#/$defs/status-reply' '{"id": "a", "state": "ready"}'
    refused_by 'driver.json#/$defs/status-reply' '{"id": "a", "state": "done", "as_of": "yesterday"}'
}

@test "to a driver and from it: find, cancel, purge, errors" {
    local verb
    mkdir attempt
    for verb in find cancel purge status; do
        {
            printf '{"execdm_driver":1,"verb":"%s","deadline_s":5}\n' $verb
            printf '{"id":"j","native":"%s","stamp":"execdm-j-1","exitfile":"%s/exit.json"}\n' "$PWD/attempt" "$PWD/attempt"
        } >$verb
        execdm-driver-local "$verb" <"$verb" >"reply-$verb"
        head -n 1 $verb >>headers
        tail -n 1 $verb >>lines
        goes_by "driver.json#/\$defs/$verb-reply" "reply-$verb"
        goes_by driver.json "reply-$verb"
    done
    goes_by 'driver.json#/$defs/driver-header' headers
    goes_by 'driver.json#/$defs/job-request' lines
    goes_by driver.json headers lines
    { head -n 1 status | sed 's/status/submit/'; echo '{"id":"j"}'; } >submit
    execdm-driver-local submit <submit >reply-submit
    goes_by 'driver.json#/$defs/error-reply' reply-submit
    goes_by driver.json reply-submit
    refused_by 'driver.json#/$defs/error-reply' '{"id": "j", "error": {"kind": "sad", "text": "no"}}'
}

@test "to execdm-http and from it: requests and replies" {
    local program
    grep -q '^#define HAVE_CURL' "$TOP_BUILDDIR/config.h" || skip "built without libcurl"
    mkdir -p bin heard
    cat >bin/execdm-http <<END
#!/bin/bash
in=\$(mktemp -p "$PWD/heard" request.XXXXXX)
cat >"\$in"
"$TOP_BUILDDIR/cmd/execdm-http" <"\$in" | tee "\$in.reply"
END
    chmod +x bin/execdm-http
    for program in plan accept status phase run callout step; do cp "$TOP_BUILDDIR/cmd/execdm-$program" bin/; done
    "$TOP_SRCDIR/tests/planner" port "$PWD/near" >planner.out 2>&1 3>&- &
    echo $! >planner.pid
    wait_until 20 test -e port
    near=http://127.0.0.1:$(cat port)/
    task sh='exit 0'
    bin/execdm-plan --planner="$near" --planner="${near}trouble/" --planner="${near}cut/" --planner=http://127.0.0.1:1/ task.json >answer.json
    bin/execdm-accept answer.json >job.json
    id=$(jq -r .id job.json)
    bin/execdm-phase "$id" abort >aborted.json
    # a callout, signed
    (umask 077 && echo k3y >key)
    printf 'execdm: 1\npolicy: {private-addresses: true, allow-hosts: [127.0.0.1]}\nsignatures: [{host: 127.0.0.1, file: %s}]\n' \
        "$PWD/key" >"$EXECDM_CONFIG/execdm.yaml"
    # shellcheck disable=SC2016
    jq --arg near "$near" '"https://www.purl.org/ivoa.net/webservice-types/value-update" as $u |
        .triggers = [{name: "t", type: $u, spec: {conditions: [{name: "status", value: "X", action: "cancel"}]}}] |
        .callouts = [{type: $u, spec: {triggers: [{state: "CANCELLED"}], endpoint: $near}}]' task.json >linked.json
    bin/execdm-plan --planner=localhost linked.json >linked.answer
    goes_by answer.json linked.answer
    bin/execdm-accept linked.answer >linked.job
    execdm-trigger "$(jq -r .id linked.job)" t status=X 2>err >triggered.job
    bin/execdm-run --once
    goes_by job.json linked.job
    goes_by job.json triggered.job
    cat heard/request.?????? | jq -s -e 'map(select(.hosts)) | length == 1 and (.[0] | .public == false and .signature.key == "k3y")'
    for program in heard/request.??????; do
        goes_by http-request.json "$program"
        goes_by http-reply.json "$program.reply"
    done
    grep -q '"error":' heard/*.reply
    grep -q '"status":500' heard/*.reply
    goes_by answer.json answer.json
    goes_by job.json job.json
    goes_by job.json aborted.json
    refused_by http-request.json '{"method": "BREW", "url": "http://127.0.0.1/"}'
    refused_by http-request.json '{"method": "GET", "url": "http://127.0.0.1/", "password": "x"}'
    refused_by http-reply.json '{"url": "http://127.0.0.1/"}'
    refused_by http-reply.json '{"url": "http://127.0.0.1/", "error": {"kind": "sad", "text": "x", "sent": true}}'
}

@test "to the stager and from it: manifest, progress, files, warnings, ends, summary" {
    local line
    mkdir -p in/deep
    head -c 3000000 /dev/zero >in/deep/zeros
    mkfifo in/fifo
    cat >manifest <<END
{"id":"a","direction":"pull","source":"file://$PWD/in","dest":"file://$PWD/out","type":"directory"}
{"id":"b","direction":"pull","source":"file://$PWD/nothing","dest":"file://$PWD/else","checksum":"md5:$(printf '0%.0s' {1..32})"}
{"id":"c","direction":"check","mode":"rw","dest":"file://$PWD/there","size":10}
END
    goes_by manifest.json manifest
    run execdm-stage <manifest
    [ "$status" -eq 1 ]
    printf '%s\n' "${lines[@]}" | grep '^{' >reports
    jq -c 'select(.event == "file")' reports >file
    jq -c 'select(.event == "warning")' reports >warning
    jq -c 'select(.state == "done")' reports >ended
    jq -c 'select(.state == "failed")' reports >failed
    goes_by stage-report.json reports
    goes_by 'stage-report.json#/$defs/stage-file' file
    goes_by 'stage-report.json#/$defs/stage-warning' warning
    goes_by 'stage-report.json#/$defs/stage-done' ended
    goes_by 'stage-report.json#/$defs/stage-failed' failed
    goes_by stage-report.json <(echo '{"id":"a","event":"progress","bytes":1,"total":null}')
    execdm-stage in/deep/zeros copy >summary
    goes_by 'stage-report.json#/$defs/stage-summary' summary
    goes_by stage-report.json summary
    refused_by manifest.json '{"id": "a", "direction": "pull", "sorce": "file:///x"}'
    refused_by manifest.json '{"id": "a", "direction": "sideways"}'
    printf '%s\n' '{"host": "h:1", "access_key_id": "a", "secret_access_key": "b", "region": "c"}' \
        '{"host": "h", "username": "u", "password": "p"}' '{"host": "h", "refused": "no"}' >key
    jq -s . key >keys
    printf '{"id": "c", "direction": "check", "source": "file://%s", "credential": 7, "own": false}\n' "$PWD" >manifest
    goes_by manifest.json manifest
    execdm-stage 7<keys <manifest
    goes_by stage-credential.json key
    refused_by stage-credential.json '{"host": "h", "user": "u"}'
    while read -r line; do refused_by stage-report.json "$line"; done <<'END'
{"id": "a", "event": "file", "name": "x"}
{"id": "a", "event": "odd", "source": "a"}
{"id": "a", "event": "progress", "bytes": -1, "total": null}
{"id": "a", "event": "progress", "source": "a"}
{"id": "a", "event": "warning", "source": "a", "name": "x"}
{"id": "a", "state": "ready", "bytes": 1, "files": 1}
{"id": "a", "state": "failed"}
{"id": "a", "state": "done", "source": "a"}
{"type": "file", "source": "a", "id": 5}
{"type": "fil", "source": "a"}
{"dest": "a"}
{}
END
}

@test "answers, offers, jobs, results and findings go by theirs" {
    echo abc >a
    task sh='cp /inputs/a /outputs/b' r:/inputs/a=a rw:/outputs=results/
    execdm-plan task.json >answer
    jq -c '.offers[]' answer >offers
    execdm-accept answer >job
    execdm-run <job >ended
    jq -c '.results[]' ended >stored
    goes_by answer.json answer
    goes_by offer.json offers
    goes_by job.json job ended
    goes_by data-locator.json stored
    goes_by finding.json <(echo '{"nmae": "x"}' | execdm-validate --log=json 2>&1 >/dev/null || true)
    goes_by report.json <(echo '{"nmae": "x"}' | execdm-validate --report=json || true)
    refused_by data-locator.json '{"size": -1}'
    refused_by job.json '{"id": "019ab3c0-0000-7000-8000-000000000000", "phase": "DREAMING"}'
}

@test "a configuration that says all it can" {
    cat >execdm.yaml <<'END'
execdm: 1
workdir: /var/lib/execdm
url: https://execdm.example.org/
planners:
  - {name: near, url: "https://planner.example.org/", timeout: PT10S}
proxy: true
credentials:
  - {host: vospace.example.org, file: credentials/vospace}
policy:
  grace: PT5M
  allow-hosts: [planner.example.org]
  private-addresses: false
  quotas:
    - {identity: ada@example.org, platforms: [lab], cores: 8, memory: 32 GiB, jobs: 4, hours: 100}
END
    goes_by configuration.json execdm.yaml
    refused_by configuration.json '{"execdm": 1, "planner": []}'
    refused_by configuration.json '{"execdm": 1, "policy": {"quotas": [{"cores": 0}]}}'
    refused_by configuration.json '{"workdir": "/x"}'
}
