module trunkline/interop

go 1.24
