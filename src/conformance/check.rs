//! The sequential check: scripts out of dice, each step compared with the model, and the shortest script that differs.

use std::{
    fmt,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config as RunnerConfig, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    compose::scripts,
    model::Model,
    script::Script,
    seen::{Expected, Observed},
    session::Session,
    target::Target,
};

/// How much is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Config {
    seed: u64,
    steps: u64,
    longest: usize,
    shrink_steps: u64,
}

impl Default for Config {
    /// 10,000 steps, from seed 0.
    fn default() -> Self {
        Self { seed: 0, steps: 10_000, longest: 40, shrink_steps: 100_000 }
    }
}

impl Config {
    /// Where the dice start: the same seed gives the same scripts.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Steps to take, at least; the last script is taken to its end.
    pub fn steps(self, steps: u64) -> Self {
        Self { steps, ..self }
    }

    /// Steps a script may have before it looks at what is left.
    pub fn longest(self, steps: usize) -> Self {
        Self { longest: steps.max(1), ..self }
    }

    /// Steps that may be taken to find the shortest script that fails.
    pub fn shrink_steps(self, steps: u64) -> Self {
        Self { shrink_steps: steps, ..self }
    }
}

/// What was checked, and held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Scripts that were played.
    pub scripts: u64,
    /// Steps that were taken and compared.
    pub steps: u64,
    /// Of those, steps that were to succeed.
    pub done: u64,
    /// And steps that were to be refused.
    pub refused: u64,
    /// Steps that the target cannot do.
    pub passed_over: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scripts, steps, done, refused, passed_over } = self;
        write!(f, "{steps} steps in {scripts} scripts, {done} done and {refused} refused as expected")?;
        match passed_over {
            0 => Ok(()),
            _ => write!(f, ", {passed_over} passed over"),
        }
    }
}

/// A script that does not go as the rules say, the shortest that was found. Its debug output is for people, too: it is what
/// `unwrap` shows.
#[derive(Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The script. It differs at its last step.
    pub script: Script,
    /// What was expected of that step.
    pub expected: Expected,
    /// What was observed.
    pub observed: Observed,
    /// The dice's seed, and how many scripts went well before.
    pub found: Option<(u64, u64)>,
    /// Steps the script had before it was shortened.
    pub steps_before: usize,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, expected, observed, found, steps_before } = self;
        match found {
            Some((seed, before)) => {
                writeln!(f, "after {before} scripts of seed {seed}, this one is not answered as expected:")?
            }
            None => writeln!(f, "the script is not answered as expected:")?,
        }
        for (at, step) in (1..).zip(&script.steps) {
            writeln!(f, "  {at}. {step}")?;
        }
        writeln!(f, "  expected: {expected}")?;
        writeln!(f, "  observed: {observed}")?;
        writeln!(f, "(shortened from {steps_before} steps)")?;
        writeln!(f, "to replay it, as JSON:\n{}as Rust:\n{}", script.to_json(), script.to_rust())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Failure {}

/// Plays scripts out of dice, and compares each step with the model.
///
/// # Errors
/// With the shortest script that does not go as the rules of the target's scope say.
pub async fn check<T: Target>(target: &T, config: &Config) -> Result<Summary, Box<Failure>> {
    let scripts = scripts(target.scope(), 1..=config.longest);
    let mut dice = dice(config.seed);
    let mut summary = Summary::default();
    while summary.steps + summary.passed_over < config.steps {
        let script = scripts.new_tree(&mut dice).expect("any roll of the dice makes a script").current();
        if let Err(mut failure) = play(target, &script, &mut summary).await {
            failure.found = Some((config.seed, summary.scripts));
            return Err(shortest(target, failure, config.shrink_steps).await);
        }
        summary.scripts += 1;
    }
    Ok(summary)
}

/// [`check`], in the calling thread. Needs no runtime, unless the target's client does.
///
/// # Errors
/// As [`check`].
pub fn check_blocking<T: Target>(target: &T, config: &Config) -> Result<Summary, Box<Failure>> {
    block_on(check(target, config))
}

/// [`check_blocking`], and panics with what was found.
///
/// # Panics
/// If a script does not go as the rules of the target's scope say.
#[track_caller]
pub fn assert_conforms<T: Target>(target: &T, config: &Config) {
    if let Err(failure) = check_blocking(target, config) {
        panic!("{failure}");
    }
}

/// Plays one script, and compares each step with the model.
///
/// # Errors
/// With the script up to the step that does not go as expected.
pub async fn replay<T: Target>(target: &T, script: &Script) -> Result<Summary, Box<Failure>> {
    let mut summary = Summary::default();
    play(target, script, &mut summary).await?;
    summary.scripts = 1;
    Ok(summary)
}

/// [`replay`], in the calling thread.
///
/// # Errors
/// As [`replay`].
pub fn replay_blocking<T: Target>(target: &T, script: &Script) -> Result<Summary, Box<Failure>> {
    block_on(replay(target, script))
}

async fn play<T: Target>(target: &T, script: &Script, summary: &mut Summary) -> Result<(), Box<Failure>> {
    let session = Session::new(target, &summary.scripts.to_string());
    let played = compare(&session, target, script, summary).await;
    if !target.reset() {
        session.clean_up().await;
    }
    played
}

async fn compare<T: Target>(
    session: &Session<'_, T>,
    target: &T,
    script: &Script,
    summary: &mut Summary,
) -> Result<(), Box<Failure>> {
    let scope = target.scope();
    let mut model = Model::new(scope.rules.clone());
    for (at, step) in script.steps.iter().enumerate() {
        let Some(observed) = session.take(step).await else {
            summary.passed_over += 1;
            continue;
        };
        let expected = model.step(step);
        if !expected.admits(&observed, scope.precedence) {
            let script = Script { steps: script.steps[..=at].to_vec() };
            let steps_before = script.steps.len();
            return Err(Box::new(Failure { script, expected, observed, found: None, steps_before }));
        }
        session.teach(&mut model, step);
        summary.steps += 1;
        *(if expected.is_done() { &mut summary.done } else { &mut summary.refused }) += 1;
    }
    Ok(())
}

/// Takes the first simpler script that fails too, again and again.
async fn shortest<T: Target>(target: &T, failure: Box<Failure>, budget: u64) -> Box<Failure> {
    let mut shortest = failure;
    let mut spent = Summary::default();
    'shorter: loop {
        for candidate in shortest.script.simpler() {
            if spent.steps > budget {
                return shortest;
            }
            spent.scripts += 1;
            if let Err(failure) = play(target, &candidate, &mut spent).await {
                let Failure { script, expected, observed, .. } = *failure;
                let Failure { found, steps_before, .. } = *shortest;
                shortest = Box::new(Failure { script, expected, observed, found, steps_before });
                continue 'shorter;
            }
        }
        return shortest;
    }
}

fn dice(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(RunnerConfig { failure_persistence: None, ..RunnerConfig::default() }, rng)
}

/// Drives a future in the calling thread.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
