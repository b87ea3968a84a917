//! COS signatures (HMAC-SHA1): seven fields, in the `Authorization` header, as parameters of the URL, or all of them
//! merged into one parameter `sign`. Those of AWS version 4 are [`aws_v4`]'s, those of an earlier interface
//! [`sign_earlier`](super::sign_earlier)'s.
//!
//! The client chooses what it signs: exactly the headers and parameters that its two lists name. The path is signed
//! decoded, with the bucket in it where the request is path style.
//!
//! # Source
//! "Request Signature", <https://cloud.tencent.com/document/product/436/7778>. The vectors in `fixtures/cos/signature` were
//! made with the vendor's SDKs.

use std::collections::BTreeSet;

use super::sign_earlier::Earlier;
use crate::{
    dialect::{
        Keyring, Signed, aws_v4,
        signing::{MAX_SKEW, Proof, Stages, check_token},
    },
    store::{Refusal, Timestamp},
    wire::{
        digest::{hmac_sha1, sha1},
        encode::{escape, hex},
        head::{Head, without_port},
        query::Plus,
    },
};

const ALGORITHM: &str = "sha1";

/// What is said of signatures that are recognised and not verified.
pub(super) const AWS_V2: &str = "signatures of AWS version 2";

/// The fields of a signature, as the URL names them.
const FIELDS: [&str; 7] =
    ["q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature"];

pub(super) fn claimed_key(head: &Head) -> Option<String> {
    if is_aws_v4(head) {
        return aws_v4::claimed_key(head);
    }
    if let Some(earlier) = Earlier::of(head) {
        return Some(earlier.key().to_owned());
    }
    let key = match Fields::merged(head) {
        Some(text) => text.split('&').find_map(|field| field.strip_prefix("q-ak=")),
        None => head.query.get("q-ak"),
    };
    key.map(str::to_owned)
}

/// Whether a request carries a signature of AWS version 4: in its header, or without one in its URL.
pub(super) fn is_aws_v4(head: &Head) -> bool {
    match head.authorization_begins("AWS4-") {
        Some(version_4) => version_4,
        None => ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"].iter().any(|name| head.query.has(name)),
    }
}

/// Whether a request carries a signature of AWS version 2, which is not modelled.
pub(super) fn is_aws_v2(head: &Head) -> bool {
    match head.authorization_begins("AWS ") {
        Some(version_2) => version_2,
        None => head.query.has("AWSAccessKeyId"),
    }
}

/// A signature of AWS version 4, wherever it stands.
fn prove_aws_v4<'a>(signed: &Signed<'a>) -> Result<Proof<'a>, Refusal> {
    let Some(authorization) = signed.head.authorization() else { return aws_v4::in_url(signed) };
    match authorization.split_once(' ') {
        Some((aws_v4::SCHEME, fields)) => aws_v4::in_header(signed, fields),
        _ => Err(Refusal::UnsupportedScheme { scheme: authorization.to_owned() }),
    }
}

pub(super) fn prove<'a>(signed: &Signed<'a>) -> Result<Option<Proof<'a>>, Refusal> {
    let head = signed.head;
    if is_aws_v4(head) {
        return prove_aws_v4(signed).map(Some);
    }
    if is_aws_v2(head) {
        return Err(Refusal::NotImplemented { what: AWS_V2.into() });
    }
    if let Some(earlier) = Earlier::of(head) {
        return earlier.prove(signed).map(Some);
    }
    let Some(fields) = Fields::of(head) else { return Ok(None) };
    let claim = Claim::of(&fields).ok_or_else(|| match head.authorization() {
        Some(given) => Refusal::MalformedAuthorization { given: given.to_owned() },
        None => Refusal::IncompleteSignedUrl,
    })?;
    let key = signed.keys.find(claim.key)?;
    within_window(&claim, signed.now)?;
    let token = head.header("x-cos-security-token").or(head.query.get("x-cos-security-token"));
    check_token(key, token, signed.now)?;
    let provided = claim.signature.to_owned();
    Ok(Some(Proof { key, stages: best_stages(head, &claim, key.secret.reveal()), provided }))
}

