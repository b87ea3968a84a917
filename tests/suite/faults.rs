//! Faults: each does to its exchange what it says, and nothing else.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use fake_bucket::{ExchangeEnd, Failure, Fake, Fault, Op, Provider};

use crate::{PROVIDERS, raw};

struct Client<'a>(&'a Fake);

impl Client<'_> {
    fn request(&self, method: &str, query: &str, body: &str) -> Vec<u8> {
        let (bucket, length) = (self.0.bucket(), body.len());
        format!("{method} /{bucket}/k{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    }

    /// The status; none if there was no reply.
    fn ask(&self, method: &str, query: &str, body: &str) -> Option<u16> {
        raw::exchange(self.0.socket_address(), &self.request(method, query, body)).map(|reply| reply.status())
    }

    fn initiate(&self) -> String {
        assert_eq!(self.ask("POST", "?uploads", ""), Some(200));
        self.0.upload("k").id().to_owned()
    }

    fn part(&self, id: &str) -> Option<u16> {
        self.ask("PUT", &format!("?partNumber=1&uploadId={id}"), "0123456789")
    }

    fn complete(&self, id: &str) -> Option<u16> {
        let part = "<Part><PartNumber>1</PartNumber><ETag>781e5e245d69b566979b86e28d23f2c7</ETag></Part>";
        let body = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        self.ask("POST", &format!("?uploadId={id}"), &body)
    }

    fn abort(&self, id: &str) -> Option<u16> {
        self.ask("DELETE", &format!("?uploadId={id}"), "")
    }
}

fn each_fake(test: impl Fn(&Fake, Client<'_>)) {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().allow_open_uploads().start();
        test(&fake, Client(&fake));
    }
}

#[test]
fn refusals_come_in_the_providers_words_and_change_nothing() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let too_slow = if fake.provider() == Provider::Obs { 408 } else { 400 };
        let failures = [
            (Failure::RequestTimeout, too_slow, "RequestTimeout"),
            (Failure::InternalError, 500, "InternalError"),
            (Failure::ServiceUnavailable, 503, "ServiceUnavailable"),
            (Failure::AccessDenied, 403, "AccessDenied"),
            (Failure::NoSuchUpload, 404, "NoSuchUpload"),
        ];
        for (failure, status, code) in failures {
            let fault = fake.fault(Op::UploadPart, Fault::Refuse(failure.clone()));
            assert_eq!((client.part(&id), fault.fired()), (Some(status), 1));
            let last = fake.journal().pop().expect("an exchange");
            assert_eq!((last.code(), last.fault.clone()), (Some(code), Some(format!("Refuse({failure:?})"))));
            fake.upload("k").assert_open().assert_parts(&[]);
        }
        assert_eq!(client.part(&id), Some(200), "the faults are used up");
    });
}

#[test]
fn a_lost_reply_has_had_its_effect() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _abort = fake.fault(Op::Abort, Fault::LoseReply);
        assert_eq!(client.abort(&id), None);
        fake.quiesce_blocking();
        fake.upload("k").assert_aborted();
        assert_eq!(client.abort(&id), Some(404));

        let id = client.initiate();
        assert_eq!(client.part(&id), Some(200));
        let _complete = fake.fault(Op::Complete, Fault::LoseReply);
        assert_eq!(client.complete(&id), None);
        fake.quiesce_blocking();
        fake.upload("k").assert_completed();
        assert_eq!(client.complete(&id), Some(404), "the retry of a lost complete");
    });
}

#[test]
fn a_cut_connection_has_had_no_effect() {
    each_fake(|fake, client| {
        let id = client.initiate();
        for fault in [Fault::CutBefore, Fault::CutBody(5)] {
            let _part = fake.fault(Op::UploadPart.number(1), fault);
            assert_eq!(client.part(&id), None);
            fake.quiesce_blocking();
            assert_eq!(fake.journal().pop().expect("an exchange").end, Some(ExchangeEnd::Cut));
            fake.upload("k").assert_open().assert_parts(&[]);
        }
    });
}

#[test]
fn a_cut_reply_breaks_off() {
    each_fake(|fake, client| {
        let _fault = fake.fault(Op::Initiate, Fault::CutReply(20));
        let mut stream = TcpStream::connect(fake.socket_address()).expect("it listens");
        stream.write_all(&client.request("POST", "?uploads", "")).expect("written");
        let mut reply = String::new();
        BufReader::new(stream).read_to_string(&mut reply).expect("the end comes early");
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK") && body.len() == 20, "{reply}");
        fake.upload("k").assert_open();
    });
}

#[test]
fn an_error_may_hide_in_a_success() {
    each_fake(|fake, client| {
        let id = client.initiate();
        assert_eq!(client.part(&id), Some(200));
        let _fault = fake.fault(Op::Complete, Fault::LateError(Failure::InternalError));
        let body =
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>";
        let request = client.request("POST", &format!("?uploadId={id}"), body);
        let reply = raw::exchange(fake.socket_address(), &request).expect("a reply");
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (200, Some("InternalError")));
        fake.upload("k").assert_open().assert_parts(&[1]);
    });
}

#[test]
fn a_dropped_effect_looks_like_success() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _part = fake.fault(Op::UploadPart, Fault::DropEffect);
        assert_eq!(client.part(&id), Some(200));
        fake.upload("k").assert_open().assert_parts(&[]);
        assert_eq!(client.part(&id), Some(200));
        let _abort = fake.fault(Op::Abort, Fault::DropEffect);
        assert_eq!(client.abort(&id), Some(204));
        fake.upload("k").assert_open().assert_parts(&[1]);
        let _complete = fake.fault(Op::Complete, Fault::DropEffect);
        assert_eq!(client.complete(&id), Some(200));
        fake.upload("k").assert_open();
        assert_eq!(fake.read("k"), None);
    });
}

#[test]
fn a_delay_only_delays() {
    each_fake(|fake, client| {
        let _fault = fake.fault(Op::Initiate, Fault::Delay(Duration::from_millis(1)));
        client.initiate();
        assert_eq!(fake.journal().len(), 1);
    });
}

#[test]
fn sequences_run_in_order_and_some_never_end() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let busy = Fault::Refuse(Failure::ServiceUnavailable);
        let some = fake.faults(Op::UploadPart, [busy.clone(), Fault::Refuse(Failure::NoSuchUpload), busy.clone()]);
        let statuses: Vec<_> = (0..4).map(|_| client.part(&id)).collect();
        assert_eq!((statuses, some.fired()), (vec![Some(503), Some(404), Some(503), Some(200)], 3));
        let always = fake.fault_always(Op::Abort.key("k"), busy);
        assert!((0..3).all(|_| client.abort(&id) == Some(503)));
        drop(always);
        assert_eq!(client.abort(&id), Some(204), "the guard was dropped");
    });
}

#[test]
fn a_stalled_exchange_is_never_answered() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _fault = fake.fault(Op::Abort, Fault::Stall);
        let mut stream = TcpStream::connect(fake.socket_address()).expect("it listens");
        stream.write_all(&client.request("DELETE", &format!("?uploadId={id}"), "")).expect("written");
        fake.wait_until_blocking(|state| state.is_in_flight(Op::Abort));
        fake.upload("k").assert_open();
        fake.reset();
    });
}
