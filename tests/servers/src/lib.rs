//! backstop-test-servers
