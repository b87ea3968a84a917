//! What the store does with buckets: create, delete, list, and tell what is in one.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Account, Acl, AclOfNoBucket, Bucket, BucketFacts, BucketKind, BucketListed, BucketName, By, Cause, Freed, Outcome,
    PageAsked, Principal, Refusal, Setting, Store, Timestamp, Upload, UploadState, Usage,
};

impl Store {
    pub(super) fn get_setting(&self, name: &BucketName, setting: Setting) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(name)?;
        if let Setting::Absent(setting) = setting {
            return Err(Refusal::NoSuchSetting { bucket: name.clone(), setting });
        }
        let open = bucket.open.values().flatten().map(|id| &self.uploads[id]);
        let (mut classes, mut stored) = (BTreeMap::<_, Usage>::new(), 0);
        for object in bucket.objects.values() {
            let usage = classes.entry(object.metadata.storage_class.clone()).or_default();
            usage.objects += 1;
            usage.add(object.size);
        }
        for upload in open.clone() {
            let UploadState::Open(parts) = &upload.state else { continue };
            let usage = classes.entry(upload.metadata.storage_class.clone()).or_default();
            parts.values().for_each(|part| usage.add(part.size()));
            stored += parts.len();
        }
        Ok(Outcome::Setting(BucketFacts {
            owner: bucket.owner.clone(),
            uploader: None,
            acl: bucket.acl,
            created: bucket.created,
            kind: bucket.kind.clone(),
            objects: bucket.objects.len(),
            uploads: open.count(),
            bytes: classes.values().map(|usage| usage.bytes).sum(),
            classes,
            parts: stored,
        }))
    }

    /// Why a bucket of that name cannot be created in yet another place: it is there already. None if it is not.
    pub fn why_taken(&self, principal: &Principal, name: &BucketName) -> Option<Refusal> {
        let (found, bucket) = (self.buckets.get(name)?, name.clone());
        match principal.account().is_some_and(|account| account.id == found.owner.id) {
            true => Some(Refusal::BucketYours { bucket }),
            false => Some(Refusal::BucketTaken { bucket }),
        }
    }

    /// Creates a bucket. Where one's own may be created again, the list that then comes along counts.
    pub(super) fn create_bucket(
        &mut self,
        by: By<'_>,
        name: &BucketName,
        acl: Option<Acl>,
        kind: BucketKind,
    ) -> Result<Outcome, Refusal> {
        let account = by.principal.account().ok_or(Refusal::Anonymous)?;
        let bucket = name.clone();
        match self.buckets.get(name) {
            Some(found) if found.owner.id != account.id => return Err(Refusal::BucketTaken { bucket }),
            Some(found) if self.rules.recreate.conflicts(&kind, &found.kind) => {
                return Err(Refusal::BucketYours { bucket });
            }
            Some(_) => {}
            None if self.is_of_another_account(name, account) => {
                return Err(Refusal::BucketOfAnotherAccount { bucket });
            }
            None if self.buckets_of(account).count() >= self.rules.max_buckets => return Err(Refusal::TooManyBuckets),
            None => {
                self.seed_bucket(bucket, account.clone(), by.now);
                self.bucket_mut(name)?.kind = kind;
            }
        }
        if acl.is_some() {
            self.bucket_mut(name)?.acl = acl;
        }
        Ok(Outcome::BucketCreated)
    }

    /// Whether the name of a new bucket carries a number that is neither the account's own nor that of a bucket it has: a
    /// test names the first bucket of its fake as it likes.
    fn is_of_another_account(&self, name: &BucketName, account: &Account) -> bool {
        let number_in = self.rules.account_number;
        number_in(name.as_str()).is_some_and(|number| {
            number != account.alias && !self.buckets_of(account).any(|(own, _)| number_in(own.as_str()) == Some(number))
        })
    }

    pub(super) fn put_bucket_acl(
        &mut self,
        by: By<'_>,
        name: &BucketName,
        acl: Option<Acl>,
    ) -> Result<Outcome, Refusal> {
        if self.creates_by_acl(name) {
            return self.create_bucket(by, name, acl, BucketKind::default());
        }
        self.bucket_mut(name)?.acl = acl;
        Ok(Outcome::AclPut)
    }

    /// Whether to give a list to the bucket of that name is to create it.
    pub(super) fn creates_by_acl(&self, name: &BucketName) -> bool {
        self.rules.acl_of_no_bucket == AclOfNoBucket::CreatesBucket && !self.buckets.contains_key(name)
    }

    pub(super) fn delete_bucket(&mut self, name: &BucketName) -> Result<Outcome, Refusal> {
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

    /// Deletes a bucket behind the clients' backs, with all that is in it. Its open uploads are aborted. Returns what was
    /// freed, if it was there.
    pub fn delete_bucket_by_test(&mut self, name: &str, now: Timestamp, tick: u64) -> Option<Vec<Freed>> {
        let gone = self.buckets.remove(name)?;
        let in_it = |upload: &&Arc<Upload>| upload.place.bucket.as_str() == name && upload.takes_room();
        let ids: Vec<_> = self.uploads.iter().filter(in_it).map(|upload| upload.id.clone()).collect();
        let mut freed: Vec<_> = ids.iter().map(|id| self.bury(id, Cause::BucketGone, now, tick)).collect();
        freed.extend(gone.objects.into_values().map(|object| Freed { object: Some(object), ..Freed::default() }));
        Some(freed)
    }

    pub(super) fn list_buckets(&self, principal: &Principal, page: &PageAsked) -> Result<Outcome, Refusal> {
        let owner = principal.account().ok_or(Refusal::Anonymous)?;
        let asked = |name: &str| name.starts_with(&page.prefix) && *name > *page.after;
        let mut found = self.buckets_of(owner).filter(|(name, _)| asked(name.as_str()));
        let listed = found.by_ref().take(page.max);
        let listed = listed.map(|(name, bucket)| (name.clone(), bucket.created, bucket.kind.clone()));
        let buckets = listed.map(|(name, created, kind)| BucketListed { name, created, kind }).collect();
        Ok(Outcome::Buckets { buckets, truncated: found.next().is_some(), owner: owner.clone() })
    }

    pub(super) fn buckets_of<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = (&'a BucketName, &'a Bucket)> {
        self.buckets.iter().filter(|(_, bucket)| bucket.owner.id == account.id)
    }
}
