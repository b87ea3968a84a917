//! What is concurrent in a fake, modelled. shuttle plays each scene many times and orders the steps of its threads anew
//! each time; a notification that is lost shows as a deadlock. Everything runs but the server: the requests go through
//! [`Fake::service`]. Memory is modelled in one order only, the strictest.
//!
//! ```console
//! $ RUSTFLAGS='--cfg shuttle' cargo test --no-default-features --features tower --lib models --target-dir target/models
//! ```
//!
//! `SCHEDULES=100000` in front of it looks harder. A failure prints its schedule, which `shuttle::replay` repeats.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::Full;
use shuttle::{
    Config, Runner,
    future::block_on,
    scheduler::{PctScheduler, RandomScheduler},
    thread::{self, JoinHandle},
};
use tower_service::Service;

use crate::{At, Failure, Fake, FakeBuilder, Fault, LateParts, NoReply, Op, UploadStatus};

const COMPLETE: &str = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
                        <ETag>781e5e245d69b566979b86e28d23f2c7</ETag></Part></CompleteMultipartUpload>";

/// Plays a scene over and over: half of the schedules are random, half change threads at a few points only.
fn model(scene: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("SCHEDULES").map_or(400, |number| number.parse().expect("a number"));
    let mut config = Config::default();
    // Bytes for each thread of a scene. shuttle's own default is for smaller futures than an exchange without optimisation.
    config.stack_size = 1 << 20;
    let scene = Arc::new(scene);
    let same = scene.clone();
    Runner::new(RandomScheduler::new(schedules / 2), config.clone()).run(move || scene());
    Runner::new(PctScheduler::new(3, schedules / 2), config).run(move || same());
}

/// A fake with an upload of the key `k`.
#[derive(Clone)]
struct Scene {
    fake: Arc<Fake>,
    id: String,
}

impl Scene {
    fn new(fake: FakeBuilder) -> Self {
        let fake = Arc::new(fake.trusting().seed(1).min_part_size(1).verify_on_drop(false).build());
        let begun = Self { fake, id: String::new() };
        assert_eq!(begun.ask("POST", "?uploads", ""), Ok(200));
        let id = begun.fake.upload("k").id().to_owned();
        Self { id, ..begun }
    }

    fn oss() -> Self {
        Self::new(Fake::oss())
    }

    fn ask(&self, method: &str, query: &str, body: &'static str) -> Result<u16, NoReply> {
        self.send(method, query, Full::from(body))
    }

    fn send<B>(&self, method: &str, query: &str, body: B) -> Result<u16, NoReply>
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        let uri = format!("http://{}.{}/k{query}", self.fake.bucket(), self.fake.service_host());
        let request = Request::builder().method(method).uri(uri).body(body).expect("a request");
        let reply = block_on(self.fake.service().call(request));
        reply.map(|reply| reply.status().as_u16())
    }

    fn part(&self, number: u16) -> Result<u16, NoReply> {
        self.ask("PUT", &format!("?partNumber={number}&uploadId={}", self.id), "0123456789")
    }

    fn abort(&self) -> Result<u16, NoReply> {
        self.ask("DELETE", &format!("?uploadId={}", self.id), "")
    }

    fn complete(&self) -> Result<u16, NoReply> {
        self.ask("POST", &format!("?uploadId={}", self.id), COMPLETE)
    }

    /// Does something in a thread of its own.
    fn beside<T: Send + 'static>(&self, act: impl FnOnce(&Self) -> T + Send + 'static) -> JoinHandle<T> {
        let scene = self.clone();
        thread::spawn(move || act(&scene))
    }

    fn stored(&self) -> Vec<u16> {
        let record = self.fake.upload("k").record().clone();
        record.parts().iter().map(|part| part.number).collect()
    }
}

fn done<T: 'static>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no panic")
}

#[test]
fn a_gate_holds_until_it_is_released() {
    for at in [At::Admitted, At::Byte(5), At::BeforeApply, At::AfterApply, At::BeforeReply] {
        model(move || {
            let scene = Scene::oss();
            let gate = scene.fake.hold(Op::UploadPart, at);
            let part = scene.beside(|scene| scene.part(1));
            let held = gate.reached_blocking();
            assert!(scene.fake.snapshot().is_in_flight(Op::UploadPart));
            assert_eq!(scene.stored().is_empty(), !matches!(at, At::AfterApply | At::BeforeReply));
            held.release();
            assert_eq!(done(part), Ok(200));
            assert_eq!(scene.stored(), [1]);
        });
    }
}

#[test]
fn a_gate_holds_one_of_two() {
    model(|| {
        let scene = Scene::oss();
        let gate = scene.fake.hold(Op::UploadPart, At::BeforeApply);
        let parts = [1, 2].map(|number| scene.beside(move |scene| scene.part(number)));
        let held = gate.reached_blocking();
        scene.fake.wait_until_blocking(|state| state.uploads[0].parts().len() == 1);
        assert!(gate.held().is_some(), "the other one passed");
        drop(held);
        assert_eq!(parts.map(done), [Ok(200), Ok(200)]);
    });
}

#[test]
fn two_gates_hold_one_after_the_other() {
    model(|| {
        let scene = Scene::oss();
        let gates = [(); 2].map(|()| scene.fake.hold(Op::UploadPart, At::BeforeApply));
        let part = scene.beside(|scene| scene.part(1));
        for gate in &gates {
            let held = gate.reached_blocking();
            assert!(scene.stored().is_empty());
            held.release();
        }
        assert_eq!(done(part), Ok(200));
    });
}

