//! Every file of `tests/rpc`: what is written for it compiles as C and C++ with both sets of headers, and messages made on
//! one library are read on the other, byte for byte.
//!
//! Needs a C compiler and the distribution's libevent; ours takes part where `EVOXIDE_LIB` names the folder of its library.

use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use evoxide::rpc::Message;

use event_rpcgen::model::{Entry, Kind, Often, Part, Source, Struct};
use event_rpcgen::{generate, parse};

/// Messages made of each struct.
const MESSAGES: u32 = 6;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file and those that it includes.
fn files(name: &str) -> Vec<(String, Source)> {
    let text = fs::read_to_string(here().join(format!("tests/rpc/{name}.rpc"))).expect("a file of tests/rpc");
    let source = parse::parse(&text).expect("a good file");
    let mut all = Vec::new();
    for part in &source.parts {
        let Part::Line(line) = part else { continue };
        if let Some(other) = line.strip_prefix("#include \"").and_then(|l| l.strip_suffix(".gen.h\"")) {
            all.extend(files(other));
        }
    }
    all.push((name.into(), source));
    all
}

#[test]
fn both_libraries_write_and_read_the_same() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rpcgen");
    fs::create_dir_all(&dir).expect("a folder");
    let mut names: Vec<String> = fs::read_dir(here().join("tests/rpc"))
        .expect("tests/rpc")
        .map(|e| e.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 20);
    for name in &names {
        let text = fs::read_to_string(here().join(format!("tests/rpc/{name}.rpc"))).expect("a file");
        let made =
            generate(&text, &format!("{name}.gen.h")).unwrap_or_else(|e| panic!("{name}:{}: {}", e.line, e.what));
        fs::write(dir.join(format!("{name}.gen.h")), made.header).expect("to write");
        fs::write(dir.join(format!("{name}.gen.c")), made.code).expect("to write");
    }
    for name in &names {
        pair(&dir, name);
    }
}

/// What the generator writes for some of the files: `event_rpcgen tests/rpc/X.rpc tests/rust/X.rs`.
mod rust {
    pub mod fixed_by_name {
        include!("rust/06_fixed_by_name.rs");
    }
    pub mod itself {
        include!("rust/16_itself.rs");
    }
    pub mod each_other {
        include!("rust/17_each_other.rs");
    }
    pub mod everything {
        include!("rust/19_everything.rs");
    }
}

const RUST: [(&str, &str); 4] = [
    ("06_fixed_by_name", include_str!("rust/06_fixed_by_name.rs")),
    ("16_itself", include_str!("rust/16_itself.rs")),
    ("17_each_other", include_str!("rust/17_each_other.rs")),
    ("19_everything", include_str!("rust/19_everything.rs")),
];

#[test]
fn rust_modules_are_what_the_generator_writes() {
    for (name, module) in RUST {
        let text = fs::read_to_string(here().join(format!("tests/rpc/{name}.rpc"))).expect("a file");
        let made = event_rpcgen::generate_rust(&text, &format!("{name}.rpc"))
            .unwrap_or_else(|e| panic!("{name}:{}: {}", e.line, e.what));
        assert_eq!(made, module, "{name}");
    }
}

/// Reads what the C program wrote and writes it again; any bytes that are cut or changed are read or refused.
fn through<M: Message>(lines: &mut std::str::Lines<'_>) {
    for _ in 0..MESSAGES {
        let line = lines.next().expect("a message");
        let mut bytes: Vec<u8> =
            (0..line.len() / 2).map(|i| u8::from_str_radix(&line[2 * i..2 * i + 2], 16).expect("two digits")).collect();
        assert_eq!(M::from_bytes(&bytes).expect("a message of C").to_bytes(), bytes);
        for i in 0..bytes.len() {
            let _ = M::from_bytes(&bytes[..i]).map(|m| m.to_bytes());
            bytes[i] ^= 0x55;
            let _ = M::from_bytes(&bytes).map(|m| m.to_bytes());
            bytes[i] ^= 0x55;
        }
    }
}

