//! Aborts that were answered and have not happened yet ([`super::fault::Fault::AbortLater`]).

use std::{num::NonZeroU64, sync::Arc};

use super::{
    Core,
    fault::{FaultRule, Until},
};
use crate::{
    sharing::Mutex,
    store::{By, Command, Payload, Principal, Timestamp},
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
    /// Whose fault it is.
    pub rule: Arc<FaultRule>,
    /// Who asked.
    pub principal: Principal,
    /// For what.
    pub command: Command,
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
    /// When something is due that is asked for now.
    pub fn of(until: Until, now: Timestamp) -> Self {
        match until {
            Until::Released => Self::Released,
            Until::Exchanges(arrivals) => Self::Arrivals(arrivals),
            Until::Clock(by) => Self::At(now.plus(by)),
        }
    }
}

impl Later {
    /// One more.
    pub fn push(&self, pending: Pending) {
        self.0.lock().push(pending);
    }

    /// The numbers of the exchanges whose aborts are still to come.
    pub fn exchanges(&self) -> Vec<u64> {
        self.0.lock().iter().map(|pending| pending.exchange).collect()
    }

    /// Forgets them all.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    fn take(&self, is_due: impl FnMut(&mut Pending) -> bool) -> Vec<Pending> {
        self.0.lock().extract_if(.., is_due).collect()
    }
}

impl Core {
    /// An exchange is arriving: aborts happen that waited for it.
    pub fn happen_on_arrival(&self) {
        let counted = |pending: &mut Pending| {
            let Due::Arrivals(left) = &mut pending.due else { return false };
            *left = left.saturating_sub(1);
            *left == 0
        };
        self.happen(self.later.take(counted), "the abort happened before the next exchange");
    }

    /// The test moved the clock: aborts happen that waited for that.
    pub fn happen_by_clock(&self, now: Timestamp) {
        let due = |pending: &mut Pending| matches!(pending.due, Due::At(due) if due <= now);
        self.happen(self.later.take(due), "the abort happened when the clock was moved");
    }

    /// The test lets the aborts happen that a rule holds back.
    pub fn happen_now(&self, rule: &Arc<FaultRule>) {
        let of_rule = |pending: &mut Pending| Arc::ptr_eq(&pending.rule, rule);
        self.happen(self.later.take(of_rule), "the abort happened when the test let it");
    }

    fn happen(&self, due: Vec<Pending>, note: &str) {
        for Pending { exchange, principal, command, .. } in due {
            let now = self.store_now();
            let (tick, outcome) = {
                let mut store = self.store.lock();
                let by = By { principal: &principal, exchange, now, tick: self.tick() };
                (by.tick, store.apply(by, &command, None, Payload::None))
            };
            let note = if outcome.is_ok() { note } else { "the abort came too late: the upload had ended" };
            self.journal.lock().amend(exchange, |facts| {
                facts.applied = NonZeroU64::new(tick).filter(|_| outcome.is_ok());
                facts.say(note);
            });
            self.ended.notify(usize::MAX);
            self.changed.notify(usize::MAX);
        }
    }
}
