"""tap-front.py PORT-FILE URL-FILE: stands before a service, and makes of it what a TAP service looks like to who creates jobs:
a form that makes a job is given the task of the environment variable TASK as its JDL. All else passes as it is.
The port is written into one file, the URL of the service read from the other when somebody asks."""
import http.client
import http.server
import os
import sys
import urllib.parse

port_file, url_file = sys.argv[1:]
PASSED = ("content-type", "location", "allow", "vary", "etag", "cache-control")


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("accept", "content-type")}
        if self.command == "POST" and self.path == "/async":
            given = urllib.parse.parse_qsl(body.decode()) + [("JDL", os.environ["TASK"])]
            body = urllib.parse.urlencode(given).encode()
        with open(url_file) as f:
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(f.read().strip()).netloc)
        connection.request(self.command, self.path, body, headers)
        reply = connection.getresponse()
        answer = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() in PASSED:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_DELETE = pass_on


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
with open(port_file + ".new", "w") as f:
    print(server.server_port, file=f)
os.rename(port_file + ".new", port_file)
server.serve_forever()
