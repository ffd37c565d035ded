use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;

use super::*;

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

/// A file without a name, with that many different bytes.
fn file(len: usize) -> File {
    let path = std::env::temp_dir().join(format!(
        "evoxide-sys-{}-{len}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(&(0..len).map(|at| at as u8).collect::<Vec<_>>()).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn by_number_and_by_type() {
    let (reader, writer) = pipe(true).unwrap();
    assert_eq!(errno(read(&reader, &mut [0; 4])), libc::EAGAIN);
    assert_eq!(write(&writer, b"ab").unwrap(), 2);
    assert_eq!(write(writer.as_raw_fd(), b"cd").unwrap(), 2);
    assert_eq!(available(reader.as_fd()).unwrap(), 4);
    let mut bytes = [0; 3];
    assert_eq!(read(reader.as_raw_fd(), &mut bytes).unwrap(), 3);
    assert_eq!(&bytes, b"abc");
    assert_eq!(read(reader.as_fd(), &mut bytes).unwrap(), 1);
    drop(writer);
    assert_eq!(read(&reader, &mut bytes).unwrap(), 0);
}

#[test]
fn vectors() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(writev(&ours, &[IoSlice::new(b"he"), IoSlice::new(b""), IoSlice::new(b"llo")]).unwrap(), 5);
    let (mut first, mut second) = ([0; 3], [0; 8]);
    let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(readv(&theirs, &mut slices).unwrap(), 5);
    assert_eq!((&first, &second[..2]), (b"hel", &b"lo"[..]));
    // More slices than one call takes.
    let many = vec![IoSlice::new(b"x"); 5000];
    let written = writev(&ours, &many).unwrap();
    assert!(written > 0 && written <= 5000);
    assert_eq!(available(&theirs).unwrap(), written);
}

#[test]
fn numbers_that_are_not_open() {
    for fd in [-1, i32::MIN, i32::MAX] {
        assert_eq!(errno(read(fd, &mut [0])), libc::EBADF);
        assert_eq!(errno(write(fd, b"x")), libc::EBADF);
        assert_eq!(errno(readv(fd, &mut [])), libc::EBADF);
        assert_eq!(errno(writev(fd, &[])), libc::EBADF);
        assert_eq!(errno(read_at(fd, &mut [0], 0)), libc::EBADF);
        assert_eq!(errno(available(fd)), libc::EBADF);
        assert_eq!(errno(sendfile(fd, fd, None, 1)), libc::EBADF);
        assert_eq!(errno(file_info(fd)), libc::EBADF);
        assert_eq!(errno(position(fd)), libc::EBADF);
        assert_eq!(errno(dup(fd)), libc::EBADF);
        assert_eq!(errno(set_cloexec(fd, true)), libc::EBADF);
        assert_eq!(errno(is_cloexec(fd)), libc::EBADF);
        assert_eq!(errno(set_nonblocking(fd, true)), libc::EBADF);
        assert_eq!(errno(is_nonblocking(fd)), libc::EBADF);
        // SAFETY: nothing is open there.
        assert_eq!(errno(unsafe { close(fd) }), libc::EBADF);
        // SAFETY: nothing is mapped.
        assert_eq!(errno(unsafe { Mapping::new(fd, 0, 1) }), libc::EBADF);
    }
}

#[test]
fn closing_by_number() {
    let (reader, writer) = pipe(false).unwrap();
    // SAFETY: into_raw_fd makes the number ours to close.
    unsafe { close(reader.into_raw_fd()) }.unwrap();
    assert_eq!(errno(write(&writer, b"x")), libc::EPIPE);
}

#[test]
fn flags() {
    let (reader, _writer) = pipe(false).unwrap();
    assert!(!is_nonblocking(&reader).unwrap());
    assert!(is_cloexec(&reader).unwrap());
    for on in [true, true, false, false] {
        set_nonblocking(&reader, on).unwrap();
        assert_eq!(is_nonblocking(&reader).unwrap(), on);
        set_cloexec(&reader, on).unwrap();
        assert_eq!(is_cloexec(&reader).unwrap(), on);
    }
    let copy = dup(&reader).unwrap();
    assert!(is_cloexec(&copy).unwrap());
    assert_ne!(copy.as_raw_fd(), reader.as_raw_fd());
}

#[test]
fn eventfds() {
    let fd = eventfd(3).unwrap();
    let mut count = [0; 8];
    assert_eq!(read(&fd, &mut count).unwrap(), 8);
    assert_eq!(u64::from_ne_bytes(count), 3);
    assert_eq!(errno(read(&fd, &mut count)), libc::EAGAIN);
}

#[test]
fn files() {
    let file = file(10_000);
    let info = file_info(&file).unwrap();
    assert_eq!(info, FileInfo { is_file: true, is_directory: false, is_socket: false, len: 10_000 });
    let mut bytes = [0; 4];
    assert_eq!(read_at(&file, &mut bytes, 300).unwrap(), 4);
    assert_eq!(bytes, [44, 45, 46, 47]);
    assert_eq!(position(&file).unwrap(), 0);
    let last = rustix::fs::SeekFrom::Start(9_999);
    assert_eq!(rustix::fs::seek(&file, last).unwrap(), 9_999);
    assert_eq!(read(&file, &mut bytes).unwrap(), 1);

    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut offset = 256;
    assert_eq!(sendfile(&ours, &file, Some(&mut offset), 3).unwrap(), 3);
    assert_eq!(offset, 259);
    assert_eq!(read(&theirs, &mut bytes).unwrap(), 3);
    assert_eq!(&bytes[..3], [0, 1, 2]);
    rustix::fs::seek(&file, last).unwrap();
    assert_eq!(sendfile(&ours, &file, None, 8).unwrap(), 1);
    assert!(file_info(&ours).unwrap().is_socket);
    assert_eq!(errno(position(&ours)), libc::ESPIPE);
    assert!(file_info(&File::open("/").unwrap()).unwrap().is_directory);
}

#[test]
fn mappings() {
    let file = file(10_000);
    for (offset, len) in [(0, 1), (0, 10_000), (5_000, 5_000), (4_095, 2), (9_999, 1)] {
        // SAFETY: the file has no name, so nobody changes it.
        let mapping = unsafe { Mapping::new(&file, offset, len) }.unwrap();
        let expected: Vec<_> = (offset..offset + len as u64).map(|at| at as u8).collect();
        assert_eq!(mapping.as_ref(), expected);
    }
    for (offset, len) in [(0, 0), (u64::MAX, 2), (0, usize::MAX), (i64::MAX as u64, 1)] {
        // SAFETY: nothing is mapped.
        assert_eq!(errno(unsafe { Mapping::new(&file, offset, len) }), libc::EINVAL);
    }
    let (ours, _theirs) = UnixStream::pair().unwrap();
    // SAFETY: nothing is mapped.
    assert_eq!(errno(unsafe { Mapping::new(&ours, 0, 1) }), libc::ENODEV);
}
