#!/bin/bash
# evdns: our resolver against unbound and nsd, our server under dig and dnsperf, all on loopback
HERE=$(dirname "$(realpath "$0")")
NAME=dns; LIBS="libevent-2.1.so.7"
. "$HERE/common.sh"
need unbound nsd dig dnsperf cc
cc -w -O1 "$HERE/dns_tool.c" -o tool -levent || fail "dns_tool.c does not compile"
read -r UP NP <<<"$(freeports 2)"
cat >unbound.conf <<C
server:
  interface: 127.0.0.1@$UP
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "$W"
  pidfile: ""
  do-not-query-localhost: no
  local-zone: "test." static
  local-data: "one.test. 60 A 10.0.0.1"
  local-data: "one.test. 60 AAAA fd00::1"
  local-data-ptr: "10.0.0.1 60 one.test"
C
{ echo '$ORIGIN test.'; echo '@ 60 IN SOA ns.test. root.test. 1 60 60 60 60'; echo '@ 60 IN NS ns.test.'; echo 'ns 60 IN A 127.0.0.1'
  echo 'one 60 IN A 10.0.0.1'; echo 'one 60 IN AAAA fd00::1'; echo 'alias 60 IN CNAME one.test.'
  for i in $(seq 100); do echo "big 60 IN A 10.1.0.$i"; done; } >test.zone
cat >nsd.conf <<C
server:
  ip-address: 127.0.0.1@$NP
  username: ""
  chroot: ""
  zonesdir: "$W"
  database: ""
  pidfile: "$W/nsd.pid"
  xfrdfile: "$W/xfrd.state"
  zonelistfile: "$W/zone.list"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "test"
  zonefile: "test.zone"
C
helper unbound.log unbound -c unbound.conf -dd
helper nsd.log nsd -c "$W/nsd.conf" -d
for p in $UP $NP; do
  for i in $(seq 50); do dig +time=1 +tries=1 @127.0.0.1 -p $p one.test A >/dev/null 2>&1 && break; sleep 0.1; done
done
put ./tool resolve "127.0.0.1:$UP" one.test none.test >u.out 2>&1 || fail "unbound: $(tail -1 u.out)"
grep -q "^one.test no error: 10.0.0.1 (1)" u.out || fail "unbound, an address: $(cat u.out)"
grep -q "^one.test no error: fd00::1 (1)" u.out || fail "unbound, an IPv6 address: $(cat u.out)"
[ "$(grep -c "^none.test name does not exist" u.out)" = 2 ] || fail "unbound, no such name: $(cat u.out)"
grep -q "no error: one.test (1)" u.out || fail "unbound, a reverse name: $(cat u.out)"
put ./tool resolve "127.0.0.1:$NP" one.test alias.test big.test none.test >n.out 2>&1 || fail "nsd: $(tail -1 n.out)"
grep -q "^one.test no error: 10.0.0.1 (1)" n.out || fail "nsd, an address: $(cat n.out)"
grep -q "^alias.test no error: 10.0.0.1 (1)" n.out || fail "nsd, an alias: $(cat n.out)"
grep -q "^big.test no records" n.out || fail "nsd, no such records: $(cat n.out)"
# Too large for a datagram: ours asks again over TCP.
if [ -n "$LIBDIR" ]; then grep -q "^big.test no error: .*(100)" n.out || fail "nsd, over TCP: $(cat n.out)"; fi
start serve.log ./tool serve; SERVER=$PID
for i in $(seq 50); do grep -q listening serve.log && break; sleep 0.1; done
P=$(awk '/listening/ { print $2 }' serve.log)
mapped "$SERVER"
ask() { dig +time=2 +tries=2 +noall +comments +answer "$@" @127.0.0.1 -p "$P"; }
ask host.example A >d.out; grep -q "10.0.0.1" d.out && grep -q "NOERROR" d.out || fail "dig A: $(cat d.out)"
ask host.example AAAA | grep -q "fd00::1" || fail "dig AAAA"
ask -x 10.0.0.1 | grep -q "host.example" || fail "dig PTR"
ask none.example A | grep -q "NXDOMAIN" || fail "dig NXDOMAIN"
if [ -n "$LIBDIR" ]; then
  ask +edns=0 host.example A | grep -q "EDNS: version: 0" || fail "dig, EDNS"
  ask +ignore +noedns big.example A >d.out; grep -q "flags: qr tc" d.out || fail "dig, truncated: $(cat d.out)"
  [ "$(ask big.example A | grep -c "10.0.0.")" = 60 ] || fail "dig, over TCP"
  ask +edns=1 +noednsneg host.example A | grep -q "BADVERS" || fail "dig, an EDNS version"
fi
for i in $(seq 200); do echo "host-$i.example A"; done >queries
dnsperf -s 127.0.0.1 -p "$P" -d queries -n 50 -c 4 -q 100 -t 5 >perf.out 2>&1 || fail "dnsperf: $(tail -3 perf.out)"
grep -q "Queries completed: *10000 (100.00%)" perf.out || fail "dnsperf: $(grep -i "queries" perf.out | tr '\n' ' ')"
pass "unbound and nsd answered, dig and dnsperf were answered (10000 queries)"
