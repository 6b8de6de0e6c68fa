#!/usr/bin/env bats
# Matching, rule by rule, to the boundary: what a platform says against what a task asks for. The driver is a stub that
# speaks the protocol, where a test needs a machine of its own kind.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    require jq
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir drivers
    export EXECDM_DRIVER_PATH=$EXECDM_DRIVER_PATH:$PWD/drivers
    echo 'print("hello")' >p.py
    machine
}

teardown() {
    if [ -n "${server-}" ]; then kill "$server"; fi
}

same() { # WANT GOT
    if [ "$1" = "$2" ]; then return 0; fi
    printf 'want: %s\n got: %s\n' "$1" "$2"
    return 1
}

type_of() { # AREA NAME
    printf 'https://www.purl.org/ivoa.net/%s-types/%s' "$1" "$2"
}

at() { # DATE: as ISO 8601, UTC
    date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}

# machine [JSON]: what the driver called stub says in its probe, beside what every machine here has
machine() {
    local empty='{}'
    jq -cn --argjson more "${1:-$empty}" --arg types "$(type_of executable '')" '{id: "probe", runtimes: [
        {type: ($types + "python-program"), ok: true}, {type: ($types + "oci-container"), ok: true},
        {type: ($types + "jupyter-notebook"), ok: true}],
        facts: {cores: 64, memory: 256, os: "linux", arch: "amd64"}} * $more' >drivers/reply
    printf '#!/bin/sh\ncat "%s/drivers/reply"\n' "$PWD" >drivers/execdm-driver-stub
    chmod +x drivers/execdm-driver-stub
}

