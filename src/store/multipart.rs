//! What the store does with multipart uploads: initiate, store and list parts, list, complete, abort; and how one ends.

use std::{collections::BTreeSet, mem, sync::Arc};

use super::{
    AbortRight, AclAsked, Arrival, BucketName, By, Cause, Checksum, ETag, Flaws, Freed, Gaps, Landing, LateParts,
    ListRead, ListedPart, Manifest, Metadata, Object, Op, Origin, Outcome, Overwrite, PageAsked, Part, PartNumber,
    Parts, PartsPage, Payload, Place, Receipt, Refusal, Store, Ticket, Timestamp, Tombstone, Upload, UploadId,
    UploadListed, UploadState, listing, may_write, no_such_upload, not_initiator,
};

impl Store {
    /// Ends an open upload behind its client's back.
    pub fn abort_by_test(&mut self, id: &str, now: Timestamp, tick: u64) -> Option<Freed> {
        let open = self.uploads.get(id).filter(|upload| matches!(upload.state, UploadState::Open(_)))?;
        let id = open.id.clone();
        Some(self.bury(&id, Cause::Test, now, tick))
    }

    /// Makes an object of all parts of an open upload behind its client's back, whatever their sizes. None if it is not open,
    /// or has no parts.
    pub fn complete_by_test(
        &mut self,
        id: &str,
        etag: impl FnOnce(&UploadId, &Manifest) -> ETag,
        now: Timestamp,
        tick: u64,
    ) -> Option<Freed> {
        let upload = self.uploads.get(id)?;
        let UploadState::Open(parts) = &upload.state else { return None };
        let pieces: Vec<_> = parts.values().cloned().collect();
        if pieces.is_empty() {
            return None;
        }
        let listed =
            |part: &Arc<Part>| ListedPart { number: part.number, etag: String::new(), md5: Some(part.body.md5) };
        let etag = etag(&upload.id, &Manifest(pieces.iter().map(listed).collect()));
        let (id, place, metadata) = (upload.id.clone(), upload.place.clone(), (*upload.metadata).clone());
        let (arrival, uploader) = (upload.arrival, upload.initiator.account().cloned());
        let used = pieces.iter().map(|piece| piece.number).collect();
        let object = Object::new(pieces, etag, metadata, now, Origin::Multipart(id.clone())).arrived(arrival);
        let object = Arc::new(object.checked(Checksum::Computed).uploaded_by(uploader.as_ref()));
        let receipt = Receipt { by: None, at: now, tick, used, unused: Vec::new() };
        self.end(&id, UploadState::Completed(receipt));
        let object = self.buckets.get_mut(&place.bucket)?.objects.insert(place.key, object);
        Some(Freed { object, ..Freed::default() })
    }

    /// Aborts what the lifecycle rules say is too old.
    pub fn expire(&mut self, now: Timestamp, tick: u64) -> Vec<Freed> {
        let mut due = Vec::new();
        for bucket in self.buckets.values() {
            let Some(lifecycle) = &bucket.lifecycle else { continue };
            let open = bucket.open.values().flatten().map(|id| &self.uploads[id]);
            due.extend(
                open.filter(|upload| lifecycle.ends(upload.place.key.as_str(), upload.initiated, now))
                    .map(|upload| upload.id.clone()),
            );
        }
        due.iter().map(|id| self.bury(id, Cause::Lifecycle, now, tick)).collect()
    }

    pub(super) fn initiate(
        &mut self,
        by: By<'_>,
        place: &Place,
        metadata: &Arc<Metadata>,
        overwrite: Overwrite,
        arrival: Arrival,
    ) -> Result<Outcome, Refusal> {
        self.may_overwrite(place, overwrite)?;
        let id = (self.rules.upload_id)(by.now, self.mint.next());
        let bucket = self.bucket_mut(&place.bucket)?;
        let metadata = if bucket.adds_to(metadata) { bucket.metadata(metadata).into() } else { metadata.clone() };
        bucket.open.entry(place.key.clone()).or_default().insert(id.clone());
        let upload = Upload {
            id: id.clone(),
            sequence: self.uploads.next_sequence(),
            place: place.clone(),
            initiator: by.principal.clone(),
            initiated: by.now,
            metadata,
            arrival,
            state: UploadState::Open(Parts::new()),
            in_flight: BTreeSet::new(),
        };
        self.uploads.push(upload);
        Ok(Outcome::Initiated(id))
    }

