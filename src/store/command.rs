//! What can be asked of a store, and what it answers when it does not refuse. No wire words: a dialect reads the one
//! from a request and writes the other into a reply.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Account, Acl, Action, Body, BucketName, Checksum, ETag, Manifest, Metadata, Object, ObjectKey, Part, PartNumber,
    Place, Principal, Timestamp, UploadId, lifecycle::Lifecycle, listing::Page, upload::Parts,
};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The kinds of exchange a fake models.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Op { $($(#[$doc])* $name),* }

        impl Op {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name, as timelines print it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The operation of that name.
            ///
            /// ```
            /// use fake_bucket::Op;
            ///
            /// assert_eq!(Op::named("UploadPart"), Some(Op::UploadPart));
            /// assert_eq!(Op::named("uploadpart"), None);
            /// ```
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|op| op.name() == name)
            }
        }
    };
}

operations! {
    /// Initiate a multipart upload.
    Initiate,
    /// Upload a part.
    UploadPart,
    /// Upload a part by copying from an object.
    UploadPartCopy,
    /// List the parts of an upload.
    ListParts,
    /// List the open uploads of a bucket.
    ListUploads,
    /// Complete a multipart upload.
    Complete,
    /// Abort a multipart upload.
    Abort,
    /// Put an object in one request.
    PutObject,
    /// Put bytes at the end of an object that grows, or begin one.
    AppendObject,
    /// Copy an object in one request.
    CopyObject,
    /// Get an object or a range of it.
    GetObject,
    /// Get an object's headers.
    HeadObject,
    /// Delete an object.
    DeleteObject,
    /// Delete many objects in one request.
    DeleteObjects,
    /// Show the tags of an object.
    GetTags,
    /// Replace the tags of an object.
    PutTags,
    /// Remove the tags of an object.
    DeleteTags,
    /// List the objects of a bucket.
    ListObjects,
    /// Create a bucket.
    CreateBucket,
    /// Ask whether a bucket exists.
    HeadBucket,
    /// Delete a bucket.
    DeleteBucket,
    /// Ask where a bucket is.
    LocateBucket,
    /// List the buckets of an account.
    ListBuckets,
    /// Show a setting of a bucket that a fake keeps at its default.
    GetSetting,
    /// Remove a setting of a bucket that was never made.
    DeleteSetting,
    /// Say what everybody may do with a bucket or an object.
    PutAcl,
    /// Show the lifecycle rules of a bucket.
    GetLifecycle,
    /// Replace the lifecycle rules of a bucket.
    PutLifecycle,
    /// Remove the lifecycle rules of a bucket.
    DeleteLifecycle,
    /// Ask which protocol is spoken (OBS `?apiversion`).
    Negotiate,
    /// Ask whether a browser may send a cross-origin request (`OPTIONS`).
    Preflight,
}

