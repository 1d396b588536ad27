module collapse

go 1.17
