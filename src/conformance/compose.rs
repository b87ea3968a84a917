//! Scripts out of dice: right steps and wrong ones, as likely as each other. What is right is asked of the model, which
//! walks along.

use std::{
    iter::StepBy,
    ops::{RangeFrom, RangeInclusive},
};

use proptest::{collection::vec, num::u128, strategy::Strategy};

use super::{
    model::Model,
    rules::{MayAbort, MayWrite, Rules},
    script::{Act, Body, Bucket, Id, Key, Listed, Script, Size, Source, Step, Tag, Text, UploadsAsked, Who},
    target::Scope,
};

/// Scripts of about that many steps that stay within a scope, to be used with `proptest!` or through
/// [`check`](super::check). Each ends by looking at everything that is left.
pub fn scripts(scope: &Scope, steps: RangeInclusive<usize>) -> impl Strategy<Value = Script> + use<> {
    let scope = scope.clone();
    vec(u128::ANY, steps).prop_map(move |rolls| {
        let mut composer = Composer::new(&scope);
        rolls.into_iter().for_each(|roll| composer.add(Dice(roll)));
        composer.close()
    })
}

/// Luck, to be spent.
pub(super) struct Dice(pub(super) u128);

impl Dice {
    /// One of `0..sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        let sides = sides as u128;
        let rolled = self.0 % sides;
        self.0 /= sides;
        rolled as usize
    }

    pub(super) fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == sides - 1
    }

    pub(super) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())].clone()
    }
}

/// An upload that was initiated, ended or not.
#[derive(Clone, Copy)]
struct Initiated {
    name: u32,
    who: Who,
    bucket: Bucket,
    key: Key,
}

#[derive(Clone)]
pub(super) struct Composer<'s> {
    scope: &'s Scope,
    model: Model,
    uploads: Vec<Initiated>,
    names: StepBy<RangeFrom<u32>>,
    /// How many of the uploads others know too.
    shared: usize,
    steps: Vec<Step>,
}

const NUMBERS: [u32; 6] = [1, 2, 3, 4, 7, Rules::MAX_PART_NUMBER];

impl<'s> Composer<'s> {
    pub(super) fn new(scope: &'s Scope) -> Self {
        Self {
            scope,
            model: Model::outline(scope.rules.clone()),
            uploads: Vec::new(),
            names: (0..).step_by(1),
            shared: 0,
            steps: Vec::new(),
        }
    }

    fn add(&mut self, mut dice: Dice) {
        let open = self.open();
        let mut step = match !open.is_empty() && dice.one_in(8) {
            true => self.upload_part_copy(oldest(&open, &mut dice), &mut dice),
            false => self.right(&mut dice),
        };
        if dice.one_in(2) {
            self.spoil(&mut step, &mut dice);
            // Two faults in one step show which of them is looked at first.
            if dice.one_in(4) {
                self.spoil(&mut step, &mut dice);
            }
        }
        self.put(step);
    }

    /// Initiates an upload, then mostly sends parts.
    pub(super) fn set_scene(&mut self, rolls: impl Iterator<Item = Dice>) {
        for mut dice in rolls {
            let open = self.open();
            let step = match open.is_empty() || dice.one_in(6) {
                true => self.initiate(&mut dice),
                false => self.upload_part(dice.of(&open), &mut dice),
            };
            self.put(step);
        }
    }

    /// The steps so far.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// One of so many that go on from here, each as if it were alone: they give no name twice.
    pub(super) fn alone(&self, which: usize, of: usize) -> Self {
        let mut names = self.names.clone();
        let first = names.nth(which).expect("names do not run out");
        Self { names: (first..).step_by(of), shared: self.uploads.len(), ..self.clone() }
    }

    /// The next step, a right one mostly, and often about an upload that others know too.
    pub(super) fn next(&mut self, mut dice: Dice) -> Step {
        let mut shared = self.open();
        shared.retain(|upload| self.uploads[..self.shared].iter().any(|known| known.name == upload.name));
        let mut step = match shared.is_empty() || dice.one_in(3) {
            true => self.right(&mut dice),
            false => self.contended(dice.of(&shared), &mut dice),
        };
        if dice.one_in(6) {
            self.spoil(&mut step, &mut dice);
        }
        self.put(step.clone());
        step
    }

