//! FLOOR 5: what a test holds: a fake, how it is set up, and who may knock at it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::AtomicU64},
    thread,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use event_listener::Event;
use http::{Request, Response};
use parking_lot::{Mutex, RwLock};

use crate::{
    dialect::{Keyring, Provider, Realm, Scene},
    door::Server,
    exchange::{self, Core, ProofAsked, Retention, gate::Gates, journal::Journal},
    snapshot::{ExchangeRecord, Snapshot, UploadRecord, exchanges},
    store::{
        AbortRight, AccessKey, Account, Action, BucketName, Clock, Entropy, Gaps, Grants, LateParts, Mint, Principal,
        Role, Rules, Secret, Store, Timestamp, Token, User,
    },
    timeline::Timeline,
    wire::{date, encode::hex},
};

/// A fake object store, listening on a loopback port (or on none).
///
/// It starts with one bucket, owned by the root account [`Fake::owner`]. [`Fake::writer`] is a sub-account of the same
/// account that may do everything except abort other people's uploads: on COS and OSS it lacks the permission to abort,
/// on OBS it may abort what it initiated. [`Fake::stranger`] is the root of another account, without any grant.
///
/// Dropping the fake closes its port and verifies it: see [`Fake::verify`].
///
/// ```
/// # #[cfg(feature = "server")] {
/// let oss = fake_bucket::Fake::oss().start();
/// assert!(oss.endpoint().starts_with("http://127.0.0.1:"));
/// // .. point a client at it, with oss.owner()'s keys ..
/// oss.assert_no_leaks();
/// # }
/// ```
pub struct Fake {
    pub(crate) core: Arc<Core>,
    server: Option<Server>,
    scene: Scene,
    bucket: String,
    verification: Verification,
    users: Mutex<usize>,
}

/// What is verified when a fake is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verification {
    pub(crate) on_drop: bool,
    pub(crate) open_uploads_allowed: bool,
}

/// An access key and what goes with it: what a client needs to act as somebody.
///
/// Debug output hides the secret and the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The name of the principal: `owner`, `writer`, `stranger`, or a name the test gave.
    pub name: String,
    /// The access key id (COS: SecretId).
    pub access_key_id: String,
    secret: Secret,
    token: Option<Secret>,
}

impl Credentials {
    /// The secret access key (COS: SecretKey).
    pub fn secret_access_key(&self) -> &str {
        self.secret.reveal()
    }

    /// The security token, for temporary credentials.
    pub fn security_token(&self) -> Option<&str> {
        self.token.as_ref().map(Secret::reveal)
    }
}

/// Sets a [`Fake`] up.
#[derive(Clone, Debug)]
#[must_use = "a fake that is not started does nothing"]
pub struct FakeBuilder {
    provider: Provider,
    scene: Scene,
    rules: Rules,
    region: String,
    buckets: Vec<String>,
    domains: Vec<(String, String)>,
    sub_accounts: Vec<(String, Grants)>,
    proof: ProofAsked,
    retention: Retention,
    seed: Option<u64>,
    clock_start: Option<Timestamp>,
    access_keys: Vec<(String, String, String)>,
    listen: SocketAddr,
    verification: Verification,
}

impl Fake {
    /// A fake of Tencent COS. Its bucket is `examplebucket-1250000000`.
    pub fn cos() -> FakeBuilder {
        Self::of(Provider::Cos)
    }

    /// A fake of Alibaba OSS. Its bucket is `examplebucket`.
    pub fn oss() -> FakeBuilder {
        Self::of(Provider::Oss)
    }

    /// A fake of Huawei OBS. Its bucket is `examplebucket`.
    pub fn obs() -> FakeBuilder {
        Self::of(Provider::Obs)
    }

