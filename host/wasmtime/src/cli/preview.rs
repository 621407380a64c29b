//! The preview page, served on this machine.
//!
//! It is one file that needs nothing else and sends nothing anywhere, so serving it is all there is
//! to do. `cargo xtask generate` puts it here from `host/browser`.

use std::{convert::Infallible, net::SocketAddr, path::Path};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet};

use super::{Problem, app::interrupt, args::Output, exit, print::print};
use crate::record;

/// The page, as it was built.
const PAGE: &[u8] = include_bytes!("../../assets/preview.html");

/// How many connections are served at once; a browser opens a handful.
const CONNECTIONS: usize = 64;

/// Serves the page until somebody wants the program to end.
pub(super) async fn serve(listen: SocketAddr, output: Output) -> Result<u8, Problem> {
    let failed = |error| {
        Problem::new(
            exit::FAILED,
            format!("cannot listen on `{listen}`: {error}; choose another address with `--listen`"),
        )
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = format!("http://{address}/");
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
