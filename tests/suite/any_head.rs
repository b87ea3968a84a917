//! No head of a request makes a fake panic, and none that proves nothing changes what is stored.
//!
//! The heads are drawn from words that mean something to one of the providers, and from bytes that mean nothing to any.

use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;
use fake_bucket::{Fake, Provider};
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use crate::PROVIDERS;

/// Heads that each fake is sent, and fakes of each provider and mode.
const HEADS: usize = 1000;
const FAKES: u64 = 2;

const METHODS: [&str; 10] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "Delete", "FOO"];

const PATHS: [&str; 18] = [
    "/",
    "/{bucket}",
    "/{bucket}/",
    "/{bucket}/existing.txt",
    "/existing.txt",
    "/{bucket}/a%2Fb",
    "/{bucket}/%C3%A9+",
    "/%ff",
    "/%",
    "/%zz",
    "//",
    "/{bucket}//",
    "/\u{e9}",
    "*",
    "http://{host}/existing.txt",
    "http://{bucket}.{host}/%2F",
    "/?",
    "/..",
];

#[rustfmt::skip]
const PARAMETERS: [&str; 72] = [
    "uploads", "uploadId", "partNumber", "delete", "acl", "tagging", "lifecycle", "append", "position", "location",
    "versions", "versionId", "list-type", "continuation-token", "start-after", "prefix", "delimiter", "marker",
    "key-marker", "upload-id-marker", "max-uploads", "max-parts", "max-keys", "part-number-marker", "encoding-type",
    "sequential", "apiversion", "customdomain", "restore", "policy", "cors", "website", "x-id", "response-content-type",
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
    "X-Amz-Security-Token", "x-amz-copy-source", "x-amz-meta-a", "x-amz-acl", "AWSAccessKeyId", "AccessKeyId",
    "OSSAccessKeyId", "Expires", "Signature", "security-token", "x-oss-signature-version", "x-oss-credential",
    "x-oss-date", "x-oss-expires", "x-oss-signature", "x-oss-additional-headers", "x-oss-process", "x-oss-traffic-limit",
    "x-cos-traffic-limit", "x-obs-traffic-limit", "x-cos-security-token", "sign", "q-sign-algorithm", "q-ak",
    "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature", "\u{e9}", "", "%FF",
];

#[rustfmt::skip]
const HEADERS: [&str; 60] = [
    "authorization", "host", "date", "content-length", "content-type", "content-md5", "content-encoding",
    "transfer-encoding", "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "expires",
    "cache-control", "expect", "origin", "connection", "x-{p}-date", "x-{p}-acl", "x-{p}-object-acl", "x-{p}-meta-a",
    "x-{p}-meta-", "x-{p}-tagging", "x-{p}-tagging-directive", "x-{p}-metadata-directive", "x-{p}-storage-class",
    "x-{p}-copy-source", "x-{p}-copy-source-range", "x-{p}-copy-source-if-match", "x-{p}-copy-source-if-modified-since",
    "x-{p}-security-token", "x-{p}-server-side-encryption", "x-{p}-server-side-encryption-key-id",
    "x-{p}-forbid-overwrite", "x-{p}-hash-crc64ecma", "x-{p}-traffic-limit", "x-{p}-content-sha256", "x-{p}-grant-read",
    "x-{p}-complete-all", "x-amz-date", "x-amz-acl", "x-amz-meta-a", "x-amz-tagging", "x-amz-copy-source",
    "x-amz-copy-source-range", "x-amz-storage-class", "x-amz-content-sha256", "x-amz-decoded-content-length",
    "x-amz-trailer", "x-amz-checksum-crc32", "x-amz-checksum-sha256", "x-amz-server-side-encryption",
    "x-amz-security-token", "x-amz-unknown", "x-amz-grant-read", "x-default-storage-class", "x-oss-s3-compat",
    "x-obs-az-redundancy", "pic-operations",
];

/// Values of parameters and headers, some of them bytes that are no text.
#[rustfmt::skip]
const VALUES: [&[u8]; 52] = [
    b"", b"0", b"1", b"-1", b"10001", b"99999999999999999999999", b"a", b"/", b"//", b"?", b"=", b"&", b";", b",", b":",
    b"%", b"%zz", b"%C3%A9", b"%2F", b"%ff", "\u{e9}".as_bytes(), b"\xff", b"\xe9/\xff", b"/\xff", b"true", b"false", b"yes",
    b"url", b"2", b"null", b"private", b"REPLACE", b"STANDARD", b"aws:kms", b"AES256", b"UNSIGNED-PAYLOAD",
    b"STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"aws-chunked", b"x-amz-checksum-crc32",
    b"AAAAAA==", b"bytes=0-1", b"bytes=-", b"a=1&b=2", b"host", b"host;;x-amz-date", b"0;9", b"9;0", b"chunked",
    b"Sat, 02 Dec 2023 09:08:07 GMT", b"20231202T090807Z", b"/{bucket}/existing.txt",
];

