//! The two protocols of OSS, as a value: its own, and the one compatible with Amazon S3. A request chooses by the way it
//! authenticates and is answered in kind. What they share, which is nearly everything, is written once and asks the face
//! for its words.
//!
//! Inside, everything is kept in OSS's own words: an upload initiated through one face may be listed through the other.
//!
//! # Source
//! "Compatibility with Amazon S3", "Use Amazon S3 SDKs to access OSS", "Common HTTP headers",
//! <https://www.alibabacloud.com/help/en/oss/developer-reference/>. Headers that S3 has no word for keep OSS's, as
//! `x-oss-ec` is documented to. Doubt: whether all of them do.

use http::HeaderName;

use crate::{
    dialect::reading::{self, Case, MetadataSpelling},
    store::{Metadata, Refusal},
    wire::head::Head,
};

/// Which of its two protocols OSS is spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// Its own.
    Oss,
    /// The one compatible with Amazon S3.
    S3,
}

/// The namespace of S3's documents. Doubt: whether OSS declares it; clients read them with and without.
pub(super) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The storage classes, in the words of each face. The first is the default. The last two have no documented counterpart:
/// doubt, they are shown as the coldest that has one.
const CLASSES: [(&str, &str); 5] = [
    ("Standard", "STANDARD"),
    ("IA", "STANDARD_IA"),
    ("Archive", "GLACIER"),
    ("ColdArchive", "GLACIER"),
    ("DeepColdArchive", "GLACIER"),
];

/// The same, in OSS's words alone.
pub(super) const OSS_CLASSES: &[&str] = &["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"];

/// The ways of encryption, in the words of each face.
const ENCRYPTIONS: [(&str, &str); 3] = [("AES256", "AES256"), (KMS, "aws:kms"), ("SM4", "SM4")];

/// Encryption by a key that is kept by another service.
const KMS: &str = "KMS";

/// The header that says by which.
const KEY_ID: &str = "x-oss-server-side-encryption-key-id";

/// Headers that say how an object is encrypted by a key of that service, in the words of each face. Beside another way they say
/// nothing.
///
/// # Source
/// `tests/test_server_side_encryotion.py` of <https://github.com/aliyun/aliyun-oss-python-sdk> (2.19.1).
const ENCRYPTION_DETAILS: [(&str, &str); 2] = [
    (KEY_ID, "x-amz-server-side-encryption-aws-kms-key-id"),
    ("x-oss-server-side-data-encryption", "x-amz-server-side-data-encryption"),
];

/// The key an account has by default, which encrypts where no other is named, and is shown then.
///
/// # Source
/// That there is one and it is shown: `tests/test_server_side_encryotion.py` of <https://github.com/aliyun/aliyun-oss-python-sdk>.
const DEFAULT_KEY: &str = "9468da86-3509-4f8d-a61e-6eab1eac0001";

/// The header that says an object is encrypted, in OSS's words.
pub(super) const ENCRYPTION: &str = "x-oss-server-side-encryption";

/// What the names of user metadata begin with in which a client that encrypts keeps how it did.
pub(super) const CLIENT_ENCRYPTION: &str = "x-oss-meta-client-side-encryption-";

const OSS_METADATA: MetadataSpelling = MetadataSpelling {
    user_prefix: "x-oss-meta-",
    tags_header: "x-oss-tagging",
    class_header: "x-oss-storage-class",
    class_case: Case::Matters,
    classes: OSS_CLASSES,
    max_user: 8 << 10,
    default_type: "application/octet-stream",
};

const S3_METADATA: MetadataSpelling = MetadataSpelling {
    user_prefix: "x-amz-meta-",
    tags_header: "x-amz-tagging",
    class_header: "x-amz-storage-class",
    class_case: Case::Matters,
    classes: &["STANDARD", "STANDARD_IA", "GLACIER"],
    ..OSS_METADATA
};

impl Face {
    /// The face a request speaks to: its proof decides. Without any proof it is the host that does, or a header.
    pub(super) fn of(head: &Head) -> Self {
        let proven_by = |names: &[&str]| names.iter().any(|name| head.query.has(name));
        let s3 = match head.authorization_begins("AWS") {
            Some(aws) => aws,
            None if proven_by(&["X-Amz-Signature", "X-Amz-Algorithm", "AWSAccessKeyId"]) => true,
            None if proven_by(&["OSSAccessKeyId", "Signature", "x-oss-signature-version", "x-oss-signature"]) => false,
            None => asks_for_s3(head),
        };
        if s3 { Self::S3 } else { Self::Oss }
    }

