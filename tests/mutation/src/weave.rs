//! Text with mutants in it: edits put into a source file, each mutant behind its switch.

use std::ops::Range;

use crate::site::{Edit, Shape};

/// A woven file, and where in it each mutant is.
#[derive(Debug)]
pub struct Woven {
    pub text: String,
    /// The text that only one mutant runs.
    arms: Vec<(Range<usize>, usize)>,
    /// Everything an edit encloses, with the edit's mutants.
    sites: Vec<(Range<usize>, Vec<usize>)>,
}

impl Woven {
    /// The mutants that are to blame for a compile error in the range: the one whose own text it is, or else the
    /// mutants of the innermost edit around it.
    pub fn blame(&self, error: &Range<usize>) -> Vec<usize> {
        let holds = |range: &Range<usize>| range.start <= error.start && error.end <= range.end;
        let arms = self.arms.iter().filter(|(range, _)| holds(range));
        if let Some((_, mutant)) = arms.min_by_key(|(range, _)| range.len()) {
            return vec![*mutant];
        }
        let sites = self.sites.iter().filter(|(range, _)| holds(range));
        sites.min_by_key(|(range, _)| range.len()).map(|(_, mutants)| mutants.clone()).unwrap_or_default()
    }
}

impl Woven {
    /// The mutants of every edit that touches the range: those that may be to blame for an error that is not in any.
    pub fn around(&self, range: &Range<usize>) -> Vec<usize> {
        let touches = |site: &Range<usize>| site.start <= range.end && range.start <= site.end;
        self.sites.iter().filter(|(site, _)| touches(site)).flat_map(|(_, mutants)| mutants.iter().copied()).collect()
    }
}

/// A piece of text to insert: where in it the mutants' own text is.
#[derive(Default)]
struct Piece {
    text: String,
    arms: Vec<(Range<usize>, usize)>,
}

impl Piece {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn arm(&mut self, mutant: usize, text: &str) {
        let start = self.text.len();
        self.push(text);
        self.arms.push((start..self.text.len(), mutant));
    }
}

/// Weaves the edits into the text. `number` gives a mutant's number, or none to leave it out.
pub fn weave(text: &str, edits: &[Edit], number: impl Fn(usize) -> Option<usize>) -> Woven {
    // At one position: what ends there, inner first; then insertions; then what begins there, outer first.
    let mut events = Vec::new();
    for (order, edit) in edits.iter().enumerate() {
        let Some((before, after)) = pieces(&edit.shape, &number) else { continue };
        let Range { start, end } = edit.range;
        let (down, up) = (isize::MAX - start as isize, isize::MAX - end as isize);
        if start == end {
            events.push(((start, 1, 0, order as isize), order, before, true, true));
        } else {
            events.push(((start, 2, up, order as isize), order, before, true, false));
            events.push(((end, 0, down, -(order as isize)), order, after, false, true));
        }
    }
    events.sort_by_key(|event| event.0);

    let mut woven = Woven { text: String::with_capacity(text.len() * 4), arms: Vec::new(), sites: Vec::new() };
    let mut begun = vec![0; edits.len()];
    let mut at = 0;
    for (key, order, piece, begins, ends) in events {
        woven.text.push_str(&text[at..key.0]);
        at = key.0;
        let start = woven.text.len();
        woven.text.push_str(&piece.text);
        let arms = piece.arms.into_iter().map(|(range, mutant)| (range.start + start..range.end + start, mutant));
        woven.arms.extend(arms);
        if begins {
            begun[order] = start;
        }
        if ends {
            woven.sites.push((begun[order]..woven.text.len(), edits[order].shape.mutants()));
        }
    }
    woven.text.push_str(&text[at..]);
    woven
}

