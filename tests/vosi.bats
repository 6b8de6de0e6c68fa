#!/usr/bin/env bats
# What the service says of itself to the Virtual Observatory: capabilities and availability (VOSI 1.1), and a record for a
# registry (VOResource), by the IVOA's own schemas.
# bats file_tags=once
bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require xmllint
}
teardown() { site_stop; }

# valid FILE: by the schemas of the IVOA; what they import is beside them
valid() {
    local vosi=$EXECDM_SHARED/data/vosi
    [ -d "$vosi" ] || skip "the schemas of the IVOA (../shared/data/vosi) are not here"
    if ! [ -e schema.xsd ]; then
        cat >catalog.xml <<END
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
  <uri name="http://www.ivoa.net/xml/VOResource/v1.0" uri="file://$vosi/VOResource-v1.1.xsd"/>
  <uri name="http://www.ivoa.net/xml/STC/stc-v1.30.xsd" uri="file://$vosi/stc-v1.30.xsd"/>
  <uri name="http://www.ivoa.net/xml/Xlink/xlink.xsd" uri="file://$vosi/xlink-min.xsd"/>
  <system systemId="http://www.ivoa.net/xml/VOResource/v1.0" uri="file://$vosi/VOResource-v1.1.xsd"/>
  <system systemId="http://www.ivoa.net/xml/STC/stc-v1.30.xsd" uri="file://$vosi/stc-v1.30.xsd"/>
</catalog>
END
        cat >schema.xsd <<END
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:import namespace="http://www.ivoa.net/xml/VOSICapabilities/v1.0" schemaLocation="$vosi/VOSICapabilities-v1.0.xsd"/>
  <xs:import namespace="http://www.ivoa.net/xml/VOSIAvailability/v1.0" schemaLocation="$vosi/VOSIAvailability-v1.0.xsd"/>
  <xs:import namespace="http://www.ivoa.net/xml/RegistryInterface/v1.0" schemaLocation="$vosi/RegistryInterface-1.0.xsd"/>
  <xs:import namespace="http://www.ivoa.net/xml/VODataService/v1.1" schemaLocation="$vosi/VODataService-v1.2.xsd"/>
</xs:schema>
END
    fi
    XML_CATALOG_FILES=$PWD/catalog.xml xmllint --nonet --noout --schema schema.xsd "$1"
}

# of FILE XPATH: as a text
of() { xmllint --xpath "string($2)" "$1"; }

goes_by() { # SCHEMA FILE
    jq -n --arg ref "https://www.purl.org/ivoa.net/execdm/1/$1" \
        '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": $ref}' >by.json
    execdm-validate --schema=by.json --map="https://www.purl.org/ivoa.net/execdm/1/=$EXECDM_SCHEMA/" --assert-format "$2"
}

described() { # what an administrator writes for a registry
    mkdir -p config
    cat >config/execdm.yaml <<'END'
execdm: 1
url: https://execdm.example.org/run/
service:
  identifier: ivo://org.example/execdm
  title: Runs & results
  description: Runs containers <near> the data of the example survey
  publisher: Example Observatory
  contact: help@example.org
END
    export EXECDM_CONFIG=$PWD/config
}

# cgi PATH [ACCEPT]: the answer of the program as a CGI program; its body is in body, its headers in headers
cgi() {
    GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=${method-GET} PATH_INFO=$1 HTTP_ACCEPT=${2-} execdm-cgi >answer
    sed -n '/^\r$/q;s/\r$//p' answer >headers
    sed '1,/^\r$/d' answer >body
}

