/* A listener switched off and on by another thread. ctest: ours-only
 *
 * The original hangs here every few runs, so there is nothing to compare with. */
#include "bev_util.h"
#include <pthread.h>

static void *run_loop(void *arg)
{
	event_base_loop(arg, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	(void)l, (void)a, (void)len;
	(*(int *)arg)++;
	close(fd);
}

CASE(listener_toggled)
{
	pthread_t loop;
	struct sockaddr_in a;
	struct evconnlistener *l;
	int fd = listen_tcp(&a), n = 0, i;
	evthread_use_pthreads();
	base = event_base_new();
	l = evconnlistener_new(base, on_accept, &n, LEV_OPT_THREADSAFE | LEV_OPT_CLOSE_ON_FREE, 0, fd);
	pthread_create(&loop, NULL, run_loop, base);
	for (i = 0; i < 50; i++) {
		int c = socket(AF_INET, SOCK_STREAM, 0);
		char t;
		evconnlistener_disable(l);
		evconnlistener_enable(l);
		connect(c, (struct sockaddr *)&a, sizeof a);
		if (read(c, &t, 1) != 0)
			SAY("not closed\n");
		close(c);
	}
	event_base_loopbreak(base);
	pthread_join(loop, NULL);
	evconnlistener_free(l);
	event_base_free(base);
	CHECK(n == 50);
}

/* Freed while the loop's thread is about to accept: the callback does not come afterwards. */
CASE(listener_freed_by_another_thread)
{
	pthread_t loop;
	int n = 0, i;
	evthread_use_pthreads();
	base = event_base_new();
	pthread_create(&loop, NULL, run_loop, base);
	for (i = 0; i < 200; i++) {
		struct sockaddr_in a;
		int fd = listen_tcp(&a), c = socket(AF_INET, SOCK_STREAM, 0);
		struct evconnlistener *l = evconnlistener_new(base, on_accept, &n, LEV_OPT_THREADSAFE | LEV_OPT_CLOSE_ON_FREE, 0, fd);
		evutil_make_socket_nonblocking(c);
		connect(c, (struct sockaddr *)&a, sizeof a);
		if (i % 4)
			poll(NULL, 0, i % 2);
		evconnlistener_free(l);
		close(c);
	}
	event_base_loopbreak(base);
	pthread_join(loop, NULL);
	event_base_free(base);
}
