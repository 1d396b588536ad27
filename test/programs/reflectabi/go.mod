module example.com/reflectabi

go 1.26
