//! When lifecycle rules abort uploads: to the millisecond, rule against rule, in one step or many, and with a part on its
//! way.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use fake_bucket::{Fake, FakeBuilder, LateParts, Provider, Snapshot, UploadStatus};
use md5::{Digest, Md5};

use crate::{
    PROVIDERS,
    talk::{self, BYTES, Client},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A lifecycle rule about uploads.
#[derive(Clone, Copy)]
struct Rule {
    /// The beginning of the keys it is about; of all keys if it is empty.
    prefix: &'static str,
    status: &'static str,
    age: Age,
}

#[derive(Clone, Copy)]
enum Age {
    Days(u32),
    /// Only OSS has dates for uploads.
    Before(&'static str),
}

const fn days(prefix: &'static str, days: u32) -> Rule {
    Rule { prefix, status: "Enabled", age: Age::Days(days) }
}

impl Rule {
    fn document(self, provider: Provider, id: usize) -> String {
        let Self { prefix, status, age } = self;
        let filter = match provider {
            Provider::Cos => format!("<Filter><Prefix>{prefix}</Prefix></Filter>"),
            _ => format!("<Prefix>{prefix}</Prefix>"),
        };
        let action = match (provider, age) {
            (Provider::Oss, Age::Days(days)) => {
                format!("<AbortMultipartUpload><Days>{days}</Days></AbortMultipartUpload>")
            }
            (_, Age::Days(days)) => {
                let age = format!("<DaysAfterInitiation>{days}</DaysAfterInitiation>");
                format!("<AbortIncompleteMultipartUpload>{age}</AbortIncompleteMultipartUpload>")
            }
            (_, Age::Before(date)) => {
                let age = format!("<CreatedBeforeDate>{date}</CreatedBeforeDate>");
                format!("<AbortMultipartUpload>{age}</AbortMultipartUpload>")
            }
        };
        format!("<Rule><ID>rule-{id}</ID>{filter}<Status>{status}</Status>{action}</Rule>")
    }
}

/// A fake whose clock stands still but for a millisecond a reading.
fn fake(provider: Provider) -> Fake {
    Fake::of(provider).trusting().seed(1).allow_open_uploads().build()
}

fn ask(fake: &Fake, method: &str, target: &str, body: &str) -> (u16, String) {
    let request = http::Request::builder().method(method).uri(format!("/{}{target}", fake.bucket()));
    let md5 = STANDARD.encode(Md5::digest(body.as_bytes()));
    let request = request.header("host", "127.0.0.1").header("content-length", body.len()).header("content-md5", md5);
    let reply = fake.answer(request.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request"));
    (reply.status().as_u16(), String::from_utf8_lossy(reply.body()).into_owned())
}

fn put_rules(fake: &Fake, rules: &[Rule]) -> (u16, String) {
    let rules: String = rules.iter().enumerate().map(|(id, rule)| rule.document(fake.provider(), id)).collect();
    ask(fake, "PUT", "/?lifecycle", &format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>"))
}

fn with_rules(provider: Provider, rules: &[Rule]) -> Fake {
    let fake = fake(provider);
    let (status, text) = put_rules(&fake, rules);
    assert_eq!(status, 200, "{}: {text}", provider.name());
    fake
}

/// Initiates an upload with one part.
fn initiate(fake: &Fake, key: &str) -> String {
    assert_eq!(ask(fake, "POST", &format!("/{key}?uploads"), "").0, 200);
    let id = fake.upload(key).id().to_owned();
    assert_eq!(ask(fake, "PUT", &format!("/{key}?partNumber=1&uploadId={id}"), BYTES).0, 200);
    id
}

fn time(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).expect("a time")
}

fn initiated(fake: &Fake, key: &str) -> SystemTime {
    time(&fake.snapshot().upload(key).expect("an upload").initiated)
}

/// Moves the clock of a fake to that time exactly. A request reads the clock three times at most, and an object that is put
/// shows what it read last.
fn move_to(fake: &Fake, at: SystemTime) {
    assert_eq!(ask(fake, "PUT", "/now", "").0, 200);
    let snapshot = fake.snapshot();
    let now = time(&snapshot.objects.iter().find(|object| object.key == "now").expect("an object").modified);
    // The clock moves on by a millisecond as it is read.
    fake.advance_clock(at.duration_since(now).expect("a time to come") - MILLISECOND);
}

/// The keys of the uploads that are open.
fn open(fake: &Fake) -> Vec<String> {
    fake.uploads().into_iter().filter(|upload| upload.is_open()).map(|upload| upload.key).collect()
}

#[test]
fn an_upload_is_aborted_when_its_days_are_over_and_not_a_millisecond_before() {
    for provider in PROVIDERS {
        let fake = with_rules(provider, &[days("big/", 3)]);
        initiate(&fake, "big/a");
        let due = initiated(&fake, "big/a") + 3 * DAY;
        move_to(&fake, due - MILLISECOND);
        fake.upload("big/a").assert_open();
        move_to(&fake, due + 5 * MILLISECOND);
        fake.upload("big/a").assert_aborted();

        let fake = with_rules(provider, &[days("big/", 3)]);
        initiate(&fake, "big/a");
        move_to(&fake, initiated(&fake, "big/a") + 3 * DAY);
        fake.upload("big/a").assert_aborted();
        assert!(fake.upload("big/a").record().to_string().contains("aborted by a lifecycle rule, freed: 1"));
    }
}

#[test]
fn days_count_from_the_initiation_and_not_from_the_last_part() {
    for provider in PROVIDERS {
        let fake = with_rules(provider, &[days("", 1)]);
        let id = initiate(&fake, "a");
        move_to(&fake, initiated(&fake, "a") + DAY - Duration::from_secs(1));
        assert_eq!(ask(&fake, "PUT", &format!("/a?partNumber=2&uploadId={id}"), BYTES).0, 200);
        move_to(&fake, initiated(&fake, "a") + DAY);
        fake.upload("a").assert_aborted();
        assert_eq!(ask(&fake, "DELETE", &format!("/a?uploadId={id}"), "").0, 404);
    }
}

#[test]
fn a_rule_is_about_the_keys_that_begin_with_its_prefix() {
    for provider in PROVIDERS {
        for (prefix, aborted) in [("big/", vec!["big/", "big/a"]), ("", vec!["a", "big", "big/", "big/a", "bigger"])] {
            let fake = with_rules(provider, &[days(prefix, 1)]);
            let keys = ["a", "big", "big/", "big/a", "bigger"];
            keys.iter().for_each(|key| drop(initiate(&fake, key)));
            fake.advance_clock(2 * DAY);
            let left: Vec<_> = keys.into_iter().filter(|key| !aborted.contains(key)).collect();
            assert_eq!(open(&fake), left, "{} {prefix:?}", provider.name());
        }
    }
}

#[test]
fn a_disabled_rule_aborts_nothing() {
    for provider in PROVIDERS {
        let fake = with_rules(provider, &[Rule { status: "Disabled", ..days("", 1) }]);
        initiate(&fake, "a");
        fake.advance_clock(1000 * DAY);
        fake.upload("a").assert_open();
        assert_eq!(put_rules(&fake, &[days("", 1)]).0, 200);
        fake.upload("a").assert_open();
        fake.advance_clock(Duration::ZERO);
        fake.upload("a").assert_aborted();
    }
}

#[test]
fn removed_rules_abort_nothing() {
    for provider in PROVIDERS {
        let fake = with_rules(provider, &[days("", 1)]);
        initiate(&fake, "a");
        assert_eq!(ask(&fake, "DELETE", "/?lifecycle", "").0, 204);
        fake.advance_clock(1000 * DAY);
        fake.upload("a").assert_open();
    }
}

/// Of two rules about one key the one that is due first counts, whichever stands first. OBS refuses such rules, unless they
/// agree.
#[test]
fn of_overlapping_rules_the_first_that_is_due_counts() {
    for provider in PROVIDERS {
        for rules in [[days("", 7), days("big/", 3)], [days("big/", 3), days("", 7)]] {
            if provider == Provider::Obs {
                let fake = fake(provider);
                let (status, text) = put_rules(&fake, &rules);
                assert_eq!(status, 400, "{text}");
                assert!(text.contains("<Code>InvalidArgument</Code>"), "{text}");
                assert_eq!(ask(&fake, "GET", "/?lifecycle", "").0, 404, "nothing was kept");
                continue;
            }
            let fake = with_rules(provider, &rules);
            for key in ["big/a", "small"] {
                initiate(&fake, key);
            }
            move_to(&fake, initiated(&fake, "big/a") + 3 * DAY);
            assert_eq!(open(&fake), ["small"], "{}", provider.name());
            move_to(&fake, initiated(&fake, "small") + 7 * DAY - MILLISECOND);
            assert_eq!(open(&fake), ["small"], "{}", provider.name());
            move_to(&fake, initiated(&fake, "small") + 7 * DAY + 5 * MILLISECOND);
            assert!(open(&fake).is_empty(), "{}", provider.name());
        }
    }
    let fake = with_rules(Provider::Obs, &[days("", 3), days("big/", 3)]);
    for key in ["big/a", "small"] {
        initiate(&fake, key);
    }
    fake.advance_clock(4 * DAY);
    assert!(open(&fake).is_empty());
}

/// A disabled rule neither aborts nor keeps a longer one from doing so, nor from being put.
#[test]
fn a_disabled_rule_is_no_rule_beside_an_overlapping_one() {
    for provider in PROVIDERS {
        let fake = with_rules(provider, &[Rule { status: "Disabled", ..days("big/", 1) }, days("", 7)]);
        initiate(&fake, "big/a");
        fake.advance_clock(6 * DAY);
        fake.upload("big/a").assert_open();
        fake.advance_clock(DAY);
        fake.upload("big/a").assert_aborted();
    }
}

/// `CreatedBeforeDate`: from that date on, and only what was initiated before it.
#[test]
fn a_date_aborts_what_was_initiated_before_it_from_that_moment_on() {
    let midnight = "2025-06-17T00:00:00.000Z";
    let fake = with_rules(Provider::Oss, &[Rule { age: Age::Before(midnight), ..days("", 1) }]);
    initiate(&fake, "early");
    move_to(&fake, time(midnight) - MILLISECOND);
    fake.upload("early").assert_open();

    let fake = with_rules(Provider::Oss, &[Rule { age: Age::Before(midnight), ..days("", 1) }]);
    initiate(&fake, "early");
    move_to(&fake, time(midnight) - 20 * MILLISECOND);
    initiate(&fake, "just-before");
    assert!(initiated(&fake, "just-before") < time(midnight));
    move_to(&fake, time(midnight));
    assert!(open(&fake).is_empty());
    initiate(&fake, "late");
    fake.advance_clock(1000 * DAY);
    fake.upload("late").assert_open();
}

/// The states of the uploads, without the times at which they came to be.
fn states(snapshot: &Snapshot) -> Vec<(String, String)> {
    let state = |state: &UploadStatus| match state {
        UploadStatus::Open { parts, .. } => format!("open {parts:?}"),
        UploadStatus::Aborted { cause, freed, lingering, .. } => format!("aborted {cause:?} {freed:?} {lingering:?}"),
        other => format!("{other:?}"),
    };
    snapshot.uploads.iter().map(|upload| (upload.key.clone(), state(&upload.state))).collect()
}

#[test]
fn many_small_steps_abort_what_one_large_step_aborts() {
    for provider in PROVIDERS {
        let play = |steps: u32| {
            let rules = [days("a/", 2), days("b/", 5), Rule { status: "Disabled", ..days("c/", 1) }];
            let fake = with_rules(provider, &rules);
            ["a/1", "b/1", "c/1", "d"].iter().for_each(|key| drop(initiate(&fake, key)));
            (0..steps).for_each(|_| fake.advance_clock(DAY / steps));
            ["a/2", "b/2"].iter().for_each(|key| drop(initiate(&fake, key)));
            (0..steps).for_each(|_| fake.advance_clock(4 * DAY / steps));
            fake
        };
        let (one, many) = (play(1), play(1000));
        assert_eq!(states(&one.snapshot()), states(&many.snapshot()), "{}", provider.name());
        assert_eq!(open(&one), ["c/1", "d", "b/2"], "{}", provider.name());
    }
}

/// The day may come while an upload that is due is not the only one of its key, and while another bucket has no rules.
#[test]
fn only_what_is_due_in_the_bucket_of_the_rule_is_aborted() {
    for provider in PROVIDERS {
        let second = if provider == Provider::Cos { "second-1250000000" } else { "secondbucket" };
        let fake = Fake::of(provider).bucket(second).trusting().seed(1).allow_open_uploads().build();
        assert_eq!(put_rules(&fake, &[days("", 2)]).0, 200);
        let old = initiate(&fake, "k");
        let request = http::Request::post(format!("/{second}/k?uploads")).header("host", "127.0.0.1");
        let request = request.header("content-length", 0).body(Bytes::new()).expect("a request");
        assert_eq!(fake.answer(request).status(), 200);
        fake.advance_clock(DAY);
        let new = initiate(&fake, "k");
        fake.advance_clock(DAY);
        let uploads = fake.uploads();
        let is_open = |id: &str| uploads.iter().find(|upload| upload.upload_id == id).expect("an upload").is_open();
        assert_eq!((is_open(&old), is_open(&new)), (false, true), "{}", provider.name());
        assert_eq!(uploads.iter().filter(|upload| upload.is_open()).count(), 2, "and that of the other bucket");
    }
}

fn talking(builder: FakeBuilder) -> Fake {
    let fake = builder.trusting().min_part_size(1).start();
    assert_eq!(put_rules(&fake, &[days("", 1)]).0, 200);
    fake
}

/// A part is on its way when the rule fires. What becomes of it is what becomes of a part that an abort meets.
#[test]
fn a_part_in_flight_meets_the_rule_as_it_meets_an_abort() {
    for provider in PROVIDERS {
        let all = [LateParts::Fail, LateParts::FailAtOnce, LateParts::Reset, LateParts::Linger, LateParts::Either];
        for late_parts in all {
            let what = format!("{} {late_parts:?}", provider.name());
            let fake = talking(Fake::of(provider).late_parts(late_parts));
            let client = Client::new(&fake);
            let id = client.initiate();
            assert_eq!(client.part(&id, 1), Some(200));
            let mut part = client.send_some("PUT", &format!("?partNumber=2&uploadId={id}"), BYTES, 5);
            fake.wait_until_blocking(|state| state.in_flight.iter().any(|part| part.received == 5));
            fake.advance_clock(DAY);
            if late_parts != LateParts::FailAtOnce {
                // Where the connection is reset already the rest cannot be written.
                let _ = std::io::Write::write_all(&mut part, &BYTES.as_bytes()[5..]);
            }
            let status = talk::reply(part).map(|reply| reply.status());
            let lingers = late_parts == LateParts::Linger || late_parts == LateParts::Either && status == Some(200);
            let heard = match late_parts {
                LateParts::Reset => None,
                _ if lingers => Some(200),
                _ => Some(404),
            };
            assert_eq!(status, heard, "{what}");
            fake.wait_until_blocking(|state| state.in_flight.is_empty());
            let snapshot = fake.snapshot();
            let upload = snapshot.upload("k").expect("an upload");
            let UploadStatus::Aborted { cause, freed, lingering, .. } = &upload.state else {
                panic!("{what}: {upload:?}")
            };
            let lingering: Vec<_> = lingering.iter().map(|part| part.number).collect();
            assert_eq!((format!("{cause:?}").as_str(), &freed[..]), ("Lifecycle", &[1][..]), "{what}");
            assert_eq!(lingering, if lingers { vec![2] } else { Vec::new() }, "{what}");
            // What lingers is freed by a further abort, and by nothing else: not by the rule, which is through with it.
            fake.advance_clock(DAY);
            assert_eq!(fake.snapshot().upload("k").expect("an upload").parts().len(), lingering.len(), "{what}");
            assert_eq!(client.abort(&id), Some(if lingers { 204 } else { 404 }), "{what}");
            assert_eq!(client.abort(&id), Some(404), "{what}");
            fake.assert_no_leaks();
        }
    }
}
