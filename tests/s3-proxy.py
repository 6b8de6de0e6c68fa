#!/usr/bin/python3
"""A proxy in front of an object store, on a free port of the loopback, for the faults that the store cannot make.

    s3-proxy.py PORTFILE UPSTREAM-PORT

Requests go on as they are, with their Host, so signatures stay good. PORTFILE.faults has lines

    FAULT TIMES METHOD TEXT [ARGUMENT]

for requests of the METHOD whose "PATH HEADERS" hold TEXT (- for any): the first that fits, TIMES times. Faults:

    status ARG     the status ARG with the document <Error><Code>...; ARG is STATUS:CODE[:MORE XML]
    cut            half the body, then the end               etag           another ETag
    to ARG         307 to ARG and the same path              moved ARG      301 with <Endpoint>ARG
    give ARG       200 with the file ARG as the body         header ARG     one header more, NAME:VALUE
    flip           the last byte of the body is another

Appends "METHOD PATH signed|anonymous" of each request to PORTFILE.log, and all headers to PORTFILE.headers.
"""
import http.client
import http.server
import os
import sys
import threading

PORTFILE, UPSTREAM = sys.argv[1], int(sys.argv[2])
LOCK = threading.Lock()
USED = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def fault(self):
        text = self.path + " " + " ".join(f"{k}: {v}" for k, v in self.headers.items())
        with LOCK:
            signed = "signed" if self.headers.get("Authorization") else "anonymous"
            with open(PORTFILE + ".log", "a", encoding="utf-8") as log:
                print(self.command, self.path, signed, file=log)
            with open(PORTFILE + ".headers", "a", encoding="utf-8") as log:
                print(text, file=log)
            if not os.path.exists(PORTFILE + ".faults"):
                return None, None
            with open(PORTFILE + ".faults", encoding="utf-8") as lines:
                for line in lines:
                    words = line.split(None, 4)
                    if len(words) < 4 or words[2] != self.command or (words[3] != "-" and words[3] not in text):
                        continue
                    if USED.get(line, 0) < int(words[1]):
                        USED[line] = USED.get(line, 0) + 1
                        return words[0], words[4].strip() if len(words) > 4 else ""
        return None, None

    def give(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault, argument = self.fault()
        if fault == "status":
            status, code, more = (argument + "::").split(":", 2)
            document = f"<Error><Code>{code}</Code>{more.rstrip(':')}</Error>".encode()
            self.give(int(status), document)
        elif fault == "to":
            self.give(307, b"", [("Location", argument + self.path)])
        elif fault == "moved":
            document = f"<Error><Code>PermanentRedirect</Code><Endpoint>{argument}</Endpoint></Error>"
            self.give(301, document.encode())
        elif fault == "give":
            with open(argument, "rb") as file:
                self.give(200, file.read())
        else:
            self.forward(body, fault, argument)

    def forward(self, body, fault, argument):
        upstream = http.client.HTTPConnection("127.0.0.1", UPSTREAM)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() in ("connection", "transfer-encoding", "content-length", "date"):
                continue
            if fault == "etag" and name.lower() == "etag":
                value = '"0123456789abcdef0123456789abcdef"'
            self.send_header(name, value)
        if fault == "header":
            self.send_header(*argument.split(":", 1))
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        if answer.status != 204:
            self.send_header("Content-Length", length or "0")
        self.end_headers()
        if fault == "cut":
            content = content[: len(content) // 2]
            self.close_connection = True
        if fault == "flip" and content:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_any


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(PORTFILE + ".new", "w", encoding="utf-8") as out:
    print(server.server_address[1], file=out)
os.rename(PORTFILE + ".new", PORTFILE)
server.serve_forever()
