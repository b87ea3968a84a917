//! The sequential check: scripts out of dice, each step compared with the model, and the shortest script that differs.

use std::{
    collections::BTreeSet,
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
    difference::{Onward, differences, is_known},
    laws::Law,
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
    known: BTreeSet<String>,
    waived: BTreeSet<Law>,
}

impl Default for Config {
    /// 10,000 steps, from seed 0; no difference is known, and no law is waived.
    fn default() -> Self {
        let (known, waived) = (BTreeSet::new(), BTreeSet::new());
        Self { seed: 0, steps: 10_000, longest: 40, shrink_steps: 100_000, known, waived }
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

    /// Differences that are known, in the words of [`Failure::differences`]: they are checked on after. What the target
    /// refuses against the rules is taken for undone; a script ends where it does what it should refuse.
    pub fn known(mut self, differences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.known.extend(differences.into_iter().map(Into::into));
        self
    }

    /// Waives laws: [`check_laws`](super::laws::check_laws) does not hold a target to them.
    pub fn waive(mut self, laws: impl IntoIterator<Item = Law>) -> Self {
        self.waived.extend(laws);
        self
    }

    pub(super) fn waives(&self, law: Law) -> bool {
        self.waived.contains(&law)
    }
}

impl Config {
    fn is_enough(&self, summary: &Summary) -> bool {
        summary.steps + summary.passed_over + summary.known >= self.steps
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
    /// Steps that were answered otherwise than expected, as is known.
    pub known: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scripts, steps, done, refused, passed_over, known } = self;
        write!(f, "{steps} steps in {scripts} scripts, {done} done and {refused} refused as expected")?;
        for (steps, words) in [(known, "differing as is known"), (passed_over, "passed over")] {
            if *steps > 0 {
                write!(f, ", {steps} {words}")?;
            }
        }
        Ok(())
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
    /// What it differs in, in words that leave the particulars out, as [`Config::known`] takes them.
    pub differences: Vec<String>,
    /// Where it was found, if it came out of dice.
    pub found: Option<Found>,
    /// Steps the script had before it was shortened.
    pub steps_before: usize,
}

impl Failure {
    /// Whether the target went away at the last step. It is not known then whether the target does as the rules say.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.observed, Observed::Unreachable(_))
    }
}

/// Where a script that fails was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The dice's seed.
    pub seed: u64,
    /// Scripts that went well before.
    pub scripts: u64,
    /// Steps that went well before.
    pub steps: u64,
}

impl Found {
    fn after(seed: u64, summary: &Summary) -> Option<Self> {
        Some(Self { seed, scripts: summary.scripts, steps: summary.steps })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, expected, observed, differences, found, steps_before } = self;
        match found {
            _ if self.is_unreachable() => {
                writeln!(f, "the target went away at the last of these steps:")?;
                return write_steps(f, script, expected, observed);
            }
            Some(Found { seed, scripts, steps }) => writeln!(
                f,
                "after {scripts} scripts of seed {seed}, {steps} steps, this one is not answered as expected:"
            )?,
            None => writeln!(f, "the script is not answered as expected:")?,
        }
        write_steps(f, script, expected, observed)?;
        writeln!(f, "(shortened from {steps_before} steps; to check on after it: .known({differences:?}))")?;
        writeln!(f, "to replay it, as JSON:\n{}as Rust:\n{}", script.to_json(), script.to_rust())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Failure {}

/// Everything a target was found to differ in.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// What was checked.
    pub summary: Summary,
    /// A shortest script for each difference, in the order they were found.
    pub found: Vec<Failure>,
    /// The script at which the target went away, if it did. The survey ends there.
    pub unreachable: Option<Box<Failure>>,
}

impl Survey {
    /// Adds what was found, in place of what it explains: one of the reasons, say, where there were several.
    fn add(&mut self, failure: Failure) {
        let words = failure.differences.iter().cloned().collect();
        self.found.retain(|earlier| !earlier.differences.iter().all(|found| is_known(found, &words)));
        self.found.push(failure);
    }

    /// The differences, in order of their words.
    pub fn differences(&self) -> BTreeSet<&str> {
        self.found.iter().flat_map(|failure| &failure.differences).map(String::as_str).collect()
    }
}

/// A list: each difference, and the steps that show it.
impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failure { script, expected, observed, differences, .. } in &self.found {
            writeln!(f, "{}", differences.join("; "))?;
            write_steps(f, script, expected, observed)?;
            writeln!(f)?;
        }
        if let Some(failure) = &self.unreachable {
            writeln!(f, "{failure}")?;
        }
        write!(f, "{}", self.summary)
    }
}

fn write_steps(f: &mut fmt::Formatter<'_>, script: &Script, expected: &Expected, observed: &Observed) -> fmt::Result {
    for (at, step) in (1..).zip(&script.steps) {
        writeln!(f, "  {at}. {step}")?;
    }
    writeln!(f, "  expected: {expected}")?;
    writeln!(f, "  observed: {observed}")
}

