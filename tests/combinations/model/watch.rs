//! Which requests a gate or a fault is about, and the counting of them.

use std::collections::BTreeMap;

use super::Sent;
use crate::script::Choice;

pub struct Watch {
    pub choice: Choice,
    /// The generation it belongs to.
    pub generation: usize,
    /// The places of the requests that fit otherwise, by number.
    places: BTreeMap<u64, u64>,
}

impl Watch {
    pub fn new(choice: Choice, generation: usize) -> Self {
        Self { choice, generation, places: BTreeMap::new() }
    }

    /// Whether a request fits. It counts once, however often it is asked about.
    pub fn fits(&mut self, request: &Sent) -> bool {
        let Choice { op, key, number, by, even, nth } = &self.choice;
        let fits = request.generation == self.generation
            && request.op.is_some()
            && op.is_none_or(|op| request.op == Some(op))
            && key.is_none_or(|key| request.key == Some(key))
            && number.is_none_or(|number| request.part == Some(number))
            && by.is_none_or(|who| request.who == Some(who))
            && (!even || request.number.is_multiple_of(2));
        if !fits {
            return false;
        }
        let next = self.places.len() as u64 + 1;
        let place = *self.places.entry(request.number).or_insert(next);
        nth.is_none_or(|nth| nth == place)
    }
}
