//! The listing of a bucket's objects in its three forms: by marker; by continuation token, which only the AWS face has;
//! and of versions, of which a bucket that keeps none has one for each object, called `null`.
//!
//! # Source
//! "Listing Objects in a Bucket", <https://support.huaweicloud.com/api-obs/>; for the second form, "ListObjectsV2",
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/>. Doubt: no page of the vendor's has the second.

use super::{
    body::{Writer, quoted},
    face::Face,
};
use crate::{
    dialect::reading,
    store::{Account, Last, Object, ObjectKey, Page, PageAsked, Refusal},
    wire::{
        date,
        encode::{base64, unbase64},
        head::Head,
        xml::Element,
    },
};
use std::sync::Arc;

type Objects = Page<(ObjectKey, Arc<Object>)>;

/// How objects are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Marker,
    Token,
    Versions,
}

fn form(head: &Head) -> Form {
    match (head.query.has("versions"), is_second_version(head)) {
        (true, _) => Form::Versions,
        (false, true) => Form::Token,
        (false, false) => Form::Marker,
    }
}

/// Whether a request lists by continuation token.
pub(super) fn is_second_version(head: &Head) -> bool {
    Face::of(head) == Face::Aws && head.query.get("list-type") == Some("2")
}

/// The page a listing asks for.
pub(super) fn page(head: &Head, max: usize) -> Result<PageAsked, Refusal> {
    let text = |name| head.query.get(name).unwrap_or_default().to_owned();
    let page = reading::objects_page(head, max);
    Ok(match form(head) {
        Form::Marker => page,
        Form::Versions => PageAsked { after: text("key-marker"), ..page },
        Form::Token => match head.query.filled("continuation-token") {
            None => PageAsked { after: text("start-after"), ..page },
            Some(token) => {
                let key = unbase64(token).and_then(|bytes| String::from_utf8(bytes).ok());
                let invalid = || Refusal::InvalidArgument { name: "continuation-token", value: token.to_owned() };
                PageAsked { after: key.ok_or_else(invalid)?, ..page }
            }
        },
    })
}

impl Writer<'_> {
    pub(super) fn objects(&self, bucket: &str, asked: &PageAsked, page: &Objects, owner: &Account) -> Element {
        let form = form(self.context.head);
        let next = page.last.as_ref().filter(|_| page.truncated).map(|last| match last {
            Last::Entry((key, _)) => key.as_str(),
            Last::Prefix(prefix) => prefix,
        });
        let delimiter = Some(&asked.delimiter).filter(|delimiter| !delimiter.is_empty());
        let mut children = vec![Element::text("Name", bucket)];
        children.extend(self.encoding());
        children.push(self.text("Prefix", &asked.prefix));
        match form {
            Form::Marker => {
                children.push(self.text("Marker", &asked.after));
                children.extend(next.map(|next| self.text("NextMarker", next)));
            }
            Form::Token => children.extend(self.tokens(page, next)),
            Form::Versions => {
                children.push(self.text("KeyMarker", &asked.after));
                children.push(Element::text("VersionIdMarker", ""));
                children.extend(next.map(|next| self.text("NextKeyMarker", next)));
                children.extend(next.map(|_| Element::text("NextVersionIdMarker", "null")));
            }
        }
        children.push(Element::text("MaxKeys", asked.max.to_string()));
        children.extend(delimiter.map(|delimiter| self.text("Delimiter", delimiter)));
        children.push(Element::text("IsTruncated", page.truncated.to_string()));
        children.extend(page.entries.iter().map(|(key, object)| self.listed(form, key, object, owner)));
        children.extend(self.prefixes(&page.prefixes));
        Element::of(if form == Form::Versions { "ListVersionsResult" } else { "ListBucketResult" }, children)
    }

    /// What the second form has in the place of markers.
    fn tokens(&self, page: &Objects, next: Option<&str>) -> Vec<Element> {
        let query = &self.context.head.query;
        let count = page.entries.len() + page.prefixes.len();
        let mut children = vec![Element::text("KeyCount", count.to_string())];
        children.extend(query.get("start-after").map(|after| self.text("StartAfter", after)));
        children.extend(query.filled("continuation-token").map(|token| Element::text("ContinuationToken", token)));
        children.extend(next.map(|next| Element::text("NextContinuationToken", base64(next))));
        children
    }

    fn listed(&self, form: Form, key: &ObjectKey, object: &Object, owner: &Account) -> Element {
        let with_owner = form != Form::Token || self.context.head.query.get("fetch-owner") == Some("true");
        let mut children = vec![self.text("Key", key.as_str())];
        if form == Form::Versions {
            children.push(Element::text("VersionId", "null"));
            children.push(Element::text("IsLatest", "true"));
        }
        children.push(Element::text("LastModified", date::iso_millis(object.modified)));
        children.push(Element::text("ETag", quoted(object.etag.as_str())));
        children.push(Element::text("Size", object.size.to_string()));
        children.extend(with_owner.then(|| self.owner(object.uploader.as_ref(), owner)));
        children.push(self.class(object.metadata.storage_class.as_deref()));
        Element::of(if form == Form::Versions { "Version" } else { "Contents" }, children)
    }
}
