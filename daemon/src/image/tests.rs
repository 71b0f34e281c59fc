//! The image as a chip and as a file: erased, programmed, grown, locked, foreign, cut short.
use super::*;
use embassy_futures::block_on;

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
    let sound = std::fs::read(&path).expect("it is there");
    for byte in 0..HEADER_BYTES {
        let mut struck = sound.clone();
        struck[byte] ^= 1 << (byte % 8);
        std::fs::write(&path, &struck).expect("a disk with room");
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

/// A box that somebody keeps under the name that new ones are made under stays as it is.
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
    // What a start that was cut left behind is in nobody's way.
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
    // And a draft is not written through one.
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
    drop(new_image(folder.path()));
    let file = OpenOptions::new().write(true).open(&path).expect("a file");
    file.set_len(500_000).expect("a shorter file");
    let error = Image::open(&path, false).err().expect("cut short");
    assert!(matches!(error, OpenImageError::CutShort { bytes: 500_000, .. }), "{error}");
    let mut image = Image::open(&path, true).expect("what is left");
    let end = image.capacity() as u32;
    assert_eq!(read(&mut image, end - 4, 4), [0xFF; 4]);
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
    assert_eq!(image.syncs(), before + 2, "the erase is there before the page is used");
    block_on(image.write(65_540, b"next")).expect("aligned");
    assert_eq!(image.syncs(), before + 2);
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
        // Past the test runner, which keeps what a passing test prints to itself.
        let told = b"    image: run as the superuser, who may write what is read-only: not tried\n";
        std::io::Write::write_all(&mut std::io::stderr(), told).ok();
        return;
    }
    let mut image = Image::open(&path, false).expect("readable");
    assert_eq!(image.access(), Access::ReadOnly);
    assert_eq!(read(&mut image, 0, 4), b"four");
    assert!(matches!(block_on(image.write(4, b"four")), Err(ImageError::ReadOnly)));
}
