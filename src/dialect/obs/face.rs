//! The two protocols of OBS, as a value: its own, and the one compatible with Amazon S3. Both are served on the same
//! hosts and ports. A request chooses by the way it authenticates and is answered in kind. What they share, which is
//! nearly everything, is written once and asks the face for its words.
//!
//! Inside, everything is kept in OBS's own words: an upload initiated through one face may be listed through the other.
//!
//! # Source
//! "Common Request Headers", "Common Response Headers", "Storage Class", <https://support.huaweicloud.com/api-obs/>;
//! "Object Storage Service S3-compatible API Reference", <https://github.com/opentelekomcloud-docs/object-storage-service>.

use http::HeaderName;

use crate::{
    dialect::{
        reading::{self, Case, MetadataSpelling},
        s3_headers,
    },
    store::{Metadata, Refusal},
    wire::head::Head,
};

/// Which of its two protocols OBS is spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// Its own.
    Obs,
    /// The one compatible with Amazon S3.
    Aws,
}

/// What every reply of the AWS face carries.
pub(super) const RESERVED: &str =
    "amazon, aws and amazon web services are trademarks or registered trademarks of Amazon Technologies, Inc";

/// The storage classes, in the words of each face. The first is the default.
const CLASSES: [(&str, &str); 5] = [
    ("STANDARD", "STANDARD"),
    ("WARM", "STANDARD_IA"),
    ("COLD", "GLACIER"),
    ("DEEP_ARCHIVE", "DEEP_ARCHIVE"),
    ("INTELLIGENT_TIERING", "INTELLIGENT_TIERING"),
];

/// The headers that ask for encryption by keys the service keeps, in OBS's words: the algorithm and the key's id.
pub(super) const ENCRYPTION_HEADERS: [&str; 2] =
    ["x-obs-server-side-encryption", "x-obs-server-side-encryption-kms-key-id"];

/// What the AWS face calls the header of the key's id, and encryption by such a key.
const AWS_KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const AWS_KMS: &str = "aws:kms";

