//! Values by themselves, fast: learning a Rust type costs several times what writing it does, so each thread
//! keeps the encoders of the last few types.
//!
//! In: a value. Out: a stream of that one value, its types numbered from 64. A definition may have fields that
//! only earlier values of the type had a use for.

use std::cell::RefCell;

use serde::Serialize;

use super::{Encoder, Order};
use crate::error::Result;

/// How many types a thread remembers.
const KEPT: usize = 32;
/// How large the scratch space of an idle encoder may be.
const SCRATCH: usize = 64 << 10;

struct Kept {
    rust: &'static str,
    registered: Box<str>,
    encoder: Encoder,
}

thread_local! {
    static ENCODERS: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Encodes `value`; `registered` is the name it goes under, or empty.
pub(crate) fn alone<T: Serialize + ?Sized>(registered: &str, value: &T) -> Result<Vec<u8>> {
    let rust = std::any::type_name::<T>();
    let mut out = Vec::new();
    // Taken out while in use: serializing may come back here.
    let kept = ENCODERS.with_borrow_mut(|kept| {
        let at = kept.iter().position(|kept| kept.rust == rust && *kept.registered == *registered)?;
        Some(kept.swap_remove(at))
    });
    if let Some(mut kept) = kept {
        kept.encoder.stream.forget_sent();
        kept.encoder.encode(value, &mut out)?;
        // Else types of other values take numbers, or the order differs: begin anew.
        if kept.encoder.stream.sent_all_in_order() {
            keep(kept);
            return Ok(out);
        }
        out.clear();
    }
    let mut encoder = Encoder::new(Order::Ahead);
    encoder.encode(value, &mut out)?;
    keep(Kept { rust, registered: registered.into(), encoder });
    Ok(out)
}

fn keep(kept: Kept) {
    if kept.encoder.scratch.capacity() > SCRATCH {
        return;
    }
    ENCODERS.with_borrow_mut(|all| {
        if all.len() == KEPT {
            all.remove(0);
        }
        all.push(kept);
    });
}
