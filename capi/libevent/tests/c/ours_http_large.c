/* HTTP: a GiB each way with bounded memory, and peers that stop. */
#include "case.h"
#include "http_kit.h"
#include <sys/resource.h>

/* A GiB, but for checkers, which are slow. */
#define TOTAL (getenv("CASE_PIDS") ? 16LL * 1024 * 1024 : 1024LL * 1024 * 1024)
#define PIECE (64 * 1024)

static long long sent, got;
static char block[PIECE];
static struct evbuffer *piece;

static void
within_memory(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	/* Checkers need memory of their own. */
	SAY("within 20 MiB %d\n", usage.ru_maxrss < 20 * 1024 || getenv("CASE_PIDS") != 0);
}

static void
next_piece(struct evhttp_connection *evcon, void *arg)
{
	struct evhttp_request *req = arg;
	(void)evcon;
	if (sent == TOTAL) {
		evhttp_send_reply_end(req);
		return;
	}
	sent += PIECE;
	evbuffer_add_reference(piece, block, PIECE, 0, 0);
	evhttp_send_reply_chunk_with_cb(req, piece, next_piece, req);
}

static void
download(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_reply_start(req, 200, "OK");
	next_piece(0, req);
}

static void
on_piece(struct evhttp_request *req, void *arg)
{
	(void)arg;
	got += (long long)evbuffer_get_length(evhttp_request_get_input_buffer(req));
}

static void
on_end(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("%d, all of it %d\n", req ? evhttp_request_get_response_code(req) : -1, got == TOTAL);
	event_base_loopbreak(base);
}

CASE(a_gibibyte_down)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	serve(download, 0);
	piece = evbuffer_new();
	evcon = evhttp_connection_base_new(base, 0, "127.0.0.1", (unsigned short)port);
	req = evhttp_request_new(on_end, 0);
	evhttp_request_set_chunked_cb(req, on_piece);
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	event_base_dispatch(base);
	within_memory();
	evhttp_connection_free(evcon);
	evbuffer_free(piece);
	finish();
}

static int
on_new(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_request_set_chunked_cb(req, on_piece);
	return 0;
}

static void
uploaded(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("all of it %d\n", got == TOTAL);
	evhttp_send_reply(req, 200, "OK", 0);
	event_base_loopbreak(base);
}

CASE(a_gibibyte_up)
{
	pid_t child;
	serve(uploaded, 0);
	evhttp_set_newreqcb(http, on_new, 0);
	child = fork();
	if (child == 0) {
		int fd = dial();
		char line[100];
		long long left = TOTAL;
		fcntl(fd, F_SETFL, 0);
		snprintf(line, sizeof line, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %lld\r\n\r\n", TOTAL);
		put(fd, line);
		while (left > 0) {
			ssize_t n = send(fd, block, PIECE, MSG_NOSIGNAL);
			if (n <= 0)
				break;
			left -= n;
		}
		recv(fd, block, sizeof block, 0);
		_exit(0);
	}
	event_base_dispatch(base);
	within_memory();
	finish();
	waitpid(child, 0, 0);
}

static int answered;

static void
endless(struct evhttp_request *req, void *arg)
{
	struct evbuffer *buf = evbuffer_new();
	(void)arg;
	answered = 1;
	while (evbuffer_get_length(buf) < 32 * 1024 * 1024)
		evbuffer_add_reference(buf, block, PIECE, 0, 0);
	evhttp_send_reply(req, 200, "OK", buf);
	evbuffer_free(buf);
}

/* A client that never reads ends with the write time-out. */
CASE(never_reading)
{
	struct timeval tv = { 0, 200000 };
	int fd;
	serve(endless, 0);
	evhttp_set_timeout_tv(http, &tv);
	fd = dial();
	put(fd, GET("/"));
	while (evhttp_get_connection_count(http) || !answered)
		event_base_loop(base, EVLOOP_ONCE);
	SAY("connections %d\n", evhttp_get_connection_count(http));
	close(fd);
	finish();
}

/* A body that stops ends with the read time-out. */
CASE(slow_body)
{
	struct timeval tv = { 0, 200000 };
	int fd;
	serve(on_ok, 0);
	evhttp_set_timeout_tv(http, &tv);
	fd = dial();
	put(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
	until_closed(fd);
	show(fd);
	close(fd);
	finish();
}
