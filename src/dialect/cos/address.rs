//! Which bucket and key a request to COS is about: by virtual host, custom domain, or path.
//!
//! Real endpoints refuse path style for every bucket made since 2024, so it is served on IP addresses and `localhost`
//! only.
//!
//! # Source
//! "Bucket Overview", <https://cloud.tencent.com/document/product/436/13312>; "Object Overview",
//! <https://cloud.tencent.com/document/product/436/13324>; "Regions and Domains",
//! <https://cloud.tencent.com/document/product/436/6224>; the notice on path style,
//! <https://cloud.tencent.com/document/product/436/102489>.

use super::settings::is_current;
use crate::{
    dialect::{Address, Located, Realm, Style, reading},
    store::{BucketName, ObjectKey, Place, Refusal},
    wire::{
        encode::unescape,
        head::{Head, is_machine, without_port},
    },
};

/// Bytes a key may have.
const MAX_KEY: usize = 850;

/// Characters a key may not have: CAN, EM, SUB and ESC. The other control characters are allowed, and documents show them as
/// character references.
///
/// # Source
/// "Object Overview", <https://cloud.tencent.com/document/product/436/13324>, read 2026-11-21. Doubt: the other ones, which the page does
/// not mention.
const FORBIDDEN: [char; 4] = ['\x18', '\x19', '\x1a', '\x1b'];

/// Characters the name of a bucket may have before the account's number.
const MAX_BUCKET: usize = 50;

/// The host that lists the buckets of all regions.
const ALL_REGIONS: &str = "service.cos.myqcloud.com";

/// What the hosts begin with that list the buckets of one region.
const SERVICE: [&str; 2] = ["cos.", "cos-internal."];

/// What stands in a host name for the region where it is that of the global acceleration.
const ACCELERATED: &str = "accelerate";

/// What separates a bucket from the region in a host name.
const MARKS: [&str; 2] = [".cos.", ".cos-internal."];

pub(super) fn locate(head: &Head, realm: &Realm) -> Result<Located, Refusal> {
    let host = reading::host(head)?;
    let path = head.path();
    let path = path.strip_prefix('/').unwrap_or(&path);
    if let Some(bucket) = realm.domains.get(&*host) {
        return Ok(Located { address: below(bucket.clone(), path)?, style: Style::CustomDomain });
    }
    if is_machine(&host) {
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let address = if bucket.is_empty() { Address::Service } else { below(bucket_name(bucket)?, key)? };
        return Ok(Located { address, style: Style::Path });
    }
    if host == ALL_REGIONS || SERVICE.iter().any(|service| host.starts_with(service)) {
        return match path.is_empty() {
            true => Ok(Located { address: Address::Service, style: Style::VirtualHost }),
            false => Err(Refusal::PathStyle),
        };
    }
    let Some((bucket, rest)) = split(&host) else { return Err(Refusal::ForeignHost { host: host.into_owned() }) };
    let bucket = bucket_name(bucket)?;
    if !is_here(rest, realm) {
        return Err(Refusal::NoSuchBucket { bucket });
    }
    let path = if is_merged_away(head, path) { "" } else { path };
    let style = if region_of(rest) == ACCELERATED { Style::Accelerated } else { Style::VirtualHost };
    Ok(Located { address: below(bucket, path)?, style })
}

/// Whether a key is nothing but slashes and single dots, of which COS leaves nothing when it is asked for the object: it lists
/// the bucket, or tells whether there is one, instead. Doubt: other methods, which would be worse; here they mean the object.
///
/// # Source
/// `test/test.js`, "getObject() object The Getobject Key is illegal 1" to "5", and the same of "downloadFile()", in
/// <https://github.com/tencentyun/cos-nodejs-sdk-v5> (2.14.7).
fn is_merged_away(head: &Head, key: &str) -> bool {
    matches!(head.method.as_str(), "GET" | "HEAD")
        && !head.query.has("uploadId")
        && key.split('/').all(|segment| matches!(segment, "" | "."))
}

