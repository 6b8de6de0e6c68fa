#!/usr/bin/env bats
# execdm-cgi behind Apache: the conversation of the Planner's section 2 by HTTP.
load helper
load jobs
load site

setup() { jobs_state; }
teardown() { site_stop; }

# bats test_tags=real
@test "a task is planned, its offer accepted, its job seen to its end" {
    require curl jq
    local way
    for way in cgi fcgi; do
        site_start "$way"
        site_worker
        task sh='echo hello'
        curl -sS --fail-with-body -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >answer.json
        [ "$(jq -r .result answer.json)" = YES ]
        curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\n' -X POST "$(jq -r '.offers[0].accept' answer.json)" >accepted
        [ "$(<accepted)" = "303 $(jq -r '.offers[0].job' answer.json)" ]
        ended() { curl -sS -H 'Accept: application/json' "$(jq -r '.offers[0].job' answer.json)" >job.json && [ "$(jq -r .phase job.json)" = COMPLETED ]; }
        wait_until 60 ended
        site_stop
    done
}
