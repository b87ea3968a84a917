//! Several clients at once, through each door; and a fake held at exact points.

use fake_bucket::{
    LateParts, Provider,
    conformance::{
        Body, ConcurrentConfig, ConcurrentFailure, ConcurrentSummary, Face, HttpTarget, Id, Key, Late, Network,
        NoSocket, Point, Race, Service, Size, Step, Turn, Who, check_concurrent, check_concurrent_blocking,
        check_interleaved_blocking, replay_interleaved_blocking, subject,
    },
};

use crate::PROVIDERS;

/// Histories of one check, a part of what `fake-bucket conformance --fake --concurrent 100000` looks at.
fn config() -> ConcurrentConfig {
    ConcurrentConfig::default().histories(60)
}

#[track_caller]
fn explained(provider: Provider, outcome: Result<ConcurrentSummary, Box<ConcurrentFailure>>) -> ConcurrentSummary {
    match outcome {
        Ok(summary) => {
            println!("{}: {summary}", provider.name());
            summary
        }
        Err(failure) => panic!("{}: {failure}", provider.name()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_clients_at_a_port() {
    for provider in PROVIDERS {
        let fake = subject(provider).start();
        let target = HttpTarget::of_fake(&fake, Network::of(&fake), Face::Native);
        explained(provider, check_concurrent(&target, &config()).await);
    }
}

#[test]
fn concurrent_clients_of_a_service() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
        explained(provider, check_concurrent_blocking(&target, &config()));
    }
}

#[test]
fn concurrent_clients_without_a_socket() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::S3);
        explained(provider, check_concurrent_blocking(&target, &config()));
    }
}

#[test]
fn concurrent_steps_held_at_gates() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
        let summary = explained(provider, check_interleaved_blocking(&fake, &target, &config()));
        assert!(summary.late > 0, "{summary}");
    }
}

#[test]
fn a_step_may_be_refused_for_what_was_so_when_it_was_let_in() {
    let complete = Turn::by(1, Step::complete(Who::Owner, Key(0), Id::Of(0), []));
    let race = Race::new([
        Turn::before(Step::initiate(Who::Owner, Key(0), 0)),
        complete.held(Point::BeforeEffect, 1),
        Turn::by(2, Step::abort(Who::Owner, Key(0), Id::Of(0))),
    ]);
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
        explained(provider, replay_interleaved_blocking(&fake, &target, &race));
    }
}

/// A fake whose late parts go either way keeps to rules that allow both, and to no rules that allow one.
#[test]
fn late_parts_that_go_either_way() {
    let late = Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Enough));
    let race = Race::new([
        Turn::before(Step::initiate(Who::Owner, Key(0), 0)),
        Turn::by(1, late).held(Point::BeforeEffect, 1),
        Turn::by(2, Step::abort(Who::Owner, Key(0), Id::Of(0))),
        Turn::after(Step::abort(Who::Owner, Key(0), Id::Of(0))),
    ]);
    for provider in PROVIDERS {
        let fake = subject(provider).seed(1).late_parts(LateParts::Either).build();
        let conforms = |late: Late| {
            let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native).scoped(|mut scope| {
                scope.rules.late_parts = late;
                scope
            });
            (0..20).filter(|_| replay_interleaved_blocking(&fake, &target, &race).is_ok()).count()
        };
        assert_eq!(conforms(Late::Either), 20);
        for late in [Late::Fails, Late::Lingers] {
            assert!((1..20).contains(&conforms(late)), "{late:?}");
        }
    }
}
