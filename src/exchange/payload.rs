//! What the store gets to see of a body: read by the dialect where it is a document, and held to what its request said of it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Core, Exchange, Prepared, receive::Received};
use crate::{
    dialect::{Asked, BodyAsked, reading::frames},
    store::{
        Body, Checksum, Command, Content, Copied, CopiesInBucket, CopySource, Copying, ListedPart, Manifest, Object,
        PartsAsked, Payload, Place, Principal, Refusal, Rules, Span, UploadId,
    },
    wire::{
        digest::{self, Digests},
        encode::{base64, hex},
    },
};

impl Exchange {
    /// What the store gets to see of a body.
    pub(super) fn payload(&self, asked: &Asked, principal: &Principal, received: Received) -> Result<Payload, Refusal> {
        let Asked { command, body: said, .. } = asked;
        let checksum = if said.crc64.is_some() { Checksum::Sent } else { Checksum::Computed };
        let Core { dialect, rules, realm, .. } = &*self.core;
        let Received { content, digests } = received;
        let digests = || digests.expect("what is kept is digested");
        Ok(match command {
            Command::UploadPart { .. } => Payload::Body(body(content, &digests(), checksum)),
            Command::PutObject { metadata, .. } => {
                let digests = digests();
                let etag = dialect.etag(&(rules.tag_digest)(metadata, &digests.md5));
                Payload::Object(body(content, &digests, checksum), etag)
            }
            Command::AppendObject { place, .. } => {
                let digests = digests();
                let before = self.core.store.lock().object(place.bucket.as_str(), place.key.as_str()).cloned();
                let etag = match before {
                    Some(object) => dialect.appended_etag(&object.etag, &digests.md5),
                    None => dialect.etag(&digests.md5),
                };
                Payload::Object(body(content, &digests, checksum), etag)
            }
            Command::Complete { place, upload, parts, .. } => {
                let manifest = match parts {
                    PartsAsked::Listed => dialect.manifest(&whole(&content))?,
                    PartsAsked::Stored => self.stored(place, upload)?,
                };
                let etag = dialect.completed_etag(upload, &manifest);
                let checksum = if said.whole_crc64.is_some() { Checksum::Sent } else { Checksum::Computed };
                Payload::Manifest(manifest, etag, checksum)
            }
            Command::DeleteObjects { .. } => Payload::Keys(dialect.keys(&whole(&content))?),
            Command::PutTags { .. } => Payload::Tags(dialect.tags(&whole(&content))?),
            Command::PutLifecycle { .. } => Payload::Lifecycle(dialect.lifecycle(&whole(&content))?),
            Command::CreateBucket { bucket, .. } => {
                let kind = dialect.bucket_configuration(&whole(&content), realm);
                Payload::Kind(kind.map_err(|refusal| match refusal {
                    Refusal::WrongLocation { .. } => {
                        self.core.store.lock().why_taken(principal, bucket).unwrap_or(refusal)
                    }
                    refusal => refusal,
                })?)
            }
            Command::UploadPartCopy { source, .. } => {
                let (copy, copied, _) = self.copy(principal, source, rules.max_part_size)?;
                Payload::Copy(copy, copied)
            }
            Command::CopyObject { place, source, given, .. } => {
                let (copy, _, object) = self.copy(principal, source, max_copy(rules, place, source, given))?;
                let inherited = dialect.inherited(&object.metadata);
                let etag = dialect.etag(&(rules.tag_digest)(&given.over(inherited.clone()), &copy.md5));
                Payload::ObjectCopy(copy, etag, inherited)
            }
            _ => Payload::None,
        })
    }

    /// The list of all parts an upload has. One that is replaced before it is applied is refused then.
    fn stored(&self, place: &Place, upload: &UploadId) -> Result<Manifest, Refusal> {
        let (parts, metadata) = self.core.store.lock().stored_parts(place, upload)?;
        let listed = parts.iter().map(|part| {
            let shown = (self.core.rules.tag_digest)(&metadata, &part.body.md5);
            ListedPart { number: part.number, etag: self.core.dialect.etag(&shown).to_string(), md5: Some(shown) }
        });
        if parts.is_empty() { Err(Refusal::EmptyManifest) } else { Ok(Manifest(listed.collect())) }
    }