/// What a plus in the query stands for: a blank if the signature fits that reading only, else itself.
pub(super) fn plus(head: &Head, keys: &Keyring) -> Plus {
    let fits = |plus| {
        let head = &head.clone().with_plus(plus);
        let fields = Fields::of(head)?;
        let claim = Claim::of(&fields)?;
        let secret = keys.get(claim.key)?.secret.reveal();
        Some(best_stages(head, &claim, secret).signature == claim.signature)
    };
    Plus::as_signed(|plus| fits(plus) == Some(true))
}

/// The fields of a signature, wherever they stand.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// None if the request carries no signature at all. Clients send an empty `Authorization` for that, too.
    fn of(head: &'a Head) -> Option<Self> {
        if let Some(text) = Self::merged(head) {
            return Some(Self(text.split('&').filter_map(|field| field.split_once('=')).collect()));
        }
        let fields: Vec<_> = head.query.pairs().filter(|(name, _)| FIELDS.contains(name)).collect();
        (!fields.is_empty()).then_some(Self(fields))
    }

    /// All of them in one text, if they come so.
    fn merged(head: &Head) -> Option<&str> {
        head.authorization().or(head.query.filled("sign")).map(str::trim)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }
}

/// A signature and what it claims to be made of.
struct Claim<'a> {
    key: &'a str,
    sign_time: &'a str,
    window: (i64, i64),
    key_time: &'a str,
    key_window: (i64, i64),
    headers: &'a str,
    parameters: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    /// None if a field is missing or cannot be read.
    fn of(fields: &Fields<'a>) -> Option<Self> {
        let [algorithm, key, sign_time, key_time, headers, parameters, signature] = FIELDS.map(|name| fields.get(name));
        algorithm.filter(|name| *name == ALGORITHM)?;
        let (sign_time, key_time) = (sign_time?, key_time?);
        Some(Self {
            key: key?,
            sign_time,
            window: window(sign_time)?,
            key_time,
            key_window: window(key_time)?,
            headers: headers?,
            parameters: parameters?,
            signature: signature?,
        })
    }
}

/// Parses `start;end`, in Unix seconds. `None` if the end comes before the start.
fn window(text: &str) -> Option<(i64, i64)> {
    let (start, end) = text.split_once(';')?;
    let seconds = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    Some((seconds(start)?, seconds(end)?)).filter(|(start, end)| start <= end)
}

/// Refuses a request outside of the window of its signature, or of the key that signed it.
///
/// The page has one `KeyTime` for both, which says when the signature is valid; the SDKs for Android and .NET can derive a key for
/// a longer time than they sign for. Doubt: whether the service looks at the window of the key. It is enforced, since a
/// client that passes so passes the other reading as well. Doubt: how a window that has yet to open is refused. A start
/// within the tolerated skew is accepted, as from a client whose clock is ahead; a later one is refused as skewed.
///
/// # Source
/// "Request Signature", <https://cloud.tencent.com/document/product/436/7778>.
fn within_window(claim: &Claim<'_>, now: Timestamp) -> Result<(), Refusal> {
    for (start, end) in [claim.window, claim.key_window] {
        if end < now.as_secs() {
            return Err(Refusal::Expired { expires: end.to_string(), server: now });
        }
        if start > now.plus(MAX_SKEW).as_secs() {
            return Err(Refusal::ClockSkew { request: start.to_string(), server: now });
        }
    }
    Ok(())
}

/// The stages over the host as it came; or over the host without its port, if that is what was signed: of the vendor's
/// SDKs some sign it in the one way and some in the other.
fn best_stages(head: &Head, claim: &Claim<'_>, secret: &str) -> Stages {
    let host = head.host_and_port();
    let as_it_came = stages(head, claim, secret, host);
    let bare = without_port(host);
    if as_it_came.signature == claim.signature || bare == host {
        return as_it_came;
    }
    let portless = stages(head, claim, secret, bare);
    if portless.signature == claim.signature { portless } else { as_it_came }
}

