//! How OBS refuses: one row for each refusal, what the AWS face words otherwise, the extra elements, and the reply they make.
//!
//! The body's children are `Code`, `Message`, `RequestId`, `HostId`, then the extras in alphabetical order. It has no
//! namespace. A `HEAD` has no body: code and message travel in headers.
//!
//! Most messages are printed nowhere; they are worded as Amazon S3 words them, whose protocol the service also speaks.

use super::{
    body::{LAYOUT, head_of},
    face::{ENCRYPTION_HEADERS, Face},
};
use crate::{
    dialect::{
        Context,
        row::{self, ErrorRow, Wording, error_rows},
    },
    store::{Mismatch, Op, Refusal, Resource},
    wire::{
        date,
        reply::Reply,
        xml::{self, Element},
    },
};

const CODES: &str = "Error Codes, https://github.com/huaweicloudDocs/obs";
const WORDED: &str = "Error Codes, https://github.com/huaweicloudDocs/obs; doubt: the text";
const S3: &str = "S3-compatible API, Error Codes, https://github.com/opentelekomcloud-docs/object-storage-service";
const SEEN: &str = "seen in issues of the vendor's SDKs, https://github.com/huaweicloud";
const SDK: &str = "constant in https://github.com/huaweicloud/huaweicloud-sdk-python-obs; doubt: the code";
const SILENT: &str = "doubt: no page says; the nearest code";
const NEVER: &str = "n/a: no request to OBS is refused so";
const CHECKSUMS: &str = "doubt: the code is S3's, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; the services are reported to ignore checksums, https://github.com/milvus-io/milvus-storage/pull/500";
const FRAMES: &str = "n/a: OBS refuses such bodies unread; the code is S3's, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html";

const NO_SUCH_UPLOAD: &str = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
const MALFORMED: &str = "The XML you provided was not well-formed or did not validate against our published schema.";
const NO_PART: &str = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
const PART_NUMBER: &str = "Part number must be an integer between 1 and 10000, inclusive";
const TAKEN: &str = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.";
const NOT_EMPTY: &str = "The bucket you tried to delete is not empty";
const BAD_DIGEST: &str = "The Content-MD5 you specified did not match what we received.";
const BAD_URI: &str = "Couldn't parse the specified URI.";
const NO_DATE: &str = "OBS authentication requires a valid Date or x-obs-date header";
const STALLED: &str = "Your socket connection to the server was not read from or written to within the timeout period.";

