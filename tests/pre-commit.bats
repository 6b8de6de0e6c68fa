#!/usr/bin/env bats
# contrib/pre-commit and contrib/ci: in real git repositories a wrong task is refused, a right one is not, and the
# commands of the CI examples are typed as they stand there.
# bats file_tags=once

bats_require_minimum_version 1.5.0
load helper

setup() {
    require git
    private_state
    export GIT_CONFIG_GLOBAL=$HOME/gitconfig GIT_CONFIG_NOSYSTEM=1
    git config --global user.name tester
    git config --global user.email tester@example.org
    git config --global init.defaultBranch main
    mkdir "$BATS_TEST_TMPDIR/repo"
    cd "$BATS_TEST_TMPDIR/repo" || return
    git init -q
}

hooked() {
    ln -s "$TOP_SRCDIR/contrib/pre-commit/hook" .git/hooks/pre-commit
}

@test "hook: the first commit, with a task in it" {
    hooked
    echo 'name: a' >task.yaml
    git add .
    git commit -q -m good
    [ "$(git rev-list --count HEAD)" -eq 1 ]
}

@test "hook: a wrong task is refused, with its place" {
    hooked
    mkdir -p sky/maps
    printf 'name: a\nresorces: {}\n' >sky/maps/all.task.yaml
    git add .
    run git commit -q -m bad
    [ "$status" -ne 0 ]
    [[ $output == *'sky/maps/all.task.yaml:2:1: error: /resorces: unknown key "resorces"; did you mean "resources"?'* ]]
    run git rev-parse --verify -q HEAD
    [ "$status" -ne 0 ]
    # git's way round
    git commit -q --no-verify -m bad
}

@test "hook: what is staged counts, not what lies in the tree" {
    hooked
    echo 'nmae: a' >task.yaml
    git add .
    echo 'name: a' >task.yaml
    run git commit -q -m bad
    [ "$status" -ne 0 ]
    git add .
    echo 'nmae: b' >task.yaml
    git commit -q -m good
    # from below the top, and a commit of one file only
    mkdir below
    cd below
    echo 'nmae: c' >c.task.yaml
    git add .
    run git commit -q -m bad
    [ "$status" -ne 0 ]
    echo 'name: a' >../other.task.yaml
    git add ../other.task.yaml
    git commit -q -m good ../other.task.yaml
    [ "$(git show --name-only --format= HEAD)" = other.task.yaml ]
}

@test "hook: names with blanks, line ends and quotes; deleted, renamed and linked files" {
    hooked
    local odd=$'a "b"\n\'c\' d.task.yaml'
    echo 'name: a' >"$odd"
    echo 'name: b' >'-q.task.yaml'
    echo 'nmae: a' >none.yaml
    ln -s none.yaml link.task.yaml
    git add .
    git commit -q -m good
    echo 'nmae: a' >"$odd"
    git add .
    run git commit -q -m bad
    [ "$status" -ne 0 ]
    git rm -q -f "$odd" -- '-q.task.yaml'
    git commit -q -m deleted
    git mv none.yaml now.task.yaml
    run git commit -q -m renamed
    [ "$status" -ne 0 ]
}

@test "hook: the repository says which files are tasks" {
    hooked
    mkdir 'my jobs'
    git config --add execdm.tasks ':(glob)my jobs/*.yaml'
    git config --add execdm.tasks '*.job'
    echo 'nmae: a' >'my jobs/a.yaml'
    git add .
    run git commit -q -m bad
    [ "$status" -ne 0 ]
    [[ $output == *'my jobs/a.yaml:1:1: error'* ]]
    echo 'nmae: a' >other.task.yaml
    echo 'name: a' >'my jobs/a.yaml'
    echo 'nmae: a' >b.job
    git add .
    run git commit -q -m bad
    [ "$status" -ne 0 ]
    [[ $output == *b.job:1:1* && $output != *other.task.yaml* ]]
    echo 'name: b' >b.job
    git add .
    git commit -q -m good
}

