module example.org/spawnctl

go 1.24
