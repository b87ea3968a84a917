//! Objects of text that OSS compresses on their way to a client that accepts gzip.
//!
//! The fake sends a gzip stream whose blocks are stored, not compressed: it is valid, decodes to the object, and needs no
//! compressor, which would be one more dependency of every user of this crate. What a test can notice of the service is all
//! there: `Content-Encoding: gzip`, chunks, and neither `ETag` nor `Content-Length` nor `Accept-Ranges`. Its number of bytes
//! is larger than the object's instead of smaller.
//!
//! # Source
//! "How do I compress objects that I download from OSS in the GZIP format?",
//! <https://www.alibabacloud.com/help/faq-detail/39645.html> (read 2026-11-21). Doubt: what a range asks of such an object (here
//! it is not compressed), and an object that has a `Content-Encoding` of its own (nor is that).

use std::collections::VecDeque;

use bytes::Bytes;
use http::HeaderName;

use crate::{
    store::{Object, Span},
    wire::{digest::Checksum, head::Head, reply::Reply},
};

/// Bytes that an object has at least to be compressed.
const MIN_SIZE: u64 = 1 << 10;

/// Content types of objects that are compressed.
const TYPES: [&str; 10] = [
    "application/javascript",
    "application/json",
    "application/rss+xml",
    "application/x-javascript",
    "text/cache-manifest",
    "text/css",
    "text/html",
    "text/json",
    "text/plain",
    "text/xml",
];

/// Whether the reply with an object is to be compressed.
pub(super) fn is_asked(head: &Head, object: &Object, span: Span, reply: &Reply) -> bool {
    let text = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
    let media = text("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    span == Span::Whole
        && object.size >= MIN_SIZE
        && accepts_gzip(&head.joined("accept-encoding"))
        && TYPES.iter().any(|known| known.eq_ignore_ascii_case(media))
        && text("content-encoding").is_none()
}

fn accepts_gzip(codings: &str) -> bool {
    codings.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The same reply, compressed; one to a `HEAD` has no body to compress.
pub(super) fn compressed(mut reply: Reply) -> Reply {
    for name in ["accept-ranges", "content-length", "etag"] {
        reply.headers.remove(name);
    }
    if !reply.body.is_empty() {
        reply.body = gzip(&reply.body);
    }
    reply.with(HeaderName::from_static("content-encoding"), "gzip").with("vary", "Accept-Encoding")
}

/// The head of a gzip stream: deflated, no name, no time, from an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Bytes a stored block may have.
const MAX_BLOCK: usize = 0xffff;

/// A gzip stream of these frames, in stored blocks that share their memory (RFC 1951 section 3.2.4, RFC 1952).
fn gzip(frames: &VecDeque<Bytes>) -> VecDeque<Bytes> {
    let mut stream = VecDeque::from([Bytes::from_static(&HEAD)]);
    let (mut checksum, mut size) = (Checksum::Crc32.start(), 0_usize);
    for frame in frames {
        checksum.update(frame);
        size += frame.len();
        let mut rest = frame.clone();
        while !rest.is_empty() {
            let block = rest.split_to(rest.len().min(MAX_BLOCK));
            let length = block.len() as u16;
            let [low, high] = length.to_le_bytes();
            let [not_low, not_high] = (!length).to_le_bytes();
            stream.push_back(Bytes::copy_from_slice(&[0, low, high, not_low, not_high]));
            stream.push_back(block);
        }
    }
    // An empty last block, and the trailer: checksum and size, least significant byte first.
    let mut end = vec![1, 0, 0, 0xff, 0xff];
    end.extend(checksum.finish().iter().rev());
    end.extend((size as u32).to_le_bytes());
    stream.push_back(end.into());
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_accepts_gzip_unless_it_says_otherwise() {
        for codings in ["gzip", "deflate, GZIP;q=0.5", "gzip , br"] {
            assert!(accepts_gzip(codings), "{codings}");
        }
        for codings in ["", "identity", "gzip;q=0", "gzip; q=0.0", "x-gzip2", "*"] {
            assert!(!accepts_gzip(codings), "{codings}");
        }
    }

    /// The stream of `123456789`, byte by byte: its CRC-32 is the check value of that algorithm, 0xcbf43926.
    #[test]
    fn the_stream_is_what_the_rfcs_say() {
        let frames = VecDeque::from([Bytes::from_static(b"12345"), Bytes::from_static(b"6789")]);
        let stream: Vec<u8> = gzip(&frames).into_iter().flatten().collect();
        let blocks = b"\x00\x05\x00\xfa\xff12345\x00\x04\x00\xfb\xff6789\x01\x00\x00\xff\xff".as_slice();
        let trailer = [0x26, 0x39, 0xf4, 0xcb, 9, 0, 0, 0].as_slice();
        assert_eq!(stream, [&HEAD, blocks, trailer].concat());
        let long = VecDeque::from([Bytes::from(vec![7; MAX_BLOCK + 1])]);
        assert_eq!(gzip(&long).iter().map(Bytes::len).collect::<Vec<_>>(), [10, 5, MAX_BLOCK, 5, 1, 13]);
    }
}
