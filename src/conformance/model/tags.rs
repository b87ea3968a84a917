//! Entity tags: of a part, its MD5; of a completed object, what its provider makes of those.

use md5::{Digest, Md5};

use crate::conformance::{
    rules::{CompletedTag, Rules, TagCase},
    script::{Body, Text},
};

impl Rules {
    /// The entity tag of a part, or of an object that was put whole, with this body; without quotes.
    pub fn part_tag(&self, body: Body) -> String {
        self.text_tag(&body.text(self.min_part_size))
    }

    /// The same for one with this text.
    pub fn text_tag(&self, text: &Text) -> String {
        hex(self, &digest(text))
    }
}

/// None if nobody knows.
pub(super) fn completed_tag(rules: &Rules, parts: &[&Text]) -> Option<String> {
    let digests = parts.iter().map(|part| digest(part));
    let whole = match rules.completed_tag {
        CompletedTag::OfDigests => Md5::digest(digests.flatten().collect::<Vec<u8>>()),
        CompletedTag::OfTags => Md5::digest(digests.map(|digest| hex(rules, &digest)).collect::<String>()),
        CompletedTag::Unknown => return None,
    };
    Some(format!("{}-{}", hex(rules, &whole), parts.len()))
}

fn digest(text: &Text) -> [u8; 16] {
    Md5::digest(text.bytes()).into()
}

fn hex(rules: &Rules, bytes: &[u8]) -> String {
    let digits = match rules.tag_case {
        TagCase::Lower => b"0123456789abcdef",
        TagCase::Upper => b"0123456789ABCDEF",
    };
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(digits[usize::from(digit)])).collect()
}
