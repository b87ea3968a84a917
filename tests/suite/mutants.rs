//! The table of the mutants goes with the sources it mutates: `tests/mutants/run` takes too long to run each time.

use std::fs;

#[path = "../mutants/src/mutants.rs"]
mod table;

#[test]
fn what_each_mutates_stands_where_it_says() {
    for row in table::ROWS {
        let source = dense(&fs::read_to_string(row.file).expect(row.file));
        let places = source.matches(&dense(row.original)).count();
        assert_eq!(places, 1, "{}: {} in {}", row.name, row.original, row.file);
        assert_ne!(row.original, row.mutated, "{}", row.name);
    }
}

/// White space aside.
fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}
