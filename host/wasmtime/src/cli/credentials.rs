//! Credentials as they are typed, piped, or kept in files and the environment.

use std::{env, fs, io, path::Path};

use zeroize::Zeroizing;

use super::{
    Problem,
    args::{AwsS3Args, AzureArgs, GcsArgs, OciArgs, UpdateArgs},
};
use crate::probe::{Credentials, Provider, Secret};

/// Returns the credentials of a new OCI backend.
pub(crate) fn oci(args: &OciArgs, old: Option<Credentials>) -> Result<Credentials, Problem> {
    let password = secret(
        "password",
        args.password.as_deref(),
        args.password_stdin,
        args.password_file.as_deref(),
    )?;
    let (username, password) = match (args.username.clone(), password, old) {
        (Some(username), Some(password), _) => (username, password),
        (None, None, None) => return Ok(Credentials::None),
        (None, None, Some(_)) => {
            return Err(missing("--password", "a rotation needs a new one"));
        }
        (
            username,
            password,
            Some(Credentials::Oci {
                username: old_username,
                password: old_password,
            }),
        ) => (
            username.unwrap_or(old_username),
            password.unwrap_or(old_password),
        ),
        (Some(_), None, _) => return Err(missing("--password", "the username needs one")),
        (None, _, _) => return Err(missing("--username", "the password needs one")),
    };
    Ok(Credentials::Oci { username, password })
}

/// Returns the credentials of a new AWS-S3 backend.
pub(crate) fn aws_s3(args: &AwsS3Args, old: Option<Credentials>) -> Result<Credentials, Problem> {
    let asked_key = asked(
        "secret-access-key",
        args.secret_access_key.as_deref(),
        args.secret_access_key_stdin,
        args.secret_access_key_file.as_deref(),
    )?;
    let asked_token = asked("session-token", args.session_token.as_deref(), false, None)?;
    // A token belongs to its key, so both come from the environment or neither does.
    let (key, token) = match asked_key {
        Some(key) => (Some(key), asked_token),
        None => {
            let token = match asked_token {
                Some(token) => Some(token),
                None => environment("session-token")?,
            };
            (environment("secret-access-key")?, token)
        }
    };
    let (old_id, old_key, old_token, old_region) = match old {
        Some(Credentials::AwsS3 {
            access_key_id,
            secret_access_key,
            session_token,
            region,
        }) => (
            Some(access_key_id),
            Some(secret_access_key),
            session_token,
            region,
        ),
        _ => (None, None, None, None),
    };
    let given = [&args.access_key_id, &args.region]
        .iter()
        .any(|value| value.is_some());
    if old_id.is_some() && !given && key.is_none() && token.is_none() {
        return Err(missing("--secret-access-key", "a rotation needs a new one"));
    }
    // A session token belongs to its key: a new key does not inherit it.
    let old_token = old_token.filter(|_| key.is_none() && args.access_key_id.is_none());
    Ok(Credentials::AwsS3 {
        access_key_id: args
            .access_key_id
            .clone()
            .or(old_id)
            .ok_or_else(|| missing("--access-key-id", "a bucket needs an access key"))?,
        secret_access_key: key
            .or(old_key)
            .ok_or_else(|| missing("--secret-access-key", "the access key needs its secret"))?,
        session_token: token.or(old_token),
        region: args.region.clone().or(old_region),
    })
}

/// Returns the credentials of a new AzureBlob backend.
pub(crate) fn azure(args: &AzureArgs) -> Result<Credentials, Problem> {
    let mut access_key = asked(
        "access-key",
        args.access_key.as_deref(),
        args.access_key_stdin,
        args.access_key_file.as_deref(),
    )?;
    let mut sas_token = asked(
        "sas-token",
        args.sas_token.as_deref(),
        args.sas_token_stdin,
        args.sas_token_file.as_deref(),
    )?;
    let mut client_secret = asked(
        "client-secret",
        args.client_secret.as_deref(),
        args.client_secret_stdin,
        args.client_secret_file.as_deref(),
    )?;
    // A variable that was left set must not contradict what the command says.
    if access_key.is_none() && sas_token.is_none() && client_secret.is_none() {
        access_key = environment("access-key")?;
        sas_token = environment("sas-token")?;
        client_secret = environment("client-secret")?;
    }
    match (access_key, sas_token, client_secret) {
        (Some(access_key), None, None) => Ok(Credentials::AzureKey { access_key }),
        (None, Some(sas_token), None) => Ok(Credentials::AzureSas { sas_token }),
        (None, None, Some(client_secret)) => {
            let (Some(tenant_id), Some(client_id)) =
                (args.tenant_id.clone(), args.client_id.clone())
            else {
                return Err(missing(
                    "--tenant-id and --client-id",
                    "the client secret belongs to an application",
                ));
            };
            Ok(Credentials::AzureClient {
                tenant_id,
                client_id,
                client_secret,
            })
        }
        (None, None, None) => Err(missing(
            "--access-key, --sas-token or --client-secret",
            "a container needs credentials",
        )),
        _ => Err(Problem::usage(
            "give one of an access key, a shared access signature and a client secret, not several",
        )),
    }
}

/// Returns the credentials of a new GCS backend; none if its bucket is open to all.
pub(crate) fn gcs(args: &GcsArgs) -> Result<Credentials, Problem> {
    let key = secret(
        "service-account-key",
        None,
        args.service_account_key_stdin,
        args.service_account_key_file.as_deref(),
    )?;
    Ok(
        key.map_or(Credentials::None, |service_account_key| Credentials::Gcs {
            service_account_key,
        }),
    )
}

