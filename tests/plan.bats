#!/usr/bin/env bats
# execdm-plan and execdm-offer: YES with offers that keep to what was asked for and what there is, or NO with reasons.

bats_require_minimum_version 1.5.0
load helper

setup() {
    local ns
    private_state
    require jq bwrap umoci /usr/bin/python3
    cd "$BATS_TEST_TMPDIR" || return 1
    if [ "$(id -u)" -eq 0 ]; then
        getent passwd execdm-job >/dev/null || skip "root needs the account execdm-job"
    else
        ns=$(bwrap --unshare-all --ro-bind / / /bin/true 2>&1) || skip "bubblewrap does not work here: $ns"
    fi
    echo 'print("hello")' >p.py
    # Capacity is declared, so that no test depends on the machine it runs on.
    cat >lab.yaml <<'END'
name: lab
driver: local
compute: {cores: 8, memory: 16, maxcores: 4, maxmemory: 8}
datetime: {duration: PT1H, maxduration: P1D, horizon: P7D}
offers: {lifetime: PT5M}
END
}

# same WANT GOT
same() {
    if [ "$1" = "$2" ]; then return 0; fi
    printf 'want: %s\n got: %s\n' "$1" "$2"
    return 1
}

type_of() { # AREA NAME
    printf 'https://www.purl.org/ivoa.net/%s-types/%s' "$1" "$2"
}

# task [YAML...]: t.yaml, a Python program and the lines given
task() {
    printf 'name: t\nexecutable: {type: %s, spec: {program: p.py}}\n' "$(type_of executable python-program)" >t.yaml
    printf '%s\n' "$@" >>t.yaml
}

# compute SPEC [YAML...]: the same with a compute resource
compute() {
    local spec=$1
    shift
    task "resources: {compute: [{spec: $spec}]}" "$@"
}

# plan ARG...: $code, and what it wrote in out and err; asks lab.yaml unless told otherwise
plan() {
    code=0
    case " $* " in
    *" --planner="* | *" --none "*) ;;
    *) set -- --planner=./lab.yaml "$@" ;;
    esac
    if [ "${1-}" = --none ]; then shift; fi
    execdm-plan "$@" >out 2>err || code=$?
}

exits() { # CODE ARG...
    local want=$1
    shift
    plan "$@"
    if [ "$code" -eq "$want" ]; then return 0; fi
    echo "execdm-plan $*: exit $code, expected $want"
    cat out err
    return 1
}

# yes ARG...: plans t.yaml; the answer is YES and in out
yes() {
    exits 0 "$@" t.yaml || return 1
    same YES "$(jq -r .result out)"
}

# no REASON ARG...: the answer is NO, and one of its messages holds REASON, "POINTER RULE: TEXT"
no() {
    local reason=$1
    shift
    exits 1 "$@" t.yaml || return 1
    same 'NO 0' "$(jq -r '"\(.result) \(.offers | length)"' out)" || return 1
    jq -r '.messages[] | "\(.pointer) \(.rule): \(.text)" + (if .hint then "; " + .hint else "" end)' out >reasons
    if grep -qF -- "$reason" reasons; then return 0; fi
    echo "no \"$reason\" among the reasons:"
    cat reasons
    return 1
}

# offers FILTER: jq on every offer of out
offers() {
    jq -c ".offers[] | $1" out
}

at() { # DATE: as ISO 8601, UTC
    date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}

