//! What OSS replies when it does not refuse: headers and documents.
//!
//! Documents are indented by two spaces, end in a line feed, carry no namespace, write empty elements as a pair, and keep
//! the double quotes of entity tags raw.
//!
//! # Source
//! Recorded exchanges in the vendor's SDKs, whose lengths this layout reproduces:
//! <https://github.com/aliyun/aliyun-oss-python-sdk> (`unittests`), <https://github.com/aliyun/alibabacloud-oss-go-sdk-v2>
//! (`oss/client_mock_test.go`).

use std::sync::Arc;

use crate::{
    dialect::{
        Asked, Context, Encoding,
        reading::{self, Serve},
    },
    store::{
        Account, Command, Last, Metadata, Object, ObjectKey, Origin, Outcome, Page, PageAsked, Part, PartsPage, Place,
        Span, Timestamp, UploadId, UploadListed,
    },
    wire::{
        date,
        digest::combine_crc64,
        encode::{base64, escape, hex_upper},
        reply::Reply,
        xml::{self, Element, EmptyElement, Layout, Quotes},
    },
};

pub(super) const HEADER_NAMES: &[&str] = &[
    "Accept-Ranges",
    "Allow",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Server",
];

pub(super) const LAYOUT: Layout = Layout {
    declaration: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    indent: Some("  "),
    empty: EmptyElement::Pair,
    quotes: Quotes::Raw,
    end: "\n",
};

/// The headers every reply has.
pub(super) fn head_of(context: &Context<'_>, status: u16) -> Reply {
    Reply::new(status)
        .with("server", "AliyunOSS")
        .with("date", date::http(context.date))
        .with("x-oss-request-id", super::request_id(context))
        .with("x-oss-server-time", context.elapsed_millis.to_string())
}

pub(super) fn render(context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply {
    let speller = Speller(asked.encoding);
    let document = |root: Element| {
        head_of(context, 200).with("content-type", "application/xml").with_body(xml::write(&root, &LAYOUT))
    };
    match (outcome, &asked.command) {
        (Outcome::Initiated(id), Command::Initiate { place, .. }) => document(initiated(&speller, place, id)),
        (Outcome::PartStored { part, copied: Some(copied), .. }, _) => {
            let body = xml::write(&copy_result("CopyPartResult", &quoted(part), part.modified), &LAYOUT);
            head_of(context, 200)
                .with("content-type", "application/xml")
                .with("etag", quoted(part))
                .with_some("content-range", reading::content_range(copied.span, copied.source_size))
                .with_body(body)
        }
        (Outcome::PartStored { part, .. }, _) => stored(context, part),
        (Outcome::Parts(page), Command::ListParts { place, upload, after, max }) => {
            document(parts(&speller, place, upload, *after, *max, page))
        }
        (Outcome::Uploads(page), Command::ListUploads { bucket, page: asked }) => {
            let id_marker = context.head.query.get("upload-id-marker").unwrap_or_default();
            document(uploads(&speller, bucket.as_str(), asked, id_marker, page))
        }
        (Outcome::Completed { object, .. }, Command::Complete { place, .. }) => {
            let etag = format!("\"{}\"", object.etag);
            document(completed(context, &speller, place, &etag))
                .with("etag", etag)
                .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string())
        }
        (Outcome::Aborted { .. } | Outcome::ObjectDeleted { .. } | Outcome::BucketDeleted, _) => head_of(context, 204),
        (Outcome::ObjectStored { object, .. }, Command::CopyObject { .. }) => {
            let etag = format!("\"{}\"", object.etag);
            document(copy_result("CopyObjectResult", &etag, object.modified)).with("etag", etag)
        }
        (Outcome::ObjectStored { object, .. }, _) => {
            let digest = object.md5().map(base64);
            head_of(context, 200)
                .with("etag", format!("\"{}\"", object.etag))
                .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string())
                .with_some("content-md5", digest)
                .with_no_body()
        }
        (Outcome::Object { object, span }, command) => {
            let bytes = if matches!(command, Command::HeadObject { .. }) { Serve::Length } else { Serve::Bytes };
            reading::serve(object_head(context, object, *span), object, *span, bytes)
        }
        (Outcome::Objects { page, owner }, Command::ListObjects { bucket, page: asked }) => {
            document(objects(context, &speller, bucket.as_str(), asked, page, owner))
        }
        (Outcome::BucketCreated, Command::CreateBucket { bucket }) => {
            head_of(context, 200).with("location", format!("/{bucket}")).with_no_body()
        }
        (Outcome::Bucket, Command::LocateBucket { .. }) => {
            document(Element::text("LocationConstraint", format!("oss-{}", context.realm.region)))
        }
        (Outcome::Buckets { buckets, owner }, _) => {
            let buckets = buckets.iter().map(|(name, created)| bucket(context, name.as_str(), *created));
            let children = [owner_of(owner), Element::of("Buckets", buckets)];
            document(Element::of("ListAllMyBucketsResult", children))
        }
        _ => head_of(context, 200).with_no_body(),
    }
}

