/* Load generator for TLS on bare epoll, depth 1, a fixed number of round trips.
 * load_tls -p port -c conns -n round_trips [-s bytes] [-w warmup] [-I]
 *   -s  echo of so many bytes; without it HTTP, the first answer tells the length of all
 *   -I  idle: connect, one round trip each, print "idle", wait for end of stdin */
#include "bench.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

struct conn { int fd; SSL *ssl; size_t sent, got; uint64_t t0; unsigned polled; };
static const char get[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
static char *msg, in[1 << 16];
static size_t msg_len, ans_len;
static long total = 10000, warm = -1, started, done;
static uint32_t *lat;
static int ep;

static int cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void poll_for(struct conn *c, unsigned ev)
{
	struct epoll_event e = { .events = ev, .data.ptr = c };
	if (c->polled != ev)
		epoll_ctl(ep, c->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e);
	c->polled = ev;
}

static void push(struct conn *c)
{
	while (c->sent < msg_len) {
		int n = SSL_write(c->ssl, msg + c->sent, (int)(msg_len - c->sent));
		if (n <= 0) {
			if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_WRITE)
				exit(3);
			break;
		}
		c->sent += (size_t)n;
	}
	poll_for(c, c->sent < msg_len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void start(struct conn *c)
{
	started++;
	c->sent = c->got = 0;
	c->t0 = now_ns();
	push(c);
}

/* The length of an answer of HTTP. */
static size_t learn(struct conn *c)
{
	char head[4096] = "", *e, *l;
	size_t got = 0;
	if (SSL_write(c->ssl, msg, (int)msg_len) <= 0)
		exit(3);
	for (;;) {
		int n = SSL_read(c->ssl, head + got, (int)(sizeof head - 1 - got));
		if (n <= 0)
			exit(3);
		got += (size_t)n;
		if ((e = strstr(head, "\r\n\r\n")) && (l = strcasestr(head, "content-length:"))) {
			size_t len = (size_t)(e + 4 - head) + (size_t)atol(l + 15);
			if (got >= len)
				return len;
		}
	}
}

static void take(struct conn *c)
{
	while (c->got < ans_len) {
		int n = SSL_read(c->ssl, in, sizeof in);
		if (n <= 0) {
			if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
				exit(3);
			return;
		}
		c->got += (size_t)n;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct epoll_event evs[1024];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct conn *cs;
	int nc = 1, idle = 0, c, i;
	uint64_t t0, t1;
	while ((c = getopt(argc, argv, "p:c:s:n:w:I")) != -1)
		switch (c) {
		case 'p': a.sin_port = htons((uint16_t)atoi(optarg)); break;
		case 'c': nc = atoi(optarg); break;
		case 's': msg_len = ans_len = (size_t)atol(optarg); break;
		case 'n': total = atol(optarg); break;
		case 'w': warm = atol(optarg); break;
		case 'I': idle = 1; break;
		default: return 2;
		}
	raise_nofile();
	signal(SIGPIPE, SIG_IGN);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
	/* The server is measured, so the load takes as few calls as it can. */
	SSL_CTX_set_read_ahead(ctx, 1);
	if (msg_len) {
		msg = malloc(msg_len);
		memset(msg, 'm', msg_len);
	} else {
		msg = strdup(get);
		msg_len = sizeof get - 1;
	}
	if (warm < 0)
		warm = total / 10;
	if (idle) {
		total = nc;
		warm = 0;
	}
	lat = malloc(sizeof *lat * (size_t)(total + 1));
	cs = calloc((size_t)nc, sizeof *cs);
	ep = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < nc; i++) {
		cs[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (cs[i].fd < 0 || connect(cs[i].fd, (struct sockaddr *)&a, sizeof a))
			die("connect");
		set_nodelay(cs[i].fd);
		cs[i].ssl = SSL_new(ctx);
		SSL_set_fd(cs[i].ssl, cs[i].fd);
		if (SSL_connect(cs[i].ssl) != 1)
			die("handshake");
		if (!ans_len)
			ans_len = learn(&cs[i]);
		set_nonblock(cs[i].fd);
	}
	t0 = now_ns();
	for (i = 0; i < nc && started < total + warm; i++)
		start(&cs[i]);
	while (done < total + warm) {
		int n = epoll_wait(ep, evs, 1024, 10000);
		if (n == 0) {
			fprintf(stderr, "stalled at %ld of %ld\n", done, total + warm);
			return 1;
		}
		for (i = 0; i < n; i++) {
			struct conn *q = evs[i].data.ptr;
			if (q->sent < msg_len)
				push(q);
			if (q->got == ans_len)
				continue;
			take(q);
			if (q->got < ans_len)
				continue;
			t1 = now_ns();
			if (done >= warm)
				lat[done - warm] = (uint32_t)(t1 - q->t0);
			if (++done == warm)
				t0 = t1;
			if (started < total + warm)
				start(q);
		}
	}
	t1 = now_ns();
	if (idle) {
		printf("idle\n");
		fflush(stdout);
		while (read(0, in, 1) > 0)
			;
		return 0;
	}
	qsort(lat, (size_t)total, sizeof *lat, cmp);
	emit("rate", (double)total / ((double)(t1 - t0) * 1e-9), "rt/s");
	emit("p50", lat[total / 2] * 1e-3, "us");
	emit("p99", lat[total * 99 / 100] * 1e-3, "us");
	emit("load_cpu", (double)cpu_ns() / (double)(total + warm), "ns/rt");
	return 0;
}
