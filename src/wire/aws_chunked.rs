//! The `aws-chunked` framing of bodies: chunks that may be signed one after the other, and checksums that may trail them.
//! Read as it comes: what is buffered is a line, never a chunk.
//!
//! ```text
//! 400;chunk-signature=..\r\n  the chunk's bytes  \r\n  ..  0;chunk-signature=..\r\n  name:value\r\n  ..  \r\n
//! ```
//!
//! # Source
//! "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks", "Signature calculations
//! for trailing checksums" and "Checking object integrity",
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>, <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>.

use std::fmt;

use bytes::Bytes;
use md5::Digest as _;

use super::{
    digest::{self, Checksum, RunningChecksum},
    encode::{base64, hex},
};

/// Bytes a line between chunks may have.
const MAX_LINE: usize = 1 << 10;

/// How a body is framed, as its head says.
#[derive(Clone, Debug)]
pub struct Framing {
    /// Bytes of the body without its frame.
    pub decoded_length: u64,
    /// Whether its chunks are signed.
    pub signatures: Signatures,
    /// The checksum that trails it, if one does.
    pub trailer: Option<Checksum>,
}

/// Whether the chunks of a body are signed.
#[derive(Clone, Debug)]
pub enum Signatures {
    /// They are not.
    Absent,
    /// They are, and nobody looks at it.
    Unchecked,
    /// They are, each by this chain.
    Checked(Chain),
}

/// What signs chunks: each signature is made of the one before, the first of the head's.
#[derive(Clone)]
pub struct Chain {
    /// The id of the access key.
    pub access_key: String,
    /// The key derived from its secret.
    pub key: [u8; 32],
    /// The time and the scope of the head's signature, a line each.
    pub scope: String,
    /// The last signature that was right, in hex.
    pub previous: String,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl Chain {
    /// Checks the next signature, over what `facts` says, line by line.
    fn check(&mut self, algorithm: &str, facts: &str, provided: &str) -> Result<(), Broken> {
        let string_to_sign = format!("{algorithm}\n{}\n{}\n{facts}", self.scope, self.previous);
        let signature = hex(digest::hmac_sha256(self.key, &string_to_sign));
        if signature != provided {
            let (access_key, provided) = (self.access_key.clone(), provided.to_owned());
            return Err(Broken::Signature { access_key, provided, string_to_sign });
        }
        self.previous = signature;
        Ok(())
    }
}

/// What is wrong with a framed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Its frame is not one.
    Frame(&'static str),
    /// It has another length than its head declares, or ends within its frame.
    Length,
    /// A chunk, or the trailer, is not signed as it should be.
    Signature {
        /// The id of the access key.
        access_key: String,
        /// The signature that came.
        provided: String,
        /// What should have been signed.
        string_to_sign: String,
    },
    /// The checksum that trails it is not its own.
    Checksum {
        /// Which.
        checksum: Checksum,
        /// The one that came.
        given: String,
        /// Its own.
        computed: String,
    },
}

/// Takes the frame off a body that comes in pieces.
pub struct Decoder {
    expected: u64,
    decoded: u64,
    signatures: Signatures,
    chunk: Option<sha2::Sha256>,
    signature: String,
    promised: Option<(Checksum, RunningChecksum)>,
    trailers: Vec<(String, String)>,
    line: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A chunk's size is next.
    Size,
    /// Bytes of a chunk are next, this many.
    Data { left: u64 },
    /// The line end after a chunk is next.
    DataEnd,
    /// A trailer is next, or the empty line that ends it all.
    Trailers(LineEnd),
    /// Nothing is next.
    Over,
}

/// How the line before ended. In the provider's example a trailer ends in a line feed and in a carriage return and another
/// one; clients write the latter two only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Full,
    Bare,
}

impl Decoder {
    /// Nothing has come yet.
    pub fn new(framing: &Framing) -> Self {
        Self {
            expected: framing.decoded_length,
            decoded: 0,
            chunk: hasher(&framing.signatures),
            signatures: framing.signatures.clone(),
            signature: String::new(),
            promised: framing.trailer.map(|checksum| (checksum, checksum.start())),
            trailers: Vec::new(),
            line: Vec::new(),
            state: State::Size,
        }
    }

    /// Bytes of the body itself that are still to come, if its head is right.
    pub fn left(&self) -> u64 {
        self.expected - self.decoded
    }

