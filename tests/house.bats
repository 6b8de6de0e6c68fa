#!/usr/bin/env bats
# The house keeps its own rules: layers, options, exit codes, pages, schemas, lists. Each check is a function
# that prints what is wrong in a tree; a test runs it on the tree and on a copy that was tampered with.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

# silent CMD...: it says nothing.   speaks CMD...: it does.
silent() {
    local said
    said=$("$@")
    if [ -z "$said" ]; then return 0; fi
    printf '%s says:\n%s\n' "$*" "$said" | head -n 40 >&2
    return 1
}
speaks() {
    local said
    said=$("$@")
    if [ -n "$said" ]; then return 0; fi
    printf '%s says nothing\n' "$*" >&2
    return 1
}

copy() { # NAME...: into ./tree, to be tampered with
    rm -rf tree
    mkdir tree
    cp -r "${@/#/$TOP_SRCDIR/}" tree/
    chmod -R u+w tree
}

# words VARIABLE: what a variable of Makefile.am holds; without one, every word of the file.
words() {
    awk -v name="${1-}" '
        /^#/ { next }
        { line = line $0 }
        sub(/\\$/, " ", line) { next }
        name == "" || line ~ "^" name " *[+]?=" { print line }
        { line = "" }' "$TOP_SRCDIR/Makefile.am" | sed "${1:+s/^[^=]*=//}" | tr -s '[:blank:]' '\n' | sed '/^$/d'
}

programs() {
    words bin_PROGRAMS | sed 's|.*/||'
}

# C without comments and without what stands in quotes.
code() { # FILE
    perl -0pe 's{("(?:\\.|[^"\\])*"|'"'(?:\\\\.|[^'\\\\])*'"')|/\*.*?\*/|//[^\n]*}{defined $1 ? q("") : q()}gse' "$1"
}

# --- layers

arrows() { # TREE: #include lines that point up
    (cd "$1" && grep -rn --include='*.[ch]' '^ *# *include *"' lib cmd) | awk '
        BEGIN {
            n = split("text model host net store plan job", room, " ")
            for (i = 1; i <= n; i++) rank[room[i]] = i
        }
        {
            split($0, quoted, "\"")
            file = $0
            sub(/:.*/, "", file)
            split(file, dir, "/")
            to = quoted[2]
            if (dir[1] == "cmd") next # the roof: it sees every room
            if (!sub("/.*", "", to)) { print "no room: " $0; next }
            from = dir[2]
            if (from == "cli") ok = to == "cli" || to == "text" || to == "model"
            else if (!(from in rank) || !(to in rank)) ok = 0
            else ok = rank[to] <= rank[from]
            if (!ok) print "points up: " $0
        }'
}

impure() { # TREE: files opened, the clock read, dice thrown where only values are known
    local file
    for file in "$1"/lib/text/*.[ch] "$1"/lib/model/*.[ch]; do
        code "$file" | perl -ne 'print "'"${file#"$1"/}"': $_"
            if /(?<![.>\w])(time|clock|clock_gettime|gettimeofday|ftime|getrandom|getentropy|s?random|s?rand|[dl]rand48)\s*\(/'
        case $file in
        */model/load.c | */text/*) ;;
        *) code "$file" | perl -ne 'print "'"${file#"$1"/}"': $_"
            if /(?<![.>\w])(f?open|openat|freopen|opendir|doc_file|input_open)\s*\(/' ;;
        esac
    done
}

# One library, one file.
strangers() { # TREE
    (cd "$1" && grep -rnE --include='*.[ch]' '^ *# *include *<' lib cmd) | awk '
        BEGIN {
            owner["sqlite3.h"] = "lib/store/db.c"; owner["yaml.h"] = "lib/text/yaml.c lib/text/yaml_write.c"
            owner["pcre2.h"] = "lib/model/pattern.c"; owner["curl"] = "cmd/stager/web.c cmd/stager/web_file.c cmd/stager/web_parts.h cmd/http.c"
            owner["archive.h"] = owner["archive_entry.h"] = "cmd/stager/archive.c"
            owner["openssl"] = "cmd/stager/digest.c cmd/seal.c cmd/sign.c"; owner["jansson.h"] = "lib/text/json.h"
            owner["libxml"] = "cmd/stager/xml.c"
        }
        {
            header = $0
            sub(/[^<]*</, "", header)
            sub(/[\/>].*/, "", header)
            file = $0
            sub(/:.*/, "", file)
            if (header in owner && index(owner[header] " ", file " ") == 0) print "belongs into " owner[header] ": " $0
        }'
}

