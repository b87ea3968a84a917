//! The sweep: an uploader that cares for everything breaks no law; what a careless one breaks is told, with a test to
//! paste.

use std::time::Duration;

use fake_bucket::{
    Failure, Fake, Fault, Op, Provider, Sweep, Until,
    sweep::{Law, Report, Trouble},
};
use reqwest::{Method, StatusCode};

use crate::raw;

mod judged;
mod pasted;

const PARTS: [&[u8]; 2] = [b"first ", b"second"];

fn sweep(provider: Provider) -> Sweep {
    Sweep::new(move || Fake::of(provider).trusting().seed(1).min_part_size(1))
}

#[tokio::test]
async fn an_uploader_that_cares_breaks_no_law() {
    for provider in [Provider::Cos, Provider::Oss, Provider::Obs] {
        let report = sweep(provider).run(async |fake| Uploader::of(fake).upload(Care::Full).await).await;
        report.assert_lawful();
        let swept = |op: &str| report.cells().iter().any(|cell| cell.request().starts_with(op));
        assert!(
            ["Initiate", "UploadPart 2", "Complete", "Abort", "HeadObject", "ListUploads"].into_iter().all(swept),
            "{report}"
        );
    }
}

#[tokio::test]
async fn what_a_careless_uploader_breaks_is_told() {
    let troubles = [Trouble::once(Fault::LoseReply), Trouble::lasting(Fault::Refuse(Failure::ServiceUnavailable))];
    let report =
        sweep(Provider::Oss).troubles(troubles).run(async |fake| Uploader::of(fake).upload(Care::None).await).await;
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| report.assert_lawful())).unwrap_err();
    let told = told.downcast::<String>().expect("a text");
    assert_eq!(*told, report.to_string());
    let expected = include_str!("sweep/report.txt");
    assert!(told.starts_with(expected.trim_end()), "{told}\n\ninstead of\n\n{expected}");
}

#[tokio::test]
async fn what_is_pasted_says_what_it_needs() {
    let troubles = [Fault::AbortLater(Until::Clock(Duration::from_secs(5))), Fault::AbortLater(Until::Exchanges(1))];
    let aborts = async |fake: &Fake| {
        let uploader = Uploader::of(fake);
        uploader.ask(Method::POST, "?uploads", b"").await?;
        let id = fake.upload("video.mp4").id().to_owned();
        uploader.ask(Method::DELETE, &format!("?uploadId={id}"), b"").await.map(drop)
    };
    let report = sweep(Provider::Oss).troubles(troubles.map(Trouble::once)).run(aborts).await.to_string();
    for needed in [
        "beneath `use fake_bucket::{Fake, Fault, Op, Until}; use std::time::Duration;`:",
        "Fault::AbortLater(Until::Clock(Duration::from_secs(5)))",
        "Fault::AbortLater(Until::Exchanges(1))",
    ] {
        assert!(report.contains(needed), "{needed}\n\nis not in\n\n{report}");
    }
}

#[test]
fn an_uploader_that_always_fails_is_not_swept() {
    let hopeless = || sweep(Provider::Oss).run_blocking(|_| Err("no network"));
    let told = std::panic::catch_unwind(hopeless).unwrap_err().downcast::<String>().expect("a text");
    let begin =
        "oss: with nothing going wrong the uploader reported failure: \"no network\" (swept at tests/suite/sweep.rs:";
    assert!(told.starts_with(begin), "{told}");
}

#[tokio::test]
async fn a_run_that_never_ends_is_stopped() {
    let troubles = [Trouble::lasting(Fault::Refuse(Failure::InternalError))];
    let stubborn = async |fake: &Fake| {
        let uploader = Uploader::of(fake);
        while uploader.ask(Method::POST, "?uploads", b"").await.is_err() {}
        Ok::<(), Failed>(())
    };
    let report = sweep(Provider::Obs).troubles(troubles).max_requests(20).run(stubborn).await;
    assert!(report.broken().any(|cell| cell.broken().contains(&Law::Bounded)), "{report}");

    let waits = [Trouble::once(Fault::Stall)];
    let patient = async |fake: &Fake| Uploader::of(fake).ask(Method::PUT, "", b"whole").await.map(drop);
    let report = sweep(Provider::Obs).troubles(waits).limit(Duration::from_millis(300)).run(patient).await;
    assert!(report.broken().any(|cell| cell.broken() == [Law::Ends]), "{report}");
}

#[test]
fn uploaders_that_block_are_swept_too() {
    let report = sweep(Provider::Cos).spare(Op::PutObject, Fault::CutBefore).run_blocking(|fake| {
        let request =
            format!("PUT /{}/whole.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nwhole", fake.bucket());
        match raw::exchange(fake.socket_address(), request.as_bytes()) {
            Some(reply) if reply.status() == 200 => Ok(()),
            other => Err(other.map(|reply| reply.status())),
        }
    });
    report.assert_lawful();
    assert!(!report.to_string().contains("cut before"), "{report}");
}

