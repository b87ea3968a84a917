//! What COS replies when it does not refuse: headers and documents.
//!
//! Documents are indented by tabs and end without a line feed; most have no declaration, one alone has a namespace. Which
//! has what is in the vendor's samples, whose lengths these layouts reproduce.
//!
//! # Source
//! The pages of the single operations below "API Documentation", <https://cloud.tencent.com/document/product/436/7751>.

use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_TYPE, DATE, ETAG, SERVER},
};

use super::{address, face::Face, lists, route, settings, tag_digest};
use crate::{
    dialect::{
        Asked, Context, Encoding,
        reading::{self, Serve},
    },
    store::{
        Account, BucketListed, BucketName, Command, Last, Metadata, Object, Origin, Outcome, Page, PageAsked, Part,
        PartsPage, Place, Principal, Setting, Span, Timestamp, UploadId, UploadListed,
    },
    wire::{
        date,
        digest::combine_crc64,
        encode::{escape_path, hex},
        reply::{Reply, number, value},
        xml::{self, Element, EmptyElement, Layout, Quotes, Reference},
    },
};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-cos-request-id");
static CRC64: HeaderName = HeaderName::from_static("x-cos-hash-crc64ecma");
static XML: HeaderValue = HeaderValue::from_static("application/xml");

/// Most documents.
const BARE: Layout = Layout {
    declaration: "",
    indent: Some("\t"),
    empty: EmptyElement::SelfClosing,
    quotes: Quotes::Escaped,
    illegal: Reference::Hexadecimal,
    end: "",
};

/// The list of objects.
const LISTING: Layout = Layout { declaration: "<?xml version='1.0' encoding='utf-8' ?>\n", ..BARE };

/// Errors. Doubt: a recorded one is two bytes longer than its text, which fits two line feeds.
pub(super) const ERROR: Layout = Layout { end: "\n\n", ..LISTING };

/// The result of a complete.
const COMPLETED: Layout = Layout { declaration: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ..BARE };

/// The results of copies. Doubt: older samples are bare, and have fewer elements.
const COPIED: Layout = Layout { quotes: Quotes::Raw, ..COMPLETED };

/// The one namespace there is.
const NAMESPACE: &str = "http://www.qcloud.com/document/product/436/7751";

/// The headers every reply has.
pub(super) fn head_of(context: &Context<'_>, status: u16) -> Reply {
    Reply::new(status)
        .with_value(DATE, context.http_date())
        .with_value(SERVER, HeaderValue::from_static("tencent-cos"))
        .with_value(REQUEST_ID.clone(), value(super::request_id(context)))
}

