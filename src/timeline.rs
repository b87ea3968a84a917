//! FLOOR 5: what happened, for people to read: every exchange in order of arrival, what raced with it, and what became
//! of each upload. Every failure of an expectation ends in one of these.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::atomic::Ordering::Relaxed,
};

use crate::{
    exchange::{Core, acts::Act},
    snapshot::{AbortCause, ExchangeEnd, ExchangeRecord, Snapshot, UploadRecord, UploadStatus, dropped, exchanges},
    store::Op,
};

/// A readable account of all exchanges and uploads of a fake. Print it with `{}`.
#[derive(Clone, Debug)]
pub struct Timeline {
    title: String,
    exchanges: Vec<ExchangeRecord>,
    uploads: Vec<UploadRecord>,
    acts: Vec<Act>,
    /// How many exchanges the journal has dropped, and its limit.
    dropped: (u64, usize),
}

/// How many exchanges a timeline shows. Of more, those of uploads that still take room go first, then the latest.
const ROWS: usize = 200;

/// How many of the shown exchanges may belong to uploads that still take room, and how many of these are the earliest: an
/// upload's initiation says most about a leak.
const URGENT_ROWS: usize = ROWS / 2;
const EARLIEST_URGENT_ROWS: usize = URGENT_ROWS / 2;

impl Timeline {
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            title: format!("timeline ({})", core.provider.name()),
            exchanges: exchanges(core),
            uploads: Snapshot::of(core).uploads,
            acts: core.acts.all().clone(),
            dropped: dropped(core),
        }
    }

    /// Returns the timeline of a fake whose caller prints it: [`Timeline::is_printed`] holds until something happens.
    pub(crate) fn printed_by(core: &Core) -> Self {
        core.timeline_printed.store(core.ticks.load(Relaxed), Relaxed);
        Self::of(core)
    }

    /// Returns whether the timeline was printed, and nothing has happened since.
    pub(crate) fn is_printed(core: &Core) -> bool {
        match core.timeline_printed.load(Relaxed) {
            0 => false,
            printed => printed == core.ticks.load(Relaxed),
        }
    }

    /// Returns the numbers of the exchanges to show.
    fn shown(&self) -> BTreeSet<u64> {
        let numbers = || self.exchanges.iter().map(|exchange| exchange.number);
        if self.exchanges.len() <= ROWS {
            return numbers().collect();
        }
        let takes_room = |upload: &&UploadRecord| upload.is_open() || !upload.parts().is_empty();
        let urgent: BTreeSet<_> = self.uploads.iter().filter(takes_room).map(|upload| &upload.upload_id).collect();
        let is_urgent = |exchange: &&ExchangeRecord| {
            exchange.end.is_none() || exchange.upload_id.as_ref().is_some_and(|id| urgent.contains(id))
        };
        let urgent: Vec<u64> = self.exchanges.iter().filter(is_urgent).map(|exchange| exchange.number).collect();
        let latest = urgent.iter().rev().take(URGENT_ROWS - EARLIEST_URGENT_ROWS);
        let mut shown: BTreeSet<u64> = urgent.iter().take(EARLIEST_URGENT_ROWS).chain(latest).copied().collect();
        for number in numbers().rev() {
            if shown.len() == ROWS {
                break;
            }
            shown.insert(number);
        }
        shown
    }

    /// Returns the rows to print: the shown exchanges with what the test did between them, and how many are left out.
    fn lines(&self) -> Vec<Line> {
        let (labels, shown) = (self.labels(), self.shown());
        let mut acts = self.acts.iter().peekable();
        let (mut lines, mut hidden) = (Vec::new(), 0);
        for exchange in &self.exchanges {
            while let Some(act) = acts.next_if(|act| act.tick < exchange.arrived) {
                lines.extend(left_out(&mut hidden));
                lines.push(Line::Act(self.act(act, &labels)));
            }
            if shown.contains(&exchange.number) {
                lines.extend(left_out(&mut hidden));
                lines.push(Line::Exchange(self.row(exchange, &labels)));
            } else {
                hidden += 1;
            }
        }
        lines.extend(left_out(&mut hidden));
        lines.extend(acts.map(|act| Line::Act(self.act(act, &labels))));
        lines
    }

    /// Returns an act of the test in words, with the short names of uploads.
    fn act(&self, act: &Act, labels: &BTreeMap<&str, usize>) -> String {
        let (verb, id) = act.words.rsplit_once(' ').unwrap_or((&act.words, ""));
        match labels.get(id).zip(self.uploads.iter().find(|upload| upload.upload_id == id)) {
            Some((label, upload)) => format!("{verb} {} [{label}]", upload.key.escape_debug()),
            None => act.words.clone(),
        }
    }

    /// A short name for each upload id: its place in the order of initiation.
    fn labels(&self) -> BTreeMap<&str, usize> {
        self.uploads.iter().zip(1..).map(|(upload, place)| (upload.upload_id.as_str(), place)).collect()
    }

    /// The exchanges that `exchange` raced with for its upload, in the order in which they took effect: `#4 (earlier)`,
    /// `#3 (later)`. Two exchanges race if the order of their effects matters and one took effect while the other was in
    /// flight.
    fn races(&self, exchange: &ExchangeRecord) -> Vec<String> {
        let Some(upload) = &exchange.upload_id else { return Vec::new() };
        let raced = |other: &&ExchangeRecord| {
            let fell_into =
                |effect: Option<u64>, flight: &ExchangeRecord| effect.is_some_and(|tick| flight.was_in_flight_at(tick));
            other.number != exchange.number
                && other.upload_id.as_ref() == Some(upload)
                && order_matters(exchange, other)
                && (fell_into(other.judged, exchange) || fell_into(exchange.judged, other))
        };
        let mut races: Vec<&ExchangeRecord> = self.exchanges.iter().filter(raced).collect();
        races.sort_by_key(|other| (effect(other), other.number));
        races.into_iter().map(|other| format!("#{} ({})", other.number, before(other, exchange))).collect()
    }
}

