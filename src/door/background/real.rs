//! The threads of a process on which its fakes' own work runs, so that a fake can be used from a plain `#[test]`, from
//! any executor, and under a paused clock.
//!
//! Each is a runtime of its own, and a connection stays where it was put. Measured: threads that share their work wake each
//! other for every request, which costs 3.6 us, more than half of what the rest of an exchange does.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use once_cell::sync::Lazy;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::{Sleep, timeout},
};

static WORKERS: Lazy<Vec<Runtime>> = Lazy::new(|| {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("fake-bucket").enable_all();
    (0..threads).map(|_| builder.build().expect("the background runtime starts")).collect()
});

/// One more, for timers that are set and hardly ever run out. A thread that has any sets an alarm whenever it waits for
/// something else, which costs a small exchange 1 % of its time.
#[cfg(feature = "server")]
static TIMERS: Lazy<Runtime> = Lazy::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("fake-bucket-timers").enable_time();
    builder.build().expect("the background runtime starts")
});

/// One of the threads.
pub type Worker = &'static Handle;

/// One of them, by turns.
pub fn worker() -> Worker {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    WORKERS[TURN.fetch_add(1, Relaxed) % WORKERS.len()].handle()
}

/// The thread for timers that hardly ever run out.
#[cfg(feature = "server")]
pub fn timers() -> Worker {
    TIMERS.handle()
}

/// A wait that ends after `limit`, on any executor, whatever its clock.
pub fn sleep(limit: Duration) -> Sleep {
    // A timer belongs to the runtime it is made in.
    let _entered = worker().enter();
    tokio::time::sleep(limit)
}

/// What comes of `future`, on any executor; none if it takes longer than `limit` by the clock of `worker`. A timer of
/// another thread than the one it is awaited on works, but costs more.
pub async fn within<T>(worker: Worker, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let timely = {
        let _entered = worker.enter();
        timeout(limit, future)
    };
    timely.await.ok()
}

/// Does something whether or not anybody waits for it.
pub async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    worker().spawn(work).await.expect("an exchange does not panic")
}