/// Something asked of a store.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin an upload.
    Initiate { place: Place, metadata: Arc<Metadata>, overwrite: Overwrite, arrival: Arrival },
    /// Store a part; its bytes come as [`Payload::Body`].
    UploadPart { place: Place, upload: UploadId, number: PartNumber },
    /// Store a part; its bytes are read from `source` and come as [`Payload::Copy`].
    UploadPartCopy { place: Place, upload: UploadId, number: PartNumber, source: CopySource },
    /// One page of the parts of an upload.
    ListParts { place: Place, upload: UploadId, after: u64, max: usize },
    /// One page of the open uploads of a bucket.
    ListUploads { bucket: BucketName, page: PageAsked },
    /// Make an object of parts, which come as [`Payload::Manifest`].
    Complete { place: Place, upload: UploadId, overwrite: Overwrite, parts: PartsAsked, acl: AclAsked },
    /// Give an upload up.
    Abort { place: Place, upload: UploadId },
    /// Store an object; its bytes come as [`Payload::Object`].
    PutObject { place: Place, metadata: Metadata, overwrite: Overwrite },
    /// Add to an object that grows, at `position`; its bytes come as [`Payload::Object`]. The first of them begins it and
    /// says what `metadata` it has.
    AppendObject { place: Place, metadata: Metadata, position: u64, acl: AclAsked },
    /// Store an object; its bytes are read from `source` and come as [`Payload::ObjectCopy`]. What it is not
    /// `given` of its own it takes from the source.
    CopyObject { place: Place, source: CopySource, given: Copying, overwrite: Overwrite },
    /// Read an object.
    GetObject { place: Place, range: Option<RangeAsked>, conditions: Conditions },
    /// Read what is known of an object.
    HeadObject { place: Place, conditions: Conditions },
    /// Delete an object, if it is there.
    DeleteObject { place: Place },
    /// Delete objects, as far as they are there; their keys come as [`Payload::Keys`].
    DeleteObjects { bucket: BucketName },
    /// Read the tags of an object.
    GetTags { place: Place },
    /// Replace the tags of an object; they come as [`Payload::Tags`].
    PutTags { place: Place },
    /// Remove the tags of an object.
    DeleteTags { place: Place },
    /// One page of the objects of a bucket.
    ListObjects { bucket: BucketName, page: PageAsked },
    /// Create a bucket. What the body says of its kind comes as [`Payload::Kind`].
    CreateBucket { bucket: BucketName, acl: Option<Acl>, kind: BucketKind },
    /// See whether a bucket is there.
    HeadBucket { bucket: BucketName },
    /// Delete an empty bucket.
    DeleteBucket { bucket: BucketName },
    /// See where a bucket is.
    LocateBucket { bucket: BucketName },
    /// One page of the buckets of the principal's account.
    ListBuckets { page: PageAsked },
    /// Say what everybody may do with a bucket.
    PutBucketAcl { bucket: BucketName, acl: Option<Acl> },
    /// Say what everybody may do with an object.
    PutObjectAcl { place: Place, acl: Option<Acl> },
    /// Read who may do what with an object.
    GetObjectAcl { place: Place },
    /// Read a setting, or learn that it was never made.
    GetSetting { bucket: BucketName, setting: Setting },
    /// Remove a setting that was never made.
    DeleteSetting { bucket: BucketName },
    /// Read the lifecycle rules.
    GetLifecycle { bucket: BucketName },
    /// Replace the lifecycle rules; they come as [`Payload::Lifecycle`].
    PutLifecycle { bucket: BucketName },
    /// Remove the lifecycle rules.
    DeleteLifecycle { bucket: BucketName },
    /// Nothing of the store.
    Negotiate { bucket: Option<BucketName> },
}

impl Command {
    /// The upload and part number it names, as far as it names them.
    pub fn upload(&self) -> (Option<UploadId>, Option<PartNumber>) {
        match self {
            Self::UploadPart { upload, number, .. } | Self::UploadPartCopy { upload, number, .. } => {
                (Some(upload.clone()), Some(*number))
            }
            Self::ListParts { upload, .. } | Self::Complete { upload, .. } | Self::Abort { upload, .. } => {
                (Some(upload.clone()), None)
            }
            _ => (None, None),
        }
    }
}

/// The action an operation needs on a provider where each operation has one of its own.
pub fn own_action(op: Op) -> Option<Action> {
    Some(match op {
        Op::Initiate => Action::InitiateMultipartUpload,
        Op::UploadPart => Action::UploadPart,
        Op::UploadPartCopy => Action::UploadPartCopy,
        Op::ListParts => Action::ListParts,
        Op::ListUploads => Action::ListMultipartUploads,
        Op::Complete => Action::CompleteMultipartUpload,
        Op::Abort => Action::AbortMultipartUpload,
        Op::PutObject | Op::CopyObject | Op::AppendObject => Action::PutObject,
        Op::GetObject => Action::GetObject,
        Op::HeadObject => Action::HeadObject,
        Op::DeleteObject => Action::DeleteObject,
        Op::ListObjects => Action::ListObjects,
        Op::CreateBucket => Action::CreateBucket,
        Op::HeadBucket | Op::LocateBucket => Action::HeadBucket,
        Op::DeleteBucket => Action::DeleteBucket,
        Op::ListBuckets => Action::ListBuckets,
        Op::DeleteObjects => Action::DeleteObject,
        Op::GetTags => Action::GetObject,
        Op::PutTags | Op::DeleteTags => Action::PutObject,
        Op::GetSetting => Action::HeadBucket,
        Op::DeleteSetting | Op::PutAcl | Op::GetLifecycle | Op::PutLifecycle | Op::DeleteLifecycle => {
            Action::BucketSettings
        }
        Op::Negotiate | Op::Preflight => return None,
    })
}

