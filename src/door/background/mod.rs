//! Where work of the fakes' own runs: timers, and what goes on when nobody waits for it. It asks nothing of the executor a
//! test runs on.

#[cfg(all(test, shuttle))]
mod modelled;
#[cfg(all(test, shuttle))]
pub use modelled::{Worker, detached, sleep, within, worker};

#[cfg(not(all(test, shuttle)))]
mod real;
#[cfg(all(feature = "server", not(all(test, shuttle))))]
pub use real::timers;
#[cfg(all(any(feature = "server", feature = "tower"), not(all(test, shuttle))))]
pub use real::worker;
#[cfg(not(all(test, shuttle)))]
pub use real::{Worker, detached, sleep, within};
