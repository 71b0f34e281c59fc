//! The image as a chip and as a file: erased, programmed, grown, locked, foreign, cut short.
use super::*;
use embassy_futures::block_on;
use std::io::{Seek, Write};

fn new_image(folder: &Path) -> Image {
    let mut image = Image::open(&folder.join("a.box"), false).expect("a new image");
    image.publish().expect("it gets its name");
    image
}

fn read(image: &mut Image, offset: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    block_on(image.read(offset, &mut bytes)).expect("within the image");
    bytes
}

#[test]
fn it_is_erased_programmed_and_erased_again() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut image = new_image(folder.path());
    assert_eq!(read(&mut image, 65_530, 12), [0xFF; 12]);
    block_on(image.write(65_532, b"four")).expect("aligned");
    block_on(image.write(65_536, b"more")).expect("aligned");
    image.sync().expect("a disk");
    assert_eq!(read(&mut image, 65_530, 12), b"\xFF\xFFfourmore\xFF\xFF");
    block_on(image.erase(0, 65_536)).expect("a page");
    assert_eq!(read(&mut image, 65_530, 12), b"\xFF\xFF\xFF\xFF\xFF\xFFmore\xFF\xFF");
}

#[test]
fn a_flipped_bit_anywhere_in_the_header_of_a_new_image_is_no_harm() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("a.box");
    let id = new_image(folder.path()).box_id();
    let sound = std::fs::read(&path).expect("it is there")[..HEADER_BYTES].to_vec();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).expect("it is ours");
    for byte in 0..HEADER_BYTES {
        let mut struck = sound.clone();
        struck[byte] ^= 1 << (byte % 8);
        let written = file.rewind().and_then(|()| file.write_all(&struck));
        written.expect("there is room for it already");
        let image =
            Image::open(&path, false).unwrap_or_else(|error| panic!("byte {byte}: {error}"));
        assert_eq!(image.box_id(), id, "byte {byte}");
    }
}

#[test]
fn it_opens_again_with_what_it_held() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("a.box");
    let mut image = new_image(folder.path());
    let id = image.box_id();
    image.grow(40).expect("a disk with room");
    block_on(image.write(39 * 65_536, b"last")).expect("the new page");
    image.sync().expect("a disk");
    drop(image);
    let mut image = Image::open(&path, false).expect("the same image");
    assert!(!image.is_new());
    assert_eq!((image.box_id(), image.pages()), (id, 40));
    assert_eq!(read(&mut image, 39 * 65_536, 8), b"last\xFF\xFF\xFF\xFF");
}

#[test]
fn an_image_that_was_never_published_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let image = Image::open(&folder.path().join("a.box"), false).expect("a new image");
    assert!(image.is_new());
    drop(image);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn places_outside_and_between_words_are_refused() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut image = new_image(folder.path());
    let end = image.capacity() as u32;
    assert!(matches!(block_on(image.write(end, b"four")), Err(ImageError::OutOfBounds { .. })));
    assert!(matches!(block_on(image.write(2, b"four")), Err(ImageError::NotAligned { .. })));
    assert!(matches!(block_on(image.write(4, b"thr")), Err(ImageError::NotAligned { .. })));
    assert!(matches!(block_on(image.erase(0, 4096)), Err(ImageError::NotAligned { .. })));
    assert!(matches!(block_on(image.erase(65_536, 0)), Err(ImageError::OutOfBounds { .. })));
    assert!(matches!(block_on(image.read(end, &mut [0])), Err(ImageError::OutOfBounds { .. })));
}

