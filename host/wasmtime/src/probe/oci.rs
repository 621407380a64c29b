//! The probe of a repository of an OCI registry: an upload is begun and cancelled (HOST-3).
//!
//! More would leave something behind: the specification does not oblige a registry to delete
//! blobs, and most do not. A registry that keeps the upload it was asked to cancel discards it
//! some time later by itself.
//!
//! Written on the HTTP client alone: `oci-client` makes a client of its own, which takes neither a
//! resolver nor a rule for redirects, so HOST-4 could not hold.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use backstop_core::{Failure, FailureClass};
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Method, Request, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Passed, Work, configuration,
    credentials::{Credentials, Secret},
    http::{Answer, Http},
    internal,
    location::{Repository, authority},
};

/// One probe of a repository.
pub(super) struct Registry {
    http: Http,
    repository: Repository,
    account: Option<(String, Secret)>,
    /// The upload that was begun and not yet cancelled.
    upload: Mutex<Option<Upload>>,
}

#[derive(Clone)]
struct Upload {
    url: Url,
    pass: Pass,
}

/// What a request shows to be let in, and who may see it.
#[derive(Clone)]
enum Pass {
    Basic,
    Bearer(Secret),
    Nothing,
}

impl Registry {
    pub(super) fn new(http: Http, repository: Repository, credentials: &Credentials) -> Self {
        let account = match credentials {
            Credentials::Oci { username, password } => Some((username.clone(), password.clone())),
            Credentials::AwsS3 { .. }
            | Credentials::AzureClient { .. }
            | Credentials::AzureKey { .. }
            | Credentials::AzureSas { .. }
            | Credentials::Gcs { .. }
            | Credentials::None => None,
        };
        Self {
            http,
            repository,
            account,
            upload: Mutex::new(None),
        }
    }