# platform [YAML...]: lab.yaml
platform() {
    printf '%s\n' 'name: lab' 'driver: stub' "$@" >lab.yaml
    execdm-validate -q lab.yaml >/dev/null
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

plan() { # CODE ARG...
    local code=0 want=$1
    shift
    execdm-plan --planner=./lab.yaml "$@" t.yaml >out 2>err || code=$?
    if [ "$code" -eq "$want" ]; then return 0; fi
    echo "execdm-plan: exit $code, expected $want"
    cat t.yaml out err
    return 1
}

yes() {
    plan 0
}

# no REASON ARG...: NO, and one message is REASON, "POINTER RULE ASKED AVAILABLE: TEXT" (- for an amount not told)
no() {
    local reason=$1
    shift
    plan 1 "$@" || return 1
    jq -r '.messages[] | "\(.pointer) \(.rule) \(.asked // "-") \(.available // "-"): \(.text)"' out >reasons
    jq -e 'all(.messages[]; .platform == "lab")' out >/dev/null || return 1
    if grep -qF -- "$reason" reasons; then return 0; fi
    echo "no \"$reason\" among the reasons:"
    cat reasons
    return 1
}

# levels: [mincores, maxcores, minmemory, maxmemory] of every offer
levels() {
    jq -c '.offers[].resources.compute[0].spec | [.mincores, .maxcores, .minmemory, .maxmemory]' out | paste -sd ' '
}

# nearest: applies the changes of the message "nearest" to the canonical task, into near.json, and asks again: YES
nearest() {
    execdm-validate -q t.yaml >canonical
    jq -e --slurpfile a out '($a[0].messages[] | select(.rule == "nearest") | .nearest) as $changes
        | reduce ($changes | to_entries[]) as $c (.; ($c.key | ltrimstr("/") | split("/")
            | map(if test("^[0-9]+$") then tonumber else . end)) as $path
            | if $c.value == null then delpaths([$path]) else setpath($path; $c.value) end)' canonical >near.json ||
        { jq -c .messages out && return 1; }
    execdm-plan --planner=./lab.yaml near.json >again || { cat near.json again && return 1; }
    jq -r '.messages[] | select(.rule == "nearest") | .text' out
}

# accept: takes the first offer of out
accept() {
    execdm-accept --offer=1 out >job
}

@test "scalable: from the minimum up to what may be used, never above the maximum asked for (EP-36, EP-3B)" {
    local row want
    platform 'compute: {cores: 32, memory: 64, maxcores: 16, maxmemory: 32, overcommit: true}'
    while IFS='|' read -r row want; do
        compute "$row"
        yes || { echo "^ $row" && return 1; }
        same "$want" "$(levels)" || { echo "^ $row" && return 1; }
    done <<'END'
{mincores: 8, minmemory: 16}|[8,16,16,32]
{mincores: 16, minmemory: 32}|[16,16,32,32]
{mincores: 8, maxcores: 12, minmemory: 16, maxmemory: 24}|[8,12,16,24]
{mincores: 8, maxcores: 99, minmemory: 16, maxmemory: 99}|[8,16,16,32]
{maxcores: 0.5, maxmemory: 512 MiB}|[0.5,0.5,0.5,0.5]
END
    compute '{mincores: 16.001}'
    no '/resources/compute/0/spec/mincores cores 16.001 16: 16.001 cores are asked for, a job may have 16 (Planner 2.2.2)'
    compute '{minmemory: 34359738369 B}'
    no '/resources/compute/0/spec/minmemory memory 32.00000000093132 32: '
}

@test "the draft's conversation of 2.2.2: 8 cores and 16 GiB asked for, 16 and 32 offered; and a flavor of 16 and 24" {
    compute '{mincores: 8, minmemory: 16}'
    platform 'compute: {cores: 16, memory: 32, overcommit: true}'
    yes
    same '[8,16,16,32]' "$(levels)"
    platform 'compute: {flavors: [{name: large, cores: 16, memory: 24}]}'
    yes
    same '[16,16,24,24]' "$(levels)"
    # "it MAY NOT offer this resource as it is less than the requested minimum"
    platform 'compute: {flavors: [{name: tiny, cores: 1, memory: 2}]}'
    no '/resources/compute/0/spec/mincores cores 8 1: 8 cores are asked for, the nearest flavor, tiny, has 1'
    no '/resources/compute/0/spec/minmemory memory 16 2: '
}

@test "scalable and partly booked: earlier and smaller, later and larger" {
    platform 'compute: {cores: 4, memory: 16}' 'datetime: {maxduration: P1D}'
    compute '{mincores: 3, maxcores: 3}' 'datetime: [{maxduration: PT1H}]'
    yes
    same '[3,3,2,2]' "$(levels)"
    accept
    compute '{mincores: 1}' 'datetime: [{maxduration: PT1H}]'
    yes
    # one core at once, which is all that nobody has booked; or all four when the first job has ended
    same '[1,1,2,2] [4,4,2,2]' "$(levels)"
    jq -e '[.offers[].datetime[0].start | split("/")[1] | fromdate] | .[1] - .[0] > 3400' out
    jq -e 'all(.offers[]; .datetime | length == 1)' out
    same 'offer-001 offer-002' "$(jq -r '.offers[].name' out | paste -sd ' ')"
    # who wants the largest gets it
    execdm-accept --prefer=largest out | jq -e '.resources.compute[0].spec.mincores == 4'
}

@test "scalable: free between bookings is told as the ceiling; memory, too, with overcommit" {
    platform 'compute: {cores: 8, memory: 16, overcommit: true}'
    compute '{mincores: 2.5, maxcores: 2.5, minmemory: 4, maxmemory: 4}'
    yes
    accept
    compute '{mincores: 1, minmemory: 1}'
    yes
    same '[1,5,1,12] [8,8,16,16]' "$(levels)"
}

@test "overcommit: a job may use the memory of its offer, and not only what is booked" {
    require bwrap /usr/bin/python3 sqlite3
    if [ "$(id -u)" -eq 0 ]; then
        getent passwd execdm-job >/dev/null || skip "root needs the account execdm-job"
    fi
    local memory
    printf 'name: lab\ndriver: local\ncompute: {cores: 2, memory: 1, overcommit: true}\n' >lab.yaml
    # for a while: a limit that is only watched is seen to a few times a second
    printf 'import time\nb = bytearray(300 << 20)\ntime.sleep(1.5)\nopen("/outputs/size", "w").write(str(len(b)))\n' >p.py
    for memory in '{minmemory: 0.1, maxmemory: 1}' '{minmemory: 0.1, maxmemory: 0.2}'; do
        compute "$memory" 'datetime: [{maxduration: PT1M}]'
        yes
        accept
        execdm-run <job >ended || true
        jq -r '"\(.phase) \(.error.reason // "-")"' ended >>ends
    done
    same 'COMPLETED - ERROR' "$(paste -sd ' ' ends | cut -c 1-17)"
    same 107374183 "$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT DISTINCT json_extract(doc, "$.private.need.memory") FROM jobs')"
}

@test "what is booked is the minimum, and its parts" {
    require sqlite3
    platform 'compute: {cores: 8, memory: 16, extras: [{type: '"$(type_of resource nvidia-ad104)"', count: 3}]}'
    compute "{mincores: 2, extras: [{name: a, type: $(type_of resource nvidia-ad104)}, {name: b, type: $(type_of resource nvidia-ad104)}]}"
    yes
    accept
    same '[2000,2147483648,{"https://www.purl.org/ivoa.net/resource-types/nvidia-ad104":2}]' \
        "$(sqlite3 "$EXECDM_STATE/execdm.db" 'SELECT json_array(cores, memory, json(parts)) FROM bookings')"
}

@test "flavors: each that fits, the smallest first, no less than the minimum, no more than the maximum (EP-37, EP-38, EP-3B)" {
    local row want
    platform 'compute:' '  model: flavors' '  flavors:' '  - {name: l, cores: 16, memory: 32}' \
        '  - {name: s, cores: 2, memory: 4}' '  - {name: m, cores: 8, memory: 16}' '  - {name: wide, cores: 16, memory: 16}'
    while IFS='|' read -r row want; do
        compute "$row"
        yes || { echo "^ $row" && return 1; }
        same "$want" "$(levels)" || { echo "^ $row" && return 1; }
    done <<'END'
{}|[2,2,4,4] [8,8,16,16] [16,16,16,16] [16,16,32,32]
{mincores: 2, minmemory: 4}|[2,2,4,4] [8,8,16,16] [16,16,16,16] [16,16,32,32]
{mincores: 2.001}|[8,8,16,16] [16,16,16,16] [16,16,32,32]
{mincores: 2, minmemory: 4.001}|[8,8,16,16] [16,16,16,16] [16,16,32,32]
{mincores: 2, maxcores: 8}|[2,2,4,4] [8,8,16,16]
{mincores: 2, maxcores: 7.999}|[2,2,4,4]
{maxmemory: 16}|[2,2,4,4] [8,8,16,16] [16,16,16,16]
{mincores: 9}|[16,16,16,16] [16,16,32,32]
{mincores: 16, minmemory: 16.5}|[16,16,32,32]
END
    compute '{mincores: 16.5, minmemory: 32}'
    no '/resources/compute/0/spec/mincores cores 16.5 16: 16.5 cores are asked for, the nearest flavor, l, has 16 (Planner 2.2.2)'
    # between two: more than the one has, and no more than less than the other
    compute '{mincores: 3, maxcores: 4}'
    no '/resources/compute/0/spec/m'
    compute '{maxcores: 1}'
    no '/resources/compute/0/spec/maxcores cores 1 2: at most 1 cores are asked for, the nearest flavor, s, has 2 (Planner 2.2.2)'
    compute '{maxmemory: 3}'
    no '/resources/compute/0/spec/maxmemory memory 3 4: at most 3 GiB of memory are asked for, the nearest flavor, s, has 4 GiB'
}

@test "flavors: no more at a time than there are, and what is left of the others" {
    platform 'compute: {flavors: [{name: s, cores: 2, memory: 4, count: 2}, {name: l, cores: 8, memory: 16, count: 1}]}' \
        'datetime: {duration: PT1H, horizon: PT30M}'
    for _ in 1 2; do
        compute '{maxcores: 2}'
        yes
        same '[2,2,4,4]' "$(levels)"
        accept
    done
    no ' no-slot - -: there is no room in the requested period (Planner 2.4)'
    # the large one is free, whatever is booked of the small ones
    task
    yes
    same '[8,8,16,16]' "$(levels)"
    accept
    no ' no-slot - -: there is no room'
}

@test "flavors without a count: as many as there is room for" {
    platform 'compute: {cores: 5, memory: 64, flavors: [{name: s, cores: 2, memory: 4}]}' 'datetime: {horizon: PT30M}'
    task
    yes && accept && yes && accept
    no ' no-slot - -: there is no room'
    # a driver that does not know how much that is
    machine '{"facts": {"cores": null, "memory": null}}'
    printf 'name: lab\ndriver: stub\ncompute: {flavors: [{name: s, cores: 2, memory: 4}]}\n' >lab.yaml
    no ' platform-down - -: compute: cores: not declared, and the driver does not know'
    printf 'name: lab\ndriver: stub\ncompute: {flavors: [{name: s, cores: 2, memory: 4, count: 1}]}\n' >lab.yaml
    yes
}

@test "offers.max: no more offers than that, the smallest of every period first" {
    platform 'compute: {flavors: [{name: a, cores: 1, memory: 2}, {name: b, cores: 2, memory: 2}, {name: c, cores: 3, memory: 2}]}' 'offers: {max: 4}'
    task "datetime: [{start: $(at '+1 hour')/PT1H}, {start: $(at '+5 hours')/PT1H}]"
    yes
    same '[1,1,2,2] [1,1,2,2] [2,2,2,2] [2,2,2,2]' "$(levels)"
    same "$(at '+1 hour' | cut -c 1-13) $(at '+5 hours' | cut -c 1-13)" \
        "$(jq -r '.offers[:2][].datetime[0].start[:13]' out | paste -sd ' ')"
    sed -i 's/max: 4/max: 1/' lab.yaml
    yes
    same '[1,1,2,2]' "$(levels)"
    same '[]' "$(jq -c .messages out)"
    # eight, when nothing is said
    sed -i '/^offers/d' lab.yaml
    task "datetime: [{}, {}, {}, {}]"
    yes
    same 8 "$(jq '.offers | length' out)"
}

@test "extras: by their type and number, and key by key (EP-33, EP-34)" {
    local row want gpu
    gpu=$(type_of resource nvidia-ad104)
    platform 'compute: {cores: 8, memory: 16, extras: [{type: '"$gpu"', count: 2, spec: {memory: 12 GiB, shaders: 7680}},
        {type: '"$(type_of resource xilinx-vu19p)"', spec: {logicCells: 8938, DSPslices: 3840}},
        {type: "https://example.org/abacus", spec: {rods: 13, wood: beech, folding: true, beads: "5 GB"}}]}'
    while IFS='|' read -r row want; do
        compute "{extras: [$row]}"
        if [ "$want" = YES ]; then
            yes || { echo "^ $row" && return 1; }
        else
            no "$want" || { echo "^ $row" && return 1; }
        fi
    done <<END
{type: $gpu}|YES
{type: "https://tinyurl.com/nvidia-ad104"}|YES
{name: a, type: $gpu}, {name: b, type: $gpu}|YES
{name: a, type: $gpu}, {name: b, type: $gpu}, {name: c, type: $gpu}|/resources/compute/0/spec/extras/2 extra 3 2: 3 nvidia-ad104 are asked for, a job may have 2 (Planner 2.2.1)
{type: $gpu, spec: {minmemory: 12, minshaders: 7680}}|YES
{type: $gpu, spec: {minmemory: 12884901889 B}}|/resources/compute/0/spec/extras/0/spec/minmemory extra 12884901889 B 12 GiB: a nvidia-ad104 with minmemory "12884901889 B" is asked for, here memory is "12 GiB" (Planner 2.2.1)
{type: $gpu, spec: {minshaders: 7681}}|/resources/compute/0/spec/extras/0/spec/minshaders extra 7681 7680: 
{type: $(type_of resource xilinx-vu19p), spec: {logicCells: 8938, DSPslices: 3840}}|YES
{type: $(type_of resource xilinx-vu19p), spec: {logicCells: 8939}}|/resources/compute/0/spec/extras/0/spec/logicCells extra 8939 8938: 
{name: a, type: $(type_of resource xilinx-vu19p)}, {name: b, type: $(type_of resource xilinx-vu19p)}|extras/1 extra 2 1: 
{type: "https://example.org/abacus", spec: {minrods: 13, maxrods: 13}}|YES
{type: "https://example.org/abacus", spec: {maxrods: 12}}|/spec/maxrods extra 12 13: a abacus with maxrods 12 is asked for, here rods is 13
{type: "https://example.org/abacus", spec: {minbeads: 5 GB}}|YES
{type: "https://example.org/abacus", spec: {minbeads: 5}}|/spec/minbeads extra 5 5 GB: 
{type: "https://example.org/abacus", spec: {wood: beech, folding: true, x-mine: 1}}|YES
{type: "https://example.org/abacus", spec: {wood: oak}}|/spec/wood extra oak beech: 
{type: "https://example.org/abacus", spec: {folding: false}}|/spec/folding extra - -: 
{type: "https://example.org/abacus", spec: {minlength: 1}}|/spec/minlength extra 1 -: a abacus with minlength 1 is asked for, here length is unknown
{type: "https://example.org/encabulator"}|/extras/0 unknown-extra https://example.org/encabulator nvidia-ad104, xilinx-vu19p, abacus: there is no encabulator (Planner 2.2.1)
END
    # what is offered has the extras that were asked for
    compute "{extras: [{name: g, type: $gpu, spec: {minmemory: 8}}]}"
    yes
    jq -e --arg gpu "$gpu" 'all(.offers[]; .resources.compute[0].spec.extras == [{name: "g", type: $gpu, spec: {minmemory: 8}}])' out
}

