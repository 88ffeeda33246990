//! Signing in over a connection that is there, and what went wrong in words.

use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{Client, Config, Error, config};

use crate::address::{Address, ChannelBinding, SslMode};
use crate::tls::Tls;

/// What moves the bytes of a session: it must be polled for the client to go on, and ends when the client is dropped or
/// the connection is lost.
pub type Moving = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Makes the handshake if the address asks for one, and signs in.
pub async fn sign_in<S>(stream: S, address: &Address, tls: Tls) -> Result<(Client, Moving), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut config = Config::new();
    config.user(&address.user).dbname(&address.database);
    if let Some(password) = &address.password {
        config.password(password.expose());
    }
    if let Some(name) = &address.application_name {
        config.application_name(name);
    }
    if let Some(options) = &address.options {
        config.options(options);
    }
    config.ssl_mode(match (address.host.socket(), address.tls) {
        (Some(_), _) | (None, SslMode::Disable) => config::SslMode::Disable,
        (None, SslMode::Prefer) => config::SslMode::Prefer,
        (None, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => config::SslMode::Require,
    });
    config.channel_binding(match address.channel_binding {
        ChannelBinding::Disable => config::ChannelBinding::Disable,
        ChannelBinding::Prefer => config::ChannelBinding::Prefer,
        ChannelBinding::Require => config::ChannelBinding::Require,
    });
    let (client, connection) = config.connect_raw(stream, tls).await?;
    Ok((client, Box::pin(connection)))
}

/// What an error says in full: the server's message with its detail, hint and SQLSTATE, or what each layer below added.
pub fn said(error: &Error) -> String {
    if let Some(server) = error.as_db_error() {
        let more = [server.detail(), server.hint()].into_iter().flatten().map(|more| format!("; {more}"));
        return format!("{}{} ({})", server.message(), more.collect::<String>(), server.code().code());
    }
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(why) = below {
        let why_words = why.to_string();
        // Some layers repeat the one below.
        if !words.contains(&why_words) {
            words = format!("{words}: {why_words}");
        }
        below = why.source();
    }
    words
}
