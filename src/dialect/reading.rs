//! Reading what all three providers spell alike: part numbers, limits, ranges, conditions, metadata, lists of parts.
//! What they spell differently is passed in.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::{
    dialect::{Address, aws_v4, documents},
    store::{
        Acl, BucketName, ByteRange, Command, Conditions, Md5, Metadata, Object, ObjectKey, Op, Overwrite, PageAsked,
        PartNumber, Place, RangeOf, Refusal, Resource, Rules, Setting, Span, UploadId,
    },
    wire::{
        date,
        encode::{unbase64, unescape},
        head::Head,
        reply::Reply,
    },
};

/// The bytes an XML body may have: room for a list of 10,000 parts with checksums and indentation.
pub const MAX_DOCUMENT: usize = 4 << 20;

/// The host a sound request is sent to, in lower case and without its port.
pub fn host(head: &Head) -> Result<Cow<'_, str>, Refusal> {
    if !head.path_sound {
        return Err(Refusal::InvalidTarget);
    }
    if !head.query_sound {
        return Err(Refusal::InvalidQuery);
    }
    let hosts = head.headers.values("host").count();
    match head.host() {
        host if host.is_empty() => Err(Refusal::MissingHeader { name: "Host" }),
        host if hosts > 1 => Err(Refusal::InvalidArgument { name: "Host", value: host.into_owned() }),
        host => Ok(host),
    }
}

