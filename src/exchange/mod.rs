//! FLOOR 3: one request, one reply, and what may come between.
//!
//! ```text
//! arrive ─> prepare: address, authenticate, route, authorize, read, admit ─> (body) ─> perform ─> reply ─> journal
//! ```
//!
//! Both halves are synchronous and hold the store's lock for the length of one map operation. Whoever leads requests in
//! (a door) receives the body between them, with no lock held.

pub mod acts;
pub mod failure;
pub mod fault;
pub mod gate;
pub mod journal;
pub mod later;
mod payload;
pub mod receive;
pub mod select;

use std::{
    collections::VecDeque,
    mem,
    num::NonZeroU64,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use http::{StatusCode, request::Parts};

use crate::{
    dialect::{
        Address, Asked, BodyAsked, Context, Dialect, Keyring, Located, Provider, Realm, Routed, Signed, Style, aws_v4,
        reading::parse_part_number,
    },
    sharing::{AtomicBool, AtomicU64, Event, Mutex, RwLock},
    store::{
        By, Clock, Command, Entropy, Landing, LateParts, Op, Outcome, PartNumber, Payload, Place, Principal, Refusal,
        Rules, Store, Ticket, Timestamp, UploadId,
    },
    wire::{
        aws_chunked::{Framing, Signatures},
        date::{self, HttpDates},
        head::{Head, without_userinfo},
        query::Plus,
        reply::{Leaving, Reply},
    },
};
use acts::Acts;
use failure::Denial;
use fault::{Fault, Faults, Verdict};
use gate::Gates;
use journal::{End, Facts, Journal, Live};
use later::{Due, Later, Pending};
use receive::{Received, Receiving};
use select::Candidate;

/// What all exchanges of one fake share.
pub struct Core {
    /// The provider it stands for.
    pub provider: Provider,
    /// How that provider speaks.
    pub dialect: &'static dyn Dialect,
    /// How it behaves.
    pub rules: Rules,
    /// Where it pretends to be.
    pub realm: Realm,
    /// Whether requests must prove whom they act as.
    pub proof: ProofAsked,
    /// Whether bytes are kept.
    pub retention: Retention,
    /// How long a client may pause within a body.
    pub body_timeout: Duration,
    /// Whom unsigned requests act as where proof is not asked for.
    pub owner: Principal,
    /// What is remembered.
    pub store: Mutex<Store>,
    /// The access keys.
    pub keys: RwLock<Keyring>,
    /// The clock.
    pub clock: Mutex<Clock>,
    /// What happened.
    pub journal: Mutex<Journal>,
    /// What the test did to the fake.
    pub acts: Acts,
    /// The tick at which the timeline was last printed; 0 before the first time.
    pub timeline_printed: AtomicU64,
    /// Where exchanges are held.
    pub gates: Gates,
    /// What goes wrong with them.
    pub faults: Faults,
    /// Shared with whoever answers for it as a mock, where nothing can be held or broken.
    pub mocked: Arc<()>,
    /// Aborts that were answered and are still to come.
    pub later: Later,
    /// Told whenever anything of the above changes.
    pub changed: Event,
    /// Told whenever an upload ends.
    pub ended: Event,
    /// What request ids are made of.
    pub seed: u64,
    /// What writes the date of replies.
    pub dates: HttpDates,
    /// Counts arrivals, applications and ends.
    pub ticks: AtomicU64,
    /// How many resets there were. It changes under the store's lock, together with the store.
    pub generation: AtomicU64,
    /// Whether the port is closed by an outage, which ends the connection of each exchange in flight.
    pub out: AtomicBool,
}

/// Whether requests must prove whom they act as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofAsked {
    /// Signatures are verified.
    Verified,
    /// The access key's word is taken; a request without one, or with one that is not known, acts as the owner.
    Trusted,
}

/// Whether the bytes of parts and objects are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// They are.
    #[default]
    Bytes,
    /// Only their number and digests are: uploads of any size in constant memory. Objects cannot be read back or copied:
    /// such requests are answered as not modelled.
    Digest,
}

/// Tells the sequence request ids are drawn from apart from that of upload ids.
const REQUESTS: u64 = 0x7265_7175_6573_7473;

