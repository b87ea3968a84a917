//! Where work of the fakes' own runs: timers, and what goes on when nobody waits for it. It asks nothing of the executor a
//! test runs on.

#[cfg(all(test, shuttle))]
mod modelled;
#[cfg(all(test, shuttle))]
pub use modelled::{detached, sleep, within};

#[cfg(not(all(test, shuttle)))]
mod real;
#[cfg(all(not(all(test, shuttle)), feature = "server"))]
pub use real::RUNTIME;
#[cfg(not(all(test, shuttle)))]
pub use real::{detached, sleep, within};