    /// Stores a part. Its upload was open when it was admitted; that is checked again here, because an abort or a
    /// complete may have come between.
    pub(super) fn store_part(
        &mut self,
        by: By<'_>,
        place: &Place,
        ticket: &Ticket,
        number: PartNumber,
        payload: Payload,
    ) -> Result<Outcome, Refusal> {
        let (body, copied) = match payload {
            Payload::Body(body) => (body, None),
            Payload::Copy(body, copied) => (body, Some(copied)),
            _ => unreachable!("a part comes with a body"),
        };
        self.bucket(&place.bucket)?;
        let lingers = match self.rules.late_parts {
            LateParts::Linger => true,
            LateParts::Either => self.mint.flips(ticket.number),
            LateParts::Fail | LateParts::FailAtOnce | LateParts::Reset => false,
        };
        let upload = self.uploads.of_mut(ticket).ok_or_else(|| no_such_upload(&ticket.upload))?;
        let part = Arc::new(Part { number, body, modified: by.now });
        let metadata = upload.metadata.clone();
        let (parts, landing) = match &mut upload.state {
            UploadState::Open(parts) => (parts, Landing::InTime),
            UploadState::Aborted(tombstone) if lingers => (&mut tombstone.lingering, Landing::Lingering),
            _ => return Err(no_such_upload(&ticket.upload)),
        };
        let replaced = parts.insert(number, part.clone());
        let freed = Freed { part: replaced, ..Freed::default() };
        Ok(Outcome::PartStored { part, metadata, landing, copied, freed })
    }

    pub(super) fn list_parts(
        &self,
        place: &Place,
        upload: &UploadId,
        after: u64,
        max: usize,
    ) -> Result<Outcome, Refusal> {
        let upload = self.find_open(place, upload)?;
        let UploadState::Open(parts) = &upload.state else { unreachable!("the upload is open") };
        let mut rest = parts.values().filter(|part| u64::from(part.number.get()) > after);
        let page: Vec<_> = rest.by_ref().take(max).cloned().collect();
        Ok(Outcome::Parts(PartsPage {
            initiator: upload.initiator.clone(),
            owner: self.bucket(&place.bucket)?.owner.clone(),
            metadata: upload.metadata.clone(),
            parts: page,
            truncated: rest.next().is_some(),
        }))
    }

