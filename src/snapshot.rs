//! FLOOR 5: what a fake remembers, as serde values: uploads, objects, exchanges.
//!
//! With a seed ([`crate::FakeBuilder::seed`]) ids and times repeat, and so do these values.

use std::{collections::BTreeMap, num::NonZeroU64};

use serde::Serialize;

use crate::{
    dialect::Provider,
    exchange::{
        Core,
        journal::{End, Entry, Facts, Live},
    },
    store::{
        Acl, BucketName, Cause, Lifecycle, Object, ObjectKey, Op, Origin, Part, PartNumber, Parts, Receipt, Tombstone,
        Upload, UploadState,
    },
    wire::{date, digest::combine_crc64, encode::hex},
};

/// Everything a fake holds at one moment, but for the past.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The provider it stands for.
    pub provider: Provider,
    /// The names of the buckets, in order.
    pub buckets: Vec<String>,
    /// The settings of the buckets, by name.
    pub settings: BTreeMap<String, BucketSettings>,
    /// The objects, by bucket and key.
    pub objects: Vec<ObjectRecord>,
    /// Every upload there ever was, in the order they were initiated.
    pub uploads: Vec<UploadRecord>,
    /// The exchanges in flight, in order of arrival.
    pub in_flight: Vec<ExchangeRecord>,
}

/// Settings of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BucketSettings {
    /// The name of its access control list, if it was given one: `public-read`.
    pub acl: Option<String>,
    /// Its lifecycle configuration, if it has one, as it was sent.
    pub lifecycle: Option<String>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ObjectRecord {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// The upload it was completed from, unless it was put whole.
    pub upload_id: Option<String>,
    /// When it became visible (ISO 8601).
    pub modified: String,
    /// The CRC-64/ECMA of its bytes, in decimal as the providers write it. Objects of the same size and CRC-64 hold the
    /// same bytes, also where bytes are not retained.
    pub crc64: String,
    /// The headers that are kept with it and shown on get and head, names and values: `Content-Type`, user metadata.
    pub metadata: Vec<(String, String)>,
    /// Its storage class, if it has another one than the provider's default.
    pub storage_class: Option<String>,
    /// Its tags, in the order they were given.
    pub tags: Vec<(String, String)>,
    /// The name of its own access control list, if it was given one: `public-read`.
    pub acl: Option<String>,
}

/// A multipart upload.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UploadRecord {
    /// Its id.
    pub upload_id: String,
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The name of the principal that initiated it.
    pub initiator: String,
    /// When it was initiated (ISO 8601).
    pub initiated: String,
    /// Where it stands.
    pub state: UploadStatus,
    /// How many parts are on their way to it.
    pub parts_in_flight: usize,
    /// The tick at which it ended, if it did.
    pub ended: Option<u64>,
}

/// Where an upload stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UploadStatus {
    /// Parts may come; what is stored is billed.
    #[non_exhaustive]
    Open {
        /// The parts stored, by number.
        parts: Vec<PartRecord>,
    },
    /// It became an object.
    #[non_exhaustive]
    Completed {
        /// The number of the exchange that completed it; none if the test did it behind the client's back.
        exchange: Option<u64>,
        /// When (ISO 8601).
        at: String,
        /// The part numbers the object was made of.
        used: Vec<u16>,
        /// The part numbers that had been stored but were not listed.
        unused: Vec<u16>,
    },
    /// It was given up.
    #[non_exhaustive]
    Aborted {
        /// Who did it.
        cause: AbortCause,
        /// The number of the exchange that did it, if a client did.
        exchange: Option<u64>,
        /// When (ISO 8601).
        at: String,
        /// The part numbers that were stored at that moment, and freed.
        freed: Vec<u16>,
        /// The parts that landed afterwards, and are billed until a further abort frees them.
        lingering: Vec<PartRecord>,
    },
}

/// Who aborted an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AbortCause {
    /// A client.
    Client,
    /// The test, behind the client's back.
    Test,
    /// A lifecycle rule of the bucket.
    Lifecycle,
    /// The test, which deleted the bucket.
    BucketGone,
}

/// A stored part.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PartRecord {
    /// Its number.
    pub number: u16,
    /// Its size in bytes.
    pub size: u64,
    /// Its MD5, in lower-case hex.
    pub md5: String,
}

