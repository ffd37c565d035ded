/* evdns server ports against malformed queries, on which the original crashes or answers with what is not the question. */
#include "dns_kit.h"
#include <event2/listener.h>

static struct event_base *base;
static int udp, tcp, asked;

static void
on_request(struct evdns_server_request *req, void *arg)
{
	unsigned char v4[4] = { 10, 0, 0, 1 };
	(void)arg;
	asked++;
	CHECK(req->nquestions == 1 && req->questions[0]->type == EVDNS_TYPE_A);
	evdns_server_request_add_a_reply(req, req->questions[0]->name, 1, v4, 60);
	evdns_server_request_respond(req, 0);
}

static struct evdns_server_port *ports[2];

static void
open_ports(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	struct evconnlistener *l;
	int fd;
	base = event_base_new();
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	ports[0] = evdns_add_server_port_with_base(base, fd, 0, on_request, NULL);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (connect(udp, (struct sockaddr *)&a, sizeof a))
		abort();
	a.sin_port = 0;
	l = evconnlistener_new_bind(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&a, sizeof a);
	getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&a, &len);
	ports[1] = evdns_add_server_port_with_listener(base, l, 0, on_request, NULL);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(tcp, (struct sockaddr *)&a, sizeof a))
		abort();
	evutil_make_socket_nonblocking(tcp);
	asked = 0;
}

static void
close_ports(void)
{
	close(udp), close(tcp);
	evdns_close_server_port(ports[0]);
	evdns_close_server_port(ports[1]);
	event_base_free(base);
}

/* The code of the next reply, or -1. Over TCP it has its length in front. */
static int
next_code(int fd, int skip)
{
	unsigned char r[2048];
	int i, len = -1;
	for (i = 0; i < 40 && len < 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		len = (int)recv(fd, r, skip ? 2 : sizeof r, skip ? MSG_PEEK : 0);
		if (len == 2 && skip)
			len = (int)recv(fd, r, 2 + (size_t)(r[0] << 8 | r[1]), 0);
		if (len < 0 && i > 2)
			usleep(500);
	}
	return len < skip + 12 ? -1 : r[skip + 3] & 15;
}

/* A packet over UDP and over TCP, and the code that is the answer. */
static void
both(const void *packet, int len, int code)
{
	unsigned char framed[2048];
	if (send(udp, packet, (size_t)len, 0) < 0)
		abort();
	CHECK(next_code(udp, 0) == code);
	framed[0] = (unsigned char)(len >> 8), framed[1] = (unsigned char)len;
	memcpy(framed + 2, packet, (size_t)len);
	if (send(tcp, framed, (size_t)len + 2, MSG_NOSIGNAL) < 0)
		abort();
	CHECK(next_code(tcp, 2) == code);
}

#define HEAD "\1\2\1\0\0\1\0\0\0\0\0\0"

CASE(cve_2026_63387_names_that_point_to_themselves_or_forward)
{
	open_ports();
	both(HEAD "\xc0\14\0\1\0\1", 18, 1);
	both(HEAD "\xc0\16\1a\0\0\1\0\1", 21, 1);
	both(HEAD "\1a\xc0\14\0\1\0\1", 20, 1);
	both(HEAD "\xff\xff\0\1\0\1", 18, 1);
	CHECK(asked == 0);
	close_ports();
}

CASE(cve_2026_63387_labels_past_the_end_or_of_reserved_kinds)
{
	open_ports();
	both(HEAD "\x3f""abc", 16, 1);
	both(HEAD "\x41""a\0\0\1\0\1", 19, 1);
	both(HEAD "\x81""a\0\0\1\0\1", 19, 1);
	both(HEAD "\1a\0\0\1", 17, 1);
	both(HEAD, 12, 1);
	CHECK(asked == 0);
	close_ports();
}

CASE(cve_2026_63387_a_chain_of_labels_longer_than_a_name)
{
	unsigned char q[600] = HEAD;
	int i, at = 12;
	open_ports();
	for (i = 0; i < 128; i++)
		q[at++] = 1, q[at++] = 'x';
	q[at++] = 0;
	memcpy(q + at, "\0\1\0\1", 4);
	both(q, at + 4, 1);
	/* the longest that is one: 127 labels */
	at -= 3;
	q[at++] = 0;
	memcpy(q + at, "\0\1\0\1", 4);
	both(q, at + 4, 0);
	CHECK(asked == 2);
	close_ports();
}

CASE(cve_2026_63387_more_questions_announced_than_sent)
{
	unsigned char q[] = "\1\2\1\0\377\377\0\0\0\0\0\0\1a\0\0\1\0\1";
	open_ports();
	both(q, 19, 1);
	q[4] = 0, q[5] = 2;
	both(q, 19, 1);
	q[5] = 0;
	both(q, 19, 1);
	q[5] = 1, q[11] = 1;
	both(q, 19, 1);
	q[11] = 0;
	both(q, 19, 0);
	CHECK(asked == 2);
	close_ports();
}

/* Frames of TCP: empty ones, one that is never whole, one byte at a time, two at once. */
CASE(cve_2026_63387_lengths_of_tcp)
{
	unsigned char q[] = "\0\23" HEAD "\1a\0\0\1\0\1", two[64];
	size_t i;
	open_ports();
	send(tcp, "\0\0\0\0\0\1x", 7, MSG_NOSIGNAL);
	CHECK(next_code(tcp, 2) == -1);
	for (i = 0; i < 21; i++) {
		send(tcp, q + i, 1, MSG_NOSIGNAL);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	CHECK(next_code(tcp, 2) == 0);
	memcpy(two, q, 21), memcpy(two + 21, q, 21);
	send(tcp, two, 42, MSG_NOSIGNAL);
	CHECK(next_code(tcp, 2) == 0 && next_code(tcp, 2) == 0);
	send(tcp, "\377\377half", 6, MSG_NOSIGNAL);
	CHECK(next_code(tcp, 2) == -1);
	CHECK(asked == 3);
	close_ports();
}

/* Nothing is ever answered to a response; another operation is not implemented; an empty datagram is nothing. */
CASE(what_is_no_query)
{
	unsigned char q[] = HEAD "\1a\0\0\1\0\1";
	open_ports();
	q[2] = 0x81;
	both(q, 19, -1);
	q[2] = 0xff;
	both(q, 19, -1);
	q[2] = 0x11;
	both(q, 19, 4);
	send(udp, q, 0, 0);
	CHECK(next_code(udp, 0) == -1);
	send(udp, q, 11, 0);
	CHECK(next_code(udp, 0) == -1);
	CHECK(asked == 0);
	close_ports();
}
