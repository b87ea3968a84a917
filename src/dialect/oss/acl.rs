//! The access control lists of OSS, each of which has a name. Lists in a body are not modelled.
//!
//! # Source
//! "Bucket ACLs", "Object ACLs", <https://www.alibabacloud.com/help/en/oss/user-guide/acl-overview>. Doubt: that what is
//! public lists its keys too, and that uploads are given up by nobody unknown.

use super::face::Face;
use crate::{
    dialect::reading,
    store::{Acl, AclAsked, Action, Grants, Refusal},
    wire::head::Head,
};

/// What a bucket has that was given no list.
pub(super) const OF_BUCKET: &str = "private";

/// What an object has that was given no list: its bucket's.
pub(super) const OF_OBJECT: &str = "default";

/// What S3 calls everybody in a list.
pub(super) const EVERYBODY: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

const READ: Grants = Grants::none().with(Action::GetObject).with(Action::ListObjects);
const WRITE: Grants = READ.with(Action::PutObject).with(Action::DeleteObject);

const LISTS: [Acl; 3] = [
    Acl { name: "private", everybody: Grants::none() },
    Acl { name: "public-read", everybody: READ },
    Acl { name: "public-read-write", everybody: WRITE },
];

/// Whether a bucket with this list says that it blocks public access: new ones do. The setting itself is not modelled. A bucket
/// that was given a public list says no, since the service refuses such lists as long as the setting is on. Doubt: the fake
/// takes those lists without the setting being turned off before.
///
/// # Source
/// "PutBucketPublicAccessBlock", <https://www.alibabacloud.com/help/en/oss/developer-reference/putbucketpublicaccessblock>;
/// `BucketInfo` in `oss/client_mock_test.go`, <https://github.com/aliyun/alibabacloud-oss-go-sdk-v2> (read 2026-11-21).
pub(super) fn blocks_public_access(acl: Option<Acl>) -> bool {
    acl.is_none_or(|acl| acl.name == OF_BUCKET)
}

/// The list a request gives a bucket.
pub(super) fn of_bucket(face: Face, head: &Head) -> Result<Option<Acl>, Refusal> {
    reading::acl(head, &face.named("acl"), "x-oss-acl", &LISTS)
}

/// The header that gives an object a list.
pub(super) fn object_header(face: Face) -> &'static str {
    match face {
        Face::Oss => "x-oss-object-acl",
        Face::S3 => "x-amz-acl",
    }
}

/// The list a request gives an object; none if it is to have its bucket's.
pub(super) fn of_object(face: Face, head: &Head) -> Result<Option<Acl>, Refusal> {
    let header = object_header(face);
    match head.header(header) {
        Some(OF_OBJECT) => Ok(None),
        _ => reading::acl(head, header, "x-oss-object-acl", &LISTS),
    }
}

/// The list a complete gives its object, or bytes that are added to one, in place of the one it was begun with.
///
/// # Source
/// "CompleteMultipartUpload", <https://www.alibabacloud.com/help/en/oss/developer-reference/completemultipartupload>; for
/// bytes that are added, "TestAppendObject" in `oss/bucket_test.go`, <https://github.com/aliyun/aliyun-oss-go-sdk> (1.5.0).
pub(super) fn of_later(face: Face, head: &Head) -> Result<AclAsked, Refusal> {
    match head.filled(object_header(face)) {
        None => Ok(AclAsked::AsBegun),
        Some(_) => of_object(face, head).map(AclAsked::This),
    }
}
