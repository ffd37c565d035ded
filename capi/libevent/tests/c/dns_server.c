/* evdns server ports: requests, replies, errors, life. */
#include "dns_kit.h"
#include <fcntl.h>

struct bench {
	struct event_base *base;
	struct evdns_server_port *port;
	int fd, client;
	struct sockaddr_in at;
};

static struct bench *bench;

static int
bound(struct sockaddr_in *a)
{
	socklen_t len = sizeof *a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(a, 0, sizeof *a);
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)a, sizeof *a) || getsockname(fd, (struct sockaddr *)a, &len))
		abort();
	return fd;
}

static void
open_bench(struct bench *b, evdns_request_callback_fn_type cb)
{
	memset(b, 0, sizeof *b);
	bench = b;
	b->base = event_base_new();
	b->fd = bound(&b->at);
	b->client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (connect(b->client, (struct sockaddr *)&b->at, sizeof b->at))
		abort();
	b->port = evdns_add_server_port_with_base(b->base, b->fd, 0, cb, b);
	CHECK(b->port != NULL);
}

static void
close_bench(struct bench *b)
{
	if (b->port)
		evdns_close_server_port(b->port);
	close(b->client);
	event_base_free(b->base);
}

/* A query for a name in wire form. */
static int
make_query(unsigned char *q, const char *name, int type, int flags)
{
	int at = 12;
	memset(q, 0, 12);
	q[0] = 0x12, q[1] = 0x34;
	q[2] = (unsigned char)(flags >> 8), q[3] = (unsigned char)flags;
	q[5] = 1;
	while (*name) {
		const char *dot = strchr(name, '.');
		size_t len = dot ? (size_t)(dot - name) : strlen(name);
		q[at++] = (unsigned char)len;
		memcpy(q + at, name, len);
		at += (int)len;
		name += len + (dot != NULL);
	}
	q[at++] = 0;
	q[at++] = (unsigned char)(type >> 8), q[at++] = (unsigned char)type;
	q[at++] = 0, q[at++] = 1;
	return at;
}

static void
show_reply(struct bench *b)
{
	unsigned char r[4096];
	int i, len;
	for (i = 0; i < 20; i++) {
		event_base_loop(b->base, EVLOOP_NONBLOCK);
		len = (int)recv(b->client, r, sizeof r, 0);
		if (len >= 0)
			break;
		usleep(2000);
	}
	if (len < 12) {
		SAY("no reply %d\n", len < 0 ? -1 : len);
		return;
	}
	SAY("reply id %02x%02x flags %02x%02x counts %d %d %d %d length %d\n", r[0], r[1], r[2], r[3], r[4] << 8 | r[5], r[6] << 8 | r[7],
	    r[8] << 8 | r[9], r[10] << 8 | r[11], len);
	for (i = 12; i < len && i < 200; i++)
		SAY("%02x%s", r[i], i % 16 == 11 ? "\n" : " ");
	SAY("\n");
}

static void
ask(struct bench *b, const char *name, int type, int flags)
{
	unsigned char q[512];
	int len = make_query(q, name, type, flags);
	if (send(b->client, q, (size_t)len, 0) != len)
		abort();
	show_reply(b);
}

static void
show_request(struct evdns_server_request *req)
{
	int i;
	SAY("flags %x questions %d\n", req->flags, req->nquestions);
	for (i = 0; i < req->nquestions; i++)
		SAY("  %s type %d class %d\n", req->questions[i]->name, req->questions[i]->type, req->questions[i]->dns_question_class);
}

static void
answer_all(struct evdns_server_request *req, void *arg)
{
	unsigned char v4[8] = { 10, 0, 0, 1, 10, 0, 0, 2 }, v6[16] = { 0xfd, 1 };
	struct in_addr in;
	struct sockaddr_storage ss;
	(void)arg;
	show_request(req);
	SAY("from %d\n", evdns_server_request_get_requesting_addr(req, (struct sockaddr *)&ss, sizeof ss));
	SAY("small %d\n", evdns_server_request_get_requesting_addr(req, (struct sockaddr *)&ss, 4));
	in.s_addr = htonl(0x0a000001);
	SAY("a %d\n", evdns_server_request_add_a_reply(req, req->questions[0]->name, 1, v4, 60));
	SAY("aaaa %d\n", evdns_server_request_add_aaaa_reply(req, "six.example", 1, v6, 61));
	SAY("cname %d\n", evdns_server_request_add_cname_reply(req, "alias.example", "real.example", 62));
	SAY("ptr %d\n", evdns_server_request_add_ptr_reply(req, &in, NULL, "host.example", 63));
	SAY("ptr %d\n", evdns_server_request_add_ptr_reply(req, NULL, "1.2.3.4.in-addr.arpa", "host.example", 63));
	SAY("mx %d\n", evdns_server_request_add_reply(req, EVDNS_AUTHORITY_SECTION, "mx.example", EVDNS_TYPE_MX, EVDNS_CLASS_INET, 64, 4, 0, "\0\12\0\0"));
	SAY("ns %d\n", evdns_server_request_add_reply(req, EVDNS_ADDITIONAL_SECTION, "ns.example", EVDNS_TYPE_NS, EVDNS_CLASS_INET, 65, -1, 1, "host.example"));
	SAY("section %d\n", evdns_server_request_add_reply(req, 7, "ns.example", EVDNS_TYPE_NS, EVDNS_CLASS_INET, 65, -1, 1, "host.example"));
	SAY("respond %d\n", evdns_server_request_respond(req, 0));
}

