module github.com/pillion-dev/pillion/guests/sdk-go

go 1.25
