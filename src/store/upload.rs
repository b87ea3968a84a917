//! One multipart upload and the states it passes through.
//!
//! ```text
//!              part, copy, list                 complete
//!             ┌────────┐         ┌──────────────────────────────> Completed(Receipt)
//!  initiate   │        ▼         │
//! ──────────> Open(parts) ───────┤ abort, lifecycle, the test
//!                                └──────────────────────────────> Aborted(Tombstone)
//!                                                                    │  ▲  a late part that lingers
//!                                                                    ▼  │
//!                                                                 lingering parts ──abort──> freed
//! ```
//!
//! Parts live inside `Open`: nothing can be added to an upload that has ended. The other two are tombstones: the client
//! hears "no such upload", the test reads who ended it and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Arrival, Metadata, Part, PartNumber, Place, Principal, Timestamp, UploadId};

/// The parts of an upload, by number.
pub type Parts = BTreeMap<PartNumber, Arc<Part>>;

/// One multipart upload, for as long as the store lives.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Its place in the order of initiation.
    pub sequence: u64,
    /// The bucket and key it will write.
    pub place: Place,
    /// Who initiated it.
    pub initiator: Principal,
    /// When.
    pub initiated: Timestamp,
    /// What the finished object will carry.
    pub metadata: Arc<Metadata>,
    /// In which order its parts may come.
    pub arrival: Arrival,
    /// Where it stands.
    pub state: UploadState,
    /// The tickets of parts that are on their way.
    pub in_flight: BTreeSet<u64>,
}

impl Upload {
    /// Whether it is open and belongs to this very bucket and key.
    pub fn is_open_at(&self, place: &Place) -> bool {
        self.place == *place && matches!(self.state, UploadState::Open(_))
    }

    /// Whether a part of this number may begin: any at any time, but where parts come in sequence the next one alone, once
    /// the one before is over.
    pub fn may_begin(&self, number: PartNumber) -> bool {
        match (self.arrival, &self.state) {
            (Arrival::Sequential, UploadState::Open(parts)) => {
                self.in_flight.is_empty() && usize::from(number.get()) == parts.len() + 1
            }
            _ => true,
        }
    }

    /// Whether it is open, or parts of it linger.
    pub fn takes_room(&self) -> bool {
        match &self.state {
            UploadState::Open(_) => true,
            UploadState::Completed(_) => false,
            UploadState::Aborted(tombstone) => !tombstone.lingering.is_empty(),
        }
    }
}

/// Where an upload stands.
#[derive(Clone, Debug)]
pub enum UploadState {
    /// Parts may come; it is billed.
    Open(Parts),
    /// It became an object.
    Completed(Receipt),
    /// It was given up.
    Aborted(Tombstone),
}

/// What is left of a completed upload.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The exchange that completed it; none if the test did it behind the client's back.
    pub by: Option<u64>,
    /// When.
    pub at: Timestamp,
    /// The tick of it.
    pub tick: u64,
    /// The parts the object was made of.
    pub used: Vec<PartNumber>,
    /// Parts that had been stored but were not listed.
    pub unused: Vec<PartNumber>,
}

/// What is left of an aborted upload.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// Who ended it.
    pub cause: Cause,
    /// When.
    pub at: Timestamp,
    /// The tick of it.
    pub tick: u64,
    /// The parts that were stored at that moment, and freed.
    pub freed: Vec<PartNumber>,
    /// Parts that landed afterwards: billed, unlisted, until a further abort.
    pub lingering: Parts,
}

/// Why an upload was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A client asked, in this exchange.
    Exchange(u64),
    /// The test did it behind the client's back.
    Test,
    /// A lifecycle rule of its bucket did.
    Lifecycle,
    /// The test deleted its bucket, with all that was in it.
    BucketGone,
}
