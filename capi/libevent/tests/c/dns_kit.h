/*
 * dns_kit.h: a scripted DNS server on the program's own loop, on bare sockets,
 * so that the original and ours are asked the same and answered the same.
 *
 * A name says what the server does with its question: the first label, in
 * lower case, up to its first digit.
 *
 *     a, b, host...    one address (10.0.0.1) or one name for a pointer
 *     many             three addresses
 *     none             no such name         nodata   no such records
 *     fail, refuse, notimp, form            that response code
 *     drop             nothing, ever        dropone  nothing the first time
 *     cname            an alias and its address
 *     tc               a truncated answer
 *     late             answered after 150 ms
 *     junk             bytes that are no message, then the answer
 */
#ifndef DNS_KIT_H
#define DNS_KIT_H

#include "case.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct kit_server {
	struct event *ev;
	int fd, port, id;
	int asked;	 /* questions so far */
	int quiet;	 /* do not say what was asked */
	int silent;	 /* answer nothing at all */
	int dropped;	 /* "dropone" was dropped so often */
	int mode;	 /* a response code for everything */
	unsigned char held[512];
	int held_len;
	struct sockaddr_in held_to;
	struct event *held_ev;
};

CASE_UNUSED static int
kit_name(const unsigned char *q, int len, char *out)
{
	int at = 12, o = 0;
	while (at < len && q[at]) {
		int i, l = q[at++];
		for (i = 0; i < l; i++)
			out[o++] = (char)tolower(q[at++]);
		out[o++] = '.';
	}
	out[o ? o - 1 : 0] = 0;
	return at + 1;
}

CASE_UNUSED static void
kit_word(char *name)
{
	while (*name && islower((unsigned char)*name))
		name++;
	*name = 0;
}

CASE_UNUSED static int
kit_record(unsigned char *b, int at, int type, int ttl, const void *data, int len)
{
	static const unsigned char name[2] = { 0xc0, 12 };
	memcpy(b + at, name, 2);
	at += 2;
	b[at++] = (unsigned char)(type >> 8), b[at++] = (unsigned char)type;
	b[at++] = 0, b[at++] = 1;
	b[at++] = 0, b[at++] = 0, b[at++] = (unsigned char)(ttl >> 8), b[at++] = (unsigned char)ttl;
	b[at++] = (unsigned char)(len >> 8), b[at++] = (unsigned char)len;
	memcpy(b + at, data, (size_t)len);
	return at + len;
}

CASE_UNUSED static void
kit_late(evutil_socket_t fd, short what, void *arg)
{
	struct kit_server *s = arg;
	(void)fd, (void)what;
	sendto(s->fd, s->held, (size_t)s->held_len, 0, (struct sockaddr *)&s->held_to, sizeof s->held_to);
}

/* Makes the answer to a query; 0 for none. */
CASE_UNUSED static int
kit_answer(struct kit_server *s, const unsigned char *q, int len, unsigned char *b, char *word)
{
	char name[256];
	static const unsigned char ptr[] = "\4name\7example";
	unsigned char addr[16] = { 10, 0, 0, 1 };
	int i, end = kit_name(q, len, name), at = end + 4, type, code = s->mode, flags = 0, count = 0, n = 1;
	strcpy(word, name);
	kit_word(word);
	type = q[end] << 8 | q[end + 1];
	memcpy(b, q, (size_t)at);
	if (s->silent || !strcmp(word, "drop") || (!strcmp(word, "dropone") && !s->dropped++))
		return 0;
	if (!strcmp(word, "none"))
		code = 3;
	if (!strcmp(word, "fail"))
		code = 2;
	if (!strcmp(word, "refuse"))
		code = 5;
	if (!strcmp(word, "notimp"))
		code = 4;
	if (!strcmp(word, "form"))
		code = 1;
	if (!strcmp(word, "tc"))
		flags = 2, code = 0;
	if (!strcmp(word, "many"))
		n = 3;
	if (!strcmp(word, "nodata") || code || flags)
		n = 0;
	if (!strcmp(word, "cname")) {
		static const unsigned char alias[] = "\4real\7example";
		at = kit_record(b, at, 5, 300, alias, sizeof alias);
		count++;
	}
	for (i = 0; i < n; i++, count++) {
		int start = at;
		if (type == 1)
			addr[3] = (unsigned char)(1 + i), at = kit_record(b, at, 1, 60 + i, addr, 4);
		else if (type == 28)
			memset(addr, 0, 16), addr[0] = 0xfd, addr[15] = (unsigned char)(1 + i),
			at = kit_record(b, at, 28, 60 + i, addr, 16);
		else if (type == 12)
			at = kit_record(b, at, 12, 60, ptr, sizeof ptr);
		if (!strcmp(word, "cname") && at > start) {
			/* its owner is the alias: inside the data of the first record */
			b[start + 1] = (unsigned char)(end + 4 + 12);
		}
	}
	b[2] = (unsigned char)(0x80 | (q[2] & 1) | flags);
	b[3] = (unsigned char)(0x80 | code);
	b[6] = 0, b[7] = (unsigned char)count;
	b[8] = b[9] = b[10] = b[11] = 0;
	return at;
}

