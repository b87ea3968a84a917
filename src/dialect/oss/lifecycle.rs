//! Lifecycle rules of OSS: which are accepted, kept and shown. What they do to objects is not modelled; they end uploads.
//!
//! # Source
//! "PutBucketLifecycle", <https://www.alibabacloud.com/help/en/oss/developer-reference/putbucketlifecycle>; what is refused
//! and by which code: `tests/test_bucket.py` of <https://github.com/aliyun/aliyun-oss-python-sdk> (2.19.1). Doubt: whether an
//! expiration on the day of a transition passes (it does here), and which code a repeated prefix has.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{body::LAYOUT, face};
use crate::{
    dialect::{documents, reading::parse_digits},
    store::{Lifecycle, Refusal},
    wire::{
        date,
        digest::md5,
        encode::hex,
        xml::{self, Element, Inside},
    },
};

/// What a rule may do, but for what it does to versions that are not current, which are not kept.
const ACTIONS: [&str; 3] = ["Expiration", "Transition", "AbortMultipartUpload"];

/// Storage classes that objects may change to, each colder than the one before.
const CLASSES: [&str; 4] = ["IA", "Archive", "ColdArchive", "DeepColdArchive"];

/// The ways to say when something is due: by a number of days, or by one of two dates.
const DAYS: &str = "Days";
const VERSION_DAYS: &str = "NoncurrentDays";
const DATES: [&str; 2] = ["CreatedBeforeDate", "Date"];

/// What is said by yes or no, in whatever case; it is shown in lower case.
const FLAGS: [&str; 2] = ["ExpiredObjectDeleteMarker", "IsAccessTime"];

/// The rules in a body. Each gets an id if it has none.
pub(super) fn read(body: &[u8]) -> Result<Lifecycle, Refusal> {
    let read = documents::lifecycle(body)?;
    let mut root = documents::document(body, "LifecycleConfiguration")?;
    root.children("Rule").try_for_each(check)?;
    named_apart(&root)?;
    apart(&root)?;
    if name_rules(&mut root) + lower_flags(&mut root) == 0 {
        return Ok(read);
    }
    Ok(Lifecycle { document: Bytes::from(xml::write(&root, &LAYOUT)), ..read })
}

/// Bytes that the id of a rule may have.
const MAX_ID: usize = 255;

fn check(rule: &Element) -> Result<(), Refusal> {
    if let Some(id) = rule.child_text("ID").filter(|id| id.len() > MAX_ID) {
        return Err(Refusal::InvalidArgument { name: "ID", value: id.to_owned() });
    }
    let tags: Vec<_> = rule
        .children("Tag")
        .map(|tag| (tag.child_text("Key").unwrap_or_default(), tag.child_text("Value").unwrap_or_default()))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    face::check_tags(&tags)?;
    let chooses = !tags.is_empty() || rule.children("Filter").next().is_some();
    if chooses && rule.children("AbortMultipartUpload").next().is_some() {
        // Not known, and it would end more uploads than it says.
        let what = "lifecycle: a filter or tags with AbortMultipartUpload".to_owned();
        return Err(Refusal::NotImplemented { what });
    }
    ACTIONS.iter().flat_map(|action| rule.children(action)).try_for_each(due)?;
    let ages = |names: &[&str]| {
        let of = |action: &&str| rule.children(action).any(|action| names.iter().any(|name| has(action, name)));
        ACTIONS[..2].iter().any(of)
    };
    if ages(&[DAYS]) && ages(&DATES) {
        return Err(Refusal::MixedAges);
    }
    colder(rule)
}

fn has(element: &Element, name: &str) -> bool {
    element.children(name).next().is_some()
}

/// Seconds of a day. Dates are midnights, UTC.
const DAY: i64 = 24 * 60 * 60;

/// When an action is due is said in one way at most, and can be read.
fn due(action: &Element) -> Result<(), Refusal> {
    let said: Vec<_> = [DAYS, DATES[0], DATES[1]].into_iter().filter(|name| has(action, name)).collect();
    let Some(name) = said.first() else { return Ok(()) };
    let value = action.child_text(name).unwrap_or_default();
    let sound = match *name {
        DAYS => parse_digits(value).is_some_and(|days| days > 0),
        _ => date::parse_iso(value).is_some_and(|date| date.as_secs() % DAY == 0),
    };
    match (sound, said.len()) {
        (_, 2..) => Err(Refusal::MalformedXml),
        (false, _) => Err(Refusal::InvalidArgument { name, value: value.to_owned() }),
        (true, _) => Ok(()),
    }
}

/// Objects change to colder classes as days go by, and expire last.
fn colder(rule: &Element) -> Result<(), Refusal> {
    let current = cold_days(rule, "Transition")?.into_iter().chain(rule.children("Expiration").find_map(days));
    rising(DAYS, current)?;
    rising(VERSION_DAYS, cold_days(rule, "NoncurrentVersionTransition")?)
}

