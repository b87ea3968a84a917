//! What a request to COS asks for: which operation, and with which parameters.
//!
//! # Source
//! The pages of the single operations below "API Documentation", <https://cloud.tencent.com/document/product/436/7751>:
//! 7746 Initiate, 7750 Upload Part, 8287 Upload Part - Copy, 7747 List Parts, 7736 List Multipart Uploads, 7742 Complete,
//! 7740 Abort.

use super::{address, sign};
use crate::{
    dialect::{
        Address, Asked, BodyAsked, BodyKind, Encoding,
        reading::{self, BeyondLimit, MetadataSpelling},
    },
    store::{
        ByteRange, Command, Conditions, CopySource, Metadata, Op, PageAsked, RangeAsked, Refusal, Resource, Rules,
        Unchanged, Unusable, UploadId,
    },
    wire::head::Head,
};

/// Sub-resources that are not modelled. Asking for one of them is refused, never overlooked.
#[rustfmt::skip]
const UNMODELLED: [&str; 28] = [
    "accelerate", "acl", "append", "ci-process", "cors", "domain", "domaincertificate", "encryption", "intelligenttiering",
    "inventory", "lifecycle", "logging", "notification", "object-lock", "origin", "policy", "referer",
    "replication", "restore", "retention", "select", "symlink", "tagging", "torrent", "versionId", "versioning", "versions",
    "website",
];

/// Request headers that change what an operation does and are not modelled.
const UNMODELLED_HEADERS: [&str; 2] = ["pic-operations", "x-cos-callback"];

/// What the names of all headers have that ask for encryption. It is not modelled either.
const ENCRYPTION: &str = "-server-side-encryption";

/// Access rights an object may be given. They are checked, not enforced: who may do what is for a test to grant.
const OBJECT_ACLS: [&str; 3] = ["default", "private", "public-read"];

/// Bits a second a request may ask to be slowed to.
const TRAFFIC_LIMITS: std::ops::RangeInclusive<u64> = 819_200..=838_860_800;

/// Bytes the value of a single user metadata header may have.
const MAX_USER_HEADER: usize = 2 << 10;

const METADATA: MetadataSpelling = MetadataSpelling {
    user_prefix: "x-cos-meta-",
    tags_header: "x-cos-tagging",
    class_header: "x-cos-storage-class",
    classes: &[
        "STANDARD",
        "STANDARD_IA",
        "INTELLIGENT_TIERING",
        "ARCHIVE",
        "DEEP_ARCHIVE",
        "MAZ_STANDARD",
        "MAZ_STANDARD_IA",
        "MAZ_INTELLIGENT_TIERING",
    ],
    max_user: 4 << 10,
    default_type: "application/octet-stream",
};

pub(super) fn route(head: &Head, address: &Address) -> Result<Op, Refusal> {
    let query = &head.query;
    if let Some(what) = unmodelled(head) {
        return Err(Refusal::NotImplemented { what });
    }
    reading::at_most_once(head, &["uploadId", "partNumber", "uploads"])?;
    let copies = head.headers.contains_key("x-cos-copy-source");
    let (uploads, upload) = (query.has("uploads"), query.has("uploadId") || query.has("partNumber"));
    if uploads && upload {
        return Err(Refusal::InvalidArgument { name: "uploads", value: String::new() });
    }
    let not_allowed = |resource| Err(Refusal::MethodNotAllowed { method: head.method.clone(), resource });
    let not_modelled = |what: &str| Err(Refusal::NotImplemented { what: what.to_owned() });
    Ok(match (address, head.method.as_str()) {
        (_, "OPTIONS") => return not_modelled("OPTIONS (CORS preflight)"),
        (Address::Object(_), "POST") if uploads => Op::Initiate,
        (Address::Object(_), "PUT") if upload && copies => Op::UploadPartCopy,
        (Address::Object(_), "PUT") if upload => Op::UploadPart,
        (Address::Object(_), "GET") if upload => Op::ListParts,
        (Address::Object(_), "POST") if upload => Op::Complete,
        (Address::Object(_), "DELETE") if upload => Op::Abort,
        (Address::Object(_), _) if uploads || upload => return not_allowed(Resource::Object),
        (Address::Object(_), "PUT") if copies => Op::CopyObject,
        (Address::Object(_), "PUT") => Op::PutObject,
        (Address::Object(_), "GET") => Op::GetObject,
        (Address::Object(_), "HEAD") => Op::HeadObject,
        (Address::Object(_), "DELETE") => Op::DeleteObject,
        (Address::Object(_), _) => return not_allowed(Resource::Object),
        // An abort whose key is empty must not delete the bucket.
        (Address::Bucket(_), _) if upload => return Err(Refusal::EmptyKey),
        (Address::Bucket(_), "GET") if uploads => Op::ListUploads,
        (Address::Bucket(_), "POST") if query.has("delete") => return not_modelled("POST ?delete"),
        (Address::Bucket(_), "GET") if query.has("location") => Op::LocateBucket,
        (Address::Bucket(_), _) if ["uploads", "delete", "location"].iter().any(|name| query.has(name)) => {
            return not_allowed(Resource::Bucket);
        }
        (Address::Bucket(_), "GET") => Op::ListObjects,
        (Address::Bucket(_), "PUT") => Op::CreateBucket,
        (Address::Bucket(_), "HEAD") => Op::HeadBucket,
        (Address::Bucket(_), "DELETE") => Op::DeleteBucket,
        (Address::Bucket(_), "POST") => return not_modelled("POST object (form upload)"),
        (Address::Bucket(_), _) => return not_allowed(Resource::Bucket),
        (Address::Service, "GET") => Op::ListBuckets,
        (Address::Service, _) => return not_allowed(Resource::Service),
    })
}