/// One exchange, from its arrival. Dropped before its end, it takes back what it admitted and is journaled as abandoned.
pub struct Exchange {
    core: Arc<Core>,
    head: Head,
    live: Arc<Live>,
    /// When it arrived, by the wall clock.
    since: Timestamp,
    ticket: Option<Ticket>,
    acting_as: Option<Principal>,
    over: bool,
}

/// A request that was let in.
pub struct Prepared {
    asked: Box<Asked>,
    principal: Principal,
    verdict: Option<Verdict>,
}

impl Prepared {
    /// What its body must live up to.
    pub fn body(&self) -> &BodyAsked {
        &self.asked.body
    }

    /// What goes wrong with it, if something does.
    pub fn fault(&self) -> Option<&Fault> {
        self.verdict.as_ref().map(|verdict| &verdict.fault)
    }
}

impl Core {
    /// A request arrived.
    pub fn arrive(self: &Arc<Self>, parts: Parts) -> Box<Exchange> {
        self.before_arrival();
        let head = Head::new(parts, self.dialect.plus());
        let since = date::wall();
        let at = self.clock.lock().read(since);
        let live = {
            let mut journal = self.journal.lock();
            journal.arrive(self.tick(), at)
        };
        self.changed.notify(usize::MAX);
        Box::new(Exchange { core: self.clone(), head, live, since, ticket: None, acting_as: None, over: false })
    }

    /// Something arrived that was no request.
    pub fn arrive_malformed(&self, note: String) {
        self.before_arrival();
        let at = self.store_now();
        let dropped = {
            let mut journal = self.journal.lock();
            let live = journal.arrive(self.tick(), at);
            live.facts().say(note);
            journal.end(&live, self.tick(), End::Malformed)
        };
        drop(dropped);
        self.changed.notify(usize::MAX);
    }

    /// Notes that the response to an exchange reached nobody.
    #[cfg_attr(not(any(feature = "server", feature = "tower")), allow(dead_code))] // Without a door there is nobody to lose.
    pub fn note_undelivered(&self, number: u64) {
        self.journal.lock().note_undelivered(number);
        self.changed.notify(usize::MAX);
    }

    fn before_arrival(&self) {
        if !self.faults.none() {
            self.happen_on_arrival();
        }
    }

    /// The time signatures are judged by.
    pub fn judged_now(&self) -> Timestamp {
        self.clock.lock().judge(date::wall())
    }

    /// The store's time.
    pub fn store_now(&self) -> Timestamp {
        self.clock.lock().read(date::wall())
    }

    /// Whether something answers for it as a mock.
    pub fn is_mocked(&self) -> bool {
        Arc::strong_count(&self.mocked) > 1
    }

    /// The next tick.
    pub fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Relaxed) + 1
    }
}

impl Exchange {
    /// The exchange, as others see it.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The request's head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The fake it belongs to.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Reads the head and lets the request in, or refuses it. From here on a part is in flight.
    pub fn prepare(&mut self) -> Result<Prepared, Refusal> {
        let prepared = self.prepare_in_order();
        if prepared.is_err() {
            self.note(|facts| facts.judged = NonZeroU64::new(self.live.arrived));
        }
        self.core.changed.notify(usize::MAX);
        prepared
    }

    fn prepare_in_order(&mut self) -> Result<Prepared, Refusal> {
        if self.head.has_plus() {
            let plus = self.core.dialect.plus_in(&self.head, &self.core.keys.read());
            self.head = self.head.clone().with_plus(plus);
        }
        if self.head.raw_path().contains('+') {
            let plus = self.plus_in_path();
            self.head = self.head.clone().with_plus_in_path(plus);
        }
        let Core { dialect, realm, .. } = &*self.core;
        let located = dialect.address(&self.head, realm)?;
        let routed = dialect.route(&self.head, &located.address);
        let op = routed.as_ref().ok().copied();
        let principal = self.principal(op, &located);
        let asked = principal.as_ref().map_err(Clone::clone).and_then(|whose| self.read(whose, routed, &located));
        self.note(|facts| {
            facts.principal = match &principal {
                Ok(principal) => Some(principal.clone()),
                Err(refusal) => self.expired(refusal),
            };
            facts.op = op;
            facts.bucket = located.address.bucket().cloned();
            facts.key = located.address.key().cloned();
            (facts.upload, facts.number) = match &asked {
                Ok(asked) => asked.command.upload(),
                // What a refused request was about is worth knowing too, as far as it can be told.
                Err(_) => self.named(),
            };
        });
        let (principal, asked) = (principal?, asked?);
        self.ticket = self.core.store.lock().admit(&principal, &asked.command)?;
        let verdict = if self.core.faults.none() { None } else { self.judge() };
        Ok(Prepared { asked, principal, verdict })
    }

