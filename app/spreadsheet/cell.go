package spreadsheet

import "strings"

// executes says whether a spreadsheet runs a cell of a CSV file as a formula. It looks behind quotation marks of PlainCell.
func executes(s string) bool {
	s = strings.TrimLeft(s, "'")
	return s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0]))
}

// PlainCell puts a quotation mark in front of a value that a spreadsheet would run as a formula. TypedCell takes it away.
func PlainCell(s string) string {
	if executes(s) {
		return "'" + s
	}
	return s
}

// TypedCell is the inverse of PlainCell.
func TypedCell(s string) string {
	if rest, marked := strings.CutPrefix(s, "'"); marked && executes(rest) {
		return rest
	}
	return s
}
