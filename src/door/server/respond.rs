//! One request through the server's door: what is awaited between the two halves of an exchange.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    io::IoSlice,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::{
    exchange::{
        Core, Exchange, Prepared, carry_out, conclude,
        fault::Fault,
        gate::At,
        journal::{End, Live},
        receive::{Received, Receiving},
    },
    store::{LateParts, Refusal},
    wire::reply::Reply,
};

/// How long a client may pause within a body.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// Why a connection ends without a reply.
#[derive(Debug)]
pub enum NoReply {
    /// It is reset, on purpose.
    Reset,
    /// It is ended, on purpose.
    Cut,
    /// The client is gone.
    Gone,
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "connection reset on purpose",
            Self::Cut => "connection ended on purpose",
            Self::Gone => "the client went away",
        })
    }
}

impl Error for NoReply {}

/// How receiving a body ended short.
enum Short {
    /// With a refusal that can still be told.
    Refused(Refusal),
    /// With a refusal that is told at once, the rest of the body unread.
    AtOnce(Refusal),
    /// Without a reply.
    NoReply(NoReply),
}

pub async fn respond(
    core: Arc<Core>,
    request: Request<Incoming>,
    cases: Extensions,
    link: Link,
) -> Result<Response<Frames>, NoReply> {
    let (parts, mut body) = request.into_parts();
    link.0.in_exchange.store(true, Relaxed);
    let waits = parts.headers.contains_key("expect");
    let exchange = core.arrive(parts);
    let reply = run(exchange, &mut body).await.inspect_err(|no_reply| {
        link.0.reset.store(matches!(no_reply, NoReply::Reset), Relaxed);
    })?;
    link.0.in_exchange.store(false, Relaxed);
    if !waits && !body.is_end_stream() {
        // Answered while the client still sends: what it sends is read beside the reply, or the connection would be
        // reset under it before it has read why. The connection's end is the end of this too.
        tokio::spawn(async move { while let Ok(Some(_)) = next_frame(&mut body).await {} });
    }
    Ok(response(reply, cases))
}

async fn run(mut exchange: Exchange, body: &mut Incoming) -> Result<Reply, NoReply> {
    let prepared = match exchange.prepare() {
        Ok(prepared) => prepared,
        Err(refusal) => {
            // The rest of a refused request is read all the same: clients that are still sending would otherwise fail
            // to send before they come to read why. One that waits for a word before it sends is told at once instead.
            if !exchange.head().headers.contains_key("expect") {
                drain(body, exchange.live()).await;
            }
            return Ok(refuse(exchange, refusal).await);
        }
    };
    exchange.core().gates.pass(exchange.live(), At::Admitted).await;
    match receive(&exchange, &prepared, body).await {
        Ok(received) if prepared.fault().is_some() => Box::pin(spoiled(exchange, prepared, received)).await,
        Ok(received) => Ok(after_body(exchange, prepared, received).await),
        Err(Short::Refused(refusal)) => {
            drain(body, exchange.live()).await;
            Ok(refuse(exchange, refusal).await)
        }
        Err(Short::AtOnce(refusal)) => Ok(refuse(exchange, refusal).await),
        Err(Short::NoReply(NoReply::Reset)) => {
            exchange.end(End::Reset);
            Err(NoReply::Reset)
        }
        Err(Short::NoReply(NoReply::Cut)) => {
            exchange.end(End::Cut);
            Err(NoReply::Cut)
        }
        Err(Short::NoReply(NoReply::Gone)) => Err(NoReply::Gone),
    }
}

/// The second half. Once a body is complete its request is carried out, whether or not the client still waits: so do the
/// services. Where something may be awaited it therefore runs on its own.
async fn after_body(exchange: Exchange, prepared: Prepared, received: Received) -> Reply {
    if exchange.core().gates.none() {
        return carry_out(exchange, &prepared, received);
    }
    tokio::spawn(carry_out_through_gates(exchange, prepared, received)).await.expect("an exchange does not panic")
}

async fn carry_out_through_gates(mut exchange: Exchange, prepared: Prepared, received: Received) -> Reply {
    let (core, live) = (exchange.core().clone(), exchange.live().clone());
    core.gates.pass(&live, At::BeforeApply).await;
    let result = exchange.act(&prepared, received);
    core.gates.pass(&live, At::AfterApply).await;
    core.gates.pass(&live, At::BeforeReply).await;
    conclude(exchange, result)
}

