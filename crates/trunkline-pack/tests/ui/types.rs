use std::collections::HashMap;

use trunkline_pack::{Pack, Unpack, decode, pack};

#[derive(Pack)]
struct Unsupported {
    ratio: f64,
}

#[derive(Unpack)]
struct NotUnpackable {
    size: usize,
}

fn main() {
    let _ = pack(&true);
    let _ = pack(&HashMap::from([(1u8, 2u8)]));
    let _ = pack(&Some(1u8));
    let _ = decode::<isize>(&[1, 2, 3, 4]);
}
