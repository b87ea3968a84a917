//! Plain HTTP/1.1 over TCP. Signatures keep the secrets secret; TLS is for a [`Door`](super::Door) of one's own.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header::HOST};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::{
    Door, Who,
    body::{Sent, received},
};
use crate::{Fake, conformance::pause::Pause, door::background::sleep};

/// How long an answer may take: 60 seconds. A target that is slower counts as one that does not answer.
const LIMIT: Duration = Duration::from_secs(60);

/// Whatever listens at an address, or at the host and port that each request names. Needs a tokio runtime.
pub struct Network<'f> {
    address: Option<String>,
    fake: Option<&'f Fake>,
    idle: Mutex<Vec<(String, SendRequest<Sent>)>>,
}

impl Network<'static> {
    /// The host a request names, at its port or at port 80.
    pub fn by_host() -> Self {
        Self { address: None, fake: None, idle: Mutex::default() }
    }

    /// This address, whatever host a request names: `127.0.0.1:8080`.
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: Some(address.into()), fake: None, idle: Mutex::default() }
    }
}

impl<'f> Network<'f> {
    /// A fake at its port.
    ///
    /// # Panics
    /// If it was built without one.
    #[track_caller]
    pub fn of(fake: &'f Fake) -> Self {
        Self { address: Some(fake.socket_address().to_string()), fake: Some(fake), idle: Mutex::default() }
    }

    async fn exchange(&self, request: Request<Sent>) -> Result<Response<Bytes>, String> {
        tokio::select! {
            answered = self.exchange_in_time(request) => answered,
            () = sleep(LIMIT) => Err(format!("no answer within {LIMIT:?}")),
        }
    }

    async fn exchange_in_time(&self, request: Request<Sent>) -> Result<Response<Bytes>, String> {
        let host = request.headers()[HOST].to_str().map_err(|error| error.to_string())?;
        let named = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let to = self.address.clone().unwrap_or(named);
        let mut sender = self.connection(&to).await?;
        let (head, body) = sender.send_request(request).await.map_err(worded)?.into_parts();
        let body = received(body).await.map_err(worded)?;
        self.idle.lock().push((to, sender));
        Ok(Response::from_parts(head, body))
    }

    async fn connection(&self, to: &str) -> Result<SendRequest<Sent>, String> {
        while let Some(mut sender) = self.take_idle(to) {
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(to).await.map_err(|error| format!("no connection to {to}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(worded)?;
        // It ends with its sender.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn take_idle(&self, to: &str) -> Option<SendRequest<Sent>> {
        let mut idle = self.idle.lock();
        let at = idle.iter().position(|(place, _)| place == to)?;
        Some(idle.swap_remove(at).1)
    }
}

impl fmt::Debug for Network<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Door for Network<'_> {
    async fn send(&self, _: Who, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        self.exchange(request.map(Sent::whole)).await
    }

    async fn send_slowly(&self, _: Who, request: Request<Bytes>, pause: Pause) -> Result<Response<Bytes>, String> {
        self.exchange(request.map(|body| Sent::slowly(body, pause))).await
    }

    fn reset(&self) -> bool {
        self.fake.inspect(|fake| fake.reset()).is_some()
    }
}

fn worded(error: hyper::Error) -> String {
    format!("the connection broke: {error}")
}
