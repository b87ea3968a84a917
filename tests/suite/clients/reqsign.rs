//! An independent signer against our verifiers: reqsign signs in headers and in URLs, for every operation's shape.

use std::time::Duration;

use fake_bucket::{Credentials, Fake, Provider};
use http::request::Parts;
use reqsign::{Context, SignRequest, aliyun, huaweicloud, tencent};

use crate::{
    PROVIDERS,
    raw::{self, RawReply},
};

/// Requests whose every feature takes part in some signature.
const REQUESTS: [(&str, &str); 8] = [
    ("POST", "/odd%20a%2Bb/%C3%BC%E4%B8%AD.bin?uploads"),
    ("PUT", "/odd%20a%2Bb/%C3%BC%E4%B8%AD.bin?partNumber=2&uploadId=NOSUCH"),
    ("GET", "/k?uploadId=NOSUCH&part-number-marker=3&max-parts=2"),
    ("GET", "/?uploads&prefix=dir%20a%2F&delimiter=%2F&max-uploads=5"),
    ("POST", "/k?uploadId=NOSUCH"),
    ("DELETE", "/k?uploadId=NOSUCH"),
    ("GET", "/k?response-content-type=text%2Fplain"),
    ("GET", "/?prefix=a&max-keys=3"),
];

#[tokio::test]
async fn signs_in_headers() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).allow_open_uploads().start();
        judge(&fake, &fake.owner(), None).await;
        judge(&fake, &fake.temporary(&fake.owner(), Duration::from_secs(3600)), None).await;
    }
}

#[tokio::test]
async fn signs_in_urls() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).allow_open_uploads().start();
        judge(&fake, &fake.owner(), Some(Duration::from_secs(60))).await;
    }
}

#[tokio::test]
async fn signed_urls_expire() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let request = signed(&fake, &fake.owner(), ("GET", "/k"), Some(Duration::from_secs(60))).await;
        assert_eq!(send(&fake, &request).status(), 404, "before");
        fake.advance_clock(Duration::from_secs(61));
        assert_eq!(send(&fake, &request).status(), 403, "after");
    }
}

#[tokio::test]
async fn a_wrong_secret_never_passes() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let mut keys = fake.stranger();
        keys.access_key_id = fake.owner().access_key_id;
        for expires in [None, Some(Duration::from_secs(60))] {
            for request in REQUESTS {
                let request = signed(&fake, &keys, request, expires).await;
                assert_eq!(send(&fake, &request).status(), 403, "{} {}", request.method, request.uri);
            }
        }
        let codes: Vec<_> = fake.journal().iter().map(|entry| entry.code().unwrap_or_default().to_owned()).collect();
        assert!(codes.iter().all(|code| code == "SignatureDoesNotMatch"), "{codes:?}");
    }
}

#[tokio::test]
async fn old_and_future_requests_are_refused() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let request = signed(&fake, &fake.owner(), ("GET", "/k"), None).await;
        fake.advance_clock(Duration::from_secs(3601));
        assert_eq!(send(&fake, &request).status(), 403);
    }
}

async fn judge(fake: &Fake, keys: &Credentials, expires: Option<Duration>) {
    for request in REQUESTS {
        let request = signed(fake, keys, request, expires).await;
        let reply = send(fake, &request);
        let text = String::from_utf8_lossy(&reply.body);
        // OBS misses the list of parts before it looks for the upload.
        let understood = [200, 404].contains(&reply.status()) || text.contains("MissingRequestBodyError");
        assert!(understood, "{} {}\n{text}", request.method, request.uri);
    }
}

pub async fn signed(
    fake: &Fake,
    keys: &Credentials,
    (method, target): (&str, &str),
    expires: Option<Duration>,
) -> Parts {
    let uri = format!("http://{}.{}{target}", fake.bucket(), fake.service_host());
    let request = http::Request::builder().method(method).uri(uri).header("content-type", "text/plain");
    let (mut parts, ()) = request.body(()).expect("a request").into_parts();
    let (context, id, secret) = (Context::new(), keys.access_key_id.clone(), keys.secret_access_key().to_owned());
    let token = keys.security_token().map(str::to_owned);
    let result = match fake.provider() {
        Provider::Cos => {
            let keys =
                tencent::Credential { secret_id: id, secret_key: secret, security_token: token, expires_in: None };
            tencent::RequestSigner::new().sign_request(&context, &mut parts, Some(&keys), expires).await
        }
        Provider::Oss => {
            let keys = aliyun::Credential {
                access_key_id: id,
                access_key_secret: secret,
                security_token: token,
                expires_in: None,
            };
            let signer = aliyun::RequestSigner::new(fake.bucket());
            let version_4 = signer.with_region(fake.region()).with_signing_version(aliyun::SigningVersion::V4);
            // Both versions in turn; but in headers reqsign's version 4 lists additional headers without naming any, which
            // OSS refuses (EC 0002-00000209).
            let signer = match (expires, fake.journal().len() % 2) {
                (Some(_), 1) => version_4,
                _ => aliyun::RequestSigner::new(fake.bucket()),
            };
            signer.sign_request(&context, &mut parts, Some(&keys), expires).await
        }
        _ => {
            let keys = huaweicloud::Credential::new(id, secret, token);
            huaweicloud::RequestSigner::new(fake.bucket())
                .sign_request(&context, &mut parts, Some(&keys), expires)
                .await
        }
    };
    result.expect("reqsign signs");
    parts
}

