//! What an answer differs in from what was expected, without the particulars: by these words the same fault is known
//! again, and checked on after.

use std::collections::BTreeSet;

use super::{
    script::Act,
    seen::{Expected, Observed, Precedence},
};

/// How to go on after an answer that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Onward {
    /// As if it had been answered as expected.
    AsExpected,
    /// As if the step had not been taken.
    Untaken,
    /// Not at all: nobody knows what the target has now.
    Nowhere,
}

/// All the respects in which what was observed differs from what was expected, which it does:
/// `abort: 403 AccessDenied, not 404 NoSuchUpload`, `list parts: other sizes`.
pub(super) fn differences(act: &Act, expected: &Expected, observed: &Observed, precedence: Precedence) -> Vec<String> {
    let about = act.name();
    if let Expected::Done(expected) = expected
        && let aspects = aspects(expected, observed)
        && !aspects.is_empty()
    {
        return aspects.into_iter().map(|aspect| format!("{about}: {aspect}")).collect();
    }
    let counted = if precedence == Precedence::First { 1 } else { usize::MAX };
    let instead_of = match expected {
        Expected::Done(_) => "done".to_owned(),
        Expected::Refused(reasons) => {
            reasons.iter().take(counted).map(|reason| format!("{reason:?}")).collect::<Vec<_>>().join(OR)
        }
    };
    let observed = match observed {
        Observed::Refused(refusal) => format!("{refusal:?}"),
        Observed::Strange(_) => "no answer to what was asked".to_owned(),
        Observed::IdRepeated(_) => "an id that was handed out before".to_owned(),
        _ => "done".to_owned(),
    };
    vec![format!("{about}: {observed}{NOT}{instead_of}")]
}

const NOT: &str = ", not ";
const OR: &str = " or ";

/// Whether a difference is known: in these words, or with some of its reasons.
pub(super) fn is_known(difference: &str, known: &BTreeSet<String>) -> bool {
    let Some((observed, reasons)) = difference.split_once(NOT) else { return known.contains(difference) };
    let reasons: BTreeSet<_> = reasons.split(OR).collect();
    let explains = |known: &String| match known.split_once(NOT) {
        Some((found, some)) => found == observed && some.split(OR).all(|reason| reasons.contains(reason)),
        None => false,
    };
    known.iter().any(explains)
}

impl Onward {
    pub(super) fn after(act: &Act, expected: &Expected, observed: &Observed) -> Self {
        match (expected, observed) {
            (Expected::Refused(_), Observed::Refused(_)) => Self::AsExpected,
            (Expected::Done(_), Observed::Refused(_)) => Self::Untaken,
            _ if act.only_reads() => Self::AsExpected,
            (Expected::Done(Observed::PartStored(_)), Observed::PartStored(_))
            | (Expected::Done(Observed::Completed(_)), Observed::Completed(_)) => Self::AsExpected,
            _ => Self::Nowhere,
        }
    }
}

/// What differs between two answers of the same kind.
fn aspects(expected: &Observed, observed: &Observed) -> Vec<&'static str> {
    let differing = |aspects: &[(bool, &'static str)]| {
        aspects.iter().filter(|(differs, _)| *differs).map(|(_, aspect)| *aspect).collect()
    };
    let truncated = |observed| if observed { "more entries promised" } else { "no more entries promised" };
    match (expected, observed) {
        (Observed::PartStored(_), Observed::PartStored(_)) | (Observed::Completed(_), Observed::Completed(_)) => {
            vec!["another entity tag"]
        }
        (Observed::Object(_), Observed::Object(_)) => vec!["other bytes"],
        (Observed::ObjectSize(_), Observed::ObjectSize(_)) => vec!["another size"],
        (Observed::Parts(a), Observed::Parts(b)) => {
            let sorted = |numbers: &[u32]| numbers.iter().copied().collect::<BTreeSet<_>>();
            let numbers = [&a.parts, &b.parts].map(|parts| parts.iter().map(|part| part.number).collect::<Vec<_>>());
            let [a_numbers, b_numbers] = &numbers;
            let other = sorted(a_numbers) != sorted(b_numbers) || a_numbers.len() != b_numbers.len();
            let of_both = |differ: fn(_, _) -> bool| {
                a.parts.iter().any(|a| b.parts.iter().any(|b| a.number == b.number && differ(a, b)))
            };
            differing(&[
                (other, "other parts"),
                (!other && a_numbers != b_numbers, "parts out of order"),
                (of_both(|a: &super::PartSeen, b: &super::PartSeen| a.size != b.size), "other sizes"),
                (of_both(|a: &super::PartSeen, b: &super::PartSeen| a.etag != b.etag), "other entity tags"),
                (a.truncated != b.truncated, truncated(b.truncated)),
                (a.truncated && b.truncated && a.next != b.next, "the next page starts elsewhere"),
            ])
        }
        (Observed::Uploads(a), Observed::Uploads(b)) => differing(&[
            (a.uploads != b.uploads, "other uploads"),
            (a.prefixes != b.prefixes, "other rolled-up prefixes"),
            (a.truncated != b.truncated, truncated(b.truncated)),
            (a.truncated && b.truncated && a.next != b.next, "the next page starts elsewhere"),
        ]),
        _ => Vec::new(),
    }
}

