//! The validators against real servers on loopback, and against scripted ones for what real
//! servers do only on a bad day.

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use backstop::probe::{Credentials, Limits, Provider, Report, Target, probe};
use backstop_core::{FailureClass, Outcome};
use backstop_test_servers::{
    Account, Azurite, DockerRegistry, FakeGcs, Redirector, Refused, S3, Silent, StatusServer,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What no message may hold: every secret of these tests has it in it.
const SECRET: &str = "s3cret";

const LIMITS: Limits = Limits {
    deadline: Duration::from_secs(10),
    allow_private: true,
};

/// Fetches the servers' programs, once for all the tests.
fn installed() {
    static INSTALLED: LazyLock<()> =
        LazyLock::new(|| backstop_test_servers::install().expect("the servers' programs"));
    LazyLock::force(&INSTALLED);
}

/// What a probe is expected to end in.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// It passes without a note.
    Pass,
    /// It passes, with a note that has this in it.
    Note(&'static str),
    /// It fails with this class, and a message that has this in it.
    Fail(FailureClass, &'static str),
}

use Expect::{Fail, Note, Pass};

/// Probes the target and compares; whatever comes must be one line without a secret.
async fn check(target: Target, limits: Limits, expect: Expect) {
    let start = Instant::now();
    let report = probe(&target, &limits).await;
    let took = start.elapsed();
    assert!(
        took < limits.deadline + Duration::from_secs(1),
        "{target:?} took {took:?}"
    );
    let shown = format!("{target:?} {report:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    let Report { outcome, note, .. } = &report;
    match (expect, outcome, note) {
        (Pass, Outcome::Ok, None) => {}
        (Note(part), Outcome::Ok, Some(note)) if note.contains(part) && !note.contains('\n') => {}
        (Fail(class, part), Outcome::Failed(failure), None) => {
            assert_eq!(failure.class, class, "{target:?}: {}", failure.message);
            assert!(
                failure.message.contains(part),
                "{target:?}: {}",
                failure.message
            );
            assert!(!failure.message.contains('\n'), "{}", failure.message);
        }
        _ => panic!("{target:?}: expected {expect:?}, got {report:?}"),
    }
}

fn oci(location: &str, credentials: Credentials) -> Target {
    Target {
        provider: Provider::Oci,
        location: location.to_owned(),
        credentials,
    }
}

fn login(password: &str) -> Credentials {
    Credentials::Oci {
        username: "ann".to_owned(),
        password: password.into(),
    }
}

fn s3(location: String, account: &Account) -> Target {
    let credentials = Credentials::AwsS3 {
        access_key_id: account.access_key.clone(),
        secret_access_key: account.secret_key.as_str().into(),
        session_token: None,
        region: Some("us-east-1".to_owned()),
    };
    Target {
        provider: Provider::AwsS3,
        location,
        credentials,
    }
}

fn stranger() -> Account {
    Account {
        access_key: "nobody".to_owned(),
        secret_key: "s3cret-of-nobody".to_owned(),
    }
}

#[tokio::test]
async fn a_registry_is_written_to_or_says_why_not() {
    installed();
    let open = DockerRegistry::start().expect("a registry");
    let closed = DockerRegistry::with_auth("ann", SECRET).expect("a registry");
    let frozen = DockerRegistry::read_only().expect("a registry");
    use FailureClass::{Auth, Permission};
    let wrong = "refused the username or password";
    let table = [
        (&closed, login("s3cret-but-wrong"), Fail(Auth, wrong)),
        (
            &closed,
            Credentials::None,
            Fail(Auth, "asks for a username and a password"),
        ),
        (&closed, login(SECRET), Pass),
        (
            &frozen,
            Credentials::None,
            Fail(Permission, "it is read-only"),
        ),
        (&open, Credentials::None, Pass),
        (&open, login(SECRET), Pass),
    ];
    for (registry, credentials, expect) in table {
        let location = format!("{}/team/app", registry.address());
        check(oci(&location, credentials), LIMITS, expect).await;
        assert_eq!(registry.uploads().expect("uploads"), [""; 0]);
        assert_eq!(registry.blobs().expect("blobs"), [""; 0]);
    }
}

#[tokio::test]
async fn a_bucket_is_written_to_or_says_why_not() {
    installed();
    let server = S3::start().expect("a server");
    server.create_bucket("artifacts").expect("a bucket");
    server.create_bucket_with_lock("kept").expect("a bucket");
    let reader = server.read_only_account("artifacts").expect("an account");
    let forged = Account {
        secret_key: "s3cret-but-wrong".to_owned(),
        ..server.root().clone()
    };
    use FailureClass::{Auth, NotFound, Permission};
    let table = [
        ("artifacts", stranger(), Fail(Auth, "InvalidAccessKeyId")),
        ("artifacts", forged, Fail(Auth, "SignatureDoesNotMatch")),
        (
            "missing",
            server.root().clone(),
            Fail(NotFound, "bucket `missing` does not exist"),
        ),
        (
            "artifacts",
            reader,
            Fail(Permission, "may not write to bucket `artifacts`"),
        ),
        ("artifacts", server.root().clone(), Pass),
        ("kept", server.root().clone(), Note("object lock is on")),
    ];
    for (bucket, account, expect) in table {
        let location = format!("{}/{bucket}", server.endpoint());
        check(s3(location, &account), LIMITS, expect).await;
        assert_eq!(server.objects("artifacts").expect("objects"), [""; 0]);
    }
    let kept = server.objects("kept").expect("objects");
    assert!(
        kept.len() == 1 && kept[0].starts_with(".backstop/probe-"),
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_container_is_written_to_or_says_why_not() {
    installed();
    let server = Azurite::start().expect("a server");
    server.create_container("artifacts").expect("a container");
    let key = |key: &str| Credentials::AzureKey {
        access_key: key.into(),
    };
    let sas = |token: String| Credentials::AzureSas {
        sas_token: token.as_str().into(),
    };
    let forged = server.read_only_sas().replace("sig=", "sig=AAAA");
    use FailureClass::{Auth, Configuration, NotFound, Permission};
    let table = [
        (
            "artifacts",
            key("czNjcmV0LWJ1dC13cm9uZw=="),
            Fail(Auth, "refused the credentials"),
        ),
        (
            "artifacts",
            sas(forged),
            Fail(Auth, "refused the credentials"),
        ),
        (
            "artifacts",
            key("s3cret, not base64"),
            Fail(Configuration, "access key"),
        ),
        (
            "missing",
            key(server.key()),
            Fail(NotFound, "container `missing` does not exist"),
        ),
        (
            "artifacts",
            sas(server.read_only_sas()),
            Fail(Permission, "may not write to"),
        ),
        ("artifacts", key(server.key()), Pass),
    ];
    for (container, credentials, expect) in table {
        // The emulator's endpoint ends in the account, which a location names by itself.
        let endpoint = server.endpoint().trim_end_matches(server.account());
        let location = format!("{endpoint}{}/{container}", server.account());
        let target = Target {
            provider: Provider::AzureBlob,
            location,
            credentials,
        };
        check(target, LIMITS, expect).await;
        assert_eq!(server.blobs("artifacts").expect("blobs"), [""; 0]);
    }
}

#[tokio::test]
async fn a_bucket_of_google_is_written_to_or_says_why_not() {
    installed();
    let server = FakeGcs::start().expect("a server");
    server.create_bucket("artifacts").expect("a bucket");
    let account = || Credentials::Gcs {
        service_account_key: server.service_account().as_str().into(),
    };
    use FailureClass::{Configuration, NotFound};
    let table = [
        (
            "missing",
            Credentials::None,
            Fail(NotFound, "bucket `missing` does not exist"),
        ),
        (
            "artifacts",
            Credentials::Gcs {
                service_account_key: "s3cret, not JSON".into(),
            },
            Fail(Configuration, "not the JSON file of a key"),
        ),
        ("artifacts", Credentials::None, Pass),
        ("artifacts", account(), Pass),
    ];
    for (bucket, credentials, expect) in table {
        let location = format!("{}/{bucket}", server.endpoint());
        let target = Target {
            provider: Provider::Gcs,
            location,
            credentials,
        };
        check(target, LIMITS, expect).await;
        assert_eq!(server.objects("artifacts").expect("objects"), [""; 0]);
    }
}

#[tokio::test]
async fn a_directory_is_written_to_or_says_why_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| {
        directory
            .path()
            .join(name)
            .to_str()
            .expect("text")
            .to_owned()
    };
    fs::write(path("file"), "").expect("a file");
    let table = [
        (
            path("missing"),
            Fail(FailureClass::NotFound, "create it first"),
        ),
        (
            path("file"),
            Fail(FailureClass::Configuration, "is not a directory"),
        ),
        (path(""), Pass),
    ];
    for (location, expect) in table {
        let target = Target {
            provider: Provider::Local,
            location,
            credentials: Credentials::None,
        };
        check(target, LIMITS, expect).await;
    }
    assert_eq!(fs::read_dir(directory.path()).expect("entries").count(), 1);
}

/// The targets of every provider that goes over the network, all at this host.
fn targets_at(scheme: &str, host: &str) -> [Target; 4] {
    let at = |provider, path: &str, credentials| Target {
        provider,
        location: format!("{scheme}{host}{path}"),
        credentials,
    };
    let key = Credentials::AzureKey {
        access_key: "czNjcmV0".into(),
    };
    [
        at(Provider::Oci, "/team/app", login(SECRET)),
        s3(format!("{scheme}{host}/artifacts"), &stranger()),
        at(Provider::AzureBlob, "/account/artifacts", key),
        at(Provider::Gcs, "/artifacts", Credentials::None),
    ]
}

#[tokio::test]
async fn a_host_that_gives_no_answer_is_told_apart() {
    let silent = Silent::start().expect("a listener");
    let refused = Refused::start().expect("a port");
    let quick = Limits {
        deadline: Duration::from_secs(1),
        ..LIMITS
    };
    // A machine without a name server may take its time to find no address.
    let patient = Limits {
        deadline: Duration::from_secs(60),
        ..LIMITS
    };
    let table = [
        (
            patient,
            "https://",
            "nowhere.invalid".to_owned(),
            Fail(
                FailureClass::Network,
                "`nowhere.invalid` does not resolve, check its spelling",
            ),
        ),
        (
            quick,
            "http://",
            refused.address(),
            Fail(FailureClass::Network, "refuses connections"),
        ),
        (
            quick,
            "http://",
            silent.address(),
            Fail(FailureClass::Timeout, "did not answer within 1 s"),
        ),
        (
            quick,
            "https://",
            silent.address(),
            Fail(FailureClass::Timeout, "did not answer within 1 s"),
        ),
    ];
    for (limits, scheme, host, expect) in table {
        for target in targets_at(scheme, &host) {
            check(target, limits, expect).await;
        }
    }
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_never_asked() {
    let server = StatusServer::start(200, &[], "").expect("a server");
    let port = server.address().replace("127.0.0.1:", "");
    let strict = Limits {
        allow_private: false,
        ..LIMITS
    };
    let refused = Fail(FailureClass::Configuration, "is private; allow private");
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
    ] {
        for scheme in ["http://", "https://"] {
            for target in targets_at(scheme, &format!("{host}:{port}")) {
                check(target, strict, refused).await;
            }
        }
    }
    // Private addresses may be allowed, those of metadata services never are.
    let never = Fail(FailureClass::Configuration, "no storage is there");
    for target in targets_at("http://", "169.254.169.254") {
        check(target, LIMITS, never).await;
    }
    let plain = Fail(FailureClass::Configuration, "unencrypted, use `https://`");
    for target in targets_at("http://", "1.1.1.1") {
        check(target, LIMITS, plain).await;
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_leads_past_no_fence() {
    let redirector = Redirector::start("http://169.254.169.254/latest").expect("a server");
    let [registry, stores @ ..] = targets_at("http://", &redirector.address());
    let never = Fail(
        FailureClass::Configuration,
        "`169.254.169.254` of `169.254.169.254` is reserved or a metadata service",
    );
    check(registry, LIMITS, never).await;
    // A signature holds for one host, so a store's redirect is followed nowhere.
    let named = Fail(
        FailureClass::Configuration,
        "redirects to `169.254.169.254`, name that endpoint",
    );
    for store in stores {
        check(store, LIMITS, named).await;
    }

    let circle = serve(|_| reply(302, &[("location", "/again")], "")).await;
    let circles = Fail(FailureClass::Configuration, "redirects in circles");
    check(
        oci(&format!("{}/a", circle.address), login(SECRET)),
        LIMITS,
        circles,
    )
    .await;
}

#[tokio::test]
async fn a_status_is_a_class_for_every_provider() {
    use FailureClass::{Auth, Permission, Quota, Server, Throttled};
    let table = [
        (401, Auth),
        (403, Permission),
        (429, Throttled),
        (500, Server),
        (503, Server),
        (507, Quota),
    ];
    for (status, class) in table {
        let page = format!("<html>{SECRET}\n</html>");
        let server = StatusServer::start(status, &[], &page).expect("a server");
        for target in targets_at("http://", &server.address()) {
            check(target, LIMITS, Fail(class, "127.0.0.1")).await;
        }
    }
}

/// A request to a scripted server: its line and its headers, in lowercase.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    headers: String,
}

impl Asked {
    fn shows(&self, authorization: &str) -> bool {
        self.headers
            .contains(&format!("authorization: {authorization}").to_lowercase())
    }
}

/// A server that answers by a script, and remembers what it was asked.
struct Scripted {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Returns the lines of the requests, such as `GET /v2/`.
    fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("no test panics with it");
        asked.iter().map(|asked| asked.line.clone()).collect()
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics with it").clone()
    }
}

/// What a script answers; none is silence.
type Reply = Option<String>;

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Some(format!("{text}\r\n{body}"))
}

async fn serve(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let script = Arc::new(script);
    let remembered = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (script, remembered) = (Arc::clone(&script), Arc::clone(&remembered));
            tokio::spawn(async move { answer(stream, &*script, &remembered).await });
        }
    });
    Scripted { address, asked }
}

