//! What can be typed.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::size::parse_size;

/// Which storage backend a control plane writes to: the default, else the fallback, else an honest
/// error that says why.
#[derive(Debug, Parser)]
#[command(name = "backstop", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Global options")]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a rule, 4 no such organization or backend,
5 changed by somebody else in the meantime, 6 confirmation needed, 10 to 12 nothing to write to,
20 to 31 a probe failed, 40 to 44 the database, 50 and 51 the key, 60 to 64 the component,
130 interrupted. The README lists each.";

#[derive(Args, Debug)]
pub(crate) struct Global {
    /// The organization to work on [default: `default`, created on its first use]
    #[arg(
        long,
        short = 'O',
        global = true,
        value_name = "NAME",
        env = "BACKSTOP_ORGANIZATION"
    )]
    pub(crate) organization: Option<String>,
    /// The database, as `sqlite:PATH` [default: in the platform's data directory]
    #[arg(long, global = true, value_name = "ADDRESS", env = "BACKSTOP_DATABASE")]
    pub(crate) database: Option<String>,
    /// The key that seals credentials, made on first use; or the key itself in BACKSTOP_KEY
    /// [default: beside the database, with `.key` at the end]
    #[arg(long, global = true, value_name = "FILE", env = "BACKSTOP_KEY_FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// How answers are printed
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Lets probes connect to loopback, link-local and private addresses
    #[arg(long, global = true, env = "BACKSTOP_ALLOW_PRIVATE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) allow_private: bool,
    /// How long one probe may take
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = parse_deadline, env = "BACKSTOP_PROBE_TIMEOUT")]
    pub(crate) probe_timeout: Duration,
    /// Another component to decide with, precompiled or not; it is trusted as the program itself is
    #[arg(long, global = true, value_name = "FILE", env = "BACKSTOP_COMPONENT")]
    pub(crate) component: Option<PathBuf>,
    /// Who asks, as the events say it [default: the user's name]
    #[arg(long, global = true, value_name = "NAME", env = "BACKSTOP_ACTOR")]
    pub(crate) actor: Option<String>,
    /// Acts for the platform, which alone creates, changes and deletes managed backends
    #[arg(long, global = true)]
    pub(crate) platform: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
    /// For both
    Yaml,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one per process")]
pub(crate) enum Command {
    /// Manage storage backends
    #[command(name = "casbackend", visible_aliases = ["cas-backend", "backend"], subcommand)]
    Backend(BackendCommand),
    /// Manage organizations
    #[command(visible_alias = "org", subcommand)]
    Organization(OrganizationCommand),
    /// Show the backend to write to, or why there is none
    Resolve(ResolveArgs),
    /// Show where to read a blob from
    RouteRead(RouteReadArgs),
    /// Show what happened
    Events(EventsArgs),
    /// Show what the component is: its hash, world, imports and exports
    Component {
        /// Another component than the one that is built in
        file: Option<PathBuf>,
    },
    /// Serve a page on which a person sees what would be selected, and why
    Preview {
        /// The address to listen on; port 0 takes a free one
        #[arg(
            long,
            value_name = "ADDRESS",
            default_value = "127.0.0.1:8480",
            env = "BACKSTOP_PREVIEW_LISTEN"
        )]
        listen: std::net::SocketAddr,
        /// Begin with the organization's own backends, health and policy; they are in the link that is
        /// printed, and nowhere else
        #[arg(long, conflicts_with = "save")]
        roster: bool,
        /// Write the page to a file instead, from which it works without a server
        #[arg(long, value_name = "FILE", conflicts_with = "listen")]
        save: Option<PathBuf>,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one per process")]
pub(crate) enum BackendCommand {
    /// Register a backend, after a probe of it
    #[command(subcommand)]
    Add(AddCommand),
    /// List the backends
    #[command(visible_alias = "ls")]
    List {
        /// Everything that is known of them
        #[arg(long)]
        full: bool,
    },
    /// Show one backend
    Show {
        /// Its name
        name: String,
    },
    /// Change a backend; new credentials are probed first
    Update(Box<UpdateArgs>),
    /// Delete a backend; its name is free again
    #[command(visible_alias = "rm")]
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Probe backends, and remember what was seen
    #[command(visible_alias = "revalidate")]
    Check {
        /// Their names
        #[arg(required_unless_present = "all")]
        names: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "names")]
        all: bool,
    },
}

