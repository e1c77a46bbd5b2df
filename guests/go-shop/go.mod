module go-shop

go 1.25

require github.com/pillion-dev/pillion/guests/sdk-go v0.0.0

replace github.com/pillion-dev/pillion/guests/sdk-go => ../sdk-go
