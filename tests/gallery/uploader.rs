//! A small uploader over plain HTTP, and the stage it plays on. Its requests are honest; what a test does with them is
//! faulty first and corrected afterwards.

use std::{
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
};

use fake_bucket::{Fake, Provider, UploadCheck};
use reqwest::{Method, StatusCode};
use tokio::task::JoinSet;

/// Every provider there is a fake of.
pub const ALL: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];

/// What is uploaded.
pub const KEY: &str = "video.mp4";

/// Which of the two a scene is played with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Faulty,
    Corrected,
}

/// A fake, an uploader pointed at it, and which form of the uploader this is.
pub struct Stage {
    pub fake: Fake,
    pub client: Client,
    form: Form,
}

/// Plays a scene on each provider, with the faulty uploader and then with the corrected one. A fake that met the
/// corrected one is verified when it is dropped.
pub async fn play(providers: &[Provider], scene: impl AsyncFn(&Stage)) {
    for provider in providers {
        for form in [Form::Faulty, Form::Corrected] {
            let builder = Fake::of(*provider).trusting().min_part_size(1);
            let fake = builder.verify_on_drop(form == Form::Corrected).start();
            let client = Client::of(&fake);
            scene(&Stage { fake, client, form }).await;
        }
    }
}

impl Stage {
    pub fn faulty(&self) -> bool {
        self.form == Form::Faulty
    }

    pub fn corrected(&self) -> bool {
        self.form == Form::Corrected
    }

    /// When all is quiet, nothing is left behind by the corrected uploader. Of the faulty one the assertion says
    /// `gist`.
    pub async fn expect_no_leaks(&self, gist: &str) {
        self.judge(gist, Fake::assert_no_leaks).await;
    }

    /// When all is quiet, the assertion holds for the upload of the corrected uploader. Of the faulty one it says
    /// `gist`.
    pub async fn expect(&self, gist: &str, assertion: impl FnOnce(UploadCheck<'_>) -> UploadCheck<'_>) {
        self.judge(gist, |fake| drop(assertion(fake.upload(KEY)))).await;
    }

    async fn judge(&self, gist: &str, assertion: impl FnOnce(&Fake)) {
        self.fake.quiesce().await;
        if self.corrected() {
            return assertion(&self.fake);
        }
        let panic = catch_unwind(AssertUnwindSafe(|| assertion(&self.fake)));
        let Err(panic) = panic else { panic!("nothing was said of {gist:?}\n\n{}", self.fake.timeline()) };
        let text = panic.downcast::<String>().expect("an assertion's text");
        let complaint = text.split("\n\ntimeline").next().unwrap_or_default();
        assert!(complaint.contains(gist), "{gist:?} is not what is said:\n{text}");
    }
}

/// Sends the requests of an upload, one each.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    bucket: String,
    key: String,
}

/// A part that was stored.
pub struct Sent {
    number: u16,
    etag: String,
}

/// Why a request, or an upload, came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The connection ended, and it is not known what was done.
    NoReply,
    /// The provider said no.
    Refused { code: String },
    /// The user gave up.
    Cancelled,
}

impl Failed {
    /// Whether the provider does not know the upload.
    pub fn is_no_such_upload(&self) -> bool {
        matches!(self, Self::Refused { code } if code == "NoSuchUpload")
    }
}

impl Client {
    fn of(fake: &Fake) -> Self {
        // A connection for each request: what is cut is then never a connection that was idle.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
        Self { http, bucket: format!("{}/{}", fake.endpoint(), fake.bucket()), key: KEY.to_owned() }
    }

    /// The same, for another key.
    pub fn for_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub async fn initiate(&self) -> Result<String, Failed> {
        let reply = self.ask(Method::POST, "?uploads", Vec::new()).await?.read()?;
        Ok(element(&reply.text, "UploadId").expect("an upload id").to_owned())
    }

    pub async fn part(&self, id: &str, number: u16) -> Result<Sent, Failed> {
        let body = format!("the bytes of part {number}").into_bytes();
        let reply = self.ask(Method::PUT, &format!("?partNumber={number}&uploadId={id}"), body).await?.read()?;
        Ok(Sent { number, etag: reply.etag.expect("an entity tag") })
    }

    /// Sends parts one after the other, up to the first that fails.
    pub async fn parts(&self, id: &str, numbers: RangeInclusive<u16>) -> Result<Vec<Sent>, Failed> {
        let mut sent = Vec::new();
        for number in numbers {
            sent.push(self.part(id, number).await?);
        }
        Ok(sent)
    }

    /// Sends parts all at once, each in a task.
    pub fn parallel_parts(&self, id: &str, numbers: RangeInclusive<u16>) -> JoinSet<Result<Sent, Failed>> {
        let part = |number| {
            let (client, id) = (self.clone(), id.to_owned());
            async move { client.part(&id, number).await }
        };
        numbers.map(part).collect()
    }

    pub async fn complete(&self, id: &str, parts: &[Sent]) -> Result<(), Failed> {
        self.ask_to_complete(id, parts).await?.read().map(drop)
    }

    /// The status of a complete, its reply not read.
    pub async fn complete_unread(&self, id: &str, parts: &[Sent]) -> Result<StatusCode, Failed> {
        Ok(self.ask_to_complete(id, parts).await?.status)
    }

    async fn ask_to_complete(&self, id: &str, parts: &[Sent]) -> Result<Reply, Failed> {
        let part =
            |Sent { number, etag }: &Sent| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        let parts: String = parts.iter().map(part).collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        self.ask(Method::POST, &format!("?uploadId={id}"), body.into_bytes()).await
    }

    pub async fn abort(&self, id: &str) -> Result<(), Failed> {
        self.ask(Method::DELETE, &format!("?uploadId={id}"), Vec::new()).await?.read().map(drop)
    }

    /// Puts an object under the key, whole.
    pub async fn put(&self, content: &str) -> Result<(), Failed> {
        self.ask(Method::PUT, "", content.into()).await?.read().map(drop)
    }

    /// The entity tag of the object under the key, if there is one.
    pub async fn head(&self) -> Option<String> {
        self.ask(Method::HEAD, "", Vec::new()).await.ok()?.read().ok()?.etag
    }

    async fn ask(&self, method: Method, query: &str, body: Vec<u8>) -> Result<Reply, Failed> {
        let url = format!("{}/{}{query}", self.bucket, self.key);
        let reply = self.http.request(method, url).body(body).send().await.map_err(|_| Failed::NoReply)?;
        let etag = reply.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let status = reply.status();
        Ok(Reply { status, etag, text: reply.text().await.map_err(|_| Failed::NoReply)? })
    }
}

struct Reply {
    status: StatusCode,
    etag: Option<String>,
    text: String,
}

impl Reply {
    /// The reply, if it says yes: an error may hide in a success.
    fn read(self) -> Result<Self, Failed> {
        if self.status.is_success() && !self.text.contains("<Error>") {
            return Ok(self);
        }
        Err(Failed::Refused { code: element(&self.text, "Code").unwrap_or("no code").to_owned() })
    }
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