/// Refuses a request that has a parameter more than once.
pub fn at_most_once(head: &Head, names: &[&'static str]) -> Result<(), Refusal> {
    let times = |name: &str| head.query.pairs().filter(|(found, _)| *found == name).count();
    match names.iter().find(|name| times(name) > 1) {
        Some(name) => {
            Err(Refusal::InvalidArgument { name, value: head.query.get(name).unwrap_or_default().to_owned() })
        }
        None => Ok(()),
    }
}

/// The query parameters that uploads are asked about with.
const UPLOAD_WORDS: [&str; 3] = ["uploads", "uploadId", "partNumber"];

/// Whether a request names uploads in its query.
pub fn names_uploads(head: &Head) -> bool {
    UPLOAD_WORDS.iter().any(|name| head.query.has(name))
}

/// Whether there is nothing else in its query. So are most requests, and to look for dozens of other words in it costs
/// more than all the rest of reading it.
pub fn names_only_uploads(head: &Head) -> bool {
    head.query.pairs().all(|(name, _)| UPLOAD_WORDS.contains(&name))
}

/// Whether a request is about all uploads there (`uploads`), and whether it is about one (`uploadId` or `partNumber`).
/// Refused if it is about both.
pub fn upload_words(head: &Head) -> Result<(bool, bool), Refusal> {
    let query = &head.query;
    match (query.has("uploads"), query.has("uploadId") || query.has("partNumber")) {
        (true, true) => Err(Refusal::InvalidArgument { name: "uploads", value: String::new() }),
        words => Ok(words),
    }
}

/// The operation of a preflight (`OPTIONS`) about a bucket or an object. Its query is ignored: a browser sends that of the
/// request which is to follow.
pub fn preflight(head: &Head, address: &Address) -> Option<Op> {
    (head.method == "OPTIONS" && address.bucket().is_some()).then_some(Op::Preflight)
}

/// What a request about an object asks, when nothing but uploads may be named in its query. `copies` is whether it
/// names a source.
pub fn object_op(head: &Head, copies: bool) -> Result<Op, Refusal> {
    let (uploads, upload) = upload_words(head)?;
    Ok(match head.method.as_str() {
        "POST" if uploads => Op::Initiate,
        "PUT" if upload && copies => Op::UploadPartCopy,
        "PUT" if upload => Op::UploadPart,
        "GET" if upload => Op::ListParts,
        "POST" if upload => Op::Complete,
        "DELETE" if upload => Op::Abort,
        _ if uploads || upload => return Err(not_allowed(head, Resource::Object)),
        "PUT" if copies => Op::CopyObject,
        "PUT" => Op::PutObject,
        "GET" => Op::GetObject,
        "HEAD" => Op::HeadObject,
        "DELETE" => Op::DeleteObject,
        _ => return Err(not_allowed(head, Resource::Object)),
    })
}

/// What a request about a bucket asks, when nothing is named in its query that changes it.
pub fn bucket_op(head: &Head) -> Result<Op, Refusal> {
    Ok(match head.method.as_str() {
        "GET" => Op::ListObjects,
        "PUT" => Op::CreateBucket,
        "HEAD" => Op::HeadBucket,
        "DELETE" => Op::DeleteBucket,
        "POST" => return Err(form_upload()),
        _ => return Err(not_allowed(head, Resource::Bucket)),
    })
}

/// What a request about no bucket asks.
pub fn service_op(head: &Head) -> Result<Op, Refusal> {
    if head.method == "GET" { Ok(Op::ListBuckets) } else { Err(not_allowed(head, Resource::Service)) }
}

/// The refusal of an upload by HTML form.
pub fn form_upload() -> Refusal {
    Refusal::NotImplemented { what: "POST object (form upload)".into() }
}

/// The refusal of a verb that is not for this.
pub fn not_allowed(head: &Head, resource: Resource) -> Refusal {
    Refusal::MethodNotAllowed { method: head.method.to_string(), resource }
}

/// The part number of a request.
pub fn part_number(head: &Head) -> Result<PartNumber, Refusal> {
    let given = head.query.get("partNumber").ok_or(Refusal::MissingPartNumber)?;
    parse_part_number(given).ok_or_else(|| Refusal::InvalidPartNumber { given: given.to_owned() })
}

/// Digits only: no sign, no blanks.
pub fn parse_part_number(text: &str) -> Option<PartNumber> {
    PartNumber::new(parse_digits(text)?.try_into().ok()?)
}

/// A number of digits only; saturates.
pub fn parse_digits(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The upload id of a request that must have one.
pub fn upload_id(head: &Head) -> Result<UploadId, Refusal> {
    match head.query.get("uploadId") {
        Some("") | None => Err(Refusal::EmptyUploadId),
        Some(id) => Ok(UploadId::new(id)),
    }
}

/// What a page limit out of bounds does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeyondLimit {
    /// It is refused, as is 0.
    Refused,
    /// The limit is taken instead, for 0 too.
    Capped,
}

/// The number of entries asked for, `default` if none was.
pub fn page_limit(
    head: &Head,
    name: &'static str,
    default: usize,
    max: usize,
    beyond: BeyondLimit,
) -> Result<usize, Refusal> {
    let Some(given) = head.query.filled(name) else { return Ok(default) };
    let refusal = || Refusal::InvalidArgument { name, value: given.to_owned() };
    let number = parse_digits(given).ok_or_else(refusal)?;
    match usize::try_from(number).ok().filter(|number| (1..=max).contains(number)) {
        Some(number) => Ok(number),
        None if beyond == BeyondLimit::Capped => Ok(max),
        None => Err(refusal()),
    }
}

/// The part number after which a listing starts; 0 if none is given.
pub fn part_marker(head: &Head) -> Result<u64, Refusal> {
    let name = "part-number-marker";
    let Some(given) = head.query.filled(name) else { return Ok(0) };
    let marker = parse_digits(given).filter(|marker| *marker <= u32::MAX.into());
    marker.ok_or_else(|| Refusal::InvalidArgument { name, value: given.to_owned() })
}

/// Refuses a body without a length, and one that declares itself too large.
pub fn body_length(head: &Head, rules: &Rules) -> Result<(), Refusal> {
    let declared = match aws_v4::framing(head, rules)? {
        Some(framing) => Some(framing.decoded_length),
        None => head.content_length(),
    };
    match declared {
        Some(size) if size > rules.max_part_size => Err(Refusal::TooLarge { size, max: rules.max_part_size }),
        None if !head.is_chunked() => Err(Refusal::MissingContentLength),
        _ => Ok(()),
    }
}

/// Where bytes are to be added. Doubt: what a missing position is answered.
pub fn append_position(head: &Head) -> Result<u64, Refusal> {
    let name = "position";
    let given = head.query.get(name).unwrap_or_default();
    parse_digits(given).ok_or_else(|| Refusal::InvalidArgument { name, value: given.to_owned() })
}

/// A page of open uploads, as asked for. An upload marker without a key marker means nothing.
pub fn uploads_page(head: &Head, max: usize) -> PageAsked {
    let text = |name| head.query.get(name).unwrap_or_default().to_owned();
    let after = text("key-marker");
    let after_upload = if after.is_empty() { String::new() } else { text("upload-id-marker") };
    PageAsked { prefix: text("prefix"), delimiter: text("delimiter"), after, after_upload, max }
}

/// A page of objects, as asked for by `prefix`, `delimiter` and `marker`.
pub fn objects_page(head: &Head, max: usize) -> PageAsked {
    let text = |name| head.query.get(name).unwrap_or_default().to_owned();
    let (prefix, delimiter, after) = (text("prefix"), text("delimiter"), text("marker"));
    PageAsked { prefix, delimiter, after, after_upload: String::new(), max }
}

/// What operations beside uploads and objects ask, which all three providers mean alike. `setting` is the one a request
/// for a setting names.
pub fn aside(op: Op, address: &Address, setting: Option<Setting>) -> Command {
    let place = || match address {
        Address::Object(place) => place.clone(),
        Address::Service | Address::Bucket(_) => unreachable!("{} is about an object", op.name()),
    };
    let bucket = || address.bucket().expect("an operation on a bucket").clone();
    match op {
        Op::DeleteObjects => Command::DeleteObjects { bucket: bucket() },
        Op::GetTags => Command::GetTags { place: place() },
        Op::PutTags => Command::PutTags { place: place() },
        Op::DeleteTags => Command::DeleteTags { place: place() },
        Op::GetSetting => {
            let setting = setting.expect("the request was routed by its setting");
            if let (Address::Object(place), Setting::Acl) = (address, setting) {
                return Command::GetObjectAcl { place: place.clone() };
            }
            Command::GetSetting { bucket: bucket(), setting }
        }
        Op::DeleteSetting => Command::DeleteSetting { bucket: bucket() },
        Op::GetLifecycle => Command::GetLifecycle { bucket: bucket() },
        Op::PutLifecycle => Command::PutLifecycle { bucket: bucket() },
        Op::DeleteLifecycle => Command::DeleteLifecycle { bucket: bucket() },
        _ => unreachable!("{} is read by its dialect", op.name()),
    }
}

/// A byte range as headers have it: `bytes=0-9`, `bytes=5-`, `bytes=-3`. None if it is anything else, several ranges
/// included.
pub fn byte_range(value: &str) -> Option<ByteRange> {
    let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    match (first, last) {
        ("", count) => Some(ByteRange::Last(parse_digits(count)?)),
        (first, "") => Some(ByteRange::From(parse_digits(first)?)),
        (first, last) => {
            let (first, last) = (parse_digits(first)?, parse_digits(last)?);
            (first <= last).then_some(ByteRange::Between(first, last))
        }
    }
}

/// Reads the conditions under `prefix` (`if-`, `x-oss-copy-source-if-`, ..). A date that is malformed, or not the only one
/// of its header, counts as absent.
///
/// # Source
/// RFC 9110, section 13.1, <https://www.rfc-editor.org/rfc/rfc9110#section-13.1>. Doubt: no provider documents `If-Range`,
/// which is evaluated as the RFC says.
pub fn conditions(head: &Head, prefix: &str) -> Conditions {
    let text = |name: &str| Some(head.joined(&format!("{prefix}{name}"))).filter(|text| !text.is_empty());
    let time = |name: &str| text(name).as_deref().and_then(date::parse_http);
    let range_of = |text: String| date::parse_http(&text).map_or(RangeOf::Tag(text), RangeOf::Time);
    Conditions {
        if_match: text("match"),
        if_none_match: text("none-match"),
        if_modified_since: time("modified-since"),
        if_unmodified_since: time("unmodified-since"),
        if_range: text("range").map(range_of),
        ..Conditions::default()
    }
}

/// `Content-MD5`, if it is there: the digest and the text it came as.
pub fn content_md5(head: &Head) -> Result<Option<(Md5, String)>, Refusal> {
    let Some(given) = head.headers.values("content-md5").next() else { return Ok(None) };
    let given = String::from_utf8_lossy(given.as_bytes()).into_owned();
    let digest = unbase64(given.trim()).and_then(|bytes| bytes.try_into().ok());
    match digest {
        Some(digest) => Ok(Some((digest, given))),
        None => Err(Refusal::InvalidDigest { given }),
    }
}

/// Refuses `If-Match`, `If-None-Match` and `If-Unmodified-Since` on a request that changes something, as not modelled: a write regardless of its
/// condition would be a silent success.
///
/// # Source
/// S3 has conditional writes: "How to prevent object overwrites with conditional writes",
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>. OSS itself answers 501 NotImplemented to both
/// headers on PutObject through its S3-compatible protocol: <https://github.com/tobi/walgit/issues/67>. The request headers of
/// "PUT Object", <https://cloud.tencent.com/document/product/436/7749>, and of "PUT Upload",
/// <https://support.huaweicloud.com/api-obs/obs_04_0080.html>, name neither. Doubt: whether COS and OBS honour them, ignore
/// them or refuse them, in either protocol. All four pages were read 2026-11-21.
pub fn no_write_conditions(head: &Head) -> Result<(), Refusal> {
    let writes = ["PUT", "POST", "DELETE"].contains(&head.method.as_str());
    let names = ["if-match", "if-none-match", "if-unmodified-since"];
    match names.iter().find(|name| writes && head.has(name)) {
        Some(name) => Err(Refusal::NotImplemented { what: format!("{name} on a {}", head.method) }),
        None => Ok(()),
    }
}

/// Whether the header that may forbid to overwrite does.
pub fn overwrite(given: Option<&str>) -> Overwrite {
    match given {
        Some(value) if value.eq_ignore_ascii_case("true") => Overwrite::Forbidden,
        _ => Overwrite::Allowed,
    }
}

/// The access control list that a header names; none if the header is not there. `name` is what it is called in a refusal.
pub fn acl(head: &Head, header: &str, name: &'static str, lists: &[Acl]) -> Result<Option<Acl>, Refusal> {
    let Some(given) = head.filled(header) else { return Ok(None) };
    let found = lists.iter().find(|acl| acl.name == given).copied();
    found.map(Some).ok_or_else(|| Refusal::InvalidArgument { name, value: given.to_owned() })
}

/// Refuses the list of that name, which grants to others than everybody, and grants to single users.
pub fn no_acl_of_another_kind(head: &Head, prefix: &str, list: &str) -> Result<(), Refusal> {
    if head.header_of(prefix, "acl") == Some(list) {
        return Err(Refusal::NotImplemented { what: format!("{prefix}acl: {list}") });
    }
    let is_grant = |name: &&str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("grant-"));
    match head.headers.keys().map(HeaderName::as_str).filter(is_grant).min() {
        Some(name) => Err(Refusal::NotImplemented { what: name.to_owned() }),
        None => Ok(()),
    }
}

