//! What a user implements: something that steps can be taken on. Symbols are resolved by then: a target sees plain keys, upload ids
//! and entity tags.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;

use super::{
    pause::Pause,
    rules::Rules,
    script::{Bucket, Who},
    seen::{PartsSeen, Precedence, Refusal},
};
use crate::Provider;

/// A store, or a client of one, that is to behave as the rules say.
///
/// A blocking client blocks in `call`; an async one awaits there. Whoever drives the check decides what runs it:
/// [`check`](super::check) is awaited on the client's own runtime, [`check_blocking`](super::check_blocking) needs none.
pub trait Target: Sync {
    /// What it offers, and by which rules.
    fn scope(&self) -> &Scope;

    /// Does one thing. What it cannot do it answers [`Reply::Unsupported`], which is passed over.
    fn call(&self, call: Call) -> impl Future<Output = Reply> + Send;

    /// Sends a part slowly: its head and some bytes at once, the last byte not before the pause is over. A target that
    /// cannot do so sends nothing before, which is what happens unless this is written: [`check_concurrent`](super::check_concurrent)
    /// then has no part in flight while other steps are taken.
    fn call_slowly(&self, call: Call, pause: Pause) -> impl Future<Output = Reply> + Send {
        async move {
            pause.over().await;
            self.call(call).await
        }
    }

    /// Finds out whether the target answers at all, without changing anything. A check asks this when a call
    /// [failed](Reply::Failed): a target that still answers has answered that call wrongly, and differs; a target that
    /// does not has gone away, and nothing is known of it. Unless this method is written, every target counts as reachable.
    ///
    /// # Errors
    /// With the reason why the target cannot be reached.
    fn preflight(&self) -> impl Future<Output = Result<(), String>> + Send {
        async { Ok(()) }
    }

    /// Empties it, if that is cheap, and says whether it did. If not, what a check made is given up afterwards by
    /// aborting the uploads and deleting the objects, and nothing else is touched.
    fn reset(&self) -> bool {
        false
    }
}

/// What a target offers. Steps outside of it are not generated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scope {
    /// The rules it is held to.
    pub rules: Rules,
    /// Who can ask. By default the owner alone.
    pub principals: Vec<Who>,
    /// The buckets that can be named, the missing one included. By default the home bucket alone.
    pub buckets: Vec<Bucket>,
    /// Whether the order counts in which a refusal's reasons are looked at. By default it does not.
    pub precedence: Precedence,
    /// What all keys start with, so that nothing is touched that was there before. By default a name that is new each time.
    pub key_prefix: String,
}

impl Scope {
    /// The owner and one bucket, by the rules of a provider.
    pub fn of(provider: Provider) -> Self {
        let unique = RandomState::new().hash_one(0);
        Self {
            rules: Rules::of(provider),
            principals: vec![Who::Owner],
            buckets: vec![Bucket::Home],
            precedence: Precedence::Any,
            key_prefix: format!("fake-bucket-conformance/{unique:016x}/"),
        }
    }

    /// Everybody, and all three buckets.
    #[must_use]
    pub fn whole(self) -> Self {
        Self {
            principals: vec![Who::Owner, Who::Writer, Who::Stranger, Who::Anonymous],
            buckets: vec![Bucket::Home, Bucket::Other, Bucket::Missing],
            ..self
        }
    }

    /// The same with another smallest part, in bytes.
    #[must_use]
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.rules.min_part_size = bytes;
        self
    }

    /// The same, minding the order in which reasons to refuse are looked at, or not.
    #[must_use]
    pub fn precedence(self, precedence: Precedence) -> Self {
        Self { precedence, ..self }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// Who asks.
    pub who: Who,
    /// In which bucket.
    pub bucket: Bucket,
    /// About which key; empty for a listing of uploads.
    pub key: String,
    /// For what.
    pub ask: Ask,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// Initiate an upload; answered [`Reply::UploadId`].
    Initiate,
    /// Send a part; answered [`Reply::Stored`].
    UploadPart {
        /// To which upload.
        upload_id: String,
        /// Its number.
        number: u32,
        /// Its bytes.
        body: Bytes,
    },
    /// Send a part that is copied from an object, or from a range of its bytes; answered [`Reply::Stored`].
    UploadPartCopy {
        /// To which upload.
        upload_id: String,
        /// Its number.
        number: u32,
        /// The bucket the object is in.
        source: Bucket,
        /// Its key.
        key: String,
        /// The first byte and the last, counted from 0; all if there is none.
        range: Option<(u64, u64)>,
    },
    /// Complete an upload; answered [`Reply::Stored`].
    Complete {
        /// Which.
        upload_id: String,
        /// Numbers and entity tags, without quotes.
        parts: Vec<(u32, String)>,
    },
    /// Abort an upload; answered [`Reply::Done`].
    Abort {
        /// Which.
        upload_id: String,
    },
    /// List parts; answered [`Reply::Parts`].
    ListParts {
        /// Of which upload.
        upload_id: String,
        /// Only numbers greater than this; not asked for if 0.
        after: u32,
        /// Entries a page may have.
        max: Option<u32>,
    },
    /// List open uploads; answered [`Reply::Uploads`].
    ListUploads(UploadsPageAsked),
    /// Put the object; answered [`Reply::Stored`].
    PutObject {
        /// Its bytes.
        body: Bytes,
    },
    /// Read the object; answered [`Reply::Object`].
    GetObject,
    /// Ask for the bytes the object has; answered [`Reply::Size`].
    HeadObject,
    /// Delete the object; answered [`Reply::Done`].
    DeleteObject,
}

/// Which page of open uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadsPageAsked {
    /// Only keys that start with this.
    pub prefix: String,
    /// Keys that have this after the prefix are rolled up.
    pub delimiter: Option<char>,
    /// Only what comes after this key or rolled-up prefix.
    pub key_marker: Option<String>,
    /// And, of that key, what comes after this id.
    pub upload_id_marker: Option<String>,
    /// Entries the page may have.
    pub max: Option<u32>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The id of the upload that was initiated.
    UploadId(String),
    /// A part or an object was stored, with this entity tag, if it is known; with or without quotes.
    Stored(Option<String>),
    /// It was done.
    Done,
    /// A page of parts.
    Parts(PartsSeen),
    /// A page of open uploads.
    Uploads(UploadsPage),
    /// The bytes of an object.
    Object(Bytes),
    /// The bytes an object has.
    Size(u64),
    /// It was refused.
    Refused(Refusal),
    /// The target cannot do this.
    Unsupported,
    /// It did not work out: no connection, no sense in the answer.
    Failed(String),
}

impl Reply {
    /// A refusal, as far as it is known: a client library may drop the status or the code.
    pub fn refused(status: Option<u16>, code: Option<&str>) -> Self {
        Self::Refused(Refusal { status, code: code.map(|code| code.to_owned().into()) })
    }
}

/// A page of open uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadsPage {
    /// Keys and upload ids, in the order they were listed.
    pub uploads: Vec<(String, String)>,
    /// Rolled-up prefixes, in the order they were listed.
    pub prefixes: Vec<String>,
    /// Whether there are more.
    pub truncated: bool,
    /// The markers of the next page, if they were shown: a key or rolled-up prefix, and an upload id.
    pub next: Option<(String, Option<String>)>,
}
