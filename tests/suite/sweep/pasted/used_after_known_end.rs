use fake_bucket::{Fake, Fault, Op}; use std::time::Duration;

#[tokio::test]
async fn upload_part_1_k_reply_lost() {
    let oss = Fake::oss().trusting().seed(1).min_part_size(1).verify_on_drop(false).start();
    let _fault_1 = oss.fault(Op::UploadPart.key("k").number(1), Fault::LoseReply);
    let outcome = oss.run_within(Duration::from_secs(3), 20, upload(&oss)).await;
    oss.quiesce().await;
    if outcome.is_ok() {
        oss.object_in("examplebucket", "k")
            .assert_content(10, "2838902930144391966")
            .assert_metadata(&[("Content-Type", "application/octet-stream")]);
    }
    oss.assert_no_leaks();
    // Broken in the sweep: used after its end.
    oss.assert_no_use_after_known_end();
    oss.assert_all_modelled();
}
