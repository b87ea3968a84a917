//! What is asked of the admin address in combination.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Server, Talker};

/// The number of a gate that was put up.
async fn gate(fake: &Talker, asked: Value) -> u64 {
    fake.post("/gates", asked).await["gate"].as_u64().expect("a number")
}

async fn fault(fake: &Talker, asked: Value) -> u64 {
    fake.post("/faults", asked).await["fault"].as_u64().expect("a number")
}

/// Sends a request that a gate may hold.
fn asking(fake: &Talker, method: Method, query: &str) -> tokio::task::JoinHandle<Option<u16>> {
    let (fake, query) = (fake.clone(), query.to_owned());
    let body = if method == Method::PUT { "0123456789" } else { "" };
    tokio::spawn(async move { fake.ask(method, &query, body).await })
}

async fn wait(fake: &Talker, gate: u64) -> Value {
    fake.post(&format!("/gates/{gate}/wait"), json!({"limit_seconds": 30})).await["held"].clone()
}

#[tokio::test]
async fn a_stale_number_opens_nobody_elses_gate() {
    let server = Server::oss();
    let fake = server.first();
    let at = json!({"operation": "Initiate", "at": "before-apply"});
    let first = gate(&fake, at.clone()).await;
    let held = asking(&fake, Method::POST, "?uploads");
    wait(&fake, first).await;
    fake.post("/reset", json!({})).await;
    assert_eq!(held.await.expect("no panic"), Some(503), "the reset let it go on, to no effect");

    let second = gate(&fake, at.clone()).await;
    let held = asking(&fake, Method::POST, "?uploads");
    let record = wait(&fake, second).await;
    for way in ["release", "refuse", "cut", "wait"] {
        let body = if way == "refuse" { json!({"failure": "InternalError"}) } else { json!({}) };
        let (status, error) = fake.admin(Method::POST, &format!("/gates/{first}/{way}"), Some(body)).await;
        assert_eq!((status, error), (404, json!({"error": format!("there is no gate {first}")})), "{way}");
    }
    assert_eq!(fake.admin(Method::DELETE, &format!("/gates/{first}"), None).await.0, 404);
    assert_eq!(fake.get("/gates").await["gates"][0]["held"], record, "it is still held");
    assert!(!held.is_finished());
    fake.post(&format!("/gates/{second}/release"), json!({})).await;
    assert_eq!(held.await.expect("no panic"), Some(200));
    assert_eq!((first, second, gate(&fake, at).await), (1, 2, 3), "no number is used again");
}

