#!/usr/bin/python3
"""A VOSpace 2.1 service with faults, on a free port of 127.0.0.1 (the service) and of 127.0.0.2 (where bytes are).

    vospace-server.py PORTFILE DIRECTORY TOKEN

Writes its port to PORTFILE when it listens on both. Nodes are files and directories below DIRECTORY/nodes. What it shall do
wrong is read from DIRECTORY/modes at each request, one word a line:

    anonymous         asks for no token                   protected        asks for one (VOSI: #token only)
    certificate       VOSI offers tls-with-certificate only
    direct            the transfer's document by 200      bytes            303 to the bytes themselves
    results           .../results/transferDetails         hops             303 to the job first, and from there
    fault=WORD        a transfer fails with WORD in its job's error
    refuse=WORD       synctrans answers 500 with WORD     vanish           transferDetails answers 404
    secure            endpoints with securityMethod, at 127.0.0.1, then without, at 127.0.0.2
    broken-first      the first endpoint gives 503        slow-first       the first endpoint says nothing
    redirect          an endpoint leads to 127.0.0.2      digest=BAD       a wrong Digest of what is got
    short             half the bytes, once                corrupt-put      keeps another byte, and no 412
    no-412            does not look at Digest             page=N           so many nodes a page, at most
    everything        ignores limit and uri               link             has a link node in each container
    readonly          #writable is false                  unlisted         does not let / be read
    no-md5            nodes have no #MD5                  no-length        nodes have no #length
    down=METHOD       503 to that method

All requests are written to PORTFILE.log ("HOST METHOD PATH TOKEN"), the documents to PORTFILE.documents/N.xml.
"""
import base64
import hashlib
import http.server
import os
import sys
import threading
import urllib.parse
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

PORTFILE, ROOT, TOKEN = sys.argv[1:4]
NODES = os.path.join(ROOT, "nodes")
NS = "http://www.ivoa.net/xml/VOSpace/v2.0"
V = "{%s}" % NS
CORE = "ivo://ivoa.net/vospace/core#"
SSO = "ivo://ivoa.net/sso#"
NAME = "vos://example.org!vospace"
LOCK = threading.Lock()
JOBS, TICKETS, COUNT = {}, {}, [0, 0]
STATUS = {"NodeNotFound": 404, "ContainerNotFound": 404, "PermissionDenied": 403, "DuplicateNode": 409}


def modes():
    found = {}
    try:
        with open(os.path.join(ROOT, "modes"), encoding="utf-8") as file:
            for line in file.read().split():
                name, _, value = line.partition("=")
                found[name] = value
    except FileNotFoundError:
        pass
    return found


