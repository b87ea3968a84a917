//! FLOOR 5: what happened, for people to read: every exchange in order of arrival, what raced with it, and what became
//! of each upload. Every failure of an expectation ends in one of these.

use std::{collections::BTreeMap, fmt};

use crate::{
    exchange::Core,
    snapshot::{AbortCause, ExchangeEnd, ExchangeRecord, Snapshot, UploadRecord, UploadStatus, exchanges},
    store::Op,
};

/// A readable account of all exchanges and uploads of a fake. Print it with `{}`.
#[derive(Clone, Debug)]
pub struct Timeline {
    title: String,
    exchanges: Vec<ExchangeRecord>,
    uploads: Vec<UploadRecord>,
}

/// Rows a timeline shows; the earliest are left out beyond that.
const ROWS: usize = 200;

impl Timeline {
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            title: format!("timeline ({})", core.provider.name()),
            exchanges: exchanges(core),
            uploads: Snapshot::of(core).uploads,
        }
    }

    /// A short name for each upload id: its place in the order of initiation.
    fn labels(&self) -> BTreeMap<&str, usize> {
        self.uploads.iter().zip(1..).map(|(upload, place)| (upload.upload_id.as_str(), place)).collect()
    }

    /// The ends of `exchange`'s upload that fell into its flight, and the parts in flight at the end that it is.
    fn races(&self, exchange: &ExchangeRecord) -> Vec<u64> {
        let Some(upload) = &exchange.upload_id else { return Vec::new() };
        let same =
            |other: &&ExchangeRecord| other.number != exchange.number && other.upload_id.as_ref() == Some(upload);
        let raced = |other: &&ExchangeRecord| {
            let (ended_by, flown) = if ends_upload(exchange) { (exchange, *other) } else { (*other, exchange) };
            ends_upload(ended_by) && ended_by.applied.is_some_and(|tick| flown.was_in_flight_at(tick))
        };
        self.exchanges.iter().filter(same).filter(raced).map(|other| other.number).collect()
    }
}

fn ends_upload(exchange: &ExchangeRecord) -> bool {
    matches!(exchange.operation, Some(Op::Abort | Op::Complete))
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels();
        let hidden = self.exchanges.len().saturating_sub(ROWS);
        writeln!(f, "{}: {}", self.title, counted(self.exchanges.len(), "exchange"))?;
        if hidden > 0 {
            writeln!(f, "  .. {} before these", counted(hidden, "exchange"))?;
        }
        let rows: Vec<Row> = self.exchanges[hidden..].iter().map(|exchange| self.row(exchange, &labels)).collect();
        let width = |cell: fn(&Row) -> &str| rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0);
        let (who, what, size) = (width(|row| &row.who), width(|row| &row.what), width(|row| &row.size));
        for row in &rows {
            let Row { number, who: who_is, what: what_is, size: size_is, reply } = row;
            writeln!(f, "  #{number:<3} {who_is:who$}  {what_is:what$}  {size_is:>size$}  {reply}")?;
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
            let races: Vec<_> = races.iter().map(|number| format!("#{number}")).collect();
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
