/* The functions that libevent 2.2 added to event2/util.h and event2/thread.h. ctest: ours-only */
#include "case.h"
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif
int evutil_make_listen_socket_not_ipv6only(evutil_socket_t sock);
int evutil_set_tcp_keepalive(evutil_socket_t sock, int on, int timeout);
int evthread_use_pthreads_with_flags(int flags);
#ifdef __cplusplus
}
#endif

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	if (getsockopt(fd, level, name, &value, &len) != 0)
		return -1;
	return value;
}

CASE(not_ipv6only)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd >= 0) {
		CHECK(evutil_make_listen_socket_ipv6only(fd) == 0);
		CHECK(evutil_make_listen_socket_not_ipv6only(fd) == 0);
		CHECK(option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0);
	}
	CHECK(evutil_make_listen_socket_not_ipv6only(-1) == -1 && errno == EBADF);
}

CASE(tcp_keepalive)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(evutil_set_tcp_keepalive(fd, 1, 60) == 0);
	CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
	CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
	CHECK(option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 20);
	CHECK(option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 3);
	CHECK(evutil_set_tcp_keepalive(fd, 0, 60) == 0);
	CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 0);
	CHECK(evutil_set_tcp_keepalive(fd, 1, 0) == 0);
	CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
	CHECK(evutil_set_tcp_keepalive(-1, 1, 60) == -1 && errno == EBADF);
}

CASE(pthreads_that_inherit_priority)
{
	struct event_base *base;
	CHECK(evthread_use_pthreads_with_flags(1) == 0);
	CHECK(evthread_use_pthreads_with_flags(0) == 0);
	base = event_base_new();
	CHECK(base != NULL);
	CHECK(event_base_loop(base, EVLOOP_NONBLOCK) == 1);
	event_base_free(base);
}

CASE(free_no_addrinfo)
{
	evutil_freeaddrinfo(NULL);
	SAY("alive\n");
}
