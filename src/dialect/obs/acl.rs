//! The access control lists of OBS that have a name. Lists in a body, and grants to single users, are not modelled.
//!
//! # Source
//! "ACLs", "Configuring a Bucket ACL", "Obtaining Bucket ACL Information", <https://support.huaweicloud.com/api-obs/>.
//! Writing: "Permission Types", <https://support.huaweicloud.com/intl/en-us/api-obs_php_sdk_api_en/obs_38_0201.html>, read 2026-11-21: a grantee
//! may upload, overwrite and delete any object or part in the bucket, and the permission does not apply to objects.
//! Doubt: that an object in a bucket that delivers its list is not kept from that by a list of its own. Doubt: that somebody
//! who may list a bucket, but not read its objects, is refused a missing object as one that exists (403); Amazon S3
//! answers 404 then.

use super::face::Face;
use crate::{
    dialect::reading,
    store::{Acl, Action, Grants, Refusal},
    wire::head::Head,
};

/// What S3 calls everybody in a list.
pub(super) const EVERYBODY: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

/// To read a bucket is to list what is in it; its objects' contents only if the list is delivered to them.
const READ: Grants =
    Grants::none().with(Action::ListObjects).with(Action::HeadBucket).with(Action::ListMultipartUploads);
const WRITE: Grants =
    READ.with(Action::PutObject).with(Action::DeleteObject).with(Action::AbortMultipartUpload).with(Action::ListParts);

const OF_BUCKET: [Acl; 7] = [
    Acl { name: "private", everybody: Grants::none() },
    Acl { name: "bucket-owner-read", everybody: Grants::none() },
    Acl { name: "bucket-owner-full-control", everybody: Grants::none() },
    Acl { name: "public-read", everybody: READ },
    Acl { name: "public-read-delivered", everybody: READ.with(Action::GetObject) },
    Acl { name: "public-read-write", everybody: WRITE },
    Acl { name: "public-read-write-delivered", everybody: WRITE.with(Action::GetObject) },
];

/// There is no writing to an object: whoever may write to its bucket replaces it.
const OF_OBJECT: [Acl; 5] = [
    Acl { name: "private", everybody: Grants::none() },
    Acl { name: "bucket-owner-read", everybody: Grants::none() },
    Acl { name: "bucket-owner-full-control", everybody: Grants::none() },
    Acl { name: "public-read", everybody: Grants::none().with(Action::GetObject) },
    Acl { name: "public-read-write", everybody: Grants::none().with(Action::GetObject) },
];

/// The list a request gives a bucket.
pub(super) fn of_bucket(face: Face, head: &Head) -> Result<Option<Acl>, Refusal> {
    in_header(face, head, &OF_BUCKET)
}

/// The list a request gives an object; none if that says nothing of everybody.
pub(super) fn of_object(face: Face, head: &Head) -> Result<Option<Acl>, Refusal> {
    Ok(in_header(face, head, &OF_OBJECT)?.filter(|acl| acl.everybody != Grants::none()))
}

fn in_header(face: Face, head: &Head, lists: &[Acl]) -> Result<Option<Acl>, Refusal> {
    for other in ["authenticated-read", "log-delivery-write"] {
        reading::no_acl_of_another_kind(head, face.prefix(), other)?;
    }
    reading::acl(head, &face.named("acl"), "x-obs-acl", lists)
}