@test "layers: every arrow points down" {
    silent arrows "$TOP_SRCDIR"
    copy lib cmd
    silent arrows tree
    echo '#include "store/store.h"' >>tree/lib/model/task.c
    speaks arrows tree
    copy lib cmd
    echo '#include "cli/prog.h"' >>tree/lib/host/spawn.c
    speaks arrows tree
    copy lib cmd
    echo '#include "host/path.h"' >>tree/lib/cli/table.c
    speaks arrows tree
    copy lib cmd
    echo '#include "store.h"' >>tree/lib/store/store.c
    speaks arrows tree
}

@test "layers: text and model know values only" {
    require perl
    silent impure "$TOP_SRCDIR"
    copy lib cmd
    # shellcheck disable=SC2016
    echo 'int now(void) { return time(0); }' >>tree/lib/text/when.c
    speaks impure tree
    copy lib cmd
    echo 'void f(void) { doc_file(0, 0, 0); } /* open() */' >>tree/lib/model/task.c
    speaks impure tree
    copy lib cmd
    echo '/* open() and time() */ const char *x = "open(";' >>tree/lib/model/task.c
    silent impure tree
}

@test "layers: each library is known to one file" {
    silent strangers "$TOP_SRCDIR"
    copy lib cmd
    echo '#include <openssl/sha.h>' >>tree/cmd/accept.c
    speaks strangers tree
    copy lib cmd
    echo '#include <sqlite3.h>' >>tree/lib/job/query.c
    speaks strangers tree
}

@test "only execdm-stage and execdm-http load the heavy libraries" {
    require ldd
    local program heavy='lib(curl|archive|xml2|crypto|ssl)'
    for program in $(programs) execdm-cgi execdm-driver-local execdm-step; do
        [ "$program" != execdm-stage ] || continue
        run ldd "$TOP_BUILDDIR/cmd/$program"
        [ "$status" -eq 0 ]
        [[ ! $output =~ $heavy ]]
    done
    run ldd "$TOP_BUILDDIR/cmd/execdm-stage-files"
    [[ ! $output =~ lib(curl|archive|xml2|ssl) ]]
    grep -q '^#define HAVE_CURL' "$TOP_BUILDDIR/config.h" || return 0
    run ldd "$TOP_BUILDDIR/cmd/execdm-stage"
    [[ $output =~ $heavy ]]
}

# --- options: what --help says, `-q, --quiet` or `    --log=text|json`, is what the page and the completion say

said_options() { # PROGRAM
    "$1" --help | sed -n 's/^  \(-., --[^ ]*\|    --[^ ]*\) .*/\1/p' | sort
}

source_options() { # PROGRAM
    sed -n '/struct opt options\[\]/,/^};/p' "$TOP_SRCDIR/cmd/${1#execdm-}.c" | grep -o '\.name = "[^"]*"'
    sed -n '/struct opt common\[\]/,/^};/p' "$TOP_SRCDIR/lib/cli/prog.c" | grep -o '\.name = "[^"]*"'
}

page_options() { # PAGE
    sed -n '/^\.It Fl /{
        s/^\.It Fl \([A-Za-z]\) , -/-\1, --/
        s/^\.It Fl -/    --/
        s/ Ns Op = Ns Ar \(.*\)/[=\1]/
        s/ Ns = Ns Ar /=/
        p
    }' "$1" | sort
}

page_synopsis() { # PAGE
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$1"
}

