#!/usr/bin/env bats
# The service as an account of its own, by suexec (Debian's apache2-suexec-custom): contrib/apache/execdm.conf and execdm-cgi.

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require curl jq
    [ -u /usr/lib/apache2/suexec-custom ] || PATH=/nonexistent require apache2-suexec-custom
    wrapper=
}
teardown() {
    if [ -z "${BATS_TEST_COMPLETED-}" ]; then tail -n 20 "$SITE_DIR/log/error.log" "$SITE_DIR/log/access.log" /var/log/apache2/suexec.log >&2 || true; fi
    site_stop
    if [ -n "$wrapper" ]; then rm -rf "$wrapper"; fi
}

# In suexec's document root, the account's alone.
put_wrapper() {
    mkdir -p /var/www /var/log/apache2
    wrapper=$(mktemp -d /var/www/execdm-test.XXXXXX)
    sed "s#^EXECDM_STATE=.*#EXECDM_STATE=$SITE_DIR/state#; s#^EXECDM_CONFIG=.*#EXECDM_CONFIG=$SITE_DIR/config#
        s#^libexec=.*#libexec=$SITE_DIR/cmd#; s#^export #export EXECDM_SCHEMA=$SITE_DIR/schema EXECDM_DRIVER_PATH=$SITE_DIR/cmd #" \
        "$TOP_SRCDIR/contrib/apache/execdm-cgi" >"$wrapper/execdm-cgi"
    chmod 755 "$wrapper" "$wrapper/execdm-cgi"
    chown -R execdm-test:execdm-test "$wrapper"
}

start() { # [fcgi]
    local words=(env SITE_SUEXEC=execdm-test EXECDM_LIBEXEC="$wrapper" EXECDM_BIN="$SITE_DIR/cmd" EXECDM_SCHEMA="$SITE_DIR/schema")
    [ "$1" != fcgi ] || words+=(SITE_FCGI=1)
    SITE=$("${words[@]}" "$SITE_DIR/contrib/site" start "$SITE_DIR")
    SITE=${SITE%/}
    "${words[@]}" EXECDM_DRIVER_PATH="$SITE_DIR/cmd" HOME="$SITE_DIR" PATH="$SITE_DIR/cmd:$PATH" "$SITE_DIR/contrib/site" worker "$SITE_DIR"
}

# bats test_tags=real,root
@test "by CGI and by FastCGI: Apache is www-data's, the service and its jobs are the account's" {
    require htpasswd
    for way in cgi fcgi; do
        site_make
        site_user ada secret
        put_wrapper
        start "$way"
        task sh='echo hello'
        curl -sS --fail-with-body -u ada:secret -H 'Content-Type: application/json' --data-binary @task.json "$SITE/planner" >answer.json
        same YES "$(jq -r .result answer.json)" || { cat answer.json >&2 && false; }
        curl -sS -u ada:secret -o /dev/null -X POST "$(jq -r '.offers[0].accept' answer.json)"
        job=$(jq -r '.offers[0].job' answer.json)
        ended() { curl -sS -u ada:secret -H "Accept: application/json" "$job" >job.json && [ "$(jq -r .phase job.json)" = COMPLETED ]; }
        wait_until 60 ended
        same execdm-test "$(stat -c %U "$SITE_DIR/state/execdm.db")"
        same '' "$(find "$SITE_DIR/state" ! -user execdm-test)"
        # what the client shows comes as far as it must, and no farther
        same 401 "$(curl -sS -o body -w '%{http_code}' -H 'Authorization: Bearer abc' "$SITE/")"
        same 401 "$(jq .status body)"
        same 401 "$(curl -sS -o body -w '%{http_code}' -u ada:wrong "$SITE/")"
        same anonymous "$(curl -sS -H 'Remote-User: ada' -H 'EXECDM-STATE: /tmp' "$SITE/" | jq -r .identity)"
        # the web server's account can read none of it
        ! setpriv --reuid www-data --regid www-data --clear-groups ls "$SITE_DIR/state" 2>/dev/null || false
        site_stop
        rm -rf "$wrapper"
    done
}

# bats test_tags=real,root
@test "a wrapper somebody else could write is not run" {
    site_make
    put_wrapper
    start cgi
    same 200 "$(curl -sS -o body -w '%{http_code}' "$SITE/")"
    chmod g+w "$wrapper/execdm-cgi"
    same 500 "$(curl -sS -o body -w '%{http_code}' "$SITE/")"
}
