//! A reply as a value: status, headers, and a body that shares what is stored.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Headers most replies have room for without growing.
const HEADERS: usize = 12;

/// A reply, ready to be sent through any door.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers, `Content-Length` included where it belongs.
    pub headers: HeaderMap,
    /// The body: frames that share the store's memory.
    pub body: VecDeque<Bytes>,
    /// Whether the body breaks off after these frames.
    pub broken: bool,
}

impl Reply {
    /// A reply without headers or body.
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("statuses come from tables");
        Self { status, headers: HeaderMap::with_capacity(HEADERS), body: VecDeque::new(), broken: false }
    }

    /// The same, with a header, by its name in lower case. Bytes that no header can carry become `?`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.set(name, value);
        self
    }

    /// The same, with a header if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets a header, unless that is no name for one.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return };
        self.headers.insert(name, carried(value.as_ref()));
    }

    /// The same, with this body and its length.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        self.body = VecDeque::from([body]);
        self.with("content-length", length)
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
        self.with("content-length", "0")
    }
}

/// A header's value; bytes that no header can carry become `?`.
fn carried(value: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(value).unwrap_or_else(|_| {
        let carried = |byte: &u8| if *byte == b'\t' || (*byte >= 32 && *byte != 127) { *byte } else { b'?' };
        HeaderValue::from_bytes(&value.iter().map(carried).collect::<Vec<_>>())
            .expect("what no header can carry was replaced")
    })
}
