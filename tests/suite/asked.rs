//! Requests to a fake that is asked without a socket.

use bytes::Bytes;
use fake_bucket::Fake;

/// A request about the fake's bucket, in path style: `target` is the key and query. The face is an `Authorization` nobody
/// checks.
pub fn request(
    fake: &Fake,
    face: &str,
    method: &str,
    target: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> http::Request<Bytes> {
    let mut request = http::Request::builder().method(method).uri(format!("/{}{target}", fake.bucket()));
    for (name, value) in [("host", "127.0.0.1"), ("authorization", face)].iter().chain(headers) {
        request = request.header(*name, *value);
    }
    let request = request.header("content-length", body.len());
    request.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request")
}

/// Asks as the owner for something that must succeed, and returns the body of the reply.
pub fn done(fake: &Fake, face: &str, method: &str, target: &str, body: &str, headers: &[(&str, &str)]) -> String {
    let reply = fake.answer_as("owner", request(fake, face, method, target, body, headers));
    let text = String::from_utf8_lossy(reply.body()).into_owned();
    assert!(reply.status().is_success(), "{method} {target}: {} {text}", reply.status());
    text
}
