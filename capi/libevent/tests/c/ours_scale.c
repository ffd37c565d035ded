/*
 * Many connections on one loop, at full size:
 *
 * - 10,000 connections at once, each with 100 messages that come back byte by byte as they went: none is lost, none comes twice
 *   or out of order, and no descriptor stays behind.
 * - 1,000,000 connections accepted and closed one after another, a bufferevent for each, freed at once, after its first
 *   byte, or at its end: allocated bytes, resident memory and descriptors are where they were.
 *
 * The peer is a process of its own, with plain system calls. A twentieth of that runs with forced backends, a hundredth
 * under a checker.
 */
#include "case.h"
#include "loop_kit.h"
#include <dirent.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/un.h>

enum { CONNECTIONS = 10000, MESSAGES = 100, SIZE = 64, CYCLES = 1000000 };

/* Longer than other cases may take, where machines are busy. */
__attribute__((constructor)) static void patience(void)
{
	setenv("CASE_TIMEOUT", "150", 0);
}

static int checked(void)
{
	const char *preload = getenv("LD_PRELOAD");
	return preload && strstr(preload, "vgpreload");
}

static int share(int n)
{
	if (checked())
		return n / 100;
	return getenv("EVENT_NOEPOLL") || getenv("EVENT_NOPOLL") ? n / 20 : n;
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Resident pages. */
static long pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		abort();
	fclose(f);
	return resident;
}

/* Bytes in blocks that the allocator has given out. */
static long allocated(void)
{
#if defined(__GLIBC_PREREQ) && __GLIBC_PREREQ(2, 33)
	struct mallinfo2 info = mallinfo2();
	return (long)(info.uordblks + info.hblkhd);
#else
	return 0;
#endif
}

/* A name without a file, of this process. */
static socklen_t address(struct sockaddr_un *un)
{
	memset(un, 0, sizeof *un);
	un->sun_family = AF_UNIX;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1
	    + (size_t)snprintf(un->sun_path + 1, sizeof un->sun_path - 1, "evoxide-scale-%ld", (long)getpid()));
}

static int connected(const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)un, len) < 0) {
		perror("connect");
		_exit(3);
	}
	return fd;
}

static struct event_base *base;
static int accepted, live, most, goal;
static size_t received;

static void ended(struct bufferevent *b, short what, void *arg)
{
	(void)arg;
	if (!(what & BEV_EVENT_EOF))
		SAY("NO end 0x%x\n", (unsigned)what);
	bufferevent_free(b);
	if (--live == 0 && accepted == goal)
		event_base_loopexit(base, NULL);
}

static void echo(struct bufferevent *b, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(b);

	(void)arg;
	received += evbuffer_get_length(input);
	bufferevent_write_buffer(b, input);
}

static void accept_echo(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	struct bufferevent *b = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)l, (void)from, (void)len, (void)arg;
	bufferevent_setcb(b, echo, NULL, ended, NULL);
	bufferevent_enable(b, EV_READ | EV_WRITE);
	accepted++;
	if (++live > most)
		most = live;
}

static void message(unsigned char *out, int who, int number)
{
	unsigned x = (unsigned)who * 2654435761u + (unsigned)number * 40503u + 1;
	int i;

	for (i = 0; i < SIZE; i++) {
		x = x * 1664525u + 1013904223u;
		out[i] = (unsigned char)(x >> 24);
	}
}

/* Opens all connections, and then sends a message on each and reads it back from each, again and again. */
static void echo_peer(const struct sockaddr_un *un, socklen_t len, int n, int messages)
{
	int *fd = malloc((size_t)n * sizeof *fd), i, k;
	unsigned char sent[SIZE], got[SIZE];

	for (i = 0; i < n; i++)
		fd[i] = connected(un, len);
	for (k = 0; k < messages; k++) {
		for (i = 0; i < n; i++) {
			message(sent, i, k);
			if (write(fd[i], sent, SIZE) != SIZE)
				_exit(4);
		}
		for (i = 0; i < n; i++) {
			message(sent, i, k);
			if (recv(fd[i], got, SIZE, MSG_WAITALL) != SIZE || memcmp(sent, got, SIZE) != 0)
				_exit(5);
		}
	}
	/* Nothing more than what was sent comes back. */
	for (i = 0; i < n; i++)
		if (shutdown(fd[i], SHUT_WR) < 0 || read(fd[i], got, 1) != 0)
			_exit(6);
	_exit(0);
}

