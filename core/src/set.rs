use alloc::vec::Vec;

/// A set as a sorted list.
///
/// What the policy counts are tens of things, and a component that carries a tree for them is a
/// third larger.
#[derive(Clone, Debug)]
pub(crate) struct Set<T>(Vec<T>);

impl<T: Ord> Set<T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an item, and says whether it is new.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        match self.0.binary_search(&item) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, item);
                true
            }
        }
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the items, sorted.
    pub(crate) fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T: Ord> Extend<T> for Set<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.insert(item);
        }
    }
}

impl<T: Ord> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut set = Self::new();
        set.extend(items);
        set
    }
}
