//! Is there an order of the steps, each somewhere between its beginning and its answer, in which the model answers what
//! was observed?
//!
//! # Source
//! Wing and Gong, "Testing and verifying concurrent objects", J. Parallel Distrib. Comput. 17 (1993); that a set of taken
//! steps with the state it led to need not be looked at twice: Lowe, "Testing for linearizability", Concurrency Computat.:
//! Pract. Exper. 29 (2017). A part is two steps here: it is let in, and it lands.

use std::collections::HashSet;

use super::history::{History, Taken};
use crate::conformance::{
    model::{Flight, Model},
    rules::Rules,
    script::Act,
    seen::{Expected, Observed, Precedence, Refusal},
};

/// What came of looking for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is one.
    Explained(Explained),
    /// There is none.
    Unexplained(Stuck),
    /// After this many states, none had been found. That says nothing about the store.
    Undecided(usize),
}

/// An order that explains all answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// Parts that landed when their upload had ended, in this order.
    pub late: usize,
    /// States that were looked at.
    pub states: usize,
}

/// As far as an order could be found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// The steps it explains, in that order.
    pub explained: Vec<Taken>,
    /// The steps that could come next, and what would be expected of each.
    pub next: Vec<(Taken, Expected)>,
}

/// Looks for an order, and looks at no more states than this.
pub(super) fn explain(history: &History, rules: &Rules, precedence: Precedence, most_states: usize) -> Verdict {
    let mut search =
        Search { history, precedence, most_states, seen: HashSet::new(), late: 0, deepest: None, order: Vec::new() };
    let start = State { stages: vec![Stage::Pending; history.taken.len()], model: Model::new(rules.clone()) };
    match search.go_on(start) {
        Found::Order => Verdict::Explained(Explained { late: search.late, states: search.seen.len() }),
        Found::Nothing => Verdict::Unexplained(search.stuck()),
        Found::TooMuch => Verdict::Undecided(search.seen.len()),
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    stages: Vec<Stage>,
    model: Model,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Pending,
    /// A part was let in, and has yet to land.
    LetIn,
    Over,
}

enum Found {
    Order,
    Nothing,
    TooMuch,
}

struct Search<'h> {
    history: &'h History,
    precedence: Precedence,
    most_states: usize,
    seen: HashSet<State>,
    late: usize,
    order: Vec<usize>,
    deepest: Option<(Vec<usize>, State)>,
}

/// What becomes of a state if a step goes on.
enum Next {
    /// The answer would not be the one that was observed.
    Contradiction(Expected),
    /// It changes nothing, nor would it at any other time.
    Harmless(State),
    /// The store is another one.
    Changed(State),
}

