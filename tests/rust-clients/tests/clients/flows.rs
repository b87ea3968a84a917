//! The flows every client goes through, each on a fake of its own.

use std::future::Future;

use bytes::Bytes;
use fake_bucket::{At, Credentials, Fake, Op, Provider, UploadStatus};
use md5::{Digest, Md5};
use tokio::sync::oneshot;

const KEY: &str = "movie.mp4";

/// Bytes of a part that are under way when its upload is aborted.
const HEAD: usize = 1 << 16;

/// What a client says to a call: what it asked for, or all it has to say about why not.
pub type Heard<T> = Result<T, String>;

/// A client of a bucket, and the steps of an upload.
pub trait Client {
    /// A key with all that is apt to be escaped wrongly.
    const ODD_KEY: &str = "odd a+b&c=d%20e~ü中";

    async fn initiate(&self, key: &str) -> Heard<String>;
    /// Hands out what `complete` is to name the part by.
    async fn upload_part(&self, key: &str, upload: &str, number: u16, body: Bytes) -> Heard<String>;
    /// `parts` are what parts 1, 2 .. were named by.
    async fn complete(&self, key: &str, upload: &str, parts: Vec<String>) -> Heard<()>;
    async fn abort(&self, key: &str, upload: &str) -> Heard<()>;
    async fn read(&self, key: &str) -> Heard<Bytes>;

    /// The entity tag in what a part is named by.
    fn etag(part: &str) -> &str {
        part
    }
}

/// A client that lists.
pub trait Lists: Client {
    /// Numbers, sizes and entity tags.
    async fn list_parts(&self, key: &str, upload: &str) -> Heard<Vec<(u16, u64, String)>>;
    /// Keys and upload ids.
    async fn list_uploads(&self, prefix: &str) -> Heard<Vec<(String, String)>>;
}

/// A client that uploads a whole by itself.
pub trait Uploads: Client {
    /// Sends `content` in parts of 5 MiB.
    async fn upload(&self, key: &str, content: Bytes) -> Heard<()>;
}

/// A client that sends a part while it is being made.
pub trait Streams: Client {
    async fn stream_part(
        &self,
        key: &str,
        upload: &str,
        number: u16,
        size: usize,
        pieces: impl Future<Output = Bytes> + Send + Sync + 'static,
    ) -> Heard<String>;
}

/// A client that signs URLs for others.
pub trait Signs: Client {
    async fn part_url(&self, key: &str, upload: &str, number: u16) -> Heard<String>;
}

/// Every flow by its name: what a client goes and what it does not, together, make one.
#[expect(dead_code, reason = "that one can be made is what it is for")]
pub struct All {
    pub initiate: (),
    pub upload_parts: (),
    pub list_parts: (),
    pub list_uploads: (),
    pub abort: (),
    pub second_abort: (),
    pub list_after_abort: (),
    pub complete: (),
    pub abort_after_complete: (),
    pub wrong_secret: (),
    pub stranger: (),
    pub writer: (),
    pub whole_upload: (),
    pub abort_in_flight: (),
    pub abort_with_a_slow_body: (),
    pub odd_key: (),
    pub list_odd_key: (),
    pub signed_url: (),
}

/// A fake, a client of the bucket's owner, and how to make others.
pub struct Ground<C> {
    fake: Fake,
    owner: C,
    connect: fn(&Fake, &Credentials) -> C,
}

impl<C: Client> Ground<C> {
    pub fn new(provider: Provider, connect: fn(&Fake, &Credentials) -> C) -> Self {
        let fake = Fake::of(provider).allow_open_uploads().start();
        let owner = connect(&fake, &fake.owner());
        Self { fake, owner, connect }
    }

    fn client(&self, keys: &Credentials) -> C {
        (self.connect)(&self.fake, keys)
    }

    #[track_caller]
    fn equal<T: PartialEq + std::fmt::Debug>(&self, found: T, wanted: T) {
        assert!(found == wanted, "found {found:?}, wanted {wanted:?}\n\n{}", self.fake.timeline());
    }

    #[track_caller]
    fn done<T>(&self, heard: Heard<T>) -> T {
        heard.unwrap_or_else(|refusal| panic!("{refusal}\n\n{}", self.fake.timeline()))
    }

