//! Judges the head of a request before hyper reads it, so that a head that hyper would refuse with a bare status is refused in
//! the provider's words.
//!
//! The verdict depends on the bytes of the head only, never on how they arrived: a head that breaks off in the middle of a
//! line is judged by the bytes up to the first one that cannot stand there, and a request line by the whole line.
//!
//! # Source
//! RFC 9112, "HTTP/1.1", sections 3, 5 and 6, <https://www.rfc-editor.org/rfc/rfc9112>.

use std::mem::MaybeUninit;

use http::{HeaderName, HeaderValue, Method, Request, Uri, request::Parts};
use httparse::{Error, Status};

use crate::store::Refusal;

/// Bytes a head may have.
pub const MAX_HEAD: usize = 128 << 10;

/// Bytes a request target may have: hyper's limit.
const MAX_TARGET: usize = u16::MAX as usize - 1;

/// Bytes the name of a header may have: the limit of the `http` crate.
const MAX_NAME: usize = u16::MAX as usize;

/// Headers a request may have. The providers limit the bytes of metadata, not the number of headers.
pub const MAX_HEADERS: usize = 1000;

/// Headers that hyper has room for by default.
pub const FEW_HEADERS: usize = 100;

/// The verdict on bytes that begin with a head.
#[derive(Debug)]
pub enum Verdict {
    /// The head is not complete, and nothing is wrong with it so far.
    Incomplete,
    /// The head is complete and hyper takes it.
    Sound(Framing),
    /// The head is refused.
    Refused(Box<Unreadable>),
}

/// How a request whose head is sound goes on.
#[derive(Debug, PartialEq, Eq)]
pub struct Framing {
    /// Bytes of the head.
    pub head: usize,
    /// Whether the method is `HEAD`, but not in upper case.
    pub is_odd_head: bool,
    /// The length of the body; `None` if it comes in chunks.
    pub length: Option<u64>,
    /// Whether hyper needs more room for the headers than it has by default.
    pub is_crowded: bool,
    /// Whether the connection has to end behind the request.
    pub is_last: bool,
}

/// A request that is refused before hyper sees it.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// As much of the head as can be read.
    pub parts: Parts,
    /// The reason, as a refusal of the provider's.
    pub refusal: Refusal,
    /// The reason, for the journal.
    pub why: &'static str,
}

/// Judges the bytes of a connection from the first byte of a request line on. Bytes beyond [`MAX_HEAD`] are not looked at.
pub fn judge(bytes: &[u8]) -> Verdict {
    let seen = &bytes[..bytes.len().min(MAX_HEAD)];
    match examine(seen) {
        Ok(Verdict::Incomplete) if seen.len() == MAX_HEAD => too_long(seen),
        Ok(verdict) => verdict,
        Err(error) => broken(seen, error),
    }
}

/// Parses a head with as little room as it needs.
fn examine(bytes: &[u8]) -> Result<Verdict, Error> {
    match examine_with_room_for::<FEW_HEADERS>(bytes) {
        Err(Error::TooManyHeaders) => examine_with_room_for::<MAX_HEADERS>(bytes),
        examined => examined,
    }
}

fn examine_with_room_for<const HEADERS: usize>(bytes: &[u8]) -> Result<Verdict, Error> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut headers)? {
        Status::Partial => Ok(Verdict::Incomplete),
        Status::Complete(head) => Ok(weigh(&request, head)),
    }
}