/// Whether an existing object may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// The new object replaces the old one.
    #[default]
    Allowed,
    /// An existing object is a conflict.
    Forbidden,
}

/// Which access control list an object that is completed, or added to, is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AclAsked {
    /// The one its upload was initiated with, or it had before.
    #[default]
    AsBegun,
    /// This one; none for its bucket's.
    This(Option<Acl>),
}

/// In which order the parts of an upload may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrival {
    /// In any, and again.
    #[default]
    AnyOrder,
    /// Each once, by number, without gaps, from the first.
    Sequential,
}

/// Which parts a complete makes an object of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartsAsked {
    /// Those its body lists.
    #[default]
    Listed,
    /// All that are stored; it has no body.
    Stored,
}

/// What a copy is given of its own; the rest it takes from its source.
#[derive(Clone, Debug, Default)]
pub struct Copying {
    /// Headers in place of the source's.
    pub headers: Option<Vec<(String, String)>>,
    /// What the names of those headers begin with that the source's are kept of all the same; none if it is empty.
    pub kept: &'static str,
    /// Headers beside those.
    pub added: Vec<(String, String)>,
    /// The storage class.
    pub storage_class: Option<String>,
    /// Tags in place of the source's.
    pub tags: Option<Vec<(String, String)>>,
    /// What everybody may do with it.
    pub acl: Option<Acl>,
}

impl Copying {
    /// The metadata of a copy of what has that of `source`.
    pub fn over(&self, source: Metadata) -> Metadata {
        let headers = match &self.headers {
            None => source.headers,
            Some(own) => {
                let kept = |(name, _): &(String, String)| {
                    !self.kept.is_empty() && name.starts_with(self.kept) && own.iter().all(|(other, _)| other != name)
                };
                own.iter().cloned().chain(source.headers.into_iter().filter(kept)).collect()
            }
        };
        Metadata {
            headers: headers.into_iter().chain(self.added.iter().cloned()).collect(),
            storage_class: self.storage_class.clone().or(source.storage_class),
            tags: self.tags.clone().unwrap_or(source.tags),
            acl: self.acl,
        }
    }
}

/// Where a copy reads from.
#[derive(Clone, Debug)]
pub struct CopySource {
    /// The source object.
    pub place: Place,
    /// The version of it that is asked for; none where that is the only one there is.
    pub version: Option<String>,
    /// The range to copy; the whole when absent.
    pub range: Option<RangeAsked>,
    /// What must hold of the source.
    pub conditions: Conditions,
}

/// A range of bytes as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From this byte through that one, both counted from 0.
    Between(u64, u64),
    /// From this byte to the end.
    From(u64),
    /// The last bytes, this many.
    Last(u64),
}

/// A range, and what to do where the object cannot serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeAsked {
    /// The range.
    pub range: ByteRange,
    /// What to do where it cannot be served.
    pub unusable: Unusable,
}

/// What a range that reaches beyond the object does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is ignored: the whole object is served.
    Ignored,
    /// It is cut to the object's end, and refused only if nothing is left.
    Cut,
    /// It is refused.
    Refused,
}

/// What must hold of an object for a request to go ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// One of these entity tags; `*` is any.
    pub if_match: Option<String>,
    /// None of these.
    pub if_none_match: Option<String>,
    /// Changed after this.
    pub if_modified_since: Option<Timestamp>,
    /// Not changed after this.
    pub if_unmodified_since: Option<Timestamp>,
    /// The entity tag or the time that a range is for; of any other object, the whole is served.
    pub if_range: Option<RangeOf>,
    /// What it is called when one of the two about change fails because there was none.
    pub unchanged: Unchanged,
}

/// What the object must be for a range of it to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOf {
    /// The object with this entity tag, written as in the header.
    Tag(String),
    /// The object that was changed last in the second of this time.
    Time(Timestamp),
}

/// What a request hears that wanted a changed object and found it unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unchanged {
    /// That it is not modified.
    #[default]
    NotModified,
    /// That its precondition failed.
    PreconditionFailed,
}

/// A page of a listing of keys, as asked for.
#[derive(Clone, Debug, Default)]
pub struct PageAsked {
    /// Only keys that start so.
    pub prefix: String,
    /// Keys that contain this after the prefix are rolled up; not when empty.
    pub delimiter: String,
    /// Only keys after this one; from the start when empty.
    pub after: String,
    /// With `after`: also that very key, with upload ids after this one.
    pub after_upload: String,
    /// At most this many entries.
    pub max: usize,
}

