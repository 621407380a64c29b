//! Where a backend is: one type per shape of location, each with its parser and its printer.
//!
//! What a type prints is what is stored as the backend's `location`, and parses to the same value.
//! A location never holds a secret: a user name, a query or a fragment in it is refused, and such
//! a text is not repeated in the message.

use std::{fmt, path::PathBuf, str::FromStr};

use backstop_core::{Failure, FailureClass};
use url::{Host, Url};

/// A repository of an OCI registry: `[http[s]://]host[:port]/path`.
///
/// Without a scheme it means what Docker means: HTTPS, except for a registry on this machine's own
/// loopback. `docker.io` and its aliases are one registry.
///
/// ```
/// use backstop::probe::Repository;
///
/// let repository: Repository = "index.docker.io/repo".parse().unwrap();
/// assert_eq!(repository.to_string(), "index.docker.io/repo");
/// assert_eq!(repository.registry().as_str(), "https://registry-1.docker.io/");
/// assert_eq!(repository.path(), "library/repo");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repository {
    scheme: Option<&'static str>,
    host: String,
    path: String,
}

impl Repository {
    const DOCKER_HUB: [&str; 4] = [
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "registry.hub.docker.com",
    ];

    /// Returns where the registry's interface is.
    pub fn registry(&self) -> Url {
        let host = if self.is_docker_hub() {
            "registry-1.docker.io"
        } else {
            &self.host
        };
        // RFC 6761: these names mean this machine, on every machine.
        let local = match Url::parse(&format!("https://{host}"))
            .ok()
            .as_ref()
            .and_then(Url::host)
        {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let scheme = self.scheme.unwrap_or(if local { "http" } else { "https" });
        #[expect(
            clippy::expect_used,
            reason = "the parser made a URL of this host before"
        )]
        Url::parse(&format!("{scheme}://{host}/")).expect("a registry's host")
    }

    /// Returns the repository's name at the registry.
    pub fn path(&self) -> String {
        // What Docker's own clients do for the images that Docker publishes.
        if self.is_docker_hub() && !self.path.contains('/') {
            return format!("library/{}", self.path);
        }
        self.path.clone()
    }

    fn is_docker_hub(&self) -> bool {
        Self::DOCKER_HUB.contains(&self.host.as_str())
    }
}

impl FromStr for Repository {
    type Err = Failure;

    fn from_str(location: &str) -> Result<Self, Failure> {
        const SHAPE: &str = "write `registry.example/repository`";
        let location = clean(location, SHAPE)?;
        let (scheme, rest) = split_scheme(location)?;
        let Some((host, path)) = rest.split_once('/') else {
            return Err(wrong(format!(
                "location `{location}` names no repository, {SHAPE}"
            )));
        };
        let names_host = scheme.is_some() || host == "localhost" || host.contains(['.', ':']);
        if !names_host {
            return Err(wrong(format!(
                "location `{location}` names no registry, write `index.docker.io/{location}`"
            )));
        }
        let url = host_url("https", host, location)?;
        let path = path.trim_end_matches('/');
        if path.len() > 255 || !path.split('/').all(is_component) {
            let tag = path
                .rsplit('/')
                .next()
                .is_some_and(|last| last.contains(':'));
            let hint = if tag {
                "leave the tag away"
            } else {
                "use lowercase letters, digits, `.`, `_`, `-` and `/`"
            };
            return Err(wrong(format!(
                "`{path}` is not the name of a repository, {hint}"
            )));
        }
        Ok(Self {
            scheme,
            host: authority(&url),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // HTTPS is what no scheme means, unless the registry is on the loopback.
        let silent = Self {
            scheme: None,
            ..self.clone()
        }
        .registry()
        .scheme()
            == self.scheme.unwrap_or("https");
        match self.scheme {
            Some(scheme) if !silent => write!(f, "{scheme}://{}/{}", self.host, self.path),
            Some(_) | None => write!(f, "{}/{}", self.host, self.path),
        }
    }
}

/// The grammar of a path component in the distribution specification.
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = text
        .split(|c: char| c.is_ascii() && word(c as u8))
        .filter(|separator| !separator.is_empty());
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| word(*byte))
        && bytes.last().is_some_and(|byte| word(*byte))
        && separators
            .into_iter()
            .all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|byte| byte == b'-'))
}

