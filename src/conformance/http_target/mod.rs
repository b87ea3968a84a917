//! A target for whatever speaks a provider's HTTP: our fake through each of its doors, a gateway, a live bucket. It words,
//! signs and reads for itself, with nothing of the fakes' own code.

mod door;
mod reply;
mod request;
mod sign;

use std::{collections::BTreeMap, fmt};

#[cfg(feature = "server")]
pub use door::Network;
#[cfg(feature = "tower")]
pub use door::Service;
pub use door::{ActingAs, Door, NoSocket};
pub use sign::Keys;

use super::{
    pause::Pause,
    script::{Bucket, Who},
    target::{Ask, Call, Reply, Scope, Target},
};
use crate::{Credentials, Fake, FakeBuilder, Provider};
use request::Unsigned;
use sign::Scheme;

/// Which of a provider's two protocols is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// Its own.
    Native,
    /// The S3-compatible one, signed by AWS's version 4.
    S3,
}

/// Something that speaks a provider's HTTP, behind a [`Door`].
///
/// ```
/// use fake_bucket::{Provider, conformance::{Config, Face, HttpTarget, NoSocket, check_blocking, subject}};
///
/// let obs = subject(Provider::Obs).build();
/// let target = HttpTarget::of_fake(&obs, NoSocket(&obs), Face::S3);
/// check_blocking(&target, &Config::default().steps(200)).unwrap();
/// ```
pub struct HttpTarget<D> {
    door: D,
    scheme: Scheme,
    region: String,
    place: Addressing,
    buckets: BTreeMap<Bucket, String>,
    keys: BTreeMap<Who, Keys>,
    scope: Scope,
}

/// Where a bucket stands in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// First in the path; this is the host.
    Path(String),
    /// First in the host name; this is the rest of it.
    Host(String),
}

impl Addressing {
    /// As SDKs choose it: in the path if the host is an address of IP or `localhost`, else in the host name. `authority`
    /// is a host, and a port if there is one.
    pub fn of(authority: &str) -> Self {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        match host == "localhost" || host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok() {
            true => Self::Path(authority.to_owned()),
            false => Self::Host(authority.to_owned()),
        }
    }
}

impl<D: Door> HttpTarget<D> {
    /// The owner's view of one bucket.
    pub fn new(provider: Provider, door: D, place: Addressing, bucket: &str, region: &str, owner: Keys) -> Self {
        Self {
            door,
            scheme: Scheme::of(provider, Face::Native),
            region: region.to_owned(),
            place,
            buckets: BTreeMap::from([(Bucket::Home, bucket.to_owned())]),
            keys: BTreeMap::from([(Who::Owner, owner)]),
            scope: Scope::of(provider),
        }
    }

    /// One of our fakes, through one of its doors: everybody, and all three buckets. It should have been built from
    /// [`subject`].
    pub fn of_fake(fake: &Fake, door: D, face: Face) -> Self {
        let keys = |credentials: &Credentials| {
            Keys::new(credentials.access_key_id.clone(), credentials.secret_access_key().to_owned())
        };
        let principals = [(Who::Owner, fake.owner()), (Who::Writer, fake.writer()), (Who::Stranger, fake.stranger())];
        let scheme = Scheme::of(fake.provider(), face);
        let mut scope = Scope::of(fake.provider()).whole().min_part_size(MIN_PART_SIZE);
        scheme.adapt(&mut scope.rules);
        Self {
            door,
            scheme,
            region: fake.region().to_owned(),
            place: Addressing::Path("127.0.0.1".to_owned()),
            buckets: BTreeMap::from([
                (Bucket::Home, fake.bucket().to_owned()),
                (Bucket::Other, other(fake.bucket())),
                (Bucket::Missing, format!("missing{}", fake.bucket())),
            ]),
            keys: principals.iter().map(|(who, credentials)| (*who, keys(credentials))).collect(),
            scope: scope.precedence(super::Precedence::First),
        }
    }

    /// The same, speaking another protocol of the provider.
    #[must_use]
    pub fn face(mut self, face: Face) -> Self {
        self.scheme = self.scheme.faced(face);
        self.scheme.adapt(&mut self.scope.rules);
        self
    }