    /// Asserts that the client was refused what it asked for last, and heard the provider's code.
    #[track_caller]
    fn refused<T>(&self, op: Op, status: u16, code: &str, heard: Heard<T>) {
        let timeline = self.fake.timeline();
        let Err(refusal) = heard else { panic!("{op:?} was not refused with {status} {code}\n\n{timeline}") };
        assert!(refusal.contains(code), "wanted {code}, but the client said {refusal}\n\n{timeline}");
        self.equal(self.status_of(op), Some(status));
    }

    /// What the last exchange of this operation was answered.
    fn status_of(&self, op: Op) -> Option<u16> {
        self.fake.journal().iter().rfind(|exchange| exchange.operation == Some(op))?.status()
    }

    async fn with_a_part(&self, key: &str) -> String {
        let upload = self.done(self.owner.initiate(key).await);
        self.done(self.owner.upload_part(key, &upload, 1, part()).await);
        upload
    }

    async fn completed(&self, key: &str) -> String {
        let upload = self.done(self.owner.initiate(key).await);
        let mut etags = Vec::new();
        for (number, body) in [(1, part()), (2, tail())] {
            etags.push(self.done(self.owner.upload_part(key, &upload, number, body).await));
        }
        self.done(self.owner.complete(key, &upload, etags).await);
        upload
    }

    #[track_caller]
    fn untouched(&self) {
        self.fake.upload(KEY).assert_open().assert_parts(&[1]);
    }
}

pub async fn initiate<C: Client>(ground: Ground<C>) {
    let upload = ground.done(ground.owner.initiate(KEY).await);
    let check = ground.fake.upload(KEY).assert_open();
    ground.equal(check.id(), &upload);
    ground.equal(check.record().initiator.as_str(), "owner");
}

pub async fn upload_parts<C: Client>(ground: Ground<C>) {
    let upload = ground.done(ground.owner.initiate(KEY).await);
    for (number, body) in [(1, part()), (2, tail())] {
        let etag = ground.done(ground.owner.upload_part(KEY, &upload, number, body.clone()).await);
        ground.equal(bare(C::etag(&etag)), md5(&body));
    }
    let check = ground.fake.upload(KEY).assert_open();
    let parts: Vec<_> = check.record().parts().iter().map(|part| (part.number, part.md5.clone())).collect();
    ground.equal(parts, vec![(1, md5(&part())), (2, md5(&tail()))]);
}

pub async fn list_parts<C: Lists>(ground: Ground<C>) {
    let upload = ground.done(ground.owner.initiate(KEY).await);
    ground.equal(ground.done(ground.owner.list_parts(KEY, &upload).await), vec![]);
    let mut expected = Vec::new();
    for (number, body) in [(1, part()), (7, tail())] {
        ground.done(ground.owner.upload_part(KEY, &upload, number, body.clone()).await);
        expected.push((number, body.len() as u64, md5(&body)));
        let listed = ground.done(ground.owner.list_parts(KEY, &upload).await);
        let listed: Vec<_> = listed.into_iter().map(|(number, size, etag)| (number, size, bare(&etag))).collect();
        ground.equal(&listed, &expected);
    }
}

pub async fn list_uploads<C: Lists>(ground: Ground<C>) {
    ground.equal(ground.done(ground.owner.list_uploads("").await), vec![]);
    let mut uploads = Vec::new();
    for key in ["a/movie.mp4", "b/1.mp4", "b/2.mp4"] {
        uploads.push((key.to_owned(), ground.done(ground.owner.initiate(key).await)));
    }
    ground.equal(ground.done(ground.owner.list_uploads("").await), uploads.clone());
    ground.equal(ground.done(ground.owner.list_uploads("b/").await), uploads[1..].to_vec());
}

pub async fn abort<C: Client>(ground: Ground<C>) {
    let upload = ground.with_a_part(KEY).await;
    ground.done(ground.owner.abort(KEY, &upload).await);
    ground.equal(ground.status_of(Op::Abort), Some(204));
    ground.fake.upload(KEY).assert_aborted();
    ground.fake.assert_no_leaks();
}

pub async fn second_abort<C: Client>(ground: Ground<C>) {
    let upload = ground.with_a_part(KEY).await;
    ground.done(ground.owner.abort(KEY, &upload).await);
    ground.refused(Op::Abort, 404, "NoSuchUpload", ground.owner.abort(KEY, &upload).await);
    let late = ground.owner.upload_part(KEY, &upload, 2, tail()).await;
    ground.refused(Op::UploadPart, 404, "NoSuchUpload", late);
    ground.fake.assert_no_leaks();
}