    /// Reads the source of a copy of at most `max` bytes. Hashing happens outside the lock, and the bytes are not copied.
    fn copy(
        &self,
        principal: &Principal,
        source: &CopySource,
        max: u64,
    ) -> Result<(Body, Copied, Arc<Object>), Refusal> {
        let (object, span) = self.core.store.lock().source(principal, source)?;
        let size = span.length(object.size);
        if size > max {
            return Err(Refusal::TooLarge { size, max });
        }
        if !object.is_retained() {
            return Err(not_retained());
        }
        let frames = frames(&object, span);
        let digests = digest::of_frames(&frames);
        let copied = Copied { span, source_size: object.size };
        let checksum = if span == Span::Whole { object.checksum } else { Checksum::Computed };
        Ok((body(Content::kept(frames), &digests, checksum), copied, object))
    }

    /// Refuses a complete that would make an object of another CRC-64 than its request says. Whatever else is wrong with it
    /// is told instead.
    pub(super) fn check_whole(&self, prepared: &Prepared, payload: &Payload) -> Result<(), Refusal> {
        let Asked { command, body, .. } = &*prepared.asked;
        let (Some(given), Command::Complete { place, upload, .. }, Payload::Manifest(manifest, etag, checksum)) =
            (&body.whole_crc64, command, payload)
        else {
            return Ok(());
        };
        let Ok((stored, _)) = self.core.store.lock().stored_parts(place, upload) else { return Ok(()) };
        let stored: BTreeMap<_, _> = stored.into_iter().map(|part| (part.number, part)).collect();
        let listed = manifest.0.iter().filter_map(|part| stored.get(&part.number));
        let computed = digest::combine_crc64(&mut listed.map(|part| (part.body.crc64, part.size())));
        if given.trim().parse() == Ok(computed) {
            return Ok(());
        }
        self.pretend(prepared, Payload::Manifest(manifest.clone(), etag.clone(), *checksum))?;
        Err(Refusal::Crc64Mismatch { given: given.clone(), computed })
    }
}

/// Returns the bytes that a copy of a whole object may have.
fn max_copy(rules: &Rules, place: &Place, source: &CopySource, given: &Copying) -> u64 {
    let keeps = given.storage_class.is_none() && given.added.is_empty();
    let in_bucket = place.bucket == source.place.bucket && keeps;
    match rules.copies_in_bucket {
        CopiesInBucket::Unlimited if in_bucket => u64::MAX,
        CopiesInBucket::Limited | CopiesInBucket::Unlimited => rules.max_part_size,
    }
}

/// What a fake that keeps digests only cannot do.
pub(super) fn not_retained() -> Refusal {
    Refusal::NotImplemented { what: "bytes, and this fake keeps only their digests (`Retention::Digest`)".into() }
}

/// The bytes of a document in one piece.
fn whole(content: &Content) -> Vec<u8> {
    content.frames().unwrap_or_default().concat()
}

fn body(content: Content, digests: &Digests, checksum: Checksum) -> Body {
    Body { content, md5: digests.md5, crc64: digests.crc64, checksum }
}

/// Whether a body is what its request said it would be.
pub(super) fn check_body(asked: &BodyAsked, digests: &Digests) -> Result<(), Refusal> {
    if let Some((md5, given)) = &asked.md5
        && *md5 != digests.md5
    {
        return Err(Refusal::DigestMismatch { given: given.clone(), computed: base64(digests.md5) });
    }
    if let Some(given) = &asked.crc64
        && given.trim().parse() != Ok(digests.crc64)
    {
        return Err(Refusal::Crc64Mismatch { given: given.clone(), computed: digests.crc64 });
    }
    if let Some(given) = &asked.sha256
        && digests.sha256.is_none_or(|computed| !given.eq_ignore_ascii_case(&hex(computed)))
    {
        return Err(Refusal::Sha256Mismatch { given: given.clone() });
    }
    for ((checksum, given), (_, computed)) in asked.checksums.iter().zip(&digests.checksums) {
        if given != computed {
            let (given, computed) = (given.clone(), computed.clone());
            return Err(Refusal::ChecksumMismatch { header: checksum.header(), given, computed });
        }
    }
    Ok(())
}
