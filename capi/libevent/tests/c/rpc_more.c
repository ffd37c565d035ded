/* event2/rpc.h below its macros: registering and calling by hand, structs, statuses, calls that outlive their pool. */
#include "rpc_kit.h"
#include <event2/rpc_compat.h>

static const char *
word_of(int error)
{
	switch (error) {
	case EVRPC_STATUS_ERR_NONE: return "none";
	case EVRPC_STATUS_ERR_TIMEOUT: return "timeout";
	case EVRPC_STATUS_ERR_BADPAYLOAD: return "bad payload";
	case EVRPC_STATUS_ERR_UNSTARTED: return "unstarted";
	case EVRPC_STATUS_ERR_HOOKABORTED: return "hook aborted";
	}
	return "?";
}

static void
on_generic(struct evrpc_req_generic *rpc, void *arg)
{
	struct text *request = evrpc_get_request(rpc), *reply = evrpc_get_reply(rpc);
	SAY("server: %s, arg %s\n", request->words_data, (char *)arg);
	words_assign(reply, request->words_data);
	evrpc_request_done(rpc);
}

static void
on_status(struct evrpc_status *status, void *request, void *reply, void *arg)
{
	struct text *r = reply;
	(void)request;
	SAY("client %s: %s, reply %s\n", (char *)arg, word_of(status->error), r->words_set ? r->words_data : "-");
}

static void *make_text(void *arg)
{
	SAY("make %s\n", (char *)arg);
	return text_new_with_arg(NULL);
}
static void drop_text(void *t) { text_free(t); }
static void wipe_text(void *t) { text_clear(t); }
static int read_text(void *t, struct evbuffer *b) { return text_unmarshal(t, b); }
static int whole_text(void *t) { return text_complete(t); }
static void write_text(struct evbuffer *b, void *t) { text_marshal(b, t); }

static void
send_by_hand(const char *words, const char *name, const char *command)
{
	struct text *q = asks[asked] = text_new_with_arg(NULL), *r = replies[asked] = text_new_with_arg(NULL);
	asked++;
	words_assign(q, words);
	SAY("send %d\n",
	    evrpc_send_request_generic(pool, q, r, on_status, (void *)name, command, write_text, wipe_text, read_text));
}

static void
begin_by_hand(void)
{
	serve_globally();
	rpcs = evrpc_init(http);
	pool = evrpc_pool_new(NULL);
	evrpc_pool_add_connection(pool, connection());
}

CASE(registered_by_parts)
{
	begin_by_hand();
	SAY("register %d\n", evrpc_register_generic(rpcs, "Hand", on_generic, (void *)"p", make_text, (void *)"request", drop_text,
	    read_text, make_text, (void *)"reply", drop_text, whole_text, write_text));
	send_by_hand("one", "a", "Hand");
	settle();
	send_by_hand("two", "b", "Other");
	settle();
	SAY("unregister %d\n", evrpc_unregister_rpc(rpcs, "Hand"));
	send_by_hand("three", "c", "Hand");
	settle();
	end();
}

CASE(registered_as_a_struct)
{
	struct evrpc *rpc;
	begin_by_hand();
	rpc = calloc(1, sizeof *rpc);
	rpc->uri = strdup("Struct");
	rpc->request_new = make_text;
	rpc->request_new_arg = (void *)"request";
	rpc->request_free = drop_text;
	rpc->request_unmarshal = read_text;
	rpc->reply_new = make_text;
	rpc->reply_new_arg = (void *)"reply";
	rpc->reply_free = drop_text;
	rpc->reply_complete = whole_text;
	rpc->reply_marshal = write_text;
	SAY("register %d\n", evrpc_register_rpc(rpcs, rpc, on_generic, (void *)"s"));
	CHECK(rpc->cb == on_generic && !strcmp(rpc->cb_arg, "s") && rpc->base == rpcs);
	send_by_hand("one", "a", "Struct");
	settle();
	end();
}

