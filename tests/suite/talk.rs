//! A client over plain HTTP for tests about what comes between a request and its reply: it takes its time, and does not
//! mind a connection that ends.

use std::{
    io::{BufReader, Write},
    net::{Shutdown, TcpStream},
};

use fake_bucket::{Fake, Provider};

use crate::{
    PROVIDERS,
    raw::{self, RawReply},
};

/// The bytes of every part, and their entity tag.
pub const BYTES: &str = "0123456789";
const ETAG: &str = "781e5e245d69b566979b86e28d23f2c7";

/// Somebody who sends requests about the key `k` of a fake that takes the access key's word for who asks.
pub struct Client<'a> {
    pub fake: &'a Fake,
    /// Whom it acts as, by access key id; the owner without one.
    access_key: Option<String>,
}

impl<'a> Client<'a> {
    pub fn new(fake: &'a Fake) -> Self {
        Self { fake, access_key: None }
    }

    /// The same, with this access key.
    pub fn with_key(&self, access_key_id: &str) -> Self {
        Self { fake: self.fake, access_key: Some(access_key_id.to_owned()) }
    }

    fn request(&self, method: &str, query: &str, body: &str) -> Vec<u8> {
        let (bucket, length) = (self.fake.bucket(), body.len());
        let mut head =
            format!("{method} /{bucket}/k{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n");
        if let Some(id) = &self.access_key {
            let proof = match self.fake.provider() {
                Provider::Cos => format!(
                    "q-sign-algorithm=sha1&q-ak={id}&q-sign-time=0;9&q-key-time=0;9&q-header-list=&q-url-param-list=&q-signature=0"
                ),
                Provider::Oss => format!("OSS {id}:0"),
                _ => format!("OBS {id}:0"),
            };
            head.push_str(&format!("Authorization: {proof}\r\n"));
        }
        format!("{head}\r\n{body}").into_bytes()
    }

    /// The reply; none if the connection ends without one.
    pub fn ask(&self, method: &str, query: &str, body: &str) -> Option<RawReply> {
        raw::exchange(self.fake.socket_address(), &self.request(method, query, body))
    }

    /// The status of the reply; none if the connection ends without one.
    pub fn status(&self, method: &str, query: &str, body: &str) -> Option<u16> {
        self.ask(method, query, body).map(|reply| reply.status())
    }

    pub fn initiate(&self) -> String {
        assert_eq!(self.status("POST", "?uploads", ""), Some(200));
        self.fake.upload("k").id().to_owned()
    }

    pub fn part(&self, id: &str, number: u16) -> Option<u16> {
        self.status("PUT", &format!("?partNumber={number}&uploadId={id}"), BYTES)
    }

    pub fn complete(&self, id: &str, numbers: &[u16]) -> Option<u16> {
        self.status("POST", &format!("?uploadId={id}"), &manifest(numbers))
    }

    pub fn abort(&self, id: &str) -> Option<u16> {
        self.status("DELETE", &format!("?uploadId={id}"), "")
    }

    /// Sends a request whose reply nobody has read yet.
    pub fn send(&self, method: &str, query: &str, body: &str) -> TcpStream {
        self.send_some(method, query, body, body.len())
    }

    /// Sends the head of a request and so many bytes of its body.
    pub fn send_some(&self, method: &str, query: &str, body: &str, bytes: usize) -> TcpStream {
        let request = self.request(method, query, body);
        let mut stream = TcpStream::connect(self.fake.socket_address()).expect("the fake listens");
        stream.set_read_timeout(Some(raw::PATIENCE)).expect("a timeout can be set");
        stream.write_all(&request[..request.len() - body.len() + bytes]).expect("the fake reads");
        stream
    }
}

/// The reply to what was sent; none if the connection ends without one.
pub fn reply(stream: TcpStream) -> Option<RawReply> {
    raw::read_reply(&mut BufReader::new(stream), false).expect("a reply that can be read")
}

/// The client goes away.
pub fn leave(stream: TcpStream) {
    stream.shutdown(Shutdown::Both).expect("an open connection");
}

/// The document of a complete.
pub fn manifest(numbers: &[u16]) -> String {
    let part = |number: &u16| format!("<Part><PartNumber>{number}</PartNumber><ETag>{ETAG}</ETag></Part>");
    let parts: String = numbers.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

/// A fake of each provider, and somebody to talk to it. Uploads may stay open; all else is verified.
pub fn each_fake(test: impl Fn(&Fake, Client<'_>)) {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().min_part_size(1).allow_open_uploads().start();
        test(&fake, Client::new(&fake));
    }
}
