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
    for file in files {
        let name = file.to_str().ok_or("a file name that is no text")?;
        // What the program for other languages shows is no text to mutate, and is not built.
        if !name.ends_with(".rs") {
            continue;
        }
        let source = fs::read_to_string(&file)?;
        let bred = bred(name, &source, by_file.remove(name).unwrap_or_default())?;
        let bred = if name == "src/lib.rs" { format!("#![allow(warnings)]\n{bred}{SWITCH}") } else { bred };
        write(name, &bred)?;
    }
    match by_file.first_entry() {
        Some(rows) => Err(format!("mutant {:?}: there is no {}", rows.get()[0].name, rows.key()).into()),
        None => Ok(()),
    }
}

/// The source with each row behind its switch.
fn bred(file: &str, source: &str, rows: Vec<&Row>) -> Result<String, String> {
    let mut by_original: BTreeMap<usize, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let Row { name, original, .. } = row;
        let places: Vec<_> = source.match_indices(original).map(|(at, _)| at).collect();
        match places[..] {
            [at] => by_original.entry(at).or_default().push(row),
            _ => {
                let times = places.len();
                return Err(format!("mutant {name:?}: {original:?} stands in {file} {times} times instead of once"));
            }
        }
    }
    let mut bred = String::new();
    let mut done = 0;
    for (at, rows) in by_original {
        let Row { name, original, .. } = rows[0];
        if at < done || rows.iter().any(|row| row.original != *original) {
            return Err(format!("mutant {name:?}: {original:?} overlaps with another in {file}"));
        }
        let arms: String = rows
            .iter()
            .map(|Row { name, mutated, .. }| format!("if crate::mutant({name:?}) {{ {mutated} }} else "))
            .collect();
        bred += &source[done..at];
        bred += &format!("({arms}{{ {original} }})");
        done = at + original.len();
    }
    Ok(bred + &source[done..])
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
