//! What the end of a body waits for.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use event_listener::Event;

/// A pause in the middle of a body. As long as it lasts, the last byte is not sent.
#[derive(Clone, Default)]
pub struct Pause(Arc<(AtomicBool, Event)>);

impl Pause {
    /// Waits until it is over. Any executor will do.
    pub async fn over(&self) {
        let (over, ended) = &*self.0;
        loop {
            let listener = ended.listen();
            if over.load(SeqCst) {
                return;
            }
            listener.await;
        }
    }

    /// Whether both are the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Ends it.
    pub(super) fn end(&self) {
        let (over, ended) = &*self.0;
        over.store(true, SeqCst);
        ended.notify(usize::MAX);
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pause(over: {})", self.0.0.load(SeqCst))
    }
}
