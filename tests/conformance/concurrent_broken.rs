//! Stores that go wrong only when several clients act at once, and what is shown of them.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::Poll,
};

use fake_bucket::{
    Fake, Fault, InstalledFault, LateParts, Op, Provider, Until,
    conformance::{
        Ask, Body, Call, ConcurrentConfig, Config, Face, HttpTarget, Id, Key, NoSocket, Pause, Point, Race, Refusal,
        Reply, Scope, Service, Size, Step, Target, Turn, Who, Why, check, check_concurrent, check_concurrent_blocking,
        check_interleaved_blocking, replay_concurrent, replay_interleaved_blocking, subject,
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

/// A gateway that goes well one step after the other, and wrong when several clients act at once.
async fn is_found(provider: Provider, flaw: Flaw) {
    let fake = subject(provider).build();
    let gateway = Gateway::new(&fake, flaw);
    check(&gateway, &Config::default().steps(100)).await.expect("one step after the other goes well");
    let failure = check_concurrent(&gateway, &ConcurrentConfig::default().again(4)).await.expect_err("a flaw");
    assert!(matches!(failure.why, Why::Unexplained(_)) && failure.race.turns.len() < 8, "{failure}");
    let again = Race::from_json(&failure.race.to_json()).unwrap();
    replay_concurrent(&gateway, &again, &ConcurrentConfig::default().again(50)).await.expect_err("the same flaw");
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
    is_found(Provider::Cos, Flaw::LatePartAcknowledged).await;
}

#[tokio::test]
async fn two_completes_that_are_acknowledged_are_found() {
    is_found(Provider::Cos, Flaw::BothCompletesAcknowledged).await;
}

#[tokio::test]
async fn an_acknowledged_part_that_is_lost_is_found() {
    is_found(Provider::Cos, Flaw::PartLost).await;
}

#[tokio::test]
async fn two_aborts_that_are_acknowledged_are_found() {
    is_found(Provider::Oss, Flaw::BothAbortsAcknowledged).await;
}

#[test]
fn parts_that_linger_where_they_must_not_are_found_each_time() {
    let fake = subject(Provider::Cos).late_parts(LateParts::Linger).build();
    let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
    let failure = check_interleaved_blocking(&fake, &target, &ConcurrentConfig::default()).unwrap_err();
    let again = replay_interleaved_blocking(&fake, &target, &failure.race).unwrap_err();
    assert_eq!(again.history.to_string(), failure.history.to_string());
}

/// A store whose effects do not come when a gate says that they have come, or have not: it conforms as long as nothing is
/// held.
struct OffBeat<'f> {
    target: HttpTarget<Service<'f>>,
    /// A way past the gates: they do not hold requests without a connection.
    past_gates: HttpTarget<NoSocket<'f>>,
    beat: Beat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beat {
    /// Parts are stored as soon as they arrive, before any gate.
    Early,
    /// Aborts happen when the next exchange has arrived, after every gate.
    Late,
    On,
}

impl<'f> OffBeat<'f> {
    fn new(fake: &'f Fake, beat: Beat) -> Self {
        let of_fake = HttpTarget::of_fake(fake, Service(fake), Face::Native);
        let scope = of_fake.scope().clone();
        let past_gates = HttpTarget::of_fake(fake, NoSocket(fake), Face::Native).scoped(|_| scope);
        Self { target: of_fake, past_gates, beat }
    }
}

impl Target for OffBeat<'_> {
    fn scope(&self) -> &Scope {
        self.target.scope()
    }

    async fn call(&self, call: Call) -> Reply {
        if self.beat == Beat::Early && matches!(call.ask, Ask::UploadPart { .. }) {
            self.past_gates.call(call.clone()).await;
        }
        self.target.call(call).await
    }

    /// The fault that delays aborts must stay.
    fn reset(&self) -> bool {
        false
    }
}

/// The fake, on which aborts are late or not.
fn off_beat(beat: Beat) -> (Fake, Option<InstalledFault>) {
    let fake = subject(Provider::Cos).build();
    let late = (beat == Beat::Late).then(|| fake.fault_always(Op::Abort, Fault::AbortLater(Until::Exchanges(2))));
    (fake, late)
}

fn looked_at(held: Step, at: Point) -> Race {
    let seen = Step::list_parts(Who::Owner, Key(0), Id::Of(0), 0, None);
    Race::new([Turn::before(Step::initiate(Who::Owner, Key(0), 0)), Turn::by(1, held).held(at, 1), Turn::by(2, seen)])
}

#[test]
fn an_effect_that_shows_late_after_a_gate_is_found() {
    let abort = looked_at(Step::abort(Who::Owner, Key(0), Id::Of(0)), Point::AfterEffect);
    for (beat, found) in [(Beat::Late, true), (Beat::On, false)] {
        let (fake, _late) = off_beat(beat);
        let store = OffBeat::new(&fake, beat);
        let replayed = replay_interleaved_blocking(&fake, &store, &abort);
        assert_eq!(replayed.is_err(), found, "{beat:?}");
        let config = ConcurrentConfig::default().histories(if found { 300 } else { 40 });
        let checked = check_interleaved_blocking(&fake, &store, &config);
        assert_eq!(checked.is_err(), found, "{beat:?}");
        if let Err(failure) = replayed {
            assert!(matches!(failure.why, Why::Unexplained(_)), "{failure}");
            assert!(
                failure.to_string().contains("none of these can have come next:\n  client 2, Step::list_parts"),
                "{failure}"
            );
        }
    }
}

#[test]
fn an_effect_that_shows_early_before_a_gate_is_found() {
    let part = Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Enough));
    let part = looked_at(part, Point::BeforeEffect);
    for (beat, found) in [(Beat::Early, true), (Beat::On, false)] {
        let (fake, _) = off_beat(beat);
        let store = OffBeat::new(&fake, beat);
        assert_eq!(replay_interleaved_blocking(&fake, &store, &part).is_err(), found, "{beat:?}");
        let config = ConcurrentConfig::default().histories(if found { 300 } else { 40 });
        assert_eq!(check_interleaved_blocking(&fake, &store, &config).is_err(), found, "{beat:?}");
    }
}