@test "hook: a notice is shown, and with execdm.strict it keeps the commit back" {
    hooked
    echo 'datetime: [{maxduration: P10M}]' >task.yaml
    git add .
    git config execdm.strict true
    run git commit -q -m strict
    [ "$status" -ne 0 ]
    [[ $output == *'"P10M" is 10 months'*month-not-minute* ]]
    git config execdm.strict perhaps
    run git commit -q -m neither
    [ "$status" -ne 0 ]
    [[ $output == *perhaps* ]]
    git config execdm.strict false
    run -0 git commit -q -m told
    [[ $output == *'"P10M" is 10 months'*month-not-minute* ]]
    # as pre-commit starts it
    run -0 .git/hooks/pre-commit task.yaml
    [[ $output == *month-not-minute* ]]
    git config execdm.strict true
    run -1 .git/hooks/pre-commit task.yaml
    [[ $output == *month-not-minute* ]]
}

@test "hook: what cannot be looked up is refused, and nothing is left behind" {
    hooked
    mkdir ../tmp
    git config --add execdm.tasks ':(nonsense)*.job'
    echo 'name: a' >task.yaml
    git add .
    TMPDIR=$BATS_TEST_TMPDIR/tmp run git commit -q -m bad
    [ "$status" -ne 0 ]
    [[ $output == *nonsense* ]]
    git config --unset-all execdm.tasks
    TMPDIR=$BATS_TEST_TMPDIR/tmp git commit -q -m good
    [ -z "$(ls ../tmp)" ]
}

@test "hook: nothing staged that is a task, and no execdm-validate" {
    hooked
    echo hello >README
    git add .
    git commit -q -m good
    echo 'name: a' >task.yaml
    git add .
    local path=$PATH
    PATH=/usr/bin:/bin run git commit -q -m good
    PATH=$path
    [ "$status" -ne 0 ]
    [[ $output == *'execdm-validate is not on the PATH'* ]]
}

# bats test_tags=real
@test "pre-commit: the hook of .pre-commit-hooks.yaml is found and run" {
    require pre-commit
    mkdir -p ../hooks/contrib/pre-commit
    cp "$TOP_SRCDIR/.pre-commit-hooks.yaml" ../hooks/
    cp "$TOP_SRCDIR/contrib/pre-commit/hook" ../hooks/contrib/pre-commit/
    git init -q ../hooks
    git -C ../hooks add .
    git -C ../hooks commit -q -m hooks
    pre-commit validate-manifest "$TOP_SRCDIR/.pre-commit-hooks.yaml"
    echo 'name: a' >'a b.task.yaml'
    echo 'nmae: a' >none.yaml
    git add .
    pre-commit try-repo ../hooks execdm-validate --all-files >out
    grep -q 'execdm-validate.*Passed' out
    mkdir sub
    echo 'nmae: a' >sub/task.yml
    git add .
    run pre-commit try-repo ../hooks execdm-validate --all-files
    [ "$status" -eq 1 ]
    [[ $output == *'sub/task.yml:1:1: error: /nmae: unknown key "nmae"; did you mean "name"?'* ]]
    [[ $output != *none.yaml* ]]
}

# bats test_tags=real
@test "pre-commit: the lines of the page, and what is told of a valid task is seen" {
    require pre-commit
    local hooks=$BATS_TEST_TMPDIR/hooks
    mkdir -p "$hooks/contrib/pre-commit" jobs
    cp "$TOP_SRCDIR/.pre-commit-hooks.yaml" "$hooks/"
    cp "$TOP_SRCDIR/contrib/pre-commit/hook" "$hooks/contrib/pre-commit/"
    git init -q "$hooks"
    git -C "$hooks" add .
    git -C "$hooks" commit -q -m hooks
    sed -n '/^repos:/,/^\.Ed/{/^\./!p}' "$TOP_SRCDIR/man/execdm-validate.1" |
        sed "s|/path/to/execdm|$hooks|; s|COMMIT|$(git -C "$hooks" rev-parse HEAD)|" >.pre-commit-config.yaml
    echo 'datetime: [{maxduration: P10M}]' >jobs/one.yaml
    echo 'nmae: a' >none.yaml
    git add .
    run -0 pre-commit run --all-files
    [[ $output == *Passed*'jobs/one.yaml:1:13: notice: '*month-not-minute* ]]
    git config execdm.strict true
    run -1 pre-commit run --all-files
    [[ $output == *month-not-minute* && $output != *none.yaml* ]]
}

