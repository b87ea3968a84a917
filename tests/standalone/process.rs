//! The process: what it announces, how it stops, and how it says that it cannot serve.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::server::{Server, serve};

/// However it is told to stop it does so at once, whatever is under way, and calls that a success.
#[cfg(unix)]
#[test]
fn stops_when_it_is_told_to() {
    for signal in [Some("-TERM"), Some("-INT"), None] {
        let flag = if signal.is_none() { &["--until-stdin-closes"][..] } else { &[] };
        let (mut process, mut lines) = serve(&[&["--provider=oss"], flag].concat());
        let line = lines.next().expect("a line");
        let endpoint = line["endpoint"].as_str().and_then(|url| url.strip_prefix("http://")).expect("an endpoint");
        let mut busy = TcpStream::connect(endpoint).expect("it accepts connections");
        write!(busy, "PUT /examplebucket/k HTTP/1.1\r\nHost: {endpoint}\r\nContent-Length: 5\r\n\r\n1").expect("sent");
        match signal {
            Some(signal) => {
                let told = Command::new("kill").args([signal, &process.id().to_string()]).status();
                assert!(told.expect("`kill` runs").success(), "{signal}");
            }
            None => drop(process.stdin.take()),
        }
        assert_eq!(process.wait().expect("it ends").code(), Some(0), "{signal:?}");
        assert_eq!(lines.next(), None, "{signal:?}: nothing else is printed");
    }
}

#[test]
fn says_what_others_need_to_know() {
    let server = Server::start();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned();
    let kinds = [("owner", "root"), ("writer", "sub-account"), ("stranger", "other-account")];
    let expected = [
        ("cos", "ap-guangzhou", "examplebucket-1250000000", "cos.ap-guangzhou.myqcloud.com"),
        ("oss", "cn-hangzhou", "examplebucket", "oss-cn-hangzhou.aliyuncs.com"),
        ("obs", "cn-north-4", "examplebucket", "obs.cn-north-4.myhuaweicloud.com"),
    ];
    for (line, (provider, region, bucket, service_host)) in server.lines.iter().zip(expected) {
        let said = ["provider", "region", "bucket", "service_host"].map(|name| text(line, name));
        assert_eq!(said, [provider, region, bucket, service_host]);
        for name in ["endpoint", "admin"] {
            assert!(text(line, name).starts_with("http://127.0.0.1:"), "{name}: {line}");
        }
        let principals = line["principals"].as_array().expect("principals");
        let found: Vec<_> = principals.iter().map(|one| (text(one, "name"), text(one, "role"))).collect();
        assert_eq!(found, kinds.map(|(name, role)| (name.to_owned(), role.to_owned())));
        for one in principals {
            assert!(!text(one, "access_key_id").is_empty() && !text(one, "secret_access_key").is_empty(), "{one}");
        }
    }
    assert_eq!(server.lines.len(), 3);
}

