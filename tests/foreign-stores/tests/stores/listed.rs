//! What stores differ in: listed as JSON, replayed, and shown by the README.

use std::{collections::BTreeMap, env, fs, path::Path};

use fake_bucket::conformance::{Config, Script, Survey, Target, replay_knowing, survey};

/// The shortest script for each difference, or for several that come together.
type Differences = BTreeMap<String, Script>;

/// Asserts that the store differs in what is listed, as the scripts listed show, that `config` finds nothing else, and that
/// the README shows the list.
///
/// # Panics
/// If not; unless the list is to be written anew, which is done then.
pub async fn assert_listed<T: Target>(store: &str, target: &T, config: &Config) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (list, readme) = (here.join(format!("{store}.json")), here.join("README.md"));
    let rewrite = env::var_os("FAKE_BUCKET_REWRITE").is_some();
    let mut differences: Differences = serde_json::from_str(&read(&list)).expect("a list of differences");
    let mut gone = Vec::new();
    for (difference, script) in &differences {
        let others = differences.keys().filter(|other| *other != difference).flat_map(|other| words(other));
        match replay_knowing(target, script, &config.clone().known(others)).await {
            Err(failure) if rewrite && failure.differences.join(AND) != *difference => gone.push(difference.clone()),
            Err(failure) => assert_eq!(failure.differences.join(AND), *difference, "of {store}, {failure}"),
            Ok(_) if rewrite => gone.push(difference.clone()),
            Ok(_) => panic!("{store} does not differ any more in this: {difference}\n{}", script.to_rust()),
        }
    }
    gone.iter().for_each(|difference| drop(differences.remove(difference)));
    let survey = survey(target, &config.clone().known(differences.keys().flat_map(|all| words(all)))).await;
    if rewrite {
        differences.extend(found(&survey));
        fs::write(&list, json(&differences)).expect("the list, to be written");
        fs::write(&readme, shown(store, &read(&readme), &differences)).expect("the README, to be written");
        return;
    }
    assert!(
        survey.found.is_empty(),
        "{store} differs in what is not listed, FAKE_BUCKET_REWRITE=1 lists it:\n{survey}"
    );
    let text = read(&readme);
    assert!(
        text == shown(store, &text, &differences),
        "the README does not show the list, FAKE_BUCKET_REWRITE=1 does it"
    );
}

const AND: &str = "; ";

fn words(difference: &str) -> impl Iterator<Item = &str> {
    difference.split(AND)
}

fn found(survey: &Survey) -> Differences {
    survey.found.iter().map(|failure| (failure.differences.join(AND), failure.script.clone())).collect()
}

fn json(differences: &Differences) -> String {
    format!("{}\n", serde_json::to_string_pretty(differences).expect("plain data"))
}

/// The text, with the store's differences between its two marks.
fn shown(store: &str, text: &str, differences: &Differences) -> String {
    let (begin, end) = (format!("<!-- {store} -->\n"), format!("<!-- end of {store} -->\n"));
    let marked = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = marked.unwrap_or_else(|| panic!("the README has not the lines {begin}{end}"));
    let items: String = differences.iter().map(|(difference, script)| item(difference, script)).collect();
    format!("{before}{begin}\n{items}{end}{after}")
}

fn item(difference: &str, script: &Script) -> String {
    let steps: String = script.steps.iter().map(|step| format!("  {step}\n")).collect();
    format!("* **{difference}**\n\n  ```rust\n{steps}  ```\n\n")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
