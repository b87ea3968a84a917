//! `openapi.json` walked: every operation that it describes is asked for as its example says, with malformed and unknown
//! input, from foreign hosts and origins, and with other media types. What is answered has to be described, and what is
//! refused changes nothing.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::server::{Server, Talker};

/// The description, as the server gives it.
struct Described(Value);

/// One operation of the description.
struct Operation<'d> {
    path: &'d str,
    method: Method,
    described: &'d Value,
}

impl Described {
    fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().expect("paths");
        let mut operations = Vec::new();
        for (path, methods) in paths {
            for (method, described) in methods.as_object().expect("methods") {
                operations.push(Operation {
                    path,
                    method: method.to_uppercase().parse().expect("a method"),
                    described,
                });
            }
        }
        operations
    }

    /// What a reference stands for.
    fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                self.0.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} is not described"))
            }
            None => value,
        }
    }

    /// Asserts that a response is among those that are described, with the media type and the schema described.
    fn assert_described(&self, operation: &Operation<'_>, (status, kind, body): &Answer, why: &str) {
        let Operation { path, method, described } = operation;
        let response = &described["responses"][status.to_string()];
        assert!(!response.is_null(), "{method} {path}, {why}: {status} is not described; {body}");
        let content = self.resolved(response)["content"].as_object().expect("content");
        let (described_kind, content) = content.iter().next().expect("one kind");
        assert_eq!(kind, described_kind, "{method} {path}, {why}");
        let flaws = self.flaws(&content["schema"], body);
        assert!(flaws.is_empty(), "{method} {path}, {why}: {}\n{body}", flaws.join("\n"));
    }

    /// Why a value does not fit a schema.
    fn flaws(&self, schema: &Value, value: &Value) -> Vec<String> {
        let schema = self.resolved(schema);
        if let Some(several) = schema["anyOf"].as_array() {
            let fits = several.iter().any(|one| self.flaws(one, value).is_empty());
            return if fits { Vec::new() } else { vec![format!("{value} is none of {several:?}")] };
        }
        if let Some(words) = schema["enum"].as_array() {
            return if words.contains(value) { Vec::new() } else { vec![format!("{value} is none of {words:?}")] };
        }
        match (schema["type"].as_str().expect("a type"), value) {
            ("object", Value::Object(members)) => self.member_flaws(schema, members),
            ("array", Value::Array(items)) => {
                items.iter().flat_map(|item| self.flaws(&schema["items"], item)).collect()
            }
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("null", Value::Null) => Vec::new(),
            ("integer", Value::Number(number)) if number.is_u64() => bounds(schema, value),
            ("number", Value::Number(_)) => bounds(schema, value),
            (kind, _) => vec![format!("{value} is no {kind}")],
        }
    }

    fn member_flaws(&self, schema: &Value, members: &Map<String, Value>) -> Vec<String> {
        let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().expect("a name"));
        let missing = required.filter(|name| !members.contains_key(*name)).map(|name| format!("{name} is missing"));
        let mut flaws: Vec<_> = missing.collect();
        for (name, value) in members {
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Object(_)) => flaws.extend(self.flaws(&schema["additionalProperties"], value)),
                (Value::Null, Value::Bool(false)) => flaws.push(format!("{name} is not described")),
                (Value::Null, _) if schema["properties"].is_object() => flaws.push(format!("{name} is not described")),
                (Value::Null, _) => {}
                (property, _) => flaws.extend(self.flaws(property, value)),
            }
        }
        flaws
    }

    /// Bodies that are almost as described: not JSON, no object, each member missing, of another type and out of bounds,
    /// and one too many.
    fn malformed(&self, operation: &Operation<'_>) -> Vec<String> {
        let mut bodies: Vec<String> = ["{", "[]", "null", "7", "\"text\"", "{} {}", "\u{0}"].map(str::to_owned).into();
        let Some((schema, example)) = operation.body() else { return bodies };
        let with = |name: &str, value: Value| {
            let mut changed = example.as_object().expect("an object").clone();
            changed.insert(name.to_owned(), value);
            Value::Object(changed).to_string()
        };
        bodies.push(with("opreation", json!("Abort")));
        for name in schema["required"].as_array().into_iter().flatten() {
            let mut changed = example.as_object().expect("an object").clone();
            changed.remove(name.as_str().expect("a name"));
            bodies.push(Value::Object(changed).to_string());
        }
        for (name, property) in schema["properties"].as_object().expect("properties") {
            let candidates = [
                json!({"x": 1}),
                json!([{"x": 1}]),
                json!("No Such Thing"),
                json!(-1),
                json!(0),
                json!(1e300),
                json!(30.5),
                json!(true),
            ];
            let wrong = candidates.into_iter().filter(|value| !self.flaws(property, value).is_empty());
            bodies.extend(wrong.map(|value| with(name, value)));
        }
        bodies
    }
}

