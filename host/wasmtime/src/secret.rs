//! How credentials are sealed before they are stored (HOST-1).
//!
//! A [`Sealer`] turns credentials into bytes that a [`Store`] may keep, and back. What is sealed is
//! bound to its backend and generation: bytes that somebody moved to another row do not open.
//!
//! ```
//! use backstop::secret::{AgeSealer, SecretContext, Sealer};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let sealer = AgeSealer::generate();
//! let context = SecretContext::new("acme", "id-1", 1);
//! let sealed = sealer.seal(&context, b"password").await?;
//! assert_eq!(*sealer.open(&context, &sealed).await?, *b"password");
//!
//! let rotated = SecretContext::new("acme", "id-1", 2);
//! assert!(sealer.open(&rotated, &sealed).await.is_err());
//! # Ok::<_, backstop::secret::SecretError>(())
//! # }).unwrap();
//! ```

use std::{io, path::PathBuf};

use async_trait::async_trait;
use backstop_core::BackendId;
use zeroize::Zeroizing;

use crate::store::{Store, StoreError};

mod age;
pub use self::age::AgeSealer;

mod key_file;

/// Seals credentials, and opens what it sealed.
///
/// Asynchronous, because the key may be elsewhere: in a store like Vault, whose transit engine would
/// do the work.
#[async_trait]
pub trait Sealer: Send + Sync {
    /// Seals credentials of a backend.
    ///
    /// # Errors
    ///
    /// [`SecretError::NotSealed`].
    async fn seal(&self, context: &SecretContext, plaintext: &[u8])
    -> Result<Vec<u8>, SecretError>;

    /// Opens sealed credentials. The plaintext is wiped when it is dropped.
    ///
    /// # Errors
    ///
    /// [`SecretError::KeyMismatch`] if another key sealed them, [`SecretError::Misplaced`] if they
    /// are of another backend or generation, [`SecretError::Damaged`] if they were changed.
    async fn open(
        &self,
        context: &SecretContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SecretError>;
}

/// Whose credentials they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretContext {
    /// The organization.
    pub organization: String,
    /// The backend.
    pub backend: BackendId,
    /// The number of the credentials.
    pub generation: u64,
}

impl SecretContext {
    /// Returns the context of a backend's credentials.
    pub fn new(organization: &str, backend: impl Into<BackendId>, generation: u64) -> Self {
        Self {
            organization: organization.to_owned(),
            backend: backend.into(),
            generation,
        }
    }
}

/// The environment variable that holds the key.
pub const KEY_VARIABLE: &str = "BACKSTOP_KEY";

/// Where the key comes from.
#[derive(Clone, Eq, PartialEq)]
pub enum KeySource {
    /// The key itself (`AGE-SECRET-KEY-1...`), from the environment.
    Environment(Zeroizing<String>),
    /// A file, created on first use.
    File {
        /// The file.
        path: PathBuf,
        /// Whether a missing directory is created, with the mode 0700.
        create_directory: bool,
    },
}

impl KeySource {
    /// Returns the source of the key: the file that was asked for, else the environment
    /// ([`KEY_VARIABLE`]), else the default file.
    ///
    /// # Errors
    ///
    /// [`SecretError::EnvironmentKeyMalformed`] if the variable is not text.
    pub fn choose(asked: Option<PathBuf>, default: PathBuf) -> Result<Self, SecretError> {
        if let Some(path) = asked {
            return Ok(Self::File {
                path,
                create_directory: false,
            });
        }
        match std::env::var(KEY_VARIABLE) {
            Ok(key) => Ok(Self::Environment(Zeroizing::new(key))),
            Err(std::env::VarError::NotPresent) => Ok(Self::File {
                path: default,
                create_directory: true,
            }),
            Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::EnvironmentKeyMalformed),
        }
    }

    /// Returns the key if there is one. Creates nothing.
    ///
    /// # Errors
    ///
    /// The variants of [`SecretError`] about keys.
    pub fn existing(&self) -> Result<Option<AgeSealer>, SecretError> {
        match self {
            Self::Environment(key) => AgeSealer::parse(key)
                .map(|sealer| Some(sealer.named(KEY_VARIABLE)))
                .ok_or(SecretError::EnvironmentKeyMalformed),
            Self::File { path, .. } => key_file::read(path),
        }
    }

    /// Returns the key; on first use a key file is created. Where the store has sealed credentials
    /// a missing key file is an error instead: a new key would open none of them.
    ///
    /// Several processes may do this at once: they end up with the same key.
    ///
    /// # Errors
    ///
    /// [`SecretError::KeyFileMissing`], the other variants about keys, or a failure of the store.
    pub async fn unlock(&self, store: &dyn Store) -> Result<AgeSealer, SecretError> {
        if let Some(sealer) = self.existing()? {
            return Ok(sealer);
        }
        let Self::File {
            path,
            create_directory,
        } = self
        else {
            return Err(SecretError::EnvironmentKeyMalformed);
        };
        if store.has_secrets().await? {
            // Unless the first use was somebody else's, between the two looks.
            return self
                .existing()?
                .ok_or_else(|| SecretError::KeyFileMissing { path: path.clone() });
        }
        key_file::create(path, *create_directory)
    }
}