    /// What the names of its own headers begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Oss => "x-oss-",
            Self::S3 => "x-amz-",
        }
    }

    /// The full name of one of its own headers.
    pub(super) fn named(self, rest: &str) -> String {
        format!("{}{rest}", self.prefix())
    }

    /// The name of the header that carries a request's id.
    pub(super) fn request_id(self) -> HeaderName {
        static REQUEST_IDS: [HeaderName; 2] =
            [HeaderName::from_static("x-oss-request-id"), HeaderName::from_static("x-amz-request-id")];
        REQUEST_IDS[self as usize].clone()
    }

    /// The value of one of its own headers, unless it is missing or empty.
    pub(super) fn header<'a>(self, head: &'a Head, rest: &str) -> Option<&'a str> {
        head.header_of(self.prefix(), rest).filter(|value| !value.is_empty())
    }

    /// Whether one of its own headers is there.
    pub(super) fn has(self, head: &Head, rest: &str) -> bool {
        head.has_of(self.prefix(), rest)
    }

    /// A header name in OSS's words, in the face's.
    pub(super) fn spelled(self, name: &str) -> String {
        let detail = ENCRYPTION_DETAILS.iter().find(|(oss, _)| self == Self::S3 && *oss == name);
        match (detail, name.strip_prefix(Self::Oss.prefix())) {
            (Some((_, s3)), _) => (*s3).to_owned(),
            (None, Some(rest)) => self.named(rest),
            (None, None) => name.to_owned(),
        }
    }

    /// A stored header in the face's words.
    pub(super) fn shown(self, (name, value): &(String, String)) -> (String, String) {
        let s3 = |oss: &str| ENCRYPTIONS.iter().find(|(found, _)| *found == oss).map(|(_, s3)| (*s3).to_owned());
        let value = if self == Self::S3 && name == ENCRYPTION { s3(value) } else { None }.unwrap_or(value.clone());
        (self.spelled(name), value)
    }

    /// A storage class in OSS's words, in the face's; the default if there is none.
    pub(super) fn class(self, class: Option<&str>) -> &'static str {
        let (oss, s3) = CLASSES.into_iter().find(|(oss, _)| class == Some(oss)).unwrap_or(CLASSES[0]);
        match self {
            Self::Oss => oss,
            Self::S3 => s3,
        }
    }

    /// What a request says of the object it makes, in OSS's words.
    pub(super) fn metadata(self, head: &Head) -> Result<Metadata, Refusal> {
        let mut metadata = match self {
            Self::Oss => reading::metadata(head, &OSS_METADATA)?,
            Self::S3 => in_oss_words(reading::metadata(head, &S3_METADATA)?),
        };
        metadata.headers.extend(self.encryption(head)?);
        check_tags(&metadata.tags)?;
        Ok(metadata)
    }

    /// The headers that say how an object is to be encrypted. They are kept and shown; the bytes stay as they are.
    fn encryption(self, head: &Head) -> Result<Vec<(String, String)>, Refusal> {
        let Some(given) = self.header(head, "server-side-encryption") else { return Ok(Vec::new()) };
        let word = |(oss, s3): &(&str, &str)| if self == Self::Oss { *oss == given } else { *s3 == given };
        let refusal = || Refusal::InvalidArgument { name: ENCRYPTION, value: given.to_owned() };
        let (oss, _) = ENCRYPTIONS.iter().find(|pair| word(pair)).ok_or_else(refusal)?;
        let details = ENCRYPTION_DETAILS.iter().filter(|_| *oss == KMS).filter_map(|(oss, s3)| {
            let name = if self == Self::Oss { oss } else { s3 };
            let value = head.filled(name).or(Some(DEFAULT_KEY).filter(|_| *oss == KEY_ID))?;
            Some(((*oss).to_owned(), value.to_owned()))
        });
        Ok([(ENCRYPTION.to_owned(), (*oss).to_owned())].into_iter().chain(details).collect())
    }
}

/// Whether a request that proves nothing is sent to a host that speaks S3, or asks for it in a header.
///
/// # Source
/// "Compatibility with Amazon S3", <https://www.alibabacloud.com/help/en/oss/developer-reference/compatibility-with-amazon-s3>.
fn asks_for_s3(head: &Head) -> bool {
    let host = head.host();
    let speaks_s3 = host.starts_with("s3.oss-") || host.contains(".s3.oss-");
    speaks_s3 || head.header("x-oss-s3-compat").is_some_and(|asked| asked.eq_ignore_ascii_case("true"))
}

/// Refuses tags of other characters than letters, digits, blanks and `+-=._:/`.
///
/// # Source
/// "PutObjectTagging", <https://www.alibabacloud.com/help/en/oss/developer-reference/putobjecttagging>; that letters of any
/// script pass: `tests/test_object.py` of <https://github.com/aliyun/aliyun-oss-python-sdk>.
pub(super) fn check_tags(tags: &[(String, String)]) -> Result<(), Refusal> {
    let legal = |text: &str| text.chars().all(|char| char.is_alphanumeric() || " +-=._:/".contains(char));
    if tags.iter().all(|(key, value)| legal(key) && legal(value)) { Ok(()) } else { Err(Refusal::InvalidTag) }
}