/// After how many days objects, or versions of them, change to which class, from the warmest class to the coldest.
fn cold_days(rule: &Element, action: &str) -> Result<Vec<u64>, Refusal> {
    let mut transitions = Vec::new();
    for transition in rule.children(action) {
        let class = transition.child_text("StorageClass").unwrap_or_default();
        let Some(cold) = CLASSES.iter().position(|known| *known == class) else {
            return Err(Refusal::InvalidArgument { name: "StorageClass", value: class.to_owned() });
        };
        transitions.extend(days(transition).map(|days| (cold, days)));
    }
    transitions.sort_unstable();
    Ok(transitions.into_iter().map(|(_, days)| days).collect())
}

fn rising(name: &'static str, stages: impl IntoIterator<Item = u64>) -> Result<(), Refusal> {
    let stages: Vec<_> = stages.into_iter().collect();
    match stages.is_sorted() {
        true => Ok(()),
        false => Err(Refusal::InvalidArgument { name, value: format!("{stages:?}") }),
    }
}

fn days(action: &Element) -> Option<u64> {
    parse_digits(action.child_text(DAYS).or(action.child_text(VERSION_DAYS))?)
}

/// No two rules do the same to the same prefix, unless tags or filters tell them apart.
fn apart(root: &Element) -> Result<(), Refusal> {
    let plain = |rule: &&Element| !has(rule, "Tag") && !has(rule, "Filter");
    let rules: Vec<_> = root.children("Rule").filter(plain).collect();
    let prefix = |rule: &Element| rule.child_text("Prefix").unwrap_or_default().to_owned();
    let same = |one: &Element, other: &Element| {
        prefix(one) == prefix(other) && ACTIONS.iter().any(|action| has(one, action) && has(other, action))
    };
    let twice = rules.iter().enumerate().find(|(at, rule)| rules[..*at].iter().any(|before| same(before, rule)));
    match twice {
        Some((_, rule)) => Err(Refusal::InvalidArgument { name: "Prefix", value: prefix(rule) }),
        None => Ok(()),
    }
}

/// Refuses two rules of one id. Empty ids are as good as none.
///
/// # Source
/// EC 0014-00000020, <https://help.aliyun.com/zh/oss/support/0014-00000020> (read 2026-11-21). Doubt: the code.
fn named_apart(root: &Element) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let ids = root.children("Rule").filter_map(|rule| rule.child_text("ID")).filter(|id| !id.is_empty());
    match ids.into_iter().find(|id| !seen.insert(*id)) {
        Some(id) => Err(Refusal::InvalidArgument { name: "ID", value: id.to_owned() }),
        None => Ok(()),
    }
}

/// Gives an id to each rule that has none. Returns how many that were.
fn name_rules(root: &mut Element) -> usize {
    let Inside::Children(rules) = &mut root.content else { return 0 };
    let mut named = 0;
    for (at, rule) in rules.iter_mut().enumerate() {
        let has_id = rule.child_text("ID").is_some_and(|id| !id.is_empty());
        let Inside::Children(children) = &mut rule.content else { continue };
        if has_id {
            continue;
        }
        children.retain(|child| child.name != "ID");
        children.insert(0, Element::text("ID", hex(md5(format!("{at} {children:?}")))));
        named += 1;
    }
    named
}

