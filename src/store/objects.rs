//! What the store does with objects: put, append, get, delete, tag, list; and the conditions and ranges of a request.

use std::sync::Arc;

use super::{
    Acl, AclAsked, BucketFacts, BucketName, By, ByteRange, Conditions, Freed, Metadata, Object, Origin, Outcome,
    Overwrite, PageAsked, Part, PartNumber, Payload, Place, RangeAsked, RangeOf, Refusal, Setting, Span, Store,
    Unchanged, Unusable, listing,
};

impl Store {
    pub(super) fn put_object(
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
        let bucket = self.bucket_mut(&place.bucket)?;
        let object = Object::new(vec![piece], etag, bucket.metadata(metadata), by.now, Origin::Whole);
        let object = Arc::new(object.uploaded_by(by.principal.account()));
        let replaced = bucket.objects.insert(place.key.clone(), object.clone());
        Ok(Outcome::ObjectStored { object, freed: Freed { object: replaced, ..Freed::default() } })
    }

    pub(super) fn append_object(
        &mut self,
        by: By<'_>,
        place: &Place,
        metadata: &Metadata,
        position: u64,
        acl: AclAsked,
        payload: Payload,
    ) -> Result<Outcome, Refusal> {
        let Payload::Object(body, etag) = payload else { unreachable!("an object comes with a body") };
        let piece = Arc::new(Part { number: PartNumber::FIRST, body, modified: by.now });
        let before = self.appendable(place, position)?;
        let mut metadata = match before {
            Some(object) => object.metadata.clone(),
            None => self.bucket(&place.bucket)?.metadata(metadata),
        };
        if let AclAsked::This(acl) = acl {
            metadata.acl = acl;
        }
        let (size, max) = (before.map_or(0, |object| object.size) + piece.size(), self.rules.max_part_size);
        if size > max {
            return Err(Refusal::AppendTooLarge { size, max });
        }
        // The account that began an object keeps it.
        let uploader = before.map_or(by.principal.account(), |object| object.uploader.as_ref());
        let object = Object::appended(before.map(Arc::as_ref), piece, etag, metadata, by.now).uploaded_by(uploader);
        let object = Arc::new(object);
        let replaced = self.bucket_mut(&place.bucket)?.objects.insert(place.key.clone(), object.clone());
        Ok(Outcome::ObjectStored { object, freed: Freed { object: replaced, ..Freed::default() } })
    }

    /// The object that bytes are added to at `position`; none if they begin one.
    pub(super) fn appendable(&self, place: &Place, position: u64) -> Result<Option<&Arc<Object>>, Refusal> {
        let object = self.bucket(&place.bucket)?.objects.get(&place.key);
        let is_full = |object: &Object| object.pieces.len() >= self.rules.max_appends;
        if object.is_some_and(|object| object.origin != Origin::Appended || is_full(object)) {
            return Err(Refusal::NotAppendable);
        }
        let expected = object.map_or(0, |object| object.size);
        if position == expected { Ok(object) } else { Err(Refusal::AppendPosition { expected }) }
    }

    pub(super) fn get_object(
        &self,
        place: &Place,
        range: Option<&RangeAsked>,
        conditions: &Conditions,
    ) -> Result<Outcome, Refusal> {
        self.bucket(&place.bucket)?;
        let object = self.find_object(place)?;
        check(conditions, object)?;
        let range = range.filter(|_| conditions.if_range.as_ref().is_none_or(|range_of| is_of(range_of, object)));
        Ok(Outcome::Object { object: object.clone(), span: span(range, object.size)? })
    }

    /// Refuses to read an object that is archived. Nothing restores one here.
    pub(super) fn not_archived(&self, object: &Object) -> Result<(), Refusal> {
        let class = object.metadata.storage_class.as_deref();
        let archived = class.is_some_and(|class| self.rules.archived.contains(&class));
        if archived { Err(Refusal::Archived) } else { Ok(()) }
    }

    pub(super) fn delete_object(&mut self, place: &Place) -> Result<Outcome, Refusal> {
        let object = self.bucket_mut(&place.bucket)?.objects.remove(&place.key);
        Ok(Outcome::ObjectDeleted { freed: Freed { object, ..Freed::default() } })
    }

    pub(super) fn delete_objects(&mut self, bucket: &BucketName, payload: Payload) -> Result<Outcome, Refusal> {
        let Payload::Keys(listed) = payload else { unreachable!("keys come along") };
        let objects = &mut self.bucket_mut(bucket)?.objects;
        let freed = listed.keys.iter().filter_map(|key| objects.remove(key)).collect();
        Ok(Outcome::ObjectsDeleted { listed, freed })
    }

