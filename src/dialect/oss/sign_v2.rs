//! OSS signatures of version 2 (`OSS2`, HMAC-SHA256), in the `Authorization` header or in the URL.
//!
//! The string to sign is that of version 1 with three differences: the resource is percent-encoded whole, slashes included,
//! and followed by every query parameter; headers that the client names are signed beside those of OSS; and their names have
//! a line of their own.
//!
//! # Source
//! `ProviderAuthV2` in `oss2/auth.py`, <https://github.com/aliyun/aliyun-oss-python-sdk> (read 2026-11-21); `getSignedStr` in
//! `oss/auth.go`, <https://github.com/aliyun/aliyun-oss-go-sdk>. Doubt: which error each broken field gets; no page of the
//! vendor's describes this version any more.

use super::sign::{check_token, joined, proof, resource, token_in_header};
use crate::{
    dialect::{
        Signed,
        signing::{Proof, Stages, within_skew},
    },
    store::{Refusal, Timestamp},
    wire::{
        date,
        digest::hmac_sha256,
        encode::{base64, escape},
    },
};

/// The word the scheme goes by, in the header and in the URL.
pub(super) const SCHEME: &str = "OSS2";

/// A field of `AccessKeyId:id,AdditionalHeaders:a;b,Signature:text`, which follows the scheme.
pub(super) fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let pairs = fields.split(',').filter_map(|field| field.trim().split_once(':'));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The signature in an `Authorization` header, whose fields (what follows the scheme) these are.
pub(super) fn in_header<'a>(
    signed: &Signed<'a>,
    fields: &str,
    malformed: &dyn Fn() -> Refusal,
) -> Result<Proof<'a>, Refusal> {
    let head = signed.head;
    let get = |name| field(fields, name).filter(|value| !value.is_empty()).ok_or_else(malformed);
    let (id, signature) = (get("AccessKeyId")?, get("Signature")?);
    let written = head.header("x-oss-date").or(head.header("date")).ok_or(Refusal::MissingDate)?;
    let at = date::parse_http(written).or_else(|| date::parse_iso_basic(written));
    let at = at.ok_or_else(|| Refusal::InvalidDate { given: written.to_owned() })?;
    let key = signed.keys.find(id)?;
    within_skew(at, written, signed.now)?;
    check_token(key, token_in_header(head), signed)?;
    let additional = field(fields, "AdditionalHeaders").unwrap_or_default();
    proof(signed, key, signature.to_owned(), additional, stages(signed, written, additional, key.secret.reveal()))
}

/// The signature in a URL.
pub(super) fn in_url<'a>(signed: &Signed<'a>) -> Result<Proof<'a>, Refusal> {
    let query = &signed.head.query;
    let get = |name| query.filled(name).ok_or(Refusal::IncompleteSignedUrl);
    let (id, expires, signature) = (get("x-oss-access-key-id")?, get("x-oss-expires")?, get("x-oss-signature")?);
    let at = expires.parse().map_err(|_| Refusal::InvalidExpires { given: expires.to_owned() })?;
    let (key, at) = (signed.keys.find(id)?, Timestamp::from_secs(at));
    if signed.now.as_secs() > at.as_secs() {
        return Err(Refusal::Expired { expires: date::iso_zero_millis(at), server: signed.now });
    }
    check_token(key, query.get("security-token").or(token_in_header(signed.head)), signed)?;
    let additional = query.get("x-oss-additional-headers").unwrap_or_default();
    proof(signed, key, signature.to_owned(), additional, stages(signed, expires, additional, key.secret.reveal()))
}

/// `VERB, Content-MD5, Content-Type, date or expiry, headers, names of additional headers, resource`, a line each.
fn stages(signed: &Signed<'_>, date_line: &str, additional: &str, secret: &str) -> Stages {
    let head = signed.head;
    let header = |name| head.header(name).unwrap_or_default();
    let mut additional: Vec<_> = additional.split(';').map(|name| name.trim().to_ascii_lowercase()).collect();
    additional.retain(|name| !name.is_empty());
    additional.sort();
    additional.dedup();
    let signs = |name: &String| name.starts_with("x-oss-") || additional.contains(name);
    let headers = head.headers_under("").into_iter().filter(|(name, _)| signs(name));
    let headers: String = headers.map(|(name, value)| format!("{name}:{value}\n")).collect();

    let parameters = head.query.pairs().filter(|(name, _)| *name != "x-oss-signature");
    let mut parameters: Vec<_> = parameters.map(|(name, value)| (escape(name), escape(value))).collect();
    parameters.sort();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| joined(name, value)).collect();
    let mark = if parameters.is_empty() { "" } else { "?" };
    let resource = escape(&resource(&signed.located.address, str::to_owned));

    let string_to_sign = format!(
        "{}\n{}\n{}\n{date_line}\n{headers}{}\n{resource}{mark}{}",
        head.method,
        header("content-md5"),
        header("content-type"),
        additional.join(";"),
        parameters.join("&"),
    );
    let signature = base64(hmac_sha256(secret, &string_to_sign));
    Stages { canonical: None, string_to_sign, signature }
}
