//! What hyper asks of the server's door: a reply to a request, and connections that can be reset.

use std::{
    error::Error,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Version,
    header::{CONNECTION, HOST},
    request::Parts,
    uri::Authority,
};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    header_case::Spelling,
    unreadable::{Bare, Unreadable},
};
use crate::{
    door::background::Worker,
    door::conduct::{Broken, NoReply, Peer, ReplyBody, Sent, conduct, response},
    exchange::{Core, answer_malformed},
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
    /// The reply to a request.
    pub async fn respond(&self, request: Request<Incoming>) -> Result<Response<ReplyBody>, NoReply> {
        let (mut parts, body) = request.into_parts();
        meant_for_its_target(&mut parts);
        let link = &self.link.0;
        link.in_exchange.store(true, Relaxed);
        let waits = parts.headers.contains_key("expect");
        let stays = stays(&parts);
        let mut body = Sent::new(body, self.worker, self.core.body_timeout, broken).from(link.peer.clone());
        let mut reply = conduct(self.core.arrive(parts), &mut body).await.inspect_err(|no_reply| {
            link.reset.store(matches!(no_reply, NoReply::Reset), Relaxed);
        })?;
        link.in_exchange.store(false, Relaxed);
        if !body.is_over() {
            // What was announced may never come: what comes next could be the next request as well.
            reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        } else if stays {
            reply.headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
        }
        if !waits && !body.is_over() {
            // Answered while the client still sends: what it sends is read beside the reply, or the connection would be
            // reset under it before it has read why. The connection's end is the end of this too.
            tokio::spawn(async move { body.drain(|_| {}).await });
        }
        let mut response = response(reply);
        *response.extensions_mut() = self.spelling.of(response.headers());
        Ok(response)
    }

    /// The reply to what is no request, as it goes over the wire; `why` is for the journal. hyper, which writes all
    /// others, has no request to reply to.
    pub fn refuse(&self, unreadable: Unreadable, why: &str) -> Vec<u8> {
        let mut reply = answer_malformed(&self.core, unreadable.parts, &unreadable.refusal, why);
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

/// Whether a connection goes on after a request, unless something happens. All three services say so in each reply. Where it
/// does not, hyper says that.
fn stays(parts: &Parts) -> bool {
    let asked = parts.headers.get(CONNECTION).map_or(&[][..], HeaderValue::as_bytes);
    parts.version == Version::HTTP_11 && !asked.windows(5).any(|word| word.eq_ignore_ascii_case(b"close"))
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
        && let Ok(host) = HeaderValue::from_str(target.as_str())
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

/// What a connection and the exchanges on it tell each other.
#[derive(Clone, Debug, Default)]
pub struct Link(Arc<LinkState>);

#[derive(Debug, Default)]
struct LinkState {
    /// The connection is to end in a reset.
    reset: AtomicBool,
    /// An exchange is under way, and journals its own end.
    in_exchange: AtomicBool,
    /// Who is at the other end.
    peer: Arc<Peer>,
}

impl Link {
    /// Whether an exchange is under way.
    pub fn in_exchange(&self) -> bool {
        self.0.in_exchange.load(Relaxed)
    }

    fn is_to_reset(&self) -> bool {
        self.0.reset.load(Relaxed)
    }
}

/// Bytes of what was read last that are remembered: enough for most heads. hyper does not give back a head that it has read and
/// then refuses.
const REMEMBERED: usize = 8 << 10;

/// Where the status is in a reply.
const STATUS: usize = "HTTP/1.1 ".len();

/// A connection that can be reset: its end is then an RST instead of a FIN. What hyper by itself refuses is not sent, and the
/// connection can be served once more, to read again what was read.
#[derive(Debug)]
pub struct Resettable {
    stream: TcpStream,
    link: Link,
    again: Bytes,
    refused: Option<Bare>,
    heard: Heard,
}

/// The beginning of what was read since the last reply.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    /// How many bytes there were, remembered or not.
    len: usize,
    /// A reply was written since.
    answered: bool,
}

impl Heard {
    fn hear(&mut self, more: &[u8]) {
        if std::mem::take(&mut self.answered) {
            self.bytes.clear();
            self.len = 0;
        }
        let fitting = more.len().min(REMEMBERED.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(&more[..fitting]);
        self.len += more.len();
    }
}

impl Resettable {
    /// A connection and its link.
    pub fn new(stream: TcpStream) -> (Self, Link) {
        let link = Link::default();
        let (again, refused, heard) = (Bytes::new(), None, Heard::default());
        (Self { stream, link: link.clone(), again, refused, heard }, link)
    }

    /// How hyper refused what came, if it did.
    pub fn refused(&self) -> Option<Bare> {
        self.refused
    }

    /// What was refused after hyper had taken it, `left` being what it had not: none if it refused that.
    pub fn taken(&self, left: &Bytes) -> Option<Unreadable> {
        let taken = self.heard.len.checked_sub(left.len())?;
        Unreadable::taken(&self.heard.bytes[..taken.min(self.heard.bytes.len())])
    }

    /// The same connection, to be served once more; `read` is what was read from it and not understood.
    pub fn once_more(mut self, read: Bytes) -> Self {
        (self.again, self.refused) = (read, None);
        self
    }

    /// The connection itself, where nothing is withheld.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Keeps hyper's own refusals from being sent.
    fn withholds(&mut self, reply: &[u8]) -> bool {
        self.heard.answered = true;
        // Of a reply, where its status begins.
        reply.get(STATUS) == Some(&b'4') && self.is_refused_by(reply)
    }

    #[cold]
    fn is_refused_by(&mut self, reply: &[u8]) -> bool {
        if !self.link.in_exchange() {
            self.refused = Bare::of(reply);
        }
        self.refused.is_some()
    }

    /// Looks whether the peer has gone, and wakes whoever waits for that. What it has sent stays unread.
    fn watch_peer(&mut self, cx: &mut Context<'_>) {
        let sent = &mut [0];
        let gone = match self.stream.poll_peek(cx, &mut ReadBuf::new(sent)) {
            Poll::Ready(Ok(bytes)) => bytes == 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if gone && !self.link.0.peer.gone.swap(true, Relaxed) {
            cx.waker().wake_by_ref();
        }
    }
}

impl Drop for Resettable {
    fn drop(&mut self) {
        if self.link.is_to_reset() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.again.is_empty() {
            let fitting = self.again.len().min(into.remaining());
            into.put_slice(&self.again.split_to(fitting));
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        // What comes within an exchange is its body.
        if polled.is_ready() && !self.link.in_exchange() {
            self.heard.hear(&into.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        if self.withholds(from) {
            return Poll::Ready(Ok(from.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if from.first().is_some_and(|first| self.withholds(first)) {
            return Poll::Ready(Ok(from.iter().map(|slice| slice.len()).sum()));
        }
        // Most replies are one piece, which the system takes sooner by itself than as a list of one.
        match from {
            [only] => Pin::new(&mut self.stream).poll_write(cx, only),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, from),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper does not read while it waits for a reply, but it flushes whenever it has looked for one.
        if self.link.0.peer.watched.load(Relaxed) {
            self.watch_peer(cx);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A reset must not be preceded by a FIN.
        if self.link.is_to_reset() || self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
