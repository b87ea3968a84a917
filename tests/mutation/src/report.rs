//! What a run tells.

use std::{collections::HashSet, fmt::Write, path::Path};

use crate::{
    accepted::Accepted,
    site::Mutant,
    verdicts::{Verdict, Verdicts},
};

/// The share of mutants that may be accepted: one in fifty.
const SHARE: usize = 50;

/// Judged mutants, counted.
#[derive(Debug, Default)]
pub struct Report {
    pub mutants: usize,
    pub killed: usize,
    pub timed_out: usize,
    pub accepted: usize,
    /// Survivors' lines, by file and line.
    pub survivors: Vec<String>,
    pub not_judged: usize,
    /// Errors in `accepted.txt`.
    pub errors: Vec<String>,
}

impl Report {
    /// Counts the verdicts on the mutants. `all` are those of the whole source, `whole` tells that all were judged.
    pub fn new(judged: &[&Mutant], all: &[&Mutant], whole: bool, accepted: &Accepted, verdicts: &Verdicts) -> Self {
        let mut report = Self { mutants: judged.len(), ..Self::default() };
        let mut survivors = Vec::new();
        for mutant in judged {
            let line = accepted.0.get(&mutant.id());
            match verdicts.get(&mutant.key()) {
                None => report.not_judged += 1,
                Some(verdict) if verdict.survives() && line.is_some() => report.accepted += 1,
                Some(verdict) if verdict.survives() => survivors.push((*mutant, verdict)),
                Some(verdict) => {
                    report.killed += 1;
                    report.timed_out += usize::from(*verdict == Verdict::TimedOut);
                    if let Some(line) = line {
                        report.errors.push(format!("accepted.txt:{line}: the mutant is killed: {}", mutant.id()));
                    }
                }
            }
        }
        if whole {
            let ids: HashSet<String> = all.iter().map(|mutant| mutant.id()).collect();
            let lost = accepted.0.iter().filter(|(id, _)| !ids.contains(*id));
            report.errors.extend(lost.map(|(id, line)| format!("accepted.txt:{line}: no such mutant: {id}")));
        }
        if accepted.0.len() * SHARE > all.len() {
            report.errors.push(format!("accepted.txt: {} of {} mutants are too many", accepted.0.len(), all.len()));
        }
        report.errors.sort();
        survivors.sort_by_key(|(mutant, _)| (&mutant.file, mutant.line, mutant.column, mutant.operator));
        let reached = |verdict: &Verdict| match verdict {
            Verdict::NotReached => " (not reached)",
            Verdict::Unnoticed => " (slow tests not run)",
            _ => "",
        };
        report.survivors =
            survivors.iter().map(|(mutant, verdict)| format!("{}{}", mutant.located(), reached(verdict))).collect();
        report
    }

    /// Whether nothing survived and nothing is wrong.
    pub fn good(&self) -> bool {
        self.survivors.is_empty() && self.errors.is_empty() && self.not_judged == 0
    }

    /// The last line of a run.
    pub fn summary(&self) -> String {
        let Self { mutants, killed, timed_out, accepted, survivors, not_judged, .. } = self;
        let survived = survivors.len();
        let mut text = format!(
            "{mutants} mutants, {killed} killed ({timed_out} of them by time-out), {accepted} accepted, {survived} survived"
        );
        if *not_judged > 0 {
            let _ = write!(text, ", {not_judged} not judged yet");
        }
        text
    }

    /// Writes the survivors to a file, for others to read.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let mut text = self.survivors.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        let scratch = path.with_extension("new");
        std::fs::write(&scratch, text).map_err(|error| format!("{}: {error}", scratch.display()))?;
        std::fs::rename(&scratch, path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(line: usize) -> Mutant {
        Mutant {
            file: "src/a.rs".to_owned(),
            function: format!("f{line}"),
            operator: "operand",
            original: "a".to_owned(),
            replacement: "true".to_owned(),
            line,
            column: 1,
            occurrence: 1,
            lines: (line, line),
            hash: 7,
        }
    }

    fn report(accepted: &str, whole: bool) -> Report {
        let mutants: Vec<Mutant> = (1..=100).map(mutant).collect();
        let mutants: Vec<&Mutant> = mutants.iter().collect();
        let name =
            format!("mutation-report-{}-{:x}-{whole}", std::process::id(), crate::site::hash(accepted.as_bytes()));
        let file = std::env::temp_dir().join(name);
        let mut verdicts = Verdicts::open(&file).unwrap();
        for mutant in &mutants {
            let verdict = match mutant.line {
                1 => Verdict::TimedOut,
                2 => Verdict::NotReached,
                3 => Verdict::Survived,
                _ => Verdict::Killed("t".to_owned()),
            };
            verdicts.add(mutant.key(), verdict).unwrap();
        }
        let again = Verdicts::open(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        Report::new(&mutants, &mutants, whole, &Accepted::parse(accepted).unwrap(), &again)
    }

    #[test]
    fn verdicts_are_counted_and_survivors_told_with_their_place() {
        let report = report("src/a.rs f3: operand: a → true  # Why.", true);
        assert_eq!(report.summary(), "100 mutants, 98 killed (1 of them by time-out), 1 accepted, 1 survived");
        assert_eq!(report.survivors, ["src/a.rs:2:1 f2: operand: a → true (not reached)"]);
        assert!(report.errors.is_empty());
        assert!(!report.good());
    }

    #[test]
    fn accepted_lines_must_match_survivors_and_be_few() {
        let killed = "src/a.rs f9: operand: a → true  # Why.";
        assert_eq!(report(killed, false).errors.len(), 1);
        let lost = "src/b.rs f2: operand: a → true  # Why.";
        assert_eq!((report(lost, true).errors.len(), report(lost, false).errors.len()), (1, 0));
        let many = "# Three\nsrc/a.rs f2: operand: a → true  # Why.\nsrc/a.rs f3: operand: a → true  # Why.\nx  # Why.";
        assert_eq!(report(many, false).errors, ["accepted.txt: 3 of 100 mutants are too many"]);
    }
}
