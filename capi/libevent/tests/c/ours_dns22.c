/* What libevent 2.2 added to evdns: TCP, the cache, the socket's number. And answers that differ from the original's. */
#include "dns_kit.h"
#include <event2/listener.h>
#include <event2/thread.h>

struct tcp {
	struct event_base *base;
	struct evdns_server_port *port;
	struct sockaddr_in at;
	int asked;
};

static void
on_request(struct evdns_server_request *req, void *arg)
{
	struct tcp *t = arg;
	unsigned char v4[4] = { 10, 0, 0, 9 };
	struct sockaddr_storage ss;
	int i;
	t->asked++;
	SAY("server: %s %d from %d\n", req->questions[0]->name, req->questions[0]->type,
	    evdns_server_request_get_requesting_addr(req, (struct sockaddr *)&ss, sizeof ss));
	for (i = 0; i < 100; i++)
		v4[3] = (unsigned char)i, evdns_server_request_add_a_reply(req, req->questions[0]->name, 1, v4, 60);
	evdns_server_request_respond(req, 0);
}

static void
tcp_open(struct tcp *t, struct event_base *base, int port)
{
	struct evconnlistener *l;
	socklen_t len = sizeof t->at;
	memset(t, 0, sizeof *t);
	t->base = base;
	t->at.sin_family = AF_INET;
	t->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	t->at.sin_port = htons((uint16_t)port);
	l = evconnlistener_new_bind(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1, (struct sockaddr *)&t->at, sizeof t->at);
	if (!l)
		abort();
	getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&t->at, &len);
	t->port = evdns_add_server_port_with_listener(base, l, 0, on_request, t);
	CHECK(t->port != NULL);
}

