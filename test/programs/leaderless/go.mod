module example.com/leaderless

go 1.15
