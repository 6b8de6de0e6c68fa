#!/usr/bin/env bats
# The use cases 7.1 to 7.10 of the draft, as contrib/examples has them, really run: only hosts, images, sizes of rooms and dates
# are put in place of those that an example can only invent.
# bats file_tags=real

# shellcheck disable=SC2016,SC2154 # jq has variables of its own; jobs.bash and links.bash set $web and $listener

bats_require_minimum_version 1.5.0
load helper
load jobs
load links

setup() {
    require jupyter-nbconvert
    case $(execdm-stage --check vos://a!b/c 2>&1 || true) in
    *"built without"*) skip "built without libcurl or libxml2" ;;
    esac
    jobs_state
    export tiny no_proxy=127.0.0.1,127.0.0.2
    examples=$TOP_SRCDIR/contrib/examples
    mkdir -p www space/nodes
    serve www
    mv server.pid web.pid
    mv port web.port
    /usr/bin/python3 "$TOP_SRCDIR/tests/vospace-server.py" port space t0ken >space.out 2>&1 3>&- &
    echo $! >space.pid
    wait_until 20 test -e port
    service=http://127.0.0.1:$(cat port)/vospace
    echo "ivo://example.org/vospace = $service/capabilities" >"$EXECDM_CONFIG/resource-caps"
    (umask 077 && echo "127.0.0.1:$(cat port) t0ken" >"$EXECDM_CONFIG/tokens")
    listen
    printf '#!/bin/sh\ncat >>"$(dirname "$0")/mails"\n' >sendmail
    chmod +x sendmail
    allow "  sendmail: $PWD/sendmail"
    gpu=https://www.purl.org/ivoa.net/resource-types/nvidia-ad104
    ln -s /dev/null nvidia0
    mkdir "$EXECDM_CONFIG/platforms.d"
    cat >"$EXECDM_CONFIG/platforms.d/lab.yaml" <<END
name: lab
driver: local
driver-options: {devices: {$gpu: [[$PWD/nvidia0]]}}
compute: {cores: 64, memory: 512, extras: [{type: $gpu, spec: {memory: 12}}]}
END
}

# notebook FILE CELL...: below www
notebook() {
    mkdir -p "www/$(dirname "$1")"
    jq -n '{nbformat: 4, nbformat_minor: 5, metadata: {kernelspec: {name: "python3", display_name: "Python 3"}},
        cells: [$ARGS.positional | to_entries[] | {cell_type: "code", id: "c\(.key)", metadata: {}, execution_count: null,
                                                   outputs: [], source: .value}]}' --args -- "${@:2}" >"www/$1"
}

# image_of NAME SCRIPT: oci:NAME, the tiny image and a program of this name
image_of() {
    local rootless=()
    if [ "$(id -u)" -ne 0 ]; then rootless=(--rootless); fi
    mkdir root
    printf '#!/bin/sh\nset -eu\n%s\n' "$2" >"root/$1"
    chmod 755 "root/$1"
    cp -R "$tiny" "$1"
    umoci --log=error insert "${rootless[@]}" --image "$1:latest" "root/$1" "/bin/$1"
    rm -r root
}

# put SECTION [FILTER]: the tasks of its example as SECTION.json, on this machine's hosts, changed by FILTER, too
put() {
    execdm-validate "$examples/$1"-*.yaml | jq -c --arg web "$web" --arg service "$service" --arg here "$PWD" '
        walk(if type == "string" then
            sub("^https://(notebooks|archive|s3[.]archive)[.]example[.]org"; $web) |
            sub("^https://vospace[.]example[.]org/vospace"; $service)
            else . end)
        | if .executable.spec.image then .executable.spec |= (
              {image: "oci:\($here)/\(.command[0])", command, environment} | with_entries(select(.value != null))) else . end
        | (.resources.storage[]? | select(.type | endswith("/ephemeral-storage"))).spec |= {minsize: 0.001}
        | '"${2-.}" >"$1.json"
    [ -s "$1.json" ]
}

# through SECTION: its one task to its end, which is COMPLETED
through() {
    execdm-plan "$1.json" >answer.json || { jq -c .messages answer.json && return 1; }
    execdm-accept answer.json | execdm-run >end.json
    same COMPLETED "$(jq -r .phase end.json)"
}

# result NAME: the path of one
result() {
    jq -r --arg name "$1" '.results[] | select(.name == $name).url | ltrimstr("file://")' end.json
}

# said NOTEBOOK: what its cells wrote
said() {
    jq -r '[.cells[].outputs[] | select(.name == "stdout").text] | add | add | rtrimstr("\n")' "$(result "$1")"
}

@test "7.1: a notebook and the modules it needs" {
    notebook gaia/hr-diagram.ipynb 'import ipykernel; print("drawn")'
    echo 'ipykernel>=5' >www/gaia/requirements.txt
    put 7.1
    through 7.1
    same drawn "$(said hr-diagram.ipynb)"
}

@test "7.2: a notebook on one of two dates" {
    notebook gaia/hr-diagram.ipynb 'print("drawn")'

    put 7.2 ".datetime[0].start |= \"$(window '-1 hour' '+4 hours')\" | .datetime[1].start |= \"$(window tomorrow 'tomorrow +1 day')\""
    execdm-plan 7.2.json | jq -e '[.offers[].datetime[0] | .minduration // .maxduration] | length >= 2'
    through 7.2
    same drawn "$(said hr-diagram.ipynb)"
}

