//! Where in a value something went wrong: `Message.list[3].y`.
//!
//! Collected from the inside out while an error travels up, so that the good case pays nothing.

use std::borrow::Cow;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field { owner: Cow<'static, str>, name: Cow<'static, str> },
    Item(usize),
}

/// The steps from the value asked for to the one that failed, innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    pub(crate) fn field(&mut self, owner: Cow<'static, str>, name: Cow<'static, str>) {
        self.0.push(Step::Field { owner, name });
    }

    pub(crate) fn item(&mut self, index: usize) {
        self.0.push(Step::Item(index));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().rev().enumerate() {
            match step {
                // Only the outermost type is named: the fields below say which the others are.
                Step::Field { owner, name } if index == 0 => write!(f, "{owner}.{name}")?,
                Step::Field { name, .. } => write!(f, ".{name}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}
