#!/bin/bash
# Files of the Rust server, downloaded by curl: whole and in part, and by `sendfile`, as its system calls show. PROGRAMS is the folder
# of the examples.
NAME=rust-files; LIMIT=${LIMIT:-100}
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../../../../capi/libevent/tests/clients/common.sh"
need curl strace
CHECKED=1
SIZE=30000000
mkdir www; head -c $SIZE /dev/urandom >www/large
read -r P <<<"$(freeports 1)"
start server.log strace -f -o calls -e trace=sendfile,pread64 "$PROGRAMS/http_files" www "$P"
TRACED=$PID; waitport "$P" || fail "does not listen: $(tail -1 server.log)"
sum() { md5sum | cut -d' ' -f1; }
same() { [ "$2" = "$3" ] || fail "$1 came otherwise"; }
U=http://127.0.0.1:$P/large
same "the file" "$(curl -s "$U" | sum)" "$(sum <www/large)"
same "its end" "$(curl -s -r 20000001- "$U" | sum)" "$(tail -c +20000002 www/large | sum)"
same "what was left of a download" "$({ head -c 12345678 www/large; curl -s -C 12345678 "$U"; } | sum)" "$(sum <www/large)"
same "a slow download" "$(curl -s --limit-rate 60M "$U" | sum)" "$(sum <www/large)"
kill -TERM "$(tree "$TRACED" | head -1)"; wait "$TRACED"
all=$((SIZE + SIZE - 20000001 + SIZE - 12345678 + SIZE))
read -r sent read <<<"$(awk '!/= [0-9]+$/ { next } /sendfile\(/ { s += $NF } /pread64\(/ { r += $NF } END { printf "%d %d\n", s, r }' calls)"
[ $((sent + read)) -ge "$all" ] || fail "$sent bytes by sendfile and $read read are less than $all"
[ $((read * 5)) -le "$all" ] || fail "only $sent bytes of $all by sendfile, $read were read"
pass "whole, in part, slow; $((sent * 100 / all)) % of $all bytes by sendfile"