@test "7.3: a notebook with an image by http and a catalogue of a VOSpace" {
    local sum
    notebook survey/cross-match.ipynb 'print(open("/inputs/field.fits").read() + open("/inputs/catalogue").read())'
    : >www/survey/requirements.txt
    mkdir -p www/siap/data space/nodes/surveys/dr3
    printf 'a field and ' >www/siap/data/field-0042.fits
    printf 'a catalogue' >space/nodes/surveys/dr3/catalogue.vot
    sum=$(sha256sum <www/siap/data/field-0042.fits)
    put 7.3 "(.resources.storage[0].spec) |= (.checksum = \"sha256:${sum%% *}\")"
    through 7.3
    same "a field and a catalogue" "$(said cross-match.ipynb)"
}

@test "7.4: a notebook on a machine with a GPU, with S3's data and room to work" {
    notebook photoz/train.ipynb 'import os; open("/scratch/x", "w").write("x")
print(open("/inputs/training").read(), os.path.exists("'"$PWD/nvidia0"'"))'
    echo 'ipykernel' >www/photoz/requirements.txt
    mkdir -p www/photoz/training
    printf 'dr2' >www/photoz/training/dr2.parquet
    put 7.4
    through 7.4
    same "dr2 True" "$(said train.ipynb)"
    jq -e '.offers[0].resources.compute[0].spec | .mincores == 8 and .minmemory == 64 and (.extras | length == 1)' answer.json
}

@test "7.5: a container and its arguments" {
    image_of cone-search 'echo "$@" >/outputs/found; echo searched'
    put 7.5
    through 7.5
    same "--ra 83.633 --dec 22.014 --radius 0.5" "$(cat "$(result found)")"
    same searched "$(cat "$(result stdout)")"
}

@test "7.6: a container with visibilities, and tables that are unpacked before" {
    image_of aoflagger 'cat "$2/data" /inputs/tables/t; echo "$OMP_NUM_THREADS"'
    mkdir -p lake/l1234567.ms www/calibration
    echo visibilities >lake/l1234567.ms/data
    echo tables >t
    tar -czf www/calibration/tables-2028.tar.gz t
    # a data lake is reached by what the site installs for it; tests/rucio.bats has one
    put 7.6 '.resources.storage[0] |= (.type |= sub("rucio"; "file") | .spec = {location: "lake/l1234567.ms"})'
    through 7.6
    same "visibilities tables 4" "$(xargs <"$(result stdout)")"
}

@test "7.7: a container of sixteen cores; what it leaves is in the VOSpace when it is COMPLETED" {
    image_of wsclean 'cp /inputs/field.ms/data /scratch/work; for i in image psf; do cat /scratch/work >"$4-$i.fits"; done'
    mkdir -p field space/nodes/projects/lofar/images
    echo visibilities >field/data
    tar -C field -cf p123+45.ms.tar data
    put 7.7 "(.resources.storage[0]) |= (.type |= sub(\"amazon-s3\"; \"file-storage\") | .spec.location = \"p123+45.ms.tar\")
        | .datetime[0].start = \"$(window '-1 minute' '+7 days')\""
    through 7.7
    same "field-image.fits field-psf.fits" "$(cd 'space/nodes/projects/lofar/images/p123+45' && echo *)"
    same visibilities "$(cat 'space/nodes/projects/lofar/images/p123+45/field-psf.fits')"
    jq -e '.offers[0].resources.compute[0].spec | .mincores == 16 and .maxcores == 16 and .minmemory == 128' answer.json
}

@test "7.8: a container notifies, mails, and starts the notebook that looks at what it found" {
    local waits
    notebook transients/look.ipynb 'print(open("/inputs/detections/found").read())'
    image_of search 'ls "$3"; echo "seven, over $2" >"$4/found"'
    mkdir -p www/nights night space/nodes/transients/2028-08-14
    echo image >night/a
    tar -C night -cf www/nights/2028-08-13.tar a
    put 7.8 ".datetime[0].start = \"$(window now '+1 day')\""
    head -n 1 7.8.json >look.json
    # the notebook first: its offer says where its trigger is called
    waits=$(take look.json)
    execdm-run --once
    is "$waits" PENDING
    tail -n 1 7.8.json | jq --arg url "$listener/$(endpoint "$waits" when-searched)" '.callouts[0].spec.endpoint = $url' >search.json
    through search
    same a "$(cat "$(result stdout)")"
    # it was told, by call and by mail
    same "COMPLETED" "$(calls '[.[].body | capture("status: (?<s>.*)").s] | join(" ")')"
    wait_until 20 grep -qs 'search-for-transients is COMPLETED' mails
    # and the notebook runs, with no other word
    execdm-run "$waits" >end.json
    same COMPLETED "$(jq -r .phase end.json)"
    same "seven, over 5" "$(said look.ipynb)"
    jq -e '.history | map(.by) | index("trigger when-searched")' end.json
}

@test "7.9 and 7.10: NO, and the type is named" {
    local section type code
    while read -r section type; do
        code=0
        execdm-plan "$examples/$section"-*.yaml >answer.json || code=$?
        same 1 "$code"
        has "$(jq -r '.messages[] | select(.rule == "unknown-executable").text' answer.json)" \
            "the driver local does not run executables of type $type (Planner 2.1)"
        same "https://www.purl.org/ivoa.net/executable-types/$type" "$(jq -r '.messages[] | select(.rule == "unknown-executable").asked' answer.json)"
    done <<'END'
7.9 helm-chart
7.10 spark-application
END
}