    /// What exactly is asked, if `principal` may ask that.
    fn read(
        &self,
        principal: &Principal,
        routed: Result<Op, Refusal>,
        located: &Located,
    ) -> Result<Box<Asked>, Refusal> {
        let Core { dialect, rules, realm, store, .. } = &*self.core;
        let address = &located.address;
        let op = routed.or_else(|refusal| {
            // What is not modelled still needs its bucket: clients ask such things to learn whether a bucket is there.
            let unmodelled = matches!(refusal, Refusal::NotImplemented { .. });
            if unmodelled {
                store.lock().exists(address.bucket())?
            }
            Err(refusal)
        })?;
        if located.style == Style::OtherRegion {
            return Err(self.elsewhere(op, address)?);
        }
        store.lock().authorize(principal, op, address.bucket(), address.key())?;
        if op == Op::Preflight {
            // No bucket has such rules: to make them is not modelled.
            return Err(Refusal::NoCorsRule);
        }
        let mut asked = dialect.read(&Routed { op, head: &self.head, located, realm, rules })?;
        if let Some(framing) = &mut asked.body.framing {
            self.chain(framing)?;
        }
        Ok(asked)
    }

    /// Why a request to a host of another region is refused: it may find a bucket, but does not get to it.
    fn elsewhere(&self, op: Op, address: &Address) -> Result<Refusal, Refusal> {
        let (Some(bucket), true) = (address.bucket(), op != Op::CreateBucket) else {
            return Ok(Refusal::HostCreatesNoBuckets);
        };
        self.core.store.lock().exists(Some(bucket))?;
        Ok(Refusal::WrongRegion { bucket: bucket.clone(), endpoint: self.core.realm.service_host.clone() })
    }

    /// The upload and part number in its query, whatever it asks.
    fn named(&self) -> (Option<UploadId>, Option<PartNumber>) {
        let query = &self.head.query;
        (query.filled("uploadId").map(UploadId::new), query.get("partNumber").and_then(parse_part_number))
    }

    /// What goes wrong with it, if something does.
    fn judge(&self) -> Option<Verdict> {
        let verdict = self.core.faults.judge(&Candidate::new(&self.live, &self.head))?;
        self.note(|facts| facts.spoil(format!("{:?}", verdict.fault)));
        Some(verdict)
    }

    fn plus_in_path(&self) -> Plus {
        let core = &self.core;
        core.dialect.plus_in_path(&self.head, &core.realm, &core.keys.read(), core.judged_now())
    }

    /// Whom the request acts as. A browser cannot sign a preflight, which acts as nobody whatever proof its URL carries.
    fn principal(&self, op: Option<Op>, located: &Located) -> Result<Principal, Refusal> {
        match op {
            Some(Op::Preflight) => Ok(Principal::Anonymous),
            _ => self.authenticate(located).map_err(|refusal| self.unproven(op, &located.address, refusal)),
        }
    }

    fn authenticate(&self, located: &Located) -> Result<Principal, Refusal> {
        let core = &self.core;
        if let Some(principal) = &self.acting_as {
            return Ok(principal.clone());
        }
        let keys = core.keys.read();
        if core.proof == ProofAsked::Trusted {
            let claimed = core.dialect.claimed_key(&self.head);
            if let Some(id) = claimed.as_ref().filter(|id| keys.is_revoked(id)) {
                return Err(Refusal::UnknownAccessKey { id: id.clone() });
            }
            let known = claimed.and_then(|id| keys.get(&id).map(|key| key.principal.clone()));
            return Ok(known.unwrap_or_else(|| core.owner.clone()));
        }
        let now = core.judged_now();
        let signed = Signed { head: &self.head, located, realm: &core.realm, keys: &keys, now };
        match core.dialect.prove(&signed)? {
            Some(proof) => proof.principal(),
            None => Ok(Principal::Anonymous),
        }
    }

