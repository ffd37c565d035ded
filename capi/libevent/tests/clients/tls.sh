#!/bin/bash
# bufferevent_openssl (libevent_openssl-2.1.so.7) and real peers: our server under openssl s_client, curl, Python's ssl and stunnel;
# our client against openssl s_server, Python's ssl and stunnel; 64 MiB both ways, with a renegotiation (TLS 1.2) and a key update
# (1.3) in the middle; and peers that send garbage or stop in the middle of a handshake.
NAME=tls; LIMIT=${LIMIT:-110}; LIBS="libevent_openssl-2.1.so.7 libevent-2.1.so.7"
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"
need cc openssl curl stunnel4 /usr/bin/python3
SIZE=67108864
read -r LINE FLOW TURN HTTPS S12 S13 SREV PORT CUTS SC SS <<<"$(freeports 11)"
is() { [ "$2" = "$3" ] || fail "$1: got '${2:0:120}', wanted '${3:0:120}'"; }
sum() { sha256sum | cut -d' ' -f1; }
peer() { put timeout 60 ./peer "$@" 2>&1; }
fds() { ls "/proc/$SERVER/fd" | wc -l; }
ticks() { awk '{ print $14 + $15 }' "/proc/$SERVER/stat"; }
errors() { grep -c ^error peer.log; }
at_rest() { [ "$(fds)" = "$((FDS + ${1:-0}))" ]; }
has() { grep -q "$2" "$1"; }
listens() { grep -q " 0100007F:$(printf %04X "$1") 00000000:0000 0A " /proc/net/tcp; }
size_is() { [ "$(stat -c %s "$1")" = "$2" ]; }

cc -o peer "$HERE/tls_peer.c" -levent_openssl -levent -lssl -lcrypto || fail "tls_peer.c"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>req.log || fail "openssl req: $(tail -1 req.log)"
head -c $SIZE /dev/zero | openssl enc -aes-128-ctr -K 01 -iv 02 2>/dev/null >big
size_is big $SIZE || fail "openssl enc"
head -c 3000000 big >small
BIG=$(sum <big)
start peer.log ./peer server "$LINE" "$FLOW" "$TURN" "$HTTPS" $SIZE
SERVER=$PID; waitfor 30 has peer.log ready || fail "the server: $(tail -1 peer.log)"
mapped "$SERVER"; FDS=$(fds)

# Our server.
verified=(-CAfile cert.pem -verify_return_error -verify_hostname localhost -servername localhost -quiet -nocommands)
for v in 2 3; do
  c() { timeout 60 openssl s_client -connect "127.0.0.1:$1" "-tls1_$v" "${verified[@]}" 2>s_client.log; }
  is "s_client 1.$v" "$(echo hello | c "$LINE")" "TLSv1.$v hello"
  is "s_client 1.$v, 64 MiB" "$(c "$FLOW" <big | sum)" "$BIG"
  U=https://localhost:$HTTPS; q() { curl -s --cacert cert.pem --tlsv1.$v --tls-max 1.$v "$@"; }
  is "curl 1.$v" "$(q "$U/a" "$U/b" | tr '\n' ' ')" "TLSv1.$v /a TLSv1.$v /b "
  is "curl 1.$v POST" "$(q --data-binary @small "$U/p" | cmp - small && echo same)" same
done
curl -s "https://localhost:$HTTPS/a" >out && fail "curl trusts the certificate without --cacert"
cat >stunnel_c.conf <<C
foreground = yes
pid =
[s]
client = yes
accept = 127.0.0.1:$SC
connect = 127.0.0.1:$FLOW
CAfile = $W/cert.pem
verifyChain = yes
checkHost = localhost
C
helper stunnel_c.log stunnel4 stunnel_c.conf
waitfor 30 listens "$SC" || fail "stunnel: $(tail -1 stunnel_c.log)"
timeout 60 $PY - "$TURN" "$SC" "$BIG" >out 2>&1 <<'PY' || fail "Python's client: $(tail -1 out)"
import hashlib, socket, ssl, sys, threading
data = open("big", "rb").read()
ctx = ssl.create_default_context(cafile="cert.pem")
def end(sock):
    try: assert sock.recv(1) == b"", "data after the end"
    except ssl.SSLZeroReturnError: pass
def exact(sock, n, into):
    while n > 0:
        got = sock.recv(min(n, 262144))
        assert got, "ended early"
        into.update(got); n -= len(got)
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    ctx.minimum_version = ctx.maximum_version = version
    came = hashlib.sha256()
    with ctx.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost") as sock:
        for at in range(0, len(data), 1 << 20):   # nothing under way where the server asks for a renegotiation
            sock.sendall(data[at:at + (1 << 20)])
            exact(sock, len(data[at:at + (1 << 20)]), came)
        end(sock)
    assert came.hexdigest() == sys.argv[3], version
