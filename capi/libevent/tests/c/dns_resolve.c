/* evdns look-ups: what each kind of answer becomes. */
#include "dns_kit.h"

static void
one(const char *name, int flags)
{
	struct kit k;
	char arg[300];
	kit_open(&k, 0);
	snprintf(arg, sizeof arg, "%.100s", name);
	CHECK(evdns_base_resolve_ipv4(k.dns, name, flags, kit_on_answer, arg) != NULL);
	kit_run(&k, 1);
	SAY("asked %d\n", k.server.asked);
	kit_close(&k);
}

CASE(an_address)
{
	one("a.example", 0);
}

CASE(several_addresses)
{
	one("many.example", 0);
}

CASE(no_such_name)
{
	one("none.example", 0);
}

CASE(no_such_records)
{
	one("nodata.example", 0);
}

CASE(server_failure)
{
	one("fail.example", 0);
}

CASE(refused)
{
	one("refuse.example", 0);
}

CASE(not_implemented)
{
	one("notimp.example", 0);
}

CASE(format_error)
{
	one("form.example", 0);
}

CASE(an_alias)
{
	one("cname.example", 0);
}

CASE(truncated)
{
	one("tc.example", 0);
}

CASE(never_answered)
{
	one("drop.example", 0);
}

CASE(answered_the_second_time)
{
	one("dropone.example", 0);
}

CASE(junk_before_the_answer)
{
	one("junk.example", 0);
}

CASE(a_trailing_dot)
{
	one("a.example.", 0);
}

CASE(ipv6)
{
	struct kit k;
	kit_open(&k, 0);
	CHECK(evdns_base_resolve_ipv6(k.dns, "many.example", 0, kit_on_answer, NULL) != NULL);
	kit_run(&k, 1);
	CHECK(evdns_base_resolve_ipv6(k.dns, "none.example", 0, kit_on_answer, NULL) != NULL);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(reverse)
{
	struct kit k;
	struct in_addr in;
	struct in6_addr in6;
	kit_open(&k, 0);
	in.s_addr = htonl(0x0a010203);
	inet_pton(AF_INET6, "fd00::1:2", &in6);
	CHECK(evdns_base_resolve_reverse(k.dns, &in, 0, kit_on_answer, NULL) != NULL);
	kit_run(&k, 1);
	CHECK(evdns_base_resolve_reverse_ipv6(k.dns, &in6, 0, kit_on_answer, NULL) != NULL);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(error_texts)
{
	int i;
	for (i = -1; i < 72; i++)
		SAY("%d %s\n", i, evdns_err_to_string(i));
}

CASE(names_that_are_refused)
{
	struct kit k;
	static const char *names[] = { "", ".", "a..b", ".a" };
	int i;
	kit_open(&k, 0);
	for (i = 0; i < 4; i++) {
		struct evdns_request *r = evdns_base_resolve_ipv4(k.dns, names[i], 0, kit_on_answer, NULL);
		SAY("%d %s\n", i, r ? "taken" : "refused");
		if (r)
			kit_run(&k, 1);
	}
	kit_close(&k);
}

CASE(names_that_are_too_long)
{
	struct kit k;
	char label[80], name[400];
	int i;
	memset(label, 'a', 64);
	strcpy(label + 64, ".x");
	for (i = 0; i < 300; i++)
		name[i] = i % 10 == 9 ? '.' : 'a';
	name[299] = 0;
	kit_open(&k, 0);
	SAY("%s\n", evdns_base_resolve_ipv4(k.dns, label, 0, kit_on_answer, NULL) ? "taken" : "refused");
	SAY("%s\n", evdns_base_resolve_ipv4(k.dns, name, 0, kit_on_answer, NULL) ? "taken" : "refused");
	SAY("%s\n", evdns_base_resolve_ipv6(k.dns, name, 0, kit_on_answer, NULL) ? "taken" : "refused");
	kit_close(&k);
}

CASE(many_at_once)
{
	struct kit k;
	int i;
	char name[32];
	kit_open(&k, 0);
	k.server.quiet = 1;
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "host%d.example", i);
		evdns_base_resolve_ipv4(k.dns, name, 0, kit_on_answer, NULL);
	}
	kit_run(&k, 200);
	SAY("asked %d\n", k.server.asked);
	kit_close(&k);
}

CASE(equal_questions_are_two_queries)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	kit_run(&k, 2);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	SAY("asked %d\n", k.server.asked);
	kit_close(&k);
}