    /// Why a request without sufficient proof is refused: for want of its bucket, where that is looked up first.
    fn unproven(&self, op: Option<Op>, address: &Address, refusal: Refusal) -> Refusal {
        match self.core.dialect.looks_up_bucket_first(op, address, &refusal) {
            true => self.core.store.lock().exists(address.bucket()).err().unwrap_or(refusal),
            false => refusal,
        }
    }

    /// The principal whose token is over. Its token was the right one, hence it is known who asks.
    fn expired(&self, refusal: &Refusal) -> Option<Principal> {
        let Refusal::ExpiredToken = refusal else { return None };
        let claimed = self.core.dialect.claimed_key(&self.head)?;
        self.core.keys.read().get(&claimed).map(|key| key.principal.clone())
    }

    /// Has the chunks of a framed body checked, if the proof of its head was.
    fn chain(&self, framing: &mut Framing) -> Result<(), Refusal> {
        let proven = self.core.proof == ProofAsked::Verified && self.acting_as.is_none();
        if proven && matches!(framing.signatures, Signatures::Unchecked) {
            let chain = aws_v4::chain(&self.head, &self.core.keys.read());
            framing.signatures = Signatures::Checked(chain.ok_or(Refusal::IncompleteSignedUrl)?);
        }
        Ok(())
    }

    /// What becomes of this part, in flight, now that its upload may have ended. None as long as it goes on.
    pub fn late(&self) -> Option<LateParts> {
        let ticket = self.ticket.as_ref()?;
        self.core.store.lock().is_late(ticket).then_some(self.core.rules.late_parts)
    }

    /// Whether the fake was reset since the request arrived. Then nothing that the request asks for may happen.
    fn is_of_the_past(&self) -> bool {
        self.core.generation.load(Relaxed) != self.live.generation
    }

    /// The answer to a request that a reset overtook.
    fn overtaken(&self) -> Refusal {
        let names_an_upload = self.live.facts().upload.is_some();
        if names_an_upload { self.no_such_upload() } else { Refusal::Unavailable }
    }

    /// What a request hears whose upload has ended under it.
    pub fn no_such_upload(&self) -> Refusal {
        let upload = self.live.facts().upload.as_ref().map(ToString::to_string).unwrap_or_default();
        Refusal::NoSuchUpload { upload }
    }

    /// Does what was asked, now that the body is here.
    pub fn perform(&mut self, prepared: &Prepared, received: Received) -> Result<Outcome, Refusal> {
        let Prepared { asked, principal, .. } = prepared;
        let Asked { command, body, .. } = &**asked;
        if self.is_of_the_past() {
            return Err(self.overtaken());
        }
        if let Some(digests) = &received.digests {
            payload::check_body(body, digests)?;
        }
        let payload = self.payload(asked, principal, received)?;
        self.check_whole(prepared, &payload)?;
        let outcome = match prepared.fault() {
            Some(Fault::DropEffect | Fault::AbortLater(_)) => self.pretend(prepared, payload),
            _ => self.apply(command, principal, payload),
        };
        match &outcome {
            Ok(Outcome::Object { object, .. }) if !object.is_retained() && self.head.method == "GET" => {
                Err(payload::not_retained())
            }
            _ => outcome,
        }
    }

    fn apply(&self, command: &Command, principal: &Principal, payload: Payload) -> Result<Outcome, Refusal> {
        let now = self.core.store_now();
        let outcome = {
            let mut store = self.core.store.lock();
            if self.is_of_the_past() {
                return Err(self.overtaken());
            }
            let by = By { principal, exchange: self.live.number, now, tick: self.core.tick() };
            let outcome = store.apply(by, command, self.ticket.as_ref(), payload);
            self.note(|facts| (facts.judged, facts.done) = (NonZeroU64::new(by.tick), outcome.is_ok()));
            outcome
        };
        self.remember(outcome.as_ref().ok());
        outcome
    }