fn pieces(shape: &Shape, number: &impl Fn(usize) -> Option<usize>) -> Option<(Piece, Piece)> {
    let (mut before, mut after) = (Piece::default(), Piece::default());
    let on = |mutant: usize| number(mutant).map(|number| format!("crate::mutation::on({number})"));
    match shape {
        Shape::Choose(arms) | Shape::ChooseBody(arms) => {
            let (open, close) = if matches!(shape, Shape::Choose(_)) { ("(", " })") } else { ("{ ", " } }") };
            before.push(open);
            for (mutant, text) in arms {
                let Some(on) = on(*mutant) else { continue };
                before.push(&format!("if {on} {{ "));
                before.arm(*mutant, text);
                before.push(" } else ");
            }
            before.push("{ ");
            after.push(close);
        }
        Shape::Return(arms) => {
            for (mutant, text) in arms {
                let Some(on) = on(*mutant) else { continue };
                before.push(&format!(" if {on} {{ "));
                before.arm(*mutant, &format!("return {text};"));
                before.push(" }");
            }
        }
        Shape::Force { yes, no, braces } => {
            let (open, close) = if *braces { ("{ ", " }") } else { ("(", ")") };
            before.push(open);
            after.push(")");
            if let Some(on) = no.and_then(on) {
                before.push(&format!("!{on} && "));
            }
            before.push("(");
            if let Some(on) = yes.and_then(on) {
                before.push(&format!("{on} || ("));
                after.push(")");
            }
            after.push(close);
        }
        Shape::Negate(mutant) => {
            before.push(&format!("({} != (", on(*mutant)?));
            after.push("))");
        }
        Shape::Skip(mutant) => {
            before.push(&format!("if !{} {{ ", on(*mutant)?));
            after.push(" }");
        }
        Shape::Never(mutant) => before.push(&format!("!{} && ", on(*mutant)?)),
        Shape::Unmatched(mutant) => before.push(&format!(" if !{}", on(*mutant)?)),
        Shape::Predicate(mutant) => {
            before.push(&format!("|mutated| {} || (", on(*mutant)?));
            after.push(")(mutated)");
        }
    }
    let live = shape.mutants().into_iter().any(|mutant| number(mutant).is_some());
    live.then_some((before, after))
}

impl Woven {
    /// Puts text in front of everything.
    pub fn prepend(&mut self, text: &str) {
        self.text.insert_str(0, text);
        let shift = |range: &mut Range<usize>| *range = range.start + text.len()..range.end + text.len();
        self.arms.iter_mut().for_each(|(range, _)| shift(range));
        self.sites.iter_mut().for_each(|(range, _)| shift(range));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_run_the_original_text_and_nest_in_the_default_alone() {
        let edits = [
            Edit { range: 0..5, shape: Shape::Force { yes: Some(0), no: None, braces: false } },
            Edit { range: 0..5, shape: Shape::Choose(vec![(1, "a<=1".to_owned())]) },
            Edit { range: 4..5, shape: Shape::Choose(vec![(2, "1 + 1".to_owned())]) },
        ];
        let text = weave("a < 1", &edits, |mutant| Some(mutant + 1)).text.replace("crate::mutation::", "");
        let inner = "(if on(2) { a<=1 } else { a < (if on(3) { 1 + 1 } else { 1 }) })";
        assert_eq!(text, format!("((on(1) || ({inner})))"));
    }

    #[test]
    fn a_mutant_without_a_number_leaves_no_trace() {
        let edits = [Edit { range: 0..1, shape: Shape::Negate(0) }, Edit { range: 0..1, shape: Shape::Skip(1) }];
        assert_eq!(weave("a", &edits, |_| None).text, "a");
        assert_eq!(weave("a", &edits, |mutant| (mutant == 1).then_some(7)).text, "if !crate::mutation::on(7) { a }");
    }

    #[test]
    fn an_error_is_blamed_on_the_mutant_whose_text_it_is_in_or_else_on_its_site() {
        let arms = vec![(0, "bad".to_owned()), (1, "worse".to_owned())];
        let edits = [Edit { range: 1..2, shape: Shape::Choose(arms) }];
        let mut woven = weave(" a ", &edits, |mutant| Some(mutant + 1));
        woven.prepend("more ");
        let at = |text: &str| woven.text.find(text).map(|at| at..at + text.len()).unwrap();
        assert_eq!(woven.blame(&at("bad")), [0]);
        assert_eq!(woven.blame(&at("worse")), [1]);
        assert_eq!(woven.blame(&at("{ a }")), [0, 1]);
        assert_eq!(woven.blame(&at("more")), [0; 0]);
        assert_eq!((woven.around(&at("more")), woven.around(&at("bad"))), (vec![], vec![0, 1]));
    }
}
