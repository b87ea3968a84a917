//! object_store's S3 client on each provider's S3-compatible face, with SHA-256 checksums.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fake_bucket::{Credentials, Fake};
use object_store::{
    ObjectStoreExt, WriteMultipart,
    aws::{AmazonS3, AmazonS3Builder, Checksum},
    multipart::{MultipartStore, PartId},
    path::Path,
    signer::{Method, SignedUrlOptions, Signer},
};

use crate::flows::{Client, Heard, Signs, Uploads};

fn builder(fake: &Fake, keys: &Credentials) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_allow_http(true)
        .with_region(fake.region())
        .with_bucket_name(fake.bucket())
        .with_access_key_id(&keys.access_key_id)
        .with_secret_access_key(keys.secret_access_key())
        .with_checksum_algorithm(Checksum::SHA256)
}

fn by_address(fake: &Fake, keys: &Credentials) -> Arc<AmazonS3> {
    let store = builder(fake, keys).with_endpoint(fake.endpoint()).build();
    Arc::new(store.expect("a complete configuration"))
}

fn by_proxy(fake: &Fake, keys: &Credentials) -> Arc<AmazonS3> {
    let store = builder(fake, keys)
        .with_virtual_hosted_style_request(true)
        .with_endpoint(format!("http://{}.{}", fake.bucket(), fake.service_host()))
        .with_proxy_url(fake.endpoint())
        .build();
    Arc::new(store.expect("a complete configuration"))
}

fn heard<T>(result: object_store::Result<T>) -> Heard<T> {
    result.map_err(|error| format!("{error:?}"))
}

/// `Path::from` would escape what is odd.
fn path(key: &str) -> Path {
    Path::parse(key).expect("a path")
}

impl Client for Arc<AmazonS3> {
    async fn initiate(&self, key: &str) -> Heard<String> {
        heard(self.create_multipart(&path(key)).await)
    }

    async fn upload_part(&self, key: &str, upload: &str, number: u16, body: Bytes) -> Heard<String> {
        let index = usize::from(number) - 1;
        heard(self.put_part(&path(key), &upload.to_owned(), index, body.into()).await).map(|part| part.content_id)
    }

    async fn complete(&self, key: &str, upload: &str, parts: Vec<String>) -> Heard<()> {
        let parts = parts.into_iter().map(|content_id| PartId { content_id }).collect();
        heard(self.complete_multipart(&path(key), &upload.to_owned(), parts).await).map(drop)
    }

    async fn abort(&self, key: &str, upload: &str) -> Heard<()> {
        heard(self.abort_multipart(&path(key), &upload.to_owned()).await)
    }

    async fn read(&self, key: &str) -> Heard<Bytes> {
        heard(heard(self.get(&path(key)).await)?.bytes().await)
    }

    fn etag(part: &str) -> &str {
        // With a checksum beside it, which goes into the complete as well.
        part.split('"').nth(1).unwrap_or(part)
    }
}

impl Uploads for Arc<AmazonS3> {
    async fn upload(&self, key: &str, content: Bytes) -> Heard<()> {
        let upload = heard(self.put_multipart(&path(key)).await)?;
        let mut write = WriteMultipart::new_with_chunk_size(upload, 5 << 20);
        write.put(content);
        heard(write.finish().await).map(drop)
    }
}

impl Signs for Arc<AmazonS3> {
    async fn part_url(&self, key: &str, upload: &str, number: u16) -> Heard<String> {
        let part = [("partNumber", number.to_string()), ("uploadId", upload.to_owned())];
        let options = SignedUrlOptions::new().with_query(part);
        heard(self.signed_url_opts(Method::PUT, &path(key), Duration::from_secs(60), &options).await).map(String::from)
    }
}

flows! {
    ways [
        cos_by_address: Cos, by_address,
        cos_by_proxy: Cos, by_proxy,
        oss_by_address: Oss, by_address,
        oss_by_proxy: Oss, by_proxy,
        obs_by_address: Obs, by_address,
        obs_by_proxy: Obs, by_proxy
    ]
    goes [
        initiate, upload_parts, abort, second_abort, complete, abort_after_complete, wrong_secret, stranger, writer,
        whole_upload, abort_in_flight, odd_key, signed_url
    ]
    not [
        list_parts: "it lists no parts",
        list_uploads: "it lists no uploads",
        list_after_abort: "it lists no parts",
        list_odd_key: "it lists no uploads",
        abort_with_a_slow_body: "it takes parts whole"
    ]
}