/// What every command that changes something takes.
#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    /// Print what would change, or every reason against it, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before the default is lost or replaced
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Refuse unless the organization is at this revision
    #[arg(long, value_name = "NUMBER")]
    pub(crate) revision: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddCommand {
    /// A repository of an OCI registry
    Oci {
        /// The repository, such as `index.docker.io/repo`
        #[arg(long, value_name = "LOCATION")]
        repo: String,
        #[command(flatten)]
        credentials: OciArgs,
        #[command(flatten)]
        common: AddArgs,
    },
    /// A bucket of S3, or of a store that speaks its language
    AwsS3 {
        /// The bucket
        #[arg(long)]
        bucket: String,
        /// The store, if it is not AWS, such as `https://minio.example:9000`
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        #[command(flatten)]
        credentials: AwsS3Args,
        #[command(flatten)]
        common: AddArgs,
    },
    /// A container of Azure Blob Storage
    AzureBlob {
        /// The storage account
        #[arg(long)]
        account: String,
        /// The container
        #[arg(long)]
        container: String,
        /// The service, if it is not Azure's own
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        #[command(flatten)]
        credentials: AzureArgs,
        #[command(flatten)]
        common: AddArgs,
    },
    /// A bucket of Google Cloud Storage
    Gcs {
        /// The bucket
        #[arg(long)]
        bucket: String,
        /// The service, if it is not Google's own
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        #[command(flatten)]
        credentials: GcsArgs,
        #[command(flatten)]
        common: AddArgs,
    },
    /// A directory of this machine
    Local {
        /// The directory
        #[arg(long)]
        path: PathBuf,
        #[command(flatten)]
        common: AddArgs,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Its name: lowercase letters, digits and hyphens, at most 63
    #[arg(long)]
    pub(crate) name: String,
    /// The platform operates it (with --platform)
    #[arg(long)]
    pub(crate) managed: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Its name
    #[arg(value_name = "NAME", required_unless_present = "name")]
    pub(crate) positional: Option<String>,
    /// Its name
    #[arg(long, conflicts_with = "positional")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Replace the credentials; implied by any of the options that give some
    #[arg(long)]
    pub(crate) rotate: bool,
    #[command(flatten, next_help_heading = "Credentials of an OCI registry")]
    pub(crate) oci: OciArgs,
    #[command(flatten, next_help_heading = "Credentials of AWS-S3")]
    pub(crate) aws_s3: AwsS3Args,
    #[command(flatten, next_help_heading = "Credentials of AzureBlob")]
    pub(crate) azure: AzureArgs,
    #[command(flatten, next_help_heading = "Credentials of GCS")]
    pub(crate) gcs: GcsArgs,
    #[command(flatten, next_help_heading = "Options")]
    pub(crate) change: ChangeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Settings {
    /// For people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Make it the default, or take the default away from it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) default: Option<bool>,
    /// Make it a fallback, or take it off the chain of fallbacks
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) fallback: Option<bool>,
    /// The largest blob that it takes, such as `300M` [default of a new backend: 100M]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_bytes: Option<u64>,
    /// What it is used for
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModeArg {
    /// Writes and reads
    Ready,
    /// No new writes; reads go on
    Drain,
    /// Nothing, and no probes
    Maintenance,
}

#[derive(Args, Debug)]
pub(crate) struct OciArgs {
    /// The account at the registry
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// Its password or access token; better from standard input, a file or BACKSTOP_PASSWORD
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) password: Option<String>,
    /// Read the password from standard input
    #[arg(long, conflicts_with_all = ["password", "password_file"])]
    pub(crate) password_stdin: bool,
    /// Read the password from a file
    #[arg(long, value_name = "FILE", conflicts_with = "password")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct AwsS3Args {
    /// The id of the access key
    #[arg(long, value_name = "ID")]
    pub(crate) access_key_id: Option<String>,
    /// Its secret; better from standard input, a file or BACKSTOP_SECRET_ACCESS_KEY
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub(crate) secret_access_key: Option<String>,
    /// Read the secret access key from standard input
    #[arg(long, conflicts_with_all = ["secret_access_key", "secret_access_key_file"])]
    pub(crate) secret_access_key_stdin: bool,
    /// Read the secret access key from a file
    #[arg(long, value_name = "FILE", conflicts_with = "secret_access_key")]
    pub(crate) secret_access_key_file: Option<PathBuf>,
    /// The token of temporary credentials; better in BACKSTOP_SESSION_TOKEN
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) session_token: Option<String>,
    /// The region of the bucket [default: us-east-1]
    #[arg(long)]
    pub(crate) region: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AzureArgs {
    /// A key of the account; better from standard input, a file or BACKSTOP_ACCESS_KEY
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) access_key: Option<String>,
    /// Read the key of the account from standard input
    #[arg(long, conflicts_with_all = ["access_key", "access_key_file"])]
    pub(crate) access_key_stdin: bool,
    /// Read the key of the account from a file
    #[arg(long, value_name = "FILE", conflicts_with = "access_key")]
    pub(crate) access_key_file: Option<PathBuf>,
    /// A shared access signature; better from standard input, a file or BACKSTOP_SAS_TOKEN
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) sas_token: Option<String>,
    /// Read the shared access signature from standard input
    #[arg(long, conflicts_with_all = ["sas_token", "sas_token_file"])]
    pub(crate) sas_token_stdin: bool,
    /// Read the shared access signature from a file
    #[arg(long, value_name = "FILE", conflicts_with = "sas_token")]
    pub(crate) sas_token_file: Option<PathBuf>,
    /// The tenant of an application
    #[arg(long, value_name = "ID")]
    pub(crate) tenant_id: Option<String>,
    /// The application
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Its secret; better from standard input, a file or BACKSTOP_CLIENT_SECRET
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub(crate) client_secret: Option<String>,
    /// Read the secret of the application from standard input
    #[arg(long, conflicts_with_all = ["client_secret", "client_secret_file"])]
    pub(crate) client_secret_stdin: bool,
    /// Read the secret of the application from a file
    #[arg(long, value_name = "FILE", conflicts_with = "client_secret")]
    pub(crate) client_secret_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct GcsArgs {
    /// The JSON file of a service account's key; or its text in BACKSTOP_SERVICE_ACCOUNT_KEY.
    /// Without one the bucket must be open to all
    #[arg(long, value_name = "FILE")]
    pub(crate) service_account_key_file: Option<PathBuf>,
    /// Read the service account's key from standard input
    #[arg(long, conflicts_with = "service_account_key_file")]
    pub(crate) service_account_key_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Create an organization, with its inline backend as the default
    Create {
        /// Its name: lowercase letters, digits and hyphens, at most 63
        name: String,
    },
    /// List the organizations
    #[command(visible_alias = "ls")]
    List,
    /// Show an organization: its roles, its policy and what a write would use
    Show {
        /// Its name [default: the one of --organization]
        name: Option<String>,
    },
    /// Change the policy
    SetPolicy(PolicyArgs),
    /// Delete an organization with all that it stored here; its backends' contents stay
    #[command(visible_alias = "rm")]
    Delete {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// Refuse unless it is at this revision
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u64>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    /// Settings to change: max-fallbacks, fall, rise, hold-down, stale-after, check-every,
    /// check-others-every (durations such as `30m`), tail (`managed,inline`, or nothing), last-resort
    /// (`refuse` or `least-bad`)
    #[arg(value_name = "SETTING=VALUE", required_unless_present_any = ["file", "reset"])]
    pub(crate) settings: Vec<String>,
    /// Start from the policy in a file (JSON or YAML, `-` for standard input) instead of the present
    /// one; what it leaves out takes its default
    #[arg(long, short, value_name = "FILE", conflicts_with = "reset")]
    pub(crate) file: Option<PathBuf>,
    /// Start from the default policy instead of the present one
    #[arg(long)]
    pub(crate) reset: bool,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ResolveArgs {
    /// The size of the blob, such as `20M`
    #[arg(long, value_parser = parse_size)]
    pub(crate) size: Option<u64>,
    /// Show every candidate and what became of it
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RouteReadArgs {
    /// The backends that the digest was written to, by name or id
    #[arg(long = "copy", value_name = "NAME", num_args = 1.., required = true)]
    pub(crate) copies: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    /// Go on as they happen
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only those since a time (RFC 3339) or of the last `10m`, `2h`, `7d`
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}

fn parse_deadline(text: &str) -> Result<Duration, String> {
    let deadline =
        humantime::parse_duration(text).map_err(|e| format!("{e}, write `10s` or `500ms`"))?;
    let allowed = Duration::from_millis(100)..=Duration::from_secs(600);
    if allowed.contains(&deadline) {
        Ok(deadline)
    } else {
        Err("use 100ms to 10m".into())
    }
}
