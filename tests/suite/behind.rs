//! What happens behind a client's back while one of its requests is held at a gate: the upload ends, its bucket goes, a grant
//! or a key is revoked, time passes.

use std::{net::TcpStream, time::Duration};

use bytes::Bytes;
use fake_bucket::{At, Fake, Grants, Held, Op, Provider};

use crate::{
    PROVIDERS,
    clients::reqsign::{send, signed},
    raw::RawReply,
    talk::{BYTES, Client, each_fake, reply},
};

/// Part 2 of an upload that has part 1, held before it is applied.
struct Scene {
    id: String,
    sent: TcpStream,
    held: Held,
}

impl Scene {
    fn new(fake: &Fake, client: &Client<'_>) -> Self {
        let id = client.initiate();
        assert_eq!(client.part(&id, 1), Some(200));
        let gate = fake.hold(Op::UploadPart.number(2), At::BeforeApply);
        let sent = client.send("PUT", &format!("?partNumber=2&uploadId={id}"), BYTES);
        Self { id, sent, held: gate.reached_blocking() }
    }

    fn release(self) -> RawReply {
        self.held.release();
        reply(self.sent).expect("a reply")
    }
}

fn heard(reply: &RawReply) -> (u16, Option<String>) {
    (reply.status(), reply.element("Code"))
}

/// The late part fails, or on OSS lands and lingers until a further abort.
fn judge_late_part(fake: &Fake, client: &Client<'_>, id: &str, late: &RawReply) {
    match fake.provider() {
        Provider::Oss => {
            assert_eq!(late.status(), 200);
            fake.upload("k").assert_aborted().assert_lingering_parts(&[2]);
            assert_eq!(client.abort(id), Some(204));
        }
        _ => {
            assert_eq!(heard(late), (404, Some("NoSuchUpload".to_owned())));
            fake.upload("k").assert_aborted().assert_parts_failed_in_flight(&[2]);
        }
    }
    fake.assert_no_leaks();
}

#[test]
fn the_upload_is_aborted() {
    each_fake(|fake, client| {
        let scene = Scene::new(fake, &client);
        let id = scene.id.clone();
        assert!(fake.abort_upload(&id));
        let late = scene.release();
        judge_late_part(fake, &client, &id, &late);
        assert!(!fake.abort_upload(&id), "it has ended");
        assert!(fake.upload("k").record().to_string().contains("aborted by the test, freed: 1"));
    });
}

#[test]
fn the_upload_is_completed() {
    each_fake(|fake, client| {
        let scene = Scene::new(fake, &client);
        let id = scene.id.clone();
        assert!(fake.complete_upload(&id));
        assert_eq!(heard(&scene.release()), (404, Some("NoSuchUpload".to_owned())));
        let upload = fake.upload("k").assert_completed().assert_parts_failed_in_flight(&[2]).assert_all_parts_used();
        assert!(upload.record().to_string().contains("completed by the test from 1 part  (id "));
        assert_eq!(fake.read("k"), Some(Bytes::from(BYTES)));
        assert_eq!(client.complete(&id, &[1]), Some(404));
        assert!(!fake.complete_upload(&id), "it has ended");
        let empty = client.initiate();
        assert!(!fake.complete_upload(&empty), "it has no parts");
    });
}

#[test]
fn the_bucket_is_deleted() {
    each_fake(|fake, client| {
        assert_eq!(client.status("PUT", "", "whole"), Some(200));
        let scene = Scene::new(fake, &client);
        let id = scene.id.clone();
        assert!(fake.delete_bucket(fake.bucket()));
        assert_eq!(heard(&scene.release()), (404, Some("NoSuchBucket".to_owned())));
        assert_eq!(client.abort(&id), Some(404));
        let upload = fake.upload("k").assert_aborted().assert_parts_failed_in_flight(&[2]).assert_aborts(0);
        assert!(upload.record().to_string().contains("gone with its bucket, freed: 1"), "{}", upload.record());
        assert!(fake.snapshot().buckets.is_empty() && fake.snapshot().objects.is_empty());
        assert!(!fake.delete_bucket(fake.bucket()), "it is gone");
        fake.assert_no_leaks();
    });
}

#[test]
fn what_lingers_goes_with_its_bucket() {
    let fake = Fake::oss().trusting().start();
    let client = Client::new(&fake);
    let scene = Scene::new(&fake, &client);
    assert_eq!(client.abort(&scene.id), Some(204));
    assert_eq!(scene.release().status(), 200);
    fake.upload("k").assert_lingering_parts(&[2]);
    assert!(fake.delete_bucket(fake.bucket()));
    fake.assert_no_leaks();
}

