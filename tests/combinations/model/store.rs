//! What is stored, who may do what with it, and what a request does to it.

use std::collections::BTreeMap;

use fake_bucket::{LateParts, Op, Provider};

use super::{Denial, Object, Pending, Sent, World};
use crate::script::{Ask, Due, Rights, Trouble, Who};

/// A multipart upload.
pub struct Upload {
    pub generation: usize,
    pub key: &'static str,
    pub initiator: Who,
    pub initiated: u64,
    /// As the fake told it.
    pub id: Option<String>,
    pub state: State,
}

/// Parts by number: how often each repeats the bytes of a part.
pub type Parts = BTreeMap<u16, u64>;

pub enum State {
    Open(Parts),
    Completed { by: Option<usize>, used: Vec<u16>, unused: Vec<u16> },
    Aborted { by: Ended, freed: Vec<u16>, lingering: Parts },
}

/// Who aborted an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Client(usize),
    Test,
    Lifecycle,
    BucketGone,
}

impl Upload {
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    pub fn takes_room(&self) -> bool {
        match &self.state {
            State::Open(_) => true,
            State::Completed { .. } => false,
            State::Aborted { lingering, .. } => !lingering.is_empty(),
        }
    }
}

impl World {
    /// Ends an open upload, or frees what lingers of one that was aborted.
    pub(super) fn bury(&mut self, upload: usize, by: Ended) {
        match &mut self.uploads[upload].state {
            State::Open(parts) => {
                let freed = parts.keys().copied().collect();
                self.uploads[upload].state = State::Aborted { by, freed, lingering: Parts::new() };
            }
            State::Aborted { lingering, .. } => lingering.clear(),
            State::Completed { .. } => unreachable!("a completed upload takes no room"),
        }
    }

    /// Aborts behind the client's back.
    pub fn abort_upload(&mut self, upload: usize) -> bool {
        let open = self.uploads[upload].generation == self.generation && self.uploads[upload].is_open();
        if open {
            self.bury(upload, Ended::Test);
            self.wake_late_parts();
        }
        open
    }

    /// Completes behind the client's back.
    pub fn complete_upload(&mut self, upload: usize) -> bool {
        let Upload { generation, state: State::Open(parts), key, .. } = &self.uploads[upload] else { return false };
        if *generation != self.generation || parts.is_empty() {
            return false;
        }
        let (key, times, used) = (*key, parts.values().sum(), parts.keys().copied().collect());
        self.uploads[upload].state = State::Completed { by: None, used, unused: Vec::new() };
        self.objects.insert(key, Object { times, upload: Some(upload) });
        self.wake_late_parts();
        true
    }

    /// Deletes the bucket behind the clients' backs.
    pub fn delete_bucket(&mut self) -> bool {
        let was = std::mem::replace(&mut self.bucket, false);
        if was {
            self.objects.clear();
            self.lifecycle = false;
            let of_it = |at: &usize| self.uploads[*at].generation == self.generation && self.uploads[*at].takes_room();
            let gone: Vec<usize> = (0..self.uploads.len()).filter(of_it).collect();
            gone.iter().for_each(|upload| self.bury(*upload, Ended::BucketGone));
            self.wake_late_parts();
        }
        was
    }

    fn granted(&self, who: Who, aborts: bool) -> bool {
        let rights = match who {
            Who::Owner => Rights::All,
            Who::Writer => self.grants[0],
            Who::Stranger => self.grants[1],
        };
        rights == Rights::All || rights == Rights::NoAborts && !aborts
    }

    /// What is to be said of a request before its body is read.
    pub(super) fn let_in(&mut self, at: usize) -> Result<(), Denial> {
        let request = &self.requests[at];
        // OSS looks for the bucket before it looks at the key.
        if !self.bucket && self.provider == Provider::Oss {
            return Err(Denial::NO_SUCH_BUCKET);
        }
        let Some(who) = request.who else { return Err(Denial::REVOKED) };
        if !self.bucket {
            return Err(Denial::NO_SUCH_BUCKET);
        }
        match request.op {
            None => return Err(Denial::Unmodelled),
            Some(Op::Abort) if self.provider == Provider::Obs => {}
            Some(op) if !self.granted(who, op == Op::Abort) => return Err(Denial::ACCESS_DENIED),
            Some(_) => {}
        }
        let upload = request.upload;
        match &request.ask {
            Ask::Part { .. } | Ask::Copy { .. } => {
                self.may_write(who, upload)?;
                self.tickets += 1;
                self.requests[at].ticket = Some(self.tickets);
                Ok(())
            }
            Ask::Complete { .. } if self.provider != Provider::Obs => self.may_write(who, upload).map(drop),
            _ => Ok(()),
        }
    }

    /// An upload that is open now, by name.
    fn find_open(&self, upload: Option<usize>) -> Result<usize, Denial> {
        if !self.bucket {
            return Err(Denial::NO_SUCH_BUCKET);
        }
        let open = |at: &usize| self.uploads[*at].generation == self.generation && self.uploads[*at].is_open();
        upload.filter(open).ok_or(Denial::NO_SUCH_UPLOAD)
    }

    fn may_write(&self, who: Who, upload: Option<usize>) -> Result<usize, Denial> {
        let upload = self.find_open(upload)?;
        let may = self.provider != Provider::Obs || self.uploads[upload].initiator == who;
        may.then_some(upload).ok_or(Denial::ACCESS_DENIED)
    }

