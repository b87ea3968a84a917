//! A part in flight while its upload ends: what its request hears, what is left, and who wins.

use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use bytes::Bytes;
use fake_bucket::{At, Fake, LateParts, Op, Provider, UploadStatus};

use crate::{
    PROVIDERS,
    raw::{self, RawReply},
};

/// An upload of one key, by somebody who sends bytes when it likes.
struct Uploader<'a> {
    fake: &'a Fake,
    id: String,
}

impl<'a> Uploader<'a> {
    fn new(fake: &'a Fake) -> Self {
        let reply = ask(fake, "POST", "?uploads", "");
        Self { fake, id: reply.element("UploadId").expect("an upload id") }
    }

    /// Sends the head of a part and the first half of its ten bytes.
    fn send_half(&self, number: u16) -> PartInFlight {
        let mut stream = TcpStream::connect(self.fake.socket_address()).expect("the fake listens");
        let target = format!("/{}/k?partNumber={number}&uploadId={}", self.fake.bucket(), self.id);
        write!(stream, "PUT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n01234").expect("written");
        PartInFlight { stream }
    }

    /// Sends the same, and waits until it has arrived.
    fn begin_part(&self, number: u16) -> PartInFlight {
        let part = self.send_half(number);
        self.fake.wait_until_blocking(|state| {
            state.in_flight.iter().any(|part| part.part_number == Some(number) && part.received == 5)
        });
        part
    }

    fn part(&self, number: u16) -> RawReply {
        ask(self.fake, "PUT", &format!("?partNumber={number}&uploadId={}", self.id), "0123456789")
    }

    fn abort(&self) -> u16 {
        ask(self.fake, "DELETE", &format!("?uploadId={}", self.id), "").status()
    }

    fn complete(&self, numbers: &[u16]) -> u16 {
        let etag = "781e5e245d69b566979b86e28d23f2c7";
        let part = |number: &u16| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        let parts: String = numbers.iter().map(part).collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        ask(self.fake, "POST", &format!("?uploadId={}", self.id), &body).status()
    }

    fn list(&self) -> u16 {
        ask(self.fake, "GET", &format!("?uploadId={}", self.id), "").status()
    }
}

struct PartInFlight {
    stream: TcpStream,
}

impl PartInFlight {
    /// Sends the rest and reads the reply.
    fn finish(mut self) -> Option<RawReply> {
        let _ = self.stream.write_all(b"56789");
        self.reply()
    }

    /// Reads the reply without sending the rest.
    fn reply(self) -> Option<RawReply> {
        raw::read_reply(&mut BufReader::new(self.stream), false).expect("a reply that can be read")
    }
}

fn ask(fake: &Fake, method: &str, query: &str, body: &str) -> RawReply {
    let request = format!(
        "{method} /{}/k{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{body}",
        fake.bucket(),
        body.len()
    );
    raw::exchange(fake.socket_address(), request.as_bytes()).expect("a reply")
}

/// Where parts come in sequence, the next one has to wait until the one before is over; it need not have succeeded.
///
/// # Source
/// "InitiateMultipartUpload", <https://www.alibabacloud.com/help/en/oss/developer-reference/initiatemultipartupload>, of `sequential`.
#[test]
fn parts_in_sequence_come_one_at_a_time() {
    let fake = Fake::oss().trusting().allow_open_uploads().start();
    let id = ask(&fake, "POST", "?uploads&sequential", "").element("UploadId").expect("an upload id");
    let uploader = Uploader { fake: &fake, id };
    let first = uploader.begin_part(1);
    for number in [1, 2] {
        let refused = uploader.part(number);
        assert_eq!(
            (refused.status(), refused.element("Code").as_deref()),
            (400, Some("PartNotSequential")),
            "{number}"
        );
    }
    drop(first);
    fake.wait_until_blocking(|state| state.in_flight.is_empty());
    assert_eq!([2, 1, 2].map(|number| uploader.part(number).status()), [400, 200, 200]);
}

