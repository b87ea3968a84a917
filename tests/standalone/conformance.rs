//! `fake-bucket conformance`: what it prints, to the letter, and its exit status.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    process::{Command, Stdio},
};

use bytes::Bytes;
use fake_bucket::Fake;
use http::{Method, Request, Response};

use crate::store::Served;

/// The exit status, standard output and standard error.
fn conformance(arguments: &[impl AsRef<str>]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-bucket"));
    command.arg("conformance").args(arguments.iter().map(AsRef::as_ref)).stdin(Stdio::null());
    for name in ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SECURITY_TOKEN"] {
        command.env_remove(format!("FAKE_BUCKET_{name}"));
    }
    let ended = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (ended.status.code().expect("a status"), text(ended.stdout), text(ended.stderr))
}

fn with(store: &Served, more: &[&str]) -> (i32, String, String) {
    let mut arguments = store.arguments();
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    conformance(&arguments)
}

const LAWS: &str = "law: refused means unchanged: holds
law: an ended id stays ended: holds
law: pages tile the listing: holds
law: the object is its parts: holds
law: nothing is left of an abort: holds
law: others abort nothing: holds
law: ids never repeat: holds
";

#[test]
fn what_conforms_ends_with_0() {
    let (status, out, error) = conformance(&["--provider", "oss", "--fake", "--steps", "200"]);
    let summary = "222 steps in 6 scripts, 144 done and 78 refused as expected\n";
    assert_eq!((status, &*error), (0, ""), "{out}");
    assert_eq!(out, format!("{LAWS}{summary}"));
    let (status, out, error) = conformance(&["--provider", "oss", "--fake", "--steps", "200", "--survey"]);
    assert_eq!((status, out, &*error), (0, format!("{LAWS}{summary}"), ""));
}

#[test]
fn a_store_elsewhere_that_conforms_ends_with_0() {
    let store = Served::new(|fake, request| Some(fake.answer(request)));
    let (status, out, error) = with(&store, &["--steps", "60"]);
    assert_eq!((status, &*error), (0, ""), "{out}");
    let laws = LAWS
        .replace("others abort nothing: holds", "others abort nothing: passed over, the target knows the owner only");
    assert!(out.starts_with(&laws) && out.ends_with(" refused as expected\n"), "{out}");
    let (status, out, error) = with(&store, &["--concurrent", "3"]);
    assert_eq!((status, &*error), (0, ""), "{out}");
    assert!(out.starts_with("at the same time: 3 histories of ") && out.ends_with(" states at most\n"), "{out}");
}

/// A store that cannot tell an upload from the twentieth after it. No script is as long as to notice.
fn repeating() -> impl FnMut(&Fake, Request<Bytes>) -> Option<Response<Bytes>> {
    let (mut ids, mut initiated) = (BTreeMap::<String, String>::new(), 0);
    move |fake, request| {
        let uri = request.uri().to_string();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let initiates = request.method() == Method::POST && query.split('&').any(|name| name == "uploads");
        let lists =
            request.method() == Method::GET && query.split('&').any(|name| name == "uploads" || name == "uploads=");
        let mut stored = uri.clone();
        for (own, id) in &ids {
            stored = stored.replace(&format!("={own}"), &format!("={id}"));
        }
        let (mut head, body) = request.into_parts();
        head.uri = stored.parse().expect("a target");
        let response = fake.answer_as("owner", Request::from_parts(head, body));
        let mut text = String::from_utf8_lossy(response.body()).into_owned();
        if initiates && response.status() == 200 {
            let (_, rest) = text.split_once("<UploadId>").expect("an id");
            let id = rest.split_once('<').expect("its end").0.to_owned();
            // The order of ids is that of the uploads, but for those that come again.
            ids.insert(format!("FA{:030}", initiated % 20), id);
            initiated += 1;
        }
        for (own, id) in &ids {
            text = text.replace(id, own);
        }
        let binary = !initiates && !lists && !text.contains("UploadId");
        if binary {
            return Some(response);
        }
        let (head, _) = response.into_parts();
        Some(Response::from_parts(head, text.into()))
    }
}

