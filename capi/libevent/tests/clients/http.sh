#!/bin/bash
# evhttp (libevent-2.1.so.7) and real peers: our server under curl, wget, busybox wget, Python's http.client, ab, nginx and HAProxy;
# our client against nginx, lighttpd and busybox httpd. With PEER, the same of another program with the arguments of http_peer.c.
NAME=${PEER:+rust-}http; LIMIT=${LIMIT:-110}; LIBS="libevent-2.1.so.7"
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"
need cc curl wget busybox ab nginx haproxy lighttpd
read -r P N H L B NS <<<"$(freeports 6)"
if [ -n "${PEER:-}" ]; then ln -s "$PEER" peer; else cc -o peer "$HERE/http_peer.c" -levent || fail "http_peer.c"; fi
start peer.log ./peer "$P"
SERVER=$PID; waitport "$P" || fail "does not listen: $(tail -1 peer.log)"
if [ -n "${PEER:-}" ]; then CHECKED=1; else mapped "$SERVER"; fi
U=http://127.0.0.1:$P
is() { [ "$2" = "$3" ] || fail "$1: got '${2:0:80}', wanted '${3:0:80}'"; }
head -c 3000000 /dev/urandom | base64 -w0 >big
is "curl" "$(curl -s "$U/a")" "hello /a"
is "curl twice" "$(curl -s "$U/a" "$U/b")" "hello /ahello /b"
is "curl chunks" "$(curl -s "$U/chunks" | tail -1)" "chunk 9"
is "curl HEAD" "$(curl -sI "$U/a" | head -1 | tr -d '\r')" "HTTP/1.1 200 OK"
is "curl POST" "$(curl -s -d abc "$U/p")" "abc"
is "curl large POST" "$(curl -s --data-binary @big "$U/p" | md5sum)" "$(md5sum <big)"
is "curl large chunked PUT" "$(curl -s -T - "$U/p" <big | md5sum)" "$(md5sum <big)"
is "curl 1.0" "$(curl -s -0 "$U/a")" "hello /a"
is "wget" "$(wget -qO- "$U/a" "$U/b")" "hello /ahello /b"
is "wget POST" "$(wget -qO- --post-data=abc "$U/p")" "abc"
is "busybox wget" "$(busybox wget -qO- "$U/a")" "hello /a"
timeout 30 $PY - "$P" >out 2>&1 <<'PY' || fail "http.client: $(tail -1 out)"
import http.client, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
for i in range(50):
    c.request("GET", f"/{i}")
    assert c.getresponse().read() == b"hello /%d" % i
c.request("POST", "/p", body=iter([b"a" * 70000, b"b"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
assert c.getresponse().read() == b"a" * 70000 + b"b"
c.request("PUT", "/p", body=b"x", headers={"Expect": "100-continue"})
assert c.getresponse().read() == b"x"
PY
ab -q -k -n 2000 -c 20 "$U/a" >ab.log 2>&1 || fail "ab: $(tail -1 ab.log)"
grep -q "^Failed requests: *0" ab.log && grep -q "^Keep-Alive requests: *2000" ab.log || fail "ab: $(grep -E 'Failed|Keep-Alive' ab.log | tr '\n' ' ')"
mkdir -p www; echo "static page" >www/f.txt
cat >nginx.conf <<C
daemon off; error_log $W/nginx.err; pid $W/nginx.pid; user root;
events {}
http { access_log off; client_body_temp_path $W/nb; proxy_temp_path $W/np; fastcgi_temp_path $W/nf; uwsgi_temp_path $W/nu; scgi_temp_path $W/nsc;
  upstream u { server 127.0.0.1:$P; keepalive 4; }
  server { listen 127.0.0.1:$N; client_max_body_size 100m; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } }
  server { listen 127.0.0.1:$NS; root $W/www; } }
C
helper nginx.log nginx -c "$W/nginx.conf" -p "$W"
waitport "$N" || fail "nginx: $(tail -1 nginx.log nginx.err)"
is "behind nginx" "$(curl -s "http://127.0.0.1:$N/a" "http://127.0.0.1:$N/b")" "hello /ahello /b"
is "behind nginx, POST" "$(curl -s --data-binary @big "http://127.0.0.1:$N/p" | md5sum)" "$(md5sum <big)"
is "behind nginx, chunks" "$(curl -s "http://127.0.0.1:$N/chunks" | tail -1)" "chunk 9"
cat >haproxy.cfg <<C
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend f
  bind 127.0.0.1:$H
  default_backend b
backend b
  http-reuse always
  server s 127.0.0.1:$P
C
helper haproxy.log haproxy -db -f haproxy.cfg
waitport "$H" || fail "haproxy: $(tail -1 haproxy.log)"
is "behind HAProxy" "$(curl -s "http://127.0.0.1:$H/a" "http://127.0.0.1:$H/b")" "hello /ahello /b"
is "behind HAProxy, POST" "$(curl -s --data-binary @big "http://127.0.0.1:$H/p" | md5sum)" "$(md5sum <big)"
five() { printf '200 12\n%.0s' 1 2 3 4 5; }
is "client to nginx" "$(put ./peer 127.0.0.1 "$NS" /f.txt 5)" "$(five)"
printf 'server.document-root="%s/www"\nserver.port=%s\nserver.bind="127.0.0.1"\n' "$W" "$L" >lighttpd.conf
helper lighttpd.log lighttpd -D -f lighttpd.conf
waitport "$L" || fail "lighttpd: $(tail -1 lighttpd.log)"
is "client to lighttpd" "$(put ./peer 127.0.0.1 "$L" /f.txt 5)" "$(five)"
helper busybox.log busybox httpd -f -p "127.0.0.1:$B" -h www
waitport "$B" || fail "busybox httpd: $(tail -1 busybox.log)"
is "client to busybox httpd" "$(put ./peer 127.0.0.1 "$B" /f.txt 5)" "$(five)"
pass "curl, wget, busybox, http.client, ab, nginx and HAProxy in front; nginx, lighttpd and busybox httpd asked"
