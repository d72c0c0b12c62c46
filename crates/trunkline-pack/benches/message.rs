//! The struct of go-iproto's packing example, packed and unpacked; `interop/packbench` does the same in Go.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use trunkline_pack::{Pack, Unpack, append, decode, pack};

#[derive(Pack, Unpack)]
struct Message {
    #[pack(ber)]
    count: u32,
    name: String,
}

#[derive(Pack, Unpack)]
struct Borrowed<'a> {
    #[pack(ber)]
    count: u32,
    name: &'a str,
}

fn message(c: &mut Criterion) {
    let message = Message { count: 258, name: "world".to_owned() };
    let bytes = pack(&message).expect("it fits");

    let mut group = c.benchmark_group("message");
    group.bench_function("pack", |b| b.iter(|| pack(black_box(&message))));
    group.bench_function("append", |b| {
        let mut out = Vec::with_capacity(64);
        b.iter(|| {
            out.clear();
            append(&mut out, black_box(&message)).expect("it fits");
            black_box(out.len())
        });
    });
    group.bench_function("unpack", |b| b.iter(|| decode::<Message>(black_box(&bytes))));
    group.bench_function("unpack_borrowed", |b| {
        b.iter(|| decode::<Borrowed<'_>>(black_box(&bytes)).map(|message| message.count));
    });
    group.finish();
}

fn list(c: &mut Criterion) {
    let numbers: Vec<u32> = (0..1024).collect();
    let bytes = pack(&numbers).expect("it fits");

    let mut group = c.benchmark_group("1024_u32");
    group.bench_function("pack", |b| b.iter(|| pack(black_box(&numbers))));
    group.bench_function("unpack", |b| b.iter(|| decode::<Vec<u32>>(black_box(&bytes))));
    group.finish();
}

criterion_group!(benches, message, list);
criterion_main!(benches);
