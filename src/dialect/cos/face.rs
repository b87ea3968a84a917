//! The two protocols of COS: its own, and the one compatible with Amazon S3. Both are served on the same hosts; a request
//! chooses by the way it authenticates and is answered in kind.
//!
//! A request to the S3 face is put into COS's own words before it is read, and its reply is put into those of S3 at the
//! very end. In between there is one protocol, so an upload initiated through one face shows right through the other.
//!
//! Doubt: the pages say that S3's SDKs work unchanged, not how replies to them differ. They are taken to have S3's
//! namespace and header names and otherwise COS's own documents.
//!
//! # Source
//! "Access COS with AWS S3 SDK", <https://cloud.tencent.com/document/product/436/37421>.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};

use super::sign;
use crate::{
    dialect::s3_headers,
    store::Refusal,
    wire::{
        head::Head,
        reply::Reply,
        xml::{Element, Inside},
    },
};

/// Which of its two protocols COS is spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// Its own.
    Cos,
    /// The one compatible with Amazon S3.
    Aws,
}

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What the names of each face's own headers begin with.
const COS: &str = "x-cos-";
const AWS: &str = "x-amz-";

/// Headers whose names are not the same but for their beginning.
const HEADERS: [(&str, &str); 2] = [
    ("x-cos-server-side-encryption-cos-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("x-cos-trace-id", "x-amz-id-2"),
];

/// Values that are not the same. Doubt: whether S3's `GLACIER` is COS's `ARCHIVE`.
const VALUES: [(&str, &str, &str); 4] = [
    ("storage-class", "ARCHIVE", "GLACIER"),
    ("metadata-directive", "Replaced", "REPLACE"),
    ("tagging-directive", "Replaced", "REPLACE"),
    ("server-side-encryption", "cos/kms", "aws:kms"),
];

/// Headers of S3 that the faces share but for their names, behind their beginnings. Those of encryption are told apart
/// where they are read.
const SHARED: [&str; 13] = [
    "acl",
    "copy-source",
    "copy-source-if-match",
    "copy-source-if-modified-since",
    "copy-source-if-none-match",
    "copy-source-if-unmodified-since",
    "copy-source-range",
    "grant-",
    "meta-",
    "metadata-directive",
    "storage-class",
    "tagging",
    "tagging-directive",
];

/// What the names of the headers about encryption begin with.
const ENCRYPTION: &str = "server-side-encryption";
const ENCRYPTION_KINDS: &str = "server-side-encryption-";

impl Face {
    /// The face a request speaks to. One without any proof speaks to COS's own.
    pub(super) fn of(head: &Head) -> Self {
        if sign::is_aws_v4(head) { Self::Aws } else { Self::Cos }
    }

    /// Returns a request in COS's own words.
    pub(super) fn native(self, head: &Head) -> Cow<'_, Head> {
        if self == Self::Cos {
            return Cow::Borrowed(head);
        }
        let mut native = head.clone();
        let in_head = head.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        for (name, value) in in_head.chain(in_query(head)) {
            let Some(rest) = name.as_str().strip_prefix(AWS).filter(|rest| is_shared(rest)) else { continue };
            native.headers.remove(&name);
            native.headers.append(header_name(&cos_name(name.as_str())), in_cos_words(rest, &value));
        }
        Cow::Owned(native)
    }

    /// Refuses a request with a header of S3 that is neither modelled nor known to change nothing.
    pub(super) fn check_headers(self, head: &Head) -> Result<(), Refusal> {
        if self == Self::Cos {
            return Ok(());
        }
        let modelled: Vec<_> = SHARED.into_iter().chain([ENCRYPTION, ENCRYPTION_KINDS]).collect();
        s3_headers::check(head.headers.iter(), &modelled)?;
        let moved: Vec<_> = in_query(head).collect();
        s3_headers::check(moved.iter().map(|(name, value)| (name, value)), &modelled)
    }

    /// A reply in the face's words.
    pub(super) fn reply(self, mut reply: Reply) -> Reply {
        if self == Self::Cos {
            return reply;
        }
        for (name, value) in std::mem::take(&mut reply.headers) {
            match name.as_str().strip_prefix(COS) {
                // The checksum has no name in S3. Doubt: whether it is shown at all.
                None | Some("hash-crc64ecma") => reply.headers.set(name, value),
                Some(rest) => {
                    let of = VALUES.iter().find(|(header, cos, _)| *header == rest && value == *cos);
                    let value = of.map_or(value, |(_, _, aws)| HeaderValue::from_static(aws));
                    reply.headers.set(header_name(&aws_name(name.as_str())), value)
                }
            };
        }
        match reply.headers.get("x-amz-request-id").cloned() {
            Some(id) if reply.headers.get("x-amz-id-2").is_none() => reply.with_value("x-amz-id-2", id),
            _ => reply,
        }
    }

    /// A result in the face's words.
    pub(super) fn document(self, root: Element) -> Element {
        match self {
            Self::Cos => root,
            Self::Aws => in_aws_words(root).in_namespace(NAMESPACE),
        }
    }
}

