//! Gates: an exchange arrives at a point, is held there, and goes on when the test lets it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use event_listener::Event;
use parking_lot::Mutex;

use super::{journal::Live, select::Select};

/// A point on the way of an exchange.
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
    gates: Mutex<Vec<Arc<GateState>>>,
}

/// One gate. It holds the first exchange that fits.
#[derive(Debug)]
pub struct GateState {
    /// Which exchanges fit.
    pub select: Select,
    /// Where they are held.
    pub at: At,
    phase: Mutex<Phase>,
    moved: Event,
}

#[derive(Clone, Debug)]
enum Phase {
    Armed,
    Holding(Arc<Live>),
    Open,
    Idle,
}

impl Gates {
    /// Puts a gate up.
    pub fn install(&self, select: Select, at: At) -> Arc<GateState> {
        let gate = Arc::new(GateState { select, at, phase: Mutex::new(Phase::Armed), moved: Event::new() });
        let mut gates = self.gates.lock();
        self.armed.fetch_add(1, Relaxed);
        gates.push(gate.clone());
        gate
    }

    /// Whoever put a gate up lost interest: what it holds goes on, and if it has not held anything yet it never will.
    pub fn abandon(&self, gate: &GateState) {
        let _gates = self.gates.lock();
        let mut phase = gate.phase.lock();
        *phase = match *phase {
            Phase::Armed => {
                self.armed.fetch_sub(1, Relaxed);
                Phase::Idle
            }
            Phase::Idle => Phase::Idle,
            Phase::Holding(_) | Phase::Open => Phase::Open,
        };
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
    pub fn armed(&self) -> Option<Arc<GateState>> {
        self.gates.lock().iter().find(|gate| matches!(*gate.phase.lock(), Phase::Armed)).cloned()
    }

    /// Takes all gates down; what they hold goes on.
    pub fn clear(&self) {
        let mut gates = self.gates.lock();
        self.armed.store(0, Relaxed);
        gates.drain(..).for_each(|gate| gate.open());
    }

    /// Whether no gate is up.
    pub fn none(&self) -> bool {
        self.armed.load(Relaxed) == 0
    }

    /// Passes a point: at once, or when the gate that stands there is opened.
    pub async fn pass(&self, live: &Arc<Live>, at: At) {
        while let Some(gate) = self.closing(live, at) {
            gate.moved.notify(usize::MAX);
            gate.wait_open().await;
        }
    }

    /// The gate that closes in front of `live`, if one does.
    fn closing(&self, live: &Arc<Live>, at: At) -> Option<Arc<GateState>> {
        if self.armed.load(Relaxed) == 0 {
            return None;
        }
        let fits = |gate: &&Arc<GateState>| {
            let reached = match (gate.at, at) {
                (At::Byte(stop), At::Byte(received)) => received >= stop,
                (stop, at) => stop == at,
            };
            reached && gate.select.matches(live)
        };
        let gates = self.gates.lock();
        let mut fitting = gates.iter().filter(fits);
        let gate = fitting.find(|gate| {
            let mut phase = gate.phase.lock();
            let armed = matches!(*phase, Phase::Armed);
            if armed {
                *phase = Phase::Holding(live.clone());
            }
            armed
        })?;
        self.armed.fetch_sub(1, Relaxed);
        Some(gate.clone())
    }
}

impl GateState {
    /// The exchange it holds, if it does.
    pub fn held(&self) -> Option<Arc<Live>> {
        match &*self.phase.lock() {
            Phase::Holding(live) => Some(live.clone()),
            Phase::Armed | Phase::Open | Phase::Idle => None,
        }
    }

    /// Told whenever the gate closes or opens.
    pub fn moved(&self) -> &Event {
        &self.moved
    }

    /// Opens it: what it held goes on.
    pub fn open(&self) {
        *self.phase.lock() = Phase::Open;
        self.moved.notify(usize::MAX);
    }

    /// Whether it will hold nothing (more).
    pub fn is_over(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Open | Phase::Idle)
    }

    async fn wait_open(&self) {
        loop {
            let moved = self.moved.listen();
            if matches!(*self.phase.lock(), Phase::Open) {
                return;
            }
            moved.await;
        }
    }
}
