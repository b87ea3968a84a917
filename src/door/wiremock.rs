//! The door into somebody else's server: the fake as a `wiremock::Respond`, beside the mocks a suite has already.
//!
//! wiremock reads a request to its end before it asks for a response, and asks under a lock of its own. So nothing is ever
//! in flight here: no gates, no late parts, no broken connections.

use std::sync::{Arc, Weak};

use ::wiremock::{Match, Request, Respond, ResponseTemplate};
use bytes::Bytes;
use http::{Uri, request::Parts};

use crate::exchange::{
    Core, answer,
    select::{Candidate, Select},
};

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
        match self.core.upgrade() {
            Some(core) => write!(f, "FakeResponder({})", core.provider.name()),
            None => f.write_str("FakeResponder(dropped)"),
        }
    }
}

impl Select {
    /// Only exchanges whose request this matcher of wiremock's matches; `what` names it in messages. Through any door.
    ///
    /// A request is matched before its body has come, so a matcher sees none, and one that asks for a body never
    /// matches. The URL is what wiremock makes of a target without a host: that of `localhost`.
    ///
    /// ```
    /// use fake_bucket::{Fake, Fault, Op, Select};
    /// use wiremock::matchers::{header_exists, query_param};
    ///
    /// let oss = Fake::oss().verify_on_drop(false).build();
    /// let second_part = Select::from(Op::UploadPart).request("part 2", query_param("partNumber", "2"));
    /// let retried = Select::any().request("a retry", header_exists("x-retry"));
    /// let _faults = [second_part, retried].map(|select| oss.fault(select, Fault::LoseReply));
    /// ```
    pub fn request(self, what: impl AsRef<str>, matcher: impl Match + 'static) -> Self {
        self.matching(what, move |candidate| request(candidate).is_some_and(|request| matcher.matches(&request)))
    }
}

/// A request as wiremock's matchers get it, without its body. None if its target is no URL.
fn request(candidate: &Candidate<'_>) -> Option<Request> {
    let uri = candidate.uri();
    let url = match uri.authority() {
        Some(_) => uri.to_string(),
        None => format!("http://localhost{uri}"),
    };
    Some(Request {
        url: url.parse().ok()?,
        method: candidate.method().clone(),
        headers: candidate.headers().clone(),
        body: Vec::new(),
    })
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
