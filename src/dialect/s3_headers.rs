//! Headers of Amazon S3 (`x-amz-*`) in the S3-compatible protocols: every one is modelled, known to change nothing, or refused.
//!
//! A header that is neither modelled nor harmless is refused as not implemented (501) and recorded as unmodelled, so that
//! a condition or a mode that the fake does not know never looks as if it had been honoured.

use http::{HeaderName, HeaderValue};

use crate::{
    store::{Op, Refusal},
    wire::{digest::Checksum, encode::unbase64, head::Head},
};

/// What the names of these headers begin with.
pub const PREFIX: &str = "x-amz-";

/// Headers that change nothing here, behind [`PREFIX`], and where each comes from.
const HARMLESS: [(&str, &str); 14] = [
    // Read as parts of the signature and of the framing.
    ("content-sha256", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html"),
    ("date", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html"),
    ("security-token", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html"),
    ("decoded-content-length", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html"),
    ("trailer", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html"),
    // Wishes to be shown checksums. The services are reported to ignore these headers.
    ("checksum-algorithm", "https://github.com/milvus-io/milvus-storage/pull/454"),
    ("checksum-mode", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"),
    ("checksum-type", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html"),
    ("sdk-checksum-algorithm", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"),
    ("te", "`append-md5` of AWS's Java SDK v2 on a GET, https://github.com/aws/aws-sdk-java-v2"),
    // What an SDK says of itself.
    ("api-version", "`S3Request::GetHeaders` of https://github.com/aws/aws-sdk-cpp, which pyarrow is built on"),
    ("user-agent", "https://github.com/aws/aws-sdk-js-v3, in a browser"),
    // Wishes for elements that no listing here has, and the consent to costs that nobody charges.
    ("optional-object-attributes", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"),
    ("request-payer", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"),
];

/// Refuses a request with a header that is neither harmless nor among `modelled`: names behind [`PREFIX`], of which one
/// that ends in a hyphen stands for all that begin so.
///
/// # Errors
/// [`Refusal::NotImplemented`] with the name of the first such header.
pub fn check<'h>(
    headers: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>,
    modelled: &[&str],
) -> Result<(), Refusal> {
    for (name, value) in headers {
        let Some(rest) = name.as_str().strip_prefix(PREFIX) else { continue };
        if !is_among(rest, modelled) && !is_harmless(rest, value) {
            return Err(Refusal::NotImplemented { what: name.to_string() });
        }
    }
    Ok(())
}

/// Whether a name is among those names and families.
pub fn is_among(rest: &str, names: &[&str]) -> bool {
    names.iter().any(|name| if name.ends_with('-') { rest.starts_with(name) } else { rest == *name })
}

/// Whether a header changes nothing. A bucket that is to have no object lock has none. Checksums of a body are compared
/// with it where they count ([`checksums`]).
fn is_harmless(rest: &str, value: &HeaderValue) -> bool {
    let no_lock = rest == "bucket-object-lock-enabled" && value.as_bytes().eq_ignore_ascii_case(b"false");
    let checksum = || Checksum::ALL.iter().any(|checksum| checksum.header()[PREFIX.len()..] == *rest);
    no_lock || HARMLESS.iter().any(|(name, _)| *name == rest) || checksum()
}

/// Returns the checksums that the headers of a request promise for its body, in base64.
///
/// # Errors
/// [`Refusal::InvalidArgument`] for one that is not the base64 of as many bytes as the checksum has;
/// [`Refusal::NotImplemented`] for one on a complete, where it is that of the whole object: parts are not kept with their
/// checksums, so that it could not be compared.
pub fn checksums(head: &Head, op: Op) -> Result<Vec<(Checksum, String)>, Refusal> {
    let mut found = Vec::new();
    for checksum in Checksum::ALL {
        let name = checksum.header();
        let Some(given) = head.filled(name) else { continue };
        if op == Op::Complete {
            return Err(Refusal::NotImplemented { what: format!("{name} of a completed object") });
        }
        let given = given.trim();
        if unbase64(given).is_none_or(|bytes| bytes.len() != checksum.size()) {
            return Err(Refusal::InvalidArgument { name, value: given.to_owned() });
        }
        found.push((checksum, given.to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        let request = http::Request::builder().uri("/k");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Head::new(request.body(()).unwrap().into_parts().0, crate::wire::query::Plus::Plus)
    }

    #[test]
    fn a_header_is_modelled_or_harmless_or_refused() {
        let checked = |name: &str, value: &str| check(head(&[(name, value)]).headers.iter(), &["acl", "meta-"]);
        let fine = [
            ("x-amz-acl", "private"),
            ("x-amz-meta-a", "1"),
            ("x-amz-api-version", "2006-03-01"),
            ("x-amz-optional-object-attributes", "RestoreStatus"),
            ("x-amz-checksum-crc64nvme", "x"),
            ("x-amz-bucket-object-lock-enabled", "False"),
            ("x-amzn-trace-id", "x"),
            ("if-match", "x"),
        ];
        for (name, value) in fine {
            assert_eq!(checked(name, value), Ok(()), "{name}");
        }
        for name in [
            "x-amz-aclx",
            "x-amz-meta",
            "x-amz-expected-bucket-owner",
            "x-amz-write-offset-bytes",
            "x-amz-if-match-size",
            "x-amz-if-match-last-modified-time",
            "x-amz-checksum-md5",
            "x-amz-bucket-object-lock-enabled",
            "x-amz-",
        ] {
            assert_eq!(checked(name, "true"), Err(Refusal::NotImplemented { what: name.to_owned() }));
        }
    }

    #[test]
    fn checksums_have_their_length() {
        let read = |name: &str, value: &str, op| checksums(&head(&[(name, value)]), op);
        let (name, right) = ("x-amz-checksum-crc32", "fDe0XQ==");
        assert_eq!(read(name, right, Op::UploadPart), Ok(vec![(Checksum::Crc32, right.to_owned())]));
        assert_eq!(read(name, "", Op::UploadPart), Ok(Vec::new()));
        for broken in ["fDe0XQ", "fDe0XQA=", "?"] {
            let refusal = Refusal::InvalidArgument { name: "x-amz-checksum-crc32", value: broken.to_owned() };
            assert_eq!(read(name, broken, Op::PutObject), Err(refusal));
        }
        assert!(matches!(read(name, right, Op::Complete), Err(Refusal::NotImplemented { .. })));
    }
}
