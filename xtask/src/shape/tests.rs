use super::graph::Graph;
use super::layers;
use super::source::{Sources, bare};

fn edges(files: &[(&str, &str)]) -> Vec<(String, String)> {
    Graph::of(&Sources::of(files)).edges().collect()
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.into(), b.into())
}

#[test]
fn uses_and_paths_are_arrows() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::{self, c::{D, E as F}};\nfn f() { crate::g::h() }"),
        ("b/mod.rs", "pub struct X;"),
        ("b/c.rs", "use super::X; struct D;"),
        ("g.rs", "fn h() {}"),
    ];
    let want = vec![pair("a", "b"), pair("a", "b::c"), pair("a", "g"), pair("b::c", "b")];
    assert_eq!(edges(&files), want);
}

#[test]
fn an_arrow_leads_to_where_a_thing_is_defined() {
    let files = [
        ("lib.rs", "pub use crate::low::Thing;"),
        ("low.rs", "pub struct Thing;"),
        ("mid/mod.rs", "pub use self::part::*;"),
        ("mid/part.rs", "pub enum Part {}"),
        ("top.rs", "use crate::{Thing, mid::Part};"),
    ];
    let want = vec![pair("mid", "mid::part"), pair("top", "low"), pair("top", "mid::part")];
    assert_eq!(edges(&files), want);
}

#[test]
fn comments_and_literals_import_nothing() {
    let text = "// crate::a\n/* crate::b */ let s = \"crate::c\"; let c = '\"'; fn f<'a>() {} let q = '\\'';";
    assert!(!bare(text).contains("crate"));
    assert!(bare(text).contains("fn f<'a>()"));
}

#[test]
fn circles_of_folders_need_two_folders() {
    let files = [
        ("a/mod.rs", "use crate::b::y::Y; pub struct A;"),
        ("a/x.rs", ""),
        ("b/mod.rs", "use crate::a::A;"),
        ("b/y.rs", "pub struct Y;"),
        ("c.rs", "use crate::d::D; pub struct C;"),
        ("d.rs", "use crate::c::C; pub struct D;"),
    ];
    let sources = Sources::of(&files);
    let graph = Graph::of(&sources);
    assert_eq!(graph.folder_circles(&sources), [["a", "b"]]);
    assert_eq!(graph.circles(), [["c", "d"]]);
}

#[test]
fn verbs_and_adverbs_are_counted() {
    let text = "\nimpl<T> Reactor<T> {\n    pub fn one(&self) {}\n    fn two() {}\n}\nimpl Drop for Reactor<u8> {\n    fn drop() {}\n}\n\
                fn take_shortly() {}\nfn send_reply() {}\nextern fn ev_early() {}\n";
    let sources = Sources::of(&[("a.rs", text)]);
    assert_eq!(sources.verbs("Reactor"), 1);
    assert_eq!(sources.adverbs(), [("a.rs".into(), "take_shortly".to_string())]);
}

#[test]
fn every_name_stands_in_one_layer() {
    for (folder, levels) in layers::CRATES {
        let mut names: Vec<_> = levels.iter().copied().flatten().copied().flatten().collect();
        let before = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), before, "{folder}");
    }
}
