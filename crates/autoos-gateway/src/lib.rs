//! The edge of AUTOOS: gRPC and REST on one port.
