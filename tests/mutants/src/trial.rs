//! One trial, in a process of its own: every check there is, on the fake as the switch in the environment has it.

use std::{fmt::Write as _, process::ExitCode};

use fake_bucket::{
    Provider,
    conformance::{Config, Face, Failure, HttpTarget, NoSocket, check_blocking, subject},
};

/// The name of the mutant that is on.
pub const SWITCH: &str = "FAKE_BUCKET_MUTANT";

/// Steps for each provider and protocol. Reported, so that it shows when they become too few.
const STEPS: u64 = 4_000;

const PROVIDERS: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];

/// How a mutant was caught.
#[derive(Default)]
pub struct Caught {
    pub by: String,
    pub on: String,
    /// Steps that went well before.
    pub after: u64,
    /// Steps of the shortest script.
    pub shortest: usize,
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
            after: line()?.parse().ok()?,
            shortest: line()?.parse().ok()?,
            laws: line()?,
            story: line()?,
        })
    }
}

/// Ends with 0 if all holds, and with 1 and a [`Caught`] on standard output if not.
pub fn hold() -> ExitCode {
    match [Face::Native, Face::S3].into_iter().find_map(sequential) {
        None => ExitCode::SUCCESS,
        Some(caught) => {
            print!("{}", caught.written());
            ExitCode::FAILURE
        }
    }
}

fn sequential(face: Face) -> Option<Caught> {
    PROVIDERS.into_iter().find_map(|provider| {
        let fake = subject(provider).build();
        let target = HttpTarget::of_fake(&fake, NoSocket(&fake), face);
        let failure = check_blocking(&target, &Config::default().steps(STEPS)).err()?;
        Some(caught(&failure, format!("{} {face:?}", provider.name())))
    })
}

fn caught(failure: &Failure, on: String) -> Caught {
    let mut story = String::new();
    for (at, step) in (1..).zip(&failure.script.steps) {
        writeln!(story, "  {at}. {step}").expect("a text grows");
    }
    writeln!(story, "  expected: {}\n  observed: {}", failure.expected, failure.observed).expect("a text grows");
    Caught {
        by: failure.differences.join("; "),
        on,
        after: failure.found.map_or(0, |found| found.steps),
        shortest: failure.script.steps.len(),
        laws: String::new(),
        story,
    }
}