    async fn begin(&self) -> Result<(), Failure> {
        let registry = self.repository.registry();
        let address = |path: &str| {
            registry
                .join(path)
                .map_err(|_| internal("the registry has no address"))
        };
        let mut pass = Pass::Nothing;

        // The door: it tells a registry from another server, and how to prove who one is.
        let (door, _) = self
            .ask(Method::GET, &address("v2/")?, &mut pass, "pull,push")
            .await?;
        if !door.status.is_success() {
            return Err(self.refusal(&door, Step::Door));
        }
        let uploads = address(&format!("v2/{}/blobs/uploads/", self.repository.path()))?;
        let (begun, url) = self
            .ask(Method::POST, &uploads, &mut pass, "pull,push")
            .await?;
        if !begun.status.is_success() {
            return Err(self.refusal(&begun, Step::Upload));
        }
        let Some(session) = begun.location(&url) else {
            let message = format!(
                "`{}` begins an upload and does not say where",
                authority(&url)
            );
            return Err(Failure::new(FailureClass::Server, message));
        };
        *self.upload.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Upload { url: session, pass });
        Ok(())
    }

    async fn cancel(&self) -> Result<Passed, Failure> {
        let Some(Upload { url, mut pass }) = self.upload() else {
            return Ok(Passed { note: None });
        };
        let kept = |reason: String| {
            let host = authority(&self.repository.registry());
            Passed {
                note: Some(format!(
                    "`{host}` does not cancel uploads ({reason}), it discards them in time"
                )),
            }
        };
        // A registry must not be able to have us delete things elsewhere.
        if url.origin() != self.repository.registry().origin() {
            return Ok(kept(format!("they are at `{}`", authority(&url))));
        }
        let asked = self
            .ask(Method::DELETE, &url, &mut pass, "pull,push,delete")
            .await;
        let passed = match asked {
            Ok((answer, _)) if answer.status.is_success() => Passed { note: None },
            Ok((answer, _)) if answer.status == StatusCode::NOT_FOUND => Passed { note: None },
            Ok((answer, _)) => kept(reason(&answer)),
            // The registry let an upload begin, so this is about deleting alone.
            Err(Failure {
                class: class @ (FailureClass::Auth | FailureClass::Permission),
                ..
            }) => kept(format!("`{}`", class.code())),
            Err(failure) => return Err(failure),
        };
        *self.upload.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(passed)
    }

    fn upload(&self) -> Option<Upload> {
        self.upload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends a request, proving who asks if the registry wants to know, and returns the answer and
    /// the URL that gave it.
    async fn ask(
        &self,
        method: Method,
        url: &Url,
        pass: &mut Pass,
        actions: &str,
    ) -> Result<(Answer, Url), Failure> {
        let (answer, from) = self.send(method.clone(), url, pass).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok((answer, from));
        }
        self.stays(url, &from)?;
        let challenge = Challenge::of(&answer);
        *pass = match &challenge {
            Some(Challenge::Bearer { realm, service }) => {
                Pass::Bearer(self.token(realm, service.as_deref(), actions).await?)
            }
            Some(Challenge::Basic) if self.account.is_some() => Pass::Basic,
            Some(Challenge::Basic) | None => return Err(self.unauthorized(&answer)),
        };
        let (answer, from) = self.send(method, url, pass).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok((answer, from));
        }
        self.stays(url, &from)?;
        // A registry that gave a token knows who asks: this is about what he may do.
        Err(match (&challenge, &self.account) {
            (Some(Challenge::Bearer { .. }), Some(_)) => self.denied(&answer),
            (Some(Challenge::Basic | Challenge::Bearer { .. }) | None, _) => {
                self.unauthorized(&answer)
            }
        })
    }

    /// Refuses to prove anything to a host that the request was only redirected to.
    fn stays(&self, url: &Url, from: &Url) -> Result<(), Failure> {
        if from.origin() == self.repository.registry().origin() {
            return Ok(());
        }
        let (here, there) = (authority(url), authority(from));
        Err(configuration(format!(
            "`{here}` redirects to `{there}`, name that registry if it is the one meant"
        )))
    }

    /// Sends a request, and again where it is redirected to. What it shows stays with the host that
    /// it is meant for.
    async fn send(&self, method: Method, url: &Url, pass: &Pass) -> Result<(Answer, Url), Failure> {
        const REDIRECTS: usize = 5;
        let mut method = method;
        let mut url = url.clone();
        let mut authorization = self.authorization(pass)?;
        for _ in 0..=REDIRECTS {
            let mut request = Request::new(method.clone(), url.clone());
            if method == Method::POST {
                request
                    .headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            if let Some(value) = &authorization {
                request.headers_mut().insert(AUTHORIZATION, value.clone());
            }
            let answer = self.http.send(request).await?;
            let next = answer
                .location(&url)
                .filter(|_| matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308));
            let Some(next) = next else {
                return Ok((answer, url));
            };
            if next.origin() != url.origin() {
                authorization = None;
            }
            if answer.status == StatusCode::SEE_OTHER {
                method = Method::GET;
            }
            url = next;
        }
        Err(configuration(format!(
            "`{}` redirects in circles",
            authority(&url)
        )))
    }

    fn authorization(&self, pass: &Pass) -> Result<Option<HeaderValue>, Failure> {
        let text = match (pass, &self.account) {
            (Pass::Basic, Some((username, password))) => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
                Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())))
            }
            (Pass::Bearer(token), _) => Zeroizing::new(format!("Bearer {}", token.expose())),
            (Pass::Basic, None) | (Pass::Nothing, _) => return Ok(None),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            configuration("the registry's token has a character in it that none has")
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Fetches a token for this repository from the service that the registry named.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        actions: &str,
    ) -> Result<Secret, Failure> {
        let registry = authority(&self.repository.registry());
        let broken =
            |what: &str| Failure::new(FailureClass::Server, format!("`{registry}` {what}"));
        let mut url =
            Url::parse(realm).map_err(|_| broken("names a token service that is no address"))?;
        // Whoever speaks to a registry in secret does not tell its token service in the open.
        if self.repository.registry().scheme() == "https" && url.scheme() != "https" {
            return Err(broken("names a token service without encryption"));
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            // Ours, not the one of the challenge: the door's challenge does not know the repository.
            query.append_pair(
                "scope",
                &format!("repository:{}:{actions}", self.repository.path()),
            );
            if let Some((username, _)) = &self.account {
                query.append_pair("account", username);
            }
        }
        let pass = if self.account.is_some() {
            Pass::Basic
        } else {
            Pass::Nothing
        };
        let (answer, from) = self.send(Method::GET, &url, &pass).await?;
        match answer.status {
            status if status.is_success() => {}
            // Registries that know no other refusal of a password here say that it is forbidden;
            // what a known account may not do shows in the use of its token.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
                return Err(self.unauthorized(&answer));
            }
            _ => {
                return Err(refusal(
                    &answer,
                    &authority(&from),
                    &self.repository.path(),
                    Step::Token,
                ));
            }
        }
        let token: Token = serde_json::from_slice(&answer.body)
            .map_err(|_| broken("names a token service that gives no token"))?;
        token
            .token
            .or(token.access_token)
            .ok_or_else(|| broken("names a token service that gives no token"))
    }

    fn unauthorized(&self, answer: &Answer) -> Failure {
        let host = authority(&self.repository.registry());
        let message = match &self.account {
            Some(_) => format!(
                "`{host}` refused the username or password ({})",
                reason(answer)
            ),
            None => format!("`{host}` asks for a username and a password, give both"),
        };
        Failure::new(FailureClass::Auth, message)
    }

    fn denied(&self, answer: &Answer) -> Failure {
        let host = authority(&self.repository.registry());
        let path = self.repository.path();
        Failure::new(
            FailureClass::Permission,
            format!(
                "the account may not push to `{path}` on `{host}` ({})",
                reason(answer)
            ),
        )
    }

    fn refusal(&self, answer: &Answer, step: Step) -> Failure {
        refusal(
            answer,
            &authority(&self.repository.registry()),
            &self.repository.path(),
            step,
        )
    }
}

