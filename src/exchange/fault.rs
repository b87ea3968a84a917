//! Faults: what goes wrong with an exchange, judged where its command is known. Rules are asked in the order they were
//! installed; the first that has a fault for an exchange decides.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{journal::Live, select::Select};

/// What goes wrong with an exchange.
///
/// The faults that break connections have no effect on requests that came without one ([`crate::Fake::answer`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is refused with an error of the provider's. Nothing changes.
    Refuse(Failure),
    /// Its connection ends once its body has been read. Nothing changes, and there is no reply.
    CutBefore,
    /// What it asked for is done, and its connection ends without a reply.
    LoseReply,
    /// Its connection ends when at least this many bytes of its body have been read. Nothing changes.
    CutBody(u64),
    /// What it asked for is done, and its connection ends after this many bytes of the reply's body.
    CutReply(u64),
    /// It waits this long before it is carried out.
    Delay(Duration),
    /// It is never answered.
    Stall,
    /// It is answered 200, with an error document in place of the result. Nothing changes.
    LateError(Failure),
    /// It is answered as if it had been carried out. Nothing changes.
    DropEffect,
}

/// An error of the provider's that a fault answers with, in the provider's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// 404: the upload does not exist.
    NoSuchUpload,
    /// 403: no permission.
    AccessDenied,
    /// 500: the service broke down.
    InternalError,
    /// 503: the service is busy.
    ServiceUnavailable,
    /// The client was too slow.
    RequestTimeout,
}

impl Fault {
    /// Whether it needs no connection to happen on, and no time.
    pub(crate) fn is_a_reply(&self) -> bool {
        matches!(self, Self::Refuse(_) | Self::LateError(_) | Self::DropEffect)
    }
}

/// The faults of one fake.
#[derive(Debug, Default)]
pub struct Faults {
    installed: AtomicUsize,
    rules: Mutex<Vec<Arc<FaultRule>>>,
}

/// Faults for the exchanges that fit, one after the other.
#[derive(Debug)]
pub struct FaultRule {
    /// Which exchanges fit.
    pub select: Select,
    faults: Mutex<VecDeque<Fault>>,
    repeats: Repeats,
    fired: AtomicUsize,
}

/// Whether faults come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Each spoils one exchange.
    Once,
    /// They spoil every exchange that fits, over and over.
    Forever,
}

impl Faults {
    /// Installs a rule behind those that are there.
    pub fn install(&self, select: Select, faults: VecDeque<Fault>, repeats: Repeats) -> Arc<FaultRule> {
        let rule = Arc::new(FaultRule { select, faults: Mutex::new(faults), repeats, fired: AtomicUsize::new(0) });
        self.rules.lock().push(rule.clone());
        self.installed.fetch_add(1, Relaxed);
        rule
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        let mut rules = self.rules.lock();
        self.installed.store(0, Relaxed);
        rules.clear();
    }

    /// Whether no rule was ever installed.
    pub fn none(&self) -> bool {
        self.installed.load(Relaxed) == 0
    }

    /// What goes wrong with an exchange, if something does.
    pub fn judge(&self, live: &Live) -> Option<Fault> {
        if self.none() {
            return None;
        }
        self.rules.lock().iter().filter(|rule| rule.select.matches(live)).find_map(|rule| rule.next())
    }

    /// A fault that needs a connection, if one may still come.
    pub fn of_connections(&self) -> Option<Fault> {
        let rules = self.rules.lock();
        rules.iter().find_map(|rule| rule.faults.lock().iter().find(|fault| !fault.is_a_reply()).cloned())
    }

    /// Rules that never spoiled anything.
    pub fn idle(&self) -> Vec<Arc<FaultRule>> {
        self.rules.lock().iter().filter(|rule| rule.fired() == 0).cloned().collect()
    }
}

impl FaultRule {
    /// How many exchanges it has spoiled.
    pub fn fired(&self) -> usize {
        self.fired.load(Relaxed)
    }

    /// Ends it: it spoils nothing more.
    pub fn withdraw(&self) {
        self.faults.lock().clear();
    }

    fn next(&self) -> Option<Fault> {
        let mut faults = self.faults.lock();
        let fault = faults.pop_front()?;
        if self.repeats == Repeats::Forever {
            faults.push_back(fault.clone());
        }
        self.fired.fetch_add(1, Relaxed);
        Some(fault)
    }
}
