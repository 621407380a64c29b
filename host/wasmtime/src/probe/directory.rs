//! The probe of a directory (`LOCAL`).

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use backstop_core::{Failure, FailureClass};
use tokio::time::timeout;

use super::{
    Passed, detached, http::out_of_files, internal, location::Directory, probe_name, too_slow,
};

/// Writes a file in the directory, has it stored, reads it back, compares and deletes it.
///
/// The work is done by a thread of its own, which goes on if the deadline comes first: on a file
/// system that hangs nothing else can be done, and the file is deleted as soon as it answers.
pub(super) async fn probe(directory: Directory, deadline: Duration) -> Result<Passed, Failure> {
    let path = directory.path().to_owned();
    within(directory.path(), deadline, move || write_and_read(&path)).await
}

/// The directories whose last probe hangs beyond its deadline, each with what its thread holds
/// until it ends. They are not asked again meanwhile, so that a file system that hangs for days
/// does not collect a thread for every probe of it.
static HANGING: Mutex<Vec<(PathBuf, Weak<()>)>> = Mutex::new(Vec::new());

async fn within(
    directory: &Path,
    deadline: Duration,
    work: impl FnOnce() -> Result<Passed, Failure> + Send + 'static,
) -> Result<Passed, Failure> {
    let hangs = {
        let mut hanging = HANGING.lock().unwrap_or_else(PoisonError::into_inner);
        hanging.retain(|(_, thread)| thread.strong_count() > 0);
        hanging.iter().any(|(other, _)| other == directory)
    };
    let path = directory.display();
    if hangs {
        let message = format!("an earlier check of directory `{path}` still hangs");
        return Err(Failure::new(FailureClass::Timeout, message));
    }
    let alive = Arc::new(());
    let thread = Arc::downgrade(&alive);
    let work = move || {
        let _alive = alive;
        work()
    };
    match timeout(deadline, detached(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => {
            let kind = error.kind();
            Err(internal(format!(
                "this host has no thread for directory `{path}`: {kind}"
            )))
        }
        Err(_) => {
            let mut hanging = HANGING.lock().unwrap_or_else(PoisonError::into_inner);
            hanging.push((directory.to_owned(), thread));
            Err(too_slow(&path, deadline))
        }
    }
}

fn write_and_read(directory: &Path) -> Result<Passed, Failure> {
    let failed = |error| failure(&error, directory);
    if !fs::metadata(directory).map_err(failed)?.is_dir() {
        let message = format!("`{}` is not a directory, name one", directory.display());
        return Err(Failure::new(FailureClass::Configuration, message));
    }
    let name = probe_name();
    let path = directory.join(format!(".backstop-{name}"));
    let mut leftover = Leftover(None);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(failed)?;
    leftover.0 = Some(path.clone());
    file.write_all(name.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    drop(file);

    // One byte more than was written tells a file that grew.
    let limit = name.len() as u64 + 1;
    let mut found = Vec::new();
    let file = fs::File::open(&path).map_err(failed)?;
    file.take(limit).read_to_end(&mut found).map_err(failed)?;
    if found != name.as_bytes() {
        let message = format!(
            "`{}` gave back other bytes than were written",
            directory.display()
        );
        return Err(Failure::new(FailureClass::Integrity, message));
    }
    leftover.0 = None;
    Ok(match fs::remove_file(&path) {
        Ok(()) => Passed { note: None },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Passed { note: None },
        Err(error) => Passed {
            note: Some(format!(
                "the directory keeps what is written ({}): {}",
                path.display(),
                error.kind()
            )),
        },
    })
}

/// Deletes the file if the probe ends before it comes to that.
struct Leftover(Option<PathBuf>);

impl Drop for Leftover {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // The probe has failed already, and its failure says more than this one would.
            let _ = fs::remove_file(path);
        }
    }
}

