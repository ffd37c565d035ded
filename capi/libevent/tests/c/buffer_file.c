/* evbuffer: files and file segments. */
#include "case.h"
#include <event2/buffer.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SIZE 30000
static unsigned char content[SIZE];

/* An unlinked file of SIZE known bytes. */
static int
file(void)
{
	char name[] = "/tmp/case-XXXXXX";
	int fd = mkstemp(name), i;
	unlink(name);
	for (i = 0; i < SIZE; i++)
		content[i] = (unsigned char)('a' + i % 26);
	if (write(fd, content, SIZE) != SIZE)
		SAY("short write\n");
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
begin(struct evbuffer *b)
{
	char out[27];
	ev_ssize_t n;
	memset(out, 0, sizeof out);
	n = evbuffer_copyout(b, out, 26);
	SAY("%zu: %zd %s\n", evbuffer_get_length(b), n, out);
}

/* Writes the buffer to a socket and checks what arrives. */
static void
send_all(struct evbuffer *b, const unsigned char *expect, size_t n)
{
	int p[2];
	size_t got = 0, rounds = 0;
	static unsigned char in[SIZE * 2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) < 0)
		return;
	while (evbuffer_get_length(b) && rounds++ < 1000) {
		ssize_t r;
		int w = evbuffer_write_atmost(b, p[0], 4096);
		if (w <= 0) {
			SAY("write %d\n", w);
			break;
		}
		while (w > 0 && (r = read(p[1], in + got, (size_t)w)) > 0) {
			got += (size_t)r;
			w -= (int)r;
		}
	}
	SAY("sent %zu same %d\n", got, got == n && memcmp(in, expect, n) == 0);
	close(p[0]);
	close(p[1]);
}

CASE(file_whole)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	SAY("%d\n", evbuffer_add_file(b, fd, 0, SIZE));
	begin(b);
	CHECK(memcmp(evbuffer_pullup(b, -1), content, SIZE) == 0);
	evbuffer_drain(b, SIZE);
	SAY("open %d\n", is_open(fd));
	evbuffer_free(b);
}

CASE(file_length_minus_one)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_file(b, file(), 0, -1));
	begin(b);
	evbuffer_free(b);
}

/* The original takes the whole file's length, and so reads past its end. */
CASE(file_length_minus_one_from_the_middle)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_file(b, file(), 100, -1));
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(file_part)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_file(b, file(), 5, 10));
	begin(b);
	SAY("%d\n", evbuffer_add_file(b, file(), 4099, 20));
	begin(b);
	SAY("%d\n", evbuffer_add_file(b, file(), SIZE - 3, 3));
	begin(b);
	CHECK(memcmp(evbuffer_pullup(b, -1) + 10, content + 4099, 20) == 0);
	evbuffer_free(b);
}

CASE(file_length_zero)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file(), r;
	r = evbuffer_add_file(b, fd, 0, 0);
	SAY("%d %zu open %d\n", r, evbuffer_get_length(b), is_open(fd));
	evbuffer_add(b, "x", 1);
	SAY("open %d\n", is_open(fd));
	begin(b);
	evbuffer_free(b);
	SAY("open %d\n", is_open(fd));
}

CASE(file_past_end)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file(), r;
	r = evbuffer_add_file(b, fd, SIZE, -1);
	SAY("%d %zu open %d\n", r, evbuffer_get_length(b), is_open(fd));
	fd = file();
	r = evbuffer_add_file(b, fd, SIZE + 1, -1);
	SAY("%d %zu open %d\n", r, evbuffer_get_length(b), is_open(fd));
	evbuffer_free(b);
}

CASE(file_bad_arguments)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file(), r;
	r = evbuffer_add_file(b, fd, -1, 10);
	SAY("%d open %d\n", r, is_open(fd));
	fd = file();
	r = evbuffer_add_file(b, fd, 0, -2);
	SAY("%d open %d\n", r, is_open(fd));
	SAY("%d\n", evbuffer_add_file(b, -1, 0, -1));
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(cve_2014_6272_add_file)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file(), r;
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_add(b, "0123456789", 10);
	r = evbuffer_add_file(b, fd, 1, INT64_MAX);
	SAY("%d %zu\n", r, evbuffer_get_length(b));
	r = evbuffer_add_file(b, file(), INT64_MAX, 2);
	SAY("%d %zu\n", r, evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(file_send_mapped)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_file(b, file(), 0, SIZE));
	send_all(b, content, SIZE);
	evbuffer_free(b);
}

