//! The concurrent check: several clients at once, some of their parts in flight while others act; and whether there is an
//! order of all their steps in which the model answers what each of them was answered.
//!
//! With [`check_concurrent`] the clients race for real, on any target. With [`check_interleaved`] gates hold steps of one of
//! our fakes at exact points while others are taken: what it finds it finds each time.

mod draw;
mod gated;
mod history;
mod linear;
mod race;
mod together;

use std::{fmt, ops::RangeInclusive};

use proptest::strategy::{Strategy, ValueTree};

pub use draw::races;
pub use history::{History, Taken};
pub use linear::{Explained, Stuck};
use linear::{Verdict, explain};
pub use race::{HeldBack, Lane, Point, Race, Turn};
use together::Crew;

use super::{
    check::{block_on, dice},
    seen::Observed,
    target::Target,
};
use crate::Fake;

/// How much is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ConcurrentConfig {
    seed: u64,
    histories: u64,
    clients: usize,
    longest: usize,
    states: usize,
    again: u32,
    shrink_histories: u64,
}

impl Default for ConcurrentConfig {
    /// 1000 histories from seed 0, of up to 3 clients that take up to 4 steps each.
    fn default() -> Self {
        Self { seed: 0, histories: 1000, clients: 3, longest: 4, states: 20_000, again: 20, shrink_histories: 10_000 }
    }
}

impl ConcurrentConfig {
    /// Where the dice start: the same seed gives the same races. How they go is another matter.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Histories to look at.
    pub fn histories(self, histories: u64) -> Self {
        Self { histories, ..self }
    }

    /// Clients there may be at once; at least 2.
    pub fn clients(self, clients: u8) -> Self {
        Self { clients: usize::from(clients).max(2), ..self }
    }

    /// Steps a client may take.
    pub fn longest(self, steps: usize) -> Self {
        Self { longest: steps.max(1), ..self }
    }

    /// States of the model that may be looked at to explain one history. Where they do not suffice the check fails as
    /// undecided, which says nothing about the store. One takes about a kilobyte of memory.
    pub fn states(self, states: usize) -> Self {
        Self { states, ..self }
    }

    /// How often a race is run while looking for the shortest that fails: it may go another way each time.
    pub fn again(self, times: u32) -> Self {
        Self { again: times.max(1), ..self }
    }

    /// Races that may be run to find the shortest that fails.
    pub fn shrink_histories(self, histories: u64) -> Self {
        Self { shrink_histories: histories, ..self }
    }

    fn crowd(&self) -> RangeInclusive<usize> {
        2..=self.clients
    }
}

/// What was checked, and held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrentSummary {
    /// Histories that were explained.
    pub histories: u64,
    /// Steps that were taken.
    pub steps: u64,
    /// Of those, steps that were refused.
    pub refused: u64,
    /// And steps that were under way while another was.
    pub overlapping: u64,
    /// And parts that landed when their upload had ended.
    pub late: u64,
    /// Steps that the target cannot do.
    pub passed_over: u64,
    /// States of the model that the hardest history took.
    pub most_states: usize,
}

impl fmt::Display for ConcurrentSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histories, steps, refused, overlapping, late, passed_over, most_states } = self;
        write!(
            f,
            "{histories} histories of {steps} steps explained: {overlapping} steps overlapped, {refused} were refused, "
        )?;
        write!(f, "{late} parts landed late; {most_states} states at most")?;
        match passed_over {
            0 => Ok(()),
            _ => write!(f, ", {passed_over} passed over"),
        }
    }
}

/// A race whose history the rules do not explain, the shortest that was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConcurrentFailure {
    /// The race.
    pub race: Race,
    /// What happened; of several things that have nothing to do with each other, the one that is not explained.
    pub history: History,
    /// Why it is a failure.
    pub why: Why,
    /// The dice's seed, and how many histories went well before.
    pub found: Option<(u64, u64)>,
    /// Steps the race had before it was shortened.
    pub steps_before: usize,
    /// How often the race failed, of how many times it was run; it may go another way each time.
    pub failed: (u32, u32),
}

