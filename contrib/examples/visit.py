#!/usr/bin/python3
"""visit.py URL IMAGE: a few jobs for a service that lets visitors in: plans each task, accepts the first offer."""
import json
import sys
import time
import urllib.request

TYPES = "https://www.purl.org/ivoa.net/"


def task(name, about, line, image, **more):
    return {
        "name": name,
        "description": about,
        "executable": {"type": TYPES + "executable-types/oci-container",
                       "spec": {"image": image, "command": ["/bin/sh", "-c", line]}},
        "resources": {"compute": [{"name": "compute", "type": TYPES + "resource-types/generic-compute",
                                   "spec": {"mincores": 1, "minmemory": 0.125}}]},
        **more,
    }


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def main(base, image):
    open_url = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({})).open
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ/PT1H", time.gmtime(time.time() + 3600))
    for one in (
        task("hello", "says so", "echo 'hello, world'", image),
        task("primes", "the primes up to 2000, by trial",
             "n=2; while [ $n -le 2000 ]; do [ \"$(factor $n | wc -w)\" = 2 ] && echo $n; n=$((n + 1)); done", image),
        task("mistaken", "ends with an exit code", "echo 'there is no such star' >&2; exit 3", image),
        task("count-down", "runs for a while", "n=600; while [ $n -gt 0 ]; do echo $n; sleep 1; n=$((n - 1)); done", image,
             datetime=[{"maxduration": "PT15M"}]),
        task("tonight", "waits for its window", "date", image, datetime=[{"start": later, "maxduration": "PT10M"}]),
    ):
        asked = urllib.request.Request(base + "planner", json.dumps(one).encode(),
                                       {"Content-Type": "application/json", "Accept": "application/json"})
        answer = json.load(open_url(asked, timeout=60))
        if answer["result"] != "YES":
            sys.exit(f"{one['name']}: {json.dumps(answer.get('messages'))}")
        offer = answer["offers"][0]
        try:
            open_url(urllib.request.Request(offer["accept"], b"", method="POST"), timeout=60)
        except urllib.error.HTTPError as e:
            if e.code != 303:
                raise
        print("  ", offer["job"], one["name"])


main(*sys.argv[1:])
