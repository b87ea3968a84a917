//! What hyper refuses to read as a request, read as far as it goes: enough to refuse it as the provider would. Not a parser
//! of requests, and nothing is ever carried out by it.

use http::{
    HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};

use super::MAX_HEADERS;
use crate::store::Refusal;

/// Bytes of a refusal of hyper's own, at most: a status, a length of zero, a date, and that the connection ends.
const LONGEST: usize = 256;

/// How hyper words a refusal of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// 400
    BadRequest,
    /// 414
    UriTooLong,
    /// 431
    HeadTooLarge,
}

/// What came in place of a request.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// As much of its head as can be read.
    pub parts: Parts,
    /// What is wrong with it.
    pub refusal: Refusal,
}

impl Bare {
    /// The refusal a reply is, if it is one: the dialects begin their headers otherwise. What goes on, or is longer, is a piece of
    /// a body that only begins like one.
    pub fn of(reply: &[u8]) -> Option<Self> {
        if reply.len() > LONGEST || !reply.ends_with(b"\r\n\r\n") {
            return None;
        }
        let told = reply.strip_prefix(b"HTTP/1.1 4").or_else(|| reply.strip_prefix(b"HTTP/1.0 4"))?;
        [
            (&b"00 Bad Request\r\nco"[..], Self::BadRequest),
            (b"14 URI Too Long\r\nco", Self::UriTooLong),
            (b"31 Request Header Fields Too Large\r\nco", Self::HeadTooLarge),
        ]
        .into_iter()
        .find(|(begins, _)| told.starts_with(begins))
        .map(|(_, bare)| bare)
    }
}

impl Unreadable {
    /// What hyper refused after it had taken the head from what was read, which these bytes end with; none if it did not,
    /// and refused what followed them.
    pub fn taken(read: &[u8]) -> Option<Self> {
        let head = Head::last_of(read)?;
        let refusal = head.fault()?;
        Some(Self { parts: head.parts(), refusal })
    }

    /// What hyper refused without taking anything of these bytes.
    pub fn left(read: &[u8], bare: Bare) -> Self {
        let head = Head::read(read);
        let refusal = match bare {
            Bare::UriTooLong => Refusal::TargetTooLong,
            Bare::HeadTooLarge => Refusal::HeadTooLarge,
            Bare::BadRequest if head.line.is_some() && head.target().is_none() => Refusal::InvalidTarget,
            Bare::BadRequest => Refusal::MalformedRequest,
        };
        Self { parts: head.parts(), refusal }
    }
}

/// A head, line by line.
struct Head<'a> {
    line: Option<RequestLine<'a>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

struct RequestLine<'a> {
    method: Method,
    target: &'a str,
    version: &'a str,
}

impl<'a> RequestLine<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let (method, rest) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let (target, version) = rest.rsplit_once(' ')?;
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        version.starts_with("HTTP/1.").then_some(Self { method, target, version })
    }
}

