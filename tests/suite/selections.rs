//! Which exchanges a gate or a fault counts, and what it asks of each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
};

use bytes::Bytes;
use fake_bucket::{At, Failure, Fake, Fault, Op, Select, Until};
use futures_util::poll;
use http_body_util::Full;
use tower_service::Service;

use crate::{
    PROVIDERS,
    service::{about, ask, initiate, status},
};

fn fakes() -> impl Iterator<Item = Fake> {
    PROVIDERS.into_iter().map(|provider| Fake::of(provider).trusting().min_part_size(1).allow_open_uploads().build())
}

#[tokio::test]
async fn what_a_condition_turns_away_does_not_count() {
    for fake in fakes() {
        let even = Select::any().matching("even", |it| it.number() % 2 == 0).nth(2);
        let gate = fake.hold(even.clone(), At::Admitted);
        let fault = fake.fault(even, Fault::Refuse(Failure::SlowDown));
        let mut answered = Vec::new();
        for number in 1..=6 {
            let mut listing = std::pin::pin!(ask(&fake, "GET", "?tagging"));
            let reply = match poll!(&mut listing) {
                Poll::Ready(reply) => reply,
                Poll::Pending => {
                    match gate.held() {
                        Some(held) => assert_eq!((held.number, number), (4, 4)),
                        None => assert_ne!(number, 4, "the gate counts 2 and 4"),
                    }
                    listing.await
                }
            };
            answered.push(reply.expect("a reply").status().as_u16());
        }
        assert_eq!(answered, [404, 404, 404, 503, 404, 404]);
        assert_eq!(fault.fired(), 1);
        fake.verify();
    }
}

#[tokio::test]
async fn a_condition_is_asked_once_of_each_exchange() {
    for fake in fakes() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        // The outcome depends on how often it was asked: asked once each, it turns away every other exchange.
        let other = Op::PutObject.matching("every other one", move |_| count.fetch_add(1, Relaxed) % 2 == 1);
        let gates = [fake.hold(Op::PutObject, At::Byte(1)), fake.hold(other, At::Byte(1))];
        let put = || {
            let request = about(&fake, "PUT", "").body(Full::from(Bytes::from("0123456789"))).expect("a request");
            tokio::spawn(fake.service().call(request))
        };
        let first = put();
        gates[0].reached().await.release();
        assert_eq!(first.await.expect("no panic").expect("a reply").status(), 200);
        assert_eq!(asked.load(Relaxed), 1, "the exchange came to the point again after the first gate");
        let second = put();
        gates[1].reached().await.release();
        assert_eq!(second.await.expect("no panic").expect("a reply").status(), 200);
        assert_eq!(asked.load(Relaxed), 2);
    }
}

#[tokio::test]
async fn a_late_abort_counts_aborts_only() {
    for fake in fakes() {
        let id = initiate(&fake).await;
        let late = fake.fault(Select::any().nth(1), Fault::AbortLater(Until::Released));
        assert_eq!(status(&fake, "GET", &format!("?uploadId={id}")).await, 200);
        assert_eq!(status(&fake, "DELETE", &format!("?uploadId={id}")).await, 204);
        assert_eq!(late.fired(), 1, "{}", fake.timeline());
        fake.upload("k").assert_open();
    }
}

#[tokio::test]
async fn a_gate_at_byte_0_holds_a_request_without_a_body() {
    for fake in fakes() {
        let id = initiate(&fake).await;
        let of_upload = format!("?uploadId={id}");
        for (op, method, query) in [
            (Op::GetObject, "GET", ""),
            (Op::HeadObject, "HEAD", ""),
            (Op::Initiate, "POST", "?uploads"),
            (Op::PutObject, "PUT", ""),
            (Op::ListParts, "GET", &of_upload),
            (Op::Abort, "DELETE", &of_upload),
        ] {
            let gate = fake.hold(op, At::Byte(0));
            let request = about(&fake, method, query).header("content-length", 0);
            let request = request.body(Full::from(Bytes::new())).expect("a request");
            let reply = tokio::spawn(fake.service().call(request));
            let held = gate.reached().await;
            assert_eq!((held.operation, held.held.as_deref()), (Some(op), Some("Byte(0)")));
            held.release();
            reply.await.expect("no panic").expect("a reply");
        }
    }
}

#[tokio::test]
async fn an_abort_that_another_abort_overtook_is_not_still_to_come() {
    for fake in fakes() {
        let id = initiate(&fake).await;
        let late = fake.fault(Op::Abort, Fault::AbortLater(Until::Released));
        let abort = format!("?uploadId={id}");
        assert_eq!([status(&fake, "DELETE", &abort).await, status(&fake, "DELETE", &abort).await], [204, 204]);
        assert_eq!(fake.leaks(), [""; 0]);
        late.release();
        fake.upload("k").assert_aborted().assert_aborts(1);
        fake.verify();
    }
}

/// The client heard that its upload is aborted: what it may do afterwards does not matter.
#[tokio::test]
async fn a_late_abort_happens_although_its_right_was_withdrawn() {
    for fake in fakes() {
        fake.grant("writer", fake_bucket::Grants::all());
        let id = initiate(&fake).await;
        let late = fake.fault(Op::Abort, Fault::AbortLater(Until::Released));
        let request = about(&fake, "DELETE", &format!("?uploadId={id}")).body(Bytes::new()).expect("a request");
        assert_eq!(fake.answer_as("writer", request).status(), 204);
        fake.grant("writer", fake_bucket::Grants::none());
        late.release();
        fake.upload("k").assert_aborted();
    }
}

/// A part that goes on waiting for its body changes nothing but where it is held.
#[tokio::test]
async fn a_wait_notices_that_a_gate_let_go() {
    for fake in fakes() {
        let id = initiate(&fake).await;
        let gate = fake.hold(Op::UploadPart, At::Admitted);
        let (sender, body) = http_body_util::channel::Channel::<Bytes>::new(1);
        let request = about(&fake, "PUT", &format!("?partNumber=1&uploadId={id}")).header("content-length", 10);
        let part = tokio::spawn(fake.service().call(request.body(body).expect("a request")));
        let held = gate.reached().await;
        let waiting = fake.wait_until(|state| state.in_flight.iter().all(|exchange| exchange.held.is_none()));
        let mut waiting = std::pin::pin!(waiting);
        assert!(poll!(&mut waiting).is_pending());
        held.release();
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("it was noticed");
        drop(sender);
        assert!(part.await.expect("no panic").is_err());
    }
}