impl Search<'_> {
    fn go_on(&mut self, state: State) -> Found {
        if state.stages.iter().all(|stage| *stage == Stage::Over) {
            return Found::Order;
        }
        if self.seen.len() >= self.most_states {
            return Found::TooMuch;
        }
        if !self.seen.insert(state.clone()) {
            return Found::Nothing;
        }
        self.note_depth(&state);
        let mut nexts = Vec::new();
        for at in self.may_come_next(&state) {
            match self.next(&state, at) {
                // It may as well come first: whatever follows can follow then, too.
                Next::Harmless(next) => return self.descend(&state, at, next),
                Next::Changed(next) => nexts.push((at, next)),
                Next::Contradiction(_) => {}
            }
        }
        for (at, next) in nexts {
            match self.descend(&state, at, next) {
                Found::Nothing => {}
                found => return found,
            }
        }
        Found::Nothing
    }

    fn descend(&mut self, state: &State, at: usize, next: State) -> Found {
        self.order.push(at);
        let found = self.go_on(next);
        match found {
            Found::Order => self.late += usize::from(self.lands_late(state, at)),
            _ => drop(self.order.pop()),
        }
        found
    }

    /// The steps that nothing which is yet to come must precede, the first to be answered first.
    fn may_come_next(&self, state: &State) -> Vec<usize> {
        let pending = || (0..state.stages.len()).filter(|at| state.stages[*at] != Stage::Over);
        let horizon = pending().map(|at| self.span(state, at).1).min().unwrap_or(u64::MAX);
        let mut next: Vec<usize> = pending().filter(|at| self.span(state, *at).0 <= horizon).collect();
        next.sort_by_key(|at| self.span(state, *at).1);
        next
    }

    /// From when and by when a step went on.
    fn span(&self, state: &State, at: usize) -> (u64, u64) {
        let taken = &self.history.taken[at];
        match (&taken.step.act, state.stages[at]) {
            (Act::UploadPart { .. }, Stage::Pending) => (taken.begun, taken.let_in_by),
            _ => (taken.effect_from, taken.effect_by),
        }
    }

    fn next(&self, state: &State, at: usize) -> Next {
        let taken = &self.history.taken[at];
        match (&taken.step.act, state.stages[at]) {
            (Act::UploadPart { .. }, Stage::Pending) => self.let_in(state, at),
            (Act::UploadPart { .. }, _) => self.land(state, at),
            _ => {
                let mut model = state.model.clone();
                let expected = model.step(&taken.step);
                if let Act::Initiate { name } = taken.step.act
                    && let Some(id) = self.history.ids.get(&name)
                {
                    model.learn(name, id);
                }
                self.judged(state, at, model, expected)
            }
        }
    }

    fn let_in(&self, state: &State, at: usize) -> Next {
        let Taken { step, observed, .. } = &self.history.taken[at];
        match state.model.admit(step) {
            Err(reasons) => self.judged(state, at, state.model.clone(), Expected::Refused(reasons)),
            Ok(_) => match observed {
                Observed::PartStored(_) => Next::Harmless(state.moved(at, Stage::LetIn)),
                // It may be refused when it lands; or have been let in, or not, only later.
                Observed::Refused(refusal) if Refusal::NO_SUCH_UPLOAD.agrees_with(refusal) => {
                    Next::Changed(state.moved(at, Stage::LetIn))
                }
                _ => Next::Contradiction(state.model.clone().step(step)),
            },
        }
    }

    fn land(&self, state: &State, at: usize) -> Next {
        let mut model = state.model.clone();
        let expected = model.land_as(&self.flight(at), &self.history.taken[at].observed);
        self.judged(state, at, model, expected)
    }

    fn judged(&self, state: &State, at: usize, model: Model, expected: Expected) -> Next {
        if !expected.admits(&self.history.taken[at].observed, self.precedence) {
            return Next::Contradiction(expected);
        }
        let next = State { model, ..state.moved(at, Stage::Over) };
        if self.history.taken[at].only_looks() { Next::Harmless(next) } else { Next::Changed(next) }
    }

    fn lands_late(&self, state: &State, at: usize) -> bool {
        state.stages[at] == Stage::LetIn && state.model.is_late(&self.flight(at))
    }

    fn flight(&self, at: usize) -> Flight {
        Flight::of(&self.history.taken[at].step).expect("a part that was let in")
    }

    fn note_depth(&mut self, state: &State) {
        if self.deepest.as_ref().is_none_or(|(order, _)| order.len() < self.order.len()) {
            self.deepest = Some((self.order.clone(), state.clone()));
        }
    }

    fn stuck(&self) -> Stuck {
        let Some((order, state)) = &self.deepest else { return Stuck { explained: Vec::new(), next: Vec::new() } };
        let over = order.iter().filter(|at| state.stages[**at] == Stage::Over);
        // A part is in the order twice: what counts is when it landed.
        let mut explained: Vec<usize> = over.copied().collect();
        let all = explained.clone();
        let mut place = 0;
        explained.retain(|at| {
            place += 1;
            !all[place..].contains(at)
        });
        let next = self.may_come_next(state).into_iter().filter_map(|at| match self.next(state, at) {
            Next::Contradiction(expected) => Some((self.history.taken[at].clone(), expected)),
            _ => None,
        });
        Stuck {
            explained: explained.into_iter().map(|at| self.history.taken[at].clone()).collect(),
            next: next.collect(),
        }
    }
}

