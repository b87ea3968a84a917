//! `fake-bucket conformance`: holds a fake, a gateway or a live bucket to a provider's rules.

use std::{fs, path::PathBuf};

use clap::{Args, ValueEnum};
use fake_bucket::{
    Fake, Provider,
    conformance::{
        Addressing, Bucket, ConcurrentConfig, ConcurrentFailure, Config, Face, Failure, HttpTarget, Keys, Network,
        NoSocket, Precedence, Race, Script, ScriptError, Target, Who, Why, check, check_concurrent, check_interleaved,
        laws::{Law, Verdict, check_laws},
        replay_concurrent, replay_interleaved, replay_knowing, subject, survey,
    },
};

use crate::{Cloud, failed::Failed};

#[derive(Args, Debug)]
pub struct Conformance {
    /// The provider whose rules are to be kept
    #[arg(long, value_enum)]
    provider: Cloud,
    /// Hold the fake of that provider to them, without a socket
    #[arg(long, conflicts_with_all = ["endpoint", "bucket"])]
    fake: bool,
    /// Where to ask, as `http://HOST[:PORT]`. The bucket stands in the path if HOST is an address or localhost, else in
    /// front of HOST
    #[arg(long, required_unless_present = "fake")]
    endpoint: Option<String>,
    /// The bucket to use. Nothing in it is touched but what is made here, under keys that start with
    /// `fake-bucket-conformance/`
    #[arg(long, required_unless_present = "fake")]
    bucket: Option<String>,
    /// A second bucket of the same owner, to try ids in that belong to the first
    #[arg(long, value_name = "BUCKET")]
    other_bucket: Option<String>,
    /// A bucket that does not exist
    #[arg(long, value_name = "BUCKET")]
    missing_bucket: Option<String>,
    /// The region requests are signed for; by default the one the fakes pretend to be in
    #[arg(long)]
    region: Option<String>,
    /// Which protocol to speak
    #[arg(long, value_enum, default_value_t = Spoken::Native)]
    protocol: Spoken,
    /// The access key of the bucket's owner
    #[arg(long, env = "FAKE_BUCKET_ACCESS_KEY_ID", hide_env_values = true, required_unless_present = "fake")]
    access_key_id: Option<String>,
    /// Its secret; better kept in the environment
    #[arg(long, env = "FAKE_BUCKET_SECRET_ACCESS_KEY", hide_env_values = true, required_unless_present = "fake")]
    secret_access_key: Option<String>,
    /// Its token, if it is temporary
    #[arg(long, env = "FAKE_BUCKET_SECURITY_TOKEN", hide_env_values = true)]
    security_token: Option<String>,
    /// The access key of a sub-account of the owner's that may do everything there but abort uploads, on OBS only its own
    /// uploads' parts: with it, who may abort is checked
    #[arg(
        long,
        env = "FAKE_BUCKET_WRITER_ACCESS_KEY_ID",
        hide_env_values = true,
        requires = "writer_secret_access_key"
    )]
    writer_access_key_id: Option<String>,
    /// Its secret
    #[arg(
        long,
        env = "FAKE_BUCKET_WRITER_SECRET_ACCESS_KEY",
        hide_env_values = true,
        requires = "writer_access_key_id"
    )]
    writer_secret_access_key: Option<String>,
    /// The access key of another account, which may do nothing there
    #[arg(
        long,
        env = "FAKE_BUCKET_STRANGER_ACCESS_KEY_ID",
        hide_env_values = true,
        requires = "stranger_secret_access_key"
    )]
    stranger_access_key_id: Option<String>,
    /// Its secret
    #[arg(
        long,
        env = "FAKE_BUCKET_STRANGER_SECRET_ACCESS_KEY",
        hide_env_values = true,
        requires = "stranger_access_key_id"
    )]
    stranger_secret_access_key: Option<String>,
    /// Send requests without any proof, too; they are to be refused
    #[arg(long)]
    anonymous: bool,
    /// Steps to take; by default 10000 on a fake and 300 elsewhere
    #[arg(long)]
    steps: Option<u64>,
    /// Have clients race for this many histories instead, and look for an order of their steps that explains all answers.
    /// On a fake, the same number again with steps held at exact points
    #[arg(long, value_name = "HISTORIES", conflicts_with = "steps")]
    concurrent: Option<u64>,
    /// Where the dice start; the same seed gives the same scripts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Play this script (JSON, as it is printed when a check fails) instead of rolling dice; with --concurrent, this race,
    /// so often
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The smallest part, in bytes, that a complete accepts before the last; by default the provider's
    #[arg(long, value_name = "BYTES", conflicts_with = "fake")]
    min_part_size: Option<u64>,
    /// Go on after a difference, and list them all
    #[arg(long, conflicts_with_all = ["script", "concurrent"])]
    survey: bool,
    /// A difference that is known, in the words it is listed with; it is gone on after. May be given several times
    #[arg(long, value_name = "WORDS", conflicts_with = "concurrent")]
    known: Vec<String>,
    /// A law that the target need not keep, by its name, with blanks or hyphens. May be given several times
    #[arg(long, value_name = "NAME", conflicts_with_all = ["script", "concurrent"])]
    waive: Vec<Law>,
    /// Mind which of several reasons to refuse is named; no provider promises any
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Spoken {
    /// The provider's own
    Native,
    /// The S3-compatible one, signed by AWS's version 4
    S3,
}

