//! The admin address: what the Rust API gives a test, in JSON for the others; and a live page for people.
//!
//! `openapi.json` beside this file describes it; a test keeps the two alike.

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use fake_bucket::{At, Fake, Gate, Held, Op, Select};
use http::{Method, Request, Response, StatusCode, header};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{net::TcpListener, sync::Mutex};

/// Bytes a request's body may have.
const MAX_BODY: usize = 1 << 20;

/// Opens the admin address of a fake. It is served until the process ends.
pub async fn start(fake: Arc<Fake>, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address} for the admin address: {error}"))
    })?;
    let address = listener.local_addr()?;
    let admin = Arc::new(Admin { fake, gates: Mutex::default() });
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let admin = admin.clone();
            let service = service_fn(move |request| {
                let admin = admin.clone();
                async move { Ok::<_, Infallible>(respond(&admin, request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

/// What the admin address remembers besides the fake.
struct Admin {
    fake: Arc<Fake>,
    gates: Mutex<BTreeMap<u64, Installed>>,
}

/// A gate that was put up from here, and what it holds.
struct Installed {
    gate: Arc<Gate>,
    held: Option<Held>,
}

/// Why a request was refused: a status and a reason.
struct Refused(StatusCode, String);

type Answer = Result<Response<Full>, Refused>;

async fn respond(admin: &Admin, request: Request<Incoming>) -> Response<Full> {
    let (parts, body) = request.into_parts();
    let answer = match read(body).await {
        Ok(body) => route(admin, &parts.method, parts.uri.path(), &body).await,
        Err(refused) => Err(refused),
    };
    answer.unwrap_or_else(|Refused(status, reason)| {
        let mut response = as_json(&json!({ "error": reason })).unwrap_or_default();
        *response.status_mut() = status;
        response
    })
}

async fn route(admin: &Admin, method: &Method, path: &str, body: &[u8]) -> Answer {
    let fake = &admin.fake;
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (method.as_str(), &segments[..]) {
        ("GET", [""]) => Ok(page()),
        ("GET", ["openapi.json"]) => Ok(document("application/json", include_str!("openapi.json"))),
        ("GET", ["state"]) => as_json(&fake.snapshot()),
        ("GET", ["journal"]) => as_json(&fake.journal()),
        ("GET", ["timeline"]) => as_json(&json!({ "timeline": fake.timeline().to_string() })),
        ("GET", ["leaks"]) => as_json(&json!({ "leaks": fake.leaks() })),
        ("POST", ["reset"]) => {
            fake.reset();
            admin.gates.lock().await.clear();
            as_json(&json!({}))
        }
        ("POST", ["clock"]) => {
            let Clock { advance_seconds } = parse(body)?;
            let by = Duration::try_from_secs_f64(advance_seconds)
                .map_err(|error| bad(format!("advance_seconds: {error}")))?;
            fake.advance_clock(by);
            as_json(&json!({}))
        }
        ("POST", ["gates"]) => install(admin, parse(body)?).await,
        ("GET", ["gates"]) => list_gates(admin).await,
        ("POST", ["gates", number, "wait"]) => wait_at_gate(admin, number, parse(body)?).await,
        ("POST", ["gates", number, "release"]) => release(admin, number).await,
        (
            _,
            ["" | "openapi.json" | "state" | "journal" | "timeline" | "leaks" | "reset" | "clock" | "gates"]
            | ["gates", _, "wait" | "release"],
        ) => Err(Refused(StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not know {method}"))),
        _ => Err(Refused(StatusCode::NOT_FOUND, format!("there is no {path} here; /openapi.json lists what there is"))),
    }
}

async fn install(admin: &Admin, asked: GateAsked) -> Answer {
    let GateAsked { operation, key, part_number, principal, at } = asked;
    let select = match operation {
        None => Select::any(),
        Some(name) => Op::named(&name).ok_or_else(|| bad(format!("there is no operation {name}")))?.into(),
    };
    let select = key.into_iter().fold(select, Select::key);
    let select = part_number.into_iter().fold(select, Select::number);
    let select = principal.into_iter().fold(select, Select::by);
    let at = match at {
        Point::Admitted => At::Admitted,
        Point::Byte(byte) => At::Byte(byte),
        Point::BeforeApply => At::BeforeApply,
        Point::AfterApply => At::AfterApply,
        Point::BeforeReply => At::BeforeReply,
    };
    let gate = Arc::new(admin.fake.hold(select, at));
    let mut gates = admin.gates.lock().await;
    let number = gates.last_key_value().map_or(1, |(last, _)| last + 1);
    gates.insert(number, Installed { gate, held: None });
    as_json(&json!({ "gate": number }))
}

async fn list_gates(admin: &Admin) -> Answer {
    let gates = admin.gates.lock().await;
    let list: Vec<_> = gates
        .iter()
        .map(|(number, installed)| {
            let held = installed.held.as_ref().map(|held| (**held).clone());
            json!({ "gate": number, "description": format!("{:?}", installed.gate), "held": held })
        })
        .collect();
    as_json(&json!({ "gates": list }))
}

async fn wait_at_gate(admin: &Admin, number: &str, Wait { limit_seconds }: Wait) -> Answer {
    let limit = Duration::try_from_secs_f64(limit_seconds).map_err(|error| bad(format!("limit_seconds: {error}")))?;
    let gate = find(&mut *admin.gates.lock().await, number)?.gate.clone();
    let reached = tokio::time::timeout(limit, gate.reached_in_time()).await.ok().flatten();
    let Some(held) = reached else {
        let timeline = admin.fake.timeline();
        let reason = format!("no exchange came to {gate:?} within {limit:?}\n\n{timeline}");
        return Err(Refused(StatusCode::REQUEST_TIMEOUT, reason));
    };
    let answer = as_json(&json!({ "held": *held }));
    find(&mut *admin.gates.lock().await, number)?.held = Some(held);
    answer
}

/// Lets what the gate holds go on, and takes it down.
async fn release(admin: &Admin, number: &str) -> Answer {
    let mut gates = admin.gates.lock().await;
    find(&mut gates, number)?;
    let installed = number.parse().ok().and_then(|number: u64| gates.remove(&number));
    drop(installed);
    as_json(&json!({}))
}

fn find<'a>(gates: &'a mut BTreeMap<u64, Installed>, number: &str) -> Result<&'a mut Installed, Refused> {
    let found = number.parse().ok().and_then(|number: u64| gates.get_mut(&number));
    found.ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("there is no gate {number}")))
}

fn bad(reason: String) -> Refused {
    Refused(StatusCode::BAD_REQUEST, reason)
}

/// Which exchange to hold, and where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateAsked {
    operation: Option<String>,
    key: Option<String>,
    part_number: Option<u16>,
    principal: Option<String>,
    at: Point,
}

/// A point on the way of an exchange.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Point {
    Admitted,
    Byte(u64),
    BeforeApply,
    AfterApply,
    BeforeReply,
}

/// How long to wait.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    limit_seconds: f64,
}

