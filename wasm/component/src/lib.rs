//! backstop-component
