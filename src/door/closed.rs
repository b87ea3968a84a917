//! What stands in for the server's door where it is not built: a door that nobody can have.

use std::net::SocketAddr;

/// No server.
#[derive(Debug)]
pub enum Server {}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        match *self {}
    }
}
