//! The probe of an object store: S3 and what speaks its language, Azure Blob Storage, Google Cloud
//! Storage.
//!
//! `object_store` signs the requests and nothing more. Its own read and write calls would hide the
//! stores' error codes in prose, delete in batches, which needs other permissions, and could not
//! delete the one version of an object that was written.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use backstop_core::{Failure, FailureClass};
use object_store::{
    ClientOptions, RetryConfig,
    aws::{AwsAuthorizer, AwsCredential},
    azure::{
        AzureAccessKey, AzureAuthorizer, AzureCredential, AzureCredentialProvider,
        MicrosoftAzureBuilder,
    },
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
        HttpResponse, HttpService, StaticCredentialProvider,
    },
    gcp::{GcpCredentialProvider, GoogleCloudStorageBuilder},
};
use reqwest::{
    Method, Request, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue},
};

use super::{
    Passed, Work, configuration,
    credentials::Credentials,
    http::{Answer, Http},
    internal,
    location::{Bucket, Container, authority},
    probe_name,
};

/// The region that S3 has if none is named.
const DEFAULT_REGION: &str = "us-east-1";

/// One probe of an object store.
pub(super) struct Objects {
    http: Http,
    signer: Signer,
    store: Store,
    /// What is written, which is also the last part of the object's name.
    content: String,
    /// What may have to be deleted.
    written: Mutex<Written>,
}

/// What a probe has left in the store so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Written {
    #[default]
    Nothing,
    /// Perhaps an object: the store was asked to keep one.
    Object,
    /// An object, and this query names the one version of it.
    Version(String),
}

/// Where the objects go, and the words for it.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// What an object's name is appended to.
    base: Url,
    /// Such as "bucket `artifacts`".
    place: String,
}

impl Store {
    pub(super) fn s3(bucket: &Bucket, region: Option<&str>) -> Result<Self, Failure> {
        let region = region.unwrap_or(DEFAULT_REGION);
        let base = match bucket.endpoint() {
            Some(endpoint) => format!("{endpoint}{}/", bucket.name()),
            None => format!("https://s3.{region}.{}/{}/", amazon(region), bucket.name()),
        };
        Self::new(&base, format!("bucket `{}`", bucket.name()))
    }

    /// An access point is addressed by its alias, and only as a part of the host's name.
    pub(super) fn access_point(alias: &Bucket, region: Option<&str>) -> Result<Self, Failure> {
        let region = region.unwrap_or(DEFAULT_REGION);
        let base = format!("https://{}.s3.{region}.{}/", alias.name(), amazon(region));
        Self::new(&base, format!("access point `{}`", alias.name()))
    }

    pub(super) fn azure(container: &Container) -> Result<Self, Failure> {
        let base = format!("{}{}/", container.service(), container.name());
        Self::new(&base, format!("container `{}`", container.name()))
    }

    pub(super) fn gcs(bucket: &Bucket) -> Result<Self, Failure> {
        let base = match bucket.endpoint() {
            Some(endpoint) => format!("{endpoint}{}/", bucket.name()),
            None => format!("https://storage.googleapis.com/{}/", bucket.name()),
        };
        Self::new(&base, format!("bucket `{}`", bucket.name()))
    }

    fn new(base: &str, place: String) -> Result<Self, Failure> {
        let base = base
            .parse()
            .map_err(|_| configuration(format!("{place} and its region make no address")))?;
        Ok(Self { base, place })
    }

    pub(super) fn host(&self) -> String {
        authority(&self.base)
    }
}

fn amazon(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}

impl Objects {
    pub(super) fn new(http: Http, signer: Signer, store: Store) -> Self {
        Self {
            http,
            signer,
            store,
            content: probe_name(),
            written: Mutex::default(),
        }
    }

    fn url(&self) -> Result<Url, Failure> {
        self.store
            .base
            .join(&format!(".backstop/{}", self.content))
            .map_err(|_| internal("the probe has no address"))
    }

