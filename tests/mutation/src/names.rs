//! What the finder has to know of the whole source: constants, enums, and the files that no test build compiles.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Attribute, Expr, Fields, File, Ident, Item, ItemConst, ItemEnum, Type,
    punctuated::Punctuated,
    visit::{self, Visit},
};

/// How a constant's value is changed at its uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// An integer, by one.
    Integer,
    /// A duration of whole seconds, by one second.
    Seconds,
    /// A shorter or finer duration, by one millisecond.
    Millis,
}

/// Names whose meaning is the same all over the source.
#[derive(Debug, Default)]
pub struct Names {
    constants: BTreeMap<String, Option<Constant>>,
    enums: BTreeMap<String, Option<Vec<(String, bool)>>>,
}

impl Names {
    /// Adds the constants and enums of a file. A name that means two things is forgotten.
    pub fn learn(&mut self, file: &File) {
        self.visit_file(file);
    }

    /// How the constant of that name is changed, if it is one that can be.
    pub fn constant(&self, name: &str) -> Option<Constant> {
        *self.constants.get(name)?
    }

    /// The variant that stands in for a unit variant: the next one of its enum.
    pub fn sibling(&self, name: &str, variant: &str) -> Option<&str> {
        let variants = self.enums.get(name)?.as_ref()?;
        let place = variants.iter().position(|(name, unit)| name == variant && *unit)?;
        let (before, after) = variants.split_at(place);
        after[1..].iter().chain(before).find(|(_, unit)| *unit).map(|(name, _)| name.as_str())
    }

    fn constant_of(&mut self, name: &Ident, ty: &Type, value: Option<&Expr>) {
        let kind = match type_name(ty).as_deref() {
            Some("u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize") => {
                Some(Constant::Integer)
            }
            Some("Duration") => Some(match value {
                Some(value) if calls(value, "from_secs") => Constant::Seconds,
                _ => Constant::Millis,
            }),
            _ => None,
        };
        let known = self.constants.entry(name.to_string()).or_insert(kind);
        if *known != kind {
            *known = None;
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if !absent(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.constant_of(&item.ident, &item.ty, Some(&item.expr));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant_of(&item.ident, &item.ty, None);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        let variants = item.variants.iter().filter(|variant| !absent(&variant.attrs));
        let variants = variants.map(|it| (it.ident.to_string(), matches!(it.fields, Fields::Unit))).collect();
        self.enums.entry(item.ident.to_string()).and_modify(|known| *known = None).or_insert(Some(variants));
    }
}

fn calls(value: &Expr, function: &str) -> bool {
    let Expr::Call(call) = value else { return false };
    matches!(&*call.func, Expr::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == function))
}

/// The last name of a plain type.
pub fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        Type::Paren(inner) => type_name(&inner.elem),
        Type::Group(inner) => type_name(&inner.elem),
        _ => None,
    }
}

/// The attributes of an item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// Whether the attributes keep something out of the build that is mutated (every feature, no `shuttle`, Unix), or keep it
/// for tests alone.
pub fn absent(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || path.is_ident("cfg")
                && attribute.parse_args::<syn::Meta>().is_ok_and(|condition| !holds(&condition).unwrap_or(true))
    })
}

/// Whether a `cfg` condition holds in the code that runs; none where that is unknown. `test` counts as false: code that
/// only tests see needs no test.
fn holds(condition: &syn::Meta) -> Option<bool> {
    let path = condition.path();
    match condition {
        syn::Meta::List(list) => {
            let inner = list.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated).ok()?;
            let inner: Vec<_> = inner.iter().map(holds).collect();
            if path.is_ident("not") {
                inner.first().copied().flatten().map(|held| !held)
            } else if path.is_ident("all") {
                if inner.contains(&Some(false)) { Some(false) } else { inner.into_iter().reduce(|a, b| a.and(b))? }
            } else if path.is_ident("any") {
                if inner.contains(&Some(true)) { Some(true) } else { inner.into_iter().reduce(|a, b| a.and(b))? }
            } else {
                None
            }
        }
        syn::Meta::NameValue(_) => path.is_ident("feature").then_some(true),
        syn::Meta::Path(path) if path.is_ident("unix") => Some(true),
        syn::Meta::Path(path) => {
            let never = ["test", "shuttle", "doctest", "windows", "doc"];
            never.iter().any(|name| path.is_ident(name)).then_some(false)
        }
    }
}

/// The files that belong to modules which are absent, below the given file's folder of modules.
pub fn absent_modules(file: &File, folder: &str, into: &mut BTreeSet<String>) {
    for item in &file.items {
        if let Item::Mod(module) = item
            && module.content.is_none()
            && absent(&module.attrs)
        {
            into.insert(format!("{folder}/{}", module.ident));
        }
    }
}
