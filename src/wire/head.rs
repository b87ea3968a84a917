//! The head of a request: method, target, headers, as they came.

use std::{borrow::Cow, ops::Deref};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_LENGTH},
    request::Parts,
};

use super::{
    encode::{unescape, unescaped},
    query::{Plus, Query},
};

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Head {
    /// The method, in upper case: vendors' own samples write `Delete`.
    pub method: Method,
    /// The method as it was sent.
    pub sent_method: Method,
    /// The target as it was sent.
    pub uri: Uri,
    /// The query, decoded; empty if it does not decode.
    pub query: Query,
    /// The headers.
    pub headers: Headers,
    /// Whether the path is one, and decodes.
    pub path_sound: bool,
    /// Whether the query decodes.
    pub query_sound: bool,
    /// What a plus in the path stands for.
    plus_in_path: Plus,
    /// These two are asked for many times.
    authorization: Option<HeaderValue>,
    content_length: Option<u64>,
}

/// The headers of a request. Most that are asked for are missing, which the marks tell of nearly all of them.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    map: HeaderMap,
    /// The marks of the names that are, or once were, among them.
    marks: u64,
}

impl Headers {
    fn new(map: HeaderMap) -> Self {
        let marks = map.keys().fold(0, |marks, name| marks | mark(name.as_str().len(), name.as_str()));
        Self { map, marks }
    }

    /// Adds a header.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.marks |= mark(name.as_str().len(), name.as_str());
        self.map.append(name, value);
    }

    /// The map they are in.
    pub fn into_map(self) -> HeaderMap {
        self.map
    }

    /// Takes a header away.
    pub fn remove(&mut self, name: &HeaderName) {
        self.map.remove(name);
    }

    /// The values of a header.
    pub fn values<'h, 'n>(&'h self, name: &'n str) -> impl Iterator<Item = &'h HeaderValue> + use<'h, 'n> {
        self.values_of("", name)
    }

    /// The values of the header whose name is `prefix`, in lower case, and `rest`.
    pub fn values_of<'h, 'n>(
        &'h self,
        prefix: &'n str,
        rest: &'n str,
    ) -> impl Iterator<Item = &'h HeaderValue> + use<'h, 'n> {
        let found = self.may_have(prefix, rest).then(|| self.map.iter().filter(named(prefix, rest)));
        found.into_iter().flatten().map(|(_, value)| value)
    }

    /// The first of them.
    fn first_of(&self, prefix: &str, rest: &str) -> Option<&HeaderValue> {
        if !self.may_have(prefix, rest) {
            return None;
        }
        self.map.iter().find(named(prefix, rest)).map(|(_, value)| value)
    }

    fn may_have(&self, prefix: &str, rest: &str) -> bool {
        self.marks & mark(prefix.len() + rest.len(), rest) != 0
    }
}

