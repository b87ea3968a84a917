//! Ways in: no socket, no socket and no signature, the network.

#[cfg(feature = "runtime")]
mod body;
#[cfg(feature = "server")]
mod network;
#[cfg(feature = "tower")]
mod service;

#[cfg(feature = "server")]
pub use network::Network;
#[cfg(feature = "tower")]
pub use service::Service;

use bytes::Bytes;
use http::{Request, Response};

use crate::{
    Fake,
    conformance::{pause::Pause, script::Who},
};

/// A way to have a request answered.
pub trait Door: Sync {
    /// Has it answered.
    ///
    /// # Errors
    /// In words, if there was no answer.
    fn send(&self, who: Who, request: Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>, String>> + Send;

    /// Has it answered, sending the last byte of its body not before the pause is over; unless this is written, nothing is
    /// sent before.
    ///
    /// # Errors
    /// In words, if there was no answer.
    fn send_slowly(
        &self,
        who: Who,
        request: Request<Bytes>,
        pause: Pause,
    ) -> impl Future<Output = Result<Response<Bytes>, String>> + Send {
        async move {
            pause.over().await;
            self.send(who, request).await
        }
    }

    /// Whether requests have to prove who asks.
    fn asks_for_proof(&self) -> bool {
        true
    }

    /// Empties what is behind it, if that is cheap, and says whether it did.
    fn reset(&self) -> bool {
        false
    }
}

/// A fake without a socket: [`Fake::answer`].
#[derive(Clone, Copy, Debug)]
pub struct NoSocket<'f>(pub &'f Fake);

impl Door for NoSocket<'_> {
    async fn send(&self, _: Who, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        Ok(self.0.answer(request))
    }

    fn reset(&self) -> bool {
        self.0.reset();
        true
    }
}

/// A fake without a socket, and without signatures: [`Fake::answer_as`].
#[derive(Clone, Copy, Debug)]
pub struct ActingAs<'f>(pub &'f Fake);

impl Door for ActingAs<'_> {
    async fn send(&self, who: Who, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let name = match who {
            Who::Owner => "owner",
            Who::Writer => "writer",
            Who::Stranger => "stranger",
            Who::Anonymous => "anonymous",
        };
        Ok(self.0.answer_as(name, request))
    }

    fn asks_for_proof(&self) -> bool {
        false
    }

    fn reset(&self) -> bool {
        self.0.reset();
        true
    }
}
