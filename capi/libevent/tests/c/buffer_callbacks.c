/* evbuffer callbacks: what they are told, when, and what they may do. */
#include "case.h"
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <event2/event.h>

static void
tell(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	SAY("%s orig %zu added %zu deleted %zu now %zu\n", (const char *)arg, i->orig_size, i->n_added, i->n_deleted,
	    evbuffer_get_length(b));
}

static void
old_tell(struct evbuffer *b, size_t was, size_t is, void *arg)
{
	SAY("%s %zu -> %zu now %zu\n", (const char *)arg, was, is, evbuffer_get_length(b));
}

CASE(cb_add_and_drain)
{
	struct evbuffer *b = evbuffer_new();
	CHECK(evbuffer_add_cb(b, tell, (void *)"cb") != NULL);
	evbuffer_add(b, "hello", 5);
	evbuffer_add(b, "", 0);
	evbuffer_add(b, " world", 6);
	evbuffer_drain(b, 4);
	evbuffer_drain(b, 0);
	evbuffer_drain(b, 100);
	evbuffer_drain(b, 100);
	SAY("free\n");
	evbuffer_free(b);
}

CASE(cb_every_operation)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	char out[64];
	size_t n;
	evbuffer_add_cb(b, tell, (void *)"cb");
	SAY("prepend\n");
	evbuffer_prepend(b, "abc", 3);
	SAY("prepend nothing\n");
	evbuffer_prepend(b, "", 0);
	SAY("reference\n");
	evbuffer_add_reference(b, "defg", 4, NULL, NULL);
	SAY("printf\n");
	evbuffer_add_printf(b, "%d\n", 12345);
	SAY("printf nothing\n");
	evbuffer_add_printf(b, "%s", "");
	SAY("expand\n");
	evbuffer_expand(b, 10000);
	SAY("reserve\n");
	evbuffer_reserve_space(b, 10, v, 1);
	v[0].iov_len = 2;
	memcpy(v[0].iov_base, "xy", 2);
	SAY("commit\n");
	evbuffer_commit_space(b, v, 1);
	SAY("commit nothing\n");
	evbuffer_reserve_space(b, 10, v, 1);
	v[0].iov_len = 0;
	evbuffer_commit_space(b, v, 1);
	SAY("pullup\n");
	evbuffer_pullup(b, -1);
	SAY("copyout\n");
	evbuffer_copyout(b, out, 5);
	SAY("remove\n");
	evbuffer_remove(b, out, 2);
	SAY("remove nothing\n");
	evbuffer_remove(b, out, 0);
	SAY("readln\n");
	free(evbuffer_readln(b, &n, EVBUFFER_EOL_LF));
	SAY("readln none\n");
	free(evbuffer_readln(b, &n, EVBUFFER_EOL_LF));
	SAY("iovec\n");
	v[0].iov_base = (void *)"one";
	v[0].iov_len = 3;
	v[1] = v[0];
	evbuffer_add_iovec(b, v, 2);
	SAY("iovec nothing\n");
	evbuffer_add_iovec(b, v, 0);
	SAY("done\n");
	evbuffer_free(b);
}

CASE(cb_moves)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add(a, "0123456789", 10);
	evbuffer_add(b, "abc", 3);
	evbuffer_add_cb(a, tell, (void *)"a");
	evbuffer_add_cb(b, tell, (void *)"b");
	SAY("remove_buffer 4\n");
	evbuffer_remove_buffer(a, b, 4);
	SAY("add_buffer\n");
	evbuffer_add_buffer(b, a);
	SAY("add_buffer empty\n");
	evbuffer_add_buffer(b, a);
	SAY("prepend_buffer\n");
	evbuffer_add(a, "first", 5);
	evbuffer_prepend_buffer(b, a);
	SAY("prepend_buffer empty\n");
	evbuffer_prepend_buffer(b, a);
	SAY("remove_buffer all\n");
	evbuffer_remove_buffer(b, a, 1000);
	SAY("remove_buffer none\n");
	evbuffer_remove_buffer(b, a, 1000);
	evbuffer_remove_buffer(a, b, 0);
	SAY("reference\n");
	evbuffer_add_buffer_reference(b, a);
	SAY("done\n");
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(cb_several)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_cb_entry *one, *two, *three;
	one = evbuffer_add_cb(b, tell, (void *)"one");
	two = evbuffer_add_cb(b, tell, (void *)"two");
	three = evbuffer_add_cb(b, tell, (void *)"three");
	CHECK(one && two && three && one != two && two != three);
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_remove_cb_entry(b, two));
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_remove_cb(b, tell, (void *)"nobody"));
	SAY("%d\n", evbuffer_remove_cb(b, tell, (void *)"one"));
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_remove_cb_entry(b, three));
	evbuffer_add(b, "x", 1);
	evbuffer_free(b);
}