def md5(path):
    with open(path, "rb") as file:
        return hashlib.md5(file.read())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", kind="text/xml", headers=()):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fault(self, word, status=None):
        self.close_connection = True  # a body may not have been read
        self.reply(status or STATUS.get(word, 500), word, "text/plain", [("Connection", "close")])

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            got = b""
            while size := int(self.rfile.readline(), 16):
                got += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return got
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_any(self):
        self.modes = modes()
        self.here = self.server.server_address[0]
        self.base = "http://127.0.0.1:%d/vospace" % self.server.server_address[1]
        self.far = "http://127.0.0.2:%d/bytes" % self.server.server_address[1]
        token = self.headers.get("Authorization", "-").replace(" ", "_")
        with LOCK, open(PORTFILE + ".log", "a", encoding="utf-8") as log:
            print(self.here, self.command, self.path, token, file=log)
        self.who = token == "Bearer_" + TOKEN
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/vospace/capabilities":
            return self.capabilities()
        if url.path.startswith(("/bytes/", "/vospace/files/")):
            return self.ticket(url.path.rsplit("/", 1)[1])
        if self.here != "127.0.0.1" or not url.path.startswith("/vospace/"):
            return self.fault("InvalidURI", 404)
        if self.modes.get("down") == self.command:
            self.body()
            return self.fault("InternalFault", 503)
        if "protected" in self.modes and not self.who:
            self.body()
            return self.fault("PermissionDenied", 401)
        rest = url.path[len("/vospace"):]
        for begin, act in (("/nodes", self.node), ("/synctrans", self.synctrans), ("/details/", self.details),
                           ("/jobs/", self.job)):
            if rest.startswith(begin):
                return act(rest[len(begin):])
        return self.fault("InvalidURI", 404)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def capabilities(self):
        methods = ""
        if "certificate" in self.modes:
            methods = '<securityMethod standardID="%stls-with-certificate"/>' % SSO
        elif "protected" in self.modes:
            methods = '<securityMethod standardID="%stoken"/>' % SSO
        elif "anonymous" not in self.modes:
            methods = '<securityMethod/><securityMethod standardID="%stoken"/>' % SSO
        rows = "".join(
            '<capability standardID="ivo://ivoa.net/std/VOSpace/v2.0#%s"><interface xsi:type="vs:ParamHTTP" role="std"'
            ' version="2.1"><accessURL use="base">%s</accessURL>%s</interface></capability>' % (name, self.base + path, methods)
            for name, path in (("nodes", "/nodes"), ("sync-2.1", "/synctrans"), ("transfers", "/jobs"), ("views", "/views")))
        self.reply(200, '<?xml version="1.0"?><vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0"'
                   ' xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1"'
                   ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">%s</vosi:capabilities>' % rows)

    # --- nodes ---

    def place(self, path):
        return NODES + urllib.parse.unquote(path).rstrip("/")

    def properties(self, place):
        rows = []
        if os.path.isfile(place):
            if "no-length" not in self.modes:
                rows.append(("length", str(os.path.getsize(place))))
            if "no-md5" not in self.modes:
                rows.append(("MD5", md5(place).hexdigest()))
        if "readonly" in self.modes:
            rows.append(("writable", "false"))
        return "<vos:properties>%s</vos:properties>" % "".join(
            '<vos:property uri="%s%s">%s</vos:property>' % (CORE, name, value) for name, value in rows)

    def document(self, place, path, nodes=None):
        link = path.endswith("/a-link")
        kind = "Link" if link else "Container" if os.path.isdir(place) else "Data"
        name = "vos:nodes" if nodes is not None else ""
        space = (' xmlns:vos="%s" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"' % NS) if name else ""
        inner = "<vos:nodes>%s</vos:nodes>" % "".join(nodes or []) if kind == "Container" else ""
        inner += "<vos:target>%s/elsewhere</vos:target>" % NAME if link else ""
        return '<vos:node%s xsi:type="vos:%sNode" version="2.1" uri=%s>%s%s</vos:node>' % (
            space, kind, quoteattr(NAME + path), self.properties(place), inner)

    def children(self, place, path):
        names = sorted(os.listdir(place), key=os.fsencode)
        if "link" in self.modes:
            names.insert(0, "a-link")
        children = [path + "/" + urllib.parse.quote(name) for name in names]
        if "everything" in self.modes:
            return children
        most = min(int(self.query.get("limit", 10**9)), int(self.modes.get("page") or 10**9))
        first = self.query.get("uri")
        if first:
            children = [c for c in children if os.fsencode(c) >= os.fsencode(first[len(NAME):])]
        return children[:most]

    def node(self, path):
        path = path.rstrip("/")
        place = self.place(path)
        if self.command == "PUT":
            return self.make(path, place)
        if not os.path.exists(place):
            return self.fault("NodeNotFound")
        if self.command == "DELETE":
            if os.path.isdir(place):
                if os.listdir(place):
                    return self.fault("ContainerNotEmpty", 409)
                os.rmdir(place)
            else:
                os.unlink(place)
            return self.reply(204)
        if "unlisted" in self.modes and path == "":
            return self.fault("PermissionDenied")
        nodes = []
        if os.path.isdir(place):
            nodes = [self.document(self.place(c), c) for c in self.children(place, path)]
        return self.reply(200, self.document(place, path, nodes))

    def make(self, path, place):
        self.keep(self.body())
        if "readonly" in self.modes:
            return self.fault("PermissionDenied")
        if os.path.exists(place):
            return self.fault("DuplicateNode")
        if not os.path.isdir(os.path.dirname(place)):
            return self.fault("ContainerNotFound")
        os.mkdir(place)
        return self.reply(201, self.document(place, path, []))

    # --- transfers ---

    def keep(self, document):
        with LOCK:
            COUNT[0] += 1
            number = COUNT[0]
        os.makedirs(PORTFILE + ".documents", exist_ok=True)
        with open("%s.documents/%d.xml" % (PORTFILE, number), "wb") as file:
            file.write(document)

    def url(self, path, secure, what):
        ticket = uuid.uuid4().hex
        TICKETS[ticket] = (path, secure, what)
        return (self.base + "/files/" if secure else self.far + "/") + ticket

    def word_for(self, path, push):
        place = self.place(path)
        if "fault" in self.modes:
            return self.modes["fault"]
        if push:
            return None if os.path.isdir(os.path.dirname(place)) else "ContainerNotFound"
        return None if os.path.isfile(place) else "NodeNotFound"

    def synctrans(self, _):
        if self.command != "POST":
            return self.fault("NodeNotFound")
        document = self.body()
        self.keep(document)
        if "refuse" in self.modes:
            return self.fault(self.modes["refuse"], 500)
        asked = ET.fromstring(document)
        path = asked.find(V + "target").text[len(NAME):]
        push = asked.find(V + "direction").text == "pushToVoSpace"
        verb = "httpput" if push else "httpget"
        word = self.word_for(path, push)
        rows = []
        if not word:
            first = next((m for m in ("broken-first", "slow-first") if m in self.modes), None)
            if first:
                rows.append((self.url(path, False, first), False))
            if "secure" in self.modes:
                rows.append((self.url(path, True, None), True))
            rows.append((self.url(path, False, None), False))
        offered = "".join('<vos:protocol uri="%s%s"><vos:endpoint>%s</vos:endpoint>%s</vos:protocol>' % (
            CORE, verb, escape(url), '<vos:securityMethod uri="%stoken"/>' % SSO if secure else "") for url, secure in rows)
        answer = ('<?xml version="1.0"?><vos:transfer xmlns:vos="%s" version="2.1"><vos:target>%s</vos:target>'
                  "<vos:direction>%s</vos:direction>%s</vos:transfer>") % (
                      NS, escape(asked.find(V + "target").text), asked.find(V + "direction").text, offered)
        job = uuid.uuid4().hex
        JOBS[job] = (answer, word)
        where = self.base + ("/jobs/%s/results/transferDetails" if "results" in self.modes else "/details/%s") % job
        if "hops" in self.modes:
            where = self.base + "/jobs/%s/run" % job
        if "direct" in self.modes and not word:
            return self.reply(200, answer)
        if "bytes" in self.modes and not push and not word:
            where = rows[0][0]
        return self.reply(303, headers=[("Location", where)])

    def details(self, job):
        if "vanish" in self.modes:
            return self.reply(404, "no such result", "text/plain")
        return self.reply(200, JOBS[job][0])

    def job(self, path):
        job, _, rest = path.partition("/")
        if rest == "run":
            return self.reply(303, headers=[("Location", "../../details/" + job)])
        if rest == "results/transferDetails":
            return self.details(job)
        if rest == "error" and JOBS[job][1]:
            return self.reply(200, JOBS[job][1], "text/plain")
        return self.fault("NodeNotFound")

    # --- bytes ---

    def ticket(self, ticket):
        with LOCK:
            path, secure, what = TICKETS.pop(ticket, (None, None, None))
        if path is None:
            return self.fault("used already", 410)
        if secure and not self.who:
            return self.fault("PermissionDenied", 401)
        if what == "slow-first":
            threading.Event().wait(60)
            self.close_connection = True
            return None
        if what == "broken-first":
            return self.fault("InternalFault", 503)
        if "redirect" in self.modes and secure:
            return self.reply(307, headers=[("Location", self.url(path, False, None))])
        return self.take(self.place(path)) if self.command == "PUT" else self.give(self.place(path))

    def give(self, place):
        with open(place, "rb") as file:
            body = file.read()
        sum_ = base64.b64encode(hashlib.md5(body).digest()).decode()
        if "digest" in self.modes:
            sum_ = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        kind = "text/xml" if place.endswith(".xml") else "application/octet-stream"
        if "short" in self.modes and COUNT[1] == 0:
            COUNT[1] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
            return None
        return self.reply(200, body, kind, [("Digest", "sha-256=x,md5=" + sum_)])

    def take(self, place):
        body = self.body()
        told = self.headers.get("Digest", "")
        sum_ = "md5=" + base64.b64encode(hashlib.md5(body).digest()).decode()
        if "fail-412" in self.modes or (told and told != sum_ and "no-412" not in self.modes):
            return self.reply(412)
        if "corrupt-put" in self.modes:
            body = body[:-1] + b"?"
        with open(place + ".new", "wb") as file:
            file.write(body)
        os.replace(place + ".new", place)
        return self.reply(201)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    os.makedirs(NODES, exist_ok=True)
    while True:
        near = Server(("127.0.0.1", 0), Handler)
        try:
            far = Server(("127.0.0.2", near.server_address[1]), Handler)
            break
        except OSError:  # another's port there
            near.server_close()
    threading.Thread(target=far.serve_forever, daemon=True).start()
    with open(PORTFILE + ".new", "w", encoding="utf-8") as file:
        print(near.server_address[1], file=file)
    os.replace(PORTFILE + ".new", PORTFILE)
    near.serve_forever()


main()
