//! Which exchanges a gate or a fault is about.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use http::{HeaderMap, Method, Uri};

use super::journal::{Facts, Live, Position};
use crate::{
    sharing::Mutex,
    store::{Op, PartNumber},
    wire::head::Head,
};

/// Chooses exchanges: an operation, and whatever else is asked of it.
///
/// ```
/// use fake_bucket::{Op, Select};
///
/// let second_part: Select = Op::UploadPart.number(2);
/// let of_the_video = Op::UploadPart.key("video.mp4").number(2);
/// let any_abort_by_writer = Select::from(Op::Abort).by("writer");
/// let third_part_to_come = Op::UploadPart.nth(3);
/// let retries = Select::any().matching("a retry", |it| it.headers().contains_key("x-retry"));
/// # let _ = (second_part, of_the_video, any_abort_by_writer, third_part_to_come, retries);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Select {
    op: Option<Op>,
    key: Option<String>,
    number: Option<u16>,
    principal: Option<String>,
    matching: Vec<Matching>,
    nth: Option<u64>,
}

/// A condition that a test words itself.
#[derive(Clone)]
struct Matching {
    what: Arc<str>,
    holds: Arc<dyn Fn(&Candidate<'_>) -> bool + Send + Sync>,
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl Select {
    /// Every exchange whose operation was understood.
    pub fn any() -> Self {
        Self::default()
    }

    /// Only with this key.
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Only with this part number.
    ///
    /// # Panics
    /// If that is the number of no part: they are 1 to 10000.
    #[track_caller]
    pub fn number(self, number: u16) -> Self {
        assert!(PartNumber::new(number).is_some(), "part numbers are 1 to {}, not {number}", PartNumber::MAX);
        Self { number: Some(number), ..self }
    }

    /// Only by this principal, by name.
    pub fn by(self, principal: impl Into<String>) -> Self {
        Self { principal: Some(principal.into()), ..self }
    }

    /// Only exchanges for which `holds` returns true. It is called once for each exchange that fits otherwise, while that
    /// exchange waits, and must not block. Messages call the condition `what`.
    pub fn matching(
        mut self,
        what: impl AsRef<str>,
        holds: impl Fn(&Candidate<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.matching.push(Matching { what: what.as_ref().into(), holds: Arc::new(holds) });
        self
    }

    /// Only the `nth` of the exchanges that fit otherwise, from 1. A gate counts those that come to its point, a fault those
    /// that are let in and that it can happen to; both from when they are put up. Exchanges that a condition turned away
    /// ([`Select::matching`]) do not count.
    ///
    /// # Panics
    /// If `nth` is 0.
    #[track_caller]
    pub fn nth(self, nth: u64) -> Self {
        assert!(nth > 0, "exchanges are counted from 1");
        Self { nth: Some(nth), ..self }
    }

    /// What keeps an exchange from fitting, as far as its facts tell, in words.
    pub(crate) fn misses(&self, facts: &Facts) -> Vec<String> {
        let mut misses = Vec::new();
        match (self.op, facts.op) {
            (_, None) => misses.push("what it asks for was not understood".to_owned()),
            (Some(wanted), Some(op)) if wanted != op => {
                misses.push(format!("operation is {}, not {}", op.name(), wanted.name()));
            }
            _ => {}
        }
        let number = facts.number.map(PartNumber::get);
        misses.extend(miss("part number", self.number.as_ref(), number.as_ref()));
        let key = facts.key.as_ref().map(|key| key.as_str().to_owned());
        misses.extend(miss("key", quoted(self.key.as_ref()).as_ref(), quoted(key.as_ref()).as_ref()));
        let principal = facts.principal.as_ref().map(|principal| principal.name().to_owned());
        misses.extend(miss("principal", self.principal.as_ref(), principal.as_ref()));
        misses
    }

    /// How far apart the part numbers are; 0 where none is asked for.
    pub(crate) fn distance(&self, facts: &Facts) -> u16 {
        self.number.map_or(0, |wanted| facts.number.map_or(u16::MAX, |number| number.get().abs_diff(wanted)))
    }

    /// Whether the operation is the one asked for.
    pub(crate) fn is_about(&self, op: Option<Op>) -> bool {
        op.is_some_and(|op| self.op.is_none_or(|wanted| wanted == op))
    }

    fn names(&self, facts: &Facts) -> bool {
        let names =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        self.is_about(facts.op)
            && names(&self.key, facts.key.as_ref().map(|key| key.as_str()))
            && names(&self.principal, facts.principal.as_ref().map(|principal| principal.name()))
            && self.number.is_none_or(|wanted| facts.number.is_some_and(|number| number.get() == wanted))
    }
}

fn quoted(text: Option<&String>) -> Option<String> {
    text.map(|text| format!("{text:?}"))
}

fn miss<T: PartialEq + fmt::Display>(what: &str, wanted: Option<&T>, found: Option<&T>) -> Option<String> {
    let wanted = wanted?;
    match found {
        Some(found) if found == wanted => None,
        Some(found) => Some(format!("{what} is {found}, not {wanted}")),
        None => Some(format!("it has no {what}")),
    }
}

impl From<Op> for Select {
    fn from(op: Op) -> Self {
        Self { op: Some(op), ..Self::default() }
    }
}

/// `UploadPart 2 of "video.mp4" by writer, a retry, the 3rd`.
impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.map_or("any operation", Op::name))?;
        if let Some(number) = self.number {
            write!(f, " {number}")?;
        }
        if let Some(key) = &self.key {
            write!(f, " of {key:?}")?;
        }
        if let Some(principal) = &self.principal {
            write!(f, " by {principal}")?;
        }
        for Matching { what, .. } in &self.matching {
            write!(f, ", {what}")?;
        }
        match self.nth {
            Some(nth) => write!(f, ", the {}", ordinal(nth)),
            None => Ok(()),
        }
    }
}