complete_words() { # COMPLETION WORD...: the last word is completed
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _execdm "$1"
        if [ ${#COMPREPLY[@]} -gt 0 ]; then printf "%s\n" "${COMPREPLY[@]}"; fi' complete "$@" | sort
}

wrong_options() { # PROGRAM PAGE COMPLETION
    local name value
    diff <(said_options "$1") <(page_options "$2") || true
    diff <(said_options "$1" | sed 's/.*--/--/; s/\[=.*//; s/=.*/=/' | sort) <(complete_words "$3" "$1" --) || true
    diff <(said_options "$1" | sed 's/.*--//; s/\[*=.*//' | sort) \
        <(source_options "$1" | sed 's/.*"\(.*\)"/\1/' | sort) || true
    # values that are words: the completion offers the same
    said_options "$1" | sed -n 's/^ *\(--[^=[]*\)=\([a-z|0-9]*\)$/\1 \2/p' | while read -r name value; do
        diff <(tr '|' '\n' <<<"$value" | sort) <(complete_words "$3" "$1" "$name" = '') || true
    done
    said_options "$1" | sed -n '/--help\|--version\|--quiet\|--verbose/!s/.*--\([^=[]*\).*/\1/p' | while read -r name; do
        page_synopsis "$2" | grep -qE -- "Fl -$name( |\$)" || echo "--$name is not in the synopsis"
    done
    page_synopsis "$2" | grep -q '^\.Op Fl qv$' || echo "-q and -v are not in the synopsis"
}

@test "options: --help, page and completion say the same" {
    local program completion=$TOP_SRCDIR/contrib/completion/execdm
    for program in $(programs); do
        speaks said_options "$program"
        silent wrong_options "$program" "$TOP_SRCDIR/man/$program.1" "$completion"
    done
}

@test "options: a page or completion that says less is found" {
    local completion=$TOP_SRCDIR/contrib/completion/execdm page=$TOP_SRCDIR/man/execdm-plan.1
    sed '/^\.It Fl -planner/d' "$page" >page.1
    speaks wrong_options execdm-plan page.1 "$completion"
    sed 's/^\.It Fl -format Ns = Ns Ar table|json/.It Fl -format Ns = Ns Ar table/' "$page" >page.1
    speaks wrong_options execdm-plan page.1 "$completion"
    sed '/^\.Op Fl -planner/d' "$page" >page.1
    speaks wrong_options execdm-plan page.1 "$completion"
    # shellcheck disable=SC2016
    sed 's/"$1" --help/& | grep -v planner/' "$completion" >tampered
    speaks wrong_options execdm-plan "$page" tampered
    # shellcheck disable=SC2016
    sed 's/words=\${1.*/words=table ;;/' "$completion" >tampered
    speaks wrong_options execdm-plan "$page" tampered
}

@test "completion: phases, kinds, verbs and programs are those there are" {
    local completion=$TOP_SRCDIR/contrib/completion/execdm
    diff <(complete_words "$completion" execdm-status --wait = '') \
        <(sed -n 's/^ *\[PHASE_[A-Z]*\] = {"\([A-Z]*\)".*/\1/p' "$TOP_SRCDIR/lib/model/phase.c" | sort)
    diff <(complete_words "$completion" execdm-validate --as = '') \
        <(sed -n 's/^ *\[KIND_[A-Z_]*\] = {"\([a-z-]*\)".*/\1/p' "$TOP_SRCDIR/lib/model/check.c" | sort)
    diff <(complete_words "$completion" execdm-phase x '') \
        <(sed -n '/verbs\[VERBS\] = {/,/};/p' "$TOP_SRCDIR/lib/job/query.c" | grep -o '"[a-z]*"' | tr -d '"' | sort)
    diff <(complete_words "$completion" execdm-store '') \
        <(awk '/} verbs\[\] = /, /;/' "$TOP_SRCDIR/cmd/store.c" | grep -o '"[a-z]*"' | tr -d '"' | sort)
    diff <(bash -c '. "$1"; complete -p' complete "$completion" | sed 's/.* //' | sort) <(programs | sort)
}

@test "completion: files, platforms and what follows --" {
    local completion=$TOP_SRCDIR/contrib/completion/execdm
    touch task.yaml answer.json
    mkdir -p "$EXECDM_CONFIG/platforms.d"
    # shellcheck disable=SC2016
    touch "$EXECDM_CONFIG/platforms.d/lab.yaml" "$EXECDM_CONFIG/platforms.d/"'$(touch pwned).yaml'
    [ "$(complete_words "$completion" execdm-validate t)" = task.yaml ]
    [ "$(complete_words "$completion" execdm-accept --offer = 1 a)" = answer.json ]
    [ "$(complete_words "$completion" execdm-plan --planner = '' | xargs)" = "lab localhost" ]
    [ "$(complete_words "$completion" execdm-plan --planner l | xargs)" = "lab localhost" ]
    [ "$(complete_words "$completion" execdm-plan --planner = ./t)" = ./task.yaml ]
    [ "$(complete_words "$completion" execdm-plan --format=j)" = --format=json ]
    [ -z "$(complete_words "$completion" execdm-plan -- --f)" ]
    [ ! -e pwned ]
}

# --- exit codes

code_table() { # TREE: number, name and meaning, of err.h and err.c
    perl -0ne 'our %n; while (/CODE_(\w+) = (\d+)/g) { $n{$1} = $2 }
        while (/\{CODE_(\w+), "(\w+)", \d+,\s*"([^"]*)"\}/g) { print "$n{$1} $2 $3\n" }' \
        "$1/lib/text/err.h" "$1/lib/text/err.c"
}

wrong_codes() { # TREE
    local page code
    diff <(code_table "$1") <(sed -n 's/^\.It \([0-9]*\) Ta \([A-Z]*\) Ta /\1 \2 /p' "$1/man/execdm.7") || true
    for page in "$1"/man/*.1; do
        sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It \([0-9]*\)$/\1/p' "$page" | while read -r code; do
            code_table "$1" | grep -q "^$code " || echo "$page: there is no exit code $code"
        done
        grep -qx '\.It 0' "$page" || echo "$page: has no exit codes"
    done
}

@test "exit codes: execdm(7) prints the one table, the pages use no others" {
    require perl
    speaks code_table "$TOP_SRCDIR"
    silent wrong_codes "$TOP_SRCDIR"
    copy lib man
    sed -i 's/"try again later"/"come back"/' tree/lib/text/err.c
    speaks wrong_codes tree
    copy lib man
    sed -i 's/^\.It 79$/.It 80/' tree/man/execdm-accept.1
    speaks wrong_codes tree
}

# --- rules: one table, of execdm-validate --rules

wrong_rules() { # TREE: ids that are no row, rows that nobody uses, and a page that says other things
    local id
    execdm-validate --rules >table
    cut -f 1 table | sort >ids
    rules_in "$1"/lib/*/*.c "$1"/cmd/*.c "$1"/cmd/*/*.c | comm -13 ids - | sed 's/^/not in the table: /'
    sort ids | uniq -d | sed 's/^/twice in the table: /'
    while read -r id; do
        find "$1/lib" "$1/cmd" -name '*.c' ! -path '*/model/rule.c' -exec grep -qF "\"$id\"" {} + ||
            echo "nobody uses $id"
    done <ids
    awk -F '\t' '{ print $1 " (" $2 ($3 == "-" ? "" : ", " $3) ") " toupper(substr($4, 1, 1)) substr($4, 2) "." }' table >said
    sed -n '/^\.It Cm /{
        N
        s/^\.It Cm \(.*\) Pq \(.*\)\n/\1 (\2) /p
    }' "$1/man/execdm-rules.7" | diff said - || true
}

@test "rules: every id is a row, every row is used, and the page lists them" {
    require perl
    silent wrong_rules "$TOP_SRCDIR"
    copy lib cmd man
    echo 'void f(void) { rules_break(r, "no-such-rule", at, "x"); }' >>tree/lib/model/places.c
    speaks wrong_rules tree
    copy lib cmd man
    sed -i 's/"mount-overlap"/"mount-twice"/' tree/lib/model/places.c
    speaks wrong_rules tree
    copy lib cmd man
    sed -i '/^\.It Cm shorter/d' tree/man/execdm-rules.7
    speaks wrong_rules tree
}

# --- pages

@test "pages: mandoc has nothing to say" {
    require mandoc
    run mandoc -T lint -W warning "$TOP_SRCDIR"/man/*
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "pages: every program has one, every reference of ours leads to one" {
    local program name section
    for program in $(programs); do
        [ -f "$TOP_SRCDIR/man/$program.1" ]
    done
    grep -rhoE '^\.(Xr|It Xr) execdm[a-z-]* [0-9]' "$TOP_SRCDIR/man" | sed 's/.*Xr //' | sort -u |
        while read -r name section; do
            [ -f "$TOP_SRCDIR/man/$name.$section" ] || { echo "$name($section)" && return 1; }
        done
}

# The commands of a page's EXAMPLES, as they are shown: from "$ " to the next, or to the prose.
examples() { # PAGE [DISPLAYS]
    mandoc -T ascii "$1" | sed 's/.\x08//g' | awk -v most="${2:-100}" '
        /^[A-Z]/ { inside = $0 == "EXAMPLES"; next }
        !inside || /^$/ { next }
        match($0, /^ +\$ /) { if (!from) shown++; from = RLENGTH - 1 }
        from && match($0, /^ */) && RLENGTH >= from - 1 {
            line = substr($0, from)
            sub(/^\$ /, "", line)
            if (shown <= most && line !~ /planner\.example\.org/) print line # remote.bats has a planner
            next
        }
        { from = 0 }'
}