    /// A fake of any provider.
    pub fn of(provider: Provider) -> FakeBuilder {
        let scene = provider.dialect().scene();
        FakeBuilder {
            provider,
            scene,
            rules: provider.dialect().rules(),
            region: scene.region.to_owned(),
            buckets: vec![scene.bucket.to_owned()],
            domains: Vec::new(),
            sub_accounts: vec![("writer".to_owned(), Grants::all().without(Action::AbortMultipartUpload))],
            proof: ProofAsked::Verified,
            retention: Retention::Bytes,
            seed: None,
            clock_start: None,
            access_keys: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            verification: Verification { on_drop: true, open_uploads_allowed: false },
        }
    }

    /// The provider it stands for.
    pub fn provider(&self) -> Provider {
        self.core.provider
    }

    /// Where it listens, as a URL: `http://127.0.0.1:PORT`. Requests to it are path style, `/BUCKET/KEY`, unless their
    /// `Host` header names a bucket. The same URL serves as an HTTP proxy for clients that keep to their real host names.
    ///
    /// # Panics
    /// If the fake was built without a port.
    #[track_caller]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.socket_address())
    }

    /// Where it listens.
    ///
    /// # Panics
    /// If the fake was built without a port.
    #[track_caller]
    pub fn socket_address(&self) -> SocketAddr {
        self.server.as_ref().expect("this fake was built without a port").address()
    }

    /// The name of its first bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The region it pretends to be in, as clients sign it.
    pub fn region(&self) -> &str {
        &self.core.realm.region
    }

    /// The host name of the real service in that region. `BUCKET.` in front of it makes a virtual host.
    pub fn service_host(&self) -> &str {
        &self.core.realm.service_host
    }

    /// The root of the account that owns the bucket.
    pub fn owner(&self) -> Credentials {
        self.credentials("owner")
    }

    /// A sub-account of that account. It may do everything except abort other people's uploads.
    pub fn writer(&self) -> Credentials {
        self.credentials("writer")
    }

    /// The root of another account, without any grant.
    pub fn stranger(&self) -> Credentials {
        self.credentials("stranger")
    }

    /// The permanent credentials of a principal, by name.
    ///
    /// # Panics
    /// If there is none of that name.
    #[track_caller]
    pub fn credentials(&self, name: &str) -> Credentials {
        let keys = self.core.keys.read();
        let key = keys.iter().find(|key| key.principal.name() == name && key.token.is_none());
        credentials_of(key.unwrap_or_else(|| panic!("no principal is called {name:?}")))
    }

    /// Adds a sub-account of the owner's account.
    pub fn add_sub_account(&self, name: &str, grants: Grants) -> Credentials {
        let owner = self.core.owner.account().expect("the owner has an account").clone();
        let mut users = self.users.lock();
        *users += 1;
        let id = (self.scene.user_id)(&owner.id, *users);
        let user = User { name: name.to_owned(), account: owner, id, role: Role::SubAccount };
        self.core.store.lock().set_grants(name, grants);
        self.add_key(Principal::User(Arc::new(user)), None)
    }

    /// Changes what a principal may do, by name (`anonymous` for unsigned requests). The root of an account needs no
    /// grants in its own buckets.
    pub fn grant(&self, name: &str, grants: Grants) {
        self.core.store.lock().set_grants(name, grants);
        self.core.changed.notify(usize::MAX);
    }

    /// Temporary credentials for the same principal, good for `lifetime`.
    ///
    /// # Panics
    /// If `of` is not a principal of this fake.
    #[track_caller]
    pub fn temporary(&self, of: &Credentials, lifetime: Duration) -> Credentials {
        let key = self.core.keys.read().get(&of.access_key_id).map(|key| key.principal.clone());
        let principal = key.unwrap_or_else(|| panic!("{:?} is no principal of this fake", of.name));
        self.add_key(principal, Some(self.core.judged_now().plus(lifetime)))
    }

    /// Moves the fake's clock forward: signatures expire, new uploads and objects are dated later.
    pub fn advance_clock(&self, by: Duration) {
        self.core.clock.lock().advance(by);
        self.core.changed.notify(usize::MAX);
    }

    /// Every upload there ever was, in the order they were initiated.
    pub fn uploads(&self) -> Vec<UploadRecord> {
        self.snapshot().uploads
    }

    /// Every exchange, those in flight included, in order of arrival.
    pub fn journal(&self) -> Vec<ExchangeRecord> {
        exchanges(&self.core)
    }

    /// Everything it holds at this moment.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.core)
    }

    /// What happened, for people to read.
    pub fn timeline(&self) -> Timeline {
        Timeline::of(&self.core)
    }

    /// The bytes of an object of the first bucket. None if there is no such object, or if bytes are not retained.
    pub fn read(&self, key: &str) -> Option<Bytes> {
        self.read_from(&self.bucket, key)
    }

    /// The bytes of an object of any bucket.
    pub fn read_from(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let object = self.core.store.lock().object(bucket, key).cloned()?;
        let mut whole = Vec::with_capacity(usize::try_from(object.size).ok()?);
        for piece in &object.pieces {
            piece.body.content.frames()?.iter().for_each(|frame| whole.extend_from_slice(frame));
        }
        Some(whole.into())
    }

    /// Answers a request without any socket, in the calling thread. Gates do not hold such requests.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use fake_bucket::Fake;
    ///
    /// let oss = Fake::oss().trusting().build();
    /// let request = http::Request::delete("/movie.mp4?uploadId=gone")
    ///     .header("host", format!("{}.{}", oss.bucket(), oss.service_host()))
    ///     .body(Bytes::new())
    ///     .unwrap();
    /// assert_eq!(oss.answer(request).status(), 404);
    /// ```
    pub fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.answer_for(None, request)
    }

    /// Answers a request as [`Fake::answer`] does, but as this principal, whatever the request carries for proof. Good for
    /// setting a scene without signing anything.
    ///
    /// # Panics
    /// If there is no principal of that name.
    #[track_caller]
    pub fn answer_as(&self, name: &str, request: Request<Bytes>) -> Response<Bytes> {
        self.answer_for(Some(self.principal(name)), request)
    }

    fn answer_for(&self, principal: Option<Principal>, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let reply = exchange::answer(&self.core, &parts, body, principal);
        let mut response = Response::new(Vec::from(reply.body).concat().into());
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        response
    }

    #[track_caller]
    fn principal(&self, name: &str) -> Principal {
        let keys = self.core.keys.read();
        let key = keys.iter().find(|key| key.principal.name() == name);
        key.unwrap_or_else(|| panic!("no principal is called {name:?}")).principal.clone()
    }

    pub(crate) fn verification(&self) -> Verification {
        self.verification
    }

    fn add_key(&self, principal: Principal, expires: Option<Timestamp>) -> Credentials {
        let mut keys = self.core.keys.write();
        let key = new_key(&self.scene, self.core.seed, keys.iter().count(), principal, expires);
        let credentials = credentials_of(&key);
        keys.add(key);
        credentials
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if self.verification.on_drop && !thread::panicking() {
            // A client that was just dropped may still be noticed as gone.
            self.settle(Duration::from_secs(1));
            self.verify();
        }
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = self.server.as_ref().map(Server::address);
        f.debug_struct("Fake").field("provider", &self.core.provider).field("address", &address).finish_non_exhaustive()
    }
}

