//! The query of a request target: `name`, `name=` and `name=value`, joined by `&`.
//!
//! Whether a plus is a plus or a blank differs by service. Empty segments are skipped, since a vendor's own sample has one
//! (`?&uploadId=..`).

use std::{borrow::Cow, ops::Range};

use super::{encode::unescaped, head::mark};

/// The parameters of a query, decoded, in the order they came: where names and values are in one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    text: String,
    pairs: Vec<(Range<usize>, Range<usize>)>,
    /// The marks of the names: dozens are asked for, two are there.
    marks: u64,
}

/// What a plus in a query stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// Itself.
    Plus,
    /// A blank, as in `application/x-www-form-urlencoded`.
    Blank,
}

impl Plus {
    /// What one stands for where a signature tells: a blank if it fits that reading only, else itself.
    pub fn as_signed(fits: impl Fn(Self) -> bool) -> Self {
        if !fits(Self::Plus) && fits(Self::Blank) { Self::Blank } else { Self::Plus }
    }
}

impl Query {
    /// Reads a raw query. None if an escape in it is broken or not UTF-8.
    pub fn parse(raw: &str, plus: Plus) -> Option<Self> {
        let blanks = match plus {
            Plus::Blank if raw.contains('+') => Cow::Owned(raw.replace('+', " ")),
            Plus::Blank | Plus::Plus => Cow::Borrowed(raw),
        };
        let escaped = raw.contains('%');
        let mut query = Self { text: String::with_capacity(raw.len()), pairs: Vec::new(), marks: 0 };
        for segment in blanks.split('&').filter(|segment| !segment.is_empty()) {
            let (name, value) = segment.split_once('=').unwrap_or((segment, ""));
            let pair = match escaped {
                true => (query.keep(&unescaped(name)?), query.keep(&unescaped(value)?)),
                false => (query.keep(name), query.keep(value)),
            };
            query.marks |= mark(pair.0.len(), &query.text[pair.0.clone()]);
            query.pairs.push(pair);
        }
        Some(query)
    }

    /// Keeps a name or a value. Returns where it is now.
    fn keep(&mut self, piece: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(piece);
        start..self.text.len()
    }

    /// The first value under `name`; empty if the parameter has none.
    pub fn get(&self, name: &str) -> Option<&str> {
        if self.marks & mark(name.len(), name) == 0 {
            return None;
        }
        let named = |(found, _): &&(Range<usize>, _)| self.text.as_bytes()[found.clone()] == *name.as_bytes();
        self.pairs.iter().find(named).map(|(_, value)| &self.text[value.clone()])
    }

    /// The first value under `name`, unless it is missing or empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether there is a parameter of that name.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All parameters, in the order they came; a missing value is empty.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        let query = Query::parse("&uploads&prefix=a%2Fb+c&delimiter=&uploads=x", Plus::Plus).unwrap();
        assert_eq!(query.get("uploads"), Some(""));
        assert_eq!(query.get("prefix"), Some("a/b+c"));
        assert_eq!(query.get("delimiter"), Some(""));
        assert_eq!(query.filled("delimiter"), None);
        assert!(!query.has("Uploads"));
        assert_eq!(query.pairs().count(), 4);
        assert_eq!(Query::parse("a=b+c%2B", Plus::Blank).unwrap().get("a"), Some("b c+"));
        assert_eq!(Query::parse("a=%", Plus::Plus), None);
    }
}
