//! The names a store hands out and takes back: buckets, keys, upload ids, entity tags.
//!
//! All four are shared strings, cheap to clone. None of them is parsed here: what a legal bucket name or key is differs
//! by provider and is decided where an address is read.

use std::{borrow::Borrow, fmt, sync::Arc};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// The name of a bucket.
    BucketName
);
name!(
    /// The key of an object, decoded: never percent-encoded.
    ObjectKey
);
name!(
    /// The id of a multipart upload. Opaque: compared, never parsed.
    UploadId
);
name!(
    /// An entity tag, without the double quotes it wears on the wire.
    ETag
);

/// A bucket and a key in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The bucket.
    pub bucket: BucketName,
    /// The key, decoded.
    pub key: ObjectKey,
}
