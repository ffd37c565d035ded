/*
 * event2/tag.h and tag_compat.h: what is written byte by byte, and what any
 * bytes are read as. A number is printed only after a call that worked.
 */
#include "case.h"
#include <event2/buffer.h>
#include <event2/tag.h>
#include <event2/tag_compat.h>

/* Exported, and declared by no header. */
int evtag_decode_int(ev_uint32_t *pnumber, struct evbuffer *evbuf);
int evtag_decode_int64(ev_uint64_t *pnumber, struct evbuffer *evbuf);
int evtag_encode_tag(struct evbuffer *evbuf, ev_uint32_t tag);
int evtag_decode_tag(ev_uint32_t *ptag, struct evbuffer *evbuf);

static void dump(const char *what, struct evbuffer *b)
{
	size_t len = evbuffer_get_length(b), i;
	unsigned char *p = evbuffer_pullup(b, -1);
	SAY("%s [%d]", what, (int)len);
	for (i = 0; i < len; i++)
		SAY(" %02x", p[i]);
	SAY("\n");
	evbuffer_drain(b, len);
}

/* A buffer from hexadecimal digits; with `split`, a chain for each byte. */
static struct evbuffer *from_hex(const char *text, int split)
{
	struct evbuffer *b = evbuffer_new();
	unsigned char bytes[64];
	size_t n = 0, i;
	unsigned x;
	while (sscanf(text, " %2x", &x) == 1) {
		bytes[n++] = (unsigned char)x;
		while (*text == ' ')
			text++;
		text += 2;
	}
	for (i = 0; i < n; i++) {
		if (split) {
			unsigned char *one = malloc(1);
			struct evbuffer *part = evbuffer_new();
			*one = bytes[i];
			evbuffer_add(part, one, 1);
			free(one);
			evbuffer_add_buffer(b, part);
			evbuffer_free(part);
		} else
			evbuffer_add(b, bytes + i, 1);
	}
	return b;
}

CASE(numbers)
{
	static const ev_uint64_t n[] = {0, 1, 15, 16, 255, 256, 0x1234, 0x12345, 0x123456, 0xabcdef1, 0xffffffff,
		0x100000000ull, 0x123456789abcdefull, ~(ev_uint64_t)0};
	struct evbuffer *b = evbuffer_new();
	size_t i;
	evtag_init();
	for (i = 0; i < sizeof n / sizeof *n; i++) {
		encode_int64(b, n[i]);
		dump("int64", b);
		if (n[i] >> 32)
			continue;
		encode_int(b, (ev_uint32_t)n[i]);
		dump("int", b);
		SAY("tag takes %d\n", evtag_encode_tag(b, (ev_uint32_t)n[i]));
		dump("tag", b);
	}
	evbuffer_free(b);
}

CASE(items)
{
	struct evbuffer *b = evbuffer_new(), *d = evbuffer_new();
	struct timeval tv = {100, 200};
	evtag_marshal(b, 5, "hello", 5);
	dump("bytes", b);
	evtag_marshal(b, 300, NULL, 0);
	dump("no bytes", b);
	evtag_marshal_int(b, 1, 0x1234);
	dump("int", b);
	evtag_marshal_int64(b, 1, 0x123456789aull);
	dump("int64", b);
	evtag_marshal_string(b, 2, "abc");
	dump("text", b);
	evtag_marshal_string(b, 2, "");
	dump("no text", b);
	evtag_marshal_timeval(b, 3, &tv);
	dump("time", b);
	tv.tv_sec = -1;
	tv.tv_usec = -5;
	evtag_marshal_timeval(b, 3, &tv);
	dump("negative time", b);
	tv.tv_sec = 0x123456789;
	tv.tv_usec = 7;
	evtag_marshal_timeval(b, 3, &tv);
	dump("large time", b);
	evbuffer_add(d, "xyz", 3);
	evtag_marshal_buffer(b, 9, d);
	SAY("left %d\n", (int)evbuffer_get_length(d));
	dump("buffer", b);
	evtag_marshal_buffer(b, 9, d);
	dump("empty buffer", b);
	evbuffer_free(b);
	evbuffer_free(d);
}

static const char *const wires[] = {"", "00", "01", "10", "f0", "f000000000000000", "f0000000000000000000",
	"7000000000", "80000000000000", "05050568656c", "05", "0505", "0510", "050568", "8080808000", "808080808000",
	"ffffffff0f", "ffffffff1f", "ffffffff7f", "ffffffffff", "ffffffff0f00", "800100", "01101234", "01201234",
	"01211234", "010100", "010105", "01020506", "01021050", "01020000", "0100", "010005", "0203616263", "0203616200",
	"020361", "020061", "030410641064", "03020506", "0303050607", "030105067", "010230123", "010130", "0105f0000000",
	"01054000000000", "01057012345678", "0109f01122334455667788", "010101", "010570ffffffff", "01077fffff",
	"80810105056865", "0505 68656c6c6f 0505", "0504 61616161 61", "030a7ffffffff07bfffffff0", "0102 05 99",
	"0305 8000000000 0506", "0305 0580000000 0506", "0109 f0112233 44556677 88"};