#[test]
fn a_gate_that_comes_down_holds_nothing() {
    model(|| {
        let scene = Scene::oss();
        let gate = scene.fake.hold(Op::UploadPart, At::BeforeApply);
        let part = scene.beside(|scene| scene.part(1));
        let other = scene.beside(|scene| scene.part(2));
        drop(gate);
        assert_eq!([part, other].map(done), [Ok(200), Ok(200)]);
        assert_eq!(scene.part(3), Ok(200), "nor later");
    });
}

#[test]
fn a_reset_lets_go_what_gates_hold() {
    model(|| {
        let scene = Scene::oss();
        let _gate = scene.fake.hold(Op::UploadPart, At::BeforeApply);
        let part = scene.beside(|scene| scene.part(1));
        scene.fake.reset();
        let status = done(part).expect("a reply");
        assert!([200, 404].contains(&status), "{status}");
        assert!(scene.fake.snapshot().objects.is_empty() && scene.fake.uploads().is_empty());
        scene.fake.quiesce_blocking();
    });
}

#[test]
fn of_an_abort_and_a_complete_exactly_one_wins() {
    for fake in [Fake::cos, Fake::oss, Fake::obs] {
        model(move || {
            let scene = Scene::new(fake());
            assert_eq!(scene.part(1), Ok(200));
            let part = scene.beside(|scene| scene.part(2));
            let complete = scene.beside(Scene::complete);
            let aborts = [(); 2].map(|()| scene.beside(Scene::abort));
            let (part, complete) = (done(part).expect("a reply"), done(complete).expect("a reply"));
            let aborted: Vec<u16> = aborts.map(|abort| done(abort).expect("a reply")).into();
            let record = scene.fake.upload("k").record().clone();
            let stood = match &record.state {
                UploadStatus::Completed { unused, .. } => {
                    assert_eq!((complete, &aborted[..]), (200, &[404, 404][..]));
                    unused.contains(&2)
                }
                UploadStatus::Aborted { freed, lingering, .. } => {
                    assert_eq!(complete, 404);
                    assert!(aborted.contains(&204));
                    // A part that lingered was freed, if the other abort came after it.
                    freed.contains(&2) || !lingering.is_empty() || aborted == [204, 204]
                }
                state => panic!("{state:?}"),
            };
            assert_eq!(part == 200, stood, "{part} {record:?}");
            assert_eq!(scene.fake.read("k").is_some(), complete == 200);
            assert_eq!(record.parts_in_flight, 0);
        });
    }
}

#[test]
fn a_late_part_hears_of_the_end_at_once() {
    for (late_parts, expected) in [(LateParts::FailAtOnce, Ok(404)), (LateParts::Reset, Err(NoReply::Reset))] {
        model(move || {
            let scene = Scene::new(Fake::obs().late_parts(late_parts));
            let query = format!("?partNumber=1&uploadId={}", scene.id);
            let part = scene.beside(move |scene| scene.send("PUT", &query, Endless));
            scene.fake.wait_until_blocking(|state| state.uploads[0].parts_in_flight == 1);
            assert_eq!(scene.abort(), Ok(204));
            assert_eq!(done(part), expected);
            assert_eq!(scene.fake.upload("k").record().parts_in_flight, 0);
        });
    }
}

/// A body that never comes.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[test]
fn a_fault_spoils_one_of_two() {
    model(|| {
        let scene = Scene::oss();
        let fault = scene.fake.fault(Op::UploadPart, Fault::Refuse(Failure::ServiceUnavailable));
        let parts = [1, 2].map(|number| scene.beside(move |scene| scene.part(number)));
        let mut statuses = parts.map(|part| done(part).expect("a reply"));
        statuses.sort_unstable();
        assert_eq!((statuses, fault.fired()), ([200, 503], 1));
    });
}

#[test]
fn a_fault_that_is_withdrawn_spoils_nothing_more() {
    model(|| {
        let scene = Scene::oss();
        let fault = scene.fake.fault_always(Op::UploadPart, Fault::LoseReply);
        let part = scene.beside(|scene| scene.part(1));
        drop(fault);
        assert!([Ok(200), Err(NoReply::Cut)].contains(&done(part)));
        assert_eq!(scene.part(1), Ok(200));
        assert_eq!(scene.stored(), [1]);
    });
}

#[test]
fn quiet_is_noticed_and_is_quiet() {
    model(|| {
        let scene = Scene::oss();
        let parts = [1, 2].map(|number| scene.beside(move |scene| scene.part(number)));
        scene.fake.wait_until_blocking(|state| !state.in_flight.is_empty() || !state.uploads[0].parts().is_empty());
        scene.fake.quiesce_blocking();
        assert_eq!(parts.map(done), [Ok(200), Ok(200)]);
        let journal = scene.fake.journal();
        let statuses: Vec<_> = journal.iter().map(|exchange| exchange.status()).collect();
        assert_eq!(statuses, [Some(200); 3]);
        let mut ticks: Vec<u64> = journal.iter().map(|exchange| exchange.number).collect();
        ticks.dedup();
        assert_eq!(ticks, [1, 2, 3], "each has its number");
    });
}

#[test]
fn what_happens_behind_a_clients_back_races_like_a_client() {
    model(|| {
        let scene = Scene::oss();
        assert_eq!(scene.part(1), Ok(200));
        let complete = scene.beside(Scene::complete);
        let other = scene.beside(|scene| scene.fake.advance_clock(Duration::from_secs(1)));
        let aborted = scene.fake.abort_upload(&scene.id);
        done(other);
        assert_eq!(done(complete), Ok(if aborted { 404 } else { 200 }));
    });
}
