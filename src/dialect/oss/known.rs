//! The query parameters and `x-oss-`, `x-amz-` headers that a request to OSS may have: those that its operation reads, and
//! those that are known to change nothing here. Every other one is refused as not modelled (501), so that
//! `DELETE /?overwriteConfig` does not delete the bucket and `PUT /k?legalHold` does not overwrite the object.
//!
//! # Source
//! The request parameters and headers on the pages of the single operations below "API reference",
//! <https://www.alibabacloud.com/help/en/oss/developer-reference/>; "Common HTTP headers", same place. Doubt: the service
//! ignores parameters that it does not know; which of those a test relies on cannot be told from a mistake, so that the fake
//! says what it does not know.

use std::fmt::Write as _;

use super::face::Face;
use crate::{
    dialect::s3_headers,
    store::{Op, Refusal},
    wire::head::Head,
};

/// Parameters that any request may have: the fields of a signed URL in either protocol, and parameters that change nothing
/// here. `x-oss-traffic-limit` is ignored by the operations that it does not limit.
#[rustfmt::skip]
const ANYWHERE: [&str; 28] = [
    "Expires", "OSSAccessKeyId", "Signature", "security-token", "x-oss-access-key-id", "x-oss-additional-headers",
    "x-oss-credential", "x-oss-date", "x-oss-expires", "x-oss-security-token", "x-oss-signature", "x-oss-signature-version",
    "X-Amz-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
    "X-Amz-Signature", "X-Amz-SignedHeaders",
    "x-amz-request-payer", "x-amz-sdk-checksum-algorithm", "x-amz-user-agent", "x-id", "x-oss-request-payer",
    "x-oss-traffic-limit", "x-oss-user-agent", "x-oss-s3-compat",
];

/// Parameters that override headers of the response to a `GET` or `HEAD` of an object.
const OVERRIDES: [&str; 6] = [
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
];

/// The parameters that an operation reads. Those of settings of a bucket are named by the settings themselves.
const fn of(op: Op) -> &'static [&'static str] {
    match op {
        Op::Initiate => &["encoding-type", "sequential", "uploads"],
        Op::UploadPart | Op::UploadPartCopy => &["partNumber", "uploadId"],
        Op::ListParts => &["encoding-type", "max-parts", "part-number-marker", "uploadId"],
        Op::Complete => &["encoding-type", "uploadId"],
        Op::Abort => &["uploadId"],
        Op::ListUploads => {
            &["delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker", "uploads"]
        }
        Op::AppendObject => &["append", "position"],
        Op::GetObject | Op::HeadObject => &["objectMeta", "versionId"],
        Op::DeleteObject => &["versionId"],
        Op::GetTags | Op::PutTags | Op::DeleteTags => &["tagging", "versionId"],
        Op::PutAcl => &["acl", "versionId"],
        Op::GetSetting => &["versionId"],
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
        Op::ListBuckets => &["marker", "max-keys", "prefix"],
        Op::DeleteObjects => &["delete", "encoding-type"],
        Op::LocateBucket => &["location"],
        Op::GetLifecycle | Op::PutLifecycle | Op::DeleteLifecycle => &["lifecycle"],
        _ => &[],
    }
}

/// The parameters that a list of versions reads besides those of a list of objects, and a list of live channels all alone.
const VERSIONS: [&str; 3] = ["key-marker", "version-id-marker", "versions"];
const LIVE_CHANNELS: [&str; 3] = ["marker", "max-keys", "prefix"];

/// Refuses a request with a parameter that its operation does not know. `setting` is the setting of a bucket that the
/// request is about.
pub(super) fn parameters(op: Op, setting: Option<&str>, head: &Head) -> Result<(), Refusal> {
    let known = |name: &str| {
        let of_setting = || match op {
            Op::GetSetting | Op::DeleteSetting => {
                setting == Some(name) || setting == Some("live") && LIVE_CHANNELS.contains(&name)
            }
            Op::ListObjects => head.query.has("versions") && VERSIONS.contains(&name),
            Op::GetObject | Op::HeadObject => OVERRIDES.contains(&name),
            _ => false,
        };
        ANYWHERE.contains(&name) || of(op).contains(&name) || of_setting()
    };
    refuse(head, known)
}

