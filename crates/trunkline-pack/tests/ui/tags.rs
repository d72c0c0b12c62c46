use trunkline_pack::{Pack, Unpack};

#[derive(Pack)]
enum NoTagType {
    A = 1,
}

#[derive(Unpack)]
#[pack(tag = u8)]
enum NoTag {
    #[pack(tag = 1)]
    A,
    B(u32),
}

#[derive(Pack)]
#[pack(tag = u8)]
enum Twice {
    #[pack(tag = 1)]
    A,
    B = 0x1,
}

#[derive(Pack)]
#[pack(tag = u8)]
enum TooLarge {
    A = 300,
}

#[derive(Pack)]
#[pack(tag = u8)]
enum Negative {
    A = -1,
}

#[derive(Pack)]
#[pack(tag = usize)]
enum WrongType {
    A = 1,
}

#[derive(Pack)]
#[pack(tag = u8)]
enum TwoTags {
    #[pack(tag = 2)]
    A = 2,
}

#[derive(Pack)]
#[pack(tag = u8)]
struct TagOnStruct(u8);

fn main() {}
