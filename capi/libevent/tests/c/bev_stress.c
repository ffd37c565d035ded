/* Echo servers under random treatment: every byte must come back once and in order. */
#include "bev_util.h"

#define PEERS 40
static uint64_t seed = 88172645463325252u;
static unsigned rnd(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}
struct peer {
	int fd;
	struct bufferevent *bev, *top;
	size_t sent, got, goal;
	int bad;
};
static struct peer peers[PEERS];
static unsigned char at(int who, size_t pos) { return (unsigned char)(pos * 7 + pos / 253 + (size_t)who * 31); }

static void move_on(struct bufferevent *b, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(b, bufferevent_get_input(b));
}
static void treat(struct peer *p)
{
	struct bufferevent *b = p->top;
	switch (rnd(9)) {
	case 0: bufferevent_disable(b, EV_READ); break;
	case 1: bufferevent_disable(b, EV_WRITE); break;
	case 2: case 3: bufferevent_enable(b, EV_READ | EV_WRITE); break;
	case 4: /* lifting a filter's mark moves nothing in the original */
		if (p->top == p->bev)
			bufferevent_setwatermark(b, EV_READ, 0, rnd(2) ? rnd(3000) : 0);
		break;
	case 5: bufferevent_set_max_single_read(p->bev, rnd(2) ? 1 + rnd(900) : 0); break;
	case 6: bufferevent_set_max_single_write(p->bev, rnd(2) ? 1 + rnd(900) : 0); break;
	case 7: bufferevent_set_timeouts(b, rnd(2) ? ms(5000) : NULL, rnd(2) ? ms(5000) : NULL); break;
	default: bufferevent_setfd(p->bev, bufferevent_getfd(p->bev)); break;
	}
}
static void talk(int who)
{
	struct peer *p = &peers[who];
	unsigned char t[5000];
	ssize_t r;
	size_t n = rnd(sizeof t), i;
	if (n > p->goal - p->sent)
		n = p->goal - p->sent;
	for (i = 0; i < n; i++)
		t[i] = at(who, p->sent + i);
	if (n && (r = write(p->fd, t, n)) > 0)
		p->sent += (size_t)r;
	if (rnd(3) && (r = read(p->fd, t, 1 + rnd(sizeof t))) > 0)
		for (i = 0; i < (size_t)r; i++, p->got++)
			p->bad |= t[i] != at(who, p->got);
}
static void run(int options, int filters, struct ev_token_bucket_cfg *cfg)
{
	int i, round, done = 0, bad = 0;
	base = event_base_new();
	for (i = 0; i < PEERS; i++) {
		int sv[2], size = 4096;
		pair_of(sv);
		setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
		memset(&peers[i], 0, sizeof peers[i]);
		peers[i].fd = sv[1];
		peers[i].goal = 20000 + rnd(40000);
		peers[i].bev = peers[i].top = bufferevent_socket_new(base, sv[0], BEV_OPT_CLOSE_ON_FREE | options);
		if (filters && rnd(2))
			peers[i].top = bufferevent_filter_new(peers[i].bev, NULL, NULL, BEV_OPT_CLOSE_ON_FREE | options, NULL, NULL);
		if (cfg && rnd(2))
			bufferevent_set_rate_limit(peers[i].bev, cfg);
		bufferevent_setcb(peers[i].top, move_on, NULL, NULL, NULL);
		bufferevent_enable(peers[i].top, EV_READ | EV_WRITE);
	}
	for (round = 0; round < 20000 && done < PEERS; round++) {
		for (i = 0; i < 10; i++)
			talk((int)rnd(PEERS));
		if (rnd(2) && round < 1500)
			treat(&peers[rnd(PEERS)]);
		if (round == 1500)
			for (i = 0; i < PEERS; i++) {
				bufferevent_setwatermark(peers[i].top, EV_READ, 0, 0);
				bufferevent_enable(peers[i].top, EV_READ | EV_WRITE);
				bufferevent_trigger(peers[i].top, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
			}
		event_base_loop(base, rnd(4) ? EVLOOP_NONBLOCK : EVLOOP_ONCE | EVLOOP_NONBLOCK);
		for (done = 0, i = 0; i < PEERS; i++)
			done += peers[i].got == peers[i].goal;
		if (round > 15000)
			poll(NULL, 0, 1);
	}
	for (i = 0; i < PEERS; i++) {
		bad += peers[i].bad || peers[i].got != peers[i].goal;
		bufferevent_free(peers[i].top);
	}
	SAY("bad %d\n", bad);
	event_base_free(base);
}
CASE(sockets) { run(0, 0, NULL); }
CASE(deferred) { run(BEV_OPT_DEFER_CALLBACKS, 0, NULL); }
CASE(filters) { run(0, 1, NULL); }
CASE(limited)
{
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(3000, 5000, 3000, 5000, ms(1));
	run(0, 0, cfg);
	ev_token_bucket_cfg_free(cfg);
}
CASE(locked)
{
	evthread_use_pthreads();
	run(BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS, 1, NULL);
}