async fn answer(
    mut stream: TcpStream,
    script: &(impl Fn(&Asked) -> Reply + Send + Sync),
    remembered: &Mutex<Vec<Asked>>,
) {
    let mut text = Vec::new();
    let end = loop {
        if let Some(end) = text.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut text).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8_lossy(&text[..end]).into_owned();
    let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    let asked = Asked {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers: headers.to_lowercase(),
    };
    remembered
        .lock()
        .expect("no test panics with it")
        .push(asked.clone());
    match script(&asked) {
        // A client that hangs up does not matter.
        Some(reply) => drop(stream.write_all(reply.as_bytes()).await),
        None => std::future::pending().await,
    }
    // The body of the request is read before the connection closes, or its answer may be lost.
    let _ = stream.shutdown().await;
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut Vec::new())).await;
}

/// What the token service of a scripted registry gives.
#[derive(Clone, Copy, Debug)]
enum Tokens {
    /// A token that is good for whatever was asked for.
    All,
    /// A token that is not good for pushing.
    Reading,
    /// The status of a refusal.
    Refuse(u16),
}

/// A registry with a token service, as Docker Hub is one.
async fn registry_with_tokens(tokens: Tokens, cancels: u16) -> Scripted {
    serve(move |asked| {
        let host = asked
            .headers
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .unwrap_or_default();
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"reg\",error=\"x\"");
        let challenged = reply(401, &[("www-authenticate", &challenge)], "");
        let path = asked.line.split(' ').nth(1).unwrap_or_default();
        let scope = "&scope=repository%3Ateam%2Fapp%3Apull%2Cpush";
        match (asked.line.split(' ').next().unwrap_or_default(), path) {
            ("GET", path) if path.starts_with("/token?") => match tokens {
                Tokens::Refuse(status) => reply(status, &[], r#"{"details":"s3cret"}"#),
                Tokens::All | Tokens::Reading => {
                    assert!(
                        path.contains("service=reg") && path.contains(scope),
                        "{path}"
                    );
                    let kind = if path.contains("delete") {
                        "delete"
                    } else {
                        "push"
                    };
                    reply(200, &[], &format!(r#"{{"token":"s3cret-{kind}"}}"#))
                }
            },
            ("GET", "/v2/") if asked.shows("bearer") => reply(200, &[], "{}"),
            ("POST", "/v2/team/app/blobs/uploads/") if asked.shows("bearer") => match tokens {
                Tokens::All => reply(202, &[("location", "/v2/team/app/blobs/uploads/1?s=1")], ""),
                Tokens::Reading | Tokens::Refuse(_) => challenged,
            },
            ("DELETE", "/v2/team/app/blobs/uploads/1?s=1")
                if asked.shows("bearer s3cret-delete") =>
            {
                reply(cancels, &[], "")
            }
            _ => challenged,
        }
    })
    .await
}

#[tokio::test]
async fn a_registry_with_tokens_is_asked_as_docker_asks() {
    use FailureClass::{Auth, Permission, Server, Throttled};
    let wrong = Fail(Auth, "refused the username or password");
    let table = [
        (Tokens::Refuse(401), 204, wrong),
        (Tokens::Refuse(403), 204, wrong),
        (Tokens::Refuse(429), 204, Fail(Throttled, "fewer requests")),
        (
            Tokens::Refuse(503),
            204,
            Fail(Server, "failed (status 503)"),
        ),
        (
            Tokens::Reading,
            204,
            Fail(Permission, "may not push to `team/app`"),
        ),
        (Tokens::All, 405, Note("does not cancel uploads")),
        (Tokens::All, 401, Note("does not cancel uploads")),
        (Tokens::All, 204, Pass),
    ];
    for (tokens, cancels, expect) in table {
        let registry = registry_with_tokens(tokens, cancels).await;
        let location = format!("{}/team/app", registry.address);
        check(oci(&location, login(SECRET)), LIMITS, expect).await;
        let shown_to: BTreeSet<_> = registry
            .asked()
            .iter()
            .filter(|asked| asked.shows("basic"))
            .map(|asked| asked.line.split('?').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            shown_to,
            ["GET /token".to_owned()].into(),
            "the password is for the token service alone"
        );
    }
}

#[tokio::test]
async fn a_token_service_stands_behind_the_same_fence() {
    let challenge = "Bearer realm=\"http://169.254.169.254/token\"";
    let registry = serve(move |_| reply(401, &[("www-authenticate", challenge)], "")).await;
    let target = oci(&format!("{}/a", registry.address), login(SECRET));
    let never = Fail(FailureClass::Configuration, "no storage is there");
    check(target, LIMITS, never).await;
}

#[tokio::test]
async fn what_proves_who_asks_stays_with_its_host() {
    const BASIC: &str = "Basic realm=\"r\"";
    // The other host: it would take a password, and delete things.
    let other = serve(move |asked| match asked.line.split(' ').next() {
        Some("DELETE") => reply(204, &[], ""),
        _ => reply(401, &[("www-authenticate", BASIC)], ""),
    })
    .await;
    let elsewhere = format!("http://{}/upload", other.address);

    let there = elsewhere.clone();
    let redirecting = serve(move |asked| {
        if asked.shows("basic") {
            reply(307, &[("location", &there)], "")
        } else {
            reply(401, &[("www-authenticate", BASIC)], "")
        }
    })
    .await;
    let target = oci(&format!("{}/a", redirecting.address), login(SECRET));
    let named = Fail(FailureClass::Configuration, "name that registry");
    check(target, LIMITS, named).await;

    let uploading = serve(move |asked| match asked.line.split(' ').next() {
        _ if !asked.shows("basic") => reply(401, &[("www-authenticate", BASIC)], ""),
        Some("POST") => reply(202, &[("location", &elsewhere)], ""),
        _ => reply(200, &[], ""),
    })
    .await;
    let target = oci(&format!("{}/a", uploading.address), login(SECRET));
    check(target, LIMITS, Note("they are at")).await;

    assert_eq!(other.lines(), ["GET /upload"]);
    for asked in other.asked() {
        assert!(!asked.shows(""), "{asked:?}");
    }
}

#[tokio::test]
async fn an_upload_is_cancelled_although_time_runs_out() {
    let deletes = Arc::new(Mutex::new(0));
    let count = Arc::clone(&deletes);
    let registry = serve(move |asked| match asked.line.split(' ').next() {
        Some("POST") => reply(202, &[("location", "/upload")], ""),
        Some("DELETE") => {
            let mut count = count.lock().expect("no test panics with it");
            *count += 1;
            if *count == 1 {
                None
            } else {
                reply(204, &[], "")
            }
        }
        _ => reply(200, &[], ""),
    })
    .await;
    let quick = Limits {
        deadline: Duration::from_secs(1),
        ..LIMITS
    };
    let target = oci(&format!("{}/a", registry.address), Credentials::None);
    let late = Fail(FailureClass::Timeout, "did not answer within 1 s");
    check(target, quick, late).await;
    assert_eq!(*deletes.lock().expect("no test panics with it"), 2);
}

#[tokio::test]
async fn an_object_is_deleted_whatever_comes_after_it() {
    // What the store does with a read, and what the probe makes of it.
    let table: [(fn() -> Reply, Expect); 5] = [
        (
            || reply(200, &[], "other bytes"),
            Fail(FailureClass::Integrity, "other bytes than were written"),
        ),
        (
            || reply(404, &[], "<Code>NoSuchKey</Code>"),
            Fail(FailureClass::Integrity, "does not keep what is written"),
        ),
        (
            || reply(403, &[], "<Code>AccessDenied</Code>"),
            Fail(FailureClass::Permission, "may not read from"),
        ),
        (
            || reply(503, &[], ""),
            Fail(FailureClass::Server, "failed to read from"),
        ),
        (
            || None,
            Fail(FailureClass::Timeout, "did not answer within 1 s"),
        ),
    ];
    for (read, expect) in table {
        let store = serve(move |asked| match asked.line.split(' ').next() {
            Some("PUT") => reply(200, &[], ""),
            Some("GET") => read(),
            _ => reply(204, &[], ""),
        })
        .await;
        let quick = Limits {
            deadline: Duration::from_secs(1),
            ..LIMITS
        };
        let target = s3(format!("http://{}/artifacts", store.address), &stranger());
        check(target, quick, expect).await;
        let lines = store.lines();
        let [put, get, delete] = &lines[..] else {
            panic!("{lines:?}")
        };
        let object = put.strip_prefix("PUT ").expect("a write");
        assert!(
            object.starts_with("/artifacts/.backstop/probe-"),
            "{object}"
        );
        assert_eq!(
            (get.as_str(), delete.as_str()),
            (
                format!("GET {object}").as_str(),
                format!("DELETE {object}").as_str()
            )
        );
    }
}

/// A store with versions: it gives back what was written, and answers deletions as told.
async fn versioned_store(versions: u16, marker: Option<(u16, &'static str)>) -> Scripted {
    serve(move |asked| {
        let (method, path) = asked.line.split_once(' ').unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        match (method, marker) {
            ("PUT", _) => reply(200, &[("x-amz-version-id", "v+1")], ""),
            ("GET", _) => reply(200, &[], name),
            ("DELETE", _) if name.ends_with("?versionId=v%2B1") => {
                reply(versions, &[], "<Code>AccessDenied</Code>")
            }
            ("DELETE", Some((status, kept))) => reply(status, &[("x-amz-delete-marker", kept)], ""),
            _ => reply(500, &[], ""),
        }
    })
    .await
}

#[tokio::test]
async fn a_store_with_versions_passes_and_says_what_it_keeps() {
    let table = [
        (204, None, Pass, 3),
        (403, Some((204, "true")), Note("versioning"), 4),
        (403, Some((403, "false")), Note("object lock is on"), 4),
        (403, Some((204, "false")), Pass, 4),
        (
            403,
            None,
            Fail(FailureClass::Server, "failed to delete from"),
            4,
        ),
    ];
    for (versions, marker, expect, at_least) in table {
        let store = versioned_store(versions, marker).await;
        let location = format!("http://{}/artifacts", store.address);
        check(s3(location, &stranger()), LIMITS, expect).await;
        assert!(store.lines().len() >= at_least, "{:?}", store.lines());
    }
}