fn stages(head: &Head, claim: &Claim<'_>, secret: &str, host: &str) -> Stages {
    let value = |name: &str| if name == "host" { host.to_owned() } else { head.joined(name) };
    let headers = head.headers.keys().map(|name| (name.as_str(), value(name.as_str())));
    let parameters = head.query.pairs().map(|(name, value)| (name, value.to_owned()));
    let canonical = format!(
        "{}\n{}\n{}\n{}\n",
        head.method.as_str().to_ascii_lowercase(),
        head.path(),
        listed(claim.parameters, parameters),
        listed(claim.headers, headers),
    );
    let string_to_sign = format!("{ALGORITHM}\n{}\n{}\n", claim.sign_time, hex(sha1(&canonical)));
    // The digits of the key, not its bytes, key the second hash.
    let key = hex(hmac_sha1(secret, claim.key_time));
    let signature = hex(hmac_sha1(key, &string_to_sign));
    Stages { canonical: Some(canonical), string_to_sign, signature }
}

/// Renders the pairs that `list` names as `name=value&..`, sorted. A name that is listed and not among the pairs adds nothing: a
/// signature over an empty value does not fit a request from which the parameter or header was removed.
///
/// # Source
/// "Request Signature", <https://cloud.tencent.com/document/product/436/7778>: the list names what `HttpParameters` and
/// `HttpHeaders` are made of, and both are made of the request. The vendor's SDKs make the two from one map, so that
/// neither has a name that the other has not. Doubt: what the service computes where a listed name is absent.
fn listed<'a>(list: &str, pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    let names: BTreeSet<_> = list.split(';').map(str::to_ascii_lowercase).collect();
    let mut signed: Vec<_> = pairs
        .map(|(name, value)| (escape(name).to_ascii_lowercase(), escape(&value)))
        .filter(|(name, _)| names.contains(name))
        .collect();
    signed.sort();
    let signed: Vec<_> = signed.iter().map(|(name, value)| format!("{name}={value}")).collect();
    signed.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, authorization: &str) -> Head {
        let request = http::Request::builder().uri(uri).header("authorization", authorization).body(()).unwrap();
        Head::new(request.into_parts().0, crate::wire::query::Plus::Blank)
    }

    #[test]
    fn the_key_is_claimed_in_three_places() {
        let text = "q-sign-algorithm=sha1&q-ak=AKIDme&q-signature=0";
        let merged = format!("/k?uploadId=1&sign={}", escape(text));
        for head in [head("/k", text), head(&format!("/k?{text}"), ""), head(&merged, "")] {
            assert_eq!(claimed_key(&head).as_deref(), Some("AKIDme"), "{head:?}");
        }
        assert_eq!(claimed_key(&head("/k?uploadId=1", "")), None);
    }

    #[test]
    fn the_s3_protocol_is_recognised() {
        assert!(is_aws_v2(&head("/", "AWS AKID:x")) && is_aws_v4(&head("/", "AWS4-HMAC-SHA256 Credential=x")));
        assert!(is_aws_v4(&head("/?X-Amz-Signature=x", "")) && is_aws_v2(&head("/?AWSAccessKeyId=x", "")));
        let native = head("/", "q-sign-algorithm=sha1");
        assert!(!is_aws_v2(&native) && !is_aws_v4(&native));
    }

    /// Looked for one in the other, a million names would take hours.
    #[test]
    fn what_is_listed_and_absent_adds_nothing() {
        let pairs = || [("B", "2"), ("a", "x y"), ("c", "3")].map(|(name, value)| (name, value.to_owned())).into_iter();
        assert_eq!(listed("a;b;tagging", pairs()), "a=x%20y&b=2");
        assert_eq!(listed("", pairs()), "");
        let many: Vec<_> = (0..1_000_000).map(|number| number.to_string()).collect();
        assert_eq!(listed(&format!("{};c", many.join(";")), pairs()), "c=3");
    }

    #[test]
    fn windows() {
        assert_eq!((window("1;2"), window("2;2")), (Some((1, 2)), Some((2, 2))));
        for broken in ["", ";", "1", "1;", "-1;2", "a;b", "1;99999999999999999999", "1;2;3", "2;1"] {
            assert_eq!(window(broken), None, "{broken}");
        }
    }
}