const OBS_METADATA: MetadataSpelling = MetadataSpelling {
    tags_header: "x-obs-tagging",
    user_prefix: "x-obs-meta-",
    class_header: "x-obs-storage-class",
    class_case: Case::Matters,
    classes: &["STANDARD", "WARM", "COLD", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"],
    max_user: 8 << 10,
    default_type: "binary/octet-stream",
};

const AWS_METADATA: MetadataSpelling = MetadataSpelling {
    tags_header: "x-amz-tagging",
    user_prefix: "x-amz-meta-",
    class_header: "x-amz-storage-class",
    class_case: Case::Matters,
    classes: &["STANDARD", "STANDARD_IA", "GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"],
    ..OBS_METADATA
};

/// Headers of the AWS face that are read, behind their beginning: those that S3 has, and OBS's own under the other beginning.
/// `x-amz-location` and `x-amz-epid` are what the vendor's SDKs send.
///
/// # Source
/// The pages of the single operations below "S3-compatible API", <https://github.com/opentelekomcloud-docs/object-storage-service>;
/// `src/obs/const.py` of <https://github.com/huaweicloud/huaweicloud-sdk-python-obs>.
const AWS_HEADERS: [&str; 22] = [
    "acl",
    "bucket-object-lock-enabled",
    "checksum-crc64ecma",
    "copy-source",
    "copy-source-if-match",
    "copy-source-if-modified-since",
    "copy-source-if-none-match",
    "copy-source-if-unmodified-since",
    "copy-source-range",
    "epid",
    "fs-file-interface",
    "grant-",
    "hash-crc64ecma",
    "location",
    "meta-",
    "metadata-directive",
    "server-side-encryption",
    "server-side-encryption-aws-kms-key-id",
    "storage-class",
    "tagging",
    "traffic-limit",
    "website-redirect-location",
];

impl Face {
    /// The face a request speaks to. One without any proof speaks to OBS's own: doubt, no page says.
    pub(super) fn of(head: &Head) -> Self {
        let aws = match head.authorization_begins("AWS") {
            Some(aws) => aws,
            None => ["AWSAccessKeyId", "X-Amz-Signature", "X-Amz-Algorithm"].iter().any(|name| head.query.has(name)),
        };
        if aws { Self::Aws } else { Self::Obs }
    }

    /// Refuses a request with a header of S3 that is neither modelled nor known to change nothing.
    pub(super) fn check_headers(self, head: &Head) -> Result<(), Refusal> {
        match self {
            Self::Obs => Ok(()),
            Self::Aws => s3_headers::check(head.headers.iter(), &AWS_HEADERS),
        }
    }

    /// What the names of its own headers begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Obs => "x-obs-",
            Self::Aws => "x-amz-",
        }
    }

    /// The full name of one of its own headers.
    pub(super) fn named(self, rest: &str) -> String {
        format!("{}{rest}", self.prefix())
    }

    /// The name of the header that carries a request's id.
    pub(super) fn request_id(self) -> HeaderName {
        static REQUEST_IDS: [HeaderName; 2] =
            [HeaderName::from_static("x-obs-request-id"), HeaderName::from_static("x-amz-request-id")];
        REQUEST_IDS[self as usize].clone()
    }

    /// The name of the header that carries the id of the machine that answers.
    pub(super) fn host_id(self) -> HeaderName {
        static HOST_IDS: [HeaderName; 2] =
            [HeaderName::from_static("x-obs-id-2"), HeaderName::from_static("x-amz-id-2")];
        HOST_IDS[self as usize].clone()
    }

    /// The value of one of its own headers, unless it is missing or empty.
    pub(super) fn header<'a>(self, head: &'a Head, rest: &str) -> Option<&'a str> {
        head.header_of(self.prefix(), rest).filter(|value| !value.is_empty())
    }

    /// A header name in OBS's words, in the face's.
    pub(super) fn spelled(self, name: &str) -> String {
        match name.strip_prefix(Self::Obs.prefix()) {
            Some(rest) => self.named(rest),
            None => name.to_owned(),
        }
    }

    /// The header that names the key of encryption by a managed key.
    pub(super) fn kms_key_header(self) -> &'static str {
        match self {
            Self::Obs => ENCRYPTION_HEADERS[1],
            Self::Aws => AWS_KMS_KEY,
        }
    }

    /// A header of an object, in OBS's words, in the face's.
    pub(super) fn shown(self, (name, value): &(String, String)) -> (String, String) {
        let [algorithm, key] = ENCRYPTION_HEADERS;
        match self {
            Self::Aws if name == key => (AWS_KMS_KEY.to_owned(), value.clone()),
            Self::Aws if name == algorithm && value == "kms" => (self.spelled(name), AWS_KMS.to_owned()),
            _ => (self.spelled(name), value.clone()),
        }
    }

    /// What a request says of encryption by keys the service keeps, in OBS's words. It is remembered and shown; nothing
    /// is encrypted.
    ///
    /// # Source
    /// "Server-Side Encryption", <https://support.huaweicloud.com/api-obs/>.
    pub(super) fn encryption(self, head: &Head) -> Result<Vec<(String, String)>, Refusal> {
        let [algorithm_name, key_name] = ENCRYPTION_HEADERS;
        let key = head.filled(self.kms_key_header());
        let kms = match self {
            Self::Obs => "kms",
            Self::Aws => AWS_KMS,
        };
        let algorithm = match self.header(head, "server-side-encryption") {
            Some("AES256") => Some("AES256"),
            Some(given) if given == kms => Some("kms"),
            None => None,
            Some(given) => return Err(Refusal::InvalidArgument { name: algorithm_name, value: given.to_owned() }),
        };
        if let Some(key) = key.filter(|_| algorithm != Some("kms")) {
            return Err(Refusal::InvalidArgument { name: key_name, value: key.to_owned() });
        }
        let said = [(algorithm_name, algorithm), (key_name, key)];
        Ok(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect())
    }

    /// A storage class in OBS's words, in the face's; the default if there is none.
    pub(super) fn class(self, class: Option<&str>) -> &'static str {
        let (obs, aws) = CLASSES.into_iter().find(|(obs, _)| class == Some(obs)).unwrap_or(CLASSES[0]);
        match self {
            Self::Obs => obs,
            Self::Aws => aws,
        }
    }

    /// The storage class if it is another than the default: only then do headers show it.
    pub(super) fn unusual_class(self, class: Option<&str>) -> Option<&'static str> {
        Some(self.class(class)).filter(|class| *class != CLASSES[0].0)
    }

    /// The storage class that a request to create a bucket names, in OBS's words.
    ///
    /// # Source
    /// `default_storage_class_header`,
    /// <https://github.com/huaweicloud/huaweicloud-sdk-python-obs/blob/master/src/obs/convertor.py>. Doubt: that what makes an object
    /// of a class makes a bucket of it on the AWS face too.
    pub(super) fn bucket_class(self, head: &Head) -> Result<Option<String>, Refusal> {
        let named = self.metadata(head)?.storage_class;
        let Some(given) = head.filled("x-default-storage-class").filter(|_| self == Self::Aws) else {
            return Ok(named);
        };
        let found = CLASSES.iter().find(|(_, aws)| *aws == given).map(|(obs, _)| (*obs).to_owned());
        found.map(Some).ok_or_else(|| Refusal::InvalidStorageClass { given: given.to_owned() })
    }

    /// What a request says of the object it makes, in OBS's words.
    pub(super) fn metadata(self, head: &Head) -> Result<Metadata, Refusal> {
        if self == Self::Obs {
            return reading::metadata(head, &OBS_METADATA);
        }
        let Metadata { headers, storage_class, tags, acl } = reading::metadata(head, &AWS_METADATA)?;
        let spell = |(name, value): (String, String)| match name.strip_prefix(AWS_METADATA.user_prefix) {
            Some(rest) => (format!("{}{rest}", OBS_METADATA.user_prefix), value),
            None => (name, value),
        };
        let in_obs_words =
            |class: String| CLASSES.iter().find(|(_, aws)| *aws == class).map(|(obs, _)| (*obs).to_owned());
        Ok(Metadata {
            headers: headers.into_iter().map(spell).collect(),
            storage_class: storage_class.and_then(in_obs_words),
            tags,
            acl,
        })
    }
}