pub(super) const ROWS: &[ErrorRow] = error_rows! {
    NoSuchBucket, "NoSuchBucket", 404, "The specified bucket does not exist", SEEN;
    NoSuchKey, "NoSuchKey", 404, "The specified key does not exist.", SEEN;
    NoSuchVersion, "NoSuchVersion", 404, "The version ID specified in the request does not match an existing version.", WORDED;
    NoSuchSetting, "NoSuchConfiguration", 404, "The specified configuration does not exist", "n/a: each setting has a code of its own, below";
    NoSuchLifecycle, "NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist", "Obtaining Lifecycle Configuration, https://support.huaweicloud.com/intl/en-us/api-obs/";
    NoSuchUpload, "NoSuchUpload", 404, NO_SUCH_UPLOAD, SEEN;
    Anonymous, "AccessDenied", 403, "Access Denied", SEEN;
    NotGranted, "AccessDenied", 403, "Access Denied", SEEN;
    OtherAccount, "AccessDenied", 403, "Access Denied", SEEN;
    NotInitiator, "AccessDenied", 403, "Access Denied", "Canceling a Multipart Upload Task, https://support.huaweicloud.com/api-obs/obs_04_0103.html";
    NoCorsRule, "AccessForbidden", 403, "CORS is not enabled for this bucket.", "AccessForbidden, https://support.huaweicloud.com/intl/en-us/api-obs/obs_errorcode_0004.html";
    PathStyle, "VirtualHostDomainRequired", 403, "The bucket you are attempting to access must be addressed by virtual host.", NEVER;
    ForeignHost, "InvalidRequest", 400, "Invalid Request", NEVER;
    WrongRegion, "NoSuchBucket", 404, "The specified bucket does not exist", "n/a: a host of another region is read as a custom domain";
    NotAccelerated, "AccessDenied", 403, "Access Denied", NEVER;
    AcceleratedManagement, "AccessDenied", 403, "Access Denied", NEVER;
    HostCreatesNoBuckets, "InvalidRequest", 400, "Invalid Request", NEVER;
    InvalidBucketName, "InvalidBucketName", 400, "The specified bucket is not valid.", WORDED;
    BucketWithoutAccount, "InvalidBucketName", 400, "The specified bucket is not valid.", NEVER;
    EmptyKey, "InvalidArgument", 400, "The object key is missing.", SILENT;
    KeyTooLong, "KeyTooLongError", 400, "Your key is too long", WORDED;
    InvalidKey, "InvalidArgument", 400, "Invalid Argument", NEVER;
    InvalidTarget, "InvalidURI", 400, BAD_URI, WORDED;
    InvalidQuery, "InvalidURI", 400, BAD_URI, WORDED;
    TargetTooLong, "Request-URI Too Large", 414, "The request URI is too large.", WORDED;
    HeadTooLarge, "BadRequest", 400, "The headers of the request are too large.", SILENT;
    MalformedRequest, "BadRequest", 400, "An error occurred when parsing the HTTP request.", WORDED;
    InvalidPartNumber, "InvalidArgument", 400, PART_NUMBER, "Uploading Parts, https://support.huaweicloud.com/api-obs/; doubt: the code and the text";
    MissingPartNumber, "InvalidArgument", 400, PART_NUMBER, SILENT;
    EmptyUploadId, "NoSuchUpload", 404, NO_SUCH_UPLOAD, SILENT;
    InvalidArgument, "InvalidArgument", 400, "Invalid Argument", WORDED;
    UnrecognisedParameter, "InvalidArgument", 400, "Unrecognized query parameter", "Deleting an Object, https://support.huaweicloud.com/api-obs/; doubt: the code and the text";
    InvalidDelimiter, "InvalidArgument", 400, "Invalid Argument", NEVER;
    InvalidStorageClass, "InvalidStorageClass", 400, "The storage class you specified is not valid.", WORDED;
    MissingHeader, "MissingRequiredHeader", 400, "Your request was missing a required header.", WORDED;
    MetadataTooLarge, "MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size.", WORDED;
    InvalidCopySource, "InvalidArgument", 400, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", SILENT;
    InvalidRange, "InvalidRange", 416, "The requested range is not satisfiable", WORDED;
    PreconditionFailed, "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold", WORDED;
    NotModified, "NotModified", 304, "Not Modified", "Downloading Objects, https://support.huaweicloud.com/api-obs/";
    ObjectExists, "FsObjectConflict", 409, "The object already exists.", NEVER;
    Archived, "InvalidObjectState", 403, "Operation is not valid for the source object's storage class", "Error Codes, https://github.com/huaweicloudDocs/obs; Copying Parts; doubt: that it is said of downloads too";
    NotAppendable, "ObjectNotAppendable", 409, "The object is not appendable", WORDED;
    AppendPosition, "PositionNotEqualToLength", 409, "Position is not equal to object length", "doubt: the code and the text; no list has them";
    AppendTooLarge, "AppendTooLarge", 400, "The length of the object exceeds the limit.", "Appending an Object, https://support.huaweicloud.com/api-obs/obs_04_0088.html; doubt: the text";
    UnexpectedBody, "MaxMessageLengthExceeded", 400, "Your request was too big.", "Copying Parts, https://support.huaweicloud.com/api-obs/; doubt: UnexpectedContent is possible too";
    MissingBody, "MissingRequestBodyError", 400, "Request body is empty.", S3;
    MalformedXml, "MalformedXML", 400, MALFORMED, S3;
    TooManyKeys, "MalformedXML", 400, MALFORMED, S3;
    XmlTooLong, "MalformedXML", 400, MALFORMED, SILENT;
    EmptyManifest, "MalformedXML", 400, MALFORMED, SILENT;
    InvalidTag, "InvalidTag", 400, "The tag you have provided is invalid.", "doubt: the text";
    MixedAges, "InvalidRequest", 400, "Days and dates cannot be mixed in one rule.", "n/a: days and dates are not told apart";
    PartOrder, "InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts must be ordered by part number.", WORDED;
    ListedPartNumber, "InvalidPart", 400, NO_PART, "doubt: no page says; a part of such a number was never uploaded";
    InvalidPart, "InvalidPart", 400, NO_PART, SEEN;
    NotSequential, "InvalidPart", 400, "The parts must come one after the other.", NEVER;
    PartTooSmall, "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size", WORDED;
    TooLarge, "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size", WORDED;
    InvalidDigest, "InvalidDigest", 400, "The Content-MD5 you specified was invalid.", S3;
    DigestMismatch, "BadDigest", 400, BAD_DIGEST, WORDED;
    Crc64Mismatch, "InvalidCRC64", 400, "The CRC64 you specified did not match what we received.", "constant in https://github.com/huaweicloud/huaweicloud-sdk-java-obs; doubt: the text";
    Sha256Mismatch, "BadDigest", 400, BAD_DIGEST, "doubt: XAmzContentSHA256Mismatch is possible too";
    ChecksumMismatch, "BadDigest", 400, "The checksum you specified did not match the calculated checksum.", CHECKSUMS;
    BrokenFrame, "InvalidRequest", 400, "The aws-chunked framing of the body is broken.", FRAMES;
    MissingContentLength, "MissingContentLength", 411, "You must provide the Content-Length HTTP header.", WORDED;
    InvalidContentLength, "InvalidContentLength", 400, "The Content-Length HTTP header is not valid.", WORDED;
    ManyContentLengths, "MultipleContentLengths", 400, "The request has more than one Content-Length HTTP header.", WORDED;
    IncompleteBody, "IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header", WORDED;
    BodyStalled, "RequestTimeout", 408, STALLED, WORDED;
    BucketTaken, "BucketAlreadyExists", 409, TAKEN, WORDED;
    BucketYours, "BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it.", "Creating a Bucket, https://support.huaweicloud.com/api-obs/; doubt: that a bucket of one's own in another region is refused so; the text";
    BucketHoldsObjects, "BucketNotEmpty", 409, NOT_EMPTY, WORDED;
    BucketHoldsUploads, "BucketNotEmpty", 409, NOT_EMPTY, WORDED;
    BucketOfAnotherAccount, "InvalidBucketName", 400, "The specified bucket is not valid.", NEVER;
    TooManyBuckets, "TooManyBuckets", 400, "You have attempted to create more buckets than allowed.", WORDED;
    WrongLocation, "IllegalLocationConstraintException", 400, "The  location constraint is incompatible for the region specific endpoint this request was sent to.", SEEN;
    UnknownAccessKey, "InvalidAccessKeyId", 403, "The OBS Access Key Id you provided does not exist in our records.", WORDED;
    SignatureMismatch, "SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method.", SEEN;
    UnsignedHeaders, "AccessDenied", 403, "There were headers present in the request which were not signed", "doubt: S3's code and text";
    ClockSkew, "RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large.", SEEN;
    Expired, "AccessDenied", 403, "Request has expired", WORDED;
    MissingDate, "AccessDenied", 403, NO_DATE, WORDED;
    InvalidDate, "AccessDenied", 403, NO_DATE, WORDED;
    InvalidExpires, "AccessDenied", 403, "Invalid date (should be seconds since epoch)", "doubt: the code and the text";
    MalformedAuthorization, "InvalidArgument", 400, "Authorization header is invalid", SILENT;
    UnsupportedScheme, "InvalidArgument", 400, "Unsupported Authorization Type", SDK;
    IncompleteSignedUrl, "AccessDenied", 403, "Query-string authentication requires the Signature, Expires and AccessKeyId parameters", SILENT;
    TwoProofs, "InvalidArgument", 400, "Only one auth mechanism allowed", NEVER;
    InvalidSignatureField, "InvalidArgument", 400, "Authorization is invalid", SILENT;
    InvalidToken, "InvalidSecurity", 403, "The provided security credentials are not valid.", WORDED;
    ForeignToken, "InvalidSecurity", 403, "The provided security credentials are not valid.", "n/a: a token of another key is wrong like any other";
    ExpiredToken, "ExpiredToken", 400, "The provided token has expired.", "doubt: the code is in no table";
    MethodNotAllowed, "MethodNotAllowed", 405, "Specified method is not supported.", CODES;
    NotImplemented, "NotImplemented", 501, "A header you provided implies functionality that is not implemented.", "not modelled by this fake";
    Internal, "InternalError", 500, "We encountered an internal error. Please try again.", WORDED;
    Unavailable, "ServiceUnavailable", 503, "Please reduce your request rate.", WORDED;
    SlowDown, "SlowDown", 503, "Please reduce your request rate.", WORDED;
};

