//! The one runtime of a process on which its fakes' own work runs, so that a fake can be used from a plain `#[test]`, from
//! any executor, and under a paused clock.

use std::time::Duration;

use once_cell::sync::Lazy;
use tokio::{
    runtime::{Builder, Runtime},
    time::{Sleep, timeout},
};

/// The runtime.
pub static RUNTIME: Lazy<Runtime> = Lazy::new(|| {
    Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4))
        .thread_name("fake-bucket")
        .enable_all()
        .build()
        .expect("the background runtime starts")
});

/// A wait that ends after `limit`, on any executor, whatever its clock.
pub fn sleep(limit: Duration) -> Sleep {
    // A timer belongs to the runtime it is made in.
    let _entered = RUNTIME.enter();
    tokio::time::sleep(limit)
}

/// What comes of `future`, on any executor; none if it takes longer than `limit`.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let timely = {
        let _entered = RUNTIME.enter();
        timeout(limit, future)
    };
    timely.await.ok()
}

/// Does something whether or not anybody waits for it.
pub async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    RUNTIME.spawn(work).await.expect("an exchange does not panic")
}
