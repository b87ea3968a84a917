//! Which mutants a run judges.

use std::{collections::HashMap, path::Path, process::Command};

use crate::site::Mutant;

/// First and last line of each stretch of lines, by file.
pub type Lines = HashMap<String, Vec<(usize, usize)>>;

/// What the command line asks for.
#[derive(Debug, Default)]
pub struct Scope {
    /// Every N-th mutant from the K-th, from 1.
    pub shard: Option<(usize, usize)>,
    /// Beginning of the file's path.
    pub file: Option<String>,
    /// Part of the function's path.
    pub function: Option<String>,
    /// Changed lines of each file, if only functions that were changed count.
    pub changed: Option<Lines>,
}

impl Scope {
    /// Whether every mutant counts.
    pub fn whole(&self) -> bool {
        self.shard.is_none() && self.file.is_none() && self.function.is_none() && self.changed.is_none()
    }

    /// Whether the mutant counts, the shard aside.
    pub fn holds(&self, mutant: &Mutant) -> bool {
        let (first, last) = mutant.lines;
        self.file.as_ref().is_none_or(|file| mutant.file.starts_with(file.as_str()))
            && self.function.as_ref().is_none_or(|function| mutant.function.contains(function.as_str()))
            && self.changed.as_ref().is_none_or(|changed| {
                let lines = changed.get(&mutant.file).map(Vec::as_slice).unwrap_or_default();
                lines.iter().any(|&(start, end)| start <= last && first <= end)
            })
    }

    /// Whether the mutant of that number less one belongs to the shard.
    pub fn shards(&self, number: usize) -> bool {
        self.shard.is_none_or(|(part, parts)| number % parts == part - 1)
    }
}

/// The lines of `src/` that differ from a commit, by file; none if the commit is not in the clone.
///
/// # Errors
/// If git cannot be run.
pub fn changed(root: &Path, revision: &str) -> Result<Option<Lines>, String> {
    let git = |arguments: &[&str]| {
        Command::new("git").current_dir(root).args(arguments).output().map_err(|error| format!("git: {error}"))
    };
    if !git(&["cat-file", "-e", &format!("{revision}^{{commit}}")])?.status.success() {
        return Ok(None);
    }
    let diff = git(&["diff", "--no-ext-diff", "--no-color", "--unified=0", "--no-prefix", revision, "--", "src"])?;
    let mut changed = hunks(&String::from_utf8_lossy(&diff.stdout));
    let new = git(&["ls-files", "--others", "--exclude-standard", "--", "src"])?;
    for file in String::from_utf8_lossy(&new.stdout).lines() {
        changed.insert(file.to_owned(), vec![(1, usize::MAX)]);
    }
    changed.retain(|file, _| file.ends_with(".rs"));
    Ok(Some(changed))
}

/// The new lines of each file in a diff without context. Where lines were only removed, those around the gap count.
pub fn hunks(diff: &str) -> Lines {
    let mut changed = Lines::new();
    let mut file = None;
    for line in diff.lines() {
        if let Some(name) = line.strip_prefix("+++ ") {
            file = (name != "/dev/null").then(|| name.to_owned());
        } else if let (Some(rest), Some(file)) = (line.strip_prefix("@@ "), &file) {
            let Some(new) = rest.split(' ').find_map(|part| part.strip_prefix('+')) else { continue };
            let (start, count) = new.split_once(',').unwrap_or((new, "1"));
            let (Ok(start), Ok(count)) = (start.parse::<usize>(), count.parse::<usize>()) else { continue };
            let lines = if count == 0 { (start, start + 1) } else { (start, start + count - 1) };
            changed.entry(file.clone()).or_default().push(lines);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_give_the_new_lines_and_the_gap_where_lines_were_removed() {
        let diff = "--- src/a.rs\n+++ src/a.rs\n@@ -3 +4,2 @@ fn f() {\n+x\n+y\n@@ -9,2 +10,0 @@\n-x\n-y\n@@ -20 +19 @@\n\
                    --- src/b.rs\n+++ /dev/null\n@@ -1,2 +0,0 @@\n";
        let hunks = hunks(diff);
        assert_eq!(hunks.len(), 1);
        assert_eq!(hunks["src/a.rs"], [(4, 5), (10, 11), (19, 19)]);
    }

    #[test]
    fn every_mutant_belongs_to_one_shard() {
        let shards: Vec<_> = (1..=3).map(|part| Scope { shard: Some((part, 3)), ..Scope::default() }).collect();
        assert!((0..10).all(|number| shards.iter().filter(|shard| shard.shards(number)).count() == 1));
    }
}