/// Whether a header's name is `prefix` and `rest`. To look at the few there are costs a third of hashing the name.
fn named(prefix: &str, rest: &str) -> impl Fn(&(&HeaderName, &HeaderValue)) -> bool {
    move |(name, _)| {
        let name = name.as_str().as_bytes();
        name.len() == prefix.len() + rest.len()
            && name[prefix.len()..].eq_ignore_ascii_case(rest.as_bytes())
            && name.starts_with(prefix.as_bytes())
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
        let Parts { method, uri, headers, .. } = parts;
        let query = Query::parse(uri.query().unwrap_or_default(), plus);
        Self {
            method: in_upper_case(&method),
            path_sound: uri.path().starts_with('/') && unescaped(uri.path()).is_some(),
            query_sound: query.is_some(),
            plus_in_path: Plus::Plus,
            query: query.unwrap_or_default(),
            authorization: headers.get(AUTHORIZATION).filter(|value| is_text(value)).cloned(),
            content_length: headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok()),
            headers: Headers::new(headers),
            sent_method: method,
            uri,
        }
    }

    /// The same, with another reading of every plus in its query.
    #[must_use]
    pub fn with_plus(self, plus: Plus) -> Self {
        let query = Query::parse(self.uri.query().unwrap_or_default(), plus);
        Self { query: query.unwrap_or_default(), ..self }
    }

    /// Whether there is a plus in its query.
    pub fn has_plus(&self) -> bool {
        self.uri.query().is_some_and(|query| query.contains('+'))
    }

    /// The same, with another reading of every plus in its path.
    #[must_use]
    pub fn with_plus_in_path(self, plus_in_path: Plus) -> Self {
        Self { plus_in_path, ..self }
    }

    /// The path of the target as it came, escapes and all.
    pub fn raw_path(&self) -> &str {
        self.uri.path()
    }

    /// The first value of a header, as text. None if it is missing or not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_of("", name)
    }

    /// The first value of the header whose name is `prefix`, in lower case, and `rest`.
    pub fn header_of(&self, prefix: &str, rest: &str) -> Option<&str> {
        let value = self.headers.first_of(prefix, rest)?;
        std::str::from_utf8(value.as_bytes()).ok()
    }

    /// Whether there is a header of that name.
    pub fn has(&self, name: &str) -> bool {
        self.has_of("", name)
    }

    /// Whether there is a header whose name is `prefix`, in lower case, and `rest`.
    pub fn has_of(&self, prefix: &str, rest: &str) -> bool {
        self.headers.first_of(prefix, rest).is_some()
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

    /// The `Host` header as it came, port and all; the host of the target if there is no such header.
    pub fn host_and_port(&self) -> &str {
        let authority = || self.uri.authority().map(|authority| without_userinfo(authority.as_str()));
        self.header("host").or_else(authority).unwrap_or_default()
    }

    /// The host in lower case, without its port.
    pub fn host(&self) -> Cow<'_, str> {
        let host = without_port(self.host_and_port());
        match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        }
    }

    /// The path, decoded once.
    pub fn path(&self) -> Cow<'_, str> {
        let path = self.raw_path();
        if self.plus_in_path == Plus::Blank && path.contains('+') {
            return unescape(&path.replace('+', " ")).unwrap_or_default().into();
        }
        unescaped(path).unwrap_or_default()
    }

    /// How many bytes the body has, as the head declares it.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The first `Authorization` header, unless it is missing or empty.
    pub fn authorization(&self) -> Option<&str> {
        std::str::from_utf8(self.authorization.as_ref()?.as_bytes()).ok()
    }

    /// Whether it begins so; none if there is none.
    pub fn authorization_begins(&self, prefix: &str) -> Option<bool> {
        Some(self.authorization.as_ref()?.as_bytes().starts_with(prefix.as_bytes()))
    }

    /// Whether the body comes in chunks.
    pub fn is_chunked(&self) -> bool {
        self.has("transfer-encoding")
    }
}

fn is_text(value: &HeaderValue) -> bool {
    !value.is_empty() && std::str::from_utf8(value.as_bytes()).is_ok()
}

fn in_upper_case(method: &Method) -> Method {
    if !method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()) {
        return method.clone();
    }
    let upper = method.as_str().to_ascii_uppercase();
    Method::from_bytes(upper.as_bytes()).expect("a method in upper case is one")
}

/// One bit of 64, chosen by the length of a name and its last letter. Names that differ in it differ.
pub(super) fn mark(len: usize, name: &str) -> u64 {
    let last = name.as_bytes().last().copied().unwrap_or_default().to_ascii_lowercase();
    1 << ((len * 5 + usize::from(last)) % 64)
}

/// An authority without `user:password@`, which may be a secret.
pub fn without_userinfo(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

/// A host without `:port`. Bare IPv6 addresses come in brackets.
pub fn without_port(host: &str) -> &str {
    if !host.ends_with(|last: char| last.is_ascii_digit() || last == ':') {
        return host;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Whether a host names the machine rather than a service: an IP address or `localhost`.
pub fn is_machine(host: &str) -> bool {
    if host == "localhost" {
        return true;
    }
    // A domain is not worth the attempt to read it as an address.
    let may_be = host.ends_with(|last: char| last.is_ascii_digit()) || host.contains(':');
    may_be && host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
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
        assert_eq!((head.method.as_str(), head.raw_path(), &*head.path()), ("DELETE", "/a%2Fb", "/a/b"));
        assert_eq!((head.host_and_port(), head.query.get("x")), ("demo.example", Some("1")));
        assert!(head.path_sound && head.query_sound);
    }

    #[test]
    fn targets_lose_their_userinfo() {
        let request = http::Request::builder().uri("http://me:secret@demo.example:80/a").body(()).unwrap();
        let head = Head::new(request.into_parts().0, Plus::Blank);
        assert_eq!((head.host_and_port(), &*head.host()), ("demo.example:80", "demo.example"));
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
            (head.header("x-late"), head.header_of("x-", "Late"), head.joined("Host")),
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
