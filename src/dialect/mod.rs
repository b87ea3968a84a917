//! FLOOR 2: how each provider speaks. A dialect reads requests into commands and writes outcomes into replies; what
//! the store makes of them in between is no dialect's business.
//!
//! The three folders hold the same six files, to be read side by side: `mod` (rules and the trait), `address`, `sign`,
//! `route`, `body`, `errors`; and what each of them needs besides, such as `face`, its S3-compatible protocol.

pub mod aws_v4;
pub mod cos;
pub mod documents;
#[cfg(test)]
mod limits;
pub mod obs;
pub mod oss;
pub mod reading;
pub mod row;
pub mod s3_headers;
pub mod signing;
#[cfg(test)]
mod vectors;

use std::collections::BTreeMap;

use http::HeaderValue;
use row::{ErrorRow, Wording};
use signing::Proof;

use crate::{
    store::{
        AccessKey, BucketKind, BucketName, Command, ETag, Entropy, KeysListed, Lifecycle, Manifest, Md5, Metadata,
        ObjectKey, Op, Outcome, Place, Refusal, Rules, Standing, Timestamp, UploadId,
    },
    wire::{
        aws_chunked::Framing,
        date::HttpDates,
        digest::{self, Checksum, Sha256},
        head::Head,
        query::Plus,
        reply::Reply,
    },
};

/// The services a fake can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Provider {
    /// Tencent Cloud Object Storage.
    Cos,
    /// Alibaba Cloud Object Storage Service.
    Oss,
    /// Huawei Cloud Object Storage Service.
    Obs,
}

impl Provider {
    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cos => "cos",
            Self::Oss => "oss",
            Self::Obs => "obs",
        }
    }

    /// Whether it lets a bucket have this name.
    ///
    /// ```
    /// use fake_bucket::Provider;
    ///
    /// assert!(Provider::Oss.allows_bucket("examplebucket"));
    /// assert!(!Provider::Cos.allows_bucket("examplebucket"), "it has to end in the account's number");
    /// ```
    pub fn allows_bucket(self, name: &str) -> bool {
        let host = "127.0.0.1";
        let Ok(request) = http::Request::get(format!("http://{host}/{name}")).header("host", host).body(()) else {
            return false;
        };
        let (dialect, scene) = (self.dialect(), self.dialect().scene());
        let service_host = (scene.service_host)(scene.region);
        let realm = Realm { region: scene.region.to_owned(), service_host, domains: BTreeMap::new() };
        let located = dialect.address(&Head::new(request.into_parts().0, dialect.plus()), &realm);
        located.is_ok_and(|located| located.address == Address::Bucket(BucketName::new(name)))
    }

    /// How it speaks.
    pub(crate) fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Cos => &cos::Cos,
            Self::Oss => &oss::Oss,
            Self::Obs => &obs::Obs,
        }
    }
}

/// Where one fake pretends to be.
#[derive(Clone, Debug)]
pub struct Realm {
    /// The region, as clients sign it.
    pub region: String,
    /// The host name of the service in that region.
    pub service_host: String,
    /// Custom domains, in lower case, and the buckets they are bound to.
    pub domains: BTreeMap<String, BucketName>,
}

/// What a request is addressed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The service.
    Service,
    /// A bucket.
    Bucket(BucketName),
    /// An object.
    Object(Place),
}

impl Address {
    /// The bucket, if it names one.
    pub fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::Service => None,
            Self::Bucket(bucket) | Self::Object(Place { bucket, .. }) => Some(bucket),
        }
    }

    /// The key, if it names one.
    pub fn key(&self) -> Option<&ObjectKey> {
        match self {
            Self::Object(place) => Some(&place.key),
            _ => None,
        }
    }
}

/// How an address was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The bucket is the first label of the host.
    VirtualHost,
    /// The same, in a host that accelerates.
    Accelerated,
    /// The bucket is the first segment of the path.
    Path,
    /// The host is bound to a bucket.
    CustomDomain,
    /// The bucket is the first label of a host in another region than the bucket's: none that it is served on.
    OtherRegion,
}

/// An address and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// What is addressed.
    pub address: Address,
    /// How.
    pub style: Style,
}

/// The access keys a fake knows, by id.
#[derive(Debug, Default)]
pub struct Keyring(BTreeMap<String, AccessKey>);

