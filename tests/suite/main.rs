//! The one integration binary: what a user of the crate, or a client of a provider, can see.

mod abort_rules;
mod any_head;
mod asked;
mod behind;
mod clients;
mod connections;
mod cos;
mod cos_and_obs;
mod doors;
mod expectations;
mod failing_tests;
mod faults;
mod floors;
mod framed;
mod gates;
mod heads;
mod in_flight;
mod journal;
mod late_parts;
mod lifecycle_aborts;
mod mutants;
mod naming;
mod obs;
mod oss;
mod oss_requests;
mod outage;
mod races;
mod resets;
mod rights;
mod s3_headers;
mod selections;
mod service;
mod signer;
mod sweep;
mod talk;
mod timelines;
mod wiremock;

#[path = "../support/raw.rs"]
mod raw;

use fake_bucket::Provider;

/// Every provider there is a fake of.
const PROVIDERS: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];
