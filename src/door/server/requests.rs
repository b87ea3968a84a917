//! Splits what a connection receives into requests, and passes them on to hyper one at a time.
//!
//! hyper is given whole heads that it accepts, and the bytes of bodies as they come. Everything else ends the input of hyper
//! at the boundary between two requests: hyper then finishes the response under way, and the connection's owner looks at
//! [`Requests::end`]. So no answer depends on how TCP cut the bytes.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use http::Method;
use tokio::{
    io::ReadBuf,
    time::{Instant, Sleep, sleep},
};

use super::{
    chunks::{Chunks, Step},
    judge::{Framing, Unreadable, Verdict, judge},
};
use crate::door::background::timers;

/// How long a client may take to send the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection without a request is kept, at least. Longer than clients keep idle connections (mostly 90 seconds), so
/// that none is closed under a client that is about to use it again.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// Bytes of an incomplete head that are judged anew with each byte that comes. A longer head is judged at each line's end.
const SHORT_HEAD: usize = 4 << 10;

/// Where a connection is.
#[derive(Debug)]
enum Place {
    /// Between two requests, or within a head.
    Head,
    /// In a request of which so many bytes are to come: of its head, if that was not passed on yet, and of its body.
    Sized(u64),
    /// In a request of which so many bytes of the head are to come, and a body in chunks.
    Chunked(usize, Chunks),
    /// In a body that hyper refuses, after which it reads no other request.
    Unframed,
    /// Nothing more is passed on.
    Over(End),
}

/// Why nothing more is passed on to hyper.
#[derive(Clone, Debug)]
pub enum End {
    /// The client sends no more, or sent nothing for too long.
    Quiet,
    /// A head broke off: the reason, for the journal.
    Incomplete(&'static str),
    /// What comes next is refused.
    Refused(Box<Unreadable>),
    /// What comes next has more headers than hyper has room for.
    Crowded,
}

/// The requests of one connection.
#[derive(Debug)]
pub struct Requests {
    place: Place,
    /// Bytes that were received and not passed on.
    waiting: BytesMut,
    /// How many of them were judged, and found to be an incomplete head.
    judged: usize,
    /// Whether hyper has room for many headers.
    is_roomy: bool,
    /// What is to be known of the request that was passed on last, until it is taken.
    current: Option<Current>,
    head_limit: Option<Pin<Box<Sleep>>>,
    idle_limit: Option<Pin<Box<Sleep>>>,
    /// Whether a request came since the idle limit was set.
    was_busy: bool,
}

/// What hyper does not tell of a request.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// The method as it was sent, where hyper was given another spelling.
    pub method: Option<Method>,
    /// Whether the connection ends behind the request.
    pub is_last: bool,
}

impl Requests {
    /// The requests of a new connection.
    pub fn new() -> Self {
        Self {
            place: Place::Head,
            waiting: BytesMut::new(),
            judged: 0,
            is_roomy: false,
            current: None,
            head_limit: None,
            idle_limit: None,
            was_busy: false,
        }
    }

    /// Why nothing more is passed on, if nothing is.
    pub fn end(&self) -> Option<&End> {
        match &self.place {
            Place::Over(end) => Some(end),
            _ => None,
        }
    }

    /// Goes on after [`End::Crowded`], with a hyper that has room for many headers.
    pub fn go_on_with_room(&mut self) {
        (self.is_roomy, self.place, self.judged) = (true, Place::Head, 0);
    }

    /// Takes what is to be known of the request that was passed on last, where that is anything.
    pub fn take_current(&mut self) -> Option<Current> {
        self.current.take()
    }

    /// Passes on bytes that wait. Returns whether there were any.
    pub fn pass_on(&mut self, into: &mut ReadBuf<'_>) -> bool {
        if matches!(self.place, Place::Head) {
            self.judge_waiting();
        }
        if self.waiting.is_empty() || matches!(self.place, Place::Head | Place::Over(_)) {
            return false;
        }
        let fitting = self.waiting.len().min(into.remaining());
        let passed = self.place.follow(&self.waiting[..fitting]);
        into.put_slice(&self.waiting[..passed]);
        self.waiting.advance(passed);
        true
    }

    /// Takes bytes that were received behind `before` in `into`, and leaves there what is passed on. Returns whether that is
    /// anything.
    pub fn take(&mut self, into: &mut ReadBuf<'_>, before: usize) -> bool {
        if matches!(self.place, Place::Head) && !self.begins_in_place(into, before) {
            self.waiting.extend_from_slice(&into.filled()[before..]);
            into.set_filled(before);
            return self.pass_on(into);
        }
        let received = &into.filled()[before..];
        let passed = self.place.follow(received);
        self.waiting.extend_from_slice(&received[passed..]);
        into.set_filled(before + passed);
        true
    }

