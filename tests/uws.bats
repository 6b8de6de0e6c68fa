#!/usr/bin/env bats
# What the service says of jobs by UWS 1.1: to its schema, and to clients of others; the same in JSON.
# shellcheck disable=SC2016 # $defs is a key
bats_require_minimum_version 1.5.0
load helper
load jobs
load site

uws_xsd=$EXECDM_SHARED/data/uws/UWS.xsd

setup() { jobs_state; }
teardown() { site_stop; }

# --- without a web server: execdm-cgi itself, over a store of a thousand jobs ---

thousand() {
    [ -x "$TOP_BUILDDIR/tests/fill-jobs" ] || skip "tests/fill-jobs is not built"
    printf 'execdm: 1\nurl: http://example.org/lab/\nservice: {administrators: [root@example.org]}\n' >"$EXECDM_CONFIG/execdm.yaml"
    "$TOP_BUILDDIR/tests/fill-jobs" 1000 >all
    [ "$(wc -l <all)" -eq 1000 ]
}

ask() { # PATH QUERY [USER] [ACCEPT]: head and body of what execdm-cgi answers
    GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=${method-GET} PATH_INFO=$1 QUERY_STRING=$2 REMOTE_USER=${3-root@example.org} \
        HTTP_ACCEPT=${4-application/json} execdm-cgi >answer
    tr -d '\r' <answer | sed '/^$/q' >head
    sed '1,/^\r$/d' answer >body
}

status_is() { # STATUS
    grep -q "^Status: $1 " head || {
        cat head body
        return 1
    }
}

listed() { # QUERY FILTER...: the list is those lines of `all` that awk finds, in their order
    ask /jobs "$1"
    status_is 200
    awk "${@:2}" all | cut -d ' ' -f 1 >wanted
    jq -r '.jobs[].id' body | diff wanted - || {
        echo "$1: expected $(wc -l <wanted) jobs"
        return 1
    }
}

refused() { # QUERY WORD
    ask /jobs "$1"
    status_is 400
    grep -qF -- "$2" body
}

@test "the list: newest first, archived ones only when asked for, and its filters" {
    thousand
    listed '' '$2 != "ARCHIVED"'
    [ "$(wc -l <wanted)" -gt 900 ]
    listed PHASE=ARCHIVED '$2 == "ARCHIVED"'
    # a word of UWS means what UWS sees as it; a word of ours that phase alone; several are a union
    listed PHASE=QUEUED '$2 == "QUEUED" || $2 == "PREPARING"'
    listed PHASE=EXECUTING '$2 == "EXECUTING" || $2 == "FINALIZING"'
    listed PHASE=FINALIZING '$2 == "FINALIZING"'
    listed 'PHASE=PENDING&phase=ERROR&Phase=ARCHIVED' '$2 == "PENDING" || $2 == "ERROR" || $2 == "ARCHIVED"'
    listed LAST=10 '$2 != "ARCHIVED" && n++ < 10'
    listed LAST=99999999999999999999 '$2 != "ARCHIVED"'
    listed 'PHASE=ERROR&LAST=3' '$2 == "ERROR" && n++ < 3'
    # empty is not given
    listed 'PHASE=&LAST=&AFTER=' '$2 != "ARCHIVED"'
    refused PHASE=FOO FOO
    refused 'PHASE=ERROR&PHASE=error' error
    refused PHASE=RUNNING RUNNING # the Planner's word
    refused LAST=0 LAST
    refused LAST=-1 LAST
    refused LAST=1.5 LAST
    refused LAST=ten LAST
    refused 'LAST=1&LAST=2' several
}