#[test]
fn a_grant_is_revoked() {
    each_fake(|fake, client| {
        let writer = client.with_key(&fake.writer().access_key_id);
        let scene = Scene::new(fake, &writer);
        let id = scene.id.clone();
        fake.grant("writer", Grants::none());
        assert_eq!(scene.release().status(), 200, "it was let in before");
        for query in [format!("?partNumber=3&uploadId={id}"), String::new()] {
            let refused = writer.ask("PUT", &query, BYTES).expect("a reply");
            assert_eq!(heard(&refused), (403, Some("AccessDenied".to_owned())), "{query}");
        }
        assert_eq!(writer.complete(&id, &[1, 2]), Some(403));
        fake.upload("k").assert_open().assert_parts(&[1, 2]);
    });
}

#[test]
fn an_access_key_is_revoked() {
    each_fake(|fake, client| {
        let writer = client.with_key(&fake.writer().access_key_id);
        let scene = Scene::new(fake, &writer);
        let id = scene.id.clone();
        assert!(fake.revoke(&fake.writer()));
        assert_eq!(scene.release().status(), 200, "it was let in before");
        let refused = writer.ask("DELETE", &format!("?uploadId={id}"), "").expect("a reply");
        assert_eq!(heard(&refused), (403, Some("InvalidAccessKeyId".to_owned())));
        fake.upload("k").assert_open().assert_parts(&[1, 2]);
        assert!(!fake.revoke(&fake.writer()), "it is none any more");
        assert_eq!(client.abort(&id), Some(204), "others' keys are good");
    });
}

/// A part that is let in by a key, and what that key is told afterwards, with signatures verified.
async fn spoil_the_key(
    lifetime: Option<Duration>,
    spoil: impl Fn(&Fake, &fake_bucket::Credentials),
) -> Vec<(u16, String)> {
    let mut told = Vec::new();
    for provider in PROVIDERS {
        let fake = Fake::of(provider).allow_open_uploads().start();
        let keys = lifetime.map_or(fake.owner(), |lifetime| fake.temporary(&fake.owner(), lifetime));
        assert_eq!(send(&fake, &signed(&fake, &keys, ("POST", "/k?uploads"), None).await).status(), 200);
        let id = fake.upload("k").id().to_owned();
        let target = format!("/k?uploadId={id}");
        let part = signed(&fake, &keys, ("PUT", &format!("{target}&partNumber=1")), None).await;
        let gate = fake.hold(Op::UploadPart, At::BeforeApply);
        let landed = std::thread::scope(|scope| {
            let sending = scope.spawn(|| send(&fake, &part));
            let held = gate.reached_blocking();
            spoil(&fake, &keys);
            held.release();
            sending.join().expect("no panic").status()
        });
        assert_eq!(landed, 200, "it was let in before");
        let refused = send(&fake, &signed(&fake, &keys, ("DELETE", &target), None).await);
        told.push((refused.status(), refused.element("Code").expect("a code")));
        fake.upload("k").assert_open().assert_parts(&[1]);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn temporary_credentials_expire() {
    let minute = Duration::from_secs(60);
    let told = spoil_the_key(Some(minute), |fake, _| fake.advance_clock(minute + Duration::from_secs(1))).await;
    let codes: Vec<_> = told.iter().map(|(status, code)| (*status, code.as_str())).collect();
    assert_eq!(codes, [(400, "ExpiredToken"), (403, "SecurityTokenExpired"), (400, "ExpiredToken")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_key_that_signs_is_revoked() {
    let told = spoil_the_key(None, |fake, keys| assert!(fake.revoke(keys))).await;
    assert_eq!(told, vec![(403, "InvalidAccessKeyId".to_owned()); 3]);
}

#[test]
fn a_lifecycle_rule_ends_the_upload() {
    each_fake(|fake, client| {
        let (name, days, md5) = match fake.provider() {
            Provider::Oss => ("AbortMultipartUpload", "Days", "LWi71jtIN0cpumsKs5iZbw=="),
            _ => ("AbortIncompleteMultipartUpload", "DaysAfterInitiation", "PwCiqXzqU4xU+x5cTTenoQ=="),
        };
        let rules = format!(
            "<LifecycleConfiguration><Rule><ID>stale</ID><Prefix></Prefix><Status>Enabled</Status><{name}><{days}>7</{days}></{name}></Rule></LifecycleConfiguration>"
        );
        let put = http::Request::put(format!("/{}?lifecycle", fake.bucket())).header("host", "127.0.0.1");
        let put = put.header("content-md5", md5).header("content-length", rules.len());
        assert_eq!(fake.answer(put.body(Bytes::from(rules)).expect("a request")).status(), 200);
        let scene = Scene::new(fake, &client);
        let id = scene.id.clone();
        fake.advance_clock(Duration::from_secs(7 * 86_400));
        fake.upload("k").assert_aborted();
        let late = scene.release();
        judge_late_part(fake, &client, &id, &late);
        assert!(fake.upload("k").record().to_string().contains("aborted by a lifecycle rule, freed: 1"));
    });
}