/// The second half of an exchange that something is made to go wrong with, as far as the connection has to do with it.
async fn spoiled(mut exchange: Exchange, prepared: Prepared, received: Received) -> Result<Reply, NoReply> {
    match prepared.fault().cloned() {
        Some(Fault::CutBefore) => {
            exchange.end(End::Cut);
            return Err(NoReply::Cut);
        }
        Some(Fault::LoseReply) => {
            let reply = act(&mut exchange, &prepared, received);
            exchange.end(End::ReplyLost(reply.status.as_u16()));
            return Err(NoReply::Cut);
        }
        Some(Fault::CutReply(bytes)) => {
            let mut reply = act(&mut exchange, &prepared, received);
            reply.cut(bytes);
            exchange.end(End::ReplyLost(reply.status.as_u16()));
            return Ok(reply);
        }
        Some(Fault::Delay(by)) => tokio::time::sleep(by).await,
        Some(Fault::Stall) => std::future::pending().await,
        _ => {}
    }
    Ok(after_body(exchange, prepared, received).await)
}

fn act(exchange: &mut Exchange, prepared: &Prepared, received: Received) -> Reply {
    let result = exchange.act(prepared, received);
    result.unwrap_or_else(|refusal| exchange.refuse(&refusal))
}

async fn refuse(exchange: Exchange, refusal: Refusal) -> Reply {
    exchange.core().gates.pass(exchange.live(), At::BeforeReply).await;
    conclude(exchange, Err(refusal))
}

/// Receives a body, digesting it as it comes.
async fn receive(exchange: &Exchange, prepared: &Prepared, body: &mut Incoming) -> Result<Received, Short> {
    let (core, live) = (exchange.core(), exchange.live());
    let mut receiving = Receiving::new(prepared.body(), core, exchange.head());
    let hurried = matches!(core.rules.late_parts, LateParts::FailAtOnce | LateParts::Reset);
    loop {
        let frame = match hurried {
            false => next_frame(body).await?,
            true => Box::pin(next_unless_late(exchange, body)).await?,
        };
        let Some(frame) = frame else { return Ok(receiving.finish()) };
        let received = live.receive(frame.len() as u64);
        core.changed.notify(usize::MAX);
        if matches!(prepared.fault(), Some(Fault::CutBody(bytes)) if received >= *bytes) {
            return Err(Short::NoReply(NoReply::Cut));
        }
        receiving.push(frame).map_err(Short::Refused)?;
        core.gates.pass(live, At::Byte(received)).await;
    }
}

/// The next frame; none at the end of the body.
async fn next_frame(body: &mut Incoming) -> Result<Option<Bytes>, Short> {
    loop {
        let next = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        match timeout(STALL_LIMIT, next).await {
            Err(_) => return Err(Short::AtOnce(Refusal::BodyStalled)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) if is_gone(&error) => return Err(Short::NoReply(NoReply::Gone)),
            Ok(Some(Err(_))) => return Err(Short::AtOnce(Refusal::IncompleteBody)),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Whether a body broke off because its client went away, rather than because it is not what its head declares.
fn is_gone(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    !io.is_some_and(|io| matches!(io.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput))
}

/// The next frame, unless the upload ends before it comes.
async fn next_unless_late(exchange: &Exchange, body: &mut Incoming) -> Result<Option<Bytes>, Short> {
    let mut frame = pin!(next_frame(body));
    loop {
        let ended = exchange.core().ended.listen();
        match exchange.late() {
            Some(LateParts::FailAtOnce) => return Err(Short::AtOnce(exchange.no_such_upload())),
            Some(LateParts::Reset) => return Err(Short::NoReply(NoReply::Reset)),
            Some(LateParts::Fail | LateParts::Linger) | None => {}
        }
        tokio::select! {
            frame = &mut frame => return frame,
            () = ended => {}
        }
    }
}

/// Reads what is left of a body and throws it away.
async fn drain(body: &mut Incoming, live: &Live) {
    while let Ok(Some(frame)) = next_frame(body).await {
        live.receive(frame.len() as u64);
    }
}

fn response(reply: Reply, cases: Extensions) -> Response<Frames> {
    let mut response = Response::new(Frames { frames: reply.body, broken: reply.broken, paused: false });
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    *response.extensions_mut() = cases;
    response
}

/// A body of frames that are all there; or that breaks off, on purpose.
#[derive(Debug, Default)]
pub struct Frames {
    frames: VecDeque<Bytes>,
    broken: bool,
    paused: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = NoReply;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NoReply>>> {
        if self.broken && self.frames.is_empty() && !self.paused {
            // hyper flushes while a body pauses, and not when it fails.
            self.paused = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(match self.frames.pop_front() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if self.broken => Some(Err(NoReply::Cut)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && !self.broken
    }

    fn size_hint(&self) -> SizeHint {
        match self.broken {
            true => SizeHint::default(),
            false => SizeHint::with_exact(self.frames.iter().map(|frame| frame.len() as u64).sum()),
        }
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

/// A connection that can be reset: its end is then an RST instead of a FIN.
#[derive(Debug)]
pub struct Resettable {
    stream: TcpStream,
    link: Link,
}

impl Resettable {
    /// A connection and its link.
    pub fn new(stream: TcpStream) -> (Self, Link) {
        let link = Link::default();
        (Self { stream, link: link.clone() }, link)
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
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        // A reset must not be preceded by a FIN.
        if self.link.is_to_reset() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
