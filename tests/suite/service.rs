//! The door without a socket: what a `tower::Service` is asked goes the way of what comes through a port.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use fake_bucket::{
    At, ExchangeEnd, ExchangeRecord, Fake, FakeBuilder, Fault, LateParts, NoReply, Op, Provider, ReplyBody,
};
use http::{Request, Response, request::Builder};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full, channel::Channel};
use tower_service::Service;

use crate::{PROVIDERS, doors::block_on};

type Answer = Result<Response<ReplyBody>, NoReply>;

/// A request about the key `k`, by its virtual host.
pub fn about(fake: &Fake, method: &str, query: &str) -> Builder {
    let uri = format!("http://{}.{}/k{query}", fake.bucket(), fake.service_host());
    Request::builder().method(method).uri(uri)
}

pub async fn send<B: Body<Data = Bytes> + Send + 'static>(fake: &Fake, request: Request<B>) -> Answer {
    fake.service().call(request).await
}

pub async fn ask(fake: &Fake, method: &str, query: &str) -> Answer {
    send(fake, about(fake, method, query).body(Empty::new()).expect("a request")).await
}

pub async fn status(fake: &Fake, method: &str, query: &str) -> u16 {
    ask(fake, method, query).await.expect("a reply").status().as_u16()
}

pub async fn initiate(fake: &Fake) -> String {
    assert_eq!(status(fake, "POST", "?uploads").await, 200);
    fake.uploads().pop().expect("an upload").upload_id
}

/// A part of ten bytes that come as the test sends them.
fn part(
    fake: &Fake,
    id: &str,
) -> (http_body_util::channel::Sender<Bytes, &'static str>, Request<Channel<Bytes, &'static str>>) {
    let (sender, body) = Channel::new(4);
    let request = about(fake, "PUT", &format!("?partNumber=1&uploadId={id}")).header("content-length", 10);
    (sender, request.body(body).expect("a request"))
}

fn last(fake: &Fake) -> ExchangeRecord {
    fake.journal().pop().expect("an exchange")
}

fn each_provider(build: impl Fn(FakeBuilder) -> FakeBuilder) -> Vec<Fake> {
    PROVIDERS.into_iter().map(|provider| build(Fake::of(provider).trusting().min_part_size(1)).build()).collect()
}

#[test]
fn answers_on_any_executor() {
    for fake in each_provider(|builder| builder) {
        block_on(async {
            let put = about(&fake, "PUT", "").body(Full::from("hello")).expect("a request");
            assert_eq!(send(&fake, put).await.expect("a reply").status(), 200);
            let reply = ask(&fake, "GET", "").await.expect("a reply");
            assert_eq!(reply.headers()["content-length"], "5");
            assert_eq!(reply.into_body().collect().await.expect("whole").to_bytes(), "hello");
            let gate = fake.hold(Op::DeleteObject, At::BeforeReply);
            let mut delete = pin!(ask(&fake, "DELETE", ""));
            assert!(futures_util::poll!(&mut delete).is_pending());
            gate.reached().await.release();
            assert_eq!(delete.await.expect("a reply").status(), 204);
        });
    }
}

#[tokio::test]
async fn a_part_in_flight_meets_the_abort_of_its_upload() {
    for fake in each_provider(|builder| builder) {
        let id = initiate(&fake).await;
        let gate = fake.hold(Op::UploadPart, At::Byte(5));
        let (mut sender, request) = part(&fake, &id);
        let late = tokio::spawn(fake.service().call(request));
        sender.send_data(Bytes::from("01234")).await.expect("read");
        let held = gate.reached().await;
        assert_eq!((held.received, status(&fake, "DELETE", &format!("?uploadId={id}")).await), (5, 204));
        held.release();
        sender.send_data(Bytes::from("56789")).await.expect("read");
        drop(sender);
        let reply = late.await.expect("no panic").expect("a reply");
        match fake.provider() {
            Provider::Oss => {
                assert_eq!(reply.status(), 200);
                fake.upload("k").assert_lingering(1);
                assert_eq!(status(&fake, "DELETE", &format!("?uploadId={id}")).await, 204);
            }
            _ => {
                assert_eq!(reply.status(), 404);
                fake.upload("k").assert_failed_in_flight(1);
            }
        }
    }
}

