//! What extensions keep in a loop.

use std::any::{Any, TypeId};

/// One value of each type that asked for a place. There are few, so that they are looked for one by one.
#[derive(Default)]
pub(crate) struct Extensions {
    values: Vec<(TypeId, Box<dyn Any>)>,
}

impl Extensions {
    /// The value of that type; the first call makes it.
    pub fn get<T: Default + 'static>(&mut self) -> &mut T {
        let wanted = TypeId::of::<T>();
        let at = match self.values.iter().position(|(id, _)| *id == wanted) {
            Some(at) => at,
            None => {
                self.values.push((wanted, Box::<T>::default()));
                self.values.len() - 1
            }
        };
        match self.values[at].1.downcast_mut() {
            Some(value) => value,
            None => unreachable!("stored under the identity of its type"),
        }
    }
}
