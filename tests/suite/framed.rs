//! Bodies in `aws-chunked` framing, signed chunk by chunk: taken where the fake is told to, refused as the service would
//! where it is not.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use fake_bucket::{Fake, Provider, Retention};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{
    PROVIDERS,
    raw::{self, RawReply},
};

const DAY: &str = "20130524";
const AT: &str = "20130524T000000Z";

/// Frames of this many bytes and more are not copied; chunks may be cut anywhere.
const CHUNKS: [usize; 4] = [64 << 10, 200_000, 1, 300 << 10];

fn start(provider: Provider) -> Fake {
    let builder = Fake::of(provider).clock_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600));
    builder.accept_aws_chunked().verify_on_drop(false).start()
}

fn content() -> Vec<u8> {
    (0..CHUNKS.iter().sum::<usize>()).map(|at| (at % 251) as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Signs as S3's SDKs do, one thing after the other.
struct Signer {
    key: Vec<u8>,
    previous: String,
}

impl Signer {
    fn sign(&mut self, algorithm: &str, facts: &str) -> String {
        let chain = if self.previous.is_empty() { String::new() } else { format!("{}\n", self.previous) };
        let text = format!("{algorithm}\n{AT}\n{DAY}/r/s3/aws4_request\n{chain}{facts}");
        self.previous = hex(&hmac(&self.key, &text));
        self.previous.clone()
    }
}

/// A put of `/BUCKET/k`, whose chunks and trailer are signed.
fn request(fake: &Fake) -> Vec<u8> {
    let (keys, content) = (fake.owner(), content());
    let host = fake.socket_address().to_string();
    let first = format!("AWS4{}", keys.secret_access_key()).into_bytes();
    let key = [DAY, "r", "s3", "aws4_request"].iter().fold(first, |key, step| hmac(&key, step));
    let mut signer = Signer { key, previous: String::new() };
    let (target, how) = (format!("/{}/k", fake.bucket()), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER");
    let names = "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-trailer";
    let canonical = format!(
        "PUT\n{target}\n\nhost:{host}\nx-amz-content-sha256:{how}\nx-amz-date:{AT}\nx-amz-decoded-content-length:{}\nx-amz-trailer:x-amz-checksum-sha256\n\n{names}\n{how}",
        content.len()
    );
    let seed = signer.sign("AWS4-HMAC-SHA256", &hex(&Sha256::digest(canonical)));

    let mut body = Vec::new();
    let mut rest = &content[..];
    for size in CHUNKS.into_iter().chain([0]) {
        let (chunk, after) = rest.split_at(size);
        rest = after;
        let facts = format!("{}\n{}", hex(&Sha256::digest("")), hex(&Sha256::digest(chunk)));
        let signature = signer.sign("AWS4-HMAC-SHA256-PAYLOAD", &facts);
        body.extend(format!("{size:x};chunk-signature={signature}\r\n").into_bytes());
        body.extend(chunk);
        body.extend(if size > 0 { &b"\r\n"[..] } else { b"" });
    }
    let checksum = format!("x-amz-checksum-sha256:{}", STANDARD.encode(Sha256::digest(&content)));
    let signature = signer.sign("AWS4-HMAC-SHA256-TRAILER", &hex(&Sha256::digest(format!("{checksum}\n"))));
    body.extend(format!("{checksum}\r\nx-amz-trailer-signature:{signature}\r\n\r\n").into_bytes());

    let head = [
        format!("PUT {target} HTTP/1.1"),
        format!("Host: {host}"),
        format!("x-amz-date: {AT}"),
        format!("x-amz-content-sha256: {how}"),
        "Content-Encoding: aws-chunked".to_owned(),
        format!("x-amz-decoded-content-length: {}", content.len()),
        "x-amz-trailer: x-amz-checksum-sha256".to_owned(),
        format!("Content-Length: {}", body.len()),
        format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={}/{DAY}/r/s3/aws4_request, SignedHeaders={names}, Signature={seed}",
            keys.access_key_id
        ),
    ];
    [head.join("\r\n").into_bytes(), b"\r\n\r\n".to_vec(), body].concat()
}

fn put(fake: &Fake, request: &[u8]) -> RawReply {
    raw::exchange(fake.socket_address(), request).expect("a reply")
}

#[test]
fn chunks_are_checked_and_the_frame_is_left_behind() {
    for provider in PROVIDERS {
        let fake = start(provider);
        let reply = put(&fake, &request(&fake));
        assert_eq!(reply.status(), 200, "{provider:?}: {}", String::from_utf8_lossy(&reply.body));
        let object = fake.read("k").expect("it is there");
        assert!(object == content(), "{provider:?}: the bytes are others");
    }
}

#[test]
fn what_is_signed_wrong_is_not_stored() {
    for provider in PROVIDERS {
        let fake = start(provider);
        let request = request(&fake);
        // A byte in the middle of the second chunk; then a digit of the last signature.
        let last = request.len() - 5;
        for at in [request.len() - (450 << 10), last] {
            let mut changed = request.clone();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let reply = put(&fake, &changed);
            let code = reply.element("Code");
            assert_eq!((reply.status(), code.as_deref()), (403, Some("SignatureDoesNotMatch")), "{provider:?}");
            let shown = reply.element("StringToSign").unwrap_or_default();
            assert!(provider == Provider::Cos || shown.starts_with("AWS4-HMAC-SHA256-"), "{provider:?}: {shown}");
        }
        assert!(fake.read("k").is_none(), "{provider:?}");
    }
}

#[test]
fn a_broken_frame_is_told_in_the_timeline() {
    let fake = start(Provider::Obs);
    let request = request(&fake);
    let text = String::from_utf8_lossy(&request).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").expect("a head");
    let end = head.find("Content-Length").expect("a length");
    let (_, after) = head[end..].split_once("\r\n").expect("another header");
    put(&fake, format!("{}{after}\r\nContent-Length: 6\r\n\r\n4\r\nta\r\n", &head[..end]).as_bytes());
    let timeline = fake.timeline().to_string();
    assert!(timeline.contains("a chunk is not signed"), "{timeline}");
}

#[test]
fn what_is_not_kept_is_checked_all_the_same() {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
    let fake = Fake::obs().clock_at(at).accept_aws_chunked().retention(Retention::Digest).start();
    let mut request = request(&fake);
    assert_eq!(put(&fake, &request).status(), 200);
    let at = request.len() - (100 << 10);
    request[at] ^= 1;
    assert_eq!(put(&fake, &request).status(), 403);
}

#[test]
fn told_nothing_each_service_refuses_in_its_own_words() {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
    for (provider, status, code) in [
        (Provider::Cos, 411, "MissingContentLength"),
        (Provider::Oss, 400, "InvalidArgument"),
        (Provider::Obs, 400, "XAmzContentSHA256Mismatch"),
    ] {
        let fake = Fake::of(provider).clock_at(at).verify_on_drop(false).start();
        let reply = put(&fake, &request(&fake));
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (status, Some(code)), "{provider:?}");
        assert!(fake.read("k").is_none(), "{provider:?}");
    }
}