fn each_provider(test: impl Fn(fake_bucket::FakeBuilder)) {
    PROVIDERS.into_iter().for_each(|provider| test(Fake::of(provider).trusting().min_part_size(1)));
}

#[test]
fn by_default_the_late_part_fails_except_on_oss() {
    each_provider(|builder| {
        let fake = builder.start();
        let uploader = Uploader::new(&fake);
        let late = uploader.begin_part(2);
        assert_eq!(uploader.abort(), 204, "an abort does not wait for parts in flight");
        let reply = late.finish().expect("a reply");
        match fake.provider() {
            Provider::Oss => {
                assert_eq!(reply.status(), 200);
                fake.upload("k").assert_aborted().assert_lingering(2);
                assert_eq!(uploader.list(), 404);
                assert_eq!(uploader.part(1).status(), 404);
                assert_eq!(uploader.complete(&[2]), 404);
                assert_eq!(uploader.abort(), 204, "a further abort frees what lingers");
            }
            _ => {
                assert_eq!((reply.status(), reply.element("Code").as_deref()), (404, Some("NoSuchUpload")));
                fake.upload("k").assert_aborted().assert_failed_in_flight(2).assert_parts(&[]);
            }
        }
        assert_eq!(uploader.abort(), 404, "nothing is left to abort");
        fake.assert_no_leaks();
    });
}

#[test]
fn the_late_part_fails_at_the_end() {
    each_provider(|builder| {
        let fake = builder.late_parts(LateParts::Fail).start();
        let uploader = Uploader::new(&fake);
        let late = uploader.begin_part(2);
        assert_eq!(uploader.abort(), 204);
        assert_eq!(late.finish().expect("a reply").status(), 404);
        fake.upload("k").assert_failed_in_flight(2).assert_parts(&[]);
        assert_eq!(uploader.abort(), 404);
    });
}

#[test]
fn the_late_part_fails_at_once() {
    each_provider(|builder| {
        let fake = builder.late_parts(LateParts::FailAtOnce).start();
        let uploader = Uploader::new(&fake);
        let late = uploader.begin_part(2);
        assert_eq!(uploader.abort(), 204);
        assert_eq!(late.reply().expect("a reply before the body is complete").status(), 404);
        fake.upload("k").assert_failed_in_flight(2).assert_parts(&[]);
    });
}

#[test]
fn the_late_part_is_reset() {
    each_provider(|builder| {
        let fake = builder.late_parts(LateParts::Reset).start();
        let uploader = Uploader::new(&fake);
        let mut late = uploader.begin_part(2);
        assert_eq!(uploader.abort(), 204);
        let reset = late.stream.read(&mut [0]).expect_err("a reset");
        assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
        fake.quiesce_blocking();
        fake.upload("k").assert_failed_in_flight(2).assert_parts(&[]);
    });
}

#[test]
fn the_late_part_lingers() {
    each_provider(|builder| {
        let fake = builder.late_parts(LateParts::Linger).verify_on_drop(false).start();
        let uploader = Uploader::new(&fake);
        let late = uploader.begin_part(2);
        assert_eq!(uploader.abort(), 204);
        assert_eq!(late.finish().expect("a reply").status(), 200);
        fake.upload("k").assert_lingering(2);
        assert_eq!(uploader.abort(), 204);
        fake.upload("k").assert_parts(&[]);
    });
}

#[test]
fn a_part_in_flight_while_its_upload_completes_fails() {
    each_provider(|builder| {
        let fake = builder.start();
        let uploader = Uploader::new(&fake);
        assert_eq!(uploader.part(1).status(), 200);
        let late = uploader.begin_part(1);
        assert_eq!(uploader.complete(&[1]), 200);
        assert_eq!(late.finish().expect("a reply").status(), 404);
        fake.upload("k").assert_completed().assert_failed_in_flight(1);
        assert_eq!(fake.read("k"), Some(Bytes::from("0123456789")));
    });
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    each_provider(|builder| {
        let fake = builder.start();
        let uploader = Uploader::new(&fake);
        drop(uploader.begin_part(2));
        fake.quiesce_blocking();
        let gone =
            fake.upload("k").exchanges().into_iter().find(|part| part.part_number == Some(2)).expect("journaled");
        assert_eq!((gone.end, gone.received), (Some(fake_bucket::ExchangeEnd::Abandoned), 5));
        fake.upload("k").assert_open().assert_parts(&[]);
        assert_eq!(uploader.abort(), 204);
    });
}

