//! cos_rs, a client of COS. It has to have the bucket in the host name, whose address its HTTP client can be told.

use bytes::Bytes;
use cos_rs::{
    BaseUrl, Client as Cos, CompletePart, Credential, ListMultipartUploadsOptions, PresignedUrlOptions, Response,
};
use fake_bucket::{Credentials, Fake};
use url::Url;

use crate::flows::{Client, Heard, Lists, Signs};

struct CosRs {
    cos: Cos,
    credential: Credential,
}

fn by_host_name(fake: &Fake, keys: &Credentials) -> CosRs {
    let host = format!("{}.{}", fake.bucket(), fake.service_host());
    let client = reqwest::Client::builder().resolve(&host, fake.socket_address()).build().expect("a client");
    let url = format!("http://{host}:{}", fake.socket_address().port());
    connected(client, Url::parse(&url).expect("a URL"), keys)
}

fn by_proxy(fake: &Fake, keys: &Credentials) -> CosRs {
    let proxy = reqwest::Proxy::http(fake.endpoint()).expect("the endpoint is a URL");
    let client = reqwest::Client::builder().proxy(proxy).build().expect("a client");
    connected(client, BaseUrl::bucket_url(fake.bucket(), fake.region(), false).expect("the bucket's URL"), keys)
}

fn connected(client: reqwest::Client, bucket: Url, keys: &Credentials) -> CosRs {
    let credential = Credential::new(&keys.access_key_id, keys.secret_access_key());
    let cos = Cos::builder().http_client(client).bucket_url(bucket).credential(credential.clone()).build();
    CosRs { cos: cos.expect("a complete configuration"), credential }
}

fn heard<T>(result: cos_rs::Result<T>) -> Heard<T> {
    result.map_err(|error| format!("{error:?}"))
}

impl Client for CosRs {
    async fn initiate(&self, key: &str) -> Heard<String> {
        heard(self.cos.object().initiate_multipart_upload(key, None).await).map(|(result, _)| result.upload_id)
    }

    async fn upload_part(&self, key: &str, upload: &str, number: u16, body: Bytes) -> Heard<String> {
        let response = heard(self.cos.object().upload_part(key, upload, number.into(), body).await)?;
        Ok(response.header("etag").unwrap_or_default().to_owned())
    }

    async fn complete(&self, key: &str, upload: &str, parts: Vec<String>) -> Heard<()> {
        let parts = (1..).zip(parts).map(|(part_number, etag)| CompletePart { part_number, etag }).collect();
        heard(self.cos.object().complete_multipart_upload(key, upload, parts).await).map(drop)
    }

    async fn abort(&self, key: &str, upload: &str) -> Heard<()> {
        heard(self.cos.object().abort_multipart_upload(key, upload).await).map(drop)
    }

    async fn read(&self, key: &str) -> Heard<Bytes> {
        heard(self.cos.object().get(key, None).await).map(Response::into_bytes)
    }
}

impl Lists for CosRs {
    async fn list_parts(&self, key: &str, upload: &str) -> Heard<Vec<(u16, u64, String)>> {
        let (result, _) = heard(self.cos.object().list_parts(key, upload, None).await)?;
        Ok(result.parts.into_iter().map(|part| (part.part_number as u16, part.size as u64, part.etag)).collect())
    }

    async fn list_uploads(&self, prefix: &str) -> Heard<Vec<(String, String)>> {
        let options = ListMultipartUploadsOptions { prefix: Some(prefix.to_owned()), ..Default::default() };
        let (result, _) = heard(self.cos.bucket().list_multipart_uploads(Some(options)).await)?;
        Ok(result.uploads.into_iter().map(|each| (each.key, each.upload_id)).collect())
    }
}

impl Signs for CosRs {
    async fn part_url(&self, key: &str, upload: &str, number: u16) -> Heard<String> {
        let part = cos_rs::RequestOptions::new().query("partNumber", number).query("uploadId", upload);
        let options = PresignedUrlOptions { request_options: part, sign_host: true, ..Default::default() };
        let lifetime = std::time::Duration::from_secs(60);
        let put = reqwest::Method::PUT;
        let url = self.cos.object().get_presigned_url(put, key, &self.credential, lifetime, Some(options));
        heard(url).map(String::from)
    }
}

flows! {
    ways [
        by_host_name: Cos, by_host_name,
        by_proxy: Cos, by_proxy
    ]
    goes [
        initiate, upload_parts, list_parts, list_uploads, abort, second_abort, list_after_abort, complete,
        abort_after_complete, wrong_secret, stranger, writer, abort_in_flight, odd_key, list_odd_key, signed_url
    ]
    not [
        whole_upload: "it has no helper that uploads in parts",
        abort_with_a_slow_body: "it takes parts whole"
    ]
}
