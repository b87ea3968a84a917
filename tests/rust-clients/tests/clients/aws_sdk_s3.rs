//! aws-sdk-s3, AWS's own, on each provider's S3-compatible face, with CRC-32 checksums where the providers take them.

use std::{convert::Infallible, future::Future, time::Duration};

use aws_sdk_s3::{
    Client as S3, Config,
    config::{BehaviorVersion, Credentials as Keys, Region, RequestChecksumCalculation, SharedHttpClient},
    error::SdkError,
    operation::upload_part::builders::UploadPartFluentBuilder,
    presigning::PresigningConfig,
    primitives::{ByteStream, SdkBody},
    types::{CompletedMultipartUpload, CompletedPart},
};
use aws_smithy_http_client::{Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use bytes::Bytes;
use fake_bucket::{Credentials, Fake, FakeService, Op, Provider};
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use tower_service::Service;

use crate::flows::{Client, Heard, Lists, Signs, Streams};

struct AwsS3 {
    s3: S3,
    bucket: String,
}

impl AwsS3 {
    fn new(fake: &Fake, keys: &Credentials, config: aws_sdk_s3::config::Builder) -> Self {
        let config = config
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(fake.region().to_owned()))
            .credentials_provider(Keys::new(&keys.access_key_id, keys.secret_access_key(), None, None, "the test"));
        Self { s3: S3::from_conf(config.build()), bucket: fake.bucket().to_owned() }
    }
}

fn by_address(fake: &Fake, keys: &Credentials) -> AwsS3 {
    let config = Config::builder().endpoint_url(fake.endpoint()).force_path_style(true);
    AwsS3::new(fake, keys, config.http_client(http_client(ProxyConfig::disabled())))
}

fn by_proxy(fake: &Fake, keys: &Credentials) -> AwsS3 {
    let proxy = ProxyConfig::http(fake.endpoint()).expect("the endpoint is a URL");
    let config = Config::builder().endpoint_url(format!("http://{}", fake.service_host()));
    AwsS3::new(fake, keys, config.http_client(http_client(proxy)))
}

fn by_service(fake: &Fake, keys: &Credentials) -> AwsS3 {
    let config = Config::builder().endpoint_url(format!("http://{}", fake.service_host()));
    let connector = SharedHttpConnector::new(Unplugged(fake.service()));
    AwsS3::new(fake, keys, config.http_client(http_client_fn(move |_, _| connector.clone())))
}

/// The SDK's HTTP layer with a fake behind it, and no socket.
#[derive(Debug)]
struct Unplugged(FakeService);

impl HttpConnector for Unplugged {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut service = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let reply = service.call(request).await.map_err(|why| ConnectorError::io(why.into()))?;
            let reply = reply.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(reply).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK builds by default, but for TLS.
fn http_client(proxy: ProxyConfig) -> SharedHttpClient {
    let connector = Connector::builder().proxy_config(proxy).build_http();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}

fn heard<T, E: std::fmt::Debug, R: std::fmt::Debug>(result: Result<T, SdkError<E, R>>) -> Heard<T> {
    result.map_err(|error| format!("{error:?}"))
}

impl AwsS3 {
    fn part(&self, key: &str, upload: &str, number: u16) -> UploadPartFluentBuilder {
        self.s3.upload_part().bucket(&self.bucket).key(key).upload_id(upload).part_number(number.into())
    }

    /// Sends a part whose bytes are not known beforehand.
    async fn stream(
        &self,
        config: aws_sdk_s3::config::Builder,
        (key, upload, number): (&str, &str, u16),
        body: SdkBody,
        size: usize,
    ) -> Heard<String> {
        let part = self.part(key, upload, number).body(ByteStream::new(body)).content_length(size as i64);
        let result = heard(part.customize().config_override(config).send().await)?;
        Ok(result.e_tag.unwrap_or_default())
    }
}

impl Client for AwsS3 {
    async fn initiate(&self, key: &str) -> Heard<String> {
        let result = heard(self.s3.create_multipart_upload().bucket(&self.bucket).key(key).send().await)?;
        Ok(result.upload_id.unwrap_or_default())
    }

    async fn upload_part(&self, key: &str, upload: &str, number: u16, body: Bytes) -> Heard<String> {
        let result = heard(self.part(key, upload, number).body(ByteStream::from(body)).send().await)?;
        Ok(result.e_tag.unwrap_or_default())
    }

    async fn complete(&self, key: &str, upload: &str, parts: Vec<String>) -> Heard<()> {
        let parts =
            (1..).zip(parts).map(|(number, etag)| CompletedPart::builder().part_number(number).e_tag(etag).build());
        let manifest = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let complete = self.s3.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(upload);
        heard(complete.multipart_upload(manifest).send().await).map(drop)
    }

    async fn abort(&self, key: &str, upload: &str) -> Heard<()> {
        let abort = self.s3.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(upload);
        heard(abort.send().await).map(drop)
    }

