//! How COS refuses: one row for each refusal, the extra elements, and the reply they make.
//!
//! The body's children are `Code`, `Message`, the extras, `Resource` (host and path, no query), `RequestId`, `TraceId`. A
//! `HEAD` has no body, so its code is lost.
//!
//! # Source
//! "Error Codes", <https://cloud.tencent.com/document/product/436/7730>, for codes and statuses; the page prints few of the
//! texts, the others are from recorded replies, or our own.

use super::{
    body::{ERROR, head_of},
    face::Face,
};
use crate::{
    dialect::{
        Context,
        row::{self, ErrorRow, Wording, error_rows},
    },
    store::{Action, Mismatch, Op, Refusal},
    wire::{
        date,
        encode::unescape,
        reply::Reply,
        xml::{self, Element, is_illegal},
    },
};

const ERRORS: &str = "Error Codes, https://cloud.tencent.com/document/product/436/7730";
const OUR_TEXT: &str = "Error Codes, https://cloud.tencent.com/document/product/436/7730; doubt: the text";
const COMPLETE: &str =
    "Complete Multipart Upload, https://cloud.tencent.com/document/product/436/7742; doubt: the text";
const RAPID: &str = "the same operation of Rapid buckets, https://cloud.tencent.com/document/product/436/139712; doubt: the standard ones";
const RECORDED: &str =
    "recorded replies in https://github.com/tencentyun/cos-nodejs-sdk-v5/issues and cos-php-sdk-v5/issues";
const S3_FACE: &str = "doubt: said through the S3-compatible face only, of whose errors no page tells";
const MALFORMED_REQUEST: &str = "Error Codes, https://cloud.tencent.com/document/product/436/7730, spelled BadRquest there; doubt: when it is said, the text";
const LENGTHS: &str = "doubt: no page says; the code of headers that will not do";
const NEVER: &str = "n/a: no request to COS is refused so";
const CHECKSUMS: &str = "doubt: the code is S3's, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; the services are reported to ignore checksums, https://github.com/milvus-io/milvus-storage/pull/500";
const FRAMES: &str = "n/a: COS refuses such bodies unread; the code is S3's, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html";

const DENIED: &str = "Access Denied.";
const MALFORMED: &str = "The XML you provided was not well-formed or did not validate against our published schema.";

