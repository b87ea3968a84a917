//! FLOOR 0: what an object store remembers, and the rules by which it changes its mind.
//!
//! No HTTP, no async, no randomness, no wall clock: whoever calls brings the time along, and two stores that are given
//! the same calls hold the same things. The states of an upload are drawn in [`upload`].
//!
//! A request passes through three calls, each of them short enough to be made under a lock:
//! [`Store::authorize`] (is the bucket there, may they), [`Store::admit`] (a part is in flight from here on) and
//! [`Store::apply`] (check everything again, then move the state). Refused means unchanged, in all three.

mod buckets;
mod clock;
mod command;
mod lifecycle;
mod listing;
mod mint;
mod multipart;
mod names;
mod object;
mod objects;
mod part;
mod principal;
mod refusal;
mod rules;
mod upload;
mod uploads;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use clock::{Clock, Timestamp};
pub use command::{
    AclAsked, Arrival, BucketFacts, BucketKind, BucketListed, ByteRange, Command, Conditions, Copied, CopySource,
    Copying, Freed, KeysListed, Landing, Op, Outcome, Overwrite, PageAsked, PartsAsked, PartsPage, Payload, RangeAsked,
    RangeOf, Setting, Span, Told, Unchanged, Unusable, UploadListed, Usage, Written, own_action,
};
pub use lifecycle::{Age, AgeRule, Lifecycle, RuleStatus};
pub use listing::{Last, Page};
pub use mint::{Entropy, Mint};
pub use names::{BucketName, ETag, ObjectKey, Place, UploadId};
pub use object::{Metadata, Object, Origin};
pub use part::{Body, Checksum, Content, ListedPart, Manifest, Md5, Part, PartNumber, Ticket};
pub use principal::{AccessKey, Account, Acl, Action, Grants, Principal, Role, Secret, Standing, Token, User};
pub use refusal::{Mismatch, Refusal, RefusalKind, Resource, SignatureField};
pub use rules::{
    AbortRight, AclOfNoBucket, CopiesInBucket, Flaws, FramedBodies, Gaps, LateParts, ListRead, ObjectLists, Recreate,
    Rules, WriteRight, plain_digest,
};
pub use upload::{Cause, Parts, Receipt, Tombstone, Upload, UploadState};
use uploads::Uploads;

/// Everything one fake remembers.
#[derive(Clone, Debug)]
pub struct Store {
    rules: Rules,
    mint: Mint,
    buckets: BTreeMap<BucketName, Bucket>,
    uploads: Uploads,
    /// Whose grants they are: they count in its buckets, and for what is about no bucket.
    granter: Arc<Account>,
    grants: BTreeMap<String, Grants>,
    tickets: u64,
}

#[derive(Clone, Debug)]
struct Bucket {
    owner: Arc<Account>,
    created: Timestamp,
    objects: BTreeMap<ObjectKey, Arc<Object>>,
    open: BTreeMap<ObjectKey, BTreeSet<UploadId>>,
    lifecycle: Option<Lifecycle>,
    acl: Option<Acl>,
    kind: BucketKind,
}

impl Bucket {
    /// What is kept of what is said of something made in it: it is of the bucket's class unless it names another.
    fn metadata(&self, said: &Metadata) -> Metadata {
        let storage_class = said.storage_class.clone().or_else(|| self.kind.class.clone());
        Metadata { storage_class, ..said.clone() }
    }

    /// Whether that is more than what is said.
    fn adds_to(&self, said: &Metadata) -> bool {
        said.storage_class.is_none() && self.kind.class.is_some()
    }

