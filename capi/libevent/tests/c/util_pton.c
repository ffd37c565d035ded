/* evutil_inet_pton, evutil_inet_pton_scope, evutil_inet_ntop. */
#include "case.h"
#include <event2/util.h>
#include <netinet/in.h>
#include <net/if.h>

static void
bytes(const void *memory, size_t count)
{
	const unsigned char *b = (const unsigned char *)memory;
	size_t i;
	for (i = 0; i < count; i++)
		SAY("%02x", (unsigned)b[i]);
}

static void
pton(int family, const char *text)
{
	unsigned char out[16];
	int r;
	memset(out, 0x99, sizeof(out));
	r = evutil_inet_pton(family, text, out);
	SAY("[%s] %d ", text, r);
	bytes(out, family == AF_INET ? 4 : 16);
	SAY("\n");
}

static void
pton_scope(int family, const char *text)
{
	unsigned char out[16];
	unsigned index = 77;
	int r;
	memset(out, 0x99, sizeof(out));
	r = evutil_inet_pton_scope(family, text, out, &index);
	SAY("[%s] %d ", text, r);
	bytes(out, 16);
	SAY(" scope %u\n", index);
}

static void
ntop(int family, const char *text, size_t room)
{
	unsigned char address[16];
	char out[64];
	const char *r;
	memset(out, 'Z', sizeof(out));
	out[63] = '\0';
	if (evutil_inet_pton(family, text, address) != 1) {
		SAY("bad case %s\n", text);
		return;
	}
	r = evutil_inet_ntop(family, address, out, room);
	SAY("[%s] in %d: %s", text, (int)room, r ? r : "null");
	CHECK(r == NULL || r == out);
}

CASE(pton4_plain)
{
	pton(AF_INET, "1.2.3.4");
	pton(AF_INET, "0.0.0.0");
	pton(AF_INET, "255.255.255.255");
	pton(AF_INET, "01.002.0003.4");
}

