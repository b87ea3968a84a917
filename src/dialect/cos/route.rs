//! What a request to COS asks for: which operation, and with which parameters.
//!
//! # Source
//! The pages of the single operations below "API Documentation", <https://cloud.tencent.com/document/product/436/7751>:
//! 7746 Initiate, 7750 Upload Part, 8287 Upload Part - Copy, 7747 List Parts, 7736 List Multipart Uploads, 7742 Complete,
//! 7740 Abort.

use super::{acl, address, content_type, face::Face, settings, sign};
use crate::{
    dialect::{
        Address, Asked, BodyAsked, BodyKind, Encoding, Located, Realm, Routed, Style, aws_v4,
        reading::{self, BeyondLimit, Case, MetadataSpelling},
        s3_headers,
    },
    store::{
        AclAsked, Arrival, BucketKind, ByteRange, Command, Conditions, CopySource, Copying, Metadata, Op, PageAsked,
        PartsAsked, RangeAsked, Refusal, Resource, Unchanged, Unusable, UploadId,
    },
    wire::{encode::unbase64, head::Head},
};

/// Request headers that change what an operation does and are not modelled.
const UNMODELLED_HEADERS: [&str; 2] = ["pic-operations", "x-cos-callback"];

/// What the names of all headers have that ask for encryption.
const ENCRYPTION: &str = "-server-side-encryption";

/// Those that ask for encryption by keys the service keeps: it is remembered and shown, and nothing is encrypted. The
/// others, where the client brings its own key, are not modelled.
pub(super) const SERVICE_KEYS: [&str; 3] = [
    "x-cos-server-side-encryption",
    "x-cos-server-side-encryption-cos-kms-key-id",
    "x-cos-server-side-encryption-context",
];

/// What says that the key is one that is managed.
pub(super) const MANAGED: &str = "cos/kms";

/// What S3's clients say of a body whose digest they do not sign.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Bits a second a request may ask to be slowed to.
const TRAFFIC_LIMITS: std::ops::RangeInclusive<u64> = 819_200..=838_860_800;

/// Buckets a page of their list may have, and has unless fewer are asked for.
///
/// # Source
/// "GET Service (List Buckets)", <https://cloud.tencent.com/document/product/436/8291>. Doubt: whether the order is that of names.
const MAX_BUCKETS_LISTED: usize = 2000;

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
    // The vendor's SDK for Node.js sent `Standard` by default with the uploads it cut up, up to version 2.5.20
    // (<https://github.com/tencentyun/cos-nodejs-sdk-v5>, `sdk/advance.js`).
    class_case: Case::Overlooked,
    max_user: 4 << 10,
    default_type: content_type::UNKNOWN,
};

pub(super) fn route(head: &Head, address: &Address) -> Result<Op, Refusal> {
    if let Some(preflight) = reading::preflight(head, address) {
        return Ok(preflight);
    }
    let query = &head.query;
    if let Some(what) = unmodelled(head) {
        return Err(Refusal::NotImplemented { what });
    }
    reading::at_most_once(head, &["uploadId", "partNumber", "uploads"])?;
    let (uploads, upload) = reading::upload_words(head)?;
    if let Some(op) = aside(head, address)? {
        return Ok(op);
    }
    let not_modelled = |what: &str| Err(Refusal::NotImplemented { what: what.to_owned() });
    match (address, head.method.as_str()) {
        (Address::Object(_), "GET" | "HEAD") if query.has("partNumber") && !query.has("uploadId") => {
            not_modelled("one part of an object")
        }
        (Address::Object(_), _) => reading::object_op(head, head.has("x-cos-copy-source")),
        // An abort whose key is empty must not delete the bucket.
        (Address::Bucket(_), _) if upload => Err(Refusal::EmptyKey),
        (Address::Bucket(_), _) if several_of(head, &["uploads", "delete", "location"]) => {
            not_modelled("several sub-resources at once")
        }
        (Address::Bucket(_), "GET") if uploads => Ok(Op::ListUploads),
        (Address::Bucket(_), "POST") if query.has("delete") => Ok(Op::DeleteObjects),
        (Address::Bucket(_), "GET") if query.has("location") => Ok(Op::LocateBucket),
        (Address::Bucket(_), _) if ["uploads", "delete", "location"].iter().any(|name| query.has(name)) => {
            Err(reading::not_allowed(head, Resource::Bucket))
        }
        (Address::Bucket(_), _) => reading::bucket_op(head),
        (Address::Service, _) => reading::service_op(head),
    }
}

