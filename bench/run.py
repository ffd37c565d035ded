#!/usr/bin/env python3
"""Side-by-side benchmarks: the distribution's libevent and libev, ours, and peers.

  run.py bench [-o FILE] [--only S,..] [--reps N] [--quick] [--lib NAME=DIR ...] [--peers]
  run.py syscalls [-o FILE] [--lib ..]  system calls per operation (strace, exact: two run lengths)
  run.py insns [-o FILE] [--lib ..]     user-space instructions per operation (callgrind, two lengths)
  run.py trace [--lib ..]               the system call sequence of one operation
  run.py report FILE...                 Markdown tables from the JSON files, and the goals

`cargo xtask bench` builds what is needed and calls this. A candidate is the same binary with
LD_LIBRARY_PATH=DIR; --lib is refused where the loader would not take every libevent (or libev) object
from DIR. Repeats are interleaved: each repeat runs every column once, in rotating order; a ratio is the
median of the per-repeat ratios to the distribution's library, above 1 = better. The first core serves,
the last core loads."""
import argparse, json, os, re, signal, statistics as st, subprocess as sp, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
B = os.environ.get("BENCH_BUILD", os.path.join(HERE, "build"))
CPUS = sorted(os.sched_getaffinity(0))
SRV, LOAD = CPUS[0], CPUS[-1]
PEER = "peers/release/"
BETTER_HIGH = ("rt/s", "req/s", "lookups/s", "MB/s")


class Col:
    """One column of the table: a program, and the library directory it is run with."""

    def __init__(self, name, argv, lib=None):
        self.name, self.argv, self.lib = name, argv, lib

    def env(self):
        e = dict(os.environ)
        if self.lib:
            e["LD_LIBRARY_PATH"] = self.lib
        return e

    def cmd(self):
        return [os.path.join(B, self.argv[0])] + [str(a) for a in self.argv[1:]]


def has(lib, stem):
    return any(f.startswith(stem) for f in os.listdir(lib))


def check_lib(col):
    out = sp.run(["ldd", col.cmd()[0]], env=col.env(), capture_output=True, text=True).stdout
    for line in out.splitlines():
        m = re.match(r"\s*(libev\S*) => (\S+)", line)
        if m and not os.path.realpath(m[2]).startswith(os.path.realpath(col.lib) + "/"):
            sys.exit(f"{col.name}: {m[1]} comes from {m[2]}, not from {col.lib}")


def columns(libs, peers, event=None, ev=None, **others):
    """The distribution's and each candidate for the libevent program, then for the libev one, then the peers."""
    cols = []
    if event:
        cols.append(Col("stock", event))
        cols += [Col(n, event, d) for n, d in libs if has(d, "libevent")]
    if ev:
        cols.append(Col("libev", ev))
        cols += [Col("libev:" + n, ev, d) for n, d in libs if has(d, "libev.so")]
    if peers:
        cols += [Col(n, a) for n, a in others.items() if a]
    return cols


def rust_http():
    """The Rust servers of HTTP, where they were built (by the section `rust`)."""
    all = (("ours", ["rust_http_hello", "0"]), ("hyper", [PEER + "http_hyper"]), ("axum", [PEER + "http_axum"]))
    return [Col(n, a) for n, a in all if os.path.exists(os.path.join(B, a[0]))]


def check_libs(cols):
    for c in cols:
        if c.lib:
            check_lib(c)


