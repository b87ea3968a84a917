//! What stands beside objects and uploads, asked for by a sub-resource: deleting many objects at once, tags, lifecycle rules,
//! access control lists and the settings of a bucket.
//!
//! A setting that was never made is shown as the service shows it: as a default, as an empty document, or as a 404 with
//! a code of its own. Making one is not modelled.
//!
//! # Source
//! The pages below "Operations on Buckets", "Advanced Bucket Settings" and "Operations on Objects",
//! <https://support.huaweicloud.com/api-obs/>; which elements clients read: `convertor.py` of
//! <https://github.com/huaweicloud/huaweicloud-sdk-python-obs>.

use super::{acl, body::Writer, face::Face};
use crate::{
    dialect::{Address, documents, reading::parse_digits},
    store::{
        AgeRule, BucketFacts, KeysListed, Lifecycle, ObjectKey, Op, Refusal, Resource, RuleStatus, Setting, Told,
        Written,
    },
    wire::{
        date,
        encode::{escape_path, unescape},
        head::Head,
        reply::Reply,
        xml::{self, Element},
    },
};

/// The settings of a bucket, by sub-resource. What is absent goes by the code of its 404.
const SETTINGS: [(&str, Setting); 14] = [
    ("acl", Setting::Acl),
    ("cors", Setting::Absent("NoSuchCORSConfiguration")),
    ("encryption", Setting::Absent("NoSuchEncryptionConfiguration")),
    ("logging", Setting::Info),
    ("notification", Setting::Info),
    ("policy", Setting::Absent("NoSuchBucketPolicy")),
    ("quota", Setting::Info),
    ("requestPayment", Setting::Info),
    ("storageClass", Setting::Info),
    ("storageinfo", Setting::Stat),
    ("storagePolicy", Setting::Info),
    ("tagging", Setting::Absent("NoSuchTagSet")),
    ("versioning", Setting::Versioning),
    ("website", Setting::Absent("NoSuchWebsiteConfiguration")),
];

/// The operation a method and a sub-resource make, if it is modelled.
pub(super) fn route(address: &Address, method: &str, sub_resource: &str) -> Option<Op> {
    let setting = SETTINGS.iter().find(|(name, _)| *name == sub_resource).map(|(_, setting)| setting);
    Some(match (address, method, sub_resource) {
        (Address::Bucket(_), "POST", "delete") => Op::DeleteObjects,
        (Address::Bucket(_), "GET", "lifecycle") => Op::GetLifecycle,
        (Address::Bucket(_), "PUT", "lifecycle") => Op::PutLifecycle,
        (Address::Bucket(_), "DELETE", "lifecycle") => Op::DeleteLifecycle,
        (Address::Bucket(_), "GET", "versions") => Op::ListObjects,
        (Address::Object(_), "POST", "append") => Op::AppendObject,
        (Address::Object(_), "GET", "tagging") => Op::GetTags,
        (Address::Object(_), "PUT", "tagging") => Op::PutTags,
        (Address::Object(_), "DELETE", "tagging") => Op::DeleteTags,
        (Address::Object(_) | Address::Bucket(_), "PUT", "acl") => Op::PutAcl,
        (Address::Object(_), "GET", "acl") => Op::GetSetting,
        (Address::Bucket(_), "GET", _) if setting.is_some() => Op::GetSetting,
        (Address::Bucket(_), "DELETE", _) if matches!(setting, Some(Setting::Absent(_))) => Op::DeleteSetting,
        _ => return None,
    })
}

/// The setting a request asks for.
pub(super) fn setting(head: &Head) -> Option<Setting> {
    SETTINGS.into_iter().find(|(name, _)| head.query.has(name)).map(|(_, setting)| setting)
}

/// The keys to delete. Without versions every object is its own version `null`; deleting any other is not modelled.
///
/// # Source
/// "Deleting Objects in a Batch", <https://support.huaweicloud.com/api-obs/>. Doubt: what another encoding than `url`, and a key that
/// is not one, are answered.
pub(super) fn keys(body: &[u8]) -> Result<KeysListed, Refusal> {
    let root = documents::list_of_keys(body)?;
    let list = documents::keys_in(&root)?;
    documents::without_versions(match root.child_text("EncodingType") {
        None | Some("") => list,
        Some("url") => unescaped(list)?,
        Some(other) => return Err(Refusal::InvalidArgument { name: "encoding-type", value: other.to_owned() }),
    })
}

/// The same keys, read as they stand in an address.
fn unescaped(list: KeysListed) -> Result<KeysListed, Refusal> {
    let keys = list.keys.iter().map(|key| unescape(key.as_str()).map(ObjectKey::new).ok_or(Refusal::MalformedXml));
    Ok(KeysListed { keys: keys.collect::<Result<_, _>>()?, written: Written::Escaped, ..list })
}

