//! Gates: an exchange arrives at a point, is held there, and goes on when the test lets it, or goes no further.

use std::sync::{Arc, OnceLock, atomic::Ordering::Relaxed};

use super::{
    Exchange,
    failure::Failure,
    journal::{Live, Position},
    select::{Candidate, Select, Watch},
};
use crate::sharing::{AtomicU64, AtomicUsize, Event, Mutex};

/// A point on the way of an exchange.
///
/// An exchange that is refused before it is let in (its signature, rights, parameters ..) comes to the last of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// It was let in: a part is in flight, its body not yet read.
    Admitted,
    /// At least this many bytes of its body have arrived.
    Byte(u64),
    /// Its body is complete, nothing has changed yet.
    BeforeApply,
    /// What it asked for has been done, or refused.
    AfterApply,
    /// Its reply is ready to leave.
    BeforeReply,
}

/// The gates of one fake.
#[derive(Debug, Default)]
pub struct Gates {
    armed: AtomicUsize,
    installed: AtomicU64,
    gates: Mutex<Vec<Arc<GateState>>>,
}

/// One gate. It holds the first exchange that fits.
#[derive(Debug)]
pub struct GateState {
    /// Its number, from 1: no other gate of the fake ever has it.
    pub number: u64,
    /// Which exchanges fit.
    pub watch: Watch,
    /// Where they are held.
    pub at: At,
    /// What the test calls it.
    pub name: OnceLock<String>,
    phase: Mutex<Phase>,
    moved: Event,
}

#[derive(Clone, Debug)]
enum Phase {
    Armed,
    Holding(Arc<Live>),
    Open(Way),
    Idle,
}

/// How what was held goes on.
#[derive(Clone, Debug)]
pub enum Way {
    /// As if nothing had been.
    On,
    /// No further.
    Stop(Stop),
}

/// How an exchange comes to an end at a gate.
#[derive(Clone, Debug)]
pub enum Stop {
    /// It is refused.
    Refuse(Failure),
    /// Its connection ends.
    Cut,
}

impl Gates {
    /// Puts a gate up at a position of the journal.
    pub fn install(&self, select: Select, at: At, since: Position) -> Arc<GateState> {
        let gate = Arc::new(GateState {
            number: self.installed.fetch_add(1, Relaxed) + 1,
            watch: Watch::new(select, since),
            at,
            name: OnceLock::new(),
            phase: Mutex::new(Phase::Armed),
            moved: Event::new(),
        });
        let mut gates = self.gates.lock();
        self.armed.fetch_add(1, Relaxed);
        gates.push(gate.clone());
        gate
    }

    /// Takes a gate down: what it holds goes on, and if it has not held anything yet it never will.
    pub fn abandon(&self, gate: &GateState) {
        let mut phase = gate.phase.lock();
        match *phase {
            Phase::Armed => {
                self.armed.fetch_sub(1, Relaxed);
                *phase = Phase::Idle;
            }
            Phase::Holding(_) => *phase = Phase::Open(Way::On),
            Phase::Idle | Phase::Open(_) => {}
        }
        drop(phase);
        gate.moved.notify(usize::MAX);
    }

    /// Gates that never held anything.
    pub fn idle(&self) -> Vec<Arc<GateState>> {
        self.gates
            .lock()
            .iter()
            .filter(|gate| matches!(*gate.phase.lock(), Phase::Armed | Phase::Idle))
            .cloned()
            .collect()
    }

    /// A gate that may still hold something.
    #[cfg(feature = "wiremock")]
    pub fn armed(&self) -> Option<Arc<GateState>> {
        self.gates.lock().iter().find(|gate| matches!(*gate.phase.lock(), Phase::Armed)).cloned()
    }

    /// Takes all gates down; what they hold goes on.
    pub fn clear(&self) {
        let gates = std::mem::take(&mut *self.gates.lock());
        gates.iter().for_each(|gate| self.abandon(gate));
    }

    /// Whether no gate is up.
    pub fn none(&self) -> bool {
        self.armed.load(Relaxed) == 0
    }

    /// The gate that closes in front of an exchange, if one does.
    fn closing(&self, exchange: &Exchange, at: At) -> Option<Arc<GateState>> {
        // Conditions are a test's own code, which may ask the fake: no lock is held meanwhile.
        let mut gates = self.gates.lock().clone();
        let candidate = Candidate::new(&exchange.live, &exchange.head);
        gates.retain(|gate| gate.stands_at(at) && gate.watch.fits(&candidate));
        gates.into_iter().find(|gate| {
            let mut phase = gate.phase.lock();
            let armed = matches!(*phase, Phase::Armed);
            if armed {
                *phase = Phase::Holding(exchange.live.clone());
                self.armed.fetch_sub(1, Relaxed);
            }
            armed
        })
    }
}

impl Exchange {
    /// Passes a point: at once, or when the gate that stands there is opened; or not at all.
    pub async fn pass(&self, at: At) -> Result<(), Stop> {
        if self.core.gates.none() {
            return Ok(());
        }
        Box::pin(self.pass_gates(at)).await
    }

    async fn pass_gates(&self, at: At) -> Result<(), Stop> {
        while let Some(gate) = self.core.gates.closing(self, at) {
            self.live.hold(Some(gate.at));
            gate.moved.notify(usize::MAX);
            self.core.changed.notify(usize::MAX);
            let way = gate.opened().await;
            self.live.hold(None);
            self.core.changed.notify(usize::MAX);
            if let Way::Stop(stop) = way {
                let what = match &stop {
                    Stop::Refuse(failure) => format!("Refuse({failure:?})"),
                    Stop::Cut => "Cut".to_owned(),
                };
                self.note(|facts| facts.spoil(format!("{what}, at {:?}", gate.at)));
                return Err(stop);
            }
        }
        Ok(())
    }
}

impl GateState {
    /// The exchange it holds, if it does.
    pub fn held(&self) -> Option<Arc<Live>> {
        match &*self.phase.lock() {
            Phase::Holding(live) => Some(live.clone()),
            Phase::Armed | Phase::Open(_) | Phase::Idle => None,
        }
    }

    /// Told whenever the gate closes or opens.
    pub fn moved(&self) -> &Event {
        &self.moved
    }

    /// Opens it, if it holds something: that goes on, or stops.
    pub fn open(&self, way: Way) {
        let mut phase = self.phase.lock();
        if matches!(*phase, Phase::Holding(_)) {
            *phase = Phase::Open(way);
        }
        drop(phase);
        self.moved.notify(usize::MAX);
    }

    /// Whether it will hold nothing (more).
    pub fn is_over(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Open(_) | Phase::Idle)
    }

    /// Whether what has come to a point has come to the gate's.
    fn stands_at(&self, at: At) -> bool {
        match (self.at, at) {
            (At::Byte(stop), At::Byte(received)) => received >= stop,
            (At::Byte(0), At::Admitted) => true,
            (stop, at) => stop == at,
        }
    }

    async fn opened(&self) -> Way {
        loop {
            let moved = self.moved.listen();
            if let Phase::Open(way) = &*self.phase.lock() {
                return way.clone();
            }
            moved.await;
        }
    }
}

/// `"the late part" (UploadPart 2 at BeforeApply)`, or without a name just `UploadPart 2 at BeforeApply`.
impl std::fmt::Display for GateState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { watch, at, .. } = self;
        match self.name.get() {
            Some(name) => write!(f, "{name:?} ({} at {at:?})", watch.select),
            None => write!(f, "{} at {at:?}", watch.select),
        }
    }
}
