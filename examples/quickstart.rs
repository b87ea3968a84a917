//! The main job, in one page: OpenDAL, unmodified, uploads to a fake of each provider. One upload is completed; one is
//! aborted while its second part is in flight. Then the timeline tells what happened.
//!
//! ```console
//! $ cargo run --example quickstart
//! ```

use std::error::Error;

use bytes::Bytes;
use fake_bucket::{At, Fake, Op, Provider};
use opendal::{Builder, HttpTransporter, OperationContext, Operator, Writer, services};
use opendal_http_transport_reqwest::ReqwestTransport;

const PART: usize = 5 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for provider in [Provider::Cos, Provider::Oss, Provider::Obs] {
        show(provider).await?;
    }
    Ok(())
}

async fn show(provider: Provider) -> Result<(), Box<dyn Error>> {
    println!("== {} ==", provider.name());
    let fake = Fake::of(provider).start();
    let client = operator(&fake)?;

    // One upload that succeeds: 16 MiB in four parts, read back.
    let movie = Bytes::from(vec![7; 16 << 20]);
    let mut writer = writer(&client, "movie.mp4").await?;
    writer.write(movie.clone()).await?;
    writer.close().await?;
    assert_eq!(client.read("movie.mp4").await?.to_bytes(), movie);

    // One that is given up while its second part is on its way.
    let second_part = fake.hold(Op::UploadPart.key("draft.mp4").number(2), At::BeforeApply);
    let mut writer = self::writer(&client, "draft.mp4").await?;
    writer.write(movie).await?;
    let held = second_part.reached().await;
    fake.wait_until(|state| state.uploads[1].parts().len() == 1).await; // the first one is stored
    writer.abort().await?;
    held.release();
    fake.quiesce().await;

    fake.upload("movie.mp4").assert_completed();
    let draft = fake.upload("draft.mp4").assert_aborted();
    match provider {
        // OSS does not remove what was still on its way: it stays, and is billed, until a further abort.
        Provider::Oss => {
            let id = draft.assert_lingering(2).id().to_owned();
            println!("part 2 landed after the abort; aborting once more frees it\n");
            abort_again(&fake, "draft.mp4", &id);
        }
        _ => {
            draft.assert_failed_in_flight(2);
        }
    }
    fake.assert_no_leaks();
    println!("{}", fake.timeline());
    Ok(())
}

/// A writer that sends parts of 5 MiB, several at a time.
async fn writer(client: &Operator, key: &str) -> opendal::Result<Writer> {
    client.writer_with(key).chunk(PART).concurrent(4).await
}

/// OpenDAL with the fake as its HTTP proxy: it keeps the service's real host names.
fn operator(fake: &Fake) -> Result<Operator, Box<dyn Error>> {
    let keys = fake.owner();
    let endpoint = format!("http://{}", fake.service_host());
    let (id, secret, bucket) = (&keys.access_key_id, keys.secret_access_key(), fake.bucket());
    let operator = match fake.provider() {
        Provider::Cos => {
            built(services::Cos::default().endpoint(&endpoint).bucket(bucket).secret_id(id).secret_key(secret))
        }
        Provider::Oss => built(
            services::Oss::default().endpoint(&endpoint).bucket(bucket).access_key_id(id).access_key_secret(secret),
        ),
        _ => built(
            services::Obs::default().endpoint(&endpoint).bucket(bucket).access_key_id(id).secret_access_key(secret),
        ),
    }?;
    let proxied = reqwest::Client::builder().proxy(reqwest::Proxy::http(fake.endpoint())?).build()?;
    let transport = HttpTransporter::new(ReqwestTransport::new(proxied));
    Ok(operator.with_context(OperationContext::new().with_http_transport(transport)))
}

fn built(service: impl Builder) -> opendal::Result<Operator> {
    Operator::new(service)
}

/// What OpenDAL has no call for: an abort by upload id.
fn abort_again(fake: &Fake, key: &str, upload_id: &str) {
    let host = format!("{}.{}", fake.bucket(), fake.service_host());
    let request = http::Request::delete(format!("/{key}?uploadId={upload_id}")).header("host", host);
    let reply = fake.answer_as("owner", request.body(Bytes::new()).expect("a request"));
    assert_eq!(reply.status(), 204);
}
