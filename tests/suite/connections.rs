//! What a connection does for clients that are slow, that wait for a word, or that go away.

use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant, SystemTime},
};

use fake_bucket::{At, ExchangeEnd, Fake, FakeBuilder, LateParts, Op, Provider};

use crate::{
    PROVIDERS,
    raw::{self, RawReply, read_reply},
    talk::{BYTES, Client, each_fake, leave, reply},
};

/// One connection that stays.
struct Kept {
    to: TcpStream,
    from: BufReader<TcpStream>,
}

impl Kept {
    fn to(fake: &Fake) -> Self {
        let to = TcpStream::connect(fake.socket_address()).expect("it listens");
        to.set_read_timeout(Some(raw::PATIENCE)).expect("a timeout can be set");
        let from = BufReader::new(to.try_clone().expect("a second handle"));
        Self { to, from }
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.to.write_all(bytes.as_ref()).expect("the fake reads what is sent");
    }

    fn reply(&mut self) -> RawReply {
        read_reply(&mut self.from, false).expect("readable").expect("a reply")
    }

    /// Asserts that the connection ends, without a reset.
    fn assert_end(mut self) {
        assert_eq!(self.from.read(&mut [0]).expect("no reset"), 0);
    }
}

fn put(fake: &Fake, query: &str, headers: &str) -> String {
    format!("PUT /{}/k{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n", fake.bucket())
}

/// A refusal is told to a client that pauses in its body, and costs one that is merely slow nothing.
#[test]
fn a_client_that_pauses_is_refused_and_may_go_on() {
    each_fake(|fake, client| {
        let mut kept = Kept::to(fake);
        for coding in ["Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"] {
            let [front, rest] = match coding {
                "Content-Length: 10\r\n" => ["01234", "56789"],
                _ => ["5\r\n01234\r\n", "5\r\n56789\r\n0\r\n\r\n"],
            };
            kept.send(put(fake, "?partNumber=1&uploadId=none", coding) + front);
            let refused = kept.reply();
            assert_eq!((refused.status(), refused.element("Code").as_deref()), (404, Some("NoSuchUpload")));
            assert_eq!(refused.header("connection"), Some("keep-alive"));
            kept.send(rest);
            kept.send(put(fake, "", "Content-Length: 5\r\n") + "hello");
            assert_eq!(kept.reply().status(), 200, "the connection goes on behind the body");
        }
        assert_eq!(client.status("GET", "", ""), Some(200));
    });
}

/// As a client does that writes and reads at once: it fails if its connection ends while it writes.
#[test]
fn a_client_that_is_refused_at_once_may_send_all_of_its_body() {
    let body = vec![b'x'; 8 << 20];
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().late_parts(LateParts::FailAtOnce).max_part_size(1 << 20).start();
        let client = Client::new(&fake);
        let id = client.initiate();
        let too_large = put(&fake, &format!("?partNumber=1&uploadId={id}"), "Content-Length: 8388608\r\n");
        let mut kept = Kept::to(&fake);
        kept.send(too_large);
        let refused = kept.reply();
        assert_eq!((refused.status(), refused.element("Code").as_deref()), (400, Some("EntityTooLarge")));
        kept.send(&body);
        let part = put(&fake, &format!("?partNumber=1&uploadId={id}"), "Content-Length: 1000000\r\n");
        kept.send(part + "x");
        fake.wait_until_blocking(|state| state.in_flight.iter().any(|part| part.received > 0));
        assert_eq!(client.abort(&id), Some(204));
        assert_eq!(kept.reply().status(), 404);
        kept.send(&body[1..1_000_000]);
        kept.send(put(&fake, "", "Content-Length: 5\r\n") + "hello");
        assert_eq!(kept.reply().status(), 200);
    }
}

#[test]
fn says_continue_to_a_client_that_waits_for_it() {
    each_fake(|fake, client| {
        let mut kept = Kept::to(fake);
        for expect in ["100-continue", "100-Continue"] {
            kept.send(put(fake, "", &format!("Content-Length: 5\r\nExpect: {expect}\r\n")));
            let mut line = [0; 25];
            kept.from.read_exact(&mut line).expect("an interim response");
            assert_eq!(String::from_utf8_lossy(&line), "HTTP/1.1 100 Continue\r\n\r\n");
            kept.send("hello");
            let stored = kept.reply();
            assert_eq!((stored.status(), stored.continued), (200, 0), "it is said once");
            assert_eq!(stored.header("connection"), Some("keep-alive"));
        }
        // A client that does not wait after all.
        kept.send(put(fake, "", "Content-Length: 5\r\nExpect: 100-continue\r\n") + "hello");
        assert_eq!(kept.reply().status(), 200);
        // Nothing is to be waited for: no body, an older protocol, another expectation.
        for (version, headers, body) in [
            ("1.1", "Content-Length: 0\r\nExpect: 100-continue\r\n", ""),
            ("1.0", "Content-Length: 5\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n", "hello"),
            ("1.1", "Content-Length: 5\r\nExpect: something\r\n", "hello"),
        ] {
            kept.send(put(fake, "", headers).replace("HTTP/1.1", &format!("HTTP/{version}")) + body);
            let stored = kept.reply();
            assert_eq!((stored.status(), stored.continued), (200, 0), "{version} {headers}");
        }
        assert_eq!(client.status("GET", "", ""), Some(200));
    });
}

