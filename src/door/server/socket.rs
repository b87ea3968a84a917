//! The socket of a connection as hyper sees it: it yields whole requests, can be reset, and knows whether its last response
//! arrived.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};

use super::requests::{Current, End, Requests};
use crate::{
    door::background::{Worker, sleep, within},
    door::conduct::Peer,
};

/// How long a client may pause while what it still sends is read behind the last response of a connection.
const LINGER_PAUSE: Duration = Duration::from_secs(30);

/// How long what a client still sends is read in all.
const LINGER: Duration = Duration::from_secs(600);

/// Bytes that are discarded at once.
const DISCARDED: usize = 64 << 10;

/// When to look, in milliseconds after the end of a connection whose client seems to have gone before the response, for the reset
/// by which its system answers to the response. It mostly comes at once; a busy machine may take its time.
const LOOKS: [u64; 5] = [0, 1, 10, 100, 1000];

/// What a connection and the exchanges on it tell each other.
#[derive(Clone, Debug, Default)]
pub struct Link(Arc<LinkState>);

#[derive(Debug, Default)]
struct LinkState {
    /// The connection is to end in a reset.
    reset: AtomicBool,
    /// Who is at the other end.
    peer: Arc<Peer>,
    /// What hyper does not tell of the request it was given last.
    current: Mutex<Current>,
    /// The number of the exchange whose response was not flushed yet; 0 if there is none.
    unsent: AtomicU64,
    /// Whether hyper has taken all of that response.
    taken: AtomicBool,
}

impl Link {
    /// The other end of the connection.
    pub fn peer(&self) -> Arc<Peer> {
        self.0.peer.clone()
    }

    /// What hyper does not tell of the request it was given last.
    pub fn take_current(&self) -> Current {
        std::mem::take(&mut *self.0.current.lock())
    }

    /// Makes the connection end in a reset.
    pub fn reset(&self) {
        self.0.reset.store(true, Relaxed);
    }

    /// Notes that the exchange of this number was begun.
    pub fn begin(&self, number: u64) {
        self.0.taken.store(false, Relaxed);
        self.0.unsent.store(number, Relaxed);
    }

    /// Notes that hyper has taken all of a response.
    pub fn take_response(&self) {
        self.0.taken.store(true, Relaxed);
    }

    /// The number of the exchange that has no response, or one that was not sent whole.
    pub fn unsent(&self) -> Option<u64> {
        Some(self.0.unsent.load(Relaxed)).filter(|number| *number != 0)
    }

    /// Notes that everything hyper has taken was sent. Returns the number of the exchange whose response that was.
    fn flush(&self) -> Option<u64> {
        if !self.0.taken.load(Relaxed) {
            return None;
        }
        let sent = self.unsent();
        self.0.unsent.store(0, Relaxed);
        sent
    }

    fn is_to_reset(&self) -> bool {
        self.0.reset.load(Relaxed)
    }
}

/// The socket of a connection.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    link: Link,
    requests: Requests,
    /// The client sends no more.
    ended: bool,
    /// The number of the exchange whose response was sent last.
    sent: Option<u64>,
    /// Nothing was awaited since that response was sent.
    is_fresh: bool,
}

impl Socket {
    /// A connection and its link.
    pub fn new(stream: TcpStream) -> (Self, Link) {
        let link = Link::default();
        let requests = Requests::new();
        (Self { stream, link: link.clone(), requests, ended: false, sent: None, is_fresh: false }, link)
    }

    /// Why hyper was given nothing more, if it was not.
    pub fn end(&self) -> Option<&End> {
        self.requests.end()
    }

    /// Goes on after [`End::Crowded`].
    pub fn go_on_with_room(&mut self) {
        self.requests.go_on_with_room();
    }

    /// Sends a last response, that hyper knows nothing of.
    pub async fn send(&mut self, response: &[u8]) -> io::Result<()> {
        self.stream.write_all(response).await
    }

    /// Ends the connection on this side, then reads what the client still sends and discards it, until the client is done. A
    /// connection that is closed with something unread is reset, under a client that may not have read its response.
    pub async fn linger(&mut self, worker: Worker) {
        // hyper has done so, but for connections that were about to change protocols.
        if self.stream.shutdown().await.is_err() || self.ended {
            return;
        }
        let mut discarded = vec![0; DISCARDED];
        let at_once = poll_fn(|cx| {
            let stream = Pin::new(&mut self.stream);
            Poll::Ready(stream.poll_read(cx, &mut ReadBuf::new(&mut discarded)).is_ready())
        });
        self.is_fresh &= at_once.await;
        let all = async {
            while let Some(read) = within(worker, LINGER_PAUSE, self.stream.read(&mut discarded)).await {
                match read {
                    Ok(1..) => self.is_fresh = false,
                    Ok(0) => return true,
                    Err(_) => return false,
                }
            }
            false
        };
        self.ended = within(worker, LINGER, all).await.unwrap_or(false);
    }

    /// The number of the exchange whose response was sent to a client that had gone, as far as that can be known.
    ///
    /// A client that is gone answers a response with a reset. After the end of the client's own data the system reports such a
    /// reset as an error of the socket only; it never reports one of a client that has read its response and then went.
    pub async fn unread(&mut self) -> Option<u64> {
        let sent = self.sent?;
        let looks = if self.ended && self.is_fresh { &LOOKS[..] } else { &LOOKS[..1] };
        for millis in looks {
            if *millis > 0 {
                sleep(Duration::from_millis(*millis)).await;
            }
            if self.ended && matches!(self.stream.take_error(), Ok(Some(_)) | Err(_)) {
                return Some(sent);
            }
        }
        None
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

impl Drop for Socket {
    fn drop(&mut self) {
        if self.link.is_to_reset() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = into.filled().len();
        loop {
            if this.requests.pass_on(into) {
                break;
            }
            if this.requests.end().is_some() {
                return Poll::Ready(Ok(()));
            }
            if Pin::new(&mut this.stream).poll_read(cx, into)?.is_pending() {
                this.is_fresh = false;
                std::task::ready!(this.requests.poll_limit(cx));
                continue;
            }
            if into.filled().len() == before {
                this.ended = true;
                this.requests.finish();
                return Poll::Ready(Ok(()));
            }
            this.is_fresh = false;
            if this.requests.take(into, before) {
                break;
            }
        }
        if let Some(current) = this.requests.take_current() {
            *this.link.0.current.lock() = current;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
        // hyper flushes when it has nothing left to write.
        if let Some(sent) = self.link.flush() {
            (self.sent, self.is_fresh) = (Some(sent), true);
        }
        // hyper does not read while it waits for a reply, but it flushes whenever it has looked for one.
        if self.link.0.peer.watched.load(Relaxed) {
            self.watch_peer(cx);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A reset must not be preceded by a FIN; and unless the client fell silent, something is left to do before the end.
        if self.link.is_to_reset() || !matches!(self.requests.end(), None | Some(End::Quiet)) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
