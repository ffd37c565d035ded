/* evdns against what attackers send: named after what once went wrong there. */
#include "dns_kit.h"

/* A server whose answers are bytes of ours behind the question's header. */
struct liar {
	struct event *ev;
	int fd, port, len;
	unsigned char tail[600];
	int answers;
	int keep_question;
};

static void
lie(evutil_socket_t fd, short what, void *arg)
{
	struct liar *s = arg;
	unsigned char q[512], b[1400];
	struct sockaddr_in from;
	socklen_t from_len = sizeof from;
	int len = (int)recvfrom(fd, q, sizeof q, 0, (struct sockaddr *)&from, &from_len), at = 12;
	(void)what;
	if (len < 12)
		return;
	memcpy(b, q, 12);
	if (s->keep_question) {
		memcpy(b + 12, q + 12, (size_t)len - 12);
		at = len;
	}
	memcpy(b + at, s->tail, (size_t)s->len);
	b[2] = 0x81, b[3] = 0x80;
	b[7] = (unsigned char)s->answers;
	sendto(fd, b, (size_t)(at + s->len), 0, (struct sockaddr *)&from, from_len);
}

static void
tell_lies(const void *tail, int len, int answers, int keep_question)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	struct liar s;
	struct kit k;
	struct sockaddr_in a;
	socklen_t alen = sizeof a;
	char text[64];
	memset(&s, 0, sizeof s);
	memset(&a, 0, sizeof a);
	memset(&k, 0, sizeof k);
	kit_now = &k;
	k.base = base;
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (bind(s.fd, (struct sockaddr *)&a, sizeof a) || getsockname(s.fd, (struct sockaddr *)&a, &alen))
		abort();
	memcpy(s.tail, tail, (size_t)len);
	s.len = len, s.answers = answers, s.keep_question = keep_question;
	s.ev = event_new(base, s.fd, EV_READ | EV_PERSIST, lie, &s);
	event_add(s.ev, NULL);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(a.sin_port));
	evdns_base_nameserver_ip_add(dns, text);
	evdns_base_set_option(dns, "timeout", "0.05");
	evdns_base_set_option(dns, "attempts", "1");
	evdns_base_set_option(dns, "randomize-case", "0");
	evdns_base_resolve_ipv4(dns, "a.example", DNS_QUERY_NO_SEARCH, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_free(dns, 0);
	event_free(s.ev);
	close(s.fd);
	event_base_free(base);
}

/* A label that is longer than what is left of the answer. */
CASE(cve_2016_10195_label_past_the_end)
{
	tell_lies("\x3f""abc", 4, 1, 0);
}

CASE(cve_2016_10195_label_past_the_end_of_the_record)
{
	tell_lies("\x3f""abc", 4, 1, 1);
}

CASE(cve_2016_10195_pointer_past_the_end)
{
	tell_lies("\xc1\xff\0\1\0\1\0\0\0\1\0\4\12\0\0\1", 16, 1, 1);
}

CASE(cve_2016_10195_pointer_to_itself)
{
	/* the record's name is at 27 */
	tell_lies("\xc0\x1b\0\1\0\1\0\0\0\1\0\4\12\0\0\1", 16, 1, 1);
}

/* A name whose labels together are longer than any name. */
CASE(cve_2016_10195_name_of_too_many_labels)
{
	unsigned char tail[600];
	int i, at = 0;
	for (i = 0; i < 140; i++)
		tail[at++] = 1, tail[at++] = 'x';
	tail[at++] = 0;
	memcpy(tail + at, "\0\1\0\1\0\0\0\1\0\4\12\0\0\1", 14);
	tell_lies(tail, at + 14, 1, 1);
}

/* Fewer records than announced, and more of their data. */
CASE(records_that_are_not_there)
{
	tell_lies("\xc0\14\0\1\0\1\0\0\0\1\0\4\12\0\0\1", 16, 2, 1);
	tell_lies("\xc0\14\0\1\0\1\0\0\0\1\377\377\12\0\0\1", 16, 1, 1);
	tell_lies("", 0, 1, 1);
}

/* The text of an address, far longer than any. */
CASE(cve_2016_10196_a_long_address_in_brackets)
{
	char text[4096];
	struct sockaddr_storage ss;
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	size_t n;
	for (n = 100; n < sizeof text - 8; n *= 3) {
		int len = sizeof ss;
		memset(text, '1', sizeof text);
		text[0] = '[';
		strcpy(text + n, "]:53");
		SAY("%d\n", evutil_parse_sockaddr_port(text, (struct sockaddr *)&ss, &len));
		SAY("%d\n", evdns_base_nameserver_ip_add(dns, text));
	}
	SAY("servers %d\n", evdns_base_count_nameservers(dns));
	evdns_base_free(dns, 0);
	event_base_free(base);
}

/* The empty name with a search list, and names whose search makes them too long. */
CASE(cve_2016_10197_the_empty_name_is_searched)
{
	struct kit k;
	struct evdns_request *r;
	kit_open(&k, 0);
	evdns_base_search_add(k.dns, "example.com");
	evdns_base_search_add(k.dns, "a.b.c.d.example.com");
	r = evdns_base_resolve_ipv4(k.dns, "", 0, kit_on_answer, "empty");
	if (r) {
		evdns_cancel_request(k.dns, r);
		kit_run(&k, 1);
	}
	kit_close(&k);
	SAY("survived\n");
}
