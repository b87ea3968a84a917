//! What requests to OSS do with parameters and headers that few clients send, and what the replies say to those who do.

use std::io::{Read, Write};

use bytes::Bytes;
use fake_bucket::{ExchangeEnd, Fake};

use crate::asked;

/// How requests of the two protocols authenticate. The fake believes them.
const NATIVE: &str = "OSS LTAI5tFakeNobody:signature";
const S3: &str = "AWS4-HMAC-SHA256 Credential=LTAI5tFakeNobody/20250615/cn-hangzhou/s3/aws4_request, SignedHeaders=host, Signature=0";

fn fake() -> Fake {
    Fake::oss().trusting().verify_on_drop(false).start()
}

fn ask(fake: &Fake, face: &str, line: &str, headers: &[(&str, &str)], body: &str) -> http::Response<Bytes> {
    let (method, target) = line.split_once(' ').expect("a method and a target");
    fake.answer(asked::request(fake, face, method, target, body, headers))
}

fn text(reply: &http::Response<Bytes>) -> String {
    String::from_utf8_lossy(reply.body()).into_owned()
}

fn header<'a>(reply: &'a http::Response<Bytes>, name: &str) -> Option<&'a str> {
    reply.headers().get(name).map(|value| value.to_str().expect("text"))
}

#[test]
fn what_is_not_known_is_journaled_as_not_modelled_and_changes_nothing() {
    let lines = [
        (NATIVE, "DELETE /?overwriteConfig", ""),
        (NATIVE, "PUT /?dataPipeline", ""),
        (NATIVE, "POST /?cleanRestoredObject", ""),
        (NATIVE, "PUT /k?legalHold", ""),
        (NATIVE, "DELETE /k?uploadid=0A1B", ""),
        (NATIVE, "GET /?userDefinedLogFieldsConfig", ""),
        (NATIVE, "GET /k?acl&cors", ""),
        (NATIVE, "POST /k?restore", ""),
        (NATIVE, "PUT /k?x-oss-process=style", ""),
        (NATIVE, "PUT /k", "x-oss-callback"),
        (NATIVE, "PUT /k", "x-amz-acl"),
        (S3, "PUT /k", "x-amz-write-offset-bytes"),
        (S3, "PUT /k", "x-amz-website-redirect-location"),
        (S3, "PUT /k", "x-oss-meta-a"),
        (S3, "DELETE /k", "x-amz-if-match-last-modified-time"),
        (S3, "GET /k", "x-amz-expected-bucket-owner"),
    ];
    for (face, line, name) in lines {
        let fake = fake();
        ask(&fake, NATIVE, "PUT /k", &[], "old");
        let headers: &[(&str, &str)] = if name.is_empty() { &[] } else { &[(name, "1")] };
        let reply = ask(&fake, face, line, headers, "");
        assert_eq!(reply.status(), 501, "{line} {name}: {}", text(&reply));
        let last = fake.journal().pop().expect("it is journaled");
        assert!(matches!(last.end, Some(ExchangeEnd::Unmodelled { status: 501, .. })), "{line} {name}: {:?}", last.end);
        assert_eq!(text(&ask(&fake, NATIVE, "GET /k", &[], "")), "old", "{line} {name}");
    }
}

#[test]
fn metadata_that_is_not_utf_8_is_not_modelled() {
    let fake = fake();
    let request = http::Request::put(format!("/{}/k", fake.bucket())).header("host", "127.0.0.1");
    let latin_1 = http::HeaderValue::from_bytes(b"\xfc").expect("a header can carry it");
    let request = request.header("x-oss-meta-a", latin_1).header("content-length", 0);
    let reply = fake.answer(request.body(Bytes::new()).expect("a request"));
    assert_eq!(reply.status(), 501, "{}", text(&reply));
    assert_eq!(ask(&fake, NATIVE, "HEAD /k", &[], "").status(), 404);
}

const ENCRYPTED: [(&str, &str); 6] = [
    ("x-oss-meta-client-side-encryption-key", "k"),
    ("x-oss-meta-client-side-encryption-start", "s"),
    ("x-oss-meta-client-side-encryption-cek-alg", "AES/CTR/NoPadding"),
    ("x-oss-meta-client-side-encryption-wrap-alg", "RSA/NONE/PKCS1Padding"),
    ("x-oss-meta-client-side-encryption-data-size", "200"),
    ("x-oss-meta-client-side-encryption-part-size", "100"),
];

#[test]
fn a_list_of_parts_shows_how_the_client_encrypts() {
    let fake = fake();
    let initiated = text(&ask(&fake, NATIVE, "POST /k?uploads", &ENCRYPTED, ""));
    let id = initiated.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next()).expect("an upload id");
    let listed = text(&ask(&fake, NATIVE, &format!("GET /k?uploadId={id}"), &[], ""));
    let shown = "  <ClientEncryptionKey>k</ClientEncryptionKey>\n  <ClientEncryptionStart>s</ClientEncryptionStart>\n  \
                 <ClientEncryptionCekAlg>AES/CTR/NoPadding</ClientEncryptionCekAlg>\n  \
                 <ClientEncryptionWrapAlg>RSA/NONE/PKCS1Padding</ClientEncryptionWrapAlg>\n  \
                 <ClientEncryptionDataSize>200</ClientEncryptionDataSize>\n  \
                 <ClientEncryptionPartSize>100</ClientEncryptionPartSize>\n</ListPartsResult>\n";
    assert!(listed.ends_with(shown), "{listed}");
    let listed = text(&ask(&fake, S3, &format!("GET /k?uploadId={id}"), &[], ""));
    assert!(!listed.contains("ClientEncryption"), "{listed}");
}

