//! Azure Blob Storage: Microsoft's emulator, Azurite.

use base64::{Engine, prelude::BASE64_STANDARD};
use tempfile::TempDir;

use crate::{
    Error, http,
    process::{self, Process, Program},
    signing::{hmac_sha256, percent_encode},
    tools,
};

const NAME: &str = "azurite";

const ACCOUNT: &str = "backstoptest";

/// Any base64 text will do; this one says what it is.
const KEY: &str = "bm90LWEtc2VjcmV0LW9ubHktZm9yLXRlc3RzLW9uLWxvb3BiYWNr";

/// An emulated storage account on loopback, over plain HTTP; stopped and removed on drop.
pub struct Azurite {
    // Before the directory, so that it is stopped when that is removed.
    process: Process,
    _directory: TempDir,
    endpoint: String,
}

impl Azurite {
    /// Starts a storage account without any container.
    ///
    /// # Errors
    ///
    /// If Azurite or Node is not installed, ends, or is not ready in time.
    pub fn start() -> Result<Self, Error> {
        let script = tools::azurite()?;
        let directory = process::scratch(NAME)?;
        let process = Process::start(NAME, directory.path(), |port| {
            let arguments = [
                &script.display().to_string(),
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                &port.to_string(),
                "--location",
                &directory.path().join("data").display().to_string(),
                "--silent",
                // It would call home otherwise.
                "--disableTelemetry",
                // Clients name newer versions of the protocol than an older Azurite knows.
                "--skipApiVersionCheck",
            ];
            Ok(Program {
                path: "node".into(),
                arguments: arguments.map(str::to_owned).to_vec(),
                environment: vec![("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{KEY}"))],
                ready_path: "/",
                // It refuses the request, which is an answer.
                ready: |_| true,
                // What it was sent is in memory first.
                stop_signal: "TERM",
            })
        })?;
        Ok(Self {
            endpoint: format!("http://{}/{ACCOUNT}", process.address()),
            process,
            _directory: directory,
        })
    }

    /// Returns the account's URL, without a slash at its end: `http://127.0.0.1:PORT/ACCOUNT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the account's name.
    #[must_use]
    pub fn account(&self) -> &str {
        ACCOUNT
    }

    /// Returns the account's access key, in base64.
    #[must_use]
    pub fn key(&self) -> &str {
        KEY
    }

    /// Returns an account SAS, the query string without `?`, that may read and list every
    /// container and change nothing.
    #[must_use]
    pub fn read_only_sas(&self) -> String {
        sas("rl")
    }

    /// Creates a container.
    ///
    /// # Errors
    ///
    /// If the server refuses, for example since the container exists.
    pub fn create_container(&self, name: &str) -> Result<(), Error> {
        self.ask(
            "PUT",
            &format!("/{name}?restype=container&{}", sas("rwdlac")),
        )?;
        Ok(())
    }

    /// Returns the names of the blobs in a container, sorted, those whose upload was begun and
    /// not finished among them.
    ///
    /// # Errors
    ///
    /// If the server refuses, for example since there is no such container.
    pub fn blobs(&self, container: &str) -> Result<Vec<String>, Error> {
        let list = format!(
            "/{container}?restype=container&comp=list&include=uncommittedblobs&{}",
            sas("rl")
        );
        let text = self.ask("GET", &list)?.text();
        let mut names: Vec<String> = text
            .split("<Name>")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once("</Name>")?.0.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Stops the server; what it stores stays, and connections to its port are refused.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts the server again on the same port, with what it had stored.
    ///
    /// # Errors
    ///
    /// As [`Azurite::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.process.start_again()
    }

    fn ask(&self, method: &str, path: &str) -> Result<http::Response, Error> {
        // Without the query: it holds a signature.
        let request = format!("{method} {}", path.split('?').next().unwrap_or(path));
        http::send(method, &format!("{}{path}", self.endpoint), &[], &[])
            .map_err(|reason| Error::Ask {
                server: NAME,
                request: request.clone(),
                reason,
            })?
            .success(NAME, &request)
    }
}

/// Signs an account SAS for blobs, with the letters of its permissions, as documented under
/// "Create an account SAS" for version 2020-12-06.
fn sas(permissions: &str) -> String {
    let (version, services, types, expiry) = ("2020-12-06", "b", "sco", "2099-12-31T23:59:59Z");
    // Account, permissions, services, resource types, start, expiry, addresses, protocol, version
    // and encryption scope, each on a line of its own.
    let text = format!(
        "{ACCOUNT}\n{permissions}\n{services}\n{types}\n\n{expiry}\n\nhttps,http\n{version}\n\n"
    );
    // The key is our own constant, and a test signs with it.
    let key = BASE64_STANDARD.decode(KEY).unwrap_or_default();
    let signature = BASE64_STANDARD.encode(hmac_sha256(&key, text.as_bytes()));
    format!(
        "sv={version}&ss={services}&srt={types}&sp={permissions}&se={}&spr=https,http&sig={}",
        percent_encode(expiry),
        percent_encode(&signature),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::tests::installed;

    #[test]
    fn a_container_takes_blobs_from_the_key_and_not_from_the_read_only_token() {
        installed();
        let mut azurite = Azurite::start().expect("an account");
        azurite.create_container("artifacts").expect("a container");
        let put = |endpoint: &str, blob: &str, sas: &str| {
            let url = format!("{endpoint}/artifacts/{blob}?{sas}");
            http::send("PUT", &url, &[("x-ms-blob-type", "BlockBlob")], b"hello")
                .expect("an answer")
                .status
        };
        let endpoint = azurite.endpoint().to_owned();
        assert_eq!(put(&endpoint, "kept", &sas("rwdlac")), 201);
        assert_eq!(put(&endpoint, "refused", &azurite.read_only_sas()), 403);
        assert_eq!(azurite.blobs("artifacts").expect("blobs"), ["kept"]);

        let read = format!("{endpoint}/artifacts/kept?{}", azurite.read_only_sas());
        assert_eq!(
            http::send("GET", &read, &[], &[]).expect("an answer").body,
            b"hello"
        );
        let missing = azurite.blobs("missing").expect_err("no such container");
        assert!(
            matches!(missing, Error::Answer { status: 404, .. }),
            "{missing}"
        );
        assert!(!missing.to_string().contains("sig="), "{missing}");

        azurite.stop();
        http::send("GET", &read, &[], &[]).expect_err("it is stopped");
        azurite.start_again().expect("the same account");
        assert_eq!(azurite.blobs("artifacts").expect("blobs"), ["kept"]);

        drop(azurite);
        http::send("GET", &read, &[], &[]).expect_err("it is gone");
    }
}