/// The place a copy reads from: `bucket.cos.region.myqcloud.com/key`, or `/bucket/key` as S3 has it; the key escaped.
///
/// Doubt: Apache OpenDAL sends the form of S3; whether COS takes it is not known, and it is taken here. Doubt: a region the
/// bucket is not in is taken to be answered there as anywhere.
///
/// # Source
/// "Upload Part - Copy", <https://cloud.tencent.com/document/product/436/8287>.
pub(super) fn source(given: &str, realm: &Realm) -> Result<Place, Refusal> {
    let (path, query) = given.split_once('?').unwrap_or((given, ""));
    if query.strip_prefix("versionId=").is_some_and(|version| !is_current(version)) {
        return Err(Refusal::NotImplemented { what: "copying from a version".into() });
    }
    let place = || {
        let (bucket, region, key) = match path.strip_prefix('/') {
            Some(path) => path.split_once('/').map(|(bucket, key)| (bucket, None, key))?,
            None => {
                let (host, key) = path.split_once('/')?;
                split(host).map(|(bucket, rest)| (bucket, Some(rest), key))?
            }
        };
        let bucket = bucket_name(bucket).ok()?;
        let key = unescape(key).filter(|key| !key.is_empty())?;
        Some((Place { bucket, key: ObjectKey::new(key) }, region))
    };
    match place() {
        None => Err(Refusal::InvalidCopySource { given: given.to_owned() }),
        Some((place, Some(region))) if !is_here(without_port(region), realm) => {
            Err(Refusal::NoSuchBucket { bucket: place.bucket })
        }
        Some((place, _)) => Ok(place),
    }
}

/// Whether the buckets of this region are among those that a host of the service lists. One with a region in its name lists
/// those of that region.
pub(super) fn lists_here(host: &str, realm: &Realm) -> bool {
    let region = SERVICE.iter().find_map(|service| host.strip_prefix(service));
    region.is_none_or(|rest| is_here(rest, realm))
}

/// A host name, cut between the bucket and the region. No bucket has a dot in its name: what follows the first is nearly always
/// what separates them.
fn split(host: &str) -> Option<(&str, &str)> {
    let at_first_dot = |(bucket, rest)| Some((bucket, SERVICE.iter().find_map(|mark| str::strip_prefix(rest, mark))?));
    host.split_once('.').and_then(at_first_dot).or_else(|| MARKS.iter().find_map(|mark| host.split_once(mark)))
}

/// Whether a host that ends so is served here: COS does not redirect to the region a bucket is in, it denies the bucket.
fn is_here(rest: &str, realm: &Realm) -> bool {
    [&realm.region, ACCELERATED].contains(&region_of(rest))
}

/// The region in what follows the bucket in a host name.
fn region_of(rest: &str) -> &str {
    rest.split('.').next().unwrap_or_default()
}

fn below(bucket: BucketName, key: &str) -> Result<Address, Refusal> {
    if key.is_empty() {
        return Ok(Address::Bucket(bucket));
    }
    if key.len() > MAX_KEY {
        return Err(Refusal::KeyTooLong { max: MAX_KEY });
    }
    if key.contains(FORBIDDEN) {
        return Err(Refusal::InvalidKey);
    }
    Ok(Address::Object(Place { bucket, key: ObjectKey::new(key) }))
}

