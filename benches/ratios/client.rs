//! A client that costs as little as a client can: requests written by hand on a blocking connection that is kept alive.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use fake_bucket::{Fake, Provider};

/// A connection, and what is said on it in each request.
pub struct Client {
    stream: TcpStream,
    host: String,
    authorization: &'static str,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr, fake: &Fake) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("the stream is open");
        let host = format!("{}.{}", fake.bucket(), fake.service_host());
        let authorization = match fake.provider() {
            Provider::Cos => {
                "q-sign-algorithm=sha1&q-ak=AKIDfakeKey&q-sign-time=1749976200;1749979800&q-key-time=1749976200;1749979800&\
                 q-header-list=host&q-url-param-list=&q-signature=0123456789abcdef0123456789abcdef01234567"
            }
            Provider::Oss => "OSS LTAI5tFakeKey:OwnOOQfSomeSignature0000000000=",
            _ => "OBS HPUAFAKEKEY000000000:SomeSignature000000000000000=",
        };
        Self { stream, host, authorization, request: Vec::new(), reply: Vec::new() }
    }

    /// Initiates an upload. Returns its id, or some other text if the server is no object store.
    pub fn initiate(&mut self, key: &str) -> String {
        upload_id(self.ask("POST", &format!("{key}?uploads"), b""))
    }

    pub fn part(&mut self, key: &str, upload: &str, number: usize, body: &[u8]) {
        self.ask("PUT", &format!("{key}?partNumber={number}&uploadId={upload}"), body);
    }

    pub fn abort(&mut self, key: &str, upload: &str) {
        self.ask("DELETE", &format!("{key}?uploadId={upload}"), b"");
    }

    /// Sends a request with the headers vendors' SDKs send. Returns the body of the reply, whose status must be a success.
    fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> &[u8] {
        self.request.clear();
        let (length, host, authorization) = (body.len(), &self.host, self.authorization);
        write!(
            self.request,
            "{method} /{target} HTTP/1.1\r\n\
             Host: {host}\r\n\
             User-Agent: aliyun-sdk-go/v2.2.6 (Linux/5.10/x86_64;go1.22)\r\n\
             Date: Sun, 15 Jun 2025 08:30:00 GMT\r\n\
             Authorization: {authorization}\r\n\
             Content-Type: application/octet-stream\r\n\
             Content-Length: {length}\r\n\
             \r\n"
        )
        .expect("a vector takes all");
        // A small request goes out in one piece, as it does from a buffered client.
        if length <= 4096 {
            self.request.extend_from_slice(body);
            self.stream.write_all(&self.request).expect("the server reads");
        } else {
            self.stream.write_all(&self.request).expect("the server reads");
            self.stream.write_all(body).expect("the server reads");
        }
        self.read_reply()
    }

    fn read_reply(&mut self) -> &[u8] {
        let mut piece = [0; 4096];
        self.reply.clear();
        let (head, length) = loop {
            let read = self.stream.read(&mut piece).expect("the server answers");
            assert_ne!(read, 0, "the server hung up");
            self.reply.extend_from_slice(&piece[..read]);
            // Most replies have no body; looking for the end of their heads would be felt.
            if self.reply.ends_with(b"\r\n\r\n") {
                assert!(self.reply.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&self.reply));
                return &[];
            }
            if let Some(measures) = measures(&self.reply) {
                assert!(self.reply.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&self.reply));
                break measures;
            }
        };
        while self.reply.len() < head + length {
            let read = self.stream.read(&mut piece).expect("the server answers");
            assert_ne!(read, 0, "the server hung up");
            self.reply.extend_from_slice(&piece[..read]);
        }
        &self.reply[head..]
    }
}

/// How long a reply's head is, and how long it says the body is; none while the head is incomplete.
fn measures(reply: &[u8]) -> Option<(usize, usize)> {
    const LENGTH: &[u8] = b"content-length: ";
    let (mut end, mut length) = (0, 0);
    for line in reply.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line == b"\r\n" {
            return Some((end, length));
        }
        if line.get(..LENGTH.len()).is_some_and(|name| name.eq_ignore_ascii_case(LENGTH)) {
            let digits = line[LENGTH.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        }
    }
    None
}

/// The upload id in a reply.
pub fn upload_id(reply: &[u8]) -> String {
    let text = std::str::from_utf8(reply).expect("a document is text");
    let id = text.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"));
    id.map_or("none", |(id, _)| id).to_owned()
}
