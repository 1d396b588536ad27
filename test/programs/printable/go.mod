module example.com/printable

go 1.15
