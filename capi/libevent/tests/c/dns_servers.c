/* evdns name servers: adding, counting, failing over, suspending; the life of a base. */
#include "dns_kit.h"

CASE(adding_by_text)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	static const char *texts[] = { "127.0.0.1", "127.0.0.1:5353", "[::1]:53", "[::1]", "::1", "nonsense", "", "1.2.3", "127.0.0.1:0",
		"127.0.0.1:99999", "[1.2.3.4]:53", "127.0.0.1:53" };
	size_t i;
	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		SAY("%s %d count %d\n", texts[i], evdns_base_nameserver_ip_add(dns, texts[i]), evdns_base_count_nameservers(dns));
	SAY("number %d\n", evdns_base_nameserver_add(dns, htonl(0x7f000002)));
	SAY("count %d\n", evdns_base_count_nameservers(dns));
	evdns_base_free(dns, 0);
	event_base_free(base);
}

CASE(addresses)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	struct sockaddr_storage ss;
	struct sockaddr_in sin;
	evdns_base_nameserver_ip_add(dns, "127.0.0.1:5353");
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(0x7f000005);
	SAY("add %d\n", evdns_base_nameserver_sockaddr_add(dns, (struct sockaddr *)&sin, sizeof sin, 0));
	sin.sin_port = htons(77);
	SAY("add %d\n", evdns_base_nameserver_sockaddr_add(dns, (struct sockaddr *)&sin, sizeof sin, 0));
	SAY("get %d\n", evdns_base_get_nameserver_addr(dns, 0, (struct sockaddr *)&ss, sizeof ss));
	SAY("port %d\n", ntohs(((struct sockaddr_in *)&ss)->sin_port));
	SAY("get %d\n", evdns_base_get_nameserver_addr(dns, 1, (struct sockaddr *)&ss, sizeof ss));
	SAY("port %d\n", ntohs(((struct sockaddr_in *)&ss)->sin_port));
	SAY("small %d\n", evdns_base_get_nameserver_addr(dns, 0, (struct sockaddr *)&ss, 4));
	SAY("none %d\n", evdns_base_get_nameserver_addr(dns, 3, (struct sockaddr *)&ss, sizeof ss));
	SAY("negative %d\n", evdns_base_get_nameserver_addr(dns, -1, (struct sockaddr *)&ss, sizeof ss));
	SAY("count %d\n", evdns_base_count_nameservers(dns));
	evdns_base_free(dns, 0);
	event_base_free(base);
}

CASE(two_servers_take_turns)
{
	struct kit k;
	struct kit_server second;
	int i;
	char name[32];
	kit_open(&k, 0);
	kit_serve(&second, k.base, 2);
	kit_use(k.dns, &second);
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "a%d.example", i);
		evdns_base_resolve_ipv4(k.dns, name, 0, kit_on_answer, NULL);
		kit_run(&k, 1);
	}
	kit_stop(&second);
	kit_close(&k);
}

CASE(a_silent_server_is_left)
{
	struct kit k;
	struct kit_server second;
	int i;
	char name[32];
	kit_open(&k, 0);
	kit_serve(&second, k.base, 2);
	kit_use(k.dns, &second);
	k.server.silent = 1;
	k.server.quiet = second.quiet = 1;
	evdns_base_set_option(k.dns, "timeout", "0.1");
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "a%d.example", i);
		evdns_base_resolve_ipv4(k.dns, name, 0, kit_on_answer, NULL);
		kit_run(&k, 1);
	}
	kit_stop(&second);
	kit_close(&k);
}

CASE(requests_wait_for_a_server)
{
	struct event_base *base = event_base_new();
	struct kit k;
	memset(&k, 0, sizeof k);
	kit_now = &k;
	k.base = base;
	k.dns = evdns_base_new(base, 0);
	CHECK(evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL) != NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("now a server\n");
	kit_serve(&k.server, base, 1);
	kit_use(k.dns, &k.server);
	evdns_base_resume(k.dns);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(suspended_and_resumed)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	SAY("clear %d\n", evdns_base_clear_nameservers_and_suspend(k.dns));
	SAY("count %d\n", evdns_base_count_nameservers(k.dns));
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_use(k.dns, &k.server);
	SAY("resume %d\n", evdns_base_resume(k.dns));
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(cancelled_in_flight)
{
	struct kit k;
	struct evdns_request *r;
	kit_open(&k, 0);
	r = evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	evdns_cancel_request(k.dns, r);
	SAY("cancelled\n");
	kit_run(&k, 1);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_close(&k);
}

CASE(cancelled_while_it_waits)
{
	struct kit k;
	struct evdns_request *r;
	kit_open(&k, 0);
	evdns_base_set_option(k.dns, "max-inflight", "1");
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, "first");
	r = evdns_base_resolve_ipv4(k.dns, "b.example", 0, kit_on_answer, "second");
	evdns_cancel_request(NULL, r);
	kit_run(&k, 2);
	kit_close(&k);
}

