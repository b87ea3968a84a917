//! What Tencent Cloud COS promises.

use super::{Again, CompletedTag, Flaws, Late, ListRead, MayAbort, MayWrite, PageBeyond, Rules, TagCase};
use crate::conformance::seen::Refusal;

/// # Source
/// "Abort Multipart Upload", <https://cloud.tencent.com/document/product/436/7740>: the root account, or a sub-account
/// that was granted the action; a part that is being uploaded fails; an id that is not there is 404 `NoSuchUpload`.
/// "Complete Multipart Upload", <https://cloud.tencent.com/document/product/436/7742>: `InvalidPart`, `InvalidPartOrder`,
/// `EntityTooSmall`; its samples' entity tags are no function of the parts. "Specifications and limits",
/// <https://cloud.tencent.com/document/product/436/14518>: parts of 1 MB to 5 GB. "Upload Part - Copy",
/// <https://cloud.tencent.com/document/product/436/8287>: a range is `bytes=first-last`, within the source. "Error codes",
/// <https://cloud.tencent.com/document/product/436/7730>: `ListPartUploadIdIsEmpty`. Read 2026-11-20.
///
/// Doubt: that a second abort is 404; what a list of no parts, a part number out of bounds in a list, and an empty id are
/// answered; what a page beyond 1000 is, which is known of listing objects only; whether a copy's range past the end is 416
/// `InvalidRange` or 400 `InvalidArgument`, and its missing source `NoSuchKey` or `NoSuchCopySource`.
pub(super) fn rules() -> Rules {
    Rules {
        min_part_size: 1 << 20,
        abort: MayAbort::Granted,
        write: MayWrite::Granted,
        abort_again: Again::NoSuchUpload,
        list_read: ListRead::AfterLookup,
        flaws: Flaws::MissingFirst,
        late_parts: Late::Fails,
        page_beyond: PageBeyond::Refused,
        tag_case: TagCase::Lower,
        completed_tag: CompletedTag::Unknown,
        empty_id: Refusal::NO_SUCH_UPLOAD,
        empty_id_listing: Refusal::known(400, "ListPartUploadIdIsEmpty"),
        empty_list: Refusal::known(400, "InvalidArgument"),
        listed_number: Refusal::known(400, "InvalidArgument"),
        range_reversed: Some(Refusal::INVALID_ARGUMENT),
        range_beyond: Some(Refusal::INVALID_RANGE),
    }
}
