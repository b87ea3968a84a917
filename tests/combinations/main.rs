//! The test API in combination: random scripts of requests, gates, faults, resets and what a test does behind its clients'
//! backs, each step predicted by a small model ([`model`]) and compared with the fake in full.
//!
//! `cargo test` plays a part of it. A long run:
//!
//! ```console
//! $ COMBINATIONS_STEPS=100000 cargo test --test combinations --release
//! ```
//!
//! `COMBINATIONS_SEED=7` plays other scripts. A failure prints the shortest script that still fails; the same seed and
//! number of steps find it again.

mod client;
mod model;
mod play;
mod script;
mod shown;

use std::cell::Cell;

use fake_bucket::Provider;
use play::Patience;
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use script::Door;

/// Steps that one run of all tests plays, unless it is told otherwise.
const STEPS: u64 = 3_000;

/// How many tests share the steps: each provider, through each door.
const SHARES: u64 = 6;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Plays scripts until this share of the steps is done.
fn combine(provider: Provider, door: Door) {
    let (steps, seed) = (number("COMBINATIONS_STEPS", STEPS).div_ceil(SHARES), number("COMBINATIONS_SEED", 0));
    let scripts = script::scripts(provider, door);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { failure_persistence: None, max_shrink_iters: 2_000, max_shrink_time: 120_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (played, failed) = (Cell::new(0), Cell::new(false));
    while played.get() < steps {
        let tree = scripts.new_tree(&mut runner).expect("a script");
        let outcome = runner.run_one(tree, |script| {
            played.set(played.get() + script.steps.len() as u64);
            let patience = if failed.get() { Patience::Short } else { Patience::Long };
            let outcome = play::play(&script, patience);
            failed.set(failed.get() || outcome.is_err());
            outcome.map_err(TestCaseError::fail)
        });
        match outcome {
            Ok(_) => {}
            Err(TestError::Fail(why, script)) => panic!("{why}\n\n{script}\nseed {seed}, after {} steps", played.get()),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
    }
}

#[test]
fn cos_through_the_service() {
    combine(Provider::Cos, Door::Service);
}

#[test]
fn cos_through_sockets() {
    combine(Provider::Cos, Door::Socket);
}

#[test]
fn oss_through_the_service() {
    combine(Provider::Oss, Door::Service);
}

#[test]
fn oss_through_sockets() {
    combine(Provider::Oss, Door::Socket);
}

#[test]
fn obs_through_the_service() {
    combine(Provider::Obs, Door::Service);
}

#[test]
fn obs_through_sockets() {
    combine(Provider::Obs, Door::Socket);
}