CASE(a_truncated_answer_is_had_over_tcp)
{
	struct kit k;
	struct tcp t;
	kit_open(&k, 0);
	tcp_open(&t, k.base, k.server.port);
	evdns_base_resolve_ipv4(k.dns, "tc.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_resolve_ipv4(k.dns, "tc.example", DNS_QUERY_IGNTC, kit_on_answer, NULL);
	kit_run(&k, 1);
	CHECK(evdns_base_set_option(k.dns, "ignore-tc", "1") == 0);
	evdns_base_resolve_ipv4(k.dns, "tc.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	SAY("over tcp %d\n", t.asked);
	evdns_close_server_port(t.port);
	kit_close(&k);
}

CASE(over_tcp_on_request)
{
	struct kit k;
	struct tcp t;
	int i;
	kit_open(&k, 0);
	tcp_open(&t, k.base, k.server.port);
	for (i = 0; i < 3; i++) {
		evdns_base_resolve_ipv4(k.dns, "a.example", DNS_QUERY_USEVC, kit_on_answer, NULL);
		kit_run(&k, 1);
	}
	CHECK(evdns_base_set_option(k.dns, "use-vc", "") == 0);
	CHECK(evdns_base_set_option(k.dns, "tcp-idle-timeout", "0.05") == 0);
	evdns_base_resolve_ipv4(k.dns, "b.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	SAY("udp %d tcp %d\n", k.server.asked, t.asked);
	evdns_close_server_port(t.port);
	kit_close(&k);
}

CASE(the_server_of_tcp_goes_away)
{
	struct kit k;
	struct tcp t;
	kit_open(&k, 0);
	tcp_open(&t, k.base, k.server.port);
	evdns_base_resolve_ipv4(k.dns, "a.example", DNS_QUERY_USEVC, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_close_server_port(t.port);
	evdns_base_resolve_ipv4(k.dns, "b.example", DNS_QUERY_USEVC, kit_on_answer, NULL);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(idle_clients_are_closed_and_many_refused)
{
	struct event_base *base = event_base_new();
	struct tcp t;
	struct timeval tv = { 1, 700000 };
	char c;
	int i, fd[3];
	tcp_open(&t, base, 0);
	CHECK(evdns_server_port_set_option(t.port, EVDNS_SOPT_TCP_MAX_CLIENTS, 2) == 0);
	CHECK(evdns_server_port_set_option(t.port, EVDNS_SOPT_TCP_IDLE_TIMEOUT, 1) == 0);
	CHECK(evdns_server_port_set_option(t.port, (enum evdns_server_option)9, 1) == -1);
	for (i = 0; i < 3; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd[i], (struct sockaddr *)&t.at, sizeof t.at))
			abort();
		evutil_make_socket_nonblocking(fd[i]);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	for (i = 0; i < 3; i++)
		SAY("%d %d\n", i, (int)recv(fd[i], &c, 1, 0));
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	for (i = 0; i < 3; i++) {
		SAY("%d %d\n", i, (int)recv(fd[i], &c, 1, 0));
		close(fd[i]);
	}
	evdns_close_server_port(t.port);
	event_base_free(base);
}

CASE(lists_are_kept_and_found)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_NO_CACHE);
	struct evutil_addrinfo hints, *list, *found;
	char name[] = "kept.example";
	struct kit k;
	memset(&k, 0, sizeof k);
	kit_now = &k;
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = EVUTIL_AI_NUMERICHOST;
	evutil_getaddrinfo("10.7.7.7", "80", &hints, &list);
	SAY("%d\n", evdns_cache_lookup(dns, name, &hints, 443, &found));
	CHECK(evdns_cache_write(dns, name, list, 60) == 0);
	evutil_freeaddrinfo(list);
	SAY("%d\n", evdns_cache_lookup(dns, "KEPT.example", &hints, 443, &found));
	kit_show_list(found);
	evutil_freeaddrinfo(found);
	hints.ai_family = AF_INET6;
	SAY("%d\n", evdns_cache_lookup(dns, name, &hints, 443, &found));
	hints.ai_family = AF_INET;
	hints.ai_flags = 0;
	SAY("%s\n", evdns_getaddrinfo(dns, name, "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	evdns_base_free(dns, 0);
	event_base_free(base);
}

CASE(the_socket_changes)
{
	struct kit k;
	int i, round;
	char name[32];
	struct sockaddr_in a, b;
	socklen_t len = sizeof a;
	kit_open(&k, 0);
	k.server.quiet = 1;
	CHECK(evdns_base_get_nameserver_fd(k.dns, 0) >= 0);
	CHECK(evdns_base_get_nameserver_fd(k.dns, 1) == -1);
	getsockname(evdns_base_get_nameserver_fd(k.dns, 0), (struct sockaddr *)&a, &len);
	/* Which of the few sockets is the current one is random. */
	for (round = 0, b = a; round < 20 && a.sin_port == b.sin_port; round++) {
		for (i = 0; i < 300; i++) {
			snprintf(name, sizeof name, "h%d.example", i);
			evdns_base_resolve_ipv4(k.dns, name, 0, NULL, NULL);
		}
		evdns_base_resolve_ipv4(k.dns, "last.example", 0, round ? NULL : kit_on_answer, NULL);
		if (!round)
			kit_run(&k, 1);
		else
			event_base_loop(k.base, EVLOOP_NONBLOCK);
		getsockname(evdns_base_get_nameserver_fd(k.dns, 0), (struct sockaddr *)&b, &len);
	}
	CHECK(a.sin_port != b.sin_port);
	kit_close(&k);
}

/* A and AAAA of one name go to one server. */
CASE(both_questions_go_to_one_server)
{
	struct kit k;
	struct kit_server second;
	struct evutil_addrinfo hints;
	int i;
	kit_open(&k, 0);
	kit_serve(&second, k.base, 2);
	kit_use(k.dns, &second);
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	for (i = 0; i < 3; i++) {
		evdns_getaddrinfo(k.dns, "a.example", "80", &hints, kit_on_list, NULL);
		kit_run(&k, 1);
	}
	kit_stop(&second);
	kit_close(&k);
}

CASE(options_of_22)
{
	struct kit k;
	kit_open(&k, 0);
	SAY("%d\n", evdns_base_set_option(k.dns, "edns-udp-size", "4096"));
	SAY("%d\n", evdns_base_set_option(k.dns, "edns-udp-size", "x"));
	SAY("%d\n", evdns_base_set_option(k.dns, "max-probe-timeout", "10"));
	SAY("%d\n", evdns_base_set_option(k.dns, "probe-backoff-factor", "2"));
	SAY("%d\n", evdns_base_set_option(k.dns, "tcp-idle-timeout", "1"));
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(localhost_is_answered_without_asking)
{
	struct kit k;
	struct evutil_addrinfo hints;
	kit_open(&k, 0);
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	SAY("%s\n", evdns_getaddrinfo(k.dns, "localhost", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	SAY("%s\n", evdns_getaddrinfo(k.dns, "a.b.LocalHost.", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	kit_close(&k);
}

CASE(a_failure_leads_to_the_other_server_and_does_not_take_one_down)
{
	struct kit k;
	struct kit_server second;
	int i;
	kit_open(&k, 0);
	kit_serve(&second, k.base, 2);
	kit_use(k.dns, &second);
	k.server.mode = 2;
	for (i = 0; i < 8; i++) {
		evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
		kit_run(&k, 1);
	}
	kit_stop(&second);
	kit_close(&k);
}

/* 10,000 look-ups at once: nothing is lost, and each holds little memory. */
#include <malloc.h>

static int many_done, many_failed;
static void
on_one_of_many(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	(void)type, (void)ttl, (void)addrs, (void)arg;
	if (result || count != 1)
		many_failed++;
	if (++many_done == 10000)
		event_base_loopbreak(kit_now->base);
}

CASE(ten_thousand_at_once)
{
	struct kit k;
	int i;
	char name[64];
	size_t before, each;
	kit_open(&k, 0);
	k.server.quiet = 1;
	evdns_base_set_option(k.dns, "timeout", "5");
	before = mallinfo2().uordblks;
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "host%d.bench.example", i);
		if (!evdns_base_resolve_ipv4(k.dns, name, DNS_QUERY_NO_SEARCH, on_one_of_many, NULL))
			abort();
	}
	each = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / 10000;
	CHECK(each <= 600);
	event_base_dispatch(k.base);
	SAY("done %d failed %d\n", many_done, many_failed);
	kit_close(&k);
}

/* 10,000 questions on their way: as before, with nothing that waits. */
CASE(ten_thousand_in_flight)
{
	struct kit k;
	int i;
	char name[64];
	size_t before, each;
	kit_open(&k, 0);
	k.server.quiet = 1;
	evdns_base_set_option(k.dns, "timeout", "100");
	evdns_base_set_option(k.dns, "max-inflight", "10000");
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "drop%d.bench.example", i);
		if (!evdns_base_resolve_ipv4(k.dns, name, DNS_QUERY_NO_SEARCH, on_one_of_many, NULL))
			abort();
	}
	each = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / 10000;
	CHECK(each <= 600);
	kit_close(&k);
}