/// A file of somebody else under the name of a draft stays as it is.
#[test]
fn what_has_the_name_of_a_draft_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let (path, kept) = (folder.path().join("a.box"), folder.path().join("a.box.new"));
    drop(new_image(folder.path()));
    std::fs::rename(&path, &kept).expect("our file");
    let before = std::fs::read(&kept).expect("our file");
    let refused = Image::open(&path, false).err().expect("the name is taken");
    assert!(matches!(refused, OpenImageError::Occupied { .. }), "{refused}");
    assert!(std::fs::read(&kept).expect("our file") == before);
    // A draft left by an interrupted start is in nobody's way.
    std::fs::write(&kept, vec![0; 8192]).expect("our file");
    let mut image = Image::open(&path, false).expect("a new image");
    image.publish().expect("it gets its name");
    assert!(!kept.exists());
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_no_place_for_a_new_box() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("link.box");
    std::os::unix::fs::symlink("disk/a.box", &path).expect("a folder of ours");
    let refused = Image::open(&path, false).err().expect("its disk is not there");
    assert!(matches!(refused, OpenImageError::LinkToNothing { .. }), "{refused}");
    std::fs::create_dir(folder.path().join("disk")).expect("a folder of ours");
    drop(new_image(&folder.path().join("disk")));
    assert!(!Image::open(&path, false).expect("it is there").is_new());
    // A draft is not written through a link either.
    std::fs::remove_file(&path).expect("our link");
    std::os::unix::fs::symlink("disk/a.box", folder.path().join("link.box.new")).expect("ours");
    let refused = Image::open(&path, false).err().expect("the name is taken");
    assert!(matches!(refused, OpenImageError::Occupied { .. }), "{refused}");
}

#[test]
fn a_second_opener_is_told() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("a.box");
    let draft = Image::open(&path, false).expect("a new image");
    assert!(matches!(Image::open(&path, false), Err(OpenImageError::InUse { .. })));
    drop(draft);
    let image = new_image(folder.path());
    assert!(matches!(Image::open(&path, false), Err(OpenImageError::InUse { .. })));
    drop(image);
    Image::open(&path, false).expect("free again");
}

#[test]
fn foreign_and_short_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("cards.vcf");
    std::fs::write(&path, "BEGIN:VCARD\r\n").expect("a file");
    let error = Image::open(&path, true).err().expect("not an image");
    assert!(matches!(error, OpenImageError::Header { error: HeaderError::Foreign, .. }));
    assert_eq!(std::fs::read(&path).expect("a file"), b"BEGIN:VCARD\r\n");

    let path = folder.path().join("a.box");
    let id = new_image(folder.path()).box_id();
    let file = OpenOptions::new().write(true).open(&path).expect("a file");
    disk::write_all_at(&file, &page_head(id, 0), HEADER_BYTES as u64).expect("room");
    file.set_len(500_000).expect("a shorter file");
    let error = Image::open(&path, false).err().expect("cut short");
    assert!(matches!(error, OpenImageError::CutShort { bytes: 500_000, .. }), "{error}");
    let mut image = Image::open(&path, true).expect("what is left");
    let end = image.capacity() as u32;
    assert_eq!(read(&mut image, end - 4, 4), [0xFF; 4]);

    // A process that is killed before the journal has recorded the cut has told nobody. The next
    // one tells, whichever copy of the header is left, and also when more is cut off.
    let cut_at = |bytes: u64| Some(((bytes - HEADER_BYTES as u64) / PAGE_BYTES as u64) as u32);
    assert_eq!(image.gone_from(), cut_at(500_000));
    drop(image);
    let long = std::fs::read(&path).expect("it is as long as it was");
    for copy in [0, HEADER_BYTES / 2] {
        let mut struck = long.clone();
        struck[copy..copy + 64].fill(0);
        std::fs::write(&path, struck).expect("a disk with room");
        let image = Image::open(&path, false).expect("one copy does");
        assert_eq!(image.gone_from(), cut_at(500_000), "copy at {copy}");
    }
    for bytes in [600_000, 200_000] {
        file.set_len(bytes).expect("a shorter file");
        let image = Image::open(&path, true).expect("what is left");
        assert_eq!(image.gone_from(), cut_at(bytes.min(500_000)));
    }
    Image::open(&path, false).expect("the image").note_gone().expect("a disk");
    assert_eq!(Image::open(&path, false).expect("the image").gone_from(), None);
}