    pub(super) fn tag(&mut self, place: &Place, tags: Vec<(String, String)>) -> Result<(), Refusal> {
        self.change(place, |metadata| metadata.tags = tags)
    }

    pub(super) fn put_object_acl(&mut self, place: &Place, acl: Option<Acl>) -> Result<Outcome, Refusal> {
        self.change(place, |metadata| metadata.acl = acl).map(|()| Outcome::AclPut)
    }

    pub(super) fn get_object_acl(&self, place: &Place) -> Result<Outcome, Refusal> {
        let object = self.find_object(place)?;
        let (acl, uploader) = (object.metadata.acl, object.uploader.clone());
        match self.get_setting(&place.bucket, Setting::Acl)? {
            Outcome::Setting(facts) => Ok(Outcome::Setting(BucketFacts { acl, uploader, ..facts })),
            outcome => Ok(outcome),
        }
    }

    /// Changes what is said of an object.
    fn change(&mut self, place: &Place, change: impl FnOnce(&mut Metadata)) -> Result<(), Refusal> {
        let object = self.find_object(place)?;
        let mut metadata = object.metadata.clone();
        change(&mut metadata);
        let changed = Arc::new(object.with(metadata));
        self.bucket_mut(&place.bucket)?.objects.insert(place.key.clone(), changed);
        Ok(())
    }

    pub(super) fn list_objects(&self, bucket: &BucketName, asked: &PageAsked) -> Result<Outcome, Refusal> {
        let bucket = self.bucket(bucket)?;
        let page =
            listing::page(&bucket.objects, asked, |key, object, _| std::iter::once((key.clone(), object.clone())));
        Ok(Outcome::Objects { page, owner: bucket.owner.clone() })
    }
}

/// The bytes of an object of `size` bytes that a request selects.
pub(super) fn span(asked: Option<&RangeAsked>, size: u64) -> Result<Span, Refusal> {
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

/// How entity tags are compared.
///
/// # Source
/// RFC 9110, section 8.8.3.2, <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// A weak tag equals no other.
    Strong,
    /// A weak tag equals the strong one with the same text.
    Weak,
}

/// Returns whether a list of entity tags, as in a header, has the object's. `*` stands for any. Tags without quotes are
/// accepted, because clients send them; with one quote a tag equals no other.
fn names(list: &str, object: &Object, comparison: Comparison) -> bool {
    let equals = |tag: &str| {
        let tag = match (tag.strip_prefix("W/"), comparison) {
            (Some(_), Comparison::Strong) => return false,
            (Some(tag), Comparison::Weak) => tag,
            (None, _) => tag,
        };
        let text = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
        text.eq_ignore_ascii_case(object.etag.as_str())
    };
    list.split(',').map(str::trim).any(|tag| tag == "*" || equals(tag))
}

/// Returns whether `If-Range` names the object as it is.
fn is_of(range_of: &RangeOf, object: &Object) -> bool {
    match range_of {
        RangeOf::Tag(tag) => tag != "*" && names(tag, object, Comparison::Strong),
        RangeOf::Time(time) => object.modified.as_secs() == time.as_secs(),
    }
}

/// Checks the conditions of a request in the order that RFC 9110 gives.
///
/// # Source
/// RFC 9110, section 13.2.2, <https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2>.
pub(super) fn check(conditions: &Conditions, object: &Object) -> Result<(), Refusal> {
    // Headers carry whole seconds, so the object's time is compared as such.
    let modified = object.modified.as_secs();
    match &conditions.if_match {
        Some(list) if !names(list, object, Comparison::Strong) => {
            return Err(Refusal::PreconditionFailed { condition: "If-Match" });
        }
        None if conditions.if_unmodified_since.is_some_and(|since| modified > since.as_secs()) => {
            return Err(Refusal::PreconditionFailed { condition: "If-Unmodified-Since" });
        }
        _ => {}
    }
    let condition = match &conditions.if_none_match {
        Some(list) if names(list, object, Comparison::Weak) => "If-None-Match",
        None if conditions.if_modified_since.is_some_and(|since| modified <= since.as_secs()) => "If-Modified-Since",
        _ => return Ok(()),
    };
    Err(match conditions.unchanged {
        Unchanged::NotModified => Refusal::NotModified { etag: object.etag.clone(), modified: object.modified },
        Unchanged::PreconditionFailed => Refusal::PreconditionFailed { condition },
    })
}
