//! Tests to paste: each plays one run of a sweep again, on a fake that is built as the sweep built it, and asserts the laws.

use std::time::Duration;

use super::{
    Trouble,
    laws::{Law, Wanted},
    scene::Request,
};
use crate::{
    dialect::Provider,
    exchange::{
        failure::Failure,
        fault::{Fault, Until},
    },
    expect::in_order,
    fake::span,
};

/// What the tests of one sweep have in common.
#[derive(Debug)]
pub struct Replay {
    /// The provider, after which the fake is called.
    pub provider: Provider,
    /// The expression that builds the fake.
    pub fake: String,
    /// How long one run may take.
    pub limit: Duration,
    /// How many requests one run may send.
    pub max_requests: u64,
    /// How the uploader is called.
    pub way: Way,
}

/// How an uploader is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is awaited.
    Async,
    /// It blocks the thread.
    Blocking,
}

impl Replay {
    /// The test of one run: what goes wrong in it, in order, and the laws that it broke.
    pub fn test(&self, title: &str, spoiled: &[(&Request, &Trouble)], objects: &[Wanted], broken: &[Law]) -> String {
        let Self { fake, .. } = self;
        let name = self.provider.name();
        let head = match self.way {
            Way::Async => "#[tokio::test]\nasync fn",
            Way::Blocking => "#[test]\nfn",
        };
        let mut lines = vec![format!("let {name} = {fake}.start();")];
        lines.extend(spoiled.iter().zip(1..).map(|(spoiled, at)| install(name, at, spoiled)));
        let mut laws = Laws { broken, lines };
        laws.say(&[Law::Ends, Law::Bounded]);
        laws.lines.extend(self.run());
        if !objects.is_empty() {
            let whole: Vec<_> = objects.iter().map(|object| whole(name, object, broken)).collect();
            laws.assert(Law::Whole, format!("if outcome.is_ok() {{\n        {}\n    }}", whole.join("\n        ")));
        }
        laws.assert(Law::NoLeaks, format!("{name}.assert_no_leaks();"));
        let loses = spoiled.iter().any(|(_, trouble)| loses_reply(&trouble.fault));
        let after_end = if loses { "assert_no_use_after_known_end" } else { "assert_no_use_after_end" };
        laws.assert(Law::NoUseAfterEnd, format!("{name}.{after_end}();"));
        laws.assert(Law::Modelled, format!("{name}.assert_all_modelled();"));
        format!("{head} {}() {{\n    {}\n}}\n", function_name(title), laws.lines.join("\n    "))
    }

    /// Calls the uploader, within bounds, and waits until nothing is in flight.
    fn run(&self) -> [String; 2] {
        let Self { limit, max_requests, .. } = self;
        let name = self.provider.name();
        match self.way {
            Way::Async => [
                format!("let outcome = {name}.run_within({}, {max_requests}, upload(&{name})).await;", span(*limit)),
                format!("{name}.quiesce().await;"),
            ],
            Way::Blocking => [
                format!("let outcome = upload(&{name});\n    {name}.quiesce_blocking();"),
                format!(
                    "assert!({name}.journal().len() <= {max_requests}, \"too many requests\\n\\n{{}}\", {name}.timeline());"
                ),
            ],
        }
    }
}

/// The lines of a test, of which those say so that assert what was broken.
struct Laws<'l> {
    broken: &'l [Law],
    lines: Vec<String>,
}

impl Laws<'_> {
    fn assert(&mut self, law: Law, line: String) {
        self.say(&[law]);
        self.lines.push(line);
    }

    /// Says which of these laws were broken.
    fn say(&mut self, laws: &[Law]) {
        let broken = laws.iter().filter(|law| self.broken.contains(law));
        self.lines.extend(broken.map(|law| format!("// Broken in the sweep: {law}.")));
    }
}

fn install(name: &str, at: usize, (request, trouble): &(&Request, &Trouble)) -> String {
    let install = if trouble.lasting { "fault_always" } else { "fault" };
    format!("let _fault_{at} = {name}.{install}({}, {});", request.code(trouble.lasting), fault(&trouble.fault))
}