static char same[] = "same";

CASE(cb_same_twice)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, tell, same);
	evbuffer_add_cb(b, tell, same);
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_remove_cb(b, tell, same));
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_remove_cb(b, tell, same));
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_remove_cb(b, tell, same));
	evbuffer_free(b);
}

CASE(cb_enable_flag)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_cb_entry *e = evbuffer_add_cb(b, tell, (void *)"cb");
	evbuffer_add(b, "1", 1);
	SAY("%d\n", evbuffer_cb_clear_flags(b, e, EVBUFFER_CB_ENABLED));
	evbuffer_add(b, "22", 2);
	evbuffer_drain(b, 1);
	SAY("%d\n", evbuffer_cb_set_flags(b, e, EVBUFFER_CB_ENABLED));
	evbuffer_add(b, "333", 3);
	SAY("%d\n", evbuffer_cb_clear_flags(b, e, EVBUFFER_CB_ENABLED));
	SAY("%d\n", evbuffer_cb_clear_flags(b, e, EVBUFFER_CB_ENABLED));
	evbuffer_drain(b, 2);
	SAY("%d\n", evbuffer_cb_set_flags(b, e, EVBUFFER_CB_ENABLED));
	evbuffer_drain(b, 2);
	evbuffer_free(b);
}

CASE(cb_unknown_flags)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_cb_entry *e = evbuffer_add_cb(b, tell, (void *)"cb");
	SAY("%d\n", evbuffer_cb_set_flags(b, e, 0));
	SAY("%d\n", evbuffer_cb_clear_flags(b, e, 0));
	evbuffer_add(b, "1", 1);
	evbuffer_free(b);
}

CASE(cb_one_disabled_one_not)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_cb_entry *e = evbuffer_add_cb(b, tell, (void *)"off");
	evbuffer_add_cb(b, tell, (void *)"on");
	evbuffer_cb_clear_flags(b, e, EVBUFFER_CB_ENABLED);
	evbuffer_add(b, "1", 1);
	evbuffer_add(b, "22", 2);
	evbuffer_cb_set_flags(b, e, EVBUFFER_CB_ENABLED);
	evbuffer_add(b, "333", 3);
	evbuffer_free(b);
}

struct self {
	struct evbuffer_cb_entry *entry;
	int left;
};

static void
remove_self(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	struct self *s = arg;
	SAY("self added %zu left %d\n", i->n_added, s->left);
	if (--s->left == 0)
		SAY("%d\n", evbuffer_remove_cb_entry(b, s->entry));
}

CASE(cb_removes_itself)
{
	struct evbuffer *b = evbuffer_new();
	struct self s;
	evbuffer_add_cb(b, tell, (void *)"before");
	s.left = 2;
	s.entry = evbuffer_add_cb(b, remove_self, &s);
	evbuffer_add_cb(b, tell, (void *)"after");
	evbuffer_add(b, "1", 1);
	evbuffer_add(b, "1", 1);
	evbuffer_add(b, "1", 1);
	evbuffer_free(b);
}

static void
remove_self_by_name(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)i;
	SAY("by name %d\n", evbuffer_remove_cb(b, remove_self_by_name, arg));
}

CASE(cb_removes_itself_by_name)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, remove_self_by_name, NULL);
	evbuffer_add(b, "1", 1);
	evbuffer_add(b, "1", 1);
	evbuffer_free(b);
}

static void
add_another(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	int *left = arg;
	SAY("adder %zu\n", i->n_added);
	if ((*left)-- > 0)
		CHECK(evbuffer_add_cb(b, tell, (void *)"new") != NULL);
}

CASE(cb_adds_another)
{
	struct evbuffer *b = evbuffer_new();
	int left = 1;
	evbuffer_add_cb(b, add_another, &left);
	evbuffer_add(b, "1", 1);
	SAY("again\n");
	evbuffer_add(b, "22", 2);
	evbuffer_free(b);
}

static int deep;
static void
drain_inside(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)arg;
	SAY("in %d orig %zu added %zu deleted %zu now %zu\n", deep, i->orig_size, i->n_added, i->n_deleted,
	    evbuffer_get_length(b));
	if (deep++ < 3 && evbuffer_get_length(b) > 1)
		evbuffer_drain(b, 1);
	SAY("out\n");
	deep--;
}

CASE(cb_drains_inside)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, drain_inside, NULL);
	evbuffer_add(b, "abc", 3);
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

static void
add_inside(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)arg;
	SAY("in added %zu deleted %zu now %zu\n", i->n_added, i->n_deleted, evbuffer_get_length(b));
	if (evbuffer_get_length(b) < 4)
		evbuffer_add(b, "+", 1);
}

CASE(cb_adds_inside)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, add_inside, NULL);
	evbuffer_add_cb(b, tell, (void *)"second");
	evbuffer_add(b, "a", 1);
	evbuffer_free(b);
}

