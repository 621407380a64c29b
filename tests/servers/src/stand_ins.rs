//! Servers that stand in for what goes wrong: silence, a closed port, a redirect, any status.

use std::net::{TcpListener, TcpStream};

use crate::{
    Error,
    door::{Answer, Door, Listener, Request},
};

/// Accepts connections and never answers; closes them all on drop.
pub struct Silent {
    listener: Listener,
}

impl Silent {
    /// Listens on a free port.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start() -> Result<Self, Error> {
        // Held open by the listener's thread, and closed when that ends.
        let mut held = Vec::new();
        let listener = Listener::start(move |stream| held.push(stream))?;
        Ok(Self { listener })
    }

    /// Returns host and port: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.listener.address()
    }
}

/// A port where every connection is refused for as long as the guard lives.
///
/// The port is in use, as the near end of a connection, so no other program can come to listen on
/// it meanwhile.
pub struct Refused {
    near: TcpStream,
    _far: TcpStream,
}

impl Refused {
    /// Takes a free port and listens on nothing.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start() -> Result<Self, Error> {
        let error = || Error::io("take a port of 127.0.0.1");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(error())?;
        let near = TcpStream::connect(listener.local_addr().map_err(error())?).map_err(error())?;
        let (far, _) = listener.accept().map_err(error())?;
        Ok(Self { near, _far: far })
    }

    /// Returns host and port: `127.0.0.1:PORT`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a connected socket has an address")]
    pub fn address(&self) -> String {
        self.near.local_addr().expect("connected").to_string()
    }
}

/// Answers every request with status 307 and a given `Location`.
pub struct Redirector {
    door: Door,
}

impl Redirector {
    /// Listens on a free port; `target` is sent as it is.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start(target: &str) -> Result<Self, Error> {
        let answer = Answer {
            status: 307,
            headers: vec![("Location".to_owned(), target.to_owned())],
            body: Vec::new(),
        };
        let door = Door::open(move |_| answer.clone())?;
        Ok(Self { door })
    }

    /// Returns host and port: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.door.address()
    }

    /// Returns what it was asked so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.door.requests()
    }
}

/// Answers every request with the same status, headers and body.
pub struct StatusServer {
    door: Door,
}

impl StatusServer {
    /// Listens on a free port. The length of the body is added to the headers; an answer to
    /// `HEAD` leaves the body out.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start(status: u16, headers: &[(&str, &str)], body: &str) -> Result<Self, Error> {
        let answer = Answer {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        };
        let door = Door::open(move |_| answer.clone())?;
        Ok(Self { door })
    }

    /// Returns host and port: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.door.address()
    }

    /// Returns what it was asked so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.door.requests()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        time::Duration,
    };

    use super::*;
    use crate::http;

    #[test]
    fn silence_takes_a_connection_and_says_nothing_until_it_is_dropped() {
        let silent = Silent::start().expect("a port");
        let address = silent.address();
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sent");
        let patience = Some(Duration::from_millis(200));
        stream.set_read_timeout(patience).expect("a time-out");
        let error = stream.read(&mut [0]).expect_err("no answer");
        assert!(matches!(
            error.kind(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut
        ));

        drop(silent);
        TcpStream::connect(&address).expect_err("it is gone");
    }

    #[test]
    fn a_refused_port_refuses_and_cannot_be_taken() {
        let refused = Refused::start().expect("a port");
        let error = TcpStream::connect(refused.address()).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpListener::bind(refused.address()).expect_err("the port is in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn a_redirector_sends_everything_to_its_target() {
        let redirector = Redirector::start("http://169.254.169.254/latest").expect("a port");
        let url = format!("http://{}/v2/?n=1", redirector.address());
        let answer = http::send("GET", &url, &[("x-probe", "yes")], &[]).expect("an answer");
        assert_eq!(answer.status, 307);
        let location = (
            "location".to_owned(),
            "http://169.254.169.254/latest".to_owned(),
        );
        assert!(answer.headers.contains(&location), "{:?}", answer.headers);

        let requests = redirector.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, "GET");
        assert_eq!(requests[0].target, "/v2/?n=1");
        assert_eq!(requests[0].header("X-Probe"), Some("yes"));

        drop(redirector);
        http::send("GET", &url, &[], &[]).expect_err("it is gone");
    }

    #[test]
    fn a_status_server_answers_what_it_was_told_and_reads_bodies_of_both_kinds() {
        let server =
            StatusServer::start(429, &[("Retry-After", "7")], "slow down").expect("a port");
        let url = format!("http://{}/b/o", server.address());
        let answer = http::send("PUT", &url, &[], b"some bytes").expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (429, "slow down"));
        let retry = ("retry-after".to_owned(), "7".to_owned());
        assert!(answer.headers.contains(&retry), "{:?}", answer.headers);
        let answer = http::send("HEAD", &url, &[], &[]).expect("an answer");
        assert_eq!((answer.status, answer.body.len()), (429, 0));

        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream
            .write_all(
                b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            )
            .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        assert!(text.starts_with("HTTP/1.1 429 "), "{text}");

        let bodies: Vec<_> = server
            .requests()
            .into_iter()
            .map(|request| request.body)
            .collect();
        assert_eq!(
            bodies,
            [b"some bytes".to_vec(), Vec::new(), b"hello world".to_vec()]
        );
    }
}
