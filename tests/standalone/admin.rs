//! The admin address, driven from outside as another language drives it.

use reqwest::Method;
use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn an_abort_with_a_part_in_flight() {
    let server = Server::start();
    for fake in server.each() {
        let id = fake.initiate().await;
        let held = json!({"operation": "UploadPart", "part_number": 2, "at": "before-apply", "name": "the late part"});
        let gate = fake.post("/gates", held).await["gate"].clone();
        let part = tokio::spawn({
            let (fake, query) = (fake.clone(), format!("?partNumber=2&uploadId={id}"));
            async move { fake.ask(Method::PUT, &query, "0123456789").await }
        });
        let held = fake.post(&format!("/gates/{gate}/wait"), json!({"limit_seconds": 20})).await;
        assert_eq!((&held["held"]["part_number"], &held["held"]["held"]), (&json!(2), &json!("BeforeApply")));
        let listed = fake.get("/gates").await["gates"][0]["description"].clone();
        assert_eq!(listed, json!("Gate(\"the late part\" (UploadPart 2 at BeforeApply))"));
        assert_eq!(fake.ask(Method::DELETE, &format!("?uploadId={id}"), "").await, Some(204));
        fake.post(&format!("/gates/{gate}/release"), json!({})).await;
        let lands = fake.announced("provider") == "oss";
        assert_eq!(part.await.expect("no panic"), Some(if lands { 200 } else { 404 }));
        let leaks = fake.get("/leaks").await["leaks"].clone();
        assert_eq!(leaks.as_array().map(Vec::len), Some(usize::from(lands)), "{leaks}");
    }
}

#[tokio::test]
async fn exchanges_at_gates_are_refused_and_cut() {
    let server = Server::start();
    for fake in server.each() {
        let id = fake.initiate().await;
        let own_words = json!({"status": 418, "code": "Teapot", "message": "short and stout"});
        let ends = [
            ("refuse", json!({"failure": "InternalError"}), Some(500)),
            ("refuse", json!({"failure": own_words}), Some(418)),
            ("cut", json!({}), None),
        ];
        for (way, body, heard) in ends {
            let gate = fake.post("/gates", json!({"operation": "Abort", "at": "before-apply"})).await["gate"].clone();
            let (status, error) = fake.admin(Method::POST, &format!("/gates/{gate}/{way}"), Some(body.clone())).await;
            assert_eq!((status, &error["error"]), (409, &json!("Gate(Abort at BeforeApply) holds nothing")));
            let abort = tokio::spawn({
                let (fake, query) = (fake.clone(), format!("?uploadId={id}"));
                async move { fake.ask(Method::DELETE, &query, "").await }
            });
            fake.post(&format!("/gates/{gate}/wait"), json!({})).await;
            fake.post(&format!("/gates/{gate}/{way}"), body).await;
            assert_eq!(abort.await.expect("no panic"), heard);
            assert_eq!(fake.status().await, "open");
        }
        assert_eq!(fake.get("/gates").await["gates"], json!([]), "each was taken down");
    }
}

#[tokio::test]
async fn faults_are_installed_listed_and_removed() {
    let server = Server::start();
    for fake in server.each() {
        let id = fake.initiate().await;
        let part = format!("?partNumber=1&uploadId={id}");
        let faults = json!({"operation": "UploadPart", "faults": [{"refuse": "SlowDown"}, "lose-reply"]});
        let fault = fake.post("/faults", faults).await["fault"].clone();
        assert_eq!(fake.ask(Method::PUT, &part, "0123456789").await, Some(503));
        let listed = fake.get("/faults").await["faults"][0].clone();
        let description = "Refuse(SlowDown), LoseReply for UploadPart";
        assert_eq!(listed, json!({"fault": fault, "description": description, "fired": 1}));
        let (status, _) = fake.admin(Method::DELETE, &format!("/faults/{fault}"), None).await;
        assert_eq!((status, fake.ask(Method::PUT, &part, "0123456789").await), (200, Some(200)), "it was withdrawn");

        let later = json!({"operation": "Abort", "faults": [{"abort-later": "released"}], "repeat": "always"});
        let fault = fake.post("/faults", later).await["fault"].clone();
        assert_eq!(fake.ask(Method::DELETE, &format!("?uploadId={id}"), "").await, Some(204));
        assert_eq!(fake.status().await, "open");
        fake.post(&format!("/faults/{fault}/release"), json!({})).await;
        assert_eq!(fake.status().await, "aborted");

        fake.post("/faults", json!({"operation": "Complete", "nth": 2, "faults": ["stall"]})).await;
        let complaints = fake.get("/verify").await["complaints"].clone();
        let complaint = complaints[0].as_str().expect("one");
        assert!(
            complaint.starts_with("idle fault: Stall never happened to Complete, the 2nd\n      closest: #"),
            "{complaint}"
        );
        fake.post("/reset", json!({})).await;
        assert_eq!(fake.get("/faults").await["faults"], json!([]));
    }
}