static void
to_other(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	if (i->n_added)
		SAY("moved %d\n", evbuffer_add_buffer((struct evbuffer *)arg, b));
}

CASE(cb_moves_to_other)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add_cb(a, to_other, b);
	evbuffer_add_cb(a, tell, (void *)"a");
	evbuffer_add_cb(b, tell, (void *)"b");
	evbuffer_add(a, "one", 3);
	evbuffer_add(a, "two", 3);
	SAY("%zu %zu\n", evbuffer_get_length(a), evbuffer_get_length(b));
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(cb_old_style)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_setcb(b, old_tell, (void *)"old");
	evbuffer_add(b, "hello", 5);
	evbuffer_add(b, "", 0);
	evbuffer_drain(b, 2);
	evbuffer_add_cb(b, tell, (void *)"new");
	evbuffer_add(b, "x", 1);
	SAY("replace\n");
	evbuffer_setcb(b, old_tell, (void *)"older");
	evbuffer_add(b, "x", 1);
	SAY("remove\n");
	evbuffer_setcb(b, NULL, NULL);
	evbuffer_add(b, "x", 1);
	evbuffer_drain(b, 100);
	evbuffer_free(b);
}

CASE(cb_old_style_enabled_flag)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, tell, (void *)"new");
	evbuffer_setcb(b, NULL, NULL);
	evbuffer_add(b, "x", 1);
	evbuffer_setcb(b, old_tell, (void *)"old");
	SAY("%d\n", evbuffer_remove_cb(b, tell, (void *)"old"));
	evbuffer_add(b, "x", 1);
	evbuffer_free(b);
}

static size_t fail_above;
static void *
limited_malloc(size_t n)
{
	return n > fail_above ? NULL : malloc(n);
}

CASE(cb_out_of_memory)
{
	struct evbuffer *b;
	fail_above = (size_t)-1;
	event_set_mem_functions(limited_malloc, realloc, free);
	b = evbuffer_new();
	fail_above = 0;
	CHECK(evbuffer_add_cb(b, tell, NULL) == NULL);
	fail_above = (size_t)-1;
	evbuffer_add(b, "x", 1);
	evbuffer_free(b);
}

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	SAY("timer\n");
}