    fn contended(&self, upload: Initiated, dice: &mut Dice) -> Step {
        match dice.roll(6) {
            0..=2 => self.upload_part(upload, dice),
            3..=4 => self.complete(upload, dice),
            _ => self.abort(upload, dice),
        }
    }

    fn put(&mut self, step: Step) {
        if let Act::Initiate { name } = step.act {
            self.names.next();
            self.uploads.push(Initiated { name, who: step.who, bucket: step.bucket, key: step.key });
        }
        self.model.step(&step);
        self.steps.push(step);
    }

    /// Looks at everything that is left.
    fn close(mut self) -> Script {
        for Initiated { name, who, bucket, key } in self.open() {
            self.put(Step::list_parts(who, key, Id::Of(name), 0, None).in_bucket(bucket));
        }
        for bucket in self.real_buckets() {
            self.put(Step::list_uploads(Who::Owner, UploadsAsked::default()).in_bucket(bucket));
            for key in Key::ALL {
                self.put(Step::get(Who::Owner, key).in_bucket(bucket));
            }
        }
        Script { steps: self.steps }
    }

    fn right(&self, dice: &mut Dice) -> Step {
        let open = self.open();
        match dice.roll(32) {
            0..=4 => self.initiate(dice),
            _ if open.is_empty() && dice.one_in(2) => self.initiate(dice),
            5..=12 if !open.is_empty() => self.upload_part(oldest(&open, dice), dice),
            13..=17 if !open.is_empty() => self.complete(oldest(&open, dice), dice),
            18..=20 if !open.is_empty() => {
                self.abort(if dice.one_in(4) { dice.of(&self.uploads) } else { dice.of(&open) }, dice)
            }
            21..=23 if !open.is_empty() => {
                let upload = oldest(&open, dice);
                let after = dice.of(&[0, 0, 1, 2, 6, Rules::MAX_PART_NUMBER, 99_999]);
                let max = dice.of(&[None, Some(1), Some(2), Some(Rules::MAX_PAGE)]);
                let step = Step::list_parts(self.member(dice), upload.key, Id::Of(upload.name), after, max);
                step.in_bucket(upload.bucket)
            }
            24..=27 => self.list_uploads(dice),
            28 => Step::put(self.member(dice), dice.of(&Key::ALL), body(dice)).in_bucket(self.bucket(dice)),
            29 => Step::delete(self.member(dice), dice.of(&Key::ALL)).in_bucket(self.bucket(dice)),
            30 => self.at_object(Step::head(self.member(dice), Key(0)), dice),
            _ => self.at_object(Step::get(self.member(dice), Key(0)), dice),
        }
    }

    fn initiate(&self, dice: &mut Dice) -> Step {
        let name = self.names.clone().next().expect("names do not run out");
        Step::initiate(self.member(dice), dice.of(&Key::ALL), name).in_bucket(self.bucket(dice))
    }

    fn upload_part(&self, upload: Initiated, dice: &mut Dice) -> Step {
        let who = self.may_write(upload, dice);
        let step = Step::upload_part(who, upload.key, Id::Of(upload.name), dice.of(&NUMBERS), body(dice));
        step.in_bucket(upload.bucket)
    }

    /// Copies an object that is there, if there is one; mostly a range that it has.
    fn upload_part_copy(&self, upload: Initiated, dice: &mut Dice) -> Step {
        let objects: Vec<_> = self.model.objects().collect();
        let Some((bucket, name, text)) = objects.get(dice.roll(objects.len().max(1))) else {
            return Step::put(self.member(dice), dice.of(&Key::ALL), body(dice)).in_bucket(self.bucket(dice));
        };
        let mut source = Source::of(key_named(name)).in_bucket(*bucket);
        let min = self.model.rules().min_part_size;
        let within: Vec<_> = Size::ALL.into_iter().filter(|size| size.bytes(min) < text.len()).collect();
        if !within.is_empty() && !dice.one_in(3) {
            let (one, other) = (dice.of(&within), dice.of(&within));
            source = source.range(one.min(other), one.max(other));
        }
        let who = self.may_write(upload, dice);
        let step = Step::upload_part_copy(who, upload.key, Id::Of(upload.name), dice.of(&NUMBERS), source);
        step.in_bucket(upload.bucket)
    }