plain = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
came = hashlib.sha256()
sender = threading.Thread(target=plain.sendall, args=(data,), daemon=True)
sender.start()
exact(plain, len(data), came)
end(plain)
assert came.hexdigest() == sys.argv[3], "stunnel"
PY
waitfor 30 at_rest || fail "descriptors: $FDS at first, now $(fds)"
is "echoes of s_client and stunnel" "$(grep -c '^flow: ' peer.log)" 3
is "a renegotiation and a key update of Python's" "$(grep '^turn: ' peer.log | tr '\n' ' ')" "turn: turns 1 turn: turns 1 "

# Peers of our server that do wrong.
timeout 60 $PY - "$LINE" >out 2>&1 <<'PY' || fail "bad peers of the server: $(tail -1 out)"
import re, socket, ssl, sys, time
port = int(sys.argv[1])
def errors(): return len(re.findall(r"^error", open("peer.log").read(), re.M))
def case(name, act):
    before = errors(); end = time.monotonic() + 30
    with socket.create_connection(("127.0.0.1", port)) as sock: act(sock)
    while errors() == before:
        assert time.monotonic() < end, name + ": no error"
        time.sleep(0.002)
    assert errors() == before + 1, name
def context(version):
    ctx = ssl.create_default_context(cafile="cert.pem")
    ctx.minimum_version = ctx.maximum_version = version
    return ctx
def handshake(sock, version, most=None):
    """Sends at most so many bytes of the client's side of a handshake; the bytes."""
    inc, out = ssl.MemoryBIO(), ssl.MemoryBIO(); sent = b""
    tls = context(version).wrap_bio(inc, out, server_hostname="localhost")
    while True:
        try: tls.do_handshake(); done = True
        except ssl.SSLWantReadError: done = False
        new = out.read(); sock.sendall(new if most is None else new[:max(0, most - len(sent))]); sent += new
        if done or (most is not None and len(sent) >= most): return sent
        inc.write(sock.recv(65536))
def records(sent):
    at = 0
    while at < len(sent):
        n = 5 + int.from_bytes(sent[at + 3:at + 5], "big"); yield at, at + n; at += n
def wait_end(sock):
    try:
        while sock.recv(4096): pass
    except OSError: pass
def unknown(sock):
    try: ssl.create_default_context().wrap_socket(sock, server_hostname="localhost").close()
    except ssl.SSLCertVerificationError: return
    raise AssertionError("trusted")
case("garbage", lambda s: (s.sendall(bytes(range(256)) * 8), wait_end(s)))
case("plain HTTP", lambda s: (s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), wait_end(s)))
case("an unknown certificate", unknown)
def truncated(version):
    def act(sock):
        with context(version).wrap_socket(sock, server_hostname="localhost") as tls: tls.sendall(b"half a line")
    return act