CASE(cb_deferred)
{
	struct event_base *base = event_base_new();
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, tell, (void *)"cb");
	SAY("%d\n", evbuffer_defer_callbacks(b, base));
	evbuffer_add(b, "hello", 5);
	evbuffer_drain(b, 2);
	evbuffer_add(b, "abc", 3);
	SAY("loop\n");
	SAY("%d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("loop\n");
	SAY("%d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	evbuffer_drain(b, 6);
	SAY("loop\n");
	SAY("%d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	evbuffer_free(b);
	event_base_free(base);
}

CASE(cb_deferred_freed_before)
{
	struct event_base *base = event_base_new();
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, tell, (void *)"cb");
	evbuffer_defer_callbacks(b, base);
	evbuffer_add(b, "hello", 5);
	evbuffer_free(b);
	SAY("loop\n");
	SAY("%d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("loop\n");
	SAY("%d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_base_free(base);
}

CASE(cb_deferred_two_callbacks)
{
	struct event_base *base = event_base_new();
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_cb_entry *e;
	struct timeval tv = { 0, 0 };
	evbuffer_add_cb(b, tell, (void *)"one");
	e = evbuffer_add_cb(b, tell, (void *)"two");
	evbuffer_defer_callbacks(b, base);
	evbuffer_add(b, "hello", 5);
	evbuffer_cb_clear_flags(b, e, EVBUFFER_CB_ENABLED);
	event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_cb_set_flags(b, e, EVBUFFER_CB_ENABLED);
	evbuffer_add(b, "hi", 2);
	event_base_once(base, -1, EV_TIMEOUT, nothing, NULL, &tv);
	event_base_loop(base, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_free(b);
	event_base_free(base);
}

static void
again(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	int *left = arg;
	SAY("added %zu deleted %zu\n", i->n_added, i->n_deleted);
	if ((*left)-- > 0)
		evbuffer_add(b, "more", 4);
}

CASE(cb_deferred_adds_inside)
{
	struct event_base *base = event_base_new();
	struct evbuffer *b = evbuffer_new();
	int left = 2, i;
	evbuffer_add_cb(b, again, &left);
	evbuffer_defer_callbacks(b, base);
	evbuffer_add(b, "x", 1);
	for (i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
	event_base_free(base);
}

/* A callback hears of what happened since it was there, at once or from the loop. */
CASE(cb_deferred_hears_of_nothing_before_its_time)
{
	struct event_base *base = event_base_new();
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_cb_entry *entry;
	evbuffer_defer_callbacks(b, base);
	evbuffer_add(b, "12345", 5);
	evbuffer_add_cb(b, tell, (void *)"first");
	SAY("nothing yet\n");
	event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_add(b, "abc", 3);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("removed, changed, added, changed\n");
	evbuffer_remove_cb(b, tell, (void *)"first");
	evbuffer_add(b, "12345", 5);
	evbuffer_add_cb(b, tell, (void *)"second");
	evbuffer_add(b, "abc", 3);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("changed, removed, changed, added\n");
	evbuffer_add(b, "12345", 5);
	evbuffer_remove_cb(b, tell, (void *)"second");
	evbuffer_add(b, "abc", 3);
	entry = evbuffer_add_cb(b, tell, (void *)"third");
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("disabled, changed, enabled, changed\n");
	evbuffer_cb_clear_flags(b, entry, EVBUFFER_CB_ENABLED);
	evbuffer_add(b, "12", 2);
	event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_cb_set_flags(b, entry, EVBUFFER_CB_ENABLED);
	evbuffer_add(b, "123", 3);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("replaced\n");
	evbuffer_add(b, "1", 1);
	evbuffer_setcb(b, old_tell, (void *)"fourth");
	evbuffer_add(b, "22", 2);
	event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_setcb(b, NULL, NULL);
	evbuffer_add(b, "22", 2);
	evbuffer_setcb(b, old_tell, (void *)"fifth");
	event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_add(b, "333", 3);
	event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_free(b);
	event_base_free(base);
}

static struct evbuffer *pair[2];
static int deed;

static void
meddle(struct evbuffer *b, const struct evbuffer_cb_info *info, void *arg)
{
	int todo = deed;
	tell(b, info, arg);
	if (b == pair[todo > 2]) {
		deed = 0;
		switch (todo) {
		case 1: evbuffer_drain(pair[1], 3); break;
		case 2: evbuffer_add(pair[1], "zz", 2); break;
		case 3: evbuffer_add(pair[0], "zz", 2); break;
		}
	}
}

/* Both buffers have changed before a callback of either runs. */
CASE(cb_of_one_changes_the_other)
{
	static const char *const names[] = { "add", "prepend", "remove all" };
	int way, what;
	for (way = 0; way < 3; way++)
		for (what = 0; what < 4; what++) {
			struct evbuffer *from = pair[0] = evbuffer_new(), *to = pair[1] = evbuffer_new();
			evbuffer_add(from, "abcdefg", 7);
			evbuffer_add(to, "0123456789", 10);
			evbuffer_add_cb(from, meddle, (void *)"source");
			evbuffer_add_cb(to, meddle, (void *)"target");
			SAY("%s, %d\n", names[way], what);
			deed = what;
			switch (way) {
			case 0: evbuffer_add_buffer(to, from); break;
			case 1: evbuffer_prepend_buffer(to, from); break;
			case 2: evbuffer_remove_buffer(from, to, 100); break;
			}
			deed = 0;
			evbuffer_free(from);
			evbuffer_free(to);
		}
}

CASE(cb_of_one_changes_the_other_of_a_part)
{
	int what;
	for (what = 0; what < 4; what++) {
		struct evbuffer *from = pair[0] = evbuffer_new(), *to = pair[1] = evbuffer_new();
		evbuffer_add(from, "abcdefg", 7);
		evbuffer_add(to, "0123456789", 10);
		evbuffer_add_cb(from, meddle, (void *)"source");
		evbuffer_add_cb(to, meddle, (void *)"target");
		SAY("%d\n", what);
		deed = what;
		evbuffer_remove_buffer(from, to, 4);
		deed = 0;
		evbuffer_free(from);
		evbuffer_free(to);
	}
}

static struct evbuffer *told;

static void
change_buffer(evutil_socket_t fd, short what, void *arg)
{
	static int changed;
	(void)fd, (void)what;
	SAY("%s\n", (const char *)arg);
	if (!changed++)
		evbuffer_add(told, "x", 1);
}

/* A deferred callback is of the middle priority, and does not end a batch of less urgent events. */
CASE(deferred_callbacks_wait_for_the_batch)
{
	static const char *const names[] = { "first", "second", "third" };
	struct event_base *base = event_base_new();
	struct event *e[3];
	int i;
	event_base_priority_init(base, 3);
	told = evbuffer_new();
	evbuffer_defer_callbacks(told, base);
	evbuffer_add_cb(told, tell, (void *)"deferred");
	for (i = 0; i < 3; i++) {
		e[i] = event_new(base, -1, 0, change_buffer, (void *)names[i]);
		event_priority_set(e[i], 2);
		event_active(e[i], EV_READ, 1);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (i = 0; i < 3; i++)
		event_free(e[i]);
	evbuffer_free(told);
	event_base_free(base);
}
