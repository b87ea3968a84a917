//! Assertions on one object: its bytes, and what is kept with them.

use crate::{
    fake::Fake,
    snapshot::{ObjectRecord, Snapshot},
    timeline::size,
};

/// An object of a fake, to be asserted on. The assertions chain.
pub struct ObjectCheck<'a> {
    fake: &'a Fake,
    record: ObjectRecord,
}

impl Fake {
    /// The object under `key` in the first bucket.
    ///
    /// # Panics
    /// If there is none, with the timeline.
    #[track_caller]
    pub fn object(&self, key: &str) -> ObjectCheck<'_> {
        self.object_in(self.bucket(), key)
    }

    /// The object under `key` in this bucket.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use fake_bucket::Fake;
    ///
    /// let oss = Fake::oss().trusting().build();
    /// let put = http::Request::put("/examplebucket/hello.txt").header("host", "127.0.0.1").header("content-length", "5");
    /// oss.answer(put.header("content-type", "text/plain").body(Bytes::from("hello")).unwrap());
    /// oss.object_in("examplebucket", "hello.txt")
    ///     .assert_bytes(b"hello")
    ///     .assert_metadata(&[("Content-Type", "text/plain")])
    ///     .assert_tags(&[]);
    /// ```
    ///
    /// # Panics
    /// If there is none, with the timeline.
    #[track_caller]
    pub fn object_in(&self, bucket: &str, key: &str) -> ObjectCheck<'_> {
        let Snapshot { objects, .. } = self.snapshot();
        match objects.into_iter().find(|object| object.bucket == bucket && object.key == key) {
            Some(record) => ObjectCheck { fake: self, record },
            None => self.fail(&format!("there is no object {key:?} in {bucket}")),
        }
    }
}

impl ObjectCheck<'_> {
    /// The object's record.
    pub fn record(&self) -> &ObjectRecord {
        &self.record
    }

    /// Asserts that the object holds exactly these bytes.
    ///
    /// # Panics
    /// If it does not, or if bytes are not retained, with the timeline.
    #[track_caller]
    pub fn assert_bytes(self, bytes: &[u8]) -> Self {
        let found = self.fake.read_from(&self.record.bucket, &self.record.key);
        let Some(found) = found else { self.fail("have bytes that are retained, and has none") };
        if let Some(how) = differing(&found, bytes) {
            self.fail(&format!("hold {} bytes that are given, but {how}", bytes.len()));
        }
        self
    }

    /// Asserts that the object holds `size` bytes with this CRC-64/ECMA, in decimal; also where bytes are not retained.
    ///
    /// # Panics
    /// If it does not, with the timeline.
    #[track_caller]
    pub fn assert_content(self, size: u64, crc64: &str) -> Self {
        let content = |size, crc64: &str| format!("{size} bytes with the CRC-64 {crc64}");
        let (expected, found) = (content(size, crc64), content(self.record.size, &self.record.crc64));
        self.expect(&format!("hold {expected}, and holds {found}"), found == expected)
    }

    /// Asserts that exactly these headers are kept with the object, in any order: names as the provider writes them, and
    /// values.
    ///
    /// # Panics
    /// If others are, with the timeline.
    #[track_caller]
    pub fn assert_metadata(self, headers: &[(&str, &str)]) -> Self {
        let (expected, found) = (sorted(headers), in_order(&self.record.metadata));
        let holds = found == expected;
        let words = format!("have the metadata {expected:?}, and has {found:?}");
        self.expect(&words, holds)
    }

    /// Asserts that the object has exactly these tags, in any order.
    ///
    /// # Panics
    /// If it has others, with the timeline.
    #[track_caller]
    pub fn assert_tags(self, tags: &[(&str, &str)]) -> Self {
        let (expected, found) = (sorted(tags), in_order(&self.record.tags));
        let holds = found == expected;
        let words = format!("have the tags {expected:?}, and has {found:?}");
        self.expect(&words, holds)
    }

    /// Asserts that the object was given this storage class, or none.
    ///
    /// # Panics
    /// If it was given another, with the timeline.
    #[track_caller]
    pub fn assert_storage_class(self, class: Option<&str>) -> Self {
        let found = self.record.storage_class.clone();
        self.expect(&format!("have the storage class {class:?}, and has {found:?}"), found.as_deref() == class)
    }

    /// Asserts that the object was given this access control list, by its name, or none.
    ///
    /// # Panics
    /// If it was given another, with the timeline.
    #[track_caller]
    pub fn assert_acl(self, acl: Option<&str>) -> Self {
        let found = self.record.acl.clone();
        self.expect(&format!("have the access control list {acl:?}, and has {found:?}"), found.as_deref() == acl)
    }

    #[track_caller]
    fn expect(self, expected: &str, holds: bool) -> Self {
        if !holds {
            self.fail(expected);
        }
        self
    }

    #[track_caller]
    fn fail(&self, expected: &str) -> ! {
        self.fake.fail(&format!("object {:?} should {expected}", self.record.key))
    }
}

/// How `found` differs from `expected`, in words; none if it does not.
pub(crate) fn differing(found: &[u8], expected: &[u8]) -> Option<String> {
    if found.len() != expected.len() {
        let sizes = [found.len(), expected.len()].map(|length| size(length as u64));
        return Some(format!("it holds {} instead of {}", sizes[0], sizes[1]));
    }
    let at = found.iter().zip(expected).position(|(found, expected)| found != expected)?;
    Some(format!("it holds other bytes from byte {at} on"))
}

/// Names and values, in their order.
pub(crate) fn in_order(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    sorted(&pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
}

fn sorted<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    pairs
}