/// An exchange: in flight, or over.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExchangeRecord {
    /// Its number, in order of arrival, from 1.
    pub number: u64,
    /// When it arrived (ISO 8601).
    pub at: String,
    /// The tick at which it arrived: every arrival, application and end in a fake is one tick.
    pub arrived: u64,
    /// The tick at which the store applied it, if it did.
    pub applied: Option<u64>,
    /// The tick at which the store applied or refused it.
    #[serde(skip)]
    pub(crate) judged: Option<u64>,
    /// The tick at which it ended, if it is over.
    pub ended: Option<u64>,
    /// The name of the principal it acts as, if it came so far.
    pub principal: Option<String>,
    /// The operation, if it came so far.
    #[serde(serialize_with = "op_name")]
    pub operation: Option<Op>,
    /// The bucket, if it names one.
    pub bucket: Option<String>,
    /// The key, if it names one.
    pub key: Option<String>,
    /// The upload id, if it names one or made one.
    pub upload_id: Option<String>,
    /// The part number, if it names one.
    pub part_number: Option<u16>,
    /// Bytes of its body that arrived.
    pub received: u64,
    /// How it ended; none while it is in flight.
    pub end: Option<ExchangeEnd>,
    /// Where a gate holds it, if one does: `BeforeApply`, `Byte(65536)`.
    pub held: Option<String>,
    /// Whether the part it stored lingers.
    pub lingering: bool,
    /// What was made to go wrong with it.
    pub fault: Option<String>,
    /// Words for whoever reads: what was not modelled, what was malformed.
    pub note: Option<String>,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExchangeEnd {
    /// It was answered.
    #[non_exhaustive]
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// It was refused.
    #[non_exhaustive]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The provider's code.
        code: String,
        /// Where the provider says that it answers so. `doubt:` marks what no page settles.
        source: String,
    },
    /// The fake does not model what it asked for.
    #[non_exhaustive]
    Unmodelled {
        /// The HTTP status.
        status: u16,
        /// The provider's code.
        code: String,
    },
    /// It was no HTTP.
    Malformed,
    /// The client went away.
    Abandoned,
    /// The fake reset the connection.
    Reset,
    /// A fault ended the connection before anything was done.
    Cut,
    /// A fault ended the connection before the reply had arrived whole.
    #[non_exhaustive]
    ReplyLost {
        /// The HTTP status of the reply.
        status: u16,
    },
    /// It was carried out or refused, and its client had gone before the response was sent, as far as the fake could know: the
    /// system refused to send the response, or reported that nobody was there to receive it.
    #[non_exhaustive]
    Undelivered {
        /// The HTTP status of the response.
        status: u16,
        /// The provider's code, if the exchange was refused.
        code: Option<String>,
    },
}

impl ExchangeEnd {
    fn of(end: &End) -> Self {
        match end {
            End::Answered(status) => Self::Answered { status: *status },
            End::Refused(row) => {
                Self::Refused { status: row.status, code: row.code.to_owned(), source: row.source.to_owned() }
            }
            End::RefusedSo(status, code) => {
                let source = "the test".to_owned();
                Self::Refused { status: *status, code: code.to_string(), source }
            }
            End::Unmodelled(row) => Self::Unmodelled { status: row.status, code: row.code.to_owned() },
            End::Malformed => Self::Malformed,
            End::Abandoned => Self::Abandoned,
            End::Reset => Self::Reset,
            End::Cut => Self::Cut,
            End::ReplyLost(status) => Self::ReplyLost { status: *status },
            End::Undelivered(end) => match Self::of(end) {
                Self::Refused { status, code, .. } | Self::Unmodelled { status, code } => {
                    Self::Undelivered { status, code: Some(code) }
                }
                Self::Answered { status } => Self::Undelivered { status, code: None },
                end => end,
            },
        }
    }
}

impl Snapshot {
    /// The upload initiated last under `key`, in any bucket.
    pub fn upload(&self, key: &str) -> Option<&UploadRecord> {
        self.uploads.iter().rfind(|upload| upload.key == key)
    }

    /// The object of this bucket and key.
    pub fn object(&self, bucket: &str, key: &str) -> Option<&ObjectRecord> {
        self.objects.iter().find(|object| object.bucket == bucket && object.key == key)
    }

    /// Whether an exchange of this operation is in flight.
    pub fn is_in_flight(&self, op: Op) -> bool {
        self.in_flight.iter().any(|exchange| exchange.operation == Some(op))
    }

