//! The canonical ABI: how the values of the contract lie in linear memory.
//!
//! Each type says once how it is laid out (`layout`), and the functions that read and write it are
//! shared by all that use it. What comes in is taken over, strings without a copy. What goes out is
//! written where it is: the answer points into the core's own values, which are forgotten rather
//! than dropped until the host has read it (`memory::forget_all`).
#![expect(
    unsafe_code,
    reason = "values cross the boundary as addresses in linear memory"
)]

use alloc::{
    alloc::{alloc, handle_alloc_error, realloc},
    string::String,
    vec::Vec,
};
use core::{
    alloc::Layout,
    arch::wasm32::unreachable,
    mem::{self, ManuallyDrop},
    ptr,
};

use backstop_core::{BackendId, By, Context, Name};

/// How a type lies in memory.
pub(crate) trait Abi {
    const ALIGN: usize;
    const SIZE: usize;
}

/// A type that comes in.
pub(crate) trait Lift: Abi + Sized {
    /// Takes over the value at that place.
    fn lift(at: At) -> Self;
}

/// A type that goes out.
pub(crate) trait Lower: Abi {
    /// Writes the value to that place. What is written points into the value, which must stay as
    /// long as it is read.
    fn lower(&self, at: At);
}

/// A place in linear memory: what the host passed, or what was allocated for an answer. It lies
/// within the value that it was made for, as long as offsets come from layouts.
#[derive(Clone, Copy)]
pub(crate) struct At(*mut u8);

impl At {
    /// Takes a place that the host passed.
    pub(crate) fn passed(address: usize) -> Self {
        Self(ptr::with_exposed_provenance_mut(address))
    }

    /// Allocates a place for that many values.
    fn fresh<T: Abi + ?Sized>(count: usize) -> Self {
        let layout = T::SIZE
            .checked_mul(count)
            .and_then(|size| Layout::from_size_align(size, T::ALIGN).ok());
        match layout {
            // A list without items has an address that is aligned, and never read.
            Some(layout) if layout.size() == 0 => Self::passed(T::ALIGN),
            Some(layout) => {
                // SAFETY: the size is not 0.
                let block = unsafe { alloc(layout) };
                if block.is_null() {
                    handle_alloc_error(layout)
                }
                Self(block)
            }
            None => unreachable(),
        }
    }

    pub(crate) fn address(self) -> usize {
        self.0.expose_provenance()
    }

    #[inline(always)]
    fn plus(self, offset: usize) -> Self {
        Self(self.0.wrapping_add(offset))
    }

    #[inline(always)]
    fn read<T: Copy>(self) -> T {
        // SAFETY: the place holds a value of the layout that is read, aligned as the ABI has it;
        // the types that are read are plain numbers.
        unsafe { self.0.cast::<T>().read() }
    }

    #[inline(always)]
    fn write<T: Copy>(self, value: T) {
        // SAFETY: as in `read`, and whatever is written to is ours: an answer being made.
        unsafe { self.0.cast::<T>().write(value) }
    }
}

/// Walks over the fields of a record.
pub(crate) struct Fields {
    at: At,
    end: usize,
}

impl Fields {
    #[inline(always)]
    pub(crate) fn of(at: At) -> Self {
        Self { at, end: 0 }
    }

    #[inline(always)]
    pub(crate) fn lift<T: Lift>(&mut self) -> T {
        T::lift(self.next::<T>())
    }

    #[inline(always)]
    pub(crate) fn lower<T: Lower>(&mut self, value: &T) {
        value.lower(self.next::<T>());
    }

    #[inline(always)]
    fn next<T: Abi>(&mut self) -> At {
        let offset = align_to(self.end, T::ALIGN);
        self.end = offset + T::SIZE;
        self.at.plus(offset)
    }
}

/// The next multiple of an alignment, which is a power of two.
#[inline(always)]
const fn align_to(offset: usize, align: usize) -> usize {
    (offset + align - 1) & !(align - 1)
}

/// The layout of a record with those fields, given as size and alignment of each.
pub(crate) const fn record(fields: &[(usize, usize)]) -> (usize, usize) {
    let (mut end, mut most, mut index) = (0_usize, 1, 0);
    while index < fields.len() {
        let (size, align) = fields[index];
        end = align_to(end, align) + size;
        if align > most {
            most = align;
        }
        index += 1;
    }
    (align_to(end, most), most)
}

