//! FLOOR 0: what an object store remembers, and the rules by which it changes its mind.
//!
//! No HTTP, no async, no randomness, no wall clock: whoever calls brings the time along, and two stores that are given
//! the same calls hold the same things. The states of an upload are drawn in [`upload`].
//!
//! A request passes through three calls, each of them short enough to be made under a lock:
//! [`Store::authorize`] (is the bucket there, may they), [`Store::admit`] (a part is in flight from here on) and
//! [`Store::apply`] (check everything again, then move the state). Refused means unchanged, in all three.

mod clock;
mod command;
mod lifecycle;
mod listing;
mod mint;
mod names;
mod object;
mod part;
mod principal;
mod refusal;
mod rules;
mod upload;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

pub use clock::{Clock, Timestamp};
pub use command::{
    BucketFacts, ByteRange, Command, Conditions, Copied, CopySource, Freed, KeysListed, Landing, Op, Outcome,
    Overwrite, PageAsked, PartsPage, Payload, RangeAsked, Setting, Span, Told, Unchanged, Unusable, UploadListed,
    own_action,
};
pub use lifecycle::{Age, AgeRule, Lifecycle, RuleStatus};
pub use listing::{Last, Page};
pub use mint::{Entropy, Mint};
pub use names::{BucketName, ETag, ObjectKey, Place, UploadId};
pub use object::{Metadata, Object, Origin};
pub use part::{Body, Content, ListedPart, Manifest, Md5, Part, PartNumber, Ticket};
pub use principal::{AccessKey, Account, Action, Grants, Principal, Role, Secret, Token, User};
pub use refusal::{Mismatch, Refusal, RefusalKind, Resource, SignatureField};
pub use rules::{AbortRight, Gaps, LateParts, ListRead, Recreate, Rules, WriteRight};
pub use upload::{Cause, Parts, Receipt, Tombstone, Upload, UploadState};

/// Everything one fake remembers.
#[derive(Debug)]
pub struct Store {
    rules: Rules,
    mint: Mint,
    buckets: BTreeMap<BucketName, Bucket>,
    uploads: BTreeMap<UploadId, Upload>,
    grants: BTreeMap<String, Grants>,
    tickets: u64,
}

#[derive(Debug)]
struct Bucket {
    owner: Arc<Account>,
    created: Timestamp,
    objects: BTreeMap<ObjectKey, Arc<Object>>,
    open: BTreeMap<ObjectKey, BTreeSet<UploadId>>,
    lifecycle: Option<Lifecycle>,
}

/// Who applies a command, and when.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// The principal it acts as.
    pub principal: &'a Principal,
    /// The exchange it comes from.
    pub exchange: u64,
    /// The store's time.
    pub now: Timestamp,
    /// The tick of it all being done.
    pub tick: u64,
}

impl Store {
    /// A store without buckets.
    pub fn new(rules: Rules, mint: Mint) -> Self {
        Self { rules, mint, buckets: BTreeMap::new(), uploads: BTreeMap::new(), grants: BTreeMap::new(), tickets: 0 }
    }