sandboxed() {
    local reply
    require bwrap umoci /usr/bin/python3
    reply=$(printf '%s\n' '{"execdm_driver":1,"verb":"probe","deadline_s":20}' '{"id":"x"}' | execdm-driver-local probe)
    if [[ $reply == *'"ok":true'* ]]; then return 0; fi
    [ "${EXECDM_REQUIRE_ALL-}" != 1 ] || { echo "$reply" >&2 && return 1; }
    skip "jobs cannot run here: $reply"
}

# follow PAGE...: its examples, one after the other, as a user types them, after the first of execdm(7).
follow() {
    local page
    for page; do
        mkdir "${page%.*}"
        {
            [ "$page" = execdm.7 ] || examples "$TOP_SRCDIR/man/execdm.7" 1
            examples "$TOP_SRCDIR/man/$page"
        } >"$page.sh"
        [ "$(grep -c execdm- "$page.sh")" -ge 1 ]
        (cd "${page%.*}" && bash -euo pipefail "../$page.sh" >../said 2>../complaints) || {
            echo "$page: an example fails:"
            cat "$page.sh" said complaints
            return 1
        } >&2
    done
}

@test "pages: the examples of the documents' side work" {
    require mandoc
    sandboxed
    follow execdm-validate.1 execdm-plan.1 execdm-offer.1 execdm-accept.1
    grep -q '"phase":"PENDING"' said
}

