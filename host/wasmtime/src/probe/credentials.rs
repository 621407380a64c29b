//! What a probe shows to prove who it is. Sealed at rest (HOST-1), and never printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A text that nobody but the storage may read.
///
/// It prints as `[secret]`, and its memory is overwritten when it is dropped. It serializes in
/// clear, for the one purpose of being sealed.
#[derive(Clone, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Returns the text in clear.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.expose().to_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The credentials of one backend, in the form that is sealed.
///
/// Endpoints are not among them: a location is immutable, so a rotation of credentials must not be
/// able to move it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Credentials {
    /// An access key of S3, or of a store that speaks its language.
    AwsS3 {
        /// The key's public half.
        access_key_id: String,
        /// The key's secret half.
        secret_access_key: Secret,
        /// The third part of temporary credentials.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_token: Option<Secret>,
        /// Where the bucket is; `us-east-1` if none is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// An application that is registered with the tenant of a storage account.
    AzureClient {
        /// The tenant.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// The application's secret.
        client_secret: Secret,
    },
    /// The access key of a storage account, in base64.
    AzureKey {
        /// The key.
        access_key: Secret,
    },
    /// A shared access signature for a storage account or a container.
    AzureSas {
        /// The signature, as the query of a URL.
        sas_token: Secret,
    },
    /// A service account of Google Cloud.
    Gcs {
        /// The JSON file of the account's key.
        service_account_key: Secret,
    },
    /// None: inline, a directory, an open registry or an open bucket of GCS.
    None,
    /// An account at a registry.
    Oci {
        /// The account.
        username: String,
        /// Its password or access token.
        password: Secret,
    },
}

impl Credentials {
    /// Returns the word for this kind of credentials.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AwsS3 { .. } => "an access key",
            Self::AzureClient { .. } => "an application's secret",
            Self::AzureKey { .. } => "an account key",
            Self::AzureSas { .. } => "a shared access signature",
            Self::Gcs { .. } => "a service account key",
            Self::None => "none",
            Self::Oci { .. } => "a username and a password",
        }
    }

    /// Returns every field that is set, with the name that a person knows it by.
    pub(super) fn fields(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::AwsS3 {
                access_key_id,
                secret_access_key,
                session_token,
                region,
            } => {
                let mut fields = vec![
                    ("access key id", access_key_id.as_str()),
                    ("secret access key", secret_access_key.expose()),
                ];
                fields.extend(
                    session_token
                        .as_ref()
                        .map(|token| ("session token", token.expose())),
                );
                fields.extend(region.as_ref().map(|region| ("region", region.as_str())));
                fields
            }
            Self::AzureClient {
                tenant_id,
                client_id,
                client_secret,
            } => {
                vec![
                    ("tenant id", tenant_id),
                    ("client id", client_id),
                    ("client secret", client_secret.expose()),
                ]
            }
            Self::AzureKey { access_key } => vec![("access key", access_key.expose())],
            Self::AzureSas { sas_token } => vec![("shared access signature", sas_token.expose())],
            Self::Gcs {
                service_account_key,
            } => vec![("service account key", service_account_key.expose())],
            Self::None => Vec::new(),
            Self::Oci { username, password } => {
                vec![("username", username), ("password", password.expose())]
            }
        }
    }
}

/// Names the kind and nothing else: even a user name is none of a log's business.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Credentials> {
        let text = || "hunter2".to_owned();
        let secret = || Secret::from("hunter2");
        vec![
            Credentials::AwsS3 {
                access_key_id: text(),
                secret_access_key: secret(),
                session_token: Some(secret()),
                region: Some(text()),
            },
            Credentials::AzureClient {
                tenant_id: text(),
                client_id: text(),
                client_secret: secret(),
            },
            Credentials::AzureKey {
                access_key: secret(),
            },
            Credentials::AzureSas {
                sas_token: secret(),
            },
            Credentials::Gcs {
                service_account_key: secret(),
            },
            Credentials::None,
            Credentials::Oci {
                username: text(),
                password: secret(),
            },
        ]
    }

    #[test]
    fn nothing_of_them_is_printed() {
        for credentials in every_kind() {
            assert!(
                !format!("{credentials:?} {credentials:#?}").contains("hunter2"),
                "{credentials:?}"
            );
        }
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "[secret]");
    }

    #[test]
    fn they_come_back_from_json() {
        for credentials in every_kind() {
            let json = serde_json::to_string(&credentials).unwrap();
            let back: Credentials = serde_json::from_str(&json).unwrap();
            assert_eq!(back.fields(), credentials.fields(), "{json}");
            assert_eq!(back.kind(), credentials.kind());
        }
        let json = r#"{"kind":"aws-s3","access-key-id":"id","secret-access-key":"key"}"#;
        let Credentials::AwsS3 {
            region: None,
            session_token: None,
            ..
        } = serde_json::from_str(json).unwrap()
        else {
            panic!("fields that are not needed may be left away")
        };
    }
}
