package customer

import (
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/store"
)

// AddFeatures makes those features on a service that customers are deleted with and that stand on this package, so that its
// own tests can't import them: features_test.go, which can, sets it.
var AddFeatures func(*store.DB, store.Clock, *Service, *account.Service, *courier.Service, *approval.Service)

// CursorAt is the cursor of a list by name behind a row.
func CursorAt(name string, number int64) string {
	return position{phaseRest, name, number}.encode(order{})
}
