//! Runs of tests: which there are, what each reaches, and whether they pass with a mutant.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::cargo::Binary;

/// Kibibytes of address space a test process may have, so that an endless loop does not take the machine's memory.
const MEMORY: u64 = 8 << 20;

/// A named test and what is known of it.
#[derive(Clone, Debug)]
pub struct Test {
    /// Index of its binary.
    pub binary: usize,
    pub name: String,
    pub time: Duration,
    /// Mutants that it reaches, by number less one.
    pub reaches: HashSet<usize>,
}

/// How a run of tests ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// A test failed; its name, unless the whole process fell.
    Failed(Option<String>),
    TimedOut,
}

/// A test binary and how to ask it for tests by name.
#[derive(Debug)]
pub struct Harness {
    pub binary: Binary,
    pub names: Vec<String>,
    /// Whether it takes many names; otherwise the other tests are skipped by their names.
    many: bool,
}

impl Harness {
    /// Asks the binary for its tests.
    ///
    /// # Errors
    /// If it does not list them.
    pub fn of(binary: Binary, folder: &Path) -> Result<Self, String> {
        let list = |arguments: &[&str]| {
            let mut command = Command::new(&binary.path);
            let output = command.current_dir(folder).args(arguments).args(["--list", "--format", "terse"]).output();
            output.map_err(|error| format!("{}: {error}", binary.name))
        };
        let listed = list(&[])?;
        if !listed.status.success() {
            let said = String::from_utf8_lossy(&listed.stderr).into_owned();
            return Err(format!("{} does not list its tests: {said}", binary.name));
        }
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let names = text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
        let many = list(&["--exact", "one", "other"])?.status.success();
        Ok(Self { binary, names, many })
    }

    /// The arguments that run these tests and no others.
    fn arguments<'a>(&'a self, wanted: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["--exact"];
        if self.many || wanted.len() == 1 {
            arguments.extend(wanted);
        } else {
            let others = self.names.iter().map(String::as_str).filter(|name| !wanted.contains(name));
            arguments.extend(others.flat_map(|name| ["--skip", name]));
        }
        arguments
    }
}

/// Runs one test by itself and records what it reaches; none if it fails without any mutant.
pub fn record(harness: &Harness, at: usize, name: &str, folder: &Path, file: &Path) -> Option<Test> {
    for _ in 0..2 {
        let _ = fs::remove_file(file);
        let started = Instant::now();
        let setting = [("MUTATION", "record".to_owned()), ("MUTATION_RECORD", file.display().to_string())];
        let outcome = run(harness, &[name], folder, &setting, Duration::from_secs(300));
        let time = started.elapsed();
        if outcome == Outcome::Passed {
            let text = fs::read_to_string(file).unwrap_or_default();
            let reaches = text.lines().filter_map(|line| line.parse::<usize>().ok()).map(|number| number - 1).collect();
            return Some(Test { binary: at, name: name.to_owned(), time, reaches });
        }
    }
    None
}

/// Runs tests of one binary in one process, with a mutant, until the first fails.
pub fn judge(harness: &Harness, tests: &[&Test], folder: &Path, mutant: usize) -> Outcome {
    let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    let limit = tests.iter().map(|test| test.time).sum::<Duration>() * 5 + Duration::from_secs(10);
    run(harness, &names, folder, &[("MUTATION", (mutant + 1).to_string())], limit)
}

fn run(harness: &Harness, names: &[&str], folder: &Path, setting: &[(&str, String)], limit: Duration) -> Outcome {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -c 0; ulimit -v {MEMORY}; exec \"$0\" \"$@\"")]).arg(&harness.binary.path);
    command.args(harness.arguments(names)).current_dir(folder).envs(setting.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let Ok(mut child) = command.spawn() else { return Outcome::Failed(None) };
    let (sender, lines) = mpsc::channel();
    let stdout = child.stdout.take();
    // Ends when the last process that writes to the pipe has ended.
    thread::spawn(move || {
        for line in stdout.map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let ends = Instant::now() + limit;
    let outcome = loop {
        match lines.recv_timeout(ends.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(name) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
                    break Some(Outcome::Failed(Some(name.trim().to_owned())));
                }
                if line.starts_with("test result: ") {
                    break None;
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => break Some(Outcome::TimedOut),
            Err(mpsc::RecvTimeoutError::Disconnected) => break None,
        }
    };
    // A process that has ended by itself has no group left to end.
    let ended = outcome.unwrap_or_else(|| exit(&mut child, ends));
    if child.try_wait().is_ok_and(|status| status.is_none()) {
        stop(&mut child);
    }
    ended
}

fn exit(child: &mut Child, ends: Instant) -> Outcome {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Outcome::Passed,
            Ok(Some(_)) | Err(_) => return Outcome::Failed(None),
            Ok(None) if Instant::now() > ends => return Outcome::TimedOut,
            Ok(None) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Ends the process and those it started, which share its group.
fn stop(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
    let _ = child.wait();
}
