/* evdns: every code, type, section and flag by its name. */
#include "dns_kit.h"

/* The machine's own numbers must not be in what is compared: names are. */
static const char *
code_name(int code)
{
	switch (code) {
	case DNS_ERR_NONE: return "DNS_ERR_NONE";
	case DNS_ERR_FORMAT: return "DNS_ERR_FORMAT";
	case DNS_ERR_SERVERFAILED: return "DNS_ERR_SERVERFAILED";
	case DNS_ERR_NOTEXIST: return "DNS_ERR_NOTEXIST";
	case DNS_ERR_NOTIMPL: return "DNS_ERR_NOTIMPL";
	case DNS_ERR_REFUSED: return "DNS_ERR_REFUSED";
	case DNS_ERR_TRUNCATED: return "DNS_ERR_TRUNCATED";
	case DNS_ERR_UNKNOWN: return "DNS_ERR_UNKNOWN";
	case DNS_ERR_TIMEOUT: return "DNS_ERR_TIMEOUT";
	case DNS_ERR_SHUTDOWN: return "DNS_ERR_SHUTDOWN";
	case DNS_ERR_CANCEL: return "DNS_ERR_CANCEL";
	case DNS_ERR_NODATA: return "DNS_ERR_NODATA";
	default: return "?";
	}
}

static void
on_code(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	(void)ttl, (void)addrs;
	SAY("%s: %s type %d count %d\n", (const char *)arg, code_name(result), type, count);
	if (--kit_now->left == 0)
		event_base_loopbreak(kit_now->base);
}

