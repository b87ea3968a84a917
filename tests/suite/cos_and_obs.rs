//! What COS and OBS do beside uploads that takes more than one request to see: checksums that stay with an object,
//! metadata that is not UTF-8, preflights, and who stored what.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use fake_bucket::{Fake, Op, Provider};
use http::{HeaderValue, Response};
use md5::{Digest, Md5};

use crate::PROVIDERS;

const HELLO: &str = "hello";
/// The CRC-64 of `hello`, and of `hello` twice.
const CRC64: &str = "11177612005948864433";
const CRC64_HEADER: &str = "x-obs-checksum-crc64ecma";

/// Sends a request as a principal. `target` is what follows the bucket.
fn ask(fake: &Fake, who: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut request = http::Request::builder().method(method).uri(format!("/{}{target}", fake.bucket()));
    for (name, value) in [("host", "127.0.0.1"), ("content-length", &body.len().to_string())].iter().chain(headers) {
        request = request.header(*name, *value);
    }
    fake.answer_as(who, request.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request"))
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}

/// Returns the CRC-64 that `GET` of a range and `HEAD` of `/k` show.
fn shown_crc64(fake: &Fake) -> [Option<String>; 2] {
    let of = |response: Response<Bytes>| {
        response.headers().get(CRC64_HEADER).map(|value| value.to_str().expect("ASCII").to_owned())
    };
    [of(ask(fake, "owner", "GET", "/k", &[("range", "bytes=0-0")], "")), of(ask(fake, "owner", "HEAD", "/k", &[], ""))]
}

fn both(crc64: Option<&str>) -> [Option<String>; 2] {
    [crc64.map(str::to_owned), crc64.map(str::to_owned)]
}

#[test]
fn an_object_of_obs_keeps_the_checksum_of_the_appends_that_all_sent_one() {
    let fake = Fake::obs().trusting().build();
    let append = |position: usize, headers: &[(&str, &str)]| {
        let response = ask(&fake, "owner", "POST", &format!("/k?append&position={position}"), headers, HELLO);
        assert_eq!(response.status(), 200, "{}", text(&response));
        response.headers().get(CRC64_HEADER).map(|value| value.to_str().expect("ASCII").to_owned())
    };
    let sent = [(CRC64_HEADER, CRC64)];
    assert_eq!(append(0, &sent).as_deref(), Some(CRC64));
    assert_eq!(shown_crc64(&fake), both(Some(CRC64)));
    let twice = append(5, &sent).expect("a checksum of the whole");
    assert_ne!(twice, CRC64);
    assert_eq!(shown_crc64(&fake), both(Some(&twice)));
    append(10, &[]);
    assert_eq!(shown_crc64(&fake), both(None));
}

#[test]
fn an_object_of_obs_keeps_the_checksum_its_complete_sent() {
    let fake = Fake::obs().trusting().build();
    let list = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
                <ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part></CompleteMultipartUpload>";
    for (sent, shown) in [(vec![(CRC64_HEADER, CRC64)], Some(CRC64)), (Vec::new(), None)] {
        ask(&fake, "owner", "POST", "/k?uploads", &[], "");
        let id = fake.upload("k").id().to_owned();
        let part = [(CRC64_HEADER, CRC64)];
        ask(&fake, "owner", "PUT", &format!("/k?partNumber=1&uploadId={id}"), &part, HELLO);
        let completed = ask(&fake, "owner", "POST", &format!("/k?uploadId={id}"), &sent, list);
        assert_eq!(completed.status(), 200, "{}", text(&completed));
        assert_eq!(shown_crc64(&fake), both(shown));
    }
}

#[test]
fn the_s3_compatible_protocol_of_obs_shows_the_checksum_by_its_own_name() {
    let fake = Fake::obs().trusting().build();
    ask(&fake, "owner", "PUT", "/k", &[(CRC64_HEADER, CRC64)], HELLO);
    let response = ask(&fake, "owner", "HEAD", "/k", &[("authorization", "AWS ak:signature")], "");
    assert_eq!(response.headers().get("x-amz-checksum-crc64ecma"), Some(&HeaderValue::from_static(CRC64)));
    assert_eq!(response.headers().get(CRC64_HEADER), None);
}

#[test]
fn metadata_that_is_not_utf_8_is_never_replaced_silently() {
    for provider in PROVIDERS {
        for (protocol, start) in [("native", format!("x-{}-", provider.name())), ("S3", "x-amz-".to_owned())] {
            for name in [format!("{start}meta-name"), "content-disposition".to_owned(), "content-type".to_owned()] {
                let fake = Fake::of(provider).verify_on_drop(false).build();
                for (method, target) in [("PUT", "/k"), ("POST", "/k?uploads")] {
                    let what = format!("{} {protocol} {method} {name}", provider.name());
                    let value = HeaderValue::from_bytes(b"caf\xe9").expect("a header");
                    let mut request =
                        http::Request::builder().method(method).uri(format!("/{}{target}", fake.bucket()));
                    request = request.header("host", "127.0.0.1").header("content-length", 0).header(&name, value);
                    if protocol == "S3" {
                        request = request.header("authorization", s3_proof());
                    }
                    let response = fake.answer_as("owner", request.body(Bytes::new()).expect("a request"));
                    assert_eq!(response.status(), 501, "{what}: {}", text(&response));
                }
                assert!(fake.snapshot().objects.is_empty() && fake.uploads().is_empty(), "{name}");
            }
        }
    }
}

/// An `Authorization` that chooses the S3-compatible protocol, for a request that is answered without checking it.
fn s3_proof() -> &'static str {
    "AWS4-HMAC-SHA256 Credential=ak/20250615/region/s3/aws4_request, SignedHeaders=host, Signature=0"
}

