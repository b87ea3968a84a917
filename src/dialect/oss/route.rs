//! What a request to OSS asks for: which operation, and with which parameters.
//!
//! # Source
//! The pages of the single operations below "API reference", <https://www.alibabacloud.com/help/en/oss/developer-reference/>.

use super::sign;
use crate::{
    dialect::{
        Address, Asked, BodyAsked, BodyKind, Encoding,
        reading::{self, BeyondLimit, MetadataSpelling},
    },
    store::{Command, CopySource, Metadata, Op, PageAsked, RangeAsked, Refusal, Resource, Rules, Unusable},
    wire::{encode::unbase64, head::Head},
};

/// Sub-resources that are not modelled, sorted. Asking for one of them is refused, never overlooked.
#[rustfmt::skip]
const UNMODELLED: [&str; 38] = [
    "accessPoint",
    "acl",
    "append",
    "asyncFetch",
    "bucketInfo",
    "cname",
    "comp",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "lifecycle",
    "live",
    "logging",
    "metaQuery",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "qosInfo",
    "referer",
    "regions",
    "replication",
    "requestPayment",
    "resourceGroup",
    "restore",
    "seal",
    "sequential",
    "stat",
    "style",
    "symlink",
    "tagging",
    "transferAcceleration",
    "versionId",
    "versioning",
    "versions",
    "website",
    "worm",
    "x-oss-process",
];

/// Request headers that change what an operation does and are not modelled.
const UNMODELLED_HEADERS: [&str; 2] = ["x-oss-complete-all", "x-oss-callback"];

/// Bytes a prefix, delimiter or marker may have.
const MAX_FILTER: usize = 1023;

const METADATA: MetadataSpelling = MetadataSpelling {
    user_prefix: "x-oss-meta-",
    tags_header: "x-oss-tagging",
    class_header: "x-oss-storage-class",
    classes: &["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"],
    max_user: 8 << 10,
    default_type: "application/octet-stream",
};

pub(super) fn route(head: &Head, address: &Address) -> Result<Op, Refusal> {
    let query = &head.query;
    if sign::is_s3(head) {
        return Err(Refusal::NotImplemented { what: "the S3-compatible protocol".into() });
    }
    let unmodelled = query.pairs().filter_map(|(name, _)| UNMODELLED.binary_search(&name).ok()).min();
    if let Some(what) = unmodelled.map(|at| UNMODELLED[at]) {
        return Err(Refusal::NotImplemented { what: format!("{} ?{what}", head.method) });
    }
    if let Some(what) = UNMODELLED_HEADERS.iter().find(|name| head.headers.contains_key(**name)) {
        return Err(Refusal::NotImplemented { what: (*what).to_owned() });
    }
    reading::at_most_once(head, &["uploadId", "partNumber", "uploads"])?;
    let copies = head.headers.contains_key("x-oss-copy-source");
    let (uploads, upload) = (query.has("uploads"), query.has("uploadId") || query.has("partNumber"));
    if uploads && upload {
        return Err(Refusal::InvalidArgument { name: "uploads", value: String::new() });
    }
    let not_allowed = |resource| Err(Refusal::MethodNotAllowed { method: head.method.clone(), resource });
    Ok(match (address, head.method.as_str()) {
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
        (Address::Bucket(_), _) if upload => return Err(Refusal::EmptyKey),
        (Address::Bucket(_), "GET") if uploads => Op::ListUploads,
        (Address::Bucket(_), "POST") if uploads => return Err(Refusal::EmptyKey),
        (Address::Bucket(_), _) if uploads => return not_allowed(Resource::Bucket),
        (Address::Bucket(_), "GET") if query.has("location") => Op::LocateBucket,
        (Address::Bucket(_), _) if query.has("location") => return not_allowed(Resource::Bucket),
        (Address::Bucket(_), "GET") => Op::ListObjects,
        (Address::Bucket(_), "PUT") => Op::CreateBucket,
        (Address::Bucket(_), "HEAD") => Op::HeadBucket,
        (Address::Bucket(_), "DELETE") => Op::DeleteBucket,
        (Address::Bucket(_), "POST") => {
            return Err(Refusal::NotImplemented { what: "POST object (form upload)".into() });
        }
        (Address::Bucket(_), _) => return not_allowed(Resource::Bucket),
        (Address::Service, "GET") => Op::ListBuckets,
        (Address::Service, _) => return not_allowed(Resource::Service),
    })
}

