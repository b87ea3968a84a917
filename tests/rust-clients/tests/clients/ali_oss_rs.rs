//! ali-oss-rs, a client of OSS with signatures V4. It puts the bucket in front of the host it is given, whose address its
//! HTTP client can be told.

use ali_oss_rs::{
    Client as Oss, ClientBuilder,
    multipart::MultipartUploadsOperations,
    multipart_common::{CompleteMultipartUploadRequest, ListMultipartUploadsOptionsBuilder, UploadPartRequest},
    object::ObjectOperations,
};
use bytes::Bytes;
use fake_bucket::{Credentials, Fake};

use crate::flows::{Client, Heard, Lists};

struct AliOss {
    oss: Oss,
    bucket: String,
}

fn by_host_name(fake: &Fake, keys: &Credentials) -> AliOss {
    let host = format!("{}.{}", fake.bucket(), fake.service_host());
    let client = reqwest_0_12::Client::builder().resolve(&host, fake.socket_address()).build().expect("a client");
    connected(fake, keys, client, format!("http://{}:{}", fake.service_host(), fake.socket_address().port()))
}

fn by_proxy(fake: &Fake, keys: &Credentials) -> AliOss {
    let proxy = reqwest_0_12::Proxy::http(fake.endpoint()).expect("the endpoint is a URL");
    let client = reqwest_0_12::Client::builder().proxy(proxy).build().expect("a client");
    connected(fake, keys, client, format!("http://{}", fake.service_host()))
}

fn connected(fake: &Fake, keys: &Credentials, client: reqwest_0_12::Client, endpoint: String) -> AliOss {
    let builder = ClientBuilder::new(&keys.access_key_id, keys.secret_access_key(), endpoint);
    let oss = builder.region(fake.region()).client(client).build().expect("a complete configuration");
    AliOss { oss, bucket: fake.bucket().to_owned() }
}

fn heard<T>(result: ali_oss_rs::Result<T>) -> Heard<T> {
    result.map_err(|error| format!("{error:?}"))
}

impl Client for AliOss {
    // Without `%`, which it sends as it is.
    const ODD_KEY: &str = "odd a+b&c=d e~ü中";

    async fn initiate(&self, key: &str) -> Heard<String> {
        heard(self.oss.initiate_multipart_uploads(&self.bucket, key, None).await).map(|result| result.upload_id)
    }

    async fn upload_part(&self, key: &str, upload: &str, number: u16, body: Bytes) -> Heard<String> {
        let part = UploadPartRequest::new(number.into(), upload);
        heard(self.oss.upload_part_from_buffer(&self.bucket, key, body, part).await).map(|result| result.etag)
    }

    async fn complete(&self, key: &str, upload: &str, parts: Vec<String>) -> Heard<()> {
        let request =
            CompleteMultipartUploadRequest { upload_id: upload.to_owned(), parts: (1..).zip(parts).collect() };
        heard(self.oss.complete_multipart_uploads(&self.bucket, key, request, None).await).map(drop)
    }

    async fn abort(&self, key: &str, upload: &str) -> Heard<()> {
        heard(self.oss.abort_multipart_uploads(&self.bucket, key, upload).await)
    }

    async fn read(&self, key: &str) -> Heard<Bytes> {
        heard(self.oss.get_object_to_buffer(&self.bucket, key, None).await).map(Bytes::from)
    }
}

impl Lists for AliOss {
    async fn list_parts(&self, key: &str, upload: &str) -> Heard<Vec<(u16, u64, String)>> {
        let result = heard(self.oss.list_parts(&self.bucket, key, upload, None).await)?;
        Ok(result.parts.into_iter().map(|part| (part.part_number as u16, part.size, part.etag)).collect())
    }

    async fn list_uploads(&self, prefix: &str) -> Heard<Vec<(String, String)>> {
        let options = ListMultipartUploadsOptionsBuilder::new().prefix(prefix).build();
        let result = heard(self.oss.list_multipart_uploads(&self.bucket, Some(options)).await)?;
        Ok(result.uploads.into_iter().map(|each| (each.key, each.upload_id)).collect())
    }
}

flows! {
    ways [
        v4_by_host_name: Oss, by_host_name,
        v4_by_proxy: Oss, by_proxy
    ]
    goes [
        initiate, upload_parts, list_parts, list_uploads, abort, second_abort, list_after_abort, complete,
        abort_after_complete, wrong_secret, stranger, writer, abort_in_flight, odd_key, list_odd_key
    ]
    not [
        whole_upload: "it has no helper that uploads in parts",
        abort_with_a_slow_body: "it takes parts whole, or from a file",
        signed_url: "it signs URLs for downloads only"
    ]
}
