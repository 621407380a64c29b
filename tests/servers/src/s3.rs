//! S3: versitygw over a directory, with accounts of its own.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{
    Error, http,
    process::{self, Process, Program},
    signing::{hex, hmac_sha256, timestamp},
    tools,
};

const NAME: &str = "versitygw";

const REGION: &str = "us-east-1";

/// An access key and its secret.
#[derive(Clone)]
pub struct Account {
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: String,
}

/// An S3 server on loopback, over plain HTTP and with path-style addresses; stopped and removed on
/// drop.
pub struct S3 {
    // Before the directory, so that it is stopped when that is removed.
    process: Process,
    directory: TempDir,
    endpoint: String,
    root: Account,
}

impl S3 {
    /// Starts a server without any bucket.
    ///
    /// # Errors
    ///
    /// If versitygw is not installed, ends, or is not ready in time.
    pub fn start() -> Result<Self, Error> {
        let path = tools::versitygw()?;
        let directory = process::scratch(NAME)?;
        let folder = |name: &str| {
            let path = directory.path().join(name);
            fs::create_dir(&path).map_err(Error::io(format!("create `{}`", path.display())))?;
            Ok::<_, Error>(path.display().to_string())
        };
        // The sidecar holds what the gateway would keep in extended attributes, which not every
        // file system for temporary files has.
        let (accounts, sidecar, data) = (folder("accounts")?, folder("sidecar")?, folder("data")?);
        let root = Account {
            access_key: "backstop-root".to_owned(),
            secret_key: "backstop-root-secret".to_owned(),
        };
        let process = Process::start(NAME, directory.path(), |port| {
            let arguments = [
                "--port",
                &format!("127.0.0.1:{port}"),
                "--region",
                REGION,
                "--health",
                "/health",
                "--iam-dir",
                &accounts,
                "--iam-cache-disable",
                "--quiet",
                "posix",
                "--sidecar",
                &sidecar,
                &data,
            ];
            Ok(Program {
                path: path.clone(),
                arguments: arguments.map(str::to_owned).to_vec(),
                environment: vec![
                    ("ROOT_ACCESS_KEY", root.access_key.clone()),
                    ("ROOT_SECRET_KEY", root.secret_key.clone()),
                ],
                ready_path: "/health",
                ready: |status| status == 200,
                stop_signal: "KILL",
            })
        })?;
        Ok(Self {
            endpoint: format!("http://{}", process.address()),
            process,
            directory,
            root,
        })
    }