CASE(file_send_sendfile)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	SAY("%d\n", evbuffer_add_file(b, fd, 26, SIZE - 26));
	SAY("%zu\n", evbuffer_get_length(b));
	send_all(b, content, SIZE - 26);
	SAY("open %d\n", is_open(fd));
	evbuffer_free(b);
}

CASE(file_send_between_bytes)
{
	struct evbuffer *b = evbuffer_new();
	static unsigned char expect[1020];
	int fd = file();
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_add(b, "head:", 5);
	SAY("%d\n", evbuffer_add_file(b, fd, 0, 1010));
	evbuffer_add(b, ":tail", 5);
	memcpy(expect, "head:", 5);
	memcpy(expect + 5, content, 1010);
	memcpy(expect + 1015, ":tail", 5);
	send_all(b, expect, 1020);
	SAY("open %d\n", is_open(fd));
	evbuffer_free(b);
}

CASE(file_sendfile_drained)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_add_file(b, fd, 0, 1000);
	evbuffer_drain(b, 400);
	SAY("%zu open %d\n", evbuffer_get_length(b), is_open(fd));
	evbuffer_drain(b, 600);
	SAY("%zu open %d\n", evbuffer_get_length(b), is_open(fd));
	evbuffer_free(b);
}

CASE(file_sendfile_moved)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	int fd = file();
	evbuffer_set_flags(a, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_add_file(a, fd, 0, 1000);
	SAY("%d\n", evbuffer_add_buffer(b, a));
	evbuffer_free(a);
	SAY("%zu open %d\n", evbuffer_get_length(b), is_open(fd));
	send_all(b, content, 1000);
	evbuffer_free(b);
	SAY("open %d\n", is_open(fd));
}

static void
cleaned(struct evbuffer_file_segment const *seg, int flags, void *arg)
{
	SAY("cleaned %s flags %d seg %d\n", (const char *)arg, flags, seg != NULL);
}

CASE(segment_lives_until_last_use)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	int fd = file();
	struct evbuffer_file_segment *s = evbuffer_file_segment_new(fd, 0, SIZE, EVBUF_FS_CLOSE_ON_FREE);
	CHECK(s != NULL);
	evbuffer_file_segment_add_cleanup_cb(s, cleaned, (void *)"S");
	SAY("%d\n", evbuffer_add_file_segment(a, s, 0, -1));
	SAY("%d\n", evbuffer_add_file_segment(b, s, 26, 10));
	SAY("free segment\n");
	evbuffer_file_segment_free(s);
	SAY("open %d\n", is_open(fd));
	begin(a);
	begin(b);
	SAY("free a\n");
	evbuffer_free(a);
	SAY("open %d\n", is_open(fd));
	SAY("drain b\n");
	evbuffer_drain(b, 10);
	SAY("open %d\n", is_open(fd));
	evbuffer_free(b);
}

CASE(segment_unused)
{
	int fd = file();
	struct evbuffer_file_segment *s = evbuffer_file_segment_new(fd, 0, 100, EVBUF_FS_DISABLE_SENDFILE);
	evbuffer_file_segment_add_cleanup_cb(s, cleaned, (void *)"S");
	evbuffer_file_segment_free(s);
	SAY("open %d\n", is_open(fd));
	close(fd);
}

CASE(segment_offsets)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	struct evbuffer_file_segment *s = evbuffer_file_segment_new(fd, 20, 1000, 0);
	SAY("%d\n", evbuffer_add_file_segment(b, s, 20, 50));
	begin(b);
	SAY("%d\n", evbuffer_add_file_segment(b, s, 999, 1));
	begin(b);
	SAY("%d\n", evbuffer_add_file_segment(b, s, 1000, -1));
	SAY("%d\n", evbuffer_add_file_segment(b, s, 990, -1));
	SAY("%d\n", evbuffer_add_file_segment(b, s, 0, 0));
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
	evbuffer_file_segment_free(s);
	close(fd);
}

