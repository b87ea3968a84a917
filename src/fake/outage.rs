//! An outage of a fake: nobody listens on its port.

use std::{fmt, thread};

use super::Fake;
use crate::{
    door::{Closed, Server},
    exchange::Core,
};

impl Fake {
    /// Takes the fake off the network: closes its port and every connection. Until the returned guard is dropped, connections
    /// to the port are refused; then the fake listens on the same port again, with everything it remembers.
    ///
    /// Exchanges in flight end as [`ExchangeEnd::Cut`](crate::ExchangeEnd::Cut), unless their bodies were complete: those go on,
    /// and end as [`ExchangeEnd::Undelivered`](crate::ExchangeEnd::Undelivered).
    ///
    /// ```
    /// use std::net::TcpStream;
    ///
    /// let oss = fake_bucket::Fake::oss().start();
    /// let outage = oss.outage();
    /// assert!(TcpStream::connect(oss.socket_address()).is_err());
    /// drop(outage);
    /// assert!(TcpStream::connect(oss.socket_address()).is_ok());
    /// ```
    ///
    /// # Panics
    /// If the fake was built without a port, if an outage is under way already, or if the system does not give the port back:
    /// here, or when the guard is dropped.
    #[track_caller]
    pub fn outage(&self) -> Outage<'_> {
        let server = self.server.as_ref().expect("this fake was built without a port");
        let closed = server.close().unwrap_or_else(|error| panic!("no outage of {}: {error}", server.address()));
        self.core.acts.record(self.core.tick(), "closes the port".to_owned());
        self.core.changed.notify(usize::MAX);
        Outage { core: &self.core, server, closed: Some(closed) }
    }
}

/// An outage, made by [`Fake::outage`]. It is over when this is dropped.
#[must_use = "an outage is over when this is dropped: keep it, `let outage = ..`"]
pub struct Outage<'fake> {
    core: &'fake Core,
    server: &'fake Server,
    closed: Option<Closed>,
}

impl Outage<'_> {
    /// Ends the outage.
    pub fn end(self) {}
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        let Some(closed) = self.closed.take() else { return };
        self.core.acts.record(self.core.tick(), "opens the port again".to_owned());
        if let Err(error) = self.server.open(closed)
            && !thread::panicking()
        {
            panic!("{} is not open again after an outage: {error}", self.server.address());
        }
    }
}

impl fmt::Debug for Outage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outage({})", self.server.address())
    }
}