CASE(all_kinds_of_records)
{
	struct bench b;
	open_bench(&b, answer_all);
	ask(&b, "a.example", 1, 0x100);
	close_bench(&b);
}

static void
answer_code(struct evdns_server_request *req, void *arg)
{
	(void)arg;
	show_request(req);
	SAY("respond %d\n", evdns_server_request_respond(req, 3));
}

CASE(a_code)
{
	struct bench b;
	open_bench(&b, answer_code);
	ask(&b, "A.Example", 28, 0x100);
	ask(&b, "b.example", 1, 0);
	ask(&b, "b.example", 255, 0x110);
	close_bench(&b);
}

static void
answer_flags(struct evdns_server_request *req, void *arg)
{
	(void)arg;
	evdns_server_request_set_flags(req, EVDNS_FLAGS_AA);
	SAY("respond %d\n", evdns_server_request_respond(req, 0));
}

static void
answer_flags_rd(struct evdns_server_request *req, void *arg)
{
	(void)arg;
	evdns_server_request_set_flags(req, EVDNS_FLAGS_AA | EVDNS_FLAGS_RD | 0xffff0000);
	SAY("respond %d\n", evdns_server_request_respond(req, 5));
}

CASE(flags)
{
	struct bench b;
	open_bench(&b, answer_flags);
	ask(&b, "a.example", 1, 0x100);
	close_bench(&b);
	open_bench(&b, answer_flags_rd);
	ask(&b, "a.example", 1, 0x000);
	close_bench(&b);
}

static void
drop(struct evdns_server_request *req, void *arg)
{
	(void)arg;
	SAY("drop %d\n", evdns_server_request_drop(req));
}

CASE(dropped)
{
	struct bench b;
	open_bench(&b, drop);
	ask(&b, "a.example", 1, 0x100);
	close_bench(&b);
}

static struct evdns_server_request *kept;

static void
keep(struct evdns_server_request *req, void *arg)
{
	(void)arg;
	SAY("kept\n");
	kept = req;
	event_base_loopbreak(bench->base);
}

CASE(answered_later)
{
	struct bench b;
	open_bench(&b, keep);
	ask(&b, "a.example", 1, 0x100);
	SAY("respond %d\n", evdns_server_request_respond(kept, 0));
	show_reply(&b);
	close_bench(&b);
}

CASE(answered_after_the_port_was_closed)
{
	struct bench b;
	open_bench(&b, keep);
	ask(&b, "a.example", 1, 0x100);
	evdns_close_server_port(b.port);
	b.port = NULL;
	SAY("respond %d\n", evdns_server_request_respond(kept, 0));
	show_reply(&b);
	close_bench(&b);
}

CASE(the_descriptor_goes_with_the_port)
{
	struct bench b;
	open_bench(&b, keep);
	evdns_close_server_port(b.port);
	b.port = NULL;
	SAY("open %d\n", fcntl(b.fd, F_GETFL) >= 0);
	close_bench(&b);
}

CASE(malformed)
{
	struct bench b;
	unsigned char q[64];
	int len = make_query(q, "a.example", 1, 0x100);
	open_bench(&b, answer_code);
	send(b.client, q, 11, 0);
	show_reply(&b);
	send(b.client, q, (size_t)len - 3, 0);
	show_reply(&b);
	q[2] = 0x81; /* a response */
	send(b.client, q, (size_t)len, 0);
	show_reply(&b);
	q[2] = 0x28; /* an update */
	send(b.client, q, (size_t)len, 0);
	show_reply(&b);
	close_bench(&b);
}

static void
answer_many(struct evdns_server_request *req, void *arg)
{
	unsigned char v4[4 * 100];
	int i;
	(void)arg;
	for (i = 0; i < 400; i++)
		v4[i] = (unsigned char)i;
	SAY("add %d\n", evdns_server_request_add_a_reply(req, req->questions[0]->name, 100, v4, 60));
	SAY("respond %d\n", evdns_server_request_respond(req, 0));
}

CASE(too_large_for_a_datagram)
{
	struct bench b;
	open_bench(&b, answer_many);
	ask(&b, "a.example", 1, 0x100);
	close_bench(&b);
}

CASE(both_ends_of_the_library)
{
	struct bench b;
	struct kit k;
	char text[64];
	open_bench(&b, answer_code);
	memset(&k, 0, sizeof k);
	kit_now = &k;
	k.base = b.base;
	k.dns = evdns_base_new(b.base, 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(b.at.sin_port));
	evdns_base_nameserver_ip_add(k.dns, text);
	evdns_base_set_option(k.dns, "randomize-case", "0");
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_free(k.dns, 0);
	close_bench(&b);
}

CASE(a_name_that_is_none)
{
	/* replies with bad names are refused when they are added or when they are sent */
	struct bench b;
	open_bench(&b, keep);
	ask(&b, "a.example", 1, 0x100);
	evdns_server_request_add_reply(kept, 0, "a.example", 99, 1, 1, 3, 0, "abc");
	SAY("respond %d\n", evdns_server_request_respond(kept, 0));
	show_reply(&b);
	close_bench(&b);
}