    /// What would come of a command that is not carried out, or not yet.
    fn pretend(&self, prepared: &Prepared, payload: Payload) -> Result<Outcome, Refusal> {
        let Prepared { asked, principal, verdict } = prepared;
        let command = &asked.command;
        let (exchange, now) = (self.live.number, self.core.store_now());
        let mut store = self.core.store.lock();
        if self.is_of_the_past() {
            return Err(self.overtaken());
        }
        let by = By { principal, exchange, now, tick: self.core.tick() };
        let outcome = store.pretend(by, command, self.ticket.as_ref(), payload);
        self.note(|facts| facts.judged = NonZeroU64::new(by.tick));
        let outcome = outcome?;
        if let (Some(Verdict { fault: Fault::AbortLater(until), rule }), Command::Abort { upload, .. }) =
            (verdict, command)
        {
            self.note(|facts| facts.say("the abort is still to come"));
            let due = Due::of(*until, now);
            self.core.later.push(Pending { due, exchange, rule: rule.clone(), upload: upload.clone() });
        }
        Ok(outcome)
    }

    /// Does what was asked and words the reply to it.
    pub fn act(&mut self, prepared: &Prepared, received: Received) -> Result<Reply, Denial> {
        let result = self.decide(prepared, received);
        // What is refused before the store sees it is refused now.
        self.note(|facts| facts.judged = facts.judged.or(NonZeroU64::new(self.core.ticks.load(Relaxed))));
        result
    }

    fn decide(&mut self, prepared: &Prepared, received: Received) -> Result<Reply, Denial> {
        match prepared.fault() {
            Some(Fault::Refuse(failure)) => Err(self.denial(failure)),
            Some(Fault::LateError(failure)) => Ok(Reply { status: StatusCode::OK, ..self.deny(&self.denial(failure)) }),
            _ => match self.perform(prepared, received) {
                Ok(outcome) => Ok(self.render(prepared, &outcome)),
                Err(refusal) if self.late() == Some(LateParts::Reset) => Err(Denial::Reset(refusal)),
                Err(refusal) => Err(refusal.into()),
            },
        }
    }

    /// Notes what the timeline and the assertions will want to know of an outcome.
    fn remember(&self, outcome: Option<&Outcome>) {
        let names = self.names(outcome);
        self.note(|facts| {
            if let Some(Outcome::Initiated(id)) = outcome {
                facts.upload = Some(id.clone());
            }
            if let Some((id, place)) = names {
                facts.upload = Some(id);
                if facts.key.as_ref() == Some(&place.key) && facts.bucket.as_ref() == Some(&place.bucket) {
                    (facts.bucket, facts.key) = (Some(place.bucket), Some(place.key));
                }
            }
            facts.lingering = matches!(outcome, Some(Outcome::PartStored { landing: Landing::Lingering, .. }));
        });
        if matches!(outcome, Some(Outcome::Aborted { .. } | Outcome::Completed { .. })) {
            self.core.ended.notify(usize::MAX);
        }
        self.core.changed.notify(usize::MAX);
    }

    /// The names of the upload this is about, as the store has them: they replace the request's, which are freed. An upload
    /// that was just initiated has the request's.
    fn names(&self, outcome: Option<&Outcome>) -> Option<(UploadId, Place)> {
        if let Some(ticket) = &self.ticket {
            return Some(ticket.names());
        }
        if let Some(Outcome::Initiated(_)) = outcome {
            return None;
        }
        let id = self.live.facts().upload.clone()?;
        let store = self.core.store.lock();
        store.upload(id.as_str()).map(|upload| (upload.id.clone(), upload.place.clone()))
    }

    /// The reply to what was done.
    pub fn render(&self, prepared: &Prepared, outcome: &Outcome) -> Reply {
        let op = self.live.facts().op;
        self.core.dialect.render(&self.context(op), &prepared.asked, outcome)
    }

    /// The reply to what was refused.
    pub fn refuse(&self, refusal: &Refusal) -> Reply {
        self.note(|facts| match refusal {
            Refusal::NotImplemented { what } => facts.say(what.as_str()),
            Refusal::BrokenFrame { why } => facts.say(*why),
            // Not understood at all: then the timeline shows what came, without the query, which may hold secrets.
            _ if facts.op.is_none() => {
                let (method, path) = (&self.head.method, self.head.raw_path());
                facts.say(format!("{method} {path}, host {:?}", without_userinfo(self.head.host_and_port())));
            }
            _ => {}
        });
        let op = self.live.facts().op;
        self.core.dialect.refuse(&self.context(op), refusal)
    }

