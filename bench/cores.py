#!/usr/bin/env python3
"""The Rust library on several cores, and with metrics: what a request costs, beside one loop, and beside a loop that does not count.

cores.py cores|metrics [--reps N] [--quick]: `cargo xtask bench` builds what it needs. Two processors at least for `cores`.

cores    One loop and a load on one processor, then two loops and two loads on two: each processor has the same to do, and what is
         left is what the loops cost each other. CPU a request, all threads of the server; which part of the connections and of the
         requests each thread served; that nothing was lost when they ended.
metrics  Instructions of an echo (callgrind), and CPU of pairs of runs, of one program whose loop counts or does not."""
import argparse
import os
import re
import signal
import statistics as st
import subprocess as sp
import sys
import tempfile
import time

B = os.environ["BENCH_BUILD"]
CPUS = sorted(os.sched_getaffinity(0))


def pin(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


class Server:
    def __init__(self, argv, prefix=(), cpu=CPUS[0]):
        path = os.path.join(B, argv[0])
        self.p = sp.Popen([*prefix, path, *map(str, argv[1:])], stdout=sp.PIPE, text=True, preexec_fn=pin(cpu))
        line = self.p.stdout.readline()
        assert line.startswith("listening "), line
        self.port = int(line.split()[1])

    def threads(self):
        """All but the first, in the order in which they were made."""
        return sorted({int(t) for t in os.listdir(f"/proc/{self.p.pid}/task")} - {self.p.pid})

    def cpu_ns(self):
        """What all its threads took."""
        return sum(int(open(f"/proc/{self.p.pid}/task/{t}/schedstat").read().split()[0]) for t in [self.p.pid, *self.threads()])

    def stop(self):
        """Ends it in order: what it printed."""
        self.p.send_signal(signal.SIGTERM)
        out = self.p.communicate(timeout=60)[0]
        assert self.p.returncode == 0, (self.p.args, self.p.returncode)
        return out


class Load:
    """A load on a processor; it begins when it is told to."""

    def __init__(self, port, cpu, kind, conns, part="0/1", lockstep=True):
        self.argv = [os.path.join(B, "load_echo"), "-p", str(port), "-c", str(conns), "-k", part]
        self.argv += ["-H"] * (kind == "http") + ["-L"] * lockstep
        self.cpu = cpu

    def connect(self, count):
        """Returns when it is connected."""
        argv = [*self.argv, "-n", str(count), "-w", "0"]
        self.p = sp.Popen(argv, stdin=sp.PIPE, stdout=sp.PIPE, text=True, preexec_fn=pin(self.cpu))
        assert self.p.stdout.readline() == "connected\n", argv
        return self

    def begin(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()

    def wait(self):
        """It fails where an answer is missing."""
        self.p.communicate(timeout=300)
        assert self.p.returncode == 0, self.argv


def ask(server, loads, count):
    """CPU in ns that the server spends on a request, while all loads run."""
    for load in loads:
        load.connect(count)
    before = server.cpu_ns()
    for load in loads:
        load.begin()
    for load in loads:
        load.wait()
    return (server.cpu_ns() - before) / (len(loads) * count)


def shares(server, loops):
    """Ends the server: the least part of the connections that a thread served, and of the requests, and all of them."""
    served = re.findall(r"thread \d+: (\d+) connections, (\d+) requests", server.stop())
    assert len(served) == loops, served
    connections, requests = ([int(pair[i]) for pair in served] for i in (0, 1))
    return min(connections) / sum(connections), min(requests) / sum(requests), sum(connections), sum(requests)


def cost(kind, loops, count):
    """CPU a request, where each loop and its load have a processor: connections are handed over in turn, and of those to the loop on
    another processor none is used. What a load sends in one go is there when the loop runs, with one loop as with two."""
    server = Server(["rust_cores", kind, loops, 0, "handed"])
    cpus = CPUS[:loops]
    while len(server.threads()) < loops:
        time.sleep(0.01)
    for thread, cpu in zip(server.threads(), cpus):
        os.sched_setaffinity(thread, {cpu})
        os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
    cpu = ask(server, [Load(server.port, cpu, kind, 64, f"{i}/2") for i, cpu in enumerate(cpus)], count)
    _, _, connections, requests = shares(server, loops)
    assert connections == 128 * loops, connections
    assert kind != "http" or requests == loops * (count + 1), requests
    return cpu


def cores(reps, quick):
    if len(CPUS) < 2:
        sys.exit("cores: two processors are needed")
    count = 20000 if quick else 100000
    goals = []
    print("\n### two loops on two cores\n\n| CPU a request, 64 connections for each | one loop, ns | two, ns | ratio |\n|---|---:|---:|---:|")
    for kind in ("echo", "http"):
        cpu = {1: [], 2: []}
        for rep in range(reps):
            for loops in (1, 2) if rep % 2 else (2, 1):
                cpu[loops].append(cost(kind, loops, count))
        ratio = st.median(two / one for one, two in zip(cpu[1], cpu[2]))
        print(f"| {kind} | {st.median(cpu[1]):.0f} | {st.median(cpu[2]):.0f} | {ratio:.3f} |")
        goals.append((f"{kind}: CPU of two loops to one's", ratio, "<=", 1.1))
    print("\n| least part of a loop | connections | of the connections | of the requests |\n|---|---:|---:|---:|")
    # The system spreads connections by their addresses, evenly only where there are many.
    for kind, way, conns in (("echo", "handed", 32), ("http", "handed", 32), ("echo", "shared", 512), ("http", "shared", 512)):
        server = Server(["rust_cores", kind, 2, 0, way])
        ask(server, [Load(server.port, cpu, kind, conns, lockstep=False) for cpu in CPUS[:2]], count)
        part, asked, connections, requests = shares(server, 2)
        assert connections == 2 * conns, connections
        assert kind != "http" or requests == 2 * (count + 1), requests
        print(f"| {kind}, {way} | {connections} | {part:.3f} | {asked:.3f} |")
        goals.append((f"{kind}, {way}: least part of the connections", part, ">=", 0.4))
    return goals


def instructions(argv, count):
    with tempfile.NamedTemporaryFile() as out:
        server = Server(argv, ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out.name}"])
        ask(server, [Load(server.port, CPUS[-1], "echo", 1)], count)
        server.stop()
        return int(re.search(r"^(?:summary|totals): (\d+)", open(out.name).read(), re.M)[1])


def metrics(reps, quick):
    count = 20000 if quick else 100000
    programs = {"off": ["rust_metrics", 0, "off"], "on": ["rust_metrics", 0]}
    exact = {name: (instructions(argv, 1200) - instructions(argv, 200)) / 1000 for name, argv in programs.items()}
    cpu = {"off": [], "on": []}
    for rep in range(reps):
        for name in ("off", "on") if rep % 2 else ("on", "off"):
            server = Server(programs[name])
            os.sched_setscheduler(server.p.pid, os.SCHED_BATCH, os.sched_param(0))
            cpu[name].append(ask(server, [Load(server.port, CPUS[0], "echo", 64)], count))
            server.stop()
    ratio = st.median(b / a for a, b in zip(cpu["off"], cpu["on"]))
    print("\n### metrics\n\n| an echo of 64 bytes | off | on | ratio |\n|---|---:|---:|---:|")
    print(f"| instructions | {exact['off']:.1f} | {exact['on']:.1f} | {exact['on'] / exact['off']:.3f} |")
    print(f"| CPU, ns, 64 connections | {st.median(cpu['off']):.0f} | {st.median(cpu['on']):.0f} | {ratio:.3f} |")
    return [("instructions of an echo, metrics off", round(exact["off"]), "<=", OFF), ("CPU of an echo, metrics on to off", ratio, "<=", 1.03)]


# Instructions of this echo in a loop that does not count; when loops learned to count, that was the same before and after.
OFF = 1460


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("cores", "metrics"))
    p.add_argument("--reps", type=int, default=9)
    p.add_argument("--quick", action="store_true")
    a = p.parse_args()
    goals = {"cores": cores, "metrics": metrics}[a.what](a.reps, a.quick)
    print("\n| goal | found | wanted | met |\n|---|---:|---:|---|")
    for what, found, sign, bound in goals:
        met = found <= bound if sign == "<=" else found >= bound
        print(f"| {what} | {found:.3f} | {sign} {bound} | {'yes' if met else 'NO'} |")


main()
