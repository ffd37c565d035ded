/* Streams and listeners: the functions of libevent 2.2, and what the original does not survive. */
#include "bev_util.h"
#include <netdb.h>

static int sv[2];
static struct bufferevent *b;
int bufferevent_replacefd(struct bufferevent *, evutil_socket_t);
struct evdns_base;
int bufferevent_socket_connect_hostname_hints(struct bufferevent *, struct evdns_base *, const struct evutil_addrinfo *, const char *, int);
#ifndef LEV_OPT_BIND_IPV4_AND_IPV6
#define LEV_OPT_BIND_IPV4_AND_IPV6 (1u << 9)
#endif
static void start(int options)
{
	base = event_base_new();
	pair_of(sv);
	b = logged(sv[0], options, "b");
}

CASE(replacefd_closes_what_it_owns)
{
	int s2[2];
	start(BEV_OPT_CLOSE_ON_FREE);
	pair_of(s2);
	bufferevent_enable(b, EV_READ);
	SAY("%d\n", bufferevent_replacefd(b, s2[0]));
	CHECK(!alive(sv[0]) && bufferevent_getfd(b) == s2[0]);
	put(s2[1], "new");
	settle();
	bufferevent_free(b);
	settle();
	CHECK(!alive(s2[0]));
}
CASE(replacefd_leaves_what_it_does_not_own)
{
	int s2[2];
	start(0);
	pair_of(s2);
	SAY("%d\n", bufferevent_replacefd(b, s2[0]));
	CHECK(alive(sv[0]) && alive(s2[0]));
	SAY("%d\n", bufferevent_replacefd(b, s2[0]));
	CHECK(alive(s2[0]));
	SAY("%d\n", bufferevent_replacefd(b, -1));
	CHECK(bufferevent_getfd(b) == -1);
}
CASE(connect_hostname_hints)
{
	struct sockaddr_in a;
	struct evutil_addrinfo hints;
	int lfd = listen_tcp(&a);
	base = event_base_new();
	memset(&hints, 0, sizeof hints);
	hints.ai_family = AF_INET;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST;
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	SAY("%d\n", bufferevent_socket_connect_hostname_hints(b, NULL, &hints, "127.0.0.1", ntohs(a.sin_port)));
	run_ms(15);
	CHECK(accept(lfd, NULL, NULL) >= 0);
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "c");
	SAY("%d\n", bufferevent_socket_connect_hostname_hints(b, NULL, &hints, "localhost", ntohs(a.sin_port)));
	CHECK(bufferevent_socket_get_dns_error(b) == EAI_NONAME);
}
static void accepted(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	(void)l, (void)len, (void)arg;
	SAY("accepted %s\n", a->sa_family == AF_INET6 ? "inet6" : "other");
	close(fd);
}
CASE(listener_for_both_families)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	socklen_t n = sizeof a;
	struct evconnlistener *l;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	base = event_base_new();
	l = evconnlistener_new_bind(base, accepted, NULL, LEV_OPT_BIND_IPV4_AND_IPV6, -1, (struct sockaddr *)&a, sizeof a);
	if (!l) {
		SAY("no IPv6 here\n");
		return;
	}
	getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&a, &n);
	v4.sin_port = a.sin6_port;
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&v4, sizeof v4) == 0);
	run_ms(10);
}
CASE(bracketed_ipv6_name)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	base = event_base_new();
	a.sin6_addr = in6addr_loopback;
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 5)) {
		SAY("no IPv6 here\n");
		return;
	}
	getsockname(fd, (struct sockaddr *)&a, &n);
	b = logged(-1, BEV_OPT_CLOSE_ON_FREE, "b");
	SAY("%d\n", bufferevent_socket_connect_hostname(b, NULL, AF_UNSPEC, "[::1]", ntohs(a.sin6_port)));
	run_ms(10);
}
CASE(null_group_means_remove)
{
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(10, 10, 10, 10, NULL);
	struct bufferevent_rate_limit_group *g;
	start(0);
	g = bufferevent_rate_limit_group_new(base, cfg);
	SAY("%d", bufferevent_add_to_rate_limit_group(b, g));
	SAY(" %d", bufferevent_add_to_rate_limit_group(b, NULL));
	SAY(" %d\n", bufferevent_add_to_rate_limit_group(b, NULL));
	bufferevent_rate_limit_group_free(g);
	ev_token_bucket_cfg_free(cfg);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(lock_without_threads)
{
	start(BEV_OPT_THREADSAFE);
	bufferevent_lock(b);
	bufferevent_lock(b);
	bufferevent_unlock(b);
	bufferevent_unlock(b);
	bufferevent_free(b);
	event_base_free(base);
	SAY("done\n");
}
CASE(null_arguments)
{
	CHECK(bufferevent_enable(NULL, EV_READ) == -1);
	CHECK(bufferevent_write(NULL, "x", 1) == -1);
	CHECK(bufferevent_getfd(NULL) == -1);
	bufferevent_free(NULL);
	CHECK(bufferevent_get_input(NULL) == NULL);
	CHECK(evconnlistener_get_fd(NULL) == -1);
	evconnlistener_free(NULL);
	CHECK(bufferevent_filter_new(NULL, NULL, NULL, 0, NULL, NULL) == NULL);
}
CASE(full_reader_does_not_starve_the_loop)
{
	struct timeval tv = { 0, 20000 };
	start(0);
	bufferevent_setwatermark(b, EV_READ, 0, 4);
	bufferevent_setcb(b, once_read, NULL, NULL, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcdefgh");
	event_base_loopexit(base, &tv);
	SAY("loop %d\n", event_base_dispatch(base));
}
/* The original's nested filters copy data twice when a filter moves whole pieces. */
static enum bufferevent_filter_result move(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit, enum bufferevent_flush_mode mode, void *ctx)
{
	(void)limit, (void)mode, (void)ctx;
	if (!evbuffer_get_length(src))
		return BEV_NEED_MORE;
	evbuffer_remove_buffer(src, dst, 4);
	return BEV_OK;
}
CASE(nested_filters_lose_and_double_nothing)
{
	struct bufferevent *f, *g;
	start(0);
	f = bufferevent_filter_new(b, move, move, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	g = bufferevent_filter_new(f, move, move, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	bufferevent_setcb(g, drain_read, NULL, log_event, "g");
	bufferevent_enable(g, EV_READ);
	bufferevent_write(g, "0123456789abcdef", 16);
	put(sv[1], "0123456789");
	settle();
	get("peer", sv[1]);
	bufferevent_free(g);
	settle();
	event_base_free(base);
}
/* One read, one write and one wait for each message; a count of the callbacks says so without counting system calls. */
static int limit_left;
static void *no_malloc(size_t n) { return limit_left-- > 0 ? malloc(n) : NULL; }
static void *no_realloc(void *p, size_t n) { return limit_left-- > 0 ? realloc(p, n) : NULL; }
CASE(no_memory_for_a_bufferevent)
{
	int i;
	struct bufferevent *p[2] = { NULL, NULL };
	struct evconnlistener *l;
	event_set_mem_functions(no_malloc, no_realloc, free);
	limit_left = 1000;
	base = event_base_new();
	pair_of(sv);
	for (i = 0; i < 3; i++) {
		limit_left = i;
		b = bufferevent_socket_new(base, sv[0], 0);
		SAY("%d: socket %d", i, b != NULL);
		if (b)
			bufferevent_free(b);
		limit_left = i;
		SAY(" pair %d", bufferevent_pair_new(base, 0, p));
		if (p[0]) {
			bufferevent_free(p[0]);
			bufferevent_free(p[1]);
			p[0] = NULL;
		}
		limit_left = i;
		l = evconnlistener_new(base, accepted, NULL, 0, 0, sv[0]);
		SAY(" listener %d\n", l != NULL);
		if (l)
			evconnlistener_free(l);
	}
	limit_left = 1000000;
	settle();
}
