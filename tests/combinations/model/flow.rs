//! The way of a request from its arrival to its end, point by point.

use std::collections::VecDeque;

use fake_bucket::{At, Failure, Fault, LateParts, Op, Until};

use super::{Denial, End, GateModel, Heard, Phase, Sent, Stage, WHOLE, Way, World};
use crate::script::{Ask, Door, Due, Trouble};

impl Trouble {
    /// The fault of the crate.
    pub fn fault(self) -> Fault {
        match self {
            Self::Refuse(status) => Fault::Refuse(failure(status)),
            Self::CutBefore => Fault::CutBefore,
            Self::LoseReply => Fault::LoseReply,
            Self::CutBody(bytes) => Fault::CutBody(bytes),
            Self::CutReply(bytes) => Fault::CutReply(bytes),
            Self::Delay => Fault::Delay(std::time::Duration::from_millis(1)),
            Self::Stall => Fault::Stall,
            Self::LateError(status) => Fault::LateError(failure(status)),
            Self::DropEffect => Fault::DropEffect,
            Self::AbortLater(due) => Fault::AbortLater(match due {
                Due::Released => Until::Released,
                Due::Exchanges(count) => Until::Exchanges(count),
                Due::Minutes(minutes) => Until::Clock(std::time::Duration::from_secs(60 * minutes)),
            }),
        }
    }

    fn suits(self, op: Option<Op>) -> bool {
        !matches!(self, Self::AbortLater(_)) || op == Some(Op::Abort)
    }
}

/// A failure in the test's words.
pub fn failure(status: u16) -> Failure {
    Failure::code(status, "Wanted", "as the test wants it")
}

impl World {
    /// Lets a request arrive. Returns its place among all.
    pub fn arrive(&mut self, key: usize, ask: &Ask) -> usize {
        for pending in &mut self.pending {
            if let Due::Exchanges(left) = &mut pending.due {
                *left = left.saturating_sub(1);
            }
        }
        self.happen(|pending| pending.due == Due::Exchanges(0));
        self.arrivals += 1;
        let request = self.request(key, ask);
        self.requests.push(request);
        let at = self.requests.len() - 1;
        match self.let_in(at) {
            Ok(()) => {
                self.judge(at);
                self.requests[at].stage = Stage::Admitted;
            }
            Err(denial) => {
                // The rest of a request that is refused would be waited for, for half a second: all of it is sent at once.
                if !std::mem::replace(&mut self.requests[at].all_sent, true) {
                    self.requests[at].frames = [WHOLE].into();
                }
                self.refuse(at, denial);
            }
        }
        self.run(at);
        at
    }

    fn request(&self, key: usize, ask: &Ask) -> Sent {
        let named = |upload: u8| (self.upload(upload), true);
        let (op, (upload, names_upload), part, body) = match ask {
            Ask::Initiate { .. } => (Op::Initiate, (None, false), None, 0),
            Ask::Part { upload, number, .. } => (Op::UploadPart, named(*upload), Some(*number), WHOLE),
            Ask::Copy { upload, number } => (Op::UploadPartCopy, named(*upload), Some(*number), 0),
            Ask::Complete { upload, numbers } => {
                (Op::Complete, named(*upload), None, crate::play::manifest(numbers).len() as u64)
            }
            Ask::Abort { upload } => (Op::Abort, named(*upload), None, 0),
            Ask::List { upload } => (Op::ListParts, named(*upload), None, 0),
            Ask::Put { .. } => (Op::PutObject, (None, false), None, WHOLE),
            Ask::Lifecycle => (Op::PutLifecycle, (None, false), None, crate::play::rules(self.provider).0.len() as u64),
            Ask::Unmodelled => (Op::GetSetting, (None, false), None, 0),
        };
        let half = matches!(ask, Ask::Part { half: true, .. } | Ask::Put { half: true, .. });
        let mut frames = VecDeque::new();
        if body > 0 {
            frames.push_back(if half { 5 } else { body });
        }
        let about = match ask {
            Ask::Initiate { key } | Ask::Put { key, .. } => Some(*key),
            Ask::Lifecycle | Ask::Unmodelled => None,
            _ => Some(upload.map_or("a", |upload| self.uploads[upload].key)),
        };
        let who = if *ask == Ask::Lifecycle { Some(crate::script::Who::Owner) } else { self.holder(key) };
        Sent {
            number: self.arrivals,
            generation: self.generation,
            ask: ask.clone(),
            who,
            op: (*ask != Ask::Unmodelled).then_some(op),
            key: about,
            upload,
            names_upload,
            part,
            received: 0,
            frames,
            all_sent: !half,
            stage: Stage::Over,
            verdict: None,
            spoiled: None,
            applied: false,
            lingering: false,
            held: None,
            ticket: None,
            detached: false,
            result: Ok(0),
            end: None,
            heard: Heard::Nothing,
            left: false,
        }
    }

    fn holder(&self, key: usize) -> Option<crate::script::Who> {
        let key = &self.keys[key];
        (!key.revoked).then_some(key.who)
    }

