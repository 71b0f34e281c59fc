//! B9: the owner of a folder, and the files that may lie in it.
use super::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

/// Another user, who need not exist.
const OTHER: u32 = 4_000_111;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temp folder")
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("one's own folder");
}

fn made(path: PathBuf) -> PathBuf {
    fs::create_dir(&path).expect("a folder takes a folder");
    mode(&path, 0o755);
    path
}

fn check(path: &Path, purpose: Use) -> Result<(), FolderError> {
    check_folder(path, purpose, "--data")
}

/// Returns whether owners can be changed, which only root may do.
fn is_root() -> bool {
    let is_root = crate::user::own() == Some(crate::user::ROOT);
    if !is_root {
        use std::io::Write;
        let told =
            b"    private: not run as the superuser, who alone can give files away: not tried\n";
        io::stdout().write_all(told).ok();
    }
    is_root
}

#[test]
fn b9_a_folder_that_others_write_is_refused() {
    let outer = folder();
    let data = made(outer.path().join("data"));
    for good in [0o700, 0o755, 0o711, 0o2755] {
        mode(&data, good);
        check(&data, Use::Box).expect("one's own");
        check(&data.join("not/yet/there"), Use::Box).expect("one's own");
    }
    for bad in [0o777, 0o702, 0o773, 0o1777] {
        mode(&data, bad);
        let error = check(&data, Use::Box).expect_err("everybody writes");
        // A folder meant for everybody keeps its mode.
        assert_eq!(error.to_string().contains("chmod go-w"), bad & 0o1000 == 0, "{error}");
        assert!(error.to_string().contains("everybody"), "{error}");
    }
    // A file that others cannot remove may lie among theirs.
    check(&made(data.join("mine")), Use::Box).expect("the sticky bit keeps it");
    check(&data, Use::Socket).expect("so it does a socket");
    mode(&data, 0o777);
    check(&data, Use::Socket).expect_err("it can be taken away");
    let error = check(&data.join("mine"), Use::Box).expect_err("it can be taken away");
    assert!(matches!(error, FolderError::Writable { path, .. } if path.ends_with("data")));
}

#[test]
fn b9_a_group_of_many_is_refused() {
    let outer = folder();
    let data = made(outer.path().join("data"));
    mode(&data, 0o770);
    if is_root() {
        chown(&data, None, Some(OTHER)).expect("root may");
        let error = check(&data, Use::Box).expect_err("a group nobody knows");
        assert!(error.to_string().contains(&format!("group {OTHER}")), "{error}");
    }
}

#[test]
fn b9_another_owners_folder_is_refused() {
    if !is_root() {
        return;
    }
    let outer = folder();
    let theirs = made(outer.path().join("theirs"));
    let mine = made(theirs.join("mine"));
    chown(&theirs, Some(OTHER), None).expect("root may");
    for path in [&theirs, &mine] {
        for purpose in [Use::Box, Use::Socket] {
            // The sticky bit does not keep out the owner of the folder.
            for bits in [0o755, 0o1777] {
                mode(&theirs, bits);
                let error = check(path, purpose).expect_err("another's");
                assert!(error.to_string().contains(&format!("user {OTHER}")), "{error}");
            }
        }
    }
}

#[test]
fn b9_links_on_the_way_lead_only_through_what_is_ones_own() {
    let outer = folder();
    let open = made(outer.path().join("open"));
    let data = made(outer.path().join("data"));
    let link = outer.path().join("link");
    symlink("data", &link).expect("a link");
    check(&link, Use::Box).expect("a link of one's own");
    check(&link.join("../data/./new"), Use::Box).expect("the same folder");

    symlink(&open, data.join("away")).expect("a link");
    mode(&open, 0o777);
    check(&link.join("away/new"), Use::Box).expect_err("it leads to where everybody writes");
    check(&link.join("away/../data"), Use::Box).expect_err("it leads through there");
    symlink("round", outer.path().join("round")).expect("a link");
    check(&outer.path().join("round"), Use::Box).expect_err("it leads nowhere");
    if is_root() {
        mode(&open, 0o1777);
        let planted = open.join("planted");
        symlink(&data, &planted).expect("a link");
        check(&planted, Use::Box).expect("one's own");
        std::os::unix::fs::lchown(&planted, Some(OTHER), None).expect("root may");
        check(&planted, Use::Box).expect_err("another has made that link");
    }
}

#[test]
fn b9_what_lies_there_already_is_looked_at() {
    let outer = folder();
    let append = || OpenOptions::new().create(true).append(true).clone();
    let path = |name: &str| outer.path().join(name);
    fs::write(path("target"), "theirs").expect("a file");
    symlink(path("target"), path("link")).expect("a link");
    symlink(path("nothing"), path("dangling")).expect("a link");
    for name in ["link", "dangling"] {
        let error = open(&path(name), &mut append()).expect_err("a link");
        assert!(error.to_string().contains("remove it"), "{error}");
    }
    assert!(!path("nothing").exists());
    rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), rustix::fs::Mode::from_raw_mode(0o600))
        .expect("a pipe");
    open(&path("fifo"), &mut append()).expect_err("no file, and no waiting for its other end");
    open(&path("fifo"), OpenOptions::new().read(true)).expect_err("nor for this");
    open(outer.path(), &mut append()).expect_err("a folder");

    let new = open(&path("new"), &mut append()).expect("a file of one's own");
    assert_eq!(new.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);
    mode(&path("target"), 0o666);
    let old = open(&path("target"), &mut append()).expect("a file of one's own");
    assert_eq!(old.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);
    assert!(!has_other_names(&old).expect("it can be asked"));
    fs::hard_link(path("target"), path("second")).expect("a second name");
    assert!(has_other_names(&old).expect("it can be asked"));
    if is_root() {
        chown(path("target"), Some(OTHER), None).expect("root may");
        open(&path("target"), &mut append()).expect_err("another's");
    }
}
