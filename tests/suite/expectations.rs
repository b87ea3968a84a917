//! What a test reads when something is not as it expected. The text is a feature.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use fake_bucket::{At, Failure, Fake, Fault, Op, Select, Until, UploadCheck};

/// A seeded fake, so that ids and times repeat.
fn fake() -> Fake {
    Fake::oss().trusting().seed(7).verify_on_drop(false).build()
}

fn ask(fake: &Fake, method: &str, target: &str, body: &'static str) -> http::Response<Bytes> {
    let request = http::Request::builder().method(method).uri(target).header("host", "127.0.0.1");
    let request = request.header("content-length", body.len()).body(Bytes::from_static(body.as_bytes()));
    fake.answer(request.expect("a request"))
}

fn initiate(fake: &Fake, key: &str) -> String {
    ask(fake, "POST", &format!("/examplebucket/{key}?uploads"), "");
    fake.upload(key).id().to_owned()
}

/// The message of the panic that `test` ends in.
fn complaint(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("a panic");
    panic.downcast::<String>().map_or_else(|other| format!("{other:?}"), |text| *text)
}

#[test]
fn a_leak() {
    let fake = fake();
    let id = initiate(&fake, "video.mp4");
    ask(&fake, "PUT", &format!("/examplebucket/video.mp4?partNumber=1&uploadId={id}"), "0123456789");
    ask(&fake, "PUT", "/examplebucket/video.mp4?partNumber=2&uploadId=other", "0123456789");
    assert_eq!(
        complaint(|| fake.assert_no_leaks()),
        format!(
            "oss: leak: video.mp4, initiated by owner: OPEN with 1 stored part, 10 B  (id {id})

timeline (oss): 3 exchanges
  #1   owner  Initiate video.mp4 [1]            200
  #2   owner  UploadPart 1 video.mp4 [1]  10 B  200
  #3   owner  UploadPart 2 video.mp4      10 B  404 NoSuchUpload
uploads:
  [1] video.mp4, initiated by owner: OPEN with 1 stored part, 10 B  (id {id})
"
        )
    );
    assert!(complaint(|| fake.verify()).starts_with("oss: leak: video.mp4"));
}

#[test]
fn an_upload_in_another_state() {
    let fake = fake();
    let id = initiate(&fake, "video.mp4");
    let text = complaint(|| drop(fake.upload("video.mp4").assert_aborted()));
    let expected = format!(
        "oss: upload \"video.mp4\" should have been aborted\n  it is: video.mp4, initiated by owner: OPEN with 0 stored parts, 0 B  (id {id})\n\ntimeline"
    );
    assert!(text.starts_with(&expected), "{text}");
    let text = complaint(|| drop(fake.upload("audio.mp3")));
    assert!(text.starts_with("oss: no upload was ever initiated under \"audio.mp3\"\n\ntimeline"), "{text}");
    let text = complaint(|| drop(fake.upload("video.mp4").assert_abort_requests(1)));
    assert!(text.contains("should have seen 1 abort request, not 0"), "{text}");
}

/// Completes the upload of `key` from its first part, which every test here sends with the same ten bytes.
fn complete(fake: &Fake, key: &str, id: &str) -> u16 {
    let body = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>781e5e245d69b566979b86e28d23f2c7</ETag>\
                </Part></CompleteMultipartUpload>";
    ask(fake, "POST", &format!("/examplebucket/{key}?uploadId={id}"), body).status().as_u16()
}

#[test]
fn a_report_that_is_not_true() {
    let fake = fake();
    let id = initiate(&fake, "video.mp4");
    let upload = || fake.upload("video.mp4");
    upload().assert_completed_iff(false).assert_aborted_iff(false);
    let said = |end| format!("oss: upload \"video.mp4\" should {end}\n  it is: video.mp4, initiated by owner: ");
    for (text, end) in [
        (complaint(|| drop(upload().assert_completed_iff(true))), "have been completed, for success was reported"),
        (complaint(|| drop(upload().assert_aborted_iff(true))), "have been aborted, for success was reported"),
    ] {
        assert!(text.starts_with(&said(end)), "{text}");
    }
    ask(&fake, "DELETE", &format!("/examplebucket/video.mp4?uploadId={id}"), "");
    upload().assert_aborted_iff(true).assert_completed_iff(false);
    let text = complaint(|| drop(upload().assert_aborted_iff(false)));
    assert!(text.starts_with(&said("not have been aborted, for failure was reported")), "{text}");
}

