#!/usr/bin/python3
"""Receives callouts, on a free port of the loopback.

    callout-server.py PORTFILE [PORT]

Writes its port to PORTFILE when it listens. A POST to /triggers/TOKEN is handed to execdm-trigger, as a service does,
and answered by what that ends with; any other is answered 204. The file PORTFILE.mode may name what to do instead:

    status C    answers with status C             close     closes the connection without an answer
    hang        never a word                      away URL  302 to URL
    first C N   the first N with status C

Each request is a line of PORTFILE.log: {"path", "headers" (names in lower case), "body", "status"}.
"""
import http.server
import json
import os
import subprocess
import sys
import threading
import time

PORTFILE = sys.argv[1]
LOCK = threading.Lock()
COUNT = [0]
STATUS = {0: 200, 64: 400, 65: 400, 66: 404, 75: 503, 79: 409}


def mode():
    try:
        with open(PORTFILE + ".mode", encoding="utf-8") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        word = mode()
        with LOCK:
            COUNT[0] += 1
            number = COUNT[0]
        status = 204
        if word[:1] == ["status"] or (word[:1] == ["first"] and number <= int(word[2])):
            status = int(word[1])
        elif word[:1] == ["away"]:
            status = 302
        elif self.path.startswith("/triggers/"):
            done = subprocess.run(["execdm-trigger", "-q", "http://here" + self.path], input=body, text=True,
                                  stdout=subprocess.DEVNULL, check=False)
            status = STATUS.get(done.returncode, 500)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with LOCK, open(PORTFILE + ".log", "a", encoding="utf-8") as log:
            print(json.dumps({"path": self.path, "headers": headers, "body": body,
                              "status": word[0] if word[:1] in (["hang"], ["close"]) else status}), file=log)
        if word[:1] == ["hang"]:
            time.sleep(600)
        if word[:1] in (["hang"], ["close"]):
            self.close_connection = True
            return
        self.send_response(status)
        if status == 302:
            self.send_header("Location", word[1])
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
with open(PORTFILE + ".part", "w", encoding="utf-8") as portfile:
    print(server.server_address[1], file=portfile)
os.rename(PORTFILE + ".part", PORTFILE)
server.serve_forever()
