//! What a request to OBS asks for: which operation, and with which parameters.
//!
//! # Source
//! The pages of the single operations below "APIs", <https://support.huaweicloud.com/api-obs/>, and, for what goes
//! unsigned ahead of a client's first request, <https://github.com/huaweicloud/huaweicloud-sdk-python-obs>.

use super::{
    acl, aside,
    face::{ENCRYPTION_HEADERS, Face},
    known, listing, sign,
};
use crate::{
    dialect::{
        Address, Asked, BodyAsked, BodyKind, Encoding, Realm, aws_v4,
        reading::{self, BeyondLimit},
        s3_headers,
    },
    store::{
        AclAsked, Arrival, BucketKind, ByteRange, Command, Conditions, CopySource, Copying, Metadata, Op, Overwrite,
        PageAsked, PartsAsked, RangeAsked, Refusal, Resource, Rules, Unchanged, Unusable, UploadId,
    },
    wire::{head::Head, xml},
};

/// The header that says in how many zones a bucket is kept.
pub(super) const AZ_REDUNDANCY: &str = "x-obs-az-redundancy";

/// Sub-resources that are not signed.
const UNSIGNED: [&str; 1] = ["list-type"];

/// Signed parameters that are read where they matter. Asking for another one in a way that is not modelled is refused,
/// never overlooked.
const PARAMETERS: [&str; 14] = [
    "ignore-sign-in-query",
    "length",
    "location",
    "name",
    "partNumber",
    "position",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "uploadId",
    "uploads",
];

/// The header of an object that redirects the visitors of a website to elsewhere, in OBS's words.
const REDIRECT: &str = "x-obs-website-redirect-location";

/// What the names of headers that change what an operation does, and are not modelled, begin with behind the face's
/// prefix.
const UNMODELLED_HEADERS: [&str; 8] = [
    "accesslabel",
    "callback",
    "copy-source-server-side-encryption",
    "expires",
    "object-lock-",
    "server-side-data-encryption",
    "server-side-encryption-",
    "tagging-directive",
];

pub(super) fn route(head: &Head, address: &Address) -> Result<Op, Refusal> {
    if let Some(preflight) = reading::preflight(head, address) {
        return Ok(preflight);
    }
    copy_of_the_other_face(head)?;
    if head.method == "DELETE" {
        recognised(head)?;
    }
    if let Some((one, others)) = sub_resources(head).split_first() {
        let alone = others.is_empty() && !reading::names_uploads(head);
        let modelled = Some(*one).filter(|_| alone).and_then(|one| aside::route(address, head.method.as_str(), one));
        let op = modelled.ok_or_else(|| Refusal::NotImplemented { what: format!("{} ?{one}", head.method) })?;
        return known::parameters(op, Some(*one), head).map(|()| op);
    }
    let routed = plain(head, address);
    if !reading::names_only_uploads(head) {
        match &routed {
            Ok(op) => known::parameters(*op, None, head)?,
            Err(Refusal::MethodNotAllowed { .. }) => known::no_parameters(head)?,
            Err(_) => {}
        }
    }
    routed
}

/// The operation of a request that names no sub-resource but those of uploads and the location.
fn plain(head: &Head, address: &Address) -> Result<Op, Refusal> {
    let query = &head.query;
    let (uploads, upload) = reading::upload_words(head)?;
    match (address, head.method.as_str()) {
        (Address::Object(_), "POST") if !uploads && !upload => Err(reading::form_upload()),
        // S3 reads one part of an object so. Doubt: no page of OBS's tells of it.
        (Address::Object(_), "GET" | "HEAD") if query.has("partNumber") && !query.has("uploadId") => {
            Err(Refusal::NotImplemented { what: format!("{} ?partNumber", head.method) })
        }
        (Address::Object(_), _) => reading::object_op(head, head.has_of(Face::of(head).prefix(), "copy-source")),
        (Address::Bucket(_), _) if upload => Err(Refusal::EmptyKey),
        (Address::Bucket(_), "GET") if uploads => Ok(Op::ListUploads),
        (Address::Bucket(_), "POST") if uploads => Err(Refusal::EmptyKey),
        (Address::Bucket(_), "GET") if query.has("location") => Ok(Op::LocateBucket),
        (Address::Bucket(_), _) if uploads || query.has("location") => {
            Err(reading::not_allowed(head, Resource::Bucket))
        }
        (Address::Bucket(_) | Address::Service, "HEAD") if query.has("apiversion") => Ok(Op::Negotiate),
        (Address::Bucket(_), _) => reading::bucket_op(head),
        (Address::Service, _) => reading::service_op(head),
    }
}

