//! What a request to OSS asks for: which operation, and with which parameters.
//!
//! # Source
//! The pages of the single operations below "API reference", <https://www.alibabacloud.com/help/en/oss/developer-reference/>.

use super::{
    acl, address,
    face::{CLIENT_ENCRYPTION, ENCRYPTION, Face, OSS_CLASSES, is_encryption},
    known,
};
use crate::{
    dialect::{
        Address, Asked, BodyAsked, BodyKind, Encoding, aws_v4,
        reading::{self, BeyondLimit},
        s3_headers,
    },
    store::{
        Arrival, BucketKind, ByteRange, Command, Conditions, CopySource, Copying, Metadata, Op, PageAsked, PartsAsked,
        RangeAsked, Refusal, Resource, Rules, Setting, Unchanged, Unusable,
    },
    wire::{encode::unbase64, head::Head, xml},
};

/// Settings of a bucket, all of them at their defaults: they can be read, some of them removed, none of them made.
///
/// # Source
/// The pages "GetBucket.." and "DeleteBucket..", <https://www.alibabacloud.com/help/en/oss/developer-reference/>. Doubt: the tags
/// of a bucket that has none are shown as an empty list.
const SETTINGS: [(&str, Setting, Removal); 16] = [
    ("acl", Setting::Acl, Removal::Unknown),
    ("bucketInfo", Setting::Info, Removal::Unknown),
    ("cors", Setting::Absent("cors"), Removal::Succeeds),
    ("encryption", Setting::Absent("encryption"), Removal::Succeeds),
    ("live", Setting::Blank("live"), Removal::Unknown),
    ("logging", Setting::Blank("logging"), Removal::Succeeds),
    ("policy", Setting::Absent("policy"), Removal::Succeeds),
    ("referer", Setting::Blank("referer"), Removal::Unknown),
    ("replication", Setting::Absent("replication"), Removal::Unknown),
    ("requestPayment", Setting::Blank("requestPayment"), Removal::Unknown),
    ("stat", Setting::Stat, Removal::Unknown),
    ("tagging", Setting::Blank("tagging"), Removal::Succeeds),
    ("transferAcceleration", Setting::Absent("transferAcceleration"), Removal::Unknown),
    ("versioning", Setting::Versioning, Removal::Unknown),
    ("website", Setting::Absent("website"), Removal::Succeeds),
    ("worm", Setting::Absent("worm"), Removal::Unknown),
];

/// Whether a setting can be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    /// It can, and it does not matter that it was never made.
    Succeeds,
    /// There is no such request, or it means something else.
    Unknown,
}

/// Bytes a prefix, delimiter or marker may have.
const MAX_FILTER: usize = 1023;

/// Bits a second that traffic may be limited to.
const TRAFFIC: std::ops::RangeInclusive<u64> = 819_200..=838_860_800;

pub(super) fn route(head: &Head, address: &Address) -> Result<Op, Refusal> {
    if let Some(preflight) = reading::preflight(head, address) {
        return Ok(preflight);
    }
    if head.authorization_begins("AWS ") == Some(true) {
        return Err(Refusal::NotImplemented { what: "AWS signature version 2".to_owned() });
    }
    if reading::names_only_uploads(head) {
        return plain(head, address);
    }
    // In a bucket that never kept versions every object has one: the null version.
    if head.query.get("versionId").is_some_and(|version| version != "null") {
        return Err(not_modelled(head, "versionId"));
    }
    let routed = match beside(head, address) {
        Some(op) => Ok(op),
        None => plain(head, address),
    };
    match &routed {
        // The service itself refuses a part without its number.
        Ok(Op::UploadPart | Op::UploadPartCopy) if !head.query.has("partNumber") => {}
        Ok(op) => known::parameters(*op, setting(head).map(|(name, ..)| name), head)?,
        Err(Refusal::MethodNotAllowed { .. }) => known::no_parameters(head)?,
        Err(_) => {}
    }
    routed
}

