//! Credentials as they are typed, piped, or kept in files and the environment.

use std::{env, fs, io::Read, path::Path};

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
    let key = secret(
        "secret-access-key",
        args.secret_access_key.as_deref(),
        args.secret_access_key_stdin,
        args.secret_access_key_file.as_deref(),
    )?;
    let token = secret("session-token", args.session_token.as_deref(), false, None)?;
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
    let access_key = secret(
        "access-key",
        args.access_key.as_deref(),
        args.access_key_stdin,
        args.access_key_file.as_deref(),
    )?;
    let sas_token = secret(
        "sas-token",
        args.sas_token.as_deref(),
        args.sas_token_stdin,
        args.sas_token_file.as_deref(),
    )?;
    let client_secret = secret(
        "client-secret",
        args.client_secret.as_deref(),
        args.client_secret_stdin,
        args.client_secret_file.as_deref(),
    )?;
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

/// Returns the new credentials that an update gives, or none if it gives none.
///
/// The environment counts only where the command asks for a rotation: a variable that was left set
/// must not rotate anything. What an update leaves out stays, so the old credentials are needed;
/// `old` opens them.
pub(crate) async fn of_update(
    args: &UpdateArgs,
    provider: &str,
    old: impl AsyncFnOnce() -> Result<Credentials, Problem>,
) -> Result<Option<Credentials>, Problem> {
    let oci_given = args.oci.username.is_some()
        || args.oci.password.is_some()
        || args.oci.password_stdin
        || args.oci.password_file.is_some();
    let aws = &args.aws_s3;
    let aws_given = aws.access_key_id.is_some()
        || aws.secret_access_key.is_some()
        || aws.secret_access_key_stdin
        || aws.secret_access_key_file.is_some()
        || aws.session_token.is_some()
        || aws.region.is_some();
    let azure = &args.azure;
    let azure_given = [
        &azure.access_key,
        &azure.sas_token,
        &azure.tenant_id,
        &azure.client_id,
        &azure.client_secret,
    ]
    .iter()
    .any(|value| value.is_some())
        || [
            &azure.access_key_file,
            &azure.sas_token_file,
            &azure.client_secret_file,
        ]
        .iter()
        .any(|file| file.is_some())
        || azure.access_key_stdin
        || azure.sas_token_stdin
        || azure.client_secret_stdin;
    let gcs_given =
        args.gcs.service_account_key_stdin || args.gcs.service_account_key_file.is_some();
    if !(args.rotate || oci_given || aws_given || azure_given || gcs_given) {
        return Ok(None);
    }

    let wanted = Provider::from_code(provider);
    for (given, theirs) in [
        (oci_given, Provider::Oci),
        (aws_given, Provider::AwsS3),
        (azure_given, Provider::AzureBlob),
        (gcs_given, Provider::Gcs),
    ] {
        if given && wanted != Some(theirs) {
            return Err(Problem::usage(format!(
                "credentials of {} do not fit: the backend's provider is `{provider}`",
                theirs.code()
            )));
        }
    }
    match wanted {
        Some(Provider::Oci) => oci(&args.oci, Some(old().await?)),
        Some(Provider::AwsS3) => aws_s3(aws, Some(old().await?)),
        Some(Provider::AzureBlob) => self::azure(azure),
        Some(Provider::Gcs) => gcs(&args.gcs),
        // The policy refuses an inline backend with `no-credentials`; a directory has none either.
        Some(Provider::Inline) => Ok(Credentials::None),
        Some(Provider::Local | Provider::AwsS3AccessPoint) | None => Err(Problem::usage(format!(
            "a backend of `{provider}` has no credentials to replace"
        ))),
    }
    .map(Some)
}

/// Returns a secret from the first of: the command line, standard input, a file, the environment.
fn secret(
    option: &str,
    value: Option<&str>,
    from_stdin: bool,
    from_file: Option<&Path>,
) -> Result<Option<Secret>, Problem> {
    // A line break at the end belongs to the file and not to the secret.
    let trimmed = |text: &str| {
        Secret::from(
            text.strip_suffix('\n')
                .map_or(text, |text| text.strip_suffix('\r').unwrap_or(text)),
        )
    };
    let found = if let Some(value) = value {
        Some(Secret::from(value))
    } else if from_stdin {
        let mut text = zeroize::Zeroizing::new(String::new());
        std::io::stdin().read_to_string(&mut text).map_err(|e| {
            Problem::usage(format!(
                "--{option}-stdin: standard input cannot be read: {e}"
            ))
        })?;
        Some(trimmed(&text))
    } else if let Some(path) = from_file {
        let text = fs::read_to_string(path).map_err(|e| {
            Problem::usage(format!(
                "--{option}-file: `{}` cannot be read: {e}",
                path.display()
            ))
        })?;
        Some(trimmed(&zeroize::Zeroizing::new(text)))
    } else {
        let variable = format!("BACKSTOP_{}", option.to_uppercase().replace('-', "_"));
        env::var(variable)
            .ok()
            .filter(|value| !value.is_empty())
            .map(Secret::from)
    };
    match found {
        Some(secret) if secret.expose().is_empty() => {
            Err(Problem::usage(format!("the {option} is empty")))
        }
        found => Ok(found),
    }
}

fn missing(options: &str, why: &str) -> Problem {
    Problem::usage(format!("{options} is missing: {why}"))
}