#[test]
fn a_client_that_only_sends_no_more_is_told_why() {
    each_provider(|builder| {
        let fake = builder.start();
        let uploader = Uploader::new(&fake);
        let part = uploader.begin_part(2);
        part.stream.shutdown(Shutdown::Write).expect("an open connection");
        let reply = part.reply().expect("a reply although the body is not complete");
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (400, Some("IncompleteBody")));
        let part = fake.upload("k").exchanges().into_iter().find(|part| part.part_number == Some(2));
        assert_eq!(part.expect("journaled").end, Some(fake_bucket::ExchangeEnd::Abandoned), "it may well be gone");
        fake.upload("k").assert_open().assert_parts(&[]);
        assert_eq!(uploader.abort(), 204);
    });
}

#[test]
fn a_request_whose_body_is_complete_is_carried_out_even_if_nobody_waits() {
    each_provider(|builder| {
        let fake = builder.start();
        let uploader = Uploader::new(&fake);
        let gate = fake.hold(Op::UploadPart, At::BeforeApply);
        let mut part = uploader.begin_part(2);
        part.stream.write_all(b"56789").expect("written");
        let held = gate.reached_blocking();
        drop(part);
        held.release();
        fake.quiesce_blocking();
        fake.upload("k").assert_parts(&[2]);
        assert_eq!(uploader.abort(), 204);
    });
}

#[test]
fn a_stalled_body_times_out_in_the_providers_words() {
    each_provider(|builder| {
        let fake = builder.body_timeout(Duration::from_millis(50)).allow_open_uploads().start();
        let uploader = Uploader::new(&fake);
        let reply = uploader.send_half(2).reply().expect("a reply although the body is not complete");
        let status = if fake.provider() == Provider::Obs { 408 } else { 400 };
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (status, Some("RequestTimeout")));
        assert_eq!(reply.header("connection"), Some("close"), "the rest of the body may never come");
        fake.upload("k").assert_open().assert_parts(&[]);
    });
}

#[test]
fn of_racing_aborts_and_completes_exactly_one_wins() {
    each_provider(|builder| {
        let fake = builder.start();
        for round in 0..50 {
            let uploader = Uploader::new(&fake);
            assert_eq!(uploader.part(1).status(), 200);
            let wins = thread::scope(|scope| {
                let aborts: Vec<_> = (0..2).map(|_| scope.spawn(|| uploader.abort() == 204)).collect();
                let completes: Vec<_> = (0..2).map(|_| scope.spawn(|| uploader.complete(&[1]) == 200)).collect();
                let racers = aborts.into_iter().chain(completes);
                racers.map(|racer| racer.join().expect("no panic")).filter(|won| *won).count()
            });
            assert_eq!(wins, 1, "round {round}\n{}", fake.timeline());
        }
        fake.assert_no_leaks();
    });
}

#[test]
fn gates_hold_at_every_point() {
    each_provider(|builder| {
        let fake = builder.start();
        for at in [At::Admitted, At::Byte(5), At::BeforeApply, At::AfterApply, At::BeforeReply] {
            let uploader = Uploader::new(&fake);
            let gate = fake.hold(Op::UploadPart.number(1).key("k"), at);
            thread::scope(|scope| {
                let part = scope.spawn(|| uploader.part(1).status());
                let held = gate.reached_blocking();
                let stored =
                    matches!(&fake.upload("k").record().state, UploadStatus::Open { parts, .. } if !parts.is_empty());
                assert_eq!(stored, matches!(at, At::AfterApply | At::BeforeReply), "{at:?}");
                assert!(fake.snapshot().is_in_flight(Op::UploadPart), "{at:?}");
                held.release();
                assert_eq!(part.join().expect("no panic"), 200, "{at:?}");
            });
            assert_eq!(uploader.abort(), 204);
        }
    });
}

