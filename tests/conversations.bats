#!/usr/bin/env bats
# The draft's listings of 2.2.3 and 2.4 as conversations: what its clients ask, word for word, and what its services answer.
# (That of 2.2.2 is in match.bats.)

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    require jq
    require faketime
    seed=$EXECDM_SHARED/data/seed
    [ -d "$seed" ] || skip "no listings beside the tree"
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p drivers "$EXECDM_CONFIG/platforms.d"
    export EXECDM_DRIVER_PATH=$EXECDM_DRIVER_PATH:$PWD/drivers
    printf '#!/bin/sh\necho '\''{"id": "probe", "facts": {"cores": 64, "memory": 256}, "runtimes": [{"type": "%s", "ok": true}]}'\''\n' \
        https://www.purl.org/ivoa.net/executable-types/python-program >drivers/execdm-driver-stub
    chmod +x drivers/execdm-driver-stub
    echo 'print("hello")' >p.py
}

same() { # WANT GOT
    if [ "$1" = "$2" ]; then return 0; fi
    printf 'want: %s\n got: %s\n' "$1" "$2"
    return 1
}

# asks FILE...: t.yaml, an executable thing with the listings named
asks() {
    printf 'name: t\nexecutable: {type: https://www.purl.org/ivoa.net/executable-types/python-program, spec: {program: p.py}}\n' >t.yaml
    cat "$@" >>t.yaml
}

# A service with two platforms: in the morning a small machine, late in the evening a large one.
morning_and_evening() {
    cat >"$EXECDM_CONFIG/platforms.d/1-morning.yaml" <<'END'
name: morning
driver: stub
compute: {flavors: [{name: small, cores: 2, memory: 2}]}
datetime: {duration: PT1H, windows: [{start: 2023-08-14T11:30Z/2023-08-14T12:30Z}]}
END
    cat >"$EXECDM_CONFIG/platforms.d/2-evening.yaml" <<'END'
name: evening
driver: stub
compute: {cores: 8, memory: 8, overcommit: true}
datetime: {duration: PT4H, maxduration: PT4H, windows: [{start: 2023-08-14T22:00Z/2023-08-15T03:00Z}]}
offers: {max: 1, lifetime: PT2H}
END
}

# answers: what is said at nine in the morning of that day
answers() {
    faketime -f '2023-08-14 09:00:00' execdm-plan -q t.yaml >answer
}

@test "2.4: two cores and 2 GiB for an hour on 14 August: a limited offer in the morning, a generous one in the evening" {
    morning_and_evening
    asks "$seed/15-compute-as-map.request.yaml"
    answers
    jq -c '.offers[] | [.name, .platform, .resources.compute[0].spec, .datetime]' answer >offers
    diff - offers <<'END'
["offer-001","morning",{"mincores":2,"maxcores":2,"minmemory":2,"maxmemory":2},[{"start":"2023-08-14T11:30:00Z","minduration":"PT1H","maxduration":"PT1H"}]]
["offer-002","evening",{"mincores":2,"maxcores":8,"minmemory":2,"maxmemory":8},[{"start":"2023-08-14T22:00:00Z/2023-08-14T23:00:00Z","minduration":"PT1H","maxduration":"PT4H"}]]
END
}

@test "2.4: an hour at least, whenever: an hour in the morning, up to four in the evening" {
    morning_and_evening
    printf 'datetime: [{minduration: "1H"}]\n' >when
    asks when
    answers
    same '[["2023-08-14T11:30:00Z","PT1H","PT1H"],["2023-08-14T22:00:00Z/2023-08-14T23:00:00Z","PT1H","PT4H"]]' \
        "$(jq -c '[.offers[] | .datetime[0] | [.start, .minduration, .maxduration]]' answer)"
}

@test "2.4: every form of a start is answered inside of it, each by offers of its own" {
    printf '%s\n' 'name: day' 'driver: stub' 'compute: {cores: 2, memory: 4}' 'offers: {max: 9}' \
        >"$EXECDM_CONFIG/platforms.d/day.yaml"
    asks "$seed/14-datetime-forms.request.yaml"
    answers
    # the first seven periods of the listing, in its order; a slot fits before the last one ends
    jq -c '.offers[] | .datetime | if length == 1 then .[0].start else error("two slots in one offer") end' answer | sort -u >starts
    diff - starts <<'END'
"2023-08-14T09:00:00Z/2023-08-14T09:05:00Z"
"2023-08-14T11:30:00Z"
"2023-08-14T11:30:00Z/2023-08-14T11:35:00Z"
"2023-08-14T22:00:00Z/2023-08-14T22:05:00Z"
END
    same 7 "$(jq '.offers | length' answer)"
}

@test "2.2.3: room that the platform has is offered as asked; what it has not is NO, by the name of the storage" {
    printf '%s\n' 'name: day' 'driver: stub' 'compute: {cores: 2, memory: 4}' >"$EXECDM_CONFIG/platforms.d/day.yaml"
    asks "$seed/07-storage-all.request.yaml"
    run -1 execdm-plan -q t.yaml
    jq -e '.result == "NO" and any(.messages[]; .text | contains("results-storage"))' <<<"$output"
    # places outside are tried when nothing else speaks against it (EP-4A)
    sed '/name: "results-storage"/,$d; /results-volume/,/rw/d; s/1024/0.001/' "$seed/07-storage-all.request.yaml" >source.yaml
    asks source.yaml
    run -1 execdm-plan -q t.yaml
    jq -e 'any(.messages[]; .rule == "unreachable" and (.text | contains("source-data")))' <<<"$output"
    # the scratch space alone, as large as this machine has it
    sed 's/1024/0.001/; /name: "source-data"/,$d; /data-volume/,/rw/{/data-volume/,/mode: "r"/d}; /results-volume/,/rw/d' \
        "$seed/07-storage-all.request.yaml" >scratch.yaml
    asks scratch.yaml
    execdm-plan -q t.yaml >answer
    same '[{"name":"temp-volume","resource":"scratch-space","path":"/temp","mode":"rw"}]' \
        "$(jq -c '.offers[0].resources.compute[0].volumes' answer)"
    same '{"name":"scratch-space","type":"https://www.purl.org/ivoa.net/storage-types/ephemeral-storage"}' \
        "$(jq -c '.offers[0].resources.storage[0] | {name, type}' answer)"
    jq -e '.offers[0].resources.storage[0].spec.size == 0.001' answer
}