/// A bucket's full name: the one its owner chose, a hyphen, and the account's number.
fn bucket_name(name: &str) -> Result<BucketName, Refusal> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((chosen, _)) = name.rsplit_once('-').filter(|(_, account)| is_number(account)) else {
        return Err(Refusal::BucketWithoutAccount { bucket: name.to_owned() });
    };
    let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = chosen.as_bytes();
    let legal = (1..=MAX_BUCKET).contains(&bytes.len())
        && bytes.iter().all(|byte| edge(byte) || *byte == b'-')
        && edge(&bytes[0])
        && edge(&bytes[bytes.len() - 1]);
    if legal { Ok(BucketName::new(name)) } else { Err(Refusal::InvalidBucketName { bucket: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: &str = "demo-1250000000";

    fn realm() -> Realm {
        Realm {
            region: "ap-guangzhou".into(),
            service_host: "cos.ap-guangzhou.myqcloud.com".into(),
            domains: [("media.example.com".into(), BucketName::new(BUCKET))].into(),
        }
    }

    fn at(uri: &str, host: &str) -> Result<Located, Refusal> {
        let request = http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
        locate(&Head::new(request.into_parts().0, crate::wire::query::Plus::Plus), &realm())
    }

    fn place(key: &str) -> Place {
        Place { bucket: BucketName::new(BUCKET), key: ObjectKey::new(key) }
    }

    fn object(style: Style, key: &str) -> Result<Located, Refusal> {
        Ok(Located { address: Address::Object(place(key)), style })
    }

    fn bucket(style: Style) -> Result<Located, Refusal> {
        Ok(Located { address: Address::Bucket(BucketName::new(BUCKET)), style })
    }

    #[test]
    fn every_way_to_write_an_address() {
        let hosts = [
            "cos.ap-guangzhou.myqcloud.com",
            "cos.ap-guangzhou.tencentcos.cn",
            "cos-internal.ap-guangzhou.tencentcos.cn",
        ];
        for host in hosts {
            let host = format!("{BUCKET}.{host}:80");
            assert_eq!(at("/a%2Fb+c?x", &host), object(Style::VirtualHost, "a/b+c"), "{host}");
            assert_eq!(at("//a", &host), object(Style::VirtualHost, "/a"), "{host}");
            assert_eq!(at("/", &host), bucket(Style::VirtualHost), "{host}");
        }
        assert_eq!(at("/a", "demo-1250000000.cos.accelerate.myqcloud.com"), object(Style::Accelerated, "a"));
        assert_eq!(at("/demo-1250000000/a/b", "127.0.0.1:1234"), object(Style::Path, "a/b"));
        assert_eq!(at("/demo-1250000000", "[::1]:1"), bucket(Style::Path));
        assert_eq!(at("/a", "Media.Example.com:8080"), object(Style::CustomDomain, "a"));
        for host in ["127.0.0.1", "cos.ap-guangzhou.myqcloud.com", "service.cos.myqcloud.com"] {
            assert_eq!(at("/", host).unwrap().address, Address::Service, "{host}");
        }
    }

    #[test]
    fn every_way_to_write_a_wrong_one() {
        let foreign = Refusal::ForeignHost { host: "example.com".into() };
        assert_eq!(at("/a", "example.com").unwrap_err(), foreign);
        assert_eq!(at("/demo-1250000000/a", "cos.ap-guangzhou.myqcloud.com").unwrap_err(), Refusal::PathStyle);
        let elsewhere = Refusal::NoSuchBucket { bucket: BucketName::new(BUCKET) };
        assert_eq!(at("/a", "demo-1250000000.cos.ap-beijing.myqcloud.com").unwrap_err(), elsewhere);
        for name in ["demo", "demo-", "demo-12x", ".."] {
            let bucket = name.to_owned();
            assert_eq!(at(&format!("/{name}/k"), "127.0.0.1").unwrap_err(), Refusal::BucketWithoutAccount { bucket });
        }
        for name in ["-1", "Abc-1", "a_b-1", "a.b-1", "-abc-1", "abc--1", &format!("{}-1", "a".repeat(51))] {
            let bucket = name.to_owned();
            assert_eq!(at(&format!("/{name}/k"), "127.0.0.1").unwrap_err(), Refusal::InvalidBucketName { bucket });
        }
        let long = "k".repeat(851);
        assert_eq!(at(&format!("/a-1/{long}"), "127.0.0.1").unwrap_err(), Refusal::KeyTooLong { max: 850 });
        assert_eq!(at("/a-1/%1B", "127.0.0.1").unwrap_err(), Refusal::InvalidKey);
        assert_eq!(at("/a-1/%zz", "127.0.0.1").unwrap_err(), Refusal::InvalidTarget);
    }

    #[test]
    fn sources_of_copies() {
        let source = |given: &str| source(given, &realm());
        let sources = [
            "demo-1250000000.cos.ap-guangzhou.myqcloud.com/a%20b?versionId=",
            "demo-1250000000.cos.ap-guangzhou.myqcloud.com:80/a%20b?versionId=null",
            "demo-1250000000.cos-internal.ap-guangzhou.tencentcos.cn/a%20b",
            "/demo-1250000000/a%20b",
        ];
        for given in sources {
            assert_eq!(source(given), Ok(place("a b")), "{given}");
        }
        let broken = [
            "",
            "word",
            "127.0.0.1:9/a",
            "demo.cos.ap-guangzhou.myqcloud.com/a",
            "demo-1250000000.cos.ap-guangzhou.myqcloud.com/",
            "http://demo-1250000000.cos.ap-guangzhou.myqcloud.com/a",
            "/demo-1250000000",
            "/demo-1250000000/%zz",
        ];
        for given in broken {
            assert_eq!(source(given), Err(Refusal::InvalidCopySource { given: given.to_owned() }), "{given}");
        }
        let version = "demo-1250000000.cos.ap-guangzhou.myqcloud.com/a?versionId=MTg0";
        assert!(matches!(source(version), Err(Refusal::NotImplemented { .. })));
        let elsewhere = Refusal::NoSuchBucket { bucket: BucketName::new(BUCKET) };
        assert_eq!(source("demo-1250000000.cos.ap-beijing.myqcloud.com/a"), Err(elsewhere));
    }

    #[test]
    fn hosts_list_the_buckets_of_their_region() {
        for host in ["service.cos.myqcloud.com", "cos.ap-guangzhou.myqcloud.com", "127.0.0.1"] {
            assert!(lists_here(host, &realm()), "{host}");
        }
        assert!(!lists_here("cos.ap-beijing.myqcloud.com", &realm()));
    }
}
