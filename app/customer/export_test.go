package customer

import "kontor/app/account/accounttest"

// AddFeatures makes those features on a service that customers are deleted with and that stand on this package, so that its
// own tests can't import them: features_test.go, which can, sets it.
var AddFeatures func(*accounttest.Firm, *Service)

// CursorAt is the cursor of a list by name behind a row.
func CursorAt(name string, number int64) string {
	return position{Phase: phaseRest, Name: name, Number: number}.encode(order{by: byName})
}