impl FakeBuilder {
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
    pub fn trusting(mut self) -> Self {
        self.proof = ProofAsked::Trusted;
        self
    }

    /// Makes ids, times and so snapshots repeat exactly from run to run. The clock then starts at
    /// 2025-06-15T08:30:00Z and moves by a millisecond with each exchange; signatures are still judged by the wall clock.
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
        self.access_keys.push((of.into(), id.into(), secret.into()));
        self
    }

    /// Lowers (or raises) the bytes a listed part must have unless it is the last, so that tests stay cheap.
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.rules.min_part_size = bytes;
        self
    }

    /// What becomes of a part in flight when its upload is aborted. By default what the provider does: on COS and OBS
    /// [`LateParts::Fail`], on OSS [`LateParts::Linger`].
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

    /// Whether bytes are kept, or only their number and digests.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
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

    /// Starts it on a port. Needs no async runtime of the caller's: works in a plain `#[test]`, on any executor, under a
    /// paused clock.
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
    pub fn try_start(self) -> std::io::Result<Fake> {
        let listen = self.listen;
        let mut fake = self.build();
        fake.server = Some(Server::start(fake.core.clone(), listen)?);
        Ok(fake)
    }

    /// Builds it without a port: [`Fake::answer`] reaches it.
    pub fn build(self) -> Fake {
        let Self { provider, scene, rules, region, sub_accounts, proof, retention, verification, .. } = self;
        let seed = self.seed.unwrap_or_else(unpredictable);
        let mut clock = match self.seed {
            Some(_) => Clock::ticking(Timestamp::from_secs(1_749_976_200)),
            None => Clock::wall(),
        };
        if let Some(start) = self.clock_start {
            clock = clock.starting_at(start, date::wall());
        }
        let now = clock.read(date::wall());
        let owner = root("owner", &scene, scene.owner);
        let stranger = root("stranger", &scene, scene.stranger);
        let account = owner.account().expect("the owner has an account").clone();
        let mut store = Store::new(rules.clone(), Mint::new(seed));
        for bucket in &self.buckets {
            store.seed_bucket(BucketName::new(bucket), account.clone(), now);
        }
        let mut keys = Keyring::default();
        for principal in [owner.clone(), stranger] {
            keys.add(new_key(&scene, seed, keys.iter().count(), principal, None));
        }
        let nobody = new_key(&scene, seed, keys.iter().count(), Principal::Anonymous, None);
        keys.add(AccessKey { id: "anonymous".to_owned(), ..nobody });
        let domains = self.domains.into_iter().map(|(host, bucket)| (host, BucketName::new(bucket))).collect();
        let core = Core {
            provider,
            dialect: provider.dialect(),
            rules,
            realm: Realm { service_host: (scene.service_host)(&region), region, domains },
            proof,
            retention,
            owner,
            store: Mutex::new(store),
            keys: RwLock::new(keys),
            clock: Mutex::new(clock),
            journal: Mutex::new(Journal::default()),
            gates: Gates::default(),
            changed: Event::new(),
            ended: Event::new(),
            seed,
            ticks: AtomicU64::new(0),
        };
        let bucket = self.buckets.first().cloned().unwrap_or_default();
        let users = Mutex::new(0);
        let fake = Fake { core: Arc::new(core), server: None, scene, bucket, verification, users };
        for (name, grants) in sub_accounts {
            fake.add_sub_account(&name, grants);
        }
        for (name, id, secret) in self.access_keys {
            let principal = fake.principal(&name);
            fake.core.keys.write().add(AccessKey { id, secret: Secret::new(secret), principal, token: None });
        }
        fake
    }
}

