//! The house: imports only run downwards, and the ground floor knows nothing of HTTP, async, providers or the wall clock.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The rooms, each with its floor.
const FLOORS: &[(&str, u8)] = &[
    ("store", 0),
    ("sharing", 0),
    ("wire", 1),
    ("dialect", 2),
    ("exchange", 3),
    ("door", 4),
    ("snapshot", 5),
    ("timeline", 5),
    ("closest", 5),
    ("fake", 5),
    ("wait", 5),
    ("interfere", 5),
    ("expect", 5),
    ("sweep", 5),
    ("conformance", 5),
    ("bin", 6),
    ("models", 9),
    ("lib", 9),
];

#[test]
fn imports_run_downwards() {
    for (file, text) in sources() {
        let floor = floor_of(&file);
        for (line, number) in text.lines().zip(1..) {
            for room in rooms_named(line) {
                let above = FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor);
                let above = above.unwrap_or_else(|| panic!("{}:{number}: no room is called {room}", file.display()));
                assert!(above <= floor, "{}:{number} reaches up to {room}: {line}", file.display());
            }
        }
    }
}

#[test]
fn the_store_knows_nothing_of_the_world() {
    let worldly = [
        "http",
        "hyper",
        "tokio",
        "async",
        "await",
        "SystemTime",
        "Instant",
        "RandomState",
        "serde",
        "Cos",
        "Oss",
        "Obs",
        "HashMap",
    ];
    for (file, text) in
        sources().into_iter().filter(|(file, _)| file.components().any(|part| part.as_os_str() == "store"))
    {
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//")) {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric()).collect();
            let found = worldly.iter().find(|word| words.contains(word));
            assert!(found.is_none(), "{}:{number} says {found:?}: {line}", file.display());
        }
    }
}

/// The kit is to find the fakes' mistakes, so it must not share them: it sees what users see.
#[test]
fn the_conformance_kit_uses_what_is_public() {
    for (file, text) in sources().into_iter().filter(|(file, _)| file.starts_with(root().join("conformance"))) {
        for (line, number) in text.lines().zip(1..) {
            let inside = rooms_named(line).into_iter().find(|room| room != "conformance");
            assert!(inside.is_none(), "{}:{number} reaches into {inside:?}: {line}", file.display());
        }
    }
}

#[test]
fn providers_are_named_in_their_dialects_and_at_the_front_door_only() {
    for (file, text) in sources() {
        let allowed = ["dialect", "fake", "conformance", "lib.rs", "bin"]
            .iter()
            .any(|room| file.to_string_lossy().contains(&format!("src/{room}")));
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//")) {
            let named = ["Provider::Cos", "Provider::Oss", "Provider::Obs"].iter().any(|name| line.contains(name));
            assert!(allowed || !named, "{}:{number} names a provider: {line}", file.display());
        }
    }
}

#[test]
fn dialects_have_the_same_rooms() {
    for provider in ["cos", "oss", "obs"] {
        let folder = root().join("dialect").join(provider);
        for room in ["mod", "address", "sign", "route", "body", "errors"] {
            assert!(folder.join(room).with_extension("rs").exists(), "{provider} has no {room}.rs");
        }
    }
}

/// The rooms a line reaches into by `crate::`. Inside `use crate::{ .. }` blocks the rooms stand at one indentation.
fn rooms_named(line: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms: Vec<String> = line.split("crate::").skip(1).map(word).filter(|room| !room.is_empty()).collect();
    let indented = line.strip_prefix("    ").filter(|rest| !rest.starts_with(' '));
    let room = indented.map(word).unwrap_or_default();
    if FLOORS.iter().any(|(name, _)| *name == room) && line.contains(&format!("{room}::")) {
        rooms.push(room);
    }
    rooms.retain(|room| room.starts_with(|c: char| c.is_lowercase()));
    rooms
}

fn floor_of(file: &Path) -> u8 {
    let inside = file.strip_prefix(root()).expect("a source file");
    let room = inside.components().next().expect("a name").as_os_str().to_string_lossy().replace(".rs", "");
    FLOORS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{} is in no room", inside.display())).1
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![root()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => sources.push((path.clone(), fs::read_to_string(path).expect("text"))),
            }
        }
    }
    sources
}