    pub(crate) fn of(core: &Core) -> Self {
        let (settings, objects, uploads) = {
            let store = core.store.lock();
            let settings: Vec<_> =
                store.settings().map(|(name, acl, lifecycle)| (name.clone(), acl, lifecycle.cloned())).collect();
            let objects: Vec<_> =
                store.objects().map(|(bucket, key, object)| (bucket.clone(), key.clone(), object.clone())).collect();
            let uploads: Vec<_> = store.uploads().cloned().collect();
            (settings, objects, uploads)
        };
        Self {
            provider: core.provider,
            buckets: settings.iter().map(|(name, ..)| name.to_string()).collect(),
            settings: settings.iter().map(BucketSettings::of).collect(),
            objects: objects.iter().map(|(bucket, key, object)| ObjectRecord::of(bucket, key, object)).collect(),
            uploads: uploads.iter().map(|upload| UploadRecord::of(upload)).collect(),
            in_flight: in_flight(core),
        }
    }
}

impl BucketSettings {
    fn of((name, acl, lifecycle): &(BucketName, Option<Acl>, Option<Lifecycle>)) -> (String, Self) {
        let document = |lifecycle: &Lifecycle| String::from_utf8_lossy(&lifecycle.document).into_owned();
        let acl = acl.map(|acl| acl.name.to_owned());
        (name.to_string(), Self { acl, lifecycle: lifecycle.as_ref().map(document) })
    }
}

impl ObjectRecord {
    fn of(bucket: &BucketName, key: &ObjectKey, object: &Object) -> Self {
        let metadata = &object.metadata;
        Self {
            bucket: bucket.to_string(),
            key: key.to_string(),
            size: object.size,
            etag: object.etag.to_string(),
            upload_id: match &object.origin {
                Origin::Whole | Origin::Appended => None,
                Origin::Multipart(id) => Some(id.to_string()),
            },
            modified: date::iso_millis(object.modified),
            crc64: object.crc64(combine_crc64).to_string(),
            metadata: metadata.headers.clone(),
            storage_class: metadata.storage_class.clone(),
            tags: metadata.tags.clone(),
            acl: metadata.acl.map(|acl| acl.name.to_owned()),
        }
    }
}

impl UploadRecord {
    fn of(upload: &Upload) -> Self {
        let state = match &upload.state {
            UploadState::Open(parts) => UploadStatus::Open { parts: records(parts) },
            UploadState::Completed(Receipt { by, at, used, unused, .. }) => UploadStatus::Completed {
                exchange: *by,
                at: date::iso_millis(*at),
                used: numbers(used),
                unused: numbers(unused),
            },
            UploadState::Aborted(Tombstone { cause, at, freed, lingering, .. }) => UploadStatus::Aborted {
                cause: match cause {
                    Cause::Exchange(_) => AbortCause::Client,
                    Cause::Test => AbortCause::Test,
                    Cause::Lifecycle => AbortCause::Lifecycle,
                    Cause::BucketGone => AbortCause::BucketGone,
                },
                exchange: match cause {
                    Cause::Exchange(number) => Some(*number),
                    Cause::Test | Cause::Lifecycle | Cause::BucketGone => None,
                },
                at: date::iso_millis(*at),
                freed: numbers(freed),
                lingering: records(lingering),
            },
        };
        Self {
            upload_id: upload.id.to_string(),
            bucket: upload.place.bucket.to_string(),
            key: upload.place.key.to_string(),
            initiator: upload.initiator.name().to_owned(),
            initiated: date::iso_millis(upload.initiated),
            state,
            parts_in_flight: upload.in_flight.len(),
            ended: match &upload.state {
                UploadState::Open(_) => None,
                UploadState::Completed(receipt) => Some(receipt.tick),
                UploadState::Aborted(tombstone) => Some(tombstone.tick),
            },
        }
    }

    /// The parts that take up room: stored in an open upload, or lingering after an abort.
    pub fn parts(&self) -> &[PartRecord] {
        match &self.state {
            UploadStatus::Open { parts } | UploadStatus::Aborted { lingering: parts, .. } => parts,
            UploadStatus::Completed { .. } => &[],
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        matches!(self.state, UploadStatus::Open { .. })
    }
}

fn records(parts: &Parts) -> Vec<PartRecord> {
    let record = |part: &Part| PartRecord { number: part.number.get(), size: part.size(), md5: hex(part.body.md5) };
    parts.values().map(|part| record(part)).collect()
}

fn numbers(numbers: &[PartNumber]) -> Vec<u16> {
    numbers.iter().map(|number| number.get()).collect()
}

impl ExchangeRecord {
    pub(crate) fn of_live(live: &Live) -> Self {
        let facts = live.facts().clone();
        let record = Self::of(&facts, live.number, date::iso_millis(live.at), live.arrived, live.received());
        Self { held: live.held().map(|at| format!("{at:?}")), ..record }
    }