#[rustfmt::skip]
pub(super) const ROWS: &[ErrorRow] = error_rows! {
    NoSuchBucket, "NoSuchBucket", 404, "The specified bucket does not exist.", ERRORS;
    NoSuchKey, "NoSuchKey", 404, "The specified key does not exist.", ERRORS;
    NoSuchVersion, "NoSuchVersion", 404, "The specified version does not exist.", "n/a: copying from a version is not modelled";
    NoSuchSetting, "NoSuchConfiguration", 404, "The specified configuration does not exist.", "n/a: each setting has a code of its own";
    NoSuchLifecycle, "NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist.", "GET Bucket lifecycle, https://cloud.tencent.com/document/product/436/8278";
    NoSuchUpload, "NoSuchUpload", 404, "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.", OUR_TEXT;
    Anonymous, "AccessDenied", 403, DENIED, ERRORS;
    NotGranted, "AccessDenied", 403, DENIED, ERRORS;
    OtherAccount, "AccessDenied", 403, DENIED, ERRORS;
    NotInitiator, "AccessDenied", 403, DENIED, "n/a: to COS all that counts is the grant; said where a test chose that rule";
    NoCorsRule, "AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket.", "OPTIONS Object, https://cloud.tencent.com/document/product/436/8288: the status; doubt: the code and the text";
    PathStyle, "PathStyleDomainForbidden", 403, "The bucket you are attempting to access must be addressed using COS virtual-styled domain.", "https://cloud.tencent.com/document/product/436/102489";
    ForeignHost, "InvalidRequest", 400, "The requested host is not a domain of COS.", "doubt: such a request never reaches COS";
    WrongRegion, "NoSuchBucket", 404, "The specified bucket does not exist.", "n/a: another region is as good as no bucket";
    NotAccelerated, "BucketAccelerateNotEnabled", 400, "Global acceleration is not enabled for the bucket.", OUR_TEXT;
    AcceleratedManagement, "ActionAccelerateNotSupported", 400, "The operation is not supported through the accelerated domain.", OUR_TEXT;
    HostCreatesNoBuckets, "InvalidRequest", 400, "The requested host is not a domain of COS.", NEVER;
    InvalidBucketName, "InvalidBucketName", 400, "The specified bucket is not valid.", OUR_TEXT;
    BucketWithoutAccount, "InvalidRequest", 400, "Missing required header for this request: Appid, Bucket format should be <bucketname>-<appid>", RECORDED;
    EmptyKey, "InvalidArgument", 400, "The object key must not be empty.", "doubt: the vendor's Go SDK warns that an abort without a key may delete the bucket";
    KeyTooLong, "KeyTooLong", 400, "Your key is too long.", "Error Codes, https://cloud.tencent.com/document/product/436/7730; doubt: a draft has InvalidURI";
    InvalidKey, "InvalidObjectName", 400, "The specified object name is not valid.", OUR_TEXT;
    InvalidTarget, "InvalidURI", 400, "Couldn't parse the specified URI.", OUR_TEXT;
    InvalidQuery, "InvalidURI", 400, "Couldn't parse the specified URI.", OUR_TEXT;
    TargetTooLong, "InvalidURI", 400, "Couldn't parse the specified URI.", "doubt: no page says; the code of targets that will not do";
    HeadTooLarge, "BadRequest", 400, "The headers of the request are too large.", MALFORMED_REQUEST;
    MalformedRequest, "BadRequest", 400, "An error occurred when parsing the HTTP request.", MALFORMED_REQUEST;
    InvalidPartNumber, "InvalidArgument", 400, "Part number must be an integer between 1 and 10000, inclusive.", RAPID;
    MissingPartNumber, "InvalidArgument", 400, "Part number must be an integer between 1 and 10000, inclusive.", "doubt: no page says";
    EmptyUploadId, "ListPartUploadIdIsEmpty", 400, "The upload ID must not be empty.", OUR_TEXT;
    InvalidArgument, "InvalidArgument", 400, "Invalid Argument.", OUR_TEXT;
    UnrecognisedParameter, "InvalidArgument", 400, "Invalid Argument.", NEVER;
    InvalidDelimiter, "InvalidDelimiter", 400, "The delimiter must be a single character.", OUR_TEXT;
    InvalidStorageClass, "NotSupportedStorageClass", 400, "The storage class you specified is not supported.", OUR_TEXT;
    MissingHeader, "InvalidRequest", 400, "Missing required header for this request.", RECORDED;
    MetadataTooLarge, "InvalidArgument", 400, "Your metadata headers exceed the maximum allowed metadata size.", "doubt: the limit is documented, its code is not";
    InvalidCopySource, "InvalidArgument", 400, "The copy source is not valid.", "Upload Part - Copy, https://cloud.tencent.com/document/product/436/8287; doubt: the list has InvalidCopySource";
    InvalidRange, "InvalidRange", 416, "The requested range cannot be satisfied.", OUR_TEXT;
    PreconditionFailed, "PreconditionFailed", 412, "PreconditionFailed", ERRORS;
    NotModified, "NotModified", 304, "Not Modified", "GET Object, https://cloud.tencent.com/document/product/436/7753";
    ObjectExists, "FileAlreadyExists", 409, "The specified file already exists.", OUR_TEXT;
    Archived, "InvalidObjectState", 403, "The operation is not valid for the object storage class.", "GET Object, https://cloud.tencent.com/document/product/436/7753";
    NotAppendable, "ObjectNotAppendable", 409, "The object is not appendable.", OUR_TEXT;
    AppendPosition, "AppendPositionErr", 409, "Position is not equal to the object length.", OUR_TEXT;
    AppendTooLarge, "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size", "APPEND Object, https://cloud.tencent.com/document/product/436/7741; doubt: the code";
    MissingBody, "MissingRequestBodyError", 400, "Request body is empty.", OUR_TEXT;
    MalformedXml, "MalformedXML", 400, MALFORMED, ERRORS;
    TooManyKeys, "MalformedXML", 400, "delete key size is greater than 1000", "DELETE Multiple Objects, https://cloud.tencent.com/document/product/436/8289";
    XmlTooLong, "XMLSizeLimit", 400, "The XML you provided is too long.", OUR_TEXT;
    UnexpectedBody, "UnexpectedContent", 400, "This request does not support content.", NEVER;
    EmptyManifest, "InvalidArgument", 400, "The list of parts must not be empty.", RAPID;
    InvalidTag, "InvalidTag", 400, "The tag you have provided is invalid.", "doubt: the text";
    MixedAges, "InvalidRequest", 400, "Days and dates cannot be mixed in one rule.", "n/a: days and dates are not told apart";
    PartOrder, "InvalidPartOrder", 400, "The list of parts was not in ascending order.", COMPLETE;
    ListedPartNumber, "InvalidArgument", 400, "Part number must be an integer between 1 and 10000, inclusive.", "doubt: taken to be as in Upload Part";
    InvalidPart, "InvalidPart", 400, "One or more of the specified parts could not be found.", COMPLETE;
    NotSequential, "InvalidPart", 400, "The parts must come one after the other.", "n/a: no request to COS is refused so";
    PartTooSmall, "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed object size.", "Error Codes, https://cloud.tencent.com/document/product/436/7730; doubt: no longer in Complete Multipart Upload since 2025";
    TooLarge, "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size", ERRORS;
    InvalidDigest, "InvalidDigest", 400, "The Content-MD5 you specified is not valid.", OUR_TEXT;
    DigestMismatch, "BadDigest", 400, "The Content-MD5 you specified is not match.", RECORDED;
    Crc64Mismatch, "BadDigest", 400, "The CRC-64 you specified is not match.", NEVER;
    Sha256Mismatch, "XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed.", S3_FACE;
    ChecksumMismatch, "BadDigest", 400, "The checksum you specified did not match the calculated checksum.", CHECKSUMS;
    BrokenFrame, "InvalidRequest", 400, "The aws-chunked framing of the body is broken.", FRAMES;
    MissingContentLength, "MissingContentLength", 411, "You must provide the Content-Length HTTP header.", ERRORS;
    InvalidContentLength, "InvalidArgument", 400, "The Content-Length HTTP header is not valid.", LENGTHS;
    ManyContentLengths, "InvalidArgument", 400, "The request has more than one Content-Length HTTP header.", LENGTHS;
    IncompleteBody, "IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header.", OUR_TEXT;
    BodyStalled, "RequestTimeout", 400, "Your socket connection to the server was not read from or written to within the timeout period.", OUR_TEXT;
    BucketTaken, "BucketAlreadyExists", 409, "The requested bucket name is not available.", ERRORS;
    BucketYours, "BucketAlreadyOwnedByYou", 409, "The bucket you tried to create already exists, and you own it.", OUR_TEXT;
    BucketOfAnotherAccount, "AccessDenied", 403, DENIED, "Bucket Overview, https://cloud.tencent.com/document/product/436/13312: a name ends in the APPID of its account; doubt: the code";
    TooManyBuckets, "TooManyBuckets", 400, "You have attempted to create more buckets than allowed.", OUR_TEXT;
    WrongLocation, "InvalidRegionName", 400, "The specified region is not valid.", S3_FACE;
    BucketHoldsObjects, "BucketNotEmpty", 409, "The bucket you tried to delete is not empty.", OUR_TEXT;
    BucketHoldsUploads, "BucketNotEmpty", 409, "The bucket you tried to delete is not empty.", OUR_TEXT;
    UnknownAccessKey, "InvalidAccessKeyId", 403, "The Access Key Id you provided does not exist in our records", RECORDED;
    SignatureMismatch, "SignatureDoesNotMatch", 403, "The Signature you specified is invalid.", RECORDED;
    UnsignedHeaders, "AccessDenied", 403, "There were headers present in the request which were not signed", S3_FACE;
    ClockSkew, "RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large.", OUR_TEXT;
    Expired, "AccessDenied", 403, "Request has expired", RECORDED;
    MissingDate, "AccessDenied", 403, DENIED, S3_FACE;
    InvalidDate, "AccessDenied", 403, DENIED, S3_FACE;
    InvalidExpires, "AccessDenied", 403, DENIED, NEVER;
    MalformedAuthorization, "AccessDenied", 403, DENIED, "Request Signature; doubt: InvalidArgument is possible too";
    UnsupportedScheme, "AccessDenied", 403, DENIED, S3_FACE;
    IncompleteSignedUrl, "AccessDenied", 403, DENIED, "Request Signature; doubt: InvalidArgument is possible too";
    TwoProofs, "AccessDenied", 403, DENIED, "n/a: of two signatures the one in the header counts";
    InvalidSignatureField, "AccessDenied", 403, DENIED, S3_FACE;
    InvalidToken, "AccessDenied", 403, DENIED, "doubt: no page names a code";
    ForeignToken, "AccessDenied", 403, DENIED, "n/a: a token of another key is wrong like any other";
    ExpiredToken, "ExpiredToken", 400, "The provided token has expired.", "Error Codes, https://cloud.tencent.com/document/product/436/7730; doubt: 403 in an older list";
    MethodNotAllowed, "MethodNotAllowed", 405, "The specified method is not allowed against this resource.", OUR_TEXT;
    NotImplemented, "NotImplemented", 501, "The request asks for functionality that is not implemented.", "not modelled by this fake";
    Internal, "InternalError", 500, "We encountered an internal error. Please try again.", OUR_TEXT;
    Unavailable, "ServiceUnavailable", 503, "Please reduce your request rate.", OUR_TEXT;
    SlowDown, "SlowDown", 503, "Please reduce your request rate.", OUR_TEXT;
};

