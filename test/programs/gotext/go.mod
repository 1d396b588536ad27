module example.com/gotext

go 1.15