/// What a copy takes of its source's metadata: all but encryption and storage class, which are the request's or the bucket's
/// to say.
///
/// # Source
/// "CopyObject", <https://www.alibabacloud.com/help/en/oss/developer-reference/copyobject>.
pub(super) fn inherited(source: &Metadata) -> Metadata {
    let headers = source.headers.iter().filter(|(name, _)| !is_encryption(name));
    Metadata { headers: headers.cloned().collect(), tags: source.tags.clone(), ..Metadata::default() }
}

/// Whether there is such a way of encryption, in the words of either face.
pub(super) fn is_way_of_encryption(given: &str) -> bool {
    ENCRYPTIONS.iter().any(|(oss, s3)| [*oss, *s3].contains(&given))
}

/// Whether a stored header is one of those that say how an object is encrypted.
pub(super) fn is_encryption(name: &str) -> bool {
    name == ENCRYPTION || ENCRYPTION_DETAILS.iter().any(|(oss, _)| *oss == name)
}

fn in_oss_words(metadata: Metadata) -> Metadata {
    let spell = |(name, value): (String, String)| match name.strip_prefix(S3_METADATA.user_prefix) {
        Some(rest) => (format!("{}{rest}", OSS_METADATA.user_prefix), value),
        None => (name, value),
    };
    let class = |class: String| CLASSES.iter().find(|(_, s3)| *s3 == class).map(|(oss, _)| (*oss).to_owned());
    Metadata {
        headers: metadata.headers.into_iter().map(spell).collect(),
        storage_class: metadata.storage_class.and_then(class),
        ..metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(authorization: &str, headers: &[(&str, &str)]) -> Head {
        let mut request = http::Request::builder().uri("/k").header("authorization", authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Head::new(request.body(()).unwrap().into_parts().0, crate::wire::query::Plus::Blank)
    }

    #[test]
    fn the_proof_chooses_the_face() {
        assert_eq!(Face::of(&head("AWS4-HMAC-SHA256 Credential=ak", &[])), Face::S3);
        for proof in ["OSS ak:sig", "OSS4-HMAC-SHA256 Credential=ak", "Bearer x", ""] {
            assert_eq!(Face::of(&head(proof, &[])), Face::Oss, "{proof}");
        }
    }

    #[test]
    fn without_proof_the_host_chooses_it() {
        let unsigned = |host: &str, compat: &str| {
            let request = http::Request::builder().uri("/k").header("host", host).header("x-oss-s3-compat", compat);
            Face::of(&Head::new(request.body(()).unwrap().into_parts().0, crate::wire::query::Plus::Blank))
        };
        for host in ["b.s3.oss-cn-hangzhou.aliyuncs.com", "s3.oss-cn-hangzhou.aliyuncs.com:80"] {
            assert_eq!(unsigned(host, ""), Face::S3, "{host}");
        }
        let plain = "b.oss-cn-hangzhou.aliyuncs.com";
        assert_eq!(
            (unsigned(plain, ""), unsigned(plain, "true"), unsigned("127.0.0.1", "")),
            (Face::Oss, Face::S3, Face::Oss)
        );
    }

    #[test]
    fn metadata_is_kept_in_one_vocabulary() {
        let given = [
            ("x-amz-meta-a", "1"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "k1"),
        ];
        let metadata = Face::S3.metadata(&head("AWS4-HMAC-SHA256 x", &given)).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let kept = [
            pair("x-oss-meta-a", "1"),
            pair("x-oss-server-side-encryption", "KMS"),
            pair("x-oss-server-side-encryption-key-id", "k1"),
        ];
        assert_eq!((&metadata.headers[1..], metadata.storage_class.as_deref()), (&kept[..], Some("Archive")));
        let shown: Vec<_> = kept.iter().map(|header| Face::S3.shown(header)).collect();
        let names: Vec<_> = shown.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(names, [given[0], given[2], given[3]]);
        assert_eq!((Face::S3.class(Some("IA")), Face::Oss.class(None)), ("STANDARD_IA", "Standard"));
    }

    #[test]
    fn unknown_encryption_is_refused() {
        for (proof, name) in [("OSS a:b", ENCRYPTION), ("AWS4-HMAC-SHA256 x", "x-amz-server-side-encryption")] {
            let head = head(proof, &[(name, "ROT13")]);
            let refusal = Refusal::InvalidArgument { name: ENCRYPTION, value: "ROT13".into() };
            assert_eq!(Face::of(&head).metadata(&head).unwrap_err(), refusal);
        }
    }
}
