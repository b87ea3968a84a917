//! Finds what can be mutated in a source file.

mod kinds;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use kinds::{PREDICATES, binds, catches_all, flatten, other_methods, other_operator, short_body, skippable, truth};
use syn::{
    Arm, BinOp, Block, Expr, ExprClosure, ExprMatch, File, Lit, Pat, ReturnType, Signature, Stmt, UnOp,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::{
    macros,
    names::{Constant, Names, absent},
    returns,
    site::{Edit, Found, Mutant, Shape, hash, short},
};

/// Finds every mutant of a file that is parsed already.
pub fn find_in(name: &str, text: &str, file: &File, names: &Names) -> Found {
    let mut finder = Finder {
        name,
        text,
        names,
        found: Found::default(),
        path: Vec::new(),
        itself: Vec::new(),
        function: 0..0,
        constant: false,
        settled: HashSet::new(),
    };
    finder.visit_file(file);
    number(finder.found)
}

/// Counts mutants of one function that read the same, in the order of the text.
fn number(mut found: Found) -> Found {
    let mut order: Vec<usize> = (0..found.mutants.len()).collect();
    order.sort_by_key(|&at| (found.mutants[at].line, found.mutants[at].column));
    let mut seen = HashMap::new();
    for at in order {
        let mutant = &mut found.mutants[at];
        let alike = (mutant.function.clone(), mutant.operator, mutant.original.clone(), mutant.replacement.clone());
        let count = seen.entry(alike).or_insert(0);
        *count += 1;
        mutant.occurrence = *count;
    }
    found
}

pub struct Finder<'a> {
    name: &'a str,
    pub text: &'a str,
    names: &'a Names,
    found: Found,
    /// Enclosing modules, types and functions.
    path: Vec<String>,
    /// Types that `Self` stands for, innermost last.
    itself: Vec<String>,
    /// Text of the enclosing function or item.
    function: Range<usize>,
    /// Whether the code is evaluated at compile time.
    constant: bool,
    /// Conditions that are made always true and always false elsewhere, which implies that turning them round is noticed.
    settled: HashSet<*const Expr>,
}