@test "extras: what is booked is not there, until it is free again" {
    local gpu
    gpu=$(type_of resource nvidia-ad104)
    platform 'compute: {cores: 64, memory: 64, extras: [{type: '"$gpu"', count: 1}]}'
    compute "{extras: [{type: $gpu}]}" 'datetime: [{maxduration: PT1H}]'
    yes
    accept
    compute '{maxcores: 1}' 'datetime: [{maxduration: PT1H}]'
    yes
    same 1 "$(jq '.offers | length' out)"
    jq -e '.offers[0].datetime[0].start | split("/") | (.[1] | fromdate) - (.[0] | fromdate) < 400' out
    compute "{extras: [{type: $gpu}]}" 'datetime: [{maxduration: PT1H}]'
    yes
    jq -e '.offers[0].datetime[0].start | split("/") | (.[1] | fromdate) - (.[0] | fromdate) > 3500' out
    compute "{extras: [{type: $gpu}]}" "datetime: [{start: $(at +1min)/PT10M, maxduration: PT1H}]"
    no '/datetime/0 no-slot - -: there is no room'
}

@test "extras of flavors: only a flavor that has them fits" {
    local gpu
    gpu=$(type_of resource nvidia-ad104)
    platform 'compute:' '  flavors:' '  - {name: plain, cores: 4, memory: 8}' \
        "  - {name: gpu, cores: 4, memory: 16, extras: [{type: $gpu, count: 2, spec: {memory: 12}}]}"
    task
    yes
    same '[4,4,8,8] [4,4,16,16]' "$(levels)"
    compute "{extras: [{name: a, type: $gpu, spec: {minmemory: 12}}, {name: b, type: $gpu}]}"
    yes
    same '[4,4,16,16]' "$(levels)"
    compute "{extras: [{type: $gpu, spec: {minmemory: 13}}]}"
    no '/resources/compute/0/spec/extras/0/spec/minmemory extra 13 12: '
    compute "{maxmemory: 8, extras: [{type: $gpu}]}"
    no '/resources/compute/0/spec/maxmemory memory 8 16: '
    compute '{extras: [{type: "https://example.org/abacus"}]}'
    no 'unknown-extra'
}

# program SPEC: a Python program with more in its spec
program() {
    printf 'executable: {type: %s, spec: {program: p.py, %s}}\n' "$(type_of executable python-program)" "$1" >t.yaml
}

@test "Python: its version" {
    local row want
    platform
    machine '{"facts": {"python": "3.11.2"}}'
    while IFS='|' read -r row want; do
        program "python: '$row'"
        if [ "$want" = YES ]; then yes; else no "$want"; fi || { echo "^ $row" && return 1; }
    done <<'END'
>=3.11.2|YES
>=3.11|YES
>= 3.9, <4|YES
==3.11.*|YES
~=3.9|YES
!=3.10.*|YES
<=3.11.2|YES
>3.11.2|/executable/spec/python requirements >3.11.2 3.11.2: Python >3.11.2 is asked for, here it is 3.11.2 (Planner 1.2)
<3.11.2|requirements <3.11.2 3.11.2: 
>=3.11.3|requirements >=3.11.3 3.11.2: 
>=3.12|requirements >=3.12 3.11.2: 
==3.10.*|requirements ==3.10.* 3.11.2: 
three|requirements three 3.11.2: "three" names no versions, expected some like >=3.9,<4
END
    machine
    program 'python: ">=3"'
    no 'requirements >=3 -: Python >=3 is asked for, here it is not known'
}

@test "Python: modules that requirements name; missing is NO, and named" {
    local row want
    platform
    machine '{"facts": {"python": "3.11.2", "modules": {"numpy": "1.24.2", "python-dateutil": "2.8.2", "astropy": "5.2.1", "dev": "2.0rc1"}}}'
    program 'requirements: r.txt'
    while IFS='|' read -r row want; do
        printf '%b\n' "$row" >r.txt
        if [ "$want" = YES ]; then yes; else no "$want"; fi || { echo "^ $row" && return 1; }
    done <<'END'
|YES
# nothing|YES
numpy|YES
NumPy >= 1.20 , < 2  # fast|YES
numpy==1.24.2\n\nPython_DateUtil~=2.8\r|YES
astropy[all] (>=5)|YES
numpy==1.24.*; python_version >= "3.9"|YES
scipy; python_version < '3.8'|YES
scipy|/executable/spec/requirements requirements scipy -: the module scipy is not here, and jobs have no network to install it (Planner 1.2)
numpy>=1.24.3|/executable/spec/requirements requirements numpy>=1.24.3 1.24.2: numpy>=1.24.3 is asked for, here it is 1.24.2 (Planner 1.2)
numpy\nscipy>=1\nastropy>=6|requirements astropy>=6 5.2.1: 
dev>=2.0|requirements dev>=2.0 2.0rc1: 
scipy; python_version >= "3.8"|the module scipy is not here
scipy; sys_platform == "win32"|the module scipy is not here
numpy @ https://example.org/numpy.whl|requirements - -: line 1 of the requirements names a URL, and jobs have no network
numpy\n-r more.txt|requirements - -: line 2 of the requirements is an option, which nobody follows here
numpy > one|requirements - -: line 1 of the requirements is no requirement, expected a name and versions like numpy>=1.20
-----BEGIN SECRET KEY-----|is an option
=secret|is no requirement
END
    # what was no requirement is not told to anybody
    run grep secret out
    [ "$status" -ne 0 ]
    rm r.txt
    no '/executable/spec/requirements requirements - -: the requirements cannot be read: cannot open '
}

