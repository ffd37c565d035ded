#!/bin/bash
# tmux (libevent_core-2.1.so.7): sessions, panes, capture, resize, three attached clients, kill-server
NAME=tmux; LIBS="libevent_core-2.1.so.7"
. "$(dirname "$0")/common.sh"
need tmux script
unset TMUX; export TERM=xterm SHELL=/bin/sh
S=$W/sock; t() { put timeout 10 tmux -f /dev/null -S "$S" "$@"; }
hook_cleanup() { [ -n "${SRV:-}" ] && stop "$SRV"; }
t new-session -d -s one -x 100 -y 30 "PS1='> ' exec sh" || fail "new-session"
SRV=$(t display-message -p '#{pid}'); [ -n "$SRV" ] || fail "no server pid"
mapped "$SRV"
has() { t capture-pane -p -t "$1" | grep -q "$2"; }
t send-keys -t one 'echo sum=$((40+2))' Enter; waitfor 5 has one '^sum=42' || fail "send-keys/capture-pane"
t send-keys -t one 'seq 1 20000 | tail -n 20000; echo done-$((1+1))' Enter; waitfor 10 has one '^done-2' || fail "bulk output"
t split-window -h -t one "PS1='> ' exec sh"; t split-window -v -t one "PS1='> ' exec sh"
[ "$(t list-panes -t one | wc -l)" = 3 ] || fail "splits"
for i in 0 1 2; do t send-keys -t one:0.$i "echo pane-$i-\$((6*7))" Enter; done
for i in 0 1 2; do waitfor 5 has one:0.$i "^pane-$i-42" || fail "pane $i"; done
t resize-window -t one -x 140 -y 40; [ "$(t display-message -p -t one '#{window_width}x#{window_height}')" = 140x40 ] || fail "resize"
t set-option -g remain-on-exit on; t new-window -t one -n two "sleep 0.2; exit 3"
[ "$(t list-windows -t one | wc -l)" = 2 ] || fail "new-window"
# The pane's end (end of file on its pty). Its exit status is not checked: libutempter sets SIGCHLD to SIG_DFL while its
# helper runs, just then, and so drops the signal in a third of runs with any libevent (none of 60 with utempter stubbed).
dead() { t list-panes -t one:two -F '#{pane_dead}' | grep -qx 1; }; waitfor 5 dead || fail "the end of a pane's program was not seen"
# SIGCHLD, strictly, through jobs (no utempter there): the branch depends on the exit status that the server collects
for i in $(seq 15); do
  t if-shell 'sleep 0.03; exit 3' 'set-buffer -b r yes' 'set-buffer -b r no' && [ "$(t show-buffer -b r)" = no ] || fail "exit status 3 of job $i was not collected"
  t if-shell 'sleep 0.03; exit 0' 'set-buffer -b r yes' 'set-buffer -b r no' && [ "$(t show-buffer -b r)" = yes ] || fail "exit status 0 of job $i was not collected"
done
# run-shell, if-shell, wait-for, pipe-pane, buffers: jobs and buffer events inside the server
t run-shell 'echo job > job.out'; waitfor 5 test -s job.out || fail "run-shell"
( t wait-for chan; echo woken > woken ) & PIDS+=($!); sleep 0.3; t wait-for -S chan; waitfor 5 test -s woken || fail "wait-for"
t pipe-pane -t one:0.0 "cat > $W/piped"; t send-keys -t one:0.0 'echo pip''ed-$((5*5))' Enter; waitfor 5 grep -q 'piped-25' piped || fail "pipe-pane"
head -c 300000 /dev/zero | tr '\0' x > big; t load-buffer big; t save-buffer big2; cmp -s big big2 || fail "load/save-buffer 300000 bytes"
[ "$(t show-buffer | wc -c)" = 300000 ] || fail "show-buffer"
# three clients on ptys
mkfifo stdin; exec 8<>stdin   # never at end of file
for i in 1 2 3; do put script -qfc "stty cols 90 rows 25; tmux -f /dev/null -S $S attach -t one" client$i <stdin >/dev/null 2>&1 8>&- & PIDS+=($!); done
nclients() { [ "$(t list-clients | wc -l)" = "$1" ]; }
waitfor 8 nclients 3 || fail "3 clients: $(t list-clients | wc -l)"
for p in $(t list-clients -F '#{client_pid}'); do mapped "$p"; done
t select-window -t one:0; t select-pane -t one:0.0; t send-keys -t one:0.0 'echo to-all-$((3*3))' Enter
for i in 1 2 3; do waitfor 5 grep -q to-all-9 client$i || fail "client $i shows nothing"; done
t resize-window -t one:0 -x 150 -y 45; sleep 0.5   # reaches the pty only while a client shows the window (tmux's timer)
t send-keys -t one:0.0 'stty size' Enter; waitfor 5 has one:0.0 '^45 ' || fail "the resize did not reach the pty"
# a client's terminal changes its size: SIGWINCH in the client, and the window follows
t set-option -w -t one:0 window-size largest
stty -F "$(t list-clients -F '#{client_tty}' | head -1)" cols 120 rows 33
winsz() { [ "$(t display-message -p -t one:0 '#{window_width}x#{window_height}')" = "$1" ]; }
waitfor 5 winsz 120x32 || fail "SIGWINCH: $(t display-message -p -t one:0 '#{window_width}x#{window_height}')"
# control mode
printf 'list-sessions\n' | t -C attach -t one > ctl 2>&1; grep -q '^%begin' ctl && grep -q '^one:' ctl || fail "control mode"
waitfor 5 nclients 3 || fail "control client still there: $(t list-clients | tr '\n' ';')"
t detach-client -t "$(t list-clients -F '#{client_name}' | head -1)"; waitfor 5 nclients 2 || fail "detach"
t kill-server; waitfor 5 bash -c "! kill -0 $SRV" || fail "kill-server"
pass "sessions, splits, resize, 30 job exit statuses, 300 kB buffer, 3 clients, control mode, kill-server"
