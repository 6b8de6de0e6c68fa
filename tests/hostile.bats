#!/usr/bin/env bats
# Hostile images (PRD-31): what tests/hostile-image makes is unpacked and run, and harms nobody; what cannot be unpacked is
# an ERROR that says why, leaves nothing, and the next job runs. EXECDM_HOSTILE_FILES=2000000 is the long form.

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export HOME=$BATS_TEST_TMPDIR/home
    platform 'maxsize: 200 MiB, maxfiles: 2000'
    mkdir -p "$EXECDM_STATE/images" && chmod 700 "$EXECDM_STATE"
    for dir in . "$HOME" "$EXECDM_STATE" "$EXECDM_STATE/images"; do echo safe >"$dir/victim"; done
    find / /tmp /var/tmp -maxdepth 1 -name '*escaped*' >before
}

# platform LIMITS: of images, on this machine
platform() {
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    printf 'name: localhost\ndriver: local\nexecutables:\n  - {type: "%s", %s}\n' \
        https://www.purl.org/ivoa.net/executable-types/oci-container "$1" >"$EXECDM_CONFIG/platforms.d/localhost.yaml"
}

# hostile CASE [NUMBER]: makes the image
hostile() {
    rm -rf "$1"
    "$TOP_SRCDIR/tests/hostile-image" "$tiny" "$PWD/$1" "$@"
}

unharmed() {
    local dir
    for dir in . "$HOME" "$EXECDM_STATE" "$EXECDM_STATE/images"; do same safe "$(cat "$dir/victim")"; done
    find / /tmp /var/tmp -maxdepth 1 -name '*escaped*' | cmp - before
    same "" "$(find . -name '*escaped*' -not -path './state/images/sha256-*/rootfs/*')"
    same "" "$(find state/images -type b -o -type c)"
}

nothing_left() {
    same "victim" "$(cd "$EXECDM_STATE/images" && rmdir tmp 2>/dev/null; echo *)"
}

# runs CASE COMMAND: the image is unpacked, the command runs in it and nobody is harmed; what it wrote is in $said
runs() {
    local id
    hostile "$1"
    id=$(submit image="oci:$PWD/$1" sh="$2")
    work "$id" || { cat run.err && return 1; }
    is "$id" COMPLETED
    said=$(cat "$(files "$id")/attempt-1/stdout")
    unharmed
}

# fails IMAGE TEXT: no such image is run, and it is told why; nothing of it stays
fails() {
    local id
    if task image="$1" sh=true && ! execdm-plan task.json >answer.json 2>/dev/null; then
        has "$(jq -r '.messages[].text' answer.json)" "$2"
    else
        id=$(execdm-accept answer.json | jq -r .id)
        run -1 --separate-stderr execdm-run "$id"
        same "ERROR imagepull task" "$(job "$id" '"\(.phase) \(.error.reason) \(.error.fault)"')"
        has "$(job "$id" .error.message)" "$2"
        run -1 grep -q goroutine <<<"$(job "$id" .error.message)"
    fi
    nothing_left
    unharmed
}

next_job_runs() {
    local id
    id=$(submit sh='echo well')
    work "$id"
    same well "$(cat "$(files "$id")/attempt-1/stdout")"
}

@test "paths that lead out stay inside: absolute, with .., through links" {
    runs absolute 'cat /escaped-absolute'
    same escaped "$said"
    runs dotdot 'ls -d /escaped*'
    same '/escaped-far-up /escaped-through /escaped-up' "$(echo $said)"
    runs symlinks 'cat /passwd /shadow; ls /root /etc /home /up; true'
    run -1 grep root:x: <<<"$said"
}

@test "links to the host's files: a hard link has no target, a loop is told" {
    hostile hardlink
    fails "oci:$PWD/hardlink" 'no such file'
    hostile hardlink_up
    fails "oci:$PWD/hardlink_up" 'no such file'
    hostile symlink_loop
    fails "oci:$PWD/symlink_loop" 'too many levels of symbolic links'
    next_job_runs
}