/// What a setting that was never made is answered, by the sub-resource that shows it.
#[rustfmt::skip]
const SETTINGS: [(&str, &[ErrorRow]); 8] = [
    ("cors", error_rows! { NoSuchSetting, "NoSuchCORSConfiguration", 404, "The CORS configuration does not exist.", OUR_TEXT; }),
    ("encryption", error_rows! { NoSuchSetting, "NoSuchEncryptionConfiguration", 404, "The encryption configuration does not exist.", OUR_TEXT; }),
    ("inventory", error_rows! { NoSuchSetting, "NoSuchConfiguration", 404, "The specified configuration does not exist.", "GET Bucket inventory; doubt: the text"; }),
    ("policy", error_rows! { NoSuchSetting, "NoSuchBucketPolicy", 404, "The bucket policy does not exist.", OUR_TEXT; }),
    ("referer", error_rows! { NoSuchSetting, "NoSuchRefererConfiguration", 404, "The referer configuration does not exist.", "`getBucketReferer` in https://github.com/tencentyun/cos-nodejs-sdk-v5 (2.14.7); doubt: the text"; }),
    ("replication", error_rows! { NoSuchSetting, "ReplicationConfigurationNotFoundError", 404, "The replication configuration does not exist.", "doubt: the letter case of the code"; }),
    ("tagging", error_rows! { NoSuchSetting, "NoSuchTagSet", 404, "The tag set does not exist.", "`getBucketTagging` in https://github.com/tencentyun/cos-nodejs-sdk-v5 (2.14.7) and its test; the page says NoSuchTagSetError"; }),
    ("website", error_rows! { NoSuchSetting, "NoSuchWebsiteConfiguration", 404, "The website configuration does not exist.", OUR_TEXT; }),
];

