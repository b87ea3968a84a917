//! Which bucket and key a request to OSS is about: by virtual host, custom domain, or path.
//!
//! Real endpoints refuse path style; vendors' SDKs switch to it by themselves when the endpoint is an IP address, so it
//! is served on IP addresses and `localhost`.
//!
//! # Source
//! "Regions and endpoints", "Map custom domain names", "Bucket naming conventions", "Object naming conventions",
//! <https://www.alibabacloud.com/help/en/oss/>.

use crate::{
    dialect::{Address, Located, Realm, Style, reading},
    store::{BucketName, ObjectKey, Place, Refusal},
    wire::head::{Head, is_machine},
};

/// Bytes a key may have.
const MAX_KEY: usize = 1023;

/// What separates a bucket from the service in a host name: `bucket.oss-region..`, `bucket.s3.oss-region..`,
/// `bucket.region.oss..`, `bucket.oss.aliyuncs.com`.
const MARKS: [&str; 3] = [".s3.oss-", ".oss-", ".oss."];

/// The oldest name of the service, which hosts for addresses of both kinds end in.
const OLDEST: &str = "oss.aliyuncs.com";

pub(super) fn locate(head: &Head, realm: &Realm) -> Result<Located, Refusal> {
    let host = reading::host(head)?;
    let path = head.path();
    let path = path.strip_prefix('/').unwrap_or(&path);
    if let Some(bucket) = realm.domains.get(&*host) {
        return Ok(Located { address: below(bucket.clone(), path)?, style: Style::CustomDomain });
    }
    if is_machine(&host) {
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let address = if path.is_empty() { Address::Service } else { below(bucket_name(bucket)?, key)? };
        return Ok(Located { address, style: Style::Path });
    }
    // `s3` is no bucket, but what the bare host of the S3 face begins with; nor is the region before `.oss.`.
    let parts = MARKS.iter().find_map(|mark| split_at_dot(&host, mark));
    let parts = parts.filter(|(bucket, _)| *bucket != "s3" && !is_dual_stack(&host, realm));
    if let Some((bucket, rest)) = parts {
        // A dual-stack host names the region before `.oss.`, any other behind `oss-`.
        let (bucket, region) = bucket.split_once('.').unwrap_or((bucket, rest.split('.').next().unwrap_or_default()));
        let style = if is_here(region, realm) { Style::VirtualHost } else { Style::OtherRegion };
        return Ok(Located { address: below(bucket_name(bucket)?, path)?, style });
    }
    match is_bare(&host, realm) {
        true if path.is_empty() => Ok(Located { address: Address::Service, style: Style::VirtualHost }),
        true => Err(Refusal::PathStyle),
        false => Err(Refusal::ForeignHost { host: host.into_owned() }),
    }
}

/// Whether buckets can be created where a request is sent to: not by transfer acceleration.
///
/// # Source
/// "Transfer acceleration", <https://www.alibabacloud.com/help/en/oss/user-guide/transfer-acceleration/>; "PutBucket".
pub(super) fn creates_buckets(head: &Head) -> bool {
    !head.host().contains(".oss-accelerate")
}

/// Whether a host that belongs to no bucket is the service's own.
fn is_bare(host: &str, realm: &Realm) -> bool {
    let of_service = ["oss-", "s3.oss-"].iter().any(|start| host.starts_with(start));
    of_service || host == OLDEST || host == realm.service_host || is_dual_stack(host, realm)
}

/// Whether a host is the service's own for addresses of both kinds.
fn is_dual_stack(host: &str, realm: &Realm) -> bool {
    host.split_once('.') == Some((&realm.region, OLDEST))
}

/// What is before and behind a mark that begins with a dot. A host has few dots: looking at them costs less than the
/// preparation of a search for text.
fn split_at_dot<'a>(host: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let mut dots = host.bytes().enumerate().filter(|(_, byte)| *byte == b'.').map(|(at, _)| at);
    dots.find_map(|at| host[at..].strip_prefix(mark).map(|rest| (&host[..at], rest)))
}

/// Whether a host's region is that of the fake, or none in particular: transfer acceleration, or the oldest form of all.
fn is_here(region: &str, realm: &Realm) -> bool {
    let region = region.strip_suffix("-internal").unwrap_or(region);
    region == realm.region || region.starts_with("accelerate") || region == "aliyuncs"
}

