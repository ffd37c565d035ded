#!/bin/bash
# sslsplit (libevent-2.1, _openssl, _pthreads): TLS interception (bufferevent_openssl), plain TCP, 40 connections, SIGTERM
NAME=sslsplit; LIBS="libevent-2.1.so.7 libevent_openssl-2.1.so.7 libevent_pthreads-2.1.so.7"
. "$(dirname "$0")/common.sh"
need sslsplit openssl curl
read -r T H PS PT PA <<<"$(freeports 5)"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj '/CN=split CA' -addext basicConstraints=critical,CA:TRUE >/dev/null 2>&1
openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=origin.test >/dev/null 2>&1
mkdir doc log; head -c 2000000 /dev/urandom > doc/big; echo hi > doc/i
cat > srv.py <<'P'
import functools,http.server,ssl,sys
class S(http.server.ThreadingHTTPServer): request_queue_size=200
H=functools.partial(http.server.SimpleHTTPRequestHandler,directory="doc"); v=S(("127.0.0.1",int(sys.argv[1])),H)
if len(sys.argv)>2: c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain("c.pem","k.pem"); v.socket=c.wrap_socket(v.socket,server_side=True,do_handshake_on_connect=False)
v.serve_forever()
P
helper 1.log $PY srv.py "$T" tls; helper 2.log $PY srv.py "$H"; waitport "$T" && waitport "$H" || fail "servers"
start s.log sslsplit -u root -D -k ca.key -c ca.crt -l "$W/conn.log" -S "$W/log" \
  https 127.0.0.1 "$PS" 127.0.0.1 "$T"  tcp 127.0.0.1 "$PT" 127.0.0.1 "$H"  autossl 127.0.0.1 "$PA" 127.0.0.1 "$H"
S=$PID; waitport "$PS" && waitport "$PT" || fail "does not listen: $(tail -2 s.log)"
for p in $(tree "$S"); do [ "$(readlink /proc/$p/exe)" = /usr/bin/sslsplit ] && mapped "$p"; done
c() { curl -sk --max-time 12 "$@"; }
[ "$(c https://127.0.0.1:$PS/i)" = hi ] || fail "TLS GET: $(tail -2 s.log)"
openssl s_client -connect 127.0.0.1:$PS </dev/null 2>/dev/null > sc; grep -q 'issuer=CN = split CA' sc || fail "the certificate is not forged: $(grep issuer sc)"
c https://127.0.0.1:$PS/big | cmp -s - doc/big || fail "2 MB over TLS"
c http://127.0.0.1:$PT/big | cmp -s - doc/big || fail "2 MB over TCP"
[ "$(c http://127.0.0.1:$PA/i)" = hi ] || fail "autossl, plain"
J=(); for i in $(seq 40); do curl -sk --max-time 20 -o "o$i" "https://127.0.0.1:$PS/big" & J+=($!); done; PIDS+=("${J[@]}")
for i in $(seq 40); do wait "${J[$((i-1))]}"; cmp -s "o$i" doc/big || fail "parallel transfer $i"; rm -f "o$i"; done
c -o /dev/null https://127.0.0.1:$PS/none -w '%{http_code}' | grep -q 404 || fail "404"
logged() { grep -q '/i ' conn.log && [ "$(ls log | wc -l)" -ge 40 ]; }; waitfor 5 logged || fail "connection log"
kill -TERM "$S"; waitfor 8 bash -c "! kill -0 $S" || fail "SIGTERM"
pass "forged TLS, 42 transfers of 2 MB, plain TCP, autossl, logs, SIGTERM"
