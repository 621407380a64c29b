//! The one way out to the network: HTTP behind the fence of HOST-4, with failures in our words.
//!
//! Redirects are never followed here, and proxies of the environment are ignored: both would lead
//! around the fence. Failures name a host and nothing else of a URL, whose query may be a secret.

use std::{
    error::Error,
    fmt, io,
    sync::{Arc, OnceLock},
};

use backstop_core::{Failure, FailureClass};
use reqwest::{Client, Request, Response, Url, redirect};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{
    configuration,
    guard::{Guard, Refused, Unresolved},
    internal,
    location::authority,
};

/// A client for one probe. It keeps no connection and no resolved name beyond that.
#[derive(Clone, Debug)]
pub(super) struct Http {
    allow_private: bool,
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

/// What a storage answered, with a body that is cut to what an error or a small object needs.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: reqwest::StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Http {
    /// The longest body that is read, in bytes. The rest of a longer one is left unread.
    const MAX_BODY: usize = 64 * 1024;

    pub(super) fn new(allow_private: bool) -> Self {
        Self {
            allow_private,
            plain: OnceLock::new(),
            tls: OnceLock::new(),
        }
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// [`FailureClass::Configuration`] where the fence refuses, [`FailureClass::Network`] where
    /// no answer comes, [`FailureClass::Internal`] where this host is out of means.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, Failure> {
        let url = request.url();
        let host = authority(url);
        let (client, plain) = match url.scheme() {
            "https" => (&self.tls, false),
            "http" => (&self.plain, true),
            scheme => {
                let message = format!(
                    "`{host}` leads to scheme `{scheme}`, only `https` and `http` are possible"
                );
                return Err(configuration(message));
            }
        };
        let guard = Guard {
            allow_private: self.allow_private,
            plain,
        };
        guard
            .check_literal(url)
            .map_err(|refused| refusal(refused, &host))?;
        let client = match client.get() {
            Some(client) => client,
            None => {
                let made = make(guard)?;
                client.get_or_init(|| made)
            }
        };
        let response = client
            .execute(request)
            .await
            .map_err(|error| lost(&error, &host))?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: body(response).await.map_err(|error| lost(&error, &host))?,
        })
    }
}

fn make(guard: Guard) -> Result<Client, Failure> {
    Client::builder()
        .tls_backend_preconfigured(tls(guard.plain).map_err(|error| no_tls(&error))?)
        .dns_resolver(guard)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("backstop/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| no_tls(&error))
}

/// Returns how TLS is spoken: trusting whom the machine trusts, or nobody where it is not spoken.
fn tls(plain: bool) -> Result<rustls::ClientConfig, rustls::Error> {
    // Ring, because the alternative needs a C toolchain with CMake and a minute more to build.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = if plain {
        builder.with_root_certificates(rustls::RootCertStore::empty())
    } else {
        builder.with_platform_verifier()?
    };
    Ok(builder.with_no_client_auth())
}

fn no_tls(error: &dyn fmt::Display) -> Failure {
    let why = one_line(error);
    internal(format!(
        "TLS cannot be set up, are CA certificates installed on this host? ({why})"
    ))
}

impl Answer {
    /// Returns a header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns where the answer to a request for `url` points to.
    pub(super) fn location(&self, url: &Url) -> Option<Url> {
        url.join(self.header("location")?).ok()
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = Http::MAX_BODY.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if chunk.len() >= room {
            break;
        }
    }
    Ok(body)
}

fn refusal(refused: Refused, host: &str) -> Failure {
    configuration(refused.message(host))
}

/// Says in our words why no answer came.
fn lost(error: &reqwest::Error, host: &str) -> Failure {
    let network = |message| Failure::new(FailureClass::Network, message);
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return refusal(*refused, host);
        }
        match error.downcast_ref::<Unresolved>() {
            Some(Unresolved::Means) => return out_of_means(host),
            Some(Unresolved::Name) => {
                let message = "does not resolve, check its spelling and this host's DNS";
                return network(format!("`{host}` {message}"));
            }
            None => {}
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return untrusted(error, host);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // An I/O error hides the error that it wraps from `source`.
            if let Some(inner) = error.get_ref() {
                next = Some(inner);
                continue;
            }
            if out_of_files(error) {
                return out_of_means(host);
            }
            if error.kind() == io::ErrorKind::ConnectionRefused {
                return network(format!("`{host}` refuses connections"));
            }
            return network(format!("`{host}` cannot be reached: {}", error.kind()));
        }
        next = error.source();
    }
    network(format!(
        "`{host}` broke the connection off, or does not speak HTTP"
    ))
}