CASE(freed_and_requests_fail)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_set_option(k.dns, "max-inflight", "1");
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, "first");
	evdns_base_resolve_ipv4(k.dns, "b.example", 0, kit_on_answer, "second");
	k.left = 2;
	evdns_base_free(k.dns, 1);
	SAY("freed\n");
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_stop(&k.server);
	event_base_free(k.base);
}

CASE(freed_and_requests_are_dropped)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, "first");
	evdns_base_free(k.dns, 0);
	SAY("freed\n");
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_stop(&k.server);
	event_base_free(k.base);
}

static void
free_in_callback(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	(void)addrs, (void)arg, (void)ttl;
	SAY("%s %d %d\n", evdns_err_to_string(result), type, count);
	evdns_base_free(kit_now->dns, 1);
	kit_now->dns = NULL;
	event_base_loopbreak(kit_now->base);
}

CASE(freed_in_a_callback)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, free_in_callback, NULL);
	event_base_dispatch(k.base);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_stop(&k.server);
	event_base_free(k.base);
}

CASE(an_inactive_base_does_not_keep_the_loop)
{
	struct kit k;
	kit_open(&k, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	event_del(k.server.ev);
	SAY("loop %d\n", event_base_dispatch(k.base));
	event_add(k.server.ev, NULL);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	event_del(k.server.ev);
	SAY("loop %d\n", event_base_dispatch(k.base));
	kit_close(&k);
}

CASE(a_base_keeps_the_loop)
{
	struct kit k;
	struct timeval tv = { 0, 50000 };
	kit_open(&k, 0);
	event_del(k.server.ev);
	event_base_loopexit(k.base, &tv);
	SAY("loop %d\n", event_base_dispatch(k.base));
	SAY("exit %d\n", event_base_got_exit(k.base));
	kit_close(&k);
}

/* Only what is about servers: the original also tells of each step. */
static void
log_line(int warn, const char *text)
{
	const char *what = strstr(text, " has failed: ");
	if (!what)
		what = strstr(text, " is back up");
	if (!what && strstr(text, "All nameservers"))
		what = text;
	if (what)
		SAY("log %d %s\n", warn, what);
}

CASE(logs)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_set_log_fn(log_line);
	evdns_base_set_option(k.dns, "timeout", "0.05");
	evdns_base_set_option(k.dns, "initial-probe-timeout", "0.1");
	evdns_base_resolve_ipv4(k.dns, "drop.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_set_log_fn(NULL);
	kit_close(&k);
}

static void
later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	event_base_loopbreak(arg);
}

CASE(a_probe_is_sent)
{
	struct kit k;
	struct timeval tv = { 0, 400000 };
	kit_open(&k, 0);
	evdns_set_log_fn(log_line);
	evdns_base_set_option(k.dns, "timeout", "0.05");
	CHECK(evdns_base_set_option(k.dns, "initial-probe-timeout", "0.2") == 0);
	evdns_base_resolve_ipv4(k.dns, "drop.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	event_base_once(k.base, -1, EV_TIMEOUT, later, k.base, &tv);
	event_base_dispatch(k.base);
	evdns_set_log_fn(NULL);
	kit_close(&k);
}

static uint16_t
fixed_id(void)
{
	return 7;
}

static void
fixed_bytes(char *buf, size_t n)
{
	memset(buf, 7, n);
}

CASE(hooks_without_effect)
{
	struct kit k;
	evdns_set_transaction_id_fn(fixed_id);
	evdns_set_random_bytes_fn(fixed_bytes);
	kit_open(&k, 0);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	evdns_base_resolve_ipv4(k.dns, "b.example", 0, kit_on_answer, NULL);
	kit_run(&k, 2);
	kit_close(&k);
}

CASE(default_servers)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS);
	CHECK(dns != NULL);
	CHECK(evdns_base_count_nameservers(dns) > 0);
	evdns_base_free(dns, 1);
	dns = evdns_base_new(base, 0x40);
	SAY("bad flags %s\n", dns ? "taken" : "refused");
	evdns_base_free(dns, 0);
	event_base_free(base);
}
