#!/usr/bin/env bats
# What the driver local runs and gives to a job: notebooks, Python modules from wheels, GPUs and other devices.

# shellcheck disable=SC2016,SC2154 # jq has variables of its own; jobs.bash sets $web

bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny
    types=https://www.purl.org/ivoa.net
}

# notebook FILE KERNEL CELL...: one of nbformat 4
notebook() {
    local file=$1 kernel=$2
    shift 2
    jq -n --arg kernel "$kernel" '{nbformat: 4, nbformat_minor: 5, metadata: {kernelspec: {name: $kernel, display_name: $kernel}},
        cells: [$ARGS.positional | to_entries[] | {cell_type: "code", id: "c\(.key)", metadata: {}, execution_count: null,
                                                   outputs: [], source: .value}]}' --args -- "$@" >"$file"
}

# look NOTEBOOK [REQUIREMENTS]: t.yaml, which runs it
look() {
    printf 'executable: {type: %s/executable-types/jupyter-notebook, spec: {notebook: "%s"%s}}\n' "$types" "$1" \
        "${2:+, requirements: \"$2\"}" >t.yaml
}

# through FILE: runs a task to its end; its document is in end.json
through() {
    execdm-plan "${planner[@]}" "$1" | execdm-accept | execdm-run >end.json 2>run.err
}

# result NAME: the path of one
result() {
    jq -r --arg name "$1" '.results[] | select(.name == $name).url | ltrimstr("file://")' end.json
}

# no REASON: t.yaml is answered NO, and one message is "RULE: TEXT"
no() {
    local code=0
    execdm-plan "${planner[@]}" t.yaml >out || code=$?
    same 1 "$code"
    has "$(jq -r '.messages[] | "\(.rule): \(.text)"' out)" "$1"
}

# A kernel may take its time to start, so they run one after the other here.
# bats test_tags=real
@test "a notebook is run headless: the executed one is a result, its cells' output in it" {
    require jupyter-nbconvert
    notebook roots.ipynb python3 'import math, os; print(math.sqrt(2), os.getcwd())' \
        'print(open("/inputs/n").read()); open("mine.txt", "w").write("hi")' \
        'import socket
try: socket.create_connection(("192.0.2.1", 80), 5)
except OSError as e: print("no network:", e.strerror)' \
        'print([n for _, n in socket.if_nameindex()], os.getuid())'
    echo 42 >n
    look roots.ipynb
    printf 'resources: {compute: [{volumes: [{name: n, resource: n, path: /inputs/n, mode: r}]}],
  storage: [{name: n, type: %s/storage-types/file-storage, spec: {location: n}}]}\n' "$types" >>t.yaml
    through t.yaml
    same COMPLETED "$(jq -r .phase end.json)"
    same "hi" "$(cat "$(result mine.txt)")"
    same "1.4142135623730951 /outputs
42

no network: Network is unreachable
['lo'] 65534" "$(jq -r '.cells[].outputs[] | select(.name == "stdout").text | add | rtrimstr("\n")' "$(result roots.ipynb)")"
    same "0 0" "$(jq -r '[.results[] | select(.name == "stdout" or .name == "stderr").size] | join(" ")' end.json)"
    # it was staged, and the one that was given is as it was
    same null "$(jq '.cells[0].execution_count' roots.ipynb)"
}

# bats test_tags=real
@test "a cell that fails is an ERROR of the task, and standard error ends with what it said" {
    require jupyter-nbconvert
    mkdir www
    notebook 'www/a b.ipynb' python3 'print("before")' 'raise ValueError("no root of a negative number")' 'open("after", "w")'
    serve www
    look "$web/a%20b.ipynb?download=1"
    printf 'execdm: 1\npolicy: {private-addresses: true}\n' >"$EXECDM_CONFIG/execdm.yaml"
    run -1 through t.yaml
    same "ERROR exit task 1" "$(jq -r '"\(.phase) \(.error.reason) \(.error.fault) \(.exit.code)"' end.json)"
    has "$(cat run.err)" "its standard error ends: ValueError: no root of a negative number"
    same "" "$(result after)"
    # what the cells before it gave, and its error, are in the notebook, which has a name that needs no quotes
    jq -e '[.cells[].outputs[0]] | .[0].text == ["before\n"] and .[1].evalue == "no root of a negative number" and .[2] == null' \
        "$(result a_20b.ipynb)"
}