impl Finder<'_> {
    pub fn range(&self, of: &impl Spanned) -> Range<usize> {
        of.span().byte_range()
    }

    pub fn source(&self, of: &impl Spanned) -> &str {
        &self.text[self.range(of)]
    }

    /// Adds a mutant of the text in the range and returns its index.
    pub fn mutant(&mut self, operator: &'static str, range: &Range<usize>, original: &str, replacement: &str) -> usize {
        let line = |at: usize| self.text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = self.text[..range.start].rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.mutants.push(Mutant {
            file: self.name.to_owned(),
            function: self.path.join("::"),
            operator,
            original: short(original),
            replacement: short(replacement),
            line: line(range.start),
            column,
            occurrence: 1,
            lines: (line(self.function.start), line(self.function.end)),
            hash: hash(self.text[self.function.clone()].as_bytes()),
        });
        self.found.mutants.len() - 1
    }

    pub fn edit(&mut self, range: Range<usize>, shape: Shape) {
        self.found.edits.push(Edit { range, shape });
    }

    /// Offers other expressions in place of one.
    pub fn choose(&mut self, operator: &'static str, expr: &impl Spanned, replacements: &[String]) {
        let (range, original) = (self.range(expr), self.source(expr).to_owned());
        let arms = replacements.iter().map(|text| (self.mutant(operator, &range, &original, text), text.clone()));
        let arms = arms.collect();
        self.edit(range, Shape::Choose(arms));
    }

    /// Marks a condition, and what it consists of where that only turns it round.
    fn settle(&mut self, expr: &Expr) {
        self.settled.insert(expr);
        match expr {
            Expr::Paren(inner) => self.settle(&inner.expr),
            Expr::Unary(inner) if matches!(inner.op, UnOp::Not(_)) => self.settle(&inner.expr),
            _ => {}
        }
    }

    fn force(&mut self, operator: &'static str, expr: &Expr, yes: bool, no: bool, braces: bool) {
        let (range, original) = (self.range(expr), self.source(expr).to_owned());
        let yes = (yes && original != "true").then(|| self.mutant(operator, &range, &original, "true"));
        let no = (no && original != "false").then(|| self.mutant(operator, &range, &original, "false"));
        self.settle(expr);
        self.edit(range, Shape::Force { yes, no, braces });
    }

    /// A condition of an `if`, a `while` or a guard.
    fn condition(&mut self, operator: &'static str, cond: &Expr, yes: bool) {
        if self.constant {
            return;
        }
        let mut operands = Vec::new();
        flatten(cond, &mut operands, |op| matches!(op, BinOp::And(_)));
        if !operands.iter().any(|operand| matches!(operand, Expr::Let(_))) {
            self.force(operator, cond, yes, true, false);
            return;
        }
        let (range, original) = (self.range(cond), self.source(cond).to_owned());
        let never = self.mutant(operator, &range, &original, "false");
        self.edit(range.start..range.start, Shape::Never(never));
        for operand in operands.into_iter().filter(|operand| !matches!(operand, Expr::Let(_))) {
            self.force("operand", operand, true, false, false);
        }
        let mut chain = cond;
        while let Expr::Binary(binary) = chain {
            self.settled.insert(chain);
            chain = &binary.left;
        }
    }

    /// `a && b && c`, or the same with `||`.
    fn chain(&mut self, whole: &Expr, and: bool) {
        let mut operands = Vec::new();
        flatten(whole, &mut operands, |op| if and { matches!(op, BinOp::And(_)) } else { matches!(op, BinOp::Or(_)) });
        if operands.iter().any(|operand| matches!(operand, Expr::Let(_))) {
            operands.into_iter().for_each(|operand| self.visit_expr(operand));
            return;
        }
        if !self.settled.contains(&(whole as *const Expr)) {
            self.force("condition", whole, !and, and, false);
        }
        for operand in operands {
            if !self.settled.contains(&(operand as *const Expr)) {
                self.force("operand", operand, and, !and, false);
            }
            self.visit_expr(operand);
        }
    }

    fn negate(&mut self, operator: &'static str, expr: &Expr, replacement: &str) {
        if self.settled.contains(&(expr as *const Expr)) {
            return;
        }
        let (range, original) = (self.range(expr), self.source(expr).to_owned());
        let mutant = self.mutant(operator, &range, &original, replacement);
        self.edit(range, Shape::Negate(mutant));
    }

    fn binary(&mut self, whole: &Expr) {
        let Expr::Binary(binary) = whole else { return };
        let (left, right) = (self.source(&binary.left).to_owned(), self.source(&binary.right).to_owned());
        let with = |op: &str| format!("{left} {op} {right}");
        let settled = self.settled.contains(&(whole as *const Expr));
        let (boundary, opposite) = match binary.op {
            BinOp::Lt(_) => ("<=", ">="),
            BinOp::Le(_) => ("<", ">"),
            BinOp::Gt(_) => (">=", "<="),
            BinOp::Ge(_) => (">", "<"),
            BinOp::Eq(_) => return self.negate("comparison", whole, &with("!=")),
            BinOp::Ne(_) => return self.negate("comparison", whole, &with("==")),
            op => {
                if let Some(other) = other_operator(&op) {
                    self.choose("arithmetic", whole, &[with(other)]);
                }
                return;
            }
        };
        self.choose("comparison", whole, &[with(boundary)]);
        if !settled {
            self.negate("comparison", whole, &with(opposite));
        }
    }

    fn literal(&mut self, whole: &Expr) {
        let Expr::Lit(literal) = whole else { return };
        match &literal.lit {
            Lit::Int(integer) => {
                let text = self.source(whole).to_owned();
                let mut others = vec![format!("{text} + 1")];
                if integer.base10_digits() != "0" {
                    others.push(format!("{text} - 1"));
                }
                self.choose("integer", whole, &others);
            }
            Lit::Bool(value) => {
                let other = if value.value { "false" } else { "true" };
                self.negate("boolean", whole, other);
            }
            _ => {}
        }
    }

    /// The use of a constant, or a unit variant of an enum.
    fn named(&mut self, whole: &Expr) {
        let Expr::Path(path) = whole else { return };
        let segments: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let Some((last, before)) = segments.split_last() else { return };
        let text = self.source(whole).to_owned();
        let primitive = before.last().is_some_and(|name| name.starts_with(|letter: char| letter.is_ascii_lowercase()))
            && ["MAX", "MIN", "BITS"].contains(&last.as_str());
        let by = |step: &str| {
            let step = format!("std::time::Duration::{step}(1)");
            vec![format!("{text} + {step}"), format!("{text}.saturating_sub({step})")]
        };
        match self.names.constant(last).filter(|_| !primitive) {
            Some(Constant::Integer) => {
                self.choose("constant", whole, &[format!("{text} + 1"), format!("{text} - 1")]);
            }
            Some(Constant::Seconds) => self.choose("constant", whole, &by("from_secs")),
            Some(Constant::Millis) => self.choose("constant", whole, &by("from_millis")),
            None => {
                let Some(owner) = before.last() else { return };
                let itself = self.itself.last().filter(|_| owner == "Self");
                if let Some(other) = self.names.sibling(itself.unwrap_or(owner), last) {
                    let other = format!("{}{other}", &text[..text.len() - last.len()]);
                    self.choose("variant", whole, &[other]);
                }
            }
        }
    }

    fn ranges_end(&mut self, end: &Expr, inclusive: bool) {
        let counted = matches!(end, Expr::Lit(_))
            || matches!(end, Expr::Path(path) if path.path.segments.last()
            .is_some_and(|last| self.names.constant(&last.ident.to_string()).is_some()));
        if !counted {
            let other = format!("({}) {} 1", self.source(end), if inclusive { "-" } else { "+" });
            self.choose("range end", end, &[other]);
        }
    }

    fn matched(&mut self, whole: &ExprMatch) {
        let arms: Vec<&Arm> = whole.arms.iter().filter(|arm| !absent(&arm.attrs)).collect();
        let body = |finder: &Self, arm: &Arm| short_body(finder.source(&arm.body));
        for (at, arm) in arms.iter().enumerate() {
            if let Pat::Guard(guard) = &arm.pat {
                self.condition("guard", &guard.guard, true);
                continue;
            }
            let fallback = arms[at + 1..].iter().find(|later| catches_all(&later.pat));
            if let Some(fallback) = fallback {
                if body(self, fallback) != body(self, arm) {
                    let (range, original) = (self.range(&arm.pat), self.source(*arm).to_owned());
                    let mutant = self.mutant("arm", &range, &original, "never matches");
                    self.edit(range.end..range.end, Shape::Unmatched(mutant));
                }
                continue;
            }
            if binds(&arm.pat) {
                continue;
            }
            let (before, after) = arms.split_at(at);
            let others = after[1..].iter().chain(before).filter(|other| !binds(&other.pat));
            let Some(other) = others.into_iter().find(|other| body(self, other) != body(self, arm)) else { continue };
            let other = self.source(&other.body).to_owned();
            let (range, original) = (self.range(&arm.body), self.source(&arm.body).to_owned());
            let mutant = self.mutant("arm body", &range, &original, &other);
            self.edit(range, Shape::ChooseBody(vec![(mutant, other)]));
        }
    }

    fn method(&mut self, whole: &Expr) {
        let Expr::MethodCall(call) = whole else { return };
        let name = call.method.to_string();
        let (range, method) = (self.range(whole), self.range(&call.method));
        let renamed = |finder: &Self, other: &str| {
            format!("{}{other}{}", &finder.text[range.start..method.start], &finder.text[method.end..range.end])
        };
        let swapped: Vec<String> = other_methods(&name).iter().map(|other| renamed(self, other)).collect();
        if !swapped.is_empty() {
            self.choose("method", whole, &swapped);
        }
        match (name.as_str(), call.args.len()) {
            ("or" | "or_else", 1) => {
                let receiver = self.source(&call.receiver).to_owned();
                self.choose("fallback", whole, &[receiver]);
            }
            ("eq_ignore_ascii_case", 1) => {
                let (one, other) = (self.source(&call.receiver), self.source(&call.args[0]));
                let exact = format!(
                    "{{ let one: &[u8] = ({one}).as_ref(); let other: &[u8] = ({other}).as_ref(); one == other }}"
                );
                self.choose("case", whole, &[exact]);
            }
            ("skip" | "take" | "nth", 1) => self.ranges_end(&call.args[0], false),
            _ => {}
        }
        if truth(whole) {
            let text = format!("!{}", self.source(whole));
            self.negate("condition", whole, &text);
        }
        if PREDICATES.contains(&name.as_str())
            && let Some(predicate @ Expr::Path(path)) = call.args.last()
            && path.path.segments.len() > 1
        {
            let (range, original) = (self.range(predicate), self.source(predicate).to_owned());
            let mutant = self.mutant("predicate", &range, &original, "true");
            self.edit(range, Shape::Predicate(mutant));
        }
        if PREDICATES.contains(&name.as_str())
            && let Some(Expr::Closure(closure)) = call.args.last()
        {
            self.predicate(closure);
        }
    }

    fn predicate(&mut self, closure: &ExprClosure) {
        let body: &Expr = &closure.body;
        if !self.settled.contains(&(body as *const Expr)) {
            let braces = matches!(closure.output, ReturnType::Type(..));
            self.force("predicate", body, true, true, braces);
        }
    }

    fn structure(&mut self, whole: &Expr) {
        let Expr::Struct(structure) = whole else { return };
        if structure.rest.is_none() {
            return;
        }
        let range = self.range(whole);
        let fields: Vec<_> = structure.fields.pairs().collect();
        for (at, pair) in fields.iter().enumerate() {
            let field = pair.value();
            let span = self.range(*field);
            let end = fields.get(at + 1).map_or_else(
                || structure.dot2_token.map_or(span.end, |dots| dots.span().byte_range().start),
                |next| self.range(*next.value()).start,
            );
            let text = format!("{}{}", &self.text[range.start..span.start], &self.text[end..range.end]);
            let original = self.text[span.clone()].to_owned();
            let mutant = self.mutant("field", &span, &original, "as in the base");
            self.edit(range.clone(), Shape::Choose(vec![(mutant, text)]));
        }
    }

    /// Statements that can be left out. `alone` tells that the only statement of the block is left out in another way.
    fn statements(&mut self, block: &Block, alone: bool) {
        if self.constant || alone && block.stmts.len() == 1 {
            return;
        }
        for statement in &block.stmts {
            let goes = match statement {
                Stmt::Expr(Expr::ForLoop(_), _) => true,
                Stmt::Expr(expr, Some(_)) => skippable(expr),
                Stmt::Macro(it) => it.attrs.is_empty() && macros::skippable(&it.mac) && it.semi_token.is_some(),
                _ => false,
            };
            if goes {
                let (range, original) = (self.range(statement), self.source(statement).to_owned());
                let mutant = self.mutant("statement", &range, &original, "left out");
                self.edit(range, Shape::Skip(mutant));
            }
        }
    }

    fn enter(&mut self, name: String, whole: Range<usize>, visit: impl FnOnce(&mut Self)) {
        let (function, constant) = (std::mem::replace(&mut self.function, whole), self.constant);
        self.path.push(name);
        visit(self);
        self.path.pop();
        self.function = function;
        self.constant = constant;
    }

    fn body(&mut self, signature: &Signature, block: &Block, whole: Range<usize>) {
        if signature.constness.is_some() {
            return;
        }
        self.enter(signature.ident.to_string(), whole, |finder| {
            finder.constant = false;
            let tail = returns::tail(block);
            let values = returns::values(signature, tail.map(|tail| finder.source(tail)), block);
            if let (Some(tail), true) = (tail, returns::truth(&signature.output)) {
                finder.settle(tail);
            }
            if !values.is_empty() {
                let (range, original) = (finder.range(block), finder.source(block).to_owned());
                let arms = values.into_iter().map(|it| (finder.mutant("body", &range, &original, &it), it)).collect();
                finder.edit(range.start + 1..range.start + 1, Shape::Return(arms));
            }
            let unit = matches!(signature.output, ReturnType::Default);
            finder.statements(block, unit);
            if let (Some(Stmt::Expr(last, None)), true) = (block.stmts.last(), unit && block.stmts.len() > 1)
                && skippable(last)
            {
                let (range, original) = (finder.range(last), finder.source(last).to_owned());
                let mutant = finder.mutant("statement", &range, &original, "left out");
                finder.edit(range, Shape::Skip(mutant));
            }
            visit::visit_block(finder, block);
        });
    }
}

impl Finder<'_> {
    /// The guard of a `matches!`.
    pub fn guard(&mut self, guard: &Expr) {
        self.condition("guard", guard, true);
    }
}
