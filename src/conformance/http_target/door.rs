//! Ways in: no socket, no socket and no signature, the network.

use bytes::Bytes;
use http::{Request, Response};

use crate::{Fake, conformance::script::Who};

/// A way to have a request answered.
pub trait Door {
    /// Has it answered.
    ///
    /// # Errors
    /// In words, if there was no answer.
    fn send(&self, who: Who, request: Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>, String>> + Send;

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

#[cfg(feature = "server")]
pub use network::Network;

#[cfg(feature = "server")]
mod network {
    //! Plain HTTP/1.1 over TCP. Signatures keep the secrets secret; TLS is for a [`Door`](super::Door) of one's own.

    use std::{
        convert::Infallible,
        pin::{Pin, pin},
        task::{Context, Poll},
    };

    use bytes::{Bytes, BytesMut};
    use http::{Request, Response, header::HOST};
    use hyper::{
        body::{Body, Frame, Incoming, SizeHint},
        client::conn::http1::{self, SendRequest},
    };
    use hyper_util::rt::TokioIo;
    use parking_lot::Mutex;
    use tokio::net::TcpStream;

    use super::{Door, Who};
    use crate::Fake;

    /// Whatever listens at an address, or at the host and port that each request names. Needs a tokio runtime.
    pub struct Network<'f> {
        address: Option<String>,
        fake: Option<&'f Fake>,
        idle: Mutex<Vec<(String, SendRequest<Whole>)>>,
    }

    impl Network<'static> {
        /// The host a request names, at its port or at port 80.
        pub fn by_host() -> Self {
            Self { address: None, fake: None, idle: Mutex::default() }
        }

        /// This address, whatever host a request names: `127.0.0.1:8080`.
        pub fn at(address: impl Into<String>) -> Self {
            Self { address: Some(address.into()), fake: None, idle: Mutex::default() }
        }
    }

    impl<'f> Network<'f> {
        /// A fake at its port.
        ///
        /// # Panics
        /// If it was built without one.
        #[track_caller]
        pub fn of(fake: &'f Fake) -> Self {
            Self { address: Some(fake.socket_address().to_string()), fake: Some(fake), idle: Mutex::default() }
        }

        async fn connection(&self, to: &str) -> Result<SendRequest<Whole>, String> {
            while let Some(mut sender) = self.take_idle(to) {
                if sender.ready().await.is_ok() {
                    return Ok(sender);
                }
            }
            let stream = TcpStream::connect(to).await.map_err(|error| format!("no connection to {to}: {error}"))?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(worded)?;
            // It ends with its sender.
            tokio::spawn(connection);
            Ok(sender)
        }

        fn take_idle(&self, to: &str) -> Option<SendRequest<Whole>> {
            let mut idle = self.idle.lock();
            let at = idle.iter().position(|(place, _)| place == to)?;
            Some(idle.swap_remove(at).1)
        }
    }

    impl Door for Network<'_> {
        async fn send(&self, _: Who, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
            let host = request.headers()[HOST].to_str().map_err(|error| error.to_string())?;
            let named = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
            let to = self.address.clone().unwrap_or(named);
            let mut sender = self.connection(&to).await?;
            let response = sender.send_request(request.map(|body| Whole(Some(body)))).await.map_err(worded)?;
            let (head, body) = response.into_parts();
            let body = received(body).await?;
            self.idle.lock().push((to, sender));
            Ok(Response::from_parts(head, body))
        }

        fn reset(&self) -> bool {
            self.fake.inspect(|fake| fake.reset()).is_some()
        }
    }

    async fn received(body: Incoming) -> Result<Bytes, String> {
        let mut body = pin!(body);
        let mut whole = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
            if let Ok(bytes) = frame.map_err(worded)?.into_data() {
                whole.extend_from_slice(&bytes);
            }
        }
        Ok(whole.freeze())
    }

    fn worded(error: hyper::Error) -> String {
        format!("the connection broke: {error}")
    }

    /// A body in one piece.
    struct Whole(Option<Bytes>);

    impl Body for Whole {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
        }

        fn is_end_stream(&self) -> bool {
            self.0.as_ref().is_none_or(Bytes::is_empty)
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
        }
    }
}