/// Plays scripts out of dice, and compares each step with the model.
///
/// # Errors
/// With the shortest script that does not go as the rules of the target's scope say.
pub async fn check<T: Target>(target: &T, config: &Config) -> Result<Summary, Box<Failure>> {
    let scripts = scripts(target.scope(), 1..=config.longest);
    let mut dice = dice(config.seed);
    let mut summary = Summary::default();
    while !config.is_enough(&summary) {
        let script = scripts.new_tree(&mut dice).expect("any roll of the dice makes a script").current();
        if let Err(mut failure) = play(target, &script, &config.known, &mut summary).await {
            failure.found = Found::after(config.seed, &summary);
            return Err(shortest(target, failure, config).await);
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

/// As [`check`], but goes on after each difference and finds them all: for a store that is known to differ, a gateway, say.
///
/// ```
/// use fake_bucket::{AbortRight, Provider};
/// use fake_bucket::conformance::{Config, Face, HttpTarget, NoSocket, assert_conforms, subject, survey_blocking};
///
/// let fake = subject(Provider::Oss).who_may_abort(AbortRight::InitiatorOnly).build();
/// let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
/// let survey = survey_blocking(&target, &Config::default().steps(500));
/// let differences = survey.differences();
/// assert!(differences.contains("abort: 403 AccessDenied, not done"), "{survey}");
/// assert_conforms(&target, &Config::default().steps(500).known(differences));
/// ```
pub async fn survey<T: Target>(target: &T, config: &Config) -> Survey {
    let scripts = scripts(target.scope(), 1..=config.longest);
    let mut dice = dice(config.seed);
    let mut config = config.clone();
    let mut survey = Survey::default();
    while !config.is_enough(&survey.summary) {
        let script = scripts.new_tree(&mut dice).expect("any roll of the dice makes a script").current();
        // What counts is the time it goes to its end.
        let mut summary = survey.summary;
        while let Err(mut failure) = play(target, &script, &config.known, &mut summary).await {
            failure.found = Found::after(config.seed, &survey.summary);
            if failure.is_unreachable() {
                survey.unreachable = Some(failure);
                return survey;
            }
            let failure = shortest(target, failure, &config).await;
            config.known.extend(failure.differences.iter().cloned());
            survey.add(*failure);
            summary = survey.summary;
        }
        survey.summary = Summary { scripts: summary.scripts + 1, ..summary };
    }
    survey
}

/// [`survey`], in the calling thread.
pub fn survey_blocking<T: Target>(target: &T, config: &Config) -> Survey {
    block_on(survey(target, config))
}

/// Plays one script, and compares each step with the model.
///
/// # Errors
/// With the script up to the step that does not go as expected.
pub async fn replay<T: Target>(target: &T, script: &Script) -> Result<Summary, Box<Failure>> {
    replay_knowing(target, script, &Config::default()).await
}

/// [`replay`], going on after the differences that are [known](Config::known).
///
/// # Errors
/// As [`replay`].
pub async fn replay_knowing<T: Target>(target: &T, script: &Script, config: &Config) -> Result<Summary, Box<Failure>> {
    let mut summary = Summary::default();
    play(target, script, &config.known, &mut summary).await?;
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

async fn play<T: Target>(
    target: &T,
    script: &Script,
    known: &BTreeSet<String>,
    summary: &mut Summary,
) -> Result<(), Box<Failure>> {
    let session = Session::new(target, &summary.scripts.to_string());
    let played = compare(&session, target, script, known, summary).await;
    let gone = played.as_ref().is_err_and(|failure| failure.is_unreachable());
    if !gone && !target.reset() {
        session.clean_up().await;
    }
    played
}

async fn compare<T: Target>(
    session: &Session<'_, T>,
    target: &T,
    script: &Script,
    known: &BTreeSet<String>,
    summary: &mut Summary,
) -> Result<(), Box<Failure>> {
    let scope = target.scope();
    let mut model = Model::new(scope.rules.clone());
    for (at, step) in script.steps.iter().enumerate() {
        let Some(observed) = session.take(step).await else {
            summary.passed_over += 1;
            continue;
        };
        let before = (!known.is_empty()).then(|| model.clone());
        let expected = model.step(step);
        if let Observed::Unreachable(_) = observed {
            let script = Script { steps: script.steps[..=at].to_vec() };
            let (steps_before, differences) = (script.steps.len(), Vec::new());
            return Err(Box::new(Failure { script, expected, observed, differences, found: None, steps_before }));
        }
        if expected.admits(&observed, scope.precedence) {
            session.teach(&mut model, step);
            summary.steps += 1;
            *(if expected.is_done() { &mut summary.done } else { &mut summary.refused }) += 1;
            continue;
        }
        let mut differences = differences(&step.act, &expected, &observed, scope.precedence);
        differences.retain(|difference| !is_known(difference, known));
        if !differences.is_empty() {
            let script = Script { steps: script.steps[..=at].to_vec() };
            let steps_before = script.steps.len();
            return Err(Box::new(Failure { script, expected, observed, differences, found: None, steps_before }));
        }
        summary.known += 1;
        match Onward::after(&step.act, &expected, &observed) {
            Onward::AsExpected => {}
            Onward::Untaken => model = before.expect("something is known"),
            Onward::Nowhere => return Ok(()),
        }
    }
    Ok(())
}

/// Takes the first simpler script that fails too, again and again.
async fn shortest<T: Target>(target: &T, failure: Box<Failure>, config: &Config) -> Box<Failure> {
    let mut shortest = failure;
    if shortest.is_unreachable() {
        return shortest;
    }
    let mut spent = Summary::default();
    'shorter: loop {
        for candidate in shortest.script.simpler() {
            if spent.steps > config.shrink_steps {
                return shortest;
            }
            spent.scripts += 1;
            if let Err(failure) = play(target, &candidate, &config.known, &mut spent).await {
                if failure.is_unreachable() {
                    return shortest;
                }
                let Failure { found, steps_before, .. } = *shortest;
                shortest = Box::new(Failure { found, steps_before, ..*failure });
                continue 'shorter;
            }
        }
        return shortest;
    }
}

pub(super) fn dice(seed: u64) -> TestRunner {
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
