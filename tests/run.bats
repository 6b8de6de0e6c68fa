#!/usr/bin/env bats
# execdm-run: programs of both kinds, data in and results out, ends of every sort, and what a program cannot see.
# Everything is real: bubblewrap, umoci, an image of busybox, a server on the loopback.

# shellcheck disable=SC2016,SC2030,SC2031 # what is in quotes is for the program; one test's state is its own
bats_require_minimum_version 1.5.0
load helper
load jobs

setup() {
    jobs_state
    export tiny web
}

# ends ID PHASE REASON FAULT: how a job is recorded.
ends() {
    local doc
    doc=$(job "$1" '[.phase, .error.reason, .error.fault] | join(" ")')
    same "$2 $3 $4" "$doc"
}

out() { # ID: what the program said
    cat "$(files "$1")/attempt-1/stdout"
}

@test "a python program: arguments, one file in, a directory out" {
    printf 'import sys\nopen("/outputs/got", "w").write(open("/inputs/a").read() * int(sys.argv[1]))\nprint(sys.argv)\n' >p.py
    echo abc >a
    id=$(submit program=p.py arg=3 arg='b c' r:/inputs/a=a rw:/outputs=results/)
    work "$id"
    same COMPLETED "$(jq -r .phase "$id.json")"
    same "abc abc abc" "$(xargs <results/got)"
    same "['/execdm/program', '3', 'b c']" "$(out "$id")"
    same "got stdout stderr" "$(job "$id" '[.results[].name] | join(" ")')"
    same "sha256:$(sha256sum <results/got | cut -d ' ' -f 1)" "$(job "$id" '.results[0].checksum')"
}

@test "an image from a layout: command, entrypoint, environment, and what the image itself says" {
    id=$(submit cmd='["/bin/echo","one","$HOME"]')
    work "$id"
    # shellcheck disable=SC2016
    same 'one $HOME' "$(out "$id")"
    id=$(submit entry='["/bin/sh","-c"]' cmd='["echo $A $PATH"]' env=A=b=c)
    work "$id"
    same "b=c /bin" "$(out "$id")"
    cp -R "$tiny" img
    umoci --log=error config --image img:latest --clear=config.cmd --config.entrypoint /bin/echo \
        --config.entrypoint image --config.cmd says --config.env FROM=image
    id=$(submit image=oci:img)
    work "$id"
    same "image says" "$(out "$id")"
    # what the task says, one of the two or both, replaces both
    id=$(submit image=oci:img sh='echo $FROM')
    work "$id"
    same image "$(out "$id")"
    id=$(submit image=oci:img entry='["/bin/echo","task"]')
    work "$id"
    same task "$(out "$id")"
}

@test "an image from an archive, by tag and digest" {
    require tar
    tar -C "$tiny" -cf tiny.tar .
    digest=$(jq -r '.manifests[0].digest' "$tiny/index.json")
    id=$(submit image=oci-archive:tiny.tar:latest digest="$digest" sh='echo archive')
    work "$id"
    same archive "$(out "$id")"
    same "config.json lock rootfs" "$(cd "$EXECDM_STATE"/images/sha256-* && echo *)"
    same "$digest" "$(job "$id" .executable.spec.digest)"
    tar -C "$tiny" -cf plain.tar blobs index.json oci-layout
    chmod 600 plain.tar # root's own, and yet the job account is to unpack it
    rm -rf "$EXECDM_STATE/images"
    id=$(submit image=oci-archive:plain.tar sh='echo plain')
    work "$id"
    same plain "$(out "$id")"
    [ -z "$(ls -A "$EXECDM_STATE/images/tmp")" ]
}

@test "a directory in, mounted where the task says; a single file out" {
    mkdir -p 'd/e f'
    echo 1 >d/a
    echo 2 >'d/e f/b'
    id=$(submit sh='cd /bin/data/x && find . -type f | sort >/outputs/list' r:/bin/data/x=d \
        rw:/outputs/list=list.txt spec:type=file)
    work "$id"
    same "./a ./e f/b" "$(xargs <list.txt)"
    [ -f list.txt ]
    same "file://$BATS_TEST_TMPDIR/list.txt" "$(job "$id" '.results[0].url')"
}

@test "http in and http out" {
    mkdir www
    echo from afar >www/a
    serve www
    id=$(submit sh='tr a-z A-Z </inputs/a >/outputs/b' r:/inputs/a="$web/a" rw:/outputs/b="$web/up/b" )
    case $(cat task.json answer.json) in *"built without libcurl"*) skip "built without libcurl" ;; esac
    work "$id"
    same "FROM AFAR" "$(cat www/up/b)"
    same "$web/up/b" "$(job "$id" '.results[0].url')"
}