/// What the AWS face codes or words otherwise.
const AWS_ROWS: &[ErrorRow] = error_rows! {
    KeyTooLong, "KeyTooLong", 400, "Your key is too long", S3;
    Sha256Mismatch, "XAmzContentSHA256Mismatch", 400, "The provided content-sha256 does not match what was computed", "seen in https://github.com/langgenius/dify/issues/13354";
    BodyStalled, "RequestTimeout", 400, STALLED, S3;
    UnknownAccessKey, "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records.", SEEN;
    MissingDate, "AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header", SEEN;
    InvalidDate, "AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header", S3;
};

/// Settings that were never made, by the code each is refused with.
const SETTING_ROWS: &[ErrorRow] = error_rows! {
    NoSuchSetting, "NoSuchBucketPolicy", 404, "The bucket policy does not exist", WORDED;
    NoSuchSetting, "NoSuchCORSConfiguration", 404, "The CORS configuration does not exist", WORDED;
    NoSuchSetting, "NoSuchEncryptionConfiguration", 404, "The server side encryption configuration was not found", "Obtaining Bucket Encryption Configuration, https://support.huaweicloud.com/api-obs/; doubt: the text";
    NoSuchSetting, "NoSuchTagSet", 404, "The TagSet does not exist", "Obtaining Bucket Tags, https://support.huaweicloud.com/api-obs/; doubt: the text";
    NoSuchSetting, "NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration", WORDED;
};

