#!/usr/bin/env bats
# The files of a job over HTTP: results, stdout and stderr, whole and in parts; what a hostile program leaves leads nowhere.
# bats file_tags=once
bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require curl jq
}
teardown() { site_stop; }

# runs WORD...: a task of these words to its end; its URL in $job
runs() {
    task "$@"
    job=$(curl -sS -o body -w '%{redirect_url}' --data-urlencode JDL@task.json -d PHASE=RUN "$SITE/jobs")
    has "$job" "$SITE/jobs/"
    ended() { curl -sS -H 'Accept: application/json' "$job" -o job.json && [ "$(jq -r .ended job.json)" != null ]; }
    wait_until 120 ended
    same COMPLETED "$(jq -r .phase job.json)"
}

# fetch PATH ARG...: the status; its headers in lower case in headers, its body in body
fetch() {
    local path=$1
    shift
    curl -sS --path-as-is -m 120 -D head.raw -o body -w '%{http_code}' "$@" "$job/$path"
    tr -d '\r' <head.raw | sed 's/^[^:]*:/\L&/' >headers
}
header() {
    sed -n "s/^$1: //p" headers
}

# bats test_tags=real
@test "results are found by the job's document and fetched whole or in part" {
    local way tag
    for way in cgi fcgi; do
        site_start "$way"
        site_worker
        runs sh='seq -w 1 100000 >/outputs/numbers.txt; echo hello; echo oh >&2; : >/outputs/empty'
        same 700000 "$(jq -r '.results[] | select(.name == "numbers.txt").size' job.json)"
        seq -w 1 100000 >whole
        same 200 "$(fetch results/numbers.txt)"
        cmp whole body
        same 'text/plain; charset=utf-8' "$(header content-type)"
        same "$(wc -c <whole)" "$(header content-length)"
        same bytes "$(header accept-ranges)"
        tag=$(header etag)
        same 304 "$(fetch results/numbers.txt -H "If-None-Match: $tag")"
        same 304 "$(fetch results/numbers.txt -r 9999999- -H "If-None-Match: $tag")"
        same 304 "$(fetch results/numbers.txt -H "If-None-Match: \"another\", W/$tag")"
        same 200 "$(fetch results/numbers.txt -H 'If-None-Match: "another"')"
        has "$(curl -sS "$job/results")" 'size="700000" mime-type="text/plain; charset=utf-8"'
        same 200 "$(fetch results/numbers.txt -I)"
        same "$tag $(wc -c <whole)" "$(header etag) $(header content-length)"
        # ranges
        same 206 "$(fetch results/numbers.txt -r 7-13)"
        same "000002 bytes 7-13/$(wc -c <whole)" "$(cat body) $(header content-range)"
        same 206 "$(fetch results/numbers.txt -r 699990-)"
        cmp <(tail -c +699991 whole) body
        same 206 "$(fetch results/numbers.txt -r -14)"
        cmp <(tail -c 14 whole) body
        same 206 "$(fetch results/numbers.txt -r 0-99999999999999999999)"
        cmp whole body
        same 416 "$(fetch results/numbers.txt -r 9999999-)"
        same "bytes */$(wc -c <whole)" "$(header content-range)"
        same 416 "$(fetch results/empty -r 0-)"
        same 200 "$(fetch results/numbers.txt -H 'Range: bytes=9-3')"
        same 200 "$(fetch results/numbers.txt -H 'Range: lines=0-3')"
        same 206 "$(fetch results/numbers.txt -r 0-6 -H "If-Range: $tag")"
        same 206 "$(fetch results/numbers.txt -r 0-6 -H "If-Range: $(header last-modified)")"
        same 200 "$(fetch results/numbers.txt -r 0-6 -H 'If-Range: "another"')"
        cmp whole body
        # a download that was broken off goes on
        head -c 300000 whole >part
        curl -sS -C - -o part "$job/results/numbers.txt"
        cmp whole part
        # logs
        same '200 hello' "$(fetch stdout) $(cat body)"
        same '200 oh' "$(fetch stderr) $(cat body)"
        same 'text/plain; charset=utf-8' "$(header content-type)"
        same '200 hello' "$(fetch results/stdout) $(cat body)"
        same 404 "$(fetch results/nothing)"
        site_stop
    done
}

# bats test_tags=real
@test "documents have tags by what they say and in which format; all that Accept decides says so" {
    local type tag other
    site_start
    task sh=true
    job=$(curl -sS -o body -w '%{redirect_url}' --data-urlencode JDL@task.json "$SITE/jobs")
    for type in application/json application/yaml text/xml; do
        same 200 "$(fetch '' -H "Accept: $type")"
        same Accept "$(header vary)"
        tag=$(header etag)
        [ "$tag" != "${other-}" ]
        other=$tag
        same 304 "$(fetch '' -H "Accept: $type" -H "If-None-Match: \"another\", W/$tag")"
        same "Accept $tag" "$(header vary) $(header etag)"
    done
    same 200 "$(fetch '' -H 'Accept: application/json' -H "If-None-Match: $tag")" # that is of XML
    same 303 "$(fetch destruction -d DESTRUCTION="$(date -u -d "+300 days" +%Y-%m-%dT%H:%M:%SZ)")"
    same 200 "$(fetch '' -H 'Accept: text/xml' -H "If-None-Match: $tag")"
    same "406 Accept" "$(fetch '' -H 'Accept: image/png') $(header vary)"
    same "404 Accept" "$(fetch nothing) $(header vary)"
    same "400 Accept" "$(fetch phase -d PHASE=WALK) $(header vary)"
}

