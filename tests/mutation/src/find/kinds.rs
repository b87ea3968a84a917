//! Kinds of expressions, patterns and names, by which the operators choose.

use syn::{BinOp, Expr, Pat, UnOp};

/// Methods whose closure decides between yes and no.
pub const PREDICATES: &[&str] = &[
    "all",
    "any",
    "extract_if",
    "filter",
    "find",
    "is_none_or",
    "is_ok_and",
    "is_err_and",
    "is_some_and",
    "partition",
    "partition_point",
    "position",
    "retain",
    "rposition",
    "skip_while",
    "take_while",
];

const TRUTHS: &[&str] = &[
    "all",
    "any",
    "contains",
    "contains_key",
    "ends_with",
    "eq",
    "eq_ignore_ascii_case",
    "intersects",
    "is_empty",
    "is_err",
    "is_err_and",
    "is_none",
    "is_none_or",
    "is_ok",
    "is_ok_and",
    "is_some",
    "is_some_and",
    "starts_with",
];

/// Methods of the same type that could be taken for this one.
pub fn other_methods(name: &str) -> &'static [&'static str] {
    match name {
        "all" => &["any"],
        "any" => &["all"],
        "checked_add" => &["checked_sub"],
        "checked_sub" => &["checked_add"],
        "ends_with" => &["starts_with"],
        "find" => &["rfind"],
        "first" => &["last"],
        "first_key_value" => &["last_key_value"],
        "from_hours" => &["from_mins"],
        "is_ascii_digit" => &["is_ascii_hexdigit"],
        "last" => &["first"],
        "last_key_value" => &["first_key_value"],
        "max" => &["min"],
        "max_by_key" => &["min_by_key"],
        "min" => &["max"],
        "min_by_key" => &["max_by_key"],
        "pop_back" => &["pop_front"],
        "pop_front" => &["pop_back"],
        "push_back" => &["push_front"],
        "push_front" => &["push_back"],
        "rfind" => &["find"],
        "rsplit_once" => &["split_once"],
        "saturating_add" => &["saturating_sub"],
        "saturating_sub" => &["saturating_add"],
        "split_once" => &["rsplit_once"],
        "starts_with" => &["ends_with"],
        "to_ascii_lowercase" => &["to_ascii_uppercase"],
        "to_ascii_uppercase" => &["to_ascii_lowercase"],
        "trim" | "trim_ascii" => &["trim_start", "trim_end"],
        "wrapping_add" => &["wrapping_sub"],
        "wrapping_sub" => &["wrapping_add"],
        _ => &[],
    }
}

/// The operator that stands in for another; none for comparisons and `&&`.
pub fn other_operator(op: &BinOp) -> Option<&'static str> {
    Some(match op {
        BinOp::Add(_) => "-",
        BinOp::Sub(_) | BinOp::Mul(_) => "+",
        BinOp::Div(_) | BinOp::Rem(_) => "*",
        BinOp::Shl(_) => ">>",
        BinOp::Shr(_) => "<<",
        BinOp::BitAnd(_) => "|",
        BinOp::BitOr(_) | BinOp::BitXor(_) => "&",
        BinOp::AddAssign(_) => "-=",
        BinOp::SubAssign(_) | BinOp::MulAssign(_) => "+=",
        BinOp::DivAssign(_) | BinOp::RemAssign(_) => "*=",
        BinOp::ShlAssign(_) => ">>=",
        BinOp::ShrAssign(_) => "<<=",
        BinOp::BitAndAssign(_) => "|=",
        BinOp::BitOrAssign(_) | BinOp::BitXorAssign(_) => "&=",
        _ => return None,
    })
}

/// Whether the operator assigns.
pub fn assigns(op: &BinOp) -> bool {
    other_operator(op).is_some_and(|other| other.ends_with('='))
}

/// The operands of a chain of one operator, in the order of the text.
pub fn flatten<'a>(expr: &'a Expr, into: &mut Vec<&'a Expr>, joins: impl Fn(&BinOp) -> bool + Copy) {
    match expr {
        Expr::Binary(binary) if joins(&binary.op) => {
            flatten(&binary.left, into, joins);
            flatten(&binary.right, into, joins);
        }
        other => into.push(other),
    }
}

/// Whether the expression is surely a `bool`, by a method, a macro or an operator that gives one.
pub fn truth(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(inner) => truth(&inner.expr),
        Expr::MethodCall(call) => TRUTHS.contains(&call.method.to_string().as_str()),
        Expr::Macro(invocation) => invocation.mac.path.is_ident("matches"),
        Expr::Unary(unary) => matches!(unary.op, UnOp::Not(_)) && truth(&unary.expr),
        Expr::Binary(binary) => matches!(
            binary.op,
            BinOp::And(_)
                | BinOp::Or(_)
                | BinOp::Eq(_)
                | BinOp::Ne(_)
                | BinOp::Lt(_)
                | BinOp::Le(_)
                | BinOp::Gt(_)
                | BinOp::Ge(_)
        ),
        _ => false,
    }
}

/// Whether a statement of this expression can be left out.
pub fn skippable(expr: &Expr) -> bool {
    match expr {
        Expr::Assign(_) | Expr::Break(_) | Expr::Call(_) | Expr::Continue(_) | Expr::MethodCall(_) => true,
        Expr::Return(_) => true,
        Expr::Await(inner) => skippable(&inner.base),
        Expr::Binary(binary) => assigns(&binary.op),
        Expr::Macro(invocation) => crate::macros::skippable(&invocation.mac),
        Expr::Try(inner) => skippable(&inner.expr),
        _ => false,
    }
}

/// Whether the pattern gives names to what it matches.
pub fn binds(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(it) => it.subpat.is_some() || it.ident.to_string().starts_with(|c: char| c.is_ascii_lowercase()),
        Pat::Guard(it) => binds(&it.pat),
        Pat::Or(it) => it.cases.iter().any(binds),
        Pat::Paren(it) => binds(&it.pat),
        Pat::Reference(it) => binds(&it.pat),
        Pat::Slice(it) => it.elems.iter().any(binds),
        Pat::Struct(it) => it.fields.iter().any(|field| binds(&field.pat)),
        Pat::Tuple(it) => it.elems.iter().any(binds),
        Pat::TupleStruct(it) => it.elems.iter().any(binds),
        Pat::Lit(_) | Pat::Path(_) | Pat::Range(_) | Pat::Rest(_) | Pat::Wild(_) | Pat::Const(_) => false,
        _ => true,
    }
}

/// Whether the pattern matches everything, without a guard.
pub fn catches_all(pattern: &Pat) -> bool {
    match pattern {
        Pat::Wild(_) => true,
        Pat::Ident(it) => it.subpat.is_none() && it.ident.to_string().starts_with(|c: char| c.is_ascii_lowercase()),
        Pat::Tuple(it) => it.elems.iter().all(catches_all),
        _ => false,
    }
}

/// A match arm's body for comparison with another.
pub fn short_body(text: &str) -> String {
    text.split_whitespace().collect()
}
