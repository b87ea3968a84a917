//! Macro invocations whose arguments are expressions.

use syn::{
    Expr, Macro, Pat, Path, Token,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    visit::Visit,
};

use crate::find::Finder;

const EXPRESSIONS: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "eprintln",
    "format",
    "format_args",
    "panic",
    "print",
    "println",
    "vec",
    "write",
    "writeln",
];

/// Whether a statement of this macro can be left out.
pub fn skippable(invocation: &Macro) -> bool {
    let name = invocation.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    ["assert", "assert_eq", "assert_ne", "eprintln", "print", "println", "write", "writeln"].contains(&name.as_str())
}

/// Whether the function's arguments only reserve memory.
pub fn capacity(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| last.ident == "with_capacity")
}

/// Visits the arguments of the macros whose arguments are expressions.
pub fn visit_arguments(finder: &mut Finder, invocation: &Macro) {
    let Some(name) = invocation.path.segments.last().map(|last| last.ident.to_string()) else { return };
    if name == "matches" {
        let parsed = matches.parse2(invocation.tokens.clone());
        if let Ok((value, guard)) = parsed {
            finder.visit_expr(&value);
            if let Some(guard) = guard {
                finder.guard(&guard);
                finder.visit_expr(&guard);
            }
        }
    } else if EXPRESSIONS.contains(&name.as_str()) {
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        let Ok(arguments) = arguments.parse2(invocation.tokens.clone()) else { return };
        for argument in &arguments {
            match argument {
                // A named argument of a format string.
                Expr::Assign(named) => finder.visit_expr(&named.right),
                other => finder.visit_expr(other),
            }
        }
    }
}

/// `matches!(value, pattern if guard)`.
fn matches(input: ParseStream) -> syn::Result<(Expr, Option<Expr>)> {
    let value = input.parse()?;
    input.parse::<Token![,]>()?;
    let pattern = Pat::parse_multi_with_leading_vert(input)?;
    let guard = match pattern {
        Pat::Guard(guard) => Some(*guard.guard),
        _ if input.peek(Token![if]) => {
            input.parse::<Token![if]>()?;
            Some(input.parse()?)
        }
        _ => None,
    };
    input.parse::<Option<Token![,]>>()?;
    Ok((value, guard))
}
