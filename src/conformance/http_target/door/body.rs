//! Bodies: to send, at once or slowly, and to receive.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::conformance::pause::Pause;

/// All the bytes of a body.
pub(super) async fn received<B: Body<Data = Bytes>>(body: B) -> Result<Bytes, B::Error> {
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        if let Ok(bytes) = frame?.into_data() {
            whole.extend_from_slice(&bytes);
        }
    }
    Ok(whole.freeze())
}

/// A body in one piece; or in two, with a pause between them.
pub(super) struct Sent {
    pieces: VecDeque<Bytes>,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Sent {
    pub(super) fn whole(bytes: Bytes) -> Self {
        let pieces = Some(bytes).filter(|bytes| !bytes.is_empty()).into_iter().collect();
        Self { pieces, pause: None }
    }

    /// The last byte waits for the pause to be over.
    pub(super) fn slowly(mut bytes: Bytes, pause: Pause) -> Self {
        let last = bytes.split_off(bytes.len().saturating_sub(1));
        Self { pieces: [bytes, last].into(), pause: Some(Box::pin(async move { pause.over().await })) }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces.len() == 1
            && let Some(pause) = &mut self.pause
        {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(self.pieces.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.pieces.iter().map(|bytes| bytes.len() as u64).sum())
    }
}