    /// Whether a part in flight has lost its upload.
    pub(super) fn is_late(&self, at: usize) -> bool {
        let Sent { ticket, generation, upload, .. } = &self.requests[at];
        ticket.is_some()
            && (*generation != self.generation || upload.is_none_or(|upload| !self.uploads[upload].is_open()))
    }

    /// Does what a request asks for; or only says what it would hear, if it is to have no effect.
    pub(super) fn apply(&mut self, at: usize, verdict: Option<(Trouble, usize)>) -> Result<u16, Denial> {
        if self.requests[at].generation != self.generation {
            let named = self.requests[at].names_upload;
            return Err(if named { Denial::NO_SUCH_UPLOAD } else { Denial::UNAVAILABLE });
        }
        let effective = !matches!(verdict, Some((Trouble::DropEffect | Trouble::AbortLater(_), _)));
        let (who, upload) = (self.requests[at].who.expect("a request that was let in"), self.requests[at].upload);
        let ask = self.requests[at].ask.clone();
        if !self.bucket {
            return Err(Denial::NO_SUCH_BUCKET);
        }
        let status = match ask {
            Ask::Initiate { key } => {
                if effective {
                    let (generation, initiated, state) = (self.generation, self.clock, State::Open(Parts::new()));
                    self.uploads.push(Upload { generation, key, initiator: who, initiated, id: None, state });
                    self.requests[at].upload = Some(self.uploads.len() - 1);
                }
                200
            }
            Ask::Part { number, .. } => self.land(at, number, 1, effective)?,
            Ask::Copy { number, .. } => {
                if !self.granted(who, false) {
                    return Err(Denial::ACCESS_DENIED);
                }
                let times = self.objects.get("src").ok_or(Denial::NO_SUCH_KEY)?.times;
                self.land(at, number, times, effective)?
            }
            Ask::Complete { numbers, .. } => self.complete(at, self.may_write(who, upload)?, &numbers, effective)?,
            Ask::Abort { .. } => self.abort(at, who, upload, verdict)?,
            Ask::List { .. } => self.find_open(upload).map(|_| 200)?,
            Ask::Put { key, .. } => {
                if effective {
                    self.objects.insert(key, Object { times: 1, upload: None });
                }
                200
            }
            Ask::Lifecycle => {
                self.lifecycle |= effective;
                200
            }
            Ask::Unmodelled => unreachable!("it is not let in"),
        };
        self.requests[at].applied |= effective;
        Ok(status)
    }

    fn land(&mut self, at: usize, number: u16, times: u64, effective: bool) -> Result<u16, Denial> {
        let ticket = self.requests[at].ticket.expect("a part that was let in");
        let lingers = match self.late_parts {
            LateParts::Linger => true,
            LateParts::Either => flips(self.seed, ticket),
            _ => false,
        };
        let upload = self.requests[at].upload.expect("a part that was let in");
        let (parts, late) = match &mut self.uploads[upload].state {
            State::Open(parts) => (parts, false),
            State::Aborted { lingering, .. } if lingers => (lingering, true),
            _ => return Err(Denial::NO_SUCH_UPLOAD),
        };
        if effective {
            parts.insert(number, times);
            self.requests[at].lingering = late;
        }
        Ok(200)
    }

    fn complete(&mut self, at: usize, upload: usize, numbers: &[u16], effective: bool) -> Result<u16, Denial> {
        let State::Open(parts) = &self.uploads[upload].state else { unreachable!("it is open") };
        // Copies of objects that are longer than a part have another entity tag than the list says.
        if numbers.iter().any(|number| parts.get(number) != Some(&1)) {
            return Err(Denial::INVALID_PART);
        }
        if effective {
            let unused = parts.keys().copied().filter(|number| !numbers.contains(number)).collect();
            let (key, times) = (self.uploads[upload].key, numbers.len() as u64);
            self.uploads[upload].state = State::Completed { by: Some(at), used: numbers.to_vec(), unused };
            self.objects.insert(key, Object { times, upload: Some(upload) });
            self.wake_late_parts();
        }
        Ok(200)
    }

    fn abort(
        &mut self,
        at: usize,
        who: Who,
        upload: Option<usize>,
        verdict: Option<(Trouble, usize)>,
    ) -> Result<u16, Denial> {
        let there = |at: &usize| self.uploads[*at].generation == self.generation && self.uploads[*at].takes_room();
        let upload = upload.filter(there).ok_or(Denial::NO_SUCH_UPLOAD)?;
        let initiator = self.provider == Provider::Obs && self.uploads[upload].initiator == who;
        if !initiator && !self.granted(who, true) {
            return Err(Denial::ACCESS_DENIED);
        }
        match verdict {
            Some((Trouble::DropEffect, _)) => {}
            Some((Trouble::AbortLater(due), rule)) => {
                let minutes = if let Due::Minutes(minutes) = due { minutes } else { 0 };
                self.pending.push(Pending { due, at: self.clock + 60 * minutes, request: at, rule, upload });
            }
            _ => {
                self.bury(upload, Ended::Client(at));
                self.wake_late_parts();
            }
        }
        Ok(204)
    }
}

/// The coin of a late part: SplitMix64 of the seed and the number of the part among those that were let in.
fn flips(seed: u64, ticket: u64) -> bool {
    fn scramble(x: u64) -> u64 {
        let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
    let seed = seed ^ u64::from_be_bytes(*b"latepart");
    scramble(seed ^ scramble(ticket)) & 1 == 1
}
