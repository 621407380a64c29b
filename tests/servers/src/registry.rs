//! An OCI registry: Debian's `docker-registry` over a directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    Error,
    process::{self, Process, Program},
    tools,
};

const NAME: &str = "docker-registry";

/// An OCI registry on loopback, over plain HTTP; stopped and removed on drop.
pub struct DockerRegistry {
    // Before the directory, so that it is stopped when that is removed.
    process: Process,
    directory: TempDir,
    address: String,
}

impl DockerRegistry {
    /// Starts a registry that lets everybody do everything.
    ///
    /// # Errors
    ///
    /// If `docker-registry` is not installed, ends, or is not ready in time.
    pub fn start() -> Result<Self, Error> {
        Self::launch("", None)
    }

    /// Starts a registry that asks for this name and password, by HTTP basic authentication, even
    /// to read.
    ///
    /// # Errors
    ///
    /// As [`DockerRegistry::start`].
    pub fn with_auth(username: &str, password: &str) -> Result<Self, Error> {
        // The lowest cost: what is protected are a test's own blobs, and each request pays it.
        let hash = bcrypt::hash(password, 4).map_err(|error| Error::Io {
            what: "hash a password".to_owned(),
            source: io::Error::other(error),
        })?;
        Self::launch("", Some(&format!("{username}:{hash}\n")))
    }

    /// Starts a registry that answers reads but refuses every write, with status 405 and code
    /// `UNSUPPORTED`.
    ///
    /// # Errors
    ///
    /// As [`DockerRegistry::start`].
    pub fn read_only() -> Result<Self, Error> {
        Self::launch("  maintenance: {readonly: {enabled: true}}\n", None)
    }

