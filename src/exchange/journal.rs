//! What happened: every exchange, from its arrival to its end, in the order of both.
//!
//! An exchange is [`Live`] while it is in flight and an [`Entry`] afterwards. Every exchange becomes an entry: answered,
//! refused, unmodelled, malformed, cut off. The entry is written before the reply leaves.
//!
//! The journal keeps the latest entries, up to a limit, and counts the others.

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroU64,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::gate::At;
use crate::{
    dialect::row::ErrorRow,
    sharing::{AtomicBool, AtomicU64, Mutex, MutexGuard},
    store::{BucketName, ObjectKey, Op, PartNumber, Principal, Timestamp, UploadId},
};

/// What is known of an exchange, as far as it was understood.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whom it acts as.
    pub principal: Option<Principal>,
    /// What it asks for.
    pub op: Option<Op>,
    /// The bucket.
    pub bucket: Option<BucketName>,
    /// The key.
    pub key: Option<ObjectKey>,
    /// The upload.
    pub upload: Option<UploadId>,
    /// The part number.
    pub number: Option<PartNumber>,
    /// The tick at which the store applied or refused it. Ticks count from 1.
    pub judged: Option<NonZeroU64>,
    /// Whether the store applied it.
    pub done: bool,
    /// Whether it left a part behind that lingers.
    pub lingering: bool,
    remarks: Option<Box<Remarks>>,
}

/// What is to be said of few exchanges: the others are to take less room, of which there is one for each request ever sent.
#[derive(Clone, Debug, Default)]
struct Remarks {
    fault: Option<Box<str>>,
    note: Option<Box<str>>,
}

impl Facts {
    /// The tick at which the store applied it; `None` if the store refused it or never saw it.
    pub fn applied(&self) -> Option<NonZeroU64> {
        self.judged.filter(|_| self.done)
    }

    /// What was made to go wrong with it.
    pub fn fault(&self) -> Option<&str> {
        self.remarks.as_ref()?.fault.as_deref()
    }

    /// Words for whoever reads the timeline.
    pub fn words(&self) -> Option<&str> {
        self.remarks.as_ref()?.note.as_deref()
    }

    /// Says what was made to go wrong with it.
    pub fn spoil(&mut self, fault: impl Into<Box<str>>) {
        self.remarks.get_or_insert_default().fault = Some(fault.into());
    }

    /// Says something of it.
    pub fn say(&mut self, words: impl Into<Box<str>>) {
        self.remarks.get_or_insert_default().note = Some(words.into());
    }

    /// Shortens names and notes that are longer than any that the store could have taken.
    fn shorten(&mut self) {
        if let Some(name) = self.bucket.as_ref().and_then(|bucket| shortened(bucket.as_str())) {
            self.bucket = Some(BucketName::new(name));
        }
        if let Some(name) = self.key.as_ref().and_then(|key| shortened(key.as_str())) {
            self.key = Some(ObjectKey::new(name));
        }
        if let Some(name) = self.upload.as_ref().and_then(|upload| shortened(upload.as_str())) {
            self.upload = Some(UploadId::new(name));
        }
        if let Some(note) = self.words().and_then(shortened) {
            self.say(note);
        }
    }
}

/// Bytes of a name or a note that are kept. No provider allows longer keys.
const KEPT_BYTES: usize = 1024;

/// The beginning of a text that is too long to be kept, and how much is missing.
fn shortened(text: &str) -> Option<String> {
    let whole = (0..=KEPT_BYTES.min(text.len())).rfind(|at| text.is_char_boundary(*at));
    let kept = &text[..whole.unwrap_or_default()];
    (kept.len() < text.len()).then(|| format!("{kept}.. and {} bytes more", text.len() - kept.len()))
}

/// An exchange in flight.
#[derive(Debug)]
pub struct Live {
    /// Its number, in order of arrival, from 1.
    pub number: u64,
    /// When it arrived, in ticks.
    pub arrived: u64,
    /// When it arrived, by the store's clock.
    pub at: Timestamp,
    /// How many resets came before it.
    pub generation: u64,
    received: AtomicU64,
    /// Whether its connection ended before it had a response.
    is_alone: AtomicBool,
    held: Mutex<Option<At>>,
    facts: Mutex<Facts>,
}

impl Live {
    /// A gate holds it here, or none does.
    pub fn hold(&self, at: Option<At>) {
        *self.held.lock() = at;
    }

    /// Where a gate holds it, if one does.
    pub fn held(&self) -> Option<At> {
        *self.held.lock()
    }

    /// What is known of it so far.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock()
    }

    /// Bytes of its body that have arrived.
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// More bytes arrived. Returns how many there are now.
    pub fn receive(&self, bytes: u64) -> u64 {
        self.received.fetch_add(bytes, Relaxed) + bytes
    }
}

/// An exchange that is over.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, in order of arrival, from 1.
    pub number: u64,
    /// When it arrived, in ticks: each arrival, application and end is one tick of the fake.
    pub arrived: u64,
    /// When it ended, in ticks.
    pub ended: u64,
    /// When it arrived, by the store's clock.
    pub at: Timestamp,
    /// What was understood of it.
    pub facts: Facts,
    /// Bytes of its body that arrived.
    pub received: u64,
    /// How it ended.
    pub end: End,
}

