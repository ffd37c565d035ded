/* URIs, queries, encoding and escaping. */
#include "case.h"
#include "http_kit.h"

#define S(x) ((x) ? (x) : "-")

static void
parts(const char *text, unsigned flags)
{
	struct evhttp_uri *uri = evhttp_uri_parse_with_flags(text, flags);
	char joined[300];
	if (!uri) {
		SAY("%s: none\n", text);
		return;
	}
	SAY("%s: %s %s %s %d %s %s %s\n", text, S(evhttp_uri_get_scheme(uri)), S(evhttp_uri_get_userinfo(uri)),
	    S(evhttp_uri_get_host(uri)), evhttp_uri_get_port(uri), S(evhttp_uri_get_path(uri)), S(evhttp_uri_get_query(uri)),
	    S(evhttp_uri_get_fragment(uri)));
	SAY("  %s\n", S(evhttp_uri_join(uri, joined, sizeof joined)));
	evhttp_uri_free(uri);
}

static const char *const texts[] = { "http://a/b", "http://a", "http://a:80", "http://a:", "http://a:0/", "http://a:65535",
	"http://a:65536", "http://a:99999999999", "http://a:-1", "http://u@a/", "http://u:p@a:1/x?y#z", "http://@a/",
	"http://[::1]/", "http://[::1]:80/", "http://[::1", "http://[1::2::3]", "http://[v1.a]/", "http://[]/", "//a/b", "/a/b",
	"a/b", "a:b", "?q", "#f", "", "a?b#c", "mailto:a@b", "http:///x", "http:/x", "http:", "1http://a", "h+-.t://a",
	"http://a b/", "http://a/b c", "http://a/%41", "http://a/%4", "http://a/%zz", "http://a?b", "http://a#b",
	"http://a/?b?c", "http://a/#b#c", "http://a/\x80", "/a|b", "http://A.B/", "http://a/b?c d", "//", "///x", "./a:b",
	"a/b:c", ":a", "http://u@v@a/", "http://a:80:90/", "http://a%20b/", "file:///etc", "http://a/\"", "http://a/b?|",
	"http://a//b", "*", "http://[::1]x/", "http://a/b#c d", "http://:80/", "http://u:@a", "http://1.2.3.4/" };

CASE(strict)
{
	unsigned i;
	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		parts(texts[i], 0);
}

CASE(nonconformant)
{
	unsigned i;
	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		parts(texts[i], EVHTTP_URI_NONCONFORMANT);
}

CASE(plain_parse)
{
	struct evhttp_uri *uri = evhttp_uri_parse("http://a/b");
	SAY("%s\n", evhttp_uri_get_host(uri));
	evhttp_uri_free(uri);
	SAY("%d\n", evhttp_uri_parse("http://a/ b") == 0);
}

#define T(e) SAY(#e " = %d\n", e)

CASE(setters)
{
	struct evhttp_uri *u = evhttp_uri_new();
	char b[60];
	SAY("port %d scheme %s\n", evhttp_uri_get_port(u), S(evhttp_uri_get_scheme(u)));
	T(evhttp_uri_set_scheme(u, "ht tp"));
	T(evhttp_uri_set_scheme(u, "1a"));
	T(evhttp_uri_set_scheme(u, ""));
	T(evhttp_uri_set_scheme(u, "http"));
	T(evhttp_uri_set_userinfo(u, "a:b"));
	T(evhttp_uri_set_userinfo(u, "a@b"));
	T(evhttp_uri_set_host(u, "[::1]"));
	T(evhttp_uri_set_host(u, "[::1"));
	T(evhttp_uri_set_host(u, "a b"));
	T(evhttp_uri_set_host(u, "a:b"));
	T(evhttp_uri_set_port(u, -2));
	T(evhttp_uri_set_port(u, 70000));
	T(evhttp_uri_set_port(u, -1));
	T(evhttp_uri_set_path(u, "a?b"));
	T(evhttp_uri_set_path(u, "a b"));
	T(evhttp_uri_set_path(u, "a/b%zz"));
	T(evhttp_uri_set_path(u, "/x"));
	T(evhttp_uri_set_query(u, "a#b"));
	T(evhttp_uri_set_query(u, "a b"));
	T(evhttp_uri_set_query(u, "a?b"));
	T(evhttp_uri_set_fragment(u, "a#b"));
	T(evhttp_uri_set_fragment(u, "ab"));
	SAY("%s\n", S(evhttp_uri_join(u, b, sizeof b)));
	SAY("%s\n", S(evhttp_uri_join(u, b, 5)));
	SAY("%s\n", S(evhttp_uri_join(u, b, 0)));
	T(evhttp_uri_set_path(u, "relative"));
	SAY("%s\n", S(evhttp_uri_join(u, b, sizeof b)));
	T(evhttp_uri_set_host(u, 0));
	T(evhttp_uri_set_userinfo(u, 0));
	T(evhttp_uri_set_fragment(u, 0));
	T(evhttp_uri_set_query(u, 0));
	SAY("%s\n", S(evhttp_uri_join(u, b, sizeof b)));
	T(evhttp_uri_set_scheme(u, 0));
	T(evhttp_uri_set_path(u, 0));
	SAY("<%s>\n", S(evhttp_uri_join(u, b, sizeof b)));
	evhttp_uri_set_flags(u, EVHTTP_URI_NONCONFORMANT);
	T(evhttp_uri_set_path(u, "a b"));
	evhttp_uri_free(u);
}

