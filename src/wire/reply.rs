//! A reply as a value: status, headers, and a body that shares what is stored.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_LENGTH};

/// Headers most replies have room for without growing.
const HEADERS: usize = 10;

/// A reply, ready to be sent through any door.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers, `Content-Length` included where it belongs.
    pub headers: Headers,
    /// The body: frames that share the store's memory.
    pub body: VecDeque<Bytes>,
    /// Whether the body breaks off after these frames.
    pub broken: bool,
}

/// A reply that leaves.
#[derive(Debug)]
pub struct Leaving {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: VecDeque<Bytes>,
    /// Whether the body breaks off.
    pub broken: bool,
}

/// The headers of a reply, in the order they are sent in, each name once. They are too few for a map to find any of them
/// faster; one is made when the reply leaves.
#[derive(Debug, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Sets a header, in its place if it is there.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        match self.0.iter_mut().find(|(found, _)| *found == name) {
            Some((_, found)) => *found = value,
            None => self.0.push((name, value)),
        }
    }

    /// Removes a header, by its name in lower case.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(found, _)| found.as_str() != name);
    }

    /// The value of a header, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.iter().find(|(found, _)| found.as_str() == name).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

impl IntoIterator for Headers {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Reply {
    /// A reply without headers or body.
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("statuses come from tables");
        let headers = Headers(Vec::with_capacity(HEADERS));
        Self { status, headers, body: VecDeque::new(), broken: false }
    }

    /// The same, with a header, by its name in lower case. Bytes that no header can carry become `?`.
    #[must_use]
    pub fn with(mut self, name: impl Name, value: impl AsRef<[u8]>) -> Self {
        self.set(name, value);
        self
    }

    /// The same, with a header whose value was made before.
    #[must_use]
    pub fn with_value(mut self, name: impl Name, value: HeaderValue) -> Self {
        if let Some(name) = name.named() {
            self.headers.set(name, value);
        }
        self
    }

    /// The same, with a header if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: impl Name, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets a header, unless that is no name for one.
    pub fn set(&mut self, name: impl Name, value: impl AsRef<[u8]>) {
        let Some(name) = name.named() else { return };
        self.headers.set(name, carried(value.as_ref()));
    }

    /// The same, with this body and its length.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = number(body.len() as u64);
        self.body = VecDeque::from([body]);
        self.with_value(CONTENT_LENGTH, length)
    }

    /// Sends it on its way, its headers in the map of a request that is over: to make a new one costs more than to fill it.
    pub fn leave(self, mut used: HeaderMap) -> Leaving {
        used.clear();
        used.extend(self.headers);
        Leaving { status: self.status, headers: used, body: self.body, broken: self.broken }
    }

    /// Makes the body break off after this many bytes.
    pub fn cut(&mut self, mut bytes: u64) {
        let mut kept = VecDeque::new();
        for frame in self.body.drain(..) {
            let take = bytes.min(frame.len() as u64);
            bytes -= take;
            kept.push_back(frame.slice(..take as usize));
        }
        kept.retain(|frame| !frame.is_empty());
        (self.body, self.broken) = (kept, true);
    }

    /// The same with an empty body and a length of zero.
    #[must_use]
    pub fn with_no_body(self) -> Self {
        self.with_value(CONTENT_LENGTH, HeaderValue::from_static("0"))
    }
}

/// The name of a header: as text in lower case, or made before, which saves reading and copying it.
pub trait Name {
    /// The name; none if it is none.
    fn named(self) -> Option<HeaderName>;
}

impl Name for &str {
    fn named(self) -> Option<HeaderName> {
        HeaderName::from_bytes(self.as_bytes()).ok()
    }
}

impl Name for &String {
    fn named(self) -> Option<HeaderName> {
        self.as_str().named()
    }
}

impl Name for HeaderName {
    fn named(self) -> Option<HeaderName> {
        Some(self)
    }
}

/// A header's value, made of an id or a digest without copying it.
pub fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ids and digests are letters, digits and signs")
}

/// A header's value, made of a number. In memory of just its size: what `HeaderValue::from` makes takes two allocations.
pub fn number(number: u64) -> HeaderValue {
    value(number.to_string())
}

/// A header's value; bytes that no header can carry become `?`.
fn carried(value: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(value).unwrap_or_else(|_| {
        let carried = |byte: &u8| if *byte == b'\t' || (*byte >= 32 && *byte != 127) { *byte } else { b'?' };
        HeaderValue::from_bytes(&value.iter().map(carried).collect::<Vec<_>>())
            .expect("what no header can carry was replaced")
    })
}
