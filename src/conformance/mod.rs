//! FLOOR 5: does it behave as the provider says? A reference model, scripts to play, laws to hold, for our fakes and for
//! anybody's store.
//!
//! A [`Script`] is a list of steps, right ones and wrong ones, by several principals. A [`Target`] is something steps can be
//! taken on: a client library, a gateway, a live bucket ([`HttpTarget`]), one of our fakes. [`check`] plays scripts out of
//! dice on a target and compares each step with the [`Model`], which goes by the [`Rules`] of a provider and shares no code
//! with the fakes. Where they differ, the shortest script is shown, ready to be pasted into a test.
//!
//! ```
//! use fake_bucket::{Provider, conformance::{Config, Face, HttpTarget, NoSocket, check_blocking, subject}};
//!
//! let cos = subject(Provider::Cos).build();
//! let target = HttpTarget::of_fake(&cos, NoSocket(&cos), Face::Native);
//! let summary = check_blocking(&target, &Config::default().steps(500)).unwrap();
//! assert!(summary.done > 50 && summary.refused > 50, "{summary}");
//! ```

mod check;
mod compose;
mod concurrent;
mod difference;
mod http_target;
pub mod laws;
mod model;
mod pause;
mod rules;
mod script;
mod seen;
mod session;
mod shrink;
mod target;

#[cfg(feature = "server")]
pub use self::http_target::Network;
#[cfg(feature = "tower")]
pub use self::http_target::Service;
pub use self::{
    check::{
        Config, Failure, Found, Summary, Survey, assert_conforms, check, check_blocking, replay, replay_blocking,
        replay_knowing, survey, survey_blocking,
    },
    compose::scripts,
    concurrent::{
        ConcurrentConfig, ConcurrentFailure, ConcurrentSummary, Explained, HeldBack, History, Lane, Point, Race, Stuck,
        Taken, Turn, Why, check_concurrent, check_concurrent_blocking, check_interleaved, check_interleaved_blocking,
        races, replay_concurrent, replay_concurrent_blocking, replay_interleaved, replay_interleaved_blocking,
    },
    http_target::{ActingAs, Addressing, Door, Face, HttpTarget, Keys, NoSocket, subject},
    model::{Flight, Model},
    pause::Pause,
    rules::{Again, CompletedTag, Flaws, Late, ListRead, MayAbort, MayWrite, PageBeyond, Rules, TagCase},
    script::{
        Act, Body, Bucket, Id, Key, Listed, Script, ScriptError, Size, Source, Step, Tag, Text, UploadsAsked, Who,
    },
    seen::{Bytes, Expected, Observed, PartSeen, PartsSeen, Precedence, Refusal, UploadSeen, UploadsSeen},
    session::Session,
    target::{Ask, Call, Reply, Scope, Target, UploadsPage, UploadsPageAsked},
};
