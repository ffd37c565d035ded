#!/bin/bash
# gevent's own test modules on libev.so.4 of $LIBDIR and on the distribution's, compared.
#
#     LIBDIR=/path/to/target/dist/lib ./gevent-modules.sh [MODULE...]
#
# The modules come from the wheel of the same version (pip download) and are laid over a copy of the distribution's
# python3-gevent, whose loop is libev.so.4. Needs python3-gevent, pip and a network. Takes several minutes; a module
# whose result differs is run once more on both, since many of them measure times.
set -u
LIBDIR=$(realpath -e "${LIBDIR:?the folder that holds libev.so.4}") || exit 1
PY=/usr/bin/python3
W=$(mktemp -d /tmp/gevent-modules.XXXXXX); trap 'rm -rf "$W"' EXIT
fail() { echo "FAIL gevent-modules: $*"; exit 1; }
HOME_=$($PY -c 'import gevent, os; print(os.path.dirname(gevent.__file__))') || fail "python3-gevent is not installed"
VERSION=$($PY -c 'import gevent; print(gevent.__version__)')
mkdir -p "$W/wheel" "$W/site"
$PY -m pip download -q --no-deps --only-binary :all: -d "$W/wheel" "gevent==$VERSION" || fail "no wheel of gevent $VERSION"
$PY -m zipfile -e "$W"/wheel/gevent-*.whl "$W/wheel/x" || fail "unpacking"
cp -r "$HOME_" "$W/site/gevent"
cp -r "$W/wheel/x/gevent/tests" "$W/wheel/x/gevent/testing" "$W/site/gevent/"
export PYTHONPATH="$W/site" GEVENT_RESOLVER=thread GEVENT_LOOP=libev-cext PYTHONWARNINGS=ignore LC_ALL=C.UTF-8
cd "$W/site/gevent/tests" || exit 1
[ $# -gt 0 ] || set -- core core_async core_callback core_fork core_loop_run core_stat core_timer core_watcher \
  destroy_default_loop loop_callback nondefaultloop close_backend_fd timeout api_timeout sleep0 signal monkey_sigchld \
  monkey_sigchld_2 monkey_sigchld_3 os subprocess subprocess_interrupted subprocess_poll event hub hub_join \
  hub_join_timeout pool queue select selectors socket_close socket_errors socket_timeout socketpair socket server \
  threadpool threadpool_executor_patched
one() { # one LIBDIR MODULE : its result in a line
  local out rc
  out=$(LD_LIBRARY_PATH=$1 timeout -k 3 90 $PY -m "gevent.tests.test__$2" 2>&1); rc=$?
  echo "exit $rc $(grep -E '^(Ran |OK|FAILED|FAIL:|ERROR:)' <<<"$out" | sed 's/ in [0-9.]*s$//' | sort | tr '\n' ' ')"
}
differ=0
for m; do
  for try in 1 2; do
    stock=$(one "" "$m"); ours=$(one "$LIBDIR" "$m")
    [ "$stock" = "$ours" ] && break
  done
  if [ "$stock" = "$ours" ]; then echo "same  $m: $ours"; else
    differ=$((differ + 1)); printf 'DIFF  %s\n  stock %s\n  ours  %s\n' "$m" "$stock" "$ours"
  fi
done
[ $differ = 0 ] || fail "$differ of $# modules differ"
echo "PASS gevent-modules: $# modules of gevent $VERSION, same results as on the distribution's library"
