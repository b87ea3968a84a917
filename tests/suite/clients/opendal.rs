//! OpenDAL's three services. Each fake is the client's HTTP proxy, so that it keeps the services' real host names; OSS is
//! also reached path style.

use bytes::Bytes;
use fake_bucket::{At, Credentials, Fake, FakeService, Fault, Op, Provider};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyDataStream, StreamBody};
use opendal::{
    Buffer, Builder, Error, ErrorKind, HttpBody, HttpTransport, HttpTransporter, OperationContext, Operator, Writer,
    services,
};
use opendal_http_transport_reqwest::ReqwestTransport;
use tower_service::Service;

use crate::PROVIDERS;

const PART: usize = 5 << 20;

fn operator(fake: &Fake, keys: &Credentials) -> Operator {
    let proxy = reqwest::Proxy::http(fake.endpoint()).expect("the endpoint is a URL");
    let client = reqwest::Client::builder().proxy(proxy).build().expect("a client");
    through(fake, keys, ReqwestTransport::new(client))
}

/// An operator that keeps the service's real host names.
fn through(fake: &Fake, keys: &Credentials, transport: impl HttpTransport) -> Operator {
    let endpoint = format!("http://{}", fake.service_host());
    let (id, secret, bucket) = (&keys.access_key_id, keys.secret_access_key(), fake.bucket());
    let token = keys.security_token();
    match fake.provider() {
        Provider::Cos => {
            let service = services::Cos::default().endpoint(&endpoint).bucket(bucket).secret_id(id).secret_key(secret);
            with_transport(token.iter().fold(service, |service, token| service.security_token(token)), transport)
        }
        Provider::Oss => {
            let service = services::Oss::default().endpoint(&endpoint).bucket(bucket);
            let service = service.access_key_id(id).access_key_secret(secret);
            with_transport(token.iter().fold(service, |service, token| service.security_token(token)), transport)
        }
        _ => {
            let service = services::Obs::default().endpoint(&endpoint).bucket(bucket);
            with_transport(service.access_key_id(id).secret_access_key(secret), transport)
        }
    }
}

fn with_transport(service: impl Builder, transport: impl HttpTransport) -> Operator {
    let operator = Operator::new(service).expect("a complete configuration");
    operator.with_context(OperationContext::new().with_http_transport(HttpTransporter::new(transport)))
}

/// OpenDAL's HTTP layer with a fake behind it, and no socket.
struct FakeTransport(FakeService);

impl HttpTransport for FakeTransport {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let request = request.map(|body| StreamBody::new(stream::iter(body).map(Frame::data).map(Ok::<_, Error>)));
        let reply = self.0.clone().call(request).await.map_err(broken)?;
        let length = reply.body().size_hint().exact();
        Ok(reply.map(|body| {
            let frames = BodyDataStream::new(body).map_ok(Buffer::from).map_err(broken);
            HttpBody::new(frames, length)
        }))
    }
}

fn broken(why: fake_bucket::NoReply) -> Error {
    Error::new(ErrorKind::Unexpected, "the connection broke").set_temporary().set_source(why)
}

async fn writer(operator: &Operator, key: &str) -> Writer {
    operator.writer_with(key).chunk(PART).concurrent(4).await.expect("a writer")
}

fn movie() -> Bytes {
    (0..16 << 20).map(|at: u32| (at % 251) as u8).collect()
}

#[tokio::test]
async fn uploads_in_parts_and_reads_back() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let operator = operator(&fake, &fake.owner());
        for key in ["movie.mp4", "odd a+b&c=d%20e~ü中/(1)*.bin"] {
            let mut writer = writer(&operator, key).await;
            writer.write(movie()).await.expect("written");
            writer.close().await.expect("closed");

            fake.upload(key).assert_completed();
            assert_eq!(operator.read(key).await.expect("read").to_bytes(), movie());
            assert_eq!(operator.read_with(key).range(10..20).await.expect("read").to_bytes(), movie().slice(10..20));
            assert_eq!(operator.stat(key).await.expect("stat").content_length(), 16 << 20);
        }
        let listed = operator.list_with("").recursive(true).await.expect("listed");
        assert_eq!(listed.len(), 2, "{listed:?}");
        operator.delete("movie.mp4").await.expect("deleted");
        assert_eq!(operator.read("movie.mp4").await.expect_err("gone").kind(), ErrorKind::NotFound);
        operator.write("small", "whole").await.expect("written");
        assert_eq!(fake.read("small"), Some(Bytes::from("whole")));
    }
}

#[tokio::test]
async fn aborts() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let operator = operator(&fake, &fake.owner());
        let mut writer = writer(&operator, "movie.mp4").await;
        writer.write(movie()).await.expect("written");
        writer.abort().await.expect("aborted");
        fake.quiesce().await;
        fake.upload("movie.mp4").assert_aborted().assert_abort_requests(1);
        assert!(fake.read("movie.mp4").is_none());
        free_what_lingers(&fake);
    }
}

