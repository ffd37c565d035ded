/* evdns with threads: answers from another thread, look-ups from several, a loop that runs meanwhile. */
#include "dns_kit.h"
#include <event2/thread.h>
#include <pthread.h>

static struct evdns_server_request *waiting[64];
static int waiting_count, closing;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void
keep(struct evdns_server_request *req, void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	waiting[waiting_count++] = req;
	pthread_mutex_unlock(&mutex);
}

static void *
answerer(void *arg)
{
	unsigned char v4[4] = { 10, 0, 0, 1 };
	(void)arg;
	for (;;) {
		struct evdns_server_request *req = NULL;
		int end;
		pthread_mutex_lock(&mutex);
		if (waiting_count)
			req = waiting[--waiting_count];
		end = closing;
		pthread_mutex_unlock(&mutex);
		if (req) {
			evdns_server_request_add_a_reply(req, req->questions[0]->name, 1, v4, 60);
			evdns_server_request_respond(req, 0);
		} else if (end)
			return NULL;
		else
			sched_yield();
	}
}

static int answers;

static void
count_answer(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	(void)type, (void)ttl, (void)addrs, (void)arg;
	if (result == DNS_ERR_NONE && count == 1)
		answers++;
	if (--kit_now->left == 0)
		event_base_loopbreak(kit_now->base);
}

static void *
asker(void *arg)
{
	int i;
	char name[64];
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "host%d.%s.example", i, (const char *)arg);
		evdns_base_resolve_ipv4(kit_now->dns, name, 0, count_answer, NULL);
	}
	return NULL;
}

CASE(answered_and_asked_by_threads)
{
	struct kit k;
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	struct evdns_server_port *port;
	pthread_t t[3];
	static char one[] = "one", two[] = "two";
	char text[64];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	evthread_use_pthreads();
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	memset(&k, 0, sizeof k);
	kit_now = &k;
	k.base = event_base_new();
	port = evdns_add_server_port_with_base(k.base, fd, 0, keep, NULL);
	k.dns = evdns_base_new(k.base, 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(a.sin_port));
	evdns_base_nameserver_ip_add(k.dns, text);
	k.left = 40;
	pthread_create(&t[0], NULL, answerer, NULL);
	pthread_create(&t[1], NULL, asker, one);
	pthread_create(&t[2], NULL, asker, two);
	event_base_dispatch(k.base);
	pthread_join(t[1], NULL);
	pthread_join(t[2], NULL);
	pthread_mutex_lock(&mutex);
	closing = 1;
	pthread_mutex_unlock(&mutex);
	pthread_join(t[0], NULL);
	SAY("answers %d\n", answers);
	evdns_base_free(k.dns, 1);
	evdns_close_server_port(port);
	event_base_free(k.base);
}

static struct evdns_request *asked[30];

static void *
canceller(void *arg)
{
	int i;
	(void)arg;
	for (i = 0; i < 30; i++)
		evdns_cancel_request(kit_now->dns, asked[i]);
	return NULL;
}

static void
count_cancel(int result, char type, int count, int ttl, void *addrs, void *arg)
{
	(void)type, (void)count, (void)ttl, (void)addrs, (void)arg;
	if (result == DNS_ERR_CANCEL)
		answers++;
	if (--kit_now->left == 0)
		event_base_loopbreak(kit_now->base);
}

CASE(cancelled_by_a_thread)
{
	struct kit k;
	pthread_t t;
	int i;
	evthread_use_pthreads();
	kit_open(&k, 0);
	k.server.quiet = 1;
	evdns_base_set_option(k.dns, "timeout", "5");
	for (i = 0; i < 30; i++)
		asked[i] = evdns_base_resolve_ipv4(k.dns, "drop.example", 0, count_cancel, NULL);
	k.left = 30;
	pthread_create(&t, NULL, canceller, NULL);
	event_base_dispatch(k.base);
	pthread_join(t, NULL);
	SAY("cancelled %d\n", answers);
	kit_close(&k);
}