/// An algorithm that is none.
const ENCRYPTION_ROWS: &[ErrorRow] = error_rows! {
    InvalidArgument, "InvalidEncryptionAlgorithmError", 400, "The encryption request you specified is not valid.", "Error Codes, https://github.com/huaweicloudDocs/obs; doubt: the text";
};

/// The row for a refusal, as a face words it.
pub(super) fn row(face: Face, refusal: &Refusal) -> &'static ErrorRow {
    let kind = refusal.kind();
    let own = match refusal {
        Refusal::InvalidArgument { name, .. } if *name == ENCRYPTION_HEADERS[0] => ENCRYPTION_ROWS.first(),
        Refusal::NoSuchSetting { setting, .. } => SETTING_ROWS.iter().find(|row| row.code == *setting),
        _ => AWS_ROWS.iter().find(|row| face == Face::Aws && row.refusal == kind),
    };
    own.unwrap_or_else(|| row::find(ROWS, kind))
}

pub(super) fn refuse(context: &Context<'_>, refusal: &Refusal) -> Reply {
    let face = Face::of(context.head);
    let row = row(face, refusal);
    if let Refusal::NotModified { etag, modified } = refusal {
        let reply = head_of(context, row.status);
        return match context.op {
            Some(Op::GetObject | Op::HeadObject) => {
                reply.with("etag", format!("\"{etag}\"")).with("last-modified", date::http(*modified))
            }
            _ => reply,
        };
    }
    let message = message(face, refusal);
    let message = message.as_deref().unwrap_or(row.message);
    let ids = match refusal {
        // Seen so: refused before the request had been given an id that its document could show.
        Refusal::MissingDate => Default::default(),
        _ => ids(context),
    };
    let extras = extras(face, context.op, refusal);
    documented(context, &Wording { status: row.status, code: row.code, message }, ids, extras)
}

/// An error reply in these words.
pub(super) fn word(context: &Context<'_>, wording: &Wording<'_>) -> Reply {
    documented(context, wording, ids(context), Vec::new())
}

fn ids(context: &Context<'_>) -> (String, String) {
    (super::request_id(context), super::host_id(context))
}

