//! Between the model's symbols and a target's strings: takes the steps of one script on a target.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use parking_lot::Mutex;

use super::{
    model::Model,
    rules::Rules,
    script::{Act, Bucket, Id, Listed, Script, Step, Tag, Who},
    seen::{Bytes, Observed, UploadSeen, UploadsSeen},
    target::{Ask, Call, Reply, Scope, Target, UploadsPage, UploadsPageAsked},
};

/// One script being played on a target. Steps may be taken one after the other or several at once.
pub struct Session<'t, T> {
    target: &'t T,
    prefix: String,
    known: Mutex<Known>,
}

/// What a script has made so far.
#[derive(Default)]
struct Known {
    /// Ids by the name the script gives them.
    ids: BTreeMap<u32, String>,
    /// Where uploads are and who initiated them, by id.
    uploads: BTreeMap<String, (u32, Who, Bucket, String)>,
    /// Objects that may be there.
    objects: BTreeSet<(Bucket, String)>,
}

impl<'t, T: Target> Session<'t, T> {
    /// Begins. Its keys start with the target's prefix and `room`, so that no two sessions meet.
    pub fn new(target: &'t T, room: &str) -> Self {
        let prefix = format!("{}{room}/", target.scope().key_prefix);
        Self { target, prefix, known: Mutex::default() }
    }

    /// Takes a step. None if the target cannot do such a thing.
    pub async fn take(&self, step: &Step) -> Option<Observed> {
        let reply = self.target.call(self.call(step)).await;
        if let Reply::Failed(why) = &reply
            && let Some(gone) = self.unreachable(why).await
        {
            return Some(gone);
        }
        self.observe(step, reply)
    }

    /// What a call that failed shows, if the target cannot be reached any more.
    pub(super) async fn unreachable(&self, why: &str) -> Option<Observed> {
        let gone = self.target.preflight().await.err()?;
        Some(Observed::Unreachable(if gone == why { gone } else { format!("{why}; then {gone}") }))
    }

    /// The step as it can be taken now: an id that was not handed out yet is one that never was.
    pub fn resolved(&self, step: &Step) -> Step {
        let mut step = step.clone();
        let known = self.known.lock();
        if let Some(id) = step.act.id_mut()
            && let Id::Of(name) = id
            && !known.ids.contains_key(name)
        {
            *id = Id::Unknown;
        }
        step
    }

    /// The id an upload got, by the name the script gives it.
    pub fn id(&self, name: u32) -> Option<String> {
        self.known.lock().ids.get(&name).cloned()
    }

    /// Tells the model under which id a step's upload was initiated, if it was.
    pub fn teach(&self, model: &mut Model, step: &Step) {
        if let Act::Initiate { name } = step.act
            && let Some(id) = self.id(name)
        {
            model.learn(name, &id);
        }
    }

    /// What a step asks of the target.
    pub fn call(&self, step: &Step) -> Call {
        let rules = &self.scope().rules;
        let min = rules.min_part_size;
        let key = format!("{}{}", self.prefix, step.key.name());
        if matches!(step.act, Act::PutObject { .. } | Act::Complete { .. }) {
            self.known.lock().objects.insert((step.bucket, key.clone()));
        }
        let ask = match &step.act {
            Act::Initiate { .. } => Ask::Initiate,
            Act::UploadPart { id, number, body } => {
                Ask::UploadPart { upload_id: self.text(*id), number: *number, body: body.bytes(min).into() }
            }
            Act::UploadPartCopy { id, number, source } => Ask::UploadPartCopy {
                upload_id: self.text(*id),
                number: *number,
                source: source.bucket,
                key: format!("{}{}", self.prefix, source.key.name()),
                range: source.range.map(|(first, last)| (first.bytes(min), last.bytes(min))),
            },
            Act::Complete { id, parts } => {
                let parts = parts.iter().map(|part| listed(rules, part)).collect();
                Ask::Complete { upload_id: self.text(*id), parts }
            }
            Act::Abort { id } => Ask::Abort { upload_id: self.text(*id) },
            Act::ListParts { id, after, max } => Ask::ListParts { upload_id: self.text(*id), after: *after, max: *max },
            Act::ListUploads(asked) => Ask::ListUploads(UploadsPageAsked {
                prefix: format!("{}{}", self.prefix, asked.prefix),
                delimiter: asked.rolled_up.then_some('/'),
                key_marker: asked.after.as_ref().map(|key| format!("{}{key}", self.prefix)),
                upload_id_marker: asked.after_upload.map(|id| self.text(id)),
                max: asked.max,
            }),
            Act::PutObject { body } => Ask::PutObject { body: body.bytes(min).into() },
            Act::GetObject => Ask::GetObject,
            Act::HeadObject => Ask::HeadObject,
            Act::DeleteObject => Ask::DeleteObject,
        };
        let key = if matches!(ask, Ask::ListUploads(_)) { String::new() } else { key };
        Call { who: step.who, bucket: step.bucket, key, ask }
    }

