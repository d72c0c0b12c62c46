use trunkline_pack::{Unpack, decode};

#[derive(Unpack)]
struct Name<'a>(&'a str);

fn main() {
    let name: Name<'_> = {
        let bytes = vec![1, 0, 0, 0, b'a'];
        decode(&bytes).unwrap()
    };
    drop(name.0.len());
}
