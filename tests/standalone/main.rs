//! The program, driven from outside as another language drives it: clients talk to its endpoints, the test to its admin
//! addresses; and `conformance`, against stores that are served here.

mod admin;
mod combined;
mod conformance;
mod described;
mod process;
mod server;
mod store;