@test "Python: requirements that are elsewhere are fetched up to a size, and what was left of them goes" {
    require /usr/bin/python3
    local port
    platform
    machine '{"facts": {"python": "3.11.2"}}'
    printf 'numpy\n' >r.txt
    truncate -s 17M big.txt
    /usr/bin/python3 -u -m http.server --bind 127.0.0.1 0 >server.log 2>&1 3>&- &
    server=$!
    listens() { port=$(sed -n 's/.*http:\/\/127.0.0.1:\([0-9]*\).*/\1/p' server.log) && [ -n "$port" ]; }
    wait_until 60 listens
    mkdir -p "$EXECDM_STATE/documents"
    touch -d '-2 hours' "$EXECDM_STATE/documents/.7.execdm-left"
    program "requirements: 'http://127.0.0.1:$port/big.txt'"
    no 'is too large: at most 16777216 bytes of it are taken'
    same 0 "$(find "$EXECDM_STATE/documents" -type f | wc -l)"
    program "requirements: 'http://127.0.0.1:$port/r.txt'"
    no 'the module numpy is not here'
    same 0 "$(find "$EXECDM_STATE/documents" -type f | wc -l)"
}

@test "Python: what is not installed, but can be from a wheel" {
    local row want
    platform
    machine '{"facts": {"python": "3.11.2", "modules": {"numpy": "1.24.2"}, "wheels": ["scipy==1.10.1", "scipy==1.11.0", "numpy-ext==2"]}}'
    program 'requirements: r.txt'
    while IFS='|' read -r row want; do
        printf '%b\n' "$row" >r.txt
        if [ "$want" = YES ]; then yes; else no "$want"; fi || { echo "^ $row" && return 1; }
    done <<'END'
scipy|YES
SciPy>=1.11|YES
scipy<1.11\nnumpy|YES
scipy>=1.12|the module scipy is not here, and jobs have no network
numpy>=2|requirements numpy>=2 1.24.2: 
sci|the module sci is not here
END
}

@test "what is interactive is NO, with the reason" {
    platform
    printf 'executable: {type: "https://example.org/types/jupyter-session", spec: {image: lab}}\n' >t.yaml
    no 'does not run executables of type jupyter-session (Planner 2.1)'
    same 'jobs run by themselves and have no network, so nobody could reach a session; a notebook is run from its first cell to its last as a jupyter-notebook' \
        "$(jq -r '.messages[0].hint' out)"
}

@test "extras that the driver found are offered, unless the platform says what there is" {
    local gpu
    gpu=$(type_of resource nvidia-ad104)
    machine '{"facts": {"extras": [{"type": "'"$gpu"'", "count": 2, "spec": {"memory": 12, "shaders": 5888}}]}}'
    platform
    compute "{extras: [{type: $gpu, spec: {minmemory: 12}}, {type: $gpu}]}"
    yes
    compute "{extras: [{type: $gpu, spec: {minmemory: 16}}]}"
    no 'extra 16 12: '
    compute "{extras: [{type: $gpu}, {type: $gpu}, {type: $gpu}]}"
    no 'extra 3 2: '
    platform "compute: {cores: 8, memory: 16, extras: [{type: $gpu, spec: {memory: 24}}]}"
    compute "{extras: [{type: $gpu, spec: {minmemory: 16}}]}"
    yes
    platform 'compute: {cores: 8, memory: 16, extras: []}'
    no 'there is no nvidia-ad104'
    platform 'compute: {flavors: [{name: one, cores: 8, memory: 16}]}'
    no 'there is no nvidia-ad104 in the flavor one'
}

@test "notebooks: the kernel they name, and their requirements" {
    platform
    machine '{"facts": {"python": "3.11.2", "kernels": ["python3", "ir"], "modules": {"numpy": "1.24.2"}}}'
    printf '{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "ir", "display_name": "R"}}, "cells": []}\n' >n.ipynb
    printf 'executable: {type: %s, spec: {notebook: n.ipynb, requirements: r.txt}}\n' "$(type_of executable jupyter-notebook)" >t.yaml
    echo numpy >r.txt
    yes
    sed -i 's/"ir"/"julia-1.9"/' n.ipynb
    no '/executable/spec/notebook kernel julia-1.9 python3: the notebook needs the kernel julia-1.9, which is not here (Planner 2.1.1)'
    sed -i 's/"name": "julia-1.9", //' n.ipynb # python3 then, as Jupyter has it
    yes
    echo scipy >r.txt
    no 'the module scipy is not here'
    echo '{"cells"' >n.ipynb
    no '/executable/spec/notebook kernel - -: the notebook cannot be read: '
    rm n.ipynb
    no '/executable/spec/notebook kernel - -: the notebook cannot be read: cannot open '
    # without a runtime there is nothing else to say
    machine '{"runtimes": []}'
    no 'does not run executables of type jupyter-notebook'
    same 1 "$(jq '.messages | length' out)"
}

@test "the local driver tells Python, its modules and the load, and an offer repeats the load" {
    require /usr/bin/python3
    printf '{"execdm_driver":1,"verb":"probe"}\n{"id":"a"}\n' | execdm-driver-local probe >reply
    execdm-validate -q --as=driver reply >/dev/null
    same "$(/usr/bin/python3 -c 'import platform; print(platform.python_version())')" "$(jq -r .facts.python reply)"
    # what it lists is what Python finds, by the same names and versions
    /usr/bin/python3 - <<'END' >want
import importlib.metadata, json, re, sys
sys.path = [p for p in sys.path if p.startswith("/usr")]
print(json.dumps({re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version
                  for d in reversed(list(importlib.metadata.distributions()))}))
END
    jq -e --slurpfile want want '.facts.modules as $got | [$want[0] | to_entries[] | select($got[.key] != .value)]
        | if length > 0 then ., halt_error else true end' reply
    jq -e '.load | .slots == '"$(jq .facts.cores reply)"' and .free >= 0 and .free <= .slots and .busy >= 0' reply
    platform 'compute: {cores: 1, memory: 1}'
    machine '{"as_of": "2026-01-02T03:04:05Z", "load": {"slots": 64, "free": 0, "queued": 7, "busy": 63.5}, "capabilities": {"advisory": ["memory"]}}'
    task
    yes # present load is no reason for NO
    same '{"slots":64,"free":0,"queued":7,"busy":63.5,"as_of":"2026-01-02T03:04:05Z"} ["memory"]' \
        "$(jq -r '.offers[0] | "\(.load) \(.advisory)"' out)"
    execdm-validate out >/dev/null
}

@test "limits that a platform wants enforced: what is advisory, or not named, is NO by its name" {
    machine '{"capabilities": {"enforced": ["network", "time", "cores"], "advisory": ["memory", "disk"]}}'
    platform 'policy: {enforced: [memory, processes, cores]}'
    task
    no ' not-enforced - -: memory: the driver stub only watches this limit here, and the platform wants it enforced'
    same 'memory processes' "$(jq -r '.messages[] | select(.rule == "not-enforced").text | sub(":.*"; "")' out | xargs)"
    same 'see execdm-isolation(7) for what the site does to have it enforced' "$(jq -r '.messages[0].hint' out)"
    execdm-validate -q out
    # that it would be YES with something else is not said: a task cannot help it
    plan 1 --explain
    same 0 "$(jq '[.messages[] | select(.rule == "nearest")] | length' out)"
    platform 'policy: {enforced: [cores, time, network]}'
    yes
    same '["memory","disk"]' "$(jq -c '.offers[0].advisory' out)"
    platform 'policy: {enforced: []}'
    yes
    machine # which says nothing of limits
    yes
    platform 'policy: {enforced: [time]}'
    no 'time: the driver stub only watches this limit here'
    # others answer in its place
    sed 's/lab/other/; s/policy.*//' lab.yaml >other.yaml
    execdm-plan --planner=./lab.yaml --planner=./other.yaml t.yaml >out
    same other "$(jq -r '.offers[].platform' out)"
    # a name that no limit has would never be enforced
    echo 'policy: {enforced: [memorry]}' | cat lab.yaml - | sed '/enforced: .time/d' >typo.yaml
    run -1 execdm-validate typo.yaml
    grep -q bad-value <<<"$output"
}

# image IMAGE [MORE]
image() {
    printf 'executable: {type: %s, spec: {image: "%s"%s}}\n' "$(type_of executable oci-container)" "$1" "${2:+, $2}" >t.yaml
}

# policy YAML: a platform for images
policy() {
    platform "executables: [{type: $(type_of executable oci-container), $1}]"
}