@test "device nodes and setuid files are files like others" {
    runs devices 'for n in mem null disk; do [ -f /nodes/$n ] && [ ! -s /nodes/$n ] && echo $n; done'
    same 'mem null disk' "$(echo $said)"
    runs setuid 'for f in su capable others; do /$f; grep " /$f " /proc/mounts | grep -o nosuid; done; grep NoNewPrivs /proc/self/status'
    same 'uid=65534 gid=65534 nosuid uid=65534 gid=65534 nosuid uid=65534 gid=65534 nosuid NoNewPrivs: 1' "$(echo $said)"
}

@test "whiteouts remove what the image has, and nothing outside" {
    local root
    runs whiteouts '[ -e /bin/ls ] && [ ! -e /bin/vi ] && cat /kept/new'
    same escaped "$said"
    runs whiteout_dots 'echo still here'
    hostile whiteout_dotdot
    id=$(submit image="oci:$PWD/whiteout_dotdot" sh=true)
    run -1 --separate-stderr execdm-run "$id"
    same imagepull "$(job "$id" .error.reason)"
    unharmed
    for name in opaque whiteouts_out; do # which leave no shell in it
        hostile "$name"
        id=$(submit image="oci:$PWD/$name" sh=true)
        run -1 --separate-stderr execdm-run "$id"
        has "$(job "$id" .error.message)" '/bin/sh cannot be started'
        unharmed
    done
    root=$EXECDM_STATE/images/$(jq -r '.manifests[0].digest' opaque/index.json | tr : -)/rootfs
    same only "$(ls "$root/bin")"
    next_job_runs
}

@test "names that a shell or a list would take apart, and links where the job's places are" {
    runs names 'ls -A / | wc -l; cat "/with
newline" /--option "/ " "/\$(id)"'
    same 'escaped escaped escaped escaped' "$(sed 1d <<<"$said" | xargs)"
    runs places 'cd /outputs && echo out >o && cat o; echo x >/tmp/x && cat /tmp/x; ls -d /proc/1 /dev/null'
    same 'out x /dev/null /proc/1' "$(echo $said)"
}

@test "budgets: more bytes or more files than it may have, bombs, holes and depth; the error says how to raise them" {
    local size='it takes more than 200 MiB unpacked; a platform allows more with maxsize'
    hostile many "${EXECDM_HOSTILE_FILES:-5000}"
    fails "oci:$PWD/many" 'it has more than 2000 files; a platform allows more with maxfiles'
    hostile empty_many
    fails "oci:$PWD/empty_many" 'it has more than 2000 files'
    for name in large sparse bomb; do
        hostile "$name"
        fails "oci:$PWD/$name" "$size"
    done
    hostile closed 256 # in a directory that nobody may enter
    fails "oci:$PWD/closed" "$size"
    hostile deep 1900
    fails "oci:$PWD/deep" 'its directories are more than 256 deep'
    platform 'maxsize: 200 MiB, maxfiles: 10000'
    hostile many 5000
    id=$(submit image="oci:$PWD/many" sh='ls /many/4 | wc -l')
    work "$id"
    same 1000 "$(cat "$(files "$id")/attempt-1/stdout")"
    rm -r "$EXECDM_STATE"/images/sha256-*
    platform 'maxsize: 1 MiB'
    fails "oci:$tiny" 'a platform allows more with maxsize'
}

@test "layers that are none: cut off, no gzip, holes of an old kind" {
    for name in truncated garbage sparse_old; do
        hostile "$name"
        fails "oci:$PWD/$name" 'cannot unpack the image'
    done
    next_job_runs
}

@test "an image that lies about its parts, by every lie" {
    local lies
    lies=$("$TOP_SRCDIR/tests/hostile-image" --list | sed -n '/^lie_size$/,$p')
    [ "$(wc -l <<<"$lies")" -ge 20 ]
    for name in $lies; do
        hostile "$name"
        fails "oci:$PWD/$name" ''
    done
    next_job_runs
}

@test "a configuration that is swapped while its image is unpacked is not what is kept" {
    local id blob
    platform 'maxfiles: 20000'
    hostile many
    blob=many/blobs/sha256/$(jq -r '.config.digest[7:]' "many/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' many/index.json)")
    jq -c '.config.Env += ["EVIL=yes"]' "$blob" >evil
    id=$(submit image="oci:$PWD/many" sh='echo "${EVIL-no}"')
    execdm-run "$id" >run.out 2>run.err 3>&- &
    unpacking() { [ -n "$(find "$EXECDM_STATE/images" -path '*/out/rootfs/many' -print -quit 2>/dev/null)" ]; }
    wait_until 30 unpacking
    mv evil "$blob"
    wait $! || true
    is "$id" COMPLETED
    same no "$(cat "$(files "$id")/attempt-1/stdout")"
    run -1 grep -r EVIL "$EXECDM_STATE"/images/sha256-*/config.json
}

