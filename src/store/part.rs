//! Parts and what they are made of: bytes with their digests, part numbers, the parts a complete lists.

use std::{fmt, num::NonZeroU16, sync::Arc};

use bytes::Bytes;

use super::{Place, Timestamp, Upload, UploadId};

/// The number of a part: 1 to 10000. Not an index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartNumber(NonZeroU16);

impl PartNumber {
    /// The lowest part number.
    pub const MIN: u16 = 1;
    /// The highest part number.
    pub const MAX: u16 = 10_000;

    /// Part number 1.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// A part number, if `number` is one.
    ///
    /// ```
    /// use fake_bucket::PartNumber;
    ///
    /// assert_eq!(PartNumber::new(10_000).unwrap().get(), 10_000);
    /// assert!(PartNumber::new(0).is_none());
    /// ```
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) if number.get() <= Self::MAX => Some(Self(number)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A 16-byte MD5 digest.
pub type Md5 = [u8; 16];

/// Bytes as they were received, or only their count.
#[derive(Clone, Default)]
pub struct Content {
    len: u64,
    chunks: Chunks,
}

#[derive(Clone, Default)]
enum Chunks {
    #[default]
    Counted,
    One(Bytes),
    Many(Arc<[Bytes]>),
}

impl Content {
    /// Bytes that are only counted, not kept.
    pub fn counted(len: u64) -> Self {
        Self { len, chunks: Chunks::Counted }
    }

    /// Bytes that are kept, in the frames they came in.
    pub fn kept(mut frames: Vec<Bytes>) -> Self {
        let len = frames.iter().map(|frame| frame.len() as u64).sum();
        let chunks = match frames.len() {
            1 => Chunks::One(frames.remove(0)),
            _ => Chunks::Many(frames.into()),
        };
        Self { len, chunks }
    }

    /// How many bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The frames, if the bytes were kept.
    pub fn frames(&self) -> Option<&[Bytes]> {
        match &self.chunks {
            Chunks::Counted => (self.len == 0).then_some(&[]),
            Chunks::One(frame) => Some(std::slice::from_ref(frame)),
            Chunks::Many(frames) => Some(frames),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len)
    }
}

/// Bytes and what was computed of them on arrival.
#[derive(Clone, Debug)]
pub struct Body {
    /// The bytes.
    pub content: Content,
    /// Their MD5.
    pub md5: Md5,
    /// Their CRC-64/XZ.
    pub crc64: u64,
    /// Where that CRC-64 comes from.
    pub checksum: Checksum,
}

/// Where the CRC-64 of stored bytes comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// The store computed it; the client sent none.
    #[default]
    Computed,
    /// The client sent it with the bytes, and it was theirs.
    Sent,
}

/// One stored part. The last one sent under a number is the one that counts.
#[derive(Debug)]
pub struct Part {
    /// Its number.
    pub number: PartNumber,
    /// Its bytes and their digests.
    pub body: Body,
    /// When it was stored.
    pub modified: Timestamp,
}

impl Part {
    /// Bytes in the part.
    pub fn size(&self) -> u64 {
        self.body.content.len()
    }
}

/// The receipt for a part in flight: admitted, not yet applied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a part stays in flight until its ticket is applied or withdrawn"]
pub struct Ticket {
    pub(super) number: u64,
    pub(super) upload: UploadId,
    pub(super) place: Place,
    sequence: u64,
}

impl Ticket {
    /// A ticket of this number for a part of this upload.
    pub(super) fn new(number: u64, upload: &Upload) -> Self {
        let Upload { id, place, sequence, .. } = upload;
        Self { number, upload: id.clone(), place: place.clone(), sequence: *sequence }
    }

    /// Where its upload is, in the order of all.
    pub(super) fn position(&self) -> usize {
        self.sequence as usize - 1
    }

    /// The names of the upload: the store's own copies, which are there anyway.
    pub fn names(&self) -> (UploadId, Place) {
        (self.upload.clone(), self.place.clone())
    }
}

/// The parts a complete lists, in its order.
#[derive(Clone, Debug, Default)]
pub struct Manifest(pub Vec<ListedPart>);

/// One part as a complete lists it.
#[derive(Clone, Debug)]
pub struct ListedPart {
    /// The number listed.
    pub number: PartNumber,
    /// The entity tag as written, without quotes.
    pub etag: String,
    /// The digest the entity tag spells, if it spells one.
    pub md5: Option<Md5>,
}
