//! `Fake::reset` while something is going on: nothing of before has an effect after it.

use bytes::Bytes;
use fake_bucket::{At, Fake, Fault, NoReply, Op, Provider, Select, Until};
use http_body_util::Full;
use tokio::task::JoinHandle;
use tower_service::Service;

use crate::{
    PROVIDERS,
    service::{about, initiate, status},
};

const POINTS: [At; 5] = [At::Admitted, At::Byte(5), At::BeforeApply, At::AfterApply, At::BeforeReply];

fn fake(provider: Provider) -> Fake {
    Fake::of(provider).trusting().seed(1).min_part_size(1).build()
}

/// A request that runs on its own.
fn begin(fake: &Fake, method: &str, query: &str, body: &'static str) -> JoinHandle<Result<u16, NoReply>> {
    let request = about(fake, method, query).body(Full::from(Bytes::from(body))).expect("a request");
    let reply = fake.service().call(request);
    tokio::spawn(async move { reply.await.map(|reply| reply.status().as_u16()) })
}

async fn done(request: JoinHandle<Result<u16, NoReply>>) -> Result<u16, NoReply> {
    request.await.expect("no panic")
}

#[tokio::test]
async fn a_gate_put_up_after_a_reset_holds_what_comes_after_it() {
    for provider in PROVIDERS {
        for before in POINTS {
            for after in POINTS {
                let fake = fake(provider);
                let id = initiate(&fake).await;
                let old = fake.hold(Op::UploadPart, before);
                let part = begin(&fake, "PUT", &format!("?partNumber=1&uploadId={id}"), "0123456789");
                let held = old.reached().await;
                fake.reset();
                let gate = fake.hold(Op::UploadPart, after);
                drop(held);
                let applied = matches!(before, At::AfterApply | At::BeforeReply);
                assert_eq!(done(part).await, Ok(if applied { 200 } else { 404 }), "{before:?}");
                assert!(gate.held().is_none(), "a part of before the reset was held at {after:?}");

                let id = initiate(&fake).await;
                let part = begin(&fake, "PUT", &format!("?partNumber=2&uploadId={id}"), "0123456789");
                let held = gate.reached().await;
                assert_eq!(held.part_number, Some(2), "{before:?} {after:?}");
                held.release();
                assert_eq!(done(part).await, Ok(200));
                assert!(fake.abort_upload(&id));
            }
        }
    }
}

#[tokio::test]
async fn what_a_reset_overtakes_has_no_effect() {
    for provider in PROVIDERS {
        let fake = fake(provider);
        for (op, method, about_upload, body, expected) in [
            (Op::Initiate, "POST", false, "", 503),
            (Op::PutObject, "PUT", false, "0123456789", 503),
            (Op::Abort, "DELETE", true, "", 404),
            (Op::ListParts, "GET", true, "", 404),
        ] {
            let query = match (op, about_upload) {
                (_, true) => format!("?uploadId={}", initiate(&fake).await),
                (Op::Initiate, _) => "?uploads".to_owned(),
                _ => String::new(),
            };
            let old = fake.hold(op, At::BeforeApply);
            let request = begin(&fake, method, &query, body);
            let held = old.reached().await;
            fake.reset();
            held.release();
            assert_eq!(done(request).await, Ok(expected), "{op:?}");
            let after = fake.snapshot();
            assert!(after.uploads.is_empty() && after.objects.is_empty() && fake.journal().is_empty(), "{op:?}");
        }
    }
}

#[tokio::test]
async fn no_abort_of_before_a_reset_is_still_to_come() {
    for provider in PROVIDERS {
        let fake = fake(provider);
        for until in [Until::Released, Until::Exchanges(2), Until::Clock(std::time::Duration::from_secs(1))] {
            let id = initiate(&fake).await;
            let late = fake.fault_always(Op::Abort, Fault::AbortLater(until));
            assert_eq!(status(&fake, "DELETE", &format!("?uploadId={id}")).await, 204);
            // One that was answered, one whose fault is decided and that a gate holds.
            let gate = fake.hold(Op::Abort, At::BeforeApply);
            let abort = begin(&fake, "DELETE", &format!("?uploadId={id}"), "");
            let held = gate.reached().await;
            fake.reset();
            held.release();
            assert_eq!(done(abort).await, Ok(404), "{until:?}");
            fake.verify();
            late.release();
            fake.advance_clock(std::time::Duration::from_secs(2));
            let id = initiate(&fake).await;
            assert_eq!(status(&fake, "GET", &format!("?uploadId={id}")).await, 200);
            fake.upload("k").assert_open();
            fake.reset();
        }
    }
}

#[tokio::test]
async fn numbers_are_never_used_twice() {
    for provider in PROVIDERS {
        let fake = fake(provider);
        let (mut exchanges, mut gates, mut faults, mut uploads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            for _ in 0..2 {
                gates.push(fake.hold(Op::Abort, At::Admitted).number());
                faults.push(fake.fault(Op::Abort, Fault::Stall).number());
                uploads.push(initiate(&fake).await);
            }
            exchanges.extend(fake.journal().iter().map(|exchange| exchange.number));
            fake.reset();
        }
        let distinct = |numbers: &[u64]| numbers.is_sorted_by(|a, b| a < b);
        assert!(distinct(&exchanges) && distinct(&gates) && distinct(&faults), "{exchanges:?} {gates:?} {faults:?}");
        uploads.sort();
        uploads.dedup();
        assert_eq!((exchanges.len(), gates.len(), faults.len(), uploads.len()), (6, 6, 6, 6));
    }
}

#[tokio::test]
async fn what_arrived_before_a_reset_is_not_counted_after_it() {
    let fake = fake(Provider::Oss);
    let id = initiate(&fake).await;
    let old = fake.hold(Op::UploadPart, At::Admitted);
    let part = begin(&fake, "PUT", &format!("?partNumber=1&uploadId={id}"), "0123456789");
    let held = old.reached().await;
    fake.reset();
    let second = fake.hold(Select::any().nth(2), At::BeforeApply);
    held.release();
    assert_eq!(done(part).await, Ok(404));
    let id = initiate(&fake).await;
    let list = begin(&fake, "GET", &format!("?uploadId={id}"), "");
    assert_eq!(second.reached().await.operation, Some(Op::ListParts));
    assert_eq!(done(list).await, Ok(200));
    fake.abort_upload(&id);
}
