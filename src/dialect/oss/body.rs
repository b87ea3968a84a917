//! What OSS replies when it does not refuse: headers and documents.
//!
//! Documents are indented by two spaces, end in a line feed, write empty elements as a pair, and keep the double quotes of
//! entity tags raw. OSS's own carry no namespace. The face chooses the words of headers and classes, and whether people are
//! shown.
//!
//! # Source
//! Recorded exchanges in the vendor's SDKs, whose lengths this layout reproduces:
//! <https://github.com/aliyun/aliyun-oss-python-sdk> (`unittests`), <https://github.com/aliyun/alibabacloud-oss-go-sdk-v2>
//! (`oss/client_mock_test.go`). Doubt: all that is peculiar to the documents of the S3 face; they are S3's, in this layout. Inferred:
//! control characters are references of two digits, `&#01;`, since a PHP client of the service replaces `&#01;` to `&#31;` in
//! what it reads (`replace_invalid_xml_char`).

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_TYPE, DATE, ETAG, SERVER},
};

use super::{
    acl,
    face::{CLIENT_ENCRYPTION, Face, NAMESPACE, is_encryption},
    gzip,
};
use crate::{
    dialect::{
        Asked, Context, Encoding, documents,
        reading::{self, Serve},
    },
    store::{
        Account, Arrival, BucketFacts, BucketListed, Command, KeysListed, Last, Lifecycle, Md5, Metadata, Object,
        ObjectKey, Origin, Outcome, Page, PageAsked, Part, PartsPage, Place, Principal, Setting, Span, Timestamp, Told,
        UploadId, UploadListed, Usage,
    },
    wire::{
        date,
        digest::{Running, Sha256, combine_crc64},
        encode::{base64, escape, hex_upper},
        head::is_machine,
        reply::{Reply, number, value},
        xml::{self, Element, EmptyElement, Layout, Quotes, Reference},
    },
};

static SERVER_TIME: HeaderName = HeaderName::from_static("x-oss-server-time");
static CRC64: HeaderName = HeaderName::from_static("x-oss-hash-crc64ecma");
static CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
static XML: HeaderValue = HeaderValue::from_static("application/xml");

pub(super) const LAYOUT: Layout = Layout {
    declaration: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    indent: Some("  "),
    empty: EmptyElement::Pair,
    quotes: Quotes::Raw,
    illegal: Reference::TwoDigits,
    end: "\n",
};

/// The group that buckets of no other are in. Doubt: its id, which is the account's own.
const RESOURCE_GROUP: &str = "rg-acfmfakedefault";

/// The headers every reply has.
pub(super) fn head_of(context: &Context<'_>, status: u16) -> Reply {
    Reply::new(status)
        .with_value(SERVER, HeaderValue::from_static("AliyunOSS"))
        .with_value(DATE, context.http_date())
        .with_value(Face::of(context.head).request_id(), value(super::request_id(context)))
        .with_value(SERVER_TIME.clone(), number(context.elapsed_millis))
}

