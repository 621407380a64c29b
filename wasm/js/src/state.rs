//! What an instance keeps between calls.

use std::cell::RefCell;

use backstop_core::Roster;

use crate::{answer::Answer, use_case::Call};

/// What an instance keeps between calls.
#[derive(Default)]
pub(crate) struct State {
    /// What the package wrote last.
    pub(crate) input: Vec<u8>,
    /// What `select` answered last.
    pub(crate) answer: Answer,
    /// The prepared rosters.
    pub(crate) rosters: Slots<Roster>,
    /// The use cases that have begun.
    pub(crate) calls: Slots<Call>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

impl State {
    /// Lends the state. Must not be nested.
    pub(crate) fn with<T>(f: impl FnOnce(&mut Self) -> T) -> T {
        STATE.with_borrow_mut(f)
    }

    /// Makes room for an input of that many bytes, and returns where.
    pub(crate) fn input(&mut self, length: usize) -> *mut u8 {
        self.input.clear();
        self.input.resize(length, 0);
        self.input.as_mut_ptr()
    }
}

/// Values by handles from 1, which are used again.
pub(crate) struct Slots<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(handle) = self.free.pop() {
            self.values[index(handle)] = Some(value);
            handle
        } else {
            self.values.push(Some(value));
            self.values.len() as u32
        }
    }

    pub(crate) fn get(&self, handle: u32) -> &T {
        self.values[index(handle)]
            .as_ref()
            .expect("the package uses no handle that it gave back")
    }

    /// Takes a value out. Its handle is free until [`Slots::put`] takes it back.
    pub(crate) fn remove(&mut self, handle: u32) -> T {
        let value = self.values[index(handle)].take();
        self.free.push(handle);
        value.expect("the package gives no handle back twice")
    }

    /// Puts a value back in its place. Nothing else was put in or taken out since it was taken out.
    pub(crate) fn put(&mut self, handle: u32, value: T) {
        let last = self.free.pop();
        assert_eq!(last, Some(handle), "a value is put back at once");
        self.values[index(handle)] = Some(value);
    }
}

fn index(handle: u32) -> usize {
    handle as usize - 1
}
