//! A fake as a `tower::Service`.

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service as _;

use super::{
    Door, Who,
    body::{Whole, received},
};
use crate::Fake;

/// A fake as a `tower::Service`: [`Fake::service`].
#[derive(Clone, Copy, Debug)]
pub struct Service<'f>(pub &'f Fake);

impl Door for Service<'_> {
    async fn send(&self, _: Who, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let worded = |error| format!("the service broke off: {error}");
        let response = self.0.service().call(request.map(Whole::new)).await.map_err(worded)?;
        let (head, body) = response.into_parts();
        let body = received(body).await.map_err(|error| format!("the reply broke off: {error}"))?;
        Ok(Response::from_parts(head, body))
    }

    fn reset(&self) -> bool {
        self.0.reset();
        true
    }
}
