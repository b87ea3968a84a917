//! Why the program ends without success, and the exit status that says so.

use std::{error::Error, fmt, process::ExitCode};

/// A failure of the program.
#[derive(Debug)]
pub struct Failed {
    status: u8,
    message: String,
}

impl Failed {
    /// The target differs from what was expected of it; or, of `serve`, something on this machine is in the way: exit
    /// status 1.
    pub fn here(message: impl fmt::Display) -> Self {
        Self { status: 1, message: message.to_string() }
    }

    /// The command line, or a file it names, cannot be used: exit status 2, as clap's own.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { status: 2, message: message.to_string() }
    }

    /// The target cannot be reached, or went away: exit status 3.
    pub fn unreachable(message: impl fmt::Display) -> Self {
        Self { status: 3, message: message.to_string() }
    }

    /// The exit status of the process.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::here(error)
    }
}
