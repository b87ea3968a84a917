//! Mutants of small snippets, as operator and text.

use super::find_in;
use crate::{names::Names, site::Found, weave::weave};

fn found(text: &str) -> Found {
    let file = syn::parse_file(text).expect("valid Rust");
    let mut names = Names::default();
    names.learn(&file);
    let found = find_in("src/snippet.rs", text, &file, &names);
    let woven = weave(text, &found.edits, |mutant| Some(mutant + 1)).text;
    syn::parse_file(&woven).unwrap_or_else(|error| panic!("{error}: {woven}"));
    found
}

fn mutants(text: &str) -> Vec<String> {
    let found = found(text);
    let mut lines: Vec<_> =
        found.mutants.iter().map(|it| format!("{}: {} → {}", it.operator, it.original, it.replacement)).collect();
    lines.sort();
    lines
}

/// The mutants of an expression that is a function's second statement.
fn of(expression: &str) -> Vec<String> {
    let mut lines = mutants(&format!("fn f() -> Unknown<T> {{ let x = {expression}; x }}"));
    lines.retain(|line| !line.starts_with("body: "));
    lines
}

#[test]
fn comparisons_move_their_boundary_and_turn_round() {
    assert_eq!(of("a < b"), ["comparison: a < b → a <= b", "comparison: a < b → a >= b"]);
    assert_eq!(of("a >= b"), ["comparison: a >= b → a < b", "comparison: a >= b → a > b"]);
    assert_eq!(of("a == b"), ["comparison: a == b → a != b"]);
}

#[test]
fn a_condition_is_forced_and_not_turned_round() {
    let lines = of("if a < b { c } else { d }");
    assert_eq!(lines, ["comparison: a < b → a <= b", "condition: a < b → false", "condition: a < b → true"]);
    assert_eq!(of("if !a.is_empty() { c } else { d }").len(), 2);
    assert_eq!(of("while a < b { c }"), ["comparison: a < b → a <= b", "condition: a < b → false"]);
}

#[test]
fn operands_of_a_chain_are_made_neutral() {
    let lines = of("if a && b == c { d } else { e }");
    assert_eq!(
        lines,
        [
            "condition: a && b == c → false",
            "condition: a && b == c → true",
            "operand: a → true",
            "operand: b == c → true",
        ]
    );
    assert_eq!(of("a || b"), ["condition: a || b → true", "operand: a → false", "operand: b → false"]);
}

#[test]
fn a_condition_with_let_is_only_made_false_and_its_plain_operands_true() {
    let lines = of("if let Some(a) = b && a > c { d } else { e }");
    assert_eq!(
        lines,
        ["comparison: a > c → a >= c", "condition: let Some(a) = b && a > c → false", "operand: a > c → true",]
    );
}

#[test]
fn integers_change_by_one_and_zero_only_grows() {
    assert_eq!(of("f(10, 0)"), ["integer: 0 → 0 + 1", "integer: 10 → 10 + 1", "integer: 10 → 10 - 1"]);
    assert!(of("[0; 16]").is_empty());
    assert!(of("Vec::with_capacity(16)").is_empty());
    assert!(of("x.0").is_empty());
}

#[test]
fn constants_change_where_they_are_used() {
    let text = "const MAX: usize = 10; const SKEW: Duration = Duration::from_secs(5); fn f() { g(MAX, SKEW) }";
    assert_eq!(
        mutants(text),
        [
            "body: { g(MAX, SKEW) } → ()",
            "constant: MAX → MAX + 1",
            "constant: MAX → MAX - 1",
            "constant: SKEW → SKEW + std::time::Duration::from_secs(1)",
            "constant: SKEW → SKEW.saturating_sub(std::time::Duration::from_secs(1))",
        ]
    );
    assert_eq!(mutants("const MAX: usize = 10; fn f() { g(u64::MAX) }"), ["body: { g(u64::MAX) } → ()"]);
}

#[test]
fn values_computed_at_compile_time_stay_but_their_closures_do_not() {
    assert!(mutants("const A: u8 = 1 + 2; static B: u8 = 3; const fn c() -> u8 { 4 }").is_empty());
    assert!(mutants("#[cfg(test)] mod tests { fn f() -> bool { a < b } }").is_empty());
    assert!(mutants("#[cfg(all(test, shuttle))] fn f() -> bool { a < b }").is_empty());
    assert_eq!(mutants("#[cfg(not(all(test, shuttle)))] fn f() -> bool { a == b }").len(), 2);
    assert_eq!(
        mutants("const A: fn(u8) -> bool = |a| a == b;"),
        ["predicate: a == b → false", "predicate: a == b → true"]
    );
}

