#!/bin/bash
# python3-gevent with its libev loop (libev.so.4): echo with 500 greenlets, timers, signal, child, async, stat, idle, prepare watchers
NAME=gevent; LIBS="libev.so.4"
. "$(dirname "$0")/../../../libevent/tests/clients/common.sh"
$PY -c 'import gevent.libev.corecext' 2>/dev/null || fail "not installed: python3-gevent"
cat > t.py <<'P'
import os,signal,sys,time,tempfile
from gevent import monkey; monkey.patch_all()
import gevent,gevent.event,gevent.pool,gevent.queue,gevent.select,gevent.server,gevent.socket as gs,gevent.subprocess as sp,gevent.threadpool,gevent.pywsgi,socket,threading,urllib.request
h=gevent.get_hub(); assert "corecext" in str(type(h.loop)) or "libev" in str(type(h.loop)),h.loop
open("ready","w").write("x"); t00=time.time()
while not os.path.exists("go"):
    gevent.sleep(0.05); assert time.time()-t00<10
from gevent.libev import corecext
info=[corecext.get_version(),h.loop.backend]
# echo: 500 clients together
srv=gevent.server.StreamServer(("127.0.0.1",0),lambda s,a:[s.sendall(d) for d in iter(lambda:s.recv(65536),b"")],backlog=600); srv.start()
def client(i):
    s=gs.create_connection(("127.0.0.1",srv.server_port)); f=s.makefile("rb"); n=0
    for r in range(10): m=b"%d.%d\n"%(i,r); s.sendall(m); assert f.readline()==m; n+=1; gevent.sleep(0)
    s.close(); return n
g=[gevent.spawn(client,i) for i in range(500)]; gevent.joinall(g,timeout=25,raise_error=True); assert sum(x.value for x in g)==5000
big=os.urandom(4<<20); s=gs.create_connection(("127.0.0.1",srv.server_port)); w=gevent.spawn(s.sendall,big); got=b""
while len(got)<len(big): got+=s.recv(1<<20)
assert got==big; s.close(); srv.stop()
# timers: order and length
out=[]; t0=time.time()
for k in (5,3,1,4,2): gevent.spawn_later(k*0.06,out.append,k)
gevent.sleep(0.45); assert out==[1,2,3,4,5],out
t0=time.time(); gevent.joinall([gevent.spawn(gevent.sleep,0.3) for _ in range(2000)]); d=time.time()-t0; assert 0.29<d<2,d
try:
    with gevent.Timeout(0.1): gevent.sleep(5)
    assert 0,"Timeout"
except gevent.Timeout: pass
tm=h.loop.timer(0.05,0.05); c=[0]
def tick():
    c[0]+=1
    if c[0]==4: tm.stop()
tm.start(tick); gevent.sleep(0.5); assert c[0]==4,c; tm.close()
# timer again()
tm=h.loop.timer(0.2,0.2); fired=[]; tm.start(lambda:fired.append(1))
for _ in range(4): gevent.sleep(0.1); tm.again(lambda:fired.append(1))
assert not fired; gevent.sleep(0.3); assert len(fired)==1,fired; tm.stop(); tm.close()
# signals
e=gevent.event.Event(); x=gevent.signal_handler(signal.SIGUSR1,e.set); gevent.spawn_later(0.05,os.kill,os.getpid(),signal.SIGUSR1); assert e.wait(2),"signal"; x.cancel()
# child watchers
ps=[sp.Popen(["sh","-c","sleep 0.%d; exit %d"%(i%4,i)]) for i in range(12)]; assert [p.wait(timeout=8) for p in ps]==list(range(12))
assert sp.check_output("seq 50000 | tail -1",shell=True)==b"50000\n"
pid=gevent.os.fork_and_watch() if hasattr(gevent,"os") else 0
if pid==0 and hasattr(gevent,"os"):
    gevent.sleep(0.05); os._exit(7)          # after fork: loop_fork in the child
if pid: r=gevent.os.waitpid(pid,0); assert r[1]>>8==7,r
# async from a thread, thread pool
a=h.loop.async_(); ev=gevent.event.Event(); a.start(ev.set); import gevent.monkey as gm
gm.get_original("_thread","start_new_thread")(lambda:(gm.get_original("time","sleep")(0.1),a.send()),()); assert ev.wait(3),"async"; a.stop(); a.close()
tp=gevent.threadpool.ThreadPool(4); assert tp.map(lambda v:v*v,range(50))==[v*v for v in range(50)]
# stat, idle, prepare, check, fork watchers
fn=tempfile.mktemp(dir="."); open(fn,"w").close(); st=h.loop.stat(fn,0.1); ev=gevent.event.Event(); st.start(ev.set); gevent.sleep(0.3); open(fn,"w").write("abc"); assert ev.wait(5),"stat"; st.stop(); st.close()
n={"p":0,"c":0,"i":0}
def inc(k): n[k]+=1
p=h.loop.prepare(); ck=h.loop.check(); idl=h.loop.idle(); p.start(inc,"p"); ck.start(inc,"c"); idl.start(inc,"i"); gevent.sleep(0.05); [z.stop() for z in (p,ck,idl)]; assert min(n.values())>5,n; [z.close() for z in (p,ck,idl)]
# io watcher on a pipe, select, poll
r,wfd=os.pipe(); io=h.loop.io(r,1); ev=gevent.event.Event(); io.start(ev.set); gevent.spawn_later(0.05,os.write,wfd,b"z"); assert ev.wait(2),"io"; io.stop(); io.close()
assert gevent.select.select([r],[],[],1)[0]==[r]; po=gevent.select.poll(); po.register(r,1); assert po.poll(500)
# queues, pools, events
q=gevent.queue.Queue(10); prod=gevent.spawn(lambda:[q.put(i) for i in range(5000)]); assert sum(q.get() for _ in range(5000))==sum(range(5000))
# web server and urllib through monkey patching
ws=gevent.pywsgi.WSGIServer(("127.0.0.1",0),lambda env,sr:(sr("200 OK",[("Content-Type","text/plain")]),[b"p"+env["PATH_INFO"].encode()])[1],log=None); ws.start()
pl=gevent.pool.Pool(20); assert pl.map(lambda i:urllib.request.urlopen("http://127.0.0.1:%d/%d"%(ws.server_port,i),timeout=8).read(),range(100))==[b"p/%d"%i for i in range(100)]; ws.stop()
# the other backends, each in its own loop
used=[]
for b in corecext.supported_backends():
    try: l=corecext.loop(flags=[b],default=False)
    except Exception: continue
    r2,w2=os.pipe(); hit=[]; i2=l.io(r2,1); i2.start(lambda:(os.read(r2,1),hit.append("io"),i2.stop())); t2=l.timer(0.05); t2.start(lambda:(hit.append("t"),os.write(w2,b"q"))); l.run(); assert hit==["t","io"],(b,hit); used.append(l.backend); l.destroy()
if h.loop.pendingcnt: pass
print(info[0],"default",info[1],"backends run:",",".join(map(str,used)))
P
start out $PY t.py; G=$PID; waitfor 10 test -e ready || fail "start: $(tail -1 out)"; mapped "$G"; touch go
waitfor 35 bash -c "! kill -0 $G" || fail "hangs"; wait "$G" || fail "$(tail -1 out)"
pass "$(tail -1 out); 500 greenlets, timers, signal, 12 children, fork, async, stat, idle, WSGI"
