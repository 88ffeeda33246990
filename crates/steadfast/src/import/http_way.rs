//! The way that a request takes: through which proxy, and with which certificate it shows who is asking.

use serde_json::json;
use url::Url;

use super::carried::{Carried, Check};
use super::http_look::Template;

/// Sets the proxy, with credentials from its address or beside it. A password becomes the name of a variable.
///
/// # Errors
/// Why it is not carried over, as a sentence.
pub(crate) fn proxy(
    carried: &mut Carried,
    check: &mut Check,
    address: &Template,
    beside: Option<(&Template, &Template)>,
) -> Result<(), String> {
    let id = check.id.clone();
    let (address, within) = match (address.as_literal(), address.as_variable()) {
        (Some(written), _) => literal(written)?,
        (None, Some(name)) => {
            let what = format!("the proxy of {id}: http://HOST:PORT, without credentials");
            (carried.variable(name, what), None)
        }
        (None, None) => {
            return Err("its address is put together of several parts: name the proxy in `proxy`".to_owned());
        }
    };
    let credentials = match (beside, &within) {
        (Some((user, password)), _) => Some((user.clone(), password.clone())),
        (None, Some((user, password))) => Some((Template::literal(user), Template::literal(password))),
        (None, None) => None,
    };
    match credentials {
        None => check.look("proxy", address),
        Some((user, password)) => {
            let name = user.value(carried, &id, "proxy user", &format!("the name for the proxy of {id}"), false);
            let what = format!("the password for the proxy of {id}");
            let password = password.value(carried, &id, "proxy password", &what, true);
            check.look("proxy", json!({ "address": address, "user": name, "password": password }));
        }
    }
    Ok(())
}

/// Name and password.
type Credentials = (String, String);

/// An address as it is written, and the credentials in it.
fn literal(written: &str) -> Result<(serde_json::Value, Option<Credentials>), String> {
    // Without a scheme it is one for HTTP, as curl reads it.
    let whole = if written.contains("://") { written.to_owned() } else { format!("http://{written}") };
    let mut url = Url::parse(&whole).map_err(|_| "its address is none: name the proxy in `proxy`".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme().to_owned();
        return Err(format!("it is spoken to by {scheme}, and `proxy` is one for HTTP"));
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = url.password().map(|password| (decoded(url.username()), decoded(password)));
    if credentials.is_none() && !url.username().is_empty() {
        return Err("it has a name without a password: `proxy` takes both or none".to_owned());
    }
    let _ = (url.set_username(""), url.set_password(None));
    // What needs no change stays as it was written, but for a slash that says nothing.
    let plain = if credentials.is_some() { url.as_str() } else { whole.as_str() };
    Ok((json!(plain.trim_end_matches('/')), credentials))
}

/// Sets the certificate to show, from PEM files; one file may hold both it and its key.
///
/// # Errors
/// Why it is not carried over, as a sentence.
pub(crate) fn certificate(check: &mut Check, certificate: Option<&str>, key: Option<&str>) -> Result<(), String> {
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(both), None) => (both, both),
        (None, _) => return Err("a key without its certificate: name both in `client_certificate`".to_owned()),
    };
    if [certificate, key].iter().any(|path| path.contains('$') || path.is_empty()) {
        return Err("its path is not known before it runs: name it in `client_certificate`".to_owned());
    }
    check.look("client_certificate", json!({ "certificate": { "file": certificate }, "key": { "file": key } }));
    Ok(())
}

/// Sets the certificate to show, from PEM that stands in the configuration itself. Both become variables.
pub(crate) fn certificate_in_place(carried: &mut Carried, check: &mut Check, certificate: &str, key: &str) {
    let id = check.id.clone();
    let what = |part: &str| format!("the PEM of the {part} that {id} shows");
    let certificate = carried.secret(&id, "client certificate", certificate, what("certificate"));
    let key = carried.secret(&id, "client key", key, what("certificate's key"));
    check.look("client_certificate", json!({ "certificate": certificate, "key": key }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: &str) {
        let said = match literal(written) {
            Ok((address, credentials)) => format!("{address} {credentials:?}"),
            Err(why) => why,
        };
        assert!(said.starts_with(expected), "{written}: {said}");
    }

    #[test]
    fn a_proxy_is_read_as_curl_reads_it() {
        check("proxy.example:3128", "\"http://proxy.example:3128\" None");
        check("https://proxy.example/", "\"https://proxy.example\" None");
        check("http://me:a%40b@proxy.example:3128", "\"http://proxy.example:3128\" Some((\"me\", \"a@b\"))");
        check("socks5://proxy.example:1080", "it is spoken to by socks5");
        check("http://me@proxy.example", "it has a name without a password");
        check("http://[", "its address is none");
    }
}
