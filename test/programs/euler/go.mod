module example.com/euler

go 1.15