@test "images: patterns, registries, and the digest" {
    local tiny digest name
    require umoci
    tiny=$(tiny_image)
    digest=$(jq -r '.manifests[0].digest' "$tiny/index.json")
    policy 'images: ["*/tiny", "lab/*", "127.0.0.*/astro/calc:1.[0-9]*"]'
    image "oci:$tiny"
    yes
    image "oci:$tiny:latest"
    no '/executable/spec/image image-policy '
    grep -qF 'is none of those that are run here (Planner 2.1.2)' reasons
    same '*/tiny, lab/*, 127.0.0.*/astro/calc:1.[0-9]*' "$(jq -r '.messages[0].available' out)"
    # there is no such registry, which is another reason; one that is not approved is not asked
    allowed() {
        image "$@"
        no ' image - -: '
        run -1 grep image-policy reasons
    }
    allowed anything 'repo: lab'
    allowed docker://127.0.0.1:1/astro/calc:1.2
    allowed astro/calc 'repo: "127.0.0.1:1", version: "1.2"'
    allowed 127.0.0.1:1/astro/calc 'version: "1.2"'
    allowed 127.0.0.1:1/astro/calc:1.2
    image astro/calc 'repo: r.example.org, version: "2.1"'
    no 'image-policy'
    image astro/calc 'version: "1.2"'
    no 'image-policy'
    for name in lab/anything mylab/anything; do
        image $name
        no 'image-policy'
    done
    image lab/anything 'repo: evil.example.org' # listed is what is asked for, not what is written
    no 'image-policy'
    policy 'registries: ["*.1:1", "127.0.0.[23]:1"]'
    allowed calc 'repo: "127.0.0.1:1"'
    allowed 127.0.0.2:1/calc
    allowed docker://127.0.0.2:1/calc
    allowed 127.0.0.2:1/calc 'repo: r3.example.net'
    image calc 'repo: r3.example.net'
    no '/executable/spec/image image-policy r3.example.net *.1:1, 127.0.0.[23]:1: images of r3.example.net are not run here'
    image calc 'repo: r3.example.net/127.0.0.1:1' # what is asked is the host, not what stands behind it
    no '"1/calc" is no tag of an image'
    image r3.example.net/calc 'repo: "127.0.0.1:1"'
    no 'images of r3.example.net are not run here'
    image calc
    no 'image-policy - *.1:1, 127.0.0.[23]:1: images of no registry are not run here'
    image "oci:$tiny"
    no 'images of no registry'
    policy 'digest: required'
    image "oci:$tiny"
    no "/executable/spec/digest image-policy - $digest: images must be named by their digest here; this one is $digest now"
    image "oci:$tiny" "digest: \"$digest\""
    yes
    policy 'digest: optional'
    image "oci:$tiny"
    yes
    jq -e --arg digest "$digest" '.offers[0].executable.spec.digest == $digest' out
}

# derived IMAGE OUT: an image with one layer more
derived() {
    cp -r "$1" "$2"
    mkdir -p more && echo more >more/file
    umoci --log=error insert --rootless --image "$2:latest" more /more
}

@test "PRD-17: images must be built on an approved base: its layers are the first of theirs" {
    local tiny base
    require umoci
    tiny=$(tiny_image)
    derived "$tiny" one
    derived one two
    mkdir other
    umoci init --layout other/img
    umoci new --image other/img:latest
    umoci --log=error insert --rootless --image other/img:latest "$TOP_SRCDIR/README" /README
    (cd one && tar -cf ../base.tar index.json oci-layout blobs)
    for base in "oci:$tiny" "oci:$PWD/one" "oci-archive:$PWD/base.tar"; do
        policy "bases: [\"oci:$PWD/other/img\", \"$base\"]"
        image "oci:$PWD/two"
        yes
        image "oci:$PWD/one" # a base is built on itself
        yes
    done
    image "oci:$tiny" # and not on what is built on it
    no "/executable/spec/image image-policy oci:$tiny oci:$PWD/other/img, oci-archive:$PWD/base.tar: the image oci:$tiny is built on none of the bases that are approved here (Planner 2.1.2)"
    policy "bases: [\"oci:$PWD/other/img\", \"oci:$PWD/nosuch\"]"
    image "oci:$PWD/one"
    no "is built on none of the bases that are approved here; the base oci:$PWD/nosuch could not be looked at: "
    # what an image says of its layers is checked when it is unpacked: tests/hostile.bats, lie_diff; that it says so, here
    policy "bases: [\"oci:$PWD/one\"]"
    config() { jq -r '.config.digest[7:]' "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")"; }
    cp one/blobs/sha256/"$(config one)" other/img/blobs/sha256/"$(config other/img)"
    image "oci:$PWD/other/img"
    no "the image's part sha256:$(config other/img) is another there, sha256:$(config one)"
    (cd other/img && tar -cf ../../other.tar index.json oci-layout blobs)
    image "oci-archive:$PWD/other.tar"
    no "the image's part sha256:$(config other/img) is another there, sha256:$(config one)"
}

@test "execdm-offer --image: would it be run, and why not; nothing is offered" {
    local tiny
    require umoci sqlite3
    tiny=$(tiny_image)
    derived "$tiny" one
    policy "images: [\"*/one\"], bases: [\"oci:$tiny\"], digest: optional"
    run -0 execdm-offer --platform=./lab.yaml --image=oci:one --format=json
    same "{\"result\":\"YES\",\"digest\":\"$(jq -r '.manifests[0].digest' one/index.json)\",\"messages\":[]}" "$output"
    printf '%s\n' "$output" >verdict.json
    run -1 execdm-offer --platform=./lab.yaml "--image=oci:$tiny"
    same "NO image-policy /executable/spec/image" "$(jq -r '"\(.result) \(.messages[0].rule) \(.messages[0].pointer)"' <<<"$output")"
    printf '%s\n' "$output" >>verdict.json
    execdm-validate -q --schema="$EXECDM_SCHEMA/verdict.json" verdict.json
    run -1 --separate-stderr execdm-offer --platform=./lab.yaml --image=oci:nosuch --format=table
    same "NO" "$(echo $output)"
    grep -q 'is none of those that are run here' <<<"$stderr"
    run -1 execdm-offer --platform=./lab.yaml --image=some/tool
    grep -q 'image-policy' <<<"$output"
    run -64 execdm-offer --platform=./lab.yaml --image=oci:one t.yaml
    run -64 execdm-offer --platform=./lab.yaml --image=
    same 0 "$(sqlite3 "$EXECDM_STATE/execdm.db" 'select count(*) from offers')"
    platform "executables: [{type: $(type_of executable python-program)}]"
    run -1 execdm-offer --platform=./lab.yaml --image=oci:one
    same unknown-executable "$(jq -r '.messages[0].rule' <<<"$output")"
}

@test "images: for the machine's os and arch" {
    local tiny arch
    require umoci
    tiny=$(tiny_image)
    arch=$(jq -r '.manifests[0].platform.architecture // empty' "$tiny/index.json")
    policy 'images: ["*"]'
    machine '{"facts": {"arch": "riscv64"}}'
    image "oci:$tiny" 'arch: amd64'
    no '/executable/spec image-platform amd64 riscv64: the image is for arch amd64, here it is riscv64 (Planner 2.1.2)'
    image "oci:$tiny" 'os: windows'
    no 'image-platform windows linux: '
    if [ -n "$arch" ]; then
        image "oci:$tiny"
        no "image-platform $arch riscv64: "
        machine '{"facts": {"arch": "'"$arch"'"}}'
        yes
    fi
}

