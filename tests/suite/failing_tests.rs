//! What a failing test prints: each scene runs as a test of its own in a child process, and its output is read.

use std::process::Command;

use bytes::Bytes;
use fake_bucket::{At, Fake, Op};

/// Set in the child process: the name of the scene to play.
const SCENE: &str = "FAKE_BUCKET_TEST_SCENE";

/// Runs this binary's test `scene` in a child process, which plays it, and returns what it printed.
fn printed_by(scene: &str) -> String {
    let binary = std::env::current_exe().expect("this test's binary");
    let child = Command::new(binary)
        .args(["--exact", &format!("failing_tests::scene_{scene}"), "--test-threads=1"])
        .env(SCENE, scene)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("a child process");
    assert!(!child.status.success(), "the scene {scene} should fail");
    String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr)
}

fn is_played(scene: &str) -> bool {
    std::env::var(SCENE).is_ok_and(|played| played == scene)
}

fn leaky(mut fake: Fake) -> Fake {
    initiate(&mut fake, "video.mp4");
    fake
}

fn initiate(fake: &mut Fake, key: &str) {
    let target = format!("/{}/{key}?uploads", fake.bucket());
    let request = http::Request::post(target).header("host", "127.0.0.1").header("content-length", 0);
    let response = fake.answer(request.body(Bytes::new()).expect("a request"));
    assert_eq!(response.status(), 200);
}

/// A panic on its way, with two leaky fakes in scope.
#[test]
fn scene_panic() {
    if is_played("panic") {
        let _oss = leaky(Fake::oss().trusting().build());
        let _cos = leaky(Fake::cos().trusting().build());
        let port: Result<u16, _> = "the client's port".parse();
        port.unwrap();
    }
}

#[test]
fn every_fake_in_a_panicking_test_prints_its_complaints_and_timeline() {
    let printed = printed_by("panic");
    assert!(printed.contains("ParseIntError"), "{printed}");
    for provider in ["oss", "cos"] {
        let started = format!("{provider} fake started at {}:", file!());
        assert!(printed.contains(&started), "{printed}");
        assert_eq!(printed.matches(&format!("timeline ({provider})")).count(), 1, "{printed}");
    }
    assert_eq!(printed.matches("dropped while the test panicked\n  leak: video.mp4").count(), 2, "{printed}");
    assert_eq!(printed.matches("panicked at").count(), 1, "{printed}");
}

/// The first of two leaky fakes panics as it is dropped.
#[test]
fn scene_drop() {
    if is_played("drop") {
        let _oss = leaky(Fake::oss().trusting().build());
        let _cos = leaky(Fake::cos().trusting().build());
    }
}

#[test]
fn the_second_of_two_leaky_fakes_prints_its_leak_too() {
    let printed = printed_by("drop");
    assert!(printed.contains("cos: leak: video.mp4"), "{printed}");
    let started = format!("verified because the cos fake started at {}:", file!());
    assert!(printed.contains(&started), "{printed}");
    assert!(printed.contains("`Fake::run` shows both"), "{printed}");
    assert!(printed.contains("dropped while the test panicked\n  leak: video.mp4"), "{printed}");
}

#[test]
fn scene_assertion() {
    if is_played("assertion") {
        let oss = leaky(Fake::oss().trusting().build());
        oss.upload("video.mp4").assert_aborted();
    }
}

#[test]
fn an_assertion_and_the_drop_after_it_print_one_timeline() {
    let printed = printed_by("assertion");
    assert!(printed.contains("should have been aborted"), "{printed}");
    assert!(printed.contains("leak: video.mp4"), "{printed}");
    assert_eq!(printed.matches("timeline (oss)").count(), 1, "{printed}");
    assert!(printed.contains("its timeline stands above"), "{printed}");
}

#[test]
fn scene_error() -> Result<(), String> {
    if is_played("error") {
        let oss = leaky(Fake::oss().trusting().build());
        return oss.run_blocking(|_| Err("THE REAL CAUSE".to_owned()));
    }
    Ok(())
}

#[test]
fn the_error_of_a_test_stands_beside_the_complaints() {
    let printed = printed_by("error");
    assert!(printed.contains("the test returned the error \"THE REAL CAUSE\"\n  leak: video.mp4"), "{printed}");
    assert!(printed.contains("Error: \"THE REAL CAUSE\""), "{printed}");
    assert_eq!(printed.matches("timeline (oss)").count(), 1, "{printed}");
    assert!(!printed.contains("panicked at"), "{printed}");
}

#[test]
fn scene_opted_out() {
    if is_played("opted_out") {
        let _oss = leaky(Fake::oss().trusting().verify_on_drop(false).build());
        panic!("the test's own panic");
    }
}

#[test]
fn a_fake_that_does_not_verify_on_drop_prints_its_timeline_only() {
    let printed = printed_by("opted_out");
    assert!(printed.contains("the test's own panic"), "{printed}");
    assert!(printed.contains("timeline (oss): 1 exchange"), "{printed}");
    assert!(!printed.contains("leak:"), "{printed}");
}

#[tokio::test]
async fn run_returns_what_the_test_returns_and_verifies() {
    let kept = Fake::oss().trusting().build().run(async |oss| Ok::<_, String>(oss.bucket().to_owned())).await;
    assert_eq!(kept.as_deref(), Ok("examplebucket"));
    let leaky = leaky(Fake::oss().trusting().build());
    let panic = tokio::spawn(async move { leaky.run(async |_| Ok::<_, String>(())).await }).await;
    let panic = panic.expect_err("the leak is found").into_panic();
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.starts_with("oss: leak: video.mp4"), "{text}");
}

/// Each blocking wait refuses to block the only thread of a runtime, at once, and names its async twin.
#[tokio::test]
async fn a_blocking_wait_on_a_current_thread_runtime_says_so_at_once() {
    let oss = Fake::oss().trusting().verify_on_drop(false).build();
    let gate = oss.hold(Op::UploadPart, At::Admitted);
    let waits: [(&str, &dyn Fn()); 3] = [
        ("`reached().await`", &|| drop(gate.reached_blocking())),
        ("`reached().await`", &|| drop(gate.reached_in_time_blocking())),
        ("`wait_until().await`", &|| oss.wait_until_blocking(|state| !state.uploads.is_empty())),
    ];
    for (twin, wait) in waits {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait)).expect_err("a panic");
        let text = panic.downcast_ref::<String>().expect("a message");
        assert!(text.contains("the only thread of this tokio runtime") && text.contains(twin), "{text}");
    }
    // What has come about already needs no waiting, and threads that may block do.
    oss.wait_until_blocking(|state| state.uploads.is_empty());
    oss.quiesce_blocking();
    let quick = gate.limit(std::time::Duration::from_millis(1));
    let in_time = tokio::task::spawn_blocking(move || quick.reached_in_time_blocking().is_some()).await;
    assert!(!in_time.expect("the wait ends"));
}
