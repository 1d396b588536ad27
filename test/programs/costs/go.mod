module costs

go 1.17