/// A bucket: its name alone at the provider's own endpoint, else `http[s]://host[:port]/name`.
///
/// ```
/// use backstop::probe::Bucket;
///
/// let bucket = Bucket::new(Some("minio.example:9000"), "artifacts").unwrap();
/// assert_eq!(bucket.to_string(), "https://minio.example:9000/artifacts");
/// assert_eq!("artifacts".parse::<Bucket>().unwrap().to_string(), "artifacts");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bucket {
    endpoint: Option<Url>,
    name: String,
}

impl Bucket {
    /// Returns the bucket of that name, at an endpoint other than the provider's own if one is
    /// given.
    ///
    /// # Errors
    ///
    /// [`FailureClass::Configuration`], if the name or the endpoint is malformed.
    pub fn new(endpoint: Option<&str>, name: &str) -> Result<Self, Failure> {
        let name = clean(name, "write the name of a bucket")?;
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = name.as_bytes();
        let well_formed = (3..=222).contains(&bytes.len())
            && bytes.iter().all(|byte| inner(*byte))
            && ends(bytes.first())
            && ends(bytes.last());
        if !well_formed {
            return Err(wrong(format!(
                "`{name}` is not the name of a bucket, use 3 or more letters, digits, `.`, `_` and `-`"
            )));
        }
        Ok(Self {
            endpoint: endpoint.map(parse_endpoint).transpose()?,
            name: name.to_owned(),
        })
    }

