//! What a timeline shows: the exchanges that matter, and what the test did between them.

use std::time::Duration;

use bytes::Bytes;
use fake_bucket::{Fake, Grants};

fn ask(fake: &Fake, method: &str, target: &str) -> http::Response<Bytes> {
    let request = http::Request::builder().method(method).uri(target).header("host", "127.0.0.1");
    fake.answer(request.header("content-length", 0).body(Bytes::new()).expect("a request"))
}

fn initiate(fake: &Fake, key: &str) -> String {
    assert_eq!(ask(fake, "POST", &format!("/{}/{key}?uploads", fake.bucket())).status(), 200);
    fake.upload(key).id().to_owned()
}

/// The lines of the timeline between its title and its uploads.
fn rows(fake: &Fake) -> Vec<String> {
    let timeline = fake.timeline().to_string();
    timeline.lines().skip(1).take_while(|line| *line != "uploads:").map(str::to_owned).collect()
}

#[test]
fn what_the_test_did_has_rows_of_its_own() {
    let fake = Fake::oss().trusting().seed(7).bucket("second").verify_on_drop(false).build();
    let first = initiate(&fake, "a.txt");
    assert!(fake.abort_upload(&first));
    let second = initiate(&fake, "b.txt");
    ask(&fake, "PUT", &format!("/examplebucket/b.txt?partNumber=1&uploadId={second}"));
    assert!(fake.complete_upload(&second));
    fake.advance_clock(Duration::from_secs(90_000));
    fake.grant("writer", Grants::none());
    let writer = fake.writer();
    assert!(fake.revoke(&writer));
    assert!(fake.delete_bucket("second"));
    ask(&fake, "HEAD", "/second");
    let expected = [
        "  #1   owner  Initiate a.txt [1]      200".to_owned(),
        "  -    the test aborts upload a.txt [1]".to_owned(),
        "  #2   owner  Initiate b.txt [2]      200".to_owned(),
        "  #3   owner  UploadPart 1 b.txt [2]    200".to_owned(),
        "  -    the test completes upload b.txt [2]".to_owned(),
        "  -    the test advances the clock by 1day 1h".to_owned(),
        "  -    the test changes what writer may do".to_owned(),
        format!("  -    the test revokes access key {}", writer.access_key_id),
        "  -    the test deletes bucket second".to_owned(),
        "  #4   owner  HeadBucket second         404 NoSuchBucket".to_owned(),
    ];
    let squeezed = |row: &str| row.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<_> = rows(&fake).iter().map(|row| squeezed(row)).collect();
    assert_eq!(rows, expected.map(|row| squeezed(&row)));
}

#[test]
fn what_the_test_tried_in_vain_has_no_row() {
    let fake = Fake::oss().trusting().verify_on_drop(false).build();
    assert!(!fake.abort_upload("unknown"));
    assert!(!fake.complete_upload("unknown"));
    assert!(!fake.delete_bucket("unknown"));
    assert!(!fake.revoke_key("unknown"));
    assert_eq!(rows(&fake), Vec::<String>::new());
}

#[test]
fn a_reset_forgets_what_the_test_did() {
    let fake = Fake::oss().trusting().verify_on_drop(false).build();
    fake.advance_clock(Duration::from_secs(1));
    fake.reset();
    assert_eq!(rows(&fake), Vec::<String>::new());
}

#[test]
fn two_hundred_exchanges_are_all_shown() {
    let fake = Fake::oss().trusting().verify_on_drop(false).build();
    for _ in 0..200 {
        ask(&fake, "HEAD", "/examplebucket");
    }
    assert_eq!(rows(&fake).len(), 200);
    ask(&fake, "HEAD", "/examplebucket");
    let rows = rows(&fake);
    assert_eq!((rows.len(), rows[0].as_str()), (201, "  ..   1 exchange left out"));
    assert!(rows[1].starts_with("  #2 ") && rows[200].starts_with("  #201 "), "{rows:#?}");
}

/// The exchanges of an upload that leaks are older than the 200 that are shown, and are shown all the same.
#[test]
fn the_rows_of_a_leaking_upload_are_never_left_out() {
    let fake = Fake::oss().trusting().verify_on_drop(false).build();
    let done = initiate(&fake, "done");
    ask(&fake, "DELETE", &format!("/examplebucket/done?uploadId={done}"));
    let leak = initiate(&fake, "leak");
    for number in 1..=250 {
        ask(&fake, "PUT", &format!("/examplebucket/leak?partNumber={number}&uploadId={leak}"));
    }
    for _ in 0..250 {
        ask(&fake, "HEAD", "/examplebucket");
    }
    let rows = rows(&fake);
    let exchanges = rows.iter().filter(|row| row.starts_with("  #")).count();
    let of_leak = rows.iter().filter(|row| row.contains(" leak [2]")).count();
    assert_eq!((exchanges, of_leak), (200, 100));
    // The earliest and the latest of them; then the latest of all.
    assert_eq!(rows[0], "  ..   2 exchanges left out");
    assert!(rows[1].contains("#3 ") && rows[1].contains("Initiate leak [2]"), "{}", rows[1]);
    assert!(rows[50].contains("#52 ") && rows[50].contains("UploadPart 49 leak [2]"), "{}", rows[50]);
    assert_eq!(rows[51], "  ..   151 exchanges left out");
    assert!(rows[101].contains("#253 ") && rows[101].contains("UploadPart 250 leak [2]"), "{}", rows[101]);
    assert_eq!(rows[102], "  ..   150 exchanges left out");
    assert!(rows.last().expect("rows").starts_with("  #503 "), "{rows:#?}");
}

/// Once the upload is aborted its rows count no more than others.
#[test]
fn the_rows_of_an_aborted_upload_are_left_out_like_others() {
    let fake = Fake::oss().trusting().verify_on_drop(false).build();
    let leak = initiate(&fake, "leak");
    for _ in 0..300 {
        ask(&fake, "HEAD", "/examplebucket");
    }
    assert!(rows(&fake)[0].contains("Initiate leak [1]"));
    ask(&fake, "DELETE", &format!("/examplebucket/leak?uploadId={leak}"));
    assert_eq!(rows(&fake)[0], "  ..   102 exchanges left out");
}
