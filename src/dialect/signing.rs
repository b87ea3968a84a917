//! What signatures of several providers share: the time window, tokens, the comparison, and the stages that are shown
//! when it fails.

use std::{ops::RangeInclusive, time::Duration};

use super::reading::parse_digits;
use crate::{
    store::{AccessKey, Mismatch, Principal, Refusal, SignatureField, Timestamp},
    wire::{date, digest::hmac_sha256, encode::hex},
};

/// How far a request's time may be from the service's, either way.
pub const MAX_SKEW: Duration = Duration::from_secs(15 * 60);

/// A signature as the service computes it, stage by stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stages {
    /// What is hashed into the string to sign, in schemes that have this stage.
    pub canonical: Option<String>,
    /// What is signed.
    pub string_to_sign: String,
    /// The signature.
    pub signature: String,
}

/// A signature that came, beside the one the service computes.
#[derive(Debug)]
pub struct Proof<'a> {
    /// The key that signed, as it claims.
    pub key: &'a AccessKey,
    /// The signature that came.
    pub provided: String,
    /// The signature as the service computes it.
    pub stages: Stages,
}

impl Proof<'_> {
    /// The principal, if the signatures are the same.
    pub fn principal(self) -> Result<Principal, Refusal> {
        let Self { key, provided, stages: Stages { canonical, string_to_sign, signature } } = self;
        if signature == provided {
            return Ok(key.principal.clone());
        }
        let facts = Mismatch { access_key: key.id.clone(), provided, string_to_sign, canonical };
        Err(Refusal::SignatureMismatch { facts: Box::new(facts) })
    }
}

/// Refuses a request whose time is too far from the service's. `written` is how the request wrote it.
pub fn within_skew(request: Timestamp, written: &str, now: Timestamp) -> Result<(), Refusal> {
    if u128::from(request.distance_millis(now)) <= MAX_SKEW.as_millis() {
        return Ok(());
    }
    Err(Refusal::ClockSkew { request: written.to_owned(), server: now })
}

/// Seconds a URL signed with version 4 may be good for: a week.
const LIFETIMES: RangeInclusive<u64> = 1..=604_800;

/// How long a URL signed with version 4 is good for.
pub fn lifetime(expires: &str) -> Result<Duration, Refusal> {
    let seconds = parse_digits(expires).filter(|seconds| LIFETIMES.contains(seconds));
    let field = SignatureField::ExpiresRange;
    seconds.map(Duration::from_secs).ok_or_else(|| Refusal::InvalidSignatureField { field, given: expires.to_owned() })
}

/// Refuses a URL that was signed at `at` for `lifetime`, and is used too late or too soon. `written` is how the URL has it.
pub fn within_lifetime(at: Timestamp, written: &str, lifetime: Duration, now: Timestamp) -> Result<(), Refusal> {
    let end = at.plus(lifetime);
    if now > end {
        return Err(Refusal::Expired { expires: date::iso_zero_millis(end), server: now });
    }
    if at > now.plus(MAX_SKEW) {
        return Err(Refusal::ClockSkew { request: written.to_owned(), server: now });
    }
    Ok(())
}

/// Refuses a request whose security token is not the one issued with its key. A temporary key without its token is no
/// key at all.
pub fn check_token(key: &AccessKey, presented: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
    match (&key.token, presented.filter(|token| !token.is_empty())) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(Refusal::UnknownAccessKey { id: key.id.clone() }),
        (Some(token), Some(presented)) if token.text.reveal() != presented => Err(Refusal::InvalidToken),
        (Some(token), Some(_)) if now > token.expires => Err(Refusal::ExpiredToken),
        (Some(_), Some(_)) => Ok(()),
        (None, Some(_)) => Err(Refusal::InvalidToken),
    }
}

/// The scope of a version-4 signature: `yyyymmdd/region/product/terminator`.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The day of signing.
    pub day: &'a str,
    /// The region.
    pub region: &'a str,
    /// The product.
    pub product: &'a str,
    /// The word the scope ends in.
    pub terminator: &'a str,
}

/// The stages of a version-4 signature: a canonical request, hashed into a string to sign, signed with a key that is
/// itself derived step by step from the secret. `algorithm` heads the string; `seed` is prefixed to the secret.
pub fn version_4(
    algorithm: &str,
    seed: &str,
    secret: &str,
    scope: Scope<'_>,
    signed_at: Timestamp,
    canonical: String,
) -> Stages {
    version_4_as_written(algorithm, seed, secret, scope, &date::iso_basic(signed_at), canonical)
}

/// The same, with the time of signing in the form in which the request writes it.
pub fn version_4_as_written(
    algorithm: &str,
    seed: &str,
    secret: &str,
    scope: Scope<'_>,
    written: &str,
    canonical: String,
) -> Stages {
    let Scope { day, region, product, terminator } = scope;
    let hash = hex(crate::wire::digest::sha256(&canonical));
    let string_to_sign = format!("{algorithm}\n{written}\n{day}/{region}/{product}/{terminator}\n{hash}");
    let key = derived_key(seed, secret, scope);
    Stages { canonical: Some(canonical), signature: hex(hmac_sha256(key, &string_to_sign)), string_to_sign }
}

/// The key that a version-4 signature is made with: the secret, step by step.
pub fn derived_key(seed: &str, secret: &str, Scope { day, region, product, terminator }: Scope<'_>) -> [u8; 32] {
    let first = hmac_sha256(format!("{seed}{secret}"), day);
    [region, product, terminator].iter().fold(first, hmac_sha256)
}

/// `credential/day/region/product/terminator`, taken apart.
pub fn credential(text: &str) -> Option<(&str, Scope<'_>)> {
    let mut fields = text.rsplitn(5, '/');
    let (terminator, product, region, day) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let id = fields.next().filter(|id| !id.is_empty())?;
    Some((id, Scope { day, region, product, terminator }))
}