fn bounds(schema: &Value, value: &Value) -> Vec<String> {
    let value = value.as_f64().expect("a number");
    let below = schema["minimum"].as_f64().is_some_and(|minimum| value < minimum);
    let above = schema["maximum"].as_f64().is_some_and(|maximum| value > maximum);
    if below || above { vec![format!("{value} is out of bounds")] } else { Vec::new() }
}

impl Operation<'_> {
    /// The schema and the example of its body, if it has one.
    fn body(&self) -> Option<(&Value, &Value)> {
        let content = &self.described["requestBody"]["content"]["application/json"];
        content.is_object().then(|| (&content["schema"], &content["example"]))
    }
}

/// A status, a media type and a body; of HTML, its text.
type Answer = (u16, String, Value);

async fn ask(fake: &Talker, method: &Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
    let request = fake.http.request(method.clone(), format!("{}{path}", fake.announced("admin")));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = body.into_iter().fold(request, reqwest::RequestBuilder::body);
    let reply = request.send().await.expect("a reply");
    let kind = reply.headers()["content-type"].to_str().expect("text").to_owned();
    let (status, text) = (reply.status().as_u16(), reply.text().await.expect("a body"));
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, kind, value)
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// All that can be seen at the admin address.
async fn seen(fake: &Talker) -> Vec<Value> {
    let mut seen = Vec::new();
    for path in ["/state", "/journal", "/timeline", "/uploads", "/gates", "/faults", "/principals", "/verify"] {
        seen.push(fake.get(path).await);
    }
    seen
}

/// Sets a scene in which the operation can succeed. Returns its path, its body, and a request that a gate holds.
async fn scene(
    fake: &Talker,
    operation: &Operation<'_>,
) -> (String, Option<Value>, Option<tokio::task::JoinHandle<Option<u16>>>) {
    fake.post("/reset", json!({})).await;
    let mut body = operation.body().map(|(_, example)| example.clone());
    let id = fake.initiate().await;
    let mut held = None;
    let mut path = operation.path.to_owned();
    if path.contains("{gate}") {
        let at = json!({"operation": "Abort", "at": "before-apply"});
        let gate = fake.post("/gates", at).await["gate"].clone();
        held = Some(tokio::spawn({
            let (fake, query) = (fake.clone(), format!("?uploadId={id}"));
            async move { fake.ask(Method::DELETE, &query, "").await }
        }));
        if !path.ends_with("wait") {
            fake.post(&format!("/gates/{gate}/wait"), json!({})).await;
        }
        path = path.replace("{gate}", &gate.to_string());
    }
    if path.contains("{fault}") {
        let fault =
            fake.post("/faults", json!({"operation": "Abort", "faults": ["drop-effect"]})).await["fault"].clone();
        path = path.replace("{fault}", &fault.to_string());
    }
    if let Some(id_asked) = body.as_mut().and_then(|body| body.get_mut("upload_id")) {
        *id_asked = json!(id);
    }
    if let Some(key) = body.as_mut().and_then(|body| body.get_mut("access_key_id")) {
        let name = format!("renter-{id}");
        *key = fake.post("/principals", json!({"principal": name, "actions": []})).await["access_key_id"].clone();
    }
    if path == "/principals"
        && let Some(body) = &mut body
    {
        body["principal"] = json!(format!("reader-{id}"));
    }
    (path, body, held)
}

#[tokio::test]
async fn every_operation_is_served_as_it_is_described() {
    let server = Server::oss();
    let fake = server.first();
    let described = Described(fake.get("/openapi.json").await);
    for operation in described.operations() {
        let Operation { path: pattern, method, .. } = &operation;
        let (path, body, held) = scene(&fake, &operation).await;
        let answer = ask(&fake, method, &path, JSON, body.map(|body| body.to_string())).await;
        assert_eq!(answer.0, 200, "{method} {pattern}: {}", answer.2);
        described.assert_described(&operation, &answer, "as the example");
        fake.post("/reset", json!({})).await;
        if let Some(held) = held {
            held.await.expect("no panic");
        }
    }
}

