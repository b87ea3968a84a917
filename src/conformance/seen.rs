//! What a step is answered: as the model expects it, and as a target showed it, in the same words.

use std::{borrow::Cow, fmt};

use super::script::Id;

/// What a step was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Observed {
    /// An upload was initiated, under an id that was new.
    Initiated,
    /// An upload was initiated under an id that was handed out before.
    IdRepeated(String),
    /// A part was stored, with this entity tag; none if it is not known.
    PartStored(Option<String>),
    /// An upload was completed, to an object with this entity tag; none if it is not known.
    Completed(Option<String>),
    /// An upload was aborted.
    Aborted,
    /// A page of parts.
    Parts(PartsSeen),
    /// A page of open uploads.
    Uploads(UploadsSeen),
    /// An object was put.
    ObjectStored,
    /// The bytes of an object.
    Object(Bytes),
    /// The bytes an object has.
    ObjectSize(u64),
    /// An object was deleted, or was not there.
    ObjectDeleted,
    /// It was refused.
    Refused(Refusal),
    /// Something that is no answer to what was asked.
    Strange(String),
    /// No answer, from a target that answers nothing else either ([`Target::preflight`](super::Target::preflight)): it
    /// says nothing about the target's behaviour.
    Unreachable(String),
}

/// A page of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartsSeen {
    /// The parts, in the order they were listed.
    pub parts: Vec<PartSeen>,
    /// Whether there are more.
    pub truncated: bool,
    /// Where the next page starts; only looked at if there are more.
    pub next: Option<u32>,
}

/// A part, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartSeen {
    /// Its number.
    pub number: u32,
    /// Its bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
}

/// A page of open uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UploadsSeen {
    /// Keys and uploads, in the order they were listed.
    pub uploads: Vec<(String, UploadSeen)>,
    /// The prefixes that keys were rolled up to, in the order they were listed.
    pub prefixes: Vec<String>,
    /// Whether there are more.
    pub truncated: bool,
    /// Where the next page starts: a key or rolled-up prefix, and an upload; only looked at if there are more.
    pub next: Option<(String, Option<UploadSeen>)>,
}

/// An upload that was listed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum UploadSeen {
    /// One that the script initiated.
    Of(u32),
    /// One that it did not.
    Foreign(String),
}

/// Bytes that print as text, and not for ever.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        match bytes.len() {
            0..=60 => write!(f, "{shown:?}"),
            length => write!(f, "{shown:?}.. ({length} bytes)"),
        }
    }
}

/// How a step was refused. What is not known is none: a `HEAD` has no code, a client library may drop either.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The code in the error document.
    pub code: Option<Cow<'static, str>>,
}

impl Refusal {
    /// There is no such upload, or it has ended, or it belongs to another key or bucket.
    pub const NO_SUCH_UPLOAD: Self = Self::known(404, "NoSuchUpload");
    /// There is no such bucket.
    pub const NO_SUCH_BUCKET: Self = Self::known(404, "NoSuchBucket");
    /// There is no such object.
    pub const NO_SUCH_KEY: Self = Self::known(404, "NoSuchKey");
    /// Whoever asks may not.
    pub const ACCESS_DENIED: Self = Self::known(403, "AccessDenied");
    /// A parameter is out of bounds.
    pub const INVALID_ARGUMENT: Self = Self::known(400, "InvalidArgument");
    /// A listed part is not there, or has another entity tag.
    pub const INVALID_PART: Self = Self::known(400, "InvalidPart");
    /// The list of a complete does not ascend.
    pub const INVALID_PART_ORDER: Self = Self::known(400, "InvalidPartOrder");
    /// A range cannot be served.
    pub const INVALID_RANGE: Self = Self::known(416, "InvalidRange");
    /// A listed part is too small, and not the last.
    pub const TOO_SMALL: Self = Self::known(400, "EntityTooSmall");

    /// A refusal of which all is known.
    pub const fn known(status: u16, code: &'static str) -> Self {
        Self { status: Some(status), code: Some(Cow::Borrowed(code)) }
    }

    /// Whether nothing known of `self` differs from what is known of `other`.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let status = self.status.zip(other.status).is_none_or(|(a, b)| a == b);
        let code = self.code.as_ref().zip(other.code.as_ref()).is_none_or(|(a, b)| a == b);
        status && code
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => write!(f, "{status} {code}"),
            (Some(status), None) => write!(f, "{status}"),
            (None, Some(code)) => write!(f, "{code}"),
            (None, None) => f.write_str("refused"),
        }
    }
}

/// What the model expects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expected {
    /// It succeeds so.
    Done(Observed),
    /// It is refused, for all these reasons; the first is the one to be named, if the order counts.
    Refused(Vec<Refusal>),
}

/// Which of several reasons to refuse must be named. No page says in which order a service looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precedence {
    /// The one the rules put first.
    First,
    /// Any.
    Any,
}

impl Expected {
    /// Whether it succeeds.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// The reasons to refuse it; none if it succeeds.
    pub fn reasons(&self) -> &[Refusal] {
        match self {
            Self::Done(_) => &[],
            Self::Refused(reasons) => reasons,
        }
    }

    /// Whether what was observed is what was expected.
    pub fn admits(&self, observed: &Observed, precedence: Precedence) -> bool {
        match (self, observed) {
            (Self::Done(expected), observed) => expected.admits(observed),
            (Self::Refused(reasons), Observed::Refused(refusal)) => {
                let counted = if precedence == Precedence::First { 1 } else { reasons.len() };
                reasons.iter().take(counted).any(|reason| reason.agrees_with(refusal))
            }
            (Self::Refused(_), _) => false,
        }
    }
}

impl Observed {
    /// Whether what was observed is what was expected; tags that nobody knows, or that a target did not show, are not
    /// compared, nor is where a page continues that is the last.
    fn admits(&self, observed: &Self) -> bool {
        match (self, observed) {
            (Self::PartStored(a), Self::PartStored(b)) | (Self::Completed(a), Self::Completed(b)) => {
                a.as_ref().zip(b.as_ref()).is_none_or(|(a, b)| a == b)
            }
            (Self::Parts(a), Self::Parts(b)) => {
                let next = !a.truncated || b.next.is_none() || a.next == b.next;
                a.parts == b.parts && a.truncated == b.truncated && next
            }
            (Self::Uploads(a), Self::Uploads(b)) => {
                let next = !a.truncated || b.next.is_none() || a.next == b.next;
                a.uploads == b.uploads && a.prefixes == b.prefixes && a.truncated == b.truncated && next
            }
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(observed) => write!(f, "{observed}"),
            Self::Refused(reasons) => {
                let reasons: Vec<_> = reasons.iter().map(|reason| format!("{reason:?}")).collect();
                write!(f, "refused, {}", reasons.join(" or "))
            }
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused, {refusal:?}"),
            Self::Unreachable(why) => write!(f, "unreachable: {why}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Debug for UploadSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(name) => write!(f, "{}", Id::Of(*name)),
            Self::Foreign(id) => write!(f, "an upload not of this script ({id:?})"),
        }
    }
}
