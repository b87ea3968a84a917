//! Signatures in the `Authorization` header, one function for each scheme, as short as its page allows.

use std::{fmt, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::{
    Face,
    request::{Unsigned, escape, escape_path},
};
use crate::{
    Provider,
    conformance::{rules::Rules, seen::Refusal, target::Ask},
};

/// What somebody proves themselves by. The secret does not print.
#[derive(Clone)]
pub struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Keys {
    /// An access key: its id, and its secret.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: secret.into(), token: None }
    }

    /// The same, good only with this security token.
    #[must_use]
    pub fn token(self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A provider, and which of its protocols.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheme {
    provider: Provider,
    face: Face,
}

type Headers = Vec<(String, String)>;

impl Scheme {
    pub(super) fn of(provider: Provider, face: Face) -> Self {
        Self { provider, face }
    }

    pub(super) fn faced(self, face: Face) -> Self {
        Self { face, ..self }
    }

    /// What the protocol has no request for.
    ///
    /// # Source
    /// "Compatibility with Amazon S3", <https://www.alibabacloud.com/help/en/oss/developer-reference/compatibility-with-amazon-s3>:
    /// the list of operations lacks `ListMultipartUploads`. Read 2026-11-20.
    pub(super) fn lacks(self, ask: &Ask) -> bool {
        self.face == Face::S3 && self.provider == Provider::Oss && matches!(ask, Ask::ListUploads(_))
    }

    /// The headers that say where a copied part is copied from.
    ///
    /// # Source
    /// "Upload Part - Copy", <https://cloud.tencent.com/document/product/436/8287>; "UploadPartCopy",
    /// <https://www.alibabacloud.com/help/en/oss/developer-reference/uploadpartcopy>; "Copying Parts",
    /// <https://support.huaweicloud.com/api-obs/>; for S3 "UploadPartCopy",
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>. Read 2026-11-20.
    pub(super) fn copy(self, bucket: &str, key: &str, range: Option<(u64, u64)>, region: &str) -> Headers {
        let key = escape_path(key);
        let (start, source) = match (self.face, self.provider) {
            (Face::S3, _) => ("x-amz", format!("/{bucket}/{key}")),
            (Face::Native, Provider::Cos) => ("x-cos", format!("{bucket}.cos.{region}.myqcloud.com/{key}")),
            (Face::Native, Provider::Oss) => ("x-oss", format!("/{bucket}/{key}")),
            (Face::Native, Provider::Obs) => ("x-obs", format!("/{bucket}/{key}")),
        };
        let mut headers = vec![(format!("{start}-copy-source"), source)];
        headers
            .extend(range.map(|(first, last)| (format!("{start}-copy-source-range"), format!("bytes={first}-{last}"))));
        headers
    }

    /// What the protocol has otherwise than the provider's own.
    ///
    /// # Source
    /// EC 0042-00000306, <https://api.alibabacloud.com/troubleshoot?q=0042-00000306>: a range that cannot be used is an error
    /// in a copy by S3's protocol. Read 2026-11-20. Doubt: the codes.
    pub(super) fn adapt(self, rules: &mut Rules) {
        if (self.face, self.provider) == (Face::S3, Provider::Oss) {
            rules.range_reversed = Some(Refusal::INVALID_ARGUMENT);
            rules.range_beyond = Some(Refusal::INVALID_RANGE);
        }
    }

    /// The headers to add.
    pub(super) fn sign(self, request: &Unsigned, keys: &Keys, region: &str) -> Headers {
        let now = SystemTime::now();
        match (self.face, self.provider) {
            (Face::S3, _) => aws_v4(request, keys, region, now),
            (Face::Native, Provider::Cos) => cos(request, keys, now),
            (Face::Native, Provider::Oss) => oss_v4(request, keys, region, now),
            (Face::Native, Provider::Obs) => obs(request, keys, now),
        }
    }
}

/// Signs the host and all parameters.
///
/// # Source
/// "Request Signature", <https://cloud.tencent.com/document/product/436/7778>. Read 2026-11-20.
fn cos(request: &Unsigned, keys: &Keys, now: SystemTime) -> Headers {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).expect("a clock past 1970").as_secs();
    let window = format!("{};{}", seconds - 60, seconds + 3600);
    let sign_key = hex(&hmac_sha1(keys.secret.as_bytes(), &window));
    let value = |value: &Option<String>| escape(value.as_deref().unwrap_or_default());
    let mut query: Vec<_> = request.query.iter().map(|(name, v)| (name.to_ascii_lowercase(), value(v))).collect();
    query.sort();
    let pairs: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let names: Vec<_> = query.iter().map(|(name, _)| name.as_str()).collect();
    let path = match request.path.starts_with(&format!("/{}/", request.bucket)) {
        true => format!("/{}/{}", request.bucket, request.key),
        false => format!("/{}", request.key),
    };
    let method = request.method.as_str().to_ascii_lowercase();
    let format = format!("{method}\n{path}\n{}\nhost={}\n", pairs.join("&"), escape(&request.host));
    let to_sign = format!("sha1\n{window}\n{}\n", hex(&Sha1::digest(format)));
    let signature = hex(&hmac_sha1(sign_key.as_bytes(), &to_sign));
    let authorization = format!(
        "q-sign-algorithm=sha1&q-ak={}&q-sign-time={window}&q-key-time={window}&q-header-list=host&q-url-param-list={}&q-signature={signature}",
        keys.id,
        names.join(";"),
    );
    with_token(keys, "x-cos-security-token", named([("authorization", authorization)]))
}

/// # Source
/// "Include a V4 signature in the Authorization header",
/// <https://www.alibabacloud.com/help/en/oss/developer-reference/recommend-to-use-signature-version-4>. Read 2026-11-20.
fn oss_v4(request: &Unsigned, keys: &Keys, region: &str, now: SystemTime) -> Headers {
    let (day, time) = iso_basic(now);
    let mut headers = with_token(
        keys,
        "x-oss-security-token",
        named([("x-oss-content-sha256", "UNSIGNED-PAYLOAD".to_owned()), ("x-oss-date", time.clone())]),
    );
    let lines: String = sorted(&headers, request).iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let path = escape_path(&format!("/{}/{}", request.bucket, request.key));
    let query = request.sorted_query("");
    let canonical = format!("{}\n{path}\n{query}\n{lines}\n\nUNSIGNED-PAYLOAD", request.method);
    let scope = [day.as_str(), region, "oss", "aliyun_v4_request"];
    let signature = version_4("OSS4-HMAC-SHA256", "aliyun_v4", keys, &time, scope, &canonical);
    let credential = format!("{}/{}", keys.id, scope.join("/"));
    headers
        .extend(named([("authorization", format!("OSS4-HMAC-SHA256 Credential={credential},Signature={signature}"))]));
    headers
}

/// Sub-resources are signed, and other parameters are not.
///
/// # Source
/// "Authentication of Signature in a Header", <https://support.huaweicloud.com/api-obs/obs_04_0010.html>. Read 2026-11-20.
fn obs(request: &Unsigned, keys: &Keys, now: SystemTime) -> Headers {
    let date = httpdate::fmt_http_date(now);
    let signed = ["partNumber", "uploadId", "uploads"];
    let mut resources: Vec<_> = request.query.iter().filter(|(name, _)| signed.contains(name)).collect();
    resources.sort();
    let resources: Vec<_> = resources
        .iter()
        .map(|(name, value)| match value.as_deref() {
            None | Some("") => (*name).to_owned(),
            Some(value) => format!("{name}={value}"),
        })
        .collect();
    let path = format!("/{}/{}", request.bucket, escape_path(&request.key));
    let mark = if resources.is_empty() { "" } else { "?" };
    let headers = with_token(keys, "x-obs-security-token", Vec::new());
    let lines: String = sorted(&headers, request).iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let to_sign = format!("{}\n\n\n{date}\n{lines}{path}{mark}{}", request.method, resources.join("&"));
    let signature = STANDARD.encode(hmac_sha1(keys.secret.as_bytes(), &to_sign));
    let authorization = format!("OBS {}:{signature}", keys.id);
    [headers, named([("date", date), ("authorization", authorization)])].concat()
}

/// # Source
/// "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)",
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html>. Read 2026-11-20.
fn aws_v4(request: &Unsigned, keys: &Keys, region: &str, now: SystemTime) -> Headers {
    let (day, time) = iso_basic(now);
    let hash =
        if request.method == Method::PUT { "UNSIGNED-PAYLOAD".to_owned() } else { hex(&Sha256::digest(&request.body)) };
    let mut headers = with_token(
        keys,
        "x-amz-security-token",
        named([("x-amz-content-sha256", hash.clone()), ("x-amz-date", time.clone())]),
    );
    let mut signed = sorted(&headers, request);
    // It sorts before all that start with x.
    signed.insert(0, ("host", &request.host));
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let query = request.sorted_query("=");
    let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{hash}", request.method, request.path);
    let scope = [day.as_str(), region, "s3", "aws4_request"];
    let signature = version_4("AWS4-HMAC-SHA256", "AWS4", keys, &time, scope, &canonical);
    let credential = format!("{}/{}", keys.id, scope.join("/"));
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
    headers.extend(named([("authorization", authorization)]));
    headers
}

/// The part that OSS's version 4 took over from AWS's.
fn version_4(scheme: &str, start: &str, keys: &Keys, time: &str, scope: [&str; 4], canonical: &str) -> String {
    let to_sign = format!("{scheme}\n{time}\n{}\n{}", scope.join("/"), hex(&Sha256::digest(canonical)));
    let secret = format!("{start}{}", keys.secret).into_bytes();
    let key = scope.iter().fold(secret, |key, link| hmac_sha256(&key, link));
    hex(&hmac_sha256(&key, &to_sign))
}

fn with_token(keys: &Keys, name: &str, mut headers: Headers) -> Headers {
    headers.extend(keys.token.clone().map(|token| (name.to_owned(), token)));
    headers
}

fn named<const N: usize>(headers: [(&str, String); N]) -> Headers {
    headers.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// A request's own headers and those to add, by name.
fn sorted<'a>(added: &'a Headers, request: &'a Unsigned) -> Vec<(&'a str, &'a str)> {
    let all = added.iter().chain(&request.headers);
    let mut sorted: Vec<_> = all.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    sorted.sort_unstable();
    sorted
}

fn hmac_sha1(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `20250615`, and `20250615T083000Z`.
fn iso_basic(at: SystemTime) -> (String, String) {
    let time: String =
        humantime::format_rfc3339_seconds(at).to_string().chars().filter(|c| !['-', ':'].contains(c)).collect();
    (time[..8].to_owned(), time)
}
