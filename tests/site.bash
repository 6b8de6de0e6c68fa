# shellcheck shell=bash
# What the tests of the service begin with:  load site;  teardown() { site_stop; }
#
# site_make            a directory of its own for a service, $SITE_DIR, which whoever runs it can read; config in it, with a
#                      platform that runs the tiny image, $tiny there: tasks are written by task of jobs.bash
# site_start [fcgi]    Apache with execdm-cgi (contrib/site), where the tests are root's as $SITE_USER (execdm-test); $SITE its
#                      URL, without a slash at its end; unless there is $SITE_DIR/config/execdm.yaml, anonymous access is allowed
# site_worker          a worker for it
#                      SITE_PATH, the path it is served below, is / unless it is set, with a slash at its end
# site_configure [YAML]   its execdm.yaml: a free port for it, anonymous access, and more lines; before site_start
# site_user NAME PASSWORD   who may log in by name; before site_start
# site_as CMD...       runs CMD with the state and configuration of the service, as its account
# site_stop            ends both, aborts the jobs that have not ended, and removes the directory; of all sites there are; and
#                      ends whom the *.pid of the test name (leave of jobs.bash)
# site_use NAME        another site beside it: all that follows is of this one, until site_use names the other again;
#                      the first one there is, is called a

declare -gA site_dirs=() site_urls=()
site_name=a

site_make() {
    [ -z "${SITE_DIR-}" ] || return 0
    SITE_DIR=$(mktemp -d /tmp/execdm-site.XXXXXX)
    chmod 755 "$SITE_DIR"
    mkdir "$SITE_DIR"/{config,cmd}
    # the tree may be where the service's account cannot read
    find "$TOP_BUILDDIR/cmd" -maxdepth 1 -type f -name 'execdm-*' -perm -u+x -exec cp -t "$SITE_DIR/cmd" {} +
    cp -R "$EXECDM_SCHEMA" "$SITE_DIR/schema"
    cp -R "$TOP_SRCDIR/contrib" "$SITE_DIR/contrib"
    cp -R "$(tiny_image)" "$SITE_DIR/tiny"
    export tiny=$SITE_DIR/tiny
    mkdir "$SITE_DIR/config/platforms.d"
    cat >"$SITE_DIR/config/platforms.d/localhost.yaml" <<EOT
name: localhost
driver: local
executables:
  - {type: https://www.purl.org/ivoa.net/executable-types/oci-container, images: ["oci:$SITE_DIR/tiny"]}
EOT
    chmod -R u+w,a+rX "$SITE_DIR"
    if [ "$(id -u)" -eq 0 ]; then export SITE_USER=${SITE_USER:-execdm-test}; fi
}

site_script() {
    EXECDM_LIBEXEC=$SITE_DIR/cmd EXECDM_BIN=$SITE_DIR/cmd EXECDM_SCHEMA=$SITE_DIR/schema EXECDM_DRIVER_PATH=$SITE_DIR/cmd \
        HOME=$SITE_DIR PATH=$SITE_DIR/cmd:$PATH "$SITE_DIR/contrib/site" "$@"
}

site_configure() { # [YAML]
    site_make
    SITE_PORT=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export SITE_PORT
    printf 'execdm: 1\nurl: http://127.0.0.1:%s%s\nservice:\n  anonymous: true\n%s\n' "$SITE_PORT" "${SITE_PATH-/}" "${1-}" >"$SITE_DIR/config/execdm.yaml"
}

site_user() { # NAME PASSWORD
    require htpasswd
    site_make
    htpasswd -nbB "$1" "$2" | grep . >>"$SITE_DIR/users"
}

site_start() { # [fcgi]
    PATH=$PATH:/usr/sbin require apache2 curl
    site_make
    if [ "${1-}" = fcgi ]; then export SITE_FCGI=1; else unset SITE_FCGI; fi
    SITE=$(site_script start "$SITE_DIR")
    SITE=${SITE%/}
}

site_worker() {
    site_script worker "$SITE_DIR"
}

site_as() {
    local words=(env EXECDM_STATE="$SITE_DIR/state" EXECDM_CONFIG="$SITE_DIR/config" EXECDM_SCHEMA="$SITE_DIR/schema"
        EXECDM_DRIVER_PATH="$SITE_DIR/cmd" HOME="$SITE_DIR" PATH="$SITE_DIR/cmd:$PATH" "$@")
    if [ -n "${SITE_USER-}" ]; then
        setpriv --reuid "$SITE_USER" --regid "$SITE_USER" --init-groups "${words[@]}"
    else
        "${words[@]}"
    fi
}

site_use() { # NAME
    site_dirs[${site_name:-a}]=${SITE_DIR-}
    site_urls[${site_name:-a}]=${SITE-}
    site_name=$1
    SITE_DIR=${site_dirs[$1]-} SITE=${site_urls[$1]-}
    if [ -n "$SITE_DIR" ]; then export tiny=$SITE_DIR/tiny; fi
}

site_open() { # the jobs that have not ended
    site_as execdm-status --list 2>/dev/null | jq -r 'select(.ended == null).id'
}

site_quiet() { [ -z "$(site_open)" ]; }

# What runs would outlive its state.
site_abort() {
    local id open
    [ -e "$SITE_DIR/state/execdm.db" ] || return 0
    open=$(site_open) || return 0
    [ -n "$open" ] || return 0
    for id in $open; do site_as execdm-phase "$id" abort >/dev/null 2>&1 || true; done
    wait_until 60 site_quiet || true
}

site_end() {
    local wrong=0
    [ -n "${SITE_DIR-}" ] || return 0
    site_abort
    site_script stop "$SITE_DIR"
    # a sanitizer says what it found to the web server's log
    if grep -hsA20 'Sanitizer:\|runtime error:' "$SITE_DIR"/log/*; then wrong=1; fi
    wait_until 60 rm -rf "$SITE_DIR"
    unset SITE_DIR
    return "$wrong"
}

site_stop() {
    local name
    leave "$BATS_TEST_TMPDIR"/*.pid
    site_use "${site_name:-a}" # so that this one is listed, too
    for name in "${!site_dirs[@]}"; do
        SITE_DIR=${site_dirs[$name]}
        site_end
    done
    site_dirs=() site_urls=() site_name=a
}
