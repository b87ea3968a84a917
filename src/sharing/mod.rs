//! FLOOR 0: what the threads of a fake share things by: locks, counters, events.
//!
//! Tests built with `--cfg shuttle` have stand-ins in their place whose every step a model orders as it likes: see
//! `src/models.rs`.

#[cfg(all(test, shuttle))]
mod modelled;
#[cfg(all(test, shuttle))]
pub use modelled::{AtomicBool, AtomicU64, AtomicUsize, Event, Listener, Mutex, MutexGuard, RwLock};

#[cfg(not(all(test, shuttle)))]
mod real;
#[cfg(not(all(test, shuttle)))]
pub use real::{AtomicBool, AtomicU64, AtomicUsize, Event, Listener, Mutex, MutexGuard, RwLock};
