//! A stand-in for models, which have tasks and no time: what waits for a limit waits for ever.

use std::time::Duration;

/// There are no threads to choose from.
pub type Worker = ();

/// The one there is.
pub fn worker() -> Worker {}

/// For ever.
pub async fn sleep(_: Duration) {
    std::future::pending().await
}

/// What comes of `future`.
pub async fn within<T>(_: Worker, _: Duration, future: impl Future<Output = T>) -> Option<T> {
    Some(future.await)
}

/// A task of its own.
pub async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    shuttle::future::spawn(work).await.expect("an exchange does not panic")
}
