/* evdns_getaddrinfo: families, flags, services, cancellation, skew. */
#include "dns_kit.h"

static struct evutil_addrinfo hints;

static void
ask(const char *node, const char *service, int n)
{
	struct kit k;
	struct evdns_getaddrinfo_request *r;
	kit_open(&k, 0);
	k.left = n;
	r = evdns_getaddrinfo(k.dns, node, service, &hints, kit_on_list, NULL);
	SAY("%s\n", r ? "pending" : "immediate");
	if (k.left)
		event_base_dispatch(k.base);
	SAY("asked %d\n", k.server.asked);
	kit_close(&k);
}

static void
hint(int family, int type, int protocol, int flags)
{
	memset(&hints, 0, sizeof hints);
	hints.ai_family = family, hints.ai_socktype = type, hints.ai_protocol = protocol, hints.ai_flags = flags;
}

CASE(both_families)
{
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	ask("many.example", "80", 1);
}

CASE(one_family)
{
	hint(PF_INET, SOCK_STREAM, 0, 0);
	ask("a.example", "http", 1);
	hint(PF_INET6, SOCK_DGRAM, 0, 0);
	ask("a.example", "domain", 1);
}

CASE(no_type)
{
	hint(PF_INET, 0, 0, 0);
	ask("a.example", "80", 1);
	hint(PF_INET, 0, IPPROTO_UDP, 0);
	ask("a.example", NULL, 1);
}

CASE(canonical_name)
{
	hint(PF_INET, SOCK_STREAM, 0, EVUTIL_AI_CANONNAME);
	ask("a.example", "80", 1);
	ask("cname.example", "80", 1);
}

CASE(canonical_name_of_an_address)
{
	hint(PF_UNSPEC, SOCK_STREAM, 0, EVUTIL_AI_CANONNAME);
	ask("127.0.0.1", "80", 1);
	ask("fd00::1", "80", 1);
	hint(PF_INET, SOCK_STREAM, 0, EVUTIL_AI_CANONNAME | EVUTIL_AI_NUMERICHOST);
	ask("10.0.0.1", "80", 1);
	ask(NULL, "80", 1);
}

CASE(numeric_host)
{
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	ask("10.1.2.3", "80", 1);
	ask("fd00::1", "80", 1);
	hint(PF_UNSPEC, SOCK_STREAM, 0, EVUTIL_AI_NUMERICHOST);
	ask("a.example", "80", 1);
}

CASE(no_host)
{
	hint(PF_INET, SOCK_STREAM, 0, 0);
	ask(NULL, "80", 1);
	hint(PF_INET, SOCK_STREAM, 0, EVUTIL_AI_PASSIVE);
	ask(NULL, "80", 1);
	ask(NULL, NULL, 1);
}

CASE(bad_service)
{
	hint(PF_INET, SOCK_STREAM, 0, 0);
	ask("a.example", "no-such-service", 1);
	hint(PF_INET, SOCK_STREAM, 0, EVUTIL_AI_NUMERICSERV);
	ask("a.example", "http", 1);
	ask("a.example", "8080", 1);
}

CASE(bad_hints)
{
	hint(99, SOCK_STREAM, 0, 0);
	ask("a.example", "80", 1);
	hint(PF_INET, 99, 0, 0);
	ask("a.example", "80", 1);
}

CASE(failures)
{
	hint(PF_INET, SOCK_STREAM, 0, 0);
	ask("none.example", "80", 1);
	ask("nodata.example", "80", 1);
	ask("refuse.example", "80", 1);
	ask("form.example", "80", 1);
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	ask("none.example", "80", 1);
	ask("nodata.example", "80", 1);
}

CASE(timed_out)
{
	hint(PF_INET, SOCK_STREAM, 0, 0);
	ask("drop.example", "80", 1);
}

CASE(bad_names)
{
	hint(PF_INET, SOCK_STREAM, 0, 0);
	ask("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", "80", 1);
}