static int child_status(pid_t child)
{
	int status = -1;

	if (waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

CASE(ten_thousand_connections)
{
	int n = share(CONNECTIONS), messages = share(CONNECTIONS) == CONNECTIONS ? MESSAGES : 20, before;
	struct evconnlistener *listener;
	struct rlimit limit;
	struct sockaddr_un un;
	socklen_t len = address(&un);
	pid_t child;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < (rlim_t)n + 100) {
		n = (int)limit.rlim_cur - 100;
		SAY("only %d descriptors here\n", n + 100);
	}
	base = event_base_new();
	before = descriptors();
	goal = n;
	listener = evconnlistener_new_bind(base, accept_echo, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, -1,
	    (struct sockaddr *)&un, (int)len);
	CHECK(listener != NULL);
	child = fork();
	if (child == 0)
		echo_peer(&un, len, n, messages);
	event_base_dispatch(base);
	CHECK(child_status(child) == 0);
	CHECK(accepted == n && most == n && live == 0);
	CHECK(received == (size_t)n * (size_t)messages * SIZE);
	evconnlistener_free(listener);
	CHECK(descriptors() == before);
	event_base_free(base);
}

/* At intervals the peer waits until all are over, so that no stall makes a crowd that needs more memory than any before. */
enum { WINDOW = 50 };
static int go[2], over;

static void finish(struct bufferevent *b)
{
	bufferevent_free(b);
	if (++over % WINDOW == 0 && write(go[1], "", 1) != 1)
		SAY("NO word to the peer\n");
}

static void first_byte(struct bufferevent *b, void *arg)
{
	if ((intptr_t)arg == 1)
		finish(b);
}

static void last_byte(struct bufferevent *b, short what, void *arg)
{
	(void)what, (void)arg;
	finish(b);
}

static void accept_cycle(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	struct bufferevent *b = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	intptr_t way = accepted % 3;

	(void)l, (void)from, (void)len, (void)arg;
	accepted++;
	bufferevent_setcb(b, first_byte, NULL, last_byte, (void *)way);
	bufferevent_enable(b, EV_READ | EV_WRITE);
	if (way == 0)
		finish(b);
}

static void cycle_peer(const struct sockaddr_un *un, socklen_t len, int n)
{
	char word;
	int i;

	for (i = 1; i <= n; i++) {
		int fd = connected(un, len);
		/* It may be closed at the other end already. */
		if (send(fd, "x", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
			_exit(4);
		close(fd);
		if (i % WINDOW == 0 && read(go[0], &word, 1) != 1)
			_exit(5);
	}
	_exit(0);
}

static void cycles(int n)
{
	int wanted = over + n;
	struct sockaddr_un un;
	socklen_t len = address(&un);
	pid_t child = fork();

	if (child == 0)
		cycle_peer(&un, len, n);
	while (over < wanted)
		event_base_loop(base, EVLOOP_ONCE);
	if (child_status(child) != 0)
		SAY("NO the peer failed\n");
}

CASE(a_million_cycles)
{
	int n = share(CYCLES), fds;
	struct evconnlistener *listener;
	struct sockaddr_un un;
	socklen_t len = address(&un);
	long bytes, resident;

	if (pipe(go) < 0)
		abort();
	base = event_base_new();
	listener = evconnlistener_new_bind(base, accept_cycle, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 128,
	    (struct sockaddr *)&un, (int)len);
	CHECK(listener != NULL);
	cycles(n / 20);
	fds = descriptors();
	bytes = allocated();
	resident = pages();
	cycles(n - n / 20);
	CHECK(accepted == n && over == n);
	CHECK(descriptors() == fds);
	CHECK(checked() || allocated() - bytes < 64 * 1024);
	CHECK(checked() || pages() - resident < 64);
	evconnlistener_free(listener);
	event_base_free(base);
}