/// The layout of a variant with those payloads: a byte that tells the case, then the payload.
pub(crate) const fn variant(payloads: &[(usize, usize)]) -> (usize, usize) {
    let (mut largest, mut most, mut index) = (0, 1, 0);
    while index < payloads.len() {
        let (size, align) = payloads[index];
        if size > largest {
            largest = size;
        }
        if align > most {
            most = align;
        }
        index += 1;
    }
    (align_to(most + largest, most), most)
}

/// Reads which case of a variant it is, and where its payload lies.
#[inline(always)]
pub(crate) fn case<T: Abi>(at: At) -> (u8, At) {
    (at.read(), at.plus(T::ALIGN))
}

/// Writes which case of a variant it is, and returns where its payload goes.
#[inline(always)]
pub(crate) fn tell<T: Abi + ?Sized>(at: At, case: u8) -> At {
    at.write(case);
    at.plus(T::ALIGN)
}

/// Writes an answer, and returns its address.
pub(crate) fn answer<T: Lower>(value: T) -> usize {
    let at = At::fresh::<T>(1);
    value.lower(at);
    // The answer points into the value.
    mem::forget(value);
    at.address()
}

/// Takes over parameters that are more than sixteen numbers, and so are passed as the address of a
/// record; asks; and answers. The parameters are not dropped: the answer may point into them, and
/// forgetting them costs nothing.
pub(crate) fn with<G: Lift, T: Lower>(address: usize, ask: impl FnOnce(&G) -> T) -> usize {
    let given = ManuallyDrop::new(G::lift(At::passed(address)));
    answer(ask(&given))
}

/// Takes over a context that is passed as numbers.
pub(crate) fn context(
    organization: String,
    actor: String,
    by: u32,
    now: u64,
    has_seen: u32,
    seen: u64,
) -> Context {
    Context {
        organization,
        actor,
        by: match by {
            0 => By::Organization,
            1 => By::Platform,
            _ => unreachable(),
        },
        now,
        seen: (has_seen != 0).then_some(seen),
    }
}

/// Takes over a string that was passed as two numbers.
pub(crate) fn string(address: usize, length: usize) -> String {
    // SAFETY: the host allocated it for us with `cabi_realloc`, aligned to 1 and exactly that long,
    // or it is empty and its address is not null; the canonical ABI passes well-formed text only.
    unsafe {
        String::from_utf8_unchecked(Vec::from_raw_parts(
            ptr::with_exposed_provenance_mut(address),
            length,
            length,
        ))
    }
}

/// Writes a list for the time of a call, and returns where its items are.
#[cfg(feature = "policy")]
pub(crate) fn items<T: Lower>(items: &[T]) -> usize {
    lower_items(items).address()
}

/// Calls an import, and takes over what it answers.
#[cfg(feature = "policy")]
pub(crate) fn ask<T: Lift>(import: impl FnOnce(usize)) -> T {
    let at = At::fresh::<T>(1);
    import(at.address());
    T::lift(at)
}

/// Gives the host memory for what it passes.
#[unsafe(export_name = "cabi_realloc")]
extern "C" fn cabi_realloc(old: usize, old_size: usize, align: usize, size: usize) -> usize {
    if size == 0 {
        return align;
    }
    // SAFETY: the canonical ABI passes powers of two as alignments, and what it got from here.
    let block = unsafe {
        if old_size == 0 {
            alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            realloc(
                ptr::with_exposed_provenance_mut(old),
                Layout::from_size_align_unchecked(old_size, align),
                size,
            )
        }
    };
    if block.is_null() {
        unreachable()
    }
    block.expose_provenance()
}

macro_rules! number {
    ($($type:ty)*) => {
        $(
            impl Abi for $type {
                const ALIGN: usize = size_of::<$type>();
                const SIZE: usize = size_of::<$type>();
            }

            impl Lift for $type {
                #[inline(always)]
                fn lift(at: At) -> Self {
                    at.read()
                }
            }

            impl Lower for $type {
                #[inline(always)]
                fn lower(&self, at: At) {
                    at.write(*self);
                }
            }
        )*
    };
}

number!(u8 u32 u64);

impl Abi for bool {
    const ALIGN: usize = 1;
    const SIZE: usize = 1;
}

impl Lift for bool {
    fn lift(at: At) -> Self {
        at.read::<u8>() != 0
    }
}

impl Lower for bool {
    fn lower(&self, at: At) {
        at.write(u8::from(*self));
    }
}

