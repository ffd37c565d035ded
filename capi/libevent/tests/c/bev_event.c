/* Socket bufferevents: end of file, errors, connecting, deferred callbacks, triggers, flush. */
#include "bev_util.h"
#include <netdb.h>

static int sv[2];
static struct bufferevent *b;
static void start(int options)
{
	base = event_base_new();
	pair_of(sv);
	b = logged(sv[0], options, "b");
}
static void err_event(struct bufferevent *x, short what, void *arg)
{
	int e = EVUTIL_SOCKET_ERROR();
	(void)x;
	SAY("%s event:%s, %s\n", (char *)arg, what_name(what), e == ECONNREFUSED ? "refused" : e == ECONNRESET ? "reset" : e == EPIPE ? "pipe" : e == ENOENT ? "noent" : e == EBADF ? "badf" : e == EISDIR ? "isdir" : e == 0 ? "none" : "other");
}

CASE(eof)
{
	start(0);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "last");
	settle();
	close(sv[1]);
	settle();
	enabled("b", b);
	pending("b", b);
	SAY("in %zu\n", in_len(b));
	bufferevent_enable(b, EV_READ);
	settle();
}

CASE(eof_with_data_at_once)
{
	start(0);
	put(sv[1], "last");
	close(sv[1]);
	bufferevent_enable(b, EV_READ);
	settle();
	SAY("in %zu\n", in_len(b));
}

CASE(half_close_then_write)
{
	start(0);
	shutdown(sv[1], SHUT_WR);
	bufferevent_enable(b, EV_READ);
	settle();
	enabled("b", b);
	bufferevent_write(b, "still", 5);
	settle();
	get("peer", sv[1]);
}

CASE(eof_below_low_watermark)
{
	start(0);
	bufferevent_setwatermark(b, EV_READ, 10, 0);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	close(sv[1]);
	settle();
	SAY("in %zu\n", in_len(b));
}

CASE(eof_without_event_callback)
{
	start(0);
	bufferevent_setcb(b, log_read, NULL, NULL, "b");
	bufferevent_enable(b, EV_READ);
	close(sv[1]);
	settle();
	enabled("b", b);
}

CASE(write_to_closed_peer)
{
	signal(SIGPIPE, SIG_IGN);
	start(0);
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	close(sv[1]);
	bufferevent_write(b, "lost", 4);
	settle();
	enabled("b", b);
	pending("b", b);
	SAY("out %zu\n", out_len(b));
}

CASE(write_error_leaves_reading)
{
	signal(SIGPIPE, SIG_IGN);
	start(0);
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	put(sv[1], "bye");
	shutdown(sv[1], SHUT_RD);
	bufferevent_write(b, "lost", 4);
	settle();
	enabled("b", b);
	bufferevent_enable(b, EV_READ);
	settle();
}

CASE(reset)
{
	struct sockaddr_in a;
	struct linger l = { 1, 0 };
	int lfd, c, s;
	base = event_base_new();
	lfd = listen_tcp(&a);
	c = socket(AF_INET, SOCK_STREAM, 0);
	connect(c, (struct sockaddr *)&a, sizeof a);
	s = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
	b = logged(s, 0, "b");
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	bufferevent_enable(b, EV_READ);
	setsockopt(c, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	close(c);
	run_ms(20);
	enabled("b", b);
}

CASE(read_error_on_directory)
{
	/* not a socket: the read fails at once */
	base = event_base_new();
	b = logged(-1, 0, "b");
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	bufferevent_enable(b, EV_READ);
	settle();
	enabled("b", b);
}

CASE(connect_tcp)
{
	struct sockaddr_in a;
	int lfd, s;
	base = event_base_new();
	lfd = listen_tcp(&a);
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	CHECK(bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a) == 0);
	CHECK(bufferevent_getfd(b) >= 0);
	CHECK(fcntl(bufferevent_getfd(b), F_GETFL) & O_NONBLOCK);
	enabled("b", b);
	pending("b", b);
	run_ms(10);
	pending("b", b);
	s = accept(lfd, NULL, NULL);
	bufferevent_write(b, "hi", 2);
	run_ms(10);
	get("peer", s);
	bufferevent_enable(b, EV_READ);
	put(s, "back");
	run_ms(10);
}