impl Keyring {
    /// The key of that id, unless it was revoked.
    pub fn get(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id).filter(|key| key.standing == Standing::Active)
    }

    /// Whether the key of that id was revoked.
    pub fn is_revoked(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|key| key.standing == Standing::Revoked)
    }

    /// Revokes the key of that id. Returns whether there was one to revoke.
    pub fn revoke(&mut self, id: &str) -> bool {
        let active = self.0.get_mut(id).filter(|key| key.standing == Standing::Active);
        active.map(|key| key.standing = Standing::Revoked).is_some()
    }

    /// The key of that id, or a refusal.
    pub fn find(&self, id: &str) -> Result<&AccessKey, Refusal> {
        self.get(id).ok_or_else(|| Refusal::UnknownAccessKey { id: id.to_owned() })
    }

    /// Adds a key.
    pub fn add(&mut self, key: AccessKey) {
        self.0.insert(key.id.clone(), key);
    }

    /// Every key, revoked ones too.
    pub fn iter(&self) -> impl Iterator<Item = &AccessKey> {
        self.0.values()
    }
}

/// A request that was understood, up to its body.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What the store is asked.
    pub command: Command,
    /// Whether keys in the reply are to be percent-encoded.
    pub encoding: Encoding,
    /// What the body must live up to.
    pub body: BodyAsked,
}

/// Whether keys in a reply are percent-encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// They are not.
    #[default]
    Plain,
    /// They are (`encoding-type=url`).
    Url,
}

/// What a body must live up to.
#[derive(Clone, Debug, Default)]
pub struct BodyAsked {
    /// What to do with it.
    pub kind: BodyKind,
    /// Its MD5, as `Content-MD5` has it.
    pub md5: Option<(Md5, String)>,
    /// Its CRC-64, as a header has it.
    pub crc64: Option<String>,
    /// The CRC-64 of the object that a list of parts makes, as a header has it.
    pub whole_crc64: Option<String>,
    /// Its SHA-256, as a header has it.
    pub sha256: Option<String>,
    /// Its checksums, as S3's headers have them, in base64.
    pub checksums: Vec<(Checksum, String)>,
    /// How it is framed, if it is.
    pub framing: Option<Framing>,
}

impl BodyKind {
    /// What an operation does with its body.
    pub fn of(op: Op) -> Self {
        match op {
            Op::UploadPart | Op::PutObject => Self::Kept,
            Op::AppendObject => Self::Appended,
            Op::Complete | Op::CreateBucket | Op::DeleteObjects | Op::PutTags | Op::PutLifecycle => Self::Document,
            _ => Self::Ignored,
        }
    }

    /// Returns whether its bytes become part of an object.
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Kept | Self::Appended)
    }
}

impl BodyAsked {
    /// Whether nothing was said of it that its bytes would have to live up to.
    pub fn promises_nothing(&self) -> bool {
        let Self { kind, md5, crc64, whole_crc64: _, sha256, checksums, framing } = self;
        let no_digest = md5.is_none() && crc64.is_none() && sha256.is_none() && checksums.is_empty();
        *kind == BodyKind::Ignored && no_digest && framing.is_none()
    }

    /// Whether any digest must be computed: not of what is thrown away and promises nothing.
    pub fn digests_wanted(&self) -> bool {
        let promises = self.md5.is_some() || self.crc64.is_some() || self.sha256.is_some();
        self.kind.is_kept() || promises || !self.checksums.is_empty()
    }

    /// Whether SHA-256 must be computed.
    pub fn sha256_wanted(&self) -> Sha256 {
        if self.sha256.is_some() { Sha256::Wanted } else { Sha256::Unwanted }
    }
}

/// What to do with a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// Read it and throw it away.
    #[default]
    Ignored,
    /// Keep it: it is a part or an object.
    Kept,
    /// Keep it: it is appended to an object.
    Appended,
    /// Keep it and read it as XML.
    Document,
}

/// What a reply needs to know of its exchange.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The request.
    pub head: &'a Head,
    /// Where the fake pretends to be.
    pub realm: &'a Realm,
    /// The operation, as far as it was understood.
    pub op: Option<Op>,
    /// The time for the `Date` header and for everything clients compare with their own clock.
    pub date: Timestamp,
    /// What writes it.
    pub dates: &'a HttpDates,
    /// Milliseconds spent on the request so far.
    pub elapsed_millis: u64,
    /// What the request's id is made of.
    pub entropy: Entropy,
}

impl Context<'_> {
    /// The value of the `Date` header.
    pub fn http_date(&self) -> HeaderValue {
        self.dates.at(self.date)
    }
}

/// What a fake of one provider starts with, unless a test chooses otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// The region.
    pub region: &'static str,
    /// The service's host name in a region.
    pub service_host: fn(&str) -> String,
    /// The bucket.
    pub bucket: &'static str,
    /// What access key ids begin with.
    pub key_prefix: &'static str,
    /// The account that owns the bucket: its id and its other name.
    pub owner: (&'static str, &'static str),
    /// An account that has nothing to do with it.
    pub stranger: (&'static str, &'static str),
    /// The id of a user of an account; user 0 is its root.
    pub user_id: fn(account: &str, user: usize) -> String,
}

