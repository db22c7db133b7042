//! What happens when Redis fails.