impl Conformance {
    /// Checks what was asked for and prints what came of it.
    pub async fn run(&self) -> Result<(), Failed> {
        let provider = Provider::from(self.provider);
        let face = match self.protocol {
            Spoken::Native => Face::Native,
            Spoken::S3 => Face::S3,
        };
        if self.fake
            && let Some(histories) = self.concurrent
        {
            let fake = subject(provider).start();
            let target = HttpTarget::of_fake(&fake, Network::of(&fake), face);
            self.race(&target, histories).await?;
            return self.race_at_gates(&fake, &target, histories).await;
        }
        if self.fake {
            let fake = subject(provider).build();
            return self.hold(&HttpTarget::of_fake(&fake, NoSocket(&fake), face), 10_000).await;
        }
        let target = self.elsewhere(provider, face)?;
        let cannot = |why| Failed::unreachable(format!("the target cannot be reached: {why}"));
        target.preflight().await.map_err(cannot)?;
        match self.concurrent {
            Some(histories) => self.race(&target, histories).await,
            None => self.hold(&target, 300).await,
        }
    }

    async fn race<T: Target>(&self, target: &T, histories: u64) -> Result<(), Failed> {
        let summary = match self.read(Race::from_json)? {
            Some(race) => {
                let times = u32::try_from(histories).unwrap_or(u32::MAX);
                replay_concurrent(target, &race, &ConcurrentConfig::default().again(times)).await
            }
            None => check_concurrent(target, &self.races(histories)).await,
        };
        let summary = summary.map_err(unexplained)?;
        println!("at the same time: {summary}");
        Ok(())
    }

    async fn race_at_gates<T: Target>(&self, fake: &Fake, target: &T, histories: u64) -> Result<(), Failed> {
        let summary = match self.read(Race::from_json)? {
            Some(race) => replay_interleaved(fake, target, &race).await,
            None => check_interleaved(fake, target, &self.races(histories)).await,
        };
        let summary = summary.map_err(unexplained)?;
        println!("held at gates: {summary}");
        Ok(())
    }

    fn races(&self, histories: u64) -> ConcurrentConfig {
        let config = ConcurrentConfig::default().seed(self.seed).histories(histories);
        match self.fake {
            true => config,
            // A store that is far away, and may send a bill, is not asked ten thousand times for the shortest race.
            false => config.again(5).shrink_histories(500),
        }
    }

    /// What is in the file to play, if one was named.
    fn read<S>(&self, parse: impl FnOnce(&str) -> Result<S, ScriptError>) -> Result<Option<S>, Failed> {
        let Some(path) = &self.script else { return Ok(None) };
        let unusable = |error: &dyn std::fmt::Display| Failed::usage(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| unusable(&error))?;
        parse(&text).map(Some).map_err(|error| unusable(&error))
    }

