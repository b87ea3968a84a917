//! Scripts out of dice, one step after the other.

use fake_bucket::{
    AbortRight, Provider,
    conformance::{ActingAs, Config, Door, Face, HttpTarget, NoSocket, check_blocking, subject},
};

use crate::PROVIDERS;

#[test]
fn fakes_conform_without_a_socket() {
    for provider in PROVIDERS {
        for face in [Face::Native, Face::S3] {
            let fake = subject(provider).build();
            conforms(provider, &HttpTarget::of_fake(&fake, NoSocket(&fake), face), 2_000);
        }
    }
}

#[test]
fn fakes_conform_without_signatures() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        conforms(provider, &HttpTarget::of_fake(&fake, ActingAs(&fake), Face::Native), 2_000);
    }
}

#[track_caller]
fn conforms<D: Door>(provider: Provider, target: &HttpTarget<D>, steps: u64) {
    match check_blocking(target, &Config::default().steps(steps)) {
        Ok(summary) => println!("{}: {summary}", provider.name()),
        Err(failure) => panic!("{}: {failure}", provider.name()),
    }
}

#[test]
fn a_rule_that_is_not_kept_is_found_and_shown() {
    let fake = subject(Provider::Oss).who_may_abort(AbortRight::InitiatorOnly).build();
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
    let failure = check_blocking(&target, &Config::default()).unwrap_err().to_string();
    let shown = "  1. Step::initiate(Who::Writer, Key(0), 0)
  2. Step::abort(Who::Owner, Key(0), Id::Of(0))
  expected: Aborted
  observed: refused, 403 AccessDenied
";
    assert!(failure.contains(shown), "{failure}");
}
