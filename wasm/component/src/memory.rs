//! The allocator, and the end of a call.
//!
//! A call allocates for microseconds and then everything goes at once. So blocks come in powers of
//! two, a freed one is handed out again to the next that wants its size, and when the host has read
//! the answer all of it is forgotten in one step. That is several times as fast as a general
//! allocator, and a tenth of its size.
#![expect(unsafe_code, reason = "an allocator hands out memory; nobody else can")]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::{memory_grow, memory_size},
    ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

#[global_allocator]
static HEAP: Heap = Heap {
    next: AtomicUsize::new(0),
    freed: [const { AtomicUsize::new(0) }; CLASSES],
};

/// The smallest block. Every block is aligned to it, which is more than any type asks for.
const LEAST: usize = 16;
/// Block sizes are 2 to the power of the class.
const CLASSES: usize = 32;
const PAGE: usize = 65_536;

/// Forgets every allocation.
///
/// # Safety
///
/// No value that owns memory may be used afterwards. The guest keeps nothing between calls, so that
/// holds when the host has read the answer of one.
pub(crate) unsafe fn forget_all() {
    HEAP.next.store(0, Relaxed);
    for freed in &HEAP.freed {
        freed.store(0, Relaxed);
    }
}

/// The instance has one thread: the atomics are plain numbers that a `static` may hold.
struct Heap {
    /// The first address that was never handed out; 0 stands for the start of the heap.
    next: AtomicUsize,
    /// By class, the block that was freed last, which holds the address of the one before it.
    freed: [AtomicUsize; CLASSES],
}

impl Heap {
    /// Hands out memory that was never handed out before, or 0 if there is none left.
    fn fresh(&self, size: usize) -> usize {
        unsafe extern "C" {
            /// Where the linker's own data ends; an address, never read.
            static __heap_base: u8;
        }
        let start = match self.next.load(Relaxed) {
            0 => (&raw const __heap_base).addr().next_multiple_of(LEAST),
            next => next,
        };
        let Some(end) = start.checked_add(size) else {
            return 0;
        };
        let have = memory_size(0) * PAGE;
        if end > have && memory_grow(0, (end - have).div_ceil(PAGE)) == usize::MAX {
            return 0;
        }
        self.next.store(end, Relaxed);
        start
    }
}

fn class(layout: Layout) -> usize {
    debug_assert!(layout.align() <= LEAST);
    layout
        .size()
        .max(LEAST)
        .next_power_of_two()
        .trailing_zeros() as usize
}

// SAFETY: a block belongs to whoever it was handed out to until it comes back: `fresh` never hands
// out an address twice, and `freed` holds only what came back. Blocks are as large as their class,
// which is at least the size of the layout, and start at a multiple of `LEAST`, as do all sizes.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        let Some(freed) = self.freed.get(class) else {
            return ptr::null_mut();
        };
        let block = match freed.load(Relaxed) {
            0 => self.fresh(1 << class),
            block => {
                // SAFETY: a block that was freed is nobody's, and starts with an address.
                freed.store(unsafe { *ptr::with_exposed_provenance(block) }, Relaxed);
                block
            }
        };
        ptr::with_exposed_provenance_mut(block)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(freed) = self.freed.get(class(layout)) {
            // SAFETY: the block has just come back, and is large enough for an address.
            unsafe { block.cast::<usize>().write(freed.load(Relaxed)) };
            freed.store(block.expose_provenance(), Relaxed);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller of `realloc` promises that the new size makes a layout.
        let larger = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if class(larger) == class(layout) {
            return block;
        }
        // SAFETY: both blocks are at least as large as the smaller layout, and they are different;
        // the old one is the caller's to give back.
        unsafe {
            let moved = self.alloc(larger);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