@test "executables: limits of a type are beside those of all" {
    platform "executables:" "- {type: $(type_of executable python-program), maxcores: 2, maxmemory: 3, maxduration: PT30M}" \
        "- {type: $(type_of executable jupyter-notebook)}" 'compute: {cores: 8, memory: 16}' 'datetime: {duration: PT30M, maxduration: PT1H}'
    compute '{mincores: 2, minmemory: 3}' 'datetime: [{minduration: PT30M}]'
    yes
    same '[2,2,3,3]' "$(levels)"
    compute '{mincores: 2.5}'
    no 'cores 2.5 2: '
    compute '{minmemory: 3.5}'
    no 'memory 3.5 3: '
    task 'datetime: [{minduration: PT30M1S}]'
    no '/datetime/0 no-slot PT30M1S PT30M: PT30M1S of run time are asked for, a job may have PT30M (Planner 2.4)'
    platform "executables: [{type: $(type_of executable python-program), maxcores: 2}]" 'compute: {flavors: [{name: s, cores: 2, memory: 4}, {name: l, cores: 4, memory: 8}]}'
    task
    yes
    same '[2,2,4,4]' "$(levels)"
    sed -i 's/maxcores: 2/maxcores: 1/' lab.yaml
    no 'no flavor is small enough for a job of type python-program here'
}

@test "storage: size and lifetime, to the boundary" {
    local row want
    platform "storage:" "- {type: $(type_of storage ephemeral-storage), maxsize: 0.5}" \
        "- {type: $(type_of storage file-storage), maxsize: 1 GB, lifecycle: managed, maxlifetime: P2D}"
    while IFS='|' read -r row want; do
        task "resources: {storage: [{name: s, $row}]}"
        if [ "${want%% *}" = YES ]; then
            yes && { [ "$want" = YES ] || same "${want#YES }" "$(jq -c '.offers[0].resources.storage[0].spec | del(.location)' out)"; }
        else
            no "$want"
        fi || { echo "^ $row" && return 1; }
    done <<END
type: $(type_of storage ephemeral-storage)|YES {"maxsize":0.5}
type: $(type_of storage ephemeral-storage), spec: {size: 0.5}|YES {"size":0.5}
type: $(type_of storage ephemeral-storage), spec: {minsize: 0.25}|YES {"minsize":0.25,"maxsize":0.5}
type: $(type_of storage ephemeral-storage), spec: {minsize: 0.25, maxsize: 0.3}|YES {"minsize":0.25,"maxsize":0.3}
type: $(type_of storage ephemeral-storage), spec: {minsize: 0.25, maxsize: 3}|YES {"minsize":0.25,"maxsize":0.5}
type: $(type_of storage ephemeral-storage), spec: {size: 536870913 B}|/resources/storage/0 storage-size 0.5000000009313226 0.5: s: 
type: $(type_of storage file-storage), spec: {location: ., lifecycle: managed, minlifetime: P2D}|YES {"lifecycle":"managed","minlifetime":"P2D","maxsize":0.9313225746154785,"maxlifetime":"P2D"}
type: $(type_of storage file-storage), spec: {location: ., lifecycle: managed, maxlifetime: P9D}|YES {"lifecycle":"managed","maxlifetime":"P2D","maxsize":0.9313225746154785}
type: $(type_of storage file-storage), spec: {location: ., lifecycle: managed, maxlifetime: P1D}|YES {"lifecycle":"managed","maxlifetime":"P1D","maxsize":0.9313225746154785}
type: $(type_of storage file-storage), spec: {location: ., minlifetime: P2DT1S}|/resources/storage/0/spec/minlifetime storage-lifetime P2DT1S P2D: s: it is to be kept for P2DT1S, here that is P2D at most (Planner 2.2.3)
type: $(type_of storage file-storage), spec: {location: ., lifecycle: unmanaged}|/resources/storage/0/spec/lifecycle storage-lifetime unmanaged managed: s: unmanaged is asked for, here it is managed (Planner 2.2.3)
type: $(type_of storage http-storage), spec: {location: "http://127.0.0.1/"}|/resources/storage/0 unknown-storage $(type_of storage http-storage) ephemeral-storage, file-storage: s: there is no storage of type http-storage
END
}

# inside FROM TO LENGTH: every offered start and its whole run lie in [FROM, TO]
inside() {
    jq -e --arg from "$1" --arg to "$2" --argjson length "$3" 'all(.offers[].datetime[0].start | split("/") | map(fromdate);
        .[0] >= ($from | fromdate) and .[-1] + $length <= ($to | fromdate))' out
}

@test "opening windows: a job runs inside of one, from its start to its end" {
    local open close
    open=$(at '+2 hours') close=$(at '+4 hours')
    platform 'datetime:' '  duration: PT1H' "  windows: [{start: $open/$close}]"
    task
    yes
    inside "$open" "$close" 3600
    same "$open" "$(jq -r '.offers[0].datetime[0].start | split("/")[0]' out)"
    accept
    # just fits
    task "datetime: [{start: $(at '+1 hour')/PT9H, minduration: PT2H}]"
    yes
    same "$open" "$(jq -r '.offers[0].datetime[0].start' out)"
    task "datetime: [{start: $(at '+1 hour')/PT9H, minduration: PT2H1S}]"
    no '/datetime/0 closed PT2H1S PT2H: PT2H1S of run time are asked for, the platform is open for PT2H at most in the requested period (Planner 2.4)'
    # a shorter run than the most that is asked for
    task "datetime: [{minduration: PT30M, maxduration: PT3H}]"
    yes
    same PT30M "$(jq -r '.offers[0].datetime[0].maxduration' out)"
    # an instant, to the second
    task "datetime: [{start: $(date -u -d "$close -1 hour" +%Y-%m-%dT%H:%M:%SZ)}]"
    yes
    task "datetime: [{start: $(date -u -d "$close -3599 seconds" +%Y-%m-%dT%H:%M:%SZ)}]"
    no '/datetime/0 closed PT1H PT59M59S: '
    task "datetime: [{start: $(at '+5 hours')/PT1H}]"
    no '/datetime/0 closed '
    same 'the platform is closed in the requested period (Planner 2.4)' "$(jq -r '.messages[0].text' out)"
    task "datetime: [{start: $(at '+10 minutes')/PT1H}]"
    no "/datetime/0 closed "
    same "$open/$close" "$(jq -r '.messages[0].available' out)"
}

@test "opening windows: repeated, touching, long ago, and by months" {
    platform 'datetime:' '  duration: PT1H' '  horizon: P3D' '  windows: [{start: 2020-01-01T22:00:00Z/PT2H, repeat: P1D}, {start: 2020-01-02T00:00:00Z/PT2H, repeat: P1D}]'
    # 22:00 to 02:00, every night
    task "datetime: [{start: $(date -u -d tomorrow +%Y-%m-%d)T12:00:00Z/P1D, minduration: PT4H}]"
    yes
    same "$(date -u -d tomorrow +%Y-%m-%d)T22:00:00Z" "$(jq -r '.offers[0].datetime[0].start' out)"
    task "datetime: [{start: $(date -u -d tomorrow +%Y-%m-%d)T12:00:00Z/P1D, minduration: PT4H1S}]"
    no 'closed PT4H1S PT4H: '
    task "datetime: [{start: $(date -u -d tomorrow +%Y-%m-%d)T23:30:00Z/PT1H}]"
    yes
    # always open, though each window is a day
    sed -i 's|windows: .*|windows: [{start: 2020-01-01T07:00:00Z/P1D, repeat: P1D}]|' lab.yaml
    task 'datetime: [{minduration: P2D}]'
    yes
    # the first of a month, all day
    sed -i 's|windows: .*|windows: [{start: 2020-01-01T00:00:00Z/P1D, repeat: P1M}]|; s/P3D/P40D/' lab.yaml
    task 'datetime: [{minduration: P1D}]'
    yes
    same 01T00:00:00Z "$(jq -r '.offers[0].datetime[0].start[8:20]' out)"
    # over for ever
    sed -i 's|windows: .*|windows: [{start: 2020-01-01T00:00:00Z/P1D}]|' lab.yaml
    task
    no ' closed '
    same null "$(jq '.messages[0].available' out)"
}