/// A client that waits for a word before it sends, and is refused, hears no `100 Continue`; and that its connection ends, which
/// it does not lose by sending all the same.
#[test]
fn says_no_continue_to_a_client_it_refuses() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let length = "Content-Length: 4000000\r\nExpect: 100-continue\r\n";
        let refused = [("?partNumber=0&uploadId=x", 400), ("?partNumber=1&uploadId=none", 404)];
        for (query, status) in refused {
            for sends in [false, true] {
                let mut kept = Kept::to(fake);
                kept.send(put(fake, query, length));
                if sends {
                    kept.send(vec![b'x'; 4_000_000]);
                }
                let reply = kept.reply();
                assert_eq!((reply.status(), reply.continued), (status, 0), "{query}");
                assert_eq!(reply.header("connection"), Some("close"));
                kept.assert_end();
            }
        }
        // Refused by the test at a gate: the body was not asked for either.
        let gate = fake.hold(Op::UploadPart, At::Admitted);
        let mut kept = Kept::to(fake);
        kept.send(put(fake, &format!("?partNumber=1&uploadId={id}"), length));
        gate.reached_blocking().refuse(fake_bucket::Failure::InternalError);
        let reply = kept.reply();
        assert_eq!((reply.status(), reply.continued, reply.header("connection")), (500, 0, Some("close")));
        // A body that is not needed is not asked for.
        let mut kept = Kept::to(fake);
        kept.send(put(fake, "", length).replace("PUT", "GET"));
        let reply = kept.reply();
        assert_eq!((reply.status(), reply.continued, reply.header("connection")), (404, 0, Some("close")));
    });
}

/// The limit is over a pause, not over the body: this one takes longer than the limit in all.
#[test]
fn a_body_that_drips_is_taken() {
    let limit = Duration::from_secs(4);
    thread::scope(|scope| {
        for provider in PROVIDERS {
            scope.spawn(move || {
                let fake = Fake::of(provider).trusting().body_timeout(limit).start();
                let (mut kept, length) = (Kept::to(&fake), 1 << 20);
                kept.send(put(&fake, "", &format!("Content-Length: {length}\r\n")));
                let (start, mut sent) = (Instant::now(), 0);
                while start.elapsed() <= limit + limit / 8 {
                    kept.send("x");
                    sent += 1;
                    fake.wait_until_blocking(|state| state.in_flight.iter().any(|put| put.received == sent));
                }
                kept.send(vec![b'x'; (length - sent) as usize]);
                assert_eq!(kept.reply().status(), 200, "{}", fake.timeline());
            });
        }
    });
}

#[test]
fn one_pause_beyond_the_limit_fails() {
    for (provider, status) in PROVIDERS.into_iter().zip([400, 400, 408]) {
        for coding in ["Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"] {
            let fake = Fake::of(provider).trusting().body_timeout(Duration::from_millis(20)).start();
            let mut kept = Kept::to(&fake);
            kept.send(put(&fake, "", coding));
            kept.send(if coding.starts_with('C') { "01234" } else { "5\r\n01234\r\n" });
            let refused = kept.reply();
            assert_eq!((refused.status(), refused.element("Code").as_deref()), (status, Some("RequestTimeout")));
            assert_eq!(refused.header("connection"), Some("close"));
            // Bytes that come too late are read, so that nobody is reset who has yet to read why.
            kept.send("56789");
            kept.assert_end();
            assert_eq!(fake.read("k"), None);
        }
    }
}

#[test]
fn a_request_without_a_body_is_held_at_its_first_byte() {
    each_fake(|fake, client| {
        for (method, query) in [("GET", ""), ("HEAD", ""), ("DELETE", ""), ("POST", "?uploads"), ("PUT", "")] {
            let gate = fake.hold(fake_bucket::Select::any(), At::Byte(0));
            let sent = client.send(method, query, "");
            let held = gate.reached_blocking();
            assert_eq!(held.held.as_deref(), Some("Byte(0)"), "{method}");
            held.release();
            drop(gate);
            assert!(raw::read_reply(&mut BufReader::new(sent), method == "HEAD").expect("readable").is_some());
        }
    });
}

