module trunkline/gobbench

go 1.24