CASE(connect_tcp_with_data_queued)
{
	struct sockaddr_in a;
	int lfd, s;
	base = event_base_new();
	lfd = listen_tcp(&a);
	b = logged(-1, 0, "b");
	bufferevent_write(b, "early", 5);
	CHECK(bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a) == 0);
	bufferevent_write(b, "more", 4);
	run_ms(15);
	s = accept(lfd, NULL, NULL);
	get("peer", s);
}

CASE(connect_with_write_disabled)
{
	struct sockaddr_in a;
	int lfd, s;
	base = event_base_new();
	lfd = listen_tcp(&a);
	b = logged(-1, 0, "b");
	bufferevent_disable(b, EV_WRITE);
	bufferevent_write(b, "early", 5);
	CHECK(bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a) == 0);
	run_ms(15);
	pending("b", b);
	s = accept(lfd, NULL, NULL);
	get("peer", s);
	bufferevent_enable(b, EV_WRITE);
	run_ms(15);
	get("peer", s);
}

CASE(connect_refused)
{
	struct sockaddr_in a;
	base = event_base_new();
	dead_tcp(&a);
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	SAY("connect %d\n", bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a));
	run_ms(15);
	enabled("b", b);
	pending("b", b);
}

CASE(connect_refused_while_reading)
{
	struct sockaddr_in a;
	base = event_base_new();
	dead_tcp(&a);
	b = logged(-1, 0, "b");
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	bufferevent_enable(b, EV_READ | EV_WRITE);
	bufferevent_write(b, "x", 1);
	SAY("connect %d\n", bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a));
	run_ms(15);
	enabled("b", b);
}

CASE(connect_unix)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/evXXXXXX";
	int lfd, s;
	if (!mkdtemp(dir))
		abort();
	snprintf(u.sun_path, sizeof u.sun_path, "%s/s", dir);
	base = event_base_new();
	lfd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(bind(lfd, (struct sockaddr *)&u, sizeof u) == 0 && listen(lfd, 4) == 0);
	b = logged(-1, 0, "b");
	CHECK(bufferevent_socket_connect(b, (struct sockaddr *)&u, sizeof u) == 0);
	SAY("connect returned\n");
	pending("b", b);
	run_ms(10);
	s = accept(lfd, NULL, NULL);
	bufferevent_write(b, "local", 5);
	run_ms(5);
	get("peer", s);
	unlink(u.sun_path);
	rmdir(dir);
}

CASE(connect_unix_missing)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	base = event_base_new();
	strcpy(u.sun_path, "/nonexistent/socket");
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	SAY("connect %d\n", bufferevent_socket_connect(b, (struct sockaddr *)&u, sizeof u));
	run_ms(10);
}

CASE(connect_null_address)
{
	struct sockaddr_in a;
	int lfd, c, s;
	base = event_base_new();
	lfd = listen_tcp(&a);
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect(c, (struct sockaddr *)&a, sizeof a);
	b = logged(c, 0, "b");
	SAY("connect %d\n", bufferevent_socket_connect(b, NULL, 0));
	run_ms(10);
	s = accept(lfd, NULL, NULL);
	CHECK(s >= 0);
	bufferevent_free(b);
	b = logged(-1, 0, "c");
	SAY("without a descriptor: %d\n", bufferevent_socket_connect(b, NULL, 0));
}

CASE(connect_given_socket)
{
	struct sockaddr_in a;
	int lfd, c;
	base = event_base_new();
	lfd = listen_tcp(&a);
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	b = logged(c, 0, "b");
	CHECK(bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a) == 0);
	CHECK(bufferevent_getfd(b) == c);
	run_ms(10);
	CHECK(accept(lfd, NULL, NULL) >= 0);
}

