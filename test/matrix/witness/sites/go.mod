module example.com/sites

go 1.25.0

require golang.org/x/arch v0.28.0
