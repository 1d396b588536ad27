module callbacks

go 1.17
