//! The reference model: what a store of multipart uploads is, and what it answers, one rule after the other. It is pure and
//! cheap to clone and to compare, shares nothing with the fakes' own store, and is meant to be read beside the provider's
//! pages.

mod judge;
mod listing;
mod tags;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use super::{
    rules::{Late, Rules},
    script::{Act, Body, Bucket, Id, Listed, Source, Step, Text, Who},
    seen::{Bytes, Expected, Observed, Refusal},
};
use tags::completed_tag;

/// A store, as the rules of a provider have it.
///
/// ```
/// use fake_bucket::{Provider, conformance::{Id, Key, Model, Refusal, Rules, Step, Who}};
///
/// let mut obs = Model::new(Rules::of(Provider::Obs));
/// assert!(obs.step(&Step::initiate(Who::Writer, Key(0), 7)).is_done());
/// assert!(obs.step(&Step::abort(Who::Owner, Key(0), Id::Of(7))).is_done());
/// let again = obs.step(&Step::abort(Who::Owner, Key(0), Id::Of(7)));
/// assert_eq!(again.reasons(), [Refusal::NO_SUCH_UPLOAD]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    rules: Arc<Rules>,
    detail: Detail,
    uploads: BTreeMap<u32, Upload>,
    objects: BTreeMap<Place, Text>,
}

/// What the answers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Detail {
    Full,
    /// All but entity tags and an object's bytes, which cost time where parts are large.
    Outline,
}

/// A bucket and the name of a key.
type Place = (Bucket, &'static str);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Upload {
    place: Place,
    initiator: Who,
    /// The id it got, which decides where among the uploads of its key it is listed.
    id: String,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Open(BTreeMap<u32, Text>),
    /// And the numbers of the parts that came late and linger.
    Aborted(BTreeSet<u32>),
    Completed,
}

/// A part in flight: it was let in, and has yet to land.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flight {
    name: u32,
    number: u32,
    body: Body,
}

impl Model {
    /// An empty store.
    pub fn new(rules: Rules) -> Self {
        Self { rules: Arc::new(rules), detail: Detail::Full, uploads: BTreeMap::new(), objects: BTreeMap::new() }
    }

    /// One that only walks along: nobody reads the entity tags and bytes in its answers, and there are none.
    pub(super) fn outline(rules: Rules) -> Self {
        Self { detail: Detail::Outline, ..Self::new(rules) }
    }

    /// The rules it goes by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes a step, and says what it is to be answered. Refused means unchanged. A part lands at once.
    pub fn step(&mut self, step: &Step) -> Expected {
        if let Act::UploadPart { .. } = step.act {
            return match self.admit(step) {
                Ok(flight) => self.land(&flight),
                Err(reasons) => Expected::Refused(reasons),
            };
        }
        match self.reasons_against(step) {
            reasons if reasons.is_empty() => Expected::Done(self.take(step)),
            reasons => Expected::Refused(reasons),
        }
    }

    /// Lets a part in. It is in flight until it lands.
    ///
    /// # Errors
    /// With the reasons to refuse it, in the order they are looked at.
    ///
    /// # Panics
    /// If the step sends no part.
    pub fn admit(&self, step: &Step) -> Result<Flight, Vec<Refusal>> {
        assert!(matches!(step.act, Act::UploadPart { .. }), "the step sends no part: {step}");
        let reasons = self.reasons_against(step);
        Flight::of(step).filter(|_| reasons.is_empty()).ok_or(reasons)
    }

    /// Lands a part that was let in: its last byte is there. Its upload may have ended meanwhile. Under [`Late::Either`] a
    /// late part lingers; [`Model::land_as`] allows both outcomes.
    pub fn land(&mut self, flight: &Flight) -> Expected {
        let late = if self.rules.late_parts == Late::Either { Late::Lingers } else { self.rules.late_parts };
        self.land_late(flight, late)
    }

    /// Lands a part as [`Model::land`] does. Under [`Late::Either`] a late part lingers, unless it was observed to be refused.
    pub fn land_as(&mut self, flight: &Flight, observed: &Observed) -> Expected {
        let late = match (self.rules.late_parts, observed) {
            (Late::Either, Observed::Refused(_)) => Late::Fails,
            (Late::Either, _) => Late::Lingers,
            (late, _) => late,
        };
        self.land_late(flight, late)
    }

    fn land_late(&mut self, flight: &Flight, late: Late) -> Expected {
        let Flight { name, number, body } = *flight;
        match self.uploads.get_mut(&name).map(|upload| &mut upload.state) {
            Some(State::Open(parts)) => {
                parts.insert(number, body.text(self.rules.min_part_size));
            }
            Some(State::Aborted(lingering)) if late == Late::Lingers => {
                lingering.insert(number);
            }
            _ => return Expected::Refused(vec![Refusal::NO_SUCH_UPLOAD]),
        }
        Expected::Done(Observed::PartStored(Some(self.tag(&body.text(self.rules.min_part_size)))))
    }

    /// Tells under which id an upload was initiated. Ids decide in which order the uploads of a key are listed.
    pub fn learn(&mut self, name: u32, id: &str) {
        if let Some(upload) = self.uploads.get_mut(&name) {
            id.clone_into(&mut upload.id);
        }
    }

    /// The uploads that are open, by name: where each is, and who initiated it.
    pub fn open(&self) -> impl Iterator<Item = (u32, Bucket, &'static str, Who)> {
        let open = self.uploads.iter().filter(|(_, upload)| upload.is_open());
        open.map(|(name, upload)| (*name, upload.place.0, upload.place.1, upload.initiator))
    }

