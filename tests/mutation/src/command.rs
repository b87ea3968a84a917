//! The command line, and the run it asks for.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    accepted::Accepted,
    cargo::{self, Binary, Builds},
    coverage,
    judge::Judge,
    report::Report,
    scope::{self, Scope},
    site::Mutant,
    suite::Harness,
    tree::Sources,
    verdicts::{Verdict, Verdicts},
};

const USAGE: &str = "usage: tests/mutation/run [--file PREFIX] [--function NAME] [--since REV] [--shard K/N] [--jobs N]
                          [--quick] [--first PREFIX] [--again survivors|all] [--list] [--show ID]";

/// How often the list of survivors is written while a run goes on.
const PAUSE: Duration = Duration::from_secs(30);

/// How often a build may fail because of mutants that do not compile.
const ROUNDS: usize = 60;

#[derive(Default)]
struct Options {
    scope: Scope,
    since: Option<String>,
    jobs: usize,
    again: Option<String>,
    list: bool,
    quick: bool,
    first: String,
    show: Option<String>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { jobs: 2, ..Self::default() };
        while let Some(argument) = arguments.next() {
            if argument == "--list" {
                options.list = true;
                continue;
            }
            if argument == "--quick" {
                options.quick = true;
                continue;
            }
            let value = arguments.next().ok_or(USAGE)?;
            match argument.as_str() {
                "--file" => options.scope.file = Some(value.trim_start_matches("./").to_owned()),
                "--function" => options.scope.function = Some(value),
                "--first" => options.first = value,
                "--since" => options.since = Some(value.trim().to_owned()),
                "--jobs" => options.jobs = value.parse().ok().filter(|jobs| *jobs > 0).ok_or(USAGE)?,
                "--again" if ["survivors", "all"].contains(&value.as_str()) => options.again = Some(value),
                "--show" => options.show = Some(value),
                "--shard" => {
                    let (part, parts) = value.split_once('/').ok_or(USAGE)?;
                    let shard = (part.parse().map_err(|_| USAGE)?, parts.parse().map_err(|_| USAGE)?);
                    if shard.0 == 0 || shard.0 > shard.1 {
                        return Err(USAGE.to_owned());
                    }
                    options.scope.shard = Some(shard);
                }
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }
}

/// Where things are.
struct Places {
    root: PathBuf,
    work: PathBuf,
}

impl Places {
    fn tree(&self) -> PathBuf {
        self.work.join("tree")
    }
}

/// Runs the command; false if a mutant survived or `accepted.txt` is wrong.
///
/// # Errors
/// If the command line is wrong or a mutated build fails for another reason than a mutant.
pub fn run(arguments: impl Iterator<Item = String>) -> Result<bool, String> {
    let mut options = Options::parse(arguments)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    let places = Places { work: root.join("target/mutation"), root };
    if let Some(since) = &options.since {
        let changed = scope::changed(&places.root, since)?;
        if changed.as_ref().is_none_or(HashMap::is_empty) {
            let why = if changed.is_none() { "is not in this clone" } else { "has the same src/" };
            println!("{since} {why}: nothing to judge");
            println!("0 mutants, 0 killed (0 of them by time-out), 0 accepted, 0 survived");
            return Ok(true);
        }
        options.scope.changed = changed;
    }
    let sources = Sources::read(&places.root)?;
    let all = sources.mutants();
    if let Some(id) = &options.show {
        return show(&sources, &all, &places.root, id);
    }
    if options.list {
        all.iter().filter(|mutant| options.scope.holds(mutant)).for_each(|mutant| println!("{}", mutant.located()));
        return Ok(true);
    }
    fs::create_dir_all(places.tree()).map_err(|error| format!("{}: {error}", places.work.display()))?;
    // Two runs in one checkout would spoil each other's copy.
    let lock = fs::File::create(places.work.join("lock")).map_err(|error| format!("lock: {error}"))?;
    lock.try_lock().map_err(|_| "another run is going on in this checkout".to_owned())?;
    judged(&options, &places, &sources, &all)
}

fn judged(options: &Options, places: &Places, sources: &Sources, all: &[&Mutant]) -> Result<bool, String> {
    let accepted = Accepted::read(&places.root.join("tests/mutation/accepted.txt"))?;
    let wanted: HashSet<usize> = (0..all.len()).filter(|&number| options.scope.holds(all[number])).collect();
    let (binaries, live) = build(places, sources, all, wanted)?;
    let folder = places.tree();
    let harnesses: Vec<Harness> =
        binaries.into_iter().map(|binary| Harness::of(binary, &folder)).collect::<Result<_, _>>()?;
    let coverage = coverage::record(&harnesses, &folder, &places.work.join("coverage.json"), options.jobs)?;
    for test in &coverage.unfit {
        eprintln!("not used, since it fails in the mutated copy without any mutant: {test}");
    }
    let mut judged: Vec<usize> = live.into_iter().filter(|&number| options.scope.shards(number)).collect();
    judged.sort_unstable();
    let mutants: Vec<&Mutant> = judged.iter().map(|&number| all[number]).collect();
    let verdicts = Verdicts::open(&places.work.join("verdicts.jsonl"))?;
    let todo = judged.into_iter().filter(|&number| {
        verdicts.get(&all[number].key()).is_none_or(|verdict| match options.again.as_deref() {
            Some("all") => true,
            Some(_) => verdict.survives(),
            None => *verdict == Verdict::Unnoticed && !options.quick,
        })
    });
    let mut todo: Vec<usize> = todo.collect();
    todo.sort_by_key(|&number| !all[number].file.starts_with(&options.first));
    let judge = Judge {
        harnesses: &harnesses,
        tests: &coverage.tests,
        folder: &folder,
        quick: options.quick,
        noticed: Mutex::default(),
    };
    let report = |verdicts: &Verdicts| Report::new(&mutants, all, options.scope.whole(), &accepted, verdicts);
    let survivors = places.work.join("survivors.txt");
    let verdicts = each(&judge, &todo, all, options.jobs, verdicts, |verdicts| report(verdicts).write(&survivors))?;

    let report = report(&verdicts);
    report.write(&survivors)?;
    report.survivors.iter().chain(&report.errors).for_each(|line| println!("{line}"));
    println!("{}{}", report.summary(), told(options));
    Ok(report.good())
}

/// Judges mutants side by side.
fn each(
    judge: &Judge,
    todo: &[usize],
    all: &[&Mutant],
    jobs: usize,
    verdicts: Verdicts,
    keep: impl Fn(&Verdicts) -> Result<(), String> + Sync,
) -> Result<Verdicts, String> {
    let (next, started) = (AtomicUsize::new(0), Instant::now());
    let shared = Mutex::new((verdicts, Instant::now(), Ok(())));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(&number) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict: Verdict = judge.judge(number, all[number]);
                    let mut shared = shared.lock().unwrap_or_else(|poison| poison.into_inner());
                    let (verdicts, told, result) = &mut *shared;
                    let added = verdicts.add(all[number].key(), verdict);
                    if told.elapsed() > PAUSE {
                        let done = next.load(Ordering::Relaxed).min(todo.len());
                        eprintln!("{done} of {} after {} s", todo.len(), started.elapsed().as_secs());
                        *result = std::mem::replace(result, Ok(())).and(keep(verdicts));
                        *told = Instant::now();
                    }
                    *result = std::mem::replace(result, Ok(())).and(added);
                    if result.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let (verdicts, _, result) = shared.into_inner().unwrap_or_else(|poison| poison.into_inner());
    result.map(|()| verdicts)
}

/// Builds the mutated copy, without the mutants that do not compile. Returns the test binaries and the mutants in them.
fn build(
    places: &Places,
    sources: &Sources,
    all: &[&Mutant],
    mut live: HashSet<usize>,
) -> Result<(Vec<Binary>, HashSet<usize>), String> {
    let (tree, target, list) = (places.tree(), places.work.join("build"), places.work.join("uncompilable.txt"));
    let known = fs::read_to_string(&list).unwrap_or_default();
    let mut dropped: HashSet<String> = known.lines().map(str::to_owned).collect();
    live.retain(|&number| !dropped.contains(&all[number].key()));
    for _ in 0..ROUNDS {
        eprintln!("building {} of {} mutants", live.len(), all.len());
        let written = sources.write(&tree, &live)?;
        let builds = Builds { tree: &tree, target: &target, mutants: live.len() };
        let errors = cargo::check(&builds)?;
        if errors.is_empty() {
            return Ok((cargo::tests(&builds)?, live));
        }
        let before = live.len();
        for error in &errors {
            let blamed = error.places.iter().map(|(file, bytes)| written.blame(file, bytes));
            let blamed = blamed.into_iter().find(|blamed| !blamed.is_empty()).unwrap_or_else(|| {
                let mut around = written.around(&error.places);
                // What runs on although it should have stopped is the likeliest.
                if around.iter().any(|&number| all[number].operator == "statement") {
                    around.retain(|&number| all[number].operator == "statement");
                }
                around
            });
            for number in blamed {
                live.remove(&number);
                dropped.insert(all[number].key());
            }
        }
        if live.len() == before {
            return Err(format!("the mutated copy does not compile, and no mutant is to blame:\n{}", errors[0].text));
        }
        let mut lines: Vec<&str> = dropped.iter().map(String::as_str).collect();
        lines.sort_unstable();
        fs::write(&list, lines.join("\n") + "\n").map_err(|error| format!("{}: {error}", list.display()))?;
    }
    Err("the mutated copy does not compile".to_owned())
}

/// Shows what a mutant changes: its lines in the source, and what the switch puts there.
fn show(sources: &Sources, all: &[&Mutant], root: &Path, id: &str) -> Result<bool, String> {
    let shown: Vec<usize> =
        (0..all.len()).filter(|&number| all[number].located().contains(id) || all[number].id() == id).collect();
    for &number in &shown {
        let mutant = all[number];
        println!("{}", mutant.located());
        let before =
            fs::read_to_string(root.join(&mutant.file)).map_err(|error| format!("{}: {error}", mutant.file))?;
        let after = sources.alone(number);
        let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let same = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
        let rest = before.len().min(after.len()) - same;
        let tail =
            before.iter().rev().zip(after.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
        before[same.saturating_sub(3)..same].iter().for_each(|line| println!("  {line}"));
        before[same..before.len() - tail].iter().for_each(|line| println!("- {line}"));
        after[same..after.len() - tail].iter().for_each(|line| println!("+ {line}"));
        before[before.len() - tail..].iter().take(3).for_each(|line| println!("  {line}"));
    }
    if shown.is_empty() { Err(format!("no mutant has {id:?} in its line of --list")) } else { Ok(true) }
}

/// The scope, behind the last line.
fn told(options: &Options) -> String {
    let mut parts = Vec::new();
    if let Some(file) = &options.scope.file {
        parts.push(format!("in {file}"));
    }
    if let Some(function) = &options.scope.function {
        parts.push(format!("in functions {function}"));
    }
    if let Some(since) = &options.since {
        parts.push(format!("changed since {since}"));
    }
    if let Some((part, parts_of)) = options.scope.shard {
        parts.push(format!("shard {part} of {parts_of}"));
    }
    if parts.is_empty() { " (all of src)".to_owned() } else { format!(" ({})", parts.join(", ")) }
}
