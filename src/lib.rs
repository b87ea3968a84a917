//! In-memory fakes of Tencent COS, Alibaba OSS and Huawei OBS for testing multipart uploads, and above all how they are
//! given up.
//!
//! A [`Fake`] runs inside the test process, answers unmodified clients as the provider would, with signatures checked, and
//! remembers everything. A test starts one, runs its real uploader against it, holds an exchange at an exact point with a
//! gate ([`Fake::hold`]), and asserts what is left ([`Fake::upload`], [`Fake::assert_no_leaks`]).
//!
//! ```
//! # #[cfg(feature = "server")] {
//! use std::io::{Read, Write};
//!
//! use fake_bucket::Fake;
//!
//! let oss = Fake::oss().trusting().start();
//! let mut client = std::net::TcpStream::connect(oss.socket_address()).unwrap();
//! write!(client, "DELETE /examplebucket/video.mp4?uploadId=unknown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
//! let mut reply = String::new();
//! client.read_to_string(&mut reply).unwrap();
//!
//! assert!(reply.starts_with("HTTP/1.1 404 Not Found"));
//! assert!(reply.contains("<Code>NoSuchUpload</Code>"));
//! oss.assert_no_leaks();
//! println!("{}", oss.timeline());
//! # }
//! ```
//!
//! The house is built in floors; a module uses its own and those below, listed here bottom up.

#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "server"), allow(dead_code))] // Without sockets much has no use: gates, slow bodies, connections.

mod closest;
#[cfg(feature = "conformance")]
pub mod conformance;
mod dialect;
mod door;
mod exchange;
mod expect;
mod fake;
mod interfere;
#[cfg(all(test, shuttle))]
mod models;
mod sharing;
mod snapshot;
mod store;
#[cfg(feature = "server")]
pub mod sweep;
mod timeline;
mod wait;
mod wire;

pub use dialect::Provider;
#[cfg(feature = "wiremock")]
pub use door::wiremock::FakeResponder;
#[cfg(feature = "tower")]
pub use door::{
    conduct::{NoReply, ReplyBody},
    service::{Answering, FakeService},
};
pub use exchange::{
    Retention,
    failure::Failure,
    fault::{Fault, Until},
    gate::At,
    select::{Candidate, Select},
};
pub use expect::{ObjectCheck, UploadCheck};
#[cfg(feature = "server")]
pub use fake::Outage;
pub use fake::{Credentials, Fake, FakeBuilder};
pub use interfere::InstalledFault;
pub use snapshot::{
    AbortCause, BucketSettings, ExchangeEnd, ExchangeRecord, ObjectRecord, PartRecord, Snapshot, UploadRecord,
    UploadStatus,
};
pub use store::{AbortRight, Action, Gaps, Grants, LateParts, Op, PartNumber};
#[cfg(feature = "server")]
pub use sweep::Sweep;
pub use timeline::Timeline;
pub use wait::{Gate, Held};

/// Compiles and runs the examples of the README and of the guides.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/clients.md")]
    struct Clients;
    #[doc = include_str!("../docs/conformance.md")]
    struct Conformance;
}