@test "the list: AFTER, in each of its forms, strictly later as it is printed" {
    local query
    thousand
    # job 989 was made at 09:58:40.123
    for query in 2015-10-26T09:58:40.123 2015-10-26T09:58:40.123Z 2015-10-26%2009:58:40.123 20151026T095840.123 \
        2015-10-26+09:58:40.123Z 2015-10-26T09:58:40.1239999; do
        listed "AFTER=$query" '$4 > 1445853520123 && $2 != "ARCHIVED"'
        [ "$(wc -l <wanted)" -eq 9 ]
    done
    for query in 2015-10-26T09:58:40 20151026T095840 20151026+095840; do
        listed "AFTER=$query" '$4 > 1445853520000 && $2 != "ARCHIVED"'
    done
    listed AFTER=2015-10-26T09:58 '$4 > 1445853480000 && $2 != "ARCHIVED"'
    for query in 2015 2015-10 2015-10-26 20151026 2015-10-26T09; do listed "AFTER=$query" '$2 != "ARCHIVED"'; done
    for query in 2016 2015-11 2015-10-27 20151027 2015-10-26T10; do listed "AFTER=$query" 0; done
    listed 'AFTER=2015-10-26T09:50&PHASE=HELD&LAST=5' '$2 == "HELD" && n++ < 5'
    listed 'AFTER=2015-10-26T09:58&PHASE=HELD&LAST=50' '$4 > 1445853480000 && $2 == "HELD"'
    for query in yesterday 15-10-26 2015-10-26T 2015-10-26T09:58:40%2B00:00 2015-10-26T09:58:40-01:00 2015-10-26Z 2015-13 \
        2015-02-29 2015-10-26T25:00 2015-10-26T09:58:40. 2015-10-26T09:58:40.1x 2015-10-26x09 201510 1445853520 \
        '2015-10-26T09:58:40%00' now -1; do
        refused "AFTER=$query" ''
    done
    refused 'AFTER=2015&AFTER=2016' several
}

@test "the list: everyone sees their own, administrators those of all; others' jobs are not there" {
    local id way
    thousand
    ask /jobs '' ada
    [ "$(jq -r '[.jobs[].owner] | unique | join(" ")' body)" = ada ]
    awk '$2 != "ARCHIVED" && $3 == "ada"' all | cut -d ' ' -f 1 | diff - <(jq -r '.jobs[].id' body)
    ask /jobs '' carol
    status_is 200
    [ "$(jq -c . body)" = '{"jobs":[]}' ]
    id=$(awk '$3 == "bob" && $2 == "ERROR" { print $1; exit }' all)
    for way in '' /phase /executionduration /destruction /quote /owner /error /parameters /results; do
        ask "/jobs/$id$way" '' ada
        status_is 404
        ask "/jobs/$id$way" '' bob
        [ "$way" = /error ] && status_is 404 || status_is 200
        ask "/async/$id$way" '' root@example.org
        [ "$way" = /error ] && status_is 404 || status_is 200
    done
    ask /jobs '' ''
    status_is 401
}

@test "the list: what 1,000 jobs cost, and that the index is used" {
    thousand
    # 50 times in the time of a test is no measure; that it does not read the documents is
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET doc='{' WHERE phase='ERROR'"
    ask /jobs 'PHASE=HELD&LAST=5'
    status_is 200
    [ "$(jq '.jobs | length' body)" -eq 5 ]
}

@test "every answer has its type, in the form that is liked: XML to who likes all the same" {
    local id java='text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2' path accept type
    thousand
    id=$(awk '$2 == "HELD" { print $1; exit }' all)
    while read -r path type accept; do
        ask "${path/ID/$id}" '' root@example.org "$accept"
        status_is 200
        grep -q "^Content-Type: $type" head || {
            echo "$path for $accept:"
            cat head
            return 1
        }
    done <<END
/jobs text/xml $java
/jobs text/xml */*
/jobs text/xml application/xml
/jobs text/xml text/xml;q=0.9, application/json;q=0.5
/jobs application/json application/json, */*;q=0.5
/jobs application/yaml application/yaml
/jobs/ID text/xml $java
/jobs/ID text/xml text/html, image/gif, image/jpeg, */*;q=0.2
/jobs/ID application/json application/json
/jobs/ID/ text/xml */*
/jobs/ID/phase text/plain $java
/jobs/ID/phase text/plain text/plain
/jobs/ID/phase application/json application/json
/jobs/ID/quote application/yaml application/yaml
/jobs/ID/results text/xml $java
/jobs/ID/parameters text/xml */*
/async text/xml $java
/async/ID/results application/json application/json
END
    ask "/jobs/$id/phase" '' root@example.org image/png
    status_is 406
    ask "/jobs/$id/phases" ''
    status_is 404
    ask /asynchronous ''
    status_is 404
    method=PUT ask "/jobs/$id/quote" ''
    status_is 405
    grep -q '^Allow: .*GET.*HEAD' head
    method=HEAD ask /jobs '' root@example.org '*/*'
    status_is 200
    [ ! -s body ]
    grep -q '^Content-Type: text/xml' head
}
