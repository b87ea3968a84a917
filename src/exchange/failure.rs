//! What a fault or a gate refuses with: an error by its name, which each provider words itself, or in a test's own words.

use std::sync::Arc;

use super::Exchange;
use crate::{
    dialect::row::Wording,
    store::{Action, BucketName, Mismatch, PartNumber, Refusal, Resource},
    wire::reply::Reply,
};

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// An error of the provider's, in the provider's own words. The names say what is wrong; the code may be another, as
        /// the provider's table has it.
        ///
        /// ```
        /// use bytes::Bytes;
        /// use fake_bucket::{Failure, Fake, Fault, Op};
        ///
        /// let oss = Fake::oss().trusting().build();
        /// let list = || http::Request::get("/").header("host", oss.service_host()).body(Bytes::new()).unwrap();
        /// let _faults = oss.faults(Op::ListBuckets, [
        ///     Fault::Refuse(Failure::SlowDown),
        ///     Fault::Refuse(Failure::code(403, "UserDisable", "UserDisable")),
        /// ]);
        /// let said = |code: &str| {
        ///     let reply = oss.answer(list());
        ///     String::from_utf8_lossy(reply.body()).contains(&format!("<Code>{code}</Code>"))
        /// };
        /// assert!(said("TotalQpsLimitExceeded"));
        /// assert!(said("UserDisable"));
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Failure {
            $($(#[$doc])* $name,)*
            /// A status, code and message of the test's own, in the provider's form: see [`Failure::code`].
            #[non_exhaustive]
            Code {
                /// The HTTP status.
                status: u16,
                /// The code.
                code: Arc<str>,
                /// The message.
                message: Arc<str>,
            },
        }

        impl Failure {
            /// Every failure that has a name.
            pub const NAMED: &[Self] = &[$(Self::$name),*];

            /// The failure of that name.
            ///
            /// ```
            /// use fake_bucket::Failure;
            ///
            /// assert_eq!(Failure::named("NoSuchUpload"), Some(Failure::NoSuchUpload));
            /// assert_eq!(Failure::named("nosuchupload"), None);
            /// ```
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

failures! {
    /// 404: the bucket does not exist.
    NoSuchBucket,
    /// 404: the object does not exist.
    NoSuchKey,
    /// 404: the upload does not exist.
    NoSuchUpload,
    /// 403: no permission.
    AccessDenied,
    /// 403: the access key id is not known.
    InvalidAccessKeyId,
    /// 403: the signature is not the one the service computes.
    SignatureDoesNotMatch,
    /// 403: the client's clock is off.
    RequestTimeTooSkewed,
    /// 403: the signed URL is over.
    RequestExpired,
    /// The security token is none.
    InvalidToken,
    /// The security token is over.
    ExpiredToken,
    /// 400: a parameter will not do.
    InvalidArgument,
    /// 400: a listed part is not stored, or under another entity tag.
    InvalidPart,
    /// 400: the list of parts does not ascend.
    InvalidPartOrder,
    /// 400: a part that is not the last is too small.
    EntityTooSmall,
    /// 400: the body is too large.
    EntityTooLarge,
    /// 400: the body is not the XML it should be.
    MalformedXml,
    /// 400: `Content-MD5` is none.
    InvalidDigest,
    /// 400: `Content-MD5` is not the body's.
    BadDigest,
    /// 400: fewer bytes than declared.
    IncompleteBody,
    /// 411: neither a length nor chunks.
    MissingContentLength,
    /// The client was too slow.
    RequestTimeout,
    /// 405: the method is not one the resource knows.
    MethodNotAllowed,
    /// 409: the object exists and must not be overwritten.
    ObjectExists,
    /// 409: the bucket belongs to somebody else.
    BucketExists,
    /// 409: the bucket is not empty.
    BucketNotEmpty,
    /// 400: the account has as many buckets as it may have.
    TooManyBuckets,
    /// 412: a condition did not hold.
    PreconditionFailed,
    /// 416: a range beyond the object's end.
    InvalidRange,
    /// 500: the service broke down.
    InternalError,
    /// 503: the service is not available.
    ServiceUnavailable,
    /// 503: the client is to slow down.
    SlowDown,
}

impl Failure {
    /// A failure in a test's own words. The rest of the document and the headers are the provider's.
    ///
    /// # Panics
    /// If `status` is not one of a redirection, a client's or a server's error: 300 to 599.
    #[track_caller]
    pub fn code(status: u16, code: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        assert!((300..600).contains(&status), "{status} is not the status of an error");
        Self::Code { status, code: code.as_ref().into(), message: message.as_ref().into() }
    }
}

/// Why a request is denied what it asked for: the store's or the dialect's reason, or words a test put in their mouths.
#[derive(Clone, Debug)]
pub enum Denial {
    /// A refusal, which the provider's table words.
    Refusal(Refusal),
    /// The connection is reset. Where there is no connection, this refusal is the answer.
    Reset(Refusal),
    /// Words.
    Words {
        /// The HTTP status.
        status: u16,
        /// The code.
        code: Arc<str>,
        /// The message.
        message: Arc<str>,
    },
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl Exchange {
    /// What an exchange hears that is made to fail.
    pub fn denial(&self, failure: &Failure) -> Denial {
        match failure {
            Failure::Code { status, code, message } => {
                Denial::Words { status: *status, code: code.clone(), message: message.clone() }
            }
            named => Denial::Refusal(self.refusal(named)),
        }
    }

    /// The reply to what was denied.
    pub fn deny(&self, denial: &Denial) -> Reply {
        match denial {
            Denial::Refusal(refusal) | Denial::Reset(refusal) => self.refuse(refusal),
            Denial::Words { status, code, message } => {
                let op = self.live.facts().op;
                self.core.dialect.word(&self.context(op), &Wording { status: *status, code, message })
            }
        }
    }

    /// A refusal of this exchange, with such facts as it has.
    fn refusal(&self, failure: &Failure) -> Refusal {
        let (core, facts) = (&self.core, self.live.facts().clone());
        let bucket = facts.bucket.clone().unwrap_or_else(|| BucketName::new(""));
        let upload = facts.upload.as_ref().map(ToString::to_string).unwrap_or_default();
        let header = |name: &str| self.head.header(name).unwrap_or_default().to_owned();
        let access_key = || core.dialect.claimed_key(&self.head).unwrap_or_default();
        let (number, etag) = (facts.number.unwrap_or(PartNumber::FIRST), String::new());
        match failure {
            Failure::NoSuchBucket => Refusal::NoSuchBucket { bucket },
            Failure::NoSuchKey => {
                Refusal::NoSuchKey { key: facts.key.as_ref().map(ToString::to_string).unwrap_or_default() }
            }
            Failure::NoSuchUpload => Refusal::NoSuchUpload { upload },
            Failure::AccessDenied => Refusal::NotGranted { action: Action::AbortMultipartUpload },
            Failure::InvalidAccessKeyId => Refusal::UnknownAccessKey { id: access_key() },
            Failure::SignatureDoesNotMatch => {
                let (provided, string_to_sign) = (String::new(), String::new());
                let facts = Mismatch { access_key: access_key(), provided, string_to_sign, canonical: None };
                Refusal::SignatureMismatch { facts: Box::new(facts) }
            }
            Failure::RequestTimeTooSkewed => Refusal::ClockSkew { request: header("date"), server: core.judged_now() },
            Failure::RequestExpired => Refusal::Expired { expires: String::new(), server: core.judged_now() },
            Failure::InvalidToken => Refusal::InvalidToken,
            Failure::ExpiredToken => Refusal::ExpiredToken,
            Failure::InvalidArgument => Refusal::InvalidArgument { name: "uploadId", value: upload },
            Failure::InvalidPart => Refusal::InvalidPart { upload, number, etag },
            Failure::InvalidPartOrder => Refusal::PartOrder { upload },
            Failure::EntityTooSmall => {
                Refusal::PartTooSmall { upload, number, etag, size: 0, min: core.rules.min_part_size }
            }
            Failure::EntityTooLarge => Refusal::TooLarge { size: self.live.received(), max: core.rules.max_part_size },
            Failure::MalformedXml => Refusal::MalformedXml,
            Failure::InvalidDigest => Refusal::InvalidDigest { given: header("content-md5") },
            Failure::BadDigest => Refusal::DigestMismatch { given: header("content-md5"), computed: String::new() },
            Failure::IncompleteBody => Refusal::IncompleteBody,
            Failure::MissingContentLength => Refusal::MissingContentLength,
            Failure::RequestTimeout => Refusal::BodyStalled,
            Failure::MethodNotAllowed => {
                Refusal::MethodNotAllowed { method: self.head.method.to_string(), resource: Resource::Object }
            }
            Failure::ObjectExists => Refusal::ObjectExists,
            Failure::BucketExists => Refusal::BucketTaken { bucket },
            Failure::BucketNotEmpty => Refusal::BucketHoldsObjects { bucket },
            Failure::TooManyBuckets => Refusal::TooManyBuckets,
            Failure::PreconditionFailed => Refusal::PreconditionFailed { condition: "If-Match" },
            Failure::InvalidRange => Refusal::InvalidRange,
            Failure::ServiceUnavailable => Refusal::Unavailable,
            Failure::SlowDown => Refusal::SlowDown,
            Failure::InternalError | Failure::Code { .. } => Refusal::Internal,
        }
    }
}
