//! Percent-encoding (RFC 3986), base64 (RFC 4648) and hex.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const RESERVED_BUT_SLASH: &AsciiSet = &RESERVED.remove(b'/');

/// Escapes all but `A-Z a-z 0-9 - _ . ~`, with upper-case hex.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// As [`escape`], but keeps `/`.
pub fn escape_path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED_BUT_SLASH).to_string()
}

/// Decodes percent escapes once. A plus stays a plus. None if an escape is broken or the result is not UTF-8.
pub fn unescape(text: &str) -> Option<String> {
    unescaped(text).map(Cow::into_owned)
}

/// As [`unescape`], but text without escapes is not copied.
pub fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'%' && !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok()
}

/// Base64 with padding.
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    // Nearly every reply has a digest in it, and glibc is slow to hand out memory that is zeroed.
    let mut digits = [0; 64];
    match STANDARD.encode_slice(bytes, &mut digits) {
        Ok(len) => String::from_utf8_lossy(&digits[..len]).into_owned(),
        Err(_) => STANDARD.encode(bytes),
    }
}

/// Bytes of base64 with padding.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Lower-case hex.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    digits(bytes.as_ref(), b"0123456789abcdef")
}

/// Upper-case hex.
pub fn hex_upper(bytes: impl AsRef<[u8]>) -> String {
    digits(bytes.as_ref(), b"0123456789ABCDEF")
}

/// Adds a number in lower-case hex, with zeros before it until there are `width` digits.
pub fn push_hex(text: &mut String, number: u64, width: u32) {
    let needed = (u64::BITS - number.leading_zeros()).div_ceil(4);
    for place in (0..needed.max(width)).rev() {
        let digit = number.checked_shr(4 * place).unwrap_or(0) & 15;
        text.push(char::from(b"0123456789abcdef"[digit as usize]));
    }
}

fn digits(bytes: &[u8], alphabet: &[u8; 16]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for bytes in bytes.chunks(32) {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| alphabet[usize::from(digit)]));
        }
        text.push_str(str::from_utf8(&digits[..2 * bytes.len()]).expect("digits are ASCII"));
    }
    text
}

/// Exactly `N` bytes from hex of either case.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_back() {
        let text = "dir a/é+1(*)~.bin%";
        assert_eq!(escape(text), "dir%20a%2F%C3%A9%2B1%28%2A%29~.bin%25");
        assert_eq!(escape_path(text), "dir%20a/%C3%A9%2B1%28%2A%29~.bin%25");
        assert_eq!(unescape(&escape(text)).as_deref(), Some(text));
        assert_eq!(unescape("a+b").as_deref(), Some("a+b"));
        for broken in ["%", "%4", "%zz", "%ff", "a%2"] {
            assert_eq!(unescape(broken), None, "{broken}");
        }
    }

    #[test]
    fn numbers_are_as_wide_as_they_are_asked_to_be() {
        for (number, width) in [(0, 1), (0xaf, 1), (0xaf, 8), (u64::MAX, 1), (1, 20)] {
            let mut text = String::from("_");
            push_hex(&mut text, number, width);
            assert_eq!(text, format!("_{number:0width$x}", width = width as usize));
        }
    }

    #[test]
    fn hex_and_back() {
        assert_eq!(hex([0, 0xaf]), "00af");
        assert_eq!(hex_upper([0, 0xaf]), "00AF");
        assert_eq!(unhex::<2>("00aF"), Some([0, 0xaf]));
        assert_eq!(unhex::<2>("00a"), None);
        assert_eq!(unhex::<1>("+1"), None);
    }
}
