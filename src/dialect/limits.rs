//! Limits that no exchange can show exactly: those of time, which would need a clock that stands still, and those of
//! objects of many gigabytes. `fixtures/limits.txt` has all others.

use std::{fs, path::Path};

use super::{Keyring, Provider, Signed, row, signing, vectors};
use crate::{
    store::{
        Account, AclAsked, Arrival, Body, BucketName, By, Checksum, Command, Content, ETag, ListedPart, Manifest,
        Metadata, Mint, ObjectKey, Outcome, Overwrite, PartNumber, PartsAsked, Payload, Place, Principal, Refusal,
        RefusalKind, Role, Rules, Store, Timestamp, User,
    },
    wire::{date, encode::unbase64},
};

const PROVIDERS: [Provider; 3] = [Provider::Cos, Provider::Oss, Provider::Obs];

/// The first and the last millisecond at which a signature is accepted, and how it is refused before and after.
#[derive(Debug)]
struct Window {
    first: i64,
    before: RefusalKind,
    last: i64,
    after: RefusalKind,
}

/// Milliseconds that a clock may be ahead or behind.
const SKEW: i64 = 15 * 60 * 1000;

/// No signature of this age has ever been accepted or refused for its time.
const NEVER: i64 = i64::MIN;

impl Window {
    /// Around the time of signing.
    fn around(at: i64) -> Self {
        Self { first: at - SKEW, before: RefusalKind::ClockSkew, last: at + SKEW, after: RefusalKind::ClockSkew }
    }

    /// From the time of signing, as far as clocks may differ, to the end of a second.
    fn to_end_of(start: Option<i64>, end: i64) -> Self {
        let first = start.map_or(NEVER, |start| start * 1000 - SKEW);
        Self { first, before: RefusalKind::ClockSkew, last: end * 1000 + 999, after: RefusalKind::Expired }
    }

    /// From the time of signing, as far as clocks may differ, for a number of seconds.
    fn lasting(at: i64, seconds: i64) -> Self {
        let last = at + seconds * 1000;
        Self { first: at - SKEW, before: RefusalKind::ClockSkew, last, after: RefusalKind::Expired }
    }

    /// Reads the window off a signed request.
    fn of(request: &str) -> Self {
        let header = |name: &str| {
            let lines = request.lines().skip(1).filter_map(|line| line.split_once(':'));
            lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let parameter = |name: &str| {
            let (_, rest) = request.split_once(&format!("{name}="))?;
            Some(rest.split(['&', ' ', '\n']).next().unwrap_or(rest).replace("%3B", ";"))
        };
        let number = |text: &str| text.parse::<i64>().expect("a number");
        let basic = |text: &str| date::parse_iso_basic(text).expect("a date").as_millis();
        if let Some(window) = parameter("q-sign-time") {
            let (start, end) = window.split_once(';').expect("two times");
            return Self::to_end_of(Some(number(start)), number(end));
        }
        for (date, expires) in [("X-Amz-Date", "X-Amz-Expires"), ("x-oss-date", "x-oss-expires")] {
            match (parameter(date), parameter(expires)) {
                (Some(at), Some(seconds)) => return Self::lasting(basic(&at), number(&seconds)),
                // Version 2 of OSS has the end in place of a duration.
                (None, Some(end)) => return Self::to_end_of(None, number(&end)),
                _ => {}
            }
        }
        if let Some(sign) = parameter("sign") {
            let bytes = unbase64(&sign.replace("%3D", "=").replace("%2B", "+").replace("%2F", "/")).expect("base64");
            let text = String::from_utf8_lossy(&bytes[20..]).into_owned();
            let end = text.split("&e=").nth(1).and_then(|rest| rest.split('&').next()).expect("an end");
            return Self::to_end_of(None, number(end));
        }
        if let Some(end) = parameter("Expires") {
            return Self::to_end_of(None, number(&end));
        }
        let dates = ["x-amz-date", "x-oss-date", "x-obs-date", "date"];
        let written = dates.iter().find_map(|name| header(name)).expect("a date");
        let at = date::parse_http(written).or_else(|| date::parse_iso_basic(written)).expect("a date");
        Self::around(at.as_millis())
    }
}

#[test]
fn every_signature_is_accepted_within_its_window_to_the_millisecond() {
    let mut vectors = 0;
    for provider in PROVIDERS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider.name()).join("signature");
        let keys = fs::read_to_string(root.join("keys.txt")).expect("keys");
        for entry in fs::read_dir(&root).expect("the provider has vectors") {
            let case = entry.expect("a readable folder").path();
            if !case.is_dir() {
                continue;
            }
            let request = fs::read_to_string(case.join("request.http")).expect("a request");
            let window = Window::of(&request);
            let at = |now| refusal(provider, &request, &keys, Timestamp::from_millis(now));
            let name = case.display();
            if window.first != NEVER {
                assert_eq!(at(window.first - 1), Some(window.before), "{name}: before {window:?}");
                assert_eq!(at(window.first), None, "{name}: first of {window:?}");
            }
            assert_eq!(at(window.last), None, "{name}: last of {window:?}");
            assert_eq!(at(window.last + 1), Some(window.after), "{name}: after {window:?}");
            vectors += 1;
        }
        let row = |kind| row::find(provider.dialect().rows(), kind);
        assert_eq!(row(RefusalKind::ClockSkew).code, "RequestTimeTooSkewed");
        assert_eq!(row(RefusalKind::Expired).code, "AccessDenied");
        assert!([RefusalKind::ClockSkew, RefusalKind::Expired].iter().all(|kind| row(*kind).status == 403));
    }
    assert!(vectors > 80, "only {vectors} vectors");
}

