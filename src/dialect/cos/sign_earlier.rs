//! The signature of the JSON interface that came before this one ("version 4"), which COS still takes in URLs: the parameter
//! `sign` is the base64 of an HMAC-SHA1 followed by the text it is made of.
//!
//! The text names the account, the bucket, the key that signs, when the signature begins and ends, and the path; an empty
//! path stands for every object of the bucket. The method is not signed.
//!
//! # Source
//! `getV4Auth` in `sdk/util.js` and its test in `test/test.js` of the vendor's SDK for Node.js,
//! <https://github.com/tencentyun/cos-nodejs-sdk-v5> (2.14.7). Doubt: what is answered when it does not hold; here what a
//! signature of today gets. One that ends at 0, for a single use, counts as over.

use crate::{
    dialect::{
        Address, Signed,
        signing::{Proof, Stages, check_token},
    },
    store::{Place, Refusal},
    wire::{
        digest::hmac_sha1,
        encode::{escape_path, hex, unbase64, unescape},
        head::Head,
    },
};

/// Bytes of the signature, before the text.
const SIGNATURE: usize = 20;

/// A signature, and the text it came with.
pub(super) struct Earlier {
    signature: Vec<u8>,
    text: String,
    /// In Unix seconds.
    expires: i64,
}

impl Earlier {
    /// None if the URL carries no such signature.
    pub(super) fn of(head: &Head) -> Option<Self> {
        let bytes = unbase64(head.query.filled("sign")?)?;
        let (signature, text) = bytes.split_at_checked(SIGNATURE)?;
        let text = String::from_utf8(text.to_vec()).ok()?;
        let expires = field(&text, "e")?.parse().ok()?;
        let whole = ["a", "b", "k", "f"].iter().all(|name| field(&text, name).is_some());
        whole.then_some(Self { signature: signature.to_vec(), text, expires })
    }

    /// The access key it claims to be made with.
    pub(super) fn key(&self) -> &str {
        field(&self.text, "k").unwrap_or_default()
    }

    pub(super) fn prove<'a>(&self, signed: &Signed<'a>) -> Result<Proof<'a>, Refusal> {
        let key = signed.keys.find(self.key())?;
        if self.expires < signed.now.as_secs() {
            return Err(Refusal::Expired { expires: self.expires.to_string(), server: signed.now });
        }
        check_token(key, signed.head.query.get("x-cos-security-token"), signed.now)?;
        let string_to_sign = self.text_for(&signed.located.address);
        let signature = hex(hmac_sha1(key.secret.reveal(), &string_to_sign));
        let stages = Stages { canonical: None, string_to_sign, signature };
        Ok(Proof { key, stages, provided: hex(&self.signature) })
    }

    /// The text as it had to be, for a request of this address.
    fn text_for(&self, address: &Address) -> String {
        let bucket = address.bucket().map_or("", |bucket| bucket.as_str());
        let (name, account) = bucket.rsplit_once('-').unwrap_or((bucket, ""));
        let key = if let Address::Object(Place { key, .. }) = address { key.as_str() } else { "" };
        let path = format!("/{account}/{name}/{key}");
        let right = |(field, given): (&str, &str)| match field {
            "a" => format!("a={account}"),
            "b" => format!("b={name}"),
            "f" if !given.is_empty() && unescape(given).as_ref() != Some(&path) => format!("f={}", escape_path(&path)),
            _ => format!("{field}={given}"),
        };
        fields(&self.text).map(right).collect::<Vec<_>>().join("&")
    }
}

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&').filter_map(|field| field.split_once('='))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    fields(text).find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::{Keyring, Provider, vectors},
        store::{RefusalKind, Timestamp},
        wire::encode::{base64, escape},
    };

    const SECRET: &str = "secret";

    fn signed(text: &str) -> String {
        let signature = hmac_sha1(SECRET, text).to_vec();
        escape(&base64([signature, text.as_bytes().to_vec()].concat()))
    }

    /// What becomes of a request for `target`, with this text signed, at second 100.
    fn judged(target: &str, text: &str) -> Result<(), RefusalKind> {
        let request =
            format!("GET {target}?sign={} HTTP/1.1\nHost: demo-1.cos.ap-guangzhou.myqcloud.com", signed(text));
        let provider = Provider::Cos;
        let (head, realm) = (vectors::parse(provider, &request), vectors::realm(provider));
        let located = super::super::address::locate(&head, &realm).unwrap();
        let mut keys = Keyring::default();
        keys.add(vectors::key(&format!("AKID {SECRET}")));
        let signed =
            Signed { head: &head, located: &located, realm: &realm, keys: &keys, now: Timestamp::from_secs(100) };
        let proof = Earlier::of(&head).ok_or(RefusalKind::Anonymous)?.prove(&signed);
        proof.and_then(Proof::principal).map(|_| ()).map_err(|refusal| refusal.kind())
    }

    #[test]
    fn it_opens_what_it_names_until_it_is_over() {
        let text = |path: &str| format!("a=1&b=demo&k=AKID&t=90&e=100&r=7&f={path}");
        assert_eq!(judged("/a%20(1)/b", &text("/1/demo/a%20(1)/b")), Ok(()));
        assert_eq!(judged("/any", &text("")), Ok(()));
        let mismatch = Err(RefusalKind::SignatureMismatch);
        assert_eq!(judged("/other", &text("/1/demo/key")), mismatch);
        assert_eq!(judged("/key", &text("/1/demo/key").replace("demo", "else")), mismatch);
        assert_eq!(judged("/key", &text("").replace("e=100", "e=99")), Err(RefusalKind::Expired));
        assert_eq!(judged("/key", &text("").replace("AKID", "AKID2")), Err(RefusalKind::UnknownAccessKey));
        assert_eq!(judged("/key", "a=1&b=demo&k=AKID"), Err(RefusalKind::Anonymous));
    }
}