/// Whether a query names more than one of these.
fn several_of(head: &Head, names: &[&str]) -> bool {
    names.iter().filter(|name| head.query.has(name)).count() > 1
}

/// What a request asks of a sub-resource, if it names one; refused if that is not modelled, or there is anything else.
fn aside(head: &Head, address: &Address) -> Result<Option<Op>, Refusal> {
    if reading::names_only_uploads(head) {
        return Ok(None);
    }
    let mut names = settings::sub_resources(&head.query);
    let Some(name) = names.next() else {
        let unknown = settings::unknown(&head.query).map(|name| format!("{} ?{name}", head.method));
        return unknown.map_or(Ok(None), |what| Err(Refusal::NotImplemented { what }));
    };
    let alone = names.next().is_none() && !reading::names_uploads(head);
    let op = match address {
        Address::Bucket(_) if alone => settings::of_bucket(head.method.as_str(), name),
        Address::Object(_) if alone => settings::of_object(head.method.as_str(), name),
        _ => None,
    };
    op.map(Some).ok_or_else(|| Refusal::NotImplemented { what: format!("{} ?{name}", head.method) })
}

/// What a request asks for that is not modelled, whatever else it is.
fn unmodelled(head: &Head) -> Option<String> {
    if sign::is_aws_v2(head) {
        return Some(sign::AWS_V2.to_owned());
    }
    let names = head.headers.keys().map(http::HeaderName::as_str);
    let encrypts = |name: &str| name.starts_with("x-") && name.contains(ENCRYPTION) && !SERVICE_KEYS.contains(&name);
    let mut names = names.filter(|name| UNMODELLED_HEADERS.contains(name) || encrypts(name));
    names.next().map(str::to_owned)
}

/// Refuses what is asked through the host of the global acceleration, which nothing switches on here. A test that wants such
/// a host binds it to the bucket, as a domain of its own.
///
/// # Source
/// "Error Codes", <https://cloud.tencent.com/document/product/436/7730>. Doubt: which requests count as management.
fn not_accelerated(op: Op, located: &Located) -> Result<(), Refusal> {
    let about_objects = [Op::ListObjects, Op::ListUploads, Op::DeleteObjects].contains(&op);
    match &located.address {
        _ if located.style != Style::Accelerated => Ok(()),
        Address::Bucket(_) if !about_objects => Err(Refusal::AcceleratedManagement),
        address => Err(Refusal::NotAccelerated { bucket: address.bucket().expect("it is in the host").clone() }),
    }
}

