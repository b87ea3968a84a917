//! The gallery: bugs that clients of object stores really had, each as a short test. A small uploader has the bug,
//! and an assertion of the crate fails and says so; then it is corrected, and the assertion holds.

mod aborts;
mod cancels;
mod completes;
mod parts;
mod uploader;