/// What a request to say who may do what says, if a header says it. `acl` is the list it names.
pub fn put_acl(
    head: &Head,
    address: &Address,
    acl: Result<Option<Acl>, Refusal>,
    header: &str,
) -> Result<Command, Refusal> {
    if !head.has(header) {
        // A grant to somebody goes before the complaint that there is no list.
        acl?;
        return Err(Refusal::NotImplemented { what: format!("PUT ?acl without {header}") });
    }
    let acl = acl?;
    Ok(match address {
        Address::Object(place) => Command::PutObjectAcl { place: place.clone(), acl },
        _ => Command::PutBucketAcl { bucket: address.bucket().expect("an operation on a bucket").clone(), acl },
    })
}

/// How a provider names and limits metadata.
#[derive(Clone, Copy, Debug)]
pub struct MetadataSpelling {
    /// What user metadata headers start with, in lower case.
    pub user_prefix: &'static str,
    /// The header that names tags.
    pub tags_header: &'static str,
    /// The header that names the storage class.
    pub class_header: &'static str,
    /// The storage classes there are; refused if it is none of them.
    pub classes: &'static [&'static str],
    /// Whether they are known in other letters as well.
    pub class_case: Case,
    /// Bytes of names and values that user metadata may have.
    pub max_user: usize,
    /// The content type of an object whose maker named none.
    pub default_type: &'static str,
}