impl State {
    fn moved(&self, at: usize, stage: Stage) -> Self {
        let mut stages = self.stages.clone();
        stages[at] = stage;
        Self { stages, model: self.model.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Provider,
        conformance::{
            concurrent::race::Lane,
            script::{Body, Id, Key, Size, Step, Who},
            seen::{PartSeen, PartsSeen},
        },
    };

    const ID: Id = Id::Of(0);

    fn taken(step: Step, observed: Observed, begun: u64, answered: u64) -> Taken {
        let (let_in_by, effect_from, effect_by) = (answered, begun, answered);
        Taken { lane: Lane::Before, step, observed, begun, let_in_by, effect_from, effect_by, answered }
    }

    fn initiated() -> Taken {
        taken(Step::initiate(Who::Owner, Key(0), 0), Observed::Initiated, 0, 1)
    }

    fn part(letter: char, begun: u64, answered: u64) -> Taken {
        let step = Step::upload_part(Who::Owner, Key(0), ID, 1, Body::of(letter, Size::Enough));
        taken(step, Observed::PartStored(None), begun, answered)
    }

    fn abort(observed: Observed, begun: u64, answered: u64) -> Taken {
        taken(Step::abort(Who::Owner, Key(0), ID), observed, begun, answered)
    }

    fn verdict(provider: Provider, taken: impl Into<Vec<Taken>>) -> Verdict {
        let history = History { taken: taken.into(), ids: [(0, "id".to_owned())].into() };
        explain(&history, &Rules::of(provider), Precedence::First, 100)
    }

    fn is_explained(provider: Provider, taken: impl Into<Vec<Taken>>) -> bool {
        matches!(verdict(provider, taken), Verdict::Explained(_))
    }

    #[test]
    fn a_part_that_changes_nothing_now_may_have_to_come_later() {
        let rules = Rules::of(Provider::Cos);
        let etag = rules.part_tag(Body::of('a', Size::Enough));
        let seen =
            PartsSeen { parts: vec![PartSeen { number: 1, size: rules.min_part_size, etag }], ..PartsSeen::default() };
        let list = taken(Step::list_parts(Who::Owner, Key(0), ID, 0, None), Observed::Parts(seen), 8, 9);
        assert!(is_explained(Provider::Cos, [initiated(), part('a', 2, 3), part('a', 4, 7), part('b', 5, 6), list]));
    }

    #[test]
    fn what_was_answered_before_another_step_began_came_before() {
        let (before, after) = (abort(Observed::Aborted, 2, 3), abort(Observed::Aborted, 6, 7));
        assert!(is_explained(Provider::Cos, [initiated(), part('a', 2, 4), before.clone()]));
        assert!(!is_explained(Provider::Cos, [initiated(), before, part('a', 4, 5)]));
        assert!(is_explained(Provider::Cos, [initiated(), part('a', 4, 5), after]));
    }

    #[test]
    fn a_part_lands_when_its_end_was_let_go() {
        let late = Taken { effect_from: 5, ..part('a', 2, 6) };
        let aborted = abort(Observed::Aborted, 3, 4);
        let again = abort(Observed::Aborted, 7, 8);
        let all = [initiated(), late, aborted, again];
        assert!(!is_explained(Provider::Cos, all.clone()), "it failed");
        let Verdict::Explained(explained) = verdict(Provider::Oss, all) else { panic!("it lingers until it is freed") };
        assert_eq!(explained.late, 1);
    }

    #[test]
    fn a_part_whose_end_was_never_sent_is_not_stored() {
        assert!(!is_explained(Provider::Oss, [initiated(), Taken { effect_from: u64::MAX, ..part('a', 2, 3) }]));
    }

    #[test]
    fn where_no_order_is_found_the_longest_is_told() {
        let twice = [initiated(), abort(Observed::Aborted, 2, 4), abort(Observed::Aborted, 3, 5)];
        let Verdict::Unexplained(stuck) = verdict(Provider::Obs, twice.clone()) else { panic!("one of them is wrong") };
        assert_eq!(stuck.explained, twice[..2]);
        let refused = Expected::Refused(vec![Refusal::NO_SUCH_UPLOAD]);
        assert_eq!(stuck.next, [(twice[2].clone(), refused)]);
    }
}