    /// Whether everybody may do `action` with the bucket, or with its object under `key`. An object's own list goes before
    /// the bucket's in what it governs.
    fn lets_everybody(&self, action: Action, key: Option<&ObjectKey>, lists: ObjectLists) -> bool {
        let governed = match lists {
            ObjectLists::ReadingAndWriting => true,
            ObjectLists::Reading => matches!(action, Action::GetObject | Action::HeadObject),
        };
        let own = key.filter(|_| governed).and_then(|key| self.objects.get(key)?.metadata.acl);
        own.or(self.acl).is_some_and(|acl| acl.everybody.allows(action))
    }
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
    /// A store without buckets. What is granted is granted by `granter`.
    pub fn new(rules: Rules, mint: Mint, granter: Arc<Account>) -> Self {
        let (buckets, uploads, grants) = (BTreeMap::new(), Uploads::default(), BTreeMap::new());
        Self { rules, mint, buckets, uploads, granter, grants, tickets: 0 }
    }

    /// Hands out no number that `before` has handed out: what is left of its exchanges must not meet this store's.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        Self { mint: before.mint.clone(), tickets: before.tickets, ..self }
    }

    /// Every upload there ever was, in the order they were initiated.
    pub fn uploads(&self) -> impl Iterator<Item = &Arc<Upload>> {
        self.uploads.iter()
    }

    /// One upload.
    pub fn upload(&self, id: &str) -> Option<&Upload> {
        self.uploads.get(id).map(Arc::as_ref)
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

    /// The access control list and the lifecycle configuration of every bucket.
    pub fn settings(&self) -> impl Iterator<Item = (&BucketName, Option<Acl>, Option<&Lifecycle>)> {
        self.buckets.iter().map(|(name, bucket)| (name, bucket.acl, bucket.lifecycle.as_ref()))
    }

    /// Makes a bucket behind the clients' backs.
    pub fn seed_bucket(&mut self, name: BucketName, owner: Arc<Account>, now: Timestamp) {
        let (objects, open, kind) = (BTreeMap::new(), BTreeMap::new(), BucketKind::default());
        self.buckets.insert(name, Bucket { owner, created: now, objects, open, lifecycle: None, acl: None, kind });
    }

    /// Sets what `principal`, by name, may do with buckets that are not its own account's to rule.
    pub fn set_grants(&mut self, principal: &str, grants: Grants) {
        self.grants.insert(principal.to_owned(), grants);
    }

    /// Whether the bucket is there and `principal` may do `op` in it, as far as that shows before the upload is known.
    pub fn authorize(
        &self,
        principal: &Principal,
        op: Op,
        bucket: Option<&BucketName>,
        key: Option<&ObjectKey>,
    ) -> Result<(), Refusal> {
        let Some(action) = (self.rules.action)(op) else { return self.exists(bucket) };
        match op {
            Op::ListBuckets | Op::CreateBucket => match principal {
                Principal::User(user) if user.role == Role::Root => Ok(()),
                _ => self.granted(principal, action, None, None),
            },
            Op::PutAcl if key.is_none() && bucket.is_some_and(|bucket| self.creates_by_acl(bucket)) => {
                self.authorize(principal, Op::CreateBucket, bucket, None)
            }
            Op::Abort if self.rules.abort_right != AbortRight::Granted => self.exists(bucket),
            _ => self.granted(principal, action, self.bucket_if_named(bucket)?, key),
        }
    }

    /// Whether a bucket is there, if one is named.
    pub fn exists(&self, bucket: Option<&BucketName>) -> Result<(), Refusal> {
        self.bucket_if_named(bucket).map(drop)
    }

    /// Lets a request in, before its body. A part is in flight from here on: its ticket must be applied or withdrawn.
    pub fn admit(&mut self, principal: &Principal, command: &Command) -> Result<Option<Ticket>, Refusal> {
        match command {
            Command::UploadPart { place, upload, number: part }
            | Command::UploadPartCopy { place, upload, number: part, .. } => {
                let (right, number) = (self.rules.write_right, self.tickets + 1);
                let upload = self.find_open_mut(place, upload)?;
                may_write(right, principal, upload)?;
                if !upload.may_begin(*part) {
                    return Err(Refusal::NotSequential { number: *part });
                }
                upload.in_flight.insert(number);
                let ticket = Ticket::new(number, upload);
                self.tickets = number;
                Ok(Some(ticket))
            }
            Command::Complete { place, upload, .. } if self.rules.list_read == ListRead::AfterLookup => {
                may_write(self.rules.write_right, principal, self.find_open(place, upload)?)?;
                Ok(None)
            }
            Command::AppendObject { place, position, .. } => self.appendable(place, *position).map(|_| None),
            Command::Initiate { place, overwrite, .. } | Command::PutObject { place, overwrite, .. } => {
                self.may_overwrite(place, *overwrite)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Takes a part in flight back: its client is gone, or its request was refused.
    pub fn withdraw(&mut self, ticket: Ticket) {
        if let Some(upload) = self.uploads.of_mut(&ticket) {
            upload.in_flight.remove(&ticket.number);
        }
    }

    /// Whether the upload a part in flight belongs to has ended meanwhile.
    pub fn is_late(&self, ticket: &Ticket) -> bool {
        !self.uploads.of(ticket).is_some_and(|upload| matches!(upload.state, UploadState::Open(_)))
    }

    /// The parts of an open upload, by number, and what was said of the object it is to make.
    pub fn stored_parts(&self, place: &Place, id: &UploadId) -> Result<(Vec<Arc<Part>>, Arc<Metadata>), Refusal> {
        let Upload { state, metadata, .. } = self.find_open(place, id)?;
        match state {
            UploadState::Open(parts) => Ok((parts.values().cloned().collect(), metadata.clone())),
            _ => unreachable!("the upload is open"),
        }
    }

    /// The object a copy reads from, and the span of it.
    pub fn source(&self, principal: &Principal, source: &CopySource) -> Result<(Arc<Object>, Span), Refusal> {
        let action = (self.rules.action)(Op::GetObject).expect("reading needs an action");
        let bucket = self.bucket(&source.place.bucket)?;
        self.granted(principal, action, Some(bucket), Some(&source.place.key))?;
        let object = self.find_object(&source.place)?;
        if let Some(version) = &source.version {
            return Err(Refusal::NoSuchVersion { version: version.clone() });
        }
        objects::check(&source.conditions, object)?;
        self.not_archived(object)?;
        Ok((object.clone(), objects::span(source.range.as_ref(), object.size)?))
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
            Command::Initiate { place, metadata, overwrite, arrival } => {
                self.initiate(by, place, metadata, *overwrite, *arrival)
            }
            Command::UploadPart { place, number, .. } | Command::UploadPartCopy { place, number, .. } => {
                self.store_part(by, place, ticket.expect("a part was admitted"), *number, payload)
            }
            Command::ListParts { place, upload, after, max } => self.list_parts(place, upload, *after, *max),
            Command::ListUploads { bucket, page } => self.list_uploads(bucket, page),
            Command::Complete { place, upload, overwrite, acl, .. } => {
                self.complete(by, place, upload, *overwrite, *acl, payload)
            }
            Command::Abort { place, upload } => self.abort(by, place, upload),
            Command::PutObject { place, metadata, overwrite } => {
                self.put_object(by, place, metadata, *overwrite, payload)
            }
            Command::CopyObject { place, given, overwrite, .. } => {
                let Payload::ObjectCopy(body, etag, of_source) = payload else {
                    unreachable!("a copy brings its source")
                };
                self.put_object(by, place, &given.over(of_source), *overwrite, Payload::Object(body, etag))
            }
            Command::AppendObject { place, metadata, position, acl } => {
                self.append_object(by, place, metadata, *position, *acl, payload)
            }
            Command::GetObject { place, range, conditions } => {
                let outcome = self.get_object(place, range.as_ref(), conditions)?;
                self.not_archived(self.find_object(place)?)?;
                Ok(outcome)
            }
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
            Command::GetObjectAcl { place } => self.get_object_acl(place),
            Command::PutObjectAcl { place, acl } => self.put_object_acl(place, *acl),
            Command::PutBucketAcl { bucket, acl } => self.put_bucket_acl(by, bucket, *acl),
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
            Command::CreateBucket { bucket, acl, kind } => {
                let Payload::Kind(said) = payload else { unreachable!("a kind comes along") };
                self.create_bucket(by, bucket, *acl, said.or(kind))
            }
            Command::HeadBucket { bucket } | Command::LocateBucket { bucket } => {
                self.bucket(bucket).map(|bucket| Outcome::Bucket(bucket.kind.clone()))
            }
            Command::DeleteBucket { bucket } => self.delete_bucket(bucket),
            Command::ListBuckets { page } => self.list_buckets(by.principal, page),
            Command::Negotiate { bucket } => self.bucket_if_named(bucket.as_ref()).map(|_| Outcome::Negotiated),
        }
    }

    /// What would come of a command, without doing anything; but an id that it hands out is not handed out again. Costs as
    /// much as there are buckets, objects and uploads.
    pub fn pretend(
        &mut self,
        by: By<'_>,
        command: &Command,
        ticket: Option<&Ticket>,
        payload: Payload,
    ) -> Result<Outcome, Refusal> {
        let mut shadow = self.clone();
        let outcome = shadow.apply(by, command, ticket, payload);
        self.mint = shadow.mint;
        outcome
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
        let upload = self.uploads.get(id.as_str()).filter(|upload| upload.is_open_at(place));
        upload.map(Arc::as_ref).ok_or_else(|| no_such_upload(id))
    }

    /// The same, to change it.
    fn find_open_mut(&mut self, place: &Place, id: &UploadId) -> Result<&mut Upload, Refusal> {
        self.bucket(&place.bucket)?;
        self.uploads.get_mut(id.as_str()).filter(|upload| upload.is_open_at(place)).ok_or_else(|| no_such_upload(id))
    }

    /// Whether `principal` may do `action` in `bucket`, with its object under `key` if one is named.
    fn granted(
        &self,
        principal: &Principal,
        action: Action,
        bucket: Option<&Bucket>,
        key: Option<&ObjectKey>,
    ) -> Result<(), Refusal> {
        let owner = bucket.map(|bucket| &*bucket.owner);
        if owner.is_some_and(|owner| principal.is_root_of(owner)) {
            return Ok(());
        }
        let grantable = owner.is_none_or(|owner| owner.id == self.granter.id);
        if grantable && self.grants.get(principal.name()).is_some_and(|grants| grants.allows(action)) {
            return Ok(());
        }
        if bucket.is_some_and(|bucket| bucket.lets_everybody(action, key, self.rules.object_lists)) {
            return Ok(());
        }
        Err(match principal.account() {
            None => Refusal::Anonymous,
            Some(account) if owner.is_none_or(|owner| owner.id == account.id) => Refusal::NotGranted { action },
            Some(_) => Refusal::OtherAccount { action },
        })
    }

    fn may_overwrite(&self, place: &Place, overwrite: Overwrite) -> Result<(), Refusal> {
        let exists = self.bucket(&place.bucket)?.objects.contains_key(&place.key);
        if exists && overwrite == Overwrite::Forbidden { Err(Refusal::ObjectExists) } else { Ok(()) }
    }
}

/// Refuses those who may not write to an upload. One that was initiated without a signature has no known initiator:
/// unsigned requests may go on with it for as long as its bucket lets everybody write.
fn may_write(right: WriteRight, principal: &Principal, upload: &Upload) -> Result<(), Refusal> {
    let anybody = right == WriteRight::Granted;
    let unsigned = matches!((principal, &upload.initiator), (Principal::Anonymous, Principal::Anonymous));
    if anybody || unsigned || upload.initiator == *principal { Ok(()) } else { Err(not_initiator(principal)) }
}

fn no_such_upload(id: &UploadId) -> Refusal {
    Refusal::NoSuchUpload { upload: id.to_string() }
}

fn not_initiator(principal: &Principal) -> Refusal {
    match principal {
        Principal::Anonymous => Refusal::Anonymous,
        Principal::User(_) => Refusal::NotInitiator,
    }
}
