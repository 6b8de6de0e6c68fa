#!/usr/bin/env bats
# contrib/apache/execdm.conf as it stands, under a real Apache, by CGI and by FastCGI: who is let in, and what does not get as far.

bats_require_minimum_version 1.5.0
load helper
load jobs
load site

setup() {
    jobs_state
    require curl jq
}
teardown() { site_stop; }

# ask WANTED ARG...: curl's answer has this status; head and body are kept.
ask() {
    local wanted=$1
    shift
    same "$wanted $*" "$(curl -sS -o body -D head -w '%{http_code}' "$@") $*" || { cat head body >&2 && false; }
}

problem() { # its status is in the body, too, and nothing of the web server's make
    same "$1" "$(jq -r .status body)" && [ "$(jq 'has("detail")' body)" = true ]
}

challenged() {
    problem 401 && grep -qi '^www-authenticate: Basic realm="execdm"' head
}

identity() { jq -r '.identity // "nobody"' body; }

# hold TEXT: opens a connection, says this and no more; how many seconds until it is closed, and what came.
hold() {
    /usr/bin/python3 - "${SITE##*:}" "$1" <<'EOT'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(150)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
begun, came = time.monotonic(), b""
while True:
    got = s.recv(65536)
    if not got:
        break
    came += got
print(int(time.monotonic() - begun), came.split(b"\r\n")[0].decode())
EOT
}

# bats test_tags=real
@test "a name is shown by password, and only so" {
    site_make
    site_user ada 'correct horse'
    site_user "$(id -un "${SITE_USER-}")" secret
    grep -q '^ada:\$2y\$' "$SITE_DIR/users"
    for way in cgi fcgi; do
        site_start "$way"
        ask 200 "$SITE/" && same anonymous "$(identity)"
        ask 200 -u 'ada:correct horse' "$SITE/" && same ada "$(identity)"
        ask 401 -u 'ada:wrong' "$SITE/"
        grep -qi '^www-authenticate: Basic' head
        ask 401 -u 'bob:correct horse' "$SITE/"
        # what the client calls itself is nothing
        ask 200 -H 'Remote-User: ada' -H 'Remote_User: ada' -H 'X-Remote-User: ada' -H 'Auth-Type: Basic' "$SITE/"
        same anonymous "$(identity)"
        # the service's own account is nobody's, whatever the password
        ask 403 -u "$(id -un "${SITE_USER-}"):secret" "$SITE/" && problem 403
        # an attempt that nobody here understands is no anonymous one (EP-52)
        for shown in 'Bearer abc.def.ghi' 'Negotiate YII=' 'Digest username="ada"' 'ada' 'Basicx YWRhOng=' 'BASIC'; do
            ask 401 -H "Authorization: $shown" "$SITE/" && challenged
        done
        ask 401 -X POST -H 'Authorization: Bearer abc' -H 'Content-Type: application/json' -d '{}' "$SITE/planner" && challenged
        # header names are the same in any case
        ask 200 -H "aUTHORIZATION: bASIC $(printf 'ada:correct horse' | base64)" "$SITE/" && same ada "$(identity)"
        site_script stop "$SITE_DIR"
        rm "$SITE_DIR/config/execdm.yaml" # it names that port
    done
}

# bats test_tags=real
@test "it is good in a virtual host, too, below a path of its own" {
    local words fcgi users
    mkdir -p conf/empty conf/state
    : >conf/users
    for fcgi in '' EXECDM_FCGI; do
        for users in '' EXECDM_USERS; do
            {
                sed '/^Include/d' "$TOP_SRCDIR/contrib/apache/execdm-server.conf"
                echo '<VirtualHost *:*>'
                echo "Include $TOP_SRCDIR/contrib/apache/execdm.conf"
                echo '</VirtualHost>'
            } >httpd.conf
            words=("Define DIR $PWD/conf" "Define PORT 9" "Define MODULES /usr/lib/apache2/modules" "Define EXECDM_URL /execdm/"
                "Define EXECDM_LIBEXEC $TOP_BUILDDIR/cmd" "Define EXECDM_STATE $PWD/conf/state" "Define EXECDM_CONFIG $PWD/conf")
            [ -z "$fcgi" ] || words+=("Define $fcgi")
            [ -z "$users" ] || words+=("Define $users $PWD/conf/users")
            printf '%s\n' "${words[@]}" >defines.conf
            mkdir -p conf/log conf/run/fcgid
            PATH=$PATH:/usr/sbin apache2 -t -f "$PWD/httpd.conf" -C "Include $PWD/defines.conf" >said 2>&1 || { cat said && false; }
            same 'Syntax OK' "$(cat said)"
        done
    done
}

