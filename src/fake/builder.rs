//! Setting a fake up.

#[cfg(feature = "server")]
mod code;
#[cfg(feature = "server")]
pub(crate) use code::span;

use std::{
    net::{Ipv4Addr, SocketAddr},
    panic::Location,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Fake, Verification, credentials::new_key};
#[cfg(feature = "server")]
use crate::door::Server;
use crate::{
    dialect::{Keyring, Provider, Realm, Scene},
    exchange::{Core, ProofAsked, Retention, acts::Acts, fault::Faults, gate::Gates, journal::Journal, later::Later},
    sharing::{AtomicBool, AtomicU64, Event, Mutex, RwLock},
    store::{
        AbortRight, AccessKey, Account, Action, BucketName, Clock, FramedBodies, Gaps, Grants, LateParts, Mint,
        Principal, Role, Rules, Secret, Standing, Store, Timestamp, User,
    },
    wire::date::{self, HttpDates},
};

/// How long a client may pause within a body unless a test says otherwise.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Exchanges the journal keeps unless a test says otherwise: far more than a test sends, and listed in a second.
const JOURNAL_LIMIT: usize = 50_000;

/// Sets a [`Fake`] up.
#[derive(Clone, Debug)]
#[must_use = "a fake that is not started does nothing"]
pub struct FakeBuilder {
    provider: Provider,
    pub(super) scene: Scene,
    rules: Rules,
    region: String,
    pub(super) buckets: Vec<String>,
    domains: Vec<(String, String)>,
    sub_accounts: Vec<(String, Grants)>,
    proof: ProofAsked,
    retention: Retention,
    body_timeout: Duration,
    journal_limit: usize,
    seed: Option<u64>,
    clock_start: Option<Timestamp>,
    clock_still: bool,
    access_keys: Vec<(String, String, Secret)>,
    listen: SocketAddr,
    pub(super) verification: Verification,
}

impl FakeBuilder {
    pub(super) fn new(provider: Provider) -> Self {
        let scene = provider.dialect().scene();
        Self {
            provider,
            scene,
            rules: provider.dialect().rules(),
            region: scene.region.to_owned(),
            buckets: vec![scene.bucket.to_owned()],
            domains: Vec::new(),
            sub_accounts: vec![("writer".to_owned(), Grants::all().without(Action::AbortMultipartUpload))],
            proof: ProofAsked::Verified,
            retention: Retention::Bytes,
            body_timeout: BODY_TIMEOUT,
            journal_limit: JOURNAL_LIMIT,
            seed: None,
            clock_start: None,
            clock_still: false,
            access_keys: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            verification: Verification { on_drop: true, open_uploads_allowed: false },
        }
    }