/// Whether capital and small letters are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They are.
    Matters,
    /// They are not.
    Overlooked,
}

/// System headers that are kept with an object, as they are shown.
const SYSTEM_HEADERS: [&str; 5] =
    ["Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"];

/// What a request says of the object it makes.
pub fn metadata(head: &Head, spelling: &MetadataSpelling) -> Result<Metadata, Refusal> {
    all_utf_8(head, spelling)?;
    let storage_class = head.filled(spelling.class_header).map(|given| storage_class(given, spelling)).transpose()?;
    let user = head.headers_under(spelling.user_prefix);
    let size = user.iter().map(|(name, value)| name.len() - spelling.user_prefix.len() + value.len()).sum();
    if size > spelling.max_user {
        return Err(Refusal::MetadataTooLarge { size, max: spelling.max_user });
    }
    let content_type = head.filled("content-type").unwrap_or(spelling.default_type);
    let mut headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
    for name in SYSTEM_HEADERS {
        match head.filled(name) {
            Some(value) if name == "Content-Encoding" => {
                headers.extend(lasting(value).map(|value| (name.to_owned(), value)))
            }
            Some(value) => headers.push((name.to_owned(), value.to_owned())),
            None => {}
        }
    }
    headers.extend(user);
    Ok(Metadata { headers, storage_class, tags: header_tags(head, spelling.tags_header)?, acl: None })
}

