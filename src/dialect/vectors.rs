//! Signature vectors: every folder under `fixtures/<provider>/signature`, verified stage by stage; and the tables of
//! refusals, checked for gaps.

use std::{fs, path::Path};

use super::{Keyring, Provider, Realm, Signed, row::ErrorRow, signing::Proof};
use crate::{
    store::{
        AccessKey, Account, BucketName, Principal, Refusal, RefusalKind, Role, Secret, Standing, Timestamp, Token, User,
    },
    wire::{head::Head, reply::Reply},
};

const PROVIDERS: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];

#[test]
fn every_vector_verifies_stage_by_stage() {
    for provider in PROVIDERS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider.name()).join("signature");
        let entries = fs::read_dir(&root).expect("the provider has vectors");
        let mut cases: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
        cases.retain(|case| case.is_dir());
        cases.sort();
        assert!(cases.len() > 10, "only {} vectors for {}", cases.len(), provider.name());
        let keys = fs::read_to_string(root.join("keys.txt")).expect("keys");
        for case in cases {
            verify(provider, &case, &keys);
        }
    }
}

fn verify(provider: Provider, case: &Path, keys: &str) {
    let name = case.display();
    let read = |file: &str| fs::read_to_string(case.join(file));
    let head = parse(provider, &read("request.http").unwrap_or_else(|error| panic!("{name}: {error}")));
    let clock = read("clock.txt").expect("a clock").trim().parse().expect("seconds");
    let realm = realm(provider);
    let with_token = keys.lines().filter(|line| line.split(' ').count() == 3).map(str::to_owned);
    let without = keys.lines().filter(|line| line.split(' ').count() == 2).map(str::to_owned);
    // A key may stand in the list with and without a token: each is tried, as a service would hold but one of them.
    let rings = [without.clone().collect::<Vec<_>>(), with_token.chain(without).collect()];
    let tried = rings.map(|lines| {
        let mut ring = Keyring::default();
        lines.iter().rev().for_each(|line| ring.add(key(line)));
        check(provider, &head, &realm, &ring, Timestamp::from_secs(clock), case)
    });
    assert!(tried.iter().any(Result::is_ok), "{name}: {tried:#?}");
}

fn check(
    provider: Provider,
    head: &Head,
    realm: &Realm,
    keys: &Keyring,
    now: Timestamp,
    case: &Path,
) -> Result<(), String> {
    let dialect = provider.dialect();
    let head = head.clone().with_plus(dialect.plus_in(head, keys));
    let plus_in_path = dialect.plus_in_path(&head, realm, keys, now);
    let head = &head.with_plus_in_path(plus_in_path);
    let located = &dialect.address(head, realm).map_err(|refusal| format!("{refusal:?}"))?;
    let signed = Signed { head, located, realm, keys, now };
    let proof = dialect.prove(&signed).map_err(|refusal| format!("{refusal:?}"))?;
    let Proof { stages, provided, .. } = proof.ok_or("unsigned")?;
    let stage = |file: &str, found: &str| match fs::read_to_string(case.join(file)) {
        Ok(expected) if expected != found => Err(format!("{file}\n{found:?}\nexpected\n{expected:?}")),
        _ => Ok(()),
    };
    let canonical = stages.canonical.as_deref().unwrap_or_default();
    stage("canonical-request.txt", canonical)?;
    stage("format-string.txt", canonical)?;
    stage("string-to-sign.txt", &stages.string_to_sign)?;
    stage("signature.txt", &stages.signature)?;
    if provided == stages.signature {
        Ok(())
    } else {
        Err(format!("provided {provided}, computed {}", stages.signature))
    }
}

pub(super) fn realm(provider: Provider) -> Realm {
    let scene = provider.dialect().scene();
    let (domain, bucket) = match provider {
        // Tencent's Node SDK, given an address for a domain, sends keys alone.
        Provider::Cos => ("127.0.0.1", "demo-1250000000"),
        _ => ("static.example.cn", "demo-bucket"),
    };
    let domains = [(domain.to_owned(), BucketName::new(bucket))].into();
    Realm { region: scene.region.into(), service_host: (scene.service_host)(scene.region), domains }
}

