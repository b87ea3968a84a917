//! What COS keeps beside objects and uploads: settings of buckets, access control lists, tags, lifecycle rules. Which a
//! request names, and the documents that show them.
//!
//! Doubt: these documents are taken to be laid out as the list of objects is; no sample's length tells.
//!
//! # Source
//! The pages of the single operations below "Bucket APIs" and "Object APIs",
//! <https://cloud.tencent.com/document/product/436/7751>.

use super::{acl, errors};
use crate::{
    dialect::documents,
    store::{BucketFacts, KeysListed, Lifecycle, ObjectKey, Op, Refusal, Setting, Told},
    wire::xml::{self, Element, Inside},
};

/// Sub-resources, those of S3 alone last. Asking for one in a way that is not modelled is refused, never overlooked: a
/// `DELETE ?ownershipControls` must not delete the bucket.
#[rustfmt::skip]
const SUB_RESOURCES: [&str; 45] = [
    "accelerate", "acl", "append", "ci-process", "cors", "domain", "domaincertificate", "encryption", "intelligenttiering",
    "imageInspect", "inventory", "lifecycle", "live", "logging", "notification", "object-lock", "origin", "policy", "referer",
    "replication", "restore", "retention", "select", "style", "symlink", "tagging", "torrent", "versionId", "versioning",
    "versions", "vod", "website",
    "analytics", "attributes", "intelligent-tiering", "legal-hold", "metadataConfiguration", "metadataTable", "metrics",
    "ownershipControls", "policyStatus", "publicAccessBlock", "requestPayment", "session", "abac",
];

/// What pictures are processed by on their way out: the first word of a parameter, which goes on behind a slash.
///
/// # Source
/// "Basic Image Processing", <https://cloud.tencent.com/document/product/436/44879>.
const PROCESSING: [&str; 6] = ["exif", "imageAve", "imageInfo", "imageMogr2", "imageView2", "watermark"];

/// Settings that show as an empty document unless they were made, and the name of that document.
const BLANK: [(&str, &str); 2] = [("accelerate", "AccelerateConfiguration"), ("logging", "BucketLoggingStatus")];

/// The list of a bucket's inventories.
const INVENTORIES: &str = "ListInventoryConfigurationResult";

/// Days a lifecycle rule may wait.
const MAX_DAYS: u32 = 3650;

/// The sub-resources a query names. The version that every object has where none are kept is no other than the object.
pub(super) fn sub_resources<'a>(query: &'a crate::wire::query::Query) -> impl Iterator<Item = &'static str> + 'a {
    let current = |name: &str| name == "versionId" && query.get(name).is_some_and(is_current);
    let named = SUB_RESOURCES.into_iter().filter(move |name| query.has(name) && !current(name));
    let processes = move |word: &&str| query.pairs().any(|(name, _)| name.split('/').next() == Some(word));
    named.chain(PROCESSING.into_iter().filter(processes))
}

/// Parameters that may well be empty without being sub-resources.
#[rustfmt::skip]
const PARAMETERS: [&str; 23] = [
    "continuation-token", "delete", "delimiter", "encoding-type", "fetch-owner", "id", "key-marker", "list-type", "location",
    "marker", "max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber", "position", "prefix", "sign",
    "start-after", "upload-id-marker", "uploadId", "uploads", "version-id-marker",
];

/// What the names of further ones begin with: fields of signatures, headers in a URL, headers for the reply.
const PREFIXES: [&str; 4] = ["q-", "response-", "x-", "X-"];