    /// Returns the endpoint, if it is not the provider's own.
    pub fn endpoint(&self) -> Option<&Url> {
        self.endpoint.as_ref()
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Bucket {
    type Err = Failure;

    fn from_str(location: &str) -> Result<Self, Failure> {
        let location = clean(location, "write the name of a bucket")?;
        match location.trim_end_matches('/').rsplit_once('/') {
            Some((endpoint, name)) => Self::new(Some(endpoint), name),
            None => Self::new(None, location),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL of a host alone prints with the slash that ends it.
        match &self.endpoint {
            Some(endpoint) => write!(f, "{endpoint}{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A container of Azure Blob Storage: `account/container`, or `http[s]://host[:port]/account/container`
/// at an endpoint other than Azure's own.
///
/// ```
/// use backstop::probe::Container;
///
/// let container: Container = "artifacts/sboms".parse().unwrap();
/// assert_eq!(container.service().as_str(), "https://artifacts.blob.core.windows.net/");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Container {
    endpoint: Option<Url>,
    account: String,
    name: String,
}

impl Container {
    /// Returns the container of that name and account, at an endpoint other than Azure's own if
    /// one is given.
    ///
    /// # Errors
    ///
    /// [`FailureClass::Configuration`], if a name or the endpoint is malformed.
    pub fn new(endpoint: Option<&str>, account: &str, name: &str) -> Result<Self, Failure> {
        let account = clean(account, "write the name of a storage account")?;
        // Emulators print their endpoint with the account at its end.
        let endpoint = endpoint.map(|endpoint| {
            let host = endpoint.trim_end_matches('/');
            let host = host
                .strip_suffix(account)
                .and_then(|host| host.strip_suffix('/'));
            host.unwrap_or(endpoint)
        });
        let name = clean(name, "write the name of a container")?;
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(3..=24).contains(&account.len()) || !account.bytes().all(word) {
            return Err(wrong(format!(
                "`{account}` is not the name of a storage account, use 3 to 24 lowercase letters and digits"
            )));
        }
        let ends = |byte: Option<&u8>| byte.is_some_and(|byte| word(*byte));
        let bytes = name.as_bytes();
        let well_formed = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| word(*byte) || *byte == b'-')
            && ends(bytes.first())
            && ends(bytes.last())
            && !name.contains("--");
        if !well_formed && !matches!(name, "$root" | "$web") {
            return Err(wrong(format!(
                "`{name}` is not the name of a container, use 3 to 63 lowercase letters, digits and single `-`"
            )));
        }
        Ok(Self {
            endpoint: endpoint.map(parse_endpoint).transpose()?,
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Returns the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL under which the account's containers are; it ends in a slash.
    pub fn service(&self) -> Url {
        let account = &self.account;
        let text = match &self.endpoint {
            // Azure's other clouds and custom domains name the account in the host.
            Some(endpoint)
                if endpoint
                    .host_str()
                    .is_some_and(|host| host.starts_with(&format!("{account}."))) =>
            {
                endpoint.to_string()
            }
            Some(endpoint) => format!("{endpoint}{account}/"),
            None => format!("https://{account}.blob.core.windows.net/"),
        };
        #[expect(
            clippy::expect_used,
            reason = "lowercase letters and digits are well formed in a host and a path"
        )]
        Url::parse(&text).expect("an endpoint and an account")
    }
}

impl FromStr for Container {
    type Err = Failure;

    fn from_str(location: &str) -> Result<Self, Failure> {
        const SHAPE: &str = "write `account/container`";
        let location = clean(location, SHAPE)?;
        let Some((rest, name)) = location.trim_end_matches('/').rsplit_once('/') else {
            return Err(wrong(format!(
                "location `{location}` names no container, {SHAPE}"
            )));
        };
        match rest.rsplit_once('/') {
            Some((endpoint, account)) => Self::new(Some(endpoint), account, name),
            None => Self::new(None, rest, name),
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = &self.endpoint {
            write!(f, "{endpoint}")?;
        }
        write!(f, "{}/{}", self.account, self.name)
    }
}

/// A directory of this machine: an absolute path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directory(PathBuf);

impl Directory {
    /// Returns the path.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl FromStr for Directory {
    type Err = Failure;

    fn from_str(location: &str) -> Result<Self, Failure> {
        let path = PathBuf::from(location);
        if location.contains(char::is_control) {
            return Err(wrong(
                "the path holds a line break or another control character".to_owned(),
            ));
        }
        if !path.is_absolute() {
            return Err(wrong(format!(
                "`{location}` is not an absolute path, write it from the root on"
            )));
        }
        Ok(Self(path))
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// Refuses what no location holds, without repeating what may be a secret.
fn clean<'l>(location: &'l str, shape: &str) -> Result<&'l str, Failure> {
    if location.is_empty() {
        return Err(wrong(format!("the location is empty, {shape}")));
    }
    if location.contains(['@', '?', '#']) {
        return Err(wrong(format!(
            "the location holds `@`, `?` or `#`: credentials, digests and queries do not belong there, {shape}"
        )));
    }
    if !location
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\\%\"<>`".contains(&byte))
    {
        return Err(wrong(format!(
            "the location holds a blank or another character that no location has, {shape}"
        )));
    }
    Ok(location)
}

fn split_scheme(location: &str) -> Result<(Option<&'static str>, &str), Failure> {
    match location.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((Some("https"), rest)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok((Some("http"), rest)),
        Some((scheme, _)) => Err(wrong(format!(
            "scheme `{scheme}` is neither `https` nor `http`"
        ))),
        None => Ok((None, location)),
    }
}

/// Parses `[http[s]://]host[:port]`, with HTTPS for no scheme.
fn parse_endpoint(endpoint: &str) -> Result<Url, Failure> {
    let endpoint = clean(endpoint, "write `https://storage.example`")?;
    let (scheme, host) = split_scheme(endpoint)?;
    host_url(
        scheme.unwrap_or("https"),
        host.trim_end_matches('/'),
        endpoint,
    )
}

fn host_url(scheme: &str, host: &str, whole: &str) -> Result<Url, Failure> {
    if host.contains('/') {
        return Err(wrong(format!(
            "endpoint `{whole}` has a path, write a host and a port alone"
        )));
    }
    let url = Url::parse(&format!("{scheme}://{host}/"));
    url.ok().filter(|_| !host.is_empty()).ok_or_else(|| {
        wrong(format!(
            "`{host}` in `{whole}` is not a host, with or without a port"
        ))
    })
}

/// Returns a URL's host with its port, if that is not the scheme's own.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureClass::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_read_as_docker_reads_them() {
        // Location, how it is stored, where the registry is, the name there.
        let table = [
            (
                "index.docker.io/repo",
                "index.docker.io/repo",
                "https://registry-1.docker.io/",
                "library/repo",
            ),
            (
                "docker.io/org/repo",
                "docker.io/org/repo",
                "https://registry-1.docker.io/",
                "org/repo",
            ),
            (
                "registry.example/a/b/c",
                "registry.example/a/b/c",
                "https://registry.example/",
                "a/b/c",
            ),
            (
                "https://registry.example/a",
                "registry.example/a",
                "https://registry.example/",
                "a",
            ),
            (
                "https://registry.example/a/",
                "registry.example/a",
                "https://registry.example/",
                "a",
            ),
            (
                "REGISTRY.example:5000/a",
                "registry.example:5000/a",
                "https://registry.example:5000/",
                "a",
            ),
            (
                "http://registry.example/a",
                "http://registry.example/a",
                "http://registry.example/",
                "a",
            ),
            (
                "http://registry/a",
                "http://registry/a",
                "http://registry/",
                "a",
            ),
            (
                "localhost:5000/a",
                "localhost:5000/a",
                "http://localhost:5000/",
                "a",
            ),
            (
                "http://localhost:5000/a",
                "localhost:5000/a",
                "http://localhost:5000/",
                "a",
            ),
            (
                "https://localhost:5000/a",
                "https://localhost:5000/a",
                "https://localhost:5000/",
                "a",
            ),
            (
                "127.0.0.1:5000/a",
                "127.0.0.1:5000/a",
                "http://127.0.0.1:5000/",
                "a",
            ),
            ("[::1]:5000/a", "[::1]:5000/a", "http://[::1]:5000/", "a"),
            (
                "10.0.0.1:5000/a",
                "10.0.0.1:5000/a",
                "https://10.0.0.1:5000/",
                "a",
            ),
            (
                "r.example/a.b_c__d---e/f",
                "r.example/a.b_c__d---e/f",
                "https://r.example/",
                "a.b_c__d---e/f",
            ),
        ];
        for (location, stored, registry, path) in table {
            let repository: Repository = location.parse().unwrap();
            assert_eq!(repository.to_string(), stored, "{location}");
            assert_eq!(repository.registry().as_str(), registry, "{location}");
            assert_eq!(repository.path(), path, "{location}");
            let again: Repository = stored.parse().unwrap();
            assert_eq!(
                (again.registry(), again.path()),
                (repository.registry(), repository.path()),
                "{location}"
            );
        }
    }

    #[test]
    fn buckets_and_containers_print_what_they_parse() {
        let buckets = [
            ("artifacts", "artifacts"),
            (
                "https://minio.example:9000/artifacts",
                "https://minio.example:9000/artifacts",
            ),
            (
                "minio.example:9000/artifacts",
                "https://minio.example:9000/artifacts",
            ),
            (
                "HTTPS://Minio.example:443/artifacts/",
                "https://minio.example/artifacts",
            ),
            (
                "http://127.0.0.1:9000/artifacts",
                "http://127.0.0.1:9000/artifacts",
            ),
        ];
        for (location, stored) in buckets {
            let bucket: Bucket = location.parse().unwrap();
            assert_eq!(bucket.to_string(), stored, "{location}");
            assert_eq!(stored.parse::<Bucket>().unwrap(), bucket);
        }
        let containers = [
            (
                "acct/cont",
                "acct/cont",
                "https://acct.blob.core.windows.net/",
            ),
            (
                "http://127.0.0.1:10000/acct/cont",
                "http://127.0.0.1:10000/acct/cont",
                "http://127.0.0.1:10000/acct/",
            ),
            (
                "acct.blob.core.usgovcloudapi.net/acct/cont",
                "https://acct.blob.core.usgovcloudapi.net/acct/cont",
                "https://acct.blob.core.usgovcloudapi.net/",
            ),
        ];
        for (location, stored, service) in containers {
            let container: Container = location.parse().unwrap();
            assert_eq!(container.to_string(), stored, "{location}");
            assert_eq!(container.service().as_str(), service, "{location}");
            assert_eq!(stored.parse::<Container>().unwrap(), container);
        }
    }

    #[test]
    fn what_is_malformed_is_refused_with_the_way_out() {
        fn refusal<L: FromStr<Err = Failure>>(location: &str) -> Failure {
            match location.parse::<L>() {
                Err(failure) => failure,
                Ok(_) => panic!("`{location}` was accepted"),
            }
        }
        type Refusal = fn(&str) -> Failure;
        let table: [(Refusal, &str, &str); 20] = [
            (refusal::<Repository>, "", "is empty"),
            (
                refusal::<Repository>,
                "registry.example",
                "names no repository",
            ),
            (
                refusal::<Repository>,
                "registry.example/",
                "not the name of a repository",
            ),
            (
                refusal::<Repository>,
                "org/repo",
                "write `index.docker.io/org/repo`",
            ),
            (
                refusal::<Repository>,
                "ftp://registry.example/a",
                "neither `https` nor `http`",
            ),
            (
                refusal::<Repository>,
                "registry.example/a:latest",
                "leave the tag away",
            ),
            (refusal::<Repository>, "registry.example/A", "lowercase"),
            (
                refusal::<Repository>,
                "registry.example/a//b",
                "not the name of a repository",
            ),
            (
                refusal::<Repository>,
                "registry.example/a..b",
                "not the name of a repository",
            ),
            (
                refusal::<Repository>,
                "registry.example/../a",
                "not the name of a repository",
            ),
            (
                refusal::<Repository>,
                "registry.example:port/a",
                "is not a host",
            ),
            (refusal::<Repository>, "https:///a", "is not a host"),
            (refusal::<Repository>, "registry example/a", "holds a blank"),
            (refusal::<Bucket>, "ab", "not the name of a bucket"),
            (refusal::<Bucket>, "-abc", "not the name of a bucket"),
            (
                refusal::<Bucket>,
                "https://minio.example/prefix/artifacts",
                "has a path",
            ),
            (refusal::<Container>, "cont", "names no container"),
            (
                refusal::<Container>,
                "Acct/cont",
                "not the name of a storage account",
            ),
            (
                refusal::<Container>,
                "acct/co--nt",
                "not the name of a container",
            ),
            (refusal::<Directory>, "relative/path", "from the root on"),
        ];
        for (refusal, location, expected) in table {
            let failure = refusal(location);
            assert_eq!(failure.class, FailureClass::Configuration, "{location}");
            assert!(
                failure.message.contains(expected),
                "{location}: {}",
                failure.message
            );
        }
    }

    #[test]
    fn a_secret_in_a_location_is_not_repeated() {
        for location in [
            "https://user:hunter2@registry.example/a",
            "acct/cont?sv=1&sig=hunter2",
            "a.b/c#hunter2",
        ] {
            let messages = [
                location.parse::<Repository>().unwrap_err().message,
                location.parse::<Bucket>().unwrap_err().message,
                location.parse::<Container>().unwrap_err().message,
            ];
            for message in messages {
                assert!(!message.contains("hunter2"), "{message}");
            }
        }
    }
}