CASE(two_commands)
{
	begin_by_hand();
	evrpc_register_generic(rpcs, "A", on_generic, (void *)"of A", make_text, (void *)"A?", drop_text, read_text, make_text,
	    (void *)"A!", drop_text, whole_text, write_text);
	evrpc_register_generic(rpcs, "B", on_generic, (void *)"of B", make_text, (void *)"B?", drop_text, read_text, make_text,
	    (void *)"B!", drop_text, whole_text, write_text);
	send_by_hand("one", "a", "A");
	send_by_hand("two", "b", "B");
	send_by_hand("three", "c", "A");
	settle();
	SAY("unregister %d\n", evrpc_unregister_rpc(rpcs, "A"));
	send_by_hand("four", "d", "A");
	send_by_hand("five", "e", "B");
	settle();
	end();
}

/* A body that the server cannot read, and a reply that the client cannot. */
static void write_junk(struct evbuffer *b, void *t)
{
	(void)t;
	evbuffer_add_printf(b, "junk");
}

CASE(bodies_that_cannot_be_read)
{
	struct text *q, *r;
	begin_by_hand();
	evrpc_register_generic(rpcs, "Hand", on_generic, (void *)"p", make_text, (void *)"request", drop_text, read_text, make_text,
	    (void *)"reply", drop_text, whole_text, write_text);
	evrpc_register_generic(rpcs, "Junk", on_generic, (void *)"j", make_text, (void *)"request", drop_text, read_text, make_text,
	    (void *)"reply", drop_text, whole_text, write_junk);
	q = asks[0] = text_new_with_arg(NULL);
	r = replies[0] = text_new_with_arg(NULL);
	asked = 1;
	words_assign(q, "words");
	SAY("send %d\n", evrpc_send_request_generic(pool, q, r, on_status, (void *)"a", "Hand", write_junk, wipe_text, read_text));
	settle();
	send_by_hand("two", "b", "Junk");
	settle();
	send_by_hand("three", "c", "Hand");
	settle();
	end();
}

CASE(a_second_pool)
{
	begin_by_hand();
	evrpc_pool_free(pool);
	pool = evrpc_pool_new(NULL);
	evrpc_register_generic(rpcs, "Hand", on_generic, (void *)"p", make_text, (void *)"request", drop_text, read_text, make_text,
	    (void *)"reply", drop_text, whole_text, write_text);
	evrpc_pool_add_connection(pool, connection());
	send_by_hand("one", "a", "Hand");
	settle();
	end();
}

CASE(a_pool_with_a_base)
{
	begin_by_hand();
	evrpc_pool_free(pool);
	pool = evrpc_pool_new(base);
	evrpc_pool_add_connection(pool, connection());
	evrpc_register_generic(rpcs, "Hand", on_generic, (void *)"p", make_text, (void *)"request", drop_text, read_text, make_text,
	    (void *)"reply", drop_text, whole_text, write_text);
	evrpc_pool_set_timeout(pool, 10);
	send_by_hand("one", "a", "Hand");
	settle();
	end();
}

/* More calls than connections: the rest waits its turn. */
CASE(calls_that_wait)
{
	begin();
	mode = 2;
	call("one", "a");
	call("two", "b");
	call("three", "c");
	settle();
	while (held) {
		EVRPC_STRUCT(Say) *rpc = held;
		held = NULL;
		EVRPC_REQUEST_DONE(rpc);
		settle();
	}
	end();
}

CASE(a_pool_freed_with_a_call_in_flight)
{
	begin();
	mode = 2;
	call("one", "a");
	settle();
	evrpc_pool_free(pool);
	pool = NULL;
	SAY("freed\n");
	EVRPC_REQUEST_DONE(held);
	settle();
	end();
}

CASE(a_pool_freed_with_calls_that_wait)
{
	begin();
	mode = 2;
	call("one", "a");
	call("two", "b");
	settle();
	evrpc_pool_free(pool);
	pool = NULL;
	SAY("freed\n");
	EVRPC_REQUEST_DONE(held);
	settle();
	end();
}

static void on_done_call(struct evrpc_status *status, struct text *request, struct text *reply, void *arg)
{
	on_done(status, request, reply, arg);
	if (asked < 3)
		call("again", "b");
}