impl Work for Registry {
    async fn run(&self) -> Result<Passed, Failure> {
        self.begin().await?;
        self.cancel().await
    }

    fn is_begun(&self) -> bool {
        self.upload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    async fn clean_up(&self) {
        // The probe has failed already, and its failure says more than this one would.
        let _ = self.cancel().await;
    }
}

/// Which request was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Door,
    Token,
    Upload,
}

/// Makes a failure of an answer that is none of success.
fn refusal(answer: &Answer, host: &str, path: &str, step: Step) -> Failure {
    let reason = reason(answer);
    let is = |code: &str| codes(answer).iter().any(|other| other == code);
    let (class, message) = match answer.status.as_u16() {
        429 => (
            FailureClass::Throttled,
            format!("`{host}` asks for fewer requests ({reason})"),
        ),
        _ if is("TOOMANYREQUESTS") => (
            FailureClass::Throttled,
            format!("`{host}` asks for fewer requests ({reason})"),
        ),
        507 => (
            FailureClass::Quota,
            format!("`{host}` has no room left ({reason}), make room on it"),
        ),
        500..=599 => (FailureClass::Server, format!("`{host}` failed ({reason})")),
        408 => (
            FailureClass::Timeout,
            format!("`{host}` gave up waiting ({reason})"),
        ),
        404 if step == Step::Door => (
            FailureClass::Configuration,
            format!("`{host}` is not a registry, it has nothing at `/v2/`"),
        ),
        _ if is("NAME_UNKNOWN") => (
            FailureClass::NotFound,
            format!("repository `{path}` does not exist on `{host}`, create it first"),
        ),
        _ if is("NAME_INVALID") => (
            FailureClass::Configuration,
            format!("`{host}` does not accept the name `{path}`"),
        ),
        405 => (
            FailureClass::Permission,
            format!("`{host}` takes no uploads to `{path}`, it is read-only ({reason})"),
        ),
        _ if is("UNSUPPORTED") => (
            FailureClass::Permission,
            format!("`{host}` takes no uploads to `{path}`, it is read-only ({reason})"),
        ),
        403 => (
            FailureClass::Permission,
            format!("the account may not push to `{path}` on `{host}` ({reason})"),
        ),
        _ if is("DENIED") => (
            FailureClass::Permission,
            format!("the account may not push to `{path}` on `{host}` ({reason})"),
        ),
        404 | 410 => (
            FailureClass::NotFound,
            format!("repository `{path}` does not exist on `{host}`, create it first"),
        ),
        300..=499 => (
            FailureClass::Configuration,
            format!("`{host}` does not accept what a registry accepts ({reason})"),
        ),
        _ => (
            FailureClass::Server,
            format!("`{host}` does not answer like a registry ({reason})"),
        ),
    };
    Failure::new(class, message)
}

/// Returns the code of an error, or else its status, for a message.
fn reason(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    codes(answer)
        .first()
        .map_or_else(|| format!("status {status}"), |code| format!("`{code}`"))
}

/// Returns the error codes of the distribution specification in an answer.
fn codes(answer: &Answer) -> Vec<String> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        code: String,
    }
    let Ok(Errors { errors }) = serde_json::from_slice(&answer.body) else {
        return Vec::new();
    };
    let known = |code: &String| {
        code.len() <= 64
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    errors
        .into_iter()
        .map(|entry| entry.code)
        .filter(known)
        .collect()
}

#[derive(Deserialize)]
struct Token {
    token: Option<Secret>,
    access_token: Option<Secret>,
}