    /// Takes the frame off some more. The bytes between, which share `frame`'s memory, are added to `out`.
    pub fn feed(&mut self, mut frame: Bytes, out: &mut Vec<Bytes>) -> Result<(), Broken> {
        while !frame.is_empty() {
            if let State::Data { left } = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(frame.len());
                let piece = frame.split_to(here);
                self.data(&piece, left)?;
                out.push(piece);
                continue;
            }
            let Some((line, end)) = self.take_line(&mut frame)? else { return Ok(()) };
            self.framed(&line, end)?;
        }
        Ok(())
    }

    /// That was all.
    pub fn finish(self) -> Result<(), Broken> {
        let whole = self.state == State::Over && self.decoded == self.expected;
        if whole { Ok(()) } else { Err(Broken::Length) }
    }

    fn data(&mut self, piece: &[u8], left: u64) -> Result<(), Broken> {
        let len = piece.len() as u64;
        self.decoded += len;
        if let Some((_, running)) = &mut self.promised {
            running.update(piece);
        }
        if let Some(chunk) = &mut self.chunk {
            chunk.update(piece);
        }
        if left > len {
            self.state = State::Data { left: left - len };
            return Ok(());
        }
        self.state = State::DataEnd;
        self.end_chunk()
    }

    /// A line, if the rest of one is in the frame, and how it ended.
    fn take_line(&mut self, frame: &mut Bytes) -> Result<Option<(Vec<u8>, LineEnd)>, Broken> {
        let end = frame.iter().position(|byte| *byte == b'\n');
        let taken = frame.split_to(end.map_or(frame.len(), |end| end + 1));
        if self.line.len() + taken.len() > MAX_LINE {
            return Err(Broken::Frame("a line between chunks is too long"));
        }
        self.line.extend_from_slice(&taken);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop();
        let end = if line.pop_if(|byte| *byte == b'\r').is_some() { LineEnd::Full } else { LineEnd::Bare };
        Ok(Some((line, end)))
    }

    fn framed(&mut self, line: &[u8], end: LineEnd) -> Result<(), Broken> {
        let text = std::str::from_utf8(line).map_err(|_| Broken::Frame("a line between chunks is no text"))?;
        match self.state {
            State::Trailers(before) => self.trailer(text, before, end),
            _ if end == LineEnd::Bare => Err(Broken::Frame("a line between chunks does not end in CR LF")),
            State::Size => self.begin_chunk(text),
            State::DataEnd if text.is_empty() => {
                self.state = State::Size;
                Ok(())
            }
            State::DataEnd => Err(Broken::Frame("a chunk is longer than its size")),
            State::Over => Err(Broken::Frame("something follows the last chunk")),
            State::Data { .. } => unreachable!("a chunk's bytes are no lines"),
        }
    }

    fn begin_chunk(&mut self, line: &str) -> Result<(), Broken> {
        let (size, extension) = line.split_once(';').map_or((line, None), |(size, rest)| (size, Some(rest)));
        let size = parse_size(size).ok_or(Broken::Frame("a chunk's size is not hexadecimal"))?;
        let signature = extension.and_then(|extension| extension.strip_prefix("chunk-signature="));
        self.signature = match (&self.signatures, signature, extension) {
            (Signatures::Absent, _, None) => String::new(),
            (Signatures::Absent, ..) => return Err(Broken::Frame("a chunk is signed, and the head promises none is")),
            (_, Some(signature), _) => signature.to_owned(),
            (_, None, _) => return Err(Broken::Frame("a chunk is not signed")),
        };
        if size > self.left() {
            return Err(Broken::Length);
        }
        if size > 0 {
            self.state = State::Data { left: size };
            return Ok(());
        }
        self.state = State::Trailers(LineEnd::Full);
        self.end_chunk()
    }

    fn end_chunk(&mut self) -> Result<(), Broken> {
        let (Signatures::Checked(chain), Some(chunk)) = (&mut self.signatures, &mut self.chunk) else { return Ok(()) };
        let facts = format!("{}\n{}", hex(digest::sha256("")), hex(chunk.finalize_reset()));
        chain.check("AWS4-HMAC-SHA256-PAYLOAD", &facts, &self.signature)
    }

    fn trailer(&mut self, line: &str, before: LineEnd, end: LineEnd) -> Result<(), Broken> {
        self.state = State::Trailers(end);
        match (line, before) {
            ("", LineEnd::Bare) => return Ok(()),
            ("", LineEnd::Full) => return self.end(),
            _ => {}
        }
        let (name, value) = line.split_once(':').ok_or(Broken::Frame("a trailer is not of the form name:value"))?;
        self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        // The promised checksum, and the signature of it.
        if self.trailers.len() > 2 { Err(Broken::Frame("there are more trailers than promised")) } else { Ok(()) }
    }

    /// The empty line after the trailers came.
    fn end(&mut self) -> Result<(), Broken> {
        self.state = State::Over;
        let signature = self.trailers.pop_if(|(name, _)| name == "x-amz-trailer-signature");
        let Some((checksum, running)) = self.promised.take() else {
            let none = self.trailers.is_empty() && signature.is_none();
            return if none { Ok(()) } else { Err(Broken::Frame("there is a trailer, and none was promised")) };
        };
        let given = match &self.trailers[..] {
            [(name, value)] if name == checksum.header() => value.clone(),
            _ => return Err(Broken::Frame("the trailer is not the one that was promised")),
        };
        match (&mut self.signatures, signature) {
            (Signatures::Absent, Some(_)) => {
                return Err(Broken::Frame("the trailer is signed, and the chunks are not"));
            }
            (Signatures::Absent | Signatures::Unchecked, _) => {}
            (Signatures::Checked(_), None) => return Err(Broken::Frame("the trailer is not signed")),
            (Signatures::Checked(chain), Some((_, signature))) => {
                let facts = hex(digest::sha256(format!("{}:{given}\n", checksum.header())));
                chain.check("AWS4-HMAC-SHA256-TRAILER", &facts, &signature)?;
            }
        }
        let computed = base64(running.finish());
        if given == computed { Ok(()) } else { Err(Broken::Checksum { checksum, given, computed }) }
    }
}