    /// Every rule that fits counts; the first that has a fault decides.
    fn judge(&mut self, at: usize) {
        let op = self.requests[at].op;
        let mut decided = false;
        for (number, rule) in self.faults.iter_mut().enumerate() {
            let suits = rule.queue.front().is_none_or(|trouble| trouble.suits(op));
            if !suits || !rule.watch.fits(&self.requests[at]) || decided {
                continue;
            }
            let Some(trouble) = rule.queue.pop_front() else { continue };
            if rule.always {
                rule.queue.push_back(trouble);
            }
            rule.fired += 1;
            decided = true;
            self.requests[at].verdict = Some((trouble, number));
            self.requests[at].spoiled = Some(format!("{:?}", trouble.fault()));
        }
    }

    /// The rest of a body comes.
    pub fn finish(&mut self, at: usize) {
        let request = &mut self.requests[at];
        request.all_sent = true;
        request.frames.push_back(WHOLE - 5);
        if request.held.is_none() && request.stage == Stage::Body {
            self.run(at);
        }
    }

    /// Whether a script may let this client go: through a socket, what becomes of a request that is not being read is up to
    /// the kernel.
    pub fn may_leave(&self, at: usize, door: Door) -> bool {
        let request = &self.requests[at];
        let read = request.stage == Stage::Body || request.stage == Stage::Stalled;
        door == Door::Service || request.detached || request.held.is_none() && read
    }

    pub fn leave(&mut self, at: usize) {
        let request = &mut self.requests[at];
        (request.left, request.heard) = (true, Heard::Nothing);
        if !request.detached {
            request.held = None;
            self.end(at, End::Abandoned, Heard::Nothing);
        }
    }

    /// Parts whose bodies are still coming hear at once that their uploads have ended, if that is how they are treated.
    pub(super) fn wake_late_parts(&mut self) {
        if !matches!(self.late_parts, LateParts::FailAtOnce | LateParts::Reset) {
            return;
        }
        for at in 0..self.requests.len() {
            let request = &self.requests[at];
            if request.stage == Stage::Body && request.held.is_none() && request.end.is_none() && self.is_late(at) {
                self.run(at);
            }
        }
    }

    /// The gate that closes in front of a request. All that stand there count it.
    fn closing(&mut self, at: usize, point: At) -> Option<usize> {
        let request = &self.requests[at];
        let stands = |gate: &GateModel| match (gate.at, point) {
            (At::Byte(stop), At::Byte(received)) => received >= stop,
            (At::Byte(0), At::Admitted) => true,
            (stop, point) => stop == point,
        };
        let mut closing = None;
        for (number, gate) in self.gates.iter_mut().enumerate() {
            if stands(gate) && gate.watch.fits(request) && gate.phase == Phase::Armed && closing.is_none() {
                closing = Some(number);
            }
        }
        closing
    }

    /// Comes to a point. Returns whether a gate holds it there.
    fn pass(&mut self, at: usize, point: At) -> bool {
        // Without a door there is nothing to hold.
        if self.requests[at].ask == Ask::Lifecycle {
            return false;
        }
        let Some(gate) = self.closing(at, point) else { return false };
        self.gates[gate].phase = Phase::Holding(at);
        self.requests[at].held = Some(self.gates[gate].at);
        true
    }

    /// A gate that held a request opens.
    pub(super) fn resume(&mut self, at: usize, way: Way) {
        if self.requests[at].end.is_some() {
            return;
        }
        let stopped_at = self.requests[at].held.take().expect("a request that is held");
        let spoiled = match way {
            Way::On => return self.run(at),
            Way::Refuse(status) => format!("Refuse({:?}), at {stopped_at:?}", failure(status)),
            Way::Cut => format!("Cut, at {stopped_at:?}"),
        };
        let request = &mut self.requests[at];
        request.spoiled = Some(spoiled);
        let denial = if let Way::Refuse(status) = way { Some(Denial::Words(status)) } else { None };
        match (request.stage, denial) {
            (Stage::Admitted | Stage::Byte, Some(denial)) => {
                request.received += request.frames.drain(..).sum::<u64>();
                self.refuse(at, denial);
            }
            (Stage::BeforeApply, Some(denial)) => self.refuse(at, denial),
            (Stage::AfterApply, Some(denial)) => {
                (request.result, request.stage) = (Err(denial), Stage::BeforeReply);
            }
            (Stage::BeforeReply, Some(denial)) => {
                request.result = Err(denial);
                return self.reply(at);
            }
            (Stage::Refused, Some(denial)) => {
                request.result = Err(denial);
                return self.conclude(at);
            }
            (Stage::AfterApply | Stage::BeforeReply, None) => {
                let status = request.result.unwrap_or_else(Denial::status);
                return self.end(at, End::ReplyLost(status), Heard::Nothing);
            }
            (_, None) => return self.end(at, End::Cut, Heard::Nothing),
            (stage, Some(_)) => unreachable!("nothing is held at {stage:?}"),
        }
        self.run(at);
    }

