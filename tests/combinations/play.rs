//! Plays a script on a fake and on the model, and compares both after each step: every exchange, every upload, every object,
//! what clients heard, what gates hold, what faults did, and what the fake complains of.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use bytes::Bytes;
use fake_bucket::{Action, At, Credentials, Fake, Gate, Grants, InstalledFault, Provider, Select};
use http::Request;
use tokio::time::timeout;

use crate::{
    client::{BYTES, Client, ETAG, Wire, proof},
    model::{Heard, Key, Phase, Stage, Way, World, failure},
    script::{Ask, Choice, Door, Rights, Script, Step, Trouble},
    shown::Shown,
};

/// How long the fake may take to come to where the model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as a busy machine may need.
    Long,
    /// For scripts that are tried while one that failed is shrunk: each of them may have to be waited for in vain.
    Short,
}

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Self::Long => Duration::from_secs(10),
            Self::Short => Duration::from_millis(500),
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// Plays a script. The error tells the first difference, and where it showed.
pub fn play(script: &Script, patience: Patience) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut play = Play::begin(script, patience);
        for (step, number) in script.steps.iter().zip(1..) {
            let outcome = play.step(step).await;
            outcome.map_err(|why| play.failed(&format!("step {number}, {step:?}: {why}")))?;
        }
        let outcome = play.wind_down().await;
        outcome.map_err(|why| play.failed(&format!("at the end: {why}")))?;
        play.drop_fake()
    })
}

