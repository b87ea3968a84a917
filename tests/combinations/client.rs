//! Clients of both doors: they send what a script says, take their time, go away, and tell what they heard.

use std::time::Duration;

use bytes::Bytes;
use fake_bucket::{Fake, Provider};
use http::Request;
use http_body_util::{
    Full,
    channel::{Channel, Sender},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedWriteHalf},
    task::JoinHandle,
    time::timeout,
};
use tower_service::Service;

use crate::script::Door;

/// The bytes of a part or an object, and their entity tag.
pub const BYTES: &str = "0123456789";
pub const ETAG: &str = "781e5e245d69b566979b86e28d23f2c7";

/// A request as it goes over the wire.
pub struct Wire {
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Whether only the first five bytes of the body are sent at once.
    pub half: bool,
}

/// A request that was sent.
pub struct Client {
    /// The status of the reply; `None` if there was none.
    hearing: JoinHandle<Option<u16>>,
    rest: Option<Rest>,
}

/// The way the rest of a body takes.
enum Rest {
    Channel(Sender<Bytes>),
    Stream(OwnedWriteHalf),
}

/// The header that names an access key, where nobody looks at signatures.
pub fn proof(provider: Provider, id: &str) -> String {
    match provider {
        Provider::Cos => format!(
            "q-sign-algorithm=sha1&q-ak={id}&q-sign-time=0;9&q-key-time=0;9&q-header-list=&q-url-param-list=&q-signature=0"
        ),
        Provider::Oss => format!("OSS {id}:0"),
        _ => format!("OBS {id}:0"),
    }
}

/// The head of a reply, and how many bytes of its body are there.
fn parts(reply: &[u8]) -> Option<(String, usize)> {
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    Some((String::from_utf8_lossy(&reply[..end]).to_ascii_lowercase(), reply.len() - end))
}

/// Whether all of a reply is there. Some replies break off before: then the connection ends.
fn is_whole(reply: &[u8]) -> bool {
    let Some((head, body)) = parts(reply) else { return false };
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    let empty = head.starts_with("http/1.1 204");
    length.map_or(empty, |length: usize| body >= length)
}

impl Client {
    pub async fn send(fake: &Fake, door: Door, wire: Wire) -> Self {
        match door {
            Door::Service => Self::through_the_service(fake, wire).await,
            Door::Socket => Self::through_a_socket(fake, wire).await,
        }
    }

    async fn through_the_service(fake: &Fake, wire: Wire) -> Self {
        let Wire { method, target, headers, body, half } = wire;
        let mut request = Request::builder().method(method).uri(target).header("host", "127.0.0.1");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request = request.header("content-length", body.len());
        let (reply, rest) = if half {
            let (mut sender, channel) = Channel::<Bytes>::new(4);
            sender.send_data(Bytes::copy_from_slice(&body.as_bytes()[..5])).await.expect("room");
            let reply = fake.service().call(request.body(channel).expect("a request"));
            (reply, Some(Rest::Channel(sender)))
        } else {
            let body = Full::from(Bytes::from(body));
            (fake.service().call(request.body(body).expect("a request")), None)
        };
        let hearing = tokio::spawn(async move { reply.await.ok().map(|reply| reply.status().as_u16()) });
        Self { hearing, rest }
    }

    async fn through_a_socket(fake: &Fake, wire: Wire) -> Self {
        let Wire { method, target, headers, body, half } = wire;
        let mut text = format!("{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        text.push_str(if half { &body[..5] } else { &body });
        let stream = TcpStream::connect(fake.socket_address()).await.expect("the fake listens");
        let (mut reading, mut writing) = stream.into_split();
        writing.write_all(text.as_bytes()).await.expect("the fake reads");
        let hearing = tokio::spawn(async move {
            let mut reply = Vec::new();
            while !is_whole(&reply) {
                match reading.read_buf(&mut reply).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            let (head, _) = parts(&reply)?;
            head.split(' ').nth(1)?.parse().ok()
        });
        Self { hearing, rest: Some(Rest::Stream(writing)) }
    }

    /// Sends the rest of the body.
    pub async fn finish(&mut self) {
        let rest = &BYTES.as_bytes()[5..];
        match &mut self.rest {
            Some(Rest::Channel(sender)) => drop(sender.send_data(Bytes::from_static(rest)).await),
            Some(Rest::Stream(writing)) => drop(writing.write_all(rest).await),
            None => {}
        }
        if let Some(Rest::Channel(_)) = self.rest {
            self.rest = None;
        }
    }

    /// Goes away.
    pub async fn leave(self) {
        self.hearing.abort();
        drop(self.rest);
        let _ = self.hearing.await;
    }

    /// What it heard; an error if it hears nothing for too long.
    pub async fn heard(self, limit: Duration) -> Result<Option<u16>, String> {
        match timeout(limit, self.hearing).await {
            Ok(heard) => Ok(heard.expect("no client panics")),
            Err(_) => Err(format!("no reply within {limit:?}")),
        }
    }
}
