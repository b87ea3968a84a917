//! What must hold of every run, whatever went wrong in it.

use std::{fmt, panic::Location};

use bytes::Bytes;

use super::scene::Request;
use crate::{
    fake::Fake,
    snapshot::{ExchangeEnd, ExchangeRecord, ObjectRecord, UploadRecord},
    store::Op,
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
    pub bucket: String,
    pub key: String,
    pub size: u64,
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
    pub fn of(fake: &Fake, ending: &Ending, swept_at: &Location<'_>) -> Self {
        if *ending != Ending::Done {
            fake.fail(&format!("with nothing going wrong the uploader {ending} (swept at {swept_at})"));
        }
        let wanted = |object: &ObjectRecord| Wanted {
            bytes: fake.read_from(&object.bucket, &object.key),
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            size: object.size,
        };
        Self { requests: Request::all(&fake.journal()), objects: fake.snapshot().objects.iter().map(wanted).collect() }
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
        broken.extend(clean.objects.iter().filter_map(|wanted| missing(fake, wanted)).map(|why| (Law::Whole, why)));
    }
    let leaks = fake.leaks().into_iter().map(|leak| leak.strip_prefix("leak: ").unwrap_or(&leak).to_owned());
    broken.extend(leaks.map(|leak| (Law::NoLeaks, leak)));
    let uploads = fake.uploads();
    let late = journal.iter().filter(|exchange| is_use_after_end(exchange, &uploads, &journal));
    broken.extend(late.map(|exchange| (Law::NoUseAfterEnd, exchange.summary())));
    if journal.len() as u64 > max_requests {
        broken.push(too_many);
    }
    let unmodelled = journal.iter().filter(|exchange| matches!(exchange.end, Some(ExchangeEnd::Unmodelled { .. })));
    broken.extend(unmodelled.map(|exchange| (Law::Modelled, exchange.summary())));
    broken
}

/// Why an object is not what it should be, if it is not.
fn missing(fake: &Fake, wanted: &Wanted) -> Option<String> {
    let Wanted { bucket, key, size, bytes } = wanted;
    let found = fake.snapshot().objects.into_iter().find(|object| object.bucket == *bucket && object.key == *key);
    match found {
        None => Some(format!("success was reported, but there is no object {key}")),
        Some(found) if found.size != *size => {
            Some(format!("success was reported, but {key} has {} bytes instead of {size}", found.size))
        }
        Some(_) if fake.read_from(bucket, key) != *bytes => {
            Some(format!("success was reported, but {key} holds other bytes"))
        }
        Some(_) => None,
    }
}

/// Whether an exchange names an upload whose end the uploader had been told of.
fn is_use_after_end(exchange: &ExchangeRecord, uploads: &[UploadRecord], journal: &[ExchangeRecord]) -> bool {
    let same = |upload: &&UploadRecord| exchange.upload_id.as_deref() == Some(&upload.upload_id);
    let Some(ended) = uploads.iter().find(same).and_then(|upload| upload.ended) else { return false };
    let told = journal.iter().find(|other| other.applied == Some(ended)).is_some_and(|other| {
        other.ended.is_some_and(|answered| answered < exchange.arrived)
            && matches!(other.end, Some(ExchangeEnd::Answered { .. }))
    });
    told && exchange.operation != Some(Op::Abort)
}
