//! Alibaba Cloud OSS: its own protocol and the S3-compatible one, chosen per request by the authentication ([`face`]).
//!
//! What differs from Amazon S3, and trips ports of S3 fakes: entity tags are upper-case, the tag of a completed object
//! hashes the parts' tags as text, small parts are 100 KiB and checked on complete only, an unusable range means the whole
//! object, documents carry no namespace, a second abort is 404.

mod acl;
mod address;
mod body;
mod errors;
mod face;
mod gzip;
mod known;
mod lifecycle;
mod route;
mod sign;
mod sign_v2;

use super::{
    Address, Asked, Context, Dialect, Keyring, Located, Realm, Routed, Scene, Signed,
    row::{ErrorRow, Wording},
    signing::Proof,
};
use crate::{
    store::{
        AbortRight, AclOfNoBucket, Action, BucketKind, CopiesInBucket, ETag, Entropy, Flaws, FramedBodies, Gaps,
        KeysListed, LateParts, Lifecycle, ListRead, Manifest, Md5, Metadata, ObjectLists, Op, Outcome, Recreate,
        Refusal, Rules, Timestamp, UploadId, WriteRight, own_action, plain_digest,
    },
    wire::{digest::md5, encode::hex_upper, head::Head, query::Plus, reply::Reply, xml},
};
use face::Face;

/// The dialect of Alibaba Cloud OSS.
pub struct Oss;

impl Dialect for Oss {
    fn scene(&self) -> Scene {
        Scene {
            region: "cn-hangzhou",
            service_host: |region| format!("oss-{region}.aliyuncs.com"),
            bucket: "examplebucket",
            key_prefix: "LTAI5tFake",
            owner: ("1305433112345678", "owner"),
            stranger: ("1912000087654321", "stranger"),
            user_id: |account, user| match user {
                0 => account.to_owned(),
                _ => format!("2{user:0>17}"),
            },
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            min_part_size: 100 << 10,
            max_part_size: 5 << 30,
            max_object_size: 10_000 * (5 << 30),
            max_appends: usize::MAX,
            copies_in_bucket: CopiesInBucket::Unlimited,
            max_buckets: 100,
            max_page: 1000,
            late_parts: LateParts::Linger,
            abort_right: AbortRight::Granted,
            write_right: WriteRight::Granted,
            list_read: ListRead::AfterLookup,
            flaws: Flaws::AsListed,
            gaps: Gaps::Allowed,
            recreate: Recreate::Alike { class: "Standard", redundancy: "LRS" },
            acl_of_no_bucket: AclOfNoBucket::CreatesBucket,
            tag_digest: plain_digest,
            archived: &[],
            object_lists: ObjectLists::ReadingAndWriting,
            account_number: |_| None,
            framed_bodies: FramedBodies::Refused,
            upload_id,
            action,
        }
    }

    /// The vendor's Python SDK sends `prefix=a+b` for `a b`, and signs `a%20b`.
    ///
    /// # Source
    /// <https://github.com/aliyun/aliyun-oss-python-sdk> (oss2 2.19.1).
    fn plus(&self) -> Plus {
        Plus::Blank
    }

    /// A plus, unless the signature fits only if a blank was meant: the vendor's Go SDK escaped keys as if they were parameters.
    /// Doubt: whether the service takes every plus for a blank.
    ///
    /// # Source
    /// `getURL` in `oss/conn.go`, and what "TestPutObjectKeyChars" in `oss/bucket_test.go` reads back,
    /// <https://github.com/aliyun/aliyun-oss-go-sdk> (1.5.0).
    fn plus_in_path(&self, head: &Head, realm: &Realm, keys: &Keyring, now: Timestamp) -> Plus {
        sign::plus_in_path(head, realm, keys, now)
    }

    fn address(&self, head: &Head, realm: &Realm) -> Result<Located, Refusal> {
        address::locate(head, realm)
    }

    fn claimed_key(&self, head: &Head) -> Option<String> {
        sign::claimed_key(head)
    }

