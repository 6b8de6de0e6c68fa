#!/usr/bin/env bats
# man/execdm-cgi.8: what it says of the options and the routes, and its conversation by curl with a real service.
# bats file_tags=real,once

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require mandoc curl jq
    page=$TOP_SRCDIR/man/execdm-cgi.8
}

teardown() { site_stop; }

@test "the page has the program's options" {
    diff <(execdm-cgi --help | sed -n 's/^  \(-., --[^ ]*\|    --[^ ]*\) .*/\1/p' | sort) \
        <(sed -n '/^\.It Fl /{ s/^\.It Fl \([A-Za-z]\) , -/-\1, --/; s/^\.It Fl -/    --/; s/ Ns = Ns Ar /=/; p }' "$page" | sort)
}

@test "the page has the routes that are told to the world" {
    # what is below a job is told there; pages for browsers tell themselves
    execdm-cgi --openapi | jq -r '.paths | keys[] | select(test("^/jobs/[^/]*/[a-z]+$|^/login|[.]css$") | not)' | sort >routes
    execdm-cgi --openapi | jq -r '.paths | keys[] | select(test("^/jobs/[^/]*/[a-z]+$")) | sub(".*/"; "")' | sort >below
    sed -n '/^\.Ss What can be asked/,/^\.Ss How/s/^\.It Pa //p' "$page" | sed 's/ , /\n/g' | sort >told
    diff routes told
    sed -n '/^Below it are/{ n; s/^\.Pa //; s/ , /\n/g; p }' "$page" | cat - <(echo stderr) | sort >told
    diff below told
}

@test "the conversation of the page, with a real service" {
    local way
    for way in cgi fcgi; do
        site_configure '  uploads: 1 MiB'
        site_start "$way"
        site_worker
        mandoc -T ascii "$page" | sed 's/.\x08//g' | awk '
            /^[A-Z]/ { inside = $0 == "EXAMPLES"; next }
            !inside || /^$/ { next }
            match($0, /^ +\$ /) { from = RLENGTH - 1 }
            from && match($0, /^ */) && RLENGTH >= from - 1 { line = substr($0, from); sub(/^\$ /, "", line); print line; next }
            { from = 0 }' | sed "s|https://vo.example.org/execdm|$SITE|; s|ghcr.io/example/tools:1.0|oci:$tiny|" >page.sh
        same 10 "$(grep -c 'curl' page.sh)"
        timeout 300 bash -euo pipefail page.sh >said || { cat page.sh said && return 1; }
        sed -n 1p said | grep -qx YES
        grep -qx '"[A-Z]*"' said
        grep -qx '6 times 7 is 42' said
        grep -q '"recorded": true' said
        same M31 "$(tail -n 1 said)"
        site_stop
    done
}
