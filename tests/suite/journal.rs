//! The journal's limits: how many exchanges it keeps, and how much of what a refused request names.

use bytes::Bytes;
use fake_bucket::{Fake, Op};

use crate::{
    PROVIDERS,
    asked::{done, request},
};

#[test]
fn the_oldest_exchanges_are_dropped_and_counted() {
    for (limit, exchanges) in [(1_usize, 3_usize), (255, 1000), (256, 600), (257, 256), (300, 300)] {
        let fake = Fake::oss().trusting().journal_limit(limit).build();
        for _ in 0..exchanges {
            done(&fake, "", "GET", "", "", &[]);
        }
        let (journal, dropped) = (fake.journal(), exchanges.saturating_sub(limit));
        let numbers: Vec<_> = journal.iter().map(|exchange| exchange.number).collect();
        assert_eq!(numbers, (dropped as u64 + 1..=exchanges as u64).collect::<Vec<_>>(), "{limit} of {exchanges}");
        let said = format!("{dropped} dropped before these: the journal keeps {limit}");
        let timeline = fake.timeline().to_string();
        assert_eq!(timeline.contains(&said), dropped > 0, "{timeline}");
        fake.reset();
        assert!(fake.journal().is_empty() && !fake.timeline().to_string().contains("dropped"));
        for _ in 0..exchanges {
            done(&fake, "", "GET", "", "", &[]);
        }
        assert_eq!(fake.journal().len(), exchanges.min(limit), "the limit holds after a reset");
    }
}

#[test]
#[should_panic = "a journal keeps an exchange at least"]
fn a_journal_keeps_something() {
    let _ = Fake::oss().journal_limit(0);
}

#[test]
fn long_names_of_refused_requests_are_cut() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().verify_on_drop(false).build();
        let long = "ü".repeat(4000);
        let escaped = "%C3%BC".repeat(4000);
        let target = format!("/{escaped}?uploadId={}", "i".repeat(4000));
        assert_eq!(fake.answer(request(&fake, "", "DELETE", &target, "", &[])).status().as_u16() / 100, 4);
        let unknown = http::Request::get(format!("/%zz{escaped}")).header("host", "127.0.0.1").body(Bytes::new());
        assert_eq!(fake.answer(unknown.expect("a request")).status(), 400);
        let journal = fake.journal();
        for text in journal.iter().flat_map(|entry| [&entry.key, &entry.upload_id, &entry.note]).flatten() {
            assert!(text.len() < 1024 + 30, "{provider:?}: {} bytes", text.len());
        }
        if let Some(key) = &journal[0].key {
            assert_eq!(*key, format!("{}.. and {} bytes more", &long[..1024], 8000 - 1024));
        }
        assert!(journal[1].note.as_ref().is_some_and(|note| note.ends_with(" bytes more")), "{:?}", journal[1]);
    }
}

#[test]
fn names_that_fit_are_kept() {
    let fake = Fake::obs().trusting().build();
    let key = "k".repeat(1024);
    done(&fake, "", "PUT", &format!("/{key}"), "", &[]);
    let missing = fake.answer(request(&fake, "", "GET", &format!("/{}", "m".repeat(1024)), "", &[]));
    assert_eq!(missing.status(), 404);
    let journal = fake.journal();
    assert_eq!((journal[0].operation, journal[0].key.as_deref()), (Some(Op::PutObject), Some(&key[..])));
    assert_eq!(journal[1].key.as_deref().map(str::len), Some(1024));
}
