# The frame of the client scripts: each runs the distribution's own, unmodified program on our libraries, checks in
# /proc/PID/maps that our file is the one loaded, uses the program for real, and ends with one line, "PASS name: ..." or
# "FAIL name: ..." (exit 0 or 1). A script sets NAME and LIBS and then sources this file.
#
#   LIBDIR=target/dist/lib memcached.sh     with LIBDIR empty: on the distribution's libraries
#   KEEP=1   keeps the work folder with the logs
#   LIMIT=90 raises the time limit
set -u
LIBDIR=${LIBDIR:-}; LIMIT=${LIMIT:-45}
if [ -z "${ACC_INNER:-}" ]; then
  unset LD_LIBRARY_PATH LD_PRELOAD
  ACC_INNER=1 exec timeout -k 8 "$LIMIT" bash "$0" "$@"
fi
[ -z "$LIBDIR" ] || LIBDIR=$(realpath -e "$LIBDIR") || { echo "FAIL $NAME: no such LIBDIR"; exit 1; }
export LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
W=$(mktemp -d "/tmp/acc-$NAME.XXXXXX"); chmod 755 "$W"; cd "$W" || exit 1
PY=/usr/bin/python3; PIDS=(); CHECKED=0
tree() { local c; for c in $(ps -o pid= --ppid "$1" 2>/dev/null); do tree "$c"; done; echo "$1"; }
stop() { # stop PID... : TERM the process and its descendants, KILL what is left after 3 s
  local p all="" i; for p; do all="$all $(tree "$p")"; done
  kill $all 2>/dev/null
  for i in $(seq 30); do kill -0 $all 2>/dev/null || break; sleep 0.1; done
  kill -9 $all 2>/dev/null; wait "$@" 2>/dev/null
}
cleanup() {
  trap - EXIT; exec 9>&2 2>/dev/null
  type hook_cleanup >/dev/null 2>&1 && hook_cleanup
  [ ${#PIDS[@]} -gt 0 ] && stop "${PIDS[@]}"
  cd /; if [ -n "${KEEP:-}" ]; then echo "kept $W" >&9; else rm -rf "$W"; fi
}
fail() { cleanup; echo "FAIL $NAME: $*"; exit 1; }
pass() { [ "$CHECKED" -gt 0 ] || fail "the library check was not run"
  cleanup; echo "PASS $NAME: $*"; exit 0; }
trap 'cleanup; echo "FAIL $NAME: script ended early"; exit 1' EXIT
trap 'fail "interrupted, or over the limit of $LIMIT s"' TERM INT HUP
put() { # run the program under test
  if [ -n "$LIBDIR" ]; then env LD_LIBRARY_PATH="$LIBDIR" "$@"; else "$@"; fi; }
start() { # start LOG CMD... : program under test in the background; sets PID
  local log=$1; shift
  if [ -n "$LIBDIR" ]; then LD_LIBRARY_PATH="$LIBDIR" "$@" >"$log" 2>&1 </dev/null &
  else "$@" >"$log" 2>&1 </dev/null & fi
  PID=$!; PIDS+=("$PID"); }
helper() { # helper LOG CMD... : other program (stock libraries) in the background; sets PID
  local log=$1; shift; "$@" >"$log" 2>&1 </dev/null & PID=$!; PIDS+=("$PID"); }
freeports() { # N free ports of 127.0.0.1, both TCP and UDP
  $PY - "$1" <<'P'
import socket,sys
keep=[];out=[]
while len(out)<int(sys.argv[1]):
    t=socket.socket();t.bind(("127.0.0.1",0));p=t.getsockname()[1]
    u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
    try:u.bind(("127.0.0.1",p))
    except OSError:continue
    keep+=[t,u];out.append(p)
print(*out)
P
}
waitport() { # waitport PORT [SECONDS]
  local i; for i in $(seq $(( ${2:-10} * 10 ))); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0; sleep 0.1; done; return 1; }
waitfor() { # waitfor SECONDS CMD... : until CMD succeeds
  local i n=$(( $1 * 10 )); shift; for i in $(seq $n); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }
mapped() { # mapped PID [SONAME...] : each library comes from LIBDIR (any copy when empty), and no second copy
  local pid=$1 l want m have; shift; [ $# -gt 0 ] || set -- $LIBS
  m=$(awk '$6 ~ /^\// {print $6}' "/proc/$pid/maps" 2>/dev/null | sort -u)
  [ -n "$m" ] || fail "no maps for pid $pid (process gone?)"
  for l; do
    have=$(grep -E "/${l//./\\.}[^/]*\$" <<<"$m")
    if [ -n "$LIBDIR" ]; then
      want=$(realpath -e "$LIBDIR/$l" 2>/dev/null) || fail "no $l in $LIBDIR"
      grep -qxF "$want" <<<"$m" || fail "pid $pid: $l is not loaded from $LIBDIR (${have:-not loaded})"
      [ -z "$have" ] || [ "$have" = "$want" ] || fail "pid $pid: another copy of $l: $have"
    else [ -n "$have" ] || fail "pid $pid: $l is not loaded"; fi
  done; CHECKED=$((CHECKED+1)); }
need() { local c; for c; do command -v "$c" >/dev/null || [ -x "$c" ] || fail "not installed: $c"; done; }
