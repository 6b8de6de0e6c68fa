# shellcheck shell=bash disable=SC2013,SC2034,SC2154
# What the tests of execdm-stage share: directories in, out and www, servers, and short words for what is asked.

setup() {
    private_state
    export no_proxy=127.0.0.1
    unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY all_proxy
    umask 022
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir in out www
    echo x >probe
    case $(execdm-stage probe probed 2>&1 || true) in
    *"built without OpenSSL"*) skip "built without OpenSSL: it moves nothing" ;;
    esac
}

teardown() {
    local pid
    for pid in $(cat "$BATS_TEST_TMPDIR"/*.pid 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
    chmod -R u+rwx "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

sum() { # FILE
    sha256sum <"$1" | sed 's/^/sha256:/; s/ .*//'
}

url() { # PATH
    printf 'file://%s/%s' "$BATS_TEST_TMPDIR" "$1"
}

# serve: starts a server for www/; $web is its URL afterwards.
serve() {
    require /usr/bin/python3
    /usr/bin/python3 "$TOP_SRCDIR/tests/http-server.py" port www >server.out 2>&1 3>&- &
    echo $! >server.pid
    wait_until 20 test -e port
    web=http://127.0.0.1:$(cat port)
}

with_http() {
    case $(execdm-stage --check http://127.0.0.1:1/ 2>&1 || true) in
    *"built without libcurl"*) skip "built without libcurl" ;;
    esac
}

with_archive() {
    echo x >probe
    case $(ask pull "$(url probe)" "$(url probed)" '"unpack":true' 2>&1 || true) in
    *"built without libarchive"*) skip "built without libarchive" ;;
    esac
}

# ask DIRECTION SOURCE DEST [MORE]: a manifest of one line; SOURCE and DEST are URLs.
ask() {
    printf '{"id":"i","direction":"%s","source":"%s","dest":"%s"%s}\n' "$1" "$2" "$3" "${4:+,$4}" |
        execdm-stage
}

# Nothing in a directory, hidden or not, but what is named.
holds() { # DIRECTORY NAME...
    local dir=$1
    shift
    diff <(find "$dir" -mindepth 1 -printf '%P\n' | LC_ALL=C sort) \
        <(for name; do printf '%s\n' "$name"; done | LC_ALL=C sort)
}

has() { # TEXT in $output
    [[ $output == *"$1"* ]] || {
        printf 'expected: %s\nfound: %s\n' "$1" "$output" >&2
        return 1
    }
}

some_bytes() { # COUNT
    head -c "$1" /dev/zero | tr '\0' 'x'
    printf '%s' "$BATS_TEST_NUMBER"
}

# serve_faults [CERTIFICATE KEY]: the server that misbehaves, for www/; $faults is its URL, $other the same by
# another name of the machine.
serve_faults() {
    require /usr/bin/python3
    local scheme=http
    if [ $# -gt 0 ]; then scheme=https; fi
    /usr/bin/python3 "$TOP_SRCDIR/tests/fault-server.py" faults www "$@" >faults.out 2>&1 3>&- &
    echo $! >faults.pid
    wait_until 20 test -e faults
    faults=$scheme://127.0.0.1:$(cat faults)
    other=$scheme://127.0.0.2:$(cat faults)
}

# serve_dav: Apache with mod_dav for www/dav/, which it may write; $dav is its URL, ending in a slash.
serve_dav() {
    local modules=/usr/lib/apache2/modules port user
    PATH=$PATH:/usr/sbin require apache2 /usr/bin/python3
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p www/dav
    if [ "$(id -u)" -eq 0 ]; then # it gives up being root
        user='User www-data'
        chown -R www-data www
        chmod o+x . .. ../.. ../../.. 2>/dev/null || true
    fi
    cat >apache.conf <<EOT
ServerName localhost
ServerRoot $PWD
DefaultRuntimeDir $PWD
PidFile $PWD/apache.pid
ErrorLog $PWD/apache.log
Listen 127.0.0.1:$port
$user
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule dav_module $modules/mod_dav.so
LoadModule dav_fs_module $modules/mod_dav_fs.so
LoadModule setenvif_module $modules/mod_setenvif.so
DocumentRoot $PWD/www
DAVLockDB $PWD/www/locks
<Directory $PWD/www/dav>
Dav On
DavDepthInfinity off
Require all granted
</Directory>
EOT
    PATH=$PATH:/usr/sbin apache2 -f "$PWD/apache.conf" -DFOREGROUND >apache.out 2>&1 3>&- &
    dav=http://127.0.0.1:$port/dav/
    wait_until 20 curl -s -o /dev/null "$dav"
}