CASE(a_call_from_the_callback_of_another)
{
	struct text *q, *r;
	begin();
	q = asks[0] = text_new_with_arg(NULL);
	r = replies[0] = text_new_with_arg(NULL);
	asked = 1;
	words_assign(q, "first");
	SAY("ask %d\n", EVRPC_MAKE_REQUEST(Say, pool, q, r, on_done_call, (void *)"a"));
	settle();
	call("last", "c");
	settle();
	end();
}

/* The shape of a generated struct with an array of numbers and one of texts, and of bytes with a length. */
struct list;
struct list_access {
	int (*numbers_add)(struct list *, int);
	int (*numbers_get)(struct list *, int, int *);
	int (*items_get)(struct list *, int, struct text **);
	struct text *(*items_add)(struct list *);
	int (*bytes_assign)(struct list *, const unsigned char *, ev_uint32_t);
	int (*bytes_get)(struct list *, unsigned char **, ev_uint32_t *);
};
struct list {
	const struct list_access *base;
	int numbers_data[4], numbers_length, items_length;
	struct text items_data[4];
	unsigned char bytes_data[8];
	ev_uint32_t bytes_length;
	unsigned char bytes_set, numbers_set;
};

static int numbers_add(struct list *l, int v)
{
	l->numbers_data[l->numbers_length++] = v;
	l->numbers_set = 1;
	return v;
}
static int numbers_get(struct list *l, int i, int *v)
{
	if (i < 0 || i >= l->numbers_length)
		return -1;
	*v = l->numbers_data[i];
	return 0;
}
static struct text *items_add(struct list *l) { return &l->items_data[l->items_length++]; }
static int items_get(struct list *l, int i, struct text **t)
{
	if (i < 0 || i >= l->items_length)
		return -1;
	*t = &l->items_data[i];
	return 0;
}
static int bytes_assign(struct list *l, const unsigned char *data, ev_uint32_t len)
{
	memcpy(l->bytes_data, data, len);
	l->bytes_length = len;
	l->bytes_set = 1;
	return 0;
}
static int bytes_get(struct list *l, unsigned char **data, ev_uint32_t *len)
{
	*data = l->bytes_data;
	*len = l->bytes_length;
	return l->bytes_set ? 0 : -1;
}
static const struct list_access access_list = { numbers_add, numbers_get, items_get, items_add, bytes_assign, bytes_get };

CASE(macros_of_messages)
{
	struct list list, *l = &list;
	struct text *t;
	unsigned char *bytes;
	ev_uint32_t len;
	int v = 0;
	memset(l, 0, sizeof *l);
	l->base = &access_list;
	SAY("add %d\n", EVTAG_ARRAY_ADD_VALUE(l, numbers, 7));
	SAY("add %d\n", EVTAG_ARRAY_ADD_VALUE(l, numbers, 8));
	SAY("length %d\n", EVTAG_ARRAY_LEN(l, numbers));
	SAY("get %d", EVTAG_ARRAY_GET(l, numbers, 1, &v));
	SAY(" %d\n", v);
	SAY("beyond %d\n", EVTAG_ARRAY_GET(l, numbers, 2, &v));
	words_assign(EVTAG_ARRAY_ADD(l, items), "first");
	SAY("items %d", EVTAG_ARRAY_LEN(l, items));
	SAY(" %d", EVTAG_ARRAY_GET(l, items, 0, &t));
	SAY(" %s\n", t->words_data);
	SAY("has %d %d\n", EVTAG_HAS(l, numbers), EVTAG_HAS(l, bytes));
	SAY("assign %d\n", EVTAG_ASSIGN_WITH_LEN(l, bytes, (const unsigned char *)"abc", 3));
	SAY("get %d", EVTAG_GET_WITH_LEN(l, bytes, &bytes, &len));
	SAY(" %.*s\n", (int)len, (char *)bytes);
	words_assign(EVTAG_ADD(l, items), "second");
	SAY("items %d\n", EVTAG_LEN(l, items));
}