#[test]
fn a_part_refused_at_once_hears_why_although_it_is_still_sending() {
    each_provider(|builder| {
        let fake = builder.late_parts(LateParts::FailAtOnce).start();
        for _ in 0..20 {
            let uploader = Uploader::new(&fake);
            let gate = fake.hold(Op::UploadPart, At::Byte(1));
            thread::scope(|scope| {
                let part = scope.spawn(|| {
                    let query = format!("?partNumber=1&uploadId={}", uploader.id);
                    ask(&fake, "PUT", &query, &"x".repeat(4 << 20)).status()
                });
                let held = gate.reached_blocking();
                assert_eq!(uploader.abort(), 204);
                held.release();
                assert_eq!(part.join().expect("no panic"), 404);
            });
        }
    });
}

#[test]
fn an_upload_that_the_test_or_a_rule_ends_fails_its_parts_in_flight() {
    each_provider(|builder| {
        let fake = builder.late_parts(LateParts::Fail).start();
        let uploader = Uploader::new(&fake);
        let late = uploader.begin_part(2);
        assert!(fake.abort_upload(&uploader.id));
        assert_eq!(late.finish().expect("a reply").status(), 404);
        fake.upload("k").assert_aborted().assert_failed_in_flight(2);
        assert!(fake.timeline().to_string().contains("aborted by the test"));
        assert!(!fake.abort_upload(&uploader.id), "it has ended");
    });
}

#[test]
fn after_a_reset_nothing_of_before_lands() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().seed(1).allow_open_uploads().start();
        let uploader = Uploader::new(&fake);
        let late = uploader.begin_part(1);
        fake.reset();
        let anew = Uploader::new(&fake);
        assert_ne!(anew.id, uploader.id);
        assert_eq!(late.finish().expect("a reply").status(), 404);
        fake.upload("k").assert_open().assert_parts(&[]);
        assert_eq!(fake.snapshot().uploads[0].parts_in_flight, 0);
    }
}

#[test]
fn a_part_beyond_the_limit_is_refused_and_not_stored() {
    each_provider(|builder| {
        let fake = builder.max_part_size(9).start();
        let uploader = Uploader::new(&fake);
        let reply = uploader.part(1);
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (400, Some("EntityTooLarge")));
        let chunked = format!(
            "PUT /{}/k?partNumber=1&uploadId={} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
            fake.bucket(),
            uploader.id
        );
        let reply = raw::exchange(fake.socket_address(), chunked.as_bytes()).expect("a reply");
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (400, Some("EntityTooLarge")));
        fake.upload("k").assert_open().assert_parts(&[]);
        assert_eq!(uploader.abort(), 204);
    });
}

#[test]
fn a_refusal_reaches_a_client_that_waits_for_it_with_its_body_unsent() {
    each_provider(|builder| {
        let fake = builder.start();
        let uploader = Uploader::new(&fake);
        let put = |id: &str, length: u64, sent: &str| {
            let target = format!("/{}/k?partNumber=1&uploadId={id}", fake.bucket());
            let request = format!("PUT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{sent}");
            let reply = raw::exchange(fake.socket_address(), request.as_bytes()).expect("a reply");
            (reply.status(), reply.element("Code").unwrap_or_default())
        };
        assert_eq!(put("0000", 10, "01234"), (404, "NoSuchUpload".to_owned()));
        let too_much = 5 * (1 << 30) + 1;
        assert_eq!(put(&uploader.id, too_much, "01234"), (400, "EntityTooLarge".to_owned()));
        assert_eq!(uploader.abort(), 204);
    });
}
