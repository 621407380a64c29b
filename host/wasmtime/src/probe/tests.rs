//! Tests of what holds for every provider: checks without asking, deadlines, and silence.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn target(provider: Provider, location: &str, credentials: Credentials) -> Target {
    Target {
        provider,
        location: location.to_owned(),
        credentials,
    }
}

fn oci(username: &str, password: &str) -> Credentials {
    Credentials::Oci {
        username: username.to_owned(),
        password: password.into(),
    }
}

fn s3(access_key_id: &str, region: Option<&str>) -> Credentials {
    Credentials::AwsS3 {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: "hunter2".into(),
        session_token: None,
        region: region.map(str::to_owned),
    }
}

#[test]
fn codes_are_read_back() {
    for provider in Provider::ALL {
        assert_eq!(Provider::from_code(provider.code()), Some(provider));
    }
    assert_eq!(Provider::from_code("oci"), None);
    assert!(
        Provider::ALL
            .windows(2)
            .all(|pair| pair[0].code() < pair[1].code())
    );
}

#[test]
fn what_is_wrong_shows_without_asking() {
    use Provider::{AwsS3, AzureBlob, Gcs, Inline, Local};
    let sas = |token: &str| Credentials::AzureSas {
        sas_token: token.into(),
    };
    let table = [
        (target(Provider::Oci, "", Credentials::None), "is empty"),
        (
            target(Provider::Oci, "registry.example", Credentials::None),
            "names no repository",
        ),
        (
            target(Provider::Oci, "registry.example/a", s3("id", None)),
            "`OCI` takes a username and a password",
        ),
        (
            target(Provider::Oci, "registry.example/a", oci("", "hunter2")),
            "the username is empty",
        ),
        (
            target(Provider::Oci, "registry.example/a", oci("name", "")),
            "the password is empty",
        ),
        (
            target(Provider::Oci, "registry.example/a", oci("na:me", "hunter2")),
            "a colon",
        ),
        (
            target(
                Provider::Oci,
                "registry.example/a",
                oci("name", "hunter2\n"),
            ),
            "a line break",
        ),
        (
            target(AwsS3, "artifacts", Credentials::None),
            "takes an access key id and a secret access key",
        ),
        (
            target(AwsS3, "artifacts", s3("id\n", None)),
            "copy it again",
        ),
        (
            target(AwsS3, "artifacts", s3("id", Some("evil.example/"))),
            "is not a region",
        ),
        (
            target(AwsS3, "a", s3("id", None)),
            "not the name of a bucket",
        ),
        (
            target(AzureBlob, "acct", sas("sig=hunter2")),
            "names no container",
        ),
        (
            target(AzureBlob, "acct/cont", sas("sv=hunter2")),
            "no `sig` part",
        ),
        (
            target(
                AzureBlob,
                "acct/cont",
                Credentials::AzureKey {
                    access_key: "hunter2!".into(),
                },
            ),
            "the access key is not base64",
        ),
        (
            target(
                Gcs,
                "artifacts",
                Credentials::Gcs {
                    service_account_key: "{\"hunter2\"}".into(),
                },
            ),
            "not the JSON file of a key",
        ),
        (
            target(Inline, "somewhere", Credentials::None),
            "has no location",
        ),
        (
            target(Inline, "", oci("name", "hunter2")),
            "takes no credentials",
        ),
        (
            target(Local, "relative", Credentials::None),
            "is not an absolute path",
        ),
    ];
    for (target, expected) in table {
        let failure = check(&target).unwrap_err();
        assert_eq!(
            failure.class,
            FailureClass::Configuration,
            "{}",
            failure.message
        );
        assert!(failure.message.contains(expected), "{}", failure.message);
        assert!(
            !failure.message.contains("hunter2") && !failure.message.contains('\n'),
            "{}",
            failure.message
        );
        assert!(!format!("{target:?}").contains("hunter2"));
    }
}

