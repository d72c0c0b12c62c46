//! One small request over a stream that knows its types, as `interop/gobbench` measures it in Go: the
//! envelope `{ID, Request}` with a string or a registered struct of two numbers inside.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use trunkline_gob::{Decoder, Encoder, Limits, Named, Order, Raw};

#[derive(Serialize, Deserialize)]
#[serde(rename = "wireRequest")]
struct Envelope<B> {
    #[serde(rename = "ID")]
    id: u64,
    #[serde(rename = "Request")]
    request: B,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Rect {
    w: i32,
    h: i32,
}

fn encode<B: Serialize>(c: &mut Criterion, name: &str, request: B) {
    let mut value = Envelope { id: 1000, request };
    let (mut encoder, mut out) = (Encoder::new(Order::Ahead), Vec::new());
    encoder.encode(&value, &mut out).expect("the benchmark's own value");
    c.bench_function(name, |b| {
        b.iter(|| {
            out.clear();
            value.id += 1;
            encoder.encode(black_box(&value), &mut out).expect("the benchmark's own value");
            black_box(out.len())
        });
    });
}

/// A stream after its first message, and the second.
fn stream<B: Serialize>(request: B) -> (Decoder, Vec<u8>) {
    let (mut encoder, mut out) = (Encoder::new(Order::Ahead), Vec::new());
    let value = Envelope { id: 1000, request };
    encoder.encode(&value, &mut out).expect("the benchmark's own value");
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&out);
    decoder.next_message().expect("own bytes").expect("complete");
    out.clear();
    encoder.encode(&value, &mut out).expect("the benchmark's own value");
    (decoder, out)
}

fn decode<B: serde::de::DeserializeOwned>(c: &mut Criterion, name: &str, request: impl Serialize) {
    let (mut decoder, bytes) = stream(request);
    c.bench_function(name, |b| {
        b.iter(|| {
            decoder.push(black_box(&bytes));
            let message = decoder.next_message().expect("own bytes").expect("complete");
            black_box(message.decode::<Envelope<B>>().expect("an envelope"))
        });
    });
}

fn string() -> Named<String> {
    Named::new("string", "foobar".to_owned())
}

fn rect() -> Named<Rect> {
    Named::new("*main.Rect", Rect { w: 3, h: 4 })
}

fn raw() -> Raw {
    Raw::named("*main.Rect", &Rect { w: 3, h: 4 }).expect("the benchmark's own value")
}

fn small_request(c: &mut Criterion) {
    encode(c, "encode string", string());
    encode(c, "encode struct", rect());
    encode(c, "encode self-contained", raw());
    decode::<Named<String>>(c, "decode string", string());
    decode::<Named<Rect>>(c, "decode struct", rect());
    decode::<Raw>(c, "decode self-contained", rect());
    let (mut decoder, bytes) = stream(rect());
    c.bench_function("decode tree", |b| {
        b.iter(|| {
            decoder.push(black_box(&bytes));
            black_box(
                decoder.next_message().expect("own bytes").expect("complete").to_value().expect("a tree"),
            )
        });
    });
    c.bench_function("make self-contained", |b| b.iter(|| black_box(raw())));
    let body = raw();
    c.bench_function("read self-contained", |b| {
        b.iter(|| black_box(black_box(&body).decode::<Rect>().expect("a rect")));
    });
}

criterion_group!(benches, small_request);
criterion_main!(benches);