    pub(crate) fn of_entry(entry: &Entry) -> Self {
        let record = Self::of(&entry.facts, entry.number, date::iso_millis(entry.at), entry.arrived, entry.received);
        Self { ended: Some(entry.ended), end: Some(ExchangeEnd::of(&entry.end)), ..record }
    }

    fn of(facts: &Facts, number: u64, at: String, arrived: u64, received: u64) -> Self {
        Self {
            number,
            at,
            arrived,
            applied: facts.applied().map(NonZeroU64::get),
            judged: facts.judged.map(NonZeroU64::get),
            ended: None,
            principal: facts.principal.as_ref().map(|principal| principal.name().to_owned()),
            operation: facts.op,
            bucket: facts.bucket.as_ref().map(ToString::to_string),
            key: facts.key.as_ref().map(ToString::to_string),
            upload_id: facts.upload.as_ref().map(ToString::to_string),
            part_number: facts.number.map(PartNumber::get),
            received,
            end: None,
            held: None,
            lingering: facts.lingering,
            fault: facts.fault().map(str::to_owned),
            note: facts.words().map(str::to_owned),
        }
    }

    /// The HTTP status of the response, if there was one, whether or not the client was still there to receive it.
    pub fn status(&self) -> Option<u16> {
        match self.end {
            Some(
                ExchangeEnd::Answered { status }
                | ExchangeEnd::Refused { status, .. }
                | ExchangeEnd::Unmodelled { status, .. }
                | ExchangeEnd::Undelivered { status, .. },
            ) => Some(status),
            _ => None,
        }
    }

    /// The provider's code it was refused with, if it was.
    pub fn code(&self) -> Option<&str> {
        match &self.end {
            Some(ExchangeEnd::Refused { code, .. } | ExchangeEnd::Unmodelled { code, .. }) => Some(code),
            Some(ExchangeEnd::Undelivered { code, .. }) => code.as_deref(),
            _ => None,
        }
    }

    /// Whether it was in flight at `tick`.
    pub(crate) fn was_in_flight_at(&self, tick: u64) -> bool {
        self.arrived < tick && self.ended.is_none_or(|ended| tick < ended)
    }
}

/// The uploads that take room, open or with parts that linger, in the order they were initiated. Of the others, of which
/// there may be very many, nothing is copied.
pub(crate) fn uploads_that_take_room(core: &Core) -> Vec<UploadRecord> {
    let uploads: Vec<_> = core.store.lock().uploads().filter(|upload| upload.takes_room()).cloned().collect();
    uploads.iter().map(|upload| UploadRecord::of(upload)).collect()
}

/// The exchanges in flight, in order of arrival.
pub(crate) fn in_flight(core: &Core) -> Vec<ExchangeRecord> {
    let in_flight: Vec<_> = core.journal.lock().in_flight().cloned().collect();
    in_flight.iter().map(|live| ExchangeRecord::of_live(live)).collect()
}

/// The exchanges that asked for what is not modelled, in order of arrival.
pub(crate) fn unmodelled(core: &Core) -> Vec<ExchangeRecord> {
    let is_unmodelled = |entry: &&Entry| matches!(entry.end, End::Unmodelled(_));
    let mut entries: Vec<_> = core.journal.lock().entries().filter(is_unmodelled).cloned().collect();
    entries.sort_by_key(|entry| entry.number);
    entries.iter().map(ExchangeRecord::of_entry).collect()
}

/// How many exchanges the journal has dropped, and how many it keeps at most.
pub(crate) fn dropped(core: &Core) -> (u64, usize) {
    let journal = core.journal.lock();
    (journal.dropped(), journal.limit())
}

/// All exchanges, those in flight included, in order of arrival.
pub(crate) fn exchanges(core: &Core) -> Vec<ExchangeRecord> {
    let (entries, live): (Vec<Entry>, Vec<_>) = {
        let journal = core.journal.lock();
        (journal.entries().cloned().collect(), journal.in_flight().cloned().collect())
    };
    let records =
        entries.iter().map(ExchangeRecord::of_entry).chain(live.iter().map(|live| ExchangeRecord::of_live(live)));
    records.map(|record| (record.number, record)).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn op_name<S: serde::Serializer>(op: &Option<Op>, serializer: S) -> Result<S::Ok, S::Error> {
    op.map(Op::name).serialize(serializer)
}
