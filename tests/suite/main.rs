//! The one integration binary: what a user of the crate, or a client of a provider, can see.

mod clients;
mod cos_aside;
mod doors;
mod expectations;
mod fixtures;
mod floors;
mod hostile;
mod in_flight;
mod raw;
mod rights;

use fake_bucket::Provider;

/// Every provider there is a fake of.
const PROVIDERS: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];
