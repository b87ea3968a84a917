//! The server, started as another language starts it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use serde_json::Value;

/// The server, and what it announced of each provider.
pub struct Server {
    process: Child,
    pub lines: Vec<Value>,
}

impl Server {
    pub fn start() -> Self {
        let providers = ["--provider=cos", "--provider=oss", "--provider=obs"];
        let (process, lines) = serve(&[&providers[..], &["--trusting", "--until-stdin-closes"]].concat());
        Self { process, lines: lines.take(3).collect() }
    }

    /// Only the fake of OSS, with small parts and repeating ids.
    pub fn oss() -> Self {
        let args = ["--provider=oss", "--trusting", "--seed=1", "--min-part-size=1", "--until-stdin-closes"];
        let (process, lines) = serve(&args);
        Self { process, lines: lines.take(1).collect() }
    }

    pub fn first(&self) -> Talker {
        self.each().next().expect("a provider")
    }

    pub fn each(&self) -> impl Iterator<Item = Talker> {
        self.lines.iter().map(|line| Talker {
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            line: line.clone(),
        })
    }
}

/// A server started with these arguments, and the lines it announces.
pub fn serve(args: &[&str]) -> (Child, impl Iterator<Item = Value> + use<>) {
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
pub struct Talker {
    pub http: reqwest::Client,
    line: Value,
}

impl Talker {
    pub fn announced(&self, name: &str) -> &str {
        self.line[name].as_str().expect("announced")
    }

    /// What the admin address says: the status, and the JSON.
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.announced("admin")));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let reply = request.send().await.expect("a reply");
        let status = reply.status().as_u16();
        (status, serde_json::from_slice(&reply.bytes().await.expect("a body")).expect("JSON"))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, value) = self.admin(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.admin(Method::POST, path, Some(body)).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// The status of a request about the key `k`; none if there is no reply.
    pub async fn ask(&self, method: Method, query: &str, body: &'static str) -> Option<u16> {
        let url = format!("{}/{}/k{query}", self.announced("endpoint"), self.announced("bucket"));
        self.http.request(method, url).body(body).send().await.ok().map(|reply| reply.status().as_u16())
    }

    /// Begins an upload, and returns its id.
    pub async fn initiate(&self) -> String {
        assert_eq!(self.ask(Method::POST, "?uploads", "").await, Some(200));
        let uploads = self.get("/uploads").await;
        let last = uploads.as_array().and_then(|all| all.last()).expect("an upload");
        last["upload_id"].as_str().expect("an id").to_owned()
    }

    /// The state of the upload initiated last.
    pub async fn status(&self) -> Value {
        self.get("/uploads").await.as_array().expect("uploads").last().expect("one")["state"]["status"].clone()
    }
}
