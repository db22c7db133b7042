//! Strings that come again and again in what other nodes tell, such as rooms and senders: one copy is kept of each.

use std::{collections::HashSet, sync::Arc};

/// Strings kept at most. When there are more, all are forgotten: those that still come are soon here again.
const MOST: usize = 16_384;

/// Gives out the same copy for the same string. Events of other nodes stay in memory for long, and most of their strings
/// are those of the event before.
#[derive(Debug, Default)]
pub(crate) struct Interner(HashSet<Arc<str>>);

impl Interner {
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        if self.0.len() == MOST {
            self.0.clear();
        }
        let new: Arc<str> = text.into();
        self.0.insert(new.clone());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_comes_again_is_the_same_and_they_do_not_pile_up() {
        let mut interner = Interner::default();
        let first = interner.get("!room");
        assert!(Arc::ptr_eq(&first, &interner.get("!room")));
        for n in 0..=MOST {
            assert_eq!(interner.get(&n.to_string()).as_ref(), n.to_string());
            assert!(interner.0.len() <= MOST);
        }
        assert!(!Arc::ptr_eq(&first, &interner.get("!room")), "it was forgotten, like all others");
    }
}
