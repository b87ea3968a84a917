//! What a sweep found: a table, and for each broken cell the timeline and a test to paste.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{
    Trouble,
    laws::{Ending, Law, Wanted},
    scene::Scenario,
};
use crate::{
    dialect::Provider,
    exchange::fault::{Fault, Until},
    fake::Fake,
    timeline::counted,
};

/// What a sweep found. Print it with `{}`.
#[derive(Debug)]
#[must_use = "a report says nothing unless it is asserted on"]
pub struct Report {
    provider: Provider,
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
    pub(super) fn new(provider: Provider, objects: Vec<Wanted>) -> Self {
        Self { provider, objects, clean: Vec::new(), clean_timeline: String::new(), cells: Vec::new() }
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

    /// A test that plays one run again, ready to paste.
    pub fn test(&self, cell: &Cell) -> String {
        let provider = self.provider.name();
        let before = cell.scenario.before.iter().map(|(request, trouble)| (request, trouble));
        let faults: String = before
            .chain([(&cell.scenario.request, &cell.trouble)])
            .enumerate()
            .map(|(at, (request, trouble))| {
                let install = if trouble.lasting { "fault_always" } else { "fault" };
                let fault = code(&trouble.fault);
                format!(
                    "    let _fault_{} = {provider}.{install}({}, {fault});\n",
                    at + 1,
                    request.code(trouble.lasting)
                )
            })
            .collect();
        let whole: String = self
            .objects
            .iter()
            .map(|Wanted { bucket, key, size, .. }| {
                format!("        assert_eq!({provider}.read_from({bucket:?}, {key:?}).map(|bytes| bytes.len()), Some({size}));\n")
            })
            .collect();
        format!(
            "#[tokio::test]\nasync fn {name}() {{\n    let {provider} = Fake::{provider}().start(); // built as in the sweep\n{faults}    \
             let outcome = upload(&{provider}).await; // the uploader\n    {provider}.quiesce().await;\n    if outcome.is_ok() {{\n{whole}    }}\n    \
             {provider}.assert_no_leaks();\n}}\n",
            name = name(&format!("{} {}", cell.scenario.request, cell.trouble)),
        )
    }
}

/// A fault as a test would write it.
fn code(fault: &Fault) -> String {
    match fault {
        Fault::Refuse(failure) => format!("Fault::Refuse(Failure::{failure:?})"),
        Fault::LateError(failure) => format!("Fault::LateError(Failure::{failure:?})"),
        Fault::Delay(by) => format!("Fault::Delay({})", span(*by)),
        Fault::AbortLater(Until::Clock(by)) => format!("Fault::AbortLater(Until::Clock({}))", span(*by)),
        Fault::AbortLater(until) => format!("Fault::AbortLater(Until::{until:?})"),
        other => format!("Fault::{other:?}"),
    }
}

fn span(by: Duration) -> String {
    format!("Duration::from_millis({})", by.as_millis())
}

/// What a test that is pasted has to import.
fn imports(test: &str) -> String {
    let names = ["Failure", "Fake", "Fault", "Op", "Until"].into_iter();
    let names: Vec<_> = names.filter(|name| test.contains(&format!("{name}::"))).collect();
    let time = if test.contains("Duration::") { " use std::time::Duration;" } else { "" };
    format!("use fake_bucket::{{{}}};{time}", names.join(", "))
}

/// Words as the name of a function: `UploadPart 2 video.mp4 reply lost` is `upload_part_2_video_mp4_reply_lost`.
fn name(words: &str) -> String {
    let mut name = String::new();
    for letter in words.chars() {
        let begins = letter.is_ascii_uppercase() || !letter.is_ascii_alphanumeric();
        if begins && !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        }
    }
    name
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken = self.broken().count() + usize::from(!self.clean.is_empty());
        let runs = counted(self.cells.len() + 1, "run");
        writeln!(f, "sweep ({}): {runs}, {broken} broke a law\n", self.provider.name())?;
        write_table(f, &self.cells)?;
        for (law, why) in &self.clean {
            writeln!(f, "\nwith nothing going wrong: {law}\n  {why}\n\n{}", self.clean_timeline)?;
        }
        for cell in self.broken() {
            let Verdict::Broken { laws, uploader, timeline } = &cell.verdict else { continue };
            writeln!(f, "\n{}: {}\n  the uploader {uploader}", cell.scenario, cell.trouble)?;
            laws.iter().try_for_each(|(law, why)| writeln!(f, "  {law}: {why}"))?;
            let test = self.test(cell);
            writeln!(f, "\n{timeline}\nas a test, beneath `{}`:\n\n{test}", imports(&test))?;
        }
        Ok(())
    }
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
