//! How COS lists the objects of a bucket: in its own words, in the second version that only S3 has, and as versions.
//!
//! # Source
//! "GET Bucket", <https://cloud.tencent.com/document/product/436/7734>; those of the others are named with them.

use std::sync::Arc;

use super::body::{Speller, owner_of, quoted};
use crate::{
    dialect::{Context, Encoding},
    store::{Account, BucketName, Last, Object, ObjectKey, Page, PageAsked},
    wire::{date, encode::base64, xml::Element},
};

/// The list of objects.
pub(super) fn objects(
    speller: &Speller,
    bucket: &BucketName,
    asked: &PageAsked,
    page: &Page<(ObjectKey, Arc<Object>)>,
    owner: &Account,
) -> Element {
    let mut children = vec![Element::text("Name", bucket.as_str())];
    children.extend((speller.0 == Encoding::Url).then(|| Element::text("EncodingType", speller.name())));
    children.extend([
        speller.text("Prefix", &asked.prefix),
        speller.text("Marker", &asked.after),
        Element::text("MaxKeys", asked.max.to_string()),
    ]);
    children.extend((!asked.delimiter.is_empty()).then(|| speller.text("Delimiter", &asked.delimiter)));
    children.push(Element::text("IsTruncated", page.truncated.to_string()));
    children.extend(next_marker(page).map(|next| speller.text("NextMarker", next)));
    children.extend(speller.prefixes(&page.prefixes));
    children.extend(page.entries.iter().map(|(key, object)| contents(speller, key, object, Some(owner))));
    Element::of("ListBucketResult", children)
}

fn contents(speller: &Speller, key: &ObjectKey, object: &Object, owner: Option<&Account>) -> Element {
    let mut children = vec![
        speller.text("Key", key.as_str()),
        Element::text("LastModified", date::iso_zero_millis(object.modified)),
        Element::text("ETag", quoted(object.etag.as_str())),
        Element::text("Size", object.size.to_string()),
    ];
    children.extend(owner.map(owner_of));
    let class = object.metadata.storage_class.as_deref().unwrap_or("STANDARD");
    children.push(Element::text("StorageClass", class));
    Element::of("Contents", children)
}

/// The second version of the list of objects, which only S3 has.
///
/// # Source
/// "ListObjectsV2", <https://docs.aws.amazon.com/AmazonS3/latest/API/>.
pub(super) fn second_list(
    speller: &Speller,
    context: &Context<'_>,
    bucket: &BucketName,
    asked: &PageAsked,
    page: &Page<(ObjectKey, Arc<Object>)>,
    owner: &Account,
) -> Element {
    let query = &context.head.query;
    let given = |name: &'static str, from: &str| query.filled(from).map(|value| (name, value.to_owned()));
    let mut children = vec![Element::text("Name", bucket.as_str()), speller.text("Prefix", &asked.prefix)];
    children.extend((!asked.delimiter.is_empty()).then(|| speller.text("Delimiter", &asked.delimiter)));
    children.extend((speller.0 == Encoding::Url).then(|| Element::text("EncodingType", speller.name())));
    children.extend(given("ContinuationToken", "continuation-token").map(|(name, value)| Element::text(name, value)));
    children.extend(given("StartAfter", "start-after").map(|(name, value)| speller.text(name, &value)));
    children.extend([
        Element::text("KeyCount", (page.entries.len() + page.prefixes.len()).to_string()),
        Element::text("MaxKeys", asked.max.to_string()),
        Element::text("IsTruncated", page.truncated.to_string()),
    ]);
    children.extend(next_marker(page).map(|next| Element::text("NextContinuationToken", base64(next))));
    let owner = (query.get("fetch-owner") == Some("true")).then_some(owner);
    children.extend(page.entries.iter().map(|(key, object)| contents(speller, key, object, owner)));
    children.extend(speller.prefixes(&page.prefixes));
    Element::of("ListBucketResult", children)
}

/// The list of versions of a bucket that never kept any: every object is the latest of itself, and has no id.
///
/// # Source
/// "GET Bucket Object versions", <https://cloud.tencent.com/document/product/436/35521>.
pub(super) fn versions(
    speller: &Speller,
    bucket: &BucketName,
    asked: &PageAsked,
    page: &Page<(ObjectKey, Arc<Object>)>,
    owner: &Account,
) -> Element {
    let mut children = vec![Element::text("Name", bucket.as_str())];
    children.extend((speller.0 == Encoding::Url).then(|| Element::text("EncodingType", speller.name())));
    children.extend([
        speller.text("Prefix", &asked.prefix),
        speller.text("KeyMarker", &asked.after),
        Element::text("VersionIdMarker", ""),
        Element::text("MaxKeys", asked.max.to_string()),
    ]);
    children.extend((!asked.delimiter.is_empty()).then(|| speller.text("Delimiter", &asked.delimiter)));
    children.push(Element::text("IsTruncated", page.truncated.to_string()));
    if let Some(next) = next_marker(page) {
        children.extend([speller.text("NextKeyMarker", next), Element::text("NextVersionIdMarker", "")]);
    }
    children.extend(speller.prefixes(&page.prefixes));
    children.extend(page.entries.iter().map(|(key, object)| {
        let children = [
            speller.text("Key", key.as_str()),
            Element::text("VersionId", ""),
            Element::text("IsLatest", "true"),
            Element::text("LastModified", date::iso_zero_millis(object.modified)),
            Element::text("ETag", quoted(object.etag.as_str())),
            Element::text("Size", object.size.to_string()),
            Element::text("StorageClass", object.metadata.storage_class.as_deref().unwrap_or("STANDARD")),
            owner_of(owner),
        ];
        Element::of("Version", children)
    }));
    Element::of("ListVersionsResult", children)
}

/// Where the next page of a list of objects begins, if there is one.
fn next_marker(page: &Page<(ObjectKey, Arc<Object>)>) -> Option<&str> {
    page.last.as_ref().filter(|_| page.truncated).map(|last| match last {
        Last::Entry((key, _)) => key.as_str(),
        Last::Prefix(prefix) => prefix,
    })
}
