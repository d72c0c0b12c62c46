#!/bin/sh
# Packing and unpacking in go-iproto and in trunkline-pack, in one run on one machine.
#
# Out: a table of nanoseconds; exit code 1 if an operation is not at least 10 times as fast here.
# Needs go, cargo and the module go-iproto at the revision below.
set -eu
cd "$(dirname "$0")"
revision=ec76a67c59a3513b17db02c188b2d020a633da56

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp go.mod main.go "$work"
(cd "$work" && go get "github.com/Educentr/go-iproto@$revision" && go run .) > "$work/go.txt"

cd ../..
cargo bench -q -p trunkline-pack --bench message -- message/ > "$work/rust.txt"

printf '%-8s %10s %10s %8s\n' operation 'go ns' 'rust ns' ratio
slow=0
while read -r name go _; do
    estimates="target/criterion/message/$name/new/estimates.json"
    rust=$(sed 's/.*"median":{[^}]*}[^}]*"point_estimate":\([0-9.]*\).*/\1/' "$estimates")
    awk -v n="$name" -v g="$go" -v r="$rust" \
        'BEGIN { printf "%-8s %10.1f %10.1f %7.1fx\n", n, g, r, g / r; exit g / r < 10 }' || slow=1
done < "$work/go.txt"
exit "$slow"
