//! Judges mutants: runs the tests that reach each until one fails.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::Mutex,
    time::Duration,
};

use crate::{
    site::Mutant,
    suite::{self, Harness, Outcome, Test},
    verdicts::Verdict,
};

/// Tests that are run in one process at first, and ever more after that.
const BATCH: usize = 30;

/// A test that takes longer has a process to itself.
const SLOW: Duration = Duration::from_secs(5);

/// How many tests that noticed an earlier mutant of the same function, or file, are tried first.
const HINTS: usize = 6;

/// What the judge works with.
pub struct Judge<'a> {
    pub harnesses: &'a [Harness],
    /// Fastest first.
    pub tests: &'a [Test],
    pub folder: &'a Path,
    /// Whether slow tests are left out.
    pub quick: bool,
    /// Tests that noticed a mutant, latest first, by function and by file.
    pub noticed: Mutex<HashMap<String, VecDeque<usize>>>,
}

impl Judge<'_> {
    /// Judges the mutant of that number less one.
    pub fn judge(&self, number: usize, mutant: &Mutant) -> Verdict {
        let reaching: Vec<usize> =
            (0..self.tests.len()).filter(|&test| self.tests[test].reaches.contains(&number)).collect();
        if reaching.is_empty() {
            return Verdict::NotReached;
        }
        let hints = self.hints(mutant, &reaching);
        let rest: Vec<usize> = reaching.into_iter().filter(|test| !hints.contains(test)).collect();
        let mut skipped = false;
        for (binary, batch) in batches(&hints, self.tests).into_iter().chain(batches(&rest, self.tests)) {
            if self.quick && batch.iter().any(|&test| self.tests[test].time >= SLOW) {
                skipped = true;
                continue;
            }
            let tests: Vec<&Test> = batch.iter().map(|&test| &self.tests[test]).collect();
            match suite::judge(&self.harnesses[binary], &tests, self.folder, number) {
                Outcome::Passed => {}
                Outcome::TimedOut => return Verdict::TimedOut,
                Outcome::Failed(name) => {
                    let test = batch.iter().find(|&&test| Some(&self.tests[test].name) == name.as_ref());
                    if let Some(&test) = test.or(batch.first().filter(|_| batch.len() == 1)) {
                        self.remember(mutant, test);
                    }
                    let name = name.unwrap_or_else(|| "the process fails".to_owned());
                    return Verdict::Killed(format!("{} {name}", self.harnesses[binary].binary.name));
                }
            }
        }
        if skipped { Verdict::Unnoticed } else { Verdict::Survived }
    }

    fn hints(&self, mutant: &Mutant, reaching: &[usize]) -> Vec<usize> {
        let noticed = self.noticed.lock().unwrap_or_else(|poison| poison.into_inner());
        let mut hints = Vec::new();
        for place in places(mutant) {
            for test in noticed.get(&place).into_iter().flatten() {
                if hints.len() < HINTS
                    && !hints.contains(test)
                    && reaching.contains(test)
                    && self.tests[*test].time < SLOW
                {
                    hints.push(*test);
                }
            }
        }
        hints
    }

    fn remember(&self, mutant: &Mutant, test: usize) {
        let mut noticed = self.noticed.lock().unwrap_or_else(|poison| poison.into_inner());
        for place in places(mutant) {
            let latest = noticed.entry(place).or_default();
            latest.retain(|other| *other != test);
            latest.push_front(test);
            latest.truncate(HINTS);
        }
    }
}

fn places(mutant: &Mutant) -> [String; 2] {
    [format!("{} {}", mutant.file, mutant.function), mutant.file.clone()]
}

/// The tests, fastest first, in batches of one binary each: small ones, then larger, then the slow ones alone.
pub fn batches(order: &[usize], tests: &[Test]) -> Vec<(usize, Vec<usize>)> {
    let (fast, slow): (Vec<usize>, Vec<usize>) = order.iter().partition(|&&test| tests[test].time < SLOW);
    let mut batches: Vec<(usize, Vec<usize>)> = Vec::new();
    let (mut from, mut size) = (0, BATCH);
    while from < fast.len() {
        let to = fast.len().min(from + size);
        let mut binaries: Vec<usize> = Vec::new();
        for &test in &fast[from..to] {
            if !binaries.contains(&tests[test].binary) {
                binaries.push(tests[test].binary);
            }
        }
        for binary in binaries {
            batches.push((binary, fast[from..to].iter().copied().filter(|&it| tests[it].binary == binary).collect()));
        }
        (from, size) = (to, size * 4);
    }
    batches.extend(slow.into_iter().map(|test| (tests[test].binary, vec![test])));
    batches
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn batches_are_of_one_binary_each_and_slow_tests_come_last_and_alone() {
        let test = |binary, millis| Test {
            binary,
            name: String::new(),
            time: Duration::from_millis(millis),
            reaches: HashSet::new(),
        };
        let mut tests: Vec<Test> = (0..40).map(|at| test(at % 2, 5)).collect();
        tests.extend([test(0, 7000), test(1, 8000)]);
        let order: Vec<usize> = (0..tests.len()).collect();
        let batches = batches(&order, &tests);
        let sizes: Vec<_> = batches.iter().map(|(binary, batch)| (*binary, batch.len())).collect();
        assert_eq!(sizes, [(0, 15), (1, 15), (0, 5), (1, 5), (0, 1), (1, 1)]);
        assert!(batches.iter().all(|(binary, batch)| batch.iter().all(|&it| tests[it].binary == *binary)));
    }
}
