# shellcheck shell=bash
# For the benches over HTTP: nginx on a free port of the loopback gives $work/www; $web is its URL.
mkdir www
# shellcheck disable=SC2154
chmod 755 "$work" www
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >nginx.conf <<EOT
daemon off; pid $work/nginx.pid; error_log $work/nginx.log; worker_processes 1;
events { worker_connections 256; }
http {
    access_log off; sendfile on; keepalive_requests 1000000;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    server { listen 127.0.0.1:$port; root $work/www; }
}
EOT
PATH=$PATH:/usr/sbin nginx -c "$work/nginx.conf" >&2 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
web=http://127.0.0.1:$port
until curl -s -o /dev/null "$web/"; do sleep 0.1; done
