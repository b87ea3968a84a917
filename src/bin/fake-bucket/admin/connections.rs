//! HTTP/1.1 at the admin address: accepting connections, reading bodies, and refusing what a web page could have caused.
//! What a request asks for is decided elsewhere ([`super::route`]).

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header, request::Parts, uri::Authority};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::{Admin, Refused, as_json, route};

/// Bytes a request's body may have.
const MAX_BODY: usize = 1 << 20;

/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How long a connection may take to send a request's head, and again its body: 30 seconds. A connection between two
/// requests is closed when this time is over.
pub const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Serves the admin address at a listener until the process ends. Connections that are idle for longer than `idle` are
/// closed.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>, idle: Duration) {
    let connect = |(stream, _)| drop(tokio::spawn(connection(stream, admin.clone(), idle)));
    accept(|| listener.accept(), connect).await;
}

/// Accepts connections for ever. A failure that lasts, such as no file descriptor being left, is met again at once:
/// hence the pause.
async fn accept<C, F: Future<Output = io::Result<C>>>(mut next: impl FnMut() -> F, mut connect: impl FnMut(C)) {
    loop {
        match next().await {
            Ok(connection) => connect(connection),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, admin: Arc<Admin>, idle: Duration) {
    let service = service_fn(|request| {
        let admin = admin.clone();
        async move { Ok::<_, Infallible>(respond(&admin, request, idle).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle);
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(admin: &Admin, request: Request<Incoming>, idle: Duration) -> Response<Full> {
    let (parts, body) = request.into_parts();
    let answer = match read(&parts, body, idle).await {
        Ok(body) => route(admin, &parts.method, parts.uri.path(), &body).await,
        Err(refused) => Err(refused),
    };
    answer.unwrap_or_else(|Refused(status, reason)| {
        let mut response = as_json(&serde_json::json!({ "error": reason })).unwrap_or_default();
        *response.status_mut() = status;
        response
    })
}

/// The body of a request that a test may have sent.
async fn read(parts: &Parts, body: Incoming, idle: Duration) -> Result<Vec<u8>, Refused> {
    is_for_this_machine(parts)?;
    let body = tokio::time::timeout(idle, collect(body)).await;
    let body = body.map_err(|_| Refused(StatusCode::REQUEST_TIMEOUT, format!("no whole body within {idle:?}")))??;
    if !body.is_empty() && !is_json(&parts.headers) {
        let reason = "a body has to be sent as `Content-Type: application/json`".to_owned();
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    Ok(body)
}

/// Refuses what a browser may send on behalf of a web page elsewhere: a host name that resolves to this machine (DNS
/// rebinding), and a foreign origin.
fn is_for_this_machine(parts: &Parts) -> Result<(), Refused> {
    let forbidden = |reason: String| Err(Refused(StatusCode::FORBIDDEN, reason));
    let Some(host) = host(parts) else {
        return forbidden("a request has to name its host once".to_owned());
    };
    if !is_local(&host) {
        return forbidden(format!("{host} is neither localhost nor an IP address"));
    }
    let own = format!("http://{host}");
    let origins = parts.headers.get_all(header::ORIGIN).iter();
    match origins.into_iter().find(|origin| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())) {
        Some(origin) => forbidden(format!("{origin:?} is a foreign origin; this is {own}")),
        None => Ok(()),
    }
}

/// The host and port that a request names, in its target or else in its one `Host` header.
fn host(parts: &Parts) -> Option<Authority> {
    if let Some(authority) = parts.uri.authority() {
        return Some(authority.clone());
    }
    let mut named = parts.headers.get_all(header::HOST).iter();
    let (first, second) = (named.next()?, named.next());
    second.is_none().then(|| first.to_str().ok()?.parse().ok()).flatten()
}

fn is_local(host: &Authority) -> bool {
    let name = host.host();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let named = name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok();
    named && !host.as_str().contains('@')
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter().filter_map(|kind| kind.to_str().ok());
    let essence = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    types.next().is_some_and(|kind| essence(kind) == "application/json")
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, Refused> {
    let mut whole = Vec::new();
    loop {
        let next = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
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

/// A response's body in one piece.
#[derive(Default)]
pub struct Full(pub Option<Bytes>);

impl Body for Full {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        io::{Read, Write},
        net::TcpStream as StdStream,
    };

    use fake_bucket::Fake;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accepting_pauses_while_descriptors_are_used_up() {
        let (tries, served) = (Cell::new(0), Cell::new(0));
        let next = || {
            tries.set(tries.get() + 1);
            let try_number = tries.get();
            async move {
                match try_number {
                    1..=100 => Err(io::Error::from_raw_os_error(24)), // EMFILE
                    101 => Ok(()),
                    _ => std::future::pending().await,
                }
            }
        };
        let begun = tokio::time::Instant::now();
        let accepting = accept(next, |()| served.set(begun.elapsed().as_millis()));
        let _ = tokio::time::timeout(Duration::from_secs(60), accepting).await;
        assert_eq!((tries.get(), served.get()), (102, 1000), "100 failures, 10 milliseconds each");
    }

    async fn address(idle: Duration) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let fake = Arc::new(Fake::oss().verify_on_drop(false).build());
        tokio::spawn(serve(listener, Arc::new(Admin::new(fake)), idle));
        address
    }

    /// Everything that comes on a connection which sends this and then nothing more.
    async fn all_that_comes(idle: Duration, sent: &'static str) -> String {
        let address = address(idle).await;
        let read = move || {
            let mut stream = StdStream::connect(address).expect("a connection");
            stream.write_all(sent.as_bytes()).expect("sent");
            let mut all = String::new();
            stream.read_to_string(&mut all).map(|_| all).unwrap_or_default()
        };
        tokio::task::spawn_blocking(read).await.expect("no panic")
    }

    #[tokio::test]
    async fn idle_connections_are_closed() {
        let idle = Duration::from_millis(100);
        for silent in ["", "GET /leaks HT"] {
            assert!(!all_that_comes(idle, silent).await.contains("200 OK"), "{silent:?}");
        }
        let answered = all_that_comes(idle, "GET /leaks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
        assert!(answered.starts_with("HTTP/1.1 200 OK\r\n") && answered.ends_with("{\"leaks\":[]}"), "{answered}");
        let head = "POST /reset HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\n{";
        let answered = all_that_comes(idle, head).await;
        assert!(answered.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answered}");
        assert!(answered.ends_with("{\"error\":\"no whole body within 100ms\"}"), "{answered}");
    }

    fn parts(uri: &str, headers: &[(&'static str, &str)]) -> Parts {
        let request = Request::builder().uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn only_this_machine_is_answered() {
        let allowed = |uri: &str, headers: &[(&'static str, &str)]| is_for_this_machine(&parts(uri, headers)).is_ok();
        for host in ["127.0.0.1", "127.0.0.1:80", "localhost", "LOCALHOST:8080", "[::1]:80", "[::1]", "192.0.2.7:1"] {
            assert!(allowed("/", &[("host", host)]), "{host}");
            assert!(allowed("/", &[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
            assert!(!allowed("/", &[("host", host), ("origin", "http://evil.example")]), "{host}");
            assert!(!allowed("/", &[("host", host), ("origin", "null")]), "{host}");
            assert!(!allowed("/", &[("host", host), ("origin", &format!("https://{host}"))]), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "a@127.0.0.1", "", ":80", "["]
        {
            assert!(!allowed("/", &[("host", host)]), "{host}");
        }
        assert!(!allowed("/", &[]) && !allowed("/", &[("host", "127.0.0.1"), ("host", "127.0.0.1")]));
        assert!(allowed("http://127.0.0.1/", &[("host", "evil.example")]), "the target decides");
        assert!(!allowed("http://evil.example/", &[("host", "127.0.0.1")]), "the target decides");
    }

    #[test]
    fn only_json_is_read() {
        let json = |kind: &str| is_json(&parts("/", &[("content-type", kind)]).headers);
        for kind in ["application/json", "Application/JSON", "application/json; charset=utf-8"] {
            assert!(json(kind), "{kind}");
        }
        for kind in
            ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp", "text/plain; application/json"]
        {
            assert!(!json(kind), "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