/// Whether it makes a difference which of two exchanges takes effect first, if both are for the same upload.
fn order_matters(one: &ExchangeRecord, other: &ExchangeRecord) -> bool {
    match (role(one), role(other)) {
        (Some(Role::Ends), Some(_)) | (Some(_), Some(Role::Ends)) => true,
        (Some(Role::Stores), Some(Role::Stores)) => one.part_number == other.part_number,
        (Some(Role::Stores), Some(Role::Lists)) | (Some(Role::Lists), Some(Role::Stores)) => true,
        (Some(Role::Lists), Some(Role::Lists)) | (None, _) | (_, None) => false,
    }
}

/// What an exchange does to its upload.
#[derive(Clone, Copy)]
enum Role {
    Stores,
    Lists,
    Ends,
}

fn role(exchange: &ExchangeRecord) -> Option<Role> {
    match exchange.operation? {
        Op::UploadPart | Op::UploadPartCopy => Some(Role::Stores),
        Op::ListParts => Some(Role::Lists),
        Op::Abort | Op::Complete => Some(Role::Ends),
        _ => None,
    }
}

/// The tick at which an exchange took effect or was refused; the tick of its end, if the store never saw it.
fn effect(exchange: &ExchangeRecord) -> u64 {
    exchange.judged.or(exchange.ended).unwrap_or(u64::MAX)
}

fn before(other: &ExchangeRecord, exchange: &ExchangeRecord) -> &'static str {
    if (effect(other), other.number) < (effect(exchange), exchange.number) { "earlier" } else { "later" }
}

/// Returns the line that says how many exchanges are left out, and starts counting anew.
fn left_out(hidden: &mut usize) -> Option<Line> {
    (*hidden > 0).then(|| Line::LeftOut(std::mem::take(hidden)))
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.title, counted(self.exchanges.len(), "exchange"))?;
        if let (before @ 1.., limit) = self.dropped {
            writeln!(f, "  ..   {before} dropped before these: the journal keeps {limit}")?;
        }
        let lines = self.lines();
        let width = |cell: fn(&Row) -> &str| {
            let rows = lines.iter().filter_map(|line| if let Line::Exchange(row) = line { Some(row) } else { None });
            rows.map(|row| cell(row).chars().count()).max().unwrap_or(0)
        };
        let (who, what, size) = (width(|row| &row.who), width(|row| &row.what), width(|row| &row.size));
        for line in &lines {
            match line {
                Line::Exchange(Row { number, who: who_is, what: what_is, size: size_is, reply }) => {
                    writeln!(f, "  #{number:<3} {who_is:who$}  {what_is:what$}  {size_is:>size$}  {reply}")?;
                }
                Line::Act(act) => writeln!(f, "  -    the test {act}")?,
                Line::LeftOut(count) => writeln!(f, "  ..   {} left out", counted(*count, "exchange"))?,
            }
        }
        if !self.uploads.is_empty() {
            writeln!(f, "uploads:")?;
        }
        for (upload, place) in self.uploads.iter().zip(1..) {
            writeln!(f, "  [{place}] {upload}")?;
        }
        Ok(())
    }
}

/// One printed line of a timeline.
enum Line {
    Exchange(Row),
    /// What the test did.
    Act(String),
    /// How many exchanges are left out here.
    LeftOut(usize),
}

struct Row {
    number: u64,
    who: String,
    what: String,
    size: String,
    reply: String,
}