pub async fn list_after_abort<C: Lists>(ground: Ground<C>) {
    let upload = ground.with_a_part(KEY).await;
    ground.done(ground.owner.abort(KEY, &upload).await);
    ground.refused(Op::ListParts, 404, "NoSuchUpload", ground.owner.list_parts(KEY, &upload).await);
    ground.equal(ground.done(ground.owner.list_uploads("").await), vec![]);
}

pub async fn complete<C: Client>(ground: Ground<C>) {
    ground.completed(KEY).await;
    ground.fake.upload(KEY).assert_completed().assert_all_parts_used();
    assert!(ground.done(ground.owner.read(KEY).await) == whole(), "the object read back differs");
    ground.fake.assert_no_leaks();
}

pub async fn abort_after_complete<C: Client>(ground: Ground<C>) {
    let upload = ground.completed(KEY).await;
    ground.refused(Op::Abort, 404, "NoSuchUpload", ground.owner.abort(KEY, &upload).await);
    ground.fake.upload(KEY).assert_completed();
    assert!(ground.done(ground.owner.read(KEY).await) == whole(), "the object read back differs");
}

pub async fn wrong_secret<C: Client>(ground: Ground<C>) {
    let mut keys = ground.fake.stranger();
    keys.access_key_id = ground.fake.owner().access_key_id;
    denied(ground, keys, "SignatureDoesNotMatch").await;
}

pub async fn stranger<C: Client>(ground: Ground<C>) {
    let keys = ground.fake.stranger();
    denied(ground, keys, "AccessDenied").await;
}

async fn denied<C: Client>(ground: Ground<C>, keys: Credentials, code: &str) {
    let upload = ground.with_a_part(KEY).await;
    let client = ground.client(&keys);
    ground.refused(Op::Initiate, 403, code, client.initiate("other.mp4").await);
    ground.refused(Op::UploadPart, 403, code, client.upload_part(KEY, &upload, 2, tail()).await);
    ground.refused(Op::Abort, 403, code, client.abort(KEY, &upload).await);
    ground.untouched();
}

pub async fn writer<C: Client>(ground: Ground<C>) {
    let writer = ground.client(&ground.fake.writer());
    let own = ground.done(writer.initiate("own.mp4").await);
    ground.done(writer.upload_part("own.mp4", &own, 1, part()).await);
    if ground.fake.provider() == Provider::Obs {
        // Uploads are their initiator's, to add to and to abort; the latter the bucket's owner may as well.
        ground.done(writer.abort("own.mp4", &own).await);
    } else {
        ground.refused(Op::Abort, 403, "AccessDenied", writer.abort("own.mp4", &own).await);
        ground.done(ground.owner.abort("own.mp4", &own).await);
    }
    ground.equal(ground.status_of(Op::Abort), Some(204));
    let upload = ground.with_a_part(KEY).await;
    ground.refused(Op::Abort, 403, "AccessDenied", writer.abort(KEY, &upload).await);
    ground.untouched();
}

pub async fn whole_upload<C: Uploads>(ground: Ground<C>) {
    let content: Bytes = (0..11 << 20).map(|at: u32| (at % 251) as u8).collect();
    ground.done(ground.owner.upload(KEY, content.clone()).await);
    assert!(ground.done(ground.owner.read(KEY).await) == content, "the object read back differs");
    let check = ground.fake.upload(KEY).assert_completed().assert_all_parts_used();
    let UploadStatus::Completed { used, .. } = &check.record().state else { unreachable!("it is completed") };
    ground.equal(used.len(), 3);
    ground.fake.assert_no_leaks();
}

pub async fn abort_in_flight<C: Client>(ground: Ground<C>) {
    let upload = ground.done(ground.owner.initiate(KEY).await);
    let gate = ground.fake.hold(Op::UploadPart.key(KEY), At::Byte(HEAD as u64));
    let part = ground.owner.upload_part(KEY, &upload, 1, part());
    let abort = async {
        let held = gate.reached().await;
        let aborted = ground.client(&ground.fake.owner()).abort(KEY, &upload).await;
        held.release();
        aborted
    };
    let (part, aborted) = tokio::join!(part, abort);
    late(&ground, &upload, part, aborted).await;
}