pub(super) fn render(context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply {
    let writer = Writer { face: Face::of(context.head), encoding: asked.encoding, context };
    match (outcome, &asked.command) {
        (Outcome::Initiated(id), Command::Initiate { place, metadata, .. }) => {
            writer.encrypted(writer.document(writer.initiated(place, id)), metadata)
        }
        (Outcome::PartStored { part, metadata, copied: Some(copied), .. }, _) => {
            let reply = writer
                .document(copy_result("CopyPartResult", &quoted(part), part.modified))
                .with("etag", quoted(part))
                .with_some("content-range", reading::content_range(copied.span, copied.source_size));
            writer.encrypted(reply, metadata)
        }
        (Outcome::PartStored { part, metadata, .. }, _) => writer.encrypted(stored(context, part), metadata),
        (Outcome::Parts(page), Command::ListParts { place, upload, after, max }) => {
            writer.document(writer.parts(place, upload, *after, *max, page))
        }
        (Outcome::Uploads(page), Command::ListUploads { bucket, page: asked }) => {
            writer.document(writer.uploads(bucket.as_str(), asked, page))
        }
        (Outcome::Completed { object, .. }, Command::Complete { place, .. }) => {
            let etag = format!("\"{}\"", object.etag);
            let reply = writer
                .document(writer.completed(place, &etag))
                .with("etag", etag)
                .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string());
            writer.encrypted(reply, &object.metadata)
        }
        (Outcome::ObjectStored { object, .. }, Command::AppendObject { .. }) => {
            let reply = head_of(context, 200)
                .with("etag", format!("\"{}\"", object.etag))
                .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string())
                .with("x-oss-next-append-position", object.size.to_string())
                .with_no_body();
            writer.encrypted(reply, &object.metadata)
        }
        (Outcome::ObjectStored { object, .. }, Command::CopyObject { .. }) => {
            let etag = format!("\"{}\"", object.etag);
            let reply = writer
                .document(copy_result("CopyObjectResult", &etag, object.modified))
                .with("etag", etag)
                .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string());
            writer.encrypted(reply, &object.metadata)
        }
        (Outcome::ObjectStored { object, .. }, _) => {
            let digest = object.md5().map(base64);
            let reply = head_of(context, 200)
                .with("etag", format!("\"{}\"", object.etag))
                .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string())
                .with_some("content-md5", digest)
                .with_no_body();
            writer.encrypted(reply, &object.metadata)
        }
        (Outcome::Object { object, span }, command) => {
            let bytes = if matches!(command, Command::HeadObject { .. }) { Serve::Length } else { Serve::Bytes };
            let reply = reading::serve(writer.object_head(object, *span), object, *span, bytes);
            match gzip::is_asked(context.head, object, *span, &reply) {
                true => gzip::compressed(reply),
                false => reply,
            }
        }
        (Outcome::Objects { page, owner }, Command::ListObjects { bucket, page: asked }) => {
            writer.document(match context.head.query.has("versions") {
                true => writer.versions(bucket.as_str(), asked, page, owner),
                false => writer.objects(bucket.as_str(), asked, page, owner),
            })
        }
        (Outcome::ObjectsDeleted { listed, .. }, _) => writer.deleted(listed),
        (Outcome::Tags(tags), _) => writer.document(Element::of("Tagging", [tag_set(tags)])),
        (Outcome::Lifecycle(Lifecycle { document, .. }), _) => {
            head_of(context, 200).with("content-type", "application/xml").with_body(document.clone())
        }
        (Outcome::Setting(facts), Command::GetObjectAcl { .. }) => writer.document(writer.acl(facts, acl::OF_OBJECT)),
        (Outcome::Setting(facts), Command::GetSetting { bucket, setting }) => {
            writer.document(writer.setting(bucket.as_str(), *setting, facts))
        }
        (Outcome::BucketCreated, Command::CreateBucket { bucket, .. } | Command::PutBucketAcl { bucket, .. }) => {
            head_of(context, 200).with("location", format!("/{bucket}")).with_no_body()
        }
        (Outcome::Bucket(_), Command::LocateBucket { .. }) => {
            writer.document(Element::text("LocationConstraint", location(context)))
        }
        (Outcome::Buckets { buckets, truncated, owner }, Command::ListBuckets { page }) => {
            let next = buckets.last().filter(|_| *truncated).map(|last| last.name.as_str());
            let listed = buckets.iter().map(|bucket| writer.bucket(bucket));
            let mut children = next.map_or_else(Vec::new, |next| page_of_buckets(page, next).into());
            children.extend([owner_of(owner), Element::of("Buckets", listed)]);
            writer.document(Element::of("ListAllMyBucketsResult", children))
        }
        (
            Outcome::Aborted { .. }
            | Outcome::ObjectDeleted { .. }
            | Outcome::BucketDeleted
            | Outcome::TagsDeleted
            | Outcome::SettingDeleted
            | Outcome::LifecycleDeleted,
            _,
        ) => head_of(context, 204),
        _ => head_of(context, 200).with_no_body(),
    }
}

/// What a reply is written with: the face's words, and keys as the client asked for them.
struct Writer<'a> {
    face: Face,
    encoding: Encoding,
    context: &'a Context<'a>,
}