#[tokio::test]
async fn a_success_that_is_none_is_told() {
    let hopeful = async |fake: &Fake| {
        let _ = Uploader::of(fake).ask(Method::PUT, "", b"whole").await;
        Ok::<(), Failed>(())
    };
    let troubles = [Trouble::once(Fault::CutBefore)];
    let report = sweep(Provider::Oss).troubles(troubles).run(hopeful).await;
    assert_eq!(broken_laws(&report), [Law::Whole]);
    assert!(
        report.to_string().contains("not whole: success was reported, but there is no object video.mp4"),
        "{report}"
    );
}

fn broken_laws(report: &Report) -> Vec<Law> {
    report.broken().flat_map(|cell| cell.broken()).collect()
}

/// How much an uploader cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// It retries, gives up properly, and looks for what it does not know.
    Full,
    /// It does nothing of that.
    None,
}

/// Why a request came to nothing.
#[derive(Debug, PartialEq, Eq)]
enum Failed {
    NoReply,
    Refused(StatusCode),
    ErrorInside,
}

struct Uploader {
    http: reqwest::Client,
    bucket: String,
}

impl Uploader {
    fn of(fake: &Fake) -> Self {
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
        Self { http, bucket: format!("{}/{}", fake.endpoint(), fake.bucket()) }
    }

    async fn upload(&self, care: Care) -> Result<(), Failed> {
        let id = self.initiate(care).await?;
        let uploaded = self.send(&id, care).await;
        if uploaded.is_err() && care == Care::Full {
            self.abort(&id).await;
        }
        uploaded
    }

    async fn initiate(&self, care: Care) -> Result<String, Failed> {
        let initiated = self.patiently(care, Method::POST, "?uploads", b"").await;
        if care == Care::Full {
            let wanted = initiated.as_ref().ok().and_then(|reply| element(reply, "UploadId"));
            self.abort_others(wanted.as_deref()).await;
        }
        initiated.map(|reply| element(&reply, "UploadId").expect("an id"))
    }

    /// Aborts what an initiate whose reply was lost has left behind.
    async fn abort_others(&self, wanted: Option<&str>) {
        let listed = self.service("?uploads&prefix=video.mp4").await.unwrap_or_default();
        for upload in listed.split("<Upload>").skip(1) {
            let id = element(upload, "UploadId").expect("an id");
            if Some(&*id) != wanted {
                self.abort(&id).await;
            }
        }
    }

    async fn send(&self, id: &str, care: Care) -> Result<(), Failed> {
        let mut parts = String::new();
        for (number, part) in (1..).zip(PARTS) {
            let target = format!("?partNumber={number}&uploadId={id}");
            let etag = self.patiently(care, Method::PUT, &target, part).await?;
            parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        }
        let manifest = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let completed = self.patiently(care, Method::POST, &format!("?uploadId={id}"), manifest.as_bytes()).await;
        match completed {
            Err(Failed::Refused(StatusCode::NOT_FOUND)) if care == Care::Full => self.is_there().await,
            other => other.map(drop),
        }
    }

    async fn is_there(&self) -> Result<(), Failed> {
        self.patiently(Care::Full, Method::HEAD, "", b"").await.map(drop)
    }

    async fn abort(&self, id: &str) {
        let _ = self.patiently(Care::Full, Method::DELETE, &format!("?uploadId={id}"), b"").await;
    }

    async fn service(&self, query: &str) -> Result<String, Failed> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.request(Method::GET, &format!("{}/{query}", self.bucket), b"").await {
                Err(failed) if failed.passes() && tries < 3 => {}
                other => return other,
            }
        }
    }

    async fn patiently(&self, care: Care, method: Method, query: &str, body: &[u8]) -> Result<String, Failed> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ask(method.clone(), query, body).await {
                Err(failed) if failed.passes() && care == Care::Full && tries < 3 => {}
                other => return other,
            }
        }
    }

    async fn ask(&self, method: Method, query: &str, body: &[u8]) -> Result<String, Failed> {
        self.request(method, &format!("{}/video.mp4{query}", self.bucket), body).await
    }

    /// The reply's entity tag where it has no body, or else its body.
    async fn request(&self, method: Method, url: &str, body: &[u8]) -> Result<String, Failed> {
        let sent = self.http.request(method, url).body(body.to_vec()).send().await;
        let reply = sent.map_err(|_| Failed::NoReply)?;
        let (status, etag) = (reply.status(), reply.headers().get("etag").cloned());
        let text = reply.text().await.map_err(|_| Failed::NoReply)?;
        match status.is_success() {
            false => Err(Failed::Refused(status)),
            true if text.contains("<Error>") => Err(Failed::ErrorInside),
            true if text.is_empty() => Ok(etag.map_or(text, |etag| etag.to_str().expect("a tag").to_owned())),
            true => Ok(text),
        }
    }
}

impl Failed {
    /// Whether trying again may help.
    fn passes(&self) -> bool {
        match self {
            Self::NoReply | Self::ErrorInside => true,
            Self::Refused(status) => status.is_server_error(),
        }
    }
}

fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0.to_owned())
}
