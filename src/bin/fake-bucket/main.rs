//! FLOOR 6: the standalone server, for tests in other languages.
//!
//! `fake-bucket serve` starts a fake for each provider asked for and prints one line of JSON on standard output for each
//! when it accepts connections. It serves until it is told to stop.

mod admin;
mod conformance;
mod failed;

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use conformance::Conformance;
use failed::Failed;
use fake_bucket::{Credentials, Fake, LateParts, Provider};
use serde::Serialize;
use tokio::io::AsyncReadExt;

/// In-memory fakes of Tencent COS, Alibaba OSS and Huawei OBS
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve fakes on loopback ports until SIGTERM or SIGINT
    ///
    /// For each provider one line of JSON is printed on standard output once it accepts connections: its endpoint, its
    /// admin address, region, bucket, service host, and the access keys of its principals. The endpoint also serves as
    /// an HTTP proxy for clients that keep the service's real host names.
    Serve(Serve),
    /// Hold a fake, a gateway or a live bucket to a provider's rules
    ///
    /// Laws are checked first, then scripts out of dice, step by step, against a model of the provider. What does not
    /// conform is shown by the shortest script that shows it, as JSON and as Rust. Whatever was made is given up again:
    /// uploads aborted, objects deleted, and nothing else touched.
    ///
    /// Exit status: 0 if the target conforms, 1 if it differs or a law does not hold, 2 if the command line or a script
    /// cannot be used, 3 if the target cannot be reached or went away.
    Conformance(Box<Conformance>),
}

#[derive(Args, Debug)]
struct Serve {
    /// A provider to stand for; may be repeated
    #[arg(long, required = true, value_enum)]
    provider: Vec<Cloud>,
    /// A bucket to start with, instead of `examplebucket`; may be repeated. COS buckets get the account's number
    /// (`-1250000000`) appended unless they end in one
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,
    /// The region that every provider named pretends to be in, as clients sign it: `cn-beijing`; by default a region of
    /// each provider's own
    #[arg(long, value_name = "REGION", value_parser = region)]
    region: Option<String>,
    /// A host name that stands for a bucket: requests with this `Host` header need not name the bucket; may be repeated
    #[arg(long, value_name = "HOST=BUCKET", value_parser = custom_domain)]
    custom_domain: Vec<(String, String)>,
    /// The port of the first provider, the following ones for the others; 0 takes free ports
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The port of the first provider's admin address, the following ones for the others; 0 takes free ports
    #[arg(long, default_value_t = 0)]
    admin_port: u16,
    /// Makes ids, times and access keys repeat from run to run
    #[arg(long)]
    seed: Option<u64>,
    /// Take the access key's word for who asks, without verifying signatures
    #[arg(long)]
    trusting: bool,
    /// Take bodies in aws-chunked framing on the S3-compatible face, which the services refuse; signatures and checksums
    /// in the frame are checked
    #[arg(long)]
    accept_aws_chunked: bool,
    /// What becomes of a part in flight when its upload is aborted; by default what the provider does
    #[arg(long, value_enum)]
    late_parts: Option<Late>,
    /// The smallest part, in bytes, that a complete accepts before the last; by default the provider's
    #[arg(long, value_name = "BYTES")]
    min_part_size: Option<u64>,
    /// Also stop when standard input closes, so that the server cannot outlive the test that started it
    #[arg(long)]
    until_stdin_closes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cloud {
    /// Tencent COS
    Cos,
    /// Alibaba OSS
    Oss,
    /// Huawei OBS
    Obs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Late {
    /// Its request is refused
    Fail,
    /// It is stored, and billed until a further abort frees it
    Linger,
    /// One of the two, drawn from the seed for each late part
    Either,
}

/// What is printed when a fake accepts connections.
#[derive(Serialize)]
struct Ready<'a> {
    provider: Provider,
    endpoint: String,
    admin: String,
    region: &'a str,
    bucket: &'a str,
    service_host: &'a str,
    principals: Vec<PrincipalLine>,
}

#[derive(Serialize)]
struct PrincipalLine {
    name: String,
    role: &'static str,
    access_key_id: String,
    secret_access_key: String,
}

impl PrincipalLine {
    fn new(role: &'static str, keys: &Credentials) -> Self {
        Self {
            name: keys.name.clone(),
            role,
            access_key_id: keys.access_key_id.clone(),
            secret_access_key: keys.secret_access_key().to_owned(),
        }
    }
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Serve(serve) => run(&serve),
        Command::Conformance(conformance) => hold(&conformance),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("fake-bucket: {failed}");
            failed.code()
        }
    }
}

#[tokio::main]
async fn run(serve: &Serve) -> Result<(), Failed> {
    // Listened for from the start: a signal that comes early must not be lost.
    let stop = stop_signal(serve.until_stdin_closes)?;
    let mut fakes = Vec::new();
    for (cloud, address, admin) in addresses(serve)? {
        let fake = Arc::new(start(serve, cloud, address)?);
        let admin = admin::start(fake.clone(), admin).await?;
        fakes.push((fake, admin));
    }
    // Not before all of them serve: who has read a line need not wait for a failure.
    for (fake, admin) in &fakes {
        announce(fake, *admin)?;
    }
    stop.await;
    Ok(())
}

#[tokio::main]
async fn hold(conformance: &Conformance) -> Result<(), Failed> {
    conformance.run().await
}

