/* Rate limits of streams and of groups. */
#include "bev_util.h"

static int sv[2];
static struct bufferevent *b;
static struct ev_token_bucket_cfg *cfg;
static void start(void)
{
	base = event_base_new();
	pair_of(sv);
	b = logged(sv[0], 0, "b");
}
static struct ev_token_bucket_cfg *conf(size_t r, size_t rb, size_t w, size_t wb, int tick_ms)
{
	return cfg = ev_token_bucket_cfg_new(r, rb, w, wb, tick_ms ? ms(tick_ms) : NULL);
}

CASE(cfg_validation)
{
	CHECK(conf(100, 50, 100, 100, 0) == NULL);
	CHECK(conf(100, 100, 100, 50, 0) == NULL);
	CHECK(conf(0, 100, 100, 100, 0) == NULL);
	CHECK(conf(100, 100, 0, 100, 0) == NULL);
	CHECK(conf(100, 100, 100, 100, 0) != NULL);
	ev_token_bucket_cfg_free(cfg);
	CHECK(conf(EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, 0) != NULL);
	ev_token_bucket_cfg_free(cfg);
	CHECK(conf((size_t)EV_RATE_LIMIT_MAX + 1, (size_t)EV_RATE_LIMIT_MAX + 1, 1, 1, 0) == NULL);
	CHECK(conf(1, (size_t)EV_RATE_LIMIT_MAX + 1, 1, 1, 0) == NULL);
	CHECK(conf(1, 1, 1, 1, 10) != NULL);
	ev_token_bucket_cfg_free(cfg);
}
CASE(set_and_inspect)
{
	start();
	conf(1000, 2000, 3000, 4000, 0);
	SAY("set %d\n", bufferevent_set_rate_limit(b, cfg));
	CHECK(bufferevent_get_token_bucket_cfg(b) == cfg);
	SAY("limits %zd %zd\n", bufferevent_get_read_limit(b), bufferevent_get_write_limit(b));
	SAY("max %zd %zd\n", bufferevent_get_max_to_read(b), bufferevent_get_max_to_write(b));
	SAY("unset %d\n", bufferevent_set_rate_limit(b, NULL));
	CHECK(bufferevent_get_token_bucket_cfg(b) == NULL);
	CHECK(bufferevent_get_read_limit(b) == EV_SSIZE_MAX);
	SAY("max %zd %zd\n", bufferevent_get_max_to_read(b), bufferevent_get_max_to_write(b));
	SAY("unset again %d\n", bufferevent_set_rate_limit(b, NULL));
	ev_token_bucket_cfg_free(cfg);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(read_is_limited)
{
	start();
	bufferevent_set_rate_limit(b, conf(5, 5, 1000, 1000, 1000));
	bufferevent_enable(b, EV_READ);
	put(sv[1], "0123456789");
	settle();
	SAY("limit %zd\n", bufferevent_get_read_limit(b));
	SAY("max %zd\n", bufferevent_get_max_to_read(b));
	pending("b", b);
	enabled("b", b);
}
CASE(write_is_limited)
{
	start();
	bufferevent_set_rate_limit(b, conf(1000, 1000, 5, 5, 1000));
	bufferevent_write(b, "0123456789", 10);
	settle();
	get("peer", sv[1]);
	SAY("limit %zd out %zu\n", bufferevent_get_write_limit(b), out_len(b));
	pending("b", b);
	bufferevent_write(b, "x", 1);
	pending("b", b);
	settle();
	get("peer", sv[1]);
}
CASE(refill_resumes)
{
	start();
	bufferevent_setcb(b, log_read, NULL, NULL, "b");
	bufferevent_set_rate_limit(b, conf(5, 5, 5, 5, 40));
	bufferevent_enable(b, EV_READ);
	put(sv[1], "0123456789ab");
	bufferevent_write(b, "0123456789ab", 12);
	run_ms(300);
	get("peer", sv[1]);
	SAY("in %zu out %zu\n", in_len(b), out_len(b));
}
CASE(removed_while_suspended)
{
	start();
	bufferevent_set_rate_limit(b, conf(5, 5, 5, 5, 2000));
	bufferevent_enable(b, EV_READ);
	put(sv[1], "0123456789");
	bufferevent_write(b, "0123456789", 10);
	settle();
	pending("b", b);
	bufferevent_set_rate_limit(b, NULL);
	pending("b", b);
	settle();
	get("peer", sv[1]);
	ev_token_bucket_cfg_free(cfg);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(freed_while_suspended)
{
	start();
	bufferevent_set_rate_limit(b, conf(5, 5, 5, 5, 20));
	bufferevent_enable(b, EV_READ);
	put(sv[1], "0123456789");
	settle();
	bufferevent_free(b);
	run_ms(50);
	ev_token_bucket_cfg_free(cfg);
	event_base_free(base);
	SAY("done\n");
}
CASE(decrement)
{
	start();
	bufferevent_set_rate_limit(b, conf(1000, 2000, 1000, 2000, 10000));
	SAY("decr %d\n", bufferevent_decrement_read_limit(b, 400));
	SAY("now %zd\n", bufferevent_get_read_limit(b));
	bufferevent_decrement_write_limit(b, 300);
	SAY("write %zd\n", bufferevent_get_write_limit(b));
	bufferevent_enable(b, EV_READ);
	bufferevent_decrement_read_limit(b, 700);
	SAY("read %zd\n", bufferevent_get_read_limit(b));
	pending("b", b);
	put(sv[1], "abc");
	settle();
	bufferevent_decrement_read_limit(b, -800);
	SAY("read %zd\n", bufferevent_get_read_limit(b));
	pending("b", b);
	settle();
	bufferevent_decrement_write_limit(b, 5000);
	bufferevent_write(b, "x", 1);
	settle();
	get("peer", sv[1]);
	bufferevent_decrement_write_limit(b, -9000);
	settle();
	get("peer", sv[1]);
}
CASE(bucket_not_above_burst)
{
	start();
	bufferevent_set_rate_limit(b, conf(10, 15, 10, 15, 20));
	SAY("%zd\n", bufferevent_get_read_limit(b));
	run_ms(120);
	SAY("%zd %zd\n", bufferevent_get_read_limit(b), bufferevent_get_write_limit(b));
	bufferevent_enable(b, EV_READ);
	put(sv[1], "x");
	settle();
	SAY("%zd\n", bufferevent_get_read_limit(b));
}
CASE(change_limit)
{
	static struct ev_token_bucket_cfg *c1, *c2;
	start();
	c1 = conf(5, 5, 5, 5, 5000);
	c2 = conf(100, 100, 100, 100, 5000);
	bufferevent_set_rate_limit(b, c1);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "0123456789");
	settle();
	bufferevent_set_rate_limit(b, c2);
	CHECK(bufferevent_get_token_bucket_cfg(b) == c2);
	SAY("limit %zd\n", bufferevent_get_read_limit(b));
	settle();
	SAY("in %zu\n", in_len(b));
	bufferevent_set_rate_limit(b, c2);
	SAY("limit %zd\n", bufferevent_get_read_limit(b));
}
CASE(same_limit_twice_on_two)
{
	int s2[2];
	static struct bufferevent *c;
	start();
	pair_of(s2);
	c = logged(s2[0], 0, "c");
	conf(4, 4, 4, 4, 5000);
	bufferevent_set_rate_limit(b, cfg);
	bufferevent_set_rate_limit(c, cfg);
	bufferevent_write(b, "123456", 6);
	bufferevent_write(c, "123456", 6);
	settle();
	get("b", sv[1]);
	get("c", s2[1]);
}
CASE(group_basic)
{
	static struct bufferevent_rate_limit_group *g;
	ev_uint64_t r = 9, w = 9;
	start();
	conf(1000, 2000, 3000, 4000, 0);
	g = bufferevent_rate_limit_group_new(base, cfg);
	CHECK(g != NULL);
	SAY("limits %zd %zd\n", bufferevent_rate_limit_group_get_read_limit(g), bufferevent_rate_limit_group_get_write_limit(g));
	bufferevent_rate_limit_group_get_totals(g, &r, &w);
	SAY("totals %d %d\n", (int)r, (int)w);
	SAY("add %d\n", bufferevent_add_to_rate_limit_group(b, g));
	SAY("again %d\n", bufferevent_add_to_rate_limit_group(b, g));
	CHECK(bufferevent_get_token_bucket_cfg(b) == NULL);
	CHECK(bufferevent_get_read_limit(b) == EV_SSIZE_MAX);
	SAY("max %zd %zd\n", bufferevent_get_max_to_read(b), bufferevent_get_max_to_write(b));
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcde");
	bufferevent_write(b, "xyz", 3);
	settle();
	bufferevent_rate_limit_group_get_totals(g, &r, &w);
	SAY("totals %d %d\n", (int)r, (int)w);
	SAY("limits %zd %zd\n", bufferevent_rate_limit_group_get_read_limit(g), bufferevent_rate_limit_group_get_write_limit(g));
	bufferevent_rate_limit_group_get_totals(g, NULL, &w);
	bufferevent_rate_limit_group_reset_totals(g);
	bufferevent_rate_limit_group_get_totals(g, &r, &w);
	SAY("totals %d %d\n", (int)r, (int)w);
	SAY("remove %d\n", bufferevent_remove_from_rate_limit_group(b));
	SAY("again %d\n", bufferevent_remove_from_rate_limit_group(b));
	bufferevent_rate_limit_group_free(g);
	ev_token_bucket_cfg_free(cfg);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(group_limits_all)
{
	static struct bufferevent_rate_limit_group *g;
	static struct bufferevent *bs[4];
	int s[4][2], i;
	size_t sum = 0;
	ev_uint64_t r, w;
	base = event_base_new();
	g = bufferevent_rate_limit_group_new(base, conf(400, 400, 400, 400, 5000));
	bufferevent_rate_limit_group_set_min_share(g, 10);
	for (i = 0; i < 4; i++) {
		static char data[1000];
		pair_of(s[i]);
		bs[i] = bufferevent_socket_new(base, s[i][0], 0);
		bufferevent_add_to_rate_limit_group(bs[i], g);
		bufferevent_enable(bs[i], EV_READ);
		if (write(s[i][1], data, sizeof data) < 0)
			abort();
	}
	run_ms(30);
	for (i = 0; i < 4; i++)
		sum += in_len(bs[i]);
	/* a share is never below the minimum, so the last one may go over the limit */
	CHECK(sum >= 400 && sum < 440);
	bufferevent_rate_limit_group_get_totals(g, &r, &w);
	CHECK(r == sum && w == 0);
	CHECK(bufferevent_rate_limit_group_get_read_limit(g) == 400 - (ev_ssize_t)sum);
	for (i = 0; i < 4; i++)
		CHECK(!event_pending(&bs[i]->ev_read, EV_READ, NULL));
	bufferevent_rate_limit_group_decrement_read(g, -200);
	run_ms(30);
	for (sum = 0, i = 0; i < 4; i++)
		sum += in_len(bs[i]);
	CHECK(sum >= 600 && sum < 640);
}
CASE(group_tick_resumes)
{
	static struct bufferevent_rate_limit_group *g;
	start();
	bufferevent_setcb(b, NULL, NULL, NULL, NULL);
	g = bufferevent_rate_limit_group_new(base, conf(64, 64, 64, 64, 20));
	bufferevent_add_to_rate_limit_group(b, g);
	bufferevent_enable(b, EV_READ);
	{
		static char d[300];
		if (write(sv[1], d, sizeof d) < 0)
			abort();
		bufferevent_write(b, d, sizeof d);
	}
	run_ms(400);
	SAY("in %zu out %zu\n", in_len(b), out_len(b));
}
CASE(group_removed_while_suspended)
{
	static struct bufferevent_rate_limit_group *g;
	static char d[300];
	start();
	bufferevent_setcb(b, NULL, NULL, NULL, NULL);
	g = bufferevent_rate_limit_group_new(base, conf(64, 64, 64, 64, 5000));
	bufferevent_add_to_rate_limit_group(b, g);
	bufferevent_enable(b, EV_READ);
	if (write(sv[1], d, sizeof d) < 0)
		abort();
	bufferevent_write(b, d, sizeof d);
	settle();
	SAY("in %zu out %zu\n", in_len(b), out_len(b));
	pending("b", b);
	SAY("remove %d\n", bufferevent_remove_from_rate_limit_group(b));
	pending("b", b);
	settle();
	SAY("in %zu out %zu\n", in_len(b), out_len(b));
	bufferevent_rate_limit_group_free(g);
	ev_token_bucket_cfg_free(cfg);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(group_set_cfg_and_min_share)
{
	static struct bufferevent_rate_limit_group *g;
	static struct ev_token_bucket_cfg *small;
	start();
	g = bufferevent_rate_limit_group_new(base, conf(1000, 1000, 1000, 1000, 1000));
	SAY("min_share %d\n", bufferevent_rate_limit_group_set_min_share(g, 100));
	SAY("min_share %d\n", bufferevent_rate_limit_group_set_min_share(g, 0));
	SAY("min_share %d\n", bufferevent_rate_limit_group_set_min_share(g, (size_t)EV_SSIZE_MAX + 1));
	small = ev_token_bucket_cfg_new(10, 20, 30, 40, NULL);
	SAY("set_cfg %d\n", bufferevent_rate_limit_group_set_cfg(g, small));
	SAY("limits %zd %zd\n", bufferevent_rate_limit_group_get_read_limit(g), bufferevent_rate_limit_group_get_write_limit(g));
	bufferevent_rate_limit_group_decrement_read(g, 5);
	bufferevent_rate_limit_group_decrement_write(g, 100);
	SAY("limits %zd %zd\n", bufferevent_rate_limit_group_get_read_limit(g), bufferevent_rate_limit_group_get_write_limit(g));
	bufferevent_add_to_rate_limit_group(b, g);
	bufferevent_enable(b, EV_READ);
	bufferevent_write(b, "abc", 3);
	pending("b", b);
	settle();
	get("peer", sv[1]);
	bufferevent_rate_limit_group_decrement_write(g, -90);
	settle();
	get("peer", sv[1]);
	bufferevent_remove_from_rate_limit_group(b);
	bufferevent_rate_limit_group_free(g);
	ev_token_bucket_cfg_free(small);
	ev_token_bucket_cfg_free(cfg);
}
CASE(group_move)
{
	static struct bufferevent_rate_limit_group *g, *h;
	ev_uint64_t r, w;
	start();
	conf(1000, 1000, 1000, 1000, 1000);
	g = bufferevent_rate_limit_group_new(base, cfg);
	h = bufferevent_rate_limit_group_new(base, cfg);
	bufferevent_add_to_rate_limit_group(b, g);
	bufferevent_write(b, "one", 3);
	settle();
	SAY("move %d\n", bufferevent_add_to_rate_limit_group(b, h));
	bufferevent_write(b, "three", 5);
	settle();
	bufferevent_rate_limit_group_get_totals(g, &r, &w);
	SAY("g %d\n", (int)w);
	bufferevent_rate_limit_group_get_totals(h, &r, &w);
	SAY("h %d\n", (int)w);
	SAY("remove %d\n", bufferevent_remove_from_rate_limit_group(b));
	bufferevent_rate_limit_group_free(g);
	bufferevent_rate_limit_group_free(h);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(group_and_own_limit)
{
	static struct bufferevent_rate_limit_group *g;
	static struct ev_token_bucket_cfg *own;
	start();
	g = bufferevent_rate_limit_group_new(base, conf(1000, 1000, 1000, 1000, 5000));
	own = ev_token_bucket_cfg_new(7, 7, 9, 9, NULL);
	bufferevent_add_to_rate_limit_group(b, g);
	bufferevent_set_rate_limit(b, own);
	SAY("max %zd %zd\n", bufferevent_get_max_to_read(b), bufferevent_get_max_to_write(b));
	bufferevent_rate_limit_group_decrement_read(g, 997);
	bufferevent_rate_limit_group_set_min_share(g, 1);
	SAY("max %zd %zd\n", bufferevent_get_max_to_read(b), bufferevent_get_max_to_write(b));
	bufferevent_remove_from_rate_limit_group(b);
	SAY("max %zd\n", bufferevent_get_max_to_read(b));
}
CASE(free_member_of_group)
{
	static struct bufferevent_rate_limit_group *g;
	start();
	g = bufferevent_rate_limit_group_new(base, conf(10, 10, 10, 10, 10));
	bufferevent_add_to_rate_limit_group(b, g);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "0123456789abcdef");
	settle();
	bufferevent_free(b);
	run_ms(30);
	bufferevent_rate_limit_group_free(g);
	ev_token_bucket_cfg_free(cfg);
	event_base_free(base);
	SAY("done\n");
}
CASE(limit_on_filter_and_pair)
{
	static struct bufferevent *p[2], *f;
	start();
	bufferevent_pair_new(base, 0, p);
	f = bufferevent_filter_new(b, NULL, NULL, 0, NULL, NULL);
	conf(10, 10, 10, 10, 0);
	SAY("pair %d filter %d\n", bufferevent_set_rate_limit(p[0], cfg), bufferevent_set_rate_limit(f, cfg));
}
/* As libevent 2.2: a tick that cannot be counted is no tick. */
CASE(cfg_tick)
{
	static const struct timeval ticks[] = { { 0, 0 }, { 0, 999 }, { -1, 0 }, { 0, 1000 }, { 4294967, 295000 }, { 4294967, 296000 }, { (time_t)1 << 60, 0 } };
	size_t i;
	for (i = 0; i < sizeof ticks / sizeof *ticks; i++) {
		struct ev_token_bucket_cfg *c = ev_token_bucket_cfg_new(10, 10, 10, 10, &ticks[i]);
		SAY("tick %d: %s\n", (int)i, c ? "made" : "refused");
		if (c)
			ev_token_bucket_cfg_free(c);
	}
}
