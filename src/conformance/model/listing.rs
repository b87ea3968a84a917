//! Pages: of the parts of an upload, and of the open uploads of a bucket. A page is a filter, a skip and a take.

use super::{Model, Upload};
use crate::conformance::{
    rules::Rules,
    script::{Bucket, Id, Text, UploadsAsked},
    seen::{PartSeen, PartsSeen, UploadSeen, UploadsSeen},
};

/// A line of a list of uploads: its text orders it.
enum Line<'a> {
    Upload(&'static str, &'a str, u32),
    RolledUp(String),
}

impl Model {
    pub(super) fn parts_page(&self, id: Id, after: u32, max: Option<u32>) -> PartsSeen {
        let parts = self.named(id).and_then(Upload::parts).into_iter().flatten();
        let mut rest = parts.filter(|(number, _)| **number > after);
        let seen = |(number, text): (&u32, &Text)| PartSeen { number: *number, size: text.len(), etag: self.tag(text) };
        let parts: Vec<PartSeen> = rest.by_ref().take(page(max)).map(seen).collect();
        let next = parts.last().map(|part| part.number);
        PartsSeen { parts, truncated: rest.next().is_some(), next }
    }

    /// Ordered by key, then by id. A rolled-up prefix counts as one entry.
    ///
    /// Doubt: what a marker inside of a prefix that is rolled up means. The pages promise keys after the marker, and say
    /// nothing of this; so the keys before it are left out first, and the prefix is there if any key of it is left, as in
    /// S3. One that is the prefix itself, where a page ended, leaves it behind.
    pub(super) fn uploads_page(&self, bucket: Bucket, asked: &UploadsAsked) -> UploadsSeen {
        let mut lines: Vec<Line<'_>> = self.lines(bucket, asked);
        lines.sort_by(|a, b| a.order().cmp(&b.order()));
        lines.dedup_by(|a, b| a.order() == b.order());
        let mut rest = lines.into_iter();
        let mut seen = UploadsSeen::default();
        for line in rest.by_ref().take(page(asked.max)) {
            match line {
                Line::Upload(key, _, name) => {
                    seen.uploads.push((key.to_owned(), UploadSeen::Of(name)));
                    seen.next = Some((key.to_owned(), Some(UploadSeen::Of(name))));
                }
                Line::RolledUp(prefix) => {
                    seen.prefixes.push(prefix.clone());
                    seen.next = Some((prefix, None));
                }
            }
        }
        seen.truncated = rest.next().is_some();
        seen
    }

    fn lines(&self, bucket: Bucket, asked: &UploadsAsked) -> Vec<Line<'_>> {
        let marker = asked.after.as_deref();
        let marker_id = asked.after_upload.and_then(|id| self.text_of(id));
        let open = self.uploads.iter().filter(|(_, upload)| upload.is_open() && upload.place.0 == bucket);
        let rest = open.filter(|(_, upload)| upload.is_after(marker, marker_id));
        let lines = rest.filter_map(|(name, upload)| {
            let key = upload.place.1;
            let slash = key.strip_prefix(asked.prefix.as_str())?.find('/').filter(|_| asked.rolled_up);
            Some(match slash {
                Some(slash) => Line::RolledUp(key[..=asked.prefix.len() + slash].to_owned()),
                None => Line::Upload(key, &upload.id, *name),
            })
        });
        lines.filter(|line| !matches!(line, Line::RolledUp(prefix) if Some(prefix.as_str()) == marker)).collect()
    }

    /// The text of an id, if it has one.
    fn text_of(&self, id: Id) -> Option<&str> {
        match id {
            Id::Of(_) => Some(self.named(id).map_or(Id::UNKNOWN, |upload| upload.id.as_str())),
            Id::Unknown => Some(Id::UNKNOWN),
            Id::Malformed => Some(Id::MALFORMED),
            Id::Empty => None,
        }
    }
}

impl Line<'_> {
    fn order(&self) -> (&str, &str) {
        match self {
            Self::Upload(key, id, _) => (key, id),
            Self::RolledUp(prefix) => (prefix, ""),
        }
    }
}

impl Upload {
    /// An upload marker counts for its key only, and not without one.
    fn is_after(&self, key: Option<&str>, id: Option<&str>) -> bool {
        let Some(key) = key else { return true };
        let own = self.place.1;
        own > key || (own == key && id.is_some_and(|id| self.id.as_str() > id))
    }
}

/// Entries of a page: 1000 if the size asked for is out of bounds.
fn page(max: Option<u32>) -> usize {
    max.filter(|max| (1..=Rules::MAX_PAGE).contains(max)).unwrap_or(Rules::MAX_PAGE) as usize
}
