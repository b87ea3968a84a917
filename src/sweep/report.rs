//! What a sweep found: a table, and for each broken cell the timeline and a test to paste.

use std::{collections::BTreeMap, fmt};

use super::{
    Trouble,
    code::{Replay, imports},
    laws::{Ending, Law, Wanted},
    scene::Scenario,
};
use crate::{fake::Fake, timeline::counted};

/// What a sweep found. Print it with `{}`.
#[derive(Debug)]
#[must_use = "a report says nothing unless it is asserted on"]
pub struct Report {
    replay: Replay,
    objects: Vec<Wanted>,
    clean: Vec<(Law, String)>,
    clean_timeline: String,
    cells: Vec<Cell>,
}

/// One run: a request that was spoiled, how, and what came of it.
#[derive(Debug)]
pub struct Cell {
    scenario: Scenario,
    trouble: Trouble,
    verdict: Verdict,
}

/// What came of one run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The uploader reported success, and every law holds.
    Done,
    /// The uploader reported failure, and every law holds.
    GivenUp,
    /// The request did not come this time.
    NotReached,
    /// Laws were broken.
    #[non_exhaustive]
    Broken {
        /// Which, and what shows it.
        laws: Vec<(Law, String)>,
        /// What became of the uploader, or what it reported.
        uploader: String,
        /// What happened.
        timeline: String,
    },
}

impl Verdict {
    pub(super) fn of(laws: Vec<(Law, String)>, ending: &Ending, fake: &Fake) -> Self {
        match (ending, laws.is_empty()) {
            (Ending::Done, true) => Self::Done,
            (Ending::Failed(_), true) => Self::GivenUp,
            _ => Self::Broken { laws, uploader: ending.to_string(), timeline: fake.timeline().to_string() },
        }
    }

    /// In a word.
    fn word(&self) -> String {
        match self {
            Self::Done => "ok".to_owned(),
            Self::GivenUp => "err".to_owned(),
            Self::NotReached => "-".to_owned(),
            Self::Broken { laws, .. } => {
                laws.first().map_or_else(String::new, |(law, _)| law.to_string().to_uppercase())
            }
        }
    }
}

impl Cell {
    /// The request that was spoiled, in words; with what had gone wrong before, if anything had to.
    pub fn request(&self) -> String {
        self.scenario.to_string()
    }

    /// What was made to go wrong.
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// What came of it.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The laws that were broken.
    pub fn broken(&self) -> Vec<Law> {
        match &self.verdict {
            Verdict::Broken { laws, .. } => laws.iter().map(|(law, _)| *law).collect(),
            _ => Vec::new(),
        }
    }
}

impl Report {
    pub(super) fn new(replay: Replay, objects: Vec<Wanted>) -> Self {
        Self { replay, objects, clean: Vec::new(), clean_timeline: String::new(), cells: Vec::new() }
    }

    pub(super) fn add_clean(&mut self, broken: Vec<(Law, String)>, fake: &Fake) {
        self.clean = broken;
        self.clean_timeline = fake.timeline().to_string();
    }

    pub(super) fn add(&mut self, scenario: Scenario, trouble: Trouble, verdict: Verdict) {
        self.cells.push(Cell { scenario, trouble, verdict });
    }