/// Writes flags as they are shown. Returns how many were written otherwise.
fn lower_flags(element: &mut Element) -> usize {
    match &mut element.content {
        Inside::Children(children) => children.iter_mut().map(lower_flags).sum(),
        Inside::Text(text) if FLAGS.contains(&&*element.name) && matches!(text.trim(), "True" | "False") => {
            *text = text.trim().to_ascii_lowercase();
            1
        }
        Inside::Text(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(inside: &str) -> String {
        format!("<Rule><ID>a</ID><Prefix>p/</Prefix><Status>Enabled</Status>{inside}</Rule>")
    }

    fn put(rules: &str) -> Result<Lifecycle, Refusal> {
        read(format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>").as_bytes())
    }

    fn transition(days: u32, class: &str) -> String {
        format!("<Transition><StorageClass>{class}</StorageClass><Days>{days}</Days></Transition>")
    }

    fn expiration(days: u32) -> String {
        format!("<Expiration><Days>{days}</Days></Expiration>")
    }

    #[test]
    fn objects_only_grow_colder() {
        let (ia, archive) = (transition(30, "IA"), transition(60, "Archive"));
        for sound in [archive.clone() + &ia, ia.clone() + &expiration(31), expiration(1), transition(1, "ColdArchive")]
        {
            assert!(put(&rule(&sound)).is_ok(), "{sound}");
        }
        for wrong in [archive + &transition(90, "IA"), ia.clone() + &expiration(29), transition(1, "Standard")] {
            assert!(matches!(put(&rule(&wrong)), Err(Refusal::InvalidArgument { .. })), "{wrong}");
        }
        let date = "<Expiration><CreatedBeforeDate>2016-12-25T00:00:00.000Z</CreatedBeforeDate></Expiration>";
        assert_eq!(put(&rule(&(ia + date))).unwrap_err(), Refusal::MixedAges);
        assert!(put(&rule(&format!("{date}<AbortMultipartUpload><Days>3</Days></AbortMultipartUpload>"))).is_ok());
    }

    #[test]
    fn versions_only_grow_colder() {
        let transition = |days: u32, class: &str| {
            let inside = format!("<NoncurrentDays>{days}</NoncurrentDays><StorageClass>{class}</StorageClass>");
            format!("<NoncurrentVersionTransition>{inside}</NoncurrentVersionTransition>")
        };
        assert!(put(&rule(&(transition(12, "IA") + &transition(20, "Archive")))).is_ok());
        let refusal = Refusal::InvalidArgument { name: "NoncurrentDays", value: "[20, 12]".into() };
        assert_eq!(put(&rule(&(transition(20, "IA") + &transition(12, "Archive")))).unwrap_err(), refusal);
    }

    #[test]
    fn flags_are_shown_in_lower_case() {
        let flag = "<Expiration><ExpiredObjectDeleteMarker>True</ExpiredObjectDeleteMarker></Expiration>";
        let shown = put(&rule(flag)).unwrap().document;
        assert!(String::from_utf8_lossy(&shown).contains("<ExpiredObjectDeleteMarker>true<"), "{shown:?}");
    }

    #[test]
    fn ages_can_be_read() {
        let zero = Refusal::InvalidArgument { name: "Days", value: "0".into() };
        assert_eq!(put(&rule(&expiration(0))).unwrap_err(), zero);
        let noon = "2016-12-25T12:00:00.000Z";
        let abort =
            format!("<AbortMultipartUpload><CreatedBeforeDate>{noon}</CreatedBeforeDate></AbortMultipartUpload>");
        let not_midnight = Refusal::InvalidArgument { name: "CreatedBeforeDate", value: noon.into() };
        assert_eq!(put(&rule(&abort)).unwrap_err(), not_midnight);
        let both = "<Expiration><Days>3</Days><Date>2016-12-25T00:00:00.000Z</Date></Expiration>";
        assert_eq!(put(&rule(both)).unwrap_err(), Refusal::MalformedXml);
    }

    #[test]
    fn rules_keep_apart() {
        let other = |inside: &str| rule(inside).replace("<ID>a</ID>", "<ID>b</ID>");
        let twice = rule(&expiration(3)) + &other(&expiration(4));
        let refusal = Refusal::InvalidArgument { name: "Prefix", value: "p/".into() };
        assert_eq!(put(&twice).unwrap_err(), refusal);
        assert!(put(&(rule(&expiration(3)) + &other(&transition(1, "IA")))).is_ok());
        let same_id = Refusal::InvalidArgument { name: "ID", value: "a".into() };
        assert_eq!(put(&(rule(&expiration(3)) + &rule(&transition(1, "IA")))).unwrap_err(), same_id);
        let tag = |value: &str| format!("<Tag><Key>k</Key><Value>{value}</Value></Tag>{}", expiration(1));
        assert!(put(&(rule(&tag("1")) + &other(&tag("2")))).is_ok());
        assert_eq!(put(&rule(&tag(")%"))).unwrap_err(), Refusal::InvalidTag);
        let abort = "<AbortMultipartUpload><Days>3</Days></AbortMultipartUpload>";
        assert!(matches!(put(&rule(&(tag("1") + abort))), Err(Refusal::NotImplemented { .. })));
    }

    #[test]
    fn every_rule_gets_an_id() {
        let named = put(&rule(&expiration(3))).unwrap();
        let ids = |lifecycle: &Lifecycle| {
            let root = xml::parse(&lifecycle.document).unwrap();
            Vec::from_iter(root.children("Rule").map(|rule| rule.child_text("ID").unwrap_or_default().to_owned()))
        };
        assert_eq!(ids(&named), ["a"]);
        let empty = rule(&expiration(1)).replace("<ID>a</ID>", "<ID></ID>").replace("p/", "q/");
        assert!(put(&(empty.clone() + &empty.replace("q/", "r/"))).is_ok());
        let rules = format!("{}{}", expiration(3), rule(&transition(3, "IA")));
        let bare = put(&format!("<Rule><Status>Enabled</Status>{}</Rule>{}", expiration(3), rule(&rules))).unwrap();
        let ids = ids(&bare);
        assert_eq!((ids[0].len(), &*ids[1]), (32, "a"));
    }
}