    /// Sends one signed request and returns the answer, whatever its status.
    async fn ask(&self, method: Method, url: &Url, body: &str) -> Result<Answer, Failure> {
        let malformed = |_| internal("the probe's request is malformed");
        let mut request = HttpRequest::new(HttpRequestBody::from(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = url
            .as_str()
            .parse()
            .map_err(|_| internal("the probe has no address"))?;
        if *request.method() == Method::PUT {
            let length = HeaderValue::from(body.len());
            request.headers_mut().insert(CONTENT_LENGTH, length);
            self.signer.describe(&mut request);
        }
        self.signer.sign(&mut request).await?;
        self.http.send(plain(request).map_err(malformed)?).await
    }

    async fn write_and_read(&self, url: &Url) -> Result<(), Failure> {
        self.set(Written::Object);
        let answer = self.ask(Method::PUT, url, &self.content).await?;
        if !answer.status.is_success() {
            // Only the store's own failure leaves open whether it kept the object.
            if !answer.status.is_server_error() {
                self.set(Written::Nothing);
            }
            return Err(self.store.classify(Act::Write, &answer));
        }
        if let Some(version) = self.signer.version(&answer) {
            self.set(Written::Version(version));
        }
        let answer = self.ask(Method::GET, url, "").await?;
        if !answer.status.is_success() {
            return Err(self.store.classify(Act::Read, &answer));
        }
        if answer.body != self.content.as_bytes() {
            let (place, host) = (&self.store.place, self.store.host());
            let message = format!("{place} on `{host}` gave back other bytes than were written");
            return Err(Failure::new(FailureClass::Integrity, message));
        }
        Ok(())
    }

    /// Deletes what was written. A store that keeps it passes, with a note.
    async fn delete(&self, url: &Url) -> Result<Passed, Failure> {
        let written = self
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Written::Version(query) = written {
            let mut url = url.clone();
            url.set_query(Some(&query));
            let answer = self.ask(Method::DELETE, &url, "").await?;
            if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
                self.set(Written::Nothing);
                return Ok(Passed { note: None });
            }
            // Credentials may delete objects and not versions, which leaves the way below.
        }
        let answer = self.ask(Method::DELETE, url, "").await?;
        let place = &self.store.place;
        let note = match answer.status {
            StatusCode::NOT_FOUND => None,
            status if status.is_success() => {
                let kept = answer.header("x-amz-delete-marker") == Some("true")
                    || answer.header("x-ms-delete-type-permanent") == Some("false");
                kept.then(|| {
                    format!("{place} keeps what is deleted: versioning or soft deletion is on")
                })
            }
            StatusCode::UNAUTHORIZED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS => {
                return Err(self.store.classify(Act::Delete, &answer));
            }
            status if status.is_client_error() => Some(format!(
                "{place} keeps what is written: object lock is on, or the credentials may not delete ({})",
                reason(&answer)
            )),
            _ => return Err(self.store.classify(Act::Delete, &answer)),
        };
        self.set(Written::Nothing);
        Ok(Passed { note })
    }

    fn set(&self, written: Written) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
    }
}

impl Work for Objects {
    async fn run(&self) -> Result<Passed, Failure> {
        let url = self.url()?;
        match self.write_and_read(&url).await {
            Ok(()) => self.delete(&url).await,
            Err(failure) => {
                self.clean_up().await;
                Err(failure)
            }
        }
    }

    fn is_begun(&self) -> bool {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) != Written::Nothing
    }

    async fn clean_up(&self) {
        if self.is_begun()
            && let Ok(url) = self.url()
        {
            // The probe has failed already, and its failure says more than this one would.
            let _ = self.delete(&url).await;
        }
    }
}

/// Makes a request of `object_store` one of ours.
fn plain(request: HttpRequest) -> Result<Request, url::ParseError> {
    let (parts, body) = request.into_parts();
    let mut request = Request::new(parts.method, parts.uri.to_string().parse()?);
    *request.headers_mut() = parts.headers;
    *request.body_mut() = body
        .as_bytes()
        .filter(|bytes| !bytes.is_empty())
        .cloned()
        .map(Into::into);
    Ok(request)
}

/// Proves to a store who asks.
pub(super) enum Signer {
    Azure {
        account: String,
        provider: AzureCredentialProvider,
        tokens: Tokens,
    },
    /// Without a provider: anonymously.
    Gcs {
        provider: Option<GcpCredentialProvider>,
    },
    S3 {
        credential: AwsCredential,
        region: String,
    },
}