/// Refuses metadata whose bytes are not UTF-8. Doubt: whether a service keeps such bytes, refuses them or reads them as
/// another encoding. They could not be shown again as they came, so that they are answered as not modelled.
fn all_utf_8(head: &Head, spelling: &MetadataSpelling) -> Result<(), Refusal> {
    let is_kept = |name: &str| {
        name.starts_with(spelling.user_prefix)
            || [spelling.tags_header, "content-type"].contains(&name)
            || SYSTEM_HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name))
    };
    let is_text = |value: &HeaderValue| std::str::from_utf8(value.as_bytes()).is_ok();
    match head.headers.iter().find(|(name, value)| is_kept(name.as_str()) && !is_text(value)) {
        Some((name, _)) => Err(Refusal::NotImplemented { what: format!("{name} with a value that is not UTF-8") }),
        None => Ok(()),
    }
}

/// The storage class that is meant, as the provider spells it.
fn storage_class(given: &str, spelling: &MetadataSpelling) -> Result<String, Refusal> {
    let meant = |class: &&&str| match spelling.class_case {
        Case::Matters => **class == given,
        Case::Overlooked => class.eq_ignore_ascii_case(given),
    };
    let found = spelling.classes.iter().find(meant).map(|class| (*class).to_owned());
    found.ok_or_else(|| Refusal::InvalidStorageClass { given: given.to_owned() })
}

/// The codings an object keeps: all but the frame it is sent in. None if none is left.
fn lasting(codings: &str) -> Option<String> {
    if !codings.contains(aws_v4::CODING) {
        return Some(codings.to_owned());
    }
    let codings = codings.split(',').map(str::trim).filter(|coding| *coding != aws_v4::CODING);
    Some(codings.collect::<Vec<_>>().join(",")).filter(|codings| !codings.is_empty())
}

/// The version of its source that a copy asks for, behind a question mark. Nothing here has versions, so that `null` is
/// the only one there is, and asks for nothing.
pub fn source_version(given: &str) -> Option<String> {
    let (_, query) = given.split_once('?')?;
    let version = query.split('&').find_map(|pair| pair.strip_prefix("versionId="))?;
    Some(version).filter(|version| !version.is_empty() && *version != "null").map(str::to_owned)
}

