use super::{KEEP, KEEP_LARGE, StoragePool};
use crate::buffer::{Buffer, End, Error, FIRST};
use bytes::Bytes;
use std::io::IoSlice;

/// What the pool's block has room for in these tests.
const BLOCK: usize = 16384;

fn text(b: &Buffer) -> Vec<u8> {
    b.slices(0).flatten().copied().collect()
}

/// As a face does: reads `data` into the block, and appends it.
fn receive(b: &mut Buffer, data: &[u8], pool: &mut StoragePool) {
    b.reserve_segment().unwrap();
    pool.block(data.len().max(BLOCK)).unwrap().extend_from_slice(data);
    assert_eq!(b.receive_block(pool).map(|d| d.added), Ok(data.len()));
}

/// The same storage is read into, moved, written and read into again, whatever is frozen.
#[test]
fn storage_goes_round() {
    let mut pool = StoragePool::new();
    let (mut input, mut output): (Buffer, Buffer) = (Buffer::new(), Buffer::new());
    input.freeze(End::Back);
    output.freeze(End::Front);
    receive(&mut input, b"first", &mut pool);
    let address = input.first().as_ptr();
    for round in 0..40 {
        assert_eq!(output.append_buffer(&mut input).map(|d| d.added), Ok(5), "{round}");
        assert!(input.is_bare() && input.is_empty());
        assert_eq!(output.sole(), Some(&b"first"[..]));
        assert!(output.consume(2, &mut pool).unwrap().is_empty());
        assert_eq!(output.sole(), Some(&b"rst"[..]));
        assert!(output.consume(3, &mut pool).unwrap().is_empty());
        assert!(output.is_bare() && output.is_empty());
        assert_eq!(pool.held(), FIRST + BLOCK);
        receive(&mut input, b"first", &mut pool);
        assert_eq!((pool.held(), input.first().as_ptr()), (BLOCK, address));
    }
    assert!(input.is_frozen(End::Back) && output.is_frozen(End::Front));
}

#[test]
fn what_is_received_follows_the_content() {
    let mut pool = StoragePool::new();
    let mut b: Buffer = Buffer::new();
    receive(&mut b, b"one ", &mut pool);
    receive(&mut b, b"two ", &mut pool);
    receive(&mut b, b"", &mut pool);
    b.receive_storage(Vec::new()).unwrap();
    b.receive_storage(b"three ".to_vec()).unwrap();
    b.append_shared(Bytes::from_static(b"four ")).unwrap();
    b.reserve_segment().unwrap();
    b.receive_storage(b"five".to_vec()).unwrap();
    assert_eq!(text(&b), b"one two three four five");
    let large = vec![7; 100_000];
    receive(&mut b, &large, &mut pool);
    assert_eq!(b.len(), 23 + large.len());
    assert!(b.consume(23, &mut pool).unwrap().is_empty());
    assert_eq!(text(&b), large);
    assert_eq!(b.consume(large.len() + 1, &mut pool).unwrap_err(), Error::OutOfRange);
    assert_eq!(b.len(), large.len());
}

/// The pool is bounded, also where storage of many sizes is put into it.
#[test]
fn it_holds_at_most_its_limit() {
    let mut pool = StoragePool::new();
    for size in [100, FIRST, FIRST + 1, 4096, 8192, 32 * 1024, 64 * 1024, 128 * 1024, 256 * 1024] {
        for _ in 0..200 {
            pool.put(Vec::with_capacity(size));
        }
    }
    // The last one was 128 KiB, which is kept beside the others.
    assert_eq!(pool.held(), 6 * KEEP + KEEP_LARGE * (64 + 128) * 1024);
}

#[test]
fn the_size_is_what_is_expected() {
    let mut pool = StoragePool::new();
    for (expected, size) in
        [(0, FIRST), (2048, 2048), (2049, 4096), (5000, 8192), (16384, 16384), (1 << 30, *StoragePool::SIZES.end())]
    {
        let mut storage = pool.take(expected).unwrap();
        assert_eq!((storage.capacity(), storage.len()), (size, 0));
        storage.push(1);
        let address = storage.as_ptr();
        pool.put(storage);
        let again = pool.take(size).unwrap();
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
    }
}

/// Several segments are shown and removed as one run of bytes, in steps of any size.
#[test]
fn several_segments_are_one_run() {
    let all: Vec<u8> = (0..50_000u32).map(|i| (i * 7 / 3) as u8).collect();
    for step in [1000, 16384, 20_000, 32_768, 49_999, 50_000] {
        let mut pool = StoragePool::new();
        let mut output: Buffer = Buffer::new();
        for chunk in all.chunks(16384) {
            let mut storage = pool.take(16384).unwrap();
            storage.extend_from_slice(chunk);
            output.receive_storage(storage).unwrap();
        }
        output.freeze(End::Front);
        let mut done = 0;
        while !output.is_empty() {
            let n = step.min(output.len());
            let mut slices = [IoSlice::new(&[]); 8];
            let count = output.io_slices(n, &mut slices, IoSlice::new);
            assert_eq!(slices[..count].iter().flat_map(|p| p.iter().copied()).collect::<Vec<_>>(), all[done..done + n]);
            assert!(output.consume(n, &mut pool).unwrap().is_empty());
            done += n;
            assert_eq!(text(&output), all[done..]);
        }
        assert!(output.is_bare() && output.front.is_none());
        assert_eq!(pool.held(), 4 * 16384);
    }
}

#[test]
fn shared_segments_are_consumed_but_not_shown() {
    let mut pool = StoragePool::new();
    let mut b: Buffer = Buffer::new();
    for n in 0..3 {
        b.append_owned(vec![n; 100]).unwrap();
    }
    let mut slices = [IoSlice::new(&[]); 2];
    assert_eq!([300, 200, 150].map(|n| b.io_slices(n, &mut slices, IoSlice::new)), [0, 2, 2]);
    b.append_shared(Bytes::from_static(b"shared")).unwrap();
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!([301, 300].map(|n| b.io_slices(n, &mut slices, IoSlice::new)), [0, 3]);
    assert!(b.consume(303, &mut pool).unwrap().is_empty());
    assert_eq!(text(&b), b"red");
    assert!(b.sole().is_none() && !b.is_bare());
    assert!(b.consume(3, &mut pool).unwrap().is_empty());
    assert!(b.is_empty());
}

/// A block that was filled well moves to the buffer, also behind content; the next read gets another one.
#[test]
fn a_full_block_is_not_copied() {
    let mut pool = StoragePool::new();
    let mut b: Buffer = Buffer::new();
    for n in [5, BLOCK / 4, BLOCK] {
        let before = b.len();
        b.reserve_segment().unwrap();
        let block = pool.block(BLOCK).unwrap();
        assert!(block.is_empty() && block.capacity() >= BLOCK);
        block.resize(n, 7);
        let address = block.as_ptr();
        b.receive_block(&mut pool).unwrap();
        assert_eq!(b.len(), before + n);
        let moved = b.slices(0).any(|s| s.as_ptr() == address);
        assert_eq!(moved, n >= BLOCK / 4, "{n}");
    }
    assert!(text(&b).iter().all(|x| *x == 7));
    // A larger read gets a larger block.
    assert!(pool.block(100_000).unwrap().capacity() >= 100_000);
    assert_eq!(pool.block(1 << 30).unwrap().capacity(), *StoragePool::SIZES.end());
}