/// The headers that a URL carries as parameters: where S3's SDK for JavaScript signs it, it moves them there. Doubt:
/// whether COS looks for them there, as S3 does.
fn in_query(head: &Head) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
    let moved = head.query.pairs().filter(|(name, _)| name.starts_with(AWS));
    moved.filter_map(|(name, value)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    })
}

/// Whether a header, named behind its beginning, means the same on both faces.
fn is_shared(rest: &str) -> bool {
    s3_headers::is_among(rest, &SHARED) || rest.starts_with(ENCRYPTION)
}

/// A value of one of S3's headers. S3 names the source of a copy by bucket and key, with or without a slash before them.
fn in_cos_words(rest: &str, value: &HeaderValue) -> HeaderValue {
    if rest == "copy-source" {
        // A value that is no text stays as it is, and is refused where it is read.
        let source = std::str::from_utf8(value.as_bytes()).map(in_cos_source);
        let source = source.ok().and_then(|source| HeaderValue::try_from(source.into_bytes()).ok());
        return source.unwrap_or_else(|| value.clone());
    }
    let known = VALUES.iter().find(|(header, _, aws)| *header == rest && value == *aws);
    known.map_or_else(|| value.clone(), |(_, cos, _)| HeaderValue::from_static(cos))
}

/// Returns the source of a copy with one slash before it. Some clients escape the slash between bucket and key as well.
fn in_cos_source(given: &str) -> String {
    let path = given.trim_start_matches('/');
    if path.contains('/') { format!("/{path}") } else { format!("/{}", path.replacen("%2F", "/", 1)) }
}

fn cos_name(name: &str) -> String {
    let known = HEADERS.iter().find(|(_, aws)| *aws == name).map(|(cos, _)| (*cos).to_owned());
    known.unwrap_or_else(|| name.replacen(AWS, COS, 1))
}

fn aws_name(name: &str) -> String {
    let known = HEADERS.iter().find(|(cos, _)| *cos == name).map(|(_, aws)| (*aws).to_owned());
    known.unwrap_or_else(|| name.replacen(COS, AWS, 1))
}

fn header_name(name: &str) -> HeaderName {
    HeaderName::try_from(name).expect("a header's name with another beginning")
}