/// `1st`, `2nd`, `3rd`, `4th`, ..
fn ordinal(number: u64) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// The first words of a [`Select`].
impl Op {
    /// This operation, with this key.
    pub fn key(self, key: impl Into<String>) -> Select {
        Select::from(self).key(key)
    }

    /// This operation, with this part number.
    ///
    /// # Panics
    /// If that is the number of no part: they are 1 to 10000.
    #[track_caller]
    pub fn number(self, number: u16) -> Select {
        Select::from(self).number(number)
    }

    /// This operation, by this principal.
    pub fn by(self, principal: impl Into<String>) -> Select {
        Select::from(self).by(principal)
    }

    /// This operation, the `nth` time, from 1.
    ///
    /// # Panics
    /// If `nth` is 0.
    #[track_caller]
    pub fn nth(self, nth: u64) -> Select {
        Select::from(self).nth(nth)
    }

    /// This operation, where `holds`; messages call that `what`.
    pub fn matching(
        self,
        what: impl AsRef<str>,
        holds: impl Fn(&Candidate<'_>) -> bool + Send + Sync + 'static,
    ) -> Select {
        Select::from(self).matching(what, holds)
    }
}

/// An exchange that may fit, as [`Select::matching`] gets to see it: the head of its request, and what was understood.
pub struct Candidate<'a> {
    number: u64,
    generation: u64,
    head: &'a Head,
    facts: Facts,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(live: &Live, head: &'a Head) -> Self {
        Self { number: live.number, generation: live.generation, head, facts: live.facts().clone() }
    }
}