/// How far to move the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    advance_seconds: f64,
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| bad(error.to_string()))
}

fn as_json(value: &impl Serialize) -> Answer {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(document("application/json", text))
}

fn document(kind: &'static str, text: impl Into<Bytes>) -> Response<Full> {
    let mut response = Response::new(Full(Some(text.into())));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn page() -> Response<Full> {
    document("text/html; charset=utf-8", include_str!("page.html"))
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, Refused> {
    let mut whole = Vec::new();
    loop {
        let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
        let Some(frame) = next else { return Ok(whole) };
        let frame = frame.map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > MAX_BODY {
            return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {MAX_BODY} bytes")));
        }
    }
}

/// A body that is all there.
#[derive(Default)]
struct Full(Option<Bytes>);

impl Body for Full {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(hyper::body::Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn admin() -> Admin {
        Admin { fake: Arc::new(Fake::oss().verify_on_drop(false).build()), gates: Mutex::default() }
    }

    async fn status(admin: &Admin, method: &str, path: &str, body: &str) -> StatusCode {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        match route(admin, &method, path, body.as_bytes()).await {
            Ok(response) => response.status(),
            Err(Refused(status, _)) => status,
        }
    }

    #[tokio::test]
    async fn the_description_and_the_routes_agree() {
        let described: Value = serde_json::from_str(include_str!("openapi.json")).expect("valid JSON");
        let paths = described["paths"].as_object().expect("paths");
        let admin = admin();
        for (path, methods) in paths {
            let path = path.replace("{gate}", "1");
            for method in methods.as_object().expect("methods").keys() {
                let status = status(&admin, &method.to_uppercase(), &path, "").await;
                // What needs a body, or a gate, says so; anything else is done.
                let there = [StatusCode::OK, StatusCode::BAD_REQUEST].contains(&status) || path.contains("/1/");
                assert!(there, "{method} {path} is described and not there: {status}");
            }
            assert_eq!(status(&admin, "TRACE", &path, "").await, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        }
        assert_eq!(status(&admin, "GET", "/nothing", "").await, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_gate_is_put_up_and_taken_down() {
        let admin = admin();
        let asked = r#"{"operation": "Abort", "key": "k", "at": {"byte": 5}}"#;
        assert_eq!(status(&admin, "POST", "/gates", asked).await, StatusCode::OK);
        assert_eq!(
            status(&admin, "POST", "/gates/1/wait", r#"{"limit_seconds": 0}"#).await,
            StatusCode::REQUEST_TIMEOUT
        );
        assert_eq!(status(&admin, "POST", "/gates/1/release", "").await, StatusCode::OK);
        assert_eq!(status(&admin, "POST", "/gates/1/release", "").await, StatusCode::NOT_FOUND);
        for wrong in [
            r#"{"at": "nowhere"}"#,
            r#"{"operation": "Dance", "at": "admitted"}"#,
            "{",
            r#"{"at": "admitted", "x": 1}"#,
        ] {
            assert_eq!(status(&admin, "POST", "/gates", wrong).await, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }
}
