//! What hostile or unusual input costs, counted by the allocator.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use bytes::Bytes;
use trunkline_pack::{
    Input, MAX_EMPTY_ITEMS, Pack, PackErrorKind, Unpack, UnpackErrorKind, append, decode, decode_ber, pack,
    unpack,
};

#[derive(Pack, Unpack, Debug, PartialEq, Clone)]
struct Empty;

#[derive(Pack, Unpack)]
struct Message<'a> {
    #[pack(ber)]
    count: u32,
    name: &'a str,
    blob: &'a [u8],
}

#[test]
fn borrowed_decoding_allocates_nothing() {
    let bytes = pack(&Message { count: 258, name: "world", blob: b"blob" }).unwrap();
    let mut sum = 0;
    let info = measure(|| {
        let message: Message<'_> = decode(&bytes).unwrap();
        sum += message.count as usize + message.name.len() + message.blob.len();
    });
    assert_eq!(sum, 258 + 5 + 4);
    assert_eq!(info.count_total, 0);
}

#[test]
fn shared_bytes_allocate_once_for_the_whole_input() {
    let body = Bytes::from(pack(&(Bytes::from(vec![7; 10_000]), Bytes::from(vec![8; 10_000]))).unwrap());
    let info = measure(|| drop(decode::<(Bytes, Bytes)>(&body).unwrap()));
    // At most the count of references that `Bytes` makes on its first clone.
    assert!(info.bytes_total < 100, "{info:?}");
}

#[test]
fn appending_to_room_allocates_nothing() {
    let message = Message { count: 258, name: "world", blob: b"blob" };
    let mut out = Vec::with_capacity(64);
    let info = measure(|| append(&mut out, &message).unwrap());
    assert_eq!(info.count_total, 0);
    assert_eq!(out.len(), 2 + 9 + 8);
}

/// I8: four bytes made Go allocate 512 MiB.
#[test]
fn an_announced_count_allocates_nothing() {
    fn cost<T: for<'a> Unpack<'a>>(bytes: &[u8]) -> u64 {
        measure(|| assert!(decode::<Vec<T>>(Input::new(bytes)).is_err())).bytes_max
            + measure(|| assert!(decode::<Vec<T>>(Input::new(bytes).lenient()).is_err())).bytes_max
    }
    // The error itself is one small allocation each.
    const ERRORS: u64 = 1024;
    for count in [1000u32, 1 << 24, u32::MAX] {
        assert!(cost::<u64>(&count.to_le_bytes()) < ERRORS);
        assert!(cost::<u8>(&count.to_le_bytes()) < ERRORS);
        assert!(cost::<String>(&count.to_le_bytes()) < ERRORS);
        assert!(cost::<(u8, String)>(&count.to_le_bytes()) < ERRORS);
    }
    let error = decode_ber::<Vec<u64>>(b"\x8f\xff\xff\xff\x7f").unwrap_err();
    assert_eq!(error.kind(), &UnpackErrorKind::Count { announced: u32::MAX, left: 0, min_size: 8 });
}

/// An item may be far larger in memory than in the input.
#[test]
fn memory_follows_the_bytes_that_arrived() {
    #[derive(Unpack, Debug)]
    #[pack(tag = u8)]
    #[expect(dead_code, clippy::large_enum_variant, reason = "its size is what is tested")]
    enum Large {
        #[pack(tag = 0)]
        Small,
        #[pack(tag = 1)]
        Big([u64; 100]),
    }
    // 1000 items announced and 1000 bytes there, but the second item is malformed.
    let bytes = [&1000u32.to_le_bytes()[..], &[0, 9], &[0; 998]].concat();
    let info = measure(|| assert!(decode::<Vec<Large>>(&bytes).is_err()));
    assert!(info.bytes_max < 8 * 1024, "{info:?}");
}

/// I9: items without bytes are free for the sender.
#[test]
fn items_without_bytes_are_bounded() {
    let three = 3u32.to_le_bytes();
    let error = decode::<Vec<Empty>>(&three).unwrap_err();
    assert!(matches!(error.kind(), UnpackErrorKind::Count { announced: 3, left: 0, .. }), "{error}");
    // Bytes behind the list do not help.
    let (count_and_tail, tail) = ([3u8, 0, 0, 0, 1, 1, 1, 1], [1u8; 4]);
    let error = unpack::<Vec<Empty>>(&count_and_tail).unwrap_err();
    assert_eq!(error.kind(), &UnpackErrorKind::EmptyItem { limit: 0 });
    let (list, rest) = unpack::<Vec<Empty>>(Input::new(&count_and_tail).lenient()).unwrap();
    assert_eq!((list.len(), rest), (3, &tail[..]));

    let begin = Instant::now();
    let most = u32::MAX.to_le_bytes();
    let error = decode::<Vec<Empty>>(Input::new(&most).lenient()).unwrap_err();
    assert_eq!(error.kind(), &UnpackErrorKind::EmptyItem { limit: MAX_EMPTY_ITEMS });
    // Lists of lists share one allowance.
    let lists = [&1000u32.to_le_bytes()[..], &most.repeat(1000)].concat();
    assert!(decode::<Vec<Vec<Empty>>>(Input::new(&lists).lenient()).is_err());
    let lists = [&1000u32.to_le_bytes()[..], &60_000u32.to_le_bytes().repeat(1000)].concat();
    assert!(decode::<Vec<Vec<Empty>>>(Input::new(&lists).lenient()).is_err());
    assert!(begin.elapsed() < Duration::from_secs(1));
}

/// I40: Go cuts lengths above 32 bits.
#[test]
fn a_length_above_32_bits_is_refused() {
    // Items without a size: a list longer than 32 bits without the memory.
    let len = u32::MAX as usize + 1;
    let list = vec![(); len];
    let mut out = b"before".to_vec();
    let error = append(&mut out, &(1u8, list)).unwrap_err();
    assert_eq!(error.kind(), &PackErrorKind::TooLong { len });
    assert_eq!(
        error.to_string(),
        "cannot pack tuple.1: length: length 4294967296 is above the limit of 4294967295"
    );
    assert_eq!(out, b"before");
}

/// I36, I38: each refused, and accepted when asked.
#[test]
fn strict_and_lenient() {
    type Decoded = Result<u64, trunkline_pack::UnpackError>;
    let strict = |bytes: &'static [u8]| -> Decoded { decode_ber(bytes) };
    let lenient = |bytes: &'static [u8]| -> Decoded { decode_ber(Input::new(bytes).lenient()) };
    assert_eq!(*strict(b"\x80\x01").unwrap_err().kind(), UnpackErrorKind::BerNotShortest);
    assert_eq!(lenient(b"\x80\x01").unwrap(), 1);
    let many = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
    assert_eq!(*strict(many).unwrap_err().kind(), UnpackErrorKind::BerOverflow { bits: 64 });
    assert_eq!(lenient(many).unwrap(), u64::MAX);
    // Truncation and too many groups are different errors.
    assert_eq!(*strict(b"\xff").unwrap_err().kind(), UnpackErrorKind::BerEnd);
    assert_eq!(*strict(&[0xff; 11]).unwrap_err().kind(), UnpackErrorKind::BerTooLong { max: 10 });

    assert_eq!(*decode::<i64>(b"\xff").unwrap_err().kind(), UnpackErrorKind::End { needed: 8, left: 1 });
    assert_eq!(decode::<i64>(Input::new(b"\xff").lenient()).unwrap(), 255);
}
