/* Freed, cancelled or closed anywhere. */
#include "case.h"
#include "http_kit.h"

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

CASE(server_freed_in_flight)
{
	int a, b;
	serve(on_ok, 0);
	a = dial();
	b = dial();
	put(a, "GET / HTTP/1.1\r\nHo");
	put(b, GET("/"));
	settle();
	show(b);
	evhttp_free(http);
	http = 0;
	show(a);
	show(b);
	finish();
}

CASE(connection_freed_after_the_answer)
{
	serve(on_ok, 0);
	talk(GET("/"));
	finish();
}

static struct evhttp_request *kept;

static void
keep(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("request\n");
	kept = req;
}

CASE(listener_gone_with_a_request)
{
	int fd;
	serve(keep, 0);
	fd = dial();
	put(fd, GET("/"));
	settle();
	evhttp_del_accept_socket(http, bound);
	evhttp_send_reply(kept, 200, "OK", 0);
	settle();
	show(fd);
	close(fd);
	finish();
}

static void
free_in_complete(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("complete\n");
	evhttp_remove_header(evhttp_request_get_output_headers(req), "Date");
}

static void
complete(struct evhttp_request *req, void *arg)
{
	evhttp_request_set_on_complete_cb(req, free_in_complete, 0);
	on_ok(req, arg);
}

CASE(lists_edited_in_complete)
{
	serve(complete, 0);
	talk(GET("/"));
	finish();
}

static struct evhttp_connection *con;
static struct evhttp_request *current;

static void
cancel_in_piece(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("piece\n");
	evhttp_cancel_request(req);
}

CASE(cancelled_in_a_piece)
{
	int fd;
	raw_serve();
	con = client();
	current = evhttp_request_new(on_answer, (void *)"r");
	evhttp_request_set_error_cb(current, on_error);
	evhttp_request_set_chunked_cb(current, cancel_in_piece);
	evhttp_make_request(con, current, EVHTTP_REQ_GET, "/");
	ask(con, EVHTTP_REQ_GET, "/next", "next");
	fd = raw_accept();
	put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi");
	settle();
	close(fd);
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(con);
	close(fd);
	event_base_free(base);
}

static void
new_in_callback(struct evhttp_request *req, void *arg)
{
	struct evhttp_connection *other;
	on_answer(req, arg);
	other = client();
	evhttp_connection_free(other);
}

CASE(another_connection_in_the_callback)
{
	int fd;
	raw_serve();
	con = client();
	current = evhttp_request_new(new_in_callback, (void *)"r");
	evhttp_make_request(con, current, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	put(fd, OK2);
	settle();
	evhttp_connection_free(con);
	close(fd);
	event_base_free(base);
}

CASE(request_never_made)
{
	base = event_base_new();
	current = evhttp_request_new(on_answer, (void *)"r");
	evbuffer_add_printf(evhttp_request_get_output_buffer(current), "x");
	evhttp_add_header(evhttp_request_get_output_headers(current), "a", "b");
	evhttp_request_free(current);
	con = evhttp_connection_base_new(base, 0, "127.0.0.1", 1);
	evhttp_connection_free(con);
	SAY("done\n");
	event_base_free(base);
}

CASE(base_without_anything)
{
	base = event_base_new();
	http = evhttp_new(base);
	evhttp_free(http);
	event_base_free(base);
	SAY("done\n");
}