impl PageAsked {
    /// Everything.
    pub fn all() -> Self {
        Self { max: usize::MAX, ..Self::default() }
    }
}

/// A setting of a bucket that a fake keeps at its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Who may do what.
    Acl,
    /// What kind of bucket it is, and whose.
    Info,
    /// How much is in it.
    Stat,
    /// Whether it keeps versions: it never did.
    Versioning,
    /// Something that shows as an empty document unless it was made, by the name of that document; and it was not made.
    Blank(&'static str),
    /// Something that is not there unless it was made, by the provider's name of it; and it was not made.
    Absent(&'static str),
}

/// The keys a request to delete many objects lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysListed {
    /// The keys.
    pub keys: Vec<ObjectKey>,
    /// Versions by their ids. None is kept, so there is nothing of them to delete.
    pub versions: Vec<(ObjectKey, String)>,
    /// Which deletions the reply is to tell of.
    pub told: Told,
    /// How the keys were written, and are to be written in the reply.
    pub written: Written,
}

/// How keys are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Written {
    /// As they are.
    #[default]
    Plain,
    /// As they are in an address.
    Escaped,
}

/// Which deletions a reply tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// All.
    #[default]
    All,
    /// Those that failed (quiet mode); none does.
    Failures,
}

/// What a request's body became before the store saw it.
#[derive(Debug)]
pub enum Payload {
    /// Nothing, or nothing that matters.
    None,
    /// Bytes to keep as a part.
    Body(Body),
    /// Bytes to keep as a part, and where they were copied from.
    Copy(Body, Copied),
    /// Bytes to keep as a whole object, and its entity tag.
    Object(Body, ETag),
    /// The same, copied from an object with this metadata.
    ObjectCopy(Body, ETag, Metadata),
    /// Keys.
    Keys(KeysListed),
    /// Tags, in their order.
    Tags(Vec<(String, String)>),
    /// Lifecycle rules.
    Lifecycle(Lifecycle),
    /// What kind a bucket is to be of.
    Kind(BucketKind),
    /// The parts a complete lists, the entity tag the object will get, and where its CRC-64 comes from.
    Manifest(Manifest, ETag, Checksum),
}

/// What came of a command.
#[derive(Debug)]
#[allow(dead_code)] // What was freed is carried along only to be dropped where no lock is held.
pub enum Outcome {
    /// The upload is open.
    Initiated(UploadId),
    /// The part is stored, in an upload with this metadata.
    PartStored { part: Arc<Part>, metadata: Arc<Metadata>, landing: Landing, copied: Option<Copied>, freed: Freed },
    /// One page of parts.
    Parts(PartsPage),
    /// One page of open uploads.
    Uploads(Page<UploadListed>),
    /// The object is there, the upload is over.
    Completed { object: Arc<Object>, freed: Freed },
    /// The upload is over.
    Aborted { freed: Freed },
    /// The object is there.
    ObjectStored { object: Arc<Object>, freed: Freed },
    /// The object, and which of its bytes were asked for.
    Object { object: Arc<Object>, span: Span },
    /// The object is not there (any more).
    ObjectDeleted { freed: Freed },
    /// The objects are not there (any more).
    ObjectsDeleted { listed: KeysListed, freed: Vec<Arc<Object>> },
    /// The tags of an object.
    Tags(Vec<(String, String)>),
    /// The tags were replaced.
    TagsPut,
    /// The tags are gone.
    TagsDeleted,
    /// A bucket, at its defaults.
    Setting(BucketFacts),
    /// The setting is not there, as before.
    SettingDeleted,
    /// It was said what everybody may do.
    AclPut,
    /// The lifecycle rules.
    Lifecycle(Lifecycle),
    /// The lifecycle rules were replaced.
    LifecyclePut,
    /// The lifecycle rules are gone.
    LifecycleDeleted,
    /// One page of objects.
    Objects { page: Page<(ObjectKey, Arc<Object>)>, owner: Arc<Account> },
    /// The bucket is there.
    BucketCreated,
    /// The bucket was there all along, and is of this kind.
    Bucket(BucketKind),
    /// The bucket is gone.
    BucketDeleted,
    /// One page of the buckets of an account, and whether there are more.
    Buckets { buckets: Vec<BucketListed>, truncated: bool, owner: Arc<Account> },
    /// Which protocol is spoken.
    Negotiated,
}

