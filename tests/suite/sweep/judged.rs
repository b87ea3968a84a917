//! The judge judged: uploaders with one flaw each break exactly the law that the flaw is against, and the test that the
//! sweep prints for it fails with the flaw and passes without it.

use std::time::Duration;

use fake_bucket::{
    Failure, Fake, Fault, Retention, Sweep,
    sweep::{Law, Report, Trouble},
};
use reqwest::{Method, StatusCode};

/// What is wrong with an uploader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// A put that is tried again sends other bytes of the same length.
    CorruptsRetries,
    /// A put that is tried again leaves the content type out.
    ForgetsContentType,
    /// It takes a 200 for success, and does not look for the object.
    TrustsSuccess,
    /// It tries a put again for ever.
    RetriesForEver,
    /// It waits for ever once something went wrong.
    WaitsForEver,
    /// It aborts a spare upload only if something went wrong.
    LeaksWhenAllIsWell,
    /// It sends a part again after it aborted the upload.
    SendsAfterAbort,
    /// It asks for something rare once something went wrong.
    AsksForTheUnknown,
}

/// Puts a small object whole, and looks for it.
pub async fn put_object(fake: &Fake, flaw: Flaw) -> Result<(), StatusCode> {
    let client = Client::of(fake);
    for attempt in 1.. {
        let put = client.put(attempt, flaw).await;
        let there = match put {
            Ok(()) if flaw == Flaw::TrustsSuccess => return Ok(()),
            Ok(()) => client.ask(Method::HEAD, "", "").await.map(drop),
            Err(status) => Err(status),
        };
        match there {
            Err(_) if attempt < 3 || flaw == Flaw::RetriesForEver => {}
            other => return other,
        }
    }
    unreachable!("it returns after three attempts, or never")
}

/// Sends an object as an upload of one part, and aborts the upload if that fails.
pub async fn upload_in_parts(fake: &Fake, flaw: Flaw) -> Result<(), StatusCode> {
    let client = Client::of(fake);
    let spare = client.initiate().await?;
    let sent = match client.initiate().await {
        Ok(id) => client.send(&id, flaw).await,
        Err(status) => Err(status),
    };
    if sent.is_err() || flaw != Flaw::LeaksWhenAllIsWell {
        client.abort(&spare).await;
    }
    sent
}

/// Asks for one key of a fake.
struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    fn of(fake: &Fake) -> Self {
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
        Self { http, url: format!("{}/{}/k", fake.endpoint(), fake.bucket()) }
    }

    async fn put(&self, attempt: u32, flaw: Flaw) -> Result<(), StatusCode> {
        let again = |this| attempt > 1 && flaw == this;
        let body = if again(Flaw::CorruptsRetries) { "0123456798" } else { "0123456789" };
        let put = self.http.put(&self.url).body(body);
        let put = if again(Flaw::ForgetsContentType) { put } else { put.header("content-type", "text/plain") };
        self.sent(put).await.map(drop)
    }

    async fn initiate(&self) -> Result<String, StatusCode> {
        let reply = self.ask(Method::POST, "?uploads", "").await?;
        let (_, rest) = reply.split_once("<UploadId>").expect("an id");
        Ok(rest.split_once('<').expect("its end").0.to_owned())
    }

    async fn send(&self, id: &str, flaw: Flaw) -> Result<(), StatusCode> {
        let (part, upload) = (format!("?partNumber=1&uploadId={id}"), format!("?uploadId={id}"));
        let list = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
            <ETag>781E5E245D69B566979B86E28D23F2C7</ETag></Part></CompleteMultipartUpload>";
        let sent = match self.ask(Method::PUT, &part, "0123456789").await {
            Ok(_) => self.ask(Method::POST, &upload, list).await.map(drop),
            Err(status) => Err(status),
        };
        if sent.is_err() {
            self.abort(id).await;
            match flaw {
                Flaw::SendsAfterAbort => drop(self.ask(Method::PUT, &part, "0123456789").await),
                Flaw::AsksForTheUnknown => drop(self.ask(Method::PUT, "?qos", "").await),
                Flaw::WaitsForEver => std::future::pending().await,
                _ => {}
            }
        }
        sent
    }

    async fn abort(&self, id: &str) {
        for _ in 0..3 {
            let aborted = self.ask(Method::DELETE, &format!("?uploadId={id}"), "").await;
            if matches!(aborted, Ok(_) | Err(StatusCode::NOT_FOUND)) {
                return;
            }
        }
    }

    async fn ask(&self, method: Method, query: &str, body: &'static str) -> Result<String, StatusCode> {
        self.sent(self.http.request(method, format!("{}{query}", self.url)).body(body)).await
    }

    /// The reply's body; no reply counts as 503.
    async fn sent(&self, request: reqwest::RequestBuilder) -> Result<String, StatusCode> {
        let reply = request.send().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let status = reply.status();
        let text = reply.text().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        if status.is_success() { Ok(text) } else { Err(status) }
    }
}