    fn elsewhere(&self, provider: Provider, face: Face) -> Result<HttpTarget<Network<'static>>, Failed> {
        let given = |value: &Option<String>| value.clone().expect("clap asks for it");
        let endpoint = given(&self.endpoint);
        let authority = endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let authority = authority.filter(|authority| !authority.is_empty() && !authority.contains('/'));
        let authority = authority.ok_or_else(|| {
            Failed::usage(format!("{endpoint} is not of the form http://HOST[:PORT]; TLS is not spoken here, and signatures keep secrets secret without it"))
        })?;
        let mut keys = Keys::new(given(&self.access_key_id), given(&self.secret_access_key));
        if let Some(token) = &self.security_token {
            keys = keys.token(token.clone());
        }
        let region = self.region.clone().unwrap_or_else(|| subject(provider).build().region().to_owned());
        let place = Addressing::of(authority);
        let mut target =
            HttpTarget::new(provider, Network::by_host(), place, &given(&self.bucket), &region, keys).face(face);
        for (bucket, name) in [(Bucket::Other, &self.other_bucket), (Bucket::Missing, &self.missing_bucket)] {
            if let Some(name) = name {
                target = target.bucket(bucket, name.clone());
            }
        }
        for (who, id, secret) in [
            (Who::Writer, &self.writer_access_key_id, &self.writer_secret_access_key),
            (Who::Stranger, &self.stranger_access_key_id, &self.stranger_secret_access_key),
        ] {
            if let Some((id, secret)) = id.as_ref().zip(secret.as_ref()) {
                target = target.principal(who, Keys::new(id, secret));
            }
        }
        if self.anonymous {
            target = target.anonymous();
        }
        Ok(target.scoped(|scope| {
            let min_part_size = self.min_part_size.unwrap_or(scope.rules.min_part_size);
            let precedence = if self.strict { Precedence::First } else { Precedence::Any };
            scope.min_part_size(min_part_size).precedence(precedence)
        }))
    }

    async fn hold<T: Target>(&self, target: &T, steps: u64) -> Result<(), Failed> {
        let config = Config::default().known(&self.known).waive(self.waive.iter().copied());
        if let Some(script) = self.read(Script::from_json)? {
            println!("{}", replay_knowing(target, &script, &config).await.map_err(differing)?);
            return Ok(());
        }
        let broken = laws_broken(target, &config).await?;
        let config = config.seed(self.seed).steps(self.steps.unwrap_or(steps));
        let mut differences = 0;
        if self.survey {
            let survey = survey(target, &config).await;
            println!("{survey}");
            if let Some(failure) = survey.unreachable {
                return Err(differing(failure));
            }
            differences = survey.found.len();
        } else {
            println!("{}", check(target, &config).await.map_err(differing)?);
        }
        let laws = counted(broken, "law does not hold", "laws do not hold");
        let found = counted(differences, "difference was found", "differences were found");
        match (broken, differences) {
            (0, 0) => Ok(()),
            (_, 0) => Err(Failed::here(laws)),
            (0, _) => Err(Failed::here(found)),
            _ => Err(Failed::here(format!("{laws}, and {found}"))),
        }
    }
}

/// Prints what comes of each law, and returns how many do not hold.
async fn laws_broken<T: Target>(target: &T, config: &Config) -> Result<usize, Failed> {
    let mut broken = 0;
    for (law, verdict) in check_laws(target, config).await {
        match verdict {
            Ok(Verdict::Holds) => println!("law: {law}: holds"),
            Ok(Verdict::PassedOver(why)) => println!("law: {law}: passed over, {why}"),
            Ok(Verdict::Waived) => println!("law: {law}: waived"),
            Err(found) if found.unreachable => return Err(Failed::unreachable(found)),
            Err(found) => {
                broken += 1;
                println!("law: {found}");
            }
        }
    }
    Ok(broken)
}

/// A script that did not go as the rules say, or could not be played to its end.
fn differing(failure: Box<Failure>) -> Failed {
    if failure.is_unreachable() { Failed::unreachable(failure) } else { Failed::here(failure) }
}