/// Refuses a request that has a parameter at all but those of uploads and of a bucket's location: one whose method is not
/// for its resource, so that no operation reads its parameters.
pub(super) fn no_parameters(head: &Head) -> Result<(), Refusal> {
    let known = ["location", "partNumber", "uploadId", "uploads"];
    refuse(head, |name| ANYWHERE.contains(&name) || known.contains(&name))
}

fn refuse(head: &Head, known: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    match head.query.pairs().find(|(name, _)| !known(name)) {
        Some((name, _)) => Err(Refusal::NotImplemented { what: parameter(head, name) }),
        None => Ok(()),
    }
}

/// Characters of an unknown name that the journal keeps.
const NAME_SHOWN: usize = 80;

/// A parameter as the journal names it.
fn parameter(head: &Head, name: &str) -> String {
    let mut text = format!("{} ?", head.method);
    name.chars().take(NAME_SHOWN).for_each(|char| text.push(char));
    if name.chars().nth(NAME_SHOWN).is_some() {
        let _ = write!(text, ".. ({} bytes)", name.len());
    }
    text
}

/// Headers of OSS's own protocol, behind `x-oss-`, that are read or known to change nothing here. The last four have no
/// counterpart in S3 and count in both protocols, as do those that belong to the proof.
#[rustfmt::skip]
const OSS_HEADERS: [&str; 27] = [
    "acl", "copy-source", "copy-source-if-match", "copy-source-if-modified-since", "copy-source-if-none-match",
    "copy-source-if-unmodified-since", "copy-source-range", "hash-crc64ecma", "metadata-directive", "object-acl",
    "server-side-data-encryption", "server-side-encryption", "server-side-encryption-key-id", "storage-class", "tagging",
    "tagging-directive",
    "content-sha256", "date", "request-payer", "s3-compat", "security-token", "traffic-limit", "user-agent",
    "allow-same-action-overlap", "complete-all", "forbid-overwrite", "range-behavior",
];

/// How many of them count only in OSS's own protocol.
const OSS_ONLY: usize = 16;

/// Headers of S3, behind `x-amz-`, that are read in the S3-compatible protocol.
#[rustfmt::skip]
const S3_HEADERS: [&str; 15] = [
    "acl", "copy-source", "copy-source-if-match", "copy-source-if-modified-since", "copy-source-if-none-match",
    "copy-source-if-unmodified-since", "copy-source-range", "meta-", "metadata-directive", "server-side-data-encryption",
    "server-side-encryption", "server-side-encryption-aws-kms-key-id", "storage-class", "tagging", "tagging-directive",
];

/// Refuses a request with a header of the service's, or of S3's, that is neither read nor known to be ignored, or whose value
/// is not UTF-8. A header in the words of the other protocol is refused too: ignored, it would make a put of a copy.
///
/// Doubt: what the service makes of bytes that are not UTF-8 in user metadata. Replacing them would hide that they are lost.
pub(super) fn headers(face: Face, head: &Head) -> Result<(), Refusal> {
    s3_headers::check(head.headers.iter(), if face == Face::S3 { &S3_HEADERS } else { &[] })?;
    for (name, value) in head.headers.iter() {
        let name = name.as_str();
        let shown = || name.chars().take(NAME_SHOWN).collect::<String>();
        if name.strip_prefix("x-oss-").is_some_and(|rest| !is_known(face, rest)) {
            return Err(Refusal::NotImplemented { what: shown() });
        }
        let read =
            name.starts_with("x-") || name.starts_with("content-") || ["cache-control", "expires"].contains(&name);
        if read && std::str::from_utf8(value.as_bytes()).is_err() {
            return Err(Refusal::NotImplemented { what: format!("{} that is not UTF-8", shown()) });
        }
    }
    Ok(())
}

