//! Writes the code.
//!
//! Each piece of C stands here as a template: `$S` is the struct, `$e` the entry, `$T` its tag's constant, `$O` a nested
//! struct, `$V` the type of a value, `$G` that of a value that is given, `$N` the length of bytes of fixed length.

use std::fmt::Write;

use crate::header::verbs;
use crate::model::{Entry, Kind, Source, Struct};

const START: &str = r#"/* Made by event_rpcgen: changes are lost. */
#include <stdlib.h>
#include <string.h>
#include <event2/event-config.h>
#include <event2/buffer.h>
#include <event2/tag.h>
#include "$H"

/* What is taken from a peer at most: bytes of a message, elements of an array,
 * levels of structs within structs. */
#ifndef EVRPC_MAX_BYTES
#define EVRPC_MAX_BYTES (64u << 20)
#endif
#ifndef EVRPC_MAX_ELEMENTS
#define EVRPC_MAX_ELEMENTS (1 << 20)
#endif
#ifndef EVRPC_MAX_DEPTH
#define EVRPC_MAX_DEPTH 32
#endif
"#;

const LIFE: &str = r#"
/* struct $S */

static struct $S_access_ $S_base_ = {
$P};

struct $S *$S_new(void) { return $S_new_with_arg(NULL); }

struct $S *$S_new_with_arg(void *unused)
{
	struct $S *tmp = (struct $S *)calloc(1, sizeof(struct $S));
	(void)unused;
	if (tmp != NULL)
		tmp->base = &$S_base_;
	return tmp;
}

void $S_clear(struct $S *tmp)
{
$C	(void)tmp;
}

void $S_free(struct $S *tmp)
{
	if (tmp == NULL)
		return;
	$S_clear(tmp);
	free(tmp);
}

void $S_marshal(struct evbuffer *evbuf, const struct $S *tmp)
{
$M	(void)evbuf;
	(void)tmp;
}

int $S_complete(struct $S *msg)
{
$F	(void)msg;
	return 0;
}

static int $S_unmarshal_within_(struct $S *tmp, struct evbuffer *evbuf, int depth)
{
	ev_uint32_t tag;
	if (depth < 0 || evbuffer_get_length(evbuf) > EVRPC_MAX_BYTES)
		return -1;
	while (evbuffer_get_length(evbuf) > 0) {
		if (evtag_peek(evbuf, &tag) == -1)
			return -1;
		switch (tag) {
$U		default:
			if (evtag_consume(evbuf) == -1)
				return -1;
			break;
		}
	}
	(void)tmp;
	return $S_complete(tmp);
}

int $S_unmarshal(struct $S *tmp, struct evbuffer *evbuf) { return $S_unmarshal_within_(tmp, evbuf, EVRPC_MAX_DEPTH); }

static int evtag_unmarshal_$S_within_(struct evbuffer *evbuf, ev_uint32_t need_tag, struct $S *msg, int depth)
{
	ev_uint32_t tag;
	int res = -1;
	struct evbuffer *tmp = evbuffer_new();
	if (tmp == NULL)
		return -1;
	if (evtag_unmarshal(evbuf, &tag, tmp) != -1 && tag == need_tag)
		res = $S_unmarshal_within_(msg, tmp, depth);
	evbuffer_free(tmp);
	return res;
}

int evtag_unmarshal_$S(struct evbuffer *evbuf, ev_uint32_t need_tag, struct $S *msg)
{
	return evtag_unmarshal_$S_within_(evbuf, need_tag, msg, EVRPC_MAX_DEPTH);
}

void evtag_marshal_$S(struct evbuffer *evbuf, ev_uint32_t tag, const struct $S *msg)
{
	struct evbuffer *tmp = evbuffer_new();
	if (tmp == NULL)
		return;
	$S_marshal(tmp, msg);
	evtag_marshal_buffer(evbuf, tag, tmp);
	evbuffer_free(tmp);
}
"#;

/// How a struct is copied: by what it is on the wire, so that what it owns is copied too.
const COPY: &str = r#"
static int $S_$e_copy_(struct $O *to, const struct $O *from)
{
	int res = -1;
	struct evbuffer *tmp = evbuffer_new();
	if (tmp == NULL)
		return -1;
	$O_marshal(tmp, from);
	if ($O_unmarshal(to, tmp) == 0)
		res = 0;
	evbuffer_free(tmp);
	return res;
}
"#;

