//! The head of a request: method, target, headers, as they came.

use std::ops::Deref;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, request::Parts};

use super::{
    encode::unescape,
    query::{Plus, Query},
};

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Head {
    /// The method, in upper case: vendors' own samples write `Delete`.
    pub method: String,
    /// The method as it was sent.
    pub sent_method: Method,
    /// The target as it was sent.
    pub uri: Uri,
    /// The path of the target as it came, escapes and all.
    pub raw_path: String,
    /// The query, decoded; empty if it does not decode.
    pub query: Query,
    /// The headers.
    pub headers: Headers,
    /// Whether the path is one, and decodes.
    pub path_sound: bool,
    /// Whether the query decodes.
    pub query_sound: bool,
    authority: Option<String>,
}

/// The headers of a request. Most that are asked for are missing, which the marks tell of nearly all of them.
#[derive(Clone, Debug)]
pub struct Headers {
    map: HeaderMap,
    /// The marks of the names that are, or once were, among them.
    marks: u64,
}

impl Headers {
    fn new(map: HeaderMap) -> Self {
        let marks = map.keys().fold(0, |marks, name| marks | mark(name.as_str()));
        Self { map, marks }
    }

    /// Adds a header.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.marks |= mark(name.as_str());
        self.map.append(name, value);
    }

    /// Takes a header away.
    pub fn remove(&mut self, name: &HeaderName) {
        self.map.remove(name);
    }

    /// The values of a header.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &HeaderValue> {
        let present = self.marks & mark(name) != 0;
        present.then(|| self.map.get_all(name)).into_iter().flatten()
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.map
    }
}

impl Head {
    /// Takes the head apart. Targets in absolute form (`GET http://host/path`), as a proxy receives them, lose their
    /// scheme and host: the `Host` header speaks for the host.
    pub fn new(parts: Parts, plus: Plus) -> Self {
        let raw_path = parts.uri.path().to_owned();
        let query = Query::parse(parts.uri.query().unwrap_or_default(), plus);
        Self {
            method: parts.method.as_str().to_ascii_uppercase(),
            path_sound: raw_path.starts_with('/') && (!raw_path.contains('%') || unescape(&raw_path).is_some()),
            query_sound: query.is_some(),
            raw_path,
            query: query.unwrap_or_default(),
            authority: parts.uri.authority().map(|authority| authority.as_str().to_owned()),
            headers: Headers::new(parts.headers),
            sent_method: parts.method,
            uri: parts.uri,
        }
    }

    /// The first value of a header, as text. None if it is missing or not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.values(name).next()?;
        std::str::from_utf8(value.as_bytes()).ok()
    }

    /// Whether there is a header of that name.
    pub fn has(&self, name: &str) -> bool {
        self.headers.values(name).next().is_some()
    }

    /// The first value of a header, unless it is missing or empty: clients send empty ones for "not given".
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.header(name).filter(|value| !value.is_empty())
    }

    /// All headers whose names start with `prefix` (lower case), names in lower case, sorted, values of one name joined
    /// by commas.
    pub fn headers_under(&self, prefix: &str) -> Vec<(String, String)> {
        let names = self.headers.keys().filter(|name| name.as_str().starts_with(prefix));
        let mut found: Vec<_> = names.map(|name| (name.to_string(), self.joined(name.as_str()))).collect();
        found.sort();
        found
    }

    /// The values of a header, trimmed and joined by commas; empty if it is missing.
    pub fn joined(&self, name: &str) -> String {
        let values = self.headers.values(name);
        let texts: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned()).collect();
        texts.join(",")
    }

    /// The `Host` header as it came, port and all; the target's own host if there is none.
    pub fn host_and_port(&self) -> &str {
        self.header("host").or(self.authority.as_deref()).unwrap_or_default()
    }

    /// The host in lower case, without its port.
    pub fn host(&self) -> String {
        without_port(self.host_and_port()).to_ascii_lowercase()
    }

    /// The path, decoded once.
    pub fn path(&self) -> String {
        unescape(&self.raw_path).unwrap_or_default()
    }

    /// How many bytes the body has, as the head declares it.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// Whether the body comes in chunks.
    pub fn is_chunked(&self) -> bool {
        self.has("transfer-encoding")
    }
}

/// One bit of 64, chosen by length and last letter. Names that differ in it differ.
fn mark(name: &str) -> u64 {
    let last = name.bytes().last().unwrap_or_default().to_ascii_lowercase();
    1 << ((name.len() * 5 + usize::from(last)) % 64)
}

/// A host without `:port`. Bare IPv6 addresses come in brackets.
pub fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Whether a host names the machine rather than a service: an IP address or `localhost`.
pub fn is_machine(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, host: &str) -> Head {
        let request = http::Request::builder().method("Delete").uri(uri).header("host", host).body(()).unwrap();
        Head::new(request.into_parts().0, crate::wire::query::Plus::Blank)
    }

    #[test]
    fn absolute_targets_lose_their_host() {
        let head = head("http://demo.example:80/a%2Fb?x=1", "demo.example");
        assert_eq!((head.method.as_str(), head.raw_path.as_str(), head.path().as_str()), ("DELETE", "/a%2Fb", "/a/b"));
        assert_eq!((head.host_and_port(), head.query.get("x")), ("demo.example", Some("1")));
        assert!(head.path_sound && head.query_sound);
    }

    #[test]
    fn hosts_lose_their_port() {
        for (host, name) in [("A.b:80", "a.b"), ("[::1]:80", "[::1]"), ("a.b", "a.b"), ("127.0.0.1:1", "127.0.0.1")] {
            assert_eq!(head("/", host).host(), name);
        }
        assert!(is_machine("127.0.0.1") && is_machine("[::1]") && is_machine("localhost") && !is_machine("a.b"));
    }

    #[test]
    fn headers_are_found_whenever_they_were_added() {
        let mut head = head("/", "h");
        assert!(!head.has("x-late") && head.header("x-late").is_none());
        head.headers.append(HeaderName::from_static("x-late"), HeaderValue::from_static("1"));
        assert_eq!(
            (head.header("x-late"), head.header("X-Late"), head.joined("host")),
            (Some("1"), Some("1"), "h".into())
        );
        head.headers.remove(&HeaderName::from_static("x-late"));
        assert!(!head.has("x-late") && head.has("host"));
    }

    #[test]
    fn broken_escapes_are_noticed() {
        assert!(!head("/a%zz", "h").path_sound);
        assert!(!head("/?a=%ff", "h").query_sound);
    }
}