/// Returns why a request is refused at a time. A key may be listed with and without a token: each is tried.
fn refusal(provider: Provider, request: &str, keys: &str, now: Timestamp) -> Option<RefusalKind> {
    let (dialect, realm) = (provider.dialect(), vectors::realm(provider));
    let without = |line: &&str| line.split(' ').count() == 2;
    let rings = [
        keys.lines().filter(without).collect::<Vec<_>>(),
        keys.lines().filter(|line| !without(line)).chain(keys.lines().filter(without)).collect(),
    ];
    let mut refusals = rings.map(|lines| {
        let mut ring = Keyring::default();
        lines.iter().rev().for_each(|line| ring.add(vectors::key(line)));
        let head = vectors::parse(provider, request);
        let head = head.clone().with_plus(dialect.plus_in(&head, &ring));
        let plus_in_path = dialect.plus_in_path(&head, &realm, &ring, now);
        let head = &head.with_plus_in_path(plus_in_path);
        let located = &dialect.address(head, &realm).expect("an address");
        let signed = Signed { head, located, realm: &realm, keys: &ring, now };
        let proof = dialect.prove(&signed).map(|proof| proof.expect("a signature"));
        proof.and_then(signing::Proof::principal).err().map(|refusal| refusal.kind())
    });
    let of_time =
        |refusal: &Option<RefusalKind>| matches!(refusal, None | Some(RefusalKind::ClockSkew | RefusalKind::Expired));
    refusals.sort_by_key(Option::is_some);
    refusals.into_iter().find(of_time).expect("one of the keys fits")
}

#[test]
fn a_url_of_version_4_lasts_from_a_second_to_a_week() {
    for (expires, accepted) in [
        ("0", false),
        ("1", true),
        ("604800", true),
        ("604801", false),
        ("-1", false),
        ("+1", false),
        ("1.5", false),
        ("", false),
        ("18446744073709551616", false),
    ] {
        assert_eq!(signing::lifetime(expires).is_ok(), accepted, "{expires:?}");
    }
}

/// A store with one bucket, and its owner.
struct Sized {
    store: Store,
    owner: Principal,
    place: Place,
}

impl Sized {
    fn new(rules: Rules) -> Self {
        let account = std::sync::Arc::new(Account { id: "1".into(), alias: "1".into() });
        let user = User { name: "owner".into(), account: account.clone(), id: "1".into(), role: Role::Root };
        let bucket = BucketName::new("b");
        let mut store = Store::new(rules, Mint::new(0), account.clone());
        store.seed_bucket(bucket.clone(), account, Timestamp::from_secs(0));
        Self { store, owner: Principal::User(user.into()), place: Place { bucket, key: ObjectKey::new("k") } }
    }

    fn apply(&mut self, command: &Command, payload: Payload) -> Result<Outcome, Refusal> {
        let ticket = self.store.admit(&self.owner, command)?;
        let by = By { principal: &self.owner, exchange: 1, now: Timestamp::from_secs(0), tick: 1 };
        self.store.apply(by, command, ticket.as_ref(), payload)
    }