impl Candidate<'_> {
    /// Its number, in order of arrival, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The method, as it was sent.
    #[expect(clippy::misnamed_getters, reason = "matchers see the request as it was sent")]
    pub fn method(&self) -> &Method {
        &self.head.sent_method
    }

    /// The target, as it was sent.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The operation.
    pub fn operation(&self) -> Option<Op> {
        self.facts.op
    }

    /// The bucket, if it names one.
    pub fn bucket(&self) -> Option<&str> {
        self.facts.bucket.as_ref().map(|bucket| bucket.as_str())
    }

    /// The key, if it names one.
    pub fn key(&self) -> Option<&str> {
        self.facts.key.as_ref().map(|key| key.as_str())
    }

    /// The upload id, if it names one.
    pub fn upload_id(&self) -> Option<&str> {
        self.facts.upload.as_ref().map(|upload| upload.as_str())
    }

    /// The part number, if it names one.
    pub fn part_number(&self) -> Option<u16> {
        self.facts.number.map(PartNumber::get)
    }

    /// The name of the principal it acts as.
    pub fn principal(&self) -> Option<&str> {
        self.facts.principal.as_ref().map(|principal| principal.name())
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the headers: they hold signatures and tokens.
        f.debug_struct("Candidate")
            .field("number", &self.number)
            .field("operation", &self.facts.op)
            .finish_non_exhaustive()
    }
}

/// A selection at work: it counts what fits, and remembers what a condition turned away.
#[derive(Debug)]
pub struct Watch {
    /// Which exchanges fit.
    pub select: Select,
    /// The exchanges that had arrived before.
    pub since: Position,
    /// How many exchanges had arrived when it was taken away.
    pub until: OnceLock<u64>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Those that fit but for their place, in the order they came. Only kept where a condition or the place decides.
    fitting: Vec<u64>,
    /// Those that fit but for a condition, and which.
    turned_away: BTreeMap<u64, Arc<str>>,
}

impl Seen {
    /// Whether this exchange fits; `None` if that was not asked before.
    fn answer(&self, number: u64, nth: Option<u64>) -> Option<bool> {
        if self.turned_away.contains_key(&number) {
            return Some(false);
        }
        let place = self.fitting.iter().position(|fitting| *fitting == number)? as u64 + 1;
        Some(nth.is_none_or(|nth| nth == place))
    }
}

impl Watch {
    /// Begins at a position of the journal.
    pub fn new(select: Select, since: Position) -> Self {
        Self { select, since, until: OnceLock::new(), seen: Mutex::default() }
    }

    /// Whether an exchange fits. The answer for one exchange is always the same, and its conditions are called once. What
    /// arrived before a reset fits nothing that was put up after it.
    pub fn fits(&self, candidate: &Candidate<'_>) -> bool {
        if candidate.generation != self.since.generation || !self.select.names(&candidate.facts) {
            return false;
        }
        if self.select.matching.is_empty() && self.select.nth.is_none() {
            return true;
        }
        if let Some(answer) = self.seen.lock().answer(candidate.number, self.select.nth) {
            return answer;
        }
        // A condition is a test's own code, which may ask the fake: no lock is held meanwhile.
        let turned_away = self.select.matching.iter().find(|matching| !(matching.holds)(candidate));
        let mut seen = self.seen.lock();
        match turned_away {
            Some(Matching { what, .. }) => {
                seen.turned_away.insert(candidate.number, what.clone());
            }
            None => seen.fitting.push(candidate.number),
        }
        seen.answer(candidate.number, self.select.nth).expect("an answer that was just found")
    }

    /// What kept an exchange from fitting whose facts fit, if that is known.
    pub fn turned_away(&self, number: u64) -> Option<String> {
        let seen = self.seen.lock();
        if let Some(what) = seen.turned_away.get(&number) {
            return Some(format!("it is not {what}"));
        }
        let nth = self.select.nth?;
        let place = seen.fitting.iter().position(|fitting| *fitting == number)? as u64 + 1;
        (place != nth).then(|| format!("it is the {} that fits, not the {}", ordinal(place), ordinal(nth)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals() {
        let written: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].into_iter().map(ordinal).collect();
        assert_eq!(written, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
    }

    #[test]
    fn a_selection_says_what_it_wants() {
        let select = Op::UploadPart.number(2).key("k").by("writer").matching("a retry", |_| true).nth(3);
        assert_eq!(select.to_string(), "UploadPart 2 of \"k\" by writer, a retry, the 3rd");
        assert!(format!("{select:?}").contains("matching: [\"a retry\"]"), "{select:?}");
        assert_eq!(Select::any().to_string(), "any operation");
    }
}
