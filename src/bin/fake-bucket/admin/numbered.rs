//! Things that were installed at the admin address, under numbers that are never used again.

use std::collections::BTreeMap;

use http::StatusCode;

use super::Refused;

/// Things of one kind by number, counted from 1. A number that was given away stands for the same thing for ever: not even
/// after a reset does a stale number name another one.
pub struct Numbered<T> {
    kind: &'static str,
    last: u64,
    present: BTreeMap<u64, T>,
}

impl<T> Numbered<T> {
    /// None yet, of things that messages call this.
    pub fn of(kind: &'static str) -> Self {
        Self { kind, last: 0, present: BTreeMap::new() }
    }

    /// Adds one, and returns its number.
    pub fn add(&mut self, one: T) -> u64 {
        self.last += 1;
        self.present.insert(self.last, one);
        self.last
    }

    /// Those that are present, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&u64, &T)> {
        self.present.iter()
    }

    /// The one under this number.
    pub fn find(&mut self, number: &str) -> Result<&mut T, Refused> {
        let known = parse(number).and_then(|number| self.present.get_mut(&number));
        known.ok_or_else(|| missing(self.kind, number))
    }

    /// Takes the one under this number out.
    pub fn remove(&mut self, number: &str) -> Result<T, Refused> {
        let known = parse(number).and_then(|number| self.present.remove(&number));
        known.ok_or_else(|| missing(self.kind, number))
    }

    /// Takes all of them out. Their numbers stay used.
    #[must_use = "what is dropped here is dropped while the list is locked"]
    pub fn clear(&mut self) -> BTreeMap<u64, T> {
        std::mem::take(&mut self.present)
    }
}

/// A number as the admin address writes it: `7`, and neither `07` nor `+7`.
fn parse(number: &str) -> Option<u64> {
    number.parse().ok().filter(|parsed: &u64| parsed.to_string() == number)
}

fn missing(kind: &str, number: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("there is no {kind} {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_used_again() {
        let mut letters = Numbered::of("letter");
        assert_eq!((letters.add('a'), letters.add('b')), (1, 2));
        assert_eq!(letters.remove("2").ok(), Some('b'));
        assert_eq!(letters.add('c'), 3);
        drop(letters.clear());
        assert_eq!(letters.add('d'), 4);
        for stale in ["1", "2", "3", "0", "04", "+4", "", "x", "18446744073709551616"] {
            let Err(Refused(status, reason)) = letters.find(stale) else { panic!("{stale} was found") };
            assert_eq!((status, reason), (StatusCode::NOT_FOUND, format!("there is no letter {stale}")));
            assert!(letters.remove(stale).is_err(), "{stale}");
        }
        assert_eq!(letters.find("4").ok(), Some(&mut 'd'));
    }
}