    fn prove<'a>(&self, signed: &Signed<'a>) -> Result<Option<Proof<'a>>, Refusal> {
        sign::prove(signed)
    }

    /// A bucket is looked up before the access key, unless the request may create it.
    ///
    /// # Source
    /// "testIsBucketExist" in `tests/IntegrationTests/ClientExtensionTest.php`, <https://github.com/aliyun/alibabacloud-oss-php-sdk-v2>
    /// (read 2026-11-21): an unknown key is told `NoSuchBucket` of a missing bucket. Doubt: that this holds for wrong signatures and
    /// tokens too, which are judged after the key was found.
    fn looks_up_bucket_first(&self, op: Option<Op>, address: &Address, unproven: &Refusal) -> bool {
        let creates = op == Some(Op::CreateBucket) || op == Some(Op::PutAcl) && address.key().is_none();
        let judged_by_key = matches!(
            unproven,
            Refusal::UnknownAccessKey { .. }
                | Refusal::SignatureMismatch { .. }
                | Refusal::InvalidToken
                | Refusal::ForeignToken
                | Refusal::ExpiredToken
        );
        judged_by_key && !creates
    }

    fn route(&self, head: &Head, address: &Address) -> Result<Op, Refusal> {
        route::route(head, address)
    }

    fn read(&self, routed: &Routed<'_>) -> Result<Box<Asked>, Refusal> {
        route::read(routed.op, routed.head, &routed.located.address, routed.rules)
    }

    fn manifest(&self, body: &[u8]) -> Result<Manifest, Refusal> {
        super::documents::manifest(body)
    }

    /// Keys may hold characters that XML has no place for: the vendor's Python SDK sends them as they are, and is answered.
    ///
    /// # Source
    /// `tests/test_chinese.py` of <https://github.com/aliyun/aliyun-oss-python-sdk>.
    fn keys(&self, body: &[u8]) -> Result<KeysListed, Refusal> {
        let root = xml::parse_loosely(body).filter(|root| root.name == "Delete").ok_or(Refusal::MalformedXml)?;
        super::documents::keys_in(&root).and_then(super::documents::without_versions)
    }

    fn tags(&self, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
        let tags = super::documents::tags(body)?;
        face::check_tags(&tags).map(|()| tags)
    }

    fn lifecycle(&self, body: &[u8]) -> Result<Lifecycle, Refusal> {
        lifecycle::read(body)
    }

    fn bucket_configuration(&self, body: &[u8], _: &Realm) -> Result<BucketKind, Refusal> {
        route::bucket_configuration(body)
    }

    fn inherited(&self, source: &Metadata) -> Metadata {
        face::inherited(source)
    }

    fn etag(&self, md5: &Md5) -> ETag {
        ETag::new(hex_upper(md5))
    }

    /// 24 hex digits that change with everything that is added, and eight zeros: it looks like a digest and is none.
    ///
    /// # Source
    /// The sample of "AppendObject", <https://www.alibabacloud.com/help/en/oss/developer-reference/appendobject>. Doubt: how it
    /// is made; here the first bytes alone still have the tag of a put.
    fn appended_etag(&self, before: &ETag, added: &Md5) -> ETag {
        let digits = hex_upper(md5([before.as_str().as_bytes(), added].concat()));
        ETag::new(format!("{}00000000", &digits[..24]))
    }

    /// MD5 over the entity tags of the parts as text, unlike S3, which hashes the digests themselves.
    ///
    /// # Source
    /// Recorded exchanges in the vendor's Python SDK (`unittests/test_multipart.py`) and the assertion in its Java SDK's
    /// integration tests, <https://github.com/aliyun/aliyun-oss-python-sdk>, <https://github.com/aliyun/aliyun-oss-java-sdk>.
    fn completed_etag(&self, _: &UploadId, manifest: &Manifest) -> ETag {
        let tags: String = manifest.0.iter().filter_map(|part| part.md5).map(hex_upper).collect();
        ETag::new(format!("{}-{}", hex_upper(md5(tags)), manifest.0.len()))
    }

    fn render(&self, context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply {
        body::render(context, asked, outcome)
    }

    fn refuse(&self, context: &Context<'_>, refusal: &Refusal) -> Reply {
        errors::refuse(context, refusal)
    }

    fn word(&self, context: &Context<'_>, wording: &Wording<'_>) -> Reply {
        errors::word(context, wording)
    }

    fn rows(&self) -> &'static [ErrorRow] {
        errors::ROWS
    }

    fn row(&self, head: &Head, refusal: &Refusal) -> &'static ErrorRow {
        errors::row(Face::of(head), refusal)
    }
}

/// 32 upper-case hex digits in the form of a version-4 UUID without dashes. They are in no order.
fn upload_id(_: Timestamp, Entropy([high, low, ..]): Entropy) -> UploadId {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    UploadId::new(hex_upper([high, low].map(u64::to_be_bytes).as_flattened()))
}

/// 24 upper-case hex digits, the first 8 of them the time in Unix seconds.
fn request_id(context: &Context<'_>) -> String {
    let Entropy([entropy, ..]) = context.entropy;
    let id = u128::from(context.date.as_secs() as u32) << 64 | u128::from(entropy);
    hex_upper(&id.to_be_bytes()[4..])
}

/// Initiating, uploading and completing all need `oss:PutObject`.
///
/// # Source
/// "RAM policy overview", <https://www.alibabacloud.com/help/en/oss/user-guide/ram-policy-overview/>.
fn action(op: Op) -> Option<Action> {
    match op {
        Op::Initiate | Op::UploadPart | Op::UploadPartCopy | Op::Complete => Some(Action::PutObject),
        Op::HeadObject => Some(Action::GetObject),
        _ => own_action(op),
    }
}
