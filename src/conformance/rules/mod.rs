//! What each provider promises about multipart uploads, as plain data: read from its pages, and from nothing else of
//! this crate.

mod cos;
mod obs;
mod oss;

use super::seen::Refusal;
use crate::Provider;

/// One provider's rules, as far as a client can see them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rules {
    /// Bytes a listed part must have unless it is the last one listed.
    pub min_part_size: u64,
    /// Who may abort an upload.
    pub abort: MayAbort,
    /// Who may send parts to an upload, and complete it.
    pub write: MayWrite,
    /// What aborting an ended upload is answered.
    pub abort_again: Again,
    /// When the list of a complete is read.
    pub list_read: ListRead,
    /// Which flaw of a list counts, where it has several.
    pub flaws: Flaws,
    /// What becomes of a part that is in flight when its upload is aborted.
    pub late_parts: Late,
    /// What a page size of 0, or beyond 1000, means.
    pub page_beyond: PageBeyond,
    /// The letters of entity tags.
    pub tag_case: TagCase,
    /// How the entity tag of a completed object is made.
    pub completed_tag: CompletedTag,
    /// What an empty upload id is answered.
    pub empty_id: Refusal,
    /// What an empty upload id is answered when parts are listed.
    pub empty_id_listing: Refusal,
    /// What a complete that lists no part is answered.
    pub empty_list: Refusal,
    /// What a complete is answered that lists a part number out of bounds.
    pub listed_number: Refusal,
    /// What a copy is answered whose range ends before it begins. None if that means the whole source.
    pub range_reversed: Option<Refusal>,
    /// What a copy is answered whose range reaches past the end of its source. None if that means the whole source.
    pub range_beyond: Option<Refusal>,
}

/// Who may abort an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MayAbort {
    /// Whoever was granted it, and the owner; judged before the upload is looked for.
    Granted,
    /// Its initiator and the owner; judged once it is found.
    InitiatorOrOwner,
    /// Its initiator alone; judged once it is found.
    Initiator,
}

/// Who may send parts to an upload, and complete it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MayWrite {
    /// Whoever was granted it, and the owner.
    Granted,
    /// Its initiator alone.
    Initiator,
}

/// What aborting an ended upload is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Again {
    /// That there is no such upload.
    NoSuchUpload,
    /// Success, if it was aborted; nothing changes.
    Succeeds,
}

/// When the list of a complete is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListRead {
    /// Once the upload is found: an unknown id beats a bad list.
    AfterLookup,
    /// First: a bad list beats an unknown id.
    BeforeLookup,
}

/// Which flaw of a list counts: a part that is not stored as it is listed, or one that is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaws {
    /// Whichever comes first in the list.
    AsListed,
    /// A part that is not there goes before one that is too small.
    MissingFirst,
}

/// What becomes of a part that is in flight when its upload is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Late {
    /// It is refused, and nothing of it stays.
    Fails,
    /// It is stored, out of sight, until a further abort.
    Lingers,
    /// One or the other; nobody can tell which beforehand.
    Either,
}

/// What a page size of 0, or beyond 1000, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageBeyond {
    /// It is refused.
    Refused,
    /// It means 1000.
    Capped,
}

/// The letters of entity tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagCase {
    /// `a` to `f`.
    Lower,
    /// `A` to `F`.
    Upper,
}

/// How the entity tag of a completed object is made. All end in `-` and the number of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletedTag {
    /// MD5 of the digests of the parts, as in S3.
    OfDigests,
    /// MD5 of the tags of the parts, as text.
    OfTags,
    /// Nobody knows.
    Unknown,
}

impl Rules {
    /// The highest part number; the lowest is 1. The same with all three.
    pub const MAX_PART_NUMBER: u32 = 10_000;
    /// Entries of a page unless fewer are asked for. The same with all three.
    pub const MAX_PAGE: u32 = 1000;

    /// The rules of a provider.
    pub fn of(provider: Provider) -> Self {
        match provider {
            Provider::Cos => cos::rules(),
            Provider::Oss => oss::rules(),
            Provider::Obs => obs::rules(),
        }
    }
}