#[test]
fn an_arm_before_one_that_catches_all_may_never_match() {
    assert_eq!(
        of("match a { B => c, D(d) => d, _ => e }"),
        ["arm body: e → c", "arm: B => c, → never matches", "arm: D(d) => d, → never matches",]
    );
    assert_eq!(of("match a { B => c, D(d) => d, E => e }"), ["arm body: c → e", "arm body: e → c"]);
    assert_eq!(of("match a { B if c => d, _ => e }"), ["arm body: e → d", "guard: c → false", "guard: c → true"]);
}

#[test]
fn statements_are_left_out_unless_another_mutant_does_the_same() {
    let lines = |text| mutants(text).into_iter().filter(|line| line.starts_with("statement")).collect::<Vec<_>>();
    assert_eq!(
        lines("fn f() { a = b; c(d)?; let e = g; return; }"),
        ["statement: a = b; → left out", "statement: c(d)?; → left out", "statement: return; → left out",]
    );
    assert!(lines("fn f() { a(); }").is_empty());
    assert!(lines("fn f() { if a { return; } let b = c; }").is_empty());
    assert_eq!(lines("fn f() { a(); b() }"), ["statement: a(); → left out", "statement: b() → left out"]);
}

#[test]
fn bodies_return_what_their_type_allows() {
    let lines = |text: &str| mutants(text).into_iter().filter(|it| it.starts_with("body")).collect::<Vec<_>>();
    assert_eq!(lines("fn f() -> bool { a }"), ["body: { a } → false", "body: { a } → true"]);
    assert_eq!(
        lines("fn f() -> Option<u8> { a }"),
        ["body: { a } → None", "body: { a } → Some(0)", "body: { a } → Some(1)",]
    );
    assert_eq!(lines("fn f() -> io::Result<()> { a }"), ["body: { a } → Ok(())"]);
    assert!(lines("fn f() -> Option<u8> { None }").iter().all(|line| !line.ends_with("None")));
    assert!(lines("fn f() {}").is_empty());
}

#[test]
fn methods_variants_fields_and_booleans_have_stand_ins() {
    assert_eq!(of("a.min(b)"), ["method: a.min(b) → a.max(b)"]);
    assert_eq!(of("a.unwrap_or(true)"), ["boolean: true → false"]);
    assert_eq!(of("A { b: c, d, ..e }"), ["field: b: c → as in the base", "field: d → as in the base"]);
    assert_eq!(of("a.is_some()"), ["condition: a.is_some() → !a.is_some()"]);
    assert_eq!(mutants("enum A { B, C(u8), D } fn f() -> &A { &A::B }"), ["variant: A::B → A::D"]);
    assert_eq!(of("a.filter(|b| c)"), ["predicate: c → false", "predicate: c → true"]);
}

#[test]
fn arguments_of_common_macros_are_mutated_and_of_others_not() {
    assert_eq!(of("format!(\"{}\", a + b)"), ["arithmetic: a + b → a - b"]);
    assert_eq!(of("unheard_of!(a + b)"), Vec::<String>::new());
    assert_eq!(of("matches!(a, B(c) if c == d)").len(), 3);
}

#[test]
fn mutants_that_read_the_same_are_counted_within_their_function() {
    let found = found("fn f() -> bool { g(a == b, a == b) } fn h() -> bool { g(a == b) }");
    let ids: Vec<_> = found.mutants.iter().filter(|it| it.operator == "comparison").map(|it| it.id()).collect();
    assert_eq!(
        ids,
        [
            "src/snippet.rs f: comparison: a == b → a != b",
            "src/snippet.rs f: comparison#2: a == b → a != b",
            "src/snippet.rs h: comparison: a == b → a != b",
        ]
    );
    let nested = found.mutants.iter().find(|it| it.function == "h");
    assert_eq!(nested.map(|it| it.lines), Some((1, 1)));
}

#[test]
fn a_key_changes_with_the_text_of_its_function_alone() {
    let key = |text: &str| found(text).mutants[0].key();
    assert_eq!(key("fn f() -> bool { a }"), key("fn g() {} fn f() -> bool { a }"));
    assert_ne!(key("fn f() -> bool { a }"), key("fn f() -> bool { /* */ a }"));
}