# bats test_tags=real
@test "without a password file no name is let in; without anonymous access nobody is" {
    site_make
    site_start
    ask 401 -u ada:secret "$SITE/" && challenged
    ask 200 "$SITE/" && same anonymous "$(identity)"
    printf 'execdm: 1\nurl: %s/\n' "$SITE" >"$SITE_DIR/config/execdm.yaml"
    ask 401 "$SITE/" && challenged
}

# bats test_tags=real
@test "floods of headers, long lines, tricks with paths, and methods nobody has" {
    local i flood=()
    for way in cgi fcgi; do
        site_start "$way"
        flood=()
        for ((i = 0; i < 99; i++)); do flood+=(-H "X-$i: 1"); done # and Host, User-Agent, Accept
        ask 400 "${flood[@]}" "$SITE/"
        ask 200 "${flood[@]:0:180}" "$SITE/"
        ask 400 -H "X-Long: $(head -c 8200 /dev/zero | tr '\0' x)" "$SITE/"
        ask 414 "$SITE/$(head -c 8200 /dev/zero | tr '\0' x)"
        ask 404 "$SITE/jobs%2F00000000-0000-7000-8000-000000000000" && problem 404
        ask 404 "$SITE/%2Fetc%2Fpasswd"
        for path in '/jobs/%2e%2e/%2e%2e/%2e%2e/etc/passwd' '/..%2f..%2fetc/passwd' '/jobs/%5c..%5c' '/jobs/..;/' \
            '/.%2e/.%2e/execdm-run' '/execdm-run' '/execdm-cgi' '/../execdm-run' '/cgi-bin/'; do
            code=$(curl -sS --path-as-is -o body -w '%{http_code}' "$SITE$path")
            case $code in 400 | 403 | 404) ;; *) echo "$path: $code" && false ;; esac
        done
        code=$(curl -sS --path-as-is -o body -w '%{http_code}' "$SITE/jobs/%00x")
        case $code in 400 | 404) ;; *) echo "NUL: $code" && false ;; esac
        ask 405 -X TRACE "$SITE/"
        ask 405 -X BREW "$SITE/" && problem 405
        # who serves is told, not of which version, on pages of the web server's own, too
        ask 400 -H "X-Long: $(head -c 8200 /dev/zero | tr '\0' x)" "$SITE/"
        same 'Server: Apache' "$(grep -i '^server:' head | tr -d '\r')"
        ! grep -qE 'Apache/|port [0-9]' body || false
        # a request the web server cannot take apart
        same '400' "$(hold 'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\nContent-Length: 3\r\n\r\nabc' | cut -d ' ' -f 3)" ||
            same '501' "$(hold 'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n' | cut -d ' ' -f 3)"
        site_stop
    done
}

# bats test_tags=real
@test "who sends slowly is not waited for, and holds up nobody" {
    local way i held
    for way in cgi fcgi; do
        site_start "$way"
        held=()
        for ((i = 0; i < 40; i++)); do
            hold 'POST /planner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"' >"body.$i" 3>&- &
            held+=($!)
        done
        hold 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow:' >headers 3>&- &
        held+=($!)
        for i in 1 2 3 4 5; do ask 200 --max-time 60 "$SITE/"; done
        wait "${held[@]}"
        read -r seconds line <headers
        [ "$seconds" -ge 8 ] && [ "$seconds" -le 100 ]
        case $line in '' | *' 408 '*) ;; *) echo "$line" && false ;; esac
        for ((i = 0; i < 40; i++)); do
            read -r seconds line <"body.$i"
            [ "$seconds" -ge 15 ] && [ "$seconds" -le 100 ]
            # mod_fcgid has no other word for it than 500
            case $way:$line in *: | *' 400 '* | *' 408 '* | fcgi:*' 500 '*) ;; *) echo "body $i: $line" && false ;; esac
        done
        ask 200 "$SITE/"
        site_stop
    done
}