impl Timeline {
    fn row(&self, exchange: &ExchangeRecord, labels: &BTreeMap<&str, usize>) -> Row {
        let mut reply = reply(exchange);
        if exchange.lingering {
            reply.push_str(", the part lingers");
        }
        let races = self.races(exchange);
        if !races.is_empty() {
            reply = format!("{reply}  <- raced with {}", races.join(", "));
        }
        if let Some(fault) = &exchange.fault {
            reply = format!("{reply}  (fault: {fault})");
        }
        if let Some(note) = &exchange.note {
            reply = format!("{reply}  ({note})");
        }
        let label = exchange.upload_id.as_deref().and_then(|id| labels.get(id));
        let what = match label {
            Some(label) => format!("{exchange} [{label}]"),
            None => exchange.to_string(),
        };
        Row {
            number: exchange.number,
            who: exchange.principal.clone().unwrap_or_else(|| "?".to_owned()),
            what,
            size: if exchange.received == 0 { String::new() } else { size(exchange.received) },
            reply,
        }
    }
}

fn reply(exchange: &ExchangeRecord) -> String {
    match &exchange.end {
        None => match &exchange.held {
            Some(at) => format!("in flight, held at {at}"),
            None => "in flight".to_owned(),
        },
        Some(ExchangeEnd::Answered { status }) => status.to_string(),
        Some(ExchangeEnd::Refused { status, code, .. }) => format!("{status} {code}"),
        Some(ExchangeEnd::Unmodelled { status, code }) => format!("{status} {code}, not modelled"),
        Some(ExchangeEnd::Malformed) => "not HTTP".to_owned(),
        Some(ExchangeEnd::Abandoned) => "client went away".to_owned(),
        Some(ExchangeEnd::Reset) => "connection reset".to_owned(),
        Some(ExchangeEnd::Cut) => "connection cut".to_owned(),
        Some(ExchangeEnd::ReplyLost { status }) => format!("{status}, reply lost"),
        Some(ExchangeEnd::Undelivered { status, code }) => {
            let code = code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
            format!("{status}{code}, never received: client went away")
        }
    }
}

impl ExchangeRecord {
    /// What it was and how it ended, in a few words: `#5 UploadPart 2 video.mp4: 404 NoSuchUpload`.
    pub(crate) fn summary(&self) -> String {
        format!("#{} {self}: {}", self.number, reply(self))
    }

    /// How it ended, if it did, in a few words: `404 NoSuchUpload`.
    pub(crate) fn ending(&self) -> String {
        reply(self)
    }
}

/// The operation and what it is about: `UploadPart 2 video.mp4`.
impl fmt::Display for ExchangeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.map_or("?", Op::name))?;
        if let Some(number) = self.part_number {
            write!(f, " {number}")?;
        }
        match (&self.key, &self.bucket) {
            (Some(key), _) => write!(f, " {}", key.escape_debug()),
            (None, Some(bucket)) => write!(f, " {}", bucket.escape_debug()),
            (None, None) => Ok(()),
        }
    }
}

/// What an upload came to: `video.mp4: aborted by #4, ..`.
impl fmt::Display for UploadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, initiated by {}: ", self.key.escape_debug(), self.initiator)?;
        match &self.state {
            UploadStatus::Open { parts } => {
                let bytes = parts.iter().map(|part| part.size).sum();
                write!(f, "OPEN with {}, {}", counted(parts.len(), "stored part"), size(bytes))?;
            }
            UploadStatus::Completed { exchange, used, unused, .. } => {
                let by = exchange.map_or("the test".to_owned(), |number| format!("#{number}"));
                write!(f, "completed by {by} from {}", counted(used.len(), "part"))?;
                if !unused.is_empty() {
                    write!(f, "; unused: {}", list(unused))?;
                }
            }
            UploadStatus::Aborted { cause, exchange, freed, lingering, .. } => {
                match (cause, exchange) {
                    (AbortCause::Lifecycle, _) => f.write_str("aborted by a lifecycle rule")?,
                    (AbortCause::BucketGone, _) => f.write_str("gone with its bucket")?,
                    (_, Some(number)) => write!(f, "aborted by #{number}")?,
                    (_, None) => f.write_str("aborted by the test")?,
                }
                if !freed.is_empty() {
                    write!(f, ", freed: {}", list(freed))?;
                }
                if !lingering.is_empty() {
                    let numbers: Vec<_> = lingering.iter().map(|part| part.number).collect();
                    write!(f, "; LINGERING: {}", list(&numbers))?;
                }
            }
        }
        if self.parts_in_flight > 0 {
            write!(f, "; {} in flight", counted(self.parts_in_flight, "part"))?;
        }
        write!(f, "  (id {})", self.upload_id)
    }
}

pub(crate) fn list(numbers: &[u16]) -> String {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(", ")
}

pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Bytes, in the unit that shows them whole or with one digit.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) if bytes.is_multiple_of(*unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
    }
}
