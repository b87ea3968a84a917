//! The query parameters that a request to OBS may have: those that its operation reads, and those that are known to change
//! nothing here. Every other one is refused as not modelled (501), in either protocol: taken for a plain put, a parameter
//! that names a sub-resource would overwrite the object.
//!
//! # Source
//! The request parameters on the pages of the single operations below "APIs", <https://support.huaweicloud.com/api-obs/>.
//! Doubt: the service ignores parameters that it does not know; which of those a test relies on cannot be told from a
//! mistake, so that the fake says what it does not know.

use super::sign;
use crate::{
    store::{Op, Refusal},
    wire::head::Head,
};

/// Parameters that any request may have, besides the fields of a URL signed with version 1 or 2: those of version 4, the
/// security token, and parameters that change nothing here.
#[rustfmt::skip]
const ANYWHERE: [&str; 17] = [
    "X-Amz-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
    "X-Amz-Signature", "X-Amz-SignedHeaders",
    "ignore-sign-in-query", "x-amz-sdk-checksum-algorithm", "x-amz-security-token", "x-amz-traffic-limit", "x-amz-user-agent",
    "x-id", "x-obs-date", "x-obs-security-token", "x-obs-traffic-limit",
];

/// The parameters that an operation reads.
const fn of(op: Op) -> &'static [&'static str] {
    match op {
        Op::Initiate => &["encoding-type", "uploads"],
        Op::UploadPart | Op::UploadPartCopy => &["partNumber", "uploadId"],
        Op::ListParts => &["encoding-type", "max-parts", "part-number-marker", "uploadId"],
        Op::Complete => &["encoding-type", "uploadId"],
        Op::Abort => &["uploadId"],
        Op::ListUploads => {
            &["delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker", "uploads"]
        }
        Op::AppendObject => &["append", "position"],
        Op::GetObject | Op::HeadObject => &[
            "response-cache-control",
            "response-content-disposition",
            "response-content-encoding",
            "response-content-language",
            "response-content-type",
            "response-expires",
            "versionId",
        ],
        Op::DeleteObject | Op::GetTags | Op::PutTags | Op::DeleteTags | Op::GetSetting | Op::PutAcl => &["versionId"],
        Op::ListObjects => &[
            "continuation-token",
            "delimiter",
            "encoding-type",
            "fetch-owner",
            "list-type",
            "marker",
            "max-keys",
            "prefix",
            "start-after",
        ],
        Op::ListBuckets => &["marker", "max-keys"],
        Op::LocateBucket => &["location"],
        Op::Negotiate | Op::HeadBucket => &["apiversion"],
        _ => &[],
    }
}

/// The parameters that a list of versions reads besides those of a list of objects.
const VERSIONS: [&str; 3] = ["key-marker", "version-id-marker", "versions"];

/// Refuses a request with a parameter that its operation does not know. `sub_resource` is the one that the request names.
pub(super) fn parameters(op: Op, sub_resource: Option<&str>, head: &Head) -> Result<(), Refusal> {
    let of_versions = |name: &str| op == Op::ListObjects && head.query.has("versions") && VERSIONS.contains(&name);
    refuse(head, |name| of(op).contains(&name) || sub_resource == Some(name) || of_versions(name))
}

/// Refuses a request that has a parameter at all but those of uploads and of a bucket's location: one whose method is not
/// for its resource, so that no operation reads its parameters.
pub(super) fn no_parameters(head: &Head) -> Result<(), Refusal> {
    refuse(head, |name| ["location", "partNumber", "uploadId", "uploads"].contains(&name))
}

/// Characters of an unknown name that the journal keeps.
const NAME_SHOWN: usize = 80;

fn refuse(head: &Head, known: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let known = |name: &str| known(name) || ANYWHERE.contains(&name) || sign::URL_FIELDS.contains(&name);
    match head.query.pairs().find(|(name, _)| !name.is_empty() && !known(name)) {
        Some((name, _)) => {
            let name: String = name.chars().take(NAME_SHOWN).collect();
            Err(Refusal::NotImplemented { what: format!("{} ?{name}", head.method) })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_knows_its_own_parameters_only() {
        let check = |op, sub_resource, target: &str| {
            let head =
                Head::new(http::Request::get(target).body(()).unwrap().into_parts().0, crate::wire::query::Plus::Plus);
            parameters(op, sub_resource, &head).is_ok()
        };
        assert!(check(Op::ListParts, None, "/k?uploadId=a&max-parts=1&x-obs-traffic-limit=819200&AccessKeyId=a"));
        assert!(!check(Op::ListUploads, None, "/?uploads&max-parts=1"));
        assert!(
            check(Op::GetObject, None, "/k?response-expires=x") && !check(Op::PutObject, None, "/k?response-expires=x")
        );
        assert!(check(Op::ListObjects, Some("versions"), "/?versions&key-marker=a"));
        assert!(!check(Op::ListObjects, None, "/?key-marker=a") && !check(Op::PutObject, None, "/k?x-obs-acl=private"));
        assert!(
            check(Op::GetSetting, Some("acl"), "/?acl") && !check(Op::GetSetting, Some("acl"), "/?acl&delimiter=a")
        );
        assert!(check(Op::HeadBucket, None, "/?apiversion") && !check(Op::ListObjects, None, "/?apiversion"));
    }
}