CASE(connect_in_progress_without_connect_call)
{
	/* the 1.x way: the write callback says that the connection is made */
	struct sockaddr_in a;
	int lfd, c;
	base = event_base_new();
	lfd = listen_tcp(&a);
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect(c, (struct sockaddr *)&a, sizeof a);
	b = logged(c, 0, "b");
	bufferevent_enable(b, EV_WRITE);
	run_ms(10);
	CHECK(accept(lfd, NULL, NULL) >= 0);
}

CASE(connect_free_in_connected)
{
	struct sockaddr_in a;
	int lfd;
	base = event_base_new();
	lfd = listen_tcp(&a);
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	bufferevent_setcb(b, log_read, log_write, free_event, "b");
	bufferevent_enable(b, EV_READ);
	bufferevent_write(b, "x", 1);
	bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a);
	run_ms(10);
	close(lfd);
	event_base_free(base);
}

CASE(connect_hostname_literal)
{
	struct sockaddr_in a;
	int lfd, i;
	const char *names[] = { "127.0.0.1", "localhost" };
	base = event_base_new();
	lfd = listen_tcp(&a);
	for (i = 0; i < 2; i++) {
		b = logged(-1, BEV_OPT_CLOSE_ON_FREE, names[i]);
		SAY("connect %d\n", bufferevent_socket_connect_hostname(b, NULL, AF_INET, names[i], ntohs(a.sin_port)));
		run_ms(20);
		SAY("dns error %d\n", bufferevent_socket_get_dns_error(b));
		CHECK(accept(lfd, NULL, NULL) >= 0);
	}
}

CASE(connect_hostname_bad)
{
	base = event_base_new();
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	bufferevent_setcb(b, log_read, log_write, log_event, "b");
	SAY("connect %d\n", bufferevent_socket_connect_hostname(b, NULL, AF_INET, "999.1.2.3.invalid.", 80));
	CHECK(bufferevent_socket_get_dns_error(b) != 0);
	run_ms(10);
	SAY("family %d\n", bufferevent_socket_connect_hostname(b, NULL, AF_UNIX, "127.0.0.1", 80));
	SAY("port %d\n", bufferevent_socket_connect_hostname(b, NULL, AF_INET, "127.0.0.1", 70000));
	SAY("port %d\n", bufferevent_socket_connect_hostname(b, NULL, AF_INET, "127.0.0.1", 0));
	SAY("port %d\n", bufferevent_socket_connect_hostname(b, NULL, AF_INET, "127.0.0.1", -1));
	run_ms(10);
}

CASE(connect_timeout)
{
	/* a full backlog never answers; the write timeout ends the attempt */
	struct sockaddr_in a;
	struct sockaddr_in big = { .sin_family = AF_INET };
	int i, lfd = listen_tcp(&a);
	big = a;
	listen(lfd, 0);
	for (i = 0; i < 4; i++)
		connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&big, sizeof big);
	base = event_base_new();
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	bufferevent_setcb(b, log_read, log_write, free_event, "b");
	bufferevent_set_timeouts(b, ms(30), ms(30));
	SAY("connect %d\n", bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a));
	run_ms(90);
}

CASE(deferred_callbacks)
{
	start(BEV_OPT_DEFER_CALLBACKS);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	bufferevent_write(b, "xyz", 3);
	settle();
	close(sv[1]);
	settle();
}