#[test]
fn all_the_room_is_taken_and_kept() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut image = new_image(folder.path());
    image.grow(32).expect("a disk with room");
    for page in 0..32 {
        block_on(image.erase(page * 65_536, (page + 1) * 65_536)).expect("a page");
    }
    image.sync().expect("a disk");
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let taken = std::fs::metadata(image.path()).expect("a file").blocks() * 512;
        assert!(taken >= 32 * 65_536, "{taken} bytes");
    }
}

#[test]
fn erases_and_programs_reach_the_disk_in_order() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut image = new_image(folder.path());
    block_on(image.write(65_536, b"old.")).expect("aligned");
    image.sync().expect("a disk");
    let before = image.syncs();
    block_on(image.erase(131_072, 196_608)).expect("a page that is blank");
    assert!(!image.is_dirty(), "nothing had to be done");
    block_on(image.write(0, b"moved out of page 1.")).expect("aligned");
    block_on(image.erase(65_536, 131_072)).expect("a page");
    assert_eq!(image.syncs(), before + 1, "what was moved is there before the page goes");
    block_on(image.write(65_536, b"head")).expect("aligned");
    assert_eq!(image.syncs(), before + 1, "when the page must be there is the journal's affair");
    image.sync().expect("a disk");
    assert_eq!(image.syncs(), before + 2);
}

#[test]
fn b4_the_first_sync_after_opening_is_one_though_nothing_was_written() {
    let folder = tempfile::tempdir().expect("a temp folder");
    drop(new_image(folder.path()));
    let mut image = Image::open(&folder.path().join("a.box"), false).expect("it is there");
    assert!(!image.is_dirty());
    image.sync().expect("a disk");
    assert_eq!(image.syncs(), 1);
    image.sync().expect("a disk");
    assert_eq!(image.syncs(), 1);
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("a.box");
    let mut image = new_image(folder.path());
    block_on(image.write(0, b"four")).expect("aligned");
    drop(image);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).expect("our file");
    if OpenOptions::new().write(true).open(&path).is_ok() {
        // Straight to the error stream, because the test runner hides what a passing test prints.
        let told = b"    image: run as the superuser, who may write what is read-only: not tried\n";
        std::io::Write::write_all(&mut std::io::stderr(), told).ok();
        return;
    }
    let mut image = Image::open(&path, false).expect("readable");
    assert_eq!(image.access(), Access::ReadOnly);
    assert_eq!(read(&mut image, 0, 4), b"four");
    assert!(matches!(block_on(image.write(4, b"four")), Err(ImageError::ReadOnly)));
}

/// The beginning of page `page` of the box `salt`, as a journal leaves it.
fn page_head(salt: u64, page: u32) -> Vec<u8> {
    use contactbox_core::store::page::{ChecksumSeed, FIRST_ENTRY_AT, PageHeader, START};
    let base = page * PAGE_BYTES as u32;
    let mut head = vec![0xFF; 64];
    let header = PageHeader { order: page + 1, erases: 0, salt };
    head[..24].copy_from_slice(&header.encode(base));
    let entry = &mut head[FIRST_ENTRY_AT..FIRST_ENTRY_AT + 16];
    let (at, frame) = (FIRST_ENTRY_AT, ChecksumSeed { salt, order: page + 1, base });
    frame.seal(at, entry, START, 0, 0);
    complement(&mut head);
    head
}

/// Makes a file with pages of the box 7 at these places, and `other` bytes at others.
fn file_of(path: &Path, pages: &[u32], others: &[(u64, u64)], len: u64) {
    let file = File::create(path).expect("a file of ours");
    file.set_len(len).expect("a sparse file");
    for &page in pages {
        let at = HEADER_BYTES as u64 + u64::from(page) * PAGE_BYTES as u64;
        disk::write_all_at(&file, &page_head(7, page), at).expect("room");
    }
    for &(at, bytes) in others {
        disk::write_all_at(&file, &vec![0xA5; bytes as usize], at).expect("room");
    }
}

