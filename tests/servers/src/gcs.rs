//! Google Cloud Storage: fake-gcs-server, behind a door that completes its XML interface.

use tempfile::TempDir;

use crate::{
    Error,
    door::{Answer, Door, Request},
    http,
    process::{self, Process, Program},
    tools,
};

const NAME: &str = "fake-gcs-server";

/// An emulated Google Cloud Storage on loopback, over plain HTTP, that asks for no credentials;
/// stopped and removed on drop.
///
/// The emulator takes an object by the XML interface only as a signed upload, and answers without
/// `ETag` and generation. [`FakeGcs::endpoint`] is a door before it that makes up for both, and
/// passes everything else on as it is. It can do what a probe needs; XML multipart uploads and
/// conditional writes it has not.
pub struct FakeGcs {
    // In the order in which they have to go.
    door: Door,
    process: Process,
    _directory: TempDir,
}

impl FakeGcs {
    /// Starts a store without any bucket.
    ///
    /// # Errors
    ///
    /// If fake-gcs-server is not installed, ends, or is not ready in time.
    pub fn start() -> Result<Self, Error> {
        let path = tools::fake_gcs_server()?;
        let directory = process::scratch(NAME)?;
        let process = Process::start(NAME, directory.path(), |port| {
            let arguments = [
                "-scheme",
                "http",
                "-host",
                "127.0.0.1",
                "-port",
                &port.to_string(),
                "-public-host",
                &format!("127.0.0.1:{port}"),
                "-backend",
                "filesystem",
                "-filesystem-root",
                &directory.path().join("data").display().to_string(),
                // Nothing is preloaded.
                "-data",
                "",
            ];
            Ok(Program {
                path: path.clone(),
                arguments: arguments.map(str::to_owned).to_vec(),
                environment: Vec::new(),
                ready_path: "/_internal/healthcheck",
                ready: |status| status == 200,
                stop_signal: "KILL",
            })
        })?;
        let server = format!("http://{}", process.address());
        let door = Door::open(move |request| pass_on(&server, request))?;
        Ok(Self {
            door,
            process,
            _directory: directory,
        })
    }

    /// Returns the base URL, without a slash at its end: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.door.address())
    }

    /// Returns a service account's key file, in JSON, that names the endpoint as `gcs_base_url`
    /// and asks for no token (`disable_oauth`), as clients of emulators understand it.
    #[must_use]
    pub fn service_account(&self) -> String {
        serde_json::json!({
            "type": "service_account",
            "gcs_base_url": self.endpoint(),
            "disable_oauth": true,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        })
        .to_string()
    }

    /// Creates a bucket.
    ///
    /// # Errors
    ///
    /// If the server refuses, for example since the bucket exists.
    pub fn create_bucket(&self, name: &str) -> Result<(), Error> {
        let body = serde_json::json!({ "name": name }).to_string();
        self.ask("POST", "/storage/v1/b", body.as_bytes())?;
        Ok(())
    }

    /// Returns the names of the objects in a bucket, sorted.
    ///
    /// # Errors
    ///
    /// If the server refuses, for example since there is no such bucket.
    pub fn objects(&self, bucket: &str) -> Result<Vec<String>, Error> {
        let answer = self.ask("GET", &format!("/storage/v1/b/{bucket}/o"), &[])?;
        let answer: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|error| Error::Ask {
                server: NAME,
                request: format!("GET /storage/v1/b/{bucket}/o"),
                reason: error.to_string(),
            })?;
        let mut names: Vec<String> = answer["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| Some(item["name"].as_str()?.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Stops the emulator; what it stores stays. The door answers status 502 meanwhile.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts the emulator again behind the same door, with what it had stored.
    ///
    /// # Errors
    ///
    /// As [`FakeGcs::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.process.start_again()
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<http::Response, Error> {
        let request = format!("{method} {path}");
        let url = format!("http://{}{path}", self.process.address());
        http::send(method, &url, &[("content-type", "application/json")], body)
            .map_err(|reason| Error::Ask {
                server: NAME,
                request: request.clone(),
                reason,
            })?
            .success(NAME, &request)
    }
}

/// Asks the emulator what the door was asked.
fn pass_on(server: &str, request: &Request) -> Answer {
    // The interfaces that speak JSON have paths of their own.
    let json = [
        "/storage/",
        "/upload/",
        "/download/",
        "/batch/",
        "/_internal/",
    ]
    .iter()
    .any(|prefix| request.target.starts_with(prefix));
    let is_upload = request.method == "PUT" && !json;
    let mut url = format!("{server}{}", request.target);
    if is_upload {
        // What marks a signed upload; the signature itself is not looked at.
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str("X-Goog-Algorithm=GOOG4-RSA-SHA256");
    }
    let headers: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| !is_hop(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = match http::send(&request.method, &url, &headers, &request.body) {
        Ok(answer) => answer,
        Err(reason) => {
            return Answer {
                status: 502,
                headers: Vec::new(),
                body: reason.into_bytes(),
            };
        }
    };
    let mut headers: Vec<_> = answer
        .headers
        .into_iter()
        .filter(|(name, _)| !is_hop(name))
        .collect();
    if is_upload
        && let Ok(object) = serde_json::from_slice::<serde_json::Value>(&answer.body)
        && let (Some(etag), Some(generation)) =
            (object["etag"].as_str(), object["generation"].as_str())
    {
        headers.push(("ETag".to_owned(), format!("\"{}\"", etag.trim_matches('"'))));
        headers.push(("x-goog-generation".to_owned(), generation.to_owned()));
    }
    Answer {
        status: answer.status,
        headers,
        body: answer.body,
    }
}

/// Returns whether a header belongs to one connection, and not to what passes over it.
fn is_hop(name: &str) -> bool {
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "transfer-encoding",
    ]
    .iter()
    .any(|hop| name.eq_ignore_ascii_case(hop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::tests::installed;

    #[test]
    fn a_bucket_takes_gives_and_deletes_an_object() {
        installed();
        let mut gcs = FakeGcs::start().expect("a store");
        gcs.create_bucket("artifacts").expect("a bucket");
        let endpoint = gcs.endpoint();
        let object = format!("{endpoint}/artifacts/probe%2Fone");
        let send = |method: &str, url: &str, body: &[u8]| {
            http::send(method, url, &[], body).expect("an answer")
        };
        let put = send("PUT", &object, b"hello");
        assert_eq!(put.status, 200, "{}", put.text());
        for name in ["etag", "x-goog-generation"] {
            assert!(
                put.headers.iter().any(|(key, _)| key == name),
                "{:?}",
                put.headers
            );
        }
        assert_eq!(gcs.objects("artifacts").expect("objects"), ["probe/one"]);
        assert_eq!(send("GET", &object, &[]).body, b"hello");
        let missing = send("PUT", &format!("{endpoint}/missing/one"), b"hello");
        assert_eq!(missing.status, 404);

        gcs.stop();
        assert_eq!(send("GET", &object, &[]).status, 502);
        gcs.start_again().expect("the same store");
        assert_eq!(send("GET", &object, &[]).body, b"hello");

        assert_eq!(send("DELETE", &object, &[]).status, 200);
        assert_eq!(gcs.objects("artifacts").expect("objects"), [""; 0]);

        drop(gcs);
        http::send("GET", &object, &[], &[]).expect_err("it is gone");
    }
}