    /// Notes that nothing more will be received.
    pub fn finish(&mut self) {
        if matches!(self.place, Place::Head) {
            self.place = Place::Over(self.end_within_head("the connection ended within the head of a request"));
        }
    }

    /// The end where a head may not go on: a long one may not have been judged as far as it came.
    fn end_within_head(&self, why: &'static str) -> End {
        match judge(&self.waiting) {
            _ if self.waiting.is_empty() => End::Quiet,
            Verdict::Refused(unreadable) => End::Refused(unreadable),
            Verdict::Incomplete | Verdict::Sound(_) => End::Incomplete(why),
        }
    }

    /// Ready when a client has taken too long for a head, or for sending anything.
    pub fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.place, Place::Head) {
            return Poll::Pending;
        }
        if !self.waiting.is_empty() {
            let limit = self.head_limit.get_or_insert_with(|| timer(HEAD_LIMIT));
            std::task::ready!(limit.as_mut().poll(cx));
            self.place = Place::Over(self.end_within_head("the head of a request took too long to come"));
            return Poll::Ready(());
        }
        let limit = self.idle_limit.get_or_insert_with(|| timer(IDLE_LIMIT));
        while limit.as_mut().poll(cx).is_ready() {
            if !std::mem::take(&mut self.was_busy) {
                self.place = Place::Over(End::Quiet);
                return Poll::Ready(());
            }
            limit.as_mut().reset(Instant::now() + IDLE_LIMIT);
        }
        Poll::Pending
    }

    /// Whether received bytes are a request from its first byte on that can be passed on where they are: nearly always.
    fn begins_in_place(&mut self, into: &mut ReadBuf<'_>, before: usize) -> bool {
        let received = &into.filled()[before..];
        if !self.waiting.is_empty() || matches!(received, [b'\r' | b'\n', ..]) {
            return false;
        }
        match judge(received) {
            Verdict::Sound(framing) if self.is_roomy || !framing.is_crowded => {
                self.begin(&framing, &mut into.filled_mut()[before..]);
                true
            }
            _ => false,
        }
    }

    fn judge_waiting(&mut self) {
        // Empty lines before a request are ignored: RFC 9112, section 2.2.
        while let Some(empty) = leading_line_end(&self.waiting) {
            self.waiting.advance(empty);
        }
        let (new, len) = (&self.waiting[self.judged.min(self.waiting.len())..], self.waiting.len());
        let is_due = len <= SHORT_HEAD || new.contains(&b'\n') || len >= 2 * self.judged;
        if new.is_empty() || !is_due {
            return;
        }
        match judge(&self.waiting) {
            Verdict::Incomplete => self.judged = len,
            Verdict::Refused(unreadable) => self.place = Place::Over(End::Refused(unreadable)),
            Verdict::Sound(framing) if framing.is_crowded && !self.is_roomy => self.place = Place::Over(End::Crowded),
            Verdict::Sound(framing) => {
                let mut waiting = std::mem::take(&mut self.waiting);
                self.begin(&framing, &mut waiting);
                self.waiting = waiting;
            }
        }
    }

    /// Begins a request whose head `bytes` begin with.
    fn begin(&mut self, framing: &Framing, bytes: &mut [u8]) {
        let mut method = None;
        if framing.is_odd_head {
            // hyper would send the length of an empty body with the response to any other spelling.
            method = Method::from_bytes(&bytes[..4]).ok();
            bytes[..4].make_ascii_uppercase();
        }
        self.current = (method.is_some() || framing.is_last).then_some(Current { method, is_last: framing.is_last });
        self.place = match framing.length {
            Some(length) => Place::Sized(length.saturating_add(framing.head as u64)),
            None => Place::Chunked(framing.head, Chunks::new()),
        };
        (self.judged, self.head_limit, self.was_busy) = (0, None, true);
    }
}

impl Place {
    /// Follows the request through the next bytes. Returns how many of them belong to it.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Head | Self::Over(_) => 0,
            Self::Unframed => bytes.len(),
            Self::Sized(left) => {
                let passed = (*left).min(bytes.len() as u64);
                *left -= passed;
                if *left == 0 {
                    *self = Self::Head;
                }
                passed as usize
            }
            Self::Chunked(head, chunks) => {
                let of_head = (*head).min(bytes.len());
                *head -= of_head;
                match chunks.scan(&bytes[of_head..]) {
                    Step::Within => bytes.len(),
                    Step::Ended(at) => {
                        *self = Self::Head;
                        of_head + at
                    }
                    Step::Broken => {
                        *self = Self::Unframed;
                        bytes.len()
                    }
                }
            }
        }
    }
}

