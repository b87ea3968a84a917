//! One request through a door that awaits: what comes between the two halves of an exchange. The doors differ in where a
//! request's body comes from, and in what becomes of a connection without a reply.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};

use super::background::{Worker, detached, sleep, within};
use crate::{
    exchange::{
        Exchange, Prepared, conclude,
        failure::Denial,
        fault::Fault,
        gate::{At, Stop},
        journal::End,
        receive::{Received, Receiving},
    },
    store::{LateParts, Refusal},
    wire::{
        head::Head,
        reply::{Leaving, Reply},
    },
};

/// How long the response to a refused request is put off while its client still sends.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// How long a client whose request is refused may pause while it sends before it gets the response: it may be waiting for it.
/// The rest of the body is read all the same, so that a client that is merely slow loses nothing.
const DRAIN_PAUSE: Duration = Duration::from_millis(500);

/// How often a body that nobody waits for is looked at.
const LOOKS: usize = 2;

/// Why an exchange has no reply, or none that is whole: what a client without a socket gets in place of a broken connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoReply {
    /// The connection is reset, on purpose.
    Reset,
    /// The connection is ended, on purpose.
    Cut,
    /// The client went away: the body of its request broke off, or was not as long as its head said.
    Gone,
    /// The fake was dropped.
    #[cfg_attr(not(feature = "tower"), allow(dead_code))] // Where there is a socket, it is closed.
    Closed,
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "connection reset on purpose",
            Self::Cut => "connection ended on purpose",
            Self::Gone => "the client went away",
            Self::Closed => "the fake was dropped",
        })
    }
}

impl Error for NoReply {}

/// How a body breaks off.
#[derive(Clone, Copy, Debug)]
pub enum Broken {
    /// Its client is gone.
    Gone,
    /// No more of it will come. Whether its client is gone, or still listens, cannot be told.
    Ended,
    /// It is not what its head declares.
    Malformed,
}

/// The body of a request on its way in.
pub struct Sent<B: Body> {
    body: B,
    worker: Worker,
    stall_limit: Duration,
    broken: fn(&B::Error) -> Broken,
    peer: Option<Arc<Peer>>,
    /// Its end has come. One that came in chunks does not tell by itself.
    ended: bool,
    /// Some of it was asked for, so that a client that expects `100 Continue` has got it.
    asked_for: bool,
    /// Nothing more of it will be read.
    unwanted: bool,
}

/// What is left of the body of a request that has its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "server"), allow(dead_code))] // Without a socket nothing comes after a request.
pub enum Rest {
    /// Nothing: the next request may follow.
    Nothing,
    /// Bytes that the client may still be sending, and that have to be read before the next request.
    ToCome,
    /// Bytes that are not read: they may never come, or have no end that could be told.
    Unwanted,
}

/// The other end of a connection, watched where nothing is read from it or written to it.
#[derive(Debug, Default)]
pub struct Peer {
    /// Somebody wants to know when it goes.
    pub watched: AtomicBool,
    /// It has gone.
    pub gone: AtomicBool,
}

/// How receiving a body ended short.
enum Short {
    /// With a denial that can still be told.
    Refused(Denial),
    /// With a refusal that is told at once, the rest of the body unread.
    AtOnce(Refusal),
    /// With an end too soon, which is told to whoever may still listen.
    Ended,
    /// Without a reply.
    NoReply(NoReply),
}

impl<B: Body<Data = Bytes> + Unpin> Sent<B> {
    /// A body, whose pauses `worker` measures; `broken` tells what an error of it means.
    pub fn new(body: B, worker: Worker, stall_limit: Duration, broken: fn(&B::Error) -> Broken) -> Self {
        Self { body, worker, stall_limit, broken, peer: None, ended: false, asked_for: false, unwanted: false }
    }

