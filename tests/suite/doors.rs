//! Reaching a fake: from any kind of test, on any executor; by every addressing; kept alive, closed, dropped.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use fake_bucket::{Fake, Op};

use crate::{
    PROVIDERS,
    raw::{self, exchange, read_reply},
};

fn get(target: &str, host: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

#[test]
fn starts_in_a_plain_test_and_closes_its_port_when_dropped() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let address = fake.socket_address();
        assert!(TcpStream::connect(address).is_ok());
        drop(fake);
        assert!(TcpStream::connect(address).is_err(), "{provider:?} still listens");
    }
}

#[tokio::test(start_paused = true)]
async fn works_under_a_paused_clock() {
    let fake = Fake::oss().trusting().start();
    tokio::time::advance(Duration::from_secs(3600)).await;
    let address = fake.socket_address();
    let host = fake.service_host().to_owned();
    let reply = tokio::task::spawn_blocking(move || exchange(address, &get("/", &host))).await.expect("no panic");
    assert_eq!(reply.expect("a reply").status(), 200);
    fake.wait_until(|state| state.in_flight.is_empty()).await;
    fake.quiesce().await;
}

#[test]
fn works_on_an_executor_that_is_not_tokio() {
    let fake = Fake::oss().trusting().start();
    let gate = fake.hold(Op::ListBuckets, fake_bucket::At::BeforeReply);
    let (address, host) = (fake.socket_address(), fake.service_host().to_owned());
    let client = std::thread::spawn(move || exchange(address, &get("/", &host)));
    block_on(async {
        gate.reached().await.release();
        fake.quiesce().await;
    });
    assert_eq!(client.join().expect("no panic").expect("a reply").status(), 200);
}

/// The smallest executor there is.
pub fn block_on(future: impl Future<Output = ()>) {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    while future.as_mut().poll(&mut context).is_pending() {
        std::thread::park();
    }
}

#[test]
fn every_addressing_reaches_the_same_object() {
    for provider in PROVIDERS {
        let bucket = Fake::of(provider).build().bucket().to_owned();
        let fake = Fake::of(provider).trusting().custom_domain("media.example.com", &bucket).start();
        let (address, service) = (fake.socket_address(), fake.service_host().to_owned());
        let put = format!("PUT /{bucket}/k%20ey HTTP/1.1\r\nHost: {address}\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(exchange(address, put.as_bytes()).expect("a reply").status(), 200);
        let ways = [
            get(&format!("/{bucket}/k%20ey"), &address.to_string()),
            get("/k%20ey", &format!("{bucket}.{service}")),
            get("/k%20ey", &format!("{bucket}.{service}:{}", address.port())),
            get("/k%20ey", "media.example.com"),
            get(&format!("http://{bucket}.{service}/k%20ey"), &format!("{bucket}.{service}")),
            get(&format!("http://{bucket}.{service}:80/k%20ey"), &format!("{bucket}.{service}")),
        ];
        for way in ways {
            let reply = exchange(address, &way).expect("a reply");
            assert_eq!(reply.body, b"hello", "{}", String::from_utf8_lossy(&way));
        }
    }
}

#[test]
fn keeps_connections_alive_and_closes_them_when_asked() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let stream = TcpStream::connect(fake.socket_address()).expect("it listens");
        let mut from = BufReader::new(stream.try_clone().expect("a second handle"));
        let (mut to, host) = (stream, format!("{}.{}", fake.bucket(), fake.service_host()));
        for asked in ["", "", "Connection: Keep-Alive\r\n"] {
            write!(to, "GET /missing HTTP/1.1\r\nHost: {host}\r\n{asked}\r\n").expect("written");
            let reply = read_reply(&mut from, false).expect("readable").expect("a reply");
            assert_eq!((reply.status(), reply.header("connection")), (404, Some("keep-alive")));
        }
        for body in ["5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n"] {
            let sent = format!("PUT /k HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            to.write_all(sent.as_bytes()).expect("written");
            let reply = read_reply(&mut from, false).expect("readable").expect("a reply");
            assert_eq!((reply.status(), reply.header("connection")), (200, Some("keep-alive")), "{body:?}");
        }
        // A refused request with a body does not cost the connection either.
        write!(to, "PUT /k?partNumber=1&uploadId=x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 300000\r\n\r\n")
            .expect("written");
        to.write_all(&[0; 300_000]).expect("the body is read although the request is refused");
        assert_eq!(read_reply(&mut from, false).expect("readable").expect("a reply").status(), 404);
        write!(to, "GET /missing HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("written");
        let reply = read_reply(&mut from, false).expect("readable").expect("a reply");
        assert_eq!(reply.header("connection"), Some("close"));
        assert_eq!(from.read(&mut [0]).expect("the end"), 0);
    }
}

/// A client that announces a body where none is needed, and is slow to send it, hears at once. What it sends next could be
/// that body or not, so the connection is given up, though not under a client that still writes.
#[test]
fn does_not_wait_for_a_body_it_has_no_use_for() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().body_timeout(Duration::from_secs(3600)).start();
        for (method, status) in [("GET", 404), ("DELETE", 204), ("HEAD", 404)] {
            let mut stream = TcpStream::connect(fake.socket_address()).expect("it listens");
            stream.set_read_timeout(Some(raw::PATIENCE)).expect("a timeout can be set");
            let mut from = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut ask = |body: &str| {
                let line = format!("{method} /{}/k HTTP/1.1", fake.bucket());
                let request = format!("{line}\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\n{body}");
                stream.write_all(request.as_bytes()).expect("written at once");
                let reply = read_reply(&mut from, method == "HEAD").expect("readable").expect("a reply");
                assert_eq!(reply.status(), status, "{}: {line}\n{}", provider.name(), fake.timeline());
                reply.header("connection").map(str::to_owned)
            };
            let stays = Some("keep-alive".to_owned());
            assert_eq!((ask("12345"), ask("12345")), (stays.clone(), stays), "a body that comes along does no harm");
            assert_eq!(ask("").as_deref(), Some("close"), "{method}");
            stream.write_all(b"12345").expect("read although it is late");
            assert_eq!(from.read(&mut [0]).expect("the end"), 0);
        }
    }
}

