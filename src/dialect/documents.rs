//! The XML bodies of requests that all three providers spell alike: lists of parts, of keys, tags, lifecycle rules.

use bytes::Bytes;

use super::reading::{parse_digits, parse_part_number};
use crate::{
    store::{
        Acl, Action, Age, AgeRule, Grants, KeysListed, Lifecycle, ListedPart, Manifest, ObjectKey, Refusal, RuleStatus,
        Told, Written,
    },
    wire::{
        date,
        encode::unhex,
        xml::{self, Element},
    },
};

/// The list of parts in a complete's body. Accepts what clients send: any namespace, either order of children, entity
/// tags quoted, escaped or bare, unknown children.
pub fn manifest(body: &[u8]) -> Result<Manifest, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::MissingBody);
    }
    let root = xml::parse(body).filter(|root| root.name == "CompleteMultipartUpload").ok_or(Refusal::MalformedXml)?;
    let parts: Vec<ListedPart> = root.children("Part").map(listed_part).collect::<Result<_, _>>()?;
    if parts.is_empty() { Err(Refusal::EmptyManifest) } else { Ok(Manifest(parts)) }
}

/// Keys that one request may delete.
const MAX_KEYS: usize = 1000;

/// The keys a request to delete many objects lists.
pub fn keys(body: &[u8]) -> Result<KeysListed, Refusal> {
    keys_in(&list_of_keys(body)?)
}

/// The document that lists keys to be deleted. Doubt: whether characters that XML 1.0 forbids may stand in it; they may, since
/// lists of objects show the keys that have them.
pub fn list_of_keys(body: &[u8]) -> Result<Element, Refusal> {
    if body.is_empty() {
        return Err(Refusal::MissingBody);
    }
    xml::parse_loosely(body).filter(|root| root.name == "Delete").ok_or(Refusal::MalformedXml)
}

/// Elements of an entry that S3 deletes its object on condition of.
const DELETE_CONDITIONS: [&str; 3] = ["ETag", "LastModifiedTime", "Size"];

/// The keys in a document. The version that every object has where none are kept is no other than the object.
///
/// A condition on an entry is refused as not modelled: S3 has three ("DeleteObjects",
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectIdentifier.html>), and no page of the services names one.
pub fn keys_in(root: &Element) -> Result<KeysListed, Refusal> {
    let told = if root.child_text("Quiet") == Some("true") { Told::Failures } else { Told::All };
    let mut listed = KeysListed { keys: Vec::new(), versions: Vec::new(), told, written: Written::Plain };
    for object in root.children("Object") {
        if let Some(condition) = DELETE_CONDITIONS.iter().find(|name| object.children(name).next().is_some()) {
            return Err(Refusal::NotImplemented { what: format!("{condition} in Delete") });
        }
        let key = object.child_raw_text("Key").filter(|key| !key.is_empty());
        let key = key.map(ObjectKey::new).ok_or(Refusal::MalformedXml)?;
        match object.child_text("VersionId") {
            None | Some("" | "null") => listed.keys.push(key),
            Some(version) => listed.versions.push((key, version.to_owned())),
        }
    }
    match listed.keys.len() + listed.versions.len() {
        0 => Err(Refusal::MalformedXml),
        1..=MAX_KEYS => Ok(listed),
        _ => Err(Refusal::TooManyKeys { max: MAX_KEYS }),
    }
}

/// Refuses a list that names versions, where it is not known what becomes of one that is not there.
pub fn without_versions(listed: KeysListed) -> Result<KeysListed, Refusal> {
    if listed.versions.is_empty() {
        return Ok(listed);
    }
    Err(Refusal::NotImplemented { what: "VersionId in Delete".into() })
}

/// Tags an object may have.
const MAX_TAGS: usize = 10;

/// The tags in a body.
pub fn tags(body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let root = document(body, "Tagging")?;
    let set = root.children("TagSet").next().ok_or(Refusal::MalformedXml)?;
    let pair = |tag: &Element| Some((tag.child_text("Key")?.to_owned(), tag.child_text("Value")?.to_owned()));
    let tags: Vec<_> =
        set.children("Tag").map(|tag| pair(tag).ok_or(Refusal::MalformedXml)).collect::<Result<_, _>>()?;
    check_tags(tags)
}