impl<'a> Head<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut lines = lines(bytes).skip_while(|line| line.is_empty());
        let line = lines.next().and_then(RequestLine::read);
        let headers = lines.take_while(|line| !line.is_empty()).filter_map(header).take(MAX_HEADERS).collect();
        Self { line, headers }
    }

    /// The last head in what was read. What precedes it, of other requests, need not end with a line.
    fn last_of(bytes: &'a [u8]) -> Option<Self> {
        let mut starts = [0].into_iter().chain((1..bytes.len()).filter(|at| bytes[at - 1] == b'\n'));
        let begins = |at: &usize| lines(&bytes[*at..]).next().and_then(RequestLine::read).is_some();
        starts.rfind(begins).map(|at| Self::read(&bytes[at..]))
    }

    fn target(&self) -> Option<Uri> {
        self.line.as_ref()?.target.parse().ok()
    }

    /// What is wrong with it, as HTTP has it.
    ///
    /// # Source
    /// RFC 9112, "HTTP/1.1", sections 6.1 and 6.3, <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>.
    fn fault(&self) -> Option<Refusal> {
        if self.target().is_none() {
            return Some(Refusal::InvalidTarget);
        }
        if let Some(coding) = self.values(&TRANSFER_ENCODING).last() {
            let last = coding.rsplit(',').next().unwrap_or_default().trim();
            let old = self.line.as_ref().is_some_and(|line| line.version == "HTTP/1.0");
            return (old || !last.eq_ignore_ascii_case("chunked")).then_some(Refusal::MalformedRequest);
        }
        let unreadable = self.values(&CONTENT_LENGTH).find(|given| length(given).is_none());
        if let Some(given) = unreadable {
            let lengths: Vec<_> = given.split(',').map(|given| length(given.trim())).collect();
            return Some(match lengths.len() > 1 && lengths.iter().all(Option::is_some) {
                true => Refusal::ManyContentLengths,
                false => Refusal::InvalidContentLength { given },
            });
        }
        let mut lengths = self.values(&CONTENT_LENGTH).map(|given| length(&given));
        let first = lengths.next()?;
        lengths.any(|length| length != first).then_some(Refusal::ManyContentLengths)
    }

    fn values(&self, name: &HeaderName) -> impl Iterator<Item = String> {
        let found = self.headers.iter().filter(move |(found, _)| found == name);
        found.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    fn parts(self) -> Parts {
        let uri = self.target().unwrap_or_else(|| {
            let path = self.line.as_ref().and_then(|line| line.target.split('?').next()?.parse().ok());
            path.unwrap_or_default()
        });
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        *request.method_mut() = self.line.map(|line| line.method).unwrap_or_default();
        self.headers.into_iter().for_each(|(name, value)| {
            request.headers_mut().append(name, value);
        });
        request.into_parts().0
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

/// A length that hyper reads: it keeps the two largest numbers for itself.
fn length(given: &str) -> Option<u64> {
    let digits = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
    given.parse().ok().filter(|length| digits && *length < u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_head_is_found_behind_other_requests() {
        let piped = b"PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\r\nHEAD /b?c HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n";
        let Unreadable { parts, refusal } = Unreadable::taken(piped).unwrap();
        assert_eq!((parts.method.as_str(), parts.uri.to_string().as_str()), ("HEAD", "/b?c"));
        assert_eq!((parts.headers["host"].as_bytes(), refusal), (&b"h"[..], invalid("-1")));
    }

    fn invalid(given: &str) -> Refusal {
        Refusal::InvalidContentLength { given: given.to_owned() }
    }

    #[test]
    fn faults_are_told_apart() {
        for (headers, fault) in [
            ("Content-Length: 5", None),
            ("Content-Length: 5\r\nContent-Length: 5", None),
            ("Content-Length: x\r\nTransfer-Encoding: gzip, Chunked", None),
            ("Content-Length: 5\r\nContent-Length: 6", Some(Refusal::ManyContentLengths)),
            ("Content-Length: 5, 6", Some(Refusal::ManyContentLengths)),
            ("Content-Length: 5,", Some(invalid("5,"))),
            ("Content-Length:", Some(invalid(""))),
            ("Content-Length: +5", Some(invalid("+5"))),
            ("Content-Length: 18446744073709551615", Some(invalid("18446744073709551615"))),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", Some(Refusal::MalformedRequest)),
        ] {
            let head = format!("PUT /a HTTP/1.1\n{headers}\r\n\r\n");
            assert_eq!(Unreadable::taken(head.as_bytes()).map(|found| found.refusal), fault, "{headers}");
        }
        let old = Unreadable::taken(b"PUT /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(old.unwrap().refusal, Refusal::MalformedRequest);
    }

    #[test]
    fn of_what_is_no_request_nothing_is_read() {
        for (left, refusal) in [
            (&b"\x16\x03\x01\x02\0\n\n"[..], Refusal::MalformedRequest),
            (b"GET /a\r\n\r\n", Refusal::MalformedRequest),
            (b"GET /a b HTTP/1.1\r\n\r\n", Refusal::InvalidTarget),
            (b"", Refusal::MalformedRequest),
        ] {
            let read = Unreadable::left(left, Bare::BadRequest);
            assert_eq!((read.refusal, read.parts.uri.to_string()), (refusal, "/".to_owned()), "{left:?}");
        }
    }

    #[test]
    fn only_what_hyper_words_is_bare() {
        for (reply, bare) in [
            (&b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"[..], Some(Bare::BadRequest)),
            (b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nof a recorded exchange", None),
            (b"HTTP/1.0 414 URI Too Long\r\ncontent-length: 0\r\n\r\n", Some(Bare::UriTooLong)),
            (b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/xml\r\n\r\n", None),
            (b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", None),
        ] {
            assert_eq!(Bare::of(reply), bare, "{}", String::from_utf8_lossy(reply));
        }
    }
}