/// Reads a request that is in COS's own words, whichever face it came through.
pub(super) fn read(face: Face, routed: &Routed<'_>) -> Result<Box<Asked>, Refusal> {
    let &Routed { op, head, located, realm, rules } = routed;
    let address = &located.address;
    not_accelerated(op, located)?;
    let place = || match address {
        Address::Object(place) => place.clone(),
        Address::Service | Address::Bucket(_) => unreachable!("{} is about an object", op.name()),
    };
    let bucket = || address.bucket().expect("an operation on a bucket").clone();
    let limit = |name| reading::page_limit(head, name, rules.max_page, rules.max_page, BeyondLimit::Refused);
    let overwrite = reading::overwrite(head.header("x-cos-forbid-overwrite"));
    traffic_limit(head)?;
    reading::no_write_conditions(head)?;
    let kind = BodyKind::of(op);
    let command = match op {
        Op::Initiate => Command::Initiate {
            place: place(),
            metadata: metadata(head, address)?.into(),
            overwrite,
            arrival: Arrival::AnyOrder,
        },
        Op::UploadPart => {
            let number = reading::part_number(head)?;
            reading::body_length(head, rules)?;
            Command::UploadPart { place: place(), upload: upload_id(head)?, number }
        }
        Op::UploadPartCopy => {
            let number = reading::part_number(head)?;
            let source = CopySource { range: copy_range(head)?, ..copy_source(head, realm)? };
            Command::UploadPartCopy { place: place(), upload: upload_id(head)?, number, source }
        }
        Op::ListParts => {
            if head.query.get("uploadId") == Some("") {
                return Err(Refusal::EmptyUploadId);
            }
            let (max, after) = (limit("max-parts")?, reading::part_marker(head)?);
            Command::ListParts { place: place(), upload: upload_id(head)?, after, max }
        }
        Op::Complete => Command::Complete {
            place: place(),
            upload: upload_id(head)?,
            overwrite,
            parts: PartsAsked::Listed,
            acl: AclAsked::AsBegun,
        },
        Op::Abort => Command::Abort { place: place(), upload: upload_id(head)? },
        Op::PutObject => {
            reading::body_length(head, rules)?;
            Command::PutObject { place: place(), metadata: metadata(head, address)?, overwrite }
        }
        Op::AppendObject => {
            reading::body_length(head, rules)?;
            Command::AppendObject {
                place: place(),
                metadata: metadata(head, address)?,
                position: reading::append_position(head)?,
                acl: AclAsked::AsBegun,
            }
        }
        Op::CopyObject => Command::CopyObject {
            place: place(),
            source: copy_source(head, realm)?,
            given: copied(head, address)?,
            overwrite,
        },
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
            let page = PageAsked { after: marker(face, head)?, ..reading::objects_page(head, limit("max-keys")?) };
            let page = short_delimiter(page)?;
            Command::ListObjects { bucket: bucket(), page }
        }
        Op::CreateBucket => {
            Command::CreateBucket { bucket: bucket(), acl: acl::of_bucket(head)?, kind: BucketKind::default() }
        }
        Op::PutAcl => {
            let of_object = address.key().is_some();
            let acl = if of_object { acl::of_object(head) } else { acl::of_bucket(head) };
            reading::put_acl(head, address, acl, "x-cos-acl")?
        }
        Op::HeadBucket => Command::HeadBucket { bucket: bucket() },
        Op::DeleteBucket => Command::DeleteBucket { bucket: bucket() },
        Op::LocateBucket => Command::LocateBucket { bucket: bucket() },
        Op::ListBuckets => {
            let max = MAX_BUCKETS_LISTED;
            let max = reading::page_limit(head, "max-keys", max, max, BeyondLimit::Refused)?;
            let after = head.query.get("marker").unwrap_or_default().to_owned();
            Command::ListBuckets { page: PageAsked { after, max, ..PageAsked::default() } }
        }
        Op::Negotiate | Op::Preflight => unreachable!("{} is not read", op.name()),
        _ => reading::aside(op, address, settings::asked(&head.query)),
    };
    let md5 = reading::content_md5(head)?;
    // One of S3's checksums does not stand for it: <https://github.com/milvus-io/milvus-storage/pull/500>.
    if md5.is_none() && matches!(op, Op::DeleteObjects | Op::PutLifecycle) {
        return Err(Refusal::MissingHeader { name: "Content-MD5" });
    }
    let framing = if face == Face::Aws { aws_v4::framing(head, rules)? } else { None };
    let sha256 = if framing.is_none() { sha256(op, face, head)? } else { None };
    let checksums = if face == Face::Aws { s3_headers::checksums(head, op)? } else { Vec::new() };
    let body = BodyAsked { kind, md5, sha256, checksums, framing, ..BodyAsked::default() };
    Ok(Box::new(Asked { command, encoding: encoding(head)?, body }))
}

/// The upload id. Doubt: what an empty one is answered is known of List Parts only; elsewhere it is as good as unknown.
fn upload_id(head: &Head) -> Result<UploadId, Refusal> {
    match head.query.get("uploadId") {
        None => Err(Refusal::InvalidArgument { name: "uploadId", value: String::new() }),
        Some("") => Err(Refusal::NoSuchUpload { upload: String::new() }),
        Some(id) => Ok(UploadId::new(id)),
    }
}

/// Where a list of objects begins: lists of versions, and the second version of lists in S3, have names of their own for
/// that.
fn marker(face: Face, head: &Head) -> Result<String, Refusal> {
    let text = |name| head.query.get(name).unwrap_or_default().to_owned();
    if head.query.has("versions") {
        return Ok(text("key-marker"));
    }
    if !is_second_list(face, head) {
        return Ok(text("marker"));
    }
    let Some(token) = head.query.filled("continuation-token") else { return Ok(text("start-after")) };
    let key = unbase64(token).and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| Refusal::InvalidArgument { name: "continuation-token", value: token.to_owned() })
}

/// Whether a list of objects is asked for in the second version, which only S3 has.
pub(super) fn is_second_list(face: Face, head: &Head) -> bool {
    face == Face::Aws && head.query.get("list-type") == Some("2") && !head.query.has("versions")
}