#[tokio::test]
async fn a_history_that_is_not_explained_is_shown_as_a_timeline() {
    let fake = subject(Provider::Obs).build();
    let gateway = Gateway::new(&fake, Flaw::LatePartAcknowledged);
    let late = Step::upload_part(Who::Owner, Key(0), Id::Of(0), 2, Body::of('b', Size::Enough));
    let race = Race::new([
        Turn::before(Step::initiate(Who::Owner, Key(0), 0)),
        Turn::by(1, late).in_body(1),
        Turn::by(2, Step::abort(Who::Owner, Key(0), Id::Of(0))),
        Turn::after(Step::get(Who::Owner, Key(3))),
    ]);
    let failure = replay_concurrent(&gateway, &race, &ConcurrentConfig::default().again(50)).await.unwrap_err();
    assert_eq!(failure.to_string(), include_str!("unexplained.txt"));
}

#[test]
fn a_step_held_at_a_gate_is_shown_as_it_was_held() {
    let fake = subject(Provider::Cos).late_parts(LateParts::Linger).build();
    let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
    let late = Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Enough));
    let race = Race::new([
        Turn::before(Step::initiate(Who::Owner, Key(0), 0)),
        Turn::by(1, late).held(Point::BeforeEffect, 1),
        Turn::by(2, Step::abort(Who::Owner, Key(0), Id::Of(0))),
    ]);
    let failure = replay_interleaved_blocking(&fake, &target, &race).unwrap_err();
    assert_eq!(failure.to_string(), include_str!("unexplained_at_a_gate.txt"));
}

#[test]
fn a_race_is_read_back_from_json() {
    let part = Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Enough));
    let race = Race::new([
        Turn::before(Step::initiate(Who::Owner, Key(0), 0)),
        Turn::by(1, part.clone()).held(Point::AfterEffect, 2),
        Turn::by(2, part).in_body(1),
        Turn::after(Step::head(Who::Stranger, Key(1))),
    ]);
    assert_eq!(Race::from_json(&race.to_json()).unwrap(), race);
    let twice = race.to_json().replace("\"before\"", "\"after\"").replacen('[', &race.to_json().replace(']', ","), 1);
    assert_eq!(Race::from_json(&twice).unwrap_err().to_string(), "two steps of the script call their upload 0");
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
