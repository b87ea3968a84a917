//! Aborts that were answered and have not happened yet ([`super::fault::Fault::AbortLater`]).

use std::{num::NonZeroU64, sync::Arc};

use super::{
    Core,
    fault::{FaultRule, Until},
};
use crate::{
    sharing::Mutex,
    store::{Timestamp, UploadId},
};

/// The aborts of one fake that are still to come, in the order they were answered.
#[derive(Debug, Default)]
pub struct Later(Mutex<Vec<Pending>>);

/// An abort that is still to come.
#[derive(Debug)]
pub struct Pending {
    /// What it waits for.
    pub due: Due,
    /// The exchange that asked for it.
    pub exchange: u64,
    /// The rule that holds it back.
    pub rule: Arc<FaultRule>,
    /// The upload to abort.
    pub upload: UploadId,
}

/// What an abort waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The test.
    Released,
    /// So many exchanges.
    Arrivals(u64),
    /// This time.
    At(Timestamp),
}

impl Due {
    /// When an abort is due that is answered now.
    pub fn of(until: Until, now: Timestamp) -> Self {
        match until {
            Until::Released => Self::Released,
            Until::Exchanges(arrivals) => Self::Arrivals(arrivals),
            Until::Clock(by) => Self::At(now.plus(by)),
        }
    }
}

impl Later {
    /// Adds an abort. Called under the store's lock, so that a reset either prevents it or clears it.
    pub fn push(&self, pending: Pending) {
        self.0.lock().push(pending);
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    fn take(&self, is_due: impl FnMut(&mut Pending) -> bool) -> Vec<Pending> {
        self.0.lock().extract_if(.., is_due).collect()
    }
}

impl Core {
    /// The numbers of the exchanges whose aborts are still to come and would change something: their uploads are open, or
    /// parts of them linger.
    pub fn aborts_to_come(&self) -> Vec<u64> {
        let mut pending: Vec<_> =
            self.later.0.lock().iter().map(|pending| (pending.exchange, pending.upload.clone())).collect();
        if pending.is_empty() {
            return Vec::new();
        }
        let store = self.store.lock();
        pending.retain(|(_, upload)| store.upload(upload.as_str()).is_some_and(|upload| upload.takes_room()));
        pending.into_iter().map(|(exchange, _)| exchange).collect()
    }

    /// Carries out the aborts that waited for the exchange that is arriving.
    pub fn happen_on_arrival(&self) {
        let counted = |pending: &mut Pending| {
            let Due::Arrivals(left) = &mut pending.due else { return false };
            *left = left.saturating_sub(1);
            *left == 0
        };
        self.happen(self.later.take(counted), "the abort happened before the next exchange");
    }

    /// Carries out the aborts that waited for the clock, which the test moved.
    pub fn happen_by_clock(&self, now: Timestamp) {
        let due = |pending: &mut Pending| matches!(pending.due, Due::At(due) if due <= now);
        self.happen(self.later.take(due), "the abort happened when the clock was moved");
    }

    /// Carries out the aborts that a rule holds back.
    pub fn happen_now(&self, rule: &Arc<FaultRule>) {
        let of_rule = |pending: &mut Pending| Arc::ptr_eq(&pending.rule, rule);
        self.happen(self.later.take(of_rule), "the abort happened when the test let it");
    }

    fn happen(&self, due: Vec<Pending>, note: &str) {
        for Pending { exchange, upload, .. } in due {
            let now = self.store_now();
            let (tick, freed) = {
                let mut store = self.store.lock();
                let tick = self.tick();
                (tick, store.abort_answered(&upload, exchange, now, tick))
            };
            let done = freed.is_some();
            let note = if done { note } else { "the abort came too late: the upload had ended" };
            self.journal.lock().amend(exchange, |facts| {
                (facts.judged, facts.done) = (NonZeroU64::new(tick), done);
                facts.say(note);
            });
            self.ended.notify(usize::MAX);
            self.changed.notify(usize::MAX);
        }
    }
}
