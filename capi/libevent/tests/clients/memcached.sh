#!/bin/bash
# memcached (libevent-2.1.so.7): commands, large values, expiry, 200 concurrent connections on 4 threads
NAME=memcached; LIBS="libevent-2.1.so.7"
. "$(dirname "$0")/common.sh"
need memcached
read -r P <<<"$(freeports 1)"
start mc.log memcached -u root -l 127.0.0.1 -p "$P" -U "$P" -t 4 -m 64 -I 4m -c 512 -vv
MC=$PID; waitport "$P" || fail "does not listen: $(tail -1 mc.log)"
mapped "$MC"
timeout 30 $PY - "$P" >out 2>&1 <<'PY' || fail "$(tail -1 out)"
import os,socket,struct,sys,threading,time
port=int(sys.argv[1])
def conn():
    s=socket.create_connection(("127.0.0.1",port),10);s.settimeout(10);return s,s.makefile("rb")
s,f=conn()
def cmd(b):
    s.sendall(b);return f.readline()
assert cmd(b"set e 0 1 3\r\nabc\r\n")==b"STORED\r\n"; t_e=time.time()
assert cmd(b"set a 5 0 5\r\nhello\r\n")==b"STORED\r\n"
assert cmd(b"get a\r\n")==b"VALUE a 5 5\r\n" and f.readline()==b"hello\r\n" and f.readline()==b"END\r\n"
assert cmd(b"add a 0 0 1\r\nx\r\n")==b"NOT_STORED\r\n"
assert cmd(b"append a 0 0 3\r\n!!!\r\n")==b"STORED\r\n"
assert cmd(b"get a\r\n")==b"VALUE a 5 8\r\n" and f.readline()==b"hello!!!\r\n" and f.readline()==b"END\r\n"
assert cmd(b"set n 0 0 2\r\n10\r\n")==b"STORED\r\n" and cmd(b"incr n 32\r\n")==b"42\r\n" and cmd(b"decr n 2\r\n")==b"40\r\n"
assert cmd(b"gets a\r\n").startswith(b"VALUE a 5 8 "); f.readline(); f.readline()
assert cmd(b"delete a\r\n")==b"DELETED\r\n" and cmd(b"get a\r\n")==b"END\r\n"
big=os.urandom(3*1024*1024)            # more than a socket buffer: partial reads and writes
assert cmd(b"set big 0 0 %d\r\n"%len(big)+big+b"\r\n")==b"STORED\r\n"
for _ in range(3):
    assert cmd(b"get big\r\n")==b"VALUE big 0 %d\r\n"%len(big); assert f.read(len(big))==big and f.readline()==b"\r\n" and f.readline()==b"END\r\n"
# a command in single bytes, then 500 commands in one write
for b in b"set slow 0 0 2\r\nok\r\n": s.sendall(bytes([b])); time.sleep(0.002)
assert f.readline()==b"STORED\r\n"
s.sendall(b"get slow\r\n"*500)
for _ in range(500): assert f.readline()==b"VALUE slow 0 2\r\n" and f.readline()==b"ok\r\n" and f.readline()==b"END\r\n"
# UDP
u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);u.settimeout(5);u.sendto(struct.pack(">HHHH",7,0,1,0)+b"get slow\r\n",("127.0.0.1",port))
assert u.recv(2000)[8:]==b"VALUE slow 0 2\r\nok\r\nEND\r\n","udp"
# 200 connections open together, 4 worker threads in memcached
cs=[conn() for _ in range(200)]; err=[]
def work(lo,hi):
    try:
        for r in range(10):
            for i in range(lo,hi): cs[i][0].sendall(b"set k%d 0 0 %d\r\n%s\r\n"%(i,len(b"v%d.%d"%(i,r)),b"v%d.%d"%(i,r)))
            for i in range(lo,hi): assert cs[i][1].readline()==b"STORED\r\n"
            for i in range(lo,hi): cs[i][0].sendall(b"get k%d\r\nincr n 1\r\n"%i)
            for i in range(lo,hi):
                assert cs[i][1].readline().startswith(b"VALUE"); assert cs[i][1].readline()==b"v%d.%d\r\n"%(i,r); assert cs[i][1].readline()==b"END\r\n"; assert cs[i][1].readline().strip().isdigit()
    except Exception as e: err.append(repr(e))
ts=[threading.Thread(target=work,args=(i*25,i*25+25)) for i in range(8)]
[t.start() for t in ts];[t.join() for t in ts]; assert not err,err[0]
s.sendall(b"get n\r\n"); f.readline(); assert f.readline()==b"2040\r\n"; f.readline()
s.sendall(b"stats\r\n"); st={}
while True:
    l=f.readline()
    if l==b"END\r\n":break
    st[l.split()[1]]=l.split()[2]
assert int(st[b"curr_connections"])>=201 and st[b"threads"]==b"4",(st[b"curr_connections"],st[b"threads"])
for c in cs: c[1].close();c[0].close()
left=t_e+3.5-time.time()               # expiry uses memcached's clock timer event
if left>0: time.sleep(left)
assert cmd(b"get e\r\n")==b"END\r\n","expiry"
s.sendall(b"stats\r\n"); st2={}
while True:
    l=f.readline()
    if l==b"END\r\n":break
    st2[l.split()[1]]=l.split()[2]
assert int(st2[b"curr_connections"])<10,"connections not closed: %s"%st2[b"curr_connections"]
assert int(st2[b"uptime"])>=3
print("libevent",st[b"libevent"].decode(),"ops",int(st2[b"cmd_get"])+int(st2[b"cmd_set"]))
PY
kill -TERM "$MC"; waitfor 5 bash -c "! kill -0 $MC" || fail "does not end on SIGTERM"
pass "$(tail -1 out); 200 connections, 3 MiB values, UDP, expiry, SIGTERM"
