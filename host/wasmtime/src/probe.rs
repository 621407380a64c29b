//! Validators: whether a backend takes what is written to it and gives it back.
//!
//! [`check`] says what is wrong with a [`Target`] without asking anybody; [`probe`] asks. A probe
//!
//! - writes one small object under a reserved name (`.backstop/probe-...`, in a
//!   directory `.backstop-probe-...`), reads it back, compares
//!   it and deletes it; of an OCI repository it begins an upload and cancels it (HOST-3);
//! - leaves nothing behind, whatever it met, as far as the storage lets it: the last part of its
//!   deadline is kept for that;
//! - ends by its deadline, which is the outcome `timeout` (USE-3);
//! - connects to no address that the operator does not allow, after name resolution and for every
//!   redirect (HOST-4), and sends no credentials unencrypted to a public address;
//! - says what it met in one line that names the host and the way out, and no credentials.
//!
//! ```
//! use backstop::probe::{Credentials, Limits, Provider, Target, probe};
//! use backstop_core::Outcome;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let location = std::env::temp_dir().to_str().unwrap().to_owned();
//! let target = Target { provider: Provider::Local, location, credentials: Credentials::None };
//! let report = probe(&target, &Limits::default()).await;
//! assert_eq!(report.outcome, Outcome::Ok);
//! # });
//! ```

use std::{fmt, io, pin::pin, time::Duration};

use backstop_core::{Failure, FailureClass, Outcome};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

mod blame;
mod credentials;
mod directory;
mod guard;
mod http;
mod location;
mod objects;
mod oci;

pub use blame::blame;
pub use credentials::{Credentials, Secret};
pub use location::{Bucket, Container, Directory, Repository};

use http::Http;
use objects::{Objects, Signer, Store};
use oci::Registry;

/// Asks a backend whether it takes a write and gives it back.
///
/// It never fails itself: what it met is the report's outcome. It ends within the deadline, and
/// needs a Tokio runtime with time and I/O enabled.
///
/// If the future is dropped before that, what it wrote may stay behind, except in a directory.
pub async fn probe(target: &Target, limits: &Limits) -> Report {
    let failure = match ask(target, limits).await {
        Ok(Passed { note }) => {
            return Report {
                outcome: Outcome::Ok,
                forbidden: false,
                note,
            };
        }
        Err(failure) => failure,
    };
    Report {
        // The words are ours, and no host name or answer is printed that could hold them.
        forbidden: failure.class == FailureClass::Configuration
            && failure.message.contains(guard::WAY_OUT),
        outcome: Outcome::Failed(failure),
        note: None,
    }
}

/// Says what is wrong with a target as far as that shows without asking anybody: the shape of its
/// location, and credentials that are missing, malformed or for something else.
///
/// # Errors
///
/// [`FailureClass::Configuration`], with what is wrong and what to write instead.
pub fn check(target: &Target) -> Result<(), Failure> {
    plan(target, &Limits::default()).map(drop)
}

/// What a probe is aimed at.
pub struct Target {
    /// What speaks to it.
    pub provider: Provider,
    /// Where it is, in the shape of the provider: see [`Repository`], [`Bucket`], [`Container`]
    /// and [`Directory`]; empty for inline.
    pub location: String,
    /// What proves who asks.
    pub credentials: Credentials,
}

impl Target {
    /// Returns the host that a probe of this target asks, with its port, for [`blame`]; none if it
    /// needs no network or the location is malformed.
    pub fn endpoint(&self) -> Option<String> {
        match plan(self, &Limits::default()).ok()? {
            Plan::Objects(_, store) => Some(store.host()),
            Plan::Registry(repository) => Some(location::authority(&repository.registry())),
            Plan::Directory(_) | Plan::Nothing => None,
        }
    }
}

/// Shows no credentials, and no location that may hold some.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = if self.location.contains(['@', '?']) {
            "[secret]"
        } else {
            &self.location
        };
        f.debug_struct("Target")
            .field("provider", &self.provider)
            .field("location", &location)
            .field("credentials", &self.credentials)
            .finish()
    }
}

/// What speaks to a backend.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Provider {
    /// S3, or a store that speaks its language.
    AwsS3,
    /// An access point of S3, by its alias. Only for managed backends.
    AwsS3AccessPoint,
    /// Azure Blob Storage.
    AzureBlob,
    /// Google Cloud Storage.
    Gcs,
    /// None: content is embedded in the attestation.
    Inline,
    /// A directory of this machine.
    Local,
    /// A registry of the OCI distribution specification.
    Oci,
}