    /// The same, from this peer. Who notices that it goes wakes whoever waits for that.
    pub fn from(self, peer: Arc<Peer>) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// Waits until the peer goes; for ever, where that cannot be noticed.
    fn until_gone(&self) -> impl Future<Output = ()> + use<B> {
        let peer = self.peer.clone();
        poll_fn(move |_| {
            let Some(peer) = &peer else { return Poll::Pending };
            peer.watched.store(true, Relaxed);
            if peer.gone.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Whether all of it was read.
    fn is_over(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    /// What is left of it.
    pub fn rest(&self) -> Rest {
        match (self.is_over(), self.unwanted) {
            (true, false) => Rest::Nothing,
            (false, false) => Rest::ToCome,
            (_, true) => Rest::Unwanted,
        }
    }

    /// Reads what is left of it and discards it, until its end or a pause beyond the limit.
    #[cfg(feature = "server")]
    pub async fn discard(&mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }

    /// Reads the rest of a request that is refused, before its response: clients that are still sending would otherwise fail
    /// to send before they come to read why. A client that waits for a word before it sends is told at once instead, and so
    /// is one that pauses, or has announced more than anybody would read.
    async fn drain(&mut self, exchange: &Exchange, refusal: Option<&Refusal>) {
        let head = exchange.head();
        if awaits_continue(head) && !self.asked_for {
            self.unwanted = !self.is_over();
            return;
        }
        if needs_no_body(&head.method) {
            self.skip_what_is_there().await;
            self.unwanted = !self.is_over();
            return;
        }
        if matches!(refusal, Some(Refusal::TooLarge { .. } | Refusal::AppendTooLarge { .. })) {
            return self.skip_what_is_there().await;
        }
        let worker = self.worker;
        let all = async {
            while let Some(Ok(Some(frame))) = within(worker, DRAIN_PAUSE, self.next()).await {
                exchange.live().receive(frame.len() as u64);
            }
        };
        within(worker, DRAIN_LIMIT, all).await;
    }

    /// Throws away what has come of it already, and waits for nothing.
    async fn skip_what_is_there(&mut self) {
        // A connection hands on what it has read when whoever reads the body has asked, and let go.
        for _ in 0..LOOKS {
            let mut asked = false;
            poll_fn(|cx| {
                while !self.is_over() && matches!(self.poll(cx), Poll::Ready(Some(Ok(_)))) {}
                if asked || self.is_over() {
                    return Poll::Ready(());
                }
                asked = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    /// The next frame; none at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Short> {
        while !self.is_over() {
            // What is at hand needs no timer, which would cost 0.4 us a frame.
            let frame = match poll_fn(|cx| Poll::Ready(self.poll(cx))).await {
                Poll::Ready(frame) => Some(frame),
                Poll::Pending => within(self.worker, self.stall_limit, poll_fn(|cx| self.poll(cx))).await,
            };
            match frame {
                None => {
                    self.unwanted = true;
                    return Err(Short::AtOnce(Refusal::BodyStalled));
                }
                Some(None) => return Ok(None),
                Some(Some(Err(error))) => {
                    self.unwanted = true;
                    return Err(match (self.broken)(&error) {
                        Broken::Gone => Short::NoReply(NoReply::Gone),
                        Broken::Ended => Short::Ended,
                        Broken::Malformed => Short::AtOnce(Refusal::IncompleteBody),
                    });
                }
                Some(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
        Ok(None)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.asked_for = true;
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    /// The next frame, unless the upload ends before it comes.
    async fn next_unless_late(&mut self, exchange: &Exchange) -> Result<Option<Bytes>, Short> {
        let mut frame = pin!(self.next());
        loop {
            let ended = exchange.core().ended.listen();
            match exchange.late() {
                Some(LateParts::FailAtOnce) => return Err(Short::AtOnce(exchange.no_such_upload())),
                Some(LateParts::Reset) => return Err(Short::NoReply(NoReply::Reset)),
                Some(LateParts::Fail | LateParts::Linger | LateParts::Either) | None => {}
            }
            tokio::select! {
                frame = &mut frame => return frame,
                () = ended => {}
            }
        }
    }
}

/// Leads an exchange to its end. The future may be polled by any executor; dropped, it is a client that went away.
pub async fn conduct<B>(mut exchange: Box<Exchange>, body: &mut Sent<B>) -> Result<Leaving, NoReply>
where
    B: Body<Data = Bytes> + Unpin,
{
    let prepared = match exchange.prepare() {
        Ok(prepared) => prepared,
        Err(refusal) => {
            Box::pin(body.drain(&exchange, Some(&refusal))).await;
            return Box::pin(refuse(exchange, refusal.into())).await;
        }
    };
    match receive(&exchange, &prepared, body).await {
        Ok(_) if prepared.fault() == Some(&Fault::Stall) => {
            body.until_gone().await;
            Err(NoReply::Gone)
        }
        // Once a body is complete its request is carried out, whether or not the client still waits: so do the services.
        Ok(received) if exchange.core().gates.none() && prepared.fault().is_none() => {
            let result = exchange.act(&prepared, received);
            reply_or_reset(exchange, result)
        }
        // Where something may be awaited it therefore runs on its own. In a box: what is rarely needed does not make the
        // future of every exchange larger.
        Ok(received) => Box::pin(detached(carry_out_slowly(exchange, prepared, received))).await,
        Err(Short::Refused(denial)) => {
            Box::pin(body.drain(&exchange, None)).await;
            Box::pin(refuse(exchange, denial)).await
        }
        Err(Short::AtOnce(refusal)) => Box::pin(refuse(exchange, refusal.into())).await,
        Err(Short::Ended) => {
            let reply = exchange.deny(&Refusal::IncompleteBody.into());
            exchange.end(End::Abandoned);
            Ok(reply.leave(HeaderMap::new()))
        }
        Err(Short::NoReply(why)) => {
            exchange.end(match why {
                NoReply::Reset => End::Reset,
                NoReply::Cut => End::Cut,
                NoReply::Gone | NoReply::Closed => End::Abandoned,
            });
            Err(why)
        }
    }
}

/// The second half, with all that may come between: gates and faults.
async fn carry_out_slowly(
    mut exchange: Box<Exchange>,
    prepared: Prepared,
    received: Received,
) -> Result<Leaving, NoReply> {
    if let Some(Fault::Delay(by)) = prepared.fault() {
        sleep(*by).await;
    }
    match exchange.pass(At::BeforeApply).await {
        Ok(()) => {}
        Err(Stop::Refuse(failure)) => {
            let denial = exchange.denial(&failure);
            return refuse(exchange, denial).await;
        }
        Err(Stop::Cut) => return cut(exchange),
    }
    if matches!(prepared.fault(), Some(Fault::CutBefore | Fault::CutBody(_))) {
        return cut(exchange);
    }
    let mut result = exchange.act(&prepared, received);
    for at in [At::AfterApply, At::BeforeReply] {
        match exchange.pass(at).await {
            Ok(()) => {}
            Err(Stop::Refuse(failure)) => result = Err(exchange.denial(&failure)),
            Err(Stop::Cut) => return lose(exchange, result),
        }
    }
    match prepared.fault() {
        _ if matches!(result, Err(Denial::Reset(_))) => reply_or_reset(exchange, result),
        Some(Fault::LoseReply) => lose(exchange, result),
        Some(Fault::CutReply(bytes)) => {
            let mut reply = worded(&exchange, result);
            reply.cut(*bytes);
            exchange.end(End::ReplyLost(reply.status.as_u16()));
            Ok(reply.leave(HeaderMap::new()))
        }
        _ => reply_or_reset(exchange, result),
    }
}

/// Answers; or resets the connection, where that is the answer.
fn reply_or_reset(exchange: Box<Exchange>, result: Result<Reply, Denial>) -> Result<Leaving, NoReply> {
    if matches!(result, Err(Denial::Reset(_))) {
        exchange.end(End::Reset);
        return Err(NoReply::Reset);
    }
    Ok(conclude(exchange, result))
}

fn worded(exchange: &Exchange, result: Result<Reply, Denial>) -> Reply {
    result.unwrap_or_else(|denial| exchange.deny(&denial))
}

/// The connection ends, and nothing was done.
fn cut(exchange: Box<Exchange>) -> Result<Leaving, NoReply> {
    exchange.end(End::Cut);
    Err(NoReply::Cut)
}

/// The connection ends in place of a reply.
fn lose(exchange: Box<Exchange>, result: Result<Reply, Denial>) -> Result<Leaving, NoReply> {
    let status = worded(&exchange, result).status.as_u16();
    exchange.end(End::ReplyLost(status));
    Err(NoReply::Cut)
}

/// Nothing was done, and the client is told why.
async fn refuse(exchange: Box<Exchange>, denial: Denial) -> Result<Leaving, NoReply> {
    match exchange.pass(At::BeforeReply).await {
        Ok(()) => Ok(conclude(exchange, Err(denial))),
        Err(Stop::Refuse(failure)) => {
            let denial = exchange.denial(&failure);
            Ok(conclude(exchange, Err(denial)))
        }
        Err(Stop::Cut) => cut(exchange),
    }
}

/// Passes a point on the way of the body.
async fn pass(exchange: &Exchange, at: At) -> Result<(), Short> {
    exchange.pass(at).await.map_err(|stop| match stop {
        Stop::Refuse(failure) => Short::Refused(exchange.denial(&failure)),
        Stop::Cut => Short::NoReply(NoReply::Cut),
    })
}

/// Whether requests of this method are answered without their body, should they have one: it may be announced and never
/// come. The door reads it beside the reply.
///
/// # Source
/// The vendor's Python SDK for OSS announces nine bytes with a `GET` and sends none: `tests/test_sign.py`,
/// "test_sign_v4_additional_headers", in <https://github.com/aliyun/aliyun-oss-python-sdk> (2.19.1).
pub fn needs_no_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
}

/// Whether the client sends its body only when it has got `100 Continue`, or waited for it long enough.
///
/// # Source
/// RFC 9110, "HTTP Semantics", section 10.1.1, <https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1>.
fn awaits_continue(head: &Head) -> bool {
    head.header("expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue"))
}

/// Receives a body, digesting it as it comes.
async fn receive<B>(exchange: &Exchange, prepared: &Prepared, body: &mut Sent<B>) -> Result<Received, Short>
where
    B: Body<Data = Bytes> + Unpin,
{
    pass(exchange, At::Admitted).await?;
    let (core, live) = (exchange.core(), exchange.live());
    let mut receiving = Receiving::new(prepared.body(), core, exchange.head());
    if needs_no_body(&exchange.head().method) && prepared.body().promises_nothing() {
        if !awaits_continue(exchange.head()) {
            body.skip_what_is_there().await;
        }
        body.unwanted = !body.is_over();
        return receiving.finish().map_err(|refusal| Short::Refused(refusal.into()));
    }
    let hurried = matches!(core.rules.late_parts, LateParts::FailAtOnce | LateParts::Reset);
    loop {
        let frame = match hurried {
            false => body.next().await?,
            true => Box::pin(body.next_unless_late(exchange)).await?,
        };
        let Some(frame) = frame else {
            return receiving.finish().map_err(|refusal| Short::Refused(refusal.into()));
        };
        let received = live.receive(frame.len() as u64);
        core.changed.notify(usize::MAX);
        if matches!(prepared.fault(), Some(Fault::CutBody(bytes)) if received >= *bytes) {
            return Err(Short::NoReply(NoReply::Cut));
        }
        receiving.push(frame).map_err(|refusal| Short::Refused(refusal.into()))?;
        pass(exchange, At::Byte(received)).await?;
    }
}

/// A reply as clients get it.
pub fn response(reply: Leaving) -> Response<ReplyBody> {
    // A body whose length the provider does not announce is sent in chunks.
    let chunked = !reply.body.is_empty() && !reply.headers.contains_key(CONTENT_LENGTH);
    let mut response = Response::new(ReplyBody { frames: reply.body, broken: reply.broken, chunked, paused: false });
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// The body of a reply: frames that are all there; or that break off, on purpose, with [`NoReply::Cut`].
#[derive(Debug, Default)]
pub struct ReplyBody {
    frames: VecDeque<Bytes>,
    broken: bool,
    chunked: bool,
    paused: bool,
}

impl Body for ReplyBody {
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
        match self.broken || self.chunked {
            true => SizeHint::default(),
            false => SizeHint::with_exact(self.frames.iter().map(|frame| frame.len() as u64).sum()),
        }
    }
}