    /// Whether a part in flight has lost its upload.
    pub fn is_late(&self, flight: &Flight) -> bool {
        !self.uploads.get(&flight.name).is_some_and(Upload::is_open)
    }

    /// The parts of an open upload: numbers and bytes.
    pub fn parts(&self, name: u32) -> impl Iterator<Item = (u32, &Text)> {
        let parts = self.uploads.get(&name).and_then(Upload::parts);
        parts.into_iter().flatten().map(|(number, text)| (*number, text))
    }

    /// Whether parts that came late linger: they are stored, and no listing shows them.
    pub fn lingers(&self) -> bool {
        self.uploads.values().any(|upload| matches!(&upload.state, State::Aborted(late) if !late.is_empty()))
    }

    /// The objects: where each is, and its bytes.
    pub fn objects(&self) -> impl Iterator<Item = (Bucket, &'static str, &Text)> {
        self.objects.iter().map(|((bucket, key), text)| (*bucket, *key, text))
    }

    /// Takes a step that there is nothing against.
    fn take(&mut self, step: &Step) -> Observed {
        let place = (step.bucket, step.key.name());
        match &step.act {
            Act::Initiate { name } => {
                let id = format!("{name:010}");
                let state = State::Open(BTreeMap::new());
                self.uploads.insert(*name, Upload { place, initiator: step.who, id, state });
                Observed::Initiated
            }
            Act::UploadPart { .. } => unreachable!("a part is let in and lands"),
            Act::UploadPartCopy { id, number, source } => self.copy_part(*id, *number, source),
            Act::Complete { id, parts } => self.complete(*id, place, parts),
            Act::Abort { id } => {
                if let Some(upload) = self.named_mut(*id) {
                    upload.state = State::Aborted(BTreeSet::new());
                }
                Observed::Aborted
            }
            Act::ListParts { id, after, max } => Observed::Parts(self.parts_page(*id, *after, *max)),
            Act::ListUploads(asked) => Observed::Uploads(self.uploads_page(step.bucket, asked)),
            Act::PutObject { body } => {
                self.objects.insert(place, body.text(self.rules.min_part_size));
                Observed::ObjectStored
            }
            Act::GetObject => Observed::Object(Bytes(match self.detail {
                Detail::Full => self.objects[&place].bytes(),
                Detail::Outline => Vec::new(),
            })),
            Act::HeadObject => Observed::ObjectSize(self.objects[&place].len()),
            Act::DeleteObject => {
                self.objects.remove(&place);
                Observed::ObjectDeleted
            }
        }
    }

    /// What the source has now becomes a part; the source stays as it is.
    fn copy_part(&mut self, id: Id, number: u32, source: &Source) -> Observed {
        let object = &self.objects[&source.place()];
        let text = match source.bytes(self.rules.min_part_size) {
            Some((first, last)) if first <= last && last < object.len() => object.range(first, last),
            _ => object.clone(),
        };
        let tag = self.tag(&text);
        let Some(State::Open(parts)) = self.named_mut(id).map(|upload| &mut upload.state) else {
            unreachable!("an upload that was judged to be open")
        };
        parts.insert(number, text);
        Observed::PartStored(Some(tag))
    }

    /// What is listed becomes the object; the rest of the upload is dropped.
    fn complete(&mut self, id: Id, place: Place, listed: &[Listed]) -> Observed {
        let upload = self.named_mut(id).expect("an upload that was judged to be open");
        let State::Open(parts) = mem::replace(&mut upload.state, State::Completed) else {
            unreachable!("an upload that was judged to be open")
        };
        let parts: Vec<&Text> = listed.iter().map(|part| &parts[&part.number]).collect();
        self.objects.insert(place, Text::of(parts.iter().flat_map(|part| part.runs())));
        Observed::Completed(match self.detail {
            Detail::Full => completed_tag(&self.rules, &parts),
            Detail::Outline => None,
        })
    }

    fn tag(&self, text: &Text) -> String {
        match self.detail {
            Detail::Full => self.rules.text_tag(text),
            Detail::Outline => String::new(),
        }
    }

    fn named(&self, id: Id) -> Option<&Upload> {
        let Id::Of(name) = id else { return None };
        self.uploads.get(&name)
    }

    fn named_mut(&mut self, id: Id) -> Option<&mut Upload> {
        let Id::Of(name) = id else { return None };
        self.uploads.get_mut(&name)
    }
}

impl Flight {
    /// What is in flight once a step was let in; none if it sends no part, or to no upload.
    pub(super) fn of(step: &Step) -> Option<Self> {
        match step.act {
            Act::UploadPart { id: Id::Of(name), number, body } => Some(Self { name, number, body }),
            _ => None,
        }
    }
}

impl Source {
    fn place(&self) -> Place {
        (self.bucket, self.key.name())
    }

    /// The range in bytes: its first and its last.
    fn bytes(&self, min_part_size: u64) -> Option<(u64, u64)> {
        self.range.map(|(first, last)| (first.bytes(min_part_size), last.bytes(min_part_size)))
    }
}

impl Upload {
    fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    fn parts(&self) -> Option<&BTreeMap<u32, Text>> {
        match &self.state {
            State::Open(parts) => Some(parts),
            _ => None,
        }
    }
}