    async fn read(&self, key: &str) -> Heard<Bytes> {
        let object = heard(self.s3.get_object().bucket(&self.bucket).key(key).send().await)?;
        Ok(object.body.collect().await.map_err(|error| error.to_string())?.into_bytes())
    }
}

impl Lists for AwsS3 {
    async fn list_parts(&self, key: &str, upload: &str) -> Heard<Vec<(u16, u64, String)>> {
        let result = heard(self.s3.list_parts().bucket(&self.bucket).key(key).upload_id(upload).send().await)?;
        let facts = |part: &aws_sdk_s3::types::Part| {
            Some((part.part_number()? as u16, part.size()? as u64, part.e_tag()?.to_owned()))
        };
        result
            .parts()
            .iter()
            .map(facts)
            .collect::<Option<_>>()
            .ok_or_else(|| format!("something is missing: {result:?}"))
    }

    async fn list_uploads(&self, prefix: &str) -> Heard<Vec<(String, String)>> {
        let result = heard(self.s3.list_multipart_uploads().bucket(&self.bucket).prefix(prefix).send().await)?;
        let facts =
            |each: &aws_sdk_s3::types::MultipartUpload| Some((each.key()?.to_owned(), each.upload_id()?.to_owned()));
        result
            .uploads()
            .iter()
            .map(facts)
            .collect::<Option<_>>()
            .ok_or_else(|| format!("something is missing: {result:?}"))
    }
}

impl Streams for AwsS3 {
    async fn stream_part(
        &self,
        key: &str,
        upload: &str,
        number: u16,
        size: usize,
        pieces: impl Future<Output = Bytes> + Send + Sync + 'static,
    ) -> Heard<String> {
        // By default it sends what it cannot read twice as aws-chunked, which the providers refuse.
        let config = Config::builder().request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        self.stream(config, (key, upload, number), streamed(pieces), size).await
    }
}

fn streamed(pieces: impl Future<Output = Bytes> + Send + Sync + 'static) -> SdkBody {
    let frame = async { Ok::<_, Infallible>(Frame::data(pieces.await)) };
    SdkBody::from_body_1_x(StreamBody::new(stream::once(frame)))
}

impl Signs for AwsS3 {
    async fn part_url(&self, key: &str, upload: &str, number: u16) -> Heard<String> {
        let lifetime = PresigningConfig::expires_in(Duration::from_secs(60)).expect("a lifetime");
        Ok(heard(self.part(key, upload, number).presigned(lifetime).await)?.uri().to_owned())
    }
}

/// Uploads a part that cannot be read twice with the SDK's defaults, which hold for `https` as well.
async fn framed(client: &AwsS3) -> (String, Heard<String>) {
    let upload = client.initiate("movie.mp4").await.expect("initiated");
    let body = streamed(async { Bytes::from_static(b"and the rest") });
    let part = client.stream(Config::builder(), ("movie.mp4", &upload, 1), body, 12).await;
    (upload, part)
}

#[tokio::test]
async fn aws_chunked_is_refused_in_each_providers_words() {
    let refusals = [
        (Provider::Cos, 411, "MissingContentLength"),
        (Provider::Oss, 400, "InvalidArgument"),
        (Provider::Obs, 400, "XAmzContentSHA256Mismatch"),
    ];
    for (provider, status, code) in refusals {
        let fake = Fake::of(provider).allow_open_uploads().start();
        let (_, part) = framed(&by_address(&fake, &fake.owner())).await;
        let refusal = part.expect_err("refused");
        assert!(refusal.contains(code), "{refusal}\n\n{}", fake.timeline());
        let journal = fake.journal();
        let exchange = journal.iter().rfind(|exchange| exchange.operation == Some(Op::UploadPart));
        assert_eq!(exchange.and_then(|exchange| exchange.status()), Some(status), "{}", fake.timeline());
        fake.upload("movie.mp4").assert_open().assert_parts(&[]);
    }
}

#[tokio::test]
async fn aws_chunked_is_taken_where_the_fake_is_told_to() {
    for provider in [Provider::Cos, Provider::Oss, Provider::Obs] {
        let fake = Fake::of(provider).accept_aws_chunked().start();
        let client = by_address(&fake, &fake.owner());
        let (upload, part) = framed(&client).await;
        let etag = part.unwrap_or_else(|refusal| panic!("{refusal}\n\n{}", fake.timeline()));
        client.complete("movie.mp4", &upload, vec![etag]).await.expect("completed");
        assert_eq!(fake.read("movie.mp4"), Some(Bytes::from_static(b"and the rest")), "{}", fake.timeline());
    }
}

flows! {
    ways [
        cos_by_address: Cos, by_address,
        cos_by_proxy: Cos, by_proxy,
        cos_by_service: Cos, by_service,
        oss_by_address: Oss, by_address,
        oss_by_proxy: Oss, by_proxy,
        oss_by_service: Oss, by_service,
        obs_by_address: Obs, by_address,
        obs_by_proxy: Obs, by_proxy,
        obs_by_service: Obs, by_service
    ]
    goes [
        initiate, upload_parts, list_parts, list_uploads, abort, second_abort, list_after_abort, complete,
        abort_after_complete, wrong_secret, stranger, writer, abort_in_flight, abort_with_a_slow_body, odd_key, list_odd_key,
        signed_url
    ]
    not [
        whole_upload: "it has no helper that uploads in parts"
    ]
}