#[test]
fn hundreds_of_headers_are_judged_by_the_provider() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let (address, host) = (fake.socket_address(), format!("{}.{}", fake.bucket(), fake.service_host()));
        let put = |name: &str, value: &str| {
            let headers: String = (0..300).map(|n| format!("{name}-{n}: {value}\r\n")).collect();
            let request = format!("PUT /k HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: 5\r\n\r\nhello");
            exchange(address, request.as_bytes()).expect("a reply")
        };
        assert_eq!(put("x-trace", "v").status(), 200);
        let metadata = format!("x-{}-meta-n", provider.name());
        let refused = put(&metadata, &"v".repeat(100));
        assert_eq!(refused.status(), 400);
        assert!(refused.element("Code").is_some(), "the provider's own words");
    }
}

/// On a connection that has seen few headers and a body before, and goes on afterwards; whose head comes in two pieces.
#[test]
fn many_headers_may_come_at_any_time() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let host = format!("{}.{}", fake.bucket(), fake.service_host());
        let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
        let mut from = BufReader::new(to.try_clone().expect("a second handle"));
        for count in [0, 90, 300, 1, 900] {
            let headers: String = (0..count).map(|n| format!("x-trace-{n}: v\r\n")).collect();
            let put = format!("PUT /k HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: 5\r\n\r\nhello");
            let (front, rest) = put.split_at(put.len() - 25);
            to.write_all(front.as_bytes()).expect("written");
            to.write_all(rest.as_bytes()).expect("written");
            let reply = read_reply(&mut from, false).expect("readable").expect("a reply");
            assert_eq!(reply.status(), 200, "{provider:?}, {count} headers");
        }
        assert_eq!(fake.timeline().to_string().matches("PutObject").count(), 5, "{}", fake.timeline());
    }
}