/// Spells keys as the client asked for them.
struct Speller(Encoding);

impl Speller {
    fn text(&self, name: &'static str, text: &str) -> Element {
        Element::text(name, self.spell(text))
    }

    fn spell(&self, text: &str) -> String {
        match self.0 {
            Encoding::Plain => text.to_owned(),
            Encoding::Url => escape(text),
        }
    }

    fn element(&self) -> Option<Element> {
        (self.0 == Encoding::Url).then(|| Element::text("EncodingType", "url"))
    }
}

fn initiated(speller: &Speller, place: &Place, id: &UploadId) -> Element {
    let children = [
        Element::text("Bucket", place.bucket.as_str()),
        speller.text("Key", place.key.as_str()),
        Element::text("UploadId", id.as_str()),
    ];
    Element::of("InitiateMultipartUploadResult", speller.element().into_iter().chain(children))
}

fn stored(context: &Context<'_>, part: &Part) -> Reply {
    head_of(context, 200)
        .with("etag", quoted(part))
        .with("x-oss-hash-crc64ecma", part.body.crc64.to_string())
        .with("content-md5", base64(part.body.md5))
        .with_no_body()
}

fn quoted(part: &Part) -> String {
    format!("\"{}\"", hex_upper(part.body.md5))
}

fn parts(speller: &Speller, place: &Place, upload: &UploadId, after: u64, max: usize, page: &PartsPage) -> Element {
    let mut children = Vec::from_iter(speller.element());
    children.extend([
        Element::text("Bucket", place.bucket.as_str()),
        speller.text("Key", place.key.as_str()),
        Element::text("UploadId", upload.as_str()),
        Element::text("StorageClass", page.storage_class.as_deref().unwrap_or("Standard")),
        Element::text("PartNumberMarker", after.to_string()),
    ]);
    // Empty where no part is listed, but there: oss2 refuses a list without it, and asks for one before its first part.
    let next = page.parts.last().map(|part| part.number.to_string()).unwrap_or_default();
    children.extend([
        Element::text("NextPartNumberMarker", next),
        Element::text("MaxParts", max.to_string()),
        Element::text("IsTruncated", page.truncated.to_string()),
    ]);
    children.extend(page.parts.iter().map(|part| {
        let children = [
            Element::text("PartNumber", part.number.to_string()),
            Element::text("LastModified", date::iso_zero_millis(part.modified)),
            Element::text("ETag", quoted(part)),
            Element::text("HashCrc64ecma", part.body.crc64.to_string()),
            Element::text("Size", part.size().to_string()),
        ];
        Element::of("Part", children)
    }));
    Element::of("ListPartsResult", children)
}

fn uploads(speller: &Speller, bucket: &str, asked: &PageAsked, id_marker: &str, page: &Page<UploadListed>) -> Element {
    let (next_key, next_upload) = match &page.last {
        Some(Last::Entry(upload)) => (upload.key.as_str(), upload.id.as_str()),
        Some(Last::Prefix(prefix)) => (prefix.as_str(), ""),
        None => ("", ""),
    };
    let mut children = Vec::from_iter(speller.element());
    children.extend([
        Element::text("Bucket", bucket),
        speller.text("KeyMarker", &asked.after),
        Element::text("UploadIdMarker", id_marker),
        speller.text("NextKeyMarker", next_key),
        Element::text("NextUploadIdMarker", next_upload),
        speller.text("Delimiter", &asked.delimiter),
        speller.text("Prefix", &asked.prefix),
        Element::text("MaxUploads", asked.max.to_string()),
        Element::text("IsTruncated", page.truncated.to_string()),
    ]);
    children.extend(page.entries.iter().map(|upload| {
        let children = [
            speller.text("Key", upload.key.as_str()),
            Element::text("UploadId", upload.id.as_str()),
            Element::text("StorageClass", upload.storage_class.as_deref().unwrap_or("Standard")),
            Element::text("Initiated", date::iso_zero_millis(upload.initiated)),
        ];
        Element::of("Upload", children)
    }));
    children.extend(prefixes(speller, &page.prefixes));
    Element::of("ListMultipartUploadsResult", children)
}

fn prefixes<'a>(speller: &'a Speller, prefixes: &'a [String]) -> impl Iterator<Item = Element> + 'a {
    prefixes.iter().map(|prefix| Element::of("CommonPrefixes", [speller.text("Prefix", prefix)]))
}

