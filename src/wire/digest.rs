//! Digests: MD5 and CRC-64/XZ of a body as it arrives, SHA-256 where a request promises one, and the keyed hashes that
//! signatures are made of.

use bytes::Bytes;
use crc_fast::CrcAlgorithm::{Crc32Iscsi, Crc32IsoHdlc, Crc64Nvme, Crc64Xz};
use hmac::{Hmac, KeyInit, Mac};
use md5::Digest as _;

use super::encode::base64;
use crate::store::Md5;

/// MD5, CRC-64 and, if asked for, SHA-256 of bytes that come in pieces.
pub struct Running {
    md5: md5::Md5,
    crc64: crc_fast::Digest,
    sha256: Option<sha2::Sha256>,
    checksums: Vec<(Checksum, RunningChecksum)>,
}

/// What [`Running`] comes to.
#[derive(Clone, Debug)]
pub struct Digests {
    /// MD5.
    pub md5: Md5,
    /// CRC-64/XZ.
    pub crc64: u64,
    /// SHA-256, if it was asked for.
    pub sha256: Option<[u8; 32]>,
    /// The checksums that were asked for, in base64.
    pub checksums: Vec<(Checksum, String)>,
}

/// Whether SHA-256 is computed too. It costs about as much as MD5, so only where a request promises one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sha256 {
    /// It is.
    Wanted,
    /// It is not.
    #[default]
    Unwanted,
}

impl Running {
    /// Of nothing yet.
    pub fn new(sha256: Sha256) -> Self {
        let sha256 = (sha256 == Sha256::Wanted).then(sha2::Sha256::new);
        Self { md5: md5::Md5::new(), crc64: crc_fast::Digest::new(Crc64Xz), sha256, checksums: Vec::new() }
    }

    /// Computes these checksums too.
    #[must_use]
    pub fn with_checksums(self, wanted: impl Iterator<Item = Checksum>) -> Self {
        Self { checksums: wanted.map(|checksum| (checksum, checksum.start())).collect(), ..self }
    }

    /// Of these bytes too.
    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.crc64.update(bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.checksums.iter_mut().for_each(|(_, running)| running.update(bytes));
    }

    /// The digests of all that came.
    pub fn finish(self) -> Digests {
        Digests {
            md5: self.md5.finalize().into(),
            crc64: self.crc64.finalize(),
            sha256: self.sha256.map(|sha256| sha256.finalize().into()),
            checksums: self.checksums.into_iter().map(|(of, running)| (of, base64(running.finish()))).collect(),
        }
    }
}

/// The checksums that S3's clients send along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// CRC-32, as gzip has it.
    Crc32,
    /// CRC-32C, as iSCSI has it.
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Checksum {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The header or trailer it comes in, in base64.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The one that comes in a header or trailer of that name.
    pub fn named(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|checksum| checksum.header().eq_ignore_ascii_case(header))
    }

    /// The number of its bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Of nothing yet.
    pub fn start(self) -> RunningChecksum {
        match self {
            Self::Crc32 => RunningChecksum::Crc(crc_fast::Digest::new(Crc32IsoHdlc), 4),
            Self::Crc32c => RunningChecksum::Crc(crc_fast::Digest::new(Crc32Iscsi), 4),
            Self::Crc64Nvme => RunningChecksum::Crc(crc_fast::Digest::new(Crc64Nvme), 8),
            Self::Sha1 => RunningChecksum::Sha1(sha1::Sha1::new()),
            Self::Sha256 => RunningChecksum::Sha256(sha2::Sha256::new()),
        }
    }
}

/// A [`Checksum`] of bytes that come in pieces.
pub enum RunningChecksum {
    /// A CRC of so many bytes.
    Crc(crc_fast::Digest, usize),
    /// SHA-1.
    Sha1(sha1::Sha1),
    /// SHA-256.
    Sha256(sha2::Sha256),
}

impl RunningChecksum {
    /// Of these bytes too.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(crc, _) => crc.update(bytes),
            Self::Sha1(sha1) => sha1.update(bytes),
            Self::Sha256(sha256) => sha256.update(bytes),
        }
    }

    /// The checksum of all that came, most significant byte first.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(crc, len) => crc.finalize().to_be_bytes()[8 - len..].to_vec(),
            Self::Sha1(sha1) => sha1.finalize().to_vec(),
            Self::Sha256(sha256) => sha256.finalize().to_vec(),
        }
    }
}

/// MD5 and CRC-64 of bytes that are all there.
pub fn of_frames(frames: &[Bytes]) -> Digests {
    let mut running = Running::new(Sha256::Unwanted);
    frames.iter().for_each(|frame| running.update(frame));
    running.finish()
}

/// The CRC-64/XZ of pieces laid end to end, from each one's CRC and length.
pub fn combine_crc64(pieces: &mut dyn Iterator<Item = (u64, u64)>) -> u64 {
    let Some((first, _)) = pieces.next() else { return 0 };
    pieces.fold(first, |crc, (next, len)| crc_fast::checksum_combine(Crc64Xz, crc, next, len))
}

/// MD5.
pub fn md5(bytes: impl AsRef<[u8]>) -> Md5 {
    md5::Md5::digest(bytes).into()
}

/// SHA-1.
pub fn sha1(bytes: impl AsRef<[u8]>) -> [u8; 20] {
    sha1::Sha1::digest(bytes).into()
}

/// SHA-256.
pub fn sha256(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// HMAC-SHA1.
pub fn hmac_sha1(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> [u8; 20] {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length");
    mac.update(message.as_ref());
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256.
pub fn hmac_sha256(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> [u8; 32] {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length");
    mac.update(message.as_ref());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc64_is_xz() {
        let crc = |text: &'static str| of_frames(&[Bytes::from_static(text.as_bytes())]).crc64;
        assert_eq!(crc("123456789"), 11_051_210_869_376_104_954);
        assert_eq!(crc(""), 0);
        assert_eq!(crc("tail"), 1_564_134_088_860_173_973);
    }

    /// The check values of the catalogue of CRCs, <https://reveng.sourceforge.io/crc-catalogue/>.
    #[test]
    fn checksums_of_s3() {
        for (checksum, check) in [
            (Checksum::Crc32, "cbf43926"),
            (Checksum::Crc32c, "e3069283"),
            (Checksum::Crc64Nvme, "ae8b14860a799888"),
            (Checksum::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Checksum::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let mut running = checksum.start();
            running.update(b"12345");
            running.update(b"6789");
            assert_eq!(crate::wire::encode::hex(running.finish()), check, "{checksum:?}");
            assert_eq!(check.len(), 2 * checksum.size());
            assert_eq!(Checksum::named(&checksum.header().to_uppercase()), Some(checksum));
        }
        assert_eq!(Checksum::named("x-amz-checksum-md5"), None);
    }

    #[test]
    fn crc64_of_pieces_combines() {
        let a = Bytes::from(vec![b'a'; 102_400]);
        let parts =
            [(of_frames(std::slice::from_ref(&a)).crc64, 102_400), (of_frames(&[Bytes::from("tail")]).crc64, 4)];
        assert_eq!(combine_crc64(&mut parts.into_iter()), 16_096_605_928_267_898_049);
        assert_eq!(of_frames(&[a, Bytes::from("tail")]).crc64, 16_096_605_928_267_898_049);
        assert_eq!(combine_crc64(&mut std::iter::empty()), 0);
    }
}