#[tokio::test]
async fn what_is_malformed_unknown_or_foreign_is_refused_and_changes_nothing() {
    let server = Server::oss();
    let fake = server.first();
    let described = Described(fake.get("/openapi.json").await);
    fake.post("/gates", json!({"operation": "Complete", "at": "admitted"})).await;
    fake.post("/faults", json!({"operation": "Complete", "faults": ["stall"]})).await;
    fake.initiate().await;
    let before = seen(&fake).await;
    for operation in described.operations() {
        let Operation { path: pattern, method, .. } = &operation;
        let path = pattern.replace("{gate}", "1").replace("{fault}", "1");
        let good = operation.body().map(|(_, example)| example.to_string());
        let mut refused = Vec::new();
        if *method != Method::GET {
            for body in described.malformed(&operation) {
                refused.push((400, path.clone(), JSON, Some(body)));
            }
        }
        if pattern.contains('{') {
            for number in ["0", "2", "01", "-1", "x", "18446744073709551616", "%31"] {
                let path = pattern.replace("{gate}", number).replace("{fault}", number);
                refused.push((404, path, JSON, good.clone()));
            }
        }
        if operation.body().is_some() {
            for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
                let headers: &[(&str, &str)] = Box::leak(Box::new([("content-type", kind)]));
                refused.push((415, path.clone(), headers, good.clone()));
            }
            refused.push((413, path.clone(), JSON, Some(" ".repeat((1 << 20) + 1))));
        }
        for header in [("origin", "http://evil.example"), ("origin", "null"), ("host", "evil.example")] {
            let headers: &[(&str, &str)] = Box::leak(Box::new([header, JSON[0]]));
            refused.push((403, path.clone(), headers, good.clone()));
        }
        for (status, path, headers, body) in refused {
            let why = format!("{path} {headers:?} {}", body.as_deref().map_or("", |body| &body[..body.len().min(200)]));
            let answer = ask(&fake, method, &path, headers, body).await;
            assert_eq!(answer.0, status, "{method} {why}: {}", answer.2);
            described.assert_described(&operation, &answer, &why);
        }
        assert_eq!(seen(&fake).await, before, "{method} {pattern} was refused, and changed something");
    }
}

/// Good requests about things that are not there: `done` is false, or they are refused.
#[tokio::test]
async fn what_is_not_there_is_told() {
    let server = Server::oss();
    let fake = server.first();
    let before = seen(&fake).await;
    for (path, body) in [
        ("/uploads/abort", json!({"upload_id": "unknown"})),
        ("/uploads/complete", json!({"upload_id": "unknown"})),
        ("/buckets/delete", json!({"bucket": "unknown"})),
        ("/keys/revoke", json!({"access_key_id": "unknown"})),
    ] {
        assert_eq!(fake.post(path, body).await, json!({"done": false}), "{path}");
    }
    for (path, body, status, words) in [
        ("/grants", json!({"principal": "unknown", "actions": []}), 404, "no principal is called unknown"),
        (
            "/keys/temporary",
            json!({"principal": "unknown", "lifetime_seconds": 1}),
            404,
            "no principal is called unknown",
        ),
        (
            "/principals",
            json!({"principal": "writer", "actions": []}),
            409,
            "there is a principal called writer already",
        ),
        ("/gates/1/cut", json!({}), 404, "there is no gate 1"),
        ("/nowhere", json!({}), 404, "there is no /nowhere here; /openapi.json lists what there is"),
    ] {
        let answer = fake.admin(Method::POST, path, Some(body)).await;
        assert_eq!(answer, (status, json!({"error": words})), "{path}");
    }
    assert_eq!(seen(&fake).await, before);
}

#[tokio::test]
async fn what_is_not_described_is_not_served() {
    let server = Server::oss();
    let fake = server.first();
    let described = Described(fake.get("/openapi.json").await);
    let before = seen(&fake).await;
    let operations = described.operations();
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    let paths: BTreeSet<_> = operations.iter().map(|operation| operation.path).collect();
    for pattern in paths {
        let path = pattern.replace("{gate}", "1").replace("{fault}", "1");
        for method in methods {
            let method: Method = method.parse().expect("a method");
            if operations.iter().any(|operation| operation.path == pattern && operation.method == method) {
                continue;
            }
            let answer = ask(&fake, &method, &path, JSON, None).await;
            assert_eq!(answer.0, 405, "{method} {path} is not described");
        }
    }
    for path in ["/nothing", "/gates/1/open", "/faults/1/refuse", "/uploads/1", "/state/", "//state", "/keys"] {
        assert_eq!(ask(&fake, &Method::GET, path, &[], None).await.0, 404, "{path}");
    }
    assert_eq!(seen(&fake).await, before);
}