    /// Completes from parts that are there, not always large enough, or sends one if there are none.
    fn complete(&self, upload: Initiated, dice: &mut Dice) -> Step {
        let mut parts: Vec<_> = self.model.parts(upload.name).collect();
        if dice.one_in(3) {
            parts.retain(|_| !dice.one_in(3));
        }
        let Some((last, _)) = parts.last().copied() else { return self.upload_part(upload, dice) };
        let min = self.model.rules().min_part_size;
        if !dice.one_in(3) {
            parts.retain(|(number, text)| *number == last || text.len() >= min);
        }
        let who = self.may_write(upload, dice);
        let parts = parts.into_iter().map(|(number, text)| (number, tag_of(text, min)));
        Step::complete(who, upload.key, Id::Of(upload.name), parts).in_bucket(upload.bucket)
    }

    fn abort(&self, upload: Initiated, dice: &mut Dice) -> Step {
        let who = match self.scope.rules.abort {
            MayAbort::Granted => Who::Owner,
            MayAbort::InitiatorOrOwner => dice.of(&[Who::Owner, upload.who]),
            MayAbort::Initiator => upload.who,
        };
        Step::abort(who, upload.key, Id::Of(upload.name)).in_bucket(upload.bucket)
    }

    fn list_uploads(&self, dice: &mut Dice) -> Step {
        let max = dice.of(&[None, Some(1), Some(2), Some(2), Some(3), Some(Rules::MAX_PAGE)]);
        if !self.uploads.is_empty() && dice.one_in(3) {
            return self.list_uploads_after(dice.of(&self.uploads), max, dice);
        }
        let prefix = dice.of(&["", "", "a", "a/", "a/b", "b", "c"]).to_owned();
        let rolled_up = dice.one_in(4);
        let markers = [None, None, None, Some("a"), Some("a/"), Some("a/b"), Some("a/c"), Some("b"), Some("c")];
        let after = dice.of(&markers).map(str::to_owned);
        let after_upload = dice.one_in(3).then(|| self.any_id(dice));
        let asked = UploadsAsked { prefix, rolled_up, after, after_upload, max };
        Step::list_uploads(self.member(dice), asked).in_bucket(self.bucket(dice))
    }

    /// The page that begins where one ended: at an upload that there is, or was.
    fn list_uploads_after(&self, upload: Initiated, max: Option<u32>, dice: &mut Dice) -> Step {
        let (after, after_upload) = (Some(upload.key.name().to_owned()), Some(Id::Of(upload.name)));
        let asked = UploadsAsked { after, after_upload, max, rolled_up: dice.one_in(4), ..UploadsAsked::default() };
        Step::list_uploads(self.member(dice), asked).in_bucket(upload.bucket)
    }

    /// The same about an object that is there, if there is one.
    fn at_object(&self, step: Step, dice: &mut Dice) -> Step {
        let objects: Vec<_> = self.model.objects().map(|(bucket, name, _)| (bucket, name)).collect();
        if objects.is_empty() {
            return step;
        }
        let (bucket, name) = dice.of(&objects);
        Step { key: key_named(name), ..step }.in_bucket(bucket)
    }

    /// Makes a step wrong, or at least another one, in one respect.
    fn spoil(&self, step: &mut Step, dice: &mut Dice) {
        let own = 1 + usize::from(matches!(step.act, Act::Complete { .. } | Act::UploadPartCopy { .. })) * 3;
        match dice.roll(5 + own) {
            0 => step.who = dice.of(&self.scope.principals),
            1 => step.key = dice.of(&Key::ALL),
            2 => step.bucket = dice.of(&self.scope.buckets),
            3 | 4 => self.spoil_id(step, dice),
            _ => self.spoil_own(step, dice),
        }
    }

    /// Another upload's id, or none: with the other upload's own place, or left where it is.
    fn spoil_id(&self, step: &mut Step, dice: &mut Dice) {
        let in_its_place = !dice.one_in(3);
        let chosen = self.any_id(dice);
        let is_of_an_upload = step.id().is_some();
        let Some(id) = step.act.id_mut().filter(|_| is_of_an_upload) else {
            step.who = dice.of(&self.scope.principals);
            return;
        };
        *id = chosen;
        let upload = self.uploads.iter().find(|upload| Id::Of(upload.name) == chosen);
        if let Some(upload) = upload.filter(|_| in_its_place) {
            (step.bucket, step.key) = (upload.bucket, upload.key);
        }
    }