CASE(pton4_malformed)
{
	static const char *const texts[] = { "", ".", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "1..3.4", "256.1.1.1",
		"1.2.3.256", "-1.2.3.4", "1.2.3.4x", "1.2.3.4 ", "0x1.2.3.4", "a.b.c.d", "1.2.3.4%lo", "::1", "localhost" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		pton(AF_INET, texts[i]);
}

CASE(pton4_liberties)
{
	pton(AF_INET, " 1.2.3.4");
	pton(AF_INET, "1. 2.3.4");
	pton(AF_INET, "+1.2.3.4");
	pton(AF_INET, "4294967297.1.1.1");
	pton(AF_INET, "1.2.3.-4294967290");
	pton(AF_INET, "99999999999999999999.1.1.1");
}

CASE(pton6_plain)
{
	static const char *const texts[] = { "::", "::1", "1::", "1::2", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
		"1::3:4:5:6:7:8", "ABCD:ef01::", "0:0:0:0:0:0:0:0", "fe80::0001", "::ffff:1.2.3.4", "::1.2.3.4",
		"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5::1.2.3.4", "::1:2.3.4.5" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		pton(AF_INET6, texts[i]);
}

CASE(pton6_malformed)
{
	static const char *const texts[] = { "", ":", ":::", ":1", "1:", "1:::2", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "00001::", "g::", "::g", "::-1", "::+1",
		" ::1", "::1 ", "[::1]", "1.2.3.4", "1.2.3.4::", "::1.2.3", "::1.2.3.400", "::1.2.3.4.5", "::1..2", "::.1.2.3",
		"::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6::1.2.3.4", "fe80::1%lo", "fe80::1%", "::0xg" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		pton(AF_INET6, texts[i]);
}

CASE(pton6_liberties)
{
	pton(AF_INET6, "::0x1");
	pton(AF_INET6, "::0X12:3");
	pton(AF_INET6, "::0x123");
	pton(AF_INET6, "1:2:3:4:5:6:7:8:");
	pton(AF_INET6, "::1. 2.3.4");
	pton(AF_INET6, "::01.2.3.4");
}

CASE(pton_other_family)
{
	pton(AF_UNIX, "1.2.3.4");
	pton_scope(AF_UNIX, "fe80::1%lo");
	pton_scope(AF_INET, "1.2.3.4");
	pton_scope(AF_INET, "1.2.3.4%lo");
}

CASE(pton_scopes)
{
	static const char *const texts[] = { "fe80::1", "fe80::1%1", "fe80::1%", "fe80::1%00", "fe80::1%01", "fe80::1% 1",
		"fe80::1%+1", "fe80::1%-1", "fe80::1%1x", "fe80::1%0x1", "fe80::1%%lo", "fe80::1%no such", "fe80::1%4294967295",
		"fe80::1%4294967296", "fe80::1%99999999999999999999", "1%2::3", "%7", "1:2:3:4:5:6:7:8%9", "::ffff:1.2.3.4%5" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		pton_scope(AF_INET6, texts[i]);
}

CASE(pton_scope_name)
{
	unsigned char out[16];
	unsigned index = 77;
	CHECK(evutil_inet_pton_scope(AF_INET6, "fe80::1%lo", out, &index) == 1);
	CHECK(index == if_nametoindex("lo"));
	CHECK(evutil_inet_pton_scope(AF_INET6, "fe80::1x%lo", out, &index) == 0);
	CHECK(index == if_nametoindex("lo"));
}

CASE(ntop6_short_form)
{
	static const char *const texts[] = { "::", "::1", "1::", "1::2:0:0:3", "1:2:3:4:5:6:7:8", "1:0:3:4:5:6:7:8",
		"0:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", "1:0:0:4:0:0:7:8", "1:0:0:4:0:0:0:8", "0:0:1::", "::1:0", "::1:2:3",
		"abcd:ef01:2345:6789:ABCD:EF01:2345:6789", "fe80::1" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ntop(AF_INET6, texts[i], 63);
}

CASE(ntop6_with_ipv4)
{
	static const char *const texts[] = { "::ffff:1.2.3.4", "::1.2.3.4", "::ffff:0:0", "::ffff:0:1.2.3.4", "::0.0.1.0",
		"::0.1.0.0", "::0.1.0.1", "64:ff9b::1.2.3.4", "0:0:0:0:0:ffff:ffff:ffff" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ntop(AF_INET6, texts[i], 63);
}

CASE(ntop_room)
{
	size_t room;
	for (room = 0; room <= 9; room++)
		ntop(AF_INET, "1.2.3.4", room);
	for (room = 13; room <= 17; room++)
		ntop(AF_INET, "255.255.255.255", room);
	for (room = 0; room <= 4; room++)
		ntop(AF_INET6, "::1", room);
	for (room = 13; room <= 16; room++)
		ntop(AF_INET6, "::ffff:1.2.3.4", room);
	for (room = 37; room <= 40; room++)
		ntop(AF_INET6, "abcd:ef01:2345:6789:abcd:ef01:2345:6789", room);
}

CASE(ntop_other_family)
{
	char out[16] = "keep";
	CHECK(evutil_inet_ntop(AF_UNIX, "xxxx", out, sizeof(out)) == NULL);
	CHECK(strcmp(out, "keep") == 0);
}

/* Many texts made by rule: the sum of all answers tells the two apart. */
CASE(pton_many)
{
	static const char *const parts[] = { ":", "::", "0", "1", "ffff", "12", "255", ".", "1.2.3.4", "%", "[", "0x", "g", " ", "-", "1:2:3:4" };
	unsigned long long sum = 14695981039346656037ull;
	unsigned i, accepted = 0;
	for (i = 0; i < 65536; i++) {
		char text[64] = "";
		unsigned char out[16] = { 0 };
		unsigned k, index = 0, n = i;
		int r[3];
		for (k = 0; k < 4; k++, n >>= 4)
			strcat(text, parts[n & 15]);
		r[0] = evutil_inet_pton(AF_INET, text, out);
		r[1] = evutil_inet_pton(AF_INET6, text, out);
		r[2] = evutil_inet_pton_scope(AF_INET6, text, out, &index);
		accepted += (unsigned)(r[0] + r[1] + r[2]);
		for (k = 0; k < 16; k++)
			sum = (sum ^ out[k]) * 1099511628211ull;
		sum = (sum ^ index ^ (unsigned)(r[0] * 4 + r[1] * 2 + r[2])) * 1099511628211ull;
	}
	SAY("accepted %u, sum %016llx\n", accepted, sum);
}
