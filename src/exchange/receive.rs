//! A body on its way in: taken out of its frame if it has one, digested as it comes, kept as it came.

use bytes::Bytes;

use super::{Core, Retention};
use crate::{
    dialect::{BodyAsked, BodyKind, reading::MAX_DOCUMENT},
    store::{Content, Mismatch, Refusal},
    wire::{
        aws_chunked::{Broken, Decoder},
        digest::{self, Digests},
        head::Head,
    },
};

/// A body that has arrived.
#[derive(Debug)]
pub struct Received {
    /// Its bytes, or their number.
    pub content: Content,
    /// Their digests; none if nobody asks for them.
    pub digests: Option<Digests>,
}

/// Gathers a body as it comes: digests what arrives, keeps what is to be kept.
pub struct Receiving {
    kind: BodyKind,
    retention: Retention,
    running: Option<Box<digest::Running>>,
    frames: Vec<Bytes>,
    filling: Vec<u8>,
    declared: Option<u64>,
    len: u64,
    limit: u64,
    frame: Option<Box<Decoder>>,
}

/// Bytes a door reads at once, at most. Measured: buffers this small are filled by a client that keeps up, so that its
/// frames need not be copied, and are read into faster than larger ones.
pub const READ_BUFFER: usize = 128 << 10;

/// Frames of this many bytes are kept as they came. Smaller ones would pin more of the buffer they were read into than
/// they use; they are copied together.
const FULL_FRAME: usize = READ_BUFFER / 50 * 49;

/// Bytes of smaller frames that are copied into one piece of memory, at most.
const COPIED: usize = 1 << 20;

impl Receiving {
    /// Nothing has come yet.
    pub fn new(asked: &BodyAsked, core: &Core, head: &Head) -> Self {
        let (retention, limit) = match asked.kind {
            BodyKind::Kept | BodyKind::Appended => (core.retention, core.rules.max_part_size),
            BodyKind::Document => (Retention::Bytes, MAX_DOCUMENT as u64),
            BodyKind::Ignored => (Retention::Digest, u64::MAX),
        };
        Self {
            kind: asked.kind,
            retention,
            running: asked.digests_wanted().then(|| Box::new(running(asked))),
            frames: Vec::new(),
            filling: Vec::new(),
            declared: asked.framing.as_ref().map(|framing| framing.decoded_length).or(head.content_length()),
            len: 0,
            limit,
            frame: asked.framing.as_ref().map(|framing| Box::new(Decoder::new(framing))),
        }
    }

    /// Some more.
    pub fn push(&mut self, frame: Bytes) -> Result<(), Refusal> {
        let Some(decoder) = &mut self.frame else { return self.take(&frame, frame.len() >= FULL_FRAME) };
        let (mut pieces, full) = (Vec::new(), frame.len() >= FULL_FRAME);
        decoder.feed(frame, &mut pieces).map_err(refusal)?;
        // What was read at once is kept or copied at once: pieces of one buffer pin it but once.
        let full = full && pieces.iter().map(Bytes::len).sum::<usize>() >= FULL_FRAME;
        pieces.iter().try_for_each(|piece| self.take(piece, full))
    }

    fn take(&mut self, frame: &Bytes, full: bool) -> Result<(), Refusal> {
        if self.len + frame.len() as u64 > self.limit {
            return Err(match self.kind {
                BodyKind::Document => Refusal::XmlTooLong,
                BodyKind::Appended => Refusal::AppendTooLarge { size: self.len + frame.len() as u64, max: self.limit },
                _ => Refusal::TooLarge { size: self.len + frame.len() as u64, max: self.limit },
            });
        }
        if let Some(running) = &mut self.running {
            running.update(frame);
        }
        match self.retention {
            Retention::Digest => self.len += frame.len() as u64,
            Retention::Bytes if full => {
                self.settle();
                self.len += frame.len() as u64;
                self.frames.push(frame.clone());
            }
            Retention::Bytes => self.copy(frame),
        }
        Ok(())
    }

    fn copy(&mut self, mut frame: &[u8]) {
        while !frame.is_empty() {
            if self.filling.len() == COPIED {
                self.settle();
            }
            if self.filling.is_empty() {
                let coming = self.declared.map_or(0, |declared| declared.saturating_sub(self.len));
                self.filling.reserve_exact(coming.min(COPIED as u64) as usize);
            }
            let (fitting, rest) = frame.split_at(frame.len().min(COPIED - self.filling.len()));
            self.filling.extend_from_slice(fitting);
            self.len += fitting.len() as u64;
            frame = rest;
        }
    }

