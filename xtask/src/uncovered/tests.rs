use super::names;

#[test]
fn declarations_are_told_apart() {
    let header = "
#ifndef A_H_INCLUDED_
#define A_H_INCLUDED_
#define A_FLAG 0x01 /* not A_COMMENT */
#define a_call(x) \\
    a_thing(x)
extern \"C\" {
typedef void (*a_cb)(int what, void *arg);
enum kind { KIND_ONE = 1, KIND_TWO };
struct thing { int number; void (*call)(int); unsigned bits : 3; char name[20];
    struct { int inner; } group; };
__attribute__((nonnull(1))) int a_function(struct thing *, a_cb cb);
static inline int a_body(int x) { int local; return x; }
void hidden_(void);
}
#endif";
    let found: Vec<String> = names(header).into_iter().map(|(kind, name)| format!("{kind} {name}")).collect();
    let want = [
        "macro A_FLAG",
        "macro a_call",
        "constant KIND_ONE",
        "constant KIND_TWO",
        "field number",
        "field call",
        "field bits",
        "field name",
        "field inner",
        "field group",
        "function a_function",
        "function a_body",
    ];
    assert_eq!(found, want);
}