CASE(deferred_several_at_once)
{
	start(BEV_OPT_DEFER_CALLBACKS);
	bufferevent_enable(b, EV_READ);
	bufferevent_trigger_event(b, BEV_EVENT_CONNECTED, 0);
	bufferevent_trigger_event(b, BEV_EVENT_EOF | BEV_EVENT_READING, 0);
	bufferevent_trigger(b, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
	SAY("nothing yet\n");
	settle();
	SAY("again\n");
	bufferevent_trigger(b, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
	bufferevent_trigger(b, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
	bufferevent_trigger_event(b, BEV_EVENT_ERROR | BEV_EVENT_READING, 0);
	bufferevent_trigger_event(b, BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING, 0);
	settle();
}

CASE(deferred_freed_before_run)
{
	start(BEV_OPT_DEFER_CALLBACKS);
	bufferevent_trigger(b, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
	bufferevent_free(b);
	settle();
	SAY("quiet\n");
}

CASE(deferred_setcb_before_run)
{
	start(BEV_OPT_DEFER_CALLBACKS);
	bufferevent_trigger(b, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
	bufferevent_setcb(b, log_read, log_write, log_event, "later");
	settle();
}

CASE(deferred_error_number)
{
	struct sockaddr_in a;
	base = event_base_new();
	dead_tcp(&a);
	b = logged(-1, BEV_OPT_DEFER_CALLBACKS, "b");
	bufferevent_setcb(b, log_read, log_write, err_event, "b");
	bufferevent_socket_connect(b, (struct sockaddr *)&a, sizeof a);
	run_ms(15);
}

CASE(trigger_direct)
{
	start(0);
	bufferevent_trigger(b, EV_READ, 0);
	bufferevent_trigger(b, EV_WRITE, 0);
	bufferevent_setwatermark(b, EV_READ, 1, 0);
	bufferevent_trigger(b, EV_READ, 0);
	SAY("ignore\n");
	bufferevent_trigger(b, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
	SAY("defer\n");
	bufferevent_trigger(b, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	SAY("not yet\n");
	settle();
	bufferevent_disable(b, EV_WRITE);
	bufferevent_write(b, "x", 1);
	bufferevent_trigger(b, EV_WRITE, 0);
	SAY("above the low mark: nothing\n");
	bufferevent_setwatermark(b, EV_WRITE, 1, 0);
	bufferevent_trigger(b, EV_WRITE, 0);
}

CASE(trigger_event_direct)
{
	start(0);
	bufferevent_trigger_event(b, BEV_EVENT_EOF | BEV_EVENT_READING, 0);
	bufferevent_trigger_event(b, BEV_EVENT_TIMEOUT, BEV_TRIG_DEFER_CALLBACKS);
	SAY("not yet\n");
	settle();
	enabled("b", b);
}

static void log_bits(struct bufferevent *x, short what, void *arg)
{
	(void)x, (void)arg;
	SAY("event 0x%x\n", (unsigned)what & 0xffff);
}
/* A program's own bits reach its callback. */
CASE(trigger_event_with_any_bits)
{
	start(0);
	bufferevent_setcb(b, NULL, NULL, log_bits, NULL);
	bufferevent_trigger_event(b, 0x100, 0);
	bufferevent_trigger_event(b, 0x1200, 0);
	bufferevent_trigger_event(b, (short)~0, 0);
	bufferevent_trigger_event(b, 0x4300, BEV_TRIG_DEFER_CALLBACKS);
	SAY("not yet\n");
	settle();
}
CASE(flush_socket)
{
	int m;
	start(0);
	bufferevent_write(b, "data", 4);
	for (m = BEV_NORMAL; m <= BEV_FINISHED; m++)
		SAY("%d %d %d\n", bufferevent_flush(b, EV_READ, m), bufferevent_flush(b, EV_WRITE, m), bufferevent_flush(b, EV_READ | EV_WRITE, m));
	SAY("out %zu\n", out_len(b));
	settle();
}

CASE(unlocked_callbacks)
{
	evthread_use_pthreads();
	start(BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
	bufferevent_setcb(b, drain_read, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	bufferevent_write(b, "xyz", 3);
	settle();
	get("peer", sv[1]);
	close(sv[1]);
	settle();
	bufferevent_free(b);
	settle();
}

CASE(replaced_inside_event_callback)
{
	start(0);
	bufferevent_enable(b, EV_READ);
	bufferevent_setcb(b, drain_read, log_write, free_event, "b");
	put(sv[1], "abc");
	close(sv[1]);
	settle();
	SAY("done\n");
}

CASE(urgent_closed_fd_in_event_callback)
{
	start(0);
	bufferevent_enable(b, EV_READ);
	settle();
	close(sv[1]);
	bufferevent_setcb(b, NULL, NULL, free_event, "b");
	settle();
	close(sv[0]);
	settle();
}
