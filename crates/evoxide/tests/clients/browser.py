"""Chromium as the peer of the Rust library, driven through its DevTools protocol: the chat's page in two windows, and requests to
http_peer and http_files. `browser.py CHAT HTTP FILES DIR`: three ports, and a folder for the browser's profile."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.request

import websockets

SECONDS = 60
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"]


class Page:
    """A window of the browser."""

    def __init__(self, ws):
        self.ws = ws
        self.numbers = itertools.count(1)

    async def ask(self, method, **params):
        number = next(self.numbers)
        await self.ws.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(await self.ws.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    async def js(self, code):
        """The value of an expression in the page; a promise is waited for."""
        answer = await self.ask("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (code, answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, code, wanted):
        """Waits until an expression has a value."""
        got = None
        try:
            async with asyncio.timeout(SECONDS):
                while (got := await self.js(code)) != wanted:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{code}: {got!r}, wanted {wanted!r}") from None


async def chromium(profile):
    """Starts the browser: its process, and where its DevTools listen."""
    log = open(profile + ".log", "wb")
    command = ["chromium", *ARGS, f"--user-data-dir={profile}", "about:blank"]
    browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    async with asyncio.timeout(SECONDS):
        while True:
            assert browser.poll() is None, "chromium ended"
            try:
                lines = open(os.path.join(profile, "DevToolsActivePort")).read().split("\n")
                if len(lines) == 2:
                    return browser, f"127.0.0.1:{lines[0]}"
            except FileNotFoundError:
                pass
            await asyncio.sleep(0.05)


async def page(devtools, url):
    ask = urllib.request.Request(f"http://{devtools}/json/new?{url}", method="PUT")
    answer = json.load(urllib.request.urlopen(ask, timeout=SECONDS))
    return Page(await websockets.connect(answer["webSocketDebuggerUrl"], max_size=None, ping_interval=None))


LOG = "[...document.querySelectorAll('#log div')].map(d => d.textContent).join('|')"
SAY = "text.value = {}; document.querySelector('form').requestSubmit(); text.value"


async def chat(devtools, port):
    url = f"http://127.0.0.1:{port}/"
    first = await page(devtools, url)
    await first.until(LOG, "1 is here")
    second = await page(devtools, url)
    await second.until(LOG, "2 is here")
    await first.until(LOG, "1 is here|2 is here")
    assert await first.js(SAY.format("'Good morning'")) == ""
    await second.until(LOG, "2 is here|1: Good morning")
    await second.js(SAY.format("'κόσμε <b>'"))
    for window, start in ((first, "1 is here|2 is here|"), (second, "2 is here|")):
        await window.until(LOG, start + "1: Good morning|2: κόσμε <b>")
    # More than a message may have: the server closes, and the page says so.
    await second.js(SAY.format("'x'.repeat(5000)"))
    await second.until(LOG, "2 is here|1: Good morning|2: κόσμε <b>|The connection is closed.")
    await first.until(LOG, "1 is here|2 is here|1: Good morning|2: κόσμε <b>|2 has left")
    # A window that is closed has left.
    third = await page(devtools, url)
    await third.until(LOG, "3 is here")
    await third.ask("Page.close")
    await first.until(LOG, "1 is here|2 is here|1: Good morning|2: κόσμε <b>|2 has left|3 is here|3 has left")


async def http(devtools, port):
    window = await page(devtools, f"http://127.0.0.1:{port}/")
    await window.until("document.body && document.body.textContent", "hello /")
    text = "fetch({}).then(a => a.text())"
    assert await window.js(text.format("'/a?b=c'")) == "hello /a"
    assert await window.js(text.format("'/chunks'")) == "".join(f"chunk {i}\n" for i in range(10))
    post = "fetch('/p', {method: 'POST', body: 'x'.repeat(3000000)}).then(a => a.text()).then(t => t.length)"
    assert await window.js(post) == 3000000
    assert await window.js("fetch('/a', {method: 'HEAD'}).then(a => a.headers.get('content-length'))") == "8"
    many = "Promise.all([...Array(200).keys()].map(i => fetch('/' + i).then(a => a.text()))).then(all => all.join())"
    assert await window.js(many) == ",".join(f"hello /{i}" for i in range(200))


async def files(devtools, port):
    window = await page(devtools, f"http://127.0.0.1:{port}/page.html")
    # Its script and its picture have come.
    await window.until("document.title", "script has run, 2x3")
    part = "fetch('/big', {headers: {Range: 'bytes=1000000-1000009'}}).then(a => a.text().then(t => a.status + ' ' + t))"
    assert await window.js(part) == "206 0123456789"
    assert await window.js("fetch('/big').then(a => a.text()).then(t => t.length)") == 3000000
    # What the browser has is asked for by its validator: what counts is that it gets the same.
    again = "fetch('/big', {cache: 'no-cache'}).then(a => a.text()).then(t => t.length)"
    assert await window.js(again) == 3000000
    known = """fetch('/big').then(a => fetch('/big', {cache: 'no-store', headers: {'If-None-Match': a.headers.get('etag')}}))
        .then(a => a.status)"""
    assert await window.js(known) == 304
    assert await window.js("fetch('/missing').then(a => a.status)") == 404


async def main(chat_port, http_port, files_port, profile):
    browser, devtools = await chromium(profile)
    try:
        await chat(devtools, chat_port)
        await http(devtools, http_port)
        await files(devtools, files_port)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


asyncio.run(main(*sys.argv[1:]))