/// How a registry wants to be told who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads the challenges of an answer; a token is preferred to the password itself.
    fn of(answer: &Answer) -> Option<Self> {
        let values = answer
            .headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let challenges: Vec<_> = values.flat_map(parse).collect();
        let bearer = challenges
            .iter()
            .find(|challenge| matches!(challenge, Self::Bearer { .. }));
        bearer.or(challenges.first()).cloned()
    }
}

/// Reads the value of a `WWW-Authenticate` header (RFC 9110): schemes, each with parameters, with
/// commas between all of them. Schemes that nobody knows are skipped.
fn parse(value: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        let Some(after) = after.trim_start().strip_prefix('=') else {
            schemes.push((word.to_owned(), Vec::new()));
            rest = after;
            continue;
        };
        let after = after.trim_start();
        let (text, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find([' ', '\t', ',']).unwrap_or(after.len());
                let (text, after) = after.split_at(end);
                (text.to_owned(), after)
            }
        };
        if let Some((_, parameters)) = schemes.last_mut() {
            parameters.push((word.to_ascii_lowercase(), text));
        }
        rest = after;
    }
    let challenge = |(scheme, parameters): (String, Vec<(String, String)>)| {
        let find = |name: &str| {
            parameters
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, text)| text.clone())
        };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Some(Challenge::Basic),
            "bearer" => Some(Challenge::Bearer {
                realm: find("realm")?,
                service: find("service"),
            }),
            _ => None,
        }
    };
    schemes.into_iter().filter_map(challenge).collect()
}

/// Reads a quoted text up to its closing quote, and returns what follows too.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(next) = chars.next() {
        match next {
            '"' => break,
            '\\' => text.extend(chars.next()),
            next => text.push(next),
        }
    }
    (text, chars.as_str())
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::Nothing => "Nothing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_in_every_shape() {
        let bearer = |realm: &str, service: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        };
        let table = [
            (r#"Basic realm="r""#, vec![Challenge::Basic]),
            ("basic", vec![Challenge::Basic]),
            (
                r#"Bearer realm="https://a.example/token",service="reg",scope="repository:x:pull,push""#,
                vec![bearer("https://a.example/token", Some("reg"))],
            ),
            (
                r#"BEARER Realm = "https://a.example/t" , error="insufficient_scope""#,
                vec![bearer("https://a.example/t", None)],
            ),
            (
                r#"Bearer realm=https://a.example/t,service=s"#,
                vec![bearer("https://a.example/t", Some("s"))],
            ),
            (
                r#"Negotiate, Basic realm="a, \"b\"", Bearer realm="https://a.example/t""#,
                vec![Challenge::Basic, bearer("https://a.example/t", None)],
            ),
            (r#"Negotiate abc=="#, vec![]),
            (r#"Bearer service="s""#, vec![]),
            (r#"Bearer realm="open"#, vec![bearer("open", None)]),
            ("", vec![]),
            (" , = ,", vec![]),
        ];
        for (value, expected) in table {
            assert_eq!(parse(value), expected, "{value}");
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: Default::default(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn refusals_have_classes() {
        let json =
            |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"secret <b>"}}]}}"#);
        use FailureClass::*;
        let table = [
            (Permission, Step::Upload, 403, json("DENIED")),
            (Permission, Step::Upload, 400, json("DENIED")),
            (Permission, Step::Upload, 405, json("UNSUPPORTED")),
            (Permission, Step::Upload, 405, String::new()),
            (NotFound, Step::Upload, 404, json("NAME_UNKNOWN")),
            (NotFound, Step::Upload, 404, String::new()),
            (Configuration, Step::Upload, 400, json("NAME_INVALID")),
            (Configuration, Step::Door, 404, "<html>".to_owned()),
            (Configuration, Step::Upload, 400, String::new()),
            (Throttled, Step::Door, 429, json("TOOMANYREQUESTS")),
            (Throttled, Step::Upload, 403, json("TOOMANYREQUESTS")),
            (Quota, Step::Upload, 507, String::new()),
            (Server, Step::Door, 503, "<html>".to_owned()),
            (Server, Step::Token, 500, String::new()),
            (Timeout, Step::Upload, 408, String::new()),
        ];
        for (class, step, status, body) in table {
            let failure = refusal(&answer(status, &body), "registry.example", "a/b", step);
            assert_eq!(failure.class, class, "{status} {body}: {}", failure.message);
            assert!(
                failure.message.contains("`registry.example`"),
                "{}",
                failure.message
            );
            assert!(
                !failure.message.contains("secret") && !failure.message.contains('<'),
                "{}",
                failure.message
            );
        }
    }
}
