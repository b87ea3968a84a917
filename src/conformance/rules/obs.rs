//! What Huawei Cloud OBS promises.

use super::{Again, CompletedTag, Flaws, Late, ListRead, MayAbort, MayWrite, PageBeyond, Rules, TagCase};
use crate::conformance::seen::Refusal;

/// # Source
/// "Canceling a Multipart Upload Task", <https://support.huaweicloud.com/api-obs/obs_04_0103.html>: the initiator or the bucket
/// owner, judged after the bucket is found. "Uploading Parts" and "Assembling Uploaded Parts",
/// <https://support.huaweicloud.com/api-obs/>: the initiator alone; the list is checked before the upload is looked for; parts
/// of 100 KB or more but for the last. "Listing Initiated Multipart Uploads in a Bucket", there: a page size out of bounds
/// means 1000. "Copying Parts", there: the initiator alone, who has to be allowed to read the source; a range is
/// `bytes=first-last`, both within it. The tag of a completed object was measured in <https://bbs.huaweicloud.com/forum/> thread 9785. Read 2026-11-20.
///
/// Doubt: that a second abort is 404, and that an unknown id is 404 to somebody without rights; whether a late part is
/// refused or lingers ("Aborting a Multipart Upload", SDK for BrowserJS,
/// <https://support.huaweicloud.com/intl/th-th/sdk-browserjs-devg-obs/obs_24_1904.html>, read 2026-11-21, leaves both open:
/// [`Late::Either`] allows both); what an empty id, an empty list and a listed number out of bounds are
/// answered; whether a copy's range past the end is 416 `InvalidRange` or 400 `InvalidArgument`, and whether the source is
/// looked at before the upload.
pub(super) fn rules() -> Rules {
    Rules {
        min_part_size: 100 << 10,
        abort: MayAbort::InitiatorOrOwner,
        write: MayWrite::Initiator,
        abort_again: Again::NoSuchUpload,
        list_read: ListRead::BeforeLookup,
        flaws: Flaws::MissingFirst,
        late_parts: Late::Fails,
        page_beyond: PageBeyond::Capped,
        tag_case: TagCase::Lower,
        completed_tag: CompletedTag::OfDigests,
        empty_id: Refusal::NO_SUCH_UPLOAD,
        empty_id_listing: Refusal::NO_SUCH_UPLOAD,
        empty_list: Refusal::known(400, "MalformedXML"),
        listed_number: Refusal::known(400, "InvalidPart"),
        range_reversed: Some(Refusal::INVALID_ARGUMENT),
        range_beyond: Some(Refusal::INVALID_RANGE),
    }
}