/// What a request asks for that is not modelled, whatever else it is.
fn unmodelled(head: &Head) -> Option<String> {
    if sign::is_s3(head) {
        return Some("the S3-compatible protocol".to_owned());
    }
    if let Some(name) = UNMODELLED.iter().find(|name| head.query.has(name)) {
        return Some(format!("{} ?{name}", head.method));
    }
    let names = head.headers.keys().map(http::HeaderName::as_str);
    let mut names = names.filter(|name| UNMODELLED_HEADERS.contains(name) || name.contains(ENCRYPTION));
    names.next().map(str::to_owned)
}

pub(super) fn read(op: Op, head: &Head, address: &Address, rules: &Rules) -> Result<Asked, Refusal> {
    let place = || match address {
        Address::Object(place) => place.clone(),
        Address::Service | Address::Bucket(_) => unreachable!("{} is about an object", op.name()),
    };
    let bucket = || address.bucket().expect("an operation on a bucket").clone();
    let limit = |name| reading::page_limit(head, name, rules.max_page, rules.max_page, BeyondLimit::Refused);
    let overwrite = reading::overwrite(head, "x-cos-forbid-overwrite");
    traffic_limit(head)?;
    let kind = BodyKind::of(op);
    let command = match op {
        Op::Initiate => Command::Initiate { place: place(), metadata: metadata(head)?, overwrite },
        Op::UploadPart => {
            let number = reading::part_number(head)?;
            reading::body_length(head, rules)?;
            Command::UploadPart { place: place(), upload: upload_id(head)?, number }
        }
        Op::UploadPartCopy => {
            let number = reading::part_number(head)?;
            let source = CopySource { range: copy_range(head)?, ..copy_source(head)? };
            Command::UploadPartCopy { place: place(), upload: upload_id(head)?, number, source }
        }
        Op::ListParts => {
            if head.query.get("uploadId") == Some("") {
                return Err(Refusal::EmptyUploadId);
            }
            let (max, after) = (limit("max-parts")?, reading::part_marker(head)?);
            Command::ListParts { place: place(), upload: upload_id(head)?, after, max }
        }
        Op::Complete => Command::Complete { place: place(), upload: upload_id(head)?, overwrite },
        Op::Abort => Command::Abort { place: place(), upload: upload_id(head)? },
        Op::PutObject => {
            reading::body_length(head, rules)?;
            Command::PutObject { place: place(), metadata: metadata(head)?, overwrite }
        }
        Op::CopyObject => {
            let replaced =
                head.header("x-cos-metadata-directive").is_some_and(|how| how.eq_ignore_ascii_case("replaced"));
            let metadata = metadata(head)?;
            let metadata = replaced.then_some(metadata);
            Command::CopyObject { place: place(), source: copy_source(head)?, metadata, overwrite }
        }
        Op::GetObject => {
            let range = head.header("range").and_then(reading::byte_range);
            let range = range.map(|range| RangeAsked { range, unusable: Unusable::Cut });
            Command::GetObject { place: place(), range, conditions: reading::conditions(head, "if-") }
        }
        Op::HeadObject => Command::HeadObject { place: place(), conditions: reading::conditions(head, "if-") },
        Op::DeleteObject => Command::DeleteObject { place: place() },
        Op::ListUploads => {
            let page = short_delimiter(reading::uploads_page(head, limit("max-uploads")?))?;
            Command::ListUploads { bucket: bucket(), page }
        }
        Op::ListObjects => {
            let page = short_delimiter(reading::objects_page(head, limit("max-keys")?))?;
            Command::ListObjects { bucket: bucket(), page }
        }
        Op::CreateBucket => Command::CreateBucket { bucket: bucket() },
        Op::HeadBucket => Command::HeadBucket { bucket: bucket() },
        Op::DeleteBucket => Command::DeleteBucket { bucket: bucket() },
        Op::LocateBucket => Command::LocateBucket { bucket: bucket() },
        Op::ListBuckets => Command::ListBuckets,
        Op::Negotiate => unreachable!("COS has no such request"),
        _ => reading::aside(op, address, None),
    };
    let body = BodyAsked { kind, md5: reading::content_md5(head)?, crc64: None, sha256: None };
    Ok(Asked { command, encoding: encoding(head)?, body })
}

