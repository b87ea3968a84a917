//! What a fake should do, in the order in which it should do it: requests one stage after the other, gates and faults in the
//! order of their installation, uploads as sets of part numbers. It shares no code with the crate, and is told nothing by
//! the fake but the ids of uploads.

mod flow;
mod store;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fake_bucket::{At, LateParts, Op, Provider};

use self::watch::Watch;
pub use self::{
    flow::failure,
    store::{Ended, State, Upload},
};
use crate::{
    client::BYTES,
    script::{Ask, Choice, Due, Rights, Script, Trouble, Who},
};

/// Bytes of a whole body that is a part or an object.
pub const WHOLE: u64 = BYTES.len() as u64;

pub struct World {
    pub provider: Provider,
    pub seed: u64,
    pub late_parts: LateParts,
    /// How many resets there were.
    pub generation: usize,
    arrivals: u64,
    tickets: u64,
    /// Seconds by which the test moved the clock since the last reset.
    clock: u64,
    pub keys: Vec<Key>,
    grants: [Rights; 2],
    pub bucket: bool,
    lifecycle: bool,
    /// All there ever were, of every generation.
    pub uploads: Vec<Upload>,
    pub objects: BTreeMap<&'static str, Object>,
    pub requests: Vec<Sent>,
    pub gates: Vec<GateModel>,
    pub faults: Vec<Rule>,
    pending: Vec<Pending>,
}

pub struct Key {
    pub who: Who,
    pub revoked: bool,
}

pub struct Object {
    /// How often it repeats [`BYTES`].
    pub times: u64,
    pub upload: Option<usize>,
}

/// A request that was sent.
pub struct Sent {
    pub number: u64,
    pub generation: usize,
    pub ask: Ask,
    pub who: Option<Who>,
    pub op: Option<Op>,
    pub key: Option<&'static str>,
    /// The upload it names or made, if there ever was such a one.
    pub upload: Option<usize>,
    /// Whether it names any upload.
    pub names_upload: bool,
    pub part: Option<u16>,
    pub received: u64,
    pub frames: VecDeque<u64>,
    pub all_sent: bool,
    pub stage: Stage,
    verdict: Option<(Trouble, usize)>,
    pub spoiled: Option<String>,
    pub applied: bool,
    pub lingering: bool,
    pub held: Option<At>,
    ticket: Option<u64>,
    /// Whether it goes on without its client.
    detached: bool,
    result: Result<u16, Denial>,
    pub end: Option<End>,
    pub heard: Heard,
    pub left: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Admitted,
    Body,
    Byte,
    BodyOver,
    Stalled,
    BeforeApply,
    AfterApply,
    BeforeReply,
    /// Refused without having been applied: only its reply is to come.
    Refused,
    Over,
}

/// Why a request is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    Refused(u16, &'static str),
    /// By the test.
    Words(u16),
    Unmodelled,
    Reset,
}

impl Denial {
    pub const NO_SUCH_UPLOAD: Self = Self::Refused(404, "NoSuchUpload");
    pub const NO_SUCH_BUCKET: Self = Self::Refused(404, "NoSuchBucket");
    pub const NO_SUCH_KEY: Self = Self::Refused(404, "NoSuchKey");
    pub const ACCESS_DENIED: Self = Self::Refused(403, "AccessDenied");
    pub const INVALID_PART: Self = Self::Refused(400, "InvalidPart");
    pub const REVOKED: Self = Self::Refused(403, "InvalidAccessKeyId");
    pub const UNAVAILABLE: Self = Self::Refused(503, "ServiceUnavailable");

    fn status(self) -> u16 {
        match self {
            Self::Refused(status, _) | Self::Words(status) => status,
            Self::Unmodelled => 501,
            Self::Reset => 404,
        }
    }
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Answered(u16),
    Refused(u16, &'static str),
    Unmodelled,
    Abandoned,
    Reset,
    Cut,
    ReplyLost(u16),
    Undelivered(u16, Option<&'static str>),
}

/// What a client hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    Status(u16),
    /// A reply that breaks off may break off before its head.
    Perhaps(u16),
}

pub struct GateModel {
    watch: Watch,
    pub at: At,
    pub phase: Phase,
    /// Whether the guard is still there.
    pub guarded: bool,
    /// Whether what it held was taken from it.
    pub taken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Armed,
    Holding(usize),
    Open,
    Idle,
}

/// How what a gate holds goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    On,
    Refuse(u16),
    Cut,
}

pub struct Rule {
    watch: Watch,
    queue: VecDeque<Trouble>,
    always: bool,
    pub fired: usize,
    pub guarded: bool,
}

struct Pending {
    due: Due,
    /// The reading of the clock at which it is due.
    at: u64,
    request: usize,
    rule: usize,
    upload: usize,
}

