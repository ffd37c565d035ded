#!/usr/bin/env python3
"""Runs evoxide-top in a terminal of 100 by 40, echoes through it, and reads the screen: the numbers of the loop, curves that have
grown, bars of both histograms; and `q` ends it. `check.py PROGRAM`; `cargo xtask clients rust-top` calls it."""

import fcntl
import os
import pty
import re
import select
import socket
import struct
import sys
import termios
import time

ROWS, COLUMNS, SECONDS = 40, 100, 30


class Screen:
    """What the escapes of a drawing leave on the screen: places and text, no colours."""

    def __init__(self):
        self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.rest = ""

    def feed(self, data):
        text = self.rest + data.decode("utf-8", "ignore")
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                escape = re.compile(r"\x1b\[[?>]?([\d;]*)([A-Za-z])|\x1b[()=>78].?").match(text, at)
                if not escape:
                    break
                if escape[2] == "H":
                    place = [int(n) for n in (escape[1] or "1;1").split(";")]
                    self.row, self.column = place[0] - 1, place[1] - 1
                elif escape[2] == "J":
                    self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
                at = escape.end()
                continue
            if text[at] >= " " and self.row < ROWS and self.column < COLUMNS:
                self.cells[self.row][self.column] = text[at]
                self.column += 1
            at += 1
        self.rest = text[at:]

    def text(self):
        return "\n".join("".join(row) for row in self.cells)


def until(master, screen, what):
    """Reads the terminal until the screen shows what is wanted."""
    ends = time.monotonic() + SECONDS
    while not (found := what(screen.text())):
        left = ends - time.monotonic()
        assert left > 0, "not on the screen:\n" + screen.text()
        if select.select([master], [], [], left)[0]:
            screen.feed(os.read(master, 65536))
    return found


def main(program):
    child, master = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(program, [program])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    screen = Screen()
    port = int(until(master, screen, lambda text: re.search(r"echo on 127\.0\.0\.1:(\d+), q ends", text))[1])
    client = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    for _ in range(200):
        client.sendall(b"x" * 100)
        assert client.recv(100, socket.MSG_WAITALL) == b"x" * 100
    calls = r"turns (\d+)  calls (\d+)  events (\d+)  descriptors (\d+)"
    numbers = until(master, screen, lambda text: (m := re.search(calls, text)) and int(m[2]) > 200 and m)
    assert int(numbers[1]) > 100 and int(numbers[3]) >= 4 and int(numbers[4]) >= 3, numbers[0]
    text = screen.text()
    for wanted in ("handlers: half within", "lag: 99 % within", " handlers ", " waits ", " slow handlers ", "bytes: "):
        assert wanted in text, f"{wanted!r} is not on the screen:\n{text}"
    until(master, screen, lambda text: re.search(r"\d+(ns|us|ms) ", text))
    blocks = sum(text.count(block) for block in "▁▂▃▄▅▆▇█")
    assert blocks > 10, f"{blocks} blocks are drawn:\n{text}"
    os.write(master, b"q")
    # The terminal is left as it was, which is more output.
    ends = time.monotonic() + SECONDS
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        assert time.monotonic() < ends, "q did not end it"
        if select.select([master], [], [], 0.1)[0]:
            try:
                os.read(master, 65536)
            except OSError:
                pass
    assert status == 0, status
    print(f"PASS rust-top: {numbers[0]}; {blocks} blocks")


main(sys.argv[1])