impl Writer<'_> {
    /// A reply that is this document.
    fn document(&self, root: Element) -> Reply {
        let root = if self.face == Face::S3 { root.in_namespace(NAMESPACE) } else { root };
        head_of(self.context, 200).with_value(CONTENT_TYPE, XML.clone()).with_body(xml::write(&root, &LAYOUT))
    }

    fn text(&self, name: &'static str, text: &str) -> Element {
        Element::text(name, self.spell(text))
    }

    fn spell(&self, text: &str) -> String {
        match self.encoding {
            Encoding::Plain => text.to_owned(),
            Encoding::Url => escape(text),
        }
    }

    /// Says that texts are encoded, if they are.
    fn encoding(&self) -> Option<Element> {
        (self.encoding == Encoding::Url).then(|| Element::text("EncodingType", "url"))
    }

    fn class(&self, class: Option<&str>) -> Element {
        Element::text("StorageClass", self.face.class(class))
    }

    /// The same reply, saying how what it is about is encrypted, if it is.
    fn encrypted(&self, mut reply: Reply, metadata: &Metadata) -> Reply {
        for header in metadata.headers.iter().filter(|(name, _)| is_encryption(name)) {
            let (name, value) = self.face.shown(header);
            reply.set(&name, value);
        }
        reply
    }

    /// Who initiated an upload and who owns its bucket: only S3 shows them.
    fn people(&self, initiator: &Principal, owner: &Account) -> Vec<Element> {
        if self.face == Face::Oss {
            return Vec::new();
        }
        let initiator = initiator.account().map(|account| person("Initiator", account));
        initiator.into_iter().chain([owner_of(owner)]).collect()
    }

    fn initiated(&self, place: &Place, id: &UploadId) -> Element {
        let children = [
            Element::text("Bucket", place.bucket.as_str()),
            self.text("Key", place.key.as_str()),
            Element::text("UploadId", id.as_str()),
        ];
        Element::of("InitiateMultipartUploadResult", self.encoding().into_iter().chain(children))
    }

    fn parts(&self, place: &Place, upload: &UploadId, after: u64, max: usize, page: &PartsPage) -> Element {
        let mut children = Vec::from_iter(self.encoding());
        children.extend([
            Element::text("Bucket", place.bucket.as_str()),
            self.text("Key", place.key.as_str()),
            Element::text("UploadId", upload.as_str()),
        ]);
        children.extend(self.people(&page.initiator, &page.owner));
        children.push(self.class(page.metadata.storage_class.as_deref()));
        children.push(Element::text("PartNumberMarker", after.to_string()));
        // Empty when nothing is listed: the Python SDK insists on it, the Java SDK then reads none. S3's clients insist on a
        // number where there is one.
        let next = page.parts.last().map(|part| part.number.to_string());
        let next = if self.face == Face::Oss { Some(next.unwrap_or_default()) } else { next };
        children.extend(next.map(|next| Element::text("NextPartNumberMarker", next)));
        children.push(Element::text("MaxParts", max.to_string()));
        children.push(Element::text("IsTruncated", page.truncated.to_string()));
        children.extend(page.parts.iter().map(|part| {
            let mut children = vec![
                Element::text("PartNumber", part.number.to_string()),
                Element::text("LastModified", date::iso_zero_millis(part.modified)),
                Element::text("ETag", quoted(part)),
            ];
            if self.face == Face::Oss {
                children.push(Element::text("HashCrc64ecma", part.body.crc64.to_string()));
            }
            children.push(Element::text("Size", part.size().to_string()));
            Element::of("Part", children)
        }));
        if self.face == Face::Oss {
            children.extend(client_encryption(&page.metadata));
        }
        Element::of("ListPartsResult", children)
    }

    fn uploads(&self, bucket: &str, asked: &PageAsked, page: &Page<UploadListed>) -> Element {
        let (next_key, next_upload) = match &page.last {
            Some(Last::Entry(upload)) => (upload.key.as_str(), upload.id.as_str()),
            Some(Last::Prefix(prefix)) => (prefix.as_str(), ""),
            None => ("", ""),
        };
        let id_marker = self.context.head.query.get("upload-id-marker").unwrap_or_default();
        let mut children = Vec::from_iter(self.encoding());
        children.extend([
            Element::text("Bucket", bucket),
            self.text("KeyMarker", &asked.after),
            Element::text("UploadIdMarker", id_marker),
            self.text("NextKeyMarker", next_key),
            Element::text("NextUploadIdMarker", next_upload),
            self.text("Delimiter", &asked.delimiter),
            self.text("Prefix", &asked.prefix),
            Element::text("MaxUploads", asked.max.to_string()),
            Element::text("IsTruncated", page.truncated.to_string()),
        ]);
        children.extend(page.entries.iter().map(|upload| {
            let mut children =
                vec![self.text("Key", upload.key.as_str()), Element::text("UploadId", upload.id.as_str())];
            children.extend(self.people(&upload.initiator, &upload.owner));
            children.push(self.class(upload.storage_class.as_deref()));
            children.push(Element::text("Initiated", date::iso_zero_millis(upload.initiated)));
            Element::of("Upload", children)
        }));
        children.extend(self.prefixes(&page.prefixes));
        Element::of("ListMultipartUploadsResult", children)
    }

    fn prefixes<'a>(&'a self, prefixes: &'a [String]) -> impl Iterator<Item = Element> + 'a {
        prefixes.iter().map(|prefix| Element::of("CommonPrefixes", [self.text("Prefix", prefix)]))
    }

    fn completed(&self, place: &Place, etag: &str) -> Element {
        let key = self.spell(place.key.as_str());
        let location = format!("{}://{}/{key}", self.scheme(), self.bucket_host(place.bucket.as_str()));
        let children = [
            Element::text("Location", location),
            Element::text("Bucket", place.bucket.as_str()),
            Element::text("Key", key),
            Element::text("ETag", etag),
        ];
        Element::of("CompleteMultipartUploadResult", self.encoding().into_iter().chain(children))
    }

    /// The scheme of the request. Only a proxy's client can say that it is not the plain one.
    fn scheme(&self) -> &str {
        self.context.head.uri.scheme_str().unwrap_or("http")
    }

    /// The host the bucket was asked on; if that was none of the bucket's own, the one it has in its region.
    ///
    /// # Source
    /// The integration tests of <https://github.com/aliyun/aliyun-oss-java-sdk> expect the host they sent to. Doubt: what is said
    /// on custom domains, and of ports.
    fn bucket_host(&self, bucket: &str) -> String {
        let host = self.context.head.host();
        let own =
            host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')) && host.ends_with(".aliyuncs.com");
        if own { host.into_owned() } else { format!("{bucket}.{}", self.context.realm.service_host) }
    }

    /// The headers of an object, shared by `GET` and `HEAD`.
    fn object_head(&self, object: &Object, span: Span) -> Reply {
        let Metadata { headers, storage_class, tags, .. } = &object.metadata;
        let (face, head) = (self.face, self.context.head);
        let status = if span == Span::Whole { 200 } else { 206 };
        let mut reply = head_of(self.context, status)
            .with("etag", format!("\"{}\"", object.etag))
            .with("last-modified", date::http(object.modified));
        if head.query.has("objectMeta") {
            return reply;
        }
        let tagged = Some(tags.len()).filter(|count| *count > 0).map(|count| count.to_string());
        reply = reply
            .with("accept-ranges", "bytes")
            .with("x-oss-object-type", kind(object))
            .with("x-oss-hash-crc64ecma", object.crc64(combine_crc64).to_string())
            .with(&face.named("storage-class"), face.class(storage_class.as_deref()))
            .with_some(&face.named("tagging-count"), tagged);
        if object.origin == Origin::Appended {
            reply = reply.with("x-oss-next-append-position", object.size.to_string());
        }
        // The service knows the MD5 of what came to it in one stream.
        if object.origin == Origin::Whole || object.arrival == Arrival::Sequential {
            reply = reply.with_some("content-md5", object.whole_md5(md5_of).map(base64));
        }
        let headers: Vec<_> = headers.iter().map(|header| face.shown(header)).collect();
        reading::show_metadata(reply, &headers, head)
    }

    fn objects(
        &self,
        bucket: &str,
        asked: &PageAsked,
        page: &Page<(ObjectKey, Arc<Object>)>,
        owner: &Account,
    ) -> Element {
        let query = &self.context.head.query;
        let second = query.get("list-type") == Some("2");
        let with_owner = !second || query.get("fetch-owner") == Some("true");
        let mut children = vec![Element::text("Name", bucket), self.text("Prefix", &asked.prefix)];
        if second {
            children.extend(query.get("start-after").map(|after| self.text("StartAfter", after)));
            children.extend(query.filled("continuation-token").map(|token| Element::text("ContinuationToken", token)));
        } else {
            children.push(self.text("Marker", &asked.after));
        }
        children.push(Element::text("MaxKeys", asked.max.to_string()));
        children.push(self.text("Delimiter", &asked.delimiter));
        children.extend(self.encoding());
        children.push(Element::text("IsTruncated", page.truncated.to_string()));
        children.extend(next_key(page).map(|next| match second {
            true => Element::text("NextContinuationToken", base64(next)),
            false => self.text("NextMarker", next),
        }));
        children.extend(page.entries.iter().map(|(key, object)| {
            let mut children = vec![
                self.text("Key", key.as_str()),
                Element::text("LastModified", date::iso_zero_millis(object.modified)),
                Element::text("ETag", format!("\"{}\"", object.etag)),
            ];
            if self.face == Face::Oss {
                children.push(Element::text("Type", kind(object)));
            }
            children.push(Element::text("Size", object.size.to_string()));
            children.push(self.class(object.metadata.storage_class.as_deref()));
            children.extend(with_owner.then(|| owner_of(owner)));
            Element::of("Contents", children)
        }));
        children.extend(self.prefixes(&page.prefixes));
        if second {
            children.push(Element::text("KeyCount", (page.entries.len() + page.prefixes.len()).to_string()));
        }
        Element::of("ListBucketResult", children)
    }

    /// The versions in a bucket that never kept any: of each object the one there is.
    ///
    /// # Source
    /// "ListObjectVersions (GetBucketVersions)", <https://www.alibabacloud.com/help/en/oss/developer-reference/>.
    fn versions(
        &self,
        bucket: &str,
        asked: &PageAsked,
        page: &Page<(ObjectKey, Arc<Object>)>,
        owner: &Account,
    ) -> Element {
        let version_marker = self.context.head.query.get("version-id-marker").unwrap_or_default();
        let mut children = vec![
            Element::text("Name", bucket),
            self.text("Prefix", &asked.prefix),
            self.text("KeyMarker", &asked.after),
            Element::text("VersionIdMarker", version_marker),
            Element::text("MaxKeys", asked.max.to_string()),
            self.text("Delimiter", &asked.delimiter),
        ];
        children.extend(self.encoding());
        children.push(Element::text("IsTruncated", page.truncated.to_string()));
        if let Some(next) = next_key(page) {
            let version = if matches!(page.last, Some(Last::Entry(_))) { "null" } else { "" };
            children.extend([self.text("NextKeyMarker", next), Element::text("NextVersionIdMarker", version)]);
        }
        children.extend(page.entries.iter().map(|(key, object)| {
            let children = [
                Some(self.text("Key", key.as_str())),
                Some(Element::text("VersionId", "null")),
                Some(Element::text("IsLatest", "true")),
                Some(Element::text("LastModified", date::iso_zero_millis(object.modified))),
                Some(Element::text("ETag", format!("\"{}\"", object.etag))),
                (self.face == Face::Oss).then(|| Element::text("Type", kind(object))),
                Some(Element::text("Size", object.size.to_string())),
                Some(self.class(object.metadata.storage_class.as_deref())),
                Some(owner_of(owner)),
            ];
            Element::of("Version", children.into_iter().flatten())
        }));
        children.extend(self.prefixes(&page.prefixes));
        Element::of("ListVersionsResult", children)
    }

    /// Every key that was named, there or not. OSS sends no document to clients that want to hear of failures only.
    ///
    /// # Source
    /// "DeleteMultipleObjects", <https://www.alibabacloud.com/help/en/oss/developer-reference/deletemultipleobjects>.
    fn deleted(&self, listed: &KeysListed) -> Reply {
        match (listed.told, self.face) {
            (Told::Failures, Face::Oss) => head_of(self.context, 200).with_no_body(),
            (Told::Failures, Face::S3) => self.document(Element::of("DeleteResult", [])),
            (Told::All, _) => {
                let keys = listed.keys.iter().map(|key| Element::of("Deleted", [self.text("Key", key.as_str())]));
                self.document(Element::of("DeleteResult", self.encoding().into_iter().chain(keys)))
            }
        }
    }

    /// Who may do what: the owner everything, everybody else what OSS has one word for, `default` if none was said.
    fn acl(&self, BucketFacts { acl, owner, .. }: &BucketFacts, default: &'static str) -> Element {
        let grants = match self.face {
            Face::Oss => vec![Element::text("Grant", acl.map_or(default, |acl| acl.name))],
            Face::S3 => {
                let everybody =
                    || Element::of("Grantee", [Element::text("URI", acl::EVERYBODY)]).with_attributes(documents::GROUP);
                let public = documents::public_permissions(*acl).map(|permission| (everybody(), permission));
                let owners =
                    [(person("Grantee", owner).with_attributes(documents::CANONICAL_USER), "FULL_CONTROL")].into_iter();
                let grant =
                    |(grantee, permission)| Element::of("Grant", [grantee, Element::text("Permission", permission)]);
                owners.chain(public).map(grant).collect()
            }
        };
        Element::of("AccessControlPolicy", [owner_of(owner), Element::of("AccessControlList", grants)])
    }

    /// A setting that is at its default.
    ///
    /// # Source
    /// The pages "GetBucket..", <https://www.alibabacloud.com/help/en/oss/developer-reference/>. Doubt: the elements of
    /// `BucketInfo` and `BucketStat` beside those that clients read.
    fn setting(&self, bucket: &str, setting: Setting, facts: &BucketFacts) -> Element {
        match setting {
            Setting::Acl => self.acl(facts, acl::OF_BUCKET),
            Setting::Info => Element::of("BucketInfo", [self.info(bucket, facts)]),
            Setting::Stat => stat(facts, self.context.date),
            Setting::Versioning => Element::of("VersioningConfiguration", []),
            Setting::Blank("live") => self.live_channels(),
            Setting::Blank("logging") => Element::of("BucketLoggingStatus", []),
            Setting::Blank("referer") => {
                let children = [Element::text("AllowEmptyReferer", "true"), Element::of("RefererList", [])];
                Element::of("RefererConfiguration", children)
            }
            Setting::Blank("requestPayment") => {
                Element::of("RequestPaymentConfiguration", [Element::text("Payer", "BucketOwner")])
            }
            Setting::Blank(_) | Setting::Absent(_) => Element::of("Tagging", [tag_set(&[])]),
        }
    }

    /// A list of live channels: there are none.
    ///
    /// # Source
    /// "ListLiveChannel", <https://www.alibabacloud.com/help/en/oss/developer-reference/listlivechannel>.
    fn live_channels(&self) -> Element {
        let asked = |name: &str| self.context.head.query.get(name).unwrap_or_default();
        Element::of(
            "ListLiveChannelResult",
            [
                Element::text("Prefix", asked("prefix")),
                Element::text("Marker", asked("marker")),
                Element::text("MaxKeys", self.context.head.query.filled("max-keys").unwrap_or("100")),
                Element::text("IsTruncated", "false"),
                Element::text("NextMarker", ""),
            ],
        )
    }

    fn info(&self, bucket: &str, facts: &BucketFacts) -> Element {
        let (extranet, intranet) = endpoints(self.context);
        let owner = &facts.owner;
        let owner = [Element::text("DisplayName", &*owner.alias), Element::text("ID", &*owner.id)];
        let grant = Element::text("Grant", facts.acl.map_or(acl::OF_BUCKET, |acl| acl.name));
        let policy = [Element::text("LogBucket", ""), Element::text("LogPrefix", "")];
        let children = [
            Element::text("AccessMonitor", "Disabled"),
            Element::text("BlockPublicAccess", acl::blocks_public_access(facts.acl).to_string()),
            Element::text("CreationDate", date::iso_zero_millis(facts.created)),
            extranet,
            intranet,
            Element::text("Location", location(self.context)),
            self.class(facts.kind.class.as_deref()),
            Element::text("DataRedundancyType", facts.kind.redundancy.as_deref().unwrap_or("LRS")),
            Element::text("TransferAcceleration", "Disabled"),
            Element::text("CrossRegionReplication", "Disabled"),
            Element::text("Name", bucket),
            Element::text("ResourceGroupId", RESOURCE_GROUP),
            Element::of("Owner", owner),
            Element::of("AccessControlList", [grant]),
            Element::of("ServerSideEncryptionRule", [Element::text("SSEAlgorithm", "None")]),
            Element::text("Comment", ""),
            Element::of("BucketPolicy", policy),
        ];
        Element::of("Bucket", children)
    }

    fn bucket(&self, BucketListed { name, created, kind }: &BucketListed) -> Element {
        let created = Element::text("CreationDate", date::iso_zero_millis(*created));
        let name = Element::text("Name", name.as_str());
        if self.face == Face::S3 {
            return Element::of("Bucket", [created, name]);
        }
        let (extranet, intranet) = endpoints(self.context);
        let location = Element::text("Location", location(self.context));
        let region = Element::text("Region", &self.context.realm.region);
        let (class, group) = (self.class(kind.class.as_deref()), Element::text("ResourceGroupId", RESOURCE_GROUP));
        let children = [created, extranet, intranet, location, name, region, class, group];
        Element::of("Bucket", children)
    }
}

