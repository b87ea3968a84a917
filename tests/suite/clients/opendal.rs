//! OpenDAL's three services. Each fake is the client's HTTP proxy, so that it keeps the services' real host names; OSS is
//! also reached path style.

use bytes::Bytes;
use fake_bucket::{At, Credentials, Fake, Op, Provider};
use opendal::{Builder, ErrorKind, HttpTransporter, OperationContext, Operator, Writer, services};
use opendal_http_transport_reqwest::ReqwestTransport;

use crate::PROVIDERS;

const PART: usize = 5 << 20;

fn operator(fake: &Fake, keys: &Credentials) -> Operator {
    let endpoint = format!("http://{}", fake.service_host());
    let (id, secret, bucket) = (&keys.access_key_id, keys.secret_access_key(), fake.bucket());
    let token = keys.security_token();
    match fake.provider() {
        Provider::Cos => {
            let service = services::Cos::default().endpoint(&endpoint).bucket(bucket).secret_id(id).secret_key(secret);
            proxied(fake, token.iter().fold(service, |service, token| service.security_token(token)))
        }
        Provider::Oss => {
            let service = services::Oss::default().endpoint(&endpoint).bucket(bucket);
            let service = service.access_key_id(id).access_key_secret(secret);
            proxied(fake, token.iter().fold(service, |service, token| service.security_token(token)))
        }
        _ => {
            let service = services::Obs::default().endpoint(&endpoint).bucket(bucket);
            proxied(fake, service.access_key_id(id).secret_access_key(secret))
        }
    }
}

fn proxied(fake: &Fake, service: impl Builder) -> Operator {
    let proxy = reqwest::Proxy::http(fake.endpoint()).expect("the endpoint is a URL");
    let client = reqwest::Client::builder().proxy(proxy).build().expect("a client");
    with_client(service, client)
}

fn with_client(service: impl Builder, client: reqwest::Client) -> Operator {
    let transport = HttpTransporter::new(ReqwestTransport::new(client));
    let operator = Operator::new(service).expect("a complete configuration");
    operator.with_context(OperationContext::new().with_http_transport(transport))
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
    let operator = with_client(service, reqwest::Client::new());
    let mut writer = writer(&operator, "movie.mp4").await;
    writer.write(movie()).await.expect("written");
    writer.close().await.expect("closed");
    assert_eq!(fake.read("movie.mp4"), Some(movie()));
}