/// What a setting that was never made is answered, with the name of its sub-resource; none if it is no such setting.
pub(super) fn of_setting(name: &str) -> Option<(&'static str, &'static ErrorRow)> {
    SETTINGS.into_iter().find(|(found, _)| *found == name).map(|(name, rows)| (name, &rows[0]))
}

/// The row that words a refusal.
pub(super) fn row(refusal: &Refusal) -> &'static ErrorRow {
    let of_its_own = match refusal {
        Refusal::NoSuchSetting { setting, .. } => of_setting(setting).map(|(_, row)| row),
        _ => None,
    };
    of_its_own.unwrap_or_else(|| row::find(ROWS, refusal.kind()))
}

pub(super) fn refuse(context: &Context<'_>, refusal: &Refusal) -> Reply {
    let row = row(refusal);
    if let Refusal::NotModified { etag, modified } = refusal {
        let reply = head_of(context, row.status);
        return reply.with("etag", format!("\"{etag}\"")).with("last-modified", date::http(*modified));
    }
    let message = message(context.op, refusal);
    let message = message.as_deref().unwrap_or(row.message);
    word(context, &Wording { status: row.status, code: row.code, message }, extras(context, row, refusal))
}

/// An error reply in these words.
pub(super) fn word(context: &Context<'_>, wording: &Wording<'_>, extras: Vec<Element>) -> Reply {
    let reply = head_of(context, wording.status);
    let (request_id, trace_id) = (super::request_id(context), super::trace_id(context));
    let mut children = vec![Element::text("Code", wording.code), Element::text("Message", wording.message)];
    children.extend(extras);
    children.extend([
        Element::text("Resource", resource(context)),
        Element::text("RequestId", request_id),
        Element::text("TraceId", &*trace_id),
    ]);
    reply
        .with("content-type", "application/xml")
        .with("x-cos-trace-id", trace_id)
        .with_body(xml::write(&Element::of("Error", children), &ERROR))
}

/// Messages that depend on the facts.
fn message(op: Option<Op>, refusal: &Refusal) -> Option<String> {
    let copies = matches!(op, Some(Op::CopyObject | Op::UploadPartCopy));
    match refusal {
        Refusal::MissingHeader { name } => Some(format!("Missing required header for this request: {name}")),
        Refusal::NotGranted { action: Action::GetObject } | Refusal::OtherAccount { action: Action::GetObject }
            if copies =>
        {
            Some("You have no authority to read the source file".to_owned())
        }
        _ => None,
    }
}

