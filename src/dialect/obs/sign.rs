//! OBS signatures (HMAC-SHA1) and their S3-compatible twin, AWS version 2, in the `Authorization` header or in the URL.
//! AWS version 4 is [`aws_v4`]'s.
//!
//! The two differ in the words only: the scheme, the prefix of the signed headers, the name of the access key's parameter.
//! The path is signed exactly as it came, sub-resources by their decoded values.
//!
//! # Source
//! "Authentication of Signature in a Header", "Authentication of Signature in a URL",
//! <https://support.huaweicloud.com/api-obs/>. The vectors in `fixtures/obs/signature` were made with the vendor's
//! SDKs, <https://github.com/huaweicloud/huaweicloud-sdk-python-obs>, whose sources also tell what a custom domain signs.

use super::face::Face;
use crate::{
    dialect::{
        Address, Located, Signed, Style, aws_v4,
        signing::{Proof, Stages, check_token, within_skew},
    },
    store::{AccessKey, Refusal, Timestamp},
    wire::{date, digest::hmac_sha1, encode::base64, head::Head, query::Query},
};

/// Query parameters that are signed as part of the resource, besides those that start like a face's headers.
#[rustfmt::skip]
pub(super) const SUB_RESOURCES: [&str; 63] = [
    "CDNNotifyConfiguration",
    "acl",
    "append",
    "attname",
    "backtosource",
    "bucketStatus",
    "cors",
    "customdomain",
    "delete",
    "deletebucket",
    "directcoldaccess",
    "disPolicy",
    "encryption",
    "fileInterface",
    "ignore-sign-in-query",
    "inventory",
    "length",
    "lifecycle",
    "location",
    "logging",
    "metadata",
    "mirrorBackToSource",
    "modify",
    "name",
    "notification",
    "object-lock",
    "obsalias",
    "obsbucketalias",
    "obscompresspolicy",
    "obsworkflowtriggerpolicy",
    "partNumber",
    "policy",
    "policyStatus",
    "position",
    "publicAccessBlock",
    "quota",
    "rename",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "storageClass",
    "storagePolicy",
    "storageinfo",
    "tagging",
    "torrent",
    "truncate",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "x-image-process",
    "x-image-save-bucket",
    "x-image-save-object",
    "x-oss-process",
];

/// A sub-resource that the documented signature has, and that of the vendor's SDKs has not. Both are accepted: doubt, no page
/// says which of them the service computes.
///
/// # Source
/// "Authentication of Signature in a Header", <https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0010.html>, whose sample in
/// Java signs it (text in <https://github.com/huaweicloudDocs/obs>, read 2026-11-21); the vendor's SDKs leave it out,
/// <https://github.com/huaweicloud/huaweicloud-sdk-python-obs>.
const CUSTOM_DOMAIN: &str = "customdomain";

/// Whether a query parameter is signed as part of the resource.
pub(super) fn is_sub_resource(name: &str) -> bool {
    let prefixed = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    SUB_RESOURCES.contains(&name) || prefixed("x-obs-") || prefixed("x-amz-")
}

/// The parameters of a signed URL that name no sub-resource.
pub(super) const URL_FIELDS: [&str; 4] = ["AccessKeyId", "AWSAccessKeyId", "Expires", "Signature"];

pub(super) fn claimed_key(head: &Head) -> Option<String> {
    let authorization = head.authorization().unwrap_or_default();
    if let Some((_, fields)) = version_1(authorization) {
        return fields.rsplit_once(':').map(|(id, _)| id.to_owned());
    }
    let in_url = head.query.get("AccessKeyId").or(head.query.get("AWSAccessKeyId"));
    in_url.map(str::to_owned).or_else(|| aws_v4::claimed_key(head))
}

/// What follows the scheme in an `Authorization`, and the face that scheme belongs to.
fn version_1(authorization: &str) -> Option<(Face, &str)> {
    let obs = authorization.strip_prefix("OBS ").map(|fields| (Face::Obs, fields));
    obs.or_else(|| authorization.strip_prefix("AWS ").map(|fields| (Face::Aws, fields)))
}

/// Proof in the header goes before proof in the URL: doubt, no page says what both at once are.
pub(super) fn prove<'a>(signed: &Signed<'a>) -> Result<Option<Proof<'a>>, Refusal> {
    let Some(authorization) = signed.head.authorization() else { return in_url(signed) };
    let malformed = || Refusal::MalformedAuthorization { given: authorization.to_owned() };
    if signed.head.headers.get_all("authorization").iter().count() > 1 {
        return Err(malformed());
    }
    if let Some((face, fields)) = version_1(authorization) {
        let (id, signature) = fields.rsplit_once(':').ok_or_else(malformed)?;
        return in_header(signed, face, id, signature).map(Some);
    }
    match authorization.split_once(' ').unwrap_or((authorization, "")) {
        (aws_v4::SCHEME, fields) => aws_v4::in_header(signed, fields).map(Some),
        (scheme, _) => Err(Refusal::UnsupportedScheme { scheme: scheme.to_owned() }),
    }
}

