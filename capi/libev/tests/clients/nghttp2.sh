#!/bin/bash
# nghttpd, nghttpx, nghttp, h2load (libev.so.4): HTTP/2 server and proxy, TLS, 200 clients, large bodies, timers, graceful end
NAME=nghttp2; LIBS="libev.so.4"
. "$(dirname "$0")/../../../libevent/tests/clients/common.sh"
need nghttpd nghttpx nghttp h2load curl openssl
read -r P1 P2 X1 X2 <<<"$(freeports 4)"
mkdir doc; echo hello > doc/index.html; head -c 3000000 /dev/urandom > doc/big; : > doc/empty
openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=localhost >/dev/null 2>&1
start d1.log nghttpd -a 127.0.0.1 -n 2 -d "$W/doc" "$P1" k.pem c.pem; D1=$PID
start d2.log nghttpd -a 127.0.0.1 -d "$W/doc" --no-tls "$P2"; D2=$PID
waitport "$P1" && waitport "$P2" || fail "nghttpd does not listen: $(cat d?.log | tail -1)"
start x.log nghttpx -f "127.0.0.1,$X1" -f "127.0.0.1,$X2;no-tls" -b "127.0.0.1,$P2;;proto=h2" -n 2 --workers=2 --errorlog-file="$W/x.err" --accesslog-file="$W/x.acc" k.pem c.pem --conf=/dev/null --no-ocsp --backend-keep-alive-timeout=2s --frontend-http2-read-timeout=2s --frontend-keep-alive-timeout=2s; X=$PID
waitport "$X1" && waitport "$X2" || fail "nghttpx does not listen: $(tail -1 x.log x.err)"
mapped "$D1"; mapped "$D2"; for p in $(tree "$X"); do [ "$(readlink /proc/$p/exe)" = /usr/sbin/nghttpx ] && mapped "$p"; done
ng() { put timeout 10 nghttp "$@"; }
[ "$(ng "https://127.0.0.1:$P1/index.html" 2>/dev/null)" = hello ] || fail "nghttp, TLS"
ng "http://127.0.0.1:$P2/big" > o 2>/dev/null; cmp -s o doc/big || fail "nghttp, 3 MB"
ng "https://127.0.0.1:$X1/big" > o 2>/dev/null; cmp -s o doc/big || fail "3 MB through nghttpx"
curl -sk --max-time 10 --http1.1 "https://127.0.0.1:$X1/big" -o o; cmp -s o doc/big || fail "HTTP/1.1 to HTTP/2 by nghttpx"
ng -nv -m 50 "https://127.0.0.1:$P1/index.html" > o 2>&1; [ "$(grep -c ':status: 200' o)" = 50 ] || fail "50 streams: $(grep -c ':status: 200' o)"
ng -d doc/big -n "http://127.0.0.1:$X2/empty" || fail "upload 3 MB"
[ "$(curl -sk --max-time 10 -o /dev/null -w '%{http_code}' "https://127.0.0.1:$X1/none")" = 404 ] || fail "404"
hl() { # NAME REQUESTS ARGS
  local n=$1 r=$2; shift 2; put timeout 20 h2load "$@" > $n.log 2>&1 || fail "h2load $n: $(tail -1 $n.log)"
  grep -q "requests: $r total, $r started, $r done, $r succeeded, 0 failed" $n.log || fail "h2load $n: $(grep requests: $n.log)"; }
hl a 20000 -n 20000 -c 200 -m 10 -t 2 "http://127.0.0.1:$P2/index.html"
hl b 4000 -n 4000 -c 50 -m 10 "https://127.0.0.1:$P1/index.html"
hl c 6000 -n 6000 -c 100 -m 5 "https://127.0.0.1:$X1/index.html"
hl d 2000 -n 2000 -c 20 --h1 "http://127.0.0.1:$X2/index.html"
hl e 200 -n 200 -c 40 -r 20 --rate-period=1s "http://127.0.0.1:$P2/index.html"     # timer: 20 connections a second
put timeout 20 h2load -D 2 -c 10 --warm-up-time=1 "http://127.0.0.1:$P2/index.html" > f.log 2>&1 || fail "h2load -D"
grep -qE 'status codes: [1-9][0-9]+ 2xx, 0 3xx, 0 4xx, 0 5xx' f.log || fail "timed load: $(grep status f.log)"
t() { timeout 10 $PY -c 'import socket,sys,time;s=socket.create_connection(("127.0.0.1",int(sys.argv[1])),5);s.settimeout(8);t=time.time();s.sendall(b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n")
while s.recv(9999): pass
d=time.time()-t; assert 1.5<d<6,d' "$X2"; }
t 2>t.err || fail "idle timeout of nghttpx: $(tail -1 t.err)"
kill -USR1 "$X"; sleep 0.3; kill -HUP "$X"; sleep 1          # reopen logs; reload
[ "$(curl -sk --max-time 10 "https://127.0.0.1:$X1/")" = hello ] || fail "after SIGHUP"
kill -QUIT "$X"; waitfor 10 bash -c "! kill -0 $X" || fail "nghttpx: graceful end"
kill -TERM "$D1" "$D2"; waitfor 5 bash -c "! kill -0 $D1 && ! kill -0 $D2 || ! kill -0 $D2" || fail "nghttpd: SIGTERM"
pass "32200 requests in h2load ($(grep -oE '[0-9.]+ req/s' a.log | head -1)), TLS, proxy, 3 MB bodies, timers, reload, graceful end"
