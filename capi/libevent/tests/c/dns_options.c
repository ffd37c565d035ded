/* evdns_base_set_option, resolv.conf, search lists. */
#include "dns_kit.h"

static void
set(struct evdns_base *dns, const char *name, const char *value)
{
	SAY("%s=%s %d\n", name, value, evdns_base_set_option(dns, name, value));
}

CASE(every_option)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	static const char *names[] = { "ndots", "timeout", "max-timeouts", "max-inflight", "attempts", "randomize-case", "bind-to",
		"initial-probe-timeout", "getaddrinfo-allow-skew", "so-rcvbuf", "so-sndbuf", "nonsense" };
	static const char *values[] = { "1", "0", "-1", "2.5", "x", "", "99999999999", "70000", "127.0.0.1", "127.0.0.1:99", "::1" };
	char with[64];
	size_t i, j;
	for (i = 0; i < sizeof names / sizeof *names; i++)
		for (j = 0; j < sizeof values / sizeof *values; j++) {
			set(dns, names[i], values[j]);
			snprintf(with, sizeof with, "%s:", names[i]);
			set(dns, with, values[j]);
		}
	evdns_base_free(dns, 0);
	event_base_free(base);
}

CASE(attempts)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_set_option(k.dns, "timeout", "0.1");
	set(k.dns, "attempts", "2");
	evdns_base_resolve_ipv4(k.dns, "drop.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	set(k.dns, "attempts:", "1");
	evdns_base_resolve_ipv4(k.dns, "drop.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(max_inflight)
{
	struct kit k;
	int i;
	char name[32];
	kit_open(&k, 0);
	set(k.dns, "max-inflight", "1");
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "h%d.example", i);
		evdns_base_resolve_ipv4(k.dns, name, 0, kit_on_answer, NULL);
	}
	kit_run(&k, 4);
	kit_close(&k);
}