def pin(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


def metrics(text):
    r = {}
    for line in text.splitlines():
        f = line.split()
        if len(f) == 3:
            try:
                r[f[0]] = (float(f[1]), f[2])
            except ValueError:
                pass
    return r


def behind_the_load():
    """On the load's own core, and never ahead of it: what the load sends in one go is there when the server runs."""
    os.sched_setaffinity(0, {LOAD})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class Server:
    def __init__(self, col, prefix=(), place=pin(SRV)):
        self.p = sp.Popen(list(prefix) + col.cmd(), env=col.env(), stdout=sp.PIPE, stderr=sp.DEVNULL,
                          text=True, preexec_fn=place)
        for line in self.p.stdout:
            if line.startswith("listening "):
                self.port = int(line.split()[1])
                break
        else:
            raise RuntimeError("no port: " + " ".join(col.cmd()))
        self.files = self.open_files()

    def open_files(self):
        return len(os.listdir(f"/proc/{self.child()}/fd"))

    def settle(self):
        """Waits until the server has closed what its clients left."""
        for _ in range(500):
            if self.open_files() <= self.files:
                return
            time.sleep(0.01)

    def cpu_ns(self):
        return int(open(f"/proc/{self.p.pid}/schedstat").read().split()[0])

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{self.p.pid}/status").read())[1]) * 1024

    def heap(self):
        os.kill(self.p.pid, signal.SIGUSR2)
        return int(self.p.stdout.readline().split()[1])

    def child(self):
        """The traced program, where the server was started under strace."""
        kids = open(f"/proc/{self.p.pid}/task/{self.p.pid}/children").read().split()
        return int(kids[0]) if kids else self.p.pid

    def stop(self):
        try:
            os.kill(self.child(), signal.SIGTERM)
        except (ProcessLookupError, FileNotFoundError):
            pass
        try:
            self.p.wait(20)
        except sp.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.p.stdout.close()


def load(argv, timeout=300):
    r = sp.run([os.path.join(B, argv[0])] + [str(a) for a in argv[1:]], capture_output=True, text=True,
               timeout=timeout, preexec_fn=pin(LOAD))
    if r.returncode:
        raise RuntimeError(" ".join(map(str, argv)) + ": " + r.stderr.strip())
    return metrics(r.stdout)


def us(s):
    v, u = re.match(r"([\d.]+)(us|ms|s)", s).groups()
    return float(v) * {"us": 1, "ms": 1e3, "s": 1e6}[u]


def wrk(url, conns, secs):
    r = sp.run(["wrk", "-t1", f"-c{conns}", f"-d{secs}", "--latency", url], capture_output=True, text=True,
               preexec_fn=pin(LOAD)).stdout
    n = re.search(r"(\d+) requests in", r)
    if not n or int(n[1]) == 0:
        raise RuntimeError("wrk: no requests done: " + r)
    n = int(n[1])
    bad = re.search(r"Non-2xx.*|Socket errors.*", r)
    if bad and not re.search(r"connect 0, read 0, write 0", bad[0]):
        print("   ", bad[0], file=sys.stderr)
    return {"rate": (float(re.search(r"Requests/sec:\s+([\d.]+)", r)[1]), "req/s"),
            "p50": (us(re.search(r"^\s+50%\s+(\S+)", r, re.M)[1]), "us"),
            "p99": (us(re.search(r"^\s+99%\s+(\S+)", r, re.M)[1]), "us")}, n


# ---- the cases -------------------------------------------------------------------------------

def micro(col):
    r = sp.run(col.cmd(), env=col.env(), capture_output=True, text=True, timeout=300, preexec_fn=pin(LOAD))
    if r.returncode:
        raise RuntimeError(" ".join(col.cmd()) + ": " + r.stderr.strip())
    return metrics(r.stdout)


def served(argv):
    """A fixed number of operations from our own load generator."""
    n = int(argv[argv.index("-n") + 1])
    ops = n if argv[0].startswith("dns") else n + n // 10

    def go(col):
        s = Server(col)
        try:
            c0 = s.cpu_ns()
            m = load([argv[0], "-p", s.port] + argv[1:])
            m["server_cpu"] = ((s.cpu_ns() - c0) / ops, "ns/op")
            return m
        finally:
            s.stop()
    return go


def redis(depth, n):
    """redis-benchmark: SET and GET of 64 bytes, 50 connections, so many commands in flight on each."""
    def go(col):
        s = Server(col)
        try:
            c0 = s.cpu_ns()
            r = sp.run(["redis-benchmark", "-p", str(s.port), "-t", "set,get", "-n", str(n), "-c", "50", "-d", "64",
                        "-P", str(depth), "-r", "10000", "--csv"], capture_output=True, text=True, timeout=300,
                       preexec_fn=pin(LOAD))
            if r.returncode or '"GET"' not in r.stdout:
                raise RuntimeError("redis-benchmark: " + r.stdout + r.stderr)
            return {"server_cpu": ((s.cpu_ns() - c0) / (2 * n), "ns/op")}
        finally:
            s.stop()
    return go


def wrked(conns, secs, scheme="http"):
    def go(col):
        s = Server(col)
        try:
            wrk(f"{scheme}://127.0.0.1:{s.port}/hello", conns, 1)  # warm
            c0 = s.cpu_ns()
            m, n = wrk(f"{scheme}://127.0.0.1:{s.port}/hello", conns, secs)
            m["server_cpu"] = ((s.cpu_ns() - c0) / max(n, 1), "ns/op")
            return m
        finally:
            s.stop()
    return go


def idle(conns, http):
    def go(col):
        s = Server(col)
        try:
            load(["load_echo", "-p", s.port, "-c", 1, "-n", 10] + (["-H"] if http else []))
            r0 = s.rss()
            p = sp.Popen([os.path.join(B, "load_echo"), "-p", str(s.port), "-c", str(conns), "-I"] +
                         (["-H"] if http else []), stdin=sp.PIPE, stdout=sp.PIPE, text=True,
                         preexec_fn=pin(LOAD))
            p.stdout.readline()
            time.sleep(0.2)
            m = {"rss": ((s.rss() - r0) / conns, "bytes/conn")}
            p.communicate("")
            return m
        finally:
            s.stop()
    return go


def dns_client(flight, n):
    """Client columns against one stock-free server, so that only the client differs."""
    def go(col):
        s = Server(Col("server", ["dns_raw", "-S"]))
        try:
            c = Col(col.name, col.argv + ["-p", s.port, "-n", n, "-f", flight], col.lib)
            return micro(c)
        finally:
            s.stop()
    return go


def tls_files():
    c, k = os.path.join(B, "cert.pem"), os.path.join(B, "key.pem")
    if not os.path.exists(c):
        sp.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", k, "-out", c,
                "-days", "365", "-subj", "/CN=localhost"], check=True, capture_output=True)
    return ["0", c, k]


def chain(libs, peers, opts, cl=False):
    o = opts.split()
    if cl:
        return columns(libs, peers, ["loop_chain"] + o + ["-c"])
    return columns(libs, peers, ["loop_chain"] + o, ["loop_chain_ev"] + o,
                   libuv=["loop_chain_uv"] + o, raw=["loop_chain_raw"] + o)


def against(libs, event, name, other):
    """Our columns and one that they are compared with, run by run."""
    return [Col(n, event, d) for n, d in libs if has(d, "libevent")] + [Col(name, other)]


