//! Running an uploader for no longer, and with no more requests, than it may take.

use std::{panic::Location, time::Duration};

use super::laws::Ending;
use crate::{door::background::sleep, fake::Fake};

impl Fake {
    /// Runs an uploader for `limit` of real time at most, and lets it send `max_requests` requests at most. Returns what it
    /// returns.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    ///
    /// let oss = fake_bucket::Fake::oss().start();
    /// let outcome = oss.run_within(Duration::from_secs(30), 10, async { "uploaded" }).await;
    /// assert_eq!(outcome, "uploaded");
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the uploader has not ended by then, or has sent more, with the timeline.
    #[track_caller]
    pub fn run_within<T>(
        &self,
        limit: Duration,
        max_requests: u64,
        uploader: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        let run_at = Location::caller();
        async move {
            let ran = bounded(self, limit, max_requests, uploader).await;
            let sent = self.journal().len() as u64;
            match ran {
                Ok(_) if sent > max_requests => self
                    .fail(&format!("the uploader sent {sent} requests, {max_requests} were allowed (run at {run_at})")),
                Ok(outcome) => outcome,
                Err(ending) => {
                    let bounds = format!("{limit:?} and {max_requests} requests were allowed");
                    self.fail(&format!("the uploader {ending}: {bounds} (run at {run_at})"))
                }
            }
        }
    }
}

/// What comes of an uploader within these bounds; or how it overstepped them.
pub(super) async fn bounded<T>(
    fake: &Fake,
    limit: Duration,
    max_requests: u64,
    uploader: impl Future<Output = T>,
) -> Result<T, Ending> {
    tokio::select! {
        outcome = uploader => Ok(outcome),
        () = sleep(limit) => Err(Ending::TooLong),
        () = fake.more_exchanges_than(max_requests) => Err(Ending::TooMany),
    }
}