/// The sub-resources a request names, but for those that change nothing: an object is its own version `null`, and the second form of
/// the listing is a listing.
fn sub_resources(head: &Head) -> Vec<&'static str> {
    if reading::names_only_uploads(head) {
        return Vec::new();
    }
    let reads = matches!(head.method.as_str(), "GET" | "HEAD");
    let changes = |name: &&str| match *name {
        "versionId" => head.query.get("versionId") != Some("null") || !(reads || head.method == "DELETE"),
        "list-type" => !(reads && listing::is_second_version(head)),
        _ => true,
    };
    let signed = sign::SUB_RESOURCES.into_iter().filter(|name| !PARAMETERS.contains(name));
    UNSIGNED.into_iter().chain(signed).filter(|name| head.query.has(name)).filter(changes).collect()
}

/// Refuses headers that change a request's meaning in ways that are not modelled.
fn unmodelled_header(head: &Head) -> Result<(), Refusal> {
    let face = Face::of(head);
    let prefix = face.prefix();
    let own = head.headers.keys().filter_map(|name| name.as_str().strip_prefix(prefix));
    let modelled = |name: &&str| face.kms_key_header().strip_prefix(prefix) == Some(name);
    let unmodelled = |name: &&str| UNMODELLED_HEADERS.iter().any(|start| name.starts_with(start)) && !modelled(name);
    match own.into_iter().find(unmodelled) {
        Some(name) => Err(Refusal::NotImplemented { what: format!("{prefix}{name}") }),
        None => face.check_headers(head),
    }
}

/// Refuses a copy that is asked for in the words of the other face: overlooked, it would put an empty object in place of its
/// target. A request without any proof may be of either protocol. Doubt: whether the service reads both.
fn copy_of_the_other_face(head: &Head) -> Result<(), Refusal> {
    let (own, other) = match Face::of(head) {
        Face::Obs => (Face::Obs, Face::Aws),
        Face::Aws => (Face::Aws, Face::Obs),
    };
    let asks = |face: Face| head.has_of(face.prefix(), "copy-source");
    match asks(other) && !asks(own) && sign::claimed_key(head).is_some() {
        true => {
            Err(Refusal::NotImplemented { what: format!("{} through the other protocol", other.named("copy-source")) })
        }
        false => Ok(()),
    }
}

/// Refuses a parameter nobody knows: `?uploadid=..`, in the wrong case, must not delete the object.
///
/// # Source
/// "Deleting an Object", <https://support.huaweicloud.com/api-obs/>. Doubt: the code.
fn recognised(head: &Head) -> Result<(), Refusal> {
    match head.query.pairs().find(|(name, _)| !is_recognised(name)) {
        Some((name, value)) => Err(Refusal::UnrecognisedParameter { name: name.to_owned(), value: value.to_owned() }),
        None => Ok(()),
    }
}

fn is_recognised(name: &str) -> bool {
    // `x-id` is what some S3 clients add to say which operation they mean.
    sign::is_sub_resource(name) || sign::URL_FIELDS.contains(&name) || name == "x-id"
}