#[test]
fn only_a_file_of_a_box_is_salvaged_and_no_more_of_it_than_is_the_box() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("a.box");
    let start = |page: u64| HEADER_BYTES as u64 + page * PAGE_BYTES as u64;
    let salvage = || Image::open(&path, true);
    // The header is damaged and the pages are there: more of them than a new box has, or fewer.
    file_of(&path, &[0, 1, 2], &[(0, 4096)], start(16));
    let image = salvage().expect("it is a box");
    assert_eq!((image.box_id(), image.pages()), (7, PAGES_MIN));
    drop(image);
    // Other bytes behind the box are not part of it.
    let pages: Vec<u32> = (0..20).collect();
    file_of(&path, &pages, &[(0, 4096), (start(20), 300_000)], start(25) + 17);
    assert_eq!(salvage().expect("it is a box").pages(), 20);
    // A sparse file is read only where it has content, and does not make a huge box.
    file_of(&path, &[0, 1], &[(0, 4096)], 20 << 30);
    let before = std::time::Instant::now();
    assert_eq!(salvage().expect("it is a box").pages(), PAGES_MIN);
    assert!(before.elapsed() < std::time::Duration::from_secs(2), "{:?}", before.elapsed());
    // Foreign files stay as they are: one with a box within it, and one with pages in the wrong
    // places.
    let refused = |why: &str| {
        let before = std::fs::metadata(&path).expect("it is there").len();
        let refused = salvage().err().unwrap_or_else(|| panic!("{why}"));
        assert!(matches!(refused, OpenImageError::Header { .. }), "{why}: {refused}");
        assert_eq!(std::fs::metadata(&path).expect("it is there").len(), before, "{why}");
    };
    let filled: Vec<(u64, u64)> = (0..40).map(|page| (start(page), 512)).collect();
    file_of(&path, &[40, 41, 42], &filled, start(60));
    refused("a box within the file of a disk");
    let file = File::create(&path).expect("a file of ours");
    for page in 0..4 {
        disk::write_all_at(&file, &page_head(7, page), start(u64::from(page) + 3)).expect("room");
    }
    refused("pages that are not at their place");
    std::fs::write(&path, vec![0x20; 100_000]).expect("room");
    refused("a text");
}

#[test]
fn a_header_alone_is_no_box_and_is_not_made_longer() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("a.box");
    drop(new_image(folder.path()));
    let file = OpenOptions::new().write(true).open(&path).expect("our file");
    file.set_len(HEADER_BYTES as u64).expect("our file");
    for is_salvage in [false, true] {
        let refused = Image::open(&path, is_salvage).err().expect("nothing is left");
        assert_eq!(file.metadata().expect("our file").len(), HEADER_BYTES as u64);
        let is_hollow =
            matches!(refused, OpenImageError::Header { error: HeaderError::Hollow, .. });
        assert_eq!(is_hollow, is_salvage, "{refused}");
    }
}

/// A link to a folder that now leads to another disk looks, to the process that has the file open,
/// like an unmounted disk.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_not_there_any_more_is_no_file_that_was_moved() {
    use std::os::unix::fs::MetadataExt;
    let here = tempfile::tempdir().expect("a temp folder");
    let Ok(there) = tempfile::tempdir_in("/dev/shm") else { return };
    let disk = |folder: &Path| std::fs::metadata(folder).expect("it is there").dev();
    if disk(here.path()) == disk(there.path()) {
        return;
    }
    let mount = here.path().join("mount");
    std::os::unix::fs::symlink(there.path(), &mount).expect("a folder of ours");
    let path = mount.join("a.box");
    let mut image = Image::open(&path, false).expect("a new image");
    image.publish().expect("it gets its name");
    assert_eq!(image.look(), Access::ReadWrite);
    std::fs::remove_file(&mount).expect("our link");
    std::fs::create_dir(&mount).expect("a folder of ours");
    assert_eq!(image.look(), Access::Displaced(Displaced::Unmounted));
    let told = image.writable().expect_err("it is not there").to_string();
    assert!(told.contains("was unmounted") && told.contains("mount it there again"), "{told}");
}
