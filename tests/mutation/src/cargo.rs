//! Builds of the mutated copy.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// From so many mutants on, the tests run so often that optimised code is worth a longer build of the mutated crate.
const MANY: usize = 2000;

/// A test binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    pub name: String,
    pub path: PathBuf,
}

/// A compile error's places: the file below the tree and the bytes in it, the likeliest first.
pub struct CompileError {
    pub places: Vec<(String, Range<usize>)>,
    pub text: String,
}

/// Builds in a copy of the project.
pub struct Builds<'a> {
    pub tree: &'a Path,
    pub target: &'a Path,
    /// How many mutants are in the copy.
    pub mutants: usize,
}

/// Checks the library and the program with every feature, and returns the errors.
///
/// # Errors
/// If Cargo cannot be started.
pub fn check(builds: &Builds) -> Result<Vec<CompileError>, String> {
    let mut errors = Vec::new();
    cargo(builds, &["check", "--lib", "--bins", "--all-features"], |message| {
        let message = &message["message"];
        if message["level"] == "error" && message["spans"].as_array().is_some_and(|spans| !spans.is_empty()) {
            errors.push(error(message));
        }
    })?;
    Ok(errors)
}

/// Builds every test binary with every feature.
///
/// # Errors
/// If it does not build.
pub fn tests(builds: &Builds) -> Result<Vec<Binary>, String> {
    let mut binaries = Vec::new();
    let mut said = String::new();
    let success = cargo(builds, &["test", "--no-run", "--lib", "--bins", "--tests", "--all-features"], |message| {
        if let (Some(path), true) = (message["executable"].as_str(), message["profile"]["test"] == true) {
            let target = &message["target"];
            let kind = target["kind"][0].as_str().unwrap_or_default();
            let name = format!("{kind} {}", target["name"].as_str().unwrap_or_default());
            binaries.push(Binary { name, path: path.into() });
        }
        if message["message"]["level"] == "error" {
            said.push_str(message["message"]["rendered"].as_str().unwrap_or_default());
        }
    })?;
    binaries.sort_by(|one, other| one.name.cmp(&other.name));
    if success { Ok(binaries) } else { Err(format!("the mutated tests do not build:\n{said}")) }
}

fn cargo(builds: &Builds, arguments: &[&str], mut each: impl FnMut(&Value)) -> Result<bool, String> {
    let mut command = Command::new("cargo");
    command.current_dir(builds.tree).args(arguments);
    command.args(["--message-format", "json", "--target-dir"]).arg(builds.target);
    command.args(["--config", "profile.dev.package.'*'.opt-level=1"]);
    if builds.mutants >= MANY {
        command.args(["--config", "profile.dev.package.fake-bucket.opt-level=1"]);
    }
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("RUSTFLAGS");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("cargo: {error}"))?;
    let lines = child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    for line in lines.map_while(Result::ok) {
        if let Ok(message) = serde_json::from_str(&line) {
            each(&message);
        }
    }
    Ok(child.wait().map_err(|error| format!("cargo: {error}"))?.success())
}

fn error(message: &Value) -> CompileError {
    let mut places = Vec::new();
    let mut spans: Vec<&Value> = message["spans"].as_array().into_iter().flatten().collect();
    spans.sort_by_key(|span| span["is_primary"] != true);
    let children = message["children"].as_array().into_iter().flatten();
    spans.extend(children.filter_map(|child| child["spans"].as_array()).flatten());
    let mut seen = HashSet::new();
    for mut span in spans {
        // Where a macro is involved, its invocation.
        while span["expansion"].is_object() {
            span = &span["expansion"]["span"];
        }
        let byte = |name: &str| span[name].as_u64().and_then(|byte| usize::try_from(byte).ok());
        if let (Some(file), Some(start), Some(end)) = (span["file_name"].as_str(), byte("byte_start"), byte("byte_end"))
            && seen.insert((file, start, end))
        {
            places.push((file.to_owned(), start..end));
        }
    }
    CompileError { places, text: message["rendered"].as_str().unwrap_or_default().to_owned() }
}