pub(super) fn key(line: &str) -> AccessKey {
    let mut words = line.split(' ');
    let account = Account { id: "1".into(), alias: "1".into() };
    let user = User { name: "owner".into(), account: account.into(), id: "1".into(), role: Role::Root };
    AccessKey {
        id: words.next().expect("an id").to_owned(),
        secret: Secret::new(words.next().expect("a secret")),
        principal: Principal::User(user.into()),
        standing: Standing::Active,
        token: words.next().map(|text| Token { text: Secret::new(text), expires: Timestamp::from_millis(i64::MAX) }),
    }
}

pub(super) fn parse(provider: Provider, request: &str) -> Head {
    let head = request.split("\n\n").next().unwrap_or_default();
    let mut lines = head.lines();
    let mut words = lines.next().expect("a request line").split(' ');
    let mut request =
        http::Request::builder().method(words.next().expect("a method")).uri(words.next().expect("a target"));
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, http::HeaderValue::from_bytes(value.trim().as_bytes()).expect("a value"));
    }
    Head::new(request.body(()).expect("a request").into_parts().0, provider.dialect().plus())
}

#[test]
fn every_refusal_has_exactly_one_row_in_every_table() {
    for provider in PROVIDERS {
        let rows = provider.dialect().rows();
        for kind in RefusalKind::ALL {
            let found: Vec<_> = rows.iter().filter(|row| row.refusal == *kind).collect();
            assert_eq!(found.len(), 1, "{}: {kind:?}", provider.name());
            let row = found[0];
            assert!(!row.source.is_empty() && !row.message.is_empty() && !row.code.is_empty(), "{row:?}");
            let _: Reply = Reply::new(row.status);
        }
        assert_eq!(rows.len(), RefusalKind::ALL.len());
    }
    assert_eq!(Refusal::Anonymous.kind(), RefusalKind::Anonymous);
}

/// Refusals that no fixture can show: of session credentials, which the fake issues, and of objects of 5 GB.
const SHOWN_ELSEWHERE: [RefusalKind; 3] =
    [RefusalKind::AppendTooLarge, RefusalKind::ExpiredToken, RefusalKind::ForeignToken];

#[test]
fn every_row_that_can_be_met_is_met_by_a_fixture() {
    for provider in PROVIDERS {
        let replies = responses(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider.name()));
        let rows = provider.dialect().rows().iter();
        let met = |row: &&ErrorRow| {
            row.source.starts_with("n/a")
                || SHOWN_ELSEWHERE.contains(&row.refusal)
                || replies.iter().any(|reply| shows(reply, row))
        };
        let unmet: Vec<_> = rows.filter(|row| !met(row)).map(|row| (row.refusal, row.code)).collect();
        assert!(unmet.is_empty(), "{}: no fixture shows {unmet:?}", provider.name());
    }
}

/// Returns the responses of all cases in the files of a folder.
fn responses(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).expect("a readable folder").map(|entry| entry.expect("a readable entry").path());
    let files = paths.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).expect("a file of cases"));
    let responses = |text: String| -> Vec<String> {
        let blocks = text.split("\n### ");
        blocks.filter_map(|block| Some(block.split_once("\n---\n")?.1.to_owned())).collect()
    };
    files.flat_map(responses).collect()
}

/// Whether a reply has a row's status and code, and its message as far as that is fixed. Some replies have no body to
/// carry a code.
fn shows(reply: &str, row: &ErrorRow) -> bool {
    let (head, body) = reply.split_once("\n\n").unwrap_or((reply, ""));
    let element = |name: &str| body.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split('<').next());
    let of_status = head.starts_with(&format!("HTTP/1.1 {} ", row.status));
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => {
            let message = message.replace("&apos;", "'").replace("&#39;", "'");
            let fixed = message.split(['{', ':']).next().unwrap_or_default();
            of_status && code == row.code && row.message.trim_end_matches('.').starts_with(fixed.trim_end_matches('.'))
        }
        _ => of_status && row.status == 304,
    }
}
