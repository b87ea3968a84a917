//! Plays a race with its clients at the same time, and writes down what happened.

use std::{
    pin::Pin,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::Poll,
    thread,
};

use parking_lot::Mutex;

use super::{
    history::{History, Taken},
    race::{HeldBack, Lane, Point, Race, Turn},
};
use crate::conformance::{
    check::block_on,
    pause::Pause,
    script::{Act, Size, Step},
    seen::Observed,
    session::Session,
    target::{Call, Reply, Target},
};

/// Who runs the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crew {
    /// The task that waits for the check: they take turns wherever they wait, in an order that goes by this number.
    OneTask(u64),
    /// A thread for each.
    Threads,
}

/// Plays a race. Says how many of its steps the target cannot do, too.
pub(super) async fn play<T: Target>(target: &T, race: &Race, room: &str, crew: Crew) -> (History, u64) {
    let clients = race.clients();
    let course = Course {
        target,
        session: Session::new(target, room),
        moments: AtomicU64::new(0),
        pace: Pace::of(clients.len()),
    };
    let mut steps = course.run(race.of(Lane::Before)).await;
    let lanes = || clients.iter().map(|lane| race.of(*lane));
    steps.extend(match crew {
        Crew::OneTask(luck) => all(lanes().map(|turns| course.run_as_client(turns)).collect(), luck).await,
        Crew::Threads => course.on_threads(lanes().collect()),
    });
    steps.extend(course.run(race.of(Lane::After)).await);
    let Course { session, .. } = course;
    let (history, passed_over) = written(&session, steps);
    if !target.reset() {
        session.clean_up().await;
    }
    (history, passed_over)
}

/// Turns answers into a history. Only now that all ids are known can be said what a listing shows.
pub(super) fn written<T: Target>(session: &Session<'_, T>, steps: Vec<Answered>) -> (History, u64) {
    let all = steps.len();
    let ids = steps.iter().filter_map(|answered| match answered.taken.step.act {
        Act::Initiate { name } => Some((name, session.id(name)?)),
        _ => None,
    });
    let ids = ids.collect();
    let observed = |Answered { mut taken, reply }: Answered| {
        if let Some(reply) = reply {
            taken.observed = session.observe(&taken.step, reply)?;
        }
        Some(taken)
    };
    let taken: Vec<Taken> = steps.into_iter().filter_map(observed).collect();
    let passed_over = (all - taken.len()) as u64;
    (History { taken, ids }, passed_over)
}

/// A step that was answered. If there is a reply, what it means has yet to be read.
pub(super) struct Answered {
    pub(super) taken: Taken,
    pub(super) reply: Option<Reply>,
}

impl Answered {
    /// An answered step that nothing was held back of. Ids are made known at once.
    pub(super) fn new<T: Target>(
        session: &Session<'_, T>,
        lane: Lane,
        step: Step,
        span: (u64, u64),
        reply: Reply,
    ) -> Self {
        let (begun, answered) = span;
        let unread = Observed::Strange("a reply that nobody has read".to_owned());
        let (let_in_by, effect_from, effect_by) = (answered, begun, answered);
        let mut taken = Taken { lane, step, observed: unread, begun, let_in_by, effect_from, effect_by, answered };
        if !matches!(taken.step.act, Act::Initiate { .. }) || reply == Reply::Unsupported {
            return Self { taken, reply: Some(reply) };
        }
        taken.observed = session.observe(&taken.step, reply).expect("a reply to what is supported");
        Self { taken, reply: None }
    }
}

/// Where a race is run.
struct Course<'t, T> {
    target: &'t T,
    session: Session<'t, T>,
    moments: AtomicU64,
    pace: Pace,
}