@test "pages: the examples of the jobs' side work" {
    require mandoc
    sandboxed
    follow execdm-run.1 execdm-status.1 execdm-phase.1
    [ "$(execdm-status --list | wc -l)" -eq 4 ]
    run execdm-status --list --format=table
    [[ $output != *ERROR\ * ]]
}

@test "pages: the examples of sections 5 and 7 work" {
    require mandoc
    sandboxed
    follow execdm-platform.5
    grep -q '"platform":"small"' said
    [ "$(wc -l <execdm-platform/small.yaml)" -lt 10 ]
    follow execdm-driver.7
    grep -q 'not today' said
    follow execdm-rules.7
    follow execdm.7
    [ "$(cat execdm/results/sum.txt)" = 338350 ]
    grep -q COMPLETED said
}

@test "pages: an example that fails is found" {
    require mandoc
    sandboxed
    mkdir -p tree/man
    cp "$TOP_SRCDIR/man/execdm.7" tree/man/
    sed 's/^\$ execdm-validate hello.yaml$/$ execdm-validate nothing.yaml/' "$TOP_SRCDIR/man/execdm-validate.1" \
        >tree/man/execdm-validate.1
    TOP_SRCDIR=$PWD/tree run ! follow execdm-validate.1
}

# The examples of execdm-stage need a web server; stage.bats runs them.
@test "pages: the examples of execdm-stage are run by its own tests" {
    grep -q 'man/execdm-stage\.1' "$TOP_SRCDIR/tests/stage.bats"
}

