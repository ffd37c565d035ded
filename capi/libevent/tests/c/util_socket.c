/* Sockets of event2/util.h. */
#include "case.h"
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void
say_log(int severity, const char *text)
{
	SAY("log %d %s\n", severity, text);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	if (getsockopt(fd, level, name, &value, &len) != 0)
		return -1;
	return value;
}

/* A call with its answer and the error it left. */
#define TRY(call)                                            \
	do {                                                 \
		int try_answer, try_error;                   \
		errno = 0;                                   \
		try_answer = (call);                         \
		try_error = errno;                           \
		SAY("%s = %d %s\n", #call, try_answer,       \
		    try_answer ? strerror(try_error) : "");  \
	} while (0)

static int tcp, udp, tcp6, local, pipe_end;
static const int none = -1, unused = 999;

static void
open_all(void)
{
	int p[2];
	if (pipe(p) != 0)
		abort();
	pipe_end = p[0];
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	tcp6 = socket(AF_INET6, SOCK_STREAM, 0);
	local = socket(AF_UNIX, SOCK_STREAM, 0);
	event_set_log_callback(say_log);
}

CASE(nonblocking)
{
	open_all();
	CHECK((fcntl(tcp, F_GETFL) & O_NONBLOCK) == 0);
	TRY(evutil_make_socket_nonblocking(tcp));
	CHECK((fcntl(tcp, F_GETFL) & O_NONBLOCK) != 0);
	TRY(evutil_make_socket_nonblocking(tcp));
	TRY(evutil_make_socket_nonblocking(pipe_end));
	CHECK((fcntl(pipe_end, F_GETFL) & O_NONBLOCK) != 0);
}

CASE(nonblocking_errors)
{
	open_all();
	TRY(evutil_make_socket_nonblocking(none));
	TRY(evutil_make_socket_nonblocking(unused));
}

CASE(closeonexec)
{
	open_all();
	CHECK(fcntl(tcp, F_GETFD) == 0);
	TRY(evutil_make_socket_closeonexec(tcp));
	CHECK(fcntl(tcp, F_GETFD) == FD_CLOEXEC);
	TRY(evutil_make_socket_closeonexec(tcp));
	TRY(evutil_make_socket_closeonexec(pipe_end));
	TRY(evutil_make_socket_closeonexec(none));
	TRY(evutil_make_socket_closeonexec(unused));
}

CASE(reuseable)
{
	open_all();
	TRY(evutil_make_listen_socket_reuseable(tcp));
	CHECK(option(tcp, SOL_SOCKET, SO_REUSEADDR) == 1);
	TRY(evutil_make_listen_socket_reuseable(udp));
	TRY(evutil_make_listen_socket_reuseable(local));
	TRY(evutil_make_listen_socket_reuseable(pipe_end));
	TRY(evutil_make_listen_socket_reuseable(none));
}

CASE(reuseable_port)
{
	open_all();
	TRY(evutil_make_listen_socket_reuseable_port(tcp));
	CHECK(option(tcp, SOL_SOCKET, SO_REUSEPORT) == 1);
	TRY(evutil_make_listen_socket_reuseable_port(pipe_end));
	TRY(evutil_make_listen_socket_reuseable_port(none));
}

CASE(reuseable_port_two_listeners)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int other;
	open_all();
	other = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(evutil_make_listen_socket_reuseable_port(tcp) == 0);
	CHECK(evutil_make_listen_socket_reuseable_port(other) == 0);
	CHECK(bind(tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	CHECK(getsockname(tcp, (struct sockaddr *)&sin, &len) == 0);
	CHECK(bind(other, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	CHECK(listen(tcp, 1) == 0 && listen(other, 1) == 0);
}

CASE(ipv6only)
{
	open_all();
	if (tcp6 >= 0) {
		TRY(evutil_make_listen_socket_ipv6only(tcp6));
		CHECK(option(tcp6, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
	}
	TRY(evutil_make_listen_socket_ipv6only(tcp));
	TRY(evutil_make_listen_socket_ipv6only(pipe_end));
	TRY(evutil_make_listen_socket_ipv6only(none));
}

CASE(deferred)
{
	open_all();
	TRY(evutil_make_tcp_listen_socket_deferred(tcp));
	SAY("seconds %d\n", option(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT));
	TRY(evutil_make_tcp_listen_socket_deferred(local));
	TRY(evutil_make_tcp_listen_socket_deferred(pipe_end));
	TRY(evutil_make_tcp_listen_socket_deferred(none));
}

CASE(closesocket)
{
	open_all();
	TRY(evutil_closesocket(tcp));
	CHECK(fcntl(tcp, F_GETFD) == -1);
	TRY(evutil_closesocket(tcp));
	TRY(evutil_closesocket(none));
	TRY(EVUTIL_CLOSESOCKET(udp));
}

CASE(pair_stream)
{
	int sv[2] = { -7, -7 };
	char b = 0;
	TRY(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	CHECK(sv[0] >= 0 && sv[1] >= 0 && sv[0] != sv[1]);
	CHECK((fcntl(sv[0], F_GETFL) & O_NONBLOCK) == 0);
	CHECK(fcntl(sv[0], F_GETFD) == 0);
	CHECK(write(sv[0], "x", 1) == 1 && read(sv[1], &b, 1) == 1 && b == 'x');
	CHECK(write(sv[1], "y", 1) == 1 && read(sv[0], &b, 1) == 1 && b == 'y');
}

CASE(pair_datagram)
{
	int sv[2] = { -7, -7 };
	char b[8];
	TRY(evutil_socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	CHECK(send(sv[0], "abc", 3, 0) == 3 && send(sv[0], "d", 1, 0) == 1);
	CHECK(recv(sv[1], b, sizeof(b), 0) == 3 && recv(sv[1], b, sizeof(b), 0) == 1);
}

CASE(pair_flags)
{
	int sv[2];
	TRY(evutil_socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv));
	CHECK((fcntl(sv[1], F_GETFL) & O_NONBLOCK) != 0);
	CHECK(fcntl(sv[1], F_GETFD) == FD_CLOEXEC);
}

CASE(pair_errors)
{
	int sv[2];
	TRY(evutil_socketpair(AF_INET, SOCK_STREAM, 0, sv));
	TRY(evutil_socketpair(AF_INET, SOCK_DGRAM, 0, sv));
	TRY(evutil_socketpair(AF_UNIX, 99, 0, sv));
	TRY(evutil_socketpair(999, SOCK_STREAM, 0, sv));
	TRY(evutil_socketpair(-1, SOCK_STREAM, 0, sv));
	TRY(evutil_socketpair(AF_UNIX, -1, 0, sv));
	TRY(evutil_socketpair(AF_UNIX, SOCK_STREAM, 99, sv));
	TRY(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
}

CASE(error_macros)
{
	EVUTIL_SET_SOCKET_ERROR(ENOENT);
	CHECK(EVUTIL_SOCKET_ERROR() == ENOENT);
	CHECK(evutil_socket_geterror(5) == ENOENT);
	SAY("%s\n", evutil_socket_error_to_string(ENOENT));
	CHECK(EVUTIL_INVALID_SOCKET == -1);
}