impl Act {
    /// What is asked for, in words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Initiate { .. } => "initiate",
            Self::UploadPart { .. } => "upload part",
            Self::UploadPartCopy { .. } => "upload part copy",
            Self::Complete { .. } => "complete",
            Self::Abort { .. } => "abort",
            Self::ListParts { .. } => "list parts",
            Self::ListUploads(_) => "list uploads",
            Self::PutObject { .. } => "put object",
            Self::GetObject => "get object",
            Self::HeadObject => "head object",
            Self::DeleteObject => "delete object",
        }
    }

    /// Whether it leaves everything as it is.
    pub fn only_reads(&self) -> bool {
        matches!(self, Self::ListParts { .. } | Self::ListUploads(_) | Self::GetObject | Self::HeadObject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{PartSeen, PartsSeen, Refusal, script::Id};

    fn words(act: &Act, expected: &Expected, observed: &Observed) -> Vec<String> {
        differences(act, expected, observed, Precedence::Any)
    }

    #[test]
    fn a_refusal_is_told_from_what_it_should_have_been() {
        let abort = Act::Abort { id: Id::Unknown };
        let reasons = vec![Refusal::NO_SUCH_BUCKET, Refusal::NO_SUCH_UPLOAD];
        let (expected, observed) = (Expected::Refused(reasons), Observed::Refused(Refusal::ACCESS_DENIED));
        let found = words(&abort, &expected, &observed);
        assert_eq!(found, ["abort: 403 AccessDenied, not 404 NoSuchBucket or 404 NoSuchUpload"]);
        let first = differences(&abort, &expected, &observed, Precedence::First);
        assert_eq!(first, ["abort: 403 AccessDenied, not 404 NoSuchBucket"]);
        let found = words(&abort, &expected, &Observed::Aborted);
        assert_eq!(found, ["abort: done, not 404 NoSuchBucket or 404 NoSuchUpload"]);
    }

    #[test]
    fn a_difference_is_known_by_some_of_its_reasons() {
        let known = |words: &str| BTreeSet::from([words.to_owned()]);
        let found = "abort: 403 AccessDenied, not 404 NoSuchBucket or 404 NoSuchUpload";
        for words in [found, "abort: 403 AccessDenied, not 404 NoSuchUpload"] {
            assert!(is_known(found, &known(words)), "{words}");
        }
        let others =
            ["abort: 403 AccessDenied, not done", "abort: done, not 404 NoSuchUpload", "abort: 403 AccessDenied"];
        for words in others.into_iter().chain(["abort: 403 AccessDenied, not 404 NoSuchUpload or 404 NoSuchKey"]) {
            assert!(!is_known(found, &known(words)), "{words}");
        }
        assert!(is_known("list parts: other sizes", &known("list parts: other sizes")));
    }

    #[test]
    fn a_page_is_told_by_each_respect_in_which_it_differs() {
        let page = |numbers: &[u32], etag: &str| {
            let part = |number: &u32| PartSeen { number: *number, size: 1, etag: etag.to_owned() };
            Observed::Parts(PartsSeen { parts: numbers.iter().map(part).collect(), ..PartsSeen::default() })
        };
        let list = Act::ListParts { id: Id::Of(0), after: 0, max: None };
        let expected = Expected::Done(page(&[1, 2], "x"));
        assert_eq!(
            words(&list, &expected, &page(&[2, 1], "")),
            ["list parts: parts out of order", "list parts: other entity tags"]
        );
        assert_eq!(words(&list, &expected, &page(&[1], "x")), ["list parts: other parts"]);
    }
}