pub(super) fn render(context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply {
    let speller = Speller(asked.encoding);
    let face = Face::of(context.head);
    let document = |root: Element, layout: &Layout| {
        let layout = if face == Face::Aws { &COMPLETED } else { layout };
        let body = xml::write(&face.document(root), layout);
        head_of(context, 200).with_value(CONTENT_TYPE, XML.clone()).with_body(body)
    };
    match (outcome, &asked.command) {
        (Outcome::Initiated(id), Command::Initiate { place, metadata, .. }) => {
            encrypted(document(initiated(place, id), &BARE), metadata)
        }
        (Outcome::PartStored { part, metadata, copied: Some(_), .. }, _) => {
            let crc64 = part.body.crc64.to_string();
            let tag = hex(tag_digest(metadata, &part.body.md5));
            let result = copy_result("CopyPartResult", &tag, &crc64, part.modified);
            encrypted(document(result, &COPIED).with("x-cos-hash-crc64ecma", crc64), metadata)
        }
        (Outcome::PartStored { part, metadata, .. }, _) => {
            encrypted(stored(context, &hex(tag_digest(metadata, &part.body.md5)), part.body.crc64), metadata)
        }
        (Outcome::Parts(page), Command::ListParts { place, upload, after, max }) => {
            document(parts(&speller, place, upload, *after, *max, page), &BARE)
        }
        (Outcome::Uploads(page), Command::ListUploads { bucket, page: asked }) => {
            let id_marker = context.head.query.get("upload-id-marker").unwrap_or_default();
            document(uploads(&speller, bucket, asked, id_marker, page), &BARE)
        }
        (Outcome::Completed { object, .. }, Command::Complete { place, .. }) => {
            let document = document(completed(context, place, object), &COMPLETED);
            encrypted(document.with("x-cos-hash-crc64ecma", crc64_of(object)), &object.metadata)
        }
        (Outcome::Aborted { .. } | Outcome::ObjectDeleted { .. } | Outcome::BucketDeleted, _)
        | (Outcome::TagsDeleted | Outcome::SettingDeleted | Outcome::LifecycleDeleted, _) => head_of(context, 204),
        (Outcome::ObjectsDeleted { listed, .. }, _) => document(settings::deleted(listed), &BARE),
        (Outcome::Tags(tags), _) => document(settings::tags(tags), &LISTING),
        (Outcome::Lifecycle(lifecycle), _) => document(settings::again(&lifecycle.document), &LISTING),
        (Outcome::Setting(facts), Command::GetSetting { setting, .. }) => {
            document(settings::shown(*setting, facts), &LISTING)
        }
        (Outcome::Setting(facts), _) => document(settings::shown(Setting::Acl, facts), &LISTING),
        (Outcome::ObjectStored { object, .. }, Command::CopyObject { .. }) => {
            let crc64 = crc64_of(object);
            let result = copy_result("CopyObjectResult", object.etag.as_str(), &crc64, object.modified);
            encrypted(document(result, &COPIED).with("x-cos-hash-crc64ecma", crc64), &object.metadata)
        }
        (Outcome::ObjectStored { object, .. }, Command::AppendObject { .. }) => {
            let reply = stored(context, object.etag.as_str(), object.crc64(combine_crc64));
            encrypted(reply.with("x-cos-next-append-position", object.size.to_string()), &object.metadata)
        }
        (Outcome::ObjectStored { object, .. }, _) => {
            let reply = stored(context, object.etag.as_str(), object.crc64(combine_crc64));
            encrypted(reply, &object.metadata)
        }
        (Outcome::Object { object, span }, command) => {
            let bytes = if matches!(command, Command::HeadObject { .. }) { Serve::Length } else { Serve::Bytes };
            reading::serve(object_head(context, object, *span), object, *span, bytes)
        }
        (Outcome::Objects { page, owner }, Command::ListObjects { bucket, page: asked })
            if context.head.query.has("versions") =>
        {
            document(lists::versions(&speller, bucket, asked, page, owner), &LISTING)
        }
        (Outcome::Objects { page, owner }, Command::ListObjects { bucket, page: asked })
            if route::is_second_list(face, context.head) =>
        {
            document(lists::second_list(&speller, context, bucket, asked, page, owner), &LISTING)
                .with("x-cos-bucket-region", &context.realm.region)
        }
        (Outcome::Objects { page, owner }, Command::ListObjects { bucket, page: asked }) => {
            document(lists::objects(&speller, bucket, asked, page, owner), &LISTING)
                .with("x-cos-bucket-region", &context.realm.region)
        }
        // Doubt: no sample has this document; it is taken to look as the list of objects does.
        (Outcome::Bucket(_), Command::LocateBucket { .. }) => {
            document(Element::text("LocationConstraint", &*context.realm.region), &LISTING)
        }
        (Outcome::Bucket(kind), _) => head_of(context, 200)
            .with("content-type", "application/xml")
            .with("x-cos-bucket-region", &context.realm.region)
            .with_some("x-cos-bucket-az-type", kind.redundancy.as_deref())
            .with_no_body(),
        (Outcome::Buckets { buckets, truncated, owner }, _) => {
            let document = |listed: &[_], truncated| document(all_buckets(context, listed, truncated, owner), &BARE);
            match address::lists_here(&context.head.host(), context.realm) {
                true => document(buckets, *truncated),
                false => document(&[], false),
            }
        }
        _ => head_of(context, 200).with_no_body(),
    }
}

/// Spells keys as the client asked for them. Doubt: whether slashes are escaped is not known; they are kept.
pub(super) struct Speller(pub(super) Encoding);

impl Speller {
    pub(super) fn text(&self, name: &'static str, text: &str) -> Element {
        match self.0 {
            Encoding::Plain => Element::text(name, text),
            Encoding::Url => Element::text(name, escape_path(text)),
        }
    }

    /// What the client asked for.
    pub(super) fn name(&self) -> &'static str {
        match self.0 {
            Encoding::Plain => "",
            Encoding::Url => "url",
        }
    }

    pub(super) fn prefixes<'a>(&'a self, prefixes: &'a [String]) -> impl Iterator<Item = Element> + 'a {
        prefixes.iter().map(|prefix| Element::of("CommonPrefixes", [self.text("Prefix", prefix)]))
    }
}