/// The operation of a request that names no sub-resource but those of uploads and the location.
fn plain(head: &Head, address: &Address) -> Result<Op, Refusal> {
    let query = &head.query;
    reading::at_most_once(head, &["uploadId", "partNumber", "uploads"])?;
    let (uploads, upload) = reading::upload_words(head)?;
    match (address, head.method.as_str()) {
        // S3 reads one part of an object so. Doubt: no page of OSS's tells of it.
        (Address::Object(_), "GET" | "HEAD") if query.has("partNumber") && !query.has("uploadId") => {
            Err(not_modelled(head, "partNumber"))
        }
        (Address::Object(_), _) => reading::object_op(head, Face::of(head).has(head, "copy-source")),
        (Address::Bucket(_), _) if upload => Err(Refusal::EmptyKey),
        (Address::Bucket(_), "GET") if uploads => Ok(Op::ListUploads),
        (Address::Bucket(_), "POST") if uploads => Err(Refusal::EmptyKey),
        (Address::Bucket(_), "GET") if query.has("location") => Ok(Op::LocateBucket),
        (Address::Bucket(_), _) if uploads || query.has("location") => {
            Err(reading::not_allowed(head, Resource::Bucket))
        }
        (Address::Bucket(_), _) => reading::bucket_op(head),
        (Address::Service, _) => reading::service_op(head),
    }
}

/// The operation of a request that names another sub-resource, if it is modelled for that method and address.
fn beside(head: &Head, address: &Address) -> Option<Op> {
    let query = &head.query;
    let setting = setting(head);
    Some(match (address, head.method.as_str()) {
        (Address::Object(_), "POST") if query.has("append") && Face::of(head) == Face::Oss => Op::AppendObject,
        (Address::Object(_) | Address::Bucket(_), "PUT") if query.has("acl") => Op::PutAcl,
        (Address::Object(_), "GET") if query.has("acl") => Op::GetSetting,
        (Address::Object(_), "GET") if query.has("tagging") => Op::GetTags,
        (Address::Object(_), "PUT") if query.has("tagging") => Op::PutTags,
        (Address::Object(_), "DELETE") if query.has("tagging") => Op::DeleteTags,
        (Address::Bucket(_), "POST") if query.has("delete") => Op::DeleteObjects,
        (Address::Bucket(_), "GET") if query.has("versions") => Op::ListObjects,
        (Address::Bucket(_), "GET") if query.has("lifecycle") => Op::GetLifecycle,
        (Address::Bucket(_), "PUT") if query.has("lifecycle") => Op::PutLifecycle,
        (Address::Bucket(_), "DELETE") if query.has("lifecycle") => Op::DeleteLifecycle,
        (Address::Bucket(_), "GET") if setting.is_some() => Op::GetSetting,
        (Address::Bucket(_), "DELETE") if setting.is_some_and(|(_, _, removal)| removal == Removal::Succeeds) => {
            Op::DeleteSetting
        }
        _ => return None,
    })
}

/// The refusal of a parameter that is known and not modelled.
fn not_modelled(head: &Head, name: &str) -> Refusal {
    Refusal::NotImplemented { what: format!("{} ?{name}", head.method) }
}

/// The setting a request names.
fn setting(head: &Head) -> Option<(&'static str, Setting, Removal)> {
    SETTINGS.into_iter().find(|(name, ..)| head.query.has(name))
}

/// Refuses conditions on what changes something, unless they are on the source of a copy and said twice, as ali-oss does
/// (`copy` in `lib/common/object/copyObject.js`, <https://github.com/ali-sdk/ali-oss>, 6.23.0).
fn no_write_conditions(head: &Head) -> Result<(), Refusal> {
    let of_source = |name: &str| head.header(&format!("x-oss-copy-source-{name}"));
    let twice = |name: &&str| head.header(name).is_none_or(|given| of_source(name) == Some(given));
    if ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"].iter().all(twice) {
        return Ok(());
    }
    // Refused by the service itself: "TestPutObjectNegative" in `oss/bucket_test.go`,
    // <https://github.com/aliyun/aliyun-oss-go-sdk> (1.5.0). Doubt: the code, and whether other methods than this are.
    if head.method == "PUT" && head.has("if-modified-since") {
        return Err(Refusal::NotImplemented { what: "if-modified-since on a PUT".to_owned() });
    }
    reading::no_write_conditions(head)
}

