//! Headers of S3 that a fake does not model are refused and recorded as such; harmless ones change nothing.

use fake_bucket::{ExchangeEnd, Fake, Provider};

use crate::asked;

const AWS: &str = "AWS4-HMAC-SHA256 Credential=nobody/20231202/r/s3/aws4_request, SignedHeaders=host, Signature=0";

#[test]
fn an_unknown_header_is_refused_and_recorded_whatever_it_is_on() {
    for provider in [Provider::Cos, Provider::Obs] {
        let fake = Fake::of(provider).trusting().verify_on_drop(false).build();
        asked::done(&fake, "", "PUT", "/k", "old", &[]);
        let unknown = ("x-amz-expected-bucket-owner", "111122223333");
        let mut unmodelled = 0;
        let requests = [
            ("PUT", "/k"),
            ("DELETE", "/k"),
            ("POST", "/k?uploads"),
            ("GET", ""),
            ("GET", "/k"),
            ("DELETE", ""),
            ("PUT", ""),
        ];
        for (method, target) in requests {
            let request = asked::request(&fake, AWS, method, target, "", &[unknown]);
            assert_eq!(fake.answer(request).status(), 501, "{provider:?}: {method} {target}");
            unmodelled += 1;
        }
        let mut create = asked::request(&fake, AWS, "PUT", "", "", &[unknown]);
        *create.uri_mut() = "/fresh-1250000000".parse().expect("a path");
        assert_eq!(fake.answer(create).status(), 501, "{provider:?}: a bucket that is not there");
        let ends = fake.journal().into_iter().filter_map(|exchange| exchange.end);
        let recorded = ends.filter(|end| matches!(end, ExchangeEnd::Unmodelled { .. })).count();
        assert_eq!(recorded, unmodelled + 1, "{provider:?}: {}", fake.timeline());
        assert_eq!(fake.read("k").as_deref(), Some(&b"old"[..]), "{provider:?}");
        assert_eq!(fake.snapshot().buckets.len(), 1, "{provider:?}");
    }
}

#[test]
fn headers_of_the_sdks_change_nothing() {
    let harmless = [
        ("x-amz-api-version", "2006-03-01"),
        ("x-amz-optional-object-attributes", "RestoreStatus"),
        ("x-amz-checksum-mode", "ENABLED"),
        ("x-amz-request-payer", "requester"),
        ("x-amz-user-agent", "aws-sdk-js/3"),
    ];
    for provider in crate::PROVIDERS {
        let fake = Fake::of(provider).trusting().verify_on_drop(false).build();
        for (method, target, body) in [("PUT", "/k", "x"), ("GET", "/k", ""), ("GET", "", ""), ("DELETE", "/k", "")] {
            asked::done(&fake, AWS, method, target, body, &harmless);
        }
    }
}