/// Room for one more element; elements beyond the length are zero.
const GROW: &str = r#"
static int $S_$e_grow_(struct $S *msg)
{
	$V*data;
	int room = msg->$e_num_allocated;
	if (msg->$e_length < room)
		return 0;
	if (room >= EVRPC_MAX_ELEMENTS)
		return -1;
	room = room ? room * 2 : 4;
	data = ($V*)realloc(msg->$e_data, (size_t)room * sizeof(*data));
	if (data == NULL)
		return -1;
	memset(data + msg->$e_num_allocated, 0, (size_t)(room - msg->$e_num_allocated) * sizeof(*data));
	msg->$e_data = data;
	msg->$e_num_allocated = room;
	return 0;
}
"#;

/// The pieces of one kind of entry.
struct Pieces {
    functions: &'static str,
    clear: &'static str,
    marshal: &'static str,
    unmarshal: &'static str,
}

const NUMBER: Pieces = Pieces {
    functions: r#"
int $S_$e_assign(struct $S *msg, const $Vvalue)
{
	msg->$e_set = 1;
	msg->$e_data = value;
	return 0;
}

int $S_$e_get(struct $S *msg, $V*value)
{
	if (msg->$e_set != 1)
		return -1;
	*value = msg->$e_data;
	return 0;
}
"#,
    clear: "\ttmp->$e_data = 0;\n\ttmp->$e_set = 0;\n",
    marshal: "\tif (tmp->$e_set)\n\t\tevtag_marshal_$W(evbuf, $T, tmp->$e_data);\n",
    unmarshal: "\t\t\tif (evtag_unmarshal_$W(evbuf, $T, &tmp->$e_data) == -1)\n\t\t\t\treturn -1;\n",
};

const TEXT: Pieces = Pieces {
    functions: r#"
int $S_$e_assign(struct $S *msg, const char *value)
{
	size_t len = strlen(value) + 1;
	char *copy = (char *)malloc(len);
	if (copy == NULL)
		return -1;
	memcpy(copy, value, len);
	free(msg->$e_data);
	msg->$e_data = copy;
	msg->$e_set = 1;
	return 0;
}

int $S_$e_get(struct $S *msg, char **value)
{
	if (msg->$e_set != 1)
		return -1;
	*value = msg->$e_data;
	return 0;
}
"#,
    clear: "\tfree(tmp->$e_data);\n\ttmp->$e_data = NULL;\n\ttmp->$e_set = 0;\n",
    marshal: "\tif (tmp->$e_set)\n\t\tevtag_marshal_string(evbuf, $T, tmp->$e_data);\n",
    unmarshal: "\t\t\tfree(tmp->$e_data);\n\t\t\ttmp->$e_data = NULL;\n\t\t\tif (evtag_unmarshal_string(evbuf, $T, &tmp->$e_data) == -1)\n\t\t\t\treturn -1;\n",
};

const BYTES: Pieces = Pieces {
    functions: r#"
int $S_$e_assign(struct $S *msg, const ev_uint8_t *value, ev_uint32_t len)
{
	ev_uint8_t *copy = (ev_uint8_t *)malloc(len ? len : 1);
	if (copy == NULL)
		return -1;
	if (len)
		memcpy(copy, value, len);
	free(msg->$e_data);
	msg->$e_data = copy;
	msg->$e_length = len;
	msg->$e_set = 1;
	return 0;
}

int $S_$e_get(struct $S *msg, ev_uint8_t **value, ev_uint32_t *plen)
{
	if (msg->$e_set != 1)
		return -1;
	*value = msg->$e_data;
	*plen = msg->$e_length;
	return 0;
}
"#,
    clear: "\tfree(tmp->$e_data);\n\ttmp->$e_data = NULL;\n\ttmp->$e_length = 0;\n\ttmp->$e_set = 0;\n",
    marshal: "\tif (tmp->$e_set)\n\t\tevtag_marshal(evbuf, $T, tmp->$e_data, tmp->$e_length);\n",
    unmarshal: r#"			if (evtag_payload_length(evbuf, &tmp->$e_length) == -1 ||
			    tmp->$e_length > evbuffer_get_length(evbuf))
				return -1;
			free(tmp->$e_data);
			tmp->$e_data = (ev_uint8_t *)malloc(tmp->$e_length ? tmp->$e_length : 1);
			if (tmp->$e_data == NULL)
				return -1;
			if (evtag_unmarshal_fixed(evbuf, $T, tmp->$e_data, tmp->$e_length) == -1)
				return -1;
