#!/bin/sh
# Go's gob and ours on the same small requests, one after the other in one run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
echo "== Go: encoding/gob"
(cd "$here" && go test -run '^$' -bench . -benchtime "${BENCHTIME:-1s}" | grep '^Benchmark')
echo "== Rust: trunkline-gob"
(cd "$here/../.." && cargo bench -q -p trunkline-gob --bench small_request -- \
    --warm-up-time 0.5 --measurement-time 1 --noplot 2>&1 | grep 'time:' -B1 | grep -v '^--')