/// Why a history is a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// No order of its steps explains all answers.
    Unexplained(Stuck),
    /// Whether there is an order was not found out within this many states. It says nothing about the store.
    Undecided(usize),
    /// The target went away, and why. It says nothing about the store.
    Unreachable(String),
}

impl fmt::Display for ConcurrentFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { race, history, why, found, steps_before, failed: (failed, runs) } = self;
        if let Some((seed, before)) = found {
            writeln!(f, "after {before} histories of seed {seed}:")?;
        }
        match why {
            Why::Unreachable(why) => writeln!(f, "the target went away at one of these steps: {why}")?,
            Why::Unexplained(_) => writeln!(f, "no order of these steps explains their answers:")?,
            Why::Undecided(states) => writeln!(
                f,
                "undecided: whether an order of these steps explains their answers was not found out within {states} states"
            )?,
        }
        write!(f, "{history}")?;
        match why {
            Why::Unexplained(stuck) => write!(f, "{stuck}")?,
            Why::Unreachable(_) => return Ok(()),
            Why::Undecided(_) => {}
        }
        let times = format!("it failed {failed} of {runs} times");
        match race.turns.len() < *steps_before {
            true => writeln!(f, "(shortened from {steps_before} steps; {times})")?,
            false => writeln!(f, "({times})")?,
        }
        writeln!(f, "to replay it, as JSON:\n{}as Rust:\n{}", race.to_json(), race.to_rust())
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { explained, next } = self;
        match explained.len() {
            0 => writeln!(f, "none of these can have come first:")?,
            _ => writeln!(f, "this order explains the most of them:")?,
        }
        for (at, taken) in (1..).zip(explained) {
            writeln!(f, "  {at}. {}, {} -> {}", taken.lane, taken.step, taken.observed)?;
        }
        if !explained.is_empty() {
            writeln!(f, "none of these can have come next:")?;
        }
        for (taken, expected) in next {
            writeln!(
                f,
                "  {}, {}\n    expected: {expected}\n    observed: {}",
                taken.lane, taken.step, taken.observed
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for ConcurrentFailure {}

/// Plays races out of dice, their clients at the same time, and looks for an order of the steps that explains all answers.
///
/// The clients take turns on the task that waits for this, changing over wherever they wait; what they wait for
/// (connections, a server) may well run in parallel. Some parts are sent slowly ([`Target::call_slowly`]), so that they are in flight
/// while other steps are taken.
///
/// ```
/// use fake_bucket::{Provider, conformance::{ConcurrentConfig, Face, HttpTarget, Network, check_concurrent, subject}};
///
/// # #[tokio::main]
/// # async fn main() {
/// let cos = subject(Provider::Cos).start();
/// let target = HttpTarget::of_fake(&cos, Network::of(&cos), Face::Native);
/// let summary = check_concurrent(&target, &ConcurrentConfig::default().histories(20)).await.unwrap();
/// assert!(summary.overlapping > 0, "{summary}");
/// # }
/// ```
///
/// # Errors
/// With the shortest race that was found whose history the rules of the target's scope do not explain; or with one of
/// which that was not found out.
pub async fn check_concurrent<T: Target>(
    target: &T,
    config: &ConcurrentConfig,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    Check { target, config, way: Way::OneTask }.run().await
}

/// [`check_concurrent`] with a thread for each client, so that they are in the target's own code at the same time. Needs no
/// runtime; a target whose client does need one has to enter it itself.
///
/// ```
/// use fake_bucket::{Provider, conformance::{ConcurrentConfig, Face, HttpTarget, NoSocket, check_concurrent_blocking, subject}};
///
/// let obs = subject(Provider::Obs).build();
/// let target = HttpTarget::of_fake(&obs, NoSocket(&obs), Face::S3);
/// let summary = check_concurrent_blocking(&target, &ConcurrentConfig::default().histories(20)).unwrap();
/// assert_eq!(summary.histories, 20);
/// ```
///
/// # Errors
/// As [`check_concurrent`].
pub fn check_concurrent_blocking<T: Target>(
    target: &T,
    config: &ConcurrentConfig,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    block_on(Check { target, config, way: Way::Threads }.run())
}

/// Plays races out of dice on one of our fakes, one step at a time, while gates hold others at exact points: let in, in the
/// midst of their bodies, before and after they take effect. What it finds it finds each time. [`Race::turns`] are taken in
/// the order of the list then.
///
/// `target` has to lead to `fake` through a door that gates hold at: its port, or [`Fake::service`].
///
/// # Errors
/// As [`check_concurrent`].
pub async fn check_interleaved<T: Target>(
    fake: &Fake,
    target: &T,
    config: &ConcurrentConfig,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    Check { target, config, way: Way::Gated(fake) }.run().await
}

/// [`check_interleaved`], in the calling thread.
///
/// ```
/// # #[cfg(feature = "tower")] {
/// use fake_bucket::{Provider, conformance::{ConcurrentConfig, Face, HttpTarget, Service, check_interleaved_blocking, subject}};
///
/// let oss = subject(Provider::Oss).build();
/// let target = HttpTarget::of_fake(&oss, Service(&oss), Face::Native);
/// let summary = check_interleaved_blocking(&oss, &target, &ConcurrentConfig::default().histories(100)).unwrap();
/// assert!(summary.late > 0, "{summary}");
/// # }
/// ```
///
/// # Errors
/// As [`check_concurrent`].
pub fn check_interleaved_blocking<T: Target>(
    fake: &Fake,
    target: &T,
    config: &ConcurrentConfig,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    block_on(check_interleaved(fake, target, config))
}

/// Plays one race, as often as the configuration says.
///
/// # Errors
/// As [`check_concurrent`], with the race as it is.
pub async fn replay_concurrent<T: Target>(
    target: &T,
    race: &Race,
    config: &ConcurrentConfig,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    Check { target, config, way: Way::OneTask }.replay(race).await
}

/// [`replay_concurrent`] with a thread for each client.
///
/// # Errors
/// As [`replay_concurrent`].
pub fn replay_concurrent_blocking<T: Target>(
    target: &T,
    race: &Race,
    config: &ConcurrentConfig,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    block_on(Check { target, config, way: Way::Threads }.replay(race))
}

/// Plays one race on one of our fakes, one step at a time, while gates hold others.
///
/// # Errors
/// As [`replay_concurrent`].
pub async fn replay_interleaved<T: Target>(
    fake: &Fake,
    target: &T,
    race: &Race,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    let config = &ConcurrentConfig::default();
    Check { target, config, way: Way::Gated(fake) }.replay(race).await
}

/// [`replay_interleaved`], in the calling thread.
///
/// # Errors
/// As [`replay_concurrent`].
pub fn replay_interleaved_blocking<T: Target>(
    fake: &Fake,
    target: &T,
    race: &Race,
) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
    block_on(replay_interleaved(fake, target, race))
}

/// How races are played.
#[derive(Clone, Copy)]
enum Way<'f> {
    OneTask,
    Threads,
    Gated(&'f Fake),
}

/// One check under way.
struct Check<'c, T> {
    target: &'c T,
    config: &'c ConcurrentConfig,
    way: Way<'c>,
}

