//! The admin address: what the Rust API gives a test, in JSON for the others; and a live page for people.
//!
//! `openapi.json` beside this file describes it; a test keeps the two alike.

mod asked;

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use fake_bucket::{Credentials, Fake, Gate, Held, InstalledFault};
use http::{Method, Request, Response, StatusCode, header};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::{net::TcpListener, sync::Mutex};

use asked::{
    Clock, FaultsAsked, GateAsked, Granted, OfBucket, OfKey, OfUpload, RefusalAsked, Repeat, Temporary, Wait, seconds,
};

/// Bytes a request's body may have.
const MAX_BODY: usize = 1 << 20;

/// Opens the admin address of a fake. It is served until the process ends.
pub async fn start(fake: Arc<Fake>, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address} for the admin address: {error}"))
    })?;
    let address = listener.local_addr()?;
    let admin = Arc::new(Admin { fake, gates: Mutex::default(), faults: Mutex::default() });
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
    faults: Mutex<BTreeMap<u64, InstalledFault>>,
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
    if let Some(answer) = behind_the_clients_backs(fake, method, &segments, body) {
        return answer;
    }
    match (method.as_str(), &segments[..]) {
        ("GET", [""]) => Ok(page()),
        ("GET", ["openapi.json"]) => Ok(document("application/json", include_str!("openapi.json"))),
        ("GET", ["state"]) => as_json(&fake.snapshot()),
        ("GET", ["journal"]) => as_json(&fake.journal()),
        ("GET", ["timeline"]) => as_json(&json!({ "timeline": fake.timeline().to_string() })),
        ("GET", ["uploads"]) => as_json(&fake.uploads()),
        ("GET", ["leaks"]) => as_json(&json!({ "leaks": fake.leaks() })),
        ("GET", ["verify"]) => as_json(&json!({ "complaints": fake.complaints() })),
        ("POST", ["reset"]) => {
            fake.reset();
            admin.gates.lock().await.clear();
            admin.faults.lock().await.clear();
            as_json(&json!({}))
        }
        ("POST", ["gates"]) => install(admin, parse(body)?).await,
        ("GET", ["gates"]) => list_gates(admin).await,
        ("POST", ["gates", number, "wait"]) => wait_at_gate(admin, number, parse(body)?).await,
        ("POST", ["gates", number, "release"]) | ("DELETE", ["gates", number]) => release(admin, number).await,
        ("POST", ["gates", number, "refuse"]) => {
            let RefusalAsked { failure } = parse(body)?;
            let failure = failure.read().map_err(bad)?;
            take_held(admin, number).await?.refuse(failure);
            as_json(&json!({}))
        }
        ("POST", ["gates", number, "cut"]) => {
            take_held(admin, number).await?.cut();
            as_json(&json!({}))
        }
        ("POST", ["faults"]) => install_faults(admin, parse(body)?).await,
        ("GET", ["faults"]) => list_faults(admin).await,
        ("POST", ["faults", number, "release"]) => {
            find(&mut *admin.faults.lock().await, "fault", number)?.release();
            as_json(&json!({}))
        }
        ("DELETE", ["faults", number]) => {
            drop(remove(&mut *admin.faults.lock().await, "fault", number)?);
            as_json(&json!({}))
        }
        (
            _,
            [
                "" | "openapi.json" | "state" | "journal" | "timeline" | "uploads" | "leaks" | "verify" | "reset"
                | "clock" | "gates" | "faults" | "grants" | "principals",
            ]
            | ["gates", _]
            | ["gates", _, "wait" | "release" | "refuse" | "cut"]
            | ["faults", _]
            | ["faults", _, "release"]
            | ["uploads", "abort" | "complete"]
            | ["buckets", "delete"]
            | ["keys", "revoke" | "temporary"],
        ) => Err(Refused(StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not know {method}"))),
        _ => Err(Refused(StatusCode::NOT_FOUND, format!("there is no {path} here; /openapi.json lists what there is"))),
    }
}

/// What the test does itself, behind its clients' backs.
fn behind_the_clients_backs(fake: &Fake, method: &Method, segments: &[&str], body: &[u8]) -> Option<Answer> {
    let post = method == Method::POST;
    Some(match segments {
        ["clock"] if post => move_clock(fake, body),
        ["uploads", "abort"] if post => done(body, |OfUpload { upload_id }| fake.abort_upload(&upload_id)),
        ["uploads", "complete"] if post => done(body, |OfUpload { upload_id }| fake.complete_upload(&upload_id)),
        ["buckets", "delete"] if post => done(body, |OfBucket { bucket }| fake.delete_bucket(&bucket)),
        ["keys", "revoke"] if post => done(body, |OfKey { access_key_id }| fake.revoke_key(&access_key_id)),
        ["keys", "temporary"] if post => lend_key(fake, body),
        ["grants"] if post => grant(fake, body),
        ["principals"] if post => add_principal(fake, body),
        ["principals"] if method == Method::GET => as_json(&json!({ "principals": fake.principals() })),
        _ => return None,
    })
}

/// Does something, and says whether there was anything to do.
fn done<T: DeserializeOwned>(body: &[u8], act: impl FnOnce(T) -> bool) -> Answer {
    as_json(&json!({ "done": act(parse(body)?) }))
}

fn move_clock(fake: &Fake, body: &[u8]) -> Answer {
    let Clock { advance_seconds } = parse(body)?;
    fake.advance_clock(seconds("advance_seconds", advance_seconds).map_err(bad)?);
    as_json(&json!({}))
}

fn grant(fake: &Fake, body: &[u8]) -> Answer {
    let granted: Granted = parse(body)?;
    let grants = granted.grants().map_err(bad)?;
    known(fake, &granted.principal)?;
    fake.grant(&granted.principal, grants);
    as_json(&json!({}))
}

fn add_principal(fake: &Fake, body: &[u8]) -> Answer {
    let granted: Granted = parse(body)?;
    let grants = granted.grants().map_err(bad)?;
    if fake.principals().contains(&granted.principal) {
        let reason = format!("there is a principal called {} already", granted.principal);
        return Err(Refused(StatusCode::CONFLICT, reason));
    }
    shown(&fake.add_sub_account(&granted.principal, grants))
}

fn lend_key(fake: &Fake, body: &[u8]) -> Answer {
    let Temporary { principal, lifetime_seconds } = parse(body)?;
    let lifetime = seconds("lifetime_seconds", lifetime_seconds).map_err(bad)?;
    known(fake, &principal)?;
    shown(&fake.temporary(&fake.credentials(&principal), lifetime))
}

fn known(fake: &Fake, principal: &String) -> Result<(), Refused> {
    let found = fake.principals().contains(principal).then_some(());
    found.ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("no principal is called {principal}")))
}

