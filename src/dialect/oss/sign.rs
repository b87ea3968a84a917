//! OSS signatures, version 1 (HMAC-SHA1) and version 4 (HMAC-SHA256), in the `Authorization` header or in the URL.
//! Version 2 is [`sign_v2`]'s.
//!
//! Both sign `/bucket/key` whatever the addressing. Version 1 signs the decoded resource and a fixed list of
//! sub-resources; version 4 signs every query parameter and never the body.
//!
//! # Source
//! "Include signatures in the Authorization header", "Add signatures to URLs", "Include a V4 signature",
//! <https://www.alibabacloud.com/help/en/oss/developer-reference/>. The vectors in `fixtures/oss/signature` were made with
//! the vendor's SDKs.

use super::{address, sign_v2};
use crate::{
    dialect::{
        Address, Keyring, Realm, Signed, aws_v4,
        signing::{
            self, Proof, Scope, Stages, credential, lifetime, version_4_as_written, within_lifetime, within_skew,
        },
    },
    store::{AccessKey, Mismatch, Refusal, SignatureField, Timestamp},
    wire::{
        date,
        digest::hmac_sha1,
        encode::{base64, escape, escape_path},
        head::Head,
        query::Plus,
    },
};

const V4: &str = "OSS4-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Query parameters that version 1 signs as part of the resource.
#[rustfmt::skip]
const SUB_RESOURCES: [&str; 111] = [
    "accessPoint",
    "accessPointPolicy",
    "acl",
    "append",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "bucketInfo",
    "callback",
    "callback-var",
    "cloudboxes",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "delete",
    "encryption",
    "endTime",
    "group",
    "httpsConfig",
    "img",
    "inventory",
    "inventoryId",
    "lifecycle",
    "link",
    "live",
    "location",
    "logging",
    "metaQuery",
    "objectInfo",
    "objectMeta",
    "partNumber",
    "policy",
    "policyStatus",
    "position",
    "processConfiguration",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "qosRequester",
    "redundancyTransition",
    "referer",
    "regionList",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "requesterQosInfo",
    "resourceGroup",
    "resourcePool",
    "resourcePoolBuckets",
    "resourcePoolInfo",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "responseHeader",
    "restore",
    "rtc",
    "seal",
    "security-token",
    "sequential",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "udf",
    "udfApplication",
    "udfApplicationLog",
    "udfId",
    "udfImage",
    "udfImageDesc",
    "udfName",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "vip",
    "vod",
    "vpcip",
    "website",
    "withHashContext",
    "worm",
    "wormExtend",
    "wormId",
    "x-oss-ac-forward-allow",
    "x-oss-ac-source-ip",
    "x-oss-ac-subnet-mask",
    "x-oss-ac-vpc-id",
    "x-oss-access-point-name",
    "x-oss-async-process",
    "x-oss-delete",
    "x-oss-dir",
    "x-oss-enable-md5",
    "x-oss-enable-sha1",
    "x-oss-enable-sha256",
    "x-oss-hash-ctx",
    "x-oss-md5-ctx",
    "x-oss-process",
    "x-oss-redundancy-transition-taskid",
    "x-oss-rename",
    "x-oss-request-payer",
    "x-oss-target-redundancy-type",
    "x-oss-traffic-limit",
    "x-oss-write-get-object-response",
];

pub(super) fn claimed_key(head: &Head) -> Option<String> {
    let authorization = head.authorization().unwrap_or_default();
    if let Some((id, _)) = authorization.strip_prefix("OSS ").and_then(|rest| rest.rsplit_once(':')) {
        return Some(id.to_owned());
    }
    if let Some(fields) = authorization.strip_prefix(sign_v2::SCHEME) {
        return sign_v2::field(fields, "AccessKeyId").map(str::to_owned);
    }
    if let Some(fields) = authorization.strip_prefix(V4) {
        return credential(&Fields::of(fields).get("Credential")?).map(|(id, _)| id.to_owned());
    }
    let v4 = || credential(head.query.get("x-oss-credential")?).map(|(id, _)| id.to_owned());
    let v1_or_v2 = head.query.get("OSSAccessKeyId").or(head.query.get("x-oss-access-key-id"));
    v1_or_v2.map(str::to_owned).or_else(v4).or_else(|| aws_v4::claimed_key(head))
}

