/*
 * A key-value server on libevent's event interface, with memcached's text commands set and get. kv PORT
 *
 * It stands in for memcached where that cannot be installed.
 */
#include <event2/event.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUCKETS 1024

struct entry {
	struct entry *next;
	char *key, *value;
	size_t len;
};

struct conn {
	struct event *ev;
	char *in;
	size_t len, room;
};

static struct entry *table[BUCKETS];

static struct entry *
find(const char *key, int make)
{
	struct entry *e;
	unsigned h = 5381;
	const char *s;
	for (s = key; *s; s++)
		h = h * 33 + (unsigned char)*s;
	for (e = table[h % BUCKETS]; e; e = e->next)
		if (strcmp(e->key, key) == 0)
			return e;
	if (!make || !(e = calloc(1, sizeof *e)) || !(e->key = strdup(key)))
		return NULL;
	e->next = table[h % BUCKETS];
	table[h % BUCKETS] = e;
	return e;
}

static void
put(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void
drop(struct conn *c, int fd)
{
	event_free(c->ev);
	close(fd);
	free(c->in);
	free(c);
}

/* Answers one command; how many bytes it took, 0 where it is not whole yet. */
static size_t
command(struct conn *c, int fd)
{
	char key[251], head[320];
	char *end = memchr(c->in, '\n', c->len);
	size_t line, want;
	struct entry *e;
	if (!end)
		return 0;
	line = (size_t)(end - c->in) + 1;
	*end = '\0';
	if (sscanf(c->in, "set %250s %*u %*u %zu", key, &want) == 2 && want < (1u << 20)) {
		if (c->len < line + want + 2) {
			*end = '\n';
			return 0;
		}
		e = find(key, 1);
		if (e) {
			free(e->value);
			e->value = malloc(want ? want : 1);
			e->len = e->value ? want : 0;
			memcpy(e->value, c->in + line, e->len);
		}
		put(fd, "STORED\r\n", 8);
		return line + want + 2;
	}
	if (sscanf(c->in, "get %250s", key) == 1) {
		e = find(key, 0);
		if (e && e->value) {
			char *out = malloc(e->len + sizeof head);
			int n;
			if (!out)
				return line;
			n = sprintf(out, "VALUE %s 0 %zu\r\n", key, e->len);
			memcpy(out + n, e->value, e->len);
			memcpy(out + n + e->len, "\r\nEND\r\n", 7);
			put(fd, out, (size_t)n + e->len + 7);
			free(out);
		} else {
			put(fd, "END\r\n", 5);
		}
		return line;
	}
	put(fd, "ERROR\r\n", 7);
	return line;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	size_t took;
	ssize_t n;
	(void)what;
	if (c->len + 4096 > c->room) {
		char *more = realloc(c->in, c->room + 65536);
		if (!more) {
			drop(c, fd);
			return;
		}
		c->in = more;
		c->room += 65536;
	}
	n = read(fd, c->in + c->len, c->room - c->len);
	if (n <= 0) {
		drop(c, fd);
		return;
	}
	c->len += (size_t)n;
	while (c->len > 0 && (took = command(c, fd)) > 0) {
		memmove(c->in, c->in + took, c->len - took);
		c->len -= took;
	}
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	int peer = accept(fd, NULL, NULL);
	struct conn *c;
	(void)what;
	if (peer < 0 || !(c = calloc(1, sizeof *c)))
		return;
	c->ev = event_new(arg, peer, EV_READ | EV_PERSIST, on_read, c);
	event_add(c->ev, NULL);
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	(void)sig, (void)what;
	event_base_loopbreak(arg);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct sockaddr_in sin;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "11211"));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (!base || bind(fd, (struct sockaddr *)&sin, sizeof sin) || listen(fd, 128)) {
		perror("kv");
		return 1;
	}
	evutil_make_socket_nonblocking(fd);
	signal(SIGPIPE, SIG_IGN);
	event_add(event_new(base, fd, EV_READ | EV_PERSIST, on_accept, base), NULL);
	event_add(evsignal_new(base, SIGTERM, on_term, base), NULL);
	event_base_dispatch(base);
	event_base_free(base);
	return 0;
}