# bats test_tags=real
@test "an executed notebook is called so that it can be a file, and is seen" {
    local long name want
    require jupyter-nbconvert
    long=$(printf 'n%.0s' {1..255})
    while read -r name want; do
        notebook "$name" python3 'print(1)'
        look "$name"
        through t.yaml
        same 1 "$(jq -r '.cells[0].outputs[0].text | add | rtrimstr("\n")' "$(result "$want")")"
    done <<END
$long ${long:0:244}.ipynb
.hidden.ipynb notebook.ipynb
END
}

# bats test_tags=real
@test "a notebook that cannot run is NO: no such kernel, not to be read, no notebook; a session" {
    require jupyter-nbconvert
    notebook a.ipynb julia-1.9 '1'
    look a.ipynb
    no 'kernel: the notebook needs the kernel julia-1.9, which is not here (Planner 2.1.1)'
    look b.ipynb
    no 'kernel: the notebook cannot be read: cannot open '
    echo 'print(1)' >c.ipynb
    look c.ipynb
    no "kernel: the notebook cannot be read: it is none of Jupyter's, expected nbformat in it"
    printf 'executable: {type: "https://example.org/types/desktop-session"}\n' >t.yaml
    no 'unknown-executable: the driver local does not run executables of type desktop-session (Planner 2.1)'
    has "$(jq -r '.messages[0].hint' out)" 'nobody could reach a session'
}