def heap(conns, generator="load_echo", kind=()):
    """What a server's allocator has given out for each idle connection, told by the preloaded heap.so."""
    kind = list(kind)

    def go(col):
        s = Server(Col(col.name, col.argv, col.lib), ["env", "LD_PRELOAD=" + os.path.join(B, "heap.so")])
        try:
            load([generator, "-p", s.port, "-c", 1, "-n", 10] + kind)
            s.settle()
            h0 = s.heap()
            p = sp.Popen([os.path.join(B, generator), "-p", str(s.port), "-c", str(conns), "-I"] + kind,
                         stdin=sp.PIPE, stdout=sp.PIPE, text=True, preexec_fn=pin(LOAD))
            p.stdout.readline()
            while s.open_files() < s.files + conns:
                time.sleep(0.01)
            m = {"heap": ((s.heap() - h0) / conns, "bytes/conn")}
            p.communicate("")
            return m
        finally:
            s.stop()
    return go


def paced(conns, seconds):
    """Keep-alive connections with a request each second: latencies, and the server's CPU and memory."""
    def go(col):
        s = Server(col)
        try:
            r0, c0 = s.rss(), s.cpu_ns()
            m = load(["load_echo", "-H", "-p", s.port, "-c", conns, "-R", seconds])
            m["server_cpu"] = ((s.cpu_ns() - c0) / (conns * seconds), "ns/op")
            m["rss"] = ((s.rss() - r0) / conns, "bytes/conn")
            return m
        finally:
            s.stop()
    return go


def echoes(libs, peers):
    return columns(libs, peers, ["echo"], ["echo_ev"], libuv=["echo_uv"], tokio=[PEER + "echo_tokio"],
                   mio=[PEER + "echo_mio"], raw=["echo_raw"])


