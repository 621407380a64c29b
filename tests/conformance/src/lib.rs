//! backstop-conformance