/// At most ten, no key twice, none empty, keys of 128 and values of 256 characters at most.
pub fn check_tags(tags: Vec<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    let too_long = |(key, value): &(String, String)| key.chars().count() > 128 || value.chars().count() > 256;
    let wrong = |tag: &(String, String)| tag.0.is_empty() || too_long(tag);
    let twice = || tags.iter().enumerate().any(|(at, (key, _))| tags[..at].iter().any(|(before, _)| before == key));
    // Counted first: a request may hold tens of thousands of tags.
    if tags.len() > MAX_TAGS || tags.iter().any(wrong) || twice() {
        return Err(Refusal::InvalidTag);
    }
    Ok(tags)
}

/// The permissions everybody has, as documents in S3's manner show them.
pub fn public_permissions(acl: Option<Acl>) -> impl Iterator<Item = &'static str> {
    let everybody = acl.map_or(Grants::none(), |acl| acl.everybody);
    let reads = everybody.allows(Action::GetObject) || everybody.allows(Action::ListObjects);
    let writes = everybody.allows(Action::PutObject);
    [(reads, "READ"), (writes, "WRITE")].into_iter().filter(|(given, _)| *given).map(|(_, permission)| permission)
}

const INSTANCE: (&str, &str) = ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");

/// What says of a grantee in an access control list of S3's that it is somebody. S3's SDKs read it.
pub const CANONICAL_USER: &[(&str, &str)] = &[INSTANCE, ("xsi:type", "CanonicalUser")];

/// What says of one that it is many.
pub const GROUP: &[(&str, &str)] = &[INSTANCE, ("xsi:type", "Group")];

/// Rules a lifecycle configuration may have.
const MAX_RULES: usize = 1000;

/// Characters the id of a lifecycle rule may have.
pub const MAX_RULE_ID: usize = 255;

/// The lifecycle rules in a body, as far as they are about open uploads. Both spellings of the action are read:
/// `AbortMultipartUpload` with `Days` or `CreatedBeforeDate`, and `AbortIncompleteMultipartUpload` with
/// `DaysAfterInitiation`.
pub fn lifecycle(body: &[u8]) -> Result<Lifecycle, Refusal> {
    let root = document(body, "LifecycleConfiguration")?;
    let rules: Vec<_> = root.children("Rule").map(age_rule).collect::<Result<_, _>>()?;
    if !(1..=MAX_RULES).contains(&rules.len()) {
        return Err(Refusal::MalformedXml);
    }
    Ok(Lifecycle { rules, document: Bytes::copy_from_slice(body) })
}

fn age_rule(rule: &Element) -> Result<AgeRule, Refusal> {
    if let Some(id) = rule.child_text("ID").filter(|id| id.chars().count() > MAX_RULE_ID) {
        return Err(Refusal::InvalidArgument { name: "ID", value: id.to_owned() });
    }
    let status = match rule.child_text("Status") {
        Some("Enabled") => RuleStatus::Enabled,
        Some("Disabled") => RuleStatus::Disabled,
        _ => return Err(Refusal::MalformedXml),
    };
    let filter = rule.children("Filter").next().and_then(|filter| filter.child_text("Prefix"));
    let prefix = rule.child_text("Prefix").or(filter).unwrap_or_default().to_owned();
    let action = ["AbortMultipartUpload", "AbortIncompleteMultipartUpload"];
    let action = action.iter().find_map(|name| rule.children(name).next());
    Ok(AgeRule { prefix, status, abort: action.map(age).transpose()? })
}

fn age(action: &Element) -> Result<Age, Refusal> {
    let days = action.child_text("Days").or(action.child_text("DaysAfterInitiation"));
    match (days, action.child_text("CreatedBeforeDate")) {
        (Some(days), None) => {
            let invalid = || Refusal::InvalidArgument { name: "Days", value: days.to_owned() };
            let days = parse_digits(days).and_then(|days| u32::try_from(days).ok()).filter(|days| *days > 0);
            days.map(Age::Days).ok_or_else(invalid)
        }
        (None, Some(date)) => {
            let invalid = || Refusal::InvalidArgument { name: "CreatedBeforeDate", value: date.to_owned() };
            date::parse_iso(date).map(Age::Before).ok_or_else(invalid)
        }
        _ => Err(Refusal::MalformedXml),
    }
}

/// A body that must be XML with this root.
pub fn document(body: &[u8], root: &str) -> Result<Element, Refusal> {
    if body.is_empty() {
        return Err(Refusal::MissingBody);
    }
    xml::parse(body).filter(|element| element.name == root).ok_or(Refusal::MalformedXml)
}

