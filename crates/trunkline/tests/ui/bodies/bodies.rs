//! Values that are no bodies.

use trunkline::{FromBody, IntoBody};

struct NoBody;

fn sends(_: impl IntoBody) {}

fn wants<B: FromBody>() {}

fn main() {
    sends(NoBody);
    sends(7u32);
    wants::<NoBody>();
    wants::<&str>();
}