impl Provider {
    /// Every provider, in the order of the codes.
    pub const ALL: [Self; 7] = [
        Self::AwsS3,
        Self::AwsS3AccessPoint,
        Self::AzureBlob,
        Self::Gcs,
        Self::Inline,
        Self::Local,
        Self::Oci,
    ];

    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AwsS3 => "AWS-S3",
            Self::AwsS3AccessPoint => "AWS-S3-ACCESS-POINT",
            Self::AzureBlob => "AzureBlob",
            Self::Gcs => "GCS",
            Self::Inline => "INLINE",
            Self::Local => "LOCAL",
            Self::Oci => "OCI",
        }
    }

    /// Returns the provider of a code, or none if nobody knows it (`provider-unknown`).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.code() == code)
    }
}

/// What a probe may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// How long it may take, to the end of its cleaning up; default 10 seconds.
    pub deadline: Duration,
    /// Whether it may connect to loopback, link-local and private addresses (HOST-4); default no.
    pub allow_private: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            allow_private: false,
        }
    }
}

/// How a probe ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// What to observe of the backend.
    pub outcome: Outcome,
    /// Whether it failed because this host may not connect to private addresses (HOST-4): a matter
    /// of its own settings.
    pub forbidden: bool,
    /// What a person should know although the probe passed, such as that the store keeps what is
    /// written.
    pub note: Option<String>,
}

/// A probe that passed.
#[derive(Debug, Eq, PartialEq)]
struct Passed {
    note: Option<String>,
}

/// A target that was checked, and what is needed to ask it.
enum Plan {
    Directory(Directory),
    Nothing,
    Objects(Signer, Store),
    Registry(Repository),
}

fn plan(target: &Target, limits: &Limits) -> Result<Plan, Failure> {
    let Target {
        provider,
        location,
        credentials,
    } = target;
    check_credentials(*provider, credentials)?;
    let allow_private = limits.allow_private;
    Ok(match provider {
        Provider::AwsS3 => Plan::Objects(
            Signer::s3(credentials)?,
            Store::s3(&location.parse()?, region(credentials))?,
        ),
        Provider::AwsS3AccessPoint => Plan::Objects(
            Signer::s3(credentials)?,
            Store::access_point(&location.parse()?, region(credentials))?,
        ),
        Provider::AzureBlob => {
            let container = location.parse()?;
            Plan::Objects(
                Signer::azure(credentials, &container, allow_private)?,
                Store::azure(&container)?,
            )
        }
        Provider::Gcs => Plan::Objects(
            Signer::gcs(credentials, allow_private)?,
            Store::gcs(&location.parse()?)?,
        ),
        Provider::Inline if location.is_empty() => Plan::Nothing,
        Provider::Inline => {
            return Err(configuration(
                "an inline backend has no location, leave it away",
            ));
        }
        Provider::Local => Plan::Directory(location.parse()?),
        Provider::Oci => Plan::Registry(location.parse()?),
    })
}

fn region(credentials: &Credentials) -> Option<&str> {
    match credentials {
        Credentials::AwsS3 { region, .. } => region.as_deref(),
        Credentials::AzureClient { .. }
        | Credentials::AzureKey { .. }
        | Credentials::AzureSas { .. }
        | Credentials::Gcs { .. }
        | Credentials::None
        | Credentials::Oci { .. } => None,
    }
}