"#,
};

const FIXED: Pieces = Pieces {
    functions: r#"
int $S_$e_assign(struct $S *msg, const ev_uint8_t *value)
{
	msg->$e_set = 1;
	memcpy(msg->$e_data, value, sizeof(msg->$e_data));
	return 0;
}

int $S_$e_get(struct $S *msg, ev_uint8_t **value)
{
	if (msg->$e_set != 1)
		return -1;
	*value = msg->$e_data;
	return 0;
}
"#,
    clear: "\tmemset(tmp->$e_data, 0, sizeof(tmp->$e_data));\n\ttmp->$e_set = 0;\n",
    marshal: "\tif (tmp->$e_set)\n\t\tevtag_marshal(evbuf, $T, tmp->$e_data, sizeof(tmp->$e_data));\n",
    unmarshal: "\t\t\tif (evtag_unmarshal_fixed(evbuf, $T, tmp->$e_data, sizeof(tmp->$e_data)) == -1)\n\t\t\t\treturn -1;\n",
};

const NESTED: Pieces = Pieces {
    functions: r#"
int $S_$e_assign(struct $S *msg, const struct $O *value)
{
	struct $O *copy = $O_new();
	if (copy == NULL)
		return -1;
	if ($S_$e_copy_(copy, value) == -1) {
		$O_free(copy);
		return -1;
	}
	if (msg->$e_data != NULL)
		$O_free(msg->$e_data);
	msg->$e_data = copy;
	msg->$e_set = 1;
	return 0;
}

int $S_$e_get(struct $S *msg, struct $O **value)
{
	if (msg->$e_set != 1)
		return -1;
	*value = msg->$e_data;
	return 0;
}
"#,
    clear: "\tif (tmp->$e_data != NULL)\n\t\t$O_free(tmp->$e_data);\n\ttmp->$e_data = NULL;\n\ttmp->$e_set = 0;\n",
    marshal: "\tif (tmp->$e_set)\n\t\tevtag_marshal_$O(evbuf, $T, tmp->$e_data);\n",
    unmarshal: r#"			if (tmp->$e_data != NULL)
				$O_free(tmp->$e_data);
			tmp->$e_data = $O_new();
			if (tmp->$e_data == NULL || $R == -1)
				return -1;
"#,
};

const NUMBERS: Pieces = Pieces {
    functions: r#"
int $S_$e_assign(struct $S *msg, int off, const $Vvalue)
{
	if (!msg->$e_set || off < 0 || off >= msg->$e_length)
		return -1;
	msg->$e_data[off] = value;
	return 0;
}

int $S_$e_get(struct $S *msg, int off, $V*value)
{
	if (!msg->$e_set || off < 0 || off >= msg->$e_length)
		return -1;
	*value = msg->$e_data[off];
	return 0;
}

$V*$S_$e_add(struct $S *msg, const $Vvalue)
{
	if ($S_$e_grow_(msg) == -1)
		return NULL;
	msg->$e_data[msg->$e_length] = value;
	msg->$e_set = 1;
	return &msg->$e_data[msg->$e_length++];
}
"#,
    clear: "\tfree(tmp->$e_data);\n\ttmp->$e_data = NULL;\n\ttmp->$e_length = 0;\n\ttmp->$e_num_allocated = 0;\n\ttmp->$e_set = 0;\n",
    marshal: r#"	if (tmp->$e_set) {
		int i;
		for (i = 0; i < tmp->$e_length; i++)
			evtag_marshal_$W(evbuf, $T, tmp->$e_data[i]);
	}
"#,
    unmarshal: r#"			if ($S_$e_grow_(tmp) == -1)
				return -1;
			if (evtag_unmarshal_$W(evbuf, $T, &tmp->$e_data[tmp->$e_length]) == -1)
				return -1;
			++tmp->$e_length;
"#,
};

