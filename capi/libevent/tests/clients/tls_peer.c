/*
 * tls_peer.c: a server and clients over bufferevent_openssl, for tls.sh. The certificate lies in cert.pem, its key in key.pem.
 *
 *     tls_peer server LINE FLOW TURN HTTPS SIZE
 *         LINE answers a line with the version of TLS and the line, and ends; FLOW echoes SIZE bytes, with a key update after
 *         half of them under TLS 1.3, and ends; TURN is the same with a renegotiation under TLS 1.2; HTTPS is an evhttp.
 *         Prints "error CODE" or "end" for what a peer ended, "PORT: turns N" for what it ended itself.
 *     tls_peer line PORT VERSION         sends a line, prints the one that comes back
 *     tls_peer flow PORT VERSION FILE    sends FILE, reads as much; a key update after half of it under TLS 1.3. Prints the
 *                                        digest of what came, and how many key updates and renegotiations the peer took part in
 *     tls_peer turn PORT VERSION FILE    the same, with a renegotiation under TLS 1.2
 *     tls_peer cuts PORT VERSION         connects again until a peer ends in order; prints what was counted
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 1048576

enum mode { LINE, FLOW, TURN, CUTS };
static const char *const names[] = { "line", "flow", "turn", "cuts" };

struct peer {
	struct bufferevent *bev;
	enum mode mode;
	size_t got, sent;
	int asked;     /* the turn after half of the data was asked for */
	int turns;     /* handshakes after the first, and key updates, that the other side answered */
	int handshakes;
};

static struct event_base *base;
static SSL_CTX *ctx;
static size_t size;
static char *data;            /* a client's: what it sends */
static EVP_MD_CTX *digest;    /* a client's: of what it received */
static struct sockaddr_in to; /* a client's */
static int errors, ends, before;

