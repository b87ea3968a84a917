//! The real ones.

pub use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

pub use event_listener::{Event, Listener};
pub use parking_lot::{Mutex, MutexGuard, RwLock};
