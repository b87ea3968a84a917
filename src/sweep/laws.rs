//! What must hold of every run, whatever went wrong in it.

use std::{fmt, panic::Location};

use bytes::Bytes;

use super::scene::Request;
use crate::{
    expect::{differing, in_order, used_after_known_end},
    fake::Fake,
    snapshot::{ExchangeEnd, ObjectRecord},
};

/// A property of every run of an uploader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Law {
    /// It ends.
    Ends,
    /// If it reports success, every object is there, to the byte.
    Whole,
    /// No upload is left open, no part lingers, nothing is in flight. A part that lingers needs a further abort.
    NoLeaks,
    /// It names no upload after its end, unless the reply that told of the end was lost, or to abort it once more.
    NoUseAfterEnd,
    /// It sends a bounded number of requests.
    Bounded,
    /// It asks for nothing that the fake does not model.
    Modelled,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ends => "never ends",
            Self::Whole => "not whole",
            Self::NoLeaks => "leaks",
            Self::NoUseAfterEnd => "used after its end",
            Self::Bounded => "too many requests",
            Self::Modelled => "not modelled",
        })
    }
}

/// How a run came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The uploader reported success.
    Done,
    /// It reported failure.
    Failed(String),
    /// It had not ended when its time was over.
    TooLong,
    /// It was stopped, having sent too many requests.
    TooMany,
}

impl Ending {
    pub fn reported<E: fmt::Debug>(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(error) => Self::Failed(format!("{error:?}")),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("reported success"),
            Self::Failed(error) => write!(f, "reported failure: {error}"),
            Self::TooLong => f.write_str("had not ended when its time was over"),
            Self::TooMany => f.write_str("was stopped, having sent too many requests"),
        }
    }
}

/// An object that should be there when an uploader reports success.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The object as the clean run left it.
    pub record: ObjectRecord,
    /// Whether its metadata, tags, storage class and access control list have to be the same.
    pub with_metadata: bool,
    bytes: Option<Bytes>,
}

/// What the run taught in which nothing went wrong.
#[derive(Debug)]
pub struct Clean {
    pub requests: Vec<Request>,
    pub objects: Vec<Wanted>,
}

impl Clean {
    /// # Panics
    /// If the run failed.
    pub fn of(fake: &Fake, ending: &Ending, with_metadata: bool, swept_at: &Location<'_>) -> Self {
        if *ending != Ending::Done {
            fake.fail(&format!("with nothing going wrong the uploader {ending} (swept at {swept_at})"));
        }
        let wanted = |record: ObjectRecord| {
            let bytes = fake.read_from(&record.bucket, &record.key);
            Wanted { record, with_metadata, bytes }
        };
        Self {
            requests: Request::all(&fake.journal()),
            objects: fake.snapshot().objects.into_iter().map(wanted).collect(),
        }
    }
}

/// The laws that a run broke, each with what shows it. Of an uploader that had to be stopped nothing else can be asked.
pub fn judge(fake: &Fake, clean: &Clean, ending: &Ending, max_requests: u64) -> Vec<(Law, String)> {
    let journal = fake.journal();
    let too_many = (Law::Bounded, format!("{} requests, {max_requests} were allowed", journal.len()));
    match ending {
        Ending::TooLong => return vec![(Law::Ends, format!("the uploader {ending}"))],
        Ending::TooMany => return vec![too_many],
        Ending::Done | Ending::Failed(_) => {}
    }
    let mut broken = Vec::new();
    if *ending == Ending::Done {
        broken.extend(clean.objects.iter().flat_map(|wanted| flaws(fake, wanted)).map(|why| (Law::Whole, why)));
    }
    let leaks = fake.leaks().into_iter().map(|leak| leak.strip_prefix("leak: ").unwrap_or(&leak).to_owned());
    broken.extend(leaks.map(|leak| (Law::NoLeaks, leak)));
    for upload in &fake.uploads() {
        let late = used_after_known_end(upload, &journal);
        broken.extend(late.map(|exchange| (Law::NoUseAfterEnd, exchange.summary())));
    }
    if journal.len() as u64 > max_requests {
        broken.push(too_many);
    }
    let unmodelled = journal.iter().filter(|exchange| matches!(exchange.end, Some(ExchangeEnd::Unmodelled { .. })));
    broken.extend(unmodelled.map(|exchange| (Law::Modelled, exchange.summary())));
    broken
}

/// Why an object is not what it should be: one reason for each respect in which it differs.
fn flaws(fake: &Fake, wanted: &Wanted) -> Vec<String> {
    let Wanted { record: wanted, bytes, with_metadata } = wanted;
    let ObjectRecord { bucket, key, .. } = wanted;
    let Some(found) = fake.snapshot().object(bucket, key).cloned() else {
        return vec![format!("success was reported, but there is no object {key}")];
    };
    let mut flaws: Vec<_> = content_flaw(fake, &found, wanted, bytes.as_deref()).into_iter().collect();
    if *with_metadata {
        let pairs = |pairs| format!("{:?}", in_order(pairs));
        let aspects = [
            ("metadata", pairs(&found.metadata), pairs(&wanted.metadata)),
            ("tags", pairs(&found.tags), pairs(&wanted.tags)),
            ("storage class", format!("{:?}", found.storage_class), format!("{:?}", wanted.storage_class)),
            ("access control list", format!("{:?}", found.acl), format!("{:?}", wanted.acl)),
        ];
        let other = aspects.into_iter().filter(|(_, found, wanted)| found != wanted);
        flaws.extend(other.map(|(aspect, found, wanted)| format!("its {aspect}: {found} instead of {wanted}")));
    }
    flaws.into_iter().map(|flaw| format!("success was reported, but of {key}, {flaw}")).collect()
}

/// How the bytes of an object differ from those that are wanted. Where bytes are not retained their digests are compared.
fn content_flaw(fake: &Fake, found: &ObjectRecord, wanted: &ObjectRecord, bytes: Option<&[u8]>) -> Option<String> {
    let found_bytes = fake.read_from(&found.bucket, &found.key);
    if let (Some(found), Some(wanted)) = (found_bytes, bytes) {
        return differing(&found, wanted);
    }
    let content = |object: &ObjectRecord| format!("{} bytes with the CRC-64 {}", object.size, object.crc64);
    let (found, wanted) = (content(found), content(wanted));
    (found != wanted).then(|| format!("it holds {found} instead of {wanted}"))
}
