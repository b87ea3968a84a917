//! Header names in the provider's own spelling.
//!
//! hyper writes names in lower case unless a message carries a map of their spelling, and it makes such maps only when
//! it parses. So each dialect's names are parsed once, from a canned reply, by hyper's own client; replies then carry the
//! map that came of it. Clients need this: the COS Python SDK's users read `response["ETag"]` from a plain dict.

use std::{collections::BTreeMap, sync::Mutex};

use http::{Extensions, Request};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use once_cell::sync::Lazy;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::{dialect::Dialect, door::conduct::ReplyBody};

/// Names from the HTTP standards, which all three providers spell as the standards do.
const STANDARD: [&str; 16] = [
    "Accept-Ranges",
    "Allow",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-MD5",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Server",
];

/// The maps made so far, by the names a dialect has of its own.
static MAPS: Lazy<Mutex<BTreeMap<&[&str], Extensions>>> = Lazy::new(Mutex::default);

/// The extensions that make hyper spell `dialect`'s header names as the provider does.
pub async fn map(dialect: &'static dyn Dialect) -> Extensions {
    let own = dialect.header_names();
    if let Some(map) = MAPS.lock().expect("no panic holds this lock").get(own) {
        return map.clone();
    }
    let map = parse(&[&STANDARD, own].concat()).await;
    MAPS.lock().expect("no panic holds this lock").insert(own, map.clone());
    map
}

async fn parse(names: &[&str]) -> Extensions {
    let headers: String = names.iter().map(|name| format!("{name}: x\r\n")).collect();
    let canned = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
    let (client, mut server) = duplex(canned.len());
    let serve = async move {
        let mut request = [0; 1024];
        let _ = server.read(&mut request).await;
        let _ = server.write_all(canned.as_bytes()).await;
        server
    };
    let ask = async {
        let mut builder = http1::Builder::new();
        let builder = builder.preserve_header_case(true).max_headers(names.len() + 1);
        let (mut sender, connection) = builder.handshake(TokioIo::new(client)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::builder().uri("/").header("host", "localhost").body(ReplyBody::default());
        let reply = sender.send_request(request.expect("a constant request")).await?;
        connection.abort();
        Ok::<_, hyper::Error>(reply.extensions().clone())
    };
    let (_, parsed) = tokio::join!(serve, ask);
    parsed.expect("hyper reads a canned reply")
}