#[tokio::test]
async fn what_is_asked_must_be_known() {
    let server = Server::start();
    let fake = server.each().next().expect("one");
    for (path, body) in [
        ("/faults", json!({"faults": []})),
        ("/faults", json!({"faults": ["explode"]})),
        ("/faults", json!({"faults": ["stall"], "opreation": "Abort"})),
        ("/faults", json!({"faults": ["stall", "stall"], "repeat": "always"})),
        ("/faults", json!({"faults": [{"refuse": "NoSuchFailure"}]})),
        ("/faults", json!({"faults": [{"refuse": {"status": 200, "code": "Fine", "message": ""}}]})),
        ("/faults", json!({"faults": [{"delay-seconds": -1}]})),
        ("/gates", json!({"at": "admitted", "nth": 0})),
        ("/grants", json!({"principal": "writer", "actions": ["Dance"]})),
    ] {
        let (status, error) = fake.admin(Method::POST, path, Some(body.clone())).await;
        assert_eq!((status, error["error"].is_string()), (400, true), "{body}: {error}");
    }
    for (method, path) in
        [(Method::DELETE, "/faults/7"), (Method::POST, "/faults/7/release"), (Method::DELETE, "/gates/x")]
    {
        assert_eq!(fake.admin(method, path, Some(json!({}))).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_test_acts_behind_the_clients_backs() {
    let server = Server::start();
    for fake in server.each() {
        let id = fake.initiate().await;
        assert_eq!(fake.post("/uploads/complete", json!({"upload_id": id})).await["done"], false, "it has no parts");
        assert_eq!(fake.ask(Method::PUT, &format!("?partNumber=1&uploadId={id}"), "0123456789").await, Some(200));
        assert_eq!(fake.post("/uploads/complete", json!({"upload_id": id})).await["done"], true);
        assert_eq!((fake.status().await, fake.ask(Method::GET, "", "").await), (json!("completed"), Some(200)));
        let id = fake.initiate().await;
        assert_eq!(fake.post("/uploads/abort", json!({"upload_id": id})).await["done"], true);
        assert_eq!(fake.status().await, "aborted");

        let keys = fake.post("/principals", json!({"principal": "reader", "actions": ["GetObject"]})).await;
        assert!(keys["access_key_id"].is_string() && keys["security_token"].is_null(), "{keys}");
        let again = json!({"principal": "reader", "actions": []});
        assert_eq!(fake.admin(Method::POST, "/principals", Some(again.clone())).await.0, 409);
        fake.post("/grants", again).await;
        let lent = fake.post("/keys/temporary", json!({"principal": "reader", "lifetime_seconds": 60})).await;
        assert!(lent["security_token"].is_string(), "{lent}");
        let revoke = json!({"access_key_id": keys["access_key_id"]});
        let revoked = [fake.post("/keys/revoke", revoke.clone()).await, fake.post("/keys/revoke", revoke).await];
        assert_eq!(revoked.map(|answer| answer["done"].clone()), [json!(true), json!(false)]);
        let names = fake.get("/principals").await["principals"].clone();
        assert_eq!(names, json!(["anonymous", "owner", "reader", "stranger", "writer"]));

        assert_eq!(fake.post("/buckets/delete", json!({"bucket": fake.announced("bucket")})).await["done"], true);
        assert_eq!(fake.ask(Method::GET, "", "").await, Some(404));
    }
}
