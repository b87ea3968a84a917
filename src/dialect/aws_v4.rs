//! AWS Signature Version 4, in the `Authorization` header or in the URL, as the S3-compatible faces of the services
//! take it.
//!
//! # Source
//! "Authenticating Requests (AWS Signature Version 4)", <https://docs.aws.amazon.com/AmazonS3/latest/API/>. That the date
//! may come in the `Date` header alone is what Huawei's SDKs do: <https://github.com/huaweicloud/huaweicloud-sdk-python-obs>.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Keyring, Signed,
    reading::parse_digits,
    signing::{
        Proof, Scope, Stages, check_token, credential, derived_key, lifetime, version_4, within_lifetime, within_skew,
    },
};
use crate::{
    store::{FramedBodies, Refusal, Rules, SignatureField, Timestamp},
    wire::{
        aws_chunked::{Chain, Framing, Signatures},
        date,
        digest::Checksum,
        encode::{escape, escape_path, unescape},
        head::Head,
        query::Plus,
    },
};

/// The word the scheme goes by.
pub const SCHEME: &str = "AWS4-HMAC-SHA256";

/// What a framed body is coded in.
pub const CODING: &str = "aws-chunked";

/// The header with the digest of the body, and what it says instead if the body is framed.
const HASH: &str = "x-amz-content-sha256";
const STREAMING: &str = "STREAMING-";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The access key id a request claims in this scheme.
pub fn claimed_key(head: &Head) -> Option<String> {
    let in_header = head.authorization().and_then(|text| text.strip_prefix(SCHEME));
    let text = match in_header {
        Some(fields) => field(fields, "Credential")?,
        None => head.query.get("X-Amz-Credential")?,
    };
    credential(text).map(|(id, _)| id.to_owned())
}

/// Headers whose names begin so act on a request, and have to be signed: those of Amazon S3, and those of the services that
/// speak its protocol.
const SIGNED_PREFIXES: [&str; 4] = ["x-amz-", "x-cos-", "x-obs-", "x-oss-"];

