#!/usr/bin/env bats
# bats file_tags=real,once
# The schemas in an editor's YAML mode: yaml-language-server, spoken to as an editor does, without a network.

bats_require_minimum_version 1.5.0
load helper

setup() {
    private_state
    cd "$BATS_TEST_TMPDIR" || return
    modeline="# yaml-language-server: \$schema=$EXECDM_SCHEMA/editor.json"
}

# edit ARG...: $status and $output
edit() {
    require python3 bwrap
    require_npm
    run timeout 120 "$TOP_SRCDIR/tests/language-server" "$@" -- \
        bwrap --dev-bind / / --unshare-net --die-with-parent "$EXECDM_NPM/.bin/yaml-language-server" --stdio
    [ "$status" -le 1 ] || echo "$output"
}

@test "editor: there is nothing to say of any example" {
    local file
    for file in "$TOP_SRCDIR"/contrib/examples/*.yaml; do
        case $file in */broker-* | */execdm.yaml) continue ;; esac # no task to an editor
        { echo "$modeline" && cat "$file"; } >"${file##*/}"
    done
    edit ./*.yaml
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "editor: a misspelt key is told at its line, and its type's own schema says so" {
    { echo "$modeline" && sed 's/mincores:/mincoers:/' "$TOP_SRCDIR/contrib/examples/7.4-notebook-compute.yaml"; } >t.yaml
    edit t.yaml
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ ${lines[0]} == "t.yaml:$(grep -n mincoers t.yaml | cut -d: -f1):9: "*mincoers* ]]
    # other sections, and a value of the wrong sort
    printf '%s\nname: a\nexecutabel: {}\ndatetime:\n  - {start: 7}\n' "$modeline" >t.yaml
    edit t.yaml
    [ "$status" -eq 1 ]
    [[ $output == *"t.yaml:3:1: "*executabel* ]]
    [[ $output == *"t.yaml:5:13: "* ]]
}

@test "editor: a type nobody knows is not complained of" {
    printf '%s\nexecutable: {type: "https://example.org/encabulation", spec: {turbo: true}}\n' "$modeline" >t.yaml
    edit t.yaml
    [ "$status" -eq 0 ]
}

@test "editor: the keys of a type are offered, and explained" {
    cat >t.yaml <<END
$modeline
resources:
  compute:
    - name: one
      type: https://www.purl.org/ivoa.net/resource-types/generic-compute
      spec:
        maxcores: 4
        m
END
    edit t.yaml --complete=8:10
    [[ $'\n'$output$'\n' == *$'\nmincores\n'* ]]
    [[ $'\n'$output$'\n' == *$'\nminmemory\n'* ]]
    sed -i '$d' t.yaml
    edit t.yaml --hover=7:10
    [ "$status" -eq 0 ]
    [[ $output == *cores* ]]
}

@test "editor: a schema may be named relative to the file" {
    cp "$EXECDM_SCHEMA/editor.json" task-schema.json
    printf '# yaml-language-server: $schema=./task-schema.json\nnaem: a\n' >t.yaml
    edit t.yaml
    [[ $output == t.yaml:2:1:*naem* ]]
}

@test "editor: the line of an example finds the schema of the tree" {
    mkdir -p contrib/examples
    ln -s "$EXECDM_SCHEMA" schema
    sed 's/^name:/naem:/' "$TOP_SRCDIR/contrib/examples/7.1-notebook.yaml" >contrib/examples/t.yaml
    edit contrib/examples/t.yaml
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == contrib/examples/t.yaml:*naem* ]]
}

@test "editor: the line that the manual shows" {
    grep -qF '# yaml-language-server: $schema=' "$TOP_SRCDIR/man/execdm-validate.1"
    grep -oE '\$schema=[^ ]*/editor.json' "$TOP_SRCDIR/man/execdm-validate.1" | grep -q /share/execdm/schema/
}