fn is_known(face: Face, rest: &str) -> bool {
    let known = if face == Face::Oss { &OSS_HEADERS[..] } else { &OSS_HEADERS[OSS_ONLY..] };
    known.contains(&rest) || face == Face::Oss && rest.starts_with("meta-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, headers: &[(&str, &[u8])]) -> Head {
        let mut request = http::Request::builder().method("PUT").uri(target);
        for (name, value) in headers {
            request = request.header(*name, http::HeaderValue::from_bytes(value).unwrap());
        }
        Head::new(request.body(()).unwrap().into_parts().0, crate::wire::query::Plus::Blank)
    }

    #[test]
    fn an_operation_knows_its_own_parameters_only() {
        let check = |op, setting, target: &str| parameters(op, setting, &head(target, &[])).is_ok();
        assert!(check(Op::ListParts, None, "/k?uploadId=a&max-parts=1&&x-oss-signature=b"));
        assert!(!check(Op::ListUploads, None, "/?uploads&max-parts=1"));
        assert!(
            check(Op::GetObject, None, "/k?response-expires=x") && !check(Op::PutObject, None, "/k?response-expires=x")
        );
        assert!(
            check(Op::ListObjects, None, "/?versions&key-marker=a") && !check(Op::ListObjects, None, "/?key-marker=a")
        );
        assert!(check(Op::GetSetting, Some("live"), "/?live&prefix=a"));
        assert!(
            !check(Op::GetSetting, Some("acl"), "/?acl&prefix=a") && !check(Op::GetSetting, Some("acl"), "/?acl&cors")
        );
        assert!(no_parameters(&head("/?uploads", &[])).is_ok());
        assert!(no_parameters(&head("/?overwriteConfig", &[])).is_err());
    }

    #[test]
    fn a_long_unknown_name_is_cut_in_the_journal() {
        let refused = parameters(Op::PutObject, None, &head(&format!("/k?{}", "a".repeat(81)), &[]));
        let what = format!("PUT ?{}.. (81 bytes)", "a".repeat(80));
        assert_eq!(refused, Err(Refusal::NotImplemented { what }));
    }

    #[test]
    fn each_protocol_knows_its_own_headers() {
        let check = |face, name: &str| headers(face, &head("/k", &[(name, b"x")])).is_ok();
        for name in ["x-oss-meta-a", "x-oss-acl", "x-oss-hash-crc64ecma", "x-oss-tagging-directive"] {
            assert!(check(Face::Oss, name) && !check(Face::S3, name), "{name}");
        }
        for name in ["x-amz-meta-a", "x-amz-acl", "x-amz-copy-source"] {
            assert!(check(Face::S3, name) && !check(Face::Oss, name), "{name}");
        }
        for name in
            ["x-oss-forbid-overwrite", "x-oss-complete-all", "x-oss-date", "x-amz-date", "x-amz-api-version", "x-other"]
        {
            assert!(check(Face::S3, name) && check(Face::Oss, name), "{name}");
        }
        for name in ["x-amz-grant-read", "x-amz-write-offset-bytes", "x-amz-expected-bucket-owner", "x-oss-unknown"] {
            assert!(!check(Face::S3, name) && !check(Face::Oss, name), "{name}");
        }
    }

    #[test]
    fn a_value_that_is_read_is_utf_8() {
        for (name, sound) in [("x-oss-meta-a", false), ("content-type", false), ("user-agent", true)] {
            assert_eq!(headers(Face::Oss, &head("/k", &[(name, b"\xff")])).is_ok(), sound, "{name}");
        }
        assert!(headers(Face::Oss, &head("/k", &[("x-oss-meta-a", "ü".as_bytes())])).is_ok());
    }
}
