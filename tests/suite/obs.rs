//! What takes more than one exchange on OBS: settings that were put are shown again, in the words of the face that asks.

use std::time::Duration;

use bytes::Bytes;
use fake_bucket::Fake;

use crate::asked;

/// A fake, asked by its owner.
struct Obs(Fake);

const OBS: &str = "OBS ak:sig";
const AWS: &str = "AWS ak:sig";

impl Obs {
    fn new() -> Self {
        Self(Fake::obs().verify_on_drop(false).build())
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
    fn done(&self, method: &str, target: &str, body: &str, headers: &[(&str, &str)]) -> String {
        asked::done(&self.0, OBS, method, target, body, headers)
    }
}

const RULES: &str = "<LifecycleConfiguration>\n <Rule><ID>stale</ID><Prefix>tmp/</Prefix><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>\n</LifecycleConfiguration>";
const RULES_MD5: (&str, &str) = ("content-md5", "yVbBgRbC+9/pzYOF4Vxu1w==");

#[test]
fn lifecycle_rules_are_shown_again_and_run_by_the_clock() {
    let obs = Obs::new();
    obs.done("PUT", "/?lifecycle", RULES, &[RULES_MD5]);
    let shown = obs.done("GET", "/?lifecycle", "", &[]);
    assert!(shown.contains("<LifecycleConfiguration xmlns=") && shown.contains("/\"><Rule><ID>stale</ID>"), "{shown}");
    obs.done("POST", "/tmp/a?uploads", "", &[]);
    obs.done("POST", "/b?uploads", "", &[]);
    obs.0.advance_clock(Duration::from_secs(7 * 86_400));
    let open = obs.done("GET", "/?uploads", "", &[]);
    assert!(open.contains("<Key>b</Key>") && !open.contains("<Key>tmp/a</Key>"), "{open}");
    obs.done("DELETE", "/?lifecycle", "", &[]);
    assert_eq!(obs.ask(OBS, "GET", "/?lifecycle", "", &[]).status(), 404);
}

#[test]
fn a_rule_that_selects_uploads_by_tag_is_refused() {
    let obs = Obs::new();
    let filter = "<Filter><And><Prefix>tmp/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>";
    let rules = RULES.replace("<Prefix>tmp/</Prefix>", filter);
    let reply = obs.ask(OBS, "PUT", "/?lifecycle", &rules, &[("content-md5", "kEOawsneBsIs0oWmZY8Xkw==")]);
    assert_eq!(reply.status(), 400, "{reply:?}");
}

#[test]
fn tags_are_those_of_the_header_then_those_of_the_document() {
    let obs = Obs::new();
    obs.done("PUT", "/k", "hello", &[("x-obs-tagging", "color=blue&size=x%20l")]);
    let shown = obs.done("GET", "/k?tagging", "", &[]);
    let tag = |key: &str, value: &str| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    assert!(shown.contains(&(tag("color", "blue") + &tag("size", "x l"))), "{shown}");
    assert_eq!(obs.ask(OBS, "HEAD", "/k", "", &[]).headers()["x-obs-tagging-count"], "2");

    obs.done("PUT", "/k?tagging", &format!("<Tagging><TagSet>{}</TagSet></Tagging>", tag("only", "one")), &[]);
    assert_eq!(obs.ask(AWS, "GET", "/k", "", &[]).headers()["x-amz-tagging-count"], "1");
    obs.done("DELETE", "/k?tagging", "", &[]);
    assert!(!obs.ask(OBS, "HEAD", "/k", "", &[]).headers().contains_key("x-obs-tagging-count"));
    assert_eq!(obs.0.read("k").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn tags_of_an_upload_are_those_of_its_object() {
    let obs = Obs::new();
    let begun = obs.ask(AWS, "POST", "/k?uploads", "", &[("x-amz-tagging", "a=1")]);
    assert_eq!(begun.status(), 200);
    let id = obs.0.upload("k").id().to_owned();
    obs.done("PUT", &format!("/k?partNumber=1&uploadId={id}"), "hello", &[]);
    let part = "<Part><PartNumber>1</PartNumber><ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part>";
    let list = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
    obs.done("POST", &format!("/k?uploadId={id}"), &list, &[]);
    assert_eq!(obs.ask(OBS, "HEAD", "/k", "", &[]).headers()["x-obs-tagging-count"], "1");
}

#[test]
fn a_copy_takes_all_of_its_source_but_class_and_encryption() {
    let obs = Obs::new();
    let said = [("x-obs-tagging", "a=1"), ("x-obs-meta-a", "1"), ("x-obs-storage-class", "WARM")];
    obs.done("PUT", "/a", "hello", &[said[0], said[1], said[2], ("x-obs-server-side-encryption", "kms")]);
    obs.done("PUT", "/b", "", &[("x-obs-copy-source", "/examplebucket/a")]);
    let copy = obs.ask(OBS, "HEAD", "/b", "", &[]);
    assert_eq!(copy.headers()["x-obs-tagging-count"], "1");
    assert_eq!(copy.headers()["x-obs-meta-a"], "1");
    for name in ["x-obs-storage-class", "x-obs-server-side-encryption"] {
        assert!(!copy.headers().contains_key(name), "{name}");
    }
}

#[test]
fn many_objects_are_deleted_and_nothing_else() {
    let obs = Obs::new();
    for key in ["a", "b", "c"] {
        obs.done("PUT", &format!("/{key}"), "x", &[]);
    }
    let list = "<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object><Object><Key>c</Key></Object></Delete>";
    let told = obs.done("POST", "/?delete", list, &[]);
    assert!(!told.contains("<Deleted>"), "{told}");
    let left = ["a", "b", "c"].map(|key| obs.0.read(key).is_some());
    assert_eq!(left, [false, true, false]);
    let version = "<Delete><Object><Key>b</Key><VersionId>G001</VersionId></Object></Delete>";
    assert_eq!(obs.ask(OBS, "POST", "/?delete", version, &[]).status(), 501);
    assert!(obs.0.read("b").is_some());
}

#[test]
fn encryption_is_remembered_in_the_words_of_either_face() {
    let obs = Obs::new();
    let said = [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-aws-kms-key-id", "key-1")];
    assert_eq!(obs.ask(AWS, "PUT", "/k", "hello", &said).status(), 200);
    let shown = obs.ask(OBS, "HEAD", "/k", "", &[]);
    assert_eq!(shown.headers()["x-obs-server-side-encryption"], "kms");
    assert_eq!(shown.headers()["x-obs-server-side-encryption-kms-key-id"], "key-1");
    let shown = obs.ask(AWS, "GET", "/k", "", &[]);
    let names = said.map(|(name, _)| shown.headers()[name].to_str().unwrap_or_default().to_owned());
    assert_eq!(names, said.map(|(_, value)| value.to_owned()));
}

#[test]
fn where_a_visitor_is_sent_is_remembered_in_the_words_of_either_face() {
    let obs = Obs::new();
    let put = obs.ask(OBS, "PUT", "/k", "hello", &[("x-obs-website-redirect-location", "/elsewhere")]);
    assert!(!put.headers().contains_key("x-obs-website-redirect-location"), "{put:?}");
    assert_eq!(obs.ask(OBS, "GET", "/k", "", &[]).headers()["x-obs-website-redirect-location"], "/elsewhere");
    assert_eq!(obs.ask(AWS, "HEAD", "/k", "", &[]).headers()["x-amz-website-redirect-location"], "/elsewhere");
}

#[test]
fn encryption_asked_for_on_initiate_is_that_of_the_object() {
    let obs = Obs::new();
    obs.done("POST", "/k?uploads", "", &[("x-obs-server-side-encryption", "AES256")]);
    let id = obs.0.upload("k").id().to_owned();
    obs.done("PUT", &format!("/k?partNumber=1&uploadId={id}"), "hello", &[]);
    let part = "<Part><PartNumber>1</PartNumber><ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part>";
    let list = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
    let completed = obs.ask(OBS, "POST", &format!("/k?uploadId={id}"), &list, &[]);
    assert_eq!(completed.headers()["x-obs-server-side-encryption"], "AES256");
    assert_eq!(obs.ask(AWS, "HEAD", "/k", "", &[]).headers()["x-amz-server-side-encryption"], "AES256");
}

#[test]
fn uploads_of_a_key_are_listed_in_the_order_of_initiation_however_fast_they_come() {
    let obs = Obs::new();
    let ids = |body: &str| -> Vec<String> {
        let ends = body.split("<UploadId>").skip(1).filter_map(|rest| rest.split_once("</UploadId>"));
        ends.map(|(id, _)| id.to_owned()).collect()
    };
    let begun: Vec<String> = (0..100).flat_map(|_| ids(&obs.done("POST", "/k?uploads", "", &[]))).collect();
    assert_eq!(ids(&obs.done("GET", "/?uploads", "", &[])), begun);
}

#[test]
fn what_names_no_class_is_of_its_buckets() {
    let obs = Obs::new();
    obs.done("DELETE", "/", "", &[]);
    obs.done("PUT", "/", "", &[("x-obs-storage-class", "WARM"), ("x-obs-az-redundancy", "3az")]);
    obs.done("PUT", "/k", "x", &[]);
    obs.done("POST", "/big?uploads", "", &[]);
    let head = obs.ask(OBS, "HEAD", "/", "", &[]);
    let shown = ["x-obs-storage-class", "x-obs-az-redundancy"].map(|name| &head.headers()[name]);
    assert_eq!(shown, ["WARM", "3az"]);
    assert_eq!(obs.ask(AWS, "HEAD", "/", "", &[]).headers()["x-default-storage-class"], "STANDARD_IA");
    assert_eq!(obs.ask(AWS, "HEAD", "/k", "", &[]).headers()["x-amz-storage-class"], "STANDARD_IA");
    for shows in ["/?uploads", "/", "/?storageClass"] {
        let shown = obs.done("GET", shows, "", &[]);
        assert!(shown.contains(">WARM</StorageClass>"), "{shows}: {shown}");
    }
}

#[test]
fn a_complete_whose_object_would_have_another_checksum_changes_nothing() {
    let obs = Obs::new();
    obs.done("POST", "/k?uploads", "", &[]);
    let id = obs.0.upload("k").id().to_owned();
    obs.done("PUT", &format!("/k?partNumber=1&uploadId={id}"), "hello", &[]);
    let part = "<Part><PartNumber>1</PartNumber><ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part>";
    let list = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
    let said = |crc64| [("x-obs-checksum-crc64ecma", crc64)];
    assert_eq!(obs.ask(OBS, "POST", &format!("/k?uploadId={id}"), &list, &said("1")).status(), 400);
    obs.0.upload("k").assert_open().assert_parts(&[1]);
    obs.done("POST", &format!("/k?uploadId={id}"), &list, &said("11177612005948864433"));
    obs.0.upload("k").assert_completed();
}
