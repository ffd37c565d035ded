#!/bin/bash
# Python's `websockets` as the peer of both roles: its client against ws_echo.c on libevent-2.1.so.7, its server against the client
# of crates/evoxide-proto/examples/ws_client.rs. Needs pip and a network, cargo for the second half.
NAME=websockets; LIMIT=${LIMIT:-300}; LIBS="libevent-2.1.so.7"
HERE=$(cd "$(dirname "$0")" && pwd)
export CARGO=${CARGO:-$(command -v cargo)}
. "$HERE/common.sh"
$PY -m venv venv >venv.log 2>&1 && venv/bin/pip install -q websockets >>venv.log 2>&1 || fail "no websockets: $(tail -1 venv.log)"
read -r P Q <<<"$(freeports 2)"
cc -o ws_echo "$HERE/ws_echo.c" -I "$HERE/../../include" -L "$LIBDIR" -l:libevent-2.1.so.7 || fail "ws_echo.c"
start echo.log ./ws_echo "$P"
ECHO=$PID; waitport "$P" || fail "does not listen: $(tail -1 echo.log)"
mapped "$ECHO"
timeout 60 venv/bin/python - "$P" >out 2>&1 <<'PY' || fail "$(tail -1 out)"
import asyncio, os, sys, websockets
from websockets.exceptions import ConnectionClosed
url = f"ws://127.0.0.1:{sys.argv[1]}/chat"
async def echo(ws, data):
    await ws.send(data)
    back = await ws.recv()
    assert back == data, (type(data), len(data))
async def main():
    async with websockets.connect(url, max_size=None, compression=None) as ws:
        for n in (0, 1, 125, 126, 65535, 65536, 1 << 20, 10 << 20):
            await echo(ws, "x" * n)
            await echo(ws, os.urandom(n))
        await echo(ws, "κόσμε")
        await ws.send(["in ", "three ", "fragments"])
        assert await ws.recv() == "in three fragments"
        await ws.send([b"\0" * 70000, b"", b"\1" * 70000])
        assert await ws.recv() == b"\0" * 70000 + b"\1" * 70000
        await (await ws.ping(b"are you there"))
        # pinged five times meanwhile
        await asyncio.sleep(1)
        await echo(ws, "still there")
        await ws.send("close")
        try:
            await ws.recv()
            assert False, "not closed"
        except ConnectionClosed as e:
            assert e.rcvd.code == 1000, e
    # compression is offered, and not taken
    async with websockets.connect(url) as ws:
        await echo(ws, "plain")
        await ws.close(3000, "bye")
        assert ws.close_code == 3000, ws.close_code
    # too much: 1009
    async with websockets.connect(url, max_size=None, compression=None) as ws:
        try:
            await ws.send(b"x" * (17 << 20))
            await ws.recv()
            assert False, "not closed"
        except ConnectionClosed as e:
            assert e.rcvd is None or e.rcvd.code == 1009, e
    # many at once
    async def one(i):
        async with websockets.connect(url) as ws:
            for k in range(50):
                await echo(ws, f"{i} {k}")
    await asyncio.gather(*(one(i) for i in range(100)))
asyncio.run(main())
PY
cat >server.py <<'PY'
import asyncio, sys, websockets
async def echo(ws):
    async for message in ws:
        await ws.send(message)
async def main():
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=None):
        await asyncio.get_running_loop().create_future()
asyncio.run(main())
PY
helper server.log venv/bin/python server.py "$Q"
waitport "$Q" || fail "Python's server does not listen: $(tail -1 server.log)"
(cd "$HERE/../../../.." && "$CARGO" run -q -p evoxide-proto --example ws_client "127.0.0.1:$Q") >client.out 2>&1 || fail "the Rust client: $(tail -1 client.out)"
(cd "$HERE/../../../.." && "$CARGO" run -q -p evoxide-proto --example ws_client "127.0.0.1:$P" /chat) >client.out 2>&1 || fail "the Rust client at ws_echo: $(tail -1 client.out)"
pass "both roles, messages up to 10 MiB, fragments, pings, closes, 100 sessions at once"
