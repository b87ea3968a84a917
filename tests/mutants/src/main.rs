//! Judges the mutants: the kit's checks with each of them switched on must fail, and with none must pass. One process for
//! each, since the switch is in the environment.

#[allow(dead_code, reason = "what is bred is read where it is bred")]
mod mutants;
mod trial;

use std::{
    collections::BTreeSet,
    env,
    num::NonZeroUsize,
    process::{Command, ExitCode, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use fake_bucket::conformance::laws::{Law, laws};
use mutants::ROWS;
use trial::{Caught, SWITCH};

fn main() -> ExitCode {
    match env::var(SWITCH) {
        Ok(_) => trial::hold(),
        Err(_) => judge(&env::args().skip(1).collect::<Vec<_>>()),
    }
}

/// What came of one mutant.
enum Verdict {
    Caught(Caught),
    Survived,
    /// Its process ended otherwise, and said this.
    BrokeDown(String),
}

fn judge(wanted: &[String]) -> ExitCode {
    let unmutated = try_in_a_process("none");
    if !matches!(unmutated, Verdict::Survived) {
        println!("the fake without a mutant does not pass\n{}", told("none", &unmutated));
        return ExitCode::FAILURE;
    }
    let mut seen = BTreeSet::new();
    let mut names: Vec<_> = ROWS.iter().map(|row| row.name).filter(|name| seen.insert(*name)).collect();
    names.retain(|name| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())));
    let verdicts = in_parallel(&names, |name| try_in_a_process(name));
    let judged = || names.iter().zip(&verdicts);
    for (name, verdict) in judged() {
        println!("{}", told(name, verdict));
    }
    print_table(judged());
    let at_large = judged().filter(|(_, verdict)| !matches!(verdict, Verdict::Caught(_))).count();
    println!("\n{} mutants, {at_large} not caught; the fake without any passes", names.len());
    let toothless = if wanted.is_empty() { laws_unbroken(&verdicts) } else { Vec::new() };
    for law in &toothless {
        println!("no mutant breaks the law: {law}");
    }
    if at_large == 0 && toothless.is_empty() && !names.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn laws_unbroken(verdicts: &[Verdict]) -> Vec<&'static str> {
    let breaks = |verdict: &Verdict, law: &str| matches!(verdict, Verdict::Caught(caught) if caught.laws.contains(law));
    let unbroken = |law: &&str| !verdicts.iter().any(|verdict| breaks(verdict, law));
    laws().into_iter().map(Law::name).filter(unbroken).collect()
}

fn try_in_a_process(name: &str) -> Verdict {
    let itself = env::current_exe().expect("the path of this program");
    let output = Command::new(itself).env(SWITCH, name).stdin(Stdio::null()).output().expect("this program, again");
    let text = String::from_utf8_lossy(&output.stdout);
    match (output.status.code(), Caught::read(&text)) {
        (Some(0), _) => Verdict::Survived,
        (Some(1), Some(caught)) => Verdict::Caught(caught),
        _ => Verdict::BrokeDown(format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// As many at once as there are cores.
fn in_parallel<T: Send>(names: &[&str], each: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let at = next.fetch_add(1, Relaxed)
            && let Some(name) = names.get(at)
        {
            done.push((at, each(name)));
        }
        done
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut all: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker that does not panic")).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, verdict)| verdict).collect()
}

fn told(name: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Caught(Caught { by, on, after, story, .. }) => {
            format!("== {name}\ncaught by {by}, on {on}, after {after}\n{story}")
        }
        Verdict::Survived => format!("== {name}\nNOT CAUGHT\n"),
        Verdict::BrokeDown(output) => format!("== {name}\nBROKE DOWN\n{output}\n"),
    }
}

fn print_table<'a>(judged: impl Iterator<Item = (&'a &'static str, &'a Verdict)>) {
    println!("| mutant | caught by | on | after | steps of the shortest | laws it breaks |");
    println!("|---|---|---|---|---|---|");
    for (name, verdict) in judged {
        match verdict {
            Verdict::Caught(Caught { by, on, after, shortest, laws, .. }) => {
                println!("| {name} | {by} | {on} | {after} | {shortest} | {laws} |");
            }
            Verdict::Survived => println!("| {name} | NOT CAUGHT | | | | |"),
            Verdict::BrokeDown(_) => println!("| {name} | BROKE DOWN | | | | |"),
        }
    }
}