/// What a part was copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Which bytes of the source.
    pub span: Span,
    /// How many bytes the source has.
    pub source_size: u64,
}

/// How a part arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// In time.
    InTime,
    /// After the abort: it lingers.
    Lingering,
}

/// Which bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// All.
    Whole,
    /// From the first through the last, both counted from 0.
    Range { first: u64, last: u64 },
}

impl Span {
    /// Returns the number of its bytes in an object of `size` bytes.
    pub fn length(self, size: u64) -> u64 {
        match self {
            Self::Whole => size,
            Self::Range { first, last } => last - first + 1,
        }
    }
}

/// What kind of bucket it is, as far as that was said of it, in the provider's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketKind {
    /// The storage class of what is made in it and names none of its own.
    pub class: Option<String>,
    /// How its objects are kept from being lost.
    pub redundancy: Option<String>,
}

impl BucketKind {
    /// The same, and what it leaves open as `other` says.
    pub(super) fn or(self, other: &Self) -> Self {
        let (class, redundancy) = (other.class.clone(), other.redundancy.clone());
        Self { class: self.class.or(class), redundancy: self.redundancy.or(redundancy) }
    }
}

/// A bucket in a listing.
#[derive(Clone, Debug)]
pub struct BucketListed {
    /// Its name.
    pub name: BucketName,
    /// When it was created.
    pub created: Timestamp,
    /// What kind it is of.
    pub kind: BucketKind,
}

/// A bucket in figures.
#[derive(Clone, Debug)]
pub struct BucketFacts {
    /// Who owns it.
    pub owner: Arc<Account>,
    /// The account that stored the object that is asked about; `None` if the facts are about the bucket, or nobody known did.
    pub uploader: Option<Arc<Account>>,
    /// What everybody may do with it, if that was said; or with the object that is asked about.
    pub acl: Option<Acl>,
    /// When it was created.
    pub created: Timestamp,
    /// What kind it is of.
    pub kind: BucketKind,
    /// Objects in it.
    pub objects: usize,
    /// Uploads open in it.
    pub uploads: usize,
    /// Bytes of its objects and of the parts stored in its open uploads.
    pub bytes: u64,
    /// The same by storage class, as clients spelled it; none for the default one.
    pub classes: BTreeMap<Option<String>, Usage>,
    /// Parts stored in its open uploads.
    pub parts: usize,
}

/// How much there is of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Objects.
    pub objects: usize,
    /// Bytes of objects and of parts.
    pub bytes: u64,
    /// Bytes, if no object or part counts for less than 64 KiB: so they are billed in the colder classes.
    pub billed: u64,
}

impl Usage {
    const LEAST: u64 = 64 << 10;

    /// The same and so many bytes more.
    pub fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.billed += bytes.max(Self::LEAST);
    }
}

/// One page of the parts of an upload.
#[derive(Debug)]
pub struct PartsPage {
    /// Who initiated it.
    pub initiator: Principal,
    /// Who owns the bucket.
    pub owner: Arc<Account>,
    /// What was said of the object it is to make.
    pub metadata: Arc<Metadata>,
    /// The parts, by number.
    pub parts: Vec<Arc<Part>>,
    /// Whether there are more.
    pub truncated: bool,
}

/// An open upload in a listing.
#[derive(Clone, Debug)]
pub struct UploadListed {
    /// Its key.
    pub key: ObjectKey,
    /// Its id.
    pub id: UploadId,
    /// Who initiated it.
    pub initiator: Principal,
    /// Who owns the bucket.
    pub owner: Arc<Account>,
    /// When.
    pub initiated: Timestamp,
    /// The storage class the object will have, if named.
    pub storage_class: Option<String>,
}

/// What an operation put out of use. It is carried out of the lock so that its memory is freed there.
#[derive(Debug, Default)]
#[allow(dead_code)] // Held only to be dropped where no lock is held.
pub struct Freed {
    pub(super) parts: Parts,
    pub(super) part: Option<Arc<Part>>,
    pub(super) object: Option<Arc<Object>>,
}