impl Signer {
    /// Returns the signer for these credentials, without asking anybody.
    ///
    /// # Errors
    ///
    /// [`FailureClass::Configuration`], if they are malformed.
    pub(super) fn s3(credentials: &Credentials) -> Result<Self, Failure> {
        let Credentials::AwsS3 {
            access_key_id,
            secret_access_key,
            session_token,
            region,
        } = credentials
        else {
            return Err(internal("these are no credentials of S3"));
        };
        let credential = AwsCredential {
            key_id: access_key_id.clone(),
            secret_key: secret_access_key.expose().to_owned(),
            token: session_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
        };
        let region = region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned());
        Ok(Self::S3 { credential, region })
    }

    /// As [`Signer::s3`], for Azure. A token that an application needs is fetched when it signs.
    pub(super) fn azure(
        credentials: &Credentials,
        container: &Container,
        allow_private: bool,
    ) -> Result<Self, Failure> {
        let tokens = Tokens {
            allow_private,
            failure: Arc::default(),
        };
        let fixed = |credential| {
            Ok(Arc::new(StaticCredentialProvider::new(credential)) as AzureCredentialProvider)
        };
        let provider = match credentials {
            Credentials::AzureKey { access_key } => {
                let key = AzureAccessKey::try_new(access_key.expose())
                    .map_err(|_| configuration("the access key is not base64, copy it again"))?;
                fixed(AzureCredential::AccessKey(key))
            }
            Credentials::AzureSas { sas_token } => {
                fixed(AzureCredential::SASToken(signature(sas_token.expose())?))
            }
            Credentials::AzureClient {
                tenant_id,
                client_id,
                client_secret,
            } => MicrosoftAzureBuilder::new()
                .with_account(container.account())
                .with_container_name(container.name())
                .with_client_secret_authorization(client_id, client_secret.expose(), tenant_id)
                .with_retry(no_retries())
                .with_http_connector(tokens.clone())
                .build()
                .map(|azure| azure.credentials().clone())
                .map_err(|_| {
                    configuration("tenant id, client id and client secret do not fit together")
                }),
            Credentials::AwsS3 { .. }
            | Credentials::Gcs { .. }
            | Credentials::None
            | Credentials::Oci { .. } => Err(internal("these are no credentials of Azure")),
        };
        Ok(Self::Azure {
            account: container.account().to_owned(),
            provider: provider?,
            tokens,
        })
    }

    /// As [`Signer::s3`], for Google Cloud Storage; its tokens are made here, without asking.
    pub(super) fn gcs(credentials: &Credentials, allow_private: bool) -> Result<Self, Failure> {
        let Credentials::Gcs {
            service_account_key,
        } = credentials
        else {
            return Ok(Self::Gcs { provider: None });
        };
        let store = GoogleCloudStorageBuilder::new()
            .with_bucket_name("any")
            .with_base_url("https://storage.googleapis.com")
            .with_service_account_key(service_account_key.expose())
            .with_retry(no_retries())
            .with_http_connector(Tokens {
                allow_private,
                failure: Arc::default(),
            })
            .build()
            .map_err(|_| {
                configuration(
                    "the service account key is not the JSON file of a key, download it again",
                )
            })?;
        Ok(Self::Gcs {
            provider: Some(store.credentials().clone()),
        })
    }

    /// Adds what a store wants to know of an object that it is to keep.
    fn describe(&self, request: &mut HttpRequest) {
        match self {
            Self::Azure { .. } => {
                request
                    .headers_mut()
                    .insert("x-ms-blob-type", HeaderValue::from_static("BlockBlob"));
            }
            Self::Gcs { .. } | Self::S3 { .. } => {}
        }
    }

    async fn sign(&self, request: &mut HttpRequest) -> Result<(), Failure> {
        let unsigned = |_| internal("the request cannot be signed");
        match self {
            Self::Azure {
                account,
                provider,
                tokens,
            } => {
                let credential = provider
                    .get_credential()
                    .await
                    .map_err(|_| tokens.failure())?;
                AzureAuthorizer::new(&credential, account)
                    .try_authorize(request)
                    .map_err(unsigned)
            }
            Self::Gcs { provider: None } => Ok(()),
            Self::Gcs {
                provider: Some(provider),
            } => {
                let credential = provider.get_credential().await.map_err(unsigned)?;
                let mut value = HeaderValue::try_from(format!("Bearer {}", credential.bearer))
                    .map_err(|_| internal("the request cannot be signed"))?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
                Ok(())
            }
            Self::S3 { credential, region } => AwsAuthorizer::new(credential, "s3", region)
                .try_authorize(request, None)
                .map_err(unsigned),
        }
    }

    /// Returns the query that names the version of an object that was just written.
    fn version(&self, answer: &Answer) -> Option<String> {
        let (header, parameter) = match self {
            // Azure does not delete the newest version by its name.
            Self::Azure { .. } => return None,
            Self::Gcs { .. } => ("x-goog-generation", "generation"),
            Self::S3 { .. } => ("x-amz-version-id", "versionId"),
        };
        let version = answer.header(header).filter(|version| *version != "null")?;
        Some(
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair(parameter, version)
                .finish(),
        )
    }
}