#[test]
fn what_is_no_http_is_journaled_too() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let reply = exchange(fake.socket_address(), b"\x16\x03\x01 this is not HTTP\r\n\r\n").expect("a reply");
        assert_eq!(reply.status(), 400);
        let journal = fake.journal();
        assert_eq!(journal.len(), 1, "{}", fake.timeline());
        assert_eq!(journal[0].end, Some(fake_bucket::ExchangeEnd::Malformed));
    }
}

/// What each provider calls a length that is none, two lengths, and what is no HTTP.
const FRAMING: [[&str; 3]; 3] = [
    ["InvalidArgument", "InvalidArgument", "BadRequest"],
    ["InvalidArgument", "InvalidArgument", "BadRequest"],
    ["InvalidContentLength", "MultipleContentLengths", "BadRequest"],
];

#[test]
fn what_cannot_be_read_is_refused_in_the_provider_s_words_and_ends_the_connection() {
    for (provider, [invalid, multiple, malformed]) in PROVIDERS.into_iter().zip(FRAMING) {
        let fake = Fake::of(provider).trusting().start();
        let host = format!("{}.{}", fake.bucket(), fake.service_host());
        let put = |headers: &str| format!("PUT /k HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n\r\nhello");
        let good = put("Content-Length: 5");
        for (headers, code) in [
            ("Content-Length: -1", invalid),
            ("Content-Length: 18446744073709551615", invalid),
            ("Content-Length: 5\r\nContent-Length: 6", multiple),
            ("Transfer-Encoding: gzip", malformed),
            ("Content Length: 5", malformed),
        ] {
            let bad = put(&format!("Authorization: my-secret\r\n{headers}"));
            let behind_another = good.clone() + &bad;
            for (sent, replies) in [(vec![&bad], 0), (vec![&behind_another], 1), (vec![&good, &good, &bad], 2)] {
                let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
                let mut from = BufReader::new(to.try_clone().expect("a second handle"));
                let mut reply = || read_reply(&mut from, false).expect("readable");
                let (last, before) = sent.split_last().expect("something is sent");
                for put in before {
                    to.write_all(put.as_bytes()).expect("written");
                    assert_eq!(reply().expect("a reply").status(), 200, "{provider:?}: {put}");
                }
                to.write_all(last.as_bytes()).expect("written");
                for _ in before.len()..replies {
                    assert_eq!(reply().expect("a reply").status(), 200, "{provider:?}: {last}");
                }
                let refused = reply().expect("a refusal");
                assert_eq!((refused.status(), refused.element("Code").as_deref()), (400, Some(code)), "{last}");
                assert_eq!(refused.header("connection"), Some("close"), "{refused:?}");
                assert!(refused.header("date").is_some() && refused.header("server").is_some(), "{refused:?}");
                assert_eq!(reply(), None, "{provider:?}: {last}");
                let journal = fake.journal();
                let entry = journal.last().expect("an entry");
                assert_eq!(entry.end, Some(fake_bucket::ExchangeEnd::Malformed));
                assert!(entry.note.is_some(), "{entry:?}");
            }
        }
        assert!(!fake.timeline().to_string().contains("my-secret"), "{}", fake.timeline());
    }
}

#[test]
fn a_head_that_cannot_be_read_is_refused_without_a_body() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let mut to = TcpStream::connect(fake.socket_address()).expect("it listens");
        let head = format!("HEAD /k HTTP/1.1\r\nHost: {}\r\nContent-Length: x\r\n\r\n", fake.service_host());
        to.write_all(head.as_bytes()).expect("written");
        let mut told = String::new();
        to.read_to_string(&mut told).expect("the connection ends");
        assert!(told.starts_with("HTTP/1.1 400 ") && told.ends_with("\r\n\r\n"), "{provider:?}: {told}");
    }
}

#[test]
fn fakes_do_not_share_anything() {
    let (one, other) = (Fake::oss().trusting().start(), Fake::oss().trusting().start());
    let put =
        format!("PUT /examplebucket/k HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\n\r\nhello", one.socket_address());
    exchange(one.socket_address(), put.as_bytes()).expect("a reply");
    assert!(one.read("k").is_some() && other.read("k").is_none());
    assert_ne!(one.owner().access_key_id, other.owner().access_key_id);
    assert!(other.journal().is_empty());
}
