//! Faults: what goes wrong with an exchange, judged where its command is known. Rules are asked in the order they were
//! installed; the first that has a fault for an exchange decides.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    failure::Failure,
    journal::Position,
    select::{Candidate, Select, Watch},
};
use crate::{
    sharing::{AtomicU64, AtomicUsize, Mutex},
    store::Op,
};

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
    /// Its connection ends when at least this many bytes of its body have been read, or all of a shorter one. Nothing
    /// changes.
    CutBody(u64),
    /// What it asked for is done, and its connection ends after this many bytes of the reply's body.
    CutReply(u64),
    /// It waits this long before it is carried out.
    Delay(Duration),
    /// It is never answered. Nothing changes.
    Stall,
    /// It is answered 200, with an error document in place of the result. Nothing changes.
    LateError(Failure),
    /// It is answered as if it had been carried out. Nothing changes.
    DropEffect,
    /// The abort is answered at once as if it had been carried out, and is carried out later, whatever its principal may do
    /// by then. For aborts only: other exchanges do not fit. Until then the upload is open: parts may still come to it, and
    /// it may be listed, completed, and aborted again.
    AbortLater(Until),
}

/// When an abort that was answered happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Until {
    /// When the test lets it: [`crate::InstalledFault::release`].
    Released,
    /// When so many further exchanges have arrived: just before the last of these is let in. 0 counts as 1.
    Exchanges(u64),
    /// When the test has moved the clock so far: [`crate::Fake::advance_clock`].
    Clock(Duration),
}

impl Fault {
    /// Whether it can happen to such an exchange.
    fn suits(&self, op: Option<Op>) -> bool {
        !matches!(self, Self::AbortLater(_)) || op == Some(Op::Abort)
    }

    /// Whether it needs no connection to happen on, and no time.
    pub(crate) fn is_a_reply(&self) -> bool {
        matches!(self, Self::Refuse(_) | Self::LateError(_) | Self::DropEffect | Self::AbortLater(_))
    }
}

/// The faults of one fake.
#[derive(Debug, Default)]
pub struct Faults {
    /// How many rules stand.
    standing: AtomicUsize,
    /// How many rules were ever installed.
    installed: AtomicU64,
    rules: Mutex<Vec<Arc<FaultRule>>>,
}

/// Faults for the exchanges that fit, one after the other.
#[derive(Debug)]
pub struct FaultRule {
    /// Its number, from 1: no other rule of the fake ever has it.
    pub number: u64,
    /// Which exchanges fit.
    pub watch: Watch,
    /// What was installed, in words.
    pub what: String,
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

/// What a rule has for an exchange.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What goes wrong.
    pub fault: Fault,
    /// Whose fault it is.
    pub rule: Arc<FaultRule>,
}

impl Faults {
    /// Installs a rule behind those that are there, at a position of the journal.
    pub fn install(
        &self,
        select: Select,
        faults: VecDeque<Fault>,
        repeats: Repeats,
        since: Position,
    ) -> Arc<FaultRule> {
        let words: Vec<_> = faults.iter().map(|fault| format!("{fault:?}")).collect();
        let rule = Arc::new(FaultRule {
            number: self.installed.fetch_add(1, Relaxed) + 1,
            watch: Watch::new(select, since),
            what: words.join(", "),
            faults: Mutex::new(faults),
            repeats,
            fired: AtomicUsize::new(0),
        });
        let mut rules = self.rules.lock();
        self.standing.fetch_add(1, Relaxed);
        rules.push(rule.clone());
        rule
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        let mut rules = self.rules.lock();
        self.standing.store(0, Relaxed);
        rules.clear();
    }

    /// Whether no rule stands.
    pub fn none(&self) -> bool {
        self.standing.load(Relaxed) == 0
    }

    /// What goes wrong with an exchange, if something does. Every rule it fits counts it, whichever decides.
    pub fn judge(&self, candidate: &Candidate<'_>) -> Option<Verdict> {
        // Conditions are a test's own code, which may ask the fake: no lock is held meanwhile.
        let mut rules = self.rules.lock().clone();
        rules.retain(|rule| rule.suits(candidate.operation()) && rule.watch.fits(candidate));
        rules.into_iter().find_map(|rule| {
            let fault = rule.next(candidate.operation())?;
            Some(Verdict { fault, rule })
        })
    }

    /// A fault that needs a connection, if one may still come.
    #[cfg(feature = "wiremock")]
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

    /// Whether the fault that is next can happen to such an exchange.
    fn suits(&self, op: Option<Op>) -> bool {
        self.faults.lock().front().is_none_or(|fault| fault.suits(op))
    }

    fn next(&self, op: Option<Op>) -> Option<Fault> {
        let mut faults = self.faults.lock();
        if !faults.front()?.suits(op) {
            return None;
        }
        let fault = faults.pop_front()?;
        if self.repeats == Repeats::Forever {
            faults.push_back(fault.clone());
        }
        self.fired.fetch_add(1, Relaxed);
        Some(fault)
    }
}