/// Returns the parts of a shared access signature.
fn signature(text: &str) -> Result<Vec<(String, String)>, Failure> {
    // A blank has no place in one, so a plus sign is meant where one is read.
    let query = text.trim_start_matches('?').replace('+', "%2B");
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    if pairs
        .iter()
        .any(|(name, value)| name == "sig" && !value.is_empty())
    {
        return Ok(pairs);
    }
    Err(configuration(
        "the shared access signature has no `sig` part, copy the whole token",
    ))
}

fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// Lets `object_store` fetch the token of an application, through our own fence.
#[derive(Clone)]
pub(super) struct Tokens {
    allow_private: bool,
    /// Why the last token was not fetched; `object_store` would say it in prose.
    failure: Arc<Mutex<Option<Failure>>>,
}

impl Tokens {
    fn failure(&self) -> Failure {
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        failure.unwrap_or_else(|| {
            Failure::new(FailureClass::Server, "the sign-in service gave no token")
        })
    }

    async fn fetch(&self, request: HttpRequest) -> Result<Answer, Failure> {
        let request = plain(request).map_err(|_| internal("the token's request is malformed"))?;
        let store = Store {
            base: request.url().clone(),
            place: "the application".to_owned(),
        };
        let answer = Http::new(self.allow_private).send(request).await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(store.classify(Act::SignIn, &answer))
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl HttpConnector for Tokens {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Tokens {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match self.fetch(request).await {
            Ok(answer) => Ok(HttpResponse::new(answer.body.into())),
            Err(failure) => {
                let error = HttpError::new(
                    HttpErrorKind::Unknown,
                    std::io::Error::other(failure.message.clone()),
                );
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                Err(error)
            }
        }
    }
}

/// What a store was asked to do when it said no.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Delete,
    Read,
    SignIn,
    Write,
}

/// The stores' error codes that say more than the status does. They come from the error tables of
/// S3, Azure Blob Storage, Google Cloud Storage and Microsoft's sign-in, and from MinIO.
const CODES: [(FailureClass, &[&str]); 8] = [
    (
        FailureClass::Auth,
        &[
            "AuthenticationFailed",
            "AuthenticationRequired",
            "ExpiredToken",
            "InvalidAccessKeyId",
            "InvalidAuthenticationInfo",
            "InvalidClientTokenId",
            "InvalidSecurity",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingSecurityHeader",
            "NoAuthenticationInformation",
            "NotSignedUp",
            "SignatureDoesNotMatch",
            "TokenRefreshRequired",
            "invalid_client",
            "invalid_grant",
            "invalid_request",
            "unauthorized_client",
        ],
    ),
    (
        FailureClass::Integrity,
        &[
            "BadDigest",
            "InvalidDigest",
            "Md5Mismatch",
            "XAmzContentSHA256Mismatch",
        ],
    ),
    // The store compares its clock with the one that signed the request, which is ours.
    (FailureClass::Internal, &["RequestTimeTooSkewed"]),
    (
        FailureClass::NotFound,
        &[
            "ContainerBeingDeleted",
            "ContainerNotFound",
            "NoSuchBucket",
            "ResourceNotFound",
        ],
    ),
    (
        FailureClass::Permission,
        &[
            "AccessDenied",
            "AccountIsDisabled",
            "AllAccessDisabled",
            "MethodNotAllowed",
            "UserProjectAccessDenied",
        ],
    ),
    (
        FailureClass::Quota,
        &[
            "InsufficientStorage",
            "QuotaExceeded",
            "XMinioAdminBucketQuotaExceeded",
            "XMinioStorageFull",
        ],
    ),
    (
        FailureClass::Server,
        &[
            "InternalError",
            "OperationAborted",
            "OperationTimedOut",
            "ServiceUnavailable",
        ],
    ),
    (
        FailureClass::Throttled,
        &[
            "RequestLimitExceeded",
            "ServerBusy",
            "SlowDown",
            "SlowDownRead",
            "SlowDownWrite",
            "Throttling",
            "ThrottlingException",
            "TooManyRequests",
            "rateLimitExceeded",
            "userRateLimitExceeded",
        ],
    ),
];

impl Store {
    /// Makes a failure of an answer that is none of success.
    fn classify(&self, act: Act, answer: &Answer) -> Failure {
        let (host, place) = (self.host(), &self.place);
        let code = code(answer);
        let reason = reason(answer);
        let known = code
            .as_deref()
            .and_then(|code| CODES.iter().find(|(_, codes)| codes.contains(&code)));
        let class = known.map_or_else(|| by_status(act, answer.status), |(class, _)| *class);
        let doing = match act {
            Act::Delete => "delete from",
            Act::Read => "read from",
            Act::SignIn => "sign in as",
            Act::Write => "write to",
        };
        let message = match class {
            FailureClass::Auth => {
                format!("`{host}` refused the credentials ({reason}), check or renew them")
            }
            FailureClass::Configuration => self.misdirected(answer),
            FailureClass::Integrity => {
                format!("{place} on `{host}` does not keep what is written ({reason})")
            }
            FailureClass::Internal => {
                format!("the clock of this host is wrong, says `{host}` ({reason})")
            }
            FailureClass::NotFound => {
                format!("{place} does not exist on `{host}`, create it first")
            }
            FailureClass::Permission => {
                format!("the credentials may not {doing} {place} on `{host}` ({reason})")
            }
            FailureClass::Quota => format!(
                "{place} on `{host}` is full ({reason}), make room or have the quota raised"
            ),
            FailureClass::Throttled => format!("`{host}` asks for fewer requests ({reason})"),
            FailureClass::Timeout => format!("`{host}` gave up waiting ({reason})"),
            FailureClass::Network | FailureClass::Secrets | FailureClass::Server => {
                format!("`{host}` failed to {doing} {place} ({reason})")
            }
        };
        Failure::new(class, message)
    }

