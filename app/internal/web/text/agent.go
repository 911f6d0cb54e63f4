package text

import (
	"strings"
)

// What browsers call themselves, in the order in which it tells: most name others as well.
var (
	browserNames = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systemNames = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	}
)

// Browser names the browser and the system of a User-Agent as people do, "Firefox on Windows". A program that calls itself
// nothing we know is called by its own name, "curl"; what says nothing about itself is an unknown browser.
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
