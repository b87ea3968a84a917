//! What OBS replies when it does not refuse: headers and documents.
//!
//! Documents are one line without a line end, in the namespace of the region's service host, write empty elements as a pair
//! and keep the double quotes of entity tags raw. The face chooses prefixes, storage classes and how people are shown.
//!
//! # Source
//! The samples on the pages of the single operations, <https://support.huaweicloud.com/api-obs/>, and of the S3-compatible API
//! reference, <https://github.com/opentelekomcloud-docs/object-storage-service>; the layout as seen in
//! issues of the vendor's SDKs, <https://github.com/huaweicloud>.

use std::sync::Arc;

use http::{
    HeaderValue,
    header::{CONTENT_TYPE, DATE, ETAG, SERVER},
};

use super::{
    face::{ENCRYPTION_HEADERS, Face, RESERVED},
    route,
};
use crate::{
    dialect::{
        Asked, Context, Encoding,
        reading::{self, Serve},
    },
    store::{
        Account, BucketKind, BucketListed, Checksum, Command, Last, Metadata, Object, Origin, Outcome, Page, PageAsked,
        Part, PartsPage, Place, Principal, Resource, Span, Timestamp, UploadId, UploadListed,
    },
    wire::{
        date,
        digest::combine_crc64,
        encode::{escape_path, hex},
        reply::{Reply, value},
        xml::{self, Element, EmptyElement, Layout, Quotes, Reference},
    },
};

static XML: HeaderValue = HeaderValue::from_static("application/xml");

pub(super) const LAYOUT: Layout = Layout {
    declaration: "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>",
    indent: None,
    empty: EmptyElement::Pair,
    quotes: Quotes::Raw,
    illegal: Reference::Hexadecimal,
    end: "",
};

/// The version of OBS's own protocol, which clients ask for before they choose a face.
const API_VERSION: &str = "3.0";

/// The headers every reply has.
pub(super) fn head_of(context: &Context<'_>, status: u16) -> Reply {
    let face = Face::of(context.head);
    let reply = Reply::new(status)
        .with_value(SERVER, HeaderValue::from_static("OBS"))
        .with_value(DATE, context.http_date())
        .with_value(face.request_id(), value(super::request_id(context)))
        .with_value(face.host_id(), value(super::host_id(context)));
    reply.with_some("x-reserved", (face == Face::Aws).then_some(RESERVED))
}

