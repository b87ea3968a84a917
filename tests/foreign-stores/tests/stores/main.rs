//! Stores that others published, as foreign targets of the conformance kit.

mod listed;
mod s3s_fs;