    fn append(&mut self, position: u64, size: u64) -> Result<Outcome, RefusalKind> {
        let (place, metadata) = (self.place.clone(), Metadata::default());
        let command = Command::AppendObject { place, metadata, position, acl: AclAsked::AsBegun };
        let refused = |refusal: Refusal| refusal.kind();
        self.apply(&command, Payload::Object(body(size), ETag::new("tag"))).map_err(refused)
    }

    /// Completes an upload of parts of these sizes.
    fn complete(&mut self, sizes: &[u64]) -> Result<Outcome, RefusalKind> {
        let place = self.place.clone();
        let (metadata, overwrite) = (Metadata::default().into(), Overwrite::Allowed);
        let initiate = Command::Initiate { place: place.clone(), metadata, overwrite, arrival: Arrival::AnyOrder };
        let Ok(Outcome::Initiated(upload)) = self.apply(&initiate, Payload::None) else { panic!("no upload") };
        let number = |index: usize| PartNumber::new(index as u16 + 1).expect("a part number");
        for (index, size) in sizes.iter().enumerate() {
            let part = Command::UploadPart { place: place.clone(), upload: upload.clone(), number: number(index) };
            self.apply(&part, Payload::Body(body(*size))).expect("a part");
        }
        let listed = |index| ListedPart { number: number(index), etag: String::new(), md5: Some([0; 16]) };
        let manifest = Manifest((0..sizes.len()).map(listed).collect());
        let complete =
            Command::Complete { place, upload, overwrite, parts: PartsAsked::Listed, acl: AclAsked::AsBegun };
        self.apply(&complete, Payload::Manifest(manifest, ETag::new("tag"), Checksum::Computed))
            .map_err(|refusal| refusal.kind())
    }
}

/// A body of which only the size is known.
fn body(size: u64) -> Body {
    Body { content: Content::counted(size), md5: [0; 16], crc64: 0, checksum: Checksum::Computed }
}

/// 5 GB.
const LARGEST_PART: u64 = 5 << 30;

#[test]
fn an_object_of_parts_has_a_largest_size() {
    for (provider, largest) in [(Provider::Cos, 10_000 * LARGEST_PART), (Provider::Oss, 10_000 * LARGEST_PART)] {
        // What 10,000 of the largest parts have: nothing can exceed it.
        assert_eq!(provider.dialect().rules().max_object_size, largest, "{provider:?}");
    }
    // 48.8 TB, which is a little less.
    let largest = 53_656_167_435_468;
    let parts = vec![LARGEST_PART; (largest / LARGEST_PART) as usize];
    let rest = largest % LARGEST_PART;
    for (last, accepted) in [(rest, true), (rest + 1, false)] {
        let sizes = [parts.clone(), vec![last]].concat();
        let completed = Sized::new(Provider::Obs.dialect().rules()).complete(&sizes);
        assert_eq!(completed.map(drop), if accepted { Ok(()) } else { Err(RefusalKind::TooLarge) }, "{last}");
    }
}

#[test]
fn an_appended_object_has_a_largest_size() {
    for provider in PROVIDERS {
        let mut sized = Sized::new(provider.dialect().rules());
        assert!(sized.append(0, LARGEST_PART - 1).is_ok());
        assert_eq!(sized.append(LARGEST_PART - 1, 2).map(drop), Err(RefusalKind::AppendTooLarge), "{provider:?}");
        assert!(sized.append(LARGEST_PART - 1, 1).is_ok(), "{provider:?}");
        assert_eq!(sized.append(LARGEST_PART, 1).map(drop), Err(RefusalKind::AppendTooLarge), "{provider:?}");
    }
}

#[test]
fn an_object_is_appended_to_so_many_times() {
    let limits = PROVIDERS.map(|provider| provider.dialect().rules().max_appends);
    assert_eq!(limits, [usize::MAX, usize::MAX, 10_000]);
    let rules = Rules { max_appends: 3, ..Provider::Obs.dialect().rules() };
    let mut sized = Sized::new(rules);
    for position in 0..3 {
        assert!(sized.append(position, 1).is_ok());
    }
    assert_eq!(sized.append(3, 1).map(drop), Err(RefusalKind::NotAppendable));
}
