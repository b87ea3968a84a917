//! What there is against a step: all the reasons, in the order they are looked at. The bucket comes first, then whether one
//! may, then the parameters, then the upload, then what is in it.

use super::{Model, Place, State, Upload};
use crate::conformance::{
    rules::{Again, Flaws, ListRead, MayAbort, MayWrite, PageBeyond, Rules},
    script::{Act, Bucket, Id, Listed, Source, Step, Tag, Who},
    seen::Refusal,
};

impl Model {
    pub(super) fn reasons_against(&self, step: &Step) -> Vec<Refusal> {
        let rules = &*self.rules;
        let place = (step.bucket, step.key.name());
        let mut against = Against::default();
        against.unless(step.bucket != Bucket::Missing, &Refusal::NO_SUCH_BUCKET);
        against.unless(self.may(step.who, &step.act), &Refusal::ACCESS_DENIED);
        match &step.act {
            Act::Initiate { .. } | Act::PutObject { .. } | Act::DeleteObject => {}
            Act::UploadPart { id, number, .. } => {
                against.unless(is_part_number(*number), &Refusal::INVALID_ARGUMENT);
                self.upload_is_open(&mut against, *id, place);
                against.unless(self.may_write(step.who, *id), &Refusal::ACCESS_DENIED);
            }
            Act::UploadPartCopy { id, number, source } => {
                against.unless(is_part_number(*number), &Refusal::INVALID_ARGUMENT);
                range_ascends(&mut against, rules, source);
                self.upload_is_open(&mut against, *id, place);
                against.unless(self.may_write(step.who, *id), &Refusal::ACCESS_DENIED);
                self.source_is_there(&mut against, step.who, source);
            }
            Act::Complete { id, parts } => {
                // A head is looked at before its body.
                against.unless(*id != Id::Empty, &rules.empty_id);
                if rules.list_read == ListRead::BeforeLookup {
                    list_is_sound(&mut against, rules, parts);
                }
                self.upload_is_open(&mut against, *id, place);
                against.unless(self.may_write(step.who, *id), &Refusal::ACCESS_DENIED);
                if rules.list_read == ListRead::AfterLookup {
                    list_is_sound(&mut against, rules, parts);
                }
                self.list_is_stored(&mut against, *id, parts);
            }
            Act::Abort { id } => {
                self.upload_can_be_aborted(&mut against, *id, place);
                against.unless(self.may_abort(step.who, *id), &Refusal::ACCESS_DENIED);
            }
            Act::ListParts { id, max, .. } => {
                // A parameter that is not given comes before one that is wrong.
                against.unless(*id != Id::Empty, &rules.empty_id_listing);
                against.unless(is_page(rules, *max), &Refusal::INVALID_ARGUMENT);
                if *id != Id::Empty {
                    self.upload_is_open(&mut against, *id, place);
                }
            }
            Act::ListUploads(asked) => against.unless(is_page(rules, asked.max), &Refusal::INVALID_ARGUMENT),
            Act::GetObject | Act::HeadObject => {
                against.unless(self.objects.contains_key(&place), &Refusal::NO_SUCH_KEY);
            }
        }
        against.0
    }

    /// Whether somebody may do this, as far as it shows before the upload is looked for.
    fn may(&self, who: Who, act: &Act) -> bool {
        let aborts = matches!(act, Act::Abort { .. });
        match who {
            Who::Owner => true,
            _ if aborts && self.rules.abort != MayAbort::Granted => true,
            Who::Writer => !aborts,
            Who::Stranger | Who::Anonymous => false,
        }
    }

    /// An upload that there is not is nobody's.
    fn may_write(&self, who: Who, id: Id) -> bool {
        self.rules.write == MayWrite::Granted || self.named(id).is_none_or(|upload| upload.initiator == who)
    }

    fn may_abort(&self, who: Who, id: Id) -> bool {
        match self.rules.abort {
            MayAbort::Granted => true,
            MayAbort::InitiatorOrOwner => who == Who::Owner || self.initiated(who, id),
            MayAbort::Initiator => self.initiated(who, id),
        }
    }

    fn initiated(&self, who: Who, id: Id) -> bool {
        self.named(id).is_some_and(|upload| upload.initiator == who)
    }