    /// Starts with these buckets of the owner's instead of the provider's default one.
    pub fn buckets<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.buckets = names.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a bucket of the owner's.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.buckets.push(name.into());
        self
    }

    /// Pretends to be in another region.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Binds a custom domain to a bucket: requests with that `Host` need not name the bucket.
    pub fn custom_domain(mut self, host: impl Into<String>, bucket: impl Into<String>) -> Self {
        self.domains.push((host.into().to_ascii_lowercase(), bucket.into()));
        self
    }

    /// Adds a sub-account of the owner's account.
    pub fn sub_account(mut self, name: impl Into<String>, grants: Grants) -> Self {
        self.sub_accounts.push((name.into(), grants));
        self
    }

    /// Takes the access key's word for who asks, without looking at signatures. Requests without an access key, or with
    /// one that is not known, act as the owner; those with the access key id `anonymous` act as nobody.
    ///
    /// A client that signs nothing names its principal by an access key id where a signature would name it, with anything
    /// for the signature: `Authorization: OSS ID:x`, `Authorization: OBS ID:x` or, on COS, `Authorization: q-ak=ID`; in the
    /// URL `?OSSAccessKeyId=ID`, `?AccessKeyId=ID` or `?q-ak=ID`. The id is that of the principal's
    /// [credentials](Fake::credentials), or one of the test's own choosing ([`FakeBuilder::access_key`]).
    ///
    /// ```
    /// use bytes::Bytes;
    /// use fake_bucket::Fake;
    ///
    /// let oss = Fake::oss().trusting().access_key("writer", "w", "").build();
    /// let list = |proof: &str| {
    ///     let list = http::Request::get("/examplebucket/").header("host", "127.0.0.1").header("authorization", proof);
    ///     oss.answer(list.body(Bytes::new()).unwrap()).status()
    /// };
    /// assert_eq!(list(&format!("OSS {}:x", oss.stranger().access_key_id)), 403);
    /// assert_eq!(list("OSS w:x"), 200);
    /// assert_eq!(oss.journal()[1].principal.as_deref(), Some("writer"));
    /// ```
    pub fn trusting(mut self) -> Self {
        self.proof = ProofAsked::Trusted;
        self
    }

    /// Derives upload ids, request ids and access keys from `seed`, so that the same requests in the same order get the same
    /// ids and times. The clock starts at 2025-06-15T08:30:00Z and moves by one millisecond with each exchange;
    /// signatures are still judged by the wall clock.
    ///
    /// Snapshots repeat from run to run only if requests arrive one after the other. The order in which concurrent requests
    /// arrive is up to the client and the scheduler, and with it their numbers, their times and, after an abort, which
    /// parts were stored before it. Hold the exchanges whose order matters with gates ([`Fake::hold`]).
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the clock at this time, past or future; it runs with the wall clock from there. Signatures are judged by
    /// it, so that recorded requests verify.
    pub fn clock_at(mut self, start: SystemTime) -> Self {
        self.clock_start = Some(date::from_system(start));
        self
    }

    /// Adds an access key of one's own choosing to a principal, by name.
    pub fn access_key(mut self, of: impl Into<String>, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.access_keys.push((of.into(), id.into(), Secret::new(secret.into())));
        self
    }

    /// Lowers (or raises) the bytes a listed part must have unless it is the last, so that tests stay cheap.
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.rules.min_part_size = bytes;
        self
    }

    /// Lowers the bytes a part or a whole object may have, so that going beyond is cheap.
    pub fn max_part_size(mut self, bytes: u64) -> Self {
        self.rules.max_part_size = bytes;
        self
    }

    /// Chooses what becomes of a part in flight when its upload is aborted. The default is the provider's behaviour:
    /// [`LateParts::Fail`] on COS and OBS, [`LateParts::Linger`] on OSS. The guides of OBS leave both outcomes open
    /// ([`LateParts::Either`]).
    pub fn late_parts(mut self, late_parts: LateParts) -> Self {
        self.rules.late_parts = late_parts;
        self
    }

    /// Who may abort an upload. By default the provider's rule: on COS and OSS [`AbortRight::Granted`], on OBS
    /// [`AbortRight::InitiatorOwnerOrGranted`].
    pub fn who_may_abort(mut self, right: AbortRight) -> Self {
        self.rules.abort_right = right;
        self
    }

    /// Whether a complete may skip part numbers. By default it may; the COS pages disagree on it.
    pub fn part_number_gaps(mut self, gaps: Gaps) -> Self {
        self.rules.gaps = gaps;
        self
    }

    /// Takes bodies in `aws-chunked` framing on the S3-compatible face, which the services refuse and newer S3 SDKs send by
    /// default: the frame is taken off as the body comes, chunk signatures and trailing checksums are checked.
    ///
    /// # Source
    /// That they are refused: <https://github.com/pingcap/tidb/issues/65840> (OSS),
    /// <https://github.com/milvus-io/milvus-storage/issues/500> (OBS), <https://github.com/infiniflow/ragflow/issues/15930> (COS).
    pub fn accept_aws_chunked(mut self) -> Self {
        self.rules.framed_bodies = FramedBodies::Taken;
        self
    }

    /// Whether bytes are kept, or only their number and digests.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How long a client may pause within a body, in real time, before its request is refused as timed out. By default 60
    /// seconds: longer than a test that is debugged step by step notices, and soon enough to end a client that hangs.
    pub fn body_timeout(mut self, limit: Duration) -> Self {
        self.body_timeout = limit;
        self
    }

    /// Keeps so many exchanges that are over in the journal, instead of 50,000. Beyond that the oldest ones are dropped, and the
    /// timeline says how many: no assertion sees them any more. Names in refused requests are kept up to 1,024 bytes, the longest
    /// that a key can be.
    ///
    /// # Panics
    /// If the limit is 0.
    #[track_caller]
    pub fn journal_limit(mut self, exchanges: usize) -> Self {
        assert!(exchanges > 0, "a journal keeps an exchange at least");
        self.journal_limit = exchanges;
        self
    }

    /// Holds the clock still: time passes only when [`Fake::advance_clock`] moves it, for signatures as well. So recorded
    /// requests, verified at the time of [`FakeBuilder::clock_at`], are judged alike however long a test takes.
    pub fn clock_still(mut self) -> Self {
        self.clock_still = true;
        self
    }

    /// Listens on this address instead of a free loopback port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Whether dropping the fake verifies it. It does by default.
    pub fn verify_on_drop(mut self, verify: bool) -> Self {
        self.verification.on_drop = verify;
        self
    }

    /// Lets [`Fake::verify`] pass with uploads still open.
    pub fn allow_open_uploads(mut self) -> Self {
        self.verification.open_uploads_allowed = true;
        self
    }

    /// Starts the fake on a port. Needs no async runtime of the caller's: works in a plain `#[test]` and on any executor.
    ///
    /// Do not combine a port with a paused clock (`#[tokio::test(start_paused = true)]`): while a client waits for its
    /// socket, tokio has nothing else to do and advances the paused clock to the client's next time-out, which then fires
    /// although the fake answers within microseconds. Under a paused clock use [`Fake::service`], which needs no socket.
    ///
    /// # Panics
    /// If no port can be opened.
    #[cfg(feature = "server")]
    #[track_caller]
    pub fn start(self) -> Fake {
        self.try_start().unwrap_or_else(|error| panic!("no port for the fake: {error}"))
    }

    /// Starts it on a port.
    ///
    /// # Errors
    /// If the port cannot be opened.
    #[cfg(feature = "server")]
    #[track_caller]
    pub fn try_start(self) -> std::io::Result<Fake> {
        let listen = self.listen;
        let mut fake = self.build();
        fake.server = Some(Server::start(fake.core.clone(), listen)?);
        Ok(fake)
    }

    /// Builds it without a port: [`Fake::answer`] reaches it.
    ///
    /// # Panics
    /// If what was asked for does not fit together: no bucket, one by a name that the provider does not allow, a custom
    /// domain of a bucket that is not there, a key of nobody.
    #[track_caller]
    pub fn build(self) -> Fake {
        assert!(!self.buckets.is_empty(), "a fake needs a bucket");
        for bucket in &self.buckets {
            let name = self.provider.name();
            assert!(self.provider.allows_bucket(bucket), "{name} does not allow a bucket by the name {bucket:?}");
        }
        for (host, bucket) in &self.domains {
            assert!(self.buckets.contains(bucket), "{host} is bound to {bucket:?}, and there is no such bucket");
        }
        let seed = self.seed.unwrap_or_else(unpredictable);
        let owner = root("owner", &self.scene, self.scene.owner);
        let stranger = root("stranger", &self.scene, self.scene.stranger);
        let Beginning { store, clock } = self.beginning(seed, &owner);
        let mut keys = Keyring::default();
        for principal in [owner.clone(), stranger] {
            keys.add(new_key(&self.scene, seed, keys.iter().count(), principal, None));
        }
        let nobody = new_key(&self.scene, seed, keys.iter().count(), Principal::Anonymous, None);
        keys.add(AccessKey { id: "anonymous".to_owned(), ..nobody });
        let domains = self.domains.iter().map(|(host, bucket)| (host.clone(), BucketName::new(bucket))).collect();
        let realm =
            Realm { service_host: (self.scene.service_host)(&self.region), region: self.region.clone(), domains };
        let core = Core {
            provider: self.provider,
            dialect: self.provider.dialect(),
            rules: self.rules.clone(),
            realm,
            proof: self.proof,
            retention: self.retention,
            body_timeout: self.body_timeout,
            owner,
            store: Mutex::new(store),
            keys: RwLock::new(keys),
            clock: Mutex::new(clock),
            journal: Mutex::new(Journal::new(self.journal_limit)),
            acts: Acts::default(),
            timeline_printed: AtomicU64::new(0),
            gates: Gates::default(),
            faults: Faults::default(),
            mocked: Arc::default(),
            later: Later::default(),
            changed: Event::new(),
            ended: Event::new(),
            seed,
            dates: HttpDates::default(),
            ticks: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            out: AtomicBool::new(false),
        };
        let started_at = Location::caller();
        let fake = Fake { core: Arc::new(core), server: None, started_at, settings: self, users: Mutex::new(0) };
        for (name, grants) in &fake.settings.sub_accounts {
            fake.add_sub_account(name, *grants);
        }
        for (name, id, secret) in &fake.settings.access_keys {
            let (id, secret, principal) = (id.clone(), secret.clone(), fake.principal(name));
            fake.core.keys.write().add(AccessKey { id, secret, principal, token: None, standing: Standing::Active });
        }
        fake
    }

    /// The store and the clock as a fake starts with them, and starts anew with them.
    pub(super) fn beginning(&self, seed: u64, owner: &Principal) -> Beginning {
        let mut clock = match self.seed {
            Some(_) => Clock::ticking(Timestamp::from_secs(1_749_976_200)),
            None => Clock::wall(),
        };
        if let Some(start) = self.clock_start {
            clock = clock.starting_at(start, date::wall());
        }
        if self.clock_still {
            clock = Clock::still(clock.judge(date::wall()));
        }
        let now = clock.read(date::wall());
        let account = owner.account().expect("the owner has an account");
        let mut store = Store::new(self.rules.clone(), Mint::new(seed), account.clone());
        for bucket in &self.buckets {
            store.seed_bucket(BucketName::new(bucket), account.clone(), now);
        }
        for (name, grants) in &self.sub_accounts {
            store.set_grants(name, *grants);
        }
        Beginning { store, clock }
    }
}

/// What a fake starts with.
pub(super) struct Beginning {
    pub(super) store: Store,
    pub(super) clock: Clock,
}

fn root(name: &str, scene: &Scene, (id, alias): (&str, &str)) -> Principal {
    let account = Arc::new(Account { id: id.to_owned(), alias: alias.to_owned() });
    Principal::User(Arc::new(User { name: name.to_owned(), id: (scene.user_id)(id, 0), account, role: Role::Root }))
}

/// A seed nobody chose: std's own hash keys, so that two fakes do not hand out the same ids.
fn unpredictable() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
