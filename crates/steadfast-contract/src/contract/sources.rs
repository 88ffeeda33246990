//! Where the parts of a contract come from: files beside it, and remote addresses only when asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jsonschema::{Retrieve, Uri};
use serde_json::Value;

/// Gets the JSON document at an `http` or `https` address.
pub type Fetch = Arc<dyn Fn(&str) -> Result<Value, String> + Send + Sync>;

pub(crate) struct Retriever {
    folder: PathBuf,
    remote: Option<Fetch>,
    troubles: Troubles,
    documents: Documents,
}

/// What was got, by address.
pub(crate) type Documents = Arc<Mutex<HashMap<String, Value>>>;

/// Why references could not be followed, in our words.
pub(crate) type Troubles = Arc<Mutex<Vec<String>>>;

impl Retriever {
    pub(crate) fn new(folder: &Path, remote: Option<Fetch>, troubles: &Troubles, documents: &Documents) -> Retriever {
        let folder = folder.to_owned();
        Retriever { folder, remote, troubles: troubles.clone(), documents: documents.clone() }
    }

    fn get(&self, uri: &Uri<String>) -> Result<Value, String> {
        let address = uri.as_str();
        match uri.scheme().as_str() {
            "http" | "https" => match &self.remote {
                Some(fetch) => fetch(address).map_err(|why| format!("{address}: {why}")),
                None => Err(refusal(address)),
            },
            // A schema without an $id: its references are files beside it.
            "json-schema" => {
                let file = beside(&self.folder, uri.path().as_str());
                let text = std::fs::read(&file)
                    .map_err(|why| format!("{}: a reference leads to this file: {why}", file.display()))?;
                serde_json::from_slice(&text).map_err(|why| format!("{}: {why}", file.display()))
            }
            other => Err(format!("{address}: references by {other} are not followed")),
        }
    }
}

impl Retrieve for Retriever {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let got = self.get(uri);
        if let (Ok(document), Ok(mut documents)) = (&got, self.documents.lock()) {
            documents.insert(uri.as_str().to_owned(), document.clone());
        }
        got.map_err(|why| {
            if let Ok(mut troubles) = self.troubles.lock()
                && !troubles.contains(&why)
            {
                troubles.push(why.clone());
            }
            why.into()
        })
    }
}

/// The file behind the address of a document that was got, if it is one.
pub(crate) fn file_of(address: &str, folder: &Path) -> Option<PathBuf> {
    let path = address.strip_prefix("json-schema://")?;
    Some(beside(folder, path.split('#').next().unwrap_or(path)))
}

fn beside(folder: &Path, path: &str) -> PathBuf {
    folder.join(path.trim_start_matches('/'))
}

pub(crate) fn is_remote(address: &Value) -> bool {
    address.as_str().is_some_and(|address| address.starts_with("http://") || address.starts_with("https://"))
}

pub(crate) fn refusal(address: &str) -> String {
    format!(
        "{address}: a remote reference is not followed unless you say --allow-remote; or put a copy beside the contract"
    )
}

pub(crate) fn why_not_a_schema(why: &jsonschema::ValidationError<'_>) -> String {
    use jsonschema::error::ValidationErrorKind;
    match why.kind() {
        ValidationErrorKind::Referencing(why) => {
            let mut text = why.to_string();
            let mut source = std::error::Error::source(why);
            while let Some(cause) = source {
                if !text.contains(&cause.to_string()) {
                    text = format!("{text}: {cause}");
                }
                source = cause.source();
            }
            format!("a reference leads nowhere: {text}")
        }
        _ => format!("not a JSON Schema: #{}: {why}", why.instance_path()),
    }
}
