#!/usr/bin/python3
"""Sends its clients elsewhere: on a free port of all addresses there are.

    away-server.py PORTFILE

/NAME is a file that says its name; /to?URL answers 302 to URL. Appends "METHOD PATH" of each request to PORTFILE.log.
"""
import http.server
import os
import sys

PORTFILE = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        with open(PORTFILE + ".log", "a", encoding="utf-8") as log:
            print(self.command, self.path, file=log)
        self.send_response(302 if self.path.startswith("/to?") else 200)
        if self.path.startswith("/to?"):
            self.send_header("Location", self.path[len("/to?"):])
        body = self.path[1:].encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET


server = http.server.ThreadingHTTPServer(("", 0), Handler)
with open(PORTFILE + ".new", "w", encoding="utf-8") as file:
    print(server.server_address[1], file=file)
os.rename(PORTFILE + ".new", PORTFILE)
server.serve_forever()