/// The upload id. Doubt: what an empty one is answered is known of List Parts only; elsewhere it is as good as unknown.
fn upload_id(head: &Head) -> Result<UploadId, Refusal> {
    match head.query.get("uploadId") {
        None => Err(Refusal::InvalidArgument { name: "uploadId", value: String::new() }),
        Some("") => Err(Refusal::NoSuchUpload { upload: String::new() }),
        Some(id) => Ok(UploadId::new(id)),
    }
}

fn metadata(head: &Head) -> Result<Metadata, Refusal> {
    if let Some(value) = head.filled("x-cos-acl").filter(|acl| !OBJECT_ACLS.contains(acl)) {
        return Err(Refusal::InvalidArgument { name: "x-cos-acl", value: value.to_owned() });
    }
    let metadata = reading::metadata(head, &METADATA)?;
    let sizes = head.headers_under(METADATA.user_prefix).into_iter().map(|(_, value)| value.len());
    match sizes.max() {
        Some(size) if size > MAX_USER_HEADER => Err(Refusal::MetadataTooLarge { size, max: MAX_USER_HEADER }),
        _ => Ok(metadata),
    }
}

/// Refuses a limit that no request may ask for. Others are accepted and change nothing.
fn traffic_limit(head: &Head) -> Result<(), Refusal> {
    let name = "x-cos-traffic-limit";
    match head.filled(name).or(head.query.filled(name)) {
        Some(value) if !value.parse().is_ok_and(|limit| TRAFFIC_LIMITS.contains(&limit)) => {
            Err(Refusal::InvalidArgument { name, value: value.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The source of a copy, all of it. Every condition that fails is a failed precondition.
fn copy_source(head: &Head) -> Result<CopySource, Refusal> {
    let place = address::source(head.header("x-cos-copy-source").unwrap_or_default())?;
    let conditions = reading::conditions(head, "x-cos-copy-source-if-");
    let conditions = Conditions { unchanged: Unchanged::PreconditionFailed, ..conditions };
    Ok(CopySource { place, range: None, conditions })
}

/// The range of a copy: both ends, and within the source. The vendor's Python SDK sends an empty one for the whole.
fn copy_range(head: &Head) -> Result<Option<RangeAsked>, Refusal> {
    let name = "x-cos-copy-source-range";
    let Some(value) = head.filled(name) else { return Ok(None) };
    match reading::byte_range(value) {
        Some(range @ ByteRange::Between(..)) => Ok(Some(RangeAsked { range, unusable: Unusable::Refused })),
        _ => Err(Refusal::InvalidArgument { name, value: value.to_owned() }),
    }
}

fn short_delimiter(page: PageAsked) -> Result<PageAsked, Refusal> {
    match page.delimiter.chars().count() {
        0 | 1 => Ok(page),
        _ => Err(Refusal::InvalidDelimiter { given: page.delimiter }),
    }
}

fn encoding(head: &Head) -> Result<Encoding, Refusal> {
    match head.query.filled("encoding-type") {
        None => Ok(Encoding::Plain),
        Some("url") => Ok(Encoding::Url),
        Some(other) => Err(Refusal::InvalidArgument { name: "encoding-type", value: other.to_owned() }),
    }
}