    fn context(&self, op: Option<Op>) -> Context<'_> {
        let now = date::wall();
        Context {
            head: &self.head,
            realm: &self.core.realm,
            op,
            date: self.core.clock.lock().judge(now),
            dates: &self.core.dates,
            elapsed_millis: now.as_millis().saturating_sub(self.since.as_millis()).max(0) as u64,
            entropy: Entropy::of(self.core.seed ^ REQUESTS, self.live.number),
        }
    }

    /// The exchange is over: it is journaled, and its part no longer in flight.
    pub fn end(mut self: Box<Self>, end: End) {
        self.finish(end);
    }

    /// How an answered exchange ended.
    pub fn ending(&self, status: u16, denial: Option<&Denial>) -> End {
        let row = |refusal: &Refusal| self.core.dialect.row(&self.head, refusal);
        match denial {
            None => End::Answered(status),
            Some(Denial::Words { code, .. }) => End::RefusedSo(status, code.clone()),
            Some(Denial::Refusal(refusal @ Refusal::NotImplemented { .. })) => End::Unmodelled(row(refusal)),
            Some(Denial::Refusal(refusal) | Denial::Reset(refusal)) => End::Refused(row(refusal)),
        }
    }

    fn finish(&mut self, end: End) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let Some(ticket) = self.ticket.take() {
            self.core.store.lock().withdraw(ticket);
        }
        let dropped = {
            let mut journal = self.core.journal.lock();
            journal.end(&self.live, self.core.tick(), end)
        };
        // Freed here, with no lock held.
        drop(dropped);
        self.core.changed.notify(usize::MAX);
    }

    fn note(&self, write: impl FnOnce(&mut Facts)) {
        write(&mut self.live.facts());
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.finish(if self.core.out.load(Relaxed) { End::Cut } else { End::Abandoned });
    }
}

/// Answers a request whose body is all there, without any door; as `acting_as`, if that is given, whatever its proof.
pub fn answer(core: &Arc<Core>, parts: Parts, body: Bytes, acting_as: Option<Principal>) -> Leaving {
    let mut exchange = core.arrive(parts);
    exchange.acting_as = acting_as;
    exchange.live.receive(body.len() as u64);
    let result = exchange.prepare().and_then(|prepared| {
        let mut receiving = Receiving::new(prepared.body(), core, &exchange.head);
        receiving.push(body)?;
        Ok((prepared, receiving.finish()?))
    });
    match result {
        Ok((prepared, received)) => carry_out(exchange, &prepared, received),
        Err(refusal) => conclude(exchange, Err(refusal.into())),
    }
}

/// Answers what a door could not read as a request: with this refusal, to as much of the head as was read. The journal has
/// it as no HTTP, and why.
pub fn answer_malformed(core: &Arc<Core>, parts: Parts, refusal: &Refusal, why: &str) -> Leaving {
    let exchange = core.arrive(parts);
    let reply = exchange.refuse(refusal);
    exchange.note(|facts| facts.say(why));
    leave(exchange, reply, End::Malformed)
}

/// The second half of an exchange, without a pause.
pub fn carry_out(mut exchange: Box<Exchange>, prepared: &Prepared, received: Received) -> Leaving {
    let result = exchange.act(prepared, received);
    conclude(exchange, result)
}

/// Turns what came of a request into its reply and journals it.
pub fn conclude(exchange: Box<Exchange>, result: Result<Reply, Denial>) -> Leaving {
    let denial = result.as_ref().err().cloned();
    let reply = result.unwrap_or_else(|denial| exchange.deny(&denial));
    let end = exchange.ending(reply.status.as_u16(), denial.as_ref());
    leave(exchange, reply, end)
}

/// Journals an exchange and sends its reply on its way.
fn leave(mut exchange: Box<Exchange>, mut reply: Reply, end: End) -> Leaving {
    if exchange.head.method == "HEAD" {
        reply.body = VecDeque::new();
    }
    let used = mem::take(&mut exchange.head.headers).into_map();
    exchange.end(end);
    reply.leave(used)
}
