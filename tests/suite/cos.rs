//! What takes more than one exchange on COS: settings that were put are shown again, in the words of the face that asks.

use std::time::Duration;

use bytes::Bytes;
use fake_bucket::Fake;

use crate::asked;

/// A fake, asked by its owner.
struct Cos(Fake);

const COS: &str = "q-sign-algorithm=sha1&q-ak=ak";
const AWS: &str = "AWS4-HMAC-SHA256 Credential=ak";

impl Cos {
    fn new() -> Self {
        Self(Fake::cos().min_part_size(1).verify_on_drop(false).build())
    }

    fn ask(
        &self,
        face: &str,
        method: &str,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> http::Response<Bytes> {
        self.0.answer_as("owner", asked::request(&self.0, face, method, target, body, headers))
    }

    /// Asks for something that must succeed, and returns the body of the reply.
    fn done(&self, face: &str, method: &str, target: &str, body: &str, headers: &[(&str, &str)]) -> String {
        asked::done(&self.0, face, method, target, body, headers)
    }

    /// A header of an object, as a face shows it.
    fn shown(&self, face: &str, name: &str) -> String {
        let reply = self.ask(face, "HEAD", "/k", "", &[]);
        reply.headers().get(name).map_or_else(String::new, |value| value.to_str().expect("text").to_owned())
    }

    /// Uploads `k` in one part, through both faces in turn.
    fn upload(&self, initiate: &str, headers: &[(&str, &str)]) -> http::Response<Bytes> {
        assert_eq!(self.ask(initiate, "POST", "/k?uploads", "", headers).status(), 200);
        let id = self.0.upload("k").id().to_owned();
        let part = self.ask(AWS, "PUT", &format!("/k?partNumber=1&uploadId={id}"), "hello", &[]);
        let tag = part.headers()["etag"].to_str().expect("text");
        let part = format!("<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>");
        let list = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        self.ask(COS, "POST", &format!("/k?uploadId={id}"), &list, &[])
    }
}

const RULES: &str = "<LifecycleConfiguration>\n <Rule><ID>stale</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>\n</LifecycleConfiguration>";
const RULES_MD5: (&str, &str) = ("content-md5", "UNi7wQKbaBBuT+uyZV7UdQ==");

#[test]
fn lifecycle_rules_are_shown_again_and_run_by_the_clock() {
    let cos = Cos::new();
    cos.done(COS, "PUT", "/?lifecycle", RULES, &[RULES_MD5]);
    let shown = cos.done(COS, "GET", "/?lifecycle", "", &[]);
    let expected = "<?xml version='1.0' encoding='utf-8' ?>\n<LifecycleConfiguration>\n\t<Rule>\n\t\t<ID>stale</ID>\n\t\t<Filter>\n\t\t\t<Prefix>tmp/</Prefix>\n\t\t</Filter>\n\t\t<Status>Enabled</Status>\n\t\t<AbortIncompleteMultipartUpload>\n\t\t\t<DaysAfterInitiation>7</DaysAfterInitiation>\n\t\t</AbortIncompleteMultipartUpload>\n\t</Rule>\n</LifecycleConfiguration>";
    assert_eq!(shown, expected);
    cos.done(COS, "POST", "/tmp/a?uploads", "", &[]);
    cos.done(AWS, "POST", "/b?uploads", "", &[]);
    cos.0.advance_clock(Duration::from_secs(7 * 86_400));
    let open = cos.done(COS, "GET", "/?uploads", "", &[]);
    assert!(open.contains("<Key>b</Key>") && !open.contains("<Key>tmp/a</Key>"), "{open}");
    cos.done(COS, "DELETE", "/?lifecycle", "", &[]);
    assert_eq!(cos.ask(COS, "GET", "/?lifecycle", "", &[]).status(), 404);
}

#[test]
fn what_an_upload_was_begun_with_shows_through_both_faces() {
    let cos = Cos::new();
    let said = [
        ("x-amz-meta-a", "1"),
        ("x-amz-tagging", "t=1&u=2"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
    ];
    let completed = cos.upload(AWS, &said);
    assert_eq!(completed.headers()["x-cos-server-side-encryption"], "cos/kms");
    for (name, value) in said.iter().filter(|(name, _)| *name != "x-amz-tagging") {
        assert_eq!(cos.shown(AWS, name), *value, "{name}");
    }
    for (name, value) in [
        ("x-cos-meta-a", "1"),
        ("x-cos-tagging-count", "2"),
        ("x-cos-storage-class", "ARCHIVE"),
        ("x-cos-server-side-encryption", "cos/kms"),
        ("x-cos-server-side-encryption-cos-kms-key-id", "key-1"),
    ] {
        assert_eq!(cos.shown(COS, name), value, "{name}");
    }
    let tags = cos.done(COS, "GET", "/k?tagging", "", &[]);
    assert!(tags.contains("\t\t<Tag>\n\t\t\t<Key>t</Key>\n\t\t\t<Value>1</Value>\n\t\t</Tag>\n"), "{tags}");
}

#[test]
fn parts_are_answered_with_the_encryption_of_their_upload() {
    let cos = Cos::new();
    cos.done(COS, "POST", "/k?uploads", "", &[("x-cos-server-side-encryption", "AES256")]);
    let target = format!("/k?partNumber=1&uploadId={}", cos.0.upload("k").id());
    let part = |face| cos.ask(face, "PUT", &target, "hello", &[]);
    assert_eq!(part(COS).headers()["x-cos-server-side-encryption"], "AES256");
    assert_eq!(part(AWS).headers()["x-amz-server-side-encryption"], "AES256");
}

#[test]
fn tags_are_replaced_and_removed() {
    let cos = Cos::new();
    cos.done(COS, "PUT", "/k", "hello", &[("x-cos-tagging", "a=1&b=2")]);
    let one = "<Tagging><TagSet><Tag><Key>only</Key><Value>one</Value></Tag></TagSet></Tagging>";
    cos.done(AWS, "PUT", "/k?tagging", one, &[]);
    assert_eq!(cos.shown(AWS, "x-amz-tagging-count"), "1");
    cos.done(COS, "DELETE", "/k?tagging", "", &[]);
    assert_eq!(cos.shown(COS, "x-cos-tagging-count"), "");
    assert_eq!(cos.0.read("k").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn many_objects_are_deleted_and_nothing_else() {
    let cos = Cos::new();
    for key in ["a", "b", "c"] {
        cos.done(COS, "PUT", &format!("/{key}"), "x", &[]);
    }
    let list = "<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object><Object><Key>c</Key></Object></Delete>";
    assert_eq!(cos.ask(AWS, "POST", "/?delete", list, &[]).status(), 400, "without any digest");
    let checksum = ("x-amz-checksum-crc32", "GM3C/g==");
    assert_eq!(cos.ask(AWS, "POST", "/?delete", list, &[checksum]).status(), 400, "a checksum is no Content-MD5");
    let told = cos.done(AWS, "POST", "/?delete", list, &[("content-md5", "mBEt3Ac64ETjAMchv1GPAA=="), checksum]);
    assert!(!told.contains("<Deleted>"), "{told}");
    let left = ["a", "b", "c"].map(|key| cos.0.read(key).is_some());
    assert_eq!(left, [false, true, false]);
}

#[test]
fn what_is_put_through_one_face_is_copied_through_the_other() {
    let cos = Cos::new();
    cos.done(AWS, "PUT", "/a", "hello", &[("x-amz-meta-a", "1")]);
    let source = format!("{}.{}/a", cos.0.bucket(), cos.0.service_host());
    cos.done(COS, "PUT", "/k", "", &[("x-cos-copy-source", &source)]);
    assert_eq!(cos.shown(AWS, "x-amz-meta-a"), "1");
    let again = [("x-amz-copy-source", &*format!("{}/a", cos.0.bucket())), ("x-amz-metadata-directive", "REPLACE")];
    cos.done(AWS, "PUT", "/k", "", &again);
    assert_eq!(cos.shown(COS, "x-cos-meta-a"), "");
}

#[test]
fn an_object_grows_at_its_end_only() {
    let cos = Cos::new();
    let append = |position: &str, body: &str| {
        cos.ask(COS, "POST", &format!("/k?append&position={position}"), body, &[("x-cos-meta-a", position)])
    };
    let first = append("0", "hello ");
    assert_eq!((first.status().as_u16(), &first.headers()["x-cos-next-append-position"]), (200, &"6".parse().unwrap()));
    let tag = cos.shown(COS, "etag");
    assert_eq!(append("0", "again").status(), 409);
    assert_eq!(append("6", "world").headers()["x-cos-next-append-position"], "11");
    assert_eq!(cos.0.read("k").as_deref(), Some(&b"hello world"[..]));
    assert_ne!(cos.shown(COS, "etag"), tag);
    assert_eq!(
        (cos.shown(COS, "x-cos-object-type"), cos.shown(COS, "x-cos-meta-a")),
        ("appendable".into(), "0".into())
    );
    cos.done(COS, "PUT", "/k", "whole", &[]);
    assert_eq!(append("5", "!").status(), 409);
    assert_eq!(cos.shown(COS, "x-cos-object-type"), "");
}

#[test]
fn a_copy_takes_all_of_its_source_but_class_and_encryption() {
    let cos = Cos::new();
    let said = [("x-cos-tagging", "a=1"), ("x-cos-meta-a", "1"), ("x-cos-storage-class", "STANDARD_IA")];
    cos.done(COS, "PUT", "/a", "hello", &[said[0], said[1], said[2], ("x-cos-server-side-encryption", "AES256")]);
    let source = format!("/{}/a", cos.0.bucket());
    cos.done(COS, "PUT", "/k", "", &[("x-cos-copy-source", &source)]);
    for (name, value) in [
        ("x-cos-tagging-count", "1"),
        ("x-cos-meta-a", "1"),
        ("x-cos-storage-class", ""),
        ("x-cos-server-side-encryption", ""),
    ] {
        assert_eq!(cos.shown(COS, name), value, "{name}");
    }
}

#[test]
fn a_bucket_in_several_zones_says_so() {
    let cos = Cos::new();
    let ask = |method: &str, name: &str, body: &'static str| {
        let request = http::Request::builder().method(method).uri(format!("/{name}")).header("host", "127.0.0.1");
        cos.0.answer_as("owner", request.body(Bytes::from_static(body.as_bytes())).expect("a request"))
    };
    let zones = "<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig></CreateBucketConfiguration>";
    assert_eq!(ask("PUT", "zones-1250000000", zones).status(), 200);
    assert_eq!(ask("HEAD", "zones-1250000000", "").headers()["x-cos-bucket-az-type"], "MAZ");
    assert!(!ask("HEAD", cos.0.bucket(), "").headers().contains_key("x-cos-bucket-az-type"));
}

/// Clients must not take an entity tag for the MD5 of what they sent: where a managed key encrypts it, it is not.
#[test]
fn what_a_managed_key_encrypts_is_not_tagged_with_its_md5() {
    const PLAIN: &str = "\"5d41402abc4b2a76b9719d911017c592\"";
    let cos = Cos::new();
    let tag = |method: &str, target: &str, headers: &[(&str, &str)]| {
        let reply = cos.ask(COS, method, target, "hello", headers);
        assert_eq!(reply.status(), 200, "{method} {target}: {:?}", reply.body());
        reply.headers()["etag"].to_str().expect("text").to_owned()
    };
    let managed = [("x-cos-server-side-encryption", "cos/kms")];
    assert_eq!(tag("PUT", "/plain", &[("x-cos-server-side-encryption", "AES256")]), PLAIN);
    let whole = tag("PUT", "/k", &managed);
    assert!(whole != PLAIN && whole.len() == PLAIN.len(), "{whole}");
    assert_eq!(cos.shown(COS, "etag"), whole);
    let source = format!("/{}/plain", cos.0.bucket());
    cos.done(COS, "PUT", "/k", "", &[("x-cos-copy-source", &source), managed[0]]);
    assert_eq!(cos.shown(COS, "etag"), whole);

    assert_eq!(cos.ask(COS, "POST", "/k?uploads", "", &managed).status(), 200);
    let target = format!("/k?uploadId={}", cos.0.upload("k").id());
    let part = tag("PUT", &format!("{target}&partNumber=1"), &[]);
    assert_eq!(part, whole);
    let listed = cos.done(COS, "GET", &target, "", &[]);
    assert!(listed.contains(&format!("<ETag>{}</ETag>", part.replace('"', "&quot;"))), "{listed}");
    let list = |tag: &str| {
        let part = format!("<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>");
        format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>")
    };
    assert_eq!(cos.ask(COS, "POST", &target, &list(PLAIN), &[]).status(), 400);
    assert_eq!(cos.ask(COS, "POST", &target, &list(&part), &[]).status(), 200);
}