# What an example runs, once execdm is installed; execdm's own reader finds it.
ci_command() { # github|gitlab
    local where='.tasks.script[]'
    [ "$1" = gitlab ] || where='.jobs.validate.steps[] | select(.name == "validate").run'
    echo true >"$BATS_TEST_TMPDIR/any.json"
    execdm-validate --schema="$BATS_TEST_TMPDIR/any.json" "$TOP_SRCDIR/contrib/ci/$1.yaml" |
        jq -r "$where" | sed "s|/tmp/execdm/|$TOP_SRCDIR/|" >"$BATS_TEST_TMPDIR/typed"
    [ -s "$BATS_TEST_TMPDIR/typed" ]
    case $1 in gitlab) run bash -e -o pipefail "$BATS_TEST_TMPDIR/typed" ;; *) run bash -e "$BATS_TEST_TMPDIR/typed" ;; esac
}

@test "ci: what the examples run checks the tasks of a repository" {
    require jq
    mkdir sky
    printf 'name: a\nresorces: {}\n' >'sky/a b.task.yaml'
    echo 'name: a' >task.yaml
    git add .
    ci_command github
    [ "$status" -eq 1 ]
    jq -e '.version == "2.1.0" and (.runs[0].results | length == 1)
        and .runs[0].results[0].locations[0].physicalLocation.region.startLine == 2' execdm.sarif
    ci_command gitlab
    [ "$status" -eq 1 ]
    jq -e 'length == 1 and .[0].severity == "major" and .[0].check_name == "unknown-key" and
        .[0].location == {path: "sky/a b.task.yaml", lines: {begin: 2}} and (.[0].fingerprint | length > 10)' codequality.json
    echo 'name: a' >'sky/a b.task.yaml'
    ci_command github
    [ "$status" -eq 0 ]
    ci_command gitlab
    [ "$status" -eq 0 ]
    [ "$(jq -c . codequality.json)" = '[]' ]
}

@test "ci: without tasks all is well" {
    echo 'nmae: a' >none.yaml
    git add .
    ci_command github
    [ "$status" -eq 0 ]
    [ ! -e execdm.sarif ]
    ci_command gitlab
    [ "$status" -eq 0 ]
    [ "$(jq -c . codequality.json)" = '[]' ]
}

@test "ci, the hook and pre-commit mean the same files" {
    require jq
    local file
    mkdir -p a/task.yaml b.task.json
    for file in task.yaml a/task.yml a/task.json x.task.yaml a/y.task.yml b.task.json/.task.json -z.task.yaml \
        mytask.yaml task.yaml.old a/task.yaml/plain.yaml task.xml a-task.yaml Task.yaml; do
        echo '{"nmae": 1}' >"./$file"
    done
    git add .
    ci_command github
    jq -r '.runs[0].results[].locations[0].physicalLocation.artifactLocation.uri' execdm.sarif | sort -u >by-ci
    [ "$(wc -l <by-ci)" -eq 7 ]
    ci_command gitlab
    jq -r '.[].location.path' codequality.json | sort -u | diff by-ci -
    run "$TOP_SRCDIR/contrib/pre-commit/hook"
    [ "$status" -ne 0 ]
    sed -n 's|^\./||; s/:1:2: error: .*//p' <<<"$output" | sort -u | diff by-ci -
    local names
    names=$(sed -n 's/^ *files: //p' "$TOP_SRCDIR/.pre-commit-hooks.yaml")
    git ls-files | grep -E "$names" | sort -u | diff by-ci -
}
