package text

import (
	"strings"
)

// Substrings of User-Agent headers, with names. The order matters, because most browsers also name other browsers.
var (
	browserNames = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systemNames = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	}
)

// Browser describes the browser and the system of a User-Agent header, such as "Firefox on Windows". For an unknown
// program it returns the program's own name ("curl"), and for a header without a name "unknown browser".
func (t *Texts) Browser(agent string) string {
	browser, system := firstIn(agent, browserNames), firstIn(agent, systemNames)
	if browser == "" {
		if browser, _, _ = strings.Cut(agent, "/"); browser == agent || strings.ContainsAny(browser, " ;()") || browser == "Mozilla" {
			browser = t.Say("session.unknown")
		}
	}
	if system == "" {
		return browser
	}
	return t.Say("session.browser_on", "browser", browser, "system", system)
}

func firstIn(agent string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(agent, n[0]) {
			return n[1]
		}
	}
	return ""
}