pub(super) fn prove<'a>(signed: &Signed<'a>) -> Result<Option<Proof<'a>>, Refusal> {
    let query = &signed.head.query;
    let v1_url = ["OSSAccessKeyId", "Signature"].iter().any(|name| query.has(name));
    let v2_url = query.get("x-oss-signature-version") == Some(sign_v2::SCHEME);
    let v4_url = query.has("x-oss-signature-version") || query.has("x-oss-signature");
    let s3_url = query.has("X-Amz-Signature") || query.has("X-Amz-Algorithm");
    let version_2 = || Refusal::NotImplemented { what: "AWS signature version 2".into() };
    if query.has("AWSAccessKeyId") {
        return Err(version_2());
    }
    let token_in_url = query.has("security-token") || query.has("x-oss-security-token");
    if token_in_url && token_in_header(signed.head).is_some() {
        return Err(Refusal::TwoProofs);
    }
    let mut headers = signed.head.headers.get_all("authorization").iter();
    let Some(authorization) = headers.next().map(|value| String::from_utf8_lossy(value.as_bytes())) else {
        return match () {
            () if v2_url => sign_v2::in_url(signed).map(Some),
            () if v4_url => v4_in_url(signed).map(Some),
            () if v1_url => v1_in_url(signed).map(Some),
            () if s3_url => aws_v4::in_url(signed).map(Some),
            () => Ok(None),
        };
    };
    if v1_url || v4_url || s3_url {
        return Err(Refusal::TwoProofs);
    }
    let malformed = || Refusal::MalformedAuthorization { given: authorization.to_string() };
    if headers.next().is_some() {
        return Err(malformed());
    }
    let (scheme, fields) = authorization.split_once(' ').ok_or_else(malformed)?;
    match scheme {
        "OSS" => {
            let pair = fields.trim().rsplit_once(':').filter(|(id, signature)| !id.is_empty() && !signature.is_empty());
            let (id, signature) = pair.ok_or_else(malformed)?;
            v1_in_header(signed, id, signature).map(Some)
        }
        V4 => v4_in_header(signed, &Fields::of(fields), &malformed).map(Some),
        aws_v4::SCHEME => aws_v4::in_header(signed, fields).map(Some),
        "AWS" => Err(version_2()),
        sign_v2::SCHEME => sign_v2::in_header(signed, fields, &malformed).map(Some),
        _ => Err(malformed()),
    }
}

/// The security token, where it belongs if the signature is in a header.
pub(super) fn token_in_header(head: &Head) -> Option<&str> {
    head.header("x-oss-security-token")
}

/// Refuses a token that was not issued with the key; one that was issued with another key hears so.
pub(super) fn check_token(key: &AccessKey, presented: Option<&str>, signed: &Signed<'_>) -> Result<(), Refusal> {
    let foreign = |other: &AccessKey| other.token.as_ref().is_some_and(|token| Some(token.text.reveal()) == presented);
    match signing::check_token(key, presented, signed.now) {
        Err(Refusal::InvalidToken) if signed.keys.iter().any(foreign) => Err(Refusal::ForeignToken),
        checked => checked,
    }
}

/// What a plus in the path stands for: a blank if the signature fits that reading only, else itself.
pub(super) fn plus_in_path(head: &Head, realm: &Realm, keys: &Keyring, now: Timestamp) -> Plus {
    let fits = |plus| {
        let head = &head.clone().with_plus_in_path(plus);
        let located = &address::locate(head, realm).ok()?;
        let proof = prove(&Signed { head, located, realm, keys, now }).ok()??;
        Some(proof.stages.signature == proof.provided)
    };
    Plus::as_signed(|plus| fits(plus) == Some(true))
}

fn v1_in_header<'a>(signed: &Signed<'a>, id: &str, signature: &str) -> Result<Proof<'a>, Refusal> {
    let head = signed.head;
    let written = head.header("x-oss-date").or(head.header("date")).ok_or(Refusal::MissingDate)?;
    let at = date::parse_http(written).or_else(|| date::parse_iso_basic(written));
    let at = at.ok_or_else(|| Refusal::InvalidDate { given: written.to_owned() })?;
    let key = signed.keys.find(id)?;
    within_skew(at, written, signed.now)?;
    check_token(key, token_in_header(head).or(head.header("security-token")), signed)?;
    let stages = v1_stages(signed, written, key.secret.reveal());
    Ok(Proof { key, provided: signature.to_owned(), stages })
}