/// What cannot be served is said in words, on standard error, and nothing is announced.
#[test]
fn what_cannot_be_served_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let port = address.port().to_string();
    let oss = ["--provider", "oss"];
    let cases: [(&[&str], i32, String); 14] = [
        (&[], 2, "--provider <PROVIDER>".into()),
        (&["--provider", "azure"], 2, "[possible values: cos, oss, obs]".into()),
        (&["--port", "65536"], 2, "65536 is not in 0..=65535".into()),
        (
            &["--bucket", "No_Bucket"],
            2,
            "fake-bucket: --bucket: oss does not allow a bucket by the name \"No_Bucket\"\n".into(),
        ),
        (&["--region", "Beijing"], 2, "a region is written in small letters, digits and hyphens".into()),
        (&["--region", ""], 2, "invalid value '' for '--region <REGION>': a region".into()),
        (&["--custom-domain", "media.example.com"], 2, "it has to be HOST=BUCKET".into()),
        (&["--custom-domain", "=examplebucket"], 2, "\"\" is not a host name".into()),
        (&["--custom-domain", "host:80=examplebucket"], 2, "a port does not belong to it".into()),
        (&["--custom-domain", "media.example.com="], 2, "it has to be HOST=BUCKET".into()),
        (
            &["--custom-domain", "media.example.com=other"],
            2,
            "fake-bucket: --custom-domain media.example.com: there is no bucket \"other\"; there are examplebucket\n"
                .into(),
        ),
        (&["--port", &port], 1, format!("cannot listen on {address} for oss: Address already in use")),
        (&["--admin-port", &port], 1, format!("cannot listen on {address} for the admin address: Address already")),
        (
            &["--provider", "cos", "--admin-port", "65535"],
            2,
            "fake-bucket: --admin-port 65535: no port is left for provider 2\n".into(),
        ),
    ];
    for (args, code, words) in cases {
        let oss = if args.is_empty() || args.contains(&"azure") { &[][..] } else { &oss[..] };
        let mut command = Command::new(env!("CARGO_BIN_EXE_fake-bucket"));
        let ended = command.arg("serve").args(oss).args(args).stdin(Stdio::null()).output().expect("it runs");
        let (out, error) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert_eq!((ended.status.code(), &*out), (Some(code), ""), "{args:?}: {error}");
        assert!(error.contains(&words), "{args:?}: {error}");
    }
}

/// The fake of Beijing answers hosts of Beijing, and a custom domain in place of a bucket.
#[tokio::test]
async fn a_region_and_custom_domains_are_served() {
    let domains = ["--custom-domain=media.example.com=examplebucket", "--custom-domain=Other.Example.Com=second"];
    let buckets = ["--bucket=examplebucket", "--bucket=second"];
    let common = ["--provider=cos", "--provider=oss", "--region=ap-beijing", "--trusting", "--until-stdin-closes"];
    let (mut process, lines) = serve(&[&common[..], &buckets, &domains].concat());
    let lines: Vec<_> = lines.take(2).collect();
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let hosts = [
        ["examplebucket-1250000000.cos.ap-beijing.myqcloud.com", "examplebucket.oss-ap-beijing.aliyuncs.com"],
        ["media.example.com", "media.example.com"],
        ["other.example.com", "OTHER.example.com"],
    ];
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["region"], "ap-beijing");
        let endpoint = line["endpoint"].as_str().expect("an endpoint");
        for (host, status) in hosts.iter().map(|hosts| hosts[at]).zip([200, 200, 200]) {
            let put = http.put(format!("{endpoint}/k")).header("host", host).body("x").send().await.expect("a reply");
            assert_eq!(put.status(), status, "{host}");
        }
        let elsewhere = http.put(format!("{endpoint}/k")).header("host", "unknown.example.com").body("x").send().await;
        assert_ne!(elsewhere.expect("a reply").status(), 200);
        let admin = line["admin"].as_str().expect("an address");
        let state = http.get(format!("{admin}/state")).send().await.expect("a reply").bytes().await.expect("a body");
        let state: Value = serde_json::from_slice(&state).expect("JSON");
        let objects = state["objects"].as_array().expect("objects").iter();
        let objects: Vec<_> = objects.map(|object| object["bucket"].as_str().expect("a bucket")).collect();
        let expected = [["examplebucket-1250000000", "second-1250000000"], ["examplebucket", "second"]];
        assert_eq!(objects, expected[at]);
    }
    drop(process.stdin.take());
    assert_eq!(process.wait().expect("it ends").code(), Some(0));
}

/// The announcement, to the letter, but for ports.
#[test]
fn the_announcement_is_one_line_of_json() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-bucket"));
    command.args(["serve", "--provider=oss", "--seed=1", "--until-stdin-closes"]);
    let ended = command.stdin(Stdio::null()).output().expect("it runs");
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]));
    let out = String::from_utf8(ended.stdout).expect("text");
    let line: Value = serde_json::from_str(&out).expect("JSON");
    let address = |name: &str| line[name].as_str().expect("an address").to_owned();
    let expected = include_str!("announcement.txt");
    let expected = expected.replace("ENDPOINT", &address("endpoint")).replace("ADMIN", &address("admin"));
    assert_eq!(out, expected);
}
