/* event2/rpc.h: commands on a server and pools that call them, hooks, and what fails. */
#include "rpc_kit.h"

CASE(calls)
{
	begin();
	call("one", "a");
	settle();
	call("two", "b");
	call("three", "c");
	settle();
	end();
}

CASE(pool_of_two)
{
	struct evhttp_connection *second;
	begin();
	second = connection();
	evrpc_pool_add_connection(pool, second);
	mode = 2;
	call("one", "a");
	settle();
	CHECK(held != NULL);
	mode = 0;
	call("two", "b");
	settle();
	EVRPC_REQUEST_DONE(held);
	settle();
	evrpc_pool_remove_connection(pool, second);
	call("three", "c");
	settle();
	evhttp_connection_free(second);
	end();
}

CASE(incomplete_reply)
{
	begin();
	mode = 1;
	call("one", "a");
	settle();
	end();
}

CASE(unregistered)
{
	begin();
	SAY("unregister %d\n", EVRPC_UNREGISTER(rpcs, Say));
	SAY("again %d\n", EVRPC_UNREGISTER(rpcs, Say));
	call("one", "a");
	settle();
	SAY("register %d\n", EVRPC_REGISTER(rpcs, Say, text, text, on_say, (void *)"y"));
	call("two", "b");
	settle();
	end();
}

CASE(no_server)
{
	begin();
	evhttp_del_accept_socket(http, bound);
	call("one", "a");
	settle();
	end();
}

CASE(timeout)
{
	struct timeval tv = { 1, 300000 };
	begin();
	evrpc_pool_set_timeout(pool, 1);
	mode = 2;
	call("one", "a");
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	if (held)
		EVRPC_REQUEST_DONE(held);
	settle();
	end();
}

static void other_done(struct evrpc_status *status, void *request, void *reply, void *arg)
{
	(void)request, (void)reply;
	SAY("other: error %d, arg %s\n", status->error, (char *)arg);
}

CASE(context)
{
	struct evrpc_request_wrapper *ctx;
	struct text *q, *r;
	begin();
	q = asks[0] = text_new_with_arg(NULL);
	r = replies[0] = text_new_with_arg(NULL);
	asked = 1;
	EVTAG_ASSIGN(q, words, "ctx");
	ctx = EVRPC_MAKE_CTX(Say, text, text, pool, q, r, on_done, (void *)"a");
	CHECK(evrpc_request_get_pool(ctx) == pool);
	evrpc_request_set_pool(ctx, NULL);
	CHECK(evrpc_request_get_pool(ctx) == NULL);
	evrpc_request_set_pool(ctx, pool);
	evrpc_request_set_cb(ctx, other_done, (void *)"z");
	SAY("make %d\n", evrpc_make_request(ctx));
	settle();
	end();
}

struct hook {
	const char *name;
	int result;
	void *paused;
};

static int on_hook(void *ctx, struct evhttp_request *req, struct evbuffer *data, void *arg)
{
	struct hook *h = arg;
	void *kept = NULL;
	size_t len = 0;
	int found = evrpc_hook_find_meta(ctx, "key", &kept, &len);
	SAY("hook %s: %d bytes, request %d, connection %d, meta %d %.*s\n", h->name, (int)evbuffer_get_length(data),
	    req != NULL, evrpc_hook_get_connection(ctx) != NULL, found, (int)len, found ? "" : (char *)kept);
	if (found)
		evrpc_hook_add_meta(ctx, "key", h->name, strlen(h->name));
	if (h->result == EVRPC_PAUSE)
		h->paused = ctx;
	return h->result;
}

static void hooks(int in_client, enum EVRPC_HOOK_TYPE type, int result)
{
	struct hook one = { "one", EVRPC_CONTINUE, NULL }, two = { "two", EVRPC_CONTINUE, NULL };
	void *where, *h1, *h2;
	two.result = result;
	begin();
	where = in_client ? (void *)pool : (void *)rpcs;
	h1 = evrpc_add_hook(where, type, on_hook, &one);
	h2 = evrpc_add_hook(where, type, on_hook, &two);
	CHECK(h1 != NULL && h2 != NULL);
	call("words", "a");
	settle();
	if (two.paused) {
		SAY("resume %d\n", evrpc_resume_request(where, two.paused, EVRPC_CONTINUE));
		settle();
	}
	SAY("resume %d\n", evrpc_resume_request(where, &one, EVRPC_CONTINUE));
	SAY("remove %d", evrpc_remove_hook(where, type == INPUT ? OUTPUT : INPUT, h1));
	SAY(" %d", evrpc_remove_hook(where, type, h1));
	SAY(" %d\n", evrpc_remove_hook(where, type, h2));
	call("more", "b");
	settle();
	end();
}