# below PID NAME: the processes of this name below it
below() {
    local p
    for p in $(pgrep -P "$1"); do
        if [ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$2" ]; then echo "$p"; fi
        below "$p" "$2"
    done
}

@test "an image that is slow to unpack holds up no other, neither one that is here nor a new one" {
    local id slow
    platform 'maxfiles: 20000'
    id=$(submit sh='echo here')
    work "$id"
    hostile many
    slow=$(submit image="oci:$PWD/many" sh='echo slow')
    execdm-run "$slow" >slow.out 2>slow.err 3>&- &
    echo $! >slow.pid
    unpacking() { [ -n "$(find "$EXECDM_STATE/images" -path '*/out/rootfs/many' -print -quit 2>/dev/null)" ]; }
    wait_until 30 unpacking
    below "$(cat slow.pid)" umoci >umoci.pids
    xargs kill -STOP <umoci.pids
    hostile names
    for image in "oci:$tiny" "oci:$PWD/names"; do
        id=$(submit image="$image" sh='echo well')
        timeout 30 execdm-run "$id" >run.out 2>run.err || true
        is "$id" COMPLETED || break
    done
    is "$slow" PREPARING
    xargs kill -CONT <umoci.pids
    wait "$(cat slow.pid)"
    is "$slow" COMPLETED
    is "$id" COMPLETED
    [ "$image" != "oci:$tiny" ]
}

@test "archives: of such images, and hostile themselves" {
    local digest
    for name in dotdot bomb missing_layer linked_blob fifo_blob; do
        hostile "$name"
        (cd "$name" && tar -cf "../$name.tar" index.json oci-layout blobs)
        if [ "$name" = dotdot ]; then continue; fi
        fails "oci-archive:$PWD/$name.tar" ''
    done
    # paths and links of the archive itself
    /usr/bin/python3 - "$tiny" <<'END'
import io, os, sys, tarfile
def entry(tar, name, data=None, link=None):
    info = tarfile.TarInfo(name)
    if link:
        info.type, info.linkname = tarfile.SYMTYPE, link
    elif data is not None:
        info.size = len(data)
    tar.addfile(info, io.BytesIO(data) if data is not None else None)
base = sys.argv[1]
index = open(base + "/index.json", "rb").read()
with tarfile.open("up.tar", "w") as tar:
    entry(tar, "index.json", index)
    entry(tar, "../../escaped", b"escaped")
    entry(tar, "/escaped-absolute", b"escaped")
    tar.add(base + "/blobs", "blobs")
with tarfile.open("links.tar", "w") as tar:
    entry(tar, "index.json", index)
    entry(tar, "blobs", link=base + "/blobs")
with tarfile.open("large.tar", "w") as tar:
    entry(tar, "index.json", index)
    tar.add(base + "/blobs", "blobs")
    info = tarfile.TarInfo("filler")
    info.size = 1 << 30
    with open("/dev/zero", "rb") as zero:
        tar.addfile(info, zero)
END
    fails "oci-archive:$PWD/links.tar" ''
    fails "oci-archive:$PWD/large.tar" 'it takes more than 200 MiB unpacked'
    id=$(submit image="oci-archive:$PWD/up.tar" sh='echo inside')
    execdm-run "$id" >/dev/null 2>&1 || true
    unharmed
    id=$(submit image="oci-archive:$PWD/dotdot.tar" sh='ls -d /escaped*')
    work "$id"
    unharmed
}

@test "execdm-isolation(7) has every case, and nothing else" {
    "$TOP_SRCDIR/tests/hostile-image" --list | sort >cases
    sed -n '/^\.\\" cases/,/^\.El/s/^\.It Cm //p' "$TOP_SRCDIR/man/execdm-isolation.7" | tr -d ' ' | tr , '\n' | sort >rows
    diff cases rows
}
