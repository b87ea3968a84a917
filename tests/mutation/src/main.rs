//! Mutation testing of `src/`: small faults, each behind a switch, all compiled in one build.

mod accepted;
mod cargo;
mod command;
mod coverage;
mod find;
mod judge;
mod macros;
mod names;
mod report;
mod returns;
mod scope;
mod site;
mod suite;
mod tree;
mod verdicts;
mod weave;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutation: {error}");
            ExitCode::from(2)
        }
    }
}