CASE_UNUSED static void
kit_on_query(evutil_socket_t fd, short what, void *arg)
{
	struct kit_server *s = arg;
	unsigned char q[512], b[1024];
	struct sockaddr_in from;
	socklen_t from_len = sizeof from;
	int len = (int)recvfrom(fd, q, sizeof q, 0, (struct sockaddr *)&from, &from_len);
	char name[256], word[256];
	int end;
	(void)what;
	if (len < 12)
		return;
	s->asked++;
	end = kit_name(q, len, name);
	if (!s->quiet)
		SAY("server %d: %s %d\n", s->id, name, q[end] << 8 | q[end + 1]);
	len = kit_answer(s, q, len, b, word);
	if (!len)
		return;
	if (!strcmp(word, "junk")) {
		sendto(fd, "x", 1, 0, (struct sockaddr *)&from, from_len);
		sendto(fd, b, 11, 0, (struct sockaddr *)&from, from_len);
		b[0] ^= 1;
		sendto(fd, b, (size_t)len, 0, (struct sockaddr *)&from, from_len);
		b[0] ^= 1, b[13] = (unsigned char)(b[13] == 'x' ? 'y' : 'x');
		sendto(fd, b, (size_t)len, 0, (struct sockaddr *)&from, from_len);
		b[13] = q[13];
	}
	if (!strcmp(word, "late")) {
		struct timeval tv = { 0, 150000 };
		memcpy(s->held, b, (size_t)len);
		s->held_len = len;
		s->held_to = from;
		event_add(s->held_ev, &tv);
		return;
	}
	sendto(fd, b, (size_t)len, 0, (struct sockaddr *)&from, from_len);
}

CASE_UNUSED static void
kit_serve(struct kit_server *s, struct event_base *base, int id)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	memset(s, 0, sizeof *s);
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->id = id;
	/* A port that is free for TCP, too: some cases answer on both. */
	for (;;) {
		int tcp = socket(AF_INET, SOCK_STREAM, 0), taken;
		a.sin_port = 0;
		s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (bind(s->fd, (struct sockaddr *)&a, sizeof a) || getsockname(s->fd, (struct sockaddr *)&a, &len))
			abort();
		taken = bind(tcp, (struct sockaddr *)&a, sizeof a);
		close(tcp);
		if (!taken)
			break;
		close(s->fd);
	}
	s->port = ntohs(a.sin_port);
	s->ev = event_new(base, s->fd, EV_READ | EV_PERSIST, kit_on_query, s);
	s->held_ev = event_new(base, -1, 0, kit_late, s);
	event_add(s->ev, NULL);
}

CASE_UNUSED static void
kit_stop(struct kit_server *s)
{
	event_free(s->ev);
	event_free(s->held_ev);
	close(s->fd);
}

CASE_UNUSED static void
kit_use(struct evdns_base *dns, struct kit_server *s)
{
	char text[64];
	snprintf(text, sizeof text, "127.0.0.1:%d", s->port);
	CHECK(evdns_base_nameserver_ip_add(dns, text) == 0);
}

/* A base, one server and a resolver that uses it. */
struct kit {
	struct event_base *base;
	struct evdns_base *dns;
	struct kit_server server;
	int left; /* answers until the loop ends */
};

static struct kit *kit_now;

CASE_UNUSED static void
kit_open(struct kit *k, int flags)
{
	memset(k, 0, sizeof *k);
	kit_now = k;
	k->base = event_base_new();
	k->dns = evdns_base_new(k->base, flags);
	kit_serve(&k->server, k->base, 1);
	kit_use(k->dns, &k->server);
	evdns_base_set_option(k->dns, "timeout", "0.3");
	/* the original cannot take sub-second answers to questions in random case for wrong */
}

CASE_UNUSED static void
kit_close(struct kit *k)
{
	evdns_base_free(k->dns, 0);
	kit_stop(&k->server);
	event_base_free(k->base);
}

CASE_UNUSED static void
kit_show(int result, int type, int count, int ttl, void *addrs)
{
	char text[64];
	int i;
	SAY("%s type %d count %d ttl %d", evdns_err_to_string(result), type, count, ttl);
	if (result == DNS_ERR_NONE && type == DNS_IPv4_A)
		for (i = 0; i < count; i++)
			SAY(" %s", inet_ntop(AF_INET, (char *)addrs + 4 * i, text, sizeof text));
	if (result == DNS_ERR_NONE && type == DNS_IPv6_AAAA)
		for (i = 0; i < count; i++)
			SAY(" %s", inet_ntop(AF_INET6, (char *)addrs + 16 * i, text, sizeof text));
	if (result == DNS_ERR_NONE && type == DNS_PTR && count)
		SAY(" %s", *(char **)addrs);
	SAY("\n");
}

CASE_UNUSED static void
kit_on_answer(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	SAY("%s: ", arg ? (const char *)arg : "answer");
	kit_show(result, type, count, ttl, addrs);
	if (--kit_now->left == 0)
		event_base_loopbreak(kit_now->base);
}

/* Runs the loop until n answers came. */
CASE_UNUSED static void
kit_run(struct kit *k, int n)
{
	k->left = n;
	event_base_dispatch(k->base);
}

CASE_UNUSED static void
kit_show_list(const struct evutil_addrinfo *ai)
{
	char text[64];
	for (; ai; ai = ai->ai_next) {
		const struct sockaddr *sa = ai->ai_addr;
		if (sa->sa_family == AF_INET)
			SAY("  %s port %d", inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, text, sizeof text),
			    ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port));
		else
			SAY("  %s port %d", inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, text, sizeof text),
			    ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port));
		SAY(" family %d type %d protocol %d len %d name %s\n", ai->ai_family, ai->ai_socktype, ai->ai_protocol,
		    (int)ai->ai_addrlen, ai->ai_canonname ? ai->ai_canonname : "-");
	}
}

CASE_UNUSED static void
kit_on_list(int result, struct evutil_addrinfo *res, void *arg)
{
	SAY("%s: %d %s\n", arg ? (const char *)arg : "list", result, result ? evutil_gai_strerror(result) : "");
	kit_show_list(res);
	if (res)
		evutil_freeaddrinfo(res);
	if (--kit_now->left == 0)
		event_base_loopbreak(kit_now->base);
}

#endif
