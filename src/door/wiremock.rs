//! The door into somebody else's server: the fake as a `wiremock::Respond`, beside the mocks a suite has already.
//!
//! wiremock reads a request to its end before it asks for a response, and asks under a lock of its own. So nothing is ever
//! in flight here: no gates, no late parts, no broken connections.

use std::sync::{Arc, Weak};

use ::wiremock::{Request, Respond, ResponseTemplate};
use bytes::Bytes;
use http::{Uri, request::Parts};

use crate::exchange::{Core, answer};

/// A fake as a [`wiremock::Respond`](::wiremock::Respond), made by [`crate::Fake::responder`]. It does not keep the fake
/// alive.
#[derive(Clone)]
pub struct FakeResponder {
    core: Weak<Core>,
    /// What tells the fake that there is a responder.
    _mocked: Arc<()>,
}

impl FakeResponder {
    /// The door to `core`.
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self { core: Arc::downgrade(core), _mocked: core.mocked.clone() }
    }
}

impl Respond for FakeResponder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let Some(core) = self.core.upgrade() else {
            return ResponseTemplate::new(503).set_body_string("the fake behind this mock was dropped");
        };
        let Some(parts) = parts(request) else {
            core.arrive_malformed(format!("no target: {}", request.url.path()));
            return ResponseTemplate::new(400);
        };
        let reply = answer(&core, parts, Bytes::from(request.body.clone()), None);
        let template = ResponseTemplate::new(reply.status).append_headers(&reply.headers);
        template.set_body_bytes(Vec::from(reply.body).concat())
    }
}

impl std::fmt::Debug for FakeResponder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeResponder")
    }
}

/// The head of a request. wiremock makes up a host where a target has none: the `Host` header speaks for it.
fn parts(request: &Request) -> Option<Parts> {
    let target = match request.url.query() {
        Some(query) => format!("{}?{query}", request.url.path()),
        None => request.url.path().to_owned(),
    };
    let uri: Uri = target.parse().ok()?;
    let mut parts = http::Request::builder().method(request.method.clone()).uri(uri).body(()).ok()?.into_parts().0;
    parts.headers = request.headers.clone();
    Some(parts)
}