impl World {
    pub fn new(script: &Script) -> Self {
        let own = if script.provider == Provider::Oss { LateParts::Linger } else { LateParts::Fail };
        Self {
            provider: script.provider,
            seed: script.seed,
            late_parts: script.late_parts.unwrap_or(own),
            generation: 0,
            arrivals: 0,
            tickets: 0,
            clock: 0,
            keys: [Who::Owner, Who::Writer, Who::Stranger].map(|who| Key { who, revoked: false }).into(),
            grants: [Rights::NoAborts, Rights::None],
            bucket: true,
            lifecycle: false,
            uploads: Vec::new(),
            objects: BTreeMap::new(),
            requests: Vec::new(),
            gates: Vec::new(),
            faults: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Puts a gate up.
    pub fn hold(&mut self, choice: &Choice, at: At) {
        let watch = Watch::new(choice.clone(), self.generation);
        self.gates.push(GateModel { watch, at, phase: Phase::Armed, guarded: true, taken: false });
    }

    /// Opens a gate that holds something.
    pub fn open(&mut self, gate: usize, way: Way) {
        if let Phase::Holding(request) = self.gates[gate].phase {
            self.gates[gate].phase = Phase::Open;
            self.resume(request, way);
        }
    }

    /// Drops the guard of a gate.
    pub fn drop_gate(&mut self, gate: usize) {
        self.gates[gate].guarded = false;
        match self.gates[gate].phase {
            Phase::Armed => self.gates[gate].phase = Phase::Idle,
            Phase::Holding(_) if !self.gates[gate].taken => self.open(gate, Way::On),
            _ => {}
        }
    }

    pub fn fault(&mut self, choice: &Choice, troubles: &[Trouble], always: bool) {
        let watch = Watch::new(choice.clone(), self.generation);
        let queue = troubles.iter().copied().collect();
        self.faults.push(Rule { watch, queue, always, fired: 0, guarded: true });
    }

    pub fn release_aborts(&mut self, rule: usize) {
        self.happen(|pending| pending.rule == rule);
    }

    pub fn drop_fault(&mut self, rule: usize) {
        self.faults[rule].guarded = false;
        self.faults[rule].queue.clear();
        self.release_aborts(rule);
    }

    /// Everything starts anew; what is in flight goes on without effect.
    pub fn reset(&mut self) {
        self.generation += 1;
        (self.clock, self.bucket, self.lifecycle) = (0, true, false);
        self.grants = [Rights::NoAborts, Rights::None];
        self.objects.clear();
        self.pending.clear();
        for gate in 0..self.gates.len() {
            match self.gates[gate].phase {
                Phase::Armed => self.gates[gate].phase = Phase::Idle,
                Phase::Holding(_) => self.open(gate, Way::On),
                Phase::Open | Phase::Idle => {}
            }
        }
        self.wake_late_parts();
    }

    pub fn advance(&mut self, seconds: u64) {
        self.clock += seconds;
        if self.lifecycle && self.bucket {
            let (now, generation) = (self.clock, self.generation);
            let old = |upload: &Upload| now - upload.initiated >= 7 * 86_400;
            let due: Vec<usize> = (0..self.uploads.len())
                .filter(|at| self.uploads[*at].generation == generation)
                .filter(|at| self.uploads[*at].is_open() && old(&self.uploads[*at]))
                .collect();
            due.iter().for_each(|upload| self.bury(*upload, Ended::Lifecycle));
        }
        let now = self.clock;
        self.happen(|pending| matches!(pending.due, Due::Minutes(_)) && pending.at <= now);
        self.wake_late_parts();
    }

    pub fn grant(&mut self, who: Who, rights: Rights) {
        match who {
            Who::Owner => {}
            Who::Writer => self.grants[0] = rights,
            Who::Stranger => self.grants[1] = rights,
        }
    }

    /// The upload a script means.
    pub fn upload(&self, named: u8) -> Option<usize> {
        (named != 255 && !self.uploads.is_empty())
            .then(|| self.uploads.len() - 1 - usize::from(named) % self.uploads.len())
    }

    /// Carries out aborts that were answered before.
    fn happen(&mut self, due: impl Fn(&Pending) -> bool) {
        let (now, later) = std::mem::take(&mut self.pending).into_iter().partition(due);
        self.pending = later;
        for Pending { request, upload, .. } in now {
            if self.uploads[upload].takes_room() {
                self.bury(upload, Ended::Client(request));
                self.requests[request].applied = true;
            }
        }
        self.wake_late_parts();
    }

    /// Requests in flight, those of before a reset included.
    pub fn in_flight(&self) -> Vec<usize> {
        (0..self.requests.len()).filter(|at| self.requests[*at].end.is_none()).collect()
    }

    /// Parts on their way to an upload.
    pub fn parts_in_flight(&self, upload: usize) -> usize {
        let of_it =
            |request: &&Sent| request.upload == Some(upload) && request.ticket.is_some() && request.end.is_none();
        self.requests.iter().filter(of_it).count()
    }

    /// How each complaint of the fake begins.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for upload in self.uploads.iter().filter(|upload| upload.generation == self.generation && upload.takes_room()) {
            complaints.push(format!("leak: {}, initiated by {}: ", upload.key, upload.initiator.name()));
        }
        let coming = self.pending.iter().filter(|pending| self.uploads[pending.upload].takes_room());
        let coming: BTreeSet<u64> = coming.map(|pending| self.requests[pending.request].number).collect();
        complaints.extend(coming.iter().map(|number| format!("still to come: #{number} ")));
        let current = || self.requests.iter().filter(|request| request.generation == self.generation);
        let flying = current().filter(|request| request.end.is_none());
        complaints.extend(flying.map(|request| format!("in flight: #{} ", request.number)));
        let unmodelled = current().filter(|request| request.end == Some(End::Unmodelled));
        complaints.extend(unmodelled.map(|request| format!("not modelled: #{} ", request.number)));
        let gates = self.gates.iter().filter(|gate| gate.watch.generation == self.generation);
        let idle = gates.filter(|gate| matches!(gate.phase, Phase::Armed | Phase::Idle));
        complaints.extend(idle.map(|_| "idle gate: ".to_owned()));
        let rules = self.faults.iter().filter(|rule| rule.watch.generation == self.generation && rule.fired == 0);
        complaints.extend(rules.map(|_| "idle fault: ".to_owned()));
        complaints
    }
}
