module absent

go 1.17