fn out_of_means(host: &str) -> Failure {
    internal(format!(
        "this host has too many files or threads open to connect to `{host}`"
    ))
}

fn untrusted(error: &rustls::Error, host: &str) -> Failure {
    let message = if let rustls::Error::InvalidMessage(_) = error {
        format!("`{host}` does not speak TLS")
    } else if let rustls::Error::InvalidCertificate(error) = error {
        format!(
            "the certificate of `{host}` is not trusted: {}",
            one_line(error)
        )
    } else {
        format!("TLS with `{host}` fails: {}", one_line(error))
    };
    Failure::new(FailureClass::Network, message)
}

/// Says whether this process, or this machine, has no file left to open: none of a backend's fault.
pub(super) fn out_of_files(error: &io::Error) -> bool {
    // ENFILE and EMFILE, for which the standard library has no kind; the same on every Unix.
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// Returns an error's own words, on one line and cut to what a message can bear.
fn one_line(error: &dyn fmt::Display) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn get(allow_private: bool, url: &str) -> Result<Answer, Failure> {
        Http::new(allow_private)
            .send(Request::new(reqwest::Method::GET, url.parse().unwrap()))
            .await
    }

    /// Serves one connection with these bytes, whatever is asked, and returns the port.
    async fn answering(answer: impl Into<Vec<u8>>) -> u16 {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream.write_all(&answer).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        port
    }

    #[tokio::test]
    async fn what_gives_no_answer_is_a_failure_in_our_words() {
        let refused = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let garbage = answering("SSH-2.0-server\r\n").await;
        let not_tls = answering("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
        let silent = answering("").await;
        use FailureClass::{Configuration, Network};
        let table = [
            (
                false,
                "https://nowhere.invalid/".to_owned(),
                Network,
                "`nowhere.invalid` does not resolve",
            ),
            (
                true,
                format!("http://127.0.0.1:{refused}/"),
                Network,
                "refuses connections",
            ),
            (
                true,
                format!("http://localhost:{refused}/"),
                Network,
                "refuses connections",
            ),
            (
                true,
                format!("http://127.0.0.1:{garbage}/"),
                Network,
                "does not speak HTTP",
            ),
            (
                true,
                format!("https://127.0.0.1:{not_tls}/"),
                Network,
                "does not speak TLS",
            ),
            (
                true,
                format!("http://127.0.0.1:{silent}/"),
                Network,
                "broke the connection off",
            ),
            (
                false,
                "https://127.0.0.1:1/".to_owned(),
                Configuration,
                "`127.0.0.1` of `127.0.0.1:1` is private",
            ),
            (
                false,
                "https://localhost:1/".to_owned(),
                Configuration,
                "of `localhost:1` is private",
            ),
            (
                false,
                "https://localhost:1/".to_owned(),
                Configuration,
                "--allow-private",
            ),
            (
                false,
                "https://[::ffff:7f00:1]/".to_owned(),
                Configuration,
                "is private",
            ),
            (
                true,
                "http://169.254.169.254/latest".to_owned(),
                Configuration,
                "metadata service",
            ),
            (
                true,
                "http://8.8.8.8/".to_owned(),
                Configuration,
                "use `https://`",
            ),
            (
                true,
                "ftp://127.0.0.1/".to_owned(),
                Configuration,
                "scheme `ftp`",
            ),
        ];
        for (allow_private, url, class, message) in table {
            let failure = get(allow_private, &url).await.unwrap_err();
            assert_eq!(failure.class, class, "{url}: {}", failure.message);
            assert!(
                failure.message.contains(message),
                "{url}: {}",
                failure.message
            );
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_a_long_body_is_cut() {
        let port =
            answering("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n").await;
        let url = format!("http://127.0.0.1:{port}/a/b");
        let answer = get(true, &url).await.unwrap();
        assert_eq!(answer.status, 302);
        assert_eq!(answer.location(&url.parse().unwrap()).unwrap().path(), "/x");

        let long = "x".repeat(Http::MAX_BODY * 4);
        let port = answering(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{long}",
            long.len()
        ))
        .await;
        assert_eq!(
            get(true, &format!("http://127.0.0.1:{port}/"))
                .await
                .unwrap()
                .body
                .len(),
            Http::MAX_BODY
        );
    }

    #[test]
    fn a_host_without_files_blames_itself() {
        assert!(out_of_files(&io::Error::from_raw_os_error(24)));
        assert!(!out_of_files(&io::Error::from_raw_os_error(111)));
    }
}