fn start(serve: &Serve, cloud: Cloud, address: SocketAddr) -> Result<Fake, Failed> {
    let mut builder = Fake::of(cloud.into()).verify_on_drop(false);
    if !serve.bucket.is_empty() {
        builder = builder.buckets(bucket_names(cloud, &serve.bucket)?);
    }
    for (host, bucket) in custom_domains(serve, cloud)? {
        builder = builder.custom_domain(host, bucket);
    }
    if let Some(region) = &serve.region {
        builder = builder.region(region);
    }
    if let Some(seed) = serve.seed {
        builder = builder.seed(seed);
    }
    if serve.trusting {
        builder = builder.trusting();
    }
    if serve.accept_aws_chunked {
        builder = builder.accept_aws_chunked();
    }
    if let Some(bytes) = serve.min_part_size {
        builder = builder.min_part_size(bytes);
    }
    builder = match serve.late_parts {
        Some(Late::Fail) => builder.late_parts(LateParts::Fail),
        Some(Late::Linger) => builder.late_parts(LateParts::Linger),
        Some(Late::Either) => builder.late_parts(LateParts::Either),
        None => builder,
    };
    let name = Provider::from(cloud).name();
    builder
        .listen(address)
        .try_start()
        .map_err(|error| Failed::here(format!("cannot listen on {address} for {name}: {error}")))
}

/// The names of the buckets asked for, as the provider writes them.
fn bucket_names(cloud: Cloud, asked: &[String]) -> Result<Vec<String>, Failed> {
    let names: Vec<_> = asked.iter().map(|name| bucket_name(cloud, name)).collect();
    let provider = Provider::from(cloud);
    match names.iter().find(|name| !provider.allows_bucket(name)) {
        Some(name) => {
            Err(Failed::usage(format!("--bucket: {} does not allow a bucket by the name {name:?}", provider.name())))
        }
        None => Ok(names),
    }
}

/// The custom domains asked for, each with a bucket that the fake starts with.
fn custom_domains(serve: &Serve, cloud: Cloud) -> Result<Vec<(&str, String)>, Failed> {
    let buckets = match &serve.bucket[..] {
        [] => vec![bucket_name(cloud, DEFAULT_BUCKET)],
        asked => bucket_names(cloud, asked)?,
    };
    let bound = |(host, bucket): &'_ (String, String)| {
        let bucket = bucket_name(cloud, bucket);
        let there = buckets.contains(&bucket);
        there.then_some(bucket.clone()).ok_or_else(|| {
            let known = buckets.join(", ");
            Failed::usage(format!("--custom-domain {host}: there is no bucket {bucket:?}; there are {known}"))
        })
    };
    serve.custom_domain.iter().map(|domain| Ok((domain.0.as_str(), bound(domain)?))).collect()
}

/// The bucket a fake starts with, unless told otherwise; on COS with the account's number.
const DEFAULT_BUCKET: &str = "examplebucket";

/// Reads a region. Its name becomes part of host names.
fn region(name: &str) -> Result<String, String> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    match letters && !name.is_empty() && !name.starts_with('-') && !name.ends_with('-') {
        true => Ok(name.to_owned()),
        false => Err("a region is written in small letters, digits and hyphens".to_owned()),
    }
}

/// Reads `HOST=BUCKET`.
fn custom_domain(text: &str) -> Result<(String, String), String> {
    let (host, bucket) = text.split_once('=').ok_or("it has to be HOST=BUCKET")?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_name) {
        return Err(format!("{host:?} is not a host name; a port does not belong to it"));
    }
    if bucket.is_empty() {
        return Err("it has to be HOST=BUCKET".to_owned());
    }
    Ok((host.to_owned(), bucket.to_owned()))
}

/// COS bucket names end in the account's number.
fn bucket_name(cloud: Cloud, name: &str) -> String {
    let numbered =
        name.rsplit_once('-').is_some_and(|(_, tail)| !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit()));
    if cloud == Cloud::Cos && !numbered { format!("{name}-1250000000") } else { name.to_owned() }
}

/// Where each provider's fake and its admin address are to listen.
fn addresses(serve: &Serve) -> Result<Vec<(Cloud, SocketAddr, SocketAddr)>, Failed> {
    let of = |(place, cloud): (u16, &Cloud)| {
        let fake = loopback("--port", serve.port, place)?;
        Ok((*cloud, fake, loopback("--admin-port", serve.admin_port, place)?))
    };
    (0..).zip(&serve.provider).map(of).collect()
}

/// The loopback address of the fake at this place: consecutive ports, or free ones.
fn loopback(option: &str, first: u16, place: u16) -> Result<SocketAddr, Failed> {
    let none_left = || Failed::usage(format!("{option} {first}: no port is left for provider {}", place + 1));
    let port = match first {
        0 => 0,
        first => first.checked_add(place).ok_or_else(none_left)?,
    };
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn announce(fake: &Fake, admin: SocketAddr) -> Result<(), Failed> {
    let principals = [("root", fake.owner()), ("sub-account", fake.writer()), ("other-account", fake.stranger())];
    let ready = Ready {
        provider: fake.provider(),
        endpoint: fake.endpoint(),
        admin: format!("http://{admin}"),
        region: fake.region(),
        bucket: fake.bucket(),
        service_host: fake.service_host(),
        principals: principals.iter().map(|(role, keys)| PrincipalLine::new(role, keys)).collect(),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&ready)?)?;
    Ok(out.flush()?)
}

/// Completes when the server is to stop.
fn stop_signal(until_stdin_closes: bool) -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupted = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    #[cfg(unix)]
    let signalled = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    #[cfg(not(unix))]
    let signalled = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    Ok(async move {
        let stdin_closed = async {
            if !until_stdin_closes {
                return std::future::pending().await;
            }
            let mut stdin = tokio::io::stdin();
            while stdin.read(&mut [0; 256]).await.is_ok_and(|read| read > 0) {}
        };
        tokio::select! {
            () = signalled => {}
            () = stdin_closed => {}
        }
        // A blocked read of standard input would keep the runtime from ending.
        if until_stdin_closes {
            let _ = io::stdout().flush();
            std::process::exit(0);
        }
    })
}
