//! A client that sends bytes and reads bytes, so that nothing between the test and the wire tidies up.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A reply, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawReply {
    /// `HTTP/1.1 200 OK`
    pub status_line: String,
    /// Names as spelled, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How many responses `100 Continue` came before it.
    pub continued: usize,
}

/// How long a test waits for bytes that have to come: far longer than they take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

impl RawReply {
    pub fn status(&self) -> u16 {
        self.status_line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The text of the first `<name>` in the body.
    pub fn element(&self, name: &str) -> Option<String> {
        let body = String::from_utf8_lossy(&self.body);
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    }
}

/// Sends a request as it is and reads its reply. `None` if the connection ends without one.
///
/// # Panics
/// If the server says `100 Continue` to a request that does not expect it.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Option<RawReply> {
    let mut stream = TcpStream::connect(address).expect("the fake listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    // A fault may end the connection while the rest is still being sent.
    let _ = stream.write_all(request);
    let head_only = request.len() >= 4 && request[..4].eq_ignore_ascii_case(b"head");
    let reply = read_reply(&mut BufReader::new(stream), head_only).expect("a reply that can be read");
    let head = String::from_utf8_lossy(request).split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    let continued = reply.as_ref().map_or(0, |reply| reply.continued);
    assert!(continued == 0 || head.contains("100-continue"), "100 Continue although nobody expects it: {head}");
    reply
}

/// Reads one reply. `None` at the end of the connection.
pub fn read_reply(from: &mut impl BufRead, head_only: bool) -> io::Result<Option<RawReply>> {
    let mut reply = RawReply { status_line: line(from)?, ..RawReply::default() };
    while reply.status() == 100 {
        reply.continued += 1;
        while !line(from)?.is_empty() {}
        reply.status_line = line(from)?;
    }
    if reply.status_line.is_empty() {
        return Ok(None);
    }
    loop {
        let line = line(from)?;
        let Some((name, value)) = line.split_once(':') else { break };
        reply.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if !head_only && ![204, 304].contains(&reply.status()) {
        reply.body = vec![0; length];
        from.read_exact(&mut reply.body)?;
    }
    Ok(Some(reply))
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    match from.read_until(b'\n', &mut line) {
        // A reset in place of a reply is the end of the connection too.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        read => drop(read?),
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