fn shown(keys: &Credentials) -> Answer {
    as_json(&json!({
        "name": keys.name,
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key(),
        "security_token": keys.security_token(),
    }))
}

async fn install(admin: &Admin, asked: GateAsked) -> Answer {
    let (select, at, name) = asked.read().map_err(bad)?;
    let gate = admin.fake.hold(select, at);
    let gate = Arc::new(name.into_iter().fold(gate, Gate::named));
    let number = add(&mut *admin.gates.lock().await, Installed { gate, held: None });
    as_json(&json!({ "gate": number }))
}

async fn install_faults(admin: &Admin, asked: FaultsAsked) -> Answer {
    let (select, faults, repeat) = asked.read().map_err(bad)?;
    let installed = match (repeat, &faults[..]) {
        (Repeat::Always, [fault]) => admin.fake.fault_always(select, fault.clone()),
        _ => admin.fake.faults(select, faults),
    };
    let number = add(&mut *admin.faults.lock().await, installed);
    as_json(&json!({ "fault": number }))
}

async fn list_faults(admin: &Admin) -> Answer {
    let faults = admin.faults.lock().await;
    let list: Vec<_> = faults
        .iter()
        .map(|(number, fault)| json!({ "fault": number, "description": format!("{fault:?}"), "fired": fault.fired() }))
        .collect();
    as_json(&json!({ "faults": list }))
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
    let limit = seconds("limit_seconds", limit_seconds).map_err(bad)?;
    let gate = find(&mut *admin.gates.lock().await, "gate", number)?.gate.clone();
    let reached = tokio::time::timeout(limit, gate.reached_in_time()).await.ok().flatten();
    let Some(held) = reached else {
        let timeline = admin.fake.timeline();
        let reason = format!("no exchange came to {gate:?} within {limit:?}\n\n{timeline}");
        return Err(Refused(StatusCode::REQUEST_TIMEOUT, reason));
    };
    let answer = as_json(&json!({ "held": *held }));
    find(&mut *admin.gates.lock().await, "gate", number)?.held = Some(held);
    answer
}

/// Lets what the gate holds go on, and takes it down.
async fn release(admin: &Admin, number: &str) -> Answer {
    let mut gates = admin.gates.lock().await;
    remove(&mut gates, "gate", number)?;
    as_json(&json!({}))
}

/// What the gate holds. The gate is taken down, unless it holds nothing.
async fn take_held(admin: &Admin, number: &str) -> Result<Held, Refused> {
    let mut gates = admin.gates.lock().await;
    let installed = find(&mut gates, "gate", number)?;
    let Some(held) = installed.held.take().or_else(|| installed.gate.held()) else {
        let reason = format!("{:?} holds nothing", installed.gate);
        return Err(Refused(StatusCode::CONFLICT, reason));
    };
    remove(&mut gates, "gate", number)?;
    Ok(held)
}

/// Adds one under the next number.
fn add<T>(installed: &mut BTreeMap<u64, T>, one: T) -> u64 {
    let number = installed.last_key_value().map_or(1, |(last, _)| last + 1);
    installed.insert(number, one);
    number
}

fn find<'a, T>(installed: &'a mut BTreeMap<u64, T>, what: &str, number: &str) -> Result<&'a mut T, Refused> {
    let found = number.parse().ok().and_then(|number: u64| installed.get_mut(&number));
    found.ok_or_else(|| missing(what, number))
}

fn remove<T>(installed: &mut BTreeMap<u64, T>, what: &str, number: &str) -> Result<T, Refused> {
    let found = number.parse().ok().and_then(|number: u64| installed.remove(&number));
    found.ok_or_else(|| missing(what, number))
}

fn missing(what: &str, number: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("there is no {what} {number}"))
}

fn bad(reason: String) -> Refused {
    Refused(StatusCode::BAD_REQUEST, reason)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    asked::parse(body).map_err(bad)
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
        let fake = Arc::new(Fake::oss().verify_on_drop(false).build());
        Admin { fake, gates: Mutex::default(), faults: Mutex::default() }
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
            let path = path.replace("{gate}", "1").replace("{fault}", "1");
            for method in methods.as_object().expect("methods").keys() {
                let status = status(&admin, &method.to_uppercase(), &path, "").await;
                // What needs a body, or a gate, says so; anything else is done.
                let there = [StatusCode::OK, StatusCode::BAD_REQUEST].contains(&status) || path.contains("/1");
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
            r#"{"part_number": 0, "at": "admitted"}"#,
            "{",
            r#"{"at": "admitted", "x": 1}"#,
        ] {
            assert_eq!(status(&admin, "POST", "/gates", wrong).await, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }
}
