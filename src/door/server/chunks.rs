//! Finds the end of a body in chunks, without decoding it.
//!
//! hyper decodes the body. The end is needed here because the next request begins behind it, and its head is judged before
//! hyper reads it. Both accept the same bytes: a body that is [`Step::Broken`] here is an error in hyper's decoder, after which
//! hyper reads no further request from the connection.
//!
//! # Source
//! RFC 9112, "HTTP/1.1", section 7.1, <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>.

/// The place in a chunked body that the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The first digit of a chunk's size.
    FirstDigit,
    /// Further digits.
    Digits,
    /// White space behind the digits.
    Blank,
    /// A chunk extension.
    Extension,
    /// The line feed behind a chunk's size.
    SizeEnd,
    /// The chunk's data.
    Data,
    /// The carriage return behind the data.
    DataReturn,
    /// The line feed behind the data.
    DataEnd,
    /// The start of a line behind the last chunk: a trailer field, or the empty line that ends the body.
    LineStart,
    /// Within a trailer field.
    Trailer,
    /// The line feed behind a trailer field.
    TrailerEnd,
    /// The line feed of the empty line.
    LastEnd,
}

/// A scanner over a chunked body.
#[derive(Debug)]
pub struct Chunks {
    place: Place,
    /// The size read so far, then the bytes of data still to come.
    left: u64,
}

/// Where the scanned bytes have led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All bytes belong to the body, which goes on.
    Within,
    /// The body ended behind this many bytes.
    Ended(usize),
    /// The bytes are no chunked body.
    Broken,
}

impl Chunks {
    /// A scanner at the start of a body.
    pub fn new() -> Self {
        Self { place: Place::FirstDigit, left: 0 }
    }

    /// Scans the next bytes.
    pub fn scan(&mut self, bytes: &[u8]) -> Step {
        let mut at = 0;
        while at < bytes.len() {
            if self.place == Place::Data {
                let data = self.left.min((bytes.len() - at) as u64);
                self.left -= data;
                at += data as usize;
                if self.left == 0 {
                    self.place = Place::DataReturn;
                }
                continue;
            }
            let byte = bytes[at];
            at += 1;
            if self.place == Place::LastEnd {
                return if byte == b'\n' { Step::Ended(at) } else { Step::Broken };
            }
            match self.next(byte) {
                Some(place) => self.place = place,
                None => return Step::Broken,
            }
        }
        Step::Within
    }

    /// The place behind a byte that is not data; `None` if the byte may not stand there.
    fn next(&mut self, byte: u8) -> Option<Place> {
        Some(match (self.place, byte) {
            (Place::FirstDigit | Place::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                self.left = self.left.checked_mul(16)?.checked_add(digit.into())?;
                Place::Digits
            }
            (Place::Digits | Place::Blank, b' ' | b'\t') => Place::Blank,
            (Place::Digits | Place::Blank, b';') => Place::Extension,
            (Place::Digits | Place::Blank | Place::Extension, b'\r') => Place::SizeEnd,
            (Place::Extension, b'\n') => return None,
            (Place::Extension, _) => Place::Extension,
            (Place::SizeEnd, b'\n') if self.left == 0 => Place::LineStart,
            (Place::SizeEnd, b'\n') => Place::Data,
            (Place::DataReturn, b'\r') => Place::DataEnd,
            (Place::DataEnd, b'\n') => Place::FirstDigit,
            (Place::LineStart, b'\r') => Place::LastEnd,
            (Place::Trailer, b'\r') => Place::TrailerEnd,
            (Place::LineStart | Place::Trailer, _) => Place::Trailer,
            (Place::TrailerEnd, b'\n') => Place::LineStart,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of scanning `bytes` in two pieces.
    fn scan_in_two(bytes: &[u8], cut: usize) -> Step {
        let mut chunks = Chunks::new();
        match chunks.scan(&bytes[..cut]) {
            Step::Within => match chunks.scan(&bytes[cut..]) {
                Step::Ended(at) => Step::Ended(cut + at),
                step => step,
            },
            step => step,
        }
    }

    #[test]
    fn the_end_is_found_however_the_body_is_cut() {
        for (body, step) in [
            ("5\r\nhello\r\n0\r\n\r\n", Step::Ended(15)),
            ("0\r\n\r\nGET / HTTP/1.1\r\n\r\n", Step::Ended(5)),
            ("A \t;x=\"1\"\r\n0123456789\r\n00;y\r\nx-trailer: 1\r\ny: 2\r\n\r\nrest", Step::Ended(51)),
            ("5\r\nhel", Step::Within),
            ("5\r\nhello0\r\n\r\n", Step::Broken),
            ("5\nhello\r\n0\r\n\r\n", Step::Broken),
            ("x\r\n", Step::Broken),
            ("5 5\r\n", Step::Broken),
            ("1;a\nb\r\n", Step::Broken),
            ("10000000000000000\r\n", Step::Broken),
            ("0\r\n\rx", Step::Broken),
        ] {
            for cut in 0..=body.len() {
                assert_eq!(scan_in_two(body.as_bytes(), cut), step, "{body:?} at {cut}");
            }
        }
    }
}
