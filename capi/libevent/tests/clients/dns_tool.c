/*
 * dns_tool: evdns against other people's programs, for dns.sh.
 *
 *     dns_tool resolve ADDRESS NAME...   what each name has, through that server
 *     dns_tool serve                     says its port, and answers over UDP, and over TCP where the library can
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct event_base *base;
static int left;

static void
on_answer(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	char text[64];
	int i;
	(void)ttl;
	printf("%s %s:", (char *)arg, evdns_err_to_string(result));
	for (i = 0; result == 0 && i < count && i < 3; i++)
		printf(" %s", type == DNS_IPv4_A ? inet_ntop(AF_INET, (char *)addrs + 4 * i, text, sizeof text) :
			      type == DNS_IPv6_AAAA ? inet_ntop(AF_INET6, (char *)addrs + 16 * i, text, sizeof text) : *(char **)addrs);
	printf(" (%d)\n", count);
	if (--left == 0)
		event_base_loopbreak(base);
}

static void
on_query(struct evdns_server_request *req, void *arg)
{
	unsigned char v4[4] = { 10, 0, 0, 1 }, v6[16] = { 0xfd };
	int i, j, code = 0;
	(void)arg;
	for (i = 0; i < req->nquestions; i++) {
		const char *name = req->questions[i]->name;
		if (!strncasecmp(name, "none", 4))
			code = DNS_ERR_NOTEXIST;
		else if (req->questions[i]->type == EVDNS_TYPE_A)
			for (j = 0; j < (strncasecmp(name, "big", 3) ? 1 : 60); j++)
				v4[3] = (unsigned char)(1 + j), evdns_server_request_add_a_reply(req, name, 1, v4, 60);
		else if (req->questions[i]->type == EVDNS_TYPE_AAAA)
			v6[15] = 1, evdns_server_request_add_aaaa_reply(req, name, 1, v6, 60);
		else if (req->questions[i]->type == EVDNS_TYPE_PTR)
			evdns_server_request_add_ptr_reply(req, NULL, name, "host.example", 60);
	}
	evdns_server_request_respond(req, code);
}

typedef struct evdns_server_port *(*listen_fn)(
    struct event_base *, struct evconnlistener *, int, evdns_request_callback_fn_type, void *);

static int
serve(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	listen_fn with_listener = (listen_fn)dlsym(RTLD_DEFAULT, "evdns_add_server_port_with_listener");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
		return 1;
	evdns_add_server_port_with_base(base, fd, 0, on_query, NULL);
	if (with_listener)
		with_listener(base, evconnlistener_new_bind(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&a, sizeof a),
		    0, on_query, NULL);
	printf("listening %d\n", ntohs(a.sin_port));
	fflush(stdout);
	return event_base_dispatch(base);
}

int
main(int argc, char **argv)
{
	struct evdns_base *dns;
	struct in_addr in;
	int i;
	base = event_base_new();
	if (argc > 1 && !strcmp(argv[1], "serve"))
		return serve();
	dns = evdns_base_new(base, 0);
	evdns_base_nameserver_ip_add(dns, argv[2]);
	for (i = 3; i < argc; i++) {
		left += 2;
		evdns_base_resolve_ipv4(dns, argv[i], 0, on_answer, argv[i]);
		evdns_base_resolve_ipv6(dns, argv[i], 0, on_answer, argv[i]);
	}
	in.s_addr = htonl(0x0a000001);
	left++;
	evdns_base_resolve_reverse(dns, &in, 0, on_answer, argv[2]);
	event_base_dispatch(base);
	evdns_base_free(dns, 0);
	event_base_free(base);
	return 0;
}