/* A hold for every call: the original gives one up where it fails. */
static void
add_bad(ev_off_t offset, ev_off_t length)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	struct evbuffer_file_segment *s = evbuffer_file_segment_new(fd, 20, 1000, 0);
	SAY("%d %zu\n", evbuffer_add_file_segment(b, s, offset, length), evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(cve_2015_6525_add_file_segment)
{
	add_bad(999, 2);
	add_bad(1001, -1);
	add_bad(0, 1001);
	add_bad(0, INT64_MAX);
}

/* Offset and length overflow together: the original takes them. */
CASE(cve_2015_6525_add_file_segment_overflow)
{
	add_bad(1000, INT64_MAX);
	add_bad(1, INT64_MAX);
}

CASE(segment_flags)
{
	static const unsigned flags[] = { 0, EVBUF_FS_DISABLE_MMAP, EVBUF_FS_DISABLE_SENDFILE,
		EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE, EVBUF_FS_DISABLE_LOCKING,
		EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_LOCKING };
	size_t i;
	int drains;
	for (i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		for (drains = 0; drains < 2; drains++) {
			struct evbuffer *b = evbuffer_new();
			int fd = file();
			struct evbuffer_file_segment *s = evbuffer_file_segment_new(fd, 26, 26 * 100, flags[i]);
			if (drains)
				evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
			SAY("flags %u drains %d: %d %d\n", flags[i], drains, s != NULL, evbuffer_add_file_segment(b, s, 26, -1));
			send_all(b, content, 26 * 99);
			evbuffer_free(b);
			evbuffer_file_segment_free(s);
			SAY("open %d\n", is_open(fd));
			close(fd);
		}
	}
}

CASE(segment_same_buffer_twice)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	struct evbuffer_file_segment *s = evbuffer_file_segment_new(fd, 0, 26, EVBUF_FS_CLOSE_ON_FREE);
	evbuffer_file_segment_add_cleanup_cb(s, cleaned, (void *)"S");
	evbuffer_add_file_segment(b, s, 0, -1);
	evbuffer_add_file_segment(b, s, 0, -1);
	evbuffer_file_segment_free(s);
	begin(b);
	evbuffer_drain(b, 30);
	SAY("open %d\n", is_open(fd));
	begin(b);
	evbuffer_drain(b, 30);
	SAY("open %d\n", is_open(fd));
	evbuffer_free(b);
}

CASE(segment_new_fails)
{
	int fd = file();
	CHECK(evbuffer_file_segment_new(fd, -1, 10, 0) == NULL);
	CHECK(evbuffer_file_segment_new(fd, 0, -2, 0) == NULL);
	CHECK(evbuffer_file_segment_new(-1, 0, -1, 0) == NULL);
	CHECK(evbuffer_file_segment_new(fd, 0, SIZE + 1, EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE) == NULL);
	SAY("open %d\n", is_open(fd));
	close(fd);
}

CASE(segment_frozen)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	struct evbuffer_file_segment *s = evbuffer_file_segment_new(fd, 0, 26, 0);
	evbuffer_freeze(b, 0);
	SAY("%d %zu\n", evbuffer_add_file_segment(b, s, 0, -1), evbuffer_get_length(b));
	SAY("open %d\n", is_open(fd));
	evbuffer_unfreeze(b, 0);
	evbuffer_free(b);
}

CASE(file_on_frozen_buffer)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	evbuffer_freeze(b, 0);
	SAY("%d %zu\n", evbuffer_add_file(b, fd, 0, 26), evbuffer_get_length(b));
	SAY("open %d\n", is_open(fd));
	evbuffer_free(b);
}

CASE(file_zero_length_drains_to_fd)
{
	struct evbuffer *b = evbuffer_new();
	int fd = file();
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	SAY("%d %zu\n", evbuffer_add_file(b, fd, 0, 0), evbuffer_get_length(b));
	evbuffer_free(b);
	SAY("open %d\n", is_open(fd));
}

CASE(file_read_into_memory_searched)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr p;
	int fd = file();
	struct evbuffer_file_segment *s =
	    evbuffer_file_segment_new(fd, 0, SIZE, EVBUF_FS_CLOSE_ON_FREE | EVBUF_FS_DISABLE_SENDFILE);
	evbuffer_add(b, "x", 1);
	evbuffer_add_file_segment(b, s, 0, -1);
	evbuffer_file_segment_free(s);
	p = evbuffer_search(b, "zabc", 4, NULL);
	SAY("%ld\n", (long)p.pos);
	evbuffer_free(b);
}

CASE(file_to_a_file)
{
	struct evbuffer *b = evbuffer_new();
	int out = file(), n;
	static char in[100];
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_add_file(b, file(), 3, 50);
	n = evbuffer_write(b, out);
	SAY("%d %zu\n", n, evbuffer_get_length(b));
	SAY("%d\n", (int)pread(out, in, 50, 0));
	SAY("%.50s\n", in);
	close(out);
	evbuffer_free(b);
}
