/* evbuffer: reading from and writing to descriptors. */
#include "case.h"
#include <event2/buffer.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>

static int fds[2];

static void
pair(int nonblock)
{
	signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		SAY("no pair\n");
	if (nonblock) {
		fcntl(fds[0], F_SETFL, O_NONBLOCK);
		fcntl(fds[1], F_SETFL, O_NONBLOCK);
	}
}

static void
put(const char *s)
{
	if (write(fds[1], s, strlen(s)) < 0)
		SAY("put failed\n");
}

static void
show(struct evbuffer *b)
{
	SAY("%zu: %.*s\n", evbuffer_get_length(b), (int)evbuffer_get_length(b), (char *)evbuffer_pullup(b, -1));
}

CASE(read_some)
{
	struct evbuffer *b = evbuffer_new();
	pair(1);
	put("hello");
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	show(b);
	put(" wide world");
	SAY("%d\n", evbuffer_read(b, fds[0], 5));
	show(b);
	SAY("%d\n", evbuffer_read(b, fds[0], 100));
	show(b);
	evbuffer_free(b);
}

CASE(read_nothing_there)
{
	struct evbuffer *b = evbuffer_new();
	int r;
	pair(1);
	errno = 0;
	r = evbuffer_read(b, fds[0], -1);
	SAY("%d %d %zu\n", r, errno == EAGAIN, evbuffer_get_length(b));
	r = evbuffer_read(b, fds[0], 10);
	SAY("%d %d\n", r, errno == EAGAIN);
	evbuffer_add(b, "x", 1);
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(read_zero)
{
	struct evbuffer *b = evbuffer_new();
	pair(1);
	put("hello");
	SAY("%d\n", evbuffer_read(b, fds[0], 0));
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(read_end_of_file)
{
	struct evbuffer *b = evbuffer_new();
	pair(1);
	put("last");
	close(fds[1]);
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	show(b);
	evbuffer_free(b);
}

CASE(read_bad_descriptor)
{
	struct evbuffer *b = evbuffer_new();
	int r;
	errno = 0;
	r = evbuffer_read(b, -1, 10);
	SAY("%d %d\n", r, errno == EBADF);
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(read_at_most_4096)
{
	struct evbuffer *b = evbuffer_new();
	static char data[20000];
	int i, r;
	pair(1);
	for (i = 0; i < 20000; i++)
		data[i] = (char)('a' + i % 23);
	if (write(fds[1], data, sizeof data) != sizeof data)
		SAY("short\n");
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	SAY("%d\n", evbuffer_read(b, fds[0], 10000));
	SAY("%d\n", evbuffer_read(b, fds[0], 4097));
	SAY("%d\n", evbuffer_read(b, fds[0], 4095));
	SAY("%d\n", evbuffer_read(b, fds[0], INT_MAX));
	while ((r = evbuffer_read(b, fds[0], -1)) > 0)
		SAY("more %d\n", r);
	CHECK(evbuffer_get_length(b) == sizeof data);
	CHECK(memcmp(evbuffer_pullup(b, -1), data, sizeof data) == 0);
	evbuffer_free(b);
}

CASE(read_behind_content)
{
	struct evbuffer *b = evbuffer_new();
	static char data[3000];
	memset(data, '.', sizeof data);
	pair(1);
	evbuffer_add(b, "start", 5);
	if (write(fds[1], data, sizeof data) != sizeof data)
		SAY("short\n");
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	put("end");
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_drain(b, 3000);
	show(b);
	evbuffer_free(b);
}

CASE(read_from_file)
{
	struct evbuffer *b = evbuffer_new();
	char name[] = "/tmp/case-XXXXXX";
	int fd = mkstemp(name), r;
	unlink(name);
	evbuffer_add_printf(b, "%5000d", 1);
	SAY("%d\n", evbuffer_write(b, fd));
	lseek(fd, 0, SEEK_SET);
	while ((r = evbuffer_read(b, fd, -1)) > 0)
		SAY("%d\n", r);
	SAY("%d %zu\n", r, evbuffer_get_length(b));
	close(fd);
	evbuffer_free(b);
}

CASE(read_from_pipe)
{
	struct evbuffer *b = evbuffer_new();
	int p[2];
	if (pipe(p) < 0)
		return;
	if (write(p[1], "piped", 5) != 5)
		SAY("short\n");
	SAY("%d\n", evbuffer_read(b, p[0], 3));
	SAY("%d\n", evbuffer_read(b, p[0], -1));
	show(b);
	close(p[1]);
	SAY("%d\n", evbuffer_read(b, p[0], -1));
	evbuffer_free(b);
}

CASE(write_all)
{
	struct evbuffer *b = evbuffer_new();
	char in[64];
	int n;
	pair(1);
	evbuffer_add_reference(b, "one ", 4, NULL, NULL);
	evbuffer_add(b, "two ", 4);
	evbuffer_add_reference(b, "three", 5, NULL, NULL);
	SAY("%d\n", evbuffer_write(b, fds[0]));
	SAY("%zu\n", evbuffer_get_length(b));
	n = (int)read(fds[1], in, sizeof in);
	SAY("%d %.*s\n", n, n, in);
	evbuffer_free(b);
}

CASE(write_atmost)
{
	struct evbuffer *b = evbuffer_new();
	char in[64];
	int n;
	pair(1);
	evbuffer_add_reference(b, "one ", 4, NULL, NULL);
	evbuffer_add_reference(b, "two ", 4, NULL, NULL);
	evbuffer_add_reference(b, "three", 5, NULL, NULL);
	SAY("%d\n", evbuffer_write_atmost(b, fds[0], 6));
	SAY("%zu\n", evbuffer_get_length(b));
	SAY("%d\n", evbuffer_write_atmost(b, fds[0], 0));
	SAY("%zu\n", evbuffer_get_length(b));
	SAY("%d\n", evbuffer_write_atmost(b, fds[0], 100));
	SAY("%zu\n", evbuffer_get_length(b));
	SAY("%d\n", evbuffer_write_atmost(b, fds[0], -1));
	evbuffer_add(b, "!", 1);
	SAY("%d\n", evbuffer_write_atmost(b, fds[0], -5));
	n = (int)read(fds[1], in, sizeof in);
	SAY("%d %.*s\n", n, n, in);
	evbuffer_free(b);
}

CASE(write_empty)
{
	struct evbuffer *b = evbuffer_new();
	int r;
	pair(1);
	errno = 0;
	r = evbuffer_write(b, fds[0]);
	SAY("%d %d\n", r, errno);
	evbuffer_expand(b, 100);
	r = evbuffer_write(b, fds[0]);
	SAY("%d %d\n", r, errno);
	evbuffer_free(b);
}

CASE(write_errors)
{
	struct evbuffer *b = evbuffer_new();
	int r;
	pair(1);
	evbuffer_add(b, "data", 4);
	r = evbuffer_write(b, -1);
	SAY("%d %d %zu\n", r, errno == EBADF, evbuffer_get_length(b));
	close(fds[1]);
	r = evbuffer_write(b, fds[0]);
	SAY("%d %d %zu\n", r, errno == EPIPE, evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(write_until_full)
{
	struct evbuffer *b = evbuffer_new(), *in = evbuffer_new();
	static char data[600000];
	size_t i;
	int r, full = 0;
	pair(1);
	for (i = 0; i < sizeof data; i++)
		data[i] = (char)('a' + i % 23);
	for (i = 0; i < sizeof data; i += 5000)
		evbuffer_add(b, data + i, 5000);
	while (evbuffer_get_length(b)) {
		r = evbuffer_write(b, fds[0]);
		if (r < 0) {
			full += errno == EAGAIN;
			while ((r = evbuffer_read(in, fds[1], -1)) > 0)
				;
		}
	}
	while ((r = evbuffer_read(in, fds[1], -1)) > 0)
		;
	CHECK(full > 0);
	CHECK(evbuffer_get_length(in) == sizeof data);
	CHECK(memcmp(evbuffer_pullup(in, -1), data, sizeof data) == 0);
	evbuffer_free(b);
	evbuffer_free(in);
}

CASE(write_many_chains)
{
	struct evbuffer *b = evbuffer_new();
	static char in[2000];
	int i, n = 0, r;
	pair(1);
	for (i = 0; i < 1000; i++)
		evbuffer_add_reference(b, i % 2 ? "x" : "y", 1, NULL, NULL);
	while (evbuffer_get_length(b) && (r = evbuffer_write(b, fds[0])) > 0)
		n += r;
	SAY("%d %d\n", n, (int)read(fds[1], in, sizeof in));
	SAY("%.10s\n", in + 990);
	evbuffer_free(b);
}

static void
tell(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)arg;
	SAY("orig %zu added %zu deleted %zu now %zu\n", i->orig_size, i->n_added, i->n_deleted, evbuffer_get_length(b));
}

CASE(io_callbacks)
{
	struct evbuffer *b = evbuffer_new();
	pair(1);
	evbuffer_add_cb(b, tell, NULL);
	put("hello");
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	SAY("%d\n", evbuffer_read(b, fds[0], -1));
	SAY("%d\n", evbuffer_write_atmost(b, fds[0], 2));
	SAY("%d\n", evbuffer_write(b, fds[0]));
	SAY("%d\n", evbuffer_write(b, fds[0]));
	evbuffer_free(b);
}
