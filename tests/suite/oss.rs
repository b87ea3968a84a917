//! What of OSS takes more than one request to show: settings that are made and read again, two faces of one upload.

use std::time::Duration;

use bytes::Bytes;
use fake_bucket::Fake;

use crate::asked;

/// How requests of the two faces authenticate. The fake takes their word.
const NATIVE: &str = "OSS LTAI5tFakeNobody:signature";
const S3: &str = "AWS4-HMAC-SHA256 Credential=LTAI5tFakeNobody/20250615/cn-hangzhou/s3/aws4_request, SignedHeaders=host, Signature=0";

const RULES: &str = "<LifecycleConfiguration><Rule><ID>sweep</ID><Prefix>big/</Prefix><Status>Enabled</Status>\
                     <AbortMultipartUpload><Days>3</Days></AbortMultipartUpload></Rule></LifecycleConfiguration>";

fn fake() -> Fake {
    Fake::oss().trusting().verify_on_drop(false).start()
}

/// Asks for something that must succeed.
fn ask(fake: &Fake, face: &str, line: &str, headers: &[(&str, &str)], body: &str) -> http::Response<Bytes> {
    let (method, target) = line.split_once(' ').expect("a method and a target");
    let reply = fake.answer(asked::request(fake, face, method, target, body, headers));
    assert!(reply.status().is_success(), "{line}: {} {}", reply.status(), text(&reply));
    reply
}

fn text(reply: &http::Response<Bytes>) -> String {
    String::from_utf8_lossy(reply.body()).into_owned()
}

fn header(reply: &http::Response<Bytes>, name: &str) -> String {
    reply.headers().get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
}

fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}")).1;
    rest.split_once(end).expect("an end").0.to_owned()
}

#[test]
fn lifecycle_rules_are_shown_again_and_run_when_the_clock_is_moved() {
    let fake = fake();
    ask(&fake, NATIVE, "PUT /?lifecycle", &[], RULES);
    assert_eq!(text(&ask(&fake, NATIVE, "GET /?lifecycle", &[], "")), RULES);
    ask(&fake, NATIVE, "POST /big/data.bin?uploads", &[], "");
    ask(&fake, NATIVE, "POST /small/data.bin?uploads", &[], "");
    fake.advance_clock(Duration::from_secs(3 * 86_400));
    fake.upload("big/data.bin").assert_aborted();
    assert!(text(&ask(&fake, NATIVE, "GET /?uploads", &[], "")).contains("small/data.bin"));
    ask(&fake, NATIVE, "DELETE /?lifecycle", &[], "");
    let gone = http::Request::get(format!("/{}/?lifecycle", fake.bucket())).header("host", "127.0.0.1");
    assert_eq!(fake.answer(gone.body(Bytes::new()).expect("a request")).status(), 404);
}

#[test]
fn a_complete_gives_its_object_a_list_and_the_initiate_does_not() {
    let fake = fake();
    for (given, shown) in [(None, "default"), (Some("private"), "private"), (Some("default"), "default")] {
        let initiated = ask(&fake, NATIVE, "POST /k?uploads", &[("x-oss-object-acl", "public-read-write")], "");
        let id = between(&text(&initiated), "<UploadId>", "</UploadId>");
        let part = ask(&fake, NATIVE, &format!("PUT /k?partNumber=1&uploadId={id}"), &[], "x");
        let list = format!("<Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>", header(&part, "etag"));
        let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
        let headers: Vec<_> = given.map(|acl| ("x-oss-object-acl", acl)).into_iter().collect();
        ask(&fake, NATIVE, &format!("POST /k?uploadId={id}"), &headers, &list);
        let acl = text(&ask(&fake, NATIVE, "GET /k?acl", &[], ""));
        assert!(acl.contains(&format!("<Grant>{shown}</Grant>")), "{given:?}: {acl}");
    }
}

#[test]
fn a_token_of_another_key_is_told_from_one_nobody_issued() {
    let fake = Fake::oss().verify_on_drop(false).start();
    let [one, other] = [60, 120].map(|seconds| fake.temporary(&fake.owner(), Duration::from_secs(seconds)));
    let refusal = |token: &str| {
        let (key, date) = (&one.access_key_id, httpdate::fmt_http_date(std::time::SystemTime::now()));
        let request = http::Request::get(format!("/{}/k", fake.bucket())).header("host", "127.0.0.1");
        let request = request.header("authorization", format!("OSS {key}:signature")).header("date", date);
        let request = request.header("x-oss-security-token", token).body(Bytes::new()).expect("a request");
        between(&text(&fake.answer(request)), "<Code>", "</Code>")
    };
    let [own, foreign] = [&one, &other].map(|keys| keys.security_token().expect("temporary keys have one"));
    assert_eq!(refusal(own), "SignatureDoesNotMatch");
    assert_eq!(refusal(foreign), "AccessKeyIdAndSecurityTokenNotMatch");
    assert_eq!(refusal("nobodys"), "InvalidSecurityToken");
}

