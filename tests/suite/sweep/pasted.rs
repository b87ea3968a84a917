//! Tests as a sweep prints them, pasted beneath an uploader with a flaw and beneath the same uploader without it. Each is
//! a file under `pasted/`; `FAKE_BUCKET_REWRITE=1` writes them anew.

use fake_bucket::{
    Failure, Fault, Op, Sweep,
    sweep::{Law, Trouble},
};

use super::judged::{Flaw, laws, put_object, sweep, upload_in_parts};

/// Asserts that this sweep of the uploader finds this law broken and no other, and that it prints this test.
macro_rules! pasted {
    ($module:ident, $test:ident, $uploader:ident, $flaw:ident, $law:ident, $sweep:expr, $complaint:expr) => {
        mod $module {
            use super::*;

            /// Beneath the uploader with the flaw: a plain function, which has to panic.
            mod flawed {
                mod tokio {
                    pub use ::tokio::{main as test, runtime};
                }

                async fn upload(fake: &fake_bucket::Fake) -> Result<(), reqwest::StatusCode> {
                    super::$uploader(fake, super::Flaw::$flaw).await
                }

                include!(concat!("pasted/", stringify!($module), ".rs"));

                #[test]
                fn the_test_fails() {
                    let panic = std::panic::catch_unwind($test).expect_err("a broken law");
                    let said = panic.downcast::<String>().expect("a text");
                    assert!(said.contains($complaint), "{said}");
                    assert!(said.contains("\ntimeline (oss): "), "{said}");
                }
            }

            /// Beneath the uploader without the flaw.
            mod corrected {
                async fn upload(fake: &fake_bucket::Fake) -> Result<(), reqwest::StatusCode> {
                    super::$uploader(fake, super::Flaw::None).await
                }

                include!(concat!("pasted/", stringify!($module), ".rs"));
            }

            #[tokio::test]
            async fn the_sweep_breaks_that_law_and_prints_the_test() {
                let report = $sweep.run(async |fake| $uploader(fake, Flaw::$flaw).await).await;
                assert_eq!(laws(&report), [Law::$law], "{report}");
                let named = concat!("fn ", stringify!($test), "()");
                let tests = report.broken().map(|cell| report.test(cell)).chain([report.test_when_all_is_well()]);
                let test = tests.into_iter().find(|test| test.contains(named)).expect("a test of that name");
                let imports = report.imports(&test);
                assert!(report.to_string().contains(&format!("beneath `{imports}`:\n\n{test}")), "{report}");
                assert_is_pasted(stringify!($module), &format!("{imports}\n\n{test}"));
            }
        }
    };
}

fn assert_is_pasted(module: &str, printed: &str) {
    let path = format!("{}/tests/suite/sweep/pasted/{module}.rs", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("FAKE_BUCKET_REWRITE").is_some() {
        std::fs::write(&path, printed).expect("the test, to be written");
    }
    assert_eq!(std::fs::read_to_string(path).expect("the test"), printed, "FAKE_BUCKET_REWRITE=1 writes it anew");
}

const BROKEN_DOWN: Fault = Fault::Refuse(Failure::InternalError);

fn once(fault: Fault) -> Sweep {
    sweep(Trouble::once(fault))
}

/// Of an upload in parts, the part alone.
fn once_at_the_part(fault: Fault) -> Sweep {
    [Op::Initiate, Op::Complete].into_iter().fold(once(fault.clone()), |sweep, op| sweep.spare(op, fault.clone()))
}

pasted!(
    corrupted,
    put_object_k_internal_error,
    put_object,
    CorruptsRetries,
    Whole,
    once(BROKEN_DOWN),
    "oss: object \"k\" should hold 10 bytes with the CRC-64 "
);
pasted!(
    content_type_forgotten,
    put_object_k_internal_error,
    put_object,
    ForgetsContentType,
    Whole,
    once(BROKEN_DOWN),
    "oss: object \"k\" should have the metadata [(\"Content-Type\", \"text/plain\")], and has [(\"Content-Type\", \"application/octet-stream\")]"
);
pasted!(
    effect_dropped,
    put_object_k_drop_effect,
    put_object,
    TrustsSuccess,
    Whole,
    once(Fault::DropEffect),
    "oss: there is no object \"k\" in examplebucket"
);
pasted!(
    retried_for_ever,
    put_object_k_internal_error_always,
    put_object,
    RetriesForEver,
    Bounded,
    sweep(Trouble::lasting(BROKEN_DOWN)),
    "oss: the uploader was stopped, having sent too many requests: 3s and 20 requests were allowed"
);
pasted!(
    waited_for_ever,
    upload_part_1_k_internal_error,
    upload_in_parts,
    WaitsForEver,
    Ends,
    once_at_the_part(BROKEN_DOWN),
    "oss: the uploader had not ended when its time was over: 3s and 20 requests were allowed"
);
pasted!(
    leak_when_all_is_well,
    nothing_goes_wrong,
    upload_in_parts,
    LeaksWhenAllIsWell,
    NoLeaks,
    once(BROKEN_DOWN),
    "oss: leak: k, initiated by owner: OPEN with 0 stored parts"
);
pasted!(
    used_after_end,
    complete_k_internal_error,
    upload_in_parts,
    SendsAfterAbort,
    NoUseAfterEnd,
    once(BROKEN_DOWN),
    "oss: used after its end: k, initiated by owner: aborted by #"
);
pasted!(
    used_after_known_end,
    upload_part_1_k_reply_lost,
    upload_in_parts,
    SendsAfterAbort,
    NoUseAfterEnd,
    once_at_the_part(Fault::LoseReply),
    "oss: used after its end: k, initiated by owner: aborted by #"
);
pasted!(
    not_modelled,
    complete_k_internal_error,
    upload_in_parts,
    AsksForTheUnknown,
    Modelled,
    once(BROKEN_DOWN),
    "oss: not modelled: #"
);
