//! Heads of requests, good and malformed: each has the same answer however TCP cuts it, and whatever it follows.

use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
};

use fake_bucket::{ExchangeEnd, Fake, Provider};

use crate::{
    PROVIDERS,
    raw::{self, RawReply, exchange, read_reply},
};

/// Heads without a body, and the status that the fake of OSS answers them with.
const HEADS: &[(&str, u16)] = &[
    ("GET /examplebucket/missing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
    ("GET /examplebucket/there HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Trace: a\r\n\r\n", 200),
    ("Head /examplebucket/there HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200),
    ("DELETE /examplebucket/there HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", 204),
    ("GET http://me:secret@127.0.0.1/examplebucket/there HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200),
    ("\r\n\r\nGET /examplebucket/there HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200),
    ("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 400),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("GET /a\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("GET /a\u{1}b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("GET /a<b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("GET /a HTTP/1.2\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("\u{16}\u{3}\u{1}\r\n\r\n", 400),
    ("PUT /examplebucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", 400),
    ("PUT /examplebucket/k HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("PUT /examplebucket/k HTTP/1.1\r\nTransfer-Encoding: gzip\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("GET /examplebucket/k HTTP/1.1\r\nBad Header: 1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("GET /examplebucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nNul: \0\r\n\r\n", 400),
    ("GET /examplebucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nReturn: a\rb\r\n\r\n", 400),
];

/// A put whose body looks like the start of another request.
const PUT: &str = "PUT /examplebucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 37\r\n\r\nGET /never HTTP/1.1\r\nBad Header: 1\r\n\r";

fn fake() -> Fake {
    let fake = Fake::oss().trusting().verify_on_drop(false).start();
    let put = "PUT /examplebucket/there HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(exchange(fake.socket_address(), put.as_bytes()).expect("a reply").status(), 200);
    fake
}

/// The responses to what is sent in these pieces, as far as they do not differ from one time to the next; and the journal's
/// view of the last request.
fn answers(pieces: &[&[u8]], responses: usize, is_head: bool) -> (Vec<String>, String) {
    let fake = fake();
    let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
    to.set_nodelay(true).expect("no delay");
    to.set_read_timeout(Some(raw::PATIENCE)).expect("a timeout can be set");
    let mut from = BufReader::new(to.try_clone().expect("a second handle"));
    for piece in pieces {
        // What follows a refused head need not be taken.
        let _ = to.write_all(piece);
    }
    let told = |reply: RawReply| {
        let of = |name| reply.header(name).map(str::to_owned);
        let facts = (of("connection"), of("content-type"), of("content-length"), of("server"), of("etag"));
        format!("{} {:?} {:?} {facts:?}", reply.status_line, reply.element("Code"), reply.element("Message"))
    };
    let mut read = |head_only| read_reply(&mut from, head_only).expect("readable").expect("a reply");
    let replies = (1..=responses).map(|nth| told(read(is_head && nth == responses))).collect();
    let _ = to.shutdown(Shutdown::Write);
    let mut rest = Vec::new();
    from.read_to_end(&mut rest).expect("the connection ends");
    assert_eq!(String::from_utf8_lossy(&rest), "", "nothing more comes");
    let last = fake.journal().pop().expect("an entry");
    (replies, format!("{:?} {:?} {:?}", last.end, last.note, last.key))
}

fn is_head(head: &str) -> bool {
    head.starts_with("Head")
}

#[test]
fn a_head_has_one_answer_however_it_comes() {
    for (head, status) in HEADS {
        let whole = answers(&[head.as_bytes()], 1, is_head(head));
        assert!(whole.0[0].contains(&format!(" {status} ")), "{head:?}: {whole:?}");
        let bytes: Vec<_> = head.as_bytes().chunks(1).collect();
        assert_eq!(answers(&bytes, 1, is_head(head)), whole, "{head:?}, byte by byte");
        let piped = format!("{PUT}{head}");
        let (mut behind, entry) = answers(&[piped.as_bytes()], 2, is_head(head));
        assert!(behind.remove(0).starts_with("HTTP/1.1 200"), "{head:?}");
        assert_eq!((behind, entry), whole, "{head:?}, behind another request");
    }
}

#[test]
fn a_head_has_one_answer_wherever_it_is_cut() {
    let heads = [HEADS[0].0, HEADS[14].0, HEADS[17].0];
    std::thread::scope(|scope| {
        for head in heads {
            scope.spawn(move || {
                let piped = format!("{PUT}{head}");
                let whole = answers(&[piped.as_bytes()], 2, false);
                for cut in 1..piped.len() {
                    let (front, rest) = piped.as_bytes().split_at(cut);
                    assert_eq!(answers(&[front, rest], 2, false), whole, "{piped:?} cut at {cut}");
                }
            });
        }
    });
}

/// A body that is, in part, what an HTTP server says to a bad request.
#[test]
fn a_body_may_look_like_a_response() {
    let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().min_part_size(1).start();
        let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
        let mut from = BufReader::new(to.try_clone().expect("a second handle"));
        let mut ask = |method: &str, query: &str, body: &str| {
            let bucket = fake.bucket();
            let head = format!("{method} /{bucket}/k{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
            write!(to, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("written");
            let reply = read_reply(&mut from, false).expect("readable").expect("a reply");
            assert_eq!(reply.status(), 200, "{provider:?} {method} {query}");
            reply
        };
        let whole = ["x".repeat(200 << 10), bare.to_owned()];
        if provider != Provider::Obs {
            ask("POST", "?append&position=0", &whole[0]);
            ask("POST", &format!("?append&position={}", whole[0].len()), bare);
            assert_eq!(ask("GET", "", "").body, whole.concat().as_bytes());
        }
        let id = ask("POST", "?uploads", "").element("UploadId").expect("an id");
        let parts: String = (1..)
            .zip(&whole)
            .map(|(number, bytes)| {
                let part = ask("PUT", &format!("?partNumber={number}&uploadId={id}"), bytes);
                let etag = part.header("etag").expect("an ETag");
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            })
            .collect();
        let list = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        ask("POST", &format!("?uploadId={id}"), &list);
        for _ in 0..2 {
            assert_eq!(ask("GET", "", "").body, whole.concat().as_bytes(), "{provider:?}");
        }
    }
}

#[test]
fn a_method_may_be_in_mixed_case() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
        let mut from = BufReader::new(to.try_clone().expect("a second handle"));
        for (method, length) in [("pUT", "0"), ("Head", "5"), ("HEAD", "5"), ("head", "5"), ("Get", "5")] {
            let (line, is_put) = (format!("{method} /{}/k HTTP/1.1", fake.bucket()), method == "pUT");
            let body = if is_put { "hello" } else { "" };
            write!(to, "{line}\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("written");
            let is_head = method.eq_ignore_ascii_case("head");
            let reply = read_reply(&mut from, is_head).expect("readable").expect("a reply");
            assert_eq!((reply.status(), reply.header("content-length")), (200, Some(length)), "{provider:?} {line}");
        }
    }
}

#[test]
fn no_secret_of_a_target_is_kept() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().verify_on_drop(false).start();
        for target in ["http://me:my-secret@nowhere.example/k", "me:my-secret@h:80", "http://me:my-secret@h/a<b"] {
            for (method, host) in [("GET", "h"), ("CONNECT", "me:my-secret@h"), ("get", "")] {
                let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
                exchange(fake.socket_address(), request.as_bytes()).expect("a reply");
            }
        }
        let (timeline, journal) = (fake.timeline().to_string(), format!("{:?}", fake.journal()));
        assert!(!timeline.contains("my-secret") && !journal.contains("my-secret"), "{timeline}\n{journal}");
        assert_eq!(fake.journal().len(), 9);
    }
}

/// What a response says of its connection is so: after `keep-alive` the next request is answered, after `close` the connection
/// ends.
#[test]
fn a_connection_goes_on_if_and_only_if_the_response_says_so() {
    let chunked = "PUT /{b}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n";
    let cases: &[(&str, &str, &str)] = &[
        (chunked, "3\r\nabc\r\n0\r\n\r\n", "keep-alive"),
        (chunked, "3\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n", "keep-alive"),
        (chunked, "3\r\nabcd\r\n0\r\n\r\n", "close"),
        (chunked, "x\r\n", "close"),
        (
            "PUT /{b}/k?partNumber=1&uploadId=x HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n",
            "zz\r\n",
            "close",
        ),
        (
            "PUT /{b}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "close",
        ),
        ("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n", "", "close"),
        ("GET /{b}/missing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", "", "keep-alive"),
        ("GET /{b}/missing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: x\r\nConnection: Close\r\n", "", "close"),
        ("GET /{b}/missing HTTP/1.0\r\nHost: 127.0.0.1\r\n", "", "close"),
        ("GET /{b}/missing HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n", "", "keep-alive"),
        ("GET /{b}/missing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n", "", "close"),
    ];
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().verify_on_drop(false).start();
        for (head, body, connection) in cases {
            let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
            to.set_read_timeout(Some(raw::PATIENCE)).expect("a timeout can be set");
            let mut from = BufReader::new(to.try_clone().expect("a second handle"));
            let head = head.replace("{b}", fake.bucket());
            write!(to, "{head}\r\n{body}").expect("written");
            let reply = read_reply(&mut from, false).expect("readable").expect("a reply");
            let said: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "Connection").collect();
            // To HTTP/1.0, `close` need not be said.
            let said = said.first().map_or("close", |(_, value)| value.as_str());
            assert_eq!(said, *connection, "{provider:?}: {head}\n{reply:?}");
            write!(to, "GET /{}/missing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", fake.bucket()).expect("written");
            let next = read_reply(&mut from, false).expect("readable").map(|reply| reply.status());
            assert_eq!(next, (said == "keep-alive").then_some(404), "{provider:?}: {head}");
        }
    }
}

#[test]
fn a_head_that_breaks_off_is_journaled() {
    let fake = Fake::oss().trusting().verify_on_drop(false).start();
    for (sent, entries) in [("", 0), ("\r\n", 0), ("G", 1), ("GET /k HTTP/1.1\r\nHost: 127.0.0.1\r\n", 2)] {
        let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
        to.write_all(sent.as_bytes()).expect("written");
        to.shutdown(Shutdown::Write).expect("an open connection");
        assert_eq!(to.read(&mut [0]).expect("the end"), 0);
        let journal = fake.journal();
        assert_eq!(journal.len(), entries, "{sent:?}");
        assert!(journal.iter().all(|entry| entry.end == Some(ExchangeEnd::Malformed)), "{journal:?}");
    }
}
