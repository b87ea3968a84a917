//! FLOOR 5: what a test holds: a fake, how it is set up, and who may knock at it.

mod builder;
mod credentials;
#[cfg(feature = "server")]
mod outage;

use std::{
    collections::BTreeSet,
    mem,
    net::SocketAddr,
    panic::Location,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use builder::Beginning;
pub use builder::FakeBuilder;
#[cfg(feature = "server")]
pub(crate) use builder::span;
pub use credentials::Credentials;
use credentials::{credentials_of, new_key};
#[cfg(feature = "server")]
pub use outage::Outage;

use bytes::Bytes;
use http::{Request, Response};

use crate::{
    dialect::Provider,
    door::Server,
    exchange::{self, Core},
    sharing::Mutex,
    snapshot::{ExchangeRecord, Snapshot, UploadRecord, exchanges},
    store::{AccessKey, Grants, Manifest, Principal, Role, Timestamp, UploadId, User},
    timeline::Timeline,
    wire::date,
};

/// A fake object store, listening on a loopback port (or on none).
///
/// It starts with one bucket, owned by the root account [`Fake::owner`]. [`Fake::writer`] is a sub-account of the same
/// account that may do everything except abort other people's uploads: on COS and OSS it lacks the permission to abort,
/// on OBS it may add to, complete and abort the uploads it initiated, and no others. [`Fake::stranger`] is the root of
/// another account, without any grant.
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
    /// Where the test started it.
    started_at: &'static Location<'static>,
    settings: FakeBuilder,
    users: Mutex<usize>,
}

/// What is verified when a fake is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verification {
    pub(crate) on_drop: bool,
    pub(crate) open_uploads_allowed: bool,
}

