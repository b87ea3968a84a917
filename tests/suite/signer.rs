//! Signs requests to a fake by its address, path style, in the protocol a test chooses: the shortest scheme each has.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use fake_bucket::{Credentials, Provider};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// A protocol of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The provider's own.
    Native,
    /// The one compatible with Amazon S3, signed by version 4.
    S3,
}

/// A request to be signed: a path without escapes but those of unreserved characters, a query of decoded pairs, and the
/// headers that are there beside `Host`, names in lower case.
#[derive(Clone, Debug)]
pub struct Unsigned<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    pub headers: Vec<(String, String)>,
}

/// The host that every request is sent to.
pub const HOST: &str = "127.0.0.1";

/// Returns the request's headers, signed with these credentials.
pub fn sign(
    provider: Provider,
    protocol: Protocol,
    keys: &Credentials,
    region: &str,
    request: Unsigned<'_>,
) -> Vec<(String, String)> {
    let now = SystemTime::now();
    match (protocol, provider) {
        (Protocol::S3, _) => aws_v4(keys, region, request, now),
        (Protocol::Native, Provider::Cos) => cos(keys, request, now),
        (Protocol::Native, Provider::Oss) => version_1("x-oss-", "OSS", keys, request, now),
        (Protocol::Native, _) => version_1("x-obs-", "OBS", keys, request, now),
    }
}

fn hmac_sha1(key: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Escapes all but the unreserved characters.
pub fn escape(text: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if kept(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Version 1 of OSS and OBS: the decoded sub-resources, and the provider's own headers.
fn version_1(
    prefix: &str,
    scheme: &str,
    keys: &Credentials,
    request: Unsigned<'_>,
    now: SystemTime,
) -> Vec<(String, String)> {
    let Unsigned { method, path, query, mut headers } = request;
    let date = httpdate::fmt_http_date(now);
    headers.push(("date".to_owned(), date.clone()));
    headers.extend(keys.security_token().map(|token| (format!("{prefix}security-token"), token.to_owned())));
    let mut own: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    own.sort();
    let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let mut pairs = query.to_vec();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| if value.is_empty() { (*name).to_owned() } else { format!("{name}={value}") })
        .collect();
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    let signature =
        STANDARD.encode(hmac_sha1(keys.secret_access_key(), &format!("{method}\n\n\n{date}\n{own}{path}{query}")));
    headers.push(("authorization".to_owned(), format!("{scheme} {}:{signature}", keys.access_key_id)));
    headers
}

/// COS: the host and all parameters.
fn cos(keys: &Credentials, request: Unsigned<'_>, now: SystemTime) -> Vec<(String, String)> {
    let Unsigned { method, path, query, mut headers } = request;
    let seconds = now.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let time = format!("{};{}", seconds - 60, seconds + 3600);
    let mut pairs: Vec<_> =
        query.iter().map(|(name, value)| (escape(name).to_ascii_lowercase(), escape(value))).collect();
    pairs.sort();
    let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    headers.extend(keys.security_token().map(|token| ("x-cos-security-token".to_owned(), token.to_owned())));
    let mut signed: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with("x-cos-")).cloned().collect();
    signed.push(("host".to_owned(), HOST.to_owned()));
    signed.sort();
    let signed_names: Vec<_> = signed.iter().map(|(name, _)| name.as_str()).collect();
    let signed_values: Vec<_> = signed.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    let text = format!("{}\n{path}\n{}\n{}\n", method.to_ascii_lowercase(), values.join("&"), signed_values.join("&"));
    let to_sign = format!("sha1\n{time}\n{}\n", hex(&Sha1::digest(text.as_bytes())));
    let key = hex(&hmac_sha1(keys.secret_access_key(), &time));
    let proof = format!(
        "q-sign-algorithm=sha1&q-ak={}&q-sign-time={time}&q-key-time={time}&q-header-list={}&q-url-param-list={}&q-signature={}",
        keys.access_key_id,
        signed_names.join(";"),
        names.join(";"),
        hex(&hmac_sha1(&key, &to_sign))
    );
    headers.push(("authorization".to_owned(), proof));
    headers
}

/// Version 4 of AWS: the host, all of S3's own headers and all parameters, not the body.
fn aws_v4(keys: &Credentials, region: &str, request: Unsigned<'_>, now: SystemTime) -> Vec<(String, String)> {
    let Unsigned { method, path, query, mut headers } = request;
    let at: String =
        humantime::format_rfc3339_seconds(now).to_string().chars().filter(|letter| !"-:".contains(*letter)).collect();
    let scope = format!("{}/{region}/s3/aws4_request", &at[..8]);
    headers.push(("x-amz-date".to_owned(), at.clone()));
    headers.push(("x-amz-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
    headers.extend(keys.security_token().map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
    let mut signed: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with("x-amz-")).cloned().collect();
    signed.push(("host".to_owned(), HOST.to_owned()));
    signed.sort();
    let names: Vec<_> = signed.iter().map(|(name, _)| name.as_str()).collect();
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let mut pairs: Vec<_> = query.iter().map(|(name, value)| (escape(name), escape(value))).collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let names = names.join(";");
    let canonical = format!("{method}\n{path}\n{}\n{lines}\n{names}\nUNSIGNED-PAYLOAD", pairs.join("&"));
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let first = format!("AWS4{}", keys.secret_access_key()).into_bytes();
    let key = scope.split('/').fold(first, |key, word| hmac_sha256(&key, word));
    let credential = format!("{}/{scope}", keys.access_key_id);
    let signature = hex(&hmac_sha256(&key, &to_sign));
    let proof = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
    headers.push(("authorization".to_owned(), proof));
    headers
}
