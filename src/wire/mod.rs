//! FLOOR 1: HTTP as values, and the codecs of the standards it leans on, one to a file.

pub mod aws_chunked;
pub mod date;
pub mod digest;
pub mod encode;
pub mod head;
pub mod query;
pub mod reply;
pub mod xml;
