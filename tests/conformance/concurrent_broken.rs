//! Stores that go wrong only when several clients act at once, and what is shown of them.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::Poll,
};

use fake_bucket::{
    Fake, LateParts, Provider,
    conformance::{
        Ask, Call, ConcurrentConfig, Config, Face, HttpTarget, NoSocket, Pause, Race, Refusal, Reply, Scope, Service,
        Target, Why, check, check_concurrent, check_concurrent_blocking, check_interleaved_blocking, replay_concurrent,
        replay_interleaved_blocking, subject,
    },
};

/// A gateway in front of a fake. Between what it asks of the fake others get their turn.
struct Gateway<'f> {
    fake: HttpTarget<NoSocket<'f>>,
    flaw: Flaw,
    sending: AtomicUsize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// It looks for the upload when a part begins, and not when it ends.
    LatePartAcknowledged,
    /// It looks for the upload before it completes it, and takes it for its own doing that it is gone then.
    BothCompletesAcknowledged,
    /// Of two parts on their way at the same time it keeps one.
    PartLost,
    /// It looks for the upload before it aborts it, and takes it for its own doing that it is gone then.
    BothAbortsAcknowledged,
}

impl<'f> Gateway<'f> {
    fn new(fake: &'f Fake, flaw: Flaw) -> Self {
        Self { fake: HttpTarget::of_fake(fake, NoSocket(fake), Face::Native), flaw, sending: AtomicUsize::new(0) }
    }

    async fn is_open(&self, call: &Call) -> bool {
        let (Ask::UploadPart { upload_id, .. } | Ask::Complete { upload_id, .. } | Ask::Abort { upload_id }) =
            &call.ask
        else {
            return true;
        };
        let ask = Ask::ListParts { upload_id: upload_id.clone(), after: 0, max: None };
        let mut look = call.clone();
        look.ask = ask;
        matches!(self.fake.call(look).await, Reply::Parts(_))
    }
}

impl Target for Gateway<'_> {
    fn scope(&self) -> &Scope {
        self.fake.scope()
    }

    async fn call(&self, call: Call) -> Reply {
        others_turn().await;
        match (&call.ask, self.flaw) {
            (Ask::Complete { .. }, Flaw::BothCompletesAcknowledged) if self.is_open(&call).await => {
                others_turn().await;
                despite_its_end(self.fake.call(call).await)
            }
            (Ask::Abort { .. }, Flaw::BothAbortsAcknowledged) if self.is_open(&call).await => {
                others_turn().await;
                let reply = self.fake.call(call).await;
                if reply == gone() { Reply::Done } else { reply }
            }
            (Ask::UploadPart { .. }, Flaw::PartLost) if self.is_open(&call).await => {
                let alone = self.sending.fetch_add(1, SeqCst) == 0;
                others_turn().await;
                let reply = if alone { self.fake.call(call).await } else { Reply::Stored(None) };
                self.sending.fetch_sub(1, SeqCst);
                reply
            }
            _ => {
                let reply = self.fake.call(call).await;
                others_turn().await;
                reply
            }
        }
    }

    async fn call_slowly(&self, call: Call, pause: Pause) -> Reply {
        match self.flaw {
            Flaw::LatePartAcknowledged if self.is_open(&call).await => {
                pause.over().await;
                despite_its_end(self.fake.call(call).await)
            }
            _ => {
                pause.over().await;
                self.call(call).await
            }
        }
    }

    fn reset(&self) -> bool {
        self.fake.reset()
    }
}

fn gone() -> Reply {
    Reply::Refused(Refusal::NO_SUCH_UPLOAD)
}

fn despite_its_end(reply: Reply) -> Reply {
    if reply == gone() { Reply::Stored(None) } else { reply }
}

async fn others_turn() {
    let mut had = false;
    poll_fn(|context| {
        if std::mem::replace(&mut had, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What is shown of a gateway that goes wrong only when several clients act at once.
async fn shown(provider: Provider, flaw: Flaw) -> String {
    let fake = subject(provider).build();
    let gateway = Gateway::new(&fake, flaw);
    check(&gateway, &Config::default().steps(200)).await.expect("one step after the other goes well");
    let failure =
        check_concurrent(&gateway, &ConcurrentConfig::default().again(8)).await.expect_err("a flaw that is not seen");
    let again = Race::from_json(&failure.race.to_json()).unwrap();
    replay_concurrent(&gateway, &again, &ConcurrentConfig::default()).await.expect_err("a race that goes well");
    failure.to_string()
}

#[tokio::test]
async fn a_gateway_without_a_flaw_is_explained() {
    let fake = subject(Provider::Oss).build();
    let gateway = Gateway::new(&fake, Flaw::None);
    let summary = check_concurrent(&gateway, &ConcurrentConfig::default().histories(100)).await.unwrap();
    assert!(summary.overlapping * 4 > summary.steps, "{summary}");
}

#[tokio::test]
async fn a_late_part_that_is_acknowledged_is_found() {
    println!("{}", shown(Provider::Cos, Flaw::LatePartAcknowledged).await);
}

#[tokio::test]
async fn two_completes_that_are_acknowledged_are_found() {
    println!("{}", shown(Provider::Cos, Flaw::BothCompletesAcknowledged).await);
}

#[tokio::test]
async fn an_acknowledged_part_that_is_lost_is_found() {
    println!("{}", shown(Provider::Cos, Flaw::PartLost).await);
}

#[tokio::test]
async fn two_aborts_that_are_acknowledged_are_found() {
    println!("{}", shown(Provider::Oss, Flaw::BothAbortsAcknowledged).await);
}

#[test]
fn parts_that_linger_where_they_must_not_are_found_each_time() {
    let fake = subject(Provider::Cos).late_parts(LateParts::Linger).build();
    let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
    let failure = check_interleaved_blocking(&fake, &target, &ConcurrentConfig::default()).unwrap_err();
    let again = replay_interleaved_blocking(&fake, &target, &failure.race).unwrap_err();
    assert_eq!(again.history.to_string(), failure.history.to_string());
    println!("{failure}");
}

#[test]
fn steps_held_at_gates_go_the_same_way_each_time() {
    let fake = subject(Provider::Oss).build();
    let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
    let config = ConcurrentConfig::default().histories(50);
    let once = check_interleaved_blocking(&fake, &target, &config).unwrap();
    assert_eq!(check_interleaved_blocking(&fake, &target, &config).unwrap(), once);
}

#[test]
fn what_was_not_found_out_is_no_success() {
    let fake = subject(Provider::Obs).build();
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
    let failure = check_concurrent_blocking(&target, &ConcurrentConfig::default().states(2)).unwrap_err();
    assert_eq!(failure.why, Why::Undecided(2));
    let shown = "after 0 histories of seed 0:
undecided: whether an order of these steps explains their answers was not found out within 2 states\n";
    assert!(failure.to_string().starts_with(shown), "{failure}");
}
