//! A fake as a `tower::Service`.

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service as _;

use super::{
    Door, Who,
    body::{Sent, received},
};
use crate::{Fake, conformance::pause::Pause};

/// A fake as a `tower::Service`: [`Fake::service`].
#[derive(Clone, Copy, Debug)]
pub struct Service<'f>(pub &'f Fake);

impl Door for Service<'_> {
    async fn send(&self, _: Who, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        self.exchange(request.map(Sent::whole)).await
    }

    async fn send_slowly(&self, _: Who, request: Request<Bytes>, pause: Pause) -> Result<Response<Bytes>, String> {
        self.exchange(request.map(|body| Sent::slowly(body, pause))).await
    }

    fn reset(&self) -> bool {
        self.0.reset();
        true
    }
}

impl Service<'_> {
    async fn exchange(&self, request: Request<Sent>) -> Result<Response<Bytes>, String> {
        let worded = |error| format!("the service broke off: {error}");
        let (head, body) = self.0.service().call(request).await.map_err(worded)?.into_parts();
        let body = received(body).await.map_err(|error| format!("the reply broke off: {error}"))?;
        Ok(Response::from_parts(head, body))
    }
}