static void
die(const char *what)
{
	fprintf(stderr, "tls_peer: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static int
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Counts what came from the other side: Finished (20) and KeyUpdate (24). */
static void
on_message(int write, int version, int type, const void *buf, size_t len, SSL *ssl, void *arg)
{
	struct peer *peer = arg;
	const unsigned char *bytes = buf;
	(void)version;
	(void)ssl;
	if (write || type != SSL3_RT_HANDSHAKE || len == 0)
		return;
	if (bytes[0] == SSL3_MT_FINISHED)
		peer->turns += peer->handshakes++ > 0;
	else if (bytes[0] == SSL3_MT_KEY_UPDATE)
		peer->turns++;
}

static SSL *
ssl_new(struct peer *peer)
{
	SSL *ssl = SSL_new(ctx);
	if (ssl && peer) {
		SSL_set_msg_callback(ssl, on_message);
		SSL_set_msg_callback_arg(ssl, peer);
	}
	return ssl;
}

static SSL *
ssl_of(struct peer *peer)
{
	return bufferevent_openssl_get_ssl(peer->bev);
}

static void
bye(struct peer *peer)
{
	SSL_shutdown(ssl_of(peer));
	ERR_clear_error(); /* it complains of a handshake that failed */
	bufferevent_free(peer->bev);
	free(peer);
}

static void
turn(struct peer *peer)
{
	peer->asked = 1;
	if (SSL_version(ssl_of(peer)) == TLS1_3_VERSION) {
		if (!SSL_key_update(ssl_of(peer), SSL_KEY_UPDATE_REQUESTED))
			die("SSL_key_update");
	} else if (peer->mode == TURN && bufferevent_ssl_renegotiate(peer->bev) < 0) {
		die("bufferevent_ssl_renegotiate");
	}
}

/* Whether the turn is due; a renegotiation finds no data under way. */
static int
turn_due(struct peer *peer, int quiet)
{
	return !peer->asked && peer->got >= size / 2 && (quiet || SSL_version(ssl_of(peer)) == TLS1_3_VERSION);
}

/* The server. */

static void
server_drained(struct bufferevent *bev, void *arg)
{
	struct peer *peer = arg;
	if (evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return; /* the original calls for an earlier drain, too */
	if (peer->mode == LINE ? peer->got > 0 : peer->got >= size) {
		printf("%s: turns %d\n", names[peer->mode], peer->turns);
		bye(peer);
		return;
	}
	if (peer->mode != LINE && turn_due(peer, 1))
		turn(peer);
	bufferevent_enable(bev, EV_READ);
}

static void
server_read(struct bufferevent *bev, void *arg)
{
	struct peer *peer = arg;
	struct evbuffer *in = bufferevent_get_input(bev), *out = bufferevent_get_output(bev);
	if (peer->mode == LINE) {
		char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
		if (line) {
			peer->got++;
			evbuffer_add_printf(out, "%s %s\n", SSL_get_version(ssl_of(peer)), line);
			free(line);
		}
		return;
	}
	peer->got += evbuffer_get_length(in);
	evbuffer_add_buffer(out, in);
	if (turn_due(peer, 0))
		turn(peer);
	if (evbuffer_get_length(out) > PIECE)
		bufferevent_disable(bev, EV_READ);
}

static void
server_event(struct bufferevent *bev, short what, void *arg)
{
	if (what & BEV_EVENT_ERROR)
		printf("error %lx\n", bufferevent_get_openssl_error(bev));
	else if (what & BEV_EVENT_EOF)
		printf("end\n");
	else
		return;
	bye(arg);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	(void)listener;
	(void)sa;
	(void)len;
	peer->mode = *(enum mode *)arg;
	peer->bev = bufferevent_openssl_socket_new(base, fd, ssl_new(peer), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (!peer->bev)
		die("bufferevent_openssl_socket_new");
	bufferevent_setcb(peer->bev, server_read, server_drained, server_event, peer);
	bufferevent_enable(peer->bev, EV_READ | EV_WRITE);
}

static struct bufferevent *
https_bev(struct event_base *b, void *arg)
{
	(void)arg;
	return bufferevent_openssl_socket_new(b, -1, ssl_new(NULL), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct evbuffer *buf = evbuffer_new();
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evhttp_request_get_connection(req)));
	(void)arg;
	if (evhttp_request_get_command(req) == EVHTTP_REQ_POST)
		evbuffer_add_buffer(buf, evhttp_request_get_input_buffer(req));
	else
		evbuffer_add_printf(buf, "%s %s\n", SSL_get_version(ssl), evhttp_request_get_uri(req));
	evhttp_send_reply(req, 200, "OK", buf);
	evbuffer_free(buf);
}

static void
serve(char **ports)
{
	static enum mode modes[] = { LINE, FLOW, TURN };
	struct evhttp *http = evhttp_new(base);
	int i;
	if (SSL_CTX_use_certificate_chain_file(ctx, "cert.pem") != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, "key.pem", SSL_FILETYPE_PEM) != 1)
		die("the certificate");
	for (i = 0; i < 3; i++) {
		to.sin_port = htons((unsigned short)atoi(ports[i]));
		if (!evconnlistener_new_bind(base, on_accept, &modes[i], LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
			(struct sockaddr *)&to, sizeof(to)))
			die("evconnlistener_new_bind");
	}
	evhttp_set_bevcb(http, https_bev, NULL);
	evhttp_set_gencb(http, on_request, NULL);
	if (evhttp_bind_socket(http, "127.0.0.1", (unsigned short)atoi(ports[3])))
		die("evhttp_bind_socket");
	printf("ready\n");
}

/* The clients. */

static void
client_more(struct bufferevent *bev, void *arg)
{
	struct peer *peer = arg;
	size_t n = size - peer->sent;
	int half = !peer->asked && peer->sent == size / 2;
	if (peer->mode != FLOW && peer->mode != TURN)
		return;
	if (n == 0 && peer->got == size) {
		unsigned char sum[EVP_MAX_MD_SIZE];
		unsigned len = 0, i;
		EVP_DigestFinal_ex(digest, sum, &len);
		for (i = 0; i < len; i++)
			printf("%02x", sum[i]);
		printf(" turns %d\n", peer->turns);
		bye(peer);
		return;
	}
	if (half) {
		if (peer->mode == TURN && !turn_due(peer, 1))
			return; /* until what was sent has come back */
		turn(peer);
	}
	if (n > PIECE)
		n = PIECE;
	if (n && evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
		bufferevent_write(bev, data + peer->sent, n);
		peer->sent += n;
	}
}

static void
client_read(struct bufferevent *bev, void *arg)
{
	struct peer *peer = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_iovec piece;
	if (peer->mode == LINE) {
		char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
		if (!line)
			return;
		printf("%s\n", line);
		free(line);
		bye(peer);
		return;
	}
	while (evbuffer_peek(in, -1, NULL, &piece, 1) > 0) {
		EVP_DigestUpdate(digest, piece.iov_base, piece.iov_len);
		peer->got += piece.iov_len;
		evbuffer_drain(in, piece.iov_len);
	}
	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		client_more(bev, peer);
}

static void dial(enum mode mode);

static void
client_event(struct bufferevent *bev, short what, void *arg)
{
	struct peer *peer = arg;
	if (what & BEV_EVENT_CONNECTED)
		return;
	if (peer->mode != CUTS) {
		fprintf(stderr, "event %x, error %lx, %zu sent, %zu came\n", what, bufferevent_get_openssl_error(bev),
		    peer->sent, peer->got);
		exit(1);
	}
	bye(peer);
	if (what & BEV_EVENT_ERROR) {
		errors++;
		dial(CUTS);
	} else {
		ends++;
	}
}

static void
dial(enum mode mode)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	SSL *ssl = ssl_new(peer);
	SSL_set_tlsext_host_name(ssl, "localhost");
	SSL_set1_host(ssl, "localhost");
	peer->mode = mode;
	peer->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (!peer->bev)
		die("bufferevent_openssl_socket_new");
	bufferevent_setcb(peer->bev, client_read, client_more, client_event, peer);
	bufferevent_enable(peer->bev, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(peer->bev, (struct sockaddr *)&to, sizeof(to)))
		die("bufferevent_socket_connect");
	if (mode == LINE)
		bufferevent_write(peer->bev, "hello\n", 6);
	else if (mode != CUTS)
		client_more(peer->bev, peer);
}

static void
load(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END))
		die(path);
	size = (size_t)ftell(file);
	rewind(file);
	data = malloc(size);
	if (!data || fread(data, 1, size, file) != size)
		die(path);
	fclose(file);
	digest = EVP_MD_CTX_new();
	EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
}

int
main(int argc, char **argv)
{
	int mode = 0;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	base = event_base_new();
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (argc == 7 && !strcmp(argv[1], "server")) {
		ctx = SSL_CTX_new(TLS_server_method());
		size = (size_t)atol(argv[6]);
		serve(argv + 2);
		return event_base_dispatch(base);
	}
	while (mode < 4 && argc > 1 && strcmp(argv[1], names[mode]))
		mode++;
	if (argc < 4 || mode == 4)
		return 2;
	ctx = SSL_CTX_new(TLS_client_method());
	to.sin_port = htons((unsigned short)atoi(argv[2]));
	SSL_CTX_set_max_proto_version(ctx, strcmp(argv[3], "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_min_proto_version(ctx, strcmp(argv[3], "1.3") ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(ctx, "cert.pem", NULL) != 1)
		die("the certificate");
	if (mode == FLOW || mode == TURN) {
		if (argc < 5)
			return 2;
		load(argv[4]);
	}
	before = descriptors();
	dial((enum mode)mode);
	event_base_dispatch(base);
	if (mode == CUTS)
		printf("errors %d ends %d leaked %d\n", errors, ends, descriptors() - before);
	return 0;
}