# wheel DIR NAME VERSION [NEEDS]: a module that says its version
wheel() {
    /usr/bin/python3 - "$@" <<'END'
import sys, zipfile
place, name, version, *needs = sys.argv[1:]
info = f"{name}-{version}.dist-info"
files = {f"{name}.py": f"version = {version!r}\n",
         f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                             + "".join(f"Requires-Dist: {n}\n" for n in needs),
         f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
files[f"{info}/RECORD"] = "".join(f"{f},,\n" for f in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(f"{place}/{name}-{version}-py3-none-any.whl", "w") as z:
    for file, text in files.items():
        z.writestr(file, text)
END
}

# wheels: the platform lab.yaml, which has some
wheels() {
    require pip3
    mkdir wheels
    wheel wheels Tiny_Roots 1.2
    wheel wheels Tiny_Roots 2.0 'lesser_roots>=1'
    wheel wheels lesser_roots 1.0
    # what is for others
    touch wheels/{native-1.0-cp27-cp27m-win32,later-1.0-py399-none-any,far-1.0-py3-none-linux_vax,musl-1.0-py3-none-musllinux_1_1_"$(uname -m)"}.whl \
        wheels/{README,short.whl,py3-none-any.whl}
    printf 'name: lab\ndriver: local\ndriver-options: {wheels: %s}\n' "$PWD/wheels" >lab.yaml
    planner=(--planner=./lab.yaml)
}

@test "requirements: what is not installed comes from the platform's wheels, and is the job's alone" {
    local tag libc
    wheels
    mkdir native
    tag=cp$(/usr/bin/python3 -c 'import sys; print("%d%d" % sys.version_info[:2])')
    touch "native/fast-1.0-$tag-$tag-manylinux_2_17_$(uname -m).manylinux2014_$(uname -m).whl" "native/other-1.0-$tag-cp399-any.whl" \
        "native/stable-2.1-cp37-abi3-linux_$(uname -m).whl" native/Old.Style-3-2build-py2.py3-none-any.whl
    libc=$(getconf GNU_LIBC_VERSION | tr -c '0-9\n' _) # ______2_36
    libc=${libc##*__}
    touch "native/newest-1.0-py3-none-manylinux_${libc}_$(uname -m).whl" "native/legacy-1.0-py3-none-manylinux2014_$(uname -m).whl" \
        "native/free-1.0-$tag-${tag}t-linux_$(uname -m).whl" "native/freer-1.0-${tag}t-none-any.whl" "native/py-1.0-py3x-none-any.whl" \
        "native/too_new-1.0-py3-none-manylinux_${libc}9_$(uname -m).whl" "native/other_libc-1.0-py3-none-manylinux_3_0_$(uname -m).whl" \
        "native/odd-1.0-py3-none-manylinux_2_17x_$(uname -m).whl"
    printf '{"execdm_driver":1,"verb":"probe","config":{"wheels":"%s"}}\n{"id":"a"}\n' "$PWD/native" |
        execdm-driver-local probe >reply
    same "fast==1.0 legacy==1.0 newest==1.0 old-style==3 stable==2.1" "$(jq -r '.facts.wheels | sort | join(" ")' reply)"
    printf '{"execdm_driver":1,"verb":"probe","config":{"wheels":"%s"}}\n{"id":"a"}\n' "$PWD/wheels" |
        execdm-driver-local probe >reply
    execdm-validate -q --as=driver reply >/dev/null
    same "lesser-roots==1.0 tiny-roots==1.2 tiny-roots==2.0" "$(jq -r '.facts.wheels | sort | join(" ")' reply)"
    printf 'import Tiny_Roots, sys\nprint(Tiny_Roots.version, *sys.argv[1:])\n' >p.py
    printf 'executable: {type: %s/executable-types/python-program, spec: {program: p.py, arguments: [a, "b  c"], requirements: r.txt}}\n' \
        "$types" >t.yaml
    printf '# roots\ntiny-roots < 2\npip\n' >r.txt
    through t.yaml
    same "1.2 a b  c" "$(cat "$(result stdout)")"
    same 0 "$(wc -c <"$(result stderr)")"
    echo 'Tiny.Roots' >r.txt # the newest, and what it needs
    through t.yaml
    same "2.0 a b  c" "$(cat "$(result stdout)")"
    echo 'tiny-roots>=3' >r.txt
    no 'requirements: the module tiny-roots is not here, and jobs have no network to install it (Planner 1.2)'
    # without the option there are none
    planner=()
    echo 'tiny-roots' >r.txt
    no 'requirements: the module tiny-roots is not here'
}

@test "requirements: a wheel that needs what is not there ends the job, and says so" {
    wheels
    rm wheels/lesser*
    printf 'import Tiny_Roots\n' >p.py
    printf 'executable: {type: %s/executable-types/python-program, spec: {program: p.py, requirements: r.txt}}\n' "$types" >t.yaml
    echo 'tiny-roots>=2' >r.txt
    run -1 through t.yaml
    same "ERROR 1" "$(jq -r '"\(.phase) \(.exit.code)"' end.json)"
    has "$(cat "$(result stderr)")" 'No matching distribution found for lesser_roots>=1' \
        'execdm: the requirements cannot be installed from the wheels here'
}

# bats test_tags=real
@test "a notebook has its requirements from wheels, too" {
    require jupyter-nbconvert
    wheels
    notebook n.ipynb python3 'import Tiny_Roots; print(Tiny_Roots.version)'
    look n.ipynb r.txt
    echo 'tiny-roots==1.*' >r.txt
    through t.yaml
    same 1.2 "$(jq -r '.cells[0].outputs[0].text | add | rtrimstr("\n")' "$(result n.ipynb)")"
}

# card LINE [N]: a job of `lab` with N of the cards, one where not told
card() {
    task sh="$1" max=PT1M
    jq --arg type "$types/resource-types/xilinx-vu19p" --argjson n "${2:-1}" \
        '.resources.compute[0].spec.extras = [range($n) | {name: "x\(.)", type: $type}]' task.json >t.yaml
}

# cards A [B]: the platform lab.yaml, whose driver is told of one or two, each of two files. A and B are the devices,
# by which it is known who has them: no two tests have the same.
cards() {
    ln -s "$1" a0
    ln -s /dev/null a1
    if [ $# -gt 1 ]; then
        ln -s "$2" b0
        ln -s /dev/null b1
    fi
    printf 'name: lab\ndriver: local\ndriver-options: {devices: {%s/resource-types/xilinx-vu19p: [[%s, %s], [%s, %s], [%s]]}}\n' \
        "$types" "$PWD/a0" "$PWD/a1" "$PWD/b0" "$PWD/b1" "$PWD/gone" >lab.yaml
    planner=(--planner=./lab.yaml)
}

@test "devices: a job sees those it booked, and no other" {
    cards /dev/random /dev/urandom
    card "ls $PWD; echo x >$PWD/\$(ls $PWD | head -n 1) && echo written" 1
    through t.yaml
    same "a0
a1
written" "$(cat "$(result stdout)")"
    card "ls $PWD" 2
    through t.yaml
    same "a0 a1 b0 b1" "$(xargs <"$(result stdout)")"
    ln -s b0 gone # another name makes no other device
    card "ls $PWD" 3
    no 'extra: 3 xilinx-vu19p are asked for, a job may have 2 (Planner 2.2.1)'
    # and without, none
    task sh="ls -d $PWD/* /dev/nvidia* 2>/dev/null; echo none"
    cp task.json t.yaml
    through t.yaml
    same none "$(cat "$(result stdout)")"
}

@test "devices: those that a flavor has are given to a job that asks for one, and only then" {
    cards /dev/zero
    printf 'compute: {flavors: [{name: plain, cores: 1, memory: 1}, {name: gpu.l, cores: 1, memory: 2, count: 1,
                      extras: [{type: %s/resource-types/xilinx-vu19p}]}]}\n' "$types" >>lab.yaml
    card "ls $PWD" 1
    through t.yaml
    same "a0 a1" "$(xargs <"$(result stdout)")"
    task sh="ls -d $PWD/* 2>/dev/null; echo none" memory=2
    cp task.json t.yaml
    through t.yaml
    same none "$(cat "$(result stdout)")"
}

@test "devices: whatever their type is called" {
    local type
    cards /dev/null
    for type in gpu urn:x:card; do
        sed -i "s|{devices: {[^[]*|{devices: {\"$type\": |" lab.yaml
        card "ls $PWD"
        jq --arg type "$type" '.resources.compute[0].spec.extras[0].type = $type' t.yaml >typed.json
        through typed.json
        same "a0 a1" "$(xargs <"$(result stdout)")"
    done
}

@test "devices: two jobs that want the only one do not run at the same time" {
    local ids=() id spans
    cards /dev/full
    for n in 1 2; do
        card "ls $PWD; sleep 1"
        ids+=("$(execdm-plan "${planner[@]}" t.yaml | execdm-accept | jq -r .id)")
    done
    execdm-run "${ids[@]}" >ends.json
    spans=$(for id in "${ids[@]}"; do jq -r '"\(.start) \(.end)"' "$(files "$id")/attempt-1/exit.json"; done | sort)
    same "COMPLETED COMPLETED" "$(jq -r .phase ends.json | xargs)"
    [[ $(awk 'NR == 1 { print $2 }' <<<"$spans") < $(awk 'NR == 2 { print $1 }' <<<"$spans") ]]
}

@test "devices: what a job of another store has is waited for" {
    local first
    cards /dev/tty
    card 'until [ -e /outputs/go ]; do sleep 0.1; done'
    first=$(execdm-plan "${planner[@]}" t.yaml | execdm-accept | jq -r .id)
    execdm-run --once
    is "$first" EXECUTING
    card "echo mine"
    mv t.yaml second.yaml
    ln -s /dev/tty b0 # by whatever name
    sed -i "s|$PWD/a0|$PWD/b0|" lab.yaml
    EXECDM_STATE=$PWD/another through second.yaml &
    wait_until 30 grep -qs 'xilinx-vu19p is in use' run.err
    same 0 "$(cat another/jobs/*/attempt-1/stdout 2>/dev/null | wc -l)"
    touch "$(files "$first")/attempt-1/outputs/go"
    wait $!
    same "COMPLETED mine" "$(jq -r .phase end.json) $(cat "$(result stdout)")"
    work "$first"
}

@test "driver-options that are not as they must be are told" {
    local row want
    task sh=true
    cp task.json t.yaml
    planner=(--planner=./lab.yaml)
    while IFS='|' read -r row want; do
        printf 'name: lab\ndriver: local\ndriver-options: {%s}\n' "$row" >lab.yaml
        execdm-plan "${planner[@]}" t.yaml >out 2>&1 || true
        has "$(cat out)" "driver-options: expected $want" || { echo "^ $row" && return 1; }
    done <<'END'
wheels: /no/such|wheels to name a directory, /no/such
wheels: [a]|wheels to name a directory, not so
devices: [a]|devices to be a mapping
devices: {gpu: [/dev/null]}|devices to name the files of each gpu, as [[/dev/a0, /dev/a0-control], [/dev/a1]]
devices: {gpu: [[null]]}|devices to name the files of each gpu
devices: {gpu: [[a]]}|devices to name the files of each gpu
END
}

# What a machine with two GPUs has, seen by this process and its children only.
machine_with_gpus() {
    local node
    mkdir -p fake/dev
    mount -t tmpfs dev fake/dev
    for node in null zero full random urandom tty; do
        touch "fake/dev/$node"
        mount --bind "/dev/$node" "fake/dev/$node"
    done
    mkdir fake/dev/shm fake/dev/pts fake/dev/dri
    mount --bind /dev/pts fake/dev/pts
    ln -s /proc/self/fd fake/dev/fd
    ln -s pts/ptmx fake/dev/ptmx
    for node in nvidia0 nvidia1 nvidia7 nvidiactl nvidia-uvm dri/renderD128 dri/renderD129; do
        touch "fake/dev/$node"
        mount --bind /dev/null "fake/dev/$node"
    done
    mount --bind /dev/zero fake/dev/nvidia1 # another file than nvidia0, or it would be the same device
    mount --rbind fake/dev /dev
    mount -t tmpfs devices /sys/bus/pci/devices
    mkdir -p /sys/bus/pci/devices/0000:41:00.0/drm/renderD129 /sys/bus/pci/devices/0000:41:00.0/drm/card1
    mount -t tmpfs bin /usr/local/bin
    cat >/usr/local/bin/nvidia-smi <<'END'
#!/bin/sh
[ "$*" = "--query-gpu=index,name,memory.total,uuid,pci.bus_id --format=csv,noheader,nounits" ] || exit 2
echo '0, NVIDIA GeForce RTX 4070, 12282, GPU-aaaa, 00000000:01:00.0'
echo '1, NVIDIA L4, 23034, GPU-bbbb, 00000000:41:00.0'
echo '7, Tesla of another kind, 16384, GPU-cccc, 00000000:61:00.0'
END
    chmod +x /usr/local/bin/nvidia-smi
}

# machine_with_modules NAME.dist-info...: Debian's Python has these and pip alone, seen by this process and its children.
machine_with_modules() {
    local all=/usr/lib/python3/dist-packages entry
    mkdir modules
    mount --bind "$all" modules
    mount -t tmpfs modules "$all"
    for entry in modules/pip modules/pip-*; do ln -s "$PWD/$entry" "$all/"; done
    for entry; do mkdir "$all/$entry"; done
    for entry in /usr/local/lib/python3.*/dist-packages; do if [ -d "$entry" ]; then mount -t tmpfs local "$entry"; fi; done
}

# bats test_tags=root
@test "notebooks are for where Python has what runs them, whatever is on PATH" {
    require unshare
    export -f machine_with_modules
    cat >inside <<'END'
set -e
machine_with_modules nbconvert-6.5.3.egg-info nbformat-5.5.0.dist-info ipykernel-6.17.0.dist-info
mount -t tmpfs bin /usr/local/bin
if [ -e /usr/bin/jupyter-nbconvert ]; then mount --bind /dev/null /usr/bin/jupyter-nbconvert; fi
printf '{"execdm_driver":1,"verb":"probe"}\n{"id":"a"}\n' >call
execdm-driver-local probe <call >reply
cp /bin/true /usr/local/bin/jupyter-nbconvert
for module in nbconvert nbformat ipykernel; do
    mv /usr/lib/python3/dist-packages/$module-* gone
    execdm-driver-local probe <call | jq -r '.runtimes[] | select(.type | endswith("notebook")) | "\(.ok) \(.reason)"'
    mv gone /usr/lib/python3/dist-packages/$module-1.egg-info
done >fewer
END
    unshare --mount bash inside
    same "true true true" "$(jq -r '[.runtimes[].ok | tostring] | join(" ")' reply)"
    same "$(printf 'false %s is not installed; install jupyter-nbconvert and python3-ipykernel\n' nbconvert nbformat ipykernel)" \
        "$(cat fewer)"
}

# bats test_tags=root
@test "wheels without pip are refused, and a job that needs none of them runs without it" {
    require unshare
    wheels
    export -f machine_with_modules
    printf 'print("ran")\n' >p.py
    printf 'executable: {type: %s/executable-types/python-program, spec: {program: p.py, requirements: r.txt}}\n' "$types" >t.yaml
    echo 'here==1.0' >r.txt
    cat >inside <<'END'
set -e
machine_with_modules here-1.0.dist-info
printf 'Metadata-Version: 2.1\nName: here\nVersion: 1.0\n' >/usr/lib/python3/dist-packages/here-1.0.dist-info/METADATA
execdm-plan --planner=./lab.yaml t.yaml >answer
execdm-accept answer | execdm-run >with
execdm-plan --planner=./lab.yaml t.yaml | execdm-accept >accepted
rm -r /usr/lib/python3/dist-packages/pip*
execdm-run "$(jq -r .id accepted)" >end.json || true
execdm-plan --planner=./lab.yaml t.yaml >refused 2>&1 || true
END
    unshare --mount bash inside
    same "COMPLETED ran" "$(jq -r .phase with) $(jq -r '.results[] | select(.name == "stdout").url | ltrimstr("file://")' with | xargs cat)"
    same "COMPLETED ran 0" "$(jq -r .phase end.json) $(cat "$(result stdout)") $(wc -c <"$(result stderr)")"
    has "$(cat refused)" 'driver-options: wheels are installed by pip, which is not there; install python3-pip'
}

# bats test_tags=root
@test "GPUs: found by nvidia-smi, booked one by one, and passed in with what belongs to them" {
    require unshare
    [ -d /proc/driver ] && [ -d /sys/bus/pci/devices ] || skip "this machine shows no PCI bus"
    export -f machine_with_gpus
    # GPU after GPU: the same file of this test, in a mount namespace of its own
    cat >inside <<'END'
set -e
machine_with_gpus
printf '{"execdm_driver":1,"verb":"probe"}\n{"id":"a"}\n' | execdm-driver-local probe >reply
printf '{"execdm_driver":1,"verb":"probe"}\n{"id":"a"}\n' | CUDA_VISIBLE_DEVICES=1 execdm-driver-local probe >one
printf '{"execdm_driver":1,"verb":"probe","config":{"devices":{"x":[["/dev/full","/dev/nvidia1"]]}}}\n{"id":"a"}\n' |
    execdm-driver-local probe >named
for n in 1 2; do
    execdm-plan "task$n.json" | execdm-accept | execdm-run >"end$n.json"
done
execdm-plan task3.json >no.json || [ $? -eq 1 ]
# a tool that fails says nothing of what there is
execdm-plan task1.json | execdm-accept >late.json
mv /usr/local/bin/nvidia-smi /usr/local/bin/good
printf '#!/bin/sh\necho "the driver does not answer" >&2\nexit 9\n' >/usr/local/bin/nvidia-smi
chmod +x /usr/local/bin/nvidia-smi
execdm-run --once 2>failing
mv /usr/local/bin/good /usr/local/bin/nvidia-smi
execdm-run "$(jq -r .id late.json)" >end3.json
# the second one has another minor than its index, and no such file (with that in /proc no sandbox can be made)
mount -t tmpfs driver /proc/driver
mkdir -p /proc/driver/nvidia/gpus/0000:41:00.0
printf 'Model: \t\t NVIDIA L4\nDevice Minor: \t 2\n' >/proc/driver/nvidia/gpus/0000:41:00.0/information
printf '{"execdm_driver":1,"verb":"probe"}\n{"id":"a"}\n' | execdm-driver-local probe >minor
END
    for n in 1 2 3; do
        task sh='ls /dev /dev/dri; echo $NVIDIA_VISIBLE_DEVICES $CUDA_VISIBLE_DEVICES'
        jq --arg type "$types/resource-types/nvidia-ad104" --argjson n "$n" \
            '.resources.compute[0].spec.extras = [range($n) | {name: "g\(.)", type: $type, spec: {minmemory: 12, minshaders: 5888}}]' \
            task.json >"task$n.json"
    done
    unshare --mount --net bash inside # its devices are in use here, too
    execdm-validate -q --as=driver reply >/dev/null
    same '[{"type":"'"$types"'/resource-types/nvidia-ad104","spec":{"memory":12,"shaders":5888},"count":2}]' "$(jq -c .facts.extras reply)"
    same '[{"memory":22.494140625,"shaders":7424},1]' "$(jq -c '.facts.extras[0] | [.spec, .count]' one)"
    same '1' "$(jq -c '.facts.extras[0].count' minor)"
    same 'x 1 nvidia-ad104 1' "$(jq -r '[.facts.extras[] | (.type | split("/") | last), (.count | tostring)] | join(" ")' named)"
    # one and all that is its own and everybody's, and then both
    cp end1.json end.json
    same "nvidia-uvm nvidia0 nvidiactl" "$(grep '^nvidia' "$(result stdout)" | xargs)"
    run -1 grep render "$(result stdout)"
    same "GPU-aaaa GPU-aaaa" "$(tail -n 1 "$(result stdout)")"
    cp end2.json end.json
    same "nvidia-uvm nvidia0 nvidia1 nvidiactl renderD129" "$(grep '^nvidia\|^render' "$(result stdout)" | xargs)"
    same "GPU-aaaa,GPU-bbbb GPU-aaaa,GPU-bbbb" "$(tail -n 1 "$(result stdout)")"
    cp end3.json end.json
    same "GPU-aaaa GPU-aaaa" "$(tail -n 1 "$(result stdout)")"
    has "$(cat failing)" 'cannot find out which ' 'nvidia-ad104 there are: nvidia-smi: the driver does not answer'
    has "$(jq -r '.messages[].text' no.json)" '3 nvidia-ad104 are asked for, a job may have 2'
}
