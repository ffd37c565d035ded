/*
 * rpc_kit.h: a command, a server that offers it and a pool that calls it. The messages are one text each, in the shape of
 * generated structs.
 */
#ifndef RPC_KIT_H
#define RPC_KIT_H

#include "case.h"
#include "http_kit.h"
#include <evrpc.h>

struct text;
struct text_access {
	int (*words_assign)(struct text *, const char *);
	int (*words_get)(struct text *, const char **);
};
struct text {
	struct text_access *base;
	char words_data[64];
	unsigned char words_set;
};

static int words_assign(struct text *t, const char *v)
{
	snprintf(t->words_data, sizeof t->words_data, "%s", v);
	t->words_set = 1;
	return 0;
}
static int words_get(struct text *t, const char **v)
{
	*v = t->words_data;
	return t->words_set ? 0 : -1;
}
static struct text_access access_text = { words_assign, words_get };

static int alive;
static struct text *text_new_with_arg(void *arg)
{
	struct text *t = calloc(1, sizeof *t);
	(void)arg;
	t->base = &access_text;
	alive++;
	return t;
}
static void text_free(struct text *t) { alive--; free(t); }
static void text_clear(struct text *t) { SAY("clear\n"); t->words_set = 0; }
static int text_complete(struct text *t) { return t->words_set ? 0 : -1; }
static void text_marshal(struct evbuffer *b, const struct text *t) { evbuffer_add_printf(b, "T%s", t->words_data); }
static int text_unmarshal(struct text *t, struct evbuffer *b)
{
	char all[80];
	int n = evbuffer_remove(b, all, sizeof all - 1);
	if (n < 1 || all[0] != 'T')
		return -1;
	all[n] = 0;
	return words_assign(t, all + 1);
}

EVRPC_HEADER(Say, text, text)
EVRPC_GENERATE(Say, text, text)

static struct evrpc_base *rpcs;
static struct evrpc_pool *pool;
static int mode;
static EVRPC_STRUCT(Say) *held;

CASE_UNUSED static void on_say(EVRPC_STRUCT(Say) *rpc, void *arg)
{
	const char *words = "";
	struct evrpc_req_generic *generic = (struct evrpc_req_generic *)rpc;
	EVTAG_GET(rpc->request, words, &words);
	SAY("server: %s, %s, arg %s, uri %s, has %d\n", words, rpc->rpc->uri, (char *)arg,
	    evhttp_request_get_uri(EVRPC_REQUEST_HTTP(rpc)), EVTAG_HAS(rpc->request, words));
	CHECK(evrpc_get_request(generic) == rpc->request && evrpc_get_reply(generic) == rpc->reply);
	if (mode != 1)
		EVTAG_ASSIGN(rpc->reply, words, words);
	if (mode == 2)
		held = rpc;
	else
		EVRPC_REQUEST_DONE(rpc);
}

CASE_UNUSED static void on_done(struct evrpc_status *status, struct text *request, struct text *reply, void *arg)
{
	SAY("client %s: error %d, http %d, asked %s, reply %s\n", (char *)arg, status->error,
	    status->http_req ? evhttp_request_get_response_code(status->http_req) : -1, request->words_data,
	    reply->words_set ? reply->words_data : "-");
}

CASE_UNUSED static struct evhttp_connection *connection(void)
{
	return evhttp_connection_base_new(base, NULL, "127.0.0.1", (ev_uint16_t)port);
}

static struct text *asks[8], *replies[8];
static int asked;
CASE_UNUSED static void call(const char *words, const char *name)
{
	struct text *q = asks[asked] = text_new_with_arg(NULL), *r = replies[asked] = text_new_with_arg(NULL);
	asked++;
	EVTAG_ASSIGN(q, words, words);
	SAY("ask %d\n", EVRPC_MAKE_REQUEST(Say, pool, q, r, on_done, (void *)name));
}

/* A pool without a base goes with the global one. */
CASE_UNUSED static void serve_globally(void)
{
	base = event_init();
	http = evhttp_new(base);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	port = port_of(evhttp_bound_socket_get_fd(bound));
}

CASE_UNUSED static void begin(void)
{
	serve_globally();
	rpcs = evrpc_init(http);
	SAY("register %d\n", EVRPC_REGISTER(rpcs, Say, text, text, on_say, (void *)"x"));
	pool = evrpc_pool_new(NULL);
	evrpc_pool_add_connection(pool, connection());
}

CASE_UNUSED static void end(void)
{
	if (pool)
		evrpc_pool_free(pool);
	if (rpcs)
		evrpc_free(rpcs);
	evhttp_free(http);
	while (asked--) {
		text_free(asks[asked]);
		text_free(replies[asked]);
	}
	SAY("alive %d\n", alive);
	event_base_free(base);
}

#endif
