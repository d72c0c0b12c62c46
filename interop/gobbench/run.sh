#!/bin/sh
# Go's gob and ours on the same small requests, in turn, ROUNDS times; the best of each is printed, since a
# busy machine only ever adds time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
(cd "$here" && go test -c -o "$out.test" .)
trap 'rm -f "$out" "$out.test"' EXIT
(cd "$root" && cargo bench -q -p trunkline-gob --bench small_request --no-run)
for _ in $(seq "${ROUNDS:-5}"); do
    "$out.test" -test.run '^$' -test.bench . -test.benchtime 200ms |
        awk '/^Benchmark/ { sub(/-[0-9]+$/, "", $1); print "go   " $1 "\t" $3 }' >>"$out"
    (cd "$root" && cargo bench -q -p trunkline-gob --bench small_request -- \
        --warm-up-time 0.1 --measurement-time 0.2 --sample-size 10 --noplot 2>/dev/null) |
        awk '/time:/ { n = $0; sub(/ *time:.*/, "", n); t = $0; sub(/.*\[/, "", t); split(t, v, " ")
            m = v[2] == "ns" ? 1 : 1000; if (n ~ /Analyzing/) n = ""; if (n == "") n = last
            print "rust " n "\t" v[1] * m } { last = $0; sub(/^Benchmarking /, "", last); sub(/:.*/, "", last) }' >>"$out"
done
awk -F '\t' '!($1 in best) || $2 < best[$1] { best[$1] = $2 } END { for (n in best) printf "%-32s %8.0f ns\n", n, best[n] }' "$out" | sort
