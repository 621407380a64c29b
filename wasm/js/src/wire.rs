//! What goes in: values as bytes, one after the other, without names or lengths of their own.
//!
//! A number is a double, little endian; a bool, an option's presence and the number of a case are a
//! byte; a text or a list is its length as four bytes and then its contents. The package writes this
//! by its table of types (`host/js/src/schema.js`), which a test compares with the contract.

/// Reads values from bytes.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

/// What can be read from bytes.
pub(crate) trait Read {
    fn read(from: &mut Reader<'_>) -> Self;
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn read<T: Read>(&mut self) -> T {
        T::read(self)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn length(&mut self) -> usize {
        let bytes = self.take(4).try_into().expect("four bytes");
        u32::from_le_bytes(bytes) as usize
    }

    fn take(&mut self, length: usize) -> &'b [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn text(&mut self) -> &'b str {
        let length = self.length();
        std::str::from_utf8(self.take(length)).expect("the package writes well-formed text")
    }
}

impl Read for bool {
    fn read(from: &mut Reader<'_>) -> Self {
        from.byte() != 0
    }
}

impl Read for f64 {
    fn read(from: &mut Reader<'_>) -> Self {
        Self::from_le_bytes(from.take(8).try_into().expect("eight bytes"))
    }
}

impl Read for u32 {
    fn read(from: &mut Reader<'_>) -> Self {
        from.read::<f64>() as Self
    }
}

impl Read for u64 {
    fn read(from: &mut Reader<'_>) -> Self {
        from.read::<f64>() as Self
    }
}

impl Read for String {
    fn read(from: &mut Reader<'_>) -> Self {
        from.text().into()
    }
}

impl Read for backstop_core::BackendId {
    fn read(from: &mut Reader<'_>) -> Self {
        from.text().into()
    }
}

impl Read for backstop_core::Name {
    fn read(from: &mut Reader<'_>) -> Self {
        from.text().into()
    }
}

impl<T: Read> Read for Option<T> {
    fn read(from: &mut Reader<'_>) -> Self {
        from.read::<bool>().then(|| from.read())
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(from: &mut Reader<'_>) -> Self {
        (0..from.length()).map(|_| from.read()).collect()
    }
}
