//! Our contracts are standard documents: other people's linters find them clean, and see what is wrong with a broken one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scenarios::steadfast::Workplace;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

fn example(name: &str) -> PathBuf {
    root().join("examples/name-cache").join(name)
}

fn all(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

/// datacontract-cli's linter on an envelope.
fn lint(workplace: &Workplace, envelope: &Path) -> Output {
    let program = xtask::tools::pypi("datacontract", &["datacontract-cli==1.2.8"]).unwrap().join("bin/datacontract");
    let mut lint = Command::new(program);
    lint.arg("lint").arg(envelope).current_dir(workplace.path()).env("HOME", workplace.path());
    lint.output().unwrap()
}

#[test]
fn the_envelope_is_clean_for_the_linter_of_data_contracts() {
    let workplace = Workplace::new();
    let clean = lint(&workplace, &example("name_cache.odcs.yaml"));
    assert!(clean.status.success() && all(&clean).contains("Data contract is valid"), "{}", all(&clean));
    // The linter would have seen it: `version` is required.
    let text = std::fs::read_to_string(example("name_cache.odcs.yaml")).unwrap();
    let broken = text.replace("apiVersion: v3.1.0", "apiVersion: of our own");
    workplace.write("broken.odcs.yaml", broken);
    let broken = lint(&workplace, &workplace.path().join("broken.odcs.yaml"));
    assert!(!broken.status.success(), "{}", all(&broken));
}

/// ajv on the schema, with these options and with our vocabulary or without.
fn ajv(options: &str, with_vocabulary: bool) -> Output {
    let folder = xtask::tools::npm("ajv", &["ajv@8.20.0"]).unwrap();
    let vocabulary = root().join("crates/steadfast-contract/schema/ajv-vocabulary.json");
    let script = format!(
        "const Ajv = require('ajv/dist/2020'); const ajv = new Ajv({options});
         if ({with_vocabulary}) ajv.addVocabulary(require('{}'));
         ajv.compile(require('{}'));",
        vocabulary.display(),
        example("name_cache.schema.json").display(),
    );
    Command::new("node").args(["-e", &script]).current_dir(folder).output().unwrap()
}

#[test]
fn the_schema_is_clean_for_ajv_leniently_and_with_our_vocabulary_strictly() {
    let lenient = ajv("{strict: false}", false);
    assert!(lenient.status.success(), "{}", all(&lenient));
    let strict = ajv("{strict: true, strictRequired: false}", true);
    assert!(strict.status.success(), "{}", all(&strict));
    // Without the snippet its strict mode knows none of our words.
    let refused = ajv("{strict: true, strictRequired: false}", false);
    assert!(!refused.status.success() && all(&refused).contains("unknown keyword"), "{}", all(&refused));
}
