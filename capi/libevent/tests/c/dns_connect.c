/* bufferevent_socket_connect_hostname through a resolver; the global resolver of libevent 1.x. */
#include "dns_kit.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event_compat.h>
#include <event2/listener.h>
#include <event2/dns_compat.h>

/* The listener's report and the bufferevent's may come in either order: both are kept, and told when both are there. */
static int accepted = -1, connected;

static void
leave_when_both_are_there(void)
{
	if (accepted >= 0 && connected)
		event_base_loopbreak(kit_now->base);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	(void)l, (void)sa, (void)len, (void)arg;
	accepted = fd;
	leave_when_both_are_there();
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	SAY("event%s%s%s dns error %d\n", what & BEV_EVENT_CONNECTED ? " connected" : "", what & BEV_EVENT_EOF ? " eof" : "",
	    what & BEV_EVENT_ERROR ? " error" : "", bufferevent_socket_get_dns_error(bev));
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		event_base_loopbreak(kit_now->base);
	if (what & BEV_EVENT_CONNECTED) {
		connected = 1;
		leave_when_both_are_there();
	}
}

static int
listen_on(struct event_base *base, struct evconnlistener **l)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*l = evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&a, sizeof a);
	getsockname(evconnlistener_get_fd(*l), (struct sockaddr *)&a, &len);
	return ntohs(a.sin_port);
}

static void
by_name(const char *name, int family)
{
	struct kit k;
	struct evconnlistener *l;
	struct bufferevent *bev;
	char path[] = "/tmp/hosts-XXXXXX";
	int port, fd = mkstemp(path);
	if (write(fd, "127.0.0.1 here.example\n", 23) != 23)
		abort();
	close(fd);
	kit_open(&k, 0);
	evdns_base_load_hosts(k.dns, path);
	unlink(path);
	port = listen_on(k.base, &l);
	bev = bufferevent_socket_new(k.base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, NULL, NULL, on_event, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	evbuffer_add_printf(bufferevent_get_output(bev), "hello");
	SAY("connect %d\n", bufferevent_socket_connect_hostname(bev, k.dns, family, name, port));
	SAY("begun\n");
	event_base_dispatch(k.base);
	SAY("accepted %d\n", accepted >= 0);
	if (accepted >= 0)
		close(accepted);
	bufferevent_free(bev);
	evconnlistener_free(l);
	kit_close(&k);
}

CASE(a_name_of_the_hosts_file)
{
	by_name("here.example", AF_INET);
}

CASE(a_number)
{
	by_name("127.0.0.1", AF_UNSPEC);
}

CASE(no_such_name)
{
	by_name("none.example", AF_INET);
}

CASE(no_answer)
{
	by_name("drop.example", AF_UNSPEC);
}

CASE(freed_while_it_is_looked_up)
{
	struct kit k;
	struct bufferevent *bev;
	struct timeval tv = { 0, 300000 };
	kit_open(&k, 0);
	bev = bufferevent_socket_new(k.base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, NULL, NULL, on_event, NULL);
	SAY("connect %d\n", bufferevent_socket_connect_hostname(bev, k.dns, AF_INET, "late.example", 9));
	bufferevent_free(bev);
	event_base_loopexit(k.base, &tv);
	event_base_dispatch(k.base);
	kit_close(&k);
}

CASE(bad_arguments)
{
	struct kit k;
	struct bufferevent *bev;
	kit_open(&k, 0);
	bev = bufferevent_socket_new(k.base, -1, 0);
	SAY("family %d\n", bufferevent_socket_connect_hostname(bev, k.dns, 99, "a.example", 80));
	SAY("port %d\n", bufferevent_socket_connect_hostname(bev, k.dns, AF_INET, "a.example", 0));
	SAY("port %d\n", bufferevent_socket_connect_hostname(bev, k.dns, AF_INET, "a.example", 70000));
	bufferevent_free(bev);
	kit_close(&k);
}

CASE(the_global_resolver)
{
	struct kit k;
	struct in_addr in;
	struct in6_addr in6;
	char text[64], path[] = "/tmp/resolv-XXXXXX";
	int fd = mkstemp(path);
	memset(&k, 0, sizeof k);
	kit_now = &k;
	if (write(fd, "options attempts:2\n", 19) != 19)
		abort();
	close(fd);
	k.base = event_init();
	SAY("global %s\n", evdns_get_global_base() ? "there" : "none");
	SAY("init %d\n", evdns_init());
	SAY("global %s\n", evdns_get_global_base() ? "there" : "none");
	SAY("clear %d\n", evdns_clear_nameservers_and_suspend());
	SAY("count %d\n", evdns_count_nameservers());
	kit_serve(&k.server, k.base, 1);
	snprintf(text, sizeof text, "127.0.0.1:%d", k.server.port);
	SAY("add %d\n", evdns_nameserver_ip_add(text));
	SAY("resume %d\n", evdns_resume());
	SAY("count %d\n", evdns_count_nameservers());
	SAY("option %d\n", evdns_set_option("timeout:", "0.3", 0));
	SAY("parse %d\n", evdns_resolv_conf_parse(DNS_OPTION_MISC, path));
	unlink(path);
	evdns_search_clear();
	evdns_search_ndots_set(1);
	SAY("v4 %d\n", evdns_resolve_ipv4("a.example", 0, kit_on_answer, NULL));
	kit_run(&k, 1);
	SAY("v6 %d\n", evdns_resolve_ipv6("a.example", 0, kit_on_answer, NULL));
	kit_run(&k, 1);
	in.s_addr = htonl(0x0a010203);
	inet_pton(AF_INET6, "fd00::1:2", &in6);
	SAY("reverse %d\n", evdns_resolve_reverse(&in, 0, kit_on_answer, NULL));
	kit_run(&k, 1);
	SAY("reverse %d\n", evdns_resolve_reverse_ipv6(&in6, 0, kit_on_answer, NULL));
	kit_run(&k, 1);
	evdns_search_add("one.example");
	SAY("search %d\n", evdns_resolve_ipv4("a", 0, kit_on_answer, NULL));
	kit_run(&k, 1);
	SAY("add %d\n", evdns_nameserver_add(htonl(0x7f000003)));
	SAY("count %d\n", evdns_count_nameservers());
	SAY("last %d\n", evdns_resolve_ipv4("drop.example", DNS_QUERY_NO_SEARCH, kit_on_answer, NULL));
	k.left = 1;
	evdns_shutdown(1);
	event_base_loop(k.base, EVLOOP_NONBLOCK);
	SAY("global %s\n", evdns_get_global_base() ? "there" : "none");
	kit_stop(&k.server);
	event_base_free(k.base);
}

static void
refuse(struct evdns_server_request *req, void *arg)
{
	(void)arg;
	SAY("asked\n");
	evdns_server_request_respond(req, DNS_ERR_REFUSED);
}

CASE(a_server_port_on_the_current_base)
{
	struct kit k;
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	struct evdns_server_port *port;
	char text[64];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	memset(&k, 0, sizeof k);
	kit_now = &k;
	k.base = event_init();
	port = evdns_add_server_port(fd, 0, refuse, NULL);
	CHECK(port != NULL);
	k.dns = evdns_base_new(k.base, 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(a.sin_port));
	evdns_base_nameserver_ip_add(k.dns, text);
	evdns_base_resolve_ipv4(k.dns, "a.example", 0, kit_on_answer, NULL);
	kit_run(&k, 1);
	evdns_base_free(k.dns, 0);
	evdns_close_server_port(port);
	event_base_free(k.base);
}
