//! What a sweep makes go wrong with a request.

use std::fmt;

use super::scene::Request;
use crate::{
    exchange::{failure::Failure, fault::Fault},
    store::Op,
};

/// A fault, and whether it passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    pub(super) fault: Fault,
    pub(super) lasting: bool,
}

impl Trouble {
    /// It spoils the request once; a retry passes.
    pub fn once(fault: Fault) -> Self {
        Self { fault, lasting: false }
    }

    /// It spoils the request and every retry of it.
    pub fn lasting(fault: Fault) -> Self {
        Self { fault, lasting: true }
    }

    /// What a sweep tries unless a test says otherwise: the provider's errors 500 and 503, once and for good; 404 and
    /// 403 out of nowhere; the connection lost before the effect, after it, amid the body and amid the reply; and an
    /// error inside a 200, where there is such a thing.
    pub fn usual() -> Vec<Self> {
        vec![
            Self::once(Fault::Refuse(Failure::InternalError)),
            Self::once(Fault::Refuse(Failure::ServiceUnavailable)),
            Self::lasting(Fault::Refuse(Failure::ServiceUnavailable)),
            Self::once(Fault::Refuse(Failure::NoSuchUpload)),
            Self::lasting(Fault::Refuse(Failure::AccessDenied)),
            Self::once(Fault::CutBefore),
            Self::lasting(Fault::CutBefore),
            Self::once(Fault::LoseReply),
            Self::once(Fault::CutBody(1)),
            Self::once(Fault::CutReply(1)),
            Self::once(Fault::LateError(Failure::InternalError)),
        ]
    }

    /// Whether there is any sense in it for such a request: whether it can happen, and whether an uploader can do
    /// anything about it. None can abort where aborts never pass, or are answered as if there were nothing to abort.
    pub(super) fn suits(&self, request: &Request) -> bool {
        match &self.fault {
            _ if self.lasting && request.op == Op::Abort => false,
            Fault::Refuse(Failure::NoSuchUpload) => request.names_upload && request.op != Op::Abort,
            Fault::CutBody(bytes) => request.received > *bytes,
            Fault::CutReply(_) => request.op != Op::UploadPart && request.op != Op::Abort,
            Fault::LateError(_) => matches!(request.op, Op::Complete | Op::CopyObject | Op::UploadPartCopy),
            _ => true,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Fault::Refuse(failure) => write!(f, "{failure:?}")?,
            Fault::CutBefore => f.write_str("cut before")?,
            Fault::LoseReply => f.write_str("reply lost")?,
            Fault::CutBody(bytes) => write!(f, "body cut at {bytes}")?,
            Fault::CutReply(bytes) => write!(f, "reply cut at {bytes}")?,
            Fault::LateError(failure) => write!(f, "200 with {failure:?}")?,
            other => write!(f, "{other:?}")?,
        }
        f.write_str(if self.lasting { ", always" } else { "" })
    }
}
