//! FLOOR 4: ways in. A door receives requests, hands them to an exchange, and awaits what there is to await.

#[cfg(feature = "runtime")]
pub mod background;
#[cfg(feature = "runtime")]
pub mod conduct;

#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
pub use server::{Closed, Server};

#[cfg(feature = "tower")]
pub mod service;

#[cfg(feature = "wiremock")]
pub mod wiremock;

#[cfg(not(feature = "server"))]
mod closed;
#[cfg(not(feature = "server"))]
pub use closed::Server;
