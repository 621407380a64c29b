//! A small HTTP server for the stand-ins: one handler, every request read whole and remembered.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::Error;

/// How long a client may take between two pieces of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest head and the longest body that a request may have.
const HEAD_LIMIT: u64 = 64 * 1024;
const BODY_LIMIT: u64 = 64 * 1024 * 1024;

/// A request that a stand-in was sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Names and values of the headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer encoding.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the value of the first header with this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What a handler answers; the length is added.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A TCP listener on a free port whose connections go to `serve`, each on a thread of its own;
/// closed on drop.
pub(crate) struct Listener {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    pub(crate) fn start(mut serve: impl FnMut(TcpStream) + Send + 'static) -> Result<Self, Error> {
        let listener =
            TcpListener::bind("127.0.0.1:0").map_err(Error::io("listen on 127.0.0.1"))?;
        let address = listener
            .local_addr()
            .map_err(Error::io("listen on 127.0.0.1"))?;
        let closed = Arc::new(AtomicBool::new(false));
        let accepting = thread::spawn({
            let closed = Arc::clone(&closed);
            move || {
                for stream in listener.incoming() {
                    if closed.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that gave up before it was accepted is nothing to report.
                    if let Ok(stream) = stream {
                        serve(stream);
                    }
                }
            }
        });
        Ok(Self {
            address,
            closed,
            accepting: Some(accepting),
        })
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that it is over and closes the listener.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(accepting) = self.accepting.take()
            && woken
        {
            // A panic of that thread has been printed, and a destructor must not add another.
            let _ = accepting.join();
        }
    }
}

/// An HTTP/1.1 server that remembers what it was asked.
pub(crate) struct Door {
    listener: Listener,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Door {
    /// Listens on a free port and answers each request with what `answer` makes of it.
    pub(crate) fn open(
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let listener = Listener::start({
            let requests = Arc::clone(&requests);
            move |stream| {
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                // Not waited for: it ends with its one request, or when patience does.
                thread::spawn(move || {
                    if let Ok(Some(request)) = read(&stream) {
                        requests
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(request.clone());
                        // A client that does not wait for its answer is its own business.
                        let _ = write(&stream, &request, &answer(&request));
                    }
                });
            }
        })?;
        Ok(Self { listener, requests })
    }

    pub(crate) fn address(&self) -> String {
        self.listener.address()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Reads one request; none if the client closes without sending one.
fn read(mut stream: &TcpStream) -> io::Result<Option<Request>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut head = (&mut reader).take(HEAD_LIMIT);
    let first = line(&mut head)?;
    let mut parts = first.split(' ');
    let (Some(method), Some(target)) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    let mut request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = line(&mut head)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        request
            .headers
            .push((name.trim().to_owned(), value.trim().to_owned()));
    }
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut reader = reader.take(BODY_LIMIT);
    let chunked = request
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    if chunked {
        loop {
            let size = line(&mut reader)?;
            let size = size.split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            (&mut reader).take(size).read_to_end(&mut request.body)?;
            line(&mut reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        reader.take(length).read_to_end(&mut request.body)?;
    }
    Ok(Some(request))
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn write(mut stream: &TcpStream, request: &Request, answer: &Answer) -> io::Result<()> {
    let mut text = format!(
        "HTTP/1.1 {} Test\r\nConnection: close\r\nContent-Length: {}\r\n",
        answer.status,
        answer.body.len(),
    );
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(&answer.body)?;
    }
    stream.flush()
}