#[test]
fn a_broken_law_ends_with_1_though_no_script_differs() {
    let store = Served::new(repeating());
    let laws = ["--waive", "pages tile the listing"];
    let (status, out, error) = with(&store, &[&["--steps", "30"][..], &laws].concat());
    assert_eq!((status, &*error), (1, "fake-bucket: 1 law does not hold\n"), "{out}");
    assert!(out.contains("\nlaw: \"ids never repeat\" does not hold: the id was handed out before\n"), "{out}");
    assert!(out.ends_with(" refused as expected\n"), "no script differs: {out}");
    let (status, out, error) = with(&store, &[&["--steps", "30", "--survey"][..], &laws].concat());
    assert_eq!((status, &*error), (1, "fake-bucket: 1 law does not hold\n"), "{out}");

    let (status, out, error) = with(&store, &[&["--steps", "30", "--waive", "ids-never-repeat"][..], &laws].concat());
    assert_eq!((status, &*error), (0, ""), "{out}");
    assert!(out.contains("\nlaw: pages tile the listing: waived\n"), "{out}");
    assert!(out.contains("\nlaw: ids never repeat: waived\n"), "{out}");
}

/// A store that answers an abort of what it does not know with success.
fn lenient(fake: &Fake, request: Request<Bytes>) -> Option<Response<Bytes>> {
    let aborts = request.method() == Method::DELETE && request.uri().query().is_some();
    let mut response = fake.answer(request);
    if aborts && response.status() == 404 {
        response = Response::new(Bytes::new());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
    }
    Some(response)
}

#[test]
fn what_differs_ends_with_1() {
    let store = Served::new(lenient);
    let waived = ["refused means unchanged", "an ended id stays ended", "nothing is left of an abort"];
    let waived = waived.map(|law| format!("--waive={law}"));
    let waived: Vec<_> = waived.iter().map(String::as_str).collect();
    let (status, out, error) = with(&store, &[&["--steps", "150"][..], &waived].concat());
    assert!(status == 1 && !out.contains("does not hold"), "{out}{error}");
    assert!(
        error.starts_with("fake-bucket: after ") && error.contains("this one is not answered as expected:\n"),
        "{error}"
    );
    assert!(error.contains("  observed: Aborted\n"), "{error}");

    let (status, out, error) = with(&store, &[&["--steps", "150", "--survey"][..], &waived].concat());
    let found = "abort: done, not 404 NoSuchUpload\n";
    assert!(out.contains(found), "{out}");
    assert_eq!((status, &*error), (1, "fake-bucket: 1 difference was found\n"), "{out}");

    let known = ["--known", found.trim_end()];
    let (status, out, error) = with(&store, &[&["--steps", "150"][..], &known, &waived].concat());
    assert_eq!((status, &*error), (0, ""), "{out}");
    assert!(out.contains(" differing as is known"), "{out}");

    let (status, out, error) = with(&store, &["--steps", "150", "--survey"]);
    assert_eq!(status, 1, "{out}");
    assert_eq!(error, "fake-bucket: 3 laws do not hold, and 1 difference was found\n");
}

