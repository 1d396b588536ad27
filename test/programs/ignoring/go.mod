module ignoring

go 1.15
