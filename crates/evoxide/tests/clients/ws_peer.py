"""Python's `websockets` as the peer of ws_peer, which sends back what comes: `client PORT` talks to its server, `server PORT` to
its client. The checks are the same: they see one connection after the other."""

import asyncio
import os
import struct
import sys

import websockets
from websockets.exceptions import ConnectionClosed

TEXT, CONTINUATION = 1, 0
SECONDS = 30


async def echo(ws, data):
    await ws.send(data)
    back = await ws.recv()
    assert back == data, (type(back), len(back), len(data))


async def closed(ws):
    """The code that the peer closes with; messages before are dropped."""
    try:
        while True:
            await ws.recv()
    except ConnectionClosed as e:
        return e.rcvd.code if e.rcvd else None


async def sizes(ws):
    for n in (0, 1, 125, 126, 65535, 65536, 1 << 20, 10 << 20):
        await echo(ws, "x" * n)
        await echo(ws, os.urandom(n))
    await echo(ws, "κόσμε")


async def fragments(ws):
    await ws.send(["in ", "three ", "fragments"])
    assert await ws.recv() == "in three fragments"
    await ws.send([b"\0" * 70000, b"", b"\1" * 70000])
    assert await ws.recv() == b"\0" * 70000 + b"\1" * 70000
    # Between two bytes of a letter, and with a ping between the frames.
    letters = "κόσμε".encode()
    await ws.write_frame(False, TEXT, letters[:3])
    await (await ws.ping(b"between"))
    await ws.write_frame(True, CONTINUATION, letters[3:])
    assert await ws.recv() == "κόσμε"


async def pings(ws):
    for data in (b"", b"are you there", b"x" * 125):
        await asyncio.wait_for(await ws.ping(data), SECONDS)
    # A ping of the peer is answered by the library; it must not disturb.
    await echo(ws, "ping")
    # Silent for longer than the peer takes to ping.
    await asyncio.sleep(0.5)
    await echo(ws, "still there")


async def plain(ws):
    assert ws.extensions == [], ws.extensions
    await echo(ws, "plain" * 1000)


def we_close(code):
    async def check(ws):
        await echo(ws, "here")
        await ws.close(code, "bye")
        assert ws.close_code == code, ws.close_code

    return check


def they_close(code):
    async def check(ws):
        await ws.send(f"close {code}")
        assert await closed(ws) == code
        assert ws.close_reason == "as you wish", ws.close_reason

    return check


def wrong(code, fin, opcode, data, masks=True):
    """A frame that is wrong, and the code that it is answered with. The library would not write most of them."""

    async def check(ws):
        # With a mask of zeros the data stay as they are.
        masked = ws.is_client == masks
        head = bytes([fin << 7 | opcode, masked << 7 | min(len(data), 126)])
        long = struct.pack("!H", len(data)) if len(data) > 125 else b""
        ws.transport.write(head + long + b"\0\0\0\0" * masked + data)
        got = await closed(ws)
        assert got == code, (got, code)

    return check


async def too_much(ws):
    try:
        await ws.send(b"x" * (17 << 20))
    except ConnectionClosed:
        pass
    got = await closed(ws)
    # The peer does not read what is too much; the reset may overtake its words.
    assert got in (None, 1009), got


CHECKS = [
    sizes,
    fragments,
    pings,
    plain,
    *(we_close(code) for code in (1000, 1001, 3000, 4999)),
    *(they_close(code) for code in (1000, 1008, 3001, 4998)),
    wrong(1007, True, TEXT, b"\xff\xfe"),
    wrong(1007, True, TEXT, "κ".encode()[:1]),
    wrong(1007, True, TEXT, b"\xed\xa0\x80"),
    wrong(1002, True, CONTINUATION, b"of nothing"),
    wrong(1002, False, 9, b"a ping in pieces"),
    wrong(1002, True, 9, b"x" * 126),
    wrong(1002, True, 3, b"no such opcode"),
    wrong(1002, True, 8, b"\x03"),
    wrong(1002, True, 8, b"\x03\xed"),
    wrong(1007, True, 8, b"\x03\xe8\xff"),
    wrong(1002, True, TEXT, b"masked where it must not be, or not", masks=False),
    too_much,
]
OPTIONS = {"max_size": None, "ping_interval": None, "close_timeout": SECONDS}




async def client(port):
    url = f"ws://127.0.0.1:{port}/chat"
    for number, check in enumerate(CHECKS):
        # Compression is offered, and not taken.
        async with websockets.connect(url, **OPTIONS) as ws:
            await run(number, check, ws)

    async def one(i):
        async with websockets.connect(url, **OPTIONS) as ws:
            for k in range(20):
                await echo(ws, f"{i} {k}")

    await asyncio.gather(*(one(i) for i in range(50)))


async def server(port):
    checks, done = iter(enumerate(CHECKS)), asyncio.get_running_loop().create_future()

    async def serve(ws):
        try:
            offered = ws.request_headers.get("Sec-WebSocket-Extensions")
            assert offered is None, offered
            number, check = next(checks, (len(CHECKS), None))
            if check is None:
                # The last of its connections.
                await ws.close(4000, "enough")
                done.set_result(None)
            else:
                await run(number, check, ws)
        except Exception as e:
            done.set_exception(e)

    async with websockets.serve(serve, "127.0.0.1", port, **OPTIONS):
        await done


async def run(number, check, ws):
    try:
        await asyncio.wait_for(check(ws), SECONDS)
    except Exception as e:
        raise AssertionError(f"check {number}, {check.__qualname__}: {e!r}") from e


role, port = sys.argv[1:]
asyncio.run({"client": client, "server": server}[role](int(port)))