    fn upload_is_open(&self, against: &mut Against, id: Id, place: Place) {
        let open = self.named(id).is_some_and(|upload| upload.place == place && upload.is_open());
        self.upload_is(against, id, open);
    }

    /// An upload that was aborted can be aborted again as long as parts of it linger.
    fn upload_can_be_aborted(&self, against: &mut Against, id: Id, place: Place) {
        let again = self.rules.abort_again == Again::Succeeds;
        let alive = |upload: &Upload| match &upload.state {
            State::Open(_) => true,
            State::Aborted(lingering) => again || !lingering.is_empty(),
            State::Completed => false,
        };
        let alive = self.named(id).is_some_and(|upload| upload.place == place && alive(upload));
        self.upload_is(against, id, alive);
    }

    fn upload_is(&self, against: &mut Against, id: Id, there: bool) {
        match id {
            Id::Empty => against.put(&self.rules.empty_id),
            _ => against.unless(there, &Refusal::NO_SUCH_UPLOAD),
        }
    }

    /// The source of a copy is an object that one may read, and its range ends within it.
    fn source_is_there(&self, against: &mut Against, who: Who, source: &Source) {
        against.unless(source.bucket != Bucket::Missing, &Refusal::NO_SUCH_BUCKET);
        against.unless(self.may(who, &Act::GetObject), &Refusal::ACCESS_DENIED);
        let Some(object) = self.objects.get(&source.place()) else { return against.put(&Refusal::NO_SUCH_KEY) };
        let beyond = source.bytes(self.rules.min_part_size).is_some_and(|(_, last)| last >= object.len());
        if let Some(refusal) = self.rules.range_beyond.as_ref().filter(|_| beyond) {
            against.put(refusal);
        }
    }

    /// Each listed part is stored as it is listed, and all but the last are large enough.
    fn list_is_stored(&self, against: &mut Against, id: Id, listed: &[Listed]) {
        let Some(parts) = self.named(id).and_then(Upload::parts) else { return };
        let min = self.rules.min_part_size;
        let is_stored = |part: &Listed| match (parts.get(&part.number), &part.tag) {
            (Some(stored), Tag::Of(body)) => *stored == body.text(min),
            (Some(stored), Tag::OfText(text)) => stored == text,
            _ => false,
        };
        let is_small = |part: &Listed| parts.get(&part.number).is_some_and(|stored| stored.len() < min);
        let missing = listed.iter().position(|part| !is_stored(part));
        let small = listed.iter().take(listed.len().saturating_sub(1)).position(is_small);
        // `None` is less than any place.
        let small_first = self.rules.flaws == Flaws::AsListed && small.is_some() && small < missing;
        against.unless(!small_first, &Refusal::TOO_SMALL);
        against.unless(missing.is_none(), &Refusal::INVALID_PART);
        against.unless(small.is_none(), &Refusal::TOO_SMALL);
    }
}

/// Reasons, each once.
#[derive(Default)]
struct Against(Vec<Refusal>);

impl Against {
    fn unless(&mut self, holds: bool, reason: &Refusal) {
        if !holds {
            self.put(reason);
        }
    }

    fn put(&mut self, reason: &Refusal) {
        if !self.0.contains(reason) {
            self.0.push(reason.clone());
        }
    }
}

fn is_part_number(number: u32) -> bool {
    (1..=Rules::MAX_PART_NUMBER).contains(&number)
}

fn is_page(rules: &Rules, max: Option<u32>) -> bool {
    rules.page_beyond == PageBeyond::Capped || max.is_none_or(|max| (1..=Rules::MAX_PAGE).contains(&max))
}

fn range_ascends(against: &mut Against, rules: &Rules, source: &Source) {
    let reversed = source.bytes(rules.min_part_size).is_some_and(|(first, last)| first > last);
    if let Some(refusal) = rules.range_reversed.as_ref().filter(|_| reversed) {
        against.put(refusal);
    }
}

/// The list has parts, with numbers that are some, each higher than the one before.
fn list_is_sound(against: &mut Against, rules: &Rules, listed: &[Listed]) {
    against.unless(!listed.is_empty(), &rules.empty_list);
    against.unless(listed.iter().all(|part| is_part_number(part.number)), &rules.listed_number);
    let ascends = listed.windows(2).all(|pair| pair[0].number < pair[1].number);
    against.unless(ascends, &Refusal::INVALID_PART_ORDER);
}
