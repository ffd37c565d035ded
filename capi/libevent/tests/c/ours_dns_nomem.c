/* evdns where the program's allocator refuses: every call fails cleanly, and nothing is left behind. */
#include "dns_kit.h"
#include <event2/event_struct.h>

static int until_failure = -1, failing;

static int
refuses(void)
{
	if (until_failure < 0)
		return 0;
	if (until_failure == 0) {
		failing++;
		return 1;
	}
	until_failure--;
	return 0;
}

static void *
my_malloc(size_t n)
{
	return refuses() ? NULL : malloc(n);
}

static void *
my_realloc(void *p, size_t n)
{
	return refuses() ? NULL : realloc(p, n);
}

static int answered;

static void
on_any(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	(void)result, (void)type, (void)count, (void)ttl, (void)addrs, (void)arg;
	answered++;
}

static void
on_any_list(int result, struct evutil_addrinfo *res, void *arg)
{
	(void)result, (void)arg;
	answered++;
	if (res)
		evutil_freeaddrinfo(res);
}

static void
on_any_request(struct evdns_server_request *req, void *arg)
{
	unsigned char v4[4] = { 10, 0, 0, 1 };
	(void)arg;
	evdns_server_request_add_a_reply(req, req->questions[0]->name, 1, v4, 60);
	evdns_server_request_respond(req, 0);
}

static void
stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	event_base_loopbreak(arg);
}

/* Runs the loop for a moment; the timer needs no memory of the program's allocator. */
static void
run(struct event_base *base)
{
	struct timeval tv = { 0, 30000 };
	struct event timer;
	event_assign(&timer, base, -1, 0, stop, base);
	event_add(&timer, &tv);
	event_base_dispatch(base);
	event_del(&timer);
}

/* Everything once, with the n-th and all later allocations refused. Returns whether one was. */
static int
sweep(int n)
{
	struct event_base *base;
	struct evdns_base *dns;
	struct evdns_server_port *port;
	struct evutil_addrinfo hints;
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	char text[64];
	int began = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	base = event_base_new();
	answered = failing = 0;
	until_failure = n;
	port = evdns_add_server_port_with_base(base, fd, 0, on_any_request, NULL);
	if (!port)
		close(fd);
	dns = evdns_base_new(base, 0);
	if (dns) {
		snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(a.sin_port));
		evdns_base_nameserver_ip_add(dns, text);
		evdns_base_set_option(dns, "timeout", "0.01");
		if (evdns_base_resolve_ipv4(dns, "a.example", 0, on_any, NULL))
			began++;
		began++;
		evdns_getaddrinfo(dns, "b.example", "80", &hints, on_any_list, NULL);
		run(base);
	}
	until_failure = -1;
	run(base);
	if (dns)
		evdns_base_free(dns, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (answered != began)
		SAY("at %d: began %d answered %d\n", n, began, answered);
	if (port)
		evdns_close_server_port(port);
	event_base_free(base);
	return failing > 0;
}

CASE(every_allocation_refused_in_turn)
{
	int n = 0;
	event_set_mem_functions(my_malloc, my_realloc, free);
	while (sweep(n))
		n++;
	CHECK(n > 5);
}
