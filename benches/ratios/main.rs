//! What the fake costs, as ratios: to a bare hyper server in the same process, to itself with more in it, to the bytes it
//! was given. Absolute numbers belong to the machine; these should not.
//!
//! `cargo bench` prints a table and never fails; `cargo bench --bench ratios -- --check` exits with 1 if a target is
//! missed. Names after that (`small`, `large`, `crowded`, `memory`) select groups. Whatever is compared runs by turns, and
//! the median of many turns is shown. Memory is the resident set of a child process that does nothing else, so Linux only.
//!
//! On a virtual machine an idle CPU may take 30 us to wake, more than either server works on a small request, and a few
//! microseconds decide whether it was put to sleep. Small requests are therefore measured on one CPU, which measures the work:
//! in a child process, by `taskset`, where there is one. Without it they are spread over all of them.

mod bare;
mod client;

use std::{env, fmt, fs, hint::black_box, process::Command, time::Instant};

use bytes::Bytes;
use client::Client;
use fake_bucket::Fake;

const MIB: usize = 1 << 20;

/// A line of the table.
struct Line {
    what: String,
    fake: String,
    against: String,
    ratio: f64,
    target: Target,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Line {
    fn holds(&self) -> bool {
        match self.target {
            Target::AtLeast(bound) => self.ratio >= bound,
            Target::AtMost(bound) => self.ratio <= bound,
        }
    }

    fn print(&self) {
        let Self { what, fake, against, ratio, target } = self;
        let target = target.to_string();
        let verdict = if self.holds() { "ok" } else { "MISSED" };
        println!("{what:<48} {fake:>14} {against:>14} {ratio:>9.3} {target:>9}  {verdict}");
    }

    /// Prints it for the process that started this one.
    fn tell(&self) {
        let Self { what, fake, against, ratio, target } = self;
        println!("{what}\t{fake}\t{against}\t{ratio}\t{target}");
    }

    /// What [`Line::tell`] printed.
    fn told(line: &str) -> Self {
        let [what, fake, against, ratio, target] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("no line of a table: {line:?}")
        };
        let (of, bound) = target.split_once(' ').expect("a target has two words");
        let bound = bound.parse().expect("a target is a number");
        let target = if of == ">=" { Target::AtLeast(bound) } else { Target::AtMost(bound) };
        let ratio = ratio.parse().expect("a ratio is a number");
        Self { what: what.into(), fake: fake.into(), against: against.into(), ratio, target }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, ">= {bound}"),
            Self::AtMost(bound) => write!(f, "<= {bound}"),
        }
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--memory", "large"] => return memory_of_large_parts(),
        ["--memory", "small"] => return memory_of_small_parts(),
        ["--small", provider] => return small_uploads(provider).tell(),
        _ => {}
    }
    println!("{:<48} {:>14} {:>14} {:>9} {:>9}", "what", "fake", "against", "ratio", "target");
    let mut all_hold = true;
    let mut show = |line: Line| {
        line.print();
        all_hold &= line.holds();
    };
    let mut names = arguments.iter().filter(|argument| !argument.starts_with("--")).peekable();
    let all = names.peek().is_none();
    let names: Vec<_> = names.collect();
    let wanted = |name: &str| all || names.iter().any(|wanted| *wanted == name);
    if wanted("small") {
        for provider in ["cos", "oss", "obs"] {
            show(on_one_cpu(&["--small", provider]).unwrap_or_else(|| small_uploads(provider)));
        }
    }
    if wanted("large") {
        show(large_parts());
    }
    if wanted("crowded") {
        crowded().into_iter().for_each(&mut show);
    }
    if wanted("memory") && cfg!(target_os = "linux") {
        memory("large").into_iter().for_each(&mut show);
        memory("small").into_iter().for_each(&mut show);
    }
    if !all_hold && arguments.iter().any(|argument| argument == "--check") {
        std::process::exit(1);
    }
}

fn fake(provider: &str) -> Fake {
    let builder = match provider {
        "cos" => Fake::cos(),
        "oss" => Fake::oss(),
        _ => Fake::obs(),
    };
    builder.trusting().allow_open_uploads().start()
}

