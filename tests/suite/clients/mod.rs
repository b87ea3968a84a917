//! Published clients and signers, unmodified, against the fakes.

mod opendal;
pub mod reqsign;