/// What a history fails by.
struct Failed {
    history: History,
    why: Why,
}

impl<T: Target> Check<'_, T> {
    async fn run(&self) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
        let config = self.config;
        let races = races(self.target.scope(), config.crowd(), 1..=config.longest, self.points());
        let mut dice = dice(config.seed);
        let mut summary = ConcurrentSummary::default();
        while summary.histories < config.histories {
            let race = races.new_tree(&mut dice).expect("any roll of the dice makes a race").current();
            if let Err(failed) = self.play(&race, &mut summary).await {
                let mut failure = self.shortest(race, failed).await;
                failure.found = Some((config.seed, summary.histories));
                return Err(failure);
            }
        }
        Ok(summary)
    }

    async fn replay(&self, race: &Race) -> Result<ConcurrentSummary, Box<ConcurrentFailure>> {
        let mut summary = ConcurrentSummary::default();
        for _ in 0..self.times() {
            if let Err(failed) = self.play(race, &mut summary).await {
                return Err(self.failure(race.clone(), failed, race.turns.len()).await);
            }
        }
        Ok(summary)
    }

    fn points(&self) -> &'static [Point] {
        match self.way {
            Way::OneTask | Way::Threads => &[Point::InBody],
            Way::Gated(_) => &Point::ALL,
        }
    }

    fn times(&self) -> u32 {
        match self.way {
            Way::OneTask | Way::Threads => self.config.again,
            Way::Gated(_) => 1,
        }
    }

    async fn play(&self, race: &Race, summary: &mut ConcurrentSummary) -> Result<(), Box<Failed>> {
        let room = summary.histories.to_string();
        let (history, passed_over) = match self.way {
            Way::OneTask => together::play(self.target, race, &room, Crew::OneTask(summary.histories)).await,
            Way::Threads => together::play(self.target, race, &room, Crew::Threads).await,
            Way::Gated(fake) => gated::play(fake, self.target, race, &room).await,
        };
        let scope = self.target.scope();
        if let Some(gone) = self.unreachable(&history).await {
            return Err(Box::new(Failed { history, why: Why::Unreachable(gone) }));
        }
        for part in history.parted() {
            match explain(&part, &scope.rules, scope.precedence, self.config.states) {
                Verdict::Explained(Explained { late, states }) => {
                    summary.late += late as u64;
                    summary.most_states = summary.most_states.max(states);
                }
                Verdict::Unexplained(stuck) => {
                    return Err(Box::new(Failed { history: part, why: Why::Unexplained(stuck) }));
                }
                Verdict::Undecided(states) => {
                    return Err(Box::new(Failed { history: part, why: Why::Undecided(states) }));
                }
            }
        }
        let refused = history.taken.iter().filter(|taken| matches!(taken.observed, Observed::Refused(_)));
        summary.refused += refused.count() as u64;
        summary.overlapping += history.overlapping() as u64;
        summary.steps += history.taken.len() as u64;
        summary.passed_over += passed_over;
        summary.histories += 1;
        Ok(())
    }

    /// Takes the first simpler race that fails too, again and again.
    async fn shortest(&self, race: Race, failed: Box<Failed>) -> Box<ConcurrentFailure> {
        let steps_before = race.turns.len();
        let (mut shortest, mut failed) = (race, failed);
        if matches!(failed.why, Why::Undecided(_) | Why::Unreachable(_)) {
            return self.failure(shortest, failed, steps_before).await;
        }
        let mut spent = ConcurrentSummary::default();
        'shorter: loop {
            for candidate in shortest.simpler() {
                for _ in 0..self.times() {
                    if spent.histories >= self.config.shrink_histories {
                        return self.failure(shortest, failed, steps_before).await;
                    }
                    if let Err(again) = self.play(&candidate, &mut spent).await
                        && matches!(again.why, Why::Unexplained(_))
                    {
                        (shortest, failed) = (candidate, again);
                        spent.histories += 1;
                        continue 'shorter;
                    }
                }
            }
            return self.failure(shortest, failed, steps_before).await;
        }
    }

    /// Why the target cannot be reached any more, if a step failed for that.
    async fn unreachable(&self, history: &History) -> Option<String> {
        let failed = |taken: &Taken| matches!(taken.observed, Observed::Strange(_));
        if !history.taken.iter().any(failed) {
            return None;
        }
        self.target.preflight().await.err()
    }

    /// Runs the race again, to see how often it fails.
    async fn failure(&self, race: Race, failed: Box<Failed>, steps_before: usize) -> Box<ConcurrentFailure> {
        let mut failures = 1;
        let runs = if matches!(failed.why, Why::Unreachable(_)) { 1 } else { self.times() };
        for run in 1..runs {
            let mut runs = ConcurrentSummary { histories: run.into(), ..ConcurrentSummary::default() };
            failures += u32::from(self.play(&race, &mut runs).await.is_err());
        }
        let Failed { history, why } = *failed;
        Box::new(ConcurrentFailure { race, history, why, found: None, steps_before, failed: (failures, runs) })
    }
}
