//! What becomes of a late part, at every point at which its upload can end under it.

use bytes::Bytes;
use fake_bucket::{At, ExchangeEnd, Fake, LateParts, NoReply, Op, Provider};
use http_body_util::Full;
use tower_service::Service;

use crate::{
    PROVIDERS,
    service::{about, ask, initiate, status},
};

/// The reply to part 1, which a gate holds at `at` while its upload is aborted.
async fn late_part(fake: &Fake, at: At) -> Result<u16, NoReply> {
    let id = initiate(fake).await;
    let gate = fake.hold(Op::UploadPart, at);
    let request = about(fake, "PUT", &format!("?partNumber=1&uploadId={id}"));
    let part = tokio::spawn(fake.service().call(request.body(Full::from(Bytes::from("0123456789"))).expect("a part")));
    let held = gate.reached().await;
    assert_eq!(status(fake, "DELETE", &format!("?uploadId={id}")).await, 204);
    held.release();
    part.await.expect("no panic").map(|reply| reply.status().as_u16())
}

#[tokio::test]
async fn a_late_part_is_reset_at_every_point() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().late_parts(LateParts::Reset).build();
        for at in [At::Admitted, At::Byte(0), At::Byte(5), At::Byte(10), At::BeforeApply] {
            assert_eq!(late_part(&fake, at).await, Err(NoReply::Reset), "{at:?}");
            let part = fake.journal().into_iter().rfind(|exchange| exchange.part_number.is_some());
            assert_eq!(part.expect("journaled").end, Some(ExchangeEnd::Reset), "{at:?}");
            fake.upload("k").assert_aborted().assert_parts(&[]).assert_failed_in_flight(1);
        }
        // Stored before the abort: not late.
        assert_eq!(late_part(&fake, At::AfterApply).await, Ok(200));
    }
}

#[tokio::test]
async fn a_late_copy_is_reset_too() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().late_parts(LateParts::Reset).build();
        let put =
            about(&fake, "PUT", "").header("content-length", 10).body(Bytes::from("0123456789")).expect("a request");
        assert_eq!(fake.answer(put).status(), 200);
        let (name, host) = match provider {
            Provider::Cos => ("x-cos-copy-source", format!("{}.{}/k", fake.bucket(), fake.service_host())),
            Provider::Oss => ("x-oss-copy-source", format!("/{}/k", fake.bucket())),
            _ => ("x-obs-copy-source", format!("/{}/k", fake.bucket())),
        };
        for at in [At::Admitted, At::Byte(0), At::BeforeApply] {
            let id = initiate(&fake).await;
            let gate = fake.hold(Op::UploadPartCopy, at);
            let request = about(&fake, "PUT", &format!("?partNumber=1&uploadId={id}")).header(name, &host);
            let request = request.body(Full::from(Bytes::new())).expect("a request");
            let copy = tokio::spawn(fake.service().call(request));
            let held = gate.reached().await;
            assert_eq!(status(&fake, "DELETE", &format!("?uploadId={id}")).await, 204);
            held.release();
            assert_eq!(
                copy.await.expect("no panic").map(|reply| reply.status().as_u16()),
                Err(NoReply::Reset),
                "{at:?}"
            );
        }
    }
}

/// Which of twenty late parts linger.
async fn drawn(provider: Provider, seed: u64) -> Vec<bool> {
    let fake = Fake::of(provider).trusting().seed(seed).late_parts(LateParts::Either).build();
    let mut lingered = Vec::new();
    for _ in 0..20 {
        let lingers = match late_part(&fake, At::BeforeApply).await {
            Ok(200) => true,
            Ok(404) => false,
            other => panic!("{other:?}"),
        };
        let upload = fake.upload("k");
        let id = upload.id().to_owned();
        match lingers {
            true => drop(upload.assert_lingering_parts(&[1])),
            false => drop(upload.assert_lingering_parts(&[]).assert_failed_in_flight(1)),
        }
        let again = ask(&fake, "DELETE", &format!("?uploadId={id}")).await.expect("a reply");
        assert_eq!(again.status(), if lingers { 204 } else { 404 });
        lingered.push(lingers);
    }
    lingered
}

#[tokio::test]
async fn either_is_drawn_from_the_seed_for_each_late_part() {
    for provider in PROVIDERS {
        let first = drawn(provider, 1).await;
        assert!(first.contains(&true) && first.contains(&false), "{first:?}");
        assert_eq!(drawn(provider, 1).await, first);
        assert_ne!(drawn(provider, 2).await, first);
    }
}

#[tokio::test]
async fn either_does_not_revive_a_completed_upload() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().seed(1).late_parts(LateParts::Either).build();
        for _ in 0..8 {
            let id = initiate(&fake).await;
            let query = format!("?partNumber=1&uploadId={id}");
            let body = || Full::from(Bytes::from("0123456789"));
            let stored = fake.service().call(about(&fake, "PUT", &query).body(body()).expect("a part")).await;
            assert_eq!(stored.expect("a reply").status(), 200);
            let gate = fake.hold(Op::UploadPart, At::BeforeApply);
            let part = tokio::spawn(fake.service().call(about(&fake, "PUT", &query).body(body()).expect("a part")));
            let held = gate.reached().await;
            assert!(fake.complete_upload(&id));
            held.release();
            assert_eq!(part.await.expect("no panic").expect("a reply").status(), 404);
        }
    }
}