fn v1_in_url<'a>(signed: &Signed<'a>) -> Result<Proof<'a>, Refusal> {
    let field = |name| signed.head.query.filled(name).ok_or(Refusal::IncompleteSignedUrl);
    let (id, expires, signature) = (field("OSSAccessKeyId")?, field("Expires")?, field("Signature")?);
    let at: i64 = expires.parse().map_err(|_| Refusal::InvalidExpires { given: expires.to_owned() })?;
    let key = signed.keys.find(id)?;
    if signed.now.as_secs() > at {
        return Err(Refusal::Expired { expires: date::iso_zero_millis(Timestamp::from_secs(at)), server: signed.now });
    }
    let token = signed.head.query.get("security-token").or(token_in_header(signed.head));
    check_token(key, token, signed)?;
    let stages = v1_stages(signed, expires, key.secret.reveal());
    Ok(Proof { key, provided: signature.to_owned(), stages })
}

/// `VERB, Content-MD5, Content-Type, date or expiry, x-oss- headers, resource`, a line each.
fn v1_stages(signed: &Signed<'_>, date_line: &str, secret: &str) -> Stages {
    let head = signed.head;
    let header = |name| head.header(name).unwrap_or_default();
    let oss_headers: String =
        head.headers_under("x-oss-").iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let string_to_sign = format!(
        "{}\n{}\n{}\n{date_line}\n{oss_headers}{}",
        head.method,
        header("content-md5"),
        header("content-type"),
        v1_resource(signed),
    );
    let signature = base64(hmac_sha1(secret, &string_to_sign));
    Stages { canonical: None, string_to_sign, signature }
}

/// `/bucket/key`, decoded, and the signed sub-resources, decoded and sorted.
fn v1_resource(signed: &Signed<'_>) -> String {
    let signs = |name: &&str| SUB_RESOURCES.contains(name);
    let mut subs: Vec<_> = signed.head.query.pairs().filter(|(name, _)| signs(name)).collect();
    subs.sort();
    let subs: Vec<_> = subs.into_iter().map(|(name, value)| joined(name, value)).collect();
    let mark = if subs.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", resource(&signed.located.address, str::to_owned), subs.join("&"))
}

pub(super) fn resource(address: &Address, spell: impl Fn(&str) -> String) -> String {
    match address {
        Address::Service => "/".to_owned(),
        Address::Bucket(bucket) => format!("/{bucket}/"),
        Address::Object(place) => format!("/{}/{}", place.bucket, spell(place.key.as_str())),
    }
}

/// A parameter: the bare name when its value is empty.
pub(super) fn joined(name: &str, value: &str) -> String {
    if value.is_empty() { name.to_owned() } else { format!("{name}={value}") }
}

fn v4_in_header<'a>(
    signed: &Signed<'a>,
    fields: &Fields<'_>,
    malformed: &dyn Fn() -> Refusal,
) -> Result<Proof<'a>, Refusal> {
    let head = signed.head;
    let field = |name| fields.get(name).ok_or_else(malformed);
    let (text, signature) = (field("Credential")?, field("Signature")?);
    let additional = fields.get("AdditionalHeaders");
    if additional.as_deref() == Some("") {
        return Err(invalid(SignatureField::AdditionalHeaders, ""));
    }
    let hash = head.header("x-oss-content-sha256").unwrap_or_default();
    if hash != UNSIGNED {
        return Err(invalid(SignatureField::ContentSha256, hash));
    }
    let (written, at) = v4_date(head)?;
    let (id, scope) = v4_scope(&text, at, signed)?;
    let key = signed.keys.find(id)?;
    within_skew(at, written, signed.now)?;
    check_token(key, token_in_header(head), signed)?;
    let additional = additional.unwrap_or_default();
    let canonical = v4_canonical(signed, &additional);
    let stages = version_4_as_written(V4, "aliyun_v4", key.secret.reveal(), scope, written, canonical);
    proof(signed, key, signature, &additional, stages)
}

/// The time of signing in the header, as it is written and as it is meant: `x-oss-date` is in ISO 8601, `Date`, which counts
/// where that is missing, as HTTP has it. Each is signed as it is written.
///
/// # Source
/// EC 0002-00000502, <https://help.aliyun.com/en/oss/user-guide/0002-00000502> (read 2026-11-21); that `Date` alone is enough:
/// `getSignedStrV4` in `oss/auth.go`, <https://github.com/aliyun/aliyun-oss-go-sdk>.
fn v4_date(head: &Head) -> Result<(&str, Timestamp), Refusal> {
    let (written, at) = match (head.header("x-oss-date"), head.header("date")) {
        (Some(written), _) => (written, date::parse_iso_basic(written)),
        (None, Some(written)) => (written, date::parse_http(written)),
        (None, None) => return Err(Refusal::MissingDate),
    };
    Ok((written, at.ok_or_else(|| Refusal::InvalidDate { given: written.to_owned() })?))
}

