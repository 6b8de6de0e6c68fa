#!/usr/bin/python3
"""A web server that lies, dies and changes its mind, on a free port of 127.0.0.1 and 127.0.0.2.

    fault-server.py PORTFILE DIRECTORY [CERTIFICATE KEY]

Writes its port to PORTFILE when it listens (with a certificate: for https). The path is /FAULT[=ARG]/NAME, and gives
the file NAME of DIRECTORY, with ranges and If-Range, an ETag and a Last-Modified of long ago:

    /plain/N      as it is                                 /dies=P/N     each answer ends P % of the file further
    /norange/N    dies at 50 %; ranges are ignored (200)   /noetag/N     dies at 50 %; no ETag, no Last-Modified
    /changes/N    dies at 50 %; then another version       /changes206/N the same, but answers 206 all the same
    /wrongpart/N  dies at 50 %; then another part          /more/N       more bytes than Content-Length says
    /fewer/N      never the last byte                      /unasked/N    206 although all was asked for
    /gzip/N       gzip although identity was asked for     /loris/N      a byte a second
    /busy=S,A/N   status S and Retry-After A, once         /later=A/N    503 and Retry-After A, always
    /date=A/N     429, Retry-After a date A s from now, once
    /to=URL       302 to URL                               /login/N      401 without "me", "s3cret"
    /lock/N       423, once                                /loop/N       302 to itself
    /stuck/N      never further than half, until there is a file PORTFILE.unstuck; /stalls/N says no more there

Appends "METHOD PATH RANGE AUTHORIZATION" of each request to PORTFILE.log.
"""
import email.utils
import gzip
import http.server
import os
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse

PORTFILE, ROOT = sys.argv[1:3]
LOCK = threading.Lock()
SEEN = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        with LOCK:
            with open(PORTFILE + ".log", "a", encoding="utf-8") as log:
                print(self.command, self.path, self.headers.get("Range", "-"),
                      self.headers.get("Authorization", "-"), file=log)
            self.times = SEEN[self.path] = SEEN.get(self.path, 0) + 1
        fault, _, name = self.path.lstrip("/").partition("/")
        fault, _, arg = fault.partition("=")
        if fault == "to":
            return self.short(302, {"Location": urllib.parse.unquote(self.path.partition("=")[2])})
        if fault == "loop":
            return self.short(302, {"Location": self.path})
        if fault == "login" and "Authorization" not in self.headers:
            return self.short(401, {"WWW-Authenticate": 'Basic realm="x"'})
        if fault == "busy" and self.times == 1:
            status, after = arg.split(",")
            return self.short(int(status), {"Retry-After": after})
        if fault == "later":
            return self.short(503, {"Retry-After": arg})
        if fault == "date" and self.times == 1:
            return self.short(429, {"Retry-After": email.utils.formatdate(time.time() + int(arg), usegmt=True)})
        if fault == "lock" and self.times == 1:
            return self.short(423, {})
        name = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(name).path))
        with open(os.path.join(ROOT, name), "rb") as file:
            self.tag = '"%d"' % os.fstat(file.fileno()).st_mtime_ns
            self.give(fault, arg, file.read())

    do_HEAD = do_GET

    def short(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def give(self, fault, arg, body):
        first, tag, end = 0, self.tag, None
        stuck = fault in ("stuck", "stalls") and not os.path.exists(PORTFILE + ".unstuck")
        if fault in ("changes", "changes206") and self.times > 1:
            body, tag = bytes(255 - b for b in body), '"two"'
        span = self.headers.get("Range")
        if span and fault != "norange" and (
                self.headers.get("If-Range") in (None, tag) or fault == "changes206"):
            first = int(span[len("bytes="):].split("-")[0])
        if fault == "wrongpart" and first:
            first -= 10
        if fault in ("norange", "noetag", "changes", "changes206", "wrongpart") and self.times == 1:
            end = len(body) // 2
        if fault == "norange" and arg == "always":
            end = len(body) // 2
        if stuck:
            end = max(first, len(body) // 2)
        if fault == "dies":
            end = min(len(body), first + len(body) * int(arg) // 100)
        rest = body[first:]
        said = len(rest)
        if fault == "gzip":
            rest = gzip.compress(rest)
            said = len(rest)
        if fault == "more":
            rest += b"more than that"
        if fault == "fewer":
            end = len(body) - 1
        self.send_response(206 if first or fault == "unasked" else 200)
        if first or fault == "unasked":
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(said))
        if fault == "gzip":
            self.send_header("Content-Encoding", "gzip")
        if fault != "noetag":
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "loris":
            for byte in rest:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(1)
        self.wfile.write(rest if end is None else rest[: end - first])
        if stuck and fault == "stalls":
            self.wfile.flush()
            self.rfile.read(1)  # until the other side goes
        if end is not None and end < len(body):
            self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that goes away is part of the tests


servers = [Server(("127.0.0.1", 0), Handler)]
port = servers[0].server_address[1]
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    servers[0].socket = context.wrap_socket(servers[0].socket, server_side=True)
else:
    servers.append(Server(("127.0.0.2", port), Handler))  # another host, as far as anybody can see
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
with open(PORTFILE + ".new", "w", encoding="ascii") as out:
    print(port, file=out)
os.rename(PORTFILE + ".new", PORTFILE)
servers[0].serve_forever()