    fn launch(storage: &str, htpasswd: Option<&str>) -> Result<Self, Error> {
        let path = tools::docker_registry()?;
        let directory = process::scratch(NAME)?;
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).map_err(Error::io(format!("write `{}`", path.display())))?;
            Ok::<_, Error>(path)
        };
        let auth = match htpasswd {
            Some(line) => {
                let path = write("htpasswd", line)?;
                format!(
                    "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                    path.display()
                )
            }
            None => String::new(),
        };
        let root = directory.path().join("data");
        let process = Process::start(NAME, directory.path(), |port| {
            let config = write(
                "config.yml",
                &format!(
                    "version: 0.1\n\
                     log: {{level: warn}}\n\
                     storage:\n  \
                     filesystem: {{rootdirectory: {}}}\n  \
                     delete: {{enabled: true}}\n\
                     {storage}\
                     http: {{addr: \"127.0.0.1:{port}\", secret: test}}\n\
                     {auth}",
                    root.display(),
                ),
            )?;
            Ok(Program {
                path: path.clone(),
                arguments: vec!["serve".to_owned(), config.display().to_string()],
                environment: Vec::new(),
                ready_path: "/v2/",
                ready: |status| matches!(status, 200 | 401),
                stop_signal: "KILL",
            })
        })?;
        Ok(Self {
            address: process.address(),
            process,
            directory,
        })
    }

    /// Returns host and port, as they stand before a repository's name: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Stops the registry; what it stores stays, and connections to its address are refused.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts the registry again at the same address, with what it had stored.
    ///
    /// # Errors
    ///
    /// As [`DockerRegistry::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.process.start_again()
    }

    /// Returns the digests of all the blobs stored, in any repository, sorted: `sha256:...`.
    ///
    /// # Errors
    ///
    /// If the storage cannot be read.
    pub fn blobs(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        // blobs/<algorithm>/<first two digits>/<all digits>/data
        for algorithm in entries(&self.storage().join("blobs"))? {
            for prefix in entries(&algorithm)? {
                for blob in entries(&prefix)? {
                    if blob.join("data").exists() {
                        found.push(format!("{}:{}", name(&algorithm), name(&blob)));
                    }
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Returns the uploads that were started and neither finished nor cancelled, in any
    /// repository, sorted: `repository/uuid`.
    ///
    /// A cancelled upload does not count, although this registry leaves the directory of its hash
    /// behind: without the file `startedat` it can neither be resumed nor asked about.
    ///
    /// # Errors
    ///
    /// If the storage cannot be read.
    pub fn uploads(&self) -> Result<Vec<String>, Error> {
        let root = self.storage().join("repositories");
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(directory) = open.pop() {
            for entry in entries(&directory)? {
                match name(&entry).as_str() {
                    "_uploads" => {
                        let repository = directory.strip_prefix(&root).unwrap_or(&directory);
                        for upload in entries(&entry)? {
                            if upload.join("startedat").exists() {
                                found.push(format!("{}/{}", repository.display(), name(&upload)));
                            }
                        }
                    }
                    "_layers" | "_manifests" => {}
                    _ => open.push(entry),
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn storage(&self) -> PathBuf {
        self.directory.path().join("data/docker/registry/v2")
    }
}

/// Returns what is in a directory; nothing if there is none, or if it went away meanwhile.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = match fs::read_dir(directory) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        read => read,
    };
    read.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(Error::io(format!("read `{}`", directory.display())))
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http, tools::tests::installed};

    fn header<'a>(answer: &'a http::Response, name: &str) -> &'a str {
        answer
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .expect("the header")
    }

    #[test]
    fn an_open_registry_counts_uploads_and_keeps_its_port() {
        installed();
        let mut registry = DockerRegistry::start().expect("a registry");
        let begin = format!("http://{}/v2/team/app/blobs/uploads/", registry.address());
        assert_eq!(registry.uploads().expect("uploads"), [""; 0]);

        let started = http::send("POST", &begin, &[], &[]).expect("an answer");
        assert_eq!(started.status, 202);
        let uuid = header(&started, "docker-upload-uuid").to_owned();
        assert_eq!(
            registry.uploads().expect("uploads"),
            [format!("team/app/{uuid}")]
        );
        let location = header(&started, "location").to_owned();
        let cancelled = http::send("DELETE", &location, &[], &[]).expect("an answer");
        assert_eq!(cancelled.status, 204);
        assert_eq!(registry.uploads().expect("uploads"), [""; 0]);

        // A whole blob, then a stop and a start: the blob is still there.
        let started = http::send("POST", &begin, &[], &[]).expect("an answer");
        let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let finish = format!("{}&digest={digest}", header(&started, "location"));
        let finished = http::send("PUT", &finish, &[], b"hello").expect("an answer");
        assert_eq!(finished.status, 201);
        assert_eq!(registry.blobs().expect("blobs"), [digest]);

        let blob = format!("http://{}/v2/team/app/blobs/{digest}", registry.address());
        registry.stop();
        http::send("GET", &blob, &[], &[]).expect_err("it is stopped");
        registry.start_again().expect("the same registry");
        assert_eq!(
            http::send("GET", &blob, &[], &[]).expect("an answer").body,
            b"hello"
        );

        drop(registry);
        http::send("GET", &blob, &[], &[]).expect_err("it is gone");
    }

    #[test]
    fn a_registry_with_a_password_lets_nobody_else_in() {
        installed();
        let registry = DockerRegistry::with_auth("ann", "s3cret").expect("a registry");
        let begin = format!("http://{}/v2/app/blobs/uploads/", registry.address());
        let status = |authorization: &str| {
            http::send("POST", &begin, &[("authorization", authorization)], &[])
                .expect("an answer")
                .status
        };
        assert_eq!(status("Basic YW5uOnMzY3JldA=="), 202);
        assert_eq!(status("Basic YW5uOndyb25n"), 401);
        let anonymous = http::send("POST", &begin, &[], &[]).expect("an answer");
        assert_eq!(anonymous.status, 401);
    }

    #[test]
    fn a_read_only_registry_refuses_an_upload() {
        installed();
        let registry = DockerRegistry::read_only().expect("a registry");
        let base = format!("http://{}/v2/", registry.address());
        assert_eq!(
            http::send("GET", &base, &[], &[])
                .expect("an answer")
                .status,
            200
        );
        let begin = format!("{base}app/blobs/uploads/");
        assert_eq!(
            http::send("POST", &begin, &[], &[])
                .expect("an answer")
                .status,
            405
        );
        assert_eq!(registry.uploads().expect("uploads"), [""; 0]);
    }
}