/// What was asked for of a list of buckets that there is more of.
///
/// # Source
/// "ListBuckets", <https://www.alibabacloud.com/help/en/oss/developer-reference/listbuckets>: only such a list says it.
fn page_of_buckets(asked: &PageAsked, next: &str) -> [Element; 5] {
    [
        Element::text("Prefix", &*asked.prefix),
        Element::text("Marker", &*asked.after),
        Element::text("MaxKeys", asked.max.to_string()),
        Element::text("IsTruncated", "true"),
        Element::text("NextMarker", next),
    ]
}

fn stored(context: &Context<'_>, part: &Part) -> Reply {
    head_of(context, 200)
        .with_value(ETAG, value(quoted(part)))
        .with_value(CRC64.clone(), number(part.body.crc64))
        .with_value(CONTENT_MD5.clone(), value(base64(part.body.md5)))
        .with_no_body()
}

fn quoted(part: &Part) -> String {
    ["\"", &hex_upper(part.body.md5), "\""].concat()
}

/// What an upload was initiated with of encryption by the client, as a list of its parts shows it. Doubt: where in the list.
///
/// # Source
/// `ListPartsResult` in `oss/api_op_object_multipart.go` and the server in `oss/uploader_mock_test.go`,
/// <https://github.com/aliyun/alibabacloud-oss-go-sdk-v2> (read 2026-11-21); `parse_list_parts` in `oss2/xml_utils.py`,
/// <https://github.com/aliyun/aliyun-oss-python-sdk>.
fn client_encryption(metadata: &Metadata) -> impl Iterator<Item = Element> + '_ {
    const SHOWN: [(&str, &str); 6] = [
        ("key", "ClientEncryptionKey"),
        ("start", "ClientEncryptionStart"),
        ("cek-alg", "ClientEncryptionCekAlg"),
        ("wrap-alg", "ClientEncryptionWrapAlg"),
        ("data-size", "ClientEncryptionDataSize"),
        ("part-size", "ClientEncryptionPartSize"),
    ];
    let given = |rest: &str| {
        let found = metadata.headers.iter().find(|(name, _)| name.strip_prefix(CLIENT_ENCRYPTION) == Some(rest));
        found.map(|(_, value)| value.as_str())
    };
    SHOWN.into_iter().filter_map(move |(rest, name)| given(rest).map(|value| Element::text(name, value)))
}