/// Initiate, three parts of 16 bytes, abort: requests a second.
fn small_uploads(provider: &str) -> Line {
    const UPLOADS: usize = 300;
    let (fake, bare) = (fake(provider), bare::start());
    let rate = |address| {
        // A connection a turn: how the system places the threads at its ends makes a difference, and stays.
        let mut client = Client::new(address, &fake);
        let start = Instant::now();
        for _ in 0..UPLOADS {
            let upload = client.initiate("small");
            for number in 1..=3 {
                client.part("small", &upload, number, b"sixteen bytes ..");
            }
            client.abort("small", &upload);
        }
        (UPLOADS * 5) as f64 / start.elapsed().as_secs_f64()
    };
    let (of_fake, of_bare, ratio) = by_turns(41, || rate(fake.socket_address()), || rate(bare));
    Line {
        what: format!("{provider}: initiate, 3 parts of 16 B, abort, to hyper"),
        fake: format!("{of_fake:.0} req/s"),
        against: format!("{of_bare:.0} req/s"),
        ratio,
        target: Target::AtLeast(0.85),
    }
}

/// Parts of 8 MiB: bytes a second.
fn large_parts() -> Line {
    const PARTS: usize = 8;
    let (fake, bare) = (fake("oss"), bare::start());
    let part = random(8 * MIB);
    let rate = |address| {
        let mut client = Client::new(address, &fake);
        let upload = client.initiate("large");
        let start = Instant::now();
        for number in 1..=PARTS {
            client.part("large", &upload, number, &part);
        }
        let rate = (PARTS * part.len()) as f64 / start.elapsed().as_secs_f64() / MIB as f64;
        client.abort("large", &upload);
        rate
    };
    let (of_fake, of_bare, ratio) = by_turns(21, || rate(fake.socket_address()), || rate(bare));
    Line {
        what: "parts of 8 MiB, to hyper".into(),
        fake: format!("{of_fake:.0} MiB/s"),
        against: format!("{of_bare:.0} MiB/s"),
        ratio,
        target: Target::AtLeast(0.9),
    }
}

/// What single requests cost with 100,000 uploads open, to what they cost with 100. Without a socket, which would hide
/// the difference: searching a tree that no cache holds takes a microsecond or two. Walking it would take a thousand times
/// the time.
fn crowded() -> Vec<Line> {
    let (many, few) = (with_open_uploads(100_000), with_open_uploads(100));
    let ask = |fake: &Fake, method: &str, target: &str| {
        let host = format!("{}.{}", fake.bucket(), fake.service_host());
        let request = http::Request::builder().method(method).uri(target).header("host", host).body(Bytes::new());
        let reply = fake.answer_as("owner", request.expect("a request"));
        assert!(reply.status().is_success(), "{reply:?}");
        reply.into_body()
    };
    const TIMES: usize = 200;
    // Each turn initiates and aborts as many, in all corners of the listing, so that it ends with what it began with.
    let nanos = |fake: &Fake, timed: &str| {
        let start = Instant::now();
        let mut uploads = Vec::new();
        for i in 0..TIMES {
            let key = format!("/key-{:05}", i * 7919 % 100_000);
            let id = client::upload_id(&ask(fake, "POST", &format!("{key}?uploads")));
            uploads.push(format!("{key}?uploadId={id}"));
        }
        let initiated = start.elapsed();
        let start = Instant::now();
        for upload in uploads {
            ask(fake, "DELETE", &upload);
        }
        let aborted = start.elapsed();
        let start = Instant::now();
        for _ in 0..TIMES / 10 {
            black_box(ask(fake, "GET", "/?uploads&max-uploads=50"));
        }
        let listed = start.elapsed() * 10;
        let time = match timed {
            "initiate" => initiated,
            "abort" => aborted,
            _ => listed,
        };
        time.as_nanos() as f64 / TIMES as f64
    };
    let line = |timed: &str| {
        let (many, few, ratio) = by_turns(31, || nanos(&many, timed), || nanos(&few, timed));
        Line {
            what: format!("{timed}, 100,000 uploads, to 100"),
            fake: format!("{:.1} us", many / 1e3),
            against: format!("{:.1} us", few / 1e3),
            ratio,
            target: Target::AtMost(2.0),
        }
    };
    ["initiate", "abort", "one page of uploads"].map(line).into()
}

