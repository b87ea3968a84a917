//! What shows of a fake from outside, and what the model says should show.

use std::collections::BTreeMap;

use fake_bucket::{ExchangeEnd, Fake, Op, Snapshot};

use crate::model::{End, Ended, Sent, State, WHOLE, World};

/// What shows of a fake.
#[derive(Debug, PartialEq)]
pub struct Shown {
    exchanges: Vec<Row>,
    uploads: Vec<String>,
    objects: BTreeMap<String, (u64, bool)>,
    buckets: usize,
}

/// What shows of an exchange.
#[derive(Debug, PartialEq)]
struct Row {
    number: u64,
    who: Option<String>,
    op: Option<Op>,
    key: Option<String>,
    part: Option<u16>,
    received: u64,
    held: Option<String>,
    spoiled: Option<String>,
    applied: bool,
    lingering: bool,
    end: Option<String>,
}

impl Shown {
    pub fn of_fake(fake: &Fake, state: &Snapshot) -> Self {
        let row = |exchange: fake_bucket::ExchangeRecord| Row {
            number: exchange.number,
            applied: exchange.applied.is_some(),
            end: exchange.end.as_ref().map(end_of_fake),
            who: exchange.principal,
            op: exchange.operation,
            key: exchange.key,
            part: exchange.part_number,
            received: exchange.received,
            held: exchange.held,
            spoiled: exchange.fault,
            lingering: exchange.lingering,
        };
        let uploads = state.uploads.iter().map(|upload| {
            let (text, _) =
                upload.to_string().rsplit_once("  (id ").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("an id");
            let parts: Vec<_> = upload.parts().iter().map(|part| (part.number, part.size)).collect();
            format!("{text} {parts:?}")
        });
        let objects = state.objects.iter();
        Self {
            exchanges: fake.journal().into_iter().map(row).collect(),
            uploads: uploads.collect(),
            objects: objects.map(|it| (it.key.clone(), (it.size, it.upload_id.is_some()))).collect(),
            buckets: state.buckets.len(),
        }
    }

    pub fn of_world(world: &World) -> Self {
        let current = world.requests.iter().filter(|request| request.generation == world.generation);
        let row = |request: &Sent| Row {
            number: request.number,
            who: request.who.map(|who| who.name().to_owned()),
            op: request.op,
            key: request.key.map(str::to_owned),
            part: request.part,
            received: request.received,
            held: request.held.map(|at| format!("{at:?}")),
            spoiled: request.spoiled.clone(),
            applied: request.applied,
            lingering: request.lingering,
            end: request.end.map(|end| format!("{end:?}")),
        };
        let uploads = world.uploads.iter().zip(0..).filter(|(upload, _)| upload.generation == world.generation);
        Self {
            exchanges: current.map(row).collect(),
            uploads: uploads.map(|(_, at)| upload_of_world(world, at)).collect(),
            objects: world
                .objects
                .iter()
                .map(|(key, object)| ((*key).to_owned(), (object.times * WHOLE, object.upload.is_some())))
                .collect(),
            buckets: usize::from(world.bucket),
        }
    }

    /// The first thing that differs.
    pub fn difference(&self, found: &Self) -> String {
        for at in 0..self.exchanges.len().max(found.exchanges.len()) {
            let (expected, found) = (self.exchanges.get(at), found.exchanges.get(at));
            if expected != found {
                return format!("found    {found:?}\nexpected {expected:?}");
            }
        }
        if self.uploads != found.uploads {
            return format!("uploads: {:#?}\nexpected: {:#?}", found.uploads, self.uploads);
        }
        format!("{:?}, {} buckets\nexpected {:?}, {}", found.objects, found.buckets, self.objects, self.buckets)
    }
}

fn end_of_fake(end: &ExchangeEnd) -> String {
    let end = match end {
        ExchangeEnd::Answered { status, .. } => End::Answered(*status),
        ExchangeEnd::Refused { status, code, .. } => return format!("Refused({status}, {code:?})"),
        ExchangeEnd::Undelivered { status, code, .. } => return format!("Undelivered({status}, {code:?})"),
        ExchangeEnd::Unmodelled { .. } => End::Unmodelled,
        ExchangeEnd::Abandoned => End::Abandoned,
        ExchangeEnd::Reset => End::Reset,
        ExchangeEnd::Cut => End::Cut,
        ExchangeEnd::ReplyLost { status, .. } => End::ReplyLost(*status),
        end => return format!("{end:?}"),
    };
    format!("{end:?}")
}

/// An upload in the words of the timeline, without its id, and its parts.
fn upload_of_world(world: &World, at: usize) -> String {
    let upload = &world.uploads[at];
    let numbers = |numbers: &[u16]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (mut text, parts) = (
        format!("{}, initiated by {}: ", upload.key, upload.initiator.name()),
        match &upload.state {
            State::Open(parts) | State::Aborted { lingering: parts, .. } => parts.clone(),
            State::Completed { .. } => BTreeMap::new(),
        },
    );
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let by = |request: usize| format!("#{}", world.requests[request].number);
    match &upload.state {
        State::Open(parts) => {
            let bytes = parts.values().sum::<u64>() * WHOLE;
            text.push_str(&format!("OPEN with {} stored part{}, {bytes} B", parts.len(), plural(parts.len())));
        }
        State::Completed { by: request, used, unused } => {
            let by = request.map_or("the test".to_owned(), by);
            text.push_str(&format!("completed by {by} from {} part{}", used.len(), plural(used.len())));
            if !unused.is_empty() {
                text.push_str(&format!("; unused: {}", numbers(unused)));
            }
        }
        State::Aborted { by: ended, freed, lingering } => {
            text.push_str(&match ended {
                Ended::Client(request) => format!("aborted by {}", by(*request)),
                Ended::Test => "aborted by the test".to_owned(),
                Ended::Lifecycle => "aborted by a lifecycle rule".to_owned(),
                Ended::BucketGone => "gone with its bucket".to_owned(),
            });
            if !freed.is_empty() {
                text.push_str(&format!(", freed: {}", numbers(freed)));
            }
            if !lingering.is_empty() {
                text.push_str(&format!("; LINGERING: {}", numbers(&lingering.keys().copied().collect::<Vec<_>>())));
            }
        }
    }
    let flying = world.parts_in_flight(at);
    if flying > 0 {
        text.push_str(&format!("; {flying} part{} in flight", plural(flying)));
    }
    let parts: Vec<_> = parts.iter().map(|(number, times)| (*number, times * WHOLE)).collect();
    format!("{text} {parts:?}")
}