/// Says whether an update replaces credentials.
///
/// The environment counts only where the command asks for a rotation: a variable that was left set
/// must not rotate anything.
pub(crate) fn are_given(args: &UpdateArgs) -> bool {
    args.rotate || given(args).iter().any(|(given, _)| *given)
}

/// Which providers' credentials an update gives.
fn given(args: &UpdateArgs) -> [(bool, Provider); 4] {
    let (oci, aws, azure, gcs) = (&args.oci, &args.aws_s3, &args.azure, &args.gcs);
    let some = |values: &[&Option<String>]| values.iter().any(|value| value.is_some());
    [
        (
            some(&[&oci.username, &oci.password])
                || oci.password_stdin
                || oci.password_file.is_some(),
            Provider::Oci,
        ),
        (
            some(&[
                &aws.access_key_id,
                &aws.secret_access_key,
                &aws.session_token,
                &aws.region,
            ]) || aws.secret_access_key_stdin
                || aws.secret_access_key_file.is_some(),
            Provider::AwsS3,
        ),
        (
            some(&[
                &azure.access_key,
                &azure.sas_token,
                &azure.tenant_id,
                &azure.client_id,
            ]) || azure.client_secret.is_some()
                || azure.access_key_stdin
                || azure.sas_token_stdin
                || azure.client_secret_stdin
                || azure.access_key_file.is_some()
                || azure.sas_token_file.is_some()
                || azure.client_secret_file.is_some(),
            Provider::AzureBlob,
        ),
        (
            gcs.service_account_key_stdin || gcs.service_account_key_file.is_some(),
            Provider::Gcs,
        ),
    ]
}

/// Refuses credentials that are not of the backend's provider.
pub(crate) fn fit(args: &UpdateArgs, provider: &str) -> Result<(), Problem> {
    for (given, theirs) in given(args) {
        if given && theirs.code() != provider {
            return Err(Problem::usage(format!(
                "credentials of {} do not fit: the backend's provider is `{provider}`",
                theirs.code()
            )));
        }
    }
    Ok(())
}

/// Returns the new credentials that an update gives, or none if it gives none.
///
/// What an update leaves out stays: then the old credentials are needed, and `old` opens them.
pub(crate) async fn of_update(
    args: &UpdateArgs,
    provider: &str,
    old: impl AsyncFnOnce() -> Result<Credentials, Problem>,
) -> Result<Option<Credentials>, Problem> {
    if !are_given(args) {
        return Ok(None);
    }
    let credentials = match Provider::from_code(provider) {
        Some(Provider::Oci) => {
            let whole = args.oci.username.is_some();
            let old = if whole { None } else { Some(old().await?) };
            oci(&args.oci, old)?
        }
        Some(Provider::AwsS3) => {
            let whole = args.aws_s3.access_key_id.is_some() && args.aws_s3.region.is_some();
            let old = if whole { None } else { Some(old().await?) };
            aws_s3(&args.aws_s3, old)?
        }
        Some(Provider::AzureBlob) => azure(&args.azure)?,
        Some(Provider::Gcs) => match gcs(&args.gcs)? {
            Credentials::None => {
                return Err(missing(
                    "--service-account-key-file",
                    "a rotation needs a new key",
                ));
            }
            key => key,
        },
        // The policy refuses an inline backend with `no-credentials`.
        Some(Provider::Inline | Provider::Local | Provider::AwsS3AccessPoint) | None => {
            return Err(Problem::usage(format!(
                "a backend of `{provider}` has no credentials to replace"
            )));
        }
    };
    Ok(Some(credentials))
}

/// Returns a secret from the first of: the command line, standard input, a file, the environment.
fn secret(
    option: &str,
    value: Option<&str>,
    from_stdin: bool,
    from_file: Option<&Path>,
) -> Result<Option<Secret>, Problem> {
    match asked(option, value, from_stdin, from_file)? {
        Some(secret) => Ok(Some(secret)),
        None => environment(option),
    }
}

/// Returns a secret that an option gives, or says where to find.
fn asked(
    option: &str,
    value: Option<&str>,
    from_stdin: bool,
    from_file: Option<&Path>,
) -> Result<Option<Secret>, Problem> {
    let unreadable = |what: String, error: io::Error| {
        Problem::usage(format!("--{option}-{what} cannot be read: {error}"))
    };
    let text = if let Some(value) = value {
        Zeroizing::new(value.to_owned())
    } else if from_stdin {
        let text = read(io::stdin());
        Zeroizing::new(text.map_err(|e| unreadable("stdin: standard input".to_owned(), e))?)
    } else if let Some(path) = from_file {
        let text = fs::File::open(path).and_then(read);
        Zeroizing::new(text.map_err(|e| unreadable(format!("file: `{}`", path.display()), e))?)
    } else {
        return Ok(None);
    };
    // A line break at the end belongs to the file and not to the secret.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    match text.strip_suffix('\r').unwrap_or(text) {
        "" => Err(Problem::usage(format!("the {option} is empty"))),
        text => Ok(Some(Secret::from(text))),
    }
}

/// Reads a text that is meant to be short, and no more than that of one that does not end.
pub(super) fn read(source: impl io::Read) -> io::Result<String> {
    const MOST: u64 = 1 << 20;
    let text = io::read_to_string(source.take(MOST + 1))?;
    if text.len() as u64 > MOST {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(text)
}

/// Returns a secret from its variable.
fn environment(option: &str) -> Result<Option<Secret>, Problem> {
    let variable = format!("BACKSTOP_{}", option.to_uppercase().replace('-', "_"));
    match env::var(&variable) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(Secret::from(value))),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(Problem::usage(format!("{variable} is not text in UTF-8")))
        }
    }
}

fn missing(options: &str, why: &str) -> Problem {
    Problem::usage(format!("{options} is missing: {why}"))
}