CASE(hosts)
{
	struct kit k;
	char path[] = "/tmp/hosts-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	fprintf(f, "# comment\n10.9.8.7 thishost Alias.Example\nfd00::99 thishost # more\n1.2.3.4\n10.9.8.6 thishost\n");
	fclose(f);
	kit_open(&k, 0);
	SAY("load %d\n", evdns_base_load_hosts(k.dns, path));
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	SAY("%s\n", evdns_getaddrinfo(k.dns, "thishost", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	hint(PF_INET, SOCK_STREAM, 0, 0);
	SAY("%s\n", evdns_getaddrinfo(k.dns, "THISHOST", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	hint(PF_INET, SOCK_STREAM, 0, 0);
	SAY("%s\n", evdns_getaddrinfo(k.dns, "alias.example", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	evdns_base_clear_host_addresses(k.dns);
	k.left = 1;
	hint(PF_INET, SOCK_STREAM, 0, 0);
	SAY("%s\n", evdns_getaddrinfo(k.dns, "thishost", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	event_base_dispatch(k.base);
	SAY("missing %d\n", evdns_base_load_hosts(k.dns, "/nonexistent/hosts") < 0);
	SAY("null %d\n", evdns_base_load_hosts(k.dns, NULL));
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	SAY("%s\n", evdns_getaddrinfo(k.dns, "localhost", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	/* a look-up by type does not see them */
	evdns_base_resolve_ipv4(k.dns, "localhost", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	unlink(path);
	kit_close(&k);
}

CASE(cancelled)
{
	struct kit k;
	struct evdns_getaddrinfo_request *r;
	kit_open(&k, 0);
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	k.left = 1;
	r = evdns_getaddrinfo(k.dns, "a.example", "80", &hints, kit_on_list, NULL);
	evdns_getaddrinfo_cancel(r);
	SAY("cancelled\n");
	event_base_dispatch(k.base);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_close(&k);
}

CASE(freed_with_failure)
{
	struct kit k;
	kit_open(&k, 0);
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	k.left = 1;
	evdns_getaddrinfo(k.dns, "a.example", "80", &hints, kit_on_list, NULL);
	evdns_base_free(k.dns, 1);
	SAY("freed\n");
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_stop(&k.server);
	event_base_free(k.base);
}

CASE(one_family_late)
{
	/* the AAAA answer is never sent: the other one is waited for only so long */
	struct kit k;
	kit_open(&k, 0);
	CHECK(evdns_base_set_option(k.dns, "getaddrinfo-allow-skew", "0.2") == 0);
	evdns_base_set_option(k.dns, "timeout", "2");
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	k.left = 1;
	evdns_getaddrinfo(k.dns, "dropone.example", "80", &hints, kit_on_list, NULL);
	event_base_dispatch(k.base);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	SAY("asked %d\n", k.server.asked);
	kit_close(&k);
}

CASE(without_hints)
{
	struct kit k;
	kit_open(&k, 0);
	k.left = 1;
	SAY("%s\n", evdns_getaddrinfo(k.dns, "a.example", "80", NULL, kit_on_list, NULL) ? "pending" : "immediate");
	event_base_dispatch(k.base);
	kit_close(&k);
}

CASE(hosts_without_that_family)
{
	struct kit k;
	char path[] = "/tmp/hosts-XXXXXX";
	int fd = mkstemp(path);
	if (write(fd, "10.9.8.7 thishost\n", 18) != 18)
		abort();
	close(fd);
	kit_open(&k, 0);
	SAY("load %d\n", evdns_base_load_hosts(k.dns, path));
	hint(PF_INET6, SOCK_STREAM, 0, 0);
	SAY("%s\n", evdns_getaddrinfo(k.dns, "thishost", "80", &hints, kit_on_list, NULL) ? "pending" : "immediate");
	unlink(path);
	kit_close(&k);
}

static struct evdns_getaddrinfo_request *running;

static void
cancel_in_callback(int result, struct evutil_addrinfo *res, void *arg)
{
	(void)arg;
	SAY("result %d\n", result);
	evdns_getaddrinfo_cancel(running);
	if (res)
		evutil_freeaddrinfo(res);
	event_base_loopbreak(kit_now->base);
}

CASE(cancelled_in_its_own_callback)
{
	struct kit k;
	kit_open(&k, 0);
	hint(PF_UNSPEC, SOCK_STREAM, 0, 0);
	running = evdns_getaddrinfo(k.dns, "a.example", "80", &hints, cancel_in_callback, NULL);
	event_base_dispatch(k.base);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	kit_close(&k);
}
