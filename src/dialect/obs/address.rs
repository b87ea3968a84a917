//! Which bucket and key a request to OBS is about: by virtual host, custom domain, or path.
//!
//! A region may refuse path style; SDKs use it for endpoints that are IP addresses, so it is served on every host that is
//! neither a bucket's nor a custom domain.
//!
//! # Source
//! "Constructing a Request", "Creating a Bucket" (the rules of names), "Uploading Objects - PUT" (the length of keys),
//! <https://support.huaweicloud.com/api-obs/>. Doubt: whether 1024 counts characters or bytes of a key; bytes are
//! counted, as the S3-compatible API reference has it.

use std::net::Ipv4Addr;

use crate::{
    dialect::{Address, Located, Realm, Style, reading},
    store::{BucketName, ObjectKey, Place, Refusal},
    wire::{encode::unescape, head::Head},
};

/// Bytes a key may have.
const MAX_KEY: usize = 1024;

/// Hosts besides the region's own that buckets are put in front of. The Python and Node SDKs do so with `localhost`.
const SERVICES: [&str; 2] = ["obs.myhuaweicloud.com", "localhost"];

pub(super) fn locate(head: &Head, realm: &Realm) -> Result<Located, Refusal> {
    let host = reading::host(head)?;
    let path = head.raw_path().strip_prefix('/').unwrap_or(head.raw_path());
    if let Some(bucket) = realm.domains.get(&*host) {
        return Ok(Located { address: below(bucket.clone(), path)?, style: Style::CustomDomain });
    }
    let services = [realm.service_host.as_str()].into_iter().chain(SERVICES);
    if let Some(bucket) = services.into_iter().find_map(|service| host.strip_suffix(service)?.strip_suffix('.')) {
        return Ok(Located { address: below(bucket_name(bucket)?, path)?, style: Style::VirtualHost });
    }
    if path.is_empty() {
        return Ok(Located { address: Address::Service, style: Style::Path });
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    Ok(Located { address: below(bucket_name(&decoded(bucket)?)?, key)?, style: Style::Path })
}

/// A bucket, or an object in it if the rest of the path names one.
fn below(bucket: BucketName, rest: &str) -> Result<Address, Refusal> {
    let key = decoded(rest)?;
    if key.is_empty() {
        return Ok(Address::Bucket(bucket));
    }
    if key.len() > MAX_KEY {
        return Err(Refusal::KeyTooLong { max: MAX_KEY });
    }
    Ok(Address::Object(Place { bucket, key: ObjectKey::new(key) }))
}

/// A part of the path, decoded once: a plus stays a plus.
fn decoded(path: &str) -> Result<String, Refusal> {
    unescape(path).ok_or(Refusal::InvalidTarget)
}

fn bucket_name(name: &str) -> Result<BucketName, Refusal> {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let legal = (3..=63).contains(&name.len())
        && name.bytes().all(|byte| edge(byte) || byte == b'-' || byte == b'.')
        && name.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && name.parse::<Ipv4Addr>().is_err();
    if legal { Ok(BucketName::new(name)) } else { Err(Refusal::InvalidBucketName { bucket: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(uri: &str, host: &str) -> Result<Located, Refusal> {
        let request = http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
        let realm = Realm {
            region: "cn-north-4".into(),
            service_host: "obs.cn-north-4.myhuaweicloud.com".into(),
            domains: [("media.example.com".into(), BucketName::new("demo.bucket"))].into(),
        };
        locate(&Head::new(request.into_parts().0, crate::wire::query::Plus::Plus), &realm)
    }

    fn object(style: Style, key: &str) -> Result<Located, Refusal> {
        let place = Place { bucket: BucketName::new("demo.bucket"), key: ObjectKey::new(key) };
        Ok(Located { address: Address::Object(place), style })
    }

    fn bucket(style: Style) -> Result<Located, Refusal> {
        Ok(Located { address: Address::Bucket(BucketName::new("demo.bucket")), style })
    }

    #[test]
    fn every_way_to_write_an_address() {
        for service in ["OBS.cn-north-4.myhuaweicloud.com", "obs.myhuaweicloud.com", "localhost"] {
            let host = format!("demo.bucket.{service}:80");
            assert_eq!(at("/a%2Fb+c?x", &host), object(Style::VirtualHost, "a/b+c"), "{host}");
            assert_eq!(at("/", &host), bucket(Style::VirtualHost), "{host}");
            assert_eq!(at("/demo.bucket//a", service), object(Style::Path, "/a"), "{service}");
            assert_eq!(at("/", service).unwrap().address, Address::Service, "{service}");
        }
        assert_eq!(at("/demo.bucket/a/../b", "127.0.0.1:1234"), object(Style::Path, "a/../b"));
        assert_eq!(at("/demo.bucket", "[::1]:1"), bucket(Style::Path));
        assert_eq!(at("/demo.bucket/?uploads", "who.knows"), bucket(Style::Path));
        assert_eq!(at("/a", "Media.Example.com:8080"), object(Style::CustomDomain, "a"));
    }

    #[test]
    fn every_way_to_write_a_wrong_one() {
        let long = "a".repeat(64);
        for name in ["", "ab", "Abc", "a_b", "-abc", "abc-", "abc.", "a..b", "a.-b", "a-.b", "1.2.3.4", "a%2Fb", &long]
        {
            let refused = at(&format!("/{name}/k"), "127.0.0.1").unwrap_err();
            assert_eq!(refused, Refusal::InvalidBucketName { bucket: name.replace("%2F", "/") });
        }
        let key = |length| "k".repeat(length);
        assert!(at(&format!("/abc/{}", key(1024)), "127.0.0.1").is_ok());
        assert_eq!(at(&format!("/abc/{}", key(1025)), "127.0.0.1").unwrap_err(), Refusal::KeyTooLong { max: 1024 });
        assert_eq!(at("/abc/%zz", "127.0.0.1").unwrap_err(), Refusal::InvalidTarget);
    }
}
