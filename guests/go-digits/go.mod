module github.com/pillion-dev/pillion/guests/go-digits

go 1.24