fn failure(error: &io::Error, directory: &Path) -> Failure {
    let path = directory.display();
    if out_of_files(error) {
        return Failure::new(
            FailureClass::Internal,
            format!("this host has too many files open to use `{path}`"),
        );
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the kinds are many, and more of them will come"
    )]
    let (class, message) = match error.kind() {
        io::ErrorKind::NotFound => (
            FailureClass::NotFound,
            format!("directory `{path}` does not exist, create it first"),
        ),
        io::ErrorKind::NotADirectory => (
            FailureClass::Configuration,
            format!("`{path}` is not a directory, name one"),
        ),
        io::ErrorKind::PermissionDenied => (
            FailureClass::Permission,
            format!("this user may not write and read in directory `{path}`"),
        ),
        io::ErrorKind::ReadOnlyFilesystem => (
            FailureClass::Permission,
            format!("directory `{path}` is on a read-only file system"),
        ),
        io::ErrorKind::StorageFull => (
            FailureClass::Quota,
            format!("the file system of directory `{path}` is full, make room on it"),
        ),
        io::ErrorKind::QuotaExceeded => (
            FailureClass::Quota,
            format!("the quota for directory `{path}` is used up, have it raised"),
        ),
        io::ErrorKind::TimedOut => (
            FailureClass::Timeout,
            format!("the file system of `{path}` timed out"),
        ),
        kind => (
            FailureClass::Server,
            format!("directory `{path}` does not work: {kind}"),
        ),
    };
    Failure::new(class, message)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    async fn class(path: &Path) -> Result<Passed, FailureClass> {
        let directory = path.to_str().unwrap().parse().unwrap();
        probe(directory, Duration::from_secs(10))
            .await
            .map_err(|failure| failure.class)
    }

    #[tokio::test]
    async fn a_directory_that_works_stays_empty() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(class(directory.path()).await, Ok(Passed { note: None }));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_is_no_directory_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(class(&file).await, Err(FailureClass::Configuration));
        assert_eq!(
            class(&file.join("below")).await,
            Err(FailureClass::Configuration)
        );
        assert_eq!(
            class(&directory.path().join("missing")).await,
            Err(FailureClass::NotFound)
        );
        assert_eq!(fs::read(&file).unwrap(), b"");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_directory_that_nobody_may_write_to_is_a_matter_of_permission() {
        // Not even root creates files there, so the test says the same for every user.
        assert_eq!(
            class(Path::new("/sys/kernel")).await,
            Err(FailureClass::Permission)
        );
    }

    #[tokio::test]
    async fn a_directory_that_hangs_is_not_asked_again_until_it_answers() {
        let path = Path::new("/a/directory/that/hangs");
        let (release, wait) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        let hang = move || {
            started.send(()).unwrap();
            // Ends when the other end of the channel goes away.
            let _ = wait.recv();
            Ok(Passed { note: None })
        };
        let failure = within(path, Duration::from_millis(50), hang)
            .await
            .unwrap_err();
        assert_eq!(failure.class, FailureClass::Timeout);
        assert!(
            failure.message.contains("did not answer within 0.05 s"),
            "{}",
            failure.message
        );
        starts.recv().unwrap();

        let never = || panic!("it is not asked");
        let failure = within(path, Duration::from_secs(10), never)
            .await
            .unwrap_err();
        assert_eq!(failure.class, FailureClass::Timeout);
        assert!(
            failure.message.contains("still hangs"),
            "{}",
            failure.message
        );
        let passed = || Ok(Passed { note: None });
        assert!(
            within(Path::new("/another"), Duration::from_secs(10), passed)
                .await
                .is_ok()
        );

        drop(release);
        while within(path, Duration::from_secs(10), passed).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[test]
    fn a_probe_that_fails_half_way_deletes_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("half");
        fs::write(&path, "").unwrap();
        drop(Leftover(Some(path)));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_errors_of_file_systems_have_classes() {
        let table = [
            (1, FailureClass::Permission),     // EPERM
            (2, FailureClass::NotFound),       // ENOENT
            (5, FailureClass::Server),         // EIO
            (13, FailureClass::Permission),    // EACCES
            (20, FailureClass::Configuration), // ENOTDIR
            (24, FailureClass::Internal),      // EMFILE
            (28, FailureClass::Quota),         // ENOSPC
            (30, FailureClass::Permission),    // EROFS
            (110, FailureClass::Timeout),      // ETIMEDOUT
            (116, FailureClass::Server),       // ESTALE
            (122, FailureClass::Quota),        // EDQUOT
        ];
        for (code, class) in table {
            let failure = failure(&io::Error::from_raw_os_error(code), Path::new("/x"));
            assert_eq!(failure.class, class, "{code}: {}", failure.message);
            assert!(failure.message.contains("`/x`"), "{}", failure.message);
        }
    }
}