/// A version-4 signature and the facts that it was computed from, as the request states them.
struct Claim<'a> {
    /// The access key id.
    id: &'a str,
    scope: Scope<'a>,
    /// The time of signing.
    at: Timestamp,
    /// The time of signing, as the request writes it.
    written: &'a str,
    /// The names of the signed headers, separated by semicolons.
    names: &'a str,
    /// The digest of the body, or the word that stands in for it.
    hash: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    /// Parses the fields of an `Authorization` header, which follow the scheme.
    fn in_header(head: &'a Head, fields: &'a str) -> Result<Self, Refusal> {
        let malformed = || Refusal::MalformedAuthorization { given: SCHEME.to_owned() };
        let get = |name| field(fields, name).ok_or_else(malformed);
        let (text, names, signature) = (get("Credential")?, get("SignedHeaders")?, get("Signature")?);
        let written = head.header("x-amz-date").or(head.header("date")).ok_or(Refusal::MissingDate)?;
        let at = date::parse_iso_basic(written).or_else(|| date::parse_http(written));
        let at = at.ok_or_else(|| Refusal::InvalidDate { given: written.to_owned() })?;
        let (id, scope) = scope(text, at)?;
        let hash = head.header(HASH).unwrap_or(UNSIGNED);
        Ok(Self { id, scope, at, written, names, hash, signature })
    }

    /// Parses the parameters of a signed URL. Returns the claim and the lifetime of the URL.
    fn in_url(head: &'a Head) -> Result<(Self, Duration), Refusal> {
        let get = |name| head.query.filled(name).ok_or(Refusal::IncompleteSignedUrl);
        let (text, names, signature) = (get("X-Amz-Credential")?, get("X-Amz-SignedHeaders")?, get("X-Amz-Signature")?);
        let (written, expires) = (get("X-Amz-Date")?, get("X-Amz-Expires")?);
        let scheme = get("X-Amz-Algorithm")?;
        if scheme != SCHEME {
            return Err(Refusal::UnsupportedScheme { scheme: scheme.to_owned() });
        }
        let at = date::parse_iso_basic(written).ok_or_else(|| Refusal::InvalidDate { given: written.to_owned() })?;
        let lifetime = lifetime(expires)?;
        let (id, scope) = scope(text, at)?;
        let hash = head.header(HASH).unwrap_or(UNSIGNED);
        Ok((Self { id, scope, at, written, names, hash, signature }, lifetime))
    }

    /// Refuses a request with a header that has to be signed and is not.
    ///
    /// S3 exempts the header with the digest of the body, which is in the canonical request anyway. A `Content-MD5`, which
    /// S3 wants signed too, may go unsigned here: all that it can do is to have the request refused.
    ///
    /// # Source
    /// "Create a signed AWS API request", <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>:
    /// the signed headers include `host` and every `x-amz-*` header of the request. Doubt: that the three services are as
    /// strict as S3, and that their own headers have to be signed likewise; no page of theirs says.
    fn covers(&self, head: &Head) -> Result<(), Refusal> {
        let signed: BTreeSet<_> = self.names.split(';').map(str::to_ascii_lowercase).collect();
        let acts = |name: &&str| SIGNED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && *name != HASH;
        let present = head.headers.keys().map(http::HeaderName::as_str).filter(acts).chain(["host"]);
        let unsigned: BTreeSet<_> = present.filter(|name| !signed.contains(*name)).map(str::to_owned).collect();
        match unsigned.is_empty() {
            true => Ok(()),
            false => Err(Refusal::UnsignedHeaders { names: unsigned.into_iter().collect() }),
        }
    }

    /// The stages of the signature that the service computes.
    ///
    /// The path is decoded and encoded anew, as S3 has it. A signature of the path as it was sent is accepted too: doubt,
    /// no page of the services says how they read a path that is encoded in another way.
    fn stages(&self, head: &Head, secret: &str) -> Stages {
        let stages =
            |path: &str| version_4(SCHEME, "AWS4", secret, self.scope, self.at, self.canonical_request(head, path));
        let sent = head.raw_path();
        let encoded = unescape(sent).map_or_else(|| sent.to_owned(), |path| escape_path(&path));
        let normalized = stages(&encoded);
        if normalized.signature == self.signature || encoded == sent {
            return normalized;
        }
        Some(stages(sent)).filter(|stages| stages.signature == self.signature).unwrap_or(normalized)
    }

    /// The canonical request. A header that is listed and not there has no line, so that a signature over an empty value
    /// does not fit a request from which the header was removed; a header that is listed twice has one line.
    fn canonical_request(&self, head: &Head, path: &str) -> String {
        let signed = head.query.pairs().filter(|(name, _)| *name != "X-Amz-Signature");
        let mut query: Vec<_> = signed.map(|(name, value)| (escape(name), escape(value))).collect();
        query.sort();
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let header = |name: &str| match name {
            "host" => head.host_and_port().to_owned(),
            _ => head.joined(name).split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let mut seen = BTreeSet::new();
        let names = self.names.split(';').filter(|name| head.has(name) && seen.insert(*name));
        let headers: String = names.map(|name| format!("{name}:{}\n", header(name))).collect();
        let (names, hash) = (self.names, self.hash);
        format!("{}\n{path}\n{}\n{headers}\n{names}\n{hash}", head.method, query.join("&"))
    }
}

/// The signature in an `Authorization` header, whose fields (what follows the scheme) these are.
pub fn in_header<'a>(signed: &Signed<'a>, fields: &str) -> Result<Proof<'a>, Refusal> {
    let head = signed.head;
    let claim = Claim::in_header(head, fields)?;
    let key = signed.keys.find(claim.id)?;
    within_skew(claim.at, claim.written, signed.now)?;
    claim.covers(head)?;
    check_token(key, head.header("x-amz-security-token"), signed.now)?;
    let stages = claim.stages(head, key.secret.reveal());
    Ok(Proof { key, provided: claim.signature.to_owned(), stages })
}

