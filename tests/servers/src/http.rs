//! A small blocking client for setting servers up and for asking whether they are ready.

use std::time::Duration;

use ureq::{Agent, http};

use crate::Error;

/// Long enough for a loaded machine, short enough that a hanging server fails a test.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the answer if its status is one of 200 to 299.
    pub(crate) fn success(self, server: &'static str, request: &str) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(Error::Answer {
            server,
            request: request.to_owned(),
            status: self.status,
            body: self.text().chars().take(500).collect(),
        })
    }
}

/// Sends one request and returns the answer, whatever its status; redirects are not followed.
pub(crate) fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, String> {
    // No proxy: the environment may name one, and it could not reach this machine's loopback.
    let agent: Agent = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(TIMEOUT))
        .build()
        .into();
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // An empty body is still sent with its length for the methods that have one.
    let answer = if body.is_empty() && matches!(method, "DELETE" | "GET" | "HEAD") {
        agent.run(request.body(()).map_err(|error| error.to_string())?)
    } else {
        agent.run(request.body(body).map_err(|error| error.to_string())?)
    };
    let mut answer = answer.map_err(|error| error.to_string())?;
    let headers = answer
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let body = answer
        .body_mut()
        .read_to_vec()
        .map_err(|error| error.to_string())?;
    Ok(Response {
        status: answer.status().as_u16(),
        headers,
        body,
    })
}
