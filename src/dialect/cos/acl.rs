//! The access control lists of COS that have a name. Lists in a body, and grants to single users, are not modelled.
//!
//! # Source
//! "ACL overview", <https://cloud.tencent.com/document/product/436/30752>, which maps the permissions of a list to operations; "GET
//! Bucket acl", <https://cloud.tencent.com/document/product/436/7733>. Doubt: that what is public is read as objects too.

use crate::{
    dialect::{documents, reading},
    store::{Account, Acl, Action, Grants, Refusal},
    wire::{head::Head, xml::Element},
};

use super::body::named;

/// What everybody is called in a list.
const EVERYBODY: &str = "http://cam.qcloud.com/groups/global/AllUsers";

const READ: Grants = Grants::none()
    .with(Action::GetObject)
    .with(Action::HeadObject)
    .with(Action::ListObjects)
    .with(Action::HeadBucket)
    .with(Action::ListMultipartUploads);
const WRITE: Grants = READ
    .with(Action::PutObject)
    .with(Action::DeleteObject)
    .with(Action::InitiateMultipartUpload)
    .with(Action::UploadPart)
    .with(Action::UploadPartCopy)
    .with(Action::CompleteMultipartUpload);

const PRIVATE: Acl = Acl { name: "private", everybody: Grants::none() };
const PUBLIC_READ: Acl = Acl { name: "public-read", everybody: READ };
const PUBLIC_READ_WRITE: Acl = Acl { name: "public-read-write", everybody: WRITE };

/// What an object has that was given no list: its bucket's.
const OF_OBJECT: &str = "default";

/// The list a request gives a bucket.
pub(super) fn of_bucket(head: &Head) -> Result<Option<Acl>, Refusal> {
    in_header(head, &[PRIVATE, PUBLIC_READ, PUBLIC_READ_WRITE])
}

/// The list a request gives an object; none if it is to have its bucket's.
pub(super) fn of_object(head: &Head) -> Result<Option<Acl>, Refusal> {
    if head.header("x-cos-acl") == Some(OF_OBJECT) { Ok(None) } else { in_header(head, &[PRIVATE, PUBLIC_READ]) }
}

fn in_header(head: &Head, lists: &[Acl]) -> Result<Option<Acl>, Refusal> {
    reading::no_acl_of_another_kind(head, "x-cos-", "authenticated-read")?;
    reading::acl(head, "x-cos-acl", "x-cos-acl", lists)
}

/// The document that shows what `owner` and everybody else may do.
pub(super) fn shown(acl: Option<Acl>, owner: &Account) -> Element {
    let person = |name: &'static str| {
        let [id, _] = named(&owner.id, &owner.id);
        let display = id.as_text().unwrap_or_default().to_owned();
        Element::of(name, [id, Element::text("DisplayName", display)])
    };
    let grant =
        |grantee, permission: &'static str| Element::of("Grant", [grantee, Element::text("Permission", permission)]);
    let public = documents::public_permissions(acl).map(|permission| {
        let group = Element::of("Grantee", [Element::text("URI", EVERYBODY)]).with_attributes(documents::GROUP);
        grant(group, permission)
    });
    let owners = grant(person("Grantee").with_attributes(documents::CANONICAL_USER), "FULL_CONTROL");
    let list = Element::of("AccessControlList", [owners].into_iter().chain(public));
    Element::of("AccessControlPolicy", [person("Owner"), list])
}