/// The document of a complete.
pub fn manifest(numbers: &[u16]) -> String {
    let part = |number: &u16| format!("<Part><PartNumber>{number}</PartNumber><ETag>{ETAG}</ETag></Part>");
    let parts: String = numbers.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

/// A rule that aborts uploads after seven days, and the digest of the document.
pub fn rules(provider: Provider) -> (String, &'static str) {
    let (name, days, md5) = match provider {
        Provider::Oss => ("AbortMultipartUpload", "Days", "LWi71jtIN0cpumsKs5iZbw=="),
        _ => ("AbortIncompleteMultipartUpload", "DaysAfterInitiation", "PwCiqXzqU4xU+x5cTTenoQ=="),
    };
    let rule = format!(
        "<Rule><ID>stale</ID><Prefix></Prefix><Status>Enabled</Status><{name}><{days}>7</{days}></{name}></Rule>"
    );
    (format!("<LifecycleConfiguration>{rule}</LifecycleConfiguration>"), md5)
}

struct Play {
    door: Door,
    limit: Duration,
    /// `None` once it was dropped.
    fake: Option<Fake>,
    world: World,
    keys: Vec<Credentials>,
    /// One for each request of the model; `None` once it is over.
    clients: Vec<Option<Client>>,
    gates: Vec<Option<Gate>>,
    faults: Vec<Option<InstalledFault>>,
    /// Numbers and ids that were seen, each for one thing.
    gate_numbers: BTreeSet<u64>,
    fault_numbers: BTreeSet<u64>,
    upload_ids: BTreeSet<String>,
}

impl Play {
    fn begin(script: &Script, patience: Patience) -> Self {
        let builder = Fake::of(script.provider).trusting().seed(script.seed).min_part_size(1);
        let builder = match script.late_parts {
            Some(late_parts) => builder.late_parts(late_parts),
            None => builder,
        };
        let fake = match script.door {
            Door::Service => builder.build(),
            Door::Socket => builder.start(),
        };
        Self {
            door: script.door,
            limit: patience.limit(),
            keys: vec![fake.owner(), fake.writer(), fake.stranger()],
            fake: Some(fake),
            world: World::new(script),
            clients: Vec::new(),
            gates: Vec::new(),
            faults: Vec::new(),
            gate_numbers: BTreeSet::new(),
            fault_numbers: BTreeSet::new(),
            upload_ids: BTreeSet::new(),
        }
    }

    /// What is told of a difference. The fake is not to complain as well.
    fn failed(&mut self, why: &str) -> String {
        let why = format!("{why}\n\n{}", self.fake().timeline());
        let _ = self.drop_fake();
        why
    }

    fn fake(&self) -> &Fake {
        self.fake.as_ref().expect("a fake that was not dropped")
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Send(key, ask) => self.send(usize::from(*key) % self.keys.len(), ask).await?,
            Step::Finish(which) => self.finish(*which).await,
            Step::Leave(which) => self.leave(*which).await,
            Step::Hold { choice, at, named } => self.hold(choice, *at, *named)?,
            Step::Release(gate) => self.open(*gate, Way::On)?,
            Step::Refuse(gate, status) => self.open(*gate, Way::Refuse(*status))?,
            Step::Cut(gate) => self.open(*gate, Way::Cut)?,
            Step::DropGate(gate) => {
                if let Some(gate) = pick(&self.gates, *gate) {
                    self.world.drop_gate(gate);
                    self.gates[gate] = None;
                }
            }
            Step::Fault { choice, troubles, always } => {
                // Whether a request has come to a stall does not show from outside.
                let mut troubles = troubles.clone();
                if self.door == Door::Socket {
                    troubles.retain(|trouble| *trouble != Trouble::Stall);
                }
                troubles.truncate(if *always { 1 } else { troubles.len() });
                if let Some(first) = troubles.first() {
                    let select = select(choice);
                    let installed = match always {
                        true => self.fake().fault_always(select, first.fault()),
                        false => self.fake().faults(select, troubles.iter().map(|trouble| trouble.fault())),
                    };
                    same("a number used twice", self.fault_numbers.insert(installed.number()), true)?;
                    self.faults.push(Some(installed));
                    self.world.fault(choice, &troubles, *always);
                }
            }
            Step::ReleaseAborts(fault) => {
                if let Some(fault) = pick(&self.faults, *fault) {
                    self.world.release_aborts(fault);
                    self.faults[fault].as_ref().expect("a fault that is there").release();
                }
            }
            Step::DropFault(fault) => {
                if let Some(fault) = pick(&self.faults, *fault) {
                    self.world.drop_fault(fault);
                    self.faults[fault] = None;
                }
            }
            Step::Reset => {
                self.world.reset();
                self.fake().reset();
            }
            Step::Minute => {
                self.world.advance(60);
                self.fake().advance_clock(Duration::from_secs(60));
            }
            Step::Month => {
                self.world.advance(30 * 86_400);
                self.fake().advance_clock(30 * DAY);
            }
            Step::Grant(who, rights) => {
                self.world.grant(*who, *rights);
                self.fake().grant(who.name(), grants(*rights));
            }
            Step::Temporary(who) => {
                let of = self.world.keys.iter().position(|key| key.who == *who).expect("a key of each");
                if !self.world.keys[of].revoked {
                    let credentials = self.fake().temporary(&self.keys[of], DAY);
                    self.keys.push(credentials);
                    self.world.keys.push(Key { who: *who, revoked: false });
                }
            }
            Step::Revoke(key) => {
                let key = usize::from(*key) % self.keys.len();
                let revoked = self.fake().revoke(&self.keys[key]);
                same("a key is revoked", revoked, !std::mem::replace(&mut self.world.keys[key].revoked, true))?;
            }
            Step::AbortUpload(upload) => self.behind(*upload, World::abort_upload, Fake::abort_upload)?,
            Step::CompleteUpload(upload) => self.behind(*upload, World::complete_upload, Fake::complete_upload)?,
            Step::DeleteBucket => {
                let was = self.world.delete_bucket();
                let bucket = self.fake().bucket().to_owned();
                same("the bucket is deleted", self.fake().delete_bucket(&bucket), was)?;
            }
            Step::Quiesce => {
                let quiet = self
                    .world
                    .requests
                    .iter()
                    .all(|request| request.end.is_some() || request.generation != self.world.generation);
                if quiet {
                    timeout(self.limit, self.fake().quiesce()).await.map_err(|_| "it is not quiet".to_owned())?;
                }
            }
            Step::Verify => {
                let complains = catch_unwind(AssertUnwindSafe(|| self.fake().verify())).is_err();
                same("verify() fails", complains, !self.world.complaints().is_empty())?;
            }
        }
        self.compare().await
    }

    async fn send(&mut self, key: usize, ask: &Ask) -> Result<(), String> {
        let wire = self.wire(key, ask);
        let at = self.world.arrive(key, ask);
        let client = if *ask == Ask::Lifecycle {
            let (body, md5) = rules(self.world.provider);
            let request = Request::put(wire.target).header("host", "127.0.0.1").header("content-md5", md5);
            let request = request.header("content-length", body.len()).body(Bytes::from(body)).expect("a request");
            let status = self.fake().answer_as("owner", request).status().as_u16();
            same("the reply", Heard::Status(status), self.world.requests[at].heard)?;
            None
        } else {
            let wire = Wire { half: !self.world.requests[at].all_sent, ..wire };
            Some(Client::send(self.fake(), self.door, wire).await)
        };
        self.clients.push(client);
        Ok(())
    }

    fn wire(&self, key: usize, ask: &Ask) -> Wire {
        let bucket = self.fake().bucket();
        let id = |upload: u8| match self.world.upload(upload) {
            Some(upload) => self.world.uploads[upload].id.clone().expect("an upload that was seen"),
            None => "0123456789ABCDEF0123456789ABCDEF".to_owned(),
        };
        let of = |upload: u8, query: &str| {
            let key = self.world.upload(upload).map_or("a", |upload| self.world.uploads[upload].key);
            format!("/{bucket}/{key}?{query}uploadId={}", id(upload))
        };
        let none = String::new;
        let (method, target, body) = match ask {
            Ask::Initiate { key } => ("POST", format!("/{bucket}/{key}?uploads"), none()),
            Ask::Part { upload, number, .. } => {
                ("PUT", of(*upload, &format!("partNumber={number}&")), BYTES.to_owned())
            }
            Ask::Copy { upload, number } => ("PUT", of(*upload, &format!("partNumber={number}&")), none()),
            Ask::Complete { upload, numbers } => ("POST", of(*upload, ""), manifest(numbers)),
            Ask::Abort { upload } => ("DELETE", of(*upload, ""), none()),
            Ask::List { upload } => ("GET", of(*upload, ""), none()),
            Ask::Put { key, .. } => ("PUT", format!("/{bucket}/{key}"), BYTES.to_owned()),
            Ask::Lifecycle => ("PUT", format!("/{bucket}?lifecycle"), none()),
            Ask::Unmodelled => ("GET", format!("/{bucket}/?qos"), none()),
        };
        let provider = self.world.provider;
        let mut headers = vec![("authorization", proof(provider, &self.keys[key].access_key_id))];
        if let Ask::Copy { .. } = ask {
            let host = self.fake().service_host();
            headers.push(match provider {
                Provider::Cos => ("x-cos-copy-source", format!("{bucket}.{host}/src")),
                Provider::Oss => ("x-oss-copy-source", format!("/{bucket}/src")),
                _ => ("x-obs-copy-source", format!("/{bucket}/src")),
            });
        }
        Wire { method, target, headers, body, half: false }
    }

    async fn finish(&mut self, which: u8) {
        let unsent = |at: &usize| !self.world.requests[*at].all_sent && !self.world.requests[*at].left;
        let unsent: Vec<usize> = self.world.in_flight().into_iter().filter(unsent).collect();
        if let Some(at) = nth(&unsent, which) {
            self.world.finish(at);
            self.clients[at].as_mut().expect("a client that waits").finish().await;
        }
    }

    async fn leave(&mut self, which: u8) {
        let there = |at: &usize| !self.world.requests[*at].left && self.world.may_leave(*at, self.door);
        let there: Vec<usize> = self.world.in_flight().into_iter().filter(there).collect();
        if let Some(at) = nth(&there, which) {
            self.world.leave(at);
            self.clients[at].take().expect("a client that waits").leave().await;
        }
    }

    fn hold(&mut self, choice: &Choice, at: At, named: bool) -> Result<(), String> {
        // A byte that has arrived may not have passed its point yet, where another thread reads.
        let reading = self.world.requests.iter().any(|request| request.stage == Stage::Body);
        let at = match at {
            At::Byte(stop) if stop <= 5 && self.door == Door::Socket && reading => At::Byte(6),
            at => at,
        };
        let gate = self.fake().hold(select(choice), at);
        let gate = if named { gate.named(format!("gate {}", self.gates.len())) } else { gate };
        same("a number used twice", self.gate_numbers.insert(gate.number()), true)?;
        self.gates.push(Some(gate));
        self.world.hold(choice, at);
        Ok(())
    }

    fn open(&mut self, which: u8, way: Way) -> Result<(), String> {
        let Some(at) = pick(&self.gates, which) else { return Ok(()) };
        let held = self.gates[at].as_ref().expect("a gate that is there").held();
        let expected = match self.world.gates[at].phase {
            Phase::Holding(request) => Some(self.world.requests[request].number),
            _ => None,
        };
        same("what the gate holds", held.as_ref().map(|held| held.number), expected)?;
        let Some(held) = held else { return Ok(()) };
        let Phase::Holding(request) = self.world.gates[at].phase else { unreachable!("it holds something") };
        self.world.gates[at].taken = true;
        // A client that has not sent all of its body yet would be waited for before it is refused.
        let way = if self.world.requests[request].all_sent || way == Way::On { way } else { Way::Cut };
        self.world.open(at, way);
        match way {
            Way::On => held.release(),
            Way::Refuse(status) => held.refuse(failure(status)),
            Way::Cut => held.cut(),
        }
        Ok(())
    }

    fn behind(
        &mut self,
        named: u8,
        predict: fn(&mut World, usize) -> bool,
        act: fn(&Fake, &str) -> bool,
    ) -> Result<(), String> {
        let Some(upload) = self.world.upload(named) else { return Ok(()) };
        let expected = predict(&mut self.world, upload);
        let id = self.world.uploads[upload].id.clone().expect("an upload that was seen");
        same("there was such an upload", act(self.fake(), &id), expected)
    }

    /// Waits until the fake is where the model is, and compares all that shows.
    async fn compare(&mut self) -> Result<(), String> {
        let (expected, complaints) = (Shown::of_world(&self.world), self.world.complaints());
        let fake = self.fake();
        // An exchange may be held at the same point before and after a gate let it go: only the complaints tell.
        let complains = |found: &[String]| {
            found.len() == complaints.len()
                && found.iter().zip(&complaints).all(|(found, begin)| found.starts_with(begin))
        };
        let arrived = fake.wait_until(|state| Shown::of_fake(fake, state) == expected && complains(&fake.complaints()));
        if timeout(self.limit, arrived).await.is_err() {
            let (shown, found) = (Shown::of_fake(fake, &fake.snapshot()), fake.complaints());
            return Err(match shown == expected {
                true => format!("complaints: {found:#?}\nexpected: {complaints:#?}"),
                false => expected.difference(&shown),
            });
        }
        let left_behind = complaints.iter().filter(|it| !it.starts_with("not modelled") && !it.starts_with("idle"));
        same("how much leaks() names", fake.leaks().len(), left_behind.count())?;
        self.learn_ids()?;
        self.hear().await?;
        self.compare_guards()
    }

    /// The ids of new uploads.
    fn learn_ids(&mut self) -> Result<(), String> {
        let generation = self.world.generation;
        let uploads = self.fake().uploads();
        let current = self.world.uploads.iter_mut().filter(|upload| upload.generation == generation);
        for (upload, record) in current.zip(uploads) {
            if upload.id.is_none() {
                same("an id used twice", self.upload_ids.insert(record.upload_id.clone()), true)?;
                upload.id = Some(record.upload_id);
            } else {
                same("the id of an upload", Some(record.upload_id), upload.id.clone())?;
            }
        }
        Ok(())
    }

    /// What clients heard whose requests are over.
    async fn hear(&mut self) -> Result<(), String> {
        for (at, client) in self.clients.iter_mut().enumerate() {
            let request = &self.world.requests[at];
            if request.end.is_none() {
                continue;
            }
            let Some(client) = client.take() else { continue };
            let heard = client.heard(self.limit).await.map_err(|why| format!("#{}: {why}", request.number))?;
            let expected = match request.heard {
                Heard::Nothing => heard.is_none(),
                Heard::Status(status) => heard == Some(status),
                Heard::Perhaps(status) => heard.is_none_or(|heard| heard == status),
            };
            if !expected {
                return Err(format!("the client of #{} heard {heard:?}, not {:?}", request.number, request.heard));
            }
        }
        Ok(())
    }

    /// What gates hold, and what faults did.
    fn compare_guards(&self) -> Result<(), String> {
        for (gate, model) in self.gates.iter().zip(&self.world.gates) {
            if let (Some(gate), Phase::Armed | Phase::Open | Phase::Idle) = (gate, model.phase)
                && let Some(held) = gate.held()
            {
                return Err(format!("{gate:?} holds {held:?}, and should hold nothing"));
            }
        }
        for (fault, model) in self.faults.iter().zip(&self.world.faults) {
            if let Some(fault) = fault {
                same(&format!("how often {fault:?} happened"), fault.fired(), model.fired)?;
            }
        }
        Ok(())
    }

    /// Lets everything go on that is held, and every client go away that still waits.
    async fn wind_down(&mut self) -> Result<(), String> {
        for gate in 0..self.gates.len() {
            if self.gates[gate].take().is_some() {
                self.world.drop_gate(gate);
                self.compare().await?;
            }
        }
        while let Some(at) = self.world.in_flight().into_iter().find(|at| self.world.may_leave(*at, self.door)) {
            self.world.leave(at);
            if let Some(client) = self.clients[at].take() {
                client.leave().await;
            }
            self.compare().await?;
        }
        self.compare().await
    }

    /// Drops the fake: it complains if there is something to complain of.
    fn drop_fake(&mut self) -> Result<(), String> {
        let (fake, complains) = (self.fake.take(), !self.world.complaints().is_empty());
        let complained = catch_unwind(AssertUnwindSafe(|| drop(fake))).is_err();
        same("dropping the fake fails", complained, complains)
    }
}

/// One of those that are still there.
fn pick<T>(all: &[Option<T>], which: u8) -> Option<usize> {
    let there: Vec<usize> = (0..all.len()).filter(|at| all[*at].is_some()).collect();
    // The latest first.
    nth(&there.into_iter().rev().collect::<Vec<_>>(), which)
}

fn nth(all: &[usize], which: u8) -> Option<usize> {
    (!all.is_empty()).then(|| all[usize::from(which) % all.len()])
}

fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}")) }
}

fn select(choice: &Choice) -> Select {
    let Choice { op, key, number, by, even, nth } = choice;
    let mut select = op.map_or_else(Select::any, Select::from);
    if let Some(key) = key {
        select = select.key(*key);
    }
    if let Some(number) = number {
        select = select.number(*number);
    }
    if let Some(who) = by {
        select = select.by(who.name());
    }
    if *even {
        select = select.matching("of an even number", |it| it.number() % 2 == 0);
    }
    match nth {
        Some(nth) => select.nth(*nth),
        None => select,
    }
}

fn grants(rights: Rights) -> Grants {
    match rights {
        Rights::All => Grants::all(),
        Rights::NoAborts => Grants::all().without(Action::AbortMultipartUpload),
        Rights::None => Grants::none(),
    }
}
