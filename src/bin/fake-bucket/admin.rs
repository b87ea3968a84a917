//! The admin address: what the Rust API gives a test, in JSON for other languages, and a live page for people.
//!
//! `openapi.json` beside this file describes it; a test of the program walks that description.

mod asked;
mod connections;
mod numbered;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use fake_bucket::{Credentials, ExchangeRecord, Fake, Gate, Held, InstalledFault};
use http::{Method, Response, StatusCode, header};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::net::TcpListener;

use asked::{
    Clock, FaultsAsked, GateAsked, Granted, Nothing, OfBucket, OfKey, OfUpload, RefusalAsked, Repeat, Temporary, Wait,
    seconds,
};
use connections::{Full, IDLE_LIMIT, serve};
use numbered::Numbered;

/// Opens the admin address of a fake. It is served until the process ends.
pub async fn start(fake: Arc<Fake>, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address} for the admin address: {error}"))
    })?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, Arc::new(Admin::new(fake)), IDLE_LIMIT));
    Ok(address)
}

/// What the admin address remembers besides the fake.
struct Admin {
    fake: Arc<Fake>,
    gates: Mutex<Numbered<Installed>>,
    faults: Mutex<Numbered<InstalledFault>>,
    /// Held while a principal is added, so that no name is taken twice.
    adding: Mutex<()>,
}

/// A gate that was put up from here.
struct Installed {
    gate: Arc<Gate>,
    /// One for each wait that the gate answered. Dropping any of them would let the exchange go on.
    held: Vec<Held>,
}

impl Installed {
    /// The exchange that the gate holds, if a wait has reported it.
    fn exchange(&self) -> Option<&ExchangeRecord> {
        self.held.first().map(|held| &**held)
    }
}

impl Admin {
    fn new(fake: Arc<Fake>) -> Self {
        let (gates, faults) = (Numbered::of("gate"), Numbered::of("fault"));
        Self { fake, gates: Mutex::new(gates), faults: Mutex::new(faults), adding: Mutex::default() }
    }

    /// Starts anew. The numbers of gates and faults go on from where they are.
    fn reset(&self) {
        self.fake.reset();
        let (gates, faults) = (self.gates.lock().clear(), self.faults.lock().clear());
        drop((gates, faults));
    }
}

/// Why a request was refused: a status and a reason.
struct Refused(StatusCode, String);

type Answer = Result<Response<Full>, Refused>;