fn listed_part(part: &Element) -> Result<ListedPart, Refusal> {
    let number = only_child(part, "PartNumber")?;
    let etag = only_child(part, "ETag")?;
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    parse_digits(unsigned).ok_or(Refusal::MalformedXml)?;
    let number = parse_part_number(number).ok_or_else(|| Refusal::ListedPartNumber { given: number.to_owned() })?;
    let etag = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag);
    Ok(ListedPart { number, etag: etag.to_owned(), md5: unhex(etag) })
}

/// The text of the one child of that name.
fn only_child<'a>(part: &'a Element, name: &str) -> Result<&'a str, Refusal> {
    let mut found = part.children(name);
    match (found.next().and_then(Element::as_text), found.next()) {
        (Some(text), None) => Ok(text),
        _ => Err(Refusal::MalformedXml),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_blanks() {
        let list = keys(b"<Delete>\n <Object> <Key> a </Key> </Object>\n</Delete>").unwrap();
        assert_eq!(list.keys, [ObjectKey::new(" a ")]);
    }

    #[test]
    fn conditions_on_an_entry_are_refused() {
        for name in DELETE_CONDITIONS {
            let body = format!("<Delete><Object><Key>k</Key><{name}>1</{name}></Object></Delete>");
            let refusal = Refusal::NotImplemented { what: format!("{name} in Delete") };
            assert_eq!(keys(body.as_bytes()), Err(refusal));
        }
    }

    /// Compared pairwise before they are counted, a million tags would take the better part of an hour.
    #[test]
    fn tags_are_counted_before_they_are_compared() {
        let tag = |number: usize| (number.to_string(), String::new());
        assert_eq!(check_tags((0..1_000_000).map(tag).collect()), Err(Refusal::InvalidTag));
        assert_eq!(check_tags((0..10).map(tag).collect()).map(|tags| tags.len()), Ok(10));
        assert_eq!(check_tags(vec![tag(1), tag(1)]), Err(Refusal::InvalidTag));
    }

    #[test]
    fn a_version_is_not_taken_for_the_object() {
        let read = |version: &str| {
            let object = format!("<Object><Key>k</Key><VersionId>{version}</VersionId></Object>");
            keys(format!("<Delete>{object}</Delete>").as_bytes()).unwrap()
        };
        for current in ["", "null"] {
            assert_eq!(without_versions(read(current)), Ok(read(current)), "{current}");
        }
        let other = read("MTg0");
        assert!(other.keys.is_empty() && other.versions == [(ObjectKey::new("k"), "MTg0".to_owned())]);
        assert!(matches!(without_versions(other), Err(Refusal::NotImplemented { .. })));
    }

    #[test]
    fn lists_of_parts_as_clients_write_them() {
        let bare = "<CompleteMultipartUpload><Part><ETag>302d3a0c8e319eaa95b059b346de1d1d</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>";
        let dressed = "<?xml version=\"1.0\"?>\n<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\r\n <Part>\n  <PartNumber> 1 </PartNumber><ChecksumCRC32>x</ChecksumCRC32>\n  <ETag>&quot;302D3A0C8E319EAA95B059B346DE1D1D&#34;</ETag></Part>\n</CompleteMultipartUpload>\n";
        for text in [bare, dressed] {
            let list = manifest(text.as_bytes()).unwrap().0;
            assert_eq!((list.len(), list[0].number.get()), (1, 1));
            assert_eq!(list[0].md5, unhex("302d3a0c8e319eaa95b059b346de1d1d"));
        }
    }

    #[test]
    fn lists_of_parts_nobody_should_send() {
        let wrap = |inside: &str| format!("<CompleteMultipartUpload>{inside}</CompleteMultipartUpload>");
        let part = |number: &str| wrap(&format!("<Part><PartNumber>{number}</PartNumber><ETag>x</ETag></Part>"));
        let refused = |text: String| manifest(text.as_bytes()).unwrap_err();
        assert_eq!(refused(" \n".into()), Refusal::MissingBody);
        assert_eq!(refused(wrap("")), Refusal::EmptyManifest);
        assert_eq!(refused("<Other/>".into()), Refusal::MalformedXml);
        assert_eq!(refused(wrap("<Part><ETag>x</ETag></Part>")), Refusal::MalformedXml);
        let twice = "<Part><PartNumber>1</PartNumber><ETag>x</ETag><ETag>y</ETag></Part>";
        assert_eq!(refused(wrap(twice)), Refusal::MalformedXml);
        assert_eq!(refused(part("one")), Refusal::MalformedXml);
        for number in ["0", "10001", "-1", "99999999999999999999999"] {
            assert_eq!(refused(part(number)), Refusal::ListedPartNumber { given: number.into() });
        }
    }
}
