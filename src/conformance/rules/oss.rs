//! What Alibaba Cloud OSS promises.

use super::{Again, CompletedTag, Flaws, Late, ListRead, MayAbort, MayWrite, PageBeyond, Rules, TagCase};
use crate::conformance::seen::Refusal;

/// # Source
/// "AbortMultipartUpload", <https://www.alibabacloud.com/help/en/oss/developer-reference/abortmultipartupload>: parts that are
/// being uploaded are not removed, further aborts may be needed; an id that is not there, or has ended, is 404
/// `NoSuchUpload`. "RAM policy overview", <https://www.alibabacloud.com/help/en/oss/user-guide/ram-policy-overview/>: aborting
/// needs `oss:AbortMultipartUpload`, the rest `oss:PutObject`; nobody is an initiator. "CompleteMultipartUpload",
/// <https://www.alibabacloud.com/help/en/oss/developer-reference/completemultipartupload>: parts of 100 KB or more but for the
/// last. That the tag of an object hashes the tags of its parts as text is asserted by the vendor's Java SDK against the
/// live service, <https://github.com/aliyun/aliyun-oss-java-sdk>; so is that a copy's
/// unusable range means the whole source. "UploadPartCopy",
/// <https://www.alibabacloud.com/help/en/oss/developer-reference/uploadpartcopy>: `oss:GetObject` on the source. EC 0017-00000244 and the HTTP 400 error codes,
/// <https://www.alibabacloud.com/help/en/oss/support/>. Read 2026-11-20.
///
/// Doubt: whether a late part lands or is refused; what a page size out of bounds is answered; the order of the checks of
/// a list.
pub(super) fn rules() -> Rules {
    Rules {
        min_part_size: 100 << 10,
        abort: MayAbort::Granted,
        write: MayWrite::Granted,
        abort_again: Again::NoSuchUpload,
        list_read: ListRead::AfterLookup,
        flaws: Flaws::AsListed,
        late_parts: Late::Lingers,
        page_beyond: PageBeyond::Refused,
        tag_case: TagCase::Upper,
        completed_tag: CompletedTag::OfTags,
        empty_id: Refusal::known(400, "InvalidArgument"),
        empty_id_listing: Refusal::known(400, "InvalidArgument"),
        empty_list: Refusal::known(400, "MalformedXML"),
        listed_number: Refusal::known(400, "InvalidPartOrder"),
        range_reversed: None,
        range_beyond: None,
    }
}