pub(super) fn read(op: Op, head: &Head, address: &Address, rules: &Rules) -> Result<Box<Asked>, Refusal> {
    let (query, face) = (&head.query, Face::of(head));
    known::headers(face, head)?;
    no_write_conditions(head)?;
    check_arguments(op, head)?;
    let place = || match address {
        Address::Object(place) => place.clone(),
        Address::Service | Address::Bucket(_) => unreachable!("{} is about an object", op.name()),
    };
    let bucket = || address.bucket().expect("an operation on a bucket").clone();
    // A header S3 has no word for: its clients can only send OSS's own.
    let overwrite = reading::overwrite(head.header("x-oss-forbid-overwrite"));
    let command = match op {
        Op::Initiate => {
            let arrival = if query.has("sequential") { Arrival::Sequential } else { Arrival::AnyOrder };
            Command::Initiate { place: place(), metadata: initial(face, head)?.into(), overwrite, arrival }
        }
        Op::UploadPart => {
            let number = reading::part_number(head)?;
            no_encryption(head)?;
            reading::body_length(head, rules)?;
            Command::UploadPart { place: place(), upload: reading::upload_id(head)?, number }
        }
        Op::UploadPartCopy => {
            let number = reading::part_number(head)?;
            let source = copy_source(face, head)?;
            Command::UploadPartCopy { place: place(), upload: reading::upload_id(head)?, number, source }
        }
        Op::ListParts => {
            let max = reading::page_limit(head, "max-parts", rules.max_page, rules.max_page, BeyondLimit::Refused)?;
            let after = reading::part_marker(head)?;
            Command::ListParts { place: place(), upload: reading::upload_id(head)?, after, max }
        }
        Op::Complete => {
            if let Some(value) = face.header(head, "storage-class") {
                return Err(Refusal::InvalidArgument { name: "x-oss-storage-class", value: value.to_owned() });
            }
            no_encryption(head)?;
            Command::Complete {
                place: place(),
                upload: reading::upload_id(head)?,
                overwrite,
                parts: parts_asked(head)?,
                acl: acl::of_later(face, head)?,
            }
        }
        Op::Abort => Command::Abort { place: place(), upload: reading::upload_id(head)? },
        Op::PutObject => {
            reading::body_length(head, rules)?;
            Command::PutObject { place: place(), metadata: metadata(face, head)?, overwrite }
        }
        Op::AppendObject => {
            let position = reading::append_position(head)?;
            reading::body_length(head, rules)?;
            // But for a list, what comes with later bytes says nothing of the object, and is not even looked at.
            let metadata = if position == 0 { metadata(face, head)? } else { Metadata::default() };
            Command::AppendObject { place: place(), metadata, position, acl: acl::of_later(face, head)? }
        }
        Op::CopyObject => Command::CopyObject {
            place: place(),
            source: copy_source(face, head)?,
            given: copied(face, head)?,
            overwrite,
        },
        Op::GetObject => {
            // Doubt: whether the S3 face, too, has to be asked for the standard behaviour; its clients expect it.
            let standard = face == Face::S3 || head.header("x-oss-range-behavior") == Some("standard");
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
        Op::CreateBucket if !address::creates_buckets(head) => return Err(Refusal::HostCreatesNoBuckets),
        Op::CreateBucket => {
            plain_bucket(face, head)?;
            Command::CreateBucket { bucket: bucket(), acl: acl::of_bucket(face, head)?, kind: BucketKind::default() }
        }
        Op::DeleteObjects if !head.has("content-md5") => {
            return Err(Refusal::MissingHeader { name: "Content-MD5" });
        }
        Op::PutAcl => match address {
            Address::Object(_) => {
                reading::put_acl(head, address, acl::of_object(face, head), acl::object_header(face))?
            }
            _ => reading::put_acl(head, address, acl::of_bucket(face, head), &face.named("acl"))?,
        },
        Op::HeadBucket => Command::HeadBucket { bucket: bucket() },
        Op::DeleteBucket => Command::DeleteBucket { bucket: bucket() },
        Op::LocateBucket => Command::LocateBucket { bucket: bucket() },
        Op::ListBuckets if face == Face::S3 => Command::ListBuckets { page: PageAsked::all() },
        Op::ListBuckets => {
            check_prefix(query.get("prefix").unwrap_or_default())?;
            let max = reading::page_limit(head, "max-keys", 100, rules.max_page, BeyondLimit::Refused)?;
            Command::ListBuckets { page: reading::objects_page(head, max) }
        }
        Op::Negotiate | Op::Preflight => unreachable!("{} is not read", op.name()),
        _ => reading::aside(op, address, setting(head).map(|(_, setting, _)| setting)),
    };
    let encoding = match query.filled("encoding-type") {
        None => Encoding::Plain,
        Some("url") => Encoding::Url,
        Some(other) => return Err(Refusal::InvalidArgument { name: "encoding-type", value: other.to_owned() }),
    };
    Ok(Box::new(Asked { command, encoding, body: body(op, face, head, rules)? }))
}

/// The operations that a limit on the rate of a transfer is for. Others ignore it.
///
/// # Source
/// "Single-connection bandwidth throttling",
/// <https://www.alibabacloud.com/help/en/oss/user-guide/single-connection-bandwidth-throttling-4> (read 2026-11-21).
const THROTTLED: [Op; 6] =
    [Op::GetObject, Op::PutObject, Op::AppendObject, Op::CopyObject, Op::UploadPart, Op::UploadPartCopy];

/// Refuses filters and limits that are out of bounds.
fn check_arguments(op: Op, head: &Head) -> Result<(), Refusal> {
    let refusal = |name, value: &str| Err(Refusal::InvalidArgument { name, value: value.to_owned() });
    for name in ["prefix", "delimiter", "key-marker", "marker"] {
        if let Some(value) = head.query.get(name).filter(|value| value.len() > MAX_FILTER) {
            return refusal(name, value);
        }
    }
    let name = "x-oss-traffic-limit";
    let limit = head.filled(name).or(head.query.filled(name)).filter(|_| THROTTLED.contains(&op));
    match limit {
        Some(value) if !reading::parse_digits(value).is_some_and(|bits| TRAFFIC.contains(&bits)) => {
            refusal(name, value)
        }
        _ => Ok(()),
    }
}

/// Refuses to say of a part, or of the end of an upload, how it is to be encrypted: that was said when the upload began.
///
/// # Source
/// `tests/test_server_side_encryotion.py` of <https://github.com/aliyun/aliyun-oss-python-sdk> (2.19.1). Doubt: whether S3's clients
/// are refused too (they are not here), and what a copied part is answered.
fn no_encryption(head: &Head) -> Result<(), Refusal> {
    match head.filled(ENCRYPTION) {
        Some(value) => Err(Refusal::InvalidArgument { name: ENCRYPTION, value: value.to_owned() }),
        None => Ok(()),
    }
}

/// Which parts a complete asks for. A body beside `x-oss-complete-all` is one too many.
fn parts_asked(head: &Head) -> Result<PartsAsked, Refusal> {
    let name = "x-oss-complete-all";
    match head.header(name) {
        None => Ok(PartsAsked::Listed),
        Some("yes") if head.content_length().unwrap_or_default() == 0 && !head.is_chunked() => Ok(PartsAsked::Stored),
        Some(value) => Err(Refusal::InvalidArgument { name, value: value.to_owned() }),
    }
}

/// What the body must live up to.
///
/// # Source
/// That streamed chunks are refused: <https://github.com/karakeep-app/karakeep/issues/2191>,
/// <https://github.com/pingcap/tidb/issues/65840>.
fn body(op: Op, face: Face, head: &Head, rules: &Rules) -> Result<BodyAsked, Refusal> {
    let md5 = reading::content_md5(head)?;
    let kind = BodyKind::of(op);
    let checksums = s3_headers::checksums(head, op)?;
    if face == Face::Oss {
        let crc64 = head.filled("x-oss-hash-crc64ecma").map(str::to_owned);
        return Ok(BodyAsked { kind, md5, crc64, checksums, ..BodyAsked::default() });
    }
    let framing = aws_v4::framing(head, rules)?;
    if framing.is_some() {
        return Ok(BodyAsked { kind, md5, checksums, framing, ..BodyAsked::default() });
    }
    if aws_v4::is_framed(head) {
        return Err(Refusal::InvalidArgument { name: "Content-Encoding", value: "aws-chunked".to_owned() });
    }
    let hash = head.filled("x-amz-content-sha256").filter(|hash| *hash != "UNSIGNED-PAYLOAD");
    Ok(BodyAsked { kind, md5, checksums, sha256: hash.map(str::to_owned), ..BodyAsked::default() })
}

/// Refuses a prefix that no name of a bucket has.
///
/// # Source
/// "TestIsBucketExist" in `oss/client_test.go`, <https://github.com/aliyun/aliyun-oss-go-sdk> (1.5.0). Doubt: the code.
fn check_prefix(prefix: &str) -> Result<(), Refusal> {
    let may_be = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if prefix.bytes().all(may_be) {
        return Ok(());
    }
    Err(Refusal::InvalidArgument { name: "prefix", value: prefix.to_owned() })
}

/// What an upload is initiated with. A list of who may do what counts when it is completed, not here. Doubt: on the S3 face,
/// where completes have none, it does.
///
/// # Source
/// "TestUploadFile" in `oss/multipart_test.go`, <https://github.com/aliyun/aliyun-oss-go-sdk> (1.5.0): `x-oss-object-acl` is
/// sent with the initiate alone, and the object's list is `default`.
fn initial(face: Face, head: &Head) -> Result<Metadata, Refusal> {
    match face {
        Face::Oss => face.metadata(head),
        Face::S3 => metadata(face, head),
    }
}

fn metadata(face: Face, head: &Head) -> Result<Metadata, Refusal> {
    Ok(Metadata { acl: acl::of_object(face, head)?, ..face.metadata(head)? })
}

/// What a copy is given of its own. Headers and tags are each its source's unless the request says to replace them; how a client
/// encrypted the bytes is the source's in any case, as the bytes are.
///
/// # Source
/// "CopyObject", <https://www.alibabacloud.com/help/en/oss/developer-reference/copyobject>; for encryption by the client,
/// the integration tests of the encrypting client in <https://github.com/aliyun/aliyun-oss-python-sdk>. Doubt: no page says.
fn copied(face: Face, head: &Head) -> Result<Copying, Refusal> {
    let replaces = |rest| face.header(head, rest).is_some_and(|how: &str| how.eq_ignore_ascii_case("replace"));
    let own = metadata(face, head)?;
    let (added, headers) = match replaces("metadata-directive") {
        true => (Vec::new(), Some(own.headers)),
        false => (own.headers.into_iter().filter(|(name, _)| is_encryption(name)).collect(), None),
    };
    let tags = Some(own.tags).filter(|_| replaces("tagging-directive"));
    let kept = CLIENT_ENCRYPTION;
    Ok(Copying { headers, kept, added, storage_class: own.storage_class, tags, acl: own.acl })
}

/// In OSS's own protocol an unusable range of a copy source means the whole source; in S3's it is an error.
///
/// # Source
/// EC 0042-00000306, <https://api.alibabacloud.com/troubleshoot?q=0042-00000306>. Doubt: the code, and whether an S3 copy whose
/// source is not as it should be hears of a failed precondition, as from S3, or that it is not modified.
fn copy_source(face: Face, head: &Head) -> Result<CopySource, Refusal> {
    let named = head.header(&face.named("copy-source")).unwrap_or_default();
    let (place, version) = (reading::copy_source(named)?, reading::source_version(named));
    let given = face.header(head, "copy-source-range");
    let conditions = reading::conditions(head, &face.named("copy-source-if-"));
    let range = given.and_then(reading::byte_range);
    if face == Face::Oss {
        let range = range.map(|range| RangeAsked { range, unusable: Unusable::Ignored });
        return Ok(CopySource { place, version, range, conditions });
    }
    let range = match (given, range) {
        (None, _) => None,
        (_, Some(range @ ByteRange::Between(..))) => Some(RangeAsked { range, unusable: Unusable::Refused }),
        (Some(given), _) => {
            return Err(Refusal::InvalidArgument { name: "x-oss-copy-source-range", value: given.to_owned() });
        }
    };
    let conditions = Conditions { unchanged: Unchanged::PreconditionFailed, ..conditions };
    Ok(CopySource { place, version, range, conditions })
}

/// Refuses to create a bucket that encrypts.
fn plain_bucket(face: Face, head: &Head) -> Result<(), Refusal> {
    let header = "server-side-encryption";
    match face.header(head, header) {
        Some(_) => Err(Refusal::NotImplemented { what: format!("{} of a bucket", face.named(header)) }),
        None => Ok(()),
    }
}

/// What kind of bucket a body asks for. Where it is to be is not looked at: clients of the S3 face write what they like there.
///
/// # Source
/// "PutBucket", <https://www.alibabacloud.com/help/en/oss/developer-reference/putbucket>. Doubt: what unknown words are answered.
pub(super) fn bucket_configuration(body: &[u8]) -> Result<BucketKind, Refusal> {
    if body.is_empty() {
        return Ok(BucketKind::default());
    }
    let root = xml::parse(body).filter(|root| root.name == "CreateBucketConfiguration").ok_or(Refusal::MalformedXml)?;
    let word = |name: &'static str, known: &[&str]| match root.child_text(name).filter(|given| !given.is_empty()) {
        Some(given) if !known.contains(&given) => Err(Refusal::InvalidArgument { name, value: given.to_owned() }),
        given => Ok(given.map(str::to_owned)),
    };
    Ok(BucketKind {
        class: word("StorageClass", OSS_CLASSES)?,
        redundancy: word("DataRedundancyType", &["LRS", "ZRS"])?,
    })
}

/// Where a listing of objects starts: `marker`, in a listing of versions `key-marker`, or in version 2 the continuation token or `start-after`.
fn list_marker(head: &Head) -> Result<String, Refusal> {
    let query = &head.query;
    if query.get("list-type") != Some("2") {
        let marker = if query.has("versions") { "key-marker" } else { "marker" };
        return Ok(query.get(marker).unwrap_or_default().to_owned());
    }
    let Some(token) = query.filled("continuation-token") else {
        return Ok(query.get("start-after").unwrap_or_default().to_owned());
    };
    let key = unbase64(token).and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| Refusal::InvalidArgument { name: "continuation-token", value: token.to_owned() })
}
