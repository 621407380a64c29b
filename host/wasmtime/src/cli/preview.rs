//! The preview page, served on this machine.
//!
//! It is one file that needs nothing else and sends nothing anywhere, so serving it is all there is
//! to do. `cargo xtask generate` puts it here from `host/browser`.

use std::{convert::Infallible, net::SocketAddr, path::Path};

use backstop_core::Roster;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::{Problem, app::interrupt, args::Output, exit, print::print};
use crate::record;

/// The page, as it was built.
const PAGE: &[u8] = include_bytes!("../../assets/preview.html");

/// How many connections are served at once; a browser opens a handful.
const CONNECTIONS: usize = 64;

/// Returns what follows the `#` of a link to the page that begins with that roster: the state of the
/// page as it keeps it itself (`host/browser/src/link.ts`), which no browser sends to a server.
pub(super) fn fragment(organization: &str, roster: &Roster, now: u64) -> String {
    let redacted = record::Roster::from(roster);
    let why = format!(
        "the organization {organization} at revision {}",
        roster.revision
    );
    let mut state = json!({
        "case": {
            "name": organization,
            "why": why,
            "rules": [],
            "given": {
                "backends": redacted.backends,
                "default": redacted.default,
                "fallbacks": redacted.fallbacks,
                "policy": redacted.policy,
            },
            "steps": [],
        },
        "batches": [],
        "cursor": 0,
        "clock": now,
        "size": null,
        "copies": [],
        "by": "organization",
        "draft": null,
    });
    // The page keeps the class of a failure; the message may name hosts, and a link is passed on.
    let backends = state["case"]["given"]["backends"].as_array_mut();
    for backend in backends.into_iter().flatten() {
        if let Some(class) = backend.pointer("/health/failure/class").cloned() {
            backend["health"]["failure"] = class;
        }
    }
    let payload = BASE64_URL_SAFE_NO_PAD.encode(without_nulls(state).to_string());
    format!("backstop=1.j.{:08x}.{payload}", fnv1a(&payload))
}

/// In a vector, a field that is null is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => value,
    }
}

/// The 32-bit FNV-1a hash, by which the page knows that a link was cut or mistyped.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Serves the page until somebody wants the program to end. A link may carry what it begins with.
pub(super) async fn serve(
    listen: SocketAddr,
    output: Output,
    fragment: Option<&str>,
) -> Result<u8, Problem> {
    let failed = |error| {
        Problem::new(
            exit::FAILED,
            format!("cannot listen on `{listen}`: {error}; choose another address with `--listen`"),
        )
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = match fragment {
        Some(fragment) => format!("http://{address}/#{fragment}"),
        None => format!("http://{address}/"),
    };
    print(output, &record::Preview { url: url.clone() }, || {
        format!("the preview is at {url} (Ctrl-C ends it)\n")
    })?;

    let mut connections = JoinSet::new();
    let mut ended = std::pin::pin!(interrupt());
    loop {
        tokio::select! {
            () = &mut ended => return Ok(exit::DONE),
            accepted = listener.accept(), if connections.len() < CONNECTIONS => {
                // A connection that is gone before it is accepted is nobody's problem.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(
                        http1::Builder::new()
                            .timer(TokioTimer::new())
                            .serve_connection(TokioIo::new(stream), service_fn(answer)),
                    );
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Writes the page to a file, from which it works as well.
pub(super) fn save(file: &Path) -> Result<u8, Problem> {
    std::fs::write(file, PAGE).map_err(|error| {
        Problem::new(
            exit::FAILED,
            format!("cannot write `{}`: {error}", file.display()),
        )
    })?;
    Ok(exit::DONE)
}

async fn answer(
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(respond(request.method(), request.uri().path()))
}

fn respond(method: &Method, path: &str) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (method, path) {
        (&Method::GET | &Method::HEAD, "/" | "/index.html") => {
            (StatusCode::OK, "text/html; charset=utf-8", PAGE)
        }
        (&Method::GET | &Method::HEAD, _) => (
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            &b"there is one page, at /\n"[..],
        ),
        _ => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            &b"the page is only read\n"[..],
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        // The page says itself what it may load, which is nothing; a page cannot say who may frame it.
        (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