#[tokio::test]
async fn a_late_part_hears_at_once_or_is_reset() {
    for (late_parts, expected) in [(LateParts::FailAtOnce, Ok(404)), (LateParts::Reset, Err(NoReply::Reset))] {
        for fake in each_provider(|builder| builder.late_parts(late_parts)) {
            let id = initiate(&fake).await;
            let (mut sender, request) = part(&fake, &id);
            let late = tokio::spawn(fake.service().call(request));
            sender.send_data(Bytes::from("01234")).await.expect("read");
            fake.wait_until(|state| state.in_flight.iter().any(|part| part.received == 5)).await;
            assert_eq!(status(&fake, "DELETE", &format!("?uploadId={id}")).await, 204);
            let late = late.await.expect("no panic").map(|reply| reply.status().as_u16());
            assert_eq!(late, expected);
            fake.upload("k").assert_failed_in_flight(1);
        }
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_is_a_client_that_went_away() {
    for fake in each_provider(|builder| builder.allow_open_uploads()) {
        let id = initiate(&fake).await;
        let (mut sender, request) = part(&fake, &id);
        sender.send_data(Bytes::from("01234")).await.expect("room");
        let mut service = fake.service();
        let mut part = service.call(request);
        assert!(futures_util::poll!(&mut part).is_pending());
        assert!(fake.snapshot().is_in_flight(Op::UploadPart));
        drop(part);
        let gone = last(&fake);
        assert_eq!((gone.end, gone.received), (Some(ExchangeEnd::Abandoned), 5));
        fake.upload("k").assert_open().assert_parts(&[]);
    }
}

#[tokio::test]
async fn what_was_received_whole_is_carried_out_even_if_nobody_waits() {
    for fake in each_provider(|builder| builder.allow_open_uploads()) {
        let id = initiate(&fake).await;
        let gate = fake.hold(Op::UploadPart, At::BeforeApply);
        let request = about(&fake, "PUT", &format!("?partNumber=1&uploadId={id}")).body(Full::from("0123456789"));
        let part = tokio::spawn(fake.service().call(request.expect("a request")));
        let held = gate.reached().await;
        part.abort();
        assert!(part.await.expect_err("aborted").is_cancelled());
        held.release();
        fake.quiesce().await;
        assert_eq!(
            last(&fake).end.map(|end| format!("{end:?}")).as_deref(),
            Some("Undelivered { status: 200, code: None }")
        );
        fake.upload("k").assert_parts(&[1]);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_client_that_went_away() {
    for fake in each_provider(|builder| builder.allow_open_uploads()) {
        let id = initiate(&fake).await;
        for (ending, bytes) in [("fails", None), ("too short", Some("01234")), ("too long", Some("0123456789+"))] {
            let (mut sender, request) = part(&fake, &id);
            let part = tokio::spawn(fake.service().call(request));
            match bytes {
                None => sender.abort("no more"),
                Some(bytes) => {
                    sender.send_data(Bytes::from(bytes)).await.expect("read");
                    drop(sender);
                }
            }
            assert_eq!(part.await.expect("no panic").expect_err("no reply"), NoReply::Gone, "{ending}");
            assert_eq!(last(&fake).end, Some(ExchangeEnd::Abandoned), "{ending}");
        }
        fake.upload("k").assert_open().assert_parts(&[]);
    }
}

#[tokio::test]
async fn broken_connections_are_errors_of_the_service() {
    for fake in each_provider(|builder| builder) {
        let _cut = fake.fault(Op::Initiate, Fault::CutBefore);
        assert_eq!(ask(&fake, "POST", "?uploads").await.expect_err("cut"), NoReply::Cut);
        assert_eq!(last(&fake).end, Some(ExchangeEnd::Cut));

        let id = initiate(&fake).await;
        let _body = fake.fault(Op::UploadPart, Fault::CutBody(4));
        let (mut sender, request) = part(&fake, &id);
        let cut = tokio::spawn(fake.service().call(request));
        sender.send_data(Bytes::from("01234")).await.expect("read");
        assert_eq!(cut.await.expect("no panic").expect_err("cut"), NoReply::Cut);

        let _lost = fake.fault(Op::Abort, Fault::LoseReply);
        assert_eq!(ask(&fake, "DELETE", &format!("?uploadId={id}")).await.expect_err("lost"), NoReply::Cut);
        fake.upload("k").assert_aborted();

        let _reply = fake.fault(Op::ListObjects, Fault::CutReply(20));
        let uri = format!("http://{}.{}/", fake.bucket(), fake.service_host());
        let list = Request::get(uri).body(Empty::new()).expect("a request");
        let mut body = send(&fake, list).await.expect("a head").into_body();
        let frame = body.frame().await.expect("a frame").expect("its beginning").into_data().expect("data");
        assert_eq!((frame.len(), body.frame().await.expect("an end").expect_err("cut")), (20, NoReply::Cut));
    }
}

#[tokio::test(start_paused = true)]
async fn delays_are_real_time_under_a_paused_clock() {
    let fake = Fake::oss().trusting().build();
    let _delay = fake.fault(Op::ListBuckets, Fault::Delay(Duration::from_millis(1)));
    let before = tokio::time::Instant::now();
    let list = Request::get("/").header("host", fake.service_host()).body(Empty::new()).expect("a request");
    assert_eq!(send(&fake, list).await.expect("a reply").status(), 200);
    assert_eq!(before.elapsed(), Duration::ZERO, "the test's own clock stands still");
}

#[tokio::test]
async fn says_what_a_client_would_say_of_host_and_length() {
    for fake in each_provider(|builder| builder.allow_open_uploads()) {
        let id = initiate(&fake).await;
        let target = format!("?partNumber=1&uploadId={id}");
        let known = about(&fake, "PUT", &target).body(Full::from("0123456789")).expect("a request");
        assert_eq!(send(&fake, known).await.expect("a reply").status(), 200);
        let (mut sender, body) = Channel::<Bytes>::new(1);
        sender.try_send(http_body::Frame::data(Bytes::from("01"))).expect("room");
        drop(sender);
        let chunked = about(&fake, "PUT", &target).body(body).expect("a request");
        assert_eq!(send(&fake, chunked).await.expect("a reply").status(), 200, "its length is found in the end");
        fake.upload("k").assert_parts(&[1]);
        let nowhere = Request::get("/k").body(Empty::new()).expect("a request");
        assert_eq!(send(&fake, nowhere).await.expect("a reply").status(), 400, "no host at all");
    }
}

#[tokio::test]
async fn a_fake_that_was_dropped_answers_no_more() {
    let fake = Fake::oss().trusting().build();
    let mut service = fake.service();
    drop(fake);
    let list = Request::get("/").body(Empty::<Bytes>::new()).expect("a request");
    let closed = service.call(list).await.expect_err("closed");
    assert_eq!((closed, closed.to_string()), (NoReply::Closed, "the fake was dropped".to_owned()));
}