static void
code_of(const char *name)
{
	struct kit k;
	char arg[64];
	kit_open(&k, 0);
	k.server.quiet = 1;
	evdns_base_set_option(k.dns, "attempts", "1");
	snprintf(arg, sizeof arg, "%s", name);
	CHECK(evdns_base_resolve_ipv4(k.dns, name, DNS_NO_SEARCH, on_code, arg) != NULL);
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(format_error_by_name)
{
	code_of("form.example");
}

CASE(not_found_by_name)
{
	code_of("none.example");
}

CASE(not_implemented_by_name)
{
	code_of("notimp.example");
}

CASE(no_data_by_name)
{
	code_of("nodata.example");
}

CASE(refused_by_name)
{
	code_of("refuse.example");
}

CASE(timed_out_by_name)
{
	code_of("drop.example");
}

CASE(a_good_answer_by_name)
{
	code_of("a.example");
}

CASE(another_code)
{
	struct kit k;
	kit_open(&k, 0);
	k.server.mode = 9; /* NOTAUTH */
	evdns_base_resolve_ipv4(k.dns, "a.example", DNS_NO_SEARCH, on_code, "code 9");
	kit_run(&k, 1);
	kit_close(&k);
}

CASE(shut_down_by_name)
{
	struct kit k;
	kit_open(&k, 0);
	evdns_base_resolve_ipv4(k.dns, "drop.example", 0, on_code, "freed");
	k.left = 1;
	evdns_base_free(k.dns, 1);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	SAY("left %d\n", k.left);
	kit_stop(&k.server);
	event_base_free(k.base);
}

CASE(cancelled_by_name)
{
	struct kit k;
	struct evdns_request *r;
	kit_open(&k, 0);
	r = evdns_base_resolve_ipv4(k.dns, "drop.example", 0, on_code, "cancelled");
	evdns_cancel_request(k.dns, r);
	kit_run(&k, 1);
	kit_close(&k);
}

/* All codes have a text, and the texts differ but for those that are no codes. */
CASE(texts_of_all_codes)
{
	int code;
	for (code = -1; code < 80; code++)
		if (strcmp(code_name(code), "?") || code == 6 || code == 71)
			SAY("%s: %s\n", code_name(code), evdns_err_to_string(code));
}

/* What a server port is told of types, and what it may answer. */
static const int types[] = { EVDNS_TYPE_A, EVDNS_TYPE_NS, EVDNS_TYPE_CNAME, EVDNS_TYPE_SOA, EVDNS_TYPE_PTR, EVDNS_TYPE_MX,
    EVDNS_TYPE_TXT, EVDNS_TYPE_AAAA, EVDNS_QTYPE_AXFR, EVDNS_QTYPE_ALL };
static int client;

static void
one_of_each(struct evdns_server_request *req, void *arg)
{
	int type = req->questions[0]->type, r;
	const char *name = req->questions[0]->name;
	(void)arg;
	SAY("%s type %d class %d: ", name, type, req->questions[0]->dns_question_class == EVDNS_CLASS_INET);
	switch (type) {
	case EVDNS_TYPE_A:
		r = evdns_server_request_add_reply(req, EVDNS_ANSWER_SECTION, name, type, EVDNS_CLASS_INET, 7, 4, 0, "\12\0\0\1");
		break;
	case EVDNS_TYPE_AAAA:
		r = evdns_server_request_add_reply(req, EVDNS_ANSWER_SECTION, name, type, EVDNS_CLASS_INET, 7, 16, 0, "0123456789abcdef");
		break;
	case EVDNS_TYPE_CNAME: case EVDNS_TYPE_PTR: case EVDNS_TYPE_NS:
		r = evdns_server_request_add_reply(req, EVDNS_ANSWER_SECTION, name, type, EVDNS_CLASS_INET, 7, -1, 1, "real.example");
		break;
	case EVDNS_TYPE_TXT:
		r = evdns_server_request_add_reply(req, EVDNS_ANSWER_SECTION, name, type, EVDNS_CLASS_INET, 7, 6, 0, "\5hello");
		break;
	case EVDNS_TYPE_SOA:
		r = evdns_server_request_add_reply(req, EVDNS_AUTHORITY_SECTION, name, type, EVDNS_CLASS_INET, 7, 22, 0,
		    "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5");
		break;
	case EVDNS_QTYPE_AXFR:
		r = -1;
		break;
	default: /* EVDNS_QTYPE_ALL, MX */
		r = evdns_server_request_add_reply(req, EVDNS_ADDITIONAL_SECTION, name, EVDNS_TYPE_TXT, EVDNS_CLASS_INET, 7, 1, 0, "\0");
	}
	SAY("add %d ", r);
	SAY("respond %d\n", evdns_server_request_respond(req, r ? DNS_ERR_REFUSED : DNS_ERR_NONE));
}

CASE(questions_and_answers_of_each_type)
{
	struct event_base *base = event_base_new();
	struct evdns_server_port *port;
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	unsigned char q[] = "\1\2\1\0\0\1\0\0\0\0\0\0\1x\7example\0\0\0\0\1", r[512];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), got, j;
	size_t i;
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	port = evdns_add_server_port_with_base(base, fd, 0, one_of_each, NULL);
	client = socket(AF_INET, SOCK_DGRAM, 0);
	if (connect(client, (struct sockaddr *)&a, sizeof a))
		abort();
	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		q[24] = (unsigned char)types[i];
		if (send(client, q, sizeof q - 1, 0) < 0)
			abort();
		event_base_loop(base, EVLOOP_ONCE);
		got = (int)recv(client, r, sizeof r, 0);
		SAY("code %d counts %d %d %d %d length %d:", r[3] & 15, r[5], r[7], r[9], r[11], got);
		for (j = 27; j < got; j++)
			SAY(" %02x", r[j]);
		SAY("\n");
	}
	close(client);
	evdns_close_server_port(port);
	event_base_free(base);
}

/* Without the system's servers and without a default one. */
CASE(no_default_servers)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);
	int r = evdns_base_resolv_conf_parse(dns, DNS_OPTION_NAMESERVERS | DNS_OPTION_NAMESERVERS_NO_DEFAULT, "/nonexistent/resolv.conf");
	SAY("parsed %d servers %d\n", r, evdns_base_count_nameservers(dns));
	r = evdns_base_resolv_conf_parse(dns, DNS_OPTION_NAMESERVERS, "/nonexistent/resolv.conf");
	SAY("parsed %d servers %d\n", r, evdns_base_count_nameservers(dns));
	evdns_base_free(dns, 0);
	dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_NAMESERVERS_NO_DEFAULT);
	SAY("made %d\n", dns != NULL);
	if (dns)
		evdns_base_free(dns, 0);
	event_base_free(base);
}