/// The bytes of the line end that `bytes` begin with, if they do.
fn leading_line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

fn timer(limit: Duration) -> Pin<Box<Sleep>> {
    // A test of this file brings a clock of its own.
    let _entered = (!cfg!(test)).then(|| timers().enter());
    Box::pin(sleep(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What hyper is given of `pieces`, read with a buffer of so many bytes; and the end.
    fn passed_on(pieces: &[&[u8]], room: usize) -> (Vec<u8>, Option<End>) {
        let (mut requests, mut passed, mut buffer) = (Requests::new(), Vec::new(), vec![0; room]);
        let mut pieces = pieces.iter().flat_map(|piece| piece.chunks(room));
        while requests.end().is_none() {
            let mut into = ReadBuf::new(&mut buffer);
            if !requests.pass_on(&mut into) && requests.end().is_none() {
                match pieces.next() {
                    None => requests.finish(),
                    Some(piece) => {
                        into.put_slice(piece);
                        requests.take(&mut into, 0);
                    }
                }
            }
            passed.extend_from_slice(into.filled());
        }
        (passed, requests.end().cloned())
    }

    const PIPED: &[u8] = b"\r\n\nPUT /a HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /x HTTP/1.1\r\n\r\nx\
        \r\nPUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\r\n\r\r\n0\r\n\r\n\
        head /c HTTP/1.1\r\n\r\nGET /d HTTP/1.1\r\nBad Header: 1\r\n\r\n";

    #[test]
    fn requests_are_the_same_however_they_are_cut() {
        let whole = String::from_utf8_lossy(PIPED).replace("\r\n\nPUT /a", "PUT /a").replace("x\r\nPUT /b", "xPUT /b");
        let expected = whole.replace("head /c", "HEAD /c").split("GET /d").next().expect("the front").to_owned();
        for room in [1, 2, 7, 64, 4096] {
            for cut in 0..PIPED.len() {
                let (passed, end) = passed_on(&[&PIPED[..cut], &PIPED[cut..]], room);
                assert_eq!(String::from_utf8_lossy(&passed), expected, "{room} bytes of room, cut at {cut}");
                let Some(End::Refused(unreadable)) = end else { panic!("{end:?}") };
                assert_eq!((unreadable.parts.uri.path(), unreadable.why), ("/d", "a header is malformed"));
            }
        }
    }

    #[test]
    fn the_end_is_told_between_requests_and_within_a_head() {
        let end = |bytes: &[u8]| passed_on(&[bytes], 4096).1;
        assert!(matches!(end(b"\r\n\r\n"), Some(End::Quiet)));
        assert!(matches!(end(b"GET / HTTP/1.1\r\n\r\n"), Some(End::Quiet)));
        assert!(matches!(end(b"GET / HTTP/1.1\r\n\r"), Some(End::Incomplete(_))));
        let crowded = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
        assert!(matches!(end(crowded.as_bytes()), Some(End::Crowded)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_and_an_idle_connection_have_limits() {
        let mut buffer = vec![0; 4096];
        let mut take = |requests: &mut Requests, bytes: &[u8]| {
            let mut into = ReadBuf::new(&mut buffer);
            into.put_slice(bytes);
            requests.take(&mut into, 0);
        };
        let over = async |requests: &mut Requests, after: Duration| {
            let ready = std::future::poll_fn(|cx| Poll::Ready(requests.poll_limit(cx).is_ready())).await;
            tokio::time::advance(after).await;
            ready || std::future::poll_fn(|cx| Poll::Ready(requests.poll_limit(cx).is_ready())).await
        };
        let (second, almost) = (Duration::from_secs(1), HEAD_LIMIT - Duration::from_secs(1));
        let mut requests = Requests::new();
        take(&mut requests, b"GET / HTTP/1.1\r\n");
        assert!(!over(&mut requests, almost).await);
        take(&mut requests, b"Host: h\r\n");
        assert!(!over(&mut requests, second / 2).await);
        assert!(over(&mut requests, second).await, "the limit is over the head, not over a pause");
        assert!(matches!(requests.end(), Some(End::Incomplete(_))));

        let mut requests = Requests::new();
        assert!(!over(&mut requests, IDLE_LIMIT - second).await);
        take(&mut requests, b"GET / HTTP/1.1\r\n\r\n");
        assert!(!over(&mut requests, IDLE_LIMIT).await, "it is in use");
        assert!(over(&mut requests, IDLE_LIMIT + second).await);
        assert!(matches!(requests.end(), Some(End::Quiet)));
    }

    #[test]
    fn a_long_head_that_comes_byte_by_byte_is_little_work() {
        let head = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "v".repeat(100_000));
        assert_eq!(passed_on(&[head.as_bytes()], 1).0.len(), head.len());
    }
}
