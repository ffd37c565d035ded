/* Listeners. */
#include "bev_util.h"
#include <sys/resource.h>

static struct evconnlistener *l;
static int got, cli[64], ncli;
static void on_accept(struct evconnlistener *x, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	(void)x;
	SAY("%s accepted, family %s, length %d, %s, %s\n", (char *)arg, a->sa_family == AF_INET ? "inet" : a->sa_family == AF_INET6 ? "inet6" : a->sa_family == AF_UNIX ? "unix" : "?", len,
	    fcntl(fd, F_GETFL) & O_NONBLOCK ? "nonblocking" : "blocking", fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "inherited");
	got++;
	close(fd);
}
static void on_error(struct evconnlistener *x, void *arg)
{
	(void)x;
	SAY("%s error: %s\n", (char *)arg, EVUTIL_SOCKET_ERROR() == EMFILE ? "too many files" : "other");
}
static struct sockaddr_in loop_addr(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}
static void where(struct sockaddr_in *a)
{
	socklen_t n = sizeof *a;
	getsockname(evconnlistener_get_fd(l), (struct sockaddr *)a, &n);
}
static void dial(void)
{
	struct sockaddr_in a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	where(&a);
	connect(fd, (struct sockaddr *)&a, sizeof a);
	cli[ncli++] = fd;
}
static void start(unsigned flags, int backlog)
{
	struct sockaddr_in a = loop_addr();
	base = event_base_new();
	l = evconnlistener_new_bind(base, on_accept, "l", flags, backlog, (struct sockaddr *)&a, sizeof a);
	CHECK(l != NULL);
}
static int opt(int name)
{
	int v = -1;
	socklen_t n = sizeof v;
	getsockopt(evconnlistener_get_fd(l), SOL_SOCKET, name, &v, &n);
	return v;
}