/// Judges a head that parses.
fn weigh(request: &httparse::Request<'_, '_>, head: usize) -> Verdict {
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let refused = |refusal, why| Verdict::Refused(Box::new(Unreadable { parts: parts_of(request), refusal, why }));
    if target.len() > MAX_TARGET {
        return refused(Refusal::TargetTooLong, "the request target is too long");
    }
    if !is_target(target) {
        return refused(Refusal::InvalidTarget, "the request target is not a URI");
    }
    if !method.bytes().all(|byte| byte.is_ascii_alphabetic()) && Method::from_bytes(method.as_bytes()).is_err() {
        return refused(Refusal::MalformedRequest, "the method is no token");
    }
    if request.headers.iter().any(|header| header.name.len() > MAX_NAME) {
        return refused(Refusal::HeadTooLarge, "the name of a header is too long");
    }
    let (length, is_last) = match body_of(request) {
        Ok(body) => body,
        Err((refusal, why)) => return refused(refusal, why),
    };
    Verdict::Sound(Framing {
        head,
        is_odd_head: method != "HEAD" && method.eq_ignore_ascii_case("HEAD"),
        length,
        is_crowded: request.headers.len() > FEW_HEADERS,
        is_last: is_last || method.eq_ignore_ascii_case("CONNECT"),
    })
}

/// The length of the body, `None` if it comes in chunks; and whether the connection has to end behind it.
///
/// # Source
/// RFC 9112, "HTTP/1.1", sections 6.1 and 6.3, <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>.
fn body_of(request: &httparse::Request<'_, '_>) -> Result<(Option<u64>, bool), (Refusal, &'static str)> {
    let (mut coding, mut length, mut list) = (None, None, None);
    for header in request.headers.iter() {
        // Two lengths that no other header of note has spare most headers the comparison.
        match header.name.len() {
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => coding = Some(header.value),
            14 if header.name.eq_ignore_ascii_case("content-length") => match (number(header.value), length) {
                (None, _) => list = list.or(Some(header.value)),
                (Some(new), Some(old)) if new != old => {
                    return Err((Refusal::ManyContentLengths, "the request has several Content-Lengths"));
                }
                (new, _) => length = new,
            },
            _ => {}
        }
    }
    if let Some(value) = list {
        let given = String::from_utf8_lossy(value).into_owned();
        let is_list = given.contains(',') && given.split(',').all(|one| number(one.trim().as_bytes()).is_some());
        return Err(match is_list {
            true => (Refusal::ManyContentLengths, "the request has several Content-Lengths"),
            false => (Refusal::InvalidContentLength { given }, "the Content-Length is not a number"),
        });
    }
    let Some(coding) = coding else { return Ok((Some(length.unwrap_or(0)), false)) };
    let last = coding.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    if request.version == Some(0) || !last.eq_ignore_ascii_case(b"chunked") {
        return Err((Refusal::MalformedRequest, "the Transfer-Encoding is not supported"));
    }
    Ok((None, length.is_some()))
}

/// A length that hyper reads: digits only, and the two largest numbers are reserved.
fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|length| *length < u64::MAX - 1)
}

fn is_target(target: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%?&=+:,;@!$'()*".contains(&byte);
    // Nearly all targets are plain and need not be parsed twice.
    target.starts_with('/') && target.bytes().all(is_plain) || target.parse::<Uri>().is_ok()
}

/// A head that has no end within the limit.
fn too_long(seen: &[u8]) -> Verdict {
    let (refusal, why) = match seen.contains(&b'\n') {
        true => (Refusal::HeadTooLarge, "the head is too large"),
        false => (Refusal::TargetTooLong, "the request line is too long"),
    };
    Verdict::Refused(Box::new(Unreadable { parts: readable(seen), refusal, why }))
}

/// A head that does not parse.
fn broken(seen: &[u8], error: Error) -> Verdict {
    let refused =
        |read: &[u8], refusal, why| Verdict::Refused(Box::new(Unreadable { parts: readable(read), refusal, why }));
    let line = seen.iter().position(|byte| *byte == b'\n').map(|end| &seen[..=end]);
    let Some(line) = line.filter(|line| examine(line).is_ok()) else {
        if !begins_with_method(seen) {
            return refused(&[], Refusal::MalformedRequest, "the request does not begin with a method");
        }
        return match line {
            None if seen.len() == MAX_HEAD => too_long(seen),
            None => Verdict::Incomplete,
            Some(line) => match RequestLine::read(line.trim_ascii_end()) {
                Some(read) if read.target.parse::<Uri>().is_err() => {
                    refused(line, Refusal::InvalidTarget, "the request target is not a URI")
                }
                _ => refused(line, Refusal::MalformedRequest, "the request line is malformed"),
            },
        };
    };
    // What breaks a head breaks each longer one too, so that the first byte that does is found by halving.
    let (mut sound, mut bad) = (line.len(), seen.len());
    while bad - sound > 1 {
        let middle = sound + (bad - sound) / 2;
        match examine(&seen[..middle]) {
            Ok(_) => sound = middle,
            Err(_) => bad = middle,
        }
    }
    match error {
        Error::TooManyHeaders => refused(&seen[..bad], Refusal::HeadTooLarge, "the request has too many headers"),
        _ => refused(&seen[..bad], Refusal::MalformedRequest, "a header is malformed"),
    }
}

