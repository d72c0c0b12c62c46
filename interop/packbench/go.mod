module trunkline/interop/packbench

go 1.24
