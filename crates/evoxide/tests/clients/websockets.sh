#!/bin/bash
# Python's `websockets` as the peer of the Rust library in both roles: its client against the server of ws_peer, its server against
# the client. PEER is the program.
NAME=rust-websockets; LIMIT=${LIMIT:-170}
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../../../../capi/libevent/tests/clients/common.sh"
$PY -c 'import websockets' 2>/dev/null || fail "not installed: python3-websockets"
CHECKED=1
read -r P Q <<<"$(freeports 2)"
start served.log "$PEER" "$P"
SERVER=$PID; waitport "$P" || fail "does not listen: $(tail -1 served.log)"
timeout 80 $PY "$HERE/ws_peer.py" client "$P" >out 2>&1 || fail "its client: $(tail -1 out)"
kill -0 "$SERVER" 2>/dev/null || fail "the server ended: $(tail -1 served.log)"
helper out $PY "$HERE/ws_peer.py" server "$Q"
PYTHON=$PID
start asked.log "$PEER" 127.0.0.1 "$Q"
CLIENT=$PID
wait "$PYTHON" || fail "its server: $(tail -1 out)"
wait "$CLIENT" || fail "our client: $(tail -1 asked.log)"
[ "$(tail -1 asked.log)" = "closed 4000 enough" ] || fail "our client ended with: $(tail -1 asked.log)"
for role in served asked; do
  for line in "closed 1001 bye" "closed 4999 bye" "closed 3001 " "closed 1007 " "closed 1009 "; do
    grep -q "^$line" $role.log || fail "$role: nothing was '$line'"
  done
done
pass "both roles: messages up to 10 MiB, fragments, pings, closing, what is wrong, no compression; 50 sessions at once"
