//! What the generator says about files that are not as the language demands.

use event_rpcgen::generate;

fn fails(text: &str) -> (usize, String) {
    let error = generate(text, "x.gen.h").expect_err(text);
    (error.line, error.what)
}

#[test]
fn errors_name_line_and_what_was_expected() {
    let rows = [
        ("strukt a {\n}\n", 1, "expected \"struct\" or a line that begins with #, found \"strukt\""),
        ("struct {\n}\n", 1, "expected the struct's name, found \"{\""),
        ("struct a {\n  int x = 1;\n", 2, "expected an entry or \"}\", found the file's end"),
        ("struct a {\n  number x = 1;\n}", 2, "expected int, int64, string, bytes or struct[NAME], found \"number\""),
        ("struct a {\n  int x 1;\n}", 2, "expected \"=\", found \"1\""),
        ("struct a {\n  int x = 1\n  int y = 2;\n}", 3, "expected \";\", found \"int\""),
        ("struct a {\n  int x = y;\n}", 2, "expected a tag: a number of 32 bits, decimal or hexadecimal, found \"y\""),
        (
            "struct a {\n  int x = 4294967296;\n}",
            2,
            "expected a tag: a number of 32 bits, decimal or hexadecimal, found \"4294967296\"",
        ),
        ("struct a {\n  int x[3] = 1;\n}", 2, "expected \"=\", found \"[\": only bytes have a length"),
        ("struct a {\n  bytes x[0] = 1;\n}", 2, "expected a length: a number from 1 on, or a name, found \"0\""),
        (
            "struct a {\n  array bytes x = 1;\n}",
            2,
            "expected int, int64, string or struct[NAME] in an array, found bytes",
        ),
        (
            "struct a {\n  optional array int x = 1;\n}",
            2,
            "expected a type, found \"array\": one of optional and array",
        ),
        ("struct a {\n  int x = 1;\n  int y = 0x1;\n}", 3, "expected a new tag, found 1 of line 2"),
        ("struct a {\n  int x = 1;\n  int x = 2;\n}", 3, "expected a new entry, found \"x\" of line 2"),
        ("struct a {\n  int x = 1;\n  int X = 2;\n}", 3, "expected a new constant, found A_X of line 2"),
        ("struct a {\n  int max_tags = 1;\n}", 2, "expected a new constant, found A_MAX_TAGS of line 1"),
        ("struct a {\n}\nstruct a {\n}", 3, "expected a new struct, found \"a\" of line 1"),
        ("struct int {\n}", 1, "expected a name, found \"int\", a word of C or C++"),
        ("struct a {\n  struct[while] x = 1;\n}", 2, "expected a name, found \"while\", a word of C or C++"),
        ("/* never\nended", 1, "expected \"*/\", found the file's end"),
        ("struct a {\n  int x = 1;\n#if 1\n}", 3, "expected an entry or \"}\", found a line of the preprocessor"),
        ("struct a {\n  int x = 1; @\n}", 2, "expected a name, a number or one of {}[]=; found '@'"),
    ];
    for (text, line, what) in rows {
        assert_eq!(fails(text), (line, what.to_string()), "{text}");
    }
}

#[test]
fn names_of_files_do_not_break_the_code() {
    let made = generate("struct a {\n}\n", "a\"b\\c\n-d.gen.h").expect("a good file");
    assert!(made.header.contains("EVENT_RPCOUT_A_B_C__D_GEN_H_"));
    assert!(made.code.contains("#include \"a_b_c_-d.gen.h\""));
}

#[test]
fn any_text_is_read_or_refused() {
    let words = [
        "struct", "a", "{", "}", "[", "]", "=", ";", "int", "array", "optional", "bytes", "1", "#if\n", "/*", "*/",
        "//", "\n",
    ];
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..state % 25 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            text.push_str(words[(state >> 33) as usize % words.len()]);
            text.push(' ');
        }
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let _ = generate(&text, "x.gen.h");
    }
}
