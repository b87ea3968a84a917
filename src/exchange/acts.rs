//! What the test did to a fake directly, without a request: rows of the timeline beside the exchanges.

use crate::sharing::{Mutex, MutexGuard};

/// One thing the test did.
#[derive(Clone, Debug)]
pub struct Act {
    /// When it took effect, in ticks of the fake.
    pub tick: u64,
    /// The act in words: `advances the clock by 1d`.
    pub words: String,
}

/// Everything the test did, in order.
#[derive(Debug, Default)]
pub struct Acts(Mutex<Vec<Act>>);

impl Acts {
    /// Adds an act.
    pub fn record(&self, tick: u64, words: String) {
        self.0.lock().push(Act { tick, words });
    }

    /// Every act so far.
    pub fn all(&self) -> MutexGuard<'_, Vec<Act>> {
        self.0.lock()
    }

    /// Forgets every act.
    pub fn clear(&self) {
        self.0.lock().clear();
    }
}
