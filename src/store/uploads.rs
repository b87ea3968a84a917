//! Every upload there ever was: in the order they were initiated, and by id.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Index,
    sync::Arc,
};

use super::{Ticket, Upload, UploadId};

/// They are listed by key and in the order they came in, never by id: to find one, the tree holds fingerprints of the ids. A
/// tree of the ids themselves would read one somewhere else in memory at every step down.
#[derive(Clone, Debug, Default)]
pub(super) struct Uploads {
    in_order: Vec<Arc<Upload>>,
    /// A fingerprint, and a place in that order. Ids may share one.
    fingerprints: BTreeSet<(u64, usize)>,
}

impl Uploads {
    /// All of them, in the order they were initiated.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Upload>> {
        self.in_order.iter()
    }

    /// The place in that order which the next one takes, from 1.
    pub fn next_sequence(&self) -> u64 {
        self.in_order.len() as u64 + 1
    }

    /// One more, which takes that place.
    pub fn push(&mut self, upload: Upload) {
        self.fingerprints.insert((fingerprint(upload.id.as_str()), self.in_order.len()));
        self.in_order.push(Arc::new(upload));
    }

    /// The one of this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Upload>> {
        self.position(id).map(|position| &self.in_order[position])
    }

    /// The same, to change it. One that a snapshot is reading is copied first, and the copy changed.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Upload> {
        self.position(id).map(|position| Arc::make_mut(&mut self.in_order[position]))
    }

    /// The one a part in flight belongs to; none if it went with the store that let the part in.
    pub fn of(&self, ticket: &Ticket) -> Option<&Arc<Upload>> {
        self.in_order.get(ticket.position()).filter(|upload| upload.id == ticket.upload)
    }

    /// The same, to change it.
    pub fn of_mut(&mut self, ticket: &Ticket) -> Option<&mut Upload> {
        let upload = self.in_order.get_mut(ticket.position()).filter(|upload| upload.id == ticket.upload)?;
        Some(Arc::make_mut(upload))
    }

    fn position(&self, id: &str) -> Option<usize> {
        let fingerprint = fingerprint(id);
        let alike = self.fingerprints.range((fingerprint, 0)..=(fingerprint, usize::MAX));
        alike.map(|(_, position)| *position).find(|position| self.in_order[*position].id.as_str() == id)
    }
}

/// An upload that is known to be there, by its id.
impl Index<&UploadId> for Uploads {
    type Output = Arc<Upload>;

    fn index(&self, id: &UploadId) -> &Arc<Upload> {
        self.get(id.as_str()).expect("an upload that is there")
    }
}

fn fingerprint(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
