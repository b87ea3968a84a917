//! What a test reads when something is not as it expected. The text is a feature.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use fake_bucket::{At, Fake, Op};

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

#[test]
fn a_request_that_is_not_modelled() {
    let fake = fake();
    assert_eq!(ask(&fake, "GET", "/examplebucket?cors", "").status(), 501);
    let text = complaint(|| fake.verify());
    assert!(
        text.starts_with("oss: not modelled: #1 asked for GET ?cors, which this fake does not model\n\ntimeline"),
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
        text.starts_with("oss: idle gate: no exchange came to UploadPart 2 of \"video.mp4\" by writer at Byte(64)\n\n"),
        "{text}"
    );
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
fn names_that_nobody_bears() {
    let text = complaint(|| fake().grant("wirter", fake_bucket::Grants::all()));
    assert_eq!(text, "no principal is called \"wirter\"");
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
