//! The door into a `MockServer`: the fake answers beside other mocks, and says what it cannot do there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::wiremock::{
    Mock, MockServer, Respond, ResponseTemplate,
    matchers::{any, body_string, header, method, path, path_regex, query_param},
};
use bytes::Bytes;
use fake_bucket::{At, Failure, Fake, Fault, Op, Select};
use opendal::{HttpTransporter, OperationContext, Operator, services};
use opendal_http_transport_reqwest::ReqwestTransport;

use crate::PROVIDERS;

/// A server with a mock of its own, and the fake behind everything else.
async fn server(fake: &Fake) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/health")).respond_with(ResponseTemplate::new(418)).mount(&server).await;
    Mock::given(any()).respond_with(fake.responder()).with_priority(u8::MAX).mount(&server).await;
    server
}

/// Asks a path-style question about the key `k`.
async fn ask(fake: &Fake, server: &MockServer, method: &str, query: &str, body: &'static str) -> reqwest::Response {
    let url = format!("{}/{}/k{query}", server.uri(), fake.bucket());
    let method = method.parse().expect("a method");
    reqwest::Client::new().request(method, url).body(body).send().await.expect("a reply")
}

#[tokio::test]
async fn answers_beside_other_mocks() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().min_part_size(1).build();
        let server = server(&fake).await;
        let health = reqwest::get(format!("{}/health", server.uri())).await.expect("a reply");
        assert_eq!(health.status(), 418);

        assert_eq!(ask(&fake, &server, "POST", "?uploads", "").await.status(), 200);
        let id = fake.upload("k").id().to_owned();
        let part = ask(&fake, &server, "PUT", &format!("?partNumber=1&uploadId={id}"), "0123456789").await;
        assert_eq!(part.headers()["etag"].to_str().expect("text").trim_matches('"').len(), 32);
        let listed = ask(&fake, &server, "GET", &format!("?uploadId={id}"), "").await;
        assert_eq!(listed.headers()["content-type"], "application/xml");
        let etag = "<ETag>781e5e245d69b566979b86e28d23f2c7</ETag>";
        let complete =
            format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>{etag}</Part></CompleteMultipartUpload>");
        let url = format!("{}/{}/k?uploadId={id}", server.uri(), fake.bucket());
        let completed = reqwest::Client::new().post(url).body(complete).send().await.expect("a reply");
        assert_eq!(completed.status(), 200);

        let head = ask(&fake, &server, "HEAD", "", "").await;
        assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"10".parse().expect("a value")));
        let got = ask(&fake, &server, "GET", "", "").await;
        assert_eq!(got.bytes().await.expect("a body"), "0123456789");
        let gone = ask(&fake, &server, "DELETE", &format!("?uploadId={id}"), "").await;
        assert_eq!(gone.status(), 404);
        assert!(gone.text().await.expect("a document").contains("<Code>NoSuchUpload</Code>"));
    }
}

#[tokio::test]
async fn signatures_are_verified_behind_it() {
    let fake = Fake::oss().build();
    let server = server(&fake).await;
    let keys = fake.owner();
    let service = services::Oss::default()
        .endpoint(&server.uri())
        .addressing_style("path")
        .bucket(fake.bucket())
        .access_key_id(&keys.access_key_id)
        .access_key_secret(keys.secret_access_key());
    let transport = HttpTransporter::new(ReqwestTransport::new(reqwest::Client::new()));
    let operator = Operator::new(service).expect("a complete configuration");
    let operator = operator.with_context(OperationContext::new().with_http_transport(transport));
    let mut writer = operator.writer_with("odd a+b&c ü.bin").chunk(5 << 20).await.expect("a writer");
    writer.write(vec![7; 6 << 20]).await.expect("written");
    writer.close().await.expect("closed");
    assert_eq!(fake.read("odd a+b&c ü.bin").map(|bytes| bytes.len()), Some(6 << 20));
    let unsigned = ask(&fake, &server, "GET", "", "").await;
    assert_eq!(unsigned.status(), 403);
}

