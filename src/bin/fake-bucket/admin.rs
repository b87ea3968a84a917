//! The admin address: what the Rust API gives a test, in JSON for the others; and a live page for people.
//!
//! `openapi.json` beside this file describes it; a test keeps the two alike.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use fake_bucket::Fake;
use http::{Method, Request, Response, StatusCode, header};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

/// Bytes a request's body may have.
const MAX_BODY: usize = 1 << 20;

/// Opens the admin address of a fake. It is served until the process ends.
pub async fn start(fake: Arc<Fake>, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address} for the admin address: {error}"))
    })?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let fake = fake.clone();
            let service = service_fn(move |request| {
                let fake = fake.clone();
                async move { Ok::<_, Infallible>(respond(&fake, request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

/// Why a request was refused: a status and a reason.
struct Refused(StatusCode, String);

type Answer = Result<Response<Full>, Refused>;

async fn respond(fake: &Fake, request: Request<Incoming>) -> Response<Full> {
    let (parts, body) = request.into_parts();
    let answer = match read(body).await {
        Ok(body) => route(fake, &parts.method, parts.uri.path(), &body),
        Err(refused) => Err(refused),
    };
    answer.unwrap_or_else(|Refused(status, reason)| {
        let mut response = as_json(&json!({ "error": reason })).unwrap_or_default();
        *response.status_mut() = status;
        response
    })
}

fn route(fake: &Fake, method: &Method, path: &str, body: &[u8]) -> Answer {
    match (method.as_str(), path) {
        ("GET", "/") => Ok(page()),
        ("GET", "/openapi.json") => Ok(document("application/json", include_str!("openapi.json"))),
        ("GET", "/state") => as_json(&fake.snapshot()),
        ("GET", "/journal") => as_json(&fake.journal()),
        ("GET", "/timeline") => as_json(&json!({ "timeline": fake.timeline().to_string() })),
        ("GET", "/leaks") => as_json(&json!({ "leaks": fake.leaks() })),
        ("POST", "/reset") => {
            fake.reset();
            as_json(&json!({}))
        }
        ("POST", "/clock") => {
            let Clock { advance_seconds } = parse(body)?;
            let by = Duration::try_from_secs_f64(advance_seconds)
                .map_err(|error| Refused(StatusCode::BAD_REQUEST, format!("advance_seconds: {error}")))?;
            fake.advance_clock(by);
            as_json(&json!({}))
        }
        (_, "/" | "/openapi.json" | "/state" | "/journal" | "/timeline" | "/leaks" | "/reset" | "/clock") => {
            Err(Refused(StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not know {method}")))
        }
        _ => Err(Refused(StatusCode::NOT_FOUND, format!("there is no {path} here; /openapi.json lists what there is"))),
    }
}

/// How far to move the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    advance_seconds: f64,
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))
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

/// Kept so that the route table and the description do not drift: every path the description lists.
#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_description_and_the_routes_agree() {
        let described: Value = serde_json::from_str(include_str!("openapi.json")).expect("valid JSON");
        let paths = described["paths"].as_object().expect("paths");
        let fake = Fake::oss().build();
        for (path, methods) in paths {
            for method in methods.as_object().expect("methods").keys() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
                let known = match route(&fake, &method, path, br#"{"advance_seconds": 1}"#) {
                    Ok(_) => true,
                    Err(Refused(status, _)) => status == StatusCode::BAD_REQUEST,
                };
                assert!(known, "{method} {path} is described and not there");
            }
            let Err(Refused(status, _)) = route(&fake, &Method::TRACE, path, b"") else { panic!("{path} knows TRACE") };
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        }
        for path in ["/", "/openapi.json", "/state", "/journal", "/timeline", "/leaks", "/reset", "/clock"] {
            assert!(paths.contains_key(path), "{path} is there and not described");
        }
    }
}