#[test]
fn what_cannot_be_used_ends_with_2() {
    let store = Served::new(lenient);
    let file = std::env::temp_dir().join(format!("fake-bucket-no-script-{}.json", std::process::id()));
    std::fs::write(&file, "{").expect("a file");
    let path = file.to_str().expect("text");
    let keys = ["--access-key-id", "id", "--secret-access-key", "secret", "--bucket", "b"];
    let cases: [(&[&str], String); 7] = [
        (&[], "the following required arguments were not provided".into()),
        (&["--provider", "oss", "--fake", "--steps", "x"], "invalid value 'x' for '--steps <STEPS>'".into()),
        (
            &["--provider", "oss", "--fake", "--waive", "gravity"],
            "error: invalid value 'gravity' for '--waive <NAME>': no law is called \"gravity\"; the laws are: refused means \
            unchanged, an ended id stays ended, pages tile the listing, the object is its parts, nothing is left of an abort, \
            others abort nothing, ids never repeat\n"
                .into(),
        ),
        (
            &["--provider", "oss", "--fake", "--script", path],
            format!("fake-bucket: {path}: the script is not a JSON list of steps\n"),
        ),
        (
            &["--provider", "oss", "--fake", "--script", "/no/such/file"],
            "fake-bucket: /no/such/file: No such file or directory (os error 2)\n".into(),
        ),
        (
            &[&["--provider", "oss", "--endpoint", "https://oss.example"][..], &keys].concat(),
            "fake-bucket: https://oss.example is not of the form http://HOST[:PORT]; TLS is not spoken here".into(),
        ),
        (&["--provider", "oss", "--endpoint", "http://127.0.0.1:1"], "the following required arguments were not".into()),
    ];
    for (arguments, words) in cases {
        let (status, out, error) = conformance(arguments);
        assert_eq!((status, &*out), (2, ""), "{arguments:?}: {error}");
        assert!(error.contains(&words), "{arguments:?}: {error}");
    }
    let (status, _, error) = with(&store, &["--script", path]);
    assert_eq!((status, error), (2, format!("fake-bucket: {path}: the script is not a JSON list of steps\n")));
    std::fs::remove_file(file).expect("it was written");
}

#[test]
fn what_cannot_be_reached_ends_with_3() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let endpoint = format!("http://{closed}");
    let keys = ["--access-key-id", "id", "--secret-access-key", "secret", "--bucket", "examplebucket"];
    let named = ["--provider", "oss", "--endpoint", &endpoint];
    let ways: [&[&str]; 4] = [&[], &["--survey"], &["--concurrent", "3"], &["--waive", "ids never repeat"]];
    for more in ways {
        let (status, out, error) = conformance(&[&named[..], &keys, more].concat());
        let expected = format!(
            "fake-bucket: the target cannot be reached: no connection to {closed}: Connection refused (os error 111)\n"
        );
        assert_eq!((status, &*out, error), (3, "", expected), "{more:?}");
    }
}

/// A store that dies at the n-th request.
fn dies_at(last: usize) -> Served {
    let mut left = last;
    Served::new(move |fake, request| {
        left = left.checked_sub(1)?;
        Some(fake.answer(request))
    })
}

#[test]
fn what_goes_away_ends_with_3() {
    // Within a law, then within a script, one after the other and at the same time.
    let (status, out, error) = with(&dies_at(20), &["--steps", "100"]);
    assert_eq!((status, &*out), (3, ""), "{error}");
    let expected = "fake-bucket: \"refused means unchanged\" could not be checked to its end: the target went away: ";
    assert!(error.starts_with(expected), "{error}");

    let laws: Vec<_> = LAWS.lines().map(|line| line.split(": ").nth(1).expect("a name")).collect();
    let waived: Vec<_> = laws.iter().flat_map(|law| ["--waive", law]).collect();
    for mode in [&[][..], &["--survey"]] {
        let (status, out, error) = with(&dies_at(20), &[&["--steps", "100"][..], &waived, mode].concat());
        assert!(status == 3 && out.starts_with("law: refused means unchanged: waived\n"), "{out}{error}");
        let expected = "fake-bucket: the target went away at the last of these steps:\n  1. Step::";
        assert!(error.starts_with(expected) && error.contains("  observed: unreachable: "), "{error}");
    }
    let (status, out, error) = with(&dies_at(20), &["--concurrent", "10"]);
    assert_eq!((status, &*out), (3, ""), "{error}");
    assert!(error.contains("the target went away at one of these steps: "), "{error}");
}

/// An answer without any sense is a difference, as long as there are answers.
#[test]
fn what_answers_without_sense_differs() {
    let store = Served::new(|fake, request| {
        let initiates = request.method() == Method::POST && request.uri().query() == Some("uploads");
        let response = fake.answer(request);
        Some(if initiates { Response::new(Bytes::from_static(b"done")) } else { response })
    });
    let (status, _, error) = with(&store, &["--steps", "100"]);
    assert_eq!(status, 1, "{error}");
    assert!(error.contains("  observed: Strange(\"200 with no XML: \\\"done\\\"\")\n"), "{error}");
}