#[test]
fn a_copy_of_other_metadata_keeps_how_the_client_encrypted() {
    let fake = fake();
    let own = [("x-oss-meta-a", "1"), ENCRYPTED[0], ENCRYPTED[1]];
    assert_eq!(ask(&fake, NATIVE, "PUT /k", &own, "x").status(), 200);
    let source = format!("/{}/k", fake.bucket());
    let replace = [
        ("x-oss-copy-source", source.as_str()),
        ("x-oss-metadata-directive", "REPLACE"),
        ("x-oss-meta-b", "2"),
        ("x-oss-meta-client-side-encryption-start", "other"),
    ];
    let copied = ask(&fake, NATIVE, "PUT /copy", &replace, "");
    assert_eq!(
        header(&copied, "x-oss-hash-crc64ecma"),
        header(&ask(&fake, NATIVE, "HEAD /k", &[], ""), "x-oss-hash-crc64ecma")
    );
    let copy = ask(&fake, NATIVE, "HEAD /copy", &[], "");
    let metadata = ["a", "b", "client-side-encryption-key", "client-side-encryption-start"];
    let found = metadata.map(|name| header(&copy, &format!("x-oss-meta-{name}")));
    assert_eq!(found, [None, Some("2"), Some("k"), Some("other")]);
}

/// The bytes in a gzip stream of stored blocks.
fn unzipped(stream: &[u8]) -> Vec<u8> {
    let (mut rest, mut found) = (&stream[10..], Vec::new());
    loop {
        let length = usize::from(u16::from_le_bytes([rest[1], rest[2]]));
        found.extend_from_slice(&rest[5..5 + length]);
        let last = rest[0] == 1;
        rest = &rest[5 + length..];
        if last {
            return found;
        }
    }
}

#[test]
fn text_is_compressed_for_clients_that_accept_it() {
    let fake = fake();
    let (small, large) = ("x".repeat(1023), "y".repeat(1024));
    ask(&fake, NATIVE, "PUT /small", &[("content-type", "text/plain")], &small);
    ask(&fake, NATIVE, "PUT /large", &[("content-type", "Text/HTML; charset=utf-8")], &large);
    ask(&fake, NATIVE, "PUT /bytes", &[], &large);
    ask(&fake, NATIVE, "PUT /coded", &[("content-type", "text/plain"), ("content-encoding", "br")], &large);
    let gzip = ("accept-encoding", "gzip");
    let zipped = ask(&fake, NATIVE, "GET /large", &[gzip], "");
    for (name, value) in [
        ("content-encoding", Some("gzip")),
        ("vary", Some("Accept-Encoding")),
        ("etag", None),
        ("content-length", None),
        ("accept-ranges", None),
    ] {
        assert_eq!(header(&zipped, name), value, "{name}");
    }
    assert_eq!(unzipped(zipped.body()), large.as_bytes());
    for (target, headers) in [
        ("GET /large", &[][..]),
        ("GET /large", &[gzip, ("range", "bytes=0-1023")]),
        ("GET /small", &[gzip]),
        ("GET /bytes", &[gzip]),
        ("GET /coded", &[gzip]),
    ] {
        let reply = ask(&fake, NATIVE, target, headers, "");
        assert!(header(&reply, "etag").is_some() && header(&reply, "vary").is_none(), "{target} {headers:?}");
    }
    let plain = ask(&fake, NATIVE, "GET /bytes?response-content-type=text/css", &[gzip], "");
    assert_eq!(header(&plain, "content-encoding"), Some("gzip"));
}

#[test]
fn what_is_compressed_comes_in_chunks() {
    let fake = fake();
    ask(&fake, NATIVE, "PUT /k", &[("content-type", "text/plain")], &"y".repeat(1024));
    let mut stream = std::net::TcpStream::connect(fake.socket_address()).expect("the fake listens");
    let target = format!("/{}/k", fake.bucket());
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("the reply ends with the connection");
    let reply = String::from_utf8_lossy(&reply).to_ascii_lowercase();
    assert!(reply.contains("\r\ntransfer-encoding: chunked\r\n") && !reply.contains("content-length"), "{reply}");
    assert!(reply.ends_with("\r\n0\r\n\r\n"), "{reply}");
}

#[test]
fn keys_of_control_characters_are_shown_and_deleted() {
    let fake = fake();
    ask(&fake, NATIVE, "PUT /a%01b", &[], "x");
    ask(&fake, NATIVE, "PUT /c%0Cd", &[], "x");
    let listed = text(&ask(&fake, NATIVE, "GET /", &[], ""));
    assert!(listed.contains("<Key>a&#01;b</Key>") && listed.contains("<Key>c&#12;d</Key>"), "{listed}");
    let body = "<Delete><Object><Key>a&#01;b</Key></Object><Object><Key>c\x0cd</Key></Object></Delete>";
    let deleted = ask(&fake, NATIVE, "POST /?delete", &[("content-md5", "W8rqVEItf6fBAiH0hcvbHw==")], body);
    assert_eq!(deleted.status(), 200, "{}", text(&deleted));
    let listed = text(&ask(&fake, NATIVE, "GET /", &[], ""));
    assert!(!listed.contains("<Contents>"), "{listed}");
}