    /// That was all.
    pub fn finish(mut self) -> Result<Received, Refusal> {
        if let Some(decoder) = self.frame.take() {
            decoder.finish().map_err(refusal)?;
        }
        self.settle();
        let content = match self.retention {
            Retention::Bytes => Content::kept(self.frames),
            Retention::Digest => Content::counted(self.len),
        };
        Ok(Received { content, digests: self.running.map(|running| running.finish()) })
    }

    fn settle(&mut self) {
        if !self.filling.is_empty() {
            self.frames.push(std::mem::take(&mut self.filling).into_boxed_slice().into());
        }
    }
}

/// What computes the digests that a body is compared by.
fn running(asked: &BodyAsked) -> digest::Running {
    let checksums = asked.checksums.iter().map(|(checksum, _)| *checksum);
    digest::Running::new(asked.sha256_wanted()).with_checksums(checksums)
}

fn refusal(broken: Broken) -> Refusal {
    match broken {
        Broken::Frame(why) => Refusal::BrokenFrame { why },
        Broken::Length => Refusal::IncompleteBody,
        Broken::Signature { access_key, provided, string_to_sign } => {
            let facts = Mismatch { access_key, provided, string_to_sign, canonical: None };
            Refusal::SignatureMismatch { facts: Box::new(facts) }
        }
        Broken::Checksum { checksum, given, computed } => {
            Refusal::ChecksumMismatch { header: checksum.header(), given, computed }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::aws_chunked::{Framing, Signatures};

    fn receiving(declared: Option<u64>, frame: Option<Decoder>) -> Receiving {
        Receiving {
            kind: BodyKind::Kept,
            retention: Retention::Bytes,
            running: Some(Box::new(digest::Running::new(digest::Sha256::Unwanted))),
            frames: Vec::new(),
            filling: Vec::new(),
            declared,
            len: 0,
            limit: u64::MAX,
            frame: frame.map(Box::new),
        }
    }

    fn receive(frames: &[Bytes], declared: Option<u64>) -> Content {
        let mut receiving = receiving(declared, None);
        for frame in frames {
            receiving.push(frame.clone()).unwrap();
        }
        let Received { content, digests } = receiving.finish().unwrap();
        assert_eq!(digests.unwrap().md5, digest::md5(frames.concat()));
        content
    }

    #[test]
    fn bodies_are_kept_whole_however_they_come() {
        let small = Bytes::from(vec![1; 16]);
        let half = Bytes::from(vec![2; READ_BUFFER / 2]);
        let full = Bytes::from(vec![3; READ_BUFFER]);
        let mixed = [&small, &full, &half, &half, &small, &full, &full, &half].map(Bytes::clone);
        let many = vec![half; 40];
        for (name, frames) in [("small", vec![small]), ("mixed", mixed.to_vec()), ("many", many), ("none", vec![])] {
            let whole = frames.concat();
            for declared in [None, Some(0), Some(whole.len() as u64), Some(u64::MAX)] {
                let content = receive(&frames, declared);
                assert_eq!(content.len(), whole.len() as u64, "{name} {declared:?}");
                assert_eq!(content.frames().unwrap().concat(), whole, "{name} {declared:?}");
            }
        }
    }

    #[test]
    fn what_is_taken_out_of_a_frame_is_not_copied_either() {
        let chunk = 64 << 10;
        let framed = format!("{chunk:x}\r\n{}\r\n", "x".repeat(chunk));
        let body = Bytes::from(framed.repeat(2) + "1\r\ny\r\n0\r\n\r\n");
        let framing = Framing { decoded_length: 2 * chunk as u64 + 1, signatures: Signatures::Absent, trailer: None };
        let mut receiving = receiving(None, Some(Decoder::new(&framing)));
        receiving.push(body.clone()).unwrap();
        let content = receiving.finish().unwrap().content;
        let [first, second, small] = content.frames().unwrap() else { panic!("{content:?}") };
        assert_eq!((first.as_ptr(), second.len(), &small[..]), (body[7..].as_ptr(), chunk, &b"y"[..]));
    }

    #[test]
    fn what_fills_its_buffer_is_not_copied() {
        let (small, full) = (Bytes::from(vec![1; 16]), Bytes::from(vec![3; READ_BUFFER]));
        let content = receive(&[small.clone(), small.clone(), full.clone(), small], None);
        let [copied, kept, rest] = content.frames().unwrap() else { panic!("{content:?}") };
        assert_eq!((copied.len(), kept.as_ptr(), rest.len()), (32, full.as_ptr(), 16));
    }
}