/// Storage classes as S3 spells them, the encoding under S3's name, and `null` for the version of what has none.
fn in_aws_words(element: Element) -> Element {
    let Element { name, namespace, attributes, content } = element;
    let content = match (&*name, content) {
        ("StorageClass", Inside::Text(class)) => Inside::Text(match class.as_str() {
            "Standard" => "STANDARD".to_owned(),
            "ARCHIVE" => "GLACIER".to_owned(),
            _ => class,
        }),
        ("VersionId", Inside::Text(id)) if id.is_empty() => Inside::Text("null".to_owned()),
        (_, Inside::Children(children)) => Inside::Children(children.into_iter().map(in_aws_words).collect()),
        (_, text) => text,
    };
    let name = if name == "Encoding-Type" { Cow::Borrowed("EncodingType") } else { name };
    Element { name, namespace, attributes, content }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "AWS4-HMAC-SHA256 Credential=ak";

    fn head(authorization: &str, headers: &[(&str, &str)]) -> Head {
        let mut request = http::Request::builder().uri("/k").header("authorization", authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Head::new(request.body(()).unwrap().into_parts().0, crate::wire::query::Plus::Blank)
    }

    #[test]
    fn the_proof_chooses_the_face() {
        assert_eq!(Face::of(&head(V4, &[])), Face::Aws);
        for proof in ["q-sign-algorithm=sha1&q-ak=ak", "", "AWS ak:sig"] {
            assert_eq!(Face::of(&head(proof, &[])), Face::Cos, "{proof}");
        }
    }

    #[test]
    fn requests_are_put_into_native_words() {
        let words = [
            ("x-amz-meta-a", "1", "x-cos-meta-a", "1"),
            ("x-amz-copy-source", "b-1/k", "x-cos-copy-source", "/b-1/k"),
            ("x-amz-copy-source", "/b-1/k%2Fl", "x-cos-copy-source", "/b-1/k%2Fl"),
            ("x-amz-copy-source", "b-1%2Fk%2Fl", "x-cos-copy-source", "/b-1/k%2Fl"),
            ("x-amz-copy-source-if-match", "t", "x-cos-copy-source-if-match", "t"),
            ("x-amz-storage-class", "GLACIER", "x-cos-storage-class", "ARCHIVE"),
            ("x-amz-metadata-directive", "REPLACE", "x-cos-metadata-directive", "Replaced"),
            ("x-amz-server-side-encryption", "aws:kms", "x-cos-server-side-encryption", "cos/kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "i", "x-cos-server-side-encryption-cos-kms-key-id", "i"),
        ];
        for (name, value, native, in_cos) in words {
            let request = head(V4, &[(name, value)]);
            assert_eq!(Face::Aws.native(&request).header(native), Some(in_cos), "{name}");
        }
        for name in ["x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm", "x-amz-content-sha256", "x-amz-date"] {
            assert_eq!(Face::Aws.check_headers(&head(V4, &[(name, "x")])), Ok(()), "{name}");
        }
        for name in ["x-amz-object-lock-mode", "x-amz-website-redirect-location", "x-amz-bucket-object-lock-enabled"] {
            let refusal = Refusal::NotImplemented { what: name.to_owned() };
            assert_eq!(Face::Aws.check_headers(&head(V4, &[(name, "true")])), Err(refusal));
            assert_eq!(Face::Cos.check_headers(&head("", &[(name, "true")])), Ok(()));
        }
    }

    #[test]
    fn a_source_of_a_copy_in_any_bytes_is_put_into_native_words() {
        let native = |value: &[u8]| in_cos_words("copy-source", &HeaderValue::from_bytes(value).unwrap());
        assert_eq!(native("b-1/é".as_bytes()), "/b-1/é".as_bytes());
        assert_eq!(native(b""), "/");
        assert_eq!(native(b"b-1/\xff"), &b"b-1/\xff"[..], "no text, and refused where it is read");
    }

    #[test]
    fn headers_that_were_moved_into_the_url_count() {
        let uri = "/k?X-Amz-Signature=0&x-amz-meta-a=%C3%BC&x-amz-checksum-crc32=x&x-id=PutObject";
        let request = http::Request::builder().uri(uri).body(()).unwrap();
        let head = Head::new(request.into_parts().0, crate::wire::query::Plus::Blank);
        assert_eq!(Face::Aws.native(&head).header("x-cos-meta-a"), Some("ü"));
    }

    #[test]
    fn replies_are_put_into_s3_words() {
        let reply = Reply::new(200)
            .with("x-cos-request-id", "r")
            .with("x-cos-meta-a", "1")
            .with("x-cos-storage-class", "ARCHIVE")
            .with("x-cos-hash-crc64ecma", "7");
        let reply = Face::Aws.reply(reply);
        for (name, value) in [
            ("x-amz-request-id", "r"),
            ("x-amz-id-2", "r"),
            ("x-amz-meta-a", "1"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-cos-hash-crc64ecma", "7"),
        ] {
            assert_eq!(reply.headers.get(name).unwrap(), value, "{name}");
        }
        assert_eq!(reply.headers.iter().count(), 5);
    }
}
