//! Races in the timeline: both sides are marked, and each mark says which exchange took effect first.

use bytes::Bytes;
use fake_bucket::{At, Fake, LateParts, Op};
use http_body_util::Full;
use tower_service::Service;

use crate::{
    service::{about, initiate},
    talk::manifest,
};

/// What is sent: a part of this number, or an operation on the whole upload.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
    Part(u16),
    List,
    Complete,
    Abort,
}

use Sent::{Abort, Complete, List, Part};

impl Sent {
    fn op(self) -> Op {
        match self {
            Part(_) => Op::UploadPart,
            List => Op::ListParts,
            Complete => Op::Complete,
            Abort => Op::Abort,
        }
    }

    /// Its reply.
    async fn send(self, fake: &Fake, id: &str) -> u16 {
        let of_upload = format!("?uploadId={id}");
        let (method, query, body) = match self {
            Part(number) => ("PUT", format!("?partNumber={number}&uploadId={id}"), "0123456789".to_owned()),
            List => ("GET", of_upload, String::new()),
            Complete => ("POST", of_upload, manifest(&[1, 2])),
            Abort => ("DELETE", of_upload, String::new()),
        };
        let request = about(fake, method, &query).body(Full::from(Bytes::from(body))).expect("a request");
        fake.service().call(request).await.expect("a reply").status().as_u16()
    }
}

/// The marks of both, when `held` arrives first and takes effect last, or is let in and takes effect first and replies last.
async fn marks(held: Sent, at: At, other: Sent) -> [String; 2] {
    let fake = Fake::oss().trusting().late_parts(LateParts::Fail).min_part_size(1).verify_on_drop(false).build();
    let id = initiate(&fake).await;
    assert_eq!(Part(1).send(&fake, &id).await, 200);
    let gate = fake.hold(held.op(), at);
    let first = async {
        held.send(&fake, &id).await;
    };
    let second = async {
        let stopped = gate.reached().await;
        other.send(&fake, &id).await;
        stopped.release();
    };
    futures_util::future::join(first, second).await;
    let text = fake.timeline().to_string();
    [3, 4].map(|number| {
        let row = text.lines().find(|line| line.starts_with(&format!("  #{number} "))).expect("a row");
        row.split_once("<- ").map(|(_, mark)| mark.to_owned()).unwrap_or_default()
    })
}

#[tokio::test]
async fn both_sides_of_every_pair_are_marked_in_order_of_effect() {
    for held in [Part(2), List, Complete, Abort] {
        for other in [Part(2), List, Complete, Abort] {
            let expected = |order: [&str; 2]| match (held, other) {
                (List, List) => [String::new(), String::new()],
                _ => [format!("raced with #4 ({})", order[0]), format!("raced with #3 ({})", order[1])],
            };
            let late = marks(held, At::BeforeApply, other).await;
            assert_eq!(late, expected(["earlier", "later"]), "{held:?} takes effect after {other:?}");
            let early = marks(held, At::AfterApply, other).await;
            assert_eq!(early, expected(["later", "earlier"]), "{held:?} takes effect before {other:?}");
        }
    }
}

#[tokio::test]
async fn parts_of_different_numbers_do_not_race() {
    assert_eq!(marks(Part(2), At::BeforeApply, Part(3)).await, ["", ""]);
}

#[tokio::test]
async fn several_are_listed_in_order_of_effect() {
    let fake = Fake::obs().trusting().min_part_size(1).build();
    let id = initiate(&fake).await;
    let gates = [2, 1].map(|number| fake.hold(Op::UploadPart.number(number), At::BeforeApply));
    let parts = async {
        futures_util::future::join(Part(1).send(&fake, &id), Part(2).send(&fake, &id)).await;
    };
    let rest = async {
        let [second, first] = [gates[0].reached().await, gates[1].reached().await];
        assert_eq!(Complete.send(&fake, &id).await, 400, "neither part is there");
        second.release();
        // The abort must not overlap the second part, so its exchange has to end, not only its bytes to be stored.
        fake.wait_until(|state| state.in_flight.len() == 1).await;
        assert_eq!(Abort.send(&fake, &id).await, 204);
        first.release();
    };
    futures_util::future::join(parts, rest).await;
    let text = fake.timeline().to_string();
    let mark = |number: u8| {
        let row = text.lines().find(|line| line.starts_with(&format!("  #{number} "))).expect("a row");
        row.split_once("<- ").expect("a mark").1
    };
    assert_eq!(mark(2), "raced with #4 (earlier), #5 (earlier)", "{text}");
    assert_eq!(mark(3), "raced with #4 (earlier)", "{text}");
    assert_eq!(mark(4), "raced with #3 (later), #2 (later)", "{text}");
    assert_eq!(mark(5), "raced with #2 (later)", "{text}");
}
