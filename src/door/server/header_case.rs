//! Header names in the provider's own spelling.
//!
//! hyper writes names in lower case unless a message carries a map of their spelling, and it makes such maps only when
//! it parses. So each dialect's names are parsed once, from a canned reply, by hyper's own client; replies then carry the
//! map that came of it. Clients need this: the COS Python SDK's users read `response["ETag"]` from a plain dict.

use std::{cell::RefCell, collections::BTreeMap};

use http::{Extensions, HeaderMap, Request};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::{dialect::Dialect, door::conduct::ReplyBody};

/// Names from the HTTP standards, which all three providers spell as the standards do.
const STANDARD: [&str; 18] = [
    "Accept-Ranges",
    "Allow",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Server",
    "Vary",
];

/// Those of them that nearly all replies make do with.
const COMMON: [&str; 7] = ["Connection", "Content-Length", "Content-MD5", "Content-Type", "Date", "ETag", "Server"];

/// How a dialect's header names are spelled.
#[derive(Clone, Debug)]
pub struct Spelling {
    own: &'static [&'static str],
    common: Extensions,
    all: Extensions,
}

impl Spelling {
    /// The extensions that make hyper spell these headers as the provider does. They are copied for each reply, name by
    /// name, hence the shorter list.
    pub fn of(&self, headers: &HeaderMap) -> Extensions {
        if headers.keys().any(|name| self.is_rare(name.as_str())) { self.all.clone() } else { self.common.clone() }
    }

    /// How one header is spelled.
    pub fn of_name<'n>(&self, name: &'n str) -> &'n str {
        let known = STANDARD.iter().chain(self.own).find(|spelled| spelled.eq_ignore_ascii_case(name));
        known.map_or(name, |spelled| *spelled)
    }

    fn is_rare(&self, name: &str) -> bool {
        match name.starts_with("x-") {
            true => self.own.iter().any(|spelled| spelled.eq_ignore_ascii_case(name)),
            false => !is_common(name),
        }
    }
}

/// Whether a name is one of [`COMMON`]: as a pattern, which is looked up by its length, not one after the other.
fn is_common(name: &str) -> bool {
    matches!(name, "connection" | "content-length" | "content-md5" | "content-type" | "date" | "etag" | "server")
}

thread_local! {
    /// The spellings made so far, by the names a dialect has of its own. Each thread has its own: the copies count how many
    /// they are, name by name, and threads that count together get in each other's way.
    static SPELLINGS: RefCell<BTreeMap<&'static [&'static str], Spelling>> = RefCell::default();
}

/// How `dialect`'s header names are spelled.
pub async fn spelling(dialect: &'static dyn Dialect) -> Spelling {
    let own = dialect.header_names();
    if let Some(spelling) = SPELLINGS.with_borrow(|spellings| spellings.get(own).cloned()) {
        return spelling;
    }
    let (common, all) = (parse(&COMMON).await, parse(&[&STANDARD, own].concat()).await);
    let spelling = Spelling { own, common, all };
    SPELLINGS.with_borrow_mut(|spellings| spellings.insert(own, spelling.clone()));
    spelling
}

async fn parse(names: &[&str]) -> Extensions {
    let headers: String = names.iter().map(|name| format!("{name}: 0\r\n")).collect();
    let canned = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
    let (client, mut server) = duplex(canned.len());
    let serve = async move {
        let mut request = [0; 1024];
        let _ = server.read(&mut request).await;
        let _ = server.write_all(canned.as_bytes()).await;
        server
    };
    let ask = async {
        let mut builder = http1::Builder::new();
        let builder = builder.preserve_header_case(true).max_headers(names.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_is_written_down_twice_alike() {
        let common: Vec<_> = STANDARD.into_iter().filter(|name| is_common(&name.to_ascii_lowercase())).collect();
        assert_eq!(common, COMMON);
    }
}