/// Whether bytes begin with a method, or with what may become one.
fn begins_with_method(bytes: &[u8]) -> bool {
    let mut request = httparse::Request::new(&mut []);
    !matches!(request.parse(bytes), Err(Error::Token | Error::NewLine)) || request.method.is_some()
}

/// A request line whose parts are separated by blanks, however many the target has.
struct RequestLine<'a> {
    method: Method,
    target: &'a str,
}

impl<'a> RequestLine<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let (method, rest) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let (target, version) = rest.rsplit_once(' ')?;
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        version.starts_with("HTTP/1.").then_some(Self { method, target })
    }
}

/// As much of a head as can be read, line by line.
fn readable(bytes: &[u8]) -> Parts {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next().and_then(RequestLine::read);
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        header(&line[..colon], line[colon + 1..].trim_ascii())
    });
    let (method, target) = match &line {
        Some(line) => (line.method.clone(), line.target),
        None => (Method::GET, "/"),
    };
    parts(method, target, headers.take(MAX_HEADERS))
}

fn parts_of(request: &httparse::Request<'_, '_>) -> Parts {
    let method = Method::from_bytes(request.method.unwrap_or_default().as_bytes()).unwrap_or_default();
    let headers = request.headers.iter().filter_map(|found| header(found.name.as_bytes(), found.value));
    parts(method, request.path.unwrap_or_default(), headers)
}

