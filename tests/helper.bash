# shellcheck shell=bash
# What every .bats file begins with:  load helper;  setup() { private_state; }
#
# require PROGRAM...        skips when a part is missing; fails then where EXECDM_REQUIRE_ALL=1
# private_state             state, configuration and HOME of this test alone, below $BATS_TEST_TMPDIR
# tiny_image                prints the path of an OCI image of busybox, made once per run
# once NAME CMD...          runs CMD... with one argument more, a path to make, once per run; prints that path
# wait_until SECONDS CMD... tries CMD ten times a second until it succeeds
# require_npm               skips without the npm packages of contrib/quickstart's list (EXECDM_NPM: their node_modules)
# validate ARG...           runs execdm-validate; $code, and what it wrote in out and err
# exits CODE ARG...         the same, and fails unless it ends with CODE
# rules_in FILE.c...        the ids of rules that stand in calls of what makes findings
# Tags: `# bats test_tags=real` (a part that is not ours is started), `root`, `user`: see tests/run.

TOP_SRCDIR=${TOP_SRCDIR:-$(cd "$BATS_TEST_DIRNAME/.." && pwd)}
TOP_BUILDDIR=${TOP_BUILDDIR:-$TOP_SRCDIR/build}
EXECDM_SCHEMA=${EXECDM_SCHEMA:-$TOP_SRCDIR/schema}
EXECDM_DRIVER_PATH=${EXECDM_DRIVER_PATH:-$TOP_BUILDDIR/cmd}
EXECDM_SHARED=${EXECDM_SHARED:-$TOP_SRCDIR/../shared}
export TOP_SRCDIR TOP_BUILDDIR EXECDM_SCHEMA EXECDM_DRIVER_PATH EXECDM_SHARED
case :$PATH: in *":$TOP_BUILDDIR/cmd:"*) ;; *) export PATH="$TOP_BUILDDIR/cmd:$PATH" ;; esac

private_state() {
    export HOME=$BATS_TEST_TMPDIR/home
    export EXECDM_STATE=$BATS_TEST_TMPDIR/state EXECDM_CONFIG=$BATS_TEST_TMPDIR/config
    export XDG_STATE_HOME=$HOME/.local/state XDG_CONFIG_HOME=$HOME/.config XDG_CACHE_HOME=$HOME/.cache
    unset XDG_RUNTIME_DIR
    mkdir -p "$HOME" "$EXECDM_CONFIG"
}

# A faketime that was killed leaves what stops the next one with its process id.
forget_faketime() {
    local file
    for file in /dev/shm/*faketime_*_*; do
        if [ -O "$file" ] && ! [ -e "/proc/${file##*_}" ]; then rm -f "$file"; fi
    done
}

require() {
    local program
    for program; do
        if [ "$program" = faketime ]; then forget_faketime; fi
        if command -v "$program" >/dev/null; then continue; fi
        if [ "${EXECDM_REQUIRE_ALL-}" = 1 ]; then
            echo "$program is missing, and EXECDM_REQUIRE_ALL is set" >&2
            return 1
        fi
        skip "$program is missing"
    done
}

require_npm() {
    require node
    if [ -d "${EXECDM_NPM-}" ]; then
        export NODE_PATH=$EXECDM_NPM
    elif [ "${EXECDM_REQUIRE_ALL-}" = 1 ]; then
        echo "EXECDM_NPM names no directory, and EXECDM_REQUIRE_ALL is set" >&2
        return 1
    else
        skip "the npm packages are not installed (EXECDM_NPM)"
    fi
}

once() {
    local dir=${BATS_RUN_TMPDIR:-$BATS_TMPDIR}/shared name=$1
    shift
    mkdir -p "$dir"
    (
        flock 9
        if ! [ -e "$dir/$name" ]; then "$@" "$dir/$name" >&2 9>&-; fi
    ) 9>"$dir/$name.lock" || return 1
    printf '%s\n' "$dir/$name"
}

tiny_image() {
    once tiny "$TOP_SRCDIR/contrib/images/tiny"
}

wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "waited in vain for: $*" >&2
            return 1
        fi
        sleep 0.1
    done
}

rules_in() {
    perl -0777 -ne '
        s/json_text\([^()]*\)//g;
        while (/(?<!void[ ])(?<!\*)\b(?:finding_add|keyword_complain|rules_break|carry_refuse|refuse|answer_message|add_message)\s*\(
                (?:[^;"]|"(?:\\.|[^"\\])*")*?"([a-z]+(?:-[a-z]+)*)"/gx) { print "$1\n" }' "$@" | sort -u
}

validate() {
    code=0
    execdm-validate "$@" >out 2>err || code=$?
}

exits() {
    local want=$1
    shift
    validate "$@"
    if [ "$code" -eq "$want" ]; then return 0; fi
    echo "execdm-validate $*: exit $code, expected $want"
    cat out err
    return 1
}

# Was this built with sanitizers? Then what memory it takes is not its own.
sanitized() {
    grep -q -- --enable-sanitizers "$TOP_BUILDDIR/config.status"
}