fn check_credentials(provider: Provider, credentials: &Credentials) -> Result<(), Failure> {
    let (fits, wanted) = match provider {
        Provider::AwsS3 | Provider::AwsS3AccessPoint => (
            matches!(credentials, Credentials::AwsS3 { .. }),
            "an access key id and a secret access key",
        ),
        Provider::AzureBlob => (
            matches!(
                credentials,
                Credentials::AzureClient { .. }
                    | Credentials::AzureKey { .. }
                    | Credentials::AzureSas { .. }
            ),
            "an account key, a shared access signature, or a tenant id with a client id and a client secret",
        ),
        Provider::Gcs => (
            matches!(credentials, Credentials::Gcs { .. } | Credentials::None),
            "a service account key",
        ),
        Provider::Inline | Provider::Local => {
            (matches!(credentials, Credentials::None), "no credentials")
        }
        Provider::Oci => (
            matches!(credentials, Credentials::Oci { .. } | Credentials::None),
            "a username and a password",
        ),
    };
    if !fits {
        let (code, found) = (provider.code(), credentials.kind());
        return Err(configuration(format!(
            "provider `{code}` takes {wanted}, and it was given {found}"
        )));
    }
    for (name, text) in credentials.fields() {
        // A password may be any text; everything else travels in a header or a name as it is.
        let free = matches!(name, "password" | "service account key");
        if text.is_empty() {
            return Err(configuration(format!("the {name} is empty, give one")));
        }
        if !free && !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let hint = "a blank, a line break or another character that none has";
            return Err(configuration(format!(
                "the {name} has {hint} in it, copy it again"
            )));
        }
        if name == "password" && text.contains(['\n', '\r', '\0']) {
            return Err(configuration(
                "the password has a line break in it, copy it again",
            ));
        }
        if name == "username" && text.contains(':') {
            return Err(configuration(
                "the username has a colon in it, which no registry can read",
            ));
        }
        if name == "region"
            && !text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(configuration(format!(
                "`{text}` is not a region, write one such as `eu-west-1`"
            )));
        }
    }
    Ok(())
}

async fn ask(target: &Target, limits: &Limits) -> Result<Passed, Failure> {
    match plan(target, limits)? {
        Plan::Directory(directory) => directory::probe(directory, limits.deadline).await,
        Plan::Nothing => Ok(Passed { note: None }),
        Plan::Objects(signer, store) => {
            let host = store.host();
            within(
                &Objects::new(Http::new(limits.allow_private), signer, store),
                &host,
                limits,
            )
            .await
        }
        Plan::Registry(repository) => {
            let host = location::authority(&repository.registry());
            let http = Http::new(limits.allow_private);
            within(
                &Registry::new(http, repository, &target.credentials),
                &host,
                limits,
            )
            .await
        }
    }
}

/// What a probe over the network does, and how it is undone when time runs out.
trait Work {
    /// Does all of it, and cleans up.
    async fn run(&self) -> Result<Passed, Failure>;

    /// Says whether there may be something to clean up now.
    fn is_begun(&self) -> bool;

    /// Removes what a run has left that was cut short, as well as it can.
    async fn clean_up(&self);
}

/// Runs within the deadline. Its last part is for cleaning up, if there is something to clean up
/// by then; else it is for the work too.
async fn within(work: &impl Work, host: &str, limits: &Limits) -> Result<Passed, Failure> {
    const LONGEST_RESERVE: Duration = Duration::from_secs(2);
    let start = Instant::now();
    let reserve = (limits.deadline / 5).min(LONGEST_RESERVE);
    // A deadline beyond what the clock can say is as good as a year.
    let end = |after| {
        start
            .checked_add(after)
            .unwrap_or(start + Duration::from_secs(365 * 24 * 60 * 60))
    };
    let last = end(limits.deadline);
    {
        let mut run = pin!(work.run());
        if let Ok(result) = timeout_at(end(limits.deadline - reserve), run.as_mut()).await {
            return result;
        }
        if !work.is_begun()
            && let Ok(result) = timeout_at(last, run).await
        {
            return result;
        }
    }
    if work.is_begun() {
        // Whether that worked changes nothing: the probe took too long.
        let _ = timeout_at(last, work.clean_up()).await;
    }
    Err(too_slow(&host, limits.deadline))
}

fn too_slow(name: &dyn fmt::Display, deadline: Duration) -> Failure {
    let seconds = deadline.as_secs_f64();
    Failure::new(
        FailureClass::Timeout,
        format!("`{name}` did not answer within {seconds} s"),
    )
}

/// Runs blocking work on a thread of its own and waits for it.
///
/// Not on the runtime's pool: a runtime waits for that when it ends, so a file system or a resolver
/// that hangs would keep the whole process from ending, long after the deadline.
async fn detached<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    let send = move || {
        // Nobody may be waiting any more; then the result is of no use.
        let _ = sender.send(work());
    };
    std::thread::Builder::new()
        .name("backstop-probe".to_owned())
        .spawn(send)?;
    receiver
        .await
        .map_err(|_| io::Error::other("the thread ended early"))
}

/// Returns a name that no two probes share.
fn probe_name() -> String {
    format!("probe-{}", uuid::Uuid::new_v4())
}

fn configuration(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Configuration, message)
}

fn internal(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Internal, message)
}

#[cfg(test)]
mod tests;