/// Asserts that an object is what it should be. What few objects have is asserted of those that have it, and where it may be
/// what was wrong.
fn whole(name: &str, wanted: &Wanted, broken: &[Law]) -> String {
    let object = &wanted.record;
    let mut code = format!("{name}.object_in({:?}, {:?})", object.bucket, object.key);
    code += &format!("\n            .assert_content({}, {:?})", object.size, object.crc64);
    if wanted.with_metadata {
        code += &format!("\n            .assert_metadata(&{:?})", in_order(&object.metadata));
        let rare = !object.tags.is_empty() || object.storage_class.is_some() || object.acl.is_some();
        if rare || broken.contains(&Law::Whole) {
            code += &format!("\n            .assert_tags(&{:?})", in_order(&object.tags));
            code += &format!("\n            .assert_storage_class({:?})", object.storage_class);
            code += &format!("\n            .assert_acl({:?})", object.acl);
        }
    }
    code + ";"
}

/// Whether a client may be left without the response to what was done.
fn loses_reply(fault: &Fault) -> bool {
    matches!(fault, Fault::LoseReply | Fault::CutReply(_))
}

/// A fault as a test would write it.
fn fault(fault: &Fault) -> String {
    match fault {
        Fault::Refuse(failure) => format!("Fault::Refuse({})", self::failure(failure)),
        Fault::LateError(failure) => format!("Fault::LateError({})", self::failure(failure)),
        Fault::Delay(by) => format!("Fault::Delay({})", span(*by)),
        Fault::AbortLater(Until::Clock(by)) => format!("Fault::AbortLater(Until::Clock({}))", span(*by)),
        Fault::AbortLater(until) => format!("Fault::AbortLater(Until::{until:?})"),
        other => format!("Fault::{other:?}"),
    }
}

fn failure(failure: &Failure) -> String {
    match failure {
        Failure::Code { status, code, message } => format!("Failure::code({status}, {code:?}, {message:?})"),
        named => format!("Failure::{named:?}"),
    }
}

/// The imports that a pasted test needs.
pub fn imports(test: &str) -> String {
    let names =
        ["AbortRight", "Action", "Failure", "Fake", "Fault", "Gaps", "Grants", "LateParts", "Op", "Retention", "Until"];
    let used = |name: &str| test.contains(&format!("{name}::"));
    let crate_names: Vec<_> = names.into_iter().filter(|name| used(name)).collect();
    let times: Vec<_> = ["Duration", "SystemTime"].into_iter().filter(|name| used(name)).collect();
    let time = match &times[..] {
        [] => String::new(),
        [one] => format!(" use std::time::{one};"),
        several => format!(" use std::time::{{{}}};", several.join(", ")),
    };
    match &crate_names[..] {
        [one] => format!("use fake_bucket::{one};{time}"),
        several => format!("use fake_bucket::{{{}}};{time}", several.join(", ")),
    }
}

/// Words as the name of a function: `UploadPart 2 video.mp4 reply lost` is `upload_part_2_video_mp4_reply_lost`.
fn function_name(words: &str) -> String {
    let mut name = String::new();
    for letter in words.chars() {
        let begins = letter.is_ascii_uppercase() || !letter.is_ascii_alphanumeric();
        if begins && !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        }
    }
    name.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions() {
        let names =
            ["UploadPart 2 video.mp4 reply lost", "GetObject a//b.txt, time 2 cut before, always", "ListUploads"];
        let expected =
            ["upload_part_2_video_mp4_reply_lost", "get_object_a_b_txt_time_2_cut_before_always", "list_uploads"];
        assert_eq!(names.map(function_name), expected);
    }

    #[test]
    fn faults_are_written_as_a_test_writes_them() {
        let words = Failure::code(418, "Teapot", "\"short\" and stout");
        let faults = [
            (Fault::Refuse(words), r#"Fault::Refuse(Failure::code(418, "Teapot", "\"short\" and stout"))"#),
            (Fault::LateError(Failure::InternalError), "Fault::LateError(Failure::InternalError)"),
            (Fault::Delay(Duration::from_millis(1_500)), "Fault::Delay(Duration::from_millis(1500))"),
            (
                Fault::AbortLater(Until::Clock(Duration::from_secs(5))),
                "Fault::AbortLater(Until::Clock(Duration::from_secs(5)))",
            ),
            (Fault::AbortLater(Until::Exchanges(1)), "Fault::AbortLater(Until::Exchanges(1))"),
            (Fault::CutBody(7), "Fault::CutBody(7)"),
        ];
        for (installed, written) in faults {
            assert_eq!(fault(&installed), written);
        }
    }
}