# bats test_tags=real
@test "what a program writes is never a page of the site; directories are lists" {
    site_start
    site_worker
    runs sh='mkdir -p "/outputs/d/e f"; cd /outputs; for f in a.html a.svg a.xhtml a.xml a.js a.png a.fits d/x.JSON "d/e f/y?%41.txt" plain; do
        echo "<script>alert(1)</script>" >"$f"; done'
    local name type
    while read -r name type; do
        same "$name 200 $type" "$name $(fetch "results/$name") $(header content-type)"
        same "$name $type" "$name $(jq -r --arg n "$name" '.results[] | select(.name == $n).mediatype' job.json)"
        has "$(header content-security-policy)" sandbox "default-src 'none'"
        same nosniff "$(header x-content-type-options)"
        case $name in a.png) has "$(header content-disposition)" inline ;; *) has "$(header content-disposition)" attachment ;; esac
    done <<'END'
a.html application/octet-stream
a.svg application/octet-stream
a.xhtml application/octet-stream
a.js application/octet-stream
plain application/octet-stream
a.xml application/xml
a.png image/png
a.fits application/fits
d/x.JSON application/json
END
    same 200 "$(fetch results/d)"
    same '["d/e f/y?%41.txt","d/x.JSON"]' "$(jq -c '[.results[].name] | sort' body)"
    same 200 "$(fetch results/d/)"
    same 200 "$(fetch 'results/d/e%20f')"
    same 1 "$(jq '.results | length' body)"
    same 200 "$(curl -sS -o body -w '%{http_code}' "$(jq -r '.results[0].url' body)")" # by the URL that is told
    has "$(cat body)" script
    same 200 "$(fetch 'results/d/e%20f/y%3F%2541.txt')"
    has "$(header content-disposition)" "filename*=UTF-8''y%3F%2541.txt"
    same 404 "$(fetch results/d/e)"
}

# bats test_tags=real
@test "tricks with paths, and links a program has left, lead nowhere" {
    local bad file dir
    site_start
    site_worker
    runs sh='mkdir /outputs/d; echo mine >/outputs/d/a; echo mine >/outputs/b; ln -s /etc/passwd /outputs/link; ln -s d /outputs/dirlink'
    same 200 "$(fetch results/d/a)"
    for bad in results/../../../execdm.db results/%2e%2e/%2e%2e/execdm.db 'results/..%2f..%2fexecdm.db' \
        results//etc/passwd results/%00 results/b%00 'results/d%5Ca' results/link results/dirlink/a results/d%2Fa stdout/x; do
        case $(fetch "$bad") in 400 | 404) ;; *) echo "$bad: $(head -1 headers)" && return 1 ;; esac
        [[ $(<body) != *mine* && $(<body) != *root:* ]]
    done
    # what stands where a result was is not what it was
    id=${job##*/}
    file=$(site_as execdm-status --format=json "$id" | jq -r '.results[] | select(.name == "b").url' | sed 's,^file://,,')
    has "$file" "$SITE_DIR/state/jobs/$id/"
    dir=$(dirname "$file")/d
    site_as ln -sf /etc/passwd "$file"
    same 404 "$(fetch results/b)"
    site_as ln -sf d/a "$file" # nor one that stays inside
    same 404 "$(fetch results/b)"
    rm "$file"
    site_as mkfifo "$file"
    same 404 "$(fetch results/b)"
    site_as mv "$dir" "$dir.away"
    site_as ln -s d.away "$dir"
    same 404 "$(fetch results/d/a)"
    rm "$dir"
    site_as mv "$dir.away" "$dir"
    same 200 "$(fetch results/d/a)"
    site_as ln -sf /etc/passwd "$SITE_DIR/state/jobs/$id/attempt-1/stdout"
    same 404 "$(fetch stdout)"
}

# bats test_tags=real
@test "what a program says is there while it runs, and results that are elsewhere are pointed at" {
    require sqlite3
    site_start
    task sh='echo first; while ! [ -e /outputs/go ]; do sleep 0.1; done; echo second'
    job=$(curl -sS -o body -w '%{redirect_url}' --data-urlencode JDL@task.json -d PHASE=RUN "$SITE/jobs")
    same 404 "$(fetch stdout)"
    site_worker
    says() { [ "$(fetch stdout)" = 200 ] && [ "$(<body)" = "$1" ]; }
    wait_until 120 says first
    same 404 "$(fetch results/stdout)"
    curl -sS -d PHASE=ABORT "$job/phase" >/dev/null
    same '200 first' "$(fetch stdout) $(<body)"
    site_as sqlite3 -cmd '.timeout 30000' "$SITE_DIR/state/execdm.db" "UPDATE jobs SET doc = json_set(doc, '\$.results[0].url', 'https://data.example.org/a%20b')"
    same '303 https://data.example.org/a%20b' "$(fetch results/stdout) $(header location)"
}

# bats test_tags=real
@test "a file that is cut off while it is sent has the length that was said" {
    local file pid
    site_start
    site_worker
    runs sh='head -c 40000000 /dev/zero | tr "\0" x >/outputs/big'
    file=$(site_as execdm-status --format=json "${job##*/}" | jq -r '.results[] | select(.name == "big").url' | sed 's,^file://,,')
    curl -sS --limit-rate 8M -o cut "$job/results/big" 3>&- &
    pid=$!
    begun() { [ -s cut ]; }
    wait_until 60 begun
    site_as truncate -s 100 "$file"
    wait "$pid"
    same 40000000 "$(stat -c %s cut)"
    same 0 "$(tail -c 1 cut | od -An -tu1 | tr -d ' ')"
}