pub(super) fn read(op: Op, head: &Head, address: &Address, rules: &Rules) -> Result<Box<Asked>, Refusal> {
    let face = Face::of(head);
    unmodelled_header(head)?;
    traffic_limit(face, head)?;
    reading::no_write_conditions(head)?;
    let place = || match address {
        Address::Object(place) => place.clone(),
        Address::Service | Address::Bucket(_) => unreachable!("{} is about an object", op.name()),
    };
    let bucket = || address.bucket().expect("an operation on a bucket").clone();
    let limit = |name| reading::page_limit(head, name, rules.max_page, rules.max_page, BeyondLimit::Capped);
    let overwrite = Overwrite::Allowed;
    let command = match op {
        Op::Initiate => Command::Initiate {
            place: place(),
            metadata: metadata(face, head)?.into(),
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
            let source = copy_source(face, head)?;
            Command::UploadPartCopy { place: place(), upload: upload_id(head)?, number, source }
        }
        Op::ListParts => {
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
            Command::PutObject { place: place(), metadata: metadata(face, head)?, overwrite }
        }
        Op::AppendObject => {
            let position = reading::append_position(head)?;
            reading::body_length(head, rules).map_err(|refusal| match refusal {
                Refusal::TooLarge { size, max } => Refusal::AppendTooLarge { size, max },
                refusal => refusal,
            })?;
            let metadata = metadata(face, head)?;
            Command::AppendObject { place: place(), metadata, position, acl: AclAsked::AsBegun }
        }
        Op::CopyObject => {
            let source = copy_source(face, head)?;
            Command::CopyObject { place: place(), source, given: copied(face, head)?, overwrite }
        }
        Op::GetObject => {
            let range = head.header("range").and_then(reading::byte_range);
            let range = range.map(|range| RangeAsked { range, unusable: Unusable::Cut });
            Command::GetObject { place: place(), range, conditions: reading::conditions(head, "if-") }
        }
        Op::HeadObject => Command::HeadObject { place: place(), conditions: reading::conditions(head, "if-") },
        Op::DeleteObject => Command::DeleteObject { place: place() },
        Op::ListUploads => {
            Command::ListUploads { bucket: bucket(), page: reading::uploads_page(head, limit("max-uploads")?) }
        }
        Op::ListObjects => Command::ListObjects { bucket: bucket(), page: listing::page(head, limit("max-keys")?)? },
        Op::CreateBucket => {
            plain_bucket(face, head)?;
            let kind = BucketKind { class: face.bucket_class(head)?, redundancy: redundancy(head)? };
            Command::CreateBucket { bucket: bucket(), acl: acl::of_bucket(face, head)?, kind }
        }
        Op::PutAcl => {
            let of_object = address.key().is_some();
            let acl = if of_object { acl::of_object(face, head) } else { acl::of_bucket(face, head) };
            reading::put_acl(head, address, acl, &face.named("acl"))?
        }
        Op::HeadBucket => Command::HeadBucket { bucket: bucket() },
        Op::DeleteBucket => Command::DeleteBucket { bucket: bucket() },
        Op::LocateBucket => Command::LocateBucket { bucket: bucket() },
        Op::ListBuckets => {
            let after = head.query.get("marker").unwrap_or_default().to_owned();
            Command::ListBuckets { page: PageAsked { after, max: limit("max-keys")?, ..PageAsked::default() } }
        }
        Op::Preflight => unreachable!("a preflight is not read"),
        Op::Negotiate => Command::Negotiate { bucket: address.bucket().cloned() },
        Op::PutLifecycle if !head.has("content-md5") => {
            return Err(Refusal::MissingHeader { name: "Content-MD5" });
        }
        _ => reading::aside(op, address, aside::setting(head)),
    };
    Ok(Box::new(Asked { command, encoding: encoding(head)?, body: body(op, face, head, rules)? }))
}

/// The upload id of a request that must have one. An empty one is that of no upload; a missing one is a mistake of
/// another kind: doubt, no page knows either.
fn upload_id(head: &Head) -> Result<UploadId, Refusal> {
    match head.query.has("uploadId") {
        true => reading::upload_id(head),
        false => Err(Refusal::InvalidArgument { name: "uploadId", value: String::new() }),
    }
}

fn encoding(head: &Head) -> Result<Encoding, Refusal> {
    match head.query.filled("encoding-type") {
        None => Ok(Encoding::Plain),
        Some("url") => Ok(Encoding::Url),
        Some(other) => Err(Refusal::InvalidArgument { name: "encoding-type", value: other.to_owned() }),
    }
}

/// What the body must live up to. A CRC-64 sent with a complete is that of the whole object, not of the list.
///
/// # Source
/// "Uploading Parts", <https://support.huaweicloud.com/api-obs/>; what the checksum of a complete
/// covers is read from `complete_multipart_upload` in <https://github.com/huaweicloud/huaweicloud-sdk-python-obs>. A streamed
/// `x-amz-content-sha256` (`STREAMING-..`) matches no body: <https://github.com/langgenius/dify/issues/13354>.
fn body(op: Op, face: Face, head: &Head, rules: &Rules) -> Result<BodyAsked, Refusal> {
    let kind = BodyKind::of(op);
    let said = checksum_header(face, head).map(|(_, given)| given.to_owned());
    let (crc64, whole_crc64) = match op {
        Op::Complete => (None, said),
        _ => (said.filter(|_| kind.is_kept()), None),
    };
    let framing = if face == Face::Aws { aws_v4::framing(head, rules)? } else { None };
    let sha256 = face.header(head, "content-sha256").filter(|hash| *hash != "UNSIGNED-PAYLOAD" && framing.is_none());
    let sha256 = sha256.map(str::to_owned);
    let checksums = if face == Face::Aws { s3_headers::checksums(head, op)? } else { Vec::new() };
    Ok(BodyAsked { kind, md5: reading::content_md5(head)?, crc64, whole_crc64, sha256, checksums, framing })
}