fn with_open_uploads(count: usize) -> Fake {
    let fake = Fake::oss().trusting().allow_open_uploads().build();
    for i in 0..count {
        let host = format!("{}.{}", fake.bucket(), fake.service_host());
        let target = format!("/key-{i:05}?uploads");
        let request = http::Request::post(target).header("host", host).body(Bytes::new()).expect("a request");
        assert!(fake.answer_as("owner", request).status().is_success());
    }
    fake
}

/// Runs a measurement in a child process that has one CPU. None if this system cannot do that.
fn on_one_cpu(measurement: &[&str]) -> Option<Line> {
    let program = env::current_exe().expect("this program has a path");
    let mut child = Command::new("taskset");
    child.args(["--cpu-list", &first_cpu()?]).arg(program).args(measurement);
    let printed = String::from_utf8(child.output().ok()?.stdout).ok()?;
    printed.lines().next().map(Line::told)
}

/// The first CPU this process may use.
fn first_cpu() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(allowed.trim().split([',', '-']).next()?.to_owned())
}

/// Runs a measurement of memory in a child process and reads what it prints.
fn memory(of: &str) -> Vec<Line> {
    // Without these glibc keeps large blocks that were freed, and the resident set would not show that they were.
    let child = Command::new(env::current_exe().expect("this program has a path"))
        .args(["--memory", of])
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .env("MALLOC_TRIM_THRESHOLD_", "131072")
        .output()
        .expect("this program runs");
    let printed = String::from_utf8(child.stdout).expect("numbers are text");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    printed.lines().map(Line::told).collect()
}

fn memory_of_large_parts() {
    const PARTS: usize = 64;
    let fake = fake("oss");
    let mut client = Client::new(fake.socket_address(), &fake);
    let part = random(8 * MIB);
    let upload = client.initiate("warm");
    client.part("warm", &upload, 1, &part);
    client.abort("warm", &upload);
    let given = PARTS * part.len();

    let before = resident();
    let upload = client.initiate("large");
    for number in 1..=PARTS {
        client.part("large", &upload, number, &part);
    }
    let taken = resident().saturating_sub(before);
    client.abort("large", &upload);
    let left = resident().saturating_sub(before);

    let given_text = format!("{} MiB", given / MIB);
    report("memory of parts of 8 MiB", format!("{} MiB", taken / MIB), &given_text, taken, given, 1.05);
    report("memory left after their abort", format!("{} MiB", left / MIB), &given_text, left, given, 0.02);
}

fn memory_of_small_parts() {
    const UPLOADS: usize = 10;
    const PARTS: usize = 10_000;
    let fake = fake("oss");
    let mut client = Client::new(fake.socket_address(), &fake);
    let upload = client.initiate("warm");
    client.part("warm", &upload, 1, b"sixteen bytes ..");
    client.abort("warm", &upload);

    let before = resident();
    for _ in 0..UPLOADS {
        let upload = client.initiate("small");
        for number in 1..=PARTS {
            client.part("small", &upload, number, b"sixteen bytes ..");
        }
    }
    let taken = resident().saturating_sub(before);
    let each = taken / (UPLOADS * PARTS);
    report("memory of a part of 16 B and its entry", format!("{each} B"), "400 B", each, 400, 1.0);
}

fn report(what: &str, fake: String, against: &str, taken: usize, given: usize, target: f64) {
    let (what, against, ratio) = (what.into(), against.into(), taken as f64 / given as f64);
    Line { what, fake, against, ratio, target: Target::AtMost(target) }.tell();
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number of kB") << 10
}

/// Runs both by turns, `turns` times. Returns the median of each, and the median of the ratios of neighbours.
fn by_turns(turns: usize, mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> (f64, f64, f64) {
    one();
    other();
    let pairs: Vec<(f64, f64)> = (0..turns).map(|_| (one(), other())).collect();
    let median = |value: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (median(|pair| pair.0), median(|pair| pair.1), median(|pair| pair.0 / pair.1))
}

/// Bytes no two pages of which are alike.
fn random(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}