const TEXTS: Pieces = Pieces {
    functions: r#"
static char *$S_$e_duplicate_(const char *value)
{
	size_t len = strlen(value) + 1;
	char *copy = (char *)malloc(len);
	if (copy != NULL)
		memcpy(copy, value, len);
	return copy;
}

int $S_$e_assign(struct $S *msg, int off, const char *value)
{
	char *copy;
	if (!msg->$e_set || off < 0 || off >= msg->$e_length)
		return -1;
	copy = $S_$e_duplicate_(value);
	if (copy == NULL)
		return -1;
	free(msg->$e_data[off]);
	msg->$e_data[off] = copy;
	return 0;
}

int $S_$e_get(struct $S *msg, int off, char **value)
{
	if (!msg->$e_set || off < 0 || off >= msg->$e_length)
		return -1;
	*value = msg->$e_data[off];
	return 0;
}

char **$S_$e_add(struct $S *msg, const char *value)
{
	char *copy;
	if ($S_$e_grow_(msg) == -1)
		return NULL;
	copy = $S_$e_duplicate_(value);
	if (copy == NULL)
		return NULL;
	msg->$e_data[msg->$e_length] = copy;
	msg->$e_set = 1;
	return &msg->$e_data[msg->$e_length++];
}
"#,
    clear: r#"	{
		int i;
		for (i = 0; i < tmp->$e_length; i++)
			free(tmp->$e_data[i]);
	}
	free(tmp->$e_data);
	tmp->$e_data = NULL;
	tmp->$e_length = 0;
	tmp->$e_num_allocated = 0;
	tmp->$e_set = 0;
"#,
    marshal: r#"	if (tmp->$e_set) {
		int i;
		for (i = 0; i < tmp->$e_length; i++)
			evtag_marshal_string(evbuf, $T, tmp->$e_data[i]);
	}
"#,
    unmarshal: r#"			if ($S_$e_grow_(tmp) == -1)
				return -1;
			if (evtag_unmarshal_string(evbuf, $T, &tmp->$e_data[tmp->$e_length]) == -1)
				return -1;
			++tmp->$e_length;
"#,
};

const NESTEDS: Pieces = Pieces {
    functions: r#"
int $S_$e_assign(struct $S *msg, int off, const struct $O *value)
{
	struct $O *copy;
	if (!msg->$e_set || off < 0 || off >= msg->$e_length)
		return -1;
	copy = $O_new();
	if (copy == NULL)
		return -1;
	if ($S_$e_copy_(copy, value) == -1) {
		$O_free(copy);
		return -1;
	}
	$O_free(msg->$e_data[off]);
	msg->$e_data[off] = copy;
	return 0;
}

int $S_$e_get(struct $S *msg, int off, struct $O **value)
{
	if (!msg->$e_set || off < 0 || off >= msg->$e_length)
		return -1;
	*value = msg->$e_data[off];
	return 0;
}

struct $O *$S_$e_add(struct $S *msg)
{
	struct $O *one;
	if ($S_$e_grow_(msg) == -1)
		return NULL;
	one = $O_new();
	if (one == NULL)
		return NULL;
	msg->$e_data[msg->$e_length++] = one;
	msg->$e_set = 1;
	return one;
}
"#,
    clear: r#"	{
		int i;
		for (i = 0; i < tmp->$e_length; i++)
			$O_free(tmp->$e_data[i]);
	}
	free(tmp->$e_data);
	tmp->$e_data = NULL;
	tmp->$e_length = 0;
	tmp->$e_num_allocated = 0;
	tmp->$e_set = 0;
"#,
    marshal: r#"	if (tmp->$e_set) {
		int i;
		for (i = 0; i < tmp->$e_length; i++)
			evtag_marshal_$O(evbuf, $T, tmp->$e_data[i]);
	}
"#,
    unmarshal: r#"			if ($S_$e_grow_(tmp) == -1)
				return -1;
			tmp->$e_data[tmp->$e_length] = $O_new();
			if (tmp->$e_data[tmp->$e_length] == NULL)
				return -1;
			++tmp->$e_length;
			if ($A == -1)
				return -1;
"#,
};