@test "capabilities: valid, and the URLs are those of the configuration" {
    local id
    described
    cgi /capabilities
    grep -qx 'Status: 200 OK' headers
    grep -qx 'Content-Type: text/xml' headers
    valid body
    for id in VOSI#capabilities VOSI#availability; do
        [ "$(of body "//capability[@standardID='ivo://ivoa.net/std/$id']/interface[@role='std']/accessURL[@use='full']")" = \
            "https://execdm.example.org/run/${id#*#}" ]
        [ "$(of body "count(//capability[@standardID='ivo://ivoa.net/std/$id']//securityMethod)")" = 0 ]
    done
    # jobs have the standard's own identifier; nobody who is not known gets there
    [ "$(of body "//capability[@standardID='ivo://ivoa.net/std/UWS#rest-1.1']/interface/accessURL")" = https://execdm.example.org/run/jobs ]
    [ "$(of body "//capability[@standardID='ivo://ivoa.net/std/UWS#rest-1.1']/interface/@version")" = 1.1 ]
    [ "$(of body "count(//interface[accessURL='https://execdm.example.org/run/jobs'])")" = 1 ]
    [ "$(of body "//interface[accessURL='https://execdm.example.org/run/planner']/securityMethod/@standardID")" = ivo://ivoa.net/sso#BasicAA ]
    cp body closed.xml
    # where somebody unknown does, there is a way in without (VOResource, securityMethod)
    echo '  anonymous: true' >>config/execdm.yaml
    cgi /capabilities
    valid body
    [ "$(of body "count(//interface[accessURL='https://execdm.example.org/run/jobs'])")" = 2 ]
    [ "$(of body "count(//interface[accessURL='https://execdm.example.org/run/jobs'][not(securityMethod)])")" = 1 ]
    # and what is not valid is told
    sed 's/<interface xsi:type="[^"]*"/<interface/' closed.xml >broken.xml
    run ! valid broken.xml
}

@test "capabilities and availability: JSON and YAML, HEAD, and what else is not" {
    local path
    described
    for path in capabilities availability; do
        cgi "/$path" application/json
        goes_by "$path.json" body
        cp body body.json
        cgi "/$path" application/yaml
        diff <(jq -S . body.json) <(/usr/bin/python3 -c 'import json, sys, yaml
print(json.dumps(yaml.safe_load(sys.stdin)))' <body | jq -S .)
        cgi "/$path"
        cp headers get
        method=HEAD cgi "/$path"
        diff get headers
        [ ! -s body ]
        method=POST cgi "/$path"
        grep -qx 'Status: 405 Method Not Allowed' headers
        grep -qx 'Allow: GET, HEAD, OPTIONS' headers
        cgi "/$path" image/png
        grep -qx 'Status: 406 Not Acceptable' headers
        goes_by problem.json body
    done
    # others are not for who is not known
    cgi /
    grep -qx 'Status: 401 Unauthorized' headers
    goes_by problem.json body
    REMOTE_USER=ada cgi /
    goes_by service.json body
    jq -e '.links.capabilities == "https://execdm.example.org/run/capabilities"' body
}

available() { # true|false: says so, as XML and as JSON
    cgi /availability
    grep -qx 'Status: 200 OK' headers
    valid body
    [ "$(of body "/*[local-name()='availability']/*[local-name()='available']")" = "$1" ]
    cp body availability.xml
    cgi /availability application/json
    goes_by availability.json body
    jq -e ".available == $1" body
}

@test "availability: true while jobs begin, else what is wrong and whom to ask" {
    local pid
    described
    available false
    jq -e '.notes[0] | startswith("no worker has run yet")' body
    jq -e '.notes[1] == "ask help@example.org"' body
    [ "$(of availability.xml "count(//*[local-name()='note'])")" = 2 ]
    # a worker at work, however long
    execdm-run --watch 2>watch.err 3>&- &
    pid=$!
    wait_until 60 test -e "$EXECDM_STATE/worker.lock"
    touch -d '1 hour ago' "$EXECDM_STATE/worker.lock"
    wait_until 60 available true
    jq -e '.notes == []' body
    # it is gone, however that was
    kill -9 "$pid"
    wait "$pid" || :
    available false
    jq -e '.notes[0] | startswith("no worker has run since ") and (contains(":") )' body
    # one that cron starts each minute
    execdm-run --once
    available true
    touch -d '10 minutes ago' "$EXECDM_STATE/worker.lock"
    available false
    # who looks after one job is no worker for all
    task sh='true'
    execdm-plan task.json | execdm-accept >job.json
    execdm-run job.json >ran.json
    available false
    # the store itself
    execdm-run --once
    printf 'no database, and long enough to be read as one, which it is not' | dd of="$EXECDM_STATE/execdm.db" conv=notrunc status=none
    available false
    jq -e '.notes[0] == "the store of jobs cannot be read"' body
}

@test "record: valid, of what execdm.yaml says" {
    described
    execdm-cgi --record >record.xml
    valid record.xml
    [ "$(of record.xml '/*/identifier')" = ivo://org.example/execdm ]
    [ "$(of record.xml '/*/title')" = 'Runs & results' ]
    [ "$(of record.xml '/*/content/description')" = 'Runs containers <near> the data of the example survey' ]
    [ "$(of record.xml '/*/content/referenceURL')" = https://execdm.example.org/run/ ]
    [ "$(of record.xml '/*/curation/publisher')" = 'Example Observatory' ]
    [ "$(of record.xml '/*/curation/contact/email')" = help@example.org ]
    # the capabilities are those the service tells
    cgi /capabilities
    diff <(grep -A99 '<capability' body | grep -v '^</') <(grep -A99 '<capability' record.xml | grep -v '^</')
    # it does not change while what it says does not
    touch -d '2026-01-02T03:04:05.6Z' config/execdm.yaml
    execdm-cgi --record >again.xml
    [ "$(of again.xml '/*/@updated')" = 2026-01-02T03:04:05Z ]
    execdm-cgi --record | cmp again.xml
    sed 's/<identifier>.*/<identifier>example<\/identifier>/' record.xml >broken.xml
    run ! valid broken.xml
}

@test "record: what is missing or no identifier is named" {
    local key
    described
    for key in identifier title description publisher contact; do
        described
        sed -i "/^  $key:/d" config/execdm.yaml
        run -78 --separate-stderr execdm-cgi --record
        [ -z "$output" ]
        [[ $stderr == *"does not say: service.$key;"* ]]
    done
    described
    sed -i '/^url:/d' config/execdm.yaml
    run -78 execdm-cgi --record
    [[ $output == *"does not say: url;"* ]]
    for key in ivo://a/b ivo:example ivo://org.example//b ivo://org.example/b/ 'ivo://org.example/b c' ivo://-rg.example/b https://example.org; do
        described
        sed -i "s|identifier: .*|identifier: '$key'|" config/execdm.yaml
        run -78 execdm-cgi --record
    done
    run -64 execdm-cgi --record --openapi
    EXECDM_CONFIG=/nonexistent run -78 execdm-cgi --record
}

# bats test_tags=real
@test "capabilities and availability: by HTTP, to whoever asks, read by pyvo" {
    require curl
    site_make
    mkdir -p "$SITE_DIR/config"
    site_user ada lovelace
    export SITE_PORT
    SITE_PORT=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf 'execdm: 1\nurl: http://127.0.0.1:%s/\nservice: {anonymous: false}\n' "$SITE_PORT" >"$SITE_DIR/config/execdm.yaml"
    site_start
    [ "$(curl -sS -o body -w '%{http_code}' "$SITE/")" = 401 ]
    goes_by problem.json body
    curl -sS --fail-with-body "$SITE/availability" >availability.xml
    valid availability.xml
    [ "$(of availability.xml "//*[local-name()='available']")" = false ]
    site_worker
    begun() { curl -sS --fail-with-body "$SITE/availability" >availability.xml &&
        [ "$(of availability.xml "//*[local-name()='available']")" = true ]; }
    wait_until 60 begun
    /usr/bin/python3 - "$SITE" <<'END'
import sys
from pyvo.io import vosi
site = sys.argv[1]
assert vosi.parse_availability(site + "/availability").available is True
found = {c.standardid: c for c in vosi.parse_capabilities(site + "/capabilities")}
jobs = found["ivo://ivoa.net/std/UWS#rest-1.1"].interfaces[0]
assert jobs.accessurls[0].content == site + "/jobs", jobs.accessurls
assert jobs.securitymethods[0].standardid == "ivo://ivoa.net/sso#BasicAA"
assert not found["ivo://ivoa.net/std/VOSI#availability"].interfaces[0].securitymethods
END
    [ "$(curl -sS -I -o /dev/null -w '%{http_code}' "$SITE/capabilities")" = 200 ]
}