    pub(super) fn list_uploads(&self, bucket: &BucketName, asked: &PageAsked) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(bucket)?;
        let page = listing::page(&bucket.open, asked, |_, ids, marker| {
            let after = marker.filter(|marker| !marker.is_empty());
            let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
            ids.range::<str, _>((from, std::ops::Bound::Unbounded)).map(|id| {
                let upload = &self.uploads[id];
                UploadListed {
                    key: upload.place.key.clone(),
                    id: id.clone(),
                    initiator: upload.initiator.clone(),
                    owner: bucket.owner.clone(),
                    initiated: upload.initiated,
                    storage_class: upload.metadata.storage_class.clone(),
                }
            })
        });
        Ok(Outcome::Uploads(page))
    }

    /// Checks everything, then assembles, then moves the state: a refused complete leaves the upload as it was.
    pub(super) fn complete(
        &mut self,
        by: By<'_>,
        place: &Place,
        id: &UploadId,
        overwrite: Overwrite,
        acl: AclAsked,
        payload: Payload,
    ) -> Result<Outcome, Refusal> {
        let Payload::Manifest(manifest, etag, checksum) = payload else {
            unreachable!("a complete comes with a manifest")
        };
        if self.rules.list_read == ListRead::BeforeLookup {
            ascending(id, &manifest)?;
        }
        let upload = self.find_open(place, id)?;
        may_write(self.rules.write_right, by.principal, upload)?;
        self.may_overwrite(place, overwrite)?;
        let UploadState::Open(parts) = &upload.state else { unreachable!("the upload is open") };
        let pieces = self.listed(upload, parts, &manifest)?;

        let used: BTreeSet<PartNumber> = pieces.iter().map(|piece| piece.number).collect();
        let unused = parts.keys().copied().filter(|number| !used.contains(number)).collect();
        let origin = Origin::Multipart(id.clone());
        let mut metadata = (*upload.metadata).clone();
        if let AclAsked::This(acl) = acl {
            metadata.acl = acl;
        }
        let object = Object::new(pieces, etag, metadata, by.now, origin).arrived(upload.arrival).checked(checksum);
        let object = Arc::new(object.uploaded_by(upload.initiator.account()));
        let receipt =
            Receipt { by: Some(by.exchange), at: by.now, tick: by.tick, used: used.into_iter().collect(), unused };

        let state = self.end(id, UploadState::Completed(receipt));
        let UploadState::Open(parts) = state else { unreachable!("the upload was open") };
        let bucket = self.bucket_mut(&place.bucket)?;
        let replaced = bucket.objects.insert(place.key.clone(), object.clone());
        Ok(Outcome::Completed { object, freed: Freed { parts, object: replaced, part: None } })
    }

    /// The parts `manifest` lists, if all of them are stored as it says and large enough.
    pub(super) fn listed(
        &self,
        Upload { id: upload, metadata, .. }: &Upload,
        parts: &Parts,
        manifest: &Manifest,
    ) -> Result<Vec<Arc<Part>>, Refusal> {
        let shown = |part: &Part| Some((self.rules.tag_digest)(metadata, &part.body.md5));
        let listed = &manifest.0;
        ascending(upload, manifest)?;
        let mut pieces = Vec::with_capacity(listed.len());
        let mut too_small = None;
        for (index, ListedPart { number, etag, md5 }) in listed.iter().enumerate() {
            let invalid = || Refusal::InvalidPart { upload: upload.to_string(), number: *number, etag: etag.clone() };
            let part = parts.get(number).filter(|part| shown(part) == *md5).ok_or_else(invalid)?;
            if self.rules.gaps == Gaps::Refused && usize::from(number.get()) != index + 1 {
                return Err(invalid());
            }
            let (min, is_last) = (self.rules.min_part_size, index + 1 == listed.len());
            if part.size() < min && !is_last {
                let (upload, number, etag) = (upload.to_string(), *number, etag.clone());
                let refusal = Refusal::PartTooSmall { upload, number, etag, size: part.size(), min };
                if self.rules.flaws == Flaws::AsListed {
                    return Err(refusal);
                }
                too_small.get_or_insert(refusal);
            }
            pieces.push(part.clone());
        }
        if let Some(refusal) = too_small {
            return Err(refusal);
        }
        let size = pieces.iter().map(|part| part.size()).sum();
        if size > self.rules.max_object_size {
            return Err(Refusal::TooLarge { size, max: self.rules.max_object_size });
        }
        Ok(pieces)
    }

    /// Ends an open upload; or, where late parts linger, frees those of one that was aborted before.
    pub(super) fn abort(&mut self, by: By<'_>, place: &Place, id: &UploadId) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(&place.bucket)?;
        let upload =
            self.uploads.get(id.as_str()).filter(|upload| upload.place == *place).ok_or_else(|| no_such_upload(id))?;
        if !upload.takes_room() {
            return Err(no_such_upload(id));
        }
        let action = (self.rules.action)(Op::Abort).expect("aborting needs an action");
        match self.rules.abort_right {
            AbortRight::Granted => self.granted(by.principal, action, Some(bucket), Some(&place.key))?,
            AbortRight::InitiatorOnly if by.principal != &upload.initiator => return Err(not_initiator(by.principal)),
            AbortRight::InitiatorOwnerOrGranted if by.principal != &upload.initiator => {
                self.granted(by.principal, action, Some(bucket), Some(&place.key))
                    .map_err(|_| not_initiator(by.principal))?;
            }
            AbortRight::InitiatorOnly | AbortRight::InitiatorOwnerOrGranted => {}
        }
        let id = upload.id.clone();
        let freed = self.bury(&id, Cause::Exchange(by.exchange), by.now, by.tick);
        Ok(Outcome::Aborted { freed })
    }

    /// Carries out an abort that was permitted and answered before. `None` if there is nothing left to abort.
    pub fn abort_answered(&mut self, id: &UploadId, exchange: u64, now: Timestamp, tick: u64) -> Option<Freed> {
        self.uploads.get(id.as_str()).filter(|upload| upload.takes_room())?;
        Some(self.bury(id, Cause::Exchange(exchange), now, tick))
    }

    /// Ends an upload as aborted; of one that was aborted before, frees the parts that linger.
    pub(super) fn bury(&mut self, id: &UploadId, cause: Cause, now: Timestamp, tick: u64) -> Freed {
        let upload = self.uploads.get_mut(id.as_str()).expect("an upload that was found");
        let parts = match &mut upload.state {
            UploadState::Open(parts) => {
                let freed = parts.keys().copied().collect();
                let tombstone = Tombstone { cause, at: now, tick, freed, lingering: Parts::new() };
                let state = self.end(id, UploadState::Aborted(tombstone));
                let UploadState::Open(parts) = state else { unreachable!("the upload was open") };
                parts
            }
            UploadState::Aborted(tombstone) => mem::take(&mut tombstone.lingering),
            UploadState::Completed(_) => unreachable!("a completed upload is not buried"),
        };
        Freed { parts, ..Freed::default() }
    }

    /// Moves an open upload to its end and out of the listing. Returns the state it had.
    pub(super) fn end(&mut self, id: &UploadId, end: UploadState) -> UploadState {
        let upload = self.uploads.get_mut(id.as_str()).expect("an upload that was found");
        let before = mem::replace(&mut upload.state, end);
        let place = upload.place.clone();
        if let Some(bucket) = self.buckets.get_mut(&place.bucket)
            && let Some(ids) = bucket.open.get_mut(&place.key)
        {
            ids.remove(id);
            if ids.is_empty() {
                bucket.open.remove(&place.key);
            }
        }
        before
    }
}

/// Each number higher than the one before.
pub(super) fn ascending(upload: &UploadId, manifest: &Manifest) -> Result<(), Refusal> {
    let ascends = manifest.0.windows(2).all(|pair| pair[0].number < pair[1].number);
    if ascends { Ok(()) } else { Err(Refusal::PartOrder { upload: upload.to_string() }) }
}