/// The header a request carries its CRC-64 in, if it carries one, and its value. It had another name once.
pub(super) fn checksum_header(face: Face, head: &Head) -> Option<(String, &str)> {
    let given = |rest| face.header(head, rest).map(|given| (face.named(rest), given));
    ["checksum-crc64ecma", "hash-crc64ecma"].into_iter().find_map(given)
}

fn metadata(face: Face, head: &Head) -> Result<Metadata, Refusal> {
    let mut metadata = Metadata { acl: acl::of_object(face, head)?, ..face.metadata(head)? };
    metadata.tags = aside::check_tags(metadata.tags)?;
    metadata.headers.extend(face.encryption(head)?);
    // Remembered and shown; nobody is redirected, since no bucket is a website.
    let redirect = face.header(head, "website-redirect-location");
    metadata.headers.extend(redirect.map(|to| (REDIRECT.to_owned(), to.to_owned())));
    Ok(metadata)
}

/// Refuses a limit on the rate of a transfer that is none. One that will do limits nothing here.
///
/// # Source
/// "Single-Connection Bandwidth Limiting", <https://support.huaweicloud.com/api-obs/>: 819,200 to 838,860,800 bits a
/// second. Doubt: the code.
fn traffic_limit(face: Face, head: &Head) -> Result<(), Refusal> {
    let is_limit = |name: &str| name.strip_prefix(face.prefix()) == Some("traffic-limit");
    let in_url = || head.query.pairs().find(|(name, _)| is_limit(name)).map(|(_, value)| value);
    let Some(given) = face.header(head, "traffic-limit").or_else(in_url) else { return Ok(()) };
    match reading::parse_digits(given) {
        Some(819_200..=838_860_800) => Ok(()),
        _ => Err(Refusal::InvalidArgument { name: "x-obs-traffic-limit", value: given.to_owned() }),
    }
}

/// Refuses to create a bucket that is a file system, with object lock, or that encrypts.
fn plain_bucket(face: Face, head: &Head) -> Result<(), Refusal> {
    let kinds = [("fs-file-interface", "Enabled"), ("bucket-object-lock-enabled", "true")];
    let kind = kinds.iter().find(|(rest, value)| face.header(head, rest) == Some(value)).map(|(rest, _)| *rest);
    let encrypts = face.header(head, "server-side-encryption").map(|_| "server-side-encryption");
    match kind.or(encrypts) {
        Some(rest) => Err(Refusal::NotImplemented { what: format!("{} of a bucket", face.named(rest)) }),
        None => Ok(()),
    }
}

/// In how many zones a bucket is to be kept, if it is several. Both faces call it the same.
///
/// # Source
/// `az_redundancy_header`,
/// <https://github.com/huaweicloud/huaweicloud-sdk-python-obs/blob/master/src/obs/convertor.py>. Doubt: what another value is answered.
fn redundancy(head: &Head) -> Result<Option<String>, Refusal> {
    let name = AZ_REDUNDANCY;
    match head.filled(name) {
        Some(given) if given != "3az" => Err(Refusal::InvalidArgument { name, value: given.to_owned() }),
        given => Ok(given.map(str::to_owned)),
    }
}

/// What a copied object gets of its own. Doubt: tags that are given beside the source's metadata are not modelled, since no
/// page says what becomes of the source's.
fn copied(face: Face, head: &Head) -> Result<Copying, Refusal> {
    let name = "x-obs-metadata-directive";
    let tagging = face.named("tagging");
    let replaces = match face.header(head, "metadata-directive") {
        None | Some("COPY") if head.filled(&tagging).is_some() => {
            return Err(Refusal::NotImplemented { what: format!("{tagging} on a copy") });
        }
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some("REPLACE_NEW") => return Err(Refusal::NotImplemented { what: format!("{name}: REPLACE_NEW") }),
        Some(other) => return Err(Refusal::InvalidArgument { name, value: other.to_owned() }),
    };
    let Metadata { headers, storage_class, tags, acl } = metadata(face, head)?;
    if replaces {
        return Ok(Copying {
            headers: Some(headers),
            kept: "",
            added: Vec::new(),
            storage_class,
            tags: Some(tags),
            acl,
        });
    }
    let added = headers.into_iter().filter(|(name, _)| ENCRYPTION_HEADERS.contains(&name.as_str())).collect();
    Ok(Copying { headers: None, kept: "", added, storage_class, tags: None, acl })
}