@test "what is left in /outputs is kept with the job; scratch is not" {
    id=$(submit sh='mkdir d; echo kept >d/a; echo x >/scratch/x; df -P /scratch >/dev/null; pwd' scratch:/scratch=0.01)
    work "$id"
    same /outputs "$(out "$id")"
    url=$(job "$id" '.results[0].url')
    same "d/a" "$(job "$id" '.results[0].name')"
    same kept "$(cat "${url#file://}")"
    [ -z "$(find "$EXECDM_STATE/jobs" -name x)" ]
    run ! ls "$(files "$id")/attempt-1/scratch"
}

@test "two inputs and two outputs that nest in places the image does not have" {
    echo 1 >a
    echo 2 >b
    id=$(submit sh='cat /bin/x/a /data/y/z/b >/results/one/r; cat /bin/x/a >/bin/deep/er/q; ls /bin/busybox' \
        r:/bin/x/a=a r:/data/y/z/b=b rw:/results/one=one/ rw:/bin/deep/er=two/)
    work "$id"
    same "1 2" "$(xargs <one/r)"
    same 1 "$(cat two/q)"
}

@test "the host's python with mounts in new places below /usr" {
    printf 'import os\nprint(open("/usr/share/new/place").read(), os.path.exists("/usr/bin/env"), os.listdir("/opt/x/y"))\n' >p.py
    printf hello >a
    mkdir d
    echo >d/f
    id=$(submit program=p.py r:/usr/share/new/place=a r:/opt/x/y=d)
    work "$id"
    same "hello True ['f']" "$(out "$id")"
}

@test "exit codes are the task's: 0, 3, 200; 137 is no signal" {
    for code in 3 200 137; do
        id=$(submit sh="exit $code")
        run -1 work "$id"
        ends "$id" ERROR exit task
        same "{\"code\":$code}" "$(job "$id" .exit)"
        has "$(job "$id" .error.message)" "exit code $code"
        same false "$(job "$id" .error.transient)"
    done
    id=$(submit sh="exit 0")
    work "$id"
    same '{"code":0} null COMPLETED' "$(job "$id" '"\(.exit) \(.error) \(.status)"')"
}

@test "signals are told from exit codes" {
    for number in 9 11 15; do
        id=$(submit sh="kill -$number \$\$; sleep 10")
        run -1 work "$id"
        ends "$id" ERROR signal task
        same "{\"signal\":$number}" "$(job "$id" .exit)"
        has "$(job "$id" .error.message)" "signal $number"
    done
}

@test "a program that never ends is ABORTED at its time limit, its results are kept" {
    id=$(submit max=PT1S sh='echo before >a; sleep 1000')
    run -1 work "$id"
    ends "$id" ABORTED timelimit task
    same CANCELLED "$(job "$id" .status)"
    same "a stdout stderr" "$(job "$id" '[.results[].name] | join(" ")')"
    [ "$(job "$id" '.usage.wall < 9')" = true ]
}

@test "SIGTERM comes first, so that a program may finish its work" {
    printf '%s\n' 'import signal, sys' \
        'def end(*a): open("/outputs/late", "w").write("said goodbye"); sys.exit(0)' \
        'signal.signal(signal.SIGTERM, end)' 'while True: signal.pause()' >p.py
    id=$(submit max=PT1S program=p.py rw:/outputs=results/)
    run -1 work "$id"
    ends "$id" ABORTED timelimit task
    same "said goodbye" "$(cat results/late)"
    [ "$(job "$id" '.usage.wall < 4')" = true ]
}

@test "more memory than was booked is an end of its own" {
    printf '%s\n' 'import time' 'x = bytearray(500 << 20)' 'x[::4096] = b"1" * len(x[::4096])' 'time.sleep(60)' >p.py
    id=$(submit program=p.py)
    run -1 work "$id"
    ends "$id" ERROR memlimit task
    [ "$(job "$id" '.usage.wall < 30')" = true ]
}

@test "a program that is not in the image; an image that names none" {
    id=$(submit cmd='["/bin/no-such","x"]')
    run -1 work "$id"
    ends "$id" ERROR exit task
    same 127 "$(job "$id" .exit.code)"
    has "$(job "$id" .error.message)" "cannot be started" "No such file"
    cp -R "$tiny" img
    umoci --log=error config --image img:latest --clear=config.cmd
    id=$(submit image=oci:img)
    run -1 work "$id"
    same "ERROR task" "$(job "$id" '"\(.phase) \(.error.fault)"')"
    has "$(job "$id" .error.message)" "command"
}

@test "a flood of output is cut at 64 MiB, said, and hurts nobody" {
    id=$(submit sh='yes | head -c 100000000; yes err | head -c 70000000 >&2; echo x >/outputs/done')
    work "$id"
    ends "$id" COMPLETED "" ""
    same 67108864 "$(stat -c %s "$(files "$id")/attempt-1/stdout")"
    same 67108864 "$(stat -c %s "$(files "$id")/attempt-1/stderr")"
    same 2 "$(job "$id" '[.messages[] | select(.rule == "output-limit")] | length')"
    has "$(job "$id" '[.messages[].text] | join(";")')" "stdout was truncated after 67108864 bytes, 32891136 more"
}

@test "outputs that lead out, fifos and setuid files do no harm" {
    echo secret >secret
    id=$(submit sh="echo good >good; ln -s $BATS_TEST_TMPDIR/secret out1; ln -s ../../../../../../../../etc/passwd out2
        ln -s good in; mkfifo pipe; cp good suid; chmod 6755 suid; ln -s /proc/self/root/etc magic" rw:/outputs=results/)
    work "$id"
    ends "$id" COMPLETED "" ""
    same good "$(cat results/good)"
    same 755 "$(stat -c %a results/suid)"
    for name in out1 out2 magic pipe; do [ ! -e "results/$name" ]; done
    run ! grep -r secret results
    same 4 "$(job "$id" '[.messages[] | select(.rule == "output-skipped") | select(.text | test("out1|out2|magic|pipe"))] | length')"
}

@test "what the program closed to its owner is stored all the same" {
    id=$(submit sh='mkdir -p d/e; echo 1 >d/e/f; chmod 0 d/e/f d/e d; echo 2 >g; chmod 0 g' rw:/outputs=results/)
    work "$id"
    ends "$id" COMPLETED "" ""
    same 1 "$(cat results/d/e/f)"
    same 2 "$(cat results/g)"
}

@test "a file for a result is replaced by what was written, never by nothing" {
    echo precious >kept
    id=$(submit sh='exit 3' rw:/outputs/p=kept)
    run -1 work "$id"
    same precious "$(cat kept)"
    has "$(job "$id" '.messages[0].text')" "wrote nothing"
    id=$(submit sh='echo new >p' rw:/outputs/p=kept)
    work "$id"
    same new "$(cat kept)"
    same s0 "$(job "$id" '.results[0].name')" # the storage's name
    task sh='exit 0' rw:/outputs=kept
    run -1 execdm-plan task.json
    has "$output" "/outputs is the working directory"
    same new "$(cat kept)"
}

@test "nobody: open descriptors and the session's keys stay outside" {
    mkdir private
    echo secret >private/file
    cat >fds.py <<'P'
import os
print(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1])
P
    id=$(submit program=fds.py)
    exec 9<private 20<private/file 250<private
    work "$id"
    exec 9<&- 20<&- 250<&-
    same '[0, 1, 2]' "$(out "$id")"
}

@test "the task's environment is on nobody's command line" {
    id=$(submit sh='while [ ! -e stop ]; do sleep 0.1; done' env=TOKEN=hush-hush-4711 max=PT20S)
    execdm-run "$id" >run.out 2>run.err 3>&- &
    worker=$!
    wait_until 15 is "$id" EXECUTING
    run ! grep -la hush-hush-4711 /proc/[0-9]*/cmdline
    execdm-phase "$id" abort >phase.out
    wait "$worker" || true
}

@test "memory: files in /tmp and /dev/shm count" {
    id=$(submit sh='dd if=/dev/zero of=/tmp/a bs=1M count=100; sleep 10' memory=0.0625)
    run -1 work "$id"
    ends "$id" ERROR memlimit task
    id=$(submit sh='dd if=/dev/zero of=/dev/shm/a bs=1M count=100; sleep 10' memory=0.0625)
    run -1 work "$id"
    ends "$id" ERROR memlimit task
    has "$(job "$id" .error.message)" "64 MiB" "minmemory"
}

@test "the job belongs to who accepted it" {
    id=$(submit sh='exit 0')
    same "$(id -un)" "$(job "$id" .owner)"
}

@test "an input with another checksum: fault staging, nothing half-done stays" {
    echo 1 >a
    sum=$(sha256sum </dev/null | cut -d ' ' -f 1)
    id=$(submit sh='exit 0' r:/inputs/a=a spec:checksum="sha256:$sum")
    run -1 work "$id"
    ends "$id" ERROR stagein staging
    has "$(job "$id" .error.message)" "does not have the checksum"
    [ -z "$(find "$(files "$id")" -name in)" ]
    run ! ls "$(files "$id")/attempt-1/started"
}

@test "an input that has gone since it was planned" {
    echo 1 >a
    id=$(submit sh='exit 0' r:/inputs/a=a)
    rm a
    run -1 work "$id"
    ends "$id" ERROR stagein staging
    has "$(job "$id" .error.message)" "No such file"
    echo 1 >a
    id=$(submit sh='exit 0' r:/inputs/a=a)
    work "$id"
}

@test "results that cannot be stored: fault staging, and they are not lost" {
    id=$(submit sh='echo precious >/outputs/a' rw:/outputs=results/)
    echo in the way >results
    run -1 work "$id"
    ends "$id" ERROR stageout staging
    same precious "$(cat "$(find "$(files "$id")" -name a)")"
    same "in the way" "$(cat results)"
    # by hand, when the way is free: all of it, or one by its name
    execdm-stage --check "job:$id"
    rm results
    execdm-stage "job:$id" results/
    same precious "$(cat results/a)"
    execdm-stage "job:$id/a" one
    same precious "$(cat one)"
    run -66 execdm-stage "job:$id/none" none
    run -69 execdm-stage one "job:$id/b"
}

@test "results are fetched days later, by job:ID and job:ID/NAME, and compared with what they were" {
    id=$(submit sh='mkdir /outputs/d; echo 1 >/outputs/d/a; echo 2 >/outputs/b; echo said' rw:/outputs=results/)
    work "$id"
    execdm-stage "job:$id" all
    same "1 2 said" "$(cat all/d/a all/b all/stdout | xargs)"
    execdm-stage "job:$id/d" d
    same 1 "$(cat d/a)"
    execdm-stage "job:$id/b" .
    same 2 "$(cat b)"
    echo 3 >results/b
    run -1 execdm-stage "job:$id/b" other
    has "$output" "does not have the checksum"
    run -66 execdm-stage job:01900000-0000-7000-8000-000000000000 none
    [ ! -e none ]
}

@test "the disk is full while staging: the job ends, the partial file goes, the next job runs" {
    head -c 30000000 /dev/zero >big
    head -c 1000 /dev/zero >small
    state=$EXECDM_STATE
    if [ "$(id -u)" -eq 0 ]; then
        mkdir disk
        mount -t tmpfs -o size=12m execdm-test disk || skip "cannot mount a tmpfs"
        export EXECDM_STATE=$PWD/disk/state
        id=$(submit sh='exit 0' r:/inputs/big=big)
        status=0
        work "$id" || status=$?
        ends "$id" ERROR stagein staging || { umount -l disk; return 1; }
        left=$(find disk -size +1000k -path '*/in*')
        id=$(submit sh='exit 0' r:/inputs/small=small) || status=$?
        work "$id" || status=2
        umount -l disk
        same "1," "$status,$left"
    else
        # the store's own files stay below the limit, the copy of the input does not
        id=$(submit sh='exit 0' r:/inputs/big=big)
        (
            ulimit -f 10000
            run -1 work "$id"
        )
        ends "$id" ERROR stagein staging
        [ -z "$(find "$state/jobs" -size +1000k)" ]
        id=$(submit sh='exit 0' r:/inputs/small=small)
        work "$id"
    fi
}

# spoil FILE: one byte of it is another one, its length is the same.
spoil() {
    local at=$(($(stat -c %s "$1") / 2)) byte
    chmod u+w "$1"
    byte=$(od -An -tu1 -j "$at" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

@test "an image with a flipped byte is refused and leaves nothing" {
    digest=$(jq -r '.manifests[0].digest' "$tiny/index.json")
    manifest=blobs/sha256/${digest#sha256:}
    for what in .layers[0].digest .config.digest manifest; do
        rm -rf img
        cp -R "$tiny" img
        if [ "$what" = manifest ]; then blob=$manifest; else
            blob=blobs/sha256/$(jq -r "$what" "$tiny/$manifest" | cut -d : -f 2)
        fi
        id=$(submit image=oci:img sh='exit 0' r:/inputs/a=img/oci-layout scratch:/s=0.01)
        spoil "img/$blob"
        run -1 work "$id"
        ends "$id" ERROR imagepull task
        has "$(job "$id" .error.message)" img
        [ -z "$(find "$EXECDM_STATE/images" -mindepth 1 ! -name lock ! -name tmp)" ]
        [ -z "$(find "$(files "$id")" -name in -o -name scratch)" ]
    done
}

@test "an image is unpacked once, also by two at a time" {
    one=$(submit sh='exit 0')
    two=$(submit sh='exit 0')
    execdm-run "$one" >one.json &
    first=$!
    execdm-run "$two" >two.json
    wait "$first"
    same "COMPLETED COMPLETED" "$(jq -rs '[.[].phase] | join(" ")' one.json two.json)"
    same 1 "$(find "$EXECDM_STATE/images" -mindepth 1 -maxdepth 1 -name 'sha256-*' | wc -l)"
    before=$(stat -c '%i %Y' "$EXECDM_STATE"/images/sha256-*/rootfs/bin)
    id=$(submit sh='exit 0')
    work "$id"
    same "$before" "$(stat -c '%i %Y' "$EXECDM_STATE"/images/sha256-*/rootfs/bin)"
    [ -z "$(ls -A "$EXECDM_STATE/images/tmp")" ]
}

@test "no network: not the host's loopback, not IPv6, not an abstract socket" {
    cat >listen.py <<'P'
import os, socket, sys
keep = []
for family, where in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::1", 0)), (socket.AF_UNIX, "\0" + sys.argv[1])):
    try:
        s = socket.socket(family)
        s.bind(where)
        s.listen(5)
        keep.append(s)
    except OSError:
        keep.append(None)
with open("ports.new", "w") as out:
    print(*(s.getsockname()[1] if s else 9 for s in keep[:2]), file=out)
os.rename("ports.new", "ports")
while True:
    keep[0].accept()[0].close()
P
    name=execdm-test-$$-$RANDOM
    /usr/bin/python3 listen.py "$name" 3>&- &
    echo $! >listen.pid
    wait_until 20 test -e ports
    read -r v4 v6 <ports
    cat >p.py <<'P'
import socket, sys
for family, where in ((socket.AF_INET, ("127.0.0.1", int(sys.argv[1]))), (socket.AF_INET6, ("::1", int(sys.argv[2]))),
                      (socket.AF_UNIX, "\0" + sys.argv[3]), (socket.AF_INET, ("192.0.2.1", 80))):
    try:
        s = socket.socket(family)
        s.settimeout(2)
        s.connect(where)
        print("connected", where)
    except OSError:
        print("no")
print(sorted(n for _, n in socket.if_nameindex()))
P
    /usr/bin/python3 p.py "$v4" "$v6" "$name" >outside
    has "$(cat outside)" "connected ('127.0.0.1'"
    id=$(submit program=p.py arg="$v4" arg="$v6" arg="$name")
    work "$id"
    same "no no no no ['lo']" "$(out "$id" | xargs -d '\n')"
}

@test "nothing of the host: its files, its processes, its users" {
    export EXECDM_MARK=mark-$$
    cat >p.py <<'P'
import os
for path in ("/home", "/root", "/var", "/srv", "/run", "/sys", "/boot", "/mnt", "/etc/shadow", "/etc/hostname", "/etc/ssl"):
    if os.path.exists(path) and (not os.path.isdir(path) or os.listdir(path)):
        print("there is", path)
print(open("/etc/passwd").read().split(":")[0], len(open("/etc/passwd").readlines()))
print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit())[-1] < 10, os.uname().nodename, os.listdir("/tmp"))
for pid in os.listdir("/proc"):
    if pid.isdigit():
        text = open("/proc/%s/cmdline" % pid, "rb").read()
        if b"bwrap" in text or b"attempt-" in text:
            print("a command line tells of the host:", text)
P
    id=$(submit program=p.py)
    work "$id"
    same "nobody 1 True execdm []" "$(out "$id" | xargs -d '\n')"
    id=$(submit sh='ls -A /; ls /etc 2>&1; ls /dev')
    work "$id"
    same "bin dev execdm outputs proc tmp" "$(out "$id" | head -6 | xargs)"
    run ! grep -E 'vd|sd|mem|kmsg|loop' "$(files "$id")/attempt-1/stdout"
}

@test "inputs, root and program cannot be written, /tmp and outputs can" {
    echo 1 >a
    mkdir d
    echo 1 >d/f
    id=$(submit r:/inputs/a=a r:/inputs/d=d rw:/outputs=results/ sh='
        for f in /inputs/a /inputs/d/f /inputs/d/new /bin/new /bin/busybox /new /execdm/new /execdm/init /inputs/new; do
            (echo 2 >$f) 2>/dev/null && echo wrote $f
        done
        rm -f /inputs/a 2>/dev/null; chmod 777 /inputs/a 2>/dev/null && echo chmod
        mount -o remount,rw / 2>/dev/null && echo mount
        echo 3 >/tmp/x && cat /tmp/x && echo 4 >/outputs/x && cat /outputs/x')
    work "$id"
    same "3 4" "$(out "$id" | xargs)"
    same "1 1" "$(cat a d/f | xargs)"
}

@test "nobody: uid 65534, no capabilities, no new privileges, signals as they should be" {
    id=$(submit cmd='["/bin/grep","-E","^(Uid|Gid|Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|SigIgn|SigBlk|Groups)","/proc/self/status"]')
    trap '' PIPE CHLD HUP
    work "$id"
    trap - PIPE CHLD HUP
    none=0000000000000000
    me="65534 65534 65534 65534"
    want="Uid: $me Gid: $me SigBlk: $none SigIgn: $none CapInh: $none CapPrm: $none CapEff: $none CapBnd: $none CapAmb: $none NoNewPrivs: 1"
    same "$want" "$(out "$id" | grep -v Groups | xargs)"
    # what the kernel cannot map is nobody, too
    same "" "$(out "$id" | grep Groups | tr -d 'Groups:\t \n' | sed 's/65534//g')"
}

@test "the environment holds what is decided, and nothing of the caller" {
    export SECRET=x EXECDM_TEST=1 LD_LIBRARY_PATH=/nowhere
    id=$(submit cmd='["/bin/env"]' env=MINE=1)
    work "$id"
    same "HOME=/tmp LANG=C.UTF-8 MINE=1 PATH=/bin TMPDIR=/tmp" "$(out "$id" | grep -v -e ^PWD= | sort | xargs)"
    printf 'import os\nprint(*sorted(k for k in os.environ if k not in ("PWD", "LC_CTYPE")))\nprint(os.environ["PATH"])\n' >p.py
    id=$(submit program=p.py)
    work "$id"
    same "HOME LANG PATH TMPDIR /usr/local/bin:/usr/bin:/bin" "$(out "$id" | xargs)"
}

@test "what comes out belongs to the owner again, and can be read" {
    id=$(submit sh='echo 1 >a; mkdir d; echo 2 >d/b; chmod 600 a' rw:/outputs=results/)
    work "$id"
    same "$(id -u) $(id -u)" "$(stat -c %u results/a results/d/b | xargs)"
    [ -z "$(find "$(files "$id")" ! -user "$(id -u)")" ]
    id=$(submit sh='echo 1 >a; mkdir d; echo 2 >d/b')
    work "$id"
    [ -z "$(find "$(files "$id")" ! -user "$(id -u)")" ]
}

@test "a hundred thousand open places: many files, long names, deep directories" {
    id=$(submit rw:/outputs=results/ sh='
        n=$(printf "%0200d" 0); i=0
        while [ $i -lt 300 ]; do echo $i >$n-$i; i=$((i+1)); done
        d=.; i=0; while [ $i -lt 60 ]; do d=$d/$i; i=$((i+1)); done; mkdir -p $d; echo deep >$d/f')
    work "$id"
    same 301 "$(find results -type f | wc -l)"
    same 303 "$(job "$id" '.results | length')"
}

@test "a storage may be called outputs, or program: its failure is not taken for another's" {
    mkdir there
    id=$(submit sh='echo 1 >/results/total; rm -r /results/none 2>/dev/null; exit 0' rw:/results="file://$PWD/there/a")
    sqlite3 "$EXECDM_STATE/execdm.db" "UPDATE jobs SET doc = replace(replace(doc, '\"name\":\"s0\"', '\"name\":\"outputs\"'),
        '\"resource\":\"s0\"', '\"resource\":\"outputs\"') WHERE id = '$id'"
    rmdir there
    echo in the way >there
    run execdm-run "$id"
    same "ERROR stageout" "$(job "$id" '"\(.phase) \(.error.reason)"')"
    has "$(job "$id" '[.results[].name] | join(" ")')" total
}