@test "EP-A0: the draft's fixed white-list platform is an example of under ten lines, to its limits" {
    local tiny whitelist=$TOP_SRCDIR/contrib/examples/platforms.d/whitelist.yaml
    require umoci
    [ "$(wc -l <"$whitelist")" -lt 10 ]
    execdm-validate "$whitelist" >/dev/null 2>err
    [ ! -s err ]
    sed 's/driver: local/driver: stub/; s/name: whitelist/name: lab/; s,registry.example.org/tiny,oci:*/tiny,' "$whitelist" >lab.yaml
    machine '{"facts": {"arch": null, "os": null}}'
    tiny=$(tiny_image) # its registry is nowhere
    cp -r "$tiny" other
    image "oci:$tiny"
    cp t.yaml yes.yaml
    ask() { # SPEC [DURATION]
        { cat yes.yaml && printf 'resources: {compute: [{spec: %s}]}\ndatetime: [{minduration: %s}]\n' "$1" "${2:-PT1H}"; } >t.yaml
    }
    ask '{}'
    yes
    same '[2,2,2,2]' "$(levels)"
    same PT1H "$(jq -r '.offers[0].datetime[0].maxduration' out)"
    ask '{mincores: 2, minmemory: 2}'
    yes
    ask '{mincores: 1, maxcores: 2, minmemory: 1, maxmemory: 2}'
    yes
    ask '{mincores: 3}'
    no 'cores 3 2: '
    ask '{minmemory: 2147483648 B}'
    yes
    ask '{minmemory: 2147483649 B}'
    no 'memory 2.0000000009313226 2: '
    ask '{}' PT1H1S
    no 'no-slot PT1H1S PT1H: '
    image "oci:$PWD/other"
    no 'image-policy '
    task
    no '/executable/type unknown-executable '
    # and as it stands, on this machine
    require bwrap
    execdm-validate "$whitelist" | jq -e '.driver == "local"'
}