static void
fields(int (*parse)(const char *, struct evkeyvalq *), const char *text)
{
	struct evkeyvalq q;
	SAY("%s: %d\n", text, parse(text, &q));
	headers(&q);
	evhttp_clear_headers(&q);
}

static const char *const queries[] = { "/?a=b", "a=b", "/?q=test&s=some+thing", "/?", "?", "/x", "/?a", "/?a=", "/?=b",
	"/?a=b=c", "/?a=b&", "/?&a=b", "/?a=%41&%42=c", "/?a=b&a=c", "http://h/?a=b", "/?a=b#f", "/?a=b;c=d", "/?a+b=c", "",
	"/?a=%zz", "a=b&&c=d" };

CASE(query_of_a_uri)
{
	unsigned i;
	for (i = 0; i < sizeof queries / sizeof *queries; i++)
		fields(evhttp_parse_query, queries[i]);
}

CASE(query_strings)
{
	unsigned i;
	for (i = 0; i < sizeof queries / sizeof *queries; i++)
		fields(evhttp_parse_query_str, queries[i]);
}

CASE(decoding)
{
	static const char *const in[] = { "a+b", "a%20b", "a%", "a%2", "a%zz", "?a+b", "x+y?a+b", "%2B", "", "%00x" };
	unsigned i;
	for (i = 0; i < sizeof in / sizeof *in; i++) {
		size_t n = 0;
		char *a = evhttp_uridecode(in[i], 0, &n), *b = evhttp_uridecode(in[i], 1, 0), *c = evhttp_decode_uri(in[i]);
		SAY("%s: %s %d, %s, %s\n", in[i], a, (int)n, b, c);
		free(a);
		free(b);
		free(c);
	}
}

CASE(encoding)
{
	char *a = evhttp_encode_uri("a b+c/~-._\xc3\xa9");
	char *b = evhttp_uriencode("a b", -1, 1);
	char *c = evhttp_uriencode("a\0b", 3, 0);
	char *d = evhttp_uriencode("abc", 0, 0);
	SAY("%s %s %s <%s>\n", a, b, c, d);
	free(a);
	free(b);
	free(c);
	free(d);
}

CASE(html)
{
	char *a = evhttp_htmlescape("<a href=\"x\" b='&'>");
	SAY("%s\n", a);
	free(a);
}

CASE(header_lists)
{
	struct evkeyvalq q;
	q.tqh_first = 0;
	q.tqh_last = &q.tqh_first;
	T(evhttp_add_header(&q, "Aa", "1"));
	T(evhttp_add_header(&q, "b", "2"));
	T(evhttp_add_header(&q, "AA", "3"));
	T(evhttp_add_header(&q, "a", "b\r\nc: d"));
	T(evhttp_add_header(&q, "a", "b\nc"));
	T(evhttp_add_header(&q, "a", "b\rc"));
	T(evhttp_add_header(&q, "a\r", "b"));
	T(evhttp_add_header(&q, "a\n", "b"));
	T(evhttp_add_header(&q, "a", "b\r\n"));
	headers(&q);
	SAY("%s %s\n", S(evhttp_find_header(&q, "aa")), S(evhttp_find_header(&q, "c")));
	T(evhttp_remove_header(&q, "aA"));
	T(evhttp_remove_header(&q, "c"));
	headers(&q);
	T(evhttp_remove_header(&q, "aA"));
	T(evhttp_remove_header(&q, "b"));
	SAY("empty %d\n", q.tqh_first == 0 && q.tqh_last == &q.tqh_first);
	T(evhttp_add_header(&q, "z", ""));
	headers(&q);
	evhttp_clear_headers(&q);
	SAY("empty %d\n", q.tqh_first == 0);
}
