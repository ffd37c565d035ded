/* Clients: what is tried again and what is not, names, and how long they try; a server's many headers. */
#include "case.h"
#include "http_kit.h"
#include <event2/dns.h>

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define CLOSE2 "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"

/* What was sent and is not idempotent is never sent again. */
CASE(post_is_not_repeated)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	evhttp_connection_set_retries(evcon, 3);
	req = evhttp_request_new(on_answer, (void *)"r");
	evhttp_request_set_error_cb(req, on_error);
	evbuffer_add_printf(evhttp_request_get_output_buffer(req), "body");
	evhttp_make_request(evcon, req, EVHTTP_REQ_POST, "/");
	fd = raw_accept();
	raw_show(fd);
	close(fd);
	settle();
	raw_accept();
	evhttp_connection_free(evcon);
	close(raw_listener);
	event_base_free(base);
}

static double
seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
on_given_up(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	event_base_loopbreak(base);
}

/* 20, 40, 80 and 160 ms: the wait doubles with each try. */
CASE(retries_wait_longer_each_time)
{
	struct timeval tv = { 0, 20000 };
	struct evhttp_connection *evcon;
	double begin;
	raw_serve();
	close(raw_listener);
	evcon = client();
	evhttp_connection_set_retries(evcon, 4);
	evhttp_connection_set_initial_retry_tv(evcon, &tv);
	begin = seconds();
	evhttp_make_request(evcon, evhttp_request_new(on_given_up, (void *)"r"), EVHTTP_REQ_GET, "/");
	event_base_dispatch(base);
	SAY("waited long enough %d\n", seconds() - begin > 0.28);
	evhttp_connection_free(evcon);
	event_base_free(base);
}

/* A client of a host of a file, and the answer to its request. */
static struct evdns_base *dns;

static struct evhttp_connection *
client_by_name(int flags)
{
	char path[] = "/tmp/evoxide-hosts-XXXXXX";
	static const char hosts[] = "127.0.0.1 peer.example\n";
	struct evhttp_connection *evcon;
	int fd = mkstemp(path);
	raw_serve();
	SAY("file %d\n", write(fd, hosts, sizeof hosts - 1) == (ssize_t)sizeof hosts - 1);
	close(fd);
	dns = evdns_base_new(base, 0);
	SAY("hosts %d\n", evdns_base_load_hosts(dns, path));
	unlink(path);
	evcon = evhttp_connection_base_new(base, dns, "peer.example", (unsigned short)port);
	SAY("flags %d\n", evhttp_connection_set_flags(evcon, flags));
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	fd = raw_accept();
	raw_show(fd);
	put(fd, CLOSE2);
	settle();
	close(fd);
	settle();
	return evcon;
}

CASE(by_name_through_evdns)
{
	struct evhttp_connection *evcon = client_by_name(0);
	evhttp_connection_free(evcon);
	evdns_base_free(dns, 0);
	close(raw_listener);
	event_base_free(base);
}

/* Then the name leads nowhere any more. */
static void
second_connection(int flags)
{
	struct evhttp_connection *evcon = client_by_name(flags);
	int fd;
	evdns_base_clear_host_addresses(dns);
	ask(evcon, EVHTTP_REQ_GET, "/again", "again");
	fd = raw_accept();
	if (fd >= 0) {
		raw_show(fd);
		put(fd, OK2);
		settle();
		close(fd);
	}
	evhttp_connection_free(evcon);
	settle();
	evdns_base_free(dns, 0);
	close(raw_listener);
	event_base_free(base);
}

/* The address that was reached leads there still. */
CASE(reuse_of_the_connected_address)
{
	second_connection(EVHTTP_CON_REUSE_CONNECTED_ADDR);
}

CASE(another_look_up_for_each_connection)
{
	second_connection(0);
}

/* A queue of connections that is full lets nobody in. */
CASE(connect_time_out)
{
	struct timeval tv = { 0, 100000 };
	struct evhttp_connection *evcon;
	struct sockaddr_in sin;
	int fill[4], i;
	base = event_base_new();
	raw_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(0x7f000001);
	SAY("bind %d\n", bind(raw_listener, (struct sockaddr *)&sin, sizeof sin));
	SAY("listen %d\n", listen(raw_listener, 0));
	port = port_of(raw_listener);
	for (i = 0; i < 4; i++) {
		sin.sin_port = htons((unsigned short)port);
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fill[i], (struct sockaddr *)&sin, sizeof sin) == 0 || errno == EINPROGRESS)
			continue;
		SAY("connect failed\n");
	}
	evcon = client();
	evhttp_connection_set_timeout_tv(evcon, &tv);
	evhttp_make_request(evcon, evhttp_request_new(on_given_up, (void *)"r"), EVHTTP_REQ_GET, "/");
	event_base_dispatch(base);
	evhttp_connection_free(evcon);
	for (i = 0; i < 4; i++)
		close(fill[i]);
	close(raw_listener);
	event_base_free(base);
}

/* No number of headers is too many, as long as they fit. */
CASE(many_headers)
{
	struct evbuffer *request = evbuffer_new();
	int fd, i;
	serve(on_ok, 0);
	evbuffer_add_printf(request, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (i = 0; i < 5000; i++)
		evbuffer_add_printf(request, "X-%d: y\r\n", i);
	evbuffer_add_printf(request, "\r\n");
	fd = dial();
	while (evbuffer_get_length(request) > 0) {
		evbuffer_write(request, fd);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	settle();
	show(fd);
	close(fd);
	evbuffer_free(request);
	finish();
}
