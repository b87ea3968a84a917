//! The standalone server, driven from outside as another language drives it: clients talk to its endpoints, the test to its
//! admin addresses.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

/// The server, and what it announced of each provider.
struct Server {
    process: Child,
    lines: Vec<Value>,
}

impl Server {
    fn start() -> Self {
        let providers = ["--provider=cos", "--provider=oss", "--provider=obs"];
        let (process, lines) = serve(&[&providers[..], &["--trusting", "--until-stdin-closes"]].concat());
        Self { process, lines: lines.take(3).collect() }
    }

    fn each(&self) -> impl Iterator<Item = Talker> {
        self.lines.iter().map(|line| Talker {
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            line: line.clone(),
        })
    }
}

/// A server started with these arguments, and the lines it announces.
fn serve(args: &[&str]) -> (Child, impl Iterator<Item = Value> + use<>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-bucket"));
    command.arg("serve").args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("the server starts");
    let out = BufReader::new(process.stdout.take().expect("its output"));
    let line = |line: std::io::Result<String>| serde_json::from_str(&line.expect("a line")).expect("JSON");
    (process, out.lines().map(line))
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Talks to one provider's fake, and to its admin address.
#[derive(Clone)]
struct Talker {
    http: reqwest::Client,
    line: Value,
}

impl Talker {
    fn announced(&self, name: &str) -> &str {
        self.line[name].as_str().expect("announced")
    }

    /// What the admin address says: the status, and the JSON.
    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.announced("admin")));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let reply = request.body(body).send().await.expect("a reply");
        let status = reply.status().as_u16();
        (status, serde_json::from_slice(&reply.bytes().await.expect("a body")).expect("JSON"))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.admin(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.admin(Method::POST, path, Some(body)).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// The status of a request about the key `k`; none if there is no reply.
    async fn ask(&self, method: Method, query: &str, body: &'static str) -> Option<u16> {
        let url = format!("{}/{}/k{query}", self.announced("endpoint"), self.announced("bucket"));
        self.http.request(method, url).body(body).send().await.ok().map(|reply| reply.status().as_u16())
    }

    /// Begins an upload, and returns its id.
    async fn initiate(&self) -> String {
        assert_eq!(self.ask(Method::POST, "?uploads", "").await, Some(200));
        let uploads = self.get("/uploads").await;
        let last = uploads.as_array().and_then(|all| all.last()).expect("an upload");
        last["upload_id"].as_str().expect("an id").to_owned()
    }

    /// The state of the upload initiated last.
    async fn status(&self) -> Value {
        self.get("/uploads").await.as_array().expect("uploads").last().expect("one")["state"]["status"].clone()
    }
}

/// However it is told to stop it does so at once, whatever is under way, and calls that a success.
#[cfg(unix)]
#[test]
fn stops_when_it_is_told_to() {
    for signal in [Some("-TERM"), Some("-INT"), None] {
        let flag = if signal.is_none() { &["--until-stdin-closes"][..] } else { &[] };
        let (mut process, mut lines) = serve(&[&["--provider=oss"], flag].concat());
        let line = lines.next().expect("a line");
        let endpoint = line["endpoint"].as_str().and_then(|url| url.strip_prefix("http://")).expect("an endpoint");
        let mut busy = TcpStream::connect(endpoint).expect("it accepts connections");
        write!(busy, "PUT /examplebucket/k HTTP/1.1\r\nHost: {endpoint}\r\nContent-Length: 5\r\n\r\n1").expect("sent");
        match signal {
            Some(signal) => {
                let told = Command::new("kill").args([signal, &process.id().to_string()]).status();
                assert!(told.expect("`kill` runs").success(), "{signal}");
            }
            None => drop(process.stdin.take()),
        }
        assert_eq!(process.wait().expect("it ends").code(), Some(0), "{signal:?}");
        assert_eq!(lines.next(), None, "{signal:?}: nothing else is printed");
    }
}

#[test]
fn says_what_others_need_to_know() {
    let server = Server::start();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned();
    let kinds = [("owner", "root"), ("writer", "sub-account"), ("stranger", "other-account")];
    let expected = [
        ("cos", "ap-guangzhou", "examplebucket-1250000000", "cos.ap-guangzhou.myqcloud.com"),
        ("oss", "cn-hangzhou", "examplebucket", "oss-cn-hangzhou.aliyuncs.com"),
        ("obs", "cn-north-4", "examplebucket", "obs.cn-north-4.myhuaweicloud.com"),
    ];
    for (line, (provider, region, bucket, service_host)) in server.lines.iter().zip(expected) {
        let said = ["provider", "region", "bucket", "service_host"].map(|name| text(line, name));
        assert_eq!(said, [provider, region, bucket, service_host]);
        for name in ["endpoint", "admin"] {
            assert!(text(line, name).starts_with("http://127.0.0.1:"), "{name}: {line}");
        }
        let principals = line["principals"].as_array().expect("principals");
        let found: Vec<_> = principals.iter().map(|one| (text(one, "name"), text(one, "role"))).collect();
        assert_eq!(found, kinds.map(|(name, role)| (name.to_owned(), role.to_owned())));
        for one in principals {
            assert!(!text(one, "access_key_id").is_empty() && !text(one, "secret_access_key").is_empty(), "{one}");
        }
    }
    assert_eq!(server.lines.len(), 3);
}

/// What cannot be served is said in words, on standard error, and nothing is announced.
#[test]
fn what_cannot_be_served_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let port = address.port().to_string();
    let oss = ["--provider", "oss"];
    let cases: [(&[&str], i32, String); 7] = [
        (&[], 2, "--provider <PROVIDER>".into()),
        (&["--provider", "azure"], 2, "[possible values: cos, oss, obs]".into()),
        (&["--port", "65536"], 2, "65536 is not in 0..=65535".into()),
        (&["--bucket", "No_Bucket"], 1, "--bucket: oss does not allow a bucket by the name \"No_Bucket\"".into()),
        (&["--port", &port], 1, format!("cannot listen on {address} for oss: Address already in use")),
        (&["--admin-port", &port], 1, format!("cannot listen on {address} for the admin address: Address already")),
        (
            &["--provider", "cos", "--admin-port", "65535"],
            1,
            "--admin-port 65535: no port is left for provider 2".into(),
        ),
    ];
    for (args, code, words) in cases {
        let oss = if args.is_empty() || args.contains(&"azure") { &[][..] } else { &oss[..] };
        let mut command = Command::new(env!("CARGO_BIN_EXE_fake-bucket"));
        let ended = command.arg("serve").args(oss).args(args).stdin(Stdio::null()).output().expect("it runs");
        let (out, error) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert_eq!((ended.status.code(), &*out), (Some(code), ""), "{args:?}: {error}");
        assert!(error.contains(&words), "{args:?}: {error}");
    }
}

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
