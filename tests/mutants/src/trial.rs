//! One trial, in a process of its own: every check there is, on the fake as the switch in the environment has it.

use std::{
    fmt::Write as _,
    pin::pin,
    process::ExitCode,
    task::{Context, Poll, Waker},
};

use fake_bucket::{
    Provider,
    conformance::{
        ConcurrentConfig, Config, Face, HttpTarget, NoSocket, Service, check_blocking, check_interleaved_blocking,
        laws::{Law, laws},
        subject,
    },
};

/// The name of the mutant that is on.
pub const SWITCH: &str = "FAKE_BUCKET_MUTANT";

/// Steps for each provider and protocol. Reported, so that it shows when they become too few.
const STEPS: u64 = 4_000;

/// Histories for each provider. The same.
const HISTORIES: u64 = 300;

const PROVIDERS: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];

/// How a mutant was caught.
#[derive(Default)]
pub struct Caught {
    pub by: String,
    pub on: String,
    /// What went well before.
    pub after: String,
    /// Steps of the shortest script or race.
    pub shortest: usize,
    /// The laws that do not hold.
    pub laws: String,
    pub story: String,
}

impl Caught {
    /// Five lines, and the story.
    fn written(&self) -> String {
        let Self { by, on, after, shortest, laws, story } = self;
        format!("{by}\n{on}\n{after}\n{shortest}\n{laws}\n{story}")
    }

    /// Reads what was written.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.splitn(6, '\n');
        let mut line = || lines.next().map(str::to_owned);
        Some(Self {
            by: line()?,
            on: line()?,
            after: line()?,
            shortest: line()?.parse().ok()?,
            laws: line()?,
            story: line()?,
        })
    }
}

/// Ends with 0 if all holds, and with 1 and a [`Caught`] on standard output if not.
pub fn hold() -> ExitCode {
    let checks: [&dyn Fn(Provider) -> Option<Caught>; 3] =
        [&|provider| sequential(provider, Face::Native), &|provider| sequential(provider, Face::S3), &interleaved];
    let found = checks.into_iter().find_map(|check| PROVIDERS.into_iter().find_map(check));
    let laws = broken_laws();
    if found.is_none() && laws.is_empty() {
        return ExitCode::SUCCESS;
    }
    let by_law_only = || Caught { by: laws.clone(), ..Caught::default() };
    let caught = Caught { laws: laws.clone(), ..found.unwrap_or_else(by_law_only) };
    print!("{}", caught.written());
    ExitCode::FAILURE
}

fn sequential(provider: Provider, face: Face) -> Option<Caught> {
    let fake = subject(provider).build();
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), face);
    let failure = check_blocking(&target, &Config::default().steps(STEPS)).err()?;
    let mut story = String::new();
    for (at, step) in (1..).zip(&failure.script.steps) {
        writeln!(story, "  {at}. {step}").expect("a text grows");
    }
    writeln!(story, "  expected: {}\n  observed: {}", failure.expected, failure.observed).expect("a text grows");
    Some(Caught {
        by: failure.differences.join("; "),
        on: format!("{} {face:?}", provider.name()),
        after: format!("{} steps", failure.found.map_or(0, |found| found.steps)),
        shortest: failure.script.steps.len(),
        story,
        ..Caught::default()
    })
}

fn interleaved(provider: Provider) -> Option<Caught> {
    let fake = subject(provider).build();
    let target = HttpTarget::of_fake(&fake, Service(&fake), Face::Native);
    let config = ConcurrentConfig::default().histories(HISTORIES);
    let failure = check_interleaved_blocking(&fake, &target, &config).err()?;
    let told = failure.to_string();
    let (story, _) = told.split_once("(shortened").unwrap_or((&told, ""));
    Some(Caught {
        by: "a history that no order explains".to_owned(),
        on: format!("{} Native", provider.name()),
        after: format!("{} histories", failure.found.map_or(0, |(_, histories)| histories)),
        shortest: failure.race.turns.len(),
        story: story.to_owned(),
        ..Caught::default()
    })
}

/// The names of the laws that do not hold, whatever the provider.
fn broken_laws() -> String {
    let fakes = PROVIDERS.map(|provider| subject(provider).build());
    let breaks = |law: &Law| {
        fakes.iter().any(|fake| {
            let target = HttpTarget::of_fake(fake, NoSocket(fake), Face::Native);
            at_once(law.check(&target)).is_err()
        })
    };
    let broken: Vec<_> = laws().into_iter().filter(breaks).map(Law::name).collect();
    broken.join(", ")
}

/// What a future is that waits for nothing, as without a socket nothing has to.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("it waits, without a socket"),
    }
}