pub(super) fn render(context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply {
    let writer = Writer { face: Face::of(context.head), encoding: asked.encoding, context };
    match (outcome, &asked.command) {
        (Outcome::Initiated(id), Command::Initiate { place, metadata, .. }) => {
            writer.encrypted(writer.document(writer.initiated(place, id)), metadata)
        }
        (Outcome::PartStored { part, metadata, copied: Some(_), .. }, _) => {
            let document = writer.document(copy_result("CopyPartResult", &hex(part.body.md5), part.modified));
            writer.encrypted(document, metadata)
        }
        (Outcome::PartStored { part, metadata, .. }, _) => {
            let reply = writer.stored(&hex(part.body.md5), part.body.crc64).with_no_body();
            writer.encrypted(reply, metadata)
        }
        (Outcome::Parts(page), Command::ListParts { place, upload, after, max }) => {
            writer.document(writer.parts(place, upload, *after, *max, page))
        }
        (Outcome::Uploads(page), Command::ListUploads { bucket, page: asked }) => {
            writer.document(writer.uploads(bucket.as_str(), asked, page))
        }
        (Outcome::Completed { object, .. }, Command::Complete { place, .. }) => {
            let document = writer.document(writer.completed(place, object.etag.as_str()));
            writer.encrypted(writer.with_checksum(document, || object.crc64(combine_crc64)), &object.metadata)
        }
        (Outcome::Aborted { .. } | Outcome::ObjectDeleted { .. } | Outcome::BucketDeleted, _) => head_of(context, 204),
        (Outcome::TagsDeleted | Outcome::SettingDeleted | Outcome::LifecycleDeleted, _) => head_of(context, 204),
        (Outcome::ObjectsDeleted { listed, .. }, _) => writer.document(writer.deleted(listed)),
        (Outcome::Tags(tags), _) => writer.document(writer.tags(tags)),
        (Outcome::Lifecycle(lifecycle), _) => writer.document(writer.lifecycle(lifecycle)),
        (Outcome::Setting(facts), Command::GetObjectAcl { .. }) => writer.document(writer.acl(facts, Resource::Object)),
        (Outcome::Setting(facts), _) => writer.setting(facts),
        (Outcome::ObjectStored { object, .. }, Command::CopyObject { .. }) => {
            let document = writer.document(copy_result("CopyObjectResult", object.etag.as_str(), object.modified));
            writer.encrypted(writer.checked(document, object), &object.metadata)
        }
        (Outcome::ObjectStored { object, .. }, _) => {
            let class = writer.face.unusual_class(object.metadata.storage_class.as_deref());
            let reply = writer.stored(object.etag.as_str(), object.crc64(combine_crc64));
            let reply = reply.with_some(&writer.face.named("storage-class"), class).with_no_body();
            writer.encrypted(writer.growing(reply, object), &object.metadata)
        }
        (Outcome::Object { object, span }, command) => {
            let bytes = if matches!(command, Command::HeadObject { .. }) { Serve::Length } else { Serve::Bytes };
            reading::serve(writer.object_head(object, *span), object, *span, bytes)
        }
        (Outcome::Objects { page, owner }, Command::ListObjects { bucket, page: asked }) => {
            writer.document(writer.objects(bucket.as_str(), asked, page, owner))
        }
        (Outcome::BucketCreated, Command::CreateBucket { bucket, .. }) => {
            head_of(context, 200).with("location", format!("/{bucket}")).with_no_body()
        }
        (Outcome::Bucket(_), Command::LocateBucket { .. }) => writer.document(writer.location()),
        (Outcome::Bucket(kind), _) => writer.bucket_head(kind),
        (Outcome::Buckets { buckets, truncated, owner }, Command::ListBuckets { page }) => {
            let next = buckets.last().filter(|_| *truncated).map(|last| last.name.as_str());
            let listed = buckets.iter().map(|bucket| writer.bucket(bucket));
            let mut children = vec![writer.person("Owner", owner), Element::of("Buckets", listed)];
            children.extend(writer.page_of_buckets(page, next).into_iter().flatten());
            writer.document(Element::of("ListAllMyBucketsResult", children))
        }
        (Outcome::Negotiated, _) => head_of(context, 200).with("x-obs-api", API_VERSION).with_no_body(),
        _ => head_of(context, 200).with_no_body(),
    }
}

/// What a reply is written with: the face's words, and keys as the client asked for them.
pub(super) struct Writer<'a> {
    pub(super) face: Face,
    pub(super) encoding: Encoding,
    pub(super) context: &'a Context<'a>,
}