/// The signature in a URL.
pub fn in_url<'a>(signed: &Signed<'a>) -> Result<Proof<'a>, Refusal> {
    let head = signed.head;
    let (claim, lifetime) = Claim::in_url(head)?;
    let key = signed.keys.find(claim.id)?;
    within_lifetime(claim.at, claim.written, lifetime, signed.now)?;
    claim.covers(head)?;
    check_token(key, head.query.get("X-Amz-Security-Token"), signed.now)?;
    let stages = claim.stages(head, key.secret.reveal());
    Ok(Proof { key, provided: claim.signature.to_owned(), stages })
}

/// Returns what a plus in the query stands for: a blank if the signature fits that reading only, else itself.
pub fn plus(head: &Head, keys: &Keyring) -> Plus {
    let fits = |plus| {
        let head = &head.clone().with_plus(plus);
        let claim = match head.authorization() {
            Some(authorization) => Claim::in_header(head, authorization.strip_prefix(SCHEME)?).ok()?,
            None => Claim::in_url(head).ok()?.0,
        };
        let secret = keys.get(claim.id)?.secret.reveal();
        Some(claim.stages(head, secret).signature == claim.signature)
    };
    Plus::as_signed(|plus| fits(plus) == Some(true))
}

/// The credential of a request signed on that day.
///
/// The region is not checked. Doubt: no page of the three services says whether they compare it with their own. Clients write the
/// service's name for it, the first part of its host (`oss-cn-hangzhou`), or the default of S3's SDKs (`us-east-1`).
fn scope(text: &str, at: Timestamp) -> Result<(&str, Scope<'_>), Refusal> {
    let fits = |(_, scope): &(&str, Scope<'_>)| {
        scope.product == "s3" && scope.terminator == "aws4_request" && date::iso_basic(at).starts_with(scope.day)
    };
    let invalid = || Refusal::InvalidSignatureField { field: SignatureField::Credential, given: text.to_owned() };
    credential(text).filter(fits).ok_or_else(invalid)
}

/// Whether a request says that its body is framed.
pub fn is_framed(head: &Head) -> bool {
    let streams = head.header(HASH).is_some_and(|hash| hash.starts_with(STREAMING));
    streams || head.joined("content-encoding").split(',').any(|coding| coding.trim() == CODING)
}

/// How the body of a request is framed, if it is and such bodies are taken.
pub fn framing(head: &Head, rules: &Rules) -> Result<Option<Framing>, Refusal> {
    let how = head.filled(HASH).and_then(|hash| hash.strip_prefix(STREAMING));
    let Some(how) = how.filter(|_| rules.framed_bodies == FramedBodies::Taken) else { return Ok(None) };
    let (signatures, trailed) = match how {
        "AWS4-HMAC-SHA256-PAYLOAD" => (Signatures::Unchecked, false),
        "AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => (Signatures::Unchecked, true),
        "UNSIGNED-PAYLOAD-TRAILER" => (Signatures::Absent, true),
        _ => return Err(Refusal::NotImplemented { what: format!("{HASH}: {STREAMING}{how}") }),
    };
    let (length, trailer) = ("x-amz-decoded-content-length", "x-amz-trailer");
    let invalid = |name: &'static str, value: &str| Refusal::InvalidArgument { name, value: value.to_owned() };
    let given = head.filled(length).ok_or(Refusal::MissingContentLength)?;
    let decoded_length = parse_digits(given).ok_or_else(|| invalid(length, given))?;
    let trailer = match trailed {
        false => None,
        true => {
            let given = head.filled(trailer).ok_or(Refusal::MissingHeader { name: trailer })?;
            Some(Checksum::named(given.trim()).ok_or_else(|| invalid(trailer, given))?)
        }
    };
    Ok(Some(Framing { decoded_length, signatures, trailer }))
}

