use trunkline_pack::Pack;

#[derive(Pack)]
#[pack(little)]
struct OnType(u8);

#[derive(Pack)]
#[pack(ber)]
struct BerOnType(u32);

#[derive(Pack)]
struct OnField(#[pack(BER)] u32);

#[derive(Pack)]
struct WithValue(#[pack(ber = true)] u32);

#[derive(Pack)]
struct SaidTwice(#[pack(ber, ber)] u32);

#[derive(Pack)]
#[pack(tag = u8)]
enum OnVariant {
    #[pack(ber)]
    A = 1,
}

#[derive(Pack)]
union Union {
    a: u8,
}

fn main() {}
