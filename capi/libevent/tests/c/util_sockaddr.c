/* evutil_parse_sockaddr_port, evutil_sockaddr_cmp. */
#include "case.h"
#include <event2/util.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static int
parse_in(const char *text, int room)
{
	struct sockaddr_storage ss;
	const unsigned char *b = (const unsigned char *)&ss;
	int len = room, r, i;
	memset(&ss, 0x99, sizeof(ss));
	r = evutil_parse_sockaddr_port(text, (struct sockaddr *)&ss, &len);
	SAY("[%s] %d: %d len %d ", text, room, r, len);
	for (i = 0; i < 28; i++)
		SAY("%02x", (unsigned)b[i]);
	SAY("\n");
	return r;
}

static void
parse(const char *text)
{
	parse_in(text, (int)sizeof(struct sockaddr_storage));
}

CASE(parse_five_forms)
{
	parse("[::1]:80");
	parse("[::1]");
	parse("::1");
	parse("1.2.3.4:80");
	parse("1.2.3.4");
	parse("::1:80");
	parse("[::ffff:1.2.3.4]:80");
	parse("::ffff:1.2.3.4");
}

CASE(parse_ports)
{
	static const char *const ports[] = { "", "0", "1", "80", "00080", "65535", "65536", "-1", "+1", " 1", "1x", "x", "80:90",
		"4294967376", "0x50" };
	char text[64];
	size_t i;
	for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		snprintf(text, sizeof(text), "1.2.3.4:%s", ports[i]);
		parse(text);
		snprintf(text, sizeof(text), "[::1]:%s", ports[i]);
		parse(text);
	}
}

CASE(parse_malformed)
{
	static const char *const texts[] = { "", ":", ":80", "[", "]", "[]", "[]:80", "[::1", "::1]", "[1.2.3.4]:80", "[[::1]]:80",
		"x[::1]:80", "[ ::1]:80", "1.2.3:80", "1.2.3.4 :80", "1.2.3.4:80:90", "localhost:80", "localhost", "::ffff:1.2.3.4:80",
		"hello world" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		parse(texts[i]);
}

CASE(parse_liberties)
{
	parse("[::1]x");
	parse("[::1]80");
	parse("[::1]:80junk");
	parse(" 1.2.3.4:80");
}

CASE(parse_scopes)
{
	parse("[fe80::1%1]:80");
	parse("fe80::1%1");
	parse("[fe80::1%12345]");
	parse("[fe80::1%no such]:80");
}

CASE(parse_room)
{
	int room;
	for (room = -1; room <= 17; room += room < 14 ? 15 : 1)
		parse_in("1.2.3.4:80", room);
	for (room = 26; room <= 29; room++)
		parse_in("[::1]:80", room);
}

CASE(parse_long_hosts)
{
	char text[512];
	int zeros;
	for (zeros = 119; zeros <= 122; zeros++) {
		memset(text, '0', sizeof(text));
		strcpy(text + zeros, "1.2.3.4:80");
		CHECK(parse_in(text, 128) == (zeros <= 120 ? 0 : -1));
		strcpy(text + zeros, "1.2.3.4");
		CHECK(parse_in(text, 128) == 0);
	}
	memset(text, 'a', sizeof(text));
	text[0] = '[';
	strcpy(text + 500, "]:80");
	CHECK(parse_in(text, 128) == -1);
}

CASE(compare_all)
{
	static const char *const texts[] = { "1.2.3.4:80", "1.2.3.4:81", "1.2.3.5:79", "1.2.3.200:1", "255.2.3.4:80", "0.0.0.0:5",
		"0.0.0.128:5", "[::1]:80", "[::1]:81", "[::3]:80", "[fe80::1%1]:80", "[fe80::1%2]:80" };
	struct sockaddr_storage a[12];
	int i, j, len;
	memset(a, 0, sizeof(a));
	for (i = 0; i < 12; i++) {
		len = (int)sizeof(a[i]);
		CHECK(evutil_parse_sockaddr_port(texts[i], (struct sockaddr *)&a[i], &len) == 0);
	}
	for (i = 0; i < 12; i++) {
		for (j = 0; j < 12; j++)
			SAY("%d/%d ", evutil_sockaddr_cmp((struct sockaddr *)&a[i], (struct sockaddr *)&a[j], 0),
			    evutil_sockaddr_cmp((struct sockaddr *)&a[i], (struct sockaddr *)&a[j], 1));
		SAY("\n");
	}
}

CASE(compare_unix)
{
	struct sockaddr_un a, b;
	struct sockaddr_in in;
	memset(&a, 0, sizeof(a));
	memset(&in, 0, sizeof(in));
	a.sun_family = AF_UNIX;
	in.sin_family = AF_INET;
	strcpy(a.sun_path, "x");
	b = a;
	SAY("%d %d\n", evutil_sockaddr_cmp((struct sockaddr *)&a, (struct sockaddr *)&b, 0),
	    evutil_sockaddr_cmp((struct sockaddr *)&a, (struct sockaddr *)&in, 1));
}