/// The code's text.
pub fn write(source: &Source, header_name: &str) -> String {
    let mut out = START.replace("$H", &header_name.replace(['\\', '"', '\n'], "_"));
    // Structs may hold each other in any order.
    out.push('\n');
    for one in source.structs() {
        let _ = writeln!(
            out,
            "static int evtag_unmarshal_{0}_within_(struct evbuffer *, ev_uint32_t, struct {0} *, int);",
            one.name
        );
    }
    for one in source.structs() {
        structure(&mut out, source, one);
    }
    out
}

fn structure(out: &mut String, source: &Source, one: &Struct) {
    let (mut pointers, mut clear, mut marshal, mut complete, mut unmarshal) = Default::default();
    let mut functions = String::new();
    for entry in &one.entries {
        let pieces = pieces(entry);
        let fill = |template: &str| fill(template, source, one, entry);
        for (verb, _, _) in verbs(one, entry) {
            push(&mut pointers, &format!("\t{}_{}_{verb},\n", one.name, entry.name));
        }
        if matches!(entry.kind, Kind::Nested(_)) {
            functions.push_str(&fill(COPY));
        }
        if entry.is_array() {
            out.push_str(&fill(GROW));
        }
        functions.push_str(&fill(pieces.functions));
        push(&mut clear, &fill(pieces.clear));
        push(&mut marshal, &fill(pieces.marshal));
        push(&mut unmarshal, &fill("\t\tcase $T:\n"));
        if !entry.is_array() {
            push(&mut unmarshal, &fill("\t\t\tif (tmp->$e_set)\n\t\t\t\treturn -1;\n"));
        }
        push(&mut unmarshal, &fill(pieces.unmarshal));
        push(&mut unmarshal, &fill("\t\t\ttmp->$e_set = 1;\n\t\t\tbreak;\n"));
        if entry.is_required() {
            push(&mut complete, &fill("\tif (!msg->$e_set)\n\t\treturn -1;\n"));
        }
        if let Kind::Nested(_) = entry.kind {
            push(
                &mut complete,
                &fill(if entry.is_array() {
                    "\t{\n\t\tint i;\n\t\tfor (i = 0; i < msg->$e_length; i++)\n\t\t\tif ($O_complete(msg->$e_data[i]) == -1)\n\t\t\t\treturn -1;\n\t}\n"
                } else {
                    "\tif (msg->$e_set && $O_complete(msg->$e_data) == -1)\n\t\treturn -1;\n"
                }),
            );
        }
    }
    let pointers: String = if one.entries.is_empty() { "\t0,\n".into() } else { pointers };
    let life = LIFE.replace("$P", &pointers).replace("$C", &clear).replace("$M", &marshal);
    out.push_str(&life.replace("$F", &complete).replace("$U", &unmarshal).replace("$S", &one.name));
    out.push_str(&functions);
}

fn push(to: &mut String, text: &str) {
    to.push_str(text);
}

fn pieces(entry: &Entry) -> &'static Pieces {
    match (&entry.kind, entry.is_array()) {
        (Kind::Int | Kind::Int64, false) => &NUMBER,
        (Kind::Int | Kind::Int64, true) => &NUMBERS,
        (Kind::Text, false) => &TEXT,
        (Kind::Text, true) => &TEXTS,
        (Kind::Nested(_), false) => &NESTED,
        (Kind::Nested(_), true) => &NESTEDS,
        (Kind::Bytes, _) => &BYTES,
        (Kind::Fixed(_), _) => &FIXED,
    }
}

fn fill(template: &str, source: &Source, one: &Struct, entry: &Entry) -> String {
    let word = if entry.kind == Kind::Int64 { "int64" } else { "int" };
    let mut text = template.to_string();
    if let Kind::Nested(other) = &entry.kind {
        // Structs of this file share the count of levels; those of others begin their own.
        let call = |place: &str| {
            if source.defines(other) {
                format!("evtag_unmarshal_$O_within_(evbuf, $T, {place}, depth - 1)")
            } else {
                format!("evtag_unmarshal_$O(evbuf, $T, {place})")
            }
        };
        text = text.replace("$R", &call("tmp->$e_data")).replace("$A", &call("tmp->$e_data[tmp->$e_length - 1]"));
        text = text.replace("$O", other);
    }
    text.replace("$T", &one.constant(entry))
        .replace("$W", word)
        .replace("$V", &entry.value())
        .replace("$S", &one.name)
        .replace("$e", &entry.name)
}