#[tokio::test]
async fn faults_that_are_replies_happen_here_too() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().build();
        let server = server(&fake).await;
        let _busy = fake.fault(Op::PutObject, Fault::Refuse(Failure::ServiceUnavailable));
        assert_eq!(ask(&fake, &server, "PUT", "", "hello").await.status(), 503);
        let _nothing = fake.fault(Op::PutObject, Fault::DropEffect);
        assert_eq!(ask(&fake, &server, "PUT", "", "hello").await.status(), 200);
        assert_eq!(fake.read("k"), None);
        assert_eq!(ask(&fake, &server, "PUT", "", "hello").await.status(), 200);
        assert_eq!(fake.read("k"), Some(Bytes::from("hello")));
    }
}

#[test]
fn what_cannot_be_is_refused_both_ways() {
    let instead = "a wiremock server reads requests whole and answers them under a lock of its own; reach the oss fake by \
                   its own port (`start()`) or without a socket (`service()`) instead";
    let fake = Fake::oss().build();
    let gate = fake.hold(Op::UploadPart.number(2), At::BeforeApply);
    let said = panic_of(|| drop(fake.responder()));
    assert_eq!(said, format!("the gate UploadPart 2 at BeforeApply could not hold anything: {instead}"));
    drop(gate);
    let fault = fake.fault(Op::Complete, Fault::LoseReply);
    assert_eq!(panic_of(|| drop(fake.responder())), format!("LoseReply could not happen: {instead}"));
    drop(fault);
    fake.reset();

    let responder = fake.responder();
    let said = panic_of(|| drop(fake.hold(Op::Abort, At::BeforeReply)));
    assert_eq!(said, format!("no gate can stand: {instead}"));
    let busy = Fault::Refuse(Failure::ServiceUnavailable);
    let said = panic_of(|| drop(fake.faults(Op::Abort, [busy.clone(), Fault::Stall])));
    assert_eq!(said, format!("Stall cannot happen: {instead}"));
    drop(fake.fault(Op::Abort, busy));
    drop(responder);
    drop(fake.hold(Op::Abort, At::BeforeReply));
    fake.reset();
}

#[tokio::test]
async fn matchers_select_what_gates_hold_and_faults_spoil() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().start();
        let client = reqwest::Client::new();
        let put = |key: &str| client.put(format!("{}/{}/{key}?x-id=1", fake.endpoint(), fake.bucket())).body("hello");
        let marked = Select::from(Op::PutObject).request("marked", header("x-mark", "yes"));
        let gate = fake.hold(marked.clone(), At::BeforeApply);
        let busy = Fault::Refuse(Failure::ServiceUnavailable);
        let there = Select::any().request("a put", method("PUT")).request("of k", path_regex("/k$"));
        let there = there.request("with an id", query_param("x-id", "1"));
        let fault = fake.fault(there, busy);
        assert_eq!(put("other").send().await.expect("a reply").status(), 200);
        assert_eq!((gate.held().is_none(), fault.fired()), (true, 0));
        let held = tokio::spawn(put("other").header("x-mark", "yes").send());
        gate.reached().await.release();
        assert_eq!(held.await.expect("no panic").expect("a reply").status(), 200);
        assert_eq!(put("k").send().await.expect("a reply").status(), 503);
    }
}

#[test]
fn a_matcher_that_asks_for_a_body_is_told_on() {
    let fake = Fake::oss().trusting().verify_on_drop(false).build();
    let select = Select::from(Op::PutObject).request("says hello", body_string("hello"));
    let _fault = fake.fault(select, Fault::DropEffect);
    let request = http::Request::put("/examplebucket/k").header("host", "127.0.0.1").header("content-length", 5);
    assert_eq!(fake.answer(request.body(Bytes::from("hello")).expect("a request")).status(), 200);
    let said = panic_of(|| fake.verify());
    assert!(said.contains("PutObject, says hello") && said.contains("#1"), "{said}");
}

#[test]
fn a_fake_that_was_dropped_is_unavailable() {
    let fake = Fake::oss().build();
    let responder = fake.responder();
    assert_eq!(format!("{responder:?}"), "FakeResponder(oss)");
    drop(fake);
    assert_eq!(format!("{responder:?}"), "FakeResponder(dropped)");
    let request = ::wiremock::Request {
        url: "http://localhost/".parse().expect("a URL"),
        method: http::Method::GET,
        headers: http::HeaderMap::new(),
        body: Vec::new(),
    };
    assert!(format!("{:?}", responder.respond(&request)).contains("503"));
}

fn panic_of(mistake: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(mistake)).expect_err("a panic");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}
