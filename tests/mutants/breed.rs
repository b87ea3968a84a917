//! Breeds the mutants: copies the crate's sources into `target/mutants/tree`, where every row of the table stands behind a
//! switch that is read from the environment. Nothing of it reaches the crate. Run from the crate's root; needs no crate.

#[path = "src/mutants.rs"]
mod mutants;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use mutants::{ROWS, Row};

const TREE: &str = "target/mutants/tree";

/// What the copy asks whether a mutant is on.
const SWITCH: &str = r#"
pub(crate) fn mutant(name: &str) -> bool {
    static SWITCH: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    SWITCH.get_or_init(|| std::env::var("FAKE_BUCKET_MUTANT").ok()).as_deref() == Some(name)
}
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut by_file: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in ROWS {
        by_file.entry(row.file).or_default().push(row);
    }
    write("Cargo.toml", &library_only(&fs::read_to_string("Cargo.toml")?))?;
    let files = files_under(Path::new("src"))?;
    remove_all_but(&files)?;
    let mut faults = Vec::new();
    for file in files {
        let name = file.to_str().ok_or("a file name that is no text")?;
        // What the program for other languages shows is no text to mutate, and is not built.
        if !name.ends_with(".rs") {
            continue;
        }
        let rows = by_file.remove(name).unwrap_or_default();
        let bred = bred(&fs::read_to_string(&file)?, rows, &mut faults);
        let bred = if name == "src/lib.rs" { format!("#![allow(warnings)]\n{bred}{SWITCH}") } else { bred };
        write(name, &bred)?;
    }
    faults.extend(by_file.into_values().flatten().map(|row| told(row, "there is no such file")));
    if faults.is_empty() { Ok(()) } else { Err(faults.concat().into()) }
}

fn told(row: &Row, fault: &str) -> String {
    let Row { name, file, original, .. } = row;
    format!("\nmutant {name:?}: {fault}\n  in {file}: {original}\n")
}

/// The source with each row behind its switch.
fn bred(source: &str, rows: Vec<&Row>, faults: &mut Vec<String>) -> String {
    let mut by_place: BTreeMap<usize, (usize, Vec<&Row>)> = BTreeMap::new();
    for row in rows {
        match places(source, row.original)[..] {
            [(from, to)] => by_place.entry(from).or_insert((to, Vec::new())).1.push(row),
            [] => faults.push(told(row, "what it mutates is not there")),
            _ => faults.push(told(row, "what it mutates is there more than once")),
        }
    }
    let mut bred = String::new();
    let mut done = 0;
    for (from, (to, rows)) in by_place {
        if from < done || rows.iter().any(|row| row.original != rows[0].original) {
            faults.push(told(rows[0], "what it mutates overlaps with what another does"));
            continue;
        }
        let arm = |row: &&Row| format!("if crate::mutant({:?}) {{ {} }} else ", row.name, row.mutated);
        let arms: String = rows.iter().map(arm).collect();
        bred += &source[done..from];
        bred += &format!("({arms}{{ {} }})", &source[from..to]);
        done = to;
    }
    bred + &source[done..]
}

/// Where a text stands, from and to, whatever the white space.
fn places(source: &str, text: &str) -> Vec<(usize, usize)> {
    let dense = |text: &str| text.char_indices().filter(|(_, c)| !c.is_whitespace()).collect::<Vec<_>>();
    let (source, text) = (dense(source), dense(text));
    let stands = |window: &&[(usize, char)]| window.iter().zip(&text).all(|((_, a), (_, b))| a == b);
    let place = |window: &[(usize, char)]| {
        let (last, c) = window[window.len() - 1];
        (window[0].0, last + c.len_utf8())
    };
    source.windows(text.len()).filter(stands).map(place).collect()
}

/// The manifest without its tests, examples and programs, which are not copied.
fn library_only(manifest: &str) -> String {
    let mut kept = true;
    let lines = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            kept = !line.starts_with("[[") && !line.starts_with("[dev-dependencies");
        }
        kept
    });
    lines.map(|line| format!("{line}\n")).collect()
}

fn files_under(directory: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_under(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// Removes what was copied before and is no more.
fn remove_all_but(files: &[PathBuf]) -> Result<(), std::io::Error> {
    let copied = Path::new(TREE).join("src");
    let found = if copied.exists() { files_under(&copied)? } else { Vec::new() };
    let gone =
        found.iter().filter(|path| path.strip_prefix(TREE).is_ok_and(|name| !files.iter().any(|file| file == name)));
    gone.map(fs::remove_file).collect()
}

/// Writes what is not there yet: what has not changed need not be built again.
fn write(name: &str, text: &str) -> Result<(), std::io::Error> {
    let path = Path::new(TREE).join(name);
    if fs::read_to_string(&path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file in a directory"))?;
    fs::write(path, text)
}
