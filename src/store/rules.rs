//! What differs between providers in behaviour, as plain data. What differs on the wire lives with each dialect.

use super::{Action, BucketKind, Entropy, Md5, Metadata, Op, Timestamp, UploadId};

/// One provider's behaviour, as its defaults or as a test chose it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Bytes a listed part must have unless it is the last.
    pub min_part_size: u64,
    /// Bytes a part or a whole put may have.
    pub max_part_size: u64,
    /// Bytes a completed object may have.
    pub max_object_size: u64,
    /// Appends that may make up an object.
    pub max_appends: usize,
    /// Whether objects above `max_part_size` can be copied within their bucket.
    pub copies_in_bucket: CopiesInBucket,
    /// Buckets an account may have.
    pub max_buckets: usize,
    /// Entries a listing page may have, and has unless asked for fewer.
    pub max_page: usize,
    /// What becomes of a part in flight when its upload is aborted.
    pub late_parts: LateParts,
    /// Who may abort.
    pub abort_right: AbortRight,
    /// Who may upload parts to, and complete, an upload.
    pub write_right: WriteRight,
    /// Whether the list of parts is read before the upload is looked up.
    pub list_read: ListRead,
    /// Which flaw of a list of parts counts, where it has several.
    pub flaws: Flaws,
    /// Whether a complete may skip part numbers.
    pub gaps: Gaps,
    /// What creating one's own bucket again answers.
    pub recreate: Recreate,
    /// What giving a list to a bucket that does not exist does.
    pub acl_of_no_bucket: AclOfNoBucket,
    /// Storage classes whose objects have to be restored before they can be read.
    pub archived: &'static [&'static str],
    /// What becomes of bodies that S3's clients send in frames of their own.
    pub framed_bodies: FramedBodies,
    /// What the entity tag of bytes is made of: their MD5, unless the way they are encrypted hides it.
    pub tag_digest: fn(&Metadata, &Md5) -> Md5,
    /// The form of an upload id.
    pub upload_id: fn(Timestamp, Entropy) -> UploadId,
    /// What an object's own access control list governs.
    pub object_lists: ObjectLists,
    /// The number of an account that the name of a bucket carries, on providers where it carries one.
    pub account_number: fn(&str) -> Option<&str>,
    /// The action an operation needs; none for what everybody may do.
    pub action: fn(Op) -> Option<Action>,
}

/// What becomes of a part that is in flight when its upload is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LateParts {
    /// Its request is refused once the body has been received; nothing is stored.
    Fail,
    /// Its request is refused at once, the rest of the body unread; nothing is stored.
    FailAtOnce,
    /// Its connection is reset, whichever point of the exchange it has come to; nothing is stored. A request that came
    /// without a connection ([`crate::Fake::answer`]) is refused.
    Reset,
    /// Its request succeeds and the part stays: billed and unlisted, until a further abort frees it.
    Linger,
    /// [`LateParts::Fail`] or [`LateParts::Linger`], drawn from the seed of the fake for each late part.
    ///
    /// # Source
    /// "Aborting a Multipart Upload", OBS SDK for BrowserJS,
    /// <https://support.huaweicloud.com/intl/th-th/sdk-browserjs-devg-obs/obs_24_1904.html>, read 2026-11-21: parts that are
    /// being uploaded when the upload is aborted may succeed or fail, and only an abort after the last of them frees all
    /// storage.
    Either,
}

/// Who may abort an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortRight {
    /// The root of the account that owns the bucket, and whoever was granted the action.
    Granted,
    /// The initiator, the bucket owner, and whoever was granted the action.
    InitiatorOwnerOrGranted,
    /// The initiator alone.
    InitiatorOnly,
}

/// What an object's own access control list governs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectLists {
    /// Everything that is done with the object: its list replaces the bucket's.
    ReadingAndWriting,
    /// Reading. Writing is governed by the bucket's list alone.
    Reading,
}

/// Who may upload parts to an upload, and complete it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRight {
    /// Whoever was granted the action.
    Granted,
    /// The initiator, if still granted the action.
    Initiator,
}

/// When the list of parts is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListRead {
    /// After the upload was found: an unknown id beats a bad list.
    AfterLookup,
    /// Before: a bad list beats an unknown id.
    BeforeLookup,
}

/// Which flaw of a list of parts counts: one that is not stored as it is listed, or one that is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaws {
    /// Whichever comes first in the list.
    AsListed,
    /// A part that is not there goes before one that is too small.
    MissingFirst,
}

/// Whether a complete may list 1, 2, 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gaps {
    /// It may.
    Allowed,
    /// It is refused as an invalid part.
    Refused,
}

/// What becomes of a body that an S3 client sends in `aws-chunked` framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramedBodies {
    /// It is refused, as the services do.
    Refused,
    /// It is taken out of its frame, which is checked.
    Taken,
}

/// What giving an access control list to a bucket that does not exist does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclOfNoBucket {
    /// It is refused: there is no such bucket.
    Refused,
    /// It creates the bucket, with that list.
    CreatesBucket,
}

/// The size limit of copies of whole objects whose source is in the same bucket, and which keep its storage class and
/// encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopiesInBucket {
    /// The limit of every copy.
    Limited,
    /// No limit.
    Unlimited,
}

/// What creating one's own bucket again answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recreate {
    /// Success, nothing changes.
    Succeeds,
    /// Success, unless it is to be of another kind than it is: that is a conflict.
    Alike {
        /// The storage class of buckets of which none was said.
        class: &'static str,
        /// The redundancy of such.
        redundancy: &'static str,
    },
    /// A conflict.
    Conflicts,
}

impl Recreate {
    /// Whether it is a conflict to ask for this kind of bucket where that one is.
    pub(super) fn conflicts(self, asked: &BucketKind, found: &BucketKind) -> bool {
        let other = |asked: &Option<String>, found: &Option<String>, default: &str| {
            asked.as_deref().is_some_and(|asked| asked != found.as_deref().unwrap_or(default))
        };
        match self {
            Self::Succeeds => false,
            Self::Alike { class, redundancy } => {
                other(&asked.class, &found.class, class) || other(&asked.redundancy, &found.redundancy, redundancy)
            }
            Self::Conflicts => true,
        }
    }
}

/// The MD5 of bytes that no encryption hides.
pub fn plain_digest(_: &Metadata, md5: &Md5) -> Md5 {
    *md5
}