/// The bucket and key of a copy source: `/bucket/key` or `bucket/key`, percent-encoded, without its version.
pub fn copy_source(given: &str) -> Result<Place, Refusal> {
    let refusal = || Refusal::InvalidCopySource { given: given.to_owned() };
    let path = given.split_once('?').map_or(given, |(path, _)| path);
    let decoded = unescape(path.trim_start_matches('/')).ok_or_else(refusal)?;
    let (bucket, key) =
        decoded.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()).ok_or_else(refusal)?;
    Ok(Place { bucket: BucketName::new(bucket), key: ObjectKey::new(key) })
}

/// The tags in a header: `k=v&k2=v2`, percent-encoded; none if the header is not there.
pub fn header_tags(head: &Head, name: &'static str) -> Result<Vec<(String, String)>, Refusal> {
    let Some(given) = head.filled(name) else { return Ok(Vec::new()) };
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        Some((unescape(&key.replace('+', " "))?, unescape(&value.replace('+', " "))?))
    };
    let tags: Option<Vec<_>> = given.split('&').map(pair).collect();
    documents::check_tags(tags.ok_or_else(|| Refusal::InvalidArgument { name, value: given.to_owned() })?)
}

/// Adds an object's own headers, and what the query overrides of them (`response-content-type`, ..).
pub fn show_metadata(mut reply: Reply, headers: &[(String, String)], head: &Head) -> Reply {
    for (name, value) in headers {
        reply.set(name, value);
    }
    for (name, value) in head.query.pairs() {
        if let Some(name) = name.strip_prefix("response-")
            && (name == "content-type" || SYSTEM_HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name)))
        {
            reply.set(name, value);
        }
    }
    reply
}

/// `bytes first-last/total`; none for the whole.
pub fn content_range(span: Span, total: u64) -> Option<String> {
    match span {
        Span::Whole => None,
        Span::Range { first, last } => Some(format!("bytes {first}-{last}/{total}")),
    }
}

/// Gives a reply the bytes of an object, without copying them, or only their length. Bytes that were not retained cannot
/// be served; whoever asked for a fake that keeps digests only gets a body that breaks off.
pub fn serve(reply: Reply, object: &Object, span: Span, bytes: Serve) -> Reply {
    let length = span.length(object.size);
    let mut reply =
        reply.with("content-length", length.to_string()).with_some("content-range", content_range(span, object.size));
    if bytes == Serve::Bytes {
        reply.body = frames(object, span).into();
    }
    reply
}

/// Whether the bytes of an object are sent or only announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// They are sent.
    Bytes,
    /// They are announced, as for `HEAD`.
    Length,
}

/// The frames of a span of an object. They share the store's memory.
pub fn frames(object: &Object, span: Span) -> Vec<Bytes> {
    let (mut skip, mut take) = match span {
        Span::Whole => (0, object.size),
        Span::Range { first, last } => (first, last - first + 1),
    };
    let all = object.pieces.iter().flat_map(|piece| piece.body.content.frames().unwrap_or_default());
    let mut found = Vec::new();
    for frame in all {
        let len = frame.len() as u64;
        if take == 0 {
            break;
        }
        if skip >= len {
            skip -= len;
            continue;
        }
        let slice = frame.slice(skip as usize..(skip + take).min(len) as usize);
        take -= slice.len() as u64;
        skip = 0;
        found.push(slice);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(byte_range("bytes=0-9"), Some(ByteRange::Between(0, 9)));
        assert_eq!(byte_range("bytes=5-"), Some(ByteRange::From(5)));
        assert_eq!(byte_range("bytes=-3"), Some(ByteRange::Last(3)));
        for broken in ["", "bytes=", "bytes=-", "bytes=9-0", "bytes=a-b", "bytes=0-1,3-4", "items=0-1", "bytes=+1-2"] {
            assert_eq!(byte_range(broken), None, "{broken}");
        }
    }
}