    /// Makes wrong what only such a step has: a number, a source, a list, a page.
    fn spoil_own(&self, step: &mut Step, dice: &mut Dice) {
        match &mut step.act {
            Act::UploadPart { number, .. } => *number = dice.of(&[0, Rules::MAX_PART_NUMBER + 1]),
            Act::UploadPartCopy { number, source, .. } => match dice.roll(6) {
                0 => *number = dice.of(&[0, Rules::MAX_PART_NUMBER + 1]),
                1 => source.key = dice.of(&Key::ALL),
                2 => source.bucket = dice.of(&self.scope.buckets),
                _ => source.range = Some((dice.of(&Size::ALL), dice.of(&Size::ALL))),
            },
            Act::Complete { parts, .. } => spoil_list(parts, dice),
            Act::ListParts { max, .. } | Act::ListUploads(UploadsAsked { max, .. }) => {
                *max = dice.of(&[Some(0), Some(Rules::MAX_PAGE + 1)]);
            }
            _ => step.key = dice.of(&Key::ALL),
        }
    }

    fn any_id(&self, dice: &mut Dice) -> Id {
        let ids: Vec<_> = self.uploads.iter().map(|upload| Id::Of(upload.name)).collect();
        match ids.is_empty() || dice.one_in(4) {
            true => dice.of(&[Id::Unknown, Id::Malformed, Id::Empty]),
            false => dice.of(&ids),
        }
    }

    fn open(&self) -> Vec<Initiated> {
        let open: Vec<_> = self.model.open().map(|(name, ..)| name).collect();
        self.uploads.iter().filter(|upload| open.contains(&upload.name)).copied().collect()
    }

    /// Somebody who may do everything but, perhaps, abort.
    fn member(&self, dice: &mut Dice) -> Who {
        match self.scope.principals.contains(&Who::Writer) {
            true => dice.of(&[Who::Owner, Who::Writer]),
            false => Who::Owner,
        }
    }

    fn may_write(&self, upload: Initiated, dice: &mut Dice) -> Who {
        match self.scope.rules.write {
            MayWrite::Granted => self.member(dice),
            MayWrite::Initiator => upload.who,
        }
    }

    fn bucket(&self, dice: &mut Dice) -> Bucket {
        match self.scope.buckets.contains(&Bucket::Other) {
            true => dice.of(&[Bucket::Home, Bucket::Home, Bucket::Home, Bucket::Other]),
            false => Bucket::Home,
        }
    }

    fn real_buckets(&self) -> Vec<Bucket> {
        self.scope.buckets.iter().copied().filter(|bucket| *bucket != Bucket::Missing).collect()
    }
}

/// Mostly the one that has been open for longest, so that parts gather.
fn oldest(open: &[Initiated], dice: &mut Dice) -> Initiated {
    if dice.one_in(3) { dice.of(open) } else { open[0] }
}

fn body(dice: &mut Dice) -> Body {
    let sizes = [Size::Enough, Size::Enough, Size::Enough, Size::More, Size::Small, Size::Small, Size::Empty];
    Body::of(dice.of(&['a', 'b', 'c']), dice.of(&sizes))
}

/// The tag of a part with this text, by a body's name if one has it.
fn tag_of(text: &Text, min_part_size: u64) -> Tag {
    let letter = text.runs().next().map_or('a', |(letter, _)| letter);
    let mut bodies = Size::ALL.into_iter().map(|size| Body::of(letter, size));
    match bodies.find(|body| body.text(min_part_size) == *text) {
        Some(body) => Tag::Of(body),
        None => Tag::OfText(text.clone()),
    }
}

fn key_named(name: &str) -> Key {
    Key::ALL.into_iter().find(|key| key.name() == name).expect("a key of the list")
}

fn spoil_list(parts: &mut Vec<Listed>, dice: &mut Dice) {
    let at = dice.roll(parts.len().max(1));
    let Some(part) = parts.get(at).cloned() else { return };
    let number = part.number;
    match dice.roll(8) {
        0 => parts.clear(),
        1 => parts[at].tag = Tag::Wrong,
        2 => parts[at].tag = Tag::Of(body(dice)),
        3 => parts.insert(at, part),
        4 => parts.reverse(),
        5 => parts[at].number = dice.of(&[0, Rules::MAX_PART_NUMBER + 1]),
        6 => parts.push(Listed { number: number + 1, tag: Tag::Wrong }),
        // A part that may be there and too small.
        _ => parts.insert(at, Listed { number: dice.of(&NUMBERS), tag: Tag::Of(body(dice)) }),
    }
}