/// Sends a signed request as to a proxy.
pub fn send(fake: &Fake, request: &Parts) -> RawReply {
    let Parts { method, uri, headers, .. } = request;
    let mut head = format!("{method} {uri} HTTP/1.1\r\nContent-Length: 0\r\n").into_bytes();
    if !headers.contains_key("host") {
        head.extend(format!("Host: {}\r\n", uri.host().expect("a host")).into_bytes());
    }
    for (name, value) in headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    raw::exchange(fake.socket_address(), &head).expect("a reply")
}

/// What the provider tells somebody whose signature is wrong, so that they can find out why.
#[tokio::test]
async fn a_wrong_signature_is_shown_what_should_have_been_signed() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let mut keys = fake.stranger();
        keys.access_key_id = fake.owner().access_key_id;
        let reply = send(&fake, &signed(&fake, &keys, ("DELETE", "/k?uploadId=NOSUCH"), None).await);
        let element = |name: &str| reply.element(name).unwrap_or_else(|| panic!("{provider:?} shows no {name}"));
        assert_eq!((reply.status(), element("Code").as_str()), (403, "SignatureDoesNotMatch"));
        let string_to_sign = element("StringToSign");
        match provider {
            Provider::Cos => {
                assert!(string_to_sign.starts_with("sha1\n"), "{string_to_sign}");
                assert!(element("FormatString").starts_with("delete\n/k\nuploadid=NOSUCH\n"));
            }
            Provider::Oss => {
                assert!(string_to_sign.starts_with("DELETE\n\ntext/plain\n"), "{string_to_sign}");
                assert_eq!(element("OSSAccessKeyId"), keys.access_key_id);
                assert!(element("StringToSignBytes").starts_with("44 45 4C 45 54 45 0A 0A "));
                assert!(!element("SignatureProvided").is_empty());
            }
            _ => assert!(string_to_sign.starts_with("DELETE\n\ntext/plain\n"), "{string_to_sign}"),
        }
        let body = String::from_utf8_lossy(&reply.body);
        assert!(!body.contains(keys.secret_access_key()) && !body.contains(fake.owner().secret_access_key()));
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_how_much() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let request = signed(&fake, &fake.owner(), ("GET", "/k"), None).await;
        fake.advance_clock(Duration::from_secs(3700));
        let reply = send(&fake, &request);
        let code = reply.element("Code");
        match provider {
            // COS signatures carry a window of their own, and it is over.
            Provider::Cos => {
                assert_eq!((code.as_deref(), reply.element("ServerTime").is_some()), (Some("AccessDenied"), true))
            }
            _ => {
                assert_eq!(code.as_deref(), Some("RequestTimeTooSkewed"));
                assert_eq!(reply.element("MaxAllowedSkewMilliseconds").as_deref(), Some("900000"));
                assert!(reply.element("RequestTime").is_some() && reply.element("ServerTime").is_some());
            }
        }
    }
}

#[tokio::test]
async fn a_token_ends_in_the_providers_words() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).start();
        let keys = fake.temporary(&fake.owner(), Duration::from_secs(60));
        assert_eq!(send(&fake, &signed(&fake, &keys, ("GET", "/k"), None).await).status(), 404, "while it lasts");
        fake.advance_clock(Duration::from_secs(61));
        let reply = send(&fake, &signed(&fake, &keys, ("GET", "/k"), None).await);
        let expected = match provider {
            Provider::Oss => (403, "SecurityTokenExpired"),
            Provider::Cos => (400, "ExpiredToken"),
            _ => (reply.status(), "ExpiredToken"),
        };
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (expected.0, Some(expected.1)));
    }
}