CASE(plain)
{
	start(0, -1);
	CHECK(evconnlistener_get_base(l) == base);
	CHECK(evconnlistener_get_fd(l) >= 0);
	SAY("accepting %d, keepalive %d, reuse %d\n", opt(SO_ACCEPTCONN), opt(SO_KEEPALIVE), opt(SO_REUSEADDR));
	CHECK(fcntl(evconnlistener_get_fd(l), F_GETFL) & O_NONBLOCK);
	SAY("cloexec %d\n", fcntl(evconnlistener_get_fd(l), F_GETFD) & FD_CLOEXEC);
	dial();
	run_ms(10);
	SAY("got %d\n", got);
	{
		int fd = evconnlistener_get_fd(l);
		evconnlistener_free(l);
		SAY("open after free %d\n", alive(fd));
	}
	event_base_free(base);
}
CASE(close_on_free)
{
	int fd;
	start(LEV_OPT_CLOSE_ON_FREE, -1);
	fd = evconnlistener_get_fd(l);
	evconnlistener_free(l);
	SAY("open after free %d\n", alive(fd));
	event_base_free(base);
}
CASE(leave_blocking)
{
	start(LEV_OPT_LEAVE_SOCKETS_BLOCKING, -1);
	dial();
	run_ms(10);
}
CASE(close_on_exec)
{
	start(LEV_OPT_CLOSE_ON_EXEC, -1);
	SAY("cloexec %d\n", fcntl(evconnlistener_get_fd(l), F_GETFD) & FD_CLOEXEC);
	dial();
	run_ms(10);
}
CASE(reuseable)
{
	start(LEV_OPT_REUSEABLE, -1);
	SAY("reuse %d reuseport %d\n", opt(SO_REUSEADDR), opt(SO_REUSEPORT));
}
CASE(reuseable_port)
{
	struct sockaddr_in a;
	struct evconnlistener *m;
	start(LEV_OPT_REUSEABLE_PORT, -1);
	SAY("reuse %d reuseport %d\n", opt(SO_REUSEADDR), opt(SO_REUSEPORT));
	where(&a);
	m = evconnlistener_new_bind(base, on_accept, "m", LEV_OPT_REUSEABLE_PORT, -1, (struct sockaddr *)&a, sizeof a);
	CHECK(m != NULL);
}
CASE(address_in_use)
{
	struct sockaddr_in a;
	start(0, -1);
	where(&a);
	CHECK(evconnlistener_new_bind(base, on_accept, "m", 0, -1, (struct sockaddr *)&a, sizeof a) == NULL);
	CHECK(errno == EADDRINUSE);
}
CASE(disabled_then_enabled)
{
	start(LEV_OPT_DISABLED, -1);
	SAY("accepting %d\n", opt(SO_ACCEPTCONN));
	dial();
	run_ms(10);
	SAY("got %d\n", got);
	SAY("enable %d\n", evconnlistener_enable(l));
	run_ms(10);
	SAY("got %d\n", got);
	SAY("disable %d\n", evconnlistener_disable(l));
	dial();
	run_ms(10);
	SAY("got %d\n", got);
	SAY("disable %d enable %d enable %d\n", evconnlistener_disable(l), evconnlistener_enable(l), evconnlistener_enable(l));
	run_ms(10);
	SAY("got %d\n", got);
}
CASE(null_callback)
{
	struct sockaddr_in a = loop_addr();
	base = event_base_new();
	l = evconnlistener_new_bind(base, NULL, NULL, 0, -1, (struct sockaddr *)&a, sizeof a);
	CHECK(l != NULL);
	dial();
	run_ms(10);
	SAY("loop without events %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	evconnlistener_set_cb(l, on_accept, "set");
	run_ms(10);
	SAY("got %d\n", got);
}
CASE(set_cb_null_then_back)
{
	start(0, -1);
	evconnlistener_set_cb(l, NULL, NULL);
	dial();
	evconnlistener_set_cb(l, on_accept, "back");
	run_ms(10);
	SAY("got %d\n", got);
}
CASE(backlog_zero_on_listening_socket)
{
	struct sockaddr_in a;
	int fd = listen_tcp(&a);
	base = event_base_new();
	l = evconnlistener_new(base, on_accept, "l", LEV_OPT_CLOSE_ON_FREE, 0, fd);
	CHECK(l != NULL && evconnlistener_get_fd(l) == fd);
	dial();
	run_ms(10);
	evconnlistener_free(l);
	SAY("open %d\n", alive(fd));
}
CASE(backlog_on_bound_socket)
{
	struct sockaddr_in a = loop_addr();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	base = event_base_new();
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
	l = evconnlistener_new(base, on_accept, "l", 0, 5, fd);
	CHECK(l != NULL);
	SAY("accepting %d\n", opt(SO_ACCEPTCONN));
	dial();
	run_ms(10);
}
CASE(bind_needs_a_backlog)
{
	struct sockaddr_in a = loop_addr();
	base = event_base_new();
	CHECK(evconnlistener_new_bind(base, on_accept, "l", 0, 0, (struct sockaddr *)&a, sizeof a) == NULL);
	CHECK(evconnlistener_new(base, on_accept, "l", 0, -1, -1) == NULL);
	{
		int fd = open("/dev/null", O_RDWR);
		CHECK(evconnlistener_new(base, on_accept, "l", 0, -1, fd) == NULL);
		CHECK(alive(fd));
	}
}
CASE(any_port_without_address)
{
	base = event_base_new();
	CHECK(evconnlistener_new_bind(base, on_accept, "l", 0, -1, NULL, 0) == NULL);
}
CASE(ipv6)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	socklen_t n = sizeof a;
	int fd, v = -1, i;
	a.sin6_addr = in6addr_loopback;
	base = event_base_new();
	for (i = 0; i < 2; i++) {
		l = evconnlistener_new_bind(base, on_accept, "l", i ? LEV_OPT_BIND_IPV6ONLY : 0, -1, (struct sockaddr *)&a, sizeof a);
		if (!l) {
			SAY("no IPv6 here\n");
			return;
		}
		n = sizeof v;
		if (i) {
			getsockopt(evconnlistener_get_fd(l), IPPROTO_IPV6, IPV6_V6ONLY, &v, &n);
			SAY("v6only %d\n", v);
		}
		n = sizeof a;
		getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&a, &n);
		fd = socket(AF_INET6, SOCK_STREAM, 0);
		CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
		run_ms(10);
		a.sin6_port = 0;
	}
}
static int unix_listener(char *path, const char *name)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/evXXXXXX";
	if (!mkdtemp(dir))
		abort();
	snprintf(u.sun_path, sizeof u.sun_path, "%s/s", dir);
	strcpy(path, u.sun_path);
	base = event_base_new();
	l = evconnlistener_new_bind(base, on_accept, (void *)name, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&u, sizeof u);
	CHECK(l != NULL);
	return 0;
}
static void rm(char *path)
{
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
}
CASE(unix_unnamed_peer)
{
	/* an unnamed peer's address is two bytes long */
	char path[128];
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	unix_listener(path, "l");
	strcpy(u.sun_path, path);
	CHECK(connect(fd, (struct sockaddr *)&u, sizeof u) == 0);
	run_ms(5);
	rm(path);
}
static void long_peer(struct evconnlistener *x, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	struct sockaddr_un *u = (struct sockaddr_un *)a;
	(void)x, (void)arg;
	SAY("length %d, first %d, last '%c'\n", len, u->sun_path[0], len > 100 ? ((char *)a)[109] : '-');
	close(fd);
}
/* CVE-2026-63388: the peer's address fills the whole of sockaddr_un. */
CASE(cve_2026_63388_unix_peer_address_of_110_bytes)
{
	char path[128];
	struct sockaddr_un u = { .sun_family = AF_UNIX }, me = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	unix_listener(path, "l");
	evconnlistener_set_cb(l, long_peer, NULL);
	memset(me.sun_path + 1, 'p', sizeof me.sun_path - 1);
	me.sun_path[sizeof me.sun_path - 1] = 'z';
	CHECK(bind(fd, (struct sockaddr *)&me, sizeof me) == 0);
	strcpy(u.sun_path, path);
	CHECK(connect(fd, (struct sockaddr *)&u, sizeof u) == 0);
	run_ms(5);
	rm(path);
}
CASE(burst_in_one_wake_up)
{
	int i;
	start(0, -1);
	evconnlistener_set_cb(l, on_accept, "burst");
	for (i = 0; i < 20; i++)
		dial();
	poll(NULL, 0, 20);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("got %d\n", got);
}
static void free_in_cb(struct evconnlistener *x, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	(void)a, (void)len;
	SAY("%s accepted, frees the listener\n", (char *)arg);
	close(fd);
	evconnlistener_free(x);
}
CASE(free_in_callback)
{
	int i, fd;
	start(LEV_OPT_CLOSE_ON_FREE, -1);
	fd = evconnlistener_get_fd(l);
	evconnlistener_set_cb(l, free_in_cb, "l");
	for (i = 0; i < 5; i++)
		dial();
	run_ms(10);
	SAY("open %d\n", alive(fd));
	event_base_free(base);
}
static void disable_in_cb(struct evconnlistener *x, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	(void)a, (void)len, (void)arg;
	got++;
	close(fd);
	evconnlistener_disable(x);
}
CASE(disable_in_callback)
{
	int i;
	start(0, -1);
	evconnlistener_set_cb(l, disable_in_cb, NULL);
	for (i = 0; i < 5; i++)
		dial();
	run_ms(10);
	SAY("got %d\n", got);
	evconnlistener_enable(l);
	run_ms(10);
	SAY("got %d\n", got);
}
static void null_in_cb(struct evconnlistener *x, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	(void)a, (void)len, (void)arg;
	got++;
	close(fd);
	evconnlistener_set_cb(x, NULL, NULL);
}
CASE(set_cb_null_in_callback)
{
	int i;
	start(0, -1);
	evconnlistener_set_cb(l, null_in_cb, NULL);
	for (i = 0; i < 5; i++)
		dial();
	run_ms(10);
	SAY("got %d\n", got);
	evconnlistener_set_cb(l, on_accept, "again");
	run_ms(10);
	SAY("got %d\n", got);
}
static int hold[2000], nhold;
static void error_once(struct evconnlistener *x, void *arg)
{
	on_error(x, arg);
	evconnlistener_disable(x);
}
CASE(out_of_descriptors_and_back)
{
	struct rlimit r;
	int fd;
	start(0, -1);
	evconnlistener_set_error_cb(l, error_once);
	dial();
	dial();
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &r);
	while ((fd = dup(0)) >= 0)
		hold[nhold++] = fd;
	run_ms(15);
	SAY("got %d\n", got);
	while (nhold)
		close(hold[--nhold]);
	evconnlistener_enable(l);
	run_ms(15);
	SAY("got %d\n", got);
}
static void error_free(struct evconnlistener *x, void *arg)
{
	on_error(x, arg);
	evconnlistener_free(x);
}
CASE(free_in_error_callback)
{
	struct rlimit r;
	int fd, lfd;
	start(LEV_OPT_CLOSE_ON_FREE, -1);
	lfd = evconnlistener_get_fd(l);
	evconnlistener_set_error_cb(l, error_free);
	dial();
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &r);
	while ((fd = dup(0)) >= 0)
		hold[nhold++] = fd;
	run_ms(15);
	while (nhold)
		close(hold[--nhold]);
	SAY("open %d\n", alive(lfd));
}
CASE(deferred_accept)
{
	start(LEV_OPT_DEFERRED_ACCEPT, -1);
	dial();
	run_ms(20);
	SAY("got %d\n", got);
	put(cli[0], "x");
	run_ms(20);
	SAY("got %d\n", got);
}
CASE(threadsafe)
{
	evthread_use_pthreads();
	start(LEV_OPT_THREADSAFE | LEV_OPT_CLOSE_ON_FREE, -1);
	dial();
	run_ms(10);
	evconnlistener_free(l);
	event_base_free(base);
}
static void serve(struct evconnlistener *x, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	struct bufferevent *b = bufferevent_socket_new(evconnlistener_get_base(x), fd, BEV_OPT_CLOSE_ON_FREE);
	(void)a, (void)len, (void)arg;
	bufferevent_setcb(b, echo_read, NULL, free_event, "server");
	bufferevent_enable(b, EV_READ | EV_WRITE);
}
CASE(echo_server)
{
	struct sockaddr_in a;
	struct bufferevent *c;
	start(LEV_OPT_CLOSE_ON_FREE, -1);
	evconnlistener_set_cb(l, serve, NULL);
	where(&a);
	c = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c, drain_read, NULL, log_event, "client");
	bufferevent_enable(c, EV_READ);
	bufferevent_write(c, "hello", 5);
	bufferevent_socket_connect(c, (struct sockaddr *)&a, sizeof a);
	run_ms(20);
	bufferevent_free(c);
	run_ms(20);
	evconnlistener_free(l);
	event_base_free(base);
}
/* As libevent 2.2: a local socket has no port to share. */
CASE(reuseable_port_of_a_local_socket)
{
	char path[128];
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	struct evconnlistener *m;
	base = event_base_new();
	snprintf(path, sizeof path, "/tmp/case-reuse-%d", (int)getpid());
	strcpy(u.sun_path, path);
	m = evconnlistener_new_bind(base, NULL, NULL, LEV_OPT_REUSEABLE_PORT | LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&u, sizeof u);
	SAY("made %d\n", m != NULL);
	if (m)
		evconnlistener_free(m);
	unlink(path);
	event_base_free(base);
}
