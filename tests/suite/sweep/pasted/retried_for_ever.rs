use fake_bucket::{Failure, Fake, Fault, Op}; use std::time::Duration;

#[tokio::test]
async fn put_object_k_internal_error_always() {
    let oss = Fake::oss().trusting().seed(1).min_part_size(1).verify_on_drop(false).start();
    let _fault_1 = oss.fault_always(Op::PutObject.key("k"), Fault::Refuse(Failure::InternalError));
    // Broken in the sweep: too many requests.
    let outcome = oss.run_within(Duration::from_secs(3), 20, upload(&oss)).await;
    oss.quiesce().await;
    if outcome.is_ok() {
        oss.object_in("examplebucket", "k")
            .assert_content(10, "2838902930144391966")
            .assert_metadata(&[("Content-Type", "text/plain")]);
    }
    oss.assert_no_leaks();
    oss.assert_no_use_after_end();
    oss.assert_all_modelled();
}
