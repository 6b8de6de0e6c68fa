#!/usr/bin/env bats
# The pages as people use them: Chromium, without scripts. EXECDM_SHOTS=DIR keeps pictures.
# bats file_tags=real

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require curl jq chromium chromedriver
    /usr/bin/python3 -c 'import selenium' 2>/dev/null || require python3-selenium
}
teardown() { site_stop; }

@test "a task is typed, its offer accepted, its job watched; another is aborted, one deleted" {
    site_start
    site_worker
    task name='a task typed into a page' sh='echo hello from a page; echo x >/outputs/a.txt'
    mv task.json first.json
    task name='a long one' sh='echo begun; sleep 600'
    "$TOP_SRCDIR/tests/browser" journey "$SITE" first.json task.json
}

@test "a page of another site cannot press the buttons of who is signed in" {
    site_user ada secret
    site_start fcgi
    task name=hers sh='sleep 600'
    mkdir web
    serve "$PWD/web"
    "$TOP_SRCDIR/tests/browser" attack "$SITE" task.json "$web/index.html"
}

@test "pages fit their windows, wide and narrow" {
    local n job name ends
    site_user ada secret
    site_start
    site_worker
    for n in 1 2 3 4 5 6; do
        name="find stars in field $n"
        if [ "$n" = 6 ]; then name=$(printf 'averylongnamewithoutablank%.0s' 1 2 3 4 5 6); fi
        case $n in
            1) task name="$name" sh='seq 1 2000; echo warning: all is well >&2; echo x >/outputs/catalogue-of-the-field.fits' max=PT10M ;;
            2) task name="$name" sh='echo cannot open the image >&2; exit 3' max=PT10M ;;
            *) task name="$name" sh='while :; do date; sleep 2; done' max="PT${n}0M" ;;
        esac
        auth=()
        if [ "$n" = 4 ]; then auth=(-u ada:secret); fi
        curl -sS --fail-with-body "${auth[@]}" -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >"answer$n.json"
        curl -sS "${auth[@]}" -o /dev/null -X POST "$(jq -r '.offers[0].accept' "answer$n.json")"
    done
    ended() { [ "$(curl -sS "$SITE/jobs" -H 'Accept: application/json' | jq -c '[.jobs[].phase | select(. == "COMPLETED" or . == "ERROR")] | length')" = 2 ]; }
    wait_until 120 ended
    paths() { for n; do jq -r '.offers[0].job' "answer$n.json"; done | sed "s#^$SITE##"; }
    mapfile -t jobs < <(paths 1 2 3 6)
    "$TOP_SRCDIR/tests/browser" look "$SITE" / /jobs '/jobs?LAST=2' /platforms /platforms/localhost /planner "${jobs[@]}"
    for n in 3 5 6; do curl -sS -o /dev/null -d PHASE=ABORT "$(jq -r '.offers[0].job' "answer$n.json")/phase"; done
    curl -sS -u ada:secret -o /dev/null -d PHASE=ABORT "$(jq -r '.offers[0].job' answer4.json)/phase"
}