    /// The same, with another principal that has keys.
    #[must_use]
    pub fn principal(mut self, who: Who, keys: Keys) -> Self {
        self.keys.insert(who, keys);
        self.scope.principals.push(who);
        self
    }

    /// The same, where requests without any proof may be sent too.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.scope.principals.push(Who::Anonymous);
        self
    }

    /// The same, with another bucket.
    #[must_use]
    pub fn bucket(mut self, bucket: Bucket, name: impl Into<String>) -> Self {
        self.buckets.insert(bucket, name.into());
        self.scope.buckets.push(bucket);
        self
    }

    /// The same, in another scope.
    #[must_use]
    pub fn scoped(mut self, change: impl FnOnce(Scope) -> Scope) -> Self {
        self.scope = change(self.scope);
        self
    }

    fn signed(&self, call: &Call) -> Result<http::Request<bytes::Bytes>, String> {
        let bucket = self.bucket_name(call.bucket)?;
        let unsigned = Unsigned::of(call, bucket, &self.place, self.copy_headers(call)?);
        match self.keys.get(&call.who) {
            _ if !self.door.asks_for_proof() => unsigned.build(Vec::new()),
            Some(keys) => unsigned.build(self.scheme.sign(&unsigned, keys, &self.region)),
            None if call.who == Who::Anonymous => unsigned.build(Vec::new()),
            None => Err(format!("no keys of the {:?} are known", call.who)),
        }
    }

    fn copy_headers(&self, call: &Call) -> Result<Vec<(String, String)>, String> {
        let Ask::UploadPartCopy { source, key, range, .. } = &call.ask else { return Ok(Vec::new()) };
        Ok(self.scheme.copy(self.bucket_name(*source)?, key, *range, &self.region))
    }

    fn bucket_name(&self, bucket: Bucket) -> Result<&str, String> {
        self.buckets.get(&bucket).map(String::as_str).ok_or_else(|| format!("no {bucket:?} bucket is known"))
    }

    async fn exchange(&self, call: &Call) -> Result<Reply, String> {
        let response = self.door.send(call.who, self.signed(call)?).await?;
        reply::read(&call.ask, &response)
    }

    async fn exchange_slowly(&self, call: &Call, pause: Pause) -> Result<Reply, String> {
        let response = self.door.send_slowly(call.who, self.signed(call)?, pause).await?;
        reply::read(&call.ask, &response)
    }
}

impl<D: Door> Target for HttpTarget<D> {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn call(&self, call: Call) -> Reply {
        if self.scheme.lacks(&call.ask) {
            return Reply::Unsupported;
        }
        self.exchange(&call).await.unwrap_or_else(Reply::Failed)
    }

    async fn call_slowly(&self, call: Call, pause: Pause) -> Reply {
        if !matches!(&call.ask, Ask::UploadPart { body, .. } if !body.is_empty()) {
            pause.over().await;
            return self.call(call).await;
        }
        self.exchange_slowly(&call, pause).await.unwrap_or_else(Reply::Failed)
    }

    /// Reads an object that is not there. Any response will do, whatever it says.
    async fn preflight(&self) -> Result<(), String> {
        let key = format!("{}preflight", self.scope.key_prefix);
        let call = Call { who: Who::Owner, bucket: Bucket::Home, key, ask: Ask::GetObject };
        self.door.send(call.who, self.signed(&call)?).await.map(drop)
    }

    fn reset(&self) -> bool {
        self.door.reset()
    }
}

impl<D> fmt::Debug for HttpTarget<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, place, buckets, .. } = self;
        f.debug_struct("HttpTarget")
            .field("scheme", scheme)
            .field("place", place)
            .field("buckets", buckets)
            .finish_non_exhaustive()
    }
}

/// Bytes of the smallest part of a fake under test, unless it is the last.
const MIN_PART_SIZE: u64 = 4;

/// A fake as [`HttpTarget::of_fake`] wants it: with small parts and a second bucket, not verified when dropped.
pub fn subject(provider: Provider) -> FakeBuilder {
    let home = Fake::of(provider).verify_on_drop(false).build().bucket().to_owned();
    Fake::of(provider).bucket(other(&home)).min_part_size(MIN_PART_SIZE).verify_on_drop(false)
}

fn other(home: &str) -> String {
    format!("other{home}")
}
