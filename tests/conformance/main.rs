//! The conformance kit, held against our own fakes: every provider, through every door, in each of its protocols.

mod concurrent;
mod concurrent_broken;
mod doors;
mod gateway;
mod laws;
mod laws_broken;
mod leftovers;
mod model;
mod scripts;
mod sequential;

use fake_bucket::Provider;

const PROVIDERS: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];
