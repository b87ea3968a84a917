//! A store served over plain HTTP/1.1 by this process: a fake, and whatever comes between it and its clients.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use bytes::Bytes;
use fake_bucket::{Fake, Provider, conformance::subject};
use http::{Request, Response};

/// What a store does with a request: its answer, or none, after which it is gone.
pub trait Behaviour: FnMut(&Fake, Request<Bytes>) -> Option<Response<Bytes>> + Send + 'static {}

impl<B: FnMut(&Fake, Request<Bytes>) -> Option<Response<Bytes>> + Send + 'static> Behaviour for B {}

/// A store of OSS that is being served.
pub struct Served {
    address: SocketAddr,
    keys: [String; 2],
    bucket: String,
}

impl Served {
    /// Serves requests, each on a connection and a thread of its own, until the behaviour has no answer.
    pub fn new(behaviour: impl Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let fake = subject(Provider::Oss).build();
        let owner = fake.owner();
        let keys = [owner.access_key_id.clone(), owner.secret_access_key().to_owned()];
        let bucket = fake.bucket().to_owned();
        let store = Arc::new(Mutex::new(Some((behaviour, fake))));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (store, stream) = (store.clone(), stream.expect("a connection"));
                if store.lock().expect("no panic").is_none() {
                    return;
                }
                thread::spawn(move || serve(&store, stream, address));
            }
        });
        Self { address, keys, bucket }
    }

    /// The arguments with which `fake-bucket conformance` finds it.
    pub fn arguments(&self) -> Vec<String> {
        let [id, secret] = &self.keys;
        let endpoint = format!("http://{}", self.address);
        let named = ["--provider", "oss", "--endpoint", &endpoint, "--bucket", &self.bucket, "--min-part-size", "4"];
        let keys = ["--access-key-id", id, "--secret-access-key", secret];
        named.iter().chain(&keys).map(|argument| (*argument).to_owned()).collect()
    }
}

/// Serves one request. A store without an answer is gone: its port closes with the next connection, which is made here.
fn serve(store: &Mutex<Option<(impl Behaviour, Fake)>>, mut stream: TcpStream, address: SocketAddr) {
    let Some(request) = read(&stream) else { return };
    let answered = {
        let mut store = store.lock().expect("no panic");
        let response = store.as_mut().and_then(|(behaviour, fake)| behaviour(fake, request));
        if response.is_none() {
            *store = None;
        }
        response
    };
    match answered {
        Some(response) => write(&mut stream, &response),
        None => {
            // Read to its end, so that the port is closed before the client hears of it.
            let waker = TcpStream::connect(address);
            let _ = waker.and_then(|mut waker| waker.read(&mut [0]));
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request<Bytes>> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    let mut length = 0;
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
        request = request.header(name, value);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body(body.into()).ok()
}

fn write(stream: &mut TcpStream, response: &Response<Bytes>) {
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", response.status());
    let mut length = response.body().len().to_string();
    for (name, value) in response.headers() {
        let value = value.to_str().expect("text");
        match name.as_str() {
            "connection" | "transfer-encoding" => {}
            "content-length" => length = value.to_owned(),
            name => head += &format!("{name}: {value}\r\n"),
        }
    }
    let _ = stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
    let _ = stream.write_all(response.body());
}