def cases(libs, peers, q):
    """Yields (section, case, columns, run function, repeat divisor)."""
    d = 5 if q else 2
    w = 100000 // d
    for n, a in ((100, 1), (1000, 100), (10000, 1000)):
        yield ("chain", f"n={n} a={a} persist", chain(libs, peers, f"-n {n} -a {a} -w {w} -r 2"), micro, 1)
    for v, o in (("persist+timeout", "-t"), ("oneshot", "-o"), ("oneshot+timeout", "-o -t")):
        yield ("chain", f"n=1000 a=100 {v}", chain(libs, peers, f"-n 1000 -a 100 -w {w} -r 2 {o}"), micro, 1)
    yield ("chain", "n=1000 a=100 oneshot changelist",
           chain(libs, peers, f"-n 1000 -a 100 -w {w} -r 2 -o", True), micro, 1)
    yield ("chain", "n=1000 a=100 persist, locks",
           columns(libs, peers, ["loop_chain", "-n", 1000, "-a", 100, "-w", w, "-r", 2, "-T"]), micro, 1)
    for n in (1000, 100000):
        r = 100 if n < 10000 else 10 // d
        yield ("timers", f"n={n}", columns(libs, peers, ["timers", "-n", n, "-r", r],
               ["timers_ev", "-n", n, "-r", r], libuv=["timers_uv", "-n", n, "-r", r]), micro, 1)
    for v, o in (("outside the loop", "-o"), ("common timeout", "-c"), ("locks", "-T")):
        yield ("timers", f"n=100000, {v}", columns(libs, peers, ["timers", "-n", 100000, "-r", 10 // d, o]), micro, 1)
    for m in ("chain", "batch"):
        for p in (1, 3):
            o = ["-k", 100, "-w", 2000000 // d, "-p", p, "-m", m]
            yield ("active", f"{m} priorities={p}", columns(libs, peers, ["active"] + o, ["active_ev"] + o), micro, 1)
    yield ("active", "chain priorities=1, locks",
           columns(libs, peers, ["active", "-k", 100, "-w", 2000000 // d, "-T"]), micro, 1)
    yield ("buffer", "evbuffer", columns(libs, peers, ["buffer"]), micro, 1)
    yield ("conns", "socketpairs", columns(libs, peers, ["conns", "-n", 9900]), micro, 2)
    echo = echoes(libs, peers)
    for size, cc in ((64, ((1, 20000), (50, 100000), (1000, 100000))),
                     (4096, ((1, 15000), (50, 75000), (1000, 50000))),
                     (65536, ((1, 6000), (50, 10000), (1000, 5000)))):
        for c, n in cc:
            yield ("echo", f"{size} B x {c}", echo, served(["load_echo", "-c", c, "-s", size, "-n", n // d]), 1)
    # Paired with one other program each; a ratio is ours to the other's, below 1 is better.
    for size, c, n in ((64, 1, 20000), (64, 50, 100000), (64, 1000, 100000), (4096, 1000, 50000), (65536, 50, 10000)):
        yield ("raw", f"{size} B x {c}, C", against(libs, ["echo"], "raw", ["echo_raw"]),
               served(["load_echo", "-c", c, "-s", size, "-n", n // d]), 1)
    rust_echoes = [Col("ours", ["rust_echo", "0"]), Col("async", ["rust_echo_async", "0"]), Col("tokio", [PEER + "echo_tokio"]),
            Col("mio", [PEER + "echo_mio"])]
    for size, c, n in ((64, 50, 100000), (4096, 1000, 50000), (65536, 50, 10000)):
        yield ("rust", f"{size} B x {c}, Rust", rust_echoes, served(["load_echo", "-c", c, "-s", size, "-n", n // d]), 1)
    yield ("rust", "idle streams", rust_echoes[:3], heap(1000), 3)
    resp = [Col("ours", ["rust_resp", "0"]), Col("tokio", [PEER + "resp_tokio"])]
    for depth, n in ((1, 100000), (16, 400000), (100, 800000)):
        yield ("rust", f"RESP, pipeline {depth}", resp, redis(depth, n // d), 1)
    # calloop looks at every timer when it removes one: a million would take hours.
    by_name = {"ours": "evoxide", "tokio": "tokio", "delay_queue": "delay_queue", "calloop": "calloop"}
    timers = [Col(name, [PEER + "timers_rust", "-r", "1", "-n", (1000000 if library != "calloop" else 20000) // (4 if q else 1), library])
              for name, library in by_name.items()]
    yield ("rust", "1,000,000 timers, Rust", timers, micro, 1)
    for c in (1, 64):
        yield ("rust", f"http x {c}, Rust", rust_http(), served(["load_echo", "-H", "-c", c, "-n", 100000 // d]), 1)
    for f in (1, 64):
        yield ("dns", f"client, {f} in flight", columns(libs, peers, ["dns"], raw=["dns_raw"]),
               dns_client(f, 20000 // d), 1)
    yield ("dns", "server, 64 in flight", columns(libs, peers, ["dns", "-S"], raw=["dns_raw", "-S"]),
           served(["dns_raw", "-n", 20000 // d, "-f", 64]), 1)
    http = columns(libs, peers, ["http"], hyper=[PEER + "http_hyper"], axum=[PEER + "http_axum"], raw=["http_raw"])
    nidle = 2000 if q else 10000
    for c in (1, 64):
        yield ("http", f"fixed x {c}", http, served(["load_echo", "-H", "-c", c, "-n", 100000 // d]), 1)
    # More repetitions only make it longer.
    own = columns(libs, False, ["http"])
    yield ("http", "http idle connections", own, heap(1000, kind=["-H"]), 5)
    yield ("paced", f"{nidle} connections, a request each second", own, paced(nidle, 5 if q else 60), 5)
    yield from tls_cases(libs, d)
    if not peers:
        return
    yield ("idle", f"echo {nidle} connections", echo, idle(nidle, False), 2)
    for c in (1, 64, 512):
        yield ("http", f"wrk x {c}", http, wrked(c, 1 if q else 2), 1)
    yield ("idle", f"http {nidle} connections", http, idle(nidle, True), 2)


def tls_programs(libs, program, raw=None):
    """A server with its certificate, on both libraries; beside the bare loop, if there is one."""
    t = tls_files()
    return columns(libs, True, program + t, **({"raw": raw + t} if raw else {}))


def tls_cases(libs, d):
    if not os.path.exists(os.path.join(B, "load_tls")):
        return
    for case, option in (("", []), (" nodelay", ["-N"])):
        cols = tls_programs(libs, ["https"] + option, ["http_raw"])
        yield ("https", f"https x 64{case}", cols, served(["load_tls", "-c", 64, "-n", 40000 // d]), 1)
    cols = tls_programs(libs, ["echo_tls"])
    yield ("https", "65536 B x 50 over TLS", cols, served(["load_tls", "-c", 50, "-s", 65536, "-n", 20000 // d]), 1)
    yield ("https", "idle TLS connections", cols, heap(500, "load_tls", ["-s", "64"]), 3)


def bench(a):
    only = set(a.only.split(",")) if a.only else None
    out = {"machine": os.uname().release, "cpus": len(CPUS), "results": []}
    for section, case, cols, go, div in cases(a.lib, a.peers, a.quick):
        if only and section not in only:
            continue
        check_libs(cols)
        got, units = {}, {}
        reps = max(1, a.reps // div)
        t0 = time.time()
        for rep in range(reps):
            for i in range(len(cols)):
                c = cols[(i + rep) % len(cols)]
                try:
                    for m, (v, u) in go(c).items():
                        got.setdefault(m, {}).setdefault(c.name, [None] * reps)[rep] = v
                        units[m] = u
                except (RuntimeError, sp.TimeoutExpired) as e:
                    print(f"    {case} {c.name}: {e}", file=sys.stderr)
        for m in got:
            out["results"].append({"section": section, "case": case, "metric": m, "unit": units[m],
                                   "columns": got[m]})
        print(f"{section} / {case}: {time.time() - t0:.1f} s", file=sys.stderr)
        if a.out:
            json.dump(out, open(a.out, "w"), indent=1)
    if not a.out:
        print(tables(out))


# ---- system calls and instructions -----------------------------------------------------------

def strace_counts(path):
    r = {}
    for line in open(path):
        m = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if m and m[2] != "total":
            r[m[2]] = int(m[1])
    return r


def per_op(run, lo, hi):
    a, b = run(lo), run(hi)
    return {k: (b.get(k, 0) - a.get(k, 0)) / (hi - lo) for k in sorted(set(a) | set(b))
            if abs(b.get(k, 0) - a.get(k, 0)) / (hi - lo) >= 0.001}


def ops_server(loadargs, under):
    """n operations against a server run under a tool; `under` gives the prefix and reads its result."""
    def make(col):
        def run(n):
            with tempfile.NamedTemporaryFile() as f:
                pre, read = under(f.name)
                s = Server(col, pre, behind_the_load)
                try:
                    load([loadargs[0], "-p", s.port] + loadargs[1:] + ["-n", n, "-w", 0])
                    s.settle()
                finally:
                    s.stop()
                return read(f.name)
        return run
    return make


def ops_dns(under):
    def make(col):
        def run(n):
            with tempfile.NamedTemporaryFile() as f:
                pre, read = under(f.name)
                s = Server(Col("server", ["dns_raw", "-S"]))
                try:
                    sp.run(pre + col.cmd() + ["-p", str(s.port), "-n", str(n), "-f", "64"], env=col.env(),
                           capture_output=True, preexec_fn=pin(LOAD))
                finally:
                    s.stop()
                return read(f.name)
        return run
    return make


def ops_micro(flag, scale, under):
    def make(col):
        def run(n):
            with tempfile.NamedTemporaryFile() as f:
                pre, read = under(f.name)
                r = sp.run(pre + col.cmd() + [flag, str(int(n / scale))], env=col.env(), capture_output=True,
                           text=True, preexec_fn=pin(LOAD))
                if r.returncode:
                    raise RuntimeError(" ".join(col.cmd()) + ": " + r.stderr.strip()[-200:])
                return read(f.name)
        return run
    return make


def under_strace(path):
    return ["strace", "-f", "-c", "-o", path], strace_counts


def under_callgrind(path):
    def read(p):
        m = re.search(r"^(?:summary|totals): (\d+)", open(p).read(), re.M)
        return {"Ir": int(m[1])} if m else {}
    return ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={path}"], read


# What a request of HTTP spends instructions on: names of functions, the first that fits.
SPENT = [
    ("allocator of the C library", r"^(malloc|free|calloc|realloc|_int_|unlink_chunk|tcache|sysmalloc|malloc_usable)"),
    ("copies and lengths of strings", r"^(__)?mem(cpy|move|set|cmp)|^(__)?strlen|bcmp"),
    ("search for the end of the head", r"http::head::Scan|line_feeds"),
    ("head, framing, keep-alive", r"evoxide_proto::http::(head|server|receive|framing|syntax|method)|memchr"),
    ("the URI", r"evoxide_proto::uri|http::uri"),
    ("the answer: plan, head, body", r"http::reply|http::write|evhttp_send"),
    ("headers that programs see", r"keyval|evhttp_(add|clear|find)|take_fields"),
    ("requests and connections", r"libevent::http|evhttp_"),
    ("evbuffers", r"evbuffer|buffer::"),
    ("bufferevent: read, write, callbacks", r"bufferevent|stream::"),
    ("loop and timers", r"run::|reactor|heap::|timer|engine|epoll|event_|base::|ready|fn_once|FnOnce"),
]


def functions(path):
    """Instructions of each function itself, from a profile of callgrind."""
    names, cost, fn, calls = {}, {}, None, False

    def name(text):
        key, _, given = text.partition(" ")
        if given:
            names[key] = given
        return names.get(key, key)

    for line in open(path):
        line = line.rstrip("\n")
        if line.startswith("fn="):
            fn = name(line[3:])
        elif line.startswith("cfn="):
            name(line[4:])
        elif line.startswith("calls="):
            calls = True
        elif re.match(r"[+\-*\d]\S* \d+$", line):
            if not calls and fn:
                cost[fn] = cost.get(fn, 0) + int(line.split()[1])
            calls = False
    return cost


def spent(a):
    """What a keep-alive request on 64 connections spends its instructions on, the newest library alone."""
    col = Col("ours", ["http"], a.lib[0][1])
    under = lambda path: (under_callgrind(path)[0], functions)
    per = per_op(ops_server(["load_echo", "-H", "-c", 64], under)(col), 500, 2500)
    sums = dict.fromkeys([what for what, _ in SPENT] + ["the rest, the program's callback among it"], 0)
    for fn, n in per.items():
        sums[next((what for what, names in SPENT if re.search(names, fn)), list(sums)[-1])] += n
    print("| of one request | instructions |\n|---|---:|")
    for what, n in sorted(sums.items(), key=lambda item: -item[1]):
        print(f"| {what} | {n:,.0f} |")
    print(f"| all | {sum(sums.values()):,.0f} |")


def op_cases(libs, peers, under):
    """(section, case, columns, make, lo, hi): the cost of an operation is the difference of two run lengths."""
    for v in ("", " -t", " -o", " -o -t"):
        yield ("chain", "chain n=100 a=100" + v, chain(libs, peers, "-n 100 -a 100" + v),
               ops_micro("-w", 1, under), 2000, 12000)
    yield ("chain", "chain n=100 a=100 -o changelist", chain(libs, peers, "-n 100 -a 100 -o", True),
           ops_micro("-w", 1, under), 2000, 12000)
    yield ("chain", "chain n=100 a=1", chain(libs, peers, "-n 100 -a 1"), ops_micro("-w", 1, under), 2000, 12000)
    for v in ("", " -t"):
        yield ("chain", "chain n=100 a=100" + v + " locks",
               columns(libs, peers, ["loop_chain"] + f"-n 100 -a 100 -T{v}".split()),
               ops_micro("-w", 1, under), 2000, 12000)
    if under is under_callgrind:
        for m in ("chain", "batch"):
            for p in (1, 3):
                o = ["-k", 100, "-p", p, "-m", m]
                yield ("active", f"active {m} priorities={p}", columns(libs, peers, ["active"] + o, ["active_ev"] + o),
                       ops_micro("-w", 1, under), 10000, 60000)
            yield ("active", f"active {m} locks", columns(libs, peers, ["active", "-k", 100, "-m", m, "-T"]),
                   ops_micro("-w", 1, under), 10000, 60000)
        yield ("timers", "timers insert+rearm+cancel+expire", columns(libs, peers, ["timers", "-r", 1],
               ["timers_ev", "-r", 1], libuv=["timers_uv", "-r", 1]), ops_micro("-n", 1, under), 10000, 50000)
        yield ("timers", "timers insert+rearm+cancel+expire locks", columns(libs, peers, ["timers", "-r", 1, "-T"]),
               ops_micro("-n", 1, under), 10000, 50000)
        for n in (1000, 100000):
            o = ["-n", n]
            yield ("timers", f"timers rearm n={n}", columns(libs, peers, ["timers"] + o, ["timers_ev"] + o,
                   libuv=["timers_uv"] + o), ops_micro("-r", n, under), n, 5 * n)
        yield ("timers", "timers rearm n=1000 common", columns(libs, peers, ["timers", "-n", 1000, "-c"]),
               ops_micro("-r", 1000, under), 1000, 21000)
    echo = echoes(libs, peers)
    for size in (64, 4096, 65536):
        yield ("echo", f"echo {size} B x 1", echo, ops_server(["load_echo", "-c", 1, "-s", size], under), 200, 1200)
    yield ("echo", "echo 64 B x 50", echo, ops_server(["load_echo", "-L", "-c", 50, "-s", 64], under), 500, 5500)
    yield ("echo", "echo 65536 B x 50", echo, ops_server(["load_echo", "-L", "-c", 50, "-s", 65536], under), 500, 2500)
    http = columns(libs, peers, ["http"], hyper=[PEER + "http_hyper"], axum=[PEER + "http_axum"], raw=["http_raw"])
    for c in (1, 64):
        yield ("rust", f"http x {c}, Rust", rust_http(), ops_server(["load_echo", "-H", "-c", c], under), 500, 2500)
    for c in (1, 64):
        yield ("http", f"http x {c}", http, ops_server(["load_echo", "-H", "-c", c], under), 500, 2500)
    if os.path.exists(os.path.join(B, "load_tls")):
        # The original answers a connection on its own in 40 ms, since it waits for an acknowledgement.
        for c, lo, hi in ((1, 50, 250), (64, 500, 2500)):
            yield ("https", f"https x {c}", tls_programs(libs, ["https"], ["http_raw"]),
                   ops_server(["load_tls", "-c", c], under), lo, hi)
    if not peers:
        return
    yield ("dns", "dns client x 64", columns(libs, peers, ["dns"], raw=["dns_raw"]), ops_dns(under), 500, 2500)


def counts(a, under, key):
    out = {key: []}
    only = set(a.only.split(",")) if a.only else None
    for section, case, cols, make, lo, hi in op_cases(a.lib, a.peers, under):
        if only and section not in only:
            continue
        if not cols:
            continue
        check_libs(cols)
        row = {}
        for c in cols:
            try:
                row[c.name] = per_op(make(c), lo, hi)
            except (RuntimeError, sp.TimeoutExpired) as e:
                print(f"    {case} {c.name}: {e}", file=sys.stderr)
        out[key].append({"case": case, "columns": row})
        print(case, {k: round(sum(v.values()), 3) for k, v in row.items()}, file=sys.stderr)
        if a.out:
            json.dump(out, open(a.out, "w"), indent=1)
    if not a.out:
        print(tables(out))


def trace(a):
    for name, col, args in (("echo 64 B", ["echo"], ["-s", 64]), ("echo 64 KiB", ["echo"], ["-s", 65536]),
                            ("http", ["http"], ["-H"])):
        cols = columns(a.lib, False, col)
        check_libs(cols)
        for c in cols:
            with tempfile.NamedTemporaryFile() as f:
                s = Server(c, ["strace", "-f", "-s", "24", "-o", f.name])
                try:
                    load(["load_echo", "-p", s.port, "-c", 1, "-n", 4, "-w", 0] + args)
                finally:
                    s.stop()
                lines = [re.sub(r"^\d+\s+", "", l.rstrip()) for l in open(f.name)]
                at = max(i for i, l in enumerate(lines) if l.startswith("accept4") and "EAGAIN" not in l)
                print(f"## {name}, {c.name}, after accept")
                print("\n".join(lines[at:at + 60]))


# ---- report ------------------------------------------------------------------------------------

def fmt(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.2f}"


def base_of(name):
    """What a column is compared with."""
    return "libev" if name.startswith("libev:") else "stock"


def ratio(columns, name, unit):
    """The median of the paired ratios to the distribution's library; above 1 = better."""
    base = columns.get(base_of(name))
    if not base or name == base_of(name):
        return None
    q = [(v / b if unit in BETTER_HIGH else b / v) for v, b in zip(columns[name], base) if v and b]
    return st.median(q) if q else None


def tables(doc):
    o = []
    rows, section = doc.get("results", []), None
    for r in rows:
        c = r["columns"]
        if r["section"] != section:
            section = r["section"]
            names = []
            for x in rows:
                if x["section"] == section:
                    names += [n for n in x["columns"] if n not in names]
            names.sort(key=lambda n: n != "stock")
            o += ["", f"### {section}", "", "| case | metric | " + " | ".join(names) + " |",
                  "|---|---|" + "---:|" * len(names)]
        cells = []
        for n in names:
            vals = [v for v in c.get(n, []) if v is not None]
            if not vals:
                cells.append("")
                continue
            s, q = fmt(st.median(vals)), ratio(c, n, r["unit"])
            if n == "stock":
                s += f" [{fmt(min(vals))}–{fmt(max(vals))}]"
            elif q:
                s += f" ({q:.2f}x)"
            cells.append(s)
        o.append(f"| {r['case']} | {r['metric']} {r['unit']} | " + " | ".join(cells) + " |")
    for key, title in (("syscalls", "system calls per operation"), ("insns", "user-space instructions per operation")):
        if not doc.get(key):
            continue
        names = []
        for r in doc[key]:
            names += [n for n in r["columns"] if n not in names]
        o += ["", f"### {title}", "", "| case | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
        for r in doc[key]:
            cells = []
            for n in names:
                if n not in r["columns"]:
                    cells.append("")
                    continue
                v, b = sum(r["columns"][n].values()), sum(r["columns"].get(base_of(n), {}).values())
                s = f"{v:,.0f}" if key == "insns" else f"{v:.3f}"
                if key == "insns" and b and n != base_of(n):
                    s += f" ({b / v:.2f}x)" if v else ""
                cells.append(s)
            o.append(f"| {r['case']} | " + " | ".join(cells) + " |")
    return "\n".join(o)


# What a release must reach, measured like everything else here: (kind, case, metric, column, bound).
# `ratio`: at least; `most`: at most; `share`: of the original's count, at most; a column's name: of that column's, at most.
OURS, OURS_EV = "ours", "libev:ours"
GOALS = [
    # Ceilings, not goals: below them the form of the code decides.
    ("insns", "timers insert+rearm+cancel+expire", OURS, 1014), ("insns", "timers rearm n=1000", OURS, 157),
    ("insns", "timers rearm n=100000", OURS, 157), ("insns", "timers insert+rearm+cancel+expire locks", OURS, 1537),
    ("insns", "chain n=100 a=100", OURS, 150), ("insns", "chain n=100 a=100 -t", OURS, 394),
    ("insns", "chain n=100 a=100 -t locks", OURS, 613), ("insns", "active chain priorities=1", OURS, 149),
    ("insns", "active batch priorities=1", OURS, 152), ("insns", "active chain locks", OURS, 366),
    ("share", "active chain priorities=3", OURS, 1.05), ("syscalls", "chain n=100 a=100", OURS, 2.01),
    ("syscalls", "chain n=100 a=100 -o", OURS, 3.01), ("syscalls", "chain n=100 a=100 -o changelist", OURS, 3.005),
    ("insns", "echo 64 B x 50", OURS, 800), ("syscalls", "echo 64 B x 50", OURS, 2.1),
    ("syscalls", "echo 64 B x 1", OURS, 3.05), ("syscalls", "echo 65536 B x 50", OURS, 2.2),
    ("syscalls", "http x 1", OURS, 3.05), ("syscalls", "http x 64", OURS, 2.1), ("insns", "http x 64", OURS, 9000),
    ("syscalls", "http x 1, Rust", OURS, 3.05), ("insns", "http x 1, Rust", OURS, 7000), ("insns", "http x 64, Rust", OURS, 7000),
    ("hyper", "http x 1, Rust", "server_cpu", 1.1), ("hyper", "http x 64, Rust", "server_cpu", 1.1),
    ("axum", "http x 1, Rust", "server_cpu", 1.1), ("axum", "http x 64, Rust", "server_cpu", 1.1),
    ("ratio", "https x 64", "rate", 40), ("ratio", "https x 64 nodelay", "rate", 1.5),
    ("raw", "https x 64 nodelay", "server_cpu", 1.25), ("ratio", "65536 B x 50 over TLS", "rate", 1.5),
    ("ratio", "idle TLS connections", "heap", 1.0), ("syscalls", "https x 1", OURS, 3.05),
    ("ratio", "fixed x 64", "server_cpu", 1.7), ("most", "http idle connections", "heap", 1300),
    # The server's time a message, ours to the other's.
    ("raw", "65536 B x 50, C", "server_cpu", 1.2), ("raw", "4096 B x 1000, C", "server_cpu", 1.1),
    ("raw", "64 B x 1, C", "server_cpu", 1.06), ("raw", "64 B x 50, C", "server_cpu", 1.06),
    ("raw", "64 B x 1000, C", "server_cpu", 1.06), ("tokio", "4096 B x 1000, Rust", "server_cpu", 1.0),
    ("tokio", "65536 B x 50, Rust", "server_cpu", 0.6), ("tokio", "64 B x 50, Rust", "server_cpu", 1.0),
    ("mio", "4096 B x 1000, Rust", "server_cpu", 1.0), ("mio", "65536 B x 50, Rust", "server_cpu", 1.0),
    ("mio", "64 B x 50, Rust", "server_cpu", 1.0),
    ("async", "64 B x 50, Rust", "server_cpu", 1.1), ("async", "4096 B x 1000, Rust", "server_cpu", 1.1),
    ("async", "65536 B x 50, Rust", "server_cpu", 1.1),
    ("tokio", "RESP, pipeline 1", "server_cpu", 1.0), ("tokio", "RESP, pipeline 16", "server_cpu", 1.0),
    ("tokio", "RESP, pipeline 100", "server_cpu", 1.0),
    ("tokio", "1,000,000 timers, Rust", "insert", 1.0), ("tokio", "1,000,000 timers, Rust", "rearm", 1.0),
    ("tokio", "1,000,000 timers, Rust", "cancel", 2.0), ("delay_queue", "1,000,000 timers, Rust", "insert", 2.0),
    ("delay_queue", "1,000,000 timers, Rust", "rearm", 1.0), ("calloop", "1,000,000 timers, Rust", "rearm", 1.0),
    ("ratio", "n=1000", "insert", 1.2), ("ratio", "n=1000", "rearm", 1.8), ("ratio", "n=1000", "cancel", 1.1),
    ("ratio", "n=1000", "expire", 1.5), ("ratio", "n=100000", "insert", 1.7), ("ratio", "n=100000", "rearm", 4.5),
    ("ratio", "n=100000", "cancel", 2.1), ("ratio", "n=100000", "expire", 2.3),
    ("ratio", "n=1000 a=100 oneshot", "callback", 1.3), ("ratio", "chain priorities=1", "callback", 2.0),
    ("ratio", "64 B x 50", "rate", 1.4), ("ratio", "4096 B x 50", "rate", 1.5), ("ratio", "4096 B x 1000", "rate", 1.8),
    ("ratio", "65536 B x 50", "rate", 5.0),
    # One connection takes turns with the load program, whose time is no library's.
    ("ratio", "65536 B x 1", "server_cpu", 2.2),
    ("most", "socketpairs", "heap_idle", 700), ("most", "idle streams", "heap", 350),
]


def goals(docs):
    """The goals that these measurements speak about."""
    results = {(r["case"], r["metric"]): r for d in docs for r in d.get("results", [])}
    ops = {(k, r["case"]): r["columns"] for d in docs for k in ("syscalls", "insns") for r in d.get(k, [])}
    o = []

    def row(what, value, sign, bound):
        value = round(value, 3)
        met = value >= bound if sign == ">=" else value <= bound
        o.append(f"| {what} | {value:.3f} | {sign} {bound} | {'yes' if met else 'NO'} |")

    for kind, case, name, bound in GOALS:
        if kind in ("insns", "syscalls"):
            v = ops.get((kind, case), {}).get(name)
            if v is not None:
                row(f"{case}, {kind}", sum(v.values()), "<=", bound)
            continue
        if kind == "share":
            c = ops.get(("insns", case), {})
            if name in c and c.get("stock"):
                row(f"{case}, insns, ours to the original's", sum(c[name].values()) / sum(c["stock"].values()), "<=", bound)
            continue
        r = results.get((case, name))
        if r and kind in ("raw", "tokio", "mio", "delay_queue", "calloop", "async", "hyper", "axum"):
            pair = ("async", OURS) if kind == "async" else (OURS, kind)
            pairs = zip(r["columns"].get(pair[0], []), r["columns"].get(pair[1], []))
            q = [v / b for v, b in pairs if v and b]
            if q:
                what = "tasks to handlers" if kind == "async" else f"ours to {kind}'s"
                row(f"{case}, {name}, {what}", st.median(q), "<=", bound)
            continue
        if not r or OURS not in r["columns"]:
            continue
        if kind == "most":
            row(f"{case}, {name}", st.median(v for v in r["columns"][OURS] if v is not None), "<=", bound)
        else:
            q = ratio(r["columns"], OURS, r["unit"])
            if q:
                row(f"{case}, {name}, ratio", q, ">=", bound)
    rows = [r for r in results.values() if r["section"] == "buffer" and OURS in r["columns"]]
    qs = [q for q in (ratio(r["columns"], OURS, r["unit"]) for r in rows) if q]
    if qs:
        row("evbuffer, slowest row, ratio", min(qs), ">=", 1.0)
        row("evbuffer, part of the rows at 1.3 or better", sum(q >= 1.3 for q in qs) / len(qs), ">=", 0.5)
    evs = [(k, c, v) for (k, c), v in ops.items() if "libev" in v and OURS_EV in v]
    # Two decimals: a few waits more or less while the clients connect are no difference.
    for key, most, digits in (("insns", 1.15, 3), ("syscalls", 1.0, 2)):
        r = [sum(v[OURS_EV].values()) / sum(v["libev"].values()) for k, c, v in evs if k == key and v["libev"]]
        if r:
            row(f"libev, {key}, worst row, ours to the original's", round(max(r), digits), "<=", most)
            if key == "insns":
                row("libev, insns, part of the rows below the original's", sum(x < 1 for x in r) / len(r), ">=", 0.5)
    times = [ratio(r["columns"], OURS_EV, r["unit"]) for r in results.values() if OURS_EV in r["columns"]
             and r["metric"] in ("callback", "insert", "rearm", "cancel", "expire", "rate")]
    if [t for t in times if t]:
        row("libev, times, slowest row, ratio", min(t for t in times if t), ">=", 0.9)
    if not o:
        return ""
    return "\n".join(["", "### goals", "", "| what | ours | goal | met |", "|---|---:|---:|---|"] + o)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("bench", "syscalls", "trace", "insns", "spent", "report"))
    p.add_argument("files", nargs="*")
    p.add_argument("-o", "--out")
    p.add_argument("--only")
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--peers", action="store_true")
    p.add_argument("--lib", action="append", default=[], metavar="NAME=DIR")
    a = p.parse_args()
    a.lib = [(n, os.path.abspath(d)) for n, d in (x.split("=", 1) for x in a.lib)]
    if a.what == "report":
        docs = [json.load(open(f)) for f in a.files]
        for doc in docs:
            print(tables(doc))
        print(goals(docs))
    else:
        {"bench": bench, "trace": trace, "spent": spent, "syscalls": lambda a: counts(a, under_strace, "syscalls"),
         "insns": lambda a: counts(a, under_callgrind, "insns")}[a.what](a)


main()