/// Why credentials could not be sealed or opened. No message contains any of them, nor a key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key file is gone, and there are credentials that only its key opens.
    #[error(
        "key file `{}` is missing, and stored credentials are sealed with its key: restore it, or name the right one",
        path.display()
    )]
    KeyFileMissing {
        /// The file.
        path: PathBuf,
    },
    /// The key file can be read by others than its owner.
    #[error(
        "key file `{}` can be read by others (mode {mode:04o}): run `chmod 600` on it",
        path.display()
    )]
    KeyFileExposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The key file cannot be read.
    #[error("key file `{}` cannot be read: {cause}", path.display())]
    KeyFileUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The key file holds no key.
    #[error("key file `{}` must hold one line `AGE-SECRET-KEY-1...`", path.display())]
    KeyFileMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The key file cannot be created.
    #[error("key file `{}` cannot be created: {cause}", path.display())]
    KeyFileNotCreatable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The environment variable holds no key.
    #[error("environment variable BACKSTOP_KEY must be a key `AGE-SECRET-KEY-1...`, or not be set")]
    EnvironmentKeyMalformed,
    /// Another key sealed the credentials.
    #[error(
        "the key of `{origin}` does not fit the credentials of backend `{backend}`: use the key that sealed them"
    )]
    KeyMismatch {
        /// Where the key comes from: a file, or the variable.
        origin: String,
        /// The backend.
        backend: String,
    },
    /// The credentials are of another backend or generation.
    #[error(
        "the credentials stored for backend `{backend}` belong to another one: give it new credentials"
    )]
    Misplaced {
        /// The backend.
        backend: String,
    },
    /// The sealed bytes were changed.
    #[error("the credentials stored for backend `{backend}` are damaged: give it new credentials")]
    Damaged {
        /// The backend.
        backend: String,
    },
    /// The credentials could not be sealed.
    #[error("the credentials of backend `{backend}` cannot be sealed")]
    NotSealed {
        /// The backend.
        backend: String,
    },
    /// The store could not say whether it has sealed credentials.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use backstop_core::{ChangeSet, Command, Context, Create, Kind, create_organization, plan};
    use tempfile::TempDir;

    use super::*;
    use crate::store::{MemoryStore, SealedSecret};

    fn file(path: &Path) -> KeySource {
        KeySource::File {
            path: path.to_owned(),
            create_directory: false,
        }
    }

    fn context() -> SecretContext {
        SecretContext::new("acme", "a", 1)
    }

    async fn store_with_a_secret() -> MemoryStore {
        let store = MemoryStore::default();
        let context = Context::new("acme", "tester", 1);
        let founded = create_organization("inline".into(), &context).unwrap();
        let create = Create::new("a", "a", Kind::External, "OCI", "somewhere");
        let created = plan(&founded.roster, &Command::Create(create), &context).unwrap();
        let secret = SealedSecret {
            backend: "a".into(),
            generation: 1,
            sealed: vec![1],
        };
        let none: Option<&SealedSecret> = None;
        let commits: [(u64, &ChangeSet, _); 2] = [
            (0, &founded.change_set, none),
            (1, &created.change_set, Some(&secret)),
        ];
        for (expected, change_set, staged) in commits {
            store
                .commit("acme", expected, change_set, staged)
                .await
                .unwrap();
        }
        store
    }

    #[tokio::test]
    async fn what_is_sealed_opens_where_it_belongs_and_nowhere_else() {
        let sealer = AgeSealer::generate();
        let secrets = [Vec::new(), b"password".to_vec(), vec![0; 200_000]];
        for secret in secrets {
            let sealed = sealer.seal(&context(), &secret).await.unwrap();
            assert_eq!(*sealer.open(&context(), &sealed).await.unwrap(), secret);
            let again = sealer.seal(&context(), &secret).await.unwrap();
            assert_ne!(sealed, again, "the same credentials do not look the same");
        }
        let sealed = sealer.seal(&context(), b"password").await.unwrap();
        assert!(!sealed.windows(8).any(|bytes| bytes == b"password"));

        for other in [
            SecretContext::new("acm", "ea", 1),
            SecretContext::new("other", "a", 1),
            SecretContext::new("acme", "b", 1),
            SecretContext::new("acme", "a", 2),
        ] {
            let error = sealer.open(&other, &sealed).await.unwrap_err();
            assert!(matches!(error, SecretError::Misplaced { .. }), "{other:?}");
        }
        let error = AgeSealer::generate()
            .open(&context(), &sealed)
            .await
            .unwrap_err();
        assert!(matches!(error, SecretError::KeyMismatch { .. }));

        // No changed or missing byte passes, whichever it is.
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            for broken in [changed.as_slice(), &sealed[..index]] {
                assert!(sealer.open(&context(), broken).await.is_err(), "{index}");
            }
        }
        let error = sealer.open(&context(), b"not sealed").await.unwrap_err();
        assert!(matches!(error, SecretError::Damaged { .. }));
    }

    #[tokio::test]
    async fn a_key_file_is_made_once_and_used_again() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("key");
        let source = file(&path);
        let store = MemoryStore::default();
        assert!(source.existing().unwrap().is_none());
        assert!(!path.exists(), "a look creates nothing");

        let first = source.unlock(&store).await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&first.recipient()));
        #[cfg(unix)]
        assert_eq!(mode(&path), 0o600);
        let second = source.unlock(&store).await.unwrap();
        assert_eq!(first.recipient(), second.recipient());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);

        let sealed = first.seal(&context(), b"password").await.unwrap();
        let opened = second.open(&context(), &sealed).await.unwrap();
        assert_eq!(*opened, *b"password");
    }

    #[test]
    fn those_who_race_end_up_with_one_key() {
        let home = TempDir::new().unwrap();
        for round in 0..20 {
            let path = home.path().join(format!("key-{round}"));
            let keys: BTreeSet<String> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| key_file::create(&path, false).unwrap().recipient()))
                    .collect();
                racers
                    .into_iter()
                    .map(|racer| racer.join().unwrap())
                    .collect()
            });
            assert_eq!(keys.len(), 1);
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 20, "left-overs");
    }

    #[tokio::test]
    async fn a_missing_key_is_not_replaced_while_credentials_need_it() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("key");
        let store = store_with_a_secret().await;
        let Err(error) = file(&path).unlock(&store).await else {
            panic!("a new key was made");
        };
        assert!(
            matches!(error, SecretError::KeyFileMissing { .. }),
            "{error}"
        );
        assert!(!path.exists());

        fs::write(&path, "").unwrap();
        #[cfg(unix)]
        set_mode(&path, 0o600);
        assert!(
            file(&path).unlock(&store).await.is_err(),
            "an empty one neither"
        );
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[tokio::test]
    async fn each_bad_key_file_has_its_own_error() {
        let home = TempDir::new().unwrap();
        let at = |name: &str| home.path().join(name);
        let sealer = AgeSealer::generate();
        let good = age::key_file(&sealer);
        let key = good.lines().last().unwrap();
        let write = |name: &str, bytes: &[u8], _mode: u32| {
            fs::write(at(name), bytes).unwrap();
            #[cfg(unix)]
            set_mode(&at(name), _mode);
        };
        write("good", good.as_bytes(), 0o600);
        write("read-only", good.as_bytes(), 0o400);
        write("bare", format!("\n  {key}  \r\n").as_bytes(), 0o600);
        for name in ["good", "read-only", "bare"] {
            let found = file(&at(name)).existing().unwrap().unwrap();
            assert_eq!(found.recipient(), sealer.recipient(), "{name}");
        }

        write("empty", b"", 0o600);
        write("comment", b"# nothing else\n", 0o600);
        write("two", format!("{key}\n{key}\n").as_bytes(), 0o600);
        write("cut", &good.as_bytes()[..good.len() - 3], 0o600);
        write("public", sealer.recipient().as_bytes(), 0o600);
        write("bytes", &[0xff; 64], 0o600);
        fs::create_dir(at("directory")).unwrap();
        let mut cases = vec![
            ("empty", "KeyFileMalformed"),
            ("comment", "KeyFileMalformed"),
            ("two", "KeyFileMalformed"),
            ("cut", "KeyFileMalformed"),
            ("public", "KeyFileMalformed"),
            ("bytes", "KeyFileMalformed"),
            ("directory", "KeyFileUnreadable"),
            ("missing/key", "KeyFileNotCreatable"),
            ("good/key", "KeyFileUnreadable"),
        ];
        if cfg!(unix) {
            write("group", good.as_bytes(), 0o640);
            write("world", good.as_bytes(), 0o604);
            cases.extend([("group", "KeyFileExposed"), ("world", "KeyFileExposed")]);
        }
        let store = MemoryStore::default();
        for (name, expected) in cases {
            let Err(error) = file(&at(name)).unlock(&store).await else {
                panic!("`{name}` is a key");
            };
            let shown = format!("{error:?}");
            assert!(shown.starts_with(expected), "`{name}`: {shown}");
            let text = error.to_string();
            assert!(text.contains(&at(name).display().to_string()), "{text}");
            assert!(!(text + &shown).contains(key), "`{name}`: the key is shown");
        }
    }

    #[test]
    fn a_key_in_the_environment_is_a_key_or_an_error() {
        let sealer = AgeSealer::generate();
        let text = age::key_file(&sealer);
        let key = text.lines().last().unwrap();
        let source = |key: &str| KeySource::Environment(Zeroizing::new(key.to_owned()));
        let found = source(key).existing().unwrap().unwrap();
        assert_eq!(found.recipient(), sealer.recipient());
        for bad in ["", "secret", &key[..key.len() - 1], &sealer.recipient()] {
            let Err(error) = source(bad).existing() else {
                panic!("`{bad}` is a key");
            };
            assert!(matches!(error, SecretError::EnvironmentKeyMalformed));
        }
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;

        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[cfg(unix)]
    fn set_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;

        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}
