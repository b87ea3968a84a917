//! The walk through a file's syntax: where operators apply, and what is left alone.

use syn::{
    Arm, Attribute, Expr, ExprArray, ExprRepeat, GenericArgument, ImplItemConst, ImplItemFn, Item, ItemConst, ItemEnum,
    ItemFn, ItemImpl, ItemMod, ItemStatic, ItemTrait, Local, Macro, Pat, RangeLimits, ReturnType, Stmt, TraitItemConst,
    TraitItemFn, Type, UnOp, Variant,
    visit::{self, Visit},
};

use super::{Finder, kinds::truth};
use crate::{
    macros,
    names::{absent, attributes, type_name},
};

impl Finder<'_> {
    fn expression(&mut self, whole: &Expr) {
        match whole {
            Expr::Binary(binary) if !matches!(binary.op, syn::BinOp::And(_) | syn::BinOp::Or(_)) => self.binary(whole),
            Expr::If(it) => self.condition("condition", &it.cond, true),
            Expr::While(it) => self.condition("condition", &it.cond, false),
            Expr::Unary(it) if matches!(it.op, UnOp::Not(_)) => {
                let inner = self.source(&it.expr).to_owned();
                if truth(&it.expr) {
                    self.negate("condition", whole, &inner);
                    self.settle(&it.expr);
                } else {
                    self.choose_unless_settled("condition", whole, inner);
                }
            }
            Expr::Lit(_) => self.literal(whole),
            Expr::Path(_) => self.named(whole),
            Expr::Match(it) => self.matched(it),
            Expr::MethodCall(_) => self.method(whole),
            Expr::Struct(_) => self.structure(whole),
            Expr::Macro(it) if it.mac.path.is_ident("matches") => {
                let text = format!("!{}", self.source(whole));
                self.negate("condition", whole, &text);
            }
            Expr::Range(it) => {
                if let Some(end) = &it.end {
                    self.ranges_end(end, matches!(it.limits, RangeLimits::Closed(_)));
                }
            }
            Expr::ForLoop(it) => self.statements(&it.body, true),
            _ => {}
        }
    }

    fn choose_unless_settled(&mut self, operator: &'static str, whole: &Expr, other: String) {
        if !self.settled.contains(&(whole as *const Expr)) {
            self.choose(operator, whole, &[other]);
        }
    }

    /// An item whose value is computed at compile time: only its closures run later.
    fn constant_item(&mut self, name: String, whole: std::ops::Range<usize>, value: &Expr) {
        self.enter(name, whole, |finder| {
            finder.constant = true;
            finder.visit_expr(value);
        });
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_generic_argument(&mut self, _: &'ast GenericArgument) {}
    fn visit_item_enum(&mut self, _: &'ast ItemEnum) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_trait_item_const(&mut self, _: &'ast TraitItemConst) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_variant(&mut self, _: &'ast Variant) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}

    /// The elements of a buffer that is about to be filled matter to nobody, and its length is a constant.
    fn visit_expr_repeat(&mut self, _: &'ast ExprRepeat) {}

    fn visit_expr_array(&mut self, array: &'ast ExprArray) {
        visit::visit_expr_array(self, array);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !absent(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.constant_item(item.ident.to_string(), self.range(item), &item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast ImplItemConst) {
        if !absent(&item.attrs) {
            self.constant_item(item.ident.to_string(), self.range(item), &item.expr);
        }
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.constant_item(item.ident.to_string(), self.range(item), &item.expr);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let whole = self.range(item);
        self.enter(item.ident.to_string(), whole, |finder| visit::visit_item_mod(finder, item));
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let itself = type_name(&item.self_ty).unwrap_or_else(|| self.source(&item.self_ty).to_owned());
        let name = match &item.trait_ {
            Some((path, _)) => format!("<{itself} as {}>", super::short_body(self.source(path))),
            None => itself.clone(),
        };
        self.itself.push(itself);
        let whole = self.range(item);
        self.enter(name, whole, |finder| item.items.iter().for_each(|it| finder.visit_impl_item(it)));
        self.itself.pop();
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.itself.push(item.ident.to_string());
        let whole = self.range(item);
        self.enter(item.ident.to_string(), whole, |finder| {
            item.items.iter().for_each(|it| finder.visit_trait_item(it))
        });
        self.itself.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.body(&item.sig, &item.block, self.range(item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !absent(&item.attrs) {
            self.body(&item.sig, &item.block, self.range(item));
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = item.default.as_ref().filter(|_| !absent(&item.attrs)) {
            self.body(&item.sig, block, self.range(item));
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if absent(&local.attrs) {
            return;
        }
        let Some(init) = &local.init else { return };
        self.visit_expr(&init.expr);
        if let Some((_, diverge)) = &init.diverge {
            self.visit_expr(diverge);
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if absent(&arm.attrs) {
            return;
        }
        if let Pat::Guard(guard) = &arm.pat {
            self.visit_expr(&guard.guard);
        }
        self.visit_expr(&arm.body);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        let constant = std::mem::replace(&mut self.constant, false);
        if truth(&closure.body) {
            self.predicate(closure);
        }
        if let (Expr::Block(block), ReturnType::Default) = (&*closure.body, &closure.output) {
            self.statements(&block.block, false);
        }
        self.visit_expr(&closure.body);
        self.constant = constant;
    }

    fn visit_expr(&mut self, whole: &'ast Expr) {
        if self.constant {
            return visit::visit_expr(self, whole);
        }
        if let Expr::Binary(binary) = whole {
            match binary.op {
                syn::BinOp::And(_) => return self.chain(whole, true),
                syn::BinOp::Or(_) => return self.chain(whole, false),
                _ => {}
            }
        }
        self.expression(whole);
        match whole {
            // A loop's or a branch's only statement: leaving it out is what the condition made false does.
            Expr::If(it) => {
                self.statements(&it.then_branch, it.else_branch.is_none());
                if let Some((_, other)) = &it.else_branch
                    && let Expr::Block(block) = &**other
                {
                    self.statements(&block.block, false);
                }
            }
            Expr::While(it) => self.statements(&it.body, true),
            Expr::Loop(it) => self.statements(&it.body, false),
            Expr::Match(it) => {
                for arm in &it.arms {
                    if let Expr::Block(block) = &*arm.body {
                        self.statements(&block.block, false);
                    }
                }
            }
            Expr::Async(it) => self.statements(&it.block, false),
            // What is called keeps its name.
            Expr::Call(it) => {
                if !matches!(&*it.func, Expr::Path(_)) {
                    self.visit_expr(&it.func);
                }
                if !matches!(&*it.func, Expr::Path(path) if macros::capacity(&path.path)) {
                    it.args.iter().for_each(|arg| self.visit_expr(arg));
                }
                return;
            }
            Expr::MethodCall(it) if it.method == "reserve" => return self.visit_expr(&it.receiver),
            _ => {}
        }
        visit::visit_expr(self, whole);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(Expr::Block(block), _) = statement {
            if absent(&block.attrs) {
                return;
            }
            self.statements(&block.block, false);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        // The parsed arguments live no longer than this call; conditions among them are settled anew.
        let settled = std::mem::take(&mut self.settled);
        macros::visit_arguments(self, invocation);
        self.settled = settled;
    }
}