/// The SHA-256 that a body is promised to have, in S3's header. Bodies in chunks that are signed or trailed by checksums
/// have no length as far as COS is concerned.
///
/// # Source
/// <https://github.com/infiniflow/ragflow/issues/15930>.
fn sha256(op: Op, face: Face, head: &Head) -> Result<Option<String>, Refusal> {
    if face == Face::Cos {
        return Ok(None);
    }
    let promised = head.filled("x-amz-content-sha256").unwrap_or(UNSIGNED);
    if aws_v4::is_framed(head) && BodyKind::of(op).is_kept() {
        return Err(Refusal::MissingContentLength);
    }
    Ok(Some(promised).filter(|promised| *promised != UNSIGNED).map(str::to_owned))
}

fn metadata(head: &Head, address: &Address) -> Result<Metadata, Refusal> {
    let default_type = address.key().map_or(METADATA.default_type, |key| content_type::of(key.as_str()));
    let spelling = MetadataSpelling { default_type, ..METADATA };
    let mut metadata = Metadata { acl: acl::of_object(head)?, ..reading::metadata(head, &spelling)? };
    metadata.headers.extend(encryption(head)?);
    let sizes = head.headers_under(METADATA.user_prefix).into_iter().map(|(_, value)| value.len());
    match sizes.max() {
        Some(size) if size > MAX_USER_HEADER => Err(Refusal::MetadataTooLarge { size, max: MAX_USER_HEADER }),
        _ => Ok(metadata),
    }
}

/// What a request says of encryption by keys that the service keeps, as it is shown again.
///
/// # Source
/// "Server-side encryption headers", <https://cloud.tencent.com/document/product/436/7729>. Doubt: the code for values
/// that are none, and that a key goes with `cos/kms` only.
fn encryption(head: &Head) -> Result<Vec<(String, String)>, Refusal> {
    let [algorithm, key, context] = SERVICE_KEYS.map(|name| (name, head.filled(name)));
    let invalid = |(name, value): (&'static str, Option<&str>)| {
        Err(Refusal::InvalidArgument { name, value: value.unwrap_or_default().to_owned() })
    };
    match algorithm.1 {
        Some("AES256") | None if key.1.is_some() => return invalid(key),
        Some("AES256" | MANAGED) | None => {}
        Some(_) => return invalid(algorithm),
    }
    if context.1.is_some_and(|context| algorithm.1 != Some(MANAGED) || unbase64(context).is_none()) {
        return invalid(context);
    }
    let shown = [algorithm, key].into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    Ok(shown.collect())
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
fn copy_source(head: &Head, realm: &Realm) -> Result<CopySource, Refusal> {
    let place = address::source(head.header("x-cos-copy-source").unwrap_or_default(), realm)?;
    let conditions = reading::conditions(head, "x-cos-copy-source-if-");
    let conditions = Conditions { unchanged: Unchanged::PreconditionFailed, ..conditions };
    Ok(CopySource { place, version: None, range: None, conditions })
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

/// What a copy is given of its own. Headers and tags are each its source's unless the request says to replace them.
///
/// # Source
/// "PUT Object - Copy", <https://cloud.tencent.com/document/product/436/10881>.
fn copied(head: &Head, address: &Address) -> Result<Copying, Refusal> {
    let replaces = |name: &str| head.header(name).is_some_and(|how| how.eq_ignore_ascii_case("replaced"));
    let own = metadata(head, address)?;
    let (added, headers) = match replaces("x-cos-metadata-directive") {
        true => (Vec::new(), Some(own.headers)),
        false => (own.headers.into_iter().filter(|(name, _)| SERVICE_KEYS.contains(&name.as_str())).collect(), None),
    };
    let tags = Some(own.tags).filter(|_| replaces("x-cos-tagging-directive"));
    Ok(Copying { headers, kept: "", added, storage_class: own.storage_class, tags, acl: own.acl })
}

/// What a copy that keeps its metadata takes of its source's: all but the storage class and the encryption, which are for
/// the request to say.
///
/// # Source
/// "PUT Object - Copy", <https://cloud.tencent.com/document/product/436/10881>. Doubt: whether tags are taken.
pub(super) fn inherited(source: &Metadata) -> Metadata {
    let headers = source.headers.iter().filter(|(name, _)| !SERVICE_KEYS.contains(&name.as_str()));
    Metadata { headers: headers.cloned().collect(), tags: source.tags.clone(), ..Metadata::default() }
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