    /// Refuses a request without applying it.
    fn refuse(&mut self, at: usize, denial: Denial) {
        let request = &mut self.requests[at];
        (request.result, request.stage) = (Err(denial), Stage::Refused);
        if request.ticket.is_none() && !matches!(denial, Denial::Words(_)) {
            // What is refused before it is let in is read to its end.
            request.received += request.frames.drain(..).sum::<u64>();
        }
    }

    /// Goes on until something has to be waited for.
    fn run(&mut self, at: usize) {
        while self.requests[at].end.is_none() {
            let point = match self.requests[at].stage {
                Stage::Admitted => At::Admitted,
                Stage::Byte => At::Byte(self.requests[at].received),
                Stage::BeforeApply => At::BeforeApply,
                Stage::AfterApply => At::AfterApply,
                Stage::BeforeReply | Stage::Refused => At::BeforeReply,
                Stage::Body => {
                    if !self.receive(at) {
                        return;
                    }
                    continue;
                }
                Stage::BodyOver => {
                    let request = &mut self.requests[at];
                    request.detached = true;
                    request.stage = Stage::BeforeApply;
                    if matches!(request.verdict, Some((Trouble::Stall, _))) && request.ask != Ask::Lifecycle {
                        (request.detached, request.stage) = (false, Stage::Stalled);
                        return;
                    }
                    continue;
                }
                Stage::Stalled | Stage::Over => return,
            };
            if self.pass(at, point) {
                return;
            }
            match self.requests[at].stage {
                Stage::Admitted | Stage::Byte => self.requests[at].stage = Stage::Body,
                Stage::BeforeApply => self.act(at),
                Stage::AfterApply => self.requests[at].stage = Stage::BeforeReply,
                Stage::BeforeReply => self.reply(at),
                Stage::Refused => self.conclude(at),
                stage => unreachable!("{stage:?} is no point"),
            }
        }
    }

    /// Reads a frame. Returns whether it goes on.
    fn receive(&mut self, at: usize) -> bool {
        if self.is_late(at) {
            match self.late_parts {
                LateParts::FailAtOnce => {
                    self.refuse(at, Denial::NO_SUCH_UPLOAD);
                    return true;
                }
                LateParts::Reset => {
                    self.end(at, End::Reset, Heard::Nothing);
                    return false;
                }
                _ => {}
            }
        }
        let request = &mut self.requests[at];
        let Some(bytes) = request.frames.pop_front() else {
            if request.all_sent {
                request.stage = Stage::BodyOver;
            }
            return request.all_sent;
        };
        request.received += bytes;
        let cut = matches!(request.verdict, Some((Trouble::CutBody(stop), _)) if request.received >= stop);
        if cut && request.ask != Ask::Lifecycle {
            self.end(at, End::Cut, Heard::Nothing);
            return false;
        }
        request.stage = Stage::Byte;
        true
    }

    fn act(&mut self, at: usize) {
        let verdict = self.requests[at].verdict;
        let by_connection = self.requests[at].ask != Ask::Lifecycle;
        let result = match verdict {
            Some((Trouble::CutBefore | Trouble::CutBody(_), _)) if by_connection => {
                return self.end(at, End::Cut, Heard::Nothing);
            }
            Some((Trouble::Refuse(status), _)) => Err(Denial::Words(status)),
            Some((Trouble::LateError(_), _)) => Ok(200),
            _ => match self.apply(at, verdict) {
                Err(_) if self.late_parts == LateParts::Reset && self.is_late(at) => Err(Denial::Reset),
                result => result,
            },
        };
        let request = &mut self.requests[at];
        (request.result, request.stage) = (result, Stage::AfterApply);
    }

    /// The reply leaves, if nothing is wrong with that.
    fn reply(&mut self, at: usize) {
        let Sent { verdict, result, ask, .. } = &self.requests[at];
        let status = result.unwrap_or_else(Denial::status);
        if *result == Err(Denial::Reset) || *ask == Ask::Lifecycle {
            return self.conclude(at);
        }
        match verdict {
            Some((Trouble::LoseReply, _)) => self.end(at, End::ReplyLost(status), Heard::Nothing),
            Some((Trouble::CutReply(_), _)) => self.end(at, End::ReplyLost(status), Heard::Perhaps(status)),
            _ => self.conclude(at),
        }
    }

    fn conclude(&mut self, at: usize) {
        let (end, heard) = match self.requests[at].result {
            Ok(status) => (End::Answered(status), Heard::Status(status)),
            Err(Denial::Refused(status, code)) => (End::Refused(status, code), Heard::Status(status)),
            Err(Denial::Words(status)) => (End::Refused(status, "Wanted"), Heard::Status(status)),
            Err(Denial::Unmodelled) => (End::Unmodelled, Heard::Status(501)),
            Err(Denial::Reset) => (End::Reset, Heard::Nothing),
        };
        self.end(at, end, heard);
    }

    fn end(&mut self, at: usize, end: End, heard: Heard) {
        let request = &mut self.requests[at];
        let end = match end {
            End::Answered(status) if request.left => End::Undelivered(status, None),
            End::Refused(status, code) if request.left => End::Undelivered(status, Some(code)),
            end => end,
        };
        (request.end, request.stage) = (Some(end), Stage::Over);
        if !request.left {
            request.heard = heard;
        }
    }
}