/// Characters that the value of a tag may have.
const MAX_TAG_VALUE: usize = 255;

/// Refuses tags with values of more than 255 characters, with a space at either end, or with characters that OBS
/// excludes.
///
/// # Source
/// "Object Tags", <https://support.huaweicloud.com/usermanual-obs/obs_41_0054.html>. Doubt: earlier versions of the page
/// limit keys to 36 characters.
pub(super) fn check_tags(tags: Vec<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    let excluded = |character: char| r",/|<>=*\".contains(character) || character.is_ascii_control();
    let legal = |text: &str| !text.contains(excluded) && !text.starts_with(' ') && !text.ends_with(' ');
    let sound = |(key, value): &(String, String)| legal(key) && legal(value) && value.chars().count() <= MAX_TAG_VALUE;
    if tags.iter().all(sound) { Ok(tags) } else { Err(Refusal::InvalidTag) }
}

/// Bytes a configuration may have.
const MAX_CONFIGURATION: u64 = 20 << 10;

/// What a lifecycle rule may do. It must do something.
const ACTIONS: [&str; 5] = [
    "AbortIncompleteMultipartUpload",
    "Expiration",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "Transition",
];

/// The actions that may wait for a date.
const DATED: [&str; 2] = ["Expiration", "Transition"];

/// Whether a text is the beginning of a day, in UTC.
fn is_midnight(date: &str) -> bool {
    date::parse_iso(date).is_some_and(|date| date.as_millis() % DAY_MILLIS == 0)
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// The lifecycle rules in a body.
///
/// # Source
/// "Configuring Bucket Lifecycle Rules" (obs_04_0034), <https://support.huaweicloud.com/api-obs/>; that a date is 00:00:00 UTC:
/// also "Expiration Time of an Object" (obs_22_1432), read 2026-11-21. Doubt: which of the codes is given for what. Doubt: what a
/// rule without an id is shown with; none is made up for it.
pub(super) fn lifecycle(body: &[u8]) -> Result<Lifecycle, Refusal> {
    let size = body.len() as u64;
    if size > MAX_CONFIGURATION {
        return Err(Refusal::TooLarge { size, max: MAX_CONFIGURATION });
    }
    let lifecycle = documents::lifecycle(body).map_err(|refusal| match refusal {
        Refusal::InvalidArgument { name: "Days", value } if parse_digits(&value).is_none() => Refusal::MalformedXml,
        refusal => refusal,
    })?;
    check_rules(&documents::document(body, "LifecycleConfiguration")?)?;
    match conflicting(&lifecycle.rules) {
        Some(rule) => Err(Refusal::InvalidArgument { name: "Prefix", value: rule.prefix.clone() }),
        None => Ok(lifecycle),
    }
}

/// A rule that ends uploads of some keys at another age than one before it.
fn conflicting(rules: &[AgeRule]) -> Option<&AgeRule> {
    let overlap =
        |one: &AgeRule, other: &AgeRule| one.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&one.prefix);
    let ends = |rule: &&AgeRule| rule.status == RuleStatus::Enabled && rule.abort.is_some();
    let conflict = |one: &AgeRule, other: &AgeRule| one.abort != other.abort && overlap(one, other);
    let ending: Vec<_> = rules.iter().filter(ends).collect();
    ending
        .iter()
        .enumerate()
        .find(|(at, rule)| ending[..*at].iter().any(|before| conflict(before, rule)))
        .map(|(_, rule)| *rule)
}

/// Every rule does something, to keys it names in one way; none ends uploads by their tags, or at more ages than one; and
/// no two have one id.
fn check_rules(root: &Element) -> Result<(), Refusal> {
    let acts = |rule: &Element| ACTIONS.iter().any(|action| rule.children(action).next().is_some());
    let ids: Vec<_> = root.children("Rule").filter_map(|rule| rule.child_text("ID")).collect();
    if let Some((_, twice)) = ids.iter().enumerate().find(|(at, id)| ids[..*at].contains(id)) {
        return Err(Refusal::InvalidArgument { name: "ID", value: (*twice).to_owned() });
    }
    let by_tag = |rule: &Element| {
        let filter = |name| rule.children("Filter").any(|filter| filter.children(name).next().is_some());
        rule.children(ACTIONS[0]).next().is_some() && (filter("Tag") || filter("And"))
    };
    if root.children("Rule").any(by_tag) {
        return Err(Refusal::InvalidArgument { name: "Tag", value: String::new() });
    }
    let dates = root.children("Rule").flat_map(|rule| DATED.iter().flat_map(|action| rule.children(action)));
    if let Some(date) = dates.filter_map(|action| action.child_text("Date")).find(|date| !is_midnight(date)) {
        return Err(Refusal::InvalidArgument { name: "Date", value: date.to_owned() });
    }
    let named_once = |rule: &Element| rule.children("Prefix").chain(rule.children("Filter")).count() <= 1;
    let ages = |action: &Element| action.children("DaysAfterInitiation").count();
    let ends_once = |rule: &Element| rule.children(ACTIONS[0]).all(|action| ages(action) == 1);
    if root.children("Rule").all(|rule| acts(rule) && named_once(rule) && ends_once(rule)) {
        Ok(())
    } else {
        Err(Refusal::MalformedXml)
    }
}

