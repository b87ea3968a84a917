//! The copy of the project that has the mutants in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    find,
    names::{Names, absent_modules},
    site::{Found, Mutant},
    weave::{Woven, weave},
};

/// Lints that would refuse a mutant, or warn of it, without need.
const LINTS: &str = "#![allow(warnings, arithmetic_overflow, unconditional_panic, overflowing_literals)] ";

const SWITCH: &str = include_str!("switch.rs");

/// The crates' roots: each gets a switch.
const ROOTS: [&str; 2] = ["src/lib.rs", "src/bin/fake-bucket/main.rs"];

/// The project's sources, and every mutant of them.
pub struct Sources {
    files: BTreeMap<String, (String, Found)>,
    /// What else the build of the tests needs, as it was when the run began.
    others: Vec<(String, Vec<u8>)>,
    /// Each mutant by its place: the file and the index in the file.
    places: Vec<(String, usize)>,
}

impl Sources {
    /// Reads `src/` and finds the mutants.
    pub fn read(root: &Path) -> Result<Self, String> {
        let (mut texts, mut others) = (BTreeMap::new(), Vec::new());
        for file in listed(root)? {
            if !file.starts_with("src/") || !file.ends_with(".rs") {
                let bytes = fs::read(root.join(&file)).map_err(|error| format!("{file}: {error}"))?;
                others.push((file, bytes));
                continue;
            }
            let text = fs::read_to_string(root.join(&file)).map_err(|error| format!("{file}: {error}"))?;
            let parsed = syn::parse_file(&text).map_err(|error| format!("{file}: {error}"))?;
            texts.insert(file, (text, parsed));
        }
        let (mut names, mut missing) = (Names::default(), BTreeSet::new());
        for (file, (_, parsed)) in &texts {
            names.learn(parsed);
            absent_modules(parsed, &modules_folder(file), &mut missing);
        }
        let mut files = BTreeMap::new();
        let mut places = Vec::new();
        for (file, (text, parsed)) in texts {
            let gone = |module: &String| {
                file == format!("{module}.rs")
                    || file.strip_prefix(module.as_str()).is_some_and(|it| it.starts_with('/'))
            };
            let found = if missing.iter().any(gone) || file.ends_with("/modelled.rs") {
                Found::default()
            } else {
                find::find_in(&file, &text, &parsed, &names)
            };
            places.extend((0..found.mutants.len()).map(|at| (file.clone(), at)));
            files.insert(file, (text, found));
        }
        Ok(Self { files, others, places })
    }

    /// Every mutant, by number less one.
    pub fn mutants(&self) -> Vec<&Mutant> {
        self.places.iter().map(|(file, at)| &self.files[file].1.mutants[*at]).collect()
    }

    /// The mutated text around one mutant alone, as a reader would write the diff.
    pub fn alone(&self, number: usize) -> String {
        let (file, at) = &self.places[number];
        let (text, found) = &self.files[file];
        weave(text, &found.edits, |mutant| (mutant == *at).then_some(number + 1)).text
    }

    /// Writes the mutated copy; only mutants that are wanted are in it.
    pub fn write(&self, tree: &Path, wanted: &HashSet<usize>) -> Result<Tree, String> {
        let numbers: HashMap<(&str, usize), usize> =
            self.places.iter().enumerate().map(|(number, (file, at))| ((file.as_str(), *at), number)).collect();
        let mut woven = HashMap::new();
        let mut kept = HashSet::new();
        let mut put = |file: &str, bytes: &[u8]| {
            let target = tree.join(file);
            let written = changed(&target, bytes).map_err(|error| format!("{}: {error}", target.display()));
            kept.insert(target);
            written
        };
        for (file, bytes) in &self.others {
            put(file, bytes)?;
        }
        for (file, (text, found)) in &self.files {
            let number = |at| numbers.get(&(file.as_str(), at)).copied().filter(|number| wanted.contains(number));
            let mut text = weave(text, &found.edits, |at| number(at).map(|number| number + 1));
            syn::parse_file(&text.text).map_err(|error| format!("{file}, mutated: {error}"))?;
            if ROOTS.contains(&file.as_str()) {
                text.prepend(LINTS);
                let words = self.places.len() / 64 + 1;
                text.text.push_str(&format!("\n#[doc(hidden)]\n{}", switch(words)));
            }
            put(file, text.text.as_bytes())?;
            woven.insert(file.clone(), text);
        }
        prune(tree, &kept).map_err(|error| format!("{}: {error}", tree.display()))?;
        let numbers = numbers.into_iter().map(|((file, at), number)| ((file.to_owned(), at), number)).collect();
        Ok(Tree { woven, numbers })
    }
}

/// The mutated copy as it was written.
pub struct Tree {
    woven: HashMap<String, Woven>,
    numbers: HashMap<(String, usize), usize>,
}

impl Tree {
    /// The mutants to blame for a compile error at these bytes of the file.
    pub fn blame(&self, file: &str, bytes: &Range<usize>) -> Vec<usize> {
        let Some(woven) = self.woven.get(file) else { return Vec::new() };
        woven.blame(bytes).into_iter().map(|at| self.numbers[&(file.to_owned(), at)]).collect()
    }

    /// The mutants around the places of a compile error that lies in none of them, such as a `return` left out whose
    /// absence lets a moved value be used.
    pub fn around(&self, places: &[(String, Range<usize>)]) -> Vec<usize> {
        let Some((file, first)) = places.first() else { return Vec::new() };
        let Some(woven) = self.woven.get(file) else { return Vec::new() };
        let same = places.iter().filter(|place| place.0 == *file);
        let all = same.fold(first.clone(), |all, (_, one)| all.start.min(one.start)..all.end.max(one.end));
        woven.around(&all).into_iter().map(|at| self.numbers[&(file.clone(), at)]).collect()
    }
}

/// The switch's text for so many words of record.
fn switch(words: usize) -> String {
    let code = SWITCH.split_once("pub mod").map_or("", |(_, code)| code);
    format!("pub mod{}", code.replace("{words}", &words.to_string()))
}

/// Where the modules declared in a file are.
fn modules_folder(file: &str) -> String {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    match name.trim_end_matches(".rs") {
        "lib" | "main" | "mod" => folder.to_owned(),
        module => format!("{folder}/{module}"),
    }
}

/// The project's files that the build of the tests needs, as git knows them.
fn listed(root: &Path) -> Result<Vec<String>, String> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let output = git.output().map_err(|error| format!("git: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let files = text.split('\0').filter(|file| !file.is_empty() && !file.starts_with("tests/mutation/"));
    Ok(files.map(str::to_owned).filter(|file| root.join(file).is_file()).collect())
}

/// Writes a file unless it is the same already, so that Cargo sees only what changed.
fn changed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

/// Removes what is no longer part of the project, and folders that this empties.
fn prune(folder: &Path, kept: &HashSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            prune(&path, kept)?;
            if fs::read_dir(&path)?.next().is_none() {
                fs::remove_dir(path)?;
            }
        } else if !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