pub(super) fn read(op: Op, head: &Head, address: &Address, rules: &Rules) -> Result<Asked, Refusal> {
    let query = &head.query;
    for name in ["prefix", "delimiter", "key-marker", "marker"] {
        if let Some(value) = query.get(name).filter(|value| value.len() > MAX_FILTER) {
            return Err(Refusal::InvalidArgument { name, value: value.to_owned() });
        }
    }
    let place = || match address {
        Address::Object(place) => place.clone(),
        Address::Service | Address::Bucket(_) => unreachable!("{} is about an object", op.name()),
    };
    let bucket = || address.bucket().expect("an operation on a bucket").clone();
    let overwrite = reading::overwrite(head, "x-oss-forbid-overwrite");
    let kind = BodyKind::of(op);
    let command = match op {
        Op::Initiate => Command::Initiate { place: place(), metadata: metadata(head)?, overwrite },
        Op::UploadPart => {
            let number = reading::part_number(head)?;
            reading::body_length(head, rules)?;
            Command::UploadPart { place: place(), upload: reading::upload_id(head)?, number }
        }
        Op::UploadPartCopy => {
            let number = reading::part_number(head)?;
            let source = copy_source(head)?;
            Command::UploadPartCopy { place: place(), upload: reading::upload_id(head)?, number, source }
        }
        Op::ListParts => {
            let max = reading::page_limit(head, "max-parts", rules.max_page, rules.max_page, BeyondLimit::Refused)?;
            let after = reading::part_marker(head)?;
            Command::ListParts { place: place(), upload: reading::upload_id(head)?, after, max }
        }
        Op::Complete => {
            if let Some(value) = head.header("x-oss-storage-class") {
                return Err(Refusal::InvalidArgument { name: "x-oss-storage-class", value: value.to_owned() });
            }
            Command::Complete { place: place(), upload: reading::upload_id(head)?, overwrite }
        }
        Op::Abort => Command::Abort { place: place(), upload: reading::upload_id(head)? },
        Op::PutObject => {
            reading::body_length(head, rules)?;
            Command::PutObject { place: place(), metadata: metadata(head)?, overwrite }
        }
        Op::CopyObject => {
            let replace =
                head.header("x-oss-metadata-directive").is_some_and(|how| how.eq_ignore_ascii_case("replace"));
            let metadata = if replace { Some(metadata(head)?) } else { None };
            Command::CopyObject { place: place(), source: copy_source(head)?, metadata, overwrite }
        }
        Op::GetObject => {
            let standard = head.header("x-oss-range-behavior") == Some("standard");
            let unusable = if standard { Unusable::Cut } else { Unusable::Ignored };
            let range = head.header("range").and_then(reading::byte_range).map(|range| RangeAsked { range, unusable });
            Command::GetObject { place: place(), range, conditions: reading::conditions(head, "if-") }
        }
        Op::HeadObject => Command::HeadObject { place: place(), conditions: reading::conditions(head, "if-") },
        Op::DeleteObject => Command::DeleteObject { place: place() },
        Op::ListUploads => {
            let max = reading::page_limit(head, "max-uploads", rules.max_page, rules.max_page, BeyondLimit::Refused)?;
            Command::ListUploads { bucket: bucket(), page: reading::uploads_page(head, max) }
        }
        Op::ListObjects => {
            // The default page of an OSS object listing is 100 entries, unlike every other listing's 1000.
            let max = reading::page_limit(head, "max-keys", 100, rules.max_page, BeyondLimit::Refused)?;
            let page = PageAsked { after: list_marker(head)?, ..reading::objects_page(head, max) };
            Command::ListObjects { bucket: bucket(), page }
        }
        Op::CreateBucket => Command::CreateBucket { bucket: bucket() },
        Op::HeadBucket => Command::HeadBucket { bucket: bucket() },
        Op::DeleteBucket => Command::DeleteBucket { bucket: bucket() },
        Op::LocateBucket => Command::LocateBucket { bucket: bucket() },
        Op::ListBuckets => Command::ListBuckets,
        Op::Negotiate => unreachable!("OSS has no such request"),
        _ => reading::aside(op, address, None),
    };
    let encoding = match query.filled("encoding-type") {
        None => Encoding::Plain,
        Some("url") => Encoding::Url,
        Some(other) => return Err(Refusal::InvalidArgument { name: "encoding-type", value: other.to_owned() }),
    };
    let crc64 = head.filled("x-oss-hash-crc64ecma").map(str::to_owned);
    let body = BodyAsked { kind, md5: reading::content_md5(head)?, crc64, sha256: None };
    Ok(Asked { command, encoding, body })
}

fn metadata(head: &Head) -> Result<Metadata, Refusal> {
    reading::metadata(head, &METADATA)
}

/// An unusable range of a copy source means the whole source.
fn copy_source(head: &Head) -> Result<CopySource, Refusal> {
    let place = reading::copy_source(head.header("x-oss-copy-source").unwrap_or_default())?;
    let range = head.header("x-oss-copy-source-range").and_then(reading::byte_range);
    let range = range.map(|range| RangeAsked { range, unusable: Unusable::Ignored });
    Ok(CopySource { place, range, conditions: reading::conditions(head, "x-oss-copy-source-if-") })
}

/// Where a listing of objects starts: `marker`, or in version 2 the continuation token or `start-after`.
fn list_marker(head: &Head) -> Result<String, Refusal> {
    let query = &head.query;
    if query.get("list-type") != Some("2") {
        return Ok(query.get("marker").unwrap_or_default().to_owned());
    }
    let Some(token) = query.filled("continuation-token") else {
        return Ok(query.get("start-after").unwrap_or_default().to_owned());
    };
    let key = unbase64(token).and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| Refusal::InvalidArgument { name: "continuation-token", value: token.to_owned() })
}