/// A sweep with one trouble.
pub fn sweep(trouble: Trouble) -> Sweep {
    let fresh = || Fake::oss().trusting().seed(1).min_part_size(1);
    Sweep::new(fresh).troubles([trouble]).limit(Duration::from_secs(3)).max_requests(20)
}

/// The laws that were broken in any run, each once.
pub fn laws(report: &Report) -> Vec<Law> {
    let cells = report.broken().flat_map(|cell| cell.broken());
    let mut laws: Vec<_> = report.broken_when_all_is_well().into_iter().chain(cells).collect();
    laws.sort_unstable();
    laws.dedup();
    laws
}

#[tokio::test]
async fn an_uploader_without_a_flaw_breaks_no_law() {
    let fresh = || Fake::oss().trusting().seed(1).min_part_size(1);
    let whole = Sweep::new(fresh).trouble(Trouble::once(Fault::DropEffect));
    whole.run(async |fake| put_object(fake, Flaw::None).await).await.assert_lawful();
    let down = || Fault::Refuse(Failure::ServiceUnavailable);
    let in_parts = Sweep::new(fresh).troubles([Trouble::once(down()), Trouble::lasting(down())]);
    in_parts.run(async |fake| upload_in_parts(fake, Flaw::None).await).await.assert_lawful();
}

#[tokio::test]
async fn metadata_may_be_left_out_of_the_comparison() {
    let sweep = sweep(Trouble::once(Fault::Refuse(Failure::InternalError))).ignore_metadata();
    sweep.run(async |fake| put_object(fake, Flaw::ForgetsContentType).await).await.assert_lawful();
    let report = sweep.run(async |fake| put_object(fake, Flaw::CorruptsRetries).await).await;
    let test = report.test(report.broken().next().expect("corrupted bytes"));
    assert!(test.contains(".assert_content(10, ") && !test.contains(".assert_metadata"), "{test}");
}

#[tokio::test]
async fn corrupted_bytes_are_told_where_bytes_are_not_retained() {
    let fresh = || Fake::oss().trusting().retention(Retention::Digest);
    let trouble = Trouble::once(Fault::Refuse(Failure::InternalError));
    let corrupts = async |fake: &Fake| put_object(fake, Flaw::CorruptsRetries).await;
    let report = Sweep::new(fresh).troubles([trouble]).run(corrupts).await;
    assert_eq!(laws(&report), [Law::Whole]);
    let told = "of k, it holds 10 bytes with the CRC-64 ";
    assert!(report.to_string().contains(told), "{report}");
}

#[test]
fn a_blocking_uploader_gets_a_blocking_test() {
    let trouble = Trouble::once(Fault::LoseReply);
    let puts = |fake: &Fake| {
        let request = "PUT /examplebucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\n1";
        let status = |reply: crate::raw::RawReply| reply.status();
        let replies = || crate::raw::exchange(fake.socket_address(), request.as_bytes()).map(status);
        (0..30).find_map(|_| replies()).map(drop).ok_or("no reply")
    };
    let lasting = Trouble::lasting(Fault::LoseReply);
    sweep(trouble).run_blocking(puts).assert_lawful();
    let report = sweep(lasting).run_blocking(puts);
    assert_eq!(laws(&report), [Law::Bounded]);
    let test = report.test(report.broken().next().expect("too many requests"));
    let expected = "#[test]
fn put_object_k_reply_lost_always() {
    let oss = Fake::oss().trusting().seed(1).min_part_size(1).verify_on_drop(false).start();
    let _fault_1 = oss.fault_always(Op::PutObject.key(\"k\"), Fault::LoseReply);
    // Broken in the sweep: too many requests.
    let outcome = upload(&oss);
    oss.quiesce_blocking();
    assert!(oss.journal().len() <= 20, \"too many requests\\n\\n{}\", oss.timeline());
";
    assert!(test.starts_with(expected), "{test}");
}
