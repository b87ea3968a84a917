//! Objects: finished things, put whole or assembled from parts.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{Account, Acl, Arrival, Checksum, ETag, Md5, Part, Timestamp, UploadId};

/// What a request says about an object besides its bytes; given on put or on initiate, shown on get and head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Header name as the provider spells it in replies, and value. System headers (`Content-Type`, `Cache-Control`, ..)
    /// and user metadata alike, in the order they are shown.
    pub headers: Vec<(String, String)>,
    /// The storage class as the client spelled it, if it named one.
    pub storage_class: Option<String>,
    /// Its tags, in the order they were given.
    pub tags: Vec<(String, String)>,
    /// What everybody may do with it, if it was given a list of its own; else its bucket's counts.
    pub acl: Option<Acl>,
}

/// Where an object came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Put or copied in one request.
    Whole,
    /// Appended to, one piece each time.
    Appended,
    /// Completed from the parts of this upload.
    Multipart(UploadId),
}

/// A stored object.
#[derive(Debug)]
pub struct Object {
    /// Its bytes: one piece, or the listed parts in order.
    pub pieces: Vec<Arc<Part>>,
    /// Bytes in all.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: ETag,
    /// What was said of it when it was made.
    pub metadata: Metadata,
    /// When it became visible.
    pub modified: Timestamp,
    /// How it was made.
    pub origin: Origin,
    /// In which order its parts came, if it had any.
    pub arrival: Arrival,
    /// Where the CRC-64 of the whole comes from.
    pub checksum: Checksum,
    /// The account that stored it; `None` if that was an unsigned request, or the test.
    pub uploader: Option<Arc<Account>>,
    whole_md5: OnceLock<Option<Md5>>,
    crc64: OnceLock<u64>,
    /// What is known of the object that this one was appended to: how many pieces it had, and their CRC-64 if it was
    /// computed. Without it each append would combine the checksums of all pieces again.
    before: Option<(usize, u64)>,
}

impl Object {
    /// The same object, of which something else is said.
    pub(super) fn with(&self, metadata: Metadata) -> Self {
        Self {
            pieces: self.pieces.clone(),
            size: self.size,
            etag: self.etag.clone(),
            metadata,
            modified: self.modified,
            origin: self.origin.clone(),
            arrival: self.arrival,
            checksum: self.checksum,
            uploader: self.uploader.clone(),
            whole_md5: self.whole_md5.clone(),
            crc64: self.crc64.clone(),
            before: self.before,
        }
    }
}

impl Object {
    /// Assembles an object.
    pub fn new(pieces: Vec<Arc<Part>>, etag: ETag, metadata: Metadata, modified: Timestamp, origin: Origin) -> Self {
        let size = pieces.iter().map(|piece| piece.size()).sum();
        let sent = !pieces.is_empty() && pieces.iter().all(|piece| piece.body.checksum == Checksum::Sent);
        let checksum = if sent { Checksum::Sent } else { Checksum::Computed };
        let (arrival, uploader) = (Arrival::default(), None);
        let (whole_md5, crc64) = (OnceLock::new(), OnceLock::new());
        Self {
            pieces,
            size,
            etag,
            metadata,
            modified,
            origin,
            arrival,
            checksum,
            uploader,
            whole_md5,
            crc64,
            before: None,
        }
    }

    /// The same object, stored by this account.
    pub fn uploaded_by(self, uploader: Option<&Arc<Account>>) -> Self {
        Self { uploader: uploader.cloned(), ..self }
    }

    /// The same object, its CRC-64 from there.
    pub fn checked(self, checksum: Checksum) -> Self {
        Self { checksum, ..self }
    }

    /// Adds a piece to an object that was made by appending, or begins one.
    pub fn appended(
        before: Option<&Self>,
        piece: Arc<Part>,
        etag: ETag,
        metadata: Metadata,
        modified: Timestamp,
    ) -> Self {
        let pieces = before.map(|object| object.pieces.as_slice()).unwrap_or_default();
        let known = before.and_then(|object| Some((object.pieces.len(), *object.crc64.get()?)));
        let pieces = pieces.iter().cloned().chain([piece]).collect();
        Self { before: known, ..Self::new(pieces, etag, metadata, modified, Origin::Appended) }
    }

    /// The same, of parts that came in this order.
    pub fn arrived(self, arrival: Arrival) -> Self {
        Self { arrival, ..self }
    }

    /// The CRC-64 of the whole, combined from the pieces' (crc, length) by `combine` the first time it is asked for, and
    /// so never under the store's lock.
    pub fn crc64(&self, combine: impl FnOnce(&mut dyn Iterator<Item = (u64, u64)>) -> u64) -> u64 {
        *self.crc64.get_or_init(|| {
            let (count, known) = self.before.map_or((0, None), |(count, crc64)| (count, Some(crc64)));
            // The length of the first in the sequence has no influence on the result.
            let before = known.map(|crc64| (crc64, 0));
            let rest = self.pieces[count..].iter().map(|piece| (piece.body.crc64, piece.size()));
            combine(&mut before.into_iter().chain(rest))
        })
    }

    /// Whether its bytes were kept.
    pub fn is_retained(&self) -> bool {
        self.pieces.iter().all(|piece| piece.body.content.frames().is_some())
    }

    /// The MD5 of the whole, made of its frames by `digest` the first time it is asked for, and so never under the store's
    /// lock. None if it has more pieces than one and their bytes were not kept.
    pub fn whole_md5(&self, digest: impl FnOnce(&mut dyn Iterator<Item = &Bytes>) -> Md5) -> Option<Md5> {
        let frames = || self.pieces.iter().flat_map(|piece| piece.body.content.frames().unwrap_or_default());
        let of_frames = || self.is_retained().then(|| digest(&mut frames()));
        self.md5().or_else(|| *self.whole_md5.get_or_init(of_frames))
    }

    /// The MD5 of the whole, where one digest covers it.
    pub fn md5(&self) -> Option<Md5> {
        match &self.pieces[..] {
            [piece] => Some(piece.body.md5),
            _ => None,
        }
    }
}
