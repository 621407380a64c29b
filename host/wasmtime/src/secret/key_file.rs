use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use zeroize::Zeroizing;

use super::{AgeSealer, SecretError, age::key_file as text_of};

/// Far more than a key file needs.
const MAX_LENGTH: u64 = 64 * 1024;

/// Returns the key of the file; none if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<AgeSealer>, SecretError> {
    let unreadable = |cause| SecretError::KeyFileUnreadable {
        path: path.to_owned(),
        cause,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(unreadable(cause)),
    };
    refuse_exposed(&file, path)?;
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    match file.take(MAX_LENGTH).read_to_string(&mut text) {
        Ok(_) => {}
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => text.clear(),
        Err(cause) => return Err(unreadable(cause)),
    }
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = match (lines.next(), lines.next()) {
        (Some(key), None) => AgeSealer::parse(key),
        (Some(_), Some(_)) | (None, _) => None,
    };
    key.map(|sealer| Some(sealer.named(path.display().to_string())))
        .ok_or_else(|| SecretError::KeyFileMalformed {
            path: path.to_owned(),
        })
}

/// Creates the file with a new key, unless another process is faster: then its key is returned.
///
/// The file appears whole or not at all, and an existing one is never replaced.
pub(super) fn create(path: &Path, create_directory: bool) -> Result<AgeSealer, SecretError> {
    try_create(path, create_directory).map_err(|cause| SecretError::KeyFileNotCreatable {
        path: path.to_owned(),
        cause,
    })?;
    read(path)?.ok_or_else(|| SecretError::KeyFileMissing {
        path: path.to_owned(),
    })
}

fn try_create(path: &Path, create_directory: bool) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        Some(_) | None => Path::new("."),
    };
    if create_directory {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
    }
    // Has the mode 0600 from the start.
    let mut file = tempfile::Builder::new()
        .prefix(".backstop-key-")
        .tempfile_in(directory)?;
    file.write_all(text_of(&AgeSealer::generate()).as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(failed) => return Err(failed.error),
    }
    // The name must survive a loss of power as the credentials do that are sealed next.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

#[cfg(unix)]
fn refuse_exposed(file: &File, path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = file
        .metadata()
        .map_err(|cause| SecretError::KeyFileUnreadable {
            path: path.to_owned(),
            cause,
        })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(SecretError::KeyFileExposed {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_file: &File, _path: &Path) -> Result<(), SecretError> {
    Ok(())
}