/// How an object was made, as OSS calls it.
fn kind(object: &Object) -> &'static str {
    match object.origin {
        Origin::Whole => "Normal",
        Origin::Appended => "Appendable",
        Origin::Multipart(_) => "Multipart",
    }
}

fn copy_result(name: &'static str, etag: &str, modified: Timestamp) -> Element {
    let modified = Element::text("LastModified", date::iso_zero_millis(modified));
    let etag = Element::text("ETag", etag);
    // The vendor prints the two in this order for parts and in the other for objects.
    let children = if name == "CopyPartResult" { [modified, etag] } else { [etag, modified] };
    Element::of(name, children)
}

/// Where the next page of a listing starts, if there is one.
fn next_key(page: &Page<(ObjectKey, Arc<Object>)>) -> Option<&str> {
    page.last.as_ref().filter(|_| page.truncated).map(|last| match last {
        Last::Entry((key, _)) => key.as_str(),
        Last::Prefix(prefix) => prefix,
    })
}

fn tag_set(tags: &[(String, String)]) -> Element {
    let tags = tags.iter().map(|(key, value)| {
        Element::of("Tag", [Element::text("Key", key.as_str()), Element::text("Value", value.as_str())])
    });
    Element::of("TagSet", tags)
}

/// The classes as the figures of a bucket name them, and as objects do. The default one is billed by the byte.
const FIGURES: [(&str, &str); 5] = [
    ("Standard", "Standard"),
    ("InfrequentAccess", "IA"),
    ("Archive", "Archive"),
    ("ColdArchive", "ColdArchive"),
    ("DeepColdArchive", "DeepColdArchive"),
];