macro_rules! text {
    ($($type:ty)*) => {
        $(
            impl Abi for $type {
                const ALIGN: usize = <[u8]>::ALIGN;
                const SIZE: usize = <[u8]>::SIZE;
            }

            impl Lift for $type {
                fn lift(at: At) -> Self {
                    string(at.read(), at.plus(4).read()).into()
                }
            }

            impl Lower for $type {
                fn lower(&self, at: At) {
                    let text = self.as_str();
                    at.write(text.as_ptr().expose_provenance());
                    at.plus(4).write(text.len());
                }
            }
        )*
    };
}

text!(BackendId Name String);

/// A list is an address and a length, whatever is in it.
impl<T> Abi for [T] {
    const ALIGN: usize = 4;
    const SIZE: usize = 8;
}

impl<T> Abi for Vec<T> {
    const ALIGN: usize = <[T]>::ALIGN;
    const SIZE: usize = <[T]>::SIZE;
}

impl<T: Lift> Lift for Vec<T> {
    fn lift(at: At) -> Self {
        let items = At::passed(at.read());
        let length: usize = at.plus(4).read();
        (0..length)
            .map(|index| T::lift(items.plus(index * T::SIZE)))
            .collect()
    }
}

impl<T: Lower> Lower for [T] {
    fn lower(&self, at: At) {
        at.write(lower_items(self).address());
        at.plus(4).write(self.len());
    }
}

fn lower_items<T: Lower>(items: &[T]) -> At {
    let at = At::fresh::<T>(items.len());
    for (index, item) in items.iter().enumerate() {
        item.lower(at.plus(index * T::SIZE));
    }
    at
}

impl<T: Lower> Lower for Vec<T> {
    fn lower(&self, at: At) {
        self.as_slice().lower(at);
    }
}

impl<T: Abi> Abi for Option<T> {
    const ALIGN: usize = variant(&[(T::SIZE, T::ALIGN)]).1;
    const SIZE: usize = variant(&[(T::SIZE, T::ALIGN)]).0;
}

impl<T: Lift> Lift for Option<T> {
    fn lift(at: At) -> Self {
        let (case, payload) = case::<Self>(at);
        (case != 0).then(|| T::lift(payload))
    }
}

impl<T: Lower> Lower for Option<T> {
    fn lower(&self, at: At) {
        match self {
            None => {
                tell::<Self>(at, 0);
            }
            Some(value) => value.lower(tell::<Self>(at, 1)),
        }
    }
}

impl<T: Abi, E: Abi> Abi for Result<T, E> {
    const ALIGN: usize = variant(&[(T::SIZE, T::ALIGN), (E::SIZE, E::ALIGN)]).1;
    const SIZE: usize = variant(&[(T::SIZE, T::ALIGN), (E::SIZE, E::ALIGN)]).0;
}

impl<T: Lift, E: Lift> Lift for Result<T, E> {
    fn lift(at: At) -> Self {
        let (case, payload) = case::<Self>(at);
        if case == 0 {
            Ok(T::lift(payload))
        } else {
            Err(E::lift(payload))
        }
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    fn lower(&self, at: At) {
        match self {
            Ok(value) => value.lower(tell::<Self>(at, 0)),
            Err(error) => error.lower(tell::<Self>(at, 1)),
        }
    }
}

/// Parameters lie as a record does.
macro_rules! parameters {
    ($($name:ident)+) => {
        impl<$($name: Abi),+> Abi for ($($name,)+) {
            const ALIGN: usize = record(&[$(($name::SIZE, $name::ALIGN)),+]).1;
            const SIZE: usize = record(&[$(($name::SIZE, $name::ALIGN)),+]).0;
        }

        impl<$($name: Lift),+> Lift for ($($name,)+) {
            fn lift(at: At) -> Self {
                let mut fields = Fields::of(at);
                ($(fields.lift::<$name>(),)+)
            }
        }
    };
}

parameters!(A);
parameters!(A B);
parameters!(A B C);

/// A function of the contract, and what ends a call of it: when the host has read the answer,
/// nothing of the call is left.
macro_rules! export {
    ($interface:literal, $name:literal, ($($parameter:ident: $type:ty),* $(,)?) => $body:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!("backstop:policy/", $interface, "@0.1.0#", $name))]
            extern "C" fn called($($parameter: $type),*) -> usize {
                $body
            }

            #[unsafe(export_name = concat!("cabi_post_backstop:policy/", $interface, "@0.1.0#", $name))]
            extern "C" fn answered(_: usize) {
                // SAFETY: the host has read the answer, and the guest keeps nothing between calls.
                unsafe { $crate::memory::forget_all() }
            }
        };
    };
}
pub(crate) use export;
