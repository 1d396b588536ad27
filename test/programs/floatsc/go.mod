module floatsc

go 1.17