impl Writer<'_> {
    /// What became of many keys. Those that were not there count as deleted too.
    pub(super) fn deleted(&self, listed: &KeysListed) -> Element {
        let told = listed.keys.iter().filter(|_| listed.told == Told::All);
        let write = |key: &ObjectKey| match listed.written {
            Written::Plain => key.to_string(),
            Written::Escaped => escape_path(key.as_str()),
        };
        let deleted = told.map(|key| Element::of("Deleted", [Element::text("Key", write(key))]));
        let encoding = (listed.written == Written::Escaped).then(|| Element::text("EncodingType", "url"));
        Element::of("DeleteResult", encoding.into_iter().chain(deleted))
    }

    pub(super) fn tags(&self, tags: &[(String, String)]) -> Element {
        let pair = |(key, value): &(String, String)| [Element::text("Key", &**key), Element::text("Value", &**value)];
        let tags = tags.iter().map(|tag| Element::of("Tag", pair(tag)));
        Element::of("Tagging", [Element::of("TagSet", tags)])
    }

    /// The rules as they were put, laid out as everything else is.
    pub(super) fn lifecycle(&self, lifecycle: &Lifecycle) -> Element {
        xml::parse(&lifecycle.document).unwrap_or_else(|| Element::of("LifecycleConfiguration", []))
    }

    /// A setting as it is where nobody made it. Doubt: what the AWS face is shown of logging, notifications and quotas.
    pub(super) fn setting(&self, facts: &BucketFacts) -> Reply {
        let name = SETTINGS.iter().map(|(name, _)| *name).find(|name| self.context.head.query.has(name));
        let class = self.face.class(facts.kind.class.as_deref());
        self.document(match name {
            Some("acl") => self.acl(facts, Resource::Bucket),
            Some("logging") => Element::of("BucketLoggingStatus", []),
            Some("notification") => Element::of("NotificationConfiguration", []),
            Some("quota") => Element::of("Quota", [Element::text("StorageQuota", "0")]),
            Some("requestPayment") => {
                Element::of("RequestPaymentConfiguration", [Element::text("Payer", "BucketOwner")])
            }
            Some("storageClass") => Element::text("StorageClass", class),
            Some("storagePolicy") => Element::of("StoragePolicy", [Element::text("DefaultStorageClass", class)]),
            Some("storageinfo") => {
                let figures = [("Size", facts.bytes), ("ObjectNumber", facts.objects as u64)];
                let figures = figures.map(|(name, figure)| Element::text(name, figure.to_string()));
                Element::of("GetBucketStorageInfoResult", figures)
            }
            _ => Element::of("VersioningConfiguration", []),
        })
    }

    /// Who may do what. The AWS face says in an attribute what kind of grantee it is.
    pub(super) fn acl(&self, BucketFacts { owner, uploader, acl, .. }: &BucketFacts, of: Resource) -> Element {
        let owner = uploader.as_ref().unwrap_or(owner);
        let delivered = |delivered: &str| (self.face == Face::Obs).then(|| Element::text("Delivered", delivered));
        let grantee = match self.face {
            Face::Obs => self.person("Grantee", owner),
            Face::Aws => self.person("Grantee", owner).with_attributes(documents::CANONICAL_USER),
        };
        let grant = [grantee, Element::text("Permission", "FULL_CONTROL")];
        let grant = grant.into_iter().chain(delivered("false").filter(|_| of == Resource::Bucket));
        let is_delivered = acl.is_some_and(|acl| acl.name.ends_with("-delivered"));
        let everybody = || match self.face {
            Face::Obs => Element::of("Grantee", [Element::text("Canned", "Everyone")]),
            Face::Aws => {
                Element::of("Grantee", [Element::text("URI", acl::EVERYBODY)]).with_attributes(documents::GROUP)
            }
        };
        let public = documents::public_permissions(*acl).map(|permission| {
            let delivered = delivered(if is_delivered { "true" } else { "false" }).filter(|_| of == Resource::Bucket);
            let grant = [everybody(), Element::text("Permission", permission)];
            Element::of("Grant", grant.into_iter().chain(delivered))
        });
        let list = Element::of("AccessControlList", [Element::of("Grant", grant)].into_iter().chain(public));
        let mut children = vec![self.person("Owner", owner)];
        children.extend(delivered("true").filter(|_| of == Resource::Object));
        children.push(list);
        Element::of("AccessControlPolicy", children)
    }
}