impl Fake {
    /// A fake of any provider.
    pub fn of(provider: Provider) -> FakeBuilder {
        FakeBuilder::new(provider)
    }

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
        self.settings.buckets.first().map_or("", String::as_str)
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
        credentials_of(&self.key_of(name, |key| key.token.is_none()))
    }

    /// The names of its principals, `anonymous` included.
    pub fn principals(&self) -> Vec<String> {
        let keys = self.core.keys.read();
        let names: BTreeSet<_> = keys.iter().map(|key| key.principal.name().to_owned()).collect();
        names.into_iter().collect()
    }

    /// Adds a sub-account of the owner's account.
    ///
    /// # Panics
    /// If there is a principal of that name already.
    #[track_caller]
    pub fn add_sub_account(&self, name: &str, grants: Grants) -> Credentials {
        let taken = self.core.keys.read().iter().any(|key| key.principal.name() == name);
        assert!(!taken, "there is a principal called {name:?} already; `grant` changes what it may do");
        let owner = self.core.owner.account().expect("the owner has an account").clone();
        let mut users = self.users.lock();
        *users += 1;
        let id = (self.settings.scene.user_id)(&owner.id, *users);
        let user = User { name: name.to_owned(), account: owner, id, role: Role::SubAccount };
        self.core.store.lock().set_grants(name, grants);
        self.add_key(Principal::User(Arc::new(user)), None)
    }

    /// Changes what a principal may do in the owner's buckets, by name (`anonymous` for unsigned requests). The root of an
    /// account needs no grants in its own buckets; nobody can be granted anything in another account's.
    ///
    /// # Panics
    /// If there is no principal of that name.
    #[track_caller]
    pub fn grant(&self, name: &str, grants: Grants) {
        self.principal(name);
        self.core.store.lock().set_grants(name, grants);
        self.record_act(format!("changes what {name} may do"));
    }

    /// Temporary credentials for the same principal, good for `lifetime`.
    ///
    /// # Panics
    /// If `of` is not a principal of this fake.
    #[track_caller]
    pub fn temporary(&self, of: &Credentials, lifetime: Duration) -> Credentials {
        let key = |key: &&AccessKey| key.id == of.access_key_id;
        let found = self.core.keys.read().iter().find(key).map(|key| key.principal.clone());
        let principal = found.unwrap_or_else(|| panic!("{:?} is no principal of this fake", of.name));
        self.add_key(principal, Some(self.core.judged_now().plus(lifetime)))
    }

    /// Moves the fake's clock forward: signatures expire, new uploads and objects are dated later, and the lifecycle rules
    /// of the buckets abort what has become too old.
    pub fn advance_clock(&self, by: Duration) {
        let now = {
            let mut clock = self.core.clock.lock();
            clock.advance(by);
            clock.read(date::wall())
        };
        let tick = self.core.tick();
        let expired = {
            let mut store = self.core.store.lock();
            store.expire(now, tick)
        };
        if !expired.is_empty() {
            self.core.ended.notify(usize::MAX);
        }
        self.core.acts.record(tick, format!("advances the clock by {}", humantime::format_duration(by)));
        self.core.happen_by_clock(now);
        self.core.changed.notify(usize::MAX);
    }

    /// Starts anew: buckets, objects, uploads, grants and the clock are as when the fake was started; the journal is empty;
    /// gates, faults and aborts that are still to come are gone. Access keys stay as they are.
    ///
    /// An exchange in flight goes on, but has no effect any more: a request that names an upload is refused as
    /// `NoSuchUpload`, any other as unavailable (503). Gates and faults that are put up after the reset do not apply to it,
    /// and it is not journaled. Numbers of exchanges, gates and faults, and upload ids, are never used twice.
    pub fn reset(&self) {
        let Beginning { store, clock } = self.settings.beginning(self.core.seed, &self.core.owner);
        let before = {
            let mut current = self.core.store.lock();
            let store = store.after(&current);
            self.core.generation.fetch_add(1, Relaxed);
            mem::replace(&mut *current, store)
        };
        *self.core.clock.lock() = clock;
        let past = {
            let mut journal = self.core.journal.lock();
            let anew = journal.begun_anew();
            mem::replace(&mut *journal, anew)
        };
        self.core.gates.clear();
        self.core.faults.clear();
        self.core.later.clear();
        self.core.acts.clear();
        self.core.ended.notify(usize::MAX);
        self.core.changed.notify(usize::MAX);
        // Freed here, with no lock held.
        drop((before, past));
    }

    /// Aborts an open upload behind its client's back. Returns whether there was one to abort.
    pub fn abort_upload(&self, upload_id: &str) -> bool {
        let now = self.core.store_now();
        let tick = self.core.tick();
        let freed = {
            let mut store = self.core.store.lock();
            store.abort_by_test(upload_id, now, tick)
        };
        self.end_by_test(tick, format!("aborts upload {upload_id}"), freed.is_some())
    }

    /// Completes an open upload behind its client's back, from all parts that are stored, whatever their sizes. Returns
    /// whether there was one to complete: open, and with a part at least.
    pub fn complete_upload(&self, upload_id: &str) -> bool {
        let now = self.core.store_now();
        let etag = |id: &UploadId, manifest: &Manifest| self.core.dialect.completed_etag(id, manifest);
        let tick = self.core.tick();
        let freed = self.core.store.lock().complete_by_test(upload_id, etag, now, tick);
        self.end_by_test(tick, format!("completes upload {upload_id}"), freed.is_some())
    }

    /// Deletes a bucket behind its clients' backs, with all that is in it: objects, open uploads, lingering parts. Returns
    /// whether there was such a bucket.
    pub fn delete_bucket(&self, name: &str) -> bool {
        let now = self.core.store_now();
        let tick = self.core.tick();
        let freed = self.core.store.lock().delete_bucket_by_test(name, now, tick);
        self.end_by_test(tick, format!("deletes bucket {name}"), freed.is_some())
    }

    /// Revokes an access key: requests that arrive from now on find it unknown. What was let in goes on. Returns whether
    /// there was such a key to revoke.
    pub fn revoke(&self, credentials: &Credentials) -> bool {
        self.revoke_key(&credentials.access_key_id)
    }

    /// Revokes the access key of that id, as [`Fake::revoke`] does.
    pub fn revoke_key(&self, access_key_id: &str) -> bool {
        let revoked = self.core.keys.write().revoke(access_key_id);
        if revoked {
            self.record_act(format!("revokes access key {access_key_id}"));
        }
        revoked
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
        self.read_from(self.bucket(), key)
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

    /// The fake as a [`tower::Service`](tower_service::Service), for clients with a pluggable HTTP layer: everything a
    /// socket gives (bodies as they stream, gates, faults, parts in flight) without one, on any executor.
    ///
    /// What breaks a connection is an error of the service, or of the reply's body: a [`crate::NoReply`]. A future that is
    /// dropped before it has a reply is a client that went away, and so is a request whose body fails or is not as long
    /// as its `Content-Length` says. Requests without one get the headers a client would add on the way to a socket:
    /// `Host` from the URI, and `Content-Length` or `Transfer-Encoding` from the body.
    ///
    /// ```
    /// use fake_bucket::Fake;
    /// use http_body_util::{BodyExt, Full};
    /// use tower_service::Service;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let oss = Fake::oss().trusting().build(); // no port
    /// let uri = format!("http://{}.{}/hello.txt", oss.bucket(), oss.service_host());
    /// let put = http::Request::put(uri).body(Full::from("hello")).unwrap();
    /// let reply = oss.service().call(put).await.unwrap();
    /// assert_eq!(reply.status(), 200);
    /// assert!(reply.into_body().collect().await.unwrap().to_bytes().is_empty());
    /// assert_eq!(oss.read("hello.txt").unwrap(), "hello");
    /// # }
    /// ```
    #[cfg(feature = "tower")]
    pub fn service(&self) -> crate::door::service::FakeService {
        crate::door::service::FakeService::new(&self.core)
    }

    /// The fake as a [`wiremock::Respond`](::wiremock::Respond), to live beside the mocks of a suite on one `MockServer`.
    ///
    /// wiremock reads a request whole before it asks for a response, and asks under a lock of its own. So through this
    /// door nothing is ever in flight: there are no gates, no parts that are late, no faults that break or slow a
    /// connection down. Header names come in lower case, and paths as the `url` crate writes them: without `..`.
    /// [`FakeBuilder::start`] and [`Fake::service`] have none of these limits.
    ///
    /// ```
    /// use fake_bucket::Fake;
    /// use wiremock::{Mock, MockServer, ResponseTemplate, matchers::{any, path}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let oss = Fake::oss().build();
    /// let server = MockServer::start().await;
    /// Mock::given(path("/health")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    /// Mock::given(any()).respond_with(oss.responder()).with_priority(u8::MAX).mount(&server).await;
    /// // .. the uploader's endpoint is server.uri() ..
    /// # }
    /// ```
    ///
    /// # Panics
    /// If a gate stands, or a fault is installed that needs a connection. Once a responder is handed out,
    /// [`Fake::hold`] and such faults panic instead, for as long as it lives.
    #[cfg(feature = "wiremock")]
    #[track_caller]
    pub fn responder(&self) -> crate::door::wiremock::FakeResponder {
        if let Some(gate) = self.core.gates.armed() {
            panic!("the gate {gate} could not hold anything: {}", unfit(self.provider()));
        }
        if let Some(fault) = self.core.faults.of_connections() {
            panic!("{fault:?} could not happen: {}", unfit(self.provider()));
        }
        crate::door::wiremock::FakeResponder::new(&self.core)
    }

    fn answer_for(&self, principal: Option<Principal>, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let reply = exchange::answer(&self.core, parts, body, principal);
        let mut response = Response::new(Vec::from(reply.body).concat().into());
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        response
    }

    /// Wakes whoever waits for the end of an upload, and adds a row to the timeline if the act `took_effect`. Returns
    /// `took_effect`.
    fn end_by_test(&self, tick: u64, act: String, took_effect: bool) -> bool {
        if took_effect {
            self.core.acts.record(tick, act);
        }
        self.core.ended.notify(usize::MAX);
        self.core.changed.notify(usize::MAX);
        took_effect
    }

    fn record_act(&self, act: String) {
        self.core.acts.record(self.core.tick(), act);
        self.core.changed.notify(usize::MAX);
    }

    /// The provider, and where the test started this fake: `oss fake started at tests/upload.rs:12:17`.
    pub(crate) fn origin(&self) -> String {
        format!("{} fake started at {}", self.provider().name(), self.started_at)
    }

    #[track_caller]
    fn principal(&self, name: &str) -> Principal {
        self.key_of(name, |_| true).principal
    }

    /// A key of a principal, by name.
    #[track_caller]
    fn key_of(&self, name: &str, fits: impl Fn(&AccessKey) -> bool) -> AccessKey {
        let found = self.core.keys.read().iter().find(|key| key.principal.name() == name && fits(key)).cloned();
        let Some(key) = found else {
            panic!("no principal is called {name:?}; there are {}", self.principals().join(", "))
        };
        key
    }

    /// Makes dropping this fake verify nothing.
    pub(crate) fn skip_verification(&mut self) {
        self.settings.verification.on_drop = false;
    }

    pub(crate) fn verification(&self) -> Verification {
        self.settings.verification
    }

    fn add_key(&self, principal: Principal, expires: Option<Timestamp>) -> Credentials {
        let mut keys = self.core.keys.write();
        let key = new_key(&self.settings.scene, self.core.seed, keys.iter().count(), principal, expires);
        let credentials = credentials_of(&key);
        keys.add(key);
        credentials
    }
}

/// Why a fake that answers for a wiremock server cannot do what was asked, and what can.
pub(crate) fn unfit(provider: Provider) -> String {
    format!(
        "a wiremock server reads requests whole and answers them under a lock of its own; \
         reach the {} fake by its own port (`start()`) or without a socket (`service()`) instead",
        provider.name()
    )
}

impl Drop for Fake {
    fn drop(&mut self) {
        if thread::panicking() {
            return self.explain_panic();
        }
        if self.settings.verification.on_drop {
            // The connection of a client that was just dropped may still be about to close.
            self.settle(Duration::from_secs(1));
            self.verify_dropped();
        }
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = self.server.as_ref().map(Server::address);
        f.debug_struct("Fake").field("provider", &self.core.provider).field("address", &address).finish_non_exhaustive()
    }
}

/// A fake is shared between the threads and tasks of a test.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Fake>();
};