#[test]
fn tags_are_kept_shown_and_counted() {
    let fake = fake();
    ask(&fake, NATIVE, "PUT /k", &[("x-oss-tagging", "a=1&b%20c=d%2Fe")], "x");
    assert_eq!(header(&ask(&fake, NATIVE, "HEAD /k", &[], ""), "x-oss-tagging-count"), "2");
    let shown = text(&ask(&fake, NATIVE, "GET /k?tagging", &[], ""));
    assert!(shown.contains("<Key>b c</Key>\n      <Value>d/e</Value>"), "{shown}");
    let one = "<Tagging><TagSet><Tag><Key>n</Key><Value></Value></Tag></TagSet></Tagging>";
    ask(&fake, S3, "PUT /k?tagging", &[], one);
    assert_eq!(header(&ask(&fake, S3, "HEAD /k", &[], ""), "x-amz-tagging-count"), "1");
    ask(&fake, NATIVE, "DELETE /k?tagging", &[], "");
    assert_eq!(header(&ask(&fake, NATIVE, "HEAD /k", &[], ""), "x-oss-tagging-count"), "");
}

#[test]
fn what_names_no_class_is_of_its_buckets() {
    let fake = fake();
    let kind = "<StorageClass>IA</StorageClass><DataRedundancyType>ZRS</DataRedundancyType>";
    ask(&fake, NATIVE, "DELETE /", &[], "");
    ask(&fake, NATIVE, "PUT /", &[], &format!("<CreateBucketConfiguration>{kind}</CreateBucketConfiguration>"));
    let info = text(&ask(&fake, NATIVE, "GET /?bucketInfo", &[], ""));
    assert!(info.contains("<StorageClass>IA<") && info.contains("<DataRedundancyType>ZRS<"), "{info}");
    ask(&fake, NATIVE, "PUT /own", &[("x-oss-storage-class", "Archive")], "x");
    ask(&fake, NATIVE, "PUT /copy", &[("x-oss-copy-source", &format!("/{}/own", fake.bucket()))], "");
    ask(&fake, NATIVE, "POST /grown?append&position=0", &[], "x");
    for (key, class) in [("own", "Archive"), ("copy", "IA"), ("grown", "IA")] {
        let head = ask(&fake, NATIVE, &format!("HEAD /{key}"), &[], "");
        assert_eq!(header(&head, "x-oss-storage-class"), class, "{key}");
    }
    ask(&fake, NATIVE, "POST /big?uploads", &[], "");
    assert!(text(&ask(&fake, S3, "GET /?uploads", &[], "")).contains("<StorageClass>STANDARD_IA<"));
}

#[test]
fn many_objects_go_at_once() {
    let fake = fake();
    ask(&fake, NATIVE, "PUT /a", &[], "x");
    ask(&fake, NATIVE, "PUT /b", &[], "x");
    let body = "<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>";
    let reply = ask(&fake, NATIVE, "POST /?delete", &[("content-md5", "b5VjH+eLl+S7KDPxwHNlMg==")], body);
    assert_eq!(text(&reply), "");
    let left = text(&ask(&fake, NATIVE, "GET /", &[], ""));
    assert!(left.contains("<Key>b</Key>") && !left.contains("<Key>a</Key>"), "{left}");
}

