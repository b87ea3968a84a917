use fake_bucket::{Failure, Fake, Fault, Op}; use std::time::Duration;

#[tokio::test]
async fn put_object_k_internal_error() {
    let oss = Fake::oss().trusting().seed(1).min_part_size(1).verify_on_drop(false).start();
    let _fault_1 = oss.fault(Op::PutObject.key("k"), Fault::Refuse(Failure::InternalError));
    let outcome = oss.run_within(Duration::from_secs(3), 20, upload(&oss)).await;
    oss.quiesce().await;
    // Broken in the sweep: not whole.
    if outcome.is_ok() {
        oss.object_in("examplebucket", "k")
            .assert_content(10, "2838902930144391966")
            .assert_metadata(&[("Content-Type", "text/plain")])
            .assert_tags(&[])
            .assert_storage_class(None)
            .assert_acl(None);
    }
    oss.assert_no_leaks();
    oss.assert_no_use_after_end();
    oss.assert_all_modelled();
}
