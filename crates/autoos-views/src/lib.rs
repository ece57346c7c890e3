//! Folds of the AUTOOS journal that people read.