#[tokio::test]
async fn aborts_while_a_part_is_in_flight() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let operator = operator(&fake, &fake.owner());
        let gate = fake.hold(Op::UploadPart.number(2), At::BeforeApply);
        let mut writer = writer(&operator, "movie.mp4").await;
        writer.write(movie()).await.expect("written");
        let held = gate.reached().await;
        writer.abort().await.expect("aborted");
        held.release();
        fake.quiesce().await;
        let upload = fake.upload("movie.mp4").assert_aborted();
        match provider {
            Provider::Oss => drop(upload.assert_lingering(2)),
            _ => drop(upload.assert_failed_in_flight(2).assert_parts(&[])),
        }
        free_what_lingers(&fake);
    }
}

/// OpenDAL aborts while its other parts may still be on their way, and on OSS those linger.
fn free_what_lingers(fake: &Fake) {
    for upload in fake.uploads().iter().filter(|upload| !upload.parts().is_empty()) {
        let target = format!("/{}/{}?uploadId={}", upload.bucket, upload.key, upload.upload_id);
        let request = http::Request::delete(target).header("host", "127.0.0.1").body(Bytes::new());
        assert_eq!(fake.answer_as("owner", request.expect("a request")).status(), 204);
    }
}

#[tokio::test]
async fn hears_who_may_not() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let mut impostor = fake.owner();
        impostor.access_key_id = fake.stranger().access_key_id;
        for keys in [fake.stranger(), impostor] {
            let error = operator(&fake, &keys).write("small", "whole").await.expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        }
        let codes: Vec<_> = fake.journal().iter().map(|entry| entry.code().map(str::to_owned)).collect();
        let expected = ["AccessDenied", "SignatureDoesNotMatch"].map(|code| Some(code.to_owned()));
        assert_eq!(codes, expected);
    }
}

#[tokio::test]
async fn a_sub_account_uploads_and_yet_may_not_abort() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).allow_open_uploads().start();
        let operator = operator(&fake, &fake.writer());
        let mut writer = writer(&operator, "movie.mp4").await;
        writer.write(movie()).await.expect("written");
        let aborted = writer.abort().await;
        fake.quiesce().await;
        match provider {
            // On OBS it is the initiator, who always may.
            Provider::Obs => {
                aborted.expect("aborted");
                fake.upload("movie.mp4").assert_aborted();
            }
            _ => {
                assert_eq!(aborted.expect_err("refused").kind(), ErrorKind::PermissionDenied);
                fake.upload("movie.mp4").assert_open();
            }
        }
    }
}

#[tokio::test]
async fn temporary_keys_work_until_they_expire() {
    // OpenDAL's OBS service has no setting for a token.
    for provider in PROVIDERS.into_iter().filter(|provider| *provider != Provider::Obs) {
        let fake = Fake::of(provider).start();
        let keys = fake.temporary(&fake.owner(), std::time::Duration::from_secs(600));
        operator(&fake, &keys).write("small", "whole").await.expect("written");
        fake.advance_clock(std::time::Duration::from_secs(601));
        let error = operator(&fake, &keys).write("small", "again").await.expect_err("expired");
        assert!(!error.is_temporary(), "{error}");
        assert_eq!(fake.read("small"), Some(Bytes::from("whole")));
    }
}

#[tokio::test]
async fn reaches_oss_path_style() {
    let fake = Fake::oss().start();
    let keys = fake.owner();
    let service = services::Oss::default()
        .endpoint(&fake.endpoint())
        .addressing_style("path")
        .bucket(fake.bucket())
        .access_key_id(&keys.access_key_id)
        .access_key_secret(keys.secret_access_key());
    let operator = with_transport(service, ReqwestTransport::new(reqwest::Client::new()));
    let mut writer = writer(&operator, "movie.mp4").await;
    writer.write(movie()).await.expect("written");
    writer.close().await.expect("closed");
    assert_eq!(fake.read("movie.mp4"), Some(movie()));
}

#[tokio::test]
async fn uploads_and_aborts_without_a_socket() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).build();
        let operator = through(&fake, &fake.owner(), FakeTransport(fake.service()));
        let mut complete = writer(&operator, "movie.mp4").await;
        complete.write(movie()).await.expect("written");
        complete.close().await.expect("closed");
        assert_eq!(operator.read("movie.mp4").await.expect("read").to_bytes(), movie());
        assert_eq!(operator.stat("movie.mp4").await.expect("stat").content_length(), 16 << 20);

        let gate = fake.hold(Op::UploadPart.key("given-up.mp4").number(2), At::Byte(1));
        let mut given_up = writer(&operator, "given-up.mp4").await;
        given_up.write(movie()).await.expect("written");
        let held = gate.reached().await;
        given_up.abort().await.expect("aborted");
        held.release();
        fake.quiesce().await;
        fake.upload("given-up.mp4").assert_aborted();
        free_what_lingers(&fake);

        let _lost = fake.fault(Op::PutObject, Fault::LoseReply);
        let error = operator.write("small", "whole").await.expect_err("no reply");
        assert!(error.is_temporary() && error.to_string().contains("connection ended on purpose"), "{error}");
        assert_eq!(fake.read("small"), Some(Bytes::from("whole")));
    }
}