/// Where a copy reads from. It has no body of its own, and its range is `bytes=first-last` or an error.
fn copy_source(face: Face, head: &Head) -> Result<CopySource, Refusal> {
    if head.content_length().is_some_and(|length| length > 0) || head.is_chunked() {
        return Err(Refusal::UnexpectedBody);
    }
    let given = head.header(&face.named("copy-source")).unwrap_or_default();
    let (place, version) = (reading::copy_source(given)?, reading::source_version(given));
    let read = |given: &str| match reading::byte_range(given) {
        Some(range @ ByteRange::Between(..)) => Ok(RangeAsked { range, unusable: Unusable::Refused }),
        _ => Err(Refusal::InvalidArgument { name: "x-obs-copy-source-range", value: given.to_owned() }),
    };
    let range = face.header(head, "copy-source-range").map(read).transpose()?;
    let conditions = reading::conditions(head, &face.named("copy-source-if-"));
    let conditions = Conditions { unchanged: Unchanged::PreconditionFailed, ..conditions };
    Ok(CopySource { place, version, range, conditions })
}

/// Refuses a bucket that is to be created in another region than this one.
///
/// # Source
/// "Creating a Bucket", <https://support.huaweicloud.com/api-obs/>. The S3-compatible face calls
/// the element `LocationConstraint`. Doubt: what another region than the endpoint's own is answered.
pub(super) fn bucket_configuration(body: &[u8], realm: &Realm) -> Result<BucketKind, Refusal> {
    if body.is_empty() {
        return Ok(BucketKind::default());
    }
    let root = xml::parse(body).filter(|root| root.name == "CreateBucketConfiguration").ok_or(Refusal::MalformedXml)?;
    match root.child_text("Location").or(root.child_text("LocationConstraint")) {
        Some(given) if given != realm.region => Err(Refusal::WrongLocation { given: given.to_owned() }),
        _ => Ok(BucketKind::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::{Dialect, obs::Obs},
        store::{BucketName, ObjectKey, Place},
    };

    fn asked(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<Box<Asked>, Refusal> {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = Head::new(request.body(()).unwrap().into_parts().0, crate::wire::query::Plus::Plus);
        let address = Address::Object(Place { bucket: BucketName::new("demo-bucket"), key: ObjectKey::new("k") });
        read(route(&head, &address)?, &head, &address, &Obs.rules())
    }

    #[test]
    fn a_part_is_refused_by_the_length_it_declares() {
        let part = |length| asked("PUT", "/k?partNumber=1&uploadId=U", &[("content-length", length)]);
        assert!(part("5368709120").is_ok());
        let refusal = Refusal::TooLarge { size: 5_368_709_121, max: 5_368_709_120 };
        assert_eq!(part("5368709121").unwrap_err(), refusal);
    }

    #[test]
    fn digests_are_those_of_the_bytes_they_come_with() {
        let headers = [("content-length", "1"), ("x-obs-hash-crc64ecma", "7"), ("x-obs-content-sha256", "ab")];
        let part = asked("PUT", "/k?partNumber=1&uploadId=U", &headers).unwrap().body;
        assert_eq!((part.crc64.as_deref(), part.sha256.as_deref()), (Some("7"), Some("ab")));
        let list = asked("POST", "/k?uploadId=U", &headers).unwrap().body;
        assert_eq!((list.crc64.as_deref(), list.sha256.as_deref()), (None, Some("ab")));
        assert_eq!(list.whole_crc64.as_deref(), Some("7"));
        let aws =
            [("authorization", "AWS ak:sig"), headers[0], headers[1], ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
        let part = asked("PUT", "/k?partNumber=1&uploadId=U", &aws).unwrap().body;
        assert_eq!((part.crc64, part.sha256), (None, None));
    }

    #[test]
    fn headers_that_are_not_modelled_are_not_overlooked() {
        for name in [
            "x-obs-server-side-encryption-customer-key",
            "x-obs-object-lock-mode",
            "x-obs-tagging-directive",
            "x-obs-callback",
        ] {
            let refused = asked("POST", "/k?uploads", &[(name, "x")]).unwrap_err();
            assert_eq!(refused, Refusal::NotImplemented { what: name.into() });
        }
        assert!(
            asked("POST", "/k?uploads", &[("x-amz-server-side-encryption-customer-key", "x")]).is_ok(),
            "the other face's"
        );
    }
}