@test "contradictory platform files are refused with file, line and column; the others go on" {
    local row key where
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    platform
    cp lab.yaml "$EXECDM_CONFIG/platforms.d/z.yaml"
    task
    while IFS='|' read -r row where key; do
        printf 'name: bad\ndriver: stub\n%b\n' "$row" >"$EXECDM_CONFIG/platforms.d/a.yaml"
        execdm-plan t.yaml >out || { echo "^ $row" && return 1; }
        jq -e '[.offers[].platform] == ["lab"] and (.messages | length) == 1 and .messages[0].rule == "platform-file"' out >/dev/null || { cat out && return 1; }
        jq -e --arg start "$EXECDM_CONFIG/platforms.d/a.yaml:$where: $key" '.messages[0].text | startswith($start)' out >/dev/null ||
            { jq -r '.messages[0].text' out && echo "^ $row" && return 1; }
    done <<'END'
compute: {cores: 2, maxcores: 4}|3:21|maxcores is 4, must not exceed cores 2
compute: {memory: 2, maxmemory: 3}|3:22|maxmemory is 3, must not exceed memory 2
compute:\n  flavors:\n  - {name: s, cores: 1, memory: 1}\n  - {name: s, cores: 2, memory: 1}|6:6|the name "s" is given twice
compute: {cores: 4, memory: 8,\n  flavors: [{name: l, cores: 8, memory: 8}]}|4:23|cores is 8, must not exceed the platform's cores 4
compute: {model: flavors}|3:11|the model is flavors, and there are none
compute: {model: scalable, flavors: [{name: s, cores: 1, memory: 1}]}|3:28|the model is scalable, which has no flavors
datetime: {duration: PT2H, maxduration: PT1H}|3:12|duration is "PT2H", must not exceed maxduration "PT1H"
datetime:\n  windows:\n  - start: 2026-01-02T00:00:00Z/2026-01-01T00:00:00Z|5:5|start: 
datetime:\n  windows:\n  - {start: 2026-01-01T00:00:00Z/P2D, repeat: P1D}|5:39|P1D is shorter than the window
executables:\n- {type: https://www.purl.org/ivoa.net/executable-types/oci-container, images: []}|4:72|no image can match a list without patterns
executables:\n- {type: https://www.purl.org/ivoa.net/executable-types/oci-container, images: ["a["]}|4:81|"a[" matches nothing
END
    # alone it is NO, and no crash
    rm "$EXECDM_CONFIG/platforms.d/z.yaml"
    run -1 execdm-plan t.yaml
    jq -e '.result == "NO" and .messages[0].rule == "platform-file"' <<<"$output"
}

@test "--explain: the nearest request that would have been YES, which is YES" {
    local row want
    platform 'compute: {cores: 32, memory: 64, maxcores: 8, maxmemory: 7.4506 GB, extras: [{type: '"$(type_of resource nvidia-ad104)"', count: 1, spec: {memory: 12}}]}' \
        "storage: [{type: $(type_of storage ephemeral-storage), maxsize: 0.25}, {type: $(type_of storage file-storage), lifecycle: managed, maxlifetime: P2D}]" \
        'datetime: {maxduration: PT8H, horizon: P2D}'
    while IFS='|' read -r row want; do
        task "$row"
        no '' --explain || { echo "^ $row" && return 1; }
        same "it would be YES with $want" "$(nearest)" || { echo "^ $row" && return 1; }
    done <<END
resources: {compute: [{spec: {mincores: 16}}]}|mincores 8 instead of 16
resources: {compute: [{spec: {mincores: 16, maxcores: 32, minmemory: 64}}]}|mincores 8 instead of 16, minmemory 6.938911974430084 GiB instead of 64 GiB
resources: {compute: [{spec: {mincores: 9, extras: [{type: $(type_of resource nvidia-ad104), spec: {minmemory: 24}}]}}]}|mincores 8 instead of 9, minmemory 12 GiB instead of 24 GiB
resources: {compute: [{spec: {extras: [{name: a, type: $(type_of resource nvidia-ad104)}, {name: b, type: $(type_of resource nvidia-ad104)}, {name: c, type: "https://example.org/abacus"}]}}]}|extras with 1 instead of 3
resources: {storage: [{name: s, type: $(type_of storage ephemeral-storage), spec: {minsize: 5}}]}|minsize 0.25 GiB instead of 5 GiB
resources: {storage: [{name: s, type: $(type_of storage ephemeral-storage), spec: {size: 5 GiB}}]}|size 0.25 GiB instead of 5 GiB
resources: {storage: [{name: s, type: $(type_of storage file-storage), spec: {location: ., lifecycle: managed, minlifetime: P3D}}]}|minlifetime P2D instead of P3D
datetime: [{minduration: PT9H}]|minduration PT8H instead of PT9H
END
    # what no smaller request would change has no nearest
    printf 'executable: {type: encabulation}\nresources: {compute: [{spec: {mincores: 16}}]}\n' >t.yaml
    no 'cores 16 8: ' --explain
    same 0 "$(jq '[.messages[] | select(.rule == "nearest")] | length' out)"
    # and nobody is told who did not ask
    compute '{mincores: 16}'
    no 'cores 16 8: '
    same 1 "$(jq '.messages | length' out)"
    # execdm-offer has it, too, and nothing of it is kept
    EXECDM_STATE=$PWD/other run -1 execdm-offer --explain --platform=./lab.yaml t.yaml
    jq -e '.messages[1] | .rule == "nearest" and .severity == "notice" and .platform == "lab" and .nearest == {"/resources/compute/0/spec/mincores": 8}' <<<"$output"
    require sqlite3
    same 0 "$(sqlite3 other/execdm.db 'SELECT count(*) FROM offers')"
}

@test "--explain: the next free start, and the longest run time" {
    local start
    platform 'compute: {cores: 4, memory: 8}' 'datetime: {maxduration: PT8H, horizon: P2D}'
    compute '{mincores: 4}' 'datetime: [{maxduration: PT2H}]'
    yes
    accept
    task "datetime: [{start: $(at +10min)/PT10M, maxduration: PT1H}]"
    no '/datetime/0 no-slot - -: there is no room' --explain
    nearest >text
    grep -q '^it would be YES with start 20.* instead of 20' text
    jq -e --slurpfile near near.json '.offers | length == 1' again
    # it is the first there is: when the two hours are over
    start=$(jq -r '.messages[] | select(.rule == "nearest") | .nearest["/datetime/0/start"] | split("/")[1]' out)
    [[ $start > $(at '+115 minutes') ]] && [[ $start < $(at '+130 minutes') ]]
    task 'datetime: [{start: "2023-08-14T11:30:00Z"}]'
    no 'no-slot 2023-08-14T11:30:00Z ' --explain
    nearest >text
    task "datetime: [{start: $(at '+9 days')/P1D, minduration: PT9H}]"
    no 'beyond the horizon' --explain
    nearest >text
    grep -q 'minduration PT8H instead of PT9H' text
    # an opening that is too short
    printf '  windows: [{start: 2020-01-01T00:00:00Z/PT6H, repeat: P1D}]\n' >more.yaml
    platform 'compute: {cores: 4, memory: 8}' 'datetime:' '  maxduration: P3D' "$(cat more.yaml)"
    task 'datetime: [{minduration: PT7H}]'
    no 'closed PT7H PT6H: ' --explain
    same 'it would be YES with minduration PT6H instead of PT7H' "$(nearest)"
    platform 'compute: {cores: 4, memory: 8}' 'datetime:' '  duration: PT7H' "$(cat more.yaml)"
    task
    no ' closed PT7H PT6H: ' --explain
    same 'it would be YES with maxduration PT6H' "$(nearest)"
}

@test "--explain: the nearest flavor, and the digest of an image" {
    local tiny
    platform 'compute: {flavors: [{name: s, cores: 2, memory: 4}, {name: m, cores: 8, memory: 16}, {name: high, cores: 4, memory: 64}]}'
    compute '{mincores: 9, minmemory: 12}'
    no 'the nearest flavor, m, has 8' --explain
    same 'it would be YES with mincores 8 instead of 9' "$(nearest)"
    compute '{mincores: 8, minmemory: 60}'
    no '' --explain
    nearest >text
    compute '{maxcores: 1}'
    no '' --explain
    same 'it would be YES with maxcores 2 instead of 1' "$(nearest)"
    require umoci
    tiny=$(tiny_image)
    policy 'digest: required'
    image "oci:$tiny"
    no image-policy --explain
    same "it would be YES with digest $(jq -r '.manifests[0].digest' "$tiny/index.json")" "$(nearest)"
}

@test "--explain: of several platforms each that says NO; on a terminal in words" {
    platform 'compute: {cores: 4, memory: 8}'
    sed 's/name: lab/name: big/; s/cores: 4/cores: 6/' lab.yaml >big.yaml
    compute '{mincores: 7}'
    run -1 execdm-plan --explain --planner=./lab.yaml --planner=./big.yaml t.yaml
    same 'lab 4 big 6' "$(jq -r '.messages[] | select(.rule == "nearest") | "\(.platform) \(.nearest[])"' <<<"$output" | paste -sd ' ')"
    # YES of one: why the other said NO
    compute '{mincores: 5}'
    execdm-plan --explain --planner=./lab.yaml --planner=./big.yaml t.yaml >out
    jq -e '.result == "YES" and [.messages[].rule] == ["cores", "nearest"] and all(.messages[]; .platform == "lab")' out
    execdm-plan --explain --format=table --planner=./lab.yaml t.yaml >out 2>err && return 1
    grep -q '^lab: it would be YES with mincores 4 instead of 5 \[nearest\]$' err
}

@test "a platform that is down is a message, and the others go on" {
    platform
    cp lab.yaml up.yaml
    printf 'name: gone\ndriver: nosuch\n' >gone.yaml
    task
    execdm-plan --explain --planner=./gone.yaml --planner=./up.yaml t.yaml >out
    jq -e '[.offers[].platform] == ["lab"] and .messages[0].platform == "gone" and .messages[0].rule == "platform-down"' out
}

@test "a platform is called by its file, or by the name in it" {
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    printf '%s\n' 'name: lab' 'driver: stub' >"$EXECDM_CONFIG/platforms.d/a-lab.yaml"
    task
    same lab "$(execdm-plan -q --planner=lab t.yaml | jq -r '.offers[0].platform')"
    same lab "$(execdm-offer -q --platform=a-lab t.yaml | jq -r '.offers[0].platform')"
}

@test "the table for people shows the extras of an offer, too" {
    local gpu
    gpu=$(type_of resource nvidia-ad104)
    platform 'compute: {cores: 8, memory: 16, extras: [{type: '"$gpu"', count: 2}]}'
    compute "{mincores: 2, extras: [{type: $gpu}]}"
    execdm-plan --planner=./lab.yaml --format=table t.yaml >table
    grep -qE ' 2 to 8, nvidia-ad104 ' table
}

@test "persistent storage: where the platform has it, for how long; who says what is unmanaged where it is" {
    local row want type
    type=$(type_of storage persistent-storage)
    platform "storage: [{type: $type, location: 'vos://a.example!vault/keep?endpoint=https://b.example/', maxsize: 220, maxlifetime: P5D}]"
    while IFS='|' read -r row want; do
        task "resources: {storage: [{name: s, type: $type, spec: $row}]}"
        if [ "${want%% *}" = YES ]; then
            yes && same "${want#YES }" "$(jq -c '.offers[0] | .id as $id | .resources.storage[0].spec | .location |= sub($id; "ID")' out)"
        else
            no "$want"
        fi || { echo "^ $row" && return 1; }
    done <<END
{lifecycle: managed, minlifetime: 1D, minsize: 100}|YES {"lifecycle":"managed","minlifetime":"P1D","minsize":100,"maxsize":220,"maxlifetime":"P5D","location":"vos://a.example!vault/keep/ID-s/?endpoint=https://b.example/"}
{minlifetime: 1D}|YES {"minlifetime":"P1D","maxsize":220,"lifecycle":"managed","maxlifetime":"P5D","location":"vos://a.example!vault/keep/ID-s/?endpoint=https://b.example/"}
{maxlifetime: 2D, maxsize: 1}|YES {"maxlifetime":"P2D","maxsize":1,"lifecycle":"managed","location":"vos://a.example!vault/keep/ID-s/?endpoint=https://b.example/"}
{minlifetime: 5DT1S}|/resources/storage/0/spec/minlifetime storage-lifetime P5DT1S P5D: s: it is to be kept for P5DT1S, here that is P5D at most (Planner 2.2.3)
{lifecycle: unmanaged}|/resources/storage/0/spec/lifecycle storage-lifetime - -: s: what is unmanaged is somebody else's place, and must say where it is (Planner 2.2.3)
END
    # without a word of the platform it is in the state directory, and a month
    platform
    task "resources: {storage: [{name: 'a / b', type: $type, spec: {minlifetime: P2D}}, {name: s, type: $type, spec: {minlifetime: P2M}}]}"
    yes
    same "[\"file://$EXECDM_STATE/storage/ID-0/\",\"P30D\",\"file://$EXECDM_STATE/storage/ID-s/\",\"P2M\"]" \
        "$(jq -c '.offers[0] | .id as $id | [.resources.storage[].spec | (.location | sub($id; "ID")), .maxlifetime]' out)"
    # nobody has so much room
    task "resources: {storage: [{name: s, type: $type, spec: {minsize: 900000000}}]}"
    no 'storage-size 900000000 '
}

@test "storage elsewhere that cannot be made and deleted is NO, by the name of its scheme" {
    platform
    task 'resources: {storage: [{name: box, type: '"$(type_of storage persistent-storage)"', spec: {location: "gsiftp://a.example/x", lifecycle: managed}}]}'
    no '/resources/storage/0/spec/lifecycle storage-lifetime - -: box: a place of scheme gsiftp is neither made nor deleted here'
    same '[]' "$(jq -c '[.messages[].hint | select(. != null and . != "make it, and say lifecycle: unmanaged")]' out)"
}
