//! From a script that fails to the shortest that still does.

use std::collections::{BTreeMap, BTreeSet};

use super::script::{Act, Body, Bucket, Id, Key, Script, Size, Source, Step, UploadsAsked, Who};

/// A step, and what goes with it: a script of some kind is a list of these.
pub(super) trait Line: Clone {
    fn step(&self) -> &Step;
    fn step_mut(&mut self) -> &mut Step;
}

impl Line for Step {
    fn step(&self) -> &Step {
        self
    }

    fn step_mut(&mut self) -> &mut Step {
        self
    }
}

impl Script {
    /// Scripts that are simpler in one respect, the boldest first: whole stretches of steps left out, then single ones made
    /// plainer. Taking the first that still fails, again and again, ends with the shortest.
    pub fn simpler(&self) -> impl Iterator<Item = Self> + use<> {
        let weight = self.weight();
        let candidates = simpler(&self.steps).into_iter().map(|steps| Self { steps });
        candidates.filter(move |candidate| candidate.weight() < weight)
    }

    /// What makes a script simple: few steps, little text, letters and numbers that come early.
    fn weight(&self) -> (usize, usize, String) {
        let text = self.to_rust();
        (self.steps.len(), text.len(), text)
    }
}

/// Lists that may be simpler in one respect, the boldest first.
pub(super) fn simpler<L: Line>(lines: &[L]) -> Vec<Vec<L>> {
    let mut candidates = with_stretches_left_out(lines);
    candidates.extend(plainer(lines));
    candidates
}

fn with_stretches_left_out<L: Line>(lines: &[L]) -> Vec<Vec<L>> {
    let length = lines.len();
    let mut candidates = Vec::new();
    let mut stretch = length;
    while stretch > 0 {
        for from in (0..length).step_by(stretch) {
            let to = (from + stretch).min(length);
            candidates.push([&lines[..from], &lines[to..]].concat());
        }
        stretch /= 2;
    }
    candidates
}

/// Single steps made plainer, and everything that is the same thing throughout made plainer at once.
fn plainer<L: Line>(lines: &[L]) -> Vec<Vec<L>> {
    let mut candidates = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        for plainer in plainer_steps(line.step()) {
            let mut lines = lines.to_vec();
            *lines[at].step_mut() = plainer;
            candidates.push(lines);
        }
    }
    let steps = || lines.iter().map(Line::step);
    let keys: BTreeSet<Key> =
        steps().flat_map(|step| step.clone().keys_mut().map(|key| *key).collect::<Vec<_>>()).collect();
    for key in keys {
        candidates.extend((0..key.0).map(|plainer| {
            mapped(lines, |step| step.keys_mut().filter(|own| **own == key).for_each(|own| *own = Key(plainer)))
        }));
    }
    candidates.push(mapped(lines, |step| {
        for bucket in step.buckets_mut().filter(|bucket| **bucket == Bucket::Other) {
            *bucket = Bucket::Home;
        }
    }));
    let bodies: BTreeSet<Body> = steps().flat_map(bodies_of).collect();
    for body in bodies {
        let plainer =
            [Body { letter: 'a', ..body }, Body { size: Size::Enough, ..body }, Body { size: Size::Empty, ..body }];
        candidates.extend(plainer.map(|plainer| mapped(lines, |step| replace_body(step, body, plainer))));
    }
    let new_names: BTreeMap<u32, u32> = steps().filter_map(name_of).zip(0..).collect();
    candidates.push(mapped(lines, |step| rename(step, &new_names)));
    candidates
}

fn mapped<L: Line>(lines: &[L], change: impl Fn(&mut Step)) -> Vec<L> {
    let mut lines = lines.to_vec();
    lines.iter_mut().for_each(|line| change(line.step_mut()));
    lines
}

fn name_of(step: &Step) -> Option<u32> {
    match step.act {
        Act::Initiate { name } => Some(name),
        _ => None,
    }
}

fn plainer_steps(step: &Step) -> Vec<Step> {
    let mut plainer = vec![
        Step { who: Who::Owner, ..step.clone() },
        Step { key: Key(0), ..step.clone() },
        Step { bucket: Bucket::Home, ..step.clone() },
    ];
    let acts = match &step.act {
        Act::UploadPart { id, body, .. } => vec![Act::UploadPart { id: *id, number: 1, body: *body }],
        Act::UploadPartCopy { id, number, source } => {
            let (id, number, source) = (*id, *number, *source);
            vec![
                Act::UploadPartCopy { id, number: 1, source },
                Act::UploadPartCopy { id, number, source: Source { range: None, ..source } },
                Act::UploadPartCopy { id, number, source: Source { key: Key(0), ..source } },
                Act::UploadPartCopy { id, number, source: Source { bucket: Bucket::Home, ..source } },
            ]
        }
        Act::Complete { id, parts } => (0..parts.len())
            .map(|left_out| {
                let mut parts = parts.clone();
                parts.remove(left_out);
                Act::Complete { id: *id, parts }
            })
            .collect(),
        Act::ListParts { id, after, max } => {
            let (id, after, max) = (*id, *after, *max);
            vec![Act::ListParts { id, after: 0, max }, Act::ListParts { id, after, max: None }]
        }
        Act::ListUploads(asked) => {
            let asked = asked.clone();
            let plainer = [
                UploadsAsked { prefix: String::new(), ..asked.clone() },
                UploadsAsked { rolled_up: false, ..asked.clone() },
                UploadsAsked { after: None, after_upload: None, ..asked.clone() },
                UploadsAsked { after_upload: None, ..asked.clone() },
                UploadsAsked { max: None, ..asked },
            ];
            plainer.map(Act::ListUploads).to_vec()
        }
        _ => Vec::new(),
    };
    plainer.extend(acts.into_iter().map(|act| Step { act, ..step.clone() }));
    plainer
}

fn bodies_of(step: &Step) -> Vec<Body> {
    match &step.act {
        Act::UploadPart { body, .. } | Act::PutObject { body } => vec![*body],
        _ => Vec::new(),
    }
}

fn replace_body(step: &mut Step, from: Body, to: Body) {
    use super::script::Tag;
    match &mut step.act {
        Act::UploadPart { body, .. } | Act::PutObject { body } if *body == from => *body = to,
        Act::Complete { parts, .. } => {
            parts.iter_mut().filter(|part| part.tag == Tag::Of(from)).for_each(|part| part.tag = Tag::Of(to));
        }
        _ => {}
    }
}

fn rename(step: &mut Step, names: &BTreeMap<u32, u32>) {
    if let Act::Initiate { name } = &mut step.act {
        *name = names[name];
    }
    if let Some(id) = step.act.id_mut()
        && let Id::Of(name) = id
    {
        // One that nothing initiates any more is as good as unknown.
        *id = names.get(name).map_or(Id::Unknown, |name| Id::Of(*name));
    }
}