static void read_all(const char *wire, int split)
{
	struct evbuffer *b, *o;
	ev_uint32_t n;
	ev_uint64_t w;
	int q;
	char f[8] = "ZZZZZZZ", *s;
	struct timeval tv = {7, 7};
#define LEFT(name) SAY("  " name " %d left %d", q, (int)evbuffer_get_length(b))
#define END SAY("\n"), evbuffer_free(b)
#define CALL(name, call, ok, ...) \
	b = from_hex(wire, split); q = call; LEFT(name); if (ok) SAY(__VA_ARGS__); END
	CALL("decode_int", evtag_decode_int(&n, b), q == 0, " %x", n);
	CALL("decode_int64", evtag_decode_int64(&w, b), q == 0, " %llx", (unsigned long long)w);
	CALL("decode_tag", evtag_decode_tag(&n, b), q > 0, " %x", n);
	CALL("peek", evtag_peek(b, &n), q > 0, " %x", n);
	CALL("peek without a place", evtag_peek(b, NULL), 0, " ");
	CALL("peek_length", evtag_peek_length(b, &n), q == 0, " %x", n);
	CALL("payload_length", evtag_payload_length(b, &n), q == 0, " %x", n);
	CALL("consume", evtag_consume(b), 0, " ");
	CALL("header", evtag_unmarshal_header(b, &n), q >= 0, " %x", n);
	CALL("header without a place", evtag_unmarshal_header(b, NULL), 0, " ");
	CALL("int", evtag_unmarshal_int(b, 1, &n), q >= 0, " %x", n);
	CALL("int64", evtag_unmarshal_int64(b, 1, &w), q >= 0, " %llx", (unsigned long long)w);
	CALL("fixed", evtag_unmarshal_fixed(b, 5, f, 4), 1, " %s", f);
	CALL("time", evtag_unmarshal_timeval(b, 3, &tv), q == 0, " %ld %ld", (long)tv.tv_sec, (long)tv.tv_usec);
	s = NULL;
	CALL("text", evtag_unmarshal_string(b, 2, &s), q == 0, " %s", s);
	free(s);
	o = evbuffer_new();
	evbuffer_add(o, "zz", 2);
	CALL("item", evtag_unmarshal(b, &n, o), q >= 0, " %x [%d]", n, (int)evbuffer_get_length(o));
	evbuffer_free(o);
}

CASE(any_bytes)
{
	size_t i;
	for (i = 0; i < sizeof wires / sizeof *wires; i++) {
		SAY("%s\n", wires[i]);
		read_all(wires[i], 0);
	}
}

CASE(any_bytes_in_chains_of_one)
{
	size_t i;
	for (i = 0; i < sizeof wires / sizeof *wires; i++) {
		SAY("%s\n", wires[i]);
		read_all(wires[i], 1);
	}
}

/* A length that runs over 32 bits together with its header. */
CASE(cve_2026_63383_length_that_wraps)
{
	struct evbuffer *b = from_hex("017fffffffff0500", 0);
	ev_uint32_t n = 77;
	int q = evtag_peek_length(b, &n);
	SAY("peek_length %d\n", q);
	q = evtag_payload_length(b, &n);
	SAY("payload_length %d %x\n", q, n);
	SAY("consume %d\n", evtag_consume(b));
	SAY("left %d\n", (int)evbuffer_get_length(b));
	evbuffer_free(b);
}

/* A number that claims more bytes than its payload has, with another item behind. */
CASE(cve_2026_63384_number_beyond_its_payload)
{
	struct evbuffer *b = from_hex("0101 10 05 01 07", 1);
	ev_uint32_t n = 77;
	SAY("int %d", evtag_unmarshal_int(b, 1, &n));
	SAY(" left %d\n", (int)evbuffer_get_length(b));
	evbuffer_free(b);
	b = from_hex("0301 05 06", 1);
	SAY("time %d", evtag_unmarshal_timeval(b, 3, &(struct timeval){0, 0}));
	SAY(" left %d\n", (int)evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(everything_and_back)
{
	struct evbuffer *b = evbuffer_new(), *part = evbuffer_new();
	struct timeval tv = {1700000000, 999999}, got = {0, 0};
	ev_uint32_t n = 0, tag = 0;
	ev_uint64_t w = 0;
	char *s = NULL, fixed[6] = "";
	unsigned i;
	for (i = 0; i < 100; i++) {
		evtag_marshal_int(b, i * 1000, i * 99999);
		evtag_marshal_int64(b, i, (ev_uint64_t)i << 40);
		evtag_marshal_string(b, i, "some text");
		evtag_marshal(b, 0xffffffff, "12345", 5);
		evtag_marshal_timeval(b, i, &tv);
		evtag_marshal(b, 17, "in a buffer", 11);
	}
	SAY("%d bytes\n", (int)evbuffer_get_length(b));
	for (i = 0; i < 100; i++) {
		CHECK(evtag_unmarshal_int(b, i * 1000, &n) > 0 && n == i * 99999);
		CHECK(evtag_unmarshal_int64(b, i, &w) > 0 && w == (ev_uint64_t)i << 40);
		CHECK(evtag_unmarshal_string(b, i, &s) == 0 && !strcmp(s, "some text"));
		free(s);
		CHECK(evtag_unmarshal_fixed(b, 0xffffffff, fixed, 5) == 0 && !strcmp(fixed, "12345"));
		CHECK(evtag_unmarshal_timeval(b, i, &got) == 0 && got.tv_sec == tv.tv_sec && got.tv_usec == tv.tv_usec);
		CHECK(evtag_unmarshal(b, &tag, part) == 11 && tag == 17);
	}
	SAY("%d left, %d moved\n", (int)evbuffer_get_length(b), (int)evbuffer_get_length(part));
	evbuffer_free(b);
	evbuffer_free(part);
}
