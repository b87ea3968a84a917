//! What was found out about each mutant, kept in a file so that a later run need not find it out again.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
};

use serde_json::{Value, json};

/// What the tests say of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The named test, or a whole process, fails.
    Killed(String),
    /// A test does not end.
    TimedOut,
    /// All tests that reach it pass.
    Survived,
    /// All fast tests that reach it pass; the slow ones have not been run.
    Unnoticed,
    /// No test reaches it.
    NotReached,
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Killed(_) => "killed",
            Self::TimedOut => "timed out",
            Self::Survived => "survived",
            Self::Unnoticed => "survived the fast tests",
            Self::NotReached => "not reached",
        }
    }

    /// Whether no test notices.
    pub fn survives(&self) -> bool {
        matches!(self, Self::Survived | Self::Unnoticed | Self::NotReached)
    }
}

/// The file of verdicts.
#[derive(Debug)]
pub struct Verdicts {
    file: File,
    known: HashMap<String, Verdict>,
}

impl Verdicts {
    /// Opens the file; a later line for the same mutant beats an earlier one.
    ///
    /// # Errors
    /// If the file can neither be read nor made.
    pub fn open(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let known = text.lines().filter_map(|line| serde_json::from_str(line).ok()).filter_map(|line| read(&line));
        let known = known.collect();
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self { file: file.map_err(|error| format!("{}: {error}", path.display()))?, known })
    }

    /// The verdict on the mutant of that key.
    pub fn get(&self, key: &str) -> Option<&Verdict> {
        self.known.get(key)
    }

    /// Adds a verdict.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, key: String, verdict: Verdict) -> Result<(), String> {
        let mut line = json!({ "mutant": key, "verdict": verdict.word() });
        if let Verdict::Killed(test) = &verdict {
            line["by"] = json!(test);
        }
        writeln!(self.file, "{line}").map_err(|error| format!("verdicts: {error}"))?;
        self.known.insert(key, verdict);
        Ok(())
    }
}

fn read(line: &Value) -> Option<(String, Verdict)> {
    let verdict = match line["verdict"].as_str()? {
        "killed" => Verdict::Killed(line["by"].as_str().unwrap_or_default().to_owned()),
        "timed out" => Verdict::TimedOut,
        "survived" => Verdict::Survived,
        "survived the fast tests" => Verdict::Unnoticed,
        "not reached" => Verdict::NotReached,
        _ => return None,
    };
    Some((line["mutant"].as_str()?.to_owned(), verdict))
}
