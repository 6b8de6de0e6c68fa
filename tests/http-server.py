#!/usr/bin/python3
"""A small web server with faults, on a free port of the loopback.

    http-server.py PORTFILE DIRECTORY

Writes its port to PORTFILE when it listens. GET, HEAD, PUT and DELETE below DIRECTORY; a first part of the
path asks for a fault:

    /short/N          half the body, then the end        /slow/N       half the body, then nothing
    /chunked/N        no Content-Length, ever            /headless/N   403 to HEAD
    /flaky/K/N        503 the first K times              /status/C     the status C
    /redirect/N       302 to N                           /to-file      302 to file:///etc/passwd
    /forever          302 to itself                      /auth/N       for user "me", password "s3cret"
    /lossy/N          PUT keeps one byte less            /blind/N      PUT only: 403 to GET and HEAD
    /readonly/N       OPTIONS allows GET only            /hang/N       never a word
    /bearer/N         with the token "t0ken-of-me"

MKCOL is 409, as if what shall hold the directory were not there.

Appends "METHOD PATH" of each request to PORTFILE.log.
"""
import base64
import http.server
import os
import sys
import threading
import urllib.parse

PORTFILE, ROOT = sys.argv[1:3]
LOCK = threading.Lock()
SEEN = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def begin(self):
        """Splits the path into fault and file; answers by itself and says None when that is all."""
        with LOCK, open(PORTFILE + ".log", "a", encoding="utf-8") as log:
            print(self.command, self.path, file=log)
        parts = urllib.parse.urlsplit(self.path).path.lstrip("/").split("/")
        fault = parts.pop(0) if parts[0] in FAULTS else ""
        if fault == "flaky":
            times = int(parts.pop(0))
            with LOCK:
                SEEN[self.path] = SEEN.get(self.path, 0) + 1
            if SEEN[self.path] <= times:
                return self.short_answer(503, {"Retry-After": "1"})
        if fault == "status":
            return self.short_answer(int(parts[0]))
        if fault == "redirect":
            return self.short_answer(302, {"Location": "/" + "/".join(parts)})
        if fault == "to-file":
            return self.short_answer(302, {"Location": "file:///etc/passwd"})
        if fault == "forever":
            return self.short_answer(302, {"Location": "/forever"})
        if fault == "hang":
            self.rfile.read(1)  # until the other side goes
            self.close_connection = True
            return None
        if fault == "headless" and self.command == "HEAD":
            return self.short_answer(403)
        if fault == "blind" and self.command != "PUT":
            return self.short_answer(403)
        login = "Basic " + base64.b64encode(b"me:s3cret").decode()
        if fault == "bearer" and self.headers.get("Authorization") != "Bearer t0ken-of-me":
            return self.short_answer(401, {"WWW-Authenticate": "Bearer"})
        if fault == "auth" and self.headers.get("Authorization") != login:
            return self.short_answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
        path = os.fsencode(ROOT) + b"/" + urllib.parse.unquote_to_bytes("/".join(parts))
        return fault, path

    def short_answer(self, status, headers=None):
        self.read_body()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline(), 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        what = self.begin()
        if not what:
            return
        fault, path = what
        if not os.path.isfile(path):
            self.short_answer(404)
            return
        with open(path, "rb") as file:
            body = file.read()
        span = self.headers.get("Range")
        if span == "bytes=0-0" and body and fault != "chunked":
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 0-0/{len(body)}")
            body = body[:1]
        else:
            self.send_response(200)
        if fault == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "chunked":
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        elif fault == "short":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif fault == "slow":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.rfile.read(1)  # until the other side goes
        else:
            self.wfile.write(body)

    do_HEAD = do_GET

    def do_PUT(self):
        what = self.begin()
        if not what:
            return
        fault, path = what
        body = self.read_body()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(body[:-1] if fault == "lossy" else body)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_DELETE(self):
        what = self.begin()
        if not what:
            return
        there = os.path.isfile(what[1])
        if there:
            os.unlink(what[1])
        self.short_answer(204 if there else 404)

    def do_MKCOL(self):
        if self.begin():
            self.short_answer(409)

    def do_OPTIONS(self):
        what = self.begin()
        if not what:
            return
        allow = "GET, HEAD, OPTIONS" if what[0] == "readonly" else "GET, HEAD, PUT, OPTIONS"
        self.short_answer(200, {"Allow": allow})


FAULTS = ("short", "slow", "chunked", "headless", "flaky", "status", "redirect", "to-file",
          "forever", "auth", "lossy", "blind", "readonly", "hang", "bearer")


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # a client that goes away is part of the tests


server = Server(("127.0.0.1", 0), Handler)
with open(PORTFILE + ".new", "w", encoding="ascii") as out:
    print(server.server_address[1], file=out)
os.rename(PORTFILE + ".new", PORTFILE)
server.serve_forever()