#[test]
fn parts_that_a_complete_left_out() {
    let fake = fake();
    let id = initiate(&fake, "video.mp4");
    let text = complaint(|| drop(fake.upload("video.mp4").assert_all_parts_used()));
    assert!(text.starts_with("oss: upload \"video.mp4\" should have been completed\n"), "{text}");
    for number in 1..=3 {
        ask(&fake, "PUT", &format!("/examplebucket/video.mp4?partNumber={number}&uploadId={id}"), "0123456789");
    }
    assert_eq!(complete(&fake, "video.mp4", &id), 200);
    let text = complaint(|| drop(fake.upload("video.mp4").assert_all_parts_used()));
    let expected =
        "oss: upload \"video.mp4\" should have used every part that was stored, but left 2, 3 unused\n  it is: ";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn an_upload_used_after_its_end() {
    let fake = fake();
    let id = initiate(&fake, "video.mp4");
    let upload = || fake.upload("video.mp4");
    let text = complaint(|| drop(upload().assert_unused_after_end()));
    assert!(text.starts_with("oss: upload \"video.mp4\" should have ended\n"), "{text}");
    let target = format!("/examplebucket/video.mp4?uploadId={id}");
    ask(&fake, "DELETE", &target, "");
    ask(&fake, "DELETE", &target, "");
    upload().assert_unused_after_end().assert_abort_requests(2);
    ask(&fake, "PUT", &format!("{target}&partNumber=2"), "0123456789");
    assert_eq!(complete(&fake, "video.mp4", &id), 404);
    let text = complaint(|| drop(upload().assert_unused_after_end()));
    let expected = "oss: upload \"video.mp4\" should not be used after its end, but #4 UploadPart 2 video.mp4: 404 NoSuchUpload, #5 Complete video.mp4: 404 NoSuchUpload came\n  it is: ";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn an_upload_used_after_the_test_ended_it() {
    let fake = fake();
    let id = initiate(&fake, "video.mp4");
    assert!(fake.abort_upload(&id));
    fake.upload("video.mp4").assert_unused_after_end();
    complete(&fake, "video.mp4", &id);
    let text = complaint(|| drop(fake.upload("video.mp4").assert_unused_after_end()));
    assert!(text.contains("but #2 Complete video.mp4: 404 NoSuchUpload came"), "{text}");
}

#[test]
fn a_request_that_is_not_modelled() {
    let fake = fake();
    assert_eq!(ask(&fake, "PUT", "/examplebucket?cors", "").status(), 501);
    let text = complaint(|| fake.verify());
    assert!(
        text.starts_with("oss: not modelled: #1 asked for PUT ?cors, which this fake does not model\n\ntimeline"),
        "{text}"
    );
}

#[test]
fn a_gate_nothing_came_to() {
    let fake = fake();
    let gate = fake.hold(Op::UploadPart.number(2).key("video.mp4").by("writer"), At::Byte(64));
    drop(gate);
    let text = complaint(|| fake.verify());
    assert!(
        text.starts_with("oss: idle gate: no exchange came to UploadPart 2 of \"video.mp4\" by writer at Byte(64)\n      no exchange came at all\n\n"),
        "{text}"
    );
}

/// What verifying says of a fault for `select` that never happens, after `requests` for an upload of `video.mp4`.
fn closest_to(select: impl Into<Select>, fault: Fault, requests: &[(&str, &str)]) -> String {
    let fake = fake();
    let id = initiate(&fake, "video.mp4");
    let fault = fake.fault(select, fault);
    for (method, query) in requests {
        ask(&fake, method, &format!("/examplebucket/{}", query.replace("ID", &id)), "0123456789");
    }
    drop(fault);
    fake.abort_upload(&id);
    let text = complaint(|| fake.verify());
    let (said, _) = text.split_once("\n\ntimeline").expect("the timeline");
    said.strip_prefix("oss: idle fault: ").expect("what it is about").replace("\n      ", "\n")
}

#[test]
fn a_fault_that_never_happened_says_what_came_closest() {
    let busy = || Fault::Refuse(Failure::SlowDown);
    let part = |number: &'static str| ("PUT", number);
    let (first, third) = ("video.mp4?partNumber=1&uploadId=ID", "video.mp4?partNumber=3&uploadId=ID");
    assert_eq!(
        closest_to(Op::UploadPart.number(2), busy(), &[part("video.mp4?partNumber=9&uploadId=ID"), part(third)]),
        "Refuse(SlowDown) never happened to UploadPart 2\nclosest: #3 UploadPart 3 video.mp4 by owner: part number is 3, not 2"
    );
    assert_eq!(
        closest_to(Op::UploadPart.number(2).by("writer").key("audio.mp3"), Fault::Stall, &[part(first)]),
        "Stall never happened to UploadPart 2 of \"audio.mp3\" by writer\nclosest: #2 UploadPart 1 video.mp4 by owner: part number is 1, not 2, key is \"video.mp4\", not \"audio.mp3\", principal is owner, not writer"
    );
    assert_eq!(
        closest_to(Op::Complete.number(1), busy(), &[("POST", "video.mp4?uploadId=ID")]),
        "Refuse(SlowDown) never happened to Complete 1\nclosest: #2 Complete video.mp4 by owner: it has no part number"
    );
    assert_eq!(
        closest_to(Op::Abort, busy(), &[]),
        "Refuse(SlowDown) never happened to Abort\nclosest: #1 Initiate video.mp4 by owner: operation is Initiate, not Abort"
    );
    assert_eq!(
        closest_to(Op::UploadPart.nth(3), busy(), &[part(first), part(third)]),
        "Refuse(SlowDown) never happened to UploadPart, the 3rd\nclosest: #2 UploadPart 1 video.mp4 by owner: it is the 1st that fits, not the 3rd"
    );
    assert_eq!(
        closest_to(Op::UploadPart.matching("a retry", |_| false), busy(), &[part(first)]),
        "Refuse(SlowDown) never happened to UploadPart, a retry\nclosest: #2 UploadPart 1 video.mp4 by owner: it is not a retry"
    );
    assert_eq!(
        closest_to(Op::Initiate, busy(), &[part(first)]),
        "Refuse(SlowDown) never happened to Initiate\nclosest: #1 Initiate video.mp4 by owner: it came before this was put up"
    );
    assert_eq!(
        closest_to(Op::UploadPart, busy(), &[part("video.mp4?partNumber=1&uploadId=other")]),
        "Refuse(SlowDown) never happened to UploadPart\nclosest: #2 UploadPart 1 video.mp4 by owner: it was not let in: 404 NoSuchUpload"
    );
    assert_eq!(
        closest_to(Op::UploadPart, Fault::AbortLater(Until::Released), &[part(first)]),
        "AbortLater(Released) never happened to UploadPart\nclosest: #2 UploadPart 1 video.mp4 by owner: only aborts can happen later"
    );
}

#[test]
fn a_fault_that_was_taken_away_or_overtaken_says_so() {
    let fake = fake();
    let _other = fake.fault_always(Select::any(), Fault::DropEffect);
    let overtaken = fake.fault(Op::PutObject, Fault::Refuse(Failure::InternalError));
    ask(&fake, "PUT", "/examplebucket/k", "0123456789");
    let text = complaint(|| fake.verify());
    assert!(
        text.contains(
            "\n      closest: #1 PutObject k by owner: something else went wrong with it first: DropEffect\n"
        ),
        "{text}"
    );
    drop(overtaken);
    fake.reset();
    drop(fake.fault(Op::PutObject, Fault::Stall));
    ask(&fake, "PUT", "/examplebucket/k", "0123456789");
    let text = complaint(|| fake.verify());
    assert!(text.contains("\n      closest: #2 PutObject k by owner: it came after this was taken away, as what `hold` or `fault` returns is when it is dropped\n"), "{text}");
}

#[test]
fn a_gate_that_nothing_came_to_says_what_came_closest() {
    let fake = Fake::oss().trusting().seed(7).verify_on_drop(false).build();
    let _late = fake.hold(Op::PutObject, At::Byte(11));
    let _denied = fake.hold(Op::Abort, At::BeforeApply);
    ask(&fake, "PUT", "/examplebucket/k", "0123456789");
    ask(&fake, "DELETE", "/examplebucket/k?uploadId=", "");
    let complaints = fake.complaints();
    assert_eq!(
        complaints,
        [
            "idle gate: no exchange came to PutObject at Byte(11)\n      closest: #1 PutObject k by owner: 10 B of its body arrived, not 11 B",
            "idle gate: no exchange came to Abort at BeforeApply\n      closest: #2 Abort k by owner: it never came to BeforeApply: 400 InvalidArgument",
        ]
    );
}

#[test]
fn outcomes_that_are_others() {
    let fake = fake();
    let upload = || fake.upload("video.mp4");
    let id = initiate(&fake, "video.mp4");
    let target = format!("/examplebucket/video.mp4?uploadId={id}");
    upload().assert_not_aborted().assert_aborts(0).assert_parts_failed_in_flight(&[]).assert_lingering_parts(&[]);
    for number in 1..=2 {
        ask(&fake, "PUT", &format!("{target}&partNumber={number}"), "0123456789");
    }
    let said = |test: fn(UploadCheck<'_>) -> UploadCheck<'_>| {
        let text = complaint(|| drop(test(upload())));
        let (said, _) = text.split_once("\n  it is: ").expect("what it is");
        said.strip_prefix("oss: upload \"video.mp4\" should ").expect("what it is about").to_owned()
    };
    assert_eq!(said(|it| it.assert_unused_parts(&[])), "have been completed");
    assert_eq!(said(|it| it.assert_failed_in_flight(2)), "have failed part 2 in flight");
    assert_eq!(said(|it| it.assert_parts_failed_in_flight(&[1, 2])), "have failed the parts [1, 2] in flight, not []");
    assert_eq!(said(|it| it.assert_lingering(2)), "leave part 2 lingering");
    assert_eq!(said(|it| it.assert_lingering_parts(&[2])), "leave the parts [2] lingering, not []");
    assert_eq!(said(|it| it.assert_aborts(1)), "have been aborted 1 time, not 0");
    ask(&fake, "DELETE", &target, "");
    ask(&fake, "DELETE", &target, "");
    upload().assert_aborts(1).assert_abort_requests(2);
    assert_eq!(said(|it| it.assert_not_aborted()), "not have been aborted");
    assert_eq!(said(|it| it.assert_aborts(2)), "have been aborted 2 times, not 1");

    let id = initiate(&fake, "video.mp4");
    for number in 1..=3 {
        ask(&fake, "PUT", &format!("/examplebucket/video.mp4?partNumber={number}&uploadId={id}"), "0123456789");
    }
    assert_eq!(complete(&fake, "video.mp4", &id), 200);
    upload().assert_unused_parts(&[2, 3]).assert_not_aborted();
    assert_eq!(said(|it| it.assert_unused_parts(&[3])), "have left the parts [3] unused, not [2, 3]");
}

#[test]
fn any_upload_used_after_its_end() {
    let fake = fake();
    let ended = initiate(&fake, "video.mp4");
    ask(&fake, "DELETE", &format!("/examplebucket/video.mp4?uploadId={ended}"), "");
    initiate(&fake, "audio.mp3");
    fake.assert_no_use_after_end();
    assert_eq!(complete(&fake, "video.mp4", &ended), 404);
    let text = complaint(|| fake.assert_no_use_after_end());
    let expected = format!(
        "oss: used after its end: video.mp4, initiated by owner: aborted by #2  (id {ended})\n      by #4 Complete video.mp4: 404 NoSuchUpload\n\ntimeline"
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn a_gate_waited_at_in_vain() {
    let fake = fake();
    let gate = fake.hold(Op::UploadPart.number(2), At::BeforeReply).limit(std::time::Duration::from_millis(1));
    let text = complaint(|| drop(gate.reached_blocking()));
    let expected = "no exchange came to the gate UploadPart 2 at BeforeReply within 1ms (waited at tests/suite/";
    assert!(text.starts_with(expected) && text.contains("\n\ntimeline (oss): 0 exchanges"), "{text}");
    fake.reset();
    let text = complaint(|| drop(gate.reached_blocking()));
    assert!(text.starts_with("the gate UploadPart 2 at BeforeReply has let go what it held"), "{text}");
}

#[test]
fn bytes_that_are_not_kept_are_not_made_up() {
    let fake = Fake::oss().trusting().retention(fake_bucket::Retention::Digest).verify_on_drop(false).build();
    assert_eq!(ask(&fake, "PUT", "/examplebucket/k", "0123456789").status(), 200);
    assert_eq!(ask(&fake, "GET", "/examplebucket/k", "").status(), 501);
    let head = ask(&fake, "HEAD", "/examplebucket/k", "");
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &http::HeaderValue::from(10)));
    let copy = http::Request::put("/examplebucket/copy").header("host", "127.0.0.1").header("content-length", 0);
    let copy = copy.header("x-oss-copy-source", "/examplebucket/k").body(Bytes::new()).expect("a request");
    assert_eq!(fake.answer(copy).status(), 501);
    assert_eq!((fake.snapshot().objects.len(), fake.read("k")), (1, None));
}

#[test]
fn a_fake_that_is_dropped_says_why_it_complains() {
    let (fake, started) = (Fake::oss().trusting().seed(7).build(), line!());
    initiate(&fake, "k");
    let text = complaint(|| drop(fake));
    let (complaints, _) = text.split_once("\n\n").expect("a timeline");
    assert!(complaints.starts_with("oss: leak: k, initiated by owner: OPEN with 0 stored parts"), "{text}");
    let place = format!("  verified because the oss fake started at {}:{started}:", file!());
    assert!(complaints.contains(&place), "{text}");
    let why = "was dropped;\n  `allow_open_uploads()` and `verify_on_drop(false)` opt out;\n  the error of a test that returns one is lost to this panic: `Fake::run` shows both";
    assert!(complaints.ends_with(why), "{text}");
}

#[test]
fn numbers_that_no_part_has() {
    for number in [0, 10_001, u16::MAX] {
        let text = complaint(|| drop(fake().hold(Op::UploadPart.number(number), At::Admitted)));
        assert_eq!(text, format!("part numbers are 1 to 10000, not {number}"));
    }
}

#[test]
fn names_that_nobody_bears() {
    let text = complaint(|| fake().grant("wirter", fake_bucket::Grants::all()));
    assert_eq!(text, "no principal is called \"wirter\"; there are anonymous, owner, stranger, writer");
    let text = complaint(|| drop(fake().add_sub_account("writer", fake_bucket::Grants::all())));
    assert!(text.starts_with("there is a principal called \"writer\" already"), "{text}");
    let text = complaint(|| drop(Fake::oss().custom_domain("media.example.com", "nope").build()));
    assert_eq!(text, "media.example.com is bound to \"nope\", and there is no such bucket");
}

#[test]
fn a_request_that_was_not_understood() {
    let fake = fake();
    let request = http::Request::get("/k?secret=1").header("host", "example.com").body(Bytes::new());
    assert_eq!(fake.answer(request.expect("a request")).status(), 403);
    let timeline = fake.timeline().to_string();
    assert!(timeline.contains("403 NonStandardHostForbidden  (GET /k, host \"example.com\")"), "{timeline}");
    assert!(!timeline.contains("secret"), "{timeline}");
}

#[test]
fn dropping_verifies_unless_told_otherwise() {
    let leaky = || {
        let fake = Fake::oss().trusting().seed(7).build();
        initiate(&fake, "video.mp4");
        fake
    };
    assert!(complaint(|| drop(leaky())).starts_with("oss: leak: video.mp4"));
    let silent = Fake::oss().trusting().allow_open_uploads().build();
    initiate(&silent, "video.mp4");
    drop(silent);
    let while_unwinding = complaint(|| {
        let _fake = leaky();
        panic!("{}", "the test's own panic");
    });
    assert_eq!(while_unwinding, "the test's own panic");
}

#[test]
fn the_same_seed_gives_the_same_snapshot() {
    let run = |seed| {
        let fake = Fake::oss().trusting().seed(seed).verify_on_drop(false).build();
        let id = initiate(&fake, "video.mp4");
        ask(&fake, "PUT", &format!("/examplebucket/video.mp4?partNumber=1&uploadId={id}"), "0123456789");
        ask(&fake, "PUT", "/examplebucket/whole", "0123456789");
        (serde_json::to_string(&fake.snapshot()).expect("json"), serde_json::to_string(&fake.journal()).expect("json"))
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!(run(1).0.contains(r#""initiated":"2025-06-15T08:30:00.003Z""#), "{}", run(1).0);
}

#[test]
fn secrets_do_not_print() {
    let fake = Fake::oss().build();
    let temporary = fake.temporary(&fake.owner(), std::time::Duration::from_secs(60));
    for keys in [fake.owner(), temporary] {
        let printed = format!("{keys:?} {fake:?} {}", fake.timeline());
        assert!(!printed.contains(keys.secret_access_key()), "{printed}");
        assert!(keys.security_token().is_none_or(|token| !printed.contains(token)), "{printed}");
    }
    // Nor does a secret that a client sends in the wrong place.
    let request = http::Request::get("/k").header("host", "examplebucket.oss-cn-hangzhou.aliyuncs.com");
    let reply = fake.answer(request.header("authorization", "Bearer hunter2").body(Bytes::new()).expect("a request"));
    assert_eq!(reply.status(), 400);
    assert!(!String::from_utf8_lossy(reply.body()).contains("hunter2"));
    assert!(!serde_json::to_string(&fake.journal()).expect("json").contains("hunter2"));
}