/// What a copy takes of its source's metadata: all but encryption and storage class, which are the request's or the bucket's
/// to say.
///
/// # Source
/// "Copying an Object", <https://support.huaweicloud.com/api-obs/>. Doubt: whether tags are taken.
pub(super) fn inherited(source: &Metadata) -> Metadata {
    let headers = source.headers.iter().filter(|(name, _)| !ENCRYPTION_HEADERS.contains(&name.as_str()));
    Metadata { headers: headers.cloned().collect(), tags: source.tags.clone(), ..Metadata::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, name: &str, value: &str) -> Head {
        let request = http::Request::builder().uri(uri).header(name, value).header("x-amz-meta-a", "1");
        Head::new(
            request.header("x-amz-storage-class", "GLACIER").body(()).unwrap().into_parts().0,
            crate::wire::query::Plus::Plus,
        )
    }

    #[test]
    fn the_proof_chooses_the_face() {
        for proof in ["AWS ak:sig", "AWS4-HMAC-SHA256 Credential=ak"] {
            assert_eq!(Face::of(&head("/", "authorization", proof)), Face::Aws, "{proof}");
            assert_eq!(Face::of(&head("/?AccessKeyId=ak", "authorization", proof)), Face::Aws, "{proof}");
        }
        for proof in ["OBS ak:sig", "Bearer x", ""] {
            assert_eq!(Face::of(&head("/", "authorization", proof)), Face::Obs, "{proof}");
        }
        assert_eq!(Face::of(&head("/?AWSAccessKeyId=ak", "host", "h")), Face::Aws);
        assert_eq!(Face::of(&head("/?X-Amz-Signature=s", "host", "h")), Face::Aws);
        assert_eq!(Face::of(&head("/?AccessKeyId=ak", "host", "h")), Face::Obs);
    }

    #[test]
    fn metadata_is_kept_in_one_vocabulary() {
        let request = head("/", "authorization", "AWS ak:sig");
        let metadata = Face::Aws.metadata(&request).unwrap();
        assert_eq!(metadata.headers[1], ("x-obs-meta-a".to_owned(), "1".to_owned()));
        assert_eq!(metadata.storage_class.as_deref(), Some("COLD"));
        assert_eq!(Face::Obs.metadata(&request).unwrap().storage_class, None);
        assert_eq!((Face::Aws.class(Some("COLD")), Face::Obs.class(Some("COLD"))), ("GLACIER", "COLD"));
        assert_eq!((Face::Aws.unusual_class(None), Face::Obs.unusual_class(Some("WARM"))), (None, Some("WARM")));
        assert_eq!(Face::Aws.spelled("x-obs-meta-a"), "x-amz-meta-a");
    }
}
