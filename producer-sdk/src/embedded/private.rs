//! The file of the ledger belongs to one user of the machine. It is created for that user only, and
//! symbolic links that another user could have created are refused.
//!
//! SQLite creates the write-ahead log (`-wal`) and its index (`-shm`) with the mode of the file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The files of a database: the file itself, the write-ahead log and its index.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// A symbolic link that another user of the machine could have created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{link} is a symbolic link in the folder {folder}, which other users can write to \
     (mode {mode:03o}); use a folder that only its owner can write to"
)]
pub struct ForeignLink {
    link: String,
    folder: String,
    mode: u32,
}

/// A file or folder that other users can access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// The file or folder.
    pub path: PathBuf,
    /// The permission bits.
    pub mode: u32,
}

/// Creates the file for its owner only (mode 0600), unless it exists. If the folder does not exist,
/// nothing is created.
pub fn create_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    // `create_new` follows no link and opens no existing file.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Fails if the file, one of its companion files, or a folder on the path to it is a symbolic link
/// in a folder that other users can write to.
pub fn refuse_foreign_links(path: &Path) -> Result<(), ForeignLink> {
    let Ok(path) = std::path::absolute(path) else {
        return Ok(());
    };
    let folders = path.ancestors().skip(1).map(Path::to_owned);
    for candidate in family(&path).into_iter().chain(folders) {
        let is_link = fs::symlink_metadata(&candidate).is_ok_and(|found| found.is_symlink());
        let Some(folder) = candidate.parent().filter(|_| is_link) else {
            continue;
        };
        if let Some(mode) = mode(folder).filter(|mode| mode & 0o022 != 0) {
            return Err(ForeignLink {
                link: candidate.display().to_string(),
                folder: folder.display().to_string(),
                mode,
            });
        }
    }
    Ok(())
}

/// Those of the folder, the file and its companion files that other users can read or write.
pub fn exposed(path: &Path) -> Vec<Exposed> {
    let folder = path.parent().map(Path::to_owned);
    let all = folder.into_iter().chain(family(path));
    let exposed = all.filter_map(|path| {
        let mode = mode(&path).filter(|mode| mode & 0o066 != 0)?;
        Some(Exposed { path, mode })
    });
    exposed.collect()
}

fn family(path: &Path) -> [PathBuf; 3] {
    SUFFIXES.map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// The permission bits of a path, following links. `None` if the path does not exist, or on systems
/// without permission bits.
fn mode(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        let found = fs::metadata(path).ok()?;
        Some(std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o7777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use uuid::Uuid;

    use super::*;

    /// A temporary folder with this mode.
    struct Folder(PathBuf);

    impl Folder {
        fn new(mode: u32) -> Self {
            let folder =
                std::env::temp_dir().join(format!("scrip-private-{}", Uuid::now_v7().simple()));
            fs::create_dir(&folder).expect("the temporary folder is writable");
            let folder = Self(folder);
            folder.set(&folder.0, mode);
            folder
        }

        fn set(&self, path: &Path, mode: u32) {
            assert!(path.starts_with(&self.0));
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its owner may");
        }

        fn file(&self) -> PathBuf {
            self.0.join("scrip.db")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_created_for_its_owner_only_and_never_replaced() {
        let folder = Folder::new(0o777);
        create_private(&folder.file()).expect("created");
        assert_eq!(mode(&folder.file()), Some(0o600));
        fs::write(folder.file(), "unchanged").expect("written");
        folder.set(&folder.file(), 0o640);
        create_private(&folder.file()).expect("it is there");
        assert_eq!(mode(&folder.file()), Some(0o640));
        assert_eq!(
            fs::read_to_string(folder.file()).expect("read"),
            "unchanged"
        );
        let nowhere = folder.0.join("nowhere/scrip.db");
        create_private(&nowhere).expect("SQLite says what is wrong");
        assert!(!nowhere.exists());
    }

    #[test]
    fn no_file_is_created_through_a_link() {
        let folder = Folder::new(0o700);
        let target = folder.0.join("target");
        symlink(&target, folder.file()).expect("a link");
        create_private(&folder.file()).expect("it is there");
        assert!(!target.exists());
    }

    #[test]
    fn a_link_that_other_users_could_have_created_is_refused() {
        for name in ["scrip.db", "scrip.db-wal", "scrip.db-shm"] {
            for (mode, is_refused) in [
                (0o700, false),
                (0o755, false),
                (0o775, true),
                (0o1777, true),
                (0o702, true),
            ] {
                let folder = Folder::new(0o700);
                symlink("elsewhere", folder.0.join(name)).expect("a link");
                folder.set(&folder.0, mode);
                let refused = refuse_foreign_links(&folder.file());
                assert_eq!(refused.is_err(), is_refused, "{name} {mode:o}: {refused:?}");
                let Err(refused) = refused else { continue };
                let text = refused.to_string();
                let link = folder.0.join(name).display().to_string();
                assert!(
                    text.starts_with(&link) && text.contains(&format!("mode {mode:03o}")),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_link_to_the_folder_that_other_users_could_have_created_is_refused() {
        let folder = Folder::new(0o777);
        let data = folder.0.join("data");
        fs::create_dir(&data).expect("a folder");
        let link = folder.0.join("link");
        symlink(&data, &link).expect("a link");
        assert!(refuse_foreign_links(&link.join("scrip.db")).is_err());
        assert_eq!(refuse_foreign_links(&data.join("scrip.db")), Ok(()));
        folder.set(&folder.0, 0o755);
        assert_eq!(refuse_foreign_links(&link.join("scrip.db")), Ok(()));
    }

    #[test]
    fn files_that_other_users_can_access_are_reported() {
        for (of_folder, of_file, expected) in [
            (0o700, 0o600, 0),
            (0o711, 0o600, 0),
            (0o750, 0o600, 1),
            (0o705, 0o600, 1),
            (0o702, 0o600, 1),
            (0o700, 0o640, 1),
            (0o700, 0o602, 1),
            (0o755, 0o644, 2),
        ] {
            let folder = Folder::new(0o700);
            create_private(&folder.file()).expect("created");
            folder.set(&folder.file(), of_file);
            folder.set(&folder.0, of_folder);
            let found = exposed(&folder.file());
            assert_eq!(
                found.len(),
                expected,
                "{of_folder:o} {of_file:o}: {found:?}"
            );
        }
    }
}