    /// Hands out no number that `before` has handed out: what is left of its exchanges must not meet this store's.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        Self { mint: before.mint.clone(), tickets: before.tickets, ..self }
    }

    /// Every upload there ever was, by id.
    pub fn uploads(&self) -> impl Iterator<Item = &Upload> {
        self.uploads.values()
    }

    /// One upload.
    pub fn upload(&self, id: &str) -> Option<&Upload> {
        self.uploads.get(id)
    }

    /// Every object, by bucket and key.
    pub fn objects(&self) -> impl Iterator<Item = (&BucketName, &ObjectKey, &Arc<Object>)> {
        self.buckets
            .iter()
            .flat_map(|(name, bucket)| bucket.objects.iter().map(move |(key, object)| (name, key, object)))
    }

    /// One object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<&Arc<Object>> {
        self.buckets.get(bucket)?.objects.get(key)
    }

    /// Every bucket and its owner.
    pub fn buckets(&self) -> impl Iterator<Item = (&BucketName, &Arc<Account>)> {
        self.buckets.iter().map(|(name, bucket)| (name, &bucket.owner))
    }

    /// Makes a bucket behind the clients' backs.
    pub fn seed_bucket(&mut self, name: BucketName, owner: Arc<Account>, now: Timestamp) {
        self.buckets.insert(
            name,
            Bucket { owner, created: now, objects: BTreeMap::new(), open: BTreeMap::new(), lifecycle: None },
        );
    }

    /// Sets what `principal`, by name, may do with buckets that are not its own account's to rule.
    pub fn set_grants(&mut self, principal: &str, grants: Grants) {
        self.grants.insert(principal.to_owned(), grants);
    }

    /// Whether the bucket is there and `principal` may do `op` in it, as far as that shows before the upload is known.
    pub fn authorize(&self, principal: &Principal, op: Op, bucket: Option<&BucketName>) -> Result<(), Refusal> {
        let Some(action) = (self.rules.action)(op) else { return self.exists(bucket) };
        match op {
            Op::ListBuckets | Op::CreateBucket => match principal {
                Principal::User(user) if user.role == Role::Root => Ok(()),
                _ => self.granted(principal, action, None),
            },
            Op::Abort if self.rules.abort_right != AbortRight::Granted => self.exists(bucket),
            _ => {
                let owner = self.bucket_if_named(bucket)?.map(|bucket| &*bucket.owner);
                self.granted(principal, action, owner)
            }
        }
    }

    /// Whether a bucket is there, if one is named.
    pub fn exists(&self, bucket: Option<&BucketName>) -> Result<(), Refusal> {
        self.bucket_if_named(bucket).map(drop)
    }

    /// Lets a request in, before its body. A part is in flight from here on: its ticket must be applied or withdrawn.
    pub fn admit(&mut self, principal: &Principal, command: &Command) -> Result<Option<Ticket>, Refusal> {
        match command {
            Command::UploadPart { place, upload, .. } | Command::UploadPartCopy { place, upload, .. } => {
                let upload = self.find_open(place, upload)?.id.clone();
                self.may_write(principal, &upload)?;
                self.tickets += 1;
                let ticket = Ticket { number: self.tickets, upload };
                let upload = self.uploads.get_mut(&ticket.upload).expect("an upload that was just found");
                upload.in_flight.insert(ticket.number);
                Ok(Some(ticket))
            }
            Command::Complete { place, upload, .. } if self.rules.list_read == ListRead::AfterLookup => {
                let upload = self.find_open(place, upload)?.id.clone();
                self.may_write(principal, &upload)?;
                Ok(None)
            }
            Command::Initiate { place, overwrite, .. } | Command::PutObject { place, overwrite, .. } => {
                self.may_overwrite(place, *overwrite)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Takes a part in flight back: its client is gone, or its request was refused.
    pub fn withdraw(&mut self, ticket: Ticket) {
        if let Some(upload) = self.uploads.get_mut(&ticket.upload) {
            upload.in_flight.remove(&ticket.number);
        }
    }

    /// Whether the upload a part in flight belongs to has ended meanwhile.
    pub fn is_late(&self, ticket: &Ticket) -> bool {
        !self.uploads.get(&ticket.upload).is_some_and(|upload| matches!(upload.state, UploadState::Open(_)))
    }

    /// The object a copy reads from, and the span of it.
    pub fn source(&self, principal: &Principal, source: &CopySource) -> Result<(Arc<Object>, Span), Refusal> {
        let action = (self.rules.action)(Op::GetObject).expect("reading needs an action");
        let bucket = self.bucket(&source.place.bucket)?;
        self.granted(principal, action, Some(&bucket.owner))?;
        let object = self.find_object(&source.place)?;
        check(&source.conditions, object)?;
        Ok((object.clone(), span(source.range.as_ref(), object.size)?))
    }

    /// Does what was asked, or refuses and changes nothing.
    pub fn apply(
        &mut self,
        by: By<'_>,
        command: &Command,
        ticket: Option<&Ticket>,
        payload: Payload,
    ) -> Result<Outcome, Refusal> {
        match command {
            Command::Initiate { place, metadata, overwrite } => self.initiate(by, place, metadata, *overwrite),
            Command::UploadPart { place, number, .. } | Command::UploadPartCopy { place, number, .. } => {
                self.store_part(by, place, ticket.expect("a part was admitted"), *number, payload)
            }
            Command::ListParts { place, upload, after, max } => self.list_parts(place, upload, *after, *max),
            Command::ListUploads { bucket, page } => self.list_uploads(bucket, page),
            Command::Complete { place, upload, overwrite } => self.complete(by, place, upload, *overwrite, payload),
            Command::Abort { place, upload } => self.abort(by, place, upload),
            Command::PutObject { place, metadata, overwrite } => {
                self.put_object(by, place, metadata, *overwrite, payload)
            }
            Command::CopyObject { place, metadata, overwrite, .. } => {
                let Payload::ObjectCopy(body, etag, of_source) = payload else {
                    unreachable!("a copy brings its source")
                };
                let metadata = metadata.as_ref().unwrap_or(&of_source);
                self.put_object(by, place, metadata, *overwrite, Payload::Object(body, etag))
            }
            Command::GetObject { place, range, conditions } => self.get_object(place, range.as_ref(), conditions),
            Command::HeadObject { place, conditions } => self.get_object(place, None, conditions),
            Command::DeleteObject { place } => self.delete_object(place),
            Command::DeleteObjects { bucket } => self.delete_objects(bucket, payload),
            Command::GetTags { place } => {
                self.find_object(place).map(|object| Outcome::Tags(object.metadata.tags.clone()))
            }
            Command::PutTags { place } => {
                let Payload::Tags(tags) = payload else { unreachable!("tags come along") };
                self.tag(place, tags).map(|()| Outcome::TagsPut)
            }
            Command::DeleteTags { place } => self.tag(place, Vec::new()).map(|()| Outcome::TagsDeleted),
            Command::GetObjectAcl { place } => {
                self.find_object(place)?;
                self.get_setting(&place.bucket, Setting::Acl)
            }
            Command::GetSetting { bucket, setting } => self.get_setting(bucket, *setting),
            Command::DeleteSetting { bucket } => self.bucket(bucket).map(|_| Outcome::SettingDeleted),
            Command::GetLifecycle { bucket } => {
                let refusal = || Refusal::NoSuchLifecycle { bucket: bucket.clone() };
                self.bucket(bucket)?.lifecycle.clone().map(Outcome::Lifecycle).ok_or_else(refusal)
            }
            Command::PutLifecycle { bucket } => {
                let Payload::Lifecycle(lifecycle) = payload else { unreachable!("rules come along") };
                self.bucket_mut(bucket)?.lifecycle = Some(lifecycle);
                Ok(Outcome::LifecyclePut)
            }
            Command::DeleteLifecycle { bucket } => {
                self.bucket_mut(bucket)?.lifecycle = None;
                Ok(Outcome::LifecycleDeleted)
            }
            Command::ListObjects { bucket, page } => self.list_objects(bucket, page),
            Command::CreateBucket { bucket } => self.create_bucket(by, bucket),
            Command::HeadBucket { bucket } | Command::LocateBucket { bucket } => {
                self.bucket(bucket).map(|_| Outcome::Bucket)
            }
            Command::DeleteBucket { bucket } => self.delete_bucket(bucket),
            Command::ListBuckets => self.list_buckets(by.principal),
            Command::Negotiate { bucket } => self.bucket_if_named(bucket.as_ref()).map(|_| Outcome::Negotiated),
        }
    }

    /// Ends an open upload behind its client's back.
    pub fn abort_by_test(&mut self, id: &str, now: Timestamp, tick: u64) -> Option<Freed> {
        let open = self.uploads.get(id).filter(|upload| matches!(upload.state, UploadState::Open(_)))?;
        let id = open.id.clone();
        Some(self.bury(&id, Cause::Test, now, tick))
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

    fn initiate(
        &mut self,
        by: By<'_>,
        place: &Place,
        metadata: &Metadata,
        overwrite: Overwrite,
    ) -> Result<Outcome, Refusal> {
        self.may_overwrite(place, overwrite)?;
        let id = (self.rules.upload_id)(by.now, self.mint.next());
        let bucket = self.bucket_mut(&place.bucket)?;
        bucket.open.entry(place.key.clone()).or_default().insert(id.clone());
        let upload = Upload {
            id: id.clone(),
            sequence: self.uploads.len() as u64 + 1,
            place: place.clone(),
            initiator: by.principal.clone(),
            initiated: by.now,
            metadata: metadata.clone(),
            state: UploadState::Open(Parts::new()),
            in_flight: BTreeSet::new(),
        };
        self.uploads.insert(id.clone(), upload);
        Ok(Outcome::Initiated(id))
    }

    /// Stores a part. Its upload was open when it was admitted; that is checked again here, because an abort or a
    /// complete may have come between.
    fn store_part(
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
        let late_parts = self.rules.late_parts;
        let upload = self.uploads.get_mut(&ticket.upload).ok_or_else(|| no_such_upload(&ticket.upload))?;
        let part = Arc::new(Part { number, body, modified: by.now });
        let (parts, landing) = match &mut upload.state {
            UploadState::Open(parts) => (parts, Landing::InTime),
            UploadState::Aborted(tombstone) if late_parts == LateParts::Linger => {
                (&mut tombstone.lingering, Landing::Lingering)
            }
            _ => return Err(no_such_upload(&ticket.upload)),
        };
        let replaced = parts.insert(number, part.clone());
        Ok(Outcome::PartStored { part, landing, copied, freed: Freed { part: replaced, ..Freed::default() } })
    }

    fn list_parts(&self, place: &Place, upload: &UploadId, after: u64, max: usize) -> Result<Outcome, Refusal> {
        let upload = self.find_open(place, upload)?;
        let UploadState::Open(parts) = &upload.state else { unreachable!("the upload is open") };
        let mut rest = parts.values().filter(|part| u64::from(part.number.get()) > after);
        let page: Vec<_> = rest.by_ref().take(max).cloned().collect();
        Ok(Outcome::Parts(PartsPage {
            initiator: upload.initiator.clone(),
            owner: self.bucket(&place.bucket)?.owner.clone(),
            storage_class: upload.metadata.storage_class.clone(),
            parts: page,
            truncated: rest.next().is_some(),
        }))
    }

    fn list_uploads(&self, bucket: &BucketName, asked: &PageAsked) -> Result<Outcome, Refusal> {
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
    fn complete(
        &mut self,
        by: By<'_>,
        place: &Place,
        id: &UploadId,
        overwrite: Overwrite,
        payload: Payload,
    ) -> Result<Outcome, Refusal> {
        let Payload::Manifest(manifest, etag) = payload else { unreachable!("a complete comes with a manifest") };
        if self.rules.list_read == ListRead::BeforeLookup {
            ascending(id, &manifest)?;
        }
        let upload = self.find_open(place, id)?;
        self.may_write(by.principal, id)?;
        self.may_overwrite(place, overwrite)?;
        let UploadState::Open(parts) = &upload.state else { unreachable!("the upload is open") };
        let pieces = self.listed(id, parts, &manifest)?;

        let used: BTreeSet<PartNumber> = pieces.iter().map(|piece| piece.number).collect();
        let unused = parts.keys().copied().filter(|number| !used.contains(number)).collect();
        let origin = Origin::Multipart(id.clone());
        let object = Arc::new(Object::new(pieces, etag, upload.metadata.clone(), by.now, origin));
        let receipt = Receipt { by: by.exchange, at: by.now, tick: by.tick, used: used.into_iter().collect(), unused };

        let state = self.end(id, UploadState::Completed(receipt));
        let UploadState::Open(parts) = state else { unreachable!("the upload was open") };
        let bucket = self.bucket_mut(&place.bucket)?;
        let replaced = bucket.objects.insert(place.key.clone(), object.clone());
        Ok(Outcome::Completed { object, freed: Freed { parts, object: replaced, part: None } })
    }

    /// The parts `manifest` lists, if all of them are stored as it says and large enough. A part that is not there goes
    /// before one that is too small.
    fn listed(&self, upload: &UploadId, parts: &Parts, manifest: &Manifest) -> Result<Vec<Arc<Part>>, Refusal> {
        let listed = &manifest.0;
        ascending(upload, manifest)?;
        let mut pieces = Vec::with_capacity(listed.len());
        for (index, ListedPart { number, etag, md5 }) in listed.iter().enumerate() {
            let invalid = || Refusal::InvalidPart { upload: upload.to_string(), number: *number, etag: etag.clone() };
            let part = parts.get(number).filter(|part| Some(part.body.md5) == *md5).ok_or_else(invalid)?;
            if self.rules.gaps == Gaps::Refused && usize::from(number.get()) != index + 1 {
                return Err(invalid());
            }
            pieces.push(part.clone());
        }
        let min = self.rules.min_part_size;
        let all_but_last = pieces.iter().zip(listed).take(listed.len().saturating_sub(1));
        if let Some((part, listed)) = all_but_last.into_iter().find(|(part, _)| part.size() < min) {
            return Err(Refusal::PartTooSmall {
                upload: upload.to_string(),
                number: part.number,
                etag: listed.etag.clone(),
                size: part.size(),
                min,
            });
        }
        let size = pieces.iter().map(|part| part.size()).sum();
        if size > self.rules.max_object_size {
            return Err(Refusal::TooLarge { size, max: self.rules.max_object_size });
        }
        Ok(pieces)
    }

    /// Ends an open upload; or, where late parts linger, frees those of one that was aborted before.
    fn abort(&mut self, by: By<'_>, place: &Place, id: &UploadId) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(&place.bucket)?;
        let upload = self.uploads.get(id).filter(|upload| upload.place == *place).ok_or_else(|| no_such_upload(id))?;
        let alive = match &upload.state {
            UploadState::Open(_) => true,
            UploadState::Aborted(tombstone) => !tombstone.lingering.is_empty(),
            UploadState::Completed(_) => false,
        };
        if !alive {
            return Err(no_such_upload(id));
        }
        let action = (self.rules.action)(Op::Abort).expect("aborting needs an action");
        match self.rules.abort_right {
            AbortRight::Granted => self.granted(by.principal, action, Some(&bucket.owner))?,
            AbortRight::InitiatorOnly if by.principal != &upload.initiator => return Err(not_initiator(by.principal)),
            AbortRight::InitiatorOwnerOrGranted if by.principal != &upload.initiator => {
                self.granted(by.principal, action, Some(&bucket.owner)).map_err(|_| not_initiator(by.principal))?;
            }
            AbortRight::InitiatorOnly | AbortRight::InitiatorOwnerOrGranted => {}
        }
        let id = upload.id.clone();
        let freed = self.bury(&id, Cause::Exchange(by.exchange), by.now, by.tick);
        Ok(Outcome::Aborted { freed })
    }

    /// Moves an upload to its grave, or empties the grave.
    fn bury(&mut self, id: &UploadId, cause: Cause, now: Timestamp, tick: u64) -> Freed {
        let upload = self.uploads.get_mut(id).expect("an upload that was found");
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
    fn end(&mut self, id: &UploadId, end: UploadState) -> UploadState {
        let upload = self.uploads.get_mut(id).expect("an upload that was found");
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

    fn put_object(
        &mut self,
        by: By<'_>,
        place: &Place,
        metadata: &Metadata,
        overwrite: Overwrite,
        payload: Payload,
    ) -> Result<Outcome, Refusal> {
        let Payload::Object(body, etag) = payload else { unreachable!("an object comes with a body") };
        self.may_overwrite(place, overwrite)?;
        let piece = Arc::new(Part { number: PartNumber::FIRST, body, modified: by.now });
        let object = Arc::new(Object::new(vec![piece], etag, metadata.clone(), by.now, Origin::Whole));
        let replaced = self.bucket_mut(&place.bucket)?.objects.insert(place.key.clone(), object.clone());
        Ok(Outcome::ObjectStored { object, freed: Freed { object: replaced, ..Freed::default() } })
    }

    fn get_object(
        &self,
        place: &Place,
        range: Option<&RangeAsked>,
        conditions: &Conditions,
    ) -> Result<Outcome, Refusal> {
        self.bucket(&place.bucket)?;
        let object = self.find_object(place)?;
        check(conditions, object)?;
        Ok(Outcome::Object { object: object.clone(), span: span(range, object.size)? })
    }

    fn delete_object(&mut self, place: &Place) -> Result<Outcome, Refusal> {
        let object = self.bucket_mut(&place.bucket)?.objects.remove(&place.key);
        Ok(Outcome::ObjectDeleted { freed: Freed { object, ..Freed::default() } })
    }

    fn delete_objects(&mut self, bucket: &BucketName, payload: Payload) -> Result<Outcome, Refusal> {
        let Payload::Keys(listed) = payload else { unreachable!("keys come along") };
        let objects = &mut self.bucket_mut(bucket)?.objects;
        let freed = listed.keys.iter().filter_map(|key| objects.remove(key)).collect();
        Ok(Outcome::ObjectsDeleted { listed, freed })
    }

    fn tag(&mut self, place: &Place, tags: Vec<(String, String)>) -> Result<(), Refusal> {
        let tagged = Arc::new(self.find_object(place)?.tagged(tags));
        self.bucket_mut(&place.bucket)?.objects.insert(place.key.clone(), tagged);
        Ok(())
    }

    fn get_setting(&self, name: &BucketName, setting: Setting) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(name)?;
        if let Setting::Absent(setting) = setting {
            return Err(Refusal::NoSuchSetting { bucket: name.clone(), setting });
        }
        let open = bucket.open.values().flatten().map(|id| &self.uploads[id]);
        let parts = open.clone().filter_map(|upload| match &upload.state {
            UploadState::Open(parts) => Some(parts.values().map(|part| part.size()).sum::<u64>()),
            _ => None,
        });
        let bytes = bucket.objects.values().map(|object| object.size).chain(parts).sum();
        Ok(Outcome::Setting(BucketFacts {
            owner: bucket.owner.clone(),
            created: bucket.created,
            objects: bucket.objects.len(),
            uploads: open.count(),
            bytes,
        }))
    }

    fn list_objects(&self, bucket: &BucketName, asked: &PageAsked) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(bucket)?;
        let page =
            listing::page(&bucket.objects, asked, |key, object, _| std::iter::once((key.clone(), object.clone())));
        Ok(Outcome::Objects { page, owner: bucket.owner.clone() })
    }

    fn create_bucket(&mut self, by: By<'_>, name: &BucketName) -> Result<Outcome, Refusal> {
        let account = by.principal.account().ok_or(Refusal::Anonymous)?;
        let bucket = name.clone();
        match self.buckets.get(name) {
            Some(found) if found.owner.id != account.id => return Err(Refusal::BucketTaken { bucket }),
            Some(_) if self.rules.recreate == Recreate::Conflicts => return Err(Refusal::BucketYours { bucket }),
            Some(_) => {}
            None if self.buckets_of(account).count() >= self.rules.max_buckets => return Err(Refusal::TooManyBuckets),
            None => self.seed_bucket(bucket, account.clone(), by.now),
        }
        Ok(Outcome::BucketCreated)
    }

    fn delete_bucket(&mut self, name: &BucketName) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(name)?;
        if !bucket.objects.is_empty() {
            return Err(Refusal::BucketHoldsObjects { bucket: name.clone() });
        }
        if !bucket.open.is_empty() {
            return Err(Refusal::BucketHoldsUploads { bucket: name.clone() });
        }
        self.buckets.remove(name);
        Ok(Outcome::BucketDeleted)
    }

    fn list_buckets(&self, principal: &Principal) -> Result<Outcome, Refusal> {
        let owner = principal.account().ok_or(Refusal::Anonymous)?.clone();
        let buckets = self.buckets_of(&owner).map(|(name, bucket)| (name.clone(), bucket.created)).collect();
        Ok(Outcome::Buckets { buckets, owner })
    }

    fn buckets_of<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = (&'a BucketName, &'a Bucket)> {
        self.buckets.iter().filter(|(_, bucket)| bucket.owner.id == account.id)
    }

    fn bucket(&self, name: &BucketName) -> Result<&Bucket, Refusal> {
        self.buckets.get(name).ok_or_else(|| Refusal::NoSuchBucket { bucket: name.clone() })
    }

    fn bucket_mut(&mut self, name: &BucketName) -> Result<&mut Bucket, Refusal> {
        self.buckets.get_mut(name).ok_or_else(|| Refusal::NoSuchBucket { bucket: name.clone() })
    }

    fn bucket_if_named(&self, name: Option<&BucketName>) -> Result<Option<&Bucket>, Refusal> {
        name.map(|name| self.bucket(name)).transpose()
    }

    fn find_object(&self, place: &Place) -> Result<&Arc<Object>, Refusal> {
        let bucket = self.bucket(&place.bucket)?;
        bucket.objects.get(&place.key).ok_or_else(|| Refusal::NoSuchKey { key: place.key.to_string() })
    }

    /// The upload, if it is open and belongs to this very bucket and key.
    fn find_open(&self, place: &Place, id: &UploadId) -> Result<&Upload, Refusal> {
        self.bucket(&place.bucket)?;
        let upload = self.uploads.get(id).filter(|upload| upload.place == *place);
        upload.filter(|upload| matches!(upload.state, UploadState::Open(_))).ok_or_else(|| no_such_upload(id))
    }

    /// Whether `principal` may do `action` with what `owner` owns.
    fn granted(&self, principal: &Principal, action: Action, owner: Option<&Account>) -> Result<(), Refusal> {
        if owner.is_some_and(|owner| principal.is_root_of(owner)) {
            return Ok(());
        }
        if self.grants.get(principal.name()).is_some_and(|grants| grants.allows(action)) {
            return Ok(());
        }
        Err(match principal.account() {
            None => Refusal::Anonymous,
            Some(account) if owner.is_none_or(|owner| owner.id == account.id) => Refusal::NotGranted { action },
            Some(_) => Refusal::OtherAccount { action },
        })
    }

    fn may_write(&self, principal: &Principal, id: &UploadId) -> Result<(), Refusal> {
        let anybody = self.rules.write_right == WriteRight::Granted;
        if anybody || self.uploads[id].initiator == *principal { Ok(()) } else { Err(not_initiator(principal)) }
    }

    fn may_overwrite(&self, place: &Place, overwrite: Overwrite) -> Result<(), Refusal> {
        let exists = self.bucket(&place.bucket)?.objects.contains_key(&place.key);
        if exists && overwrite == Overwrite::Forbidden { Err(Refusal::ObjectExists) } else { Ok(()) }
    }
}

fn no_such_upload(id: &UploadId) -> Refusal {
    Refusal::NoSuchUpload { upload: id.to_string() }
}

/// Each number higher than the one before.
fn ascending(upload: &UploadId, manifest: &Manifest) -> Result<(), Refusal> {
    let ascends = manifest.0.windows(2).all(|pair| pair[0].number < pair[1].number);
    if ascends { Ok(()) } else { Err(Refusal::PartOrder { upload: upload.to_string() }) }
}

fn not_initiator(principal: &Principal) -> Refusal {
    match principal {
        Principal::Anonymous => Refusal::Anonymous,
        Principal::User(_) => Refusal::NotInitiator,
    }
}

/// The bytes of an object of `size` bytes that a request selects.
fn span(asked: Option<&RangeAsked>, size: u64) -> Result<Span, Refusal> {
    let Some(&RangeAsked { range, unusable }) = asked else { return Ok(Span::Whole) };
    let (first, last) = match range {
        ByteRange::Between(first, last) => (first, last),
        ByteRange::From(first) => (first, size.saturating_sub(1)),
        ByteRange::Last(count) => (size.saturating_sub(count), size.saturating_sub(1)),
    };
    let inside = first <= last && first < size && range != ByteRange::Last(0);
    match unusable {
        Unusable::Ignored if !inside || last >= size => Ok(Span::Whole),
        Unusable::Refused if !inside || last >= size => Err(Refusal::InvalidRange),
        Unusable::Cut if !inside => Err(Refusal::InvalidRange),
        _ => Ok(Span::Range { first, last: last.min(size - 1) }),
    }
}

/// Whether `conditions` hold of `object`, in the order RFC 9110 gives.
fn check(conditions: &Conditions, object: &Object) -> Result<(), Refusal> {
    let names = |list: &str| {
        list.split(',')
            .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'))
            .any(|tag| tag == "*" || tag.eq_ignore_ascii_case(object.etag.as_str()))
    };
    // Headers carry whole seconds, so the object's time is compared as such.
    let modified = object.modified.as_secs();
    match &conditions.if_match {
        Some(list) if !names(list) => return Err(Refusal::PreconditionFailed { condition: "If-Match" }),
        None if conditions.if_unmodified_since.is_some_and(|since| modified > since.as_secs()) => {
            return Err(Refusal::PreconditionFailed { condition: "If-Unmodified-Since" });
        }
        _ => {}
    }
    let condition = match &conditions.if_none_match {
        Some(list) if names(list) => "If-None-Match",
        None if conditions.if_modified_since.is_some_and(|since| modified <= since.as_secs()) => "If-Modified-Since",
        _ => return Ok(()),
    };
    Err(match conditions.unchanged {
        Unchanged::NotModified => Refusal::NotModified { etag: object.etag.clone(), modified: object.modified },
        Unchanged::PreconditionFailed => Refusal::PreconditionFailed { condition },
    })
}
