//! One page of an ordered map of keys: prefix, marker, delimiter, limit. The cost is that of the page, not of the map:
//! a rolled-up prefix is stepped over, not walked through.

use std::{collections::BTreeMap, ops::Bound};

use super::{ObjectKey, PageAsked};

/// One page of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// The entries, in order.
    pub entries: Vec<T>,
    /// The rolled-up prefixes, in order.
    pub prefixes: Vec<String>,
    /// Whether there is more.
    pub truncated: bool,
    /// The last thing listed: where the next page starts.
    pub last: Option<Last<T>>,
}

/// The last thing a page lists.
#[derive(Debug)]
pub enum Last<T> {
    /// An entry.
    Entry(T),
    /// A rolled-up prefix.
    Prefix(String),
}

/// Lists `map`. Each key holds entries of its own, which `entries` yields in order, given the upload marker if the key is
/// the marker itself.
pub fn page<'a, V, T: Clone, I: Iterator<Item = T>>(
    map: &'a BTreeMap<ObjectKey, V>,
    asked: &'a PageAsked,
    mut entries: impl FnMut(&'a ObjectKey, &'a V, Option<&'a str>) -> I,
) -> Page<T> {
    let mut page = Page { entries: Vec::new(), prefixes: Vec::new(), truncated: false, last: None };
    let mut from = start(asked);
    'keys: loop {
        let next = map.range::<str, _>((from.as_ref().map(String::as_str), Bound::Unbounded)).next();
        let Some((key, value)) = next.filter(|(key, _)| key.as_str().starts_with(&asked.prefix)) else { break };
        let marker = (key.as_str() == asked.after).then_some(asked.after_upload.as_str());
        if let Some(prefix) = rolled_up(key.as_str(), asked) {
            from = beyond(&prefix).map_or_else(|| Bound::Excluded(key.to_string()), Bound::Included);
            if prefix == asked.after || page.prefixes.last() == Some(&prefix) {
                continue;
            }
            // All of this key may lie before the upload marker, and none of the prefix's other keys.
            if marker.is_some() && entries(key, value, marker).next().is_none() {
                from = Bound::Excluded(key.to_string());
                continue;
            }
            if page.entries.len() + page.prefixes.len() == asked.max {
                page.truncated = true;
                break;
            }
            page.last = Some(Last::Prefix(prefix.clone()));
            page.prefixes.push(prefix);
            continue;
        }
        for entry in entries(key, value, marker) {
            if page.entries.len() + page.prefixes.len() == asked.max {
                page.truncated = true;
                break 'keys;
            }
            page.last = Some(Last::Entry(entry.clone()));
            page.entries.push(entry);
        }
        from = Bound::Excluded(key.as_str().to_owned());
    }
    page
}

/// Where the walk begins: at the marker or at the prefix, whichever is later.
fn start(asked: &PageAsked) -> Bound<String> {
    if asked.after.is_empty() || asked.after < asked.prefix {
        Bound::Included(asked.prefix.clone())
    } else if asked.after_upload.is_empty() {
        Bound::Excluded(asked.after.clone())
    } else {
        Bound::Included(asked.after.clone())
    }
}

/// The common prefix `key` is rolled up to, if it is.
fn rolled_up(key: &str, asked: &PageAsked) -> Option<String> {
    if asked.delimiter.is_empty() {
        return None;
    }
    let at = key[asked.prefix.len()..].find(&asked.delimiter)?;
    Some(key[..asked.prefix.len() + at + asked.delimiter.len()].to_owned())
}

/// The first text beyond everything that starts with `prefix`, if there is one.
fn beyond(prefix: &str) -> Option<String> {
    let mut stem = prefix.to_owned();
    while let Some(last) = stem.pop() {
        if let Some(next) = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32) {
            stem.push(next);
            return Some(stem);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(asked: &PageAsked, keys: &[&str]) -> (Vec<String>, Vec<String>, bool) {
        let map: BTreeMap<ObjectKey, ()> = keys.iter().map(|key| (ObjectKey::new(key), ())).collect();
        let page = page(&map, asked, |key, (), _| std::iter::once(key.to_string()));
        (page.entries, page.prefixes, page.truncated)
    }

    #[test]
    fn pages_tile_the_whole() {
        let all = ["a", "b/1", "b/2", "c", "d/1", "e"];
        let mut asked = PageAsked { delimiter: "/".into(), max: 1, ..PageAsked::default() };
        let mut seen = Vec::new();
        loop {
            let (entries, prefixes, truncated) = keys(&asked, &all);
            assert_eq!(entries.len() + prefixes.len(), 1);
            asked.after = entries.first().or(prefixes.first()).unwrap().clone();
            seen.push(asked.after.clone());
            if !truncated {
                break;
            }
        }
        assert_eq!(seen, ["a", "b/", "c", "d/", "e"]);
    }

    #[test]
    fn the_prefix_bounds_both_ends() {
        let asked = PageAsked { prefix: "b".into(), max: 10, ..PageAsked::default() };
        assert_eq!(keys(&asked, &["a", "b", "bb", "c"]).0, ["b", "bb"]);
        let asked = PageAsked { after: "a".into(), ..asked };
        assert_eq!(keys(&asked, &["a", "b", "bb", "c"]).0, ["b", "bb"]);
    }

    /// What is before the marker is left out first, and then what is left is rolled up.
    #[test]
    fn a_marker_inside_of_a_rolled_up_prefix_leaves_it_there_if_anything_of_it_is_left() {
        let asked =
            |after: &str| PageAsked { delimiter: "/".into(), after: after.into(), max: 9, ..PageAsked::default() };
        let prefixes = |asked: &PageAsked| keys(asked, &["a", "b/1", "b/2", "c"]).1;
        assert_eq!(prefixes(&asked("b/1")), ["b/"]);
        assert!(prefixes(&asked("b/2")).is_empty());
        assert!(prefixes(&asked("b/")).is_empty());
    }

    #[test]
    fn an_upload_marker_may_leave_nothing_of_a_rolled_up_prefix() {
        let map: BTreeMap<ObjectKey, [&str; 2]> = [(ObjectKey::new("b/1"), ["id 1", "id 2"])].into();
        for (after_upload, prefixes) in [("id 1", vec!["b/".to_owned()]), ("id 2", Vec::new())] {
            let (after, after_upload) = ("b/1".into(), after_upload.into());
            let asked = PageAsked { delimiter: "/".into(), after, after_upload, max: 9, ..PageAsked::default() };
            let page = page(&map, &asked, |_, ids, marker| {
                ids.iter().filter(move |id| marker.is_none_or(|marker| **id > marker))
            });
            assert_eq!(page.prefixes, prefixes);
        }
    }

    #[test]
    fn a_prefix_that_ends_in_the_last_character_still_ends() {
        let last = format!("x{}/", char::MAX);
        let asked = PageAsked { delimiter: "/".into(), max: 10, ..PageAsked::default() };
        assert_eq!(keys(&asked, &[&format!("{last}1"), &format!("{last}2"), "y"]).1, [last]);
        let (asked, last) = (PageAsked { delimiter: char::MAX.into(), max: 10, ..asked }, char::MAX.to_string());
        assert_eq!(keys(&asked, &[&format!("{last}1"), &format!("{last}2")]).1, [last]);
    }
}
