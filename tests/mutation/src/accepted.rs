//! Mutants that nobody could tell from the original, listed in `accepted.txt` with the reason.

use std::{collections::HashMap, fs, path::Path};

/// The accepted mutants' ids, each with its line number in the file.
#[derive(Debug, Default)]
pub struct Accepted(pub HashMap<String, usize>);

impl Accepted {
    /// Reads the file: `ID  # reason`; blank lines and lines that begin with `#` are comments.
    ///
    /// # Errors
    /// If a line lacks its reason, or stands twice.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::parse(&fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
    }

    /// Parses the file's text.
    ///
    /// # Errors
    /// As for [`Accepted::read`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut accepted = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let at = at + 1;
            // Ids have no two blanks in a row.
            let (id, reason) =
                line.split_once("  # ").ok_or(format!("accepted.txt:{at}: no reason (`ID  # reason`)"))?;
            if reason.trim().is_empty() {
                return Err(format!("accepted.txt:{at}: no reason (`ID  # reason`)"));
            }
            if accepted.insert(id.trim().to_owned(), at).is_some() {
                return Err(format!("accepted.txt:{at}: stands there already"));
            }
        }
        Ok(Self(accepted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_id_and_a_reason() {
        let accepted = Accepted::parse("# Comment\n\nsrc/a.rs f: operand: a || b # c → false  # Because.\n").unwrap();
        assert_eq!(
            accepted.0.into_iter().collect::<Vec<_>>(),
            [("src/a.rs f: operand: a || b # c → false".to_owned(), 3)]
        );
    }

    #[test]
    fn a_line_without_a_reason_or_that_stands_twice_is_an_error() {
        assert!(Accepted::parse("src/a.rs f: operand: a → false").is_err());
        assert!(Accepted::parse("src/a.rs f: operand: a → false  #  ").is_err());
        assert!(Accepted::parse("a  # b\na  # c").is_err());
    }
}