    /// Returns the base URL, without a slash at its end: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the region that requests must be signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        REGION
    }

    /// Returns the account that may do everything.
    #[must_use]
    pub fn root(&self) -> &Account {
        &self.root
    }

    /// Creates a bucket that belongs to the root account.
    ///
    /// # Errors
    ///
    /// If the server refuses, for example since the bucket exists.
    pub fn create_bucket(&self, name: &str) -> Result<(), Error> {
        self.ask("PUT", &format!("/{name}"), "", &[], b"")?;
        Ok(())
    }

    /// Creates a bucket whose objects are kept for a day in compliance mode: it takes a new
    /// object, and then refuses to overwrite or delete it, with status 403.
    ///
    /// # Errors
    ///
    /// As [`S3::create_bucket`].
    pub fn create_bucket_with_lock(&self, name: &str) -> Result<(), Error> {
        let lock = [("x-amz-bucket-object-lock-enabled", "true")];
        self.ask("PUT", &format!("/{name}"), "", &lock, b"")?;
        let retention = b"<ObjectLockConfiguration>\
            <ObjectLockEnabled>Enabled</ObjectLockEnabled>\
            <Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>\
            </ObjectLockConfiguration>";
        self.ask("PUT", &format!("/{name}"), "object-lock=", &[], retention)?;
        Ok(())
    }

    /// Creates an account that may list a bucket and read its objects, and nothing else; its
    /// writes are denied with status 403 and code `AccessDenied`. A bucket has one.
    ///
    /// # Errors
    ///
    /// If the server refuses: there is no such bucket, or it has its account already.
    pub fn read_only_account(&self, bucket: &str) -> Result<Account, Error> {
        let account = Account {
            access_key: format!("reader-of-{bucket}"),
            secret_key: format!("reader-of-{bucket}-secret"),
        };
        let user = format!(
            "<Account><Access>{}</Access><Secret>{}</Secret><Role>user</Role></Account>",
            account.access_key, account.secret_key
        );
        self.ask("PATCH", "/create-user", "", &[], user.as_bytes())?;
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": [account.access_key] },
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
            }],
        })
        .to_string();
        self.ask(
            "PUT",
            &format!("/{bucket}"),
            "policy=",
            &[],
            policy.as_bytes(),
        )?;
        Ok(account)
    }

    /// Returns the keys of the objects in a bucket, sorted; unfinished uploads by the names of
    /// the files that hold their parts. Also works while the server is stopped.
    ///
    /// # Errors
    ///
    /// If there is no such bucket, or it cannot be read.
    pub fn objects(&self, bucket: &str) -> Result<Vec<String>, Error> {
        let root = self.directory.path().join("data").join(bucket);
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(directory) = open.pop() {
            let what = || Error::io(format!("read `{}`", directory.display()));
            let entries = match fs::read_dir(&directory) {
                // A directory goes with the last object below it, also while it is read.
                Err(error) if error.kind() == io::ErrorKind::NotFound && directory != root => {
                    continue;
                }
                entries => entries.map_err(what())?,
            };
            for entry in entries {
                let path: PathBuf = entry.map_err(what())?.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let key = path.strip_prefix(&root).unwrap_or(&path);
                    found.push(key.display().to_string());
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Stops the server; what it stores stays, and connections to its port are refused.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts the server again on the same port, with what it had stored.
    ///
    /// # Errors
    ///
    /// As [`S3::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.process.start_again()
    }

    /// Asks as the root account, and expects success.
    fn ask(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<http::Response, Error> {
        self.send(&self.root, method, path, query, headers, body)?
            .success(NAME, &format!("{method} {path}"))
    }

    /// Sends a request signed by an account (AWS signature, version 4). Path and query must be in
    /// the canonical form already.
    fn send(
        &self,
        account: &Account,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<http::Response, Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let time = timestamp(now.as_secs());
        let date = &time[..8];
        let digest = hex(&Sha256::digest(body));
        // Some requests must come with a checksum, and all of them may.
        let checksum = BASE64_STANDARD.encode(Sha256::digest(body));
        let host = self.process.address();

        let mut signed = vec![
            ("host", host.as_str()),
            ("x-amz-checksum-sha256", checksum.as_str()),
            ("x-amz-content-sha256", digest.as_str()),
            ("x-amz-date", time.as_str()),
        ];
        signed.extend(headers);
        signed.sort_unstable();
        let names: Vec<_> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut canonical = format!("{method}\n{path}\n{query}\n");
        for (name, value) in &signed {
            canonical.push_str(&format!("{name}:{value}\n"));
        }
        canonical.push_str(&format!("\n{names}\n{digest}"));

        let scope = format!("{date}/{REGION}/s3/aws4_request");
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex(&Sha256::digest(canonical.as_bytes()))
        );
        let mut key = hmac_sha256(
            format!("AWS4{}", account.secret_key).as_bytes(),
            date.as_bytes(),
        );
        for part in [REGION, "s3", "aws4_request"] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            account.access_key,
            hex(&hmac_sha256(&key, to_sign.as_bytes()))
        );

        signed.retain(|(name, _)| *name != "host");
        signed.push(("authorization", &authorization));
        let mut url = format!("{}{path}", self.endpoint);
        if !query.is_empty() {
            url = format!("{url}?{query}");
        }
        http::send(method, &url, &signed, body).map_err(|reason| Error::Ask {
            server: NAME,
            request: format!("{method} {path}"),
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::tests::installed;

    #[test]
    fn a_bucket_takes_objects_from_the_root_and_not_from_a_reader() {
        installed();
        let mut s3 = S3::start().expect("a server");
        s3.create_bucket("artifacts").expect("a bucket");
        let reader = s3.read_only_account("artifacts").expect("an account");
        let root = s3.root().clone();
        let ask = |s3: &S3, account: &Account, method: &str, path: &str, body: &[u8]| {
            s3.send(account, method, path, "", &[], body)
                .expect("an answer")
        };

        let put = ask(&s3, &root, "PUT", "/artifacts/a/one", b"hello");
        assert_eq!(put.status, 200, "{}", put.text());
        assert_eq!(s3.objects("artifacts").expect("objects"), ["a/one"]);
        assert_eq!(
            ask(&s3, &reader, "GET", "/artifacts/a/one", &[]).body,
            b"hello"
        );
        let denied = ask(&s3, &reader, "PUT", "/artifacts/a/two", b"hello");
        assert_eq!(denied.status, 403);
        assert!(denied.text().contains("AccessDenied"), "{}", denied.text());
        assert_eq!(
            ask(&s3, &reader, "DELETE", "/artifacts/a/one", &[]).status,
            403
        );
        let stranger = Account {
            access_key: "nobody".to_owned(),
            ..root.clone()
        };
        let unknown = ask(&s3, &stranger, "GET", "/artifacts/a/one", &[]);
        assert!(
            unknown.text().contains("InvalidAccessKeyId"),
            "{}",
            unknown.text()
        );
        let missing = ask(&s3, &root, "PUT", "/missing/one", b"hello");
        assert_eq!(missing.status, 404);

        s3.stop();
        s3.send(&root, "GET", "/artifacts/a/one", "", &[], &[])
            .expect_err("it is stopped");
        s3.start_again().expect("the same server");
        assert_eq!(
            ask(&s3, &reader, "GET", "/artifacts/a/one", &[]).body,
            b"hello"
        );
        assert_eq!(
            ask(&s3, &root, "DELETE", "/artifacts/a/one", &[]).status,
            204
        );
        assert_eq!(s3.objects("artifacts").expect("objects"), [""; 0]);

        let health = format!("{}/health", s3.endpoint());
        drop(s3);
        http::send("GET", &health, &[], &[]).expect_err("it is gone");
    }

    #[test]
    fn a_bucket_with_a_lock_keeps_what_is_written() {
        installed();
        let s3 = S3::start().expect("a server");
        s3.create_bucket_with_lock("kept").expect("a bucket");
        let send = |method: &str, body: &[u8]| {
            s3.send(s3.root(), method, "/kept/one", "", &[], body)
                .expect("an answer")
        };
        let put = send("PUT", b"hello");
        assert_eq!(put.status, 200, "{}", put.text());
        let denied = send("DELETE", &[]);
        assert_eq!(denied.status, 403, "{}", denied.text());
        assert_eq!(send("PUT", b"other").status, 403);
        assert_eq!(send("GET", &[]).body, b"hello");
        assert_eq!(s3.objects("kept").expect("objects"), ["one"]);
    }
}
