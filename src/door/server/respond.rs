//! The service that hyper calls: a response to each request of a connection.

use std::{
    error::Error,
    io::{self, ErrorKind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Version,
    header::{CONNECTION, HOST},
    request::Parts,
    uri::Authority,
};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{header_case::Spelling, judge::Unreadable, socket::Link};
use crate::{
    door::background::Worker,
    door::conduct::{Broken, NoReply, ReplyBody, Rest, Sent, conduct, response},
    exchange::{Core, answer_malformed},
    wire::head::without_userinfo,
};

/// What the requests of one connection are served with.
pub struct Served {
    /// The fake.
    pub core: Arc<Core>,
    /// The thread the connection is served on.
    pub worker: Worker,
    /// How header names are spelled.
    pub spelling: Spelling,
    /// What the connection is told.
    pub link: Link,
}

impl Served {
    /// The response to a request.
    pub async fn respond(&self, request: Request<Incoming>) -> Result<Response<SentBody>, NoReply> {
        let (mut parts, body) = request.into_parts();
        let current = self.link.take_current();
        if let Some(method) = current.method {
            parts.method = method;
        }
        meant_for_its_target(&mut parts);
        let stays = stays(&parts) && !current.is_last;
        let exchange = self.core.arrive(parts);
        self.link.begin(exchange.live().number);
        let mut body = Sent::new(body, self.worker, self.core.body_timeout, broken).from(self.link.peer());
        let mut reply = conduct(exchange, &mut body).await.inspect_err(|no_reply| {
            if matches!(no_reply, NoReply::Reset) {
                self.link.reset();
            }
        })?;
        let rest = body.rest();
        if rest == Rest::Unwanted || current.is_last {
            reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        } else if stays {
            reply.headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
        }
        if rest == Rest::ToCome {
            // The request is answered while the client still sends. The rest of the body is read beside the response, up to
            // its end, where the next request begins. The task ends with the connection at the latest.
            tokio::spawn(async move { body.discard().await });
        }
        let response = response(reply);
        let extensions = self.spelling.of(response.headers());
        let mut response = response.map(|body| SentBody { body, link: self.link.clone() });
        *response.extensions_mut() = extensions;
        Ok(response)
    }

    /// The response to what is no request, as it goes over the wire. hyper, which writes all others, knows no request to
    /// respond to.
    pub fn refuse(&self, unreadable: Unreadable) -> Vec<u8> {
        let mut reply = answer_malformed(&self.core, unreadable.parts, &unreadable.refusal, unreadable.why);
        reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut written = format!("HTTP/1.1 {}\r\n", reply.status).into_bytes();
        for (name, value) in &reply.headers {
            let name = self.spelling.of_name(name.as_str()).as_bytes();
            written.extend([name, b": ", value.as_bytes(), b"\r\n"].concat());
        }
        written.extend_from_slice(b"\r\n");
        reply.body.iter().for_each(|frame| written.extend_from_slice(frame));
        written
    }
}

/// A connection that ends with a response unsent had nobody to send it to.
impl Drop for Served {
    fn drop(&mut self) {
        if let Some(number) = self.link.unsent() {
            self.core.note_undelivered(number);
        }
    }
}

/// The body of a response, which tells its connection when hyper has taken all of it.
pub struct SentBody {
    body: ReplyBody,
    link: Link,
}

impl Drop for SentBody {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.link.take_response();
        }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = NoReply;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NoReply>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a connection goes on after a request, unless something happens. All three services say so in each response. Where
/// it does not, hyper says that.
fn stays(parts: &Parts) -> bool {
    let asked = parts.headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    let closes = asked.flat_map(|value| value.windows(5)).any(|word| word.eq_ignore_ascii_case(b"close"));
    parts.version == Version::HTTP_11 && !closes
}

/// Gives a request whose target names a host, as a proxy gets it, that host: any other that its `Host` says is ignored. One
/// that says the same stays as it came, since it may be signed.
///
/// # Source
/// RFC 9112, "HTTP/1.1", section 3.2.2, <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>.
fn meant_for_its_target(parts: &mut Parts) {
    let Some(target) = parts.uri.authority() else { return };
    let said = parts.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    if said.is_none_or(|said| !said.host().eq_ignore_ascii_case(target.host()))
        && let Ok(host) = HeaderValue::from_str(without_userinfo(target.as_str()))
    {
        parts.headers.insert(HOST, host);
    }
}

/// Why a body broke off: its client sends no more, or is gone, or what it sends is not what the head declares.
fn broken(error: &hyper::Error) -> Broken {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        Some(ErrorKind::InvalidData | ErrorKind::InvalidInput) => Broken::Malformed,
        Some(ErrorKind::UnexpectedEof) => Broken::Ended,
        _ => Broken::Gone,
    }
}