/// Values that only signatures have; `{ak}` is an access key that exists.
const SIGNATURES: [&str; 14] = [
    "AWS4-HMAC-SHA256",
    "AWS4-HMAC-SHA256 Credential={ak}/20231202/r/s3/aws4_request, SignedHeaders=host, Signature=0",
    "AWS4-HMAC-SHA256 Credential={ak}/20231202/r/s3/aws4_request,SignedHeaders=,Signature=",
    "{ak}/20231202/r/s3/aws4_request",
    "AWS {ak}:0",
    "OBS {ak}:0",
    "OBS {ak}",
    "OSS {ak}:0",
    "OSS4-HMAC-SHA256 Credential={ak}/20231202/cn-hangzhou/oss/aliyun_v4_request,AdditionalHeaders=host,Signature=0",
    "q-sign-algorithm=sha1&q-ak={ak}&q-sign-time=0;9999999999&q-key-time=0;9999999999&q-header-list=host;;\u{e9}&q-url-param-list=a&q-signature=0",
    "q-sign-algorithm=sha1&q-ak={ak}",
    "Bearer {ak}",
    "sha1",
    "{ak}",
];

/// A sequence of numbers that looks random enough: Knuth's MMIX.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<T: Copy>(&mut self, words: &[T]) -> T {
        words[self.below(words.len())]
    }
}

/// Draws heads for one fake.
struct Heads<'a> {
    fake: &'a Fake,
    access_key: String,
    random: Random,
}

impl Heads<'_> {
    fn fill(&self, word: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(word) else { return word.to_vec() };
        let text = text.replace("{bucket}", self.fake.bucket()).replace("{host}", self.fake.service_host());
        text.replace("{p}", self.fake.provider().name()).replace("{ak}", &self.access_key).into_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        let value =
            if self.random.below(3) == 0 { self.random.of(&SIGNATURES).as_bytes() } else { self.random.of(&VALUES) };
        self.fill(value)
    }

    /// A target of some parameters, or none if `http` knows no such target.
    fn target(&mut self) -> Option<Uri> {
        let path = self.random.of(&PATHS);
        let mut target = self.fill(path.as_bytes());
        for number in 0..self.random.below(6) {
            target.push(if number == 0 { b'?' } else { b'&' });
            target.extend(self.random.of(&PARAMETERS).as_bytes());
            if self.random.below(4) > 0 {
                target.push(b'=');
                target.extend(self.value());
            }
        }
        Uri::try_from(target).ok()
    }

    fn request(&mut self) -> Option<Request<Bytes>> {
        let method = Method::from_bytes(self.random.of(&METHODS).as_bytes()).expect("a method");
        let mut request = Request::new(Bytes::from_static(self.random.of(&[b"", b"x", b"<Delete/>", b"<Tagging>"])));
        *request.method_mut() = method;
        *request.uri_mut() = self.target()?;
        if self.random.below(8) > 0 {
            let host = self.random.of(&[
                "127.0.0.1",
                "{host}",
                "{bucket}.{host}",
                "{bucket}.s3.{host}",
                "x.{host}",
                "[::1]:80",
            ]);
            request.headers_mut().insert("host", HeaderValue::from_bytes(&self.fill(host.as_bytes())).ok()?);
        }
        for _ in 0..self.random.below(7) {
            let name = self.random.of(&HEADERS);
            let name = HeaderName::from_bytes(&self.fill(name.as_bytes())).expect("a name");
            if let Ok(value) = HeaderValue::from_bytes(&self.value()) {
                request.headers_mut().append(name, value);
            }
        }
        Some(request)
    }
}

fn play(provider: Provider, verifies: bool, seed: u64) {
    let fake = Fake::of(provider).verify_on_drop(false).seed(seed);
    let fake = if verifies { fake } else { fake.trusting() }.build();
    let put = Request::put(format!("/{}/existing.txt", fake.bucket())).header("host", "127.0.0.1");
    let put = put.header("content-length", 3).body(Bytes::from_static(b"old")).expect("a request");
    assert_eq!(fake.answer_as("owner", put).status(), 200);
    let access_key = fake.credentials("owner").access_key_id;
    let mut heads = Heads { fake: &fake, access_key, random: Random(seed) };
    let mut sent = 0;
    for _ in 0..HEADS {
        let Some(request) = heads.request() else { continue };
        sent += 1;
        let shown = format!("{request:?}");
        let answered = panic::catch_unwind(AssertUnwindSafe(|| fake.answer(request)));
        assert!(answered.is_ok(), "{}, seed {seed}: {shown}", provider.name());
    }
    assert!(sent > HEADS / 2, "only {sent} heads");
    if verifies {
        assert_eq!(fake.read("existing.txt").as_deref(), Some(&b"old"[..]), "{}, seed {seed}", provider.name());
        assert_eq!(fake.snapshot().objects.len(), 1, "{}, seed {seed}", provider.name());
    }
}

#[test]
fn no_head_makes_a_fake_panic() {
    for provider in PROVIDERS {
        for seed in 0..FAKES {
            play(provider, true, seed);
            play(provider, false, seed);
        }
    }
}

#[test]
fn a_copy_source_of_any_bytes_is_refused_by_every_provider() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).verify_on_drop(false).build();
        for value in [&b"\xff"[..], "\u{e9}".as_bytes(), b"", b"/", b"%2F", b"%"] {
            let request = Request::get("/?X-Amz-Signature").header("host", "127.0.0.1");
            let request = request.header("x-amz-copy-source", HeaderValue::from_bytes(value).expect("a value"));
            let status = fake.answer(request.body(Bytes::new()).expect("a request")).status();
            assert!(status.is_client_error(), "{}: {value:?}: {status}", provider.name());
        }
    }
}