impl<T: Target> Course<'_, T> {
    fn moment(&self) -> u64 {
        self.moments.fetch_add(1, SeqCst)
    }

    async fn run_as_client(&self, turns: impl Iterator<Item = &Turn>) -> Vec<Answered> {
        let steps = self.run(turns).await;
        self.pace.stop(|| self.moment());
        steps
    }

    fn on_threads<'r>(&self, clients: Vec<impl Iterator<Item = &'r Turn> + Send>) -> Vec<Answered> {
        let start = &Barrier::new(clients.len());
        thread::scope(|scope| {
            let run = |turns| {
                scope.spawn(move || {
                    start.wait();
                    block_on(self.run_as_client(turns))
                })
            };
            let running: Vec<_> = clients.into_iter().map(run).collect();
            running.into_iter().flat_map(|client| client.join().expect("a target does not panic")).collect()
        })
    }

    async fn run(&self, turns: impl Iterator<Item = &Turn>) -> Vec<Answered> {
        let mut steps = Vec::new();
        for Turn { lane, step, held } in turns {
            let step = self.session.resolved(step);
            let call = self.session.call(&step);
            let held = held.filter(|held| held.at == Point::InBody && *lane != Lane::Before && has_body(&step));
            let begun = self.moment();
            let (reply, effect_from) = match held {
                None => (self.target.call(call).await, begun),
                Some(held) => self.call_slowly(call, held).await,
            };
            let answered = self.moment();
            let mut step = Answered::new(&self.session, *lane, step, (begun, answered), reply);
            step.taken.effect_from = effect_from;
            steps.push(step);
            self.pace.answered(|| self.moment());
        }
        steps
    }

    /// The reply, and when the end of the body was let go: never, if there was a reply before.
    async fn call_slowly(&self, call: Call, held: HeldBack) -> (Reply, u64) {
        let pause = Pause::default();
        self.pace.pause(pause.clone(), held.steps, || self.moment());
        let reply = self.target.call_slowly(call, pause.clone()).await;
        (reply, self.pace.let_go(&pause))
    }
}

fn has_body(step: &Step) -> bool {
    matches!(step.act, Act::UploadPart { body, .. } if body.size != Size::Empty)
}

/// Lets go what clients hold back: when enough steps of others are over, or when nobody else can go on.
struct Pace(Mutex<Going>);

#[derive(Default)]
struct Going {
    /// Clients that are not held up.
    clients: usize,
    /// Steps that are over.
    steps: u64,
    held: Vec<Held>,
}

struct Held {
    pause: Pause,
    /// The number of steps it waits for.
    due: u64,
    let_go: Option<u64>,
}

impl Pace {
    fn of(clients: usize) -> Self {
        Self(Mutex::new(Going { clients, ..Going::default() }))
    }

    fn pause(&self, pause: Pause, steps: u8, moment: impl Fn() -> u64) {
        let mut going = self.0.lock();
        going.clients -= 1;
        let due = going.steps + u64::from(steps);
        going.held.push(Held { pause, due, let_go: None });
        going.go_on(moment);
    }

    fn answered(&self, moment: impl Fn() -> u64) {
        let mut going = self.0.lock();
        going.steps += 1;
        going.go_on(moment);
    }

    fn stop(&self, moment: impl Fn() -> u64) {
        let mut going = self.0.lock();
        going.clients -= 1;
        going.go_on(moment);
    }

    /// When it was let go. One that was answered before is held up no more.
    fn let_go(&self, pause: &Pause) -> u64 {
        let mut going = self.0.lock();
        let at = going.held.iter().position(|held| held.pause.is(pause)).expect("a pause that was begun");
        let held = going.held.swap_remove(at);
        going.clients += usize::from(held.let_go.is_none());
        held.let_go.unwrap_or(u64::MAX)
    }
}

impl Going {
    fn go_on(&mut self, moment: impl Fn() -> u64) {
        let Self { clients, steps, held } = self;
        let mut waiting: Vec<&mut Held> = held.iter_mut().filter(|held| held.let_go.is_none()).collect();
        waiting.sort_by_key(|held| held.due);
        for held in waiting {
            if held.due > *steps && *clients > 0 {
                return;
            }
            held.let_go = Some(moment());
            held.pause.end();
            *clients += 1;
        }
    }
}

/// Waits for all of them. Who can go on does so at once, or lets others go first.
async fn all<F: Future<Output = Vec<Answered>>>(clients: Vec<F>, luck: u64) -> Vec<Answered> {
    let mut clients: Vec<Pin<Box<F>>> = clients.into_iter().map(Box::pin).collect();
    let mut luck = Luck(luck);
    let mut steps = Vec::new();
    std::future::poll_fn(move |context| {
        clients.retain_mut(|client| {
            if luck.tosses_heads() {
                context.waker().wake_by_ref();
                return true;
            }
            match client.as_mut().poll(context) {
                Poll::Ready(done) => {
                    steps.extend(done);
                    false
                }
                Poll::Pending => true,
            }
        });
        if clients.is_empty() { Poll::Ready(std::mem::take(&mut steps)) } else { Poll::Pending }
    })
    .await
}

/// Tosses a coin.
///
/// # Source
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: SplitMix64.
struct Luck(u64);

impl Luck {
    fn tosses_heads(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed >> 63 == 1
    }
}