fn read_in_rust(name: &str, written: &str) {
    let lines = &mut written.lines();
    match name {
        "06_fixed_by_name" => through::<rust::fixed_by_name::A>(lines),
        "16_itself" => through::<rust::itself::Node>(lines),
        "17_each_other" => {
            through::<rust::each_other::Ping>(lines);
            through::<rust::each_other::Pong>(lines);
        }
        "19_everything" => {
            through::<rust::everything::Part>(lines);
            through::<rust::everything::All>(lines);
        }
        _ => return,
    }
    assert_eq!(lines.next(), None, "{name}");
}

#[test]
fn what_rust_cannot_say_is_refused() {
    for (text, line, word) in [
        ("#ifdef A\nstruct a { int i = 1; }\n#endif\n", 1, "#ifdef"),
        ("#define N M + 1\nstruct a { bytes b[N] = 1; }\n", 1, "#define"),
        ("struct a_b { int i = 1; }\nstruct aB { int i = 1; }\n", 2, "a_b and aB"),
        ("struct a { int in = 1;\n int in_ = 2; }\n", 2, "in and in_"),
        ("struct a { struct[b] b = 1; }\nstruct b { struct[a] a = 1; }\n", 1, "needs itself"),
    ] {
        let error = event_rpcgen::generate_rust(text, "x.rpc").expect_err(text);
        assert!(error.line == line && error.what.contains(word), "{text}: {error:?}");
    }
}

fn pair(dir: &Path, name: &str) {
    let files = files(name);
    fs::write(dir.join(format!("{name}.main.c")), driver(&files)).expect("to write");
    let ours = here().join("../libevent/include");
    let lib = std::env::var_os("EVOXIDE_LIB").map(PathBuf::from);
    let mut written: Option<String> = None;
    for (word, include) in [("debian", None), ("ours", Some(&ours))] {
        let program = dir.join(format!("{name}.{word}"));
        let sources: Vec<PathBuf> = files.iter().map(|(n, _)| dir.join(format!("{n}.gen.c"))).collect();
        for (compiler, language) in [("cc", "c"), ("c++", "c++")] {
            let mut cmd = Command::new(compiler);
            cmd.args(["-Wall", "-Wextra", "-Werror", "-g", "-x", language]).arg("-I").arg(dir);
            if let Some(include) = include {
                cmd.arg("-I").arg(include);
            }
            if language == "c" {
                cmd.args(["-std=gnu99", "-o"]).arg(&program).args(&sources).arg(dir.join(format!("{name}.main.c")));
                cmd.args(["-x", "none", "-levent"]);
            } else {
                cmd.arg("-fsyntax-only").args(&sources);
            }
            let done = cmd.output().expect("a compiler");
            assert!(done.status.success(), "{cmd:?}\n{}", String::from_utf8_lossy(&done.stderr));
        }
        let libs: Vec<Option<&Path>> =
            [None, lib.as_deref()].into_iter().take(1 + usize::from(lib.is_some())).collect();
        for writer in &libs {
            let text = run(&program, *writer, "");
            assert_eq!(written.get_or_insert_with(|| text.clone()), &text, "{name}");
            read_in_rust(name, &text);
            for reader in &libs {
                assert_eq!(run(&program, *reader, &text), text, "{name}: written by {writer:?}, read by {reader:?}");
            }
        }
    }
}

/// Runs the program: without input it writes, else it reads and writes again.
fn run(program: &Path, lib: Option<&Path>, input: &str) -> String {
    let mut cmd = Command::new(program);
    cmd.env_remove("LD_LIBRARY_PATH").arg(if input.is_empty() { "write" } else { "read" });
    if let Some(lib) = lib {
        cmd.env("LD_LIBRARY_PATH", lib);
    }
    let mut child = cmd.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("its input");
    let text = input.to_string();
    let feed = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let done = child.wait_with_output().expect("its end");
    let _ = feed.join();
    assert!(done.status.success(), "{cmd:?}: {}\n{}", done.status, String::from_utf8_lossy(&done.stdout));
    String::from_utf8(done.stdout).expect("digits")
}