pub async fn abort_with_a_slow_body<C: Streams>(ground: Ground<C>) {
    let upload = ground.done(ground.owner.initiate(KEY).await);
    let gate = ground.fake.hold(Op::UploadPart.key(KEY), At::Admitted);
    let (made, pieces) = oneshot::channel();
    let pieces = async { pieces.await.expect("the rest of the part") };
    let part = ground.owner.stream_part(KEY, &upload, 1, part().len(), pieces);
    let abort = async {
        gate.reached().await.release();
        let aborted = ground.client(&ground.fake.owner()).abort(KEY, &upload).await;
        made.send(self::part()).expect("the part is under way");
        aborted
    };
    let (part, aborted) = tokio::join!(part, abort);
    late(&ground, &upload, part, aborted).await;
}

/// What becomes of a part whose upload was aborted while it was in flight.
async fn late<C: Client>(ground: &Ground<C>, upload: &str, part: Heard<String>, aborted: Heard<()>) {
    ground.done(aborted);
    if ground.fake.provider() == Provider::Oss {
        ground.equal(bare(C::etag(&ground.done(part))), md5(&self::part()));
        ground.fake.upload(KEY).assert_aborted().assert_lingering(1);
        ground.done(ground.owner.abort(KEY, upload).await);
    } else {
        ground.refused(Op::UploadPart, 404, "NoSuchUpload", part);
        ground.fake.upload(KEY).assert_aborted().assert_failed_in_flight(1);
    }
    ground.refused(Op::Abort, 404, "NoSuchUpload", ground.owner.abort(KEY, upload).await);
    ground.fake.assert_no_leaks();
}

pub async fn odd_key<C: Client>(ground: Ground<C>) {
    let upload = ground.with_a_part(C::ODD_KEY).await;
    ground.done(ground.owner.abort(C::ODD_KEY, &upload).await);
    ground.completed(C::ODD_KEY).await;
    ground.fake.upload(C::ODD_KEY).assert_completed();
    assert!(ground.done(ground.owner.read(C::ODD_KEY).await) == whole(), "the object read back differs");
}

pub async fn list_odd_key<C: Lists>(ground: Ground<C>) {
    let upload = ground.with_a_part(C::ODD_KEY).await;
    let prefix = C::ODD_KEY.trim_end_matches('中');
    let listed = ground.done(ground.owner.list_uploads(prefix).await);
    ground.equal(listed, vec![(C::ODD_KEY.to_owned(), upload.clone())]);
    ground.equal(ground.done(ground.owner.list_parts(C::ODD_KEY, &upload).await).len(), 1);
}

pub async fn signed_url<C: Signs>(ground: Ground<C>) {
    let upload = ground.done(ground.owner.initiate("a/movie.mp4").await);
    let url = ground.done(ground.owner.part_url("a/movie.mp4", &upload, 1).await);
    // The fake is the proxy of whoever was given the URL, so any host name will do.
    let proxy = reqwest::Proxy::http(ground.fake.endpoint()).expect("the endpoint is a URL");
    let anybody = reqwest::Client::builder().proxy(proxy).build().expect("a client");
    let put = async |url: &str| ground.done(anybody.put(url).body(part()).send().await.map_err(|e| e.to_string()));
    ground.equal(put(&url).await.status().as_u16(), 200);
    ground.fake.upload("a/movie.mp4").assert_open().assert_parts(&[1]);
    let other = put(&url.replace("partNumber=1", "partNumber=2")).await;
    ground.equal(other.status().as_u16(), 403);
    ground.fake.upload("a/movie.mp4").assert_open().assert_parts(&[1]);
}

/// Every provider's smallest part.
fn part() -> Bytes {
    (0..1 << 20).map(|at: u32| (at % 241) as u8).collect()
}

/// A last part, which may be smaller.
fn tail() -> Bytes {
    Bytes::from_static(b"and the rest")
}

fn whole() -> Bytes {
    [part(), tail()].concat().into()
}

/// An entity tag without quotes, in lower case: OSS writes upper case, and clients differ in stripping the quotes.
fn bare(etag: &str) -> String {
    etag.trim_matches('"').to_lowercase()
}

fn md5(body: &[u8]) -> String {
    Md5::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}