impl Writer<'_> {
    /// A reply that is this document.
    pub(super) fn document(&self, root: Element) -> Reply {
        let root = root.in_namespace(format!("http://{}/doc/2015-06-30/", self.context.realm.service_host));
        head_of(self.context, 200).with_value(CONTENT_TYPE, XML.clone()).with_body(xml::write(&root, &LAYOUT))
    }

    /// A text that may be percent-encoded. Slashes stay: doubt, clients decode either.
    pub(super) fn text(&self, name: &'static str, text: &str) -> Element {
        Element::text(name, self.spell(text))
    }

    fn spell(&self, text: &str) -> String {
        match self.encoding {
            Encoding::Plain => text.to_owned(),
            Encoding::Url => escape_path(text),
        }
    }

    /// Says that texts are encoded, if they are. Doubt: its place.
    pub(super) fn encoding(&self) -> Option<Element> {
        (self.encoding == Encoding::Url).then(|| Element::text("EncodingType", "url"))
    }

    pub(super) fn class(&self, class: Option<&str>) -> Element {
        Element::text("StorageClass", self.face.class(class))
    }

    /// An account.
    pub(super) fn person(&self, name: &'static str, account: &Account) -> Element {
        let display = (self.face == Face::Aws).then(|| Element::text("DisplayName", &*account.alias));
        Element::of(name, [Element::text("ID", &*account.id)].into_iter().chain(display))
    }

    /// Who initiated an upload. Doubt: whether the AWS face names the user too, and how nobody is named.
    fn initiator(&self, initiator: &Principal) -> Element {
        match (self.face, initiator) {
            (_, Principal::Anonymous) => Element::of("Initiator", [Element::text("ID", "")]),
            (Face::Aws, Principal::User(user)) => self.person("Initiator", &user.account),
            (Face::Obs, Principal::User(user)) => {
                let id = format!("domainID/{}:userID/{}", user.account.id, user.id);
                Element::of("Initiator", [Element::text("ID", id)])
            }
        }
    }

    /// The head of the reply to bytes that were stored.
    fn stored(&self, etag: &str, crc64: u64) -> Reply {
        self.with_checksum(head_of(self.context, 200).with_value(ETAG, value(quoted(etag))), || crc64)
    }

    /// The same reply with a CRC-64, if the request sent one, under the name it came under: the Python SDK combines an
    /// object's from those its parts were answered with.
    fn with_checksum(&self, reply: Reply, crc64: impl FnOnce() -> u64) -> Reply {
        match route::checksum_header(self.face, self.context.head) {
            Some((name, _)) => reply.with(&name, crc64().to_string()),
            None => reply,
        }
    }

    /// The same reply with the encryption that was asked for when the object was put or its upload initiated.
    ///
    /// # Source
    /// "Uploading Parts" (obs_04_0099) and "Copying Parts" (obs_04_0100), additional response headers,
    /// <https://github.com/opentelekomcloud-docs/object-storage-service>, read 2026-11-21.
    fn encrypted(&self, reply: Reply, metadata: &Metadata) -> Reply {
        let said = metadata.headers.iter().filter(|(name, _)| ENCRYPTION_HEADERS.contains(&name.as_str()));
        said.map(|header| self.face.shown(header)).fold(reply, |reply, (name, value)| reply.with(&name, value))
    }

    /// The same reply with the CRC-64 of an object, if a client sent it with the object's bytes. It is that of the whole
    /// object in the reply to a range too.
    ///
    /// # Source
    /// "Obtaining CRC64 of an Object", <https://support.huaweicloud.com/sdk-java-devg-obs/obs_21_0628.html>, read 2026-11-21: it is
    /// returned where the object has one. Doubt: which objects have one; those whose put, appends or complete brought it.
    fn checked(&self, reply: Reply, object: &Object) -> Reply {
        match object.checksum {
            Checksum::Sent => {
                reply.with(&self.face.named("checksum-crc64ecma"), object.crc64(combine_crc64).to_string())
            }
            Checksum::Computed => reply,
        }
    }

    /// The account that owns an object or an upload: the one that stored or initiated it. Doubt: whom an unsigned request
    /// makes the owner; here the owner of the bucket.
    ///
    /// # Source
    /// "Managing Bucket ACLs", <https://support.huaweicloud.com/intl/en-us/sdk-ios-devg-obs/obs_27_0305.html>, read 2026-11-21: the uploader
    /// of an object has full control over it.
    pub(super) fn owner(&self, uploader: Option<&Arc<Account>>, bucket_owner: &Account) -> Element {
        self.person("Owner", uploader.map_or(bucket_owner, |uploader| uploader))
    }

    fn initiated(&self, place: &Place, id: &UploadId) -> Element {
        let mut children = vec![Element::text("Bucket", place.bucket.as_str())];
        children.extend(self.encoding());
        children.push(self.text("Key", place.key.as_str()));
        children.push(Element::text("UploadId", id.as_str()));
        Element::of("InitiateMultipartUploadResult", children)
    }

    fn parts(&self, place: &Place, upload: &UploadId, after: u64, max: usize, page: &PartsPage) -> Element {
        let next = page.parts.last().map_or(0, |part| part.number.get());
        let mut children = vec![Element::text("Bucket", place.bucket.as_str())];
        children.extend(self.encoding());
        children.extend([
            self.text("Key", place.key.as_str()),
            Element::text("UploadId", upload.as_str()),
            self.initiator(&page.initiator),
            self.owner(page.initiator.account(), &page.owner),
            self.class(page.metadata.storage_class.as_deref()),
            Element::text("PartNumberMarker", after.to_string()),
            // Shown on the last page too. Doubt: what an empty page shows.
            Element::text("NextPartNumberMarker", next.to_string()),
            Element::text("MaxParts", max.to_string()),
            Element::text("IsTruncated", page.truncated.to_string()),
        ]);
        children.extend(page.parts.iter().map(|part| part_listed(part)));
        Element::of("ListPartsResult", children)
    }

    fn uploads(&self, bucket: &str, asked: &PageAsked, page: &Page<UploadListed>) -> Element {
        let mut children = vec![Element::text("Bucket", bucket)];
        children.extend(self.encoding());
        children.push(self.text("KeyMarker", &asked.after));
        children.push(Element::text("UploadIdMarker", &*asked.after_upload));
        if page.truncated {
            let (key, upload) = match &page.last {
                Some(Last::Entry(upload)) => (upload.key.as_str(), upload.id.as_str()),
                Some(Last::Prefix(prefix)) => (prefix.as_str(), ""),
                None => ("", ""),
            };
            children.push(self.text("NextKeyMarker", key));
            children.push(Element::text("NextUploadIdMarker", upload));
        }
        children.extend([
            self.text("Delimiter", &asked.delimiter),
            self.text("Prefix", &asked.prefix),
            Element::text("MaxUploads", asked.max.to_string()),
            Element::text("IsTruncated", page.truncated.to_string()),
        ]);
        children.extend(page.entries.iter().map(|upload| self.upload_listed(upload)));
        children.extend(self.prefixes(&page.prefixes));
        Element::of("ListMultipartUploadsResult", children)
    }

    fn upload_listed(&self, upload: &UploadListed) -> Element {
        let children = [
            self.text("Key", upload.key.as_str()),
            Element::text("UploadId", upload.id.as_str()),
            self.initiator(&upload.initiator),
            self.owner(upload.initiator.account(), &upload.owner),
            self.class(upload.storage_class.as_deref()),
            Element::text("Initiated", date::iso_millis(upload.initiated)),
        ];
        Element::of("Upload", children)
    }

    pub(super) fn prefixes<'a>(&'a self, prefixes: &'a [String]) -> impl Iterator<Item = Element> + 'a {
        prefixes.iter().map(|prefix| Element::of("CommonPrefixes", [self.text("Prefix", prefix)]))
    }

    /// Doubt: whether the key is encoded inside `Location`; it is written as elsewhere in the document.
    fn completed(&self, place: &Place, etag: &str) -> Element {
        let key = self.spell(place.key.as_str());
        let location = format!("http://{}.{}/{key}", place.bucket, self.context.realm.service_host);
        let mut children = vec![Element::text("Location", location), Element::text("Bucket", place.bucket.as_str())];
        children.extend(self.encoding());
        children.push(Element::text("Key", key));
        children.push(Element::text("ETag", quoted(etag)));
        Element::of("CompleteMultipartUploadResult", children)
    }

    /// The headers of an object, shared by `GET` and `HEAD`. Doubt: what the AWS face calls the id of the upload an object
    /// was completed from.
    fn object_head(&self, object: &Object, span: Span) -> Reply {
        let Metadata { headers, storage_class, tags, .. } = &object.metadata;
        let tag_count = Some(tags.len()).filter(|count| *count > 0).map(|count| count.to_string());
        let upload = match &object.origin {
            Origin::Multipart(upload) => Some(upload.as_str()),
            Origin::Whole | Origin::Appended => None,
        };
        let reply = head_of(self.context, if span == Span::Whole { 200 } else { 206 })
            .with("accept-ranges", "bytes")
            .with("etag", quoted(object.etag.as_str()))
            .with("last-modified", date::http(object.modified))
            .with_some(&self.face.named("storage-class"), self.face.unusual_class(storage_class.as_deref()))
            .with_some(&self.face.named("tagging-count"), tag_count)
            .with_some(&self.face.named("uploadid"), upload);
        let kind = Some("Appendable").filter(|_| object.origin == Origin::Appended);
        let reply = self.checked(self.growing(reply, object), object).with_some("x-obs-object-type", kind);
        let headers: Vec<_> = headers.iter().map(|header| self.face.shown(header)).collect();
        reading::show_metadata(reply, &headers, self.context.head)
    }

    /// Says where the next bytes go, of an object that grows. Doubt: its name in the AWS face; the vendor's SDKs look for this one
    /// there too.
    fn growing(&self, reply: Reply, object: &Object) -> Reply {
        match object.origin {
            Origin::Appended => reply.with("x-obs-next-append-position", object.size.to_string()),
            Origin::Whole | Origin::Multipart(_) => reply,
        }
    }

    fn location(&self) -> Element {
        let region = &*self.context.realm.region;
        match self.face {
            Face::Obs => Element::text("Location", region),
            Face::Aws => Element::of("CreateBucketConfiguration", [Element::text("LocationConstraint", region)]),
        }
    }

    /// The reply to `HEAD` of a bucket.
    fn bucket_head(&self, kind: &BucketKind) -> Reply {
        let (region, class) = match self.face {
            Face::Obs => ("x-obs-bucket-location", "x-obs-storage-class"),
            Face::Aws => ("x-amz-bucket-region", "x-default-storage-class"),
        };
        head_of(self.context, 200)
            .with("content-type", "application/xml")
            .with(region, &self.context.realm.region)
            .with(class, self.face.class(kind.class.as_deref()))
            .with("x-obs-version", API_VERSION)
            .with_some(route::AZ_REDUNDANCY, kind.redundancy.as_deref())
            .with_no_body()
    }

    /// Where a list of buckets begins and ends, which is said of one that was asked for by pages.
    ///
    /// # Source
    /// That there are pages, and what their elements are called: `parseListBuckets`,
    /// <https://github.com/huaweicloud/huaweicloud-sdk-python-obs/blob/master/src/obs/convertor.py>. Doubt: all the rest.
    fn page_of_buckets(&self, asked: &PageAsked, next: Option<&str>) -> Option<Vec<Element>> {
        let query = &self.context.head.query;
        if !query.has("marker") && !query.has("max-keys") {
            return None;
        }
        let mut children = vec![
            Element::text("IsTruncated", next.is_some().to_string()),
            Element::text("Marker", &*asked.after),
            Element::text("MaxKeys", asked.max.to_string()),
        ];
        children.extend(next.map(|next| Element::text("NextMarker", next)));
        Some(children)
    }

    /// A bucket in the list of all. SDKs ask to see where each is.
    fn bucket(&self, BucketListed { name, created, .. }: &BucketListed) -> Element {
        let located = self.face.header(self.context.head, "location") == Some("true");
        let location = located.then(|| Element::text("Location", &*self.context.realm.region));
        let created = Element::text("CreationDate", date::iso_millis(*created));
        let children = [Element::text("Name", name.as_str()), created];
        Element::of("Bucket", children.into_iter().chain(location))
    }
}

fn part_listed(part: &Part) -> Element {
    let children = [
        Element::text("PartNumber", part.number.to_string()),
        Element::text("LastModified", date::iso_millis(part.modified)),
        Element::text("ETag", quoted(&hex(part.body.md5))),
        Element::text("Size", part.size().to_string()),
    ];
    Element::of("Part", children)
}

fn copy_result(name: &'static str, etag: &str, modified: Timestamp) -> Element {
    let modified = Element::text("LastModified", date::iso_millis(modified));
    Element::of(name, [modified, Element::text("ETag", quoted(etag))])
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}
