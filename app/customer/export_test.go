package customer

// CursorAt is the cursor of a list by name behind a row.
func CursorAt(name string, number int64) string {
	return position{phaseRest, name, number}.encode(order{})
}