#[test]
fn an_upload_of_one_face_shows_right_through_the_other() {
    let fake = fake();
    let said = [
        ("x-amz-meta-owner", "tests"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-tagging", "a=1"),
    ];
    let reply = ask(&fake, S3, "POST /k?uploads", &said, "");
    assert_eq!(header(&reply, "x-amz-server-side-encryption"), "aws:kms");
    let id = between(&text(&reply), "<UploadId>", "<");
    let stored = ask(&fake, NATIVE, &format!("PUT /k?partNumber=1&uploadId={id}"), &[], "tail");
    assert_eq!(header(&stored, "x-oss-server-side-encryption"), "KMS");
    let listed = text(&ask(&fake, NATIVE, &format!("GET /k?uploadId={id}"), &[], ""));
    assert!(listed.contains("<StorageClass>IA</StorageClass>") && !listed.contains("Initiator"), "{listed}");
    let listed = text(&ask(&fake, S3, &format!("GET /k?uploadId={id}&x-id=ListParts"), &[], ""));
    assert!(listed.contains("<StorageClass>STANDARD_IA</StorageClass>") && listed.contains("<Initiator>"), "{listed}");
    let etag = between(&listed, "<ETag>", "<");
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    ask(&fake, S3, &format!("POST /k?uploadId={id}"), &[], &list);

    let native = ask(&fake, NATIVE, "HEAD /k", &[], "");
    assert_eq!(header(&native, "x-oss-meta-owner"), "tests");
    assert_eq!(header(&native, "x-oss-storage-class"), "IA");
    assert_eq!(header(&native, "x-oss-server-side-encryption"), "KMS");
    let s3 = ask(&fake, S3, "HEAD /k", &[], "");
    assert_eq!(header(&s3, "x-amz-meta-owner"), "tests");
    assert_eq!(header(&s3, "x-amz-storage-class"), "STANDARD_IA");
    assert_eq!(header(&s3, "etag"), header(&native, "etag"));

    let source = format!("/{}/k", fake.bucket());
    ask(&fake, S3, "PUT /copy", &[("x-amz-copy-source", &source)], "");
    let copy = ask(&fake, NATIVE, "HEAD /copy", &[], "");
    assert_eq!(header(&copy, "x-oss-meta-owner"), "tests");
    assert_eq!(
        (header(&copy, "x-oss-storage-class"), header(&copy, "x-oss-server-side-encryption")),
        ("Standard".into(), String::new())
    );
    assert!(s3.headers().contains_key("x-amz-request-id") && !s3.headers().contains_key("x-oss-request-id"));
}

#[test]
fn a_sequential_upload_takes_its_parts_one_after_the_other() {
    let fake = fake();
    let id = between(&text(&ask(&fake, NATIVE, "POST /k?uploads&sequential", &[], "")), "<UploadId>", "<");
    let part = |number: u32| {
        let target = format!("http://127.0.0.1/{}/k?partNumber={number}&uploadId={id}", fake.bucket());
        let request = http::Request::put(target).header("content-length", 1).header("authorization", NATIVE);
        fake.answer(request.header("host", "127.0.0.1").body(Bytes::from_static(b"x")).expect("a request"))
    };
    let refused = part(2);
    assert!(refused.status() == 400 && text(&refused).contains("<Code>PartNotSequential</Code>"), "{}", text(&refused));
    assert_eq!(part(1).status(), 200);
    assert_eq!(part(1).status(), 400);
    assert_eq!(part(3).status(), 400);
    assert_eq!(part(2).status(), 200);
    let listed = text(&ask(&fake, NATIVE, &format!("GET /k?uploadId={id}"), &[], ""));
    assert_eq!(listed.matches("<Part>").count(), 2, "{listed}");
}

#[test]
fn an_object_grows_where_it_ends() {
    let fake = fake();
    let first = ask(&fake, NATIVE, "POST /log?append&position=0", &[("x-oss-meta-a", "1")], "abc");
    assert_eq!(header(&first, "x-oss-next-append-position"), "3");
    let second = ask(&fake, NATIVE, "POST /log?append&position=3", &[("x-oss-meta-a", "2")], "def");
    assert_eq!(header(&second, "x-oss-next-append-position"), "6");
    assert_ne!(header(&first, "etag"), header(&second, "etag"));
    let grown = ask(&fake, NATIVE, "GET /log", &[], "");
    assert_eq!(text(&grown), "abcdef");
    assert_eq!(header(&grown, "x-oss-object-type"), "Appendable");
    assert_eq!(header(&grown, "x-oss-meta-a"), "1");
    assert_eq!(header(&grown, "x-oss-hash-crc64ecma"), header(&second, "x-oss-hash-crc64ecma"));
    ask(&fake, NATIVE, "PUT /log", &[], "x");
    assert_eq!(header(&ask(&fake, NATIVE, "HEAD /log", &[], ""), "x-oss-object-type"), "Normal");
}

#[test]
fn bytes_that_are_added_may_give_an_object_another_list() {
    let fake = fake();
    let list = |key: &str| between(&text(&ask(&fake, NATIVE, &format!("GET {key}?acl"), &[], "")), "<Grant>", "<");
    let append = |position: u64, headers: &[(&str, &str)]| {
        ask(&fake, NATIVE, &format!("POST /log?append&position={position}"), headers, "x");
        list("/log")
    };
    assert_eq!(append(0, &[("x-oss-object-acl", "public-read-write")]), "public-read-write");
    assert_eq!(append(1, &[]), "public-read-write");
    assert_eq!(append(2, &[("x-oss-object-acl", "public-read")]), "public-read");
    assert_eq!(append(3, &[("x-oss-object-acl", "default")]), "default");
}
