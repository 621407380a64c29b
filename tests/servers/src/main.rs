//! Installs the test servers' programs, or runs one server in the foreground to play with.

use std::{env, error::Error, process::ExitCode, sync::mpsc};

use backstop_test_servers::{Azurite, DockerRegistry, FakeGcs, S3, Silent, install};

const USAGE: &str = "usage: backstop-test-servers install
       backstop-test-servers run docker-registry|docker-registry-auth|docker-registry-readonly|\
                                 s3|azurite|gcs|silent";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["install"] => install().map_err(Into::into),
        ["run", server] => run(server),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a server until Ctrl-C.
fn run(server: &str) -> Result<(), Box<dyn Error>> {
    // Before anything starts, so that no moment is left in which Ctrl-C would orphan a server.
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Nobody listens any more when the server is being stopped, which is what was asked for.
        let _ = stop.send(());
    })?;
    let wait = |facts: &[(&str, &str)]| -> Result<(), Box<dyn Error>> {
        for (name, value) in facts {
            println!("{name:<20}{value}");
        }
        println!("Ctrl-C stops it");
        Ok(stopped.recv()?)
    };
    match server {
        "docker-registry" => {
            let registry = DockerRegistry::start()?;
            wait(&[("address", registry.address())])
        }
        "docker-registry-auth" => {
            let registry = DockerRegistry::with_auth("test", "test-password")?;
            wait(&[
                ("address", registry.address()),
                ("username", "test"),
                ("password", "test-password"),
            ])
        }
        "docker-registry-readonly" => {
            let registry = DockerRegistry::read_only()?;
            wait(&[("address", registry.address())])
        }
        "s3" => {
            let s3 = S3::start()?;
            s3.create_bucket("test")?;
            s3.create_bucket_with_lock("test-locked")?;
            let reader = s3.read_only_account("test")?;
            wait(&[
                ("endpoint", s3.endpoint()),
                ("region", s3.region()),
                ("buckets", "test, test-locked"),
                ("access key", &s3.root().access_key),
                ("secret key", &s3.root().secret_key),
                ("reader's access key", &reader.access_key),
                ("reader's secret key", &reader.secret_key),
            ])
        }
        "azurite" => {
            let azurite = Azurite::start()?;
            azurite.create_container("test")?;
            wait(&[
                ("endpoint", azurite.endpoint()),
                ("container", "test"),
                ("account", azurite.account()),
                ("key", azurite.key()),
                ("read-only SAS", &azurite.read_only_sas()),
            ])
        }
        "gcs" => {
            let gcs = FakeGcs::start()?;
            gcs.create_bucket("test")?;
            wait(&[
                ("endpoint", &gcs.endpoint()),
                ("bucket", "test"),
                ("service account", &gcs.service_account()),
            ])
        }
        "silent" => {
            let silent = Silent::start()?;
            wait(&[("address", &silent.address())])
        }
        _ => Err(format!("unknown server `{server}`\n{USAGE}").into()),
    }
}