fn below(bucket: BucketName, key: &str) -> Result<Address, Refusal> {
    if key.is_empty() {
        return Ok(Address::Bucket(bucket));
    }
    if key.len() > MAX_KEY {
        return Err(Refusal::KeyTooLong { max: MAX_KEY });
    }
    if key.starts_with(['/', '\\']) {
        return Err(Refusal::InvalidKey);
    }
    Ok(Address::Object(Place { bucket, key: ObjectKey::new(key) }))
}

fn bucket_name(name: &str) -> Result<BucketName, Refusal> {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let legal = (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| edge(*byte) || *byte == b'-')
        && edge(bytes[0])
        && edge(bytes[bytes.len() - 1]);
    if legal { Ok(BucketName::new(name)) } else { Err(Refusal::InvalidBucketName { bucket: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(uri: &str, host: &str) -> Result<Located, Refusal> {
        let request = http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
        let realm = Realm {
            region: "cn-hangzhou".into(),
            service_host: "oss-cn-hangzhou.aliyuncs.com".into(),
            domains: [("media.example.com".into(), BucketName::new("demo-bucket"))].into(),
        };
        locate(&Head::new(request.into_parts().0, crate::wire::query::Plus::Blank), &realm)
    }

    fn object(style: Style, key: &str) -> Result<Located, Refusal> {
        let place = Place { bucket: BucketName::new("demo-bucket"), key: ObjectKey::new(key) };
        Ok(Located { address: Address::Object(place), style })
    }

    fn bucket(style: Style) -> Result<Located, Refusal> {
        Ok(Located { address: Address::Bucket(BucketName::new("demo-bucket")), style })
    }

    #[test]
    fn every_way_to_write_an_address() {
        let hosts = ["oss-cn-hangzhou", "oss-cn-hangzhou-internal", "oss-accelerate", "s3.oss-cn-hangzhou", "oss"];
        for host in hosts {
            let host = format!("demo-bucket.{host}.aliyuncs.com:80");
            assert_eq!(at("/a%2Fb+c?x", &host), object(Style::VirtualHost, "a/b+c"), "{host}");
            assert_eq!(at("/", &host), bucket(Style::VirtualHost), "{host}");
        }
        assert_eq!(at("/demo-bucket/a/b", "127.0.0.1:1234"), object(Style::Path, "a/b"));
        assert_eq!(at("/demo-bucket", "[::1]:1"), bucket(Style::Path));
        assert_eq!(at("/demo-bucket/?uploads", "localhost"), bucket(Style::Path));
        assert_eq!(at("/a", "Media.Example.com:8080"), object(Style::CustomDomain, "a"));
        assert_eq!(at("/", "127.0.0.1").unwrap().address, Address::Service);
        let bare = ["oss-cn-hangzhou", "s3.oss-cn-hangzhou", "oss-cn-beijing", "oss", "cn-hangzhou.oss"];
        for host in bare.map(|host| format!("{host}.aliyuncs.com")) {
            assert_eq!(at("/", &host).unwrap().address, Address::Service, "{host}");
            assert_eq!(at("/demo-bucket/a", &host).unwrap_err(), Refusal::PathStyle, "{host}");
        }
    }

    #[test]
    fn another_region_is_noticed() {
        for host in ["demo-bucket.oss-cn-beijing.aliyuncs.com", "demo-bucket.cn-beijing.oss.aliyuncs.com"] {
            assert_eq!(at("/a", host), object(Style::OtherRegion, "a"), "{host}");
        }
        let dual_stack = "demo-bucket.cn-hangzhou.oss.aliyuncs.com";
        assert_eq!(at("/a", dual_stack), object(Style::VirtualHost, "a"));
    }

    #[test]
    fn every_way_to_write_a_wrong_one() {
        let foreign = Refusal::ForeignHost { host: "example.com".into() };
        assert_eq!(at("/a", "example.com").unwrap_err(), foreign);
        for name in ["ab", "Abc", "a_b", "-abc", "abc-", &"a".repeat(64)] {
            let bucket = name.to_owned();
            assert_eq!(at(&format!("/{name}/k"), "127.0.0.1").unwrap_err(), Refusal::InvalidBucketName { bucket });
        }
        let bucket = String::new();
        assert_eq!(at("//k", "127.0.0.1").unwrap_err(), Refusal::InvalidBucketName { bucket });
        let long = "k".repeat(1024);
        assert_eq!(at(&format!("/abc/{long}"), "127.0.0.1").unwrap_err(), Refusal::KeyTooLong { max: 1023 });
        assert_eq!(at("/abc//k", "127.0.0.1").unwrap_err(), Refusal::InvalidKey);
        assert_eq!(at("/abc/%zz", "127.0.0.1").unwrap_err(), Refusal::InvalidTarget);
    }
}
