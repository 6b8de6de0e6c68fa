# shellcheck shell=bash
# What every bench begins with:  . "$(dirname "${BASH_SOURCE[0]}")/bench.bash"
#
# It is then in an empty directory of its own, $work, with our programs in PATH, and has said what else the machine does.
# A bench runs ours and its peer in turn, one round after the other, and prints a row of the medians:
#   NAME ours=... peer=... ratio=... target=...
# TOP_BUILDDIR: the build that is measured (default: build/ of the tree).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${TOP_BUILDDIR:-$here/build}
export PATH="$build/cmd:$PATH" EXECDM_SCHEMA=$here/schema EXECDM_DRIVER_PATH=$build/cmd LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export EXECDM_STATE=$work/state
printf '# load before: %s; %s processors\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)" "$(nproc)" >&2

seconds() { # CMD...
    local from=${EPOCHREALTIME/./}
    "$@" >/dev/null
    echo $((${EPOCHREALTIME/./} - from)) | awk '{ printf "%.6f\n", $1 / 1000000 }'
}
each() { # N CMD...: the seconds one takes, of N
    local n=$1
    shift
    seconds times "$n" "$@" | awk -v n="$n" '{ printf "%.6f\n", $1 / n }'
}
times() { # N CMD...: the command N times
    local i count=$1
    shift
    for ((i = 0; i < count; i++)); do "$@"; done
}
mebibytes() { # CMD...: its peak in memory
    command time -f %M -o peak "$@" >/dev/null
    awk '{ printf "%.6f\n", $1 / 1024 }' peak
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
row() { # NAME TARGET [OURS PEER]; ours and peer are in files of these names, which it takes away
    local ours=${3-ours} peer=${4-peer}
    awk -v name="$1" -v target="$2" -v ours="$(median <"$ours")" -v peer="$(median <"$peer")" \
        'BEGIN { printf "%s ours=%.4f peer=%.4f ratio=%.4f target=%s\n", name, ours, peer, ours / peer, target }'
    rm -f "$ours" "$peer"
}

# The peers from npm, at the versions that were measured, into $EXECDM_BENCH_PEERS if that is set, which keeps them.
npm_peers() {
    local dir=${EXECDM_BENCH_PEERS:-$work/peers}
    if ! [ -x "$dir/node_modules/.bin/ajv" ]; then
        mkdir -p "$dir"
        npm install --prefix "$dir" --no-audit --no-fund --no-package-lock --silent z-schema@6.0.2 ajv-cli@5.0.0 >&2
    fi
    export PATH="$dir/node_modules/.bin:$PATH"
}

# The schema of a task in one file, as the peers want it; z-schema knows no draft after 6. The types' own schemas are not in
# it, so the peers check less than we do.
peer_schema() { # FILE
    jq -n --slurpfile task "$here/schema/task.json" --slurpfile defs "$here/schema/definitions.json" '
        $task[0] + {"$defs": $defs[0]["$defs"]}
        | walk(if type == "object" and (.["$ref"] | type) == "string"
               then .["$ref"] |= sub("^definitions[.]json#"; "#") else . end)
        | walk(if type == "object" and (.patternProperties | type) == "object"
               then .patternProperties |= map_values(if . == true then {} else . end) else . end)
        | walk(if type == "object" then del(.exclusiveMinimum?, .format?, .["$schema"]?, .["$id"]?) else . end)' >"$1"
}

# A task as people write them: 60 lines of YAML.
task_yaml() { # NUMBER
    cat <<TASK
# Sources in field $1
name: field-$1
description: find the sources in an image and write a catalogue of them
executable:
  name: source-extractor
  type: https://www.purl.org/ivoa.net/executable-types/oci-container
  spec:
    os: linux
    arch: amd64
    image: source-extractor
    version: "2.25"
    command:
    - source-extractor
    - /inputs/field-$1.fits
    - -CATALOG_NAME
    - /outputs/catalogue-$1.txt
    environment:
      LC_ALL: C.UTF-8
      OMP_NUM_THREADS: "2"
resources:
  compute:
  - name: compute-001
    type: https://www.purl.org/ivoa.net/resource-types/generic-compute
    spec:
      mincores: 2
      maxcores: 8
      minmemory: 4
      maxmemory: 16.5
    volumes:
    - name: image
      resource: field
      path: /inputs
      mode: r
    - name: catalogue
      resource: results
      path: /outputs
      mode: rw
    - name: scratch
      resource: scratch
      path: /scratch
      mode: rw
  storage:
  - name: field
    type: https://www.purl.org/ivoa.net/storage-types/http-storage
    spec:
      location: https://data.example.org/fields/field-$1.fits
      checksum: md5:0123456789abcdef0123456789abcdef
  - name: results
    type: https://www.purl.org/ivoa.net/storage-types/vospace-storage
    spec:
      endpoint: https://vospace.example.org/
      path: /results/field-$1
  - name: scratch
    type: https://www.purl.org/ivoa.net/storage-types/ephemeral-storage
    spec:
      size: 100
datetime:
- start: 2026-08-14T11:30:00Z/P1D
  minduration: PT30M
  maxduration: PT4H
TASK
}