    /// Every run but the first, in which nothing went wrong.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The runs that broke a law.
    pub fn broken(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| matches!(cell.verdict, Verdict::Broken { .. }))
    }

    /// Whether no run broke a law.
    pub fn is_lawful(&self) -> bool {
        self.clean.is_empty() && self.broken().next().is_none()
    }

    /// Asserts that no run broke a law.
    ///
    /// # Panics
    /// If one did, with the whole report.
    #[track_caller]
    pub fn assert_lawful(&self) {
        assert!(self.is_lawful(), "{self}");
    }

    /// The laws that the first run broke, in which nothing went wrong.
    pub fn broken_when_all_is_well(&self) -> Vec<Law> {
        self.clean.iter().map(|(law, _)| *law).collect()
    }

    /// A test that plays one run again, ready to paste beneath the uploader: a function `upload` that takes a fake. It fails
    /// if any law is broken, whether the sweep's run broke it or not.
    pub fn test(&self, cell: &Cell) -> String {
        let Cell { scenario, trouble, .. } = cell;
        let before = scenario.before.iter().map(|(request, trouble)| (request, trouble));
        let spoiled: Vec<_> = before.chain([(&scenario.request, trouble)]).collect();
        let title = format!("{} {trouble}", scenario.request);
        self.replay.test(&title, &spoiled, &self.objects, &cell.broken())
    }

    /// A test that plays the first run again, in which nothing went wrong, as [`Report::test`] does.
    pub fn test_when_all_is_well(&self) -> String {
        self.replay.test("nothing goes wrong", &[], &self.objects, &self.broken_when_all_is_well())
    }

    /// The `use` lines that a test of this report needs.
    pub fn imports(&self, test: &str) -> String {
        imports(test)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken = self.broken().count() + usize::from(!self.clean.is_empty());
        let runs = counted(self.cells.len() + 1, "run");
        writeln!(f, "sweep ({}): {runs}, {broken} broke a law\n", self.replay.provider.name())?;
        write_table(f, &self.cells)?;
        if !self.clean.is_empty() {
            writeln!(f, "\nwith nothing going wrong:")?;
            self.clean.iter().try_for_each(|(law, why)| writeln!(f, "  {law}: {why}"))?;
            write_replay(f, &self.clean_timeline, &self.test_when_all_is_well())?;
        }
        for cell in self.broken() {
            let Verdict::Broken { laws, uploader, timeline } = &cell.verdict else { continue };
            writeln!(f, "\n{}: {}\n  the uploader {uploader}", cell.scenario, cell.trouble)?;
            laws.iter().try_for_each(|(law, why)| writeln!(f, "  {law}: {why}"))?;
            write_replay(f, timeline, &self.test(cell))?;
        }
        Ok(())
    }
}

fn write_replay(f: &mut fmt::Formatter<'_>, timeline: &str, test: &str) -> fmt::Result {
    writeln!(f, "\n{timeline}\nas a test, beneath `{}`:\n\n{test}", imports(test))
}

/// A line for each request, a column for each trouble.
fn write_table(f: &mut fmt::Formatter<'_>, cells: &[Cell]) -> fmt::Result {
    let mut columns: Vec<String> = Vec::new();
    let mut lines: Vec<(String, BTreeMap<usize, String>)> = Vec::new();
    for cell in cells {
        let (trouble, request) = (cell.trouble.to_string(), cell.scenario.to_string());
        let column = columns.iter().position(|known| *known == trouble).unwrap_or_else(|| {
            columns.push(trouble);
            columns.len() - 1
        });
        if lines.last().is_none_or(|(last, _)| *last != request) {
            lines.push((request, BTreeMap::new()));
        }
        let (_, words) = lines.last_mut().expect("a line was just begun");
        words.insert(column, cell.verdict.word());
    }
    for (number, trouble) in columns.iter().enumerate() {
        writeln!(f, "  {:>2} = {trouble}", number + 1)?;
    }
    let first = lines.iter().map(|(request, _)| request.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            lines.iter().filter_map(|(_, words)| words.get(&column)).map(String::len).max().unwrap_or(0).max(2)
        })
        .collect();
    let heads: String = widths.iter().enumerate().map(|(column, width)| format!("  {:<width$}", column + 1)).collect();
    writeln!(f, "\n  {:first$}{}", "", heads.trim_end())?;
    for (request, words) in &lines {
        let row: String = widths
            .iter()
            .enumerate()
            .map(|(column, width)| format!("  {:<width$}", words.get(&column).map_or("", String::as_str)))
            .collect();
        writeln!(f, "  {request:<first$}{}", row.trim_end())?;
    }
    Ok(())
}