# --- every program

# closed PROGRAM ARGUMENT... with descriptors closed as $closed says; prints the exit code alone
closed() {
    local status=0
    (
        case $closed in *0*) exec <&- ;; *) exec </dev/null ;; esac
        case $closed in *1*) exec >&- ;; *) exec >said ;; esac
        case $closed in *2*) exec 2>&- ;; *) exec 2>complaints ;; esac
        exec "$@"
    ) || status=$?
    echo "$status"
}

@test "programs: --help, --version, unknown options" {
    local program
    for program in $(programs) execdm-driver-local; do
        run --separate-stderr "$program" --help
        [ "$status" -eq 0 ]
        [[ $output == "usage: $program [options]"* ]]
        [ -z "$stderr" ]
        [ "$("$program" -h)" = "$output" ]
        [ "$(env -i "$(command -v "$program")" --help)" = "$output" ]
        run --separate-stderr "$program" --version
        [ "$status" -eq 0 ]
        [[ $output =~ ^$program\ [0-9.]+$ ]]
        [ "$("$program" -V)" = "$output" ]
        for option in --no-such-option -Z --log --log=xml --help=yes; do
            run --separate-stderr "$program" "$option"
            [ "$status" -eq 64 ]
            [ -z "$output" ]
            [[ $stderr == "$program: error: "* ]]
            [[ $stderr != *$'\n'* ]]
        done
    done
}

@test "programs: closed descriptors" {
    local program closed
    for program in $(programs) execdm-driver-local; do
        closed='' && [ "$(closed "$program" --help)" -eq 0 ] && [ -s said ] && cp said help
        for closed in 0 2 02; do
            [ "$(closed "$program" --help)" -eq 0 ]
            cmp said help
        done
        for closed in 1 01 12 012; do
            [ "$(closed "$program" --help)" -eq 74 ]
        done
        run "$program" --help >/dev/full
        if [ -e /dev/full ]; then
            run bash -c '"$1" --help >/dev/full' full "$program"
            [ "$status" -eq 74 ]
        fi
    done
    echo 'name: x' >task.yaml
    closed=012
    [ "$(closed execdm-validate task.yaml)" -eq 74 ]
    [ "$(closed execdm-plan task.yaml)" -eq 74 ]
    [ "$(closed execdm-offer task.yaml)" -eq 74 ]
    [ "$(closed execdm-run --once)" -eq 0 ]
    [ "$(closed execdm-status --list)" -eq 0 ]
    closed=0
    for program in validate plan offer accept run status; do
        [ "$(closed "execdm-$program")" -eq 65 ]
        [ ! -s said ]
        grep -qE 'empty input|no job came' complaints
    done
    closed=2
    [ "$(closed execdm-validate nothing.yaml)" -eq 66 ]
    # what was written down is whole: no descriptor of the store was mistaken for standard output
    [ "$(execdm-status --list | wc -l)" -eq 0 ]
}

# --- schemas

schema_files() {
    (cd "$TOP_SRCDIR" && find schema -name '*.json' ! -path '*/vendor/*' | sort)
}

@test "schemas: every type has one, every one is listed, and none is left over" {
    local file
    diff <(sed -n 's|.*"schema": "\(.*\)".*|schema/\1|p' "$TOP_SRCDIR/schema/types.json" | sort -u) \
        <(schema_files | grep '^schema/types/')
    diff <(words 'dist_[a-z]*_DATA' | grep '^schema/.*json$' | grep -v '^schema/vendor/' | sort) <(schema_files)
    [ "$(grep -c '"uri"' "$TOP_SRCDIR/schema/types.json")" -eq "$(grep -c '"schema"' "$TOP_SRCDIR/schema/types.json")" ]
}

@test "schemas: our own reader reads them" {
    local file
    for file in $(schema_files); do
        run execdm-validate --as=task "$TOP_SRCDIR/$file"
        [ "$status" -le 1 ] # read, and not a task
    done
}

