#!/usr/bin/python3
"""Many clients that wait for one thing, and others that do not.

    waiters.py crowd N URL     N connections GET the URL at once; prints, for each, "STATUS SECONDS", in the order of their end
    waiters.py poll N S URL... N clients GET the URLs in turn for S seconds; prints the median and the 99th percentile of the
                               seconds an answer takes, and how many there were
"""
import asyncio
import sys
import time
import urllib.parse


async def get(url):
    """The status and the body."""
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    path = parts.path + ("?" + parts.query if parts.query else "")
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
                 "Connection: close\r\n\r\n".encode())
    try:
        whole = await reader.read()
    finally:
        writer.close()
    return whole.split(b" ", 2)[1].decode() if whole else "none"


async def crowd(n, url):
    async def one():
        begun = time.monotonic()
        status = await get(url)
        print(status, f"{time.monotonic() - begun:.2f}", flush=True)
    await asyncio.gather(*(one() for _ in range(int(n))))


async def poll(n, seconds, *urls):
    took = []
    end = time.monotonic() + float(seconds)

    async def one(first):
        at = first
        while time.monotonic() < end:
            begun = time.monotonic()
            status = await get(urls[at % len(urls)])
            if status != "200":
                raise SystemExit(f"{urls[at % len(urls)]}: {status}")
            took.append(time.monotonic() - begun)
            at += int(n)
    await asyncio.gather(*(one(i) for i in range(int(n))))
    took.sort()
    print(f"{took[len(took) // 2]:.6f} {took[int(len(took) * 0.99)]:.6f} {len(took)}")


asyncio.run({"crowd": crowd, "poll": poll}[sys.argv[1]](*sys.argv[2:]))