fn documented(
    context: &Context<'_>,
    wording: &Wording<'_>,
    (request_id, host_id): (String, String),
    extras: Vec<(&'static str, String)>,
) -> Reply {
    let reply = head_of(context, wording.status);
    if context.head.method == "HEAD" {
        let face = Face::of(context.head);
        // Doubt: the length a `HEAD` announces.
        return reply
            .with(&face.named("error-code"), wording.code)
            .with(&face.named("error-message"), wording.message)
            .with_no_body();
    }
    let mut children = vec![
        Element::text("Code", wording.code),
        Element::text("Message", wording.message),
        Element::text("RequestId", request_id),
        Element::text("HostId", host_id),
    ];
    children.extend(extras.into_iter().map(|(name, value)| Element::text(name, value)));
    let document = xml::write(&Element::of("Error", children), &LAYOUT);
    reply.with("content-type", "application/xml").with_body(document)
}

/// Messages that depend on the facts.
fn message(face: Face, refusal: &Refusal) -> Option<String> {
    let Refusal::InvalidArgument { name, .. } = refusal else { return None };
    match *name {
        "max-parts" | "max-uploads" | "max-keys" | "part-number-marker" => {
            Some(format!("Argument {name} must be an integer between 0 and 2147483647"))
        }
        "x-obs-copy-source-range" => Some(format!(
            "The {} value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            face.spelled(name)
        )),
        "encoding-type" => Some("Invalid Encoding Method specified in Request".to_owned()),
        _ => None,
    }
}

/// The elements behind `HostId`, in alphabetical order. Doubt: all but those of a missing bucket, key or upload, of a
/// skewed clock, of a wrong signature and of a condition on a download.
///
/// # Source
/// "Downloading Objects", sample response 4, <https://github.com/opentelekomcloud-docs/object-storage-service>, read 2026-11-21, for
/// `Condition`. Doubt: what it is called where the condition is on the source of a copy; here as Amazon S3 calls it.
fn extras(face: Face, op: Option<Op>, refusal: &Refusal) -> Vec<(&'static str, String)> {
    let argument =
        |name: &str, value: &str| vec![("ArgumentName", face.spelled(name)), ("ArgumentValue", value.to_owned())];
    match refusal {
        Refusal::NoSuchBucket { bucket }
        | Refusal::BucketTaken { bucket }
        | Refusal::BucketYours { bucket }
        | Refusal::BucketHoldsObjects { bucket }
        | Refusal::BucketHoldsUploads { bucket } => vec![("BucketName", bucket.to_string())],
        Refusal::NoSuchSetting { bucket, .. } | Refusal::NoSuchLifecycle { bucket } => {
            vec![("BucketName", bucket.to_string())]
        }
        Refusal::InvalidBucketName { bucket } => vec![("BucketName", bucket.clone())],
        Refusal::NoSuchKey { key } => vec![("Key", key.clone())],
        Refusal::NoSuchUpload { upload } => vec![("UploadId", upload.clone())],
        Refusal::EmptyUploadId => vec![("UploadId", String::new())],
        Refusal::InvalidPartNumber { given } => argument("partNumber", given),
        Refusal::MissingPartNumber => argument("partNumber", ""),
        Refusal::InvalidArgument { name, value } => argument(name, value),
        Refusal::UnrecognisedParameter { name, value } => argument(name, value),
        Refusal::InvalidCopySource { given } => argument("x-obs-copy-source", given),
        Refusal::UnknownAccessKey { id } => vec![(access_key_id(face), id.clone())],
        Refusal::SignatureMismatch { facts } => mismatch(face, facts),
        Refusal::UnsignedHeaders { names } => vec![("HeadersNotSigned", names.join(", "))],
        Refusal::ClockSkew { request, server } => vec![
            ("MaxAllowedSkewMilliseconds", "900000".to_owned()),
            ("RequestTime", request.clone()),
            ("ServerTime", date::iso_millis(*server)),
        ],
        Refusal::Expired { expires, server } => {
            vec![("Expires", expires.clone()), ("ServerTime", date::iso_millis(*server))]
        }
        Refusal::MalformedAuthorization { given: scheme } | Refusal::UnsupportedScheme { scheme } => {
            argument("Authorization", &first_word(scheme))
        }
        Refusal::PreconditionFailed { condition } => {
            let of_source = matches!(op, Some(Op::CopyObject | Op::UploadPartCopy));
            let name =
                if of_source { face.named(&format!("copy-source-{condition}")) } else { (*condition).to_owned() };
            vec![("Condition", name)]
        }
        Refusal::MethodNotAllowed { resource, .. } => vec![("ResourceType", resource_type(*resource).to_owned())],
        _ => Vec::new(),
    }
}

fn access_key_id(face: Face) -> &'static str {
    match face {
        Face::Obs => "AccessKeyId",
        Face::Aws => "AWSAccessKeyId",
    }
}