    /// Says what to change where the request went to the wrong place.
    fn misdirected(&self, answer: &Answer) -> String {
        let (host, place) = (self.host(), &self.place);
        let region = answer
            .header("x-amz-bucket-region")
            .map(str::to_owned)
            .or_else(|| element(&answer.body, "Region"));
        if let Some(region) = region.filter(|region| is_word(region)) {
            return format!("{place} is in region `{region}`, name that one");
        }
        if answer.status.is_redirection() {
            return match answer.location(&self.base).map(|url| authority(&url)) {
                Some(other) => format!(
                    "`{host}` redirects to `{other}`, name that endpoint if it is the one meant"
                ),
                None => format!("`{host}` redirects, name the endpoint of {place}"),
            };
        }
        format!(
            "`{host}` does not accept what it is asked for {place} ({})",
            reason(answer)
        )
    }
}

fn by_status(act: Act, status: StatusCode) -> FailureClass {
    match status.as_u16() {
        401 => FailureClass::Auth,
        403 | 405 | 423 => FailureClass::Permission,
        404 | 410 if act == Act::Read => FailureClass::Integrity,
        404 | 410 => FailureClass::NotFound,
        408 => FailureClass::Timeout,
        409 => FailureClass::Server,
        429 => FailureClass::Throttled,
        507 => FailureClass::Quota,
        300..=499 => FailureClass::Configuration,
        _ => FailureClass::Server,
    }
}

/// Returns the code of an error, or else its status, for a message.
fn reason(answer: &Answer) -> String {
    code(answer).map_or_else(
        || format!("status {}", answer.status.as_u16()),
        |code| format!("`{code}`"),
    )
}

/// Returns the code that a store gives an error, if it looks like one.
fn code(answer: &Answer) -> Option<String> {
    let json = || {
        let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        let error = body.get("error")?;
        let text = error
            .as_str()
            .or_else(|| error.pointer("/errors/0/reason")?.as_str())?;
        Some(text.to_owned())
    };
    let code = answer
        .header("x-ms-error-code")
        .map(str::to_owned)
        .or_else(|| element(&answer.body, "Code"))
        .or_else(json)
        .filter(|code| is_word(code))?;
    // Azure's own emulator confuses the two, and only its prose tells them apart.
    let unknown = || {
        element(&answer.body, "Message").is_some_and(|text| text.contains("failed to authenticate"))
    };
    Some(if code == "AuthorizationFailure" && unknown() {
        "AuthenticationFailed".to_owned()
    } else {
        code
    })
}

/// Returns the text of the first XML element of that name.
fn element(body: &[u8], name: &str) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(text, _)| text.trim().to_owned())
}

fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn store() -> Store {
        Store::s3(&"https://s3.example/artifacts".parse().unwrap(), None).unwrap()
    }

    #[test]
    fn answers_have_classes() {
        let xml = |code: &str| {
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>")
        };
        use FailureClass::*;
        let table = [
            (Auth, Act::Write, 403, xml("InvalidAccessKeyId")),
            (Auth, Act::Write, 403, xml("SignatureDoesNotMatch")),
            (Auth, Act::Write, 400, xml("ExpiredToken")),
            (Auth, Act::Write, 403, xml("AuthenticationFailed")),
            (Auth, Act::Write, 401, String::new()),
            (
                Auth,
                Act::SignIn,
                400,
                r#"{"error":"invalid_grant"}"#.to_owned(),
            ),
            (
                Auth,
                Act::SignIn,
                401,
                r#"{"error":"invalid_client","error_description":"secret"}"#.to_owned(),
            ),
            (Permission, Act::Write, 403, xml("AccessDenied")),
            (
                Permission,
                Act::Write,
                403,
                xml("AuthorizationPermissionMismatch"),
            ),
            (Permission, Act::Read, 403, String::new()),
            (Permission, Act::Write, 405, String::new()),
            (NotFound, Act::Write, 404, xml("NoSuchBucket")),
            (NotFound, Act::Write, 404, String::new()),
            (NotFound, Act::Read, 404, xml("ContainerNotFound")),
            (NotFound, Act::Write, 409, xml("ContainerBeingDeleted")),
            (Integrity, Act::Read, 404, xml("NoSuchKey")),
            (Integrity, Act::Write, 400, xml("BadDigest")),
            (Throttled, Act::Write, 503, xml("SlowDown")),
            (Throttled, Act::Write, 503, xml("ServerBusy")),
            (Throttled, Act::Write, 429, String::new()),
            (Quota, Act::Write, 507, String::new()),
            (Quota, Act::Write, 403, xml("QuotaExceeded")),
            (Server, Act::Write, 500, xml("InternalError")),
            (Server, Act::Write, 503, "<html>gateway</html>".to_owned()),
            (Timeout, Act::Write, 408, String::new()),
            (Internal, Act::Write, 403, xml("RequestTimeTooSkewed")),
            (
                Configuration,
                Act::Write,
                400,
                xml("AuthorizationHeaderMalformed"),
            ),
            (Configuration, Act::Write, 302, String::new()),
        ];
        for (class, act, status, body) in table {
            let failure = store().classify(act, &answer(status, &[], &body));
            assert_eq!(failure.class, class, "{status} {body}: {}", failure.message);
            assert!(
                failure.message.contains("s3.example") || failure.message.contains("region"),
                "{}",
                failure.message
            );
            assert!(
                !failure.message.contains(['<', '\n']) && !failure.message.contains("secret"),
                "{}",
                failure.message
            );
        }
    }

    #[test]
    fn a_wrong_direction_comes_with_the_right_one() {
        let table = [
            (
                answer(301, &[("x-amz-bucket-region", "eu-west-1")], ""),
                "is in region `eu-west-1`",
            ),
            (
                answer(
                    400,
                    &[],
                    "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
                ),
                "`eu-west-1`",
            ),
            (
                answer(
                    307,
                    &[("location", "http://169.254.169.254/x?sig=hunter2")],
                    "",
                ),
                "redirects to `169.254.169.254`",
            ),
            (
                answer(307, &[], ""),
                "name the endpoint of bucket `artifacts`",
            ),
            (
                answer(400, &[("x-ms-error-code", "OutOfRangeInput")], ""),
                "`OutOfRangeInput`",
            ),
        ];
        for (answer, expected) in table {
            let failure = store().classify(Act::Write, &answer);
            assert_eq!(failure.class, FailureClass::Configuration);
            assert!(failure.message.contains(expected), "{}", failure.message);
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
    }

    #[test]
    fn a_code_that_is_prose_is_not_repeated() {
        for body in [
            "<Code>two words</Code>",
            "<Code></Code>",
            r#"{"error":"a\nb"}"#,
            "{",
            "<Code>open",
        ] {
            assert_eq!(code(&answer(400, &[], body)), None, "{body}");
        }
        assert_eq!(
            code(&answer(
                403,
                &[],
                r#"{"error":{"errors":[{"reason":"forbidden"}]}}"#
            ))
            .unwrap(),
            "forbidden"
        );
    }

    #[test]
    fn stores_have_addresses() {
        let base = |store: Result<Store, Failure>| store.unwrap().base.to_string();
        let bucket: Bucket = "artifacts".parse().unwrap();
        let own: Bucket = "http://127.0.0.1:9000/artifacts".parse().unwrap();
        assert_eq!(
            base(Store::s3(&bucket, None)),
            "https://s3.us-east-1.amazonaws.com/artifacts/"
        );
        assert_eq!(
            base(Store::s3(&bucket, Some("cn-north-1"))),
            "https://s3.cn-north-1.amazonaws.com.cn/artifacts/"
        );
        assert_eq!(
            base(Store::s3(&own, Some("eu-west-1"))),
            "http://127.0.0.1:9000/artifacts/"
        );
        assert_eq!(
            base(Store::access_point(
                &"ap-x-s3alias".parse().unwrap(),
                Some("eu-west-1")
            )),
            "https://ap-x-s3alias.s3.eu-west-1.amazonaws.com/"
        );
        assert_eq!(
            base(Store::gcs(&bucket)),
            "https://storage.googleapis.com/artifacts/"
        );
        assert_eq!(
            base(Store::azure(&"acct/cont".parse().unwrap())),
            "https://acct.blob.core.windows.net/cont/"
        );
    }

    #[test]
    fn a_signature_is_read_in_both_spellings() {
        for text in ["?sv=2023&sig=a%2Bb%3D", "sv=2023&sig=a+b="] {
            assert_eq!(
                signature(text).unwrap()[1],
                ("sig".to_owned(), "a+b=".to_owned())
            );
        }
        assert_eq!(
            signature("sv=2023").unwrap_err().class,
            FailureClass::Configuration
        );
    }

    #[test]
    fn the_version_that_was_written_is_the_one_deleted() {
        let signer = Signer::S3 {
            credential: AwsCredential {
                key_id: String::new(),
                secret_key: String::new(),
                token: None,
            },
            region: String::new(),
        };
        let version = |id| signer.version(&answer(200, &[("x-amz-version-id", id)], ""));
        assert_eq!(version("a+b/c"), Some("versionId=a%2Bb%2Fc".to_owned()));
        assert_eq!(version("null"), None);
        let signer = Signer::Gcs { provider: None };
        assert_eq!(
            signer.version(&answer(200, &[("x-goog-generation", "7")], "")),
            Some("generation=7".to_owned())
        );
    }
}