/// What is in a bucket, in all and by class. The service counts an hour late, the fake at once. Doubt: that the parts of open
/// uploads count to the class their object is to have; that the time of the count is 0 for every bucket without contents, which is
/// known of new ones.
///
/// # Source
/// "GetBucketStat", <https://www.alibabacloud.com/help/en/oss/developer-reference/getbucketstat>; which of them clients read:
/// `xml_utils.py` of <https://github.com/aliyun/aliyun-oss-python-sdk> (2.19.1).
fn stat(facts: &BucketFacts, now: Timestamp) -> Element {
    let number = |name: String, figure: u64| Element::text(name, figure.to_string());
    let is_empty = facts.objects == 0 && facts.uploads == 0;
    let counted = if is_empty { 0 } else { now.as_secs() };
    let mut children = vec![
        Element::text("Storage", facts.bytes.to_string()),
        Element::text("ObjectCount", facts.objects.to_string()),
        Element::text("MultipartUploadCount", facts.uploads.to_string()),
        Element::text("LiveChannelCount", "0"),
        Element::text("LastModifiedTime", counted.to_string()),
    ];
    for (name, class) in FIGURES {
        let of_class = |(found, _): &(&Option<String>, &Usage)| found.as_deref().unwrap_or(FIGURES[0].1) == class;
        let mut used = Usage::default();
        for (_, usage) in facts.classes.iter().filter(of_class) {
            used.objects += usage.objects;
            used.bytes += usage.bytes;
            used.billed += usage.billed;
        }
        match class == FIGURES[0].1 {
            true => children.push(number(format!("{name}Storage"), used.bytes)),
            false => children.extend([
                number(format!("{name}Storage"), used.billed),
                number(format!("{name}RealStorage"), used.bytes),
            ]),
        }
        children.push(number(format!("{name}ObjectCount"), used.objects as u64));
    }
    children.push(Element::text("MultipartPartCount", facts.parts.to_string()));
    children.push(Element::text("DeleteMarkerCount", "0"));
    Element::of("BucketStat", children)
}

