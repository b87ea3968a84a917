//! The door without a socket: the exchange as a `tower::Service`.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request::Parts,
};
use http_body::{Body, Frame};

use super::background::worker;
use super::conduct::{Broken, NoReply, ReplyBody, Sent, conduct, response};
use crate::exchange::Core;

/// A fake as a [`tower::Service`](tower_service::Service), made by [`crate::Fake::service`]. It does not keep the fake alive.
#[derive(Clone)]
pub struct FakeService(Weak<Core>);

/// The reply to come. Dropped before, it is a client that went away.
pub type Answering = Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, NoReply>> + Send>>;

impl FakeService {
    /// The door to `core`.
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self(Arc::downgrade(core))
    }
}

impl<B> tower_service::Service<Request<B>> for FakeService
where
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = NoReply;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoReply>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let core = self.0.upgrade();
        Box::pin(async move {
            let core = core.ok_or(NoReply::Closed)?;
            let (mut parts, body) = request.into_parts();
            complete(&mut parts, &body);
            let body = Measured { left: content_length(&parts.headers), body: Box::pin(body) };
            let mut body = Sent::new(body, worker(), core.body_timeout, |_| Broken::Gone);
            let exchange = core.arrive(parts);
            let waiting = Waiting { core: &core, number: exchange.live().number, over: false };
            let reply = conduct(exchange, &mut body).await;
            waiting.end();
            reply.map(response)
        })
    }
}

/// A client that waits for its reply. Dropped before that, it has gone: the journal notes that the reply reached nobody.
struct Waiting<'a> {
    core: &'a Core,
    number: u64,
    over: bool,
}

impl Waiting<'_> {
    fn end(mut self) {
        self.over = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.core.note_undelivered(self.number);
        }
    }
}

impl std::fmt::Debug for FakeService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeService")
    }
}

/// Adds the headers that a client would add on the way to a socket: the host, and how long the body is.
fn complete(parts: &mut Parts, body: &impl Body) {
    let Parts { uri, headers, .. } = parts;
    if let Some(authority) = uri.authority()
        && !headers.contains_key(HOST)
    {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        headers.insert(HOST, HeaderValue::from_str(host).expect("an authority is a header's value"));
    }
    if body.is_end_stream() || headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        return;
    }
    match body.size_hint().exact() {
        Some(bytes) => headers.insert(CONTENT_LENGTH, bytes.into()),
        None => headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
    };
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that is as long as its head says, or breaks off: what a connection would make of it.
struct Measured<B> {
    body: Pin<Box<B>>,
    left: Option<u64>,
}

/// A body broke off.
struct Gone;

impl<B: Body<Data = Bytes>> Body for Measured<B> {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let frame = match ready!(self.body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            None if self.left.unwrap_or(0) == 0 => return Poll::Ready(None),
            Some(Err(_)) | None => return Poll::Ready(Some(Err(Gone))),
        };
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let left = self.left.map(|left| left.checked_sub(bytes));
        let Some(left) = left.map_or(Some(None), |left| left.map(Some)) else { return Poll::Ready(Some(Err(Gone))) };
        self.left = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.left.unwrap_or(0) == 0 && self.body.is_end_stream()
    }
}
