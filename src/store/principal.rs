//! Who asks: accounts, their users, what those may do, and the access keys that prove who they are.

use std::{fmt, sync::Arc};

use super::Timestamp;

/// An account of the provider: what owns buckets, and what is billed for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The provider's id of the account: COS root UIN, OSS user id, OBS domain id.
    pub id: String,
    /// The second name replies show: COS APPID, OSS and OBS display name.
    pub alias: String,
}

/// Whether a user is the account itself or lives below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The account's root: may do everything with what the account owns.
    Root,
    /// A user of the account: may do what is granted.
    SubAccount,
}

/// A user of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name a test calls it by: `owner`, `writer`, `stranger`.
    pub name: String,
    /// The account it belongs to.
    pub account: Arc<Account>,
    /// The provider's id of this user.
    pub id: String,
    /// Root or sub-account.
    pub role: Role,
}

/// Whom a request acts as.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Nobody: the request carried no proof.
    Anonymous,
    /// A user.
    User(Arc<User>),
}

impl Principal {
    /// The name a test calls it by.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User(user) => &user.name,
        }
    }

    /// Whether this is the root of `account`.
    pub fn is_root_of(&self, account: &Account) -> bool {
        matches!(self, Self::User(user) if user.role == Role::Root && user.account.id == account.id)
    }

    /// The account, unless anonymous.
    pub fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Self::Anonymous => None,
            Self::User(user) => Some(&user.account),
        }
    }
}

/// Two principals are one when they are the same user of the same account. Nobody is never the same as nobody.
impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(a), Self::User(b)) => a.account.id == b.account.id && a.id == b.id,
            _ => false,
        }
    }
}

/// What a permission is about. Providers group operations differently: on COS each operation has its own action, on OSS
/// and OBS initiating, uploading and completing all need [`Action::PutObject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Action {
    /// Read objects.
    GetObject,
    /// Ask for an object's head (COS; elsewhere part of [`Action::GetObject`]).
    HeadObject,
    /// Write objects; on OSS and OBS also initiate, upload parts, complete.
    PutObject,
    /// Delete objects.
    DeleteObject,
    /// Initiate multipart uploads (COS).
    InitiateMultipartUpload,
    /// Upload parts (COS).
    UploadPart,
    /// Upload parts by copy (COS).
    UploadPartCopy,
    /// Complete multipart uploads (COS).
    CompleteMultipartUpload,
    /// Abort multipart uploads.
    AbortMultipartUpload,
    /// List the parts of an upload.
    ListParts,
    /// List the open uploads of a bucket.
    ListMultipartUploads,
    /// List the objects of a bucket.
    ListObjects,
    /// Ask whether a bucket exists and where.
    HeadBucket,
    /// Create buckets.
    CreateBucket,
    /// Delete buckets.
    DeleteBucket,
    /// List the buckets of the account.
    ListBuckets,
    /// Read and change the settings of a bucket, its lifecycle rules among them.
    BucketSettings,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 17] = [
        Self::GetObject,
        Self::HeadObject,
        Self::PutObject,
        Self::DeleteObject,
        Self::InitiateMultipartUpload,
        Self::UploadPart,
        Self::UploadPartCopy,
        Self::CompleteMultipartUpload,
        Self::AbortMultipartUpload,
        Self::ListParts,
        Self::ListMultipartUploads,
        Self::ListObjects,
        Self::HeadBucket,
        Self::CreateBucket,
        Self::DeleteBucket,
        Self::ListBuckets,
        Self::BucketSettings,
    ];
}

/// The actions granted to somebody.
///
/// ```
/// use fake_bucket::{Action, Grants};
///
/// let uploader = Grants::all().without(Action::AbortMultipartUpload);
/// assert!(uploader.allows(Action::PutObject));
/// assert!(!uploader.allows(Action::AbortMultipartUpload));
/// assert!(Grants::none().with(Action::GetObject).allows(Action::GetObject));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Grants(u32);

impl Grants {
    /// Nothing.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Everything.
    pub fn all() -> Self {
        Action::ALL.into_iter().collect()
    }

    /// These, and `action` too.
    #[must_use]
    pub const fn with(self, action: Action) -> Self {
        Self(self.0 | 1 << action as u8)
    }

    /// These, but not `action`.
    #[must_use]
    pub const fn without(self, action: Action) -> Self {
        Self(self.0 & !(1 << action as u8))
    }

    /// Whether `action` is among them.
    pub const fn allows(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }
}

impl FromIterator<Action> for Grants {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        actions.into_iter().fold(Self::none(), Self::with)
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Action::ALL.into_iter().filter(|action| self.allows(*action))).finish()
    }
}

/// What everybody may do with a bucket or an object: one of the provider's access control lists that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acl {
    /// Its name.
    pub name: &'static str,
    /// What it grants to everybody, known or not.
    pub everybody: Grants,
}

/// Text that never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever really needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What proves a principal: an id that travels openly and a secret that signs.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The id, sent with each request.
    pub id: String,
    /// The secret, never sent.
    pub secret: Secret,
    /// Whom it proves.
    pub principal: Principal,
    /// The token of a temporary key, and when it ends.
    pub token: Option<Token>,
    /// Whether it is good for anything.
    pub standing: Standing,
}

/// Whether an access key is good for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    #[default]
    Active,
    /// It is not any more: nobody knows it.
    Revoked,
}

/// The security token of a temporary access key.
#[derive(Clone, Debug)]
pub struct Token {
    /// The text that must come along with the key's id.
    pub text: Secret,
    /// The last moment at which it is good.
    pub expires: Timestamp,
}