/// The MD5 of frames.
fn md5_of(frames: &mut dyn Iterator<Item = &Bytes>) -> Md5 {
    let mut running = Running::new(Sha256::Unwanted);
    frames.for_each(|frame| running.update(frame));
    running.finish().md5
}

fn owner_of(owner: &Account) -> Element {
    person("Owner", owner)
}

fn person(name: &'static str, account: &Account) -> Element {
    Element::of(name, [Element::text("ID", &*account.id), Element::text("DisplayName", &*account.alias)])
}

fn location(context: &Context<'_>) -> String {
    format!("oss-{}", context.realm.region)
}

/// Where a bucket is reached from outside and from inside its region. Whoever asks at an address is told that address: clients go where
/// they are told, as the tear-down of the vendor's Python SDK's tests does, and the service's own names lead away from the fake.
fn endpoints(context: &Context<'_>) -> (Element, Element) {
    let (head, host, region) = (context.head, &context.realm.service_host, &context.realm.region);
    let (outside, inside) = match is_machine(&head.host()) {
        true => (head.host_and_port().to_owned(), head.host_and_port().to_owned()),
        false => (host.to_string(), host.replacen(&**region, &format!("{region}-internal"), 1)),
    };
    (Element::text("ExtranetEndpoint", outside), Element::text("IntranetEndpoint", inside))
}