#[tokio::test]
async fn numbers_of_faults_are_never_used_again() {
    let server = Server::oss();
    let fake = server.first();
    let asked = || json!({"operation": "Abort", "faults": ["drop-effect"]});
    assert_eq!(fault(&fake, asked()).await, 1);
    assert_eq!(fake.admin(Method::DELETE, "/faults/1", None).await.0, 200);
    assert_eq!(fault(&fake, asked()).await, 2);
    fake.post("/reset", json!({})).await;
    assert_eq!(fault(&fake, asked()).await, 3);
    for stale in [1, 2] {
        assert_eq!(fake.admin(Method::DELETE, &format!("/faults/{stale}"), None).await.0, 404);
        assert_eq!(fake.admin(Method::POST, &format!("/faults/{stale}/release"), None).await.0, 404);
    }
    assert_eq!(fake.get("/faults").await["faults"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_gate_may_be_waited_at_again() {
    let server = Server::oss();
    let fake = server.first();
    let gate = gate(&fake, json!({"operation": "Initiate", "at": "before-reply"})).await;
    let held = asking(&fake, Method::POST, "?uploads");
    let (once, again) = tokio::join!(wait(&fake, gate), wait(&fake, gate));
    assert_eq!(once, again);
    assert_eq!(wait(&fake, gate).await, once, "the exchange is held until it is released");
    assert_eq!(fake.get("/state").await["in_flight"][0]["held"], json!("BeforeReply"));
    fake.post(&format!("/gates/{gate}/cut"), json!({})).await;
    assert_eq!(held.await.expect("no panic"), None, "the cut counts, not the waits that are over");
}

#[tokio::test]
async fn two_gates_hold_one_exchange_one_after_the_other() {
    let server = Server::oss();
    let fake = server.first();
    let before = gate(&fake, json!({"operation": "Initiate", "at": "before-apply"})).await;
    let same = gate(&fake, json!({"operation": "Initiate", "at": "before-apply"})).await;
    let after = gate(&fake, json!({"operation": "Initiate", "at": "after-apply"})).await;
    let held = asking(&fake, Method::POST, "?uploads");
    for (number, at, uploads) in [(before, "BeforeApply", 0), (same, "BeforeApply", 0), (after, "AfterApply", 1)] {
        assert_eq!(wait(&fake, number).await["held"], json!(at));
        assert_eq!(fake.get("/uploads").await.as_array().map(Vec::len), Some(uploads), "{at}");
        let others: Vec<_> = [before, same, after].into_iter().filter(|other| *other > number).collect();
        for other in others {
            let path = format!("/gates/{other}/refuse");
            let (status, error) = fake.admin(Method::POST, &path, Some(json!({"failure": "SlowDown"}))).await;
            assert_eq!(status, 409, "gate {other} holds nothing yet: {error}");
        }
        fake.post(&format!("/gates/{number}/release"), json!({})).await;
    }
    assert_eq!(held.await.expect("no panic"), Some(200));
    assert_eq!(fake.get("/gates").await["gates"], json!([]));
}

#[tokio::test]
async fn a_fault_falls_on_the_nth_that_fits_and_one_stays_for_all() {
    let server = Server::oss();
    let fake = server.first();
    let id = fake.initiate().await;
    let part = |number: u16| format!("?partNumber={number}&uploadId={id}");
    // All of it at once: operation, key, number and principal have to fit, and of those exchanges the second is spoiled.
    let chosen = json!({"operation": "UploadPart", "key": "k", "part_number": 2, "principal": "owner", "nth": 2,
        "repeat": "always", "faults": [{"refuse": "InternalError"}]});
    let nth = fault(&fake, chosen).await;
    let mut heard = Vec::new();
    for number in [1, 2, 1, 2, 2] {
        heard.push(fake.ask(Method::PUT, &part(number), "0123456789").await);
    }
    assert_eq!(heard, [200, 200, 200, 500, 200].map(Some));
    assert_eq!(fake.get("/faults").await["faults"][0]["fired"], json!(1), "an nth comes once, however it is repeated");

    let always = fault(&fake, json!({"part_number": 1, "repeat": "always", "faults": [{"refuse": "SlowDown"}]})).await;
    let once = fault(&fake, json!({"part_number": 1, "faults": [{"refuse": "AccessDenied"}]})).await;
    for _ in 0..3 {
        assert_eq!(fake.ask(Method::PUT, &part(1), "0123456789").await, Some(503), "the fault installed first decides");
        assert_eq!(fake.ask(Method::PUT, &part(2), "0123456789").await, Some(200));
    }
    let fired = |listed: &Value, number: u64| {
        let found = listed["faults"].as_array().expect("faults").iter().find(|fault| fault["fault"] == json!(number));
        found.expect("it is listed")["fired"].clone()
    };
    let listed = fake.get("/faults").await;
    assert_eq!([nth, always, once].map(|number| fired(&listed, number)), [json!(1), json!(3), json!(0)]);
    fake.admin(Method::DELETE, &format!("/faults/{always}"), None).await;
    assert_eq!(fake.ask(Method::PUT, &part(1), "0123456789").await, Some(403), "now it is the other's turn");
    assert_eq!(fake.ask(Method::PUT, &part(1), "0123456789").await, Some(200));
}

#[tokio::test]
async fn moving_the_clock_runs_lifecycle_rules() {
    let server = Server::oss();
    let fake = server.first();
    let rules = "<LifecycleConfiguration><Rule><Prefix/><Status>Enabled</Status><AbortMultipartUpload><Days>2</Days>\
        </AbortMultipartUpload></Rule></LifecycleConfiguration>";
    let bucket = format!("{}/{}/?lifecycle", fake.announced("endpoint"), fake.announced("bucket"));
    let put = fake.http.put(bucket).body(rules).send().await.expect("a reply");
    assert_eq!(put.status(), 200);
    let lifecycle = fake.get("/state").await["settings"]["examplebucket"]["lifecycle"].clone();
    assert!(lifecycle.as_str().is_some_and(|shown| shown.contains("<Days>2</Days>")), "{lifecycle}");
    let id = fake.initiate().await;
    let gate = gate(&fake, json!({"operation": "UploadPart", "at": "before-apply"})).await;
    let part = asking(&fake, Method::PUT, &format!("?partNumber=1&uploadId={id}"));
    wait(&fake, gate).await;
    fake.post("/clock", json!({"advance_seconds": 2 * 86_400 - 60})).await;
    assert_eq!(fake.status().await, "open", "a minute is missing");
    fake.post("/clock", json!({"advance_seconds": 60.0})).await;
    let upload = fake.get("/uploads").await[0].clone();
    assert_eq!((&upload["state"]["status"], &upload["state"]["cause"]), (&json!("aborted"), &json!("lifecycle")));
    fake.post(&format!("/gates/{gate}/release"), json!({})).await;
    assert_eq!(part.await.expect("no panic"), Some(200), "on OSS the part lands late");
    assert_eq!(fake.get("/uploads").await[0]["state"]["lingering"][0]["number"], json!(1));
    fake.post("/reset", json!({})).await;
    assert_eq!(fake.get("/state").await["settings"]["examplebucket"]["lifecycle"], Value::Null);
}

#[tokio::test]
async fn a_wait_has_a_limit_and_names_who_came_closest() {
    let server = Server::oss();
    let fake = server.first();
    let gate = gate(&fake, json!({"operation": "Abort", "at": "before-apply", "name": "the end"})).await;
    let path = format!("/gates/{gate}/wait");
    let id = fake.initiate().await;
    for (limit, words) in [
        (json!(30.001), "limit_seconds: 30.001 is more than 30"),
        (json!(60), "limit_seconds: 60 is more than 30"),
        (json!(-1), "limit_seconds: cannot convert float seconds to Duration: value is negative"),
    ] {
        let (status, error) = fake.admin(Method::POST, &path, Some(json!({"limit_seconds": limit}))).await;
        assert_eq!((status, error), (400, json!({"error": words})));
    }
    let (status, error) = fake.admin(Method::POST, &path, Some(json!({"limit_seconds": 0}))).await;
    let told = error["error"].as_str().expect("words");
    let expected = "no exchange came to Gate(\"the end\" (Abort at BeforeApply)) within 0ns
  closest: #1 Initiate k by owner: operation is Initiate, not Abort

timeline (oss): 1 exchange\n";
    assert!(status == 408 && told.starts_with(expected), "{status} {told}");
    let held = asking(&fake, Method::DELETE, &format!("?uploadId={id}"));
    // No body at all: as long as a wait may take.
    let (status, answer) = fake.admin(Method::POST, &path, None).await;
    assert_eq!((status, &answer["held"]["operation"]), (200, &json!("Abort")));
    fake.post(&format!("/gates/{gate}/refuse"), json!({"failure": "ServiceUnavailable"})).await;
    assert_eq!(held.await.expect("no panic"), Some(503));
}