    /// What a target's reply to a step means. None if it cannot do such a thing.
    pub fn observe(&self, step: &Step, reply: Reply) -> Option<Observed> {
        Some(match (&step.act, reply) {
            (_, Reply::Unsupported) => return None,
            (_, Reply::Refused(refusal)) => Observed::Refused(refusal),
            (Act::Initiate { name }, Reply::UploadId(id)) => self.initiated(*name, step, id),
            (Act::UploadPart { .. } | Act::UploadPartCopy { .. }, Reply::Stored(tag)) => {
                Observed::PartStored(tag.map(|tag| bare(&tag)))
            }
            (Act::Complete { .. }, Reply::Stored(tag)) => Observed::Completed(tag.map(|tag| bare(&tag))),
            (Act::Abort { .. }, Reply::Done) => Observed::Aborted,
            (Act::ListParts { .. }, Reply::Parts(mut page)) => {
                page.parts.iter_mut().for_each(|part| part.etag = bare(&part.etag));
                Observed::Parts(page)
            }
            (Act::ListUploads(_), Reply::Uploads(page)) => Observed::Uploads(self.uploads_seen(page)),
            (Act::PutObject { .. }, Reply::Stored(_)) => Observed::ObjectStored,
            (Act::GetObject, Reply::Object(bytes)) => Observed::Object(Bytes(bytes.into())),
            (Act::HeadObject, Reply::Size(size)) => Observed::ObjectSize(size),
            (Act::DeleteObject, Reply::Done) => Observed::ObjectDeleted,
            (_, Reply::Failed(why)) => Observed::Strange(why),
            (_, other) => Observed::Strange(format!("{other:?}")),
        })
    }

    /// Gives up what the script has made: aborts its uploads and deletes its objects, and nothing else. What is refused
    /// was gone.
    pub async fn clean_up(self) {
        let Known { uploads, objects, .. } = self.known.into_inner();
        let may_all = self.target.scope().principals.contains(&Who::Owner);
        for (upload_id, (_, initiator, bucket, key)) in uploads {
            let who = if may_all { Who::Owner } else { initiator };
            self.target.call(Call { who, bucket, key, ask: Ask::Abort { upload_id } }).await;
        }
        for (bucket, key) in objects {
            self.target.call(Call { who: Who::Owner, bucket, key, ask: Ask::DeleteObject }).await;
        }
    }

    fn scope(&self) -> &'t Scope {
        self.target.scope()
    }

    fn initiated(&self, name: u32, step: &Step, id: String) -> Observed {
        let mut known = self.known.lock();
        if known.uploads.contains_key(&id) {
            return Observed::IdRepeated(id);
        }
        known.ids.insert(name, id.clone());
        let key = format!("{}{}", self.prefix, step.key.name());
        known.uploads.insert(id, (name, step.who, step.bucket, key));
        Observed::Initiated
    }

    fn text(&self, id: Id) -> String {
        match id {
            Id::Of(name) => self.id(name).unwrap_or_else(|| Id::UNKNOWN.to_owned()),
            Id::Unknown => Id::UNKNOWN.to_owned(),
            Id::Malformed => Id::MALFORMED.to_owned(),
            Id::Empty => String::new(),
        }
    }

    fn uploads_seen(&self, page: UploadsPage) -> UploadsSeen {
        let known = self.known.lock();
        let seen = |id: String| match known.uploads.get(&id) {
            Some((name, ..)) => UploadSeen::Of(*name),
            None => UploadSeen::Foreign(id),
        };
        let relative = |key: String| key.strip_prefix(&self.prefix).map(str::to_owned).unwrap_or(key);
        let next = page.next.map(|(key, id)| (relative(key), id.filter(|id| !id.is_empty()).map(seen)));
        UploadsSeen {
            uploads: page.uploads.into_iter().map(|(key, id)| (relative(key), seen(id))).collect(),
            prefixes: page.prefixes.into_iter().map(relative).collect(),
            truncated: page.truncated,
            next,
        }
    }
}

impl<T> fmt::Debug for Session<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("prefix", &self.prefix)
            .field("ids", &self.known.lock().ids)
            .finish_non_exhaustive()
    }
}

impl Script {
    /// The names its steps give to uploads.
    pub fn names(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().filter_map(|step| match step.act {
            Act::Initiate { name } => Some(name),
            _ => None,
        })
    }
}

fn listed(rules: &Rules, part: &Listed) -> (u32, String) {
    let tag = match &part.tag {
        Tag::Of(body) => rules.part_tag(*body),
        Tag::OfText(text) => rules.text_tag(text),
        Tag::Wrong => "0".repeat(32),
    };
    (part.number, tag)
}

/// An entity tag without its quotes.
fn bare(tag: &str) -> String {
    tag.trim().trim_matches('"').to_owned()
}
