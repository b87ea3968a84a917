//! Plays a race on one of our fakes step by step, holding steps at gates while others are taken: the same each time.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    task::Poll,
};

use super::{
    history::History,
    race::{HeldBack, Lane, Point, Race, Turn},
    together::{Answered, written},
};
use crate::{
    At, Fake, Held, Select,
    conformance::{
        script::Act,
        session::Session,
        target::{Reply, Target},
    },
};

/// Plays a race: its steps in the order of its list, each to its end, or until a gate holds it. A client whose step is held
/// takes the next when that one is over.
pub(super) async fn play<T: Target>(fake: &Fake, target: &T, race: &Race, room: &str) -> (History, u64) {
    let session = Session::new(target, room);
    let mut course = Course { fake, target, session: &session, moment: 0, held: VecDeque::new(), answered: Vec::new() };
    for turn in &race.turns {
        course.let_go(|held| turn.lane == Lane::After || held.turn.lane == turn.lane).await;
        course.take(turn).await;
        let over = course.answered.len();
        course.let_go(|held| held.due <= over).await;
    }
    course.let_go(|_| true).await;
    let written = written(&session, course.finish());
    if !target.reset() {
        session.clean_up().await;
    }
    written
}

struct Course<'c, T> {
    fake: &'c Fake,
    target: &'c T,
    session: &'c Session<'c, T>,
    moment: u64,
    held: VecDeque<HeldStep<'c>>,
    answered: Vec<Answered>,
}

type Replying<'c> = Pin<Box<dyn Future<Output = Reply> + 'c>>;

/// A step that a gate holds.
struct HeldStep<'c> {
    turn: Turn,
    begun: u64,
    reached: u64,
    gate: Box<Held>,
    replying: Replying<'c>,
    /// The number of answers it waits for.
    due: usize,
}

impl<'c, T: Target> Course<'c, T> {
    fn moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    fn finish(self) -> Vec<Answered> {
        self.answered
    }

    async fn take(&mut self, turn: &Turn) {
        let turn = Turn { step: self.session.resolved(&turn.step), ..turn.clone() };
        let begun = self.moment();
        let mut replying: Replying<'c> = Box::pin(self.target.call(self.session.call(&turn.step)));
        let Some(HeldBack { at, steps }) = turn.held else {
            let reply = replying.await;
            return self.write(turn, begun, reply, |_| {});
        };
        let gate = self.fake.hold(Select::any(), at.of_gates());
        match earlier(&mut replying, gate.closed()).await {
            Earlier::Reply(reply) => self.write(turn, begun, reply, |_| {}),
            Earlier::Held(gate) => {
                let (reached, due) = (self.moment(), self.answered.len() + usize::from(steps));
                self.held.push_back(HeldStep { turn, begun, reached, gate, replying, due });
            }
        }
    }

    /// Lets go steps that are held, one after the other, each to its end.
    async fn let_go(&mut self, which: impl Fn(&HeldStep<'c>) -> bool) {
        while let Some(at) = self.held.iter().position(&which) {
            let HeldStep { turn, begun, reached, gate, replying, .. } =
                self.held.remove(at).expect("a step that is held");
            let let_go = self.moment();
            gate.release();
            let reply = replying.await;
            let span = EffectSpan::of(&turn, &reply);
            self.write(turn, begun, reply, |answered| {
                let taken = &mut answered.taken;
                taken.let_in_by = reached;
                match span {
                    EffectSpan::AfterGate => taken.effect_from = let_go,
                    EffectSpan::BeforeGate => taken.effect_by = reached,
                    EffectSpan::Unknown => {}
                }
            });
        }
    }

    fn write(&mut self, turn: Turn, begun: u64, reply: Reply, more: impl FnOnce(&mut Answered)) {
        let answered = self.moment();
        let mut answered = Answered::new(self.session, turn.lane, turn.step, (begun, answered), reply);
        more(&mut answered);
        self.answered.push(answered);
    }
}

/// What the gate tells of when a step it held took effect.
enum EffectSpan {
    BeforeGate,
    AfterGate,
    Unknown,
}

impl EffectSpan {
    fn of(turn: &Turn, reply: &Reply) -> Self {
        let sends = matches!(turn.step.act, Act::UploadPart { .. });
        match turn.held {
            Some(HeldBack { at: Point::AfterEffect, .. }) => Self::BeforeGate,
            // What was against it may have been so when it was let in. A part that was let in can only have come late.
            _ if matches!(reply, Reply::Refused(_)) && !sends => Self::Unknown,
            _ => Self::AfterGate,
        }
    }
}

impl Point {
    fn of_gates(self) -> At {
        match self {
            Self::Admitted => At::Admitted,
            Self::InBody => At::Byte(1),
            Self::BeforeEffect => At::BeforeApply,
            Self::AfterEffect => At::AfterApply,
        }
    }
}

enum Earlier {
    Reply(Reply),
    Held(Box<Held>),
}

/// Whichever comes first: the reply, or the gate that holds it back.
async fn earlier(replying: &mut Replying<'_>, closed: impl Future<Output = Held>) -> Earlier {
    let mut closed = pin!(closed);
    std::future::poll_fn(|context| {
        if let Poll::Ready(reply) = replying.as_mut().poll(context) {
            return Poll::Ready(Earlier::Reply(reply));
        }
        closed.as_mut().poll(context).map(|held| Earlier::Held(Box::new(held)))
    })
    .await
}