CASE(hook_client_out) { hooks(1, EVRPC_OUTPUT, EVRPC_CONTINUE); }
CASE(hook_client_out_pause) { hooks(1, EVRPC_OUTPUT, EVRPC_PAUSE); }
CASE(hook_client_out_end) { hooks(1, EVRPC_OUTPUT, EVRPC_TERMINATE); }
CASE(hook_client_in) { hooks(1, EVRPC_INPUT, EVRPC_CONTINUE); }
CASE(hook_client_in_pause) { hooks(1, EVRPC_INPUT, EVRPC_PAUSE); }
CASE(hook_client_in_end) { hooks(1, EVRPC_INPUT, EVRPC_TERMINATE); }
CASE(hook_server_in) { hooks(0, EVRPC_INPUT, EVRPC_CONTINUE); }
CASE(hook_server_in_pause) { hooks(0, EVRPC_INPUT, EVRPC_PAUSE); }
CASE(hook_server_in_end) { hooks(0, EVRPC_INPUT, EVRPC_TERMINATE); }
CASE(hook_server_out) { hooks(0, EVRPC_OUTPUT, EVRPC_CONTINUE); }
CASE(hook_server_out_pause) { hooks(0, EVRPC_OUTPUT, EVRPC_PAUSE); }
CASE(hook_server_out_end) { hooks(0, EVRPC_OUTPUT, EVRPC_TERMINATE); }

static void wrong_status(struct evhttp_request *req, void *arg)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_printf(b, "Tfine");
	evhttp_send_reply(req, *(int *)arg, "Status", b);
	evbuffer_free(b);
}

static void status(int code, const char *path)
{
	serve_globally();
	evhttp_set_cb(http, path, wrong_status, &code);
	pool = evrpc_pool_new(NULL);
	evrpc_pool_add_connection(pool, connection());
	call("one", "a");
	settle();
	end();
}

CASE(status_200) { status(200, "/.rpc.Say"); }
CASE(status_500) { status(500, "/.rpc.Say"); }

static void raw(const char *method, const char *body)
{
	static const char *const paths[] = { "/.rpc.Say", "/Say" };
	char text[256], got[600];
	struct sockaddr_in sin;
	size_t i;
	for (i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		ssize_t n;
		memset(&sin, 0, sizeof sin);
		sin.sin_family = AF_INET;
		sin.sin_port = htons((ev_uint16_t)port);
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		connect(fd, (struct sockaddr *)&sin, sizeof sin);
		snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, paths[i],
		    (int)strlen(body), body);
		n = write(fd, text, strlen(text));
		settle();
		n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
		got[n > 0 ? n : 0] = 0;
		got[strcspn(got, "\r\n")] = 0;
		SAY("%s %s: %s\n", method, paths[i], got);
		close(fd);
		settle();
	}
}

CASE(raw_requests)
{
	begin();
	raw("GET", "");
	raw("POST", "");
	raw("PUT", "Tx");
	raw("POST", "Tx");
	raw("POST", "bad");
	end();
}

/* A command may be withdrawn, and its base freed, before a request is answered. */
CASE(withdrawn_while_held)
{
	begin();
	mode = 2;
	call("late", "a");
	settle();
	SAY("unregister %d\n", evrpc_unregister_rpc(rpcs, "Say"));
	EVRPC_REQUEST_DONE(held);
	settle();
	end();
}

CASE(base_freed_while_held)
{
	begin();
	mode = 2;
	call("late", "a");
	settle();
	evrpc_free(rpcs);
	rpcs = NULL;
	EVRPC_REQUEST_DONE(held);
	settle();
	end();
}