fn header(name: &[u8], value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

fn parts(method: Method, target: &str, headers: impl Iterator<Item = (HeaderName, HeaderValue)>) -> Parts {
    let mut request = Request::new(());
    let path = || target.split('?').next().and_then(|path| path.parse().ok());
    *request.uri_mut() = target.parse().ok().or_else(path).unwrap_or_default();
    *request.method_mut() = method;
    headers.for_each(|(name, value)| {
        request.headers_mut().append(name, value);
    });
    request.into_parts().0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> Option<Refusal> {
        match judge(bytes) {
            Verdict::Refused(unreadable) => Some(unreadable.refusal),
            Verdict::Incomplete | Verdict::Sound(_) => None,
        }
    }

    fn invalid(given: &str) -> Refusal {
        Refusal::InvalidContentLength { given: given.to_owned() }
    }

    #[test]
    fn lengths_and_codings_are_judged() {
        for (headers, fault) in [
            ("Content-Length: 5", None),
            ("Content-Length: 5\r\nContent-Length: 5", None),
            ("Content-Length: 5\r\nTransfer-Encoding: gzip, Chunked", None),
            ("Content-Length: x\r\nTransfer-Encoding: chunked", Some(invalid("x"))),
            ("Transfer-Encoding: chunked\r\nContent-Length: x", Some(invalid("x"))),
            ("Content-Length: 5\r\nContent-Length: 6", Some(Refusal::ManyContentLengths)),
            ("Content-Length: 5, 6", Some(Refusal::ManyContentLengths)),
            ("Content-Length: 5,", Some(invalid("5,"))),
            ("Content-Length:", Some(invalid(""))),
            ("Content-Length: +5", Some(invalid("+5"))),
            ("Content-Length: 18446744073709551613", None),
            ("Content-Length: 18446744073709551614", Some(invalid("18446744073709551614"))),
            ("Content-Length: 18446744073709551616", Some(invalid("18446744073709551616"))),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", Some(Refusal::MalformedRequest)),
        ] {
            let head = format!("PUT /a HTTP/1.1\n{headers}\r\n\r\n");
            assert_eq!(refusal(head.as_bytes()), fault, "{headers}");
        }
        let old = b"PUT /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(refusal(old), Some(Refusal::MalformedRequest));
    }

    #[test]
    fn what_breaks_a_head_says_how_it_is_refused() {
        for (head, fault) in [
            (&b"\x16\x03\x01\x02\0"[..], Refusal::MalformedRequest),
            (b"GET /a\r\n", Refusal::MalformedRequest),
            (b"GET /a HTTP/9.9\r\n", Refusal::MalformedRequest),
            (b"PRI * HTTP/2.0\r\n", Refusal::MalformedRequest),
            (b"GET /a b HTTP/1.1\r\n", Refusal::InvalidTarget),
            (b"GET /a\x01b HTTP/1.1\r\n", Refusal::InvalidTarget),
            (b"GET /a<b HTTP/1.1\r\n\r\n", Refusal::InvalidTarget),
            (b"GET /a HTTP/1.1\r\nHost : h", Refusal::MalformedRequest),
            (b"GET /a HTTP/1.1\r\nHost: h\0", Refusal::MalformedRequest),
        ] {
            assert_eq!(refusal(head), Some(fault), "{:?}", String::from_utf8_lossy(head));
            assert_eq!(refusal(&head[..1]).is_some(), head[0] == 0x16, "{:?}", String::from_utf8_lossy(head));
        }
        assert_eq!(refusal(b"GET /a b"), None, "the line may go on");
    }

    #[test]
    fn the_verdict_is_the_same_for_each_longer_piece() {
        for head in [
            &b"PUT /k?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"[..],
            b"PUT /k HTTP/1.1\r\nHost: h\r\nBad Name: 1\r\nContent-Length: 5\r\n\r\nhello",
            b"PUT /k HTTP/1.1\r\nHost: h\r\nName: a\rb\r\n\r\n",
            b"PUT /k\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
            b"\0PUT /k HTTP/1.1\r\n\r\n",
            b"\r\rPUT /k HTTP/1.1\r\n\r\n",
        ] {
            let told = |bytes: &[u8]| match judge(bytes) {
                Verdict::Refused(found) => Some(format!("{found:?}")),
                Verdict::Incomplete => None,
                Verdict::Sound(framing) => panic!("{framing:?}"),
            };
            let whole = told(head).expect("refused");
            let pieces: Vec<_> = (1..=head.len()).map(|len| told(&head[..len])).collect();
            let first = pieces.iter().position(Option::is_some).expect("refused");
            assert!(pieces[first..].iter().all(|piece| piece.as_ref() == Some(&whole)), "{whole}\n{pieces:#?}");
        }
    }

    #[test]
    fn limits_are_exact() {
        let with_headers = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
        let crowded = |count| match judge(with_headers(count).as_bytes()) {
            Verdict::Sound(framing) => Some(framing.is_crowded),
            _ => None,
        };
        assert_eq!([100, 101, 1000, 1001].map(crowded), [Some(false), Some(true), Some(true), None]);
        assert_eq!(refusal(with_headers(1001).as_bytes()), Some(Refusal::HeadTooLarge));

        let of_target = |len: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(len - 1));
        assert_eq!(refusal(of_target(65534).as_bytes()), None);
        assert_eq!(refusal(of_target(65535).as_bytes()), Some(Refusal::TargetTooLong));

        let of_size = |len: usize| {
            let (front, end) = ("GET / HTTP/1.1\r\na: ", "\r\n\r\n");
            format!("{front}{}{end}", "v".repeat(len - front.len() - end.len()))
        };
        assert!(matches!(judge(of_size(MAX_HEAD).as_bytes()), Verdict::Sound(_)));
        assert_eq!(refusal(of_size(MAX_HEAD + 1).as_bytes()), Some(Refusal::HeadTooLarge));
        assert_eq!(refusal(&vec![b'G'; MAX_HEAD]), Some(Refusal::TargetTooLong));
    }
}
