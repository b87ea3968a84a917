//! In-memory fakes of Tencent COS, Alibaba OSS and Huawei OBS for testing multipart uploads.

#![forbid(unsafe_code)]

mod dialect;
mod door;
mod exchange;
mod expect;
mod fake;
mod snapshot;
mod store;
mod timeline;
mod wait;
mod wire;

pub use dialect::Provider;
pub use exchange::{Retention, gate::At, select::Select};
pub use expect::UploadCheck;
pub use fake::{Credentials, Fake, FakeBuilder};
pub use snapshot::{ExchangeEnd, ExchangeRecord, ObjectRecord, PartRecord, Snapshot, UploadRecord, UploadStatus};
pub use store::{AbortRight, Action, Gaps, Grants, LateParts, Op, PartNumber};
pub use timeline::Timeline;
pub use wait::{Gate, Held};
