//! Every way to say no, provider-neutral: facts, no prose, no status codes. Each provider has exactly one row for each.

use super::{Action, BucketName, ETag, PartNumber, Timestamp};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? })?),* $(,)?) => {
        /// Why a request was refused.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Refusal { $($(#[$doc])* $name $({ $($(#[$fdoc])* $field: $type),* })?),* }

        /// The kind of a [`Refusal`], without its facts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum RefusalKind { $($(#[$doc])* $name),* }

        impl Refusal {
            /// Its kind.
            pub fn kind(&self) -> RefusalKind {
                match self { $(Self::$name $({ $($field: _),* })? => RefusalKind::$name),* }
            }
        }

        impl RefusalKind {
            /// Every kind.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

refusals! {
    // What is not there.
    /// The bucket does not exist.
    NoSuchBucket { bucket: BucketName },
    /// The object does not exist.
    NoSuchKey { key: String },
    /// The object has no version of that id.
    NoSuchVersion { version: String },
    /// The setting of the bucket was never made.
    NoSuchSetting { bucket: BucketName, setting: &'static str },
    /// The bucket has no lifecycle rules.
    NoSuchLifecycle { bucket: BucketName },
    /// The upload never existed, has ended, or belongs to another bucket or key.
    NoSuchUpload { upload: String },

    // Who may not.
    /// Nobody in particular asked for something that needs a principal.
    Anonymous,
    /// The principal belongs to the bucket's account but was not granted the action.
    NotGranted { action: Action },
    /// The principal belongs to another account and was not granted the action.
    OtherAccount { action: Action },
    /// Only the initiator (for an abort also the bucket owner) may do this to the upload.
    NotInitiator,
    /// The bucket has no rule that allows cross-origin requests.
    NoCorsRule,

    // Addressing.
    /// Path style where only virtual hosts are served.
    PathStyle,
    /// A host that belongs to no bucket.
    ForeignHost { host: String },
    /// A host of another region.
    WrongRegion { bucket: BucketName, endpoint: String },
    /// The accelerated host, to which the bucket was never opened.
    NotAccelerated { bucket: BucketName },
    /// The accelerated host, through which buckets are not managed.
    AcceleratedManagement,
    /// A host where no bucket can be created.
    HostCreatesNoBuckets,
    /// Not a legal bucket name.
    InvalidBucketName { bucket: String },
    /// A bucket name without the account's number.
    BucketWithoutAccount { bucket: String },
    /// The key is empty.
    EmptyKey,
    /// The key is too long.
    KeyTooLong { max: usize },
    /// The key holds what a key may not hold.
    InvalidKey,
    /// The path of the request target does not decode, or is none.
    InvalidTarget,
    /// The query of the request target does not decode.
    InvalidQuery,

    /// The request target is longer than any that is read.
    TargetTooLong,
    /// The head is larger than any that is read.
    HeadTooLarge,
    /// What came is not the HTTP that is spoken here.
    MalformedRequest,

    // Parameters and headers.
    /// A part number that is none.
    InvalidPartNumber { given: String },
    /// No part number where one is needed.
    MissingPartNumber,
    /// An upload id of no characters.
    EmptyUploadId,
    /// A parameter or header whose value will not do.
    InvalidArgument { name: &'static str, value: String },
    /// A parameter nobody knows, where only known ones pass.
    UnrecognisedParameter { name: String, value: String },
    /// A delimiter longer than one character.
    InvalidDelimiter { given: String },
    /// A storage class nobody knows.
    InvalidStorageClass { given: String },
    /// A header that must be there.
    MissingHeader { name: &'static str },
    /// User metadata beyond the limit.
    MetadataTooLarge { size: usize, max: usize },
    /// A copy source that does not parse.
    InvalidCopySource { given: String },
    /// A range beyond the object's end.
    InvalidRange,
    /// A condition did not hold.
    PreconditionFailed { condition: &'static str },
    /// The object is as the client knows it.
    NotModified { etag: ETag, modified: Timestamp },
    /// The object exists and must not be overwritten.
    ObjectExists,
    /// The object was not made by appending.
    NotAppendable,
    /// The object is archived: it has to be restored before it can be read.
    Archived,
    /// Bytes are to be added elsewhere than at the object's end.
    AppendPosition { expected: u64 },
    /// With the appended bytes the object would be too large.
    AppendTooLarge { size: u64, max: u64 },

    // Bodies.
    /// A body is needed.
    MissingBody,
    /// The body is not the XML it should be.
    MalformedXml,
    /// More XML than is read.
    XmlTooLong,
    /// A body where none may be.
    UnexpectedBody,
    /// The list of parts is empty.
    EmptyManifest,
    /// More keys than one request may delete.
    TooManyKeys { max: usize },
    /// Tags that will not do: too many, too long, or one twice.
    InvalidTag,
    /// A lifecycle rule that counts days for one thing and names a date for another.
    MixedAges,
    /// The list of parts does not ascend.
    PartOrder { upload: String },
    /// A part number in the list is none.
    ListedPartNumber { given: String },
    /// A listed part is not stored, or under another entity tag.
    InvalidPart { upload: String, number: PartNumber, etag: String },
    /// A part out of turn, where parts must come one after the other.
    NotSequential { number: PartNumber },
    /// A listed part that is not the last is too small.
    PartTooSmall { upload: String, number: PartNumber, etag: String, size: u64, min: u64 },
    /// The body is too large.
    TooLarge { size: u64, max: u64 },
    /// `Content-MD5` is not the base64 of 16 bytes.
    InvalidDigest { given: String },
    /// `Content-MD5` is not the body's.
    DigestMismatch { given: String, computed: String },
    /// The CRC-64 sent along is not the body's.
    Crc64Mismatch { given: String, computed: u64 },
    /// The SHA-256 sent along is not the body's.
    Sha256Mismatch { given: String },
    /// A checksum that trails the body is not the body's.
    ChecksumMismatch { header: &'static str, given: String, computed: String },
    /// The body is framed, and its frame is broken.
    BrokenFrame { why: &'static str },
    /// Neither a length nor chunks.
    MissingContentLength,
    /// A `Content-Length` that is no number.
    InvalidContentLength { given: String },
    /// `Content-Length` more than once, and not the same.
    ManyContentLengths,
    /// Fewer bytes than declared.
    IncompleteBody,
    /// No bytes for too long.
    BodyStalled,

    // Buckets.
    /// The bucket exists and belongs to another account.
    BucketTaken { bucket: BucketName },
    /// The bucket exists and belongs to the account already.
    BucketYours { bucket: BucketName },
    /// The name of the new bucket carries the number of another account.
    BucketOfAnotherAccount { bucket: BucketName },
    /// The account has as many buckets as it may have.
    TooManyBuckets,
    /// A bucket is to be created in another region than the one asked.
    WrongLocation { given: String },
    /// The bucket still holds objects.
    BucketHoldsObjects { bucket: BucketName },
    /// The bucket still holds open uploads.
    BucketHoldsUploads { bucket: BucketName },

    // Proof of who asks.
    /// The access key id is not known.
    UnknownAccessKey { id: String },
    /// The signature is not the one the service computes.
    SignatureMismatch { facts: Box<Mismatch> },
    /// Headers that have to be signed and are not.
    UnsignedHeaders { names: Vec<String> },
    /// The request's time is too far from the service's.
    ClockSkew { request: String, server: Timestamp },
    /// The signed URL or the signature's window is over.
    Expired { expires: String, server: Timestamp },
    /// No date where the signature needs one.
    MissingDate,
    /// A date that is none.
    InvalidDate { given: String },
    /// The expiry of a signed URL is not a number.
    InvalidExpires { given: String },
    /// An `Authorization` that cannot be read.
    MalformedAuthorization { given: String },
    /// A signature scheme that is not spoken here.
    UnsupportedScheme { scheme: String },
    /// Some of the parameters of a signed URL are missing.
    IncompleteSignedUrl,
    /// Proof both in a header and in the URL.
    TwoProofs,
    /// A field of a version-4 signature that will not do.
    InvalidSignatureField { field: SignatureField, given: String },
    /// The security token is not the one issued with the key.
    InvalidToken,
    /// The security token was issued with another key.
    ForeignToken,
    /// The security token is over.
    ExpiredToken,

    // The rest.
    /// The method is not one the resource knows.
    MethodNotAllowed { method: String, resource: Resource },
    /// Something the service may well do, but this fake does not model.
    NotImplemented { what: String },
    /// The service broke down.
    Internal,
    /// The service is not available.
    Unavailable,
    /// The client asks too often.
    SlowDown,
}

/// What a signature check compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The access key id.
    pub access_key: String,
    /// The signature that came.
    pub provided: String,
    /// What the service signed.
    pub string_to_sign: String,
    /// What the string to sign was made from, in schemes that have two stages.
    pub canonical: Option<String>,
}

/// Which field of a version-4 signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureField {
    /// The list of additionally signed headers.
    AdditionalHeaders,
    /// The time of signing.
    Date,
    /// Access key, day, region, product.
    Credential,
    /// The region in the credential.
    Region,
    /// The hash of the content.
    ContentSha256,
    /// The lifetime is missing.
    ExpiresMissing,
    /// The lifetime is out of bounds.
    ExpiresRange,
}

/// What a method was used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The service itself.
    Service,
    /// A bucket.
    Bucket,
    /// An object.
    Object,
}