/// The elements between `Message` and `Resource`.
fn extras(context: &Context<'_>, row: &ErrorRow, refusal: &Refusal) -> Vec<Element> {
    match refusal {
        Refusal::SignatureMismatch { facts } => mismatch(Face::of(context.head), facts),
        Refusal::UnsignedHeaders { names } => {
            vec![Element::text("HeadersNotSigned", names.join(", ")), server_time(context)]
        }
        _ if row.code == "AccessDenied" => vec![server_time(context)],
        _ => Vec::new(),
    }
}

fn server_time(context: &Context<'_>) -> Element {
    Element::text("ServerTime", date::iso_seconds(context.date))
}

/// Doubt: that the S3 face names the second string as S3 does.
fn mismatch(face: Face, facts: &Mismatch) -> Vec<Element> {
    let canonical = facts.canonical.as_deref().unwrap_or_default();
    let name = if face == Face::Aws { "CanonicalRequest" } else { "FormatString" };
    vec![Element::text("StringToSign", &*facts.string_to_sign), Element::text(name, canonical)]
}

/// Host and path. A path that XML cannot carry is shown as it came, escapes and all.
fn resource(context: &Context<'_>) -> String {
    let raw = context.head.raw_path();
    let path = unescape(raw).filter(|path| !path.contains(is_illegal)).unwrap_or_else(|| raw.to_owned());
    format!("{}{path}", context.head.host_and_port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::date::HttpDates;
    use crate::{
        dialect::Realm,
        store::{Entropy, Timestamp},
        wire::head::Head,
    };

    fn refused(refusal: &Refusal, uri: &str) -> String {
        let request = http::Request::delete(uri).header("host", "demo-1250000000.cos.ap-guangzhou.myqcloud.com");
        let head = Head::new(request.body(()).unwrap().into_parts().0, crate::wire::query::Plus::Blank);
        let realm = Realm { region: String::new(), service_host: String::new(), domains: [].into() };
        let date = Timestamp::from_secs(1_700_000_100);
        let entropy = Entropy([0x19bb_940a_d291_410d, 0, 0, 0]);
        let context = Context {
            head: &head,
            realm: &realm,
            op: None,
            date,
            dates: &HttpDates::default(),
            elapsed_millis: 0,
            entropy,
        };
        let reply = refuse(&context, refusal);
        assert_eq!(reply.headers.get("x-cos-trace-id").unwrap().len(), 172);
        let text = String::from_utf8(Vec::from(reply.body).concat()).unwrap();
        let (before, rest) = text.split_once("\t<TraceId>").unwrap();
        before.to_owned() + rest.split_once("</TraceId>\n").unwrap().1
    }

    #[test]
    fn a_mismatch_shows_what_was_signed() {
        let facts = Mismatch {
            access_key: "AKID".into(),
            provided: "0".into(),
            string_to_sign: "sha1\n1700000000;1700010060\nc0a8\n".into(),
            canonical: Some("delete\n/a\nuploadid=1\ncontent-length=0&host=h\n".into()),
        };
        let expected = "<?xml version='1.0' encoding='utf-8' ?>
<Error>
\t<Code>SignatureDoesNotMatch</Code>
\t<Message>The Signature you specified is invalid.</Message>
\t<StringToSign>sha1
1700000000;1700010060
c0a8
</StringToSign>
\t<FormatString>delete
/a
uploadid=1
content-length=0&amp;host=h
</FormatString>
\t<Resource>demo-1250000000.cos.ap-guangzhou.myqcloud.com/a</Resource>
\t<RequestId>NjU1M2YxNjRfMTliYjk0MGFfZDI5MV80MTBk</RequestId>
</Error>

";
        assert_eq!(refused(&Refusal::SignatureMismatch { facts: Box::new(facts) }, "/a?uploadId=1"), expected);
    }

    #[test]
    fn denials_tell_the_time() {
        let server = Timestamp::from_secs(1_700_000_100);
        for refusal in [Refusal::Anonymous, Refusal::Expired { expires: "1".into(), server }] {
            assert!(
                refused(&refusal, "/").contains("\t<ServerTime>2023-11-14T22:15:00Z</ServerTime>\n"),
                "{refusal:?}"
            );
        }
    }

    #[test]
    fn resources_are_decoded_unless_xml_cannot_carry_them() {
        for (path, shown) in [("/a%20b%2F%26", "/a b/&amp;"), ("/a%00", "/a%00"), ("/a%zz", "/a%zz")] {
            let resource = format!("myqcloud.com{shown}</Resource>");
            assert!(refused(&Refusal::InvalidKey, path).contains(&resource), "{path}");
        }
    }
}