async fn route(admin: &Admin, method: &Method, path: &str, body: &[u8]) -> Answer {
    let fake = &admin.fake;
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let Some(answer) = behind_the_clients_backs(admin, method, &segments, body) {
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
            nothing(body)?;
            admin.reset();
            as_json(&json!({}))
        }
        ("POST", ["gates"]) => install(admin, parse(body)?),
        ("GET", ["gates"]) => list_gates(admin),
        ("POST", ["gates", number, "wait"]) => wait_at_gate(admin, number, body).await,
        ("POST", ["gates", number, "release"]) | ("DELETE", ["gates", number]) => release(admin, number, body),
        ("POST", ["gates", number, "refuse"]) => {
            let RefusalAsked { failure } = parse(body)?;
            let failure = failure.read().map_err(bad)?;
            stop(admin, number, |held| held.refuse(failure))
        }
        ("POST", ["gates", number, "cut"]) => {
            nothing(body)?;
            stop(admin, number, Held::cut)
        }
        ("POST", ["faults"]) => install_faults(admin, parse(body)?),
        ("GET", ["faults"]) => list_faults(admin),
        ("POST", ["faults", number, "release"]) => {
            nothing(body)?;
            admin.faults.lock().find(number)?.release();
            as_json(&json!({}))
        }
        ("DELETE", ["faults", number]) => {
            nothing(body)?;
            let fault = admin.faults.lock().remove(number)?;
            drop(fault);
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
fn behind_the_clients_backs(admin: &Admin, method: &Method, segments: &[&str], body: &[u8]) -> Option<Answer> {
    let fake = &admin.fake;
    let post = method == Method::POST;
    Some(match segments {
        ["clock"] if post => move_clock(fake, body),
        ["uploads", "abort"] if post => done(body, |OfUpload { upload_id }| fake.abort_upload(&upload_id)),
        ["uploads", "complete"] if post => done(body, |OfUpload { upload_id }| fake.complete_upload(&upload_id)),
        ["buckets", "delete"] if post => done(body, |OfBucket { bucket }| fake.delete_bucket(&bucket)),
        ["keys", "revoke"] if post => done(body, |OfKey { access_key_id }| fake.revoke_key(&access_key_id)),
        ["keys", "temporary"] if post => lend_key(fake, body),
        ["grants"] if post => grant(fake, body),
        ["principals"] if post => add_principal(admin, body),
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

fn add_principal(admin: &Admin, body: &[u8]) -> Answer {
    let granted: Granted = parse(body)?;
    let grants = granted.grants().map_err(bad)?;
    let (fake, _adding) = (&admin.fake, admin.adding.lock());
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

fn install(admin: &Admin, asked: GateAsked) -> Answer {
    let (select, at, name) = asked.read().map_err(bad)?;
    let gate = admin.fake.hold(select, at);
    let gate = Arc::new(name.into_iter().fold(gate, Gate::named));
    let number = admin.gates.lock().add(Installed { gate, held: Vec::new() });
    as_json(&json!({ "gate": number }))
}

fn install_faults(admin: &Admin, asked: FaultsAsked) -> Answer {
    let (select, faults, repeat) = asked.read().map_err(bad)?;
    let installed = match (repeat, &faults[..]) {
        (Repeat::Always, [fault]) => admin.fake.fault_always(select, fault.clone()),
        _ => admin.fake.faults(select, faults),
    };
    let number = admin.faults.lock().add(installed);
    as_json(&json!({ "fault": number }))
}

fn list_faults(admin: &Admin) -> Answer {
    let faults = admin.faults.lock();
    let list: Vec<_> = faults
        .iter()
        .map(|(number, fault)| json!({ "fault": number, "description": format!("{fault:?}"), "fired": fault.fired() }))
        .collect();
    as_json(&json!({ "faults": list }))
}

fn list_gates(admin: &Admin) -> Answer {
    let gates = admin.gates.lock();
    let list: Vec<_> = gates
        .iter()
        .map(|(number, installed)| {
            let description = format!("{:?}", installed.gate);
            json!({ "gate": number, "description": description, "held": installed.exchange() })
        })
        .collect();
    as_json(&json!({ "gates": list }))
}

async fn wait_at_gate(admin: &Admin, number: &str, body: &[u8]) -> Answer {
    let wait = if body.is_empty() { Wait::default() } else { parse(body)? };
    let limit = wait.limit().map_err(bad)?;
    let gate = admin.gates.lock().find(number)?.gate.clone();
    let reached = tokio::time::timeout(limit, gate.reached_in_time()).await.ok().flatten();
    // Nothing is awaited from here on: what was reached goes on as soon as its `Held` is dropped.
    let mut gates = admin.gates.lock();
    let installed = gates.find(number)?;
    let Some(held) = reached.or_else(|| gate.held()) else {
        return Err(nobody_came(admin, &gate, limit));
    };
    let answer = as_json(&json!({ "held": *held }));
    installed.held.push(held);
    answer
}

fn nobody_came(admin: &Admin, gate: &Gate, limit: Duration) -> Refused {
    let (closest, timeline) = (gate.closest(), admin.fake.timeline());
    let reason = format!("no exchange came to {gate:?} within {limit:?}\n  {closest}\n\n{timeline}");
    Refused(StatusCode::REQUEST_TIMEOUT, reason)
}

/// Lets what the gate holds go on, and takes the gate down.
fn release(admin: &Admin, number: &str, body: &[u8]) -> Answer {
    nothing(body)?;
    let installed = admin.gates.lock().remove(number)?;
    drop(installed);
    as_json(&json!({}))
}

/// Stops what the gate holds, and takes the gate down; unless the gate holds nothing.
fn stop(admin: &Admin, number: &str, stop: impl FnOnce(Held)) -> Answer {
    let mut gates = admin.gates.lock();
    let gate = gates.find(number)?.gate.clone();
    let Some(held) = gate.held() else {
        return Err(Refused(StatusCode::CONFLICT, format!("{gate:?} holds nothing")));
    };
    let installed = gates.remove(number)?;
    drop(gates);
    // First: dropping any other `Held` lets the exchange go on.
    stop(held);
    drop(installed);
    as_json(&json!({}))
}

fn bad(reason: String) -> Refused {
    Refused(StatusCode::BAD_REQUEST, reason)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    asked::parse(body).map_err(bad)
}

/// Refuses a body that asks for anything: it has to be empty, or `{}`.
fn nothing(body: &[u8]) -> Result<(), Refused> {
    if body.is_empty() { Ok(()) } else { parse(body).map(|Nothing {}| ()) }
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn admin() -> Admin {
        Admin::new(Arc::new(Fake::oss().verify_on_drop(false).build()))
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
