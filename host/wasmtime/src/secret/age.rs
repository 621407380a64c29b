use std::{
    io::{Read, Write},
    iter,
};

use age::{
    DecryptError, Decryptor, Encryptor,
    secrecy::{ExposeSecret, SecretString},
    x25519::{Identity, Recipient},
};
use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{Sealer, SecretContext, SecretError};

/// Seals with `age`, for one X25519 key.
///
/// The plaintext of a file is the context (see below) and then the credentials.
pub struct AgeSealer {
    identity: Identity,
    recipient: Recipient,
    /// Where the key comes from, for messages.
    origin: String,
}

impl AgeSealer {
    /// Returns a sealer with a new key, which is gone with the process.
    pub fn generate() -> Self {
        Self::of(Identity::generate())
    }

    /// Returns the sealer of a key `AGE-SECRET-KEY-1...`; none if it is malformed.
    pub fn parse(key: &str) -> Option<Self> {
        Some(Self::of(key.trim().parse().ok()?))
    }

    fn of(identity: Identity) -> Self {
        Self {
            recipient: identity.to_public(),
            identity,
            origin: "memory".to_owned(),
        }
    }

    pub(super) fn named(self, origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            ..self
        }
    }

    /// Returns the public key (`age1...`): what it sealed, only the secret key opens.
    pub fn recipient(&self) -> String {
        self.recipient.to_string()
    }

    pub(super) fn secret_key(&self) -> SecretString {
        self.identity.to_string()
    }

    fn try_seal(&self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let encryptor = Encryptor::with_recipients(iter::once(&self.recipient as _)).ok()?;
        let mut sealed = Vec::new();
        let mut writer = encryptor.wrap_output(&mut sealed).ok()?;
        writer.write_all(plaintext).ok()?;
        writer.finish().ok()?;
        Some(sealed)
    }

    fn try_open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let decryptor = Decryptor::new_buffered(sealed)?;
        let mut reader = decryptor.decrypt(iter::once(&self.identity as _))?;
        // The plaintext is shorter than what it was sealed into, so it never moves and leaves no
        // copy behind.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len()));
        reader.read_to_end(&mut plaintext)?;
        Ok(plaintext)
    }
}

#[async_trait]
impl Sealer for AgeSealer {
    async fn seal(
        &self,
        context: &SecretContext,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, SecretError> {
        let header = header(context);
        let mut envelope = Zeroizing::new(Vec::with_capacity(header.len() + plaintext.len()));
        envelope.extend_from_slice(&header);
        envelope.extend_from_slice(plaintext);
        self.try_seal(&envelope)
            .ok_or_else(|| SecretError::NotSealed {
                backend: context.backend.to_string(),
            })
    }

    async fn open(
        &self,
        context: &SecretContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let backend = context.backend.to_string();
        let envelope = self.try_open(sealed).map_err(|error| {
            if let DecryptError::NoMatchingKeys = error {
                SecretError::KeyMismatch {
                    origin: self.origin.clone(),
                    backend: backend.clone(),
                }
            } else {
                SecretError::Damaged {
                    backend: backend.clone(),
                }
            }
        })?;
        envelope
            .strip_prefix(header(context).as_slice())
            .map(|plaintext| Zeroizing::new(plaintext.to_vec()))
            .ok_or(SecretError::Misplaced { backend })
    }
}

/// What binds credentials to their backend: `backstop-secret-1`, the organization and the backend,
/// each after its length in 8 little-endian bytes, and the generation in as many. No such header
/// is the beginning of another.
fn header(context: &SecretContext) -> Vec<u8> {
    let mut header = b"backstop-secret-1".to_vec();
    for text in [context.organization.as_str(), context.backend.as_str()] {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        header.extend_from_slice(&length.to_le_bytes());
        header.extend_from_slice(text.as_bytes());
    }
    header.extend_from_slice(&context.generation.to_le_bytes());
    header
}

/// Returns the text of a key file.
pub(super) fn key_file(sealer: &AgeSealer) -> Zeroizing<String> {
    let secret_key = sealer.secret_key();
    Zeroizing::new(format!(
        "# The key that seals this control plane's storage credentials. Keep a copy in a safe place:\n\
         # without it they are lost. Readable by age too.\n\
         # public key: {}\n\
         {}\n",
        sealer.recipient,
        secret_key.expose_secret(),
    ))
}
