//! Code that several test binaries share.

pub mod raw;
pub mod scene;
pub mod statement;
pub mod text;