@test "YES: an offer is the task made definite" {
    task
    before=$(date +%s)
    yes
    same 1 "$(jq '.offers | length' out)"
    jq -e --argjson now "$before" '.offers[0]
        | (.id | test("^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))
        and .name == "offer-001" and .platform == "lab" and .task == "t"
        and (.expires | fromdate) >= $now + 300 and (.expires | fromdate) <= $now + 330
        and (.datetime | length) == 1 and has("accept") and .accept == null and has("job") and .job == null' out
    same "file://$PWD/p.py" "$(offers .executable.spec.program | tr -d '"')"
    # what is offered is in the store, before anybody sees it
    require sqlite3
    same 'open lab' "$(sqlite3 -separator ' ' "$EXECDM_STATE/execdm.db" 'SELECT state, platform FROM offers')"
}

@test "YES: the whole answer, but for ids and times" {
    mkdir data
    task "resources:" \
        "  compute: [{name: small, spec: {mincores: 2, minmemory: 1.5, maxmemory: 4 GiB}," \
        "             volumes: [{name: in, resource: in, path: /inputs, mode: r}," \
        "                       {name: scratch, resource: scratch, path: /scratch, mode: rw}]}]" \
        "  storage: [{name: in, type: $(type_of storage file-storage), spec: {location: data}}," \
        "            {name: scratch, type: $(type_of storage ephemeral-storage), spec: {size: 0.001}}]" \
        "datetime: [{minduration: PT10M, maxduration: PT2H}]"
    yes
    jq --arg here "$PWD" --arg user "$(id -un)" 'walk(if type == "string" then
            gsub("[0-9a-f]{8}-[0-9a-f-]{27}"; "ID") | gsub("[0-9]{4}-[0-9-]{5}T[0-9:]{8}Z"; "TIME")
            | gsub($here; "HERE") else . end)
        | .offers[].authentication[].spec.username |= (if . == $user then "USER" else . end)
        | .offers[].load |= map_values(type)
        | .offers[].advisory -= ["cores", "memory", "processes"]' out >got # as there are control groups, or not
    diff "$TOP_SRCDIR/tests/golden/plan.json" got
    # and it is valid as the model has it
    execdm-validate out >canonical
    cmp out canonical
}

@test "NO: an executable type nobody knows is an answer, no error (EP-05, EP-15)" {
    printf 'executable: {type: encabulation, spec: {a: 1}}\n' >t.yaml
    no '/executable/type unknown-executable: the driver local does not run executables of type encabulation'
    printf 'executable: {type: %s, spec: {chart: hub}}\n' "$(type_of executable helm-chart)" >t.yaml
    no 'does not run executables of type helm-chart'
    printf 'name: nothing\n' >t.yaml
    no '/executable no-executable: the task names no executable'
}

@test "NO: the reasons are on standard error, too, for people" {
    printf 'executable: {type: encabulation}\n' >t.yaml
    no encabulation
    [ "$(grep -c unknown-executable err)" -eq 0 ] # in a pipe the answer says it
    exits 1 --format=table t.yaml
    grep -q '^lab: /executable/type: .*encabulation.* \[unknown-executable\]$' err
    exits 1 -q --format=table t.yaml
    [ ! -s err ]
}

@test "NO: every reason at once" {
    printf 'executable: {type: encabulation}\nresources: {compute: [{spec: {mincores: 99, minmemory: 99}}]}\ntriggers: [{type: t}]\n' >t.yaml
    no encabulation
    grep -q '^/resources/compute/0/spec/mincores cores: ' reasons
    grep -q '^/resources/compute/0/spec/minmemory memory: ' reasons
    grep -q '^/triggers/0/type triggers: ' reasons
    same 4 "$(wc -l <reasons)"
}

@test "NO: more cores or memory than one job may have; as much is YES" {
    compute '{mincores: 4, minmemory: 8}'
    yes
    compute '{mincores: 4.001}'
    no '/resources/compute/0/spec/mincores cores: 4.001 cores are asked for, a job may have 4 (Planner 2.2.2)'
    compute '{minmemory: 8.001}'
    no '/resources/compute/0/spec/minmemory memory: '
    compute '{minmemory: 9 GB}'
    no 'of memory are asked for, a job may have 8 GiB'
    compute '{minmemory: 8 GB}'
    yes
}

@test "NO: what one job may have is never more than there is" {
    printf 'name: lab\ndriver: local\ncompute: {maxcores: 100000, maxmemory: 1 PB}\n' >lab.yaml
    compute '{mincores: 50000}'
    no '/resources/compute/0/spec/mincores cores: 50000 cores are asked for'
    compute '{minmemory: 500 TB}'
    no '/resources/compute/0/spec/minmemory memory: '
}

@test "offered cores and memory keep to the request and the platform (EP-36, EP-37, EP-3B)" {
    local row want
    while IFS='|' read -r row want; do
        compute "$row"
        yes || { echo "^ $row" && return 1; }
        same "$want" "$(offers '.resources.compute[0].spec | [.mincores, .maxcores, .minmemory, .maxmemory]' | paste -sd ' ')" ||
            { echo "^ $row" && return 1; }
    done <<'END'
{}|[1,4,2,2]
{mincores: 2}|[2,4,2,2]
{mincores: 2, maxcores: 3}|[2,3,2,2]
{maxcores: 64}|[1,4,2,2]
{maxcores: 0.5}|[0.5,0.5,2,2]
{mincores: 0.5, maxcores: 0.5}|[0.5,0.5,2,2]
{minmemory: 4}|[1,4,4,4]
{maxmemory: 1}|[1,4,1,1]
{minmemory: 1, maxmemory: 64}|[1,4,1,1] [4,4,8,8]
{minmemory: 8, maxmemory: 8}|[1,4,8,8]
END
}

@test "a compute list that is empty, and none at all, are the platform's defaults" {
    task 'resources: {compute: []}'
    yes
    same '[1,4,2,2]' "$(offers '.resources.compute[0].spec | [.mincores, .maxcores, .minmemory, .maxmemory]')"
    task
    yes
    same '[1,4,2,2]' "$(offers '.resources.compute[0].spec | [.mincores, .maxcores, .minmemory, .maxmemory]')"
}

@test "NO: extras, other compute types, several computes (EP-33)" {
    compute '{extras: [{type: "https://tinyurl.com/nvidia-ad104", spec: {minmemory: 20}}]}'
    no '/resources/compute/0/spec/extras/0 unknown-extra: there is no nvidia-ad104'
    compute '{extras: [{type: abacus}]}'
    no 'there is no abacus'
    task 'resources: {compute: [{type: "https://example.org/quantum"}]}'
    no '/resources/compute/0/type unknown-resource: there is no compute resource of type quantum'
    task 'resources: {compute: [{}, {}]}'
    no '/resources/compute several-computes: 2 compute resources are asked for, one is given'
}

@test "NO: triggers, callouts, authentication" {
    task "triggers: [{type: $(type_of webservice email)}]"
    no "/triggers/0/type triggers: $(type_of webservice email) is nothing that is offered here (Planner 2.5)"
    task "callouts: [{type: $(type_of webservice value-update)}]"
    no '/callouts/0/spec/endpoint callouts: it has no endpoint (Planner 2.5)'
    task 'authentication: [{type: "https://.../basic", spec: {username: u, password: hunter2}}]'
    no '/authentication authentication: none of the authentication methods is recognised'
    # a secret is never echoed (EP-59)
    run grep -r hunter2 out err "$EXECDM_STATE"
    [ "$status" -ne 0 ]
}

# input LOCATION: a file-storage mounted to be read
input() {
    task "resources:" "  compute: [{volumes: [{name: in, resource: in, path: /inputs, mode: r}]}]" \
        "  storage: [{name: in, type: $(type_of storage file-storage), spec: {location: \"$1\"}}]"
}

@test "NO: a missing input or program, by its name" {
    input nosuch.fits
    no '/resources/storage/0 unreachable: '
    grep -q "$PWD/nosuch.fits" reasons
    input p.py
    yes
    rm p.py
    task
    no '/executable/spec/program unreachable: '
    grep -q "$PWD/p.py" reasons
}

@test "NO: storage of a type that is not offered, or too large" {
    task "resources: {storage: [{name: bucket, type: $(type_of storage amazon-s3), spec: {size: 1}}]}"
    no '/resources/storage/0 unknown-storage: bucket: no room of type amazon-s3 is given here'
    task "resources: {storage: [{name: lake, type: $(type_of storage rucio-storage), spec: {objectid: b}}]}"
    no '/resources/storage/0 unknown-storage: lake: no room of type rucio-storage is given here'
    task 'resources: {storage: [{name: tape, type: "https://example.org/tape"}]}'
    no '/resources/storage/0 unknown-storage: tape: there is no storage of type tape'
    task "resources: {storage: [{name: big, type: $(type_of storage ephemeral-storage), spec: {size: 900 PB}}]}"
    no '/resources/storage/0 storage-size: big: '
}

@test "NO: storage that the platform limits or leaves out, and what it lists but nobody can stage (EP-4A)" {
    printf 'storage: [{type: %s, maxsize: 0.5}, {type: %s}]\n' \
        "$(type_of storage ephemeral-storage)" "$(type_of storage rucio-storage)" >>lab.yaml
    task "resources: {storage: [{name: a, type: $(type_of storage ephemeral-storage), spec: {size: 0.5}}]}"
    yes
    task "resources: {storage: [{name: a, type: $(type_of storage ephemeral-storage), spec: {minsize: 0.6}}]}"
    no '/resources/storage/0 storage-size: a: '
    grep -q 'a task may have 512 MiB' reasons
    input p.py
    no '/resources/storage/0 unknown-storage: in: '
    task "resources: {storage: [{name: a, type: $(type_of storage rucio-storage), spec: {objectid: b}}]}"
    no '/resources/storage/0 unknown-storage: a: '
}

# image IMAGE [MORE]
image() {
    printf 'executable: {type: %s, spec: {image: "%s"%s}}\n' "$(type_of executable oci-container)" "$1" "${2:+, $2}" >t.yaml
}

@test "images: a local one is YES with its digest; of no registry, and of one that is not there, is NO with the reason" {
    local tiny digest name
    tiny=$(tiny_image)
    digest=$(jq -r '.manifests[0].digest' "$tiny/index.json")
    image "oci:$tiny:latest"
    yes
    same "\"$digest\"" "$(offers .executable.spec.digest)"
    image "oci:$tiny" "digest: \"$digest\""
    yes
    image ivoa/oligia-webtop
    no '/executable/spec/image image: ivoa/oligia-webtop names no registry, expected HOST[:PORT]/ivoa/oligia-webtop'
    mkdir -p local/layout
    image local/layout
    no '/executable/spec/image image: local/layout is a place on this machine, did you mean oci:local/layout?'
    for name in 127.0.0.1:1/Tool 127.0.0.1:1/tool:1:2 127.0.0.1:1/tool@sha256:12 127.0.0.1:x/tool 127.0.0.1:1/; do
        image "$name"
        no '/executable/spec/image image: '
        grep -q ', expected ' reasons
    done
    image 127.0.0.1:1/tool:1 'version: "2"'
    no 'the image is named by two tags, 1 and 2'
    image "127.0.0.1:1/tool@$digest" 'digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"'
    no "the image is named by two digests, sha256:0000"
    require skopeo
    image 127.0.0.1:1/ivoa/tool
    no '/executable/spec/image image: the registry 127.0.0.1:1 cannot be reached: '
}

@test "NO: a wrong digest, tag, directory, archive, architecture" {
    local tiny
    tiny=$(tiny_image)
    image "oci:$tiny:latest" 'digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"'
    no '/executable/spec/image image: '
    grep -q 'with digest sha256:0000' reasons
    image "oci:$tiny:nosuch"
    no 'holds no image with tag nosuch'
    image oci:nosuch
    no "$PWD/nosuch is no OCI image layout"
    image oci-archive:nosuch.tar
    no "$PWD/nosuch.tar"
    image oci-archive:p.py
    no "$PWD/p.py is no OCI image archive"
    image "oci:$tiny" 'arch: vax'
    no '/executable/spec image-platform: the image is for arch vax, here it is '
    image "oci:$tiny" 'os: windows'
    no 'os windows'
}

# inside FILE: every offered start of out lies inside one of the windows requested in t.yaml (EP-64)
inside() {
    execdm-validate -q t.yaml >canonical
    jq -en --slurpfile t canonical --slurpfile a out '
        def span: split("/") | map(fromdate) | [.[0], .[-1]];
        [$t[0].datetime[] | .start // "1970-01-01T00:00:00Z/2999-01-01T00:00:00Z" | span] as $asked
        | [$a[0].offers[] | (.datetime | length == 1) and (.datetime[0].start | span as $o
            | any($asked[]; .[0] <= $o[0] and $o[1] <= .[1]))] | length > 0 and all' >/dev/null && return 0
    echo "an offer outside of what was asked for:"
    jq -c '.datetime' canonical
    offers .datetime
    return 1
}

@test "times: every period asked for is one offer, inside of it (EP-64, EP-67)" {
    task "datetime:" \
        "- start: $(at '+1 hour')/$(at '+2 hours')" \
        "- start: $(at '+1 hour')/$(at '+2 hours')" \
        "- start: $(at '+1 day')/PT10S" \
        "- start: $(at '-1 hour')/$(at '+1 hour')" \
        "- start: $(at '+3 hours')" \
        "- start: $(date -u -d '+4 hours' +%Y-%m-%dT%H:%M:%S).250Z/PT1H" \
        "- start: $(date -u -d '+5 hours' +%Y-%m-%dT%H:%M:%S).250Z"
    yes
    same 7 "$(jq '.offers | length' out)"
    same 7 "$(offers .id | sort -u | wc -l)"
    same 7 "$(offers .name | sort -u | wc -l)"
    same '[]' "$(jq -c .messages out)"
    # jq's fromdate knows no fractions: round the begin of a request down and nothing is lost but that
    jq -r '.offers[5:][].datetime[0].start' out >fractions
    jq '.offers |= .[:5]' out >five
    mv five out
    sed -i '/250Z/d' t.yaml
    inside
    [[ $(sed -n '1s/\/.*//p' fractions) > $(at '+4 hours' | cut -c 1-16) ]]
    grep -q '\.250Z$' fractions # an instant is that instant
}

@test "times: an instant is offered as that instant (EP-63)" {
    local t
    t=$(at '+2 hours')
    task "datetime: [{start: \"$t\"}]"
    yes
    same "\"$t\"" "$(offers '.datetime[0].start')"
    # five minutes late is still that instant, more is not (decisions.md)
    t=$(at '-4 minutes')
    task "datetime: [{start: \"$t\"}]"
    yes
    same "\"$t\"" "$(offers '.datetime[0].start')"
    task "datetime: [{start: \"$(at '-6 minutes')\"}]"
    no '/datetime/0 no-slot: the requested start is past (Planner 2.4)'
}

@test "times: what was promised at an instant is there, or it is NO" {
    local t
    t=$(at '+2 hours')
    printf 'name: lab\ndriver: local\ncompute: {cores: 1, memory: 2}\n' >lab.yaml
    task "datetime: [{start: \"$(date -u -d "$t +2 minutes" +%Y-%m-%dT%H:%M:%SZ)\", maxduration: PT1H}]"
    yes
    execdm-accept out >job
    task "datetime: [{start: \"$(date -u -d "$t +3 minutes" +%Y-%m-%dT%H:%M:%SZ)\", maxduration: PT1H}]"
    no '/datetime/0 no-slot: there is no room in the requested period'
    task "datetime: [{start: \"$t\", maxduration: PT2M}]"
    yes
    task "datetime: [{start: \"$t\", maxduration: PT3M}]"
    no '/datetime/0 no-slot: there is no room'
    # with less than the maximum there is room
    task "datetime: [{start: \"$t\", minduration: PT1M, maxduration: PT3M}]"
    yes
    same '"PT1M"' "$(offers '.datetime[0].maxduration')"
}

@test "times: past, and beyond the horizon, are NO; other periods of the same task are YES" {
    task "datetime: [{start: \"2023-08-14T11:30:00Z\"}]"
    no '/datetime/0 no-slot: the requested start is past (Planner 2.4)'
    task "datetime: [{start: \"$(at '-2 hours')/$(at '-1 hour')\"}]"
    no 'the requested start is past'
    task "datetime: [{start: \"$(at '+8 days')/P1D\"}]"
    no '/datetime/0 no-slot: the requested start is beyond the horizon of this platform'
    task "datetime: [{start: \"$(at '+8 days')\"}]"
    no 'beyond the horizon'
    task "datetime: [{start: \"$(at '+6 days')/P30D\"}]"
    yes
    inside
    task "datetime: [{start: \"2023-08-14/P1D\"}, {start: \"$(at '+1 hour')/PT1H\"}]"
    yes
    same 1 "$(jq '.offers | length' out)"
    same '/datetime/0' "$(jq -r '.messages[].pointer' out)"
    inside
}

@test "times: how long (EP-65, EP-66)" {
    local row want
    while IFS='|' read -r row want; do
        task "datetime: [$row]"
        yes || { echo "^ $row" && return 1; }
        same "$want" "$(offers '.datetime[0] | [.minduration, .maxduration]')" || { echo "^ $row" && return 1; }
    done <<'END'
{}|["PT1H","PT1H"]
{maxduration: PT10M}|["PT10M","PT10M"]
{minduration: PT10M}|["PT10M","PT1H"]
{minduration: PT2H}|["PT2H","PT2H"]
{minduration: PT10M, maxduration: P10D}|["PT10M","P1D"]
{minduration: P1D}|["P1D","P1D"]
{maxduration: P10D}|["P1D","P1D"]
END
    task 'datetime: [{minduration: PT24H1S}]'
    no '/datetime/0 no-slot: P1DT1S of run time are asked for, a job may have P1D (Planner 2.4)'
}

@test "times: without datetime it starts as soon as there is room (EP-68)" {
    printf 'name: lab\ndriver: local\ncompute: {cores: 1, memory: 2}\n' >lab.yaml
    task
    yes
    execdm-accept out >job
    yes
    execdm-accept out >job
    # Two jobs of an hour are before it: promised is a start within two hours and the offer's lifetime.
    yes
    jq -e '.offers[0].datetime[0].start | split("/") | (.[1] | fromdate) - (.[0] | fromdate)
        | . > 7190 and . < 7510' out
}

@test "platforms: EP-A0 in a file of under ten lines, to its limits" {
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    cat >"$EXECDM_CONFIG/platforms.d/small.yaml" <<END
name: small
driver: local
executables: [{type: $(type_of executable python-program)}]
compute: {cores: 2, memory: 2}
datetime: {maxduration: PT1H}
END
    execdm-validate "$EXECDM_CONFIG/platforms.d/small.yaml"
    [ "$(wc -l <"$EXECDM_CONFIG/platforms.d/small.yaml")" -lt 10 ]
    compute '{mincores: 2, minmemory: 2}' 'datetime: [{minduration: PT1H}]'
    yes --none
    same '"small"' "$(offers .platform)"
    compute '{mincores: 3}'
    no ' cores: 3 cores are asked for, a job may have 2' --none
    compute '{minmemory: 2.1}'
    no ' memory: ' --none
    compute '{}' 'datetime: [{minduration: PT2H}]'
    no 'PT2H of run time are asked for, a job may have PT1H' --none
    image "oci:$(tiny_image)"
    no '/executable/type unknown-executable: executables of type oci-container are not run here' --none
}

@test "platforms: every file of platforms.d is asked, in the order of their names, and merged" {
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    sed 's/^name: .*/name: two/' lab.yaml >"$EXECDM_CONFIG/platforms.d/20-two.yml"
    printf '{"name": "one", "driver": "local", "compute": {"cores": 1, "memory": 2}}\n' >"$EXECDM_CONFIG/platforms.d/10-one.json"
    printf 'not a platform\n' >"$EXECDM_CONFIG/platforms.d/README"
    printf 'not a platform\n' >"$EXECDM_CONFIG/platforms.d/.30-hidden.yaml"
    printf 'not a platform\n' >"$EXECDM_CONFIG/platforms.d/30-old.yaml~"
    task
    yes --none
    same 'one two' "$(offers .platform | tr -d '"' | paste -sd ' ')"
    same 'offer-001 offer-002' "$(offers .name | tr -d '"' | paste -sd ' ')"
    # YES of one, NO of the other: both are told
    compute '{mincores: 2}'
    yes --none
    same '"two"' "$(offers .platform)"
    same one "$(jq -r '.messages[].platform' out)"
    # chosen by name
    task
    yes --planner=20-two
    same '"two"' "$(offers .platform)"
    execdm-offer --platform=20-two t.yaml | jq -e '.offers[0].platform == "two"'
    yes --planner=20-two --planner=10-one
    same 'two one' "$(offers .platform | tr -d '"' | paste -sd ' ')"
}

@test "platforms: a broken file is a message with its place, and the others go on" {
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    cp lab.yaml "$EXECDM_CONFIG/platforms.d/b.yaml"
    printf 'name: a\ndriver: local\ncompute:\n  core: 2\n' >"$EXECDM_CONFIG/platforms.d/a.yaml"
    printf 'name: c\ndriver: [local\n' >"$EXECDM_CONFIG/platforms.d/c.yaml"
    : >"$EXECDM_CONFIG/platforms.d/d.yaml"
    task
    yes --none
    same '"lab"' "$(offers .platform)"
    same 3 "$(jq '.messages | length' out)"
    jq -e '.messages[0].text | endswith("/platforms.d/a.yaml:4:3: unknown key \"core\"; did you mean \"cores\"?")' out
    jq -e '.messages[1].text | test("/platforms.d/c.yaml:3:1: ")' out
    jq -e '.messages[2].text | test("/platforms.d/d.yaml")' out
    jq -e 'all(.messages[]; .rule == "platform-file" and .severity == "error")' out
    # only broken ones: NO
    rm "$EXECDM_CONFIG/platforms.d/b.yaml"
    no 'unknown key "core"' --none
}

@test "platforms: a driver that is not there, or has nothing to say, is a message" {
    printf 'name: cloud\ndriver: nosuch\n' >cloud.yaml
    task
    no ' platform-down: there is no driver execdm-driver-nosuch in ' --planner=./cloud.yaml
    yes --planner=./cloud.yaml --planner=./lab.yaml
    same cloud "$(jq -r '.messages[].platform' out)"
}

# driver BODY: a driver called stub that runs BODY
driver() {
    mkdir -p drivers
    printf '#!/bin/sh\n%s\n' "$1" >drivers/execdm-driver-stub
    chmod +x drivers/execdm-driver-stub
    printf 'name: stub\ndriver: stub\n' >stub.yaml
    export EXECDM_DRIVER_PATH=$EXECDM_DRIVER_PATH:$PWD/drivers
}

@test "drivers that break the protocol are a message, each" {
    task
    driver 'exit 3'
    no ' platform-down: driver stub: probe ended with 3' --planner=./stub.yaml
    driver 'echo hello'
    no ' platform-down: driver stub: a reply is not JSON' --planner=./stub.yaml
    driver ':'
    no ' platform-down: driver stub: 0 replies to 1 lines' --planner=./stub.yaml
    # shellcheck disable=SC2016
    driver 'echo "{\"id\":\"other\"}"'
    no ' platform-down: driver stub: reply 1 has another id' --planner=./stub.yaml
    driver 'echo "{\"id\":\"probe\"}"'
    no ' platform-down: compute: cores: not declared, and the driver does not know' --planner=./stub.yaml
    driver 'echo "the cloud is away" >&2; exit 69'
    no 'the cloud is away' --planner=./stub.yaml
    driver 'kill -9 $$'
    no ' platform-down: driver stub: probe ended with 137' --planner=./stub.yaml
    yes --planner=./stub.yaml --planner=./lab.yaml
    same stub "$(jq -r '.messages[].platform' out)"
}

@test "drivers: a runtime that cannot run now is NO with its reason" {
    driver 'echo "{\"id\":\"probe\",\"runtimes\":[{\"type\":\"'"$(type_of executable python-program)"'\",\"ok\":false,\"reason\":\"bubblewrap is not installed; install the package bubblewrap\"}],\"facts\":{\"cores\":1,\"memory\":1}}"'
    task
    no '/executable/type runtime: python-program cannot run now: bubblewrap is not installed; install the package bubblewrap' --planner=./stub.yaml
}

# bats test_tags=root
@test "root without a job account: NO with the remedy" {
    [ "$(id -u)" -eq 0 ] || skip "only root has a job account"
    printf 'driver-options: {job-user: execdm-no-such-user}\n' >>lab.yaml
    task
    no '/executable/type runtime: python-program cannot run now: '
    grep -q 'account execdm-no-such-user, which does not exist; make it with: useradd ' reasons
    # root is no job account either
    sed -i 's/execdm-no-such-user/root/' lab.yaml
    no '/executable/type runtime: '
}

@test "unconfigured: a platform called localhost, of what this machine has" {
    task
    yes --none
    same '"localhost"' "$(offers .platform)"
    jq -e --argjson n "$(nproc)" '.offers[0].resources.compute[0].spec.maxcores == $n' out
    yes --planner=localhost
    execdm-offer t.yaml | jq -e '.offers[0].platform == "localhost"'
    compute '{mincores: 100000}'
    no ' cores: 100000 cores are asked for' --none
}

@test "exit codes" {
    task
    exits 66 --planner=nosuch t.yaml
    grep -q 'there is no platform "nosuch"' err
    [ ! -s out ]
    exits 66 --planner=./nosuch.yaml t.yaml
    grep -q './nosuch.yaml' err
    run -66 execdm-offer --platform=nosuch t.yaml
    exits 66 nosuch.yaml
    exits 64 --nonsense
    exits 64 --format=xml t.yaml
    exits 65 </dev/null
    printf 'name: [\n' >broken.yaml
    exits 65 broken.yaml
    grep -q '^broken.yaml:2:1: ' err
    [ ! -s out ]
    printf 'nmae: a\n' >invalid.yaml
    exits 1 invalid.yaml
    [ ! -s out ]
    grep -q '^invalid.yaml:1:1: error: /nmae: ' err
    run -74 bash -c 'execdm-plan --planner=./lab.yaml t.yaml >/dev/full'
}

@test "a stream of tasks gives a stream of answers; one NO is exit 1" {
    task
    execdm-validate t.yaml >stream
    printf '{"name":"none"}\n' >>stream
    execdm-validate t.yaml >>stream
    code=0
    execdm-plan --planner=./lab.yaml <stream >out 2>err || code=$?
    same 1 "$code"
    same 'YES NO YES' "$(jq -r .result out | paste -sd ' ')"
    same 3 "$(wc -l <out)"
}

@test "validate | offer gives what plan gives" {
    task 'datetime: [{maxduration: PT10M}]'
    execdm-validate t.yaml | execdm-offer --platform=./lab.yaml >one
    execdm-plan --planner=./lab.yaml t.yaml >two
    strip='del(.offers[] | .id, .expires, .datetime, .load)'
    same "$(jq -c "$strip" one)" "$(jq -c "$strip" two)"
}

@test "a table on a terminal, JSON in a pipe" {
    require script
    task 'datetime: [{maxduration: PT10M}]'
    script -qec 'execdm-plan --planner=./lab.yaml t.yaml' /dev/null </dev/null | tr -d '\r' >table
    [[ $(sed -n 1p table) =~ ^OFFER\ +PLATFORM\ +START\ +FOR\ UP\ TO\ +CORES\ +MEMORY\ +EXPIRES$ ]]
    [[ $(sed -n 2p table) =~ ^offer-001\ +lab\ +20[0-9T:Z/-]+\ +PT10M\ +1\ to\ 4\ +2\ GiB\ +20[0-9T:Z-]+$ ]]
    same 2 "$(wc -l <table)"
    yes --format=json
    exits 0 --format=table t.yaml
    head -n 1 out | grep -q '^OFFER '
    printf 'executable: {type: encabulation}\n' >t.yaml
    code=0
    script -qec 'execdm-plan --planner=./lab.yaml t.yaml' /dev/null </dev/null >table || code=$?
    same 1 "$code"
    tr -d '\r' <table | grep -q '^NO$'
    tr -d '\r' <table | grep -q '^lab: /executable/type: .*encabulation'
    code=0
    script -qec 'execdm-plan --format=json --planner=./lab.yaml t.yaml' /dev/null </dev/null 2>&1 | tr -d '\r' | sed -n '/^{/,/^}/p' | jq -e '.result == "NO"'
}