/// How an exchange ended.
#[derive(Clone, Debug)]
pub enum End {
    /// It was answered.
    Answered(u16),
    /// It was refused, as this row of the provider's table words it.
    Refused(&'static ErrorRow),
    /// It was refused with this status and this code, which are in no table.
    RefusedSo(u16, Arc<str>),
    /// It was not modelled.
    Unmodelled(&'static ErrorRow),
    /// It was no HTTP.
    Malformed,
    /// The client went away before its request was complete, or before it was answered.
    Abandoned,
    /// Its connection was reset by the fake.
    Reset,
    /// Its connection was ended by a fault, and nothing was done.
    Cut,
    /// It was carried out, or refused, but its reply never arrived whole: the status it would have had.
    ReplyLost(u16),
    /// It was answered or refused, as told here, and its client had gone.
    Undelivered(Box<End>),
}

impl End {
    /// The same end, of an exchange whose client had gone before its response was sent.
    fn undelivered(self) -> Self {
        match self {
            Self::Answered(_) | Self::Refused(_) | Self::RefusedSo(..) | Self::Unmodelled(_) => {
                Self::Undelivered(Box::new(self))
            }
            _ => self,
        }
    }
}

/// Everything that happened and is happening.
#[derive(Debug)]
pub struct Journal {
    in_flight: BTreeMap<u64, Arc<Live>>,
    blocks: VecDeque<VecDeque<Entry>>,
    arrivals: u64,
    /// Entries that were dropped.
    dropped: u64,
    /// Entries that are kept.
    kept: usize,
    /// How many of them may be.
    limit: usize,
    generation: u64,
}

/// A position in a journal: everything that arrived up to here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// How many exchanges had arrived.
    pub arrivals: u64,
    /// How many resets had come before.
    pub generation: u64,
}

/// Entries to a block: a block never moves, so that the journal never copies itself while it grows.
const BLOCK: usize = 256;

impl Journal {
    /// An empty journal that keeps so many entries.
    pub fn new(limit: usize) -> Self {
        let (in_flight, blocks) = (BTreeMap::new(), VecDeque::new());
        Self { in_flight, blocks, arrivals: 0, dropped: 0, kept: 0, limit, generation: 0 }
    }

    /// An empty journal that continues the numbers of this one: no number stands for two exchanges.
    #[must_use]
    pub fn begun_anew(&self) -> Self {
        Self { arrivals: self.arrivals, generation: self.generation + 1, ..Self::new(self.limit) }
    }

    /// How many entries were dropped, the oldest ones.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many entries are kept at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A new exchange.
    pub fn arrive(&mut self, arrived: u64, at: Timestamp) -> Arc<Live> {
        self.arrivals += 1;
        let live = Live {
            number: self.arrivals,
            arrived,
            at,
            generation: self.generation,
            received: AtomicU64::new(0),
            is_alone: AtomicBool::new(false),
            held: Mutex::default(),
            facts: Mutex::new(Facts::default()),
        };
        let live = Arc::new(live);
        self.in_flight.insert(live.number, live.clone());
        live
    }

    /// The end of one. What arrived before the journal was begun anew is not in it. Returns the entry that had to make room, to
    /// be freed when the journal is no longer locked.
    #[must_use = "the entry is to be freed outside the lock"]
    pub fn end(&mut self, live: &Live, ended: u64, end: End) -> Option<Entry> {
        if !self.in_flight.get(&live.number).is_some_and(|found| std::ptr::eq(&**found, live)) {
            return None;
        }
        self.in_flight.remove(&live.number);
        let mut facts = std::mem::take(&mut *live.facts.lock());
        if facts.applied().is_none() {
            facts.shorten();
        }
        let entry = Entry {
            number: live.number,
            arrived: live.arrived,
            ended,
            at: live.at,
            facts,
            received: live.received(),
            end: if live.is_alone.load(Relaxed) { end.undelivered() } else { end },
        };
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push_back(entry),
            _ => {
                let mut block = VecDeque::with_capacity(BLOCK);
                block.push_back(entry);
                self.blocks.push_back(block);
            }
        }
        self.kept += 1;
        if self.kept <= self.limit { None } else { self.drop_oldest() }
    }

    fn drop_oldest(&mut self) -> Option<Entry> {
        let oldest = self.blocks.front_mut()?.pop_front();
        // A block that is not full yet is filled further.
        if self.blocks.len() > 1 && self.blocks.front().is_some_and(VecDeque::is_empty) {
            self.blocks.pop_front();
        }
        (self.kept, self.dropped) = (self.kept - 1, self.dropped + 1);
        oldest
    }

    /// The client of this exchange had gone before the response was sent.
    pub fn note_undelivered(&mut self, number: u64) {
        if let Some(live) = self.in_flight.get(&number) {
            return live.is_alone.store(true, Relaxed);
        }
        let mut latest = self.blocks.iter_mut().rev().flat_map(|block| block.iter_mut().rev());
        if let Some(entry) = latest.find(|entry| entry.number == number) {
            let end = std::mem::replace(&mut entry.end, End::Abandoned);
            entry.end = end.undelivered();
        }
    }

    /// How many exchanges have arrived.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// The position after the last arrival.
    pub fn position(&self) -> Position {
        Position { arrivals: self.arrivals, generation: self.generation }
    }

    /// Changes what is known of an exchange, over or not.
    pub fn amend(&mut self, number: u64, change: impl FnOnce(&mut Facts)) {
        if let Some(live) = self.in_flight.get(&number) {
            return change(&mut live.facts());
        }
        if let Some(entry) = self.blocks.iter_mut().rev().flatten().find(|entry| entry.number == number) {
            change(&mut entry.facts);
        }
    }

    /// The exchanges that are over, in order of their end.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flatten()
    }

    /// The exchanges in flight, in order of arrival.
    pub fn in_flight(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.in_flight.values()
    }

    /// Whether nothing is in flight.
    pub fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }
}
