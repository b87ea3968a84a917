//! Rust's clients, unmodified, against the fakes: for each, and for each way to connect it, the flows that its API offers.
//! A flow it has no way to go is an ignored test that says what is missing.
//!
//! Not here, since they cannot be pointed at a plain `http` address: huaweicloud-sdk-rust-obs 1.0.1 and obs-sdk 0.2.2, the
//! community's crates for OBS, and qcos 0.1.15 with its forks, for COS. They have `https://` and the service's host
//! name built in, and take no client of one's own. cos-rust-sdk 0.1.2, for COS, knows no multipart uploads.

/// A module of tests for each way to connect a client: the flows it goes, and why not the others. A flow in neither list
/// does not compile.
macro_rules! flows {
    (ways [$($way:ident: $provider:ident, $connect:ident),*] goes $goes:tt not $not:tt) => {$(
        mod $way {
            flows!(@tests $provider, $connect; $goes $not);
        }
    )*};
    (@tests $provider:ident, $connect:ident; [$($flow:ident),*] [$($skipped:ident: $reason:literal),*]) => {
        $(
            #[tokio::test]
            async fn $flow() {
                let ground = crate::flows::Ground::new(fake_bucket::Provider::$provider, super::$connect);
                crate::flows::$flow(ground).await;
            }
        )*
        $(
            #[test]
            #[ignore = $reason]
            fn $skipped() {
                panic!($reason);
            }
        )*
        const _: crate::flows::All = crate::flows::All { $($flow: (),)* $($skipped: (),)* };
    };
}

mod ali_oss_rs;
mod aws_sdk_s3;
mod cos_rs;
mod flows;
mod object_store;