#[test]
fn what_is_right_passes_and_names_its_endpoint() {
    let key = Credentials::AzureKey {
        access_key: "aHVudGVyMg==".into(),
    };
    let client = Credentials::AzureClient {
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        client_secret: "hunter2".into(),
    };
    let table = [
        (
            target(
                Provider::Oci,
                "index.docker.io/repo",
                oci("name", "pass word"),
            ),
            Some("registry-1.docker.io"),
        ),
        (
            target(Provider::Oci, "localhost:5000/a", Credentials::None),
            Some("localhost:5000"),
        ),
        (
            target(Provider::AwsS3, "artifacts", s3("id", None)),
            Some("s3.us-east-1.amazonaws.com"),
        ),
        (
            target(
                Provider::AwsS3,
                "https://s3.example:9000/artifacts",
                s3("id", None),
            ),
            Some("s3.example:9000"),
        ),
        (
            target(
                Provider::AwsS3AccessPoint,
                "ap-s3alias",
                s3("id", Some("eu-west-1")),
            ),
            Some("ap-s3alias.s3.eu-west-1.amazonaws.com"),
        ),
        (
            target(Provider::AzureBlob, "acct/cont", key),
            Some("acct.blob.core.windows.net"),
        ),
        (
            target(Provider::AzureBlob, "acct/cont", client),
            Some("acct.blob.core.windows.net"),
        ),
        (
            target(Provider::Gcs, "artifacts", Credentials::None),
            Some("storage.googleapis.com"),
        ),
        (target(Provider::Inline, "", Credentials::None), None),
        (target(Provider::Local, "/nowhere", Credentials::None), None),
    ];
    for (target, endpoint) in table {
        assert_eq!(check(&target), Ok(()), "{target:?}");
        assert_eq!(target.endpoint().as_deref(), endpoint, "{target:?}");
    }
}

#[test]
fn a_target_prints_no_secret() {
    let target = target(
        Provider::Oci,
        "user:hunter2@registry.example/a",
        oci("name", "hunter2"),
    );
    assert!(!format!("{target:?} {target:#?}").contains("hunter2"));
    assert!(!check(&target).unwrap_err().message.contains("hunter2"));
}

/// Work that never ends by itself, and that leaves something behind or does not.
struct Endless {
    begins: bool,
    cleaned: AtomicBool,
}

impl Work for Endless {
    async fn run(&self) -> Result<Passed, Failure> {
        std::future::pending().await
    }

    fn is_begun(&self) -> bool {
        self.begins
    }

    async fn clean_up(&self) {
        self.cleaned.store(true, Ordering::Relaxed);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_with_and_without_cleaning_up() {
    for begins in [false, true] {
        for seconds in [1, 10, 60] {
            let work = Endless {
                begins,
                cleaned: AtomicBool::new(false),
            };
            let limits = Limits {
                deadline: Duration::from_secs(seconds),
                allow_private: false,
            };
            let start = Instant::now();
            let failure = within(&work, "host", &limits).await.unwrap_err();
            assert_eq!(failure.class, FailureClass::Timeout);
            assert_eq!(
                failure.message,
                format!("`host` did not answer within {seconds} s")
            );
            assert!(start.elapsed() <= limits.deadline + Duration::from_millis(10));
            assert_eq!(work.cleaned.load(Ordering::Relaxed), begins);
        }
    }
}

#[tokio::test]
async fn a_deadline_of_nothing_and_one_without_end_are_no_bugs() {
    for deadline in [Duration::ZERO, Duration::MAX] {
        let limits = Limits {
            deadline,
            allow_private: false,
        };
        let report = probe(
            &target(Provider::Oci, "127.0.0.1:1/a", Credentials::None),
            &limits,
        )
        .await;
        assert!(matches!(report.outcome, Outcome::Failed(_)), "{report:?}");
    }
}

#[tokio::test]
async fn work_that_hangs_does_not_hold_the_caller() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let work = detached(move || wait.recv());
    assert!(
        tokio::time::timeout(Duration::from_millis(50), work)
            .await
            .is_err()
    );
    drop(release);
}

#[test]
fn a_probe_may_move_between_threads() {
    fn sendable(_: impl Send) {}
    let target = target(Provider::Inline, "", Credentials::None);
    sendable(probe(&target, &Limits::default()));
}
