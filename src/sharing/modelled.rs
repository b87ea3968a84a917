//! Stand-ins of the same shape, made of shuttle's primitives: each of their steps is one at which a model may change over
//! to another thread. shuttle knows one order of memory only, the strictest.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use shuttle::sync::Condvar;
pub use shuttle::sync::{
    MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize},
};

const SOUND: &str = "a model ends with its first panic";

/// A lock.
#[derive(Debug, Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    /// Waits for it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect(SOUND)
    }
}

/// A lock that readers share.
#[derive(Debug, Default)]
pub struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::RwLock::new(value))
    }

    /// Waits to read.
    pub fn read(&self) -> shuttle::sync::RwLockReadGuard<'_, T> {
        self.0.read().expect(SOUND)
    }

    /// Waits to write.
    pub fn write(&self) -> shuttle::sync::RwLockWriteGuard<'_, T> {
        self.0.write().expect(SOUND)
    }
}

/// Something that is told to everybody who listens. Who listens later does not hear of it.
#[derive(Debug, Default)]
pub struct Event(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    heard: Mutex<Heard>,
    again: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    times: u64,
    wakers: Vec<Waker>,
}

impl Event {
    /// Nothing was told yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens from now on.
    pub fn listen(&self) -> EventListener {
        EventListener { since: self.0.heard.lock().times, told: self.0.clone() }
    }

    /// Tells everybody.
    pub fn notify(&self, listeners: usize) {
        assert_eq!(listeners, usize::MAX, "whoever listens is told");
        let wakers = {
            let mut heard = self.0.heard.lock();
            heard.times += 1;
            std::mem::take(&mut heard.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        self.0.again.notify_all();
    }
}

/// Waits for what an event tells next.
#[derive(Debug)]
pub struct EventListener {
    since: u64,
    told: Arc<Told>,
}

impl Future for EventListener {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut heard = self.told.heard.lock();
        if heard.times > self.since {
            return Poll::Ready(());
        }
        heard.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

/// Waiting in the calling thread.
pub trait Listener {
    /// Waits. A model has no time, so no deadline passes: who is never told is found as a deadlock.
    fn wait_deadline(self, deadline: Instant) -> Option<()>;
}

impl Listener for EventListener {
    fn wait_deadline(self, _: Instant) -> Option<()> {
        let mut heard = self.told.heard.lock();
        while heard.times == self.since {
            heard = self.told.again.wait(heard).expect(SOUND);
        }
        Some(())
    }
}