CASE(search_list)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_search_add(k.dns, "one.example");
	evdns_base_search_add(k.dns, ".two.example");
	evdns_base_resolve_ipv4(k.dns, "none", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_resolve_ipv4(k.dns, "none.x", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_resolve_ipv4(k.dns, "none.x", DNS_QUERY_NO_SEARCH, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_search_ndots_set(k.dns, 2);
	evdns_base_resolve_ipv4(k.dns, "none.x", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_resolve_ipv4(k.dns, "none.x.y", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_search_clear(k.dns);
	evdns_base_resolve_ipv4(k.dns, "none", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(search_goes_on_after_what)
{
	static const char *names[] = { "none", "nodata", "refuse", "form", "a" };
	size_t i;
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		struct kit k;
		kit_open(&k, 0);
		evdns_base_search_add(k.dns, "one.example");
		evdns_base_resolve_ipv4(k.dns, names[i], 0, kit_on_answer, NULL);
		kit_run(&k, 1);
		kit_close(&k);
	}
}

CASE(search_in_getaddrinfo)
{
	struct kit k;
	struct evutil_addrinfo hints;
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	kit_open(&k, 0);
	evdns_base_search_add(k.dns, "one.example");
	k.left = 1;
	evdns_getaddrinfo(k.dns, "a", "80", &hints, kit_on_list, NULL);
	event_base_dispatch(k.base);
	kit_close(&k);
}

static void
conf(const char *text, int flags)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	struct sockaddr_storage ss;
	char path[] = "/tmp/resolv-XXXXXX", addr[64];
	int i, n, fd = mkstemp(path);
	if (write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
	SAY("parse %d", evdns_base_resolv_conf_parse(dns, flags, path));
	n = evdns_base_count_nameservers(dns);
	SAY(" servers %d\n", n);
	for (i = 0; i < n; i++) {
		memset(&ss, 0, sizeof ss);
		SAY("  %d", evdns_base_get_nameserver_addr(dns, i, (struct sockaddr *)&ss, sizeof ss));
		if (ss.ss_family == AF_INET)
			SAY(" %s port %d\n", inet_ntop(AF_INET, &((struct sockaddr_in *)&ss)->sin_addr, addr, sizeof addr),
			    ntohs(((struct sockaddr_in *)&ss)->sin_port));
		else
			SAY(" %s port %d\n", inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&ss)->sin6_addr, addr, sizeof addr),
			    ntohs(((struct sockaddr_in6 *)&ss)->sin6_port));
	}
	unlink(path);
	evdns_base_free(dns, 0);
	event_base_free(base);
}

CASE(resolv_conf)
{
	conf("nameserver 127.0.0.1\n", DNS_OPTIONS_ALL & ~DNS_OPTION_HOSTSFILE);
	conf("# c\n; d\nnameserver 10.0.0.1 trailing\n nameserver 10.0.0.2\n\tnameserver\t10.0.0.3\nnameserver ::1\nnameserver [::1]:99\n", DNS_OPTION_NAMESERVERS);
	conf("nameserver 10.0.0.1\nnameserver 10.0.0.1\n", DNS_OPTION_NAMESERVERS);
	conf("nameserver nonsense\n", DNS_OPTION_NAMESERVERS);
	conf("search a b\n", DNS_OPTION_NAMESERVERS);
	conf("search a b\n", DNS_OPTION_NAMESERVERS | DNS_OPTION_NAMESERVERS_NO_DEFAULT);
	conf("", DNS_OPTION_NAMESERVERS);
	conf("nameserver 10.0.0.1\n", DNS_OPTION_SEARCH);
	conf("nameserver 10.0.0.1", DNS_OPTION_NAMESERVERS);
}

CASE(resolv_conf_that_is_not_there)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	SAY("%d\n", evdns_base_resolv_conf_parse(dns, DNS_OPTION_NAMESERVERS, "/nonexistent/resolv.conf"));
	SAY("servers %d\n", evdns_base_count_nameservers(dns));
	SAY("%d\n", evdns_base_resolv_conf_parse(dns, DNS_OPTION_NAMESERVERS | DNS_OPTION_NAMESERVERS_NO_DEFAULT, "/nonexistent/resolv.conf"));
	SAY("servers %d\n", evdns_base_count_nameservers(dns));
	SAY("%d\n", evdns_base_resolv_conf_parse(dns, DNS_OPTION_SEARCH, "/nonexistent/resolv.conf"));
	evdns_base_free(dns, 0);
	event_base_free(base);
}

CASE(resolv_conf_options)
{
	struct kit k;
	char path[] = "/tmp/resolv-XXXXXX";
	static const char text[] = "search one.example two.example\noptions ndots:2 timeout:1 attempts:1 rotate edns0\n";
	int fd = mkstemp(path);
	kit_open(&k, 0);
	if (write(fd, text, sizeof text - 1) < 0)
		abort();
	close(fd);
	SAY("%d\n", evdns_base_resolv_conf_parse(k.dns, DNS_OPTION_SEARCH | DNS_OPTION_MISC, path));
	evdns_base_set_option(k.dns, "timeout", "0.1");
	evdns_base_resolve_ipv4(k.dns, "none.x", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_resolve_ipv4(k.dns, "drop.x.y", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	unlink(path);
	kit_close(&k);
}

/* Neither the order of addresses nor the families are the file's matter. */
CASE(sortlist_and_inet6)
{
	struct kit k;
	struct evutil_addrinfo hints;
	char path[] = "/tmp/resolv-XXXXXX";
	static const char text[] = "sortlist 10.0.0.3/255.255.255.255\noptions inet6\n";
	int fd = mkstemp(path);
	kit_open(&k, 0);
	if (write(fd, text, sizeof text - 1) < 0)
		abort();
	close(fd);
	SAY("%d\n", evdns_base_resolv_conf_parse(k.dns, DNS_OPTION_SEARCH | DNS_OPTION_MISC, path));
	evdns_base_resolve_ipv4(k.dns, "many.x", DNS_QUERY_NO_SEARCH, kit_on_answer, NULL);
	kit_run(&k, 1);
	memset(&hints, 0, sizeof hints);
	hints.ai_family = AF_INET;
	hints.ai_socktype = SOCK_STREAM;
	k.left = 1;
	evdns_getaddrinfo(k.dns, "many.x", "80", &hints, kit_on_list, NULL);
	event_base_dispatch(k.base);
	unlink(path);
	kit_close(&k);
}

CASE(domain_line)
{
	struct kit k;
	char path[] = "/tmp/resolv-XXXXXX";
	static const char text[] = "search one.example\ndomain two.example\n";
	int fd = mkstemp(path);
	kit_open(&k, 0);
	if (write(fd, text, sizeof text - 1) < 0)
		abort();
	close(fd);
	SAY("%d\n", evdns_base_resolv_conf_parse(k.dns, DNS_OPTION_SEARCH, path));
	evdns_base_resolve_ipv4(k.dns, "none", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	unlink(path);
	kit_close(&k);
}