/// The chain that the chunks of a body are signed by, which begins with the signature in the head's header.
pub fn chain(head: &Head, keys: &Keyring) -> Option<Chain> {
    let fields = head.authorization()?.strip_prefix(SCHEME)?;
    let (id, scope) = credential(field(fields, "Credential")?)?;
    let key = keys.get(id)?;
    let written = head.header("x-amz-date").or(head.header("date"))?;
    let at = date::parse_iso_basic(written).or_else(|| date::parse_http(written))?;
    let Scope { day, region, product, terminator } = scope;
    Some(Chain {
        access_key: id.to_owned(),
        key: derived_key("AWS4", key.secret.reveal(), scope),
        scope: format!("{}\n{day}/{region}/{product}/{terminator}", date::iso_basic(at)),
        previous: field(fields, "Signature")?.to_owned(),
    })
}

/// One field of `name=value, name=value`, with or without a space after the comma.
fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let pairs = fields.split(',').filter_map(|field| field.trim().split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::{Provider, vectors},
        wire::aws_chunked::{Broken, Decoder},
    };

    /// The published example in that folder: its head, and its body.
    fn published(case: &str) -> (Head, Vec<u8>) {
        let path = format!("{}/fixtures/s3/aws-chunked/{case}/request.http", env!("CARGO_MANIFEST_DIR"));
        let request = std::fs::read_to_string(path).expect("an example");
        let (head, body) = request.split_once("\n\n").expect("a body");
        let body = body.replace("{repeat 65536 a}", &"a".repeat(65_536)).replace("{repeat 1024 a}", &"a".repeat(1024));
        (vectors::parse(Provider::Obs, head), body.into_bytes())
    }

    fn keys() -> Keyring {
        let mut keys = Keyring::default();
        keys.add(vectors::key("AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
        keys
    }

    /// How an example is framed: its head's signature is right, and its chunks' are to be checked.
    fn framed(head: &Head) -> Framing {
        let rules = Rules { framed_bodies: FramedBodies::Taken, ..Provider::Obs.dialect().rules() };
        let keys = keys();
        let mut framing = framing(head, &rules).expect("it can be read").expect("it is framed");
        let address = crate::dialect::Address::Service;
        let located = crate::dialect::Located { address, style: crate::dialect::Style::Path };
        let realm = vectors::realm(Provider::Obs);
        let now = Timestamp::from_secs(1_369_353_600);
        let signed = Signed { head, located: &located, realm: &realm, keys: &keys, now };
        let fields = head.authorization().and_then(|text| text.strip_prefix(SCHEME)).expect("a signature");
        let proof = in_header(&signed, fields).expect("it can be proved");
        assert_eq!(proof.provided, proof.stages.signature);
        framing.signatures = Signatures::Checked(chain(head, &keys).expect("a chain"));
        framing
    }

    fn decode(framing: &Framing, body: Vec<u8>) -> Result<usize, Broken> {
        let (mut decoder, mut out) = (Decoder::new(framing), Vec::new());
        decoder.feed(body.into(), &mut out)?;
        decoder.finish().map(|()| out.concat().len())
    }

    #[test]
    fn published_examples_verify() {
        let (head, body) = published("signed");
        assert_eq!(head.content_length(), Some(body.len() as u64));
        assert_eq!(decode(&framed(&head), body), Ok(66_560));
        let (head, body) = published("signed-with-trailer");
        assert_eq!(decode(&framed(&head), body), Ok(66_560));
    }

    #[test]
    fn headers_that_act_have_to_be_signed() {
        let unsigned = |names: &str, headers: &str| {
            let fields = format!("Credential=a/20130524/r/s3/aws4_request,SignedHeaders={names},Signature=0");
            let date = "x-amz-date: 20130524T000000Z";
            let request = format!("PUT /k HTTP/1.1\nHost: h\n{date}\nx-amz-content-sha256: UNSIGNED-PAYLOAD{headers}");
            let head = vectors::parse(Provider::Obs, &request);
            match Claim::in_header(&head, &fields).unwrap().covers(&head) {
                Ok(()) => String::new(),
                Err(Refusal::UnsignedHeaders { names }) => names.join(", "),
                Err(refusal) => panic!("{refusal:?}"),
            }
        };
        assert_eq!(unsigned("host;x-amz-date", ""), "");
        assert_eq!(unsigned("Host;X-Amz-Date", ""), "");
        assert_eq!(unsigned("", ""), "host, x-amz-date");
        assert_eq!(unsigned("x-amz-date", ""), "host");
        assert_eq!(unsigned("host;x-amz-date", "\nx-amz-acl: private\nx-cos-acl: private"), "x-amz-acl, x-cos-acl");
        assert_eq!(unsigned("host;x-amz-date;x-amz-acl", "\nx-amz-acl: private"), "");
        let harmless = "\ncontent-type: a\ncontent-md5: a\namz-sdk-request: a\nx-amzn-trace-id: a\nif-match: a";
        assert_eq!(unsigned("host;x-amz-date", harmless), "");
    }

    /// A line for each time a name is listed would let a short request make a long canonical request.
    #[test]
    fn a_header_that_is_listed_twice_has_one_line() {
        let names = "host;".repeat(1000) + "absent";
        let fields = format!("Credential=a/20130524/r/s3/aws4_request,SignedHeaders={names},Signature=0");
        let head = vectors::parse(Provider::Obs, "PUT /k HTTP/1.1\nHost: h\nDate: Fri, 24 May 2013 00:00:00 GMT");
        let canonical = Claim::in_header(&head, &fields).unwrap().canonical_request(&head, "/k");
        assert_eq!(canonical, format!("PUT\n/k\n\nhost:h\n\n{names}\nUNSIGNED-PAYLOAD"));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        for case in ["signed", "signed-with-trailer"] {
            let (head, body) = published(case);
            let framing = framed(&head);
            // A byte of the first chunk, of each signature and of the checksum.
            let text = String::from_utf8(body.clone()).expect("text");
            let signatures = text.match_indices("signature=").chain(text.match_indices("signature:"));
            let places = signatures.map(|(at, word)| at + word.len()).chain([200]);
            for at in places.chain(text.find("sOO8")) {
                let mut changed = body.clone();
                changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
                let refused = decode(&framing, changed);
                assert!(matches!(refused, Err(Broken::Signature { .. })), "{case}, byte {at}: {refused:?}");
            }
        }
    }

    #[test]
    fn a_head_must_say_how_its_body_is_framed() {
        let head = |headers: &[(&str, &str)]| {
            let lines: String = headers.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
            vectors::parse(Provider::Obs, &format!("PUT /k HTTP/1.1{lines}"))
        };
        let taken = Rules { framed_bodies: FramedBodies::Taken, ..Provider::Obs.dialect().rules() };
        let read = |headers: &[(&str, &str)]| framing(&head(headers), &taken).map(|framing| framing.is_some());
        let (unsigned, length) = ((HASH, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-decoded-content-length", "4"));
        let trailer = ("x-amz-trailer", "x-amz-checksum-crc64nvme");
        assert_eq!(read(&[unsigned, length, trailer]), Ok(true));
        assert_eq!(read(&[(HASH, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), length]), Ok(true));
        assert_eq!(read(&[(HASH, "UNSIGNED-PAYLOAD")]), Ok(false));
        let refused = Provider::Obs.dialect().rules();
        assert!(framing(&head(&[unsigned, length, trailer]), &refused).unwrap().is_none());
        assert_eq!(read(&[unsigned, trailer]), Err(Refusal::MissingContentLength));
        assert_eq!(read(&[unsigned, length]), Err(Refusal::MissingHeader { name: "x-amz-trailer" }));
        let invalid = |name, value: &str| Err(Refusal::InvalidArgument { name, value: value.to_owned() });
        assert_eq!(read(&[unsigned, (length.0, "-4"), trailer]), invalid(length.0, "-4"));
        assert_eq!(read(&[unsigned, length, (trailer.0, "x-amz-meta-a")]), invalid(trailer.0, "x-amz-meta-a"));
        let what = "x-amz-content-sha256: STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD".to_owned();
        assert_eq!(read(&[(HASH, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")]), Err(Refusal::NotImplemented { what }));
        assert!(is_framed(&head(&[("content-encoding", "gzip, aws-chunked")])) && !is_framed(&head(&[])));
    }
}