/// A program that makes messages of every struct, or reads them. It tries damaged copies of each too.
fn driver(files: &[(String, Source)]) -> String {
    let mut out =
        String::from("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <event2/buffer.h>\n");
    let structs: Vec<&Struct> = files.iter().flat_map(|(_, source)| source.structs()).collect();
    for (name, _) in files {
        let _ = writeln!(out, "#include \"{name}.gen.h\"");
    }
    for one in &structs {
        let _ = writeln!(out, "static int fill_{0}(struct {0} *, unsigned, int);", one.name);
    }
    for one in &structs {
        let _ =
            writeln!(out, "static int fill_{0}(struct {0} *m, unsigned k, int depth)\n{{\n\tint bad = 0;", one.name);
        for entry in &one.entries {
            fill(&mut out, entry);
        }
        out.push_str("\t(void)m; (void)k; (void)depth;\n\treturn bad;\n}\n");
    }
    out.push_str(
        "static unsigned char wire[1 << 16];
static void show(struct evbuffer *b)
{
\tint i, n = evbuffer_remove(b, wire, sizeof wire);
\tfor (i = 0; i < n; i++)
\t\tprintf(\"%02x\", wire[i]);
\tputs(\"\");
}
static char line[1 << 18];
static int next(void)
{
\tint n = 0;
\tunsigned x;
\tif (!fgets(line, sizeof line, stdin))
\t\treturn -1;
\twhile (sscanf(line + 2 * n, \"%2x\", &x) == 1)
\t\twire[n++] = (unsigned char)x;
\treturn n;
}
",
    );
    for one in &structs {
        let _ = write!(
            out,
            "static int write_{0}(struct evbuffer *b)
{{
\tunsigned k;
\tfor (k = 0; k < {MESSAGES}; k++) {{
\t\tstruct {0} *m = {0}_new();
\t\tif (!m || fill_{0}(m, k, 2) || {0}_complete(m))
\t\t\treturn 1;
\t\t{0}_marshal(b, m);
\t\t{0}_free(m);
\t\tshow(b);
\t}}
\treturn 0;
}}
static int read_{0}(struct evbuffer *b)
{{
\tunsigned k;
\tfor (k = 0; k < {MESSAGES}; k++) {{
\t\tint n = next(), i;
\t\tunsigned char copy[1 << 16];
\t\tstruct {0} *m = {0}_new();
\t\tif (!m || n < 0)
\t\t\treturn 1;
\t\tmemcpy(copy, wire, n);
\t\tevbuffer_add(b, copy, n);
\t\tif ({0}_unmarshal(m, b))
\t\t\treturn 2;
\t\t{0}_marshal(b, m);
\t\tshow(b);
\t\tfor (i = 0; i < n; i++) {{
\t\t\tevbuffer_add(b, copy, i);
\t\t\t{0}_clear(m);
\t\t\t{0}_unmarshal(m, b);
\t\t\tevbuffer_drain(b, 1 << 16);
\t\t\tcopy[i] ^= 0x55;
\t\t\tevbuffer_add(b, copy, n);
\t\t\t{0}_unmarshal(m, b);
\t\t\tevbuffer_drain(b, 1 << 16);
\t\t\tcopy[i] ^= 0x55;
\t\t}}
\t\t{0}_free(m);
\t}}
\treturn 0;
}}
",
            one.name
        );
    }
    out.push_str("int main(int c, char **v)\n{\n\tstruct evbuffer *b = evbuffer_new();\n\tint bad = 0;\n\tint write = c > 1 && v[1][0] == 'w';\n");
    for one in &structs {
        let _ = writeln!(out, "\tbad = bad ? bad : write ? write_{0}(b) : read_{0}(b);", one.name);
    }
    out.push_str("\tevbuffer_free(b);\n\treturn bad;\n}\n");
    out
}

/// Sets one entry, and looks whether it is what was set.
fn fill(out: &mut String, entry: &Entry) {
    let (name, tag) = (&entry.name, entry.tag);
    let when = match (&entry.kind, entry.often) {
        (Kind::Nested(_), Often::Once) | (_, Often::Once) => "1".to_string(),
        (Kind::Nested(_), _) => "depth > 0 && k % 3 != 1".into(),
        _ => "k % 2 == 0".into(),
    };
    let times = if entry.often == Often::Array { "k % 4 + 1" } else { "1" };
    let _ = writeln!(out, "\tif ({when}) {{\n\t\tunsigned i;\n\t\tfor (i = 0; i < {times}; i++) {{");
    let array = entry.often == Often::Array;
    let body = match (&entry.kind, array) {
        (Kind::Int, false) => format!(
            "ev_uint32_t x = k * 0x1234567u + {tag}u, y = 0; bad |= m->base->{name}_assign(m, x) || m->base->{name}_get(m, &y) || x != y;"
        ),
        (Kind::Int64, false) => format!(
            "ev_uint64_t x = (ev_uint64_t)k << (k % 6 * 11), y = 0; bad |= m->base->{name}_assign(m, x) || m->base->{name}_get(m, &y) || x != y;"
        ),
        (Kind::Text, false) => format!(
            "char x[40], *y; sprintf(x, \"text %u\", k); bad |= m->base->{name}_assign(m, x) || m->base->{name}_get(m, &y) || strcmp(x, y);"
        ),
        (Kind::Bytes, _) => format!(
            "ev_uint8_t x[300], *y; ev_uint32_t n = 0; memset(x, (int)k, sizeof x); bad |= m->base->{name}_assign(m, x, (k % 6 * 50)) || m->base->{name}_get(m, &y, &n) || n != (k % 6 * 50) || memcmp(x, y, n);"
        ),
        (Kind::Fixed(_), _) => format!(
            "ev_uint8_t x[sizeof m->{name}_data], *y; memset(x, (int)k + 1, sizeof x); bad |= m->base->{name}_assign(m, x) || m->base->{name}_get(m, &y) || memcmp(x, y, sizeof x);"
        ),
        (Kind::Nested(other), false) => format!(
            "struct {other} *x = {other}_new(), *y = NULL; bad |= fill_{other}(x, k + 1, depth - 1) || m->base->{name}_assign(m, x) || m->base->{name}_get(m, &y) || y == x; {other}_free(x);"
        ),
        (Kind::Int, true) => format!(
            "ev_uint32_t y = 0, *p = m->base->{name}_add(m, 5u); bad |= !p || m->base->{name}_assign(m, (int)i, k + i) || m->base->{name}_get(m, (int)i, &y) || y != k + i || !m->base->{name}_get(m, (int)i + 1, &y);"
        ),
        (Kind::Int64, true) => format!(
            "ev_uint64_t y = 0, *p = m->base->{name}_add(m, 5u); bad |= !p || m->base->{name}_assign(m, (int)i, (ev_uint64_t)k << 40) || m->base->{name}_get(m, (int)i, &y) || y != (ev_uint64_t)k << 40 || !m->base->{name}_get(m, -1, &y);"
        ),
        (Kind::Text, true) => format!(
            "char x[40], *y; sprintf(x, \"line %u\", i); bad |= !m->base->{name}_add(m, \"first\") || m->base->{name}_assign(m, (int)i, x) || m->base->{name}_get(m, (int)i, &y) || strcmp(x, y);"
        ),
        (Kind::Nested(other), true) => format!(
            "struct {other} *x = m->base->{name}_add(m), *y = NULL; bad |= !x || fill_{other}(x, k + i, depth - 1) || m->base->{name}_get(m, (int)i, &y) || x != y;"
        ),
    };
    let _ = writeln!(out, "\t\t\t{body}\n\t\t}}\n\t\tbad |= !m->{name}_set;\n\t}}");
}