@test "schemas: a document of every type is checked by its schema" {
    local uri area form
    sed -n 's/.*"uri": "\(.*\)".*/\1/p; s/.*"area": "\(.*\)".*/\1/p' "$TOP_SRCDIR/schema/types.json" | paste - - >types
    [ -s types ]
    while read -r uri area; do
        case $area in
        executable) form='{executable: {type: "%s", spec: {x-a: 1, size: 1, environment: {A: b}}}}' ;;
        resource) form='{resources: {compute: [{type: "%s", spec: {x-a: 1, mincores: 1}}]}}' ;;
        storage) form='{resources: {storage: [{name: a, type: "%s", spec: {x-a: 1, size: 1, checksum: z}}]}}' ;;
        authentication) form='{authentication: [{type: "%s", spec: {x-a: 1}}]}' ;;
        webservice) form='{triggers: [{type: "%s", spec: {x-a: 1, method: POST}}]}' ;;
        *) form='unknown area %s' ;;
        esac
        # shellcheck disable=SC2059
        printf "$form\n" "$uri" >task.yaml
        run execdm-validate task.yaml
        [ "$status" -le 1 ]
        [[ $output != *unknown-type* ]]
    done <types
    # and a schema that is broken is no document's fault
    copy schema
    sed -i 's/"required"/"requires"/' tree/schema/types/executable/oci-container.json
    echo '{executable: {type: "https://www.purl.org/ivoa.net/executable-types/oci-container", spec: {image: x}}}' >task.yaml
    EXECDM_SCHEMA=$PWD/tree/schema run execdm-validate task.yaml
    [ "$status" -eq 78 ]
}

# --- lists

unlisted() { # TREE: files that no list of Makefile.am would put into a tarball
    local file dir
    words >listed
    (cd "$1" && find .ci .clang-format lib cmd schema man contrib tests -type f ! -path '*/__pycache__/*' ! -name '*~') |
        while read -r file; do
            dir=$file
            until [ "$dir" = . ] || grep -qxF -- "$dir" listed; do dir=$(dirname "$dir"); done
            if [ "$dir" = . ]; then echo "$file"; fi
        done
}

@test "lists: every file is in Makefile.am" {
    silent unlisted "$TOP_SRCDIR"
    copy .ci .clang-format lib cmd schema man contrib tests
    touch tree/man/execdm-new.1
    speaks unlisted tree
}

# --- what the programs write is what the schemas say

@test "documents: answers, jobs and canonical tasks are valid" {
    require /usr/bin/python3
    sandboxed
    echo 'open("x.txt", "w").write("x")' >x.py
    cat >task.yaml <<'END'
name: x
executable:
  type: https://www.purl.org/ivoa.net/executable-types/python-program
  spec: {program: x.py}
END
    execdm-validate task.yaml >task.json
    execdm-validate task.json | cmp - task.json
    execdm-plan task.json >answer.json
    execdm-validate --as=answer answer.json | cmp - answer.json
    execdm-accept answer.json >accepted.json
    execdm-validate --as=job accepted.json | cmp - accepted.json
    execdm-run <accepted.json >job.json
    execdm-validate --as=job job.json | cmp - job.json
    grep -q '"phase":"COMPLETED"' job.json
    execdm-status <job.json | execdm-validate >again.json
    cmp job.json again.json
    # a program that fails, a NO, and a job that was aborted
    sed 's/x.py/y.py/' task.yaml >failing.yaml
    echo 'raise SystemExit(3)' >y.py
    execdm-plan failing.yaml | execdm-accept >accepted.json
    run ! execdm-run <accepted.json >/dev/null
    execdm-status <accepted.json >failed.json
    execdm-validate --as=job failed.json | cmp - failed.json
    grep -q '"exit":{"code":3}' failed.json
    echo 'name: nothing' | execdm-plan 2>/dev/null >no.json || [ $? -eq 1 ]
    execdm-validate --as=answer no.json | cmp - no.json
    execdm-plan task.yaml | execdm-accept >accepted.json
    execdm-phase "$(sed 's/^{"id":"\([^"]*\)".*/\1/' accepted.json)" abort >aborted.json
    execdm-validate --as=job aborted.json | cmp - aborted.json
    grep -q '"phase":"ABORTED"' aborted.json
}
