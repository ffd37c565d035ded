#!/bin/bash
# Headless Chromium as the peer of the Rust library: the page of the chat over WebSocket in several windows, and pages and requests of
# http_peer and http_files. PROGRAMS is the folder of these examples.
NAME=rust-browser; LIMIT=${LIMIT:-170}
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../../../../capi/libevent/tests/clients/common.sh"
need chromium
$PY -c 'import websockets' 2>/dev/null || fail "not installed: python3-websockets"
CHECKED=1
# Where the browser keeps what it does not keep in its profile.
export HOME=$W
mkdir www
printf 'document.querySelector("img").decode().then(() => {
  const img = document.querySelector("img"); document.title = `script has run, ${img.naturalWidth}x${img.naturalHeight}`; });\n' >www/page.js
printf '<!doctype html><title>page</title><img src="picture.svg"><script src="page.js"></script>\n' >www/page.html
printf '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="3"/>\n' >www/picture.svg
$PY -c 'print("0123456789" * 300000, end="")' >www/big
read -r C P F <<<"$(freeports 3)"
start chat.log "$PROGRAMS/ws_chat" "$C"
start peer.log "$PROGRAMS/http_peer" "$P"
start files.log "$PROGRAMS/http_files" www "$F"
for port in "$C" "$P" "$F"; do waitport "$port" || fail "nothing listens on $port: $(tail -qn1 chat.log peer.log files.log)"; done
timeout 150 $PY "$HERE/browser.py" "$C" "$P" "$F" "$W/profile" >out 2>&1 || fail "$(tail -1 out)"
pass "a chat in three windows; 206 requests; a page with its script and picture, ranges and validators"
