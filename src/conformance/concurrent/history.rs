//! What happened in a race: each step, when it was begun and answered, and what was observed; shown as a timeline.

use std::{collections::BTreeMap, fmt};

use super::race::Lane;
use crate::conformance::{
    script::Act,
    script::{Bucket, Id, Step},
    seen::Observed,
};

/// What happened. Moments are counted, not timed: one that is lower came before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// The steps that were taken.
    pub taken: Vec<Taken>,
    /// Ids of the uploads that were initiated, by name.
    pub ids: BTreeMap<u32, String>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// By whom.
    pub lane: Lane,
    /// The step, its id an unknown one if it had not been handed out when the step began.
    pub step: Step,
    /// What was observed.
    pub observed: Observed,
    /// When it began.
    pub begun: u64,
    /// By when it was let in, if it was; when it was answered, if nothing else is known.
    pub let_in_by: u64,
    /// From when on it could have an effect: the end of its body was held back until then. That may have been never.
    pub effect_from: u64,
    /// By when it had its effect; when it was answered, if nothing else is known.
    pub effect_by: u64,
    /// When it was answered.
    pub answered: u64,
}

impl Taken {
    /// Whether it changed nothing, whenever it took effect: it was refused, or is of a kind that only looks.
    pub(super) fn only_looks(&self) -> bool {
        use Observed::{Object, ObjectSize, Parts, Refused, Uploads};
        matches!(self.observed, Refused(_) | Parts(_) | Uploads(_) | Object(_) | ObjectSize(_))
    }

    /// Whether both were under way at the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.begun < other.answered && other.begun < self.answered
    }
}

impl History {
    /// The steps that were under way while others were.
    pub fn overlapping(&self) -> usize {
        let overlaps = |at: usize, one: &Taken| {
            self.taken.iter().enumerate().any(|(other_at, other)| at != other_at && one.overlaps(other))
        };
        self.taken.iter().enumerate().filter(|(at, one)| overlaps(*at, one)).count()
    }

    /// The histories it falls into: no step of one has to do with a key or an upload of another. A store is right about
    /// the whole if it is right about each.
    ///
    /// # Source
    /// Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects", TOPLAS 12 (1990), theorem 1:
    /// linearizability is local.
    pub fn parted(&self) -> Vec<Self> {
        let mut parts: Vec<(Vec<Subject>, Vec<Taken>)> = Vec::new();
        for taken in &self.taken {
            let mut subjects = self.subjects(taken);
            let touches = |part: &(Vec<Subject>, _)| part.0.iter().any(|subject| subjects.contains(subject));
            let (touched, untouched): (Vec<_>, Vec<_>) = parts.into_iter().partition(touches);
            let mut together = Vec::new();
            for (others, earlier) in touched {
                subjects.extend(others);
                together.extend(earlier);
            }
            together.push(taken.clone());
            subjects.sort_unstable();
            subjects.dedup();
            parts = untouched;
            parts.push((subjects, together));
        }
        let part = |(_, mut taken): (_, Vec<Taken>)| {
            taken.sort_by_key(|taken| taken.begun);
            Self { taken, ids: self.ids.clone() }
        };
        parts.into_iter().map(part).collect()
    }

    /// What a step has to do with: its key, the upload it names; a listing of uploads, with all of its bucket.
    fn subjects(&self, Taken { step, .. }: &Taken) -> Vec<Subject> {
        let named = |step: &Step| match step.act {
            Act::Initiate { name } => Some(Subject::Upload(name)),
            _ => match step.act.clone().id_mut() {
                Some(Id::Of(name)) => Some(Subject::Upload(*name)),
                _ => None,
            },
        };
        let key = |step: &Step| Subject::Key(step.bucket, step.key.name());
        let lists = matches!(step.act, Act::ListUploads(_));
        let whole =
            self.taken.iter().filter(|other| lists && other.step.bucket == step.bucket).map(|other| key(&other.step));
        named(step).into_iter().chain([key(step)]).chain(whole).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Key(Bucket, &'static str),
    Upload(u32),
}

/// A timeline: a line for each step, by client; a bar from its beginning to its answer, `┼` where the end of its body was
/// let go.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut moments: Vec<u64> =
            self.taken.iter().flat_map(|taken| [taken.begun, taken.let_go(), taken.answered]).collect();
        moments.sort_unstable();
        moments.dedup();
        let column = |moment: u64| moments.binary_search(&moment).expect("a moment of the history");
        let mut taken: Vec<&Taken> = self.taken.iter().collect();
        taken.sort_by_key(|taken| (taken.lane, taken.begun));
        for one in taken {
            let (begun, let_go, answered) = (column(one.begun), column(one.let_go()), column(one.answered));
            let bar: String = (0..moments.len())
                .map(|at| match at {
                    _ if at == begun => '├',
                    _ if at == answered => '┤',
                    _ if at == let_go => '┼',
                    _ if begun < at && at < answered => '─',
                    _ => '·',
                })
                .collect();
            writeln!(f, "  {:<8} {bar}  {} -> {}", one.lane.to_string(), one.step, one.observed)?;
        }
        Ok(())
    }
}

impl Taken {
    /// When what was held back of it was let go: between its beginning and its end, or at its beginning.
    fn let_go(&self) -> u64 {
        if self.effect_from < self.answered { self.effect_from } else { self.begun }
    }
}
