//! Values that a function can return at once, by the type it declares.

use syn::{Block, Expr, FnArg, GenericArgument, PathArguments, ReceiverKind, ReturnType, Signature, Stmt, Type};

/// The body's only expression, where it has no statements.
pub fn tail(block: &Block) -> Option<&Expr> {
    match block.stmts.as_slice() {
        [Stmt::Expr(tail, None)] => Some(tail),
        _ => None,
    }
}

/// Whether the type is `bool`.
pub fn truth(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, ty) if matches!(&**ty, Type::Path(path) if path.path.is_ident("bool")))
}

/// What the function could return at once; nothing that its body says in so many words.
pub fn values(signature: &Signature, tail: Option<&str>, block: &Block) -> Vec<String> {
    if block.stmts.is_empty() {
        return Vec::new();
    }
    let mut values = match &signature.output {
        ReturnType::Default => vec!["()".to_owned()],
        ReturnType::Type(_, ty) => match &**ty {
            // A step of a builder that does nothing.
            Type::Path(path) if path.path.is_ident("Self") => {
                let by_value = matches!(signature.inputs.first(), Some(FnArg::Receiver(it)) if matches!(it.kind, ReceiverKind::Value));
                if by_value && block.stmts.len() > 2 { vec!["self".to_owned()] } else { Vec::new() }
            }
            ty => of_type(ty),
        },
    };
    let said: String = tail.unwrap_or_default().split_whitespace().collect();
    let default =
        |value: &str| value == "Default::default()" && (said.ends_with("::default()") || said.ends_with("::new()"));
    values.retain(|value| *value != said && !default(value) && !(value == "\"\"" && said == "String::new()"));
    if signature.ident == "default" {
        values.retain(|value| !value.contains("default"));
    }
    values
}

fn of_type(ty: &Type) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match ty {
        Type::Paren(inner) => of_type(&inner.elem),
        Type::Reference(it) if it.mutability.is_none() => match &*it.elem {
            Type::Path(path) if path.path.is_ident("str") => texts(&["\"\""]),
            Type::Slice(_) => texts(&["&[]"]),
            _ => Vec::new(),
        },
        Type::Tuple(it) if it.elems.is_empty() => texts(&["()"]),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Vec::new() };
            let inner = match &last.arguments {
                PathArguments::AngleBracketed(it) => it.args.iter().find_map(|argument| match argument {
                    GenericArgument::Type(ty) => Some(ty),
                    _ => None,
                }),
                _ => None,
            };
            match last.ident.to_string().as_str() {
                "bool" => texts(&["true", "false"]),
                "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => {
                    texts(&["0", "1"])
                }
                "f32" | "f64" => texts(&["0.0", "1.0"]),
                "char" => texts(&["'x'"]),
                "String" => texts(&["String::new()"]),
                "Option" => {
                    let some = inner.map(of_type).unwrap_or_default();
                    let some = some.iter().filter(|value| *value != "Default::default()");
                    std::iter::once("None".to_owned()).chain(some.map(|value| format!("Some({value})"))).collect()
                }
                "Result" => match inner {
                    Some(ty) => of_type(ty).iter().map(|value| format!("Ok({value})")).collect(),
                    None => texts(&["Ok(())"]),
                },
                "Self" => Vec::new(),
                name if name.starts_with(|letter: char| letter.is_ascii_uppercase()) && name.len() > 1 => {
                    texts(&["Default::default()"])
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}