fn completed(context: &Context<'_>, speller: &Speller, place: &Place, etag: &str) -> Element {
    let key = speller.spell(place.key.as_str());
    let location = format!("http://{}.{}/{key}", place.bucket, context.realm.service_host);
    let children = [
        Element::text("Location", location),
        Element::text("Bucket", place.bucket.as_str()),
        Element::text("Key", key),
        Element::text("ETag", etag),
    ];
    Element::of("CompleteMultipartUploadResult", speller.element().into_iter().chain(children))
}

fn copy_result(name: &'static str, etag: &str, modified: Timestamp) -> Element {
    let modified = Element::text("LastModified", date::iso_zero_millis(modified));
    let etag = Element::text("ETag", etag);
    // The vendor prints the two in this order for parts and in the other for objects.
    let children = if name == "CopyPartResult" { [modified, etag] } else { [etag, modified] };
    Element::of(name, children)
}

/// The headers of an object, shared by `GET` and `HEAD`.
fn object_head(context: &Context<'_>, object: &Object, span: Span) -> Reply {
    let Metadata { headers, storage_class, .. } = &object.metadata;
    let status = if span == Span::Whole { 200 } else { 206 };
    let mut reply = head_of(context, status)
        .with("etag", format!("\"{}\"", object.etag))
        .with("last-modified", date::http(object.modified));
    if context.head.query.has("objectMeta") {
        return reply;
    }
    reply = reply
        .with("accept-ranges", "bytes")
        .with("x-oss-object-type", if object.origin == Origin::Whole { "Normal" } else { "Multipart" })
        .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string())
        .with("x-oss-storage-class", storage_class.as_deref().unwrap_or("Standard"));
    // Only a whole put has an MD5 of its content to show.
    if object.origin == Origin::Whole {
        reply = reply.with_some("content-md5", object.md5().map(base64));
    }
    reading::show_metadata(reply, headers, context.head)
}

fn objects(
    context: &Context<'_>,
    speller: &Speller,
    bucket: &str,
    asked: &PageAsked,
    page: &Page<(ObjectKey, Arc<Object>)>,
    owner: &Account,
) -> Element {
    let query = &context.head.query;
    let second = query.get("list-type") == Some("2");
    let with_owner = !second || query.get("fetch-owner") == Some("true");
    let next = page.truncated.then(|| match &page.last {
        Some(Last::Entry((key, _))) => key.to_string(),
        Some(Last::Prefix(prefix)) => prefix.clone(),
        None => String::new(),
    });
    let mut children = vec![Element::text("Name", bucket), speller.text("Prefix", &asked.prefix)];
    if second {
        children.extend(query.get("start-after").map(|after| speller.text("StartAfter", after)));
        children.extend(query.filled("continuation-token").map(|token| Element::text("ContinuationToken", token)));
    } else {
        children.push(speller.text("Marker", &asked.after));
    }
    children.push(Element::text("MaxKeys", asked.max.to_string()));
    children.push(speller.text("Delimiter", &asked.delimiter));
    children.extend(speller.element());
    children.push(Element::text("IsTruncated", page.truncated.to_string()));
    children.extend(next.map(|next| match second {
        true => Element::text("NextContinuationToken", base64(next)),
        false => speller.text("NextMarker", &next),
    }));
    children.extend(page.entries.iter().map(|(key, object)| {
        let mut children = vec![
            speller.text("Key", key.as_str()),
            Element::text("LastModified", date::iso_zero_millis(object.modified)),
            Element::text("ETag", format!("\"{}\"", object.etag)),
            Element::text("Type", if object.origin == Origin::Whole { "Normal" } else { "Multipart" }),
            Element::text("Size", object.size.to_string()),
            Element::text("StorageClass", object.metadata.storage_class.as_deref().unwrap_or("Standard")),
        ];
        children.extend(with_owner.then(|| owner_of(owner)));
        Element::of("Contents", children)
    }));
    children.extend(prefixes(speller, &page.prefixes));
    if second {
        children.push(Element::text("KeyCount", (page.entries.len() + page.prefixes.len()).to_string()));
    }
    Element::of("ListBucketResult", children)
}

fn owner_of(owner: &Account) -> Element {
    Element::of("Owner", [Element::text("ID", &*owner.id), Element::text("DisplayName", &*owner.alias)])
}

fn bucket(context: &Context<'_>, name: &str, created: Timestamp) -> Element {
    let host = &context.realm.service_host;
    let region = &context.realm.region;
    let internal = host.replacen(&**region, &format!("{region}-internal"), 1);
    let children = [
        Element::text("CreationDate", date::iso_zero_millis(created)),
        Element::text("ExtranetEndpoint", &**host),
        Element::text("IntranetEndpoint", internal),
        Element::text("Location", format!("oss-{region}")),
        Element::text("Name", name),
        Element::text("StorageClass", "Standard"),
    ];
    Element::of("Bucket", children)
}
