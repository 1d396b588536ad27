module capture

go 1.15
