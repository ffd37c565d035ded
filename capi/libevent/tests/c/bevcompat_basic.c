/* The 1.x names. */
#include "bev_util.h"
#include <event.h>

static int sv[2];

CASE(new_on_current_base)
{
	struct bufferevent *b;
	base = event_init();
	pair_of(sv);
	b = bufferevent_new(sv[0], log_read, log_write, log_event, "b");
	CHECK(b != NULL);
	CHECK(event_get_base(&b->ev_read) == base);
	SAY("base %d\n", bufferevent_get_base(b) != NULL);
	enabled("b", b);
	bufferevent_enable(b, EV_READ | EV_WRITE);
	event_loop(EVLOOP_NONBLOCK);
	put(sv[1], "abc");
	event_loop(EVLOOP_NONBLOCK);
	CHECK(EVBUFFER_INPUT(b) == bufferevent_get_input(b));
	CHECK(EVBUFFER_OUTPUT(b) == bufferevent_get_output(b));
	CHECK(EVBUFFER_LENGTH(EVBUFFER_INPUT(b)) == 3);
	CHECK(!memcmp(EVBUFFER_DATA(EVBUFFER_INPUT(b)), "abc", 3));
	bufferevent_write(b, "out", 3);
	event_loop(EVLOOP_NONBLOCK);
	get("peer", sv[1]);
	bufferevent_free(b);
	event_loop(EVLOOP_NONBLOCK);
	CHECK(alive(sv[0]));
}
CASE(settimeout)
{
	struct bufferevent *b;
	base = event_init();
	pair_of(sv);
	b = bufferevent_new(sv[0], log_read, NULL, log_event, "b");
	bufferevent_settimeout(b, 3, 5);
	CHECK(b->timeout_read.tv_sec == 3 && b->timeout_read.tv_usec == 0);
	CHECK(b->timeout_write.tv_sec == 5);
	bufferevent_enable(b, EV_READ);
	CHECK(event_pending(&b->ev_read, EV_TIMEOUT, NULL));
	bufferevent_settimeout(b, 0, 0);
	CHECK(!event_pending(&b->ev_read, EV_TIMEOUT, NULL));
}
CASE(constants)
{
	CHECK(EVBUFFER_READ == 1 && EVBUFFER_WRITE == 2 && EVBUFFER_EOF == 0x10 && EVBUFFER_ERROR == 0x20 && EVBUFFER_TIMEOUT == 0x40);
}
static void old_error(struct bufferevent *b, short what, void *arg)
{
	SAY("%s what %#x\n", (char *)arg, what);
	bufferevent_free(b);
}
CASE(error_callback)
{
	struct bufferevent *b;
	base = event_init();
	pair_of(sv);
	b = bufferevent_new(sv[0], log_read, NULL, old_error, "b");
	bufferevent_enable(b, EV_READ);
	close(sv[1]);
	event_dispatch();
	SAY("dispatch ended\n");
}
CASE(watermark_fields)
{
	struct bufferevent *b;
	base = event_init();
	pair_of(sv);
	b = bufferevent_new(sv[0], log_read, NULL, NULL, "b");
	bufferevent_setwatermark(b, EV_READ | EV_WRITE, 2, 100);
	SAY("%zu %zu %zu %zu\n", b->wm_read.low, b->wm_read.high, b->wm_write.low, b->wm_write.high);
	b->wm_read.low = 4;
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	put(sv[1], "d");
	settle();
}
static void swap_fields(struct bufferevent *b, void *arg)
{
	(void)arg;
	SAY("first\n");
	b->readcb = log_read;
	b->cbarg = "edited";
}
CASE(callbacks_edited_in_the_struct)
{
	struct bufferevent *b;
	base = event_init();
	pair_of(sv);
	b = bufferevent_new(sv[0], swap_fields, NULL, NULL, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	put(sv[1], "d");
	settle();
}
CASE(output_through_macro)
{
	struct bufferevent *b;
	base = event_init();
	pair_of(sv);
	b = bufferevent_new(sv[0], NULL, log_write, NULL, "b");
	evbuffer_add_printf(EVBUFFER_OUTPUT(b), "n=%d", 7);
	settle();
	get("peer", sv[1]);
}
CASE(free_before_base)
{
	struct bufferevent *b;
	base = event_init();
	pair_of(sv);
	b = bufferevent_new(sv[0], log_read, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ | EV_WRITE);
	bufferevent_free(b);
	event_base_free(base);
	SAY("done\n");
}