/// A parameter without a value that is none of COS's, and may well be a sub-resource: image processing is asked for so. Those
/// that have a value are overlooked, as the service overlooks what it does not know.
pub(super) fn unknown(query: &crate::wire::query::Query) -> Option<&str> {
    let known = |name: &str| {
        let mut names = PARAMETERS.iter().chain(&SUB_RESOURCES);
        names.any(|known| *known == name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    query.pairs().find(|(name, value)| value.is_empty() && !name.is_empty() && !known(name)).map(|(name, _)| name)
}

/// Whether a version id is that of an object in a bucket that keeps no versions.
pub(super) fn is_current(version: &str) -> bool {
    version.is_empty() || version == "null"
}

/// What is done to a bucket by this method of this sub-resource, if it is modelled.
pub(super) fn of_bucket(method: &str, name: &str) -> Option<Op> {
    Some(match (method, name) {
        ("GET", "versions") => Op::ListObjects,
        ("GET", "lifecycle") => Op::GetLifecycle,
        ("PUT", "lifecycle") => Op::PutLifecycle,
        ("DELETE", "lifecycle") => Op::DeleteLifecycle,
        ("PUT", "acl") => Op::PutAcl,
        ("GET", _) => bucket_setting(name).map(|_| Op::GetSetting)?,
        // Of the one nothing is known, of the other which of many is to go.
        ("DELETE", "referer" | "inventory") => return None,
        ("DELETE", _) => errors::of_setting(name).map(|_| Op::DeleteSetting)?,
        _ => return None,
    })
}

/// What is done to an object by this method of this sub-resource, if it is modelled.
pub(super) fn of_object(method: &str, name: &str) -> Option<Op> {
    Some(match (method, name) {
        ("GET", "acl") => Op::GetSetting,
        ("PUT", "acl") => Op::PutAcl,
        ("POST", "append") => Op::AppendObject,
        ("GET", "tagging") => Op::GetTags,
        ("PUT", "tagging") => Op::PutTags,
        ("DELETE", "tagging") => Op::DeleteTags,
        _ => return None,
    })
}

/// The setting a query asks for. Inventories are many: without the id of one they are listed. Doubt: that a list of none is no
/// error.
pub(super) fn asked(query: &crate::wire::query::Query) -> Option<Setting> {
    match sub_resources(query).find_map(bucket_setting) {
        Some(Setting::Absent("inventory")) if !query.has("id") => Some(Setting::Blank(INVENTORIES)),
        setting => setting,
    }
}

/// The setting a sub-resource shows.
pub(super) fn bucket_setting(name: &str) -> Option<Setting> {
    let blank = || BLANK.iter().find(|(of, _)| *of == name).map(|(_, document)| Setting::Blank(document));
    match name {
        "acl" => Some(Setting::Acl),
        "versioning" => Some(Setting::Versioning),
        _ => errors::of_setting(name).map(|(name, _)| Setting::Absent(name)).or_else(blank),
    }
}

/// The document that shows a setting at its default; or who may do what.
pub(super) fn shown(setting: Setting, facts: &BucketFacts) -> Element {
    match setting {
        Setting::Blank(INVENTORIES) => Element::of(INVENTORIES, [Element::text("IsTruncated", "false")]),
        Setting::Blank(name) => Element::of(name, []),
        Setting::Versioning => Element::of("VersioningConfiguration", []),
        _ => acl::shown(facts.acl, &facts.owner),
    }
}

/// The tags of an object. Doubt: one without any has an empty set.
pub(super) fn tags(tags: &[(String, String)]) -> Element {
    let tag = |(key, value): &(String, String)| {
        Element::of("Tag", [Element::text("Key", &**key), Element::text("Value", &**value)])
    };
    Element::of("Tagging", [Element::of("TagSet", tags.iter().map(tag))])
}

/// The lifecycle rules in a body.
///
/// # Source
/// "PUT Bucket lifecycle", <https://cloud.tencent.com/document/product/436/8280>. Doubt: whether tags and an abort go
/// together is not known, so that is refused loudly. Doubt: whether the date of a rule that is not about uploads has to be
/// the beginning of a day; any is accepted. Doubt: what a rule without an id is shown with; none is made up for it.
pub(super) fn lifecycle(body: &[u8]) -> Result<Lifecycle, Refusal> {
    let lifecycle = documents::lifecycle(body)?;
    let root = xml::parse(body).ok_or(Refusal::MalformedXml)?;
    for rule in root.children("Rule") {
        let Some(abort) = rule.children("AbortIncompleteMultipartUpload").next() else { continue };
        let days = abort.child_text("DaysAfterInitiation").unwrap_or_default();
        if days.parse().is_ok_and(|days: u32| days > MAX_DAYS) {
            return Err(Refusal::InvalidArgument { name: "DaysAfterInitiation", value: days.to_owned() });
        }
        let has = |name: &str| rule.children("Filter").any(|filter| filter.children(name).next().is_some());
        if has("Tag") || has("And") {
            let what = "lifecycle: a filter by tags with AbortIncompleteMultipartUpload".to_owned();
            return Err(Refusal::NotImplemented { what });
        }
    }
    Ok(lifecycle)
}

/// The result of deleting many. A version that is not there is told of as deleted. Doubt: an id that cannot be one.
///
/// # Source
/// `test/test.js`, "deleteMultipleObject Key 带中文字符", in <https://github.com/tencentyun/cos-nodejs-sdk-v5> (2.14.7).
pub(super) fn deleted(listed: &KeysListed) -> Element {
    let key = |key: &ObjectKey| Element::text("Key", key.as_str());
    let objects = listed.keys.iter().map(|object| Element::of("Deleted", [key(object)]));
    let versions = listed.versions.iter();
    let versions = versions.map(|(of, id)| Element::of("Deleted", [key(of), Element::text("VersionId", &**id)]));
    Element::of("DeleteResult", objects.chain(versions).filter(|_| listed.told == Told::All))
}

/// A document as it was sent, to be laid out as replies are: texts trimmed, so that no white space is doubled.
pub(super) fn again(document: &[u8]) -> Element {
    fn tidy(element: Element) -> Element {
        let content = match element.content {
            Inside::Text(text) => Inside::Text(text.trim().to_owned()),
            Inside::Children(children) => Inside::Children(children.into_iter().map(tidy).collect()),
        };
        Element { content, ..element }
    }
    tidy(xml::parse(document).unwrap_or_else(|| Element::of("LifecycleConfiguration", [])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(filter: &str, days: &str) -> String {
        format!(
            "<LifecycleConfiguration><Rule><Filter>{filter}</Filter><Status>Enabled</Status>\
             <AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation>\
             </AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"
        )
    }

    #[test]
    fn rules_that_would_end_more_than_they_say_are_refused() {
        let read = |filter: &str, days: &str| lifecycle(rule(filter, days).as_bytes());
        assert!(read("<Prefix>a</Prefix>", "3650").is_ok());
        let too_many = Refusal::InvalidArgument { name: "DaysAfterInitiation", value: "3651".into() };
        assert_eq!(read("", "3651").unwrap_err(), too_many);
        for filter in ["<Tag><Key>k</Key></Tag>", "<And><Prefix>a</Prefix></And>"] {
            assert!(matches!(read(filter, "1"), Err(Refusal::NotImplemented { .. })), "{filter}");
        }
    }

    #[test]
    fn every_setting_that_can_be_absent_can_be_removed() {
        for name in ["cors", "policy", "website", "tagging", "encryption", "replication"] {
            assert_eq!(of_bucket("GET", name), Some(Op::GetSetting), "{name}");
            assert_eq!(of_bucket("DELETE", name), Some(Op::DeleteSetting), "{name}");
            assert_eq!(of_bucket("PUT", name), None, "{name}");
        }
        for name in ["acl", "versioning", "accelerate", "logging"] {
            assert_eq!((of_bucket("GET", name), of_bucket("DELETE", name)), (Some(Op::GetSetting), None), "{name}");
        }
    }
}