/// Returns the value of `Content-MD5`.
fn content_md5(body: &str) -> String {
    STANDARD.encode(Md5::digest(body.as_bytes()))
}

/// What a list shows of a key can be sent back to delete the object.
#[test]
fn a_key_with_control_characters_is_deleted_by_what_a_list_shows_of_it() {
    for provider in PROVIDERS {
        let shown = if provider == Provider::Oss { "a&#01;b&#11;c&#13;" } else { "a&#x1;b&#xb;c&#13;" };
        for written in [shown, "a\u{1}b\u{b}c&#13;"] {
            let fake = Fake::of(provider).build();
            assert_eq!(ask(&fake, "owner", "PUT", "/a%01b%0Bc%0D", &[], HELLO).status(), 200);
            let list = text(&ask(&fake, "owner", "GET", "/", &[], ""));
            assert!(list.contains(&format!("<Key>{shown}</Key>")), "{list}");
            let body = format!("<Delete><Object><Key>{written}</Key></Object></Delete>");
            let md5 = content_md5(&body);
            let response = ask(&fake, "owner", "POST", "/?delete", &[("content-md5", &md5)], &body);
            assert_eq!(response.status(), 200, "{} {}", provider.name(), text(&response));
            assert!(fake.snapshot().objects.is_empty(), "{} {written}", provider.name());
        }
    }
}

/// COS and OBS make up no id for a lifecycle rule that has none; OSS does.
#[test]
fn a_lifecycle_rule_without_an_id_is_shown_without_one() {
    for provider in [Provider::Cos, Provider::Obs] {
        let fake = Fake::of(provider).build();
        let prefix = if provider == Provider::Cos { "<Filter><Prefix/></Filter>" } else { "<Prefix></Prefix>" };
        let rule = format!("<Rule>{prefix}<Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>");
        let body = format!("<LifecycleConfiguration>{rule}</LifecycleConfiguration>");
        let md5 = content_md5(&body);
        let response = ask(&fake, "owner", "PUT", "/?lifecycle", &[("content-md5", &md5)], &body);
        assert_eq!(response.status(), 200, "{}", text(&response));
        let shown = text(&ask(&fake, "owner", "GET", "/?lifecycle", &[], ""));
        assert!(shown.contains("<Days>3</Days>") && !shown.contains("<ID"), "{shown}");
    }
}

/// A preflight is journaled as one, and fails no test: a bucket has no CORS rules, since none can be made.
#[test]
fn a_preflight_is_a_refused_request_that_is_modelled() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).build();
        for query in ["", "?lifecycle", "?uploadId=x&partNumber=1", "?X-Amz-Signature=00&X-Amz-Credential=x"] {
            let request = http::Request::options(format!("/{}/k{query}", fake.bucket())).header("host", "127.0.0.1");
            let request = request.header("origin", "http://example.org").header("access-control-request-method", "PUT");
            let response = fake.answer(request.body(Bytes::new()).expect("a request"));
            assert_eq!(response.status(), 403, "{} {query}", provider.name());
            assert!(text(&response).contains("<Code>AccessForbidden</Code>"), "{}", text(&response));
            let last = fake.journal().pop().expect("an exchange");
            assert_eq!((last.operation, last.code()), (Some(Op::Preflight), Some("AccessForbidden")));
            assert_eq!((last.principal.as_deref(), last.key.as_deref()), (Some("anonymous"), Some("k")));
        }
        fake.verify();
    }
}

/// An account may write to the buckets of others where their list says so; what it stores there is its own.
#[test]
fn the_list_of_an_object_of_obs_shows_the_account_that_stored_it() {
    let fake = Fake::obs().build();
    assert_eq!(ask(&fake, "owner", "PUT", "/?acl", &[("x-obs-acl", "public-read-write")], "").status(), 200);
    assert_eq!(ask(&fake, "stranger", "PUT", "/k", &[], HELLO).status(), 200);
    let stranger = "<Owner><ID>9f8e7d6c5b4a39281706f5e4d3c2b1a0</ID></Owner>";
    for target in ["/k?acl", "/", "/?versions"] {
        let shown = text(&ask(&fake, "owner", "GET", target, &[], ""));
        assert!(shown.contains(stranger), "{target}: {shown}");
    }
    let bucket = text(&ask(&fake, "owner", "GET", "/?acl", &[], ""));
    assert!(!bucket.contains(stranger), "{bucket}");
}

/// A number in a bucket's name is that of its account: its own, or that of the buckets a test gave it.
#[test]
fn a_bucket_of_cos_carries_the_number_of_the_account_that_creates_it() {
    let fake = Fake::cos().buckets(["first-1250000000", "second-1300000000"]).build();
    let create = |who: &str, name: &str| {
        let request = http::Request::put(format!("/{name}")).header("host", "127.0.0.1").header("content-length", 0);
        fake.answer_as(who, request.body(Bytes::new()).expect("a request")).status().as_u16()
    };
    assert_eq!(create("owner", "new-1250000000"), 200);
    assert_eq!(create("owner", "new-1300000000"), 200, "as the second bucket");
    assert_eq!(create("writer", "of-the-writer-1250000000"), 200, "a sub-account creates for its account");
    assert_eq!(create("owner", "new-1260000000"), 403, "the stranger's number");
    assert_eq!(create("stranger", "new-1260000000"), 200);
    assert_eq!(create("stranger", "another-1250000000"), 403, "the owner's number");
    assert_eq!(create("stranger", "new-1250000000"), 409, "which exists");
    assert_eq!(fake.snapshot().buckets.len(), 6);
    assert_eq!(fake.provider(), Provider::Cos);
}
