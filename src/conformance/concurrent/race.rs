//! What several clients do at once, as data: steps, each with who takes it when, and what is held back of it.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::conformance::{
    script::{Script, ScriptError, Step},
    shrink::{self, Line},
};

/// Steps of several clients.
///
/// [`check_concurrent`](super::check_concurrent) has the clients take theirs at the same time, each one after the other.
/// [`check_interleaved`](super::check_interleaved) takes all of them in the order of the list, and holds some on the way.
///
/// ```
/// use fake_bucket::conformance::{Body, Id, Key, Race, Size, Step, Turn, Who};
///
/// let part = Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Enough));
/// let race = Race::new([
///     Turn::before(Step::initiate(Who::Owner, Key(0), 0)),
///     Turn::by(1, part).in_body(1),
///     Turn::by(2, Step::abort(Who::Owner, Key(0), Id::Of(0))),
///     Turn::after(Step::abort(Who::Owner, Key(0), Id::Of(0))),
/// ]);
/// assert_eq!(Race::from_json(&race.to_json()).unwrap(), race);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Race {
    /// The steps.
    pub turns: Vec<Turn>,
}

/// A step in a race.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Turn {
    /// Who takes it, and when.
    pub lane: Lane,
    /// The step.
    pub step: Step,
    /// What is held back of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldBack>,
}

/// Who takes a step, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// It is taken first, while nobody else does anything.
    Before,
    /// This client takes it.
    Client(u8),
    /// It is taken last, while nobody else does anything.
    After,
}

/// What is held back of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeldBack {
    /// From where on.
    pub at: Point,
    /// Until this many steps of others are over, or nobody else can go on.
    pub steps: u8,
}

/// A point on the way of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The store let it in and has yet to read its body. Only a gate holds there.
    Admitted,
    /// The last byte of a part's body has yet to be sent. Any client can hold there.
    InBody,
    /// All is there, and the store has yet to act. Only a gate holds there.
    BeforeEffect,
    /// The store has acted and has yet to answer. Only a gate holds there.
    AfterEffect,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Admitted, Self::InBody, Self::BeforeEffect, Self::AfterEffect];
}

impl Turn {
    fn new(lane: Lane, step: Step) -> Self {
        Self { lane, step, held: None }
    }

    /// A step taken before anybody else does anything.
    pub fn before(step: Step) -> Self {
        Self::new(Lane::Before, step)
    }

    /// A step of a client.
    pub fn by(client: u8, step: Step) -> Self {
        Self::new(Lane::Client(client), step)
    }

    /// A step taken when everybody is done.
    pub fn after(step: Step) -> Self {
        Self::new(Lane::After, step)
    }

    /// The same, held at a point until this many steps of others are over, or nobody else can go on.
    #[must_use]
    pub fn held(self, at: Point, steps: u8) -> Self {
        Self { held: Some(HeldBack { at, steps }), ..self }
    }

    /// The same, with a body whose last byte is held back like that.
    #[must_use]
    pub fn in_body(self, steps: u8) -> Self {
        self.held(Point::InBody, steps)
    }
}

impl Race {
    /// A race of these steps.
    ///
    /// # Panics
    /// If two steps give uploads the same name.
    #[track_caller]
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        let race = Self { turns: turns.into_iter().collect() };
        if let Some(name) = race.script().named_twice() {
            panic!("two steps of the race call their upload {name}");
        }
        race
    }

    /// Reads what [`Race::to_json`] wrote.
    ///
    /// # Errors
    /// If it is no race.
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        let race: Self = serde_json::from_str(text).map_err(ScriptError::Json)?;
        race.script().named_twice().map_or(Ok(race), |name| Err(ScriptError::NamedTwice(name)))
    }

    /// The race as JSON, a step on each line.
    pub fn to_json(&self) -> String {
        let lines: Vec<_> = self.turns.iter().map(|turn| serde_json::to_string(turn).expect("plain data")).collect();
        format!("[\n  {}\n]\n", lines.join(",\n  "))
    }

    /// The race as Rust, ready to be pasted into a test.
    pub fn to_rust(&self) -> String {
        let lines: String = self.turns.iter().map(|turn| format!("    {turn},\n")).collect();
        format!("Race::new([\n{lines}])")
    }

    /// Its steps, as if nobody raced.
    fn script(&self) -> Script {
        Script { steps: self.turns.iter().map(|turn| turn.step.clone()).collect() }
    }

    /// The steps taken in a lane.
    pub(super) fn of(&self, lane: Lane) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| turn.lane == lane)
    }

    /// The lanes of its clients.
    pub(super) fn clients(&self) -> BTreeSet<Lane> {
        self.turns.iter().map(|turn| turn.lane).filter(|lane| matches!(lane, Lane::Client(_))).collect()
    }

    /// Races that are simpler in one respect, the boldest first. Taking the first that still fails, again and again, ends
    /// with the shortest.
    pub fn simpler(&self) -> impl Iterator<Item = Self> + use<> {
        let weight = self.weight();
        let mut candidates = shrink::simpler(&self.turns);
        candidates.extend((0..self.turns.len()).flat_map(|at| self.simpler_turns(at)));
        let candidates = candidates.into_iter().map(|mut turns| {
            turns.sort_by_key(|turn| turn.lane.order());
            Self { turns }
        });
        candidates.filter(move |candidate| candidate.weight() < weight)
    }

    /// What makes a race simple: few steps, few that race, few that are held, little text.
    fn weight(&self) -> (usize, usize, usize, usize, String) {
        let racing = self.turns.iter().filter(|turn| matches!(turn.lane, Lane::Client(_))).count();
        let held = self.turns.iter().filter(|turn| turn.held.is_some()).count();
        let text = self.to_rust();
        (self.turns.len(), racing, held, text.len(), text)
    }

    /// One step taken while nobody races, or held less.
    fn simpler_turns(&self, at: usize) -> impl Iterator<Item = Vec<Turn>> + use<'_> {
        let turn = &self.turns[at];
        let alone = [Lane::Before, Lane::After].map(|lane| Turn { lane, held: None, ..turn.clone() });
        let less = [None, turn.held.map(|held| HeldBack { steps: 1, ..held })];
        let less = less.map(|held| Turn { held, ..turn.clone() });
        alone.into_iter().chain(less).map(move |simpler| {
            let mut turns = self.turns.clone();
            turns[at] = simpler;
            turns
        })
    }
}

impl Lane {
    /// Clients have none among each other.
    fn order(self) -> u8 {
        match self {
            Self::Before => 0,
            Self::Client(_) => 1,
            Self::After => 2,
        }
    }
}

impl Line for Turn {
    fn step(&self) -> &Step {
        &self.step
    }

    fn step_mut(&mut self) -> &mut Step {
        &mut self.step
    }
}

/// A turn as the Rust that makes it.
impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lane, step, held } = self;
        match lane {
            Lane::Before => write!(f, "Turn::before({step})")?,
            Lane::Client(client) => write!(f, "Turn::by({client}, {step})")?,
            Lane::After => write!(f, "Turn::after({step})")?,
        }
        match held {
            None => Ok(()),
            Some(HeldBack { at: Point::InBody, steps }) => write!(f, ".in_body({steps})"),
            Some(HeldBack { at, steps }) => write!(f, ".held(Point::{at:?}, {steps})"),
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => f.write_str("before"),
            Self::Client(client) => write!(f, "client {client}"),
            Self::After => f.write_str("after"),
        }
    }
}