cuts = 0
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    case(f"truncation, {version.name}", truncated(version))
    flight = []
    case(f"no close_notify, {version.name}", lambda s: flight.append(handshake(s, version)))
    for a, b in records(flight[0]):
        for cut in sorted({a + 1, a + 3, a + 5, (a + b) // 2, b - 1, b}):
            case(f"cut after {cut} bytes, {version.name}", lambda s: handshake(s, version, cut)); cuts += 1
assert cuts > 30, cuts
PY
waitfor 30 at_rest || fail "descriptors after bad peers: $FDS at first, now $(fds)"
is "after bad peers" "$(echo hello | c "$LINE")" "TLSv1.3 hello"
waitfor 30 at_rest || fail "descriptors: $FDS at first, now $(fds)"
# Handshakes that stop but stay open, while our clients work: the server costs nothing.
ERRORS=$(errors)
helper half.log $PY -uc 'import signal, socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in range(8)]
for s, n in zip(held, range(8)): s.sendall(b"\x16\x03\x01\x02\x00\x01\x00"[:n])
print("held"); signal.pause()' "$LINE"
HALF=$PID; waitfor 30 has half.log held && waitfor 30 at_rest 8 || fail "half handshakes: $(fds) descriptors"
TICKS=$(ticks)

# Our client.
openssl_server() { # openssl_server LOG PORT ARGUMENT... : sets PID
  local log=$1 port=$2; shift 2
  helper "$log" openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem "$@"; }
openssl_server srev.log "$SREV" -rev
waitfor 30 listens "$SREV" || fail "s_server: $(tail -1 srev.log)"
is "client 1.2 to s_server" "$(peer line "$SREV" 1.2)" "olleh"
is "client 1.3 to s_server" "$(peer line "$SREV" 1.3)" "olleh"
for v in 2 3; do
  s=S1$v; mkfifo "in$v"; exec 8<>"in$v"
  openssl s_server -accept "127.0.0.1:${!s}" -cert cert.pem -key key.pem -quiet -naccept 1 <"in$v" >"out$v" 2>"s_server$v.log" 8>&- &
  PIDS+=("$!")
  waitfor 30 listens "${!s}" || fail "s_server: $(tail -1 "s_server$v.log")"
  cat big >&8 & PIDS+=("$!")
  is "client 1.$v to s_server, 64 MiB" "$(peer flow "${!s}" 1.$v big | cut -d' ' -f1)" "$BIG"
  waitfor 30 size_is "out$v" $SIZE || fail "s_server got $(stat -c %s "out$v") bytes"
  is "s_server got, 1.$v" "$(sum <"out$v")" "$BIG"
  exec 8>&-
done
cat >stunnel_s.conf <<C
foreground = yes
pid =
[s]
accept = 127.0.0.1:$SS
cert = $W/cert.pem
key = $W/key.pem
exec = /bin/cat
execArgs = cat
C
helper stunnel_s.log stunnel4 stunnel_s.conf
waitfor 30 listens "$SS" || fail "stunnel: $(tail -1 stunnel_s.log)"
is "client to stunnel" "$(peer flow "$SS" any small | cut -d' ' -f1)" "$(sum <small)"
cat >servers.py <<'PY'
import socket, ssl, sys, threading
def context(version):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain("cert.pem", "key.pem")
    ctx.minimum_version = ctx.maximum_version = version
    ctx.options |= 1 << 8   # SSL_OP_ALLOW_CLIENT_RENEGOTIATION
    return ctx
versions = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
def echo(listener):
    for version in versions:
        with context(version).wrap_socket(listener.accept()[0], server_side=True) as sock:
            while got := sock.recv(262144): sock.sendall(got)
            sock.unwrap()
def cut(listener):
    def accept(act):
        with listener.accept()[0] as sock: return act(sock)
    def raw(data):
        def act(sock): sock.recv(65536); sock.sendall(data)
        return act
    def handshake(sock, version, most=None):
        """Sends at most so many bytes of the server's side of a handshake; the bytes."""
        inc, out = ssl.MemoryBIO(), ssl.MemoryBIO(); sent = b""
        tls = context(version).wrap_bio(inc, out, server_side=True)
        while True:
            try: tls.do_handshake(); done = True
            except ssl.SSLWantReadError: done = False
            new = out.read(); sock.sendall(new if most is None else new[:max(0, most - len(sent))]); sent += new
            if done or (most is not None and len(sent) >= most): return sent
            inc.write(sock.recv(65536))
    def end(sock):
        with context(ssl.TLSVersion.TLSv1_3).wrap_socket(sock, server_side=True) as tls: tls.unwrap()
    for data in bytes(range(256)) * 8, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"":
        accept(raw(data))
    errors = 3
    for version in versions:
        sent = accept(lambda s: handshake(s, version)); errors += 1; at = 0
        while at < len(sent):
            a, at = at, at + 5 + int.from_bytes(sent[at + 3:at + 5], "big")
            for most in sorted({a + 1, a + 3, a + 5, (a + at) // 2, at - 1, at}):
                accept(lambda s: handshake(s, version, most)); errors += 1
    print("errors", errors, flush=True)
    accept(end)
for act, port in zip((echo, cut), sys.argv[1:]):
    threading.Thread(target=act, args=(socket.create_server(("127.0.0.1", int(port))),)).start()
print("ready", flush=True)
PY
helper python.log $PY servers.py "$PORT" "$CUTS"
waitfor 30 has python.log ready || fail "Python's server: $(tail -1 python.log)"
is "client 1.2 to Python, with a renegotiation" "$(peer turn "$PORT" 1.2 big)" "$BIG turns 1"
is "client 1.3 to Python, with a key update" "$(peer flow "$PORT" 1.3 big)" "$BIG turns 1"
CUT=$(peer cuts "$CUTS" any)
waitfor 30 has python.log "^errors" || fail "Python's server: $(tail -1 python.log); the client: $CUT"
is "client of bad servers" "$CUT" "$(grep ^errors python.log) ends 1 leaked 0"

TICKS=$(($(ticks) - TICKS))
[ $TICKS -le 10 ] || fail "the server used $TICKS ticks beside half handshakes"
is "errors beside half handshakes" "$(errors)" "$ERRORS"
stop "$HALF"
waitfor 30 at_rest || fail "descriptors after half handshakes: $FDS at first, now $(fds)"
is "errors of half handshakes that ended" "$(errors)" $((ERRORS + 8))
pass "s_client, curl, Python and stunnel asked; s_server, Python and stunnel answered; 64 MiB with turns; $(errors) bad clients, $(cut -d' ' -f2 <<<"$CUT") bad servers"
