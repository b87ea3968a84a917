//! The one integration binary: what a user of the crate, or a client of a provider, can see.

mod fixtures;
mod hostile;
mod in_flight;
mod raw;