/// How one provider speaks.
pub trait Dialect: Send + Sync {
    /// What a fake starts with.
    fn scene(&self) -> Scene;

    /// The rules it follows unless a test chooses otherwise.
    fn rules(&self) -> Rules;

    /// What a plus in a query stands for.
    fn plus(&self) -> Plus;

    /// What a plus in this query stands for, where that depends on who wrote it.
    fn plus_in(&self, _head: &Head, _keys: &Keyring) -> Plus {
        self.plus()
    }

    /// What a plus in the path of this request stands for, where that depends on who wrote it.
    fn plus_in_path(&self, _head: &Head, _realm: &Realm, _keys: &Keyring, _now: Timestamp) -> Plus {
        Plus::Plus
    }

    /// The provider's own header names in replies that are not all in lower case.
    fn header_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Which bucket and key a request is about.
    fn address(&self, head: &Head, realm: &Realm) -> Result<Located, Refusal>;

    /// The access key id a request claims, whether or not it proves it.
    fn claimed_key(&self, head: &Head) -> Option<String>;

    /// The signature a request carries, beside the one it should carry. None if it carries none at all.
    fn prove<'a>(&self, signed: &Signed<'a>) -> Result<Option<Proof<'a>>, Refusal>;

    /// Whether the bucket of a request is looked up before the request is refused so for want of proof.
    fn looks_up_bucket_first(&self, _op: Option<Op>, _address: &Address, _unproven: &Refusal) -> bool {
        false
    }

    /// Which operation a request asks for.
    fn route(&self, head: &Head, address: &Address) -> Result<Op, Refusal>;

    /// What exactly it asks.
    fn read(&self, routed: &Routed<'_>) -> Result<Box<Asked>, Refusal>;

    /// The list of parts in a complete's body.
    fn manifest(&self, body: &[u8]) -> Result<Manifest, Refusal>;

    /// The keys a request to delete many objects lists.
    fn keys(&self, body: &[u8]) -> Result<KeysListed, Refusal> {
        documents::keys(body)
    }

    /// The tags in a body.
    fn tags(&self, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
        documents::tags(body)
    }

    /// The lifecycle rules in a body.
    fn lifecycle(&self, body: &[u8]) -> Result<Lifecycle, Refusal> {
        documents::lifecycle(body)
    }

    /// What kind of bucket the body of a request to create one asks for.
    fn bucket_configuration(&self, body: &[u8], realm: &Realm) -> Result<BucketKind, Refusal>;

    /// What a copy takes of its source's metadata if it is given none of its own.
    fn inherited(&self, source: &Metadata) -> Metadata {
        source.clone()
    }

    /// The entity tag of a whole object.
    fn etag(&self, md5: &Md5) -> ETag;

    /// The entity tag of an object that had the tag `before` when bytes were added to it. No provider says how it is made:
    /// it changes with everything that is added.
    fn appended_etag(&self, before: &ETag, added: &Md5) -> ETag {
        self.etag(&digest::md5([before.as_str().as_bytes(), added].concat()))
    }

    /// The entity tag of an object completed from these parts.
    fn completed_etag(&self, upload: &UploadId, manifest: &Manifest) -> ETag;

    /// The reply to a command that was applied.
    fn render(&self, context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply;

    /// The reply to a request that was refused.
    fn refuse(&self, context: &Context<'_>, refusal: &Refusal) -> Reply;

    /// An error reply in words that are in no table.
    fn word(&self, context: &Context<'_>, wording: &Wording<'_>) -> Reply;

    /// Its error table.
    fn rows(&self) -> &'static [ErrorRow];

    /// The row that words a refusal of this request: in dialects that speak in more than one way, not always that of the
    /// table.
    fn row(&self, _head: &Head, refusal: &Refusal) -> &'static ErrorRow {
        row::find(self.rows(), refusal.kind())
    }
}

/// A request whose operation is known.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'a> {
    /// The operation.
    pub op: Op,
    /// The request.
    pub head: &'a Head,
    /// What it is addressed to.
    pub located: &'a Located,
    /// Where the fake pretends to be.
    pub realm: &'a Realm,
    /// How it behaves.
    pub rules: &'a Rules,
}

/// What a signature is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The request.
    pub head: &'a Head,
    /// What it is addressed to.
    pub located: &'a Located,
    /// Where the fake pretends to be.
    pub realm: &'a Realm,
    /// The keys there are.
    pub keys: &'a Keyring,
    /// The time to judge by.
    pub now: Timestamp,
}
