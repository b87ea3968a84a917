//! Malformed and hostile requests: every line of `fixtures/<provider>/hostile/table.txt`, sent as it is. Each is refused
//! as the provider refuses it, changes nothing, and leaves the fake serving.
//!
//! A table line: `file | mode | status | code | remark`. Mode `verifying` checks signatures with the keys of
//! `signature/keys.txt`; status `cut` means that the client goes away and nothing can be answered.

use std::{collections::BTreeMap, fs, path::Path};

use fake_bucket::{Fake, Provider, Snapshot};

use crate::{
    fixtures::{Scene, verifying},
    raw::{self, RawReply},
};

#[test]
fn cos() {
    play(Provider::Cos);
}

#[test]
fn oss() {
    play(Provider::Oss);
}

#[test]
fn obs() {
    play(Provider::Obs);
}

fn play(provider: Provider) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider.name()).join("hostile");
    let table = fs::read_to_string(folder.join("table.txt")).expect("a table");
    let rows: Vec<Row> = table.lines().filter(|line| !line.starts_with('#')).filter_map(Row::parse).collect();
    assert!(rows.len() >= 60, "only {} rows", rows.len());
    let set = |mode: &str| match mode {
        "trusting" => scene(Fake::of(provider).trusting()),
        _ => scene(verifying(provider)),
    };
    let mut scenes = BTreeMap::from(["trusting", "verifying"].map(|mode| (mode, set(mode))));
    let only = std::env::var("CASE").unwrap_or_default();
    let failures: Vec<String> = rows
        .iter()
        .filter(|row| row.file.contains(&only))
        .filter_map(|row| {
            let why = row.play(&scenes[row.mode], &folder).err()?;
            // Whatever went wrong must not be blamed on the rows that follow.
            scenes.insert(row.mode, set(row.mode));
            Some(format!("{} ({}): {why}", row.file, row.remark))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} fail\n\n{}", failures.len(), rows.len(), failures.join("\n\n"));
}

fn scene(builder: fake_bucket::FakeBuilder) -> Scene {
    let mut scene = Scene::with(builder);
    let statements = ["object existing.txt old", "upload A big/data.bin", "part A 1 102400*a", "part A 2 tail"];
    statements.iter().for_each(|statement| scene.given(statement));
    scene
}

struct Row<'a> {
    file: &'a str,
    mode: &'a str,
    status: &'a str,
    code: &'a str,
    remark: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut cells = line.splitn(5, '|').map(str::trim);
        let (file, mode, status, code) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        Some(Self { file, mode, status, code, remark: cells.next().unwrap_or_default() })
    }

    fn play(&self, scene: &Scene, folder: &Path) -> Result<(), String> {
        let template = fs::read(folder.join(self.file)).map_err(|error| error.to_string())?;
        let request = if self.file.ends_with(".raw") { template } else { scene.request(&template) };
        let before = state(scene);
        let address = scene.fake.socket_address();
        let reply = match self.status {
            "cut" => {
                let known = scene.fake.journal().len();
                raw::cut_off(address, &request);
                // Not a byte is no exchange; everything else is journaled.
                if !request.is_empty() {
                    scene.fake.wait_until_blocking(|_| scene.fake.journal().len() > known);
                }
                scene.fake.quiesce_blocking();
                None
            }
            _ => raw::exchange(address, &request),
        };
        if let Some(reply) = &reply {
            self.judge(reply, request.starts_with(b"HEAD"))?;
        } else if self.status != "cut" {
            return Err("no reply".to_owned());
        }
        if state(scene) != before {
            return Err("the state changed".to_owned());
        }
        Ok(())
    }

    fn judge(&self, reply: &RawReply, is_head: bool) -> Result<(), String> {
        let expected = self.status.split('/').any(|status| status == reply.status().to_string());
        let code = reply.element("Code");
        let coded = self.code == "-" || is_head || self.code.split('/').any(|wanted| code.as_deref() == Some(wanted));
        if expected && coded {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        Err(format!(
            "{} {code:?} instead of {} {}\n{}",
            reply.status(),
            self.status,
            self.code,
            &body[..body.len().min(600)]
        ))
    }
}

/// What must not change: everything but the exchanges in flight.
fn state(scene: &Scene) -> Snapshot {
    let mut snapshot = scene.fake.snapshot();
    snapshot.in_flight.clear();
    snapshot
}