fn in_url<'a>(signed: &Signed<'a>) -> Result<Option<Proof<'a>>, Refusal> {
    let query = &signed.head.query;
    if query.has("X-Amz-Signature") || query.has("X-Amz-Algorithm") {
        return aws_v4::in_url(signed).map(Some);
    }
    let Some(signature) = query.get("Signature") else { return Ok(None) };
    let ids = [(Face::Obs, query.get("AccessKeyId")), (Face::Aws, query.get("AWSAccessKeyId"))];
    let Some((face, id)) = ids.into_iter().find_map(|(face, id)| Some((face, id?))) else { return Ok(None) };
    let expires = query.filled("Expires").ok_or(Refusal::IncompleteSignedUrl)?;
    let at: i64 = expires.parse().map_err(|_| Refusal::InvalidExpires { given: expires.to_owned() })?;
    let key = signed.keys.find(id)?;
    if signed.now.as_secs() > at {
        return Err(Refusal::Expired { expires: date::iso_millis(Timestamp::from_secs(at)), server: signed.now });
    }
    check_token(key, query.get(&face.named("security-token")), signed.now)?;
    Ok(Some(proof(signed, face, key, signature, expires)))
}

fn in_header<'a>(signed: &Signed<'a>, face: Face, id: &str, signature: &str) -> Result<Proof<'a>, Refusal> {
    let head = signed.head;
    let key = signed.keys.find(id)?;
    let own = head.header(&face.named("date")).map(str::to_owned);
    let plain = head.header("date");
    let written = own.as_deref().or(plain).ok_or(Refusal::MissingDate)?;
    let at = date::parse_http(written).or_else(|| date::parse_iso_basic(written));
    let at = at.ok_or_else(|| Refusal::InvalidDate { given: written.to_owned() })?;
    within_skew(at, written, signed.now)?;
    check_token(key, face.header(head, "security-token"), signed.now)?;
    // The face's own date is among the signed headers; then the line of the plain one is empty.
    let date_line = if own.is_some() { "" } else { written };
    Ok(proof(signed, face, key, signature, date_line))
}

/// `VERB, Content-MD5, Content-Type, date or expiry, the face's headers, resource`, a line each.
fn proof<'a>(signed: &Signed<'a>, face: Face, key: &'a AccessKey, provided: &str, date_line: &str) -> Proof<'a> {
    let head = signed.head;
    let header = |name| head.header(name).unwrap_or_default();
    let headers = head.headers_under(face.prefix());
    let headers: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let stages = |path: &str, sub_resources: &str| {
        let string_to_sign = format!(
            "{}\n{}\n{}\n{date_line}\n{headers}{path}{sub_resources}",
            head.method,
            header("content-md5"),
            header("content-type"),
        );
        let signature = base64(hmac_sha1(key.secret.reveal(), &string_to_sign));
        Stages { canonical: None, string_to_sign, signature }
    };
    let (path, signed_too) = (path(signed), sub_resources(&head.query, is_sub_resource));
    let documented = stages(&path, &signed_too);
    let fits = |stages: &Stages| stages.signature == provided;
    let with_slash = || Some(stages(&format!("{path}/"), &signed_too)).filter(|_| names_bucket(signed));
    let by_sdk = || {
        let signs = |name: &str| is_sub_resource(name) && name != CUSTOM_DOMAIN;
        head.query.has(CUSTOM_DOMAIN).then(|| stages(&path, &sub_resources(&head.query, signs)))
    };
    let other = if fits(&documented) { None } else { with_slash().filter(fits).or_else(|| by_sdk().filter(fits)) };
    Proof { key, provided: provided.to_owned(), stages: other.unwrap_or(documented) }
}

/// Whether the path is that of a bucket, and no slash follows. Clients send the same path and sign it with the slash (boto3) or
/// without (the vendor's SDKs), and both are served. Doubt: no page says so.
fn names_bucket(signed: &Signed<'_>) -> bool {
    let Located { address, style } = signed.located;
    matches!((address, style), (Address::Bucket(_), Style::Path)) && !signed.head.raw_path().ends_with('/')
}

/// The path as it came, below what stands for the bucket where the path does not name it. In a custom domain's requests
/// that is the host.
fn path(signed: &Signed<'_>) -> String {
    let path = signed.head.raw_path();
    match (signed.located.style, signed.located.address.bucket()) {
        (Style::VirtualHost | Style::Accelerated | Style::OtherRegion, Some(bucket)) => format!("/{bucket}{path}"),
        (Style::CustomDomain, _) => format!("/{}{path}", signed.head.host()),
        (Style::VirtualHost | Style::Accelerated | Style::OtherRegion | Style::Path, _) => path.to_owned(),
    }
}

/// `?` and the signed parameters: decoded, sorted, of each name the first; the bare name where the value is empty.
fn sub_resources(query: &Query, signs: impl Fn(&str) -> bool) -> String {
    let mut names: Vec<&str> = query.pairs().map(|(name, _)| name).filter(|name| signs(name)).collect();
    names.sort_unstable();
    names.dedup();
    let joined = names.iter().map(|name| match query.get(name) {
        Some("") | None => (*name).to_owned(),
        Some(value) => format!("{name}={value}"),
    });
    let joined: Vec<_> = joined.collect();
    if joined.is_empty() { String::new() } else { format!("?{}", joined.join("&")) }
}
