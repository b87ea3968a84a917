//! What each test reaches, recorded once for each build.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::suite::{self, Harness, Test};

/// The tests that pass in the mutated copy, and those that fail there without any mutant.
#[derive(Debug, Default)]
pub struct Coverage {
    pub tests: Vec<Test>,
    pub unfit: Vec<String>,
}

/// Records what each test reaches, unless the file tells it for these binaries already.
///
/// # Errors
/// If the file cannot be written.
pub fn record(harnesses: &[Harness], folder: &Path, file: &Path, jobs: usize) -> Result<Coverage, String> {
    let built = fingerprint(harnesses);
    let known: Value = fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    if known["built"] == built {
        return Ok(read(&known));
    }
    let mut names = Vec::new();
    for (at, harness) in harnesses.iter().enumerate() {
        names.extend(harness.names.iter().map(|name| (at, name)));
    }
    eprintln!("recording what {} tests reach", names.len());
    let next = AtomicUsize::new(0);
    let coverage = Mutex::new(Coverage::default());
    thread::scope(|scope| {
        for job in 0..jobs {
            let (next, coverage, names) = (&next, &coverage, &names);
            scope.spawn(move || {
                let scratch = file.with_extension(format!("{job}.record"));
                while let Some((at, name)) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let test = suite::record(&harnesses[*at], *at, name, folder, &scratch);
                    let mut coverage = coverage.lock().unwrap_or_else(|poison| poison.into_inner());
                    match test {
                        Some(test) => coverage.tests.push(test),
                        None => coverage.unfit.push(format!("{} {name}", harnesses[*at].binary.name)),
                    }
                }
            });
        }
    });
    let mut coverage = coverage.into_inner().unwrap_or_else(|poison| poison.into_inner());
    coverage.tests.sort_by_key(|test| test.time);
    coverage.unfit.sort();
    fs::write(file, written(&coverage, &built).to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(coverage)
}

/// Tells builds apart: each binary's path, length and time.
fn fingerprint(harnesses: &[Harness]) -> String {
    let each = harnesses.iter().map(|Harness { binary, .. }| {
        let data = fs::metadata(&binary.path).ok();
        let time = data.as_ref().and_then(|data| data.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        format!("{} {:?} {time:?}", binary.path.display(), data.map(|data| data.len()))
    });
    each.collect::<Vec<_>>().join("; ")
}

fn written(coverage: &Coverage, built: &str) -> Value {
    let tests = coverage.tests.iter().map(|test| {
        let mut reaches: Vec<_> = test.reaches.iter().collect();
        reaches.sort();
        json!({ "binary": test.binary, "name": test.name, "micros": test.time.as_micros() as u64, "reaches": reaches })
    });
    json!({ "built": built, "unfit": coverage.unfit, "tests": tests.collect::<Vec<_>>() })
}

fn read(known: &Value) -> Coverage {
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap_or_default()).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let tests = list(&known["tests"]);
    let tests = tests.iter().map(|test| Test {
        binary: number(&test["binary"]),
        name: text(&test["name"]),
        time: Duration::from_micros(test["micros"].as_u64().unwrap_or_default()),
        reaches: list(&test["reaches"]).iter().map(number).collect::<HashSet<_>>(),
    });
    Coverage { tests: tests.collect(), unfit: list(&known["unfit"]).iter().map(text).collect() }
}
