use fake_bucket::{Failure, Fake, Fault, Op}; use std::time::Duration;

#[tokio::test]
async fn complete_k_internal_error() {
    let oss = Fake::oss().trusting().seed(1).min_part_size(1).verify_on_drop(false).start();
    let _fault_1 = oss.fault(Op::Complete.key("k"), Fault::Refuse(Failure::InternalError));
    let outcome = oss.run_within(Duration::from_secs(3), 20, upload(&oss)).await;
    oss.quiesce().await;
    if outcome.is_ok() {
        oss.object_in("examplebucket", "k")
            .assert_content(10, "2838902930144391966")
            .assert_metadata(&[("Content-Type", "application/octet-stream")]);
    }
    oss.assert_no_leaks();
    oss.assert_no_use_after_end();
    // Broken in the sweep: not modelled.
    oss.assert_all_modelled();
}