/// What hashes a chunk, where its signature is checked.
fn hasher(signatures: &Signatures) -> Option<sha2::Sha256> {
    matches!(signatures, Signatures::Checked(_)).then(sha2::Sha256::default)
}

/// Hexadecimal digits only: no sign, no blanks.
fn parse_size(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "4\r\ntail\r\n";
    const CRC32: Option<Checksum> = Some(Checksum::Crc32);

    fn framing(decoded_length: u64, signatures: Signatures, trailer: Option<Checksum>) -> Framing {
        Framing { decoded_length, signatures, trailer }
    }

    /// What is inside, if all of it is right however it is cut in two.
    fn decode(framing: &Framing, body: &[u8]) -> Result<Vec<u8>, Broken> {
        let decode = |pieces: &[&[u8]]| {
            let (mut decoder, mut out) = (Decoder::new(framing), Vec::new());
            pieces.iter().try_for_each(|piece| decoder.feed(Bytes::copy_from_slice(piece), &mut out))?;
            decoder.finish().map(|()| out.concat())
        };
        let whole = decode(&[body]);
        for at in 0..body.len() {
            assert_eq!(decode(&[&body[..at], &body[at..]]), whole, "cut at {at}");
        }
        assert_eq!(decode(&body.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
        whole
    }

    #[test]
    fn the_frame_is_taken_off() {
        let plain = framing(4, Signatures::Absent, None);
        assert_eq!(decode(&plain, b"4\r\ntail\r\n0\r\n\r\n").unwrap(), b"tail");
        assert_eq!(decode(&plain, b"2\r\nta\r\n02\r\nil\r\n000\r\n\r\n").unwrap(), b"tail");
        assert_eq!(decode(&framing(0, Signatures::Absent, None), b"0\r\n\r\n").unwrap(), b"");
        let signed = b"2;chunk-signature=a\r\n\r\n\r\n0;chunk-signature=\r\n\r\n";
        assert_eq!(decode(&framing(2, Signatures::Unchecked, None), signed).unwrap(), b"\r\n");
        let line = "x-amz-checksum-crc32:fDe0XQ==";
        for end in [
            format!("{line}\r\n\r\n"),
            format!("{line}\n\r\n\r\n"),
            "X-Amz-Checksum-CRC32: fDe0XQ==\r\n\r\n".to_owned(),
        ] {
            let body = format!("{TAIL}0\r\n{end}");
            assert_eq!(decode(&framing(4, Signatures::Absent, CRC32), body.as_bytes()).unwrap(), b"tail", "{end:?}");
        }
    }

    #[test]
    fn bytes_share_their_frames_memory() {
        let frame = Bytes::from("4\r\ntail\r\n0\r\n\r\n");
        let mut out = Vec::new();
        Decoder::new(&framing(4, Signatures::Absent, None)).feed(frame.clone(), &mut out).unwrap();
        assert_eq!(out[0].as_ptr(), frame[3..].as_ptr());
    }

    #[test]
    fn broken_frames() {
        let long = "0".repeat(MAX_LINE + 1);
        let frames = [
            ("", Broken::Length),
            ("4\r\nta", Broken::Length),
            ("4\r\ntail", Broken::Length),
            ("4\r\ntail\r\n", Broken::Length),
            ("4\r\ntail\r\n0\r\n", Broken::Length),
            ("4\r\ntail\r\n0\r\n\r", Broken::Length),
            ("3\r\ntai\r\n0\r\n\r\n", Broken::Length),
            ("0\r\n\r\n", Broken::Length),
            ("5\r\ntails\r\n0\r\n\r\n", Broken::Length),
            ("4\r\ntail\r\n1\r\n!\r\n0\r\n\r\n", Broken::Length),
            ("ffffffffffffffff\r\ntail", Broken::Length),
            ("10000000000000000\r\ntail", Broken::Frame("a chunk's size is not hexadecimal")),
            ("\r\ntail", Broken::Frame("a chunk's size is not hexadecimal")),
            ("-4\r\ntail", Broken::Frame("a chunk's size is not hexadecimal")),
            ("0x4\r\ntail", Broken::Frame("a chunk's size is not hexadecimal")),
            ("4 \r\ntail", Broken::Frame("a chunk's size is not hexadecimal")),
            ("4\ntail", Broken::Frame("a line between chunks does not end in CR LF")),
            ("4\r\ntail\n0\r\n\r\n", Broken::Frame("a line between chunks does not end in CR LF")),
            ("4\r\ntails\r\n0\r\n\r\n", Broken::Frame("a chunk is longer than its size")),
            ("4\r\ntail0\r\n\r\n", Broken::Frame("a chunk is longer than its size")),
            ("4\r\ntail\r\n0\r\n\r\n\n", Broken::Frame("a line between chunks does not end in CR LF")),
            ("4\r\ntail\r\n0\r\n\r\n0\r\n", Broken::Frame("something follows the last chunk")),
            ("4;chunk-signature=0\r\ntail", Broken::Frame("a chunk is signed, and the head promises none is")),
            ("4\r\ntail\r\n0\r\na:b\r\n\r\n", Broken::Frame("there is a trailer, and none was promised")),
            ("4\r\ntail\r\n0\r\nab\r\n\r\n", Broken::Frame("a trailer is not of the form name:value")),
            ("4\r\ntail\r\n0\r\na:b\r\na:b\r\na:b\r\n", Broken::Frame("there are more trailers than promised")),
            (&long, Broken::Frame("a line between chunks is too long")),
        ];
        for (body, broken) in frames {
            assert_eq!(decode(&framing(4, Signatures::Absent, None), body.as_bytes()), Err(broken), "{body:?}");
        }
        let body = b"4\r\ntail\r\n0\r\n\xff\r\n";
        let broken = Broken::Frame("a line between chunks is no text");
        assert_eq!(decode(&framing(4, Signatures::Absent, None), body), Err(broken));
        let broken = Broken::Frame("a chunk is not signed");
        assert_eq!(decode(&framing(4, Signatures::Unchecked, None), TAIL.as_bytes()), Err(broken));
    }

    #[test]
    fn broken_trailers() {
        let other = Broken::Frame("the trailer is not the one that was promised");
        let given = "AAAAAA==".to_owned();
        let wrong = Broken::Checksum { checksum: Checksum::Crc32, given, computed: "fDe0XQ==".to_owned() };
        for (trailer, broken) in [
            ("", other.clone()),
            ("x-amz-checksum-crc32c:fDe0XQ==\r\n", other.clone()),
            ("x-amz-checksum-crc32:fDe0XQ==\r\nx-amz-checksum-crc32:fDe0XQ==\r\n", other),
            ("x-amz-checksum-crc32:AAAAAA==\r\n", wrong),
            (
                "x-amz-checksum-crc32:fDe0XQ==\r\nx-amz-trailer-signature:0\r\n",
                Broken::Frame("the trailer is signed, and the chunks are not"),
            ),
        ] {
            let body = format!("{TAIL}0\r\n{trailer}\r\n");
            let decoded = decode(&framing(4, Signatures::Absent, CRC32), body.as_bytes());
            assert_eq!(decoded, Err(broken), "{trailer:?}");
        }
    }

    #[test]
    fn a_chain_does_not_print_its_key() {
        let chain = Chain { access_key: "ak".into(), key: [7; 32], scope: "s".into(), previous: "p".into() };
        assert_eq!(format!("{chain:?}"), r#"Chain { access_key: "ak", .. }"#);
    }

    /// A sequence of numbers that looks random enough: Knuth's MMIX.
    #[test]
    fn no_bytes_break_the_decoder() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let words = ["0", "4", "f", ";chunk-signature=", "\r\n", "\n", "tail", ":", "x-amz-checksum-crc32", "\u{1}"];
        for _ in 0..20_000 {
            let count = random() % 24;
            let body: String = (0..count).map(|_| words[random() as usize % words.len()]).collect();
            let signatures = if random() % 2 == 0 { Signatures::Absent } else { Signatures::Unchecked };
            let framing = framing(random() % 20, signatures, CRC32.filter(|_| random() % 2 == 0));
            let (mut decoder, mut out) = (Decoder::new(&framing), Vec::new());
            let fed = decoder.feed(body.clone().into(), &mut out);
            assert!(decoder.decoded <= framing.decoded_length, "{body:?}");
            if fed.is_ok() && decoder.finish().is_ok() {
                assert_eq!(out.concat().len() as u64, framing.decoded_length, "{body:?}");
            }
        }
    }
}