fn v4_in_url<'a>(signed: &Signed<'a>) -> Result<Proof<'a>, Refusal> {
    let query = &signed.head.query;
    if query.get("x-oss-signature-version") != Some(V4) {
        return Err(Refusal::IncompleteSignedUrl);
    }
    let signature = query.filled("x-oss-signature").ok_or(Refusal::IncompleteSignedUrl)?;
    let text = query.get("x-oss-credential").unwrap_or_default();
    let written = query.get("x-oss-date").unwrap_or_default();
    let at = date::parse_iso_basic(written).ok_or_else(|| invalid(SignatureField::Date, written))?;
    let expires = query.filled("x-oss-expires").ok_or_else(|| invalid(SignatureField::ExpiresMissing, ""))?;
    let lifetime = lifetime(expires)?;
    let (id, scope) = v4_scope(text, at, signed)?;
    let key = signed.keys.find(id)?;
    within_lifetime(at, written, lifetime, signed.now)?;
    check_token(key, query.get("x-oss-security-token").or(token_in_header(signed.head)), signed)?;
    let additional = query.get("x-oss-additional-headers").unwrap_or_default();
    let canonical = v4_canonical(signed, additional);
    let stages = version_4_as_written(V4, "aliyun_v4", key.secret.reveal(), scope, written, canonical);
    proof(signed, key, signature.to_owned(), additional, stages)
}

/// The signature that came beside the one the service computes. A request without a header that its signature lists has none
/// that fits, or a header that was signed as empty could be removed from it. Doubt: no page says what it is told.
pub(super) fn proof<'a>(
    signed: &Signed<'_>,
    key: &'a AccessKey,
    provided: String,
    additional: &str,
    stages: Stages,
) -> Result<Proof<'a>, Refusal> {
    let listed = additional.split(';').map(str::trim).filter(|name| !name.is_empty());
    if listed.into_iter().all(|name| signed.head.has(name)) {
        return Ok(Proof { key, provided, stages });
    }
    let Stages { canonical, string_to_sign, .. } = stages;
    let facts = Mismatch { access_key: key.id.clone(), provided, string_to_sign, canonical };
    Err(Refusal::SignatureMismatch { facts: Box::new(facts) })
}

/// The access key id and scope of a credential that fits this product, this region and the day of signing.
fn v4_scope<'a>(text: &'a str, at: Timestamp, signed: &Signed<'_>) -> Result<(&'a str, Scope<'a>), Refusal> {
    let (id, scope) = credential(text).ok_or_else(|| invalid(SignatureField::Credential, text))?;
    if scope.product != "oss" || scope.terminator != "aliyun_v4_request" || !date::iso_basic(at).starts_with(scope.day)
    {
        return Err(invalid(SignatureField::Credential, text));
    }
    if scope.region != signed.realm.region {
        return Err(invalid(SignatureField::Region, scope.region));
    }
    Ok((id, scope))
}

fn v4_canonical(signed: &Signed<'_>, additional: &str) -> String {
    let head = signed.head;
    let mut query: Vec<_> = head
        .query
        .pairs()
        .filter(|(name, _)| *name != "x-oss-signature")
        .map(|(name, value)| (escape(name), escape(value)))
        .collect();
    query.sort();
    let query: Vec<_> = query.iter().map(|(name, value)| joined(name, value)).collect();

    let always = |name: &str| name == "content-type" || name == "content-md5" || name.starts_with("x-oss-");
    let mut additional: Vec<_> = additional.split(';').map(|name| name.trim().to_ascii_lowercase()).collect();
    additional.retain(|name| !name.is_empty() && !always(name));
    additional.sort();
    let mut headers: Vec<_> = additional.iter().map(|name| (name.clone(), head.joined(name))).collect();
    headers.extend(head.headers_under("").into_iter().filter(|(name, _)| always(name)));
    headers.sort();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();

    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{UNSIGNED}",
        head.method,
        resource(&signed.located.address, escape_path),
        query.join("&"),
        additional.join(";"),
    )
}

fn invalid(field: SignatureField, given: &str) -> Refusal {
    Refusal::InvalidSignatureField { field, given: given.to_owned() }
}

/// The `name=value` fields of a version-4 `Authorization`, in any order, with or without a space after the comma.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.split(',').filter_map(|field| field.trim().split_once('=')).collect())
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
    }
}