fn crc64_of(object: &Object) -> String {
    object.crc64(combine_crc64).to_string()
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn initiated(place: &Place, id: &UploadId) -> Element {
    let children = [
        Element::text("Bucket", place.bucket.as_str()),
        Element::text("Key", place.key.as_str()),
        Element::text("UploadId", id.as_str()),
    ];
    Element::of("InitiateMultipartUploadResult", children)
}

fn stored(context: &Context<'_>, etag: &str, crc64: u64) -> Reply {
    head_of(context, 200).with_value(ETAG, value(quoted(etag))).with_value(CRC64.clone(), number(crc64)).with_no_body()
}

/// The same reply with what the maker of an object said of its encryption.
fn encrypted(reply: Reply, metadata: &Metadata) -> Reply {
    let said = metadata.headers.iter().filter(|(name, _)| route::SERVICE_KEYS.contains(&name.as_str()));
    said.fold(reply, |reply, (name, value)| reply.with(name, value))
}

fn copy_result(name: &'static str, etag: &str, crc64: &str, modified: Timestamp) -> Element {
    let children = [
        Element::text("ETag", quoted(etag)),
        Element::text("CRC64", crc64),
        Element::text("LastModified", date::iso_seconds(modified)),
    ];
    Element::of(name, children)
}

fn parts(speller: &Speller, place: &Place, upload: &UploadId, after: u64, max: usize, page: &PartsPage) -> Element {
    let mut children = vec![
        Element::text("Bucket", place.bucket.as_str()),
        Element::text("EncodingType", speller.name()),
        speller.text("Key", place.key.as_str()),
        Element::text("UploadId", upload.as_str()),
        owner_of(&page.owner),
        Element::text("PartNumberMarker", after.to_string()),
        initiator(&page.initiator),
    ];
    children.extend(page.parts.iter().map(|part| listed_part(part, &page.metadata)));
    let next = page.parts.last().filter(|_| page.truncated);
    children.extend(next.map(|part| Element::text("NextPartNumberMarker", part.number.to_string())));
    children.push(storage_class(page.metadata.storage_class.as_deref()));
    children.push(Element::text("MaxParts", max.to_string()));
    children.push(Element::text("IsTruncated", page.truncated.to_string()));
    Element::of("ListPartsResult", children)
}

fn listed_part(part: &Part, metadata: &Metadata) -> Element {
    let children = [
        Element::text("PartNumber", part.number.to_string()),
        Element::text("LastModified", date::iso_zero_millis(part.modified)),
        Element::text("ETag", quoted(&hex(tag_digest(metadata, &part.body.md5)))),
        Element::text("Size", part.size().to_string()),
    ];
    Element::of("Part", children)
}

/// The standard class is spelled otherwise in lists of parts and uploads than anywhere else.
fn storage_class(named: Option<&str>) -> Element {
    let class = named.filter(|class| *class != "STANDARD").unwrap_or("Standard");
    Element::text("StorageClass", class)
}

fn uploads(
    speller: &Speller,
    bucket: &BucketName,
    asked: &PageAsked,
    id_marker: &str,
    page: &Page<UploadListed>,
) -> Element {
    let mut children = vec![
        Element::text("Bucket", bucket.as_str()),
        Element::text("Encoding-Type", speller.name()),
        speller.text("KeyMarker", &asked.after),
        Element::text("UploadIdMarker", id_marker),
    ];
    if page.truncated {
        let (next_key, next_upload) = match &page.last {
            Some(Last::Entry(upload)) => (upload.key.as_str(), upload.id.as_str()),
            Some(Last::Prefix(prefix)) => (prefix.as_str(), ""),
            None => ("", ""),
        };
        children.extend([speller.text("NextKeyMarker", next_key), Element::text("NextUploadIdMarker", next_upload)]);
    }
    children.extend([
        Element::text("MaxUploads", asked.max.to_string()),
        speller.text("Prefix", &asked.prefix),
        speller.text("Delimiter", &asked.delimiter),
        Element::text("IsTruncated", page.truncated.to_string()),
    ]);
    children.extend(speller.prefixes(&page.prefixes));
    children.extend(page.entries.iter().map(|upload| listed_upload(speller, upload)));
    Element::of("ListMultipartUploadsResult", children)
}

fn listed_upload(speller: &Speller, upload: &UploadListed) -> Element {
    let children = [
        speller.text("Key", upload.key.as_str()),
        Element::text("UploadId", upload.id.as_str()),
        initiator(&upload.initiator),
        Element::of("Owner", named(&upload.owner.id, &upload.owner.id)),
        storage_class(upload.storage_class.as_deref()),
        Element::text("Initiated", date::iso_zero_millis(upload.initiated)),
    ];
    Element::of("Upload", children)
}

/// Somebody, as access management names them: the root account and the user below it.
pub(super) fn named(root: &str, user: &str) -> [Element; 2] {
    [Element::text("ID", format!("qcs::cam::uin/{root}:uin/{user}")), Element::text("DisplayName", user)]
}

/// Doubt: who is shown as having initiated without saying who they are is not known.
fn initiator(principal: &Principal) -> Element {
    match principal {
        Principal::User(user) => Element::of("Initiator", named(&user.account.id, &user.id)),
        Principal::Anonymous => {
            let id = Element::text("ID", "qcs::cam::anyone:anyone");
            Element::of("Initiator", [id, Element::text("DisplayName", "anyone")])
        }
    }
}

/// The owner by the number that bucket names carry, unlike [`named`].
pub(super) fn owner_of(owner: &Account) -> Element {
    Element::of("Owner", [Element::text("ID", &*owner.alias), Element::text("DisplayName", &*owner.alias)])
}

/// Doubt: in later revisions of the page `Location` begins with a scheme, though the length it gives leaves no room.
fn completed(context: &Context<'_>, place: &Place, object: &Object) -> Element {
    let Place { bucket, key } = place;
    let children = [
        Element::text("Location", format!("{bucket}.{}/{key}", context.realm.service_host)),
        Element::text("Bucket", bucket.as_str()),
        Element::text("Key", key.as_str()),
        Element::text("ETag", quoted(object.etag.as_str())),
    ];
    Element::of("CompleteMultipartUploadResult", children).in_namespace(NAMESPACE)
}

/// The headers of an object, shared by `GET` and `HEAD`.
fn object_head(context: &Context<'_>, object: &Object, span: Span) -> Reply {
    let Metadata { headers, storage_class, tags, .. } = &object.metadata;
    let status = if span == Span::Whole { 200 } else { 206 };
    let reply = head_of(context, status)
        .with("accept-ranges", "bytes")
        .with("etag", quoted(object.etag.as_str()))
        .with("last-modified", date::http(object.modified))
        .with("x-cos-hash-crc64ecma", crc64_of(object))
        .with_some("x-cos-storage-class", storage_class.as_deref().filter(|class| *class != "STANDARD"))
        .with_some("x-cos-tagging-count", Some(tags.len()).filter(|count| *count > 0).map(|count| count.to_string()));
    let kind = (object.origin == Origin::Appended).then_some("appendable");
    reading::show_metadata(reply.with_some("x-cos-object-type", kind), headers, context.head)
}

/// Doubt: that only a list that was asked for by pages says where it begins and ends; and where in it that stands.
fn all_buckets(context: &Context<'_>, buckets: &[BucketListed], truncated: bool, owner: &Account) -> Element {
    let query = &context.head.query;
    let paged = query.has("marker") || query.has("max-keys");
    let next = buckets.last().filter(|_| truncated).map_or("", |last| last.name.as_str());
    let page = [
        Element::text("IsTruncated", truncated.to_string()),
        Element::text("Marker", query.get("marker").unwrap_or_default()),
        Element::text("NextMarker", next),
    ];
    let listed = buckets.iter().map(|BucketListed { name, created, .. }| {
        let children = [
            Element::text("Name", name.as_str()),
            Element::text("Location", &*context.realm.region),
            Element::text("CreationDate", date::iso_seconds(*created)),
        ];
        Element::of("Bucket", children)
    });
    let owner = Element::of("Owner", named(&owner.id, &owner.id));
    let children = [owner, Element::of("Buckets", listed)].into_iter();
    Element::of("ListAllMyBucketsResult", children.chain(page.into_iter().filter(|_| paged)))
}