/// A history that the rules do not explain, or one that the target did not live to see the end of.
fn unexplained(failure: Box<ConcurrentFailure>) -> Failed {
    if matches!(failure.why, Why::Unreachable(_)) { Failed::unreachable(failure) } else { Failed::here(failure) }
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

impl From<Cloud> for Provider {
    fn from(cloud: Cloud) -> Self {
        match cloud {
            Cloud::Cos => Self::Cos,
            Cloud::Oss => Self::Oss,
            Cloud::Obs => Self::Obs,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use fake_bucket::AbortRight;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        conformance: Conformance,
    }

    fn asked(arguments: &[&str]) -> Result<Conformance, String> {
        let parsed = Cli::try_parse_from(["conformance"].iter().chain(arguments));
        parsed.map(|cli| cli.conformance).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn an_endpoint_is_checked_with_keys() {
        for (provider, name) in [(Provider::Cos, "cos"), (Provider::Oss, "oss"), (Provider::Obs, "obs")] {
            let fake = subject(provider).start();
            let (endpoint, keys, other) = (fake.endpoint(), fake.owner(), format!("other{}", fake.bucket()));
            let mut arguments = vec!["--provider", name, "--endpoint", &endpoint, "--bucket", fake.bucket()];
            arguments.extend(["--access-key-id", &keys.access_key_id, "--secret-access-key", keys.secret_access_key()]);
            arguments.extend(["--other-bucket", &other, "--anonymous", "--strict", "--min-part-size", "4"]);
            asked(&arguments).unwrap().run().await.unwrap();
            let snapshot = fake.snapshot();
            assert!(snapshot.objects.is_empty() && !snapshot.uploads.is_empty(), "{name} is not cleaned up");
        }
    }

    #[tokio::test]
    async fn who_may_abort_is_checked_with_the_keys_of_others() {
        let fake = subject(Provider::Oss).who_may_abort(AbortRight::InitiatorOnly).start();
        let endpoint = fake.endpoint();
        let mut arguments = vec!["--provider", "oss", "--endpoint", &endpoint, "--bucket", fake.bucket()];
        let principals = [("", fake.owner()), ("writer-", fake.writer()), ("stranger-", fake.stranger())];
        let named = |who| [format!("--{who}access-key-id"), format!("--{who}secret-access-key")];
        let names = principals.each_ref().map(|(who, _)| named(who));
        for ([id, secret], (_, keys)) in names.iter().zip(&principals) {
            arguments.extend([id.as_str(), &keys.access_key_id, secret, keys.secret_access_key()]);
        }
        arguments.extend(["--min-part-size", "4"]);
        let found = asked(&arguments).unwrap().run().await.unwrap_err().to_string();
        let shown = "  1. Step::initiate(Who::Writer, Key(0), 0)\n  2. Step::abort(Who::Owner, Key(0), Id::Of(0))\n";
        assert!(found.contains(shown), "{found}");
    }

    #[test]
    fn half_a_key_is_refused_in_words() {
        let found = asked(&["--provider", "oss", "--fake", "--writer-access-key-id", "id"]).unwrap_err();
        assert!(found.contains("--writer-secret-access-key <WRITER_SECRET_ACCESS_KEY>"), "{found}");
    }

    #[tokio::test]
    async fn wrong_keys_are_seen_at_once() {
        let fake = subject(Provider::Oss).start();
        let endpoint = fake.endpoint();
        let arguments = ["--provider", "oss", "--endpoint", &endpoint, "--bucket", fake.bucket()];
        let keys = ["--access-key-id", "nobody", "--secret-access-key", "none"];
        let found = asked(&[&arguments[..], &keys].concat()).unwrap().run().await.unwrap_err().to_string();
        assert!(found.contains("observed: refused, 403 InvalidAccessKeyId"), "{found}");
    }

    #[tokio::test]
    async fn a_script_is_played_from_a_file() {
        let path = std::env::temp_dir().join(format!("fake-bucket-script-{}.json", std::process::id()));
        fs::write(&path, r#"[{"who":"owner","bucket":"home","key":0,"act":"get-object"}]"#).unwrap();
        let arguments = ["--provider", "obs", "--fake", "--script", path.to_str().unwrap()];
        asked(&arguments).unwrap().run().await.unwrap();
        fs::write(&path, "[").unwrap();
        let found = asked(&arguments).unwrap().run().await.unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert_eq!(found, format!("{}: the script is not a JSON list of steps", path.display()));
    }

    #[tokio::test]
    async fn clients_race_at_an_endpoint_and_clean_up() {
        let fake = subject(Provider::Obs).start();
        let (endpoint, keys) = (fake.endpoint(), fake.owner());
        let mut arguments = vec!["--provider", "obs", "--endpoint", &endpoint, "--bucket", fake.bucket()];
        arguments.extend(["--access-key-id", &keys.access_key_id, "--secret-access-key", keys.secret_access_key()]);
        arguments.extend(["--min-part-size", "4", "--concurrent", "20"]);
        asked(&arguments).unwrap().run().await.unwrap();
        assert!(fake.snapshot().objects.is_empty() && fake.leaks().is_empty(), "{}", fake.timeline());
    }

    #[tokio::test]
    async fn a_race_is_played_from_a_file() {
        let path = std::env::temp_dir().join(format!("fake-bucket-race-{}.json", std::process::id()));
        let look = r#"{"who":"owner","bucket":"home","key":0,"act":"get-object"}"#;
        fs::write(&path, format!(r#"[{{"lane":{{"client":1}},"step":{look}}},{{"lane":"after","step":{look}}}]"#))
            .unwrap();
        let arguments = ["--provider", "cos", "--fake", "--concurrent", "3", "--script", path.to_str().unwrap()];
        asked(&arguments).unwrap().run().await.unwrap();
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn tls_is_refused_in_words() {
        let arguments = ["--provider", "oss", "--endpoint", "https://oss.example", "--bucket", "b"];
        let keys = ["--access-key-id", "id", "--secret-access-key", "secret"];
        let found = asked(&[&arguments[..], &keys].concat()).unwrap().run().await.unwrap_err().to_string();
        assert!(found.starts_with("https://oss.example is not of the form http://HOST[:PORT]; TLS"), "{found}");
    }
}