/// The end of the last exchange of this operation, once `is_known` says so of it.
fn last_end(fake: &Fake, op: Op, is_known: impl Fn(&ExchangeEnd) -> bool) -> ExchangeEnd {
    let end = || fake.journal().into_iter().rfind(|exchange| exchange.operation == Some(op))?.end;
    fake.wait_until_blocking(|_| end().is_some_and(|end| is_known(&end)));
    end().expect("it has ended")
}

fn undelivered(fake: &Fake, op: Op) -> (u16, Option<String>) {
    let end = last_end(fake, op, |end| matches!(end, ExchangeEnd::Undelivered { .. }));
    let ExchangeEnd::Undelivered { status, code, .. } = end else { panic!("{end:?}") };
    (status, code)
}

#[test]
fn a_client_that_vanished_shows() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let of_part = |id: &str| format!("?partNumber=1&uploadId={id}");
        for at in [At::Byte(1), At::BeforeApply, At::AfterApply, At::BeforeReply] {
            let gate = fake.hold(Op::UploadPart, at);
            let part = client.send("PUT", &of_part(&id), BYTES);
            let held = gate.reached_blocking();
            leave(part);
            held.release();
            assert_eq!(undelivered(fake, Op::UploadPart), (200, None), "{at:?}");
            let timeline = fake.timeline().to_string();
            assert!(timeline.contains("200, never received: client went away"), "{timeline}");
        }
        fake.upload("k").assert_parts(&[1]);
        let gate = fake.hold(Op::UploadPart, At::BeforeReply);
        let part = client.send("PUT", &of_part("none"), BYTES);
        let held = gate.reached_blocking();
        leave(part);
        held.release();
        assert_eq!(undelivered(fake, Op::UploadPart), (404, Some("NoSuchUpload".to_owned())));
        let journal = fake.journal();
        let last = journal.iter().rfind(|exchange| exchange.operation == Some(Op::UploadPart)).expect("an entry");
        assert_eq!((last.status(), last.code()), (Some(404), Some("NoSuchUpload")));
    });
}

/// A response larger than what the system keeps for a client that does not read.
#[test]
fn a_client_that_vanished_before_a_large_response_shows() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let client = Client::new(&fake);
        assert_eq!(client.status("PUT", "", &"x".repeat(32 << 20)), Some(200));
        let gate = fake.hold(Op::GetObject, At::BeforeReply);
        let get = client.send("GET", "", "");
        let held = gate.reached_blocking();
        leave(get);
        held.release();
        assert_eq!(undelivered(&fake, Op::GetObject), (200, None));
        // While it is being sent, too.
        let mut get = client.send("GET", "", "");
        get.read_exact(&mut [0; 1000]).expect("the beginning");
        leave(get);
        assert_eq!(undelivered(&fake, Op::GetObject), (200, None));
    }
}

#[test]
fn a_client_that_only_sends_no_more_gets_its_response() {
    each_fake(|fake, client| {
        let gate = fake.hold(Op::PutObject, At::BeforeReply);
        let put = client.send("PUT", "", BYTES);
        put.shutdown(Shutdown::Write).expect("an open connection");
        gate.reached_blocking().release();
        assert_eq!(reply(put).expect("a reply").status(), 200);
        let end = last_end(fake, Op::PutObject, |_| true);
        assert_eq!(end, last_end(fake, Op::PutObject, |end| matches!(end, ExchangeEnd::Answered { .. })));
    });
}

fn at_noon(provider: Provider) -> FakeBuilder {
    Fake::of(provider).trusting().clock_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000)).clock_still()
}

#[test]
fn a_clock_that_stands_still_moves_only_when_it_is_moved() {
    for provider in PROVIDERS {
        let fake = at_noon(provider).start();
        let client = Client::new(&fake);
        let dated = |expected: &str| {
            let put = client.ask("PUT", "", BYTES).expect("a reply");
            assert!(put.header("date").is_some_and(|date| date.contains(expected)), "{put:?}");
            fake.snapshot().objects[0].modified.clone()
        };
        assert_eq!([dated("15:06:40"), dated("15:06:40")], ["2025-06-15T15:06:40.000Z"; 2]);
        fake.advance_clock(Duration::from_millis(61_001));
        assert_eq!(dated("15:07:41"), "2025-06-15T15:07:41.001Z");
        fake.reset();
        assert_eq!(dated("15:06:40"), "2025-06-15T15:06:40.000Z");
    }
}
