// Package peerkit is what the Go peers of this folder share: nothing of any
// wire format, only how a peer is driven and how it reports.
//
//   - Console: the line protocol between a test and a peer program.
//   - Ledger: which requests were executed, and whether any was executed twice.
//   - Sequence: whether numbered messages arrived complete and in order.
//   - Tally: how calls ended; the core of every result line.
//   - Latencies: a histogram of bounded size for p50 and p99.
//   - Gate: a switch that makes a peer stop reading, and go on.
//   - Body, Nonce: request bodies that can be checked when they come back.
//
// The peers speak from the project's wire notes and use Go's standard library
// only. They are stand-ins for the original libraries, not the originals.
package peerkit

// Standin is the label every result line carries, so that no figure of these
// programs is taken for one of an original library.
const Standin = "independent Go peer, written from the wire notes; not the original library"