fn mismatch(face: Face, facts: &Mismatch) -> Vec<(&'static str, String)> {
    let bytes = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let canonical = facts.canonical.clone().map(|canonical| ("CanonicalRequest", canonical));
    let rest = [
        ("SignatureProvided", facts.provided.clone()),
        ("StringToSign", facts.string_to_sign.clone()),
        ("StringToSignBytes", bytes(&facts.string_to_sign)),
    ];
    [(access_key_id(face), facts.access_key.clone())].into_iter().chain(canonical).chain(rest).collect()
}

/// What a broken `Authorization` begins with: the rest may be somebody's secret in the wrong place.
fn first_word(given: &str) -> String {
    given.split_whitespace().next().unwrap_or_default().chars().take(20).collect()
}

fn resource_type(resource: Resource) -> &'static str {
    match resource {
        Resource::Service => "SERVICE",
        Resource::Bucket => "BUCKET",
        Resource::Object => "OBJECT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::date::HttpDates;
    use crate::{
        dialect::{Dialect, Realm, obs::Obs},
        store::{Entropy, Timestamp},
        wire::head::Head,
    };

    fn document(authorization: &str, refusal: &Refusal) -> String {
        let request = http::Request::get("/k").header("authorization", authorization).body(()).unwrap();
        let head = Head::new(request.into_parts().0, crate::wire::query::Plus::Plus);
        let realm = Realm { region: String::new(), service_host: String::new(), domains: [].into() };
        let date = Timestamp::from_secs(1_701_508_087);
        let context = Context {
            head: &head,
            realm: &realm,
            op: None,
            date,
            dates: &HttpDates::default(),
            elapsed_millis: 0,
            entropy: Entropy([1; 4]),
        };
        let reply = Obs.refuse(&context, refusal);
        String::from_utf8(reply.body.into_iter().flatten().collect()).unwrap()
    }

    #[test]
    fn the_face_words_what_it_refuses() {
        let unknown = Refusal::UnknownAccessKey { id: "ak".into() };
        let obs = document("OBS ak:sig", &unknown);
        assert!(
            obs.contains("The OBS Access Key Id") && obs.ends_with("<AccessKeyId>ak</AccessKeyId></Error>"),
            "{obs}"
        );
        let aws = document("AWS ak:sig", &unknown);
        assert!(
            aws.contains("The AWS Access Key Id") && aws.ends_with("<AWSAccessKeyId>ak</AWSAccessKeyId></Error>"),
            "{aws}"
        );
        let dateless = document("AWS ak:sig", &Refusal::MissingDate);
        assert!(
            dateless.ends_with("x-amz-date header</Message><RequestId></RequestId><HostId></HostId></Error>"),
            "{dateless}"
        );
    }

    #[test]
    fn a_skewed_clock_is_shown_beside_the_right_one() {
        let request = "Sat, 02 Dec 2023 09:24:07 GMT".to_owned();
        let skewed =
            document("OBS ak:sig", &Refusal::ClockSkew { request, server: Timestamp::from_secs(1_701_508_087) });
        let extras = "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds><RequestTime>Sat, 02 Dec 2023 09:24:07 GMT</RequestTime><ServerTime>2023-12-02T09:08:07.000Z</ServerTime></Error>";
        assert!(skewed.ends_with(extras), "{skewed}");
    }

    #[test]
    fn secrets_in_the_wrong_place_are_not_shown() {
        let given = "OBS a-secret-key".to_owned();
        let refused = document("OBS x", &Refusal::MalformedAuthorization { given });
        assert!(refused.ends_with("<ArgumentValue>OBS</ArgumentValue></Error>"), "{refused}");
    }
}