/// A fake is shared between the threads and tasks of a test.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Fake>();
};

fn root(name: &str, scene: &Scene, (id, alias): (&str, &str)) -> Principal {
    let account = Arc::new(Account { id: id.to_owned(), alias: alias.to_owned() });
    Principal::User(Arc::new(User { name: name.to_owned(), id: (scene.user_id)(id, 0), account, role: Role::Root }))
}

/// A new access key, the `count`th of its fake.
fn new_key(scene: &Scene, seed: u64, count: usize, principal: Principal, expires: Option<Timestamp>) -> AccessKey {
    // Far from where request ids are counted.
    let Entropy([a, b, c, d]) = Entropy::of(!seed, count as u64);
    let token = expires.map(|expires| Token { text: Secret::new(format!("token/{}", hex(d.to_be_bytes()))), expires });
    AccessKey {
        id: format!("{}{a:016X}", scene.key_prefix),
        secret: Secret::new(format!("{b:016x}{c:016x}")),
        principal,
        token,
    }
}

fn credentials_of(key: &AccessKey) -> Credentials {
    Credentials {
        name: key.principal.name().to_owned(),
        access_key_id: key.id.clone(),
        secret: key.secret.clone(),
        token: key.token.as_ref().map(|token| token.text.clone()),
    }
}

/// A seed nobody chose: std's own hash keys, so that two fakes do not hand out the same ids.
fn unpredictable() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
